/*
 * staff - the queue, and the protected page of a ticket
 *
 *	GET  /staff				the queue; ?view=, filters, ?q=
 *	GET  /staff/load			tickets and people by week
 *	GET  /staff/load.csv			the same for a spreadsheet
 *	GET  /staff/tickets/:number		one ticket, with all there is
 *	POST /staff/tickets/:number/reply	send to the requester
 *	POST /staff/tickets/:number/note	add an internal note
 *	POST /staff/tickets/:number/take	make it one's own
 *	POST /staff/tickets/:number/assign	give it to somebody
 *	POST /staff/tickets/:number/change	state, severity, kind, product
 *	POST /staff/tickets/:number/route	team and customer
 *	POST /staff/tickets/:number/down	is production down?
 *	POST /staff/tickets/:number/visibility	public or private, or ask for it
 *	POST /staff/tickets/:number/hold	on hold; the next update's date
 *	POST /staff/tickets/:number/resolve	solved, and how
 *	POST /staff/tickets/:number/reason	why a promise was broken
 *	GET  /staff/tickets/:number/why		why is this due then?
 *	GET  /staff/tickets/:number/files/:id/:name	a file
 *
 * Runs as the database role desk_staff.  Every function takes the token of
 * the session cookie and finds out who that is; this file knows nobody.
 *
 * Nothing typed is lost.  A form carries the version of the ticket it was
 * made from; when the ticket has moved on, when the session has ended, or
 * when the form's token is not of this session, nothing is stored and the
 * text comes back in a form that can be sent again.  Refusals are the
 * database's and stand beside their field.  Files of a message or note wait
 * under the token of the form that brought them, which later forms carry on
 * as "kept".
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arena.h"
#include "auth.h"
#include "csv.h"
#include "db.h"
#include "file.h"
#include "form.h"
#include "markup.h"
#include "openpgp.h"
#include "page.h"
#include "staff.h"
#include "token.h"
#include "web.h"

#define QUEUE_PAGE 50
#define QUEUE_PAGE_AND_ONE "51"
#define LOAD_PAGE "26" /* weeks */
#define LOAD_CSV "520"
#define BODY_MAX 60000   /* characters of a message or note */
#define REASON_MAX 20000 /* characters */
#define BREACH_MAX 2000  /* characters */
#define ARMOR_MOST 10    /* encrypted texts to be copied from a page */

static const struct query q_me = {
	.name = "staff_me",
	.sql = "SELECT * FROM api.staff_me($1)",
	.params = 1,
};

static const struct query q_duty = {
	.name = "staff_duty",
	.sql = "SELECT * FROM api.staff_duty($1)",
	.params = 1,
};

static const struct query q_views = {
	.name = "staff_views",
	.sql = "SELECT * FROM api.staff_views($1, $2)",
	.params = 2,
};

static const struct query q_filters = {
	.name = "staff_filters",
	.sql = "SELECT * FROM api.staff_filters($1)",
	.params = 1,
};

static const struct query q_queue = {
	.name = "staff_queue",
	.sql = "SELECT * FROM api.staff_queue($1, $2, $3, $4, $5, $6, $7, "
	       "$8::int, $9)",
	.params = 9,
};

static const struct query q_ticket = {
	.name = "staff_ticket",
	.sql = "SELECT * FROM api.staff_ticket($1, $2::int)",
	.params = 2,
};

static const struct query q_promises = {
	.name = "staff_promises",
	.sql = "SELECT * FROM api.staff_promises($1, $2::int)",
	.params = 2,
};

static const struct query q_thread = {
	.name = "staff_thread",
	.sql = "SELECT * FROM api.staff_thread($1, $2::int, $3)",
	.params = 3,
};

static const struct query q_choices = {
	.name = "staff_choices",
	.sql = "SELECT * FROM api.staff_choices($1, $2::int)",
	.params = 2,
};

static const struct query q_reply = {
	.name = "staff_reply",
	.sql = "SELECT * FROM api.staff_reply($1, $2::int, $3::int, $4, $5, "
	       "$6, $7::int, $8::boolean, $9::boolean, $10, $11, $12)",
	.params = 12,
};

static const struct query q_note = {
	.name = "staff_note",
	.sql = "SELECT * FROM api.staff_note($1, $2::int, $3::int, $4, $5, "
	       "$6, $7::int, $8)",
	.params = 8,
};

static const struct query q_files = {
	.name = "staff_files",
	.sql = "SELECT * FROM api.staff_files($1, $2::int)",
	.params = 2,
};

static const struct query q_private = {
	.name = "staff_private",
	.sql = "SELECT * FROM api.staff_private($1, $2::int)",
	.params = 2,
};

static const struct query q_file = {
	.name = "staff_file",
	.sql = "SELECT * FROM api.staff_file($1, $2::int, $3::bigint)",
	.params = 3,
};

static const struct query q_piece = {
	.name = "staff_piece",
	.sql = "SELECT api.staff_file_piece($1, $2::int, $3::bigint, $4::int)",
	.params = 4,
	.binary = true,
};

static const struct query q_file_check = {
	.name = "staff_file_check",
	.sql = "SELECT * FROM api.staff_file_check($1, $2, $3, $4::text[],"
	       " string_to_array($5, '/'), $6::text[], $7::bigint[], $8::int,"
	       " $9::bigint)",
	.params = 9,
};

