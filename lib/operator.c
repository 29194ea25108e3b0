#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <termios.h>
#include <unistd.h>

#include "arena.h"
#include "db.h"
#include "fence.h"
#include "form.h"
#include "log.h"
#include "operator.h"
#include "password.h"
#include "token.h"
#include "web.h"

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

static const struct query q_reset_factor = {
	.name = "staff_reset_factor",
	.sql = "SELECT api.staff_reset_factor($1)",
	.params = 1,
};

static const struct query q_end_sessions = {
	.name = "staff_end_sessions",
	.sql = "SELECT api.staff_end_sessions($1)",
	.params = 1,
};

static const char usage[] =
    "usage: login --add-staff LOGIN NAME\n"
    "       login --set-password LOGIN\n"
    "       login --reset-factor LOGIN\n"
    "       login --end-sessions LOGIN\n"
    "\n"
    "Make a member of the staff; give one another password; remove the\n"
    "second factors and recovery codes of one who has lost them; end all\n"
    "sessions of one, which the two before do as well.  The password is one\n"
    "line on standard input, at least 12 characters, and nothing that is\n"
    "tried first; on a terminal it is asked for twice and not shown.  The\n"
    "database is the one of the libpq environment (PGHOST, PGDATABASE,\n"
    "PGUSER...); this takes the owner's rights.\n"
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

/* libpq's own default for the user, which db_open() would replace. */
static void
connect_as_operator(void)
{
	const struct passwd *me;

	if (getenv("PGUSER") == NULL && (me = getpwuid(geteuid())) != NULL)
		setenv("PGUSER", me->pw_name, 0);
}

static struct db *
connect_with(const struct query *q)
{
	const struct query *const queries[] = { q, NULL };
	struct db *db;

	connect_as_operator();
	db = db_open("login", queries);
	fence_close(FENCE_COMMAND);
	return db;
}

/* One call.  What the database said, if it was no, is in the log by then. */
static int
call(struct arena *a, struct db *db, const struct query *q,
    const char *const *args)
{
	struct request r = { .arena = a, .db = db };
	bool done = db_rows(&r, q, args) != NULL;

	arena_reset(a); /* lets go of the answer, before its connection */
	db_close(db);
	if (done)
		return EX_OK;
	if (r.status == 404)
		return complain(EX_NOUSER, "there is no such login");
	return r.status == 409 ? EX_DATAERR : EXIT_FAILURE;
}

/* Commands that need the login alone. */
static int
about(struct arena *a, const struct query *q, const char *login)
{
	const char *args[] = { login };

	return call(a, connect_with(q), q, args);
}

/* Commands that set a password; `name` is NULL but for a new account. */
static int
password_for(
    struct arena *a, const struct query *q, const char *login, const char *name)
{
	const char *memory = arena_printf(a, "%d", PASSWORD_MEMORY);
	const char *passes = arena_printf(a, "%d", PASSWORD_PASSES);
	const char *password = read_password(a), *salt, *fault;
	struct db *db;

	if (password == NULL)
		return complain(EX_DATAERR, "no password on standard input");
	if ((fault = password_fault(a, password, login, NULL)) != NULL)
		return complain(
		    EX_DATAERR, arena_printf(a, "the password %s", fault));
	db = connect_with(q);
	salt = password_salt(a);

	const char *tag =
	    token_password(a, password, salt, PASSWORD_MEMORY, PASSWORD_PASSES);
	const char *add[] = { login, name, salt, memory, passes, tag };
	const char *set[] = { login, salt, memory, passes, tag };

	return call(a, db, q, name != NULL ? add : set);
}

static int
run(struct arena *a, int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "--help") == 0) {
		fputs(usage, stdout);
		return EX_OK;
	}
	if (argc == 4 && strcmp(argv[1], "--add-staff") == 0)
		return password_for(a, &q_staff_add, argv[2], argv[3]);
	if (argc == 3 && strcmp(argv[1], "--set-password") == 0)
		return password_for(a, &q_set_password, argv[2], NULL);
	if (argc == 3 && strcmp(argv[1], "--reset-factor") == 0)
		return about(a, &q_reset_factor, argv[2]);
	if (argc == 3 && strcmp(argv[1], "--end-sessions") == 0)
		return about(a, &q_end_sessions, argv[2]);
	fputs(usage, stderr);
	return EX_USAGE;
}

int
operator_main(int argc, char **argv)
{
	struct arena *a = arena_new(64 * 1024);
	int status;

	log_open("login");
	fence_start();
	token_start(NULL);
	status = run(a, argc, argv);
	arena_free(a);
	return status;
}
