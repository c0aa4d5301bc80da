/* Copying a file as it is: for where a second name cannot be had. */
#ifdef __linux__
#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif
#endif
#include "act.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

enum { BLOCK = 1 << 16 };

static int copy_bytes(int from, int to)
{
	char *block = malloc(BLOCK);
	ssize_t n = -1;
	off_t at = 0;

	if (!block) {
		errno = ENOMEM;
		return -1;
	}
	while ((n = sys_pread(from, block, BLOCK, at)) > 0) {
		if (sys_write_all(to, block, (size_t)n) < 0) {
			n = -1;
			break;
		}
		at += n;
	}
	free(block);
	return n < 0 ? -1 : 0;
}

/* The owner first: changing it takes rights away. Somebody else's file, where we are not root,
 * keeps our owner. */
static int copy_rights(int to, const struct stat *st)
{
	const struct timespec times[2] = {st->st_atim, st->st_mtim};

	if (fchown(to, st->st_uid, st->st_gid) < 0 && errno != EPERM)
		return -1;
	if (fchmod(to, st->st_mode & 07777) < 0)
		return -1;
	return futimens(to, times);
}

static int copy_to(int from, int to)
{
	struct stat st;

	if (fstat(from, &st) < 0 || copy_bytes(from, to) < 0 || copy_rights(to, &st) < 0)
		return -1;
	return fsync(to);
}

static void remove_copy(int dirfd, const char *name)
{
	int saved = errno;

	unlinkat(dirfd, name, 0);
	errno = saved;
}

int copy_file(int from_fd, const char *from, int to_fd, const char *to)
{
	int in = openat(from_fd, from, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK), out, r;

	if (in < 0)
		return -1;
	out = openat(to_fd, to, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (out < 0) {
		sys_close(in);
		return -1;
	}
	r = copy_to(in, out);
	sys_close(in);
	if (close(out) < 0)
		r = -1;
	if (r < 0)
		remove_copy(to_fd, to);
	return r;
}
