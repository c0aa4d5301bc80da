/* drop and bounce on recorded queues, and taking them back. */
#include "unit/qmail_act.h"

enum { NOW = 1795174000 };

/* Of fixtures/qmail/basic.tar. */
enum {
	MIXED = 1148217, /* local T D, remote T T D */
	NOTED = 1147986, /* remote T D D T, and a note */
	VIRTUAL = 1147967,
	ONE = 1148240,
	DOUBLE = 1148224
};

static struct act on(struct box *b, enum op op)
{
	return (struct act){.box = b, .op = op, .now = NOW};
}

/* ---- drop ---- */

static void test_drop(void **state)
{
	struct box b;
	struct act t;
	int64_t plan;

	(void)state;
	box_open(&b, "basic.tar");
	t = on(&b, OP_DROP);
	t.args.recipient = "C@DOWN.example.org";
	plan = act_stat(&b, FILE_REMOTE, MIXED).st_mtime;
	assert_int_equal(act_on(&t, MIXED), ACT_DONE);
	assert_records(&b, FILE_REMOTE, MIXED,
		       "Th@busy.example.net|Dc@down.example.org|Di@example.com|");
	assert_records(&b, FILE_LOCAL, MIXED, "Tdefer@local.example.test|Dok@local.example.test|");
	/* the plan for the next attempt is kept */
	assert_int_equal(act_stat(&b, FILE_REMOTE, MIXED).st_mtime, plan);
	assert_int_equal(json_array_size(t.changes), 1);
	assert_int_equal(act_on(&t, MIXED), ACT_ALREADY);
	t.args.recipient = "nobody@else.example";
	assert_int_equal(act_on(&t, MIXED), ERROR_UNSUPPORTED);
	act_check_queue(&b);
	act_free(&t);
	box_close(&b);
}

static void test_drop_last(void **state)
{
	struct box b;
	struct act t;

	(void)state;
	box_open(&b, "basic.tar");
	t = on(&b, OP_DROP);
	t.args.recipient = "j@grey.example.net";
	assert_int_equal(act_on(&t, ONE), ERROR_DENIED);
	assert_non_null(strstr(t.err.text, "use delete"));
	assert_records(&b, FILE_REMOTE, ONE, "Tj@grey.example.net|");
	t.args.recipient = "@local.example.test";
	assert_int_equal(act_on(&t, MIXED), ACT_DONE);
	assert_records(&b, FILE_LOCAL, MIXED, "Ddefer@local.example.test|Dok@local.example.test|");
	act_free(&t);
	box_close(&b);
}

static void test_drop_undo(void **state)
{
	struct slice before, after;
	struct box b;
	struct act t;

	(void)state;
	box_open(&b, "basic.tar");
	before = act_tree(&b);
	t = on(&b, OP_DROP);
	t.args.recipient = "@grey.example.net";
	assert_int_equal(act_on(&t, 1147972), ACT_DONE);
	after = act_tree(&b);
	assert_false(slice_eq(before, after));
	assert_int_equal(act_undo(&t, 1147972), ACT_DONE);
	after = act_tree(&b);
	assert_true(slice_eq(before, after));
	/* and once more, both ways */
	assert_int_equal(act_undo(&t, 1147972), ACT_DONE);
	assert_int_equal(act_undo(&t, 1147972), ACT_DONE);
	after = act_tree(&b);
	assert_true(slice_eq(before, after));
	act_free(&t);
	box_close(&b);
}

/* To c@down.example.org. */
static void deliver_meanwhile(struct box *b)
{
	act_shell(b, "printf D | dd of=$(grep -l h@busy remote/*/*) conv=notrunc bs=1 seek=20 "
		     "2>/dev/null");
}

static void finish_channel(struct box *b)
{
	act_shell(b, "rm remote/11/1148217");
}

static void other_recipient(struct box *b)
{
	act_shell(b, "printf x | dd of=remote/11/1148217 conv=notrunc bs=1 seek=3 2>/dev/null");
}

/* A record that has another address by now is nobody's to mark. */
static void test_drop_other_record(void **state)
{
	struct box b;
	struct act t;

	(void)state;
	box_open(&b, "basic.tar");
	t = on(&b, OP_DROP);
	t.args.recipient = "h@busy.example.net";
	t.when = BEFORE_COMMIT;
	t.meanwhile = other_recipient;
	assert_int_equal(act_on(&t, MIXED), ERROR_STALE);
	assert_records(&b, FILE_REMOTE, MIXED,
		       "Th@xusy.example.net|Tc@down.example.org|Di@example.com|");
	act_free(&t);
	box_close(&b);
}

