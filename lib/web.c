#include <ctype.h>
#include <errno.h>
#include <fcgiapp.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/select.h>

#include "arena.h"
#include "conf.h"
#include "db.h"
#include "fence.h"
#include "form.h"
#include "log.h"
#include "page.h"
#include "token.h"
#include "web.h"

#define ARENA_BLOCK (64 * 1024) /* bytes; one block serves most pages */
#define LISTENER 0              /* where FastCGI has its socket */
#define ETAG_DIGITS 32
#define ID_DIGITS 32

struct header {
	struct header *next;
	const char *name, *value;
};

struct reply {
	FCGX_Request fcgi;
	const struct route *route; /* NULL until found */
	struct header *headers;    /* the latest first */
	const char *permitted;     /* see web_permit(); NULL for nothing */
	bool head;                 /* HEAD: no body */
	bool sent;
};

/* Our pages: no inline script or style, nothing from elsewhere. */
#define PAGE_POLICY                                                            \
	"default-src 'none'; script-src 'self'; style-src 'self'; "            \
	"img-src 'self'; connect-src 'self'; form-action 'self'; "             \
	"frame-ancestors 'none'; base-uri 'none'; "                            \
	"require-trusted-types-for 'script'; trusted-types 'none'"

/* Feeds and files: should a browser show one as a page, it is inert. */
#define FILE_POLICY "default-src 'none'; sandbox"

/*
 * Only for https.  On a plain http://localhost desk the one would make the
 * browser ask for https assets that nobody serves, and the other is ignored
 * by RFC 6797 but has locked people out of other ports of their own machine
 * once something did answer there.
 */
#define SECURE_POLICY "; upgrade-insecure-requests"
#define SECURE_HEADER                                                          \
	"Strict-Transport-Security: max-age=63072000; includeSubDomains; "     \
	"preload\r\n"

#define PERMISSIONS                                                            \
	"Permissions-Policy: accelerometer=(), camera=(), geolocation=(), "    \
	"gyroscope=(), magnetometer=(), microphone=(), payment=(), usb=(), "   \
	"browsing-topics=()"

#define COMMON_HEADERS                                                         \
	"X-Content-Type-Options: nosniff\r\n"                                  \
	"X-Frame-Options: DENY\r\n"                                            \
	"Cross-Origin-Opener-Policy: same-origin\r\n"                          \
	"Cross-Origin-Embedder-Policy: require-corp\r\n"                       \
	"Cross-Origin-Resource-Policy: same-origin\r\n"                        \
	"Origin-Agent-Cluster: ?1\r\n"

/* By enum web_cache. */
static const struct cache {
	const char *control;
	const char *referrer;
} caches[] = {
	[WEB_PRIVATE] = { "no-store", "same-origin" },
	[WEB_PUBLIC] = { "public, max-age=30, stale-if-error=86400",
	    "same-origin" },
	[WEB_SECRET] = { "no-store", "no-referrer" },
	[WEB_ONE_CLICK] = { "no-store", "no-referrer" },
	[WEB_CHECKED] = { "no-cache", "same-origin" },
};

static const char *
param(const struct request *r, const char *name)
{
	const char *v = FCGX_GetParam(name, r->reply->fcgi.envp);

	return v != NULL ? v : "";
}

/* What is wrong is told to the log; the visitor gets the status. */
static int
refuse(int status, const char *why)
{
	log_info("refused with %d: %s", status, why);
	return status;
}

/* Does r->path fit `pattern`?  Fills r->parts with what ':' parts took. */
static bool
route_fits(struct request *r, const char *pattern)
{
	const char *path = r->path;
	size_t n = 0;

	while (*pattern != '\0') {
		if (*pattern == ':') {
			size_t len = strcspn(path, "/");
			char *part;

			if (len == 0 ||
			    n == sizeof(r->parts) / sizeof(*r->parts))
				return false;
			part = arena_alloc(r->arena, len + 1);
			memcpy(part, path, len);
			r->parts[n++] = part;
			path += len;
			pattern += strcspn(pattern, "/");
		} else if (*pattern++ != *path++)
			return false;
	}
	return *path == '\0';
}

