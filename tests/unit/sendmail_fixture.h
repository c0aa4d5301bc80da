/* Scratch directories, recorded sendmail queues unpacked into them, and an open queue. */
#ifndef TESTS_SENDMAIL_FIXTURE_H
#define TESTS_SENDMAIL_FIXTURE_H

#include "unit/cmocka_all.h"

#include "../../backends/sendmail/queue.h"
#include "../../backends/sendmail/sendmail.h"

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

#endif
