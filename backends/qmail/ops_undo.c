/*
 * undo: what an action changed is put back, as far as it still has the value that the action gave
 * it.
 *
 * The order matters where notes and marks go together: recipients are pending again before the
 * sender's note goes, and the note is there again before they are done; so a run that is cut off
 * never leaves a message that would end without a word.
 *
 * Beside a running qmail-send a record that is pending again counts only from its next pass on. One
 * that is under way, or whose deliveries are, may end the message all the same: so nothing is done
 * as long as somebody has its mess or a channel open. And a delete is taken back as a whole or,
 * when qmail-send has ended a part of it, not here but from the trash once the message is gone. Its
 * copy there goes when all is on disk; before the first mark it is put down that it may not come
 * back any more, else it would be a second message.
 *
 * Changes are as in the files of the actions,
 * before and after exchanged.
 */
#include "envelope.h"
#include "export.h"
#include "note.h"

#include <mtaq/saved.h>

#include <errno.h>
#include <unistd.h>

struct undo {
	bool set_info, set_channel[2];
	int64_t info_to, channel_to[2];
	struct marks pending, done; /* marks to T, and to D */
	const json_t **notes, **moved;
	size_t note_count, moved_count;
	struct note note; /* the one that was put back */
	struct envelope_edit edit;
	int folder;	   /* of a delete: where its copy lies; else -1 */
	json_t *saved;	   /* and the note of that */
	bool lost;	   /* something cannot be taken back at all */
	bool takes_a_note; /* the sender would not be told */
};

static bool is(const json_t *change, const char *what)
{
	const char *s = json_string_value(json_object_get(change, "what"));

	return s && strcmp(s, what) == 0;
}

static int64_t number(const json_t *change, const char *key)
{
	return json_integer_value(json_object_get(change, key));
}

/* ---- what is as the action left it ---- */

static int plan_info(struct held *h, const json_t *c, struct undo *u, struct error *err)
{
	const struct pin *p = held_pin(h);

	if (p->info < 0 || qmail_mtime_ns(&p->info_st) != number(c, "after"))
		return 0;
	u->set_info = true;
	u->info_to = number(c, "before");
	return change_add(h, change_of_time("info_mtime", NULL, number(c, "after"), u->info_to),
			  err);
}

/* Only a qmail-send that is stopped goes by them. */
static int plan_channel(struct action *a, struct held *h, const json_t *c, struct undo *u,
			struct error *err)
{
	const char *name = json_string_value(json_object_get(c, "channel"));
	const struct pin *p = held_pin(h);
	int i = name && strcmp(name, "remote") == 0;

	if (!a->offline || p->channel[i] < 0 ||
	    qmail_mtime_ns(&p->channel_st[i]) != number(c, "after"))
		return 0;
	u->set_channel[i] = true;
	u->channel_to[i] = number(c, "before");
	return change_add(h,
			  change_of_time("channel_mtime", channel_file_name(i), number(c, "after"),
					 u->channel_to[i]),
			  err);
}

static int plan_mark(struct held *h, const json_t *c, struct undo *u, struct error *err)
{
	struct mark m;
	struct marks *to;
	int r = mark_back(h, c, &m, err);

	u->lost |= r == MARK_LOST;
	if (r != MARK_BACK)
		return r < 0 ? -1 : 0;
	to = m.to == 'T' ? &u->pending : &u->done;
	to->list[to->count++] = m;
	return 0;
}

static int plan_note(struct action *a, struct held *h, const json_t *c, struct undo *u,
		     struct error *err)
{
	bool moved = is(c, "moved_note");
	int r = moved ? note_moved_plan(a, h, c, err) : note_back_plan(a, h, c, err);

	if (r > 0 && moved)
		u->moved[u->moved_count++] = c;
	else if (r > 0)
		u->notes[u->note_count++] = c;
	u->takes_a_note |= r > 0 && !moved && note_takes(c);
	return r < 0 ? -1 : 0;
}

static bool is_whole(const struct held *h)
{
	return held_pin(h)->info >= 0 || held_pin(h)->todo >= 0;
}

