/* Taking a message: who else may have it, what it must still be. */
#define _GNU_SOURCE 1 /* F_OFD_SETLK */
#include "unit/sendmail_box.h"

#include "../../backends/sendmail/checks.h"

#include <sys/file.h>
#include <time.h>

#define ID "60F400Mk016350"
#define QF "mqueue/qf" ID

static struct box box;

static int setup(void **state)
{
	(void)state;
	box_open(&box, "flat", NULL);
	box_snapshot(&box);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	box_close(&box);
	return 0;
}

static int open_file(const char *name)
{
	char path[256];
	int fd;

	snprintf(path, sizeof path, "%s/%s", box.path, name);
	fd = open(path, O_RDWR);
	assert_true(fd >= 0);
	return fd;
}

static void assert_busy(void)
{
	assert_int_equal(box_do(&box, OP_EXPIRE, ID), -1);
	assert_int_equal(box.err.code, ERROR_BUSY);
	box_assert_diff(&box, "");
	box.action.dry_run = true;
	assert_int_equal(box_do(&box, OP_EXPIRE, ID), -1);
	assert_int_equal(box.err.code, ERROR_BUSY);
	box_assert_diff(&box, "");
}

static void test_flock(void **state)
{
	int fd = open_file(QF);

	(void)state;
	assert_int_equal(flock(fd, LOCK_EX), 0);
	assert_busy();
	close(fd);
}

static void test_fcntl(void **state)
{
	int to_child[2], from_child[2], status;
	char c;
	pid_t pid;

	(void)state;
	assert_int_equal(pipe(to_child), 0);
	assert_int_equal(pipe(from_child), 0);
	pid = fork();
	if (pid == 0) {
		struct flock fl = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
		int fd = open_file(QF);
		bool ok = fcntl(fd, F_SETLK, &fl) == 0 && write(from_child[1], "l", 1) == 1 &&
			  read(to_child[0], &c, 1) == 1;

		_exit(!ok);
	}
	assert_int_equal(read(from_child[0], &c, 1), 1);
	assert_busy();
	assert_int_equal(write(to_child[1], "e", 1), 1);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	for (int i = 0; i < 2; i++) {
		close(to_child[i]);
		close(from_child[i]);
	}
}

/* In the moment between opening and locking: sendmail ends an attempt. */
static const char *replace_by, *replace;
/* How often a lock was refused, and when another one goes away. */
static int refusals, last_refusal;
static int given_back = -1;

int __real_flock(int fd, int operation);
int __wrap_flock(int fd, int operation);

int __wrap_flock(int fd, int operation)
{
	int r, e;

	if (replace) {
		assert_int_equal(rename(replace_by, replace), 0);
		replace = NULL;
	}
	r = __real_flock(fd, operation);
	e = errno;
	refusals += r < 0;
	if (r < 0 && given_back >= 0 && refusals == last_refusal)
		assert_int_equal(__real_flock(given_back, LOCK_UN), 0);
	errno = e;
	return r;
}

/* A listing's shared lock goes away in time. */
static void test_waits_a_moment(void **state)
{
	int fd = open_file(QF);

	(void)state;
	assert_int_equal(flock(fd, LOCK_SH), 0);
	refusals = 0;
	last_refusal = 5;
	given_back = fd;
	assert_int_equal(box_do(&box, OP_EXPIRE, ID), 1);
	given_back = -1;
	assert_int_equal(refusals, 5);
	close(fd);
}

/* All messages of a batch share one second, most of which the first takes: told by how often each
 * is tried, which does not depend on how fast the machine is. */
static void test_patience_is_shared(void **state)
{
	int fd = open_file(QF), first = 0;

	(void)state;
	assert_int_equal(flock(fd, LOCK_SH), 0);
	assert_int_equal(box_begin(&box, OP_EXPIRE), 0);
	refusals = 0;
	for (int i = 0; i < 4; i++) {
		assert_int_equal(box_act(&box, ID), -1);
		assert_int_equal(box.err.code, ERROR_BUSY);
		if (i == 0)
			first = refusals;
	}
	assert_true(first > 4);
	assert_true(refusals < 3 * first);
	box_end(&box);
	close(fd);
}

/* The lock that an action holds is seen by others, in both kinds, up to the end. */
static void test_holds_both_kinds(void **state)
{
	struct plan_item item;
	struct held h = {.item = &item};
	struct flock fl = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	struct error err = ERROR_INIT;
	int fd = open_file(QF), new_fd;

	(void)state;
	assert_int_equal(box_begin(&box, OP_EXPIRE), 0);
	box_find(&box, ID, &item);
	arena_init(&h.arena, 0);
	box.loader.arena = &h.arena;
	assert_int_equal(sendmail_actions.take(&box.action, &h, &err), 0);
	h.changes = json_array();
	assert_int_equal(flock(fd, LOCK_SH | LOCK_NB), -1);
	assert_int_equal(fcntl(fd, F_OFD_SETLK, &fl), -1);
	/* and so is the new file, from the moment when it has the name */
	assert_int_equal(box_steps(&box, &h), 1);
	new_fd = open_file(QF);
	fl.l_pid = 0;
	assert_int_equal(flock(new_fd, LOCK_SH | LOCK_NB), -1);
	assert_int_equal(fcntl(new_fd, F_OFD_SETLK, &fl), -1);
	sendmail_actions.let_go(&box.action, &h);
	assert_int_equal(flock(new_fd, LOCK_EX | LOCK_NB), 0);
	json_decref(h.changes);
	arena_free(&h.arena);
	box_end(&box);
	close(fd);
	close(new_fd);
}

