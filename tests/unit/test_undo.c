/* Undo over a queue in memory: which operation takes which back, what cannot be taken back and why,
 * and that a run that was cut off is looked at. */
#include "unit/acting_run.h"

#include "journal.h"
#include "undo.h"

#include <mtaq/jsonbytes.h>

#define RUN "20261120T105612Z-77"

struct world {
	struct acting *t;
	struct journal *j;
	struct journal_file file;
};

static int set_up(void **state)
{
	struct world *w = calloc(1, sizeof *w);

	w->t = acting_new();
	acting_begin(w->t, OP_UNDO);
	mem_acts_make(4);
	*state = w;
	return 0;
}

static int tear_down(void **state)
{
	struct world *w = *state;

	journal_file_free(&w->file);
	acting_free(w->t);
	mem_acts_free();
	free(w);
	return 0;
}

/* ---- a journal to take back ---- */

static void begin_journal(struct world *w, enum op op)
{
	struct error err = ERROR_INIT;

	w->j = journal_open(w->t->journal, RUN,
			    json_pack("{s:i, s:i, s:s, s:[s]}", "mtaq", 1, "time", 1, "op",
				      op_name(op), "queues", "mem:queue"),
			    &err);
	assert_non_null(w->j);
}

static json_t *intent(enum op op, const char *id)
{
	return json_pack("{s:s, s:s, s:s, s:s, s:{s:i}, s:[{s:s}]}", "op", op_name(op), "queue",
			 "mem:queue", "dir", MEM_DEMO, "id", id, "identity", "data_mtime_ns", 0,
			 "changes", "what", id);
}

static void add(struct world *w, json_t *line, const char *result)
{
	uint64_t n = journal_intent(w->j, line);

	if (result)
		journal_result(w->j, n, result, NULL);
}

static void plan_and_run(struct acting *t)
{
	struct journal_file file;
	struct error err = ERROR_INIT;
	struct undo u;
	bool running;

	if (journal_load(t->journal, RUN, &t->run.arena, &file, &running, &err) < 0)
		abort();
	t->request.undoes = file.run;
	if (undo_plan(&u, &t->run, &file)) {
		action_run_plans(&t->run, u.plans, u.count, &t->request, &u.counts);
		t->counts = u.counts;
	}
	undo_free(&u);
	journal_file_free(&file);
}

static void undo(struct world *w)
{
	struct error err = ERROR_INIT;

	assert_int_equal(journal_close(w->j, json_object(), &err), 0);
	acting_caught(w->t, plan_and_run);
	if (w->t->run.status != STATUS_TEMPORARY)
		acting_check_sum(w->t);
}

/* Load the journal of the undo itself. */
static void load_own(struct world *w)
{
	struct error err = ERROR_INIT;
	struct run_ids ids;
	bool running;

	assert_int_equal(run_ids_read(w->t->journal, ".jsonl", &ids, &err), 0);
	assert_int_equal(ids.count, 2);
	for (size_t i = 0; i < 2; i++)
		if (strcmp(ids.list[i], RUN) != 0)
			assert_int_equal(journal_load(w->t->journal, ids.list[i], &w->t->run.arena,
						      &w->file, &running, &err),
					 0);
	run_ids_free(&ids);
}

/* ---- which records ---- */

static void test_results(void **state)
{
	struct world *w = *state;

	begin_journal(w, OP_EXPIRE);
	add(w, intent(OP_EXPIRE, "m0"), "done");
	add(w, intent(OP_EXPIRE, "m1"), "failed");
	add(w, intent(OP_EXPIRE, "m2"), "unsure");
	add(w, intent(OP_EXPIRE, "m3"), NULL);
	undo(w);
	assert_int_equal(w->t->counts.matched, 3);
	assert_int_equal(w->t->counts.done, 3);
	assert_null(strstr(mem_acts_log(), "m1"));
	assert_string_equal(w->t->printed, "m0: undone, from=<a@example.com>\n"
					   "m2: undone, from=<a@example.com>\n"
					   "m3: undone, from=<a@example.com>\n");
	assert_int_equal(w->t->run.status, STATUS_OK);
}

