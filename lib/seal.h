#ifndef SEAL_H
#define SEAL_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Secrets that lie in the database and are no use to whoever reads it:
 * AES-256-GCM by libgcrypt, with a key from a file that only the programs
 * which seal and open may read.
 *
 * The file is written as a keyring (token.h).  Its last line seals and every
 * line opens, so a new key is added at the end; an old one may go once
 * nothing is sealed with it any more.  What is sealed is a key's id, a random
 * nonce of 12 bytes, the ciphertext and a tag of 16.
 *
 * A purpose is bound to what is sealed: what was sealed for one person or one
 * form is not opened for another.
 */
struct arena;

#define SEAL_EXTRA (1 + 12 + 16) /* bytes more than what is sealed */

/* Read the file; log_fatal with its name.  token_start() comes first. */
void seal_start(const char *file);

/* Sealed, as hex digits. */
const char *seal(
    struct arena *, const char *purpose, const void *, size_t size);

/* Open what has exactly `size` bytes; false for anything else. */
bool seal_open(void *to, size_t size, const char *purpose, const char *hex);

#endif
