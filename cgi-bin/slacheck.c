/*
 * slacheck - watch the promises, for cron
 *
 *	slacheck
 *		Look once: note which clocks have come near their end and which
 *		have passed it, each once and for all, and write the mails that
 *		tell of them; page the next person where nobody acknowledged;
 *		and whatever else is a matter of time (api.sla_tick lists it).
 *		Says nothing; made to be run each minute.
 *	slacheck --report[=FORMAT|weekly] [--format FORMAT]
 *	    [--since WHEN] [--until WHEN] [--mail on-duty|NAME]
 *		The figures of a period, by default the last 7 days: promises
 *		kept and broken, percentiles, each broken one with its reason,
 *		and how the open ones stand now.  FORMAT is text, csv, json,
 *		html or prometheus.  "weekly" is the last whole week, Monday
 *		to Monday in the desk's zone.  WHEN is a date or time as
 *		PostgreSQL reads it ("2026-11-01", "yesterday", "-infinity"),
 *		in the zone of PGTZ; --until itself is no longer part of the
 *		period.  --mail puts the report into the outbox instead of
 *		printing it, to those on duty or to one of the staff by
 *		sign-in name or address; the same week to the same reader
 *		once, however often it is asked for.
 *	slacheck --metrics FILE
 *		The state of things for the textfile collector of Prometheus.
 *		FILE is replaced as a whole: nobody reads half of it.
 *	slacheck --status [--max-age MINUTES]
 *		One line for a monitoring system; the exit status tells.  Who
 *		watches the watchman: it is critical when the last run that
 *		got to its end is older than 5 minutes, or MINUTES.
 *	slacheck --help
 *
 * Exit status:
 *	0	done; --status: all is well
 *	1	--status: a promise is near its end, too few are on duty, or
 *		a promise broken a week ago still has no reason
 *	2	--status: a promise is broken and still open, nobody is on
 *		duty or on a page, or slacheck has not run
 *	3	--status: unknown: the database could not be asked, or
 *		slacheck never ran
 *	64	this is not how it is called
 *	69	the database could not be reached
 *	70	the database refused or failed, what and why is on stderr
 *	74	the report could not be written
 *
 * With nothing due nothing is written, with one exception: its pulse, one
 * row of desk.last_run, at most once a minute (and each ten minutes that the
 * weekly figures were looked at).  Without it nobody could tell a desk with
 * nothing due from a cron that is dead; and a gap between two pulses, which
 * becomes a row of desk.missed_run, would not be seen.
 *
 * Any number may run at once, and any may be killed at any moment: each
 * step and each batch is one transaction, and a clock that another one
 * holds is left to it (desk.sla_check).  A step that fails is reported and
 * the next ones are done all the same.  Runs as the database role
 * desk_slacheck.  libpq's variables say where the database is.
 */
#include <errno.h>
#include <getopt.h>
#include <libgen.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "command.h"
#include "db.h"
#include "fence.h"
#include "log.h"

#define BATCH "500"  /* clocks in one transaction */
#define STEPS_MAX 20 /* a bound for the steps that may fail in a row */
#define MAX_AGE "5"  /* minutes */
#define PATH_BYTES 4096

static const struct query q_tick = {
	.name = "tick",
	.sql = "SELECT next_step FROM api.sla_tick($1::int, $2::int, $3::int)",
	.params = 3,
};

static const struct query q_status = {
	.name = "status",
	.sql = "SELECT line, status FROM api.sla_status($1::int)",
	.params = 1,
};

static const struct query q_metrics = {
	.name = "metrics",
	.sql = "SELECT line FROM api.sla_metrics()",
	.params = 0,
};

/* weekly, since, until, and the form or the reader */
#define PERIOD "api.sla_period($1::boolean, $2::timestamptz, $3::timestamptz) p"

static const struct query q_report = {
	.name = "report",
	.sql = "SELECT l.line FROM " PERIOD
	       ", api.sla_lines($4, p.since_at, p.until_at) l",
	.params = 4,
};

static const struct query q_mail = {
	.name = "mail",
	.sql = "SELECT m.mails FROM " PERIOD
	       ", api.sla_mail($4, p.since_at, p.until_at) m",
	.params = 4,
};

