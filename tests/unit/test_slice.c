/* slice: operations on runs of bytes. */
#include "unit/cmocka_all.h"

#include <mtaq/slice.h>

static void test_order(void **state)
{
	(void)state;
	assert_true(slice_cmp(SLICE("a"), SLICE("b")) < 0);
	assert_true(slice_cmp(SLICE("a"), SLICE("ab")) < 0);
	assert_true(slice_cmp(SLICE("\xff"), SLICE("a")) > 0);
	assert_int_equal(slice_cmp(SLICE(""), SLICE_NONE), 0);
	assert_true(slice_caseeq(SLICE("ExAmPle"), SLICE("eXaMpLE")));
	assert_false(slice_caseeq(SLICE("@"), SLICE("`")));
	assert_true(slice_casecmp(SLICE("A"), SLICE("b")) < 0);
}

static void test_find(void **state)
{
	(void)state;
	assert_int_equal(slice_find(SLICE("aab"), SLICE("ab")), 1);
	assert_int_equal(slice_find(SLICE("aa"), SLICE("ab")), SIZE_MAX);
	assert_int_equal(slice_find(SLICE(""), SLICE("")), 0);
	assert_int_equal(slice_find(SLICE("a"), SLICE("aa")), SIZE_MAX);
	assert_int_equal(slice_chr(SLICE("a\0b"), '\0'), 1);
	assert_int_equal(slice_chr(SLICE_NONE, 'x'), SIZE_MAX);
	assert_true(slice_starts(SLICE("qfAAA"), SLICE("qf")));
	assert_false(slice_starts(SLICE("q"), SLICE("qf")));
	assert_true(slice_ends(SLICE("x.qf"), SLICE(".qf")));
	assert_false(slice_ends(SLICE("f"), SLICE("qf")));
}

static void test_cut_and_trim(void **state)
{
	struct slice rest = SLICE("a,,b"), part;

	(void)state;
	assert_true(slice_cut(&rest, ',', &part) && slice_eq(part, SLICE("a")));
	assert_true(slice_cut(&rest, ',', &part) && part.n == 0);
	assert_true(slice_cut(&rest, ',', &part) && slice_eq(part, SLICE("b")));
	assert_false(slice_cut(&rest, ',', &part));
	assert_true(slice_eq(slice_trim(SLICE(" \t a b\r\n")), SLICE("a b")));
	assert_int_equal(slice_trim(SLICE(" \n")).n, 0);
}

static void test_u64(void **state)
{
	static const struct {
		struct slice text;
		bool ok;
		uint64_t value;
	} rows[] = {
	    {SLICE("0"), true, 0},
	    {SLICE("0123"), true, 123},
	    {SLICE("18446744073709551615"), true, UINT64_MAX},
	    {SLICE("18446744073709551616"), false, 0},
	    {SLICE(""), false, 0},
	    {SLICE("+1"), false, 0},
	    {SLICE("1 "), false, 0},
	    {SLICE("99999999999999999999999"), false, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		uint64_t v = 0;

		assert_int_equal(slice_u64(rows[i].text, &v), rows[i].ok);
		if (rows[i].ok)
			assert_true(v == rows[i].value);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_order),
	    cmocka_unit_test(test_find),
	    cmocka_unit_test(test_cut_and_trim),
	    cmocka_unit_test(test_u64),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
