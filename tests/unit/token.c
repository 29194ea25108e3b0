#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "arena.h"
#include "conf.h"
#include "token.h"

#define OLD_KEY                                                                \
	"01:000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
#define NEW_KEY                                                                \
	"a2:ff0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1EFF"

static struct arena *arena;

/* Write a keyring of this text and return its name, which lives on. */
static const char *
written(const char *text)
{
	static char file[64];
	int fd;

	snprintf(file, sizeof(file), "/tmp/nightdesk-keyring.XXXXXX");
	assert_true((fd = mkstemp(file)) >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
	return file;
}

static void
start(const char *text)
{
	struct conf conf = { .keyring = written(text) };

	token_start(&conf);
	unlink(conf.keyring);
}

/* Does a program end, and with status 1, that is given this keyring? */
static bool
refused(const char *text)
{
	struct conf conf = { .keyring = written(text) };
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		if (freopen("/dev/null", "w", stderr) == NULL)
			_exit(3);
		token_start(&conf);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	unlink(conf.keyring);
	return WIFEXITED(status) && WEXITSTATUS(status) == 1;
}

static int
set_up(void **state)
{
	(void)state;
	arena = arena_new(4096);
	start(OLD_KEY "\n");
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	arena_free(arena);
	return 0;
}

static void
every_length_survives_the_round_trip(void **state)
{
	unsigned char data[40], back[40];
	size_t size, i;

	(void)state;
	for (i = 0; i < sizeof(data); i++)
		data[i] = (unsigned char)(i * 37 + 200);
	for (size = 0; size <= sizeof(data); size++) {
		const char *text = token_encode(arena, data, size);

		assert_int_equal(strlen(text), (size * 8 + 5) / 6);
		assert_true(token_decode(back, size, text));
		assert_memory_equal(back, data, size);
	}
}

static void
base64url_is_that_of_rfc_4648(void **state)
{
	(void)state;
	assert_string_equal(token_encode(arena, "", 0), "");
	assert_string_equal(token_encode(arena, "f", 1), "Zg");
	assert_string_equal(token_encode(arena, "fo", 2), "Zm8");
	assert_string_equal(token_encode(arena, "foo", 3), "Zm9v");
	assert_string_equal(token_encode(arena, "foobar", 6), "Zm9vYmFy");
	assert_string_equal(token_encode(arena, "\xff\xef\xbe", 3), "_---");
}

static void
only_the_one_right_spelling_is_decoded(void **state)
{
	static const char *const wrong[] = { "", "Zm9", "Zm9vYg", "Zm9vYmFy",
		"Zm9=", "Zm9 ", " Zm9v", "Zm9v\n", "Zm+v", "Zm/v",
		"Zm\xc3\xa4" };
	unsigned char to[3];
	size_t i;

	(void)state;
	assert_true(token_decode(to, 3, "Zm9v"));
	for (i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
		assert_false(token_decode(to, 3, wrong[i]));
	assert_true(token_decode(to, 1, "Zg"));
	assert_false(token_decode(to, 1, "Zh")); /* a bit too many */
	assert_false(token_decode(to, 1, "Z"));
	assert_false(token_decode(to, 0, "A"));
}

static void
random_tokens_differ(void **state)
{
	const char *a = token_random(arena, 16), *b = token_random(arena, 16);

	(void)state;
	assert_int_equal(strlen(a), 22);
	assert_string_not_equal(a, b);
	assert_int_equal(strlen(token_random(arena, 32)), 43);
}

static void
a_mac_covers_purpose_and_data(void **state)
{
	unsigned char mac[1 + TOKEN_MAC];
	size_t i;

	(void)state;
	token_sign(mac, "form", "data", 4);
	assert_int_equal(mac[0], 1);
	assert_true(token_verify(mac, "form", "data", 4));
	assert_false(token_verify(mac, "form", "date", 4));
	assert_false(token_verify(mac, "form", "dat", 3));
	assert_false(token_verify(mac, "forms", "data", 4));
	assert_false(token_verify(mac, "for", "mdata", 5));
	for (i = 0; i < sizeof(mac); i++) {
		mac[i] ^= 1;
		assert_false(token_verify(mac, "form", "data", 4));
		mac[i] ^= 1;
	}
}

static void
the_border_of_purpose_and_data_does_not_move(void **state)
{
	unsigned char mac[1 + TOKEN_MAC];

	(void)state;
	token_sign(mac, "a", "b\0c", 3);
	assert_false(token_verify(mac, "a\0b", "c", 1));
	assert_false(token_verify(mac, "ab", "c", 1));
}

static void
the_last_key_signs_and_all_of_them_verify(void **state)
{
	unsigned char mac[1 + TOKEN_MAC];

	(void)state;
	token_sign(mac, "form", "data", 4);
	start(OLD_KEY "\n" NEW_KEY "\n");
	assert_true(token_verify(mac, "form", "data", 4));
	token_sign(mac, "form", "data", 4);
	assert_int_equal(mac[0], 0xa2);
	assert_true(token_verify(mac, "form", "data", 4));
	start(OLD_KEY);
	assert_false(token_verify(mac, "form", "data", 4));
}

static void
a_keyring_that_is_none_ends_the_program(void **state)
{
	(void)state;
	assert_false(refused(OLD_KEY "\n" NEW_KEY));
	assert_true(refused(""));
	assert_true(refused("\n"));
	assert_true(refused("01:00\n"));
	assert_true(refused(OLD_KEY "00\n"));
	assert_true(refused(OLD_KEY "\n\n"));
	assert_true(refused("x" OLD_KEY));
	assert_true(refused("0g" NEW_KEY));
	assert_true(refused(OLD_KEY "\nnonsense\n"));
}

static void
sha256_is_that_of_fips_180(void **state)
{
	(void)state;
	assert_string_equal(token_sha256(arena, "abc", 3),
	    "ba7816bf8f01cfea414140de5dae2223"
	    "b00361a396177a9cb410ff61f20015ad");
}

/* printf 'link\0' | openssl dgst -sha256 -hmac Jefe */
static void
a_derived_key_is_hmac_sha256_of_the_purpose(void **state)
{
	static const unsigned char expected[] =
	    "\xf0\xab\x95\xe9\x46\x3b\x8a\xe5\x12\xea\xba\x0c\xdc\xf6\x48"
	    "\x94\xce\xd0\xf8\x0d\x18\x92\x73\x15\x6e\x86\x44\x50\x6a\x44"
	    "\xa2\x7b";
	unsigned char out[32];

	(void)state;
	token_derive(out, "Jefe", 4, "link");
	assert_memory_equal(out, expected, 32);
}

/* From the test file of the reference implementation, version 19. */
static void
argon2id_is_that_of_the_reference(void **state)
{
	static const struct {
		unsigned memory, passes;
		const unsigned char tag[32];
	} vectors[] = {
		{ 65536, 2,
		    "\x09\x31\x61\x15\xd5\xcf\x24\xed\x5a\x15\xa3\x1a\x3b\xa3"
		    "\x26\xe5\xcf\x32\xed\xc2\x47\x02\x98\x7c\x02\xb6\x56\x6f"
		    "\x61\x91\x3c\xf7" },
		{ 256, 2,
		    "\x9d\xfe\xb9\x10\xe8\x0b\xad\x03\x11\xfe\xe2\x0f\x9c\x0e"
		    "\x2b\x12\xc1\x79\x87\xb4\xca\xc9\x0c\x2e\xf5\x4d\x5b\x30"
		    "\x21\xc6\x8b\xfe" },
	};
	const char *salt = "736f6d6573616c74"; /* "somesalt" */
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(vectors) / sizeof(*vectors); i++)
		assert_string_equal(token_password(arena, "password", salt,
					vectors[i].memory, vectors[i].passes),
		    token_sha256(arena, vectors[i].tag, 32));
}

static void
passwords_of_any_kind_have_their_own_tags(void **state)
{
	const char *salt = "000102030405060708090a0b0c0d0e0f";
	const char *a = token_password(arena, "a", salt, 64, 1);
	char *large = arena_alloc(arena, 1000001);

	(void)state;
	memset(large, 'x', 1000000);
	assert_null(token_password(arena, "", salt, 64, 1));
	assert_int_equal(strlen(a), 64);
	assert_string_equal(a, token_password(arena, "a", salt, 64, 1));
	assert_string_not_equal(a, token_password(arena, "b", salt, 64, 1));
	assert_string_not_equal(
	    a, token_password(
		   arena, "a", "100102030405060708090a0b0c0d0e0f", 64, 1));
	assert_string_not_equal(a, token_password(arena, large, salt, 64, 1));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(every_length_survives_the_round_trip),
		TEST(base64url_is_that_of_rfc_4648),
		TEST(only_the_one_right_spelling_is_decoded),
		TEST(random_tokens_differ),
		TEST(a_mac_covers_purpose_and_data),
		TEST(the_border_of_purpose_and_data_does_not_move),
		TEST(the_last_key_signs_and_all_of_them_verify),
		TEST(a_keyring_that_is_none_ends_the_program),
		TEST(sha256_is_that_of_fips_180),
		TEST(a_derived_key_is_hmac_sha256_of_the_purpose),
		TEST(argon2id_is_that_of_the_reference),
		TEST(passwords_of_any_kind_have_their_own_tags),
	};

	return cmocka_run_group_tests_name("token", tests, NULL, NULL);
}
