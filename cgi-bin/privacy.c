/*
 * privacy - what has to go, and whose data it is
 *
 *	GET  /staff/tickets/:number/redact	find what must not be here
 *	POST /staff/tickets/:number/redact	look at it, then take it out
 *	GET  /staff/tickets/:number/vulnerability
 *				withhold the report of a security hole
 *	POST /staff/tickets/:number/vulnerability
 *				take all of it along; then withhold it
 *	GET  /staff/people			find a person by their address
 *	POST /staff/people
 *	POST /staff/people/:person/export	all about them, as one archive
 *	POST /staff/people/:person/erase	forget them
 *
 * and, as a command for cron or the operator, who reaches the database by the
 * libpq environment with the owner's rights:
 *
 *	privacy --sweep			clean what redactions left on the disk
 *	privacy --rewrite		the same to the last byte
 *
 * Runs as the database role desk_privacy.  Every function takes the token of
 * the session cookie and asks for a proof of who that is which is not older
 * than ten minutes; without one the visitor is sent to give it.  What is
 * looked for comes by POST: an address or a secret in a URL would stand in
 * logs.
 *
 * What is taken out is gone for every query at once.  On the disk dead rows,
 * old statistics and the keys of word indexes stay until --sweep; in the free
 * space of a page bytes of a dead row can stay until --rewrite.  Neither
 * reaches backups, replicas and archived write-ahead log.
 */
#include <libpq-fe.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "arena.h"
#include "auth.h"
#include "db.h"
#include "fence.h"
#include "form.h"
#include "log.h"
#include "pack.h"
#include "page.h"
#include "staff.h"
#include "token.h"
#include "web.h"

#define WORDS_MAX 2000          /* characters, as desk.redact() */
#define WHY_MAX 300             /* as desk.redaction */
#define ARCHIVE_MAX (48L << 20) /* bytes of files in one archive */

static const struct query q_ticket = {
	.name = "privacy_ticket",
	.sql = "SELECT * FROM api.privacy_ticket($1, $2::int, $3::bigint)",
	.params = 3,
};

static const struct query q_texts = {
	.name = "privacy_texts",
	.sql = "SELECT * FROM api.privacy_texts($1, $2::int)",
	.params = 2,
};

static const struct query q_files = {
	.name = "privacy_files",
	.sql = "SELECT * FROM api.privacy_files($1, $2::int, $3)",
	.params = 3,
};

static const struct query q_log = {
	.name = "privacy_log",
	.sql = "SELECT * FROM api.privacy_log($1, $2::int)",
	.params = 2,
};

static const struct query q_places = {
	.name = "privacy_places",
	.sql = "SELECT * FROM api.privacy_places($1, $2::int, $3, $4)",
	.params = 4,
};

static const struct query q_redact = {
	.name = "privacy_redact",
	.sql = "SELECT * FROM api.privacy_redact($1, $2::int, $3, $4, $5)",
	.params = 5,
};

static const struct query q_withhold = {
	.name = "privacy_withhold",
	.sql =
	    "SELECT * FROM api.privacy_withhold($1, $2::int, $3::int, $4, $5, $6)",
	.params = 6,
};

static const struct query q_copy = {
	.name = "privacy_copy",
	.sql = "SELECT * FROM api.privacy_copy($1, $2::int, $3::bigint)",
	.params = 3,
};

static const struct query q_person = {
	.name = "privacy_person",
	.sql = "SELECT * FROM api.privacy_person($1, $2, $3::int)",
	.params = 3,
};

static const struct query q_export = {
	.name = "privacy_export",
	.sql = "SELECT * FROM api.privacy_export($1, $2::int, $3::bigint)",
	.params = 3,
};

static const struct query q_piece = {
	.name = "privacy_piece",
	.sql = "SELECT * FROM api.privacy_piece($1, $2::bigint, $3::int)",
	.params = 3,
	.binary = true,
};

static const struct query q_erase = {
	.name = "privacy_erase",
	.sql = "SELECT * FROM api.privacy_erase($1, $2::int, $3, $4, $5)",
	.params = 5,
};

#define DAMAGED "This form is damaged"
#define NOT_OFFERED "Choose one from the list"
#define LONG_WHY "At most 300 characters fit here"
#define END                                                                    \
	{                                                                      \
		NULL, FORM_LINE, 0, NULL                                       \
	}