struct task {
	const char *format;  /* of the report; NULL unless asked for */
	const char *mail;    /* to whom it goes; NULL to print it */
	const char *metrics; /* the file to replace; NULL unless asked for */
	const char *max_age; /* minutes; NULL for the default */
	bool status;
	bool weekly;
	const char *since, *until; /* NULL for the default */
};

/*
 * One step; the next one in *step.  False when it failed, and then the next
 * one is that with the next number.
 */
static bool
take_step(PGconn *pg, int *step, int failed, int *status)
{
	char number[16], failures[16];
	const char *const params[] = { number, BATCH, failures };
	PGresult *rows;

	snprintf(number, sizeof(number), "%d", *step);
	snprintf(failures, sizeof(failures), "%d", failed);
	if ((rows = command_ask(pg, &q_tick, params, status)) == NULL) {
		log_warn("step %d of this run was not done", *step);
		(*step)++;
		return false;
	}
	*step = atoi(PQgetvalue(rows, 0, 0));
	PQclear(rows);
	return true;
}

/* All steps of api.sla_tick, until it says that there is none. */
static int
check(PGconn *pg)
{
	int step = 0, failed = 0, status = EX_OK;

	while (step >= 0 && step < STEPS_MAX) {
		if (!take_step(pg, &step, failed, &status))
			failed++;
		if (PQstatus(pg) != CONNECTION_OK)
			return EX_UNAVAILABLE;
	}
	return status;
}

static int
print_status(PGconn *pg, const struct task *t)
{
	const char *const params[] = { t->max_age ? t->max_age : MAX_AGE };

	return command_print(pg, &q_status, params, true);
}

static int
report(PGconn *pg, const struct task *t)
{
	const char *const params[] = { t->weekly ? "true" : "false", t->since,
		t->until, t->mail != NULL ? t->mail : t->format };
	int status = EX_OK;

	if (t->mail == NULL)
		return command_print(pg, &q_report, params, false);
	PQclear(command_ask(pg, &q_mail, params, &status));
	return status;
}

/* A file that takes the place of another one, everything or nothing. */
struct draft {
	const char *path; /* of the other one */
	char beside[PATH_BYTES];
	FILE *to;
};

static int
start_draft(struct draft *d, const char *path)
{
	int fd, n = snprintf(d->beside, sizeof(d->beside), "%s.XXXXXX", path);

	d->path = path;
	if (n < 0 || (size_t)n >= sizeof(d->beside)) {
		log_warn("the name of the file is too long");
		return EX_USAGE;
	}
	if ((fd = mkstemp(d->beside)) < 0) {
		log_warn(
		    "could not make \"%s\": %s", d->beside, strerror(errno));
		return EX_IOERR;
	}
	/* the collector is somebody else */
	if (fchmod(fd, 0644) != 0 || (d->to = fdopen(fd, "w")) == NULL) {
		log_warn(
		    "could not open \"%s\": %s", d->beside, strerror(errno));
		close(fd);
		unlink(d->beside);
		return EX_IOERR;
	}
	return EX_OK;
}

/* The fence leaves the directory of the file open, for names. */
static void
close_around(const struct draft *d)
{
	char directory[PATH_BYTES];

	snprintf(directory, sizeof(directory), "%s", d->path);
	fence_close_but(FENCE_COMMAND, dirname(directory));
}

/* NULL leaves things as they were before. */
static int
finish_draft(struct draft *d, const PGresult *rows)
{
	bool is_whole;
	int i;

	for (i = 0; i < PQntuples(rows); i++)
		fprintf(d->to, "%s\n", PQgetvalue(rows, i, 0));
	is_whole = ferror(d->to) == 0;
	if (fclose(d->to) == 0 && is_whole && rows != NULL &&
	    rename(d->beside, d->path) == 0)
		return EX_OK;
	if (rows != NULL)
		log_warn(
		    "could not write \"%s\": %s", d->path, strerror(errno));
	unlink(d->beside);
	return EX_IOERR;
}

static int
write_metrics(PGconn *pg, const struct task *t)
{
	struct draft draft = { .to = NULL };
	int asked = EX_OK, status = start_draft(&draft, t->metrics);
	PGresult *rows;

	if (status != EX_OK)
		return status;
	close_around(&draft);
	rows = command_ask(pg, &q_metrics, NULL, &asked);
	status = finish_draft(&draft, rows);
	PQclear(rows);
	return rows == NULL ? asked : status;
}

