#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <md4c.h>

#include "arena.h"
#include "markup.h"

#define NESTING_MAX 32
#define OUTPUT_FACTOR 4
#define OUTPUT_EXTRA (64 * 1024) /* bytes */
#define GROWTH_MAX 6             /* bytes that one byte of text can become */
#define INPUT_MAX (16 * 1024 * 1024) /* bytes, far below md4c's 32 bits */
#define PADDING 64                   /* bytes of zero; see padded() */

struct out {
	struct arena *arena;
	char *text;
	size_t size, max; /* what is beyond max is not written */
	bool stopped;
	int nesting;
	int anchor;       /* how many links deep in an <a>, 0 outside */
	size_t anchor_at; /* where the text of the <a> began */
};

/*
 * What each callback returns: anything but 0 ends the parsing.  We remember
 * it ourselves, since md_parse() of md4c 0.4.8 may return 0 all the same.
 */
static int
verdict(struct out *o)
{
	if (o->size >= o->max || o->nesting > NESTING_MAX)
		o->stopped = true;
	return o->stopped;
}

static void
put(struct out *o, const char *s, size_t size)
{
	if (size >= o->max - o->size) {
		o->size = o->max;
		return;
	}
	memcpy(o->text + o->size, s, size);
	o->size += size;
}

static void
put_string(struct out *o, const char *s)
{
	put(o, s, strlen(s));
}

/* Write `c` as UTF-8; how many bytes it took. */
static size_t
utf8(char to[4], uint32_t c)
{
	static const unsigned char lead[] = { 0, 0, 0xc0, 0xe0, 0xf0 };
	size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4, i;

	for (i = n - 1; i > 0; i--, c >>= 6)
		to[i] = (char)(0x80 | (c & 0x3f));
	to[0] = (char)(lead[n] | c);
	return n;
}

/*
 * How a control character is shown.  C1 has no pictures of its own but the
 * new line; the rest share U+2426, "symbol for substitute form two".
 */
static uint32_t
picture(uint32_t c)
{
	if (c == 0)
		return 0xfffd;
	if (c < 0x20)
		return 0x2400 + c;
	if (c == 0x7f)
		return 0x2421;
	return c == 0x85 ? 0x2424 : 0x2426;
}

static void
put_character(struct out *o, uint32_t c)
{
	char s[4];

	if (c == '&')
		put_string(o, "&amp;");
	else if (c == '<')
		put_string(o, "&lt;");
	else if (c == '>')
		put_string(o, "&gt;");
	else if (c == '"')
		put_string(o, "&quot;");
	else {
		if ((c < 0x20 && c != '\n' && c != '\t') ||
		    (c >= 0x7f && c < 0xa0))
			c = picture(c);
		put(o, s, utf8(s, c));
	}
}

/* How many bytes at `s` are a character that may not stand as it is. */
static size_t
special(const unsigned char *s, size_t size, uint32_t *c)
{
	*c = s[0];
	if (s[0] == 0xc2 && size > 1 && s[1] < 0xa0) {
		*c = s[1];
		return 2;
	}
	if (s[0] == '&' || s[0] == '<' || s[0] == '>' || s[0] == '"' ||
	    s[0] == 0x7f)
		return 1;
	return s[0] < 0x20 && s[0] != '\n' && s[0] != '\t';
}

static void
put_text(struct out *o, const char *text, size_t size)
{
	const unsigned char *s = (const unsigned char *)text;
	size_t i = 0, from = 0, n;
	uint32_t c;

	while (i < size) {
		if ((n = special(s + i, size - i, &c)) == 0) {
			i++;
			continue;
		}
		put(o, text + from, i - from);
		put_character(o, c);
		i += n;
		from = i;
	}
	put(o, text + from, size - from);
}

