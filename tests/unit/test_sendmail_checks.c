/* Checking a sendmail queue: what a queue run objects to, line by line; which modes it refuses;
 * whose the lock is; and that the table of findings says all that it must. */
#include "unit/sendmail_box.h"

#include "../../backends/sendmail/checks.h"

#include <sys/file.h>
#include <time.h>

static struct box box;

static int set_up(void **state)
{
	(void)state;
	box_open(&box, "flat", NULL);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	box_close(&box);
	return 0;
}

static void test_trouble(void **state)
{
	static const struct {
		const char *text;
		size_t line;	 /* 0: nothing is wrong */
		const char *why; /* words of it */
	} rows[] = {
	    {"V8\nT1\nSa\nRPFD:b\nH??A: b\n.\n", 0, NULL},
	    {"V8\nT1\nSa\n.\n", 0, NULL},
	    {"V8\r\nT1\r\nSa\r\n.\r\n", 0, NULL},
	    {".\n", 0, NULL},
	    {"V8\nT1\n", 3, "final dot is missing"},
	    {"", 1, "final dot is missing"},
	    {"V8\nT1\n.\n\n", 4, "after the final dot"},
	    {"V8\nT1\n.\nN1\n", 4, "after the final dot"},
	    {"V8\n\nT1\n.\n", 2, "is empty"},
	    {"V8\n\r\nT1\n.\n", 2, "is empty"},
	    {"V8\nT1\nxyz\n.\n", 3, "does not know"},
	    {"V8\nG1\n.\n", 2, "does not know"},
	    {"V9\nT1\n.\n", 1, "version"},
	    {"V8\nB7BIT\n.\n", 0, NULL},
	    {"V8\nb8bitmime\n.\n", 2, "does not know"},
	    {"V8\nB8bitmime\n.\n", 0, NULL},
	    {"V8\nBINARY\n.\n", 2, "7BIT"},
	    {"V8\nFrom a\n.\n", 2, "From"},
	    {"V8\nFrs\n.\n", 0, NULL},
	    {"V8\nA<>\n.\n", 0, NULL},
	    {"V8\nAa+2Bb@c\n.\n", 0, NULL},
	    {"V8\nAa+2bb@c\n.\n", 2, "xtext"},
	    {"V8\nAa+2\n.\n", 2, "xtext"},
	    {"V8\nAa+\n.\n", 2, "xtext"},
	    {"V8\nAa=b\n.\n", 2, "xtext"},
	    {"V8\nAa b\n.\n", 2, "xtext"},
	    {"V8\nAa\x80\n.\n", 2, "xtext"},
	    {"V8\nd.\n.\n", 0, NULL},
	    {"V8\ndnowhere\n.\n", 2, "no queue directory"},
	    {"V8\nH??A: b\n\tc\n\td\nxyz\n.\n", 5, "does not know"},
	    {"V8\nCa\nQb\nrc\nEd\nL1\nD2\nI3\nZe\n!f\n$g\n.\n", 0, NULL},
	};
	size_t line;

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		const char *why =
		    control_trouble(sendmail_queue(box.queue), slice_from(rows[i].text), &line);

		if (!rows[i].line != !why ||
		    (why && (line != rows[i].line || !strstr(why, rows[i].why))))
			fail_msg("row %zu: line %zu %s", i, line, why ? why : "is well");
	}
}

static void test_trouble_of_nul(void **state)
{
	size_t line;

	(void)state;
	assert_non_null(control_trouble(sendmail_queue(box.queue), SLICE("V8\n\0x\n.\n"), &line));
	assert_int_equal(line, 2);
	/* within a line it ends the value, and nobody minds */
	assert_null(control_trouble(sendmail_queue(box.queue), SLICE("V8\nSa\0b\n.\n"), &line));
}

static void test_modes(void **state)
{
	static const struct {
		mode_t mode;
		bool bad;
	} rows[] = {{0640, false}, {0600, false}, {0644, false}, {0660, true},
		    {0620, true},  {0602, true},  {0666, true},	 {0, false}};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		assert_int_equal(mode_is_bad(sendmail_queue(box.queue), rows[i].mode), rows[i].bad);
}

static void test_mode_that_the_configuration_allows(void **state)
{
	struct box other;

	(void)state;
	box_open(&other, "flat", "O QueueFileMode=0660");
	assert_false(mode_is_bad(sendmail_queue(other.queue), 0660));
	assert_true(mode_is_bad(sendmail_queue(other.queue), 0662));
	box_close(&other);
}

