/*
 * The skeleton without a web server, database or templates: requests are
 * made of FastCGI parameters, replies are read from FastCGI records.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "../../lib/web.c"
#include "../lib/web-alone.h"

#define PARAMS_MAX 16

static struct conf conf = { .url = "https://desk.example", .secure = true };
static struct reply reply;
static struct request request;
static FCGX_Stream body;
static char *params[PARAMS_MAX + 1];
static char answered[65536]; /* the last reply */
static int listener;         /* where replies can be read */

int
page_error(struct request *r, int status)
{
	const char *text = arena_printf(r->arena, "error %d", status);

	return web_send(
	    r, status, "text/html; charset=utf-8", text, strlen(text));
}

/* A program to talk to. */

static int
say(struct request *r)
{
	const char *text = arena_printf(r->arena, "%s %s [%s] [%s] ?%s <%.*s>",
	    r->method, r->path, web_part(r, 0), web_part(r, 1), r->query,
	    (int)r->body_size, r->body);

	return web_send(r, 200, "text/html; charset=utf-8", text, strlen(text));
}

static int
tag(struct request *r)
{
	return web_send_tagged(r, "application/atom+xml", "<feed/>", 7);
}

static int
cookies(struct request *r)
{
	web_set_cookie(r, "session", "abc", "/", -1);
	web_set_cookie(r, "link", "def", "/my/7", 3600);
	web_set_cookie(r, "theme", "", "/", 0);
	return web_see_other(r, "/my/%d?q=%s", 7, "a b\r\nX: \xc3\xa4\\");
}

static int
twice(struct request *r)
{
	web_send(r, 200, "text/plain", "one", 3);
	return web_send(r, 500, "text/plain", "two", 3);
}

static int
silent(struct request *r)
{
	(void)r;
	return 503;
}

static int
greedy(struct request *r)
{
	return web_send(r, 503, "text/html; charset=utf-8", "busy", 4);
}

static const struct route routes[] = {
	{ "GET", "/", say, WEB_PUBLIC },
	{ "GET", "/busy", greedy, WEB_PUBLIC },
	{ "GET", "/feed", tag, WEB_PUBLIC },
	{ "GET", "/report/:template", say, WEB_PRIVATE },
	{ "POST", "/report/:template", say, WEB_PRIVATE },
	{ "POST", "/my/:number/reply", say, WEB_SECRET },
	{ "GET", "/a/:one/b/:two", say, WEB_SECRET },
	{ "POST", "/cookies", cookies, WEB_PRIVATE },
	{ "GET", "/twice", twice, WEB_PRIVATE },
	{ "GET", "/silent", silent, WEB_PRIVATE },
	{ NULL, NULL, NULL, WEB_PRIVATE },
};

static const struct program program = {
	.name = "test",
	.routes = routes,
	.body_max = 20,
};

/* Put the content of the FastCGI records that a reply consists of together. */
static void
read_records(int fd)
{
	unsigned char head[8];
	size_t size = 0;

	while (read(fd, head, sizeof(head)) == (ssize_t)sizeof(head)) {
		size_t content = (size_t)(head[4] << 8 | head[5]), got = 0;
		char padding[256];

		while (got < content) {
			ssize_t n =
			    read(fd, answered + size + got, content - got);

			assert_true(n > 0);
			got += (size_t)n;
		}
		assert_int_equal(read(fd, padding, head[6]), head[6]);
		size += content;
	}
	answered[size] = '\0';
}

static void
end_of_body(FCGX_Stream *stream)
{
	stream->isClosed = 1;
}

/* "NAME=value" parameters until NULL; a body of `size` bytes may follow. */
static const char *
ask(const char *text, size_t size, const char *first, ...)
{
	va_list ap;
	int n = 0;
	const char *p;

	va_start(ap, first);
	for (p = first; p != NULL; p = va_arg(ap, const char *)) {
		assert_true(n < PARAMS_MAX);
		params[n++] = arena_copy(request.arena, p);
	}
	va_end(ap);
	params[n] = NULL;
	body.rdNext = (unsigned char *)arena_printf(
	    request.arena, "%.*s", (int)size, text);
	body.stop = body.rdNext + size;
	body.isReader = 1;
	body.isClosed = 0;
	body.fillBuffProc = end_of_body;
	reply.fcgi.envp = params;
	reply.fcgi.in = &body;
	answer(&program, &request);
	FCGX_FFlush(reply.fcgi.out);
	read_records(listener);
	return answered;
}

