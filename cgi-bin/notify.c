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
#include <arpa/inet.h>
#include <curl/curl.h>
#include <errno.h>
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
#include <unistd.h>

#include "arena.h"
#include "conf.h"
#include "db.h"
#include "fence.h"
#include "hook.h"
#include "log.h"
#include "mail.h"
#include "token.h"
#include "web.h"

#define BATCH "10"          /* rows taken at once */
#define LOOK_MS 3000        /* between two looks at the outbox */
#define MAIL_SECONDS 60L    /* for one mail, connecting included */
#define HOOK_SECONDS 10L    /* for one request */
#define CONNECT_SECONDS 10L /* of these */
#define WAIT_SECONDS "60"   /* NIGHTDESK_MAIL_WAIT */
#define CLEAN_SECONDS 600L
#define SAID_MAX 300 /* bytes of an answer that are kept */
#define STATUS_UNKNOWN 3
#define DOMAIN_LETTERS                                                         \
	"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-"

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

struct settings {
	const char *url, *name;
	const char *smtp, *tls, *user, *password, *ca;
	const char *from, *domain, *bounce, *wait;
	const struct hook *hooks; /* NULL without a file */
	bool plain_http, private_targets;
};

struct post {
	struct settings set;
	struct request r;   /* its arena is emptied after each batch */
	struct arena *ours; /* lives as long as we do */
	const char *me;     /* our number, while the database knows us */
	CURL *smtp, *http;
	unsigned tried, closed; /* addresses of the last hook; private ones */
	time_t cleaned; /* of the monotonic clock, 0 before the first time */
	bool trouble;   /* something could not be delivered and waits */
};

/* What came of an attempt; see api.outbox_report(). */
struct result {
	const char *outcome; /* "sent", "later", "down", "refused" */
	long code;           /* of SMTP or HTTP, 0 without an answer */
	const char *said;
	long took_ms;
};

static struct result
verdict(const char *outcome, long code, const char *said)
{
	struct result result = { outcome, code, said, 0 };

	return result;
}

/* {URL} and {NAME} as they are configured. */
static const char *
fill_in(struct post *p, const char *text)
{
	static const char *const marks[] = { "{URL}", "{NAME}" };
	const char *const values[] = { p->set.url, p->set.name };
	size_t k, size = strlen(text) + 1, n = 0;
	const char *at;
	char *out;

	for (k = 0; k < 2; k++)
		for (at = text; (at = strstr(at, marks[k])) != NULL; at++)
			size += strlen(values[k]);
	out = arena_alloc(p->r.arena, size);
	while (*text != '\0') {
		for (k = 0; k < 2; k++)
			if (strncmp(text, marks[k], strlen(marks[k])) == 0)
				break;
		if (k == 2) {
			out[n++] = *text++;
			continue;
		}
		memcpy(out + n, values[k], strlen(values[k]));
		n += strlen(values[k]);
		text += strlen(marks[k]);
	}
	return out;
}

/* Bytes of another server as text that a log and the database can hold. */
static const char *
readable(struct arena *a, const char *bytes)
{
	char *text = arena_copy(a, bytes), *c;

	for (c = text; *c != '\0'; c++)
		if ((unsigned char)*c < 0x20 || (unsigned char)*c > 0x7e)
			*c = *c == '\r' || *c == '\n' ? ' ' : '?';
	return text;
}

/* Mail --------------------------------------------------------------------- */

/* How far the dialogue came, so that we know who refused what. */
struct dialogue {
	char verb[16];
	char answer[SAID_MAX];
	bool over; /* we said QUIT: what is answered to that tells nothing */
};

static void
note_verb(struct dialogue *d, const char *line, size_t size)
{
	static const char *const verbs[] = { "EHLO", "HELO", "STARTTLS", "AUTH",
		"MAIL", "RCPT", "DATA" };
	size_t i;

	d->over = size >= 4 && strncmp(line, "QUIT", 4) == 0;
	for (i = 0; i < sizeof(verbs) / sizeof(*verbs); i++)
		if (size >= strlen(verbs[i]) &&
		    strncmp(line, verbs[i], strlen(verbs[i])) == 0)
			snprintf(d->verb, sizeof(d->verb), "%s", verbs[i]);
}

