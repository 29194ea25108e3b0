#include <ctype.h>
#include <stdbool.h>
#include <string.h>
#include <zxcvbn.h>

#include "arena.h"
#include "form.h"
#include "password.h"
#include "token.h"

#define SALT_BYTES 16
#define CONTEXT_MIN 3 /* letters of a login or a name that count */

static char *
lower(struct arena *a, const char *s)
{
	char *copy = arena_copy(a, s), *p;

	for (p = copy; *p != '\0'; p++)
		*p = (char)tolower((unsigned char)*p);
	return copy;
}

/* Letters alone, in small ones. */
static char *
letters(struct arena *a, const char *s)
{
	char *copy = lower(a, s), *from = copy, *to = copy;

	for (; *from != '\0'; from++)
		if (isalpha((unsigned char)*from) ||
		    (unsigned char)*from >= 0x80)
			*to++ = *from;
	*to = '\0';
	return copy;
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

/*
 * Would it be among the first that somebody tries?  What is close at hand
 * here, and on keyboards and in languages that zxcvbn's lists do not have.
 */
static bool
is_guessed(const char *password, const char *login, const char *desk)
{
	const char *context[] = { login, "support", "helpdesk", "servicedesk",
		"nightdesk", "qwertzuiop", "qwertz", "yxcvbnm", "azertyuiop",
		"azerty", "qsdfghjklm", "wxcvbn", "passwort", "kennwort",
		"geheim", "motdepasse", "bonjour", "contrasena", "senha",
		"wachtwoord", "haslo", "parola", "salasana", desk, NULL };

	return ZxcvbnMatch(password, context, NULL) < PASSWORD_BITS;
}

const char *
password_fault(
    struct arena *a, const char *password, const char *login, const char *desk)
{
	const char *small, *name = NULL;

	if (!form_utf8(password, strlen(password)))
		return "is not UTF-8: no browser could send it";
	if (form_characters(password) < PASSWORD_MIN)
		return "has fewer than 12 characters";
	if (form_characters(password) > PASSWORD_MAX)
		return "has more than 1,000 characters";
	small = lower(a, password);
	if (desk != NULL)
		name = letters(a, desk);
	if (strstr(small, lower(a, login)) != NULL)
		return "contains the login";
	if (name != NULL && strlen(name) >= CONTEXT_MIN &&
	    strstr(letters(a, password), name) != NULL)
		return "contains the name of the desk";
	if (repeats(small))
		return "repeats itself";
	if (is_guessed(password, login, desk))
		return "is too easy to guess: it is made of words, names, "
		       "dates or keys that are tried first";
	return NULL;
}

const char *
password_salt(struct arena *a)
{
	const char *seed = token_random(a, SALT_BYTES * 2);
	const char *hex = token_sha256(a, seed, strlen(seed));

	return arena_printf(a, "%.*s", SALT_BYTES * 2, hex);
}
