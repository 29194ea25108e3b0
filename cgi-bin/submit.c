/*
 * submit - the home of "Report a problem"
 *
 *	GET  /report			choose a form
 *	GET  /report/:template		the form
 *	POST /report/:template		do=preview, send, confirm, not-security,
 *					security, ahead; same=<number>;
 *					production_down=yes, no;
 *					drop=<place> (a file)
 *	GET  /report/security		where security holes go (422)
 *	GET  /help/markdown		what a text may look like
 *	GET  /.well-known/security.txt	RFC 9116
 *
 * Runs as the database role desk_submit, which may read the forms and call
 * api.submit(); it cannot read a ticket.  What is wrong with a report, what
 * looks like a security hole, which tickets are similar and whether to ask
 * if somebody shall be woken is decided there.
 *
 * Whatever goes wrong, the form comes back with everything that was typed.
 * A filed report answers with 303 to its receipt, which the program ticket
 * shows to the holder of the link cookie that is set here.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
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

#define BODY_MAX (1024 * 1024)          /* bytes, %XX included */
#define LINK_SECONDS (400 * 24 * 3600L) /* as long as browsers allow */
#define ANSWERS 8                       /* as desk.intake_field */

static const struct query q_templates = {
	.name = "templates",
	.sql = "SELECT * FROM api.submit_template ORDER BY position, template",
};

static const struct query q_template = {
	.name = "template",
	.sql = "SELECT * FROM api.submit_template WHERE template = $1",
	.params = 1,
};

static const struct query q_fields = {
	.name = "fields",
	.sql = "SELECT * FROM api.submit_field WHERE template = $1"
	       " ORDER BY position",
	.params = 1,
};

static const struct query q_choices = {
	.name = "choices",
	.sql = "SELECT * FROM api.submit_choice WHERE template = $1"
	       " ORDER BY position, place",
	.params = 1,
};

static const struct query q_products = {
	.name = "products",
	.sql = "SELECT * FROM api.submit_product ORDER BY position, label",
};

static const struct query q_severities = {
	.name = "severities",
	.sql = "SELECT * FROM api.submit_severities()",
};

static const struct query q_submit = {
	.name = "submit",
	.sql = "SELECT * FROM api.submit($1, $2, $3, $4, $5, $6, $7, $8::int,"
	       " $9, $10, $11, $12, ARRAY[$13, $14, $15, $16, $17, $18, $19,"
	       " $20], $21, $22, $23, $24::boolean, $25::boolean,"
	       " $26::boolean, $27::boolean, $28, $29, $30)",
	.params = 30,
};

static const struct query q_keys = {
	.name = "keys",
	.sql = "SELECT * FROM api.submit_keys()",
};

static const struct query q_same = {
	.name = "same",
	.sql = "SELECT * FROM api.submit_same($1::int, $2, $3)",
	.params = 3,
};

static const struct query q_file_check = {
	.name = "file_check",
	.sql = "SELECT * FROM api.submit_file_check($1, $2, $3::text[],"
	       " string_to_array($4, '/'), $5::text[], $6::bigint[], $7::int,"
	       " $8::bigint, $9, $10, $11::boolean)",
	.params = 11,
};

static const struct query q_upload = {
	.name = "upload",
	.sql = "SELECT api.submit_upload($1, $2, $3, $4, $5::int, $6,"
	       " $7::bigint, $8::int, $9)",
	.params = 9,
};

static const struct query q_files = {
	.name = "files",
	.sql = "SELECT * FROM api.submit_files($1)",
	.params = 1,
};

static const struct query q_file_drop = {
	.name = "file_drop",
	.sql = "SELECT api.submit_file_drop($1, $2::int)",
	.params = 2,
};

#define TOO_LONG "Make this shorter; nothing is lost, it is all still here"

