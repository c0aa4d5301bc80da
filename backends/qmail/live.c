/*
 * qmail-send at work: keeping it from starting, and the few things it can be told while it runs.
 *
 * It holds lock/sendmutex by flock(2) as long as it lives; builds for systems without that use
 * lockf(3), so both kinds are taken. Whoever holds the mutex keeps it down: its supervisor starts
 * it again within a second of the release.
 */
#include "act.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <unistd.h>

static int lock_both(int fd)
{
	struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	int r;

	do
		r = flock(fd, LOCK_EX | LOCK_NB);
	while (r < 0 && errno == EINTR);
	return r < 0 ? -1 : fcntl(fd, F_SETLK, &whole);
}

int mutex_take(const struct queue_qmail *q, struct error *err)
{
	static const char path[] = "lock/sendmutex";
	struct stat opened, named;
	int fd = sys_open_file(q->fd, path, SYS_READ_WRITE, path, &opened, err);

	if (fd < 0) {
		if (err && err->code == ERROR_GONE)
			err->code = ERROR_CORRUPT;
		error_prefix(err, "%s: whether qmail-send runs cannot be told", q->base.dir);
		return -1;
	}
	if (lock_both(fd) < 0) {
		if (errno == EWOULDBLOCK || errno == EACCES || errno == EAGAIN)
			error_set(err, ERROR_BUSY, "%s: qmail-send runs", q->base.dir);
		else
			error_sys(err, errno, "%s/%s", q->base.dir, path);
	} else if (sys_stat(q->fd, path, path, &named, err) == 0) {
		if (named.st_ino == opened.st_ino && named.st_dev == opened.st_dev)
			return fd;
		error_set(err, ERROR_BUSY, "%s/%s was replaced", q->base.dir, path);
	}
	sys_close(fd);
	return -1;
}

int send_alarm(const struct queue_qmail *q, struct error *err)
{
	struct send_process p = send_find(q);

	if (p.running != 1)
		return error_set(err, ERROR_BUSY, "%s: qmail-send does not run", q->base.dir);
	if (!p.pid)
		return error_set(err, ERROR_DENIED,
				 "%s: qmail-send runs, but its process cannot be found",
				 q->base.dir);
	if (!send_still_there(&p))
		return error_set(err, ERROR_BUSY, "%s: qmail-send has just ended", q->base.dir);
	if (kill((pid_t)p.pid, SIGALRM) < 0)
		return error_sys(err, errno, "%s: qmail-send, pid %ld", q->base.dir, p.pid);
	return 0;
}

/* A FIFO on purpose: anything else there is left alone, and qmail-send looks by itself after 25
 * minutes. */
void send_trigger(const struct queue_qmail *q)
{
	struct stat st;
	int fd = openat(q->fd, "lock/trigger", O_WRONLY | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW);

	if (fd >= 0 && fstat(fd, &st) == 0 && S_ISFIFO(st.st_mode) && write(fd, "", 1) < 0)
		errno = 0; /* full: it has been told already */
	sys_close(fd);
}