/* One that is delivered between the steps was not dropped by us: nothing is done, and the next try
 * sees that it is so already. */
static void test_drop_meanwhile(void **state)
{
	struct box b;
	struct act t;
	int fd;

	(void)state;
	box_open(&b, "basic.tar");
	fd = act_send_starts(&b);
	t = on(&b, OP_DROP);
	t.args.recipient = "c@down.example.org";
	t.when = BEFORE_COMMIT;
	t.meanwhile = deliver_meanwhile;
	assert_int_equal(act_on(&t, MIXED), ERROR_BUSY);
	assert_records(&b, FILE_REMOTE, MIXED,
		       "Th@busy.example.net|Dc@down.example.org|Di@example.com|");
	assert_int_equal(act_on(&t, MIXED), ACT_ALREADY);
	t.args.recipient = "defer@local.example.test";
	t.meanwhile = finish_channel;
	assert_int_equal(act_on(&t, MIXED), ACT_DONE);
	close(fd);
	act_free(&t);
	box_close(&b);
}

/* ---- drop in todo ---- */

static void test_drop_todo(void **state)
{
	struct slice before, after;
	struct box b;
	struct act t;
	int fd;

	(void)state;
	box_open(&b, "todo.tar");
	before = act_tree(&b);
	t = on(&b, OP_DROP);
	t.args.recipient = "nohost";
	fd = act_send_starts(&b);
	assert_int_equal(act_on(&t, 1148120), ERROR_UNSUPPORTED);
	close(fd);
	assert_int_equal(act_on(&t, 1148120), ACT_DONE);
	assert_records(&b, FILE_TODO, 1148120,
		       "u65534|p11585|Fod d\t@x.example|T\"q "
		       "l\"@grey.example.net|Tline\nbreak@grey.example.net|"
		       "Tu%grey.example.net@local.example.test|");
	assert_int_equal(act_stat(&b, FILE_TODO, 1148120).st_ino,
			 act_stat(&b, FILE_INTD, 1148120).st_ino);
	assert_int_equal(act_undo(&t, 1148120), ACT_DONE);
	after = act_tree(&b);
	assert_true(slice_eq(before, after));
	t.args.recipient = "@example.com";
	assert_int_equal(act_on(&t, 1148105), ACT_DONE);
	assert_records(&b, FILE_TODO, 1148105,
		       "u33|p11581|Fuwe@local.example.test|Tok@local.example.test|");
	t.args.recipient = "ok@local.example.test";
	assert_int_equal(act_on(&t, 1148105), ERROR_DENIED);
	act_free(&t);
	box_close(&b);
}

/* Two drops taken back in the order in which they were made, and each once more: everybody is there
 * again, once. */
static void test_drop_todo_undo(void **state)
{
	static const char *const who[2] = {"one@example.com", "ok@local.example.test"};
	json_t *changes[2];
	struct box b;
	struct act t;

	(void)state;
	box_open(&b, "todo.tar");
	act_shell(&b, "printf 'u33\\0p11581\\0Fuwe@local.example.test\\0Tone@example.com\\0"
		      "Tmore@example.com\\0Tok@local.example.test\\0' >todo/1148105");
	t = on(&b, OP_DROP);
	for (int i = 0; i < 2; i++) {
		t.args.recipient = who[i];
		assert_int_equal(act_on(&t, 1148105), ACT_DONE);
		changes[i] = json_deep_copy(t.changes);
	}
	for (int i = 0; i < 4; i++) {
		json_decref(t.changes);
		t.changes = json_deep_copy(changes[i / 2]);
		assert_int_equal(act_undo(&t, 1148105), i % 2 ? ACT_ALREADY : ACT_DONE);
	}
	assert_records(&b, FILE_TODO, 1148105,
		       "u33|p11581|Fuwe@local.example.test|Tone@example.com|Tmore@example.com|"
		       "Tok@local.example.test|");
	json_decref(changes[0]);
	json_decref(changes[1]);
	act_free(&t);
	box_close(&b);
}

