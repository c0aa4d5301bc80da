/* header: fields, lists, unfolding. */
#include "unit/cmocka_all.h"

#include <mtaq/header.h>
#include <mtaq/limits.h>

#include <stdlib.h>

#include "unit/turkish.h"

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))

static void assert_slice(struct slice got, struct slice expected)
{
	assert_int_equal(got.p == NULL, expected.p == NULL);
	assert_int_equal(got.n, expected.n);
	if (got.n)
		assert_memory_equal(got.p, expected.p, got.n);
}

static void test_next(void **state)
{
	static const struct {
		struct slice text;
		int got;
		struct slice name, raw, rest;
	} rows[] = {
	    {SLICE("A: b\nC: d\n"), 1, SLICE("A"), SLICE(" b"), SLICE("C: d\n")},
	    {SLICE("A: b\r\nC: d\r\n"), 1, SLICE("A"), SLICE(" b"), SLICE("C: d\r\n")},
	    {SLICE("A: b"), 1, SLICE("A"), SLICE(" b"), SLICE("")},
	    {SLICE("A:"), 1, SLICE("A"), SLICE(""), SLICE("")},
	    {SLICE("A:\n\nbody"), 1, SLICE("A"), SLICE(""), SLICE("\nbody")},
	    {SLICE("A:\r\n\r\nbody"), 1, SLICE("A"), SLICE(""), SLICE("\r\nbody")},
	    {SLICE("A \t: b\n"), 1, SLICE("A"), SLICE(" b"), SLICE("")},
	    {SLICE("A: b\n c\r\n\td\ne"), 1, SLICE("A"), SLICE(" b\n c\r\n\td"), SLICE("e")},
	    {SLICE("A: b\n \n c\n"), 1, SLICE("A"), SLICE(" b\n \n c"), SLICE("")},
	    {SLICE("A: b\n "), 1, SLICE("A"), SLICE(" b\n "), SLICE("")},
	    {SLICE("A: b\rc\n"), 1, SLICE("A"), SLICE(" b\rc"), SLICE("")},
	    {SLICE("A: b\0c\n"), 1, SLICE("A"), SLICE(" b\0c"), SLICE("")},
	    {SLICE("A::b\n"), 1, SLICE("A"), SLICE(":b"), SLICE("")},
	    {SLICE("!#~: b\n"), 1, SLICE("!#~"), SLICE(" b"), SLICE("")},
	    {SLICE(""), 0, SLICE_NONE, SLICE_NONE, SLICE("")},
	    {SLICE("\nbody"), 0, SLICE_NONE, SLICE_NONE, SLICE("body")},
	    {SLICE("\r\nbody"), 0, SLICE_NONE, SLICE_NONE, SLICE("body")},
	    {SLICE("\rbody"), 0, SLICE_NONE, SLICE_NONE, SLICE("\rbody")},
	    {SLICE(" c: d\n"), 0, SLICE_NONE, SLICE_NONE, SLICE(" c: d\n")},
	    {SLICE(": d\n"), 0, SLICE_NONE, SLICE_NONE, SLICE(": d\n")},
	    {SLICE("no field\n"), 0, SLICE_NONE, SLICE_NONE, SLICE("no field\n")},
	    {SLICE("nofield\n: x"), 0, SLICE_NONE, SLICE_NONE, SLICE("nofield\n: x")},
	    {SLICE("nofield"), 0, SLICE_NONE, SLICE_NONE, SLICE("nofield")},
	    {SLICE("B\xc3\xa4: d\n"), 0, SLICE_NONE, SLICE_NONE, SLICE("B\xc3\xa4: d\n")},
	    {SLICE("A\x7f: d\n"), 0, SLICE_NONE, SLICE_NONE, SLICE("A\x7f: d\n")},
	    {SLICE("A\0: d\n"), 0, SLICE_NONE, SLICE_NONE, SLICE("A\0: d\n")},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct slice rest = rows[i].text;
		struct header h = {0};

		assert_int_equal(header_next(&rest, &h), rows[i].got);
		assert_slice(h.name, rows[i].name);
		assert_slice(h.raw, rows[i].raw);
		assert_slice(rest, rows[i].rest);
	}
}

static void test_parse(void **state)
{
	static const struct {
		struct slice text;
		size_t count;
		struct slice first, body;
	} rows[] = {
	    {SLICE("A: 1\nB: 2\nA: 3\n\nbody\n"), 3, SLICE("A"), SLICE("body\n")},
	    {SLICE("A: 1\n\n"), 1, SLICE("A"), SLICE("")},
	    {SLICE("A: 1\n"), 1, SLICE("A"), SLICE_NONE},
	    {SLICE("A: 1"), 1, SLICE("A"), SLICE_NONE},
	    {SLICE(""), 0, SLICE_NONE, SLICE_NONE},
	    {SLICE("\nA: 1\n"), 0, SLICE_NONE, SLICE("A: 1\n")},
	    {SLICE("body at once\nA: 1\n"), 0, SLICE_NONE, SLICE("body at once\nA: 1\n")},
	    {SLICE("A: 1\nbody without a line between\n"), 1, SLICE("A"),
	     SLICE("body without a line between\n")},
	    {SLICE("From a@b Mon Jan  1 00:00:00 2026\nA: 1\n\nx"), 1, SLICE("A"), SLICE("x")},
	    {SLICE("From a@b\nFrom c@d\nA: 1\n\nx"), 1, SLICE("A"), SLICE("x")},
	    {SLICE("From a@b"), 0, SLICE_NONE, SLICE_NONE},
	    {SLICE("From : a@b\n\nx"), 1, SLICE("From"), SLICE("x")},
	    {SLICE("A: 1\nFrom a@b\n\nx"), 1, SLICE("A"), SLICE("From a@b\n\nx")},
	};
	struct arena a;

	(void)state;
	arena_init(&a, 0);
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct error err = ERROR_INIT;
		struct header_list l;
		struct slice body;

		assert_int_equal(header_parse(&a, rows[i].text, &l, &body, &err), 0);
		assert_int_equal(l.count, rows[i].count);
		if (l.count) {
			assert_slice(l.list[0].name, rows[i].first);
			assert_null(l.list[0].cond.p);
		}
		assert_slice(body, rows[i].body);
	}
	arena_free(&a);
}

