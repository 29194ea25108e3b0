#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "arena.h"
#include "conf.h"
#include "mail.h"
#include "token.h"

#define KEY                                                                    \
	"01:000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"

static struct arena *arena;

static int
set_up(void **state)
{
	char file[] = "/tmp/nightdesk-keyring.XXXXXX";
	struct conf conf = { .keyring = file };
	int fd = mkstemp(file);

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(
	    write(fd, KEY "\n", strlen(KEY "\n")), (int)strlen(KEY "\n"));
	close(fd);
	token_start(&conf);
	unlink(file);
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

static struct mail
some_mail(void)
{
	struct mail m = {
		.from = "desk@desk.example",
		.from_name = "Nightdesk",
		.to = "eve@example.com",
		.to_name = "Eve",
		.domain = "desk.example",
		.key = "o1.abc",
		.thread = "t9.def",
		.reply_to = "reply+9.p1.x@desk.example",
		.unsubscribe = "https://desk.example/unfollow/x",
		.kind = "message",
		.subject = "Ticket 9",
		.text = "It opens now.\n",
	};

	return m;
}

static size_t
lines_like(const char *text, const char *start)
{
	size_t n = 0;

	for (; text != NULL && *text != '\0' && *text != '\r';
	     text = strchr(text, '\n') == NULL ? NULL : strchr(text, '\n') + 1)
		n += strncmp(text, start, strlen(start)) == 0;
	return n;
}

static void
a_mail_has_each_header_once(void **state)
{
	static const char *const names[] = { "From:", "To:", "Subject:",
		"Date:", "Message-Id:", "In-Reply-To:", "References:",
		"Reply-To:", "Auto-Submitted: auto-generated\r\n", "List-Id:",
		"List-Unsubscribe:", "List-Unsubscribe-Post:", "MIME-Version:",
		"Content-Type: text/plain; charset=utf-8\r\n" };
	struct mail m = some_mail();
	const char *text;
	size_t size, i;

	(void)state;
	text = mail_text(arena, &m, &size);
	assert_int_equal(size, strlen(text));
	for (i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (lines_like(text, names[i]) != 1)
			fail_msg("%s in:\n%s", names[i], text);
	assert_non_null(strstr(text, "\r\n\r\nIt opens now.\r\n"));
}

static void
what_is_empty_is_left_out(void **state)
{
	struct mail m = some_mail();
	const char *text;
	size_t size;

	(void)state;
	m.thread = m.reply_to = m.unsubscribe = "";
	text = mail_text(arena, &m, &size);
	assert_int_equal(lines_like(text, "References:"), 0);
	assert_int_equal(lines_like(text, "In-Reply-To:"), 0);
	assert_int_equal(lines_like(text, "Reply-To:"), 0);
	assert_int_equal(lines_like(text, "List-Unsubscribe"), 0);
}

/* RFC 8058 wants https. */
static void
one_click_needs_https(void **state)
{
	struct mail m = some_mail();
	size_t size;

	(void)state;
	m.unsubscribe = "http://localhost:8080/unfollow/x";
	assert_int_equal(
	    lines_like(mail_text(arena, &m, &size), "List-Unsubscribe-Post:"),
	    0);
}

static void
no_text_makes_a_header(void **state)
{
	static const char *const bad[] = { "a\r\nBcc: x@y.example",
		"a\nBcc: x@y.example", "a\rBcc: x@y.example",
		"a\r\n\r\nBcc: x@y.example",
		"a\xe2\x80\xa8"
		"Bcc: x@y.example",
		"a\xc2\x85"
		"Bcc: x@y.example",
		"\r\n \r\nBcc: x@y.example",
		"a\x0b\x0c"
		"Bcc: x@y.example",
		"=?utf-8?q?a=0D=0ABcc:_x?=" };
	const char *text;
	size_t size, i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct mail m = some_mail();

		m.subject = m.to_name = m.from_name = m.kind = bad[i];
		text = mail_text(arena, &m, &size);
		if (lines_like(text, "Bcc:") != 0 ||
		    lines_like(text, "Subject:") != 1 ||
		    lines_like(text, "Content-Type:") != 1)
			fail_msg("%zu:\n%s", i, text);
	}
}

static void
an_address_holds_nothing_that_smtp_reads(void **state)
{
	static const char *const good[] = { "a@b.example", "o'hara+x@b.example",
		"gr\xc3\xbc\xc3\x9f@b.example" };
	static const char *const bad[] = { "", "a", "a b@c.d", "a@b.c>",
		"<a@b.c", "a@b.c\r\nRCPT TO:<x@y.z", "a@b.c\n", "a,b@c.d",
		"a;b@c.d", "\"a\"@b.c", "-a@b.c", "a@b.c\x7f" };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(good) / sizeof(*good); i++)
		assert_true(mail_address(good[i]));
	for (i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_false(mail_address(bad[i]));
}

static void
an_answer_proves_ticket_and_reader(void **state)
{
	const char *address =
	    mail_reply_address(arena, "17", "p5", "desk.example");
	const char *ticket, *who;
	char *other, *p;

	(void)state;
	assert_true(mail_reply_read(arena, address, &ticket, &who));
	assert_string_equal(ticket, "17");
	assert_string_equal(who, "p5");
	assert_true(strchr(address, '@') - address <= 64);
	other = arena_copy(arena, address);
	for (p = other; *p != '\0'; p++)
		*p = *p >= 'a' && *p <= 'z' ? (char)(*p - 32) : *p;
	assert_true(mail_reply_read(arena, other, &ticket, &who));
	assert_string_equal(who, "p5");
}

static void
no_other_address_proves_anything(void **state)
{
	const char *address =
	    mail_reply_address(arena, "17", "p5", "desk.example");
	static const char *const made_up[] = { "", "reply+", "reply+17",
		"desk@desk.example", "reply+17.p5.@desk.example",
		"reply+17.p5@desk.example", "reply+17..x@desk.example",
		"reply+17.p5.aaaaaaaaaaaaaaaaaaaaaaaaaaaa@desk.example",
		"reply+17.p5.000000000000000000000000000@desk.example",
		"reply+99999999999999999999.p5.aaaaaaaaaaaaaaaaaaaaaaaaaaaa@x",
		"reply+17.x5.aaaaaaaaaaaaaaaaaaaaaaaaaaaa@desk.example" };
	const char *ticket, *who;
	char *other;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(made_up) / sizeof(*made_up); i++)
		assert_false(mail_reply_read(arena, made_up[i], &ticket, &who));
	/* Any one character of it, the domain aside. */
	for (i = 0; address[i] != '@'; i++) {
		other = arena_copy(arena, address);
		other[i] = other[i] == '3' ? '4' : '3';
		assert_false(mail_reply_read(arena, other, &ticket, &who));
	}
	other = arena_copy(arena, address);
	*strchr(other, '@') = 'a';
	assert_false(mail_reply_read(arena, other, &ticket, &who));
}

static void
what_a_server_said_names_nobody(void **state)
{
	static const char *const cases[][2] = {
		{ "550 5.1.1 no such user", "550 5.1.1 no such user" },
		{ "550 <eve@a.example>: eve@a.example unknown",
		    "550 <>: * unknown" },
		{ "550 rcpt=eve@a.example;x <eve>(eve@b) y", "550 * <>* y" },
		{ "550 <eve@a.exam", "550 <" },
		{ "550  a <> @ >", "550  a <> * >" },
		{ "", "" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		assert_string_equal(
		    mail_without_addresses(arena, cases[i][0]), cases[i][1]);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_mail_has_each_header_once),
		TEST(what_is_empty_is_left_out),
		TEST(one_click_needs_https),
		TEST(no_text_makes_a_header),
		TEST(an_address_holds_nothing_that_smtp_reads),
		TEST(an_answer_proves_ticket_and_reader),
		TEST(no_other_address_proves_anything),
		TEST(what_a_server_said_names_nobody),
	};

	return cmocka_run_group_tests_name("mail", tests, NULL, NULL);
}
