/*
 * login - sign staff in and out
 *
 *	GET  /login			the form; ?ticket=N goes on there
 *	POST /login			the password
 *	POST /login/passkey		or a passkey, which is enough alone
 *	GET, POST /login/code		the second factor, if there is one
 *	GET, POST /login/again		a fresh proof, for what is sensitive;
 *					?ticket=N and ?to=NAME go on there
 *	POST /logout			sign out
 *	GET  /login/sessions		where one is signed in
 *	POST /login/sessions/end	end one of them, or all others
 *	GET, POST /login/contact	how one wants mail
 *	POST /login/contact/confirm	the code that a new address got
 *
 * and, as a command for the operator, what operator.h says.
 *
 * Runs as the database role desk_login, the only one whose functions judge
 * who somebody is.  The password stays in this process: the database gives
 * out a salt, also for a login that does not exist, and gets the SHA-256 of
 * the argon2id tag.  So what is stored opens nothing, and a wrong password
 * costs the same work as an unknown login.
 *
 * A right password of somebody with a second factor makes no session but a
 * half one, in a cookie of its own, that opens nothing but /login/code and
 * ends after five minutes.  Of all programs this one alone gets the seeds of
 * apps, sealed with a key that the database does not have; passkeys are
 * verified here (proof.h).  What was proven is spent in the database.
 */
#include <stdlib.h>
#include <string.h>

#include "arena.h"
#include "auth.h"
#include "conf.h"
#include "db.h"
#include "form.h"
#include "log.h"
#include "operator.h"
#include "page.h"
#include "passkey.h"
#include "password.h"
#include "proof.h"
#include "seal.h"
#include "staff.h"
#include "token.h"
#include "web.h"

#define SESSION_BYTES 32 /* random, before base64url */
#define HALF_SECONDS 300 /* of a half-done sign-in */
#define GET_PASSKEY "publickey-credentials-get"

static const struct query q_params = {
	.name = "login_params",
	.sql = "SELECT * FROM api.login_params($1, $2)",
	.params = 2,
};

static const struct query q_finish = {
	.name = "login_finish",
	.sql = "SELECT * FROM "
	       "api.login_finish($1, $2, $3, $4, $5, $6, $7)",
	.params = 7,
};

static const struct query q_end = {
	.name = "login_end",
	.sql = "SELECT api.login_end($1)",
	.params = 1,
};

static const struct query q_sessions = {
	.name = "login_sessions",
	.sql = "SELECT * FROM api.login_sessions($1)",
	.params = 1,
};

static const struct query q_session_end = {
	.name = "login_session_end",
	.sql = "SELECT api.login_session_end($1, $2::int)",
	.params = 2,
};

static const struct query q_contact = {
	.name = "login_contact",
	.sql = "SELECT * FROM api.login_contact($1)",
	.params = 1,
};

static const struct query q_contact_set = {
	.name = "login_contact_set",
	.sql = "SELECT * FROM "
	       "api.login_contact_set($1, $2, $3, $4, $5, $6, $7, $8)",
	.params = 8,
};

static const struct query q_contact_confirm = {
	.name = "login_contact_confirm",
	.sql = "SELECT 1 WHERE api.login_contact_confirm($1, $2, $3)",
	.params = 3,
};

static const struct query q_proof = {
	.name = "login_proof",
	.sql = "SELECT * FROM api.login_proof($1, $2)",
	.params = 2,
};

static const struct query q_passkeys = {
	.name = "login_passkeys",
	.sql = "SELECT * FROM api.login_passkeys($1, $2)",
	.params = 2,
};

static const struct query q_passkey = {
	.name = "login_passkey",
	.sql = "SELECT * FROM api.login_passkey($1)",
	.params = 1,
};

static const struct query q_code = {
	.name = "login_code",
	.sql = "SELECT * FROM api.login_code($1, $2::bigint, $3, $4, "
	       "$5::bigint, $6, $7, $8, $9, $10)",
	.params = 10,
};