static const char *seen[4];
static size_t seen_count;

/* The changes of the intent reach the backend. */
static void see_undo(enum act_step step, const char *name)
{
	if (step != ACT_PREPARE)
		return;
	assert_non_null(mem_acts.undo);
	assert_string_equal(
	    json_string_value(json_object_get(json_array_get(mem_acts.undo, 0), "what")), name);
	seen[seen_count++ % 4] = name;
}

static void test_changes(void **state)
{
	struct world *w = *state;

	begin_journal(w, OP_HOLD);
	/* not in the order of the queue, and not all */
	add(w, intent(OP_HOLD, "m3"), "done");
	add(w, intent(OP_HOLD, "m0"), "done");
	seen_count = 0;
	mem_acts.hook = see_undo;
	undo(w);
	assert_int_equal(seen_count, 2);
	load_own(w);
	assert_int_equal(w->file.op, OP_UNDO);
	assert_string_equal(json_string_value(json_object_get(w->file.header, "undoes")), RUN);
	assert_int_equal(w->file.records[0].op, OP_UNDO);
}

/* ---- which operation takes which back ---- */

static const struct {
	enum op done;
	const char *words; /* of the line that is printed; NULL: nothing is */

} ways[] = {
    {OP_EXPIRE, "m0: undone"}, {OP_BOUNCE, "m0: undone"}, {OP_REQUEUE, "m0: undone"},
    {OP_RETRY, "m0: undone"},  {OP_HOLD, "m0: undone"},	  {OP_RELEASE, "m0: undone"},
    {OP_DROP, "m0: undone"},   {OP_UNDO, "m0: undone"},	  {OP_RESTORE, "m0: deleted"},
    {OP_SAVE, NULL},
};

static void test_ways(void **state)
{
	struct world *w = *state;

	for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
		char trash[96];

		acting_begin(w->t, OP_UNDO);
		mem_acts_make(1);
		snprintf(trash, sizeof trash, "%s/trash", w->t->dir);
		w->t->run.globals.trash = trash;
		begin_journal(w, ways[i].done);
		add(w, intent(ways[i].done, "m0"), "done");
		undo(w);
		if (ways[i].words ? !strstr(w->t->printed, ways[i].words) : *w->t->printed != 0)
			fail_msg("%s: %s%s", op_name(ways[i].done), w->t->printed, w->t->told);
		rmdir(trash);
	}
}

/* ---- once only ---- */

/* A run that has taken back m0 of another, as far as `result` says. */
static void add_undo(struct world *w, const char *run, const char *of, const char *result)
{
	struct error err = ERROR_INIT;
	struct journal *j = journal_open(
	    w->t->journal, run,
	    json_pack("{s:i, s:i, s:s, s:s}", "mtaq", 1, "time", 1, "op", "undo", "undoes", of),
	    &err);
	uint64_t n;

	assert_non_null(j);
	n = journal_intent(j, intent(OP_UNDO, "m0"));
	assert_int_equal(journal_sync(j, &err), 0);
	if (result)
		journal_result(j, n, result, NULL);
	assert_int_equal(journal_close(j, json_object(), &err), 0);
}

