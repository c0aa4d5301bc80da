/* delete: into the trash by second names or by copies, for good, and what a cut-off run left. */
#include "unit/sendmail_box.h"

#include <mtaq/saved.h>

#define ID "60F400Mk016350"
#define QF "mqueue/qf" ID
#define DF "mqueue/df" ID

static struct box box;
static char trash[64];

static int make_trash(const char *template)
{
	if (template)
		snprintf(trash, sizeof trash, "%s", template);
	else
		scratch_name(trash, sizeof trash, "trash");
	assert_non_null(mkdtemp(trash));
	box.action.trash_fd = open(trash, O_RDONLY | O_DIRECTORY);
	box.action.trash_path = trash;
	assert_true(box.action.trash_fd >= 0);
	return 0;
}

static int setup(void **state)
{
	(void)state;
	box_open(&box, "flat", NULL);
	box_snapshot(&box);
	return make_trash(NULL);
}

/* On another filesystem, where there is one. */
static int setup_across(void **state)
{
	(void)state;
	box_open(&box, "flat", NULL);
	box_snapshot(&box);
	return make_trash("/dev/shm/mtaq-trash.XXXXXX");
}

static int teardown(void **state)
{
	(void)state;
	close(box.action.trash_fd);
	box_run((const char *const[]){"rm", "-rf", trash, NULL});
	box_close(&box);
	return 0;
}

static struct slice trash_text(const char *name)
{
	struct slice text = SLICE_NONE;
	char path[256];

	snprintf(path, sizeof path, "%s/%s", trash, name);
	if (access(path, F_OK) == 0)
		assert_int_equal(sys_read_config(path, 1u << 24, &box.arena, &text, NULL), 0);
	return text;
}

static void check_delete(const char *id)
{
	struct slice control = box_text(&box, arena_printf(&box.arena, "mqueue/qf%s", id).p);
	struct slice data = box_text(&box, arena_printf(&box.arena, "mqueue/df%s", id).p);
	struct error err = ERROR_INIT;
	struct saved_file f;
	json_t *note;

	assert_int_equal(box_do(&box, OP_DELETE, id), 1);
	assert_false(box.finish_failed);
	assert_true(slice_eq(trash_text(arena_printf(&box.arena, "qf%s", id).p), control));
	assert_true(slice_eq(trash_text(arena_printf(&box.arena, "df%s", id).p), data));
	note = saved_read_note(box.action.trash_fd, slice_from(id), &err);
	assert_non_null(note);
	assert_int_equal(saved_check_complete(box.action.trash_fd, note, &err), 0);
	assert_true(saved_file_by_role(note, "control", &box.arena, &f));
	assert_int_equal(f.mode, 0640);
	assert_int_equal(f.mtime_ns % 1000000000, 0);
	assert_true(saved_file_by_role(note, "data", &box.arena, &f));
	json_decref(note);
	assert_int_equal(entries(trash), 3);
}

static void test_delete(void **state)
{
	(void)state;
	check_delete(ID);
	box_assert_diff(&box, " -" DF " -" QF);
}

static void test_delete_across(void **state)
{
	(void)state;
	check_delete(ID);
	box_assert_diff(&box, " -" DF " -" QF);
}

static void test_dry_run(void **state)
{
	(void)state;
	box.action.dry_run = true;
	assert_int_equal(box_do(&box, OP_DELETE, ID), 1);
	box.args.purge = true;
	assert_int_equal(box_do(&box, OP_DELETE, ID), 1);
	box_assert_diff(&box, "");
	assert_int_equal(entries(trash), 0);
}

static void test_purge(void **state)
{
	(void)state;
	box_write(&box, "mqueue/xf" ID, SLICE("220 hello\n"));
	box_write(&box, "mqueue/tf" ID, SLICE("V8\n"));
	box.args.purge = true;
	assert_int_equal(box_do(&box, OP_DELETE, ID), 1);
	box_assert_diff(&box, " -" DF " -" QF);
	assert_int_equal(entries(trash), 0);
	assert_string_equal(
	    json_string_value(json_object_get(json_array_get(box.changes, 0), "what")), "purge");
}

