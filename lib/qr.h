#ifndef QR_H
#define QR_H

/*
 * QR codes by libqrencode, as the dark runs of their lines, for a template to
 * draw.  All have QR_MODULES modules a side, so that a page knows the size;
 * what does not fit into that is refused.
 */
struct arena;

#define QR_MODULES 61 /* version 11, error correction M: 251 bytes */

struct qr_run {
	int x, y, width; /* modules, the quiet zone of four included */
};

/*
 * The runs from top to bottom, ended by one of width 0; NULL when the text
 * is too long.
 */
const struct qr_run *qr_runs(struct arena *, const char *text);

#endif
