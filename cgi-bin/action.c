/*
 * action - what was done in production, by whom, and who stands for it
 *
 *	GET  /staff/tickets/:number/actions	those of a ticket, and the form
 *	POST /staff/tickets/:number/actions	write one down
 *	GET  /staff/actions			all; ?from, ?until, ?who
 *	GET  /staff/actions.csv			the same for a spreadsheet
 *	POST /staff/actions/:action/approve	another pair of eyes
 *
 * Runs as the database role desk_action.  Entries are append-only, and nobody
 * approves their own: rules of the database (sql/desk/058-action.sql).
 *
 * Nothing typed is lost: what is refused, or came after the session had
 * ended, comes back in the form.
 */
#include <string.h>

#include "arena.h"
#include "auth.h"
#include "csv.h"
#include "db.h"
#include "form.h"
#include "page.h"
#include "staff.h"
#include "web.h"

#define PAGE 50
#define PAGE_AND_ONE "51"
#define WHAT_MAX 20000 /* characters, as desk.action */
#define WHY_MAX 5000
#define APPROVAL_MAX 500

static const struct query q_ticket = {
	.name = "action_ticket",
	.sql = "SELECT * FROM api.action_ticket($1, $2::int)",
	.params = 2,
};

static const struct query q_list = {
	.name = "action_list",
	.sql = "SELECT * FROM api.action_list($1, $2::int, $3, $4, $5, $6, "
	       "$7::int)",
	.params = 7,
};

static const struct query q_people = {
	.name = "action_people",
	.sql = "SELECT * FROM api.action_people($1, $2)",
	.params = 2,
};

static const struct query q_csv = {
	.name = "action_csv",
	.sql = "SELECT * FROM api.action_csv($1, $2, $3, $4)",
	.params = 4,
};

static const struct query q_write = {
	.name = "action_write",
	.sql = "SELECT * FROM api.action_write($1, $2::int, $3, $4, $5, $6, "
	       "$7)",
	.params = 7,
};

static const struct query q_approve = {
	.name = "action_approve",
	.sql = "SELECT * FROM api.action_approve($1, $2::int)",
	.params = 2,
};

static const struct field write_form[] = {
	{ "csrf", FORM_LINE, 200, "This form is damaged" },
	{ "what", FORM_TEXT, WHAT_MAX, "At most 20,000 characters fit here" },
	{ "why", FORM_TEXT, WHY_MAX, "At most 5,000 characters fit here" },
	{ "done_at", FORM_LINE, 40, "Choose a date and a time" },
	{ "approval", FORM_LINE, APPROVAL_MAX,
	    "At most 500 characters fit here" },
	{ NULL, FORM_LINE, 0, NULL },
};

static const struct field approve_form[] = {
	{ "csrf", FORM_LINE, 200, "This form is damaged" },
	{ "back", FORM_LINE, 4, "This form is damaged" },
	{ NULL, FORM_LINE, 0, NULL },
};

static const struct field list_query[] = {
	{ "from", FORM_LINE, 10, NULL },
	{ "until", FORM_LINE, 10, NULL },
	{ "who", FORM_LINE, 10, NULL },
	{ "after", FORM_LINE, 10, NULL },
	{ NULL, FORM_LINE, 0, NULL },
};

/* The entries as rounds of a section; `back` says which page they are on. */
static void
add_actions(struct page *page, const struct rows *rows, const char *back)
{
	int i, n = rows_count(rows);

	for (i = 0; i < n && i < PAGE; i++) {
		struct page *one = page_section(page, "action");

		page_row(one, rows, i);
		page_set(one, "back", back);
	}
	page_show(page, n > 0 ? "some" : "none");
	if (n > PAGE)
		page_set(page_section(page, "next"), "after",
		    rows_named(rows, PAGE - 1, "id"));
}

/* One ticket -------------------------------------------------------------- */

static int
ticket_page(struct request *r, const char *why, int status)
{
	const char *args[] = { auth_session(r), web_part(r, 0), NULL, NULL,
		NULL, NULL, PAGE_AND_ONE };
	struct call *facts = db_call(r, &q_ticket, args);
	struct call *list = db_call(r, &q_list, args);
	struct page *page;

	if (db_get(r, facts) == NULL || db_get(r, list) == NULL)
		return r->status;
	page =
	    staff_page(r, "action-ticket.html", "Production actions", "action");
	page_row(page, db_get(r, facts), 0);
	add_actions(page, db_get(r, list), "one");
	if (why != NULL)
		page_show(page, why);
	page_form(page, r);
	return page_send(r, status, page);
}

static int
show_ticket(struct request *r)
{
	int status = ticket_page(r, NULL, 200);

	return status == 401 ? staff_turn_away_from(r, web_part(r, 0), NULL)
	                     : status;
}

