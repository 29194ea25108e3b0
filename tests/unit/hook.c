#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "arena.h"
#include "hook.h"
#include "token.h"

static struct arena *arena;

static int
set_up(void **state)
{
	(void)state;
	token_start(NULL);
	arena = arena_new(4096);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	arena_free(arena);
	return 0;
}

static bool
is_private(const char *text)
{
	struct sockaddr_in in = { .sin_family = AF_INET };
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6 };

	if (inet_pton(AF_INET, text, &in.sin_addr) == 1)
		return hook_private((struct sockaddr *)&in);
	assert_int_equal(inet_pton(AF_INET6, text, &in6.sin6_addr), 1);
	return hook_private((struct sockaddr *)&in6);
}

/* The edges of each range, and what would slip through a careless mask. */
static void
addresses_of_our_own_network_are_known(void **state)
{
	static const char *const ours[] = { "0.0.0.0", "0.255.255.255",
		"10.0.0.0", "10.255.255.255", "100.64.0.0", "100.127.255.255",
		"127.0.0.1", "127.255.255.255", "169.254.169.254", "172.16.0.0",
		"172.31.255.255", "192.0.0.8", "192.0.2.1", "192.88.99.1",
		"192.168.0.0", "192.168.255.255", "198.18.0.0",
		"198.19.255.255", "198.51.100.1", "203.0.113.255", "224.0.0.1",
		"239.255.255.255", "240.0.0.1", "255.255.255.255", "::", "::1",
		"::ffff:127.0.0.1", "::ffff:8.8.8.8", "::127.0.0.1",
		"64:ff9b::10.0.0.1", "64:ff9b:1::1", "100::1", "2001::1",
		"2001:1ff:ffff::", "2001:db8::1",
		"2002:7f00:1::", "2002:c0a8:101::1", "3fff::1", "4000::1",
		"fc00::1", "fd12:3456::1", "fe80::1", "febf::1", "fec0::1",
		"ff02::1" };
	static const char *const theirs[] = { "1.1.1.1", "9.255.255.255",
		"11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255",
		"128.0.0.0", "169.253.255.255", "169.255.0.0", "172.15.255.255",
		"172.32.0.0", "192.0.1.0", "192.0.3.0", "192.167.255.255",
		"192.169.0.0", "198.17.255.255", "198.20.0.0", "198.51.101.0",
		"203.0.114.0", "223.255.255.255", "2606:4700::1111",
		"2001:200::1", "2002:808:808::", "64:ff9b::8.8.8.8",
		"2a00::1" };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(ours) / sizeof(*ours); i++)
		if (!is_private(ours[i]))
			fail_msg("%s", ours[i]);
	for (i = 0; i < sizeof(theirs) / sizeof(*theirs); i++)
		if (is_private(theirs[i]))
			fail_msg("%s", theirs[i]);
}

static void
other_kinds_of_address_are_ours(void **state)
{
	struct sockaddr local = { .sa_family = AF_UNIX };

	(void)state;
	assert_true(hook_private(&local));
}

/* The example of the specification of Standard Webhooks. */
static void
a_signature_is_that_of_the_standard(void **state)
{
	static const struct hook h = { "x", "https://a.example",
		{ "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", NULL } };

	(void)state;
	assert_string_equal(
	    hook_signature(arena, &h, "msg_p5jXN8AQM9LWM0D4loKWxJek",
		"1614265330", "{\"test\": 2432232314}"),
	    "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
}

static void
two_secrets_make_two_signatures(void **state)
{
	static const struct hook both = { "x", "", { "old", "new" } };
	static const struct hook old = { "x", "", { "old", NULL } };
	static const struct hook new = { "x", "", { "new", NULL } };

	(void)state;
	assert_string_equal(hook_signature(arena, &both, "i", "1", "{}"),
	    arena_printf(arena, "%s %s",
		hook_signature(arena, &old, "i", "1", "{}"),
		hook_signature(arena, &new, "i", "1", "{}")));
}

static const char *
written(const char *text)
{
	static char file[64];
	int fd;

	snprintf(file, sizeof(file), "/tmp/nightdesk-hooks.XXXXXX");
	assert_true((fd = mkstemp(file)) >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (int)strlen(text));
	close(fd);
	return file;
}

static void
the_file_names_each_hook(void **state)
{
	const char *file = written("# comment\n\n a\thttps://a.example s1\n"
				   "b  https://b.example/x?y s2 s3  \n");
	const struct hook *all = hook_file(arena, file), *b;

	(void)state;
	unlink(file);
	b = hook_find(all, "b");
	assert_non_null(b);
	assert_string_equal(b->url, "https://b.example/x?y");
	assert_string_equal(b->secret[1], "s3");
	assert_null(hook_find(all, "a")->secret[1]);
	assert_null(hook_find(all, "c"));
	assert_null(hook_find(NULL, "a"));
}

static bool
refused(const char *text)
{
	const char *file = written(text);
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		if (freopen("/dev/null", "w", stderr) == NULL)
			_exit(3);
		hook_file(arena, file);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	unlink(file);
	return WIFEXITED(status) && WEXITSTATUS(status) == 1;
}

static void
a_broken_file_ends_the_program(void **state)
{
	(void)state;
	assert_true(refused("a\n"));
	assert_true(refused("a https://a.example\n"));
	assert_true(refused("a ftp://a.example s\n"));
	assert_true(refused("a https://a.example s t u\n"));
	assert_true(
	    refused(arena_printf(arena, "a https://a.example %0300d\n", 0)));
	assert_true(refused(arena_printf(arena, "%03000d\n", 0)));
	assert_true(refused("a https://a.example whsec_*\n"));
	assert_true(refused("a https://a.example whsec_\n"));
	assert_true(refused("a https://a.example whsec_AA=A\n"));
	assert_true(refused("a https://a.example s whsec_AAAAA\n"));
	assert_true(refused("a https://a.example s\n# b\n"
			    "a https://b.example s\n"));
	assert_false(refused("a https://a.example whsec_AA== whsec_AA\n"
			     "b https://a.example s\n"));
	assert_false(refused(""));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(addresses_of_our_own_network_are_known),
		TEST(other_kinds_of_address_are_ours),
		TEST(a_signature_is_that_of_the_standard),
		TEST(two_secrets_make_two_signatures),
		TEST(the_file_names_each_hook),
		TEST(a_broken_file_ends_the_program),
	};

	return cmocka_run_group_tests_name("hook", tests, NULL, NULL);
}