static void test_find(void **state)
{
	struct error err = ERROR_INIT;
	struct header_list l;
	struct slice body;
	const struct header *h;
	struct arena a;
	size_t at = 0;

	(void)state;
	arena_init(&a, 0);
	assert_int_equal(header_parse(&a,
				      SLICE("Received: 1\nSUBJECT: x\nreceived: 2\nReceivedX: 3\n"
					    "Receive: 4\n\n"),
				      &l, &body, &err),
			 0);
	h = header_find(&l, SLICE("Received"), &at);
	assert_non_null(h);
	assert_slice(h->raw, SLICE(" 1"));
	assert_int_equal(at, 1);
	h = header_find(&l, SLICE("Received"), &at);
	assert_non_null(h);
	assert_slice(h->raw, SLICE(" 2"));
	assert_null(header_find(&l, SLICE("Received"), &at));
	assert_null(header_find(&l, SLICE("Received"), &at));
	at = 0;
	assert_non_null(header_find(&l, SLICE("subject"), &at));
	at = 0;
	assert_null(header_find(&l, SLICE(""), &at));
	l = (struct header_list){0};
	at = 0;
	assert_null(header_find(&l, SLICE("subject"), &at));
	arena_free(&a);
}

/* LIMIT_HEADERS fields are parsed, one more is an error. */
static void test_limit_headers(void **state)
{
	const size_t n = LIMIT_HEADERS + 1;
	char *text = malloc(n * 3 + 1);
	struct error err = ERROR_INIT;
	struct header_list l;
	struct slice body;
	struct arena a;

	(void)state;
	assert_non_null(text);
	arena_init(&a, 0);
	for (size_t i = 0; i < n; i++)
		memcpy(text + 3 * i, "A:\n", 3);
	text[n * 3] = '\n';
	assert_int_equal(header_parse(&a, slice_of(text + 3, n * 3 - 2), &l, &body, &err), 0);
	assert_int_equal(l.count, LIMIT_HEADERS);
	assert_slice(body, SLICE(""));
	assert_int_equal(header_parse(&a, slice_of(text, n * 3 + 1), &l, &body, &err), -1);
	assert_int_equal(err.code, ERROR_LIMIT);
	assert_null(body.p);
	arena_free(&a);

	error_clear(&err);
	arena_init(&a, 1);
	assert_int_equal(header_parse(&a, SLICE("A: b\n"), &l, &body, &err), -1);
	assert_int_equal(err.code, ERROR_LIMIT);
	arena_free(&a);
	free(text);
}

static void test_unfold(void **state)
{
	static const struct {
		struct slice raw, value;
	} rows[] = {
	    {SLICE(" plain "), SLICE("plain")},
	    {SLICE(""), SLICE("")},
	    {SLICE(" \t"), SLICE("")},
	    {SLICE(" a\n b\r\n\tc"), SLICE("a b\tc")},
	    {SLICE("\n a"), SLICE("a")},
	    {SLICE(" a\n "), SLICE("a")},
	    {SLICE(" a\n \n b"), SLICE("a  b")},
	    {SLICE(" a\rb\n c"), SLICE("a\rb c")},
	    {SLICE(" a\r\r\n c"), SLICE("a\r c")},
	    {SLICE(" a\0b\n c"), SLICE("a\0b c")},
	    {SLICE_NONE, SLICE("")},
	};
	struct arena a;

	(void)state;
	arena_init(&a, 0);
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct slice s = header_unfold(&a, rows[i].raw);

		assert_slice(s, rows[i].value);
		if (rows[i].raw.p && slice_chr(slice_trim(rows[i].raw), '\n') == SIZE_MAX)
			assert_ptr_equal(s.p, slice_trim(rows[i].raw).p);
	}
	arena_free(&a);
	arena_init(&a, 1);
	assert_null(header_unfold(&a, SLICE("a\n b")).p);
	arena_free(&a);
}

static void test_locale(void **state)
{
	struct header one = {SLICE("MESSAGE-ID"), SLICE(" x"), SLICE_NONE};
	struct header_list l = {&one, 1, 1};
	struct turkish turkish;
	size_t at = 0;

	(void)state;
	if (!turkish_begin(&turkish)) {
		turkish_end(&turkish);
		skip();
	}
	assert_non_null(header_find(&l, SLICE("message-id"), &at));
	turkish_end(&turkish);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_next),   cmocka_unit_test(test_parse),
	    cmocka_unit_test(test_find),   cmocka_unit_test(test_limit_headers),
	    cmocka_unit_test(test_unfold), cmocka_unit_test(test_locale),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
