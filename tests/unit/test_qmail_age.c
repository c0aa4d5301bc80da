/* expire, requeue and retry on recorded queues; and how a message is held. */
#include "unit/qmail_act.h"

#include <utime.h>

enum { NOW = 1795174000 };

/* Of fixtures/qmail/basic.tar. */
enum { QUEUED = 1148256, DOUBLE = 1148224, BOUNCE = 1148212 };

static struct act on(struct box *b, enum op op)
{
	return (struct act){.box = b, .op = op, .now = NOW};
}

static int64_t mtime(const struct box *b, enum qmail_file f, uint64_t n)
{
	return (int64_t)act_stat(b, f, n).st_mtime;
}

static void test_expire(void **state)
{
	struct box b;
	struct act t;
	int64_t before;

	(void)state;
	box_open(&b, "basic.tar");
	t = on(&b, OP_EXPIRE);
	before = mtime(&b, FILE_INFO, QUEUED);
	assert_int_equal(act_on(&t, QUEUED), ACT_DONE);
	assert_int_equal(mtime(&b, FILE_INFO, QUEUED), NOW - 8 * 86400);
	assert_int_equal(json_array_size(t.changes), 1);
	assert_int_equal(
	    json_integer_value(json_object_get(json_array_get(t.changes, 0), "before")),
	    before * 1000000000);
	assert_int_equal(act_on(&t, QUEUED), ACT_ALREADY);
	assert_int_equal(json_array_size(t.changes), 0);
	act_check_queue(&b);
	act_free(&t);
	box_close(&b);
}

/* Nothing but info's time changes; a dry run changes nothing, and says the same. */
static void test_only_the_time(void **state)
{
	struct slice before, after;
	struct box b;
	struct act t;

	(void)state;
	box_open(&b, "basic.tar");
	t = on(&b, OP_EXPIRE);
	before = act_tree(&b);
	t.dry_run = true;
	assert_int_equal(act_on(&t, QUEUED), ACT_DONE);
	assert_int_equal(json_array_size(t.changes), 1);
	after = act_tree(&b);
	assert_true(slice_eq(before, after));
	t.dry_run = false;
	assert_int_equal(act_on(&t, QUEUED), ACT_DONE);
	after = act_shell(&b, "touch -d @1795145191 info/$((1148256 % 23))/1148256");
	after = act_tree(&b);
	assert_int_equal(before.n, after.n);
	act_free(&t);
	box_close(&b);
}

