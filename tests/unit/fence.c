#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/prctl.h>

#include "../lib/attempts.h"

#include <cmocka.h>

#include "fence.h"

#ifndef __has_feature
#define __has_feature(x) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer)
#define SANITIZER true
#else
#define SANITIZER false
#endif

#define KILLED 1000
#define FREE (-1)         /* may do as the kernel likes, here and there */
#define LANDLOCK (EACCES) /* 0 where the kernel has none */

/*
 * What comes of each attempt without a fence and behind each; a build with
 * the address sanitizer has to let some through, the last column.
 */
static const struct expected {
	const char *name;
	int open, web, command, place, network;
	bool reports;
} expected[] = {
	{ "work", 0, 0, 0, 0, 0, false },
	{ "read /etc/passwd", 0, EPERM, EPERM, EPERM, 0, true },
	{ "read a file", 0, EPERM, EPERM, EPERM, LANDLOCK, true },
	{ "list a directory", 0, EPERM, EPERM, EPERM, LANDLOCK, true },
	{ "write to a file", 0, EPERM, EPERM, EPERM, EPERM, false },
	{ "make a file", 0, EPERM, EPERM, EPERM, EPERM, false },
	{ "open by another call", 0, EPERM, EPERM, EPERM, EPERM, false },
	{ "change a mode", 0, EPERM, EPERM, EPERM, EPERM, false },
	{ "rename a file", 0, EPERM, EPERM, 0, EPERM, false },
	{ "remove a file", 0, EPERM, EPERM, 0, EPERM, false },
	{ "remove a directory", 0, EPERM, EPERM, EPERM, EPERM, false },
	{ "make a socket for the network", 0, EPERM, EPERM, EPERM, 0, false },
	{ "make a local socket", 0, EPERM, EPERM, EPERM, 0, false },
	{ "ask for routes", 0, EPERM, EPERM, EPERM, 0, false },
	{ "make a socket of the kernel's audit", FREE, EPERM, EPERM, EPERM,
	    EPERM, false },
	{ "make a socket of the kernel's ciphers", FREE, EPERM, EPERM, EPERM,
	    EPERM, false },
	{ "connect a socket from before", 0, EPERM, EPERM, EPERM, 0, false },
	{ "serve others", 0, EPERM, EPERM, EPERM, EPERM, false },
	{ "make a process", 0, EPERM, EPERM, EPERM, EPERM, false },
	{ "make a thread", 0, EPERM, EPERM, EPERM, 0, true },
	{ "signal the parent", 0, EPERM, EPERM, EPERM, EPERM, false },
	{ "set limits", 0, EPERM, EPERM, EPERM, EPERM, true },
	{ "change the user", 0, EPERM, EPERM, EPERM, EPERM, false },
	/* it becomes another program, which ends with 0 */
	{ "run a program", 0, KILLED, KILLED, KILLED, KILLED, false },
	{ "run a descriptor", FREE, KILLED, KILLED, KILLED, KILLED, false },
	{ "map code", 0, KILLED, KILLED, KILLED, EPERM, false },
	{ "map code to write", 0, KILLED, KILLED, KILLED, KILLED, false },
	{ "make code of data", 0, KILLED, KILLED, KILLED, KILLED, false },
	{ "make a hidden file", 0, KILLED, KILLED, KILLED, KILLED, false },
	{ "be traced", 0, KILLED, KILLED, KILLED, KILLED, true },
	{ "read memory of a process", 0, KILLED, KILLED, KILLED, KILLED, true },
	{ "write memory of a process", 0, KILLED, KILLED, KILLED, KILLED,
	    false },
	{ "leave a namespace", 0, KILLED, KILLED, KILLED, KILLED, false },
	{ "load a program into the kernel", 0, KILLED, KILLED, KILLED, KILLED,
	    false },
	{ "use a ring of calls", 0, KILLED, KILLED, KILLED, KILLED, false },
	{ "catch page faults", 0, KILLED, KILLED, KILLED, KILLED, false },
};

_Static_assert(sizeof(expected) / sizeof(*expected) == ATTEMPTS,
    "each attempt has its line");

static char place[] = "/tmp/nightdesk-fence.XXXXXX";

static void
make(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_true(fd >= 0);
	close(fd);
}

static int
set_up(void **state)
{
	(void)state;
	attempt_place = place;
	return mkdtemp(place) == NULL;
}

static int
tidy(void **state)
{
	(void)state;
	unlink(attempt_path("here"));
	unlink(attempt_path("here-2"));
	unlink(attempt_path("new"));
	rmdir(attempt_path("empty"));
	return rmdir(place);
}

static bool
has_landlock(void)
{
	return syscall(SYS_landlock_create_ruleset, NULL, (size_t)0, 1U) > 0;
}

