/* Folders of the trash: see trash.h. */
#include "trash.h"

#include "runid.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

int trash_place(const struct queue *q, const char *given, char *out, size_t size, struct error *err)
{
	const struct backend_actions *actions = q->backend->actions;

	if (given) {
		if ((size_t)snprintf(out, size, "%s", given) < size)
			return 0;
		return error_set(err, ERROR_USAGE, "--trash: the name is too long");
	}
	if (actions && actions->trash_place && actions->trash_place(q, out, size) == 0)
		return 0;
	return error_set(err, ERROR_DENIED,
			 "%s: no place for the trash on its filesystem: name one with --trash DIR",
			 q->name);
}

/* Ours alone: a directory of somebody else, or one that others can write to, is refused. */
static int check_private(int fd, const char *path, struct error *err)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return error_sys(err, errno, "%s", path);
	if (st.st_uid != geteuid() || (st.st_mode & 022))
		return error_set(err, ERROR_DENIED,
				 "%s: the trash must be a directory that only you can write to",
				 path);
	return 0;
}

/* 0 also when it is there. */
static int make_directory(int at, const char *name, const char *path)
{
	if (mkdirat(at, name, 0700) < 0)
		return errno == EEXIST ? 0 : -1;
	/* the one below is synced by its opener */
	return at == AT_FDCWD ? sys_sync_parent(path) : 0;
}

static int make_and_open(int at, const char *name, const char *path, struct error *err)
{
	int fd;

	if (make_directory(at, name, path) < 0)
		return error_sys(err, errno, "the trash cannot be made: %s", path);
	fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return error_sys(err, errno, "the trash cannot be made: %s", path);
	if (check_private(fd, path, err) < 0) {
		sys_close(fd);
		return -1;
	}
	return fd;
}

/* The journal names it, and whoever takes the run back may stand elsewhere. */
static void make_absolute(char *path, size_t size)
{
	char *real = realpath(path, NULL);

	if (real && strlen(real) < size)
		snprintf(path, size, "%s", real);
	free(real);
}

int trash_open_run(const char *place, const char *run, char *out, size_t size, struct error *err)
{
	int fd, base = make_and_open(AT_FDCWD, place, place, err);

	if (base < 0)
		return -1;
	snprintf(out, size, "%s/%s", place, run);
	fd = make_and_open(base, run, out, err);
	if (fd >= 0 && (flock(fd, LOCK_SH | LOCK_NB) < 0 || fsync(base) < 0)) {
		error_sys(err, errno, "%s", place);
		sys_close(fd);
		fd = -1;
	}
	sys_close(base);
	if (fd >= 0)
		make_absolute(out, size);
	return fd;
}

void trash_close_run(int fd, const char *path)
{
	sys_close(fd);
	rmdir(path);
}

void trash_tidy(const char *path)
{
	const char *slash = strrchr(path, '/');
	int fd = slash && run_id_valid(slice_from(slash + 1)) ? sys_open_dir(path, NULL) : -1;

	/* whoever still deletes into it holds it */
	if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0)
		rmdir(path);
	sys_close(fd);
}
