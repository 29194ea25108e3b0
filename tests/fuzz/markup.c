/*
 * Markdown, fed with anything.  What comes out must keep its bounds and, for
 * UTF-8, be UTF-8 without control characters and made of nothing but the
 * elements and attributes of lib/markup.h.
 */
#include <string.h>

#include "arena.h"
#include "form.h"
#include "fuzz.h"
#include "markup.h"

static const char *const elements[] = { "p", "br", "hr", "em", "strong", "del",
	"code", "pre", "blockquote", "ul", "ol", "li", "h3", "h4", "h5", "h6",
	"table", "thead", "tbody", "tr", "th", "td", "th class=\"left\"",
	"th class=\"center\"", "th class=\"right\"", "td class=\"left\"",
	"td class=\"center\"", "td class=\"right\"", NULL };

static const char *const links[] = { "a href=\"https://", "a href=\"http://",
	"a href=\"mailto:", "a href=\"/", NULL };

static size_t
prefix_of(const char *s, size_t size, const char *const *list, int whole)
{
	for (; *list != NULL; list++) {
		size_t n = strlen(*list);

		if (n <= size && memcmp(*list, s, n) == 0 &&
		    (!whole || n == size))
			return n;
	}
	return 0;
}

static void
check_link(const char *s, size_t size)
{
	static const char end[] = "\" rel=\"nofollow ugc noopener\"";
	size_t n = prefix_of(s, size, links, 0), tail = sizeof(end) - 1, i;

	insist(n > 0 && size >= n + tail);
	insist(memcmp(s + size - tail, end, tail) == 0);
	insist(s[n - 1] != '/' || s[n] != '/');
	for (i = n; i < size - tail; i++)
		insist(s[i] > 0x20 && s[i] < 0x7f && s[i] != '"' &&
		       s[i] != '\'' && s[i] != '\\' && s[i] != '`');
}

/* What stands between '<' and '>'. */
static void
check_tag(const char *s, size_t size)
{
	static const char start[] = "ol start=\"";
	size_t n = sizeof(start) - 1;

	if (size > 0 && *s == '/') {
		if (size == 2 && s[1] == 'a')
			return;
		insist(prefix_of(s + 1, size - 1, elements, 1) > 0);
	} else if (size > n && memcmp(s, start, n) == 0) {
		size_t digits = strspn(s + n, "0123456789");

		insist(digits >= 1 && digits <= 9 && size == n + digits + 1 &&
		       s[n + digits] == '"');
	} else if (prefix_of(s, size, elements, 1) == 0)
		check_link(s, size);
}

static void
check_html(const char *s)
{
	while (*s != '\0') {
		const char *end = s + 1;
		unsigned char c = (unsigned char)*s;

		insist(c >= 0x20 || c == '\n' || c == '\t');
		insist(c != 0x7f && c != '>');
		insist(c != 0xc2 || (unsigned char)s[1] >= 0xa0);
		if (c == '<') {
			insist((end = strchr(s, '>')) != NULL);
			check_tag(s + 1, (size_t)(end - s) - 1);
			end++;
		}
		s = end;
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *a = arena_new(4096);
	const char *text = (const char *)data;
	const char *html = markup_html(a, text, size);

	insist(strlen(html) <= 6 * size + 65536);
	if (form_utf8(text, size)) {
		insist(form_utf8(html, strlen(html)));
		check_html(html);
	}
	arena_free(a);
	return 0;
}
