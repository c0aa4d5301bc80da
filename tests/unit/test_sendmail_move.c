/* move on recorded queues: where to, what is in the way, what fails and what was cut off. */
#include "unit/sendmail_other.h"

/* ---- move ---- */

static void check_move(void)
{
	struct slice control = box_text(&box, QF), data = box_text(&box, DF);

	assert_int_equal(box_do(&box, OP_MOVE, ID), 1);
	assert_false(box.finish_failed);
	box_assert_diff(&box, " -" DF " -" QF);
	assert_true(slice_eq(other_text("qf" ID), control));
	assert_true(slice_eq(other_text("df" ID), data));
	assert_int_equal(entries(other), 2);
	assert_string_equal(box.notes, "");
}

static void test_move(void **state)
{
	struct stat st;

	(void)state;
	check_move();
	assert_int_equal(stat(path_in(other, "df" ID), &st), 0);
	assert_int_equal(st.st_nlink, 1);
	assert_int_equal(st.st_mode & 07777, 0640);
}

static void test_move_across(void **state)
{
	struct stat before, after;

	(void)state;
	assert_int_equal(stat(path_in(box.path, DF), &before), 0);
	check_move();
	assert_int_equal(stat(path_in(other, "df" ID), &after), 0);
	assert_int_equal(after.st_mode, before.st_mode);
	assert_int_equal(after.st_gid, before.st_gid);
	assert_int_equal(after.st_mtime, before.st_mtime);
}

/* Into qf/ and df/, where there are such; and DIR/df means DIR. */
static void test_move_to_a_split_directory(void **state)
{
	(void)state;
	assert_int_equal(mkdir(path_in(other, "qf"), 0700), 0);
	assert_int_equal(mkdir(path_in(other, "df"), 0700), 0);
	box.args.target = path_in(other, "df");
	assert_int_equal(box_do(&box, OP_MOVE, ID), 1);
	assert_non_null(other_text("qf/qf" ID).p);
	assert_non_null(other_text("df/df" ID).p);
}

static void test_move_dry_run(void **state)
{
	(void)state;
	box.action.dry_run = true;
	assert_int_equal(box_do(&box, OP_MOVE, ID), 1);
	box_assert_diff(&box, "");
	assert_int_equal(entries(other), 0);
}

/* Whatever of the same id is there, under whatever name, nothing is touched. */
static void test_move_collisions(void **state)
{
	static const char *const names[] = {"qf" ID, "hf" ID, "Qf" ID, "tf" ID, "df" ID};

	(void)state;
	for (int i = 0; i < 5; i++) {
		write_at(path_in(other, names[i]), SLICE("somebody else's\n"));
		for (int dry = 0; dry < 2; dry++) {
			box.action.dry_run = dry;
			assert_int_equal(box_do(&box, OP_MOVE, ID), -1);
			assert_int_equal(box.err.code, ERROR_DENIED);
			assert_non_null(strstr(box.err.text, names[i]));
		}
		box_assert_diff(&box, "");
		assert_int_equal(entries(other), 1);
		assert_int_equal(unlink(path_in(other, names[i])), 0);
	}
	box.action.dry_run = false;
}

/* Cut off after the data file had its second name. */
static void test_move_goes_on(void **state)
{
	(void)state;
	assert_int_equal(link(path_in(box.path, DF), path_in(other, "df" ID)), 0);
	check_move();
}

static void refuse(const char *target, enum error_code code, const char *why)
{
	box.args.target = target;
	assert_int_equal(box_begin(&box, OP_MOVE), -1);
	assert_int_equal(box.err.code, code);
	if (!strstr(box.err.text, why))
		fail_msg("'%s' does not say '%s'", box.err.text, why);
	box_assert_diff(&box, "");
}

static void test_move_targets(void **state)
{
	(void)state;
	refuse("/nowhere/at/all", ERROR_NOQUEUE, "no such directory");
	write_at(path_in(other, "readme.txt"), SLICE("x"));
	refuse(other, ERROR_USAGE, "is no queue directory");
	refuse(path_in(other, "readme.txt"), ERROR_GONE, "readme.txt");
	assert_int_equal(mkdir(path_in(box.dir, "removed"), 0700), 0);
	box_snapshot(&box);
	refuse(path_in(box.dir, "removed"), ERROR_USAGE, "inside the queue directory");
	/* through a link too */
	assert_int_equal(symlink(path_in(box.dir, "removed"), path_in(other, "link")), 0);
	refuse(path_in(other, "link"), ERROR_USAGE, "inside the queue directory");
	/* a directory above queues */
	assert_int_equal(unlink(path_in(other, "link")), 0);
	assert_int_equal(unlink(path_in(other, "readme.txt")), 0);
	assert_int_equal(mkdir(path_in(other, "q1"), 0700), 0);
	write_at(path_in(other, "q1/qf60F400Mk016351"), SLICE("V8\n"));
	refuse(other, ERROR_USAGE, "name one of them");
}

