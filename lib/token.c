#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <gcrypt.h>

#include "arena.h"
#include "conf.h"
#include "log.h"
#include "token.h"

#define GCRYPT_NEEDED "1.10.0" /* the first with argon2 */
#define SALT_MIN 8             /* bytes, RFC 9106, 3.1; the database makes 16 */
#define SALT_MAX 64            /* bytes */
#define TAG_SIZE 32            /* bytes */
#define SHA256_SIZE 32

/* Written once, by token_start(), before the first request. */
static struct token_ring keyring;

/* memset(3) that no compiler may leave out. */
static void
wipe(void *what, size_t size)
{
	volatile unsigned char *p = what;

	while (size-- > 0)
		*p++ = 0;
}

static int
hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Exactly 2 * size hex digits; what follows is the caller's to judge. */
bool
token_unhex(void *into, size_t size, const char *hex)
{
	unsigned char *to = into;
	size_t i;

	for (i = 0; i < size; i++) {
		int high = hex_value(hex[2 * i]);
		int low = high < 0 ? -1 : hex_value(hex[2 * i + 1]);

		if (low < 0)
			return false;
		to[i] = (unsigned char)(high * 16 + low);
	}
	return true;
}

const char *
token_hex(struct arena *a, const void *data, size_t size)
{
	const unsigned char *from = data;
	static const char digits[] = "0123456789abcdef";
	char *hex = arena_alloc(a, 2 * size + 1);
	size_t i;

	for (i = 0; i < size; i++) {
		hex[2 * i] = digits[from[i] >> 4];
		hex[2 * i + 1] = digits[from[i] & 15];
	}
	return hex;
}

static bool
key_read(struct token_key *key, char *line)
{
	line[strcspn(line, "\r\n")] = '\0';
	return strlen(line) == 2 + 1 + 2 * TOKEN_KEY_SIZE && line[2] == ':' &&
	       token_unhex(&key->id, 1, line) &&
	       token_unhex(key->secret, TOKEN_KEY_SIZE, line + 3);
}

void
token_read(struct token_ring *ring, const char *file)
{
	char line[128];
	FILE *f = fopen(file, "r");
	struct stat st;

	if (f == NULL)
		log_fatal(
		    "cannot read keyring \"%s\": %s", file, strerror(errno));
	if (fstat(fileno(f), &st) == 0 && (st.st_mode & S_IROTH) != 0)
		log_warn("keyring \"%s\" can be read by everybody", file);
	setvbuf(f, NULL, _IONBF, 0); /* no copy in a buffer of stdio's */
	ring->count = 0;
	while (fgets(line, sizeof(line), f) != NULL) {
		if (ring->count == TOKEN_KEYS)
			log_fatal("keyring \"%s\" has more than %d lines", file,
			    TOKEN_KEYS);
		if (!key_read(&ring->keys[ring->count++], line))
			log_fatal("keyring \"%s\", line %zu: not \"id:hex\"",
			    file, ring->count);
	}
	fclose(f);
	wipe(line, sizeof(line));
	if (ring->count == 0)
		log_fatal("keyring \"%s\" is empty", file);
}

void
token_start(const struct conf *conf)
{
	if (gcry_check_version(GCRYPT_NEEDED) == NULL)
		log_fatal("libgcrypt is older than %s", GCRYPT_NEEDED);
	/* Its locked pages hold 16 KiB; a password tag alone takes 64 MiB. */
	gcry_control(GCRYCTL_DISABLE_SECMEM, 0);
	gcry_control(GCRYCTL_INITIALIZATION_FINISHED, 0);
	if (conf != NULL)
		token_read(&keyring, conf->keyring);
}