static const struct query q_whole = {
	.name = "login_whole",
	.sql = "SELECT * FROM api.login_whole($1, $2::bigint, $3, $4, $5, "
	       "$6, $7, $8)",
	.params = 8,
};

static const struct query q_again = {
	.name = "login_again",
	.sql = "SELECT * FROM api.login_again($1, $2, $3, $4, $5::bigint, "
	       "$6, $7, $8::bigint, $9)",
	.params = 9,
};

static const struct query q_needs = {
	.name = "login_needs",
	.sql = "SELECT * FROM api.login_needs($1)",
	.params = 1,
};

static const struct field sign_in_form[] = {
	{ "csrf", FORM_LINE, 200, "This form is damaged" },
	{ "ticket", FORM_LINE, 9, "This is not a ticket" },
	{ "login", FORM_LINE, 100, "A name to sign in with is shorter" },
	{ "password", FORM_LINE, PASSWORD_MAX,
	    "A password has at most 1,000 characters" },
	{ NULL, FORM_LINE, 0, NULL },
};

static const struct field passkey_form[] = {
	{ "csrf", FORM_LINE, 200, "This form is damaged" },
	{ "ticket", FORM_LINE, 9, "This is not a ticket" },
	{ "login", FORM_LINE, 100, "A name to sign in with is shorter" },
	PROOF_FIELDS,
	{ NULL, FORM_LINE, 0, NULL },
};

static const struct field code_form[] = {
	{ "csrf", FORM_LINE, 200, "This form is damaged" },
	{ "ticket", FORM_LINE, 9, "This is not a ticket" },
	{ "code", FORM_LINE, 40, "A code is shorter" },
	PROOF_FIELDS,
	{ NULL, FORM_LINE, 0, NULL },
};

static const struct field again_form[] = {
	{ "csrf", FORM_LINE, 200, "This form is damaged" },
	{ "ticket", FORM_LINE, 9, "This is not a ticket" },
	{ "to", FORM_LINE, 20, "This is not a page" },
	{ "password", FORM_LINE, PASSWORD_MAX,
	    "A password has at most 1,000 characters" },
	{ "code", FORM_LINE, 40, "A code is shorter" },
	PROOF_FIELDS,
	{ NULL, FORM_LINE, 0, NULL },
};

static const struct field session_form[] = {
	{ "csrf", FORM_LINE, 200, "This form is damaged" },
	{ "session", FORM_LINE, 9, "This is not a session" },
	{ NULL, FORM_LINE, 0, NULL },
};

static const struct field contact_form[] = {
	{ "csrf", FORM_LINE, 200, "This form is damaged" },
	{ "mail", FORM_LINE, 254, "An address has at most 254 characters" },
	{ "digest", FORM_LINE, 20, "Choose one of the three" },
	{ "digest_at", FORM_LINE, 20, "Type a time like 08:00" },
	{ "quiet_from", FORM_LINE, 20, "Type a time like 22:00" },
	{ "quiet_until", FORM_LINE, 20, "Type a time like 07:00" },
	{ "zone", FORM_LINE, 60, "There is no such time zone" },
	{ NULL, FORM_LINE, 0, NULL },
};

static const struct field confirm_form[] = {
	{ "csrf", FORM_LINE, 200, "This form is damaged" },
	{ "code", FORM_LINE, 40, "The code is shorter" },
	{ NULL, FORM_LINE, 0, NULL },
};

static const struct field contact_query[] = {
	{ "done", FORM_LINE, 10, "This is not an outcome" },
	{ NULL, FORM_LINE, 0, NULL },
};

/* The only place to go on to that a visitor may name: a ticket's number. */
static bool
is_number(const char *s)
{
	return *s >= '1' && *s <= '9' && strspn(s, "0123456789") == strlen(s) &&
	       strlen(s) <= 9;
}

