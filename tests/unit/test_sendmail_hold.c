/* hold, release and drop on recorded queues, and their undo. */
#include "unit/sendmail_box.h"

#include <inttypes.h>

#define ID   "60F400Mk016350"
#define QF   "mqueue/qf" ID
#define HF   "mqueue/hf" ID
#define HELD "60E000pJ017504" /* of the queue "quarantined" */

static struct box box;

static int setup(void **state)
{
	(void)state;
	box_open(&box, "flat", NULL);
	box_snapshot(&box);
	return 0;
}

static int setup_held(void **state)
{
	(void)state;
	box_open(&box, "quarantined", NULL);
	box_snapshot(&box);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	box_close(&box);
	return 0;
}

static void sed(const char *name, const char *script)
{
	box_run((const char *const[]){"sed", "-i", script,
				      arena_printf(&box.arena, "%s/%s", box.path, name).p, NULL});
	box_snapshot(&box);
}

/* What box_act did, taken back. */
static int undo(const char *id)
{
	json_t *changes = json_deep_copy(box.changes);
	struct plan_item item;
	struct held h = {.item = &item, .undo = changes};
	int r;

	assert_int_equal(box_begin(&box, OP_UNDO), 0);
	box_find(&box, id, &item);
	r = box_act_on(&box, &h);
	box_end(&box);
	json_decref(changes);
	return r;
}

static void assert_back(const char *id)
{
	assert_int_equal(undo(id), 1);
	box_assert_diff(&box, "");
	assert_string_equal(box.notes, "");
}

static size_t count_lines(const char *name, char code)
{
	struct slice text = box_text(&box, name);
	struct qf_line l;
	size_t at = 0, n = 0;

	while (qf_next_line(text, &at, &l))
		n += l.code == code;
	return n;
}

/* ---- hold ---- */

static void test_hold(void **state)
{
	struct slice was = box_text(&box, QF), is, sender;

	(void)state;
	box.args.reason = "looks like \xc3\xbcspam";
	assert_int_equal(box_do(&box, OP_HOLD, ID), 1);
	box_assert_diff(&box, " +" HF " -" QF);
	is = box_text(&box, HF);
	/* one line more, directly before the sender: as sendmail -Q does it */
	sender = slice_of("S", 1);
	assert_int_equal(is.n, was.n + strlen("qlooks like \xc3\xbcspam\n"));
	assert_true(slice_find(is, SLICE("\nqlooks like \xc3\xbcspam\nS")) != SIZE_MAX);
	assert_true(slice_starts(is, slice_take(was, slice_find(was, sender))));
	assert_back(ID);
}

static void test_hold_needs_a_reason_of_text(void **state)
{
	(void)state;
	box.args.reason = "";
	assert_int_equal(box_do(&box, OP_HOLD, ID), -1);
	assert_int_equal(box.err.code, ERROR_USAGE);
	box.args.reason = "two\nlines";
	assert_int_equal(box_do(&box, OP_HOLD, ID), -1);
	assert_int_equal(box.err.code, ERROR_USAGE);
	box.args.reason = NULL;
	assert_int_equal(box_do(&box, OP_HOLD, ID), 1);
	assert_string_equal(box_line(&box, HF, 'q'), "held by mtaq");
}

/* Cut off after the first of its two renames. */
static void test_hold_goes_on(void **state)
{
	(void)state;
	sed(QF, "s/^S/qheld by mtaq\\n&/");
	assert_int_equal(box_do(&box, OP_HOLD, ID), 1);
	box_assert_diff(&box, " +" HF " -" QF);
	assert_int_equal(count_lines(HF, 'q'), 1);
}

/* sendmail -Q was cut off between making the hf and removing the qf. */
static void test_hold_of_a_half_held_one(void **state)
{
	struct slice text = box_text(&box, QF);

	(void)state;
	box_write(&box, HF, text);
	sed(HF, "s/^S/qby sendmail\\n&/;s/^K.*/K5/;s/^N.*/N7/");
	box.action.dry_run = true;
	assert_int_equal(box_do(&box, OP_HOLD, &QF[7]), 1);
	box_assert_diff(&box, "");
	box.action.dry_run = false;
	assert_int_equal(box_do(&box, OP_HOLD, &QF[7]), 1);
	box_assert_diff(&box, " -" QF);
	/* and the other way round */
	box_write(&box, QF, text);
	box_snapshot(&box);
	assert_int_equal(box_do(&box, OP_RELEASE, &HF[7]), 1);
	box_assert_diff(&box, " -" HF);
}