static int
work(PGconn *pg, struct arena *a, const void *task)
{
	const struct task *t = task;

	(void)a;
	if (t->metrics != NULL)
		return write_metrics(pg, t);
	fence_close(FENCE_COMMAND);
	if (t->format != NULL)
		return report(pg, t);
	return t->status ? print_status(pg, t) : check(pg);
}

static const char help[] =
    "slacheck                look at the clocks once, in silence; for cron\n"
    "slacheck --report[=FORMAT|weekly] [--format FORMAT] [--since WHEN]\n"
    "    [--until WHEN] [--mail on-duty|NAME]\n"
    "                        the figures of a period, by default 7 days;\n"
    "                        FORMAT: text csv json html prometheus\n"
    "slacheck --metrics FILE replace FILE, for Prometheus' textfile collector\n"
    "slacheck --status [--max-age MINUTES]\n"
    "                        one line for a monitoring system\n"
    "\n"
    "WHEN is a date or time as PostgreSQL reads it, in the zone of PGTZ.\n"
    "weekly is the last whole week, from Monday to Monday.\n"
    "NAME is the sign-in name or the address of one of the staff.\n"
    "\n"
    "Exit status:\n"
    "   0  done; --status: all is well\n"
    "   1  --status: a promise is near its end, too few are on duty, or a\n"
    "      promise broken a week ago still has no reason\n"
    "   2  --status: a promise is broken and still open, nobody is on duty,\n"
    "      or slacheck has not run for 5 minutes\n"
    "   3  --status: unknown: the database could not be asked, or it never "
    "ran\n"
    "  64  this is not how it is called\n"
    "  69  the database could not be reached\n"
    "  70  the database refused or failed\n"
    "  74  the report could not be written\n";

static int
complain(void)
{
	fputs("usage: slacheck [--report[=FORMAT|weekly] [--format FORMAT] "
	      "[--since WHEN] [--until WHEN] [--mail on-duty|NAME] | "
	      "--metrics FILE | --status [--max-age MINUTES] | --help]\n",
	    stderr);
	return EX_USAGE;
}

/* "weekly" says of when, all else says how. */
static void
want_report(struct task *t, const char *what)
{
	if (what != NULL && strcmp(what, "weekly") == 0)
		t->weekly = true;
	else if (what != NULL)
		t->format = what;
	if (t->format == NULL)
		t->format = "text";
}

/* One thing at a time, and what belongs to it alone. */
static bool
makes_sense(const struct task *t, bool is_report)
{
	bool about_report = t->weekly || t->format != NULL || t->mail != NULL ||
	                    t->since != NULL || t->until != NULL;

	return is_report + t->status + (t->metrics != NULL) <= 1 &&
	       (is_report || !about_report) &&
	       (t->status || t->max_age == NULL);
}

/* False when the command line makes no sense. */
static bool
read_options(int argc, char **argv, struct task *t, bool *wants_help)
{
	static const struct option options[] = {
		{ "report", optional_argument, NULL, 'r' },
		{ "format", required_argument, NULL, 'f' },
		{ "mail", required_argument, NULL, 't' },
		{ "metrics", required_argument, NULL, 'm' },
		{ "status", no_argument, NULL, 's' },
		{ "max-age", required_argument, NULL, 'a' },
		{ "since", required_argument, NULL, 'b' },
		{ "until", required_argument, NULL, 'e' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	bool is_report = false;
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 'r':
			is_report = true;
			want_report(t, optarg);
			break;
		case 'f':
			t->format = optarg;
			break;
		case 't':
			t->mail = optarg;
			break;
		case 'm':
			t->metrics = optarg;
			break;
		case 's':
			t->status = true;
			break;
		case 'a':
			t->max_age = optarg;
			break;
		case 'b':
			t->since = optarg;
			break;
		case 'e':
			t->until = optarg;
			break;
		case 'h':
			*wants_help = true;
			break;
		default:
			return false;
		}
	}
	return optind == argc && makes_sense(t, is_report);
}

int
main(int argc, char **argv)
{
	struct task t = { 0 };
	bool wants_help = false;

	log_open("slacheck");
	fence_start();
	if (!read_options(argc, argv, &t, &wants_help))
		return complain();
	if (wants_help)
		return command_help(help);
	return command_run("slacheck", t.status, work, &t);
}
