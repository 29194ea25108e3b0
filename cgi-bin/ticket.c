/*
 * ticket - one ticket, for everybody or for the holder of its secret link
 *
 *	GET  /tickets/:number		the public page
 *	GET  /tickets/:number/why	why is this due then?
 *	GET  /tickets/:number/files/:id/:name	a file; the name is for people
 *	POST /tickets/:number/me-too	"this affects me too"
 *	POST /tickets/:number/follow	mail, please; asks the address first
 *	GET, POST /follow/:token	the address agrees
 *	GET, POST /unfollow/:token	no more mail
 *	GET  /r/:token			the secret link: sets a cookie for
 *					/my/:number and goes there
 *	GET  /my/:number		the requester's own view
 *	GET  /my/:number/why		why is this due then?
 *	GET  /my/:number/receipt	what happens next, to be printed
 *	GET  /my/:number/files/:id/:name	a file
 *	POST /my/:number/reply		do=send, preview, not-solved, ahead;
 *					drop=<place> (a file)
 *	POST /my/:number/solved		"solved, thank you"
 *	POST /my/:number/follow		do=start, stop
 *	POST /my/:number/consent	staff may make it public
 *
 * Runs as the database role desk_ticket.  Public pages come from the public
 * copies.  All else takes the link's token, which the database checks; a
 * ticket that the token does not open does not exist (404, the same bytes
 * as for a number that was never given).  The token stays out of URLs after
 * the first visit and is sent by the browser to /my/:number only.
 */
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "arena.h"
#include "auth.h"
#include "conf.h"
#include "confidential.h"
#include "db.h"
#include "file.h"
#include "form.h"
#include "markup.h"
#include "page.h"
#include "web.h"

#define BODY_MAX (512 * 1024)           /* bytes, %XX included */
#define LINK_SECONDS (400 * 24 * 3600L) /* as long as browsers allow */

static const struct query q_ticket = {
	.name = "ticket",
	.sql = "SELECT * FROM api.public_ticket WHERE number = $1::int",
	.params = 1,
};

static const struct query q_thread = {
	.name = "thread",
	.sql =
	    "SELECT is_message, is_change, is_staff, is_solution, seq, initial,"
	    " name, body_html, what, new, has_new, is_removed, posted_at,"
	    " posted_words FROM api.public_entry WHERE ticket = $1::int"
	    " ORDER BY ticket, at, is_change, seq",
	.params = 1,
};

static const struct query q_why = {
	.name = "why",
	.sql = "SELECT * FROM api.ticket_why($1::int)",
	.params = 1,
};

static const struct query q_mine_why = {
	.name = "mine_why",
	.sql = "SELECT * FROM api.ticket_mine_why($1, $2::int)",
	.params = 2,
};

static const struct query q_me_too = {
	.name = "me_too",
	.sql = "SELECT api.ticket_me_too($1::int, $2)",
	.params = 2,
};

static const struct query q_follow = {
	.name = "follow",
	.sql = "SELECT api.ticket_follow($1::int, $2, $3)",
	.params = 3,
};

static const struct query q_follow_link = {
	.name = "follow_link",
	.sql = "SELECT * FROM api.ticket_follow_link($1)",
	.params = 1,
};

static const struct query q_follow_set = {
	.name = "follow_set",
	.sql = "SELECT api.ticket_follow_set($1, $2::boolean)",
	.params = 2,
};

static const struct query q_link = {
	.name = "link",
	.sql = "SELECT api.ticket_link($1)",
	.params = 1,
};

static const struct query q_mine = {
	.name = "mine",
	.sql = "SELECT * FROM api.ticket_mine($1, $2::int)",
	.params = 2,
};

static const struct query q_mine_thread = {
	.name = "mine_thread",
	.sql = "SELECT * FROM api.ticket_mine_thread($1, $2::int)",
	.params = 2,
};

static const struct query q_reply = {
	.name = "reply",
	.sql = "SELECT api.ticket_reply($1, $2::int, $3, $4, $5, $6, $7::int,"
	       " $8::boolean, sealed => $10, next_key => $9)",
	.params = 10,
};

