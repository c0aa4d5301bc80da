/* arena: allocation, marks, limits. */
#include "unit/cmocka_all.h"

#include <mtaq/arena.h>
#include <mtaq/limits.h>

static void test_copy_and_printf(void **state)
{
	struct arena a;
	struct slice s;

	(void)state;
	arena_init(&a, 0);
	s = arena_copy(&a, SLICE("a\0b"));
	assert_int_equal(s.n, 3);
	assert_memory_equal(s.p, "a\0b", 4);
	s = arena_printf(&a, "%d-%s", 42, "x");
	assert_true(slice_eq(s, SLICE("42-x")));
	assert_non_null(arena_alloc(&a, 0));
	arena_free(&a);
}

static void test_mark_and_release(void **state)
{
	struct arena a;
	struct arena_mark m;
	char *p, *q;

	(void)state;
	arena_init(&a, 0);
	assert_non_null(arena_alloc(&a, 100));
	m = arena_mark(&a);
	p = arena_alloc(&a, 50);
	for (int i = 0; i < 100; i++)
		assert_non_null(arena_alloc(&a, 10000));
	arena_release(&a, m);
	q = arena_alloc(&a, 50);
	assert_ptr_equal(p, q);
	arena_free(&a);
}

static void test_reset_keeps_a_chunk(void **state)
{
	struct arena a;
	size_t held;

	(void)state;
	arena_init(&a, 0);
	assert_non_null(arena_alloc(&a, 10));
	held = a.total;
	assert_non_null(arena_alloc(&a, 1u << 20));
	arena_reset(&a);
	assert_int_equal(a.total, held);
	arena_free(&a);
	assert_int_equal(a.total, 0);
}

static void test_limit(void **state)
{
	struct arena a;

	(void)state;
	arena_init(&a, 100000);
	assert_non_null(arena_alloc(&a, 60000));
	assert_null(arena_alloc(&a, 60000));
	assert_null(arena_array(&a, SIZE_MAX / 2, 4));
	assert_null(arena_alloc(&a, SIZE_MAX));
	arena_free(&a);
	/* the limit of one message is one of these */
	assert_true(LIMIT_MESSAGE_BYTES > LIMIT_BODY_BYTES + LIMIT_CONTROL_BYTES);
}

static void test_grow(void **state)
{
	struct arena a;
	char *p, *q;

	(void)state;
	arena_init(&a, 0);
	p = arena_alloc(&a, 10);
	memcpy(p, "123456789", 10);
	q = arena_grow(&a, p, 10, 100);
	assert_ptr_equal(p, q);
	assert_non_null(arena_alloc(&a, 1));
	q = arena_grow(&a, p, 100, 200);
	assert_ptr_not_equal(p, q);
	assert_string_equal(q, "123456789");
	q = arena_grow(&a, q, 200, 1u << 17);
	assert_string_equal(q, "123456789");
	arena_free(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_copy_and_printf),
	    cmocka_unit_test(test_mark_and_release),
	    cmocka_unit_test(test_reset_keeps_a_chunk),
	    cmocka_unit_test(test_limit),
	    cmocka_unit_test(test_grow),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