/* Two messages whose data file is one by two names: the other one keeps its own. */
static void test_shared_data(void **state)
{
	(void)state;
	assert_int_equal(box_do(&box, OP_DELETE, "60DC00vI017063"), 1);
	box_assert_diff(&box, " -mqueue/df60DC00vI017063 -mqueue/qf60DC00vI017063");
	assert_true(
	    slice_eq(box_text(&box, "mqueue/df60DC00vJ017063"), trash_text("df60DC00vI017063")));
}

/* Two control files of one id have one data file: the last one to go takes it along. */
static void test_two_control_files(void **state)
{
	(void)state;
	box_write(&box, "mqueue/hf" ID, box_text(&box, QF));
	box_snapshot(&box);
	assert_int_equal(box_do(&box, OP_DELETE, "qf" ID), 1);
	box_assert_diff(&box, " -" QF);
	/* not in the same run */
	assert_int_equal(box_do(&box, OP_DELETE, "hf" ID), -1);
	assert_int_equal(box.err.code, ERROR_DENIED);
	box.args.purge = true;
	assert_int_equal(box_do(&box, OP_DELETE, "hf" ID), 1);
	box_assert_diff(&box, " -" DF " -mqueue/hf" ID " -" QF);
}

/* In one batch neither note has its name yet when the other is written: the first keeps its own. */
static void test_two_of_one_id_in_a_batch(void **state)
{
	struct plan_item items[2];
	struct held h[2] = {{.item = &items[0]}, {.item = &items[1]}};
	struct error err = ERROR_INIT;
	struct saved_file f;
	json_t *note;

	(void)state;
	box_write(&box, "mqueue/hf" ID, box_text(&box, QF));
	box_snapshot(&box);
	box_find(&box, "qf" ID, &items[0]);
	box_find(&box, "hf" ID, &items[1]);
	assert_int_equal(box_begin(&box, OP_DELETE), 0);
	for (int i = 0; i < 2; i++) {
		arena_init(&h[i].arena, LIMIT_MESSAGE_BYTES);
		box.loader.arena = &h[i].arena;
		h[i].changes = json_array();
		assert_int_equal(sendmail_actions.take(&box.action, &h[i], &err), 0);
		assert_int_equal(delete_prepare(&box.action, &h[i], &err), i ? -1 : 1);
	}
	assert_int_equal(err.code, ERROR_DENIED);
	sendmail_actions.let_go(&box.action, &h[1]);
	assert_int_equal(sendmail_actions.sync(&box.action, &box.err), 0);
	assert_int_equal(delete_commit(&box.action, &h[0], &box.err), 0);
	assert_int_equal(sendmail_actions.sync(&box.action, &box.err), 0);
	assert_int_equal(delete_finish(&box.action, &h[0], &box.err), 0);
	sendmail_actions.let_go(&box.action, &h[0]);
	for (int i = 0; i < 2; i++) {
		arena_free(&h[i].arena);
		json_decref(h[i].changes);
	}
	box_end(&box);
	box_assert_diff(&box, " -" QF);
	note = saved_read_note(box.action.trash_fd, SLICE(ID), &err);
	assert_non_null(note);
	assert_true(saved_file_by_role(note, "control", &box.arena, &f));
	assert_string_equal(f.name.p, "qf" ID);
	json_decref(note);
}

static void test_without_data(void **state)
{
	char path[256];

	(void)state;
	snprintf(path, sizeof path, "%s/" DF, box.path);
	assert_int_equal(unlink(path), 0);
	box_snapshot(&box);
	assert_int_equal(box_do(&box, OP_DELETE, ID), 1);
	box_assert_diff(&box, " -" QF);
	assert_int_equal(entries(trash), 2);
}