static const struct query q_keys = {
	.name = "keys",
	.sql = "SELECT * FROM api.ticket_keys()",
};

static const struct query q_solved = {
	.name = "solved",
	.sql = "SELECT api.ticket_solved($1, $2::int, $3::boolean)",
	.params = 3,
};

static const struct query q_consent = {
	.name = "consent",
	.sql = "SELECT api.ticket_consent($1, $2::int)",
	.params = 2,
};

static const struct query q_mine_follow = {
	.name = "mine_follow",
	.sql = "SELECT api.ticket_mine_follow($1, $2::int, $3::boolean)",
	.params = 3,
};

static const struct query q_public_files = {
	.name = "public_files",
	.sql = "SELECT entry, file_id, file_name, size_words, file_is_image,"
	       " file_is_other, file_path FROM api.public_file"
	       " WHERE ticket = $1::int ORDER BY ticket, entry, place",
	.params = 1,
};

static const struct query q_public_file = {
	.name = "public_file",
	.sql = "SELECT file_name, type, size, is_image, sha256"
	       " FROM api.public_file"
	       " WHERE ticket = $1::int AND file_id = $2::bigint",
	.params = 2,
};

static const struct query q_public_piece = {
	.name = "public_piece",
	.sql = "SELECT api.public_file_piece($1::int, $2::bigint, $3::int)",
	.params = 3,
	.binary = true,
};

static const struct query q_mine_files = {
	.name = "mine_files",
	.sql = "SELECT * FROM api.ticket_mine_files($1, $2::int)",
	.params = 2,
};

static const struct query q_mine_file = {
	.name = "mine_file",
	.sql = "SELECT * FROM api.ticket_mine_file($1, $2::int, $3::bigint)",
	.params = 3,
};

static const struct query q_mine_piece = {
	.name = "mine_piece",
	.sql = "SELECT api.ticket_mine_file_piece($1, $2::int, $3::bigint,"
	       " $4::int)",
	.params = 4,
	.binary = true,
};

static const struct query q_file_check = {
	.name = "file_check",
	.sql = "SELECT * FROM api.ticket_file_check($1, $2::int, $3, $4,"
	       " $5::text[], string_to_array($6, '/'), $7::text[],"
	       " $8::bigint[], $9::int, $10::bigint, $11, $12::boolean)",
	.params = 12,
};

static const struct query q_upload = {
	.name = "upload",
	.sql = "SELECT api.ticket_upload($1, $2::int, $3, $4, $5, $6, $7::int,"
	       " $8, $9::bigint, $10::int, $11)",
	.params = 11,
};

static const struct query q_files = {
	.name = "files",
	.sql = "SELECT * FROM api.ticket_files($1, $2::int, $3)",
	.params = 3,
};

static const struct query q_file_drop = {
	.name = "file_drop",
	.sql = "SELECT api.ticket_file_drop($1, $2::int, $3, $4::int)",
	.params = 4,
};

static const char too_long[] =
    "Make this shorter; nothing is lost, it is all still here";

static const struct field public_fields[] = {
	{ "token", FORM_LINE, 200, too_long },
	{ "mail", FORM_LINE, 254, too_long },
	{ "website", FORM_LINE, 1000, too_long }, /* only robots fill it in */
	{ NULL, FORM_LINE, 0, NULL },
};

static const struct field my_fields[] = {
	{ "body", FORM_TEXT, 131072, too_long },
	{ FILE_FIELD, FORM_FILE, 0, NULL },
	CONFIDENTIAL_FIELDS,
	{ "token", FORM_LINE, 200, too_long },
	{ "do", FORM_LINE, 20, too_long },
	{ "drop", FORM_LINE, 3, too_long }, /* a button */
	{ "not_security", FORM_LINE, 1, too_long },
	{ NULL, FORM_LINE, 0, NULL },
};

/* Has it been said that it is no security hole? */
static bool
is_no_hole(const struct request *r)
{
	return form_pressed(r, "not-security") || form_sent(r, "not_security");
}

/* A number of ours, or 404 like a ticket that is not there. */
static bool
is_number(const char *s)
{
	size_t n = strspn(s, "0123456789");

	return n > 0 && n <= 9 && s[n] == '\0' && *s != '0';
}