/*
 * The sign-in page.  `why` is the section that says what went wrong, NULL
 * at first.  The password is never sent back.
 */
static struct page *
sign_in_again(struct request *r, const char *why)
{
	struct page *page = page_new(r, "login.html");
	const char *ticket = form_text(r, "ticket");

	page_set(page, "title", "Sign in");
	page_set(page, "csrf", auth_token(r, "login"));
	page_set(page, "challenge", proof_challenge(r, "whole"));
	page_set(page, "login", form_text(r, "login"));
	web_permit(r, GET_PASSKEY);
	if (is_number(ticket))
		page_set(page, "ticket", ticket);
	if (why != NULL) {
		page_show(page, "problems");
		page_show(page, why);
	}
	return page;
}

/* Signed in, but without the second factor that is required by now. */
static bool
must_enrol(struct request *r)
{
	const char *token[] = { auth_session(r) };
	const struct rows *needs;

	return token[0] != NULL &&
	       (needs = db_rows(r, &q_needs, token)) != NULL &&
	       *rows_named(needs, 0, "is_missing") == 't';
}

static int
sign_in_page(struct request *r)
{
	if (!form_query(r, sign_in_form))
		return r->status;
	if (must_enrol(r))
		return web_see_other(r, "/login/factor");
	return page_send(r, 200, sign_in_again(r, NULL));
}

/* Too often: when to come back, for people and for programs. */
static int
show_limit(struct request *r, const struct rows *verdict)
{
	struct page *page = sign_in_again(r, "limited");

	page_set(page, "wait", rows_named(verdict, 0, "wait_words"));
	web_header(r, "Retry-After", rows_named(verdict, 0, "wait_seconds"));
	log_warn("sign-in limited");
	return page_send(r, 429, page);
}

/* A browser may call itself anything; only text can be shown later. */
static const char *
agent_of(struct request *r)
{
	const char *agent = web_param(r, "User-Agent");

	return form_utf8(agent, strlen(agent)) ? agent : "";
}

static int
go_on(struct request *r, const char *session)
{
	const char *ticket = form_text(r, "ticket");

	web_set_cookie(r, "session", session, "/", -1);
	if (is_number(ticket))
		return web_see_other(r, "/staff/tickets/%s", ticket);
	return web_see_other(r, "/staff");
}

/* The password was right, and is not all that is needed. */
static int
ask_for_code(struct request *r, const char *half)
{
	const char *ticket = form_text(r, "ticket");

	web_set_cookie(r, "half", half, "/login", HALF_SECONDS);
	if (is_number(ticket))
		return web_see_other(r, "/login/code?ticket=%s", ticket);
	return web_see_other(r, "/login/code");
}

/* Compute the tag as the database says, and have it judged. */
static int
judge(struct request *r, const struct rows *how)
{
	const char *session = token_random(r->arena, SESSION_BYTES);
	const char *tag = token_password(r->arena, form_text(r, "password"),
	    rows_named(how, 0, "salt"),
	    (unsigned)atoi(rows_named(how, 0, "memory_kib")),
	    (unsigned)atoi(rows_named(how, 0, "passes")));
	const char *args[] = { form_text(r, "login"), tag, auth_visitor(r),
		r->address, agent_of(r), session, auth_session(r) };
	const struct rows *verdict;

	if ((verdict = db_rows(r, &q_finish, args)) == NULL)
		return r->status;
	if (rows_outcome(verdict, "limited"))
		return show_limit(r, verdict);
	if (rows_outcome(verdict, "wrong")) {
		log_warn("sign-in refused");
		return page_send(r, 403, sign_in_again(r, "wrong"));
	}
	if (rows_outcome(verdict, "more"))
		return ask_for_code(r, session);
	log_info("signed in");
	if (rows_outcome(verdict, "enrol")) {
		web_set_cookie(r, "session", session, "/", -1);
		return web_see_other(r, "/login/factor");
	}
	return go_on(r, session);
}

