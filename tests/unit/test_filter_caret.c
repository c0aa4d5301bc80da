/* A caret under the place of an error: escapes, windows. */
#include "filter.h"
#include "unit/cmocka_all.h"

static void check_caret(struct slice text, size_t offset, const char *expected)
{
	struct buf b;

	buf_init(&b);
	filter_caret(&b, text, offset);
	buf_addc(&b, '\0');
	assert_string_equal(b.p, expected);
	buf_free(&b);
}

static void test_caret(void **state)
{
	char digits[300];
	struct slice longer = slice_of(digits, sizeof digits);
	struct buf b;

	(void)state;
	for (size_t i = 0; i < sizeof digits; i++)
		digits[i] = (char)('0' + i % 10);
	check_caret(SLICE("age = 2d"), 4, "age = 2d\n    ^\n");
	check_caret(SLICE("age >"), 5, "age >\n     ^\n");
	check_caret(SLICE("age >"), SIZE_MAX, "age >\n     ^\n");
	check_caret(SLICE(""), 0, "\n^\n");
	check_caret(SLICE("a\n\x1b[1m ="), 7, "a\\n\\x1b[1m =\n           ^\n");
	check_caret(SLICE("s =~ /\\d/ x"), 10, "s =~ /\\d/ x\n          ^\n");
	check_caret(SLICE("s == '\xff' x"), 9, "s == '\xef\xbf\xbd' x\n         ^\n");

	/* windows: nothing before, both, nothing after */
	buf_init(&b);
	filter_caret(&b, longer, 150);
	assert_true(slice_starts(buf_slice(&b), SLICE("...0123456789")));
	assert_int_equal(slice_find(buf_slice(&b), SLICE("...\n")), 100);
	assert_int_equal(b.n, 104 + 63 + 2);
	buf_clear(&b);
	filter_caret(&b, longer, 5);
	assert_true(slice_starts(buf_slice(&b), SLICE("0123456789")));
	assert_int_equal(b.n, 104 + 5 + 2);
	buf_clear(&b);
	filter_caret(&b, longer, 299);
	assert_int_equal(b.n, 3 + 60 + 1 + 1 + 63 + 2);
	/* cut between characters */
	for (size_t i = 0; i < sizeof digits; i++)
		digits[i] = i % 2 ? '\xa4' : '\xc3';
	for (size_t offset = 240; offset < 260; offset += 2) {
		buf_clear(&b);
		filter_caret(&b, longer, offset);
		assert_true(slice_starts(buf_slice(&b), SLICE("...\xc3\xa4")));
		assert_int_equal(slice_find(buf_slice(&b), SLICE("\xef\xbf\xbd")), SIZE_MAX);
	}
	buf_free(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_caret),
	};

	return cmocka_run_group_tests_name("filter_caret", tests, NULL, NULL);
}
