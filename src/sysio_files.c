/* Whole files: copied as they are, and given names that nobody has. */
#ifdef __linux__
#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1 /* renameat2 */
#endif
#endif
#include <mtaq/sysio.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
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

int sys_copy_file(int from_fd, const char *from, int to_fd, const char *to)
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

/* ---- names ---- */

#if defined(__linux__) && defined(RENAME_NOREPLACE)
static int rename_noreplace(int from_fd, const char *from, int to_fd, const char *to)
{
	return renameat2(from_fd, from, to_fd, to, RENAME_NOREPLACE);
}
#else
static int rename_noreplace(int from_fd, const char *from, int to_fd, const char *to)
{
	(void)from_fd, (void)from, (void)to_fd, (void)to;
	errno = ENOSYS;
	return -1;
}
#endif

int sys_rename_new(int from_fd, const char *from, int to_fd, const char *to)
{
	if (rename_noreplace(from_fd, from, to_fd, to) == 0)
		return 0;
	if (errno != ENOSYS && errno != EINVAL)
		return -1;
	/* where there is no such call: both names for a moment, of one file */
	if (linkat(from_fd, from, to_fd, to, 0) < 0)
		return -1;
	return unlinkat(from_fd, from, 0);
}
