/* Which directories belong to a sendmail queue: wildcard, groups, qf/ df/ xf/, links, bare
 * directories. */
#include "unit/sendmail_fixture.h"

#include <mtaq/limits.h>

static void test_split(void **state)
{
	static const struct {
		const char *dir, *base, *pattern; /* NULL: no wildcard */
	} rows[] = {
	    {"/a/b", "/a/b", NULL},   {"/a/b//", "/a/b", NULL}, {"/", "/", NULL},
	    {"/a/q*", "/a", "q"},     {"/a/*", "/a", ""},	{"/q*", "/", "q"},
	    {"/a*/q", "/a*/q", NULL}, {"q*", ".", "q"},		{"/a//q*", "/a", "q"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct slice base, pattern;

		layout_split(slice_from(rows[i].dir), &base, &pattern);
		assert_true(slice_eq(base, slice_from(rows[i].base)));
		assert_int_equal(pattern.p != NULL, rows[i].pattern != NULL);
		assert_true(slice_eq(pattern, slice_from(rows[i].pattern)));
	}
}

static void test_rebase(void **state)
{
	static const struct {
		const char *path, *from, *to, *out; /* NULL: not below */
	} rows[] = {
	    {"/a/b", "/a", "/x", "/x/b"}, {"/a", "/a", "/x", "/x"},   {"/a/", "/a", "/x", "/x"},
	    {"/ab", "/a", "/x", NULL},	  {"/b/a", "/a", "/x", NULL}, {"/a/q*", "/a", "", "/q*"},
	    {"/b", "/", "/x/", "/x/b"},
	};
	struct arena a;

	(void)state;
	arena_init(&a, 0);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct slice out = SLICE_NONE;
		bool below = layout_rebase(&a, slice_from(rows[i].path), slice_from(rows[i].from),
					   slice_from(rows[i].to), &out);

		assert_int_equal(below, rows[i].out != NULL);
		if (below)
			assert_true(slice_eq(out, slice_from(rows[i].out)));
	}
	arena_free(&a);
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* "NAME:GROUP:parts ..." of all units, sorted by name: the order is that of the directory. */
static const char *spell(const struct queue *q)
{
	static char out[4096], item[32][256];
	const struct layout *l = &sendmail_queue(q)->layout;
	const char *list[32];
	size_t n = 0;

	assert_true(l->count <= 32);
	for (size_t i = 0; i < l->count; i++) {
		const struct sendmail_unit *u = sendmail_unit(l->units[i]);

		assert_int_equal(u->base.index, i);
		assert_ptr_equal(u->base.queue, q);
		snprintf(item[i], sizeof item[0], "%s:%s:%s%s%s", u->name, u->group,
			 u->has_qf ? "q" : "", u->has_df ? "d" : "", u->has_xf ? "x" : "");
		list[i] = item[i];
	}
	qsort(list, l->count, sizeof list[0], by_text);
	for (size_t i = 0; i < l->count; i++)
		n += (size_t)snprintf(out + n, sizeof out - n, "%s%s", i ? " " : "", list[i]);
	out[n] = '\0';
	return out;
}

/* Open, spell, close. */
static void assert_layout(const char *dir, const char *cf, unsigned troubles, const char *want)
{
	struct error err = ERROR_INIT;
	struct troubles t = {0};
	struct queue *q = open_scratch(dir, cf, &t, &err);

	if (!q)
		print_message("# %s\n", err.text);
	assert_non_null(q);
	assert_string_equal(spell(q), want);
	assert_int_equal(t.count, troubles);
	backend_sendmail.close(q);
}

static void assert_no_layout(const char *dir, const char *cf, enum error_code code)
{
	struct error err = ERROR_INIT;

	assert_null(open_scratch(dir, cf, NULL, &err));
	assert_int_equal(err.code, code);
	assert_int_equal(err.scope, SCOPE_QUEUE);
}

static void test_one_directory(void **state)
{
	(void)state;
	make_dir("m");
	assert_layout("m", NULL, 0, ".::");
	assert_layout("m/", NULL, 0, ".::");
	make_file("m/qf", SLICE("a file of that name is no subdirectory"));
	assert_layout("m", NULL, 0, ".::");
	make_dir("m/df");
	assert_layout("m", NULL, 0, ".::d");
	make_dir("m/xf");
	assert_layout("m", NULL, 0, ".::dx");
	assert_int_equal(unlink(in_scratch("m/qf")), 0);
	make_dir("elsewhere");
	make_link("../elsewhere", "m/qf");
	assert_layout("m", NULL, 0, ".::qdx");
	assert_no_layout("none", NULL, ERROR_NOQUEUE);
}

static void test_paths(void **state)
{
	const struct sendmail_unit *u;
	struct queue *q;

	(void)state;
	make_dir("m");
	make_dir("m/q1");
	make_dir("m/q1/df");
	q = open_scratch("m/q*", NULL, NULL, NULL);
	assert_non_null(q);
	u = sendmail_unit(backend_sendmail.units(q).list[0]);
	assert_string_equal(u->base.path, in_scratch("m/q1/df"));
	assert_string_equal(u->qf.p, in_scratch("m/q1"));
	assert_string_equal(u->df.p, in_scratch("m/q1/df"));
	assert_string_equal(u->xf.p, in_scratch("m/q1"));
	assert_string_equal(q->dir, in_scratch("m"));
	assert_int_equal(strncmp(q->name, "sendmail:", 9), 0);
	assert_string_equal(q->name + 9, in_scratch("m/q*"));
	backend_sendmail.close(q);
}

static void test_wildcard(void **state)
{
	(void)state;
	make_dir("m");
	assert_no_layout("m/q*", NULL, ERROR_NOQUEUE);
	make_dir("m/q1");
	make_dir("m/q.old");
	make_dir("m/q.old/qf");
	make_dir("m/x1");
	make_file("m/qfile", SLICE(""));
	make_link("nowhere", "m/q9");
	assert_layout("m/q*", NULL, 0, "q.old::q q1::");
	assert_layout("m/*", NULL, 0, "q.old::q q1:: x1::");
	assert_layout("m/q1*", NULL, 0, "q1::");
	make_dir("far");
	make_link("../far", "m/q2");
	assert_layout("m/q*", NULL, 0, "q.old::q q1:: q2::");
}

static void test_same_directory_once(void **state)
{
	const struct layout *l;
	struct queue *q;

	(void)state;
	make_dir("m");
	make_dir("m/q1");
	make_link("q1", "m/q2");
	q = open_scratch("m/q*", NULL, NULL, NULL);
	assert_non_null(q);
	l = &sendmail_queue(q)->layout;
	assert_int_equal(l->count, 1);
	assert_int_equal(l->name_count, 2);
	assert_ptr_equal(layout_find(l, SLICE("q1")), l->units[0]);
	assert_ptr_equal(layout_find(l, SLICE("q2")), l->units[0]);
	assert_null(layout_find(l, SLICE("q")));
	assert_null(layout_find(l, SLICE("")));
	backend_sendmail.close(q);
}

static void make_cf(const char *text)
{
	struct arena a;

	/* @ stands for the scratch directory */
	arena_init(&a, 0);
	for (struct slice rest = slice_from(text), out = SLICE(""), part;
	     slice_cut(&rest, '@', &part);) {
		out = arena_printf(&a, "%.*s%.*s%s", SLICE_ARG(out), SLICE_ARG(part),
				   rest.p ? scratch : "");
		make_file("cf", out);
	}
	arena_free(&a);
}

static void make_groups(void)
{
	static const char *const dirs[] = {"m",	     "m/qa",	  "m/qb",     "m/slow",
					   "m/bulk", "m/bulk/b1", "m/bulk/b2"};

	for (size_t i = 0; i < sizeof dirs / sizeof dirs[0]; i++)
		make_dir(dirs[i]);
}

static void test_groups(void **state)
{
	static const struct {
		const char *cf, *want;
		unsigned troubles;
	} rows[] = {
	    {"O QueueDirectory=@/m/q*\n", "qa:mqueue: qb:mqueue:", 0},
	    {"O QueueDirectory=@/m/q*\nQslow, P=@/m/slow\n", "qa:mqueue: qb:mqueue: slow:slow:", 0},
	    {"O QueueDirectory=@/m/q*\nQslow\n", "qa:mqueue, slow: qb:mqueue, slow:", 0},
	    {"O QueueDirectory=@/m/q*\nQbulk, P=@/m/bulk/b*\nQmqueue, P=@/m/qa\n",
	     "bulk/b1:bulk: bulk/b2:bulk: qa:mqueue:", 0},
	    {"O QueueDirectory=@/m\nQslow, P=@/m/slow\n", ".:mqueue: slow:slow:", 0},
	    {"O QueueDirectory=@/m/q*\nQout, P=/tmp\n", "qa:mqueue: qb:mqueue:", 1},
	    {"O QueueDirectory=@/m/q*\nQgone, P=@/m/gone\n", "qa:mqueue: qb:mqueue:", 1},
	    {"O QueueDirectory=@/m/q*\nQgone, P=@/m/gone/g*\n", "qa:mqueue: qb:mqueue:", 1},
	};

	(void)state;
	make_groups();
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		make_cf(rows[i].cf);
		assert_layout("m", "cf", rows[i].troubles, rows[i].want);
	}
}

