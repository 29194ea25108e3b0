/*
 * calendar - the desk's hours, for the operator
 *
 *	calendar --check
 *		A line for each calendar; the exit status tells.
 *	calendar --show CALENDAR [--from DATE]
 *		Its hours, its next openings in local time, its holidays.
 *	calendar --holidays CALENDAR FILE
 *		Note the dates of an iCalendar file (RFC 5545; - is the
 *		standard input) as holidays: events of whole days, and what
 *		repeats yearly, up to ten years ahead.  Of a file with a fault
 *		nothing is noted, and the fault is told with its line.  To load
 *		a file again changes nothing.  Once promises were measured with
 *		the calendar, dates that are over are left out.
 *	calendar --renew
 *		Lay the spans of all calendars out anew from now on: after the
 *		system's zones were updated, when slacheck, which does it once
 *		a month, would come too late.  Says which have changed.
 *	calendar --help
 *
 * Hours are set from psql: see desk.calendar_set() in sql/README.
 *
 * Exit status:
 *	0	done; --check: all is well
 *	1	--check: the holidays of a calendar come to an end
 *	2	--check: a calendar is wrong, or was not renewed
 *	3	--check: unknown, the database could not be asked
 *	64	this is not how it is called, or there is no such calendar
 *	65	the file is not iCalendar, or not with whole days, or leaves
 *		the calendar without open time
 *	66	the file could not be read
 *	69	the database could not be reached
 *	70	the database refused or failed, what and why is on stderr
 *	74	the answer could not be written
 *
 * Runs as the database role desk_calendar.  libpq's variables say where the
 * database is.
 */
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>

#include "arena.h"
#include "command.h"
#include "db.h"
#include "fence.h"
#include "ical.h"
#include "log.h"

#define FIRST_DATE "2000-01-01" /* before it nobody had this desk */
#define YEARS_AHEAD 10

static const struct query q_check = {
	.name = "check",
	.sql = "SELECT line, status FROM api.calendar_check()",
	.params = 0,
};

static const struct query q_show = {
	.name = "show",
	.sql = "SELECT line FROM api.calendar_show($1, $2::date)",
	.params = 2,
};

static const struct query q_holidays = {
	.name = "holidays",
	.sql = "SELECT added, known, past "
	       "FROM api.calendar_holidays($1, $2::date[], $3::text[])",
	.params = 3,
};

static const struct query q_renew = {
	.name = "renew",
	.sql = "SELECT line FROM api.calendar_renew()",
	.params = 0,
};

struct task {
	const struct query *query; /* NULL until an option names it */
	const char *calendar;
	const char *from;
	const char *file;
};

/* Add a text to an array literal of PostgreSQL's, quoted. */
static char *
put_quoted(char *to, const char *text)
{
	*to++ = '"';
	for (; *text != '\0'; text++) {
		if (*text == '"' || *text == '\\')
			*to++ = '\\';
		*to++ = *text;
	}
	*to++ = '"';
	*to++ = ',';
	return to;
}

static const char *
dates_array(struct arena *a, const struct ical *all)
{
	char *array = arena_alloc(a, all->count * 13 + 3), *to = array;
	size_t i;

	*to++ = '{';
	for (i = 0; i < all->count; i++)
		to = put_quoted(to, all->days[i].date);
	to[all->count > 0 ? -1 : 0] = '}';
	return array;
}

static const char *
names_array(struct arena *a, const struct ical *all)
{
	size_t size = 3, i;
	char *array, *to;

	for (i = 0; i < all->count; i++)
		size += strlen(all->days[i].name) * 2 + 3;
	to = array = arena_alloc(a, size);
	*to++ = '{';
	for (i = 0; i < all->count; i++)
		to = put_quoted(to, all->days[i].name);
	to[all->count > 0 ? -1 : 0] = '}';
	return array;
}

static const char *
last_date(struct arena *a)
{
	time_t now = time(NULL);
	struct tm today;

	gmtime_r(&now, &today);
	return arena_printf(
	    a, "%04d-01-01", today.tm_year + 1900 + 1 + YEARS_AHEAD);
}

