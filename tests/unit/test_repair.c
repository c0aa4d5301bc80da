/* Repairs over a queue in memory whose findings lie in a directory of the test's own: what is told,
 * counted and journalled of each end that a repair can have, what refuses before anything is
 * touched, how often is looked again, and what undo makes of whatever a journal says. */
#include "unit/repair_fakes.h"

/* ---- ends of one repair ---- */

static void test_done(void **state)
{
	static const struct fake list[] = {{.name = "a", .code = BAD}, {.name = "b", .code = BAD}};
	struct acting *t = *state;
	struct journal_file f;

	FAKES(list);
	acting_caught(t, repair_now);
	assert_int_equal(t->run.status, STATUS_OK);
	assert_false(there("a") || there("b"));
	assert_said(t->printed, "/a: repaired (bad-file): into the trash\n");
	assert_said(t->printed, "/b: repaired (bad-file): into the trash\n");
	assert_string_equal(t->told, "mtaq: 2 findings: 2 repaired\n");
	assert_int_equal(fakes.batches, 1);
	/* and once more, to see whether anything came to light */
	assert_int_equal(fakes.looks, 2);
	assert_int_equal(fakes.begun, 1);
	assert_int_equal(fakes.ended, 1);
	assert_balanced();
	acting_load(t, &f);
	assert_int_equal(f.op, OP_REPAIR);
	assert_int_equal(f.count, 2);
	assert_int_equal(f.records[0].op, OP_REPAIR);
	assert_int_equal(f.results[RESULT_DONE], 2);
	assert_true(f.ended);
	journal_file_free(&f);
}

static void test_ends(void **state)
{
	static const struct {
		enum error_code code;
		bool nothing;
		const char *summary, *why; /* why NULL: nothing is told */
		enum status status;
	} rows[] = {
	    {ERROR_BUSY, false, "1 busy", "not repaired (bad-file): it says no", STATUS_SOME},
	    {ERROR_GONE, false, "1 gone", NULL, STATUS_OK},
	    {ERROR_STALE, false, "1 changed meanwhile", "it says no", STATUS_SOME},
	    {ERROR_UNSUPPORTED, false, "1 cannot be done now", "it says no", STATUS_SOME},
	    {ERROR_DENIED, false, "1 failed", "it says no", STATUS_SOME},
	    {ERROR_BUG, false, "1 failed", "it says no", STATUS_SOME},
	    {ERROR_NONE, true, "1 no longer so", NULL, STATUS_OK},
	};
	struct acting *t = *state;

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct fake list[] = {{.name = "a", .code = BAD}};

		list[0].refuses = rows[i].code;
		list[0].nothing = rows[i].nothing;
		acting_begin(t, OP_REPAIR);
		t->run.globals.trash = fakes.trash;
		FAKES(list);
		acting_caught(t, repair_now);
		if (t->run.status != rows[i].status)
			fail_msg("row %zu: status %d", i, t->run.status);
		assert_said(t->told, rows[i].summary);
		assert_int_equal(strstr(t->told, "it says no") != NULL, rows[i].why != NULL);
		if (rows[i].why)
			assert_said(t->told, rows[i].why);
		assert_string_equal(t->printed, "");
		assert_true(there("a"));
		/* nothing was done: there is no journal, and the trash is as it was */
		assert_int_equal(acting_journals(t), 0);
		assert_balanced();
	}
}

static void test_offline_only(void **state)
{
	static const struct fake list[] = {{.name = "a", .code = OFFLINE}};
	struct acting *t = *state;

	FAKES(list);
	acting_caught(t, repair_now);
	assert_int_equal(t->run.status, STATUS_SOME);
	assert_said(t->told, "only while the MTA is stopped");
	assert_int_equal(fakes.plans, 0);
	assert_true(there("a"));
	acting_begin(t, OP_REPAIR);
	t->run.globals.trash = fakes.trash;
	fakes.offline = true;
	acting_caught(t, repair_now);
	assert_int_equal(t->run.status, STATUS_OK);
	assert_false(there("a"));
}

static void test_left(void **state)
{
	static const struct fake list[] = {{.name = "a", .code = ODD},
					   {.name = "b", .code = BAD, .stuck = true},
					   {.name = "c", .code = BAD}};
	struct acting *t = *state;

	FAKES(list);
	acting_caught(t, repair_now);
	assert_int_equal(t->run.status, STATUS_SOME);
	assert_said(t->printed, "/a: left (odd-file): decide yourself\n");
	assert_said(t->printed, "/b: left (bad-file): not this one\n");
	assert_said(t->printed, "/c: repaired");
	assert_string_equal(t->told,
			    "mtaq: 3 findings: 1 repaired, 2 not for a program to decide\n");
	assert_true(there("a") && there("b"));
}

