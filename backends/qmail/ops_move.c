/*
 * move: to another queue on the same filesystem, while neither qmail-send runs.
 *
 * The files are not copied. mess, local and remote get a second name in the other queue, under the
 * number that mess's inode is; without an info that is nothing to qmail. The note for the sender
 * goes over, and then info, by one rename: that is the step that counts, and at no time are there
 * two messages or none. What is left in the old queue goes afterwards.
 *
 * Change: {"what": "queue", "before": directory, "after": directory, "number": the new one}.
 */
#include "marks.h"
#include "mend.h"
#include "steps.h"

#include <mtaq/jsonbytes.h>

#include <stdio.h>

struct move {
	uint64_t new;
	bool again; /* its mess is there already, left over */
	bool made[3];
};

static const enum qmail_file shared[3] = {FILE_MESS, FILE_LOCAL, FILE_REMOTE};

/* ---- the other queue ---- */

static int check_free(struct action *a, struct held *h, struct move *m, struct error *err)
{
	const struct queue_qmail *to = queue_qmail(qmail_run(a)->target->queue);
	const struct stat *mess = &held_pin(h)->mess_st;
	enum qmail_file todo;
	struct stat st;
	int there = qmail_stat(to, FILE_MESS, m->new, &st, err);

	m->again = there > 0 && st.st_ino == mess->st_ino && st.st_dev == mess->st_dev;
	if (there < 0)
		return -1;
	/* todo first: a message leaves it for info */
	if ((there > 0 && !m->again) || qmail_find_todo(to, m->new, &todo, &st, err) != 0 ||
	    qmail_stat(to, FILE_INFO, m->new, &st, err) != 0)
		return error_set(err, ERROR_DENIED, "its number is in use in %s", to->base.dir);
	return 0;
}

/* A note without a message is left over, unless we have brought it; then it must stay the only one.
 */
/* What lies there without a message is left over: a note would be sent to our sender. */
static int clear(struct action *a, struct move *m, struct error *err)
{
	static const enum qmail_file files[] = {FILE_BOUNCE, FILE_LOCAL, FILE_REMOTE};
	struct action *to = qmail_run(a)->target;

	for (size_t i = 0; i < 3; i++)
		if (step_unlink(to, files[i], m->new, err) < 0)
			return -1;
	return m->again && step_unlink(to, FILE_MESS, m->new, err) < 0 ? -1 : 0;
}

static int link_one(struct action *a, struct held *h, struct move *m, enum qmail_file f,
		    struct error *err)
{
	struct action *to = qmail_run(a)->target;
	char name[24];
	int r, dir = step_open_dir(queue_qmail(to->queue), f, m->new, err);

	if (dir < 0)
		return -1;
	snprintf(name, sizeof name, "%llu", (unsigned long long)m->new);
	r = step_link_out(a, f, held_pin(h)->n, dir, name, err);
	sys_close(dir);
	if (r == 0)
		error_set(err, ERROR_SYSTEM, "it cannot be linked into %s", to->queue->dir);
	else
		run_dirty(to, f, m->new);
	return r > 0 ? 0 : -1;
}

static int link_all(struct action *a, struct held *h, struct move *m, struct error *err)
{
	const struct pin *p = held_pin(h);
	const bool has[3] = {true, p->channel[0] >= 0, p->channel[1] >= 0};

	for (int i = 0; i < 3; i++) {
		if (!has[i])
			continue;
		if (link_one(a, h, m, shared[i], err) < 0)
			return -1;
		m->made[i] = true;
	}
	return 0;
}

/* ---- the action ---- */

/* In both queues: whichever of them is acted on next knows what was going on. */
static int put_markers(struct action *a, struct held *h, struct move *m, struct error *err)
{
	const struct stat *mess = &held_pin(h)->mess_st;

	if (marker_put(qmail_run(a)->target, m->new, mess, err) < 0)
		return -1;
	return marker_put(a, held_pin(h)->n, mess, err);
}

static void remove_markers(struct action *a, struct held *h, struct move *m)
{
	const struct stat *mess = &held_pin(h)->mess_st;

	marker_remove(a, held_pin(h)->n, mess);
	marker_remove(qmail_run(a)->target, m->new, mess);
}

static void let_go(struct action *a, struct held *h)
{
	struct move *m = held_pin(h)->op;

	if (h->committed)
		return;
	for (int i = 2; i >= 0; i--)
		if (m->made[i])
			step_unlink(qmail_run(a)->target, shared[i], m->new, NULL);
	remove_markers(a, h, m);
}

static json_t *change(const struct action *a, const struct move *m)
{
	return json_pack("{s:s, s:o, s:o, s:I}", "what", "queue", "before",
			 json_bytes(slice_from(a->queue->dir)), "after",
			 json_bytes(slice_from(qmail_run(a)->target->queue->dir)), "number",
			 (json_int_t)m->new);
}

int qmail_move_prepare(struct action *a, struct held *h, struct error *err)
{
	struct move *m = arena_zalloc(&h->arena, sizeof *m);

	if (!m)
		return error_set(err, ERROR_LIMIT, "out of memory");
	m->new = (uint64_t)held_pin(h)->mess_st.st_ino;
	held_pin(h)->op = m;
	h->moved_id = arena_printf(&h->arena, "%llu@%lld", (unsigned long long)m->new,
				   (long long)h->message.identity.data_mtime_ns);
	if (check_free(a, h, m, err) < 0 || change_add(h, change(a, m), err) < 0)
		return -1;
	if (a->dry_run)
		return 1;
	held_pin(h)->let_go = let_go;
	if (clear(a, m, err) < 0 || put_markers(a, h, m, err) < 0)
		return -1;
	return link_all(a, h, m, err) < 0 ? -1 : 1;
}

/* It has to be there, on disk, before the message is. */
static int move_note(struct action *a, struct held *h, const struct move *m, struct error *err)
{
	struct action *to = qmail_run(a)->target;
	uint64_t n = held_pin(h)->n;
	int moved = step_move(a, to, FILE_BOUNCE, n, m->new, err);

	if (moved <= 0)
		return moved;
	if (step_sync(to, FILE_BOUNCE, m->new, err) == 0 && step_sync(a, FILE_BOUNCE, n, err) == 0)
		return 0;
	step_move(to, a, FILE_BOUNCE, m->new, n, NULL);
	return -1;
}

int qmail_move_commit(struct action *a, struct held *h, struct error *err)
{
	const struct move *m = held_pin(h)->op;
	struct action *to = qmail_run(a)->target;
	uint64_t n = held_pin(h)->n;
	int moved;

	if (pin_check(a, h, err) < 0 || move_note(a, h, m, err) < 0)
		return -1;
	moved = step_move(a, to, FILE_INFO, n, m->new, err);
	if (moved <= 0) {
		step_move(to, a, FILE_BOUNCE, m->new, n, NULL);
		return moved < 0 ? -1 : error_set(err, ERROR_GONE, "it is gone");
	}
	h->committed = true;
	return 0;
}

int qmail_move_finish(struct action *a, struct held *h, struct error *err)
{
	for (int i = 2; i >= 0; i--)
		if (step_unlink(a, shared[i], held_pin(h)->n, err) < 0)
			return -1;
	remove_markers(a, h, held_pin(h)->op);
	return 0;
}