/* What was taken back is not taken back again, whatever it is by now; unless that was undone. */
static void test_undone(void **state)
{
	static const struct {
		const char *first, *second, *want;
	} cases[] = {
	    {"done", NULL, "m1"}, {"failed", NULL, "m0"}, {"unsure", NULL, "m0"},
	    {NULL, NULL, "m0"},	  {"done", "done", "m0"}, {"done", "failed", "m1"},
	};
	struct world *w = *state;

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		acting_begin(w->t, OP_UNDO);
		mem_acts_make(4);
		begin_journal(w, OP_DROP);
		add(w, intent(OP_DROP, "m0"), "done");
		add(w, intent(OP_DROP, "m1"), "done");
		add_undo(w, "20261120T105613Z-5", RUN, cases[i].first);
		if (cases[i].second)
			add_undo(w, "20261120T105613Z-100", "20261120T105613Z-5", cases[i].second);
		undo(w);
		assert_int_equal(strncmp(w->t->printed, cases[i].want, 2), 0);
		assert_int_equal(w->t->counts.already, strcmp(cases[i].want, "m1") == 0);
		assert_int_equal(w->t->counts.done, 2 - w->t->counts.already);
	}
}

/* Journals that undo each other in a circle, and one that is none. */
static void test_undone_odd(void **state)
{
	struct error err = ERROR_INIT;
	struct world *w = *state;
	char path[160];
	FILE *f;

	add_undo(w, "20261120T105613Z-5", RUN, "done");
	w->j = journal_open(w->t->journal, RUN,
			    json_pack("{s:i, s:i, s:s, s:s}", "mtaq", 1, "time", 1, "op", "undo",
				      "undoes", "20261120T105613Z-5"),
			    &err);
	for (int i = 0; i < 40; i++)
		add(w, intent(OP_UNDO, "m0"), "done");
	assert_int_equal(journal_sync(w->j, &err), 0);
	snprintf(path, sizeof path, "%s/20261120T105613Z-7.jsonl", w->t->journal);
	f = fopen(path, "w");
	assert_int_equal(fputs("{\"undoes\": \"" RUN "\"}\n", f) < 0, 0);
	fclose(f);
	undo(w);
	assert_int_equal(w->t->counts.matched, 40);
}

/* Back to the directory that it came from. */
static void test_move(void **state)
{
	struct world *w = *state;
	json_t *line = intent(OP_MOVE, "m0");

	json_object_set_new(line, "dir", json_string("/where/it/was"));
	json_object_set_new(line, "target", json_string("/where/it/went"));
	begin_journal(w, OP_MOVE);
	add(w, line, "done");
	undo(w);
	assert_string_equal(w->t->printed, "m0: moved, from=<a@example.com>, to /where/it/was\n");
	assert_non_null(strstr(mem_acts_log(), "run_begin mem:/where/it/went\n"));
}

static void test_move_nowhere(void **state)
{
	struct world *w = *state;
	json_t *line = intent(OP_MOVE, "m0");

	json_object_set_new(line, "target", json_string("nowhere"));
	begin_journal(w, OP_MOVE);
	add(w, line, "done");
	undo(w);
	assert_non_null(strstr(w->t->told, "mtaq: m0: cannot be taken back: where it was moved to "
					   "is no queue now\n"));
	assert_int_not_equal(w->t->run.status, STATUS_OK);
}

/* ---- deleted messages: in the trash, or not gone from the queue yet ---- */

static const char note_text[] =
    "{\"mtaq\":1,\"mta\":\"mem\",\"queue\":\"mem:queue\",\"dir\":\"d\",\"id\":\"m0\",\"state\":"
    "\"queued\",\"run\":\"r\",\"time\":1,\"sender\":\"a@example.com\",\"files\":[{\"role\":"
    "\"data\","
    "\"name\":\"f\",\"place\":\"f\",\"size\":1,\"mode\":420,\"uid\":0,\"gid\":0,\"atime_ns\":0,"
    "\"mtime_ns\":0}]}";

static void delete_and_undo(struct world *w, bool note, bool folder)
{
	json_t *line = intent(OP_DELETE, "m0");
	char path[80];
	FILE *f;

	snprintf(path, sizeof path, "%s/m0.json", w->t->dir);
	if (note) {
		f = fopen(path, "w");
		assert_int_equal(fputs(note_text, f) < 0, 0);
		fclose(f);
	}
	if (folder)
		json_object_set_new(line, "trash", json_string(w->t->dir));
	begin_journal(w, OP_DELETE);
	add(w, line, "done");
	undo(w);
	unlink(path);
}