static const struct query q_upload = {
	.name = "staff_upload",
	.sql = "SELECT api.staff_upload($1, $2, $3, $4, $5, $6::int, $7, "
	       "$8::bigint, $9::int, $10)",
	.params = 10,
};

static const struct query q_uploads = {
	.name = "staff_uploads",
	.sql = "SELECT * FROM api.staff_uploads($1, $2)",
	.params = 2,
};

static const struct query q_file_drop = {
	.name = "staff_file_drop",
	.sql = "SELECT api.staff_file_drop($1, $2, $3::int)",
	.params = 3,
};

static const struct query q_take = {
	.name = "staff_take",
	.sql = "SELECT * FROM api.staff_take($1, $2::int, $3::int, $4)",
	.params = 4,
};

static const struct query q_assign = {
	.name = "staff_assign",
	.sql = "SELECT * FROM api.staff_assign($1, $2::int, $3::int, $4, "
	       "$5::int)",
	.params = 5,
};

static const struct query q_change = {
	.name = "staff_change",
	.sql = "SELECT * FROM api.staff_change($1, $2::int, $3::int, $4, $5, "
	       "$6, $7, $8)",
	.params = 8,
};

static const struct query q_route = {
	.name = "staff_route",
	.sql = "SELECT * FROM api.staff_route($1, $2::int, $3::int, $4, $5, "
	       "$6)",
	.params = 6,
};

static const struct query q_load = {
	.name = "staff_load",
	.sql = "SELECT * FROM api.staff_load($1, $2::int)",
	.params = 2,
};

static const struct query q_load_page = {
	.name = "staff_load_page",
	.sql = "SELECT * FROM api.staff_load_page($1, $2::int)",
	.params = 2,
};

static const struct query q_ringing = {
	.name = "staff_ringing",
	.sql = "SELECT * FROM api.staff_ringing($1)",
	.params = 1,
};

static const struct query q_paging = {
	.name = "staff_paging",
	.sql = "SELECT * FROM api.staff_paging($1, $2::int)",
	.params = 2,
};

static const struct query q_down = {
	.name = "staff_down",
	.sql = "SELECT * FROM api.staff_down($1, $2::int, $3::int, $4, $5)",
	.params = 5,
};

static const struct query q_visibility = {
	.name = "staff_visibility",
	.sql = "SELECT * FROM api.staff_visibility($1, $2::int, $3::int, $4, "
	       "$5)",
	.params = 5,
};

static const struct query q_hold = {
	.name = "staff_hold",
	.sql = "SELECT * FROM api.staff_hold($1, $2::int, $3::int, $4, $5, "
	       "$6)",
	.params = 6,
};

static const struct query q_resolve = {
	.name = "staff_resolve",
	.sql = "SELECT * FROM api.staff_resolve($1, $2::int, $3::int, $4, $5, "
	       "$6, $7, $8, $9)",
	.params = 9,
};

static const struct query q_reason = {
	.name = "staff_reason",
	.sql = "SELECT * FROM api.staff_reason($1, $2::int, $3::int, $4, $5, "
	       "$6)",
	.params = 6,
};

static const struct query q_why = {
	.name = "staff_why",
	.sql = "SELECT * FROM api.staff_why($1, $2::int)",
	.params = 2,
};

/* What every form of a ticket carries, besides what is typed. */
#define CARRIED                                                                \
	{ "csrf", FORM_LINE, 200, "This form is damaged" },                    \
	    { "version", FORM_LINE, 10, "This form is damaged" },              \
	    { "seen", FORM_LINE, 40, "This form is damaged" },                 \
	{                                                                      \
		"do", FORM_LINE, 20, "This form is damaged"                    \
	}

#define END                                                                    \
	{                                                                      \
		NULL, FORM_LINE, 0, NULL                                       \
	}
#define TOO_LONG_BODY "A message has at most 60,000 characters"
#define TOO_LONG_TEXT "At most 20,000 characters fit here"
#define NOT_OFFERED "Choose one from the list"

/* What a form that may bring files has for them. */
#define WITH_FILES                                                             \
	{ FILE_FIELD, FORM_FILE, 0, NULL },                                    \
	    { "drop", FORM_LINE, 3, "This form is damaged" },                  \
	{                                                                      \
		"kept", FORM_LINE, 200, "This form is damaged"                 \
	}

static const struct field reply_form[] = {
	CARRIED,
	WITH_FILES,
	{ "reply", FORM_TEXT, BODY_MAX, TOO_LONG_BODY },
	{ "attempt", FORM_LINE, 3, NOT_OFFERED },
	{ "solution", FORM_LINE, 3, NOT_OFFERED },
	{ "follow", FORM_LINE, 40, NOT_OFFERED },
	{ "until", FORM_LINE, 40, "Choose a date and a time" },
	END,
};

static const struct field note_form[] = {
	CARRIED,
	WITH_FILES,
	{ "note", FORM_TEXT, BODY_MAX, TOO_LONG_BODY },
	END,
};

static const struct field take_form[] = { CARRIED, END };

static const struct field assign_form[] = {
	CARRIED,
	{ "assignee", FORM_LINE, 10, NOT_OFFERED },
	END,
};

