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
	FORM_FILE, /* files, any number of one name; see form_file() */
};

struct field {
	const char *name;
	enum form_kind kind;
	size_t max;           /* characters, 0 for any; beyond, complain */
	const char *too_long; /* the complaint, in words for people */
};

/*
 * Read the body of a POST (application/x-www-form-urlencoded, and on routes
 * that take files multipart/form-data) by the table, which ends with {NULL}.
 * False: r->status is 400.  Another type of body was refused with 415 before
 * any handler ran (web.h).  The form read last is the one that the functions
 * below speak of; to ask for a name that its table does not have is
 * log_fatal.
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

/* Was the button pressed that is called "do" and has this value? */
bool form_pressed(const struct request *, const char *button);

/*
 * A file of a FORM_FILE field.  A field of this kind has no text: what stands
 * under its name in a urlencoded form (the name of a file, in an old browser)
 * is left out.
 */
struct file {
	const char *name;   /* UTF-8, no path, no control; see filename.h */
	const char *type;   /* by its content (libmagic), not as it was said */
	const char *data;   /* points into r->body, nothing is copied */
	const char *sha256; /* 64 hex digits */
	size_t size;        /* bytes */
	bool kept;          /* waits for the end of its form; see file.h */
	const char *why;    /* it cannot be kept: a word of file.h, or NULL */
	bool sealed;        /* encrypted for the desk; see confidential.h */
};

/* A part of a multipart body, as file.h hands it to form_read(). */
struct sent {
	const char *name;  /* NULL ends the list */
	const char *text;  /* of a field */
	size_t size;       /* bytes of it */
	struct file *file; /* or a file */
};

/* The n-th file of a field, counted from 0; NULL after the last. */
struct file *form_file(const struct request *, const char *name, size_t n);

/* Put another text in the place of what was typed; "" forgets it. */
void form_set(struct request *, const char *name, const char *text);

/* Hand the files of one field over to another one. */
void form_move_files(struct request *, const char *from, const char *to);

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

/* Characters of UTF-8, not bytes: what a person counts. */
size_t form_characters(const char *);

#endif
