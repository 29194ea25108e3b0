#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "arena.h"
#include "auth.h"
#include "token.h"
#include "web.h"

#define EARLY_SECONDS 2
#define COOKIE_MAX 128 /* bytes; ours have 22 and 43 */

/* What a form token consists of, before base64url. */
struct form_token {
	unsigned char issued[8]; /* seconds since 1970, big-endian */
	unsigned char key[AUTH_KEY];
	unsigned char mac[1 + TOKEN_MAC];
};

#define SIGNED_SIZE (8 + AUTH_KEY) /* bytes that the MAC covers */

static void
time_write(unsigned char to[8], int64_t t)
{
	int i;

	for (i = 7; i >= 0; i--, t >>= 8)
		to[i] = (unsigned char)(t & 0xff);
}

static int64_t
time_read(const unsigned char from[8])
{
	uint64_t t = 0;
	int i;

	for (i = 0; i < 8; i++)
		t = t << 8 | from[i];
	return (int64_t)t;
}

/* Apart from the purposes of other MACs with the same keyring. */
static const char *
form_purpose(struct request *r, const char *purpose)
{
	return arena_printf(r->arena, "form %s", purpose);
}

const char *
auth_token(struct request *r, const char *purpose)
{
	struct form_token t;
	const char *key = token_random(r->arena, AUTH_KEY);

	time_write(t.issued, (int64_t)time(NULL));
	token_decode(t.key, AUTH_KEY, key);
	token_sign(t.mac, form_purpose(r, purpose), &t, SIGNED_SIZE);
	return token_encode(r->arena, &t, sizeof(t));
}

enum auth_verdict
auth_check(struct request *r, const char *purpose, const char *token,
    unsigned char key[AUTH_KEY])
{
	return auth_check_within(r, purpose, token, AUTH_FORM_SECONDS, key);
}

enum auth_verdict
auth_check_within(struct request *r, const char *purpose, const char *token,
    long seconds, unsigned char key[AUTH_KEY])
{
	struct form_token t;
	int64_t age_seconds;

	memset(key, 0, AUTH_KEY);
	if (!token_decode(&t, sizeof(t), token) ||
	    !token_verify(t.mac, form_purpose(r, purpose), &t, SIGNED_SIZE))
		return AUTH_FORGED;
	age_seconds = (int64_t)time(NULL) - time_read(t.issued);
	/* One from the future is ours too: the clock was put back. */
	if (age_seconds > seconds || age_seconds < -seconds)
		return AUTH_EXPIRED;
	memcpy(key, t.key, AUTH_KEY);
	if (age_seconds >= 0 && age_seconds < EARLY_SECONDS)
		return AUTH_EARLY;
	return AUTH_GOOD;
}

const char *
auth_purpose(struct request *r, const char *purpose)
{
	const char *session = auth_session(r);

	if (session == NULL)
		session = "";
	return arena_printf(r->arena, "%s %s", purpose,
	    token_sha256(r->arena, session, strlen(session)));
}

const char *
auth_key_hash(struct request *r, const unsigned char key[AUTH_KEY])
{
	return token_sha256(r->arena, key, AUTH_KEY);
}

const char *
auth_link(struct request *r, const unsigned char key[AUTH_KEY])
{
	unsigned char secret[32];

	token_derive(secret, key, AUTH_KEY, "link");
	return token_encode(r->arena, secret, 16);
}

/* A token we may have made, by its letters; NULL for anything else. */
static const char *
cookie_token(struct request *r, const char *name)
{
	const char *value = web_cookie(r, name);
	size_t n =
	    strspn(value, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
			  "0123456789-_");

	return n == 0 || n > COOKIE_MAX || value[n] != '\0' ? NULL : value;
}

const char *
auth_session(struct request *r)
{
	return cookie_token(r, "session");
}

const char *
auth_half(struct request *r)
{
	return cookie_token(r, "half");
}

const char *
auth_link_cookie(struct request *r)
{
	return cookie_token(r, "link");
}

/*
 * The network rather than the address, as far as one person or household
 * owns it: a /24, or a /64.  The MAC keeps the addresses of visitors out
 * of the database, where a plain hash of 32 bits would be undone in a
 * minute.
 */
const char *
auth_visitor(struct request *r)
{
	unsigned char network[sizeof(struct in6_addr)] = { 0 };
	unsigned char mac[1 + TOKEN_MAC];
	const char *data = r->address;
	size_t size = strlen(data);

	if (inet_pton(AF_INET, r->address, network) == 1) {
		data = (const char *)network;
		size = 3;
	} else if (inet_pton(AF_INET6, r->address, network) == 1) {
		data = (const char *)network;
		size = 8;
	}
	token_sign(mac, "visitor", data, size);
	return token_sha256(r->arena, mac, sizeof(mac));
}