static int
sign_in(struct request *r)
{
	unsigned char key[AUTH_KEY];
	const struct rows *how;
	enum auth_verdict form;

	if (!form_read(r, sign_in_form))
		return r->status;
	form = auth_check(r, "login", form_text(r, "csrf"), key);
	/* A password manager is faster than a person: early is good. */
	if (form != AUTH_GOOD && form != AUTH_EARLY)
		return page_send(r, 403, sign_in_again(r, "expired"));
	if (*form_text(r, "login") == '\0' || *form_text(r, "password") == '\0')
		return page_send(r, 422, sign_in_again(r, "empty"));
	if (!form_complete(r))
		return page_send(r, 422, sign_in_again(r, "long"));

	const char *who[] = { form_text(r, "login"), auth_visitor(r) };

	if ((how = db_rows(r, &q_params, who)) == NULL)
		return r->status;
	if (strcmp(rows_named(how, 0, "wait_seconds"), "0") != 0)
		return show_limit(r, how);
	return judge(r, how);
}

/* The second step ---------------------------------------------------------- */

/* A passkey alone: its device knows its owner, so it is both factors. */
static int
sign_in_by_passkey(struct request *r)
{
	unsigned char key[AUTH_KEY];
	const struct rows *known, *verdict;
	enum auth_verdict form;

	if (!form_read(r, passkey_form))
		return r->status;
	form = auth_check(r, "login", form_text(r, "csrf"), key);
	if (form != AUTH_GOOD && form != AUTH_EARLY)
		return page_send(r, 403, sign_in_again(r, "expired"));
	if (!form_complete(r))
		return 422;

	const char *name[] = { passkey_name(
	    r->arena, form_text(r, "credential")) };

	if ((known = db_rows(r, &q_passkey, name)) == NULL)
		return r->status;

	struct proof proof = proof_passkey(r, "whole", known, true);
	const char *session = token_random(r->arena, SESSION_BYTES);
	const char *args[] = { proof.credential, proof.count,
		proof.challenge_sha256, auth_visitor(r), session,
		auth_session(r), r->address, agent_of(r) };

	if ((verdict = db_rows(r, &q_whole, args)) == NULL)
		return r->status;
	if (rows_outcome(verdict, "limited"))
		return show_limit(r, verdict);
	if (!rows_outcome(verdict, "done"))
		return page_send(r, 403, sign_in_again(r, "no_passkey"));
	log_info("signed in by a passkey");
	return go_on(r, session);
}

/* "purpose half-session-hash": forms of a half-done sign-in are its own. */
static const char *
half_purpose(struct request *r, const char *half)
{
	return arena_printf(
	    r->arena, "code %s", token_sha256(r->arena, half, strlen(half)));
}

/* The second factors of whom a page asks for one. */
static bool
show_factors(struct request *r, struct page *page, const struct rows *how,
    const char *half, const char *purpose)
{
	const char *who[] = { half, half == NULL ? auth_session(r) : NULL };
	const struct rows *passkeys = db_rows(r, &q_passkeys, who);

	if (passkeys == NULL)
		return false;
	page_row(page, how, 0);
	page_set(page, "challenge", proof_challenge(r, purpose));
	page_rows(page, "passkey", passkeys);
	web_permit(r, GET_PASSKEY);
	return true;
}

/* `why` as in sign_in_again(). */
static int
send_code_page(struct request *r, int status, const struct rows *how,
    const char *half, const char *why)
{
	struct page *page = page_new(r, "login-code.html");
	const char *ticket = form_text(r, "ticket");

	page_set(page, "title", "One more step");
	page_set(page, "csrf", auth_token(r, half_purpose(r, half)));
	if (is_number(ticket))
		page_set(page, "ticket", ticket);
	if (!show_factors(r, page, how, half, half_purpose(r, half)))
		return r->status;
	if (why != NULL) {
		page_show(page, "problems");
		page_show(page, why);
	}
	return page_send(r, status, page);
}

