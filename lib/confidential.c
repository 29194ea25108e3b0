#include "confidential.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "arena.h"
#include "db.h"
#include "file.h"
#include "filename.h"
#include "form.h"
#include "openpgp.h"
#include "page.h"
#include "token.h"
#include "web.h"

#define TEXT_MAX 262144 /* bytes of packets; more is for a file */
#define TYPE "application/pgp-encrypted"

/* The ids of all published keys. */
struct ids {
	uint64_t *all;
	size_t count;
};

static void
add_ids(struct ids *ids, const char *hex)
{
	char *end;

	for (; *hex != '\0'; hex = end + strspn(end, " "))
		ids->all[ids->count++] = strtoull(hex, &end, 16);
}

static bool
read_ids(struct request *r, const struct query *query, struct ids *ids)
{
	const struct rows *keys = db_rows(r, query, NULL);
	size_t bytes = 0;

	if (keys == NULL)
		return false;
	for (int i = 0; i < rows_count(keys); i++)
		bytes += strlen(rows_named(keys, i, "key_ids"));
	ids->all = arena_alloc(r->arena, (bytes + 1) * sizeof(*ids->all));
	for (int i = 0; i < rows_count(keys); i++)
		add_ids(ids, rows_named(keys, i, "key_ids"));
	return true;
}

static void
take_text(struct request *r, const struct ids *ids, struct confidential *sealed)
{
	const char *text = form_text(r, CONFIDENTIAL_TEXT);
	const unsigned char *packets;
	enum openpgp verdict;
	size_t size;

	if (text[strspn(text, " \t\r\n")] == '\0')
		return;
	verdict = openpgp_check(r->arena, text, strlen(text), ids->all,
	    ids->count, &packets, &size);
	form_set(r, CONFIDENTIAL_TEXT, "");
	if (verdict != OPENPGP_SEALED) {
		form_complain(r, CONFIDENTIAL_TEXT, openpgp_words(verdict));
		return;
	}
	if (size > TEXT_MAX) {
		form_complain(r, CONFIDENTIAL_TEXT,
		    "This is too long for a text: encrypt it as a file and "
		    "choose that below");
		return;
	}
	form_set(r, CONFIDENTIAL_TEXT,
	    openpgp_armor(r->arena, "MESSAGE", packets, size));
	sealed->packets = packets;
	sealed->size = size;
}

/* One letter for each character; all but plain ones become '-'. */
static char *
plain_letters(struct arena *a, const char *name, size_t size)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz"
				      "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._";
	char *plain = arena_alloc(a, size + 1), *to = plain;

	for (size_t i = 0; i < size; i++) {
		if ((name[i] & 0xc0) == 0x80)
			continue; /* not the first byte of its character */
		*to = name[i];
		if (strchr(letters, name[i]) == NULL)
			*to = to == plain ? '_' : '-';
		to++;
	}
	return plain;
}

/*
 * What a file is called from now on.  Armour is gone from it, and so is what
 * a shell would understand: staff copy this name into a command.
 */
static const char *
plain_name(struct request *r, const char *name)
{
	size_t n = strlen(name);

	if (n > 4 && (strcmp(name + n - 4, ".asc") == 0 ||
			 strcmp(name + n - 4, ".gpg") == 0 ||
			 strcmp(name + n - 4, ".pgp") == 0))
		n -= 4;
	return arena_printf(r->arena, "%.*s.gpg", FILENAME_MAX_CHARACTERS - 4,
	    plain_letters(r->arena, name, n));
}

static bool
take_file(struct request *r, const struct ids *ids, struct file *f)
{
	const unsigned char *packets;
	enum openpgp verdict;
	size_t size;

	verdict = openpgp_check(
	    r->arena, f->data, f->size, ids->all, ids->count, &packets, &size);
	if (verdict != OPENPGP_SEALED) {
		form_complain(r, FILE_SEALED,
		    verdict == OPENPGP_NOTHING
			? "A file here was not encrypted, so we threw it away "
			  "unread and kept no copy. Encrypt it on your computer "
			  "first, and choose the file that ends in .asc or .gpg"
			: openpgp_words(verdict));
		return false;
	}
	f->name = plain_name(r, f->name);
	f->type = TYPE;
	f->data = (const char *)packets;
	f->size = size;
	f->sha256 = token_sha256(r->arena, packets, size);
	f->sealed = true;
	return true;
}

/* One that is refused takes the others with it: all are chosen anew. */
static void
take_files(struct request *r, const struct ids *ids)
{
	struct file *f;
	bool good = true;

	for (size_t n = 0; (f = form_file(r, FILE_SEALED, n)) != NULL; n++)
		if (!take_file(r, ids, f))
			good = false;
	if (good)
		form_move_files(r, FILE_SEALED, FILE_FIELD);
}

bool
confidential_take(
    struct request *r, const struct query *keys, struct confidential *sealed)
{
	struct ids ids = { .count = 0 };

	*sealed = (struct confidential){ .size = 0 };
	if (form_or_null(r, CONFIDENTIAL_TEXT) == NULL &&
	    form_file(r, FILE_SEALED, 0) == NULL)
		return true;
	if (!read_ids(r, keys, &ids))
		return false;
	if (ids.count == 0) {
		/* the page that this leads to has no such part */
		form_set(r, CONFIDENTIAL_TEXT, "");
		form_complain(r, "body",
		    "Our key was withdrawn meanwhile, so we did not keep the "
		    "confidential part. Leave it out, or send it when we have a "
		    "new key; all else is still here");
		return true;
	}
	take_text(r, &ids, sealed);
	take_files(r, &ids);
	return true;
}

/* Is there something in it to see: a text, or what is wrong? */
static bool
is_used(const struct request *r)
{
	const char *name, *value, *complaint;

	for (size_t i = 0; form_field(r, i, &name, &value, &complaint); i++)
		if ((strcmp(name, CONFIDENTIAL_TEXT) == 0 ||
			strcmp(name, FILE_SEALED) == 0) &&
		    (*value != '\0' || complaint != NULL))
			return true;
	return false;
}

void
confidential_show(struct request *r, struct page *page, const struct rows *keys)
{
	struct page *part;

	if (rows_count(keys) == 0)
		return;
	part = page_section(page, "CONFIDENTIAL_PART");
	page_rows(part, "SEAL_KEY", keys);
	if (is_used(r))
		page_show(part, "SEAL_OPEN");
}