static const struct field redact_form[] = {
	{ "csrf", FORM_LINE, 200, DAMAGED },
	{ "do", FORM_LINE, 20, DAMAGED },
	{ "words", FORM_TEXT, WORDS_MAX,
	    "At most 2,000 characters can be taken out at once" },
	{ "why", FORM_LINE, WHY_MAX, LONG_WHY },
	{ "file", FORM_LINE, 20, NOT_OFFERED },
	{ "drop", FORM_LINE, 20, NOT_OFFERED },
	{ "shown", FORM_LINE, 64, DAMAGED },
	END,
};

static const struct field withhold_form[] = {
	{ "csrf", FORM_LINE, 200, DAMAGED },
	{ "do", FORM_LINE, 20, DAMAGED },
	{ "version", FORM_LINE, 10, DAMAGED },
	{ "kind", FORM_LINE, 20, NOT_OFFERED },
	{ "passed_on", FORM_LINE, 3, NOT_OFFERED },
	{ "sure", FORM_LINE, 3, NOT_OFFERED },
	END,
};

static const struct field people_form[] = {
	{ "csrf", FORM_LINE, 200, DAMAGED },
	{ "address", FORM_LINE, 254, "An address has at most 254 characters" },
	END,
};

static const struct field export_form[] = {
	{ "csrf", FORM_LINE, 200, DAMAGED },
	END,
};

static const struct field erase_form[] = {
	{ "csrf", FORM_LINE, 200, DAMAGED },
	{ "why", FORM_LINE, WHY_MAX, LONG_WHY },
	{ "with_files", FORM_LINE, 3, NOT_OFFERED },
	{ "sure", FORM_LINE, 3, NOT_OFFERED },
	END,
};

/* A page to come back to with a fresh proof, by the name in login.c. */
struct target {
	const char *name;
	bool of_ticket;
};

static const struct target redact_at = { "redact", true };
static const struct target withhold_at = { "vulnerability", true };
static const struct target people_at = { "people", false };

/* The database wants a sign-in or a fresh proof: where that is given. */
static int
to_proof(struct request *r, const struct target *to)
{
	return to->of_ticket ? staff_turn_away_from(r, web_part(r, 0), to->name)
	                     : staff_turn_away(r, to->name);
}

/* Nothing was done: what was typed, to be copied, and why. */
static int
not_done(struct request *r, const char *why, const struct target *to)
{
	struct page *page = page_new(r, "privacy-again.html");

	page_set(page, "title", "Nothing was done yet");
	page_show(page, why);
	page_show(page, to->of_ticket ? "of_ticket" : "of_people");
	page_set(page, "number", web_part(r, 0));
	page_set(page, "to", to->name);
	page_form(page, r);
	return page_send(r, 403, page);
}

/* After a form was refused by the database for want of a proof. */
static int
unproven(struct request *r, const struct target *to)
{
	if (r->status == 401)
		return not_done(r, "signed_out", to);
	if (r->status == 403)
		return not_done(r, "stale", to);
	return r->status;
}

/* Read a form and check its token; 0, or the status of what was sent. */
static int
open_form(
    struct request *r, const struct field *fields, const struct target *to)
{
	if (!form_read(r, fields))
		return r->status;
	if (auth_session(r) == NULL)
		return not_done(r, "signed_out", to);
	if (!staff_form(r, "privacy", NULL))
		return not_done(r, "expired", to);
	return 0;
}

static void
complain(struct request *r, const struct rows *rows)
{
	int i;

	for (i = 0; i < rows_count(rows); i++)
		form_complain(r, rows_named(rows, i, "field"),
		    rows_named(rows, i, "complaint"));
}

static bool
is_about(const struct rows *complaints, const char *field)
{
	int i = rows_count(complaints);

	while (i-- > 0)
		if (strcmp(rows_named(complaints, i, "field"), field) == 0)
			return true;
	return false;
}

/* An archive to take along ------------------------------------------------- */

static const char *
archive_max(struct request *r)
{
	return arena_printf(r->arena, "%ld", ARCHIVE_MAX);
}

/*
 * Piece by piece into the archive.  False, with r->status, when the database
 * failed, or holds less or more than it said: somebody takes the file out.
 */