static const char *
get(const char *uri)
{
	return ask("", 0, "REQUEST_METHOD=GET",
	    arena_printf(request.arena, "REQUEST_URI=%s", uri), NULL);
}

#define FORM "CONTENT_TYPE=application/x-www-form-urlencoded"
#define POST "REQUEST_METHOD=POST", "REQUEST_URI=/report/bug"

static int
status(const char *text)
{
	int n = 0;

	assert_int_equal(sscanf(text, "Status: %d\r\n", &n), 1);
	return n;
}

static const char *
content(const char *text)
{
	const char *end = strstr(text, "\r\n\r\n");

	assert_non_null(end);
	return end + 4;
}

/* Does the head of the reply have this line? */
static bool
has(const char *text, const char *line)
{
	const char *at = strstr(text, line);

	return at != NULL && at < content(text) && at[-1] == '\n' &&
	       strncmp(at + strlen(line), "\r\n", 2) == 0;
}

/* Has it a header of this name? */
static bool
mentions(const char *text, const char *name)
{
	const char *at =
	    strstr(text, arena_printf(request.arena, "\n%s: ", name));

	return at != NULL && at < content(text);
}

/* One stream for all: libfcgi does not free all of what it makes for one. */
static int
open_stream(void **state)
{
	int out[2];

	(void)state;
	if (pipe(out) != 0 || fcntl(out[0], F_SETFL, O_NONBLOCK) != 0)
		return -1;
	listener = out[0];
	reply.fcgi.out = FCGX_CreateWriter(out[1], 1, 8192, 6);
	return 0;
}

static int
set_up(void **state)
{
	(void)state;
	memset(&request, 0, sizeof(request));
	memset(&body, 0, sizeof(body));
	request.arena = arena_new(4096);
	request.conf = &conf;
	request.reply = &reply;
	conf.secure = true;
	conf.url = "https://desk.example";
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	arena_free(request.arena);
	return 0;
}

static void
a_page_comes_whole_with_its_length(void **state)
{
	const char *r = get("/");

	(void)state;
	assert_int_equal(status(r), 200);
	assert_true(has(r, "Content-Type: text/html; charset=utf-8"));
	assert_true(has(r, "Content-Length: 16"));
	assert_string_equal(content(r), "GET / [] [] ? <>");
}

static void
head_is_get_without_the_body(void **state)
{
	const char *r =
	    ask("", 0, "REQUEST_METHOD=HEAD", "REQUEST_URI=/", NULL);

	(void)state;
	assert_int_equal(status(r), 200);
	assert_true(has(r, "Content-Length: 16"));
	assert_string_equal(content(r), "");
}

static void
the_parts_of_a_path_are_decoded_once(void **state)
{
	(void)state;
	assert_string_equal(content(get("/a/x%2541/b/%C3%A4+?q=%2B")),
	    "GET /a/x%41/b/\xc3\xa4+ [x%41] [\xc3\xa4+] ?q=%2B <>");
}

static void
paths_that_nearly_fit_are_not_found(void **state)
{
	static const char *const paths[] = { "//", "/report", "/report/",
		"/report/bug/", "/report/a/b", "/Report/bug", "/a//b/x",
		"/a/x/b/", "/a/x/c/y", "/reportx/bug", "/report%2fbug/x",
		"/../report/bug", "/report/bug%2Fx" };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(paths) / sizeof(*paths); i++)
		if (status(get(paths[i])) != 404)
			fail_msg("%s was found", paths[i]);
}

static void
paths_that_are_no_text_are_refused(void **state)
{
	static const char *const paths[] = { "", "report/bug", "*",
		"http://desk.example/", "/report/%", "/report/%4", "/%zz",
		"/report/%00", "/report/a%0db", "/report/%0a", "/report/%7f",
		"/report/%ff", "/report/\xff", "/report/%c0%af", "/report/a\tb",
		"/report/bug?a=\x01" };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(paths) / sizeof(*paths); i++)
		if (status(get(paths[i])) != 400)
			fail_msg("%s was not refused", paths[i]);
}