/* The session has ended: what was typed, to be sent once more. */
static int
signed_out(struct request *r)
{
	struct page *page = page_new(r, "action-again.html");

	page_set(page, "title", "Not stored yet");
	page_set(page, "number", web_part(r, 0));
	page_form(page, r);
	return page_send(r, 403, page);
}

static int
show_again(struct request *r, const char *why, int status)
{
	status = ticket_page(r, why, status);
	return status == 401 ? signed_out(r) : status;
}

static int
write_down(struct request *r)
{
	unsigned char key[AUTH_KEY];
	const struct rows *answer;
	int i;

	if (!form_read(r, write_form))
		return r->status;
	if (auth_session(r) == NULL)
		return signed_out(r);
	if (!staff_form(r, "action", key))
		return show_again(r, "expired", 403);
	if (!form_complete(r))
		return show_again(r, NULL, 422);

	const char *args[] = { auth_session(r), web_part(r, 0),
		auth_key_hash(r, key), form_or_null(r, "what"),
		form_or_null(r, "why"), form_or_null(r, "done_at"),
		form_or_null(r, "approval") };

	if ((answer = db_rows(r, &q_write, args)) == NULL)
		return r->status == 401 ? signed_out(r) : r->status;
	if (!rows_outcome(answer, "refused"))
		return web_see_other(
		    r, "/staff/tickets/%s/actions", web_part(r, 0));
	for (i = 0; i < rows_count(answer); i++)
		form_complain(r, rows_named(answer, i, "field"),
		    rows_named(answer, i, "complaint"));
	return show_again(r, NULL, 422);
}

/* All of them ------------------------------------------------------------- */

static int
show_all(struct request *r)
{
	struct call *list, *people;
	struct page *page;

	if (!form_query(r, list_query))
		return r->status;

	const char *args[] = { auth_session(r), NULL, form_or_null(r, "from"),
		form_or_null(r, "until"), form_or_null(r, "who"),
		form_or_null(r, "after"), PAGE_AND_ONE };
	const char *chosen[] = { auth_session(r), form_or_null(r, "who") };

	list = db_call(r, &q_list, args);
	people = db_call(r, &q_people, chosen);
	if (db_get(r, list) == NULL || db_get(r, people) == NULL)
		return staff_turn_away(r, NULL);
	page = staff_page(r, "action.html", "Production actions", "action");
	page_rows(page, "person", db_get(r, people));
	add_actions(page, db_get(r, list), "all");
	page_form(page, r);
	return page_send(r, 200, page);
}

static int
send_all(struct request *r)
{
	const struct rows *rows;

	if (!form_query(r, list_query))
		return r->status;

	const char *args[] = { auth_session(r), form_or_null(r, "from"),
		form_or_null(r, "until"), form_or_null(r, "who") };

	/* A table leaves the desk: not without a fresh proof. */
	if ((rows = db_rows(r, &q_csv, args)) == NULL)
		return r->status == 403 ? staff_turn_away(r, "actions")
		                        : r->status;
	return csv_send(r, rows, "actions.csv");
}

static int
approve(struct request *r)
{
	const char *args[] = { auth_session(r), web_part(r, 0) };
	const struct rows *answer;

	if (!form_read(r, approve_form))
		return r->status;
	/* Nothing was typed: the list is shown with the button on it. */
	if (!staff_form(r, "action", NULL))
		return web_see_other(r, "/staff/actions");
	if ((answer = db_rows(r, &q_approve, args)) == NULL)
		return staff_turn_away(r, NULL);
	if (strcmp(form_text(r, "back"), "one") == 0)
		return web_see_other(r, "/staff/tickets/%s/actions",
		    rows_named(answer, 0, "number"));
	return web_see_other(r, "/staff/actions");
}

static const struct route routes[] = {
	{ "GET", "/staff/tickets/:number/actions", show_ticket, WEB_PRIVATE },
	{ "POST", "/staff/tickets/:number/actions", write_down, WEB_PRIVATE },
	{ "GET", "/staff/actions", show_all, WEB_PRIVATE },
	{ "GET", "/staff/actions.csv", send_all, WEB_PRIVATE },
	{ "POST", "/staff/actions/:action/approve", approve, WEB_PRIVATE },
	{ NULL, NULL, NULL, WEB_PRIVATE },
};

static const struct query *const queries[] = { &q_ticket, &q_list, &q_people,
	&q_csv, &q_write, &q_approve, NULL };

int
main(void)
{
	static const struct program action = {
		.name = "action",
		.routes = routes,
		.queries = queries,
		.body_max = 256 * 1024,
	};

	return web_main(&action);
}
