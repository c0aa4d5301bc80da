/* sysio: only regular files are opened, links are not followed, limits hold, locks are seen. */
#include "unit/cmocka_all.h"

#include <mtaq/sysio.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

struct fixture {
	char path[64];
	int fd;
};

static void put(int dirfd, const char *name, const char *text)
{
	int fd = openat(dirfd, name, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(sys_write_all(fd, text, strlen(text)), 0);
	close(fd);
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);

	strncpy(f->path, "/tmp/mtaq-sysio.XXXXXX", sizeof f->path - 1);
	assert_non_null(mkdtemp(f->path));
	f->fd = open(f->path, O_RDONLY | O_DIRECTORY);
	put(f->fd, "plain", "hello");
	put(f->fd, "empty", "");
	assert_int_equal(mkdirat(f->fd, "dir", 0700), 0);
	put(f->fd, "dir/inner", "inner");
	assert_int_equal(symlinkat("plain", f->fd, "link"), 0);
	assert_int_equal(symlinkat("dir", f->fd, "dirlink"), 0);
	assert_int_equal(symlinkat("nowhere", f->fd, "dangling"), 0);
	{
		char fifo[96];

		snprintf(fifo, sizeof fifo, "%s/fifo", f->path);
		assert_int_equal(mkfifo(fifo, 0600), 0);
	}
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	static const char *const names[] = {"plain",   "empty",	   "dir/inner", "link",
					    "dirlink", "dangling", "fifo"};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
		unlinkat(f->fd, names[i], 0);
	unlinkat(f->fd, "dir", AT_REMOVEDIR);
	close(f->fd);
	rmdir(f->path);
	free(f);
	return 0;
}

static void test_types(void **state)
{
	static const struct {
		const char *name;
		enum error_code code;
		const char *text;
	} rows[] = {
	    {"plain", ERROR_NONE, ""},
	    {"dir/inner", ERROR_NONE, ""},
	    {"dir", ERROR_CORRUPT, "X is a directory"},
	    {"link", ERROR_CORRUPT, "X is a symbolic link"},
	    {"dangling", ERROR_CORRUPT, "X is a symbolic link"},
	    {"fifo", ERROR_CORRUPT, "X is a FIFO"},
	    {"dirlink/inner", ERROR_CORRUPT, NULL},
	    {"none", ERROR_GONE, NULL},
	    {"plain/x", ERROR_GONE, NULL},
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct error e = ERROR_INIT;
		int fd = sys_open_file(f->fd, rows[i].name, SYS_READ, "X", NULL, &e);

		assert_int_equal(e.code, rows[i].code);
		assert_int_equal(fd >= 0, rows[i].code == ERROR_NONE);
		if (rows[i].text)
			assert_string_equal(e.text, rows[i].text);
		if (fd >= 0)
			close(fd);
	}
}

static void test_read_all(void **state)
{
	struct fixture *f = *state;
	struct arena a;
	struct slice s;
	struct error e = ERROR_INIT;
	char big[10000];
	static const size_t hints[] = {0, 1, 9999, 5000};

	arena_init(&a, 0);
	memset(big, 'b', sizeof big);
	big[sizeof big - 1] = '\0';
	put(f->fd, "plain", big);
	for (size_t i = 0; i < 4; i++) {
		int fd = sys_open_file(f->fd, "plain", SYS_READ, "plain", NULL, &e);

		assert_int_equal(sys_read_all(fd, hints[i], 10000, &a, "plain", &s, &e), 0);
		assert_int_equal(s.n, 9999);
		assert_int_equal(s.p[s.n], 0);
		close(fd);
	}
	{
		int fd = sys_open_file(f->fd, "plain", SYS_READ, "plain", NULL, &e);

		assert_int_equal(sys_read_all(fd, 0, 5000, &a, "plain", &s, &e), -1);
		assert_int_equal(e.code, ERROR_LIMIT);
		close(fd);
	}
	arena_free(&a);
}

static void test_atime_is_left_alone(void **state)
{
	struct fixture *f = *state;
	struct timespec old[2] = {{1000000, 0}, {2000000, 0}};
	struct stat st;
	struct error e = ERROR_INIT;
	char c;
	int fd;

	assert_int_equal(utimensat(f->fd, "plain", old, 0), 0);
	fd = sys_open_file(f->fd, "plain", SYS_READ, "plain", NULL, &e);
	assert_int_equal(sys_pread(fd, &c, 1, 0), 1);
	close(fd);
	assert_int_equal(sys_stat(f->fd, "plain", "plain", &st, &e), 0);
	assert_int_equal(st.st_atime, 1000000);
}

