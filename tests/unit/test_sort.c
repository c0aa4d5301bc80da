/* sort: keys whose byte order is the wanted order, the bounded heap, stability. */
#include "unit/cmocka_all.h"

#include "sort.h"
#include "status.h"

#include <mtaq/backend.h>

#include <stdlib.h>

static parts_t needs[FIELD_COUNT];
static const struct backend backend = {.name = "test", .needs = needs};
static const struct queue queue = {.backend = &backend, .name = "test:/"};

static void key_of(const char *spec_text, struct message *m, struct buf *out)
{
	struct sort_spec spec = {0};
	struct error err = ERROR_INIT;
	struct arena a;
	struct field_context c = {.message = m, .arena = &a, .now = 1000};

	arena_init(&a, 0);
	needs[FIELD_SIZE] = needs[FIELD_SENDER] = needs[FIELD_ID] = PART_NAME;
	m->queue = &queue;
	m->have = PART_NAME;
	buf_init(out);
	assert_int_equal(sort_parse(slice_from(spec_text), &spec, &err), 0);
	assert_int_equal(sort_encode(&spec, &c, out), 0);
	arena_free(&a);
}

/* <0, 0, >0 as the keys of two messages compare */
static int order(const char *spec, struct message a, struct message b)
{
	struct buf x, y;
	int r;

	key_of(spec, &a, &x);
	key_of(spec, &b, &y);
	r = slice_cmp(buf_slice(&x), buf_slice(&y));
	buf_free(&x);
	buf_free(&y);
	return r;
}

static struct message sized(int64_t n)
{
	return (struct message){.size = number_of(n)};
}

static struct message from(struct slice sender)
{
	return (struct message){.sender = sender};
}

static void test_numbers(void **state)
{
	static const int64_t values[] = {INT64_MIN, -256, -1, 0, 1, 255, 256, INT64_MAX};
	struct message none = {0};

	(void)state;
	for (size_t i = 0; i + 1 < sizeof values / sizeof values[0]; i++) {
		assert_true(order("size", sized(values[i]), sized(values[i + 1])) < 0);
		assert_true(order("-size", sized(values[i]), sized(values[i + 1])) > 0);
	}
	/* what is missing comes last either way */
	assert_true(order("size", sized(INT64_MAX), none) < 0);
	assert_true(order("-size", sized(INT64_MIN), none) < 0);
}

static void test_texts(void **state)
{
	static const struct slice values[] = {SLICE(""),  SLICE("\0"),	SLICE("\0\0"), SLICE("\0a"),
					      SLICE("a"), SLICE("a\0"), SLICE("a\0b"), SLICE("ab"),
					      SLICE("b"), SLICE("\xff")};

	(void)state;
	for (size_t i = 0; i + 1 < sizeof values / sizeof values[0]; i++) {
		assert_true(order("sender", from(values[i]), from(values[i + 1])) < 0);
		assert_true(order("-sender", from(values[i]), from(values[i + 1])) > 0);
	}
	assert_int_equal(order("sender", from(values[3]), from(values[3])), 0);
}

static void test_several_keys(void **state)
{
	struct message a = from(SLICE("a")), b = from(SLICE("a")), c = from(SLICE("b"));

	(void)state;
	a.size = number_of(1);
	b.size = number_of(2);
	c.size = number_of(0);
	assert_true(order("sender,size", a, b) < 0);
	assert_true(order("sender,-size", a, b) > 0);
	assert_true(order("sender,-size", b, c) < 0);
	assert_true(order("-sender,size", b, c) > 0);
}

static void test_bad_specs(void **state)
{
	static const struct {
		const char *text;
		size_t offset;
	} rows[] = {{"", 0}, {"age,,size", 4}, {"age,sise", 4}, {"-nothing", 1}};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct sort_spec spec = {0};
		struct error err = ERROR_INIT;

		assert_int_equal(sort_parse(slice_from(rows[i].text), &spec, &err), -1);
		assert_int_equal(err.code, ERROR_USAGE);
		assert_int_equal(err.offset, rows[i].offset);
	}
	{
		struct sort_spec spec = {0};
		struct error err = ERROR_INIT;

		assert_int_equal(sort_parse(SLICE("header[\"a,b\"],size"), &spec, &err), 0);
		assert_int_equal(spec.count, 2);
		for (unsigned i = 2; i < LIMIT_SORT_KEYS; i++)
			assert_int_equal(sort_parse(SLICE("size"), &spec, &err), 0);
		assert_int_equal(sort_parse(SLICE("size"), &spec, &err), -1);
	}
}