/* What there is to prove; NULL once the password is too long ago. */
static const struct rows *
half_done(struct request *r, const char **half)
{
	const char *who[] = { auth_half(r), NULL };

	*half = who[0];
	r->status = 401;
	return who[0] != NULL ? db_rows(r, &q_proof, who) : NULL;
}

/* Back to the first step. */
static int
start_again(struct request *r)
{
	if (r->status != 401)
		return r->status;
	web_set_cookie(r, "half", "", "/login", 0);
	form_query(r, sign_in_form); /* nothing was typed into that one */
	return page_send(r, 403, sign_in_again(r, "over"));
}

static int
code_page(struct request *r)
{
	const struct rows *how;
	const char *half;

	if (!form_query(r, sign_in_form))
		return r->status;
	if ((how = half_done(r, &half)) == NULL)
		return staff_turn_away(r, NULL);
	return send_code_page(r, 200, how, half, NULL);
}

static int
code_limited(struct request *r, const struct rows *how, const char *half,
    const struct rows *verdict)
{
	struct page *page = page_new(r, "login-code.html");

	page_set(page, "title", "One more step");
	page_set(page, "csrf", auth_token(r, half_purpose(r, half)));
	page_set(page, "wait", rows_named(verdict, 0, "wait_words"));
	if (!show_factors(r, page, how, half, half_purpose(r, half)))
		return r->status;
	page_show(page, "problems");
	page_show(page, "limited");
	web_header(r, "Retry-After", rows_named(verdict, 0, "wait_seconds"));
	log_warn("second step limited");
	return page_send(r, 429, page);
}

/* A proof of what the form holds; false: r->status says why there is none. */
static bool
read_proof(struct request *r, const struct rows *how, const char *half,
    const char *purpose, struct proof *proof)
{
	const char *who[] = { half, half == NULL ? auth_session(r) : NULL };
	const struct rows *known;

	if (!proof_by_passkey(r)) {
		*proof = proof_code(r, form_text(r, "code"), how);
		return true;
	}
	if ((known = db_rows(r, &q_passkeys, who)) == NULL)
		return false;
	*proof = proof_passkey(r, purpose, known, false);
	return true;
}

static int
judge_code(struct request *r, const struct rows *how, const char *half)
{
	const char *session = token_random(r->arena, SESSION_BYTES);
	const struct rows *verdict;
	struct proof proof;

	if (!read_proof(r, how, half, half_purpose(r, half), &proof))
		return r->status;

	const char *args[] = { half, proof.step, proof.code_sha256,
		proof.credential, proof.count, proof.challenge_sha256, session,
		auth_session(r), r->address, agent_of(r) };

	if ((verdict = db_rows(r, &q_code, args)) == NULL)
		return r->status;
	if (rows_outcome(verdict, "over")) {
		r->status = 401;
		return start_again(r);
	}
	if (rows_outcome(verdict, "limited"))
		return code_limited(r, how, half, verdict);
	if (!rows_outcome(verdict, "done")) {
		log_warn("second step refused");
		return send_code_page(r, 403, how, half,
		    proof_by_passkey(r) ? "no_passkey" : "wrong");
	}
	log_info("signed in");
	web_set_cookie(r, "half", "", "/login", 0);
	return go_on(r, session);
}

static int
take_code(struct request *r)
{
	unsigned char key[AUTH_KEY];
	const struct rows *how;
	const char *half;
	enum auth_verdict form;

	if (!form_read(r, code_form))
		return r->status;
	if ((how = half_done(r, &half)) == NULL)
		return start_again(r);
	form = auth_check(r, half_purpose(r, half), form_text(r, "csrf"), key);
	if (form != AUTH_GOOD && form != AUTH_EARLY)
		return send_code_page(r, 403, how, half, "expired");
	if (!form_complete(r) ||
	    (*form_text(r, "code") == '\0' && !proof_by_passkey(r)))
		return send_code_page(r, 422, how, half, "empty");
	return judge_code(r, how, half);
}

