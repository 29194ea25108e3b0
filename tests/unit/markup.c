#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "arena.h"
#include "form.h"
#include "markup.h"

#define LINK "<a href=\"%s\" rel=\"nofollow ugc noopener\">%s</a>"

static int
set_up(void **state)
{
	*state = arena_new(4096);
	return 0;
}

static int
tear_down(void **state)
{
	arena_free(*state);
	return 0;
}

static const char *
html(struct arena *a, const char *text)
{
	return markup_html(a, text, strlen(text));
}

struct sample {
	const char *text, *html;
};

static void
assert_all(struct arena *a, const struct sample *s)
{
	for (; s->text != NULL; s++)
		assert_string_equal(html(a, s->text), s->html);
}

static void
what_people_write_looks_as_they_mean_it(void **state)
{
	static const struct sample samples[] = {
		{ "", "" },
		{ "It *burns* **much**",
		    "<p>It <em>burns</em> <strong>much</strong></p>\n" },
		{ "~~no~~ `a<b`",
		    "<p><del>no</del> <code>a&lt;b</code></p>\n" },
		{ "- a\n- b", "<ul>\n<li>a</li>\n<li>b</li>\n</ul>\n" },
		{ "1. a\n2. b", "<ol>\n<li>a</li>\n<li>b</li>\n</ol>\n" },
		{ "> said", "<blockquote>\n<p>said</p>\n</blockquote>\n" },
		{ "```\na  b\n<c>\n```",
		    "<pre><code>a  b\n&lt;c&gt;\n</code></pre>\n" },
		{ "a\n\n---\n\nb", "<p>a</p>\n<hr>\n<p>b</p>\n" },
		{ NULL, NULL },
	};

	assert_all(*state, samples);
}

static void
a_list_begins_where_its_writer_began(void **state)
{
	static const struct sample samples[] = {
		{ "7. a", "<ol start=\"7\">\n<li>a</li>\n</ol>\n" },
		{ "0. a", "<ol start=\"0\">\n<li>a</li>\n</ol>\n" },
		{ "999999999. a",
		    "<ol start=\"999999999\">\n<li>a</li>\n</ol>\n" },
		{ NULL, NULL },
	};

	assert_all(*state, samples);
}

static void
line_ends_that_were_typed_are_shown(void **state)
{
	static const struct sample samples[] = {
		{ "12:01 up\n12:02 down", "<p>12:01 up<br>\n12:02 down</p>\n" },
		{ "a  \nb", "<p>a<br>\nb</p>\n" },
		{ NULL, NULL },
	};

	assert_all(*state, samples);
}

static void
headings_stay_below_those_of_the_page(void **state)
{
	static const struct sample samples[] = {
		{ "# a", "<h3>a</h3>\n" },
		{ "## a", "<h4>a</h4>\n" },
		{ "### a", "<h5>a</h5>\n" },
		{ "#### a", "<h6>a</h6>\n" },
		{ "###### a", "<h6>a</h6>\n" },
		{ NULL, NULL },
	};

	assert_all(*state, samples);
}

static void
tables_keep_their_alignment_in_classes(void **state)
{
	assert_string_equal(
	    html(*state, "|a|b|c|d|\n|---|:--|:-:|--:|\n|1|2|3|4|"),
	    "<table>\n<thead>\n<tr>\n<th>a</th>\n<th class=\"left\">b</th>\n"
	    "<th class=\"center\">c</th>\n<th class=\"right\">d</th>\n</tr>\n"
	    "</thead>\n<tbody>\n<tr>\n<td>1</td>\n<td class=\"left\">2</td>\n"
	    "<td class=\"center\">3</td>\n<td class=\"right\">4</td>\n"
	    "</tr>\n</tbody>\n</table>\n");
}