static void
allow(struct request *r, const char **allowed, const char *method)
{
	if (strcmp(method, "GET") == 0)
		method = "GET, HEAD";
	if (**allowed != '\0')
		method = arena_printf(r->arena, "%s, %s", *allowed, method);
	*allowed = method;
}

/* Find the route; 200, or 404, or 405 with the methods that there are. */
static int
find_route(const struct program *program, struct request *r)
{
	const struct route *route;
	const char *allowed = "";

	for (route = program->routes; route->path != NULL; route++) {
		if (!route_fits(r, route->path))
			continue;
		r->reply->route = route;
		r->cache = route->cache;
		if (strcmp(route->method, r->method) == 0)
			return 200;
		allow(r, &allowed, route->method);
	}
	if (*allowed == '\0')
		return 404;
	web_header(r, "Allow", allowed);
	return 405;
}

static bool
is_control(char c)
{
	return (unsigned char)c < 0x20 || c == 0x7f;
}

/* What a header may carry: printable ASCII and the blank. */
static bool
is_header(char c)
{
	return (unsigned char)c >= 0x20 && (unsigned char)c < 0x7f;
}

static bool
has_control(const char *s)
{
	while (*s != '\0')
		if (is_control(*s++))
			return true;
	return false;
}

/*
 * From REQUEST_URI and not from what a server made of it: PATH_INFO comes
 * out differently from each, empty or decoded twice.
 */
static int
read_target(struct request *r)
{
	const char *uri = param(r, "REQUEST_URI");
	size_t size = strcspn(uri, "?");
	char *path = arena_alloc(r->arena, size + 1);
	long n;

	if (*uri != '/' || has_control(uri))
		return refuse(400, "not a path");
	n = form_decode(path, uri, size, false);
	if (n < 0 || !form_utf8(path, (size_t)n) || has_control(path))
		return refuse(400, "the path is not text");
	r->path = path;
	r->query = uri[size] == '?' ? uri + size + 1 : "";
	return 200;
}

/*
 * A browser says where a form was shown: in Sec-Fetch-Site, or, if older,
 * in Origin.  Who sends neither is not a browser, and the form token has
 * to convince us alone.
 */
static int
check_origin(const struct request *r)
{
	const char *site = param(r, "HTTP_SEC_FETCH_SITE");
	const char *origin = param(r, "HTTP_ORIGIN");

	if (*site != '\0') {
		if (strcmp(site, "same-origin") == 0 ||
		    strcmp(site, "none") == 0)
			return 200;
		return refuse(403, "Sec-Fetch-Site is not our own");
	}
	if (*origin != '\0' && strcmp(origin, r->conf->url) != 0)
		return refuse(403, "Origin is not our own");
	return 200;
}

/* Is the body of this type, whatever its parameters? */
static bool
is_type(const struct request *r, const char *wanted)
{
	const char *type = param(r, "CONTENT_TYPE");

	for (; *wanted != '\0'; wanted++, type++)
		if (tolower((unsigned char)*type) != *wanted)
			return false;
	type += strspn(type, " \t");
	return *type == '\0' || *type == ';';
}

/* May files come along this route, and did they? */
static bool
has_files(const struct program *program, const struct request *r)
{
	const char *const *path = program->upload_paths;

	while (path != NULL && *path != NULL &&
	       strcmp(*path, r->reply->route->path) != 0)
		path++;
	return path != NULL && *path != NULL &&
	       is_type(r, "multipart/form-data");
}

static int
check_type(const struct program *program, const struct request *r)
{
	if (r->reply->route->cache == WEB_ONE_CLICK ||
	    is_type(r, "application/x-www-form-urlencoded") ||
	    has_files(program, r))
		return 200;
	return refuse(415, "the body is not a form");
}