static void test_only_people(void **state)
{
	static const struct fake list[] = {{.name = "a", .code = ODD}};
	struct acting *t = *state;

	FAKES(list);
	acting_caught(t, repair_now);
	/* a queue that nothing is to be done to is not even begun */
	assert_int_equal(fakes.begun, 0);
	assert_int_equal(acting_journals(t), 0);
	assert_int_equal(access(fakes.trash, F_OK), -1);
}

/* ---- what refuses ---- */

static void test_refused(void **state)
{
	static const struct fake list[] = {{.name = "a", .code = BAD}};
	struct acting *t = *state;

	FAKES(list);
	fakes.begin = (struct error){.code = ERROR_BUSY, .text = "it runs"};
	acting_caught(t, repair_now);
	assert_int_equal(t->run.status, STATUS_TEMPORARY);
	assert_string_equal(t->told, "mtaq: it runs\n");
	assert_int_equal(fakes.plans, 0);
	assert_int_equal(acting_journals(t), 0);
}

static void test_no_trash_no_journal(void **state)
{
	static const struct fake list[] = {{.name = "a", .code = BAD}};
	struct acting *t = *state;

	FAKES(list);
	t->run.globals.trash = "/nonexistent/trash";
	acting_caught(t, repair_now);
	assert_int_equal(t->run.status, STATUS_CANTCREATE);
	acting_begin(t, OP_REPAIR);
	t->run.globals.trash = fakes.trash;
	t->run.globals.journal = "/dev/null/journal";
	acting_caught(t, repair_now);
	assert_int_equal(t->run.status, STATUS_CANTCREATE);
	assert_said(t->told, "1 not tried");
	assert_true(there("a"));
	assert_balanced();
	assert_int_equal(fakes.begun, fakes.ended);
}

static void test_dry_run_needs_neither(void **state)
{
	static const struct fake list[] = {{.name = "a", .code = BAD}};
	struct acting *t = *state;

	FAKES(list);
	t->run.globals.trash = "/nonexistent/trash";
	t->run.globals.journal = "/dev/null/journal";
	t->request.dry_run = true;
	acting_caught(t, repair_now);
	assert_int_equal(t->run.status, STATUS_OK);
	assert_said(t->printed, "/a: repaired (bad-file): into the trash\n");
	assert_string_equal(t->told, "mtaq: dry run, nothing was changed: 1 finding: 1 repaired\n");
	assert_true(there("a"));
	assert_int_equal(fakes.looks, 1);
}

static void test_max(void **state)
{
	static const struct {
		const char *max;
		enum status status;
	} rows[] = {{"2", STATUS_TEMPORARY},
		    {"0", STATUS_TEMPORARY},
		    {"some", STATUS_USAGE},
		    {"1%", STATUS_OK},
		    {"3", STATUS_OK}};
	static const struct fake list[] = {{.name = "a", .code = BAD},
					   {.name = "b", .code = BAD},
					   {.name = "c", .code = BAD},
					   {.name = "d", .code = ODD}};
	struct acting *t = *state;

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		acting_begin(t, OP_REPAIR);
		t->run.globals.trash = fakes.trash;
		t->request.max = rows[i].max;
		t->request.dry_run = rows[i].status == STATUS_OK;
		FAKES(list);
		acting_caught(t, repair_now);
		/* what a person has to decide is not counted, but told */
		assert_int_equal(t->run.status,
				 rows[i].status == STATUS_OK ? STATUS_SOME : rows[i].status);
		assert_int_equal(fakes.plans, rows[i].status == STATUS_OK ? 3 : 0);
		assert_true(there("a") && there("b") && there("c"));
	}
}

/* ---- batches and passes ---- */

static void test_one_message_at_a_time(void **state)
{
	static const struct fake list[] = {{.name = "a", .code = BAD, .id = "x"},
					   {.name = "b", .code = BAD, .id = "y"},
					   {.name = "c", .code = BAD, .id = "x"},
					   {.name = "d", .code = BAD, .id = "z"}};
	struct acting *t = *state;

	FAKES(list);
	acting_caught(t, repair_now);
	assert_string_equal(t->told, "mtaq: 4 findings: 4 repaired\n");
	assert_int_equal(fakes.batches, 2);
	assert_balanced();
}

