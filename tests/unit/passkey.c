/*
 * A device that signs as it should, and every way in which an answer can be
 * of another question, site, moment or key.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/sha.h>

#include "arena.h"
#include "passkey.h"
#include "token.h"

#define URL "https://desk.example"
#define CHALLENGE "Y2hhbGxlbmdl"
#define UP 0x01
#define UV 0x04
#define NEW_KEY 0x40 /* a key stands in the data */

static struct arena *arena;

/* What the tests vary; set anew before each. */
static struct device {
	EVP_PKEY *key;
	int algorithm;
	const char *host, *type, *origin, *challenge, *extra;
	unsigned char flags;
	uint32_t count;
} device;

static struct passkey known;

static const char *
client_data(void)
{
	const char *text = arena_printf(arena,
	    "{\"type\":\"%s\",\"challenge\":\"%s\",\"origin\":\"%s\"%s}",
	    device.type, device.challenge, device.origin, device.extra);

	return text;
}

static size_t
put(unsigned char *to, size_t at, const void *from, size_t size)
{
	memcpy(to + at, from, size);
	return at + size;
}

/* A COSE key, as CBOR by hand. */
static size_t
put_key(unsigned char *to, size_t at)
{
	static const unsigned char es256[] = { 0xa5, 1, 2, 3, 0x26, 0x20, 1,
		0x21, 0x58, 32 };
	static const unsigned char es256_y[] = { 0x22, 0x58, 32 };
	static const unsigned char eddsa[] = { 0xa4, 1, 1, 3, 0x27, 0x20, 6,
		0x21, 0x58, 32 };
	unsigned char raw[65];
	size_t size;

	if (device.algorithm == -8) {
		size = 32;
		assert_int_equal(
		    EVP_PKEY_get_raw_public_key(device.key, raw, &size), 1);
		at = put(to, at, eddsa, sizeof(eddsa));
		return put(to, at, raw, 32);
	}
	assert_int_equal(EVP_PKEY_get_octet_string_param(device.key,
			     OSSL_PKEY_PARAM_PUB_KEY, raw, sizeof(raw), &size),
	    1);
	at = put(to, at, es256, sizeof(es256));
	at = put(to, at, raw + 1, 32);
	at = put(to, at, es256_y, sizeof(es256_y));
	return put(to, at, raw + 33, 32);
}

static size_t
authenticator_data(unsigned char *data)
{
	static const unsigned char name[] = { 0, 4, 'n', 'a', 'm', 'e' };
	unsigned char count[4] = { (unsigned char)(device.count >> 24),
		(unsigned char)(device.count >> 16),
		(unsigned char)(device.count >> 8),
		(unsigned char)device.count };
	size_t at = SHA256_DIGEST_LENGTH;

	SHA256((const unsigned char *)device.host, strlen(device.host), data);
	at = put(data, at, &device.flags, 1);
	at = put(data, at, count, 4);
	if ((device.flags & NEW_KEY) == 0)
		return at;
	memset(data + at, 0, 16);
	at = put(data, at + 16, name, sizeof(name));
	return put_key(data, at);
}

static const char *
sign(const unsigned char *data, size_t size, const char *client)
{
	unsigned char text[512], signature[512];
	size_t signature_size = sizeof(signature);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();

	memcpy(text, data, size);
	SHA256((const unsigned char *)client, strlen(client), text + size);
	assert_int_equal(
	    EVP_DigestSignInit(ctx, NULL,
		device.algorithm == -8 ? NULL : EVP_sha256(), NULL, device.key),
	    1);
	assert_int_equal(EVP_DigestSign(ctx, signature, &signature_size, text,
			     size + SHA256_DIGEST_LENGTH),
	    1);
	EVP_MD_CTX_free(ctx);
	return token_encode(arena, signature, signature_size);
}