static void
a_wrong_method_is_told_the_right_ones(void **state)
{
	const char *r;

	(void)state;
	r = ask("", 0, "REQUEST_METHOD=DELETE", "REQUEST_URI=/report/x", NULL);
	assert_int_equal(status(r), 405);
	assert_true(has(r, "Allow: GET, HEAD, POST"));
	r = get("/cookies");
	assert_int_equal(status(r), 405);
	assert_true(has(r, "Allow: POST"));
	r = ask("", 0, "REQUEST_METHOD=POST", "REQUEST_URI=/", NULL);
	assert_int_equal(status(r), 405);
	assert_true(has(r, "Allow: GET, HEAD"));
	r = ask("", 0, "REQUEST_METHOD=get", "REQUEST_URI=/", NULL);
	assert_int_equal(status(r), 405);
	r = ask("", 0, "REQUEST_URI=/", NULL);
	assert_int_equal(status(r), 405);
}

static void
a_form_of_ours_arrives_as_it_was_sent(void **state)
{
	(void)state;
	assert_string_equal(content(ask("a=%41&b=\xff", 9, POST, FORM,
				"CONTENT_LENGTH=9", NULL)),
	    "POST /report/bug [bug] [] ? <a=%41&b=\xff>");
	assert_int_equal(status(ask("", 0, POST,
			     "CONTENT_TYPE=Application/X-WWW-Form-URLencoded; "
			     "charset=UTF-8",
			     "CONTENT_LENGTH=0", NULL)),
	    200);
}

static void
a_body_is_measured_before_it_is_read(void **state)
{
	static const struct {
		const char *length;
		int status;
	} lengths[] = { { "", 411 }, { "20", 200 }, { "21", 413 },
		{ "4294967297", 413 }, { "18446744073709551617", 413 },
		{ "-1", 400 }, { "+5", 400 }, { "5x", 400 }, { " 5", 400 },
		{ "0x5", 400 }, { "5,5", 400 } };
	char text[20];
	size_t i;

	(void)state;
	memset(text, 'a', sizeof(text));
	assert_int_equal(status(ask(text, 20, POST, FORM, NULL)), 411);
	for (i = 0; i < sizeof(lengths) / sizeof(*lengths); i++)
		assert_int_equal(
		    status(ask(text, 20, POST, FORM,
			arena_printf(request.arena, "CONTENT_LENGTH=%s",
			    lengths[i].length),
			NULL)),
		    lengths[i].status);
}

static void
a_body_that_breaks_off_is_refused(void **state)
{
	(void)state;
	assert_int_equal(
	    status(ask("abc", 3, POST, FORM, "CONTENT_LENGTH=4", NULL)), 400);
}

static void
only_forms_are_taken(void **state)
{
	static const char *const types[] = { "", "text/plain",
		"multipart/form-data; boundary=x", "application/json",
		"application/x-www-form-urlencodedx",
		"application/x-www-form-urlencode" };
	size_t i;

	(void)state;
	assert_int_equal(
	    status(ask("", 0, POST, "CONTENT_LENGTH=0", NULL)), 415);
	for (i = 0; i < sizeof(types) / sizeof(*types); i++)
		assert_int_equal(status(ask("", 0, POST, "CONTENT_LENGTH=0",
				     arena_printf(request.arena,
					 "CONTENT_TYPE=%s", types[i]),
				     NULL)),
		    415);
}

static int
from(const char *site, const char *origin)
{
	return status(ask("", 0, POST, FORM, "CONTENT_LENGTH=0",
	    arena_printf(request.arena, "HTTP_SEC_FETCH_SITE=%s", site),
	    arena_printf(request.arena, "HTTP_ORIGIN=%s", origin), NULL));
}

static void
a_form_is_taken_from_our_own_pages_only(void **state)
{
	(void)state;
	assert_int_equal(from("", ""), 200);
	assert_int_equal(from("same-origin", ""), 200);
	assert_int_equal(from("none", ""), 200);
	assert_int_equal(from("same-origin", "null"), 200);
	assert_int_equal(from("", "https://desk.example"), 200);
	assert_int_equal(from("cross-site", "https://desk.example"), 403);
	assert_int_equal(from("same-site", ""), 403);
	assert_int_equal(from("SAME-ORIGIN", ""), 403);
	assert_int_equal(from("", "null"), 403);
	assert_int_equal(from("", "http://desk.example"), 403);
	assert_int_equal(from("", "https://desk.example:8443"), 403);
	assert_int_equal(from("", "https://desk.example.evil.example"), 403);
	assert_int_equal(from("", "https://desk.exampl"), 403);
}

