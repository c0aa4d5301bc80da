/* error: first one wins, prefixes, codes from errno. */
#include "unit/cmocka_all.h"

#include <mtaq/error.h>

#include <errno.h>
#include <string.h>

static void test_first_wins(void **state)
{
	struct error e = ERROR_INIT;

	(void)state;
	assert_int_equal(error_set(&e, ERROR_GONE, "one %d", 1), -1);
	assert_int_equal(error_set(&e, ERROR_BUSY, "two"), -1);
	assert_int_equal(e.code, ERROR_GONE);
	assert_string_equal(e.text, "one 1");
	error_prefix(&e, "qf%s", "A");
	assert_string_equal(e.text, "qfA: one 1");
	error_clear(&e);
	error_prefix(&e, "nothing to prefix");
	assert_string_equal(e.text, "");
	assert_int_equal(error_set(NULL, ERROR_GONE, "nobody asks"), -1);
}

static void test_errno(void **state)
{
	static const struct {
		int errnum;
		enum error_code code;
	} rows[] = {
	    {ENOENT, ERROR_GONE},    {EACCES, ERROR_DENIED}, {ELOOP, ERROR_CORRUPT},
	    {EAGAIN, ERROR_BUSY},    {EIO, ERROR_SYSTEM},    {ENOMEM, ERROR_NOMEM},
	    {EISDIR, ERROR_CORRUPT}, {EROFS, ERROR_DENIED},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct error e = ERROR_INIT;

		error_sys(&e, rows[i].errnum, "x");
		assert_int_equal(e.code, rows[i].code);
		assert_int_equal(e.errnum, rows[i].errnum);
		assert_true(strncmp(e.text, "x: ", 3) == 0 && strlen(e.text) > 4);
	}
}

static void test_long_texts_are_cut(void **state)
{
	struct error e = ERROR_INIT;
	char big[1000];

	(void)state;
	memset(big, 'x', sizeof big - 1);
	big[sizeof big - 1] = '\0';
	error_sys(&e, ENOENT, "begin%s", big);
	assert_int_equal(strlen(e.text), sizeof e.text - 1);
	assert_true(strncmp(e.text, "beginx", 6) == 0 && strstr(e.text, "xx...xx"));
	assert_string_equal(strrchr(e.text, ':'), ": No such file or directory");
	error_prefix(&e, "front%s", big);
	assert_int_equal(strlen(e.text), sizeof e.text - 1);
	assert_int_equal(strncmp(e.text, "frontx", 6), 0);
	assert_string_equal(strrchr(e.text, ':'), ": No such file or directory");
	assert_string_equal(error_name(ERROR_BUG), "bug");
	assert_string_equal(error_name((enum error_code)99), "?");
}

static void test_offset(void **state)
{
	struct error e = ERROR_INIT;

	(void)state;
	error_at(&e, ERROR_USAGE, 7, "here");
	assert_int_equal(e.offset, 7);
	error_clear(&e);
	error_set(&e, ERROR_USAGE, "nowhere");
	assert_true(e.offset == (size_t)-1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_first_wins),
	    cmocka_unit_test(test_errno),
	    cmocka_unit_test(test_long_texts_are_cut),
	    cmocka_unit_test(test_offset),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