static const struct field fields[] = {
	{ "subject", FORM_LINE, 200,
	    "Make this shorter, 200 characters at most; the rest can go below" },
	{ "body", FORM_TEXT, 131072, TOO_LONG },
	{ "severity", FORM_LINE, 1, TOO_LONG },
	{ "blocked", FORM_LINE, 20, TOO_LONG },
	{ "product", FORM_LINE, 60, TOO_LONG },
	{ "answer1", FORM_TEXT, 5000, TOO_LONG },
	{ "answer2", FORM_TEXT, 5000, TOO_LONG },
	{ "answer3", FORM_TEXT, 5000, TOO_LONG },
	{ "answer4", FORM_TEXT, 5000, TOO_LONG },
	{ "answer5", FORM_TEXT, 5000, TOO_LONG },
	{ "answer6", FORM_TEXT, 5000, TOO_LONG },
	{ "answer7", FORM_TEXT, 5000, TOO_LONG },
	{ "answer8", FORM_TEXT, 5000, TOO_LONG },
	{ "tried", FORM_TEXT, 20000, TOO_LONG },
	{ "visibility", FORM_LINE, 20, TOO_LONG },
	{ "private_why", FORM_LINE, 20, TOO_LONG },
	{ "private_words", FORM_LINE, 200, TOO_LONG },
	CONFIDENTIAL_FIELDS,
	{ "name", FORM_LINE, 80, TOO_LONG },
	{ "mail", FORM_LINE, 254, TOO_LONG },
	{ "website", FORM_LINE, 1000, TOO_LONG }, /* only robots fill it in */
	{ "token", FORM_LINE, 200, TOO_LONG },
	{ "not_security", FORM_LINE, 1, TOO_LONG },
	{ "not_similar", FORM_LINE, 1, TOO_LONG },
	{ "production_down", FORM_LINE, 3, TOO_LONG }, /* a button */
	{ "do", FORM_LINE, 20, TOO_LONG },
	{ "same", FORM_LINE, 9, TOO_LONG },
	{ FILE_FIELD, FORM_FILE, 0, NULL },
	{ "drop", FORM_LINE, 3, TOO_LONG }, /* a button */
	{ NULL, FORM_LINE, 0, NULL },
};

/* Has it been said that it is no security hole? */
static bool
is_no_hole(const struct request *r)
{
	return form_pressed(r, "not-security") || form_sent(r, "not_security");
}

/* Where the files of the form with this token are kept. */
static bool
store_of(struct request *r, const char *token, struct file_store *store)
{
	unsigned char key[AUTH_KEY];
	enum auth_verdict verdict = auth_check(r, "report", token, key);

	if (verdict != AUTH_GOOD && verdict != AUTH_EARLY)
		return false;
	*store = (struct file_store){
		.check = &q_file_check,
		.piece = &q_upload,
		.list = &q_files,
		.drop = &q_file_drop,
		.key = auth_key_hash(r, key),
		.more = { form_text(r, "subject"), form_text(r, "body"),
		    is_no_hole(r) ? "true" : "false" },
	};
	return true;
}

/* The files that are kept for the form that was sent, onto its next page. */
static void
show_files(struct request *r, struct page *page, const char *token)
{
	struct file_store store;

	if (r->form == NULL)
		return;
	file_show(r, page,
	    store_of(r, token, &store) ? db_get(r, file_list(r, &store))
				       : NULL);
}

/* "answer3" for position 3. */
static const char *
answer_name(struct request *r, int position)
{
	return arena_printf(r->arena, "answer%d", position);
}

static const char *
complaint_about(const struct request *r, const char *wanted)
{
	const char *name, *value, *complaint;

	for (size_t i = 0; form_field(r, i, &name, &value, &complaint); i++)
		if (strcmp(name, wanted) == 0)
			return complaint;
	return NULL;
}

/* The choices of one question, the chosen one marked. */
static void
show_choices(struct page *question, const struct rows *choices,
    const char *position, const char *chosen)
{
	for (int i = 0; i < rows_count(choices); i++) {
		struct page *choice;

		if (strcmp(rows_named(choices, i, "position"), position) != 0)
			continue;
		choice = page_section(question, "CHOICE");
		page_row(choice, choices, i);
		if (strcmp(rows_named(choices, i, "label"), chosen) == 0)
			page_show(choice, "CHOSEN");
	}
}