static bool
pack_file(struct request *r, struct pack *pack, const char *file, size_t size)
{
	size_t got = 0, n = 0;
	int piece;

	for (piece = 0; got < size; piece++, got += n) {
		const char *args[] = { auth_session(r), file,
			arena_printf(r->arena, "%d", piece) };
		const struct rows *rows = db_rows(r, &q_piece, args);
		const char *bytes;

		if (rows == NULL)
			return false;
		bytes = rows_count(rows) > 0 ? rows_bytes(rows, 0, &n) : NULL;
		if (bytes == NULL || n > size - got) {
			log_info("refused with 409: file %s has changed", file);
			r->status = 409;
			return false;
		}
		pack_put(pack, bytes, n);
		rows_done(rows);
	}
	return true;
}

static size_t
size_of(const struct rows *parts, int i)
{
	return (size_t)strtoul(rows_named(parts, i, "size"), NULL, 10);
}

/* What a query lists, texts and files, as <name>-<number>.zip. */
static int
send_archive(struct request *r, const struct query *q, const char *name)
{
	const char *args[] = { auth_session(r), web_part(r, 0),
		archive_max(r) };
	const struct rows *parts = db_rows(r, q, args);
	size_t all = 0, size;
	struct pack *pack;
	const char *zip;
	int i;

	if (parts == NULL)
		return r->status;
	for (i = 0; i < rows_count(parts); i++)
		all += size_of(parts, i);
	pack = pack_new(r->arena, (size_t)rows_count(parts), all);
	for (i = 0; i < rows_count(parts); i++) {
		const char *file = rows_named(parts, i, "file");
		const char *text = rows_named(parts, i, "content");

		pack_begin(
		    pack, rows_named(parts, i, "path"), size_of(parts, i));
		if (*file == '\0')
			pack_put(pack, text, strlen(text));
		else if (!pack_file(r, pack, file, size_of(parts, i)))
			return r->status;
	}
	zip = pack_end(pack, &size);
	log_info("all of %s %s was fetched", name, web_part(r, 0));
	web_header(r, "Content-Disposition",
	    arena_printf(r->arena, "attachment; filename=\"%s-%s.zip\"", name,
		web_part(r, 0)));
	return web_send(r, 200, "application/zip", zip, size);
}

/* Words and files of a ticket ---------------------------------------------- */

/* What stands above the forms. */
static struct call *
ask_ticket(struct request *r)
{
	const char *args[] = { auth_session(r), web_part(r, 0),
		archive_max(r) };

	return db_call(r, &q_ticket, args);
}

/* The rows as rounds of a section, and whether there are any. */
static bool
add_rows(struct page *page, const char *section, const char *some,
    const struct rows *rows)
{
	page_rows(page, section, rows);
	if (rows_count(rows) == 0)
		return false;
	page_show(page, some);
	return true;
}

/* How often words stand in it, to be taken out now that they were seen. */
static void
add_count(struct request *r, struct page *page, const struct rows *places)
{
	int i, pieces = 0;

	for (i = 0; i < rows_count(places); i++)
		pieces += atoi(rows_named(places, i, "pieces"));
	page_set(page, "all_pieces", arena_printf(r->arena, "%d", pieces));
	page_show(page, pieces > 0 ? "words_stand" : "no_places");
}

/* Names the words whose places a page has shown. */
static const char *
shown(struct request *r, const char *words)
{
	return token_sha256(r->arena, words, strlen(words));
}

/* Are there words that nobody has seen the places of?  It is for good. */
static bool
is_unseen(struct request *r)
{
	const char *words = form_text(r, "words");

	return *words != '\0' &&
	       strcmp(form_text(r, "shown"), shown(r, words)) != 0;
}

