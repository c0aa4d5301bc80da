/*
 * The quick look at a message that seems to be in state S5: a queue is nearly all of these, so each
 * of its files is touched once. Whatever is not plainly as it should be is left to a closer look.
 */
#include "check.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

enum { QUICK_BYTES = 65536 };

static bool stat_is_fine(const struct check *c, const struct stat *st, enum qmail_file f)
{
	return S_ISREG(st->st_mode) && (st->st_mode & 07777) == file_mode(f) &&
	       (!c->owners.known || st->st_uid == file_owner(&c->owners, f));
}

static bool mess_is_fine(const struct check *c, uint64_t n)
{
	struct stat st;

	return qmail_stat(c->q, FILE_MESS, n, &st, NULL) == 1 && stat_is_fine(c, &st, FILE_MESS) &&
	       st.st_ino == n && st.st_nlink == 1 && st.st_size > 0;
}

static bool info_is_fine(const char *p, size_t n)
{
	return n >= 2 && p[0] == 'F' && memchr(p, '\0', n) == p + n - 1;
}

static bool channel_is_fine(const char *p, size_t n)
{
	const char *end = p + n;

	while (p < end && (*p == 'T' || *p == 'D')) {
		p = memchr(p, '\0', (size_t)(end - p));
		if (!p)
			return false;
		p++;
	}
	return p == end;
}

static bool file_is_fine(const struct check *c, enum qmail_file f, uint64_t n)
{
	char text[QUICK_BYTES];
	struct file_path path;
	struct stat st;
	ssize_t got = -1;
	int fd = qmail_path(c->q, f, n, &path, NULL) < 0
		     ? -1
		     : sys_open_file(c->q->fd, path.name, SYS_READ, path.full, &st, NULL);

	if (fd < 0)
		return false;
	if (stat_is_fine(c, &st, f) && st.st_size < QUICK_BYTES)
		got = st.st_size ? sys_pread(fd, text, (size_t)st.st_size + 1, 0) : 0;
	sys_close(fd);
	if (got < 0 || got != st.st_size)
		return false;
	return f == FILE_INFO ? info_is_fine(text, (size_t)got)
			      : channel_is_fine(text, (size_t)got);
}

bool fast_is_healthy(const struct check *c, uint64_t n, bool local, bool remote)
{
	return mess_is_fine(c, n) && file_is_fine(c, FILE_INFO, n) &&
	       (!local || file_is_fine(c, FILE_LOCAL, n)) &&
	       (!remote || file_is_fine(c, FILE_REMOTE, n));
}
