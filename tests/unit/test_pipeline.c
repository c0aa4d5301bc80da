/* The pipeline over a queue in memory: the order of its steps, every outcome counted once and true,
 * what is evaluated again, states, dry run, and what is asked of the MTA. */
#include "unit/acting_run.h"

static int set_up(void **state)
{
	*state = acting_new();
	acting_begin(*state, OP_EXPIRE);
	mem_acts_make(2);
	return 0;
}

static int tear_down(void **state)
{
	acting_free(*state);
	mem_acts_free();
	return 0;
}

/* ---- steps ---- */

static void test_order(void **state)
{
	struct acting *t = *state;

	acting_on_all(t);
	assert_string_equal(mem_acts_log(),
			    "run_begin mem:queue\n"
			    "batch_begin\n"
			    "take m0\nrecheck m0\ntake m1\nrecheck m1\n"
			    "prepare m0\nprepare m1\nsync\n"
			    "fdatasync\nfdatasync\n" /* its beginning, then the intents */
			    "commit m0\ncommit m1\nsync\n"
			    "finish m0\nfinish m1\n"
			    "fdatasync\n" /* done */
			    "let_go m0\nlet_go m1\nbatch_end\n"
			    "run_end mem:queue\n"
			    "fdatasync\n"); /* end */
	assert_string_equal(t->printed, "m0: expired, from=<a@example.com>\n"
					"m1: expired, from=<a@example.com>\n");
	assert_string_equal(t->told, "mtaq: 2 messages matched: 2 expired\n");
	assert_int_equal(t->run.status, STATUS_OK);
}

static struct acting *watched;

/* At each commit the intents of the batch are in the file, at each let_go the results. */
static void watch(enum act_step step, const char *name)
{
	struct journal_file f;

	(void)name;
	if (step != ACT_COMMIT && step != ACT_LET_GO)
		return;
	acting_load(watched, &f);
	assert_int_equal(f.count, 2);
	assert_int_equal(f.results[RESULT_NONE], step == ACT_COMMIT ? 2 : 0);
	assert_false(f.ended);
	journal_file_free(&f);
}

static void test_journal_first(void **state)
{
	struct acting *t = *state;
	struct journal_file f;
	struct error err = ERROR_INIT;
	json_t *line;

	watched = t;
	mem_acts.hook = watch;
	acting_on_all(t);
	acting_load(t, &f);
	assert_true(f.ended && f.op == OP_EXPIRE && f.results[RESULT_DONE] == 2);
	line = journal_line(f.records[1].intent, &err);
	assert_string_equal(json_string_value(json_object_get(line, "id")), "m1");
	assert_string_equal(json_string_value(json_object_get(line, "queue")), "mem:queue");
	assert_string_equal(json_string_value(json_object_get(line, "sender")), "a@example.com");
	assert_string_equal(json_string_value(json_object_get(
				json_array_get(json_object_get(line, "changes"), 0), "name")),
			    "m1");
	json_decref(line);
	assert_string_equal(
	    json_string_value(json_array_get(json_object_get(f.header, "queues"), 0)), "mem:queue");
	journal_file_free(&f);
}

/* ---- outcomes ---- */

struct outcome_row {
	enum act_step step;
	enum error_code code;
	size_t counter; /* offset in struct action_counts */
	bool in_journal;
	enum status status;
};

#define COUNTER(name) offsetof(struct action_counts, name)

static const struct outcome_row outcomes[] = {
    {ACT_TAKE, ERROR_BUSY, COUNTER(busy), false, STATUS_SOME},
    {ACT_TAKE, ERROR_GONE, COUNTER(gone), false, STATUS_OK},
    {ACT_TAKE, ERROR_STALE, COUNTER(changed), false, STATUS_OK},
    {ACT_TAKE, ERROR_UNSUPPORTED, COUNTER(not_applicable), false, STATUS_OK},
    {ACT_TAKE, ERROR_DENIED, COUNTER(failed), false, STATUS_SOME},
    {ACT_RECHECK, ERROR_STALE, COUNTER(changed), false, STATUS_OK},
    {ACT_PREPARE, ERROR_SYSTEM, COUNTER(failed), false, STATUS_SOME},
    {ACT_PREPARE, ERROR_BUSY, COUNTER(busy), false, STATUS_SOME},
    {ACT_PREPARE, ERROR_UNSUPPORTED, COUNTER(not_applicable), false, STATUS_OK},
    {ACT_COMMIT, ERROR_SYSTEM, COUNTER(failed), true, STATUS_SOME},
    {ACT_COMMIT, ERROR_GONE, COUNTER(gone), true, STATUS_OK},
    {ACT_FINISH, ERROR_SYSTEM, COUNTER(done), true, STATUS_SOME},
};

