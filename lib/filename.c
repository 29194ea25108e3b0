#include <stddef.h>
#include <string.h>

#include "arena.h"
#include "filename.h"
#include "form.h"

#define EXTENSION_MAX 16 /* bytes, the dot included */

/* Characters that are dropped wherever they stand. */
static const struct span {
	unsigned long from, to;
} dropped[] = {
	{ 0x00, 0x1f }, { 0x7f, 0x9f },
	{ 0x061c, 0x061c },   /* marks of direction: "fdp.exe" backwards */
	{ 0x200b, 0x200f },   /* no width, or of direction */
	{ 0x2028, 0x202e },   /* ends of lines and paragraphs; direction */
	{ 0x2060, 0x206f },   /* more of both */
	{ 0xfeff, 0xfeff },   /* byte order */
	{ 0xfff9, 0xfffb },   /* between the lines */
	{ 0xe0000, 0xe0fff }, /* tags, which nobody sees */
};

/* The character at `s`, which is UTF-8, and its length. */
static unsigned long
character(const char *s, size_t *size)
{
	const unsigned char *u = (const unsigned char *)s;
	unsigned long c = u[0];
	size_t i, more = c < 0x80 ? 0 : c < 0xe0 ? 1 : c < 0xf0 ? 2 : 3;

	if (more > 0)
		c &= 0x3fUL >> more;
	for (i = 1; i <= more && u[i] != '\0'; i++)
		c = c << 6 | (u[i] & 0x3f);
	*size = i;
	return c;
}

static bool
is_dropped(unsigned long c)
{
	size_t i;

	for (i = 0; i < sizeof(dropped) / sizeof(*dropped); i++)
		if (c >= dropped[i].from && c <= dropped[i].to)
			return true;
	return false;
}

static const char *
after_last(const char *s, char c)
{
	const char *p = strrchr(s, c);

	return p != NULL ? p + 1 : s;
}

static bool
is_edge(char c)
{
	return c == ' ' || c == '.';
}

/* Windows drops dots and blanks at the end, and then "x.exe." is "x.exe". */
static char *
trim(char *s)
{
	size_t n;

	s += strspn(s, " ");
	for (n = strlen(s); n > 0 && is_edge(s[n - 1]); n--)
		s[n - 1] = '\0';
	return s;
}

/* Where the n-th character begins, or the end. */
static size_t
offset_of(const char *s, size_t n)
{
	size_t at = 0, size;

	for (; n > 0 && s[at] != '\0'; n--) {
		character(s + at, &size);
		at += size;
	}
	return at;
}

/* The middle goes: the extension says what to open it with. */
static char *
shorten(struct arena *a, char *s)
{
	const char *dot = strrchr(s, '.');
	size_t keep = FILENAME_MAX_CHARACTERS;

	if (form_characters(s) <= keep)
		return s;
	if (dot == NULL || dot == s || strlen(dot) > EXTENSION_MAX)
		dot = "";
	keep -= form_characters(dot);
	return arena_printf(a, "%.*s%s", (int)offset_of(s, keep), s, dot);
}

const char *
filename_clean(struct arena *a, const char *raw)
{
	const char *from = after_last(after_last(raw, '/'), '\\');
	char *name = arena_alloc(a, strlen(from) + 1), *to = name;
	size_t size;

	for (; *from != '\0'; from += size) {
		if (is_dropped(character(from, &size)))
			continue;
		memcpy(to, from, size);
		to += size;
	}
	*to = '\0';
	name = trim(shorten(a, trim(name)));
	return *name != '\0' ? name : "file";
}

/* RFC 8187, 3.2.1: the letters that need no escape. */
static bool
is_attr_char(char c)
{
	static const char others[] = "!#$&+-.^_`|~";

	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
	       (c >= 'a' && c <= 'z') || (c != '\0' && strchr(others, c));
}

const char *
filename_disposition(struct arena *a, const char *name, bool shown)
{
	static const char digits[] = "0123456789ABCDEF";
	size_t size = strlen(name), n;
	char *plain = arena_alloc(a, size + 1), *p = plain;
	char *coded = arena_alloc(a, 3 * size + 1), *c = coded;
	size_t i;

	for (i = 0; i < size; i += n) {
		bool safe = name[i] >= ' ' && name[i] < 0x7f &&
		            strchr("\"\\%;", name[i]) == NULL;

		character(name + i, &n);
		*p++ = safe ? name[i] : '_';
	}
	for (i = 0; i < size; i++) {
		unsigned char u = (unsigned char)name[i];

		if (is_attr_char(name[i])) {
			*c++ = name[i];
			continue;
		}
		*c++ = '%';
		*c++ = digits[u >> 4];
		*c++ = digits[u & 15];
	}
	return arena_printf(a, "%s; filename=\"%s\"; filename*=UTF-8''%s",
	    shown ? "inline" : "attachment", plain, coded);
}
