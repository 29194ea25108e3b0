/*
 * login - sign staff in and out
 *
 *	GET  /login			the form; ?ticket=N goes on there
 *	POST /login			sign in
 *	POST /logout			sign out
 *	GET  /login/sessions		where one is signed in
 *	POST /login/sessions/end	end one of them, or all others
 *	GET, POST /login/contact	how one wants mail
 *	POST /login/contact/confirm	the code that a new address got
 *
 * and, as a command for the operator, who reaches the database by the
 * libpq environment (PGHOST, PGDATABASE, PGUSER...) with the owner's rights:
 *
 *	login --add-staff LOGIN NAME
 *	login --set-password LOGIN
 *
 * Runs as the database role desk_login, the only one whose functions touch
 * credentials.  The password stays in this process: the database gives out a
 * salt, also for a login that does not exist, and gets the SHA-256 of the
 * argon2id tag.  So what is stored opens nothing, and a wrong password costs
 * the same work as an unknown login.
 */
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <termios.h>
#include <unistd.h>

#include "arena.h"
#include "auth.h"
#include "db.h"
#include "form.h"
#include "log.h"
#include "page.h"
#include "token.h"
#include "web.h"

#define SESSION_BYTES 32       /* random, before base64url */
#define SALT_BYTES 16          /* random */
#define MEMORY_KIB (64 * 1024) /* argon2id, for passwords that are set now */
#define PASSES 3
#define PASSWORD_MIN 12   /* characters of one that is set now */
#define PASSWORD_MAX 1000 /* characters */

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
	       "api.login_contact_set($1, $2, $3, $4, $5, $6, $7)",
	.params = 7,
};

static const struct query q_contact_confirm = {
	.name = "login_contact_confirm",
	.sql = "SELECT 1 WHERE api.login_contact_confirm($1, $2)",
	.params = 2,
};

static const struct query q_staff_add = {
	.name = "staff_add",
	.sql = "SELECT api.staff_add($1, $2, $3, $4::int, $5::int, $6)",
	.params = 6,
};

static const struct query q_set_password = {
	.name = "staff_set_password",
	.sql = "SELECT api.staff_set_password($1, $2, $3::int, $4::int, $5)",
	.params = 5,
};

static const struct field sign_in_form[] = {
	{ "csrf", FORM_LINE, 200, "This form is damaged" },
	{ "ticket", FORM_LINE, 9, "This is not a ticket" },
	{ "login", FORM_LINE, 100, "A name to sign in with is shorter" },
	{ "password", FORM_LINE, PASSWORD_MAX,
	    "A password has at most 1,000 characters" },
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
	page_set(page, "login", form_text(r, "login"));
	if (is_number(ticket))
		page_set(page, "ticket", ticket);
	if (why != NULL) {
		page_show(page, "problems");
		page_show(page, why);
	}
	return page;
}

static int
sign_in_page(struct request *r)
{
	if (!form_query(r, sign_in_form))
		return r->status;
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
	if (strcmp(rows_named(verdict, 0, "outcome"), "limited") == 0)
		return show_limit(r, verdict);
	if (strcmp(rows_named(verdict, 0, "outcome"), "done") != 0) {
		log_warn("sign-in refused");
		return page_send(r, 403, sign_in_again(r, "wrong"));
	}
	log_info("signed in");
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

/* Is the form ours and made for this session? */
static bool
form_is_ours(struct request *r, const char *purpose)
{
	unsigned char key[AUTH_KEY];
	enum auth_verdict form =
	    auth_check(r, auth_purpose(r, purpose), form_text(r, "csrf"), key);

	return form == AUTH_GOOD || form == AUTH_EARLY;
}

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
	if (token[0] != NULL && !form_is_ours(r, "logout"))
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
		return r->status == 401 ? web_see_other(r, "/login")
		                        : r->status;
	page = page_new(r, "login-sessions.html");
	page_set(page, "title", "Where you are signed in");
	page_show(page, "staff_nav");
	page_set(page, "logout_csrf", auth_token(r, auth_purpose(r, "logout")));
	page_set(page, "csrf", auth_token(r, auth_purpose(r, "sessions")));
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
	if (!form_is_ours(r, "sessions"))
		return 403;
	if (db_rows(r, &q_session_end, args) == NULL)
		return r->status == 401 ? web_see_other(r, "/login")
		                        : r->status;
	return web_see_other(r, "/login/sessions");
}

