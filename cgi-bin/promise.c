/*
 * promise - what we promise, and how we do
 *
 *	GET /promises		the promises by plan, channel and severity, out
 *				of the rows that clocks follow; from=VERSION
 *				shows an older or a coming version
 *	GET /record		how we do: figures of half a year, charts, the
 *				broken promises with their reasons
 *	GET /record.csv		\
 *	GET /record-groups.csv	 > what stands on it, as spreadsheets
 *	GET /record-broken.csv	/
 *	GET /record.atom	the weeks that are over, as a feed
 *
 * Runs as the database role desk_promise, which can call the functions of
 * sql/api/promise.sql and nothing else: they give what everybody may know.
 * The charts are drawn in SQL; here their parts meet the template.
 */
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "arena.h"
#include "csv.h"
#include "db.h"
#include "form.h"
#include "page.h"
#include "web.h"

#define BREACHES "50"

static const struct query q_versions = {
	.name = "versions",
	.sql = "SELECT * FROM api.promise_versions()",
};

static const struct query q_promises = {
	.name = "promises",
	.sql = "SELECT * FROM api.promise_table($1)",
	.params = 1,
};

static const struct query q_hours = {
	.name = "hours",
	.sql = "SELECT * FROM api.promise_hours($1)",
	.params = 1,
};

static const struct query q_summary = {
	.name = "summary",
	.sql = "SELECT * FROM api.record_summary()",
};

static const struct query q_weeks = {
	.name = "weeks",
	.sql = "SELECT * FROM api.record_table()",
};

static const struct query q_chart = {
	.name = "chart",
	.sql = "SELECT * FROM api.record_chart($1)",
	.params = 1,
};

static const struct query q_groups = {
	.name = "groups",
	.sql = "SELECT * FROM api.record_groups()",
};

static const struct query q_breaches = {
	.name = "breaches",
	.sql = "SELECT * FROM api.record_breaches($1::int)",
	.params = 1,
};

static const struct query q_weeks_csv = {
	.name = "weeks_csv",
	.sql = "SELECT * FROM api.record_tickets_csv()",
};

static const struct query q_groups_csv = {
	.name = "groups_csv",
	.sql = "SELECT * FROM api.record_csv()",
};

static const struct query q_breaches_csv = {
	.name = "breaches_csv",
	.sql = "SELECT * FROM api.record_breaches_csv()",
};

static const struct field fields[] = {
	{ "from", FORM_LINE, 40, "Make this shorter" },
	{ NULL, FORM_LINE, 0, NULL },
};

static const struct field nothing[] = {
	{ NULL, FORM_LINE, 0, NULL },
};

/* Does this row begin another group than the one before it? */
static bool
is_other(const struct rows *rows, int i, const char *column)
{
	return i == 0 || strcmp(rows_named(rows, i, column),
			     rows_named(rows, i - 1, column)) != 0;
}

/* A table for each plan, a line for each channel, a cell for each severity. */
static void
show_promises(struct page *page, const struct rows *rows)
{
	struct page *plan = NULL, *channel = NULL;

	for (int i = 0; i < rows_count(rows); i++) {
		bool is_new = is_other(rows, i, "plan");

		if (is_new) {
			plan = page_section(page, "PLAN");
			page_row(plan, rows, i);
			if (i == 0)
				page_show(plan, "FIRST");
		}
		if (is_new || is_other(rows, i, "channel")) {
			channel = page_section(plan, "CHANNEL");
			page_row(channel, rows, i);
		}
		page_row(page_section(channel, "CELL"), rows, i);
	}
	for (int i = 0; i < rows_count(rows); i++) {
		if (i > 0 && is_other(rows, i, "channel"))
			break;
		page_row(page_section(page, "SEVERITY_ROW"), rows, i);
	}
}

static void
show_versions(
    struct page *page, const struct rows *versions, const char *wanted)
{
	for (int i = 0; i < rows_count(versions); i++) {
		struct page *version = page_section(page, "VERSION");
		bool is_now = *rows_named(versions, i, "is_now") == 't';

		page_row(version, versions, i);
		if (wanted == NULL
			? is_now
			: strcmp(wanted, rows_named(versions, i, "day")) == 0)
			page_show(version, "SHOWN");
	}
}

static int
show_promises_page(struct request *r)
{
	const char *args[1];
	struct call *call_rows, *call_hours, *call_versions;
	const struct rows *rows, *hours, *versions;
	struct page *page;

	if (!form_query(r, fields))
		return r->status;
	args[0] = form_or_null(r, "from");
	call_rows = db_call(r, &q_promises, args);
	call_hours = db_call(r, &q_hours, args);
	call_versions = db_call(r, &q_versions, NULL);
	rows = db_get(r, call_rows);
	hours = db_get(r, call_hours);
	versions = db_get(r, call_versions);
	if (rows == NULL || hours == NULL || versions == NULL)
		return r->status;
	page = page_new(r, "promise.html");
	page_set(page, "TITLE", "What we promise");
	page_show(page, args[0] == NULL ? "AS_OF_NOW" : "AS_OF_THEN");
	show_promises(page, rows);
	page_rows(page, "HOURS_ROW", hours);
	if (rows_count(hours) > 0)
		page_show(page, "SOME_HOURS");
	if (rows_count(versions) > 1)
		show_versions(
		    page_section(page, "VERSIONS"), versions, args[0]);
	return page_send(r, 200, page);
}