static void see_saved(enum act_step step, const char *name)
{
	(void)name;
	if (step == ACT_PREPARE)
		assert_string_equal(json_string_value(json_object_get(mem_acts.saved->note, "mta")),
				    "mem");
}

static void test_from_trash(void **state)
{
	struct world *w = *state;

	mem_acts.find_hides = "m0";
	mem_acts.hook = see_saved;
	delete_and_undo(w, true, true);
	assert_string_equal(w->t->printed, "m0: restored, from=<a@example.com>\n");
	assert_string_equal(w->t->told, "mtaq: 1 message matched: 1 undone\n");
	load_own(w);
	assert_int_equal(w->file.records[0].op, OP_RESTORE);
}

/* Not gone yet: its copy in the trash goes, which the journal tells. So undo of that makes another
 * by deleting it anew. */
static void test_still_queued(void **state)
{
	struct world *w = *state;
	json_t *line;
	char trash[96];

	delete_and_undo(w, true, true);
	assert_string_equal(w->t->printed, "m0: undone, from=<a@example.com>\n");
	load_own(w);
	line = journal_line(w->file.records[0].intent, NULL);
	assert_non_null(line);
	assert_string_equal(json_string_value(json_object_get(line, "trash")), w->t->dir);
	acting_begin(w->t, OP_UNDO);
	mem_acts_make(1);
	snprintf(trash, sizeof trash, "%s/trash", w->t->dir);
	w->t->run.globals.trash = trash;
	begin_journal(w, OP_UNDO);
	add(w, line, "done");
	undo(w);
	assert_string_equal(w->t->printed, "m0: deleted, from=<a@example.com>\n");
	rmdir(trash);
}

static void test_restored_already(void **state)
{
	struct world *w = *state;

	delete_and_undo(w, false, true);
	assert_string_equal(w->t->told, "mtaq: 1 message matched: 1 already so\n");
	assert_int_equal(w->t->run.status, STATUS_OK);
}

static void test_purged(void **state)
{
	struct world *w = *state;

	mem_acts.find_hides = "m0";
	delete_and_undo(w, false, false);
	assert_non_null(strstr(w->t->told, "it did not go into the trash"));
	assert_int_equal(w->t->run.status, STATUS_SOME);
}

static void test_trash_emptied(void **state)
{
	struct world *w = *state;

	mem_acts.find_hides = "m0";
	delete_and_undo(w, false, true);
	assert_non_null(strstr(w->t->told, "it is no longer in the trash"));
	assert_int_equal(w->t->counts.gone, 1);
}

/* ---- what cannot be taken back ---- */

static void test_gone(void **state)
{
	struct world *w = *state;

	begin_journal(w, OP_EXPIRE);
	add(w, intent(OP_EXPIRE, "bygone"), "done");
	add(w, intent(OP_EXPIRE, "m0"), "done");
	undo(w);
	assert_non_null(strstr(w->t->told, "mtaq: bygone: cannot be taken back: it is no longer in "
					   "its queue: delivered, returned or removed since\n"));
	assert_int_equal(w->t->counts.gone, 1);
	assert_int_equal(w->t->counts.done, 1);
	assert_int_equal(w->t->run.status, STATUS_SOME);
}

/* Found, but gone when it is looked at. */
static void test_vanishes(void **state)
{
	struct world *w = *state;

	mem_acts.list[1].vanishes = PART_STAT | PART_DATA | PART_CONTROL;
	begin_journal(w, OP_EXPIRE);
	for (int i = 0; i < 3; i++)
		add(w, intent(OP_EXPIRE, mem_acts.list[i].name), "done");
	undo(w);
	assert_int_equal(w->t->counts.gone, 1);
	assert_int_equal(w->t->counts.done, 2);
	assert_null(strstr(mem_acts_log(), "take m1"));
}

