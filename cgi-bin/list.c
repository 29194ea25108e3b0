/*
 * list - the public home page, the list of tickets, and its feeds
 *
 *	GET  /			what this is, what is open, what was solved
 *	GET  /tickets		the list: q, state, severity, kind, product,
 *				sort=best, older, newer
 *	GET  /tickets.atom	\
 *	GET  /tickets.json	 > the same query as a feed, as data, as a
 *	GET  /tickets.csv	/  spreadsheet; each with an ETag
 *	POST /prefs		the theme, kept in a cookie
 *
 * Runs as the database role desk_list, which can read the public copies of
 * public tickets and nothing else: what is private cannot leak from here,
 * even when this program is taken over.  Pages ignore cookies.
 */
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "arena.h"
#include "conf.h"
#include "csv.h"
#include "db.h"
#include "form.h"
#include "page.h"
#include "web.h"

#define LIST_ARGS "$1, $2, $3, $4, $5, $6::boolean, $7, $8, $9::int"

static const struct query q_list = {
	.name = "list",
	.sql = "SELECT * FROM api.list(" LIST_ARGS ")",
	.params = 9,
};

static const struct query q_json = {
	.name = "json",
	.sql = "SELECT api.list_json(" LIST_ARGS ")",
	.params = 9,
};

static const struct query q_count = {
	.name = "count",
	.sql = "SELECT * FROM api.list_count($1, $2, $3, $4, $5)",
	.params = 5,
};

static const struct query q_choices = {
	.name = "choices",
	.sql = "SELECT * FROM api.list_choice ORDER BY what, position, label",
};

static const struct query q_summary = {
	.name = "summary",
	.sql = "SELECT * FROM api.list_summary()",
};

#define PAGE_ROWS "26" /* one more than shown: is there another page? */
#define SHOWN 25
#define FEED_ROWS "25"
#define JSON_ROWS "100"
#define CSV_ROWS "1000"

static const char too_long[] = "Make this shorter";

static const struct field fields[] = {
	{ "q", FORM_LINE, 300, too_long },
	{ "state", FORM_LINE, 20, too_long },
	{ "severity", FORM_LINE, 1, too_long },
	{ "kind", FORM_LINE, 40, too_long },
	{ "product", FORM_LINE, 60, too_long },
	{ "sort", FORM_LINE, 10, too_long },
	{ "older", FORM_LINE, 40, too_long },
	{ "newer", FORM_LINE, 40, too_long },
	{ NULL, FORM_LINE, 0, NULL },
};

static const struct field prefs[] = {
	{ "theme", FORM_LINE, 10, too_long },
	{ NULL, FORM_LINE, 0, NULL },
};

static bool
is_best(const struct request *r)
{
	return strcmp(form_text(r, "sort"), "best") == 0;
}

/* The nine arguments of the query in the URL. */
static const char **
list_args(struct request *r, const char *rows)
{
	const char **args = arena_alloc(r->arena, 9 * sizeof(*args));

	args[0] = form_or_null(r, "q");
	args[1] = form_or_null(r, "state");
	args[2] = form_or_null(r, "severity");
	args[3] = form_or_null(r, "kind");
	args[4] = form_or_null(r, "product");
	args[5] = is_best(r) ? "true" : "false";
	args[6] = form_or_null(r, "older");
	args[7] = form_or_null(r, "newer");
	args[8] = rows;
	return args;
}

/* A value as it may stand in a query: all but letters and digits as %XX. */
static const char *
escaped(struct request *r, const char *value)
{
	static const char hex[] = "0123456789ABCDEF";
	static const char plain[] = "abcdefghijklmnopqrstuvwxyz"
				    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._";
	char *text = arena_alloc(r->arena, 3 * strlen(value) + 1), *to = text;

	for (; *value != '\0'; value++) {
		unsigned char c = (unsigned char)*value;

		if (strchr(plain, c) != NULL) {
			*to++ = (char)c;
			continue;
		}
		*to++ = '%';
		*to++ = hex[c >> 4];
		*to++ = hex[c & 15];
	}
	return text;
}

/*
 * The query in the URL with one field set to another value ("" drops it),
 * below `path`.  Where we are in the list is only kept by `older`, `newer`.
 */
static const char *
link_with(
    struct request *r, const char *path, const char *name, const char *value)
{
	static const char *const kept[] = { "q", "state", "severity", "kind",
		"product", "sort" };
	const char *link = arena_printf(r->arena, "%s%s%s%s%s", path,
	    *value != '\0' ? "?" : "", *value != '\0' ? name : "",
	    *value != '\0' ? "=" : "", escaped(r, value));

