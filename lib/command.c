#include "command.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "db.h"
#include "log.h"

#define NAME_MAX_BYTES 80 /* of a role */
#define TRIES 5           /* when two transactions got in each other's way */

PGconn *
command_connect(const char *program)
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