static const struct ical *
read_holidays(struct arena *a, const char *file, int *status)
{
	const struct ical *all;
	const char *text;
	size_t size = 0;

	if ((text = command_read(a, file, ICAL_SIZE_MAX, &size)) == NULL) {
		*status = EX_NOINPUT;
		return NULL;
	}
	all = ical_days(a, text, size, FIRST_DATE, last_date(a));
	if (all->fault == NULL)
		return all;
	log_warn("line %d of \"%s\" %s", all->line, file, all->fault);
	*status = EX_DATAERR;
	return NULL;
}

static int
load_holidays(PGconn *pg, struct arena *a, const struct task *t)
{
	int status = EX_OK;
	const struct ical *all = read_holidays(a, t->file, &status);
	PGresult *rows;

	if (all == NULL)
		return status;

	const char *const params[] = { t->calendar, dates_array(a, all),
		names_array(a, all) };

	if ((rows = command_ask(pg, t->query, params, &status)) == NULL)
		return status;
	printf("%s added, %s known already", PQgetvalue(rows, 0, 0),
	    PQgetvalue(rows, 0, 1));
	if (strcmp(PQgetvalue(rows, 0, 2), "0") != 0)
		printf(", %s over and left out", PQgetvalue(rows, 0, 2));
	putchar('\n');
	PQclear(rows);
	return status;
}

static int
work(PGconn *pg, struct arena *a, const void *task)
{
	const struct task *t = task;
	const char *const params[] = { t->calendar, t->from };

	if (t->file != NULL && !command_open(t->file))
		return EX_NOINPUT;
	fence_close(FENCE_COMMAND);
	if (t->file != NULL)
		return load_holidays(pg, a, t);
	return command_print(pg, t->query, params, t->query == &q_check);
}

static const char help[] =
    "calendar --check                   a line for each, how it is\n"
    "calendar --show CALENDAR [--from DATE]\n"
    "                                   its next openings and holidays\n"
    "calendar --holidays CALENDAR FILE  note the dates of an iCalendar file;\n"
    "                                   - is the standard input\n"
    "calendar --renew                   follow new clock changes at once\n"
    "\n"
    "Hours are set from psql with desk.calendar_set().\n"
    "\n"
    "Exit status:\n"
    "   0  done; --check: all is well\n"
    "   1  --check: the holidays of a calendar come to an end\n"
    "   2  --check: a calendar is wrong, or was not renewed\n"
    "   3  --check: unknown, the database could not be asked\n"
    "  64  this is not how it is called, or there is no such calendar\n"
    "  65  the file is not iCalendar, not with whole days, or leaves no "
    "open time\n"
    "  66  the file could not be read\n"
    "  69  the database could not be reached\n"
    "  70  the database refused or failed\n"
    "  74  the answer could not be written\n";

static int
complain(void)
{
	fputs("usage: calendar --check | --show CALENDAR [--from DATE] | "
	      "--holidays CALENDAR FILE | --renew | --help\n",
	    stderr);
	return EX_USAGE;
}

/* False when the command line makes no sense. */
static bool
read_options(int argc, char **argv, struct task *t, bool *wants_help)
{
	static const struct option options[] = {
		{ "check", no_argument, NULL, 'c' },
		{ "show", required_argument, NULL, 's' },
		{ "from", required_argument, NULL, 'f' },
		{ "holidays", required_argument, NULL, 'i' },
		{ "renew", no_argument, NULL, 'r' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	int c, tasks = 0;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == '?')
			return false;
		if (c == 'f')
			t->from = optarg;
		else
			tasks++;
		if (c == 'h')
			*wants_help = true;
		if (c == 'c' || c == 'r')
			t->query = c == 'c' ? &q_check : &q_renew;
		if (c == 's' || c == 'i') {
			t->query = c == 's' ? &q_show : &q_holidays;
			t->calendar = optarg;
		}
	}
	if (t->query == &q_holidays && optind < argc)
		t->file = argv[optind++];
	return tasks == 1 && optind == argc &&
	       (t->from == NULL || t->query == &q_show) &&
	       (t->file != NULL) == (t->query == &q_holidays);
}

int
main(int argc, char **argv)
{
	struct task t = { NULL, NULL, NULL, NULL };
	bool wants_help = false;

	log_open("calendar");
	fence_start();
	if (!read_options(argc, argv, &t, &wants_help))
		return complain();
	if (wants_help)
		return command_help(help);
	return command_run("calendar", t.query == &q_check, work, &t);
}
