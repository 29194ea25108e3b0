/*
 * Form decoding, fed with anything.  Whatever is accepted must be what the
 * rest of the desk relies on: UTF-8 without NUL, lines without line ends,
 * and the same values when they are encoded and read once more.
 */
#include <string.h>

#include "arena.h"
#include "form.h"
#include "fuzz.h"
#include "web.h"

static const struct field fields[] = {
	{ "subject", FORM_LINE, 120, "too long" },
	{ "body", FORM_TEXT, 1000, "too long" },
	{ "do", FORM_LINE, 10, "too long" },
	{ "a", FORM_TEXT, 0, NULL },
	{ NULL, FORM_LINE, 0, NULL },
};

/* Every byte of every value as %XX, as a browser would send it. */
static char *
encode(struct request *r)
{
	const char *name, *value, *complaint;
	char *text = arena_printf(r->arena, "%s", "");
	size_t i;

	for (i = 0; form_field(r, i, &name, &value, &complaint); i++) {
		char *coded, *to;

		if (!form_sent(r, name))
			continue;
		to = coded = arena_alloc(r->arena, 3 * strlen(value) + 1);
		for (; *value != '\0'; value++) {
			static const char digits[] = "0123456789abcdef";

			*to++ = '%';
			*to++ = digits[(unsigned char)*value >> 4];
			*to++ = digits[(unsigned char)*value & 15];
		}
		text = arena_printf(r->arena, "%s%s=%s&", text, name, coded);
	}
	return text;
}

static void
check_values(struct request *r)
{
	const char *name, *value, *complaint, *again, *unused;
	struct request other = *r;
	size_t i;

	other.body = encode(r);
	other.body_size = strlen(other.body);
	insist(form_read(&other, fields));
	for (i = 0; form_field(r, i, &name, &value, &complaint); i++) {
		insist(form_utf8(value, strlen(value)));
		if (fields[i].kind == FORM_LINE)
			insist(strpbrk(value, "\r\n") == NULL);
		insist(strstr(value, "\r\n") == NULL ||
		       fields[i].kind == FORM_TEXT);
		insist(form_field(&other, i, &name, &again, &unused));
		/* "\r\r\n" was typed as a return and sent as two line ends. */
		if (strstr(value, "\r\n") == NULL)
			insist(strcmp(value, again) == 0);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct request r = { .arena = arena_new(4096) };
	char *text = arena_alloc(r.arena, size + 1);

	memcpy(text, data, size);
	r.body = text;
	r.body_size = size;
	r.query = text;
	if (form_read(&r, fields))
		check_values(&r);
	else
		insist(r.status == 400);
	if (form_query(&r, fields))
		check_values(&r);
	arena_free(r.arena);
	return 0;
}
