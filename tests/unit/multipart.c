#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "arena.h"
#include "filetype.h"
#include "form.h"
#include "multipart.h"
#include "web.h"

#define TYPE "multipart/form-data; boundary=xYz"
#define FILE_PART(name)                                                        \
	"--xYz\r\nContent-Disposition: form-data; name=\"file\"; "             \
	"filename=\"" name "\"\r\nContent-Type: text/html\r\n\r\n"

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

static const struct part *
parts(void **state, const char *type, const char *body)
{
	return multipart_parts(*state, type, body, strlen(body));
}

static void
assert_part(const struct part *part, const char *name, const char *filename,
    const char *data)
{
	assert_string_equal(part->name, name);
	if (filename == NULL)
		assert_null(part->filename);
	else
		assert_string_equal(part->filename, filename);
	assert_int_equal(part->size, strlen(data));
	assert_memory_equal(part->data, data, part->size);
}

static void
fields_and_files_come_as_they_were(void **state)
{
	const char *body =
	    "--xYz\r\nContent-Disposition: form-data; name=\"subject\"\r\n\r\n"
	    "Größe\r\n" FILE_PART("ü “x” 截.txt") "a\r\n--xY\r\n\nb\r\n\r\n" FILE_PART(
		"") "\r\n--xYz--\r\n";
	const struct part *p = parts(state, TYPE, body);

	assert_non_null(p);
	assert_part(&p[0], "subject", NULL, "Größe");
	assert_part(&p[1], "file", "ü “x” 截.txt", "a\r\n--xY\r\n\nb\r\n");
	assert_part(&p[2], "file", "", "");
	assert_null(p[3].name);
	assert_ptr_equal(p[1].data, strstr(body, "a\r\n--xY"));
}

static void
no_part_is_taken_to_pieces(void **state)
{
	static const char mail[] =
	    "Content-Type: multipart/mixed; boundary=in\r\n\r\n--in\r\n\r\n"
	    "x\r\n--in--\r\n";
	const char *body = "--xYz\r\nContent-Disposition: form-data; "
			   "name=\"file\"; filename=\"a.eml\"\r\n"
			   "Content-Type: message/rfc822\r\n\r\n";
	const struct part *p;

	body = arena_printf(*state, "%s%s\r\n--xYz--\r\n", body, mail);
	p = parts(state, TYPE, body);
	assert_non_null(p);
	assert_part(&p[0], "file", "a.eml", mail);
	assert_null(p[1].name);
}

static void
what_html_escapes_in_names_is_undone(void **state)
{
	const struct part *p = parts(state, TYPE,
	    FILE_PART("a%22b%0D%0Ac%41.txt") "x\r\n" FILE_PART(
		"C:\\temp\\x.log") "x\r\n" FILE_PART("say \\\"hi\\\".txt") "x\r\n--xYz--");

	assert_non_null(p);
	assert_string_equal(p[0].filename, "a\"b  c%41.txt");
	assert_string_equal(p[1].filename, "C:\\temp\\x.log");
	assert_string_equal(p[2].filename, "say \"hi\".txt");
}

static void
a_quoted_boundary_is_one(void **state)
{
	const char *body = "--a:b\r\nContent-Disposition: form-data; "
			   "name=x\r\n\r\ny\r\n--a:b--\r\n";

	assert_non_null(parts(state,
	    "Multipart/Form-Data; charset=utf-8; boundary=\"a:b\"", body));
}

static void
what_no_browser_sends_is_no_form(void **state)
{
	static const char *const bad[] = { "", "x", "--xYz", "--xYz--x",
		"--xYz\r\n", "--xYz\r\n\r\n", "--xYz\r\n\r\nx\r\n--xYz--",
		"--xYz\r\nContent-Disposition: form-data\r\n\r\nx\r\n--xYz--",
		"--xYz\r\nContent-Disposition: attachment; name=a\r\n\r\nx\r\n"
		"--xYz--",
		"--xYz\r\nContent-Disposition: form-data; name=a\r\n\r\nx",
		"--xYz\r\nContent-Disposition: form-data; name=a\r\n\r\nx\r\n"
		"--xYz",
		"--xYz\r\nContent-Disposition: form-data; name=a\r\n\r\nx\r\n"
		"--xYzz--",
		"--xYz\r\nContent-Disposition: form-data; name=a\r\n\r\nx\r\n"
		"--xYz--\r\nmore",
		"before\r\n--xYz--",
		"--xYz\r\nContent-Disposition: form-data; name=a\r\n"
		"Content-Transfer-Encoding: base64\r\n\r\neA==\r\n--xYz--",
		"--xYz\nContent-Disposition: form-data; name=a\n\nx\n"
		"--xYz--" };
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		if (parts(state, TYPE, bad[i]) != NULL)
			fail_msg("\"%s\" was read", bad[i]);
}