static const struct field change_form[] = {
	CARRIED,
	{ "state", FORM_LINE, 40, NOT_OFFERED },
	{ "severity", FORM_LINE, 2, NOT_OFFERED },
	{ "kind", FORM_LINE, 40, NOT_OFFERED },
	{ "product", FORM_LINE, 60, NOT_OFFERED },
	END,
};

static const struct field route_form[] = {
	CARRIED,
	{ "team", FORM_LINE, 40, NOT_OFFERED },
	{ "customer", FORM_LINE, 80, NOT_OFFERED },
	END,
};

static const struct field down_form[] = {
	CARRIED,
	{ "down", FORM_LINE, 3, NOT_OFFERED },
	END,
};

static const struct field visibility_form[] = {
	CARRIED,
	{ "visibility", FORM_LINE, 10, NOT_OFFERED },
	{ "ask", FORM_TEXT, BODY_MAX, TOO_LONG_BODY },
	END,
};

static const struct field hold_form[] = {
	CARRIED,
	{ "hold", FORM_LINE, 20, NOT_OFFERED },
	{ "hold_until", FORM_LINE, 40, "Choose a date and a time" },
	END,
};

static const struct field resolve_form[] = {
	CARRIED,
	{ "resolution", FORM_LINE, 40, NOT_OFFERED },
	{ "release", FORM_LINE, 10, NOT_OFFERED },
	{ "duplicate_of", FORM_LINE, 20, "Write the number of a ticket" },
	{ "reason", FORM_TEXT, REASON_MAX, TOO_LONG_TEXT },
	{ "alternative", FORM_TEXT, REASON_MAX, TOO_LONG_TEXT },
	END,
};

static const struct field reason_form[] = {
	CARRIED,
	{ "promise", FORM_LINE, 20, NOT_OFFERED },
	{ "breach_reason", FORM_TEXT, BREACH_MAX,
	    "At most 2,000 characters fit here" },
	END,
};

static const struct field queue_query[] = {
	{ "view", FORM_LINE, 20, NULL },
	{ "severity", FORM_LINE, 2, NULL },
	{ "kind", FORM_LINE, 40, NULL },
	{ "product", FORM_LINE, 60, NULL },
	{ "team", FORM_LINE, 40, NULL },
	{ "q", FORM_LINE, 300, NULL },
	{ "after", FORM_LINE, 60, NULL },
	END,
};

/*
 * A form of the ticket page.  Its function takes session, ticket, version
 * and the form's key, and then the fields of `sends`.  `first` is the field
 * where a refusal stands that is about no field in particular.
 */
struct action {
	const char *name; /* as in its URL */
	const struct query *query;
	const struct field *fields;
	const char *first;
	const char *button;
	const char *sends[6];
};

static const struct action reply_action = { "reply", &q_reply, reply_form,
	"reply", "Send to requester", { NULL } };
static const struct action note_action = { "note", &q_note, note_form, "note",
	"Add internal note", { NULL } };
static const struct action take_action = { "take", &q_take, take_form, "do",
	"Take it", { NULL } };
static const struct action assign_action = { "assign", &q_assign, assign_form,
	"assignee", "Assign", { "assignee", NULL } };
static const struct action change_action = { "change", &q_change, change_form,
	"state", "Change", { "state", "severity", "kind", "product", NULL } };
static const struct action route_action = { "route", &q_route, route_form,
	"team", "Change", { "team", "customer", NULL } };
static const struct action down_action = { "down", &q_down, down_form, "down",
	"Production is down, or not", { "down", NULL } };
static const struct action visibility_action = { "visibility", &q_visibility,
	visibility_form, "visibility", "Change who may read it",
	{ "visibility", NULL } };
static const struct action ask_action = { "visibility", &q_reply,
	visibility_form, "ask", "Ask the requester", { NULL } };
static const struct action hold_action = { "hold", &q_hold, hold_form, "hold",
	"Save", { "hold", "hold_until", NULL } };
static const struct action resolve_action = { "resolve", &q_resolve,
	resolve_form, "resolution", "Solve",
	{ "resolution", "reason", "alternative", "duplicate_of", "release",
	    NULL } };

static const struct action reason_action = { "reason", &q_reason, reason_form,
	"breach_reason", "Say so", { "promise", "breach_reason", NULL } };

/* What a field is called when the typed text is shown again. */
static const struct label {
	const char *field, *words;
} labels[] = {
	{ "reply", "Your message to the requester" },
	{ "note", "Your internal note" },
	{ "ask", "Your question to the requester" },
	{ "attempt", "Marked as an attempt to help" },
	{ "solution", "Marked as the solution" },
	{ "follow", "Afterwards the ticket is" },
	{ "until", "Next update by" },
	{ "assignee", "Assign to" },
	{ "state", "State" },
	{ "severity", "Severity" },
	{ "kind", "Kind" },
	{ "product", "Product" },
	{ "team", "Team" },
	{ "customer", "Customer" },
	{ "down", "Production is down" },
	{ "visibility", "Who may read it" },
	{ "hold", "On hold" },
	{ "hold_until", "Next update by" },
	{ "resolution", "How it ends" },
	{ "release", "Release" },
	{ "duplicate_of", "Goes on in ticket" },
	{ "reason", "Reason" },
	{ "alternative", "Alternative" },
	{ "promise", "The promise" },
	{ "breach_reason", "Why it was broken" },
	{ NULL, NULL },
};

