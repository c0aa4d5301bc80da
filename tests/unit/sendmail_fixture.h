/* Scratch directories, recorded sendmail queues unpacked into them, and an open queue. */
#ifndef TESTS_SENDMAIL_FIXTURE_H
#define TESTS_SENDMAIL_FIXTURE_H

#include "unit/cmocka_all.h"

#include "../../backends/sendmail/queue.h"
#include "../../backends/sendmail/sendmail.h"

#include <mtaq/limits.h>

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static char scratch[256];

static inline int run(const char *const argv[])
{
	int status = -1;
	pid_t pid = fork();

	if (pid == 0) {
		execvp(argv[0], (char *const *)(uintptr_t)argv);
		_exit(127);
	}
	waitpid(pid, &status, 0);
	return status;
}

static inline int make_scratch(void **state)
{
	const char *tmp = getenv("TMPDIR");

	(void)state;
	snprintf(scratch, sizeof scratch, "%s/mtaq-sendmail.XXXXXX", tmp && *tmp ? tmp : "/tmp");
	return mkdtemp(scratch) ? 0 : -1;
}

static inline int remove_scratch(void **state)
{
	const char *argv[] = {"rm", "-rf", scratch, NULL};

	(void)state;
	return run(argv);
}

/* scratch/NAME; one of four buffers in turn. */
static inline const char *in_scratch(const char *name)
{
	static char buf[4][1024];
	static unsigned at;
	char *p = buf[at++ % 4];

	snprintf(p, sizeof buf[0], "%s/%s", scratch, name);
	return p;
}

static inline void make_dir(const char *name)
{
	assert_int_equal(mkdir(in_scratch(name), 0700), 0);
}

static inline void make_file(const char *name, struct slice content)
{
	int fd = open(in_scratch(name), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, content.p, content.n), content.n);
	close(fd);
}

static inline void make_link(const char *to, const char *name)
{
	assert_int_equal(symlink(to, in_scratch(name)), 0);
}

/* mail/ and mqueue/ of a recorded queue, below scratch. */
static inline void unpack(const char *fixture)
{
	const char *top = getenv("top_srcdir");
	char path[1024];
	const char *argv[] = {"tar", "xf", path, "-C", scratch, NULL};

	snprintf(path, sizeof path, "%s/fixtures/sendmail/%s.tar", top ? top : ".", fixture);
	assert_int_equal(run(argv), 0);
}

/* What went to trouble(). */
struct troubles {
	unsigned count;
	struct error last;
};

static inline void count_trouble(void *ctx, const struct error *err)
{
	struct troubles *t = ctx;

	t->count++;
	t->last = *err;
}

/* `dir` and `cf` below scratch; cf NULL: none. */
static inline struct queue *open_scratch(const char *dir, const char *cf, struct troubles *t,
					 struct error *err)
{
	static char dir_path[1024], cf_path[1024];
	static struct queue_option option;
	struct queue_spec spec = {.kind = "sendmail", .dir = dir_path, .why = "test"};

	snprintf(dir_path, sizeof dir_path, "%s/%s", scratch, dir);
	if (cf) {
		snprintf(cf_path, sizeof cf_path, "%s/%s", scratch, cf);
		option = (struct queue_option){"cf", cf_path};
		spec.options = &option;
		spec.option_count = 1;
	}
	return backend_sendmail.open(&spec, NULL, 1768478400, t ? count_trouble : NULL, t, err);
}

#define NOW	      INT64_C(1768478400) /* of the recorded queues */
#define ALL_PARTS     ((parts_t)((1u << PART_COUNT) - 1))
#define IN_SCRATCH(f) cmocka_unit_test_setup_teardown(f, make_scratch, remove_scratch)

enum { MOST = 64 };

/* An open queue with all of its messages loaded. */
struct loaded {
	struct queue *q;
	struct arena names, arena[MOST];
	struct message_entry entry[MOST];
	struct message m[MOST];
	size_t count, scan_errors;
	unsigned states[STATE_COUNT];
	struct sys_locks locks;
	struct loader loader;
};

static inline void open_loaded(struct loaded *l, const char *dir, const char *cf, int64_t now)
{
	struct error err = ERROR_INIT;

	*l = (struct loaded){.loader = {.locks = &l->locks, .now = now}};
	sys_locks_init(&l->locks);
	arena_init(&l->names, 0);
	l->q = open_scratch(dir, cf, NULL, &err);
	assert_non_null(l->q);
}

static inline void scan_all(struct loaded *l)
{
	struct scan *s = backend_sendmail.scan_begin(l->q, NULL);
	struct error err = ERROR_INIT;
	int r;

	assert_non_null(s);
	while ((r = backend_sendmail.scan_next(s, &l->names, &l->entry[l->count], &err)) != 0) {
		if (r < 0) {
			assert_int_equal(err.scope, SCOPE_MESSAGE);
			l->scan_errors++;
			error_clear(&err);
			continue;
		}
		l->count++;
		assert_true(l->count < MOST);
	}
	backend_sendmail.scan_end(s);
}

static inline void load_parts(struct loaded *l, size_t i, parts_t want)
{
	arena_free(&l->arena[i]);
	arena_init(&l->arena[i], LIMIT_MESSAGE_BYTES);
	l->loader.arena = &l->arena[i];
	backend_sendmail.begin(l->q, &l->entry[i], &l->arena[i], &l->m[i]);
	backend_sendmail.load(&l->loader, &l->m[i], want);
}

static inline void load_all(struct loaded *l)
{
	scan_all(l);
	for (size_t i = 0; i < l->count; i++) {
		load_parts(l, i, ALL_PARTS);
		assert_int_equal(l->m[i].have, ALL_PARTS);
		l->states[l->m[i].state]++;
	}
}

static inline void close_loaded(struct loaded *l)
{
	for (size_t i = 0; i < MOST; i++)
		arena_free(&l->arena[i]);
	arena_free(&l->names);
	sys_locks_free(&l->locks);
	backend_sendmail.close(l->q);
}

/* The message of that file name. */
static inline struct message *named(struct loaded *l, const char *name)
{
	for (size_t i = 0; i < l->count; i++)
		if (slice_eq(l->entry[i].name, slice_from(name)))
			return &l->m[i];
	print_message("# no %s\n", name);
	fail();
	return NULL;
}

static inline void assert_slice(struct slice got, const char *want)
{
	assert_true(got.p != NULL && slice_eq(got, slice_from(want)));
}

/* Write one control file (and its data file), load it all. */
static inline const struct message *load_text(struct loaded *l, struct slice text, int64_t now)
{
	make_file("mqueue/qfAAA00001", text);
	make_file("mqueue/dfAAA00001", SLICE("body\n"));
	open_loaded(l, "mqueue", "cf", now);
	load_all(l);
	assert_int_equal(l->count, 1);
	return &l->m[0];
}

#endif
