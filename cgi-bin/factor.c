/*
 * factor - what staff sign in with: second factors and the password
 *
 *	GET  /login/factor		what there is, and what changed
 *	GET, POST /login/factor/app	set up an app that shows codes
 *	POST /login/factor/app/remove
 *	GET, POST /login/factor/passkey	set up a passkey
 *	POST /login/factor/passkey/remove
 *	POST /login/factor/codes	new recovery codes, shown once
 *	GET, POST /login/password	another password
 *
 * Runs as the database role desk_factor.  It writes seeds of apps and can
 * read none: a new one is sealed (seal.h) before the page that shows it is
 * sent, waits in that page's form until its first code was typed, and goes
 * into the database sealed for login alone.
 *
 * Everything that changes something needs a fresh proof (/login/again): the
 * database refuses with 403 what is done without.  Who must set up a factor
 * before anything else can come here and nowhere else.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "arena.h"
#include "auth.h"
#include "conf.h"
#include "db.h"
#include "form.h"
#include "log.h"
#include "page.h"
#include "passkey.h"
#include "password.h"
#include "proof.h"
#include "qr.h"
#include "seal.h"
#include "staff.h"
#include "token.h"
#include "totp.h"
#include "web.h"

#define CODES 10       /* recovery codes */
#define ISSUER_MAX 20  /* bytes of the desk's name in an app */
#define HANDLE_SIZE 32 /* bytes that stand for a person in a device */

static const struct query q_me = {
	.name = "factor_me",
	.sql = "SELECT * FROM api.factor_me($1)",
	.params = 1,
};

static const struct query q_passkeys = {
	.name = "factor_passkeys",
	.sql = "SELECT * FROM api.factor_passkeys($1)",
	.params = 1,
};

static const struct query q_events = {
	.name = "factor_events",
	.sql = "SELECT * FROM api.factor_events($1)",
	.params = 1,
};

static const struct query q_app_add = {
	.name = "factor_app_add",
	.sql = "SELECT * FROM api.factor_app_add($1, $2, $3::bigint, "
	       "$4::text[], $5) AS codes_made",
	.params = 5,
};

static const struct query q_app_remove = {
	.name = "factor_app_remove",
	.sql = "SELECT api.factor_app_remove($1, $2)",
	.params = 2,
};

static const struct query q_codes = {
	.name = "factor_codes",
	.sql = "SELECT api.factor_codes($1, $2::text[], $3)",
	.params = 3,
};

static const struct query q_passkey_add = {
	.name = "factor_passkey_add",
	.sql = "SELECT * FROM api.factor_passkey_add($1, $2, $3::int, $4, "
	       "$5::bigint, $6, $7, $8::text[], $9) AS codes_made",
	.params = 9,
};

static const struct query q_passkey_remove = {
	.name = "factor_passkey_remove",
	.sql = "SELECT api.factor_passkey_remove($1, $2::int, $3)",
	.params = 3,
};

static const struct query q_password_params = {
	.name = "factor_password_params",
	.sql = "SELECT * FROM api.factor_password_params($1)",
	.params = 1,
};

static const struct query q_password = {
	.name = "factor_password",
	.sql = "SELECT * FROM api.factor_password($1, $2, $3, $4::int, "
	       "$5::int, $6, $7)",
	.params = 7,
};

static const struct field button_form[] = {
	{ "csrf", FORM_LINE, 200, "This form is damaged" },
	{ "passkey", FORM_LINE, 9, "This is not a passkey" },
	{ NULL, FORM_LINE, 0, NULL },
};

static const struct field app_form[] = {
	{ "csrf", FORM_LINE, 200, "This form is damaged" },
	{ "sealed", FORM_LINE, 200, "This form is damaged" },
	{ "code", FORM_LINE, 40, "A code has six digits." },
	{ NULL, FORM_LINE, 0, NULL },
};

static const struct field passkey_form[] = {
	{ "csrf", FORM_LINE, 200, "This form is damaged" },
	{ "account", FORM_LINE, 100, "This form is damaged" },
	{ "handle", FORM_LINE, 100, "This form is damaged" },
	{ "name", FORM_LINE, 60, "A name has at most 60 characters." },
	PROOF_FIELDS,
	{ NULL, FORM_LINE, 0, NULL },
};

static const struct field password_form[] = {
	{ "csrf", FORM_LINE, 200, "This form is damaged" },
	{ "old", FORM_LINE, PASSWORD_MAX,
	    "A password has at most 1,000 characters." },
	{ "password", FORM_LINE, PASSWORD_MAX,
	    "A password has at most 1,000 characters." },
	{ "again", FORM_LINE, PASSWORD_MAX,
	    "A password has at most 1,000 characters." },
	{ NULL, FORM_LINE, 0, NULL },
};

