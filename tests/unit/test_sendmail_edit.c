/* Edits of control files: bytes that no edit names stay, and edits are taken back. */
#include "unit/cmocka_all.h"

#include "../../backends/sendmail/edit.h"

static struct arena arena;

static int reset(void **state)
{
	(void)state;
	arena_reset(&arena);
	return 0;
}

static void assert_slice(struct slice got, struct slice want)
{
	if (!slice_eq(got, want))
		fail_msg("got '%.*s', wanted '%.*s'", SLICE_ARG(got), SLICE_ARG(want));
}

static struct slice applied(const struct qf_edits *e)
{
	struct slice out = SLICE_NONE;

	assert_int_equal(qf_edits_apply(e, &out, NULL), 0);
	return out;
}

static void test_editable(void **state)
{
	static const struct {
		struct slice text;
		bool want;
	} rows[] = {
	    {SLICE("V8\nSa\n.\n"), true},
	    {SLICE("V8\nSa\n"), false},
	    {SLICE("V8\nSa\n."), false},
	    {SLICE("V8\nSa\n.\n\n"), false},
	    {SLICE("V8\n.\nSa\n.\n"), false},
	    {SLICE("V8\nSa\n.\r\n"), false},
	    {SLICE("V8\nSa\n.x\n"), false},
	    {SLICE(""), false},
	    {SLICE(".\n"), true},
	    {SLICE("H??a: b\n\t.\n.\n"), true},
	    {SLICE("V8\nSa\n.\n more\n"), false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		assert_int_equal(qf_editable(rows[i].text), rows[i].want);
}

static void test_lines(void **state)
{
	struct slice text = SLICE("V8\nT1\n 2\n\t3\nK4\r\nR");
	static const struct slice want[] = {SLICE("V8\n"), SLICE("T1\n 2\n\t3\n"), SLICE("K4\r\n"),
					    SLICE("R")};
	struct qf_line l;
	size_t at = 0, n = 0;

	(void)state;
	while (qf_next_line(text, &at, &l))
		assert_slice(l.bytes, want[n++]);
	assert_int_equal(n, 4);
	assert_true(qf_find_line(text, 'T', &l));
	assert_slice(qf_line_value(&l), SLICE("1"));
	assert_true(qf_find_line(text, 'K', &l));
	assert_slice(qf_line_value(&l), SLICE("4"));
	assert_false(qf_find_line(text, 'Z', &l));
	/* the last one counts, and none behind the end */
	assert_true(qf_find_line(SLICE("T1\nT2\n.\nT3\n"), 'T', &l));
	assert_slice(qf_line_value(&l), SLICE("2"));
}

/* VALUE none: the line goes. */
static void test_set(void **state)
{
	static const struct {
		struct slice text;
		char code;
		struct slice value, want;
	} rows[] = {
	    {SLICE("V8\nT1\nK2\nSa\n.\n"), 'T', SLICE("9"), SLICE("V8\nT9\nK2\nSa\n.\n")},
	    {SLICE("V8\nT1\n 2\nK2\nSa\n.\n"), 'T', SLICE("9"), SLICE("V8\nT9\nK2\nSa\n.\n")},
	    {SLICE("V8\nT1\nT2\nSa\n.\n"), 'T', SLICE("9"), SLICE("V8\nT1\nT9\nSa\n.\n")},
	    {SLICE("V8\nK2\nSa\n.\n"), 'T', SLICE("9"), SLICE("V8\nT9\nK2\nSa\n.\n")},
	    {SLICE("V8\nT1\nN2\nP3\nSa\n.\n"), 'K', SLICE("0"),
	     SLICE("V8\nT1\nK0\nN2\nP3\nSa\n.\n")},
	    {SLICE("Sa\nR:b\n.\n"), 'T', SLICE("9"), SLICE("T9\nSa\nR:b\n.\n")},
	    /* after S, Z and A; an M there is a recipient's */
	    {SLICE("V8\nSa\nM1\nR:b\n.\n"), '!', SLICE("x"), SLICE("V8\nSa\n!x\nM1\nR:b\n.\n")},
	    {SLICE("V8\nSa\nZz\nAa\nR:b\nH??T: 1\n.\n"), '!', SLICE("x"),
	     SLICE("V8\nSa\nZz\nAa\n!x\nR:b\nH??T: 1\n.\n")},
	    /* the reason stands directly before the sender */
	    {SLICE("V8\nT1\nFs\n$_x\nSa\nR:b\n.\n"), 'q', SLICE("why"),
	     SLICE("V8\nT1\nFs\n$_x\nqwhy\nSa\nR:b\n.\n")},
	    {SLICE("V8\nqold\nFs\nSa\nR:b\n.\n"), 'q', SLICE("why"),
	     SLICE("V8\nqwhy\nFs\nSa\nR:b\n.\n")},
	    {SLICE("V8\nqold\nFs\nSa\n.\n"), 'q', SLICE_NONE, SLICE("V8\nFs\nSa\n.\n")},
	    {SLICE("V8\nSa\n.\n"), 'q', SLICE_NONE, SLICE("V8\nSa\n.\n")},
	    /* all of them, or the one before would count */
	    {SLICE("V8\nqold\nFs\nqnew\nSa\n.\nqx\n"), 'q', SLICE_NONE,
	     SLICE("V8\nFs\nSa\n.\nqx\n")},
	    /* what looks like a line but is a header's, or behind the end, is none */
	    {SLICE("V8\nT1\nSa\nH??X: a\n\tT5\n.\n"), 'T', SLICE("9"),
	     SLICE("V8\nT9\nSa\nH??X: a\n\tT5\n.\n")},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct qf_edits e;

		qf_edits_init(&e, &arena, rows[i].text);
		if (rows[i].value.p)
			assert_int_equal(qf_set(&e, rows[i].code, rows[i].value, NULL), 0);
		else
			assert_int_equal(qf_unset(&e, rows[i].code, NULL), 0);
		assert_slice(applied(&e), rows[i].want);
	}
}

static void test_nothing_to_do(void **state)
{
	struct qf_edits e;

	(void)state;
	qf_edits_init(&e, &arena, SLICE("V8\nT-5\nSa\n.\n"));
	assert_int_equal(qf_set_number(&e, 'T', -5, NULL), 0);
	assert_int_equal(e.count, 0);
}

static void test_bytes_stay(void **state)
{
	struct slice text =
	    SLICE("V8\nT1\nM\x1b[2J\xff\xfe bell\a\nS\0a\nH??X:\r\n\t\0\xff\x81\n.\n");
	struct qf_edits e;

	(void)state;
	qf_edits_init(&e, &arena, text);
	assert_int_equal(qf_set(&e, '!', SLICE("\x02 1"), NULL), 0);
	assert_int_equal(qf_set(&e, 'T', SLICE("22"), NULL), 0);
	assert_slice(
	    applied(&e),
	    SLICE("V8\nT22\nM\x1b[2J\xff\xfe bell\a\nS\0a\n!\x02 1\nH??X:\r\n\t\0\xff\x81\n.\n"));
}

/* ---- taking back ---- */

static json_t *round_trip(const struct qf_edits *e)
{
	json_t *made = qf_edits_json(e), *back;
	char *text;

	assert_non_null(made);
	text = json_dumps(made, JSON_COMPACT);
	back = json_loads(text, 0, NULL);
	free(text);
	json_decref(made);
	assert_non_null(back);
	return back;
}

static struct slice undone(const json_t *change, struct slice text, size_t *left)
{
	struct qf_edits e;

	qf_edits_init(&e, &arena, text);
	assert_int_equal(qf_edits_undo(change, &e, left, NULL), 0);
	return applied(&e);
}

static const char with_all[] =
    "V8\nT1\nK2\nN3\nP4\nMold\nFw8\n$_\xff\nSa\n!\x01 60\nM1\nC:c\nQq\nRPFD:b\nRPFD:d\nH??X: "
    "y\n.\n";

static void edit_much(struct qf_edits *e, struct slice text)
{
	struct qf_line l;

	qf_edits_init(e, &arena, text);
	assert_int_equal(qf_set(e, 'T', SLICE("1000"), NULL), 0);
	assert_int_equal(qf_set(e, 'K', SLICE("0"), NULL), 0);
	assert_int_equal(qf_set(e, 'F', SLICE("8"), NULL), 0);
	assert_int_equal(qf_set(e, 'q', SLICE("b\xc3"), NULL), 0);
	assert_int_equal(qf_unset(e, '!', NULL), 0);
	for (const char *code = "QR"; *code; code++) {
		size_t at = 0;

		while (qf_next_line(text, &at, &l) && l.code != *code)
			;
		assert_int_equal(qf_edits_add(e, l.at, l.bytes.n, SLICE(""), NULL), 0);
		for (size_t i = 0; i < e->count; i++)
			if (e->list[i].at == l.at)
				e->list[i].control = SLICE("C:c\n");
	}
}

static void test_undo_whole(void **state)
{
	struct slice text = slice_of(with_all, sizeof with_all - 1);
	struct qf_edits e;
	size_t left = 7;
	json_t *change;

	(void)state;
	edit_much(&e, text);
	assert_slice(applied(&e),
		     SLICE("V8\nT1000\nK0\nN3\nP4\nMold\nF8\n$_\xff\nqb\xc3\nSa\nM1\nC:c\n"
			   "RPFD:d\nH??X: y\n.\n"));
	change = round_trip(&e);
	assert_slice(undone(change, applied(&e), &left), text);
	assert_int_equal(left, 0);
	json_decref(change);
}

/* sendmail tried it meanwhile: N, K, P and M are its own, the rest is still ours. */
static void test_undo_lines(void **state)
{
	struct slice text = slice_of(with_all, sizeof with_all - 1);
	struct slice tried =
	    SLICE("V8\nT1000\nK77777\nN4\nP5\nMDeferred: new\nF8\n$_\xff\nqb\xc3\nSa\n"
		  "C:c\nM2\nRPFD:d\nC\nRPFD:e\nH??X: y\n.\n");
	struct qf_edits e;
	json_t *change;
	size_t left;

	(void)state;
	edit_much(&e, text);
	change = round_trip(&e);
	assert_slice(undone(change, tried, &left),
		     SLICE("V8\nT1\nK77777\nN4\nP5\nMDeferred: new\nFw8\n$_\xff\nSa\n!\x01 60\n"
			   "C:c\nM2\nRPFD:d\nC\nRPFD:e\nC:c\nQq\nRPFD:b\nH??X: y\n.\n"));
	/* K is not what we made of it, but who would expect that */
	assert_int_equal(left, 0);
	json_decref(change);
}

/* What is put in where something goes stands before it, in whatever order they were asked for. */
static void test_undo_at_one_place(void **state)
{
	struct slice text = SLICE("V8\nqwhy\nqagain\nSa\n.\n");
	struct qf_edits e;
	json_t *change;
	size_t left;

	(void)state;
	for (int i = 0; i < 2; i++) {
		qf_edits_init(&e, &arena, text);
		if (i)
			assert_int_equal(qf_set(&e, 'T', SLICE("9"), NULL), 0);
		assert_int_equal(qf_unset(&e, 'q', NULL), 0);
		if (!i)
			assert_int_equal(qf_set(&e, 'T', SLICE("9"), NULL), 0);
		assert_int_equal(qf_set(&e, 'K', SLICE("0"), NULL), 0);
		assert_slice(applied(&e), SLICE("V8\nT9\nK0\nSa\n.\n"));
		change = round_trip(&e);
		assert_slice(undone(change, applied(&e), &left), text);
		assert_int_equal(left, 0);
		json_decref(change);
	}
}

static void test_undo_when_it_is_back(void **state)
{
	struct slice text = slice_of(with_all, sizeof with_all - 1), left_text;
	struct qf_edits e;
	json_t *change;
	size_t left;

	(void)state;
	edit_much(&e, text);
	change = round_trip(&e);
	left_text = undone(change, SLICE("V8\nT5\nFw\nSa\n!x\nRPFD:b\n.\n"), &left);
	assert_slice(left_text, SLICE("V8\nT5\nFw\nSa\n!x\nRPFD:b\n.\n"));
	assert_int_equal(left, 3); /* T, q and ! */
	json_decref(change);
}

static void test_bad_records(void **state)
{
	static const char *const rows[] = {
	    "{\"edits\": [{\"at\": -1, \"old\": \"\", \"new\": \"\"}]}",
	    "{\"edits\": [{\"at\": 1, \"old\": \"\"}]}",
	    "{\"edits\": [{\"at\": \"1\", \"old\": \"\", \"new\": \"\"}]}",
	    "{\"edits\": [{\"at\": 1, \"old\": {\"hex\": \"abc\"}, \"new\": \"\"}]}",
	    ("{\"edits\": [{\"at\": 5, \"old\": \"x\", \"new\": \"\"}, {\"at\": 3, \"old\": \"\", "
	     "\"new\": \"\"}]}"),
	    "{\"edits\": [1]}",
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		json_t *change = json_loads(rows[i], 0, NULL);
		struct error err = ERROR_INIT;
		struct qf_edits e;
		size_t left;

		assert_non_null(change);
		qf_edits_init(&e, &arena, SLICE("V8\nSa\n.\n"));
		assert_int_equal(qf_edits_undo(change, &e, &left, &err), -1);
		assert_int_equal(err.code, ERROR_CORRUPT);
		json_decref(change);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(test_editable, reset),
	    cmocka_unit_test_setup(test_lines, reset),
	    cmocka_unit_test_setup(test_set, reset),
	    cmocka_unit_test_setup(test_nothing_to_do, reset),
	    cmocka_unit_test_setup(test_bytes_stay, reset),
	    cmocka_unit_test_setup(test_undo_whole, reset),
	    cmocka_unit_test_setup(test_undo_lines, reset),
	    cmocka_unit_test_setup(test_undo_at_one_place, reset),
	    cmocka_unit_test_setup(test_undo_when_it_is_back, reset),
	    cmocka_unit_test_setup(test_bad_records, reset),
	};
	int failed;

	arena_init(&arena, 0);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	arena_free(&arena);
	return failed;
}
