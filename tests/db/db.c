/*
 * Calls against a real server (libpq's environment says which; its
 * superuser): what becomes of values, refusals, collisions, batches, and of
 * a connection that ends.
 */
#include <libpq-fe.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "arena.h"
#include "db.h"
#include "web.h"

static const struct query q_values = {
	.name = "values",
	.sql = "SELECT $1::text AS word, $2::int AS number, true AS yes, "
	       "NULL::text AS nothing, 1.5::numeric AS half",
	.params = 2,
};
static const struct query q_none = {
	.name = "none",
	.sql = "SELECT 1 WHERE false",
};
static const struct query q_refuse = {
	.name = "refuse",
	.sql = "SELECT * FROM db_test.refuse($1)",
	.params = 1,
};
static const struct query q_put = {
	.name = "put",
	.sql = "SELECT * FROM db_test.put($1::int)",
	.params = 1,
};
static const struct query q_count = {
	.name = "count",
	.sql = "SELECT count(*) AS n FROM db_test.thing",
};
static const struct query q_collide = {
	.name = "collide",
	.sql = "SELECT * FROM db_test.collide($1::int, $2)",
	.params = 2,
};
static const struct query q_end = {
	.name = "end",
	.sql = "SELECT pg_terminate_backend(pg_backend_pid())",
};
static const struct query q_listen = {
	.name = "listen",
	.sql = "SELECT * FROM db_test.listen()",
};
static const struct query *const queries[] = { &q_values, &q_none, &q_refuse,
	&q_put, &q_count, &q_collide, &q_end, &q_listen, NULL };

static const char schema[] =
    "DROP SCHEMA IF EXISTS db_test CASCADE;"
    "CREATE SCHEMA db_test;"
    "CREATE TABLE db_test.thing (a int PRIMARY KEY CHECK (a < 100));"
    "CREATE SEQUENCE db_test.tries;"
    "CREATE FUNCTION db_test.refuse(code text) RETURNS SETOF int "
    "LANGUAGE plpgsql AS $$ BEGIN "
    "RAISE 'refused' USING ERRCODE = code, DETAIL = 'a secret'; END $$;"
    "CREATE FUNCTION db_test.put(a int) RETURNS SETOF int "
    "LANGUAGE sql AS 'INSERT INTO db_test.thing VALUES (a) RETURNING a';"
    /* Sequences do not roll back: they count attempts. */
    "CREATE FUNCTION db_test.collide(n int, code text) RETURNS SETOF bigint "
    "LANGUAGE plpgsql AS $$ BEGIN "
    "IF nextval('db_test.tries') < n THEN "
    "RAISE 'again' USING ERRCODE = code; END IF; "
    "RETURN NEXT currval('db_test.tries'); END $$;"
    "CREATE FUNCTION db_test.listen() RETURNS SETOF int "
    "LANGUAGE plpgsql AS $$ BEGIN LISTEN db_test; END $$;";

static struct request request;
static PGconn *aside; /* for what the module would not do */

static void
sql(const char *text)
{
	PGresult *res = PQexec(aside, text);

	assert_int_not_equal(PQresultStatus(res), PGRES_FATAL_ERROR);
	PQclear(res);
}

static int
open_aside(void **state)
{
	(void)state;
	aside = PQconnectdb("");
	if (PQstatus(aside) != CONNECTION_OK) {
		printf("Bail out!  %s", PQerrorMessage(aside));
		return -1;
	}
	PQclear(PQexec(aside, "SET client_min_messages = error"));
	PQclear(PQexec(aside, schema));
	/* The module logs what it should; it is not asked here. */
	return freopen("/dev/null", "w", stderr) == NULL;
}

static int
close_aside(void **state)
{
	(void)state;
	PQclear(PQexec(aside, "DROP SCHEMA db_test CASCADE"));
	PQfinish(aside);
	return 0;
}

static int
set_up(void **state)
{
	(void)state;
	sql("TRUNCATE db_test.thing");
	sql("ALTER SEQUENCE db_test.tries RESTART");
	memset(&request, 0, sizeof(request));
	request.arena = arena_new(4096);
	request.db = db_open("test", queries);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	arena_free(request.arena);
	db_close(request.db);
	return 0;
}