static const char *
label_of(const char *field)
{
	const struct label *l = labels;

	while (l->field != NULL && strcmp(l->field, field) != 0)
		l++;
	return l->words;
}

/* Has the form that was sent a field of this name?  Its value, else NULL. */
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

static bool
is_blank(const char *s)
{
	return s == NULL || s[strspn(s, " \t\r\n\v\f")] == '\0';
}

/* Each row into the list of its field, marked when typed or current. */
static void
add_choices(struct request *r, struct page *page, const struct rows *rows)
{
	int i;

	for (i = 0; i < rows_count(rows); i++) {
		const char *field = rows_named(rows, i, "field");
		const char *now = typed(r, field);
		struct page *choice = page_section(
		    page, arena_printf(r->arena, "choose_%s", field));

		page_row(choice, rows, i);
		if (now != NULL ? strcmp(now, rows_named(rows, i, "value")) == 0
				: *rows_named(rows, i, "is_current") == 't')
			page_show(choice, "chosen");
	}
}

/* The queue -------------------------------------------------------------- */

static void
add_rows(struct page *page, const struct rows *rows)
{
	int i, n = rows_count(rows);

	for (i = 0; i < n && i < QUEUE_PAGE; i++)
		page_row(page_section(page, "row"), rows, i);
	if (n == 0)
		page_show(page, "none");
	else
		page_show(page, "some");
	if (n > QUEUE_PAGE)
		page_set(page_section(page, "next"), "place",
		    rows_named(rows, QUEUE_PAGE - 1, "place"));
}

/* Which empty page is it?  Each helps in another way. */
static void
explain_filters(struct request *r, struct page *page)
{
	bool searching = *form_text(r, "q") != '\0';

	page_show(page, searching ? "searching" : "not_searching");
	page_show(page, *form_text(r, "severity") != '\0' ||
				*form_text(r, "kind") != '\0' ||
				*form_text(r, "product") != '\0' ||
				*form_text(r, "team") != '\0'
			    ? "filtered"
			    : "unfiltered");
	if (*form_text(r, "after") != '\0')
		page_show(page, "paged");
}

static int
show_queue(struct request *r)
{
	const char *token = auth_session(r);
	struct call *me, *duty, *views, *filters, *queue, *ringing;
	struct page *page;

	if (!form_query(r, queue_query))
		return r->status;

	const char *who[] = { token };
	/* a search is in all tickets and in no view */
	const char *view[] = { token,
		is_blank(form_text(r, "q")) ? form_or_null(r, "view") : "all" };
	const char *wanted[] = { token, form_or_null(r, "view"),
		form_or_null(r, "severity"), form_or_null(r, "kind"),
		form_or_null(r, "product"), form_or_null(r, "q"),
		form_or_null(r, "after"), QUEUE_PAGE_AND_ONE,
		form_or_null(r, "team") };

	me = db_call(r, &q_me, who);
	duty = db_call(r, &q_duty, who);
	views = db_call(r, &q_views, view);
	filters = db_call(r, &q_filters, who);
	ringing = db_call(r, &q_ringing, who);
	queue = db_call(r, &q_queue, wanted);
	if (db_get(r, queue) == NULL)
		return staff_turn_away(r, NULL);
	page = staff_page(r, "staff.html", "Queue", "staff");
	page_show(page, "at_queue");
	page_form(page, r);
	explain_filters(r, page);
	page_row(page, db_get(r, me), 0);
	page_row(page, db_get(r, duty), 0);
	page_rows(page, "ringing", db_get(r, ringing));
	page_rows(page, "tab", db_get(r, views));
	add_choices(r, page, db_get(r, filters));
	add_rows(page, db_get(r, queue));
	return page_send(r, 200, page);
}

/* Load --------------------------------------------------------------------- */

static const struct rows *
read_load(struct request *r, const struct query *query, const char *weeks)
{
	const char *args[] = { auth_session(r), weeks };

	return db_rows(r, query, args);
}

static int
show_load(struct request *r)
{
	const struct rows *weeks = read_load(r, &q_load_page, LOAD_PAGE);
	struct page *page;

	if (weeks == NULL)
		return staff_turn_away(r, NULL);
	page = staff_page(r, "staff-load.html", "Load", "staff");
	/* the same in every row: there is always the present week */
	if (*rows_named(weeks, 0, "has_target") == 't')
		page_set(page_section(page, "aim"), "target_words",
		    rows_named(weeks, 0, "target_words"));
	page_rows(page, "row", weeks);
	return page_send(r, 200, page);
}

static int
send_load(struct request *r)
{
	const struct rows *weeks = read_load(r, &q_load, LOAD_CSV);

	if (weeks == NULL)
		return r->status;
	return csv_send(r, weeks, "load.csv");
}

/* One ticket ------------------------------------------------------------- */

/* Files ------------------------------------------------------------------ */

/*
 * The name under which files wait, in hex: the forms of a ticket's page have
 * one token, and a file for a note must not go out with a reply.
 */
static const char *
files_name(struct request *r, const unsigned char *key)
{
	const char *name = arena_printf(r->arena, "%s %s",
	    auth_key_hash(r, key),
	    typed(r, "note") != NULL ? note_action.name : reply_action.name);

	return token_sha256(r->arena, name, strlen(name));
}

