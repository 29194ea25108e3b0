/* Which passwords will do. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "arena.h"
#include "password.h"
#include "token.h"

static struct arena *arena;

static const char *
fault(const char *password)
{
	return password_fault(arena, password, "ann", "Night Desk");
}

static void
a_password_that_is_tried_first_will_not_do(void **state)
{
	static const char *const weak[] = { "short", "elevenchars",
		"aaaaaaaaaaaa", "xyzxyzxyzxyzx", "123456789012",
		"Password2026!", "Summer2026!!!", "P4ssw0rdP4ssw0rd",
		"letmein-letmein-1", "Qwertzuiop12", "i am ann 12345",
		"iloveyou1234", "1q2w3e4r5t6y", "princess12345",
		"liverpool1892", "mitchell19851985", "November2026",
		"administrator1", "trustno1trustno1", "my NightDesk here",
		"\xff\xfe\xff\xfe\xff\xfe\xff\xfe\xff\xfe"
		"\xff\xfe" };
	static const char *const good[] = { "correct horse battery",
		"seven lamps on a quiet desk", "Xk3vQ9mTz7LpR2",
		"\xd0\xb7\xd0\xb5\xd0\xbb\xd0\xb5\xd0\xbd\xd1\x8b\xd0\xb9 "
		"\xd1\x87\xd0\xb0\xd0\xb9 \xd1\x82\xd1\x83\xd1\x82" };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(weak) / sizeof(*weak); i++)
		if (fault(weak[i]) == NULL)
			fail_msg("\"%s\" would do", weak[i]);
	for (i = 0; i < sizeof(good) / sizeof(*good); i++)
		if (fault(good[i]) != NULL)
			fail_msg("\"%s\" %s", good[i], fault(good[i]));
}

static void
what_is_wrong_is_said(void **state)
{
	(void)state;
	assert_string_equal(fault("i am ann 12345"), "contains the login");
	assert_string_equal(
	    fault("my NightDesk here"), "contains the name of the desk");
	assert_string_equal(fault("xyzxyzxyzxyzx"), "repeats itself");
	assert_non_null(strstr(fault("Summer2026!!!"), "too easy to guess"));
	assert_null(
	    password_fault(arena, "my NightDesk is a boat", "ann", NULL));
}

static void
a_salt_is_another_one_each_time(void **state)
{
	(void)state;
	assert_string_not_equal(password_salt(arena), password_salt(arena));
	assert_int_equal(strlen(password_salt(arena)), 32);
}

static int
set_up(void **state)
{
	(void)state;
	token_start(NULL);
	arena = arena_new(64 * 1024);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	arena_free(arena);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_password_that_is_tried_first_will_not_do),
		cmocka_unit_test(what_is_wrong_is_said),
		cmocka_unit_test(a_salt_is_another_one_each_time),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
