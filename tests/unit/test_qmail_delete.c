/* delete and save on recorded queues: what goes, in which order, and what is kept. */
#include "unit/qmail_trash.h"

static json_t *read_note(struct world *w, struct slice id)
{
	json_t *note = saved_read_note(w->t.trash_fd, id, &w->t.err);

	if (!note)
		print_message("%s\n", w->t.err.text);
	assert_non_null(note);
	assert_int_equal(saved_check_complete(w->t.trash_fd, note, &w->t.err), 0);
	return note;
}

/* The saved file of a role has these bytes. */
static void assert_saved(struct world *w, const json_t *note, const char *role, struct slice want)
{
	struct saved_file f;
	struct slice got;
	int fd;

	assert_true(saved_file_by_role(note, role, &w->b.names, &f));
	fd = openat(w->t.trash_fd, f.name.p, O_RDONLY);
	assert_true(fd >= 0);
	assert_int_equal(sys_read_all(fd, 0, 1 << 24, &w->b.names, role, &got, NULL), 0);
	close(fd);
	assert_true(slice_eq(got, want));
}

/* ---- offline ---- */

static bool anything(struct box *b, uint64_t n)
{
	for (int f = 0; f < FILE_COUNT; f++)
		if (f != FILE_TODO_OTHER && f != FILE_INTD_OTHER &&
		    act_exists(b, (enum qmail_file)f, n))
			return true;
	return false;
}

static void test_offline(void **state)
{
	static const enum qmail_file files[] = {FILE_MESS, FILE_INFO, FILE_LOCAL, FILE_REMOTE,
						FILE_BOUNCE};
	static const char *const roles[] = {"mess", "info", "local", "remote", "bounce"};

	(void)state;
	for (uint64_t n = MIXED;; n = NOTED) {
		struct slice bytes[5], id;
		struct stat mess;
		struct world w;
		json_t *note;

		world_open(&w, "basic.tar", OP_DELETE);
		id = act_plan(&w.b, n).id;
		for (size_t i = 0; i < 5; i++)
			bytes[i] = act_exists(&w.b, files[i], n) ? act_bytes(&w.b, files[i], n)
								 : SLICE_NONE;
		mess = act_stat(&w.b, FILE_MESS, n);
		assert_int_equal(act_on(&w.t, n), ACT_DONE);
		assert_false(anything(&w.b, n));
		act_check_queue(&w.b);
		note = read_note(&w, id);
		for (size_t i = 0; i < 5; i++)
			if (bytes[i].p)
				assert_saved(&w, note, roles[i], bytes[i]);
		/* mess is the same file: its number stays its own */
		assert_int_equal(
		    mess.st_ino,
		    strtoull(act_shell(&w.b, "stat -c %i ../trash/*.mess").p, NULL, 10));
		json_decref(note);
		world_close(&w);
		if (n == NOTED)
			break;
	}
}

/* What is done by the time that each step begins; killed there, the queue is one of qmail's. */
static void check_commit(struct box *b)
{
	assert_true(act_exists(b, FILE_INFO, NOTED));
	assert_true(act_exists(b, FILE_BOUNCE, NOTED));
	assert_true(slice_is(act_shell(b, "ls ../trash | wc -l"), "5\n"));
}

static void check_finish(struct box *b)
{
	assert_false(act_exists(b, FILE_INFO, NOTED));
	assert_false(act_exists(b, FILE_BOUNCE, NOTED));
	assert_true(act_exists(b, FILE_MESS, NOTED));
	assert_true(act_exists(b, FILE_REMOTE, NOTED));
}

static void test_order(void **state)
{
	static const struct {
		enum act_step when;
		void (*check)(struct box *b);
	} steps[] = {{BEFORE_COMMIT, check_commit}, {BEFORE_FINISH, check_finish}};
	struct world w;

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		world_open(&w, "basic.tar", OP_DELETE);
		w.t.when = steps[i].when;
		w.t.meanwhile = steps[i].check;
		assert_int_equal(act_on(&w.t, NOTED), ACT_DONE);
		world_close(&w);
	}
}

