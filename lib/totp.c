#include <ctype.h>
#include <gcrypt.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "arena.h"
#include "log.h"
#include "token.h"
#include "totp.h"

#define SHA1_SIZE 20
#define STEP_SIZE 8
#define RECOVERY_LETTERS 16

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/* HOTP, RFC 4226, 5.3: four bytes from where the last half byte points. */
static uint32_t
truncated(const unsigned char seed[TOTP_SEED], long long step)
{
	unsigned char counter[STEP_SIZE], mac[SHA1_SIZE], *p;
	size_t size = sizeof(mac);
	gcry_mac_hd_t h;
	int i;

	for (i = STEP_SIZE - 1; i >= 0; i--, step >>= 8)
		counter[i] = (unsigned char)(step & 0xff);
	if (gcry_mac_open(&h, GCRY_MAC_HMAC_SHA1, 0, NULL) != 0 ||
	    gcry_mac_setkey(h, seed, TOTP_SEED) != 0 ||
	    gcry_mac_write(h, counter, sizeof(counter)) != 0 ||
	    gcry_mac_read(h, mac, &size) != 0)
		log_fatal("libgcrypt cannot do HMAC-SHA1");
	gcry_mac_close(h);
	p = mac + (mac[SHA1_SIZE - 1] & 0x0f);
	return (uint32_t)(p[0] & 0x7f) << 24 | (uint32_t)p[1] << 16 |
	       (uint32_t)p[2] << 8 | p[3];
}

const char *
totp_code(struct arena *a, const unsigned char seed[TOTP_SEED], long long step,
    int digits)
{
	uint32_t modulus = 1;
	int i;

	for (i = 0; i < digits; i++)
		modulus *= 10;
	return arena_printf(
	    a, "%0*u", digits, (unsigned)(truncated(seed, step) % modulus));
}

/* In time that does not tell how many digits were right. */
static bool
same(const char *a, const char *b)
{
	unsigned char differs = 0;
	int i;

	for (i = 0; i < TOTP_DIGITS; i++)
		differs |= (unsigned char)(a[i] ^ b[i]);
	return differs == 0;
}

/* Without blanks and hyphens, in small letters; "" when over `max`. */
static const char *
plain(struct arena *a, const char *typed, size_t max)
{
	char *text = arena_alloc(a, max + 1), *to = text;

	for (; *typed != '\0'; typed++) {
		if (*typed == ' ' || *typed == '-' || *typed == '\t')
			continue;
		if (to == text + max)
			return "";
		*to++ = (char)tolower((unsigned char)*typed);
	}
	*to = '\0';
	return text;
}

long long
totp_step(struct arena *a, const unsigned char seed[TOTP_SEED],
    const char *typed, long long now, long long last)
{
	const char *code = plain(a, typed, TOTP_DIGITS);
	long long step, found = 0;

	if (strlen(code) != TOTP_DIGITS ||
	    strspn(code, "0123456789") != TOTP_DIGITS)
		return 0;
	for (step = now - 1; step <= now + 1; step++)
		if (same(totp_code(a, seed, step, TOTP_DIGITS), code) &&
		    step > last && found == 0)
			found = step;
	return found;
}

const char *
totp_base32(struct arena *a, const void *data, size_t size)
{
	const unsigned char *from = data;
	char *text = arena_alloc(a, size / 5 * 8 + 8 + 1), *to = text;
	uint32_t bits = 0;
	unsigned have = 0;

	while (size-- > 0) {
		bits = bits << 8 | *from++;
		for (have += 8; have >= 5; have -= 5)
			*to++ = alphabet[bits >> (have - 5) & 31];
	}
	if (have > 0)
		*to++ = alphabet[bits << (5 - have) & 31];
	*to = '\0';
	return text;
}

/* What RFC 3986 calls unreserved stays. */
static const char *
percent(struct arena *a, const char *from)
{
	char *text = arena_alloc(a, 3 * strlen(from) + 1), *to = text;

	for (; *from != '\0'; from++) {
		static const char digits[] = "0123456789ABCDEF";
		unsigned char c = (unsigned char)*from;

		if (c < 0x80 && (isalnum(c) || strchr("-._~", c) != NULL)) {
			*to++ = (char)c;
			continue;
		}
		*to++ = '%';
		*to++ = digits[c >> 4];
		*to++ = digits[c & 15];
	}
	*to = '\0';
	return text;
}

const char *
totp_address(struct arena *a, const unsigned char seed[TOTP_SEED],
    const char *issuer, const char *account)
{
	const char *from = percent(a, issuer);

	return arena_printf(a, "otpauth://totp/%s:%s?secret=%s&issuer=%s", from,
	    percent(a, account), totp_base32(a, seed, TOTP_SEED), from);
}

const char *
totp_recovery(struct arena *a)
{
	unsigned char random[TOTP_CODE];
	const char *c;

	gcry_randomize(random, sizeof(random), GCRY_STRONG_RANDOM);
	c = plain(a, totp_base32(a, random, sizeof(random)), RECOVERY_LETTERS);
	return arena_printf(a, "%.4s-%.4s-%.4s-%.4s", c, c + 4, c + 8, c + 12);
}

const char *
totp_recovery_hash(struct arena *a, const char *typed)
{
	const char *code = plain(a, typed, RECOVERY_LETTERS);

	if (strlen(code) != RECOVERY_LETTERS ||
	    strspn(code, "abcdefghijklmnopqrstuvwxyz234567") !=
		RECOVERY_LETTERS)
		return NULL;
	return token_sha256(a, code, RECOVERY_LETTERS);
}
