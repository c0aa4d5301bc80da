/* Sets: the search agrees with ==; files of values. */
#include "filter_ast.h"
#include "unit/cmocka_all.h"

#include <mtaq/addr.h>
#include <mtaq/limits.h>

#include <stdlib.h>
#include <unistd.h>

static struct arena arena;

static int setup(void **state)
{
	(void)state;
	arena_init(&arena, 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	arena_free(&arena);
	return 0;
}

/* The canonical text of `f`, which is freed. The caller frees the text. */
static char *print_and_free(struct filter *f)
{
	struct buf b;

	assert_non_null(f);
	buf_init(&b);
	filter_print(f, &b);
	buf_addc(&b, '\0');
	filter_free(f);
	return b.p;
}

static char *write_file(struct slice bytes)
{
	char *path = arena_str(&arena, SLICE("/tmp/test_filter_parse.XXXXXX"));
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes.p, bytes.n), (ssize_t)bytes.n);
	close(fd);
	return path;
}

/* What == says of two texts of the field `f`. */
static bool equal(const struct field *f, struct slice a, struct slice b)
{
	if (f->flags & FIELD_ADDRESS)
		return addr_eq(a, b);
	return f->flags & FIELD_CASELESS ? slice_caseeq(a, b) : slice_eq(a, b);
}

static bool in_set(const struct field *f, struct slice s, struct slice member)
{
	struct slice members[] = {SLICE("zz"), member, SLICE("!"), member, SLICE("")};
	struct value v = {.type = TYPE_TEXT, .s = s};
	struct filter_set *set = set_of_texts(&arena, f, members, 4);

	assert_non_null(set);
	return set_has(set, &v);
}

/* The search in a set finds what == finds. */
static void test_agrees_with_equality(void **state)
{
	static const struct slice words[] = {
	    {"", 0},	{"a", 1},     {"A", 1},	     {"a@", 2},	  {"@", 1},    {"@a", 2},
	    {"a@b", 3}, {"A@b", 3},   {"a@B", 3},    {"a@b.", 4}, {"a@@b", 4}, {"\"x@y\"@b", 7},
	    {"b@a", 3}, {"a@b@c", 5}, {"\xff@b", 3}, {"a\0", 2},  {"#@[]", 4}, {"a@B.", 4},
	};
	static const enum field_id fields[] = {FIELD_SENDER, FIELD_SENDER_DOMAIN, FIELD_ID};
	enum { WORDS = sizeof words / sizeof words[0] };

	(void)state;
	for (size_t w = 0; w < 3 * WORDS * WORDS; w++) {
		const struct field *f = field_row(fields[w % 3]);
		struct slice a = words[w / 3 % WORDS], b = words[w / 3 / WORDS];

		if (in_set(f, a, b) != equal(f, a, b))
			fail_msg("%s: %zu and %zu", f->name, w / 3 % WORDS, w / 3 / WORDS);
	}
}

static void test_numbers(void **state)
{
	int64_t numbers[] = {5, INT64_MIN, 5, INT64_MAX, -1};
	const struct filter_set *set = set_of_numbers(&arena, numbers, 5);
	struct value v = {.type = TYPE_NUMBER};

	(void)state;
	assert_non_null(set);
	for (v.i = -10; v.i < 10; v.i++)
		assert_int_equal(set_has(set, &v), v.i == 5 || v.i == -1);
	v.i = INT64_MIN;
	assert_true(set_has(set, &v));
	v.i = INT64_MAX;
	assert_true(set_has(set, &v));
}

static bool file_has(const char *path, const char *text)
{
	struct error err = ERROR_INIT;
	const struct field *f = field_row(FIELD_SENDER_DOMAIN);
	const struct filter_set *set = set_of_file(&arena, f, slice_from(path), &err);
	struct value v = {.type = TYPE_TEXT, .s = slice_from(text)};

	assert_non_null(set);
	return set_has(set, &v);
}

static void test_lines(void **state)
{
	char *path = write_file(SLICE("# domains\n\n  b.example \r\na.example\n\t\nin # it\nlast"));
	char *empty = write_file(SLICE("\n#\n"));

	(void)state;
	assert_true(file_has(path, "A.example"));
	assert_true(file_has(path, "b.example"));
	assert_true(file_has(path, "last"));
	assert_true(file_has(path, "in # it"));
	assert_false(file_has(path, ""));
	assert_false(file_has(path, "# domains"));
	assert_false(file_has(empty, ""));
	unlink(path);
	unlink(empty);
}

/* LIMIT_IN_FILE_BYTES */
static void test_in_file(void **state)
{
	char *path = write_file(SLICE("# domains\n\n  b.example \r\na.example\n\t\nlast"));
	struct slice text = arena_printf(&arena, "sender.domain not in file '%s'", path);
	struct error err = ERROR_INIT;
	char *got = print_and_free(filter_parse(&arena, text, 0, &err));

	(void)state;
	assert_string_equal(got, text.p);
	free(got);
	assert_int_equal(truncate(path, (off_t)LIMIT_IN_FILE_BYTES + 1), 0);
	assert_null(filter_parse(&arena, text, 0, &err));
	assert_int_equal(err.code, ERROR_USAGE);
	assert_int_equal(err.offset, 26);
	unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_agrees_with_equality, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_numbers, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_lines, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_in_file, setup, teardown),
	};

	return cmocka_run_group_tests_name("filter_set", tests, NULL, NULL);
}
