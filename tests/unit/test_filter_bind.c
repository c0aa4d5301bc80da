/* A filter made ready for a queue: folding, order by cost, fields that the MTA cannot have. */
#include "filter_ast.h"
#include "unit/cmocka_all.h"
#include "unit/filter_world.h"

#include <mtaq/limits.h>

#include <pthread.h>
#include <stdlib.h>

static struct world world;

static int setup(void **state)
{
	(void)state;
	world_init(&world);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	world_free(&world);
	return 0;
}

static struct filter *parse(const char *text)
{
	struct error err = ERROR_INIT;
	struct filter *f = filter_parse(&world.arena, slice_from(text), WORLD_NOW, &err);

	if (!f)
		fail_msg("%s: %s", text, err.text);
	return f;
}

static void check(const char *text, const char *terms)
{
	struct filter *f = parse(text);
	struct error err = ERROR_INIT;
	const struct filter *bound = filter_bind(&world.arena, f, &world.target, &err);
	struct buf b;

	if (!bound)
		fail_msg("%s: %s", text, err.text);
	buf_init(&b);
	term_print(bound->terms, &b);
	buf_addc(&b, '\0');
	if (strcmp(b.p, terms) != 0)
		fail_msg("%s\n gives    %s\n expected %s", text, b.p, terms);
	/* what was written stays as it was */
	buf_clear(&b);
	filter_print(bound, &b);
	assert_true(b.n > 0);
	buf_free(&b);
	filter_free(f);
}

struct row {
	const char *text, *terms;
};

#define CHECK_ROWS(rows)                                                                           \
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)                                  \
	check(rows[i].text, rows[i].terms)

static void test_negation(void **state)
{
	static const struct row rows[] = {
	    {"bounce", "bounce"},
	    {"not bounce", "not bounce"},
	    {"not not bounce", "bounce"},
	    {"not age > 2d", "not age > 2d"},
	    {"not id == 'x'", "id != 'x'"},
	    {"not id != 'x'", "id == 'x'"},
	    {"not id in ('x')", "id not in ('x')"},
	    {"not subject !~ /x/", "subject =~ /x/"},
	    {"not has(cc)", "not has(cc)"},
	    {"not (bounce and age > 2d)", "(not bounce or not age > 2d)"},
	    {"not (bounce or not age > 2d)", "(not bounce and age > 2d)"},
	    {"not (bounce and not (age > 2d and has(age)))",
	     "(not bounce or (age > 2d and has(age)))"},
	    {"any(has(route))", "some(has(route))"},
	    {"all(has(route))", "every(has(route))"},
	    {"not any(has(route) and channel == local)",
	     "none or every((not has(route) or channel != local))"},
	    {"not all(has(route) or channel == local)",
	     "some((not has(route) and channel != local))"},
	    /* flat after all that */
	    {"bounce and not (age > 2d or age > 3d)", "(bounce and not age > 2d and not age > 3d)"},
	    {"not (bounce and not (age > 2d or age > 3d))", "(not bounce or age > 2d or age > 3d)"},
	};

	(void)state;
	CHECK_ROWS(rows);
}

static void test_order(void **state)
{
	static const struct row rows[] = {
	    {"body =~ /x/ and subject =~ /x/ and bounce",
	     "(bounce and subject =~ /x/ and body =~ /x/)"},
	    {"status =~ /x/ or size > 1 or age > 1d", "(age > 1d or size > 1 or status =~ /x/)"},
	    /* equals as written; a comparison before in before a regular expression */
	    {"age > 2d and bounce and arrival < @1",
	     "(age > 2d and bounce and arrival < 1970-01-01T00:00:01Z)"},
	    {"arrival < @1 and bounce and age > 2d",
	     "(arrival < 1970-01-01T00:00:01Z and bounce and age > 2d)"},
	    {"sender =~ /x/ and sender in ('x') and sender == 'x'",
	     "(sender == 'x' and sender in ('x') and sender =~ /x/)"},
	    /* a group costs what all in it costs, each part once */
	    {"(bounce or body =~ /x/) and subject =~ /y/",
	     "(subject =~ /y/ and (bounce or body =~ /x/))"},
	    {"(sender == 'x' or auth == 'y') and recipients > 5",
	     "((sender == 'x' or auth == 'y') and recipients > 5)"},
	    {"(sender == 'x' or age > 2d or size > 1) and recipients > 5",
	     "(recipients > 5 and (age > 2d or size > 1 or sender == 'x'))"},
	    {"any(status =~ /x/ and recipient =~ /y/) and bounce",
	     "(bounce and some((recipient =~ /y/ and status =~ /x/)))"},
	};

	(void)state;
	CHECK_ROWS(rows);
}