static void
pages_carry_exactly_these_headers(void **state)
{
	static const char *const lines[] = {
		"Content-Security-Policy: default-src 'none'; script-src "
		"'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
		"form-action 'self'; frame-ancestors 'none'; base-uri 'none'; "
		"require-trusted-types-for 'script'; trusted-types 'none'; "
		"upgrade-insecure-requests",
		"Strict-Transport-Security: max-age=63072000; "
		"includeSubDomains; preload",
		"X-Content-Type-Options: nosniff", "X-Frame-Options: DENY",
		"Referrer-Policy: same-origin",
		"Permissions-Policy: accelerometer=(), camera=(), "
		"geolocation=(), gyroscope=(), magnetometer=(), "
		"microphone=(), payment=(), usb=(), browsing-topics=()",
		"Cross-Origin-Opener-Policy: same-origin",
		"Cross-Origin-Embedder-Policy: require-corp",
		"Cross-Origin-Resource-Policy: same-origin",
		"Origin-Agent-Cluster: ?1", "Cache-Control: no-store"
	};
	const char *r = get("/report/bug");
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(lines) / sizeof(*lines); i++)
		if (!has(r, lines[i]))
			fail_msg("no \"%s\"", lines[i]);
	assert_false(mentions(r, "Vary"));
	assert_false(mentions(r, "Set-Cookie"));
	assert_false(mentions(r, "Access-Control-Allow-Origin"));
}

static void
plain_http_is_not_told_to_upgrade(void **state)
{
	const char *r;

	(void)state;
	conf.secure = false;
	r = get("/");
	assert_null(strstr(r, "upgrade-insecure-requests"));
	assert_false(mentions(r, "Strict-Transport-Security"));
}

static void
who_may_keep_an_answer_is_the_routes_word(void **state)
{
	const char *r = get("/");

	(void)state;
	assert_true(
	    has(r, "Cache-Control: public, max-age=30, stale-if-error=86400"));
	assert_true(has(r, "Vary: Cookie"));
	r = get("/a/1/b/2");
	assert_true(has(r, "Cache-Control: no-store"));
	assert_true(has(r, "Referrer-Policy: no-referrer"));
	r = get("/busy");
	assert_int_equal(status(r), 503);
	assert_true(has(r, "Cache-Control: no-store"));
	assert_true(has(get("/nowhere"), "Cache-Control: no-store"));
}

static void
a_feed_is_inert_and_the_same_in_any_theme(void **state)
{
	const char *r = get("/feed");

	(void)state;
	assert_true(has(r, "Content-Type: application/atom+xml"));
	assert_true(
	    has(r, "Content-Security-Policy: default-src 'none'; sandbox"));
	assert_false(mentions(r, "Vary"));
	assert_string_equal(content(r), "<feed/>");
}

static const char *
ask_feed(const char *tags)
{
	return ask("", 0, "REQUEST_METHOD=GET", "REQUEST_URI=/feed",
	    arena_printf(request.arena, "HTTP_IF_NONE_MATCH=%s", tags), NULL);
}

static void
who_has_the_feed_gets_304(void **state)
{
	struct arena *a = request.arena;
	const char *r = get("/feed"), *etag;
	char tag_text[64];

	(void)state;
	assert_non_null(etag = strstr(r, "\nETag: "));
	assert_int_equal(sscanf(etag, "\nETag: %60s", tag_text), 1);
	r = ask_feed(tag_text);
	assert_int_equal(status(r), 304);
	assert_string_equal(content(r), "");
	assert_false(mentions(r, "Content-Length"));
	assert_false(mentions(r, "Content-Type"));
	assert_true(mentions(r, "ETag"));
	assert_true(
	    has(r, "Cache-Control: public, max-age=30, stale-if-error=86400"));
	assert_int_equal(status(ask_feed("*")), 304);
	assert_int_equal(
	    status(ask_feed(arena_printf(a, "\"a\" , W/%s", tag_text))), 304);
	assert_int_equal(status(ask_feed("\"a\", W/\"b\"")), 200);
	assert_int_equal(status(ask_feed("\"")), 200);
	assert_int_equal(
	    status(ask_feed(arena_printf(a, "%.*s", 20, tag_text))), 200);
}

