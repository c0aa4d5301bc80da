/* Rules over a queue in memory: who takes a message, also under the lock; what is read for it; what
 * is no failure; runs of their own; two at once. */
#include "apply.h"
#include "applylock.h"
#include "unit/acting_run.h"

#include <syslog.h>

/* This program's own, in place of the system's: what was logged last. */
static char logged[512];

void syslog(int priority, const char *fmt, ...)
{
	va_list ap;

	(void)priority;
	va_start(ap, fmt);
	vsnprintf(logged, sizeof logged, fmt, ap);
	va_end(ap);
}

struct applied {
	struct acting *t;
	const char *rules;
	struct apply_options options;
	size_t problems;
};

static struct applied now;

static int set_up(void **state)
{
	now = (struct applied){.t = acting_new(), .options = {.no_syslog = true}};
	acting_begin(now.t, OP_EXPIRE);
	mem_acts_make(3);
	*state = now.t;
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	acting_free(now.t);
	mem_acts_free();
	return 0;
}

static void tell(void *ctx, const struct rules_problem *p)
{
	struct applied *a = ctx;

	fprintf(stderr, "%zu:%zu: %s\n", p->line, p->column, p->error->text);
	a->problems++;
}

static void run_rules(struct acting *t)
{
	struct rules rules;

	rules_init(&rules, &t->run.arena, t->run.now, tell, &now);
	rules_parse(&rules, "rules", slice_from(now.rules));
	if (!rules.problems)
		apply_rules(&t->run, &rules, &now.options);
	rules_free(&rules);
}

static void apply(const char *text)
{
	now.rules = text;
	now.problems = 0;
	acting_caught(now.t, run_rules);
	if (now.problems)
		fail_msg("%s", now.t->told);
}

static void sender(size_t i, const char *address)
{
	mem_acts.list[i].is.sender = slice_from(address);
}

static void told(const char *text)
{
	if (!strstr(now.t->told, text))
		fail_msg("not told: %s\nbut: %s", text, now.t->told);
}

/* ---- the first rule takes it ---- */

#define TWO_RULES                                                                                  \
	"rule first\n when sender == 'a@example.com'\n do hold\n"                                  \
	"rule second\n when sender.domain == 'example.com'\n do delete purge\n"

static void test_first(void **state)
{
	struct acting *t = *state;

	sender(1, "b@example.com");
	sender(2, "c@example.org");
	apply(TWO_RULES);
	assert_string_equal(t->printed, "m0: held, from=<a@example.com>\n"
					"m1: deleted, from=<b@example.com>\n");
	assert_string_equal(t->told, "mtaq: rule first: 1 message matched: 1 held\n"
				     "mtaq: rule second: 1 message matched: 1 deleted\n");
	assert_int_equal(t->run.status, STATUS_OK);
}

static void test_keep(void **state)
{
	struct acting *t = *state;

	sender(1, "b@example.com");
	apply("rule vip\n when sender == 'a@example.com'\n do keep\n"
	      "rule rest\n when ALL\n do expire even-silent\n");
	assert_string_equal(t->printed, "m1: expired, from=<b@example.com>\n");
	assert_string_equal(t->told, "mtaq: rule vip: 2 messages matched: kept\n"
				     "mtaq: rule rest: 1 message matched: 1 expired\n");
}

/* ---- under the lock ---- */

static const char *becomes;

static void change_first(enum act_step step, const char *name)
{
	if (step == ACT_TAKE && strcmp(name, "m0") == 0)
		sender(0, becomes);
}

static void check_changed(const char *rule, size_t other)
{
	struct acting *t = now.t;

	mem_acts.hook = change_first;
	apply(TWO_RULES);
	assert_null(strstr(t->printed, "m0"));
	assert_null(strstr(mem_acts_log(), "commit m0"));
	assert_int_equal(t->run.status, STATUS_OK);
	told(rule);
	assert_int_equal(strstr(t->printed, "m1") != NULL, other == 1);
}

/* Nobody takes it any more. */
static void test_matches_no_more(void **state)
{
	(void)state;
	becomes = "x@example.org";
	check_changed("rule first: 3 messages matched: 2 held, 1 changed meanwhile\n", 1);
}

/* It still matches a rule, but a later one. */
static void test_later_rule_takes_it_now(void **state)
{
	(void)state;
	becomes = "b@example.com";
	check_changed("rule first: 3 messages matched: 2 held, 1 changed meanwhile\n", 1);
}

