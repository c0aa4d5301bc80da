/*
 * restore: out of the trash, or a folder of save, back into the queue; it then is no longer there.
 *
 * The data file goes first by a second name, then the control file is renamed under a lock of ours.
 * Across filesystems both are copied; the control file in the folder is renamed to a name of our
 * own before the copy can be seen, so that the message is complete in one place only. A folder
 * whose control file is gone while the message is in the queue is what a restore that was cut off
 * left: the rest is removed. When it is put aside, and neither the message nor its unnamed copy is
 * in the queue, the message came back and was delivered since: it is not brought back again.
 */
#include "act.h"

#include <mtaq/jsonbytes.h>
#include <mtaq/limits.h>
#include <mtaq/saved.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

/* ---- what the note says ---- */

static bool is_good_name(const struct saved_file *f, struct slice id)
{
	return f->name.n <= NAME_LONGEST && layout_is_control(f->name.p) &&
	       slice_eq(slice_skip(f->name, 2), id);
}

/* Where it lay: by its path, by its name in the configuration, else the first directory there is.
 */
static const struct sendmail_unit *unit_of_note(const struct sendmail_queue *q, const json_t *note,
						struct arena *a)
{
	const json_t *own = json_object_get(note, "sendmail");
	struct slice dir = json_bytes_get(json_object_get(note, "dir"), a);
	struct slice name = json_bytes_get(json_object_get(own, "unit"), a);
	const struct sendmail_unit *u;

	for (size_t i = 0; i < q->layout.count; i++) {
		u = sendmail_unit(q->layout.units[i]);
		if (slice_eq(u->dir, dir))
			return u;
	}
	u = name.p ? layout_find(&q->layout, name) : NULL;
	return u ? u : sendmail_unit(q->layout.units[0]);
}

static int begin_grip(struct action *a, struct held *h, struct error *err)
{
	const struct saved *s = h->saved;
	struct grip *g = arena_zalloc(&h->arena, sizeof *g);
	struct saved_file f;

	if (!g)
		return error_set(err, ERROR_NOMEM, "out of memory");
	g->fd = g->temp_fd = g->intent_fd = -1;
	h->own = g;
	if (!saved_file_by_role(s->note, "control", &h->arena, &f) || !is_good_name(&f, s->id))
		return error_set(err, ERROR_CORRUPT, "%s: its note names no control file of its id",
				 s->path);
	g->unit = unit_of_note(queue_of(a), s->note, &h->arena);
	snprintf(g->name, sizeof g->name, "%s", f.name.p);
	sendmail_begin(a->queue,
		       &(struct message_entry){
			   .unit = &g->unit->base, .name = slice_from(g->name), .seen = SEEN_FILE},
		       &h->arena, &h->message);
	if (saved_file_by_role(s->note, "data", &h->arena, &f))
		h->message.identity.data_mtime_ns = f.mtime_ns;
	return 0;
}

/* ---- is it back already, is it complete ---- */

static const char *out_name(const struct held *h, char out[TEMP_NAME])
{
	snprintf(out, TEMP_NAME, OUT_PREFIX "%" SLICE_FMT, SLICE_ARG(h->message.id));
	return out;
}

/* The copy in the queue before it has its name: as long as it is there, nothing was brought back.
 */
static const char *in_name(const struct held *h, char out[TEMP_NAME])
{
	snprintf(out, TEMP_NAME, IN_PREFIX "%" SLICE_FMT, SLICE_ARG(h->message.id));
	return out;
}

/* In the queue, under any of its names and in any of its directories. */
static int is_queued(struct action *a, struct held *h, struct error *err)
{
	struct message_entry e;

	return sendmail_find(a->queue, h->message.id, &h->arena, &e, 1, err);
}

/* What a restore across filesystems that was cut off had put aside becomes the control file again.
 */
static int put_back_aside(struct action *a, struct held *h, struct error *err)
{
	const struct saved *s = h->saved;
	char aside[TEMP_NAME], in[TEMP_NAME];

	if (file_exists(s->dirfd, grip_of(h)->name) || !file_exists(s->dirfd, out_name(h, aside)))
		return 0;
	if (!file_exists(grip_of(h)->unit->qf_fd, in_name(h, in)))
		return error_set(
		    err, ERROR_DENIED,
		    "refused: a restore that was cut off brought it back, and it has left "
		    "the queue since; the copy stays");
	/* on disk, before that copy is made anew */
	if (a->dry_run ||
	    (renameat(s->dirfd, aside, s->dirfd, grip_of(h)->name) == 0 && fsync(s->dirfd) == 0) ||
	    errno == ENOENT)
		return 0;
	return error_sys(err, errno, "%s", act_path(h, slice_from(s->path), aside));
}