/* Once more ---------------------------------------------------------------- */

/* The only pages to go on to; those of a ticket stand below its own. */
static const struct target {
	const char *name, *path;
	bool of_ticket;
} targets[] = {
	{ "redact", "/redact", true },
	{ "vulnerability", "/vulnerability", true },
	{ "factor", "/login/factor", false },
	{ "password", "/login/password", false },
	{ "sessions", "/login/sessions", false },
	{ "contact", "/login/contact", false },
	{ "people", "/staff/people", false },
	{ "actions", "/staff/actions", false },
	{ NULL, "/staff", false },
};

static const struct target *
target_of(struct request *r)
{
	const struct target *t = targets;

	while (t->name != NULL && strcmp(t->name, form_text(r, "to")) != 0)
		t++;
	return t;
}

/* Where the visitor came from. */
static int
go_back(struct request *r)
{
	const char *ticket = form_text(r, "ticket");
	const struct target *t = target_of(r);

	if (is_number(ticket))
		return web_see_other(r, "/staff/tickets/%s%s", ticket,
		    t->of_ticket ? t->path : "");
	return web_see_other(r, "%s", t->of_ticket ? "/staff" : t->path);
}

static const struct rows *
own_proof(struct request *r)
{
	const char *who[] = { NULL, auth_session(r) };

	return db_rows(r, &q_proof, who);
}

static struct page *
again_page(struct request *r, const struct rows *how, const char *why)
{
	struct page *page =
	    staff_page(r, "login-again.html", "Is it still you?", "again");
	const char *ticket = form_text(r, "ticket");
	const char *purpose = auth_purpose(r, "again");
	const struct target *t = target_of(r);

	if (!show_factors(r, page, how, NULL, purpose))
		return NULL;
	if (is_number(ticket))
		page_set(page, "ticket", ticket);
	if (t->name != NULL)
		page_set(page, "to", t->name);
	if (why != NULL) {
		page_show(page, "problems");
		page_show(page, why);
	}
	return page;
}

static int
send_again(
    struct request *r, int status, const struct rows *how, const char *why)
{
	struct page *page = again_page(r, how, why);

	return page != NULL ? page_send(r, status, page) : r->status;
}

static int
ask_again(struct request *r)
{
	const struct rows *how;

	if (!form_query(r, again_form))
		return r->status;
	if ((how = own_proof(r)) == NULL)
		return staff_turn_away(r, NULL);
	return send_again(r, 200, how, NULL);
}

static int
again_limited(
    struct request *r, const struct rows *how, const struct rows *verdict)
{
	struct page *page = again_page(r, how, "limited");

	if (page == NULL)
		return r->status;
	page_set(page, "wait", rows_named(verdict, 0, "wait_words"));
	web_header(r, "Retry-After", rows_named(verdict, 0, "wait_seconds"));
	log_warn("proof limited");
	return page_send(r, 429, page);
}

static int
judge_again(struct request *r, const struct rows *how)
{
	const struct rows *verdict;
	struct proof proof;
	const char *tag = token_password(r->arena, form_text(r, "password"),
	    rows_named(how, 0, "salt"),
	    (unsigned)atoi(rows_named(how, 0, "memory_kib")),
	    (unsigned)atoi(rows_named(how, 0, "passes")));

	if (!read_proof(r, how, NULL, auth_purpose(r, "again"), &proof))
		return r->status;

	const char *args[] = { auth_session(r), tag, auth_visitor(r),
		r->address, proof.step, proof.code_sha256, proof.credential,
		proof.count, proof.challenge_sha256 };

	if ((verdict = db_rows(r, &q_again, args)) == NULL)
		return staff_turn_away(r, NULL);
	if (rows_outcome(verdict, "limited"))
		return again_limited(r, how, verdict);
	if (!rows_outcome(verdict, "done")) {
		log_warn("proof refused");
		return send_again(r, 403, how, "wrong");
	}
	return go_back(r);
}