static void
cookies_are_fenced_by_name_and_flags(void **state)
{
	const char *r;

	(void)state;
	r = ask("", 0, "REQUEST_METHOD=POST", "REQUEST_URI=/cookies", FORM,
	    "CONTENT_LENGTH=0", NULL);
	assert_true(has(r, "Set-Cookie: __Host-session=abc; Path=/; HttpOnly; "
			   "SameSite=Lax; Secure"));
	assert_true(has(r, "Set-Cookie: __Secure-link=def; Path=/my/7; "
			   "Max-Age=3600; HttpOnly; SameSite=Lax; Secure"));
	assert_true(has(r, "Set-Cookie: __Host-theme=; Path=/; Max-Age=0; "
			   "HttpOnly; SameSite=Lax; Secure"));
	conf.secure = false;
	r = ask("", 0, "REQUEST_METHOD=POST", "REQUEST_URI=/cookies", FORM,
	    "CONTENT_LENGTH=0", NULL);
	assert_true(
	    has(r, "Set-Cookie: session=abc; Path=/; HttpOnly; SameSite=Lax"));
}

static void
a_redirect_stays_here_and_in_one_line(void **state)
{
	const char *r;

	(void)state;
	r = ask("", 0, "REQUEST_METHOD=POST", "REQUEST_URI=/cookies", FORM,
	    "CONTENT_LENGTH=0", NULL);
	assert_int_equal(status(r), 303);
	assert_true(has(r, "Location: /my/7?q=a%20b%0D%0AX:%20%C3%A4%5C"));
	assert_true(has(r, "Content-Length: 0"));
}

static const char *
cookie(const char *header, const char *name)
{
	ask("", 0, "REQUEST_METHOD=GET", "REQUEST_URI=/",
	    arena_printf(request.arena, "HTTP_COOKIE=%s", header), NULL);
	return web_cookie(&request, name);
}

static void
a_cookie_is_found_by_its_whole_name(void **state)
{
	(void)state;
	conf.secure = false;
	assert_string_equal(cookie("session=abc", "session"), "abc");
	assert_string_equal(cookie("a=b; session=abc; c=d", "session"), "abc");
	assert_string_equal(cookie("a=b;session=abc", "session"), "abc");
	assert_string_equal(cookie("xsession=abc", "session"), "");
	assert_string_equal(cookie("sessionx=abc", "session"), "");
	assert_string_equal(cookie("a=session=abc", "session"), "");
	assert_string_equal(cookie("session", "session"), "");
	assert_string_equal(cookie("session=", "session"), "");
	assert_string_equal(cookie("sess", "session"), "");
	assert_string_equal(cookie("", "session"), "");
	assert_string_equal(cookie(";;; ;=;= session=abc", "session"), "");
	assert_string_equal(cookie("session=a; session=b", "session"), "a");
	assert_string_equal(cookie("theme=dark;", "theme"), "dark");
}

static void
a_cookie_with_bytes_of_no_cookie_is_none(void **state)
{
	(void)state;
	conf.secure = false;
	assert_string_equal(cookie("a=b c", "a"), "");
	assert_string_equal(cookie("a=\"b\"", "a"), "");
	assert_string_equal(cookie("a=b,c", "a"), "");
	assert_string_equal(cookie("a=b\\c", "a"), "");
	assert_string_equal(cookie("a=\xc3\xa4", "a"), "");
	assert_string_equal(cookie("a=\x01", "a"), "");
	assert_string_equal(cookie("a=b=c", "a"), "b=c");
}

static void
over_https_a_bare_cookie_could_be_anybodys(void **state)
{
	(void)state;
	assert_string_equal(cookie("session=abc", "session"), "");
	assert_string_equal(cookie("__Host-session=abc", "session"), "abc");
	assert_string_equal(cookie("__Secure-link=abc", "link"), "abc");
	assert_string_equal(
	    cookie(
		"session=x; __Secure-session=y; __Host-session=z", "session"),
	    "z");
}

static void
what_a_visitor_sends_is_found_by_its_header(void **state)
{
	(void)state;
	ask("", 0, "REQUEST_METHOD=GET", "REQUEST_URI=/",
	    "HTTP_USER_AGENT=lynx", NULL);
	assert_string_equal(web_param(&request, "User-Agent"), "lynx");
	assert_string_equal(web_param(&request, "Referer"), "");
}

static void
the_servers_request_id_is_used_if_it_is_one(void **state)
{
	static const char id[] = "0123456789abcdef0123456789abcdef";
	const char *r = ask("", 0, "REQUEST_METHOD=GET", "REQUEST_URI=/",
	    arena_printf(request.arena, "REQUEST_ID=%s", id), NULL);

	(void)state;
	assert_true(
	    has(r, arena_printf(request.arena, "X-Request-Id: %s", id)));
	r = ask("", 0, "REQUEST_METHOD=GET", "REQUEST_URI=/",
	    "REQUEST_ID=a\r\nX-Evil: 1", NULL);
	assert_false(mentions(r, "X-Evil"));
	assert_true(mentions(r, "X-Request-Id"));
	assert_int_equal(strlen(request.id), 32);
}

