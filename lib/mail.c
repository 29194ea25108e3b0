#include <ctype.h>
#include <gmime/gmime.h>
#include <stdint.h>
#include <string.h>

#include "arena.h"
#include "mail.h"
#include "token.h"

#define CODE_BYTES (1 + TOKEN_MAC)
#define CODE_CHARS ((CODE_BYTES * 8 + 4) / 5)
#define PART_MAX 12 /* characters of a ticket or reader in an address */

/*
 * One line of what may be several.  A C1 control or a line separator of
 * Unicode is two or three bytes that some readers take for a line end.
 */
static char *
one_line(struct arena *a, const char *text)
{
	unsigned char *line = (unsigned char *)arena_copy(a, text), *p;

	for (p = line; *p != '\0'; p++) {
		if (*p < 0x20 || *p == 0x7f)
			*p = ' ';
		else if (p[0] == 0xc2 && p[1] >= 0x80 && p[1] <= 0x9f)
			p[0] = p[1] = ' ';
		else if (p[0] == 0xe2 && p[1] == 0x80 &&
			 (p[2] == 0xa8 || p[2] == 0xa9))
			p[0] = p[1] = p[2] = ' ';
	}
	return (char *)line;
}

bool
mail_address(const char *address)
{
	const unsigned char *p = (const unsigned char *)address;

	for (; *p != '\0'; p++)
		if (*p <= 0x20 || *p == 0x7f || strchr("<>\"(),;:\\", *p))
			return false;
	return *address != '\0' && *address != '-' &&
	       strchr(address, '@') != NULL;
}

/* Never longer than it was, so that it is done in place. */
const char *
mail_without_addresses(struct arena *a, const char *said)
{
	char *text = arena_copy(a, said), *to = text, *at = text;
	size_t size;

	while (*at != '\0') {
		if (*at == '<') {
			size = strcspn(at, ">");
			*to++ = '<';
			at += size;
		} else if (*at == ' ' || *at == '>') {
			*to++ = *at++;
		} else {
			size = strcspn(at, " <>");
			if (memchr(at, '@', size) != NULL) {
				*to++ = '*';
			} else {
				memmove(to, at, size);
				to += size;
			}
			at += size;
		}
	}
	*to = '\0';
	return text;
}

/* One code for one address: RFC 4648, 6, in lower case, without padding. */
static const char digits[] = "abcdefghijklmnopqrstuvwxyz234567";

static void
write_code(char code[CODE_CHARS + 1], const unsigned char mac[CODE_BYTES])
{
	uint32_t bits = 0;
	unsigned have = 0;
	size_t i, n = 0;

	for (i = 0; i < CODE_BYTES; i++) {
		bits = (bits << 8 | mac[i]) & 0xffff;
		for (have += 8; have >= 5; have -= 5)
			code[n++] = digits[bits >> (have - 5) & 31];
	}
	if (have > 0)
		code[n++] = digits[bits << (5 - have) & 31];
	code[n] = '\0';
}

static bool
read_code(unsigned char mac[CODE_BYTES], const char *code)
{
	uint32_t bits = 0;
	unsigned have = 0;
	size_t i, n = 0;

	for (i = 0; i < CODE_CHARS; i++) {
		const char *at =
		    memchr(digits, tolower((unsigned char)code[i]), 32);

		if (at == NULL)
			return false;
		bits = (bits << 5 | (uint32_t)(at - digits)) & 0xffff;
		if ((have += 5) < 8)
			continue;
		have -= 8;
		mac[n++] = (unsigned char)(bits >> have);
	}
	return n == CODE_BYTES && (bits & ((1U << have) - 1)) == 0;
}

const char *
mail_reply_address(
    struct arena *a, const char *ticket, const char *who, const char *domain)
{
	const char *signed_text = arena_printf(a, "%s.%s", ticket, who);
	unsigned char mac[CODE_BYTES];
	char code[CODE_CHARS + 1];

	token_sign(mac, "reply", signed_text, strlen(signed_text));
	write_code(code, mac);
	return arena_printf(a, "reply+%s.%s@%s", signed_text, code, domain);
}

/* "17.p5." at the beginning; its length, or 0. */
static size_t
read_parts(
    struct arena *a, const char *text, const char **ticket, const char **who)
{
	size_t n = strspn(text, "0123456789"), m;

	if (n == 0 || n > PART_MAX || text[n] != '.' ||
	    strchr("psPS", text[n + 1]) == NULL || text[n + 1] == '\0')
		return 0;
	m = strspn(text + n + 2, "0123456789");
	if (m == 0 || m > PART_MAX || text[n + 2 + m] != '.')
		return 0;
	*ticket = arena_printf(a, "%.*s", (int)n, text);
	*who = arena_printf(a, "%c%.*s", tolower((unsigned char)text[n + 1]),
	    (int)m, text + n + 2);
	return n + 2 + m + 1;
}

bool
mail_reply_read(
    struct arena *a, const char *address, const char **ticket, const char **who)
{
	static const char prefix[] = "reply+";
	unsigned char mac[CODE_BYTES];
	const char *signed_text, *p;
	size_t size;

	for (p = prefix; *p != '\0'; p++, address++)
		if (tolower((unsigned char)*address) != *p)
			return false;
	if ((size = read_parts(a, address, ticket, who)) == 0)
		return false;
	address += size;
	if (strlen(address) <= CODE_CHARS || address[CODE_CHARS] != '@' ||
	    !read_code(mac, address))
		return false;
	signed_text = arena_printf(a, "%s.%s", *ticket, *who);
	return token_verify(mac, "reply", signed_text, strlen(signed_text));
}

