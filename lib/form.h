#ifndef FORM_H
#define FORM_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Declared forms.  A program lists the fields of a form in a static table;
 * what is not in the table is refused with 400, and so is a field sent
 * twice, a broken %XX, invalid UTF-8 and a NUL byte: no browser sends these.
 * What a person can mend (too long, missing) is a complaint beside the
 * field, kept here and shown by page_form(); nothing typed is lost.
 *
 * Values keep every byte that was typed, but for the line ends, which HTML
 * sends as CR LF (WHATWG URL, form encoding) and which become LF again.
 * The parser takes linear time; it is a fuzz target (tests/fuzz/form.c).
 */
struct request;

enum form_kind {
	FORM_LINE, /* no line end inside; surrounding blanks stay */
	FORM_TEXT, /* several lines */
};

struct field {
	const char *name;
	enum form_kind kind;
	size_t max;           /* characters, 0 for any; beyond, complain */
	const char *too_long; /* the complaint, in words for people */
};

/*
 * Read the body of a POST (application/x-www-form-urlencoded) by the table,
 * which ends with {NULL}.  False: r->status is 400.  Another type of body
 * was refused with 415 before any handler ran (web.h).  The form read last
 * is the one that the functions below speak of; to ask for a name that its
 * table does not have is log_fatal.
 */
bool form_read(struct request *, const struct field *);

/* The same for the query; unknown names are ignored there. */
bool form_query(struct request *, const struct field *);

/* A value, "" when it was not sent; never NULL.  Request's memory. */
const char *form_text(const struct request *, const char *name);

/* The same, NULL when empty: what SQL wants. */
const char *form_or_null(const struct request *, const char *name);

/* Was it sent at all (a pressed button, a ticked box)? */
bool form_sent(const struct request *, const char *name);

/* Complain about a field.  The first complaint about it stays. */
void form_complain(struct request *, const char *name, const char *words);

/* True while nobody has complained. */
bool form_complete(const struct request *);

/*
 * Walk the declared fields, for page_form(): true while there is an n-th
 * one.  *complaint is NULL where there is none.
 */
bool form_field(const struct request *, size_t n, const char **name,
    const char **value, const char **complaint);

/*
 * Decode %XX and '+' of `size` bytes into `to` (size + 1 bytes).  Returns
 * the length, or -1 for a broken escape or a NUL byte.  With `plus` false
 * '+' stays, as in a path.
 */
long form_decode(char *to, const char *from, size_t size, bool plus);

/* Is this UTF-8 (RFC 3629: no surrogates, no overlong forms)? */
bool form_utf8(const char *, size_t size);

#endif
