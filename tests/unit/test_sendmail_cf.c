/* sendmail.cf: syntax of lines and options, timeouts, queue groups. What sendmail 8.17 itself makes
 * of each row was looked up with `sendmail -d37.1 -bt`. */
#include "unit/cmocka_all.h"

#include "../../backends/sendmail/cf.h"
#include "../../backends/sendmail/cfnames.h"

#include <mtaq/limits.h>

#include <stdio.h>

static struct arena arena;

static int reset(void **state)
{
	(void)state;
	arena_reset(&arena);
	return 0;
}

static void assert_slice(struct slice got, struct slice want)
{
	assert_true((got.p == NULL) == (want.p == NULL));
	assert_int_equal(got.n, want.n);
	if (want.n)
		assert_memory_equal(got.p, want.p, want.n);
}

static struct cf parse(const char *text)
{
	struct error err = ERROR_INIT;
	struct cf cf;

	assert_int_equal(cf_parse(&arena, slice_from(text), &cf, &err), 0);
	return cf;
}

static void test_queue_directory(void **state)
{
	static const struct {
		const char *text, *value; /* NULL: not set */
		unsigned line;
	} rows[] = {
	    {"O QueueDirectory=/a\n", "/a", 1},
	    {"V10\n\n# c\nO QueueDirectory=/a/q*", "/a/q*", 4},
	    {"O queuedirectory = /a \t\n", "/a", 1},
	    {"O QueueDir=/a\n", "/a", 1},
	    {"O QueueD=/a\n", "/a", 1},
	    {"O Queue=/a\n", NULL, 0}, /* ambiguous */
	    {"O QueueDirectoryX=/a\n", NULL, 0},
	    {"O  QueueDirectory=/a\n", NULL, 0}, /* the name begins after one blank */
	    {"OQueueDirectory=/a\n", "ueueDirectory=/a", 1},
	    {"OQ/a\n", "/a", 1},
	    {"OQ /a\n", " /a", 1},
	    {"OQ\n", "mqueue", 1},
	    {"O QueueDirectory\n", "mqueue", 1},
	    {"O QueueDirectory=/a\nO QueueDirectory=/b\n", "/b", 2},
	    {"OQ/a\nO QueueDir=/b\nOQ/c\n", "/c", 3},
	    {"#O QueueDirectory=/a\n", NULL, 0},
	    {"# comment\n\tO QueueDirectory=/a\n", NULL, 0},
	    {" O QueueDirectory=/a\n", NULL, 0},
	    {"O QueueDirectory=/a # not this\n", "/a", 1},
	    {"O QueueDirectory=/a#nor this\n", "/a", 1},
	    {"O QueueDirectory=/a\\#b\n", "/a#b", 1},
	    {"O QueueDirectory=/a$#b\n", "/a$#b", 1},
	    {"O QueueDirectory=/a$$b\n", "/a$b", 1},
	    {"O QueueDirectory=\"/a\"\n", "\"/a\"", 1},
	    {"O QueueDirectory=/a\r\n", "/a", 1},
	    {"O QueueDirectory=/a=b\n", "/a=b", 1},
	    {"O QueueDirectory=/a/*/b*c\n", "/a/*/b*c", 1},
	    {"O QueueDirectory\n =/a\n", NULL, 0},
	    {"O\nO \nO =\nQ\nP\nV\n", NULL, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct cf cf = parse(rows[i].text);

		assert_slice(cf.option[CF_QUEUE_DIRECTORY].text, slice_from(rows[i].value));
		assert_int_equal(cf.option[CF_QUEUE_DIRECTORY].line, rows[i].line);
	}
}

static void test_lines_count_physically(void **state)
{
	struct cf cf = parse("# one\n  two\n\tthree\nO PidFile=/p\nO SuperSafe=true\n");

	(void)state;
	assert_int_equal(cf.option[CF_PID_FILE].line, 4);
	assert_int_equal(cf.option[CF_SUPER_SAFE].line, 5);
}

/* Return (or warning) of normal, urgent, non-urgent, dsn in hours. */
static void test_timeouts(void **state)
{
	static const struct {
		const char *text;
		int hours[CF_CLASS_COUNT], warn[CF_CLASS_COUNT];
	} rows[] = {
	    {"", {120, 120, 120, 120}, {0, 0, 0, 0}},
	    {"O Timeout.queuereturn=3d\n", {72, 72, 72, 72}, {0}},
	    {"O Timeout.queuereturn=3\n", {72, 72, 72, 72}, {0}},
	    {"O Timeout.queuereturn.*=3d\n", {72, 72, 72, 72}, {0}},
	    {"O timeout.QUEUERETURN=1w\n", {168, 168, 168, 168}, {0}},
	    {"O Timeout.queuereturn.urgent=1d\n", {120, 24, 120, 120}, {0}},
	    {"O Timeout.queuereturn.non-urgent=1d\n", {120, 120, 24, 120}, {0}},
	    {"O Timeout.queuereturn.dsn=1d12h\n", {120, 120, 120, 36}, {0}},
	    {"O Timeout.queuereturn.normal=2\nO Timeout.queuereturn=1d\n", {24, 24, 24, 24}, {0}},
	    {"O Timeout.queueret=3d\n", {120, 120, 120, 120}, {0}},
	    {"O Timeout.queuereturn.nor=3d\n", {120, 120, 120, 120}, {0}},
	    {"O Timeout.queuereturn=now\n", {0, 0, 0, 0}, {0}},
	    {"O Timeout.queuewarn=4\n", {120, 120, 120, 120}, {4, 4, 4, 4}},
	    {"O Timeout.queuewarn.urgent=1h\n", {120, 120, 120, 120}, {0, 1, 0, 0}},
	    {"OT3d\n", {72, 72, 72, 72}, {0}},
	    {"OT3d/4h\n", {72, 72, 72, 72}, {4, 4, 4, 4}},
	    {"O QueueTimeout=3d/4\n", {72, 72, 72, 72}, {4, 4, 4, 4}},
	    {"Orqueuereturn=3d,queuewarn=4h\n", {72, 72, 72, 72}, {4, 4, 4, 4}},
	    {"O Timeout=queuereturn=3d, queuewarn.dsn=4h\n", {72, 72, 72, 72}, {0, 0, 0, 4}},
	    {"Or5m\n", {120, 120, 120, 120}, {0}},
	    {"O Timeout.queuereturn=1d # two\n", {24, 24, 24, 24}, {0}},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct cf cf = parse(rows[i].text);

		for (int c = 0; c < CF_CLASS_COUNT; c++) {
			assert_int_equal(cf.queue_return[c].seconds, rows[i].hours[c] * 3600);
			assert_int_equal(cf.queue_warn[c].seconds, rows[i].warn[c] * 3600);
		}
	}
	assert_int_equal(parse("\nO Timeout.queuereturn.dsn=1d\n").queue_return[CF_DSN].line, 2);
	assert_int_equal(parse("\nO Timeout.queuereturn.dsn=1d\n").queue_return[CF_NORMAL].line, 0);
	assert_int_equal(parse("").host_status.seconds, 1800);
	assert_int_equal(parse("O Timeout.hoststatus=2\n").host_status.seconds, 120);
}

static void test_seconds(void **state)
{
	static const struct {
		const char *text;
		char unit;
		int64_t value;
	} rows[] = {
	    {"3d12h", 's', 302400}, {"1w", 's', 604800},  {"5", 'm', 300},     {"5", 'd', 432000},
	    {"90s", 'h', 90},	    {"-2h", 's', -7200},  {"NOW", 'd', 0},     {"", 'd', 0},
	    {"2D", 'm', 120},	    {"10 min", 'm', 600}, {"1h30", 'm', 5400}, {" 5m ", 'd', 300},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		assert_true(cf_seconds(slice_from(rows[i].text), rows[i].unit) == rows[i].value);
	assert_true(cf_seconds(SLICE("99999999999999999999999999w"), 'd') > INT64_MAX / 8);
	assert_true(cf_seconds(SLICE("-99999999999999999999999999w"), 'd') < INT64_MIN / 8);
	assert_true(cf_seconds(SLICE("9999999999999999999w9999999999999999999w"), 'd') > 0);
}

static void test_min_queue_age(void **state)
{
	struct cf cf = parse("O MinQueueAge=30\n"), none = parse("");

	(void)state;
	assert_int_equal(cf_min_queue_age(&cf), 1800);
	assert_int_equal(cf_min_queue_age(&none), 0);
}

/* NAME=PATH(INTERVAL,RUNNERS) of each group */
static struct slice spell_groups(const struct cf *cf)
{
	struct slice out = SLICE("");

	for (size_t i = 0; i < cf->group_count; i++) {
		const struct cf_group *g = &cf->groups[i];

		out = arena_printf(&arena, "%.*s%s%.*s=%.*s(%.*s,%.*s)", SLICE_ARG(out),
				   i ? " " : "", SLICE_ARG(g->name), SLICE_ARG(g->path),
				   SLICE_ARG(g->interval), SLICE_ARG(g->runners));
	}
	return out;
}

static void test_groups(void **state)
{
	static const struct {
		const char *text, *groups;
	} rows[] = {
	    {"Qone\n", "one=(,)"},
	    {"Qone, P=/a/b*, F=f, I=1h, R=2, J=50, r=100, N=5\n", "one=/a/b*(1h,2)"},
	    {"Qone, Path=/a, Interval=5m, Runners=0\n", "one=/a(5m,0)"},
	    {"Qone,P=/a,R=1\nQtwo,P=/b\n", "one=/a(,1) two=/b(,)"},
	    {"Qone P=/a, I=1h\n", "one=/a(1h,)"},
	    /* values end at commas, not at blanks */
	    {"Qone P=/a I=1h\n", "one=/a I=1h(,)"},
	    {"Qone, P=\"/a,b\", R=3\n", "one=/a,b(,3)"},
	    {"Qone, P = /a, R=1\n", "one=/a(,1)"},
	    {"Qone, P=/a\nQONE, I=2h\n", "ONE=(2h,)"},
	    {"Qone, p=/a\n", "one=(,)"},
	    {"Qone, P=/a # and why\n", "one=/a(,)"},
	    {"Q\nQ ,P=/a\n", ""},
	    {"Qone, nonsense\n", "one=(,)"},
	    {"Qone,\n P=/a,\n\tR=4\n", "one=/a(,4)"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct cf cf = parse(rows[i].text);

		assert_slice(spell_groups(&cf), slice_from(rows[i].groups));
	}
	assert_int_equal(parse("\nQone\n").groups[0].line, 2);
}

static void test_precedence(void **state)
{
	struct cf stock = parse(""),
		  own = parse("Pfirst-class=0\nPspecial=12\nPbulk=-7\nPodd=x\nPno\n");

	(void)state;
	assert_int_equal(cf_precedence_of(&stock, SLICE("BULK")), -60);
	assert_int_equal(cf_precedence_of(&stock, SLICE("list")), -30);
	assert_int_equal(cf_precedence_of(&stock, SLICE("special-delivery")), 100);
	assert_int_equal(cf_precedence_of(&stock, SLICE("first-class")), 0);
	assert_int_equal(cf_precedence_of(&own, SLICE("bulk")), -7);
	assert_int_equal(cf_precedence_of(&own, SLICE("special")), 12);
	assert_int_equal(cf_precedence_of(&own, SLICE("odd")), 0);
	assert_int_equal(cf_precedence_of(&own, SLICE("list")), 0);
}

static void test_bool(void **state)
{
	(void)state;
	assert_true(cf_bool(SLICE("")));
	assert_true(cf_bool(SLICE("True")));
	assert_true(cf_bool(SLICE("yes")));
	assert_false(cf_bool(SLICE("false")));
	assert_false(cf_bool(SLICE("1")));
}

static void test_names(void **state)
{
	static const struct {
		const char *name;
		enum cf_option id;
	} rows[] = {
	    {"MinQueueAge", CF_MIN_QUEUE_AGE},
	    {"minq", CF_MIN_QUEUE_AGE},
	    {"min", CF_OTHER},
	    {"PidFile", CF_PID_FILE},
	    {"pid", CF_PID_FILE},
	    {"Supersafe", CF_SUPER_SAFE},
	    {"time", CF_OTHER},
	    {"timeo", CF_TIMEOUT},
	    {"QueueLA", CF_QUEUE_LA},
	    {"", CF_OTHER},
	    {"NoSuchThing", CF_OTHER},
	    {"QueueFileMode", CF_QUEUE_FILE_MODE},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		assert_int_equal(cf_option_named(slice_from(rows[i].name)), rows[i].id);
	assert_int_equal(cf_option_letter('T'), CF_QUEUE_TIMEOUT);
	assert_int_equal(cf_option_letter('?'), CF_OTHER);
}

/* A line of many fields takes as much memory as it is long, not its square. */
static void test_many_fields(void **state)
{
	static char line[2 + 5 * 20000] = "Qx";
	struct arena small;
	struct cf cf;

	(void)state;
	for (size_t i = 0; i < 20000; i++)
		memcpy(line + 2 + 5 * i, ",P=/a", 5);
	arena_init(&small, 4u << 20);
	assert_int_equal(cf_parse(&small, slice_of(line, sizeof line), &cf, NULL), 0);
	assert_slice(cf.groups[0].path, slice_from("/a"));
	arena_free(&small);
}

static void test_limits(void **state)
{
	struct error err = ERROR_INIT;
	struct slice text = SLICE("");
	struct cf cf;
	char *big;

	(void)state;
	for (unsigned i = 0; i <= LIMIT_QUEUE_GROUPS; i++)
		text = arena_printf(&arena, "%.*sQg%u\n", SLICE_ARG(text), i);
	assert_int_equal(cf_parse(&arena, text, &cf, &err), -1);
	assert_int_equal(err.code, ERROR_LIMIT);
	assert_non_null(strstr(err.text, "line 1001"));

	big = arena_zalloc(&arena, LIMIT_CF_BYTES + 1);
	assert_int_equal(cf_parse(&arena, slice_of(big, LIMIT_CF_BYTES), &cf, NULL), 0);
	assert_int_equal(cf_parse(&arena, slice_of(big, LIMIT_CF_BYTES + 1), &cf, NULL), -1);
}

static int done(void **state)
{
	(void)state;
	arena_free(&arena);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_teardown(test_queue_directory, reset),
	    cmocka_unit_test_teardown(test_lines_count_physically, reset),
	    cmocka_unit_test_teardown(test_timeouts, reset),
	    cmocka_unit_test_teardown(test_seconds, reset),
	    cmocka_unit_test_teardown(test_min_queue_age, reset),
	    cmocka_unit_test_teardown(test_groups, reset),
	    cmocka_unit_test_teardown(test_many_fields, reset),
	    cmocka_unit_test_teardown(test_precedence, reset),
	    cmocka_unit_test_teardown(test_bool, reset),
	    cmocka_unit_test_teardown(test_names, reset),
	    cmocka_unit_test_teardown(test_limits, reset),
	};

	arena_init(&arena, 0);
	return cmocka_run_group_tests(tests, NULL, done);
}