/* The id of a file: as far as it can be one of ours. */
static bool
is_id(const char *s)
{
	size_t n = strspn(s, "0123456789");

	return n > 0 && n <= 18 && s[n] == '\0' && *s != '0';
}

static const char *
page_title(struct request *r, const struct rows *ticket)
{
	return arena_printf(r->arena, "#%s %s", rows_named(ticket, 0, "number"),
	    rows_named(ticket, 0, "subject"));
}

/* The solution stands on top of a solved ticket. */
static void
show_solution(struct page *page, const struct rows *ticket)
{
	const char *html = rows_named(ticket, 0, "solution_html");

	if (*html != '\0')
		page_set(page_section(page, "SOLUTION"), "BODY_HTML", html);
}

/* -- for everybody ------------------------------------------------------ */

static int
show_ticket(struct request *r)
{
	const char *key[] = { web_part(r, 0) };
	struct call *call_ticket, *call_thread, *call_files;
	const struct rows *ticket, *thread, *files;
	struct page *page;

	if (!is_number(key[0]))
		return 404;
	call_ticket = db_call(r, &q_ticket, key);
	call_thread = db_call(r, &q_thread, key);
	call_files = db_call(r, &q_public_files, key);
	ticket = db_get(r, call_ticket);
	thread = db_get(r, call_thread);
	files = db_get(r, call_files);
	if (ticket == NULL || thread == NULL || files == NULL)
		return r->status;
	if (rows_count(ticket) == 0)
		return 404;

	page = page_new(r, "ticket.html");
	page_show(page, "AT_TICKETS");
	page_set(page, "TITLE", page_title(r, ticket));
	page_set(page, "TOKEN", auth_token(r, "ticket"));
	page_set(page, "PLACE", "tickets");
	page_row(page, ticket, 0);
	show_solution(page, ticket);
	file_thread(page, "ENTRY", thread, "seq", files);
	return page_send(r, 200, page);
}

static int
send_file(struct request *r)
{
	const char *args[] = { web_part(r, 0), web_part(r, 1) };

	if (!is_number(args[0]) || !is_id(args[1]))
		return 404;
	return file_send(r, &q_public_file, &q_public_piece, args, 2);
}

/* A short page that says what has been done, or what to do instead. */
static int
say(struct request *r, int status, const char *what, const char *title)
{
	struct page *page = page_new(r, "ticket-said.html");

	page_show(page, "AT_TICKETS");
	page_set(page, "TITLE", title);
	page_set(page, "NUMBER", web_part(r, 0));
	page_set(page, "TOKEN", auth_token(r, "ticket"));
	page_form(page, r);
	page_show(page, what);
	return page_send(r, status, page);
}

/* Did a person press a button of ours?  Else answers, with *status. */
static bool
by_a_person(struct request *r, int *status)
{
	unsigned char key[AUTH_KEY];

	*status = 0;
	if (!is_number(web_part(r, 0)))
		*status = 404;
	else if (!form_read(r, public_fields))
		*status = r->status;
	else if (form_or_null(r, "website") != NULL ||
		 auth_check(r, "ticket", form_text(r, "token"), key) !=
		     AUTH_GOOD)
		*status = say(r, 403, "STALE", "Please press once more");
	return *status == 0;
}

/* The ledger of the clocks, as the rows of a table; `place` leads back. */
static int
send_why(struct request *r, const struct rows *lines, const char *place)
{
	struct page *page = page_new(r, "ticket-why.html");

	page_show(page, "AT_TICKETS");
	page_set(page, "TITLE", "Why is this due then?");
	page_set(page, "PLACE", place);
	page_set(page, "NUMBER", web_part(r, 0));
	page_rows(page, "LINE", lines);
	return page_send(r, 200, page);
}

static int
show_why(struct request *r)
{
	const char *key[] = { web_part(r, 0) };
	const struct rows *lines;

	if (!is_number(key[0]))
		return 404;
	if ((lines = db_rows(r, &q_why, key)) == NULL)
		return r->status;
	return send_why(r, lines, "tickets");
}

