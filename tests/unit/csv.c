#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "arena.h"
#include "csv.h"
#include "db.h"
#include "web.h"

/* Rows without a database: the second column is a number. */
struct rows {
	int count;
	const char *cells[8][2];
};

static char sent[4096], type[128], disposition[128];

int
rows_count(const struct rows *rows)
{
	return rows->count;
}

int
rows_columns(const struct rows *rows)
{
	(void)rows;
	return 2;
}

const char *
rows_name(const struct rows *rows, int column)
{
	(void)rows;
	return column == 0 ? "subject" : "votes";
}

bool
rows_is_number(const struct rows *rows, int column)
{
	(void)rows;
	return column == 1;
}

const char *
rows_text(const struct rows *rows, int row, int column)
{
	return rows->cells[row][column];
}

void
web_header(struct request *r, const char *name, const char *value)
{
	(void)r;
	assert_string_equal(name, "Content-Disposition");
	strncpy(disposition, value, sizeof(disposition) - 1);
}

int
web_send_tagged(
    struct request *r, const char *content_type, const char *body, size_t size)
{
	(void)r;
	assert_true(size < sizeof(sent));
	memcpy(sent, body, size);
	sent[size] = '\0';
	strncpy(type, content_type, sizeof(type) - 1);
	return 200;
}

static void
assert_csv(const struct rows *rows, const char *expected)
{
	struct request r = { .arena = arena_new(256) };

	assert_int_equal(csv_send(&r, rows, "tickets.csv"), 200);
	assert_string_equal(sent, expected);
	arena_free(r.arena);
}

static void
no_rows_are_still_a_header_line(void **state)
{
	static const struct rows rows = { 0, { { NULL } } };

	(void)state;
	assert_csv(&rows, "\"subject\",\"votes\"\r\n");
	assert_string_equal(type, "text/csv; charset=utf-8; header=present");
	assert_string_equal(
	    disposition, "attachment; filename=\"tickets.csv\"");
}

static void
every_cell_is_quoted_and_quotes_are_doubled(void **state)
{
	static const struct rows rows = { 2,
		{ { "a \"b\", c\nd", "7" }, { "", "" } } };

	(void)state;
	assert_csv(&rows, "\"subject\",\"votes\"\r\n"
			  "\"a \"\"b\"\", c\nd\",\"7\"\r\n\"\",\"\"\r\n");
}

static void
no_text_is_a_formula_and_numbers_stay_numbers(void **state)
{
	static const struct rows rows = { 8,
		{ { "=1+1", "-7" }, { "+1", "1e3" }, { "-1", "0" },
		    { "@SUM(A1)", "1" }, { "\tx", "1" }, { "\rx", "1" },
		    { "a=b", "-0.5" }, { "\"=1", "1" } } };

	(void)state;
	assert_csv(&rows, "\"subject\",\"votes\"\r\n"
			  "\"'=1+1\",\"-7\"\r\n\"'+1\",\"1e3\"\r\n"
			  "\"'-1\",\"0\"\r\n\"'@SUM(A1)\",\"1\"\r\n"
			  "\"'\tx\",\"1\"\r\n\"'\rx\",\"1\"\r\n"
			  "\"a=b\",\"-0.5\"\r\n\"\"\"=1\",\"1\"\r\n");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_rows_are_still_a_header_line),
		cmocka_unit_test(every_cell_is_quoted_and_quotes_are_doubled),
		cmocka_unit_test(no_text_is_a_formula_and_numbers_stay_numbers),
	};

	return cmocka_run_group_tests_name("csv", tests, NULL, NULL);
}