static void test_purge(void **state)
{
	struct world w;

	(void)state;
	world_open(&w, "basic.tar", OP_DELETE);
	w.t.args.purge = true;
	assert_int_equal(act_on(&w.t, NOTED), ACT_DONE);
	assert_false(anything(&w.b, NOTED));
	assert_int_equal(trash_count(&w), 0);
	world_close(&w);
}

static void test_todo(void **state)
{
	static const uint64_t numbers[] = {NEW, LEFT};
	struct slice todo, id;
	struct world w;
	json_t *note;
	int fd;

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		world_open(&w, "todo.tar", OP_DELETE);
		id = act_plan(&w.b, numbers[i]).id;
		fd = act_send_starts(&w.b);
		assert_int_equal(act_on(&w.t, numbers[i]), ERROR_UNSUPPORTED);
		close(fd);
		todo = act_bytes(&w.b, FILE_TODO, numbers[i]);
		assert_int_equal(act_on(&w.t, numbers[i]), ACT_DONE);
		assert_false(anything(&w.b, numbers[i]));
		note = read_note(&w, id);
		assert_saved(&w, note, "todo", todo);
		assert_string_equal(json_string_value(json_object_get(note, "state")), "new");
		json_decref(note);
		world_close(&w);
	}
}

/* ---- live ---- */

static void test_live(void **state)
{
	struct slice before, after;
	struct world w;
	json_t *note;
	uint64_t n;
	int fd;

	(void)state;
	world_open(&w, "basic.tar", OP_DELETE);
	n = act_own_number(&w.b, NOTED);
	before = act_tree(&w.b);
	fd = act_send_starts(&w.b);
	assert_int_equal(act_on(&w.t, n), ACT_DONE);
	assert_false(act_exists(&w.b, FILE_BOUNCE, n));
	assert_true(act_exists(&w.b, FILE_INFO, n));
	assert_true(slice_is(act_records(&w.b, FILE_REMOTE, n),
			     "Danna@grey.example.net|Dbob@example.com|Dcarl@nouser.example.org|"
			     "Ddora@full.example.net|"));
	act_check_queue(&w.b);
	note = read_note(&w, act_plan(&w.b, n).id);
	json_decref(note);
	/* it is ending by now */
	json_t *changes = w.t.changes;
	w.t.changes = NULL;
	assert_int_equal(act_on(&w.t, n), ERROR_UNSUPPORTED);
	json_decref(w.t.changes);
	w.t.changes = changes;
	assert_int_equal(act_undo(&w.t, n), ACT_DONE);
	close(fd);
	/* what is in the queue is not in the trash */
	assert_int_equal(trash_count(&w), 0);
	act_shell(&w.b, "d=$(ls -d remote/*/*); touch -d @1795166803 $d");
	after = act_shell(&w.b, "cat remote/*/* bounce/*");
	assert_true(after.n > 0 && before.n > 0);
	assert_true(slice_is(act_records(&w.b, FILE_REMOTE, n),
			     "Tanna@grey.example.net|Dbob@example.com|Dcarl@nouser.example.org|"
			     "Tdora@full.example.net|"));
	assert_true(act_exists(&w.b, FILE_BOUNCE, n));
	assert_int_equal(act_stat(&w.b, FILE_BOUNCE, n).st_uid,
			 act_stat(&w.b, FILE_INFO, n).st_uid);
	act_check_queue(&w.b);
	world_close(&w);
}

static void test_live_restored(void **state)
{
	struct world w;
	int fd;

	(void)state;
	world_open(&w, "basic.tar", OP_DELETE);
	fd = act_send_starts(&w.b);
	assert_int_equal(act_on(&w.t, NOTED), ERROR_DENIED);
	assert_int_equal(trash_count(&w), 0);
	close(fd);
	assert_int_equal(act_on(&w.t, NOTED), ACT_DONE);
	world_close(&w);
}

static void append_note(struct box *b)
{
	act_shell(b, "for i in bounce/*; do printf '<x@y>:\\nno\\n\\n' >>$i; done");
}

