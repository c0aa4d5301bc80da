/*
 * What mtaq processes that died have left in a queue's directories: taken back when the message was
 * not committed, finished when it was.
 *
 * Each name of our own ends in a process id. It is a leftover when that process is dead as far as
 * this system can see, and when nobody holds a lock on the file: another system that shares the
 * directory would. An intent is always locked by who works on it, so that there the lock alone
 * decides: process ids are used again, and those of other containers are not seen.
 */
#include "act.h"

#include <mtaq/jsonbytes.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

enum { INTENT_BYTES = 1 << 16 };

void temp_name(char out[TEMP_NAME], const char *prefix, struct slice id)
{
	snprintf(out, TEMP_NAME, "%s%" SLICE_FMT ".%ld", prefix, SLICE_ARG(id), (long)getpid());
}

bool file_exists(int dirfd, const char *name)
{
	struct stat st;

	return fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 || errno != ENOENT;
}

bool same_file(int a_fd, const char *a, int b_fd, const char *b)
{
	struct stat x, y;

	return fstatat(a_fd, a, &x, AT_SYMLINK_NOFOLLOW) == 0 &&
	       fstatat(b_fd, b, &y, AT_SYMLINK_NOFOLLOW) == 0 && x.st_dev == y.st_dev &&
	       x.st_ino == y.st_ino;
}

bool same_dir(int a, int b)
{
	struct stat x, y;

	return fstat(a, &x) == 0 && fstat(b, &y) == 0 && x.st_dev == y.st_dev &&
	       x.st_ino == y.st_ino;
}

/* ---- whose it is ---- */

struct leftover {
	struct slice id;
	const char *suffix; /* ".PID" */
	pid_t owner;
};

/* PREFIX ID "." PID; false when the name is none of ours. */
static bool parse_name(const char *name, const char *prefix, struct leftover *out)
{
	struct slice s = slice_from(name);
	const char *dot = strrchr(name, '.');
	uint64_t pid;

	if (!slice_starts(s, slice_from(prefix)) || dot < name + strlen(prefix))
		return false;
	if (!slice_u64(slice_from(dot + 1), &pid) || pid < 1 || pid > INT32_MAX)
		return false;
	s = slice_skip(s, strlen(prefix));
	*out = (struct leftover){slice_take(s, (size_t)(dot - s.p)), dot, (pid_t)pid};
	return true;
}

static bool is_dead(pid_t pid)
{
	return pid != getpid() && kill(pid, 0) < 0 && errno == ESRCH;
}

/* The leftover open and locked, so that two of us do not mend at once; -1 when it is none. */
static int take_leftover(int dirfd, const char *name, const char *prefix, struct leftover *out)
{
	int fd;

	if (!parse_name(name, prefix, out) ||
	    (strcmp(prefix, INTENT_PREFIX) != 0 && !is_dead(out->owner)))
		return -1;
	fd = sys_open_file(dirfd, name, SYS_READ_WRITE, name, NULL, NULL);
	if (fd >= 0 && lock_file(fd) < 0) {
		sys_close(fd);
		return -1;
	}
	return fd;
}

/* ---- control files ---- */

bool other_control(const struct sendmail_queue *q, const struct sendmail_unit *unit,
		   struct slice id, const char *but)
{
	char name[TEMP_NAME], data[TEMP_NAME];

	snprintf(data, sizeof data, "df%" SLICE_FMT, SLICE_ARG(id));
	for (size_t i = 0; i < q->layout.count; i++) {
		const struct sendmail_unit *u = sendmail_unit(q->layout.units[i]);

		/* a message of another directory has its own data file, unless a d line says
		 * where */
		if (u != unit && file_exists(u->df_fd, data) && !same_dir(u->df_fd, unit->df_fd))
			continue;
		for (const char *c = "qhQ"; *c; c++) {
			snprintf(name, sizeof name, "%cf%" SLICE_FMT, *c, SLICE_ARG(id));
			if (!(u == unit && but && strcmp(name, but) == 0) &&
			    file_exists(u->qf_fd, name))
				return true;
		}
	}
	return false;
}