/* Of what we send only the verb is looked at: the rest may be a password. */
static int
listen_in(CURL *c, curl_infotype type, char *line, size_t size, void *dialogue)
{
	struct dialogue *d = dialogue;

	(void)c;
	if (type == CURLINFO_HEADER_OUT)
		note_verb(d, line, size);
	if (type == CURLINFO_HEADER_IN && !d->over)
		snprintf(d->answer, sizeof(d->answer), "%.*s",
		    (int)(size < SAID_MAX ? size : SAID_MAX - 1), line);
	return 0;
}

struct upload {
	const char *text;
	size_t size, at;
};

static size_t
give_text(char *to, size_t one, size_t room, void *upload)
{
	struct upload *u = upload;
	size_t left = u->size - u->at;

	room *= one;
	if (left < room)
		room = left;
	memcpy(to, u->text + u->at, room);
	u->at += room;
	return room;
}

/*
 * Whose refusal is it?  Of the recipient or of this text: that is for this
 * mail alone.  Anything before that would happen to every mail.
 */
static struct result
judge_mail(
    struct arena *a, CURLcode code, long answer, const struct dialogue *d)
{
	/* No address gets into a log, and servers like to repeat it. */
	const char *heard = mail_without_addresses(a, readable(a, d->answer));
	bool ours = strcmp(d->verb, "RCPT") == 0 ||
	            strcmp(d->verb, "DATA") == 0 ||
	            (strcmp(d->verb, "MAIL") == 0 && answer == 552);
	const char *said = arena_printf(a, "%s%s%s: %s", d->verb,
	    *d->verb != '\0' ? ": " : "", curl_easy_strerror(code), heard);

	if (code == CURLE_OK)
		return verdict("sent", answer, heard);
	if (!ours || answer == 421)
		return verdict("down", answer, said);
	if (answer >= 500 && answer <= 599)
		return verdict("refused", answer, said);
	return verdict("later", answer, said);
}

static void
set_up_smtp(struct post *p, CURL *c)
{
	const struct settings *s = &p->set;

	curl_easy_setopt(c, CURLOPT_URL, s->smtp);
	curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "smtp,smtps");
	curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(c, CURLOPT_NOPROXY, "*");
	curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT, CONNECT_SECONDS);
	curl_easy_setopt(c, CURLOPT_TIMEOUT, MAIL_SECONDS);
	curl_easy_setopt(c, CURLOPT_USE_SSL,
	    strcmp(s->tls, "required") == 0   ? (long)CURLUSESSL_ALL
	    : strcmp(s->tls, "optional") == 0 ? (long)CURLUSESSL_TRY
					      : (long)CURLUSESSL_NONE);
	if (s->ca != NULL)
		curl_easy_setopt(c, CURLOPT_CAINFO, s->ca);
	if (s->user != NULL) {
		curl_easy_setopt(c, CURLOPT_USERNAME, s->user);
		curl_easy_setopt(c, CURLOPT_PASSWORD, s->password);
	}
	/* Without a sender it is "<>": what bounces ends there. */
	if (s->bounce != NULL)
		curl_easy_setopt(c, CURLOPT_MAIL_FROM, s->bounce);
	curl_easy_setopt(c, CURLOPT_UPLOAD, 1L);
	curl_easy_setopt(c, CURLOPT_READFUNCTION, give_text);
	curl_easy_setopt(c, CURLOPT_VERBOSE, 1L);
	curl_easy_setopt(c, CURLOPT_DEBUGFUNCTION, listen_in);
}

static struct result
send_mail(struct post *p, const struct mail *mail)
{
	struct dialogue d = { "", "", false };
	struct upload upload = { NULL, 0, 0 };
	struct curl_slist *to;
	struct result result;
	long answer = 0;
	CURLcode code;

	if (!mail_address(mail->to))
		return verdict("refused", 0, "this is not an address");
	upload.text = mail_text(p->r.arena, mail, &upload.size);
	to = curl_slist_append(NULL, mail->to);
	curl_easy_reset(p->smtp); /* keeps the connection */
	set_up_smtp(p, p->smtp);
	curl_easy_setopt(p->smtp, CURLOPT_MAIL_RCPT, to);
	curl_easy_setopt(p->smtp, CURLOPT_READDATA, &upload);
	curl_easy_setopt(
	    p->smtp, CURLOPT_INFILESIZE_LARGE, (curl_off_t)upload.size);
	curl_easy_setopt(p->smtp, CURLOPT_DEBUGDATA, &d);
	code = curl_easy_perform(p->smtp);
	curl_easy_getinfo(p->smtp, CURLINFO_RESPONSE_CODE, &answer);
	result = judge_mail(p->r.arena, code, answer, &d);
	curl_slist_free_all(to);
	return result;
}

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
	    p->r.arena, ticket, rows_named(rows, i, "who"), p->set.domain);
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