static void test_other_atimes(void **state)
{
	struct fixture *f = *state;
	struct timespec old[2] = {{1000000, 0}, {2000000, 0}};
	struct error e = ERROR_INIT;
	struct arena a;
	struct slice text;
	struct dirent *d;
	struct stat st;
	char path[96];
	DIR *dir;

	assert_int_equal(utimensat(f->fd, "dir", old, 0), 0);
	dir = sys_opendir_at(f->fd, "dir", "dir", &e);
	assert_int_equal(sys_readdir(dir, "dir", &d, &e), 1);
	closedir(dir);
	assert_int_equal(sys_stat(f->fd, "dir", "dir", &st, &e), 0);
	assert_int_equal(st.st_atime, 1000000);
	assert_int_equal(utimensat(f->fd, "plain", old, 0), 0);
	snprintf(path, sizeof path, "%s/plain", f->path);
	arena_init(&a, 0);
	assert_int_equal(sys_read_config(path, 100, &a, &text, &e), 0);
	arena_free(&a);
	assert_int_equal(sys_stat(f->fd, "plain", "plain", &st, &e), 0);
	assert_int_equal(st.st_atime, 1000000);
}

/* Each is found among the others, of whatever inode. */
static void test_table_of_locks(void **state)
{
	struct sys_lock list[] = {{1, 10, true}, {2, 10, true}, {1, 20, false},
				  {1, 30, true}, {9, 40, true}, {1, 50, true}};
	const struct sys_locks l = {list, 6, 6, true};

	(void)state;
	assert_int_equal(sys_locks_exclusive(&l, 1, 10), 1);
	assert_int_equal(sys_locks_exclusive(&l, 2, 10), 1);
	assert_int_equal(sys_locks_exclusive(&l, 1, 20), 0);
	assert_int_equal(sys_locks_exclusive(&l, 1, 30), 1);
	assert_int_equal(sys_locks_exclusive(&l, 1, 40), -1);
	assert_int_equal(sys_locks_exclusive(&l, 1, 50), 1);
	assert_int_equal(sys_locks_exclusive(&l, 1, 5), 0);
	assert_int_equal(sys_locks_exclusive(&l, 1, 15), 0);
	assert_int_equal(sys_locks_exclusive(&l, 1, 60), 0);
}

static void test_locks(void **state)
{
	struct fixture *f = *state;
	struct sys_locks l;
	struct stat st;
	int fd = openat(f->fd, "plain", O_RDWR), other = openat(f->fd, "plain", O_RDONLY);

	sys_locks_init(&l);
	fstat(fd, &st);
	assert_int_equal(flock(fd, LOCK_EX | LOCK_NB), 0);
	assert_int_equal(sys_probe_locked(other), 1);
	sys_locks_refresh(&l);
	if (l.known) /* elsewhere the probe is all there is */
		assert_int_not_equal(sys_locks_exclusive(&l, st.st_dev, st.st_ino), 0);
	flock(fd, LOCK_UN);
	assert_int_equal(sys_probe_locked(other), 0);
	sys_locks_refresh(&l);
	if (l.known)
		assert_int_not_equal(sys_locks_exclusive(&l, st.st_dev, st.st_ino), 1);
	/* the probe gave its shared lock back */
	assert_int_equal(flock(fd, LOCK_EX | LOCK_NB), 0);
	sys_locks_free(&l);
	close(fd);
	close(other);
}

static void test_readdir(void **state)
{
	struct fixture *f = *state;
	struct error e = ERROR_INIT;
	struct dirent *d;
	DIR *dir = sys_opendir_at(f->fd, ".", "here", &e);
	int n = 0;

	assert_non_null(dir);
	while (sys_readdir(dir, "here", &d, &e) == 1)
		n++;
	assert_int_equal(n, 7);
	assert_int_equal(e.code, ERROR_NONE);
	closedir(dir);
	assert_null(sys_opendir_at(f->fd, "dirlink", "dirlink", &e));
	assert_true(sys_open_subdir(f->fd, "plain", true, "plain", &e) < 0);
}

/* That it is the right directory shows in the crash tests; here that the path is understood. */
static void test_sync_parent(void **state)
{
	static const struct {
		const char *below; /* what follows the directory's path */
		int want;
	} rows[] = {{"", 0},
		    {"/", 0},
		    {"/plain", 0},
		    {"/dir//", 0},
		    {"/nowhere", 0},
		    {"/no/where", ENOENT},
		    {"/plain/x", ENOTDIR}};
	struct fixture *f = *state;
	static char longest[8192];

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		char path[128];

		snprintf(path, sizeof path, "%s%s", f->path, rows[i].below);
		errno = 0;
		assert_int_equal(sys_sync_parent(path), rows[i].want ? -1 : 0);
		assert_int_equal(errno, rows[i].want);
	}
	assert_int_equal(sys_sync_parent("/"), 0);
	assert_int_equal(sys_sync_parent("here"), 0);
	memset(longest, '/', sizeof longest - 1);
	longest[sizeof longest - 2] = 'x';
	assert_int_equal(sys_sync_parent(longest), -1);
	assert_int_equal(errno, ENAMETOOLONG);
}

