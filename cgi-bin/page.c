/*
 * page - people who were woken, and whether that was right
 *
 *	GET  /page/:token		what is down; the link of a mail
 *	POST /page/:token		"I am on it"
 *	GET  /staff/pages		all pages; ?before=N goes on
 *	POST /staff/pages/:page/take	"I am on it", signed in
 *	POST /staff/pages/:page/verdict	was it right to wake somebody?
 *
 * Runs as the database role desk_page.  Whom a page goes to and when is
 * decided by desk.page_step() and friends; nothing is sent from here.
 *
 * A link is a key: it stands for the one it was mailed to.  A GET changes
 * nothing, since programs that look through mail follow links.
 */
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "arena.h"
#include "auth.h"
#include "db.h"
#include "form.h"
#include "page.h"
#include "staff.h"
#include "web.h"

#define PAGES 25
#define PAGES_AND_ONE "26"
#define VERDICT_MAX 2000 /* characters, as desk.page */

static const struct query q_link = {
	.name = "page_link",
	.sql = "SELECT * FROM api.page_link($1)",
	.params = 1,
};

static const struct query q_take_link = {
	.name = "page_take_link",
	.sql = "SELECT * FROM api.page_take_link($1)",
	.params = 1,
};

static const struct query q_list = {
	.name = "page_list",
	.sql = "SELECT * FROM api.page_list($1, $2::int, $3::int)",
	.params = 3,
};

static const struct query q_steps = {
	.name = "page_steps",
	.sql = "SELECT * FROM api.page_steps($1, $2::int, $3::int)",
	.params = 3,
};

static const struct query q_figures = {
	.name = "page_figures",
	.sql = "SELECT * FROM api.page_figures($1)",
	.params = 1,
};

static const struct query q_take = {
	.name = "page_take",
	.sql = "SELECT * FROM api.page_take($1, $2::int)",
	.params = 2,
};

static const struct query q_judge = {
	.name = "page_judge",
	.sql = "SELECT * FROM api.page_judge($1, $2::int, $3, $4)",
	.params = 4,
};

static const struct field list_query[] = {
	{ "before", FORM_LINE, 9, NULL },
	{ NULL, FORM_LINE, 0, NULL },
};

static const struct field take_form[] = {
	{ "csrf", FORM_LINE, 200, "This form is damaged" },
	{ NULL, FORM_LINE, 0, NULL },
};

static const struct field verdict_form[] = {
	{ "csrf", FORM_LINE, 200, "This form is damaged" },
	{ "justified", FORM_LINE, 3, "Choose yes or no" },
	{ "verdict", FORM_TEXT, VERDICT_MAX,
	    "Make this shorter, 2,000 characters at most" },
	{ NULL, FORM_LINE, 0, NULL },
};

/* The link of a mail ------------------------------------------------------ */

static int
show_link(struct request *r)
{
	const char *key[] = { web_part(r, 0) };
	const struct rows *link = db_rows(r, &q_link, key);
	struct page *page;

	if (link == NULL)
		return r->status;
	page = page_new(r, "page.html");
	page_set(page, "title", "Production is down");
	page_set(page, "link", key[0]);
	page_row(page, link, 0);
	return page_send(r, 200, page);
}

/* Whoever was first has it; the page says who that is. */
static int
take_link(struct request *r)
{
	const char *key[] = { web_part(r, 0) };

	if (db_rows(r, &q_take_link, key) == NULL)
		return r->status;
	return web_see_other(r, "/page/%s", key[0]);
}

/* For staff --------------------------------------------------------------- */

/* Each page with the lines of its log. */
static void
add_pages(struct page *page, const struct rows *pages, const struct rows *steps)
{
	int i, j, n = rows_count(pages);

	for (i = 0; i < n && i < PAGES; i++) {
		struct page *one = page_section(page, "one");
		const char *number = rows_named(pages, i, "page");

		page_row(one, pages, i);
		for (j = 0; j < rows_count(steps); j++)
			if (strcmp(rows_named(steps, j, "page"), number) == 0)
				page_row(page_section(one, "event"), steps, j);
	}
	if (n == 0)
		page_show(page, "none");
	if (n > PAGES)
		page_set(page_section(page, "next"), "before",
		    rows_named(pages, PAGES - 1, "page"));
}

static int
show_pages(struct request *r)
{
	struct call *list, *steps, *figures;
	struct page *page;

	if (!form_query(r, list_query))
		return r->status;

	const char *args[] = { auth_session(r), form_or_null(r, "before"),
		PAGES_AND_ONE };

	list = db_call(r, &q_list, args);
	steps = db_call(r, &q_steps, args);
	figures = db_call(r, &q_figures, args);
	if (db_get(r, list) == NULL || db_get(r, steps) == NULL ||
	    db_get(r, figures) == NULL)
		return staff_turn_away(r, NULL);
	page = staff_page(r, "page-list.html", "Pages", "pages");
	add_pages(page, db_get(r, list), db_get(r, steps));
	if (rows_count(db_get(r, figures)) > 0)
		page_rows(
		    page_section(page, "figures"), "month", db_get(r, figures));
	return page_send(r, 200, page);
}

static int
take(struct request *r)
{
	const char *args[] = { auth_session(r), web_part(r, 0) };

	if (!form_read(r, take_form))
		return r->status;
	/* Nothing was typed: the list is shown with the button on it. */
	if (staff_form(r, "pages", NULL) && db_rows(r, &q_take, args) == NULL &&
	    r->status != 401)
		return r->status;
	return web_see_other(r, "/staff/pages");
}

/* Nothing was stored: the verdict in a form of its own, and why. */
static int
judge_again(struct request *r, const char *why, int status)
{
	struct page *page =
	    staff_page(r, "page-verdict.html", "Not stored yet", "pages");

	page_set(page, "page", web_part(r, 0));
	page_show(page, why);
	page_form(page, r);
	return page_send(r, status, page);
}

static int
judge(struct request *r)
{
	const struct rows *answer;

	if (!form_read(r, verdict_form))
		return r->status;
	if (auth_session(r) == NULL)
		return judge_again(r, "signed_out", 403);
	if (!staff_form(r, "pages", NULL))
		return judge_again(r, "expired", 403);
	if (!form_complete(r))
		return judge_again(r, "long", 422);

	const char *args[] = { auth_session(r), web_part(r, 0),
		form_or_null(r, "justified"), form_or_null(r, "verdict") };

	answer = db_rows(r, &q_judge, args);
	if (answer == NULL)
		return r->status == 401 ? judge_again(r, "signed_out", 403)
		                        : r->status;
	if (rows_outcome(answer, "choose"))
		return judge_again(r, "choose", 422);
	return web_see_other(r, "/staff/pages");
}

static const struct route routes[] = {
	{ "GET", "/page/:token", show_link, WEB_SECRET },
	{ "POST", "/page/:token", take_link, WEB_SECRET },
	{ "GET", "/staff/pages", show_pages, WEB_PRIVATE },
	{ "POST", "/staff/pages/:page/take", take, WEB_PRIVATE },
	{ "POST", "/staff/pages/:page/verdict", judge, WEB_PRIVATE },
	{ NULL, NULL, NULL, WEB_PRIVATE },
};

static const struct query *const queries[] = { &q_link, &q_take_link, &q_list,
	&q_steps, &q_figures, &q_take, &q_judge, NULL };

int
main(void)
{
	static const struct program page = {
		.name = "page",
		.routes = routes,
		.queries = queries,
		.body_max = 32 * 1024,
	};

	return web_main(&page);
}