/* A directory given takes the place of the configured base, group paths move along. */
static void test_rebased_groups(void **state)
{
	(void)state;
	make_groups();
	make_cf("O QueueDirectory=/var/spool/mqueue/q*\nQslow, P=/var/spool/mqueue/slow\n"
		"Qbulk, P=/var/spool/mqueue/bulk/b*\n");
	assert_layout("m", "cf", 0, "bulk/b1:bulk: bulk/b2:bulk: qa:mqueue: qb:mqueue: slow:slow:");
	assert_layout("m/qa*", "cf", 0, "bulk/b1:bulk: bulk/b2:bulk: qa:mqueue: slow:slow:");
	make_cf("O QueueDirectory=/var/spool/mqueue\n");
	assert_layout("m", "cf", 0, ".:mqueue:");
	make_cf("O MinQueueAge=5\n");
	assert_layout("m", "cf", 0, ".:mqueue:");
}

static void test_configuration_names_directory(void **state)
{
	struct queue_spec spec = {.kind = "sendmail"};
	struct error err = ERROR_INIT;
	struct queue *q;

	(void)state;
	make_groups();
	make_cf("O QueueDirectory=@/m/q*\n");
	q = backend_sendmail.open(&spec, in_scratch("cf"), 0, NULL, NULL, &err);
	assert_non_null(q);
	assert_string_equal(spell(q), "qa:mqueue: qb:mqueue:");
	assert_string_equal(q->name + 9, in_scratch("m"));
	backend_sendmail.close(q);

	make_cf("O MinQueueAge=5\n");
	assert_null(backend_sendmail.open(&spec, in_scratch("cf"), 0, NULL, NULL, &err));
	assert_int_equal(err.code, ERROR_NOQUEUE);
	error_clear(&err);
	assert_null(backend_sendmail.open(&spec, in_scratch("missing"), 0, NULL, NULL, &err));
	assert_int_equal(err.code, ERROR_GONE);
}

