/*
 * What gpg makes of a text, in every way that it has: what nobody but the
 * owner of our keys can read is taken, all else is told by its name.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "arena.h"
#include "openpgp.h"

#define KEYS 2

struct corpus {
	struct arena *arena;
	char *dir;
	uint64_t keys[KEYS];
	const unsigned char *packets; /* of what was checked last */
	size_t length;
};

static char corpus_dir[] = "/tmp/nightdesk-corpus.XXXXXX";

static int
make_corpus(void **state)
{
	static struct corpus corpus;
	char line[32], *command;
	FILE *ids;

	corpus.arena = arena_new(64 * 1024);
	corpus.dir = mkdtemp(corpus_dir);
	assert_non_null(corpus.dir);
	command = arena_printf(
	    corpus.arena, "tests/lib/openpgp-corpus %s", corpus.dir);
	assert_int_equal(system(command), 0);
	ids = fopen(arena_printf(corpus.arena, "%s/key-ids", corpus.dir), "r");
	assert_non_null(ids);
	for (size_t i = 0; i < KEYS; i++) {
		assert_non_null(fgets(line, sizeof(line), ids));
		corpus.keys[i] = strtoull(line, NULL, 16);
		assert_true(corpus.keys[i] != 0);
	}
	fclose(ids);
	*state = &corpus;
	return 0;
}

static int
remove_corpus(void **state)
{
	struct corpus *c = *state;
	char *command = arena_printf(c->arena, "rm -r %s", c->dir);

	assert_int_equal(system(command), 0);
	arena_free(c->arena);
	return 0;
}

static unsigned char *
read_file(struct corpus *c, const char *name, size_t *size)
{
	FILE *file = fopen(arena_printf(c->arena, "%s/%s", c->dir, name), "rb");
	unsigned char *data = arena_alloc(c->arena, 512 * 1024);

	assert_non_null(file);
	*size = fread(data, 1, 512 * 1024, file);
	fclose(file);
	assert_true(*size > 0);
	return data;
}

static enum openpgp
check(struct corpus *c, const void *data, size_t size)
{
	c->packets = NULL;
	c->length = 0;
	return openpgp_check(
	    c->arena, data, size, c->keys, KEYS, &c->packets, &c->length);
}

static enum openpgp
check_file(struct corpus *c, const char *name)
{
	size_t size;
	const unsigned char *data = read_file(c, name, &size);

	return check(c, data, size);
}

static enum openpgp
check_text(struct corpus *c, const char *text)
{
	return check(c, text, strlen(text));
}

static bool
contains(const unsigned char *data, size_t size, const char *word)
{
	size_t n = strlen(word);

	for (size_t i = 0; i + n <= size; i++)
		if (memcmp(data + i, word, n) == 0)
			return true;
	return false;
}

static void
what_is_sealed_for_our_keys_is_taken(void **state)
{
	static const char *const names[] = { "armoured", "binary", "rsa",
		"both", "commented", "signed-inside", "large", "large-armoured",
		"piped", "unsummed", "surrounded", "mailed" };

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (check_file(*state, names[i]) != OPENPGP_SEALED)
			fail_msg("%s is refused", names[i]);
}

static void
everything_else_is_refused_by_its_name(void **state)
{
	static const struct {
		const char *name;
		enum openpgp verdict;
	} all[] = {
		{ "text", OPENPGP_NOTHING },
		{ "stranger", OPENPGP_STRANGER },
		{ "stranger-too", OPENPGP_STRANGER },
		{ "hidden", OPENPGP_HIDDEN },
		{ "hidden-too", OPENPGP_HIDDEN },
		{ "password", OPENPGP_PASSWORD },
		{ "password-too", OPENPGP_PASSWORD },
		{ "stored", OPENPGP_READABLE },
		{ "compressed", OPENPGP_READABLE },
		{ "literal", OPENPGP_READABLE },
		{ "signed", OPENPGP_READABLE },
		{ "clear-signed", OPENPGP_READABLE },
		{ "signature", OPENPGP_READABLE },
		{ "public", OPENPGP_KEY },
		{ "public-binary", OPENPGP_KEY },
		{ "secret", OPENPGP_SECRET },
		{ "secret-binary", OPENPGP_SECRET },
		{ "old", OPENPGP_OLD },
		{ "appended", OPENPGP_SEVERAL },
		{ "prepended", OPENPGP_READABLE },
		{ "twice", OPENPGP_SEVERAL },
		{ "two-blocks", OPENPGP_SEVERAL },
		{ "and-stored", OPENPGP_SEVERAL },
		{ "cut", OPENPGP_BROKEN },
		{ "line-lost", OPENPGP_BROKEN },
	};
	struct corpus *c = *state;

	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
		enum openpgp verdict = check_file(c, all[i].name);

		if (verdict != all[i].verdict)
			fail_msg("%s: %d and not %d", all[i].name, verdict,
			    all[i].verdict);
		assert_null(c->packets);
		assert_non_null(openpgp_words(verdict));
	}
	assert_null(openpgp_words(OPENPGP_SEALED));
}