static int
count_me_too(struct request *r)
{
	const char *args[] = { web_part(r, 0), auth_visitor(r) };
	const struct rows *answer;
	int status;

	if (!by_a_person(r, &status))
		return status;
	if ((answer = db_rows(r, &q_me_too, args)) == NULL)
		return r->status;
	if (strcmp(rows_text(answer, 0, 0), "limited") == 0)
		return say(r, 429, "LIMITED", "That was often");
	return say(r, 200, "COUNTED", "Thank you, you are counted");
}

static int
ask_to_follow(struct request *r)
{
	const char *args[3] = { web_part(r, 0), auth_visitor(r) };
	const struct rows *answer;
	int status;

	if (!by_a_person(r, &status))
		return status;
	args[2] = form_text(r, "mail");
	if ((answer = db_rows(r, &q_follow, args)) == NULL)
		return r->status;
	if (strcmp(rows_text(answer, 0, 0), "limited") == 0)
		return say(r, 429, "LIMITED", "That was often");
	if (strcmp(rows_text(answer, 0, 0), "mail") == 0) {
		form_complain(
		    r, "mail", "Enter an email address like name@example.com");
		return say(r, 422, "ADDRESS", "Error: your email address");
	}
	return say(r, 200, "ASKED", "Please look into your mail");
}

/* -- by a link from a mail ---------------------------------------------- */

static int
show_follow_page(struct request *r, const char *what, const char *title)
{
	const char *key[] = { web_part(r, 0) };
	const struct rows *link = db_rows(r, &q_follow_link, key);
	struct page *page;

	if (link == NULL)
		return r->status;
	if (rows_count(link) == 0)
		return 404;
	page = page_new(r, "ticket-follow.html");
	page_set(page, "TITLE", title);
	page_set(page, "LINK", web_part(r, 0));
	page_row(page, link, 0);
	page_show(page, what);
	return page_send(r, 200, page);
}

static int
show_follow(struct request *r)
{
	return show_follow_page(r, "ASK_START", "Do you want mail about this?");
}

static int
show_unfollow(struct request *r)
{
	return show_follow_page(r, "ASK_STOP", "No more mail about this?");
}

static int
set_follow(struct request *r, const char *following, const char *what,
    const char *title)
{
	const char *args[] = { web_part(r, 0), following };

	if (db_rows(r, &q_follow_set, args) == NULL)
		return r->status;
	return show_follow_page(r, what, title);
}

static int
start_following(struct request *r)
{
	return set_follow(r, "true", "STARTED", "You will get mail");
}

static int
stop_following(struct request *r)
{
	return set_follow(r, "false", "STOPPED", "No more mail");
}

static int
open_link(struct request *r)
{
	const char *key[] = { web_part(r, 0) };
	const struct rows *ticket = db_rows(r, &q_link, key);
	const char *number;

	if (ticket == NULL)
		return r->status;
	number = rows_text(ticket, 0, 0);
	web_set_cookie(r, "link", key[0],
	    arena_printf(r->arena, "/my/%s", number), LINK_SECONDS);
	return web_see_other(r, "/my/%s", number);
}

/* -- for the holder of the secret link ---------------------------------- */

/* Forms under /my/ are bound to the link that opened the page. */
static const char *
my_purpose(struct request *r)
{
	return arena_printf(r->arena, "my %s", auth_link_cookie(r));
}

/* Where the files of the reply with this token are kept. */
static bool
store_of(struct request *r, const char *token, struct file_store *store)
{
	unsigned char key[AUTH_KEY];
	enum auth_verdict verdict = auth_check(r, my_purpose(r), token, key);

	if (verdict != AUTH_GOOD && verdict != AUTH_EARLY)
		return false;
	*store = (struct file_store){
		.check = &q_file_check,
		.piece = &q_upload,
		.list = &q_files,
		.drop = &q_file_drop,
		.who = { auth_link_cookie(r), web_part(r, 0) },
		.key = auth_key_hash(r, key),
		.more = { form_text(r, "body"), is_no_hole(r) ? "t" : "f" },
	};
	return true;
}

