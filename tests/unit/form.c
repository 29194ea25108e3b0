#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "arena.h"
#include "form.h"
#include "web.h"

static const struct field fields[] = {
	{ "subject", FORM_LINE, 5, "Shorter, please" },
	{ "body", FORM_TEXT, 1000, "Too long" },
	{ "do", FORM_LINE, 10, "Which button is that?" },
	{ NULL, FORM_LINE, 0, NULL },
};

static int
set_up(void **state)
{
	static struct request r;

	memset(&r, 0, sizeof(r));
	r.arena = arena_new(4096);
	*state = &r;
	return 0;
}

static int
tear_down(void **state)
{
	struct request *r = *state;

	arena_free(r->arena);
	return 0;
}

static bool
post(struct request *r, const char *body)
{
	r->body = body;
	r->body_size = strlen(body);
	r->status = 0;
	return form_read(r, fields);
}

static void
assert_refused(struct request *r, const char *body)
{
	if (post(r, body))
		fail_msg("\"%s\" was read", body);
	assert_int_equal(r->status, 400);
}

static void
values_are_decoded_once(void **state)
{
	struct request *r = *state;

	assert_true(post(r, "subject=a+b%2B&body=%2541%C3%A4&do=send"));
	assert_string_equal(form_text(r, "subject"), "a b+");
	assert_string_equal(form_text(r, "body"), "%41\xc3\xa4");
	assert_string_equal(form_text(r, "do"), "send");
	assert_true(form_complete(r));
}

static void
a_field_that_was_not_sent_is_empty(void **state)
{
	struct request *r = *state;

	assert_true(post(r, "subject=&do"));
	assert_string_equal(form_text(r, "body"), "");
	assert_null(form_or_null(r, "body"));
	assert_null(form_or_null(r, "subject"));
	assert_true(form_sent(r, "subject"));
	assert_true(form_sent(r, "do"));
	assert_false(form_sent(r, "body"));
}

static void
an_empty_body_is_an_empty_form(void **state)
{
	struct request *r = *state;

	assert_true(post(r, ""));
	assert_true(post(r, "&&&"));
	assert_string_equal(form_text(r, "subject"), "");
	assert_true(post(r, "&subject=x&&do=y&"));
	assert_string_equal(form_text(r, "subject"), "x");
	assert_string_equal(form_text(r, "do"), "y");
}

static void
many_short_pieces_do_not_run_into_each_other(void **state)
{
	struct request *r = *state;

	assert_true(post(r, "do&body&subject"));
	assert_string_equal(form_text(r, "do"), "");
	assert_true(post(r, "do&body=b=b&subject=s"));
	assert_string_equal(form_text(r, "do"), "");
	assert_string_equal(form_text(r, "body"), "b=b");
	assert_string_equal(form_text(r, "subject"), "s");
}

static void
what_no_browser_sends_is_refused(void **state)
{
	static const char *const corpus[] = {
		"subject=%", "subject=%4", "subject=%4&body=x", "subject=%zz",
		"subject=%%41", "%=x", "subject=%-1", "subject=% 1",
		"subject=a%00b", "subject%00=b", "subject=%00", /* NUL */
		"subject=\xff", "subject=%ff", "subject=%c3", "subject=%c3%28",
		"subject=%a0", "subject=%f8%88%80%80%80", /* no UTF-8 */
		"subject=%c0%80", "subject=%c0%af", "subject=%e0%80%af",
		"subject=%f0%80%80%af", "subject=%c1%81",       /* overlong */
		"subject=%ed%a0%80", "subject=%ed%bf%bf",       /* surrogates */
		"subject=%f4%90%80%80", "subject=%f5%80%80%80", /* too far */
		"subject=a&subject=b", "subject=a&subject=a",
		"subject&subject", /* twice */
		"colour=red", "Subject=x", "subject[]=x", "=", "=x",
		"subject%3dx", "sub%E9ject=x", "is_staff=t",   /* unknown */
		"subject=a%0Ab", "subject=a%0D%0Ab", "do=%0D", /* lines */
	};
	size_t i;

	for (i = 0; i < sizeof(corpus) / sizeof(*corpus); i++)
		assert_refused(*state, corpus[i]);
}