static void
a_boundary_is_what_rfc_2046_allows(void **state)
{
	static const char *const bad[] = { "multipart/form-data",
		"multipart/form-data; boundary=", "text/plain; boundary=xYz",
		"multipart/mixed; boundary=xYz",
		"multipart/form-data; boundary=\"x\ry\"",
		"multipart/form-data; boundary=\"x y\"",
		"multipart/form-data; boundary="
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
		"aaaaaaaaaaa",
		"", ";", "multipart/form-data; boundary*0=x; boundary*1=" };
	const char *body = "--xYz\r\nContent-Disposition: form-data; name=a"
			   "\r\n\r\nx\r\n--xYz--";
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		if (parts(state, bad[i], body) != NULL)
			fail_msg("\"%s\" was taken", bad[i]);
}

static void
more_than_two_hundred_parts_are_no_form(void **state)
{
	const char *one = "--xYz\r\nContent-Disposition: form-data; name=a"
			  "\r\n\r\n\r\n";
	size_t size = strlen(one), n;
	char *body = arena_alloc(*state, 202 * size + 10);

	for (n = 0; n < 200; n++)
		memcpy(body + n * size, one, size);
	memcpy(body + n * size, "--xYz--", 8);
	assert_non_null(parts(state, TYPE, body));
	memcpy(body + n * size, one, size);
	memcpy(body + ++n * size, "--xYz--", 8);
	assert_null(parts(state, TYPE, body));
}

static void
the_content_tells_the_type(void **state)
{
	static const unsigned char png[] = { 0x89, 'P', 'N', 'G', 13, 10, 26,
		10, 0, 0, 0, 13, 'I', 'H', 'D', 'R', 0, 0, 0, 1, 0, 0, 0, 1, 8,
		2, 0, 0, 0, 0x90, 0x77, 0x53, 0xde };
	static const char gif[] = "GIF89a\1\0\1\0\0\0\0;<script>alert(1)";

	filetype_start();
	assert_string_equal(filetype_of(*state, png, sizeof(png)), "image/png");
	assert_string_equal(filetype_of(*state, gif, sizeof(gif)), "image/gif");
	assert_string_equal(filetype_of(*state,
				"RIFF\x24\0\0\0WEBPVP8 \x18\0\0\0"
				"\x30\1\0\x9d\1\x2a\1\0\1\0\2\0",
				32),
	    "image/webp");
	assert_string_equal(
	    filetype_of(*state, "\xff\xd8\xff\xe0\0\x10JFIF\0\1\1\0\0\1", 17),
	    "image/jpeg");
	assert_string_not_equal(
	    filetype_of(
		*state, "<svg xmlns='http://www.w3.org/2000/svg'/>", 41),
	    "image/png");
	assert_string_equal(
	    filetype_of(*state, "", 0), "application/octet-stream");
}

static void
a_form_reads_what_was_sent(void **state)
{
	static const struct field fields[] = {
		{ "subject", FORM_LINE, 5, "Shorter, please" },
		{ "body", FORM_TEXT, 100, "Too long" },
		{ "file", FORM_FILE, 0, NULL },
		{ NULL, FORM_LINE, 0, NULL },
	};
	struct file one = { .name = "a", .size = 1 };
	struct file two = { .name = "b", .size = 2 };
	struct sent sent[] = { { "subject", "longer", 6, NULL },
		{ "file", NULL, 0, &one }, { "body", "x\r\ny", 4, NULL },
		{ "file", NULL, 0, &two }, { NULL, NULL, 0, NULL } };
	struct request r = {
		.arena = *state, .sent = sent, .body = "", .query = ""
	};

	assert_true(form_read(&r, fields));
	assert_false(form_complete(&r));
	assert_string_equal(form_text(&r, "subject"), "longer");
	assert_string_equal(form_text(&r, "body"), "x\ny");
	assert_ptr_equal(form_file(&r, "file", 0), &one);
	assert_ptr_equal(form_file(&r, "file", 1), &two);
	assert_null(form_file(&r, "file", 2));
	assert_string_equal(form_text(&r, "file"), "");

	sent[2].name = "subject";
	assert_false(form_read(&r, fields));
	sent[2].name = "other";
	assert_false(form_read(&r, fields));
	sent[2] = (struct sent){ "body", "x\0y", 3, NULL };
	assert_false(form_read(&r, fields));
	sent[2] = (struct sent){ "body", "\xff", 1, NULL };
	assert_false(form_read(&r, fields));
	sent[2] = (struct sent){ "body", NULL, 0, &one };
	assert_false(form_read(&r, fields));
	assert_int_equal(r.status, 400);
}

static int
start(void **state)
{
	(void)state;
	multipart_start();
	return 0;
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
		    fields_and_files_come_as_they_were, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
		    no_part_is_taken_to_pieces, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
		    what_html_escapes_in_names_is_undone, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
		    a_quoted_boundary_is_one, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
		    what_no_browser_sends_is_no_form, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
		    a_boundary_is_what_rfc_2046_allows, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
		    more_than_two_hundred_parts_are_no_form, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
		    the_content_tells_the_type, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
		    a_form_reads_what_was_sent, set_up, tear_down),
	};

	return cmocka_run_group_tests_name("multipart", tests, start, NULL);
}
