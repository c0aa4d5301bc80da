/*
 * What save and move name: a plain directory, or another queue.
 *
 * A queue that messages are moved to is acted on as the one that they come from: no other mtaq, no
 * qmail-send; and it has to be of the same users, on the same filesystem.
 */
#include "mend.h"
#include "qmail.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { DEPTH = 256 };

/* Is the directory that of the queue, or below it. */
static bool inside_queue(const struct queue_qmail *q, int fd)
{
	struct stat queue, st, above;
	int at = dup(fd);
	bool inside = false;

	if (fstat(q->fd, &queue) < 0)
		queue.st_ino = 0;
	for (int depth = 0; at >= 0 && depth < DEPTH && fstat(at, &st) == 0; depth++) {
		int up = openat(at, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

		inside |= st.st_ino == queue.st_ino && st.st_dev == queue.st_dev;
		sys_close(at);
		at = up;
		if (up < 0 || fstat(up, &above) < 0 ||
		    (above.st_ino == st.st_ino && above.st_dev == st.st_dev))
			break;
	}
	sys_close(at);
	return inside;
}

/* One that is not there yet will be where its parent is. */
static int check_outside(const struct queue_qmail *q, const char *path, bool there,
			 struct error *err)
{
	const char *slash = strrchr(path, '/');
	char parent[PATH_MAX];
	bool inside;
	int fd;

	snprintf(parent, sizeof parent, "%.*s", slash > path ? (int)(slash - path) : 1, path);
	fd = sys_open_dir(there ? path : parent, err);
	if (fd < 0)
		return -1;
	inside = inside_queue(q, fd);
	sys_close(fd);
	return inside ? error_set(err, ERROR_USAGE,
				  "%s lies in the queue: copies are kept elsewhere", path)
		      : 0;
}

static int open_directory(struct action *a, struct error *err)
{
	struct qmail_run *r = qmail_run(a);
	char path[PATH_MAX];
	int there;

	there = sys_real_path(a->args->target, path, sizeof path, err);
	if (there < 0 || check_outside(r->q, path, there, err) < 0)
		return -1;
	if (!there && a->dry_run)
		return 0;
	if (!there && sys_make_dir(path, err) < 0)
		return -1;
	r->target_fd = sys_open_dir(path, err);
	return r->target_fd < 0 ? -1 : 0;
}

/* ---- a queue ---- */

/* Trouble with the other queue is a reason to leave it alone. */
static void note_trouble(void *ctx, const struct error *e)
{
	struct error *first = ctx;

	if (e->scope == SCOPE_QUEUE && first->code == ERROR_NONE)
		*first = *e;
}

static struct queue *open_queue(const char *dir, int64_t now, struct error *err)
{
	struct queue_spec spec = {.dir = dir, .why = "--to"};
	struct error trouble = ERROR_INIT;
	struct queue *q;
	int sure = backend_qmail.detect(dir, err);

	if (sure < 100) {
		if (sure >= 0)
			error_set(err, ERROR_NOQUEUE, "%s is no qmail queue", dir);
		return NULL;
	}
	q = backend_qmail.open(&spec, NULL, now, note_trouble, &trouble, err);
	if (!q || trouble.code == ERROR_NONE)
		return q;
	backend_qmail.close(q);
	error_set(err, ERROR_CORRUPT, "%s", trouble.text);
	return NULL;
}

static int check_pair(const struct queue_qmail *from, const struct queue_qmail *to,
		      struct error *err)
{
	static const char *const owned[] = {"info", "mess"};
	struct stat f, t;

	if (inside_queue(from, to->fd) || inside_queue(to, from->fd))
		return error_set(err, ERROR_USAGE, "%s and %s are not two queues", from->base.dir,
				 to->base.dir);
	for (size_t i = 0; i < 2; i++) {
		if (sys_stat(from->fd, owned[i], owned[i], &f, err) < 0 ||
		    sys_stat(to->fd, owned[i], owned[i], &t, err) < 0)
			return -1;
		if (f.st_dev != t.st_dev)
			return error_set(err, ERROR_USAGE,
					 "%s is on another filesystem: save the messages, and "
					 "restore them there",
					 to->base.dir);
		if (f.st_uid != t.st_uid || f.st_gid != t.st_gid)
			return error_set(
			    err, ERROR_USAGE,
			    "%s belongs to other users: save the messages, and restore "
			    "them there",
			    to->base.dir);
	}
	return 0;
}

static int open_other(struct action *a, struct error *err)
{
	struct qmail_run *r = qmail_run(a);
	struct queue *q = open_queue(a->args->target, a->now, err);
	struct action *t;

	if (!q)
		return -1;
	t = calloc(1, sizeof *t);
	if (!t)
		abort();
	*t = *a;
	t->queue = q;
	t->own = run_new(queue_qmail(q));
	if (!t->own)
		abort();
	r->target = t;
	if (check_pair(r->q, queue_qmail(q), err) < 0)
		return -1;
	if (run_claim(t, err) < 0)
		return -1;
	if (!a->dry_run)
		mend_queue(t);
	return 0;
}

int qmail_target_open(struct action *a, struct error *err)
{
	switch (a->op) {
	case OP_SAVE:
		return open_directory(a, err);
	case OP_MOVE:
		return open_other(a, err);
	default:
		return 0;
	}
}

void qmail_target_close(struct action *a)
{
	struct qmail_run *r = qmail_run(a);

	sys_close(r->target_fd);
	r->target_fd = -1;
	if (!r->target)
		return;
	struct queue *q = (struct queue *)(uintptr_t)r->target->queue;

	qmail_run_end(r->target);
	backend_qmail.close(q);
	free(r->target);
	r->target = NULL;
}