static void new_note(struct box *b)
{
	act_shell(b, "for i in bounce/*; do echo x >y; mv y $i; done");
}

static void end_all(struct box *b)
{
	act_shell(b, "rm info/*/* remote/*/* local/*/* mess/*/* bounce/*");
}

static void deliver_first(struct box *b)
{
	act_shell(b, "printf D | dd of=$(grep -l anna@grey remote/*/*) conv=notrunc 2>/dev/null");
}

/* A failure that is noted in this moment goes into the trash too; a message that ends in this
 * moment is not counted as deleted, and leaves nothing there; nor one of which somebody gets it in
 * this moment, who would get it again from the trash. */
static void test_live_meanwhile(void **state)
{
	struct slice text;
	struct world w;
	uint64_t n;
	int fd;

	(void)state;
	for (int i = 0; i < 4; i++) {
		static const struct {
			void (*meanwhile)(struct box *b);
			int result;
		} cases[] = {{append_note, ACT_DONE},
			     {new_note, ERROR_BUSY},
			     {end_all, ERROR_GONE},
			     {deliver_first, ERROR_BUSY}};

		world_open(&w, "basic.tar", OP_DELETE);
		n = act_own_number(&w.b, NOTED);
		fd = act_send_starts(&w.b);
		w.t.when = BEFORE_COMMIT;
		w.t.meanwhile = cases[i].meanwhile;
		assert_int_equal(act_on(&w.t, n), cases[i].result);
		assert_int_equal(act_exists(&w.b, FILE_BOUNCE, n), i == 1 || i == 3);
		assert_int_equal(trash_count(&w), i == 0 ? 5 : 0);
		if (i == 0) {
			text = act_shell(&w.b, "cat ../trash/*.bounce");
			assert_true(slice_find(text, SLICE("<x@y>")) != SIZE_MAX);
			w.t.when = STEP_NONE;
			json_decref(read_note(&w, act_plan(&w.b, n).id));
		}
		close(fd);
		world_close(&w);
	}
}

/* ---- given up, dry run, crash ---- */

static void test_given_up(void **state)
{
	static const enum op ops[] = {OP_DELETE, OP_SAVE};
	struct slice before, after;
	struct world w;

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		world_open(&w, "basic.tar", ops[i]);
		before = act_tree(&w.b);
		w.t.when = NO_COMMIT;
		assert_int_equal(act_on(&w.t, NOTED), ERROR_BUG);
		assert_int_equal(trash_count(&w), 0);
		w.t.when = STEP_NONE;
		w.t.dry_run = true;
		assert_int_equal(act_on(&w.t, NOTED), ACT_DONE);
		assert_int_equal(trash_count(&w), 0);
		after = act_tree(&w.b);
		assert_true(slice_eq(before, after));
		world_close(&w);
	}
}

/* What a run that was killed left in the folder is no copy yet, and is written anew. */
static void test_left_over(void **state)
{
	struct slice id;
	struct world w;
	char command[256];
	json_t *note;

	(void)state;
	world_open(&w, "basic.tar", OP_SAVE);
	id = act_plan(&w.b, MIXED).id;
	snprintf(command, sizeof command, "echo half >../trash/%" SLICE_FMT ".mess", SLICE_ARG(id));
	act_shell(&w.b, command);
	assert_int_equal(act_on(&w.t, MIXED), ACT_DONE);
	note = read_note(&w, id);
	assert_saved(&w, note, "mess", act_bytes(&w.b, FILE_MESS, MIXED));
	json_decref(note);
	world_close(&w);
}

static int again(struct act *t, uint64_t n)
{
	return act_on(t, n);
}

/* Killed when info or todo had gone: any next run takes the rest away, whatever it is about. */
static void test_mended(void **state)
{
	static const struct {
		const char *file;
		uint64_t n, other;
	} cases[] = {{"basic.tar", NOTED, MIXED}, {"todo.tar", NEW, 1147985}};
	struct world w;

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		world_open(&w, cases[i].file, OP_DELETE);
		w.t.args.purge = true;
		act_killed(&w.t, BEFORE_FINISH, cases[i].n, again);
		assert_true(act_exists(&w.b, FILE_MESS, cases[i].n));
		w.t.op = OP_REQUEUE;
		w.t.when = STEP_NONE;
		assert_int_equal(act_on(&w.t, cases[i].other), ACT_DONE);
		assert_false(anything(&w.b, cases[i].n));
		act_check_queue(&w.b);
		world_close(&w);
	}
}