/* The page, with the places of these words or a look at this file, if any. */
static int
redact_page(struct request *r, const char *words, const char *file, int status)
{
	const char *args[] = { auth_session(r), web_part(r, 0), words, file };
	const char *all[] = { auth_session(r), web_part(r, 0), NULL };
	const char *one[] = { auth_session(r), web_part(r, 0),
		file != NULL ? file : "" };
	struct call *facts = ask_ticket(r);
	struct call *texts = db_call(r, &q_texts, args);
	struct call *files = db_call(r, &q_files, all);
	struct call *chosen = db_call(r, &q_files, one);
	struct call *log = db_call(r, &q_log, args);
	struct call *places = db_call(r, &q_places, args);
	struct page *page;

	if (db_get(r, facts) == NULL || db_get(r, texts) == NULL ||
	    db_get(r, files) == NULL || db_get(r, chosen) == NULL ||
	    db_get(r, log) == NULL || db_get(r, places) == NULL)
		return strcmp(r->method, "POST") == 0 ? unproven(r, &redact_at)
		                                      : to_proof(r, &redact_at);
	page = staff_page(
	    r, "privacy-redact.html", "Take something out", "privacy");
	page_row(page, db_get(r, facts), 0);
	page_rows(page, "text", db_get(r, texts));
	add_rows(page, "file", "some_files", db_get(r, files));
	add_rows(page, "log", "some_log", db_get(r, log));
	add_rows(page, "place", "some_places", db_get(r, places));
	page_form(page, r);
	if (file != NULL &&
	    !add_rows(page, "chosen", "look", db_get(r, chosen)))
		page_show(page, "no_file");
	if (file == NULL && words != NULL) {
		add_count(r, page, db_get(r, places));
		page_set(page, "shown", shown(r, words));
	}
	return page_send(r, status, page);
}

static int
show_redact(struct request *r)
{
	return redact_page(r, NULL, NULL, 200);
}

static int
redact(struct request *r)
{
	const struct rows *answer;
	const char *words, *drop;
	int status;

	if ((status = open_form(r, redact_form, &redact_at)) != 0)
		return status;
	if (!form_complete(r))
		return redact_page(r, NULL, NULL, 422);
	words = form_or_null(r, "words");
	drop = form_or_null(r, "drop");
	if (form_sent(r, "file"))
		return redact_page(r, NULL, form_text(r, "file"), 200);
	if (drop == NULL && (form_pressed(r, "look") || is_unseen(r)))
		return redact_page(r, words, NULL, 200);

	const char *args[] = { auth_session(r), web_part(r, 0), words,
		form_or_null(r, "why"), drop };

	if ((answer = db_rows(r, &q_redact, args)) == NULL)
		return unproven(r, &redact_at);
	if (rows_outcome(answer, "refused")) {
		complain(r, answer);
		return redact_page(r, words, drop, 422);
	}
	return web_see_other(r, "/staff/tickets/%s", web_part(r, 0));
}

/* Reports of security holes ---------------------------------------------- */

static int
withhold_page(struct request *r, int status)
{
	const char *args[] = { auth_session(r), web_part(r, 0) };
	struct call *facts = ask_ticket(r);
	struct call *log = db_call(r, &q_log, args);
	struct page *page;

	if (db_get(r, facts) == NULL || db_get(r, log) == NULL)
		return to_proof(r, &withhold_at);
	page = staff_page(r, "privacy-vulnerability.html",
	    "Report of a security hole", "privacy");
	page_row(page, db_get(r, facts), 0);
	page_rows(page, "log", db_get(r, log));
	page_form(page, r);
	return page_send(r, status, page);
}

static int
show_withhold(struct request *r)
{
	return withhold_page(r, 200);
}

/* All of it, for the security contact. */
static int
send_copy(struct request *r)
{
	int status = send_archive(r, &q_copy, "ticket");

	return status == 200 ? status : unproven(r, &withhold_at);
}

static int
withhold(struct request *r)
{
	const struct rows *answer;
	int status;

	if ((status = open_form(r, withhold_form, &withhold_at)) != 0)
		return status;
	if (!form_complete(r))
		return withhold_page(r, 422);
	if (form_pressed(r, "copy"))
		return send_copy(r);

	const char *args[] = { auth_session(r), web_part(r, 0),
		form_or_null(r, "version"), form_or_null(r, "kind"),
		form_or_null(r, "passed_on"), form_or_null(r, "sure") };

	if ((answer = db_rows(r, &q_withhold, args)) == NULL)
		return unproven(r, &withhold_at);
	if (rows_outcome(answer, "refused")) {
		complain(r, answer);
		/* what was taken along before something came is not all */
		if (is_about(answer, "sure"))
			form_set(r, "sure", "");
		return withhold_page(r, 422);
	}
	return web_see_other(r, "/staff/tickets/%s", web_part(r, 0));
}

/* People ----------------------------------------------------------------- */

/* The page of somebody found by address or by number; both NULL: nobody. */
static int
people_page(
    struct request *r, const char *address, const char *whose, int status)
{
	const char *args[] = { auth_session(r), address, whose };
	const struct rows *person = db_rows(r, &q_person, args);
	struct page *page;

