/*
 * slacheck - watch the promises, for cron
 *
 *	slacheck
 *		Look once: note which clocks have come near their end and which
 *		have passed it, each once and for all, and write the mails that
 *		tell of them.  Then forget what is no longer needed: old counts
 *		of limits, sessions that have ended.  Says nothing; made to be
 *		run each minute.  With nothing due nothing is written.
 *	slacheck --report[=text|csv|json] [--since WHEN] [--until WHEN]
 *		The figures of a period, by default the last 7 days: promises
 *		kept and broken, percentiles, and how the open ones stand now,
 *		per channel and severity.  WHEN is a date or time as PostgreSQL
 *		reads it ("2026-11-01", "yesterday", "-infinity"), in the zone
 *		of PGTZ; --until itself is no longer part of the period.
 *	slacheck --status
 *		One line for a monitoring system; the exit status tells.
 *	slacheck --help
 *
 * Exit status:
 *	0	done; --status: no open promise is near its end or broken
 *	1	--status: some are near their end, none is broken
 *	2	--status: some are broken and still open
 *	3	--status: unknown, the database could not be asked
 *	64	this is not how it is called
 *	69	the database could not be reached
 *	70	the database refused or failed, what and why is on stderr
 *	74	the report could not be written
 *
 * Any number may run at once, and any may be killed at any moment: each
 * batch is one transaction, and a clock that another one holds is left to
 * it (api.sla_check).  Runs as the database role desk_slacheck.  libpq's
 * variables say where the database is.
 *
 * It speaks libpq itself rather than through lib/db.h, whose way to fail is
 * made for workers that a supervisor starts again.
 */
#include <errno.h>
#include <getopt.h>
#include <libpq-fe.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "db.h"
#include "log.h"

#define BATCH "500" /* clocks in one transaction */
#define TRIES 5     /* when two transactions got in each other's way */
#define STATUS_UNKNOWN 3

static const struct query q_check = {
	.name = "check",
	.sql = "SELECT looked FROM api.sla_check($1::int)",
	.params = 1,
};

static const struct query q_clean = {
	.name = "clean",
	.sql = "SELECT counts, sessions FROM api.sla_clean($1::int)",
	.params = 1,
};

static const struct query q_status = {
	.name = "status",
	.sql = "SELECT status, line FROM api.sla_status()",
	.params = 0,
};

#define PERIOD                                                                 \
	"(coalesce($1::timestamptz, coalesce($2::timestamptz, now()) "         \
	"- interval '7 days'), coalesce($2::timestamptz, now()))"

static const struct query q_text = {
	.name = "text",
	.sql = "SELECT line FROM api.sla_report_text" PERIOD,
	.params = 2,
};

static const struct query q_csv = {
	.name = "csv",
	.sql = "SELECT * FROM api.sla_report" PERIOD,
	.params = 2,
};

static const struct query q_json = {
	.name = "json",
	.sql = "SELECT report FROM api.sla_report_json" PERIOD,
	.params = 2,
};

static void
print_lines(const PGresult *rows)
{
	int i;

	for (i = 0; i < PQntuples(rows); i++)
		puts(PQgetvalue(rows, i, 0));
}

/* RFC 4180.  Names of ours and numbers: no cell begins like a formula. */
static void
print_cell(const char *text, bool is_last)
{
	putchar('"');
	for (; *text != '\0'; text++) {
		if (*text == '"')
			putchar('"');
		putchar(*text);
	}
	fputs(is_last ? "\"\r\n" : "\",", stdout);
}

static void
print_csv(const PGresult *rows)
{
	int i, k, last = PQnfields(rows) - 1;

	for (k = 0; k <= last; k++)
		print_cell(PQfname(rows, k), k == last);
	for (i = 0; i < PQntuples(rows); i++)
		for (k = 0; k <= last; k++)
			print_cell(PQgetvalue(rows, i, k), k == last);
}

struct format {
	const char *name;
	const struct query *query;
	void (*print)(const PGresult *);
};

static const struct format formats[] = {
	{ "text", &q_text, print_lines },
	{ "csv", &q_csv, print_csv },
	{ "json", &q_json, print_lines },
	{ NULL, NULL, NULL },
};