/* HTML's names for U+00A0 to U+00FF, in that order. */
static const char *const latin1_names[] = { "nbsp", "iexcl", "cent", "pound",
	"curren", "yen", "brvbar", "sect", "uml", "copy", "ordf", "laquo",
	"not", "shy", "reg", "macr", "deg", "plusmn", "sup2", "sup3", "acute",
	"micro", "para", "middot", "cedil", "sup1", "ordm", "raquo", "frac14",
	"frac12", "frac34", "iquest", "Agrave", "Aacute", "Acirc", "Atilde",
	"Auml", "Aring", "AElig", "Ccedil", "Egrave", "Eacute", "Ecirc", "Euml",
	"Igrave", "Iacute", "Icirc", "Iuml", "ETH", "Ntilde", "Ograve",
	"Oacute", "Ocirc", "Otilde", "Ouml", "times", "Oslash", "Ugrave",
	"Uacute", "Ucirc", "Uuml", "Yacute", "THORN", "szlig", "agrave",
	"aacute", "acirc", "atilde", "auml", "aring", "aelig", "ccedil",
	"egrave", "eacute", "ecirc", "euml", "igrave", "iacute", "icirc",
	"iuml", "eth", "ntilde", "ograve", "oacute", "ocirc", "otilde", "ouml",
	"divide", "oslash", "ugrave", "uacute", "ucirc", "uuml", "yacute",
	"thorn", "yuml" };

static const struct {
	const char *name;
	uint32_t c;
} other_names[] = {
	{ "amp", '&' },
	{ "lt", '<' },
	{ "gt", '>' },
	{ "quot", '"' },
	{ "apos", '\'' },
	{ "ndash", 0x2013 },
	{ "mdash", 0x2014 },
	{ "lsquo", 0x2018 },
	{ "rsquo", 0x2019 },
	{ "ldquo", 0x201c },
	{ "rdquo", 0x201d },
	{ "bull", 0x2022 },
	{ "hellip", 0x2026 },
	{ "euro", 0x20ac },
	{ "trade", 0x2122 },
	{ "larr", 0x2190 },
	{ "rarr", 0x2192 },
};

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

static bool
named(const char *name, const char *s, size_t size)
{
	return strlen(name) == size && memcmp(name, s, size) == 0;
}

