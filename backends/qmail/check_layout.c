/* The parts of a queue that belong to no message: its directories, lock/, pid/, and what lies
 * beside them. */
#include "check.h"

#include <stdio.h>
#include <stdlib.h>

enum { TCPTO_BYTES = 1024 };

/* Directories, with the mode that qmail gives them. */
static const struct layout_dir {
	const char *name;
	mode_t mode;
	bool of_send;
	enum { NOT_SPLIT, SPLIT, SPLIT_TODO } split;
} dirs[] = {
    {"mess", 0750, false, SPLIT},      {"info", 0700, true, SPLIT},
    {"local", 0700, true, SPLIT},      {"remote", 0700, true, SPLIT},
    {"todo", 0750, false, SPLIT_TODO}, {"intd", 0700, false, SPLIT_TODO},
    {"bounce", 0700, true, NOT_SPLIT}, {"pid", 0700, false, NOT_SPLIT},
    {"lock", 0750, false, NOT_SPLIT},
};
enum { DIRS = sizeof dirs / sizeof dirs[0] };

struct visit {
	const struct check *c;
	struct sink *s;
};

/* A finding about `path` below the queue. */
static struct finding *tell(const struct visit *v, enum qmail_code code, const char *path,
			    const char *detail)
{
	const char *base = v->c->q->base.dir, *slash = strrchr(path, '/');
	struct arena *a = &v->s->arena;
	struct slice dir = slash ? arena_printf(a, "%s/%.*s", base, (int)(slash - path), path)
				 : arena_copy(a, slice_from(base));

	return sink_add(v->s, code, dir, slice_from(slash ? slash + 1 : path), detail ? "%s" : NULL,
			detail ? detail : "");
}

/* lstat: 1, 0 when it is not there, -1 told. */
static int look(const struct visit *v, const char *path, struct stat *st)
{
	struct error err = ERROR_INIT;

	v->s->looked++;
	if (sys_stat(v->c->q->fd, path, path, st, &err) == 0)
		return 1;
	if (err.code == ERROR_GONE)
		return 0;
	error_prefix(&err, "%s", v->c->q->base.dir);
	sink_trouble(v->s, &err);
	return -1;
}

/* ---- directories ---- */

static void compare(const struct visit *v, const char *path, const struct stat *st, uid_t owner,
		    mode_t mode, mode_t needed)
{
	const mode_t got = st->st_mode & 0777;
	char text[64];

	if (v->c->owners.known && st->st_uid != owner) {
		snprintf(text, sizeof text, "belongs to uid %ld, not %ld", (long)st->st_uid,
			 (long)owner);
		tell(v, CODE_WRONG_OWNER, path, text);
	}
	if (got == mode)
		return;
	snprintf(text, sizeof text, "mode %04o, not %04o", (unsigned)got, (unsigned)mode);
	if ((got & needed) != needed)
		tell(v, CODE_WRONG_MODE, path, text);
	else if (got & ~mode & 0777)
		tell(v, CODE_OPEN_MODE, path, text);
}

/* Are there numbers of split directory `d` in one of these directories? */
static bool has_numbers(const struct visit *v, enum qmail_dir dir, int d)
{
	const struct queue_qmail *q = v->c->q;
	const bool flat = dir >= (int)DIR_SPLIT_COUNT && !q->big_todo;
	struct numbers l = {NULL, 0, 0};
	struct odds odds = {NULL, 0, 0};
	bool found = false;

	names_read(q, dir, flat ? FLAT : d, &l, &odds, NULL);
	for (size_t i = 0; i < l.n; i++)
		found |= d == FLAT || l.v[i] % q->split == (unsigned)d;
	free(l.v);
	odds_free(&odds);
	return found;
}

/* Messages that are there still have files in a missing directory, if it was moved away. Once there
 * is an empty one in its place they would be taken for what is left of messages. */
static bool is_awaited(const struct visit *v, const char *name, int d)
{
	static const struct {
		const char *missing;
		enum qmail_dir there[5];
	} rows[] = {
	    {"mess", {DIR_INFO, DIR_LOCAL, DIR_REMOTE, DIR_TODO, DIR_COUNT}},
	    {"info", {DIR_LOCAL, DIR_REMOTE, DIR_COUNT}},
	    {"todo", {DIR_INTD, DIR_COUNT}},
	};

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		for (int k = 0; strcmp(rows[i].missing, name) == 0 && rows[i].there[k] != DIR_COUNT;
		     k++)
			if (has_numbers(v, rows[i].there[k], d))
				return true;
	return false;
}

static void missing_dir(const struct visit *v, const struct layout_dir *d, const char *path,
			int split)
{
	struct finding *f = tell(v, CODE_DIRECTORY_MISSING, path, NULL);

	/* it is there when what goes into it is planned */
	f->alone = true;
	if (is_awaited(v, d->name, split))
		f->why_not =
		    SLICE("messages are there that have files in it: bring it back, or make "
			  "it yourself when it is lost for good");
}

static void check_dir(const struct visit *v, const struct layout_dir *d, const char *path,
		      int split)
{
	struct stat st;
	int r = look(v, path, &st);

	if (r == 0)
		missing_dir(v, d, path, split);
	else if (r > 0 && !S_ISDIR(st.st_mode))
		tell(v, CODE_NOT_A_DIRECTORY, path, sys_file_type(st.st_mode));
	else if (r > 0)
		compare(v, path, &st, d->of_send ? v->c->owners.send : v->c->owners.queue, d->mode,
			d->mode);
}