/* Its own rule still matches, but an earlier one comes first now. */
static void test_earlier_rule_takes_it_now(void **state)
{
	(void)state;
	sender(0, "b@example.com");
	becomes = "a@example.com";
	check_changed("rule second: 1 message matched: 1 changed meanwhile\n", 1);
}

static void break_first(enum act_step step, const char *name)
{
	if (step == ACT_TAKE && strcmp(name, "m0") == 0)
		mem_acts.list[0].fails = PART_CONTROL;
}

/* An earlier rule that cannot tell any more: nothing is done. */
static void test_earlier_rule_cannot_tell(void **state)
{
	struct acting *t = *state;

	mem_acts.hook = break_first;
	sender(0, "b@example.com");
	apply("rule first\n when sender == 'a@example.com'\n do keep\n"
	      "rule all\n when ALL\n do expire even-silent\n");
	assert_null(strstr(mem_acts_log(), "commit m0"));
	assert_int_equal(t->run.status, STATUS_SOME);
	told("rule all: 1 message matched: 1 failed\n");
}

/* ---- what is read ---- */

static void test_reads_no_more_than_it_needs(void **state)
{
	struct acting *t = *state;

	/* what is kept need not have a state, nor what a later rule asks for */
	mem_acts.list[0].fails = PART_DATA | PART_STAT | PART_BODY;
	sender(1, "b@example.com");
	sender(2, "b@example.com");
	apply("rule vip\n when sender == 'a@example.com'\n do keep\n"
	      "rule asks\n when body =~ /x/\n do delete\n");
	assert_int_equal(t->run.status, STATUS_OK);
	told("rule vip: 1 message matched: kept\n");
}

static void test_error_ends(void **state)
{
	struct acting *t = *state;

	mem_acts.list[0].fails = PART_BODY;
	apply("rule asks\n when body =~ /x/\n do delete purge\n"
	      "rule rest\n when ALL\n do expire even-silent\n");
	assert_string_equal(t->printed, "m1: expired, from=<a@example.com>\n"
					"m2: expired, from=<a@example.com>\n");
	told("1 message could not be read\n");
	assert_int_equal(t->run.status, STATUS_SOME);
}

/* ---- what is no failure, and what is ---- */

static void test_no_failures(void **state)
{
	static const struct {
		enum error_code code;
		const char *count;
		enum status status;
	} rows[] = {{ERROR_BUSY, "1 busy", STATUS_OK},
		    {ERROR_GONE, "1 gone", STATUS_OK},
		    {ERROR_STALE, "1 changed meanwhile", STATUS_OK},
		    {ERROR_UNSUPPORTED, "1 not applicable", STATUS_OK},
		    {ERROR_DENIED, "1 failed", STATUS_SOME}};
	struct acting *t = *state;

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		acting_begin(t, OP_EXPIRE);
		mem_acts_make(2);
		mem_acts_fail((struct act_failure){ACT_TAKE, "m0", rows[i].code, 0, 0});
		apply("rule a\n when ALL\n do expire even-silent\n");
		told(rows[i].count);
		assert_int_equal(t->run.status, rows[i].status);
	}
}

static void test_states(void **state)
{
	struct acting *t = *state;

	mem_acts.list[0].is.state = STATE_HELD;
	mem_acts.list[1].is.state = STATE_NODATA;
	apply("rule a\n when ALL\n do delete purge\n"
	      "rule b\n when ALL\n do expire even-silent\n");
	assert_string_equal(t->printed, "m2: deleted, from=<a@example.com>\n");
	told("m1: refused");
	told("rule a: 3 messages matched: 1 deleted, 1 not applicable, 1 failed\n");
	told("rule b: 0 messages matched\n");
}

static void test_state_named(void **state)
{
	struct acting *t = *state;

	mem_acts.list[0].is.state = STATE_HELD;
	apply("rule a\n when state == queued\n do keep\n"
	      "rule b\n when state == held\n do delete purge\n");
	assert_string_equal(t->printed, "m0: deleted, from=<a@example.com>\n");
}