static int
prove_again(struct request *r)
{
	const struct rows *how;

	if (!form_read(r, again_form))
		return r->status;
	if ((how = own_proof(r)) == NULL)
		return staff_turn_away(r, NULL);
	if (!staff_form(r, "again", NULL))
		return send_again(r, 403, how, "expired");
	if (*form_text(r, "password") == '\0' || !form_complete(r) ||
	    (*rows_named(how, 0, "has_factor") == 't' &&
		*form_text(r, "code") == '\0' && !proof_by_passkey(r)))
		return send_again(r, 422, how, "empty");
	return judge_again(r, how);
}

/* Sessions ----------------------------------------------------------------- */

/*
 * "cache" takes pages that the back button could still show.  "cookies"
 * would take the reader's theme and links to own tickets along; ours is
 * deleted by name.
 */
static int
sign_out(struct request *r)
{
	const char *token[] = { auth_session(r) };

	if (!form_read(r, session_form))
		return r->status;
	if (token[0] != NULL && !staff_form(r, "logout", NULL))
		return 403;
	if (token[0] != NULL && db_rows(r, &q_end, token) == NULL)
		return r->status;
	web_set_cookie(r, "session", "", "/", 0);
	web_header(r, "Clear-Site-Data", "\"cache\"");
	return web_see_other(r, "/login");
}

static int
show_sessions(struct request *r)
{
	const char *token[] = { auth_session(r) };
	const struct rows *sessions;
	struct page *page;

	if ((sessions = db_rows(r, &q_sessions, token)) == NULL)
		return staff_turn_away(r, NULL);
	page = staff_page(
	    r, "login-sessions.html", "Where you are signed in", "sessions");
	page_rows(page, "session", sessions);
	if (rows_count(sessions) > 1)
		page_show(page, "others");
	return page_send(r, 200, page);
}

static int
end_sessions(struct request *r)
{
	const char *args[2];

	if (!form_read(r, session_form))
		return r->status;
	args[0] = auth_session(r);
	args[1] = form_or_null(r, "session"); /* NULL: all others */
	if (!staff_form(r, "sessions", NULL))
		return 403;
	if (db_rows(r, &q_session_end, args) == NULL)
		return staff_turn_away(r, "sessions");
	return web_see_other(r, "/login/sessions");
}

/* Mail --------------------------------------------------------------------- */

/* The page of contacts but for what stands in its fields. */
static struct page *
contact_page(struct request *r, const char *title)
{
	const char *token[] = { auth_session(r) };
	const struct rows *contact = db_rows(r, &q_contact, token);
	struct page *page;

	if (contact == NULL)
		return NULL;
	page = staff_page(r, "login-contact.html", title, "contact");
	page_set(page, "mail", rows_named(contact, 0, "mail"));
	page_set(page, "asked_mail", rows_named(contact, 0, "asked_mail"));
	if (*rows_named(contact, 0, "is_asked") == 't')
		page_show(page, "is_asked");
	if (*rows_named(contact, 0, "has_mail") == 't')
		page_show(page, "has_mail");
	return page;
}

static int
show_contact(struct request *r)
{
	const char *token[] = { auth_session(r) };
	const struct rows *contact;
	struct page *page;

	if (!form_query(r, contact_query))
		return r->status;
	if ((page = contact_page(r, "Mail to you")) == NULL ||
	    (contact = db_rows(r, &q_contact, token)) == NULL)
		return staff_turn_away(r, NULL);
	page_row(page, contact, 0);
	if (strcmp(form_text(r, "done"), "saved") == 0)
		page_show(page, "saved");
	if (strcmp(form_text(r, "done"), "wrong") == 0)
		page_show(page, "wrong_code");
	return page_send(r, 200, page);
}