static PGconn *
connect_to_desk(void)
{
	bool named =
	    getenv("PGDATABASE") != NULL || getenv("PGSERVICE") != NULL;
	/* libpq takes NULL for "not given" and then asks the environment. */
	const char *const keys[] = { "user", "dbname", "options",
		"client_encoding", "fallback_application_name", NULL };
	const char *const values[] = {
		getenv("PGUSER") != NULL ? NULL : "desk_slacheck",
		named ? NULL : "nightdesk",
		getenv("PGOPTIONS") != NULL
		    ? NULL
		    : "-c statement_timeout=5min -c lock_timeout=10s -c jit=off",
		"UTF8",
		"nightdesk-slacheck",
		NULL,
	};

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

/* A value that is none is the caller's mistake, all else ours. */
static int
blame(const PGconn *pg, const PGresult *rows)
{
	const char *state = PQresultErrorField(rows, PG_DIAG_SQLSTATE);

	if (PQstatus(pg) != CONNECTION_OK)
		return EX_UNAVAILABLE;
	if (state != NULL &&
	    (strncmp(state, "22", 2) == 0 || strcmp(state, "PT400") == 0))
		return EX_USAGE;
	return EX_SOFTWARE;
}

/* The rows, which the caller clears, or NULL and why in *status. */
static PGresult *
ask(PGconn *pg, const struct query *q, const char *const *params, int *status)
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

/* Batches, each a transaction, until nobody's time is up. */
static int
check(PGconn *pg)
{
	const char *const most[] = { BATCH };
	PGresult *rows;
	int looked = 1, status = EX_OK;

	while (looked > 0) {
		if ((rows = ask(pg, &q_check, most, &status)) == NULL)
			return status;
		looked = atoi(PQgetvalue(rows, 0, 0));
		PQclear(rows);
	}
	PQclear(ask(pg, &q_clean, most, &status));
	return status;
}

static int
print_status(PGconn *pg)
{
	int status = EX_OK;
	PGresult *rows = ask(pg, &q_status, NULL, &status);

	if (rows == NULL)
		return STATUS_UNKNOWN;
	puts(PQgetvalue(rows, 0, 1));
	status = atoi(PQgetvalue(rows, 0, 0));
	PQclear(rows);
	return status;
}

static int
print_report(PGconn *pg, const struct format *f, const char *const *period)
{
	int status = EX_OK;
	PGresult *rows = ask(pg, f->query, period, &status);

	if (rows == NULL)
		return status;
	f->print(rows);
	PQclear(rows);
	return EX_OK;
}

struct task {
	const struct format *report; /* NULL unless asked for */
	bool status;
	const char *period[2]; /* since, until; NULL for the default */
};

static int
run(const struct task *t)
{
	PGconn *pg = connect_to_desk();
	int status;

	if (PQstatus(pg) != CONNECTION_OK) {
		log_warn("could not connect: %s", PQerrorMessage(pg));
		status = t->status ? STATUS_UNKNOWN : EX_UNAVAILABLE;
	} else if (t->report != NULL)
		status = print_report(pg, t->report, t->period);
	else if (t->status)
		status = print_status(pg);
	else
		status = check(pg);
	PQfinish(pg);
	if (fflush(stdout) != 0 || ferror(stdout)) {
		log_warn("could not write: %s", strerror(errno));
		return EX_IOERR;
	}
	return status;
}

static const char help[] =
    "slacheck                look at the clocks once, in silence; for cron\n"
    "slacheck --report[=text|csv|json] [--since WHEN] [--until WHEN]\n"
    "                        the figures of a period, by default 7 days\n"
    "slacheck --status       one line for a monitoring system\n"
    "\n"
    "WHEN is a date or time as PostgreSQL reads it, in the zone of PGTZ.\n"
    "\n"
    "Exit status:\n"
    "   0  done; --status: no open promise is near its end or broken\n"
    "   1  --status: some are near their end, none is broken\n"
    "   2  --status: some are broken and still open\n"
    "   3  --status: unknown, the database could not be asked\n"
    "  64  this is not how it is called\n"
    "  69  the database could not be reached\n"
    "  70  the database refused or failed\n"
    "  74  the report could not be written\n";

static int
complain(void)
{
	fputs("usage: slacheck [--report[=text|csv|json] [--since WHEN] "
	      "[--until WHEN] | --status | --help]\n",
	    stderr);
	return EX_USAGE;
}

static const struct format *
find_format(const char *name)
{
	const struct format *f;

	for (f = formats; f->name != NULL; f++)
		if (strcmp(f->name, name) == 0)
			return f;
	return NULL;
}

/* False when the command line makes no sense. */
static bool
read_options(int argc, char **argv, struct task *t, bool *wants_help)
{
	static const struct option options[] = {
		{ "report", optional_argument, NULL, 'r' },
		{ "status", no_argument, NULL, 's' },
		{ "since", required_argument, NULL, 'b' },
		{ "until", required_argument, NULL, 'e' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 'r')
			t->report = find_format(optarg ? optarg : "text");
		else if (c == 's')
			t->status = true;
		else if (c == 'b' || c == 'e')
			t->period[c == 'e'] = optarg;
		else if (c == 'h')
			*wants_help = true;
		if (c == '?' || (c == 'r' && t->report == NULL))
			return false;
	}
	return optind == argc && !(t->status && t->report != NULL) &&
	       (t->report != NULL ||
		   (t->period[0] == NULL && t->period[1] == NULL));
}

int
main(int argc, char **argv)
{
	struct task t = { NULL, false, { NULL, NULL } };
	bool wants_help = false;

	log_open("slacheck");
	if (!read_options(argc, argv, &t, &wants_help))
		return complain();
	if (wants_help)
		return fputs(help, stdout) < 0 || fflush(stdout) != 0 ? EX_IOERR
		                                                      : EX_OK;
	return run(&t);
}
