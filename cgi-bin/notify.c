/*
 * notify - deliver the outbox: mail, webhooks, pages
 *
 *	notify
 *		Until SIGTERM: deliver what is due, wait, look again.  What is
 *		urgent wakes it; for the rest it looks every few seconds.
 *	notify --once
 *		Deliver what is due now, then end.
 *	notify --dry-run
 *		List what waits, in its order; take and send nothing.
 *	notify --test mail ADDRESS
 *	notify --test hook NAME
 *		Send a test there at once.  To PagerDuty: an event of severity
 *		info, which is resolved again.
 *	notify --replay ID
 *		Deliver a row of desk.outbox once more, with the same id.
 *	notify --status
 *		For a monitoring system: one line, then what was refused; the
 *		exit status tells.
 *	notify --help
 *
 * The only program that reaches the network.  Runs as the database role
 * desk_notify, which can call api.outbox_* and read nothing: a row of the
 * outbox holds the final text.  Rules (what may go out, when to try again,
 * what becomes one mail) are there, not here.
 *
 * A row is taken in a transaction that commits before the hand-over, and
 * reported in another one after it.  Who dies in between makes a second copy
 * with the same Message-ID, or webhook-id: at least once.  Any number may
 * run at once.  What one held that died, the next one takes at once: each
 * holds an advisory lock as long as it lives.
 *
 * Without its database it ends, for a supervisor to start it again.
 * SIGTERM finishes the delivery in hand and gives the others back.
 *
 * Configuration, read at start:
 *	NIGHTDESK_URL, NIGHTDESK_NAME, NIGHTDESK_KEYRING	as README says
 *	NIGHTDESK_SMTP		smtp://host:port or smtps://host:port
 *	NIGHTDESK_SMTP_TLS	required (default), optional or off: STARTTLS
 *	NIGHTDESK_SMTP_LOGIN	a file, first line the user, second the password
 *	NIGHTDESK_SMTP_CA	a file of certificates to trust instead of the
 *				system's
 *	NIGHTDESK_MAIL_FROM	the address that mail is from
 *	NIGHTDESK_MAIL_DOMAIN	domain of reply addresses and Message-IDs; by
 *				default that of NIGHTDESK_MAIL_FROM
 *	NIGHTDESK_MAIL_BOUNCE	envelope sender; by default none, so that
 *				nothing answers
 *	NIGHTDESK_MAIL_WAIT	seconds that mail waits for more about the
 *				same ticket, to be one mail; 60
 *	NIGHTDESK_HOOKS		a file of URLs and secrets, see hook.h
 *	NIGHTDESK_HOOKS_ALLOW	"http": a hook may be without TLS; "private":
 *				it may be in our own network; or both words
 * Without NIGHTDESK_SMTP mail waits, without NIGHTDESK_HOOKS hooks do.
 */
#include <getopt.h>
#include <jansson.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/select.h>
#include <sysexits.h>
#include <time.h>

#include "arena.h"
#include "command.h"
#include "conf.h"
#include "db.h"
#include "fence.h"
#include "log.h"
#include "mail.h"
#include "outgoing.h"
#include "send.h"
#include "token.h"
#include "web.h"

#define BATCH "10"   /* rows taken at once */
#define LOOK_MS 3000 /* between two looks at the outbox */
#define CLEAN_SECONDS 600L

static const struct query q_open = {
	.name = "open",
	.sql = "SELECT api.outbox_open()",
	.params = 0,
};

static const struct query q_claim = {
	.name = "claim",
	.sql = "SELECT * FROM api.outbox_claim($1::int, $2, $3::int, $4::int)",
	.params = 4,
};

static const struct query q_report = {
	.name = "report",
	.sql = "SELECT api.outbox_report($1::int, $2::bigint, $3, $4::int, $5, "
	       "$6::int)",
	.params = 6,
};

static const struct query q_release = {
	.name = "release",
	.sql = "SELECT api.outbox_release($1::int)",
	.params = 1,
};

static const struct query q_due = {
	.name = "due",
	.sql = "SELECT line FROM api.outbox_due($1::int)",
	.params = 1,
};

static const struct query q_status = {
	.name = "status",
	.sql = "SELECT status, line FROM api.outbox_status()",
	.params = 0,
};

static const struct query q_replay = {
	.name = "replay",
	.sql = "SELECT 1 WHERE api.outbox_replay($1::bigint)",
	.params = 1,
};

static const struct query q_clean = {
	.name = "clean",
	.sql = "SELECT api.outbox_clean($1::int)",
	.params = 1,
};

