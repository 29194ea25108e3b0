#include <libpq-fe.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "arena.h"
#include "db.h"
#include "log.h"
#include "web.h"

#define TRIES 5
#define START_DELAY_MS 200 /* before we die without a database */

/*
 * A query that hangs must not hold a worker.  JIT never pays for queries of
 * milliseconds.  PGOPTIONS comes after these and wins.
 */
#define OPTIONS                                                                \
	"-c statement_timeout=5s -c lock_timeout=3s "                          \
	"-c idle_in_transaction_session_timeout=10s -c jit=off "               \
	"-c client_min_messages=warning "

/* PostgreSQL's own numbers for its types; they never change. */
enum type {
	TYPE_BOOL = 16,
	TYPE_INT8 = 20,
	TYPE_INT2 = 21,
	TYPE_INT4 = 23,
	TYPE_FLOAT4 = 700,
	TYPE_FLOAT8 = 701,
	TYPE_NUMERIC = 1700,
};

struct rows {
	PGresult *pg;
};

struct call {
	struct call *next;
	const struct query *query;
	const char **params;
	int *sizes, *formats; /* of params, when one of them is bytes */
	struct rows rows;
	int status; /* 0 until answered, 200, or why not */
};

struct db {
	PGconn *pg;
	struct call *first, **end; /* queued, not yet sent */
};

/*
 * The first release of each line in which a role sees no more than it may
 * (CVE-2024-10976, CVE-2025-8713), the newest line first.
 */
static const int mended[] = { 170006, 160010, 150014 };

static bool
is_mended(int version)
{
	size_t i;

	for (i = 0; i < sizeof(mended) / sizeof(*mended); i++)
		if (version / 10000 >= mended[i] / 10000)
			return version >= mended[i];
	return false;
}

static void
sleep_ms(long ms)
{
	struct timespec t = { ms / 1000, ms % 1000 * 1000000L };

	nanosleep(&t, NULL);
}

static void
log_notice(void *unused, const char *message)
{
	(void)unused;
	log_info("database: %s", message);
}

static PGconn *
connect_as(const char *program)
{
	struct arena *a = arena_new(1024);
	const char *more = getenv("PGOPTIONS"), *service = getenv("PGSERVICE");
	bool named = getenv("PGDATABASE") != NULL || service != NULL;
	/* libpq takes NULL for "not given" and then asks the environment. */
	const char *const keys[] = { "user", "dbname", "gssencmode", "options",
		"client_encoding", "fallback_application_name", NULL };
	const char *const values[] = {
		getenv("PGUSER") ? NULL : arena_printf(a, "desk_%s", program),
		named ? NULL : "nightdesk",
		getenv("PGGSSENCMODE") ? NULL : "disable",
		arena_printf(a, OPTIONS "%s", more ? more : ""),
		"UTF8",
		arena_printf(a, "nightdesk-%s", program),
		NULL,
	};
	PGconn *pg = PQconnectdbParams(keys, values, 0);

	arena_free(a);
	return pg;
}

/* The supervisor starts us again at once: do not make it spin. */
static _Noreturn void
give_up(struct db *db, const char *what)
{
	sleep_ms(START_DELAY_MS);
	log_fatal("%s: %s", what, PQerrorMessage(db->pg));
}

/* Take what came of one prepare-and-describe pair out of the pipeline. */
static void
check_prepared(struct db *db, const struct query *q)
{
	int i, wanted = -1;

	for (i = 0; i < 2; i++) {
		PGresult *res = PQgetResult(db->pg);

		if (PQresultStatus(res) != PGRES_COMMAND_OK)
			log_fatal("cannot prepare \"%s\": %s", q->name,
			    PQresultErrorMessage(res));
		wanted = PQnparams(res); /* 0 from the first of the pair */
		PQclear(res);
		PQclear(PQgetResult(db->pg)); /* NULL ends each answer */
	}
	if (wanted != q->params)
		log_fatal("query \"%s\" has %d parameters, not %d", q->name,
		    wanted, q->params);
}

static void
prepare_all(struct db *db, const struct query *const *list)
{
	const struct query *const *q;

	PQenterPipelineMode(db->pg);
	for (q = list; *q != NULL; q++)
		if (!PQsendPrepare(db->pg, (*q)->name, (*q)->sql, 0, NULL) ||
		    !PQsendDescribePrepared(db->pg, (*q)->name))
			give_up(db, "could not prepare");
	if (!PQpipelineSync(db->pg))
		give_up(db, "could not prepare");
	for (q = list; *q != NULL; q++)
		check_prepared(db, *q);
	PQclear(PQgetResult(db->pg)); /* the sync */
	if (!PQexitPipelineMode(db->pg))
		give_up(db, "could not prepare");
}