/* "&#...;", which md4c has found well-formed. */
static uint32_t
numeric_entity(const char *s)
{
	unsigned long c = s[2] == 'x' || s[2] == 'X' ? strtoul(s + 3, NULL, 16)
	                                             : strtoul(s + 2, NULL, 10);

	if (c == 0 || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
		return 0xfffd;
	return (uint32_t)c;
}

/* The character of "&...;", or 0: then it shows as it was typed. */
static uint32_t
entity(const char *s, size_t size)
{
	size_t i;

	if (s[1] == '#')
		return numeric_entity(s);
	for (i = 0; i < COUNT(other_names); i++)
		if (named(other_names[i].name, s + 1, size - 2))
			return other_names[i].c;
	for (i = 0; i < COUNT(latin1_names); i++)
		if (named(latin1_names[i], s + 1, size - 2))
			return 0xa0 + (uint32_t)i;
	return 0;
}

static void
put_entity(struct out *o, const char *s, size_t size)
{
	uint32_t c = entity(s, size);

	if (c == 0)
		put_text(o, s, size);
	else
		put_character(o, c);
}

/* What an address says once its entities are read, as a browser would. */
static const char *
decoded(struct out *o, const MD_ATTRIBUTE *a)
{
	char *url = arena_alloc(o->arena, 3 * (size_t)a->size + 1), *to = url;
	size_t i, from;

	for (i = 0, from = 0; from < a->size; i++) {
		size_t size = a->substr_offsets[i + 1] - from;
		const char *s = a->text + from;
		uint32_t c = 0;

		if (a->substr_types[i] == MD_TEXT_NULLCHAR)
			c = 0xfffd;
		else if (a->substr_types[i] == MD_TEXT_ENTITY)
			c = entity(s, size);
		if (c != 0)
			to += utf8(to, c);
		else {
			memcpy(to, s, size);
			to += size;
		}
		from += size;
	}
	return url;
}

/*
 * An allow-list: a browser knows more schemes than we, and some of them
 * run.  It also drops tabs and line feeds anywhere in an address and takes
 * '\' for '/', hence the checks of the path and of control bytes.
 */
static bool
is_allowed(const char *url)
{
	const char *p, *host;

	for (p = url; *p != '\0'; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			return false;
	if (url[0] == '/')
		return url[1] != '/' && url[1] != '\\';
	if (strncasecmp(url, "mailto:", 7) == 0)
		return url[7] != '\0';
	if (strncasecmp(url, "https://", 8) == 0)
		host = url + 8;
	else if (strncasecmp(url, "http://", 7) == 0)
		host = url + 7;
	else
		return false;
	return *host != '\0' && strchr("/\\?#", *host) == NULL;
}

/*
 * As RFC 3986 wants it, with the scheme in lower case; '%' stays, since
 * whoever wrote it knew why.
 */
static void
put_url(struct out *o, const char *url)
{
	static const char digits[] = "0123456789ABCDEF";

	for (; *url != '\0' && *url != '/' && *url != ':'; url++) {
		char small = *url >= 'A' && *url <= 'Z' ? *url + 32 : *url;

		put(o, &small, 1);
	}
	for (; *url != '\0'; url++) {
		unsigned char c = (unsigned char)*url;
		char coded[3] = { '%', digits[c >> 4], digits[c & 15] };

		if (c == '&')
			put_string(o, "&amp;");
		else if (c <= 0x20 || c >= 0x7f ||
			 strchr("\"'<>\\^`{|}", c) != NULL)
			put(o, coded, sizeof(coded));
		else
			put(o, url, 1);
	}
}

static void
begin_link(struct out *o, const char *url)
{
	put_string(o, "<a href=\"");
	put_url(o, url);
	put_string(o, "\" rel=\"nofollow ugc noopener\">");
}

/* The address that links and images have in different structures. */
static const MD_ATTRIBUTE *
address(MD_SPANTYPE type, void *detail)
{
	return type == MD_SPAN_A ? &((MD_SPAN_A_DETAIL *)detail)->href
	                         : &((MD_SPAN_IMG_DETAIL *)detail)->src;
}

/* Links do not nest in HTML, but an image in a link would be one in one. */
static void
enter_link(struct out *o, MD_SPANTYPE type, void *detail)
{
	const char *url;

	if (o->anchor > 0) {
		o->anchor++;
		return;
	}
	url = decoded(o, address(type, detail));
	if (!is_allowed(url))
		return;
	begin_link(o, url);
	o->anchor = 1;
	o->anchor_at = o->size;
}

/*
 * The address of a link that we do not make is shown behind its text, so
 * that nothing typed is lost; not where that is the text, as in <ftp://x>.
 */
static void
put_refused(struct out *o, const char *url)
{
	size_t before = o->size, size;

	if (*url == '\0')
		return;
	put_string(o, " (");
	put_text(o, url, strlen(url));
	put_string(o, ")");
	if (o->size >= o->max)
		return;
	size = o->size - before - 3;
	if (before >= size &&
	    memcmp(o->text + before - size, o->text + before + 2, size) == 0)
		o->size = before;
}

static void
leave_link(struct out *o, MD_SPANTYPE type, void *detail)
{
	const char *url;

	if (o->anchor > 1) {
		o->anchor--;
		return;
	}
	if (o->anchor == 0) {
		put_refused(o, decoded(o, address(type, detail)));
		return;
	}
	if (o->size == o->anchor_at) { /* a link needs words */
		url = decoded(o, address(type, detail));
		put_text(o, url, strlen(url));
	}
	put_string(o, "</a>");
	o->anchor = 0;
}

/* By MD_BLOCKTYPE; NULL prints nothing. */
static const char *const block_begin[] = {
	[MD_BLOCK_QUOTE] = "<blockquote>\n",
	[MD_BLOCK_UL] = "<ul>\n",
	[MD_BLOCK_LI] = "<li>",
	[MD_BLOCK_HR] = "<hr>\n",
	[MD_BLOCK_CODE] = "<pre><code>",
	[MD_BLOCK_P] = "<p>",
	[MD_BLOCK_TABLE] = "<table>\n",
	[MD_BLOCK_THEAD] = "<thead>\n",
	[MD_BLOCK_TBODY] = "<tbody>\n",
	[MD_BLOCK_TR] = "<tr>\n",
};

static const char *const block_end[] = {
	[MD_BLOCK_QUOTE] = "</blockquote>\n",
	[MD_BLOCK_UL] = "</ul>\n",
	[MD_BLOCK_OL] = "</ol>\n",
	[MD_BLOCK_LI] = "</li>\n",
	[MD_BLOCK_CODE] = "</code></pre>\n",
	[MD_BLOCK_P] = "</p>\n",
	[MD_BLOCK_TABLE] = "</table>\n",
	[MD_BLOCK_THEAD] = "</thead>\n",
	[MD_BLOCK_TBODY] = "</tbody>\n",
	[MD_BLOCK_TR] = "</tr>\n",
	[MD_BLOCK_TH] = "</th>\n",
	[MD_BLOCK_TD] = "</td>\n",
};

/* By MD_ALIGN: a class, because the pages allow no style attribute. */
static const char *const alignments[] = { ">", " class=\"left\">",
	" class=\"center\">", " class=\"right\">" };

/* By level; h1 and h2 belong to the page. */
static const char *const heading_begin[] = { "", "<h3>", "<h4>", "<h5>", "<h6>",
	"<h6>", "<h6>" };
static const char *const heading_end[] = { "", "</h3>\n", "</h4>\n", "</h5>\n",
	"</h6>\n", "</h6>\n", "</h6>\n" };

static void
begin_list(struct out *o, unsigned first)
{
	char digits[10], *p = digits + sizeof(digits);

	if (first == 1) {
		put_string(o, "<ol>\n");
		return;
	}
	do
		*--p = (char)('0' + first % 10);
	while ((first /= 10) > 0 && p > digits);
	put_string(o, "<ol start=\"");
	put(o, p, (size_t)(digits + sizeof(digits) - p));
	put_string(o, "\">\n");
}

static int
enter_block(MD_BLOCKTYPE type, void *detail, void *out)
{
	struct out *o = out;

	o->nesting++;
	if (type == MD_BLOCK_H)
		put_string(
		    o, heading_begin[((MD_BLOCK_H_DETAIL *)detail)->level]);
	else if (type == MD_BLOCK_OL)
		begin_list(o, ((MD_BLOCK_OL_DETAIL *)detail)->start);
	else if (type == MD_BLOCK_TH || type == MD_BLOCK_TD) {
		put_string(o, type == MD_BLOCK_TH ? "<th" : "<td");
		put_string(
		    o, alignments[((MD_BLOCK_TD_DETAIL *)detail)->align]);
	} else if (type < COUNT(block_begin) && block_begin[type] != NULL)
		put_string(o, block_begin[type]);
	return verdict(o);
}

static int
leave_block(MD_BLOCKTYPE type, void *detail, void *out)
{
	struct out *o = out;

	o->nesting--;
	if (type == MD_BLOCK_H)
		put_string(
		    o, heading_end[((MD_BLOCK_H_DETAIL *)detail)->level]);
	else if (type < COUNT(block_end) && block_end[type] != NULL)
		put_string(o, block_end[type]);
	return verdict(o);
}

static const char *
span_name(MD_SPANTYPE type)
{
	switch (type) {
	case MD_SPAN_EM:
		return "em>";
	case MD_SPAN_STRONG:
		return "strong>";
	case MD_SPAN_CODE:
		return "code>";
	case MD_SPAN_DEL:
		return "del>";
	default:
		return NULL;
	}
}

static int
enter_span(MD_SPANTYPE type, void *detail, void *out)
{
	const char *name = span_name(type);
	struct out *o = out;

	o->nesting++;
	if (type == MD_SPAN_A || type == MD_SPAN_IMG)
		enter_link(o, type, detail);
	else if (name != NULL) {
		put_string(o, "<");
		put_string(o, name);
	}
	return verdict(o);
}

static int
leave_span(MD_SPANTYPE type, void *detail, void *out)
{
	const char *name = span_name(type);
	struct out *o = out;

	o->nesting--;
	if (type == MD_SPAN_A || type == MD_SPAN_IMG)
		leave_link(o, type, detail);
	else if (name != NULL) {
		put_string(o, "</");
		put_string(o, name);
	}
	return verdict(o);
}

/*
 * How long the bare address at `s` is, 0 if there is none.  What ends a
 * sentence does not belong to it, nor does a bracket that it did not open.
 */
static size_t
bare_address(const char *s, size_t size)
{
	static const char end[] = "\"<>\\^`{|}";
	size_t n = 0, begin = 7, i;
	long open = 0;

	if (size > 8 && strncasecmp(s, "https://", 8) == 0)
		begin = 8;
	else if (size <= 7 || strncasecmp(s, "http://", 7) != 0)
		return 0;
	while (
	    n < size && s[n] > 0x20 && s[n] < 0x7f && strchr(end, s[n]) == NULL)
		n++;
	for (i = 0; i < n; i++)
		open += s[i] == '(' ? 1 : s[i] == ')' ? -1 : 0;
	while (n > begin && (strchr(".,:;!?'*_~]", s[n - 1]) != NULL ||
				(s[n - 1] == ')' && open < 0))) {
		open += s[n - 1] == ')';
		n--;
	}
	return n > begin ? n : 0;
}

static bool
is_word(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
	       (c >= 'A' && c <= 'Z');
}

/*
 * Text in which bare addresses become links.  md4c could find them, but in
 * 0.4.8 its code for that corrupts memory on hostile input (its change log
 * for 0.5.1).
 */
static void
put_linked_text(struct out *o, const char *s, size_t size)
{
	size_t i = 0, from = 0, n;

	while (i < size) {
		const char *url;

		if ((s[i] != 'h' && s[i] != 'H') ||
		    (i > 0 && is_word(s[i - 1])) ||
		    (n = bare_address(s + i, size - i)) == 0) {
			i++;
			continue;
		}
		url = arena_printf(o->arena, "%.*s", (int)n, s + i);
		put_text(o, s + from, i - from);
		from = i;
		i += n;
		if (!is_allowed(url))
			continue;
		begin_link(o, url);
		put_text(o, s + from, n);
		put_string(o, "</a>");
		from = i;
	}
	put_text(o, s + from, size - from);
}

/*
 * A line end that was typed is shown, unlike in CommonMark: people who
 * report a problem write lines of a log or steps, not source text.
 */
static int
text(MD_TEXTTYPE type, const MD_CHAR *s, MD_SIZE size, void *out)
{
	struct out *o = out;

	switch (type) {
	case MD_TEXT_NULLCHAR:
		put_character(o, 0);
		break;
	case MD_TEXT_BR:
	case MD_TEXT_SOFTBR:
		put_string(o, "<br>\n");
		break;
	case MD_TEXT_ENTITY:
		put_entity(o, s, size);
		break;
	case MD_TEXT_NORMAL:
		if (o->anchor == 0) {
			put_linked_text(o, s, size);
			break;
		} /* FALLTHROUGH */
	default:
		put_text(o, s, size);
	}
	return verdict(o);
}

/* HTML drops a line feed right after <pre>; the one here is that one. */
static void
put_plain(struct out *o, const char *s, size_t size)
{
	o->size = 0;
	o->max = GROWTH_MAX * size + OUTPUT_EXTRA;
	put_string(o, "<pre>\n");
	put_text(o, s, size);
	put_string(o, "</pre>\n");
}

/* md4c 0.4.8 reads beyond a text that does not end with a line end. */
static const char *
padded(struct arena *a, const char *s, size_t *size)
{
	char *copy = arena_alloc(a, *size + 1 + PADDING);

	memcpy(copy, s, *size);
	if (*size > 0 && copy[*size - 1] != '\n')
		copy[(*size)++] = '\n';
	return copy;
}

static bool
render(struct out *o, const char *s, size_t size)
{
	static const MD_PARSER parser = {
		.flags =
		    MD_FLAG_NOHTML | MD_FLAG_TABLES | MD_FLAG_STRIKETHROUGH,
		.enter_block = enter_block,
		.leave_block = leave_block,
		.enter_span = enter_span,
		.leave_span = leave_span,
		.text = text,
	};

	o->max = OUTPUT_FACTOR * size + OUTPUT_EXTRA;
	s = padded(o->arena, s, &size);
	return md_parse(s, (MD_SIZE)size, &parser, o) == 0 && !o->stopped;
}

const char *
markup_html(struct arena *a, const char *s, size_t size)
{
	struct out o = {
		.arena = a,
		.text = arena_alloc(a, GROWTH_MAX * size + OUTPUT_EXTRA + 1),
	};

	if (size > INPUT_MAX || !render(&o, s, size))
		put_plain(&o, s, size);
	o.text[o.size] = '\0';
	return o.text;
}
