#include "openpgp.h"

#include <stdbool.h>
#include <string.h>

#include <gcrypt.h>

#include "arena.h"
#include "form.h"

#define LINE 64 /* characters of base64 in a line of ours */
#define BEGIN "-----BEGIN PGP "
#define END "-----END PGP "
#define FIRST_PART_MIN 512 /* bytes, RFC 9580, 4.2.1.4 */
#define CLEAR_MIN 40       /* bytes of SEIPD: prefix and seal of nothing */
#define MPI_BITS_MAX 16384
#define WINDOW 1024    /* bytes that are judged together */
#define TOO_UNEVEN 100 /* chi-square of 15 degrees: once in 10^14 */

/* Tags of packets, RFC 9580, 5; 20 is of an earlier draft. */
enum tag {
	TAG_PKESK = 1,
	TAG_SIGNATURE = 2,
	TAG_SKESK = 3,
	TAG_ONE_PASS = 4,
	TAG_SECRET_KEY = 5,
	TAG_PUBLIC_KEY = 6,
	TAG_SECRET_SUBKEY = 7,
	TAG_COMPRESSED = 8,
	TAG_SED = 9,
	TAG_LITERAL = 11,
	TAG_SEIPD = 18,
	TAG_AEAD = 20,
};

struct bytes {
	const unsigned char *at;
	const unsigned char *end;
};

/* The first piece of a packet; of a SEIPD there may be more. */
struct packet {
	unsigned tag;
	struct bytes body;
	bool partial;
};

static size_t
left(const struct bytes *b)
{
	return (size_t)(b->end - b->at);
}

/* Take `size` bytes; false when there are not so many. */
static bool
take(struct bytes *from, size_t size, struct bytes *part)
{
	if (left(from) < size)
		return false;
	part->at = from->at;
	part->end = from->at += size;
	return true;
}

/* A number of `size` bytes, at most eight, the highest first. */
static bool
take_number(struct bytes *from, size_t size, uint64_t *n)
{
	struct bytes part;

	if (!take(from, size, &part))
		return false;
	for (*n = 0; part.at < part.end; part.at++)
		*n = *n << 8 | *part.at;
	return true;
}

/* Packets. */

/* A length of the new format, and whether more of the body is to come. */
static bool
take_length(struct bytes *from, uint64_t *size, bool *partial)
{
	uint64_t low;

	*partial = false;
	if (!take_number(from, 1, size))
		return false;
	if (*size < 192)
		return true;
	if (*size == 255)
		return take_number(from, 4, size);
	if (*size >= 224) {
		*partial = true;
		*size = (uint64_t)1 << (*size & 0x1f);
		return true;
	}
	if (!take_number(from, 1, &low))
		return false;
	*size = ((*size - 192) << 8) + low + 192;
	return true;
}

static bool
take_packet(struct bytes *from, struct packet *p)
{
	uint64_t head, size;

	if (!take_number(from, 1, &head) || (head & 0x80) == 0)
		return false;
	p->partial = false;
	if ((head & 0x40) != 0) {
		p->tag = head & 0x3f;
		if (!take_length(from, &size, &p->partial))
			return false;
	} else {
		p->tag = head >> 2 & 0x0f;
		/* without a length of its own it would be the rest */
		if ((head & 3) == 3)
			size = left(from);
		else if (!take_number(from, (size_t)1 << (head & 3), &size))
			return false;
	}
	return size <= left(from) && take(from, (size_t)size, &p->body);
}

static bool
skip_mpi(struct bytes *from)
{
	struct bytes part;
	uint64_t bits;

	return take_number(from, 2, &bits) && bits > 0 &&
	       bits <= MPI_BITS_MAX &&
	       take(from, (size_t)(bits + 7) / 8, &part);
}

/* Bytes with their number before them. */
static bool
skip_counted(struct bytes *from)
{
	struct bytes part;
	uint64_t size;

	return take_number(from, 1, &size) && take(from, (size_t)size, &part);
}