/* "bar" fills the section BAR, and so on. */
static void
show_chart(struct page *page, const char *name, const struct rows *parts)
{
	static const char *const sections[][2] = { { "grid", "GRID" },
		{ "bar", "BAR" }, { "point", "POINT" }, { "tick", "TICK" },
		{ "goal", "GOAL" }, { "line", "LINE" }, { NULL, NULL } };
	struct page *chart = page_section(page, name);

	for (int i = 0; i < rows_count(parts); i++)
		for (int k = 0; sections[k][0] != NULL; k++)
			if (strcmp(rows_named(parts, i, "part"),
				sections[k][0]) == 0)
				page_row(page_section(chart, sections[k][1]),
				    parts, i);
}

static void
show_groups(struct page *page, const struct rows *groups)
{
	struct page *metric = NULL;

	for (int i = 0; i < rows_count(groups); i++) {
		if (is_other(groups, i, "metric")) {
			metric = page_section(page, "METRIC_TABLE");
			page_row(metric, groups, i);
		}
		page_row(page_section(metric, "GROUP"), groups, i);
	}
}

static int
show_record(struct request *r)
{
	static const char *const most[] = { BREACHES };
	static const char *const names[][2] = { { "tickets", "TICKETS_CHART" },
		{ "promises", "PROMISES_CHART" },
		{ "answer", "ANSWER_CHART" } };
	struct call *calls[3];
	const struct rows *charts[3];
	struct call *call_summary = db_call(r, &q_summary, NULL);
	struct call *call_weeks = db_call(r, &q_weeks, NULL);
	struct call *call_groups = db_call(r, &q_groups, NULL);
	struct call *call_breaches = db_call(r, &q_breaches, most);
	const struct rows *summary, *weeks, *groups, *breaches;
	struct page *page;

	for (int i = 0; i < 3; i++)
		calls[i] = db_call(r, &q_chart, &names[i][0]);
	summary = db_get(r, call_summary);
	weeks = db_get(r, call_weeks);
	groups = db_get(r, call_groups);
	breaches = db_get(r, call_breaches);
	for (int i = 0; i < 3; i++)
		charts[i] = db_get(r, calls[i]);
	if (charts[2] == NULL || summary == NULL || weeks == NULL ||
	    groups == NULL || breaches == NULL)
		return r->status;
	page = page_new(r, "promise-record.html");
	page_set(page, "TITLE", "How we do");
	page_row(page, summary, 0);
	for (int i = 0; i < 3; i++)
		show_chart(page, names[i][1], charts[i]);
	page_rows(page, "WEEK_ROW", weeks);
	show_groups(page, groups);
	page_rows(page, "BREACH", breaches);
	page_show(page, rows_count(breaches) > 0 ? "BREACHES" : "NO_BREACHES");
	return page_send(r, 200, page);
}

static int
send_csv(struct request *r, const struct query *q, const char *name)
{
	const struct rows *rows;

	if (!form_query(r, nothing))
		return r->status;
	if ((rows = db_rows(r, q, NULL)) == NULL)
		return r->status;
	return csv_send(r, rows, name);
}

static int
send_weeks(struct request *r)
{
	return send_csv(r, &q_weeks_csv, "how-we-do.csv");
}

static int
send_groups(struct request *r)
{
	return send_csv(r, &q_groups_csv, "how-we-do-groups.csv");
}

static int
send_breaches(struct request *r)
{
	return send_csv(r, &q_breaches_csv, "how-we-do-broken.csv");
}

/* The latest week first; the present one is not over and left out. */
static int
send_atom(struct request *r)
{
	const struct rows *weeks = db_rows(r, &q_weeks, NULL);
	const char *updated = "1970-01-01T00:00:00Z";
	struct page *page;
	const char *text;
	size_t size;

	if (weeks == NULL)
		return r->status;
	page = page_new(r, "promise-record.atom");
	for (int i = rows_count(weeks) - 1; i >= 0; i--) {
		if (*rows_named(weeks, i, "is_now") == 't')
			continue;
		if (strcmp(rows_named(weeks, i, "changed_at"), updated) > 0)
			updated = rows_named(weeks, i, "changed_at");
		page_row(page_section(page, "WEEK_ROW"), weeks, i);
	}
	page_set(page, "UPDATED", updated);
	text = page_text(page, &size);
	return web_send_tagged(
	    r, "application/atom+xml; charset=utf-8", text, size);
}

static const struct route routes[] = {
	{ "GET", "/promises", show_promises_page, WEB_PUBLIC },
	{ "GET", "/record", show_record, WEB_PUBLIC },
	{ "GET", "/record.csv", send_weeks, WEB_PUBLIC },
	{ "GET", "/record-groups.csv", send_groups, WEB_PUBLIC },
	{ "GET", "/record-broken.csv", send_breaches, WEB_PUBLIC },
	{ "GET", "/record.atom", send_atom, WEB_PUBLIC },
	{ NULL, NULL, NULL, WEB_PRIVATE },
};

static const struct query *const queries[] = { &q_versions, &q_promises,
	&q_hours, &q_summary, &q_weeks, &q_chart, &q_groups, &q_breaches,
	&q_weeks_csv, &q_groups_csv, &q_breaches_csv, NULL };

int
main(void)
{
	static const struct program promise = {
		.name = "promise",
		.routes = routes,
		.queries = queries,
		.body_max = 0,
	};

	return web_main(&promise);
}
