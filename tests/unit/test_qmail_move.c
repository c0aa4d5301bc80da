/* move: from one queue to another, and at no time twice or not at all. */
#include "unit/qmail_act.h"

enum { NOW = 1795174000 };

/* Of fixtures/qmail/basic.tar. */
enum { MIXED = 1148217, NOTED = 1147986, ONE = 1148240 };

struct world {
	struct box b, other; /* `other` is empty, split 23 too unless it says otherwise */
	struct act t;
	char to[96];
};

static void world_open(struct world *w, const char *other)
{
	box_open(&w->b, "basic.tar");
	box_open(&w->other, other);
	snprintf(w->to, sizeof w->to, "%s", w->other.dir);
	w->t = (struct act){.box = &w->b, .op = OP_MOVE, .now = NOW, .args.target = w->to};
}

static void world_close(struct world *w)
{
	act_free(&w->t);
	box_close(&w->b);
	box_close(&w->other);
}

static bool anything(struct box *b, uint64_t n)
{
	for (int f = 0; f < FILE_COUNT; f++)
		if (f != FILE_TODO_OTHER && f != FILE_INTD_OTHER &&
		    act_exists(b, (enum qmail_file)f, n))
			return true;
	return false;
}

static uint64_t new_number(const struct world *w)
{
	const json_t *c = json_array_get(w->t.changes, 0);

	return (uint64_t)json_integer_value(json_object_get(c, "number"));
}

static void assert_same(struct slice before, struct box *b, enum qmail_file f, uint64_t n)
{
	assert_int_equal(before.p != NULL, act_exists(b, f, n));
	if (before.p)
		assert_true(slice_eq(before, act_bytes(b, f, n)));
}

static void test_move(void **state)
{
	static const enum qmail_file files[] = {FILE_MESS, FILE_INFO, FILE_LOCAL, FILE_REMOTE,
						FILE_BOUNCE};
	static const uint64_t numbers[] = {MIXED, NOTED, ONE};
	struct slice before[5];
	struct world w;

	(void)state;
	for (int i = 0; i < 6; i++) {
		bool own = i & 1;
		struct stat info, remote;
		uint64_t n, new;

		world_open(&w, i == 5 ? "split1.tar" : "empty.tar");
		n = own ? act_own_number(&w.b, numbers[i / 2]) : numbers[i / 2];
		for (size_t k = 0; k < 5; k++)
			before[k] = act_exists(&w.b, files[k], n) ? act_bytes(&w.b, files[k], n)
								  : SLICE_NONE;
		info = act_stat(&w.b, FILE_INFO, n);
		remote = act_stat(&w.b, FILE_REMOTE, n);
		assert_int_equal(act_on(&w.t, n), ACT_DONE);
		assert_false(anything(&w.b, n));
		new = new_number(&w);
		assert_int_equal(new == n, own);
		for (size_t k = 0; k < 5; k++)
			assert_same(before[k], &w.other, files[k], new);
		assert_int_equal(act_stat(&w.other, FILE_INFO, new).st_mtime, info.st_mtime);
		assert_int_equal(act_stat(&w.other, FILE_REMOTE, new).st_mtime, remote.st_mtime);
		assert_int_equal(act_stat(&w.other, FILE_MESS, new).st_ino, new);
		act_check_queue(&w.b);
		if (i != 5)
			act_check_queue(&w.other);
		world_close(&w);
	}
}

/* There and back: nothing has changed. */
static void test_back(void **state)
{
	struct slice before, after;
	struct world w;
	uint64_t n;

	(void)state;
	world_open(&w, "empty.tar");
	n = act_own_number(&w.b, NOTED);
	before = act_tree(&w.b);
	assert_int_equal(act_on(&w.t, n), ACT_DONE);
	w.t.box = &w.other;
	w.t.args.target = w.b.dir;
	assert_int_equal(act_on(&w.t, n), ACT_DONE);
	after = act_tree(&w.b);
	assert_true(slice_eq(before, after));
	world_close(&w);
}