struct collected {
	char text[64];
	size_t stop_after;
};

static bool collect(void *ctx, struct slice text)
{
	struct collected *c = ctx;

	strncat(c->text, text.p, text.n);
	return strlen(c->text) < c->stop_after;
}

/* Feed "key:text" words, letters as keys. */
static void sorted(const char *letters, size_t limit, bool reverse, struct collected *out)
{
	struct sorter *s = sorter_new(limit, reverse);

	*out = (struct collected){.stop_after = 60};
	for (size_t i = 0; letters[i]; i++) {
		char text[2] = {(char)('0' + (int)i), '\0'};

		sorter_add(s, slice_of(letters + i, 1), slice_from(text));
	}
	sorter_drain(s, collect, out);
	sorter_free(s);
}

static void test_sorter(void **state)
{
	static const struct {
		const char *letters;
		size_t limit;
		bool reverse;
		const char *want;
	} rows[] = {
	    {"cab", 0, false, "120"},  {"cab", 0, true, "021"},	 {"aaaa", 0, false, "0123"},
	    {"aaaa", 0, true, "3210"}, {"dcba", 2, false, "32"}, {"abcd", 2, false, "01"},
	    {"aaaa", 2, false, "01"},  {"abcd", 2, true, "32"},	 {"", 0, false, ""},
	    {"ba", 5, false, "10"},    {"bab", 2, false, "10"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct collected c;

		sorted(rows[i].letters, rows[i].limit, rows[i].reverse, &c);
		assert_string_equal(c.text, rows[i].want);
	}
}

/* Against qsort, many times. */
static int by_byte(const void *a, const void *b)
{
	return *(const unsigned char *)a - *(const unsigned char *)b;
}

static bool compare_next(void *ctx, struct slice text)
{
	const unsigned char **at = ctx;

	assert_int_equal((unsigned char)text.p[0], **at);
	++*at;
	return true;
}

static void test_sorter_random(void **state)
{
	unsigned seed = 12345;

	(void)state;
	for (int round = 0; round < 200; round++) {
		unsigned char bytes[64];
		const unsigned char *at = bytes;
		size_t n = seed % 64, limit = round % 3 ? 0 : n / 2 + 1;
		struct sorter *s = sorter_new(limit, false);

		for (size_t i = 0; i < n; i++) {
			seed = seed * 1103515245u + 12345u;
			bytes[i] = (unsigned char)(seed >> 16);
			sorter_add(s, slice_of((char *)&bytes[i], 1),
				   slice_of((char *)&bytes[i], 1));
		}
		qsort(bytes, n, 1, by_byte);
		sorter_drain(s, compare_next, &at);
		assert_int_equal(at - bytes, limit && limit < n ? limit : n);
		sorter_free(s);
		seed++;
	}
}

static void test_status(void **state)
{
	struct error e = ERROR_INIT;

	(void)state;
	assert_int_equal(status_worse(STATUS_OK, STATUS_SOME), STATUS_SOME);
	assert_int_equal(status_worse(STATUS_SOME, STATUS_TEMPORARY), STATUS_TEMPORARY);
	assert_int_equal(status_worse(STATUS_DENIED, STATUS_NOQUEUE), STATUS_DENIED);
	assert_int_equal(status_worse(STATUS_IO, STATUS_CANTCREATE), STATUS_IO);
	assert_int_equal(status_worse(STATUS_USAGE, STATUS_INTERNAL), STATUS_USAGE);
	error_set(&e, ERROR_DENIED, "x");
	assert_int_equal(status_of_error(&e), STATUS_DENIED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_numbers),	 cmocka_unit_test(test_texts),
	    cmocka_unit_test(test_several_keys), cmocka_unit_test(test_bad_specs),
	    cmocka_unit_test(test_sorter),	 cmocka_unit_test(test_sorter_random),
	    cmocka_unit_test(test_status),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