/* The template's own questions with what was answered. */
static void
show_questions(struct request *r, struct page *page, const struct rows *asked,
    const struct rows *choices)
{
	for (int i = 0; i < rows_count(asked); i++) {
		struct page *question = page_section(page, "QUESTION");
		const char *position = rows_named(asked, i, "position");
		const char *name = answer_name(r, atoi(position));
		const char *value = form_text(r, name);
		const char *complaint = complaint_about(r, name);

		page_row(question, asked, i);
		page_set(question, "FIELD", name);
		page_set(question, "VALUE", value);
		if (*rows_named(asked, i, "has_choices") == 't') {
			struct page *list =
			    page_section(question, "WITH_CHOICES");

			page_set(list, "FIELD", name);
			show_choices(list, choices, position, value);
		} else
			page_show(question, "WITH_TEXT");
		if (complaint != NULL)
			page_set(page_section(question, "WRONG"), "COMPLAINT",
			    complaint);
	}
}

/* Rows of a list of choices, the one whose `column` is `chosen` marked. */
static void
show_options(struct page *page, const char *section, const struct rows *rows,
    const char *column, const char *chosen)
{
	for (int i = 0; i < rows_count(rows); i++) {
		struct page *option = page_section(page, section);

		page_row(option, rows, i);
		if (strcmp(rows_named(rows, i, column), chosen) == 0)
			page_show(option, "CHOSEN");
	}
}

static const char *
or_default(const char *typed, const char *otherwise)
{
	return *typed != '\0' ? typed : otherwise;
}

static void
show_preview(struct request *r, struct page *page)
{
	const char *body = form_text(r, "body");
	struct page *preview = page_section(page, "PREVIEW");

	page_set(preview, "F_SUBJECT", form_text(r, "subject"));
	page_set(
	    preview, "BODY_HTML", markup_html(r->arena, body, strlen(body)));
}

/* The choices that are not rows: can they go on, and who may read it. */
static void
show_marks(struct request *r, struct page *page, bool private_first)
{
	const char *blocked = form_text(r, "blocked");
	const char *reader = or_default(
	    form_text(r, "visibility"), private_first ? "private" : "public");

	page_show(page, strcmp(blocked, "blocked") == 0      ? "BLOCKED_YES"
			: strcmp(blocked, "workaround") == 0 ? "BLOCKED_AROUND"
							     : "BLOCKED_NO");
	page_show(page,
	    strcmp(reader, "private") == 0 ? "CHOSE_PRIVATE" : "CHOSE_PUBLIC");
}

/*
 * Send the form, filled with what was typed, if anything was.  `why` names
 * a section of the template that says what is up, or is NULL.
 */
static int
send_form(struct request *r, int status, const char *token, const char *why)
{
	const char *key[] = { web_part(r, 0) };
	struct call *call_template = db_call(r, &q_template, key);
	struct call *call_fields = db_call(r, &q_fields, key);
	struct call *call_choices = db_call(r, &q_choices, key);
	struct call *call_products = db_call(r, &q_products, NULL);
	struct call *call_severities = db_call(r, &q_severities, NULL);
	struct call *call_keys = db_call(r, &q_keys, NULL);
	const struct rows *template = db_get(r, call_template);
	const struct rows *asked = db_get(r, call_fields);
	const struct rows *choices = db_get(r, call_choices);
	const struct rows *products = db_get(r, call_products);
	const struct rows *severities = db_get(r, call_severities);
	const struct rows *keys = db_get(r, call_keys);
	struct page *page;

	if (keys == NULL || severities == NULL || products == NULL ||
	    choices == NULL || asked == NULL || template == NULL)
		return r->status;
	if (rows_count(template) == 0)
		return 404;

	page = page_new(r, "submit-form.html");
	page_show(page, "AT_REPORT");
	page_set(page, "TITLE",
	    why == NULL ? rows_named(template, 0, "label")
			: arena_printf(r->arena, "Error: %s",
			      rows_named(template, 0, "label")));
	page_row(page, template, 0);
	page_form(page, r);
	page_set(page, "TOKEN", token);
	if (why != NULL) {
		page_show(page, "TROUBLE");
		page_show(page, why);
	}
	if (form_pressed(r, "preview"))
		show_preview(r, page);
	show_questions(r, page, asked, choices);
	show_options(page, "PRODUCT_CHOICE", products, "product",
	    form_text(r, "product"));
	show_options(page, "SEVERITY_CHOICE", severities, "severity",
	    or_default(
		form_text(r, "severity"), rows_named(template, 0, "severity")));
	show_marks(r, page, *rows_named(template, 0, "is_private") == 't');
	file_limits(r, page, "");
	show_files(r, page, token);
	confidential_show(r, page, keys);
	return page_send(r, status, page);
}

