/*
 * duty - who is on duty, when, and how weeks change hands
 *
 *	GET  /duty			who is on duty now; for everybody
 *	GET  /duty/weeks		the published weeks; for everybody
 *	GET  /duty/feed/:token.ics	weeks for a calendar program
 *	GET  /staff/duty		one's own weeks, swaps, the roster
 *	POST /staff/duty/:what		ask, answer, take, ride, verdict,
 *					exempt, back, join, feed, revoke
 *
 * Runs as the database role desk_duty.  What it may call without a token
 * gives names and weeks that everybody may know.  Functions for staff take
 * the token of the session cookie; the rules of the rotation are
 * constraints and triggers of the database, whose refusals come back as
 * words beside the form.
 *
 * A feed's link is a key: whoever has it reads the calendar.  The database
 * keeps its hash, the page shows it once, and revoking it there ends it.
 * Calendars are written by libical (RFC 5545).
 */
#include <libical/ical.h>
#include <stdlib.h>
#include <string.h>

#include "arena.h"
#include "auth.h"
#include "conf.h"
#include "db.h"
#include "form.h"
#include "page.h"
#include "staff.h"
#include "token.h"
#include "web.h"

#define FEED_BYTES 16 /* random, before base64url */

static const struct query q_now = {
	.name = "duty_now",
	.sql = "SELECT * FROM api.duty_now()",
};

static const struct query q_weeks = {
	.name = "duty_weeks",
	.sql = "SELECT * FROM api.duty_weeks()",
};

static const struct query q_feed_name = {
	.name = "duty_feed_name",
	.sql = "SELECT api.duty_feed_name($1) AS name",
	.params = 1,
};

static const struct query q_feed = {
	.name = "duty_feed",
	.sql = "SELECT * FROM api.duty_feed($1)",
	.params = 1,
};

static const struct query q_desk = {
	.name = "duty_desk",
	.sql = "SELECT * FROM api.duty_desk($1)",
	.params = 1,
};

static const struct query q_mine = {
	.name = "duty_mine",
	.sql = "SELECT * FROM api.duty_mine($1)",
	.params = 1,
};

static const struct query q_choices = {
	.name = "duty_choices",
	.sql = "SELECT * FROM api.duty_choices($1)",
	.params = 1,
};

static const struct query q_offers = {
	.name = "duty_offers",
	.sql = "SELECT * FROM api.duty_offers($1)",
	.params = 1,
};

static const struct query q_roster = {
	.name = "duty_roster",
	.sql = "SELECT * FROM api.duty_roster($1)",
	.params = 1,
};

static const struct query q_absent = {
	.name = "duty_absent",
	.sql = "SELECT * FROM api.duty_absent($1)",
	.params = 1,
};

static const struct query q_exemptions = {
	.name = "duty_exemptions",
	.sql = "SELECT * FROM api.duty_exemptions($1)",
	.params = 1,
};

static const struct query q_feeds = {
	.name = "duty_feeds",
	.sql = "SELECT * FROM api.duty_feeds($1)",
	.params = 1,
};

static const struct query q_history = {
	.name = "duty_history",
	.sql = "SELECT * FROM api.duty_history($1)",
	.params = 1,
};

static const struct query q_ask = {
	.name = "duty_ask",
	.sql = "SELECT * FROM api.duty_ask($1, $2, $3, $4)",
	.params = 4,
};

static const struct query q_answer = {
	.name = "duty_answer",
	.sql = "SELECT * FROM api.duty_answer($1, $2::int, $3)",
	.params = 3,
};

static const struct query q_take = {
	.name = "duty_take",
	.sql = "SELECT * FROM api.duty_take($1, $2, $3)",
	.params = 3,
};

static const struct query q_ride = {
	.name = "duty_ride",
	.sql = "SELECT * FROM api.duty_ride($1, $2)",
	.params = 2,
};