static void test_lifetimes(void **state)
{
	static const struct {
		const char *lifetime;
		int64_t age; /* of the message before */
		int r;
		int64_t back; /* and after */
	} cases[] = {
	    {"7d", 7 * 86400, ACT_DONE, 8 * 86400},
	    {"7d", 7 * 86400 + 1, ACT_ALREADY, 0},
	    {"30d", 8 * 86400, ACT_DONE, 31 * 86400},
	    {"60s", 60, ACT_DONE, 8 * 86400},
	    {"60s", 61, ACT_ALREADY, 0},
	    {"0s", 0, ACT_DONE, 8 * 86400},
	    {"7d", -3 * 86400, ACT_DONE, 8 * 86400},
	    {"7d", NOW, ACT_ALREADY, 0},
	    {"7d", NOW + 5 * 86400, ACT_ALREADY, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct queue_option o = {"lifetime", cases[i].lifetime};
		struct timespec times[2] = {{.tv_sec = NOW - cases[i].age},
					    {.tv_sec = NOW - cases[i].age}};
		struct box b;
		struct act t;

		box_unpack(&b, "basic.tar");
		box_open_with(&b, &o, 1);
		t = on(&b, OP_EXPIRE);
		utimensat(b.fd, act_path(&b, FILE_INFO, QUEUED), times, 0);
		assert_int_equal(act_on(&t, QUEUED), cases[i].r);
		assert_int_equal(mtime(&b, FILE_INFO, QUEUED),
				 NOW - (cases[i].r == ACT_DONE ? cases[i].back : cases[i].age));
		act_free(&t);
		box_close(&b);
	}
}

static void test_no_lifetime(void **state)
{
	struct box b;
	struct act t;

	(void)state;
	box_unpack(&b, "basic.tar");
	act_shell(&b, "mv ../control ../kontrol");
	box_open_with(&b, NULL, 0);
	t = on(&b, OP_EXPIRE);
	assert_int_equal(act_on(&t, QUEUED), ERROR_USAGE);
	assert_non_null(strstr(t.err.text, "lifetime="));
	t.op = OP_REQUEUE;
	assert_int_equal(act_on(&t, QUEUED), ACT_DONE);
	act_free(&t);
	box_close(&b);
}

static void test_requeue(void **state)
{
	struct box b;
	struct act t;
	int64_t next;

	(void)state;
	box_open(&b, "basic.tar");
	t = on(&b, OP_REQUEUE);
	next = mtime(&b, FILE_REMOTE, QUEUED);
	assert_int_equal(act_on(&t, QUEUED), ACT_DONE);
	assert_int_equal(mtime(&b, FILE_INFO, QUEUED), NOW);
	assert_int_equal(mtime(&b, FILE_REMOTE, QUEUED), next);
	assert_int_equal(act_on(&t, QUEUED), ACT_ALREADY);
	act_free(&t);
	box_close(&b);
}

/* Its bounce would be thrown away: named, and passed over. A bounce of ours is not one. */
static void test_silent(void **state)
{
	struct box b;
	struct act t;

	(void)state;
	box_open(&b, "basic.tar");
	t = on(&b, OP_EXPIRE);
	assert_int_equal(act_on(&t, DOUBLE), ERROR_UNSUPPORTED);
	assert_non_null(strstr(t.notes, "1148224@"));
	assert_int_equal(act_on(&t, BOUNCE), ACT_DONE);
	assert_string_equal(t.notes, "");
	t.args.even_silent = true;
	assert_int_equal(act_on(&t, DOUBLE), ACT_DONE);
	act_free(&t);
	box_close(&b);
}

static void test_retry_offline(void **state)
{
	struct timespec times[2] = {{.tv_sec = NOW + 500}, {.tv_sec = NOW + 500}};
	struct box b;
	struct act t;
	int64_t birth;

	(void)state;
	box_open(&b, "basic.tar");
	utimensat(b.fd, act_path(&b, FILE_REMOTE, QUEUED), times, 0);
	t = on(&b, OP_RETRY);
	birth = mtime(&b, FILE_INFO, QUEUED);
	assert_int_equal(act_on(&t, QUEUED), ACT_DONE);
	assert_int_equal(mtime(&b, FILE_REMOTE, QUEUED), NOW);
	assert_int_equal(mtime(&b, FILE_INFO, QUEUED), birth);
	assert_int_equal(act_on(&t, QUEUED), ACT_ALREADY);
	/* and as part of another action */
	utimensat(b.fd, act_path(&b, FILE_REMOTE, QUEUED), times, 0);
	act_free(&t);
	t = (struct act){.box = &b, .op = OP_EXPIRE, .args.try_now = true, .now = NOW};
	assert_int_equal(act_on(&t, QUEUED), ACT_DONE);
	assert_int_equal(mtime(&b, FILE_REMOTE, QUEUED), NOW);
	assert_int_equal(json_array_size(t.changes), 2);
	act_free(&t);
	box_close(&b);
}

/* While qmail-send runs an attempt is to be had for all messages or for none. */
static void test_live(void **state)
{
	struct box b;
	struct act t;
	int fd;

	(void)state;
	box_open(&b, "basic.tar");
	fd = act_send_starts(&b);
	t = on(&b, OP_RETRY);
	assert_int_equal(act_on(&t, QUEUED), ERROR_BUSY);
	assert_non_null(strstr(t.err.text, "--whole-queue"));
	t.op = OP_EXPIRE;
	t.args.try_now = true;
	assert_int_equal(act_on(&t, QUEUED), ERROR_BUSY);
	t.args.try_now = false;
	assert_int_equal(act_on(&t, QUEUED), ACT_DONE);
	/* there is no process to be told: said, not guessed */
	act_free(&t);
	t = (struct act){.box = &b, .op = OP_RETRY, .args.whole_queue = true, .now = NOW};
	assert_int_equal(act_on(&t, QUEUED), ERROR_DENIED);
	assert_non_null(strstr(t.err.text, "process cannot be found"));
	close(fd);
	act_free(&t);
	box_close(&b);
}

static void test_forget_hosts(void **state)
{
	struct timespec times[2] = {{.tv_sec = NOW + 500}, {.tv_sec = NOW + 500}};
	struct slice text;
	struct box b;
	struct act t;

	(void)state;
	box_open(&b, "basic.tar");
	act_shell(&b, "head -c 1024 /dev/urandom >lock/tcpto");
	utimensat(b.fd, act_path(&b, FILE_REMOTE, QUEUED), times, 0);
	t = on(&b, OP_RETRY);
	t.args.forget_hosts = true;
	assert_int_equal(act_on(&t, QUEUED), ACT_DONE);
	text = act_shell(&b, "tr -d '\\000' <lock/tcpto; wc -c <lock/tcpto");
	assert_true(slice_is(text, "1024\n"));
	act_free(&t);
	box_close(&b);
}

/* ---- one mtaq, one qmail-send ---- */

static void test_one_mtaq(void **state)
{
	struct box b;
	struct act t;
	int other;

	(void)state;
	box_open(&b, "basic.tar");
	other = open(b.dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(flock(other, LOCK_EX | LOCK_NB), 0);
	t = on(&b, OP_EXPIRE);
	assert_int_equal(act_on(&t, QUEUED), ERROR_BUSY);
	assert_non_null(strstr(t.err.text, "another mtaq"));
	t.dry_run = true;
	assert_int_equal(act_on(&t, QUEUED), ACT_DONE);
	close(other);
	t.dry_run = false;
	assert_int_equal(act_on(&t, QUEUED), ACT_DONE);
	act_free(&t);
	box_close(&b);
}

static void test_no_mutex(void **state)
{
	struct box b;
	struct act t;

	(void)state;
	box_open(&b, "basic.tar");
	box_remove(&b, "lock/sendmutex");
	t = on(&b, OP_EXPIRE);
	assert_int_equal(act_on(&t, QUEUED), ERROR_CORRUPT);
	assert_non_null(strstr(t.err.text, "cannot be told"));
	act_free(&t);
	box_close(&b);
}

static void try_to_start(struct box *b)
{
	int fd = openat(b->fd, "lock/sendmutex", O_WRONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(flock(fd, LOCK_EX | LOCK_NB), -1);
	close(fd);
}

/* What is done while qmail-send is down keeps it down. */
static void test_mutex_held(void **state)
{
	struct box b;
	struct act t;

	(void)state;
	box_open(&b, "basic.tar");
	t = on(&b, OP_EXPIRE);
	t.when = BEFORE_COMMIT;
	t.meanwhile = try_to_start;
	assert_int_equal(act_on(&t, QUEUED), ACT_DONE);
	close(act_send_starts(&b));
	act_free(&t);
	box_close(&b);
}

/* qmail-send that starts before the batch: what can be done beside it goes on beside it, the rest
 * is not done. */
static void test_started_meanwhile(void **state)
{
	static const struct {
		enum op op;
		int result;
	} rows[] = {{OP_EXPIRE, 0}, {OP_RETRY, -1}};
	struct box b;

	(void)state;
	box_open(&b, "basic.tar");
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct action_args args = {0};
		struct error err = ERROR_INIT;
		struct action a = {.queue = b.queue, .op = rows[i].op, .args = &args, .now = NOW};
		int fd;

		assert_int_equal(qmail_actions.run_begin(&a, &err), 0);
		assert_true(a.offline);
		fd = act_send_starts(&b);
		assert_int_equal(qmail_actions.batch_begin(&a, &err), rows[i].result);
		assert_false(a.offline);
		assert_int_equal(err.code, rows[i].result ? ERROR_BUSY : ERROR_NONE);
		qmail_actions.batch_end(&a);
		qmail_actions.run_end(&a);
		close(fd);
	}
	box_close(&b);
}

/* What has another age by now keeps it. */
static void test_undo_keeps_what_changed(void **state)
{
	struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_sec = NOW - 77}};
	struct box b;
	struct act t;

	(void)state;
	box_open(&b, "basic.tar");
	t = on(&b, OP_EXPIRE);
	assert_int_equal(act_on(&t, QUEUED), ACT_DONE);
	assert_int_equal(utimensat(b.fd, act_path(&b, FILE_INFO, QUEUED), times, 0), 0);
	assert_int_equal(act_undo(&t, QUEUED), ACT_ALREADY);
	assert_int_equal(mtime(&b, FILE_INFO, QUEUED), NOW - 77);
	act_free(&t);
	box_close(&b);
}

