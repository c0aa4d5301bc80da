/* expire, bounce and requeue on recorded queues: only the lines that must change do. */
#include "unit/sendmail_box.h"

#include <inttypes.h>

#define ID  "60F400Mk016350"
#define QF  "mqueue/qf" ID
#define DAY 86400

static struct box box;

static int setup_with(const char *cf)
{
	box_open(&box, "flat", cf);
	box_snapshot(&box);
	return 0;
}

static int setup(void **state)
{
	(void)state;
	return setup_with(NULL);
}

static int teardown(void **state)
{
	(void)state;
	box_close(&box);
	return 0;
}

static const char *number(int64_t n)
{
	return arena_printf(&box.arena, "%" PRId64, n).p;
}

/* The control file is `was` with its T line (and more lines, by the edits) other. */
static void assert_changed(const char *name, struct slice was, const char *codes)
{
	struct slice is = box_text(&box, name);
	struct qf_line x = {0}, y = {0};
	size_t at = 0, k = 0;

	while (qf_next_line(was, &at, &x)) {
		if (!qf_next_line(is, &k, &y))
			fail_msg("%s is cut at '%.*s'", name, SLICE_ARG(x.bytes));
		assert_int_equal(x.code, y.code);
		if (!strchr(codes, x.code) && !slice_eq(x.bytes, y.bytes))
			fail_msg("%s: '%.*s' became '%.*s'", name, SLICE_ARG(x.bytes),
				 SLICE_ARG(y.bytes));
	}
	assert_false(qf_next_line(is, &k, &y));
}

/* What the journal holds takes it back. */
static void assert_undone(const char *name, struct slice was)
{
	struct slice text = box_text(&box, name);
	struct qf_edits e;
	size_t left;

	assert_int_equal(json_array_size(box.changes), 1);
	qf_edits_init(&e, &box.arena, text);
	assert_int_equal(qf_edits_undo(json_array_get(box.changes, 0), &e, &left, NULL), 0);
	assert_int_equal(qf_edits_apply(&e, &text, NULL), 0);
	assert_int_equal(left, 0);
	assert_true(slice_eq(text, was));
}

static void test_expire(void **state)
{
	struct slice was = box_text(&box, QF);

	(void)state;
	assert_int_equal(box_do(&box, OP_EXPIRE, ID), 1);
	box_assert_diff(&box, " ~" QF);
	assert_string_equal(box_line(&box, QF, 'T'), number(BOX_NOW - 5 * DAY - 1));
	assert_changed(QF, was, "T");
	assert_undone(QF, was);
	assert_string_equal(box.notes, "");
	/* again: it is so already */
	assert_int_equal(box_do(&box, OP_EXPIRE, ID), 0);
}

/* The new file is its owner's, with the same rights, or sendmail passes it over. */
static void test_owner_and_mode(void **state)
{
	const char *path = arena_printf(&box.arena, "%s/" QF, box.path).p;
	struct stat st;

	(void)state;
	if (chown(path, 12, 34) < 0)
		skip(); /* only root can */
	assert_int_equal(chmod(path, 0640), 0);
	assert_int_equal(box_do(&box, OP_EXPIRE, ID), 1);
	assert_int_equal(lstat(path, &st), 0);
	assert_int_equal(st.st_uid, 12);
	assert_int_equal(st.st_gid, 34);
	assert_int_equal(st.st_mode & 07777, 0640);
}

static void test_dry_run(void **state)
{
	(void)state;
	box.action.dry_run = true;
	assert_int_equal(box_do(&box, OP_EXPIRE, ID), 1);
	assert_int_equal(json_array_size(box.changes), 1);
	assert_int_equal(box_do(&box, OP_BOUNCE, ID), 1);
	assert_int_equal(box_do(&box, OP_REQUEUE, ID), 1);
	box_assert_diff(&box, "");
}

/* The longest of the timeouts, whatever the message's own is. */
static void test_longest_timeout(void **state)
{
	(void)state;
	setup_with("O Timeout.queuereturn.urgent=1d\nO Timeout.queuereturn.non-urgent=9d");
	assert_int_equal(box_do(&box, OP_EXPIRE, ID), 1);
	assert_string_equal(box_line(&box, QF, 'T'), number(BOX_NOW - 9 * DAY - 1));
	box_close(&box);
	setup_with("O Timeout.queuereturn=1h");
	assert_int_equal(box_do(&box, OP_EXPIRE, ID), 0);
	box_assert_diff(&box, "");
	box_close(&box);
	setup_with("O Timeout.queuereturn=99999w");
	assert_int_equal(box_do(&box, OP_EXPIRE, ID), -1);
	assert_int_equal(box.err.code, ERROR_USAGE);
	assert_int_equal(box_do(&box, OP_REQUEUE, ID), 1);
}