static const struct query q_hook = {
	.name = "hook",
	.sql = "SELECT kind FROM api.outbox_hook($1) kind WHERE kind IS NOT "
	       "NULL",
	.params = 1,
};

static const struct query q_tested = {
	.name = "tested",
	.sql = "SELECT api.outbox_tested($1, $2, $3::int, $4, $5::int)",
	.params = 5,
};

static const struct query *const queries[] = { &q_open, &q_claim, &q_report,
	&q_release, &q_due, &q_status, &q_replay, &q_clean, &q_hook, &q_tested,
	NULL };

/* Set by the signal handler alone. */
static volatile sig_atomic_t stopping;

struct post {
	const struct outgoing *set;
	struct sender *sender;
	struct request r;   /* its arena is emptied after each batch */
	struct arena *ours; /* lives as long as we do */
	const char *me;     /* our number, while the database knows us */
	time_t cleaned; /* of the monotonic clock, 0 before the first time */
	bool trouble;   /* something could not be delivered and waits */
};

static const char *
fill_in(struct post *p, const char *text)
{
	return outgoing_fill(p->set, p->r.arena, text);
}

/* One row ------------------------------------------------------------------ */

/* An answer by mail is for who proved that the address is theirs. */
static const char *
reply_address(struct post *p, const struct rows *rows, int i)
{
	const char *kind = rows_named(rows, i, "kind");
	const char *ticket = rows_named(rows, i, "ticket");

	if (*ticket == '\0' || strcmp(kind, "receipt") == 0 ||
	    strcmp(kind, "confirm") == 0)
		return "";
	return mail_reply_address(
	    p->r.arena, ticket, rows_named(rows, i, "who"), p->set->domain);
}

/* A text of the row's payload, NULL when there is none. */
static const char *
part(struct post *p, const json_t *parts, const char *name)
{
	const char *text = json_string_value(json_object_get(parts, name));

	return text == NULL ? NULL : fill_in(p, text);
}

static void
add_parts(struct post *p, struct mail *mail, const char *payload)
{
	json_t *parts = json_loads(payload, 0, NULL);

	mail->html = part(p, parts, "html");
	mail->csv = part(p, parts, "csv");
	mail->csv_name = part(p, parts, "csv_name");
	if (mail->csv_name == NULL)
		mail->csv = NULL;
	json_decref(parts);
}

static struct sent
deliver_mail(struct post *p, const struct rows *rows, int i)
{
	const char *unfollow = rows_named(rows, i, "unfollow");
	struct mail mail = {
		.from = p->set->from,
		.from_name = p->set->name,
		.to = rows_named(rows, i, "mail"),
		.to_name = rows_named(rows, i, "name"),
		.domain = p->set->domain,
		.key = rows_named(rows, i, "key"),
		.thread = rows_named(rows, i, "thread"),
		.reply_to = reply_address(p, rows, i),
		.unsubscribe = *unfollow == '\0'
		                   ? ""
		                   : arena_printf(p->r.arena, "%s%s",
					 p->set->url, unfollow),
		.kind = rows_named(rows, i, "kind"),
		.subject = fill_in(p, rows_named(rows, i, "subject")),
		.text = fill_in(p, rows_named(rows, i, "body")),
	};

	add_parts(p, &mail, rows_named(rows, i, "payload"));
	return send_mail(p->sender, &mail);
}

static struct sent
deliver_hook(struct post *p, const struct rows *rows, int i)
{
	return send_hook(p->sender, rows_named(rows, i, "hook"),
	    rows_named(rows, i, "hook_kind"), rows_named(rows, i, "key"),
	    fill_in(p, rows_named(rows, i, "payload")));
}

/* The outbox --------------------------------------------------------------- */

/* The database is all that we have: without it a fresh process must come. */
static const struct rows *
ask(struct post *p, const struct query *q, const char *const *args)
{
	const struct rows *rows = db_rows(&p->r, q, args);

	if (rows == NULL)
		log_fatal("could not ask the database: %s", q->name);
	return rows;
}

static long
ms_since(const struct timespec *start)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (now.tv_sec - start->tv_sec) * 1000 +
	       (now.tv_nsec - start->tv_nsec) / 1000000;
}

typedef struct sent deliver(struct post *, const struct rows *, int);

static struct sent
attempt(struct post *p, deliver *to, const struct rows *rows, int i)
{
	struct timespec start;
	struct sent result;

	clock_gettime(CLOCK_MONOTONIC, &start);
	result = to(p, rows, i);
	result.took_ms = ms_since(&start);
	return result;
}

