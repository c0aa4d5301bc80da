/*
 * bounce beside a running qmail-send, which may end the message or deliver it at any moment.
 * Between the note and the marks there is a place where it may do so (the linker's --wrap).
 */
#include "unit/qmail_act.h"

#include "../../backends/qmail/marks.h"

enum { NOW = 1795174000 };

/* Of fixtures/qmail/basic.tar. */
enum {
	MIXED = 1148217, /* local T D, remote T T D */
	NOTED = 1147986	 /* remote T D D T, and a note */
};

static void (*before_marks)(struct box *b);
static struct box *box_of_marks;

int __real_marks_set(struct action *a, struct held *h, const struct marks *m, struct error *err);
int __wrap_marks_set(struct action *a, struct held *h, const struct marks *m, struct error *err);

int __wrap_marks_set(struct action *a, struct held *h, const struct marks *m, struct error *err)
{
	if (before_marks)
		before_marks(box_of_marks);
	return __real_marks_set(a, h, m, err);
}

static struct act on(struct box *b, enum op op)
{
	return (struct act){.box = b, .op = op, .now = NOW};
}

/* To c@down.example.org. */
static void deliver_meanwhile(struct box *b)
{
	act_shell(b, "printf D | dd of=$(grep -l h@busy remote/*/*) conv=notrunc bs=1 seek=20 "
		     "2>/dev/null");
}

static void end_message(struct box *b)
{
	act_shell(b, "rm info/*/* remote/*/* local/*/* mess/*/*");
}

/* A note that is left behind would be sent to the sender of the next message of that number. */
static void test_bounce_live(void **state)
{
	struct box b;
	struct act t;
	uint64_t n;
	int fd;

	(void)state;
	box_open(&b, "basic.tar");
	fd = act_send_starts(&b);
	t = on(&b, OP_BOUNCE);
	/* its number can be given to another message at any time */
	assert_int_equal(act_on(&t, MIXED), ERROR_DENIED);
	assert_non_null(strstr(t.err.text, "qmail-send is stopped"));
	assert_false(act_exists(&b, FILE_BOUNCE, MIXED));
	n = act_own_number(&b, MIXED);
	t.when = BEFORE_COMMIT;
	t.meanwhile = end_message;
	assert_int_equal(act_on(&t, n), ERROR_GONE);
	assert_false(act_exists(&b, FILE_BOUNCE, n));
	close(fd);
	act_free(&t);
	box_close(&b);
}

/* qmail-send looked for a note before ours was there, and goes on with removing the message. */
static void end_after_look(struct box *b)
{
	act_shell(b, "[ -z \"$(ls bounce)\" ] || rm -f info/*/* remote/*/* local/*/* mess/*/*");
}

/* Such a note, of a bounce or of the undo of its undo, goes again. */
static void test_bounce_withdrawn(void **state)
{
	struct box b;
	struct act t;
	uint64_t n;
	int fd;

	(void)state;
	for (int i = 0; i < 2; i++) {
		box_open(&b, "basic.tar");
		act_shell(&b, "rm bounce/*");
		n = act_own_number(&b, MIXED);
		fd = act_send_starts(&b);
		t = on(&b, OP_BOUNCE);
		box_of_marks = &b;
		if (i == 1) {
			assert_int_equal(act_on(&t, n), ACT_DONE);
			assert_int_equal(act_undo(&t, n), ACT_DONE);
			assert_false(act_exists(&b, FILE_BOUNCE, n));
		}
		before_marks = end_after_look;
		assert_int_equal(i ? act_undo(&t, n) : act_on(&t, n), ERROR_GONE);
		before_marks = NULL;
		assert_int_equal(act_shell(&b, "ls -A bounce").n, 0);
		close(fd);
		act_free(&t);
		box_close(&b);
	}
}

/* The sender is not told that one failed who has it. When the note was prepared already nothing is
 * done; by the next try all is told of the others, and undo makes none but these pending. */
static void test_bounce_meanwhile(void **state)
{
	struct box b;
	struct act t;
	uint64_t n;
	int fd;

	(void)state;
	for (int i = 0; i < 2; i++) {
		box_open(&b, "basic.tar");
		n = act_own_number(&b, MIXED);
		fd = act_send_starts(&b);
		t = on(&b, OP_BOUNCE);
		t.when = i ? BEFORE_PREPARE : BEFORE_COMMIT;
		t.meanwhile = deliver_meanwhile;
		if (i == 0) {
			assert_int_equal(act_on(&t, n), ERROR_BUSY);
			assert_int_equal(act_shell(&b, "ls -A bounce/.m* 2>/dev/null || :").n, 0);
			assert_false(act_exists(&b, FILE_BOUNCE, n));
			assert_records(&b, FILE_REMOTE, n,
				       "Th@busy.example.net|Dc@down.example.org|Di@example.com|");
		}
		assert_int_equal(act_on(&t, n), ACT_DONE);
		assert_true(slice_find(note_of(&b, n), SLICE("<h@busy")) != SIZE_MAX);
		assert_true(slice_find(note_of(&b, n), SLICE("<c@down")) == SIZE_MAX);
		t.when = STEP_NONE;
		assert_int_equal(act_undo(&t, n), ACT_DONE);
		assert_records(&b, FILE_REMOTE, n,
			       "Th@busy.example.net|Dc@down.example.org|Di@example.com|");
		close(fd);
		act_free(&t);
		box_close(&b);
	}
}

static void append_meanwhile(struct box *b)
{
	act_shell(b, "for i in bounce/*; do printf '<x@y>:\\nno\\n\\n' >>$i; done");
}

/* Live undo erases only its own text, whatever came to the note meanwhile. */
static void test_bounce_live_undo(void **state)
{
	struct slice note;
	struct box b;
	struct act t;
	uint64_t n;
	int fd;

	(void)state;
	box_open(&b, "basic.tar");
	n = act_own_number(&b, NOTED);
	fd = act_send_starts(&b);
	t = on(&b, OP_BOUNCE);
	t.args.reason = "NO";
	t.when = BEFORE_COMMIT;
	t.meanwhile = append_meanwhile;
	assert_int_equal(act_on(&t, n), ACT_DONE);
	t.when = STEP_NONE;
	note = note_of(&b, n);
	assert_true(
	    slice_find(note, SLICE("<x@y>:\nno\n\n<anna@grey.example.net>:\nNO\n\n<dora@")) !=
	    SIZE_MAX);
	assert_int_equal(act_undo(&t, n), ACT_DONE);
	note = note_of(&b, n);
	assert_true(slice_find(note, SLICE("<x@y>:\nno\n\n\n\n\n\n")) != SIZE_MAX);
	assert_true(slice_find(note, SLICE("anna")) == SIZE_MAX);
	assert_records(&b, FILE_REMOTE, n,
		       "Tanna@grey.example.net|Dbob@example.com|Dcarl@nouser.example.org|"
		       "Tdora@full.example.net|");
	close(fd);
	act_free(&t);
	box_close(&b);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_bounce_live),
	    cmocka_unit_test(test_bounce_withdrawn),
	    cmocka_unit_test(test_bounce_meanwhile),
	    cmocka_unit_test(test_bounce_live_undo),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
