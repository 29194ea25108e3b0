#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "arena.h"
#include "qr.h"
#include "seal.h"
#include "token.h"
#include "totp.h"

static struct arena *arena;

/* RFC 6238, appendix B. */
static const unsigned char *const seed =
    (const unsigned char *)"12345678901234567890";

static void
codes_are_those_of_the_rfc(void **state)
{
	static const struct {
		long long seconds;
		const char *code;
	} known[] = { { 59, "94287082" }, { 1111111109, "07081804" },
		{ 1111111111, "14050471" }, { 1234567890, "89005924" },
		{ 2000000000, "69279037" }, { 20000000000, "65353130" } };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(known) / sizeof(*known); i++)
		assert_string_equal(
		    totp_code(arena, seed, known[i].seconds / 30, 8),
		    known[i].code);
}

static long long
typed(const char *code, long long now, long long last)
{
	return totp_step(arena, seed, code, now, last);
}

static void
a_code_is_good_for_a_step_before_and_after(void **state)
{
	const char *code = totp_code(arena, seed, 1000, TOTP_DIGITS);

	(void)state;
	assert_int_equal(typed(code, 1000, 0), 1000);
	assert_int_equal(typed(code, 999, 0), 1000);
	assert_int_equal(typed(code, 1001, 0), 1000);
	assert_int_equal(typed(code, 998, 0), 0);
	assert_int_equal(typed(code, 1002, 0), 0);
}

static void
a_step_that_was_taken_and_those_before_are_not_taken_again(void **state)
{
	const char *code = totp_code(arena, seed, 1000, TOTP_DIGITS);

	(void)state;
	assert_int_equal(typed(code, 1000, 999), 1000);
	assert_int_equal(typed(code, 1000, 1000), 0);
	assert_int_equal(typed(code, 1000, 1001), 0);
}

static void
only_six_digits_are_a_code(void **state)
{
	const char *code = totp_code(arena, seed, 1000, TOTP_DIGITS);

	(void)state;
	assert_int_equal(
	    typed(arena_printf(arena, " %.3s-%s ", code, code + 3), 1000, 0),
	    1000);
	assert_int_equal(typed("", 1000, 0), 0);
	assert_int_equal(typed(code + 1, 1000, 0), 0);
	assert_int_equal(typed(arena_printf(arena, "%s0", code), 1000, 0), 0);
	assert_int_equal(typed(arena_printf(arena, "%sx", code), 1000, 0), 0);
	assert_int_equal(typed("abcdef", 1000, 0), 0);
}

static void
base32_is_that_of_the_rfc(void **state)
{
	(void)state;
	assert_string_equal(totp_base32(arena, "", 0), "");
	assert_string_equal(totp_base32(arena, "f", 1), "MY");
	assert_string_equal(totp_base32(arena, "foobar", 6), "MZXW6YTBOI");
	assert_string_equal(totp_base32(arena, seed, TOTP_SEED),
	    "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
}

static void
an_app_reads_whose_it_is(void **state)
{
	(void)state;
	assert_string_equal(totp_address(arena, seed,
				"N\xc3\xa4"
				"chte & Co",
				"ann.b"),
	    "otpauth://totp/N%C3%A4chte%20%26%20Co:ann.b"
	    "?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
	    "&issuer=N%C3%A4chte%20%26%20Co");
}

static void
a_recovery_code_is_known_however_it_is_typed(void **state)
{
	const char *code = totp_recovery(arena);
	const char *hash = totp_recovery_hash(arena, code);

	(void)state;
	assert_int_equal(strlen(code), 19);
	assert_non_null(hash);
	assert_string_not_equal(code, totp_recovery(arena));
	assert_string_equal(totp_recovery_hash(arena, "ABCD efgh-ijkl mnop "),
	    totp_recovery_hash(arena, "abcdefghijklmnop"));
	assert_null(totp_recovery_hash(arena, "abcdefghijklmno"));
	assert_null(totp_recovery_hash(arena, "abcdefghijklmnopq"));
	assert_null(totp_recovery_hash(arena, "abcdefghijklmno1"));
	assert_null(totp_recovery_hash(arena, ""));
}

static void
a_qr_code_has_its_size_and_its_corners(void **state)
{
	const struct qr_run *run = qr_runs(arena, "otpauth://totp/x");
	char *long_text = arena_alloc(arena, 400);
	int dark = 0;

	(void)state;
	assert_non_null(run);
	assert_true(run->x == 4 && run->y == 4 && run->width == 7);
	for (; run->width > 0; run++) {
		assert_true(run->x >= 4 && run->x + run->width <= 65);
		assert_true(run->y >= 4 && run->y < 65);
		dark += run->width;
	}
	assert_in_range(dark, 61 * 61 * 35 / 100, 61 * 61 * 65 / 100);
	memset(long_text, 'x', 399);
	assert_null(qr_runs(arena, long_text));
}

static void
read_keys(const char *text)
{
	char file[] = "/tmp/nightdesk-seal.XXXXXX";
	int fd = mkstemp(file);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
	seal_start(file);
	unlink(file);
}

#define OLD                                                                    \
	"01:000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n"
#define NEW                                                                    \
	"02:ff0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n"

static void
what_is_sealed_opens_with_its_key_and_purpose_alone(void **state)
{
	unsigned char out[TOTP_SEED];
	const char *old, *new;
	char *bent;
	size_t i;

	(void)state;
	read_keys(OLD);
	old = seal(arena, "app 1", seed, TOTP_SEED);
	assert_int_equal(strlen(old), 2 * (TOTP_SEED + SEAL_EXTRA));
	assert_string_not_equal(old, seal(arena, "app 1", seed, TOTP_SEED));
	assert_null(strstr(old, token_hex(arena, seed, TOTP_SEED)));
	assert_true(seal_open(out, TOTP_SEED, "app 1", old));
	assert_memory_equal(out, seed, TOTP_SEED);
	assert_false(seal_open(out, TOTP_SEED, "app 2", old));
	assert_false(seal_open(out, TOTP_SEED - 1, "app 1", old));
	assert_false(seal_open(out, TOTP_SEED, "app 1", ""));
	for (i = 0; i < strlen(old); i += 7) {
		bent = arena_copy(arena, old);
		bent[i] = bent[i] == '0' ? '1' : '0';
		assert_false(seal_open(out, TOTP_SEED, "app 1", bent));
	}
	read_keys(OLD NEW);
	new = seal(arena, "app 1", seed, TOTP_SEED);
	assert_true(seal_open(out, TOTP_SEED, "app 1", old));
	assert_true(seal_open(out, TOTP_SEED, "app 1", new));
	read_keys(NEW);
	assert_false(seal_open(out, TOTP_SEED, "app 1", old));
	assert_true(seal_open(out, TOTP_SEED, "app 1", new));
}

static int
set_up(void **state)
{
	(void)state;
	token_start(NULL);
	arena = arena_new(64 * 1024);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	arena_free(arena);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(codes_are_those_of_the_rfc),
		cmocka_unit_test(a_code_is_good_for_a_step_before_and_after),
		cmocka_unit_test(
		    a_step_that_was_taken_and_those_before_are_not_taken_again),
		cmocka_unit_test(only_six_digits_are_a_code),
		cmocka_unit_test(base32_is_that_of_the_rfc),
		cmocka_unit_test(an_app_reads_whose_it_is),
		cmocka_unit_test(a_recovery_code_is_known_however_it_is_typed),
		cmocka_unit_test(a_qr_code_has_its_size_and_its_corners),
		cmocka_unit_test(
		    what_is_sealed_opens_with_its_key_and_purpose_alone),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
