#ifndef MARKUP_H
#define MARKUP_H

#include <stddef.h>

/*
 * Markdown to safe HTML, once, when a text is written.  md4c parses
 * (CommonMark with tables, strikethrough and bare URLs, no raw HTML), our
 * callbacks print a short list of elements and nothing else:
 *
 *	p br hr em strong del code pre blockquote ul ol li h3-h6
 *	table thead tbody tr th td a
 *
 * with href and rel (a), start (ol) and class="left|center|right" (th, td).
 * Raw HTML shows as the text that was typed.  Links keep only https:,
 * http:, mailto: and paths of ours ("/x", not "//x"), carry
 * rel="nofollow ugc noopener", and images become links; the address of a
 * link that is not made is shown behind its text.  Headings start at h3,
 * the page's own being above them.  A line end that was typed shows as one.
 * C0 and C1 control characters show as their Unicode control pictures.
 * desk.is_safe_html() checks the same list in the database.
 *
 * Time and output are bounded: nesting to 32, output to four times the
 * input and 64 KiB; a text beyond either is shown as plain text, whole.
 */
struct arena;

#define MARKUP_VERSION 1 /* stored beside the HTML; raise it on change */

/* `size` bytes of valid UTF-8 in, NUL-terminated HTML out. */
const char *markup_html(struct arena *, const char *text, size_t size);

#endif
