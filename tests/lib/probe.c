/*
 * Somebody inside our programs: loaded into one with LD_PRELOAD, it waits
 * until the program asks for its database (PROBE_AT=start) or, much later,
 * does its first work (PROBE_AT=work), makes one of the attempts of
 * attempts.h, or with PROBE=all each one that is not deadly, prints
 * "errno name" for each on standard output and ends the program.
 */
#define _GNU_SOURCE
#include <dlfcn.h>

#include "attempts.h"

static const char *
setting(const char *name)
{
	const char *value = getenv(name);

	return value != NULL ? value : "";
}

static void
print(int result, const char *name)
{
	char line[128];
	int n = snprintf(line, sizeof(line), "%d %s\n", result, name);

	if (n < 0 || write(STDOUT_FILENO, line, (size_t)n) != n)
		_exit(99);
}

static void
probe(const char *at)
{
	const char *wanted = setting("PROBE");
	bool all = strcmp(wanted, "all") == 0;
	size_t i;

	if (strcmp(setting("PROBE_AT"), at) != 0)
		return;
	attempt_place = setting("PROBE_PLACE");
	for (i = 0; i < ATTEMPTS; i++)
		if (all ? !attempts[i].deadly
			: strcmp(attempts[i].name, wanted) == 0)
			print(attempts[i].try(), attempts[i].name);
	_exit(0);
}

/* What programs call; of all but the first nobody comes back. */
void *PQconnectdbParams(const char *const *, const char *const *, int);
void *PQexecParams(void);
int PQsendQueryPrepared(void);

void *
PQconnectdbParams(
    const char *const *names, const char *const *values, int expand)
{
	void *(*original)(const char *const *, const char *const *, int);

	probe("start");
	*(void **)&original = dlsym(RTLD_NEXT, "PQconnectdbParams");
	if (original == NULL)
		_exit(98);
	return original(names, values, expand);
}

/* How a web program waits for its first visitor. */
int
pselect(int n, fd_set *restrict r, fd_set *restrict w, fd_set *restrict e,
    const struct timespec *restrict t, const sigset_t *restrict s)
{
	(void)n, (void)r, (void)w, (void)e, (void)t, (void)s;
	probe("work");
	_exit(97);
}

/* How a command asks its first question. */
void *
PQexecParams(void)
{
	probe("work");
	_exit(97);
}

int
PQsendQueryPrepared(void)
{
	probe("work");
	_exit(97);
}
