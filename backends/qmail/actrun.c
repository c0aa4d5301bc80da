/*
 * Acting on one queue from its beginning to its end: who else is at work on it, and what has to be
 * on disk before a step counts.
 *
 * One mtaq acts on a queue at a time: it holds a lock on the queue's directory itself, which no
 * qmail program knows of. While qmail-send is down, lock/sendmutex is held for each batch, so that
 * it cannot start in the midst of one.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1 /* syncfs */
#endif
#include "act.h"
#include "rewrite.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

/* Tries of 50 ms; as many files that they are made durable together. */
enum { LOCK_TRIES = 20, SYNC_AT_ONCE = 8 };

static int lock_queue(struct qmail_run *r, struct error *err)
{
	const struct timespec moment = {0, 50 * 1000 * 1000};
	int tries = 0;

	while (flock(r->q->fd, LOCK_EX | LOCK_NB) < 0) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			return error_sys(err, errno, "%s", r->q->base.dir);
		if (tries++ == LOCK_TRIES)
			return error_set(err, ERROR_BUSY, "%s: another mtaq acts on this queue",
					 r->q->base.dir);
		nanosleep(&moment, NULL);
	}
	r->locked = true;
	return 0;
}

/* Does qmail-send run? A dry run only looks. */
static int find_send(struct action *a, struct error *err)
{
	const struct queue_qmail *q = queue_qmail(a->queue);
	struct send_process p = send_find(q);
	struct error e = ERROR_INIT;
	int fd;

	a->offline = p.running == 0;
	if (p.running == 1 || a->dry_run)
		return 0;
	fd = mutex_take(q, &e);
	a->offline = fd >= 0;
	sys_close(fd);
	if (fd >= 0 || e.code == ERROR_BUSY)
		return 0;
	*err = e;
	return -1;
}

static int check_methods(const struct action *a, struct error *err)
{
	unsigned methods = qmail_actions.ops[a->op].methods;

	if (a->offline || (methods & METHOD_LIVE))
		return 0;
	return error_set(err, ERROR_BUSY,
			 "%s: %s cannot be done while qmail-send runs: stop it first, and start it "
			 "again afterwards",
			 a->queue->dir, op_name(a->op));
}

/* An attempt at some messages only cannot be had from a qmail-send that runs. */
static int check_attempt(const struct action *a, struct error *err)
{
	bool wants = a->op == OP_RETRY || a->args->try_now;

	if (!wants || a->offline || a->args->whole_queue)
		return 0;
	return error_set(err, ERROR_BUSY,
			 "%s: a qmail-send that runs can only be told to try every message: "
			 "%s ALL%s, or stop it first",
			 a->queue->dir, op_name(a->op),
			 a->op == OP_RETRY ? ", or --whole-queue" : "");
}

static int check_lifetime(const struct action *a, struct error *err)
{
	const struct qmail_control *c = &queue_qmail(a->queue)->control;

	if (a->op != OP_EXPIRE || c->lifetime.known)
		return 0;
	return error_set(err, ERROR_USAGE,
			 "%s: how long mail lives is not known (%s): give it with -q "
			 "qmail:%s,lifetime=7d",
			 a->queue->dir, c->lifetime_from, a->queue->dir);
}

int run_claim(struct action *a, struct error *err)
{
	struct qmail_run *r = qmail_run(a);

	owners_find(r->q, &r->owners);
	if (!a->dry_run && lock_queue(r, err) < 0)
		return -1;
	return find_send(a, err) < 0 ? -1 : check_methods(a, err);
}

/* What these do is to make files; others may have to for some messages (new_file_write()). */
static int check_owners(const struct action *a, struct error *err)
{
	const struct qmail_run *r = qmail_run(a);

	return a->op == OP_BOUNCE || a->op == OP_RESTORE ? owners_check(&r->owners, r->q, err) : 0;
}

static int begin(struct action *a, struct error *err)
{
	if (check_lifetime(a, err) < 0 || run_claim(a, err) < 0 || qmail_target_open(a, err) < 0)
		return -1;
	return check_owners(a, err) < 0 ? -1 : check_attempt(a, err);
}

struct qmail_run *run_new(const struct queue_qmail *q)
{
	struct qmail_run *r = calloc(1, sizeof *r);

	if (!r)
		return NULL;
	r->q = q;
	r->mutex = r->folder = r->target_fd = -1;
	arena_init(&r->arena, 0);
	r->dirty = calloc((size_t)q->split + 1, 1);
	if (r->dirty)
		return r;
	free(r);
	return NULL;
}

int qmail_run_begin(struct action *a, struct error *err)
{
	struct qmail_run *r = run_new(queue_qmail(a->queue));
	struct error e = ERROR_INIT;

	if (!r)
		return error_set(err, ERROR_NOMEM, "out of memory");
	a->own = r;
	if (begin(a, &e) == 0)
		return 0;
	qmail_run_end(a);
	e.scope = SCOPE_QUEUE;
	if (err && err->code == ERROR_NONE)
		*err = e;
	return -1;
}

void qmail_run_end(struct action *a)
{
	struct qmail_run *r = qmail_run(a);

	qmail_target_close(a);
	sys_close(r->mutex);
	if (r->locked)
		flock(r->q->fd, LOCK_UN);
	free(r->dirty);
	free(r->dirty_fds);
	arena_free(&r->arena);
	free(r);
	a->own = NULL;
}