static void check_outcome(struct acting *t, const struct outcome_row *row)
{
	struct journal_file f;
	uint64_t counter;

	acting_on_all(t);
	acting_check_sum(t);
	memcpy(&counter, (const char *)&t->counts + row->counter, sizeof counter);
	assert_int_equal(counter, row->counter == COUNTER(done) ? 2 : 1);
	assert_int_equal(t->run.status, row->status);
	assert_int_equal(strstr(t->printed, "m0: expired") != NULL, row->counter == COUNTER(done));
	assert_non_null(strstr(t->printed, "m1: expired"));
	assert_int_equal(strstr(t->told, "mtaq: m0: ") != NULL,
			 row->counter == COUNTER(failed) || row->counter == COUNTER(done));
	acting_load(t, &f);
	assert_int_equal(f.count, 1 + row->in_journal);
	assert_int_equal(f.results[RESULT_FAILED],
			 row->in_journal && row->counter != COUNTER(done));
	journal_file_free(&f);
	/* what was taken is let go, once, and nothing else is */
	assert_int_equal(strstr(mem_acts_log(), "let_go m0\n") != NULL, row->step != ACT_TAKE);
}

static void test_outcomes(void **state)
{
	struct acting *t = *state;

	for (size_t i = 0; i < sizeof outcomes / sizeof outcomes[0]; i++) {
		acting_begin(t, OP_EXPIRE);
		mem_acts_make(2);
		mem_acts_fail((struct act_failure){outcomes[i].step, "m0", outcomes[i].code, 0, 0});
		check_outcome(t, &outcomes[i]);
	}
}

static void test_already(void **state)
{
	struct acting *t = *state;

	mem_acts.already = "m0";
	acting_on_all(t);
	acting_check_sum(t);
	assert_int_equal(t->counts.already, 1);
	assert_int_equal(t->counts.done, 1);
	assert_null(strstr(mem_acts_log(), "commit m0"));
	assert_int_equal(t->run.status, STATUS_OK);
	assert_string_equal(t->told, "mtaq: 2 messages matched: 1 expired, 1 already so\n");
}

/* Nothing to do at all: no journal is made. */
static void test_nothing(void **state)
{
	struct acting *t = *state;

	mem_acts.already = "m0";
	mem_acts_make(1);
	mem_acts.already = "m0";
	acting_on_all(t);
	assert_int_equal(acting_journals(t), 0);
	assert_int_equal(t->run.status, STATUS_OK);
}

static void test_verbose(void **state)
{
	struct acting *t = *state;

	t->run.globals.verbose = 1;
	mem_acts_fail((struct act_failure){ACT_TAKE, "m0", ERROR_BUSY, 0, 0});
	acting_on_all(t);
	assert_non_null(strstr(t->told, "mtaq: m0: take fails\n"));
}

/* ---- what matched when the queue was read may not when the lock is held ---- */

static void change_sender(enum act_step step, const char *name)
{
	if (step == ACT_TAKE && strcmp(name, "m0") == 0)
		mem_acts.list[0].is.sender = SLICE("b@example.com");
}

static void vanish(enum act_step step, const char *name)
{
	if (step == ACT_TAKE && strcmp(name, "m0") == 0)
		mem_acts.list[0].vanishes = PART_CONTROL;
}

static void break_control(enum act_step step, const char *name)
{
	if (step == ACT_TAKE && strcmp(name, "m0") == 0)
		mem_acts.list[0].fails = PART_CONTROL;
}

static void lose_data(enum act_step step, const char *name)
{
	if (step == ACT_TAKE && strcmp(name, "m0") == 0)
		mem_acts.list[0].is.state = STATE_NODATA;
}

