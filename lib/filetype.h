#ifndef FILETYPE_H
#define FILETYPE_H

#include <stddef.h>

/*
 * What a file is, told by its content (libmagic).  What the sender calls it
 * is never asked.  (magic.h is the library's own.)
 */
struct arena;

/*
 * Load the database of types; log_fatal without it.  Before the fence of a
 * program closes (fence.h): later no file can be opened.
 */
void filetype_start(void);

/* "image/png", "application/octet-stream" when nobody knows. */
const char *filetype_of(struct arena *, const void *data, size_t size);

#endif