static void
raw_html_shows_as_the_text_that_was_typed(void **state)
{
	static const struct sample samples[] = {
		{ "<b>bold</b>", "<p>&lt;b&gt;bold&lt;/b&gt;</p>\n" },
		{ "<script>alert(1)</script>",
		    "<p>&lt;script&gt;alert(1)&lt;/script&gt;</p>\n" },
		{ "a <img src=x onerror=alert(1)>",
		    "<p>a &lt;img src=x onerror=alert(1)&gt;</p>\n" },
		{ "<!-- x -->", "<p>&lt;!-- x --&gt;</p>\n" },
		{ "<?php ?>", "<p>&lt;?php ?&gt;</p>\n" },
		{ "<![CDATA[x]]>", "<p>&lt;![CDATA[x]]&gt;</p>\n" },
		{ "\"quoted\" & 'so'",
		    "<p>&quot;quoted&quot; &amp; 'so'</p>\n" },
		{ NULL, NULL },
	};

	assert_all(*state, samples);
}

static void
links_that_lead_somewhere_are_made(void **state)
{
	static const struct {
		const char *text, *url, *shown;
	} samples[] = {
		{ "[a](https://b.example/c)", "https://b.example/c", "a" },
		{ "[a](HTTPS://b.example/C)", "https://b.example/C", "a" },
		{ "[a](http://b.example)", "http://b.example", "a" },
		{ "[a](mailto:b@c.example)", "mailto:b@c.example", "a" },
		{ "[a](/tickets/7#m1)", "/tickets/7#m1", "a" },
		{ "[a](/)", "/", "a" },
		{ "[a](/b?c=d&e=%66)", "/b?c=d&amp;e=%66", "a" },
		{ "[a](</b c\"d'e>)", "/b%20c%22d%27e", "a" },
		{ "[a](/\xc3\xa4)", "/%C3%A4", "a" },
		{ "[a](/b&amp;c)", "/b&amp;c", "a" },
		{ "[a](/b\\(c)", "/b(c", "a" },
		{ "https://b.example/c", "https://b.example/c",
		    "https://b.example/c" },
		{ "<https://b.example>", "https://b.example",
		    "https://b.example" },
		{ "<b@c.example>", "mailto:b@c.example", "b@c.example" },
		{ "[](https://b.example)", "https://b.example",
		    "https://b.example" },
		{ "[a][b]\n\n[b]: https://c.example", "https://c.example",
		    "a" },
	};
	struct arena *a = *state;
	size_t i;

	for (i = 0; i < sizeof(samples) / sizeof(*samples); i++)
		assert_string_equal(html(a, samples[i].text),
		    arena_printf(a, "<p>" LINK "</p>\n", samples[i].url,
			samples[i].shown));
}

static void
bare_addresses_become_links_without_their_full_stop(void **state)
{
	static const struct {
		const char *before, *url, *after;
	} samples[] = {
		{ "see ", "https://b.example/c", "." },
		{ "(", "http://b.example", ")" },
		{ "", "https://b.example/c_(d)", ", and" },
		{ "at ", "https://b.example/a_b_c.d", "!?" },
		{ "", "http://b.example:80/~c?d=e;f=%20#g", "" },
		{ "&quot;", "https://b.example", "&quot; so" },
		{ "&lt;a href=&quot;", "https://b.example", "&quot;&gt;" },
		{ "\xc3\xa4 ", "https://b.example/c", "\xe3\x80\x82" },
	};
	struct arena *a = *state;
	size_t i;

	for (i = 0; i < sizeof(samples) / sizeof(*samples); i++) {
		const char *url = samples[i].url;

		assert_string_equal(
		    html(a, arena_printf(a, "%s%s%s", samples[i].before, url,
				samples[i].after)),
		    arena_printf(a, "<p>%s" LINK "%s</p>\n", samples[i].before,
			url, url, samples[i].after));
	}
}

static void
what_only_looks_like_an_address_stays_text(void **state)
{
	static const struct sample samples[] = {
		{ "https://", "<p>https://</p>\n" },
		{ "http://.", "<p>http://.</p>\n" },
		{ "http://,)", "<p>http://,)</p>\n" },
		{ "xhttp://b.example", "<p>xhttp://b.example</p>\n" },
		{ "http:/b.example", "<p>http:/b.example</p>\n" },
		{ "http:///b", "<p>http:///b</p>\n" },
		{ "`https://b.example`",
		    "<p><code>https://b.example</code></p>\n" },
		{ "javascript://b", "<p>javascript://b</p>\n" },
		{ NULL, NULL },
	};

	assert_all(*state, samples);
}