static const char *
number_or_null(struct post *p, long number)
{
	return number == 0 ? NULL : arena_printf(p->r.arena, "%ld", number);
}

static void
report(struct post *p, const char *id, const struct sent *result)
{
	const char *const args[] = { p->me, id, result->outcome,
		number_or_null(p, result->code), result->said,
		arena_printf(p->r.arena, "%ld", result->took_ms) };

	ask(p, &q_report, args);
	if (strcmp(result->outcome, "sent") == 0)
		return;
	p->trouble = p->trouble || strcmp(result->outcome, "refused") != 0;
	log_warn("outbox %s: %s: %s", id, result->outcome, result->said);
}

/* Something urgent came meanwhile: what we hold can wait behind it. */
static bool
interrupted(struct post *p, const struct rows *rows, int i)
{
	struct pollfd fd = { db_descriptor(p->r.db), POLLIN, 0 };

	if (stopping)
		return true;
	if (*rows_named(rows, i, "urgent") == 't')
		return false;
	if (poll(&fd, 1, 0) > 0)
		db_hear(p->r.db);
	return db_told(p->r.db);
}

/* It was down, or took what we sent and said nothing. */
static bool
is_silent(const struct sent *result)
{
	return strcmp(result->outcome, "down") == 0 ||
	       (strcmp(result->outcome, "later") == 0 && result->code == 0);
}

/*
 * Whose server was silent to one of the batch is not asked for the next one:
 * that would cost the time that others wait for.
 */
static bool
was_silent(const struct rows *rows, const bool *silent, int i)
{
	const char *hook = rows_named(rows, i, "hook");
	int k;

	for (k = 0; k < i; k++)
		if (silent[k] && strcmp(rows_named(rows, k, "hook"), hook) == 0)
			return true;
	return false;
}

/* Take some rows of one way and deliver them.  How many there were. */
static int
work(struct post *p, const char *way, deliver *to)
{
	const char *const claim[] = { p->me, way, BATCH, p->set->wait };
	const char *const me[] = { p->me };
	const struct rows *rows = ask(p, &q_claim, claim);
	int i, tried = 0, count = rows_count(rows);
	bool *silent = arena_alloc(p->r.arena, (size_t)count + 1);
	struct sent result;

	for (i = 0; i < count; i++) {
		if (i > 0 && interrupted(p, rows, i))
			break;
		if (was_silent(rows, silent, i))
			continue;
		result = attempt(p, to, rows, i);
		report(p, rows_named(rows, i, "id"), &result);
		silent[i] = is_silent(&result);
		tried++;
	}
	if (tried < count)
		ask(p, &q_release, me);
	arena_reset(p->r.arena);
	return count;
}

static void
deliver_all(struct post *p)
{
	int done = 1;

	while (done > 0 && !stopping) {
		done = 0;
		if (p->set->hooks != NULL)
			done += work(p, "hook", deliver_hook);
		if (p->set->smtp != NULL && !stopping)
			done += work(p, "mail", deliver_mail);
	}
}

/* Now and then, what was delivered long ago is forgotten. */
static void
clean(struct post *p)
{
	static const char *const most[] = { "1000" };
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	if (p->cleaned != 0 && now.tv_sec - p->cleaned < CLEAN_SECONDS)
		return;
	p->cleaned = now.tv_sec;
	ask(p, &q_clean, most);
	arena_reset(p->r.arena);
}

/* Signals arrive only here and between deliveries. */
static void
wait_for_work(struct post *p, const sigset_t *open)
{
	struct timespec look = { LOOK_MS / 1000, LOOK_MS % 1000 * 1000000L };
	int fd = db_descriptor(p->r.db);
	fd_set waiting;

	if (db_told(p->r.db))
		return;
	FD_ZERO(&waiting);
	FD_SET(fd, &waiting);
	if (pselect(fd + 1, &waiting, NULL, NULL, &look, open) > 0)
		db_hear(p->r.db);
	db_told(p->r.db);
	if (db_lost(p->r.db))
		log_fatal("the database has closed the connection");
}

static void
stop(int unused)
{
	(void)unused;
	stopping = 1;
}

/* SIGTERM waits, but for when we do. */
static void
catch_signals(sigset_t *open)
{
	struct sigaction sa = { .sa_handler = stop };

	sigemptyset(&sa.sa_mask);
	sigaction(SIGTERM, &sa, NULL);
	sigaction(SIGINT, &sa, NULL);
	signal(SIGPIPE, SIG_IGN);
	sigprocmask(SIG_BLOCK, NULL, open);
}

