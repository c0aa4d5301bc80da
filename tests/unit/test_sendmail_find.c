/* Which entries of a sendmail queue are messages, finding one by what people type, and what else
 * the backend tells. */
#include "unit/sendmail_fixture.h"

#include <sys/file.h>

static void test_wrong_places(void **state)
{
	static struct loaded l;

	(void)state;
	make_dir("mqueue");
	make_dir("mqueue/qf");
	make_dir("mqueue/df");
	make_file("mqueue/qf/qfAAA00001", SLICE("V8\nSa\n.\n"));
	make_file("mqueue/qf/tfAAA00001", SLICE(""));
	make_file("mqueue/qf/TfAAA00001", SLICE(""));
	make_file("mqueue/qf/xfAAA00001", SLICE(""));
	make_file("mqueue/qf/qxAAA00001", SLICE(""));
	make_file("mqueue/qf/QFAAA00001", SLICE(""));
	make_file("mqueue/qf/.qfAAA0001", SLICE(""));
	make_file("mqueue/qf/qf", SLICE(""));
	make_file("mqueue/df/qfAAA00002", SLICE(""));
	make_file("mqueue/qfAAA00003", SLICE("V8\nSa\n.\n"));
	make_file("mqueue/qf/qf123456789012345678", SLICE(""));
	make_file("mqueue/qf/qf1234567890123456789", SLICE(""));
	open_loaded(&l, "mqueue", NULL, NOW);
	scan_all(&l);
	assert_int_equal(l.count, 3);
	assert_int_equal(l.scan_errors, 2);
	close_loaded(&l);
}

/* Every entry of broken.ids that has a control file is found, by its exact id only. */
static void test_broken_ids(void **state)
{
	const char *top = getenv("top_srcdir");
	char path[1024], line[256];
	static struct loaded l;
	unsigned found = 0, missing = 0;
	FILE *f;

	(void)state;
	snprintf(path, sizeof path, "%s/fixtures/sendmail/broken.ids", top ? top : ".");
	unpack("broken");
	open_loaded(&l, "mqueue", NULL, NOW);
	f = fopen(path, "r");
	assert_non_null(f);
	while (fgets(line, sizeof line, f)) {
		struct slice id = slice_trim(slice_skip(slice_from(line), 29));
		struct message_entry out[4];
		int n;

		if (slice_eq(id, SLICE("(qf)")))
			id = SLICE("qf");
		if (slice_find(id, SLICE("\\n")) != SIZE_MAX)
			id = SLICE("60FA\nAnl0001");
		n = backend_sendmail.find(l.q, id, &l.names, out, 4, NULL);
		assert_true(n >= 0);
		found += n > 0;
		missing += n == 0;
		if (n && id.n > 3)
			assert_int_equal(backend_sendmail.find(l.q, slice_take(id, id.n - 1),
							       &l.names, out, 4, NULL),
					 0);
	}
	fclose(f);
	assert_int_equal(found, 40);
	assert_int_equal(missing,
			 2); /* the one without control file, the one with too long a name */
	close_loaded(&l);
}

