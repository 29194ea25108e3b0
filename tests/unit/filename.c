#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "arena.h"
#include "filename.h"
#include "form.h"

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

static void
a_name_in_any_script_stays(void **state)
{
	static const char *const names[] = { "report.pdf", "Bücher & Äpfel.txt",
		"снимок экрана.png", "截圖 2026.webp", "صورة.jpg", "ภาพ.gif",
		"🦀.log", ".bashrc", "a'b\"c;d%41.txt", "x..y" };
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(*names); i++)
		assert_string_equal(filename_clean(*state, names[i]), names[i]);
}

static void
no_path_and_no_trick_stays(void **state)
{
	static const char *const names[][2] = {
		{ "/etc/passwd", "passwd" },
		{ "..\\..\\boot.ini", "boot.ini" },
		{ "C:\\fakepath\\a.png", "a.png" },
		{ "a/b\\c/d", "d" },
		{ "..", "file" },
		{ ".", "file" },
		{ "", "file" },
		{ "a/", "file" },
		{ " . . ", "file" },
		{ "  two words .txt. . ", "two words .txt" },
		{ "a\r\nSet-Cookie: x=1.txt", "aSet-Cookie: x=1.txt" },
		{ "tab\there\x7f\x01", "tabhere" },
		{ "a\xc2\x85"
		  "b",
		    "ab" },
		{ "invoice\xe2\x80\xaegpj.exe", "invoicegpj.exe" },
		{ "\xef\xbb\xbfx\xe2\x81\xa6y\xe2\x80\xa8z", "xyz" },
		{ "a\xf3\xa0\x81\x81"
		  "b",
		    "ab" },
	};
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(*names); i++)
		assert_string_equal(
		    filename_clean(*state, names[i][0]), names[i][1]);
}

static void
a_long_name_keeps_its_extension(void **state)
{
	char name[2000] = "";
	const char *clean;
	size_t i;

	for (i = 0; i < 300; i++)
		memcpy(name + 3 * i, "截", 3);
	memcpy(name + 900, ".tar.gz", 8);
	clean = filename_clean(*state, name);
	assert_true(form_utf8(clean, strlen(clean)));
	assert_int_equal(strlen(clean), (FILENAME_MAX_CHARACTERS - 3) * 3 + 3);
	assert_string_equal(clean + strlen(clean) - 3, ".gz");
	memset(name, 'x', 1000);
	name[1000] = '\0';
	assert_int_equal(
	    strlen(filename_clean(*state, name)), FILENAME_MAX_CHARACTERS);
}

static void
a_header_holds_ascii_and_rfc_8187(void **state)
{
	assert_string_equal(filename_disposition(*state, "a b.txt", false),
	    "attachment; filename=\"a b.txt\"; "
	    "filename*=UTF-8''a%20b.txt");
	assert_string_equal(filename_disposition(*state, "ü€🦀.png", true),
	    "inline; filename=\"___.png\"; "
	    "filename*=UTF-8''%C3%BC%E2%82%AC%F0%9F%A6%80.png");
	assert_string_equal(
	    filename_disposition(*state, "\"x\"; y=\\z%41'()*", false),
	    "attachment; filename=\"_x__ y=_z_41'()*\"; "
	    "filename*=UTF-8''%22x%22%3B%20y%3D%5Cz%2541%27%28%29%2A");
}

static void
whatever_the_name_the_header_is_printable(void **state)
{
	char name[8];
	int i;

	for (i = 1; i < 256; i++) {
		const char *said;

		name[0] = 'a';
		name[1] = (char)i;
		name[2] = 'b';
		name[3] = '\0';
		if (!form_utf8(name, 3))
			continue;
		said = filename_disposition(
		    *state, filename_clean(*state, name), false);
		for (; *said != '\0'; said++)
			assert_true(*said >= ' ' && *said < 0x7f);
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
		    a_name_in_any_script_stays, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
		    no_path_and_no_trick_stays, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
		    a_long_name_keeps_its_extension, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
		    a_header_holds_ascii_and_rfc_8187, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
		    whatever_the_name_the_header_is_printable, set_up,
		    tear_down),
	};

	return cmocka_run_group_tests_name("filename", tests, NULL, NULL);
}
