/* How a run of the pipeline ends before its time: guards, queues that refuse, messages that stay
 * busy, journals and outputs that are lost, signals. */
#include "unit/acting_run.h"

#include <signal.h>
#include <sys/wait.h>

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

/* ---- guards ---- */

static void test_max(void **state)
{
	static const struct {
		size_t messages;
		const char *max;
		enum status status;
	} rows[] = {
	    {20, "20", STATUS_OK},	   {20, "19", STATUS_TEMPORARY},
	    {20, "0", STATUS_TEMPORARY},   {20, "100%", STATUS_OK},
	    {20, "60%", STATUS_TEMPORARY}, {10, "1%", STATUS_OK},
	    {11, "1%", STATUS_TEMPORARY},  {20, "101%", STATUS_USAGE},
	    {20, "many", STATUS_USAGE},	   {20, "", STATUS_USAGE},
	    {20, "-1", STATUS_USAGE},	   {20, "%", STATUS_USAGE},
	};
	struct acting *t = *state;

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		acting_begin(t, OP_EXPIRE);
		mem_acts_make(rows[i].messages);
		t->request.max = rows[i].max;
		acting_on_all(t);
		if (t->run.status != rows[i].status)
			fail_msg("row %zu: status %d", i, t->run.status);
		assert_int_equal(mem_acts.commits,
				 rows[i].status == STATUS_OK ? rows[i].messages : 0);
		assert_int_equal(mem_acts.log.n > 0, rows[i].status == STATUS_OK);
	}
}

static void test_limit(void **state)
{
	struct acting *t = *state;

	mem_acts_make(20);
	t->run.selectors.limit = (struct option_number){true, 3};
	acting_on_all(t);
	acting_check_sum(t);
	assert_int_equal(mem_acts.commits, 3);
	assert_string_equal(t->told, "mtaq: 3 messages matched: 3 expired\n");
}

static void test_no_selector(void **state)
{
	struct acting *t = *state;

	acting_on(t, NULL, 0);
	assert_int_equal(t->run.status, STATUS_USAGE);
	assert_int_equal(mem_acts.log.n, 0);
	assert_non_null(strstr(t->told, "which messages?"));
}

static void test_impossible(void **state)
{
	struct acting *t = *state;

	mem_acts.table.ops[OP_HOLD].methods = 0;
	mem_acts.table.ops[OP_HOLD].instead = "stop it";
	acting_begin(t, OP_HOLD);
	acting_on_all(t);
	assert_int_equal(t->run.status, STATUS_USAGE);
	assert_string_equal(t->told, "mtaq: mem:queue: hold cannot be done on mem: stop it\n");
	assert_int_equal(mem_acts.log.n, 0);
}

static void test_refused_queue(void **state)
{
	static const struct {
		enum error_code code;
		enum status status;
	} rows[] = {
	    {ERROR_USAGE, STATUS_USAGE},
	    {ERROR_BUSY, STATUS_TEMPORARY},
	    {ERROR_NOQUEUE, STATUS_NOQUEUE},
	    {ERROR_DENIED, STATUS_DENIED},
	};
	struct acting *t = *state;

	/* the second queue refuses: the first is not touched */
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		acting_begin(t, OP_EXPIRE);
		mem_acts_make(2);
		text_list_add(&t->run.globals.queues, "mem:other");
		mem_acts_fail((struct act_failure){ACT_RUN_BEGIN, "mem:other", rows[i].code, 0, 0});
		acting_on_all(t);
		assert_int_equal(t->run.status, rows[i].status);
		assert_string_equal(mem_acts_log(), "run_begin mem:queue\nrun_begin mem:other\n"
						    "run_end mem:queue\nrun_end mem:other\n");
		assert_string_equal(t->told, "mtaq: run_begin fails\n");
	}
}

/* A status that the run has already does not silence why it ends. */
static void test_refusal_after_trouble(void **state)
{
	struct acting *t = *state;
	char *words[] = {(char *)(uintptr_t) "m0", (char *)(uintptr_t) "nobody"};

	mem_acts_fail((struct act_failure){ACT_RUN_BEGIN, NULL, ERROR_BUSY, 0, 0});
	acting_on(t, words, 2);
	assert_int_equal(t->run.status, STATUS_TEMPORARY);
	assert_non_null(strstr(t->told, "mtaq: run_begin fails\n"));
}

/* ---- waiting ---- */

static void test_wait(void **state)
{
	struct acting *t = *state;

	mem_acts_fail((struct act_failure){ACT_TAKE, "m0", ERROR_BUSY, 1, 0});
	t->request.wait = (struct option_number){true, 3600};
	acting_on_all(t);
	acting_check_sum(t);
	assert_int_equal(t->counts.done, 2);
	assert_int_equal(t->counts.busy, 0);
	assert_int_equal(t->run.status, STATUS_OK);
}

static void test_wait_is_over(void **state)
{
	struct acting *t = *state;

	mem_acts_fail((struct act_failure){ACT_TAKE, "m0", ERROR_BUSY, 0, 0});
	t->request.wait = (struct option_number){true, 0};
	acting_on_all(t);
	acting_check_sum(t);
	assert_int_equal(t->counts.busy, 1);
	assert_int_equal(t->run.status, STATUS_SOME);
}

/* ---- lost journals and outputs ---- */

