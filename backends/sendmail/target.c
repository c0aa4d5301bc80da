/*
 * A directory that messages are moved or saved to: is it one of this queue's, may it be used at
 * all.
 *
 * What lies inside a queue directory, or where a wildcard of the configuration would find it, would
 * be run by sendmail sooner or later: there, only the queue's own directories are allowed.
 */
#include "act.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static bool same_directory(const struct stat *a, int fd)
{
	struct stat b;

	return fstat(fd, &b) == 0 && a->st_dev == b.st_dev && a->st_ino == b.st_ino;
}

static const struct sendmail_unit *unit_at(const struct layout *l, const struct stat *st)
{
	for (size_t i = 0; i < l->count; i++) {
		const struct sendmail_unit *u = sendmail_unit(l->units[i]);

		if (same_directory(st, u->dir_fd) || same_directory(st, u->qf_fd) ||
		    same_directory(st, u->df_fd))
			return u;
	}
	return NULL;
}

/* The queue directory that `path`, a real path, lies in, at whatever depth. */
static const struct sendmail_unit *unit_around(const struct layout *l, const char *path)
{
	const struct sendmail_unit *u = NULL;
	char above[PATH_MAX];
	struct stat st;
	char *slash;

	snprintf(above, sizeof above, "%s", path);
	while (!u && (slash = strrchr(above, '/')) != NULL && slash > above) {
		*slash = '\0';
		if (stat(above, &st) == 0)
			u = unit_at(l, &st);
	}
	return u;
}

bool would_match(const struct sendmail_queue *q, struct slice name)
{
	const struct cf *cf = &q->cf;
	struct slice base, pattern;

	if (q->layout.pattern.p && slice_starts(name, q->layout.pattern))
		return true;
	for (size_t i = 0; i < cf->group_count; i++) {
		layout_split(cf->groups[i].path, &base, &pattern);
		if (cf->groups[i].path.p && pattern.p && slice_starts(name, pattern))
			return true;
	}
	return false;
}

/* Below the queue's base directory, with a name that one of its wildcards takes. */
static bool is_matched(const struct sendmail_queue *q, const char *path)
{
	const char *slash = strrchr(path, '/');
	char base[PATH_MAX];
	size_t n;

	if (!slash || !realpath(q->layout.base.p, base))
		return false;
	n = strlen(base);
	return strncmp(path, base, n) == 0 && path[n] == '/' &&
	       would_match(q, slice_from(slash + 1));
}

int target_check(const struct sendmail_queue *q, const char *path, struct error *err)
{
	const struct sendmail_unit *u = unit_around(&q->layout, path);

	if (u)
		return error_set(err, ERROR_USAGE, "%s lies inside the queue directory %s", path,
				 u->dir.p);
	if (is_matched(q, path))
		return error_set(err, ERROR_USAGE,
				 "%s: its name is one that the queue's configuration looks for: "
				 "sendmail would run it",
				 path);
	return 0;
}

int target_no_unit(const struct sendmail_queue *q, const char *path, struct error *err)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return error_sys(err, errno, "%s", path);
	if (!unit_at(&q->layout, &st))
		return 0;
	return error_set(err, ERROR_USAGE, "%s is a directory of the queue", path);
}

/* ---- what is there ---- */

/* Nothing but what we and file systems put there. */
static bool is_empty(int fd, const char *path)
{
	DIR *d = sys_opendir_at(fd, ".", path, NULL);
	struct dirent *e;
	bool empty = d != NULL;

	while (d && empty && sys_readdir(d, path, &e, NULL) > 0)
		empty = strncmp(e->d_name, ".mtaq", 5) == 0 || strcmp(e->d_name, "lost+found") == 0;
	if (d)
		closedir(d);
	return empty;
}

enum { LOOKS_QUEUE = 75, LOOKS_PARENT = 80, LOOKS_SPLIT = 90 };

