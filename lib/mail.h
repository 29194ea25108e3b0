#ifndef MAIL_H
#define MAIL_H

#include <stdbool.h>
#include <stddef.h>

/*
 * A mail as bytes for SMTP (RFC 5322), by GMime: plain text in UTF-8 first,
 * then perhaps the same as HTML and a table to keep; any name and subject
 * encoded by RFC 2047, any file name by RFC 2231 (RFC 8187), line ends as
 * CR LF.  What is handed in may be any UTF-8 that people typed: control
 * characters and line ends of every kind become blanks in a header, so that
 * nobody adds one.
 *
 * Every mail says that it was made automatically (RFC 3834), belongs to a
 * list (RFC 2919) and a thread, and leaves by one click where it can
 * (RFC 8058).
 *
 * The address to answer to is reply+TICKET.WHO.CODE@domain.  CODE is a MAC
 * over TICKET and WHO with the keyring of token.h, so that an answer proves
 * that its sender had our mail to that reader about that ticket; a From
 * line proves nothing.  It survives servers that change the case of letters.
 */
struct arena;

struct mail {
	const char *from;      /* address */
	const char *from_name; /* "" for none */
	const char *to;        /* address */
	const char *to_name;   /* "" for none */
	const char *domain;    /* right side of every Message-ID */
	const char *key;       /* left side, the same at each attempt */
	const char *thread;    /* left side of the thread's root, "" for none */
	const char *reply_to;  /* address, "" for the sender's */
	const char *unsubscribe; /* URL that one POST is enough for, or "" */
	const char *kind;        /* why it is sent, one word */
	const char *subject;
	const char *text;
	const char *html;     /* the same for who prefers it, or NULL */
	const char *csv;      /* a table to keep, or NULL */
	const char *csv_name; /* what its file is called */
};

/* The whole message; *size in bytes. */
const char *mail_text(struct arena *, const struct mail *, size_t *size);

/* Is it safe between < and > of an SMTP command? */
bool mail_address(const char *);

/*
 * What a server said, without the addresses that it repeats: nothing stays
 * between < and >, and of a word with an '@' in it only a "*".
 */
const char *mail_without_addresses(struct arena *, const char *said);

/* The address that an answer goes to; `who` as the outbox names a reader. */
const char *mail_reply_address(
    struct arena *, const char *ticket, const char *who, const char *domain);

/*
 * For who receives mail: the ticket and reader of such an address, whatever
 * its domain; false when it is none, or its code is not ours.
 */
bool mail_reply_read(
    struct arena *, const char *address, const char **ticket, const char **who);

#endif
