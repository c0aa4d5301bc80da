/* Steps of a repair on a directory of the test's own: what each does, that each is done only to the
 * file it was made for, that nothing is replaced, what the journal has of it, and what is left when
 * it is not carried out. */
#include "unit/cmocka_all.h"

#include "repairsteps.h"

#include <mtaq/jsonbytes.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static char root[64], dir[96], trash[96], beside[96];
static int trash_fd;
static struct step_places places;
static struct mend m;
static struct step_list l;
static struct error err;

static int open_place(const struct queue *q, const char *path, struct error *e)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY);

	(void)q;
	return fd < 0 ? error_sys(e, errno, "%s", path) : fd;
}

static const struct backend_checks checks = {.open_place = open_place};
static const struct backend backend = {.name = "test", .checks = &checks};
static const struct queue queue = {.backend = &backend};

static const char *in(const char *folder, const char *name)
{
	static char path[4][800];
	static int next;

	next = (next + 1) % 4;
	snprintf(path[next], sizeof path[next], "%s/%s", folder, name);
	return path[next];
}

static void put(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	fputs(text, f);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(chmod(path, 0640), 0);
}

static const char *text_of(const char *path)
{
	static char text[256];
	FILE *f = fopen(path, "r");

	if (!f)
		return "-";
	text[fread(text, 1, sizeof text - 1, f)] = '\0';
	fclose(f);
	return text;
}

static bool there(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0;
}

static int set_up(void **state)
{
	(void)state;
	snprintf(root, sizeof root, "/tmp/mtaq-steps.XXXXXX");
	assert_non_null(mkdtemp(root));
	snprintf(dir, sizeof dir, "%s/queue", root);
	snprintf(trash, sizeof trash, "%s/trash", root);
	snprintf(beside, sizeof beside, "%s/other", root);
	assert_int_equal(mkdir(dir, 0700) | mkdir(trash, 0700) | mkdir(beside, 0700), 0);
	trash_fd = open(trash, O_RDONLY | O_DIRECTORY);
	places_init(&places, &queue, trash_fd, false);
	m = (struct mend){.finding = NULL};
	l = (struct step_list){.count = 0};
	arena_init(&m.arena, 0);
	err = ERROR_INIT;
	put(in(dir, "a"), "one");
	return 0;
}

