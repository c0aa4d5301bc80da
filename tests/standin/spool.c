/* The stand-in's queue: see spool.h. */
#include "spool.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static void die(const char *what)
{
	fprintf(stderr, "stand-in: %s: %m\n", what);
	exit(111);
}

void spool_enter(const char *dir, struct spool *s)
{
	struct stat mess, info, st;
	char path[SPOOL_PATH];

	*s = (struct spool){0};
	if (chdir(dir) < 0 || stat("mess", &mess) < 0 || stat("info", &info) < 0)
		die(dir);
	s->queue_uid = mess.st_uid;
	s->send_uid = info.st_uid;
	s->gid = info.st_gid;
	for (;; s->split++) {
		snprintf(path, sizeof path, "mess/%u", s->split);
		if (stat(path, &st) < 0)
			break;
	}
	if (s->split == 0)
		die("mess/0");
}

static bool is_split(const char *dir)
{
	return strcmp(dir, "mess") == 0 || strcmp(dir, "info") == 0 || strcmp(dir, "local") == 0 ||
	       strcmp(dir, "remote") == 0;
}

char *spool_path(const struct spool *s, const char *dir, uint64_t n, char out[SPOOL_PATH])
{
	if (is_split(dir))
		snprintf(out, SPOOL_PATH, "%s/%u/%llu", dir, (unsigned)(n % s->split),
			 (unsigned long long)n);
	else
		snprintf(out, SPOOL_PATH, "%s/%llu", dir, (unsigned long long)n);
	return out;
}

bool spool_has(const struct spool *s, const char *dir, uint64_t n)
{
	char path[SPOOL_PATH];
	struct stat st;

	return lstat(spool_path(s, dir, n, path), &st) == 0 || errno != ENOENT;
}

int spool_unlink(const struct spool *s, const char *dir, uint64_t n)
{
	char path[SPOOL_PATH];

	return unlink(spool_path(s, dir, n, path)) < 0 && errno != ENOENT ? -1 : 0;
}

static int own(int fd, uid_t uid, gid_t gid, mode_t mode)
{
	return (geteuid() == 0 && fchown(fd, uid, gid) < 0) || fchmod(fd, mode) < 0 ? -1 : 0;
}

int spool_create(const struct spool *s, const char *dir, uint64_t n)
{
	char path[SPOOL_PATH];
	int fd = open(spool_path(s, dir, n, path), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (fd >= 0 && own(fd, s->send_uid, s->gid, 0600) == 0)
		return fd;
	if (fd >= 0)
		close(fd);
	return -1;
}

int spool_open(const struct spool *s, const char *dir, uint64_t n, int flags, struct stat *st)
{
	char path[SPOOL_PATH];
	int fd = open(spool_path(s, dir, n, path), flags | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0)
		return -1;
	/* this process is root where qmail-send is not */
	if (fstat(fd, st) == 0 && (st->st_uid == s->send_uid || (st->st_mode & 0006) == 0006))
		return fd;
	close(fd);
	errno = EACCES;
	return -1;
}

char *spool_slurp(int fd, size_t *n)
{
	size_t room = 4096, have = 0;
	char *p = malloc(room + 1);
	ssize_t got;

	while (p && (got = read(fd, p + have, room - have)) != 0) {
		if (got < 0) {
			free(p);
			return NULL;
		}
		have += (size_t)got;
		if (have == room) {
			char *more = realloc(p, (room *= 2) + 1);

			if (!more)
				free(p);
			p = more;
		}
	}
	if (!p)
		die("memory");
	p[have] = '\0';
	*n = have;
	return p;
}

int spool_write(int fd, const void *p, size_t n)
{
	for (const char *at = p; n > 0;) {
		ssize_t put = write(fd, at, n);

		if (put < 0 && errno != EINTR)
			return -1;
		if (put > 0) {
			at += put;
			n -= (size_t)put;
		}
	}
	return 0;
}

bool spool_number(const char *name, uint64_t *n)
{
	size_t digits = strspn(name, "0123456789");

	*n = strtoull(name, NULL, 10);
	return digits > 0 && !name[digits];
}

/* ---- qmail-queue ---- */

static int put_message(int fd, const char *how, const char *body, size_t n)
{
	char received[256], date[64];
	time_t now = time(NULL);
	struct tm tm;

	strftime(date, sizeof date, "%d %b %Y %H:%M:%S -0000", gmtime_r(&now, &tm));
	snprintf(received, sizeof received, "Received: (qmail %ld invoked %s); %s\n",
		 (long)getpid(), how, date);
	return spool_write(fd, received, strlen(received)) < 0 || spool_write(fd, body, n) < 0 ||
		       fsync(fd) < 0
		   ? -1
		   : 0;
}

/* The message gets its number from a file in pid/: fd open for writing, or the negative status. */
static int take_number(const struct spool *s, uint64_t *n)
{
	char pid[SPOOL_PATH], mess[SPOOL_PATH];
	struct timespec now;
	struct stat st;
	int fd;

	clock_gettime(CLOCK_REALTIME, &now);
	snprintf(pid, sizeof pid, "pid/%ld.%lld.%ld", (long)getpid(), (long long)now.tv_sec,
		 now.tv_nsec);
	fd = open(pid, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	if (fd < 0 || fstat(fd, &st) < 0 || own(fd, s->queue_uid, s->gid, 0644) < 0)
		return -63;
	*n = (uint64_t)st.st_ino;
	if (link(pid, spool_path(s, "mess", *n, mess)) < 0) {
		close(fd);
		return -64;
	}
	return unlink(pid) < 0 ? -63 : fd;
}

static int put_envelope(const struct spool *s, uint64_t n, const char *envelope, size_t size)
{
	char head[64], path[SPOOL_PATH];
	int fd =
	    open(spool_path(s, "intd", n, path), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	int used;

	if (fd < 0)
		return 65;
	used = snprintf(head, sizeof head, "u%ld%cp%ld%c", (long)getuid(), 0, (long)getpid(), 0);
	if (own(fd, s->queue_uid, s->gid, 0644) < 0 || spool_write(fd, head, (size_t)used) < 0 ||
	    spool_write(fd, envelope, size) < 0 || fsync(fd) < 0) {
		close(fd);
		return 53;
	}
	close(fd);
	return 0;
}

static void pull_trigger(void)
{
	int fd = open("lock/trigger", O_WRONLY | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0)
		return;
	(void)!write(fd, "", 1);
	close(fd);
}

int spool_submit(const struct spool *s, const char *how, const char *body, size_t body_n,
		 const char *envelope, size_t envelope_n)
{
	char intd[SPOOL_PATH], todo[SPOOL_PATH];
	uint64_t n;
	int fd = take_number(s, &n), status;

	if (fd < 0)
		return -fd;
	if (put_message(fd, how, body, body_n) < 0) {
		close(fd);
		spool_unlink(s, "mess", n);
		return 53;
	}
	close(fd);
	status = put_envelope(s, n, envelope, envelope_n);
	if (status)
		return status;
	if (link(spool_path(s, "intd", n, intd), spool_path(s, "todo", n, todo)) < 0)
		return 66;
	pull_trigger();
	return 0;
}
