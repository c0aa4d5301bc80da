/*
 * Is qmail-send at work on this queue, and which process is it.
 *
 * qmail-send holds an exclusive lock on lock/sendmutex while it runs. The kernel's lock table
 * tells, without taking it; the process is the one called qmail-send that has the file open, which
 * is also the answer where the table is of no use (file systems that show other device numbers
 * there).
 */
#include "internal.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Does a descriptor in `path` (/proc/PID/fd) lead to the file. */
static bool has_open(int proc, const char *path, const struct stat *file)
{
	DIR *d = sys_opendir_at(proc, path, path, NULL);
	struct dirent *de;
	struct stat st;
	bool found = false;

	if (!d)
		return false;
	while (!found && sys_readdir(d, path, &de, NULL) > 0)
		found = fstatat(dirfd(d), de->d_name, &st, 0) == 0 && st.st_ino == file->st_ino &&
			st.st_dev == file->st_dev;
	closedir(d);
	return found;
}

static bool is_qmail_send(int proc, uint64_t pid)
{
	static const char name[] = "qmail-send\n";
	char path[64], text[32];
	ssize_t n;
	int fd;

	snprintf(path, sizeof path, "%llu/comm", (unsigned long long)pid);
	fd = sys_open_file(proc, path, SYS_READ, path, NULL, NULL);
	if (fd < 0)
		return false;
	n = sys_pread(fd, text, sizeof text, 0);
	sys_close(fd);
	return n == (ssize_t)(sizeof name - 1) && memcmp(text, name, sizeof name - 1) == 0;
}

static long find_pid(const struct stat *file)
{
	int proc = sys_open_dir("/proc", NULL);
	DIR *d = proc < 0 ? NULL : sys_opendir_at(proc, ".", "/proc", NULL);
	struct dirent *de;
	long pid = 0;
	char path[64];

	while (d && !pid && sys_readdir(d, "/proc", &de, NULL) > 0) {
		uint64_t n;

		if (qmail_name(slice_from(de->d_name), &n) != NAME_NUMBER ||
		    !is_qmail_send(proc, n))
			continue;
		snprintf(path, sizeof path, "%llu/fd", (unsigned long long)n);
		if (has_open(proc, path, file))
			pid = (long)n;
	}
	if (d)
		closedir(d);
	sys_close(proc);
	return pid;
}

struct send_process send_find(const struct queue_qmail *q)
{
	struct send_process p = {-1, 0};
	struct sys_locks locks;
	struct stat st;

	if (sys_stat(q->fd, "lock/sendmutex", "lock/sendmutex", &st, NULL) < 0)
		return p;
	sys_locks_init(&locks);
	sys_locks_refresh(&locks);
	p.running = sys_locks_exclusive(&locks, st.st_dev, st.st_ino);
	sys_locks_free(&locks);
	p.pid = find_pid(&st);
	if (p.pid)
		p.running = 1;
	return p;
}

int send_known(const struct queue_qmail *q)
{
	atomic_int *state = (atomic_int *)(uintptr_t)&q->send_state;
	int known = atomic_load(state);

	if (!known) {
		known = send_find(q).running + 2;
		atomic_store(state, known);
	}
	return known - 2;
}
