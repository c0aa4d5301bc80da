/* options: tables over getopt_long. */
#include "unit/cmocka_all.h"

#include "options.h"

#include <string.h>

struct values {
	bool flag;
	unsigned count;
	const char *text;
	struct text_list list;
	struct option_number number, duration, time;
};

static const struct option_row rows[] = {
    {'f', "flag", NULL, OPTION_FLAG, offsetof(struct values, flag), ""},
    {'v', "verbose", NULL, OPTION_COUNT, offsetof(struct values, count), ""},
    {'t', "text", "T", OPTION_TEXT, offsetof(struct values, text), ""},
    {'l', "list", "L", OPTION_LIST, offsetof(struct values, list), ""},
    {0, "number", "N", OPTION_NUMBER, offsetof(struct values, number), ""},
    {'d', "duration", "D", OPTION_DURATION, offsetof(struct values, duration), ""},
    {0, "time", "T", OPTION_TIME, offsetof(struct values, time), ""},
    {0},
};

static const struct option_row other_rows[] = {
    {'f', "other", NULL, OPTION_FLAG, offsetof(struct values, flag), ""},
    {0},
};

static int parse(const char *line, struct values *v, bool early, int *words, char *copy,
		 struct error *err)
{
	const struct option_set sets[] = {{rows, v}};
	char *argv[32] = {(char *)"mtaq"}, *save = NULL;
	int argc = 1, first = 0, r;

	strcpy(copy, line);
	for (char *w = strtok_r(copy, " ", &save); w; w = strtok_r(NULL, " ", &save))
		argv[argc++] = w;
	r = options_parse(sets, 1, argc, argv, early, &first, err);
	*words = argc - first;
	return r;
}

static void test_values(void **state)
{
	struct values v = {0};
	struct error err = ERROR_INIT;
	char copy[256];
	int words;

	(void)state;
	assert_int_equal(parse("-fvv -t x -l a --list=b --number 7 w1 -d 1h30m w2 --time @5", &v,
			       false, &words, copy, &err),
			 0);
	assert_true(v.flag);
	assert_int_equal(v.count, 2);
	assert_string_equal(v.text, "x");
	assert_int_equal(v.list.count, 2);
	assert_string_equal(v.list.list[1], "b");
	assert_true(v.number.given && v.number.value == 7);
	assert_int_equal(v.duration.value, 5400);
	assert_int_equal(v.time.value, 5);
	assert_int_equal(words, 2);
	text_list_free(&v.list);
}

static void test_stop_early(void **state)
{
	struct values v = {0};
	struct error err = ERROR_INIT;
	char copy[256];
	int words;

	(void)state;
	assert_int_equal(parse("-v list -f", &v, true, &words, copy, &err), 0);
	assert_int_equal(words, 2);
	assert_false(v.flag);
	/* twice in one process, as main does */
	assert_int_equal(parse("-f -- -v", &v, false, &words, copy, &err), 0);
	assert_true(v.flag);
	assert_int_equal(words, 1);
}

static void test_errors(void **state)
{
	static const struct {
		const char *line, *text;
	} table[] = {
	    {"-x", "unknown option -x"},
	    {"--nothing", "unknown option --nothing"},
	    {"-t", "an argument is missing after -t"},
	    {"--number 5k", "--number wants a whole number, not '5k'"},
	    {"-d 5", "--duration wants a duration with its unit (90s 15m 4h 2d 1w), not '5'"},
	    {"--time yesterday",
	     "--time wants a time (2026-11-20, 2026-11-20T08:00, @1447493191), not 'yesterday'"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
		struct values v = {0};
		struct error err = ERROR_INIT;
		char copy[256];
		int words;

		assert_int_equal(parse(table[i].line, &v, false, &words, copy, &err), -1);
		assert_int_equal(err.code, ERROR_USAGE);
		assert_string_equal(err.text, table[i].text);
	}
}

static void test_first_set_wins(void **state)
{
	struct values a = {0}, b = {0};
	const struct option_set sets[] = {{rows, &a}, {other_rows, &b}};
	char *argv[] = {(char *)"mtaq", (char *)"-f", NULL},
	     *argv2[] = {(char *)"mtaq", (char *)"--other", NULL};
	struct error err = ERROR_INIT;
	int first;

	(void)state;
	assert_int_equal(options_parse(sets, 2, 2, argv, false, &first, &err), 0);
	assert_true(a.flag && !b.flag);
	assert_int_equal(options_parse(sets, 2, 2, argv2, false, &first, &err), 0);
	assert_true(b.flag);
	assert_ptr_equal(options_find(rows, "--list"), &rows[3]);
	assert_ptr_equal(options_find(rows, "-d"), &rows[5]);
	assert_null(options_find(rows, "-z"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_values),
	    cmocka_unit_test(test_stop_early),
	    cmocka_unit_test(test_errors),
	    cmocka_unit_test(test_first_set_wins),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