static int tear_down(void **state)
{
	pid_t pid;
	int status;

	(void)state;
	steps_free(&l);
	places_close(&places);
	arena_free(&m.arena);
	close(trash_fd);
	pid = fork();
	if (pid == 0) {
		execlp("rm", "rm", "-rf", root, (char *)NULL);
		_exit(127);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static struct step_place at(const char *folder, const char *name)
{
	return (struct step_place){slice_from(folder), slice_from(name)};
}

static struct repair_step step(enum step_kind kind, const char *name)
{
	struct repair_step s = {.kind = kind, .at = at(dir, name)};

	if (kind != STEP_MAKE)
		assert_int_equal(lstat(in(dir, name), &s.was), 0);
	return s;
}

static void add(struct repair_step s)
{
	assert_int_equal(mend_add(&m, &s, &err), 0);
}

static int prepare(void)
{
	return steps_prepare(&l, &places, &m, &err);
}

static void carry_out(void)
{
	if (prepare() < 0 || steps_carry_out(&l, &err) < 0 || places_sync(&places, &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(steps_tried(&l), m.count);
}

/* Name in the trash of step i. */
static const char *kept(size_t i)
{
	return in(trash, l.states[i].kept);
}

static void test_rename(void **state)
{
	struct repair_step s = step(STEP_RENAME, "a");

	(void)state;
	s.to = at(beside, "b");
	add(s);
	carry_out();
	assert_string_equal(text_of(in(beside, "b")), "one");
	assert_false(there(in(dir, "a")));
}

static void test_nothing_is_replaced(void **state)
{
	struct repair_step s = step(STEP_RENAME, "a");

	(void)state;
	put(in(dir, "b"), "two");
	s.to = at(dir, "b");
	add(s);
	assert_int_equal(prepare(), -1);
	assert_int_equal(err.code, ERROR_UNSUPPORTED);
	steps_free(&l);
	/* nor when it comes at the last moment */
	err = ERROR_INIT;
	assert_int_equal(unlink(in(dir, "b")), 0);
	assert_int_equal(prepare(), 0);
	put(in(dir, "b"), "two");
	assert_int_equal(steps_carry_out(&l, &err), -1);
	assert_string_equal(text_of(in(dir, "a")), "one");
	assert_string_equal(text_of(in(dir, "b")), "two");
}

static void test_two_change_places(void **state)
{
	struct repair_step a = step(STEP_RENAME, "a"), b, c;

	(void)state;
	put(in(dir, "b"), "two");
	b = step(STEP_RENAME, "b");
	c = a;
	a.to = at(dir, "x");
	b.to = at(dir, "a");
	c.at = at(dir, "x");
	c.to = at(dir, "b");
	add(a);
	add(b);
	add(c);
	carry_out();
	assert_string_equal(text_of(in(dir, "a")), "two");
	assert_string_equal(text_of(in(dir, "b")), "one");
	assert_false(there(in(dir, "x")));
}

static void test_only_what_it_was(void **state)
{
	static const enum step_kind kinds[] = {STEP_TRASH, STEP_REPLACE, STEP_ATTRIBUTES};

	(void)state;
	for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
		struct repair_step s;

		put(in(dir, "a"), "one");
		s = step(kinds[i], "a");
		s.text = SLICE("new");
		s.mode = 0600;
		m.count = 0;
		add(s);
		assert_int_equal(prepare(), 0);
		put(in(dir, "a"), "other");
		assert_int_equal(steps_carry_out(&l, &err), -1);
		assert_int_equal(err.code, ERROR_STALE);
		assert_int_equal(steps_tried(&l), 0);
		assert_string_equal(text_of(in(dir, "a")), "other");
		steps_free(&l);
		err = ERROR_INIT;
		/* and not even made ready */
		assert_int_equal(prepare(), -1);
		assert_int_equal(err.code, ERROR_STALE);
		steps_free(&l);
		err = ERROR_INIT;
	}
}

static void test_trash(void **state)
{
	(void)state;
	assert_int_equal(symlink("nowhere", in(dir, "link")), 0);
	assert_int_equal(mkfifo(in(dir, "fifo"), 0600), 0);
	add(step(STEP_TRASH, "a"));
	add(step(STEP_TRASH, "link"));
	add(step(STEP_TRASH, "fifo"));
	carry_out();
	assert_string_equal(text_of(kept(0)), "one");
	assert_true(there(kept(1)) && there(kept(2)));
	assert_false(there(in(dir, "a")) || there(in(dir, "link")) || there(in(dir, "fifo")));
}

static void test_directory_that_is_not_empty(void **state)
{
	(void)state;
	assert_int_equal(mkdir(in(dir, "sub"), 0700), 0);
	put(in(dir, "sub/x"), "x");
	add(step(STEP_TRASH, "sub"));
	assert_int_equal(prepare(), 0);
	assert_int_equal(steps_carry_out(&l, &err), -1);
	assert_string_equal(text_of(in(dir, "sub/x")), "x");
}

static void test_trash_elsewhere(void **state)
{
	char other[] = "/dev/shm/mtaq-steps.XXXXXX";
	struct stat a, b;

	(void)state;
	if (!mkdtemp(other) || stat(other, &a) < 0 || stat(dir, &b) < 0 || a.st_dev == b.st_dev) {
		rmdir(other);
		skip(); /* no second filesystem here */
	}
	places.trash_fd = open(other, O_RDONLY | O_DIRECTORY);
	add(step(STEP_TRASH, "a"));
	/* not carried out: the copy goes again */
	assert_int_equal(prepare(), 0);
	assert_string_equal(text_of(in(other, l.states[0].kept)), "one");
	steps_free(&l);
	assert_int_equal(rmdir(other), 0);
	assert_int_equal(mkdir(other, 0700), 0);
	close(places.trash_fd);
	places.trash_fd = open(other, O_RDONLY | O_DIRECTORY);
	carry_out();
	assert_string_equal(text_of(in(other, l.states[0].kept)), "one");
	assert_false(there(in(dir, "a")));
	unlink(in(other, l.states[0].kept));
	/* a FIFO cannot be copied */
	steps_free(&l);
	m.count = 0;
	assert_int_equal(mkfifo(in(dir, "fifo"), 0600), 0);
	add(step(STEP_TRASH, "fifo"));
	assert_int_equal(prepare(), -1);
	assert_int_equal(err.code, ERROR_UNSUPPORTED);
	close(places.trash_fd);
	rmdir(other);
}

static void test_replace(void **state)
{
	struct repair_step s = step(STEP_REPLACE, "a");
	struct stat st;

	(void)state;
	s.text = SLICE("new text");
	add(s);
	carry_out();
	assert_string_equal(text_of(in(dir, "a")), "new text");
	assert_string_equal(text_of(kept(0)), "one");
	assert_int_equal(lstat(in(dir, "a"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
	assert_int_equal(st.st_mtim.tv_sec, s.was.st_mtim.tv_sec);
	assert_int_equal(st.st_mtim.tv_nsec, s.was.st_mtim.tv_nsec);
	assert_int_equal(l.states[0].made.st_ino, st.st_ino);
}

/* What was made ready is seen by nobody, and goes again. */
static void test_not_carried_out(void **state)
{
	struct repair_step s = step(STEP_REPLACE, "a"), fifo = {.kind = STEP_MAKE}, made = fifo;

	(void)state;
	s.text = SLICE("new");
	fifo.at = at(dir, "fifo");
	fifo.mode = S_IFIFO | 0622;
	fifo.uid = getuid();
	fifo.gid = getgid();
	made = fifo;
	made.at = at(dir, "sub");
	made.mode = S_IFDIR | 0700;
	add(s);
	add(fifo);
	add(made);
	assert_int_equal(prepare(), 0);
	assert_true(there(in(dir, l.states[0].temp)) && there(in(dir, l.states[1].temp)) &&
		    there(in(dir, l.states[2].temp)));
	assert_true(l.states[0].temp[0] == '.');
	steps_free(&l);
	assert_int_equal(unlink(in(dir, "a")), 0);
	assert_int_equal(rmdir(dir), 0);
	assert_int_equal(mkdir(dir, 0700), 0);
}

static void test_make(void **state)
{
	const struct repair_step file = {.kind = STEP_MAKE,
					 .at = at(dir, "file"),
					 .text = SLICE("text"),
					 .mode = S_IFREG | 0604,
					 .uid = getuid(),
					 .gid = getgid()};
	struct repair_step fifo = file, sub = file;
	struct stat st;

	(void)state;
	fifo.at = at(dir, "fifo");
	fifo.mode = S_IFIFO | 0622;
	fifo.text = SLICE_NONE;
	sub.at = at(dir, "sub");
	sub.mode = S_IFDIR | 0750;
	sub.text = SLICE_NONE;
	add(file);
	add(fifo);
	add(sub);
	carry_out();
	assert_string_equal(text_of(in(dir, "file")), "text");
	assert_int_equal(lstat(in(dir, "file"), &st), 0);
	assert_int_equal(st.st_mode, S_IFREG | 0604);
	assert_int_equal(lstat(in(dir, "fifo"), &st), 0);
	assert_int_equal(st.st_mode, S_IFIFO | 0622);
	assert_int_equal(lstat(in(dir, "sub"), &st), 0);
	assert_int_equal(st.st_mode, S_IFDIR | 0750);
}

static void test_attributes_then_rename(void **state)
{
	struct repair_step s = step(STEP_ATTRIBUTES, "a"), r = step(STEP_RENAME, "a");
	struct stat st;

	(void)state;
	s.mode = 0600;
	s.uid = s.was.st_uid;
	s.gid = s.was.st_gid;
	r.to = at(dir, "b");
	add(s);
	add(r);
	carry_out();
	assert_int_equal(lstat(in(dir, "b"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
}

/* A later step about what an earlier one makes. */
static void test_replace_then_rename(void **state)
{
	struct repair_step s = step(STEP_REPLACE, "a"), r = s;

	(void)state;
	s.text = SLICE("new");
	r.kind = STEP_RENAME;
	r.to = at(dir, "b");
	r.was.st_ino = 0;
	add(s);
	add(r);
	carry_out();
	assert_string_equal(text_of(in(dir, "b")), "new");
	assert_int_equal(l.states[1].was.st_ino, l.states[0].made.st_ino);
}

static void test_dry_run(void **state)
{
	struct repair_step s = step(STEP_REPLACE, "a"), r = s;

	(void)state;
	places.dry_run = true;
	places.trash_fd = -1;
	s.text = SLICE("new");
	r.kind = STEP_RENAME;
	r.to = at(dir, "b");
	add(s);
	add(r);
	assert_int_equal(prepare(), 0);
	steps_free(&l);
	assert_string_equal(text_of(in(dir, "a")), "one");
	assert_int_equal(unlink(in(dir, "a")), 0);
	assert_int_equal(rmdir(dir), 0);
	assert_int_equal(mkdir(dir, 0700), 0);
	assert_int_equal(rmdir(trash), 0);
	assert_int_equal(mkdir(trash, 0700), 0);
}

static void test_other_directory(void **state)
{
	struct repair_step s = step(STEP_TRASH, "a");

	(void)state;
	s.at.dir = SLICE("/nonexistent/queue");
	add(s);
	assert_int_equal(prepare(), -1);
	assert_int_equal(err.code, ERROR_GONE);
}

static void test_journal(void **state)
{
	struct repair_step s = step(STEP_REPLACE, "a"), r = s;
	json_t *j;
	struct stat st;

	(void)state;
	s.text = SLICE("new");
	r.kind = STEP_RENAME;
	r.to = at(beside, "\xff\n");
	r.was.st_ino = 0;
	add(s);
	add(r);
	assert_int_equal(prepare(), 0);
	j = steps_json(&l);
	assert_int_equal(json_array_size(j), 2);
	assert_string_equal(json_string_value(json_object_get(json_array_get(j, 0), "what")),
			    "replace");
	assert_true(step_stat_read(json_object_get(json_array_get(j, 0), "was"), &st));
	assert_true(step_same(&st, &s.was));
	assert_int_equal(st.st_mode, s.was.st_mode);
	assert_true(step_stat_read(json_object_get(json_array_get(j, 0), "made"), &st));
	assert_true(step_same(&st, &l.states[0].made));
	assert_string_equal(json_string_value(json_object_get(
				json_object_get(json_array_get(j, 1), "to_name"), "hex")),
			    "ff0a");
	json_decref(j);
}

static void test_stat_of_any_time(void **state)
{
	static const int64_t times[] = {0, 1, -1, -1000000001, 1768478400123456789};
	struct stat st, back;
	json_t *j;

	(void)state;
	memset(&st, 0, sizeof st);
	st.st_ino = 1;
	for (size_t i = 0; i < sizeof times / sizeof times[0]; i++) {
		st.st_mtim.tv_nsec = (long)((times[i] % 1000000000 + 1000000000) % 1000000000);
		st.st_mtim.tv_sec = (time_t)((times[i] - st.st_mtim.tv_nsec) / 1000000000);
		j = step_stat_json(&st);
		assert_true(step_stat_read(j, &back));
		assert_true(step_same(&st, &back));
		json_decref(j);
	}
	j = json_pack("{s:i}", "ino", 1);
	assert_false(step_stat_read(j, &back));
	assert_false(step_stat_read(NULL, &back));
	json_decref(j);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    CASE(test_rename),
	    CASE(test_nothing_is_replaced),
	    CASE(test_two_change_places),
	    CASE(test_only_what_it_was),
	    CASE(test_trash),
	    CASE(test_directory_that_is_not_empty),
	    CASE(test_trash_elsewhere),
	    CASE(test_replace),
	    CASE(test_not_carried_out),
	    CASE(test_make),
	    CASE(test_attributes_then_rename),
	    CASE(test_replace_then_rename),
	    CASE(test_dry_run),
	    CASE(test_other_directory),
	    CASE(test_journal),
	    cmocka_unit_test(test_stat_of_any_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