static void
a_nul_byte_in_the_body_is_refused(void **state)
{
	struct request *r = *state;

	r->body = "subject=a\0b";
	r->body_size = 11;
	assert_false(form_read(r, fields));
	r->body = "subject\0=b";
	r->body_size = 10;
	assert_false(form_read(r, fields));
}

static void
every_character_there_is_passes(void **state)
{
	static const char *const all[] = { "\x01\x1b\x7f", "\xc2\x80",
		"\xdf\xbf", "\xe0\xa0\x80", "\xec\xbf\xbf", "\xed\x9f\xbf",
		"\xee\x80\x80", "\xef\xbf\xbf", "\xf0\x90\x80\x80",
		"\xf4\x8f\xbf\xbf", "\xf0\x9f\x94\xa5" };
	struct request *r = *state;
	size_t i;

	for (i = 0; i < sizeof(all) / sizeof(*all); i++) {
		assert_true(
		    post(r, arena_printf(r->arena, "subject=%s", all[i])));
		assert_string_equal(form_text(r, "subject"), all[i]);
	}
}

static void
utf8_is_judged_by_the_given_size(void **state)
{
	(void)state;
	assert_true(form_utf8("", 0));
	assert_false(form_utf8("\xc3\xa4", 1));
	assert_false(form_utf8("\xe2\x82\xac", 2));
	assert_false(form_utf8("\xf0\x9f\x94\xa5", 3));
	assert_true(form_utf8("\xf0\x9f\x94\xa5", 4));
}

static void
line_ends_of_html_become_line_feeds(void **state)
{
	struct request *r = *state;

	assert_true(post(r, "body=a%0D%0Ab%0Ac%0Dd%0D%0D%0Ae%0D"));
	assert_string_equal(form_text(r, "body"), "a\nb\nc\rd\r\ne\r");
}

static void
blanks_and_tabs_stay_where_they_were_typed(void **state)
{
	struct request *r = *state;

	assert_true(post(r, "body=%0D%0A++x%09%0D%0A&subject=+a+"));
	assert_string_equal(form_text(r, "body"), "\n  x\t\n");
	assert_string_equal(form_text(r, "subject"), " a ");
}

static void
too_long_is_a_complaint_that_keeps_the_text(void **state)
{
	const char *name, *value, *complaint;
	struct request *r = *state;

	assert_true(post(r, "subject=%C3%A4%C3%A4%C3%A4%C3%A4%C3%A4"));
	assert_true(form_complete(r));
	assert_true(post(r, "subject=123456"));
	assert_false(form_complete(r));
	assert_true(form_field(r, 0, &name, &value, &complaint));
	assert_string_equal(name, "subject");
	assert_string_equal(value, "123456");
	assert_string_equal(complaint, "Shorter, please");
	assert_true(form_field(r, 1, &name, &value, &complaint));
	assert_null(complaint);
	assert_true(form_field(r, 2, &name, &value, &complaint));
	assert_false(form_field(r, 3, &name, &value, &complaint));
}

static void
the_first_complaint_about_a_field_stays(void **state)
{
	const char *name, *value, *complaint;
	struct request *r = *state;

	assert_true(post(r, "subject="));
	assert_true(form_complete(r));
	form_complain(r, "subject", "Say what is wrong");
	form_complain(r, "subject", "And do it soon");
	assert_false(form_complete(r));
	form_field(r, 0, &name, &value, &complaint);
	assert_string_equal(complaint, "Say what is wrong");
}