static const struct field done_query[] = {
	{ "done", FORM_LINE, 20, "This is not an outcome" },
	{ NULL, FORM_LINE, 0, NULL },
};

static const struct rows *
ask_who(struct request *r)
{
	const char *token[] = { auth_session(r) };

	return db_rows(r, &q_me, token);
}

/* The same for a page that is no use without a fresh proof. */
static const struct rows *
ask_who_freshly(struct request *r)
{
	const struct rows *me = ask_who(r);

	if (me == NULL || *rows_named(me, 0, "is_fresh") == 't')
		return me;
	r->status = 403;
	return NULL;
}

/* What there is ------------------------------------------------------------ */

static int
send_overview(struct request *r, int status, const char *what)
{
	const char *token[] = { auth_session(r) };
	struct call *who = db_call(r, &q_me, token);
	struct call *keys = db_call(r, &q_passkeys, token);
	struct call *changes = db_call(r, &q_events, token);
	const struct rows *me = db_get(r, who);
	const struct rows *passkeys = db_get(r, keys);
	const struct rows *events = db_get(r, changes);
	struct page *page;

	if (me == NULL || passkeys == NULL || events == NULL)
		return staff_turn_away(r, "factor");
	page = staff_page(r, "factor.html", "How you sign in", "factor");
	page_row(page, me, 0);
	page_rows(page, "passkey", passkeys);
	page_rows(page, "event", events);
	if (rows_count(events) > 0)
		page_show(page, "events");
	if (what != NULL)
		page_show(page, what);
	return page_send(r, status, page);
}

static const struct outcome {
	const char *name, *section;
} outcomes[] = {
	{ "app", "app_done" },
	{ "passkey", "passkey_done" },
	{ "removed", "removed" },
	{ "password", "password_done" },
	{ NULL, NULL },
};

static int
show_overview(struct request *r)
{
	const struct outcome *o = outcomes;

	if (!form_query(r, done_query))
		return r->status;
	while (o->name != NULL && strcmp(o->name, form_text(r, "done")) != 0)
		o++;
	return send_overview(r, 200, o->section);
}

/* Recovery codes ----------------------------------------------------------- */

struct codes {
	const char *shown[CODES];
	const char *hashes; /* as an array of SQL */
};

static struct codes
codes_new(struct request *r)
{
	struct codes codes = { .hashes = "{" };
	size_t i;

	for (i = 0; i < CODES; i++) {
		const char *code = totp_recovery(r->arena);

		codes.shown[i] = code;
		codes.hashes = arena_printf(r->arena, "%s%s%s", codes.hashes,
		    i > 0 ? "," : "", totp_recovery_hash(r->arena, code));
	}
	codes.hashes = arena_printf(r->arena, "%s}", codes.hashes);
	return codes;
}

/* The one time that they are seen. */
static int
show_codes(struct request *r, const struct codes *codes, const char *what)
{
	const struct rows *me = ask_who(r);
	struct page *page =
	    staff_page(r, "factor-codes.html", "Your recovery codes", "factor");
	size_t i;

	/* on paper they have to say what they open */
	if (me != NULL)
		page_set(page, "login", rows_named(me, 0, "login"));
	for (i = 0; i < CODES; i++)
		page_set(page_section(page, "code"), "text", codes->shown[i]);
	if (what != NULL)
		page_show(page, what);
	return page_send(r, 200, page);
}

static int
new_codes(struct request *r)
{
	struct codes codes;

	if (!form_read(r, button_form))
		return r->status;
	if (!staff_form(r, "factor", NULL))
		return 403;
	codes = codes_new(r);

	const char *args[] = { auth_session(r), codes.hashes, r->address };

	if (db_rows(r, &q_codes, args) == NULL)
		return staff_turn_away(r, "factor");
	log_info("recovery codes made");
	return show_codes(r, &codes, NULL);
}

/* After a factor was added: its codes if it is the first. */
static int
added(struct request *r, const struct rows *answer, const struct codes *codes,
    const char *what)
{
	log_info("%s added", what);
	if (*rows_named(answer, 0, "codes_made") == 't')
		return show_codes(
		    r, codes, arena_printf(r->arena, "%s_done", what));
	return web_see_other(r, "/login/factor?done=%s", what);
}

/* An app ------------------------------------------------------------------- */