static void test_no_journal(void **state)
{
	struct acting *t = *state;

	t->run.globals.journal = "/proc/no/journal";
	acting_on_all(t);
	acting_check_sum(t);
	assert_int_equal(t->run.status, STATUS_CANTCREATE);
	assert_int_equal(mem_acts.commits, 0);
	assert_int_equal(t->counts.untried, 2);
	assert_string_equal(t->printed, "");
	/* what was prepared is let go */
	assert_non_null(strstr(mem_acts_log(), "let_go m0\nlet_go m1\n"));
}

/* At which fdatasync the journal is lost, and how much is committed by then: 1 is its beginning, 2
 * the intents of the first batch, 3 their results, 4 the next intents ... */
static void test_journal_lost(void **state)
{
	static const struct {
		unsigned at;
		enum status status;
		uint64_t done;
	} rows[] = {
	    {1, STATUS_CANTCREATE, 0},
	    {2, STATUS_IO, 0},
	    {3, STATUS_IO, 64},
	    {4, STATUS_IO, 64},
	    {5, STATUS_IO, 128},
	    {8, STATUS_IO, MEM_ACTS_MANY},
	    {9, STATUS_OK, MEM_ACTS_MANY},
	};
	struct acting *t = *state;

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		acting_begin(t, OP_EXPIRE);
		mem_acts_make(MEM_ACTS_MANY);
		mem_acts.sync_fails_at = rows[i].at;
		acting_on_all(t);
		acting_check_sum(t);
		if (t->run.status != rows[i].status || mem_acts.commits != rows[i].done ||
		    t->counts.done != rows[i].done)
			fail_msg("row %zu: %s", i, t->told);
		assert_int_equal(t->counts.untried, MEM_ACTS_MANY - rows[i].done);
	}
}

static void test_stdout_lost(void **state)
{
	struct acting *t = *state;
	struct journal_file f;

	mem_acts_make(MEM_ACTS_MANY);
	t->stdout_to = "/dev/full";
	acting_on_all(t);
	acting_check_sum(t);
	assert_int_equal(t->run.status, STATUS_IO);
	assert_int_equal(mem_acts.commits, ACTION_BATCH);
	assert_int_equal(t->counts.untried, MEM_ACTS_MANY - ACTION_BATCH);
	acting_load(t, &f);
	assert_true(f.ended && f.results[RESULT_DONE] == ACTION_BATCH);
	journal_file_free(&f);
}

static void test_not_synced(void **state)
{
	struct acting *t = *state;
	struct journal_file f;

	/* before anything is committed */
	mem_acts_fail((struct act_failure){ACT_SYNC, NULL, ERROR_SYSTEM, 1, 0});
	acting_on_all(t);
	acting_check_sum(t);
	assert_int_equal(t->run.status, STATUS_SYSTEM);
	assert_int_equal(mem_acts.commits, 0);
	assert_int_equal(acting_journals(t), 0);
	/* after: nobody knows */
	acting_begin(t, OP_EXPIRE);
	mem_acts_make(2);
	mem_acts_fail((struct act_failure){ACT_SYNC, NULL, ERROR_SYSTEM, 1, 1});
	acting_on_all(t);
	acting_check_sum(t);
	assert_int_equal(t->counts.failed, 2);
	assert_string_equal(t->printed, "");
	acting_load(t, &f);
	assert_int_equal(f.results[RESULT_UNSURE], 2);
	journal_file_free(&f);
}

static void test_batch_cannot_begin(void **state)
{
	struct acting *t = *state;

	mem_acts_make(MEM_ACTS_MANY);
	mem_acts_fail((struct act_failure){ACT_BATCH_BEGIN, NULL, ERROR_BUSY, 0, 1});
	acting_on_all(t);
	acting_check_sum(t);
	assert_int_equal(t->counts.done, ACTION_BATCH);
	assert_int_equal(t->counts.untried, MEM_ACTS_MANY - ACTION_BATCH);
	assert_int_equal(t->run.status, STATUS_TEMPORARY);
}

/* ---- signals ---- */

static void strike(enum act_step step, const char *name)
{
	if (step == ACT_COMMIT && strcmp(name, "m5") == 0)
		raise(SIGTERM);
}

/* The batch is finished, what was done is journalled and told, then the signal has its way. */
static void test_signal(void **state)
{
	struct acting *t = *state;
	struct journal_file f;
	pid_t pid;
	int status;
	char *told;

	mem_acts_make(MEM_ACTS_MANY);
	mem_acts.hook = strike;
	fflush(stdout);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		acting_on_all(t);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
	acting_load(t, &f);
	assert_true(f.ended);
	assert_int_equal(f.results[RESULT_DONE], ACTION_BATCH);
	assert_int_equal(
	    json_integer_value(json_object_get(json_object_get(f.end, "counts"), "untried")),
	    MEM_ACTS_MANY - ACTION_BATCH);
	journal_file_free(&f);
	told = acting_text(t->err);
	assert_string_equal(told,
			    "mtaq: 130 messages matched: 64 expired, 66 not tried (interrupted)\n");
	free(told);
	told = acting_text(t->out);
	assert_non_null(strstr(told, "m63: expired"));
	assert_null(strstr(told, "m64: expired"));
	free(told);
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(max),
	    TEST(limit),
	    TEST(no_selector),
	    TEST(impossible),
	    TEST(refused_queue),
	    TEST(refusal_after_trouble),
	    TEST(wait),
	    TEST(wait_is_over),
	    TEST(no_journal),
	    TEST(journal_lost),
	    TEST(stdout_lost),
	    TEST(not_synced),
	    TEST(batch_cannot_begin),
	    TEST(signal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
