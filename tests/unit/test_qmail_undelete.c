/*
 * Undo of a delete beside a running qmail-send, as long as the message is still in the queue: what
 * is pending again there is not in the trash, whoever is killed in between.
 */
#include "unit/qmail_trash.h"

static void end_all(struct box *b)
{
	act_shell(b, "rm info/*/* remote/*/* local/*/* mess/*/* bounce/*");
}

static int again(struct act *t, uint64_t n)
{
	return act_on(t, n);
}

/* A message of its own number, deleted beside qmail-send. */
static uint64_t delete_live(struct world *w, int *send)
{
	uint64_t n;

	world_open(w, "basic.tar", OP_DELETE);
	n = act_own_number(&w->b, NOTED);
	*send = act_send_starts(&w->b);
	assert_int_equal(act_on(&w->t, n), ACT_DONE);
	return n;
}

static const char deleted[] = "Danna@grey.example.net|Dbob@example.com|Dcarl@nouser.example.org|"
			      "Ddora@full.example.net|",
		  pending[] = "Tanna@grey.example.net|Dbob@example.com|Dcarl@nouser.example.org|"
			      "Tdora@full.example.net|";

static int undo_again(struct act *t, uint64_t n)
{
	return act_undo(t, n);
}

/* Killed when its recipients may be pending again: as long as it is there the same again finishes.
 * Once it is gone it may have been delivered, and the copy does not come back. */
static void test_undo_killed(void **state)
{
	static const struct {
		enum act_step step;
		int restored; /* when it has left the queue */
	} cases[] = {{BEFORE_COMMIT, ACT_DONE}, {BEFORE_FINISH, ERROR_DENIED}};
	struct world w;
	char id[64];
	uint64_t n;
	int send;

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		n = delete_live(&w, &send);
		snprintf(id, sizeof id, "%" SLICE_FMT, SLICE_ARG(act_plan(&w.b, n).id));
		act_killed(&w.t, cases[i / 2].step, n, undo_again);
		assert_int_equal(trash_count(&w), 5);
		w.t.when = STEP_NONE;
		if (i % 2) {
			end_all(&w.b);
			assert_int_equal(act_restore(&w.t, id), cases[i / 2].restored);
			assert_int_equal(trash_count(&w), i == 1 ? 0 : 5);
		} else {
			assert_int_equal(act_restore(&w.t, id), ERROR_DENIED);
		}
		close(send);
		world_close(&w);
	}
}

static int undo_killed_and_again(struct world *w, enum act_step step, uint64_t n)
{
	w->t.meanwhile = NULL;
	act_killed(&w->t, step, n, undo_again);
	w->t.when = STEP_NONE;
	return act_undo(&w->t, n);
}

static void test_undo_again(void **state)
{
	struct world w;
	uint64_t n;
	int send;

	(void)state;
	n = delete_live(&w, &send);
	assert_int_equal(undo_killed_and_again(&w, BEFORE_COMMIT, n), ACT_DONE);
	assert_records(&w.b, FILE_REMOTE, n, pending);
	assert_int_equal(trash_count(&w), 0);
	close(send);
	world_close(&w);
	n = delete_live(&w, &send);
	/* all is back, and only the copy is left over */
	assert_int_equal(undo_killed_and_again(&w, BEFORE_FINISH, n), ACT_ALREADY);
	assert_records(&w.b, FILE_REMOTE, n, pending);
	assert_true(act_exists(&w.b, FILE_BOUNCE, n));
	assert_int_equal(trash_count(&w), 0);
	close(send);
	world_close(&w);
}

/* A channel is gone: the message is ending, and is brought back as a whole when it has. */
static void test_undo_ending(void **state)
{
	struct world w;
	uint64_t n;
	int send;

	(void)state;
	world_open(&w, "basic.tar", OP_DELETE);
	n = act_own_number(&w.b, MIXED);
	send = act_send_starts(&w.b);
	assert_int_equal(act_on(&w.t, n), ACT_DONE);
	act_shell(&w.b, "rm $(grep -l defer@local local/*/*)");
	assert_int_equal(act_undo(&w.t, n), ERROR_BUSY);
	assert_non_null(strstr(w.t.err.text, "when it is gone"));
	assert_records(&w.b, FILE_REMOTE, n,
		       "Dh@busy.example.net|Dc@down.example.org|Di@example.com|");
	assert_int_equal(trash_count(&w), 5);
	close(send);
	world_close(&w);
}

