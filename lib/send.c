#include "send.h"

#include <curl/curl.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "arena.h"
#include "hook.h"
#include "log.h"
#include "mail.h"
#include "outgoing.h"

#define MAIL_SECONDS 60L    /* for one mail, connecting included */
#define HOOK_SECONDS 10L    /* for one request */
#define CONNECT_SECONDS 10L /* of these */
#define SAID_MAX 300        /* bytes of an answer that are kept */

struct sender {
	const struct outgoing *set;
	struct arena *arena; /* of the attempt */
	CURL *smtp, *http;
	unsigned tried, closed; /* addresses of the last hook; private ones */
};

static struct sent
verdict(const char *outcome, long code, const char *said)
{
	struct sent result = { outcome, code, said, 0 };

	return result;
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
static struct sent
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
set_up_smtp(struct sender *s, CURL *c)
{
	const struct outgoing *set = s->set;

	curl_easy_setopt(c, CURLOPT_URL, set->smtp);
	curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "smtp,smtps");
	curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(c, CURLOPT_NOPROXY, "*");
	curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT, CONNECT_SECONDS);
	curl_easy_setopt(c, CURLOPT_TIMEOUT, MAIL_SECONDS);
	curl_easy_setopt(c, CURLOPT_USE_SSL,
	    strcmp(set->tls, "required") == 0   ? (long)CURLUSESSL_ALL
	    : strcmp(set->tls, "optional") == 0 ? (long)CURLUSESSL_TRY
						: (long)CURLUSESSL_NONE);
	if (set->ca != NULL)
		curl_easy_setopt(c, CURLOPT_CAINFO, set->ca);
	if (set->user != NULL) {
		curl_easy_setopt(c, CURLOPT_USERNAME, set->user);
		curl_easy_setopt(c, CURLOPT_PASSWORD, set->password);
	}
	/* Without a sender it is "<>": what bounces ends there. */
	if (set->bounce != NULL)
		curl_easy_setopt(c, CURLOPT_MAIL_FROM, set->bounce);
	curl_easy_setopt(c, CURLOPT_UPLOAD, 1L);
	curl_easy_setopt(c, CURLOPT_READFUNCTION, give_text);
	curl_easy_setopt(c, CURLOPT_VERBOSE, 1L);
	curl_easy_setopt(c, CURLOPT_DEBUGFUNCTION, listen_in);
}

struct sent
send_mail(struct sender *s, const struct mail *mail)
{
	struct dialogue d = { "", "", false };
	struct upload upload = { NULL, 0, 0 };
	struct curl_slist *to;
	struct sent result;
	long answer = 0;
	CURLcode code;

	if (!mail_address(mail->to))
		return verdict("refused", 0, "this is not an address");
	upload.text = mail_text(s->arena, mail, &upload.size);
	to = curl_slist_append(NULL, mail->to);
	curl_easy_reset(s->smtp); /* keeps the connection */
	set_up_smtp(s, s->smtp);
	curl_easy_setopt(s->smtp, CURLOPT_MAIL_RCPT, to);
	curl_easy_setopt(s->smtp, CURLOPT_READDATA, &upload);
	curl_easy_setopt(
	    s->smtp, CURLOPT_INFILESIZE_LARGE, (curl_off_t)upload.size);
	curl_easy_setopt(s->smtp, CURLOPT_DEBUGDATA, &d);
	code = curl_easy_perform(s->smtp);
	curl_easy_getinfo(s->smtp, CURLINFO_RESPONSE_CODE, &answer);
	result = judge_mail(s->arena, code, answer, &d);
	curl_slist_free_all(to);
	return result;
}

/* Hooks -------------------------------------------------------------------- */