/*
 * Is the rest of a session key what its algorithm asks for, to the last
 * byte?  What else stood there nobody would ever decrypt.
 */
static bool
is_session_key(struct bytes body)
{
	struct bytes part;
	uint64_t algorithm;

	if (!take_number(&body, 1, &algorithm))
		return false;
	switch (algorithm) {
	case 1: /* RSA */
	case 2:
		return skip_mpi(&body) && left(&body) == 0;
	case 16: /* Elgamal */
		return skip_mpi(&body) && skip_mpi(&body) && left(&body) == 0;
	case 18: /* ECDH */
		return skip_mpi(&body) && skip_counted(&body) &&
		       left(&body) == 0;
	case 25: /* X25519, X448 */
	case 26:
		return take(&body, algorithm == 25 ? 32 : 56, &part) &&
		       skip_counted(&body) && left(&body) == 0;
	}
	return false;
}

static size_t
find_key(const uint64_t *keys, size_t count, uint64_t id)
{
	size_t i;

	for (i = 0; i < count && keys[i] != id; i++)
		;
	return i;
}

/* `seen` remembers for which keys there was a session key already. */
static enum openpgp
check_session_key(
    struct packet p, const uint64_t *keys, size_t count, bool *seen)
{
	uint64_t version, id;
	size_t i;

	if (!take_number(&p.body, 1, &version) || p.partial)
		return OPENPGP_BROKEN;
	if (version != 3)
		return OPENPGP_NEW;
	if (!take_number(&p.body, 8, &id))
		return OPENPGP_BROKEN;
	if (id == 0)
		return OPENPGP_HIDDEN;
	if ((i = find_key(keys, count, id)) == count)
		return OPENPGP_STRANGER;
	if (seen[i] || !is_session_key(p.body))
		return OPENPGP_BROKEN;
	seen[i] = true;
	return OPENPGP_SEALED;
}

/*
 * What was encrypted is as even as dice.  The high half of each byte is
 * counted, window by window: of text, in any script and also in base64 or
 * hexadecimal, it takes a few values only.
 */
struct dice {
	unsigned counts[16];
	unsigned thrown;
	bool loaded;
};

static void
judge(struct dice *d)
{
	double expected = d->thrown / 16.0, chi = 0;

	for (size_t i = 0; i < 16; i++) {
		double off = d->counts[i] - expected;

		chi += off * off / expected;
	}
	if (chi > TOO_UNEVEN)
		d->loaded = true;
	memset(d->counts, 0, sizeof(d->counts));
	d->thrown = 0;
}

static void
throw_dice(struct dice *d, struct bytes b)
{
	for (; b.at < b.end; b.at++) {
		d->counts[*b.at >> 4]++;
		if (++d->thrown == WINDOW)
			judge(d);
	}
}

/*
 * The open head of an encrypted part.  Version 2 goes with session keys of
 * version 6 only (RFC 9580, 10.3.2.1), and none of those is taken.
 */
static enum openpgp
skip_head(struct bytes *body)
{
	uint64_t version;

	if (!take_number(body, 1, &version))
		return OPENPGP_BROKEN;
	return version == 1 ? OPENPGP_SEALED : OPENPGP_NEW;
}

/* The encrypted part with all its pieces; moves `rest` behind it. */
static enum openpgp
check_sealed(struct packet p, struct bytes *rest)
{
	struct dice dice = { .thrown = 0 };
	enum openpgp verdict;
	size_t size;
	uint64_t more;

	if (p.partial && left(&p.body) < FIRST_PART_MIN)
		return OPENPGP_BROKEN;
	if ((verdict = skip_head(&p.body)) != OPENPGP_SEALED)
		return verdict;
	size = left(&p.body);
	throw_dice(&dice, p.body);
	while (p.partial) {
		if (!take_length(rest, &more, &p.partial) ||
		    more > left(rest) || !take(rest, (size_t)more, &p.body))
			return OPENPGP_BROKEN;
		size += left(&p.body);
		throw_dice(&dice, p.body);
	}
	if (size < CLEAR_MIN)
		return OPENPGP_BROKEN;
	if (dice.thrown >= CLEAR_MIN)
		judge(&dice);
	return dice.loaded ? OPENPGP_FORGED : OPENPGP_SEALED;
}