/* The page of contacts but for what stands in its fields. */
static struct page *
contact_page(struct request *r, const char *title)
{
	const char *token[] = { auth_session(r) };
	const struct rows *contact = db_rows(r, &q_contact, token);
	struct page *page;

	if (contact == NULL)
		return NULL;
	page = page_new(r, "login-contact.html");
	page_set(page, "title", title);
	page_show(page, "staff_nav");
	page_set(page, "logout_csrf", auth_token(r, auth_purpose(r, "logout")));
	page_set(page, "csrf", auth_token(r, auth_purpose(r, "contact")));
	page_set(page, "mail", rows_named(contact, 0, "mail"));
	page_set(page, "asked_mail", rows_named(contact, 0, "asked_mail"));
	if (*rows_named(contact, 0, "is_asked") == 't')
		page_show(page, "is_asked");
	if (*rows_named(contact, 0, "has_mail") == 't')
		page_show(page, "has_mail");
	return page;
}

static int
to_sign_in(struct request *r)
{
	return r->status == 401 ? web_see_other(r, "/login") : r->status;
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
		return to_sign_in(r);
	page_row(page, contact, 0);
	if (strcmp(form_text(r, "done"), "saved") == 0)
		page_show(page, "saved");
	if (strcmp(form_text(r, "done"), "wrong") == 0)
		page_show(page, "wrong_code");
	return page_send(r, 200, page);
}

static int
contact_again(struct request *r)
{
	struct page *page = contact_page(r, "Error: Mail to you");

	if (page == NULL)
		return to_sign_in(r);
	page_form(page, r);
	return page_send(r, 422, page);
}

static int
set_contact(struct request *r)
{
	const struct rows *complaints;
	int i;

	if (!form_read(r, contact_form))
		return r->status;
	if (!form_is_ours(r, "contact"))
		return 403;
	if (!form_complete(r))
		return contact_again(r);

	const char *args[] = { auth_session(r), form_text(r, "mail"),
		form_text(r, "digest"), form_text(r, "digest_at"),
		form_text(r, "quiet_from"), form_text(r, "quiet_until"),
		form_text(r, "zone") };

	if ((complaints = db_rows(r, &q_contact_set, args)) == NULL)
		return to_sign_in(r);
	for (i = 0; i < rows_count(complaints); i++)
		form_complain(r, rows_text(complaints, i, 0),
		    rows_text(complaints, i, 1));
	if (!form_complete(r))
		return contact_again(r);
	return web_see_other(r, "/login/contact?done=saved");
}

static int
confirm_contact(struct request *r)
{
	const struct rows *right;

	if (!form_read(r, confirm_form))
		return r->status;
	if (!form_is_ours(r, "contact"))
		return 403;

	const char *args[] = { auth_session(r), form_text(r, "code") };

	if ((right = db_rows(r, &q_contact_confirm, args)) == NULL)
		return to_sign_in(r);
	return web_see_other(r, "/login/contact?done=%s",
	    rows_count(right) > 0 ? "saved" : "wrong");
}

/* The command ------------------------------------------------------------ */

static const char usage[] =
    "usage: login --add-staff LOGIN NAME\n"
    "       login --set-password LOGIN\n"
    "\n"
    "Make a member of the staff, or give one another password, which also\n"
    "ends all their sessions.  The password is one line on standard input,\n"
    "at least 12 characters and without the login in it; on a terminal it\n"
    "is asked for twice and not shown.  The database is the one of the libpq\n"
    "environment (PGHOST, PGDATABASE, PGUSER...); this takes the owner's\n"
    "rights.\n"
    "\n"
    "Without arguments this is the FastCGI program that signs staff in.\n"
    "\n"
    "exit status: 0 done, 1 no database or no rights, 64 wrong usage,\n"
    "65 the password, the login or the name will not do (or is taken),\n"
    "67 no such login\n";

static int
complain(int status, const char *words)
{
	fprintf(stderr, "login: %s\n", words);
	return status;
}

static size_t
characters(const char *s)
{
	size_t n = 0;

	for (; *s != '\0'; s++)
		n += ((unsigned char)*s & 0xc0) != 0x80;
	return n;
}

/* One line of standard input without its end; NULL when there is none. */
static const char *
read_line(struct arena *a)
{
	size_t size = PASSWORD_MAX * 4 + 2, n;
	char *line = arena_alloc(a, size);

	/* A NUL that was read ends the line; what is short is refused. */
	if (fgets(line, (int)size, stdin) == NULL)
		return NULL;
	n = strcspn(line, "\n");
	line[n] = '\0';
	return line;
}

