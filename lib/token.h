#ifndef TOKEN_H
#define TOKEN_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Randomness, MACs and password tags, all by libgcrypt.
 *
 * The keyring is a text file, one key a line: "id:hex", id two hex digits,
 * key 64 hex digits.  The last line signs, every line verifies, so a new
 * key is added at the end and an old one removed a day later.  Only this
 * file's readers can make form tokens; session and link tokens need no key,
 * the database knows their SHA-256.
 *
 * Secrets in memory of ours are wiped; texts in the request's arena are not
 * (it is reset, and a worker's core is never dumped).
 */
struct arena;
struct conf;

#define TOKEN_MAC 16      /* bytes of a truncated HMAC-SHA256 */
#define TOKEN_KEYS 16     /* lines of a keyring */
#define TOKEN_KEY_SIZE 32 /* bytes */

struct token_ring {
	struct token_key {
		unsigned char id;
		unsigned char secret[TOKEN_KEY_SIZE];
	} keys[TOKEN_KEYS];
	size_t count;
};

/*
 * Initialise libgcrypt and read the keyring; log_fatal with its name.  A
 * command that makes no MAC gives NULL and needs no keyring.
 */
void token_start(const struct conf *);

/* Read a keyring of somebody's own; log_fatal with the file's name. */
void token_read(struct token_ring *, const char *file);

/* `size` random bytes as base64url without padding (RFC 4648, 5). */
const char *token_random(struct arena *, size_t size);

/* base64url of bytes; and back: false unless exactly `size` bytes. */
const char *token_encode(struct arena *, const void *, size_t size);
bool token_decode(void *to, size_t size, const char *text);

/*
 * MAC over purpose, a NUL, and the data, with the signing key; `mac` gets
 * the key's id in its first byte and TOKEN_MAC bytes after it.
 */
void token_sign(unsigned char mac[1 + TOKEN_MAC], const char *purpose,
    const void *data, size_t size);
bool token_verify(const unsigned char mac[1 + TOKEN_MAC], const char *purpose,
    const void *data, size_t size);

/* HMAC-SHA256 with a caller's key: derives a link from a form's key. */
void token_derive(unsigned char out[32], const void *key, size_t key_size,
    const char *purpose);

/* HMAC-SHA256 of bytes with a secret that somebody else has as well. */
void token_hmac(unsigned char out[32], const void *key, size_t key_size,
    const void *data, size_t size);

/* Lower-case hex digits of bytes; and back: false unless 2 * size digits. */
const char *token_hex(struct arena *, const void *, size_t size);
bool token_unhex(void *to, size_t size, const char *hex);

/* SHA-256 as 64 lower-case hex digits. */
const char *token_sha256(struct arena *, const void *, size_t size);

/*
 * argon2id (RFC 9106): 32-byte tag of a password, as the SHA-256 of it in
 * hex, which is all the database ever sees.  An empty password gives NULL.
 * memory in KiB.  Takes about 0.2 s at 64 MiB, t=3.
 */
const char *token_password(struct arena *, const char *password,
    const char *salt_hex, unsigned memory, unsigned passes);

#endif