/* A seed that waits in a form is good for nothing but this session's form. */
static const char *
pending(struct request *r)
{
	return arena_printf(r->arena, "pending %s", auth_purpose(r, "app"));
}

/* What an app calls us; a name that is long when encoded gives way. */
static const char *
issuer(struct request *r)
{
	const char *host = strstr(r->conf->url, "://") + 3;

	if (strlen(r->conf->name) <= ISSUER_MAX)
		return r->conf->name;
	return arena_printf(r->arena, "%.*s", (int)strcspn(host, ":/"), host);
}

static void
draw(struct request *r, struct page *page, const char *address)
{
	const struct qr_run *run = qr_runs(r->arena, address);

	if (run == NULL)
		return; /* the secret stands below as text */
	page_show(page, "qr");
	for (; run->width > 0; run++) {
		struct page *dark = page_section(page, "run");

		page_set(dark, "x", arena_printf(r->arena, "%d", run->x));
		page_set(dark, "y", arena_printf(r->arena, "%d", run->y));
		page_set(
		    dark, "width", arena_printf(r->arena, "%d", run->width));
	}
}

/* In fours, as people read it. */
static const char *
spaced(struct request *r, const char *text)
{
	char *out = arena_alloc(r->arena, 2 * strlen(text) + 1), *to = out;
	size_t n;

	for (n = 0; *text != '\0'; n++) {
		if (n > 0 && n % 4 == 0)
			*to++ = ' ';
		*to++ = *text++;
	}
	*to = '\0';
	return out;
}

static int
send_app_page(struct request *r, int status, const struct rows *me,
    const unsigned char seed[TOTP_SEED])
{
	struct page *page =
	    staff_page(r, "factor-app.html", "Set up an app", "factor");
	const char *secret = totp_base32(r->arena, seed, TOTP_SEED);

	page_row(page, me, 0);
	page_set(page, "secret", spaced(r, secret));
	page_set(page, "sealed", seal(r->arena, pending(r), seed, TOTP_SEED));
	draw(r, page,
	    totp_address(
		r->arena, seed, issuer(r), rows_named(me, 0, "login")));
	if (status != 200) {
		form_complain(r, "code",
		    "This is not the code that the app shows now. Look again: "
		    "it changes every half minute.");
		page_form(page, r);
	}
	return page_send(r, status, page);
}

static int
app_page(struct request *r)
{
	unsigned char *seed = arena_alloc(r->arena, TOTP_SEED);
	const struct rows *me = ask_who_freshly(r);

	if (me == NULL)
		return staff_turn_away(r, "factor");
	token_decode(seed, TOTP_SEED, token_random(r->arena, TOTP_SEED));
	return send_app_page(r, 200, me, seed);
}

/* The step that is now, by this machine's clock: the first code sets it. */
static long long
step_now(void)
{
	return (long long)time(NULL) / 30;
}

static int
set_up_app(struct request *r)
{
	unsigned char *seed = arena_alloc(r->arena, TOTP_SEED);
	const struct rows *me, *answer;
	struct codes codes;
	long long step;

	if (!form_read(r, app_form))
		return r->status;
	if ((me = ask_who_freshly(r)) == NULL)
		return staff_turn_away(r, "factor");
	if (!staff_form(r, "factor", NULL) ||
	    !seal_open(seed, TOTP_SEED, pending(r), form_text(r, "sealed")))
		return 403;
	step = totp_step(r->arena, seed, form_text(r, "code"), step_now(), 0);
	if (step == 0)
		return send_app_page(r, 422, me, seed);
	codes = codes_new(r);

	const char *args[] = { auth_session(r),
		seal(r->arena,
		    proof_seed_purpose(r, rows_named(me, 0, "staff")), seed,
		    TOTP_SEED),
		arena_printf(r->arena, "%lld", step), codes.hashes,
		r->address };

	memset(seed, 0, TOTP_SEED);
	if ((answer = db_rows(r, &q_app_add, args)) == NULL)
		return staff_turn_away(r, "factor");
	return added(r, answer, &codes, "app");
}

/* Removing it is one button, as for a passkey. */
static int
removed(struct request *r, const struct query *q, const char *const *args)
{
	if (db_rows(r, q, args) != NULL) {
		log_info("factor removed");
		return web_see_other(r, "/login/factor?done=removed");
	}
	if (r->status == 409)
		return send_overview(r, 409, "is_last");
	return staff_turn_away(r, "factor");
}

