/* Files come and go: see steps.h. */
#include "steps.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

enum { NAME = 40 };

/* A directory of the queue, opened, and the name of a message's file in it. */
struct spot {
	int dir;
	char name[NAME], temporary[NAME];
	struct file_path path;
};

int step_open_dir(const struct queue_qmail *q, enum qmail_file f, uint64_t n, struct error *err)
{
	struct file_path path;
	char dir[PART_ROOM];

	if (qmail_path(q, f, n, &path, err) < 0)
		return -1;
	snprintf(dir, sizeof dir, "%.*s", (int)(strrchr(path.name, '/') - path.name), path.name);
	return sys_open_subdir(q->fd, dir, false, path.full, err);
}

int step_sync(struct action *a, enum qmail_file f, uint64_t n, struct error *err)
{
	int r, fd = step_open_dir(queue_qmail(a->queue), f, n, err);

	if (fd < 0)
		return -1;
	r = fsync(fd);
	if (r < 0)
		error_sys(err, errno, "%s", a->queue->dir);
	sys_close(fd);
	return r;
}

static int open_spot(const struct action *a, enum qmail_file f, uint64_t n, struct spot *s,
		     struct error *err)
{
	const struct queue_qmail *q = queue_qmail(a->queue);

	snprintf(s->name, sizeof s->name, "%llu", (unsigned long long)n);
	snprintf(s->temporary, sizeof s->temporary, ".mtaq.%llu", (unsigned long long)n);
	if (qmail_path(q, f, n, &s->path, err) < 0)
		return -1;
	s->dir = step_open_dir(q, f, n, err);
	return s->dir < 0 ? -1 : 0;
}

int step_unlink(struct action *a, enum qmail_file f, uint64_t n, struct error *err)
{
	struct spot s;
	int r = 1;

	if (open_spot(a, f, n, &s, err) < 0)
		return -1;
	if (unlinkat(s.dir, s.name, 0) < 0)
		r = errno == ENOENT ? 0 : error_sys(err, errno, "%s", s.path.full);
	else
		run_dirty(a, f, n);
	sys_close(s.dir);
	return r;
}

/* This filesystem, or this one and the other, have no such links. */
static bool no_links(int errnum)
{
	return errnum == EXDEV || errnum == EPERM || errnum == EMLINK || errnum == EOPNOTSUPP;
}

int step_link_out(struct action *a, enum qmail_file f, uint64_t n, int folder, const char *name,
		  struct error *err)
{
	struct spot s;
	int r = 1;

	if (open_spot(a, f, n, &s, err) < 0)
		return -1;
	if (linkat(s.dir, s.name, folder, name, 0) < 0)
		r = no_links(errno) ? 0 : error_sys(err, errno, "%s", name);
	sys_close(s.dir);
	return r;
}

int step_link_in(struct action *a, int folder, const char *name, enum qmail_file f, uint64_t n,
		 struct error *err)
{
	struct spot s;
	int r = 1;

	if (open_spot(a, f, n, &s, err) < 0)
		return -1;
	if (linkat(folder, name, s.dir, s.name, 0) == 0)
		run_dirty(a, f, n);
	else if (errno == EEXIST)
		r = error_set(err, ERROR_BUSY, "%s is there already", s.path.full);
	else
		r = no_links(errno) ? 0 : error_sys(err, errno, "%s", s.path.full);
	sys_close(s.dir);
	return r;
}

int step_link(struct action *a, enum qmail_file from, enum qmail_file to, uint64_t n,
	      struct error *err)
{
	struct spot s;
	int r;

	if (open_spot(a, from, n, &s, err) < 0)
		return -1;
	r = step_link_in(a, s.dir, s.name, to, n, err);
	sys_close(s.dir);
	if (r == 0)
		return error_set(err, ERROR_SYSTEM, "%s cannot be linked", s.path.full);
	return r < 0 ? -1 : 0;
}

int step_move(struct action *from, struct action *to, enum qmail_file f, uint64_t n, uint64_t new,
	      struct error *err)
{
	struct spot old, other;
	int r = 1;