static const struct rows *
ask(const struct query *q, const char *a, const char *b)
{
	const char *params[] = { a, b };

	request.status = 0;
	return db_rows(&request, q, params);
}

static struct call *
queue(const struct query *q, const char *a, const char *b)
{
	const char *params[] = { a, b };

	return db_call(&request, q, params);
}

static const char *
count(void)
{
	return rows_named(ask(&q_count, NULL, NULL), 0, "n");
}

static void
values_come_back_as_they_went(void **state)
{
	const struct rows *rows = ask(&q_values, "a'\"\\\n\xc3\xa4", "-7");

	(void)state;
	assert_non_null(rows);
	assert_int_equal(rows_count(rows), 1);
	assert_int_equal(rows_columns(rows), 5);
	assert_string_equal(rows_name(rows, 0), "word");
	assert_string_equal(rows_text(rows, 0, 0), "a'\"\\\n\xc3\xa4");
	assert_string_equal(rows_named(rows, 0, "number"), "-7");
	assert_string_equal(rows_named(rows, 0, "nothing"), "");
	assert_true(rows_null(rows, 0, 3));
	assert_false(rows_null(rows, 0, 0));
	assert_true(rows_is_boolean(rows, 2));
	assert_false(rows_is_boolean(rows, 0));
	assert_true(rows_is_number(rows, 1));
	assert_true(rows_is_number(rows, 4));
	assert_false(rows_is_number(rows, 0));
	assert_true(rows_null(ask(&q_values, NULL, NULL), 0, 0));
	assert_int_equal(rows_count(ask(&q_none, NULL, NULL)), 0);
}

static void
what_the_database_refuses_has_a_status(void **state)
{
	static const struct {
		const char *code;
		int status;
	} codes[] = { { "PT404", 404 }, { "PT409", 409 }, { "PT429", 429 },
		{ "PT422", 422 }, { "PT200", 503 }, { "PT700", 503 },
		{ "PTabc", 503 }, { "22P02", 400 }, { "22021", 400 },
		{ "23505", 409 }, { "23514", 409 }, { "57014", 503 },
		{ "55P03", 503 }, { "42501", 503 }, { "XX000", 503 } };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(codes) / sizeof(*codes); i++) {
		assert_null(ask(&q_refuse, codes[i].code, NULL));
		assert_int_equal(request.status, codes[i].status);
	}
	assert_null(ask(&q_put, "one", NULL));
	assert_int_equal(request.status, 400);
	assert_null(ask(&q_put, "\xff", NULL));
	assert_int_equal(request.status, 400);
	assert_null(ask(&q_put, "100", NULL));
	assert_int_equal(request.status, 409);
	assert_non_null(ask(&q_none, NULL, NULL));
}

static void
a_batch_is_all_or_nothing(void **state)
{
	struct call *a = queue(&q_put, "1", NULL),
		    *b = queue(&q_put, "2", NULL);
	struct call *c;

	(void)state;
	assert_non_null(db_get(&request, b));
	assert_non_null(db_get(&request, a));
	assert_string_equal(count(), "2");
	a = queue(&q_put, "3", NULL);
	b = queue(&q_refuse, "PT404", NULL);
	c = queue(&q_put, "4", NULL);
	db_get(&request, a);
	assert_null(db_get(&request, b));
	assert_int_equal(request.status, 404);
	request.status = 0;
	assert_null(db_get(&request, c));
	assert_int_equal(request.status, 404);
	assert_string_equal(count(), "2");
}

static void
calls_run_in_the_order_in_which_they_were_written(void **state)
{
	struct call *a = queue(&q_put, "1", NULL);

	(void)state;
	assert_string_equal(count(), "1");
	assert_non_null(db_get(&request, a));
}

static void
a_call_that_nobody_asks_for_is_never_sent(void **state)
{
	(void)state;
	queue(&q_put, "1", NULL);
	arena_reset(request.arena);
	assert_string_equal(count(), "0");
}