static void
images_become_links(void **state)
{
	struct arena *a = *state;

	assert_string_equal(html(a, "![the log](https://b.example/x.png)"),
	    arena_printf(
		a, "<p>" LINK "</p>\n", "https://b.example/x.png", "the log"));
	assert_string_equal(html(a, "![](https://b.example/x.png)"),
	    arena_printf(a, "<p>" LINK "</p>\n", "https://b.example/x.png",
		"https://b.example/x.png"));
}

static void
a_link_never_stands_inside_a_link(void **state)
{
	struct arena *a = *state;

	assert_string_equal(
	    html(a, "[![x](https://a.example)](https://b.example)"),
	    arena_printf(a, "<p>" LINK "</p>\n", "https://b.example", "x"));
	assert_string_equal(
	    html(a, "![x [y](https://a.example)](https://b.example)"),
	    arena_printf(a, "<p>" LINK "</p>\n", "https://b.example", "x y"));
	assert_string_equal(html(a, "[![x](https://a.example)](javascript:y)"),
	    arena_printf(a, "<p>" LINK " (javascript:y)</p>\n",
		"https://a.example", "x"));
}

static void
a_refused_address_is_shown_and_not_lost(void **state)
{
	static const struct sample samples[] = {
		{ "[a](ftp://b.example)", "<p>a (ftp://b.example)</p>\n" },
		{ "<ftp://b.example>", "<p>ftp://b.example</p>\n" },
		{ "[a](javascript:b)", "<p>a (javascript:b)</p>\n" },
		{ "[a]()", "<p>a</p>\n" },
		{ NULL, NULL },
	};

	assert_all(*state, samples);
}

static void
addresses_that_could_do_harm_are_never_links(void **state)
{
	static const char *const hostile[] = {
		"[a](javascript:alert(1))",
		"[a](JaVaScRiPt:alert(1))",
		"[a](javascript&colon;alert(1))",
		"[a](&#106;avascript:x)",
		"[a](&#x6A;avascript:x)",
		"[a](&#0106;avascript:x)",
		"[a](javascript\\:x)",
		"[a](java&Tab;script:x)",
		"[a](java&#9;script:x)",
		"[a](java&NewLine;script:x)",
		"[a](java&#10;script:x)",
		"[a](&#1;javascript:x)",
		"[a](<\tjavascript:x>)",
		"[a](< javascript:x>)",
		"[a](\x01javascript:x)",
		"[a](&#x20;javascript:x)",
		"[a](vbscript:x)",
		"[a](data:text/html,x)",
		"[a](data:image/png;base64,x)",
		"[a](file:///etc/passwd)",
		"[a](blob:https://b.example/x)",
		"[a](feed:javascript:x)",
		"[a](view-source:https://b.example)",
		"[a](ftp://b.example)",
		"[a](xmpp:b@c)",
		"[a](tel:1)",
		"[a](about:blank)",
		"[a](//b.example)",
		"[a](/\\b.example)",
		"[a](\\\\b.example)",
		"[a](/\\/b.example)",
		"[a](&#47;&#47;b.example)",
		"[a](&sol;&sol;b.example)",
		"[a](/&#9;/b.example)",
		"[a](https:b.example)",
		"[a](https:/b.example)",
		"[a](https:///b.example)",
		"[a](https://)",
		"[a](http://?x)",
		"[a](https:\\\\b.example)",
		"[a](https&colon;//b.example)",
		"[a](mailto:)",
		"[a](b.html)",
		"[a](?b)",
		"[a](#b)",
		"[a](../b)",
		"<javascript:x>",
		"<vbscript:x>",
		"<data:text/html,x>",
		"![a](javascript:x)",
		"![a](data:text/html,x)",
		"[a]\n\n[a]: javascript:x",
		"[a]: <javascript:x>\n\n[a][]",
		"javascript://b.example/%0ax",
		"[a](jav\nascript:x)",
		"[a](java\xc2\xadscript:x)",
		"[a](\xe2\x80\x8bhttps://b.example)",
		"[a](https://b.example&#10;x)",
		"[a](/b&#x7f;c)",
		"[a](&#0;https://b.example)",
	};
	size_t i;

	for (i = 0; i < sizeof(hostile) / sizeof(*hostile); i++) {
		const char *out = html(*state, hostile[i]);

		if (strstr(out, "<a") != NULL)
			fail_msg("%s became %s", hostile[i], out);
	}
}