static int check_looks(int fd, const char *path, struct error *err)
{
	int looks = layout_detect(path, err);

	if (looks < 0)
		return -1;
	if (looks == LOOKS_PARENT)
		return error_set(err, ERROR_USAGE,
				 "%s holds queue directories and is none itself: name one of them",
				 path);
	if (looks < LOOKS_QUEUE && !is_empty(fd, path))
		return error_set(err, ERROR_USAGE,
				 "%s is no queue directory: there are other things in it", path);
	return 0;
}

/* ---- opening ---- */

static int open_part(struct target *t, const char *name, const char **path, struct error *err)
{
	struct stat st;
	char text[PATH_MAX];
	int n;

	if (fstatat(t->dir_fd, name, &st, 0) < 0 || !S_ISDIR(st.st_mode)) {
		*path = t->path;
		return t->dir_fd;
	}
	n = snprintf(text, sizeof text, "%s/%s", t->path, name);
	if (n < 0 || (size_t)n >= sizeof text)
		return error_set(err, ERROR_USAGE, "%s: the path is too long", t->path);
	*path = strdup(text);
	if (!*path)
		return error_set(err, ERROR_NOMEM, "out of memory");
	return sys_open_subdir(t->dir_fd, name, true, text, err);
}

static int note_devices(struct place *p, struct error *err)
{
	struct stat st;

	if (fstat(p->qf_fd, &st) < 0)
		return error_sys(err, errno, "%s", p->qf);
	p->qf_dev = st.st_dev;
	return 0;
}

/* One that is no directory of this queue. */
static int open_foreign(struct target *t, const struct sendmail_queue *q, struct error *err)
{
	if (target_check(q, t->path, err) < 0 || check_looks(t->dir_fd, t->path, err) < 0)
		return -1;
	t->place.qf_fd = open_part(t, "qf", &t->place.qf, err);
	if (t->place.qf_fd < 0)
		return -1;
	t->place.df_fd = open_part(t, "df", &t->place.df, err);
	return t->place.df_fd < 0 ? -1 : note_devices(&t->place, err);
}

static int open_unit(struct target *t, const struct sendmail_unit *u, struct error *err)
{
	t->place = (struct place){
	    .qf_fd = u->qf_fd, .df_fd = u->df_fd, .qf = u->qf.p, .df = u->df.p, .unit = u};
	return note_devices(&t->place, err);
}

/* DIR/qf and DIR/df mean DIR. */
static void cut_part(char *path)
{
	size_t n = strlen(path);

	if (n > 3 && (strcmp(path + n - 3, "/qf") == 0 || strcmp(path + n - 3, "/df") == 0))
		path[n - 3] = '\0';
}

int target_open(struct target *t, const struct sendmail_queue *q, const char *dir,
		struct error *err)
{
	char path[PATH_MAX];
	const struct sendmail_unit *u;
	struct stat st;

	*t = (struct target){.dir_fd = -1, .place = {.qf_fd = -1, .df_fd = -1}};
	if (!realpath(dir, path)) {
		if (errno == ENOENT)
			return error_set(err, ERROR_NOQUEUE, "%s: there is no such directory", dir);
		return error_sys(err, errno, "%s", dir);
	}
	cut_part(path);
	t->path = strdup(path);
	t->dir_fd = t->path ? sys_open_dir(path, err) : -1;
	if (t->dir_fd < 0)
		return error_set(err, ERROR_NOMEM, "out of memory");
	if (fstat(t->dir_fd, &st) < 0)
		return error_sys(err, errno, "%s", path);
	u = unit_at(&q->layout, &st);
	return u ? open_unit(t, u, err) : open_foreign(t, q, err);
}

void target_close(struct target *t)
{
	if (!t->place.unit && t->path) {
		if (t->place.qf_fd != t->dir_fd)
			sys_close(t->place.qf_fd);
		if (t->place.df_fd != t->dir_fd)
			sys_close(t->place.df_fd);
		if (t->place.qf != t->path)
			free((char *)(uintptr_t)t->place.qf);
		if (t->place.df != t->path)
			free((char *)(uintptr_t)t->place.df);
	}
	if (t->path)
		sys_close(t->dir_fd);
	free(t->path);
	*t = (struct target){.dir_fd = -1};
}
