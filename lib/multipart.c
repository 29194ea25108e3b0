#include <gmime/gmime.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

#include "arena.h"
#include "form.h"
#include "multipart.h"

#define BOUNDARY_MAX 70         /* RFC 2046, 5.1.1 */
#define HEADERS_MAX (16 * 1024) /* bytes of the headers of one part */

/* What is still to be read. */
struct rest {
	const char *at, *end;
};

void
multipart_start(void)
{
	g_mime_init();
}

/* "\r\n--boundary", which ends the part before it; NULL without one. */
static const char *
delimiter_of(struct arena *a, const char *type)
{
	static const char letters[] = "0123456789abcdefghijklmnopqrstuvwxyz"
				      "ABCDEFGHIJKLMNOPQRSTUVWXYZ'()+_,-./:=?";
	GMimeContentType *parsed = g_mime_content_type_parse(NULL, type);
	const char *boundary, *delimiter = NULL;
	size_t size;

	if (parsed == NULL)
		return NULL;
	boundary = g_mime_content_type_get_parameter(parsed, "boundary");
	if (g_mime_content_type_is_type(parsed, "multipart", "form-data") &&
	    boundary != NULL && (size = strlen(boundary)) > 0 &&
	    size <= BOUNDARY_MAX && strspn(boundary, letters) == size)
		delimiter = arena_printf(a, "\r\n--%s", boundary);
	g_object_unref(parsed);
	return delimiter;
}

/*
 * Where `what` begins, which begins with a CR: in linear time, since it has
 * no other CR, or is short.
 */
static const char *
find(const struct rest *rest, const char *what)
{
	size_t size = strlen(what);
	const char *p = rest->at;

	for (; (size_t)(rest->end - p) >= size; p++) {
		size_t room = (size_t)(rest->end - p) - size + 1;

		if ((p = memchr(p, '\r', room)) == NULL)
			return NULL;
		if (memcmp(p, what, size) == 0)
			return p;
	}
	return NULL;
}

static bool
skip(struct rest *rest, const char *what)
{
	size_t size = strlen(what);

	if ((size_t)(rest->end - rest->at) < size ||
	    memcmp(rest->at, what, size) != 0)
		return false;
	rest->at += size;
	return true;
}

/* What HTML escapes in a name: the quote, and the ends of a line. */
static const char *
unescape(struct arena *a, const char *s)
{
	char *name = arena_copy(a, s), *to = name;

	for (; *s != '\0'; s++) {
		if (strncmp(s, "%22", 3) == 0 ||
		    strncasecmp(s, "%0d", 3) == 0 ||
		    strncasecmp(s, "%0a", 3) == 0) {
			*to++ = s[1] == '2' ? '"' : ' ';
			s += 2;
		} else
			*to++ = *s;
	}
	*to = '\0';
	return name;
}

/* A parameter in UTF-8 in the request's memory, NULL without one. */
static const char *
parameter(struct arena *a, GMimeContentDisposition *d, const char *name)
{
	const char *value = g_mime_content_disposition_get_parameter(d, name);

	if (value == NULL || !form_utf8(value, strlen(value)))
		return NULL;
	return unescape(a, value);
}

/* Bytes as they are: browsers never encode them. */
static bool
is_plain(GMimeObject *headers)
{
	const char *coding =
	    g_mime_object_get_header(headers, "Content-Transfer-Encoding");

	return coding == NULL || strcasecmp(coding, "binary") == 0 ||
	       strcasecmp(coding, "8bit") == 0 ||
	       strcasecmp(coding, "7bit") == 0;
}

static bool
take_headers(struct arena *a, GMimeObject *headers, struct part *part)
{
	GMimeContentDisposition *d;

	if (headers == NULL || !is_plain(headers) ||
	    (d = g_mime_object_get_content_disposition(headers)) == NULL ||
	    strcasecmp(g_mime_content_disposition_get_disposition(d),
		"form-data") != 0)
		return false;
	part->name = parameter(a, d, "name");
	part->filename = parameter(a, d, "filename");
	return part->name != NULL &&
	       (part->filename != NULL ||
		   g_mime_content_disposition_get_parameter(d, "filename") ==
		       NULL);
}

/*
 * In the names that browsers send, a backslash is one.  For GMime it says
 * that the next character is meant; for other senders, before a quote, too.
 */
static const char *
double_backslashes(struct arena *a, const char *from, size_t *size)
{
	char *text = arena_alloc(a, 2 * *size + 1), *to = text;
	const char *end = from + *size;

	for (; from < end; from++) {
		if (*from == '\\' && from + 1 < end && from[1] == '"')
			*to++ = *from++;
		else if (*from == '\\')
			*to++ = '\\';
		*to++ = *from;
	}
	*size = (size_t)(to - text);
	return text;
}

/* GMime gets the headers alone, with the empty line that ends them. */
static bool
read_headers(struct arena *a, const char *from, size_t size, struct part *part)
{
	GMimeStream *stream;
	GMimeParser *parser;
	GMimeObject *headers;
	bool good;

	if (size > HEADERS_MAX || memchr(from, '\0', size) != NULL)
		return false;
	from = double_backslashes(a, from, &size);
	stream = g_mime_stream_mem_new_with_buffer(from, size);
	parser = g_mime_parser_new_with_stream(stream);
	headers = g_mime_parser_construct_part(parser, NULL);
	good = take_headers(a, headers, part);
	if (headers != NULL)
		g_object_unref(headers);
	g_object_unref(parser);
	g_object_unref(stream);
	return good;
}

/* From behind a delimiter up to the next one. */
static bool
read_part(struct arena *a, struct rest *rest, const char *delimiter,
    struct part *part)
{
	const char *headers = rest->at, *blank = find(rest, "\r\n\r\n"), *end;

	if (blank == NULL ||
	    !read_headers(a, headers, (size_t)(blank + 4 - headers), part))
		return false;
	rest->at = blank + 4;
	/* an empty part: the line end of the headers is the delimiter's */
	if ((end = find(&(struct rest){ blank + 2, rest->end }, delimiter)) ==
	    NULL)
		return false;
	part->data = rest->at;
	part->size = end > rest->at ? (size_t)(end - rest->at) : 0;
	rest->at = end + strlen(delimiter);
	return true;
}

const struct part *
multipart_parts(
    struct arena *a, const char *type, const char *body, size_t size)
{
	const char *delimiter = delimiter_of(a, type);
	struct rest rest = { body, body + size };
	struct part *parts;
	size_t n;

	if (delimiter == NULL || !skip(&rest, delimiter + 2))
		return NULL;
	parts = arena_alloc(a, (MULTIPART_MOST + 1) * sizeof(*parts));
	for (n = 0; skip(&rest, "\r\n"); n++)
		if (n == MULTIPART_MOST ||
		    !read_part(a, &rest, delimiter, &parts[n]))
			return NULL;
	if (!skip(&rest, "--"))
		return NULL;
	skip(&rest, "\r\n");
	return rest.at == rest.end ? parts : NULL;
}
