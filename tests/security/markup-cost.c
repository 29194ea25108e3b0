/*
 * What lib/markup.c does with each file that is named: under callgrind each
 * leaves a dump of its own, with the instructions that it took.  The HTML goes
 * beside it, as FILE.html.
 */
#include <stdio.h>
#include <stdlib.h>
#include <valgrind/callgrind.h>

#include "arena.h"
#include "markup.h"

#define TEXT_MAX (1024 * 1024) /* bytes */

static size_t
slurp(const char *name, char *text)
{
	FILE *f = fopen(name, "r");
	size_t size;

	if (f == NULL)
		exit(1);
	size = fread(text, 1, TEXT_MAX, f);
	fclose(f);
	return size;
}

static void
spill(struct arena *a, const char *name, const char *html)
{
	FILE *f = fopen(arena_printf(a, "%s.html", name), "w");

	if (f == NULL || fputs(html, f) < 0 || fclose(f) != 0)
		exit(1);
}

int
main(int argc, char **argv)
{
	static char text[TEXT_MAX];
	struct arena *a = arena_new(65536);
	const char *html;
	size_t size;
	int i;

	for (i = 1; i < argc; i++) {
		size = slurp(argv[i], text);
		CALLGRIND_ZERO_STATS;
		html = markup_html(a, text, size);
		CALLGRIND_DUMP_STATS_AT(argv[i]);
		spill(a, argv[i], html);
		arena_reset(a);
	}
	arena_free(a);
	return 0;
}