/* The files of the reply that was sent, onto the page that it comes back to. */
static void
show_my_files(struct request *r, struct page *page, const char *token)
{
	struct file_store store;

	file_limits(r, page, "");
	if (r->form == NULL)
		return;
	file_show(r, page,
	    store_of(r, token, &store) ? db_get(r, file_list(r, &store))
				       : NULL);
}

static void
show_my_preview(struct request *r, struct page *page)
{
	const char *body = form_text(r, "body");

	page_set(page_section(page, "PREVIEW"), "BODY_HTML",
	    markup_html(r->arena, body, strlen(body)));
}

/*
 * The requester's own page with what was typed into the answer, if anything
 * was.  `why` names a section of the template, or is NULL.
 */
static int
send_mine(struct request *r, int status, const char *token, const char *why)
{
	const char *key[] = { auth_link_cookie(r), web_part(r, 0) };
	struct call *call_ticket = db_call(r, &q_mine, key);
	struct call *call_thread = db_call(r, &q_mine_thread, key);
	struct call *call_files = db_call(r, &q_mine_files, key);
	struct call *call_keys = db_call(r, &q_keys, NULL);
	const struct rows *ticket = db_get(r, call_ticket);
	const struct rows *thread = db_get(r, call_thread);
	const struct rows *files = db_get(r, call_files);
	const struct rows *keys = db_get(r, call_keys);
	struct page *page;

	if (ticket == NULL || thread == NULL || files == NULL || keys == NULL)
		return r->status;
	page = page_new(r, "ticket-mine.html");
	page_show(page, "AT_TICKETS");
	page_set(page, "TITLE", page_title(r, ticket));
	page_set(page, "PLACE", "my");
	page_row(page, ticket, 0);
	show_solution(page, ticket);
	file_thread(page, "ENTRY", thread, "seq", files);
	page_form(page, r);
	show_my_files(r, page, token);
	confidential_show(r, page, keys);
	page_set(page, "TOKEN", token);
	page_show(page, *rows_named(ticket, 0, "is_public") == 't'
			    ? "EVERYBODY_READS"
			    : "STAFF_READ");
	if (*rows_named(ticket, 0, "is_solved") != 't')
		page_show(page, "IS_OPEN");
	if (why != NULL) {
		page_show(page, "TROUBLE");
		page_show(page, why);
	}
	if (form_pressed(r, "preview"))
		show_my_preview(r, page);
	return page_send(r, status, page);
}

static bool
has_link(struct request *r)
{
	return is_number(web_part(r, 0)) && auth_link_cookie(r) != NULL;
}

static int
show_mine(struct request *r)
{
	if (!has_link(r))
		return 404;
	return send_mine(r, 200, auth_token(r, my_purpose(r)), NULL);
}

static int
show_my_why(struct request *r)
{
	const char *key[] = { auth_link_cookie(r), web_part(r, 0) };
	const struct rows *lines;

	if (!has_link(r))
		return 404;
	if ((lines = db_rows(r, &q_mine_why, key)) == NULL)
		return r->status;
	return send_why(r, lines, "my");
}

static int
send_my_file(struct request *r)
{
	const char *args[] = { auth_link_cookie(r), web_part(r, 0),
		web_part(r, 1) };

	if (!has_link(r) || !is_id(args[2]))
		return 404;
	return file_send(r, &q_mine_file, &q_mine_piece, args, 3);
}

static int
show_receipt(struct request *r)
{
	const char *key[] = { auth_link_cookie(r), web_part(r, 0) };
	const struct rows *ticket;
	struct page *page;

	if (!has_link(r))
		return 404;
	if ((ticket = db_rows(r, &q_mine, key)) == NULL)
		return r->status;
	page = page_new(r, "ticket-receipt.html");
	page_show(page, "AT_REPORT");
	page_set(page, "TITLE",
	    arena_printf(
		r->arena, "Thank you. Your report is number %s", key[1]));
	page_set(page, "LINK", key[0]);
	page_row(page, ticket, 0);
	page_show(page, *rows_named(ticket, 0, "is_public") == 't'
			    ? "EVERYBODY_READS"
			    : "STAFF_READ");
	return page_send(r, 200, page);
}