/* What one rule may not do now, others may. */
static void test_refused_for_now(void **state)
{
	struct acting *t = *state;
	static const char rules[] =
	    "rule a\n when sender == 'b@example.com'\n do move to /elsewhere\n"
	    "rule b\n when ALL\n do expire even-silent\n";

	sender(0, "b@example.com");
	/* both are asked first whether they are refused for good */
	mem_acts_fail((struct act_failure){ACT_RUN_BEGIN, NULL, ERROR_BUSY, 1, 2});
	apply(rules);
	assert_int_equal(t->run.status, STATUS_TEMPORARY);
	assert_null(strstr(t->printed, "m0"));
	assert_non_null(strstr(t->printed, "m1: expired"));
	/* what is busy then may not be when its turn comes */
	acting_begin(t, OP_EXPIRE);
	mem_acts_make(3);
	sender(0, "b@example.com");
	mem_acts_fail((struct act_failure){ACT_RUN_BEGIN, NULL, ERROR_BUSY, 1, 0});
	apply(rules);
	assert_int_equal(t->run.status, STATUS_OK);
	assert_non_null(strstr(t->printed, "m0: moved"));
}

static void test_refused_for_good(void **state)
{
	struct acting *t = *state;

	sender(0, "b@example.com");
	mem_acts_fail((struct act_failure){ACT_RUN_BEGIN, NULL, ERROR_USAGE, 1, 1});
	apply("rule a\n when sender == 'b@example.com'\n do expire even-silent\n"
	      "rule b\n when ALL\n do move to /elsewhere\n");
	assert_int_equal(t->run.status, STATUS_USAGE);
	assert_string_equal(t->printed, "");
	told("rules:4: rule b: ");
}

/* ---- runs of their own ---- */

static void test_runs(void **state)
{
	struct acting *t = *state;
	struct error err = ERROR_INIT;
	struct run_ids ids;
	const char *names[] = {"a", "c"};

	sender(0, "b@example.com");
	apply("rule a\n when sender == 'b@example.com'\n do expire even-silent\n"
	      "rule b\n when ALL\n limit 0\n do delete\n");
	assert_int_equal(acting_journals(t), 1);
	acting_begin(t, OP_EXPIRE);
	mem_acts_make(3);
	sender(0, "b@example.com");
	apply("rule a\n when sender == 'b@example.com'\n do expire even-silent\n"
	      "rule b\n when sender == 'nobody'\n do delete purge\n"
	      "rule c\n when ALL\n do delete purge\n");
	assert_int_equal(run_ids_read(t->journal, ".jsonl", &ids, &err), 0);
	assert_int_equal(ids.count, 2);
	for (size_t i = 0; i < 2; i++) {
		struct journal_file f;
		bool running;

		assert_int_equal(
		    journal_load(t->journal, ids.list[i], &t->run.arena, &f, &running, &err), 0);
		assert_string_equal(json_string_value(json_object_get(f.header, "rule")), names[i]);
		assert_int_equal(f.op, i ? OP_DELETE : OP_EXPIRE);
		assert_int_equal(f.results[RESULT_DONE], i ? 2 : 1);
		assert_true(f.ended);
		journal_file_free(&f);
	}
	run_ids_free(&ids);
}

/* The line in the system log says which rule it was; a dry run logs nothing. */
static void test_logged(void **state)
{
	static const char rules[] = "rule a-b.c\n when ALL\n do delete purge\n limit 1\n";

	(void)state;
	logged[0] = '\0';
	apply(rules);
	assert_string_equal(logged, "");
	now.options.no_syslog = false;
	now.options.dry_run = true;
	apply(rules);
	assert_string_equal(logged, "");
	now.options.dry_run = false;
	acting_begin(now.t, OP_EXPIRE);
	mem_acts_make(3);
	apply(rules);
	assert_non_null(strstr(logged, "m0: deleted by "));
	assert_non_null(strstr(logged, ", from=<a@example.com>, rule=a-b.c"));
}

/* ---- guards ---- */

static void test_max(void **state)
{
	struct acting *t = *state;

	t->run.globals.quiet = true;
	apply("rule a\n when ALL\n do delete purge\n max 2\n"
	      "rule b\n when ALL\n do expire even-silent\n");
	assert_string_equal(t->printed, "");
	assert_int_equal(t->run.status, STATUS_TEMPORARY);
	assert_string_equal(t->told, "mtaq: rule a: 3 messages are more than max 2 allows: nothing "
				     "was touched\n");
}

/* Ten of 100 messages are 10%. */
static void test_max_percent(void **state)
{
	struct acting *t = *state;

	mem_acts_make(100);
	for (size_t i = 0; i < 21; i++)
		sender(i, "b@example.com");
	apply("rule a\n when sender == 'b@example.com'\n do delete purge\n max 20%\n");
	assert_int_equal(t->run.status, STATUS_TEMPORARY);
	acting_begin(t, OP_EXPIRE);
	mem_acts_make(100);
	for (size_t i = 0; i < 20; i++)
		sender(i, "b@example.com");
	apply("rule a\n when sender == 'b@example.com'\n do delete purge\n max 20%\n");
	assert_int_equal(t->run.status, STATUS_OK);
	told("20 deleted");
}

