/* Regular expressions: flags, bytes that are not UTF-8, limits with and without JIT, runaway
 * patterns. */
#include "match.h"
#include "unit/cmocka_all.h"

#include <mtaq/limits.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

struct fixture {
	struct arena arena;
	struct pattern *list;
	struct matcher *matcher;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);

	assert_non_null(f);
	arena_init(&f->arena, 0);
	f->matcher = matcher_new();
	assert_non_null(f->matcher);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	patterns_free(f->list);
	matcher_free(f->matcher);
	arena_free(&f->arena);
	free(f);
	return 0;
}

static const struct pattern *compile(struct fixture *f, const char *source, unsigned flags)
{
	struct error err = ERROR_INIT;
	const struct pattern *p =
	    pattern_compile(&f->arena, slice_from(source), flags, &f->list, &err);

	if (!p)
		fail_msg("%s: %s", source, err.text);
	return p;
}

static void test_flags_and_bytes(void **state)
{
	static const struct {
		const char *source;
		unsigned flags;
		struct slice subject;
		enum match_result result;
	} rows[] = {
	    {"b", 0, {"abc", 3}, MATCH_YES},
	    {"x", 0, {"abc", 3}, MATCH_NO},
	    {"", 0, {"", 0}, MATCH_YES},
	    {"^$", 0, {NULL, 0}, MATCH_YES},
	    {"B", 0, {"abc", 3}, MATCH_NO},
	    {"B", MATCH_CASELESS, {"abc", 3}, MATCH_YES},
	    {"^b", 0, {"a\nb", 3}, MATCH_NO},
	    {"^b", MATCH_MULTILINE, {"a\nb", 3}, MATCH_YES},
	    {"a.b", 0, {"a\nb", 3}, MATCH_NO},
	    {"a.b", MATCH_DOTALL, {"a\nb", 3}, MATCH_YES},
	    {"a b # c", MATCH_EXTENDED, {"ab", 2}, MATCH_YES},
	    {"a\\/b", 0, {"a/b", 3}, MATCH_YES},
	    {"[\\/]", 0, {"/", 1}, MATCH_YES},
	    {"a\\\\", 0, {"a\\", 2}, MATCH_YES},
	    {"\\Qa\\/b\\E", 0, {"a/b", 3}, MATCH_YES},
	    {"a.c", 0, {"a\0c", 3}, MATCH_YES},
	    /* one character, not two bytes */
	    {"^.$", 0, {"\xc3\xa4", 2}, MATCH_YES},
	    {"\xc3\x84", MATCH_CASELESS, {"\xc3\xa4", 2}, MATCH_YES},
	    {"^.$", MATCH_BYTES, {"\xc3\xa4", 2}, MATCH_NO},
	    {"^..$", MATCH_BYTES, {"\xc3\xa4", 2}, MATCH_YES},
	    {"^[\\x80-\\xff]+$", MATCH_BYTES, {"\xe4\xb8\xad\xff", 4}, MATCH_YES},
	    {"\xe4", MATCH_BYTES, {"a\xe4", 2}, MATCH_YES},
	    {"\xc4", MATCH_BYTES | MATCH_CASELESS, {"\xe4", 1}, MATCH_NO},
	    {"A", MATCH_BYTES | MATCH_CASELESS, {"\xffza", 3}, MATCH_YES},
	    /* what is not UTF-8 is matched by nothing, around it all is as usual */
	    {"abc",
	     0,
	     {"\xff\xfe"
	      "abc\xc3",
	      6},
	     MATCH_YES},
	    {"a.b",
	     0,
	     {"a\xff"
	      "b",
	      3},
	     MATCH_NO},
	    {"x\\xffy", 0, {"x\xffy", 3}, MATCH_NO},
	    {"[^a]", 0, {"\xff", 1}, MATCH_NO},
	    {"b$",
	     0,
	     {"\xff"
	      "b",
	      2},
	     MATCH_YES},
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		char slow[64];

		/* the same with JIT and without */
		snprintf(slow, sizeof slow, "(*NO_JIT)%s", rows[i].source);
		for (int jit = 0; jit < 2; jit++) {
			const struct pattern *p =
			    compile(f, jit ? rows[i].source : slow, rows[i].flags);
			enum match_result r = matcher_match(f->matcher, p, rows[i].subject);

			if (r != rows[i].result)
				fail_msg("row %zu, jit %d: %d", i, jit, r);
			assert_false(pattern_runaway(p));
		}
	}
}

static void test_text(void **state)
{
	struct fixture *f = *state;
	struct error err = ERROR_INIT;

	assert_string_equal(pattern_text(compile(f, "a\\/b", 0)).p, "/a\\/b/");
	assert_string_equal(pattern_text(compile(f, "x", MATCH_EXTENDED | MATCH_CASELESS)).p,
			    "/x/ix");
	/* a NUL is part of it */
	assert_int_equal(
	    pattern_text(pattern_compile(&f->arena, slice_of("a\0b", 3), 0, &f->list, &err)).n, 5);
}

