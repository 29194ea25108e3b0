#ifndef AUTH_H
#define AUTH_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Form tokens and the two identities a cookie can carry.
 *
 * A form token is time, key and MAC (see token.h).  It proves that we made
 * the form, for this purpose, not long ago; `key` is random, goes along
 * with every resend of the form, and so names one submission: the database
 * files a key once, and the secret link is derived from it, so that a
 * double click gets the same receipt.  The purpose holds whatever the form
 * belongs to: auth_purpose() binds it to a session for staff.
 */
struct request;

#define AUTH_KEY 16                    /* bytes */
#define AUTH_FORM_SECONDS (24 * 3600L) /* a form may lie open for a day */

enum auth_verdict {
	AUTH_GOOD,
	AUTH_EARLY,   /* faster than a person: less than two seconds */
	AUTH_EXPIRED, /* ours, but older than a day */
	AUTH_FORGED,  /* missing, mangled, or not ours */
};

/* A fresh token for a form. */
const char *auth_token(struct request *, const char *purpose);

/* Check one.  On AUTH_GOOD and AUTH_EARLY fills `key`. */
enum auth_verdict auth_check(struct request *, const char *purpose,
    const char *token, unsigned char key[AUTH_KEY]);

/* The same for what lives shorter: AUTH_EXPIRED after so many seconds. */
enum auth_verdict auth_check_within(struct request *, const char *purpose,
    const char *token, long seconds, unsigned char key[AUTH_KEY]);

/* "purpose session-hash", for forms of somebody who is signed in. */
const char *auth_purpose(struct request *, const char *purpose);

/* The key as the database knows it: hex, for a bytea of SHA-256. */
const char *auth_key_hash(struct request *, const unsigned char key[AUTH_KEY]);

/* The secret link's token (22 characters, 128 bits) derived from a key. */
const char *auth_link(struct request *, const unsigned char key[AUTH_KEY]);

/* What the session cookie holds, NULL without one; the database judges. */
const char *auth_session(struct request *);

/* What the cookie of a half-done sign-in holds, NULL without one. */
const char *auth_half(struct request *);

/* What the link cookie of /my/<number> holds, NULL without one. */
const char *auth_link_cookie(struct request *);

/* 64 hex digits that stand for the visitor's network address, keyed. */
const char *auth_visitor(struct request *);

#endif