/* Directories of their own for control and data files; d lines that say where the data is. */
static void test_layouts(void **state)
{
	(void)state;
	box_close(&box);
	box_open(&box, "split", NULL);
	box.action.trash_path = trash;
	box.action.trash_fd = open(trash, O_RDONLY | O_DIRECTORY);
	for (int i = 0; i < 2; i++) {
		struct scan *s = backend_sendmail.scan_begin(box.queue, NULL);
		struct message_entry e;
		size_t left = 0;

		while (backend_sendmail.scan_next(s, &box.arena, &e, NULL) > 0)
			assert_int_equal(
			    box_do(&box, OP_DELETE, arena_str(&box.arena, slice_skip(e.name, 2))),
			    1);
		backend_sendmail.scan_end(s);
		box_snapshot(&box);
		for (size_t k = 0; k < box.file_count; k++)
			left += strncmp(box.files[k].name, "mqueue/", 7) == 0;
		assert_int_equal(left, 0);
		if (i == 1)
			break;
		backend_sendmail.close(box.queue);
		box_run((const char *const[]){"sh", "-c",
					      "rm -rf \"$0\"/mqueue \"$0\"/mail; tar "
					      "--warning=no-timestamp -C \"$0\" -xpf "
					      "\"${top_srcdir:-.}\"/fixtures/sendmail/groups.tar",
					      box.path, NULL});
		box_open_dir(&box, box.dir);
	}
}

/* A message whose trash cannot be written stays. */
static void test_no_trash(void **state)
{
	char name[256];

	(void)state;
	/* the copy or link of the data file cannot be made */
	snprintf(name, sizeof name, "%s/df" ID, trash);
	box_run((const char *const[]){"mkdir", name, NULL});
	assert_int_equal(box_do(&box, OP_DELETE, ID), -1);
	box_assert_diff(&box, "");
	assert_int_equal(entries(trash), 1);
}

static void test_trash_place(void **state)
{
	char place[256], want[256], small[8];

	(void)state;
	assert_int_equal(sendmail_actions.trash_place(box.queue, place, sizeof place), 0);
	snprintf(want, sizeof want, "%s/mtaq-trash", box.path);
	assert_string_equal(place, want);
	assert_int_equal(sendmail_actions.trash_place(box.queue, small, sizeof small), -1);
}

/* ---- cut off ---- */

static const char *dead_name(const char *prefix)
{
	int status;
	pid_t dead = fork();

	if (dead == 0)
		_exit(0);
	assert_int_equal(waitpid(dead, &status, 0), dead);
	return arena_printf(&box.arena, "%s%s.%ld", prefix, ID, (long)dead).p;
}

static void link_names(const char *from, const char *to)
{
	char a[256], b[256];

	snprintf(a, sizeof a, "%s/%s", box.path, from);
	snprintf(b, sizeof b, "%s/%s", box.path, to);
	assert_int_equal(link(a, b), 0);
}

static void remove_name(const char *name)
{
	char path[256];

	snprintf(path, sizeof path, "%s/%s", box.path, name);
	assert_int_equal(unlink(path), 0);
}

static void sweep(void)
{
	box_mend(&box);
}

static void test_marker(void **state)
{
	const char *marker = dead_name("mqueue/.mtaq-df.");

	(void)state;
	/* the control file is there: nothing was committed */
	link_names(DF, marker);
	sweep();
	box_assert_diff(&box, "");
	/* it is gone: so goes the data */
	link_names(DF, marker);
	remove_name(QF);
	sweep();
	box_assert_diff(&box, " -" DF " -" QF);
}

static void test_marker_of_another_file(void **state)
{
	const char *marker = dead_name("mqueue/.mtaq-df.");

	(void)state;
	link_names(DF, marker);
	remove_name(DF);
	box_write(&box, DF, SLICE("another message's data, still without its control file\n"));
	remove_name(QF);
	box_snapshot(&box);
	sweep();
	assert_non_null(box_text(&box, DF).p);
	assert_null(box_text(&box, marker).p);
}

