#include <ctype.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "conf.h"
#include "form.h"
#include "log.h"

#define NAME_MAX_BYTES 60
#define AMOUNT_MIN 1024
#define AMOUNT_MAX (256 * 1024 * 1024) /* it is all in memory once */

/* Each check returns what is wrong with a value, or NULL. */
typedef const char *check(const char *value);

/*
 * A browser names our origin in lower case and without the default port,
 * and compares byte by byte; so must we (see web.c).
 */
static const char *
check_url(const char *s)
{
	const char *host, *end;
	bool secure = strncmp(s, "https://", 8) == 0;

	if (!secure && strncmp(s, "http://", 7) != 0)
		return "must begin with https:// or http://";
	host = s + (secure ? 8 : 7);
	end = host + strspn(host, "abcdefghijklmnopqrstuvwxyz0123456789.-[]:");
	if (*end == '/')
		return "must be a scheme and a host, without a path or slash";
	if (end == host || *end != '\0' || *host == ':')
		return "must name a host in lower case, perhaps with a port";
	end = strrchr(host, ':');
	if (end != NULL && strchr(end, ']') == NULL &&
	    (end[1] == '\0' ||
		strspn(end + 1, "0123456789") != strlen(end + 1)))
		return "must have a number as its port";
	if (end != NULL && strcmp(end, secure ? ":443" : ":80") == 0)
		return "must not name the default port";
	return NULL;
}

static const char *
check_name(const char *s)
{
	const char *p;

	if (strlen(s) > NAME_MAX_BYTES)
		return "must not be longer than 60 bytes";
	for (p = s; *p != '\0'; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			return "must not hold control characters";
	return form_utf8(s, strlen(s)) ? NULL : "must be UTF-8";
}

static const char *
check_directory(const char *s)
{
	struct stat st;

	if (stat(s, &st) != 0 || !S_ISDIR(st.st_mode))
		return "must be a directory that this program may see";
	return NULL;
}

static const char *
check_file(const char *s)
{
	struct stat st;

	if (stat(s, &st) != 0 || !S_ISREG(st.st_mode))
		return "must be a file that this program may see";
	return NULL;
}

static const char *
check_uri(const char *s)
{
	const char *p;

	if (strncmp(s, "https://", 8) != 0 && strncmp(s, "mailto:", 7) != 0 &&
	    strncmp(s, "tel:", 4) != 0)
		return "must begin with https://, mailto: or tel:";
	for (p = s; *p != '\0'; p++)
		if (*p <= 0x20 || *p == 0x7f)
			return "must be printable ASCII without blanks";
	return NULL;
}

/* RFC 3339 as RFC 9116 shows it, in UTC: 2027-01-01T00:00:00Z */
static const char *
check_time(const char *s)
{
	static const char shape[] = "dddd-dd-ddTdd:dd:ddZ";
	time_t now = time(NULL);
	char today[sizeof(shape)];
	struct tm tm;
	size_t i;

	for (i = 0; i < sizeof(shape); i++)
		if (shape[i] == 'd' ? !isdigit((unsigned char)s[i])
				    : s[i] != shape[i])
			return "must look like 2027-01-01T00:00:00Z";
	if (gmtime_r(&now, &tm) != NULL &&
	    strftime(today, sizeof(today), "%Y-%m-%dT%H:%M:%SZ", &tm) != 0 &&
	    strcmp(s, today) < 0)
		log_warn("NIGHTDESK_SECURITY_EXPIRES is over: \"%s\"", s);
	return NULL;
}

static const struct setting {
	const char *name;
	size_t at; /* offset in struct conf */
	check *check;
	bool optional; /* for the programs that do not use it */
} settings[] = {
	{ "NIGHTDESK_URL", offsetof(struct conf, url), check_url, false },
	{ "NIGHTDESK_NAME", offsetof(struct conf, name), check_name, false },
	{ "NIGHTDESK_TEMPLATES", offsetof(struct conf, templates),
	    check_directory, false },
	{ "NIGHTDESK_KEYRING", offsetof(struct conf, keyring), check_file,
	    false },
	{ "NIGHTDESK_FACTOR_KEYRING", offsetof(struct conf, factor_keyring),
	    check_file, true },
	{ "NIGHTDESK_SECURITY_CONTACT", offsetof(struct conf, security_contact),
	    check_uri, false },
	{ "NIGHTDESK_SECURITY_EXPIRES", offsetof(struct conf, security_expires),
	    check_time, false },
};

/* Variables that are numbers of bytes, and what holds without them. */
static const struct amount {
	const char *name;
	size_t at; /* offset in struct conf */
	size_t otherwise;
} amounts[] = {
	{ "NIGHTDESK_FILE_MAX", offsetof(struct conf, file_max), 10485760 },
	{ "NIGHTDESK_FILES_MAX", offsetof(struct conf, files_max), 26214400 },
};

static void
read_amount(struct conf *conf, const struct amount *a)
{
	const char *value = getenv(a->name);
	unsigned long bytes = a->otherwise;

	if (value != NULL && *value != '\0') {
		size_t digits = strspn(value, "0123456789");

		bytes = digits < 10 ? strtoul(value, NULL, 10) : 0;
		if (value[digits] != '\0' || bytes < AMOUNT_MIN ||
		    bytes > AMOUNT_MAX)
			log_fatal("%s must be a number of bytes from %d to "
				  "%d, not \"%s\"",
			    a->name, AMOUNT_MIN, AMOUNT_MAX, value);
	}
	*(size_t *)(void *)((char *)conf + a->at) = bytes;
}

const struct conf *
conf_read(void)
{
	static struct conf conf;
	size_t i;

	for (i = 0; i < sizeof(settings) / sizeof(*settings); i++) {
		const struct setting *s = &settings[i];
		const char *value = getenv(s->name), *wrong;

		if ((value == NULL || *value == '\0') && s->optional)
			continue;
		if (value == NULL || *value == '\0')
			log_fatal("%s is not set", s->name);
		if ((wrong = s->check(value)) != NULL)
			log_fatal("%s %s, not \"%s\"", s->name, wrong, value);
		*(const char **)(void *)((char *)&conf + s->at) = value;
	}
	for (i = 0; i < sizeof(amounts) / sizeof(*amounts); i++)
		read_amount(&conf, &amounts[i]);
	if (conf.files_max < conf.file_max)
		log_fatal("NIGHTDESK_FILES_MAX must not be below "
			  "NIGHTDESK_FILE_MAX");
	conf.secure = strncmp(conf.url, "https:", 6) == 0;
	return &conf;
}