static void test_move_to_itself(void **state)
{
	(void)state;
	box.args.target = box.dir;
	assert_int_equal(box_do(&box, OP_MOVE, ID), 0);
	box_assert_diff(&box, "");
}

static void test_move_without_data(void **state)
{
	(void)state;
	assert_int_equal(unlink(path_in(box.path, DF)), 0);
	box_snapshot(&box);
	assert_int_equal(box_do(&box, OP_MOVE, ID), -1);
	assert_int_equal(box.err.code, ERROR_DENIED);
	box_assert_diff(&box, "");
}

/* ---- queue groups ---- */

/* The first message whose control file has (or has not) a d line: its id, and its directory. */
static const char *with_data_line(bool wanted, const struct sendmail_unit **unit)
{
	struct scan *s = backend_sendmail.scan_begin(box.queue, NULL);
	struct message_entry e;
	const char *id = NULL;

	while (!id && backend_sendmail.scan_next(s, &box.arena, &e, NULL) > 0) {
		struct qf_line l;

		*unit = sendmail_unit(e.unit);
		if (qf_find_line(text_at(path_in((*unit)->qf.p, e.name.p)), 'd', &l) == wanted)
			id = arena_str(&box.arena, slice_skip(e.name, 2));
	}
	backend_sendmail.scan_end(s);
	assert_non_null(id);
	return id;
}

static const struct sendmail_unit *another_unit(const struct sendmail_unit *but)
{
	const struct layout *l = &sendmail_queue(box.queue)->layout;

	for (size_t i = 0; i < l->count; i++)
		if (sendmail_unit(l->units[i]) != but &&
		    strcmp(sendmail_unit(l->units[i])->group, but->group) != 0)
			return sendmail_unit(l->units[i]);
	fail();
	return NULL;
}

static void test_move_to_another_group(void **state)
{
	const struct sendmail_unit *from, *to;
	const char *id = with_data_line(false, &from);

	(void)state;
	to = another_unit(from);
	box.args.target = to->dir.p;
	assert_int_equal(box_do(&box, OP_MOVE, id), 1);
	assert_non_null(strstr(box.notes, "1 went to another queue group"));
	assert_non_null(text_at(path_in(to->qf.p, arena_printf(&box.arena, "qf%s", id).p)).p);
	assert_non_null(text_at(path_in(to->df.p, arena_printf(&box.arena, "df%s", id).p)).p);
	assert_null(text_at(path_in(from->df.p, arena_printf(&box.arena, "df%s", id).p)).p);
}

/* Inside the queue a d line stays true, and the data where it is. */
static void test_move_with_a_data_line(void **state)
{
	const struct sendmail_unit *from, *to;
	const char *id = with_data_line(true, &from), *qf, *df;
	struct slice control, data;
	struct qf_line l;

	(void)state;
	qf = arena_printf(&box.arena, "qf%s", id).p;
	df = arena_printf(&box.arena, "df%s", id).p;
	control = text_at(path_in(from->qf.p, qf));
	to = another_unit(from);
	box.args.target = to->dir.p;
	assert_int_equal(box_do(&box, OP_MOVE, id), 1);
	assert_true(slice_eq(text_at(path_in(to->qf.p, qf)), control));
	assert_null(text_at(path_in(from->qf.p, qf)).p);
	/* elsewhere it would not be understood: the data goes along, the line does not */
	assert_true(qf_find_line(control, 'd', &l));
	data = text_at(
	    path_in(layout_find(&sendmail_queue(box.queue)->layout, qf_line_value(&l))->df.p, df));
	assert_non_null(data.p);
	box.args.target = other;
	assert_int_equal(box_do(&box, OP_MOVE, id), 1);
	assert_true(slice_eq(other_text(df), data));
	assert_false(qf_find_line(other_text(qf), 'd', &l));
	assert_int_equal(other_text(qf).n, control.n - strlen("dslow\n"));
	assert_int_equal(entries(other), 2);
}

/* A name that a wildcard of the configuration finds. */
static void test_move_to_what_a_wildcard_matches(void **state)
{
	(void)state;
	assert_int_equal(mkdir(path_in(box.dir, "qmain-parked"), 0700), 0);
	box_snapshot(&box);
	refuse(path_in(box.dir, "qmain-parked"), ERROR_USAGE, "configuration looks for");
	assert_int_equal(mkdir(path_in(box.dir, "parked"), 0700), 0);
	box.args.target = path_in(box.dir, "parked");
	assert_int_equal(box_begin(&box, OP_MOVE), 0);
	box_end(&box);
}

/* ---- directories that share their data files ---- */

#define SHARED "60EH00tW017323"

