#include "command.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "arena.h"
#include "db.h"
#include "log.h"

#define NAME_MAX_BYTES 80 /* of a role */
#define TRIES 5           /* when two transactions got in each other's way */

/* Never NULL; PQstatus() tells how it went. */
static PGconn *
start_visit(const char *program)
{
	char role[NAME_MAX_BYTES], name[NAME_MAX_BYTES];
	bool named =
	    getenv("PGDATABASE") != NULL || getenv("PGSERVICE") != NULL;
	/* libpq takes NULL for "not given" and then asks the environment. */
	const char *const keys[] = { "user", "dbname", "options",
		"client_encoding", "fallback_application_name", NULL };
	const char *const values[] = {
		getenv("PGUSER") != NULL ? NULL : role,
		named ? NULL : "nightdesk",
		getenv("PGOPTIONS") != NULL
		    ? NULL
		    : "-c statement_timeout=5min -c lock_timeout=10s -c jit=off",
		"UTF8",
		name,
		NULL,
	};

	snprintf(role, sizeof(role), "desk_%s", program);
	snprintf(name, sizeof(name), "nightdesk-%s", program);
	return PQconnectdbParams(keys, values, 0);
}

int
command_run(
    const char *program, bool is_check, command_work *work, const void *task)
{
	struct arena *a = arena_new(64 * 1024);
	PGconn *pg = start_visit(program);
	int status = is_check ? COMMAND_UNKNOWN : EX_UNAVAILABLE;

	if (PQstatus(pg) == CONNECTION_OK)
		status = work(pg, a, task);
	else
		log_warn("could not connect: %s", PQerrorMessage(pg));
	PQfinish(pg);
	arena_free(a);
	if (fflush(stdout) != 0 || ferror(stdout)) {
		log_warn("could not write: %s", strerror(errno));
		return EX_IOERR;
	}
	return status;
}

/* Deadlock or serialization failure: nothing was done, so do it again. */
static bool
worth_retrying(const PGresult *rows)
{
	const char *state = PQresultErrorField(rows, PG_DIAG_SQLSTATE);

	return state != NULL &&
	       (strcmp(state, "40001") == 0 || strcmp(state, "40P01") == 0);
}

static int
blame(const PGconn *pg, const PGresult *rows)
{
	const char *state = PQresultErrorField(rows, PG_DIAG_SQLSTATE);

	if (PQstatus(pg) != CONNECTION_OK)
		return EX_UNAVAILABLE;
	if (state == NULL)
		return EX_SOFTWARE;
	if (strncmp(state, "22", 2) == 0 || strcmp(state, "PT400") == 0 ||
	    strcmp(state, "PT404") == 0)
		return EX_USAGE;
	return strcmp(state, "PT409") == 0 ? EX_DATAERR : EX_SOFTWARE;
}

PGresult *
command_ask(
    PGconn *pg, const struct query *q, const char *const *params, int *status)
{
	PGresult *rows = NULL;
	const char *words;
	int try;

	for (try = 0; try < TRIES; try++) {
		PQclear(rows);
		rows = PQexecParams(
		    pg, q->sql, q->params, NULL, params, NULL, NULL, 0);
		if (PQresultStatus(rows) == PGRES_TUPLES_OK)
			return rows;
		if (!worth_retrying(rows))
			break;
	}
	words = PQresultErrorField(rows, PG_DIAG_MESSAGE_PRIMARY);
	log_warn("%s: %s", q->name, words != NULL ? words : PQerrorMessage(pg));
	*status = blame(pg, rows);
	PQclear(rows);
	return NULL;
}

int
command_print(
    PGconn *pg, const struct query *q, const char *const *params, bool is_check)
{
	int status = EX_OK, i, worse;
	PGresult *rows = command_ask(pg, q, params, &status);

	if (rows == NULL) {
		/* who gave no value cannot have given a wrong one */
		bool is_wrong = status == EX_USAGE && q->params > 0;

		return is_check && !is_wrong ? COMMAND_UNKNOWN : status;
	}
	for (i = 0; i < PQntuples(rows); i++) {
		puts(PQgetvalue(rows, i, 0));
		worse = PQnfields(rows) > 1 ? atoi(PQgetvalue(rows, i, 1)) : 0;
		if (worse > status)
			status = worse;
	}
	PQclear(rows);
	return status;
}

bool
command_open(const char *file)
{
	if (strcmp(file, "-") == 0 || freopen(file, "r", stdin) != NULL)
		return true;
	log_warn("could not read \"%s\": %s", file, strerror(errno));
	return false;
}

const char *
command_read(struct arena *a, const char *file, size_t max, size_t *size)
{
	char *text = arena_alloc(a, max + 1);

	*size = fread(text, 1, max + 1, stdin);
	if (!ferror(stdin))
		return text;
	log_warn("could not read \"%s\": %s", file, strerror(errno));
	return NULL;
}

int
command_help(const char *text)
{
	return fputs(text, stdout) < 0 || fflush(stdout) != 0 ? EX_IOERR
	                                                      : EX_OK;
}
