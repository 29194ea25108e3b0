#include <ctype.h>
#include <magic.h>
#include <stdbool.h>
#include <string.h>

#include "arena.h"
#include "filetype.h"
#include "log.h"

#define UNKNOWN "application/octet-stream"

/* The beginning tells; the rest of a large file is nobody's business. */
#define LOOK_AT ((size_t)64 * 1024)

/*
 * Only what looks at the first bytes: what would unpack, or follow offsets
 * inside of archives and programs, has had its share of holes, and we want
 * no more of a type than images told from the rest.
 */
#define FLAGS                                                                  \
	(MAGIC_MIME_TYPE | MAGIC_NO_CHECK_COMPRESS | MAGIC_NO_CHECK_TAR |      \
	    MAGIC_NO_CHECK_APPTYPE | MAGIC_NO_CHECK_ELF | MAGIC_NO_CHECK_CDF | \
	    MAGIC_NO_CHECK_CSV | MAGIC_NO_CHECK_TOKENS | MAGIC_NO_CHECK_JSON)

/* Made at start and then only read; like a table, but the library's. */
static magic_t *
database(void)
{
	static magic_t cookie;

	return &cookie;
}

void
filetype_start(void)
{
	magic_t *cookie = database();

	if (*cookie != NULL)
		return;
	if ((*cookie = magic_open(FLAGS)) == NULL)
		log_fatal("out of memory: no database of file types");
	if (magic_load(*cookie, NULL) != 0)
		log_fatal("cannot load the database of file types: %s",
		    magic_error(*cookie));
}

/* type/subtype of RFC 6838 in lower case, as the database wants it. */
static bool
is_type(const char *s)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz"
				      "0123456789.+-";
	size_t type = strspn(s, letters), sub;

	if (type == 0 || s[type] != '/')
		return false;
	sub = strspn(s + type + 1, letters);
	return sub > 0 && s[type + 1 + sub] == '\0' && type + 1 + sub <= 100 &&
	       isalnum((unsigned char)s[0]) &&
	       isalnum((unsigned char)s[type + 1]);
}

const char *
filetype_of(struct arena *a, const void *data, size_t size)
{
	const char *said;
	char *type, *p;

	if (size == 0)
		return UNKNOWN;
	said = magic_buffer(*database(), data, size < LOOK_AT ? size : LOOK_AT);
	if (said == NULL)
		return UNKNOWN;
	type = arena_copy(a, said);
	for (p = type; *p != '\0'; p++)
		*p = (char)tolower((unsigned char)*p);
	return is_type(type) ? type : UNKNOWN;
}
