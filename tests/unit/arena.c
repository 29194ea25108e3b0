#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "arena.h"

static void
note(void *order)
{
	char *s = order;

	s[strlen(s)] = (char)('a' + strlen(s));
}

static void
a_copy_is_independent_of_its_source(void **state)
{
	struct arena *a = arena_new(64);
	char text[] = "printer on fire";
	char *copy = arena_copy(a, text);

	(void)state;
	text[0] = 'X';
	assert_string_equal(copy, "printer on fire");
	assert_null(arena_copy(a, NULL));
	arena_free(a);
}

static void
memory_is_zero_also_where_it_was_used_before(void **state)
{
	struct arena *a = arena_new(256);
	unsigned char *p = arena_alloc(a, 200);
	int i;

	(void)state;
	memset(p, 0xff, 200);
	arena_reset(a);
	p = arena_alloc(a, 200);
	for (i = 0; i < 200; i++)
		assert_int_equal(p[i], 0);
	arena_free(a);
}

static void
every_allocation_is_aligned_for_any_type(void **state)
{
	struct arena *a = arena_new(100);
	size_t size;

	(void)state;
	for (size = 0; size < 300; size += 7) {
		char *p = arena_alloc(a, size);

		assert_int_equal((uintptr_t)p % _Alignof(max_align_t), 0);
		memset(p, 1, size);
		p = arena_printf(a, "%zu", size);
		assert_int_equal((uintptr_t)p % _Alignof(max_align_t), 0);
	}
	arena_free(a);
}

static void
it_grows_past_its_first_block(void **state)
{
	struct arena *a = arena_new(64);
	char *big = arena_alloc(a, 10000);

	(void)state;
	memset(big, 1, 10000);
	assert_string_equal(arena_printf(a, "#%d", 7), "#7");
	arena_free(a);
}

static void
a_formatted_text_of_any_length_is_whole(void **state)
{
	struct arena *a = arena_new(64);
	int width;

	(void)state;
	for (width = 1; width < 200; width++) {
		char *s = arena_printf(a, "%*d|", width, 7);

		assert_int_equal(strlen(s), width + 1);
		assert_int_equal(s[width - 1], '7');
		assert_int_equal(s[width], '|');
	}
	arena_free(a);
}

static void
deferred_calls_run_once_at_the_reset(void **state)
{
	struct arena *a = arena_new(64);
	char seen[8] = "";

	(void)state;
	arena_defer(a, note, seen);
	arena_defer(a, note, seen);
	arena_reset(a);
	arena_reset(a);
	assert_string_equal(seen, "ab");
	arena_free(a);
}

static void
release(void *what)
{
	char **last = what;

	*last = "first";
}

static void
release_later(void *what)
{
	char **last = what;

	*last = "second";
}

static void
the_latest_deferred_call_runs_first(void **state)
{
	struct arena *a = arena_new(64);
	char *last = NULL;

	(void)state;
	arena_defer(a, release, &last);
	arena_defer(a, release_later, &last);
	arena_free(a);
	assert_string_equal(last, "first");
}

static void
nothing_is_freed_twice_or_at_all_for_null(void **state)
{
	(void)state;
	arena_free(NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_copy_is_independent_of_its_source),
		cmocka_unit_test(memory_is_zero_also_where_it_was_used_before),
		cmocka_unit_test(every_allocation_is_aligned_for_any_type),
		cmocka_unit_test(it_grows_past_its_first_block),
		cmocka_unit_test(a_formatted_text_of_any_length_is_whole),
		cmocka_unit_test(deferred_calls_run_once_at_the_reset),
		cmocka_unit_test(the_latest_deferred_call_runs_first),
		cmocka_unit_test(nothing_is_freed_twice_or_at_all_for_null),
	};

	return cmocka_run_group_tests_name("arena", tests, NULL, NULL);
}
