#ifndef PAGE_H
#define PAGE_H

#ifdef __cplusplus
extern "C" {
#endif

#include <stddef.h>

/*
 * Pages made from templates/ by ctemplate.  A column called "subject" fills
 * {{SUBJECT}}; an SQL boolean called "is_open" shows or hides the section
 * {{#IS_OPEN}}.  Every template starts with the AUTOESCAPE pragma, so C
 * never escapes and holds no HTML.
 *
 * Every page can use, without being filled: NAME and DESK (both the desk's
 * name; a row with a column "name" hides the one, not the other), URL,
 * STYLE, SCRIPT, FILES_SCRIPT, PASSKEY_SCRIPT, FAVICON (paths with a content
 * hash), THEME with the sections THEME_LIGHT and THEME_DARK, REQUEST_ID,
 * SERVER_TIME (UTC, RFC 3339).  {{>HEAD}} and {{>FOOT}} are templates/head.html
 * and foot.html; they read TITLE, and the sections AT_REPORT, AT_TICKETS,
 * AT_QUEUE mark where in the main navigation we are; STAFF_NAV shows the
 * staff's links. Any other {{>SOME_BADGE}} is part-some-badge.html, pasted in
 * before the page is parsed: a part sees the variables of the row around it.
 *
 * A value or a section that a row does not have is looked for in what
 * surrounds the row.  So a false boolean in a row cannot hide a section that
 * the page shows under the same name.
 *
 * A page belongs to the request.  A program's templates, which bear its name,
 * are parsed at start by page_start(): a broken one ends it there (F28).
 */
struct conf;
struct page;
struct request;
struct rows;

/*
 * Parse and keep the templates in conf->templates that belong to a program,
 * <program>.html and <program>-*, and error.html; all there are for NULL.
 * log_fatal if one is broken.
 */
void page_start(const struct conf *, const char *program);

/* Start the page that `name` in templates/ describes. */
struct page *page_new(struct request *, const char *name);

/* Fill one variable. */
void page_set(struct page *, const char *name, const char *text);

/* Show a section once. */
void page_show(struct page *, const char *section);

/* Fill the page's variables and sections from one row. */
void page_row(struct page *, const struct rows *, int row);

/* Repeat a section of the template, once for each row. */
void page_rows(struct page *, const char *section, const struct rows *);

/* Add one round of a section and return it, to be filled like a page. */
struct page *page_section(struct page *, const char *section);

/*
 * Fill a form again.  For each declared field "subject": {{F_SUBJECT}} is
 * what was typed; where there is a complaint, the section {{#E_SUBJECT}}
 * shows with {{COMPLAINT}}, and the section {{#PROBLEM}} repeats with
 * {{FIELD}} and {{COMPLAINT}} inside {{#PROBLEMS}}, the summary on top.
 * For each field whose value is "x": section F_SUBJECT_IS_x in capitals, so
 * that radio buttons and options can be marked; what is no letter or digit
 * of x becomes '_', and x has at most 40 bytes.
 */
void page_form(struct page *, const struct request *);

/*
 * Carry a form on to its next step: a round of {{>TYPED}} for each field that
 * has a value, but for its buttons, which `buttons` names, NULL at the end.
 */
void page_typed(
    struct page *, const struct request *, const char *const *buttons);

/* The page as text in the request's memory; *size in bytes. */
const char *page_text(struct page *, size_t *size);

/* Send it as text/html.  Returns `status`. */
int page_send(struct request *, int status, struct page *);

/*
 * Send the plain page for a status of 400 and above: what happened, what to
 * do now.  Every status but 404 shows the request id; a 404 does not, since
 * that of a private ticket must be that of an absent one to the byte.
 */
int page_error(struct request *, int status);

#ifdef __cplusplus
}
#endif
#endif
