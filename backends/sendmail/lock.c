/*
 * Holding a message as sendmail's own queue runners do: an exclusive lock on its control file.
 *
 * sendmail locks with flock or with fcntl, as it was built, and the two do not see each other: both
 * are taken, flock first. A network file system makes the first into the second, so there only the
 * second is. The lock belongs to the open file, so that reading it elsewhere does not drop it.
 *
 * Identity: what was chosen is named by its id and its data file. sendmail writes the control file
 * anew after each attempt, so another inode there only means that it was tried meanwhile: the new
 * file is taken, and the caller reads and evaluates it again under the lock. Another data file
 * means another message.
 */
#ifdef __linux__
#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1 /* F_OFD_SETLK */
#endif
#endif
#include "act.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/vfs.h>
#endif

enum {
	YOUNG = 600,	/* seconds that sendmail leaves an empty control file alone */
	REOPENINGS = 20 /* a file that is replaced more often while we look is busy */
};

/* ---- the lock ---- */

#ifdef __linux__
static bool is_nfs(int fd)
{
	enum { NFS_MAGIC = 0x6969 };
	struct statfs fs;

	return fstatfs(fd, &fs) == 0 && fs.f_type == NFS_MAGIC;
}
#else
static bool is_nfs(int fd)
{
	(void)fd;
	return false;
}
#endif

static int lock_record(int fd)
{
#ifdef F_OFD_SETLK
	struct flock fl = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	int r;

	do
		r = fcntl(fd, F_OFD_SETLK, &fl);
	while (r < 0 && errno == EINTR);
	if (r < 0 && errno == EACCES)
		errno = EWOULDBLOCK;
	return r;
#else
	/* a record lock of the process is dropped when any descriptor of the file is closed; where
	 * there is no other kind, flock sees record locks too */
	(void)fd;
	return 0;
#endif
}

static int lock_whole(int fd)
{
#ifdef HAVE_FLOCK
	int r;

	do
		r = flock(fd, LOCK_EX | LOCK_NB);
	while (r < 0 && errno == EINTR);
	return r;
#else
	(void)fd;
	return 0;
#endif
}

int lock_file(int fd)
{
	if (!is_nfs(fd) && lock_whole(fd) < 0)
		return -1;
	return lock_record(fd);
}

/* Listings hold a shared lock for a moment: worth trying again; a runner holds its own for long, so
 * that all messages of a batch share one second. */
static int lock_patiently(struct act *act, int fd)
{
	int wait_ms = 5, r;

	while ((r = lock_file(fd)) < 0 && errno == EWOULDBLOCK && act->patience_ms >= wait_ms) {
		struct timespec t = {0, wait_ms * 1000000L};

		act->patience_ms -= wait_ms;
		nanosleep(&t, NULL);
		wait_ms *= 2;
	}
	return r;
}

/* ---- the file ---- */

static const char *path_of(struct held *h)
{
	const struct grip *g = grip_of(h);

	return act_path(h, g->unit->qf, g->name);
}

/* sendmail makes the file empty, and gives up the message when it cannot lock it then. */
static int check_size(const struct action *a, struct held *h, struct error *err)
{
	const struct stat *st = &grip_of(h)->st;

	if (st->st_size == 0 && a->now - (int64_t)st->st_ctime < YOUNG)
		return error_set(err, ERROR_BUSY, "%s is still being written", path_of(h));
	return 0;
}

/* sendmail's own test: the name still means the file that was locked, unchanged. 1, 0 when it means
 * another, -1 */
static int still_named(struct held *h, struct error *err)
{
	struct grip *g = grip_of(h);
	struct stat st;

	if (sys_stat(g->unit->qf_fd, g->name, path_of(h), &st, err) < 0)
		return -1;
	if (fstat(g->fd, &g->st) < 0)
		return error_sys(err, errno, "%s", path_of(h));
	return st.st_dev == g->st.st_dev && st.st_ino == g->st.st_ino &&
	       st.st_nlink == g->st.st_nlink && st.st_uid == g->st.st_uid &&
	       st.st_gid == g->st.st_gid && st.st_size == g->st.st_size;
}

static int open_and_lock(struct action *a, struct held *h, struct error *err)
{
	struct grip *g = grip_of(h);
	int r;

	g->fd = sys_open_file(g->unit->qf_fd, g->name, SYS_READ_WRITE, path_of(h), &g->st, err);
	if (g->fd < 0 || check_size(a, h, err) < 0)
		return -1;
	if (lock_patiently(act_of(a), g->fd) < 0) {
		if (errno == EWOULDBLOCK)
			return error_set(err, ERROR_BUSY, "%s is locked", path_of(h));
		return error_sys(err, errno, "%s cannot be locked", path_of(h));
	}
	r = still_named(h, err);
	return r;
}