static void check_dirs(const struct visit *v)
{
	char path[PART_ROOM];

	for (size_t i = 0; i < DIRS; i++) {
		bool split =
		    dirs[i].split == SPLIT || (dirs[i].split == SPLIT_TODO && v->c->q->big_todo);
		struct stat st;

		check_dir(v, &dirs[i], dirs[i].name, FLAT);
		if (!split || look(v, dirs[i].name, &st) != 1 || !S_ISDIR(st.st_mode))
			continue;
		for (unsigned d = 0; d < v->c->q->split; d++) {
			snprintf(path, sizeof path, "%s/%u", dirs[i].name, d);
			check_dir(v, &dirs[i], path, (int)d);
		}
	}
}

/* ---- lock/ ---- */

static void check_mutex(const struct visit *v)
{
	static const char path[] = "lock/sendmutex";
	struct stat st;
	int r = look(v, path, &st);

	if (r < 0)
		return;
	if (r == 0 || !S_ISREG(st.st_mode))
		tell(v, CODE_SENDMUTEX_MISSING, path, r ? sys_file_type(st.st_mode) : NULL);
	else
		compare(v, path, &st, v->c->owners.send, 0600, 0600);
}

static void check_trigger(const struct visit *v)
{
	static const char path[] = "lock/trigger";
	struct stat st;
	char text[64];
	int r = look(v, path, &st);

	if (r < 0)
		return;
	if (r == 0 || !S_ISFIFO(st.st_mode)) {
		tell(v, CODE_TRIGGER_MISSING, path, r ? sys_file_type(st.st_mode) : NULL);
		return;
	}
	if ((st.st_mode & 0622) == 0622) {
		compare(v, path, &st, v->c->owners.send, st.st_mode & 0777, 0);
		return;
	}
	snprintf(text, sizeof text, "mode %04o, not 0622", (unsigned)(st.st_mode & 07777));
	tell(v, CODE_TRIGGER_CLOSED, path, text);
}

static void check_tcpto(const struct visit *v)
{
	static const char path[] = "lock/tcpto";
	struct stat st;
	char text[64];
	int r = look(v, path, &st);

	if (r < 0)
		return;
	if (r == 0 || !S_ISREG(st.st_mode)) {
		tell(v, CODE_TCPTO_MISSING, path, r ? sys_file_type(st.st_mode) : NULL);
		return;
	}
	if (st.st_size != TCPTO_BYTES) {
		snprintf(text, sizeof text, "%lld bytes, not %d", (long long)st.st_size,
			 TCPTO_BYTES);
		tell(v, CODE_TCPTO_SIZE, path, text);
	}
	compare(v, path, &st, v->c->owners.remote_known ? v->c->owners.remote : st.st_uid, 0644,
		0644);
}

/* ---- names that are not qmail's ---- */

static bool is_known(const char *name)
{
	for (size_t i = 0; i < DIRS; i++)
		if (strcmp(dirs[i].name, name) == 0)
			return true;
	return strcmp(name, "lost+found") == 0;
}

static bool is_lock_file(const char *name)
{
	return strcmp(name, "sendmutex") == 0 || strcmp(name, "trigger") == 0 ||
	       strcmp(name, "tcpto") == 0;
}

/* A qmail-queue that is at work may be dead only when qmail itself says so. */
static void check_pid(const struct visit *v, const char *name)
{
	struct slice path = arena_printf(&v->s->arena, "pid/%s", name);
	struct stat st;

	if (!path.p || look(v, path.p, &st) != 1)
		return;
	if (!S_ISREG(st.st_mode))
		tell(v, CODE_STRAY, path.p, sys_file_type(st.st_mode));
	else if (is_old(v->c->now, &st))
		tell(v, CODE_DEAD_PID, path.p, NULL);
}

static void check_name(const struct visit *v, const char *dir, const char *name)
{
	struct slice path = arena_printf(&v->s->arena, "%s/%s", dir, name);
	struct finding *f;

	if (strcmp(dir, "pid") == 0) {
		check_pid(v, name);
		return;
	}
	if (!path.p || (strcmp(dir, "lock") == 0 ? is_lock_file(name) : is_known(name)))
		return;
	/* a patched qmail, or somebody, may keep something of his own there */
	f = tell(v, CODE_STRAY, strcmp(dir, ".") == 0 ? name : path.p, NULL);
	f->why_not = SLICE("it may be somebody's own: look what it is");
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void check_names(const struct visit *v, const char *dir)
{
	struct error err = ERROR_INIT;
	DIR *handle = sys_opendir_at(v->c->q->fd, dir, dir, &err);
	char **names = NULL;
	size_t n = 0, room = 0;
	struct dirent *de;

	while (handle && sys_readdir(handle, dir, &de, &err) > 0) {
		if (de->d_name[0] == '.' || slice_starts(slice_from(de->d_name), SLICE("mtaq.")))
			continue;
		if (n == room) {
			char **more =
			    arena_array(&v->s->arena, room = room ? room * 2 : 64, sizeof *more);

			if (!more)
				break;
			if (n)
				memcpy(more, names, n * sizeof *names);
			names = more;
		}
		names[n++] = arena_str(&v->s->arena, slice_from(de->d_name));
	}
	if (handle)
		closedir(handle);
	if (err.code != ERROR_NONE && err.code != ERROR_GONE && err.code != ERROR_CORRUPT)
		sink_trouble(v->s, &err);
	if (n > 1)
		qsort(names, n, sizeof *names, by_name);
	for (size_t i = 0; i < n; i++)
		check_name(v, dir, names[i]);
}

void check_layout(const struct check *c, struct sink *s)
{
	const struct visit v = {c, s};

	check_dirs(&v);
	check_mutex(&v);
	check_trigger(&v);
	check_tcpto(&v);
	check_names(&v, ".");
	check_names(&v, "lock");
	check_names(&v, "pid");
}
