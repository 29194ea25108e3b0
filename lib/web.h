#ifndef WEB_H
#define WEB_H

#include <stdbool.h>
#include <stddef.h>

/*
 * The skeleton every program shares: accept a FastCGI request, check its
 * size and shape, find its route, call the handler, send the reply as a
 * whole (Status, headers, Content-Length, body), reset the arena.
 *
 * A worker is single-threaded and crash-only: when the database connection
 * is lost it finishes the reply in hand and exits, and the supervisor starts
 * a fresh one.  SIGTERM finishes the request in hand, then exits with 0.
 *
 * What a handler may rely on: the path is decoded once, valid UTF-8 and free
 * of control bytes; a POST comes from our own pages (Sec-Fetch-Site or
 * Origin, see SECURITY in the README) and its body is no longer than
 * `body_max`.  Everything else is refused before a handler runs.
 *
 * Between requests a worker also watches its database connection: when that
 * ends, it makes room for a fresh process before anybody has to wait.
 */
struct conf;
struct db;
struct query;
struct request;

/* A handler answers and returns the HTTP status, 200 to 599. */
typedef int handler(struct request *);

/* Who may keep a copy of the answer; exact headers in web.c. */
enum web_cache {
	WEB_PRIVATE, /* no-store: the default */
	WEB_PUBLIC,  /* the same for everybody: 30 s, and stale on error */
	WEB_SECRET,  /* no-store, and no referrer to anybody */
	/* as WEB_SECRET; a POST may have any type of body, since the URL says
	 * all: mail programs press one button (RFC 8058) */
	WEB_ONE_CLICK,
	/* the same for everybody who may still have it: asked for each time,
	 * so that it is gone at once when it is withdrawn */
	WEB_CHECKED,
};

/*
 * One line of a program's map.  In `path` a part that starts with ':' takes
 * any one part of the URL and is read with web_part().  HEAD is answered by
 * the GET route.
 */
struct route {
	const char *method;
	const char *path;
	handler *handler;
	enum web_cache cache;
};

/* What reads a multipart body; there is one, in file.h. */
struct uploads {
	void (*start)(void); /* once, before the fence */
	/* Fills r->sent from r->body; 200, or 400.  `type`: Content-Type */
	int (*read)(struct request *, const char *type);
};

/* What distinguishes one program from the next; see cgi-bin/ticket.c. */
struct program {
	const char *name;                   /* role is desk_<name> */
	const struct route *routes;         /* ends with {NULL} */
	const struct query *const *queries; /* ends with NULL */
	size_t body_max;                    /* bytes; 413 beyond */
	/* what else must be ready before the fence closes; or NULL */
	void (*start)(const struct conf *);
	/*
	 * POST routes whose forms may bring files, by their paths, ended by
	 * NULL, and what reads these.  Their bodies may be longer by what
	 * conf.h allows for files, and by as much again: so that what is
	 * too large can be told with everything else kept.
	 */
	const char *const *upload_paths;
	const struct uploads *uploads;
};

struct request {
	struct arena *arena; /* lives until the reply is sent */
	struct db *db;       /* this process's connection */
	struct reply *reply; /* where web_send() writes */
	const struct conf *conf;
	const char *id;          /* 32 hex digits, also in the log and header */
	const char *method;      /* "GET" for HEAD too */
	const char *path;        /* decoded, without the query */
	const char *query;       /* as sent, "" if none; read by form_query() */
	const char *address;     /* the client's, REMOTE_ADDR, never a header */
	const char *theme;       /* "light", "dark" or "" */
	const char *body;        /* of a POST, as sent */
	size_t body_size;        /* bytes */
	const struct sent *sent; /* parts of a multipart body, see form.h */
	const char *parts[8];
	enum web_cache cache;
	struct form *form; /* see form.h; NULL until read */
	int status;        /* why a lib call returned NULL */
};

/* Run the program for ever; returns the exit status of the process. */
int web_main(const struct program *);

/* The n-th ':' part of the route, counted from 0; never NULL. */
const char *web_part(const struct request *, size_t n);

/* A cookie's value, "" when it was not sent. */
const char *web_cookie(const struct request *, const char *name);

/* The If-None-Match, User-Agent or Referer of the request, "" if absent. */
const char *web_param(const struct request *, const char *name);

/*
 * Set a cookie on the reply: HttpOnly, SameSite=Lax, and Secure with the
 * right name prefix when the desk's URL is https ("__Host-" for path "/",
 * "__Secure-" for a deeper path).  web_cookie() takes the bare name and
 * knows the prefix.  max_age 0 deletes, -1 ends with the browser.
 */
void web_set_cookie(struct request *, const char *name, const char *value,
    const char *path, long max_age_seconds);

/*
 * Add a header to the reply.  A value with a byte below 0x20, 0x7f or above
 * it is a bug of ours: log_fatal, nothing is sent.
 */
void web_header(struct request *, const char *name, const char *value);

/*
 * Say in Permissions-Policy that this page uses a feature of the browser, as
 * "publickey-credentials-get".  The text is constant.
 */
void web_permit(struct request *, const char *feature);

/* Send a whole reply.  Returns `status`, so a handler can end with it. */
int web_send(struct request *, int status, const char *type, const char *body,
    size_t size);

/*
 * The same with an ETag made from the body; 304 without a body when the
 * visitor has it already (RFC 9110, 13.1.2).  Returns the status sent.
 */
int web_send_tagged(
    struct request *, const char *type, const char *body, size_t size);

/*
 * Begin a reply of `size` bytes that come piece by piece; then put them.
 * What fails in between can only break off, which the visitor sees by the
 * length.  For HEAD, and for a status without a body, put nothing.
 */
void web_begin(struct request *, int status, const char *type, size_t size);
void web_put(struct request *, const char *bytes, size_t size);

/* Does the visitor have this ETag already ("..." with its quotes)? */
bool web_has(const struct request *, const char *tag);

/* Was it HEAD? */
bool web_is_head(const struct request *);

/* 303 to one of our own paths, "/..." as printed; returns 303. */
int web_see_other(struct request *, const char *path_format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
