/* Opening, reading and closing files: see mtaq/sysio.h. Locks are in locks.c. */
#ifdef __linux__
#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1 /* O_NOATIME */
#endif
#endif
#include <mtaq/sysio.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#ifdef HAVE_LINUX_OPENAT2_H
#include <linux/openat2.h>
#include <sys/syscall.h>
#endif

#ifdef O_NOATIME
#define NO_ATIME O_NOATIME /* only the owner and root may ask; others read and leave their mark */
#else
#define NO_ATIME 0
#endif

int sys_own_standard_descriptors(void)
{
	/* the wrong way round on purpose: using a descriptor that was not given is an error, not
	 * silence */
	static const int modes[] = {O_WRONLY, O_RDONLY, O_WRONLY};

	for (int fd = 0; fd <= 2; fd++)
		if (fcntl(fd, F_GETFD) < 0 && errno == EBADF && open("/dev/null", modes[fd]) != fd)
			return -1;
	return 0;
}

void sys_raise_file_limit(void)
{
	struct rlimit r;

	if (getrlimit(RLIMIT_NOFILE, &r) == 0 && r.rlim_cur < r.rlim_max) {
		r.rlim_cur = r.rlim_max;
		setrlimit(RLIMIT_NOFILE, &r);
	}
}

/* How long the name of the directory is that `path` lies in, 0 for the working directory; and the
 * last part, without slashes at its end. */
static size_t cut_last(const char *path, const char **last, size_t *last_n)
{
	size_t end = strlen(path), n;

	while (end > 1 && path[end - 1] == '/')
		end--;
	for (n = end; n > 0 && path[n - 1] != '/';)
		n--;
	*last = path + n;
	*last_n = end - n;
	return n;
}

static int parent_of(const char *path, char parent[PATH_MAX], const char **last, size_t *last_n)
{
	size_t n = cut_last(path, last, last_n);

	if (n >= PATH_MAX) {
		errno = ENAMETOOLONG;
		return -1;
	}
	memcpy(parent, n ? path : ".", n ? n : 1);
	parent[n ? n : 1] = '\0';
	return 0;
}

/* Something that is to be made must have a name, and no link that leads nowhere in its place. */
static int real_path_to_be(const char *path, char *out, size_t size)
{
	char parent[PATH_MAX], real[PATH_MAX];
	const char *last;
	struct stat st;
	size_t n;

	if (parent_of(path, parent, &last, &n) < 0 || !realpath(parent, real))
		return -1;
	errno = ENOENT;
	if (n == 0 || lstat(path, &st) == 0 || (n == 1 && last[0] == '.') ||
	    (n == 2 && last[0] == '.' && last[1] == '.'))
		return -1;
	if ((size_t)snprintf(out, size, "%s%s%.*s", real, real[1] ? "/" : "", (int)n, last) < size)
		return 0;
	errno = ENAMETOOLONG;
	return -1;
}

int sys_real_path(const char *path, char *out, size_t size, struct error *err)
{
	char real[PATH_MAX];

	if (realpath(path, real) && strlen(real) < size) {
		memcpy(out, real, strlen(real) + 1);
		return 1;
	}
	if (errno == ENOENT && real_path_to_be(path, out, size) == 0)
		return 0;
	return error_sys(err, errno, "%s", path);
}

int sys_sync_parent(const char *path)
{
	char parent[PATH_MAX];
	const char *last;
	size_t n;
	int fd, r;

	if (parent_of(path, parent, &last, &n) < 0)
		return -1;
	fd = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	r = fd < 0 ? -1 : fsync(fd);
	sys_close(fd);
	return r;
}

int sys_make_dir(const char *path, struct error *err)
{
	if (mkdir(path, 0700) == 0 && sys_sync_parent(path) == 0)
		return 0;
	if (error_sys(err, errno, "%s cannot be made", path) < 0 && err)
		err->code = ERROR_CANTCREATE;
	return -1;
}

void sys_begin_sync(int fd)
{
#ifdef HAVE_SYNC_FILE_RANGE
	int saved = errno;

	/* whether it can makes no difference to what fsync() promises */
	sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WRITE);
	errno = saved;
#else
	(void)fd;
#endif
}

void sys_close(int fd)
{
	int saved = errno;

	if (fd >= 0)
		close(fd);
	errno = saved;
}

