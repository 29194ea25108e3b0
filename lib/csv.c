#include <stdbool.h>
#include <string.h>

#include "arena.h"
#include "csv.h"
#include "db.h"
#include "web.h"

/* Would a spreadsheet take it for a formula? */
static bool
is_formula(const char *s)
{
	return *s != '\0' && strchr("=+-@\t\r", *s) != NULL;
}

/* Quotes and the guard may double a cell; 4 bytes go round it. */
static size_t
cell_room(const char *s)
{
	return 2 * strlen(s) + 4;
}

static char *
put_cell(char *to, const char *s, bool number)
{
	*to++ = '"';
	if (!number && is_formula(s))
		*to++ = '\'';
	for (; *s != '\0'; s++) {
		if (*s == '"')
			*to++ = '"';
		*to++ = *s;
	}
	*to++ = '"';
	return to;
}

static char *
end_cell(char *to, bool last)
{
	if (!last) {
		*to++ = ',';
		return to;
	}
	*to++ = '\r';
	*to++ = '\n';
	return to;
}

static size_t
room(const struct rows *rows)
{
	size_t bytes = 2;
	int row, i;

	for (i = 0; i < rows_columns(rows); i++)
		bytes += cell_room(rows_name(rows, i)) + 1;
	for (row = 0; row < rows_count(rows); row++)
		for (i = 0; i < rows_columns(rows); i++)
			bytes += cell_room(rows_text(rows, row, i)) + 1;
	return bytes;
}

int
csv_send(struct request *r, const struct rows *rows, const char *filename)
{
	char *text = arena_alloc(r->arena, room(rows)), *to = text;
	int columns = rows_columns(rows), row, i;

	for (i = 0; i < columns; i++) {
		to = put_cell(to, rows_name(rows, i), false);
		to = end_cell(to, i == columns - 1);
	}
	for (row = 0; row < rows_count(rows); row++)
		for (i = 0; i < columns; i++) {
			to = put_cell(to, rows_text(rows, row, i),
			    rows_is_number(rows, i));
			to = end_cell(to, i == columns - 1);
		}
	web_header(r, "Content-Disposition",
	    arena_printf(r->arena, "attachment; filename=\"%s\"", filename));
	return web_send_tagged(r, "text/csv; charset=utf-8; header=present",
	    text, (size_t)(to - text));
}
