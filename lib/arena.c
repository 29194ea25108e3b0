#include <malloc.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arena.h"
#include "log.h"

#define MAPPED (512 * 1024) /* bytes; from here on by mmap(2) */

struct block {
	struct block *next;
	size_t size; /* usable bytes in data[] */
	size_t used;
	max_align_t data[];
};

struct deferred {
	struct deferred *next;
	void (*done)(void *);
	void *what;
};

struct arena {
	struct block *first;
	struct block *current;
	struct deferred *deferred;
	size_t step;
};

static struct block *
block_new(size_t size)
{
	struct block *b;

	if (size > SIZE_MAX - sizeof(*b) ||
	    (b = malloc(sizeof(*b) + size)) == NULL)
		log_fatal("out of memory: %zu bytes wanted", size);
	b->next = NULL;
	b->size = size;
	b->used = 0;
	return b;
}

/* Up to the alignment of any type, which block sizes are multiples of. */
static size_t
rounded(size_t size)
{
	const size_t align = _Alignof(max_align_t);

	if (size > SIZE_MAX - align)
		log_fatal("out of memory: %zu bytes wanted", size);
	return (size + align - 1) / align * align;
}

struct arena *
arena_new(size_t block)
{
	struct arena *a;

	/*
	 * Blocks for the bodies of large requests must go back to the system
	 * when they are freed.  The C library would learn from the first one
	 * to keep the next.
	 */
	mallopt(M_MMAP_THRESHOLD, MAPPED);
	if ((a = calloc(1, sizeof(*a))) == NULL)
		log_fatal("out of memory: no arena");
	a->step = rounded(block);
	a->first = a->current = block_new(a->step);
	return a;
}

void *
arena_alloc(struct arena *a, size_t size)
{
	struct block *b = a->current;
	void *p;

	size = rounded(size);
	if (size > b->size - b->used) {
		b = block_new(size > a->step ? size : a->step);
		a->current->next = b;
		a->current = b;
	}
	p = (char *)b->data + b->used;
	b->used += size;
	return memset(p, 0, size);
}

char *
arena_copy(struct arena *a, const char *s)
{
	size_t n;

	if (s == NULL)
		return NULL;
	n = strlen(s) + 1;
	return memcpy(arena_alloc(a, n), s, n);
}

/* Most texts fit in what is left of the block and are formatted once. */
char *
arena_printf(struct arena *a, const char *fmt, ...)
{
	struct block *b = a->current;
	char *s = (char *)b->data + b->used;
	size_t room = b->size - b->used;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(s, room, fmt, ap);
	va_end(ap);
	if (n < 0)
		log_fatal("cannot format \"%s\"", fmt);
	if ((size_t)n < room) {
		b->used += rounded((size_t)n + 1);
		return s;
	}
	s = arena_alloc(a, (size_t)n + 1);
	va_start(ap, fmt);
	vsnprintf(s, (size_t)n + 1, fmt, ap);
	va_end(ap);
	return s;
}

void
arena_defer(struct arena *a, void (*done)(void *), void *what)
{
	struct deferred *d = arena_alloc(a, sizeof(*d));

	d->done = done;
	d->what = what;
	d->next = a->deferred;
	a->deferred = d;
}

void
arena_reset(struct arena *a)
{
	struct block *b, *next;
	bool large = false;

	while (a->deferred != NULL) {
		struct deferred *d = a->deferred;

		a->deferred = d->next;
		d->done(d->what);
	}
	for (b = a->first->next; b != NULL; b = next) {
		next = b->next;
		large |= b->size >= MAPPED;
		free(b);
	}
	/* what was needed beside a large block lies about in small ones */
	if (large)
		malloc_trim(0);
	a->first->next = NULL;
	a->first->used = 0;
	a->current = a->first;
}

void
arena_free(struct arena *a)
{
	if (a == NULL)
		return;
	arena_reset(a);
	free(a->first);
	free(a);
}
