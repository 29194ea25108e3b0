#ifndef LOG_H
#define LOG_H

/*
 * One line per event on stderr, where the spawner or journald collects it:
 *
 *	ticket[4711]: warning: request=8f3a...: cannot ...
 *
 * Bytes below 0x20 and 0x7f are written as \xNN, so that nobody can forge a
 * line.  Secrets (link tokens, session tokens, form bodies) are never logged.
 */
void log_open(const char *program);

/* The request that later lines belong to; NULL when none is being served. */
void log_request(const char *id);

void log_info(const char *, ...) __attribute__((format(printf, 1, 2)));
void log_warn(const char *, ...) __attribute__((format(printf, 1, 2)));

/* Log and exit(1): only for what a fresh process would cure. */
void log_fatal(const char *, ...)
    __attribute__((noreturn, format(printf, 1, 2)));

#endif