static void
a_key_that_is_no_longer_ours_is_a_stranger(void **state)
{
	struct corpus *c = *state;
	size_t size;
	const unsigned char *data = read_file(c, "both", &size);

	assert_int_equal(openpgp_check(c->arena, data, size, c->keys, 1,
			     &c->packets, &c->length),
	    OPENPGP_STRANGER);
	assert_int_equal(openpgp_check(c->arena, data, size, NULL, 0,
			     &c->packets, &c->length),
	    OPENPGP_STRANGER);
}

static void
only_packets_are_left(void **state)
{
	static const char *const names[] = { "commented", "surrounded",
		"mailed", "unsummed" };
	struct corpus *c = *state;
	size_t size;
	const unsigned char *data;

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		assert_int_equal(check_file(c, names[i]), OPENPGP_SEALED);
		assert_false(contains(c->packets, c->length, "SWORDFISH"));
		assert_int_equal(c->packets[0] & 0x80, 0x80);
	}
	data = read_file(c, "binary", &size);
	assert_int_equal(check(c, data, size), OPENPGP_SEALED);
	assert_int_equal(c->length, size);
	assert_memory_equal(c->packets, data, size);
}

static void
armour_comes_out_as_gpg_writes_it(void **state)
{
	static const char *const names[] = { "armoured", "large-armoured",
		"rsa", "both" };
	struct corpus *c = *state;

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		size_t size;
		const char *text = (const char *)read_file(c, names[i], &size);

		assert_int_equal(check(c, text, size), OPENPGP_SEALED);
		assert_string_equal(
		    openpgp_armor(c->arena, "MESSAGE", c->packets, c->length),
		    text);
	}
}

static void
every_byte_counts(void **state)
{
	struct corpus *c = *state;
	size_t size;
	unsigned char *data = read_file(c, "binary", &size);

	/* cut anywhere it is no message, and never read beyond the end */
	for (size_t n = 0; n < size; n++) {
		unsigned char *part = malloc(n + 1);
		enum openpgp verdict;

		memcpy(part, data, n);
		verdict = check(c, part, n);
		free(part);
		if (verdict == OPENPGP_SEALED)
			fail_msg("%zu of %zu bytes are taken", n, size);
	}
	/* one byte more in a session key could be anything */
	data = read_file(c, "binary", &size);
	memmove(data + data[1] + 3, data + data[1] + 2, size - data[1] - 2);
	data[data[1] + 2] = 'x';
	data[1]++;
	assert_int_equal(check(c, data, size + 1), OPENPGP_BROKEN);
}

/* A session key of "binary", then an encrypted part that is a lie. */
static enum openpgp
forge(struct corpus *c, const char *body, size_t body_size)
{
	size_t size;
	unsigned char *data = read_file(c, "binary", &size);
	size_t at = 2 + (size_t)data[1];

	assert_true((data[0] & 0x40) == 0 && (data[0] & 3) == 0);
	data[at] = 0xc0 | 18;
	data[at + 1] = 255;
	data[at + 2] = 0;
	data[at + 3] = (unsigned char)((body_size + 1) >> 16);
	data[at + 4] = (unsigned char)((body_size + 1) >> 8);
	data[at + 5] = (unsigned char)(body_size + 1);
	data[at + 6] = 1;
	memcpy(data + at + 7, body, body_size);
	return check(c, data, at + 7 + body_size);
}

