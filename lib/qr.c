#include <qrencode.h>
#include <string.h>

#include "arena.h"
#include "qr.h"

#define VERSION 11
#define QUIET 4 /* modules around it, ISO/IEC 18004 */

static void
let_go(void *code)
{
	QRcode_free(code);
}

/* The next dark run of a line from x on; a width of 0 when there is none. */
static struct qr_run
next_run(const QRcode *code, int x, int y)
{
	const unsigned char *line = code->data + y * code->width;
	struct qr_run run = { .y = y + QUIET };

	while (x < code->width && (line[x] & 1) == 0)
		x++;
	run.x = x + QUIET;
	while (x < code->width && (line[x] & 1) != 0)
		x++, run.width++;
	return run;
}

const struct qr_run *
qr_runs(struct arena *a, const char *text)
{
	QRcode *code = QRcode_encodeString8bit(text, VERSION, QR_ECLEVEL_M);
	struct qr_run *runs, run;
	size_t n = 0;
	int y;

	if (code == NULL)
		return NULL;
	arena_defer(a, let_go, code);
	if (code->width != QR_MODULES)
		return NULL;
	runs = arena_alloc(
	    a, sizeof(*runs) * (QR_MODULES * (QR_MODULES + 1) / 2 + 1));
	for (y = 0; y < code->width; y++)
		for (run = next_run(code, 0, y); run.width > 0;
		     run = next_run(code, run.x - QUIET + run.width, y))
			runs[n++] = run;
	return runs;
}