/* The table is what json, the manual and --code live on. */
static void test_codes(void **state)
{
	(void)state;
	assert_int_equal(sendmail_checks.count, CHECK_KINDS);
	for (int i = 0; i < CHECK_KINDS; i++) {
		const struct check_code *c = &sendmail_codes[i];

		assert_non_null(c->code);
		assert_non_null(c->means);
		assert_non_null(c->repair);
		assert_true(i == 0 || c->severity >= c[-1].severity);
		for (const char *p = c->code; *p; p++)
			assert_true(ascii_isalpha(*p) || *p == '-');
		for (int k = 0; k < i; k++)
			assert_string_not_equal(c->code, sendmail_codes[k].code);
	}
}

static void test_places(void **state)
{
	struct error err = ERROR_INIT;
	char path[300];
	int fd = sendmail_open_place(box.queue, box.dir, &err);
	struct stat a, b;

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &a), 0);
	assert_int_equal(stat(box.dir, &b), 0);
	assert_int_equal(a.st_ino, b.st_ino);
	close(fd);
	snprintf(path, sizeof path, "%s/..", box.dir);
	assert_int_equal(sendmail_open_place(box.queue, path, &err), -1);
	assert_int_equal(err.code, ERROR_DENIED);
	err = ERROR_INIT;
	assert_int_equal(sendmail_open_place(box.queue, "/etc", &err), -1);
	assert_int_equal(err.code, ERROR_DENIED);
}

/* ---- one finding, mended through the table ---- */

struct caught {
	struct finding list[8];
	size_t count;
};

static void catch (void *ctx, const struct finding *f)
{
	struct caught *c = ctx;

	assert_true(c->count < 8);
	c->list[c->count++] = *f;
}

static void no_trouble(void *ctx, const struct error *err)
{
	(void)ctx;
	fail_msg("%s", err->text);
}

static uint64_t look_at(struct caught *c)
{
	struct check_walk w = {.queue = box.queue,
			       .now = (int64_t)time(NULL) + 86400 * 30,
			       .jobs = 3,
			       .arena = &box.arena,
			       .found = catch,
			       .trouble = no_trouble,
			       .ctx = c};
	struct error err = ERROR_INIT;

	*c = (struct caught){.count = 0};
	assert_int_equal(sendmail_checks.check(&w, &err), 0);
	return w.looked;
}

static void look(struct caught *c)
{
	assert_int_equal(look_at(c), 25);
}

#define ID	   "60F800S2016995"
#define FILE_OF(p) "mqueue/" p ID

static const char *path_of(const char *name)
{
	return arena_printf(&box.arena, "%s/%s", box.path, name).p;
}

static int plan(struct repair *r, struct mend *m, const struct finding *f, struct error *err)
{
	*m = (struct mend){.finding = f};
	arena_init(&m->arena, 0);
	*err = ERROR_INIT;
	return sendmail_checks.plan(r, m, err);
}

static void done(struct repair *r, struct mend *m)
{
	sendmail_checks.let_go(r, m);
	arena_free(&m->arena);
}

static void test_plan(void **state)
{
	struct repair r = {.now = (int64_t)time(NULL) + 86400 * 30};
	struct error err = ERROR_INIT;
	struct caught c;
	struct mend m;
	int fd;

	(void)state;
	r.queue = box.queue;
	look(&c);
	assert_int_equal(c.count, 0);
	assert_int_equal(unlink(path_of(FILE_OF("df"))), 0);
	look(&c);
	assert_int_equal(c.count, 1);
	assert_ptr_equal(c.list[0].code, &sendmail_codes[CHECK_NO_DATA]);
	assert_string_equal(arena_str(&box.arena, c.list[0].id), ID);
	assert_int_equal(sendmail_checks.repair_begin(&r, &err), 0);
	assert_int_equal(plan(&r, &m, &c.list[0], &err), 1);
	assert_int_equal(m.count, 1);
	assert_int_equal(m.steps[0].kind, STEP_TRASH);
	/* held until let_go */
	fd = open(path_of(FILE_OF("qf")), O_RDWR);
	assert_int_equal(flock(fd, LOCK_EX | LOCK_NB), -1);
	done(&r, &m);
	assert_int_equal(flock(fd, LOCK_EX | LOCK_NB), 0);
	/* somebody else has it */
	assert_int_equal(plan(&r, &m, &c.list[0], &err), -1);
	assert_int_equal(err.code, ERROR_BUSY);
	done(&r, &m);
	/* a dry run takes no lock, and sees who has it */
	r.dry_run = true;
	assert_int_equal(plan(&r, &m, &c.list[0], &err), 0);
	done(&r, &m);
	close(fd);
	assert_int_equal(plan(&r, &m, &c.list[0], &err), 1);
	done(&r, &m);
	r.dry_run = false;
	/* the data file is there again */
	box_write(&box, FILE_OF("df"), SLICE("text\n"));
	assert_int_equal(plan(&r, &m, &c.list[0], &err), 0);
	done(&r, &m);
	/* all is gone */
	assert_int_equal(unlink(path_of(FILE_OF("df"))), 0);
	assert_int_equal(unlink(path_of(FILE_OF("qf"))), 0);
	assert_int_equal(plan(&r, &m, &c.list[0], &err), 0);
	done(&r, &m);
	sendmail_checks.repair_end(&r);
}