/* ---- what qmail does meanwhile ---- */

static void end_message(struct box *b)
{
	act_shell(b, "rm info/*/1148256 remote/*/1148256 mess/*/1148256");
}

/* Its number belongs to another message at once, with the same recipients and time. */
static void reuse_number(struct box *b)
{
	act_shell(b, "d=$((1148256 % 23)); for i in info remote mess; do cp -p $i/$d/1148256 x; "
		     "rm $i/$d/1148256; touch y z; mv x $i/$d/1148256; done; rm y z");
}

static void back_to_todo(struct box *b)
{
	act_shell(b, "printf 'u1\\0p1\\0Fa@b\\0Tc@d\\0' >todo/1148256");
}

static void another_info(struct box *b)
{
	act_shell(b, "d=$((1148256 % 23)); cp -p info/$d/1148256 x; mv x info/$d/1148256");
}

/* As reuse_number, and the new info happens to have the old one's inode. */
static void another_mess(struct box *b)
{
	act_shell(b, "d=$((1148256 % 23)); cp -p mess/$d/1148256 x; mv x mess/$d/1148256");
}

static void test_meanwhile(void **state)
{
	static void (*const what[])(struct box * b) = {end_message, reuse_number, back_to_todo,
						       another_info, another_mess};
	static const enum act_step steps[] = {BEFORE_TAKE, BEFORE_RECHECK, BEFORE_COMMIT};

	(void)state;
	for (size_t i = 0; i < 5; i++) {
		for (size_t k = 0; k < 3; k++) {
			struct box b;
			struct act t;
			int r;

			box_open(&b, "basic.tar");
			t = on(&b, OP_EXPIRE);
			t.when = steps[k];
			t.meanwhile = what[i];
			r = act_on(&t, QUEUED);
			if (i == 0)
				assert_int_equal(r, ERROR_GONE);
			else if (i == 2 && k == 0)
				assert_int_equal(r, ACT_DONE); /* as the new one that it is */
			else
				assert_int_equal(r, ERROR_STALE);
			if (r == ERROR_STALE)
				assert_int_equal(mtime(&b, FILE_INFO, QUEUED), 1795145191);
			act_free(&t);
			box_close(&b);
		}
	}
}