static struct result
deliver_mail(struct post *p, const struct rows *rows, int i)
{
	const char *unfollow = rows_named(rows, i, "unfollow");
	struct mail mail = {
		.from = p->set.from,
		.from_name = p->set.name,
		.to = rows_named(rows, i, "mail"),
		.to_name = rows_named(rows, i, "name"),
		.domain = p->set.domain,
		.key = rows_named(rows, i, "key"),
		.thread = rows_named(rows, i, "thread"),
		.reply_to = reply_address(p, rows, i),
		.unsubscribe = *unfollow == '\0'
		                   ? ""
		                   : arena_printf(p->r.arena, "%s%s",
					 p->set.url, unfollow),
		.kind = rows_named(rows, i, "kind"),
		.subject = fill_in(p, rows_named(rows, i, "subject")),
		.text = fill_in(p, rows_named(rows, i, "body")),
	};

	add_parts(p, &mail, rows_named(rows, i, "payload"));
	return send_mail(p, &mail);
}

/* Hooks -------------------------------------------------------------------- */

/* The address that is really connected to, whatever a name said before. */
static curl_socket_t
open_socket(void *post, curlsocktype purpose, struct curl_sockaddr *to)
{
	struct post *p = post;

	(void)purpose;
	p->tried++;
	if (!p->set.private_targets && hook_private(&to->addr)) {
		p->closed++;
		return CURL_SOCKET_BAD;
	}
	return socket(to->family, to->socktype | SOCK_CLOEXEC, to->protocol);
}

struct answer {
	char text[SAID_MAX];
	size_t size;
};

/* The beginning says what is wrong; nobody needs the rest. */
static size_t
keep_some(char *from, size_t one, size_t size, void *answer)
{
	struct answer *a = answer;
	size_t room = sizeof(a->text) - 1 - a->size;

	size *= one;
	memcpy(a->text + a->size, from, size < room ? size : room);
	a->size += size < room ? size : room;
	return size;
}

/*
 * Its server is down when nothing could be sent there.  What fails after
 * that, a time-out above all, may be the fault of this one request.
 */
static struct result
judge_failure(struct post *p, const char *said)
{
	curl_off_t ready = 0;

	if (p->closed > 0 && p->closed == p->tried)
		return verdict("refused", 0,
		    "its address is one of a private network "
		    "(NIGHTDESK_HOOKS_ALLOW)");
	if (p->closed > 0)
		return verdict("later", 0,
		    arena_printf(p->r.arena,
			"one of its addresses is one of a private network "
			"(NIGHTDESK_HOOKS_ALLOW), and of the others: %s",
			said));
	curl_easy_getinfo(p->http, CURLINFO_PRETRANSFER_TIME_T, &ready);
	return verdict(ready == 0 ? "down" : "later", 0, said);
}

static struct result
judge_hook(struct post *p, CURLcode code, long status, const struct answer *got,
    const char *why)
{
	struct arena *a = p->r.arena;
	const char *said = readable(a, got->text);

	if (code != CURLE_OK)
		return judge_failure(
		    p, arena_printf(a, "%s%s%s", curl_easy_strerror(code),
			   *why != '\0' ? ": " : "", readable(a, why)));
	if (status >= 200 && status <= 299)
		return verdict("sent", status, said);
	if (status >= 300 && status <= 399)
		said = "it leads elsewhere, where we do not follow";
	/* What will not be taken however often it is sent. */
	if (status == 400 || status == 410 || status == 413 || status == 422)
		return verdict("refused", status, said);
	return verdict("later", status, said);
}

static void
set_up_http(struct post *p, CURL *c)
{
	curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR,
	    p->set.plain_http ? "http,https" : "https");
	curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(c, CURLOPT_NOPROXY, "*");
	curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT, CONNECT_SECONDS);
	curl_easy_setopt(c, CURLOPT_TIMEOUT, HOOK_SECONDS);
	curl_easy_setopt(c, CURLOPT_OPENSOCKETFUNCTION, open_socket);
	curl_easy_setopt(c, CURLOPT_OPENSOCKETDATA, p);
	curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, keep_some);
	curl_easy_setopt(c, CURLOPT_USERAGENT, "Nightdesk");
	if (p->set.ca != NULL)
		curl_easy_setopt(c, CURLOPT_CAINFO, p->set.ca);
}