static void test_two_messages_of_one_id(void **state)
{
	struct slice text = box_text(&box, QF);

	(void)state;
	box_write(&box, HF, text);
	sed(HF, "s/^RPFD:.*/RPFD:<other@example.net>/");
	assert_int_equal(box_do(&box, OP_HOLD, &QF[7]), -1);
	assert_int_equal(box.err.code, ERROR_DENIED);
	assert_int_equal(box_do(&box, OP_RELEASE, &HF[7]), -1);
	assert_int_equal(box.err.code, ERROR_DENIED);
	box_assert_diff(&box, "");
}

/* ---- release ---- */

static void test_release(void **state)
{
	struct slice was = box_text(&box, "mqueue/hf" HELD), is;
	size_t reason = slice_find(was, SLICE("\nq")) + 1;

	(void)state;
	assert_int_equal(box_do(&box, OP_RELEASE, HELD), 1);
	box_assert_diff(&box, " -mqueue/hf" HELD " +mqueue/qf" HELD);
	is = box_text(&box, "mqueue/qf" HELD);
	assert_true(slice_starts(is, slice_take(was, reason)));
	assert_true(slice_starts(slice_skip(is, reason), SLICE("S")));
	assert_string_equal(box.notes, "");
	assert_back(HELD);
}

/* Cut off after the first of its two renames: held, without a reason. */
static void test_release_goes_on(void **state)
{
	(void)state;
	sed("mqueue/hf" HELD, "/^q/d");
	assert_int_equal(box_do(&box, OP_RELEASE, HELD), 1);
	box_assert_diff(&box, " -mqueue/hf" HELD " +mqueue/qf" HELD);
	assert_back(HELD);
}

static void test_release_of_an_old_one(void **state)
{
	(void)state;
	sed("mqueue/hf" HELD, "s/^T.*/T1767000000/;s/^F.*/Fws/");
	assert_int_equal(box_do(&box, OP_RELEASE, HELD), 1);
	assert_non_null(strstr(box.notes, "1 of them are past their return timeout"));
	assert_back(HELD);
	box.args.renew = true;
	assert_int_equal(box_do(&box, OP_RELEASE, HELD), 1);
	assert_string_equal(box.notes, "");
	assert_string_equal(box_line(&box, "mqueue/qf" HELD, 'T'), "1768478400");
	assert_string_equal(box_line(&box, "mqueue/qf" HELD, 'F'), "s");
	assert_back(HELD);
}

/* Neither a T line to renew nor anything between the first line and the reasons. */
static void test_release_of_a_bare_one(void **state)
{
	(void)state;
	sed("mqueue/hf" HELD, "/^[TKNPdDIBqMF$]/d;s/^S/qfirst\\nqsecond\\n&/");
	box.args.renew = true;
	assert_int_equal(box_do(&box, OP_RELEASE, HELD), 1);
	assert_int_equal(count_lines("mqueue/qf" HELD, 'q'), 0);
	assert_true(slice_starts(box_text(&box, "mqueue/qf" HELD), SLICE("V8\nT1768478400\n")));
	assert_string_equal(box_line(&box, "mqueue/qf" HELD, 'T'), "1768478400");
	assert_back(HELD);
}

