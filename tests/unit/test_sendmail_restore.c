/* save and restore on recorded queues: where to, what is in the way, what was cut off. */
#include "unit/sendmail_other.h"

/* ---- save ---- */

static void test_save(void **state)
{
	struct slice control = box_text(&box, QF), data = box_text(&box, DF);
	struct error err = ERROR_INIT;
	struct stat a, b;
	json_t *note;
	int fd;

	(void)state;
	assert_int_equal(box_do(&box, OP_SAVE, ID), 1);
	box_assert_diff(&box, "");
	assert_true(slice_eq(other_text("qf" ID), control));
	assert_true(slice_eq(other_text("df" ID), data));
	assert_int_equal(entries(other), 3);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(stat(path_in(box.path, i ? QF : DF), &a), 0);
		assert_int_equal(stat(path_in(other, i ? "qf" ID : "df" ID), &b), 0);
		assert_int_equal(a.st_mode, b.st_mode);
		assert_int_equal(a.st_uid, b.st_uid);
		assert_int_equal(a.st_gid, b.st_gid);
		assert_int_equal(a.st_mtim.tv_sec, b.st_mtim.tv_sec);
		assert_int_equal(a.st_mtim.tv_nsec, b.st_mtim.tv_nsec);
		assert_int_not_equal(a.st_ino, b.st_ino);
	}
	fd = sys_open_dir(other, NULL);
	note = saved_read_note(fd, SLICE(ID), &err);
	assert_non_null(note);
	assert_int_equal(saved_check_complete(fd, note, &err), 0);
	json_decref(note);
	close(fd);
	/* again: it is there; and when it has changed since, it is not replaced */
	assert_int_equal(box_do(&box, OP_SAVE, ID), 0);
	box.args.reason = NULL;
	assert_int_equal(box_do(&box, OP_REQUEUE, ID), 1);
	assert_int_equal(box_do(&box, OP_SAVE, ID), -1);
	assert_int_equal(box.err.code, ERROR_DENIED);
	assert_true(slice_eq(other_text("qf" ID), control));
}

/* Cut off when the note was there and its files were not. */
static void test_save_goes_on(void **state)
{
	(void)state;
	assert_int_equal(box_do(&box, OP_SAVE, ID), 1);
	assert_int_equal(unlink(path_in(other, "qf" ID)), 0);
	assert_int_equal(box_do(&box, OP_SAVE, ID), 1);
	assert_true(slice_eq(other_text("qf" ID), box_text(&box, QF)));
	assert_int_equal(unlink(path_in(other, ID ".json")), 0);
	assert_int_equal(box_do(&box, OP_SAVE, ID), -1);
	assert_int_equal(box.err.code, ERROR_USAGE); /* a queue, as far as can be seen */
	box_run((const char *const[]){"touch", path_in(other, "another.json"), NULL});
	assert_int_equal(box_do(&box, OP_SAVE, ID), -1);
	assert_int_equal(box.err.code, ERROR_DENIED);
}

/* What lies there without a note is not ours to replace, the data file neither. */
static void test_save_beside_a_data_file(void **state)
{
	(void)state;
	write_at(path_in(other, "df" ID), SLICE("somebody's only copy\n"));
	write_at(path_in(other, "another.json"), SLICE("{}"));
	for (int dry = 1; dry >= 0; dry--) {
		box.action.dry_run = dry;
		assert_int_equal(box_do(&box, OP_SAVE, ID), -1);
		assert_int_equal(box.err.code, ERROR_DENIED);
	}
	assert_true(slice_eq(other_text("df" ID), SLICE("somebody's only copy\n")));
	assert_int_equal(entries(other), 2);
}

static void test_save_targets(void **state)
{
	struct stat st;

	(void)state;
	box.args.target = box.dir;
	assert_int_equal(box_begin(&box, OP_SAVE), -1);
	assert_int_equal(box.err.code, ERROR_USAGE);
	box.args.target = path_in(box.dir, "saved");
	for (int dry = 0; dry < 2; dry++) {
		box.action.dry_run = dry;
		assert_int_equal(box_begin(&box, OP_SAVE), -1);
		assert_int_equal(box.err.code, ERROR_USAGE);
	}
	box_assert_diff(&box, "");
	box.args.target = path_in(other, "new");
	assert_int_equal(box_do(&box, OP_SAVE, ID), 1);
	assert_int_equal(stat(path_in(other, "new"), &st), -1);
	box.action.dry_run = false;
	assert_int_equal(box_do(&box, OP_SAVE, ID), 1);
	assert_int_equal(stat(path_in(other, "new"), &st), 0);
	assert_int_equal(st.st_mode & 0777, 0700);
	box.args.target = path_in(other, "no/such/parent");
	assert_int_equal(box_begin(&box, OP_SAVE), -1);
	assert_int_equal(box.err.code, ERROR_GONE);
}