static int open_control(struct action *a, struct held *h, struct error *err)
{
	struct grip *g = grip_of(h);
	const char *path = act_path(h, slice_from(h->saved->path), g->name);
	struct slice text;

	g->fd = sys_open_file(h->saved->dirfd, g->name, a->dry_run ? SYS_READ : SYS_READ_WRITE,
			      path, &g->st, err);
	if (g->fd < 0)
		return -1;
	if (!a->dry_run && lock_file(g->fd) < 0)
		return errno == EWOULDBLOCK ? error_set(err, ERROR_BUSY, "%s is locked", path)
					    : error_sys(err, errno, "%s cannot be locked", path);
	if (sys_read_all(g->fd, (size_t)g->st.st_size, LIMIT_CONTROL_BYTES, &h->arena, path, &text,
			 err) < 0)
		return -1;
	sendmail_take_text(&h->message, text);
	return 0;
}

static int take_complete(struct action *a, struct held *h, struct error *err)
{
	if (put_back_aside(a, h, err) < 0 ||
	    saved_check_complete(h->saved->dirfd, h->saved->note, err) < 0) {
		error_prefix(err, "it is not complete in %s", h->saved->path);
		return -1;
	}
	return open_control(a, h, err);
}

int restore_take(struct action *a, struct held *h, struct error *err)
{
	int r = begin_grip(a, h, err);

	if (r == 0)
		r = is_queued(a, h, err);
	if (r == 0)
		r = take_complete(a, h, err);
	else if (r > 0 && file_exists(h->saved->dirfd, grip_of(h)->name))
		r = error_set(err, ERROR_DENIED, "refused: a message of this id is in the queue");
	else if (r > 0)
		grip_of(h)->twin = true; /* back already */
	if (r < 0)
		sendmail_let_go(a, h);
	return r < 0 ? -1 : 0;
}

/* ---- what is left when it is back ---- */

static int clear_folder(struct held *h, struct error *err)
{
	char name[TEMP_NAME];

	/* of a run that was cut off, when this one needed no copy */
	unlinkat(grip_of(h)->unit->qf_fd, in_name(h, name), 0);
	unlinkat(h->saved->dirfd, out_name(h, name), 0);
	return saved_remove(h->saved->dirfd, h->saved->note, err);
}

/* ---- bringing it back ---- */

/* Beside its control file, or where its d line says; a d line that says nothing any more goes. */
static int choose_data(struct action *a, struct held *h, struct qf_edits *e, struct error *err)
{
	struct grip *g = grip_of(h);
	struct qf_line l;

	g->data = g->unit;
	qf_edits_init(e, &h->arena, h->message.control_text);
	if (!qf_find_line(e->text, 'd', &l))
		return 0;
	g->data = layout_find(&queue_of(a)->layout, qf_line_value(&l));
	if (g->data)
		return 0;
	g->data = g->unit;
	return qf_unset(e, 'd', err);
}

static const char *data_name(const struct held *h, char out[TEMP_NAME])
{
	snprintf(out, TEMP_NAME, "df%" SLICE_FMT, SLICE_ARG(h->message.id));
	return out;
}

/* The data file is there already: by a second name, or as a copy (which gets its name when it is
 * complete), from a run that was cut off. */