static int
contact_again(struct request *r, int status, const char *why)
{
	struct page *page = contact_page(r, "Error: Mail to you");

	if (page == NULL)
		return staff_turn_away(r, NULL);
	page_form(page, r);
	if (why != NULL)
		page_show(page, why);
	return page_send(r, status, page);
}

static int
set_contact(struct request *r)
{
	const struct rows *complaints;
	int i;

	if (!form_read(r, contact_form))
		return r->status;
	if (!staff_form(r, "contact", NULL))
		return 403;
	if (!form_complete(r))
		return contact_again(r, 422, NULL);

	const char *args[] = { auth_session(r), form_text(r, "mail"),
		form_text(r, "digest"), form_text(r, "digest_at"),
		form_text(r, "quiet_from"), form_text(r, "quiet_until"),
		form_text(r, "zone"), r->address };

	if ((complaints = db_rows(r, &q_contact_set, args)) == NULL)
		return r->status == 403 ? contact_again(r, 403, "stale")
		                        : staff_turn_away(r, NULL);
	for (i = 0; i < rows_count(complaints); i++)
		form_complain(r, rows_text(complaints, i, 0),
		    rows_text(complaints, i, 1));
	if (!form_complete(r))
		return contact_again(r, 422, NULL);
	return web_see_other(r, "/login/contact?done=saved");
}

static int
confirm_contact(struct request *r)
{
	const struct rows *right;

	if (!form_read(r, confirm_form))
		return r->status;
	if (!staff_form(r, "contact", NULL))
		return 403;

	const char *args[] = { auth_session(r), form_text(r, "code"),
		r->address };

	if ((right = db_rows(r, &q_contact_confirm, args)) == NULL)
		return staff_turn_away(r, "contact");
	return web_see_other(r, "/login/contact?done=%s",
	    rows_count(right) > 0 ? "saved" : "wrong");
}

static const struct route routes[] = {
	{ "GET", "/login", sign_in_page, WEB_PRIVATE },
	{ "POST", "/login", sign_in, WEB_PRIVATE },
	{ "POST", "/login/passkey", sign_in_by_passkey, WEB_PRIVATE },
	{ "GET", "/login/code", code_page, WEB_PRIVATE },
	{ "POST", "/login/code", take_code, WEB_PRIVATE },
	{ "GET", "/login/again", ask_again, WEB_PRIVATE },
	{ "POST", "/login/again", prove_again, WEB_PRIVATE },
	{ "POST", "/logout", sign_out, WEB_PRIVATE },
	{ "GET", "/login/sessions", show_sessions, WEB_PRIVATE },
	{ "POST", "/login/sessions/end", end_sessions, WEB_PRIVATE },
	{ "GET", "/login/contact", show_contact, WEB_PRIVATE },
	{ "POST", "/login/contact", set_contact, WEB_PRIVATE },
	{ "POST", "/login/contact/confirm", confirm_contact, WEB_PRIVATE },
	{ NULL, NULL, NULL, WEB_PRIVATE },
};

static const struct query *const queries[] = { &q_params, &q_finish, &q_end,
	&q_sessions, &q_session_end, &q_contact, &q_contact_set,
	&q_contact_confirm, &q_proof, &q_passkeys, &q_passkey, &q_code,
	&q_whole, &q_again, &q_needs, NULL };

static void
start(const struct conf *conf)
{
	seal_start(conf->factor_keyring);
	passkey_start();
}

int
main(int argc, char **argv)
{
	static const struct program login = {
		.name = "login",
		.routes = routes,
		.queries = queries,
		.body_max = 32 * 1024,
		.start = start,
	};

	if (argc > 1)
		return operator_main(argc, argv);
	return web_main(&login);
}