/* ---- messages that were being carried ---- */

struct intent {
	struct slice qf, df, name;
	bool data;
	int qf_fd, df_fd;
	char out[TEMP_NAME], in[TEMP_NAME], data_name[TEMP_NAME];
};

/* It names directories in which files are removed: whoever else may write in this one could have
 * made it, or given another file of ours its name. */
static bool is_our_own(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && st.st_uid == geteuid() && st.st_nlink == 1 &&
	       !(st.st_mode & (S_IWGRP | S_IWOTH));
}

static bool is_control_of(struct slice name, struct slice id)
{
	return id.n && layout_is_control(name.p) && slice_eq(slice_skip(name, 2), id);
}

static bool read_intent(int fd, struct arena *arena, struct slice id, struct intent *out)
{
	struct slice text = SLICE_NONE;
	json_t *j;

	if (sys_read_all(fd, 0, INTENT_BYTES, arena, "intent", &text, NULL) < 0)
		return false;
	j = json_loadb(text.p, text.n, 0, NULL);
	out->qf = arena_copy(arena, json_bytes_get(json_object_get(j, "qf"), arena));
	out->df = arena_copy(arena, json_bytes_get(json_object_get(j, "df"), arena));
	out->name = arena_copy(arena, json_bytes_get(json_object_get(j, "name"), arena));
	out->data = json_is_true(json_object_get(j, "data"));
	json_decref(j);
	return out->qf.n && out->df.n && out->name.n && is_control_of(out->name, id);
}

static bool has_control(int dirfd, struct slice id)
{
	char name[TEMP_NAME];

	for (const char *c = "qhQ"; *c; c++) {
		snprintf(name, sizeof name, "%cf%" SLICE_FMT, *c, SLICE_ARG(id));
		if (file_exists(dirfd, name))
			return true;
	}
	return false;
}

/* The copy gets its name unless it has it, and what is left of the source goes: not when it has no
 * name there, for another directory may be in the place of the one that it was taken to. */
static bool finish_carrying(const struct sendmail_unit *u, const struct intent *t, struct slice id)
{
	if (file_exists(t->qf_fd, t->in) &&
	    (sys_rename_new(t->qf_fd, t->in, t->qf_fd, t->name.p) < 0 || fsync(t->qf_fd) < 0))
		return false;
	return has_control(t->qf_fd, id) && unlinkat(u->qf_fd, t->out, 0) == 0;
}

/* The message stayed where it was: copies that were begun go. */
static void take_back_carrying(const struct intent *t, struct slice id)
{
	unlinkat(t->qf_fd, t->in, 0);
	if (t->data && !has_control(t->qf_fd, id))
		unlinkat(t->df_fd, t->data_name, 0);
}

static bool mend_carrying(const struct sendmail_unit *u, struct intent *t, const struct leftover *l)
{
	snprintf(t->out, sizeof t->out, OUT_PREFIX "%" SLICE_FMT "%s", SLICE_ARG(l->id), l->suffix);
	snprintf(t->in, sizeof t->in, IN_PREFIX "%" SLICE_FMT "%s", SLICE_ARG(l->id), l->suffix);
	snprintf(t->data_name, sizeof t->data_name, "df%" SLICE_FMT, SLICE_ARG(l->id));
	if (file_exists(u->qf_fd, t->out))
		return finish_carrying(u, t, l->id);
	take_back_carrying(t, l->id);
	return true;
}

