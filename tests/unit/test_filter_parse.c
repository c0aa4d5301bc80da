/* The grammar: what an expression means, told by its canonical text; precedence; what is refused,
 * with its column. */
#include "filter.h"
#include "unit/cmocka_all.h"

#include <mtaq/limits.h>

#include <stdio.h>
#include <stdlib.h>

static struct arena arena;

static int setup(void **state)
{
	(void)state;
	setenv("TZ", "UTC", 1);
	arena_init(&arena, 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	arena_free(&arena);
	return 0;
}

/* Parse, print; "error: ..." when it does not parse. A copy that the caller frees. */
static char *reprint(struct slice text)
{
	struct error err = ERROR_INIT;
	struct filter *f = filter_parse(&arena, text, 0, &err);
	struct buf b;

	buf_init(&b);
	if (f)
		filter_print(f, &b);
	else
		buf_printf(&b, "error: %s", err.text);
	filter_free(f);
	buf_addc(&b, '\0');
	return b.p;
}

static void check(const char *text, const char *expected)
{
	char *got = reprint(slice_from(text)), *again;

	if (strcmp(got, expected) != 0)
		fail_msg("%s\n gives    %s\n expected %s", text, got, expected);
	again = reprint(slice_from(got));
	if (strcmp(again, got) != 0)
		fail_msg("%s\n prints  %s\n but that %s", text, got, again);
	free(again);
	free(got);
}

static void test_tests(void **state)
{
	static const char *const rows[][2] = {
	    {"bounce", "bounce"},
	    {"  BOUNCE\n", "bounce"},
	    {"has(subject)", "has(subject)"},
	    {"has ( header [ 'X-Y' ] )", "has(header['X-Y'])"},
	    {"any(status =~ /x/)", "any(status =~ /x/)"},
	    {"all(has(attempts))", "all(has(attempts))"},
	    {"any((recipient == 'a' or not channel == local))",
	     "any(recipient == 'a' or not channel == local)"},
	    /* text */
	    {"sender == 'a@b'", "sender == 'a@b'"},
	    {"sender eq \"a@b\"", "sender == 'a@b'"},
	    {"sender != ''", "sender != ''"},
	    {"sender ne ''", "sender != ''"},
	    {"status =~ /timed out/i", "status =~ /timed out/i"},
	    {"status !~ /a\\/b/xsmi", "status !~ /a\\/b/imsx"},
	    {"header[\"Subject\"] =~ /x/", "header['Subject'] =~ /x/"},
	    {"macro['client_name'] == 'x'", "macro['client_name'] == 'x'"},
	    {"subject == 'it\\'s \\\\ \\n\\t\\r\\0\\x1b\\xff \xc3\xa4'",
	     "subject == 'it\\'s \\\\ \\n\\t\\r\\x00\\x1b\\xff \xc3\xa4'"},
	    /* numbers */
	    {"attempts > 50", "attempts > 50"},
	    {"priority < -5", "priority < -5"},
	    {"priority == 007", "priority == 7"},
	    {"attempts != 0", "attempts != 0"},
	    {"size >= 10k", "size >= 10k"},
	    {"size <= 10485760", "size <= 10M"},
	    {"size == 1000", "size == 1000"},
	    {"size == 0", "size == 0"},
	    {"size > 2048G", "size > 2T"},
	    /* times */
	    {"age > 1h30m", "age > 1h30m"},
	    {"age>=90m", "age >= 1h30m"},
	    {"age < 0s", "age < 0s"},
	    {"age < 14d", "age < 14d"},
	    {"arrival < 2026-11-20", "arrival < 2026-11-20T00:00:00Z"},
	    {"arrival >= 2026-11-20T08:00Z", "arrival >= 2026-11-20T08:00:00Z"},
	    {"accepted > @1447493191", "accepted > 2015-11-14T09:26:31Z"},
	    {"accepted > @-5", "accepted > 1969-12-31T23:59:55Z"},
	    {"accepted > @999999999999", "accepted > @999999999999"},
	    /* enums */
	    {"state == held", "state == held"},
	    {"state != HELD", "state != held"},
	    {"channel in (remote, local, remote)", "channel in (local, remote)"},
	    /* in */
	    {"sender.domain in ('b', 'a')", "sender.domain in ('a', 'b')"},
	    {"sender.domain not in ('b')", "sender.domain not in ('b')"},
	    {"sender.domain in ('B', 'b', 'A')", "sender.domain in ('A', 'B')"},
	    {"id in ('B', 'b', 'A')", "id in ('A', 'B', 'b')"},
	    {"attempts in (3,-1,2,3)", "attempts in (-1, 2, 3)"},
	    {"size in (1k, 1024)", "size in (1k)"},
	    /* aliases */
	    {"creation_time < @0", "arrival < 1970-01-01T00:00:00Z"},
	    {"num_delivery_attempts > 1", "attempts > 1"},
	    {"headers['To'] =~ /x/", "header['To'] =~ /x/"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		check(rows[i][0], rows[i][1]);
}

/* b d l h: four yes/no tests that no operator can be mistaken for. */
static void test_precedence(void **state)
{
	static const char *const rows[][2] = {
	    /* the same operator: a flat list, parentheses left out */
	    {"bounce and locked and has(uid)", "bounce and locked and has(uid)"},
	    {"bounce and (locked and has(uid))", "bounce and locked and has(uid)"},
	    {"(bounce and locked) and has(uid)", "bounce and locked and has(uid)"},
	    {"bounce or locked or has(uid)", "bounce or locked or has(uid)"},
	    {"bounce or (locked or has(uid))", "bounce or locked or has(uid)"},
	    {"bounce && locked", "bounce and locked"},
	    {"bounce || locked", "bounce or locked"},
	    /* and before or, on either side */
	    {"bounce and locked or has(uid)", "bounce and locked or has(uid)"},
	    {"(bounce and locked) or has(uid)", "bounce and locked or has(uid)"},
	    {"bounce and (locked or has(uid))", "bounce and (locked or has(uid))"},
	    {"bounce or locked and has(uid)", "bounce or locked and has(uid)"},
	    {"bounce or (locked and has(uid))", "bounce or locked and has(uid)"},
	    {"(bounce or locked) and has(uid)", "(bounce or locked) and has(uid)"},
	    {"bounce || locked && has(uid) || has(cc)", "bounce or locked and has(uid) or has(cc)"},
	    /* not before and, or */
	    {"not bounce and locked", "not bounce and locked"},
	    {"(not bounce) and locked", "not bounce and locked"},
	    {"not (bounce and locked)", "not (bounce and locked)"},
	    {"not bounce or locked", "not bounce or locked"},
	    {"not (bounce or locked)", "not (bounce or locked)"},
	    {"bounce and not locked", "bounce and not locked"},
	    {"bounce or ! locked and has(uid)", "bounce or not locked and has(uid)"},
	    {"!bounce&&!locked||!has(uid)", "not bounce and not locked or not has(uid)"},
	    /* not after every comparison */
	    {"not age > 2d", "not age > 2d"},
	    {"not (age > 2d)", "not age > 2d"},
	    {"!age>2d and bounce", "not age > 2d and bounce"},
	    {"not sender == 'a'", "not sender == 'a'"},
	    {"not sender != 'a'", "not sender != 'a'"},
	    {"not age < 2d or bounce", "not age < 2d or bounce"},
	    {"not age <= 2d", "not age <= 2d"},
	    {"not age >= 2d", "not age >= 2d"},
	    {"not status =~ /x/ and bounce", "not status =~ /x/ and bounce"},
	    {"not status !~ /x/", "not status !~ /x/"},
	    {"not id in ('a') and bounce", "not id in ('a') and bounce"},
	    {"not id not in ('a')", "not id not in ('a')"},
	    /* not and not, not and any */
	    {"not not bounce", "not not bounce"},
	    {"!!bounce", "not not bounce"},
	    {"not (not (bounce))", "not not bounce"},
	    {"not any(channel == local) and bounce", "not any(channel == local) and bounce"},
	    {"not all(channel == local or has(reply))", "not all(channel == local or has(reply))"},
	    {"((((bounce))))", "bounce"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		check(rows[i][0], rows[i][1]);
}

struct broken {
	const char *text;
	size_t offset;
	const char *message;
};

static void check_broken(const struct broken *row)
{
	struct error err = ERROR_INIT;
	struct filter *f = filter_parse(&arena, slice_from(row->text), 0, &err);

	if (f)
		fail_msg("%s: is taken", row->text);
	if (strcmp(err.text, row->message) != 0 || err.offset != row->offset)
		fail_msg("%s\n gives    %zu %s\n expected %zu %s", row->text, err.offset, err.text,
			 row->offset, row->message);
	assert_int_equal(err.code, ERROR_USAGE);
	assert_int_equal(err.scope, SCOPE_RUN);
}

static void test_broken_grammar(void **state)
{
	static const struct broken rows[] = {
	    {"", 0, "the expression is empty: write a test, as in age > 2d"},
	    {" \n ", 3, "the expression is empty: write a test, as in age > 2d"},
	    {"(", 1,
	     "the expression ends where a field, not, has(), any(), all() or ( should follow"},
	    {"()", 1, "expected a field, not, has(), any(), all() or (, found )"},
	    {"bounce and", 10,
	     "the expression ends where a field, not, has(), any(), all() or ( should follow"},
	    {"bounce and or locked", 11,
	     "expected a field, not, has(), any(), all() or (, found or"},
	    {"not", 3,
	     "the expression ends where a field, not, has(), any(), all() or ( should follow"},
	    {"(bounce", 7, "the expression ends where and, or or ) should follow"},
	    {"(bounce locked)", 8, "expected and, or or ), found locked"},
	    {"bounce)", 6, "this ) closes nothing"},
	    {"bounce locked", 7, "expected and, or or the end, found locked"},
	    {"bounce 'x'", 7, "expected and, or or the end, found 'x'"},
	    {"2d < age", 0, "a value cannot stand here: the field comes first, as in age > 2d"},
	    {"'a' == sender", 0,
	     "a value cannot stand here: the field comes first, as in age > 2d"},
	    {"/x/", 0, "a value cannot stand here: the field comes first, as in age > 2d"},
	    {"1d < age < 3d", 0,
	     "a value cannot stand here: the field comes first, as in age > 2d"},
	    {"age > 1d < 3d", 9, "comparisons do not chain: write two of them with and between"},
	    {"id in ('a') == 'b'", 12,
	     "comparisons do not chain: write two of them with and between"},
	    {"age = 2d", 4, "'=' is written == here"},
	    {"bounce == true", 7,
	     "bounce is yes or no by itself: write it alone, or not before it"},
	    {"bounce != 1", 7, "bounce is yes or no by itself: write it alone, or not before it"},
	    {"bounce in (1)", 7, "bounce is yes or no by itself: write it alone, or not before it"},
	    {"has(uid) == 1", 9,
	     "has() of uid is yes or no by itself: write it alone, or not before it"},
	    {"has uid", 4, "expected ( after has, found uid"},
	    {"has('uid')", 4, "expected a field, found 'uid'"},
	    {"has(uid", 7, "the expression ends where ) after the field should follow"},
	    {"has(uid == 1)", 8, "expected ) after the field, found =="},
	    {"any status", 4, "expected ( after any or all, found status"},
	    {"age", 0,
	     "age by itself is neither yes nor no: compare it (age > 2d) or ask has(age)"},
	    {"not sender", 4,
	     "sender by itself is neither yes nor no: compare it (sender == 'text' or =~ /regex/) "
	     "or "
	     "ask has(sender)"},
	    {"header['X']", 0,
	     "header by itself is neither yes nor no: compare it (header[\"NAME\"] == 'text' or =~ "
	     "/regex/) or ask has(header[\"NAME\"])"},
	    {"attempts", 0,
	     "attempts by itself is neither yes nor no: compare it (attempts > 5) or ask "
	     "has(attempts)"},
	    {"size", 0,
	     "size by itself is neither yes nor no: compare it (size > 10M) or ask has(size)"},
	    {"arrival", 0,
	     "arrival by itself is neither yes nor no: compare it (arrival < 2026-11-20) or ask "
	     "has(arrival)"},
	    {"state and bounce", 0,
	     "state by itself is neither yes nor no: compare it (state == NAME) or ask has(state)"},
	    {"age >", 5, "the expression ends where a value should follow"},
	    {"sender not 'a'", 11, "expected in after a field and not, found 'a'"},
	    {"id in", 5, "the expression ends where ('a', 'b') or file 'path' should follow"},
	    {"id in 'a'", 6, "expected ('a', 'b') or file 'path', found 'a'"},
	    {"id in (", 7, "the expression ends where a value should follow"},
	    {"id in ('a'", 10, "the expression ends where , or ) should follow"},
	    {"id in ()", 7, "expected a value, found )"},
	    {"id in ('a',)", 11, "expected a value, found )"},
	    {"id in ('a' 'b')", 11, "expected , or ), found 'b'"},
	    {"id in file path", 11, "expected the path of a file in quotes, found path"},
	    {"id in file '/nonexistent/x'", 11, "/nonexistent/x: No such file or directory"},
	    {"id in file 'a\\0b'", 11, "the path of the file has a NUL in it"},
	    {"age in (1d)", 4, "age is never exactly equal to anything: write < <= > or >="},
	    {"attempts in file 'x'", 9,
	     "in file is for text, attempts is of type number: write in (...)"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		check_broken(&rows[i]);
}

static void test_broken_types(void **state)
{
	static const struct broken rows[] = {
	    {"sendr == 'a'", 0, "unknown field sendr: did you mean sender?"},
	    {"bounce and xyzzy > 1", 11, "unknown field xyzzy: `mtaq fields` lists them"},
	    {"header == 'x'", 0, "header needs a name: write header[\"NAME\"]"},
	    {"has(macro)", 4, "macro needs a name: write macro[\"NAME\"]"},
	    {"header[''] == 'x'", 7, "the name is empty: write header[\"NAME\"]"},
	    {"header[X] == 'x'", 7, "expected a name in quotes, found X"},
	    {"header['X' == 'x'", 11, "expected ], found =="},
	    {"sender['X'] == 'x'", 7, "sender takes no [\"NAME\"]"},
	    {"any(sender == 'a')", 4,
	     "sender is the whole message's, not one recipient's: it cannot stand inside any()"},
	    {"all(channel == local and age > 2d)", 25,
	     "age is the whole message's, not one recipient's: it cannot stand inside all()"},
	    {"any(has(subject))", 8,
	     "subject is the whole message's, not one recipient's: it cannot stand inside any()"},
	    {"any(all(has(route)))", 4,
	     "any() and all() do not nest: one recipient is bound already"},
	    {"any(has(route)) and all(has(subject))", 28,
	     "subject is the whole message's, not one recipient's: it cannot stand inside all()"},
	    /* operators */
	    {"subject < 'a'", 8, "subject is text: it takes == != =~ !~ and in, no order"},
	    {"attempts eq 5", 9,
	     "eq and ne are for text, attempts is of type number: write == or !="},
	    {"age =~ /2/", 4, "=~ and !~ are for text, age is of type duration: write age > 2d"},
	    {"state =~ /held/", 6,
	     "=~ and !~ are for text, state is of type enum: write state == NAME"},
	    {"age == 2d", 4, "age is never exactly equal to anything: write < <= > or >="},
	    {"arrival != 2026-11-20", 8,
	     "arrival is never exactly equal to anything: write < <= > or >="},
	    {"state > held", 6, "state has no order: write == != or in"},
	    /* values */
	    {"sender == joe@example.com and bounce", 10,
	     "texts stand in quotes: write 'joe@example.com'"},
	    {"reply == 452", 9, "texts stand in quotes: write '452'"},
	    {"id in ('a', b)", 12, "texts stand in quotes: write 'b'"},
	    {"sender == recipient", 10,
	     "recipient is a field: one stands on the left only, compared with a constant"},
	    {"arrival < accepted", 10,
	     "accepted is a field: one stands on the left only, compared with a constant"},
	    {"sender == /x/", 10, "a regular expression is compared with =~ or !~"},
	    {"sender == (", 10, "expected a value for sender, found ("},
	    {"sender =~ 'x'", 10, "=~ takes a regular expression: write it between slashes, /.../"},
	    {"sender =~ x", 10, "expected a regular expression between slashes, /.../"},
	    {"bounce and sender =~ /a(b/", 25,
	     "in the regular expression: missing closing parenthesis"},
	    {"sender =~ /\\/[/", 14,
	     "in the regular expression: missing terminating ] for character class"},
	    {"attempts > 5d", 11,
	     "5d is no number: attempts takes plain digits, as in attempts > 5"},
	    {"attempts > 9223372036854775808", 11,
	     "9223372036854775808 is no number: attempts takes plain digits, as in attempts > 5"},
	    {"attempts > '5'", 11, "attempts is of type number: write its value without quotes"},
	    {"attempts > many", 11, "expected a value for attempts, found many"},
	    {"size > 5x", 7, "5x is no size: size takes bytes, or 10k, 2M, 1G"},
	    {"size > -1", 7, "-1 is no size: size takes bytes, or 10k, 2M, 1G"},
	    {"age > 2", 6, "2 of what? A duration needs a unit: 2s, 2m, 2h, 2d or 2w"},
	    {"age > 5y", 6, "5y is no duration: write 90s, 15m, 4h, 2d, 1w or 1h30m"},
	    {"age > 2026-11-20", 6,
	     "2026-11-20 is a date and age is a duration: write it as in age > 2d"},
	    {"arrival > 2d", 10,
	     "2d is a duration and arrival is a time: write a date (2026-11-20), or compare age"},
	    {"expires > 2d", 10,
	     "2d is a duration and expires is a time: write a date (2026-11-20)"},
	    {"expires > 2026-13-45", 10,
	     "2026-13-45 is no time: write 2026-11-20, 2026-11-20T08:00[Z] or @1447493191"},
	    {"state == hold", 9,
	     "state is never hold: it is one of unknown, queued, new, held, lost, nodata, "
	     "incomplete, "
	     "incoming, ending"},
	    {"state == 'held'", 9, "state is of type enum: write its value without quotes"},
	    {"channel == smtp", 11, "channel is never smtp: it is one of local, remote"},
	    {"channel in (local, 5)", 19, "expected a value for channel, found 5"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		check_broken(&rows[i]);
}

/* `part` n times between `before` and `after`. */
static struct slice repeat(const char *before, const char *part, size_t n, const char *after)
{
	struct buf b;
	struct slice s;

	buf_init(&b);
	buf_adds(&b, before);
	while (n--)
		buf_adds(&b, part);
	buf_adds(&b, after);
	s = arena_copy(&arena, buf_slice(&b));
	buf_free(&b);
	return s;
}

static void check_limit(struct slice text, size_t offset, const char *message)
{
	struct error err = ERROR_INIT;
	struct filter *f = filter_parse(&arena, text, 0, &err);

	if (!message && !f)
		fail_msg("%s", err.text);
	filter_free(f);
	if (!message)
		return;
	assert_null(f);
	assert_string_equal(err.text, message);
	assert_int_equal(err.offset, offset);
}

static void test_limits(void **state)
{
	(void)state;
	/* LIMIT_EXPR_DEPTH */
	check_limit(repeat("bounce and ", "not ", LIMIT_EXPR_DEPTH, "bounce"), 0, NULL);
	check_limit(repeat("", "!", LIMIT_EXPR_DEPTH + 1, "bounce"), LIMIT_EXPR_DEPTH,
		    "the expression is nested more than 200 deep");
	check_limit(repeat("", "(", LIMIT_EXPR_DEPTH + 1, ""), LIMIT_EXPR_DEPTH,
		    "the expression is nested more than 200 deep");
	/* one after the other is not deep */
	check_limit(repeat("", "(not bounce) and ", 2 * LIMIT_EXPR_DEPTH, "bounce"), 0, NULL);
	/* LIMIT_EXPR_NODES: two for each part, the last one, the or */
	check_limit(repeat("", "!locked||", LIMIT_EXPR_NODES / 2 - 1, "locked"), 0, NULL);
	check_limit(repeat("", "!locked||", LIMIT_EXPR_NODES / 2, "locked"), 44992,
		    "the expression has more than 10000 parts");
	/* LIMIT_EXPR_BYTES */
	check_limit(repeat("", " ", LIMIT_EXPR_BYTES - 6, "bounce"), 0, NULL);
	check_limit(repeat("", " ", LIMIT_EXPR_BYTES - 5, "bounce"), LIMIT_EXPR_BYTES,
		    "the expression is longer than 65536 bytes");
}

static void test_without_memory_or_error(void **state)
{
	struct slice text =
	    SLICE("sender in ('a', 'b') and header['X'] =~ /x/ or any(status == 'y')");
	size_t limit;

	(void)state;
	for (limit = 1; limit < (1u << 20); limit *= 2) {
		struct error err = ERROR_INIT;
		struct arena small;
		struct filter *f;

		arena_init(&small, limit);
		f = filter_parse(&small, text, 0, &err);
		assert_int_equal(f == NULL, err.code == ERROR_NOMEM);
		filter_free(f);
		arena_free(&small);
		if (f)
			break;
	}
	assert_true(limit < (1u << 20));
	/* nobody is interested */
	assert_null(filter_parse(&arena, SLICE("age >"), 0, NULL));
	filter_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_tests, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_precedence, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_broken_grammar, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_broken_types, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_limits, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_without_memory_or_error, setup, teardown),
	};

	return cmocka_run_group_tests_name("filter_parse", tests, NULL, NULL);
}