static void test_find(void **state)
{
	static const struct {
		const char *id;
		int found;
		const char *first;
	} rows[] = {
	    {"60F900ui031747", 1, "qf60F900ui031747"},
	    {"qf60F900ui031747", 1, "qf60F900ui031747"},
	    {"hf60F900ui031747", 0, NULL},
	    {"df60F900ui031747", 1, "qf60F900ui031747"},
	    {"xf60F900ui031747", 0, NULL},
	    {"60F900ui031747*", 1, "qf60F900ui031747"},
	    {"60F900ui031747-", 1, "qf60F900ui031747"},
	    {"60F900ui031747X", 1, "qf60F900ui031747"},
	    {" 60F900ui031747! ", 1, "qf60F900ui031747"},
	    {"qf60F900ui031747+", 1, "qf60F900ui031747"},
	    {"60F900bi031781?", 1, "Qf60F900bi031781"},
	    {"60F9003Z031889", 2, "qf60F9003Z031889"},
	    {"hf60F9003Z031889", 1, "hf60F9003Z031889"},
	    {"60F900ui03174", 0, NULL},
	    {"60F900ui0317477", 0, NULL},
	    {"60f900ui031747", 0, NULL},
	    {"0F900ui031747", 0, NULL},
	    {"60F900ui031747**", 0, NULL},
	    {"*", 0, NULL},
	    {"", 0, NULL},
	    {"qf", 1, "qf"},
	    {"../mqueue/qf60F900ui031747", 0, NULL},
	    {"60FAAAff000001", 1, "qf60FAAAff000001"},
	    {"/nowhere/qf60F900ui031747", 0, NULL},
	};
	static struct loaded l;
	struct message_entry out[2];

	(void)state;
	unpack("broken");
	open_loaded(&l, "mqueue", NULL, NOW);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct error err = ERROR_INIT;

		assert_int_equal(
		    backend_sendmail.find(l.q, slice_from(rows[i].id), &l.names, out, 2, &err),
		    rows[i].found);
		if (rows[i].found)
			assert_slice(out[0].name, rows[i].first);
		assert_int_equal(err.code, ERROR_NONE);
	}
	assert_int_equal(
	    backend_sendmail.find(l.q, SLICE("60F9003Z031889"), &l.names, out, 0, NULL), 2);
	assert_int_equal(
	    backend_sendmail.find(l.q, SLICE("60F900\0ui031747"), &l.names, out, 2, NULL), 0);
	assert_int_equal(backend_sendmail.find(l.q,
					       slice_from(in_scratch("mqueue/qf60F900ui031747")),
					       &l.names, out, 2, NULL),
			 1);
	assert_int_equal(backend_sendmail.find(l.q, slice_from(in_scratch("mail/qf60F900ui031747")),
					       &l.names, out, 2, NULL),
			 0);
	close_loaded(&l);
}

/* A path means that directory only; an id may be in several. */
static void test_find_in_two_directories(void **state)
{
	static struct loaded l;
	struct message_entry out[2];

	(void)state;
	make_dir("mqueue");
	make_dir("mqueue/q1");
	make_dir("mqueue/q2");
	make_dir("mqueue/q2/qf");
	make_dir("mqueue/q2/df");
	make_file("mqueue/q1/qfAAA00001", SLICE("V8\n.\n"));
	make_file("mqueue/q2/qf/qfAAA00001", SLICE("V8\n.\n"));
	open_loaded(&l, "mqueue/q*", NULL, NOW);
	assert_int_equal(backend_sendmail.find(l.q, SLICE("AAA00001"), &l.names, out, 2, NULL), 2);
	assert_int_equal(backend_sendmail.find(l.q,
					       slice_from(in_scratch("mqueue/q2/qf/qfAAA00001")),
					       &l.names, out, 2, NULL),
			 1);
	assert_string_equal(sendmail_unit(out[0].unit)->name, "q2");
	assert_int_equal(backend_sendmail.find(l.q,
					       slice_from(in_scratch("mqueue/q2/df/dfAAA00001")),
					       &l.names, out, 2, NULL),
			 1);
	assert_int_equal(backend_sendmail.find(l.q, slice_from(in_scratch("mqueue/q1/AAA00001")),
					       &l.names, out, 2, NULL),
			 1);
	assert_string_equal(sendmail_unit(out[0].unit)->name, "q1");
	close_loaded(&l);
}

struct told {
	char text[2048];
	size_t n;
};

static void on_file(void *ctx, const char *role, const char *path)
{
	struct told *t = ctx;

	assert_int_equal(strncmp(path, scratch, strlen(scratch)), 0);
	t->n += (size_t)snprintf(t->text + t->n, sizeof t->text - t->n, "%s=%s ", role,
				 path + strlen(scratch));
}

static void test_files(void **state)
{
	static struct loaded l;
	struct told t = {0};

	(void)state;
	unpack("split");
	make_file("mqueue/q1/xf/xf60EM00la017224", SLICE(""));
	make_file("mqueue/q1/qf/tf60EM00la017224", SLICE(""));
	open_loaded(&l, "mqueue", NULL, NOW);
	load_all(&l);
	backend_sendmail.files(named(&l, "qf60EM00la017224"), on_file, &t);
	assert_string_equal(t.text, "control=/mqueue/q1/qf/qf60EM00la017224 "
				    "temporary=/mqueue/q1/qf/tf60EM00la017224 "
				    "data=/mqueue/q1/df/df60EM00la017224 "
				    "transcript=/mqueue/q1/xf/xf60EM00la017224 ");
	close_loaded(&l);
}