static const struct query q_verdict = {
	.name = "duty_verdict",
	.sql = "SELECT * FROM api.duty_verdict($1, $2, $3, $4)",
	.params = 4,
};

static const struct query q_exempt = {
	.name = "duty_exempt",
	.sql = "SELECT * FROM api.duty_exempt($1, $2::int, $3, $4, $5)",
	.params = 5,
};

static const struct query q_exempt_end = {
	.name = "duty_exempt_end",
	.sql = "SELECT * FROM api.duty_exempt_end($1, $2::int)",
	.params = 2,
};

static const struct query q_join = {
	.name = "duty_join",
	.sql = "SELECT * FROM api.duty_join($1, $2, $3::int, $4, "
	       "$5::boolean, $6)",
	.params = 6,
};

static const struct query q_feed_make = {
	.name = "duty_feed_make",
	.sql = "SELECT * FROM api.duty_feed_make($1, $3, $2)",
	.params = 3,
};

static const struct query q_feed_end = {
	.name = "duty_feed_end",
	.sql = "SELECT * FROM api.duty_feed_end($1, $2::int)",
	.params = 2,
};

#define NOT_OFFERED "Choose one from the list"
#define NO_DAY "Choose a day"
#define LONG_REASON "A reason has at most 500 characters"

/* The fields of all forms on the page; each form sends some of them. */
static const struct field duty_form[] = {
	{ "csrf", FORM_LINE, 200, "This form is damaged" },
	{ "place", FORM_LINE, 60, NOT_OFFERED },
	{ "taker", FORM_LINE, 80, NOT_OFFERED },
	{ "ask_reason", FORM_TEXT, 500, LONG_REASON },
	{ "swap", FORM_LINE, 10, NOT_OFFERED },
	{ "answer", FORM_LINE, 20, NOT_OFFERED },
	{ "free", FORM_LINE, 60, NOT_OFFERED },
	{ "take_reason", FORM_TEXT, 500, LONG_REASON },
	{ "ride", FORM_LINE, 60, NOT_OFFERED },
	{ "shadow", FORM_LINE, 80, NOT_OFFERED },
	{ "verdict", FORM_LINE, 20, NOT_OFFERED },
	{ "verdict_reason", FORM_TEXT, 500, LONG_REASON },
	{ "exempt", FORM_LINE, 10, NOT_OFFERED },
	{ "from", FORM_LINE, 10, NO_DAY },
	{ "until", FORM_LINE, 10, NO_DAY },
	{ "exempt_reason", FORM_TEXT, 500, LONG_REASON },
	{ "back", FORM_LINE, 10, NOT_OFFERED },
	{ "rotation", FORM_LINE, 40, NOT_OFFERED },
	{ "join", FORM_LINE, 10, NOT_OFFERED },
	{ "join_from", FORM_LINE, 10, NO_DAY },
	{ "experienced", FORM_LINE, 3, NOT_OFFERED },
	{ "join_reason", FORM_TEXT, 500, LONG_REASON },
	{ "feed", FORM_LINE, 40, NOT_OFFERED },
	{ "revoke", FORM_LINE, 10, NOT_OFFERED },
	{ NULL, FORM_LINE, 0, NULL },
};

/*
 * A form of the page.  Its query takes the session and then the fields of
 * `sends`, beside the first of which a refusal stands.
 */
struct action {
	const char *name; /* as in its URL */
	const struct query *query;
	const char *sends[6];
};

static const struct action actions[] = {
	{ "ask", &q_ask, { "place", "taker", "ask_reason", NULL } },
	{ "answer", &q_answer, { "swap", "answer", NULL } },
	{ "take", &q_take, { "free", "take_reason", NULL } },
	{ "ride", &q_ride, { "ride", NULL } },
	{ "verdict", &q_verdict,
	    { "shadow", "verdict", "verdict_reason", NULL } },
	{ "exempt", &q_exempt,
	    { "exempt", "from", "until", "exempt_reason", NULL } },
	{ "back", &q_exempt_end, { "back", NULL } },
	{ "join", &q_join,
	    { "rotation", "join", "join_from", "experienced", "join_reason",
		NULL } },
	{ "feed", &q_feed_make, { "feed", NULL } },
	{ "revoke", &q_feed_end, { "revoke", NULL } },
	{ NULL, NULL, { NULL } },
};