/* What stands where a session key or the encrypted part should. */
static enum openpgp
name_packet(unsigned tag)
{
	switch (tag) {
	case TAG_SKESK:
		return OPENPGP_PASSWORD;
	case TAG_SECRET_KEY:
	case TAG_SECRET_SUBKEY:
		return OPENPGP_SECRET;
	case TAG_PUBLIC_KEY:
		return OPENPGP_KEY;
	case TAG_SIGNATURE:
	case TAG_ONE_PASS:
	case TAG_COMPRESSED:
	case TAG_LITERAL:
		return OPENPGP_READABLE;
	case TAG_SED:
		return OPENPGP_OLD;
	case TAG_AEAD:
		return OPENPGP_NEW;
	}
	return OPENPGP_BROKEN;
}

static enum openpgp
check_packets(
    struct arena *a, struct bytes b, const uint64_t *keys, size_t count)
{
	bool *seen = arena_alloc(a, count + 1);
	bool any = false;
	struct packet p;
	enum openpgp verdict;

	for (;;) {
		if (!take_packet(&b, &p))
			return OPENPGP_BROKEN;
		if (p.tag != TAG_PKESK)
			break;
		verdict = check_session_key(p, keys, count, seen);
		if (verdict != OPENPGP_SEALED)
			return verdict;
		any = true;
	}
	if (p.tag != TAG_SEIPD)
		return name_packet(p.tag);
	/* for nobody: the key is known to who has the message */
	if (!any)
		return OPENPGP_HIDDEN;
	if ((verdict = check_sealed(p, &b)) != OPENPGP_SEALED)
		return verdict;
	return left(&b) == 0 ? OPENPGP_SEALED : OPENPGP_SEVERAL;
}

/* Armour. */

/* The next line, without its end and the blanks before it. */
static bool
take_line(struct bytes *from, struct bytes *line)
{
	const unsigned char *stop;

	if (left(from) == 0)
		return false;
	stop = memchr(from->at, '\n', left(from));
	line->at = from->at;
	line->end = stop != NULL ? stop : from->end;
	from->at = stop != NULL ? stop + 1 : from->end;
	while (line->end > line->at &&
	       (line->end[-1] == ' ' || line->end[-1] == '\t' ||
		   line->end[-1] == '\r'))
		line->end--;
	return true;
}

static bool
begins(const struct bytes *line, const char *with)
{
	return left(line) >= strlen(with) &&
	       memcmp(line->at, with, strlen(with)) == 0;
}

static bool
is_line(const struct bytes *line, const char *text)
{
	return left(line) == strlen(text) && begins(line, text);
}

/* The value of a digit of base64, -1 for what is none. */
static int
digit_value(unsigned char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == '+' || c == '/')
		return c == '+' ? 62 : 63;
	return -1;
}

/* base64 on its way: three bytes out of four digits. */
struct radix {
	unsigned char *to;
	uint32_t bits;
	int digits; /* of the group at hand */
	int pads;
};

/* False for what is no base64, and for digits behind the padding. */
static bool
read_digits(struct radix *x, const struct bytes *line)
{
	for (const unsigned char *c = line->at; c < line->end; c++) {
		int value = digit_value(*c);

		if (*c == '=' && x->digits >= 2)
			value = 0, x->pads++;
		else if (value < 0 || x->pads > 0)
			return false;
		x->bits = x->bits << 6 | (uint32_t)value;
		if (++x->digits < 4)
			continue;
		*x->to++ = (unsigned char)(x->bits >> 16);
		*x->to++ = (unsigned char)(x->bits >> 8);
		*x->to++ = (unsigned char)x->bits;
		x->to -= x->pads;
		x->digits = 0;
	}
	return x->pads <= 2;
}