static void
sign_on(struct post *p)
{
	p->me = arena_copy(p->ours, rows_text(ask(p, &q_open, NULL), 0, 0));
	arena_reset(p->r.arena);
}

static int
serve(struct post *p)
{
	sigset_t open, closed;

	sigemptyset(&closed);
	sigaddset(&closed, SIGTERM);
	sigaddset(&closed, SIGINT);
	catch_signals(&open);
	sign_on(p);
	while (!stopping) {
		deliver_all(p);
		clean(p);
		sigprocmask(SIG_BLOCK, &closed, NULL);
		if (!stopping)
			wait_for_work(p, &open);
		sigprocmask(SIG_SETMASK, &open, NULL);
	}
	return EX_OK;
}

/* Commands ----------------------------------------------------------------- */

static int
once(struct post *p)
{
	sigset_t open;

	catch_signals(&open);
	sign_on(p);
	deliver_all(p);
	return p->trouble ? EX_TEMPFAIL : EX_OK;
}

static void
print_lines(const struct rows *rows, int column)
{
	int i;

	for (i = 0; i < rows_count(rows); i++)
		puts(rows_text(rows, i, column));
}

static int
dry_run(struct post *p)
{
	static const char *const most[] = { "1000" };

	print_lines(ask(p, &q_due, most), 0);
	return EX_OK;
}

static int
print_status(struct post *p)
{
	const struct rows *rows = db_rows(&p->r, &q_status, NULL);

	if (rows == NULL)
		return COMMAND_UNKNOWN;
	print_lines(rows, 1);
	return atoi(rows_text(rows, 0, 0));
}

static int
replay(struct post *p, const char *id)
{
	const char *const args[] = { id };
	const struct rows *rows = db_rows(&p->r, &q_replay, args);

	if (rows == NULL && p->r.status == 400)
		return EX_USAGE;
	if (rows == NULL)
		return EX_SOFTWARE;
	if (rows_count(rows) == 0) {
		log_warn("there is nothing delivered or given up under %s", id);
		return EX_DATAERR;
	}
	return EX_OK;
}

static struct sent
test_mail(struct post *p, const char *address)
{
	const struct mail mail = {
		.from = p->set->from,
		.from_name = p->set->name,
		.to = address,
		.to_name = "",
		.domain = p->set->domain,
		.key = arena_printf(
		    p->r.arena, "test.%s", token_random(p->r.arena, 12)),
		.thread = "",
		.reply_to = "",
		.unsubscribe = "",
		.kind = "test",
		.subject = fill_in(p, "A test of {NAME}"),
		.text = fill_in(p, "This is a test.  If you can read it, mail "
				   "from {NAME} arrives.\n\n{URL}/\n"),
	};

	return send_mail(p->sender, &mail);
}

static const char test_event[] =
    "{\"event_action\":\"%s\",\"dedup_key\":\"%s\",\"client\":\"{NAME}\","
    "\"client_url\":\"{URL}/\",\"payload\":{\"summary\":\"A test of {NAME}\","
    "\"source\":\"{URL}\",\"severity\":\"info\"}}";

static struct sent
send_test_event(
    struct post *p, const char *name, const char *action, const char *id)
{
	return send_hook(p->sender, name, "pagerduty", id,
	    fill_in(p, arena_printf(p->r.arena, test_event, action, id)));
}

static struct sent
test_hook(struct post *p, const char *name)
{
	static const struct sent unknown = { .outcome = "refused",
		.said = "there is no such hook" };
	const char *const args[] = { name };
	const struct rows *rows = ask(p, &q_hook, args);
	const char *id =
	    arena_printf(p->r.arena, "test-%s", token_random(p->r.arena, 12));
	struct sent result;

	if (rows_count(rows) == 0)
		return unknown;
	if (strcmp(rows_text(rows, 0, 0), "webhook") == 0)
		return send_hook(p->sender, name, "webhook", id,
		    fill_in(p,
			"{\"type\":\"test\",\"data\":{\"from\":\"{URL}\"}}"));
	result = send_test_event(p, name, "trigger", id);
	if (strcmp(result.outcome, "sent") != 0)
		return result;
	return send_test_event(p, name, "resolve", id);
}

static void
note_test(struct post *p, const char *way, const struct sent *result)
{
	const char *const args[] = { way, result->outcome,
		number_or_null(p, result->code), result->said,
		arena_printf(p->r.arena, "%ld", result->took_ms) };

	ask(p, &q_tested, args);
}