/* For everybody ---------------------------------------------------------- */

static int
show_now(struct request *r)
{
	const struct rows *now = db_rows(r, &q_now, NULL);
	struct page *page;

	if (now == NULL)
		return r->status;
	page = page_new(r, "duty.html");
	page_set(page, "title", "Who is on duty");
	page_rows(page, "rotation", now);
	return page_send(r, 200, page);
}

static int
show_weeks(struct request *r)
{
	const struct rows *weeks = db_rows(r, &q_weeks, NULL);
	struct page *page;

	if (weeks == NULL)
		return r->status;
	page = page_new(r, "duty-weeks.html");
	page_set(page, "title", "Weeks on duty");
	page_rows(page, "week", weeks);
	page_show(page, rows_count(weeks) > 0 ? "some" : "none");
	return page_send(r, 200, page);
}

/* The feed --------------------------------------------------------------- */

static void
drop_calendar(void *calendar)
{
	icalcomponent_free(calendar);
}

static icalproperty *
x_property(const char *name, const char *value)
{
	icalproperty *p = icalproperty_new_x(value);

	icalproperty_set_x_name(p, name);
	return p;
}

/* An hour: how often a calendar program may come by. */
static icalproperty *
refresh(void)
{
	icalproperty *p =
	    icalproperty_new_refreshinterval(icaldurationtype_from_int(3600));

	icalproperty_add_parameter(
	    p, icalparameter_new_value(ICAL_VALUE_DURATION));
	return p;
}

static icalcomponent *
event(const struct rows *rows, int i)
{
	const char *stamp = rows_named(rows, i, "stamp");
	const char *starts = rows_named(rows, i, "starts");
	const char *ends = rows_named(rows, i, "ends");
	const char *status = rows_named(rows, i, "status");
	const char *transparency = rows_named(rows, i, "transparency");
	const char *description = rows_named(rows, i, "description");

	return icalcomponent_vanew(ICAL_VEVENT_COMPONENT,
	    icalproperty_new_uid(rows_named(rows, i, "uid")),
	    icalproperty_new_sequence(atoi(rows_named(rows, i, "sequence"))),
	    icalproperty_new_dtstamp(icaltime_from_string(stamp)),
	    icalproperty_new_lastmodified(icaltime_from_string(stamp)),
	    icalproperty_new_dtstart(icaltime_from_string(starts)),
	    icalproperty_new_dtend(icaltime_from_string(ends)),
	    icalproperty_new_summary(rows_named(rows, i, "summary")),
	    icalproperty_new_description(description),
	    icalproperty_new_status(icalproperty_string_to_status(status)),
	    icalproperty_new_transp(strcmp(transparency, "OPAQUE") == 0
					? ICAL_TRANSP_OPAQUE
					: ICAL_TRANSP_TRANSPARENT),
	    (void *)0);
}

/* The whole calendar as text in libical's memory, until the reply is sent. */
static const char *
calendar_text(struct request *r, const char *name, const struct rows *events)
{
	icalcomponent *calendar = icalcomponent_vanew(ICAL_VCALENDAR_COMPONENT,
	    icalproperty_new_version("2.0"),
	    icalproperty_new_prodid("-//Nightdesk//Duty//EN"),
	    icalproperty_new_calscale("GREGORIAN"),
	    icalproperty_new_method(ICAL_METHOD_PUBLISH),
	    icalproperty_new_name(name), x_property("X-WR-CALNAME", name),
	    refresh(), x_property("X-PUBLISHED-TTL", "PT1H"), (void *)0);
	char *text;
	int i;

	arena_defer(r->arena, drop_calendar, calendar);
	for (i = 0; i < rows_count(events); i++)
		icalcomponent_add_component(calendar, event(events, i));
	text = icalcomponent_as_ical_string_r(calendar);
	arena_defer(r->arena, icalmemory_free_buffer, text);
	return text;
}