/* Nothing of a group may be left over. */
static bool
is_whole(const struct radix *x)
{
	return x->digits == 0;
}

static void
checksum(unsigned char sum[3], const unsigned char *data, size_t size)
{
	gcry_md_hash_buffer(GCRY_MD_CRC24_RFC2440, sum, data, size);
}

/* "=" and four digits; it may be missing (RFC 9580, 6.1). */
static bool
is_checksum(struct bytes line, const unsigned char *data, size_t size)
{
	unsigned char sum[3], said[3];
	struct radix x = { .to = said };

	line.at++;
	if (left(&line) != 4 || !read_digits(&x, &line) || x.pads > 0)
		return false;
	checksum(sum, data, size);
	return memcmp(sum, said, 3) == 0;
}

/* The kinds of blocks that are refused by their first line. */
static enum openpgp
name_block(const struct bytes *line)
{
	if (begins(line, BEGIN "PRIVATE KEY BLOCK"))
		return OPENPGP_SECRET;
	if (begins(line, BEGIN "PUBLIC KEY BLOCK"))
		return OPENPGP_KEY;
	if (begins(line, BEGIN "SIGN"))
		return OPENPGP_READABLE;
	return OPENPGP_BROKEN;
}

/* The lines of a block up to its end: head, base64, checksum. */
static bool
read_block(struct bytes *text, struct bytes *packets)
{
	/* what comes out is shorter than what goes in */
	unsigned char *start = (unsigned char *)packets->at;
	struct radix x = { .to = start };
	bool summed = false;
	struct bytes line;

	while (take_line(text, &line)) {
		if (is_line(&line, END "MESSAGE-----")) {
			packets->end = x.to;
			return is_whole(&x);
		}
		if (left(&line) == 0)
			continue;
		if (x.to == start && x.digits == 0 &&
		    memchr(line.at, ':', left(&line)) != NULL)
			continue;
		if (summed)
			return false;
		if (*line.at == '=' && is_whole(&x)) {
			if (!is_checksum(line, start, (size_t)(x.to - start)))
				return false;
			summed = true;
		} else if (!read_digits(&x, &line))
			return false;
	}
	return false;
}

static enum openpgp
dearmor(struct arena *a, struct bytes text, struct bytes *packets)
{
	struct bytes line;

	do {
		if (!take_line(&text, &line))
			return OPENPGP_NOTHING;
	} while (!begins(&line, BEGIN));
	if (!is_line(&line, BEGIN "MESSAGE-----"))
		return name_block(&line);
	packets->at = arena_alloc(a, left(&text) / 4 * 3 + 4);
	if (!read_block(&text, packets))
		return OPENPGP_BROKEN;
	while (take_line(&text, &line))
		if (begins(&line, BEGIN))
			return OPENPGP_SEVERAL;
	return OPENPGP_SEALED;
}

/* A packet begins with a byte that is no letter of English. */
static bool
is_binary(const struct bytes *b)
{
	return left(b) > 0 && (*b->at & 0x80) != 0 &&
	       !form_utf8((const char *)b->at, left(b));
}

enum openpgp
openpgp_check(struct arena *a, const void *data, size_t size,
    const uint64_t *keys, size_t count, const unsigned char **packets,
    size_t *length)
{
	struct bytes found = { data, (const unsigned char *)data + size };
	enum openpgp verdict = OPENPGP_SEALED;

	if (!is_binary(&found))
		verdict = dearmor(a, found, &found);
	if (verdict == OPENPGP_SEALED)
		verdict = check_packets(a, found, keys, count);
	if (verdict != OPENPGP_SEALED)
		return verdict;
	*packets = found.at;
	*length = left(&found);
	return OPENPGP_SEALED;
}