/* The length is believed only as digits; 413 before a byte is read. */
static int
read_body(const struct program *program, struct request *r)
{
	const char *length = param(r, "CONTENT_LENGTH");
	bool files = has_files(program, r);
	size_t most = program->body_max + (files ? 2 * r->conf->files_max : 0);
	unsigned long long size;
	char *body;

	if (*length == '\0')
		return refuse(411, "no Content-Length");
	if (strspn(length, "0123456789") != strlen(length))
		return refuse(400, "Content-Length is not a number");
	errno = 0;
	size = strtoull(length, NULL, 10);
	if (errno != 0 || size > most)
		return refuse(413, "the body is too long");
	body = arena_alloc(r->arena, (size_t)size + 1);
	if (FCGX_GetStr(body, (int)size, r->reply->fcgi.in) != (int)size)
		return refuse(400, "the body broke off");
	r->body = body;
	r->body_size = (size_t)size;
	return files ? program->uploads->read(r, param(r, "CONTENT_TYPE"))
	             : 200;
}

static int
dispatch(const struct program *program, struct request *r)
{
	int status;

	if ((status = read_target(r)) != 200 ||
	    (status = find_route(program, r)) != 200)
		return status;
	if (strcmp(r->method, "POST") == 0 &&
	    ((status = check_origin(r)) != 200 ||
		(status = check_type(program, r)) != 200 ||
		(status = read_body(program, r)) != 200))
		return status;
	return r->reply->route->handler(r);
}

/* The web server's id if it is one, or else one of ours. */
static const char *
request_id(const struct request *r)
{
	const char *id = param(r, "REQUEST_ID"), *fresh;

	if (strlen(id) == ID_DIGITS &&
	    strspn(id, "0123456789abcdef") == ID_DIGITS)
		return id;
	fresh = token_random(r->arena, 16);
	fresh = token_sha256(r->arena, fresh, strlen(fresh));
	return arena_printf(r->arena, "%.*s", ID_DIGITS, fresh);
}

static void
begin(struct request *r)
{
	const char *theme = param(r, "THEME");
	size_t i;

	r->reply->route = NULL;
	r->reply->headers = NULL;
	r->reply->permitted = NULL;
	r->reply->sent = false;
	r->id = request_id(r);
	r->method = param(r, "REQUEST_METHOD");
	r->reply->head = strcmp(r->method, "HEAD") == 0;
	if (r->reply->head)
		r->method = "GET";
	r->path = r->query = r->body = "";
	r->body_size = 0;
	r->sent = NULL;
	r->address = param(r, "REMOTE_ADDR");
	r->theme = "";
	if (strcmp(theme, "light") == 0 || strcmp(theme, "dark") == 0)
		r->theme = theme;
	for (i = 0; i < sizeof(r->parts) / sizeof(*r->parts); i++)
		r->parts[i] = "";
	r->cache = WEB_PRIVATE;
	r->form = NULL;
	r->status = 500;
	log_request(r->id);
}

/* The route and not the path: /r/<token> is a secret. */
static int
answer(const struct program *program, struct request *r)
{
	const struct route *route;
	int status;

	begin(r);
	status = dispatch(program, r);
	if (!r->reply->sent)
		status = page_error(r, status);
	route = r->reply->route;
	if (status >= 400)
		(status >= 500 ? log_warn : log_info)("answered %d to %s %s",
		    status, r->method,
		    route != NULL ? route->path : "no route");
	return status;
}

static void
serve(const struct program *program, struct request *r)
{
	answer(program, r);
	FCGX_Finish_r(&r->reply->fcgi);
	log_request(NULL);
	arena_reset(r->arena);
}

static void
stop(int signal_number)
{
	(void)signal_number;
	FCGX_ShutdownPending();
}

/*
 * SIGTERM is held back but for the moments in which we wait, so no call of
 * ours is ever interrupted and there is no gap between looking and waiting
 * in which it could be missed.  `waiting` gets the mask for those moments.
 */
