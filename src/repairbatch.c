/* One batch of repairs: see repairbatch.h; the order of the steps is told in mtaq/check.h. */
#include "repairbatch.h"

#include <mtaq/jsonbytes.h>

struct batch {
	struct repair_queue *q;
	const struct backend_checks *checks;
	struct repair_slot slots[ACTION_BATCH];
	size_t count;
};

/* ---- outcomes ---- */

static void end_slot(struct repair_slot *s, const struct error *err)
{
	static const enum repair_outcome of[] = {
	    [ERROR_GONE] = REPAIR_GONE,	    [ERROR_BUSY] = REPAIR_BUSY,
	    [ERROR_STALE] = REPAIR_CHANGED, [ERROR_UNSUPPORTED] = REPAIR_NA,
	    [ERROR_BUG] = REPAIR_OPEN,
	};

	s->err = *err;
	s->outcome = err->code < ERROR_BUG ? of[err->code] : REPAIR_OPEN;
	if (s->outcome == REPAIR_OPEN)
		s->outcome = REPAIR_FAILED;
}

/* ---- looked at again, made ready ---- */

static int ready(struct batch *t, struct repair_slot *s, struct error *err)
{
	struct repair_queue *q = t->q;
	int r;

	if (!(s->mend.finding->code->methods & METHOD_LIVE) && !q->repair.offline)
		return error_set(err, ERROR_UNSUPPORTED, "only while the MTA is stopped");
	s->planned = true;
	r = q->repairer->plan(q, s, err);
	if (r > 0 && s->mend.count && steps_prepare(&s->steps, &q->places, &s->mend, err) < 0)
		return -1;
	return r > 0 && s->mend.count == 0 ? 0 : r;
}

static void begin_slot(struct batch *t, struct repair_slot *s, const struct repair_item *item)
{
	struct error err = ERROR_INIT;
	int r;

	*s = (struct repair_slot){.mend.finding = item->finding, .intent = item->intent};
	arena_init(&s->mend.arena, 0);
	r = ready(t, s, &err);
	if (r < 0)
		end_slot(s, &err);
	else
		s->outcome = r ? REPAIR_READY : REPAIR_ALREADY;
}

static void end_of_slot(struct batch *t, struct repair_slot *s)
{
	steps_free(&s->steps);
	if (s->planned && !s->intent.p)
		t->checks->let_go(&t->q->repair, &s->mend);
	for (size_t i = 0; i < s->lock_count; i++)
		sys_close(s->locks[i]);
	arena_free(&s->mend.arena);
}

/* ---- journal ---- */

static json_t *intent_of(const struct repair_queue *q, const struct repair_slot *s)
{
	const struct finding *f = s->mend.finding;
	json_t *line = json_pack(
	    "{s:s, s:o, s:o, s:o, s:o, s:s, s:o}", "op", op_name(OP_REPAIR), "queue",
	    json_bytes(slice_from(q->queue->name)), "dir", json_bytes(slice_from(q->queue->dir)),
	    "id", json_bytes(f->id.p ? f->id : SLICE("")), "path", json_bytes(f->path), "code",
	    f->code->code, "changes", steps_json(&s->steps));

	if (line && q->trash_path)
		json_object_set_new(line, "trash", json_bytes(slice_from(q->trash_path)));
	return line;
}

static int journal_batch(struct batch *t, struct error *err)
{
	struct repairer *r = t->q->repairer;

	if (!r->journal && action_journal_open(&t->q->told, err) < 0)
		return -1;
	for (size_t i = 0; i < t->count; i++)
		if (t->slots[i].outcome == REPAIR_READY)
			t->slots[i].n = journal_intent(r->journal, intent_of(t->q, &t->slots[i]));
	return journal_sync(r->journal, err);
}

static void journal_slot(struct batch *t, const struct repair_slot *s)
{
	if (s->n && t->q->repairer->journal)
		journal_result(t->q->repairer->journal, s->n,
			       s->outcome == REPAIR_DONE     ? "done"
			       : s->outcome == REPAIR_UNSURE ? "unsure"
							     : "failed",
			       s->outcome == REPAIR_DONE ? NULL : s->err.text);
}

/* ---- carried out ---- */

static void carry_out(struct repair_slot *s)
{
	struct error err = ERROR_INIT;

	if (steps_carry_out(&s->steps, &err) == 0) {
		s->outcome = REPAIR_DONE;
		return;
	}
	end_slot(s, &err);
	if (steps_tried(&s->steps))
		s->outcome = REPAIR_UNSURE;
}

static void change_all(struct batch *t, enum repair_outcome from, enum repair_outcome to,
		       const struct error *err)
{
	for (size_t i = 0; i < t->count; i++)
		if (t->slots[i].outcome == from) {
			t->slots[i].outcome = to;
			t->slots[i].err = *err;
		}
}

static void stop(struct batch *t, enum status st, const struct error *err)
{
	t->q->repairer->stop = true;
	change_all(t, REPAIR_READY, REPAIR_UNTRIED, err);
	run_fail(t->q->repairer->run, st, "%s", err->text);
}