/* A page between the form and the receipt; it carries all that was typed. */
static struct page *
step_page(struct request *r, const char *name, const char *title)
{
	static const char *const buttons[] = { "do", "same", "drop", NULL };
	struct page *page = page_new(r, name);

	page_show(page, "AT_REPORT");
	page_set(page, "TITLE", title);
	page_set(page, "TEMPLATE", web_part(r, 0));
	page_set(page, "SECURITY_CONTACT", r->conf->security_contact);
	page_typed(page, r, buttons);
	page_set(page, "F_SUBJECT", form_text(r, "subject"));
	page_set(page, "F_BODY", form_text(r, "body"));
	file_limits(r, page, "");
	show_files(r, page, form_text(r, "token"));
	return page;
}

static int
choose_form(struct request *r)
{
	const struct rows *templates = db_rows(r, &q_templates, NULL);
	struct page *page;

	if (templates == NULL)
		return r->status;
	page = page_new(r, "submit-choose.html");
	page_show(page, "AT_REPORT");
	page_set(page, "TITLE", "Report a problem or ask for help");
	page_rows(page, "FORM", templates);
	return page_send(r, 200, page);
}

static int
show_form(struct request *r)
{
	return send_form(r, 200, auth_token(r, "report"), NULL);
}

/* 002h: the desk takes no reports of security holes; it says who does. */
static int
show_security(struct request *r)
{
	struct page *page = page_new(r, "submit-hole.html");

	page_show(page, "AT_REPORT");
	page_set(page, "TITLE", "Security holes go elsewhere");
	page_set(page, "SECURITY_CONTACT", r->conf->security_contact);
	return page_send(r, 422, page);
}

/* Whether production is down as SQL wants it, NULL when nobody was asked. */
static const char *
down_or_null(const struct request *r)
{
	const char *said = form_text(r, "production_down");

	if (strcmp(said, "yes") == 0)
		return "true";
	return strcmp(said, "no") == 0 ? "false" : NULL;
}

static const struct rows *
call_submit(struct request *r, const unsigned char *key,
    const struct confidential *sealed, bool check_only)
{
	const char *body = form_text(r, "body");
	const char *args[30] = { auth_key_hash(r, key), auth_link(r, key),
		auth_visitor(r), web_part(r, 0), form_text(r, "subject"), body,
		markup_html(r->arena, body, strlen(body)),
		arena_printf(r->arena, "%d", MARKUP_VERSION),
		form_or_null(r, "severity"), form_or_null(r, "product"),
		form_or_null(r, "blocked"), form_or_null(r, "tried") };
	size_t n = 12;

	for (int i = 1; i <= ANSWERS; i++)
		args[n++] = form_or_null(r, answer_name(r, i));
	args[n++] = form_or_null(r, "visibility");
	args[n++] = form_or_null(r, "name");
	args[n++] = form_or_null(r, "mail");
	args[n++] = check_only ? "true" : "false";
	args[n++] = is_no_hole(r) ? "true" : "false";
	args[n++] = form_pressed(r, "confirm") || form_sent(r, "not_similar")
	                ? "true"
	                : "false";
	args[n++] = down_or_null(r);
	args[n++] = form_or_null(r, "private_why");
	args[n] = form_or_null(r, "private_words");
	return db_get(r,
	    db_call_bytes(r, &q_submit, args, sealed->packets, sealed->size));
}

static int
complain(struct request *r, const struct rows *complaints)
{
	for (int i = 0; i < rows_count(complaints); i++)
		if (strcmp(rows_named(complaints, i, "outcome"), "complaint") ==
		    0)
			form_complain(r, rows_named(complaints, i, "field"),
			    rows_named(complaints, i, "words"));
	return send_form(r, 422, form_text(r, "token"), NULL);
}

