/* map: keys of any bytes, values that stay, order of insertion. */
#include "unit/cmocka_all.h"

#include "map.h"

#include <stdio.h>

static void test_basic(void **state)
{
	struct map *m = map_new(sizeof(int));
	int *a = map_at(m, SLICE("a")), *nul = map_at(m, SLICE("a\0")),
	    *empty = map_at(m, SLICE(""));
	struct slice key;

	(void)state;
	assert_int_equal(*a, 0);
	*a = 1;
	*nul = 2;
	*empty = 3;
	assert_ptr_equal(map_at(m, SLICE("a")), a);
	assert_ptr_equal(map_find(m, SLICE("a\0")), nul);
	assert_ptr_equal(map_find(m, SLICE("")), empty);
	assert_null(map_find(m, SLICE("b")));
	assert_int_equal(map_count(m), 3);
	assert_ptr_equal(map_entry(m, 1, &key), nul);
	assert_true(slice_eq(key, SLICE("a\0")));
	map_free(m);
	map_free(NULL);
}

/* Many keys: values do not move, none is lost, order is kept. */
static void test_growth(void **state)
{
	enum { N = 20000 };
	struct map *m = map_new(sizeof(size_t));
	size_t *first = NULL;
	char text[32];

	(void)state;
	for (size_t i = 0; i < N; i++) {
		int n = snprintf(text, sizeof text, "key %zu", i * 7919 % N);
		size_t *v = map_at(m, slice_of(text, (size_t)n));

		assert_int_equal(*v, 0);
		*v = i + 1;
		if (i == 0)
			first = v;
	}
	assert_int_equal(map_count(m), N);
	assert_int_equal(*first, 1);
	for (size_t i = 0; i < N; i++) {
		struct slice key;
		size_t *v = map_entry(m, i, &key);
		int n = snprintf(text, sizeof text, "key %zu", i * 7919 % N);

		assert_int_equal(*v, i + 1);
		assert_true(slice_eq(key, slice_of(text, (size_t)n)));
		assert_ptr_equal(map_find(m, key), v);
	}
	map_free(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_basic),
	    cmocka_unit_test(test_growth),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
