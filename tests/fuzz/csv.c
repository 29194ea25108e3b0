/*
 * CSV there and back: cells of any text, written by lib/csv.c and read by a
 * reader that is not ours to trust but to disagree: RFC 4180, written here
 * from its grammar.  All cells come back, none as a formula.
 */
#include <string.h>

#include "arena.h"
#include "csv.h"
#include "db.h"
#include "fuzz.h"
#include "web.h"

#define COLUMNS 3
#define CELLS 64

struct rows {
	const char *cells[CELLS];
	int count;
};

static const char *sent;
static size_t sent_size;

int
rows_count(const struct rows *rows)
{
	return rows->count / COLUMNS;
}

int
rows_columns(const struct rows *rows)
{
	(void)rows;
	return COLUMNS;
}

/* The last column is one of numbers. */
bool
rows_is_number(const struct rows *rows, int column)
{
	(void)rows;
	return column == COLUMNS - 1;
}

const char *
rows_name(const struct rows *rows, int column)
{
	static const char *const names[] = { "one", "two", "three" };

	(void)rows;
	return names[column];
}

const char *
rows_text(const struct rows *rows, int row, int column)
{
	return rows->cells[row * COLUMNS + column];
}

void
web_header(struct request *r, const char *name, const char *value)
{
	(void)r;
	(void)name;
	(void)value;
}

int
web_send_tagged(
    struct request *r, const char *type, const char *body, size_t size)
{
	(void)r;
	(void)type;
	sent = body;
	sent_size = size;
	return 200;
}

/* escaped = DQUOTE *(TEXTDATA / COMMA / CR / LF / 2DQUOTE) DQUOTE */
static const char *
read_cell(const char *p, const char *end, char *to)
{
	insist(p < end && *p++ == '"');
	for (;;) {
		insist(p < end);
		if (*p != '"')
			*to++ = *p++;
		else if (p + 1 < end && p[1] == '"') {
			*to++ = '"';
			p += 2;
		} else
			break;
	}
	*to = '\0';
	return p + 1;
}

static void
check_cell(const char *read, const char *cell, bool number)
{
	bool formula =
	    !number && *cell != '\0' && strchr("=+-@\t\r", *cell) != NULL;

	insist(!formula || *read == '\'');
	insist(strcmp(read + formula, cell) == 0);
	insist(number || *read == '\0' || strchr("=+-@\t\r", *read) == NULL);
}

static void
check(struct arena *a, const struct rows *rows)
{
	const char *p = sent, *end = sent + sent_size;
	char *cell = arena_alloc(a, sent_size + 1);
	int row, i;

	for (row = -1; row < rows_count(rows); row++)
		for (i = 0; i < COLUMNS; i++) {
			p = read_cell(p, end, cell);
			check_cell(cell,
			    row < 0 ? rows_name(rows, i)
				    : rows_text(rows, row, i),
			    row >= 0 && rows_is_number(rows, i));
			insist(p < end);
			if (i < COLUMNS - 1)
				insist(*p++ == ',');
			else {
				insist(end - p >= 2 && *p++ == '\r');
				insist(*p++ == '\n');
			}
		}
	insist(p == end);
}

/* Cells end with a NUL; a last row that is not whole is left out. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *a = arena_new(4096);
	struct request r = { .arena = a };
	struct rows rows = { .count = 0 };
	char *text = arena_alloc(a, size + 1), *end = text + size;

	memcpy(text, data, size);
	for (; text <= end && rows.count < CELLS; text += strlen(text) + 1)
		rows.cells[rows.count++] = text;
	insist(csv_send(&r, &rows, "a.csv") == 200);
	check(a, &rows);
	arena_free(a);
	return 0;
}