/* The receipt belongs to the link; whoever sends again gets it again. */
static int
hand_over(struct request *r, const unsigned char *key, const char *number)
{
	web_set_cookie(r, "link", auth_link(r, key),
	    arena_printf(r->arena, "/my/%s", number), LINK_SECONDS);
	return web_see_other(r, "/my/%s/receipt", number);
}

static int
say_already_sent(
    struct request *r, const unsigned char *key, const char *number)
{
	struct page *page = step_page(
	    r, "submit-again.html", "You have sent this form already");

	web_set_cookie(r, "link", auth_link(r, key),
	    arena_printf(r->arena, "/my/%s", number), LINK_SECONDS);
	page_set(page, "NUMBER", number);
	return page_send(r, 409, page);
}

/* Files that were kept are not any more, until this is answered. */
static int
ask_about_security(struct request *r, const struct rows *forgotten)
{
	struct page *page =
	    step_page(r, "submit-security.html", "Is this a security hole?");

	for (int i = 0; i < rows_count(forgotten); i++)
		if (!rows_null(forgotten, i, 2))
			file_show_lost(page, rows_named(forgotten, i, "words"),
			    strcmp(rows_named(forgotten, i, "field"),
				FILE_SEALED) == 0);
	if (form_sent(r, "not_similar"))
		page_show(page, "NOT_SIMILAR");
	return page_send(r, 200, page);
}

/* Nobody is woken by a guess: one press says that production is down. */
static int
ask_about_production(struct request *r)
{
	struct page *page = step_page(
	    r, "submit-production.html", "Is production down right now?");

	if (form_pressed(r, "not-security"))
		page_show(page, "NOT_SECURITY");
	if (form_pressed(r, "confirm"))
		page_show(page, "NOT_SIMILAR");
	return page_send(r, 200, page);
}

static int
ask_about_similar(struct request *r, const struct rows *similar)
{
	struct page *page =
	    step_page(r, "submit-similar.html", "Is it one of these?");

	for (int i = 0; i < rows_count(similar); i++) {
		struct page *row = page_section(page, "SIMILAR");

		page_set(row, "NUMBER", rows_named(similar, i, "number"));
		page_set(row, "SUBJECT", rows_named(similar, i, "words"));
		page_show(
		    row, rows_null(similar, i, 1) ? "STILL_OPEN" : "IS_SOLVED");
	}
	if (form_pressed(r, "not-security"))
		page_show(page, "NOT_SECURITY");
	return page_send(r, 200, page);
}

static int
file_report(struct request *r, const unsigned char *key,
    const struct confidential *sealed)
{
	const struct rows *answer =
	    call_submit(r, key, sealed, !form_complete(r));
	const char *outcome;

	if (answer == NULL)
		return r->status;
	if (rows_count(answer) == 0)
		return send_form(r, 422, form_text(r, "token"), NULL);
	outcome = rows_named(answer, 0, "outcome");
	if (strcmp(outcome, "filed") == 0)
		return hand_over(r, key, rows_named(answer, 0, "number"));
	if (strcmp(outcome, "other") == 0)
		return say_already_sent(
		    r, key, rows_named(answer, 0, "number"));
	if (strcmp(outcome, "security") == 0)
		return ask_about_security(r, answer);
	if (strcmp(outcome, "production") == 0)
		return ask_about_production(r);
	if (strcmp(outcome, "similar") == 0)
		return ask_about_similar(r, answer);
	if (strcmp(outcome, "woken") == 0)
		return send_form(r, 429, form_text(r, "token"), "WOKEN");
	if (strcmp(outcome, "limited") == 0) {
		web_header(r, "Retry-After", "3600");
		return send_form(r, 429, form_text(r, "token"), "LIMITED");
	}
	return complain(r, answer);
}

