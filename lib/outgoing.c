#include "outgoing.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arena.h"
#include "hook.h"
#include "log.h"
#include "mail.h"

#define WAIT_SECONDS "60" /* NIGHTDESK_MAIL_WAIT */
#define DOMAIN_LETTERS                                                         \
	"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-"

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
read_login(struct outgoing *set, struct arena *a)
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
	set->user = arena_copy(a, line[0]);
	set->password = arena_copy(a, line[1]);
}

static void
read_mail_settings(struct outgoing *set, struct arena *a)
{
	set->wait = setting("NIGHTDESK_MAIL_WAIT");
	if (set->wait == NULL)
		set->wait = WAIT_SECONDS;
	if (strspn(set->wait, "0123456789") != strlen(set->wait) ||
	    strlen(set->wait) > 5)
		log_fatal("NIGHTDESK_MAIL_WAIT must be seconds, not \"%s\"",
		    set->wait);
	if ((set->smtp = setting("NIGHTDESK_SMTP")) == NULL)
		return;
	if (strncmp(set->smtp, "smtp://", 7) != 0 &&
	    strncmp(set->smtp, "smtps://", 8) != 0)
		log_fatal("NIGHTDESK_SMTP must begin with smtp:// or smtps://");
	set->tls = setting("NIGHTDESK_SMTP_TLS");
	if (set->tls == NULL)
		set->tls = "required";
	if (strcmp(set->tls, "required") != 0 &&
	    strcmp(set->tls, "optional") != 0 && strcmp(set->tls, "off") != 0)
		log_fatal("NIGHTDESK_SMTP_TLS must be required, optional or "
			  "off, not \"%s\"",
		    set->tls);
	set->ca = setting("NIGHTDESK_SMTP_CA");
	set->from = needed("NIGHTDESK_MAIL_FROM");
	set->bounce = setting("NIGHTDESK_MAIL_BOUNCE");
	set->domain = setting("NIGHTDESK_MAIL_DOMAIN");
	if (!mail_address(set->from))
		log_fatal("NIGHTDESK_MAIL_FROM must be an address");
	if (set->bounce != NULL && !mail_address(set->bounce))
		log_fatal("NIGHTDESK_MAIL_BOUNCE must be an address");
	if (set->domain == NULL)
		set->domain = strrchr(set->from, '@') + 1;
	if (strspn(set->domain, DOMAIN_LETTERS) != strlen(set->domain))
		log_fatal("NIGHTDESK_MAIL_DOMAIN must be a domain, not \"%s\"",
		    set->domain);
	/* The path of such a URL is what we call ourselves in EHLO. */
	if (strchr(strstr(set->smtp, "://") + 3, '/') == NULL)
		set->smtp = arena_printf(a, "%s/%s", set->smtp, set->domain);
	read_login(set, a);
}

static void
read_allowed(struct outgoing *set, struct arena *a)
{
	char *words = arena_copy(a, setting("NIGHTDESK_HOOKS_ALLOW"));
	const char *allow;
	char *rest;

	for (allow = words == NULL ? NULL : strtok_r(words, " \t", &rest);
	     allow != NULL; allow = strtok_r(NULL, " \t", &rest)) {
		if (strcmp(allow, "http") == 0)
			set->plain_http = true;
		else if (strcmp(allow, "private") == 0)
			set->private_targets = true;
		else
			log_fatal("NIGHTDESK_HOOKS_ALLOW can hold the words "
				  "http and private, not \"%s\"",
			    allow);
	}
}

const struct outgoing *
outgoing_read(struct arena *a)
{
	const char *hooks = setting("NIGHTDESK_HOOKS");
	struct outgoing *set = arena_alloc(a, sizeof(*set));

	set->keyring = needed("NIGHTDESK_KEYRING");
	set->url = needed("NIGHTDESK_URL");
	set->name = needed("NIGHTDESK_NAME");
	/* They are put into JSON as they are. */
	if (strpbrk(set->url, "\"\\") != NULL ||
	    strpbrk(set->name, "\"\\") != NULL)
		log_fatal("NIGHTDESK_URL and NIGHTDESK_NAME must not hold "
			  "quotes or backslashes");
	read_mail_settings(set, a);
	if (hooks != NULL)
		set->hooks = hook_file(a, hooks);
	read_allowed(set, a);
	return set;
}

const char *
outgoing_fill(const struct outgoing *set, struct arena *a, const char *text)
{
	static const char *const marks[] = { "{URL}", "{NAME}" };
	const char *const values[] = { set->url, set->name };
	size_t k, size = strlen(text) + 1, n = 0;
	const char *at;
	char *out;

	for (k = 0; k < 2; k++)
		for (at = text; (at = strstr(at, marks[k])) != NULL; at++)
			size += strlen(values[k]);
	out = arena_alloc(a, size);
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
