/*
 * delete and save.
 *
 * Beside a running qmail-send a message cannot be taken away: it keeps what it knows in memory, and
 * a number that is used again while it still has the old plan would be delivered twice. So the
 * message is copied into the trash (its mess linked), what would be told the sender is moved aside,
 * and all pending recipients are marked done: at its next attempt qmail-send ends the message by
 * itself, without a word. What is being delivered in that moment may still be delivered.
 *
 * While qmail-send is stopped the files go, in the order that leaves a state of qmail's own at each
 * step: bounce, info (from here on the message is none), local, remote, mess. For one that is still
 * in todo: bounce, info, local, remote, todo (from here on it is none), intd, mess.
 *
 * Changes: live the marks (marks.h) and {"what": "moved_note", "before": "there", "after": "trash"
 * or "gone"}; offline {"what": "files", "before": "queue", "after": "trash" or "gone"}. "folder" is
 * where it lies in the trash.
 */
#include "export.h"
#include "marks.h"
#include "mend.h"
#include "steps.h"

#include <mtaq/jsonbytes.h>

struct removal {
	struct export x;
	struct marks marks;
	bool marked; /* what is to go is put down */
};

static void close_removal(struct action *a, struct held *h)
{
	struct removal *d = held_pin(h)->op;

	if (!h->committed) {
		export_discard(&d->x);
		if (d->marked)
			marker_remove(a, held_pin(h)->n, &held_pin(h)->mess_st);
	}
	export_close(&d->x);
}

static struct removal *new_removal(struct held *h, int folder, bool link, struct error *err)
{
	struct removal *d = arena_zalloc(&h->arena, sizeof *d);

	if (!d) {
		error_set(err, ERROR_LIMIT, "out of memory");
		return NULL;
	}
	d->x.folder = folder;
	d->x.link = link;
	d->x.bounce = -1;
	held_pin(h)->op = d;
	held_pin(h)->let_go = close_removal;
	return d;
}

/* ---- delete: preparing ---- */

static int note_removal(struct action *a, struct held *h, const char *what, const char *before,
			struct error *err)
{
	json_t *change = json_pack("{s:s, s:s, s:s}", "what", what, "before", before, "after",
				   a->args->purge ? "gone" : "trash");

	if (change && !a->args->purge && a->trash_path)
		json_object_set_new(change, "folder", json_bytes(slice_from(a->trash_path)));
	return change_add(h, change, err);
}

static int plan_live(struct action *a, struct held *h, struct removal *d, struct error *err)
{
	struct stat st;
	int bounce;

	if (pin_by_path(a, h, err) < 0 || pin_recipients_known(h, err) < 0 ||
	    marks_plan(h, NULL, NULL, &d->marks, err) < 0)
		return -1;
	bounce = qmail_stat(queue_qmail(a->queue), FILE_BOUNCE, held_pin(h)->n, &st, err);
	if (bounce < 0 || (bounce > 0 && note_removal(a, h, "moved_note", "there", err) < 0))
		return -1;
	return marks_note(h, &d->marks, err);
}

int qmail_delete_prepare(struct action *a, struct held *h, struct error *err)
{
	struct removal *d = new_removal(h, a->trash_fd, true, err);

	if (!d)
		return -1;
	if ((a->offline ? note_removal(a, h, "files", "queue", err) : plan_live(a, h, d, err)) < 0)
		return -1;
	if (a->dry_run)
		return 1;
	if (marker_put(a, held_pin(h)->n, &held_pin(h)->mess_st, err) < 0)
		return -1;
	d->marked = true;
	if (a->args->purge)
		return 1;
	qmail_run(a)->folder = a->trash_fd;
	return export_message(a, h, &d->x, err) < 0 ? -1 : 1;
}

/* ---- delete: live ---- */

/* What was appended since it was copied goes along. */
static int copy_the_rest(struct action *a, struct held *h, struct removal *d, struct error *err)
{
	struct slice name = export_name(&h->arena, d->x.id, "bounce");
	struct stat st;

	if (fstat(d->x.bounce, &st) == 0 && st.st_size == d->x.bounce_st.st_size)
		return 0;
	if (!name.p)
		return error_set(err, ERROR_LIMIT, "out of memory");
	qmail_run(a)->folder = a->trash_fd;
	return export_again(&d->x, name, d->x.bounce, err);
}