static void test_open_data(void **state)
{
	static struct loaded l;
	struct error err = ERROR_INIT;
	bool whole = true;
	char buf[16];
	int fd;

	(void)state;
	unpack("groups");
	open_loaded(&l, "mqueue", "mail/sendmail.cf", NOW);
	load_all(&l);
	/* its data file lies in another group's directory */
	fd = backend_sendmail.open_data(named(&l, "qf60F900s1017387"), &whole, &err);
	assert_true(fd >= 0);
	assert_false(whole);
	assert_int_equal(read(fd, buf, sizeof buf), 6);
	close(fd);
	assert_int_equal(unlink(in_scratch("mqueue/slow/df60F900s1017387")), 0);
	assert_int_equal(backend_sendmail.open_data(named(&l, "qf60F900s1017387"), &whole, &err),
			 -1);
	assert_int_equal(err.code, ERROR_GONE);
	close_loaded(&l);
}

static void on_line(void *ctx, char code, struct slice value)
{
	struct told *t = ctx;

	t->n += (size_t)snprintf(t->text + t->n, sizeof t->text - t->n, "%c[%.*s]", code,
				 SLICE_ARG(slice_take(value, 9)));
}

static void test_lister_lines(void **state)
{
	static struct loaded l;
	struct told t = {0};

	(void)state;
	make_dir("mqueue");
	make_file("cf", SLICE(""));
	load_text(&l, SLICE("V8\r\n\nSa\n\tfold\n.\nR:after\n"), NOW);
	backend_sendmail.lister_lines(&l.m[0], on_line, &t);
	assert_string_equal(t.text, "V[8]S[a]\t[fold].[]R[:after]");
	close_loaded(&l);
}

static void test_locked(void **state)
{
	static struct loaded l;
	int fd;

	(void)state;
	make_dir("mqueue");
	make_file("mqueue/qfAAA00001", SLICE("V8\n.\n"));
	fd = open(in_scratch("mqueue/qfAAA00001"), O_RDWR);
	open_loaded(&l, "mqueue", NULL, NOW);
	scan_all(&l);
	load_parts(&l, 0, PART_LOCK);
	assert_int_equal(l.m[0].locked, 0);
	assert_true(l.loader.locks_fresh);
	assert_int_equal(lockf(fd, F_TLOCK, 0), 0);
	/* the table is read once per chunk */
	if (l.locks.known) {
		load_parts(&l, 0, PART_LOCK);
		assert_int_equal(l.m[0].locked, 0);
		l.loader.locks_fresh = false;
		load_parts(&l, 0, PART_LOCK);
		assert_int_equal(l.m[0].locked, 1);
	}
	l.loader.held = true;
	load_parts(&l, 0, PART_LOCK);
	assert_int_equal(l.m[0].locked, 0);
	close(fd);
	close_loaded(&l);
}

/* Where the kernel does not tell, a shared lock is tried; never on an empty file, whose writer is
 * about to lock it. */
static void test_lock_probe(void **state)
{
	static struct loaded l;
	int fd;

	(void)state;
	make_dir("mqueue");
	make_file("mqueue/qfAAA00001", SLICE("V8\n.\n"));
	fd = open(in_scratch("mqueue/qfAAA00001"), O_RDWR);
	open_loaded(&l, "mqueue", NULL, NOW);
	scan_all(&l);
	l.locks.known = false;
	l.loader.locks_fresh = true;
	load_parts(&l, 0, PART_LOCK);
	assert_int_equal(l.m[0].locked, 0);
	assert_int_equal(flock(fd, LOCK_EX | LOCK_NB), 0);
	load_parts(&l, 0, PART_LOCK);
	assert_int_equal(l.m[0].locked, 1);
	assert_int_equal(ftruncate(fd, 0), 0);
	load_parts(&l, 0, PART_LOCK);
	assert_int_equal(l.m[0].locked, -1);
	assert_int_equal(l.m[0].failed, PART_LOCK);
	close(fd);
	close_loaded(&l);
}

/* Each field either needs something or says why it cannot be; what needs a part that is made of
 * another needs both. */
