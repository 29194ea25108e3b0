/*
 * Mail made of anything that people typed, read again by a parser: it has
 * the headers it should have and no other, and the text that went in.  And
 * addresses that claim to be ours.
 */
#include <gmime/gmime.h>
#include <string.h>
#include <strings.h>

#include "arena.h"
#include "form.h"
#include "keys.h"
#include "mail.h"
#include "token.h"

#define FIELDS 7

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	start_keys();
	g_mime_init();
	return 0;
}

/* One line of the input is one field; the last one is the text. */
static void
split(char *text, const char *fields[FIELDS])
{
	size_t i;

	for (i = 0; i < FIELDS - 1; i++) {
		fields[i] = text;
		text += strcspn(text, "|");
		if (*text != '\0')
			*text++ = '\0';
	}
	fields[i] = text;
}

static void
check_headers(GMimeObject *m)
{
	static const char *const names[] = { "Date", "From", "Reply-To",
		"Subject", "To", "Message-Id", "In-Reply-To", "References",
		"Auto-Submitted", "X-Auto-Response-Suppress", "X-Nightdesk",
		"List-Id", "List-Unsubscribe", "List-Unsubscribe-Post",
		"MIME-Version" };
	GMimeHeaderList *list = g_mime_object_get_header_list(m);
	int i, n = g_mime_header_list_get_count(list);
	size_t k;

	insist(n == sizeof(names) / sizeof(*names));
	for (i = 0; i < n; i++) {
		const char *name = g_mime_header_get_name(
		    g_mime_header_list_get_header_at(list, i));

		for (k = 0; k < sizeof(names) / sizeof(*names); k++)
			if (strcmp(name, names[k]) == 0)
				break;
		insist(k < sizeof(names) / sizeof(*names));
	}
}

/* Line ends aside: mail has but one kind, and ends with one. */
static bool
same_text(const char *a, const char *b)
{
	for (;; a++, b++) {
		a += strspn(a, "\r");
		b += strspn(b, "\r");
		if (*b == '\0')
			return *a == '\0' || strcmp(a, "\n") == 0;
		if (*a != *b)
			return false;
	}
}

static void
read_again(const char *text, size_t size, const char *went_in)
{
	GMimeStream *stream = g_mime_stream_mem_new_with_buffer(text, size);
	GMimeParser *parser = g_mime_parser_new_with_stream(stream);
	GMimeMessage *m = g_mime_parser_construct_message(parser, NULL);
	GMimeObject *part;
	char *body;

	insist(m != NULL);
	check_headers(GMIME_OBJECT(m));
	insist(internet_address_list_length(g_mime_message_get_to(m)) == 1);
	part = g_mime_message_get_mime_part(m);
	insist(GMIME_IS_TEXT_PART(part));
	body = g_mime_text_part_get_text(GMIME_TEXT_PART(part));
	insist(same_text(body, went_in));
	g_free(body);
	g_object_unref(m);
	g_object_unref(parser);
	g_object_unref(stream);
}

static void
make_mail(struct arena *a, char *text)
{
	const char *f[FIELDS], *out;
	struct mail mail = {
		.from = "desk@desk.example",
		.to = "eve@example.com",
		.domain = "desk.example",
		.key = "o1.abc",
		.thread = "t9.def",
		.reply_to = "reply@desk.example",
	};
	size_t size;

	split(text, f);
	mail.from_name = f[0];
	mail.to_name = f[1];
	mail.subject = f[2];
	mail.kind = f[3];
	mail.unsubscribe = arena_printf(a, "https://%s", f[4]);
	mail.text = f[6];
	out = mail_text(a, &mail, &size);
	insist(strlen(out) == size);
	read_again(out, size, mail.text);
	mail.html = mail.csv = f[6];
	mail.csv_name = f[5];
	insist(*mail_text(a, &mail, &size) != '\0');
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *a = arena_new(4096);
	char *text = arena_alloc(a, size + 1);
	const char *ticket, *who;

	memcpy(text, data, size);
	size = strlen(text);
	/* What is taken for ours was made by us. */
	if (mail_reply_read(a, text, &ticket, &who))
		insist(strncasecmp(text, mail_reply_address(a, ticket, who, ""),
			   strcspn(text, "@")) == 0);
	mail_address(text);
	if (form_utf8(text, size))
		make_mail(a, text);
	arena_free(a);
	return 0;
}