/* sendmail makes it empty and locks it a moment later. */
static void test_empty(void **state)
{
	struct plan_item item;
	struct held h = {.item = &item};
	char path[256];

	(void)state;
	box_find(&box, ID, &item);
	snprintf(path, sizeof path, "%s/" QF, box.path);
	assert_int_equal(truncate(path, 0), 0);
	assert_int_equal(box_begin(&box, OP_HOLD), 0);
	box.action.now = (int64_t)time(NULL) + 590;
	assert_int_equal(box_act_on(&box, &h), -1);
	assert_int_equal(box.err.code, ERROR_BUSY);
	/* an old one is taken: its state tells what may be done */
	box.action.now = box.loader.now = (int64_t)time(NULL) + 610;
	h = (struct held){.item = &item};
	arena_init(&h.arena, 0);
	box.loader.arena = &h.arena;
	box.err = ERROR_INIT;
	assert_int_equal(sendmail_actions.take(&box.action, &h, &box.err), 0);
	assert_int_equal(h.message.state, STATE_INCOMPLETE);
	sendmail_actions.let_go(&box.action, &h);
	arena_free(&h.arena);
	box_end(&box);
}

/* Tried meanwhile: sendmail wrote the control file anew. */
static void test_rewritten(void **state)
{
	struct slice text = box_text(&box, QF);
	struct plan_item item;
	struct held h = {.item = &item};
	char from[256], to[256];

	(void)state;
	box_find(&box, ID, &item);
	box_write(&box, "mqueue/tf" ID, text);
	snprintf(from, sizeof from, "%s/mqueue/tf" ID, box.path);
	snprintf(to, sizeof to, "%s/" QF, box.path);
	assert_int_equal(rename(from, to), 0);
	assert_int_equal(box_begin(&box, OP_EXPIRE), 0);
	assert_int_equal(box_act_on(&box, &h), 1);
	box_end(&box);
}

/* The lock is on a file that has no name any more: the one that has it is taken. */
static void test_replaced_before_the_lock(void **state)
{
	struct slice text = box_text(&box, QF);
	struct plan_item item;
	struct held h = {.item = &item};
	char from[256], to[256];

	(void)state;
	box_find(&box, ID, &item);
	box_write(&box, "mqueue/tf" ID, text);
	snprintf(from, sizeof from, "%s/mqueue/tf" ID, box.path);
	snprintf(to, sizeof to, "%s/" QF, box.path);
	replace_by = from;
	replace = to;
	assert_int_equal(box_begin(&box, OP_EXPIRE), 0);
	assert_int_equal(box_act_on(&box, &h), 1);
	box_end(&box);
	assert_null(replace);
	assert_string_not_equal(box_line(&box, QF, 'T'), "1768449600");
}

static void keep_finding(void *ctx, const struct finding *f)
{
	*(struct finding *)ctx = *f;
}

static void no_trouble(void *ctx, const struct error *err)
{
	(void)ctx;
	fail_msg("%s", err->text);
}

/* A repair that has locked such a file has locked nothing. */
static void test_repair_of_what_is_replaced(void **state)
{
	struct repair r = {.queue = box.queue, .now = BOX_NOW * INT64_C(2)};
	struct finding f = {.code = NULL};
	struct check_walk w = {.queue = box.queue,
			       .now = r.now,
			       .jobs = 1,
			       .arena = &box.arena,
			       .found = keep_finding,
			       .trouble = no_trouble,
			       .ctx = &f};
	struct mend m = {.finding = &f};
	struct error err = ERROR_INIT;
	char from[256], to[256];

	(void)state;
	snprintf(from, sizeof from, "%s/mqueue/df" ID, box.path);
	assert_int_equal(unlink(from), 0);
	assert_int_equal(sendmail_checks.check(&w, &err), 0);
	assert_ptr_equal(f.code, &sendmail_codes[CHECK_NO_DATA]);
	box_write(&box, "mqueue/tf" ID, box_text(&box, QF));
	snprintf(from, sizeof from, "%s/mqueue/tf" ID, box.path);
	snprintf(to, sizeof to, "%s/" QF, box.path);
	assert_int_equal(sendmail_checks.repair_begin(&r, &err), 0);
	for (int i = 0; i < 2; i++) {
		arena_init(&m.arena, 0);
		replace_by = from;
		replace = i == 0 ? to : NULL;
		assert_int_equal(sendmail_checks.plan(&r, &m, &err), i == 0 ? -1 : 1);
		assert_int_equal(err.code, ERROR_BUSY);
		assert_null(replace);
		sendmail_checks.let_go(&r, &m);
		arena_free(&m.arena);
	}
	sendmail_checks.repair_end(&r);
}

