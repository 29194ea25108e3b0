#ifndef SEND_H
#define SEND_H

/*
 * The way out to the network, which notify alone has: a mail to the SMTP
 * server, a request to a hook, both by libcurl.  One attempt each, with an
 * end to its patience; when to try again is the database's to say.
 *
 * A mail that one recipient's server refuses is another matter than a server
 * that is down: what came of an attempt says which it was.  Nothing goes
 * through a proxy, no redirect is followed, and no hook leads to an address
 * of a private network, whatever its name said, unless that is allowed.
 */
struct arena;
struct mail;
struct outgoing;
struct sender;

/* What came of an attempt; see api.outbox_report(). */
struct sent {
	const char *outcome; /* "sent", "later", "down", "refused" */
	long code;           /* of SMTP or HTTP, 0 without an answer */
	const char *said;    /* by the server or by us; printable ASCII */
	long took_ms;        /* for the caller to fill in */
};

/*
 * Connections are kept and used again until send_close().  The sender itself
 * lives in `ours`; what an attempt needs and says lives in `each`, which may
 * be reset between two.  Before the fence closes: libcurl reads files.
 */
struct sender *send_open(
    const struct outgoing *, struct arena *ours, struct arena *each);
void send_close(struct sender *);

/* Hand one mail over. */
struct sent send_mail(struct sender *, const struct mail *);

/*
 * One request to the hook of that name in the file of hooks.  The kind is
 * "webhook" or "pagerduty", the id the same at each attempt, the payload JSON.
 */
struct sent send_hook(struct sender *, const char *name, const char *kind,
    const char *id, const char *payload);

#endif