static struct result
post_json(struct post *p, const char *url, struct curl_slist *headers,
    const char *body)
{
	char why[CURL_ERROR_SIZE] = "";
	struct answer got = { "", 0 };
	long status = 0;
	CURLcode code;

	p->tried = p->closed = 0;
	curl_easy_reset(p->http);
	set_up_http(p, p->http);
	curl_easy_setopt(p->http, CURLOPT_URL, url);
	curl_easy_setopt(p->http, CURLOPT_HTTPHEADER, headers);
	curl_easy_setopt(p->http, CURLOPT_POSTFIELDS, body);
	curl_easy_setopt(p->http, CURLOPT_ERRORBUFFER, why);
	curl_easy_setopt(p->http, CURLOPT_WRITEDATA, &got);
	code = curl_easy_perform(p->http);
	curl_easy_setopt(p->http, CURLOPT_ERRORBUFFER, NULL);
	curl_easy_getinfo(p->http, CURLINFO_RESPONSE_CODE, &status);
	return judge_hook(p, code, status, &got, why);
}

static void
free_list(void *list)
{
	curl_slist_free_all(list);
}

static struct curl_slist *
add_line(struct post *p, struct curl_slist *list, const char *name,
    const char *value)
{
	return curl_slist_append(
	    list, arena_printf(p->r.arena, "%s: %s", name, value));
}

static struct result
send_webhook(
    struct post *p, const struct hook *h, const char *id, const char *body)
{
	const char *now =
	    arena_printf(p->r.arena, "%lld", (long long)time(NULL));
	struct curl_slist *list = NULL;

	list = add_line(p, list, "Content-Type", "application/json");
	list = add_line(p, list, "webhook-id", id);
	list = add_line(p, list, "webhook-timestamp", now);
	list = add_line(p, list, "webhook-signature",
	    hook_signature(p->r.arena, h, id, now, body));
	arena_defer(p->r.arena, free_list, list);
	return post_json(p, h->url, list, body);
}

/* The routing key is the secret of the file; the rest came with the row. */
static struct result
send_event(struct post *p, const struct hook *h, const char *event)
{
	json_t *body = json_loads(event, JSON_REJECT_DUPLICATES, NULL);
	struct curl_slist *list = NULL;
	size_t size = 0;
	char *text;

	if (json_is_object(body) && json_object_set_new(body, "routing_key",
					json_string(h->secret[0])) == 0)
		size = json_dumpb(body, NULL, 0, JSON_COMPACT);
	text = arena_alloc(p->r.arena, size + 1);
	json_dumpb(body, text, size, JSON_COMPACT);
	json_decref(body);
	if (size == 0)
		return verdict("refused", 0, "this is not an event");
	list = add_line(p, list, "Content-Type", "application/json");
	arena_defer(p->r.arena, free_list, list);
	return post_json(p, h->url, list, text);
}

static struct result
send_hook(struct post *p, const char *name, const char *kind, const char *id,
    const char *payload)
{
	const struct hook *h = hook_find(p->set.hooks, name);

	if (h == NULL)
		return verdict(
		    "down", 0, "the file of hooks has no line for it");
	if (strcmp(kind, "pagerduty") == 0)
		return send_event(p, h, fill_in(p, payload));
	return send_webhook(p, h, id, fill_in(p, payload));
}