const char *
openpgp_words(enum openpgp verdict)
{
	static const char *const words[] = {
		[OPENPGP_SEALED] = NULL,
		[OPENPGP_NOTHING] =
		    "This was not encrypted, so we threw it away unread and "
		    "kept no copy. Encrypt it on your computer first, then "
		    "put the whole block here, from -----BEGIN PGP MESSAGE----- "
		    "to -----END PGP MESSAGE-----",
		[OPENPGP_BROKEN] =
		    "This OpenPGP message is damaged, or a part of it is "
		    "missing. Copy it again, from -----BEGIN PGP MESSAGE----- to "
		    "-----END PGP MESSAGE-----, with all lines between them",
		[OPENPGP_SEVERAL] =
		    "This is more than one message. Put one of them here and "
		    "send the others as files or in your next message",
		[OPENPGP_SECRET] =
		    "This is a secret key, and we kept no copy of it. It has "
		    "travelled now: replace it by a new one. What we take is a "
		    "message that you have encrypted with our public key",
		[OPENPGP_KEY] =
		    "This is a public key, not a message. Encrypt your text with "
		    "our key, then put the result here",
		[OPENPGP_READABLE] =
		    "This is signed or packed, but not encrypted: anybody could "
		    "read it, so we kept no copy. Add --encrypt to your command",
		[OPENPGP_PASSWORD] =
		    "This can be opened with a password, which we would have to "
		    "know. Encrypt it with our key alone, without --symmetric",
		[OPENPGP_STRANGER] =
		    "This is encrypted for another key as well as ours, or not "
		    "for ours at all. Name our key as the only recipient; if you "
		    "always encrypt to yourself too, add --no-encrypt-to",
		[OPENPGP_HIDDEN] =
		    "This does not say for which key it is, so we cannot tell "
		    "whether we could open it. Encrypt it again without "
		    "--throw-keyids and --hidden-recipient",
		[OPENPGP_OLD] =
		    "This is encrypted in an old way that lets others change it. "
		    "Please encrypt it again with a current program",
		[OPENPGP_NEW] =
		    "This is encrypted in a way that we cannot open everywhere "
		    "yet. With GnuPG, add --rfc4880 to your command",
		[OPENPGP_FORGED] =
		    "This says that it is encrypted, but what is in it reads "
		    "like text, so we threw it away and kept no copy. Please "
		    "encrypt it again",
	};

	return words[verdict];
}

/* Out. */

static char *
put_digits(char *to, const unsigned char *from, size_t size)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghij"
				     "klmnopqrstuvwxyz0123456789+/";
	uint32_t bits = (uint32_t)from[0] << 16;

	if (size > 1)
		bits |= (uint32_t)from[1] << 8;
	if (size > 2)
		bits |= from[2];
	to[0] = digits[bits >> 18];
	to[1] = digits[bits >> 12 & 63];
	to[2] = size > 1 ? digits[bits >> 6 & 63] : '=';
	to[3] = size > 2 ? digits[bits & 63] : '=';
	return to + 4;
}

char *
openpgp_armor(
    struct arena *a, const char *block, const void *packets, size_t size)
{
	const unsigned char *from = packets;
	size_t digits = (size + 2) / 3 * 4, i;
	char *text = arena_alloc(a, digits + digits / LINE + 2), *to = text;
	unsigned char sum[3];
	char check[5] = "";

	for (i = 0; i < size; i += 3) {
		to = put_digits(to, from + i, size - i);
		if ((i + 3) % (LINE / 4 * 3) == 0 && i + 3 < size)
			*to++ = '\n';
	}
	checksum(sum, from, size);
	put_digits(check, sum, 3);
	return arena_printf(a, BEGIN "%s-----\n\n%s\n=%s\n" END "%s-----\n",
	    block, text, check, block);
}