static void
collisions_are_tried_again_five_times(void **state)
{
	const struct rows *rows = ask(&q_collide, "5", "40001");

	(void)state;
	assert_non_null(rows);
	assert_string_equal(rows_text(rows, 0, 0), "5");
	sql("ALTER SEQUENCE db_test.tries RESTART");
	assert_non_null(ask(&q_collide, "3", "40P01"));
	sql("ALTER SEQUENCE db_test.tries RESTART");
	assert_null(ask(&q_collide, "100", "40001"));
	assert_int_equal(request.status, 503);
	assert_string_equal(
	    rows_text(ask(&q_collide, "0", "40001"), 0, 0), "6");
}

static void
a_batch_that_collides_is_done_once(void **state)
{
	struct call *a = queue(&q_put, "1", NULL);
	struct call *b = queue(&q_collide, "3", "40001");

	(void)state;
	assert_non_null(db_get(&request, a));
	assert_non_null(db_get(&request, b));
	assert_string_equal(count(), "1");
}

static void
the_end_of_the_connection_is_noticed(void **state)
{
	(void)state;
	assert_false(db_lost(request.db));
	assert_null(ask(&q_end, NULL, NULL));
	assert_int_equal(request.status, 503);
	assert_true(db_lost(request.db));
	assert_null(ask(&q_none, NULL, NULL));
	assert_int_equal(request.status, 503);
}

static void
it_is_noticed_also_by_who_only_listens(void **state)
{
	const struct timespec moment = { 0, 20000000L };
	int tries;

	(void)state;
	sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
	    "WHERE application_name = 'nightdesk-test'");
	for (tries = 0; tries < 100 && !db_lost(request.db); tries++) {
		nanosleep(&moment, NULL);
		db_hear(request.db);
	}
	assert_true(db_lost(request.db));
}

static bool
told_soon(void)
{
	const struct timespec moment = { 0, 20000000L };
	bool told;
	int tries;

	for (tries = 0; !(told = db_told(request.db)) && tries < 100; tries++) {
		nanosleep(&moment, NULL);
		db_hear(request.db);
	}
	return told;
}

static void
a_notify_is_heard_once(void **state)
{
	(void)state;
	assert_non_null(db_rows(&request, &q_listen, NULL));
	assert_false(db_told(request.db));
	sql("NOTIFY db_test; NOTIFY elsewhere");
	assert_true(told_soon());
	assert_false(db_told(request.db));
	/* Also one that comes while something else is asked. */
	sql("NOTIFY db_test");
	assert_non_null(db_rows(&request, &q_none, NULL));
	assert_true(told_soon());
	assert_false(db_told(request.db));
}

/* Does the program end with status 1 that starts with this one query? */
static bool
refused_at_start(const struct query *q)
{
	const struct query *const list[] = { q, NULL };
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		db_open("test", list);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) && WEXITSTATUS(status) == 1;
}

static void
a_query_that_does_not_fit_ends_the_program_at_start(void **state)
{
	static const struct query missing = {
		.name = "missing",
		.sql = "SELECT * FROM api.no_such_function()",
	};
	static const struct query miscounted = {
		.name = "miscounted",
		.sql = "SELECT $1::int",
		.params = 2,
	};

	(void)state;
	assert_false(refused_at_start(&q_none));
	assert_true(refused_at_start(&missing));
	assert_true(refused_at_start(&miscounted));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(values_come_back_as_they_went),
		TEST(what_the_database_refuses_has_a_status),
		TEST(a_batch_is_all_or_nothing),
		TEST(calls_run_in_the_order_in_which_they_were_written),
		TEST(a_call_that_nobody_asks_for_is_never_sent),
		TEST(collisions_are_tried_again_five_times),
		TEST(a_batch_that_collides_is_done_once),
		TEST(the_end_of_the_connection_is_noticed),
		TEST(it_is_noticed_also_by_who_only_listens),
		TEST(a_notify_is_heard_once),
		TEST(a_query_that_does_not_fit_ends_the_program_at_start),
	};

	return cmocka_run_group_tests_name(
	    "db", tests, open_aside, close_aside);
}