const struct rewrite *run_rewrite(struct action *a, struct error *err)
{
	struct qmail_run *r = qmail_run(a);
	struct rewrite *w = r->rewrite;

	if (w)
		return w;
	w = arena_zalloc(&r->arena, sizeof *w);
	if (!w) {
		error_set(err, ERROR_NOMEM, "out of memory");
		return NULL;
	}
	if (rewrite_load(r->q, &r->arena, w, err) < 0)
		return NULL;
	return r->rewrite = w;
}

/* ---- batches ---- */

/* qmail-send that was started meanwhile: what can be done beside it goes on beside it. */
int qmail_batch_begin(struct action *a, struct error *err)
{
	struct qmail_run *r = qmail_run(a);
	struct error e = ERROR_INIT;

	if (!a->offline || a->dry_run)
		return 0;
	r->mutex = mutex_take(r->q, &e);
	if (r->mutex >= 0 && (!r->target || qmail_batch_begin(r->target, &e) == 0))
		return 0;
	sys_close(r->mutex);
	r->mutex = -1;
	if (e.code == ERROR_BUSY) {
		a->offline = false;
		if (check_methods(a, NULL) == 0 && check_attempt(a, NULL) == 0)
			return 0;
	}
	if (err && err->code == ERROR_NONE)
		*err = e;
	return -1;
}

void qmail_batch_end(struct action *a)
{
	struct qmail_run *r = qmail_run(a);

	if (r->target)
		qmail_batch_end(r->target);
	sys_close(r->mutex);
	r->mutex = -1;
}

/* ---- what has to be on disk ---- */

void run_dirty(struct action *a, enum qmail_file f, uint64_t n)
{
	struct qmail_run *r = qmail_run(a);
	enum qmail_dir dir;
	size_t d = qmail_dir_of(r->q, f, n, &dir);

	r->dirty[d] |= (uint8_t)(1u << dir);
}

void run_dirty_fd(struct action *a, int fd)
{
	struct qmail_run *r = qmail_run(a);

	if (r->dirty_fd_count == r->dirty_fd_room) {
		r->dirty_fd_room = r->dirty_fd_room ? r->dirty_fd_room * 2 : ACTION_BATCH;
		r->dirty_fds = realloc(r->dirty_fds, r->dirty_fd_room * sizeof *r->dirty_fds);
		if (!r->dirty_fds)
			abort();
	}
	r->dirty_fds[r->dirty_fd_count++] = fd;
}

static int sync_dir(const struct qmail_run *r, enum qmail_dir dir, size_t d, struct error *err)
{
	char path[PART_ROOM];
	int fd, result = 0;

	if (d < r->q->split)
		snprintf(path, sizeof path, "%s/%zu", qmail_dir_name(dir), d);
	else
		snprintf(path, sizeof path, "%s", qmail_dir_name(dir));
	fd = sys_open_subdir(r->q->fd, path, false, path, err);
	if (fd < 0)
		return -1;
	if (fsync(fd) < 0)
		result = error_sys(err, errno, "%s", path);
	sys_close(fd);
	return result;
}

/* A batch of files costs a wait for the disk each. All of their file system at once costs about as
 * much as a few of them; where that cannot be had: false, and nothing is promised. */
static bool sync_at_once(const struct qmail_run *r)
{
#ifdef HAVE_SYNCFS
	struct stat queue, st;

	if (r->dirty_fd_count < SYNC_AT_ONCE || fstat(r->q->fd, &queue) < 0)
		return false;
	for (size_t i = 0; i < r->dirty_fd_count; i++)
		if (fstat(r->dirty_fds[i], &st) < 0 || st.st_dev != queue.st_dev)
			return false;
	return syncfs(r->q->fd) == 0;
#else
	(void)r;
	return false;
#endif
}

static int sync_files(struct qmail_run *r, struct error *err)
{
	bool done = sync_at_once(r);
	int result = 0;

	for (size_t i = 0; !done && i < r->dirty_fd_count; i++)
		if (fsync(r->dirty_fds[i]) < 0)
			result = error_sys(err, errno, "%s", r->q->base.dir);
	r->dirty_fd_count = 0;
	return result;
}

int qmail_sync(struct action *a, struct error *err)
{
	struct qmail_run *r = qmail_run(a);
	int result = sync_files(r, err);

	for (size_t d = 0; d <= r->q->split; d++) {
		for (int dir = 0; r->dirty[d] && dir < DIR_COUNT; dir++)
			if ((r->dirty[d] & (1u << dir)) &&
			    sync_dir(r, (enum qmail_dir)dir, d, err) < 0)
				result = -1;
		r->dirty[d] = 0;
	}
	if (r->folder >= 0 && fsync(r->folder) < 0)
		result = error_sys(err, errno, "the folder of the copy");
	r->folder = -1;
	if (r->target && qmail_sync(r->target, err) < 0)
		result = -1;
	return result;
}

/* Beside the queue directory, wherever that really is. */
int qmail_trash_place(const struct queue *q, char *out, size_t size)
{
	char *real = realpath(q->dir, NULL), *slash = real ? strrchr(real, '/') : NULL;
	int n = -1;

	if (slash && slash != real) {
		*slash = '\0';
		n = snprintf(out, size, "%s/mtaq-trash", real);
	}
	free(real);
	return n >= 0 && (size_t)n < size ? 0 : -1;
}