static struct passkey_answer
answer(void)
{
	unsigned char data[512];
	const char *client = client_data();
	size_t size = authenticator_data(data);
	struct passkey_answer a = {
		.client = token_encode(arena, client, strlen(client)),
		.authenticator = token_encode(arena, data, size),
		.signature = sign(data, size, client),
	};

	return a;
}

static const char *
make(void)
{
	struct passkey_answer a;

	device.type = "webauthn.create";
	device.flags |= NEW_KEY;
	a = answer();
	return passkey_made(arena, URL, CHALLENGE, &a, &known);
}

static const char *
prove(bool verified)
{
	struct passkey_answer a = answer();
	unsigned long count;

	return passkey_proven(
	    arena, URL, CHALLENGE, &a, &known, verified, &count);
}

/* Somebody who has a passkey and is about to prove it. */
static int
with(int algorithm)
{
	struct device fresh = {
		.algorithm = algorithm,
		.host = "desk.example",
		.type = "webauthn.create",
		.origin = URL,
		.challenge = CHALLENGE,
		.extra = "",
		.flags = UP | UV,
		.count = 1,
	};

	fresh.key = algorithm == -8 ? EVP_PKEY_Q_keygen(NULL, NULL, "ED25519")
	                            : EVP_EC_gen("P-256");
	device = fresh;
	assert_null(make());
	device.flags = UP | UV;
	device.type = "webauthn.get";
	device.count = 2;
	return 0;
}

static int
set_up(void **state)
{
	(void)state;
	arena = arena_new(64 * 1024);
	return with(-7);
}

static int
tear_down(void **state)
{
	(void)state;
	EVP_PKEY_free(device.key);
	arena_free(arena);
	return 0;
}

static void
what_was_made_proves_itself(void **state)
{
	struct passkey_answer a = answer();
	unsigned long count = 0;

	(void)state;
	assert_string_equal(known.credential, "6e616d65");
	assert_string_equal(known.credential,
	    passkey_name(arena, token_encode(arena, "name", 4)));
	assert_int_equal(known.algorithm, -7);
	assert_int_equal(known.count, 1);
	assert_null(
	    passkey_proven(arena, URL, CHALLENGE, &a, &known, true, &count));
	assert_int_equal(count, 2);
}

static void
ed25519_does_as_well(void **state)
{
	(void)state;
	EVP_PKEY_free(device.key);
	with(-8);
	assert_int_equal(known.algorithm, -8);
	assert_null(prove(true));
	device.count = 1;
	assert_non_null(prove(true));
}

static void
an_answer_to_another_question_is_refused(void **state)
{
	(void)state;
	device.type = "webauthn.create";
	assert_non_null(prove(false));
	device.type = "payment.get";
	assert_non_null(prove(false));
	device.type = "webauthn.get";
	assert_null(prove(false));
}

static void
a_making_is_no_proof_nor_the_other_way_round(void **state)
{
	struct passkey_answer a;
	struct passkey made;

	(void)state;
	device.flags |= NEW_KEY;
	a = answer(); /* of type webauthn.get */
	assert_non_null(passkey_made(arena, URL, CHALLENGE, &a, &made));
}

static void
another_challenge_is_refused(void **state)
{
	(void)state;
	device.challenge = "Y2hhbGxlbmdm";
	assert_non_null(prove(false));
	device.challenge = "";
	assert_non_null(prove(false));
	assert_non_null(make());
}

static void
another_site_is_refused(void **state)
{
	static const char *const origins[] = { "https://evil.example",
		"http://desk.example", "https://desk.example:8443",
		"https://desk.example.evil.example", "https://desk.exampl",
		"null", "" };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(origins) / sizeof(*origins); i++) {
		device.origin = origins[i];
		assert_non_null(prove(false));
	}
	device.origin = URL;
	device.host = "example";
	assert_non_null(prove(false));
	assert_non_null(make());
}