struct db *
db_open(const char *program, const struct query *const *list)
{
	struct db *db;

	if ((db = calloc(1, sizeof(*db))) == NULL)
		log_fatal("out of memory: no database handle");
	db->end = &db->first;
	db->pg = connect_as(program);
	if (PQstatus(db->pg) != CONNECTION_OK)
		give_up(db, "could not connect");
	if (!is_mended(PQserverVersion(db->pg)))
		log_fatal("PostgreSQL %d.%d is too old: 15.14, 16.10, 17.6 or "
			  "newer is needed",
		    PQserverVersion(db->pg) / 10000,
		    PQserverVersion(db->pg) % 10000);
	PQsetNoticeProcessor(db->pg, log_notice, NULL);
	prepare_all(db, list);
	return db;
}

void
db_close(struct db *db)
{
	if (db == NULL)
		return;
	PQfinish(db->pg);
	free(db);
}

bool
db_lost(const struct db *db)
{
	return PQstatus(db->pg) != CONNECTION_OK;
}

int
db_descriptor(const struct db *db)
{
	return PQsocket(db->pg);
}

void
db_hear(struct db *db)
{
	PQconsumeInput(db->pg);
}

bool
db_told(struct db *db)
{
	PGnotify *note;
	bool told = false;

	while ((note = PQnotifies(db->pg)) != NULL) {
		PQfreemem(note);
		told = true;
	}
	return told;
}

static const char *
state_of(const PGresult *res)
{
	const char *state = PQresultErrorField(res, PG_DIAG_SQLSTATE);

	return state != NULL ? state : "";
}

/* See the comment on db_rows() in the header. */
static int
status_of(const PGresult *res)
{
	const char *state = state_of(res);

	if (strncmp(state, "PT", 2) == 0) {
		int status = atoi(state + 2);

		return status >= 400 && status <= 599 ? status : 503;
	}
	if (strncmp(state, "22", 2) == 0)
		return 400;
	return strncmp(state, "23", 2) == 0 ? 409 : 503;
}

/* A fresh attempt may well succeed: serialization failure, deadlock. */
static bool
worth_retrying(const PGresult *res)
{
	const char *state = state_of(res);

	return strcmp(state, "40001") == 0 || strcmp(state, "40P01") == 0;
}

/* Neither DETAIL nor CONTEXT: they quote what people wrote. */
static void
log_failure(const struct db *db, const struct query *q, const PGresult *res)
{
	const char *words = PQresultErrorField(res, PG_DIAG_MESSAGE_PRIMARY);
	const char *rule = PQresultErrorField(res, PG_DIAG_CONSTRAINT_NAME);

	log_warn("%s: %s %s%s%s", q->name, state_of(res),
	    words != NULL ? words : PQerrorMessage(db->pg),
	    rule != NULL ? ", constraint " : "", rule != NULL ? rule : "");
}

static bool
send_all(struct db *db, const struct call *first)
{
	const struct call *c;

	for (c = first; c != NULL; c = c->next)
		if (!PQsendQueryPrepared(db->pg, c->query->name,
			c->query->params, c->params, c->sizes, c->formats,
			c->query->binary ? 1 : 0))
			return false;
	return PQpipelineSync(db->pg) == 1;
}

/*
 * One result for each call; the first that failed is why the others were
 * not run.  Returns the failure, which the caller clears, or NULL.
 */
static PGresult *
receive_all(struct db *db, struct call *first, struct call **failed)
{
	PGresult *failure = NULL;
	struct call *c;

	for (c = first; c != NULL; c = c->next) {
		PGresult *res = PQgetResult(db->pg);

		if (res != NULL)
			PQclear(PQgetResult(db->pg)); /* the NULL after it */
		if (PQresultStatus(res) == PGRES_TUPLES_OK && failure == NULL)
			c->rows.pg = res;
		else if (failure == NULL && *failed == NULL) {
			failure = res;
			*failed = c;
		} else
			PQclear(res);
	}
	PQclear(PQgetResult(db->pg)); /* the sync */
	return failure;
}

static void
clear_all(struct call *first)
{
	for (; first != NULL; first = first->next) {
		PQclear(first->rows.pg);
		first->rows.pg = NULL;
	}
}

/* Send the calls once.  True when there is nothing left to try. */
static bool
attempt(struct db *db, struct call *first, bool last)
{
	struct call *c, *failed = NULL;
	PGresult *failure = NULL;
	int status = 200;

	if (PQenterPipelineMode(db->pg) && send_all(db, first))
		failure = receive_all(db, first, &failed);
	else
		failed = first;
	PQexitPipelineMode(db->pg);
	if (worth_retrying(failure) && !last) {
		PQclear(failure);
		clear_all(first);
		return false;
	}
	for (c = first; c != NULL; c = c->next) {
		if (c == failed) {
			status = status_of(failure);
			if (status == 409 || status == 503)
				log_failure(db, c->query, failure);
		}
		c->status = status;
	}
	PQclear(failure);
	return true;
}

