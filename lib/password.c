#include <ctype.h>
#include <stdbool.h>
#include <string.h>

#include "arena.h"
#include "form.h"
#include "password.h"
#include "token.h"

#define SALT_BYTES 16
#define CONTEXT_MIN 3 /* letters of a login or a name that count */

/* The longer first, where one begins another. */
static const char *const common[] = { "administrator", "administration",
	"administrative", "administer", "admin", "support", "helpdesk",
	"servicedesk", "service", "nightdesk", "desk", "company", "office",
	"passwords", "password", "passwort", "passphrase", "passwd", "pass",
	"secret", "welcome", "letmein", "changeme", "change", "default",
	"login", "qwertyuiop", "qwertzuiop", "azertyuiop", "qwerty", "qwertz",
	"azerty", "asdfghjkl", "asdfgh", "asdf", "zxcvbnm", "yxcvbnm", "zxcvbn",
	"abcdefghijklmnopqrstuvwxyz", "abcdefgh", "abcdef", "abcd", "abc",
	"iloveyou", "love", "monkey", "dragon", "master", "sunshine",
	"princess", "football", "baseball", "superman", "batman", "shadow",
	"trustno", "spring", "summer", "autumn", "winter", "january",
	"february", "march", "april", "may", "june", "july", "august",
	"september", "october", "november", "december", "monday", "tuesday",
	"wednesday", "thursday", "friday", "saturday", "sunday", "test",
	"hello", "user", "root", "server", "database", "temp", "my", "the",
	"new", "me", "is", "a", "i", NULL };

static size_t
characters(const char *s)
{
	size_t n = 0;

	for (; *s != '\0'; s++)
		n += ((unsigned char)*s & 0xc0) != 0x80;
	return n;
}

static char *
lower(struct arena *a, const char *s)
{
	char *copy = arena_copy(a, s), *p;

	for (p = copy; *p != '\0'; p++)
		*p = (char)tolower((unsigned char)*p);
	return copy;
}

/* Letters alone, in small ones; `spelt`: digits that stand for one, too. */
static char *
letters(struct arena *a, const char *s, bool spelt)
{
	static const char digits[] = "013457@$", meant[] = "oleastas";
	char *copy = lower(a, s), *from = copy, *to = copy;

	for (; *from != '\0'; from++) {
		const char *digit = strchr(digits, *from);
		char c = spelt && digit != NULL ? meant[digit - digits] : *from;

		if (isalpha((unsigned char)c) || (unsigned char)c >= 0x80)
			*to++ = c;
	}
	*to = '\0';
	return copy;
}

/*
 * The length of a common word that begins here, of the login or the name of
 * the desk; 0 for none.
 */
static size_t
word_length(const char *s, const char *login, const char *desk)
{
	const char *const context[] = { login, desk };
	size_t i, size;

	for (i = 0; i < 2; i++) {
		size = context[i] != NULL ? strlen(context[i]) : 0;
		if (size >= CONTEXT_MIN && strncmp(s, context[i], size) == 0)
			return size;
	}
	for (i = 0; common[i] != NULL; i++) {
		size = strlen(common[i]);
		if (strncmp(s, common[i], size) == 0)
			return size;
	}
	return 0;
}

/* Nothing but such words; also true when no letter is left. */
static bool
only_words(const char *s, const char *login, const char *desk)
{
	size_t size;

	for (; *s != '\0'; s += size)
		if ((size = word_length(s, login, desk)) == 0)
			return false;
	return true;
}

/* A short piece over and over, the last time perhaps not whole. */
static bool
repeats(const char *s)
{
	size_t size = strlen(s), piece;

	for (piece = 1; piece <= size / 2 && piece <= 6; piece++)
		if (memcmp(s, s + piece, size - piece) == 0)
			return true;
	return false;
}

const char *
password_fault(
    struct arena *a, const char *password, const char *login, const char *desk)
{
	const char *small, *name = NULL;

	if (!form_utf8(password, strlen(password)))
		return "is not UTF-8: no browser could send it";
	if (characters(password) < PASSWORD_MIN)
		return "has fewer than 12 characters";
	if (characters(password) > PASSWORD_MAX)
		return "has more than 1,000 characters";
	small = lower(a, password);
	if (desk != NULL)
		name = letters(a, desk, false);
	if (strstr(small, lower(a, login)) != NULL)
		return "contains the login";
	if (name != NULL && strlen(name) >= CONTEXT_MIN &&
	    strstr(letters(a, password, false), name) != NULL)
		return "contains the name of the desk";
	if (repeats(small))
		return "repeats itself";
	if (only_words(letters(a, password, false), login, name) ||
	    only_words(letters(a, password, true), login, name))
		return "is made of words, months or keys that are tried first";
	return NULL;
}

const char *
password_salt(struct arena *a)
{
	const char *seed = token_random(a, SALT_BYTES * 2);
	const char *hex = token_sha256(a, seed, strlen(seed));

	return arena_printf(a, "%.*s", SALT_BYTES * 2, hex);
}