static void
unref(void *object)
{
	g_object_unref(object);
}

static void
add_header(GMimeMessage *m, const char *name, const char *value)
{
	g_mime_object_set_header(GMIME_OBJECT(m), name, value, "utf-8");
}

static void
add_thread(struct arena *a, GMimeMessage *m, const struct mail *mail)
{
	const char *root;

	if (*mail->thread == '\0')
		return;
	root = arena_printf(a, "<%s@%s>", mail->thread, mail->domain);
	add_header(m, "In-Reply-To", root);
	add_header(m, "References", root);
}

static void
add_list(struct arena *a, GMimeMessage *m, const struct mail *mail)
{
	add_header(m, "List-Id", arena_printf(a, "<tickets.%s>", mail->domain));
	if (*mail->unsubscribe == '\0')
		return;
	add_header(m, "List-Unsubscribe",
	    arena_printf(a, "<%s>", one_line(a, mail->unsubscribe)));
	/* RFC 8058 asks for https. */
	if (strncmp(mail->unsubscribe, "https:", 6) == 0)
		add_header(
		    m, "List-Unsubscribe-Post", "List-Unsubscribe=One-Click");
}

static void
add_person(struct arena *a, GMimeMessage *m, GMimeAddressType type,
    const char *name, const char *address)
{
	InternetAddress *person = internet_address_mailbox_new(
	    *name != '\0' ? one_line(a, name) : NULL, one_line(a, address));

	arena_defer(a, unref, person);
	internet_address_set_charset(person, "utf-8");
	internet_address_list_add(
	    g_mime_message_get_addresses(m, type), person);
}

/* Not g_mime_text_part_set_text(): that would choose a charset for us. */
static GMimeObject *
text_part(struct arena *a, const char *subtype, const char *text)
{
	GMimeTextPart *part = g_mime_text_part_new_with_subtype(subtype);
	GMimeStream *stream =
	    g_mime_stream_mem_new_with_buffer(text, strlen(text));
	GMimeDataWrapper *content = g_mime_data_wrapper_new_with_stream(
	    stream, GMIME_CONTENT_ENCODING_DEFAULT);

	arena_defer(a, unref, part);
	arena_defer(a, unref, stream);
	arena_defer(a, unref, content);
	g_mime_text_part_set_charset(part, "utf-8");
	g_mime_part_set_content(GMIME_PART(part), content);
	g_mime_part_set_content_encoding(
	    GMIME_PART(part), GMIME_CONTENT_ENCODING_QUOTEDPRINTABLE);
	return GMIME_OBJECT(part);
}

static GMimeObject *
both(struct arena *a, const char *subtype, GMimeObject *first,
    GMimeObject *second)
{
	GMimeMultipart *all = g_mime_multipart_new_with_subtype(subtype);

	arena_defer(a, unref, all);
	g_mime_multipart_add(all, first);
	g_mime_multipart_add(all, second);
	return GMIME_OBJECT(all);
}

static GMimeObject *
attachment(struct arena *a, const struct mail *mail)
{
	GMimeObject *part = text_part(a, "csv", mail->csv);

	g_mime_object_set_disposition(part, "attachment");
	g_mime_part_set_filename(GMIME_PART(part), one_line(a, mail->csv_name));
	return part;
}

/* What a reader can show is for the reader to choose: the last one it knows. */
static GMimeObject *
content(struct arena *a, const struct mail *mail)
{
	GMimeObject *all = text_part(a, "plain", mail->text);

	if (mail->html != NULL)
		all = both(
		    a, "alternative", all, text_part(a, "html", mail->html));
	if (mail->csv != NULL)
		all = both(a, "mixed", all, attachment(a, mail));
	return all;
}

static const char *
write_out(struct arena *a, GMimeMessage *m, size_t *size)
{
	GMimeFormatOptions *format = g_mime_format_options_new();
	char *out, *text;

	g_mime_format_options_set_newline_format(
	    format, GMIME_NEWLINE_FORMAT_DOS);
	out = g_mime_object_to_string(GMIME_OBJECT(m), format);
	g_mime_format_options_free(format);
	text = arena_copy(a, out);
	g_free(out);
	*size = strlen(text);
	return text;
}

const char *
mail_text(struct arena *a, const struct mail *mail, size_t *size)
{
	GMimeMessage *m;
	GDateTime *now;

	g_mime_init(); /* once; later calls only count */
	m = g_mime_message_new(TRUE);
	arena_defer(a, unref, m);
	add_person(a, m, GMIME_ADDRESS_TYPE_FROM, mail->from_name, mail->from);
	add_person(a, m, GMIME_ADDRESS_TYPE_TO, mail->to_name, mail->to);
	if (*mail->reply_to != '\0')
		add_person(a, m, GMIME_ADDRESS_TYPE_REPLY_TO, mail->from_name,
		    mail->reply_to);
	g_mime_message_set_subject(m, one_line(a, mail->subject), "utf-8");
	now = g_date_time_new_now_utc();
	g_mime_message_set_date(m, now);
	g_date_time_unref(now);
	g_mime_message_set_message_id(
	    m, arena_printf(a, "%s@%s", mail->key, mail->domain));
	add_thread(a, m, mail);
	add_header(m, "Auto-Submitted", "auto-generated");
	add_header(m, "X-Auto-Response-Suppress", "All");
	add_header(m, "X-Nightdesk", one_line(a, mail->kind));
	add_list(a, m, mail);
	g_mime_message_set_mime_part(m, content(a, mail));
	return write_out(a, m, size);
}
