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

#define REPLACED                                                               \
	"This was encrypted for a key of ours that has been replaced since, "  \
	"so we did not keep it. This page has our new key: please enter it "   \
	"here once more, or encrypt it again"

/* The ids of the keys that are offered, and behind them of those that were. */
struct ids {
	uint64_t *all;
	size_t count; /* of the first kind */
	size_t known; /* of both */
};

static size_t
add_ids(uint64_t *to, size_t count, const char *hex)
{
	char *end;

	for (; *hex != '\0'; hex = end + strspn(end, " "))
		to[count++] = strtoull(hex, &end, 16);
	return count;
}

static bool
read_ids(struct request *r, const struct query *query, struct ids *ids)
{
	const struct rows *keys = db_rows(r, query, NULL);
	const char *former;
	size_t bytes;

	if (keys == NULL)
		return false;
	if (rows_count(keys) == 0)
		return true;
	former = rows_named(keys, 0, "former_ids");
	bytes = strlen(former);
	for (int i = 0; i < rows_count(keys); i++)
		bytes += strlen(rows_named(keys, i, "key_ids"));
	ids->all = arena_alloc(r->arena, (bytes + 1) * sizeof(*ids->all));
	for (int i = 0; i < rows_count(keys); i++)
		ids->count = add_ids(
		    ids->all, ids->count, rows_named(keys, i, "key_ids"));
	ids->known = add_ids(ids->all, ids->count, former);
	return true;
}

/*
 * Is it encrypted for our keys and nobody else?  A key that was replaced may
 * be in wrong hands: what it opens is not taken (*replaced).
 */
static enum openpgp
look(struct request *r, const struct ids *ids, const char *data, size_t length,
    const unsigned char **packets, size_t *size, bool *replaced)
{
	enum openpgp verdict = openpgp_check(
	    r->arena, data, length, ids->all, ids->count, packets, size);
	const unsigned char *old;
	size_t old_size;

	*replaced = verdict == OPENPGP_STRANGER &&
	            openpgp_check(r->arena, data, length, ids->all, ids->known,
			&old, &old_size) == OPENPGP_SEALED;
	return verdict;
}

/* What is wrong with one that is not. */
static const char *
words_of(enum openpgp verdict, bool replaced)
{
	return replaced ? REPLACED : openpgp_words(verdict);
}

static void
take_text(struct request *r, const struct ids *ids, struct confidential *sealed)
{
	const char *text = form_text(r, CONFIDENTIAL_TEXT);
	const unsigned char *packets;
	enum openpgp verdict;
	bool replaced;
	size_t size;

	if (text[strspn(text, " \t\r\n")] == '\0')
		return;
	verdict = look(r, ids, text, strlen(text), &packets, &size, &replaced);
	form_set(r, CONFIDENTIAL_TEXT, "");
	if (verdict != OPENPGP_SEALED) {
		form_complain(
		    r, CONFIDENTIAL_TEXT, words_of(verdict, replaced));
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
	size_t size;
	bool replaced;
	enum openpgp verdict =
	    look(r, ids, f->data, f->size, &packets, &size, &replaced);

	if (verdict != OPENPGP_SEALED) {
		form_complain(r, FILE_SEALED,
		    verdict == OPENPGP_NOTHING
			? "A file here was not encrypted, so we threw it away "
			  "unread and kept no copy. Encrypt it on your computer "
			  "first, and choose the file that ends in .asc or .gpg"
			: words_of(verdict, replaced));
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
		form_set(r, CONFIDENTIAL_TEXT, "");
		form_complain(r, CONFIDENTIAL_TEXT,
		    "Our key was withdrawn meanwhile, so we did not keep the "
		    "confidential part. Leave it out, or send it when we have a "
		    "new key; all else is still here");
		return true;
	}
	take_text(r, &ids, sealed);
	take_files(r, &ids);
	return true;
}

/* Is one of its fields refused? */
static bool
is_refused(const struct request *r)
{
	const char *name, *value, *complaint;

	for (size_t i = 0; form_field(r, i, &name, &value, &complaint); i++)
		if (complaint != NULL &&
		    (strcmp(name, CONFIDENTIAL_TEXT) == 0 ||
			strcmp(name, FILE_SEALED) == 0))
			return true;
	return false;
}

/* Does its text come back?  Files do not: those are kept by now. */
static bool
is_filled_in(const struct request *r)
{
	return r->form != NULL && form_or_null(r, CONFIDENTIAL_TEXT) != NULL;
}

static void
show_kept(struct request *r, struct page *page, bool refused)
{
	if (r->form == NULL)
		return;
	page_show(page, refused ? "SEALED_LOST" : "TYPED_ALL");
	page_show(
	    page, refused || file_lost(r) ? "SOMETHING_LOST" : "NOTHING_LOST");
}

void
confidential_show(struct request *r, struct page *page, const struct rows *keys)
{
	bool refused = is_refused(r);
	struct page *part;

	show_kept(r, page, refused);
	if (rows_count(keys) == 0) {
		if (refused)
			page_show(page, "CONFIDENTIAL_GONE");
		return;
	}
	part = page_section(page, "CONFIDENTIAL_PART");
	page_rows(part, "SEAL_KEY", keys);
	if (refused || is_filled_in(r))
		page_show(part, "SEAL_OPEN");
}