	if (person == NULL)
		return to_proof(r, &people_at);
	page =
	    staff_page(r, "privacy-people.html", "A person's data", "privacy");
	if (rows_count(person) > 0)
		page_row(page_section(page, "found"), person, 0);
	else if (address != NULL)
		page_show(page, "nobody");
	if (status == 200)
		page_show(page, "fresh_form");
	page_form(page, r);
	return page_send(r, status, page);
}

static int
show_people(struct request *r)
{
	static const struct field gone[] = { { "gone", FORM_LINE, 1, NULL },
		END };

	if (!form_query(r, gone))
		return r->status;
	return people_page(r, NULL, NULL, 200);
}

static int
find_person(struct request *r)
{
	int status;

	if ((status = open_form(r, people_form, &people_at)) != 0)
		return status;
	if (*form_text(r, "address") == '\0')
		form_complain(r, "address", "Type the whole address");
	if (!form_complete(r))
		return people_page(r, NULL, NULL, 422);
	return people_page(r, form_text(r, "address"), NULL, 200);
}

static int
export_person(struct request *r)
{
	int status;

	if ((status = open_form(r, export_form, &people_at)) != 0)
		return status;
	status = send_archive(r, &q_export, "person");
	return status == 200 ? status : unproven(r, &people_at);
}

static int
erase(struct request *r)
{
	const struct rows *answer;
	int status;

	if ((status = open_form(r, erase_form, &people_at)) != 0)
		return status;
	if (!form_complete(r))
		return people_page(r, NULL, web_part(r, 0), 422);

	const char *args[] = { auth_session(r), web_part(r, 0),
		form_or_null(r, "why"), form_or_null(r, "sure"),
		form_or_null(r, "with_files") };

	if ((answer = db_rows(r, &q_erase, args)) == NULL)
		return unproven(r, &people_at);
	if (rows_outcome(answer, "refused")) {
		complain(r, answer);
		return people_page(r, NULL, web_part(r, 0), 422);
	}
	return web_see_other(r, "/staff/people?gone=1");
}

static const struct route routes[] = {
	{ "GET", "/staff/tickets/:number/redact", show_redact, WEB_PRIVATE },
	{ "POST", "/staff/tickets/:number/redact", redact, WEB_PRIVATE },
	{ "GET", "/staff/tickets/:number/vulnerability", show_withhold,
	    WEB_PRIVATE },
	{ "POST", "/staff/tickets/:number/vulnerability", withhold,
	    WEB_PRIVATE },
	{ "GET", "/staff/people", show_people, WEB_PRIVATE },
	{ "POST", "/staff/people", find_person, WEB_PRIVATE },
	{ "POST", "/staff/people/:person/export", export_person, WEB_PRIVATE },
	{ "POST", "/staff/people/:person/erase", erase, WEB_PRIVATE },
	{ NULL, NULL, NULL, WEB_PRIVATE },
};

static const struct query *const queries[] = { &q_ticket, &q_texts, &q_files,
	&q_log, &q_places, &q_redact, &q_withhold, &q_copy, &q_person,
	&q_export, &q_piece, &q_erase, NULL };

/* The command ------------------------------------------------------------- */

static const char usage[] =
    "usage: privacy --sweep\n"
    "       privacy --rewrite\n"
    "\n"
    "Clean what redactions have left on the disk.  --sweep frees dead rows and\n"
    "makes the indexes of words and addresses anew; the desk goes on meanwhile.\n"
    "It is made for cron, each night, and does nothing when nothing was taken\n"
    "out since the last one.  --rewrite writes every table anew, so that no byte\n"
    "is left in free space; the desk stands still while it does, which takes\n"
    "seconds for a thousand tickets and minutes for a million.\n"
    "\n"
    "The database is the one of the libpq environment (PGHOST, PGDATABASE,\n"
    "PGUSER...); this takes a superuser's rights.\n"
    "\n"
    "Without arguments this is the FastCGI program for staff.\n"
    "\n"
    "exit status: 0 done, or nothing to do; 1 no database or no rights;\n"
    "64 wrong usage\n";

/* Where words about tickets and people stand, and the copies of those. */
#define PRIVATE                                                                \
	"desk.ticket, desk.answer, desk.message, desk.note, desk.change, "     \
	"desk.private_reason, desk.outbox, desk.delivery, desk.page, "         \
	"desk.page_event, desk.breach_reason, desk.action, "                   \
	"desk.attachment, desk.public_attachment, desk.blob, "                 \
	"desk.blob_chunk, desk.upload, desk.public_ticket, "                   \
	"desk.public_entry, desk.public_search, desk.private_search, "         \
	"desk.person, desk.follower, desk.link, desk.submission, "             \
	"desk.limit_count"

