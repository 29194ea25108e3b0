#ifndef PASSWORD_H
#define PASSWORD_H

/*
 * Passwords that are set now: what will do, and how their tag is made.  For
 * the page where staff change theirs and for the operator's command alike.
 *
 * What is refused is short, contains the login or the name of the desk,
 * repeats itself, or is guessed too soon: zxcvbn (Wheeler, USENIX Security
 * 2016) counts the tries of somebody who has its lists of common passwords,
 * names and words, and knows of dates, rows of keys and digits that stand
 * for letters.  Passwords that were stolen elsewhere are not asked for: that
 * would tell a stranger something.
 */
struct arena;

#define PASSWORD_MIN 12             /* characters */
#define PASSWORD_MAX 1000           /* characters */
#define PASSWORD_BITS 33.2          /* 10^10 tries, zxcvbn's best class */
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