static void
a_query_ignores_names_that_others_made_up(void **state)
{
	struct request *r = *state;

	r->query = "utm_source=mail&subject=x&y=1";
	assert_true(form_query(r, fields));
	assert_string_equal(form_text(r, "subject"), "x");
	r->query = "subject=x&subject=y";
	assert_false(form_query(r, fields));
	assert_int_equal(r->status, 400);
	r->query = "other=%ff";
	assert_false(form_query(r, fields));
}

static void
before_it_is_read_a_form_is_empty(void **state)
{
	struct request *r = *state;
	const char *s;

	assert_string_equal(form_text(r, "subject"), "");
	assert_false(form_sent(r, "subject"));
	assert_false(form_complete(r));
	assert_false(form_field(r, 0, &s, &s, &s));
}

static void
a_path_keeps_its_plus_signs(void **state)
{
	char to[8];

	(void)state;
	assert_int_equal(form_decode(to, "a+%20b", 6, false), 4);
	assert_string_equal(to, "a+ b");
	assert_int_equal(form_decode(to, "a+%20b", 6, true), 4);
	assert_string_equal(to, "a  b");
	assert_int_equal(form_decode(to, "%41", 2, true), -1);
	assert_int_equal(form_decode(to, "%00", 3, true), -1);
}

/* Processor time to read n pairs, the least of several tries. */
static double
seconds_for(struct request *r, size_t n, const char *pair)
{
	size_t size = strlen(pair), i;
	char *query = malloc(n * size + 1);
	double best = 1e9;
	int try;

	for (i = 0; i < n; i++)
		memcpy(query + i * size, pair, size);
	query[n * size] = '\0';
	r->query = query;
	for (try = 0; try < 7; try++) {
		clock_t begin = clock();
		double took;

		assert_true(form_query(r, fields));
		took = (double)(clock() - begin) / CLOCKS_PER_SEC;
		best = took < best ? took : best;
		arena_reset(r->arena);
		r->form = NULL;
	}
	free(query);
	return best;
}

/* A tenfold form takes ten times as long; a square would take a hundred. */
static void
ten_times_the_fields_take_ten_times_as_long(void **state)
{
	static const char *const pairs[] = { "a=b&", "&", "=&", "%41%42&",
		"=====", "a+b+c=%C3%A4&" };
	size_t i;

	for (i = 0; i < sizeof(pairs) / sizeof(*pairs); i++) {
		double few = seconds_for(*state, 20000, pairs[i]);
		double many = seconds_for(*state, 200000, pairs[i]);

		assert_true(many < 40 * few + 0.01);
	}
}

static void
a_hundred_thousand_unknown_fields_end_at_the_first(void **state)
{
	size_t size = 100000 * 4, i;
	struct request *r = *state;
	char *body = malloc(size);

	for (i = 0; i < size; i += 4)
		memcpy(body + i, "x=y&", 4);
	r->body = body;
	r->body_size = size;
	assert_false(form_read(r, fields));
	assert_int_equal(r->status, 400);
	free(body);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(values_are_decoded_once),
		TEST(a_field_that_was_not_sent_is_empty),
		TEST(an_empty_body_is_an_empty_form),
		TEST(many_short_pieces_do_not_run_into_each_other),
		TEST(what_no_browser_sends_is_refused),
		TEST(a_nul_byte_in_the_body_is_refused),
		TEST(every_character_there_is_passes),
		TEST(utf8_is_judged_by_the_given_size),
		TEST(line_ends_of_html_become_line_feeds),
		TEST(blanks_and_tabs_stay_where_they_were_typed),
		TEST(too_long_is_a_complaint_that_keeps_the_text),
		TEST(the_first_complaint_about_a_field_stays),
		TEST(a_query_ignores_names_that_others_made_up),
		TEST(before_it_is_read_a_form_is_empty),
		TEST(a_path_keeps_its_plus_signs),
		TEST(ten_times_the_fields_take_ten_times_as_long),
		TEST(a_hundred_thousand_unknown_fields_end_at_the_first),
	};

	return cmocka_run_group_tests_name("form", tests, NULL, NULL);
}
