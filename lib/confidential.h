#ifndef CONFIDENTIAL_H
#define CONFIDENTIAL_H

#include <stdbool.h>
#include <stddef.h>

/*
 * The confidential part of a form: a text and files that were encrypted for
 * the desk's published keys before they were sent.  What is not, is thrown
 * away where it came in: it is not stored, not logged, and does not come
 * back with the form.  openpgp.h says what is taken.
 */
struct page;
struct query;
struct request;
struct rows;

/* The fields of a form that has one, for its table. */
#define CONFIDENTIAL_TEXT "sealed"
#define CONFIDENTIAL_FIELDS                                                    \
	{ CONFIDENTIAL_TEXT, FORM_TEXT, 0, NULL },                             \
	{                                                                      \
		FILE_SEALED, FORM_FILE, 0, NULL                                \
	}

/* Packets of a text that was taken; size 0 where there is none. */
struct confidential {
	const unsigned char *packets;
	size_t size; /* bytes */
};

/*
 * Look at both fields of the form that was read, first of all that is done
 * with it.  What is refused is forgotten and complained about beside its
 * field.  Of what is taken the packets are kept and nothing that stood around
 * them: the text becomes armour of ours, so that it can go from step to step;
 * files become binary, are marked as sealed and join those of FILE_FIELD.
 *
 * `keys` gives a row for each key that is offered with its "fingerprint",
 * "key_ids", blanks between, and "former_ids" of those that were: what is
 * encrypted for one of them is refused in words that say so.  False when the
 * database failed (r->status).
 */
bool confidential_take(
    struct request *, const struct query *keys, struct confidential *);

/*
 * Fill the page's part {{>CONFIDENTIAL}} from the same rows; while there are
 * none it is empty, but for what became of what was sent.  And of the form
 * that was sent the words {{>STILL_HERE}}, with what file_show() knows: what
 * is kept of it, and what must come again.
 */
void confidential_show(
    struct request *, struct page *, const struct rows *keys);

#endif
