/*
 * Taking a message to another directory, so that there is at every moment one control file that
 * sendmail can see, with its data file beside it.
 *
 * On one filesystem: the data file gets a second name at the place it goes to, then the control
 * file is renamed under its lock (the lock goes with it), then the first name of the data file
 * goes. A marker, a third name for the data file, tells the next run what was left behind.
 *
 * Across filesystems, or where the control file must become another: copies. An intent in the
 * source's directory says where to; the copies are made under names that nobody sees, then the
 * source is renamed to one too (the message is committed), and the copy gets its name. What is cut
 * off before the commit is taken back, what is cut off after it is finished, by the next run on the
 * queue (leftover.c).
 */
#include "act.h"

#include <mtaq/jsonbytes.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void data_name(const struct held *h, char out[TEMP_NAME])
{
	snprintf(out, TEMP_NAME, "df%" SLICE_FMT, SLICE_ARG(h->message.id));
}

static int fail_at(struct held *h, const char *dir, const char *name, struct error *err)
{
	return error_sys(err, errno, "%s", act_path(h, slice_from(dir), name));
}

/* ---- the intent ---- */

static json_t *intent_json(const struct held *h, const struct place *to)
{
	return json_pack("{s:o, s:o, s:o, s:b}", "qf", json_bytes(slice_from(to->qf)), "df",
			 json_bytes(slice_from(to->df)), "name",
			 json_bytes(slice_from(grip_of(h)->name)), "data",
			 (int)grip_of(h)->brings_data);
}

static int write_text(int fd, const char *text)
{
	return sys_write_all(fd, text, strlen(text)) < 0 || fsync(fd) < 0 ? -1 : 0;
}

static int write_intent(struct held *h, const struct place *to, struct error *err)
{
	struct grip *g = grip_of(h);
	json_t *intent = intent_json(h, to);
	char name[TEMP_NAME], *text = intent ? json_dumps(intent, JSON_COMPACT) : NULL;
	int fd = -1, r = -1;
	struct stat st;

	temp_name(name, INTENT_PREFIX, h->message.id);
	if (!text)
		error_set(err, ERROR_NOMEM, "out of memory");
	else
		fd = openat(g->unit->qf_fd, name,
			    O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd >= 0) {
		act_made(h, g->unit->qf_fd, name);
		/* its name too, before anything is made that only it tells of */
		r = lock_file(fd) < 0 || write_text(fd, text) < 0 || fsync(g->unit->qf_fd) < 0 ? -1
											       : 0;
		/* until it was locked it may have been taken for a leftover */
		if (r == 0 && (fstat(fd, &st) < 0 || st.st_nlink == 0)) {
			errno = EAGAIN;
			r = -1;
		}
	}
	if (r < 0)
		fail_at(h, g->unit->qf.p, name, err);
	else
		g->across = true;
	g->intent_fd = fd;
	free(text);
	json_decref(intent);
	return r;
}

/* ---- the data file ---- */

/* It has this name there already, from a run that was cut off. */
static bool is_same_file(int fd, const char *name, const struct message *m)
{
	struct stat st;

	return fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	       st.st_ino == m->identity.data_ino && st.st_dev == m->identity.data_dev;
}

static int link_data(struct held *h, const struct place *to, const char *name)
{
	if (linkat(grip_of(h)->data->df_fd, name, to->df_fd, name, 0) == 0)
		return 0;
	return errno == EEXIST && is_same_file(to->df_fd, name, &h->message) ? 0 : -1;
}

bool cannot_link(int errnum)
{
	return errnum == EXDEV || errnum == EPERM || errnum == EMLINK || errnum == EOPNOTSUPP;
}

static int bring_data(struct action *a, struct held *h, const struct place *to, struct error *err)
{
	struct grip *g = grip_of(h);
	char name[TEMP_NAME];

	data_name(h, name);
	if (link_data(h, to, name) < 0) {
		if (!cannot_link(errno))
			return fail_at(h, to->df, name, err);
		if (!g->across && write_intent(h, to, err) < 0)
			return -1;
		if (sys_copy_file(g->data->df_fd, name, to->df_fd, name) < 0)
			return fail_at(h, to->df, name, err);
	}
	act_made(h, to->df_fd, name);
	act_sync_later(a, to->df_fd);
	return 0;
}

/* A name by which the next run knows that the data file is to go when its control file is gone.
 * Where it cannot be had, what a cut-off run leaves is a data file that nobody looks at. */
void leave_marker(struct held *h)
{
	struct grip *g = grip_of(h);
	char name[TEMP_NAME];

	if (!g->data)
		return;
	data_name(h, name);
	temp_name(g->marker, MARK_PREFIX, h->message.id);
	if (linkat(g->data->df_fd, name, g->data->df_fd, g->marker, 0) == 0)
		act_made(h, g->data->df_fd, g->marker);
	else
		g->marker[0] = '\0';
}

/* ---- the control file ---- */

static int bring_control(struct action *a, struct held *h, const struct place *to,
			 const struct qf_edits *e, struct error *err)
{
	struct grip *g = grip_of(h);
	const struct timespec times[2] = {g->st.st_atim, g->st.st_mtim};
	struct slice text = h->message.control_text;
	char name[TEMP_NAME];

	if (text.n != (size_t)g->st.st_size)
		return error_set(err, ERROR_CORRUPT, "%s could not be read as a whole",
				 act_path(h, g->unit->qf, g->name));
	if (e && qf_edits_apply(e, &text, err) < 0)
		return -1;
	temp_name(name, IN_PREFIX, h->message.id);
	g->temp_fd = rewrite_file(a, h, to->qf_fd, to->qf, name, text, err);
	if (g->temp_fd < 0)
		return -1;
	act_sync_later(a, to->qf_fd);
	if (!e && futimens(g->temp_fd, times) < 0)
		return fail_at(h, to->qf, name, err);
	return 0;
}