static void test_evaluated_again(void **state)
{
	static const struct {
		void (*hook)(enum act_step step, const char *name);
		size_t counter;
	} rows[] = {
	    {change_sender, COUNTER(changed)},
	    {vanish, COUNTER(gone)},
	    {break_control, COUNTER(failed)},
	    {lose_data, COUNTER(failed)},
	};
	struct acting *t = *state;

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		uint64_t counter;

		acting_begin(t, OP_EXPIRE);
		mem_acts_make(2);
		text_list_add(&t->run.selectors.expressions, "sender == 'a@example.com'");
		mem_acts.hook = rows[i].hook;
		acting_on(t, NULL, 0);
		acting_check_sum(t);
		memcpy(&counter, (const char *)&t->counts + rows[i].counter, sizeof counter);
		if (counter != 1 || t->counts.done != 1)
			fail_msg("row %zu: %s", i, t->told);
		assert_null(strstr(mem_acts_log(), "prepare m0"));
	}
}

/* ---- states ---- */

static void test_states(void **state)
{
	static const struct {
		enum message_state state;
		bool named, offline;
		size_t counter;
	} rows[] = {
	    {STATE_QUEUED, false, false, COUNTER(done)},
	    {STATE_HELD, false, false, COUNTER(not_applicable)},
	    {STATE_HELD, true, false, COUNTER(done)},
	    {STATE_LOST, true, false, COUNTER(not_applicable)},
	    {STATE_NODATA, false, false, COUNTER(failed)},
	    {STATE_INCOMING, false, false, COUNTER(busy)},
	    {STATE_NEW, false, false, COUNTER(not_applicable)},
	    {STATE_NEW, false, true, COUNTER(done)},
	    {STATE_UNKNOWN, true, false, COUNTER(failed)},
	};
	struct acting *t = *state;
	char *words[] = {(char *)(uintptr_t) "m0"};

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		uint64_t counter;

		acting_begin(t, OP_EXPIRE);
		mem_acts_make(1);
		mem_acts.list[0].is.state = rows[i].state;
		mem_acts.offline = rows[i].offline;
		if (rows[i].named)
			acting_on(t, words, 1);
		else
			acting_on_all(t);
		acting_check_sum(t);
		memcpy(&counter, (const char *)&t->counts + rows[i].counter, sizeof counter);
		if (counter != 1)
			fail_msg("row %zu: %s", i, t->told);
	}
}

static void test_state_named_by_expression(void **state)
{
	struct acting *t = *state;

	mem_acts.list[0].is.state = STATE_HELD;
	text_list_add(&t->run.selectors.expressions, "state == held");
	acting_on(t, NULL, 0);
	assert_int_equal(t->counts.done, 1);
	assert_int_equal(t->counts.matched, 1);
}

static void test_refusal_is_told(void **state)
{
	struct acting *t = *state;

	mem_acts.list[0].is.state = STATE_NODATA;
	acting_on_all(t);
	assert_non_null(strstr(t->told, "mtaq: m0: refused: it has no body\n"));
	assert_int_equal(t->run.status, STATUS_SOME);
}

/* ---- dry run ---- */

static void test_dry_run(void **state)
{
	struct acting *t = *state;
	char *wet;

	acting_on_all(t);
	wet = strdup(t->printed);
	acting_begin(t, OP_EXPIRE);
	mem_acts_make(2);
	t->request.dry_run = true;
	acting_on_all(t);
	assert_string_equal(t->printed, wet);
	free(wet);
	assert_string_equal(mem_acts_log(),
			    "run_begin mem:queue\nbatch_begin\ntake m0\nrecheck m0\n"
			    "take m1\nrecheck m1\nprepare m0\nprepare m1\nlet_go m0\n"
			    "let_go m1\nbatch_end\nrun_end mem:queue\n");
	assert_int_equal(access(t->journal, F_OK), -1);
	assert_string_equal(t->told,
			    "mtaq: dry run, nothing was changed: 2 messages matched: 2 expired\n");
}

static void test_dry_run_asks_nobody(void **state)
{
	struct acting *t = *state;

	acting_begin(t, OP_RETRY);
	t->request.dry_run = true;
	acting_on_all(t);
	acting_check_sum(t);
	assert_null(strstr(mem_acts_log(), "ask"));
	assert_int_equal(t->counts.asked, 2);
	assert_string_equal(t->printed, "m0: asked for an attempt, from=<a@example.com>\n"
					"m1: asked for an attempt, from=<a@example.com>\n");
}