	if (open_spot(from, f, n, &old, err) < 0)
		return -1;
	if (open_spot(to, f, new, &other, err) < 0) {
		sys_close(old.dir);
		return -1;
	}
	if (renameat(old.dir, old.name, other.dir, other.name) < 0) {
		r = errno == ENOENT ? 0 : error_sys(err, errno, "%s", old.path.full);
	} else {
		run_dirty(from, f, n);
		run_dirty(to, f, new);
	}
	sys_close(old.dir);
	sys_close(other.dir);
	return r;
}

/* As qmail-queue does it: the link first, so that nothing is ever written over. */
int step_adopt(struct action *a, const char *pid_name, uint64_t n, struct error *err)
{
	int r, pid = sys_open_subdir(queue_qmail(a->queue)->fd, "pid", false, "pid", err);

	if (pid < 0)
		return -1;
	r = step_link_in(a, pid, pid_name, FILE_MESS, n, err);
	if (r > 0 && unlinkat(pid, pid_name, 0) < 0)
		r = error_sys(err, errno, "pid/%s", pid_name);
	sys_close(pid);
	if (r == 0)
		return error_set(err, ERROR_SYSTEM, "pid/%s cannot be linked", pid_name);
	return r < 0 ? -1 : 0;
}

/* ---- new files ---- */

struct new_file new_file_as(const struct action *a, enum qmail_file f)
{
	const struct owners *o = &qmail_run(a)->owners;

	return (struct new_file){file_owner(o, f), o->group, file_mode(f), NULL};
}

static int fill(int fd, const char *path, struct slice text, const struct new_file *as,
		struct error *err)
{
	struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_nsec = UTIME_NOW}};

	if (as->mtime)
		times[1] = *as->mtime;
	if (sys_write_all(fd, text.p, text.n) < 0 || fchown(fd, as->uid, as->gid) < 0 ||
	    fchmod(fd, as->mode) < 0 || futimens(fd, times) < 0 || fsync(fd) < 0)
		return error_sys(err, errno, "%s", path);
	return 0;
}

static int write_at(const struct spot *s, struct slice text, const struct new_file *as,
		    struct error *err)
{
	int r, fd;

	if (unlinkat(s->dir, s->temporary, 0) < 0 && errno != ENOENT)
		return error_sys(err, errno, "%s", s->path.full);
	fd = openat(s->dir, s->temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
		    0600);
	if (fd < 0)
		return error_sys(err, errno, "%s", s->path.full);
	r = fill(fd, s->path.full, text, as, err);
	if (close(fd) < 0 && r == 0)
		r = error_sys(err, errno, "%s", s->path.full);
	if (r < 0)
		unlinkat(s->dir, s->temporary, 0);
	return r;
}

int new_file_write(const struct action *a, enum qmail_file f, uint64_t n, struct slice text,
		   const struct new_file *as, struct error *err)
{
	struct spot s;
	int r;

	if (owners_check(&qmail_run(a)->owners, queue_qmail(a->queue), err) < 0 ||
	    open_spot(a, f, n, &s, err) < 0)
		return -1;
	r = write_at(&s, text, as, err);
	sys_close(s.dir);
	return r;
}

int new_file_replace(struct action *a, enum qmail_file f, uint64_t n, struct error *err)
{
	struct spot s;
	int r;

	if (open_spot(a, f, n, &s, err) < 0)
		return -1;
	r = renameat(s.dir, s.temporary, s.dir, s.name);
	if (r < 0)
		error_sys(err, errno, "%s", s.path.full);
	else
		run_dirty(a, f, n);
	sys_close(s.dir);
	return r;
}

int new_file_publish(struct action *a, enum qmail_file f, uint64_t n, struct error *err)
{
	struct spot s;
	int r = 1;

	if (open_spot(a, f, n, &s, err) < 0)
		return -1;
	if (linkat(s.dir, s.temporary, s.dir, s.name, 0) < 0) {
		r = errno == EEXIST ? 0 : error_sys(err, errno, "%s", s.path.full);
	} else {
		run_dirty(a, f, n);
		unlinkat(s.dir, s.temporary, 0);
	}
	sys_close(s.dir);
	return r;
}

void new_file_discard(const struct action *a, enum qmail_file f, uint64_t n)
{
	struct spot s;

	if (open_spot(a, f, n, &s, NULL) < 0)
		return;
	unlinkat(s.dir, s.temporary, 0);
	sys_close(s.dir);
}