/* Given up between the steps: nothing is left. */
static void test_given_up(void **state)
{
	static const struct {
		const char *file;
		enum op op;
		uint64_t n;
	} cases[] = {
	    {"todo.tar", OP_DROP, 1148120},  {"todo.tar", OP_BOUNCE, 1148120},
	    {"basic.tar", OP_DROP, MIXED},   {"basic.tar", OP_BOUNCE, MIXED},
	    {"basic.tar", OP_BOUNCE, NOTED},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct slice before, after;
		struct box b;
		struct act t;

		box_open(&b, cases[i].file);
		before = act_tree(&b);
		t = on(&b, cases[i].op);
		t.args.recipient = i == 0 ? "nohost" : "h@busy.example.net";
		t.when = NO_COMMIT;
		assert_int_equal(act_on(&t, cases[i].n), ERROR_BUG);
		after = act_tree(&b);
		assert_true(slice_eq(before, after));
		t.when = STEP_NONE;
		t.dry_run = true;
		assert_int_equal(act_on(&t, cases[i].n), ACT_DONE);
		assert_true(json_array_size(t.changes) > 0);
		after = act_tree(&b);
		assert_true(slice_eq(before, after));
		act_free(&t);
		box_close(&b);
	}
}

/* ---- bounce ---- */

static void test_bounce(void **state)
{
	struct slice before, after;
	struct box b;
	struct act t;
	struct stat note, info;

	(void)state;
	box_open(&b, "basic.tar");
	before = act_tree(&b);
	t = on(&b, OP_BOUNCE);
	t.args.reason = "out of\n\norder\x1b[2J";
	assert_int_equal(act_on(&t, MIXED), ACT_DONE);
	assert_records(&b, FILE_REMOTE, MIXED,
		       "Dh@busy.example.net|Dc@down.example.org|Di@example.com|");
	assert_records(&b, FILE_LOCAL, MIXED, "Ddefer@local.example.test|Dok@local.example.test|");
	assert_records(&b, FILE_BOUNCE, MIXED,
		       "<defer@local.example.test>:\nout of  order [2J\n\n"
		       "<h@busy.example.net>:\nout of  order [2J\n\n"
		       "<c@down.example.org>:\nout of  order [2J\n\n");
	note = act_stat(&b, FILE_BOUNCE, MIXED);
	info = act_stat(&b, FILE_INFO, MIXED);
	assert_int_equal(note.st_uid, info.st_uid);
	assert_int_equal(note.st_gid, info.st_gid);
	assert_int_equal(note.st_mode & 07777, 0600);
	act_check_queue(&b);
	/* nothing pending: it is another state now */
	assert_int_equal(act_undo(&t, MIXED), ACT_DONE);
	after = act_tree(&b);
	assert_true(slice_eq(before, after));
	act_free(&t);
	box_close(&b);
}

/* After what is there already; the prefix of a virtual domain is not shown. */
static void test_bounce_more(void **state)
{
	struct slice before, after;
	struct box b;
	struct act t;

	(void)state;
	box_open(&b, "basic.tar");
	before = note_of(&b, VIRTUAL);
	assert_true(before.n > 0);
	t = on(&b, OP_BOUNCE);
	assert_int_equal(act_on(&t, VIRTUAL), ACT_DONE);
	after = note_of(&b, VIRTUAL);
	assert_true(slice_starts(after, before));
	assert_true(slice_find(after, SLICE("\n\n<sales@virt.example.test>:\nThe postmaster ")) !=
		    SIZE_MAX);
	assert_true(slice_find(after, SLICE("\n\n<plain@virt.example.test>:\n")) != SIZE_MAX);
	assert_int_equal(act_undo(&t, VIRTUAL), ACT_DONE);
	after = note_of(&b, VIRTUAL);
	assert_true(slice_eq(before, after));
	assert_records(
	    &b, FILE_LOCAL, VIRTUAL,
	    "Talias-virt-sales@virt.example.test|Duser%grey.example.net@local.example.test|"
	    "Tdefer@mail.example.test|Talias-virt-plain@virt.example.test|");
	act_free(&t);
	box_close(&b);
}

/* Killed after the note, or after the first mark: the same again finishes, and tells nothing twice.
 */
