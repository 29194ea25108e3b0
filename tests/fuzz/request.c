/*
 * The head of a request, fed with anything: path, query, cookies and the few
 * other parameters, one on each line.  What a handler gets is what web.h
 * promises; what it says in cookies, redirects and tags leaves as one header
 * each, and the length is that of the body.
 */
#include "worker.h"

static const struct field fields[] = {
	{ "q", FORM_LINE, 300, "too long" },
	{ "a", FORM_TEXT, 20, "too long" },
	{ NULL, FORM_LINE, 0, NULL },
};

static void
insist_text(const char *text)
{
	insist(form_utf8(text, strlen(text)));
}

static void
insist_token(const char *value)
{
	for (; *value != '\0'; value++)
		insist(*value > 0x20 && *value < 0x7f && *value != ';' &&
		       *value != ',' && *value != '"' && *value != '\\');
}

static int
look(struct request *r)
{
	const char *session = web_cookie(r, "session");
	const char *link = web_cookie(r, "link");

	insist_text(r->path);
	insist(!has_control(r->path));
	insist(*web_part(r, 0) != '\0' && strchr(web_part(r, 0), '/') == NULL);
	insist_token(session);
	insist_token(link);
	if (!form_query(r, fields))
		return r->status;
	insist_text(form_text(r, "q"));
	insist(strpbrk(form_text(r, "q"), "\r\n") == NULL);
	insist_text(form_text(r, "a"));
	web_set_cookie(r, "session", session, "/", -1);
	if (form_sent(r, "a"))
		return web_see_other(
		    r, "/see/%s?q=%s", web_part(r, 0), form_text(r, "q"));
	return web_send_tagged(r, "text/plain", r->path, strlen(r->path));
}

static const struct route routes[] = {
	{ "GET", "/a/:part", look, WEB_PUBLIC },
	{ "GET", "/:part", look, WEB_SECRET },
	{ NULL, NULL, NULL, WEB_PRIVATE },
};

static const struct program program = {
	.name = "fuzz",
	.routes = routes,
	.body_max = 4096,
};

static const char *const names[] = { "REQUEST_URI", "HTTP_COOKIE",
	"HTTP_IF_NONE_MATCH", "REQUEST_METHOD", "REQUEST_ID", "THEME",
	"HTTP_REFERER", "REMOTE_ADDR" };

/* One pair of FastCGI, with lengths of four bytes. */
static unsigned char *
put_pair(unsigned char *to, const char *name, const char *value, size_t size)
{
	size_t sizes[2] = { strlen(name), size }, i;

	for (i = 0; i < 2; i++) {
		*to++ = (unsigned char)(0x80 | sizes[i] >> 24);
		*to++ = (unsigned char)(sizes[i] >> 16);
		*to++ = (unsigned char)(sizes[i] >> 8);
		*to++ = (unsigned char)sizes[i];
	}
	memcpy(to, name, sizes[0]);
	memcpy(to + sizes[0], value, size);
	return to + sizes[0] + size;
}

static unsigned char *
begin_record(unsigned char *to, unsigned char type, size_t size)
{
	const unsigned char head[8] = { 1, type, 0, 1,
		(unsigned char)(size >> 8), (unsigned char)size, 0, 0 };

	memcpy(to, head, sizeof(head));
	return to + sizeof(head);
}

static size_t
make_request(unsigned char *all, const char *text, size_t size)
{
	static const unsigned char begin[8] = { 0, 1 };
	unsigned char *to = begin_record(all, 1, sizeof(begin)), *params, *p;
	const char *end = text + size;
	size_t i;

	memcpy(to, begin, sizeof(begin));
	params = to + sizeof(begin);
	p = params + 8;
	for (i = 0; i < sizeof(names) / sizeof(*names) && text < end; i++) {
		const char *stop = memchr(text, '\n', (size_t)(end - text));

		if (stop == NULL)
			stop = end;
		p = put_pair(p, names[i], text, (size_t)(stop - text));
		text = stop + 1;
	}
	if (i < 4)
		p = put_pair(p, "REQUEST_METHOD", "GET", 3);
	begin_record(params, 4, (size_t)(p - params) - 8);
	p = begin_record(p, 4, 0);
	p = begin_record(p, 5, 0);
	return (size_t)(p - all);
}

/* The content of the records in one piece, in place. */
static size_t
join(unsigned char *all, size_t size)
{
	size_t at = 0, out = 0;

	while (at + 8 <= size) {
		size_t content = (size_t)(all[at + 4] << 8 | all[at + 5]);
		size_t whole = 8 + content + all[at + 6];

		if (all[at + 1] == 6) {
			memmove(all + out, all + at + 8, content);
			out += content;
		}
		at += whole;
	}
	return out;
}

/* Every line of the head is a header, and the body as long as it says. */
static void
check_answer(const char *text, size_t size)
{
	const char *body = strstr(text, "\r\n\r\n"), *length, *p;

	insist(body != NULL);
	for (p = text; p < body; p++) {
		if (p[0] == '\r') {
			insist(p[1] == '\n');
			p++;
		} else
			insist(is_header(*p));
	}
	body += 4;
	length = strstr(text, "Content-Length: ");
	/* HEAD has the length of what it leaves out. */
	if (length != NULL && length < body && text + size > body)
		insist(strtoul(length + 16, NULL, 10) ==
		       (size_t)(text + size - body));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static unsigned char all[65536];
	size_t got;

	if (size > 32768)
		return 0;
	got = talk(&program, all, make_request(all, (const char *)data, size));
	insist(got > 0);
	got = join(fuzz_answer, got);
	fuzz_answer[got] = '\0';
	check_answer((const char *)fuzz_answer, got);
	return 0;
}
