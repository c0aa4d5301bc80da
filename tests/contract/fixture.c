/* Recorded queues for tests in C: see fixture.h. */
#define _GNU_SOURCE 1 /* O_NOATIME */
#include "contract/fixture.h"

#include "unit/cmocka_all.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef O_NOATIME
#define O_NOATIME 0
#endif

static void remember(const char *dir);

/* ---- unpacking ---- */

static int run_tar(const char *archive, const char *dir)
{
	const char *const argv[] = {"tar", "--warning=no-timestamp", "-C", dir, "-xpf", archive,
				    NULL};
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		execvp(argv[0], (char *const *)(uintptr_t)argv);
		_exit(127);
	}
	if (pid < 0 || waitpid(pid, &status, 0) < 0)
		return -1;
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -1;
}

static void find_archive(const struct fixture *f, char path[512])
{
	const char *top = getenv("top_srcdir");

	snprintf(path, 512, "%s/fixtures/%s/%s.tar", top ? top : ".", f->kind, f->name);
	if (access(path, R_OK) < 0)
		snprintf(path, 512, "%s/fixtures/%s/%s.tar.gz", top ? top : ".", f->kind, f->name);
}

/* Memory is faster, and there are many copies. */
static const char *temporary(void)
{
	const char *tmp = getenv("TMPDIR");

	if (tmp && tmp[0])
		return tmp;
	return access("/dev/shm", R_OK | W_OK | X_OK) == 0 ? "/dev/shm" : "/tmp";
}

void fixture_unpack(struct fixture *f, const char *kind, const char *name)
{
	char archive[512];

	*f = (struct fixture){.kind = kind, .name = name};
	find_archive(f, archive);
	if (snprintf(f->dir, sizeof f->dir, "%s/mtaq-test.XXXXXXXX", temporary()) >=
	    (int)sizeof f->dir)
		fail_msg("TMPDIR is too long");
	if (!mkdtemp(f->dir))
		fail_msg("cannot make %s", f->dir);
	remember(f->dir);
	if (run_tar(archive, f->dir) < 0)
		fail_msg("cannot unpack %s", archive);
	snprintf(f->queue_dir, sizeof f->queue_dir, "%s/%s", f->dir,
		 strcmp(kind, "qmail") == 0 ? "queue" : "mqueue");
	snprintf(f->cf, sizeof f->cf, "%s/mail/sendmail.cf", f->dir);
}

struct queue *fixture_open(const struct fixture *f, trouble_fn *trouble, void *ctx)
{
	bool qmail = strcmp(f->kind, "qmail") == 0;
	const struct backend *b = backend_find(f->kind);
	struct queue_option cf = {"cf", f->cf};
	struct queue_spec spec = {.kind = f->kind,
				  .dir = f->queue_dir,
				  .options = &cf,
				  .option_count = qmail ? 0 : 1,
				  .why = "test"};
	struct error err = ERROR_INIT;
	struct queue *q;

	if (!b)
		fail_msg("no backend %s", f->kind);
	q = b->open(&spec, NULL, qmail ? FIXTURE_QMAIL_NOW : FIXTURE_SENDMAIL_NOW, trouble, ctx,
		    &err);
	if (!q)
		fail_msg("cannot open %s %s: %s", f->kind, f->name, err.text);
	return q;
}

/* ---- looking at a tree from outside ---- */

struct lines {
	char **list;
	size_t count, room;
};

struct walk {
	struct lines lines;
	void (*visit)(struct lines *l, const char *path, const struct stat *st);
};