/* A dry run needs no trash. */
static void test_dry_run_of_delete(void **state)
{
	struct acting *t = *state;

	acting_begin(t, OP_DELETE);
	t->run.globals.trash = "/nonexistent/trash";
	t->request.dry_run = true;
	acting_on_all(t);
	assert_int_equal(t->counts.done, 2);
	assert_int_equal(t->run.status, STATUS_OK);
}

/* ---- asking ---- */

static void test_retry(void **state)
{
	struct acting *t = *state;
	struct journal_file f;

	acting_begin(t, OP_RETRY);
	mem_acts.attempted = "m1";
	acting_on_all(t);
	acting_check_sum(t);
	assert_int_equal(t->counts.done, 1);
	assert_int_equal(t->counts.asked, 1);
	assert_string_equal(t->printed, "m0: asked for an attempt, from=<a@example.com>\n"
					"m1: attempted, from=<a@example.com>\n");
	assert_string_equal(t->told,
			    "mtaq: 2 messages matched: 1 attempted, 1 asked for an attempt\n");
	acting_load(t, &f);
	assert_int_equal(f.records[0].result, RESULT_ASKED);
	assert_int_equal(f.records[1].result, RESULT_DONE);
	journal_file_free(&f);
	/* no lock is held by then */
	assert_non_null(strstr(mem_acts_log(), "batch_end\nask m0\nask m1\n"));
}

static void test_retry_fails(void **state)
{
	struct acting *t = *state;
	struct journal_file f;

	acting_begin(t, OP_RETRY);
	mem_acts.attempted = "m0";
	mem_acts_fail((struct act_failure){ACT_ASK, "m1", ERROR_SYSTEM, 0, 0});
	acting_on_all(t);
	acting_check_sum(t);
	assert_int_equal(t->counts.done, 1);
	assert_int_equal(t->counts.failed, 1);
	assert_string_equal(t->printed, "m0: attempted, from=<a@example.com>\n");
	assert_int_not_equal(t->run.status, STATUS_OK);
	acting_load(t, &f);
	assert_int_equal(f.results[RESULT_FAILED], 1);
	journal_file_free(&f);
}

static void test_try(void **state)
{
	struct acting *t = *state;
	struct journal_file f;

	t->request.args.try_now = true;
	mem_acts.already = "m1";
	acting_on_all(t);
	acting_check_sum(t);
	assert_int_equal(t->counts.done, 1);
	assert_int_equal(t->counts.asked, 1);
	assert_non_null(strstr(mem_acts_log(), "batch_end\nask m0\nrun_end"));
	acting_load(t, &f);
	assert_int_equal(f.results[RESULT_DONE], 1);
	journal_file_free(&f);
}

/* ---- what is told beforehand ---- */

static void test_double_bounces(void **state)
{
	struct acting *t = *state;

	mem_acts.list[0].is.bounce = true;
	acting_on_all(t);
	assert_non_null(strstr(t->told, "1 of the messages chosen are bounces"));
	acting_begin(t, OP_REQUEUE);
	mem_acts_make(2);
	mem_acts.list[0].is.bounce = true;
	acting_on_all(t);
	assert_null(strstr(t->told, "bounces"));
}

/* Bytes of the queue never reach the terminal as they are. */
static void test_hostile_sender(void **state)
{
	struct acting *t = *state;

	mem_acts.list[0].is.sender = SLICE("a\033[2J\xff@example.com");
	acting_on_all(t);
	assert_non_null(
	    strstr(t->printed, "m0: expired, from=<a\\x1b[2J\xef\xbf\xbd@example.com>\n"));
	assert_null(strchr(t->printed, '\033'));
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(order),
	    TEST(journal_first),
	    TEST(outcomes),
	    TEST(already),
	    TEST(nothing),
	    TEST(verbose),
	    TEST(evaluated_again),
	    TEST(states),
	    TEST(state_named_by_expression),
	    TEST(refusal_is_told),
	    TEST(dry_run),
	    TEST(dry_run_asks_nobody),
	    TEST(dry_run_of_delete),
	    TEST(retry),
	    TEST(retry_fails),
	    TEST(try),
	    TEST(double_bounces),
	    TEST(hostile_sender),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
