#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log.h"

#define LINE_MAX_BYTES 2048 /* below PIPE_BUF: lines of workers never mix */

/* The only state of a module in lib/: a log line is never worth a parameter. */
static const char *program_name = "nightdesk";
static const char *request_id;

static size_t
escape(char *to, size_t room, const char *from)
{
	size_t n = 0;

	for (; *from != '\0' && n + 5 < room; from++) {
		unsigned char c = (unsigned char)*from;

		if (c >= 0x20 && c != 0x7f)
			to[n++] = (char)c;
		else
			n += (size_t)snprintf(to + n, room - n, "\\x%02x", c);
	}
	return n;
}

static void say(const char *level, const char *fmt, va_list ap)
    __attribute__((format(printf, 2, 0)));

static void
say(const char *level, const char *fmt, va_list ap)
{
	char text[LINE_MAX_BYTES], line[LINE_MAX_BYTES];
	size_t n;

	if (vsnprintf(text, sizeof(text), fmt, ap) < 0)
		return;
	/* libpq ends its messages with a line feed; ours have none. */
	for (n = strlen(text); n > 0 && text[n - 1] == '\n'; n--)
		text[n - 1] = '\0';
	n = (size_t)snprintf(line, sizeof(line) / 2,
	    "%s[%ld]: %s: ", program_name, (long)getpid(), level);
	if (request_id != NULL) {
		n += escape(line + n, 80, "request=");
		n += escape(line + n, 80, request_id);
		n += escape(line + n, 80, ": ");
	}
	n += escape(line + n, sizeof(line) - n - 1, text);
	line[n++] = '\n';
	if (write(STDERR_FILENO, line, n) < 0)
		return; /* nobody listens, and there is nobody else to tell */
}

void
log_open(const char *program)
{
	program_name = program;
}

void
log_request(const char *id)
{
	request_id = id;
}

void
log_info(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say("info", fmt, ap);
	va_end(ap);
}

void
log_warn(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say("warning", fmt, ap);
	va_end(ap);
}

void
log_fatal(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say("fatal", fmt, ap);
	va_end(ap);
	exit(1);
}