static int
remove_app(struct request *r)
{
	const char *args[] = { auth_session(r), r->address };

	if (!form_read(r, button_form))
		return r->status;
	if (!staff_form(r, "factor", NULL))
		return 403;
	return removed(r, &q_app_remove, args);
}

/* A passkey ---------------------------------------------------------------- */

/*
 * What a device knows a person by (WebAuthn's user handle): no name, and the
 * same each time, so that a second passkey on one device takes the place of
 * the first.
 */
static const char *
handle(struct request *r, const char *staff)
{
	unsigned char handle[HANDLE_SIZE];
	const char *who =
	    arena_printf(r->arena, "%s of %s", staff, r->conf->url);

	token_unhex(
	    handle, sizeof(handle), token_sha256(r->arena, who, strlen(who)));
	return token_encode(r->arena, handle, sizeof(handle));
}

static int
send_passkey_page(
    struct request *r, int status, const struct rows *me, const char *why)
{
	const char *token[] = { auth_session(r) };
	const struct rows *passkeys = db_rows(r, &q_passkeys, token);
	struct page *page;

	if (passkeys == NULL)
		return staff_turn_away(r, "factor");
	page =
	    staff_page(r, "factor-passkey.html", "Set up a passkey", "factor");
	page_row(page, me, 0);
	page_set(page, "handle", handle(r, rows_named(me, 0, "staff")));
	page_set(
	    page, "challenge", proof_challenge(r, auth_purpose(r, "make")));
	page_rows(page, "passkey", passkeys);
	if (why != NULL) {
		page_show(page, "problems");
		page_show(page, why);
	}
	web_permit(r, "publickey-credentials-create");
	return page_send(r, status, page);
}

static int
passkey_page(struct request *r)
{
	const struct rows *me = ask_who_freshly(r);

	if (me == NULL)
		return staff_turn_away(r, "factor");
	return send_passkey_page(r, 200, me, NULL);
}

/* What the browser made; NULL and a line in the log when it will not do. */
static const struct passkey *
read_passkey(struct request *r)
{
	struct passkey *made = arena_alloc(r->arena, sizeof(*made));
	struct passkey_answer answer = proof_answer(r);
	const char *why = "the challenge is not ours, or too old";

	if (proof_challenged(r, auth_purpose(r, "make")))
		why = passkey_made(r->arena, r->conf->url,
		    form_text(r, "challenge"), &answer, made);
	if (why == NULL)
		return made;
	log_warn("new passkey refused: %s", why);
	return NULL;
}

static int
set_up_passkey(struct request *r)
{
	const struct rows *me, *answer;
	const struct passkey *made;
	struct codes codes;

	if (!form_read(r, passkey_form))
		return r->status;
	if ((me = ask_who_freshly(r)) == NULL)
		return staff_turn_away(r, "factor");
	if (!staff_form(r, "factor", NULL))
		return 403;
	if (!form_complete(r) || !proof_by_passkey(r) ||
	    (made = read_passkey(r)) == NULL)
		return send_passkey_page(r, 422, me, "refused");
	codes = codes_new(r);

	const char *args[] = { auth_session(r), made->credential,
		arena_printf(r->arena, "%d", made->algorithm), made->key,
		arena_printf(r->arena, "%lu", made->count),
		proof_challenge_hash(r), form_text(r, "name"), codes.hashes,
		r->address };

	if ((answer = db_rows(r, &q_passkey_add, args)) != NULL)
		return added(r, answer, &codes, "passkey");
	if (r->status == 409)
		return send_passkey_page(r, 409, me, "known");
	return staff_turn_away(r, "factor");
}

static int
remove_passkey(struct request *r)
{
	const char *args[3];

	if (!form_read(r, button_form))
		return r->status;
	args[0] = auth_session(r);
	args[1] = form_text(r, "passkey");
	args[2] = r->address;
	if (!staff_form(r, "factor", NULL))
		return 403;
	return removed(r, &q_passkey_remove, args);
}

/* The password ------------------------------------------------------------- */

static const struct rows *
ask_params(struct request *r)
{
	const char *token[] = { auth_session(r) };

	return db_rows(r, &q_password_params, token);
}

static struct page *
password_new(struct request *r, const struct rows *how)
{
	struct page *page = staff_page(
	    r, "factor-password.html", "Change your password", "factor");

	page_set(page, "login", rows_named(how, 0, "login"));
	return page;
}

static int
password_page(struct request *r)
{
	const struct rows *how = ask_params(r);

	if (how == NULL)
		return staff_turn_away(r, "password");
	return page_send(r, 200, password_new(r, how));
}