static void test_table(void **state)
{
	const struct backend *b = &backend_sendmail;

	(void)state;
	for (int f = 0; f < FIELD_COUNT; f++) {
		assert_true((b->needs[f] != 0) != (b->lacks[f] != NULL));
		assert_false(b->needs[f] & PART_LOG);
		if (b->needs[f] & (PART_RECIPIENTS | PART_HEADER))
			assert_true(b->needs[f] & PART_CONTROL);
	}
	assert_int_equal(b->cost[PART_NAME_I], 0);
	assert_ptr_equal(backend_find("sendmail"), b);
}

static void on_fact(void *ctx, const char *key, const char *value, const char *why)
{
	struct told *t = ctx;

	assert_true(key && value);
	t->n += (size_t)snprintf(t->text + t->n, sizeof t->text - t->n, "%s=%s(%s)\n", key,
				 strncmp(value, scratch, strlen(scratch)) ? value : "PATH",
				 why && strstr(why, "line") ? strstr(why, "line") : "");
	assert_true(t->n < sizeof t->text);
}

static void test_describe(void **state)
{
	static struct loaded l;
	struct told t = {0};
	struct lister_facts facts;

	(void)state;
	make_dir("mqueue");
	make_file("cf", SLICE("O MinQueueAge=27m\nO Timeout.queuereturn=3d\nO "
			      "Timeout.queuereturn.normal=now\nO PidFile=/no/such/file\n"));
	open_loaded(&l, "mqueue", "cf", NOW);
	backend_sendmail.describe(l.q, on_fact, &t);
	assert_non_null(strstr(t.text, "\ndirectory=PATH()"));
	assert_non_null(strstr(t.text, "\nMinQueueAge=27m(line 1)"));
	assert_non_null(strstr(t.text, "\nreturn.dsn=3d(line 2)"));
	assert_non_null(strstr(t.text, "\nreturn.normal=at once(line 3)"));
	assert_non_null(strstr(t.text, "\nwarning.normal=never()"));
	assert_non_null(strstr(t.text, "\ndaemon=not running()"));
	backend_sendmail.lister_facts(l.q, &facts);
	assert_int_equal(facts.min_queue_age, 27 * 60);
	assert_int_equal(facts.max_queue_age, 0);
	close_loaded(&l);
}

static void on_daemon(void *ctx, const char *key, const char *value, const char *why)
{
	struct told *t = ctx;

	(void)why;
	if (strcmp(key, "daemon") == 0)
		t->n += (size_t)snprintf(t->text + t->n, sizeof t->text - t->n, "%s\n", value);
}

/* A daemon is believed only when the process exists and calls itself sendmail, as this test program
 * does. */
static void test_daemon(void **state)
{
	static struct loaded l;
	char pid[64], cf[2048];

	(void)state;
	make_dir("mqueue");
	snprintf(cf, sizeof cf, "O PidFile=%s\n", in_scratch("pid"));
	make_file("cf", slice_from(cf));
	for (int i = 0; i < 3; i++) {
		struct told t = {0};

		snprintf(pid, sizeof pid, "%ld\n/usr/sbin/sendmail -bd\n", i ? 1L : (long)getpid());
		make_file("pid", i < 2 ? slice_from(pid) : SLICE("junk\n"));
		open_loaded(&l, "mqueue", "cf", NOW);
		backend_sendmail.describe(l.q, on_daemon, &t);
		if (access("/proc/self/comm", R_OK) != 0)
			assert_true(t.n > 0);
		else if (i == 0)
			assert_int_equal(strncmp(t.text, "running, process ", 17), 0);
		else
			assert_int_equal(strncmp(t.text, "not ", 4), 0);
		close_loaded(&l);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    IN_SCRATCH(test_wrong_places), IN_SCRATCH(test_broken_ids),
	    IN_SCRATCH(test_find),	   IN_SCRATCH(test_find_in_two_directories),
	    IN_SCRATCH(test_files),	   IN_SCRATCH(test_open_data),
	    IN_SCRATCH(test_lister_lines), IN_SCRATCH(test_locked),
	    IN_SCRATCH(test_lock_probe),   cmocka_unit_test(test_table),
	    IN_SCRATCH(test_describe),	   IN_SCRATCH(test_daemon),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
