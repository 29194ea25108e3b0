/*
 * What a browser says of a passkey, fed with anything: JSON, authenticator
 * data with CBOR in it, a signature.  Nothing made up may prove a key.
 *
 * The input is three parts, each after two bytes of length: a flaw in one
 * is found behind a good other one.
 */
#include <string.h>

#include "arena.h"
#include "fuzz.h"
#include "passkey.h"
#include "token.h"

#define URL "https://desk.example"
#define CHALLENGE "Y2hhbGxlbmdl"

/* The base point of P-256: nobody here knows what it is the public half of. */
static const struct passkey known = { "00", -7,
	"6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296"
	"4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5",
	0 };

static const char *
part(struct arena *a, const uint8_t **data, size_t *size)
{
	size_t length = 0;
	const char *text;

	if (*size >= 2) {
		length = (size_t)(*data)[0] << 8 | (*data)[1];
		*data += 2;
		*size -= 2;
	}
	if (length > *size)
		length = *size;
	text = token_encode(a, *data, length);
	*data += length;
	*size -= length;
	return text;
}

static void
check_made(struct arena *a, const struct passkey *made)
{
	unsigned char *bytes;
	size_t size;

	size = strlen(made->credential) / 2;
	bytes = arena_alloc(a, size + 1);
	if (size == 0 || size > 1023 ||
	    !token_unhex(bytes, size, made->credential))
		abort();
	size = strlen(made->key) / 2;
	bytes = arena_alloc(a, size + 1);
	if (size < 32 || size > 1024 || !token_unhex(bytes, size, made->key))
		abort();
	if (made->algorithm != -7 && made->algorithm != -8 &&
	    made->algorithm != -257)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static bool started;
	struct arena *a = arena_new(4096);
	struct passkey_answer answer;
	struct passkey made;
	unsigned long count;

	if (!started) {
		token_start(NULL);
		passkey_start();
		started = true;
	}
	answer.client = part(a, &data, &size);
	answer.authenticator = part(a, &data, &size);
	answer.signature = part(a, &data, &size);
	if (passkey_made(a, URL, CHALLENGE, &answer, &made) == NULL)
		check_made(a, &made);
	if (passkey_proven(a, URL, CHALLENGE, &answer, &known, false, &count) ==
	    NULL)
		abort();
	arena_free(a);
	return 0;
}