/* Ask on the terminal, without echo. */
static const char *
ask(struct arena *a, const char *question)
{
	struct termios before, silent;
	const char *line;

	fputs(question, stderr);
	if (tcgetattr(STDIN_FILENO, &before) != 0)
		return NULL;
	silent = before;
	silent.c_lflag &= ~(tcflag_t)ECHO;
	tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent);
	line = read_line(a);
	tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
	fputc('\n', stderr);
	return line;
}

/* What is wrong with a password that shall be set; NULL when it will do. */
static const char *
password_fault(const char *password, const char *login)
{
	if (password == NULL)
		return "no password on standard input";
	if (!form_utf8(password, strlen(password)))
		return "the password is not UTF-8: no browser could send it";
	if (characters(password) < PASSWORD_MIN)
		return "the password has fewer than 12 characters";
	if (characters(password) > PASSWORD_MAX)
		return "the password has more than 1,000 characters";
	if (strstr(password, login) != NULL)
		return "the password contains the login";
	return NULL;
}

static const char *
read_password(struct arena *a)
{
	const char *first, *again;

	if (!isatty(STDIN_FILENO))
		return read_line(a);
	first = ask(a, "Password: ");
	again = ask(a, "The same again: ");
	if (first == NULL || again == NULL || strcmp(first, again) != 0) {
		fputs("login: these were not the same\n", stderr);
		return NULL;
	}
	return first;
}

/* 16 random bytes in hex. */
static const char *
new_salt(struct arena *a)
{
	const char *seed = token_random(a, SALT_BYTES * 2);
	const char *hex = token_sha256(a, seed, strlen(seed));

	return arena_printf(a, "%.*s", SALT_BYTES * 2, hex);
}

/* libpq's own default for the user, which db_open() would replace. */
static void
connect_as_operator(void)
{
	const struct passwd *me;

	if (getenv("PGUSER") == NULL && (me = getpwuid(geteuid())) != NULL)
		setenv("PGUSER", me->pw_name, 0);
}

static int
command(
    struct arena *a, const struct query *q, const char *login, const char *name)
{
	const struct query *const queries[] = { q, NULL };
	const char *memory = arena_printf(a, "%d", MEMORY_KIB);
	const char *passes = arena_printf(a, "%d", PASSES);
	const char *password = read_password(a), *salt, *fault;
	struct request r = { .arena = a };
	bool done;

	if ((fault = password_fault(password, login)) != NULL)
		return complain(EX_DATAERR, fault);
	connect_as_operator();
	r.db = db_open("login", queries);
	salt = new_salt(a);

	const char *tag = token_password(a, password, salt, MEMORY_KIB, PASSES);
	const char *add[] = { login, name, salt, memory, passes, tag };
	const char *set[] = { login, salt, memory, passes, tag };

	done = db_rows(&r, q, name != NULL ? add : set) != NULL;
	arena_reset(a); /* lets go of the answer, before its connection */
	db_close(r.db);
	if (done)
		return EX_OK;
	if (r.status == 404)
		return complain(EX_NOUSER, "there is no such login");
	/* What the database said stands in the log line above. */
	return r.status == 409 ? EX_DATAERR : EXIT_FAILURE;
}

static int
run_command(int argc, char **argv)
{
	struct arena *a = arena_new(64 * 1024);
	int status = EX_USAGE;

	log_open("login");
	token_start(NULL);
	if (argc == 2 && strcmp(argv[1], "--help") == 0) {
		fputs(usage, stdout);
		status = EX_OK;
	} else if (argc == 4 && strcmp(argv[1], "--add-staff") == 0)
		status = command(a, &q_staff_add, argv[2], argv[3]);
	else if (argc == 3 && strcmp(argv[1], "--set-password") == 0)
		status = command(a, &q_set_password, argv[2], NULL);
	else
		fputs(usage, stderr);
	arena_free(a);
	return status;
}

static const struct route routes[] = {
	{ "GET", "/login", sign_in_page, WEB_PRIVATE },
	{ "POST", "/login", sign_in, WEB_PRIVATE },
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
	&q_contact_confirm, NULL };

int
main(int argc, char **argv)
{
	static const struct program login = {
		.name = "login",
		.routes = routes,
		.queries = queries,
		.body_max = 16 * 1024,
	};

	if (argc > 1)
		return run_command(argc, argv);
	return web_main(&login);
}