/* ---- restore ---- */

static int restore(const char *id)
{
	struct plan_item item = {.id = slice_from(id), .named = true, .folder = other};
	struct error err = ERROR_INIT;
	struct saved saved = {.dirfd = sys_open_dir(other, NULL), .path = other, .id = item.id};
	struct held h = {.item = &item, .saved = &saved};
	int r;

	saved.note = saved_read_note(saved.dirfd, saved.id, &err);
	if (!saved.note)
		fail_msg("%s", err.text);
	assert_int_equal(box_begin(&box, OP_RESTORE), 0);
	r = box_act_on(&box, &h);
	box_end(&box);
	json_decref((json_t *)(uintptr_t)saved.note);
	close(saved.dirfd);
	return r;
}

static void delete_to_other(const char *id)
{
	box.action.trash_fd = sys_open_dir(other, NULL);
	box.action.trash_path = other;
	assert_int_equal(box_do(&box, OP_DELETE, id), 1);
	close(box.action.trash_fd);
}

static void check_restore(void)
{
	delete_to_other(ID);
	box_assert_diff(&box, " -" DF " -" QF);
	box.action.dry_run = true;
	assert_int_equal(restore(ID), 1);
	box_assert_diff(&box, " -" DF " -" QF);
	box.action.dry_run = false;
	assert_int_equal(restore(ID), 1);
	assert_false(box.finish_failed);
	box_assert_diff(&box, "");
	assert_int_equal(entries(other), 0);
}

static void test_restore(void **state)
{
	(void)state;
	check_restore();
}

static void test_restore_across(void **state)
{
	(void)state;
	check_restore();
}

/* Every message of a queue with groups and d lines, into the trash and back. */
static void test_restore_each(void **state)
{
	struct scan *s = backend_sendmail.scan_begin(box.queue, NULL);
	struct message_entry e;
	int n = 0;

	(void)state;
	for (; backend_sendmail.scan_next(s, &box.arena, &e, NULL) > 0; n++) {
		const char *id = arena_str(&box.arena, slice_skip(e.name, 2));

		delete_to_other(id);
		assert_int_equal(restore(id), 1);
		box_assert_diff(&box, "");
	}
	backend_sendmail.scan_end(s);
	assert_true(n > 4);
}

static void test_restore_while_queued(void **state)
{
	(void)state;
	assert_int_equal(box_do(&box, OP_SAVE, ID), 1);
	assert_int_equal(restore(ID), -1);
	assert_int_equal(box.err.code, ERROR_DENIED);
	assert_int_equal(entries(other), 3);
	/* in another state it is queued all the same */
	assert_int_equal(box_do(&box, OP_HOLD, ID), 1);
	assert_int_equal(restore(ID), -1);
	assert_int_equal(entries(other), 3);
	/* and so is a data file of that id that nobody knows of */
	assert_int_equal(unlink(path_in(box.dir, "hf" ID)), 0);
	write_at(path_in(box.path, DF), SLICE("another one's\n"));
	assert_int_equal(restore(ID), -1);
	assert_int_equal(box.err.code, ERROR_DENIED);
	assert_int_equal(entries(other), 3);
}

static void test_restore_of_a_part(void **state)
{
	(void)state;
	delete_to_other(ID);
	assert_int_equal(unlink(path_in(other, "df" ID)), 0);
	assert_int_equal(restore(ID), -1);
	box_assert_diff(&box, " -" DF " -" QF);
	assert_int_equal(entries(other), 2);
}

/* Cut off: the data there; the message back, the rest still in the trash; the control file aside.
 */
