#ifndef DB_H
#define DB_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Calls into the SQL functions and views of schema api.  A program lists the
 * queries it may run and db_open() prepares them all, so a function that is
 * missing or takes other parameters stops the program at start, not a
 * visitor.  Nothing but these prepared, constant texts is ever sent.
 *
 * Two ways to ask.  db_rows() is one call and one round trip.  db_call()
 * queues several calls that the first db_get() sends in one round trip
 * (pipeline mode, one implicit transaction: they see and do all or nothing).
 */
struct call;
struct db;
struct request;
struct rows;

struct query {
	const char *name; /* names the prepared statement */
	const char *sql;
	int params;
	bool binary; /* answers in binary form: one bytea, see rows_bytes() */
};

/*
 * Connect as role desk_<program>, or as PGUSER where the environment names
 * one, check the server's version and prepare the list; logs and exits if
 * it cannot.
 */
struct db *db_open(const char *program, const struct query *const *list);
void db_close(struct db *);

/* True once the connection is gone; the process should then start anew. */
bool db_lost(const struct db *);

/*
 * For who waits for something else: when the descriptor can be read though
 * nothing was asked, db_hear() takes in what the server has to say, which
 * may be farewell.
 */
int db_descriptor(const struct db *);
void db_hear(struct db *);

/* Has a NOTIFY come since this was asked last?  It is forgotten then. */
bool db_told(struct db *);

/*
 * Run a query with `params` strings, NULL for SQL's NULL.  Returns the rows,
 * perhaps none, owned by the request.  Returns NULL when the database said
 * no, with r->status as the reason: an SQLSTATE PTnnn raised by a function
 * in sql/ becomes HTTP status nnn, a value that does not fit its type 400, a
 * broken constraint is logged and becomes 409, anything else is logged and
 * becomes 503.  Deadlocks and serialization failures are tried again first.
 */
const struct rows *db_rows(
    struct request *, const struct query *, const char *const *params);

/* Queue a call.  The parameters are copied; the call belongs to r->arena. */
struct call *db_call(
    struct request *, const struct query *, const char *const *params);

/*
 * The same with one more parameter, the last, of type bytea, which is not
 * copied: the bytes must stay until the call was answered.
 */
struct call *db_call_bytes(struct request *, const struct query *,
    const char *const *params, const void *bytes, size_t size);

/*
 * The answer to a queued call, as db_rows() would give it; sends what is
 * queued first.  When one call of a batch failed, the later ones fail with
 * its status.  Ask for every call that was queued.
 */
const struct rows *db_get(struct request *, struct call *);

int rows_count(const struct rows *);
int rows_columns(const struct rows *);
const char *rows_name(const struct rows *, int column);

/* True where the column is an SQL boolean. */
bool rows_is_boolean(const struct rows *, int column);

/* True where it is one of SQL's number types. */
bool rows_is_number(const struct rows *, int column);

/* True for SQL's NULL. */
bool rows_null(const struct rows *, int row, int column);

/* A value as text, "" for NULL; valid until the reply is sent. */
const char *rows_text(const struct rows *, int row, int column);

/* The same by the column's name; a name that is missing is log_fatal. */
const char *rows_named(const struct rows *, int row, const char *column);

/* Has the first row this word in its column "outcome"? */
bool rows_outcome(const struct rows *, const char *word);

/* The first column of a binary query; *size in bytes. */
const char *rows_bytes(const struct rows *, int row, size_t *size);

/*
 * Let go of an answer before the request ends; for those who read many large
 * ones.  It and its values are gone.
 */
void rows_done(const struct rows *);

#endif