static struct result
deliver_hook(struct post *p, const struct rows *rows, int i)
{
	return send_hook(p, rows_named(rows, i, "hook"),
	    rows_named(rows, i, "hook_kind"), rows_named(rows, i, "key"),
	    rows_named(rows, i, "payload"));
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

typedef struct result deliver(struct post *, const struct rows *, int);

static struct result
attempt(struct post *p, deliver *to, const struct rows *rows, int i)
{
	struct timespec start;
	struct result result;

	clock_gettime(CLOCK_MONOTONIC, &start);
	result = to(p, rows, i);
	result.took_ms = ms_since(&start);
	return result;
}

static void
report(struct post *p, const char *id, const struct result *result)
{
	const char *const args[] = { p->me, id, result->outcome,
		result->code == 0
		    ? NULL
		    : arena_printf(p->r.arena, "%ld", result->code),
		result->said,
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
is_silent(const struct result *result)
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
	const char *const claim[] = { p->me, way, BATCH, p->set.wait };
	const char *const me[] = { p->me };
	const struct rows *rows = ask(p, &q_claim, claim);
	int i, tried = 0, count = rows_count(rows);
	bool *silent = arena_alloc(p->r.arena, (size_t)count + 1);
	struct result result;

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
		if (p->set.hooks != NULL)
			done += work(p, "hook", deliver_hook);
		if (p->set.smtp != NULL && !stopping)
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
		return STATUS_UNKNOWN;
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

static struct result
test_mail(struct post *p, const char *address)
{
	const struct mail mail = {
		.from = p->set.from,
		.from_name = p->set.name,
		.to = address,
		.to_name = "",
		.domain = p->set.domain,
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

	return send_mail(p, &mail);
}

static const char test_event[] =
    "{\"event_action\":\"%s\",\"dedup_key\":\"%s\",\"client\":\"{NAME}\","
    "\"client_url\":\"{URL}/\",\"payload\":{\"summary\":\"A test of {NAME}\","
    "\"source\":\"{URL}\",\"severity\":\"info\"}}";

static struct result
test_hook(struct post *p, const char *name)
{
	const char *const args[] = { name };
	const struct rows *rows = ask(p, &q_hook, args);
	const char *id =
	    arena_printf(p->r.arena, "test-%s", token_random(p->r.arena, 12));
	struct result result;

	if (rows_count(rows) == 0)
		return verdict("refused", 0, "there is no such hook");
	if (strcmp(rows_text(rows, 0, 0), "webhook") == 0)
		return send_hook(p, name, "webhook", id,
		    "{\"type\":\"test\",\"data\":{\"from\":\"{URL}\"}}");
	result = send_hook(p, name, "pagerduty", id,
	    arena_printf(p->r.arena, test_event, "trigger", id));
	if (strcmp(result.outcome, "sent") != 0)
		return result;
	return send_hook(p, name, "pagerduty", id,
	    arena_printf(p->r.arena, test_event, "resolve", id));
}

static int
test(struct post *p, const char *way, const char *target)
{
	bool mail = strcmp(way, "mail") == 0;
	struct timespec start;
	struct result result;

	if (mail && p->set.smtp == NULL)
		log_fatal("NIGHTDESK_SMTP is not set");
	clock_gettime(CLOCK_MONOTONIC, &start);
	result = mail ? test_mail(p, target) : test_hook(p, target);
	result.took_ms = ms_since(&start);
	{
		const char *const args[] = {
			mail ? "mail"
			     : arena_printf(p->r.arena, "hook:%s", target),
			result.outcome,
			result.code == 0
			    ? NULL
			    : arena_printf(p->r.arena, "%ld", result.code),
			result.said,
			arena_printf(p->r.arena, "%ld", result.took_ms),
		};

		ask(p, &q_tested, args);
	}
	printf("%s: %ld %s (%ld ms)\n", result.outcome, result.code,
	    result.said, result.took_ms);
	return strcmp(result.outcome, "sent") == 0      ? EX_OK
	       : strcmp(result.outcome, "refused") == 0 ? EX_UNAVAILABLE
	                                                : EX_TEMPFAIL;
}

/* Configuration ------------------------------------------------------------ */

/* A variable, NULL when it is not set; ends us for what no header can hold. */
static const char *
setting(const char *name)
{
	const char *value = getenv(name), *c;

	if (value == NULL || *value == '\0')
		return NULL;
	for (c = value; *c != '\0'; c++)
		if ((unsigned char)*c < 0x20 || *c == 0x7f)
			log_fatal("%s must not hold control characters", name);
	return value;
}

static const char *
needed(const char *name)
{
	const char *value = setting(name);

	if (value == NULL)
		log_fatal("%s is not set", name);
	return value;
}

static void
read_login(struct post *p)
{
	const char *file = setting("NIGHTDESK_SMTP_LOGIN");
	char line[2][512];
	FILE *f;
	int i;

	if (file == NULL)
		return;
	if ((f = fopen(file, "r")) == NULL)
		log_fatal("cannot read \"%s\": %s", file, strerror(errno));
	for (i = 0; i < 2; i++) {
		if (fgets(line[i], sizeof(line[i]), f) == NULL)
			log_fatal("\"%s\" must hold a user and a password, "
				  "each on a line",
			    file);
		line[i][strcspn(line[i], "\r\n")] = '\0';
	}
	fclose(f);
	p->set.user = arena_copy(p->ours, line[0]);
	p->set.password = arena_copy(p->ours, line[1]);
}

static void
read_mail_settings(struct post *p)
{
	struct settings *s = &p->set;

	s->wait = setting("NIGHTDESK_MAIL_WAIT");
	if (s->wait == NULL)
		s->wait = WAIT_SECONDS;
	if (strspn(s->wait, "0123456789") != strlen(s->wait) ||
	    strlen(s->wait) > 5)
		log_fatal(
		    "NIGHTDESK_MAIL_WAIT must be seconds, not \"%s\"", s->wait);
	if ((s->smtp = setting("NIGHTDESK_SMTP")) == NULL)
		return;
	if (strncmp(s->smtp, "smtp://", 7) != 0 &&
	    strncmp(s->smtp, "smtps://", 8) != 0)
		log_fatal("NIGHTDESK_SMTP must begin with smtp:// or smtps://");
	s->tls = setting("NIGHTDESK_SMTP_TLS");
	if (s->tls == NULL)
		s->tls = "required";
	if (strcmp(s->tls, "required") != 0 &&
	    strcmp(s->tls, "optional") != 0 && strcmp(s->tls, "off") != 0)
		log_fatal("NIGHTDESK_SMTP_TLS must be required, optional or "
			  "off, not \"%s\"",
		    s->tls);
	s->ca = setting("NIGHTDESK_SMTP_CA");
	s->from = needed("NIGHTDESK_MAIL_FROM");
	s->bounce = setting("NIGHTDESK_MAIL_BOUNCE");
	s->domain = setting("NIGHTDESK_MAIL_DOMAIN");
	if (!mail_address(s->from))
		log_fatal("NIGHTDESK_MAIL_FROM must be an address");
	if (s->bounce != NULL && !mail_address(s->bounce))
		log_fatal("NIGHTDESK_MAIL_BOUNCE must be an address");
	if (s->domain == NULL)
		s->domain = strrchr(s->from, '@') + 1;
	if (strspn(s->domain, DOMAIN_LETTERS) != strlen(s->domain))
		log_fatal("NIGHTDESK_MAIL_DOMAIN must be a domain, not \"%s\"",
		    s->domain);
	/* The path of such a URL is what we call ourselves in EHLO. */
	if (strchr(strstr(s->smtp, "://") + 3, '/') == NULL)
		s->smtp = arena_printf(p->ours, "%s/%s", s->smtp, s->domain);
	read_login(p);
}

static void
read_allowed(struct post *p)
{
	char *words = arena_copy(p->ours, setting("NIGHTDESK_HOOKS_ALLOW"));
	const char *allow;
	char *rest;

	for (allow = words == NULL ? NULL : strtok_r(words, " \t", &rest);
	     allow != NULL; allow = strtok_r(NULL, " \t", &rest)) {
		if (strcmp(allow, "http") == 0)
			p->set.plain_http = true;
		else if (strcmp(allow, "private") == 0)
			p->set.private_targets = true;
		else
			log_fatal("NIGHTDESK_HOOKS_ALLOW can hold the words "
				  "http and private, not \"%s\"",
			    allow);
	}
}

static void
read_settings(struct post *p)
{
	const char *hooks = setting("NIGHTDESK_HOOKS");
	struct conf keys = { .keyring = needed("NIGHTDESK_KEYRING") };

	p->set.url = needed("NIGHTDESK_URL");
	p->set.name = needed("NIGHTDESK_NAME");
	/* They are put into JSON as they are. */
	if (strpbrk(p->set.url, "\"\\") != NULL ||
	    strpbrk(p->set.name, "\"\\") != NULL)
		log_fatal("NIGHTDESK_URL and NIGHTDESK_NAME must not hold "
			  "quotes or backslashes");
	token_start(&keys);
	read_mail_settings(p);
	if (hooks != NULL)
		p->set.hooks = hook_file(p->ours, hooks);
	read_allowed(p);
}

static void
start(struct post *p)
{
	p->ours = arena_new(4096);
	p->r.arena = arena_new(64 * 1024);
	read_settings(p);
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK ||
	    (p->smtp = curl_easy_init()) == NULL ||
	    (p->http = curl_easy_init()) == NULL)
		log_fatal("cannot start libcurl");
	p->r.db = db_open("notify", queries);
	fence_close_but(FENCE_NETWORK, p->set.ca);
}

static void
finish(struct post *p)
{
	arena_reset(p->r.arena);
	db_close(p->r.db);
	curl_easy_cleanup(p->smtp);
	curl_easy_cleanup(p->http);
	curl_global_cleanup();
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
		return fputs(help, stdout) < 0 || fflush(stdout) != 0 ? EX_IOERR
		                                                      : EX_OK;
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