/* The token under which this form's files wait: an earlier form's, or its own.
 * NULL when neither is one of this session. */
static const char *
files_token(struct request *r, const char **key_hash)
{
	const char *tokens[] = { typed(r, "kept"), typed(r, "csrf") };
	unsigned char key[AUTH_KEY];
	size_t i;

	if (tokens[0] == NULL || auth_session(r) == NULL)
		return NULL;
	for (i = 0; i < sizeof(tokens) / sizeof(*tokens); i++) {
		enum auth_verdict verdict =
		    auth_check(r, auth_purpose(r, "staff"), tokens[i], key);

		if (verdict != AUTH_GOOD && verdict != AUTH_EARLY)
			continue;
		*key_hash = files_name(r, key);
		return tokens[i];
	}
	return NULL;
}

static struct file_store
store_of(struct request *r, const char *key_hash)
{
	return (struct file_store){
		.check = &q_file_check,
		.piece = &q_upload,
		.list = &q_uploads,
		.drop = &q_file_drop,
		.who = { auth_session(r) },
		.key = key_hash,
	};
}

/* The files of the form that was sent, into the form that follows it. */
static void
show_files(struct request *r, struct page *form)
{
	const char *key, *token = files_token(r, &key);
	struct file_store store;

	if (token == NULL) {
		file_show(r, form, NULL);
		return;
	}
	store = store_of(r, key);
	page_set(page_section(form, "carry"), "kept", token);
	file_show(r, form, db_get(r, file_list(r, &store)));
}

/* The places for files in the two forms of a ticket's page. */
static void
add_file_fields(struct request *r, struct page *page)
{
	struct page *reply = page_section(page, "reply_files");
	struct page *note = page_section(page, "note_files");
	bool to_note = typed(r, "note") != NULL;

	file_limits(r, reply, to_note ? "reply-" : "");
	file_limits(r, note, to_note ? "" : "note-");
	if (to_note || typed(r, "reply") != NULL)
		show_files(r, to_note ? note : reply);
}

/* A confidential text as its armour, to be copied. */
static void
add_armor(struct request *r, struct page *part, struct call *call)
{
	const struct rows *piece = db_get(r, call);
	const char *packets;
	size_t size;

	if (piece == NULL || rows_count(piece) == 0)
		return;
	packets = rows_bytes(piece, 0, &size);
	if (size > 0)
		page_set(page_section(part, "sealed_armor"), "armor",
		    openpgp_armor(r->arena, "MESSAGE", packets, size));
}

/* Is it a text that its page can hold? */
static bool
has_armor(const struct rows *files, int i)
{
	return *rows_named(files, i, "file_is_sealed_text") == 't' &&
	       strtoul(rows_named(files, i, "size"), NULL, 10) <= FILE_PIECE;
}

/* The packets of the newest texts, by their rows; NULL for all else. */
static struct call **
ask_armor(struct request *r, const struct rows *files)
{
	size_t count = (size_t)rows_count(files), asked = 0;
	struct call **calls =
	    arena_alloc(r->arena, (count + 1) * sizeof(*calls));
	const char *args[] = { auth_session(r), web_part(r, 0), NULL, "0" };

	for (size_t i = count; i-- > 0 && asked < ARMOR_MOST;) {
		if (!has_armor(files, (int)i))
			continue;
		args[2] = rows_named(files, (int)i, "file_id");
		calls[i] = db_call(r, &q_piece, args);
		asked++;
	}
	return calls;
}

/* What came encrypted.  A long or an old text is for the download alone. */
static void
add_sealed(struct request *r, struct page *page, const struct rows *files)
{
	struct page *parts = NULL, *part;
	struct call **calls = ask_armor(r, files);

	for (int i = 0; i < rows_count(files); i++) {
		if (*rows_named(files, i, "file_is_sealed") != 't')
			continue;
		if (parts == NULL)
			parts = page_section(page, "sealed_parts");
		part = page_section(parts, "sealed_part");
		page_row(part, files, i);
		if (*rows_named(files, i, "file_is_sealed_text") != 't') {
			page_show(part, "file_is_sealed_file");
			continue;
		}
		if (calls[i] != NULL)
			add_armor(r, part, calls[i]);
	}
}

/* The calls that make up a ticket's page, in one round trip. */
struct ticket {
	const struct rows *me, *facts, *promises, *thread, *choices, *paging;
	const struct rows *files, *reason;
};

/* False: r->status says why. */
static bool
read_ticket(struct request *r, const char *since, struct ticket *t)
{
	const char *who[] = { auth_session(r), web_part(r, 0), since };
	struct call *me = db_call(r, &q_me, who);
	struct call *facts = db_call(r, &q_ticket, who);
	struct call *promises = db_call(r, &q_promises, who);
	struct call *thread = db_call(r, &q_thread, who);
	struct call *choices = db_call(r, &q_choices, who);
	struct call *paging = db_call(r, &q_paging, who);
	struct call *files = db_call(r, &q_files, who);
	struct call *reason = db_call(r, &q_private, who);

	if ((t->me = db_get(r, me)) == NULL ||
	    (t->facts = db_get(r, facts)) == NULL ||
	    (t->promises = db_get(r, promises)) == NULL ||
	    (t->thread = db_get(r, thread)) == NULL ||
	    (t->choices = db_get(r, choices)) == NULL ||
	    (t->paging = db_get(r, paging)) == NULL ||
	    (t->files = db_get(r, files)) == NULL ||
	    (t->reason = db_get(r, reason)) == NULL)
		return false;
	return true;
}