/* What became of one attempt in a process of its own. */
static int
outcome(const struct attempt *a, void (*shut)(void))
{
	int status;
	pid_t pid;

	make(attempt_path("here"));
	make(attempt_path("here-2"));
	unlink(attempt_path("new"));
	mkdir(attempt_path("empty"), 0700);
	assert_true((pid = fork()) >= 0);
	if (pid == 0) {
		fence_start();
		shut();
		_exit(a->try());
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (WIFSIGNALED(status))
		return WTERMSIG(status) == SIGSYS ? KILLED : -2;
	return WEXITSTATUS(status);
}

/* Tells of each that came out otherwise, and how many there were. */
static int
surprises(void (*shut)(void), size_t column)
{
	int found = 0, wanted, got;
	size_t i;

	for (i = 0; i < ATTEMPTS; i++) {
		const struct expected *e = &expected[i];

		assert_string_equal(e->name, attempts[i].name);
		memcpy(&wanted, (const char *)e + column, sizeof(wanted));
		if (SANITIZER && e->reports && wanted != FREE)
			wanted = 0;
		if (wanted == LANDLOCK && !has_landlock())
			wanted = 0;
		got = outcome(&attempts[i], shut);
		if (wanted == FREE || got == wanted)
			continue;
		print_error("\"%s\": %d, not %d\n", e->name, got, wanted);
		found++;
	}
	return found;
}

static void
shut_nothing(void)
{
}

static void
shut_web(void)
{
	fence_close(FENCE_WEB);
}

static void
shut_command(void)
{
	fence_close(FENCE_COMMAND);
}

static void
shut_around_place(void)
{
	fence_close_but(FENCE_COMMAND, place);
}

static void
shut_network(void)
{
	fence_close(FENCE_NETWORK);
}

static void
shut_around_file(void)
{
	fence_close_but(FENCE_NETWORK, attempt_path("here"));
}

static void
test_without_a_fence_every_attempt_works(void **state)
{
	(void)state;
	assert_int_equal(
	    surprises(shut_nothing, offsetof(struct expected, open)), 0);
}

static void
test_a_web_program_can_do_nothing_else(void **state)
{
	(void)state;
	assert_int_equal(
	    surprises(shut_web, offsetof(struct expected, web)), 0);
}

static void
test_a_command_can_do_nothing_else(void **state)
{
	(void)state;
	assert_int_equal(
	    surprises(shut_command, offsetof(struct expected, command)), 0);
}

static void
test_a_command_can_put_one_file_in_its_place(void **state)
{
	(void)state;
	assert_int_equal(
	    surprises(shut_around_place, offsetof(struct expected, place)), 0);
}

static void
test_the_network_is_for_notify_but_no_file_or_program(void **state)
{
	(void)state;
	assert_int_equal(
	    surprises(shut_network, offsetof(struct expected, network)), 0);
}

static void
test_one_file_can_be_left_to_be_read(void **state)
{
	static const struct attempt it = { "read", read_file, false };

	(void)state;
	assert_int_equal(outcome(&it, shut_around_file), 0);
}

static int
move_away(void)
{
	char from[256];

	snprintf(from, sizeof(from), "%s", attempt_path("here"));
	return errno_of(rename(from, "/tmp/nightdesk-fence-away"));
}

static void
test_the_place_of_a_command_is_the_only_one(void **state)
{
	static const struct attempt away = { "move", move_away, false };
	int got;

	(void)state;
	if (!has_landlock())
		return;
	got = outcome(&away, shut_around_place);
	assert_true(got == EACCES || got == EXDEV);
}

static int
abort_it(void)
{
	abort();
}

static void
test_what_is_hardened_can_still_end_it(void **state)
{
	int status;
	pid_t pid = fork();

	(void)state;
	assert_true(pid >= 0);
	if (pid == 0) {
		fence_start();
		signal(SIGABRT, SIG_DFL);
		fence_close(FENCE_WEB);
		_exit(abort_it());
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGABRT);
}

static int
look_at_rights(void)
{
	struct rlimit core = { 1, 1 }, files = { 0, 0 };

	getrlimit(RLIMIT_CORE, &core);
	getrlimit(RLIMIT_NOFILE, &files);
	return (prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 0 ? 0 : 1) +
	       (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 ? 0 : 2) +
	       (core.rlim_cur == 0 && core.rlim_max == 0 ? 0 : 4);
}

static void
test_from_the_start_there_is_no_dump_and_no_new_right(void **state)
{
	static const struct attempt look = { "look", look_at_rights, false };

	(void)state;
	assert_int_equal(outcome(&look, shut_nothing), 0);
}

#ifdef __x86_64__
/* getpid of the 32-bit numbers, where it is 20. */
static int
call_by_other_numbers(void)
{
	long result = 20;

	__asm__ volatile("int $0x80" : "+a"(result) : : "memory");
	return 0;
}

static void
test_the_numbers_of_another_architecture_are_no_way_round(void **state)
{
	static const struct attempt it = { "other", call_by_other_numbers,
		false };

	(void)state;
	/* or SIGSEGV, where the kernel knows no such calls */
	assert_int_not_equal(outcome(&it, shut_web), 0);
}
#endif

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_without_a_fence_every_attempt_works),
		cmocka_unit_test(test_a_web_program_can_do_nothing_else),
		cmocka_unit_test(test_a_command_can_do_nothing_else),
		cmocka_unit_test(test_a_command_can_put_one_file_in_its_place),
		cmocka_unit_test(
		    test_the_network_is_for_notify_but_no_file_or_program),
		cmocka_unit_test(test_one_file_can_be_left_to_be_read),
		cmocka_unit_test(test_the_place_of_a_command_is_the_only_one),
		cmocka_unit_test(test_what_is_hardened_can_still_end_it),
		cmocka_unit_test(
		    test_from_the_start_there_is_no_dump_and_no_new_right),
#ifdef __x86_64__
		cmocka_unit_test(
		    test_the_numbers_of_another_architecture_are_no_way_round),
#endif
	};

	return cmocka_run_group_tests_name("fence", tests, set_up, tidy);
}
