#ifndef MULTIPART_H
#define MULTIPART_H

#include <stddef.h>

/*
 * A body of multipart/form-data (RFC 7578) taken apart.  The headers are
 * read by GMime.  The body is cut at its delimiters here and not by GMime's
 * parser for messages: that one follows what a part calls itself and takes
 * an uploaded mail or web archive to pieces as well, so that its bytes would
 * not be the file's any more.
 *
 * As strict as browsers are exact: what no browser sends is no form.  Takes
 * linear time; it is a fuzz target (tests/fuzz/multipart.c).
 */
struct arena;
struct request;

#define MULTIPART_MOST 200 /* parts; more is no form of ours */

struct part {
	const char *name;     /* of the field, UTF-8 */
	const char *filename; /* as sent, UTF-8; NULL for a field of text */
	const char *data;     /* points into the body, not copied, no NUL */
	size_t size;          /* bytes */
};

/* Before the first one; loads what GMime wants of the system. */
void multipart_start(void);

/*
 * The parts, ended by one whose name is NULL; NULL when the body is no form.
 * `type` is the Content-Type with its boundary.
 */
const struct part *multipart_parts(
    struct arena *, const char *type, const char *body, size_t size);

#endif