const char *sys_file_type(mode_t mode)
{
	if (S_ISREG(mode))
		return "a file";
	if (S_ISDIR(mode))
		return "a directory";
	if (S_ISLNK(mode))
		return "a symbolic link";
	if (S_ISFIFO(mode))
		return "a FIFO";
	if (S_ISSOCK(mode))
		return "a socket";
	return "a device";
}

static int open_path(const char *path, int flags)
{
	int fd;

	do
		fd = open(path, flags);
	while (fd < 0 && errno == EINTR);
	return fd;
}

int sys_open_dir(const char *path, struct error *err)
{
	int fd = open_path(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0)
		return error_sys(err, errno, "%s", path);
	return fd;
}

/* A wrong type shows as different error numbers on different systems; ask what is there. */
static int explain_open(int dirfd, const char *name, int errnum, const char *what,
			struct error *err)
{
	struct stat st;

	if (errnum != ENOENT && errnum != EACCES &&
	    fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && !S_ISREG(st.st_mode))
		return error_set(err, ERROR_CORRUPT, "%s is %s", what, sys_file_type(st.st_mode));
	return error_sys(err, errnum, "%s", what);
}

#if defined(HAVE_LINUX_OPENAT2_H) && defined(SYS_openat2)
#define HAVE_OPENAT2 1
static int open_beneath(int dirfd, const char *name, int flags)
{
	struct open_how how = {
	    .flags = (unsigned)flags,
	    .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
	};

	return (int)syscall(SYS_openat2, dirfd, name, &how, sizeof how);
}
#endif

/* Step by step: each directory on the way opened by itself, no link followed. `name` has few
 * components. */