/* Killed before: the message is still one. And one that has its number since is another. */
static void test_not_mended(void **state)
{
	struct world w;
	char command[256];

	(void)state;
	world_open(&w, "basic.tar", OP_DELETE);
	act_killed(&w.t, BEFORE_COMMIT, NOTED, again);
	w.t.op = OP_REQUEUE;
	w.t.when = STEP_NONE;
	assert_int_equal(act_on(&w.t, MIXED), ACT_DONE);
	assert_true(act_exists(&w.b, FILE_INFO, NOTED));
	assert_true(act_exists(&w.b, FILE_REMOTE, NOTED));
	act_check_queue(&w.b);
	/* being written by qmail-queue */
	snprintf(command, sizeof command, ": >bounce/.mtaq.gone.%d.123; rm info/*/%d bounce/%d",
		 NOTED, NOTED, NOTED);
	act_shell(&w.b, command);
	assert_int_equal(act_on(&w.t, MIXED), ACT_ALREADY);
	assert_true(act_exists(&w.b, FILE_MESS, NOTED));
	assert_int_equal(act_shell(&w.b, "ls -A bounce | grep gone || :").n, 0);
	world_close(&w);
}

/* ---- save ---- */

static void test_save(void **state)
{
	struct slice before, after, id;
	struct world w;
	struct stat copy, mess;
	json_t *note;

	(void)state;
	world_open(&w, "basic.tar", OP_SAVE);
	before = act_tree(&w.b);
	id = act_plan(&w.b, NOTED).id;
	assert_int_equal(act_on(&w.t, NOTED), ACT_DONE);
	after = act_tree(&w.b);
	assert_true(slice_eq(before, after));
	note = read_note(&w, id);
	assert_saved(&w, note, "mess", act_bytes(&w.b, FILE_MESS, NOTED));
	assert_saved(&w, note, "bounce", act_bytes(&w.b, FILE_BOUNCE, NOTED));
	json_decref(note);
	mess = act_stat(&w.b, FILE_MESS, NOTED);
	assert_int_equal(
	    fstatat(w.t.trash_fd,
		    slice_trim(act_shell(&w.b, "cd ../trash; ls *.mess | tr '\\n' '\\0'")).p, &copy,
		    0),
	    0);
	assert_int_not_equal(copy.st_ino, mess.st_ino);
	assert_int_equal(copy.st_uid, mess.st_uid);
	assert_int_equal(copy.st_mode, mess.st_mode);
	assert_int_equal(copy.st_mtime, mess.st_mtime);
	/* one that is there is not written over */
	assert_int_equal(act_on(&w.t, NOTED), ERROR_DENIED);
	assert_non_null(strstr(w.t.err.text, "there already"));
	world_close(&w);
}

static void test_save_target(void **state)
{
	struct world w;
	char inside[128];

	(void)state;
	world_open(&w, "basic.tar", OP_SAVE);
	w.t.args.target = "/nonexistent/x";
	assert_int_equal(act_on(&w.t, NOTED), ERROR_GONE);
	snprintf(inside, sizeof inside, "%s/mess/3", w.b.dir);
	w.t.args.target = inside;
	assert_int_equal(act_on(&w.t, NOTED), ERROR_USAGE);
	assert_non_null(strstr(w.t.err.text, "in the queue"));
	w.t.args.target = w.b.dir;
	assert_int_equal(act_on(&w.t, NOTED), ERROR_USAGE);
	world_close(&w);
}