static void end_remote(struct box *b)
{
	act_shell(b, "rm $(grep -l anna@grey remote/*/*)");
}

/* qmail-send had read the old marks: what it then removes stays in the trash, and that is told. */
static void test_undo_too_late(void **state)
{
	struct world w;
	uint64_t n;
	int send;

	(void)state;
	n = delete_live(&w, &send);
	w.t.when = BEFORE_FINISH;
	w.t.meanwhile = end_remote;
	assert_int_equal(act_undo(&w.t, n), ERROR_BUSY);
	assert_non_null(strstr(w.t.err.text, "its copy stays in"));
	assert_int_equal(trash_count(&w), 5);
	close(send);
	world_close(&w);
}

/* As long as somebody goes through it, or delivers it, nothing is done. */
static void test_undo_in_use(void **state)
{
	static const enum qmail_file files[] = {FILE_MESS, FILE_REMOTE};
	struct world w;
	int send, fd, hold[2];
	uint64_t n;
	pid_t pid;

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		n = delete_live(&w, &send);
		fd = openat(w.b.fd, act_path(&w.b, files[i], n), O_RDONLY);
		assert_int_equal(pipe(hold), 0);
		pid = fork();
		if (pid == 0) {
			close(hold[1]);
			_exit(read(hold[0], &(char){0}, 1) < 0);
		}
		close(fd);
		close(hold[0]);
		json_t *changes = json_deep_copy(w.t.changes);
		assert_int_equal(act_undo(&w.t, n), ERROR_BUSY);
		assert_records(&w.b, FILE_REMOTE, n, deleted);
		assert_int_equal(trash_count(&w), 5);
		close(hold[1]);
		assert_int_equal(waitpid(pid, NULL, 0), pid);
		json_decref(w.t.changes);
		w.t.changes = changes;
		assert_int_equal(act_undo(&w.t, n), ACT_DONE);
		assert_records(&w.b, FILE_REMOTE, n, pending);
		close(send);
		world_close(&w);
	}
}

/* A delivery that was under way failed after the delete: the sender hears of that and of those
 * before. */
static void test_undo_with_note(void **state)
{
	struct slice note;
	struct world w;
	uint64_t n;
	char command[128];
	int send;

	(void)state;
	n = delete_live(&w, &send);
	snprintf(command, sizeof command, "printf '<new@y>:\nno\n\n' >bounce/%llu",
		 (unsigned long long)n);
	act_shell(&w.b, command);
	assert_int_equal(act_undo(&w.t, n), ACT_DONE);
	note = act_bytes(&w.b, FILE_BOUNCE, n);
	assert_true(slice_starts(note, SLICE("<new@y>:\nno\n\n<carl@")));
	assert_int_equal(trash_count(&w), 0);
	close(send);
	world_close(&w);
}

/* Killed before it took anything away, a delete has left a whole message, and a copy too many. */
static void test_undo_of_nothing(void **state)
{
	struct slice before, after;
	struct world w;

	(void)state;
	world_open(&w, "basic.tar", OP_DELETE);
	before = act_tree(&w.b);
	w.t.when = NO_COMMIT;
	assert_int_equal(act_on(&w.t, NOTED), ERROR_BUG);
	json_t *changes = json_deep_copy(w.t.changes);
	act_killed(&w.t, BEFORE_COMMIT, NOTED, again);
	w.t.when = STEP_NONE;
	json_decref(w.t.changes);
	w.t.changes = changes;
	assert_int_equal(trash_count(&w), 5);
	assert_int_equal(act_undo(&w.t, NOTED), ACT_ALREADY);
	assert_int_equal(trash_count(&w), 0);
	after = act_tree(&w.b);
	assert_true(slice_eq(before, after));
	world_close(&w);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_undo_killed),	    cmocka_unit_test(test_undo_again),
	    cmocka_unit_test(test_undo_ending),	    cmocka_unit_test(test_undo_too_late),
	    cmocka_unit_test(test_undo_in_use),	    cmocka_unit_test(test_undo_with_note),
	    cmocka_unit_test(test_undo_of_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
