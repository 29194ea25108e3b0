#ifndef PASSKEY_H
#define PASSKEY_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Passkeys: WebAuthn (W3C, level 2) from the server's side.  Signatures are
 * verified and keys decoded by libfido2, JSON is read by jansson.
 *
 * All that a browser sends is foreign: base64url of clientDataJSON, of
 * authenticator data (which holds CBOR) and of a signature.  A function says
 * what is wrong with it, or NULL when all is right:
 *
 *   - the type is that of a making or of a proof, the challenge is the one
 *     given, the origin is the desk's URL and no frame is between;
 *   - the data are for the desk's host, somebody was there (UP) and, where
 *     that is wanted, the device knew them (UV: a PIN, a finger, a face);
 *   - the signature is that of the key, and the counter is higher than the
 *     last, or the device does not count.
 *
 * That a challenge is ours, young and answered once is the caller's to check.
 * No attestation is asked for or looked at: any device will do.
 */
struct arena;

#define PASSKEY_TEXT 4096 /* characters of each thing a browser sends */

struct passkey {
	const char *credential; /* hex: how the device knows it */
	int algorithm;          /* of COSE: -7, -8 or -257 */
	const char *key;        /* hex: as libfido2 takes it */
	unsigned long count;    /* of the last signature */
};

struct passkey_answer {
	const char *client;        /* clientDataJSON */
	const char *authenticator; /* authenticator data */
	const char *signature;     /* of a proof; NULL of a making */
};

/* Let the libraries read what they read at their first use. */
void passkey_start(void);

/* A new one: fills `made` in the arena's memory. */
const char *passkey_made(struct arena *, const char *url, const char *challenge,
    const struct passkey_answer *, struct passkey *made);

/*
 * A proof by a known one.  `verified`: the device must have known its owner.
 * Sets *count to the counter of this signature.
 */
const char *passkey_proven(struct arena *, const char *url,
    const char *challenge, const struct passkey_answer *,
    const struct passkey *known, bool verified, unsigned long *count);

/* A credential's name as a browser sends it, base64url, in hex; or NULL. */
const char *passkey_name(struct arena *, const char *credential);

#endif
