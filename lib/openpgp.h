#ifndef OPENPGP_H
#define OPENPGP_H

#include <stddef.h>
#include <stdint.h>

/*
 * Messages that this server cannot read, and the proof that it cannot: not
 * a key of it is needed to see of what packets a message is made (RFC 9580).
 * Exactly one shape is taken: a session key for each of some published keys,
 * then one encrypted and integrity protected part, then the end.  So nothing
 * that was meant to be secret and is not, by whatever accident, is accepted:
 * not text as it is, nor signed, compressed, or locked with a password, nor
 * what somebody else can open or nobody knows who can.
 *
 * What only the owner of the key can tell is whether it can be opened.  Who
 * forges a message can put in it what he likes, as long as it does not look
 * like text; to show one is to show bytes that nobody has vouched for.
 *
 * Time and memory are linear in the size.  Nothing here logs.
 */
struct arena;

enum openpgp {
	OPENPGP_SEALED,   /* as it should be */
	OPENPGP_NOTHING,  /* no OpenPGP message in it: text as it is */
	OPENPGP_BROKEN,   /* one that was cut off or changed on its way */
	OPENPGP_SEVERAL,  /* more than one, or something behind it */
	OPENPGP_SECRET,   /* a secret key, of all things */
	OPENPGP_KEY,      /* a public key */
	OPENPGP_READABLE, /* signed or compressed or wrapped, not encrypted */
	OPENPGP_PASSWORD, /* who knows a password can open it */
	OPENPGP_STRANGER, /* for a key that is not one of these */
	OPENPGP_HIDDEN,   /* does not say for whom */
	OPENPGP_OLD,      /* encrypted in a way that others can change */
	OPENPGP_NEW,      /* in one that not every program can open */
	OPENPGP_FORGED,   /* says encrypted, but its body reads like text */
};

/*
 * Look at a message, armoured or binary.  `keys` are the ids of all keys it
 * may be encrypted for.  When it is OPENPGP_SEALED, *packets are its *length
 * bytes: what stood around the armour or in its head is not among them.
 * Otherwise both are left as they were.
 */
enum openpgp openpgp_check(struct arena *, const void *data, size_t size,
    const uint64_t *keys, size_t count, const unsigned char **packets,
    size_t *length);

/* Why it was refused and what to do, in words for people; NULL for sealed. */
const char *openpgp_words(enum openpgp);

/*
 * Packets as text: a block of "MESSAGE" or "PUBLIC KEY BLOCK" without any
 * head of its own, lines ended by LF.
 */
char *openpgp_armor(
    struct arena *, const char *block, const void *packets, size_t size);

#endif
