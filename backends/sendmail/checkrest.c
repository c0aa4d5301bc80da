/* Examining what lies around control files: data files, rewrites, transcripts. See checks.h. */
#include "act.h"
#include "checks.h"

#include <mtaq/limits.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

enum {
	DAY = 86400,
	REWRITE_TIME = 600 /* a rewrite that takes longer has died */
};

/* Is there a file of this id with one of these first letters, anywhere in the queue? */
static bool exists(const struct look *l, const char *letters, struct slice id,
		   const struct sendmail_unit **where, char *name, size_t size)
{
	struct stat st;

	for (size_t i = 0; i < l->q->layout.count; i++) {
		const struct sendmail_unit *u = sendmail_unit(l->q->layout.units[i]);

		for (const char *c = letters; *c; c++) {
			snprintf(name, size, "%cf%" SLICE_FMT, *c, SLICE_ARG(id));
			if (fstatat(u->qf_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 ||
			    (u->has_qf &&
			     fstatat(u->dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0)) {
				*where = u;
				return true;
			}
		}
	}
	return false;
}

/* Fast: the names that were read have a control file beside it. */
static bool control_was_seen(const struct look *l, const struct seen *s, struct slice id)
{
	if (!l->names)
		return false;
	for (const struct seen *e = seen_of(l->names, id); e; e = e->next)
		if (layout_is_control(e->name) && e->unit == s->unit)
			return true;
	return false;
}

static bool in_its_place(const struct seen *s)
{
	return s->spot == SPOT_DF ||
	       (!s->unit->has_df && (s->spot == SPOT_DIR || !s->unit->has_qf));
}

/* Does the control file of this id, wherever it is, have another data file? It may be that its d
 * line means this one, or that it has none and this one is found to be it. */
static bool has_other_data(struct look *l, const struct seen *s, struct slice id,
			   const struct sendmail_unit *unit, const char *name)
{
	struct error err = ERROR_INIT;
	const struct sendmail_unit *u = unit;
	char data[LIMIT_NAME_BYTES + 8];
	struct slice text;
	struct stat st;
	struct qf qf = {0};

	if (read_control_text(l, unit, SPOT_QF, name, &st, &text, &err) < 0)
		return false;
	if (text.n && qf_parse(&l->scratch, text, &qf, &err) == 0)
		u = control_data_unit(l->q, unit, &qf);
	snprintf(data, sizeof data, "df%" SLICE_FMT, SLICE_ARG(id));
	if (u && in_its_place(s) && same_dir(u->df_fd, s->unit->df_fd))
		return false;
	return u && is_file(u->df_fd, data, &st);
}

static void examine_data(struct look *l, const struct seen *s)
{
	struct slice id = slice_skip(slice_from(s->name), 2);
	const struct sendmail_unit *u;
	char name[LIMIT_NAME_BYTES + 8];
	const char *why;
	int opened, fd;
	struct stat st;
	bool there;

	if (in_its_place(s) && control_was_seen(l, s, id))
		return;
	fd = spot_fd(s->unit, (enum spot)s->spot, &opened);
	there = is_file(fd, s->name, &st);
	sys_close(opened);
	if (!there || check_age(l, &st) < DAY)
		return;
	if (exists(l, "qhQ", id, &u, name, sizeof name)) {
		if ((u != s->unit || !in_its_place(s)) && has_other_data(l, s, id, u, name))
			check_emit(l, CHECK_DATA_ALONE, s->unit, (enum spot)s->spot, s->name,
				   "its message has another data file");
		return;
	}
	if (exists(l, "t", id, &u, name, sizeof name))
		return;
	/* the control file may have been renamed while it was looked for */
	if (exists(l, "qhQ", id, &u, name, sizeof name))
		return;
	why = l->carried ? "a message that was being carried is half-way: it may be this one's"
			 : check_blind(l);
	if (why)
		check_emit_stuck(l, CHECK_DATA_ALONE, s->unit, (enum spot)s->spot, s->name, why);
	else
		check_emit(l, CHECK_DATA_ALONE, s->unit, (enum spot)s->spot, s->name,
			   "no control file in any directory of the queue");
}

/* ---- rewrites and transcripts ---- */

/* The control file of this id in the same unit, when somebody works on it. */
static bool being_worked_on(struct look *l, const struct seen *s, bool *there)
{
	char name[LIMIT_NAME_BYTES + 8];
	struct stat st;

	*there = false;
	for (const char *c = "qhQ"; *c; c++) {
		snprintf(name, sizeof name, "%cf%s", *c, s->name + 2);
		if (fstatat(s->unit->qf_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		*there = true;
		if (check_locked(l, s->unit->qf_fd, name, &st))
			return true;
	}
	return false;
}

static void examine_working_file(struct look *l, const struct seen *s, enum check_kind kind)
{
	int opened, fd = spot_fd(s->unit, (enum spot)s->spot, &opened);
	struct stat st, again;
	bool there, control;

	there = is_file(fd, s->name, &st) && check_age(l, &st) >= REWRITE_TIME &&
		!check_locked(l, fd, s->name, &st) && !being_worked_on(l, s, &control) &&
		/* a transcript may lie in another directory than its control file */
		(kind == CHECK_STALE_TF || control || check_age(l, &st) >= DAY) &&
		is_file(fd, s->name, &again) && again.st_ino == st.st_ino;
	if (there)
		check_emit(l, kind, s->unit, (enum spot)s->spot, s->name, NULL);
	sys_close(opened);
}

/* ---- our own ---- */

/* Does the name end in the id of a process that is gone? */
static bool is_dead(const char *name)
{
	const char *dot = strrchr(name, '.');
	uint64_t pid;

	return dot && slice_u64(slice_from(dot + 1), &pid) && pid > 1 && pid <= INT32_MAX &&
	       (pid_t)pid != getpid() && kill((pid_t)pid, 0) < 0 && errno == ESRCH;
}

static bool has_prefix(const struct seen *s, const char *prefix)
{
	return slice_starts(slice_from(s->name), slice_from(prefix));
}

/* A message that comes out of the trash, before it has its name: no process id behind its id. */
static bool is_restored(const struct seen *s)
{
	return has_prefix(s, IN_PREFIX) && !strchr(s->name + strlen(IN_PREFIX), '.');
}

/* Whoever is at work on an intent or a restore holds its lock. */
static bool is_left(struct look *l, const struct seen *s, int fd, struct stat *st)
{
	if (!is_dead(s->name) && !has_prefix(s, INTENT_PREFIX) && !is_restored(s))
		return false;
	return fstatat(fd, s->name, st, AT_SYMLINK_NOFOLLOW) == 0 &&
	       !check_locked(l, fd, s->name, st);
}

static void examine_own(struct look *l, const struct seen *s)
{
	int opened, fd = spot_fd(s->unit, (enum spot)s->spot, &opened);
	enum check_kind kind = has_prefix(s, TEMP_PREFIX) ? CHECK_LEFTOVER : CHECK_UNFINISHED;
	struct stat st;
	bool left = is_left(l, s, fd, &st);

	if (left && is_restored(s))
		check_emit(l, kind, s->unit, (enum spot)s->spot, s->name,
			   "by a restore: the same command again finishes it");
	else if (left && has_prefix(s, INTENT_PREFIX) && st.st_uid != geteuid())
		check_emit(l, kind, s->unit, (enum spot)s->spot, s->name,
			   "of uid %ld: mtaq believes only what its own user has left",
			   (long)st.st_uid);
	else if (left)
		check_emit(l, kind, s->unit, (enum spot)s->spot, s->name, NULL);
	sys_close(opened);
}

void examine_rest(struct look *l, struct seen *s)
{
	switch (s->name[0]) {
	case '.':
		examine_own(l, s);
		break;
	case 'd':
		examine_data(l, s);
		break;
	case 't':
		examine_working_file(l, s, CHECK_STALE_TF);
		break;
	case 'T':
		examine_working_file(l, s, CHECK_OLD_TF);
		break;
	case 'x':
		examine_working_file(l, s, CHECK_STALE_XF);
		break;
	default:
		break;
	}
}

/* ---- directories that a wildcard takes in by accident ---- */

static bool is_number(struct slice s)
{
	uint64_t n;

	return slice_u64(s, &n);
}

/* Names made for the purpose are numbered: where one is, another that is not came by accident. */
void examine_wildcard(struct look *l)
{
	const struct layout *layout = &l->q->layout;
	struct slice pattern = layout->pattern;
	bool numbered = false;

	if (!pattern.p)
		return;
	for (size_t i = 0; i < layout->name_count; i++) {
		struct slice name = slice_from(layout->names[i].name);

		numbered |= slice_starts(name, pattern) && is_number(slice_skip(name, pattern.n));
	}
	for (size_t i = 0; numbered && i < layout->name_count; i++) {
		struct slice name = slice_from(layout->names[i].name);

		if (slice_starts(name, pattern) && slice_chr(name, '/') == SIZE_MAX &&
		    !is_number(slice_skip(name, pattern.n)))
			check_emit(l, CHECK_WILDCARD, layout->names[i].unit, SPOT_DIR, ".",
				   "%" SLICE_FMT "* takes it for a queue directory",
				   SLICE_ARG(pattern));
	}
}
