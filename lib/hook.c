#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "arena.h"
#include "hook.h"
#include "log.h"
#include "token.h"

#define HOOKS_MAX 100
#define LINE_BYTES 2048
#define SECRET_MAX 256 /* bytes */
#define MAC_BYTES 32

static char *
word(char **line)
{
	char *start = *line + strspn(*line, " \t\r\n");
	size_t size = strcspn(start, " \t\r\n");

	*line = start + size;
	if (**line != '\0')
		*(*line)++ = '\0';
	return size > 0 ? start : NULL;
}

/* With or without its padding; false for anything else. */
static bool
unbase64(struct arena *a, const char *text, unsigned char *to, size_t *size)
{
	char *copy = arena_copy(a, text), *p = strchr(copy, '=');

	if (p != NULL && (strlen(copy) % 4 != 0 || strspn(p, "=") > 2 ||
			     p[strspn(p, "=")] != '\0'))
		return false;
	copy[strcspn(copy, "=")] = '\0';
	for (p = copy; *p != '\0'; p++)
		*p = *p == '+' ? '-' : *p == '/' ? '_' : *p;
	*size = strlen(copy) * 3 / 4;
	return *size > 0 && token_decode(to, *size, copy);
}

/* The bytes to sign with; `key` has room for SECRET_MAX. */
static bool
read_secret(
    struct arena *a, const char *secret, unsigned char *key, size_t *size)
{
	if (strncmp(secret, "whsec_", 6) == 0)
		return unbase64(a, secret + 6, key, size);
	*size = strlen(secret);
	memcpy(key, secret, *size);
	return true;
}

/* NULL when it can be used. */
static const char *
wrong_secret(struct arena *a, const char *secret)
{
	unsigned char key[SECRET_MAX];
	size_t size;

	if (strlen(secret) > SECRET_MAX)
		return "a secret is longer than 256 bytes";
	if (!read_secret(a, secret, key, &size))
		return "a secret begins with whsec_ and is not base64";
	return NULL;
}

/* What is wrong with a line, or NULL.  One without a hook leaves *h. */
static const char *
read_line(struct arena *a, char *line, struct hook *h)
{
	char *name = word(&line), *url = word(&line);
	char *first = word(&line), *second = word(&line);
	const char *wrong;

	if (name == NULL || *name == '#')
		return NULL;
	if (url == NULL || first == NULL || word(&line) != NULL)
		return "not \"name URL secret [secret]\"";
	if (strncmp(url, "https://", 8) != 0 && strncmp(url, "http://", 7) != 0)
		return "the URL does not begin with https://";
	if ((wrong = wrong_secret(a, first)) != NULL)
		return wrong;
	if (second != NULL && (wrong = wrong_secret(a, second)) != NULL)
		return wrong;
	h->name = arena_copy(a, name);
	h->url = arena_copy(a, url);
	h->secret[0] = arena_copy(a, first);
	h->secret[1] = arena_copy(a, second);
	return NULL;
}

const struct hook *
hook_file(struct arena *a, const char *file)
{
	struct hook *all = arena_alloc(a, (HOOKS_MAX + 1) * sizeof(*all));
	char line[LINE_BYTES];
	size_t count = 0, number;
	const char *wrong;
	struct stat st;
	FILE *f;

	if ((f = fopen(file, "r")) == NULL)
		log_fatal("cannot read \"%s\": %s", file, strerror(errno));
	if (fstat(fileno(f), &st) == 0 && (st.st_mode & S_IROTH) != 0)
		log_warn("\"%s\" can be read by everybody", file);
	for (number = 1; fgets(line, sizeof(line), f) != NULL; number++) {
		if (count == HOOKS_MAX)
			log_fatal(
			    "\"%s\" has more than %d hooks", file, HOOKS_MAX);
		if (strchr(line, '\n') == NULL && !feof(f))
			log_fatal("\"%s\", line %zu: too long", file, number);
		if ((wrong = read_line(a, line, &all[count])) != NULL)
			log_fatal("\"%s\", line %zu: %s", file, number, wrong);
		if (all[count].name == NULL)
			continue;
		if (hook_find(all, all[count].name) != &all[count])
			log_fatal("\"%s\", line %zu: a second one named \"%s\"",
			    file, number, all[count].name);
		count++;
	}
	fclose(f);
	return all;
}

