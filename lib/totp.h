#ifndef TOTP_H
#define TOTP_H

#include <stddef.h>

/*
 * Codes of authenticator apps: RFC 6238 with SHA-1, six digits and steps of
 * 30 seconds, which is what every app can do, and the recovery codes that
 * stand in for one.  Nothing here keeps state: which code was used up is the
 * database's to know.
 */
struct arena;

#define TOTP_SEED 20  /* bytes, RFC 4226, 4 */
#define TOTP_DIGITS 6 /* of a code */
#define TOTP_CODE 10  /* bytes of a recovery code */

/* The code of a step, which is the half minute since 1970. */
const char *totp_code(struct arena *, const unsigned char seed[TOTP_SEED],
    long long step, int digits);

/*
 * Which step is a typed code of: the one that is now, the one before or the
 * one after, but none up to `last`.  0 when of none.  Blanks do not count.
 */
long long totp_step(struct arena *, const unsigned char seed[TOTP_SEED],
    const char *typed, long long now, long long last);

/* Base32 (RFC 4648, 6) in capitals, as apps take a seed; no padding. */
const char *totp_base32(struct arena *, const void *, size_t size);

/* What an app reads from the QR code. */
const char *totp_address(struct arena *, const unsigned char seed[TOTP_SEED],
    const char *issuer, const char *account);

/* A new recovery code: 80 random bits as "abcd-efgh-ijkl-mnop". */
const char *totp_recovery(struct arena *);

/*
 * SHA-256 in hex of a recovery code, however it was typed: blanks, hyphens
 * and capitals do not count.  NULL for what cannot be one.
 */
const char *totp_recovery_hash(struct arena *, const char *typed);

#endif