static void write_intent(const char *name)
{
	box_write(&box, name,
		  arena_printf(&box.arena,
			       "{\"qf\":\"%s\",\"df\":\"%s\",\"name\":\"qf" ID "\",\"data\":true}",
			       trash, trash));
}

static void test_intent_before_the_commit(void **state)
{
	const char *intent = dead_name("mqueue/.mtaq-to."), *pid = strrchr(intent, '.');

	(void)state;
	write_intent(intent);
	box_run((const char *const[]){
	    "touch", arena_printf(&box.arena, "%s/.mtaq-in." ID "%s", trash, pid).p,
	    arena_printf(&box.arena, "%s/df" ID, trash).p, NULL});
	sweep();
	box_assert_diff(&box, "");
	assert_int_equal(entries(trash), 0);
	/* cut off while it was written */
	box_write(&box, intent, SLICE("{\"qf\":"));
	sweep();
	box_assert_diff(&box, "");
}

/* One that stands in the queue and would have a data file of the trash removed. */
static void assert_not_believed(const char *name)
{
	box_run((const char *const[]){"touch", arena_printf(&box.arena, "%s/df" ID, trash).p,
				      arena_printf(&box.arena, "%s/df", trash).p, NULL});
	box_snapshot(&box);
	sweep();
	box_assert_diff(&box, "");
	assert_int_equal(entries(trash), 2);
	remove_name(name);
}

/* An intent names directories in which files are removed: only what nobody else can have made is
 * believed. */
static void test_intent_of_somebody_else(void **state)
{
	const char *intent = dead_name("mqueue/.mtaq-to.");
	char path[256];

	(void)state;
	snprintf(path, sizeof path, "%s/%s", box.path, intent);
	write_intent(intent);
	assert_int_equal(chmod(path, 0660), 0);
	assert_not_believed(intent);
	if (geteuid() != 0)
		return;
	write_intent(intent);
	assert_int_equal(chown(path, 65534, 65534), 0);
	assert_not_believed(intent);
}

/* A file of ours that somebody gave such a name. */
static void test_intent_by_another_name(void **state)
{
	const char *intent = dead_name("mqueue/.mtaq-to.");

	(void)state;
	write_intent(intent);
	link_names(intent, "mqueue/second");
	box_snapshot(&box);
	assert_not_believed(intent);
	remove_name("mqueue/second");
	/* of another message, or of none */
	for (int i = 0; i < 2; i++) {
		box_write(
		    &box, intent,
		    arena_printf(&box.arena,
				 "{\"qf\":\"%s\",\"df\":\"%s\",\"name\":\"%s\",\"data\":true}",
				 trash, trash, i ? "xf" ID : "qf60F400Mk016351"));
		sweep();
		assert_int_equal(entries(trash), 2);
	}
	intent = arena_printf(&box.arena, "mqueue/.mtaq-to.%s", strrchr(intent, '.')).p;
	box_write(&box, intent,
		  arena_printf(&box.arena,
			       "{\"qf\":\"%s\",\"df\":\"%s\",\"name\":\"qfX\",\"data\":true}",
			       trash, trash));
	sweep();
	assert_int_equal(entries(trash), 2);
}

/* Process ids are used again, and unknown in another container: the lock tells. */
static void test_intent_of_whatever_process(void **state)
{
	const long owners[] = {1, (long)getppid(), (long)getpid()};

	(void)state;
	for (int i = 0; i < 3; i++) {
		const char *intent =
		    arena_printf(&box.arena, "mqueue/.mtaq-to." ID ".%ld", owners[i]).p;

		write_intent(intent);
		sweep();
		box_assert_diff(&box, "");
	}
}

