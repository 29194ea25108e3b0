/*
 * Multipart bodies, fed with anything.  The first line is the Content-Type,
 * the rest the body.  Whatever is accepted must lie inside the body, in
 * order, and bear names that pages, headers and the database can hold.
 */
#include <string.h>

#include "arena.h"
#include "filename.h"
#include "form.h"
#include "fuzz.h"
#include "multipart.h"

static void
check_name(struct arena *a, const char *sent)
{
	const char *name = filename_clean(a, sent), *p;
	size_t n = 0;

	insist(*name != '\0' && form_utf8(name, strlen(name)));
	insist(strpbrk(name, "/\\\r\n\t\x7f") == NULL);
	insist(strcmp(name, ".") != 0 && strcmp(name, "..") != 0);
	for (p = name; *p != '\0'; p++)
		n += ((unsigned char)*p & 0xc0) != 0x80;
	insist(n <= FILENAME_MAX_CHARACTERS);
	insist(strcmp(filename_clean(a, name), name) == 0);
	for (p = filename_disposition(a, name, n % 2 == 0); *p != '\0'; p++)
		insist(*p >= ' ' && *p < 0x7f);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *line = memchr(data, '\n', size), *end = (const char *)data;
	const struct part *part;
	struct arena *a;
	char *type;
	size_t n;

	if (line == NULL)
		return 0;
	multipart_start();
	a = arena_new(4096);
	n = (size_t)(line - end);
	type = arena_alloc(a, n + 1);
	memcpy(type, data, n);
	part = multipart_parts(a, type, line + 1, size - n - 1);
	for (; part != NULL && part->name != NULL; part++) {
		insist(part->data >= end);
		end = part->data + part->size;
		insist(end <= (const char *)data + size);
		insist(form_utf8(part->name, strlen(part->name)));
		if (part->filename != NULL)
			check_name(a, part->filename);
	}
	arena_free(a);
	return 0;
}