static bool is_ours(const struct held *h, const struct saved_file *f)
{
	const struct grip *g = grip_of(h);
	char name[TEMP_NAME];
	struct stat st;

	if (same_file(h->saved->dirfd, f->name.p, g->data->df_fd, data_name(h, name)))
		return true;
	return sys_stat(g->data->df_fd, name, name, &st, NULL) == 0 && S_ISREG(st.st_mode) &&
	       (uint64_t)st.st_size == f->size &&
	       (int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec == f->mtime_ns;
}

static int copy_data(struct held *h, const struct saved_file *f, const char *name)
{
	int to = grip_of(h)->data->df_fd;
	char temp[TEMP_NAME];

	temp_name(temp, TEMP_PREFIX, slice_from(name));
	if (sys_copy_file(h->saved->dirfd, f->name.p, to, temp) < 0)
		return -1;
	if (sys_rename_new(to, temp, to, name) == 0)
		return 0;
	unlinkat(to, temp, 0);
	return -1;
}

static int bring_data(struct action *a, struct held *h, const struct saved_file *f,
		      struct error *err)
{
	struct grip *g = grip_of(h);
	char name[TEMP_NAME];
	int to = g->data->df_fd;

	if (linkat(h->saved->dirfd, f->name.p, to, data_name(h, name), 0) < 0 &&
	    !(errno == EEXIST && is_ours(h, f)) &&
	    !(cannot_link(errno) && copy_data(h, f, name) == 0))
		return error_sys(err, errno, "%s", act_path(h, g->data->df, name));
	act_made(h, to, name);
	act_sync_later(a, to);
	return 0;
}

static int bring_control(struct action *a, struct held *h, const struct qf_edits *e,
			 struct error *err)
{
	struct grip *g = grip_of(h);
	struct slice text;
	struct stat st;

	if (fstat(g->unit->qf_fd, &st) < 0)
		return error_sys(err, errno, "%s", g->unit->qf.p);
	g->across = e->count || st.st_dev != g->st.st_dev;
	if (!g->across)
		return 0;
	if (qf_edits_apply(e, &text, err) < 0)
		return -1;
	in_name(h, g->temp);
	unlinkat(g->unit->qf_fd, g->temp, 0);
	g->temp_fd = rewrite_file(a, h, g->unit->qf_fd, g->unit->qf.p, g->temp, text, err);
	/* its name is on disk before the one in the folder is put aside */
	act_sync_later(a, g->unit->qf_fd);
	return g->temp_fd < 0 ? -1 : 0;
}

static int check_data_free(struct held *h, const struct saved_file *f, struct error *err)
{
	const struct grip *g = grip_of(h);
	char name[TEMP_NAME];

	if (!file_exists(g->data->df_fd, data_name(h, name)) || is_ours(h, f))
		return 0;
	return error_set(err, ERROR_DENIED, "refused: %s is there already",
			 act_path(h, g->data->df, name));
}

static int record(struct held *h, struct error *err)
{
	const struct grip *g = grip_of(h);

	return act_change(h,
			  json_pack("{s:s, s:o, s:o, s:o}", "what", "restore", "from",
				    json_bytes(slice_from(h->saved->path)), "dir",
				    json_bytes(g->unit->dir), "name",
				    json_bytes(slice_from(g->name))),
			  err);
}

int restore_prepare(struct action *a, struct held *h, struct error *err)
{
	struct grip *g = grip_of(h);
	struct saved_file f;
	struct qf_edits e;
	bool data;

	if (g->twin)
		return a->dry_run || clear_folder(h, err) == 0 ? 0 : -1;
	data = saved_file_by_role(h->saved->note, "data", &h->arena, &f);
	if (choose_data(a, h, &e, err) < 0 || (data && check_data_free(h, &f, err) < 0) ||
	    record(h, err) < 0)
		return -1;
	if (a->dry_run)
		return 1;
	if ((data && bring_data(a, h, &f, err) < 0) || bring_control(a, h, &e, err) < 0)
		return -1;
	return 1;
}

/* The folder's control file aside, on disk, before the copy can be seen. */
static int commit_across(struct held *h, struct error *err)
{
	struct grip *g = grip_of(h);
	char aside[TEMP_NAME];

	if (renameat(h->saved->dirfd, g->name, h->saved->dirfd, out_name(h, aside)) < 0)
		return error_sys(err, errno, "%s",
				 act_path(h, slice_from(h->saved->path), g->name));
	if (fsync(h->saved->dirfd) < 0)
		error_sys(err, errno, "%s", act_path(h, slice_from(h->saved->path), aside));
	else if (sys_rename_new(g->unit->qf_fd, g->temp, g->unit->qf_fd, g->name) == 0)
		return 0;
	else
		error_sys(err, errno, "%s", act_path(h, g->unit->qf, g->name));
	/* as long as it is aside, the copy in the queue tells that it did not come back */
	if (renameat(h->saved->dirfd, aside, h->saved->dirfd, g->name) < 0)
		g->made_count = 0;
	return -1;
}

int restore_commit(struct action *a, struct held *h, struct error *err)
{
	struct grip *g = grip_of(h);

	if (g->across && commit_across(h, err) < 0)
		return -1;
	if (!g->across && sys_rename_new(h->saved->dirfd, g->name, g->unit->qf_fd, g->name) < 0)
		return error_sys(err, errno, "%s", act_path(h, g->unit->qf, g->name));
	h->committed = true;
	act_sync_later(a, g->unit->qf_fd);
	act_sync_later(a, h->saved->dirfd);
	return 0;
}

int restore_finish(struct action *a, struct held *h, struct error *err)
{
	(void)a;
	return clear_folder(h, err);
}