/* The last finding, planned: what plan() returns, how many steps. */
static int plan_last(struct caught *c, size_t *steps, struct error *err)
{
	struct repair r = {.queue = box.queue, .now = (int64_t)time(NULL) + 86400 * 30};
	struct mend m;
	int n;

	assert_int_equal(sendmail_checks.repair_begin(&r, err), 0);
	n = plan(&r, &m, &c->list[c->count - 1], err);
	*steps = m.count;
	done(&r, &m);
	sendmail_checks.repair_end(&r);
	return n;
}

/* ---- what mtaq itself leaves ---- */

/* Their writers lock them: whatever the process id in the name, or when there is none. */
static void test_own_files(void **state)
{
	const char *names[] = {
	    arena_printf(&box.arena, "mqueue/.mtaq-to." ID ".%ld", (long)getppid()).p,
	    "mqueue/.mtaq-to." ID ".1", "mqueue/.mtaq-in." ID};
	struct caught c;

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		int fd;

		box_write(&box, names[i], SLICE("V8\n"));
		look(&c);
		assert_int_equal(c.count, 1);
		assert_ptr_equal(c.list[0].code, &sendmail_codes[CHECK_UNFINISHED]);
		assert_int_equal(c.list[0].detail.p != NULL, i == 2);
		fd = open(path_of(names[i]), O_RDWR);
		assert_int_equal(lock_file(fd), 0);
		look(&c);
		assert_int_equal(c.count, 0);
		close(fd);
		assert_int_equal(unlink(path_of(names[i])), 0);
	}
	/* that of another user is not acted on, and told to be his */
	box_write(&box, names[0], SLICE("V8\n"));
	if (geteuid() == 0) {
		assert_int_equal(chown(path_of(names[0]), 65534, 65534), 0);
		look(&c);
		assert_int_equal(c.count, 1);
		assert_true(slice_starts(c.list[0].detail, SLICE("of uid 65534: ")));
	}
	assert_int_equal(unlink(path_of(names[0])), 0);
	/* one that arrives from a directory where its intent is */
	box_write(&box, arena_printf(&box.arena, "%s.%ld", names[2], (long)getppid()).p,
		  SLICE("V8\n"));
	look(&c);
	assert_int_equal(c.count, 0);
}

/* A move to `to` that was cut off when the source was out of sight. */
static void cut_off_move(const char *to)
{
	const char *script =
	    "cd \"$0\" && (exec sleep 0) & wait $!; pid=$!; cd \"$0/mqueue\" || exit 1\n"
	    "mv qf$1 .mtaq-out.$1.$pid && ln df$1 .mtaq-df.$1.$pid && chmod 600 .mtaq-out.$1.$pid\n"
	    "umask 077; printf '{\"qf\":\"%s\",\"df\":\"%s\",\"name\":\"qf%s\",\"data\":true}' "
	    "\"$2\" \"$2\" $1 >.mtaq-to.$1.$pid\n"
	    "[ ! -d \"$2\" ] || { cp .mtaq-out.$1.$pid \"$2\"/.mtaq-in.$1.$pid; cp df$1 \"$2\"; "
	    "}\n";

	box_run((const char *const[]){"sh", "-c", script, box.path, ID, to, NULL});
}

static void test_repair_of_an_unfinished_move(void **state)
{
	const char *to = path_of("elsewhere");
	struct error err = ERROR_INIT;
	struct caught c;
	size_t steps;

	(void)state;
	assert_int_equal(mkdir(to, 0700), 0);
	cut_off_move(to);
	look_at(&c);
	assert_true(c.count >= 2);
	while (c.count > 0 && c.list[c.count - 1].code != &sendmail_codes[CHECK_DATA_ALONE])
		c.count--;
	assert_true(c.count > 0);
	assert_non_null(c.list[c.count - 1].why_not.p);
	/* it is finished first */
	assert_int_equal(plan_last(&c, &steps, &err), 0);
	assert_non_null(box_text(&box, "elsewhere/qf" ID).p);
	assert_non_null(box_text(&box, "elsewhere/df" ID).p);
	assert_null(box_text(&box, FILE_OF("df")).p);
	look_at(&c);
	assert_int_equal(c.count, 0);
}