static void
a_body_that_reads_like_text_is_refused(void **state)
{
	static const char *const texts[] = {
		"The password of the database is swordfish, really.",
		"VGhlIHBhc3N3b3JkIG9mIHRoZSBkYXRhYmFzZSBpcyBzd29yZGZpc2g="
		"VGhlIHBhc3N3b3JkIG9mIHRoZSBkYXRhYmFzZSBpcyBzd29yZGZpc2g=",
		"54686520706173737764206f662074686520646174616261736520697320",
		"\xd0\x9f\xd0\xb0\xd1\x80\xd0\xbe\xd0\xbb\xd1\x8c \xd0\xbe\xd1"
		"\x82 \xd0\xb1\xd0\xb0\xd0\xb7\xd1\x8b \xd0\xb4\xd0\xb0\xd0\xbd"
		"\xd0\xbd\xd1\x8b\xd1\x85 \xd1\x80\xd1\x8b\xd0\xb1\xd0\xb0-"
		"\xd0\xbc\xd0\xb5\xd1\x87",
		"{\"user\": \"root\", \"password\": \"swordfish\", \"n\": 42}\n",
	};
	struct corpus *c = *state;
	size_t size;
	unsigned char *noise = read_file(c, "large-text", &size);

	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		if (forge(c, texts[i], strlen(texts[i])) != OPENPGP_FORGED)
			fail_msg("text %zu is taken", i);
	/* also when most of it is noise */
	assert_int_equal(forge(c, (const char *)noise, 100000), OPENPGP_SEALED);
	for (size_t i = 0; i < 2048; i++)
		noise[50000 + i] = (unsigned char)texts[0][i % 50];
	assert_int_equal(forge(c, (const char *)noise, 100000), OPENPGP_FORGED);
	assert_int_equal(forge(c, "", 0), OPENPGP_BROKEN);
}

static void
noise_is_never_taken_for_text(void **state)
{
	struct corpus *c = *state;
	size_t size;
	const char *noise = (const char *)read_file(c, "large-text", &size);

	for (size_t n = 40; n < 1200; n++)
		if (forge(c, noise + n * 100, n) != OPENPGP_SEALED)
			fail_msg("%zu bytes are refused", n);
}

static void
what_is_no_message_has_no_name(void **state)
{
	static const char *const texts[] = { "", "\n\n", "Hello",
		"my password is swordfish",
		"\xd0\x9f\xd0\xb0\xd1\x80\xd0\xbe\xd0\xbb\xd1\x8c",
		"-----BEGIN RSA PRIVATE KEY-----\nAAAA\n",
		"see -----BEGIN PGP MESSAGE-----" };
	static const char *const broken[] = { "-----BEGIN PGP MESSAGE-----",
		"-----BEGIN PGP MESSAGE-----\n\nswordfish",
		"-----BEGIN PGP MESSAGE-----\n\n-----END PGP MESSAGE-----\n",
		"-----BEGIN PGP MESSAGE-----\n\nhQ=\n-----END PGP MESSAGE-----\n",
		"-----BEGIN PGP MESSAGE-----\n\nA===\n-----END PGP MESSAGE-----",
		"-----BEGIN PGP MESSAGE-----\n\n!\n-----END PGP MESSAGE-----",
		"-----BEGIN PGP MESSAGE, PART 1/2-----\n", "\x84", "\x85\x01",
		"\xc1\xff\xff\xff\xff\xff", "\xd2\xff" };

	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		assert_int_equal(check_text(*state, texts[i]), OPENPGP_NOTHING);
	for (size_t i = 0; i < sizeof(broken) / sizeof(*broken); i++)
		assert_int_equal(check_text(*state, broken[i]), OPENPGP_BROKEN);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_sealed_for_our_keys_is_taken),
		cmocka_unit_test(everything_else_is_refused_by_its_name),
		cmocka_unit_test(a_key_that_is_no_longer_ours_is_a_stranger),
		cmocka_unit_test(only_packets_are_left),
		cmocka_unit_test(armour_comes_out_as_gpg_writes_it),
		cmocka_unit_test(every_byte_counts),
		cmocka_unit_test(a_body_that_reads_like_text_is_refused),
		cmocka_unit_test(noise_is_never_taken_for_text),
		cmocka_unit_test(what_is_no_message_has_no_name),
	};

	return cmocka_run_group_tests_name(
	    "openpgp", tests, make_corpus, remove_corpus);
}
