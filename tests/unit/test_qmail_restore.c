/* restore: the same message again, under its number where that can be, and once whatever happens.
 */
#include "unit/qmail_act.h"

#include <signal.h>
#include <sys/resource.h>
#include <time.h>

enum { NOW = 1795174000 };

/* Of fixtures/qmail/basic.tar, and of todo.tar. */
enum { MIXED = 1148217, NOTED = 1147986, VIRTUAL = 1147967, NEW = 1148120 };

struct world {
	struct box b;
	struct act t;
	char trash[96];
	char id[64]; /* of what was put away */
	uint64_t n;
	struct slice contents; /* of its files before */
};

/* Bytes of all files that a message has, in an order that does not depend on its number. */
static struct slice contents(struct box *b, uint64_t n)
{
	char command[256];

	snprintf(
	    command, sizeof command,
	    "d=$((%llu %% 23)); for i in mess/$d info/$d local/$d remote/$d todo intd bounce; do "
	    "echo ${i%%/*}; cat $i/%llu 2>/dev/null || :; done",
	    (unsigned long long)n, (unsigned long long)n);
	return act_shell(b, command);
}

static void world_open(struct world *w, const char *file, uint64_t n, bool own)
{
	box_open(&w->b, file);
	snprintf(w->trash, sizeof w->trash, "%s/trash", w->b.path);
	assert_int_equal(mkdir(w->trash, 0700), 0);
	w->t = (struct act){.box = &w->b,
			    .op = OP_DELETE,
			    .now = NOW,
			    .args.target = w->trash,
			    .trash_path = w->trash,
			    .trash_fd = open(w->trash, O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
	w->n = own ? act_own_number(&w->b, n) : n;
	w->contents = contents(&w->b, w->n);
	snprintf(w->id, sizeof w->id, "%" SLICE_FMT, SLICE_ARG(act_plan(&w->b, w->n).id));
}

static void world_close(struct world *w)
{
	close(w->t.trash_fd);
	act_free(&w->t);
	box_close(&w->b);
}

static bool trash_empty(struct world *w)
{
	return act_shell(&w->b, "ls -A ../trash").n == 0;
}

/* Copies made by other means: new inodes. */
static void copy_trash(struct world *w)
{
	act_shell(&w->b, "cd ../trash; for i in *; do cp -p $i x; mv x $i; done");
}

/* The number that restore gave it. */
static uint64_t new_number(const struct world *w)
{
	return strtoull(w->t.id, NULL, 10);
}

static void assert_same_message(struct world *w, uint64_t n)
{
	struct slice now = contents(&w->b, n);

	if (!slice_eq(now, w->contents))
		print_message("was %" SLICE_FMT "\nis %" SLICE_FMT "\n", SLICE_ARG(w->contents),
			      SLICE_ARG(now));
	assert_true(slice_eq(now, w->contents));
	assert_int_equal(act_stat(&w->b, FILE_MESS, n).st_ino, n);
	assert_int_equal(act_stat(&w->b, FILE_MESS, n).st_nlink, 1);
	act_check_queue(&w->b);
}

/* ---- while qmail-send is stopped ---- */

static void test_offline(void **state)
{
	static const uint64_t numbers[] = {MIXED, NOTED, VIRTUAL};
	struct stat info, remote;
	struct world w;

	(void)state;
	for (int i = 0; i < 6; i++) {
		bool copied = i >= 3, has_remote;
		uint64_t n;

		world_open(&w, "basic.tar", numbers[i % 3], true);
		info = act_stat(&w.b, FILE_INFO, w.n);
		has_remote = act_exists(&w.b, FILE_REMOTE, w.n);
		if (has_remote)
			remote = act_stat(&w.b, FILE_REMOTE, w.n);
		assert_int_equal(act_on(&w.t, w.n), ACT_DONE);
		assert_false(act_exists(&w.b, FILE_MESS, w.n));
		if (copied)
			copy_trash(&w);
		w.t.args.keep_age = true;
		assert_int_equal(act_restore(&w.t, w.id), ACT_DONE);
		n = new_number(&w);
		assert_int_equal(n == w.n, !copied);
		assert_same_message(&w, n);
		assert_int_equal(act_stat(&w.b, FILE_INFO, n).st_mtime, info.st_mtime);
		assert_int_equal(act_stat(&w.b, FILE_INFO, n).st_uid, info.st_uid);
		assert_int_equal(act_stat(&w.b, FILE_INFO, n).st_mode, info.st_mode);
		if (has_remote)
			assert_int_equal(act_stat(&w.b, FILE_REMOTE, n).st_mtime, remote.st_mtime);
		assert_true(trash_empty(&w));
		world_close(&w);
	}
}

/* Deleted and restored: the queue as it was, but for the age unless that is kept. */
static void test_same_tree(void **state)
{
	time_t begun = time(NULL);
	struct slice before, after;
	struct world w;

	(void)state;
	world_open(&w, "basic.tar", NOTED, true);
	before = act_tree(&w.b);
	assert_int_equal(act_on(&w.t, w.n), ACT_DONE);
	w.t.args.keep_age = true;
	assert_int_equal(act_restore(&w.t, w.id), ACT_DONE);
	after = act_tree(&w.b);
	assert_true(slice_eq(before, after));
	assert_int_equal(act_on(&w.t, w.n), ACT_DONE);
	w.t.args.keep_age = false;
	assert_int_equal(act_restore(&w.t, w.id), ACT_DONE);
	/* the time of the kernel's files may be a tick behind */
	assert_true(act_stat(&w.b, FILE_INFO, w.n).st_mtime >= begun - 1);
	world_close(&w);
}

static void test_new(void **state)
{
	struct world w;

	(void)state;
	for (int live = 0; live < 2; live++) {
		int fd = -1;

		world_open(&w, "todo.tar", NEW, true);
		assert_int_equal(act_on(&w.t, w.n), ACT_DONE);
		if (live)
			fd = act_send_starts(&w.b);
		assert_int_equal(act_restore(&w.t, w.id), ACT_DONE);
		assert_int_equal(new_number(&w), w.n);
		assert_same_message(&w, w.n);
		assert_int_equal(act_stat(&w.b, FILE_TODO, w.n).st_ino,
				 act_stat(&w.b, FILE_INTD, w.n).st_ino);
		assert_true(trash_empty(&w));
		if (live)
			close(fd);
		world_close(&w);
	}
}

/* ---- beside qmail-send ---- */

static void test_live(void **state)
{
	struct slice todo;
	struct world w;
	char byte = 'x';
	int fd, fifo;

	(void)state;
	world_open(&w, "basic.tar", VIRTUAL, true);
	assert_int_equal(act_on(&w.t, w.n), ACT_DONE);
	fd = act_send_starts(&w.b);
	fifo = openat(w.b.fd, "lock/trigger", O_RDONLY | O_NONBLOCK);
	assert_true(fifo >= 0);
	assert_int_equal(act_restore(&w.t, w.id), ACT_DONE);
	assert_int_equal(new_number(&w), w.n);
	todo = act_records(&w.b, FILE_TODO, w.n);
	/* pending recipients only, as they were before they were rewritten */
	assert_true(slice_ends(todo, SLICE("|Fharry@local.example.test|Tsales@virt.example.test|"
					   "Tdefer@mail.example.test|Tplain@virt.example.test|")));
	assert_true(slice_starts(todo, SLICE("u")));
	assert_true(slice_find(todo, SLICE("|p")) != SIZE_MAX);
	assert_true(act_exists(&w.b, FILE_BOUNCE, w.n));
	assert_false(act_exists(&w.b, FILE_INFO, w.n));
	assert_int_equal(read(fifo, &byte, 1), 1);
	assert_int_equal(byte, 0);
	act_check_queue(&w.b);
	assert_true(trash_empty(&w));
	close(fifo);
	close(fd);
	world_close(&w);
}

/* Recipients that would go elsewhere now are not handed to qmail-send. */
static void test_live_rewritten(void **state)
{
	struct slice before, after;
	struct world w;
	int fd;

	(void)state;
	world_open(&w, "basic.tar", VIRTUAL, true);
	assert_int_equal(act_on(&w.t, w.n), ACT_DONE);
	act_shell(&w.b, "echo virt.example.test:other >../control/virtualdomains");
	fd = act_send_starts(&w.b);
	before = act_tree(&w.b);
	assert_int_equal(act_restore(&w.t, w.id), ERROR_DENIED);
	assert_non_null(strstr(w.t.err.text, "stopped"));
	after = act_tree(&w.b);
	assert_true(slice_eq(before, after));
	close(fd);
	assert_int_equal(act_restore(&w.t, w.id), ACT_DONE);
	assert_same_message(&w, w.n);
	world_close(&w);
}

/* ---- not twice ---- */

static void test_queued(void **state)
{
	struct world w;

	(void)state;
	world_open(&w, "basic.tar", MIXED, true);
	w.t.op = OP_SAVE;
	assert_int_equal(act_on(&w.t, w.n), ACT_DONE);
	assert_int_equal(act_restore(&w.t, w.id), ERROR_DENIED);
	assert_non_null(strstr(w.t.err.text, "in the queue"));
	assert_same_message(&w, w.n);
	/* in another queue, or when it is gone from this, it is another matter */
	act_shell(&w.b, "rm -f */*/* bounce/*");
	assert_int_equal(act_restore(&w.t, w.id), ACT_DONE);
	assert_same_message(&w, new_number(&w));
	world_close(&w);
}

static int restore_again(struct act *t, uint64_t n)
{
	(void)n;
	return act_restore(t, t->id);
}

/* Killed before and after the step that counts, linked or copied, in either way: the same again
 * finishes, with one message in the queue at the end, and nothing else. */
static void test_killed(void **state)
{
	static const enum act_step steps[] = {BEFORE_COMMIT, BEFORE_FINISH};
	struct slice messes;
	struct world w;
	uint64_t n;

	(void)state;
	for (int i = 0; i < 8; i++) {
		int fd = -1, r;

		world_open(&w, "basic.tar", VIRTUAL, true);
		w.t.op = OP_DELETE;
		assert_int_equal(act_on(&w.t, w.n), ACT_DONE);
		if (i & 1)
			copy_trash(&w);
		if (i & 2)
			fd = act_send_starts(&w.b);
		snprintf(w.t.id, sizeof w.t.id, "%s", w.id);
		act_killed(&w.t, steps[i >> 2], 0, restore_again);
		w.t.when = STEP_NONE;
		assert_int_equal(act_shell(&w.b, "ls ../trash").n > 0, 1);
		r = act_restore(&w.t, w.id);
		assert_int_equal(r, i >> 2 ? ACT_ALREADY : ACT_DONE);
		assert_true(trash_empty(&w));
		messes = act_shell(&w.b, "find mess -type f | wc -l; find pid -type f | wc -l");
		assert_true(slice_is(messes, "22\n0\n"));
		n = strtoull(
		    act_shell(&w.b, "basename $(grep -l harry info/*/* todo/* 2>/dev/null)").p,
		    NULL, 10);
		assert_int_equal(act_exists(&w.b, FILE_TODO, n), (i & 2) != 0);
		assert_true(act_exists(&w.b, FILE_BOUNCE, n));
		act_check_queue(&w.b);
		if (fd >= 0)
			close(fd);
		world_close(&w);
	}
}

/* Killed after the step that counts, and delivered before the same is done again: not twice. */
static void test_killed_and_ended(void **state)
{
	struct world w;

	(void)state;
	for (int live = 0; live < 2; live++) {
		int fd = -1;

		world_open(&w, "basic.tar", VIRTUAL, true);
		w.t.op = OP_DELETE;
		assert_int_equal(act_on(&w.t, w.n), ACT_DONE);
		if (live)
			fd = act_send_starts(&w.b);
		snprintf(w.t.id, sizeof w.t.id, "%s", w.id);
		act_killed(&w.t, BEFORE_FINISH, 0, restore_again);
		w.t.when = STEP_NONE;
		act_shell(&w.b, "n=$(basename $(grep -l harry info/*/* todo/* 2>/dev/null)); rm -f "
				"*/*/$n */$n");
		assert_int_equal(act_restore(&w.t, w.id), ERROR_DENIED);
		assert_non_null(strstr(w.t.err.text, "has left the queue since"));
		assert_false(trash_empty(&w));
		assert_int_equal(
		    act_shell(&w.b, "grep -l harry info/*/* todo/* 2>/dev/null || true").n, 0);
		if (fd >= 0)
			close(fd);
		world_close(&w);
	}
}

/* ---- cut off, and then one that fails ---- */

/* As left by one that was killed when it had said in the note that qmail-send may see it, before
 * that was so. The descriptor that stands for qmail-send. */
static int cut_off(struct world *w)
{
	int fd;

	world_open(w, "basic.tar", VIRTUAL, true);
	assert_int_equal(act_on(&w->t, w->n), ACT_DONE);
	fd = act_send_starts(&w->b);
	snprintf(w->t.id, sizeof w->t.id, "%s", w->id);
	act_killed(&w->t, BEFORE_FINISH, 0, restore_again);
	w->t.when = STEP_NONE;
	act_shell(&w->b, "rm todo/* intd/*; grep -q '\"visible\": *true' ../trash/*.json");
	return fd;
}

static void assert_restored(struct world *w)
{
	struct slice messes;

	assert_int_equal(act_restore(&w->t, w->id), ACT_DONE);
	assert_int_equal(new_number(w), w->n);
	assert_true(act_exists(&w->b, FILE_TODO, w->n));
	messes = act_shell(&w->b, "find mess -type f | wc -l; find pid -type f | wc -l");
	assert_true(slice_is(messes, "22\n0\n"));
	assert_true(trash_empty(w));
	act_check_queue(&w->b);
}

/* The second one does not get as far as the step that counts: what the first has left stays, by
 * which the third knows that nobody has seen it. */
static void test_cut_off_and_given_up(void **state)
{
	struct slice note, again;
	struct world w;
	int fd;

	(void)state;
	fd = cut_off(&w);
	note = act_shell(&w.b, "cat ../trash/*.json");
	w.t.when = NO_COMMIT;
	assert_int_equal(act_restore(&w.t, w.id), ERROR_BUG);
	w.t.when = STEP_NONE;
	assert_true(act_exists(&w.b, FILE_MESS, w.n));
	assert_false(act_exists(&w.b, FILE_INTD, w.n));
	again = act_shell(&w.b, "cat ../trash/*.json");
	assert_true(slice_eq(note, again));
	assert_restored(&w);
	close(fd);
	world_close(&w);
}

static void no_room(struct box *b)
{
	struct rlimit limit;

	(void)b;
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
	limit.rlim_cur = 0;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void room_again(void)
{
	struct rlimit limit;

	assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
	limit.rlim_cur = limit.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

/* The note cannot be written, neither forth nor back: mess stays. */
static void test_note_cannot_be_written(void **state)
{
	struct world w;
	int fd, r;

	(void)state;
	world_open(&w, "basic.tar", VIRTUAL, true);
	assert_int_equal(act_on(&w.t, w.n), ACT_DONE);
	fd = act_send_starts(&w.b);
	w.t.when = BEFORE_COMMIT;
	w.t.meanwhile = no_room;
	r = act_restore(&w.t, w.id);
	room_again();
	assert_int_equal(r, ERROR_SYSTEM);
	w.t.when = STEP_NONE;
	assert_true(act_exists(&w.b, FILE_MESS, w.n));
	assert_false(act_exists(&w.b, FILE_TODO, w.n));
	assert_restored(&w);
	close(fd);
	world_close(&w);
}

static void clean_mess(struct box *b)
{
	act_shell(b, "rm mess/*/$(stat -c %i ../trash/*.mess)");
}

/* qmail-clean takes mess before the step that counts: nothing is shown without it. */
static void test_mess_goes_meanwhile(void **state)
{
	struct world w;
	int fd;

	(void)state;
	for (int live = 0; live < 2; live++) {
		world_open(&w, "basic.tar", VIRTUAL, true);
		assert_int_equal(act_on(&w.t, w.n), ACT_DONE);
		fd = live ? act_send_starts(&w.b) : -1;
		w.t.when = BEFORE_COMMIT;
		w.t.meanwhile = clean_mess;
		assert_int_equal(act_restore(&w.t, w.id), ERROR_BUSY);
		w.t.when = STEP_NONE;
		act_check_queue(&w.b);
		assert_false(trash_empty(&w));
		assert_int_equal(act_restore(&w.t, w.id), ACT_DONE);
		act_check_queue(&w.b);
		if (live)
			close(fd);
		world_close(&w);
	}
}

/* delete was cut off after info had gone: its mess still has its name, and is taken up again. */
static int delete_again(struct act *t, uint64_t n)
{
	return act_on(t, n);
}

static void test_delete_killed(void **state)
{
	struct world w;

	(void)state;
	world_open(&w, "basic.tar", MIXED, true);
	act_killed(&w.t, BEFORE_FINISH, w.n, delete_again);
	w.t.when = STEP_NONE;
	assert_true(act_exists(&w.b, FILE_MESS, w.n));
	assert_false(act_exists(&w.b, FILE_INFO, w.n));
	w.t.args.keep_age = true;
	assert_int_equal(act_restore(&w.t, w.id), ACT_DONE);
	assert_int_equal(new_number(&w), w.n);
	assert_same_message(&w, w.n);
	assert_true(trash_empty(&w));
	world_close(&w);
}

/* ---- given up, dry run, damaged ---- */

static void test_given_up(void **state)
{
	struct slice before, after, trash;
	struct world w;

	(void)state;
	for (int i = 0; i < 4; i++) {
		int fd = -1;

		world_open(&w, "basic.tar", VIRTUAL, true);
		assert_int_equal(act_on(&w.t, w.n), ACT_DONE);
		if (i & 1)
			copy_trash(&w);
		if (i & 2)
			fd = act_send_starts(&w.b);
		before = act_tree(&w.b);
		trash = act_shell(&w.b, "cd ../trash; cksum *");
		w.t.when = NO_COMMIT;
		assert_int_equal(act_restore(&w.t, w.id), ERROR_BUG);
		after = act_tree(&w.b);
		assert_true(slice_eq(before, after));
		w.t.when = STEP_NONE;
		w.t.dry_run = true;
		assert_int_equal(act_restore(&w.t, w.id), ACT_DONE);
		after = act_tree(&w.b);
		assert_true(slice_eq(before, after));
		after = act_shell(&w.b, "cd ../trash; cksum *");
		assert_true(slice_eq(trash, after));
		close(fd);
		world_close(&w);
	}
}

/* Under the number that it gets lies something of an earlier message: not sent to its sender. */
static void test_orphans(void **state)
{
	char command[256];
	struct world w;

	(void)state;
	world_open(&w, "basic.tar", MIXED, true);
	assert_int_equal(act_on(&w.t, w.n), ACT_DONE);
	snprintf(command, sizeof command,
		 "echo old >bounce/%llu; d=$((%llu %% 23)); echo x >intd/%llu",
		 (unsigned long long)w.n, (unsigned long long)w.n, (unsigned long long)w.n);
	act_shell(&w.b, command);
	assert_int_equal(act_restore(&w.t, w.id), ACT_DONE);
	assert_same_message(&w, w.n);
	assert_false(act_exists(&w.b, FILE_BOUNCE, w.n));
	world_close(&w);
}

static void test_damaged(void **state)
{
	struct world w;

	(void)state;
	world_open(&w, "basic.tar", MIXED, true);
	assert_int_equal(act_on(&w.t, w.n), ACT_DONE);
	act_shell(&w.b, "mv ../trash/*.remote ../x");
	assert_int_equal(act_restore(&w.t, w.id), ERROR_CORRUPT);
	assert_non_null(strstr(w.t.err.text, "No such file"));
	act_shell(&w.b, "echo >../trash/$(ls ../trash | sed -n 's/json/remote/p')");
	assert_int_equal(act_restore(&w.t, w.id), ERROR_CORRUPT);
	assert_false(act_exists(&w.b, FILE_MESS, w.n));
	world_close(&w);
}

/* Numbers that are taken by messages whose mess is another inode are gone round. */
static void test_number_taken(void **state)
{
	struct world w;

	(void)state;
	world_open(&w, "basic.tar", MIXED, true);
	assert_int_equal(act_on(&w.t, w.n), ACT_DONE);
	/* a restored queue: the next inodes are in use as numbers */
	act_shell(&w.b,
		  "i=$(stat -c %i ../trash/*.mess); d=$((i % 23)); cp $(ls mess/*/* | head -1) "
		  "mess/$d/$i; cp $(ls info/*/* | head -1) info/$d/$i");
	assert_int_equal(act_restore(&w.t, w.id), ACT_DONE);
	assert_int_not_equal(new_number(&w), w.n);
	assert_same_message(&w, new_number(&w));
	world_close(&w);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_offline),
	    cmocka_unit_test(test_same_tree),
	    cmocka_unit_test(test_new),
	    cmocka_unit_test(test_live),
	    cmocka_unit_test(test_live_rewritten),
	    cmocka_unit_test(test_queued),
	    cmocka_unit_test(test_killed),
	    cmocka_unit_test(test_killed_and_ended),
	    cmocka_unit_test(test_cut_off_and_given_up),
	    cmocka_unit_test(test_note_cannot_be_written),
	    cmocka_unit_test(test_mess_goes_meanwhile),
	    cmocka_unit_test(test_delete_killed),
	    cmocka_unit_test(test_given_up),
	    cmocka_unit_test(test_orphans),
	    cmocka_unit_test(test_damaged),
	    cmocka_unit_test(test_number_taken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
