/* addr: brackets, domains, comparison, WHO. */
#include "unit/cmocka_all.h"

#include <mtaq/addr.h>

#include <stdlib.h>

#include "unit/turkish.h"

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))

static void assert_slice(struct slice got, struct slice expected)
{
	assert_int_equal(got.p == NULL, expected.p == NULL);
	assert_true(slice_eq(got, expected));
}

static void test_strip(void **state)
{
	static const struct {
		struct slice in, out;
	} rows[] = {
	    {SLICE("<a@b>"), SLICE("a@b")},
	    {SLICE("a@b"), SLICE("a@b")},
	    {SLICE("<>"), SLICE("")},
	    {SLICE(""), SLICE("")},
	    {SLICE("<"), SLICE("<")},
	    {SLICE(">"), SLICE(">")},
	    {SLICE("<a@b"), SLICE("<a@b")},
	    {SLICE("<a>,<b>"), SLICE("<a>,<b>")},
	    {SLICE("<<a>>"), SLICE("<<a>>")},
	    {SLICE("<\"a>b\"@c>"), SLICE("\"a>b\"@c")},
	    {SLICE("Ann <a@b>"), SLICE("Ann <a@b>")},
	    {SLICE("x> bouncing"), SLICE("x> bouncing")},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		assert_slice(addr_strip(rows[i].in), rows[i].out);
	assert_slice(addr_strip(SLICE_NONE), SLICE_NONE);
}

static void test_domain(void **state)
{
	static const struct {
		struct slice in, out;
	} rows[] = {
	    {SLICE("a@Example.ORG"), SLICE("Example.ORG")},
	    {SLICE("a@example.org."), SLICE("example.org")},
	    {SLICE("a@b@c"), SLICE("c")},
	    {SLICE("@relay,@other:a@c"), SLICE("c")},
	    {SLICE("\"a@x\"@c"), SLICE("c")},
	    {SLICE("\"a@x\""), SLICE_NONE},
	    {SLICE("\"a\\\"@x\"@c"), SLICE("c")},
	    {SLICE("\"open@c"), SLICE("c")},
	    {SLICE("\"\\\"open@c"), SLICE("c")},
	    {SLICE("a@\"odd@host\""), SLICE("\"odd@host\"")},
	    {SLICE("a@[IPv6:2001:db8::1]"), SLICE("[IPv6:2001:db8::1]")},
	    {SLICE("#@[]"), SLICE("[]")},
	    {SLICE("a@"), SLICE("")},
	    {SLICE("a@."), SLICE("")},
	    {SLICE("MAILER-DAEMON"), SLICE_NONE},
	    {SLICE(""), SLICE_NONE},
	    {SLICE("a\0b@c"), SLICE("c")},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		assert_slice(addr_domain(rows[i].in), rows[i].out);
	assert_slice(addr_domain(SLICE_NONE), SLICE_NONE);
}

static void test_eq(void **state)
{
	static const struct {
		struct slice a, b;
		bool equal;
	} rows[] = {
	    {SLICE("a@b"), SLICE("a@b"), true},
	    {SLICE("a@EXAMPLE.org"), SLICE("a@example.ORG."), true},
	    {SLICE("A@b"), SLICE("a@b"), false},
	    {SLICE("a@b"), SLICE("a@c"), false},
	    {SLICE("a@b"), SLICE("a"), false},
	    {SLICE("MAILER-DAEMON"), SLICE("mailer-daemon"), false},
	    {SLICE("root"), SLICE("root"), true},
	    {SLICE(""), SLICE(""), true},
	    {SLICE("a@"), SLICE("a"), false},
	    {SLICE("\"x@y\"@B"), SLICE("\"x@y\"@b"), true},
	    {SLICE("\"x@Y\"@b"), SLICE("\"x@y\"@b"), false},
	    {SLICE("ab"), SLICE("abc"), false},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		assert_int_equal(addr_eq(rows[i].a, rows[i].b), rows[i].equal);
		assert_int_equal(addr_eq(rows[i].b, rows[i].a), rows[i].equal);
	}
}

static void test_who(void **state)
{
	static const struct {
		struct slice addr, who;
		bool match;
	} rows[] = {
	    {SLICE("Ann@Example.org"), SLICE("ann@example.ORG"), true},
	    {SLICE("ann@example.org"), SLICE("<ann@example.org>"), true},
	    {SLICE("<ann@example.org>"), SLICE("ann@example.org."), true},
	    {SLICE("ann@example.org"), SLICE("ann@example.com"), false},
	    {SLICE("ann@example.org"), SLICE("nn@example.org"), false},
	    {SLICE("ann@example.org"), SLICE("@EXAMPLE.org"), true},
	    {SLICE("ann@example.org."), SLICE("@example.org."), true},
	    {SLICE("ann@sub.example.org"), SLICE("@example.org"), false},
	    {SLICE("ann"), SLICE("@example.org"), false},
	    {SLICE("\"@example.org\""), SLICE("@example.org"), false},
	    {SLICE(""), SLICE("<>"), true},
	    {SLICE("<>"), SLICE("<>"), true},
	    {SLICE("MAILER-DAEMON"), SLICE("<>"), true},
	    {SLICE("mailer-daemon"), SLICE("<>"), true},
	    {SLICE("MAILER-DAEMON"), SLICE("mailer-daemon"), true},
	    {SLICE("mailer-daemon@example.org"), SLICE("<>"), false},
	    {SLICE("#@[]"), SLICE("<>"), false},
	    {SLICE("#@[]"), SLICE("@[]"), true},
	    {SLICE(""), SLICE(""), false},
	    {SLICE("ann"), SLICE(""), false},
	    {SLICE("root"), SLICE("ROOT"), true},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		assert_int_equal(addr_matches_who(rows[i].addr, rows[i].who), rows[i].match);
	assert_false(addr_matches_who(SLICE_NONE, SLICE("<>")));
	assert_false(addr_matches_who(SLICE_NONE, SLICE("")));
}

static void test_null(void **state)
{
	(void)state;
	assert_true(addr_is_null(SLICE("")));
	assert_true(addr_is_null(SLICE("<>")));
	assert_true(addr_is_null(SLICE("Mailer-Daemon")));
	assert_true(addr_is_null(SLICE("<MAILER-DAEMON>")));
	assert_false(addr_is_null(SLICE("MAILER-DAEMON@mx")));
	assert_false(addr_is_null(SLICE(" ")));
	assert_false(addr_is_null(SLICE_NONE));
}

/* An address made of quotes only is read once, not once per quote. */
static void test_hostile_quotes(void **state)
{
	const size_t n = 4 << 20;
	char *p = malloc(n);

	(void)state;
	assert_non_null(p);
	for (size_t i = 0; i < n; i++)
		p[i] = i % 2 ? '"' : '\\';
	p[0] = '"';
	p[n - 2] = '@';
	p[n - 1] = 'c';
	assert_slice(addr_domain(slice_of(p, n)), SLICE("c"));
	free(p);
}

static void test_locale(void **state)
{
	struct turkish turkish;

	(void)state;
	if (!turkish_begin(&turkish)) {
		turkish_end(&turkish);
		skip();
	}
	assert_true(addr_is_null(SLICE("mailer-daemon")));
	assert_true(addr_eq(SLICE("a@MAIL.INFO"), SLICE("a@mail.info")));
	assert_true(addr_matches_who(SLICE("INFO@mail.info"), SLICE("info@MAIL.INFO")));
	turkish_end(&turkish);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_strip),  cmocka_unit_test(test_domain),
	    cmocka_unit_test(test_eq),	   cmocka_unit_test(test_who),
	    cmocka_unit_test(test_null),   cmocka_unit_test(test_hostile_quotes),
	    cmocka_unit_test(test_locale),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