/* Where something is, or will be when its last part is made. */
static void test_real_path(void **state)
{
	static const struct {
		const char *below, *want; /* "": itself, or nothing */
		int r, errnum;
	} rows[] = {{"", "", 1, 0},
		    {"/dir/../dir/", "/dir", 1, 0},
		    {"/dirlink", "/dir", 1, 0},
		    {"/dirlink/new", "/dir/new", 0, 0},
		    {"/dir//new//", "/dir/new", 0, 0},
		    {"/dangling", "", -1, ENOENT},
		    {"/no/where", "", -1, ENOENT},
		    {"/no/..", "", -1, ENOENT},
		    {"/plain/x", "", -1, ENOTDIR}};
	struct fixture *f = *state;
	char real[PATH_MAX], path[PATH_MAX], want[PATH_MAX * 2], out[PATH_MAX];

	assert_non_null(realpath(f->path, real));
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct error e = ERROR_INIT;

		snprintf(path, sizeof path, "%s%s", f->path, rows[i].below);
		snprintf(want, sizeof want, "%s%s", real, rows[i].want);
		if (sys_real_path(path, out, sizeof out, &e) != rows[i].r)
			fail_msg("%s: %s", path, e.text);
		assert_int_equal(e.errnum, rows[i].errnum);
		if (rows[i].r >= 0)
			assert_string_equal(out, want);
	}
	assert_int_equal(sys_real_path("new", out, 4, NULL), -1);
	assert_int_equal(sys_real_path("/mtaq.is.not.there", out, sizeof out, NULL), 0);
	assert_string_equal(out, "/mtaq.is.not.there");
	assert_int_equal(sys_real_path("", out, sizeof out, NULL), -1);
}

static void test_make_dir(void **state)
{
	struct fixture *f = *state;
	struct error e = ERROR_INIT;
	char path[PATH_MAX];
	struct stat st;

	snprintf(path, sizeof path, "%s/made", f->path);
	assert_int_equal(sys_make_dir(path, &e), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	assert_int_equal(sys_make_dir(path, &e), -1);
	assert_int_equal(e.code, ERROR_CANTCREATE);
	assert_non_null(strstr(e.text, "cannot be made"));
}

/* Locks of others, so many that the kernel's table has several pieces, come and go while we live.
 */
static void lock_and_unlock(const char *dir, pid_t parent)
{
	enum { FILES = 100 };
	char path[64];
	int fds[FILES];

	while (getppid() == parent) {
		for (int i = 0; i < FILES; i++) {
			snprintf(path, sizeof path, "%s/%d.%d", dir, (int)getpid(), i);
			fds[i] = open(path, O_RDWR | O_CREAT, 0600);
			flock(fds[i], LOCK_EX);
		}
		for (int i = 0; i < FILES; i++) {
			close(fds[i]);
			snprintf(path, sizeof path, "%s/%d.%d", dir, (int)getpid(), i);
			unlink(path);
		}
	}
}

/* One that is held all the time is in every reading. */
static void test_locks_of_others(void **state)
{
	char dir[] = "/tmp/mtaq-locks.XXXXXX", mine[40], rm[60];
	struct sys_locks l;
	struct stat st;
	pid_t others[2], parent = getpid();
	int fd, missed = 0;

	(void)state;
	sys_locks_init(&l);
	sys_locks_refresh(&l);
	if (!l.known)
		skip();
	assert_non_null(mkdtemp(dir));
	for (int i = 0; i < 2; i++) {
		others[i] = fork();
		if (others[i] == 0) {
			lock_and_unlock(dir, parent);
			_exit(0);
		}
	}
	snprintf(mine, sizeof mine, "%s/mine", dir);
	fd = open(mine, O_RDWR | O_CREAT, 0600);
	assert_int_equal(flock(fd, LOCK_EX), 0);
	assert_int_equal(fstat(fd, &st), 0);
	for (int i = 0; i < 3000; i++) {
		sys_locks_refresh(&l);
		missed += sys_locks_exclusive(&l, st.st_dev, st.st_ino) == 0;
	}
	for (int i = 0; i < 2; i++) {
		kill(others[i], SIGKILL);
		waitpid(others[i], NULL, 0);
	}
	close(fd);
	sys_locks_free(&l);
	snprintf(rm, sizeof rm, "rm -rf %s", dir);
	assert_int_equal(system(rm), 0);
	assert_int_equal(missed, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_types, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_read_all, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_atime_is_left_alone, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_other_atimes, setup, teardown),
	    cmocka_unit_test(test_table_of_locks),
	    cmocka_unit_test(test_locks_of_others),
	    cmocka_unit_test_setup_teardown(test_locks, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_readdir, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_sync_parent, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_real_path, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_make_dir, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