static const char *
ticket_title(struct request *r, const struct ticket *t)
{
	return arena_printf(r->arena, "#%s %s",
	    rows_named(t->facts, 0, "number"),
	    rows_named(t->facts, 0, "subject"));
}

/* Fill forms with what is: page_form() puts what was typed over it. */
static void
add_current(struct page *page, const struct rows *facts)
{
	static const char *const fields[][2] = {
		{ "f_hold_until", "next_update_typed" },
		{ "f_reason", "reason" },
		{ "f_alternative", "alternative" },
		{ "f_duplicate_of", "duplicate_of" },
		{ "f_customer", "customer" },
	};
	size_t i;

	for (i = 0; i < sizeof(fields) / sizeof(*fields); i++)
		page_set(
		    page, fields[i][0], rows_named(facts, 0, fields[i][1]));
}

static struct page *
ticket_page(struct request *r, const struct ticket *t)
{
	struct page *page =
	    staff_page(r, "staff-ticket.html", ticket_title(r, t), "staff");

	page_row(page, t->me, 0);
	page_row(page, t->facts, 0);
	page_rows(page, "promised", t->promises);
	page_row(page, t->paging, 0);
	page_set(page, "place", "staff/tickets");
	file_thread(page, "said", t->thread, "entry", t->files);
	add_file_fields(r, page);
	add_sealed(r, page, t->files);
	page_rows(page, "private_reason", t->reason);
	add_current(page, t->facts);
	add_choices(r, page, t->choices);
	if (is_blank(typed(r, "ask")))
		page_show(page, "ask_fresh");
	page_form(page, r);
	return page;
}

/* Who is not signed in comes back to this ticket. */
static int
turn_away(struct request *r)
{
	return staff_turn_away_from(r, web_part(r, 0), NULL);
}

/* The page with what was typed and what is wrong with it, if anything. */
static int
show_again(struct request *r, const struct action *a)
{
	struct ticket t;
	struct page *page;

	if (!read_ticket(r, NULL, &t))
		return r->status;
	page = ticket_page(r, &t);
	page_show(page, arena_printf(r->arena, "open_%s", a->name));
	return page_send(r, 422, page);
}

static int
show_ticket(struct request *r)
{
	struct ticket t;

	if (!read_ticket(r, NULL, &t))
		return turn_away(r);
	return page_send(r, 200, ticket_page(r, &t));
}

/* Forms ------------------------------------------------------------------ */

/* How a choice reads on the page, else the value itself. */
static const char *
words_of(const struct rows *choices, const char *field, const char *value)
{
	int i;

	for (i = 0; choices != NULL && i < rows_count(choices); i++)
		if (strcmp(rows_named(choices, i, "field"), field) == 0 &&
		    strcmp(rows_named(choices, i, "value"), value) == 0)
			return rows_named(choices, i, "label");
	return value;
}

/* All that was typed into a form: texts to be edited, the rest to be sent. */
static void
add_typed(struct request *r, struct page *page, const struct action *a,
    const struct rows *choices)
{
	const char *name, *value, *complaint;
	bool lines = false, texts = false;
	size_t i;

	for (i = 0; form_field(r, i, &name, &value, &complaint); i++) {
		bool is_text = a->fields[i].kind == FORM_TEXT;
		struct page *part;

		if (label_of(name) == NULL || *value == '\0')
			continue;
		texts |= is_text;
		lines |= !is_text;
		part =
		    page_section(page, is_text ? "typed_text" : "typed_line");
		page_set(part, "field", name);
		page_set(part, "label", label_of(name));
		page_set(part, "value", value);
		page_set(part, "words", words_of(choices, name, value));
	}
	if (lines)
		page_show(page, "with_lines");
	if (!lines && !texts)
		page_show(page, "without_any");
}

/*
 * Nothing was stored: show the text again in a form of its own.  `why` is
 * the section that explains: moved, expired or signed_out.
 */
static int
send_again(struct request *r, const struct action *a, const char *why,
    const struct ticket *t, int status)
{
	struct page *page =
	    t == NULL ? page_new(r, "staff-again.html")
		      : staff_page(r, "staff-again.html", "", "staff");

	page_show(page, why);
	page_set(page, "number", web_part(r, 0));
	page_set(page, "action", a->name);
	page_set(page, "button", a->button);
	page_set(page, "send", a == &ask_action ? "ask" : "send");
	if (a == &note_action)
		page_show(page, "for_staff");
	page_set(page, "title",
	    arena_printf(
		r->arena, "Not stored yet: ticket #%s", web_part(r, 0)));
	if (t != NULL) {
		page_show(page, "known");
		page_row(page, t->facts, 0);
		page_set(page, "place", "staff/tickets");
		file_thread(page, "said", t->thread, "entry", t->files);
		if (rows_count(t->thread) == 0)
			page_show(page, "nothing_said");
	}
	add_typed(r, page, a, t == NULL ? NULL : t->choices);
	if (typed(r, "kept") != NULL) {
		struct page *files = page_section(page, "with_files");

		file_limits(r, files, "");
		show_files(r, files);
	}
	return page_send(r, status, page);
}

