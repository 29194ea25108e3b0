#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "arena.h"
#include "auth.h"
#include "conf.h"
#include "token.h"
#include "web.h"

static const char *cookie = ""; /* whatever its name */

const char *
web_cookie(const struct request *r, const char *name)
{
	(void)r;
	(void)name;
	return cookie;
}

static int
set_up(void **state)
{
	static const char ring[] = "07:000102030405060708090a0b0c0d0e0f"
				   "101112131415161718191a1b1c1d1e1f\n";
	char file[] = "/tmp/nightdesk-keyring.XXXXXX";
	struct conf conf = { .keyring = file };
	static struct request r;
	int fd = mkstemp(file);

	if (fd < 0 || write(fd, ring, strlen(ring)) < 0)
		return -1;
	close(fd);
	token_start(&conf);
	unlink(file);
	memset(&r, 0, sizeof(r));
	r.arena = arena_new(4096);
	r.address = "192.0.2.7";
	*state = &r;
	cookie = "";
	return 0;
}

static int
tear_down(void **state)
{
	struct request *r = *state;

	arena_free(r->arena);
	return 0;
}

/* A token as auth_token() would have made it `seconds` ago. */
static const char *
aged_token(struct request *r, const char *purpose, long seconds)
{
	unsigned char token[8 + AUTH_KEY + 1 + TOKEN_MAC];
	uint64_t issued = (uint64_t)(time(NULL) - seconds);
	int i;

	memset(token, 'k', sizeof(token));
	for (i = 7; i >= 0; i--, issued >>= 8)
		token[i] = (unsigned char)(issued & 0xff);
	token_sign(token + 8 + AUTH_KEY,
	    arena_printf(r->arena, "form %s", purpose), token, 8 + AUTH_KEY);
	return token_encode(r->arena, token, sizeof(token));
}

static void
a_form_may_lie_open_for_a_day(void **state)
{
	static const struct {
		long seconds;
		enum auth_verdict verdict;
	} ages[] = { { 0, AUTH_EARLY }, { 3, AUTH_GOOD }, { 3600, AUTH_GOOD },
		{ AUTH_FORM_SECONDS - 5, AUTH_GOOD },
		{ AUTH_FORM_SECONDS + 5, AUTH_EXPIRED },
		{ 400L * 24 * 3600, AUTH_EXPIRED } };
	unsigned char key[AUTH_KEY];
	struct request *r = *state;
	size_t i;

	for (i = 0; i < sizeof(ages) / sizeof(*ages); i++)
		assert_int_equal(
		    auth_check(r, "report",
			aged_token(r, "report", ages[i].seconds), key),
		    ages[i].verdict);
}

static void
a_clock_that_was_put_back_locks_nobody_out(void **state)
{
	unsigned char key[AUTH_KEY];
	struct request *r = *state;

	assert_int_equal(
	    auth_check(r, "report", aged_token(r, "report", -3600), key),
	    AUTH_GOOD);
	assert_int_equal(
	    auth_check(r, "report",
		aged_token(r, "report", -AUTH_FORM_SECONDS - 60), key),
	    AUTH_EXPIRED);
}

static void
a_fresh_token_is_ours_but_early(void **state)
{
	unsigned char a[AUTH_KEY], b[AUTH_KEY], none[AUTH_KEY] = { 0 };
	struct request *r = *state;
	const char *token = auth_token(r, "report");

	assert_int_equal(auth_check(r, "report", token, a), AUTH_EARLY);
	assert_int_equal(auth_check(r, "report", token, b), AUTH_EARLY);
	assert_memory_equal(a, b, AUTH_KEY);
	assert_memory_not_equal(a, none, AUTH_KEY);
	auth_check(r, "report", auth_token(r, "report"), b);
	assert_memory_not_equal(a, b, AUTH_KEY);
}

static void
what_is_not_ours_is_forged_and_has_no_key(void **state)
{
	unsigned char key[AUTH_KEY], none[AUTH_KEY] = { 0 };
	struct request *r = *state;
	char *token = arena_copy(r->arena, aged_token(r, "report", 60));

	assert_int_equal(auth_check(r, "report", "", key), AUTH_FORGED);
	assert_int_equal(auth_check(r, "reply", token, key), AUTH_FORGED);
	token[5] = token[5] == 'A' ? 'B' : 'A';
	memset(key, 1, sizeof(key));
	assert_int_equal(auth_check(r, "report", token, key), AUTH_FORGED);
	assert_memory_equal(key, none, AUTH_KEY);
}

static void
the_link_comes_from_the_key_and_does_not_tell_it(void **state)
{
	unsigned char key[AUTH_KEY] = "0123456789abcde";
	struct request *r = *state;
	const char *link = auth_link(r, key);

	assert_int_equal(strlen(link), 22);
	assert_string_equal(link, auth_link(r, key));
	assert_string_not_equal(link, token_encode(r->arena, key, AUTH_KEY));
	assert_string_equal(auth_key_hash(r, key),
	    token_sha256(r->arena, "0123456789abcde", AUTH_KEY));
	key[0] ^= 1;
	assert_string_not_equal(link, auth_link(r, key));
}

static void
only_letters_of_a_token_pass_as_a_session(void **state)
{
	struct request *r = *state;

	assert_null(auth_session(r));
	cookie = "abc_-9";
	assert_string_equal(auth_session(r), "abc_-9");
	assert_string_equal(auth_link_cookie(r), "abc_-9");
	cookie = "abc'--";
	assert_null(auth_session(r));
	cookie = arena_printf(r->arena, "%0200d", 1);
	assert_null(auth_session(r));
}

static void
a_purpose_belongs_to_one_session(void **state)
{
	struct request *r = *state;
	const char *nobody = auth_purpose(r, "note"), *a, *b;

	cookie = "a";
	a = auth_purpose(r, "note");
	cookie = "b";
	b = auth_purpose(r, "note");
	assert_string_not_equal(a, b);
	assert_string_not_equal(a, nobody);
	assert_memory_equal(a, "note ", 5);
	assert_int_equal(strlen(a), 5 + 64);
}

static void
neighbours_share_a_network_and_strangers_do_not(void **state)
{
	struct request *r = *state;
	const char *home = auth_visitor(r), *six;

	assert_int_equal(strlen(home), 64);
	r->address = "192.0.2.200";
	assert_string_equal(auth_visitor(r), home);
	r->address = "192.0.3.7";
	assert_string_not_equal(auth_visitor(r), home);
	r->address = "2001:db8:1:2::1";
	six = auth_visitor(r);
	r->address = "2001:db8:1:2:ffff::9";
	assert_string_equal(auth_visitor(r), six);
	r->address = "2001:db8:1:3::1";
	assert_string_not_equal(auth_visitor(r), six);
	r->address = "unix:";
	assert_int_equal(strlen(auth_visitor(r)), 64);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_form_may_lie_open_for_a_day),
		TEST(a_clock_that_was_put_back_locks_nobody_out),
		TEST(a_fresh_token_is_ours_but_early),
		TEST(what_is_not_ours_is_forged_and_has_no_key),
		TEST(the_link_comes_from_the_key_and_does_not_tell_it),
		TEST(only_letters_of_a_token_pass_as_a_session),
		TEST(a_purpose_belongs_to_one_session),
		TEST(neighbours_share_a_network_and_strangers_do_not),
	};

	return cmocka_run_group_tests_name("auth", tests, NULL, NULL);
}