static void test_bare(void **state)
{
	(void)state;
	make_groups();
	assert_layout("m", NULL, 0, ".::");
	make_file("m/bulk/b1/qf60F7002G017409", SLICE(""));
	make_dir("m/qb/df");
	make_dir("m/qa/deep");
	make_dir("m/qa/deep/qf");
	assert_layout("m", NULL, 0, "bulk/b1:: qa/deep::q qb::d");
	make_file("m/Qf60F7002G017409", SLICE(""));
	assert_layout("m", NULL, 0, ".::");
}

static void test_detect(void **state)
{
	struct error err = ERROR_INIT;

	(void)state;
	make_dir("m");
	assert_int_equal(backend_sendmail.detect(in_scratch("m"), &err), 0);
	make_dir("clientmqueue");
	assert_true(backend_sendmail.detect(in_scratch("clientmqueue"), &err) > 0);
	make_file("m/dfu-tool", SLICE(""));
	make_file("m/qf", SLICE(""));
	make_file("m/qfile-of-mine", SLICE(""));
	assert_int_equal(backend_sendmail.detect(in_scratch("m"), &err), 0);
	make_dir("m/q1");
	make_file("m/q1/hfAAA12345", SLICE(""));
	assert_in_range(backend_sendmail.detect(in_scratch("m"), &err), 50, 100);
	assert_in_range(backend_sendmail.detect(in_scratch("m/q1"), &err), 50, 100);
	assert_in_range(backend_sendmail.detect(in_scratch("m/q*"), &err), 50, 100);
	make_dir("m/xf");
	assert_in_range(backend_sendmail.detect(in_scratch("m"), &err), 90, 100);
	assert_int_equal(err.code, ERROR_NONE);
	assert_int_equal(backend_sendmail.detect(in_scratch("none"), &err), -1);
	assert_int_equal(err.code, ERROR_GONE);
}

