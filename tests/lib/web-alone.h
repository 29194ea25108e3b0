#ifndef WEB_ALONE_H
#define WEB_ALONE_H

/*
 * What lib/web.c needs of modules that a test of it alone does not have: no
 * templates, and a database that is never there.  Included once, behind
 * lib/web.c itself; how an error page looks is the test's own.
 */
void
page_start(const struct conf *conf, const char *program)
{
	(void)conf;
	(void)program;
}

struct db *
db_open(const char *program, const struct query *const *list)
{
	(void)program;
	(void)list;
	return NULL;
}

void
db_close(struct db *db)
{
	(void)db;
}

bool
db_lost(const struct db *db)
{
	(void)db;
	return false;
}

int
db_descriptor(const struct db *db)
{
	(void)db;
	return -1;
}

void
db_hear(struct db *db)
{
	(void)db;
}

#endif