static void test_folding(void **state)
{
	static const struct row rows[] = {
	    {"mta == qmail", "YES"},
	    {"mta != qmail", "NO"},
	    {"not mta == qmail", "NO"},
	    {"has(mta)", "YES"},
	    {"host == 'MX.EXAMPLE' and queue == 'qmail:/queue'", "YES"},
	    {"queue =~ /other/ or host in ('a', 'b')", "NO"},
	    {"mta == qmail and bounce", "bounce"},
	    {"mta == qmail or bounce", "YES"},
	    {"bounce and mta != qmail", "NO"},
	    {"bounce or mta != qmail", "bounce"},
	    {"bounce and age > 2d and mta == qmail", "(bounce and age > 2d)"},
	    {"not (mta == qmail and bounce)", "not bounce"},
	    {"not (mta != qmail or bounce)", "not bounce"},
	    {"bounce and (mta != qmail or age > 2d)", "(bounce and age > 2d)"},
	    /* one that is left joins the level above */
	    {"bounce and (mta != qmail or (age > 2d and has(age)))",
	     "(bounce and age > 2d and has(age))"},
	    {"bounce or (mta == qmail and (age > 2d or has(age)))",
	     "(bounce or age > 2d or has(age))"},
	    {"(mta == qmail and bounce) or (mta != qmail and age > 2d)", "bounce"},
	    {"any(has(route)) and mta == qmail", "some(has(route))"},
	    /* what the folded part named is not asked of this MTA */
	    {"mta != qmail and priority > 5", "NO"},
	    {"mta == qmail or priority > 5", "YES"},
	    {"mta != qmail and priority > 5 or bounce", "bounce"},
	    {"mta != qmail and any(dsn == '4.4.1') or bounce", "bounce"},
	};

	(void)state;
	CHECK_ROWS(rows);
}