/* Nor does its data file go when it cannot be finished. */
static void test_repair_of_a_move_to_nowhere(void **state)
{
	struct error err = ERROR_INIT;
	struct caught c;
	size_t steps;

	(void)state;
	cut_off_move(path_of("elsewhere"));
	look_at(&c);
	while (c.count > 0 && c.list[c.count - 1].code != &sendmail_codes[CHECK_DATA_ALONE])
		c.count--;
	assert_true(c.count > 0);
	assert_int_equal(plan_last(&c, &steps, &err), -1);
	assert_int_equal(err.code, ERROR_UNSUPPORTED);
	assert_int_equal(steps, 0);
	assert_non_null(box_text(&box, FILE_OF("df")).p);
}

/* ---- data files of several ---- */

/* An empty control file goes; the data file is the other one's. */
static void test_empty_beside_another(void **state)
{
	struct error err = ERROR_INIT;
	struct caught c;
	size_t steps;

	(void)state;
	box_write(&box, FILE_OF("hf"),
		  arena_printf(&box.arena, "%.3sqwhy\n%s", box_text(&box, FILE_OF("qf")).p,
			       box_text(&box, FILE_OF("qf")).p + 3));
	box_write(&box, FILE_OF("qf"), SLICE(""));
	look_at(&c);
	while (c.count > 0 && c.list[c.count - 1].code != &sendmail_codes[CHECK_EMPTY])
		c.count--;
	assert_true(c.count > 0);
	assert_int_equal(plan_last(&c, &steps, &err), 1);
	assert_int_equal(steps, 1);
}

static int set_up_shared(void **state)
{
	(void)state;
	box_open_shared(&box);
	return 0;
}

/* q1/df and q2/df are one directory: what is in it is the data of both. */
static void test_shared_data(void **state)
{
	struct error err = ERROR_INIT;
	struct caught c;
	size_t steps;

	(void)state;
	look_at(&c);
	assert_int_equal(c.count, 0);
	/* two control files and one data file are no message and its copy */
	box_run((const char *const[]){"cp", "-p", path_of("mqueue/q1/qf/qf60EH00tW017323"),
				      path_of("mqueue/q2/qf"), NULL});
	look_at(&c);
	assert_int_equal(c.count, 1);
	assert_ptr_equal(c.list[0].code, &sendmail_codes[CHECK_DUPLICATE_ID]);
	assert_non_null(c.list[0].why_not.p);
	assert_true(plan_last(&c, &steps, &err) <= 0);
	assert_int_equal(steps, 0);
	/* where each has its own, one is the copy */
	box_run((const char *const[]){"sh", "-c", "cd \"$0\" && rm q2/df && cp -Rp q1/df q2/df",
				      box.dir, NULL});
	backend_sendmail.close(box.queue);
	box_open_dir(&box, box.dir);
	look_at(&c);
	for (size_t i = 0; i < c.count; i++)
		if (c.list[i].code == &sendmail_codes[CHECK_DUPLICATE_ID]) {
			c.count = i + 1;
			assert_null(c.list[i].why_not.p);
			assert_int_equal(plan_last(&c, &steps, &err), 1);
			assert_int_equal(steps, 2);
			return;
		}
	fail();
}

/* What sendmail has just made empty is not touched: it could not lock it then. */
static void test_young(void **state)
{
	struct check_walk w = {.queue = box.queue,
			       .now = (int64_t)time(NULL),
			       .jobs = 1,
			       .arena = &box.arena,
			       .found = catch,
			       .trouble = no_trouble};
	struct caught c = {.count = 0};
	struct error err = ERROR_INIT;

	(void)state;
	w.ctx = &c;
	box_write(&box, "mqueue/qfzzzzzzzz000001", SLICE(""));
	box_write(&box, "mqueue/dfzzzzzzzz000001", SLICE("text\n"));
	assert_int_equal(sendmail_checks.check(&w, &err), 0);
	assert_int_equal(c.count, 0);
	w.now += 610;
	assert_int_equal(sendmail_checks.check(&w, &err), 0);
	assert_int_equal(c.count, 1);
	assert_ptr_equal(c.list[0].code, &sendmail_codes[CHECK_EMPTY]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_trouble, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_trouble_of_nul, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_modes, set_up, tear_down),
	    cmocka_unit_test(test_mode_that_the_configuration_allows),
	    cmocka_unit_test(test_codes),
	    cmocka_unit_test_setup_teardown(test_places, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_plan, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_own_files, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_repair_of_an_unfinished_move, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_repair_of_a_move_to_nowhere, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_empty_beside_another, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_shared_data, set_up_shared, tear_down),
	    cmocka_unit_test_setup_teardown(test_young, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