int transfer_prepare(struct action *a, struct held *h, const struct place *to, bool data,
		     const struct qf_edits *e, struct error *err)
{
	struct grip *g = grip_of(h);
	bool edits = e && e->count;

	if (edits && !qf_editable(e->text))
		return error_set(err, ERROR_CORRUPT,
				 "%s does not end as it should: it is not edited",
				 act_path(h, g->unit->qf, g->name));
	g->brings_data = data && g->data && !same_dir(g->data->df_fd, to->df_fd);
	if ((edits || to->qf_dev != g->st.st_dev) && write_intent(h, to, err) < 0)
		return -1;
	if (g->brings_data && bring_data(a, h, to, err) < 0)
		return -1;
	if (g->brings_data)
		leave_marker(h);
	return g->across ? bring_control(a, h, to, edits ? e : NULL, err) : 0;
}

/* Has the copy its name? When that cannot be told, it may have. */
static bool has_arrived(const struct grip *g, const struct place *to)
{
	struct stat st, copy;

	if (fstatat(to->qf_fd, g->name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno != ENOENT;
	return fstat(g->temp_fd, &copy) < 0 ||
	       (st.st_ino == copy.st_ino && st.st_dev == copy.st_dev);
}

/* The source out of sight, on disk, before the copy can be seen. */
static int commit_across(struct held *h, const struct place *to, struct error *err)
{
	struct grip *g = grip_of(h);
	char out[TEMP_NAME], in[TEMP_NAME];

	temp_name(out, OUT_PREFIX, h->message.id);
	temp_name(in, IN_PREFIX, h->message.id);
	if (renameat(g->unit->qf_fd, g->name, g->unit->qf_fd, out) < 0)
		return fail_at(h, g->unit->qf.p, g->name, err);
	h->committed = true;
	if (fsync(g->unit->qf_fd) < 0)
		fail_at(h, g->unit->qf.p, out, err);
	else if (sys_rename_new(to->qf_fd, in, to->qf_fd, g->name) < 0)
		fail_at(h, to->qf, g->name, err);
	else
		return 0;
	/* it stays where it was; what cannot be put back is for the next run */
	if (!has_arrived(g, to) &&
	    sys_rename_new(g->unit->qf_fd, out, g->unit->qf_fd, g->name) == 0)
		h->committed = false;
	return -1;
}

static int commit_rename(struct held *h, const struct place *to, struct error *err)
{
	struct grip *g = grip_of(h);

	if (sys_rename_new(g->unit->qf_fd, g->name, to->qf_fd, g->name) < 0)
		return fail_at(h, to->qf, g->name, err);
	h->committed = true;
	return 0;
}

int transfer_commit(struct action *a, struct held *h, const struct place *to, struct error *err)
{
	act_sync_later(a, to->qf_fd);
	act_sync_later(a, grip_of(h)->unit->qf_fd);
	return grip_of(h)->across ? commit_across(h, to, err) : commit_rename(h, to, err);
}

/* ---- what stays behind ---- */

static int remove_file(struct held *h, int fd, const char *dir, const char *name, struct error *err)
{
	if (unlinkat(fd, name, 0) == 0 || errno == ENOENT)
		return 0;
	return fail_at(h, dir, name, err);
}

/* Transcripts and half-written control files: no run is at it, for we had the lock. */
static void remove_transcript(struct held *h)
{
	const struct sendmail_unit *u = grip_of(h)->unit;
	char name[TEMP_NAME];
	int xf = u->has_xf ? sys_open_subdir(u->dir_fd, "xf", true, u->xf.p, NULL) : -1;

	snprintf(name, sizeof name, "xf%" SLICE_FMT, SLICE_ARG(h->message.id));
	if (xf >= 0 || !u->has_xf)
		unlinkat(xf >= 0 ? xf : u->dir_fd, name, 0);
	sys_close(xf);
	name[0] = 't';
	unlinkat(u->qf_fd, name, 0);
	name[0] = 'T';
	unlinkat(u->qf_fd, name, 0);
}

int remove_rest(struct action *a, struct held *h, struct error *err)
{
	struct grip *g = grip_of(h);
	char name[TEMP_NAME];
	int r = 0;

	data_name(h, name);
	if (g->data && !other_control(queue_of(a), g->data, h->message.id, NULL)) {
		r = remove_file(h, g->data->df_fd, g->data->df.p, name, err);
		remove_transcript(h);
	}
	if (r == 0 && g->marker[0])
		r = remove_file(h, g->data->df_fd, g->data->df.p, g->marker, err);
	return r;
}

int transfer_finish(struct action *a, struct held *h, const struct place *to, struct error *err)
{
	struct grip *g = grip_of(h);
	char name[TEMP_NAME];

	(void)to;
	temp_name(name, OUT_PREFIX, h->message.id);
	if (g->across && remove_file(h, g->unit->qf_fd, g->unit->qf.p, name, err) < 0)
		return -1;
	if (g->brings_data && remove_rest(a, h, err) < 0)
		return -1;
	temp_name(name, INTENT_PREFIX, h->message.id);
	return g->across ? remove_file(h, g->unit->qf_fd, g->unit->qf.p, name, err) : 0;
}