static int plan_one(struct action *a, struct held *h, const json_t *c, struct undo *u,
		    struct error *err)
{
	if (is(c, "info_mtime"))
		return plan_info(h, c, u, err);
	if (is(c, "channel_mtime"))
		return plan_channel(a, h, c, u, err);
	if (is(c, "mark"))
		return plan_mark(h, c, u, err);
	if (is(c, "note") || is(c, "moved_note"))
		return plan_note(a, h, c, u, err);
	/* a delete that was cut off before it took anything away leaves the message as it was */
	u->lost |= !is(c, "envelope") && !(is(c, "files") && is_whole(h));
	return 0;
}

/* ---- preparing ---- */

static bool make_room(struct held *h, struct undo *u)
{
	size_t n = json_array_size(h->undo) + 1;

	u->pending.list = arena_array(&h->arena, n, sizeof *u->pending.list);
	u->done.list = arena_array(&h->arena, n, sizeof *u->done.list);
	u->notes = arena_array(&h->arena, n, sizeof *u->notes);
	u->moved = arena_array(&h->arena, n, sizeof *u->moved);
	return u->pending.list && u->done.list && u->notes && u->moved;
}

static void let_go(struct action *a, struct held *h)
{
	struct undo *u = held_pin(h)->op;

	envelope_discard(a, h, &u->edit);
	json_decref(u->saved);
	sys_close(u->folder);
}

static int plan_envelope(struct action *a, struct held *h, struct undo *u, struct error *err)
{
	int r = a->offline ? envelope_back(h, h->undo, &u->edit, err) : 0;

	if (r <= 0)
		return r;
	if (envelope_note(h, &u->edit, err) < 0)
		return -1;
	return a->dry_run ? 0 : envelope_write(a, h, &u->edit, err);
}

static int plan_all(struct action *a, struct held *h, struct undo *u, struct error *err)
{
	json_t *c;
	size_t i;

	json_array_foreach(h->undo, i, c)
	{
		if (plan_one(a, h, c, u, err) < 0)
			return -1;
	}
	if (plan_envelope(a, h, u, err) < 0 || marks_note(h, &u->pending, err) < 0)
		return -1;
	return marks_note(h, &u->done, err);
}

static struct undo *new_undo(struct held *h, struct error *err)
{
	struct undo *u = arena_zalloc(&h->arena, sizeof *u);

	if (!u || !make_room(h, u)) {
		error_set(err, ERROR_LIMIT, "out of memory");
		return NULL;
	}
	u->folder = -1;
	held_pin(h)->op = u;
	held_pin(h)->let_go = let_go;
	return u;
}

static int open_copy(struct held *h, struct undo *u, struct error *err)
{
	if (!h->item->folder)
		return 0;
	u->folder = sys_open_dir(h->item->folder, err);
	u->saved = u->folder < 0 ? NULL : saved_read_note(u->folder, h->item->id, err);
	return u->saved ? 0 : -1;
}

static int remove_copy(const struct held *h, const struct undo *u, struct error *err)
{
	if (saved_remove(u->folder, u->saved, err) < 0)
		return -1;
	return fsync(u->folder) < 0 ? error_sys(err, errno, "%s", h->item->folder) : 0;
}

/* All of it is so already; a copy is left over then. */
static int nothing_to_do(struct action *a, struct held *h, struct undo *u, struct error *err)
{
	if (u->lost)
		return error_set(err, ERROR_UNSUPPORTED, "it cannot be taken back");
	return u->saved && !a->dry_run ? remove_copy(h, u, err) : 0;
}

int qmail_undo_prepare(struct action *a, struct held *h, struct error *err)
{
	struct undo *u = new_undo(h, err);

	if (!u || open_copy(h, u, err) < 0 || plan_all(a, h, u, err) < 0)
		return -1;
	/* notes, the envelope's temporary and what else goes by path */
	if ((u->note_count || u->moved_count) && pin_by_path(a, h, err) < 0)
		return -1;
	if (u->lost && u->saved)
		return error_set(err, ERROR_BUSY,
				 "qmail-send is about to end it: undo it when it is gone");
	/* of those that are done for good the sender has to hear */
	if (json_array_size(h->changes) > 0 && !(u->lost && u->takes_a_note))
		return 1;
	return nothing_to_do(a, h, u, err);
}

/* ---- doing it ---- */

static int set_times(struct action *a, struct held *h, const struct undo *u, struct error *err)
{
	const struct pin *p = held_pin(h);

	for (int i = 0; i < 2; i++)
		if (u->set_channel[i] && qmail_age_set(a, p->channel[i], u->channel_to[i], err) < 0)
			return -1;
	return u->set_info ? qmail_age_set(a, p->info, u->info_to, err) : 0;
}