static void test_comes_to_light(void **state)
{
	static const struct fake list[] = {{.name = "a", .code = BAD},
					   {.name = "b", .code = BAD, .after = "a"},
					   {.name = "c", .code = ODD, .after = "b"}};
	struct acting *t = *state;

	FAKES(list);
	acting_caught(t, repair_now);
	assert_false(there("a") || there("b"));
	assert_said(t->printed, "/c: left (odd-file)");
	assert_string_equal(t->told,
			    "mtaq: 3 findings: 2 repaired, 1 not for a program to decide\n");
	assert_int_equal(fakes.looks, 3);
}

static void test_found_for_ever(void **state)
{
	static const struct fake list[] = {{.name = "a", .code = BAD, .again = true}};
	struct acting *t = *state;

	FAKES(list);
	acting_caught(t, repair_now);
	assert_int_equal(fakes.plans, 1);
	assert_int_equal(fakes.looks, 2);
}

static void test_stdout_lost(void **state)
{
	static struct fake list[ACTION_BATCH + 5];
	static char names[ACTION_BATCH + 5][8];
	struct acting *t = *state;
	size_t left = 0;

	for (size_t i = 0; i < ACTION_BATCH + 5; i++) {
		snprintf(names[i], sizeof names[i], "f%zu", i);
		list[i] = (struct fake){.name = names[i], .code = BAD};
	}
	FAKES(list);
	t->stdout_to = "/dev/full";
	acting_caught(t, repair_now);
	t->stdout_to = NULL;
	for (size_t i = 0; i < ACTION_BATCH + 5; i++)
		left += there(names[i]);
	/* the batch that was begun is finished, no other is begun */
	assert_int_equal(left, 5);
	assert_said(t->told, "64 repaired, 5 not tried");
	assert_int_equal(t->run.status, STATUS_IO);
}

/* ---- taking back ---- */

static struct journal_file taken_back;

static void undo_now(struct acting *t)
{
	repair_undo(&t->run, &taken_back, &t->request);
}

/* A run of undo, of the only journal there is, its text changed by `from` -> `to` if given. */
static void undo(struct acting *t, const char *from, const char *to)
{
	static char text[1 << 16];
	struct error err = ERROR_INIT;
	struct journal_file f;
	char *at, *old;
	struct run_ids ids;
	char path[300];

	assert_int_equal(run_ids_read(t->journal, ".jsonl", &ids, &err), 0);
	assert_int_equal(ids.count, 1);
	snprintf(path, sizeof path, "%s/%s.jsonl", t->journal, ids.list[0]);
	run_ids_free(&ids);
	old = acting_text(path);
	at = from ? strstr(old, from) : NULL;
	if (from && !at)
		fail_msg("'%s' is not in the journal: %s", from, old);
	if (at)
		snprintf(text, sizeof text, "%.*s%s%s", (int)(at - old), old, to,
			 at + strlen(from));
	else
		snprintf(text, sizeof text, "%s", old);
	free(old);
	acting_begin(t, OP_UNDO);
	t->run.globals.trash = fakes.trash;
	if (journal_parse(slice_from(text), &f, &err) < 0)
		fail_msg("%s", err.text);
	taken_back = f;
	t->request.undoes = f.run;
	acting_caught(t, undo_now);
	journal_file_free(&taken_back);
}

static const struct fake two[] = {{.name = "a", .code = BAD}, {.name = "b", .code = BAD}};

static void test_undo(void **state)
{
	struct acting *t = *state;

	FAKES(two);
	acting_caught(t, repair_now);
	assert_false(there("a") || there("b"));
	undo(t, NULL, NULL);
	assert_int_equal(t->run.status, STATUS_OK);
	assert_string_equal(t->told, "mtaq: 2 repairs: 2 undone\n");
	/* the last first */
	assert_true(strstr(t->printed, "/b: undone (bad-file)\n") <
		    strstr(t->printed, "/a: undone (bad-file)\n"));
	assert_true(there("a") && there("b"));
}

static void test_undo_again(void **state)
{
	struct acting *t = *state;

	FAKES(two);
	acting_caught(t, repair_now);
	undo(t, NULL, NULL);
	/* that of the undo is the only journal now */
	undo(t, NULL, NULL);
	assert_string_equal(t->told, "mtaq: 2 repairs: 2 undone\n");
	assert_false(there("a") || there("b"));
	assert_int_equal(fakes.locks, 2);
}