static int again(struct act *t, uint64_t n)
{
	return act_on(t, n);
}

static size_t infos(struct world *w, uint64_t n)
{
	return (size_t)act_exists(&w->b, FILE_INFO, n) + act_exists(&w->other, FILE_INFO, n);
}

/* Killed before the step that counts: the same again finishes. After it: it has moved, and what is
 * left behind is nothing to qmail. */
static void test_killed(void **state)
{
	struct world w;
	uint64_t n;

	(void)state;
	for (int i = 0; i < 3; i++) {
		world_open(&w, "empty.tar");
		n = act_own_number(&w.b, NOTED);
		act_killed(&w.t, i == 2 ? BEFORE_FINISH : BEFORE_COMMIT, n, again);
		w.t.when = STEP_NONE;
		assert_int_equal(infos(&w, n), 1);
		assert_true(act_exists(&w.other, FILE_MESS, n));
		if (i == 1) {
			/* the note has gone over, and info has not */
			char command[256];

			snprintf(command, sizeof command, "mv bounce/%llu %s/bounce/",
				 (unsigned long long)n, w.to);
			act_shell(&w.b, command);
		}
		if (i < 2) {
			assert_int_equal(act_on(&w.t, n), ACT_DONE);
		} else {
			/* whatever is done next, in either queue */
			w.t.op = OP_REQUEUE;
			assert_int_equal(act_on(&w.t, ONE), ACT_DONE);
			w.t.box = &w.other;
			assert_int_equal(act_on(&w.t, n), ACT_DONE);
			act_check_queue(&w.b);
		}
		assert_int_equal(infos(&w, n), 1);
		assert_true(act_exists(&w.other, FILE_INFO, n));
		assert_true(act_exists(&w.other, FILE_BOUNCE, n));
		assert_false(act_exists(&w.b, FILE_BOUNCE, n));
		act_check_queue(&w.other);
		world_close(&w);
	}
}

static void test_given_up(void **state)
{
	struct slice before, after;
	struct world w;

	(void)state;
	world_open(&w, "empty.tar");
	before = act_tree(&w.b);
	for (int dry = 0; dry < 2; dry++) {
		w.t.dry_run = dry;
		w.t.when = NO_COMMIT;
		assert_int_equal(act_on(&w.t, MIXED), dry ? ACT_DONE : ERROR_BUG);
		after = act_tree(&w.b);
		assert_true(slice_eq(before, after));
		assert_int_equal(act_shell(&w.other, "find mess info local remote -type f").n, 0);
	}
	world_close(&w);
}

/* ---- refused ---- */

static void expect(struct world *w, const char *to, int code, const char *says)
{
	w->t.args.target = to;
	assert_int_equal(act_on(&w->t, MIXED), code);
	if (!strstr(w->t.err.text, says))
		print_message("%s\n", w->t.err.text);
	assert_non_null(strstr(w->t.err.text, says));
	assert_true(act_exists(&w->b, FILE_INFO, MIXED));
}

