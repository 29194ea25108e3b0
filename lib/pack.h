#ifndef PACK_H
#define PACK_H

#include <stddef.h>

/*
 * A zip archive in the request's memory, written by libarchive.  Paths are
 * ours and ASCII.  The caller says beforehand how much it will be at most;
 * an archive that does not fit, or fails in any other way, is a bug of ours:
 * log_fatal.
 */
struct arena;
struct pack;

/* What an entry costs beside its content, at most, with a path of 200. */
#define PACK_ENTRY 1024 /* bytes */

/*
 * Begin an archive whose contents have `size` bytes together, in so many
 * entries.
 */
struct pack *pack_new(struct arena *, size_t entries, size_t size);

/* Begin the next file, of exactly `size` bytes; then put them. */
void pack_begin(struct pack *, const char *path, size_t size);
void pack_put(struct pack *, const char *bytes, size_t size);

/* Finish: the whole archive, and its size in bytes. */
const char *pack_end(struct pack *, size_t *size);

#endif
