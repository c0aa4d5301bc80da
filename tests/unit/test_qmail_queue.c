/* Finding, opening and describing qmail queues; ids, files and bytes of their messages. */
#include <sys/file.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif

#include "unit/qmail_box.h"

/* ---- detect, discover ---- */

static void test_detect(void **state)
{
	struct error e = ERROR_INIT;
	struct box b;

	(void)state;
	box_open(&b, "empty.tar");
	assert_int_equal(backend_qmail.detect(b.dir, &e), 100);
	assert_int_equal(backend_qmail.detect(b.path, &e), 0);
	assert_int_equal(e.code, ERROR_NONE);
	assert_int_equal(renameat(b.fd, "lock", b.fd, "lock.away"), 0);
	assert_int_equal(backend_qmail.detect(b.dir, &e), 60);
	assert_int_equal(renameat(b.fd, "todo", b.fd, "todo.away"), 0);
	assert_int_equal(backend_qmail.detect(b.dir, &e), 0);
	assert_int_equal(backend_qmail.detect("/nonexistent/queue", &e), -1);
	assert_int_equal(e.code, ERROR_GONE);
	box_close(&b);
}

static void count_found(void *ctx, const struct queue_spec *spec)
{
	assert_string_equal(spec->kind, "qmail");
	assert_non_null(spec->dir);
	assert_non_null(spec->why);
	(*(int *)ctx)++;
}

/* What is on this host is not known here; but it must not fail, and find nothing twice. */
static void test_discover(void **state)
{
	int found = 0, again = 0;

	(void)state;
	assert_int_equal(backend_qmail.discover(NULL, count_found, &found, NULL), 0);
	assert_int_equal(backend_qmail.discover(NULL, count_found, &again, NULL), 0);
	assert_int_equal(found, again);
}

/* ---- open ---- */

static void test_open_fails(void **state)
{
	static const struct {
		const char *dir;
		struct queue_option option;
		enum error_code code;
	} cases[] = {
	    {"/nonexistent/queue", {"control", NULL}, ERROR_NOQUEUE},
	    {NULL, {"lifetime", "7"}, ERROR_USAGE},
	    {NULL, {"lifetime", "soon"}, ERROR_USAGE},
	    {NULL, {"lifetime", NULL}, ERROR_USAGE},
	    {NULL, {"control", "/nonexistent/control"}, ERROR_USAGE},
	};
	struct box b;

	(void)state;
	box_unpack(&b, "empty.tar");
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct queue_spec spec = {
		    .dir = cases[i].dir ? cases[i].dir : b.dir,
		    .options = &cases[i].option,
		    .option_count = cases[i].dir ? 0 : 1,
		};
		struct error e = ERROR_INIT;

		assert_null(backend_qmail.open(&spec, NULL, 0, box_tell, &b, &e));
		assert_int_equal(e.code, cases[i].code);
		assert_int_equal(e.scope, SCOPE_QUEUE);
	}
	box_close(&b);
}

static void test_names_of_the_queue(void **state)
{
	struct box b;
	char dir[96], name[96];
	struct unit_list units;
	struct queue_spec spec = {.dir = dir};

	(void)state;
	box_unpack(&b, "empty.tar");
	snprintf(dir, sizeof dir, "%s//", b.dir);
	snprintf(name, sizeof name, "qmail:%s", b.dir);
	b.queue = backend_qmail.open(&spec, NULL, 42, box_tell, &b, NULL);
	assert_non_null(b.queue);
	assert_string_equal(b.queue->dir, b.dir);
	assert_string_equal(b.queue->name, name);
	assert_int_equal(b.queue->now, 42);
	assert_string_equal(b.queue->backend->name, "qmail");
	units = backend_qmail.units(b.queue);
	assert_int_equal(units.count, 1);
	assert_ptr_equal(units.list[0]->queue, b.queue);
	assert_string_equal(units.list[0]->path, b.dir);
	box_close(&b);
}

/* ---- control/ ---- */

static const struct qmail_control *control_of(const struct box *b)
{
	return &queue_qmail(b->queue)->control;
}

static void put_control(const struct box *b, const char *name, const char *text)
{
	char path[128];

	snprintf(path, sizeof path, "../control/%s", name);
	box_write(b, path, slice_from(text));
}