static void test_intent_that_is_locked(void **state)
{
	const char *intent = dead_name("mqueue/.mtaq-to.");
	int fd;

	(void)state;
	write_intent(intent);
	fd = open(arena_printf(&box.arena, "%s/%s", box.path, intent).p, O_RDWR);
	assert_int_equal(lock_file(fd), 0);
	sweep();
	box_assert_diff(&box, arena_printf(&box.arena, " +%s", intent).p);
	close(fd);
	sweep();
	box_assert_diff(&box, "");
}

static void test_intent_after_the_commit(void **state)
{
	const char *intent = dead_name("mqueue/.mtaq-to."), *pid = strrchr(intent, '.');
	struct slice control = box_text(&box, QF);

	(void)state;
	write_intent(intent);
	link_names(DF, arena_printf(&box.arena, "mqueue/.mtaq-df." ID "%s", pid).p);
	link_names(QF, arena_printf(&box.arena, "mqueue/.mtaq-out." ID "%s", pid).p);
	remove_name(QF);
	box_run((const char *const[]){
	    "sh", "-c", "cp -p \"$1\" \"$2\" && cp -p \"$3\" \"$4\"", "sh",
	    arena_printf(&box.arena, "%s/mqueue/.mtaq-out." ID "%s", box.path, pid).p,
	    arena_printf(&box.arena, "%s/.mtaq-in." ID "%s", trash, pid).p,
	    arena_printf(&box.arena, "%s/" DF, box.path).p,
	    arena_printf(&box.arena, "%s/df" ID, trash).p, NULL});
	sweep();
	box_assert_diff(&box, " -" DF " -" QF);
	assert_true(slice_eq(trash_text("qf" ID), control));
	assert_int_equal(entries(trash), 2);
}

/* Another directory stands where it was going, as when nothing is mounted there. */
static void test_intent_to_an_empty_directory(void **state)
{
	const char *intent = dead_name("mqueue/.mtaq-to."), *pid = strrchr(intent, '.');
	const char *out = arena_printf(&box.arena, "mqueue/.mtaq-out." ID "%s", pid).p;

	(void)state;
	write_intent(intent);
	link_names(QF, out);
	remove_name(QF);
	box_snapshot(&box);
	sweep();
	box_assert_diff(&box, "");
	assert_non_null(strstr(box.notes, "could not be finished"));
	/* it is there, in whatever state */
	box_run(
	    (const char *const[]){"touch", arena_printf(&box.arena, "%s/hf" ID, trash).p, NULL});
	sweep();
	box_assert_diff(&box, arena_printf(&box.arena, " -%s -%s", out, intent).p);
}

/* Where it was going cannot be reached: nothing is given up. */
static void test_intent_to_nowhere(void **state)
{
	const char *intent = dead_name("mqueue/.mtaq-to."), *pid = strrchr(intent, '.');

	(void)state;
	box_write(&box, intent,
		  SLICE("{\"qf\":\"/nowhere/at/all\",\"df\":\"/nowhere\",\"name\":\"qf" ID
			"\",\"data\":true}"));
	link_names(QF, arena_printf(&box.arena, "mqueue/.mtaq-out." ID "%s", pid).p);
	box_snapshot(&box);
	box_mend(&box);
	assert_non_null(strstr(box.notes, "could not be finished"));
	box_assert_diff(&box, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_delete, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_delete_across, setup_across, teardown),
	    cmocka_unit_test_setup_teardown(test_dry_run, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_purge, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_shared_data, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_two_control_files, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_two_of_one_id_in_a_batch, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_without_data, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_layouts, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_no_trash, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_trash_place, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_marker, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_marker_of_another_file, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_intent_before_the_commit, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_intent_of_somebody_else, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_intent_by_another_name, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_intent_of_whatever_process, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_intent_that_is_locked, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_intent_after_the_commit, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_intent_to_an_empty_directory, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_intent_to_nowhere, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