static int setup_shared(void **state)
{
	(void)state;
	box_open_shared(&box);
	box_snapshot(&box);
	make_other(NULL);
	return 0;
}

static void test_move_beside_shared_data(void **state)
{
	(void)state;
	box.args.target = path_in(box.dir, "q2");
	assert_int_equal(box_do(&box, OP_MOVE, SHARED), 1);
	assert_false(box.finish_failed);
	box_assert_diff(&box, " -mqueue/q1/qf/qf" SHARED " +mqueue/q2/qf/qf" SHARED);
	box.args.target = path_in(box.dir, "q1");
	assert_int_equal(box_do(&box, OP_MOVE, SHARED), 1);
	box_assert_diff(&box, "");
	/* two messages of one id there have one data file: it goes with the last */
	box_write(&box, "mqueue/q2/qf/hf" SHARED, box_text(&box, "mqueue/q1/qf/qf" SHARED));
	box_snapshot(&box);
	box.args.target = other;
	assert_int_equal(box_do(&box, OP_MOVE, "qf" SHARED), 1);
	box_assert_diff(&box, " -mqueue/q1/qf/qf" SHARED);
}

/* ---- step by step ---- */

static struct plan_item item_now;
static struct held held_now;

/* Taken, prepared and synced: all but the commit. */
static void prepare_move(const char *id)
{
	struct error err = ERROR_INIT;

	box_find(&box, id, &item_now);
	held_now = (struct held){.item = &item_now, .changes = json_array()};
	assert_int_equal(box_begin(&box, OP_MOVE), 0);
	arena_init(&held_now.arena, LIMIT_MESSAGE_BYTES);
	box.loader.arena = &held_now.arena;
	assert_int_equal(sendmail_actions.take(&box.action, &held_now, &err), 0);
	assert_int_equal(move_prepare(&box.action, &held_now, &err), 1);
	assert_int_equal(sendmail_actions.sync(&box.action, &err), 0);
}

static void end_move(void)
{
	sendmail_actions.let_go(&box.action, &held_now);
	arena_free(&held_now.arena);
	json_decref(held_now.changes);
	box_end(&box);
}

/* What a move that fails takes back is not what it had found there. */
static void test_move_beside_shared_data_that_fails(void **state)
{
	(void)state;
	box.args.target = path_in(box.dir, "q2");
	prepare_move(SHARED);
	write_at(path_in(box.dir, "q2/qf/qf" SHARED), SLICE("somebody was faster\n"));
	assert_int_equal(move_commit(&box.action, &held_now, &box.err), -1);
	end_move();
	box_assert_diff(&box, " +mqueue/q2/qf/qf" SHARED);
}

/* Another run comes by while it is under way. */
static void test_move_across_is_left_alone(void **state)
{
	(void)state;
	prepare_move(ID);
	box_mend(&box);
	assert_int_equal(entries(other), 2);
	assert_int_equal(move_commit(&box.action, &held_now, &box.err), 0);
	box_mend(&box);
	assert_int_equal(move_finish(&box.action, &held_now, &box.err), 0);
	end_move();
	box_assert_diff(&box, " -" DF " -" QF);
	assert_int_equal(entries(other), 2);
	assert_non_null(other_text("qf" ID).p);
	assert_non_null(other_text("df" ID).p);
}

/* The copy does not get its name: the message is again where it was, at once. */
static void test_move_across_that_fails(void **state)
{
	(void)state;
	prepare_move(ID);
	write_at(path_in(other, "qf" ID), SLICE("somebody was faster\n"));
	assert_int_equal(move_commit(&box.action, &held_now, &box.err), -1);
	assert_false(held_now.committed);
	end_move();
	box_assert_diff(&box, "");
	assert_int_equal(entries(other), 1);
	assert_true(slice_eq(other_text("qf" ID), SLICE("somebody was faster\n")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_move, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_move_across, setup_across, teardown),
	    cmocka_unit_test_setup_teardown(test_move_to_a_split_directory, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_move_dry_run, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_move_collisions, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_move_goes_on, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_move_targets, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_move_to_itself, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_move_without_data, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_move_to_another_group, setup_groups, teardown),
	    cmocka_unit_test_setup_teardown(test_move_with_a_data_line, setup_groups, teardown),
	    cmocka_unit_test_setup_teardown(test_move_to_what_a_wildcard_matches, setup_groups,
					    teardown),
	    cmocka_unit_test_setup_teardown(test_move_beside_shared_data, setup_shared, teardown),
	    cmocka_unit_test_setup_teardown(test_move_beside_shared_data_that_fails, setup_shared,
					    teardown),
	    cmocka_unit_test_setup_teardown(test_move_across_is_left_alone, setup_across, teardown),
	    cmocka_unit_test_setup_teardown(test_move_across_that_fails, setup_across, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