static void test_refused(void **state)
{
	struct world w;
	char inside[128];
	int fd;

	(void)state;
	world_open(&w, "empty.tar");
	expect(&w, "/nonexistent/queue", ERROR_GONE, "/nonexistent");
	expect(&w, w.other.path, ERROR_NOQUEUE, "no qmail queue");
	expect(&w, w.b.dir, ERROR_USAGE, "not two queues");
	snprintf(inside, sizeof inside, "%s/mess/3/q", w.b.dir);
	act_shell(&w.b, "cp -a ../queue ../x; mv ../x mess/3/q");
	expect(&w, inside, ERROR_USAGE, "not two queues");
	act_shell(&w.b, "rm -r mess/3/q");
	fd = act_send_starts(&w.other);
	expect(&w, w.to, ERROR_BUSY, "while qmail-send runs");
	close(fd);
	fd = act_send_starts(&w.b);
	expect(&w, w.to, ERROR_BUSY, "while qmail-send runs");
	close(fd);
	fd = open(w.to, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(flock(fd, LOCK_EX), 0);
	expect(&w, w.to, ERROR_BUSY, "another mtaq");
	close(fd);
	act_shell(&w.other, "rmdir remote/7");
	expect(&w, w.to, ERROR_CORRUPT, "remote/7");
	act_shell(&w.other, "mkdir remote/7");
	world_close(&w);
}

static void test_other_users(void **state)
{
	struct world w;

	(void)state;
	if (getuid() != 0) {
		skip();
		return;
	}
	world_open(&w, "empty.tar");
	act_shell(&w.other, "chown 65534 info");
	expect(&w, w.to, ERROR_USAGE, "other users");
	world_close(&w);
}

/* A new directory on another filesystem than the box's; false when none of the usual places is. */
static bool make_elsewhere(const struct box *b, char *dir, size_t size)
{
	static const char *const places[] = {"/dev/shm", "/tmp", "/var/tmp", "/run"};
	struct stat st, own;

	assert_int_equal(fstat(b->fd, &own), 0);
	for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
		snprintf(dir, size, "%s/mtaq-move.XXXXXX", places[i]);
		if (stat(places[i], &st) == 0 && st.st_dev != own.st_dev && mkdtemp(dir))
			return true;
	}
	return false;
}

static void test_other_filesystem(void **state)
{
	char dir[40], to[64], command[256];
	struct world w;

	(void)state;
	world_open(&w, "empty.tar");
	if (!make_elsewhere(&w.b, dir, sizeof dir)) {
		world_close(&w);
		skip();
		return;
	}
	snprintf(command, sizeof command, "cp -a . %s/queue", dir);
	act_shell(&w.other, command);
	snprintf(to, sizeof to, "%s/queue", dir);
	expect(&w, to, ERROR_USAGE, "another filesystem");
	world_close(&w);
	box_run((const char *const[]){"rm", "-rf", dir, NULL});
}

static void test_taken(void **state)
{
	struct world w;
	char command[256];
	uint64_t n;

	(void)state;
	world_open(&w, "empty.tar");
	n = act_own_number(&w.b, MIXED);
	snprintf(command, sizeof command, "echo x >mess/%llu/%llu", (unsigned long long)n % 23,
		 (unsigned long long)n);
	act_shell(&w.other, command);
	assert_int_equal(act_on(&w.t, n), ERROR_DENIED);
	assert_non_null(strstr(w.t.err.text, "in use"));
	/* a note without a message there would be sent to our sender */
	act_shell(&w.other, "rm mess/*/*");
	snprintf(command, sizeof command, "echo old >bounce/%llu", (unsigned long long)n);
	act_shell(&w.other, command);
	assert_int_equal(act_on(&w.t, n), ACT_DONE);
	assert_false(act_exists(&w.other, FILE_BOUNCE, n));
	world_close(&w);
}

static void test_states(void **state)
{
	struct world w;

	(void)state;
	world_open(&w, "empty.tar");
	act_shell(&w.b, "printf 'u1\\0p1\\0Fa\\0Tb@c\\0' >todo/1148240");
	assert_int_equal(act_on(&w.t, ONE), ERROR_UNSUPPORTED);
	act_shell(&w.b, "rm todo/1148240 remote/11/1148240");
	assert_int_equal(act_on(&w.t, ONE), ERROR_UNSUPPORTED);
	world_close(&w);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_move),
	    cmocka_unit_test(test_back),
	    cmocka_unit_test(test_killed),
	    cmocka_unit_test(test_given_up),
	    cmocka_unit_test(test_refused),
	    cmocka_unit_test(test_other_users),
	    cmocka_unit_test(test_other_filesystem),
	    cmocka_unit_test(test_taken),
	    cmocka_unit_test(test_states),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