/* The number is ours (pin_by_path), so whatever has this name belongs to the message. */
static int take_bounce(struct action *a, struct held *h, struct removal *d, struct error *err)
{
	bool copied = d->x.bounce >= 0;
	struct stat st;
	int there = qmail_stat(queue_qmail(a->queue), FILE_BOUNCE, held_pin(h)->n, &st, err);

	if (there < 0)
		return -1;
	if (there > 0 && !a->args->purge && (!copied || st.st_ino != d->x.bounce_st.st_ino))
		return error_set(err, ERROR_BUSY, "qmail-send is at work on it");
	/* from here on what is in the trash stays there */
	h->committed = true;
	if (there > 0 && step_unlink(a, FILE_BOUNCE, held_pin(h)->n, err) < 0)
		return -1;
	if (there > 0 && copied && copy_the_rest(a, h, d, err) < 0)
		return -1;
	/* a mark that is on disk before this would have it sent */
	return there > 0 ? step_sync(a, FILE_BOUNCE, held_pin(h)->n, err) : 0;
}

static int commit_live(struct action *a, struct held *h, struct removal *d, struct error *err)
{
	if (marks_check(h, &d->marks, err) < 0 || take_bounce(a, h, d, err) < 0 ||
	    marks_set(a, h, &d->marks, err) < 0)
		return -1;
	return pin_check(a, h, err);
}

/* ---- delete: offline ---- */

static int remove_files(struct action *a, struct held *h, const enum qmail_file *files,
			size_t count, struct error *err)
{
	for (size_t i = 0; i < count; i++)
		if (step_unlink(a, files[i], held_pin(h)->n, err) < 0)
			return -1;
	return 0;
}

static int commit_offline(struct action *a, struct held *h, struct error *err)
{
	static const enum qmail_file rest[] = {FILE_INFO, FILE_LOCAL, FILE_REMOTE};
	const struct pin *p = held_pin(h);
	int bounce;

	h->committed = true;
	bounce = step_unlink(a, FILE_BOUNCE, p->n, err);
	/* without info it would be sent to the sender of the next message of that number */
	if (bounce < 0 || (bounce > 0 && step_sync(a, FILE_BOUNCE, p->n, err) < 0))
		return -1;
	if (p->todo < 0)
		return step_unlink(a, FILE_INFO, p->n, err) < 0 ? -1 : 0;
	/* without todo, what is still there would be taken for all of it */
	if (remove_files(a, h, rest, 3, err) < 0 || qmail_sync(a, err) < 0)
		return -1;
	return step_unlink(a, p->todo_file, p->n, err) < 0 ? -1 : 0;
}

int qmail_delete_commit(struct action *a, struct held *h, struct error *err)
{
	struct removal *d = held_pin(h)->op;

	if (pin_check(a, h, err) < 0)
		return -1;
	return a->offline ? commit_offline(a, h, err) : commit_live(a, h, d, err);
}

int qmail_delete_finish(struct action *a, struct held *h, struct error *err)
{
	static const enum qmail_file queued[] = {FILE_LOCAL, FILE_REMOTE, FILE_MESS};
	const struct pin *p = held_pin(h);
	const enum qmail_file new[] = {p->todo_file == FILE_TODO ? FILE_INTD : FILE_INTD_OTHER,
				       FILE_MESS};

	if (a->offline &&
	    remove_files(a, h, p->todo < 0 ? queued : new, p->todo < 0 ? 3 : 2, err) < 0)
		return -1;
	marker_remove(a, held_pin(h)->n, &held_pin(h)->mess_st);
	return 0;
}

/* ---- save ---- */

int qmail_save_prepare(struct action *a, struct held *h, struct error *err)
{
	struct removal *d = new_removal(h, qmail_run(a)->target_fd, false, err);

	if (!d || change_add(h,
			     json_pack("{s:s, s:o}", "what", "copy", "folder",
				       json_bytes(slice_from(a->args->target))),
			     err) < 0)
		return -1;
	if (a->dry_run)
		return 1;
	qmail_run(a)->folder = qmail_run(a)->target_fd;
	return export_message(a, h, &d->x, err) < 0 ? -1 : 1;
}

int qmail_save_commit(struct action *a, struct held *h, struct error *err)
{
	(void)a;
	(void)err;
	h->committed = true;
	return 0;
}