/* The same id with other data is another message. */
static void test_other_message(void **state)
{
	struct plan_item item;
	struct held h = {.item = &item};
	char path[256], to[256];

	(void)state;
	box_find(&box, ID, &item);
	snprintf(path, sizeof path, "%s/mqueue/df" ID, box.path);
	box_write(&box, "mqueue/dfnew", SLICE("other\n"));
	snprintf(to, sizeof to, "%s/mqueue/dfnew", box.path);
	assert_int_equal(rename(to, path), 0);
	assert_int_equal(box_begin(&box, OP_EXPIRE), 0);
	assert_int_equal(box_act_on(&box, &h), -1);
	assert_int_equal(box.err.code, ERROR_STALE);
	box_end(&box);
	assert_string_equal(box_line(&box, QF, 'T'), "1768449600");
}

static void test_gone(void **state)
{
	struct plan_item item;
	struct held h = {.item = &item};
	char path[256];

	(void)state;
	box_find(&box, ID, &item);
	snprintf(path, sizeof path, "%s/" QF, box.path);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(box_begin(&box, OP_EXPIRE), 0);
	assert_int_equal(box_act_on(&box, &h), -1);
	assert_int_equal(box.err.code, ERROR_GONE);
	box_end(&box);
}

/* Something that does not lock put another file under the name. */
static void test_replaced_under_the_lock(void **state)
{
	struct slice text = box_text(&box, QF);
	struct plan_item item;
	struct held h = {.item = &item};
	struct error err = ERROR_INIT;
	char path[256];

	(void)state;
	box_find(&box, ID, &item);
	assert_int_equal(box_begin(&box, OP_EXPIRE), 0);
	arena_init(&h.arena, 0);
	box.loader.arena = &h.arena;
	assert_int_equal(sendmail_actions.take(&box.action, &h, &err), 0);
	assert_int_equal(sendmail_actions.recheck(&box.action, &h, &err), 0);
	snprintf(path, sizeof path, "%s/" QF, box.path);
	assert_int_equal(unlink(path), 0);
	box_write(&box, QF, text);
	assert_int_equal(sendmail_actions.recheck(&box.action, &h, &err), -1);
	assert_int_equal(err.code, ERROR_STALE);
	sendmail_actions.let_go(&box.action, &h);
	arena_free(&h.arena);
	box_end(&box);
}

/* Nothing but a regular file is opened, let alone locked. */
static void test_odd_files(void **state)
{
	static const char *const kinds[] = {"fifo", "link", "directory"};

	(void)state;
	for (int i = 0; i < 3; i++) {
		struct plan_item item;
		struct held h = {.item = &item};
		char path[256], away[256];

		box_find(&box, ID, &item);
		snprintf(path, sizeof path, "%s/" QF, box.path);
		snprintf(away, sizeof away, "%s/away", box.path);
		assert_int_equal(rename(path, away), 0);
		assert_int_equal(i == 0	  ? mkfifo(path, 0600)
				 : i == 1 ? symlink(away, path)
					  : mkdir(path, 0700),
				 0);
		print_message("# %s\n", kinds[i]);
		for (int dry = 0; dry < 2; dry++) {
			box.action.dry_run = dry;
			assert_int_equal(box_begin(&box, OP_EXPIRE), 0);
			assert_int_equal(box_act_on(&box, &h), -1);
			assert_int_equal(box.err.code, ERROR_CORRUPT);
			box_end(&box);
		}
		assert_int_equal(remove(path), 0);
		assert_int_equal(rename(away, path), 0);
	}
	box_assert_diff(&box, "");
}

/* What a process that died left behind goes; what a living one is writing stays. */
static void test_sweep(void **state)
{
	char living[64];
	int status;
	pid_t dead = fork();

	(void)state;
	if (dead == 0)
		_exit(0);
	assert_int_equal(waitpid(dead, &status, 0), dead);
	snprintf(living, sizeof living, "mqueue/.mtaq.60F.%ld", (long)getppid());
	box_write(&box, living, SLICE("V8\n"));
	box_write(&box, "mqueue/.mtaq.60G.notapid", SLICE("V8\n"));
	box_write(&box, "mqueue/.mtaqx.60G.1234567", SLICE("V8\n"));
	box_snapshot(&box);
	snprintf(living, sizeof living, "mqueue/.mtaq.60H.%ld", (long)dead);
	box_write(&box, living, SLICE("V8\n"));
	box_mend(&box);
	box_assert_diff(&box, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_flock, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_fcntl, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_waits_a_moment, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_patience_is_shared, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_holds_both_kinds, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_empty, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_rewritten, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_replaced_before_the_lock, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_repair_of_what_is_replaced, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_other_message, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_gone, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_replaced_under_the_lock, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_odd_files, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_sweep, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