static void test_broken(void **state)
{
	static const struct {
		const char *source;
		size_t offset;
		const char *message;
	} rows[] = {
	    {"a(b", 3, "in the regular expression: missing closing parenthesis"},
	    {"*a", 0, "in the regular expression: quantifier does not follow a repeatable item"},
	    {"[a", 2, "in the regular expression: missing terminating ] for character class"},
	    /* the slash is written with two bytes before the place */
	    {"\\/\\/*+*", 6,
	     "in the regular expression: quantifier does not follow a repeatable item"},
	    {"\\\\\\/(", 5, "in the regular expression: missing closing parenthesis"},
	    {"\\C", 2, "in the regular expression: using \\C is disabled by the application"},
	    {"a\xff", 1, NULL},
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct error err = ERROR_INIT;

		assert_null(
		    pattern_compile(&f->arena, slice_from(rows[i].source), 0, &f->list, &err));
		assert_int_equal(err.code, ERROR_USAGE);
		if (rows[i].message)
			assert_string_equal(err.text, rows[i].message);
		if (err.offset != rows[i].offset)
			fail_msg("%s: offset %zu", rows[i].source, err.offset);
	}
	assert_null(f->list);
}

/* n times "a", then "b" */
static struct slice hostile(struct fixture *f, size_t n)
{
	char *p = arena_alloc(&f->arena, n + 1);

	assert_non_null(p);
	memset(p, 'a', n);
	p[n] = 'b';
	return slice_of(p, n + 1);
}

static const char *with_groups(struct fixture *f, const char *source, size_t groups)
{
	char *p = arena_alloc(&f->arena, strlen(source) + 2 * groups + 1);
	size_t n;

	assert_non_null(p);
	n = strlen(source);
	memcpy(p, source, n);
	for (; groups; groups--, n += 2)
		memcpy(p + n, "()", 2);
	p[n] = '\0';
	return p;
}

/* Each limit by itself: just below it there is an answer. */
static void test_limits(void **state)
{
	static const struct {
		const char *source;
		size_t groups, n; /* empty groups at the end, which make each step larger */
		enum match_result result;
	} rows[] = {
	    /* steps double with each letter; PCRE2 alone would take ten times as many as we do */
	    {"(a+)+$", 0, 12, MATCH_NO},
	    {"(a+)+$", 0, 21, MATCH_LIMIT},
	    {"(*NO_JIT)(a+)+$", 0, 12, MATCH_NO},
	    {"(*NO_JIT)(a+)+$", 0, 21, MATCH_LIMIT},
	    /* a step deeper with each letter */
	    {"(*NO_JIT)(*NO_START_OPT)^(?:a|b)*c", 0, LIMIT_REGEX_DEPTH * 2 / 5, MATCH_NO},
	    {"(*NO_JIT)(*NO_START_OPT)^(?:a|b)*c", 0, LIMIT_REGEX_DEPTH * 2, MATCH_LIMIT},
	    /* each step takes some 16 KiB; no deeper than above where it is well */
	    {"(*NO_JIT)(*NO_START_OPT)^(?:a|b)*c", 1000, LIMIT_REGEX_HEAP_KIB / 100, MATCH_NO},
	    {"(*NO_JIT)(*NO_START_OPT)^(?:a|b)*c", 1000, LIMIT_REGEX_HEAP_KIB / 5, MATCH_LIMIT},
	    /* some bytes for each letter */
	    {"^((a)(?1)|b)*c", 0, LIMIT_REGEX_JIT_STACK / 1024, MATCH_NO},
	    {"^((a)(?1)|b)*c", 0, LIMIT_REGEX_JIT_STACK * 2, MATCH_LIMIT},
	};
	struct fixture *f = *state;

	assert_in_range(LIMIT_REGEX_MATCH, 1u << 12, 1u << 21);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		const struct pattern *p =
		    compile(f, with_groups(f, rows[i].source, rows[i].groups), 0);
		enum match_result r = matcher_match(f->matcher, p, hostile(f, rows[i].n));

		if (r != rows[i].result)
			fail_msg("%s, %zu: %d", rows[i].source, rows[i].n, r);
		/* the matcher is as good as before */
		assert_int_equal(matcher_match(f->matcher, compile(f, "a", 0), SLICE("a")),
				 MATCH_YES);
	}
}

static void *hit_limit(void *arg)
{
	const struct pattern *p = arg;
	struct matcher *m = matcher_new();

	if (m)
		matcher_match(m, p, SLICE("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab"));
	matcher_free(m);
	return NULL;
}

/* Hits are counted over threads, and only those. */
static void test_runaway(void **state)
{
	struct fixture *f = *state;
	const struct pattern *p = compile(f, "(a+)+$", 0), *good = compile(f, "a", 0);
	pthread_t threads[LIMIT_REGEX_ERRORS];

	hit_limit((void *)(uintptr_t)p);
	matcher_match(f->matcher, p, SLICE("aab"));
	for (unsigned i = 2; i < LIMIT_REGEX_ERRORS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, hit_limit, (void *)(uintptr_t)p),
				 0);
	for (unsigned i = 2; i < LIMIT_REGEX_ERRORS; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	assert_false(pattern_runaway(p));
	assert_null(patterns_runaway(f->list));
	hit_limit((void *)(uintptr_t)p);
	assert_true(pattern_runaway(p));
	assert_false(pattern_runaway(good));
	assert_ptr_equal(patterns_runaway(f->list), p);
}

static void test_memory(void **state)
{
	struct fixture *f = *state;
	struct error err = ERROR_INIT;
	struct arena small;

	arena_init(&small, 1);
	assert_null(pattern_compile(&small, SLICE("x"), 0, &f->list, &err));
	assert_int_equal(err.code, ERROR_NOMEM);
	arena_free(&small);
	matcher_free(NULL);
	patterns_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_flags_and_bytes, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_text, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_broken, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_limits, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_runaway, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_memory, setup, teardown),
	};

	return cmocka_run_group_tests_name("match", tests, NULL, NULL);
}