static int open_stepwise(int dirfd, const char *name, int flags)
{
	char part[NAME_MAX + 1];
	int at = dirfd, next;
	const char *slash;

	while ((slash = strchr(name, '/')) != NULL) {
		size_t n = (size_t)(slash - name);

		if (n >= sizeof part) {
			next = -1;
			errno = ENAMETOOLONG;
		} else {
			memcpy(part, name, n);
			part[n] = '\0';
			next = openat(at, part, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		}
		if (at != dirfd)
			sys_close(at);
		if (next < 0)
			return -1;
		at = next;
		name = slash + 1;
	}
	next = openat(at, name, flags | O_NOFOLLOW);
	if (at != dirfd)
		sys_close(at);
	return next;
}

static int open_once(int dirfd, const char *name, int flags)
{
#ifdef HAVE_OPENAT2
	if (strchr(name, '/')) {
		int fd = open_beneath(dirfd, name, flags);

		if (fd >= 0 ||
		    (errno != ENOSYS && errno != EPERM && errno != EINVAL && errno != EAGAIN))
			return fd;
	}
#endif
	return open_stepwise(dirfd, name, flags);
}

static int open_below(int dirfd, const char *name, int flags)
{
	int fd;

	do
		fd = open_once(dirfd, name, flags);
	while (fd < 0 && errno == EINTR);
	return fd;
}

static int open_dir_with(int dirfd, const char *name, bool follow, int flags)
{
	flags |= O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NONBLOCK;
	return follow ? openat(dirfd, name, flags) : open_below(dirfd, name, flags);
}

int sys_open_subdir(int dirfd, const char *name, bool follow, const char *what, struct error *err)
{
	int fd = open_dir_with(dirfd, name, follow, NO_ATIME);

	if (fd < 0 && errno == EPERM && NO_ATIME != 0)
		fd = open_dir_with(dirfd, name, follow, 0);
	if (fd < 0)
		return error_sys(err, errno, "%s", what);
	return fd;
}

static int check_regular(int fd, const char *what, struct stat *st, struct error *err)
{
	struct stat local;

	if (!st)
		st = &local;
	if (fstat(fd, st) < 0)
		error_sys(err, errno, "%s", what);
	else if (!S_ISREG(st->st_mode))
		error_set(err, ERROR_CORRUPT, "%s is %s", what, sys_file_type(st->st_mode));
	else
		return fd;
	sys_close(fd);
	return -1;
}

int sys_open_file(int dirfd, const char *name, enum sys_access access, const char *what,
		  struct stat *st, struct error *err)
{
	int flags = O_CLOEXEC | O_NONBLOCK | O_NOCTTY | (access == SYS_READ ? O_RDONLY : O_RDWR);
	int quiet = access == SYS_READ ? NO_ATIME : 0, fd = open_below(dirfd, name, flags | quiet);

	if (fd < 0 && errno == EPERM && quiet)
		fd = open_below(dirfd, name, flags);
	if (fd < 0)
		return explain_open(dirfd, name, errno, what, err);
	return check_regular(fd, what, st, err);
}

int sys_open_config(const char *path, struct stat *st, struct error *err)
{
	const int flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
	int fd = open_path(path, flags | NO_ATIME);

	if (fd < 0 && errno == EPERM && NO_ATIME != 0)
		fd = open_path(path, flags);
	if (fd < 0)
		return error_sys(err, errno, "%s", path);
	return check_regular(fd, path, st, err);
}

int sys_stat(int dirfd, const char *name, const char *what, struct stat *st, struct error *err)
{
	if (fstatat(dirfd, name, st, AT_SYMLINK_NOFOLLOW) == 0)
		return 0;
	return error_sys(err, errno, "%s", what);
}

static ssize_t read_some(int fd, void *p, size_t n)
{
	ssize_t got;

	do
		got = read(fd, p, n);
	while (got < 0 && errno == EINTR);
	return got;
}

ssize_t sys_pread(int fd, void *buf, size_t n, off_t offset)
{
	ssize_t got;

	do
		got = pread(fd, buf, n, offset);
	while (got < 0 && errno == EINTR);
	return got;
}

static int too_large(const char *what, size_t limit, struct error *err)
{
	return error_set(err, ERROR_LIMIT, "%s is larger than %zu bytes", what, limit);
}

int sys_read_all(int fd, size_t size_hint, size_t limit, struct arena *arena, const char *what,
		 struct slice *out, struct error *err)
{
	size_t room = (size_hint ? size_hint : 4096) + 1, n = 0;
	char *p;

	if (size_hint > limit)
		return too_large(what, limit, err);
	p = arena_alloc(arena, room);
	for (;;) {
		ssize_t got;

		if (!p)
			return error_set(err, ERROR_LIMIT, "%s: out of memory", what);
		got = read_some(fd, p + n, room - n);
		if (got < 0)
			return error_sys(err, errno, "%s", what);
		n += (size_t)got;
		/* a regular file that gave exactly its size has no more: spare the last read */
		if (got == 0 || n == size_hint)
			break;
		if (n > limit)
			return too_large(what, limit, err);
		if (n == room) {
			p = arena_grow(arena, p, room, room * 2);
			room *= 2;
		}
	}
	p[n] = '\0';
	*out = slice_of(p, n);
	return 0;
}

int sys_read_config(const char *path, size_t limit, struct arena *arena, struct slice *out,
		    struct error *err)
{
	struct stat st;
	int r, fd = sys_open_config(path, &st, err);

	if (fd < 0)
		return -1;
	r = sys_read_all(fd, st.st_size > 0 ? (size_t)st.st_size : 0, limit, arena, path, out, err);
	sys_close(fd);
	return r;
}

int sys_write_all(int fd, const void *p, size_t n)
{
	const char *at = p;

	while (n) {
		ssize_t put = write(fd, at, n);

		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0)
			return -1;
		at += put;
		n -= (size_t)put;
	}
	return 0;
}

DIR *sys_opendir_at(int dirfd, const char *name, const char *what, struct error *err)
{
	int fd = sys_open_subdir(dirfd, name, false, what, err);
	DIR *d;

	if (fd < 0)
		return NULL;
	d = fdopendir(fd);
	if (!d) {
		error_sys(err, errno, "%s", what);
		sys_close(fd);
	}
	return d;
}

bool sys_still_named(int dirfd, const char *name, int fd)
{
	struct stat opened, named;

	return fstat(fd, &opened) == 0 && fstatat(dirfd, name, &named, AT_SYMLINK_NOFOLLOW) == 0 &&
	       opened.st_dev == named.st_dev && opened.st_ino == named.st_ino;
}

int sys_readdir(DIR *dir, const char *what, struct dirent **out, struct error *err)
{
	struct dirent *e;

	do {
		errno = 0;
		e = readdir(dir);
	} while (e && e->d_name[0] == '.' &&
		 (e->d_name[1] == '\0' || (e->d_name[1] == '.' && e->d_name[2] == '\0')));
	if (!e && errno)
		return error_sys(err, errno, "%s", what);
	*out = e;
	return e != NULL;
}