static void test_restore_goes_on(void **state)
{
	(void)state;
	delete_to_other(ID);
	assert_int_equal(link(path_in(other, "df" ID), path_in(box.path, DF)), 0);
	assert_int_equal(rename(path_in(other, "qf" ID), path_in(other, ".mtaq-out." ID)), 0);
	box_write(&box, "mqueue/.mtaq-in." ID, SLICE("V8\n"));
	box_mend(&box);
	assert_int_equal(restore(ID), 1);
	box_assert_diff(&box, "");
	assert_int_equal(entries(other), 0);
	delete_to_other(ID);
	assert_int_equal(link(path_in(other, "df" ID), path_in(box.path, DF)), 0);
	assert_int_equal(rename(path_in(other, "qf" ID), path_in(box.path, QF)), 0);
	assert_int_equal(restore(ID), 0);
	box_assert_diff(&box, "");
	assert_int_equal(entries(other), 0);
}

/* Cut off when the message was back and its control file still aside; then it was delivered. */
static void test_restore_of_what_was_delivered(void **state)
{
	(void)state;
	delete_to_other(ID);
	assert_int_equal(rename(path_in(other, "qf" ID), path_in(other, ".mtaq-out." ID)), 0);
	for (int dry = 1; dry >= 0; dry--) {
		box.action.dry_run = dry;
		assert_int_equal(restore(ID), -1);
		assert_int_equal(box.err.code, ERROR_DENIED);
		assert_non_null(strstr(box.err.text, "has left the queue since"));
	}
	box_assert_diff(&box, " -" DF " -" QF);
	assert_int_equal(entries(other), 3);
}

/* So that it can be told, the unnamed copy is there before the one in the folder is put aside, and
 * gone when the message is back. */
static void test_restore_across_tells(void **state)
{
	struct error err = ERROR_INIT;
	struct plan_item item = {.id = SLICE(ID), .named = true, .folder = other};
	struct saved saved = {.path = other, .id = item.id};
	struct held h = {.item = &item, .saved = &saved, .changes = json_array()};

	(void)state;
	delete_to_other(ID);
	saved.dirfd = sys_open_dir(other, NULL);
	saved.note = saved_read_note(saved.dirfd, saved.id, &err);
	assert_non_null(saved.note);
	assert_int_equal(box_begin(&box, OP_RESTORE), 0);
	arena_init(&h.arena, LIMIT_MESSAGE_BYTES);
	assert_int_equal(sendmail_actions.take(&box.action, &h, &err), 0);
	assert_int_equal(restore_prepare(&box.action, &h, &err), 1);
	assert_int_equal(sendmail_actions.sync(&box.action, &err), 0);
	assert_non_null(box_text(&box, "mqueue/.mtaq-in." ID).p);
	/* another run comes by */
	box_mend(&box);
	assert_non_null(box_text(&box, "mqueue/.mtaq-in." ID).p);
	assert_int_equal(restore_commit(&box.action, &h, &err), 0);
	assert_int_equal(restore_finish(&box.action, &h, &err), 0);
	sendmail_actions.let_go(&box.action, &h);
	box_end(&box);
	arena_free(&h.arena);
	json_decref(h.changes);
	json_decref((json_t *)(uintptr_t)saved.note);
	close(saved.dirfd);
	box_assert_diff(&box, "");
	assert_int_equal(entries(other), 0);
}

/* A copy that was complete, of a run that was cut off, is taken for what it is. */
static void test_restore_across_goes_on(void **state)
{
	(void)state;
	delete_to_other(ID);
	box_run((const char *const[]){"cp", "-p", path_in(other, "df" ID), path_in(box.path, DF),
				      NULL});
	assert_int_equal(restore(ID), 1);
	box_assert_diff(&box, "");
}

/* A note that names what it must not. */
static void test_restore_of_a_bad_note(void **state)
{
	(void)state;
	delete_to_other(ID);
	box_run((const char *const[]){"sed", "-i",
				      "s/\"name\": \"qf[^\"]*\"/\"name\": \"df" ID "\"/",
				      path_in(other, ID ".json"), NULL});
	assert_int_equal(restore(ID), -1);
	assert_int_equal(box.err.code, ERROR_CORRUPT);
	box_assert_diff(&box, " -" DF " -" QF);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_save, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_save_goes_on, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_save_beside_a_data_file, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_save_targets, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_restore, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_restore_across, setup_across, teardown),
	    cmocka_unit_test_setup_teardown(test_restore_each, setup_groups, teardown),
	    cmocka_unit_test_setup_teardown(test_restore_while_queued, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_restore_of_a_part, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_restore_goes_on, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_restore_of_what_was_delivered, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_restore_across_tells, setup_across, teardown),
	    cmocka_unit_test_setup_teardown(test_restore_across_goes_on, setup_across, teardown),
	    cmocka_unit_test_setup_teardown(test_restore_of_a_bad_note, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