static void test_undo_locked(void **state)
{
	struct acting *t = *state;

	FAKES(two);
	acting_caught(t, repair_now);
	undo(t, NULL, NULL);
	fakes.lock_says = ERROR_BUSY;
	undo(t, NULL, NULL);
	assert_int_equal(t->run.status, STATUS_SOME);
	assert_said(t->told, "2 repairs: 2 busy");
	assert_true(there("a") && there("b"));
}

static void test_undo_in_the_way(void **state)
{
	struct acting *t = *state;
	int fd;

	FAKES(two);
	acting_caught(t, repair_now);
	fd = open(file("a"), O_WRONLY | O_CREAT, 0600);
	assert_int_equal(write(fd, "another", 7), 7);
	close(fd);
	undo(t, NULL, NULL);
	assert_int_equal(t->run.status, STATUS_SOME);
	assert_true(there("b"));
	assert_said(t->told, "not undone (bad-file)");
	fd = open(file("a"), O_RDONLY);
	assert_int_equal(lseek(fd, 0, SEEK_END), 7);
	close(fd);
}

/* What a journal says may be anything. */
static void test_undo_of_strange_journals(void **state)
{
	static const struct {
		const char *from, *to;
	} rows[] = {
	    {"\"name\":\"a\"", "\"name\":\"../a\""},
	    {"\"name\":\"a\"", "\"name\":\"..\""},
	    {"\"name\":\"a\"", "\"name\":\"\""},
	    {"\"name\":\"a\"", "\"name\":7"},
	    {"\"name\":\"a\"", "\"name\":\"a\\u0000b\""},
	    {"\"name\":\"a\"", "\"nome\":\"a\""},
	    {"\"what\":\"trash\"", "\"what\":\"burn\""},
	    {"\"what\":\"trash\"", "\"what\":\"rename\""},
	    {"\"what\":\"trash\"", "\"what\":\"replace\""},
	    {"\"what\":\"trash\"", "\"what\":\"make\""},
	    {"\"what\":\"trash\"", "\"what\":\"link\""},
	    {"\"what\":\"trash\"", "\"what\":\"unlink\""},
	    {"\"what\":\"trash\"", "\"what\":\"back\""},
	    {"\"what\":\"trash\"", "\"what\":null"},
	    {"\"kept\":\"", "\"kept\":\"../../"},
	    {"\"kept\":\"", "\"kopt\":\""},
	    {"\"was\":{", "\"was\":{\"ino\":0,\"x\":{"},
	    {"\"changes\":[", "\"changes\":[7,"},
	    {"\"trash\":\"", "\"trosh\":\""},
	    {"\"trash\":\"", "\"trash\":\"/nonexistent"},
	    {"\"queue\":\"mem:queue\",\"dir\"", "\"queue\":\"mem:other\",\"dir\""},
	    {"\"code\":\"bad-file\"", "\"code\":\"no-such\""},
	    {"\"code\":\"bad-file\"", "\"code\":null"},
	    {"\"path\":\"", "\"poth\":\""},
	};
	static const struct fake list[] = {{.name = "a", .code = BAD}};
	struct acting *t = *state;

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		/* one more brace closes what a row opened */
		char to[200];
		const char *from = rows[i].from;

		/* runs of one process and second have the same folder */
		remove_all(fakes.trash);
		acting_begin(t, OP_REPAIR);
		t->run.globals.trash = fakes.trash;
		FAKES(list);
		acting_caught(t, repair_now);
		assert_false(there("a"));
		snprintf(to, sizeof to, "%s", rows[i].to);
		if (strstr(to, "\"x\":{"))
			snprintf(to, sizeof to, "\"was\":{\"ino\":0},\"x\":{");
		undo(t, from, to);
		if (t->run.status != STATUS_SOME)
			fail_msg("row %zu: status %d, %s", i, t->run.status, t->told);
		assert_string_equal(t->printed, "");
		if (there("a"))
			fail_msg("row %zu: something was done", i);
	}
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    CASE(test_done),
	    CASE(test_ends),
	    CASE(test_offline_only),
	    CASE(test_left),
	    CASE(test_only_people),
	    CASE(test_refused),
	    CASE(test_no_trash_no_journal),
	    CASE(test_dry_run_needs_neither),
	    CASE(test_max),
	    CASE(test_one_message_at_a_time),
	    CASE(test_comes_to_light),
	    CASE(test_found_for_ever),
	    CASE(test_stdout_lost),
	    CASE(test_undo),
	    CASE(test_undo_again),
	    CASE(test_undo_locked),
	    CASE(test_undo_in_the_way),
	    CASE(test_undo_of_strange_journals),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