/* Outside of a transaction, one by one; the last two are a superuser's. */
static const char *const sweep_steps[] = {
	"VACUUM (ANALYZE, INDEX_CLEANUP ON) " PRIVATE,
	/* an index of words never forgets a word by itself */
	"REINDEX INDEX CONCURRENTLY desk.public_search_words",
	"REINDEX INDEX CONCURRENTLY desk.public_search_subject",
	"REINDEX INDEX CONCURRENTLY desk.private_search_words",
	"REINDEX INDEX CONCURRENTLY desk.person_mail",
	"VACUUM (FULL) pg_catalog.pg_statistic",
	"CHECKPOINT",
	NULL,
};

/*
 * Everything into new files: vacuum frees the space of a row, but does not
 * write over it before it is needed again.
 */
static const char *const rewrite_steps[] = {
	"VACUUM (FULL, ANALYZE) " PRIVATE,
	"VACUUM (FULL) pg_catalog.pg_statistic",
	"CHECKPOINT",
	NULL,
};

#define INSTANT_BYTES 64 /* of a timestamp as text */

/* The one value that a statement answers, "" for NULL; false: it failed. */
static bool
ask(PGconn *pg, const char *sql, const char *param, char value[INSTANT_BYTES])
{
	PGresult *rows = PQexecParams(
	    pg, sql, param != NULL ? 1 : 0, NULL, &param, NULL, NULL, 0);
	bool done =
	    PQresultStatus(rows) == PGRES_TUPLES_OK && PQntuples(rows) == 1;

	if (done)
		snprintf(value, INSTANT_BYTES, "%s", PQgetvalue(rows, 0, 0));
	else
		log_warn("%s", PQerrorMessage(pg));
	PQclear(rows);
	return done;
}

static bool
sweep_step(PGconn *pg, const char *sql)
{
	PGresult *rows = PQexecParams(pg, sql, 0, NULL, NULL, NULL, NULL, 0);
	bool done = PQresultStatus(rows) == PGRES_COMMAND_OK;

	if (!done)
		log_warn("%s", PQerrorMessage(pg));
	PQclear(rows);
	return done;
}

static int
sweep(PGconn *pg, const char *const *step)
{
	char due[INSTANT_BYTES], began[INSTANT_BYTES];

	if (!ask(pg, "SELECT desk.sweep_due()", NULL, due))
		return EXIT_FAILURE;
	if (*due == '\0' && step == sweep_steps)
		return EXIT_SUCCESS;
	if (!ask(pg, "SELECT now()", NULL, began))
		return EXIT_FAILURE;
	for (; *step != NULL; step++)
		if (!sweep_step(pg, *step))
			return EXIT_FAILURE;
	return ask(pg, "SELECT desk.sweep_done($1::timestamptz)", began, due)
	           ? EXIT_SUCCESS
	           : EXIT_FAILURE;
}

static int
command(int argc, char **argv)
{
	const char *const *steps;
	PGconn *pg;
	int status = EXIT_FAILURE;

	if (argc == 2 && strcmp(argv[1], "--help") == 0) {
		fputs(usage, stdout);
		return EXIT_SUCCESS;
	}
	if (argc == 2 && strcmp(argv[1], "--sweep") == 0)
		steps = sweep_steps;
	else if (argc == 2 && strcmp(argv[1], "--rewrite") == 0)
		steps = rewrite_steps;
	else {
		fputs(usage, stderr);
		return EX_USAGE;
	}
	log_open("privacy");
	fence_start();
	pg = PQconnectdb("fallback_application_name=nightdesk-privacy "
			 "client_encoding=UTF8");
	fence_close(FENCE_COMMAND);
	if (PQstatus(pg) == CONNECTION_OK)
		status = sweep(pg, steps);
	else
		log_warn("%s", PQerrorMessage(pg));
	PQfinish(pg);
	return status;
}

int
main(int argc, char **argv)
{
	static const struct program privacy = {
		.name = "privacy",
		.routes = routes,
		.queries = queries,
		.body_max = 32 * 1024,
	};

	if (argc > 1)
		return command(argc, argv);
	return web_main(&privacy);
}
