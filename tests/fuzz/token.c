/*
 * Tokens, fed with anything: one that decodes has this one spelling, and a
 * form token that we did not make is never taken for ours.
 */
#include <string.h>

#include "arena.h"
#include "auth.h"
#include "keys.h"
#include "token.h"
#include "web.h"

static const char *cookie;

const char *
web_cookie(const struct request *r, const char *name)
{
	(void)r;
	(void)name;
	return cookie;
}

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	start_keys();
	return 0;
}

/* Of any size that is one of ours, and of none. */
static void
check_spelling(struct arena *a, const char *text)
{
	static const size_t sizes[] = { 0, 1, 2, 3, 16, 32, 41, 64 };
	unsigned char bytes[64];
	size_t i;

	for (i = 0; i < sizeof(sizes) / sizeof(*sizes); i++)
		if (token_decode(bytes, sizes[i], text))
			insist(strcmp(text, token_encode(a, bytes, sizes[i])) ==
			       0);
}

/* One letter of a token of ours replaced, one left out, one more. */
static void
check_forgeries(struct request *r, const uint8_t *data, size_t size)
{
	char *token = arena_copy(r->arena, auth_token(r, "report"));
	unsigned char key[AUTH_KEY];
	size_t n = strlen(token), at;

	insist(auth_check(r, "report", token, key) == AUTH_EARLY);
	insist(auth_check(r, "login", token, key) == AUTH_FORGED);
	if (size < 2)
		return;
	at = data[0] % n;
	if (data[1] == '\0')
		token[at] = '\0';
	else if ((char)data[1] != token[at])
		token[at] = (char)data[1];
	else
		token = arena_printf(r->arena, "%sA", token);
	insist(auth_check(r, "report", token, key) == AUTH_FORGED);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct request r = { .arena = arena_new(4096), .address = "" };
	char *text = arena_alloc(r.arena, size + 1);
	unsigned char key[AUTH_KEY];
	const char *session;

	memcpy(text, data, size);
	check_spelling(r.arena, text);
	insist(auth_check(&r, "report", text, key) == AUTH_FORGED);
	check_forgeries(&r, data, size);
	cookie = text;
	session = auth_session(&r);
	insist(session == NULL || strcmp(session, text) == 0);
	r.address = text;
	insist(strlen(auth_visitor(&r)) == 64);
	arena_free(r.arena);
	return 0;
}
