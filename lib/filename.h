#ifndef FILENAME_H
#define FILENAME_H

#include <stdbool.h>

/*
 * The names that people's files bear: any script, but nothing that could be
 * a path, a header or a trick for the eye.  Nothing on our side is ever
 * opened by such a name; it is shown, and given back with the file.
 */
struct arena;

#define FILENAME_MAX_CHARACTERS 120

/*
 * A name out of UTF-8 as a browser sent it: what follows the last slash of
 * either kind; without control characters, marks that turn the direction of
 * writing, blanks and dots at its ends; at most FILENAME_MAX_CHARACTERS, of
 * which the extension stays.  "file" where nothing is left.
 */
const char *filename_clean(struct arena *, const char *);

/*
 * The value of a Content-Disposition (RFC 6266): "inline" or "attachment",
 * the name in plain ASCII for old programs, and as it is (RFC 8187).
 */
const char *filename_disposition(struct arena *, const char *name, bool shown);

#endif