static void test_release_with_two_reasons(void **state)
{
	(void)state;
	sed("mqueue/hf" HELD, "s/^K/qthe first\\n&/");
	assert_int_equal(count_lines("mqueue/hf" HELD, 'q'), 2);
	assert_int_equal(box_do(&box, OP_RELEASE, HELD), 1);
	assert_int_equal(count_lines("mqueue/qf" HELD, 'q'), 0);
	assert_back(HELD);
	/* line by line, too, when it was tried meanwhile */
	assert_int_equal(box_do(&box, OP_RELEASE, HELD), 1);
	box_run((const char *const[]){"sed", "-i", "s/^K.*/K1768478399/",
				      arena_printf(&box.arena, "%s/mqueue/qf" HELD, box.path).p,
				      NULL});
	assert_int_equal(undo(HELD), 1);
	assert_int_equal(count_lines("mqueue/hf" HELD, 'q'), 2);
}

static void test_release_without_data(void **state)
{
	char path[256];

	(void)state;
	snprintf(path, sizeof path, "%s/mqueue/df" HELD, box.path);
	assert_int_equal(unlink(path), 0);
	box_snapshot(&box);
	assert_int_equal(box_do(&box, OP_RELEASE, HELD), -1);
	assert_int_equal(box.err.code, ERROR_DENIED);
	box_assert_diff(&box, "");
}

/* Tried while it was held (sendmail -qQ): lines of the attempt stay, the reason comes back. */
static void test_undo_after_an_attempt(void **state)
{
	(void)state;
	assert_int_equal(box_do(&box, OP_RELEASE, HELD), 1);
	sed("mqueue/qf" HELD, "s/^K.*/K1768478399/;s/^N.*/N9/;s/^M.*/MDeferred: something else/");
	assert_int_equal(undo(HELD), 1);
	box_assert_diff(&box, " +mqueue/hf" HELD " -mqueue/qf" HELD);
	assert_string_equal(box_line(&box, "mqueue/hf" HELD, 'q'), "changed \xc3\xbc"
								   "ber");
	assert_string_equal(box_line(&box, "mqueue/hf" HELD, 'N'), "9");
}

static void test_undo_when_it_was_held_again(void **state)
{
	json_t *first;

	(void)state;
	assert_int_equal(box_do(&box, OP_RELEASE, HELD), 1);
	first = json_deep_copy(box.changes);
	box.args.reason = "other";
	assert_int_equal(box_do(&box, OP_HOLD, HELD), 1);
	json_decref(box.changes);
	box.changes = first;
	assert_int_equal(undo(HELD), 0);
	assert_non_null(strstr(box.notes, "changed again meanwhile"));
	assert_string_equal(box_line(&box, "mqueue/hf" HELD, 'q'), "other");
}

/* ---- drop ---- */

#define MANY "60F90094016259" /* recipients with answers of their own */
#define MQF  "mqueue/qf" MANY

static const char *recipient(const char *name, size_t n)
{
	struct slice text = box_text(&box, name);
	struct qf_line l;
	size_t at = 0;

	while (qf_next_line(text, &at, &l))
		if (l.code == 'R' && n-- == 0) {
			struct slice v = qf_line_value(&l);

			return arena_str(&box.arena, slice_skip(v, slice_chr(v, ':') + 1));
		}
	return NULL;
}

static void test_drop(void **state)
{
	size_t all = count_lines(MQF, 'R');

	(void)state;
	assert_true(all >= 4);
	for (size_t i = 0; i < all; i++) {
		size_t m = count_lines(MQF, 'M'), r = count_lines(MQF, 'r');

		box.args.recipient = recipient(MQF, i);
		assert_int_equal(box_do(&box, OP_DROP, MANY), 1);
		box_assert_diff(&box, " ~" MQF);
		assert_int_equal(count_lines(MQF, 'R'), all - 1);
		assert_true(count_lines(MQF, 'M') <= m && count_lines(MQF, 'M') + 1 >= m);
		assert_int_equal(count_lines(MQF, 'r') + 1, r);
		for (size_t k = 0; k + 1 < all; k++)
			assert_string_not_equal(recipient(MQF, k), box.args.recipient);
		assert_back(MANY);
	}
}

static void test_drop_all(void **state)
{
	(void)state;
	box.args.recipient = "@example.net";
	assert_int_equal(box_do(&box, OP_DROP, MANY), -1);
	assert_int_equal(box.err.code, ERROR_DENIED);
	assert_non_null(strstr(box.err.text, "delete"));
	box.args.recipient = "nobody@nowhere.example";
	assert_int_equal(box_do(&box, OP_DROP, MANY), -1);
	assert_int_equal(box.err.code, ERROR_UNSUPPORTED);
	box_assert_diff(&box, "");
}