static void test_limit(void **state)
{
	struct acting *t = *state;

	apply("rule a\n when ALL\n do delete purge\n limit 2\n"
	      "rule b\n when ALL\n do expire even-silent\n");
	assert_string_equal(t->printed, "m0: deleted, from=<a@example.com>\n"
					"m1: deleted, from=<a@example.com>\n");
	told("rule b: 0 messages matched\n");
}

/* run.now is 1000000 */
static void test_until(void **state)
{
	struct acting *t = *state;

	t->run.globals.verbose = 1;
	apply("rule a\n when ALL\n do delete purge\n until @1000000\n"
	      "rule b\n when ALL\n do expire even-silent\n until @1000001\n");
	assert_non_null(strstr(t->printed, "m2: expired"));
	assert_null(strstr(t->printed, "deleted"));
	told("rule a: it ended ");
}

static void test_elsewhere(void **state)
{
	struct acting *t = *state;

	apply("rule a on qmail\n when ALL\n do delete purge\n");
	assert_string_equal(t->printed, "");
	assert_int_equal(t->run.status, STATUS_OK);
	told("rules:1: rule a: none of the queues is qmail\n"); /* there is one MTA in this world */
	apply("rule a on mem:queue\n when ALL\n do expire even-silent\n");
	assert_non_null(strstr(t->printed, "m2: expired"));
}

/* ---- the journal and the lock ---- */

static void test_two_at_once(void **state)
{
	struct acting *t = *state;
	int lock = -1;

	assert_true(apply_lock(&t->run, &lock));
	apply("rule a\n when ALL\n do delete purge\n");
	assert_string_equal(t->printed, "");
	assert_int_equal(t->run.status, STATUS_TEMPORARY);
	told("another apply is at work");
	apply_unlock(lock);
	t->run.status = STATUS_OK;
	apply("rule a\n when ALL\n do delete purge\n");
	assert_int_equal(t->run.status, STATUS_OK);
	assert_non_null(strstr(t->printed, "m2: deleted"));
}

static void test_journal_lost(void **state)
{
	struct acting *t = *state;

	sender(0, "b@example.com");
	mem_acts.sync_fails_at = 2;
	apply("rule a\n when sender == 'b@example.com'\n do expire even-silent\n"
	      "rule b\n when ALL\n do delete purge\n");
	assert_int_equal(t->run.status, STATUS_IO);
	assert_null(strstr(t->printed, "deleted"));
}

static void test_dry_run(void **state)
{
	struct acting *t = *state;

	now.options.dry_run = true;
	sender(0, "b@example.com");
	apply(TWO_RULES);
	assert_null(strstr(mem_acts_log(), "commit"));
	assert_non_null(strstr(t->printed, "m0: deleted"));
	assert_non_null(strstr(t->printed, "m1: held"));
	assert_int_equal(access(t->journal, F_OK), -1);
}

static void test_check(void **state)
{
	struct acting *t = *state;

	now.options.check = true;
	text_list_free(&t->run.globals.queues);
	text_list_add(&t->run.globals.queues, "mem:nowhere");
	apply(TWO_RULES "rule c\n when ALL\n do keep\n until @5\n");
	assert_int_equal(t->run.status, STATUS_OK);
	assert_string_equal(t->told, "mtaq: 3 rules, 1 of them past its time\n");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
	    TEST(first),
	    TEST(keep),
	    TEST(matches_no_more),
	    TEST(later_rule_takes_it_now),
	    TEST(earlier_rule_takes_it_now),
	    TEST(earlier_rule_cannot_tell),
	    TEST(reads_no_more_than_it_needs),
	    TEST(error_ends),
	    TEST(no_failures),
	    TEST(states),
	    TEST(state_named),
	    TEST(refused_for_now),
	    TEST(refused_for_good),
	    TEST(runs),
	    TEST(logged),
	    TEST(max),
	    TEST(max_percent),
	    TEST(limit),
	    TEST(until),
	    TEST(elsewhere),
	    TEST(two_at_once),
	    TEST(journal_lost),
	    TEST(dry_run),
	    TEST(check),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