static int lock_control(struct action *a, struct held *h, struct error *err)
{
	struct grip *g = grip_of(h);

	for (int i = 0; i < REOPENINGS; i++) {
		int r = open_and_lock(a, h, err);

		if (r > 0)
			return 0;
		sys_close(g->fd);
		g->fd = -1;
		if (r < 0)
			return -1;
	}
	return error_set(err, ERROR_BUSY, "%s is being replaced all the time", path_of(h));
}

/* A dry run takes no lock: it looks who has one. */
static int look_at_control(struct action *a, struct held *h, struct error *err)
{
	struct grip *g = grip_of(h);
	int locked, fd;

	if (sys_stat(g->unit->qf_fd, g->name, path_of(h), &g->st, err) < 0)
		return -1;
	if (!S_ISREG(g->st.st_mode))
		return error_set(err, ERROR_CORRUPT, "%s is %s", path_of(h),
				 sys_file_type(g->st.st_mode));
	if (check_size(a, h, err) < 0)
		return -1;
	locked = sys_locks_exclusive(&act_of(a)->locks, g->st.st_dev, g->st.st_ino);
	if (locked < 0 && g->st.st_size) {
		fd = sys_open_file(g->unit->qf_fd, g->name, SYS_READ, path_of(h), NULL, err);
		if (fd < 0)
			return -1;
		locked = sys_probe_locked(fd);
		sys_close(fd);
	}
	return locked > 0 ? error_set(err, ERROR_BUSY, "%s is locked", path_of(h)) : 0;
}

/* ---- identity ---- */

static int same_message(struct action *a, struct held *h, struct error *err)
{
	const struct message_identity *was = &h->item->identity, *is = &h->message.identity;
	struct grip *g = grip_of(h);

	sendmail_load(a->loader, &h->message, PART_STAT | PART_CONTROL | PART_DATA);
	if (h->message.gone)
		return error_set(err, ERROR_GONE, "%s is gone", path_of(h));
	if (was->data_ino && is->data_ino &&
	    (was->data_ino != is->data_ino || was->data_dev != is->data_dev))
		return error_set(err, ERROR_STALE, "%s is another message than was chosen",
				 path_of(h));
	if (is->data_ino)
		g->data = sendmail_data_unit(&h->message);
	if (is->data_ino && !g->data)
		g->data = g->unit;
	return 0;
}

int sendmail_recheck(struct action *a, struct held *h, struct error *err)
{
	const struct grip *g = grip_of(h);
	int r;

	if (a->dry_run || h->saved)
		return 0;
	r = still_named(h, err);
	if (r < 0)
		return -1;
	if (r && h->message.identity.control_ino == g->st.st_ino &&
	    h->message.identity.control_dev == g->st.st_dev &&
	    h->message.identity.control_size == g->st.st_size)
		return 0;
	return error_set(err, ERROR_STALE, "%s was replaced by something that does not lock",
			 path_of(h));
}

/* ---- taking and letting go ---- */

static int begin_grip(struct held *h, struct error *err)
{
	const struct message_entry *e = &h->item->entry;
	struct grip *g = arena_zalloc(&h->arena, sizeof *g);

	if (!g)
		return error_set(err, ERROR_NOMEM, "out of memory");
	g->fd = g->temp_fd = g->intent_fd = -1;
	g->unit = sendmail_unit(e->unit);
	snprintf(g->name, sizeof g->name, "%" SLICE_FMT, SLICE_ARG(e->name));
	h->own = g;
	return 0;
}

int sendmail_take(struct action *a, struct held *h, struct error *err)
{
	int r;

	if (h->saved)
		return restore_take(a, h, err);
	/* such a name is listed and run by sendmail; all of ours end in the id */
	if (h->item->entry.name.n <= 2)
		return error_set(err, ERROR_CORRUPT, "its control file's name has no id");
	if (begin_grip(h, err) < 0)
		return -1;
	sendmail_begin(a->queue, &h->item->entry, &h->arena, &h->message);
	r = a->dry_run ? look_at_control(a, h, err) : lock_control(a, h, err);
	if (r == 0)
		r = same_message(a, h, err);
	if (r < 0)
		sendmail_let_go(a, h);
	return r;
}

void sendmail_let_go(struct action *a, struct held *h)
{
	struct grip *g = grip_of(h);

	(void)a;
	if (!g)
		return;
	for (size_t i = g->made_count; !h->committed && i-- > 0;)
		unlinkat(g->made[i].dirfd, g->made[i].name, 0);
	sys_close(g->intent_fd);
	sys_close(g->temp_fd);
	sys_close(g->fd);
	h->own = NULL;
}