/* The token of "<token>.ics"; NULL when it does not end like that. */
static const char *
feed_token(struct request *r)
{
	const char *file = web_part(r, 0);
	size_t n = strlen(file);

	if (n <= 4 || strcmp(file + n - 4, ".ics") != 0)
		return NULL;
	return arena_printf(r->arena, "%.*s", (int)(n - 4), file);
}

static int
send_feed(struct request *r)
{
	const char *token[] = { feed_token(r) };
	const struct rows *name, *events;
	struct call *first, *second;
	const char *text;

	if (token[0] == NULL)
		return 404;
	first = db_call(r, &q_feed_name, token);
	second = db_call(r, &q_feed, token);
	name = db_get(r, first);
	events = db_get(r, second);
	if (name == NULL || events == NULL)
		return r->status;
	text = calendar_text(r, rows_text(name, 0, 0), events);
	return web_send_tagged(
	    r, "text/calendar; charset=utf-8", text, strlen(text));
}

/* For staff -------------------------------------------------------------- */

/* What a form that was sent says of a list, NULL before one was sent. */
static const char *
typed(const struct request *r, const char *field)
{
	const char *name, *value, *complaint;
	size_t i;

	for (i = 0; form_field(r, i, &name, &value, &complaint); i++)
		if (strcmp(name, field) == 0)
			return value;
	return NULL;
}

/* Each row into the list of its field; a list that has any is shown. */
static void
add_choices(struct request *r, struct page *page, const struct rows *rows)
{
	const char *last = "";
	int i;

	for (i = 0; i < rows_count(rows); i++) {
		const char *field = rows_named(rows, i, "field");
		const char *now = typed(r, field);
		struct page *choice = page_section(
		    page, arena_printf(r->arena, "choose_%s", field));

		page_row(choice, rows, i);
		if (now != NULL &&
		    strcmp(now, rows_named(rows, i, "value")) == 0)
			page_show(choice, "chosen");
		if (strcmp(field, last) != 0)
			page_show(
			    page, arena_printf(r->arena, "has_%s", field));
		last = field;
	}
}

/* Repeat a section; the section `any` shows when there was a row. */
static void
add_rows(struct page *page, const char *section, const char *any,
    const char *none, const struct rows *rows)
{
	page_rows(page, section, rows);
	page_show(page, rows_count(rows) > 0 ? any : none);
}

/* What the staff's page is made of, in the order in which it is asked for. */
enum part {
	DESK,
	MINE,
	CHOICES,
	OFFERS,
	ROSTER,
	ABSENT,
	EXEMPTIONS,
	FEEDS,
	HISTORY,
	PARTS
};

static const struct query *const parts[PARTS] = { &q_desk, &q_mine, &q_choices,
	&q_offers, &q_roster, &q_absent, &q_exemptions, &q_feeds, &q_history };

/* Ask for all of it in one round trip.  False: r->status says why. */
static bool
read_parts(struct request *r, const struct rows *got[PARTS])
{
	const char *token[] = { auth_session(r) };
	struct call *calls[PARTS];
	bool all = true;
	int i;

	for (i = 0; i < PARTS; i++)
		calls[i] = db_call(r, parts[i], token);
	for (i = 0; i < PARTS; i++) {
		got[i] = db_get(r, calls[i]);
		all = all && got[i] != NULL;
	}
	return all;
}

/*
 * The page, with what was typed when a form was sent.  `feed` is the token
 * of a link that was made just now, NULL for none.
 */