/* The address that is really connected to, whatever a name said before. */
static curl_socket_t
open_socket(void *sender, curlsocktype purpose, struct curl_sockaddr *to)
{
	struct sender *s = sender;

	(void)purpose;
	s->tried++;
	if (!s->set->private_targets && hook_private(&to->addr)) {
		s->closed++;
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
static struct sent
judge_failure(struct sender *s, const char *said)
{
	curl_off_t ready = 0;

	if (s->closed > 0 && s->closed == s->tried)
		return verdict("refused", 0,
		    "its address is one of a private network "
		    "(NIGHTDESK_HOOKS_ALLOW)");
	if (s->closed > 0)
		return verdict("later", 0,
		    arena_printf(s->arena,
			"one of its addresses is one of a private network "
			"(NIGHTDESK_HOOKS_ALLOW), and of the others: %s",
			said));
	curl_easy_getinfo(s->http, CURLINFO_PRETRANSFER_TIME_T, &ready);
	return verdict(ready == 0 ? "down" : "later", 0, said);
}

static struct sent
judge_hook(struct sender *s, CURLcode code, long status,
    const struct answer *got, const char *why)
{
	struct arena *a = s->arena;
	const char *said = readable(a, got->text);

	if (code != CURLE_OK)
		return judge_failure(
		    s, arena_printf(a, "%s%s%s", curl_easy_strerror(code),
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
set_up_http(struct sender *s, CURL *c)
{
	curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR,
	    s->set->plain_http ? "http,https" : "https");
	curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(c, CURLOPT_NOPROXY, "*");
	curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT, CONNECT_SECONDS);
	curl_easy_setopt(c, CURLOPT_TIMEOUT, HOOK_SECONDS);
	curl_easy_setopt(c, CURLOPT_OPENSOCKETFUNCTION, open_socket);
	curl_easy_setopt(c, CURLOPT_OPENSOCKETDATA, s);
	curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, keep_some);
	curl_easy_setopt(c, CURLOPT_USERAGENT, "Nightdesk");
	if (s->set->ca != NULL)
		curl_easy_setopt(c, CURLOPT_CAINFO, s->set->ca);
}

static struct sent
post_json(struct sender *s, const char *url, struct curl_slist *headers,
    const char *body)
{
	char why[CURL_ERROR_SIZE] = "";
	struct answer got = { "", 0 };
	long status = 0;
	CURLcode code;

	s->tried = s->closed = 0;
	curl_easy_reset(s->http);
	set_up_http(s, s->http);
	curl_easy_setopt(s->http, CURLOPT_URL, url);
	curl_easy_setopt(s->http, CURLOPT_HTTPHEADER, headers);
	curl_easy_setopt(s->http, CURLOPT_POSTFIELDS, body);
	curl_easy_setopt(s->http, CURLOPT_ERRORBUFFER, why);
	curl_easy_setopt(s->http, CURLOPT_WRITEDATA, &got);
	code = curl_easy_perform(s->http);
	curl_easy_setopt(s->http, CURLOPT_ERRORBUFFER, NULL);
	curl_easy_getinfo(s->http, CURLINFO_RESPONSE_CODE, &status);
	return judge_hook(s, code, status, &got, why);
}

static void
free_list(void *list)
{
	curl_slist_free_all(list);
}

static struct curl_slist *
add_line(struct sender *s, struct curl_slist *list, const char *name,
    const char *value)
{
	return curl_slist_append(
	    list, arena_printf(s->arena, "%s: %s", name, value));
}

static struct sent
send_webhook(
    struct sender *s, const struct hook *h, const char *id, const char *body)
{
	const char *now = arena_printf(s->arena, "%lld", (long long)time(NULL));
	struct curl_slist *list = NULL;

	list = add_line(s, list, "Content-Type", "application/json");
	list = add_line(s, list, "webhook-id", id);
	list = add_line(s, list, "webhook-timestamp", now);
	list = add_line(s, list, "webhook-signature",
	    hook_signature(s->arena, h, id, now, body));
	arena_defer(s->arena, free_list, list);
	return post_json(s, h->url, list, body);
}

/* The routing key is the secret of the file; the rest came with the row. */
static struct sent
send_event(struct sender *s, const struct hook *h, const char *event)
{
	json_t *body = json_loads(event, JSON_REJECT_DUPLICATES, NULL);
	struct curl_slist *list = NULL;
	size_t size = 0;
	char *text;

	if (json_is_object(body) && json_object_set_new(body, "routing_key",
					json_string(h->secret[0])) == 0)
		size = json_dumpb(body, NULL, 0, JSON_COMPACT);
	text = arena_alloc(s->arena, size + 1);
	json_dumpb(body, text, size, JSON_COMPACT);
	json_decref(body);
	if (size == 0)
		return verdict("refused", 0, "this is not an event");
	list = add_line(s, list, "Content-Type", "application/json");
	arena_defer(s->arena, free_list, list);
	return post_json(s, h->url, list, text);
}

struct sent
send_hook(struct sender *s, const char *name, const char *kind, const char *id,
    const char *payload)
{
	const struct hook *h = hook_find(s->set->hooks, name);

	if (h == NULL)
		return verdict(
		    "down", 0, "the file of hooks has no line for it");
	if (strcmp(kind, "pagerduty") == 0)
		return send_event(s, h, payload);
	return send_webhook(s, h, id, payload);
}

/* Start and end ------------------------------------------------------------ */

struct sender *
send_open(const struct outgoing *set, struct arena *ours, struct arena *each)
{
	struct sender *s = arena_alloc(ours, sizeof(*s));

	s->set = set;
	s->arena = each;
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK ||
	    (s->smtp = curl_easy_init()) == NULL ||
	    (s->http = curl_easy_init()) == NULL)
		log_fatal("cannot start libcurl");
	return s;
}

void
send_close(struct sender *s)
{
	curl_easy_cleanup(s->smtp);
	curl_easy_cleanup(s->http);
	curl_global_cleanup();
}
