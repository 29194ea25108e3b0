#ifndef STAFF_H
#define STAFF_H

#include <stdbool.h>

#include "auth.h"

/*
 * What the pages of staff have in common: their frame, the token of their
 * forms, and the way to sign in or to show once more who one is.
 *
 * None of it judges who somebody is: functions of the database do, which
 * take the session's token.  They answer PT401, here a status of 401, to who
 * is not signed in, and PT403 to who has not shown it lately enough for what
 * is sensitive (desk.session_fresh).
 */
struct page;
struct request;

/*
 * A page with the navigation of staff, whose forms carry a token for this
 * purpose as CSRF.
 */
struct page *staff_page(struct request *, const char *template,
    const char *title, const char *purpose);

/*
 * Is the form that was read ours, made for this purpose and session?  Then
 * `key`, unless it is NULL, is filled with what names this form.  An early
 * one is: a person who is signed in may be fast.
 */
bool staff_form(
    struct request *, const char *purpose, unsigned char key[AUTH_KEY]);

/*
 * The database refused (r->status).  Who is not signed in is sent to do so;
 * who has to show it once more is sent there if `to` is one of the pages
 * that login.c goes on to afterwards, and not NULL.  Returns what to answer.
 */
int staff_turn_away(struct request *, const char *to);

/*
 * The same on a page of this ticket, to which a sign-in leads back.  Where no
 * proof is ever asked for, `to` is NULL.
 */
int staff_turn_away_from(struct request *, const char *ticket, const char *to);

#endif