static void
hold_signals(sigset_t *waiting)
{
	struct sigaction action = { .sa_handler = stop };
	sigset_t held;

	sigemptyset(&action.sa_mask);
	sigemptyset(&held);
	sigaddset(&held, SIGTERM);
	sigaddset(&held, SIGINT);
	if (sigprocmask(SIG_BLOCK, &held, waiting) != 0 ||
	    sigaction(SIGTERM, &action, NULL) != 0 ||
	    sigaction(SIGINT, &action, NULL) != 0)
		log_fatal("cannot catch signals");
	sigdelset(waiting, SIGTERM);
	sigdelset(waiting, SIGINT);
}

/*
 * Wait for a visitor, and meanwhile notice the end of the database: then a
 * fresh process must take over before somebody comes, not after.  The
 * socket is shared with other workers, one of which may be faster; so it
 * must not block.  False when we were told to stop.
 */
static bool
wait_for_visitor(struct db *db, const sigset_t *waiting)
{
	int base = db_descriptor(db);
	fd_set set;

	if (base < 0 || base >= FD_SETSIZE)
		log_fatal("the database went away");
	FD_ZERO(&set);
	FD_SET(LISTENER, &set);
	FD_SET(base, &set);
	if (pselect((base > LISTENER ? base : LISTENER) + 1, &set, NULL, NULL,
		NULL, waiting) < 0)
		return false;
	if (FD_ISSET(base, &set))
		db_hear(db);
	if (db_lost(db))
		log_fatal("the database went away");
	return true;
}

static void
start_listening(struct reply *reply)
{
	int flags = fcntl(LISTENER, F_GETFL);

	if (flags < 0 || fcntl(LISTENER, F_SETFL, flags | O_NONBLOCK) < 0 ||
	    FCGX_Init() != 0 || FCGX_IsCGI() ||
	    FCGX_InitRequest(
		&reply->fcgi, LISTENER, FCGI_FAIL_ACCEPT_ON_INTR) != 0)
		log_fatal("no FastCGI socket on standard input");
}

int
web_main(const struct program *program)
{
	struct reply reply = { .sent = false };
	struct request r = { .reply = &reply };
	sigset_t waiting;
	int got;

	log_open(program->name);
	fence_start();
	r.conf = conf_read();
	token_start(r.conf);
	page_start(r.conf, program->name);
	if (program->uploads != NULL)
		program->uploads->start();
	if (program->start != NULL)
		program->start(r.conf);
	r.arena = arena_new(ARENA_BLOCK);
	/* before libfcgi, which would take SIGTERM and tell nobody */
	hold_signals(&waiting);
	start_listening(&reply);
	r.db = db_open(program->name, program->queries);
	fence_close(FENCE_WEB);

	while (wait_for_visitor(r.db, &waiting)) {
		got = FCGX_Accept_r(&reply.fcgi);
		if (got == -EAGAIN)
			continue;
		if (got != 0)
			log_fatal("cannot accept: %d", got);
		serve(program, &r);
		if (db_lost(r.db))
			log_fatal("the database went away");
	}
	FCGX_Free(&reply.fcgi, 1);
	db_close(r.db);
	arena_free(r.arena);
	return 0;
}

const char *
web_part(const struct request *r, size_t n)
{
	return r->parts[n];
}

/* The letters of a cookie's value, RFC 6265, 4.1.1. */
static bool
is_cookie_value(const char *s, size_t size)
{
	for (; size > 0; s++, size--)
		if (!is_header(*s) || strchr(" \",;\\", *s) != NULL)
			return false;
	return true;
}

static const char *
find_cookie(const struct request *r, const char *prefix, const char *name)
{
	const char *p = param(r, "HTTP_COOKIE");
	size_t prefix_size = strlen(prefix), name_size = strlen(name);
	size_t skip = prefix_size + name_size + 1;

	for (; *p != '\0'; p += strspn(p, "; \t")) {
		size_t size = strcspn(p, ";");

		if (size >= skip && memcmp(p, prefix, prefix_size) == 0 &&
		    memcmp(p + prefix_size, name, name_size) == 0 &&
		    p[skip - 1] == '=' &&
		    is_cookie_value(p + skip, size - skip))
			return arena_printf(
			    r->arena, "%.*s", (int)(size - skip), p + skip);
		p += size;
	}
	return NULL;
}