static void test_lifetime(void **state)
{
	static const struct {
		const char *file, *option; /* NULL: there is none */
		bool known;
		int64_t seconds;
		const char *from; /* end of it */
	} cases[] = {
	    {NULL, NULL, true, 604800, "qmail's default"},
	    {"86400\n", NULL, true, 86400, "control/queuelifetime"},
	    {"86400", NULL, true, 86400, "control/queuelifetime"},
	    {"3600 \t\nrest\n", NULL, true, 3600, "control/queuelifetime"},
	    {"12x\n", NULL, true, 12, "control/queuelifetime"},
	    {"x\n", NULL, true, 604800, "control/queuelifetime"},
	    {"", NULL, true, 604800, "control/queuelifetime"},
	    {"99999999999\n", NULL, false, 0, "cannot be read"},
	    {"86400\n", "2d", true, 172800, "lifetime="},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct queue_option option = {"lifetime", cases[i].option};
		struct number got;
		struct slice from;
		struct box b;

		box_unpack(&b, "empty.tar");
		if (cases[i].file)
			put_control(&b, "queuelifetime", cases[i].file);
		box_open_with(&b, &option, cases[i].option ? 1 : 0);
		got = control_of(&b)->lifetime;
		from = slice_from(control_of(&b)->lifetime_from);
		assert_int_equal(got.known, cases[i].known);
		if (got.known)
			assert_int_equal(got.value, cases[i].seconds);
		assert_true(slice_ends(from, slice_from(cases[i].from)));
		box_close(&b);
	}
}

static void test_no_control(void **state)
{
	struct message m;
	struct box b;
	char from[128], to[128];

	(void)state;
	box_unpack(&b, "split1.tar");
	snprintf(from, sizeof from, "%s/control", b.path);
	snprintf(to, sizeof to, "%s/elsewhere", b.path);
	assert_int_equal(rename(from, to), 0);
	box_open_with(&b, NULL, 0);
	assert_null(control_of(&b)->dir);
	assert_false(control_of(&b)->lifetime.known);
	box_scan(&b);
	box_get(&b, b.entries[0].number, ENVELOPE_PARTS, &m);
	assert_true(m.arrival.known);
	assert_false(m.expires.known);
	backend_qmail.close(b.queue);
	box_open_with(&b, &(struct queue_option){"control", to}, 1);
	assert_string_equal(control_of(&b)->dir, to);
	assert_int_equal(control_of(&b)->lifetime.value, 604800);
	box_close(&b);
}

/* A queue that is a link: its control/ is looked for beside the link, then beside what it leads to.
 */
static void test_linked_queue(void **state)
{
	char link[128], control[256];
	struct box b;
	struct queue_spec spec = {.dir = link};

	(void)state;
	box_unpack(&b, "empty.tar");
	snprintf(link, sizeof link, "%s/other", b.path);
	assert_int_equal(mkdir(link, 0700), 0);
	snprintf(link, sizeof link, "%s/other/queue", b.path);
	assert_int_equal(symlink(b.dir, link), 0);
	b.queue = backend_qmail.open(&spec, NULL, 0, box_tell, &b, NULL);
	assert_non_null(b.queue);
	snprintf(control, sizeof control, "%s/../control", link);
	assert_string_equal(control_of(&b)->dir, control);
	backend_qmail.close(b.queue);
	snprintf(control, sizeof control, "%s/other/control", b.path);
	assert_int_equal(mkdir(control, 0700), 0);
	b.queue = backend_qmail.open(&spec, NULL, 0, box_tell, &b, NULL);
	assert_string_equal(control_of(&b)->dir, control);
	box_close(&b);
}

/* ---- describe ---- */

struct facts {
	char text[4096];
};

static void note_fact(void *ctx, const char *key, const char *value, const char *why)
{
	struct facts *f = ctx;
	size_t n = strlen(f->text);

	snprintf(f->text + n, sizeof f->text - n, "%s=%s (%s)\n", key, value, why ? why : "");
}

static void assert_fact(const struct box *b, const char *fact)
{
	struct facts f = {""};

	backend_qmail.describe(b->queue, note_fact, &f);
	if (!strstr(f.text, fact))
		print_message("%s not in\n%s", fact, f.text);
	assert_non_null(strstr(f.text, fact));
}

