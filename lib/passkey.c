#include <fido.h>
#include <fido/eddsa.h>
#include <fido/es256.h>
#include <fido/rs256.h>
#include <gcrypt.h>
#include <jansson.h>
#include <string.h>

#include "arena.h"
#include "log.h"
#include "passkey.h"
#include "token.h"

#define HASH_SIZE 32
#define CREDENTIAL_MAX 1023 /* bytes of a credential's name; WebAuthn, 4 */
#define KEY_MAX 1024        /* bytes */
#define FLAG_UP 0x01        /* somebody was there */
#define FLAG_UV 0x04        /* and the device knew them */
#define FLAGS_AT 32         /* after the hash of the host */

struct bytes {
	unsigned char *data;
	size_t size;
};

/* Any length that base64url can have; false for no base64url, or too long. */
static bool
decode(struct arena *a, struct bytes *out, const char *text)
{
	size_t size = strlen(text);

	if (size == 0 || size > PASSKEY_TEXT || size % 4 == 1)
		return false;
	out->size = size / 4 * 3 + (size % 4 == 0 ? 0 : size % 4 - 1);
	out->data = arena_alloc(a, out->size);
	return token_decode(out->data, out->size, text);
}

const char *
passkey_name(struct arena *a, const char *credential)
{
	struct bytes name;

	if (!decode(a, &name, credential) || name.size > CREDENTIAL_MAX)
		return NULL;
	return token_hex(a, name.data, name.size);
}

static void
sha256(unsigned char out[HASH_SIZE], const void *data, size_t size)
{
	gcry_md_hash_buffer(GCRY_MD_SHA256, out, data, size);
}

/* The host of our URL: what a passkey belongs to. */
static const char *
host_of(struct arena *a, const char *url)
{
	const char *host = strstr(url, "://");

	host = host != NULL ? host + 3 : url;
	return arena_printf(a, "%.*s", (int)strcspn(host, ":/"), host);
}

static bool
is_text(const json_t *object, const char *name, const char *wanted)
{
	const char *value = json_string_value(json_object_get(object, name));

	return value != NULL && strcmp(value, wanted) == 0;
}

static const char *
judge_client(const json_t *client, const char *type, const char *url,
    const char *challenge)
{
	if (!is_text(client, "type", type))
		return "it answers another question";
	if (!is_text(client, "challenge", challenge))
		return "it answers another challenge";
	if (!is_text(client, "origin", url))
		return "it was made for another site";
	if (json_is_true(json_object_get(client, "crossOrigin")))
		return "it was made in a frame";
	return NULL;
}

static const char *
check_client(const struct bytes *text, const char *type, const char *url,
    const char *challenge)
{
	json_error_t error;
	json_t *client = json_loadb((const char *)text->data, text->size,
	    JSON_REJECT_DUPLICATES, &error);
	const char *why;

	if (client == NULL)
		return "its client data are no JSON";
	why = judge_client(client, type, url, challenge);
	json_decref(client);
	return why;
}

/* What libfido2 checks for a proof alone is checked here for both. */
static const char *
check_data(
    struct arena *a, const struct bytes *data, const char *url, bool verified)
{
	unsigned char host[HASH_SIZE];
	const char *name = host_of(a, url);

	sha256(host, name, strlen(name));
	if (data->size <= FLAGS_AT || memcmp(data->data, host, HASH_SIZE) != 0)
		return "it belongs to another host";
	if ((data->data[FLAGS_AT] & FLAG_UP) == 0)
		return "nobody was there";
	if (verified && (data->data[FLAGS_AT] & FLAG_UV) == 0)
		return "the device did not ask who is there";
	return NULL;
}

static const char *
read_answer(struct arena *a, const struct passkey_answer *answer,
    struct bytes *client, struct bytes *data)
{
	if (!decode(a, client, answer->client) ||
	    !decode(a, data, answer->authenticator))
		return "it is mangled";
	return NULL;
}

static void
cred_free(void *cred)
{
	fido_cred_t *c = cred;

	fido_cred_free(&c);
}

static void
assert_free(void *assertion)
{
	fido_assert_t *p = assertion;

	fido_assert_free(&p);
}

/* libfido2 must be told the algorithm before it reads the key. */
static const fido_cred_t *
read_key(struct arena *a, const struct bytes *data, int algorithm)
{
	fido_cred_t *cred = fido_cred_new();

	if (cred == NULL)
		log_fatal("out of memory");
	arena_defer(a, cred_free, cred);
	if (fido_cred_set_type(cred, algorithm) != FIDO_OK ||
	    fido_cred_set_authdata_raw(cred, data->data, data->size) != FIDO_OK)
		return NULL;
	return cred;
}

static const int algorithms[] = { COSE_ES256, COSE_EDDSA, COSE_RS256 };