	for (size_t i = 0; i < sizeof(kept) / sizeof(*kept); i++) {
		const char *was = form_text(r, kept[i]);

		if (*was != '\0' && strcmp(kept[i], name) != 0)
			link = arena_printf(r->arena, "%s%c%s=%s", link,
			    strchr(link, '?') == NULL ? '?' : '&', kept[i],
			    escaped(r, was));
	}
	return link;
}

static void
show_choices(struct request *r, struct page *page, const struct rows *choices)
{
	for (int i = 0; i < rows_count(choices); i++) {
		const char *what = rows_named(choices, i, "what");
		struct page *choice = page_section(
		    page, strcmp(what, "kind") == 0      ? "KIND_CHOICE"
			  : strcmp(what, "product") == 0 ? "PRODUCT_CHOICE"
							 : "SEVERITY_CHOICE");

		page_row(choice, choices, i);
		if (strcmp(form_text(r, what),
			rows_named(choices, i, "name")) == 0)
			page_show(choice, "CHOSEN");
	}
}

/* "All", "Open", "Solved": which of the tabs is ours? */
static void
show_tabs(struct request *r, struct page *page)
{
	const char *state = form_text(r, "state");

	page_set(page, "ALL_LINK", link_with(r, "/tickets", "state", ""));
	page_set(page, "OPEN_LINK", link_with(r, "/tickets", "state", "open"));
	page_set(
	    page, "SOLVED_LINK", link_with(r, "/tickets", "state", "solved"));
	page_show(page, strcmp(state, "solved") == 0 ? "AT_SOLVED"
			: *state != '\0'             ? "AT_OPEN"
						     : "AT_ALL");
	page_set(page, "ATOM_LINK", link_with(r, "/tickets.atom", "", ""));
	page_set(page, "JSON_LINK", link_with(r, "/tickets.json", "", ""));
	page_set(page, "CSV_LINK", link_with(r, "/tickets.csv", "", ""));
}

/* The rows but for the extra one, which only tells that there are more. */
static void
show_rows(struct request *r, struct page *page, const struct rows *rows)
{
	int count = rows_count(rows);
	bool is_more = count > SHOWN;
	bool backwards = form_or_null(r, "newer") != NULL;
	int from = backwards && is_more ? 1 : 0;
	int to = from + (is_more ? SHOWN : count);

	for (int i = from; i < to; i++)
		page_row(page_section(page, "TICKET"), rows, i);
	if (count == 0)
		return;
	if (is_more || backwards)
		page_set(page_section(page, "OLDER"), "LINK",
		    link_with(r, "/tickets", "older",
			rows_named(rows, to - 1, "place")));
	if (!is_best(r) &&
	    (form_or_null(r, "older") != NULL || (backwards && is_more)))
		page_set(page_section(page, "NEWER"), "LINK",
		    link_with(r, "/tickets", "newer",
			rows_named(rows, from, "place")));
}

static int
show_list(struct request *r)
{
	const char **args;
	struct call *call_rows, *call_count, *call_choices;
	const struct rows *rows, *count, *choices;
	struct page *page;

	if (!form_query(r, fields))
		return r->status;
	args = list_args(r, PAGE_ROWS);
	call_rows = db_call(r, &q_list, args);
	call_count = db_call(r, &q_count, args);
	call_choices = db_call(r, &q_choices, NULL);
	rows = db_get(r, call_rows);
	count = db_get(r, call_count);
	choices = db_get(r, call_choices);
	if (rows == NULL || count == NULL || choices == NULL)
		return r->status;

	page = page_new(r, "list.html");
	page_show(page, "AT_TICKETS");
	page_set(page, "TITLE", "Tickets");
	page_form(page, r);
	page_row(page, count, 0);
	show_choices(r, page, choices);
	show_tabs(r, page);
	show_rows(r, page, rows);
	page_show(page, rows_count(rows) == 0 ? "NOTHING" : "SOMETHING");
	if (form_or_null(r, "q") != NULL)
		page_show(page, "SEARCHED");
	return page_send(r, 200, page);
}