static void test_describe(void **state)
{
	struct box b;

	(void)state;
	box_open(&b, "basic.tar");
	assert_fact(&b, "split=23 ()\n");
	assert_fact(&b, "big-todo=no ()\n");
	assert_fact(&b, "lifetime=7d (qmail's default)\n");
	assert_fact(&b, "smtproutes=8 ()\n");
	assert_fact(&b, "double bounces to=dev-null@grey.example.net ()\n");
	assert_fact(&b, "concurrency=local 10, remote 20 ()\n");
	assert_fact(&b, "qmail-send=not running ()\n");
	box_close(&b);
	box_open(&b, "bigtodo.tar");
	assert_fact(&b, "big-todo=yes (todo/0 is a directory)\n");
	box_close(&b);
}

/* A process that holds the lock as qmail-send does, and is called like it. */
static pid_t hold_mutex(const struct box *b, const char *name, int *done)
{
	int ready[2], finish[2];
	char c;
	pid_t pid;

	assert_int_equal(pipe(ready), 0);
	assert_int_equal(pipe(finish), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		int fd = openat(b->fd, "lock/sendmutex", O_WRONLY);

		close(finish[1]);
#ifdef __linux__
		prctl(PR_SET_NAME, name);
#endif
		if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) < 0 || write(ready[1], "", 1) != 1)
			_exit(1);
		if (read(finish[0], &c, 1) < 0)
			_exit(1);
		_exit(0);
	}
	close(ready[1]);
	close(finish[0]);
	assert_int_equal(read(ready[0], &c, 1), 1);
	close(ready[0]);
	*done = finish[1];
	return pid;
}