static int
show_desk(struct request *r, int status, const char *feed)
{
	const struct rows *got[PARTS];
	struct page *page;

	if (!read_parts(r, got))
		return staff_turn_away(r, NULL);
	page = staff_page(r, "duty-staff.html", "Duty", "duty");
	page_row(page, got[DESK], 0);
	page_row(page, got[ABSENT], 0);
	add_rows(page, "mine", "some_mine", "no_mine", got[MINE]);
	add_rows(page, "offer", "some_offers", "no_offers", got[OFFERS]);
	add_rows(page, "member", "some_members", "no_members", got[ROSTER]);
	add_rows(
	    page, "exemption", "some_exempt", "no_exempt", got[EXEMPTIONS]);
	add_rows(page, "link", "some_links", "no_links", got[FEEDS]);
	add_rows(page, "change", "some_changes", "no_changes", got[HISTORY]);
	add_choices(r, page, got[CHOICES]);
	if (status >= 400)
		page_form(page, r);
	if (feed != NULL)
		page_set(page_section(page, "new_feed"), "token", feed);
	return page_send(r, status, page);
}

static int
show_staff(struct request *r)
{
	return show_desk(r, 200, NULL);
}

static const struct action *
action_of(const struct request *r)
{
	const struct action *a = actions;

	while (a->name != NULL && strcmp(a->name, web_part(r, 0)) != 0)
		a++;
	return a->name == NULL ? NULL : a;
}

/* Carry out an action, whose answer is one row with an outcome. */
static int
carry_out(struct request *r, const struct action *a)
{
	const char *args[8] = { auth_session(r) };
	const char *feed = NULL;
	const struct rows *rows;
	int n;

	for (n = 1; a->sends[n - 1] != NULL; n++)
		args[n] = form_or_null(r, a->sends[n - 1]);
	if (a->query == &q_feed_make)
		args[n] = feed = token_random(r->arena, FEED_BYTES);
	if ((rows = db_rows(r, a->query, args)) == NULL)
		return staff_turn_away(r, NULL);
	if (!rows_outcome(rows, "done")) {
		form_complain(r, a->sends[0], rows_named(rows, 0, "complaint"));
		return show_desk(r, 422, NULL);
	}
	if (feed != NULL)
		return show_desk(r, 200, feed);
	return web_see_other(r, "/staff/duty");
}

static int
act(struct request *r)
{
	const struct action *a = action_of(r);

	if (a == NULL)
		return 404;
	if (!form_read(r, duty_form))
		return r->status;
	if (auth_session(r) == NULL)
		return web_see_other(r, "/login");
	if (!staff_form(r, "duty", NULL)) {
		form_complain(r, a->sends[0],
		    "This page lay open for too long, or you signed in anew "
		    "since: look at it once more and send it again");
		return show_desk(r, 403, NULL);
	}
	if (!form_complete(r))
		return show_desk(r, 422, NULL);
	return carry_out(r, a);
}

static const struct route routes[] = {
	{ "GET", "/duty", show_now, WEB_PUBLIC },
	{ "GET", "/duty/weeks", show_weeks, WEB_PUBLIC },
	{ "GET", "/duty/feed/:token", send_feed, WEB_SECRET },
	{ "GET", "/staff/duty", show_staff, WEB_PRIVATE },
	{ "POST", "/staff/duty/:what", act, WEB_PRIVATE },
	{ NULL, NULL, NULL, WEB_PRIVATE },
};

static const struct query *const queries[] = { &q_now, &q_weeks, &q_feed_name,
	&q_feed, &q_desk, &q_mine, &q_choices, &q_offers, &q_roster, &q_absent,
	&q_exemptions, &q_feeds, &q_history, &q_ask, &q_answer, &q_take,
	&q_ride, &q_verdict, &q_exempt, &q_exempt_end, &q_join, &q_feed_make,
	&q_feed_end, NULL };

int
main(void)
{
	static const struct program duty = {
		.name = "duty",
		.routes = routes,
		.queries = queries,
		.body_max = 16 * 1024,
	};

	/* looks for its files, which later is too late */
	icaltimezone_get_utc_timezone();
	return web_main(&duty);
}
