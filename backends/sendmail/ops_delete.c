/*
 * delete: out of the queue without a word to anybody, into this run's folder in the trash or, with
 * --purge, for good. The rename (or unlinking) of the control file is the commit; the data file
 * goes after it.
 */
#include "act.h"

#include <mtaq/jsonbytes.h>
#include <mtaq/saved.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

/* ---- where the trash is ---- */

static bool same_filesystem(const char *a, const char *b)
{
	struct stat x, y;

	return stat(a, &x) == 0 && stat(b, &y) == 0 && x.st_dev == y.st_dev;
}

/* Beside the queue where that is the same filesystem (no wildcard reaches there), else inside. */
int sendmail_trash_place(const struct queue *queue, char *out, size_t size)
{
	const struct sendmail_queue *q = sendmail_queue(queue);
	const char *base = q->layout.base.p, *slash = strrchr(base, '/');
	int n = snprintf(out, size, "%.*s", slash && slash > base ? (int)(slash - base) : 1,
			 slash ? base : ".");

	if (n < 0 || (size_t)n >= size)
		return -1;
	if (!same_filesystem(out, base)) {
		if (would_match(q, SLICE("mtaq-trash")))
			return -1;
		n = snprintf(out, size, "%s", base);
	}
	if (n < 0 || (size_t)n + sizeof "/mtaq-trash" > size)
		return -1;
	snprintf(out + n, size - (size_t)n, "%smtaq-trash", out[n - 1] == '/' ? "" : "/");
	return 0;
}

/* ---- deleting ---- */

int delete_begin(struct action *a, struct error *err)
{
	struct place *to = &act_of(a)->to;
	struct stat st;

	*to = (struct place){
	    .qf_fd = a->trash_fd, .df_fd = a->trash_fd, .qf = a->trash_path, .df = a->trash_path};
	if (a->args->purge || a->dry_run)
		return 0;
	if (fstat(a->trash_fd, &st) < 0)
		return error_sys(err, errno, "%s", a->trash_path);
	to->qf_dev = to->df_dev = st.st_dev;
	return 0;
}

static int note_files(struct held *h, json_t *note, struct error *err)
{
	const struct grip *g = grip_of(h);
	const struct slice name = slice_from(g->name);
	struct slice place = arena_printf(&h->arena, "%s%s", g->unit->has_qf ? "qf/" : "", g->name);
	struct slice data = arena_printf(&h->arena, "df%" SLICE_FMT, SLICE_ARG(h->message.id));
	struct slice data_place =
	    arena_printf(&h->arena, "%sdf%" SLICE_FMT, g->data && g->data->has_df ? "df/" : "",
			 SLICE_ARG(h->message.id));
	struct stat st;

	if (!place.p || !data.p || !data_place.p)
		return error_set(err, ERROR_NOMEM, "out of memory");
	if (saved_note_file(note, "control", name, place, &g->st, err) < 0)
		return -1;
	if (!g->data)
		return 0;
	if (sys_stat(g->data->df_fd, data.p, act_path(h, g->data->df, data.p), &st, err) < 0)
		return -1;
	return saved_note_file(note, "data", data, data_place, &st, err);
}

json_t *sendmail_note(struct action *a, struct held *h, struct error *err)
{
	const struct grip *g = grip_of(h);
	json_t *note = saved_note(a, h), *own;

	if (!note) {
		error_set(err, ERROR_NOMEM, "out of memory");
		return NULL;
	}
	own = json_pack("{s:o, s:o}", "unit", json_bytes(slice_from(g->unit->name)), "data_unit",
			g->data ? json_bytes(slice_from(g->data->name)) : json_null());
	json_object_set_new(note, "dir", json_bytes(g->unit->dir));
	json_object_set_new(note, "sendmail", own);
	if (note_files(h, note, err) == 0)
		return note;
	json_decref(note);
	return NULL;
}

static int put_note(struct action *a, struct held *h, struct error *err)
{
	char name[TEMP_NAME];
	json_t *note;
	int r;

	snprintf(name, sizeof name, "%" SLICE_FMT ".json", SLICE_ARG(h->message.id));
	if (file_exists(a->trash_fd, name) || act_note_waits(a, name))
		return error_set(err, ERROR_DENIED,
				 "another message of this id was deleted in this run: delete it in "
				 "a run of its own");
	note = sendmail_note(a, h, err);
	if (!note)
		return -1;
	r = act_note_later(a, a->trash_fd, note, err);
	json_decref(note);
	if (r == 0)
		act_made(h, a->trash_fd, name);
	return r;
}

int delete_prepare(struct action *a, struct held *h, struct error *err)
{
	const struct grip *g = grip_of(h);

	if (act_change(h,
		       json_pack("{s:s, s:o, s:o}", "what", a->args->purge ? "purge" : "delete",
				 "dir", json_bytes(g->unit->dir), "name",
				 json_bytes(slice_from(g->name))),
		       err) < 0)
		return -1;
	if (a->dry_run)
		return 1;
	if (a->args->purge)
		leave_marker(h);
	else if (put_note(a, h, err) < 0 ||
		 transfer_prepare(a, h, &act_of(a)->to, true, NULL, err) < 0)
		return -1;
	return 1;
}

int delete_commit(struct action *a, struct held *h, struct error *err)
{
	const struct grip *g = grip_of(h);

	if (!a->args->purge)
		return transfer_commit(a, h, &act_of(a)->to, err);
	act_sync_later(a, g->unit->qf_fd);
	if (unlinkat(g->unit->qf_fd, g->name, 0) < 0)
		return error_sys(err, errno, "%s", act_path(h, g->unit->qf, g->name));
	h->committed = true;
	return 0;
}

int delete_finish(struct action *a, struct held *h, struct error *err)
{
	if (a->args->purge)
		return remove_rest(a, h, err);
	return transfer_finish(a, h, &act_of(a)->to, err);
}
