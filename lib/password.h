#ifndef PASSWORD_H
#define PASSWORD_H

/*
 * Passwords that are set now: what will do, and how their tag is made.  For
 * the page where staff change theirs and for the operator's command alike.
 *
 * There is no list of stolen passwords here.  What is refused is short, is
 * made of the login, of the desk's name or of the words, months and runs of
 * keys that open every such list, whatever digits and marks stand around
 * them, or repeats itself.
 */
struct arena;

#define PASSWORD_MIN 12             /* characters */
#define PASSWORD_MAX 1000           /* characters */
#define PASSWORD_MEMORY (64 * 1024) /* KiB, of argon2id */
#define PASSWORD_PASSES 3

/*
 * What is wrong with a password as somebody's next one, as the end of a
 * sentence that begins "the password "; NULL when it will do.  `desk` may be
 * NULL.
 */
const char *password_fault(
    struct arena *, const char *password, const char *login, const char *desk);

/* 16 random bytes in hex. */
const char *password_salt(struct arena *);

#endif
