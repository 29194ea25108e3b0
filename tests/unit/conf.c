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

#include "conf.h"

static int
set_up(void **state)
{
	(void)state;
	setenv("NIGHTDESK_URL", "https://desk.example", 1);
	setenv("NIGHTDESK_NAME", "Nightdesk", 1);
	setenv("NIGHTDESK_TEMPLATES", "/tmp", 1);
	setenv("NIGHTDESK_KEYRING", "/etc/passwd", 1);
	setenv("NIGHTDESK_SECURITY_CONTACT", "mailto:sec@desk.example", 1);
	setenv("NIGHTDESK_SECURITY_EXPIRES", "2999-12-31T23:59:59Z", 1);
	return 0;
}

/* What the program says when it ends with status 1; "" if it goes on. */
static const char *
complaint(const char *name, const char *value)
{
	static char said[1024];
	int out[2], status;
	size_t size = 0;
	ssize_t n;
	pid_t pid;

	assert_int_equal(pipe(out), 0);
	assert_true((pid = fork()) >= 0);
	if (pid == 0) {
		if (value == NULL)
			unsetenv(name);
		else
			setenv(name, value, 1);
		dup2(out[1], STDERR_FILENO);
		conf_read();
		_exit(0);
	}
	close(out[1]);
	while ((n = read(out[0], said + size, sizeof(said) - 1 - size)) > 0)
		size += (size_t)n;
	said[size] = '\0';
	close(out[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status) == 1 ? said : "";
}

static void
assert_refused(const char *name, const char *value)
{
	const char *said = complaint(name, value);

	if (strstr(said, name) == NULL)
		fail_msg("%s=%s: \"%s\"", name, value, said);
	assert_int_equal(said[strlen(said) - 1], '\n');
	assert_ptr_equal(strchr(said, '\n'), said + strlen(said) - 1);
}

static void
a_whole_configuration_is_read(void **state)
{
	const struct conf *conf = conf_read();

	(void)state;
	assert_string_equal(conf->url, "https://desk.example");
	assert_string_equal(conf->name, "Nightdesk");
	assert_true(conf->secure);
	setenv("NIGHTDESK_URL", "http://localhost:8080", 1);
	assert_false(conf_read()->secure);
}

static void
a_variable_that_is_missing_is_named(void **state)
{
	static const char *const names[] = { "NIGHTDESK_URL", "NIGHTDESK_NAME",
		"NIGHTDESK_TEMPLATES", "NIGHTDESK_KEYRING",
		"NIGHTDESK_SECURITY_CONTACT", "NIGHTDESK_SECURITY_EXPIRES" };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(names) / sizeof(*names); i++) {
		assert_refused(names[i], NULL);
		assert_refused(names[i], "");
	}
}

static void
the_url_is_an_origin_as_browsers_spell_it(void **state)
{
	static const char *const good[] = { "https://desk.example:8443",
		"http://127.0.0.1:8080", "http://[::1]:8080", "http://[::1]",
		"https://desk.example:80" };
	static const char *const bad[] = { "desk.example", "ftp://a.example",
		"https://", "https:///", "https://desk.example/",
		"https://desk.example/desk", "https://Desk.example",
		"https://desk.example:443", "http://desk.example:80",
		"https://desk.example:", "https://desk.example:x",
		"https://:80", "https://a b", "https://a\nb",
		"https://u@desk.example" };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_refused("NIGHTDESK_URL", bad[i]);
	for (i = 0; i < sizeof(good) / sizeof(*good); i++)
		assert_string_equal(complaint("NIGHTDESK_URL", good[i]), "");
}

static void
values_that_are_wrong_are_named(void **state)
{
	static const char *const bad[][2] = {
		{ "NIGHTDESK_NAME", "a\nb" },
		{ "NIGHTDESK_NAME", "\xff" },
		{ "NIGHTDESK_NAME", "12345678901234567890123456789012345678901"
				    "23456789012345678901" },
		{ "NIGHTDESK_TEMPLATES", "/nowhere" },
		{ "NIGHTDESK_TEMPLATES", "/etc/passwd" },
		{ "NIGHTDESK_KEYRING", "/nowhere" },
		{ "NIGHTDESK_KEYRING", "/tmp" },
		{ "NIGHTDESK_SECURITY_CONTACT", "sec@desk.example" },
		{ "NIGHTDESK_SECURITY_CONTACT", "mailto:a b" },
		{ "NIGHTDESK_SECURITY_CONTACT", "mailto:a\r\nb" },
		{ "NIGHTDESK_SECURITY_EXPIRES", "tomorrow" },
		{ "NIGHTDESK_SECURITY_EXPIRES", "2999-12-31" },
		{ "NIGHTDESK_SECURITY_EXPIRES", "2999-12-31T23:59:59Z\n" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_refused(bad[i][0], bad[i][1]);
}

/* A date that passes must not take the desk down with it. */
static void
a_security_txt_that_ran_out_is_only_a_warning(void **state)
{
	(void)state;
	assert_string_equal(
	    complaint("NIGHTDESK_SECURITY_EXPIRES", "2001-01-01T00:00:00Z"),
	    "");
}

static void
what_files_may_weigh_has_defaults_and_bounds(void **state)
{
	static const char *const bad[] = { "0", "1023", "10 MiB", "-1", "1e6",
		"268435457", "99999999999999999999" };
	size_t i;

	(void)state;
	assert_int_equal(conf_read()->file_max, 10485760);
	assert_int_equal(conf_read()->files_max, 26214400);
	for (i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_refused("NIGHTDESK_FILE_MAX", bad[i]);
	assert_refused("NIGHTDESK_FILES_MAX", "10485759");
	setenv("NIGHTDESK_FILE_MAX", "1048576", 1);
	setenv("NIGHTDESK_FILES_MAX", "2097152", 1);
	assert_int_equal(conf_read()->file_max, 1048576);
	assert_int_equal(conf_read()->files_max, 2097152);
	unsetenv("NIGHTDESK_FILE_MAX");
	unsetenv("NIGHTDESK_FILES_MAX");
}

#define TEST(name) cmocka_unit_test_setup(name, set_up)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_whole_configuration_is_read),
		TEST(a_variable_that_is_missing_is_named),
		TEST(the_url_is_an_origin_as_browsers_spell_it),
		TEST(values_that_are_wrong_are_named),
		TEST(a_security_txt_that_ran_out_is_only_a_warning),
		TEST(what_files_may_weigh_has_defaults_and_bounds),
	};

	return cmocka_run_group_tests_name("conf", tests, NULL, NULL);
}