/* Read a form under /my/; what is wrong is answered, with *status. */
static bool
take_mine(struct request *r, unsigned char *key, struct confidential *sealed,
    int *status)
{
	enum auth_verdict verdict;

	*status = 0;
	if (!has_link(r))
		*status = 404;
	else if (!form_read(r, my_fields) ||
		 !confidential_take(r, &q_keys, sealed))
		*status = r->status;
	if (*status != 0)
		return false;
	verdict = auth_check(r, my_purpose(r), form_text(r, "token"), key);
	if (verdict == AUTH_EXPIRED || verdict == AUTH_FORGED)
		*status =
		    send_mine(r, 403, auth_token(r, my_purpose(r)), "STALE");
	return *status == 0;
}

/* Run a one-line query for this ticket, then show the ticket again. */
static int
change_mine(struct request *r, const struct query *query, const char *value)
{
	const char *args[] = { auth_link_cookie(r), web_part(r, 0), value };

	if (db_rows(r, query, args) == NULL)
		return r->status;
	return web_see_other(r, "/my/%s", web_part(r, 0));
}

/* Nothing was stored: ask (`why` is ASK), or say where it goes. */
static int
send_security(struct request *r, int status, const char *why)
{
	static const char *const buttons[] = { "do", "drop", NULL };
	struct page *page = page_new(r, "ticket-security.html");

	page_show(page, "AT_TICKETS");
	page_set(page, "TITLE", "Is this about a security hole?");
	page_set(page, "NUMBER", web_part(r, 0));
	page_set(page, "SECURITY_CONTACT", r->conf->security_contact);
	page_show(page, why);
	page_typed(page, r, buttons);
	page_set(page, "F_BODY", form_text(r, "body"));
	return page_send(r, status, page);
}

/* One file is not wanted any more; those that came along are. */
static int
take_away(struct request *r, const struct file_store *store)
{
	if (!file_drop(r, store, form_text(r, "drop")) || !file_take(r, store))
		return r->status;
	return send_mine(
	    r, form_complete(r) ? 200 : 422, form_text(r, "token"), NULL);
}

/*
 * Post the message under its key.  What another one with the same key brings
 * waits for the form that follows, whose token is `next`.
 */
static int
send_reply(struct request *r, const unsigned char *key,
    const struct confidential *sealed, const char *next, const char *next_key)
{
	const char *body = form_text(r, "body"), *token = form_text(r, "token");
	const char *args[10] = { auth_link_cookie(r), web_part(r, 0),
		auth_key_hash(r, key), auth_visitor(r), body,
		markup_html(r->arena, body, strlen(body)),
		arena_printf(r->arena, "%d", MARKUP_VERSION),
		is_no_hole(r) ? "t" : "f", next_key };
	const struct rows *answer = db_get(
	    r, db_call_bytes(r, &q_reply, args, sealed->packets, sealed->size));
	const char *outcome;

	if (answer == NULL)
		return r->status;
	outcome = rows_text(answer, 0, 0);
	if (strcmp(outcome, "limited") == 0)
		return send_mine(r, 429, token, "LIMITED");
	if (strcmp(outcome, "other") == 0)
		return send_mine(r, 409, next, "OTHER");
	if (strcmp(outcome, "security") == 0)
		return send_security(r, 200, "ASK");
	if (strcmp(outcome, "withheld") == 0)
		return send_security(r, 422, "HOLE");
	if (strcmp(outcome, "empty") == 0) {
		form_complain(r, "body", "Write something first");
		return send_mine(r, 422, token, NULL);
	}
	return web_see_other(r, "/my/%s", web_part(r, 0));
}