static void test_drop_below_a_controlling_user(void **state)
{
	static const char text[] =
	    "V8\nT1768449600\nK1768453200\nN1\nP120096\nMDeferred\nFs\nSa@example.com\n"
	    "Cjoe:1:2:joe\nMnot now\nQrfc822;x\nrRFC822; x@example.net\nRPFD:x@example.net\n"
	    "RPFD:y@example.net\nC\nM4 5 6\nRPFD:<z@example.net>\nH??Subject: x\n.\n";
	struct slice tried;

	(void)state;
	box_write(&box, QF, slice_of(text, sizeof text - 1));
	box_snapshot(&box);
	box.args.recipient = "X@example.net";
	assert_int_equal(box_do(&box, OP_DROP, ID), 1);
	assert_non_null(strstr(box_text(&box, QF).p,
			       "\nSa@example.com\nCjoe:1:2:joe\nRPFD:y@example.net\nC\nM4 5 6\n"
			       "RPFD:<z@example.net>\nH"));
	/* an attempt, and y is delivered: x comes back below its own controlling user */
	tried = SLICE("V8\nT1768449600\nK1768455555\nN2\nP150096\nMDeferred\nFs\nSa@example.com\n"
		      "M4 5 6\nRPFD:<z@example.net>\nH??Subject: x\n.\n");
	box_write(&box, QF, tried);
	assert_int_equal(undo(ID), 1);
	assert_non_null(strstr(box_text(&box, QF).p,
			       "RPFD:<z@example.net>\nCjoe:1:2:joe\nMnot now\nQrfc822;x\n"
			       "rRFC822; x@example.net\nRPFD:x@example.net\nH"));
}

/* Somebody takes the new name in the last moment: he keeps it. */
static void test_hold_replaces_nobody(void **state)
{
	const struct op_row *row = &sendmail_actions.ops[OP_HOLD];
	struct plan_item item;
	struct held h = {.item = &item, .changes = json_array()};

	(void)state;
	assert_int_equal(box_begin(&box, OP_HOLD), 0);
	box_find(&box, ID, &item);
	arena_init(&h.arena, 0);
	box.loader.arena = &h.arena;
	assert_int_equal(sendmail_actions.take(&box.action, &h, &box.err), 0);
	assert_int_equal(row->prepare(&box.action, &h, &box.err), 1);
	assert_int_equal(sendmail_actions.sync(&box.action, &box.err), 0);
	box_write(&box, HF, SLICE("another's\n"));
	assert_int_equal(row->commit(&box.action, &h, &box.err), -1);
	sendmail_actions.let_go(&box.action, &h);
	box_end(&box);
	assert_true(slice_eq(box_text(&box, HF), SLICE("another's\n")));
	assert_non_null(box_text(&box, QF).p);
	json_decref(h.changes);
	arena_free(&h.arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_hold, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_hold_needs_a_reason_of_text, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_hold_goes_on, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_hold_of_a_half_held_one, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_two_messages_of_one_id, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_hold_replaces_nobody, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_release, setup_held, teardown),
	    cmocka_unit_test_setup_teardown(test_release_goes_on, setup_held, teardown),
	    cmocka_unit_test_setup_teardown(test_release_of_an_old_one, setup_held, teardown),
	    cmocka_unit_test_setup_teardown(test_release_of_a_bare_one, setup_held, teardown),
	    cmocka_unit_test_setup_teardown(test_release_with_two_reasons, setup_held, teardown),
	    cmocka_unit_test_setup_teardown(test_release_without_data, setup_held, teardown),
	    cmocka_unit_test_setup_teardown(test_undo_after_an_attempt, setup_held, teardown),
	    cmocka_unit_test_setup_teardown(test_undo_when_it_was_held_again, setup_held, teardown),
	    cmocka_unit_test_setup_teardown(test_drop, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_drop_all, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_drop_below_a_controlling_user, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