static void
run_queue(struct db *db)
{
	struct call *first = db->first;
	int try;

	db->first = NULL;
	db->end = &db->first;
	for (try = 1; !attempt(db, first, try == TRIES); try++) {
		struct timespec now;

		/* Two that collided must not wait for the same time. */
		clock_gettime(CLOCK_MONOTONIC, &now);
		sleep_ms(1 + now.tv_nsec / 1000 % (8L << try));
	}
}

static void
call_done(void *call)
{
	struct call *c = call;

	PQclear(c->rows.pg);
}

/* A handler that queued a call and never asked: forget it, unsent. */
static void
forget_queue(void *queue)
{
	struct db *db = queue;

	db->first = NULL;
	db->end = &db->first;
}

static const char **
copy_params(struct arena *a, const char *const *params, int count)
{
	const char **copy = arena_alloc(a, ((size_t)count + 1) * sizeof(*copy));
	int i;

	for (i = 0; i < count; i++)
		copy[i] = arena_copy(a, params[i]);
	return copy;
}

static struct call *
queue(struct request *r, const struct query *q, const char *const *params,
    int count)
{
	struct call *c = arena_alloc(r->arena, sizeof(*c));
	struct db *db = r->db;

	if (db->first == NULL)
		arena_defer(r->arena, forget_queue, db);
	c->query = q;
	c->params = copy_params(r->arena, params, count);
	arena_defer(r->arena, call_done, c);
	*db->end = c;
	db->end = &c->next;
	return c;
}

struct call *
db_call(struct request *r, const struct query *q, const char *const *params)
{
	return queue(r, q, params, q->params);
}

struct call *
db_call_bytes(struct request *r, const struct query *q,
    const char *const *params, const void *bytes, size_t size)
{
	int last = q->params - 1;
	struct call *c = queue(r, q, params, last);
	size_t room = (size_t)q->params * sizeof(int);

	c->sizes = arena_alloc(r->arena, room);
	c->formats = arena_alloc(r->arena, room);
	c->params[last] = bytes;
	c->sizes[last] = (int)size;
	c->formats[last] = 1;
	return c;
}

const struct rows *
db_get(struct request *r, struct call *c)
{
	if (c->status == 0)
		run_queue(r->db);
	if (c->status == 200)
		return &c->rows;
	r->status = c->status;
	return NULL;
}

/* Behind what is queued already, so that calls run in the order written. */
const struct rows *
db_rows(struct request *r, const struct query *q, const char *const *params)
{
	return db_get(r, db_call(r, q, params));
}

int
rows_count(const struct rows *rows)
{
	return PQntuples(rows->pg);
}

int
rows_columns(const struct rows *rows)
{
	return PQnfields(rows->pg);
}

const char *
rows_name(const struct rows *rows, int column)
{
	return PQfname(rows->pg, column);
}

bool
rows_is_boolean(const struct rows *rows, int column)
{
	return PQftype(rows->pg, column) == TYPE_BOOL;
}

bool
rows_is_number(const struct rows *rows, int column)
{
	switch (PQftype(rows->pg, column)) {
	case TYPE_INT2:
	case TYPE_INT4:
	case TYPE_INT8:
	case TYPE_FLOAT4:
	case TYPE_FLOAT8:
	case TYPE_NUMERIC:
		return true;
	default:
		return false;
	}
}

bool
rows_null(const struct rows *rows, int row, int column)
{
	return PQgetisnull(rows->pg, row, column) != 0;
}

const char *
rows_text(const struct rows *rows, int row, int column)
{
	return PQgetvalue(rows->pg, row, column);
}

const char *
rows_bytes(const struct rows *rows, int row, size_t *size)
{
	*size = (size_t)PQgetlength(rows->pg, row, 0);
	return PQgetvalue(rows->pg, row, 0);
}

void
rows_done(const struct rows *rows)
{
	struct rows *gone = (struct rows *)(uintptr_t)rows;

	PQclear(gone->pg);
	gone->pg = NULL;
}

const char *
rows_named(const struct rows *rows, int row, const char *column)
{
	int i, columns = rows_columns(rows);

	for (i = 0; i < columns; i++)
		if (strcmp(rows_name(rows, i), column) == 0)
			return rows_text(rows, row, i);
	log_fatal("no column \"%s\" in the answer of the database", column);
}

bool
rows_outcome(const struct rows *rows, const char *word)
{
	return strcmp(rows_named(rows, 0, "outcome"), word) == 0;
}