const char *
passkey_made(struct arena *a, const char *url, const char *challenge,
    const struct passkey_answer *answer, struct passkey *made)
{
	struct bytes client, data;
	const fido_cred_t *cred = NULL;
	const char *why;
	size_t i;

	if ((why = read_answer(a, answer, &client, &data)) != NULL ||
	    (why = check_client(&client, "webauthn.create", url, challenge)) !=
		NULL ||
	    (why = check_data(a, &data, url, false)) != NULL)
		return why;
	for (i = 0; cred == NULL; i++) {
		if (i == sizeof(algorithms) / sizeof(*algorithms))
			return "its key is of no kind that we take";
		cred = read_key(a, &data, algorithms[i]);
	}
	if (fido_cred_id_len(cred) == 0 ||
	    fido_cred_id_len(cred) > CREDENTIAL_MAX ||
	    fido_cred_pubkey_len(cred) == 0 ||
	    fido_cred_pubkey_len(cred) > KEY_MAX)
		return "it has no name or no key";
	made->credential =
	    token_hex(a, fido_cred_id_ptr(cred), fido_cred_id_len(cred));
	made->algorithm = fido_cred_type(cred);
	made->key = token_hex(
	    a, fido_cred_pubkey_ptr(cred), fido_cred_pubkey_len(cred));
	made->count = fido_cred_sigcount(cred);
	return NULL;
}

/*
 * The three kinds of key are three types to libfido2, and only one of them
 * is verified with.
 */
static int
verify(const fido_assert_t *assertion, int algorithm, const struct bytes *key)
{
	es256_pk_t *es256 = es256_pk_new();
	eddsa_pk_t *eddsa = eddsa_pk_new();
	rs256_pk_t *rs256 = rs256_pk_new();
	const void *pk = NULL;
	int verdict = FIDO_ERR_INVALID_ARGUMENT;

	if (es256 == NULL || eddsa == NULL || rs256 == NULL)
		log_fatal("out of memory");
	if (algorithm == COSE_ES256 &&
	    es256_pk_from_ptr(es256, key->data, key->size) == FIDO_OK)
		pk = es256;
	if (algorithm == COSE_EDDSA &&
	    eddsa_pk_from_ptr(eddsa, key->data, key->size) == FIDO_OK)
		pk = eddsa;
	if (algorithm == COSE_RS256 &&
	    rs256_pk_from_ptr(rs256, key->data, key->size) == FIDO_OK)
		pk = rs256;
	if (pk != NULL)
		verdict = fido_assert_verify(assertion, 0, algorithm, pk);
	es256_pk_free(&es256);
	eddsa_pk_free(&eddsa);
	rs256_pk_free(&rs256);
	return verdict;
}

static const char *
check_signature(struct arena *a, const char *url, const struct bytes *client,
    const struct bytes *data, const struct bytes *signature,
    const struct passkey *known, unsigned long *count)
{
	fido_assert_t *p = fido_assert_new();
	struct bytes key = { .size = strlen(known->key) / 2 };
	unsigned char hash[HASH_SIZE];

	if (p == NULL)
		log_fatal("out of memory");
	arena_defer(a, assert_free, p);
	key.data = arena_alloc(a, key.size + 1);
	if (!token_unhex(key.data, key.size, known->key))
		return "its key is mangled";
	sha256(hash, client->data, client->size);
	if (fido_assert_set_count(p, 1) != FIDO_OK ||
	    fido_assert_set_rp(p, host_of(a, url)) != FIDO_OK ||
	    fido_assert_set_up(p, FIDO_OPT_TRUE) != FIDO_OK ||
	    fido_assert_set_clientdata_hash(p, hash, HASH_SIZE) != FIDO_OK ||
	    fido_assert_set_authdata_raw(p, 0, data->data, data->size) !=
		FIDO_OK ||
	    fido_assert_set_sig(p, 0, signature->data, signature->size) !=
		FIDO_OK)
		return "it is mangled";
	if (verify(p, known->algorithm, &key) != FIDO_OK)
		return "its signature is wrong";
	*count = fido_assert_sigcount(p, 0);
	return NULL;
}

const char *
passkey_proven(struct arena *a, const char *url, const char *challenge,
    const struct passkey_answer *answer, const struct passkey *known,
    bool verified, unsigned long *count)
{
	struct bytes client, data, signature;
	const char *why;

	if ((why = read_answer(a, answer, &client, &data)) != NULL ||
	    (why = check_client(&client, "webauthn.get", url, challenge)) !=
		NULL ||
	    (why = check_data(a, &data, url, verified)) != NULL)
		return why;
	if (answer->signature == NULL ||
	    !decode(a, &signature, answer->signature))
		return "it is mangled";
	if ((why = check_signature(
		 a, url, &client, &data, &signature, known, count)) != NULL)
		return why;
	if (*count <= known->count && (*count != 0 || known->count != 0))
		return "its counter went back: there may be a copy of it";
	return NULL;
}

/*
 * OpenSSL reads its configuration when it is first used, and libfido2 asks
 * the environment for its debug switch.  A key that is on the curve and a
 * signature that is none go all the way.
 */
void
passkey_start(void)
{
	static const struct passkey known = { "00", COSE_ES256,
		"6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898"
		"c2964fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb64068"
		"37bf51f5",
		0 };
	static const char url[] = "https://desk.example";
	static unsigned char start[37];
	static unsigned char cbor[] = { 0x30, 0x06, 0x02, 0x01, 0x01, 0x02,
		0x01, 0x01 };
	struct arena *a = arena_new(4096);
	struct bytes client = { cbor, sizeof(cbor) };
	struct bytes data = { start, sizeof(start) };
	struct bytes signature = { cbor, sizeof(cbor) };
	unsigned long count;

	fido_init(0);
	sha256(start, "desk.example", strlen("desk.example"));
	start[FLAGS_AT] = FLAG_UP;
	if (check_signature(
		a, url, &client, &data, &signature, &known, &count) == NULL)
		log_fatal("libfido2 takes any signature");
	arena_free(a);
}