static void test_constants(void **state)
{
	static const struct {
		const char *text;
		enum verdict constant;
		parts_t parts;
	} rows[] = {
	    {"mta == qmail", VERDICT_YES, 0},
	    {"mta != qmail", VERDICT_NO, 0},
	    {"id == 'x'", VERDICT_PENDING, 0},
	    {"bounce", VERDICT_PENDING, PART_STAT},
	    {"bounce and (subject =~ /x/ or not any(status =~ /y/))", VERDICT_PENDING,
	     PART_STAT | PART_HEADER | PART_RECIPIENTS | PART_LOG},
	    {"state == queued and mta == qmail", VERDICT_PENDING, PART_STAT | PART_RECIPIENTS},
	    {"body =~ /x/ and mta != qmail", VERDICT_NO, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct filter *f = parse(rows[i].text);
		const struct filter *bound = filter_bind(&world.arena, f, &world.target, NULL);

		assert_non_null(bound);
		assert_int_equal(filter_constant(bound), rows[i].constant);
		if (filter_parts(bound) != rows[i].parts)
			fail_msg("%s: %x", rows[i].text, filter_parts(bound));
		filter_free(f);
	}
}

/* A constant filter answers without a message. */
static void test_constant_answers(void **state)
{
	struct filter *f = parse("mta != qmail and priority > 5");
	const struct filter *bound = filter_bind(&world.arena, f, &world.target, NULL);
	struct filter_state *s = filter_state_new(bound);
	struct field_context c = world_context(&world, &world.dummy);
	parts_t want = 0;

	(void)state;
	assert_non_null(s);
	assert_int_equal(filter_eval(bound, s, &c, &want, NULL), VERDICT_NO);
	assert_int_equal(filter_eval_naive(bound, s, &c), VERDICT_NO);
	assert_int_equal(want, 0);
	filter_state_free(s);
	filter_free(f);
}

static void check_refused(const char *text, const char *message)
{
	struct filter *f = parse(text);
	struct error err = ERROR_INIT;

	assert_null(filter_bind(&world.arena, f, &world.target, &err));
	assert_string_equal(err.text, message);
	assert_int_equal(err.code, ERROR_USAGE);
	assert_int_equal(err.scope, SCOPE_RUN);
	filter_free(f);
}

static void test_cannot_have(void **state)
{
	struct filter_target plain = world.target;

	(void)state;
	check_refused("priority > 5",
		      "qmail:/queue: its messages have no priority (sendmail has it); "
		      "`mta != qmail and (...)` leaves this queue out");
	check_refused("bounce and not has(macro['x'])",
		      "qmail:/queue: its messages have no macro; "
		      "`mta != qmail and (...)` leaves this queue out");
	check_refused("any(dsn == 'x')", "qmail:/queue: its messages have no dsn; "
					 "`mta != qmail and (...)` leaves this queue out");
	/* the other way round it cannot be left out: the message may be no bounce */
	check_refused("bounce or mta == qmail and priority > 5",
		      "qmail:/queue: its messages have no priority (sendmail has it); "
		      "`mta != qmail and (...)` leaves this queue out");
	/* no reasons at all */
	plain.lacks = NULL;
	world.target = plain;
	check_refused("priority > 5", "qmail:/queue: its messages have no priority; "
				      "`mta != qmail and (...)` leaves this queue out");
}

/* A constant whose pattern cannot be decided is no constant. */
static void test_limit_in_constant(void **state)
{
	struct filter *f = parse("queue =~ /(a+)+$/");
	struct error err = ERROR_INIT;

	(void)state;
	world.queue.name = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab";
	assert_null(filter_bind(&world.arena, f, &world.target, &err));
	assert_int_equal(err.code, ERROR_LIMIT);
	filter_free(f);
}

/* The same filter for two queues; joined ones; patterns found through all of it. */
static void test_shared(void **state)
{
	struct filter *list[] = {parse("subject =~ /x/ or has(cc)"),
				 parse("not bounce and age > 2d")};
	struct filter *all = filter_all(&world.arena, list, 2);
	const struct filter *a = filter_bind(&world.arena, all, &world.target, NULL);
	const struct filter *b = filter_bind(&world.arena, all, &world.target, NULL);
	struct buf out;

	(void)state;
	assert_non_null(a);
	assert_non_null(b);
	buf_init(&out);
	term_print(a->terms, &out);
	buf_adds(&out, " / ");
	term_print(b->terms, &out);
	buf_addc(&out, '\0');
	assert_string_equal(out.p, "(not bounce and age > 2d and (has(cc) or subject =~ /x/)) / "
				   "(not bounce and age > 2d and (has(cc) or subject =~ /x/))");
	assert_null(filter_runaway(a));
	assert_true(filter_names(a, FIELD_CC));
	buf_free(&out);
	filter_free(all);
}

/* --- many threads, one filter --- */

struct sharer {
	const struct filter *bound;
	int64_t age;
	enum verdict verdict;
};

static void *evaluate(void *arg)
{
	struct sharer *t = arg;
	struct filter_state *s = filter_state_new(t->bound);
	struct message m = world_message(&world);
	struct recipient r = {.address = SLICE("a@b")};
	struct field_context c = world_context(&world, &m);
	parts_t want;

	m.arrival = number_of(WORLD_NOW - t->age);
	m.recipients = &r;
	m.recipient_count = m.pending_count = 1;
	for (int i = 0; s && i < 200; i++) {
		filter_state_reset(s);
		t->verdict = filter_eval(t->bound, s, &c, &want, NULL);
	}
	filter_state_free(s);
	return NULL;
}

static void test_threads(void **state)
{
	enum { THREADS = 4 };
	struct filter *f = parse("age > 1s and any(recipient =~ /@b/) and id in ('1234', '1')");
	const struct filter *bound = filter_bind(&world.arena, f, &world.target, NULL);
	struct sharer threads[THREADS];
	pthread_t id[THREADS];

	(void)state;
	for (int i = 0; i < THREADS; i++)
		threads[i] = (struct sharer){bound, i, VERDICT_PENDING};
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&id[i], NULL, evaluate, &threads[i]), 0);
	for (int i = 0; i < THREADS; i++) {
		assert_int_equal(pthread_join(id[i], NULL), 0);
		assert_int_equal(threads[i].verdict, i > 1 ? VERDICT_YES : VERDICT_NO);
	}
	filter_free(f);
}

static void test_memory(void **state)
{
	struct filter *f = parse("bounce and (age > 2d or subject =~ /x/)");
	struct error err = ERROR_INIT;
	struct arena small;

	(void)state;
	arena_init(&small, 1);
	assert_null(filter_bind(&small, f, &world.target, &err));
	assert_int_equal(err.code, ERROR_NOMEM);
	assert_null(filter_all(&small, &f, 1));
	arena_free(&small);
	filter_free(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_negation, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_order, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_folding, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_constants, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_constant_answers, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_cannot_have, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_limit_in_constant, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_shared, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_threads, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_memory, setup, teardown),
	};

	return cmocka_run_group_tests_name("filter_bind", tests, NULL, NULL);
}
