#ifndef CONF_H
#define CONF_H

#include <stdbool.h>
#include <stddef.h>

/*
 * The configuration: environment variables, read and checked once, before
 * the first request.  A variable that is missing or wrong ends the program
 * with one line that names it; nothing is guessed in silence.  The list of
 * all variables is in the README under "Configuration"; conf.c holds it as
 * one table.  Those that have a default may be left out.  Connection settings
 * (PGHOST, PGDATABASE, PGTZ...) are libpq's own and are read by libpq.
 */
struct conf {
	const char *url;       /* NIGHTDESK_URL, without a slash at the end */
	const char *name;      /* NIGHTDESK_NAME, shown in every header */
	const char *templates; /* NIGHTDESK_TEMPLATES, a directory */
	const char *keyring;   /* NIGHTDESK_KEYRING, a file; see token.h */
	const char *factor_keyring; /* NIGHTDESK_FACTOR_KEYRING; NULL if unset:
	                             * login and factor want it, see seal.h */
	const char *security_contact; /* NIGHTDESK_SECURITY_CONTACT, a URI */
	const char *security_expires; /* NIGHTDESK_SECURITY_EXPIRES, RFC 3339 */
	size_t file_max;  /* NIGHTDESK_FILE_MAX, bytes of one file */
	size_t files_max; /* NIGHTDESK_FILES_MAX, of the files of one form */
	bool secure;      /* url is https: cookies say Secure */
};

/* Read and check; never returns with a wrong value.  Lives for ever. */
const struct conf *conf_read(void);

#endif