static void
a_theme_is_one_of_three(void **state)
{
	static const char *const themes[][2] = { { "light", "light" },
		{ "dark", "dark" }, { "", "" }, { "blue", "" },
		{ "dark\"", "" } };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(themes) / sizeof(*themes); i++) {
		ask("", 0, "REQUEST_METHOD=GET", "REQUEST_URI=/",
		    arena_printf(request.arena, "THEME=%s", themes[i][0]),
		    NULL);
		assert_string_equal(request.theme, themes[i][1]);
	}
}

static void
nothing_of_a_request_is_left_for_the_next(void **state)
{
	(void)state;
	ask("a=b", 3, POST, FORM, "CONTENT_LENGTH=3", "THEME=dark",
	    "HTTP_COOKIE=__Host-session=abc", "REMOTE_ADDR=192.0.2.7", NULL);
	request.form = (struct form *)&request;
	assert_string_equal(content(get("/")), "GET / [] [] ? <>");
	assert_string_equal(request.theme, "");
	assert_string_equal(request.address, "");
	assert_null(request.form);
	assert_string_equal(web_cookie(&request, "session"), "");
	assert_false(mentions(get("/"), "Set-Cookie"));
}

static void
a_handler_that_says_nothing_gets_an_error_page(void **state)
{
	const char *r = get("/silent");

	(void)state;
	assert_int_equal(status(r), 503);
	assert_string_equal(content(r), "error 503");
}

static void
a_second_reply_is_dropped(void **state)
{
	const char *r = get("/twice");

	(void)state;
	assert_int_equal(status(r), 200);
	assert_string_equal(content(r), "one");
}

/* Does a header of this value end the program? */
static bool
is_fatal(const char *value)
{
	int how;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		web_header(&request, "X-Test", value);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &how, 0), pid);
	return WIFEXITED(how) && WEXITSTATUS(how) == 1;
}

static void
a_header_cannot_be_split(void **state)
{
	(void)state;
	get("/");
	assert_false(is_fatal("a b ~"));
	assert_true(is_fatal("a\r\nb"));
	assert_true(is_fatal("a\nb"));
	assert_true(is_fatal("a\tb"));
	assert_true(is_fatal("a\x7f"));
	assert_true(is_fatal("\xc3\xa4"));
	assert_true(is_fatal("a\xe2\x80\xa8"
			     "b"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_page_comes_whole_with_its_length),
		TEST(head_is_get_without_the_body),
		TEST(the_parts_of_a_path_are_decoded_once),
		TEST(paths_that_nearly_fit_are_not_found),
		TEST(paths_that_are_no_text_are_refused),
		TEST(a_wrong_method_is_told_the_right_ones),
		TEST(a_form_of_ours_arrives_as_it_was_sent),
		TEST(a_body_is_measured_before_it_is_read),
		TEST(a_body_that_breaks_off_is_refused),
		TEST(only_forms_are_taken),
		TEST(a_form_is_taken_from_our_own_pages_only),
		TEST(pages_carry_exactly_these_headers),
		TEST(plain_http_is_not_told_to_upgrade),
		TEST(who_may_keep_an_answer_is_the_routes_word),
		TEST(a_feed_is_inert_and_the_same_in_any_theme),
		TEST(who_has_the_feed_gets_304),
		TEST(cookies_are_fenced_by_name_and_flags),
		TEST(a_redirect_stays_here_and_in_one_line),
		TEST(a_cookie_is_found_by_its_whole_name),
		TEST(a_cookie_with_bytes_of_no_cookie_is_none),
		TEST(over_https_a_bare_cookie_could_be_anybodys),
		TEST(what_a_visitor_sends_is_found_by_its_header),
		TEST(the_servers_request_id_is_used_if_it_is_one),
		TEST(a_theme_is_one_of_three),
		TEST(nothing_of_a_request_is_left_for_the_next),
		TEST(a_handler_that_says_nothing_gets_an_error_page),
		TEST(a_second_reply_is_dropped),
		TEST(a_header_cannot_be_split),
	};

	/* What it logs about the refusals is not asked here. */
	if (freopen("/dev/null", "w", stderr) == NULL)
		return 1;
	return cmocka_run_group_tests_name("web", tests, open_stream, NULL);
}