/*
 * Over https only the names with a prefix count: a neighbouring host can
 * plant a cookie for our domain, but not one of these.
 */
const char *
web_cookie(const struct request *r, const char *name)
{
	const char *value;

	if (!r->conf->secure)
		value = find_cookie(r, "", name);
	else if ((value = find_cookie(r, "__Host-", name)) == NULL)
		value = find_cookie(r, "__Secure-", name);
	return value != NULL ? value : "";
}

const char *
web_param(const struct request *r, const char *name)
{
	char *key = arena_printf(r->arena, "HTTP_%s", name), *p;

	for (p = key; *p != '\0'; p++)
		*p = *p == '-' ? '_' : (char)toupper((unsigned char)*p);
	return param(r, key);
}

void
web_header(struct request *r, const char *name, const char *value)
{
	struct header *h = arena_alloc(r->arena, sizeof(*h));
	const char *p;

	for (p = value; *p != '\0'; p++)
		if (!is_header(*p))
			log_fatal("header \"%s\" with a byte of %d", name,
			    (unsigned char)*p);
	h->name = name;
	h->value = arena_copy(r->arena, value);
	h->next = r->reply->headers;
	r->reply->headers = h;
}

void
web_set_cookie(struct request *r, const char *name, const char *value,
    const char *path, long max_age_seconds)
{
	const char *prefix = "", *age = "";

	if (!is_cookie_value(value, strlen(value)))
		log_fatal("cookie \"%s\" with a value that is none", name);
	if (r->conf->secure)
		prefix = strcmp(path, "/") == 0 ? "__Host-" : "__Secure-";
	if (max_age_seconds >= 0)
		age = arena_printf(r->arena, "; Max-Age=%ld", max_age_seconds);
	web_header(r, "Set-Cookie",
	    arena_printf(r->arena,
		"%s%s=%s; Path=%s%s; HttpOnly; SameSite=Lax%s", prefix, name,
		value, path, age, r->conf->secure ? "; Secure" : ""));
}

/* Only a whole answer may be kept by others; "not now" may not. */
static const struct cache *
cache_of(const struct request *r, int status)
{
	if ((r->cache == WEB_PUBLIC || r->cache == WEB_CHECKED) &&
	    status != 200 && status != 304)
		return &caches[WEB_PRIVATE];
	return &caches[r->cache];
}

/*
 * Status, headers, Content-Length: then the body, all or nothing.  Without
 * the length a page that broke off would pass for a whole one.  `type` is
 * NULL for 304.
 *
 * A public page differs by the theme cookie and by nothing else.  Visitors
 * have no other cookie there, so Vary costs a shared cache little, and
 * saves the browser from showing the old theme for half a minute.
 */
static void
put_head(struct request *r, int status, const char *type, size_t size)
{
	FCGX_Stream *out = r->reply->fcgi.out;
	const struct cache *cache = cache_of(r, status);
	bool page = type == NULL || strncmp(type, "text/html", 9) == 0;
	bool secure = r->conf->secure;
	const struct header *h;

	FCGX_PutS(arena_printf(r->arena, "Status: %d\r\n", status), out);
	if (type != NULL)
		FCGX_PutS(arena_printf(r->arena,
			      "Content-Type: %s\r\nContent-Length: %zu\r\n",
			      type, size),
		    out);
	for (h = r->reply->headers; h != NULL; h = h->next)
		FCGX_PutS(
		    arena_printf(r->arena, "%s: %s\r\n", h->name, h->value),
		    out);
	FCGX_PutS(
	    arena_printf(r->arena,
		"Cache-Control: %s\r\n%sReferrer-Policy: %s\r\n"
		"X-Request-Id: %s\r\n"
		"Content-Security-Policy: %s%s\r\n%s",
		cache->control,
		page && cache == &caches[WEB_PUBLIC] ? "Vary: Cookie\r\n" : "",
		cache->referrer, r->id, page ? PAGE_POLICY : FILE_POLICY,
		page && secure ? SECURE_POLICY : "",
		secure ? SECURE_HEADER : ""),
	    out);
	if (r->reply->permitted != NULL)
		FCGX_PutS(arena_printf(r->arena, PERMISSIONS ", %s=(self)\r\n",
			      r->reply->permitted),
		    out);
	else
		FCGX_PutS(PERMISSIONS "\r\n", out);
	FCGX_PutS(COMMON_HEADERS "\r\n", out);
	r->reply->sent = true;
}