static void sweep_intent(struct action *a, const struct sendmail_unit *u, const char *name)
{
	struct leftover l;
	struct intent t = {.qf_fd = -1, .df_fd = -1};
	struct error err = ERROR_INIT;
	struct arena arena;
	bool mended = false;
	int fd = take_leftover(u->qf_fd, name, INTENT_PREFIX, &l);

	/* finished by another meanwhile, or not for us to believe */
	if (fd < 0 || !is_our_own(fd)) {
		sys_close(fd);
		return;
	}
	arena_init(&arena, 0);
	if (!read_intent(fd, &arena, l.id, &t)) {
		/* cut off while it was written: nothing else was made yet */
		mended = true;
	} else if ((t.qf_fd = sys_open_dir(t.qf.p, &err)) >= 0 &&
		   (t.df_fd = sys_open_dir(t.df.p, &err)) >= 0) {
		mended = mend_carrying(u, &t, &l);
	}
	if (mended)
		unlinkat(u->qf_fd, name, 0);
	else
		act_note(a, "%s/%s: a message that was being taken to %s could not be finished: %s",
			 u->qf.p, name, t.qf.p,
			 err.code ? err.text : "it is not there, or its files are in the way");
	sys_close(t.qf_fd);
	sys_close(t.df_fd);
	sys_close(fd);
	arena_free(&arena);
}

/* ---- data files and temporaries ---- */

/* Its control file is aside, for what carried the message away could not be finished. */
static bool is_aside(const struct sendmail_queue *q, const struct leftover *l)
{
	char name[TEMP_NAME];

	snprintf(name, sizeof name, OUT_PREFIX "%" SLICE_FMT "%s", SLICE_ARG(l->id), l->suffix);
	for (size_t i = 0; i < q->layout.count; i++)
		if (file_exists(sendmail_unit(q->layout.units[i])->qf_fd, name))
			return true;
	return false;
}

/* The marker and the data file are one file, whose control file is gone. */
static void sweep_marker(struct action *a, const struct sendmail_unit *u, const char *name)
{
	char data[TEMP_NAME];
	struct stat st, marked;
	struct leftover l;
	int fd = take_leftover(u->df_fd, name, MARK_PREFIX, &l);

	if (fd < 0 || is_aside(queue_of(a), &l)) {
		sys_close(fd);
		return;
	}
	snprintf(data, sizeof data, "df%" SLICE_FMT, SLICE_ARG(l.id));
	if (fstat(fd, &marked) == 0 && fstatat(u->df_fd, data, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	    st.st_ino == marked.st_ino && st.st_dev == marked.st_dev &&
	    !other_control(queue_of(a), u, l.id, NULL))
		unlinkat(u->df_fd, data, 0);
	unlinkat(u->df_fd, name, 0);
	sys_close(fd);
}

static void sweep_temporary(int dirfd, const char *name)
{
	struct leftover l;
	int fd = take_leftover(dirfd, name, TEMP_PREFIX, &l);

	if (fd >= 0)
		unlinkat(dirfd, name, 0);
	sys_close(fd);
}

void sweep_temporaries(int dirfd)
{
	DIR *d = sys_opendir_at(dirfd, ".", ".", NULL);
	struct dirent *e;

	while (d && sys_readdir(d, ".", &e, NULL) > 0)
		if (e->d_name[0] == '.')
			sweep_temporary(dirfd, e->d_name);
	if (d)
		closedir(d);
}

typedef void sweep_fn(struct action *a, const struct sendmail_unit *u, const char *name);

static void sweep_directory(struct action *a, const struct sendmail_unit *u, int dirfd,
			    const char *prefix, sweep_fn *each)
{
	DIR *d = sys_opendir_at(dirfd, ".", ".", NULL);
	struct dirent *e;

	while (d && sys_readdir(d, ".", &e, NULL) > 0)
		if (e->d_name[0] == '.' && strncmp(e->d_name, prefix, strlen(prefix)) == 0)
			each(a, u, e->d_name);
	if (d)
		closedir(d);
}

void sweep_queue(struct action *a)
{
	const struct layout *l = &queue_of(a)->layout;

	for (size_t i = 0; i < l->count; i++)
		sweep_directory(a, sendmail_unit(l->units[i]), sendmail_unit(l->units[i])->qf_fd,
				INTENT_PREFIX, sweep_intent);
	/* what they could not finish keeps its data */
	for (size_t i = 0; i < l->count; i++) {
		const struct sendmail_unit *u = sendmail_unit(l->units[i]);

		sweep_directory(a, u, u->df_fd, MARK_PREFIX, sweep_marker);
		sweep_temporaries(u->qf_fd);
		if (u->has_df)
			sweep_temporaries(u->df_fd);
	}
}