static int
show_home(struct request *r)
{
	static const char *const open_args[] = { NULL, "open", NULL, NULL, NULL,
		"false", NULL, NULL, "6" };
	static const char *const solved_args[] = { NULL, "solved", NULL, NULL,
		NULL, "false", NULL, NULL, "4" };
	struct call *call_summary = db_call(r, &q_summary, NULL);
	struct call *call_open = db_call(r, &q_list, open_args);
	struct call *call_solved = db_call(r, &q_list, solved_args);
	const struct rows *summary = db_get(r, call_summary);
	const struct rows *open = db_get(r, call_open);
	const struct rows *solved = db_get(r, call_solved);
	struct page *page;

	if (summary == NULL || open == NULL || solved == NULL)
		return r->status;
	page = page_new(r, "list-home.html");
	page_set(page, "TITLE", "Support");
	page_row(page, summary, 0);
	page_rows(page, "TICKET", open);
	page_rows(page, "SOLVED", solved);
	page_show(page, rows_count(open) > 0 ? "SOME_OPEN" : "NONE_OPEN");
	if (rows_count(solved) > 0)
		page_show(page, "SOME_SOLVED");
	return page_send(r, 200, page);
}

/* RFC 4287 wants a time: the latest change among the entries. */
static const char *
latest_change(const struct rows *rows)
{
	const char *latest = "1970-01-01T00:00:00Z";

	for (int i = 0; i < rows_count(rows); i++)
		if (strcmp(rows_named(rows, i, "changed_at"), latest) > 0)
			latest = rows_named(rows, i, "changed_at");
	return latest;
}

static int
send_atom(struct request *r)
{
	const struct rows *rows;
	struct page *page;
	const char *text;
	size_t size;

	if (!form_query(r, fields))
		return r->status;
	if ((rows = db_rows(r, &q_list, list_args(r, FEED_ROWS))) == NULL)
		return r->status;
	page = page_new(r, "list.atom");
	page_set(page, "UPDATED", latest_change(rows));
	page_set(page, "SELF", link_with(r, "/tickets.atom", "", ""));
	page_set(page, "LIST", link_with(r, "/tickets", "", ""));
	page_rows(page, "TICKET", rows);
	text = page_text(page, &size);
	return web_send_tagged(
	    r, "application/atom+xml; charset=utf-8", text, size);
}

static int
send_json(struct request *r)
{
	const struct rows *rows;
	const char *text;

	if (!form_query(r, fields))
		return r->status;
	if ((rows = db_rows(r, &q_json, list_args(r, JSON_ROWS))) == NULL)
		return r->status;
	text = rows_text(rows, 0, 0);
	return web_send_tagged(r, "application/json", text, strlen(text));
}

static int
send_csv(struct request *r)
{
	const struct rows *rows;

	if (!form_query(r, fields))
		return r->status;
	if ((rows = db_rows(r, &q_list, list_args(r, CSV_ROWS))) == NULL)
		return r->status;
	return csv_send(r, rows, "tickets.csv");
}

/* Back to where the form stood, if that was a page of ours. */
static const char *
page_before(struct request *r)
{
	const char *referer = web_param(r, "Referer");
	size_t n = strlen(r->conf->url);

	if (strncmp(referer, r->conf->url, n) != 0 || referer[n] != '/' ||
	    referer[n + 1] == '/' || referer[n + 1] == '\\')
		return "/";
	for (const char *c = referer + n; *c != '\0'; c++)
		if (*c <= ' ' || *c > '~')
			return "/";
	return referer + n;
}

static int
set_theme(struct request *r)
{
	const char *theme;

	if (!form_read(r, prefs))
		return r->status;
	theme = form_text(r, "theme");
	if (strcmp(theme, "light") != 0 && strcmp(theme, "dark") != 0)
		theme = "";
	web_set_cookie(
	    r, "theme", theme, "/", *theme != '\0' ? 400 * 24 * 3600L : 0);
	return web_see_other(r, "%s", page_before(r));
}

static const struct route routes[] = {
	{ "GET", "/", show_home, WEB_PUBLIC },
	{ "GET", "/tickets", show_list, WEB_PUBLIC },
	{ "GET", "/tickets.atom", send_atom, WEB_PUBLIC },
	{ "GET", "/tickets.json", send_json, WEB_PUBLIC },
	{ "GET", "/tickets.csv", send_csv, WEB_PUBLIC },
	{ "POST", "/prefs", set_theme, WEB_PRIVATE },
	{ NULL, NULL, NULL, WEB_PRIVATE },
};

static const struct query *const queries[] = { &q_list, &q_json, &q_count,
	&q_choices, &q_summary, NULL };

int
main(void)
{
	static const struct program list = {
		.name = "list",
		.routes = routes,
		.queries = queries,
		.body_max = 1000,
	};

	return web_main(&list);
}
