/*
 * bounce: the sender is told, without another attempt.
 *
 * A paragraph for each pending recipient is put into bounce/N, and only when that is on disk are
 * they marked done: at its next attempt qmail-send finds nothing pending and sends what is in
 * bounce/N. What is being delivered in that moment may still be delivered: then the note is false.
 *
 * A message that is still in todo (only while qmail-send is stopped) is first made one with info
 * and remote, where all recipients are done; what lies beside a todo means nothing until todo goes,
 * so that is the step that counts.
 *
 * Changes: the note (note.h) and the marks (marks.h), or {"what": "preprocessed"} and the note.
 */
#include "note.h"
#include "steps.h"

struct bounce {
	struct note note;
	struct marks marks;
	struct slice info, remote; /* contents, for one that is in todo */
	bool written;
};

static void let_go(struct action *a, struct held *h)
{
	struct bounce *b = held_pin(h)->op;

	note_discard(a, h, &b->note);
	if (b->written && !h->committed) {
		step_unlink(a, FILE_INFO, held_pin(h)->n, NULL);
		step_unlink(a, FILE_REMOTE, held_pin(h)->n, NULL);
	}
}

static int pending_addresses(struct held *h, const struct slice **out, size_t *count,
			     struct error *err)
{
	const struct message *m = &h->message;
	struct slice *list = arena_array(&h->arena, m->recipient_count + 1, sizeof *list);

	*count = 0;
	*out = list;
	if (!list)
		return error_set(err, ERROR_LIMIT, "out of memory");
	for (size_t i = 0; i < m->recipient_count; i++)
		if (!m->recipients[i].done)
			list[(*count)++] = m->recipients[i].raw;
	return 0;
}

static int plan_note(struct action *a, struct held *h, struct bounce *b, struct error *err)
{
	const struct slice *list;
	size_t count;

	if (pending_addresses(h, &list, &count, err) < 0)
		return -1;
	if (count == 0)
		return error_set(err, ERROR_UNSUPPORTED, "it has no pending recipient");
	if (note_plan(a, h, list, count, &b->note, err) < 0)
		return -1;
	return note_change(h, &b->note, err);
}

/* ---- one that is in todo ---- */

static int make_contents(struct held *h, struct bounce *b, struct error *err)
{
	const struct message *m = &h->message;
	size_t n = 0, at = 0;
	char *p;

	for (size_t i = 0; i < m->recipient_count; i++)
		n += m->recipients[i].raw.n + 2;
	p = arena_alloc(&h->arena, n + 1);
	b->info = arena_printf(&h->arena, "F%" SLICE_FMT "%c", SLICE_ARG(m->sender_raw), 0);
	if (!p || !b->info.p)
		return error_set(err, ERROR_LIMIT, "out of memory");
	for (size_t i = 0; i < m->recipient_count; i++) {
		struct slice r = m->recipients[i].raw;

		p[at++] = 'D';
		if (r.n)
			memcpy(p + at, r.p, r.n);
		at += r.n;
		p[at++] = '\0';
	}
	b->remote = slice_of(p, at);
	return 0;
}

/* Left over from a preprocessing that was interrupted: qmail-send would remove it too. */
static int clear_leftovers(struct action *a, struct held *h, struct error *err)
{
	uint64_t n = held_pin(h)->n;

	return step_unlink(a, FILE_INFO, n, err) < 0 || step_unlink(a, FILE_LOCAL, n, err) < 0 ||
		       step_unlink(a, FILE_REMOTE, n, err) < 0
		   ? -1
		   : 0;
}

static int put_file(struct action *a, struct held *h, enum qmail_file f, struct slice text,
		    const struct timespec *mtime, struct error *err)
{
	struct new_file as = new_file_as(a, f);

	as.mtime = mtime;
	if (new_file_write(a, f, held_pin(h)->n, text, &as, err) < 0)
		return -1;
	return new_file_replace(a, f, held_pin(h)->n, err);
}

static int preprocess(struct action *a, struct held *h, struct bounce *b, struct error *err)
{
	const struct timespec *birth = &held_pin(h)->todo_st.st_mtim;

	if (clear_leftovers(a, h, err) < 0)
		return -1;
	b->written = true;
	if (put_file(a, h, FILE_REMOTE, b->remote, birth, err) < 0)
		return -1;
	return put_file(a, h, FILE_INFO, b->info, birth, err);
}

static int leave_todo(struct action *a, struct held *h, struct error *err)
{
	const struct pin *p = held_pin(h);

	if (step_unlink(a, p->todo_file, p->n, err) < 0)
		return -1;
	return step_unlink(a, p->todo_file == FILE_TODO ? FILE_INTD : FILE_INTD_OTHER, p->n, err) <
		       0
		   ? -1
		   : 0;
}

/* ---- the action ---- */

static int prepare_new(struct action *a, struct held *h, struct bounce *b, struct error *err)
{
	if (make_contents(h, b, err) < 0 ||
	    change_add(h, json_pack("{s:s}", "what", "preprocessed"), err) < 0)
		return -1;
	return a->dry_run ? 0 : preprocess(a, h, b, err);
}

static int prepare_queued(struct held *h, struct bounce *b, struct error *err)
{
	if (marks_plan(h, NULL, NULL, &b->marks, err) < 0)
		return -1;
	return marks_note(h, &b->marks, err);
}

int qmail_bounce_prepare(struct action *a, struct held *h, struct error *err)
{
	struct bounce *b = arena_zalloc(&h->arena, sizeof *b);
	int r;

	if (!b)
		return error_set(err, ERROR_LIMIT, "out of memory");
	if (qmail_check_silent(a, h, err) < 0 || pin_by_path(a, h, err) < 0 ||
	    pin_recipients_known(h, err) < 0 || plan_note(a, h, b, err) < 0)
		return -1;
	held_pin(h)->op = b;
	held_pin(h)->let_go = let_go;
	r = held_pin(h)->todo >= 0 ? prepare_new(a, h, b, err) : prepare_queued(h, b, err);
	if (r == 0 && !a->dry_run)
		r = note_write(a, h, &b->note, err);
	return r < 0 ? -1 : 1;
}

int qmail_bounce_commit(struct action *a, struct held *h, struct error *err)
{
	struct bounce *b = held_pin(h)->op;

	if (pin_check(a, h, err) < 0 || note_publish(a, h, &b->note, err) < 0)
		return -1;
	h->committed = true;
	if (held_pin(h)->todo >= 0)
		return leave_todo(a, h, err);
	if (marks_set(a, h, &b->marks, err) < 0)
		return -1;
	return pin_check(a, h, err);
}