void
web_permit(struct request *r, const char *feature)
{
	r->reply->permitted = feature;
}

int
web_send(struct request *r, int status, const char *type, const char *body,
    size_t size)
{
	if (r->reply->sent) {
		log_warn("a second reply of %d was dropped", status);
		return status;
	}
	put_head(r, status, type, size);
	if (!r->reply->head && type != NULL)
		web_put(r, body, size);
	return status;
}

void
web_begin(struct request *r, int status, const char *type, size_t size)
{
	if (r->reply->sent)
		log_fatal("a second reply was begun");
	put_head(r, status, type, size);
}

void
web_put(struct request *r, const char *bytes, size_t size)
{
	FCGX_PutStr(bytes, (int)size, r->reply->fcgi.out);
}

bool
web_is_head(const struct request *r)
{
	return r->reply->head;
}

/* Is `tag` in the list?  Weakly, since the server may have compressed. */
static bool
tag_listed(const char *list, const char *tag)
{
	size_t size = strlen(tag);

	for (; *list != '\0'; list += strspn(list, ", \t")) {
		if (*list == '*')
			return true;
		if (strncmp(list, "W/", 2) == 0)
			list += 2;
		if (strncmp(list, tag, size) == 0)
			return true;
		list += strcspn(list, ",");
	}
	return false;
}

bool
web_has(const struct request *r, const char *tag)
{
	return strcmp(r->method, "GET") == 0 &&
	       tag_listed(web_param(r, "If-None-Match"), tag);
}

int
web_send_tagged(
    struct request *r, const char *type, const char *body, size_t size)
{
	const char *sum = token_sha256(r->arena, body, size);
	const char *tag = arena_printf(r->arena, "\"%.*s\"", ETAG_DIGITS, sum);

	web_header(r, "ETag", tag);
	if (web_has(r, tag))
		return web_send(r, 304, NULL, "", 0);
	return web_send(r, 200, type, body, size);
}

/* Bytes that a header cannot carry are sent as %XX rather than refused. */
static const char *
header_path(struct request *r, const char *path)
{
	static const char digits[] = "0123456789ABCDEF";
	char *safe = arena_alloc(r->arena, 3 * strlen(path) + 1), *to = safe;

	for (; *path != '\0'; path++) {
		unsigned char c = (unsigned char)*path;

		if (is_header(*path) && c != ' ' && c != '\\')
			*to++ = *path;
		else {
			*to++ = '%';
			*to++ = digits[c >> 4];
			*to++ = digits[c & 15];
		}
	}
	return safe;
}

int
web_see_other(struct request *r, const char *path_format, ...)
{
	va_list ap;
	char *path;
	int n;

	va_start(ap, path_format);
	n = vsnprintf(NULL, 0, path_format, ap);
	va_end(ap);
	if (n < 0)
		log_fatal("cannot format \"%s\"", path_format);
	path = arena_alloc(r->arena, (size_t)n + 1);
	va_start(ap, path_format);
	vsnprintf(path, (size_t)n + 1, path_format, ap);
	va_end(ap);
	if (path[0] != '/' || path[1] == '/')
		log_fatal("a redirect that does not stay here");
	web_header(r, "Location", header_path(r, path));
	return web_send(r, 303, "text/html; charset=utf-8", "", 0);
}