static void add_line(struct lines *l, const char *text)
{
	if (l->count == l->room) {
		l->room = l->room ? l->room * 2 : 256;
		l->list = realloc(l->list, l->room * sizeof *l->list);
		assert_non_null(l->list);
	}
	l->list[l->count] = strdup(text);
	assert_non_null(l->list[l->count++]);
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* All lines as one text; the list is given up. */
static char *join_lines(struct lines *l)
{
	size_t n = 1, at = 0;
	char *text;

	if (l->count)
		qsort(l->list, l->count, sizeof *l->list, by_text);
	for (size_t i = 0; i < l->count; i++)
		n += strlen(l->list[i]) + 1;
	text = malloc(n);
	assert_non_null(text);
	for (size_t i = 0; i < l->count; i++) {
		at += (size_t)snprintf(text + at, n - at, "%s\n", l->list[i]);
		free(l->list[i]);
	}
	text[at] = '\0';
	free(l->list);
	return text;
}

/* nftw() has no context: the walk is by hand. */
static void visit_tree(struct walk *w, const char *path)
{
	struct dirent *e;
	struct stat st;
	DIR *d;
	int fd;

	if (lstat(path, &st) < 0)
		fail_msg("%s: cannot stat", path);
	w->visit(&w->lines, path, &st);
	if (!S_ISDIR(st.st_mode))
		return;
	fd = open(path, O_RDONLY | O_DIRECTORY | O_NOATIME);
	d = fd < 0 ? NULL : fdopendir(fd);
	if (!d)
		fail_msg("%s: cannot list", path);
	while ((e = readdir(d))) {
		char below[4096];

		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		snprintf(below, sizeof below, "%s/%s", path, e->d_name);
		visit_tree(w, below);
	}
	closedir(d);
}

static uint64_t hash_bytes(const char *path)
{
	uint64_t h = 14695981039346656037u;
	unsigned char buf[4096];
	ssize_t n;
	int fd = open(path, O_RDONLY | O_NOATIME | O_NOFOLLOW);

	if (fd < 0)
		return 0;
	while ((n = read(fd, buf, sizeof buf)) > 0)
		for (ssize_t i = 0; i < n; i++)
			h = (h ^ buf[i]) * 1099511628211u;
	close(fd);
	return h;
}

static void note_all(struct lines *l, const char *path, const struct stat *st)
{
	char line[4096 + 256];

	snprintf(line, sizeof line, "%s %o %lu %u:%u %lld %lld.%09ld %lld.%09ld %016llx", path,
		 (unsigned)st->st_mode, (unsigned long)st->st_nlink, (unsigned)st->st_uid,
		 (unsigned)st->st_gid, (long long)st->st_size, (long long)st->st_mtim.tv_sec,
		 st->st_mtim.tv_nsec, (long long)st->st_ctim.tv_sec, st->st_ctim.tv_nsec,
		 S_ISREG(st->st_mode) ? (unsigned long long)hash_bytes(path) : 0);
	add_line(l, line);
}

static void note_atime(struct lines *l, const char *path, const struct stat *st)
{
	char line[4096 + 64];

	if (!S_ISREG(st->st_mode))
		return;
	snprintf(line, sizeof line, "%s %lld.%09ld", path, (long long)st->st_atim.tv_sec,
		 st->st_atim.tv_nsec);
	add_line(l, line);
}

static void age_atime(struct lines *l, const char *path, const struct stat *st)
{
	const struct timespec times[2] = {{.tv_sec = 1000000000}, st->st_mtim};

	(void)l;
	if (S_ISREG(st->st_mode) && utimensat(AT_FDCWD, path, times, AT_SYMLINK_NOFOLLOW) < 0)
		fail_msg("%s: cannot set atime", path);
}

static char *tree_lines(const char *dir,
			void (*visit)(struct lines *l, const char *path, const struct stat *st))
{
	struct walk w = {.visit = visit};

	visit_tree(&w, dir);
	return join_lines(&w.lines);
}

char *tree_snapshot(const char *dir)
{
	return tree_lines(dir, note_all);
}

char *tree_atimes(const char *dir)
{
	return tree_lines(dir, note_atime);
}

/* Does reading a file here move its atime? */
static bool atimes_move(const char *dir)
{
	char path[256], c;
	struct stat st = {0};
	int fd;

	snprintf(path, sizeof path, "%s/atime-probe", dir);
	fd = open(path, O_RDWR | O_CREAT | O_EXCL, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, "x", 1), 1);
	close(fd);
	assert_int_equal(lstat(path, &st), 0);
	age_atime(NULL, path, &st);
	fd = open(path, O_RDONLY);
	assert_true(fd >= 0);
	assert_int_equal(read(fd, &c, 1), 1);
	assert_int_equal(fstat(fd, &st), 0);
	close(fd);
	unlink(path);
	return st.st_atim.tv_sec != 1000000000;
}

bool tree_age_atimes(const char *dir)
{
	free(tree_lines(dir, age_atime));
	return atimes_move(dir);
}

/* ---- removing ---- */

/* Directories that a test has closed, or that were recorded so. */
static void open_up(struct lines *l, const char *path, const struct stat *st)
{
	(void)l;
	if (S_ISDIR(st->st_mode) && (st->st_mode & S_IRWXU) != S_IRWXU && chmod(path, S_IRWXU) < 0)
		print_error("%s: cannot be opened again\n", path);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static void remove_tree(const char *dir)
{
	struct stat st;

	if (lstat(dir, &st) < 0)
		return;
	free(tree_lines(dir, open_up));
	nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* What a test that failed has left behind. */
static struct left {
	char dir[64];
	struct left *next;
} * unpacked;

static void remove_left(void)
{
	for (struct left *l = unpacked, *next; l; l = next) {
		next = l->next;
		remove_tree(l->dir);
		free(l);
	}
	unpacked = NULL;
}

static void remember(const char *dir)
{
	struct left *l = calloc(1, sizeof *l);

	assert_non_null(l);
	if (!unpacked)
		atexit(remove_left);
	snprintf(l->dir, sizeof l->dir, "%s", dir);
	l->next = unpacked;
	unpacked = l;
}

void fixture_remove(struct fixture *f)
{
	if (f->dir[0])
		remove_tree(f->dir);
	f->dir[0] = '\0';
}