static const char alphabet[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

const char *
token_encode(struct arena *a, const void *data, size_t size)
{
	const unsigned char *from = data;
	char *text = arena_alloc(a, size / 3 * 4 + 4 + 1);
	char *to = text;
	uint32_t bits = 0;
	unsigned have = 0; /* how many of the bits still wait */

	while (size-- > 0) {
		bits = (bits << 8 | *from++) & 0xffff;
		for (have += 8; have >= 6; have -= 6)
			*to++ = alphabet[bits >> (have - 6) & 63];
	}
	if (have > 0)
		*to++ = alphabet[bits << (6 - have) & 63];
	return text;
}

const char *
token_random(struct arena *a, size_t size)
{
	void *bytes = arena_alloc(a, size);

	gcry_randomize(bytes, size, GCRY_STRONG_RANDOM);
	return token_encode(a, bytes, size);
}

bool
token_decode(void *to, size_t size, const char *text)
{
	unsigned char *p = to, *end = p + size;
	uint32_t bits = 0;
	unsigned have = 0;

	for (; *text != '\0'; text++) {
		const char *at = strchr(alphabet, *text);

		if (at == NULL)
			return false;
		bits = (bits << 6 | (uint32_t)(at - alphabet)) & 0xffff;
		if ((have += 6) < 8)
			continue;
		if (p == end)
			return false;
		have -= 8;
		*p++ = (unsigned char)(bits >> have);
	}
	/* What is left over must be zero: one token has one spelling. */
	return p == end && have < 6 && (bits & ((1U << have) - 1)) == 0;
}

static void
hmac(unsigned char out[SHA256_SIZE], const void *key, size_t key_size,
    const char *purpose, const void *data, size_t size)
{
	gcry_md_hd_t h;

	if (gcry_md_open(&h, GCRY_MD_SHA256, GCRY_MD_FLAG_HMAC) != 0 ||
	    gcry_md_setkey(h, key, key_size) != 0)
		log_fatal("cannot make a MAC");
	gcry_md_write(h, purpose, strlen(purpose) + 1);
	gcry_md_write(h, data, size);
	memcpy(out, gcry_md_read(h, GCRY_MD_SHA256), SHA256_SIZE);
	gcry_md_close(h);
}

static void
sign_with(unsigned char mac[1 + TOKEN_MAC], const struct token_key *key,
    const char *purpose, const void *data, size_t size)
{
	unsigned char full[SHA256_SIZE];

	hmac(full, key->secret, TOKEN_KEY_SIZE, purpose, data, size);
	mac[0] = key->id;
	memcpy(mac + 1, full, TOKEN_MAC);
	wipe(full, sizeof(full));
}

void
token_sign(unsigned char mac[1 + TOKEN_MAC], const char *purpose,
    const void *data, size_t size)
{
	if (keyring.count == 0)
		log_fatal("the keyring was not read");
	sign_with(mac, &keyring.keys[keyring.count - 1], purpose, data, size);
}

/* Compare without telling by the time where two secrets differ. */
static bool
same(const unsigned char *a, const unsigned char *b, size_t size)
{
	unsigned char difference = 0;
	size_t i;

	for (i = 0; i < size; i++)
		difference |= (unsigned char)(a[i] ^ b[i]);
	return difference == 0;
}

bool
token_verify(const unsigned char mac[1 + TOKEN_MAC], const char *purpose,
    const void *data, size_t size)
{
	unsigned char right[1 + TOKEN_MAC];
	bool good = false;
	size_t i;

	for (i = 0; i < keyring.count && !good; i++) {
		if (keyring.keys[i].id != mac[0])
			continue;
		sign_with(right, &keyring.keys[i], purpose, data, size);
		good = same(right, mac, sizeof(right));
	}
	wipe(right, sizeof(right));
	return good;
}

void
token_derive(unsigned char out[32], const void *key, size_t key_size,
    const char *purpose)
{
	hmac(out, key, key_size, purpose, "", 0);
}

void
token_hmac(unsigned char out[32], const void *key, size_t key_size,
    const void *data, size_t size)
{
	gcry_buffer_t parts[2] = { { 0 } };

	parts[0].data = (void *)(uintptr_t)key;
	parts[0].len = key_size;
	parts[1].data = (void *)(uintptr_t)data;
	parts[1].len = size;
	if (gcry_md_hash_buffers(
		GCRY_MD_SHA256, GCRY_MD_FLAG_HMAC, out, parts, 2) != 0)
		log_fatal("cannot make a MAC");
}

const char *
token_sha256(struct arena *a, const void *data, size_t size)
{
	unsigned char hash[SHA256_SIZE];

	gcry_md_hash_buffer(GCRY_MD_SHA256, hash, data, size);
	return token_hex(a, hash, sizeof(hash));
}

const char *
token_password(struct arena *a, const char *password, const char *salt_hex,
    unsigned memory, unsigned passes)
{
	const unsigned long cost[] = { TAG_SIZE, passes, memory, 1 };
	unsigned char salt[SALT_MAX], tag[TAG_SIZE];
	size_t salt_size = strlen(salt_hex) / 2;
	gcry_kdf_hd_t h;
	const char *sum;

	/* libgcrypt refuses an empty password with an error of its own. */
	if (*password == '\0')
		return NULL;
	if (strlen(salt_hex) % 2 != 0 || salt_size < SALT_MIN ||
	    salt_size > SALT_MAX || !token_unhex(salt, salt_size, salt_hex))
		log_fatal("a salt is not 8 to 64 bytes in hex");
	if (gcry_kdf_open(&h, GCRY_KDF_ARGON2, GCRY_KDF_ARGON2ID, cost, 4,
		password, strlen(password), salt, salt_size, NULL, 0, NULL,
		0) != 0)
		log_fatal("cannot start argon2id with %u KiB", memory);
	if (gcry_kdf_compute(h, NULL) != 0 ||
	    gcry_kdf_final(h, sizeof(tag), tag) != 0)
		log_fatal("cannot finish argon2id with %u KiB", memory);
	gcry_kdf_close(h);
	sum = token_sha256(a, tag, sizeof(tag));
	wipe(tag, sizeof(tag));
	return sum;
}
