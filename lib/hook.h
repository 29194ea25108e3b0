#ifndef HOOK_H
#define HOOK_H

#include <stdbool.h>
#include <stddef.h>

/*
 * What an HTTP request to somebody else's server needs: where it goes, a
 * signature, and the question whether an address is one of ours.
 *
 * The file of hooks has a line for each: its name as in desk.hook, the URL,
 * a secret, and perhaps a second one, separated by blanks.  '#' begins a
 * comment.  No name has two lines.  For PagerDuty the secret is the routing
 * key.  Only notify reads the file; nothing of it is ever in the database or
 * a log.
 *
 * A signed request follows "Standard Webhooks":
 *
 *	webhook-id:		the same at each attempt to deliver one thing
 *	webhook-timestamp:	of this attempt, seconds since 1970
 *	webhook-signature:	v1,BASE64 [v1,BASE64]
 *
 * BASE64 is HMAC-SHA256 over "<id>.<timestamp>.<body>".  With two secrets
 * there are two signatures: the receiver changes its secret whenever it
 * likes, and then the old one is taken out of the file.  A secret that
 * begins with "whsec_" must be base64 after that, any other is its own bytes.
 */
struct arena;
struct sockaddr;

struct hook {
	const char *name;
	const char *url;
	const char *secret[2]; /* the second is NULL without one */
};

/* All of a file, the last one with a NULL name; log_fatal if it is wrong. */
const struct hook *hook_file(struct arena *, const char *file);

/* The one with that name, or NULL. */
const struct hook *hook_find(const struct hook *, const char *name);

/* The value of webhook-signature. */
const char *hook_signature(struct arena *, const struct hook *, const char *id,
    const char *timestamp, const char *body);

/*
 * Is it an address that the public internet does not have: loopback,
 * private, link-local, shared, multicast, reserved, or one of these inside
 * an IPv6 address?  What is neither IPv4 nor IPv6 is.
 */
bool hook_private(const struct sockaddr *);

#endif