static int
count_same(struct request *r)
{
	const char *args[] = { form_text(r, "same"), auth_visitor(r),
		form_or_null(r, "mail") };
	const struct rows *answer = db_rows(r, &q_same, args);
	struct page *page;

	if (answer == NULL)
		return r->status;
	if (rows_outcome(answer, "limited"))
		return send_form(r, 429, form_text(r, "token"), "LIMITED");
	page = step_page(r, "submit-same.html", "Thank you, you are counted");
	page_set(page, "NUMBER", form_text(r, "same"));
	page_set(page, "F_MAIL", form_text(r, "mail"));
	page_show(page, form_or_null(r, "mail") ? "WITH_MAIL" : "NO_MAIL");
	return page_send(r, 200, page);
}

/* One file is not wanted any more; those that came along are. */
static int
take_away(struct request *r, const struct file_store *store)
{
	if (!file_drop(r, store, form_text(r, "drop")) || !file_take(r, store))
		return r->status;
	return send_form(
	    r, form_complete(r) ? 200 : 422, form_text(r, "token"), NULL);
}

static int
take_form(struct request *r)
{
	unsigned char key[AUTH_KEY];
	enum auth_verdict verdict;
	struct confidential sealed;
	struct file_store store;

	if (!form_read(r, fields) || !confidential_take(r, &q_keys, &sealed))
		return r->status;
	verdict = auth_check(r, "report", form_text(r, "token"), key);
	if (verdict == AUTH_EXPIRED || verdict == AUTH_FORGED)
		return send_form(r, 403, auth_token(r, "report"), "STALE");
	if (form_or_null(r, "website") != NULL)
		return send_form(r, 422, form_text(r, "token"), "ROBOT");
	if (!store_of(r, form_text(r, "token"), &store))
		return 500;
	if (form_or_null(r, "drop") != NULL && form_complete(r))
		return take_away(r, &store);
	if (!form_pressed(r, "security") && !file_take(r, &store))
		return r->status;
	if (form_pressed(r, "ahead"))
		return file_ahead(r);
	if (form_pressed(r, "preview"))
		return send_form(r, 200, form_text(r, "token"), NULL);
	if (form_pressed(r, "security"))
		return page_send(r, 422,
		    step_page(
			r, "submit-hole.html", "Security holes go elsewhere"));
	if (verdict == AUTH_EARLY)
		return send_form(r, 422, form_text(r, "token"), "EARLY");
	if (form_or_null(r, "same") != NULL && form_complete(r))
		return count_same(r);
	return file_report(r, key, &sealed);
}

static int
show_markdown_help(struct request *r)
{
	struct page *page = page_new(r, "submit-markdown.html");

	page_set(page, "TITLE", "How to format a text");
	return page_send(r, 200, page);
}

static int
send_security_txt(struct request *r)
{
	const char *text = arena_printf(r->arena,
	    "Contact: %s\nExpires: %s\nPreferred-Languages: en\n"
	    "Canonical: %s/.well-known/security.txt\n",
	    r->conf->security_contact, r->conf->security_expires, r->conf->url);

	return web_send(
	    r, 200, "text/plain; charset=utf-8", text, strlen(text));
}

static const struct route routes[] = {
	{ "GET", "/report", choose_form, WEB_PUBLIC },
	{ "GET", "/report/security", show_security, WEB_PRIVATE },
	{ "POST", "/report/security", show_security, WEB_PRIVATE },
	{ "GET", "/report/:template", show_form, WEB_PRIVATE },
	{ "POST", "/report/:template", take_form, WEB_PRIVATE },
	{ "GET", "/help/markdown", show_markdown_help, WEB_PUBLIC },
	{ "GET", "/.well-known/security.txt", send_security_txt, WEB_PUBLIC },
	{ NULL, NULL, NULL, WEB_PRIVATE },
};

static const struct query *const queries[] = { &q_templates, &q_template,
	&q_fields, &q_choices, &q_products, &q_severities, &q_submit, &q_keys,
	&q_same, &q_file_check, &q_upload, &q_files, &q_file_drop, NULL };

/* As in the routes. */
static const char *const upload_paths[] = { "/report/:template", NULL };

int
main(void)
{
	static const struct program submit = {
		.name = "submit",
		.routes = routes,
		.queries = queries,
		.body_max = BODY_MAX,
		.upload_paths = upload_paths,
		.uploads = &file_uploads,
	};

	return web_main(&submit);
}
