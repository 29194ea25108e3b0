#ifndef COMMAND_H
#define COMMAND_H

/*
 * What commands for cron and operators share: a visit to the desk, questions
 * to it, files to read, with sysexits.h's statuses for an answer.  What went
 * wrong is on stderr by then.
 *
 * They speak libpq itself rather than through db.h, whose way to fail is made
 * for workers that a supervisor starts again.
 *
 * A command that checks something answers a monitoring system: 0 for well,
 * 1 and 2 for worse, COMMAND_UNKNOWN where it could not be found out.
 */
#include <stdbool.h>
#include <stddef.h>

#include <libpq-fe.h>

struct arena;
struct query;

#define COMMAND_UNKNOWN 3

/*
 * What a command does while it is connected; the status to exit with.  It
 * closes the fence itself, once it has opened what it needs.  What it takes
 * from the arena lives until it returns.
 */
typedef int command_work(PGconn *, struct arena *, const void *task);

/*
 * Connect as the role desk_<program>, to the database "nightdesk", unless
 * libpq's variables say otherwise; do the work; see that what was printed
 * has arrived.  The status to exit with: that of the work, or
 *
 *	EX_UNAVAILABLE	no connection, for a check COMMAND_UNKNOWN
 *	EX_IOERR	what was printed could not be written
 */
int command_run(
    const char *program, bool is_check, command_work *work, const void *task);

/*
 * The rows of one statement, which the caller clears, or NULL, and then what
 * to exit with in *status.  A transaction that lost to another one is tried
 * again.
 *
 *	EX_USAGE	a value that is none, or a name of nothing
 *	EX_DATAERR	refused by a rule
 *	EX_UNAVAILABLE	the connection is gone
 *	EX_SOFTWARE	all else, the fault is ours
 */
PGresult *command_ask(
    PGconn *, const struct query *, const char *const *params, int *status);

/*
 * Ask and print the first column, a line for each row.  Returns the largest
 * number of the second column, if there is one, or as command_ask() has it;
 * for a check that is COMMAND_UNKNOWN, but where a given value is wrong.
 */
int command_print(
    PGconn *, const struct query *, const char *const *params, bool is_check);

/* Let our standard input be this file; "-" leaves it as it is. */
bool command_open(const char *file);

/*
 * All of the standard input, but of more than `max` bytes only the first
 * `max` + 1.  NULL when it could not be read; `file` is how it was called.
 */
const char *command_read(
    struct arena *, const char *file, size_t max, size_t *size);

/* Print what --help says; EX_OK, or EX_IOERR. */
int command_help(const char *text);

#endif
