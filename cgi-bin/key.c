/*
 * key - the public keys that confidential parts are encrypted with
 *
 *	GET /keys			the keys, their fingerprints, how to use
 *					them, what they protect from
 *	GET /keys/support.asc		all of them, armoured
 *	GET /.well-known/openpgpkey/hu/:hash		\  a web key directory:
 *	GET /.well-known/openpgpkey/policy		|  gpg finds the key
 *	GET /.well-known/openpgpkey/:domain/hu/:hash	|  of an address there
 *	GET /.well-known/openpgpkey/:domain/policy	/
 *
 * Runs as the database role desk_key, which can read the keys that the
 * command publish has published and nothing else.
 */
#include <stddef.h>
#include <string.h>

#include "conf.h"
#include "db.h"
#include "openpgp.h"
#include "page.h"
#include "web.h"

static const struct query q_offered = {
	.name = "offered",
	.sql = "SELECT * FROM api.key_offered($1)",
	.params = 1,
};

/* The hash and the domain of an address, NULL for any. */
static const struct query q_packets = {
	.name = "packets",
	.sql = "SELECT packets FROM api.key_packets($1, $2)",
	.params = 2,
	.binary = true,
};

static int
show_keys(struct request *r)
{
	const char *const args[] = { r->conf->url };
	const struct rows *keys = db_rows(r, &q_offered, args);
	struct page *page;

	if (keys == NULL)
		return r->status;
	page = page_new(r, "key.html");
	page_set(page, "TITLE", "Send us something confidential");
	page_rows(page, "KEY", keys);
	page_show(page, rows_count(keys) > 0 ? "SOME_KEYS" : "NO_KEYS");
	return page_send(r, 200, page);
}

static int
send_armoured(struct request *r)
{
	static const char *const any[] = { NULL, NULL };
	const struct rows *keys = db_rows(r, &q_packets, any);
	const char *packets, *text;
	size_t size;

	if (keys == NULL)
		return r->status;
	if (rows_count(keys) == 0)
		return 404;
	packets = rows_bytes(keys, 0, &size);
	text = openpgp_armor(r->arena, "PUBLIC KEY BLOCK", packets, size);
	return web_send_tagged(r, "application/pgp-keys", text, strlen(text));
}

static int
send_found(struct request *r, const char *hash, const char *domain)
{
	const char *const args[] = { hash, domain };
	const struct rows *keys = db_rows(r, &q_packets, args);
	const char *packets;
	size_t size;

	if (keys == NULL)
		return r->status;
	if (rows_count(keys) == 0)
		return 404;
	packets = rows_bytes(keys, 0, &size);
	return web_send_tagged(r, "application/octet-stream", packets, size);
}

static int
send_direct(struct request *r)
{
	return send_found(r, web_part(r, 0), NULL);
}

static int
send_advanced(struct request *r)
{
	return send_found(r, web_part(r, 1), web_part(r, 0));
}

/* It must be there, and we have nothing to say in it. */
static int
send_policy(struct request *r)
{
	static const char policy[] = "# no policy flags\n";

	return web_send(
	    r, 200, "text/plain; charset=utf-8", policy, strlen(policy));
}

#define WKD "/.well-known/openpgpkey/"

static const struct route routes[] = {
	/* nobody shall encrypt for a key that was retired a moment ago */
	{ "GET", "/keys", show_keys, WEB_CHECKED },
	{ "GET", "/keys/support.asc", send_armoured, WEB_CHECKED },
	{ "GET", WKD "policy", send_policy, WEB_PUBLIC },
	{ "GET", WKD "hu/:hash", send_direct, WEB_CHECKED },
	{ "GET", WKD ":domain/policy", send_policy, WEB_PUBLIC },
	{ "GET", WKD ":domain/hu/:hash", send_advanced, WEB_CHECKED },
	{ NULL, NULL, NULL, WEB_PRIVATE },
};

static const struct query *const queries[] = { &q_offered, &q_packets, NULL };

int
main(void)
{
	static const struct program key = {
		.name = "key",
		.routes = routes,
		.queries = queries,
		.body_max = 0,
	};

	return web_main(&key);
}