static void let_go(pid_t pid, int done)
{
	int status;

	close(done);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void test_running(void **state)
{
	struct send_process p;
	char fact[64];
	struct box b;
	int done, fd;
	pid_t pid;

	(void)state;
	box_open(&b, "empty.tar");
	pid = hold_mutex(&b, "qmail-send", &done);
	p = send_find(queue_qmail(b.queue));
	assert_int_equal(p.running, 1);
	assert_int_equal(p.pid, pid);
	snprintf(fact, sizeof fact, "qmail-send=running, pid %ld", (long)pid);
	assert_fact(&b, fact);
	let_go(pid, done);
	p = send_find(queue_qmail(b.queue));
	assert_int_equal(p.running, 0);
	assert_int_equal(p.pid, 0);
	/* another tool holds the lock: locked by nobody we would send a signal to */
	pid = hold_mutex(&b, "other-tool", &done);
	p = send_find(queue_qmail(b.queue));
	assert_int_not_equal(p.running, 0);
	assert_int_equal(p.pid, 0);
	let_go(pid, done);
	/* nothing was locked by looking */
	fd = openat(b.fd, "lock/sendmutex", O_WRONLY);
	assert_int_equal(flock(fd, LOCK_EX | LOCK_NB), 0);
	close(fd);
	box_close(&b);
}

/* ---- ids ---- */

static void test_find(void **state)
{
	struct message_entry found;
	struct message m;
	struct slice id;
	struct box b;

	(void)state;
	box_open(&b, "todo.tar");
	box_scan(&b);
	for (size_t i = 0; i < b.count; i++) {
		const struct message_entry *e = &b.entries[i];

		assert_int_equal(backend_qmail.find(b.queue, e->name, &b.names, &found, 1, NULL),
				 1);
		assert_int_equal(found.number, e->number);
		assert_int_equal(found.seen | SEEN_IN_SCAN, e->seen);
		assert_ptr_equal(found.unit, e->unit);
		assert_true(slice_eq(found.name, e->name));
		box_get(&b, e->number, PART_DATA, &m);
		id = backend_qmail.script_id(&b.names, &m);
		assert_int_equal(backend_qmail.find(b.queue, id, &b.names, &found, 1, NULL), 1);
		id = arena_printf(&b.names, "%" SLICE_FMT "1", SLICE_ARG(id));
		assert_int_equal(backend_qmail.find(b.queue, id, &b.names, &found, 1, NULL), 0);
	}
	assert_int_equal(backend_qmail.find(b.queue, SLICE("999"), &b.names, &found, 1, NULL), 0);
	assert_int_equal(backend_qmail.find(b.queue, SLICE("1147985"), &b.names, NULL, 0, NULL), 1);
	box_close(&b);
}

static void test_find_path(void **state)
{
	struct message_entry found;
	struct slice path;
	struct box b;

	(void)state;
	box_open(&b, "todo.tar");
	path = arena_printf(&b.names, "%s/mess/9/1147985", b.dir);
	assert_int_equal(backend_qmail.find(b.queue, path, &b.names, &found, 1, NULL), 1);
	path = arena_printf(&b.names, "%s/other/mess/9/1147985", b.path);
	assert_int_equal(backend_qmail.find(b.queue, path, &b.names, &found, 1, NULL), 0);
	box_close(&b);
}

/* ---- files, data ---- */

static void note_file(void *ctx, const char *role, const char *path)
{
	struct facts *f = ctx;
	size_t n = strlen(f->text);
	struct stat st;

	assert_int_equal(lstat(path, &st), 0);
	snprintf(f->text + n, sizeof f->text - n, "%s ", role);
}

static void test_files(void **state)
{
	static const struct {
		const char *archive;
		uint64_t number;
		const char *files;
	} cases[] = {
	    {"todo.tar", 1147985, "mess info local remote "},
	    {"todo.tar", 1148105, "mess todo intd "},
	    {"todo.tar", 1148145, "mess info local todo intd "},
	    {"todo.tar", 1148149, "mess "},
	    {"bigtodo.tar", 1148105, "mess todo intd "},
	    {"bouncing.tar", 1148276, "mess info bounce "},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct facts f = {""};
		struct message m;
		struct box b;

		box_open(&b, cases[i].archive);
		box_scan(&b);
		box_begin(&b, cases[i].number, &m);
		backend_qmail.files(&m, note_file, &f);
		assert_string_equal(f.text, cases[i].files);
		box_close(&b);
	}
}

static void test_open_data(void **state)
{
	struct message m;
	char text[16];
	bool whole = false;
	struct error e = ERROR_INIT;
	struct box b;
	int fd;

	(void)state;
	box_open(&b, "broken.tar");
	box_scan(&b);
	box_begin(&b, 1147962, &m);
	fd = backend_qmail.open_data(&m, &whole, &e);
	assert_true(fd >= 0);
	assert_true(whole);
	assert_int_equal(read(fd, text, 15), 15);
	assert_memory_equal(text, "Received: (qmai", 15);
	close(fd);
	box_begin(&b, 1148066, &m);
	assert_int_equal(backend_qmail.open_data(&m, &whole, &e), -1);
	assert_int_equal(e.code, ERROR_CORRUPT);
	error_clear(&e);
	box_begin(&b, 1147977, &m);
	assert_int_equal(backend_qmail.open_data(&m, &whole, &e), -1);
	assert_int_equal(e.code, ERROR_GONE);
	box_close(&b);
}

/* ---- the table ---- */

static void test_table(void **state)
{
	(void)state;
	assert_ptr_equal(backend_find("qmail"), &backend_qmail);
	for (int f = 0; f < FIELD_COUNT; f++) {
		parts_t needs = backend_qmail.needs[f];

		assert_false(needs && backend_qmail.lacks[f]);
		for (unsigned i = PART_STAT_I; i < PART_COUNT; i++)
			if (needs & PART(i))
				assert_true(backend_qmail.cost[i] > 0);
	}
	assert_int_equal(backend_qmail.needs[FIELD_BOUNCE], PART_STAT);
	assert_int_equal(backend_qmail.needs[FIELD_AGE], PART_STAT);
	assert_int_equal(backend_qmail.needs[FIELD_PRIORITY], 0);
	assert_int_equal(backend_qmail.needs[FIELD_STATUS], PART_RECIPIENTS | PART_LOG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_detect),	 cmocka_unit_test(test_discover),
	    cmocka_unit_test(test_open_fails),	 cmocka_unit_test(test_names_of_the_queue),
	    cmocka_unit_test(test_lifetime),	 cmocka_unit_test(test_no_control),
	    cmocka_unit_test(test_linked_queue), cmocka_unit_test(test_describe),
	    cmocka_unit_test(test_running),	 cmocka_unit_test(test_find),
	    cmocka_unit_test(test_find_path),	 cmocka_unit_test(test_files),
	    cmocka_unit_test(test_open_data),	 cmocka_unit_test(test_table),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