static void touch_mess(struct box *b)
{
	act_shell(b, "touch -d @1 mess/$((1148256 % 23))/1148256");
}

/* Inodes are used again at once: the time of the writing tells one from the next. */
static void test_same_inode(void **state)
{
	struct plan_item item;
	struct box b;
	struct act t;

	(void)state;
	box_open(&b, "basic.tar");
	t = on(&b, OP_EXPIRE);
	item = act_plan(&b, QUEUED);
	touch_mess(&b);
	assert_int_equal(act_item(&t, &item), ERROR_STALE);
	assert_int_equal(mtime(&b, FILE_INFO, QUEUED), 1795145191);
	act_free(&t);
	box_close(&b);
}

static void test_states(void **state)
{
	/* of todo.tar: in todo; mess only; mess and intd */
	static const struct {
		enum message_state is;
		int r;
	} cases[] = {
	    {STATE_QUEUED, ACT_DONE}, {STATE_NEW, ACT_ALREADY}, {STATE_INCOMING, ERROR_BUSY}};
	struct box b;
	struct act t;
	int met[3] = {0};

	(void)state;
	box_open(&b, "todo.tar");
	box_scan(&b);
	for (size_t i = 0, count = b.count; i < count; i++) {
		uint64_t n = b.entries[i].number;
		struct message m;

		box_scan(&b);
		box_get(&b, n, PART_STAT | PART_RECIPIENTS, &m);
		for (size_t k = 0; k < 3; k++) {
			enum message_state s = m.state;

			if (s != cases[k].is)
				continue;
			met[k]++;
			for (int op = OP_EXPIRE; op <= OP_RETRY; op++) {
				if (op == OP_BOUNCE || (s == STATE_QUEUED && op != OP_REQUEUE) ||
				    (s == STATE_NEW && op == OP_EXPIRE))
					continue;
				t = on(&b, (enum op)op);
				assert_int_equal(act_on(&t, n), cases[k].r);
				act_free(&t);
			}
		}
	}
	assert_true(met[0] > 0 && met[1] > 1 && met[2] > 1);
	box_close(&b);
}