static int
post_reply(struct request *r)
{
	const char *token, *next = auth_token(r, my_purpose(r));
	struct file_store store, next_store;
	struct confidential sealed;
	unsigned char key[AUTH_KEY];
	int status;

	if (!take_mine(r, key, &sealed, &status))
		return status;
	token = form_text(r, "token");
	if (!store_of(r, token, &store) || !store_of(r, next, &next_store))
		return 500;
	if (form_or_null(r, "drop") != NULL && form_complete(r))
		return take_away(r, &store);
	if (form_pressed(r, "security"))
		return send_security(r, 422, "HOLE");
	if (!file_take(r, &store))
		return r->status;
	if (form_pressed(r, "ahead"))
		return file_ahead(r);
	if (form_pressed(r, "preview"))
		return send_mine(r, 200, token, NULL);
	if (form_pressed(r, "not-solved") && form_or_null(r, "body") == NULL &&
	    form_file(r, FILE_FIELD, 0) == NULL && sealed.size == 0)
		return change_mine(r, &q_solved, "false");
	if (!form_complete(r))
		return send_mine(r, 422, token, NULL);
	return send_reply(r, key, &sealed, next, next_store.key);
}

static int
say_solved(struct request *r)
{
	struct confidential sealed;
	unsigned char key[AUTH_KEY];
	int status;

	if (!take_mine(r, key, &sealed, &status))
		return status;
	return change_mine(r, &q_solved, "true");
}

static int
give_consent(struct request *r)
{
	struct confidential sealed;
	unsigned char key[AUTH_KEY];
	int status;

	if (!take_mine(r, key, &sealed, &status))
		return status;
	return change_mine(r, &q_consent, NULL);
}

static int
follow_mine(struct request *r)
{
	struct confidential sealed;
	unsigned char key[AUTH_KEY];
	int status;

	if (!take_mine(r, key, &sealed, &status))
		return status;
	return change_mine(
	    r, &q_mine_follow, form_pressed(r, "stop") ? "false" : "true");
}

static const struct route routes[] = {
	{ "GET", "/tickets/:number", show_ticket, WEB_PUBLIC },
	{ "GET", "/tickets/:number/why", show_why, WEB_PUBLIC },
	{ "GET", "/tickets/:number/files/:id/:name", send_file, WEB_CHECKED },
	{ "POST", "/tickets/:number/me-too", count_me_too, WEB_PRIVATE },
	{ "POST", "/tickets/:number/follow", ask_to_follow, WEB_PRIVATE },
	{ "GET", "/follow/:token", show_follow, WEB_SECRET },
	{ "POST", "/follow/:token", start_following, WEB_SECRET },
	{ "GET", "/unfollow/:token", show_unfollow, WEB_SECRET },
	{ "POST", "/unfollow/:token", stop_following, WEB_ONE_CLICK },
	{ "GET", "/r/:token", open_link, WEB_SECRET },
	{ "GET", "/my/:number", show_mine, WEB_SECRET },
	{ "GET", "/my/:number/why", show_my_why, WEB_SECRET },
	{ "GET", "/my/:number/receipt", show_receipt, WEB_SECRET },
	{ "GET", "/my/:number/files/:id/:name", send_my_file, WEB_SECRET },
	{ "POST", "/my/:number/reply", post_reply, WEB_SECRET },
	{ "POST", "/my/:number/solved", say_solved, WEB_SECRET },
	{ "POST", "/my/:number/follow", follow_mine, WEB_SECRET },
	{ "POST", "/my/:number/consent", give_consent, WEB_SECRET },
	{ NULL, NULL, NULL, WEB_PRIVATE },
};

static const struct query *const queries[] = { &q_ticket, &q_thread, &q_me_too,
	&q_follow, &q_follow_link, &q_follow_set, &q_link, &q_mine,
	&q_mine_thread, &q_reply, &q_keys, &q_solved, &q_consent,
	&q_mine_follow, &q_why, &q_mine_why, &q_public_files, &q_public_file,
	&q_public_piece, &q_mine_files, &q_mine_file, &q_mine_piece,
	&q_file_check, &q_upload, &q_files, &q_file_drop, NULL };

/* As in the routes. */
static const char *const upload_paths[] = { "/my/:number/reply", NULL };

int
main(void)
{
	static const struct program ticket = {
		.name = "ticket",
		.routes = routes,
		.queries = queries,
		.body_max = BODY_MAX,
		.upload_paths = upload_paths,
		.uploads = &file_uploads,
	};

	return web_main(&ticket);
}
