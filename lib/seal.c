#include <gcrypt.h>
#include <string.h>

#include "arena.h"
#include "log.h"
#include "seal.h"
#include "token.h"

#define NONCE_SIZE 12
#define TAG_SIZE 16
#define SECRET_MAX 64 /* bytes of what is sealed */

/* Written once, by seal_start(), before the first request. */
static struct token_ring ring;

void
seal_start(const char *file)
{
	if (file == NULL)
		log_fatal("NIGHTDESK_FACTOR_KEYRING is not set");
	token_read(&ring, file);
}

/* The cipher is set up anew each time: a sign-in needs it once. */
static gcry_cipher_hd_t
cipher_new(const struct token_key *key, const unsigned char *nonce,
    const char *purpose)
{
	gcry_cipher_hd_t c;

	if (gcry_cipher_open(&c, GCRY_CIPHER_AES256, GCRY_CIPHER_MODE_GCM, 0) !=
		0 ||
	    gcry_cipher_setkey(c, key->secret, sizeof(key->secret)) != 0 ||
	    gcry_cipher_setiv(c, nonce, NONCE_SIZE) != 0 ||
	    gcry_cipher_authenticate(c, purpose, strlen(purpose)) != 0)
		log_fatal("libgcrypt cannot do AES-256-GCM");
	return c;
}

const char *
seal(struct arena *a, const char *purpose, const void *secret, size_t size)
{
	const struct token_key *key = &ring.keys[ring.count - 1];
	unsigned char *out = arena_alloc(a, size + SEAL_EXTRA);
	unsigned char *nonce = out + 1, *text = nonce + NONCE_SIZE;
	gcry_cipher_hd_t c;

	out[0] = key->id;
	gcry_randomize(nonce, NONCE_SIZE, GCRY_STRONG_RANDOM);
	c = cipher_new(key, nonce, purpose);
	if (gcry_cipher_encrypt(c, text, size, secret, size) != 0 ||
	    gcry_cipher_gettag(c, text + size, TAG_SIZE) != 0)
		log_fatal("libgcrypt could not seal");
	gcry_cipher_close(c);
	return token_hex(a, out, size + SEAL_EXTRA);
}

static const struct token_key *
find_key(unsigned char id)
{
	size_t i;

	for (i = ring.count; i > 0; i--)
		if (ring.keys[i - 1].id == id)
			return &ring.keys[i - 1];
	return NULL;
}

bool
seal_open(void *to, size_t size, const char *purpose, const char *hex)
{
	unsigned char in[SECRET_MAX + SEAL_EXTRA];
	const unsigned char *text = in + 1 + NONCE_SIZE;
	const struct token_key *key;
	gcry_cipher_hd_t c;
	bool good;

	if (size > SECRET_MAX || strlen(hex) != 2 * (size + SEAL_EXTRA) ||
	    !token_unhex(in, size + SEAL_EXTRA, hex) ||
	    (key = find_key(in[0])) == NULL)
		return false;
	c = cipher_new(key, in + 1, purpose);
	good = gcry_cipher_decrypt(c, to, size, text, size) == 0 &&
	       gcry_cipher_checktag(c, text + size, TAG_SIZE) == 0;
	gcry_cipher_close(c);
	if (!good)
		memset(to, 0, size);
	return good;
}