static int
signed_out(struct request *r, const struct action *a)
{
	/* Nothing was typed: signing in brings back to the ticket. */
	if (a == &take_action) {
		r->status = 401;
		return turn_away(r);
	}
	return send_again(r, a, "signed_out", NULL, 403);
}

/* The ticket, or the form's token, is not what this form was made for. */
static int
out_of_date(
    struct request *r, const struct action *a, const char *why, int status)
{
	const char *since = form_or_null(r, "seen");
	struct ticket t;

	if (read_ticket(r, since, &t))
		return send_again(r, a, why, &t, status);
	return r->status == 401 ? signed_out(r, a) : r->status;
}

/*
 * Read a form and check its token.  0 when it is ours; `key` then holds,
 * in hex, what names this form.  Else the status of what was sent.
 */
static int
open_form(struct request *r, const struct action *a, const char **key_hash)
{
	unsigned char key[AUTH_KEY];

	if (!form_read(r, a->fields))
		return r->status;
	if (auth_session(r) == NULL)
		return signed_out(r, a);
	if (!staff_form(r, "staff", key))
		return out_of_date(r, a, "expired", 403);
	*key_hash = auth_key_hash(r, key);
	return 0;
}

/* The database refused: its words beside the field, all else kept. */
static int
refused(struct request *r, const struct action *a, const struct rows *rows)
{
	const char *field = rows_named(rows, 0, "field");

	if (*field == '\0' || typed(r, field) == NULL)
		field = a->first;
	form_complain(r, field, rows_named(rows, 0, "complaint"));
	return show_again(r, a);
}

/* Run an action's query, whose answer is one row with an outcome. */
static int
carry_out(struct request *r, const struct action *a, const char *const *args)
{
	const struct rows *rows = db_rows(r, a->query, args);

	if (rows == NULL)
		return r->status == 401 ? signed_out(r, a) : r->status;
	if (rows_outcome(rows, "moved"))
		return out_of_date(r, a, "moved", 409);
	if (rows_outcome(rows, "refused"))
		return refused(r, a, rows);
	return web_see_other(r, "/staff/tickets/%s", web_part(r, 0));
}

static const char *
render(struct request *r, const char *text)
{
	return markup_html(r->arena, text, strlen(text));
}

static const char *
renderer(struct request *r)
{
	return arena_printf(r->arena, "%d", MARKUP_VERSION);
}

/* The ticket's page with a text as it would look, in section `where`. */
static int
preview(struct request *r, const char *where, const char *text)
{
	struct ticket t;
	struct page *page;

	if (!read_ticket(r, NULL, &t))
		return r->status;
	page = ticket_page(r, &t);
	page_set(page_section(page, where), "body_html", render(r, text));
	return page_send(r, 200, page);
}

/*
 * As open_form(), for a form that may bring files: keeps them, and answers
 * the buttons that are about files alone.
 */
static int
open_with_files(struct request *r, const struct action *a, const char **key,
    const char **files_key)
{
	struct file_store store;
	int status;

	if ((status = open_form(r, a, key)) != 0)
		return status;
	if (files_token(r, files_key) == NULL)
		return out_of_date(r, a, "expired", 403);
	store = store_of(r, *files_key);
	if (form_or_null(r, "drop") != NULL && form_complete(r))
		return file_drop(r, &store, form_text(r, "drop"))
		           ? show_again(r, a)
		           : r->status;
	if (!file_take(r, &store))
		return r->status == 401 ? signed_out(r, a) : r->status;
	return form_pressed(r, "ahead") ? file_ahead(r) : 0;
}

static bool
has_files(const struct request *r)
{
	return form_file(r, FILE_FIELD, 0) != NULL ||
	       *form_text(r, "kept") != '\0';
}

static int
reply(struct request *r)
{
	const struct action *a = &reply_action;
	const char *key, *files_key, *text;
	int status;

	if ((status = open_with_files(r, a, &key, &files_key)) != 0)
		return status;
	text = form_text(r, "reply");
	if (is_blank(text) && !has_files(r))
		form_complain(r, "reply", "Write what you want to say");
	if (!form_complete(r))
		return show_again(r, a);
	if (form_pressed(r, "preview"))
		return preview(r, "reply_preview", text);

	const char *args[] = { auth_session(r), web_part(r, 0),
		form_or_null(r, "version"), key, text, render(r, text),
		renderer(r), form_sent(r, "attempt") ? "t" : "f",
		form_sent(r, "solution") ? "t" : "f", form_or_null(r, "follow"),
		form_or_null(r, "until"), files_key };

	return carry_out(r, a, args);
}

static int
add_note(struct request *r)
{
	const struct action *a = &note_action;
	const char *key, *files_key, *text;
	int status;

	if ((status = open_with_files(r, a, &key, &files_key)) != 0)
		return status;
	text = form_text(r, "note");
	if (is_blank(text))
		form_complain(r, "note", "Write the note first");
	if (!form_complete(r))
		return show_again(r, a);
	if (form_pressed(r, "preview"))
		return preview(r, "note_preview", text);

	const char *args[] = { auth_session(r), web_part(r, 0),
		form_or_null(r, "version"), key, text, render(r, text),
		renderer(r), files_key };

	return carry_out(r, a, args);
}

