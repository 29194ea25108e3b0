/*
 * pack: what was put in comes out again.  Read by libarchive's reader, and by
 * another library in tests/http/privacy.t.
 */
#include <archive.h>
#include <archive_entry.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "arena.h"
#include "pack.h"

#define BIG 200000

static struct archive *
open_zip(const char *zip, size_t size)
{
	struct archive *a = archive_read_new();

	archive_read_support_format_zip(a);
	assert_int_equal(archive_read_open_memory(a, zip, size), ARCHIVE_OK);
	return a;
}

static void
next_is(struct archive *a, const char *path, const char *bytes, size_t size)
{
	struct archive_entry *entry;
	char got[BIG];
	size_t n = 0;
	la_ssize_t more;

	assert_int_equal(archive_read_next_header(a, &entry), ARCHIVE_OK);
	assert_string_equal(archive_entry_pathname(entry), path);
	while (n < sizeof(got) &&
	       (more = archive_read_data(a, got + n, sizeof(got) - n)) > 0)
		n += (size_t)more;
	assert_int_equal(n, size);
	assert_memory_equal(got, bytes, size);
}

static void
what_was_put_in_comes_out(void **state)
{
	struct arena *arena = arena_new(4096);
	char *noise = arena_alloc(arena, BIG);
	uint32_t x = 1;
	struct archive_entry *entry;
	struct archive *a;
	struct pack *pack;
	const char *zip;
	size_t size;
	int i;

	(void)state;
	/* does not shrink, so that the archive is as large as it gets */
	for (i = 0; i < BIG; i++) {
		x = x * 1664525 + 1013904223;
		noise[i] = (char)(x >> 24);
	}
	pack = pack_new(arena, 3, BIG + 5);
	pack_begin(pack, "README.txt", 5);
	pack_put(pack, "hello", 5);
	pack_begin(pack, "empty", 0);
	pack_begin(pack, "tickets/1/files/2.bin", BIG);
	pack_put(pack, noise, 65536);
	pack_put(pack, noise + 65536, BIG - 65536);
	zip = pack_end(pack, &size);
	a = open_zip(zip, size);
	next_is(a, "README.txt", "hello", 5);
	next_is(a, "empty", "", 0);
	next_is(a, "tickets/1/files/2.bin", noise, BIG);
	assert_int_equal(archive_read_next_header(a, &entry), ARCHIVE_EOF);
	archive_read_free(a);
	arena_free(arena);
}

static void
an_archive_of_nothing_is_one(void **state)
{
	struct arena *arena = arena_new(4096);
	struct archive_entry *entry;
	struct archive *a;
	const char *zip;
	size_t size;

	(void)state;
	zip = pack_end(pack_new(arena, 0, 0), &size);
	a = open_zip(zip, size);
	assert_int_equal(archive_read_next_header(a, &entry), ARCHIVE_EOF);
	archive_read_free(a);
	arena_free(arena);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_put_in_comes_out),
		cmocka_unit_test(an_archive_of_nothing_is_one),
	};

	return cmocka_run_group_tests_name("pack", tests, NULL, NULL);
}
