#include <string.h>

#include "arena.h"
#include "form.h"
#include "log.h"
#include "web.h"

struct value {
	const char *text; /* NULL until sent */
	const char *complaint;
	struct file **files; /* of a FORM_FILE */
	size_t count;
};

struct form {
	const struct field *fields;
	struct value *values; /* one for each field */
	size_t count;
	bool complained;
};

/* What to do with a name that is not declared. */
enum unknown { REFUSE, IGNORE };

static const char hex_digits[] = "00112233445566778899aAbBcCdDeEfF";

static int
hex_value(char c)
{
	const char *p;

	if (c == '\0' || (p = strchr(hex_digits, c)) == NULL)
		return -1;
	return (int)(p - hex_digits) / 2;
}

long
form_decode(char *to, const char *from, size_t size, bool plus)
{
	const char *end = from + size;
	char *start = to;

	while (from < end) {
		char c = *from++;

		if (c == '+' && plus)
			c = ' ';
		else if (c == '%') {
			int high, low;

			if (end - from < 2 || (high = hex_value(from[0])) < 0 ||
			    (low = hex_value(from[1])) < 0)
				return -1;
			c = (char)(high * 16 + low);
			from += 2;
		}
		if (c == '\0')
			return -1;
		*to++ = c;
	}
	*to = '\0';
	return to - start;
}

/*
 * Lead bytes of RFC 3629 and the range of the byte after each, which is
 * where overlong forms and surrogates are told apart.
 */
static const struct lead {
	unsigned char from, to;
	unsigned char second_from, second_to;
	size_t more; /* bytes after the second */
} leads[] = {
	{ 0xc2, 0xdf, 0x80, 0xbf, 0 },
	{ 0xe0, 0xe0, 0xa0, 0xbf, 1 },
	{ 0xe1, 0xec, 0x80, 0xbf, 1 },
	{ 0xed, 0xed, 0x80, 0x9f, 1 },
	{ 0xee, 0xef, 0x80, 0xbf, 1 },
	{ 0xf0, 0xf0, 0x90, 0xbf, 2 },
	{ 0xf1, 0xf3, 0x80, 0xbf, 2 },
	{ 0xf4, 0xf4, 0x80, 0x8f, 2 },
};

/* The length of the character at `s`, 0 if it is none. */
static size_t
utf8_length(const unsigned char *s, size_t size)
{
	const struct lead *l = leads;
	const struct lead *end = leads + sizeof(leads) / sizeof(*leads);
	size_t i;

	while (l < end && (s[0] < l->from || s[0] > l->to))
		l++;
	if (l == end || size < 2 + l->more || s[1] < l->second_from ||
	    s[1] > l->second_to)
		return 0;
	for (i = 2; i < 2 + l->more; i++)
		if (s[i] < 0x80 || s[i] > 0xbf)
			return 0;
	return i;
}

bool
form_utf8(const char *text, size_t size)
{
	const unsigned char *s = (const unsigned char *)text;
	size_t n;

	for (; size > 0; s += n, size -= n) {
		n = s[0] < 0x80 ? 1 : utf8_length(s, size);
		if (n == 0)
			return false;
	}
	return true;
}

size_t
form_characters(const char *s)
{
	size_t n = 0;

	for (; *s != '\0'; s++)
		n += ((unsigned char)*s & 0xc0) != 0x80;
	return n;
}

/* CR LF, the line end of HTML forms, becomes LF; a lone CR was typed. */
static void
mend_line_ends(char *s)
{
	char *to = s;

	for (; *s != '\0'; s++)
		if (s[0] != '\r' || s[1] != '\n')
			*to++ = *s;
	*to = '\0';
}

static size_t
find(const struct form *form, const char *name)
{
	size_t i;

	for (i = 0; i < form->count; i++)
		if (strcmp(form->fields[i].name, name) == 0)
			break;
	return i;
}

static struct value *
declared(const struct request *r, const char *name)
{
	size_t i;

	if (r->form == NULL)
		return NULL;
	if ((i = find(r->form, name)) == r->form->count)
		log_fatal("no field \"%s\" in the table of this form", name);
	return &r->form->values[i];
}

static bool
keep(struct form *form, size_t i, char *text)
{
	const struct field *f = &form->fields[i];
	struct value *v = &form->values[i];

	if (f->kind == FORM_FILE)
		return true;
	if (v->text != NULL)
		return false;
	v->text = text;
	mend_line_ends(text);
	if (f->kind == FORM_LINE && text[strcspn(text, "\r\n")] != '\0')
		return false;
	if (f->max != 0 && form_characters(text) > f->max) {
		v->complaint = f->too_long;
		form->complained = true;
	}
	return true;
}

/* Decode one piece into `to`; the length, or -1 for what nobody sends. */
static long
decode(char *to, const char *from, size_t size)
{
	long n = form_decode(to, from, size, true);

	return n >= 0 && form_utf8(to, (size_t)n) ? n : -1;
}

/*
 * Read one "name=value" and move *to behind what it took.  All pieces are
 * decoded into one buffer, one after another: none gets longer, and its NUL
 * takes the place of the '=' or '&' that ended it.  A name without '=' has
 * the empty value, which is the end of the name.
 */
static bool
read_pair(struct request *r, char **to, const char *from, size_t size,
    enum unknown rule)
{
	const char *equals = memchr(from, '=', size);
	size_t name_size = equals != NULL ? (size_t)(equals - from) : size;
	char *name = *to, *value;
	size_t i;
	long n;