static void on_found(void *ctx, const struct queue_spec *spec)
{
	unsigned *n = ctx;

	assert_string_equal(spec->kind, "sendmail");
	assert_null(spec->dir);
	++*n;
}

static void test_discover(void **state)
{
	struct error err = ERROR_INIT;
	unsigned n = 0;

	(void)state;
	assert_int_equal(backend_sendmail.discover("/any/file.cf", on_found, &n, &err), 0);
	assert_int_equal(n, 1);
}

/* More directories than anybody has: an error, not a shorter list. */
static void test_limit_units(void **state)
{
	struct error err = ERROR_INIT;
	char name[64];

	(void)state;
	sys_raise_file_limit();
	if (sysconf(_SC_OPEN_MAX) < (long)LIMIT_UNITS + 64) {
		print_message("# SKIP too few open files allowed\n");
		skip();
	}
	make_dir("m");
	for (unsigned i = 0; i <= LIMIT_UNITS; i++) {
		snprintf(name, sizeof name, "m/q%u", i);
		make_dir(name);
	}
	assert_null(open_scratch("m/q*", NULL, NULL, &err));
	assert_int_equal(err.code, ERROR_LIMIT);
}

static void test_long_path(void **state)
{
	char path[PATH_MAX + 64], dots[64] = "/././././././././././././././.";
	size_t n = (size_t)snprintf(path, sizeof path, "%s", scratch);
	struct queue_spec spec = {.kind = "sendmail", .dir = path};
	struct error err = ERROR_INIT;

	(void)state;
	while (n + 200 < PATH_MAX)
		n += (size_t)snprintf(path + n, sizeof path - n, "%s", dots);
	assert_null(backend_sendmail.open(&spec, NULL, 0, NULL, NULL, &err));
	assert_int_equal(err.code, ERROR_LIMIT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_split),
	    cmocka_unit_test(test_rebase),
	    IN_SCRATCH(test_one_directory),
	    IN_SCRATCH(test_paths),
	    IN_SCRATCH(test_wildcard),
	    IN_SCRATCH(test_same_directory_once),
	    IN_SCRATCH(test_groups),
	    IN_SCRATCH(test_rebased_groups),
	    IN_SCRATCH(test_configuration_names_directory),
	    IN_SCRATCH(test_bare),
	    IN_SCRATCH(test_detect),
	    IN_SCRATCH(test_discover),
	    IN_SCRATCH(test_limit_units),
	    IN_SCRATCH(test_long_path),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