/* ---- one that is in todo ---- */

/* In todo: without a host, a virtual domain; beside left-over info and local; nobody. */
enum { NEW = 1148120, NEW_PLAIN = 1148145, NEW_NOBODY = 1148129 };

static struct slice text_of(struct box *b, enum qmail_file f, uint64_t n)
{
	char command[128];

	snprintf(command, sizeof command, "tr '\\0' '|' <%s", act_path(b, f, n));
	return act_shell(b, command);
}

static void check_preprocessed(struct box *b)
{
	assert_true(slice_is(text_of(b, FILE_INFO, NEW_PLAIN), "Fxeno@local.example.test|"));
	assert_true(slice_is(text_of(b, FILE_LOCAL, NEW_PLAIN), "Tdefer@local.example.test|"));
	assert_true(slice_is(text_of(b, FILE_REMOTE, NEW_PLAIN), "Ty@grey.example.net|"));
	assert_false(act_exists(b, FILE_TODO, NEW_PLAIN));
	assert_false(act_exists(b, FILE_INTD, NEW_PLAIN));
	assert_int_equal(mtime(b, FILE_INFO, NEW_PLAIN), NOW - 8 * 86400);
}

static void test_expire_new(void **state)
{
	struct slice before, after;
	struct box b;
	struct act t;

	(void)state;
	box_open(&b, "todo.tar");
	t = on(&b, OP_EXPIRE);
	before = act_tree(&b);
	t.dry_run = true;
	assert_int_equal(act_on(&t, NEW), ACT_DONE);
	t.dry_run = false;
	t.when = NO_COMMIT;
	assert_int_equal(act_on(&t, NEW), ERROR_BUG);
	after = act_tree(&b);
	assert_true(slice_eq(before, after));
	t.when = STEP_NONE;
	assert_int_equal(act_on(&t, NEW_PLAIN), ACT_DONE);
	check_preprocessed(&b);
	act_check_queue(&b);
	assert_int_equal(act_on(&t, NEW_PLAIN), ACT_ALREADY);
	assert_int_equal(act_on(&t, NEW_NOBODY), ERROR_UNSUPPORTED);
	act_free(&t);
	box_close(&b);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_expire),
	    cmocka_unit_test(test_only_the_time),
	    cmocka_unit_test(test_lifetimes),
	    cmocka_unit_test(test_no_lifetime),
	    cmocka_unit_test(test_requeue),
	    cmocka_unit_test(test_silent),
	    cmocka_unit_test(test_retry_offline),
	    cmocka_unit_test(test_live),
	    cmocka_unit_test(test_forget_hosts),
	    cmocka_unit_test(test_one_mtaq),
	    cmocka_unit_test(test_no_mutex),
	    cmocka_unit_test(test_mutex_held),
	    cmocka_unit_test(test_started_meanwhile),
	    cmocka_unit_test(test_undo_keeps_what_changed),
	    cmocka_unit_test(test_meanwhile),
	    cmocka_unit_test(test_same_inode),
	    cmocka_unit_test(test_states),
	    cmocka_unit_test(test_expire_new),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