	if ((n = decode(name, from, name_size)) < 0)
		return false;
	value = name + n;
	*to = value + 1;
	if (equals != NULL) {
		value = *to;
		n = decode(value, equals + 1, size - name_size - 1);
		if (n < 0)
			return false;
		*to += n + 1;
	}
	i = find(r->form, name);
	if (i == r->form->count)
		return rule == IGNORE;
	return keep(r->form, i, value);
}

static bool
read_pairs(struct request *r, const char *from, size_t size, enum unknown rule)
{
	const char *end = from + size;
	char *to = arena_alloc(r->arena, size + 1);

	while (from < end) {
		const char *stop = memchr(from, '&', (size_t)(end - from));

		if (stop == NULL)
			stop = end;
		if (stop > from &&
		    !read_pair(r, &to, from, (size_t)(stop - from), rule))
			return false;
		from = stop + (stop < end);
	}
	return true;
}

/* A text from a multipart body: as it is, but it must be text. */
static bool
keep_sent(struct request *r, size_t i, const struct sent *sent)
{
	char *text;

	if (!form_utf8(sent->text, sent->size) ||
	    memchr(sent->text, '\0', sent->size) != NULL)
		return false;
	text = arena_alloc(r->arena, sent->size + 1);
	memcpy(text, sent->text, sent->size);
	return keep(r->form, i, text);
}

static void
keep_file(
    struct request *r, size_t i, const struct sent *first, struct file *file)
{
	struct value *v = &r->form->values[i];
	size_t n = 0;

	if (v->files == NULL) {
		while (first[n].name != NULL)
			n++;
		v->files = arena_alloc(r->arena, n * sizeof(*v->files));
	}
	v->files[v->count++] = file;
}

static bool
read_sent(struct request *r, const struct sent *first)
{
	const struct sent *sent;
	size_t i;

	for (sent = first; sent->name != NULL; sent++) {
		i = find(r->form, sent->name);
		if (i == r->form->count)
			return false;
		if (sent->file == NULL) {
			if (!keep_sent(r, i, sent))
				return false;
		} else if (r->form->fields[i].kind != FORM_FILE)
			return false;
		else
			keep_file(r, i, first, sent->file);
	}
	return true;
}

static bool
read_form(struct request *r, const struct field *fields, const char *text,
    size_t size, enum unknown rule)
{
	struct form *form = arena_alloc(r->arena, sizeof(*form));

	form->fields = fields;
	while (fields[form->count].name != NULL)
		form->count++;
	form->values =
	    arena_alloc(r->arena, form->count * sizeof(*form->values));
	r->form = form;
	if (rule == REFUSE && r->sent != NULL ? read_sent(r, r->sent)
					      : read_pairs(r, text, size, rule))
		return true;
	r->status = 400;
	return false;
}

bool
form_read(struct request *r, const struct field *fields)
{
	return read_form(r, fields, r->body, r->body_size, REFUSE);
}

bool
form_query(struct request *r, const struct field *fields)
{
	return read_form(r, fields, r->query, strlen(r->query), IGNORE);
}

const char *
form_text(const struct request *r, const char *name)
{
	const struct value *v = declared(r, name);

	return v == NULL || v->text == NULL ? "" : v->text;
}

const char *
form_or_null(const struct request *r, const char *name)
{
	const char *text = form_text(r, name);

	return *text == '\0' ? NULL : text;
}

bool
form_sent(const struct request *r, const char *name)
{
	const struct value *v = declared(r, name);

	return v != NULL && v->text != NULL;
}

bool
form_pressed(const struct request *r, const char *button)
{
	return strcmp(form_text(r, "do"), button) == 0;
}

struct file *
form_file(const struct request *r, const char *name, size_t n)
{
	const struct value *v = declared(r, name);

	return v != NULL && n < v->count ? v->files[n] : NULL;
}

void
form_set(struct request *r, const char *name, const char *text)
{
	struct value *v = declared(r, name);

	if (v != NULL)
		v->text = arena_copy(r->arena, text);
}

void
form_move_files(struct request *r, const char *from, const char *to)
{
	struct value *out = declared(r, from), *in = declared(r, to);
	struct file **all;

	if (out == NULL || in == NULL || out->count == 0)
		return;
	all = arena_alloc(r->arena, (in->count + out->count) * sizeof(*all));
	for (size_t i = 0; i < in->count; i++)
		all[i] = in->files[i];
	for (size_t i = 0; i < out->count; i++)
		all[in->count + i] = out->files[i];
	in->files = all;
	in->count += out->count;
	out->count = 0;
}

void
form_complain(struct request *r, const char *name, const char *words)
{
	struct value *v = declared(r, name);

	if (v == NULL)
		log_fatal("a complaint about \"%s\" before its form", name);
	if (v->complaint == NULL)
		v->complaint = arena_copy(r->arena, words);
	r->form->complained = true;
}

bool
form_complete(const struct request *r)
{
	return r->form != NULL && !r->form->complained;
}

bool
form_field(const struct request *r, size_t n, const char **name,
    const char **value, const char **complaint)
{
	const struct value *v;

	if (r->form == NULL || n >= r->form->count)
		return false;
	v = &r->form->values[n];
	*name = r->form->fields[n].name;
	*value = v->text == NULL ? "" : v->text;
	*complaint = v->complaint;
	return true;
}