static void test_another_message(void **state)
{
	struct world *w = *state;
	json_t *line = intent(OP_EXPIRE, "m1");

	json_object_set_new(json_object_get(line, "identity"), "data_mtime_ns", json_integer(5));
	begin_journal(w, OP_EXPIRE);
	add(w, intent(OP_EXPIRE, "m0"), "done");
	add(w, line, "done");
	add(w, intent(OP_EXPIRE, "m2"), "done");
	undo(w);
	assert_non_null(strstr(w->t->told, "m1: cannot be taken back: another message has its id"));
	assert_int_equal(w->t->counts.changed, 1);
	assert_int_equal(w->t->counts.done, 2);
	assert_null(strstr(mem_acts_log(), "take m1"));
}

static void test_no_way_back(void **state)
{
	struct world *w = *state;

	mem_acts.table.ops[OP_RETRY].reversible = false;
	begin_journal(w, OP_RETRY);
	add(w, intent(OP_RETRY, "m0"), "done");
	undo(w);
	assert_int_equal(w->t->counts.not_applicable, 1);
	assert_int_equal(mem_acts.log.n, strlen("fdatasync\n") * 2); /* of begin_journal() */
}

static void test_unknown_queue(void **state)
{
	struct world *w = *state;
	json_t *line = intent(OP_EXPIRE, "m0");

	json_object_set_new(line, "queue", json_string("mem:nowhere"));
	begin_journal(w, OP_EXPIRE);
	add(w, line, "done");
	undo(w);
	assert_non_null(strstr(w->t->told, "name it with -q"));
	assert_int_equal(w->t->counts.failed, 1);
}

/* Bytes that are no text, and a record without what it needs. */
static void test_odd_records(void **state)
{
	struct world *w = *state;
	json_t *line = intent(OP_EXPIRE, "m0");

	json_object_set_new(line, "id", json_bytes(SLICE("\xff\xfe")));
	begin_journal(w, OP_EXPIRE);
	add(w, line, "done");
	line = intent(OP_EXPIRE, "m0");
	json_object_del(line, "queue");
	add(w, line, "done");
	line = intent(OP_EXPIRE, "m0");
	json_object_del(line, "changes");
	add(w, line, "done");
	undo(w);
	assert_int_equal(w->t->counts.gone, 1);
	assert_int_equal(w->t->counts.failed, 2);
	assert_int_equal(mem_acts.commits, 0);
	assert_null(strchr(w->t->told, '\xff'));
}

/* The queues of the run are used unless others are named. */
static void test_queues(void **state)
{
	struct world *w = *state;

	text_list_free(&w->t->run.globals.queues);
	begin_journal(w, OP_EXPIRE);
	add(w, intent(OP_EXPIRE, "m0"), "done");
	undo(w);
	assert_int_equal(w->t->counts.done, 1);
}

static void test_guards(void **state)
{
	struct world *w = *state;

	w->t->request.max = "1";
	begin_journal(w, OP_EXPIRE);
	add(w, intent(OP_EXPIRE, "m0"), "done");
	add(w, intent(OP_EXPIRE, "m1"), "done");
	undo(w);
	assert_int_equal(w->t->run.status, STATUS_TEMPORARY);
	assert_int_equal(mem_acts.commits, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(results),	   TEST(changes),	TEST(ways),	     TEST(move),
	    TEST(move_nowhere),	   TEST(from_trash),	TEST(still_queued),  TEST(restored_already),
	    TEST(purged),	   TEST(trash_emptied), TEST(gone),	     TEST(vanishes),
	    TEST(another_message), TEST(no_way_back),	TEST(unknown_queue), TEST(odd_records),
	    TEST(queues),	   TEST(guards),	TEST(undone),	     TEST(undone_odd),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