/* The question whether a ticket may become public is a message like any. */
static int
ask(struct request *r, const char *key)
{
	const char *text = form_text(r, "ask");

	if (is_blank(text))
		form_complain(r, "ask", "Write your question");
	if (!form_complete(r))
		return show_again(r, &ask_action);

	const char *args[] = { auth_session(r), web_part(r, 0),
		form_or_null(r, "version"), key, text, render(r, text),
		renderer(r), "f", "f", NULL, NULL, NULL };

	return carry_out(r, &ask_action, args);
}

/* A form whose fields go to the database as they are. */
static int
update(struct request *r, const struct action *a)
{
	const char *args[4 + sizeof(a->sends) / sizeof(*a->sends)];
	const char *key, *const *field;
	int status, n = 4;

	if ((status = open_form(r, a, &key)) != 0)
		return status;
	if (a == &visibility_action && form_pressed(r, "ask"))
		return ask(r, key);
	if (!form_complete(r))
		return show_again(r, a);
	args[0] = auth_session(r);
	args[1] = web_part(r, 0);
	args[2] = form_or_null(r, "version");
	args[3] = key;
	for (field = a->sends; *field != NULL; field++)
		args[n++] = form_or_null(r, *field);
	return carry_out(r, a, args);
}

static int
take(struct request *r)
{
	return update(r, &take_action);
}

static int
assign(struct request *r)
{
	return update(r, &assign_action);
}

static int
change(struct request *r)
{
	return update(r, &change_action);
}

static int
route(struct request *r)
{
	return update(r, &route_action);
}

static int
down(struct request *r)
{
	return update(r, &down_action);
}

static int
visibility(struct request *r)
{
	return update(r, &visibility_action);
}

static int
hold(struct request *r)
{
	return update(r, &hold_action);
}

static int
resolve(struct request *r)
{
	return update(r, &resolve_action);
}

static int
give_reason(struct request *r)
{
	return update(r, &reason_action);
}

static int
show_why(struct request *r)
{
	const char *args[] = { auth_session(r), web_part(r, 0) };
	const struct rows *lines = db_rows(r, &q_why, args);
	struct page *page;

	if (lines == NULL)
		return turn_away(r);
	page =
	    staff_page(r, "staff-why.html", "Why is this due then?", "staff");
	page_set(page, "number", web_part(r, 0));
	page_rows(page, "line", lines);
	return page_send(r, 200, page);
}

static int
send_file(struct request *r)
{
	const char *args[] = { auth_session(r), web_part(r, 0),
		web_part(r, 1) };
	int status = file_send(r, &q_file, &q_piece, args, 3);

	/* what is no number is no file */
	if (status == 401) {
		r->status = status;
		return turn_away(r);
	}
	return status == 400 ? 404 : status;
}

static const struct route routes[] = {
	{ "GET", "/staff", show_queue, WEB_PRIVATE },
	{ "GET", "/staff/load", show_load, WEB_PRIVATE },
	{ "GET", "/staff/load.csv", send_load, WEB_PRIVATE },
	{ "GET", "/staff/tickets/:number", show_ticket, WEB_PRIVATE },
	{ "POST", "/staff/tickets/:number/reply", reply, WEB_PRIVATE },
	{ "POST", "/staff/tickets/:number/note", add_note, WEB_PRIVATE },
	{ "POST", "/staff/tickets/:number/take", take, WEB_PRIVATE },
	{ "POST", "/staff/tickets/:number/assign", assign, WEB_PRIVATE },
	{ "POST", "/staff/tickets/:number/change", change, WEB_PRIVATE },
	{ "POST", "/staff/tickets/:number/route", route, WEB_PRIVATE },
	{ "POST", "/staff/tickets/:number/down", down, WEB_PRIVATE },
	{ "POST", "/staff/tickets/:number/visibility", visibility,
	    WEB_PRIVATE },
	{ "POST", "/staff/tickets/:number/hold", hold, WEB_PRIVATE },
	{ "POST", "/staff/tickets/:number/resolve", resolve, WEB_PRIVATE },
	{ "POST", "/staff/tickets/:number/reason", give_reason, WEB_PRIVATE },
	{ "GET", "/staff/tickets/:number/why", show_why, WEB_PRIVATE },
	{ "GET", "/staff/tickets/:number/files/:id/:name", send_file,
	    WEB_PRIVATE },
	{ NULL, NULL, NULL, WEB_PRIVATE },
};

static const struct query *const queries[] = { &q_me, &q_duty, &q_views,
	&q_filters, &q_queue, &q_ticket, &q_promises, &q_thread, &q_choices,
	&q_reply, &q_note, &q_take, &q_assign, &q_change, &q_route, &q_load,
	&q_load_page, &q_ringing, &q_paging, &q_down, &q_visibility, &q_hold,
	&q_resolve, &q_reason, &q_why, &q_files, &q_private, &q_file, &q_piece,
	&q_file_check, &q_upload, &q_uploads, &q_file_drop, NULL };

/* As in the routes. */
static const char *const upload_paths[] = { "/staff/tickets/:number/reply",
	"/staff/tickets/:number/note", NULL };

int
main(void)
{
	static const struct program staff = {
		.name = "staff",
		.routes = routes,
		.queries = queries,
		.body_max = 1024 * 1024,
		.upload_paths = upload_paths,
		.uploads = &file_uploads,
	};

	return web_main(&staff);
}