/* No password is sent back: page_form() fills no field of that page. */
static int
password_again(struct request *r, const struct rows *how)
{
	struct page *page = password_new(r, how);

	page_form(page, r);
	return page_send(r, 422, page);
}

static void
check_password(struct request *r, const struct rows *how)
{
	const char *next = form_text(r, "password"), *fault;

	if (*form_text(r, "old") == '\0')
		form_complain(r, "old", "Type the password you have now.");
	fault = password_fault(
	    r->arena, next, rows_named(how, 0, "login"), r->conf->name);
	if (fault != NULL)
		form_complain(r, "password",
		    arena_printf(r->arena, "This one %s.", fault));
	if (strcmp(next, form_text(r, "again")) != 0)
		form_complain(r, "again", "These two were not the same.");
	if (strcmp(next, form_text(r, "old")) == 0)
		form_complain(
		    r, "password", "This is the password you have now.");
}

static int
password_limited(
    struct request *r, const struct rows *how, const struct rows *verdict)
{
	struct page *page = password_new(r, how);

	page_set(page, "wait", rows_named(verdict, 0, "wait_words"));
	page_show(page, "problems");
	page_show(page, "limited");
	web_header(r, "Retry-After", rows_named(verdict, 0, "wait_seconds"));
	return page_send(r, 429, page);
}

static int
judge_password(struct request *r, const struct rows *how)
{
	const char *salt = password_salt(r->arena);
	const char *old = token_password(r->arena, form_text(r, "old"),
	    rows_named(how, 0, "salt"),
	    (unsigned)atoi(rows_named(how, 0, "memory_kib")),
	    (unsigned)atoi(rows_named(how, 0, "passes")));
	const char *args[] = { auth_session(r), old, salt,
		arena_printf(r->arena, "%d", PASSWORD_MEMORY),
		arena_printf(r->arena, "%d", PASSWORD_PASSES),
		token_password(r->arena, form_text(r, "password"), salt,
		    PASSWORD_MEMORY, PASSWORD_PASSES),
		r->address };
	const struct rows *verdict = db_rows(r, &q_password, args);
	const char *outcome;

	if (verdict == NULL)
		return staff_turn_away(r, "password");
	outcome = rows_named(verdict, 0, "outcome");
	if (strcmp(outcome, "limited") == 0)
		return password_limited(r, how, verdict);
	if (strcmp(outcome, "done") != 0) {
		form_complain(r, "old", "This is not your password.");
		return password_again(r, how);
	}
	log_info("password changed");
	return web_see_other(r, "/login/factor?done=password");
}

static int
set_password(struct request *r)
{
	const struct rows *how;

	if (!form_read(r, password_form))
		return r->status;
	if ((how = ask_params(r)) == NULL)
		return staff_turn_away(r, "password");
	if (!staff_form(r, "factor", NULL))
		return 403;
	check_password(r, how);
	if (!form_complete(r))
		return password_again(r, how);
	if (strcmp(rows_named(how, 0, "wait_seconds"), "0") != 0)
		return password_limited(r, how, how);
	return judge_password(r, how);
}

static const struct route routes[] = {
	{ "GET", "/login/factor", show_overview, WEB_PRIVATE },
	{ "GET", "/login/factor/app", app_page, WEB_PRIVATE },
	{ "POST", "/login/factor/app", set_up_app, WEB_PRIVATE },
	{ "POST", "/login/factor/app/remove", remove_app, WEB_PRIVATE },
	{ "GET", "/login/factor/passkey", passkey_page, WEB_PRIVATE },
	{ "POST", "/login/factor/passkey", set_up_passkey, WEB_PRIVATE },
	{ "POST", "/login/factor/passkey/remove", remove_passkey, WEB_PRIVATE },
	{ "POST", "/login/factor/codes", new_codes, WEB_PRIVATE },
	{ "GET", "/login/password", password_page, WEB_PRIVATE },
	{ "POST", "/login/password", set_password, WEB_PRIVATE },
	{ NULL, NULL, NULL, WEB_PRIVATE },
};

static const struct query *const queries[] = { &q_me, &q_passkeys, &q_events,
	&q_app_add, &q_app_remove, &q_codes, &q_passkey_add, &q_passkey_remove,
	&q_password_params, &q_password, NULL };

static void
start(const struct conf *conf)
{
	seal_start(conf->factor_keyring);
	passkey_start();
}

int
main(void)
{
	static const struct program factor = {
		.name = "factor",
		.routes = routes,
		.queries = queries,
		.body_max = 32 * 1024,
		.start = start,
	};

	return web_main(&factor);
}
