/*
 * bounce: the sender is told, without another attempt.
 *
 * A paragraph for each pending recipient is put into bounce/N, and only when that is on disk are
 * they marked done: at its next attempt qmail-send finds nothing pending and sends what is in
 * bounce/N. What is being delivered in that moment may still be delivered: then the note is false.
 *
 * A message that is still in todo (only while qmail-send is stopped) is first made one with info
 * and remote, where all recipients are done (preprocess.h).
 *
 * Changes: the note (note.h) and the marks (marks.h), or {"what": "preprocessed"} and the note.
 */
#include "note.h"
#include "preprocess.h"

struct bounce {
	struct note note;
	struct marks marks;
	struct preprocess preprocess; /* for one that is in todo */
};

static void let_go(struct action *a, struct held *h)
{
	struct bounce *b = held_pin(h)->op;

	note_discard(a, h, &b->note);
	preprocess_discard(a, h, &b->preprocess);
}

/* Those that are pending: of a new one by what was loaded, else exactly those that are marked. */
static size_t list_pending(const struct held *h, const struct marks *marks, struct slice *list)
{
	const struct message *m = &h->message;
	size_t count = 0;

	for (size_t i = 0; i < marks->count; i++)
		list[count++] = marks->list[i].address;
	for (size_t i = 0; held_pin(h)->todo >= 0 && i < m->recipient_count; i++)
		if (!m->recipients[i].done)
			list[count++] = m->recipients[i].raw;
	return count;
}

static int plan_note(struct action *a, struct held *h, struct bounce *b, struct error *err)
{
	size_t room = h->message.recipient_count + b->marks.count + 1, count;
	struct slice *list = arena_array(&h->arena, room, sizeof *list);

	if (!list)
		return error_set(err, ERROR_LIMIT, "out of memory");
	count = list_pending(h, &b->marks, list);
	if (count == 0)
		return error_set(err, ERROR_UNSUPPORTED, "it has no pending recipient");
	if (note_plan(a, h, list, count, &b->note, err) < 0)
		return -1;
	return note_change(h, &b->note, err);
}

/* ---- the action ---- */

static int prepare_new(struct action *a, struct held *h, struct bounce *b, struct error *err)
{
	const struct timespec *birth = &held_pin(h)->todo_st.st_mtim;

	if (preprocess_done(h, &b->preprocess, err) < 0 ||
	    change_add(h, json_pack("{s:s}", "what", "preprocessed"), err) < 0)
		return -1;
	return a->dry_run ? 0 : preprocess_write(a, h, &b->preprocess, birth, err);
}

int qmail_bounce_prepare(struct action *a, struct held *h, struct error *err)
{
	struct bounce *b = arena_zalloc(&h->arena, sizeof *b);
	int r;

	if (!b)
		return error_set(err, ERROR_LIMIT, "out of memory");
	if (qmail_check_silent(a, h, err) < 0 || pin_by_path(a, h, err) < 0 ||
	    pin_recipients_known(h, err) < 0 || marks_plan(h, NULL, NULL, &b->marks, err) < 0 ||
	    plan_note(a, h, b, err) < 0)
		return -1;
	held_pin(h)->op = b;
	held_pin(h)->let_go = let_go;
	r = held_pin(h)->todo >= 0 ? prepare_new(a, h, b, err) : marks_note(h, &b->marks, err);
	if (r == 0 && !a->dry_run)
		r = note_write(a, h, &b->note, err);
	return r < 0 ? -1 : 1;
}

int qmail_bounce_commit(struct action *a, struct held *h, struct error *err)
{
	struct bounce *b = held_pin(h)->op;

	if (pin_check(a, h, err) < 0 || marks_check(h, &b->marks, err) < 0 ||
	    note_publish(a, h, &b->note, err) < 0)
		return -1;
	h->committed = true;
	if (held_pin(h)->todo >= 0)
		return preprocess_commit(a, h, err);
	if (marks_set(a, h, &b->marks, err) < 0)
		return -1;
	return note_check_end(a, h, &b->note, err);
}
