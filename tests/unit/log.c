#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "log.h"

static char said[8192];
static int saved, out[2];

static void
listen_to_stderr(void)
{
	assert_int_equal(pipe(out), 0);
	saved = dup(STDERR_FILENO);
	dup2(out[1], STDERR_FILENO);
}

static const char *
heard(void)
{
	ssize_t n;

	dup2(saved, STDERR_FILENO);
	close(saved);
	close(out[1]);
	n = read(out[0], said, sizeof(said) - 1);
	close(out[0]);
	said[n > 0 ? n : 0] = '\0';
	return said;
}

static void
a_line_names_program_process_level_and_request(void **state)
{
	char expected[256];

	(void)state;
	log_open("ticket");
	log_request("8f3a");
	listen_to_stderr();
	log_warn("cannot close %d", 7);
	log_request(NULL);
	log_info("no request");
	snprintf(expected, sizeof(expected),
	    "ticket[%ld]: warning: request=8f3a: cannot close 7\n"
	    "ticket[%ld]: info: no request\n",
	    (long)getpid(), (long)getpid());
	assert_string_equal(heard(), expected);
}

static void
nobody_can_forge_a_line(void **state)
{
	(void)state;
	listen_to_stderr();
	log_info("%s", "a\nfatal: b\r\x1b[2J\x7f\xc3\xa4\n\n");
	assert_non_null(strstr(
	    heard(), "info: a\\x0afatal: b\\x0d\\x1b[2J\\x7f\xc3\xa4\n"));
	assert_ptr_equal(strchr(said, '\n'), said + strlen(said) - 1);
}

static void
a_long_line_is_cut_and_still_ends(void **state)
{
	static char text[20000];

	(void)state;
	memset(text, '\n', sizeof(text) - 2);
	text[sizeof(text) - 2] = 'x';
	listen_to_stderr();
	log_info("%s", text);
	log_info("x%s", text);
	heard();
	assert_true(strlen(said) < 4096);
	assert_int_equal(said[strlen(said) - 1], '\n');
}

static void
fatal_ends_the_process_with_status_1(void **state)
{
	int status;
	pid_t pid;

	(void)state;
	listen_to_stderr();
	if ((pid = fork()) == 0)
		log_fatal("no more");
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_non_null(strstr(heard(), "fatal: no more\n"));
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    a_line_names_program_process_level_and_request),
		cmocka_unit_test(nobody_can_forge_a_line),
		cmocka_unit_test(a_long_line_is_cut_and_still_ends),
		cmocka_unit_test(fatal_ends_the_process_with_status_1),
	};

	return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}