/* K and N only where the time since the last attempt would keep it back. */
static void test_too_young(void **state)
{
	static const struct {
		const char *cf, *changed, *k, *n;
	} rows[] = {
	    {"O MinQueueAge=30m", "T", "1768476600", "1"},
	    {"O MinQueueAge=31m", "TK", "0", "1"},
	    {"O MinQueueAge=5m\nO MaxQueueAge=20m", "T", "1768476600", "1"},
	    {"O MinQueueAge=5m\nO MaxQueueAge=2h", "TN", "1768476600", "0"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct slice was;

		box_open(&box, "flat", rows[i].cf);
		box_run((const char *const[]){"sed", "-i", "s/^K.*/K1768476600/;s/^N.*/N1/",
					      arena_printf(&box.arena, "%s/" QF, box.path).p,
					      NULL});
		was = box_text(&box, QF);
		assert_int_equal(box_do(&box, OP_EXPIRE, ID), 1);
		assert_string_equal(box_line(&box, QF, 'K'), rows[i].k);
		assert_string_equal(box_line(&box, QF, 'N'), rows[i].n);
		assert_changed(QF, was, rows[i].changed);
		assert_undone(QF, was);
		box_close(&box);
	}
	setup_with(NULL);
}

static void silence(const char *sed)
{
	box_run((const char *const[]){"sed", "-i", sed,
				      arena_printf(&box.arena, "%s/" QF, box.path).p, NULL});
	box_snapshot(&box);
}

static void test_silent(void **state)
{
	static const enum op ops[] = {OP_EXPIRE, OP_BOUNCE};

	(void)state;
	silence("s/^RPFD:/RPN:/");
	for (int i = 0; i < 2; i++) {
		box.args.even_silent = false;
		assert_int_equal(box_do(&box, ops[i], ID), -1);
		assert_int_equal(box.err.code, ERROR_DENIED);
		assert_non_null(strstr(box.err.text, "--even-silent"));
		box_assert_diff(&box, "");
		box.args.even_silent = true;
		box.action.dry_run = true;
		assert_int_equal(box_do(&box, ops[i], ID), 1);
		box.action.dry_run = false;
	}
	/* one who wants to know is enough */
	box.args.even_silent = false;
	silence("s/^RPN:.*/&\\nRPF:<other@example.net>/");
	assert_int_equal(box_do(&box, OP_EXPIRE, ID), 1);
}

/* ---- bounce ---- */

static void test_bounce(void **state)
{
	struct slice was = box_text(&box, QF), is;
	size_t sender, by;

	(void)state;
	assert_int_equal(box_do(&box, OP_BOUNCE, ID), 1);
	box_assert_diff(&box, " ~" QF);
	is = box_text(&box, QF);
	assert_int_equal(is.n, was.n + 5);
	by = slice_find(is, SLICE("\n!\x02 1\n"));
	sender = slice_find(is, SLICE("\nS"));
	assert_true(by != SIZE_MAX && sender < by && by < slice_find(is, SLICE("\nR")));
	assert_undone(QF, was);
	assert_int_equal(box_do(&box, OP_BOUNCE, ID), 0);
}

/* A deadline of the sender's own: its trace bit stays. */
static void test_bounce_replaces_a_deadline(void **state)
{
	struct slice was;

	(void)state;
	silence("s/^S.*/&\\n!\\x11 3600/");
	was = box_text(&box, QF);
	assert_int_equal(box_do(&box, OP_BOUNCE, ID), 1);
	assert_string_equal(box_line(&box, QF, '!'), "\x12 1");
	assert_undone(QF, was);
}

/* Reports do not heed it, nor does a sendmail before 8.12: an old T instead. */
static void test_bounce_by_age(void **state)
{
	(void)state;
	assert_int_equal(box_do(&box, OP_BOUNCE, "60BC0589016504"), 1);
	assert_string_equal(box_line(&box, "mqueue/qf60BC0589016504", '!'), "-");
	assert_string_equal(box_line(&box, "mqueue/qf60BC0589016504", 'T'),
			    number(BOX_NOW - 5 * DAY - 1));
	silence("s/^V8/V4/");
	assert_int_equal(box_do(&box, OP_BOUNCE, ID), 1);
	assert_string_equal(box_line(&box, QF, '!'), "-");
	assert_string_equal(box_line(&box, QF, 'T'), number(BOX_NOW - 5 * DAY - 1));
}

static void test_bounce_of_a_new_one(void **state)
{
	(void)state;
	silence("s/^T.*/T1768478399/");
	assert_int_equal(box_do(&box, OP_BOUNCE, ID), -1);
	assert_int_equal(box.err.code, ERROR_BUSY);
	silence("s/^T.*/T1768478398/");
	assert_int_equal(box_do(&box, OP_BOUNCE, ID), 1);
}

static void test_bounce_takes_no_reason(void **state)
{
	(void)state;
	box.args.reason = "because";
	assert_int_equal(box_do(&box, OP_BOUNCE, ID), -1);
	assert_int_equal(box.err.code, ERROR_USAGE);
}

/* ---- requeue ---- */

static void test_requeue(void **state)
{
	struct slice was = box_text(&box, QF);

	(void)state;
	assert_int_equal(box_do(&box, OP_REQUEUE, ID), 1);
	box_assert_diff(&box, " ~" QF);
	assert_string_equal(box_line(&box, QF, 'T'), number(BOX_NOW));
	assert_changed(QF, was, "T");
	assert_undone(QF, was);
	assert_int_equal(box_do(&box, OP_REQUEUE, ID), 0);
}

static void test_requeue_forgets_the_warning(void **state)
{
	struct slice was;

	(void)state;
	silence("s/^F.*/Fw8s/");
	was = box_text(&box, QF);
	assert_int_equal(box_do(&box, OP_REQUEUE, ID), 1);
	assert_string_equal(box_line(&box, QF, 'F'), "8s");
	assert_undone(QF, was);
	silence("s/^F.*/Fw/");
	was = box_text(&box, QF);
	assert_int_equal(box_do(&box, OP_REQUEUE, ID), 1);
	assert_string_equal(box_line(&box, QF, 'F'), "-");
	assert_undone(QF, was);
}

static void test_requeue_takes_a_bounce_back(void **state)
{
	(void)state;
	assert_int_equal(box_do(&box, OP_BOUNCE, ID), 1);
	assert_int_equal(box_do(&box, OP_REQUEUE, ID), 1);
	assert_string_equal(box_line(&box, QF, '!'), "-");
	/* but not what the sender asked for */
	silence("s/^S.*/&\\n!\\x02 3600/");
	assert_int_equal(box_do(&box, OP_REQUEUE, ID), 0);
	assert_string_equal(box_line(&box, QF, '!'), "\x02 3600");
}

/* ---- all of them ---- */

static void test_damaged(void **state)
{
	static const enum op ops[] = {OP_EXPIRE, OP_BOUNCE, OP_REQUEUE};

	(void)state;
	silence("s/^\\.$/.\\n/");
	for (int i = 0; i < 3; i++) {
		assert_int_equal(box_do(&box, ops[i], ID), -1);
		assert_int_equal(box.err.code, ERROR_CORRUPT);
	}
	box_assert_diff(&box, "");
}

/* Every message of the queues, there and back. */
static void each_there_and_back(enum op op)
{
	struct scan *s = backend_sendmail.scan_begin(box.queue, NULL);
	struct message_entry e;
	int done = 0;

	while (backend_sendmail.scan_next(s, &box.arena, &e, NULL) > 0) {
		const char *id = arena_str(&box.arena, slice_skip(e.name, 2));
		const char *name = arena_printf(&box.arena, "mqueue/qf%s", id).p;
		struct slice was = box_text(&box, name);

		box.args.even_silent = true;
		if (box_do(&box, op, id) != 1)
			continue;
		assert_undone(name, was);
		done++;
	}
	backend_sendmail.scan_end(s);
	assert_true(done > 20);
}

static void test_each(void **state)
{
	static const enum op ops[] = {OP_EXPIRE, OP_BOUNCE, OP_REQUEUE};

	(void)state;
	for (int i = 0; i < 3; i++)
		each_there_and_back(ops[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_expire, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_owner_and_mode, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_dry_run, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_longest_timeout, NULL, teardown),
	    cmocka_unit_test_setup_teardown(test_too_young, NULL, teardown),
	    cmocka_unit_test_setup_teardown(test_silent, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_bounce, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_bounce_replaces_a_deadline, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_bounce_by_age, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_bounce_of_a_new_one, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_bounce_takes_no_reason, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_requeue, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_requeue_forgets_the_warning, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_requeue_takes_a_bounce_back, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_damaged, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_each, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