static void
a_frame_is_refused(void **state)
{
	(void)state;
	device.extra = ",\"crossOrigin\":false";
	assert_null(prove(false));
	device.extra = ",\"crossOrigin\":true";
	assert_non_null(prove(false));
}

static void
a_name_that_stands_twice_is_refused(void **state)
{
	(void)state;
	device.extra = ",\"origin\":\"" URL "\"";
	assert_non_null(prove(false));
	device.extra = ",\"type\":\"webauthn.get\"";
	assert_non_null(prove(false));
}

static void
somebody_must_be_there_and_known_where_that_is_asked(void **state)
{
	(void)state;
	device.flags = UP;
	assert_null(prove(false));
	assert_non_null(prove(true));
	device.flags = UV;
	assert_non_null(prove(false));
	device.flags = 0;
	assert_non_null(prove(false));
	assert_non_null(make());
}

static void
the_counter_must_go_up_or_stay_away(void **state)
{
	(void)state;
	device.count = 1;
	assert_non_null(prove(false));
	device.count = 0;
	assert_non_null(prove(false));
	known.count = 0;
	assert_null(prove(false));
	device.count = 1;
	assert_null(prove(false));
	device.count = 0xffffffff;
	assert_null(prove(false));
}

static void
another_key_and_a_bent_signature_are_refused(void **state)
{
	struct passkey_answer a = answer();
	EVP_PKEY *own = device.key;
	unsigned long count;
	char *bent = arena_copy(arena, a.signature);

	(void)state;
	bent[20] = bent[20] == 'A' ? 'B' : 'A';
	a.signature = bent;
	assert_non_null(
	    passkey_proven(arena, URL, CHALLENGE, &a, &known, false, &count));
	a.signature = "";
	assert_non_null(
	    passkey_proven(arena, URL, CHALLENGE, &a, &known, false, &count));
	a.signature = NULL;
	assert_non_null(
	    passkey_proven(arena, URL, CHALLENGE, &a, &known, false, &count));
	device.key = EVP_EC_gen("P-256");
	assert_non_null(prove(false));
	EVP_PKEY_free(device.key);
	device.key = own;
	known.algorithm = -257;
	assert_non_null(prove(false));
	known.algorithm = 0;
	assert_non_null(prove(false));
}

static void
what_is_mangled_is_refused(void **state)
{
	static const char *const junk[] = { "", "A", "!!!!", "AAAA", "e30",
		"W10", "bnVsbA" };
	struct passkey_answer good = answer(), a;
	struct passkey made;
	unsigned long count;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(junk) / sizeof(*junk); i++) {
		a = good;
		a.client = junk[i];
		assert_non_null(passkey_proven(
		    arena, URL, CHALLENGE, &a, &known, false, &count));
		assert_non_null(passkey_made(arena, URL, CHALLENGE, &a, &made));
		a = good;
		a.authenticator = junk[i];
		assert_non_null(passkey_proven(
		    arena, URL, CHALLENGE, &a, &known, false, &count));
		assert_non_null(passkey_made(arena, URL, CHALLENGE, &a, &made));
	}
	assert_null(passkey_name(arena, ""));
	assert_null(passkey_name(arena, "A"));
	assert_null(passkey_name(arena, "!!!!"));
}

int
main(void)
{
#define ONE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		ONE(what_was_made_proves_itself),
		ONE(ed25519_does_as_well),
		ONE(an_answer_to_another_question_is_refused),
		ONE(a_making_is_no_proof_nor_the_other_way_round),
		ONE(another_challenge_is_refused),
		ONE(another_site_is_refused),
		ONE(a_frame_is_refused),
		ONE(a_name_that_stands_twice_is_refused),
		ONE(somebody_must_be_there_and_known_where_that_is_asked),
		ONE(the_counter_must_go_up_or_stay_away),
		ONE(another_key_and_a_bent_signature_are_refused),
		ONE(what_is_mangled_is_refused),
	};

	token_start(NULL);
	passkey_start();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
