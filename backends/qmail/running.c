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

/* Is it the process that is looked for? `proc`: /proc. */
typedef bool process_fn(void *ctx, int proc, uint64_t pid);

/* Ask of each process until one is it: 1, 0 none, -1 cannot tell. */
static int find_process(process_fn *is_it, void *ctx)
{
	int found = 0, proc = sys_open_dir("/proc", NULL);
	DIR *d = proc < 0 ? NULL : sys_opendir_at(proc, ".", "/proc", NULL);
	struct dirent *de;
	uint64_t n;

	while (d && !found && sys_readdir(d, "/proc", &de, NULL) > 0)
		found =
		    qmail_name(slice_from(de->d_name), &n) == NAME_NUMBER && is_it(ctx, proc, n);
	if (!d)
		found = -1;
	else
		closedir(d);
	sys_close(proc);
	return found;
}

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

/* When the process began, in the kernel's ticks: a number that is used again has another. 0: gone.
 */
static uint64_t start_of(int proc, uint64_t pid)
{
	char path[64], text[512];
	struct slice rest, word;
	uint64_t start = 0;
	ssize_t n;
	int fd;

	snprintf(path, sizeof path, "%llu/stat", (unsigned long long)pid);
	fd = sys_open_file(proc, path, SYS_READ, path, NULL, NULL);
	if (fd < 0)
		return 0;
	n = sys_pread(fd, text, sizeof text, 0);
	sys_close(fd);
	rest = slice_of(text, n > 0 ? (size_t)n : 0);
	/* the name in brackets may hold anything: what counts begins after the last one */
	for (size_t i; (i = slice_chr(rest, ')')) != SIZE_MAX;)
		rest = slice_skip(rest, i + 2);
	for (int field = 3; field <= 22 && slice_cut(&rest, ' ', &word); field++)
		if (field == 22 && !slice_u64(word, &start))
			start = 0;
	return start;
}

static bool is_that_send(int proc, uint64_t pid, const struct stat *file)
{
	char path[64];

	snprintf(path, sizeof path, "%llu/fd", (unsigned long long)pid);
	return is_qmail_send(proc, pid) && has_open(proc, path, file);
}

struct send_search {
	const struct stat *file;
	struct send_process *out;
};

static bool take_process(void *ctx, int proc, uint64_t pid)
{
	struct send_search *s = ctx;
	uint64_t start = start_of(proc, pid);

	if (!is_that_send(proc, pid, s->file))
		return false;
	s->out->pid = (long)pid;
	s->out->start = start;
	return true;
}

bool send_still_there(const struct send_process *p)
{
	int proc = sys_open_dir("/proc", NULL);
	bool same =
	    p->pid > 0 && p->start && proc >= 0 && start_of(proc, (uint64_t)p->pid) == p->start;

	sys_close(proc);
	return same;
}

struct send_process send_find(const struct queue_qmail *q)
{
	struct send_process p = {.running = -1};
	struct send_search search = {.out = &p};
	struct sys_locks locks;
	struct stat st;

	if (sys_stat(q->fd, "lock/sendmutex", "lock/sendmutex", &st, NULL) < 0)
		return p;
	sys_locks_init(&locks);
	sys_locks_refresh(&locks);
	p.running = sys_locks_exclusive(&locks, st.st_dev, st.st_ino);
	sys_locks_free(&locks);
	search.file = &st;
	find_process(take_process, &search);
	if (p.pid)
		p.running = 1;
	return p;
}

/* Is it at work in this directory. */
static bool works_in(void *ctx, int proc, uint64_t pid)
{
	const struct stat *dir = ctx;
	char path[64];
	struct stat st;

	snprintf(path, sizeof path, "%llu/cwd", (unsigned long long)pid);
	return is_qmail_send(proc, pid) && fstatat(proc, path, &st, 0) == 0 &&
	       st.st_ino == dir->st_ino && st.st_dev == dir->st_dev;
}

int send_in_directory(const struct queue_qmail *q)
{
	struct stat st;

	return fstat(q->fd, &st) < 0 ? -1 : find_process(works_in, &st);
}

/* ---- who has a file open ---- */

struct wanted_files {
	const char *const *names;
	const struct stat *files;
	size_t count;
};

/* By its name first: to look at the file itself may take for ever where it is on a dead server. */
static bool leads_to(int dir, const char *fd, const struct wanted_files *w)
{
	char text[4096];
	ssize_t n = readlinkat(dir, fd, text, sizeof text);
	struct slice path = slice_of(text, n > 0 ? (size_t)n : 0);
	struct stat st;

	for (size_t i = 0; i < w->count; i++)
		if (slice_ends(path, slice_from(w->names[i])) && fstatat(dir, fd, &st, 0) == 0 &&
		    st.st_ino == w->files[i].st_ino && st.st_dev == w->files[i].st_dev)
			return true;
	return false;
}

static bool has_one_open(void *ctx, int proc, uint64_t pid)
{
	struct dirent *de;
	char path[64];
	bool found = false;
	DIR *d;

	if (pid == (uint64_t)getpid())
		return false;
	snprintf(path, sizeof path, "%llu/fd", (unsigned long long)pid);
	d = sys_opendir_at(proc, path, path, NULL);
	while (d && !found && sys_readdir(d, path, &de, NULL) > 0)
		found = leads_to(dirfd(d), de->d_name, ctx);
	if (d)
		closedir(d);
	return found;
}

bool open_elsewhere(const char *const *names, const struct stat *files, size_t count)
{
	struct wanted_files w = {names, files, count};

	return find_process(has_one_open, &w) > 0;
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