const struct hook *
hook_find(const struct hook *all, const char *name)
{
	for (; all != NULL && all->name != NULL; all++)
		if (strcmp(all->name, name) == 0)
			return all;
	return NULL;
}

/* Standard base64 is the URL's but for two letters and the padding. */
static const char *
base64(struct arena *a, const unsigned char mac[MAC_BYTES])
{
	char *text = arena_printf(a, "%s=", token_encode(a, mac, MAC_BYTES));
	char *p;

	for (p = text; *p != '\0'; p++)
		*p = *p == '-' ? '+' : *p == '_' ? '/' : *p;
	return text;
}

static const char *
sign(struct arena *a, const char *secret, const char *text)
{
	unsigned char key[SECRET_MAX], mac[MAC_BYTES];
	size_t size;

	if (!read_secret(a, secret, key, &size))
		log_fatal("a secret of a hook is not base64");
	token_hmac(mac, key, size, text, strlen(text));
	return base64(a, mac);
}

const char *
hook_signature(struct arena *a, const struct hook *h, const char *id,
    const char *timestamp, const char *body)
{
	const char *text = arena_printf(a, "%s.%s.%s", id, timestamp, body);
	const char *first = sign(a, h->secret[0], text);

	if (h->secret[1] == NULL)
		return arena_printf(a, "v1,%s", first);
	return arena_printf(
	    a, "v1,%s v1,%s", first, sign(a, h->secret[1], text));
}

/* The registries of IANA: what is not globally reachable. */
static const struct range {
	uint32_t net;
	unsigned bits;
} closed[] = {
	{ 0x00000000, 8 },  /* this network */
	{ 0x0a000000, 8 },  /* private */
	{ 0x64400000, 10 }, /* shared */
	{ 0x7f000000, 8 },  /* loopback */
	{ 0xa9fe0000, 16 }, /* link-local */
	{ 0xac100000, 12 }, /* private */
	{ 0xc0000000, 24 }, /* protocols */
	{ 0xc0000200, 24 }, /* examples */
	{ 0xc0586300, 24 }, /* relays of 6to4 */
	{ 0xc0a80000, 16 }, /* private */
	{ 0xc6120000, 15 }, /* benchmarks */
	{ 0xc6336400, 24 }, /* examples */
	{ 0xcb007100, 24 }, /* examples */
	{ 0xe0000000, 3 },  /* multicast, reserved, broadcast */
};

static bool
private_v4(uint32_t address)
{
	size_t i;

	for (i = 0; i < sizeof(closed) / sizeof(*closed); i++)
		if ((address ^ closed[i].net) >> (32 - closed[i].bits) == 0)
			return true;
	return false;
}

static uint32_t
four(const unsigned char *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 |
	       (uint32_t)p[2] << 8 | p[3];
}

/* Only 2000::/3 is given out; some of it holds an IPv4 address. */
static bool
private_v6(const unsigned char *p)
{
	static const unsigned char nat64[12] = { 0x00, 0x64, 0xff, 0x9b };

	if (memcmp(p, nat64, sizeof(nat64)) == 0)
		return private_v4(four(p + 12));
	if ((p[0] & 0xe0) != 0x20)
		return true;
	if (p[0] == 0x20 && p[1] == 0x02)
		return private_v4(four(p + 2));
	return four(p) >> 9 == 0x20010000 >> 9 || /* 2001::/23, Teredo too */
	       four(p) == 0x20010db8 || four(p) >> 12 == 0x3fff0000 >> 12;
}

bool
hook_private(const struct sockaddr *address)
{
	if (address->sa_family == AF_INET) {
		struct sockaddr_in in;

		memcpy(&in, address, sizeof(in));
		return private_v4(ntohl(in.sin_addr.s_addr));
	}
	if (address->sa_family == AF_INET6) {
		struct sockaddr_in6 in6;

		memcpy(&in6, address, sizeof(in6));
		return private_v6(in6.sin6_addr.s6_addr);
	}
	return true;
}