static void
nobody_can_close_the_quotes_of_an_attribute(void **state)
{
	static const char *const hostile[] = {
		"[a](https://b.example/\"onclick=x)",
		"[a](https://b.example/&quot;onclick=x)",
		"[a](https://b.example/&#34;&gt;&lt;b&gt;)",
		"[a](<https://b.example/\"><script>)",
		"[a](https://b.example \"\\\" onclick=x\")",
		"https://b.example/\"onclick=x",
		"```\"><script>\nx\n```",
		"|a\"b|c|\n|:-:|---|\n|\"onclick=x|d|",
	};
	size_t i;

	for (i = 0; i < sizeof(hostile) / sizeof(*hostile); i++) {
		const char *out = html(*state, hostile[i]);

		if (strstr(out, "\"onclick") != NULL ||
		    strstr(out, "\" onclick") != NULL ||
		    strstr(out, "<script") != NULL ||
		    strstr(out, "<b>") != NULL)
			fail_msg("%s became %s", hostile[i], out);
	}
}

static void
entities_are_read_and_unknown_ones_shown(void **state)
{
	static const struct sample samples[] = {
		{ "&lt;b&gt; &amp; &quot;", "<p>&lt;b&gt; &amp; &quot;</p>\n" },
		{ "&copy;&auml;&yuml;&nbsp;&euro;&hellip;",
		    "<p>\xc2\xa9\xc3\xa4\xc3\xbf\xc2\xa0\xe2\x82\xac"
		    "\xe2\x80\xa6</p>\n" },
		{ "&#65;&#x1F525;", "<p>A\xf0\x9f\x94\xa5</p>\n" },
		{ "&colon; &nosuch; &;",
		    "<p>&amp;colon; &amp;nosuch; &amp;;</p>\n" },
		{ "&#0; &#xD800; &#x110000; &#9999999;",
		    "<p>\xef\xbf\xbd \xef\xbf\xbd \xef\xbf\xbd "
		    "\xef\xbf\xbd</p>\n" },
		{ "&#27;&#x7f;&#x85;&#x9b;",
		    "<p>\xe2\x90\x9b\xe2\x90\xa1\xe2\x90\xa4\xe2\x90\xa6</p>\n" },
		{ NULL, NULL },
	};

	assert_all(*state, samples);
}

static void
control_characters_show_as_their_pictures(void **state)
{
	static const struct sample samples[] = {
		{ "a\x1b[31m\x07", "<p>a\xe2\x90\x9b[31m\xe2\x90\x87</p>\n" },
		{ "a\x7f\xc2\x85\xc2\x9b\xc2\xa0z",
		    "<p>a\xe2\x90\xa1\xe2\x90\xa4\xe2\x90\xa6\xc2\xa0z</p>\n" },
		{ "`a\x01`", "<p><code>a\xe2\x90\x81</code></p>\n" },
		{ "    a\tb\x02\n",
		    "<pre><code>a\tb\xe2\x90\x82\n</code></pre>\n" },
		{ NULL, NULL },
	};

	assert_all(*state, samples);
}

static void
a_nul_byte_never_comes_out(void **state)
{
	static const char text[] = "a\0b `c\0d` [e](/\0f)";
	const char *out = markup_html(*state, text, sizeof(text) - 1);

	assert_string_equal(out + strlen(out) - 5, "</p>\n");
	assert_non_null(strstr(out, "a\xef\xbf\xbd"
				    "b"));
}

static char *
repeated(struct arena *a, const char *piece, size_t times)
{
	size_t size = strlen(piece), i;
	char *text = arena_alloc(a, size * times + 1);

	for (i = 0; i < times; i++)
		memcpy(text + i * size, piece, size);
	return text;
}