static int
test(struct post *p, const char *way, const char *target)
{
	bool mail = strcmp(way, "mail") == 0;
	struct timespec start;
	struct sent result;

	if (mail && p->set->smtp == NULL)
		log_fatal("NIGHTDESK_SMTP is not set");
	clock_gettime(CLOCK_MONOTONIC, &start);
	result = mail ? test_mail(p, target) : test_hook(p, target);
	result.took_ms = ms_since(&start);
	note_test(p,
	    mail ? "mail" : arena_printf(p->r.arena, "hook:%s", target),
	    &result);
	printf("%s: %ld %s (%ld ms)\n", result.outcome, result.code,
	    result.said, result.took_ms);
	return strcmp(result.outcome, "sent") == 0      ? EX_OK
	       : strcmp(result.outcome, "refused") == 0 ? EX_UNAVAILABLE
	                                                : EX_TEMPFAIL;
}

/* Start and end ------------------------------------------------------------ */

static void
start(struct post *p)
{
	struct conf keys = { .keyring = NULL };

	p->ours = arena_new(4096);
	p->r.arena = arena_new(64 * 1024);
	p->set = outgoing_read(p->ours);
	keys.keyring = p->set->keyring;
	token_start(&keys);
	p->sender = send_open(p->set, p->ours, p->r.arena);
	p->r.db = db_open("notify", queries);
	fence_close_but(FENCE_NETWORK, p->set->ca);
}

static void
finish(struct post *p)
{
	arena_reset(p->r.arena);
	db_close(p->r.db);
	send_close(p->sender);
	arena_free(p->r.arena);
	arena_free(p->ours);
}

static const char help[] =
    "notify                    deliver the outbox, until SIGTERM\n"
    "notify --once             deliver what is due now\n"
    "notify --dry-run          list what waits; send nothing\n"
    "notify --test mail ADDRESS | hook NAME\n"
    "                          send a test there\n"
    "notify --replay ID        deliver a row of desk.outbox once more\n"
    "notify --status           one line for a monitoring system\n"
    "\n"
    "Exit status:\n"
    "   0  done; --status: all is well\n"
    "   1  the configuration is wrong or the database not there;\n"
    "      --status: something was refused, or a server is down\n"
    "   2  --status: something due waits for more than an hour\n"
    "   3  --status: unknown\n"
    "  64  this is not how it is called\n"
    "  65  --replay: there is nothing to deliver again\n"
    "  69  --test: refused\n"
    "  75  --once, --test: something waits for a server\n";

static int
complain(void)
{
	fputs("usage: notify [--once | --dry-run | --test mail ADDRESS | "
	      "--test hook NAME | --replay ID | --status | --help]\n",
	    stderr);
	return EX_USAGE;
}

struct task {
	int (*run)(struct post *);
	const char *id;   /* --replay */
	const char *test; /* --test: "mail" or "hook" */
	bool wants_help;
	int tasks;
};

/* False when the command line makes no sense. */
static bool
read_options(int argc, char **argv, struct task *t)
{
	static const struct option options[] = {
		{ "once", no_argument, NULL, 'o' },
		{ "dry-run", no_argument, NULL, 'd' },
		{ "status", no_argument, NULL, 's' },
		{ "replay", required_argument, NULL, 'r' },
		{ "test", required_argument, NULL, 't' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		t->tasks++;
		if (c == 'o')
			t->run = once;
		else if (c == 'd')
			t->run = dry_run;
		else if (c == 's')
			t->run = print_status;
		else if (c == 'r')
			t->id = optarg;
		else if (c == 't')
			t->test = optarg;
		else if (c == 'h')
			t->wants_help = true;
		else
			return false;
	}
	if (t->test != NULL && strcmp(t->test, "mail") != 0 &&
	    strcmp(t->test, "hook") != 0)
		return false;
	return t->tasks <= 1 && argc - optind == (t->test != NULL);
}

int
main(int argc, char **argv)
{
	struct task t = { serve, NULL, NULL, false, 0 };
	struct post p = { .trouble = false };
	int status;

	log_open("notify");
	fence_start();
	if (!read_options(argc, argv, &t))
		return complain();
	if (t.wants_help)
		return command_help(help);
	start(&p);
	if (t.id != NULL)
		status = replay(&p, t.id);
	else if (t.test != NULL)
		status = test(&p, t.test, argv[optind]);
	else
		status = t.run(&p);
	finish(&p);
	if (fflush(stdout) != 0 || ferror(stdout))
		return EX_IOERR;
	return status;
}