/* All states that it is for: new, ending. */
static void test_save_states(void **state)
{
	struct world w;

	(void)state;
	world_open(&w, "todo.tar", OP_SAVE);
	assert_int_equal(act_on(&w.t, NEW), ACT_DONE);
	assert_int_equal(act_on(&w.t, 1148149), ERROR_UNSUPPORTED);
	world_close(&w);
	world_open(&w, "basic.tar", OP_SAVE);
	act_shell(&w.b, "rm remote/11/1148240");
	assert_int_equal(act_on(&w.t, 1148240), ACT_DONE);
	w.t.op = OP_DELETE;
	assert_int_equal(act_on(&w.t, 1148240), ERROR_UNSUPPORTED);
	world_close(&w);
}

static void preprocess(struct box *b)
{
	act_shell(b, "n=$(ls todo); d=$((n % 23)); printf 'Fann@example.com\\0' >info/$d/$n; "
		     "printf 'Tdefer@mail.example.test\\0' >remote/$d/$n; rm intd/$n todo/$n");
}

static void preprocess_and_end(struct box *b)
{
	act_shell(b, "n=$(ls todo); rm */$n */*/$n");
}

/* A new one that qmail-send takes up meanwhile is there all the same: it is saved at the next try.
 */
static void test_save_taken_up(void **state)
{
	static const enum act_step steps[] = {BEFORE_RECHECK, BEFORE_PREPARE};
	struct plan_item item;
	struct world w;
	int fd;

	(void)state;
	for (int i = 0; i < 4; i++) {
		bool ends = i & 1;

		world_open(&w, "todo.tar", OP_SAVE);
		item = act_plan(&w.b, act_own_number(&w.b, NEW));
		act_shell(&w.b, "for n in $(ls todo); do [ $(stat -c %i mess/*/$n) = $n ] || "
				"rm -f todo/$n intd/$n */*/$n; done");
		fd = act_send_starts(&w.b);
		w.t.when = steps[i >> 1];
		w.t.meanwhile = ends ? preprocess_and_end : preprocess;
		assert_int_equal(act_item(&w.t, &item), ends ? ERROR_GONE : ERROR_BUSY);
		assert_int_equal(trash_count(&w), 0);
		w.t.when = STEP_NONE;
		assert_int_equal(act_item(&w.t, &item), ends ? ERROR_GONE : ACT_DONE);
		assert_int_equal(trash_count(&w), ends ? 0 : 4);
		close(fd);
		world_close(&w);
	}
}

/* Where the trash lies: beside the queue, wherever that really is. */
static void test_place(void **state)
{
	char place[256], want[256];
	struct world w;
	struct queue *q;
	char linked[128];
	struct queue_spec spec = {.dir = linked};

	(void)state;
	world_open(&w, "empty.tar", OP_DELETE);
	assert_int_equal(qmail_actions.trash_place(w.b.queue, place, sizeof place), 0);
	snprintf(want, sizeof want, "%s/mtaq-trash", w.b.path);
	assert_string_equal(place, want);
	assert_int_equal(qmail_actions.trash_place(w.b.queue, place, 8), -1);
	act_shell(&w.b, "mkdir ../elsewhere; ln -s ../queue ../elsewhere/q");
	snprintf(linked, sizeof linked, "%s/elsewhere/q", w.b.path);
	q = backend_qmail.open(&spec, NULL, 0, box_tell, &w.b, NULL);
	assert_non_null(q);
	assert_int_equal(qmail_actions.trash_place(q, place, sizeof place), 0);
	assert_string_equal(place, want);
	backend_qmail.close(q);
	world_close(&w);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_offline),	   cmocka_unit_test(test_order),
	    cmocka_unit_test(test_purge),	   cmocka_unit_test(test_todo),
	    cmocka_unit_test(test_live),	   cmocka_unit_test(test_live_restored),
	    cmocka_unit_test(test_live_meanwhile), cmocka_unit_test(test_given_up),
	    cmocka_unit_test(test_left_over),	   cmocka_unit_test(test_mended),
	    cmocka_unit_test(test_not_mended),	   cmocka_unit_test(test_save),
	    cmocka_unit_test(test_save_target),	   cmocka_unit_test(test_save_states),
	    cmocka_unit_test(test_save_taken_up),  cmocka_unit_test(test_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