static void
what_nests_too_deep_shows_as_plain_text_whole(void **state)
{
	struct arena *a = *state;
	const char *deep = repeated(a, "> ", 33);
	const char *out = html(a, arena_printf(a, "%sx<y", deep));

	assert_memory_equal(out, "<pre>\n&gt; &gt; ", 16);
	assert_non_null(strstr(out, "x&lt;y</pre>\n"));
	out = html(a, arena_printf(a, "%sx", repeated(a, "> ", 20)));
	assert_memory_equal(out, "<blockquote>", 12);
}

static void
plain_text_keeps_its_first_line_end(void **state)
{
	struct arena *a = *state;
	const char *deep = repeated(a, "> ", 40);

	assert_memory_equal(
	    html(a, arena_printf(a, "\n%s", deep)), "<pre>\n\n&gt;", 11);
}

static void
references_cannot_blow_up_the_page(void **state)
{
	struct arena *a = *state;
	char *url = repeated(a, "x", 5000);
	char *text = arena_printf(a, "[a]: https://b.example/%s\n\n%s", url,
	    repeated(a, "[a] ", 5000));
	const char *out = html(a, text);

	assert_memory_equal(out, "<pre>\n[a]: ", 11);
	assert_true(strlen(out) < 4 * strlen(text) + 65536);
}

static void
no_text_grows_beyond_its_bounds(void **state)
{
	static const char *const pieces[] = { "> ", "[", "![[]()", "`", "|a",
		"\"", "&", "<", "\x01", "- ", "* a **b ", "https://a.example ",
		"[a](/b)", "![](/b)", "[a](x:y)", "|\n", "a|b\n-|-\n|\n", "\\",
		"a@b.", "~~", "1. ", "\n\n", "&#1;", "_a_ ", "<a@b.c>", ")))" };
	struct arena *a = *state;
	size_t i;

	for (i = 0; i < sizeof(pieces) / sizeof(*pieces); i++) {
		char *text = repeated(a, pieces[i], 65536 / strlen(pieces[i]));
		size_t size = strlen(text);
		const char *out = markup_html(a, text, size);

		assert_true(strlen(out) <= 6 * size + 64);
		assert_true(form_utf8(out, strlen(out)));
		arena_reset(a);
	}
}

static void
any_wide_table_ends(void **state)
{
	struct arena *a = *state;
	char *text = arena_printf(a, "%s\n%s\n%s", repeated(a, "|a", 1000),
	    repeated(a, "|-", 1000), repeated(a, "|\n", 30000));
	const char *out = html(a, text);

	assert_true(strlen(out) <= 4 * strlen(text) + 65536);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_people_write_looks_as_they_mean_it),
		TEST(a_list_begins_where_its_writer_began),
		TEST(line_ends_that_were_typed_are_shown),
		TEST(headings_stay_below_those_of_the_page),
		TEST(tables_keep_their_alignment_in_classes),
		TEST(raw_html_shows_as_the_text_that_was_typed),
		TEST(links_that_lead_somewhere_are_made),
		TEST(bare_addresses_become_links_without_their_full_stop),
		TEST(what_only_looks_like_an_address_stays_text),
		TEST(images_become_links),
		TEST(a_link_never_stands_inside_a_link),
		TEST(a_refused_address_is_shown_and_not_lost),
		TEST(addresses_that_could_do_harm_are_never_links),
		TEST(nobody_can_close_the_quotes_of_an_attribute),
		TEST(entities_are_read_and_unknown_ones_shown),
		TEST(control_characters_show_as_their_pictures),
		TEST(a_nul_byte_never_comes_out),
		TEST(what_nests_too_deep_shows_as_plain_text_whole),
		TEST(plain_text_keeps_its_first_line_end),
		TEST(references_cannot_blow_up_the_page),
		TEST(no_text_grows_beyond_its_bounds),
		TEST(any_wide_table_ends),
	};

	return cmocka_run_group_tests_name("markup", tests, NULL, NULL);
}
