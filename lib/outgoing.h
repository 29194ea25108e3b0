#ifndef OUTGOING_H
#define OUTGOING_H

#include <stdbool.h>

/*
 * What the operator has set about what leaves the desk: which servers take
 * it, who it is from, where requests may go.  Read from the environment once,
 * at start; the manual of notify lists the variables.  One that is missing or
 * wrong ends the program with a line that names it.
 */
struct arena;
struct hook;

struct outgoing {
	const char *url, *name; /* of the desk; safe in JSON as they are */
	const char *keyring;    /* a file, see token.h */
	/* URL of the mail server.  NULL: mail waits, what follows is NULL */
	const char *smtp;
	const char *tls;             /* "required", "optional" or "off" */
	const char *user, *password; /* NULL for none */
	const char *ca;              /* a file, NULL for the system's */
	const char *from;            /* address */
	const char *bounce;          /* address, NULL for none */
	const char *domain;          /* of Message-IDs */

	const char *wait;         /* seconds, for more about a ticket */
	const struct hook *hooks; /* NULL without a file: hooks wait */
	bool plain_http;          /* a hook may be without TLS */
	bool private_targets;     /* it may be in our own network */
};

/* Lives as long as the arena. */
const struct outgoing *outgoing_read(struct arena *);

/* A text with {URL} and {NAME} replaced by what is set. */
const char *outgoing_fill(
    const struct outgoing *, struct arena *, const char *text);

#endif
