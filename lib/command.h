#ifndef COMMAND_H
#define COMMAND_H

/*
 * What commands for cron and operators share: a connection to the desk and
 * questions to it, with sysexits.h's statuses for an answer.
 *
 * They speak libpq itself rather than through db.h, whose way to fail is made
 * for workers that a supervisor starts again.
 */
#include <libpq-fe.h>

struct query;

/*
 * Connect as the role desk_<program>, to the database "nightdesk", unless
 * libpq's variables say otherwise.  Never NULL; PQstatus() tells how it went.
 */
PGconn *command_connect(const char *program);

/*
 * The rows of one statement, which the caller clears, or NULL: why is then on
 * stderr, and what to exit with in *status.  A transaction that lost to
 * another one is tried again.
 *
 *	EX_USAGE	a value that is none, or a name of nothing
 *	EX_DATAERR	refused by a rule
 *	EX_UNAVAILABLE	the connection is gone
 *	EX_SOFTWARE	all else, the fault is ours
 */
PGresult *command_ask(
    PGconn *, const struct query *, const char *const *params, int *status);

#endif