static void test_bounce_again(void **state)
{
	struct slice whole, note;
	struct box b;
	struct act t;

	(void)state;
	box_open(&b, "basic.tar");
	t = on(&b, OP_BOUNCE);
	assert_int_equal(act_on(&t, MIXED), ACT_DONE);
	whole = note_of(&b, MIXED);
	act_shell(&b, "printf T | dd of=remote/11/1148217 conv=notrunc bs=1 seek=20 2>/dev/null");
	assert_int_equal(act_on(&t, MIXED), ACT_DONE);
	note = note_of(&b, MIXED);
	assert_true(slice_eq(whole, note));
	assert_int_equal(json_array_size(t.changes), 1);
	act_shell(&b, "printf T | dd of=local/11/1148217 conv=notrunc bs=1 2>/dev/null");
	/* a temporary of the one that was killed */
	act_shell(&b, "echo rest >bounce/.mtaq.1148217; rm bounce/1148217");
	assert_int_equal(act_on(&t, MIXED), ACT_DONE);
	assert_records(&b, FILE_BOUNCE, MIXED,
		       "<defer@local.example.test>:\nThe postmaster returned this message without "
		       "another attempt.\n\n");
	act_check_queue(&b);
	act_free(&t);
	box_close(&b);
}

static void test_bounce_silent(void **state)
{
	struct box b;
	struct act t;

	(void)state;
	box_open(&b, "basic.tar");
	t = on(&b, OP_BOUNCE);
	assert_int_equal(act_on(&t, DOUBLE), ERROR_UNSUPPORTED);
	assert_non_null(strstr(t.notes, "vanish"));
	act_free(&t);
	box_close(&b);
}

static void test_bounce_todo(void **state)
{
	struct stat info, todo;
	struct box b;
	struct act t;

	(void)state;
	box_open(&b, "todo.tar");
	todo = act_stat(&b, FILE_TODO, 1148120);
	t = on(&b, OP_BOUNCE);
	t.args.reason = "no";
	assert_int_equal(act_on(&t, 1148120), ACT_DONE);
	assert_false(act_exists(&b, FILE_TODO, 1148120));
	assert_false(act_exists(&b, FILE_INTD, 1148120));
	assert_records(&b, FILE_INFO, 1148120, "Fod d\t@x.example|");
	assert_records(&b, FILE_REMOTE, 1148120,
		       "D\"q l\"@grey.example.net|Dnohost|Dline\nbreak@grey.example.net|"
		       "Du%grey.example.net@local.example.test|");
	assert_true(slice_find(note_of(&b, 1148120),
			       SLICE("<line_break@grey.example.net>:\nno\n")) != SIZE_MAX);
	info = act_stat(&b, FILE_INFO, 1148120);
	assert_int_equal(info.st_mtime, todo.st_mtime);
	assert_int_equal(info.st_mode & 07777, 0600);
	assert_int_equal(act_undo(&t, 1148120), ERROR_UNSUPPORTED);
	/* preprocessing was interrupted: what it left means nothing */
	assert_int_equal(act_on(&t, 1148145), ACT_DONE);
	assert_records(&b, FILE_REMOTE, 1148145, "Ddefer@local.example.test|Dy@grey.example.net|");
	assert_false(act_exists(&b, FILE_LOCAL, 1148145));
	/* nobody to tell of */
	assert_int_equal(act_on(&t, 1148129), ERROR_UNSUPPORTED);
	act_free(&t);
	box_close(&b);
}

/* Recipients that cannot all be read are not marked. */
static void test_damaged(void **state)
{
	struct box b;
	struct act t;

	(void)state;
	box_open(&b, "basic.tar");
	act_shell(&b, "printf Qx >>remote/11/1148217");
	for (int i = 0; i < 2; i++) {
		t = on(&b, i ? OP_DROP : OP_BOUNCE);
		t.args.recipient = "h@busy.example.net";
		assert_int_equal(act_on(&t, MIXED), ERROR_CORRUPT);
		assert_false(act_exists(&b, FILE_BOUNCE, MIXED));
		act_free(&t);
	}
	box_close(&b);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_drop),
	    cmocka_unit_test(test_drop_last),
	    cmocka_unit_test(test_drop_undo),
	    cmocka_unit_test(test_drop_meanwhile),
	    cmocka_unit_test(test_drop_other_record),
	    cmocka_unit_test(test_drop_todo),
	    cmocka_unit_test(test_drop_todo_undo),
	    cmocka_unit_test(test_given_up),
	    cmocka_unit_test(test_bounce),
	    cmocka_unit_test(test_bounce_more),
	    cmocka_unit_test(test_bounce_again),
	    cmocka_unit_test(test_bounce_silent),
	    cmocka_unit_test(test_bounce_todo),
	    cmocka_unit_test(test_damaged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