static int set_notes(struct action *a, struct held *h, struct undo *u, struct error *err)
{
	for (size_t i = 0; i < u->note_count; i++)
		if (note_back(a, h, u->notes[i], &u->note, err) < 0)
			return -1;
	for (size_t i = 0; i < u->moved_count; i++)
		if (note_moved_back(a, h, u->moved[i], &u->note, err) < 0)
			return -1;
	return 0;
}

/* Nobody goes through it in this moment. */
static int check_idle(struct action *a, struct held *h, const struct undo *u, struct error *err)
{
	static const enum qmail_file kinds[] = {FILE_MESS, FILE_LOCAL, FILE_REMOTE};
	const struct pin *p = held_pin(h);
	const struct stat files[] = {p->mess_st, p->channel_st[0], p->channel_st[1]};
	struct file_path paths[3];
	const char *names[3];

	if (a->offline || u->pending.count == 0)
		return 0;
	for (size_t i = 0; i < 3; i++) {
		if (qmail_path(queue_qmail(a->queue), kinds[i], p->n, &paths[i], err) < 0)
			return -1;
		names[i] = paths[i].name;
	}
	return open_elsewhere(names, files, 3)
		   ? error_set(err, ERROR_BUSY, "qmail-send is at work on it")
		   : 0;
}

/* From here on the copy alone is no message. */
static int announce(const struct held *h, const struct undo *u, struct error *err)
{
	if (!u->saved)
		return 0;
	if (json_object_set_new(u->saved, EXPORT_UNDONE, json_true()) < 0)
		return error_set(err, ERROR_NOMEM, "out of memory");
	if (saved_write_note(u->folder, u->saved, err) < 0)
		return -1;
	return fsync(u->folder) < 0 ? error_sys(err, errno, "%s", h->item->folder) : 0;
}

/* Pending again, on disk, before the note goes that tells why they were not. */
static int set_pending(struct action *a, struct held *h, const struct undo *u, struct error *err)
{
	if (marks_set(a, h, &u->pending, err) < 0)
		return -1;
	return u->pending.count && u->takes_a_note ? qmail_sync(a, err) : 0;
}

int qmail_undo_commit(struct action *a, struct held *h, struct error *err)
{
	struct undo *u = held_pin(h)->op;
	bool had_edit = u->edit.written;

	if (pin_check(a, h, err) < 0 || marks_check(h, &u->done, err) < 0 ||
	    check_idle(a, h, u, err) < 0 || announce(h, u, err) < 0)
		return -1;
	if (set_pending(a, h, u, err) < 0 || set_notes(a, h, u, err) < 0 ||
	    marks_set(a, h, &u->done, err) < 0)
		return -1;
	if (u->edit.written && envelope_publish(a, h, &u->edit, err) < 0)
		return -1;
	if (set_times(a, h, u, err) < 0)
		return -1;
	h->committed = true;
	return had_edit ? 0 : note_check_end(a, h, &u->note, err);
}

/* Are those that are pending again still in the queue? */
static bool still_listed(const struct action *a, const struct held *h, const struct undo *u)
{
	static const enum qmail_file kinds[] = {FILE_LOCAL, FILE_REMOTE};
	const struct pin *p = held_pin(h);
	struct stat st;

	for (size_t i = 0; i < u->pending.count; i++) {
		int c = u->pending.list[i].channel;

		if (i > 0 && u->pending.list[i - 1].channel == c)
			continue;
		if (qmail_stat(queue_qmail(a->queue), kinds[c], p->n, &st, NULL) != 1 ||
		    st.st_ino != p->channel_st[c].st_ino || st.st_dev != p->channel_st[c].st_dev)
			return false;
	}
	return true;
}

int qmail_undo_finish(struct action *a, struct held *h, struct error *err)
{
	const struct undo *u = held_pin(h)->op;

	if (!u->saved)
		return u->lost ? error_set(err, ERROR_STALE,
					   "not all of it can be taken back: qmail-send has done "
					   "with the rest")
			       : 0;
	if (!still_listed(a, h, u))
		return error_set(err, ERROR_BUSY,
				 "qmail-send went by it in this moment: its copy stays in %s",
				 h->item->folder);
	return remove_copy(h, u, err);
}