static void act(struct batch *t)
{
	struct error err = ERROR_INIT;
	bool ready = false, journalled = t->q->repairer->journal != NULL;

	if (t->q->repair.dry_run) {
		change_all(t, REPAIR_READY, REPAIR_DONE, &err);
		return;
	}
	for (size_t i = 0; i < t->count; i++)
		ready |= t->slots[i].outcome == REPAIR_READY;
	if (!ready)
		return;
	if (places_sync(&t->q->places, &err) < 0) {
		stop(t, STATUS_SYSTEM, &err);
	} else if (journal_batch(t, &err) < 0) {
		stop(t, journalled ? STATUS_IO : STATUS_CANTCREATE, &err);
	} else {
		for (size_t i = 0; i < t->count; i++)
			if (t->slots[i].outcome == REPAIR_READY)
				carry_out(&t->slots[i]);
		if (places_sync(&t->q->places, &err) < 0)
			change_all(t, REPAIR_DONE, REPAIR_UNSURE, &err);
	}
}

/* ---- telling ---- */

static void tell_done(struct batch *t, struct repair_slot *s)
{
	const struct finding *f = s->mend.finding;
	struct repair_queue *q = t->q;
	bool undo = q->repairer->request->op == OP_UNDO;
	struct slice did = s->mend.did.p ? s->mend.did : slice_from(f->code->repair);
	struct buf b;

	buf_init(&b);
	buf_printf(&b, "%s (%s)", undo ? "undone" : op_participle(OP_REPAIR), f->code->code);
	if (!undo) {
		buf_adds(&b, ": ");
		text_escape(&b, did);
	}
	buf_addc(&b, '\0');
	action_tell(&q->told, f->path, SLICE_NONE, b.p);
	buf_free(&b);
}

/* Whoever takes something back wants to know that it is gone; who mends something does not. */
static bool is_trouble(const struct repair_slot *s, bool undo)
{
	switch (s->outcome) {
	case REPAIR_GONE:
		return undo;
	case REPAIR_FAILED:
	case REPAIR_UNSURE:
	case REPAIR_CHANGED:
	case REPAIR_BUSY:
	case REPAIR_NA:
		return true;
	default:
		return false;
	}
}

static void tell_trouble(struct batch *t, const struct repair_slot *s)
{
	const struct finding *f = s->mend.finding;
	struct run *run = t->q->repairer->run;
	bool undo = t->q->repairer->request->op == OP_UNDO;

	if (is_trouble(s, undo))
		run_fail(run, STATUS_SOME, "%" SLICE_FMT ": not %s (%s): %s", SLICE_ARG(f->path),
			 undo ? "undone" : "repaired", f->code->code, s->err.text);
	else if ((s->outcome == REPAIR_GONE || s->outcome == REPAIR_ALREADY) &&
		 run->globals.verbose)
		run_note(run, "%" SLICE_FMT ": %s", SLICE_ARG(f->path),
			 s->err.code ? s->err.text : "it is not so any more");
}

static void count(struct action_counts *c, enum repair_outcome o)
{
	uint64_t *const of[] = {
	    [REPAIR_OPEN] = &c->failed,	    [REPAIR_READY] = &c->untried,
	    [REPAIR_DONE] = &c->done,	    [REPAIR_ALREADY] = &c->already,
	    [REPAIR_BUSY] = &c->busy,	    [REPAIR_GONE] = &c->gone,
	    [REPAIR_CHANGED] = &c->changed, [REPAIR_NA] = &c->not_applicable,
	    [REPAIR_FAILED] = &c->failed,   [REPAIR_UNSURE] = &c->failed,
	    [REPAIR_UNTRIED] = &c->untried,
	};

	++*of[o];
}

/* ---- one batch ---- */

static bool same_message(const struct finding *a, const struct finding *b)
{
	return a->id.p && b->id.p ? slice_eq(a->id, b->id) : slice_eq(a->path, b->path);
}

/* Two repairs of one message are made one after the other: the second must see what the first did.
 */
static size_t how_many(const struct repair_item *items, size_t count)
{
	size_t n = 1;

	/* a file may have been renamed between two repairs that are taken back */
	if (items[0].intent.p)
		return 1;
	if (items[0].finding->alone)
		return 1;
	for (; n < count && n < ACTION_BATCH && !items[n].finding->alone; n++)
		for (size_t k = 0; k < n; k++)
			if (same_message(items[n].finding, items[k].finding))
				return n;
	return n;
}

static void tell_all(struct batch *t)
{
	struct repairer *r = t->q->repairer;
	struct error err = ERROR_INIT;

	for (size_t i = 0; i < t->count; i++) {
		struct repair_slot *s = &t->slots[i];

		count(&r->counts, s->outcome);
		if (s->outcome == REPAIR_DONE)
			tell_done(t, s);
		else
			tell_trouble(t, s);
		journal_slot(t, s);
	}
	if (!r->stop && r->journal && journal_sync(r->journal, &err) < 0) {
		r->stop = true;
		run_fail(r->run, STATUS_IO, "%s", err.text);
	}
	r->stop |= !run_flush(r->run) || batches_interrupted();
}

size_t repair_batch(struct repair_queue *q, const struct repair_item *items, size_t count)
{
	struct batch t = {
	    .q = q, .checks = q->queue->backend->checks, .count = how_many(items, count)};
	struct error err = ERROR_INIT;

	if (t.checks->batch_begin && t.checks->batch_begin(&q->repair, &err) < 0) {
		run_error(q->repairer->run, &err);
		q->repairer->stop = true;
		q->repairer->counts.untried += count;
		return count;
	}
	for (size_t i = 0; i < t.count; i++)
		begin_slot(&t, &t.slots[i], &items[i]);
	act(&t);
	tell_all(&t);
	for (size_t i = 0; i < t.count; i++)
		end_of_slot(&t, &t.slots[i]);
	places_close(&q->places);
	if (t.checks->batch_end)
		t.checks->batch_end(&q->repair);
	return t.count;
}
