/* One batch after the other: see batch.h, and mtaq/action.h for the order of the steps. */
#include "batch.h"

#include "actionlog.h"

#include <signal.h>

enum outcome {
	OUTCOME_OPEN, /* not decided yet */
	OUTCOME_READY,
	OUTCOME_DONE,
	OUTCOME_ASK,
	OUTCOME_ALREADY,
	OUTCOME_BUSY,
	OUTCOME_GONE,
	OUTCOME_CHANGED,
	OUTCOME_NA,
	OUTCOME_FAILED
};

struct slot {
	struct held held;
	enum outcome outcome;
	bool taken;
	uint64_t n; /* number in the journal */
	struct error err;
};

struct batch {
	struct batch_run *b;
	const struct backend_actions *actions;
	const struct op_row *row;
	struct slot slots[ACTION_BATCH];
	size_t count;
};

/* ---- outcomes ---- */

static void end_slot(struct slot *s, const struct error *err)
{
	s->err = *err;
	switch (err->code) {
	case ERROR_BUSY:
		s->outcome = OUTCOME_BUSY;
		break;
	case ERROR_GONE:
		s->outcome = OUTCOME_GONE;
		break;
	case ERROR_STALE:
		s->outcome = OUTCOME_CHANGED;
		break;
	case ERROR_UNSUPPORTED:
		s->outcome = OUTCOME_NA;
		break;
	default:
		s->outcome = OUTCOME_FAILED;
	}
}

static void fail_all(struct batch *t, enum outcome from, const struct error *err)
{
	for (size_t i = 0; i < t->count; i++)
		if (t->slots[i].outcome == from) {
			t->slots[i].err = *err;
			t->slots[i].outcome = OUTCOME_FAILED;
		}
}

/* ---- lock and verify ---- */

static void load(struct batch_run *b, struct message *m, parts_t want)
{
	want &= (parts_t)~m->have;
	if (want && !m->gone)
		m->queue->backend->load(&b->loader, m, want);
}

/* The expression again, on what is there now that nobody else can change it. */
static int still_selected(struct batch_run *b, struct held *h, struct error *err)
{
	struct field_context c = {.message = &h->message,
				  .arena = &h->arena,
				  .charsets = b->charsets,
				  .now = b->run->now};
	parts_t want = 0;
	enum verdict v;

	if (!b->filter)
		return 0;
	filter_state_reset(b->filter_state);
	while ((v = filter_eval(b->filter, b->filter_state, &c, &want, err)) == VERDICT_PENDING) {
		load(b, &h->message, want);
		if (h->message.gone || (want & ~h->message.have))
			break;
	}
	if (h->message.gone)
		return error_set(err, ERROR_GONE, "it is gone");
	if (v == VERDICT_NO)
		return error_set(err, ERROR_STALE, "it no longer matches");
	return v == VERDICT_YES
		   ? 0
		   : error_set(err, ERROR_CORRUPT, "it cannot be told whether it matches");
}

static int check_cell(struct batch *t, struct held *h, struct error *err)
{
	const struct message *m = &h->message;

	switch ((enum cell)t->row->cells[m->state]) {
	case CELL_YES:
		return 0;
	case CELL_NAMED:
		if (h->item->named)
			return 0;
		break;
	case CELL_OFFLINE:
		if (t->b->action.offline)
			return 0;
		break;
	case CELL_REFUSED:
		return error_set(err, ERROR_DENIED, "refused: %s", t->row->refusal);
	case CELL_BUSY:
		return error_set(err, ERROR_BUSY, "it is still being written");
	case CELL_NA:
		break;
	}
	return error_set(err, ERROR_UNSUPPORTED, "%s does not apply to a message that is %s",
			 op_name(t->b->action.op), message_state_name(m->state));
}

static int verify(struct batch *t, struct held *h, struct error *err)
{
	struct batch_run *b = t->b;
	const parts_t *needs = b->action.queue->backend->needs;

	if (still_selected(b, h, err) < 0)
		return -1;
	load(b, &h->message, (parts_t)(needs[FIELD_STATE] | needs[FIELD_SENDER]));
	if (h->message.gone)
		return error_set(err, ERROR_GONE, "it is gone");
	if (h->message.state == STATE_UNKNOWN)
		return error_set(err, ERROR_CORRUPT, "its state cannot be told");
	if (check_cell(t, h, err) < 0)
		return -1;
	return t->actions->recheck ? t->actions->recheck(&b->action, h, err) : 0;
}

static void take_one(struct batch *t, struct slot *s, const struct plan_item *item)
{
	struct error err = ERROR_INIT;

	arena_init(&s->held.arena, LIMIT_MESSAGE_BYTES);
	s->held.item = item;
	t->b->loader.arena = &s->held.arena;
	t->b->loader.locks_fresh = false;
	if (t->actions->take(&t->b->action, &s->held, &err) < 0) {
		end_slot(s, &err);
		return;
	}
	s->taken = true;
	s->held.changes = json_array();
	if (verify(t, &s->held, &err) < 0)
		end_slot(s, &err);
}

static void prepare_one(struct batch *t, struct slot *s)
{
	struct error err = ERROR_INIT;
	int r;

	t->b->loader.arena = &s->held.arena;
	r = t->row->prepare(&t->b->action, &s->held, &err);
	if (r < 0)
		end_slot(s, &err);
	else
		s->outcome = r ? OUTCOME_READY : OUTCOME_ALREADY;
}

/* ---- journal ---- */

static size_t ready(const struct batch *t)
{
	size_t n = 0;

	for (size_t i = 0; i < t->count; i++)
		n += t->slots[i].outcome == OUTCOME_READY;
	return n;
}

/* Intents of all that is ready, on disk. */
static int journal_batch(struct batch *t, struct error *err)
{
	struct batch_run *b = t->b;

	if (!*b->journal && action_journal_open(b, err) < 0)
		return -1;
	for (size_t i = 0; i < t->count; i++)
		if (t->slots[i].outcome == OUTCOME_READY)
			t->slots[i].n = action_journal_intent(b, &t->slots[i].held);
	return journal_sync(*b->journal, err);
}

/* ---- commit ---- */

static void commit_one(struct batch *t, struct slot *s)
{
	struct error err = ERROR_INIT;

	t->b->loader.arena = &s->held.arena;
	if (t->row->commit && t->row->commit(&t->b->action, &s->held, &err) < 0)
		end_slot(s, &err);
	else
		s->outcome = t->b->action.op == OP_RETRY ? OUTCOME_ASK : OUTCOME_DONE;
}

static void finish_one(struct batch *t, struct slot *s)
{
	struct error err = ERROR_INIT;

	if (t->row->finish && t->row->finish(&t->b->action, &s->held, &err) < 0)
		/* it is done all the same; what is left over is harmless, and told */
		run_fail(t->b->run, STATUS_SOME, "%" SLICE_FMT ": %s", SLICE_ARG(s->held.item->id),
			 err.text);
}

static void commit_all(struct batch *t)
{
	struct error err = ERROR_INIT;

	for (size_t i = 0; i < t->count; i++)
		if (t->slots[i].outcome == OUTCOME_READY)
			commit_one(t, &t->slots[i]);
	if (t->actions->sync(&t->b->action, &err) < 0) {
		error_prefix(&err, "not known to be on disk");
		fail_all(t, OUTCOME_DONE, &err);
	}
	for (size_t i = 0; i < t->count; i++)
		if (t->slots[i].outcome == OUTCOME_DONE)
			finish_one(t, &t->slots[i]);
}

/* ---- telling ---- */

static void count_one(struct batch_run *b, struct slot *s)
{
	struct action_counts *c = b->counts;
	uint64_t *const of[] = {
	    [OUTCOME_DONE] = &c->done,	     [OUTCOME_ALREADY] = &c->already,
	    [OUTCOME_BUSY] = &c->busy,	     [OUTCOME_GONE] = &c->gone,
	    [OUTCOME_CHANGED] = &c->changed, [OUTCOME_NA] = &c->not_applicable,
	    [OUTCOME_FAILED] = &c->failed,
	};

	if (s->outcome == OUTCOME_BUSY && b->request->wait.given)
		b->busy[b->busy_count++] = s->held.item;
	else if (s->outcome != OUTCOME_ASK)
		++*of[s->outcome];
}

static void tell_one(struct batch_run *b, struct slot *s)
{
	const char *error =
	    s->outcome == OUTCOME_DONE || s->outcome == OUTCOME_ALREADY ? NULL : s->err.text;

	count_one(b, s);
	if (s->outcome == OUTCOME_ASK || (s->outcome == OUTCOME_DONE && b->request->args.try_now)) {
		b->asked[b->asked_count] = s->held.item;
		b->asked_n[b->asked_count++] = s->outcome == OUTCOME_ASK ? s->n : 0;
	}
	if (s->outcome == OUTCOME_DONE)
		action_tell_done(b, &s->held);
	else if (s->outcome == OUTCOME_FAILED)
		run_fail(b->run, STATUS_SOME, "%" SLICE_FMT ": %s", SLICE_ARG(s->held.item->id),
			 s->err.text);
	else if (error && s->outcome != OUTCOME_ASK && b->run->globals.verbose)
		run_note(b->run, "%" SLICE_FMT ": %s", SLICE_ARG(s->held.item->id), error);
	if (s->n && s->outcome != OUTCOME_ASK)
		journal_result(*b->journal, s->n, s->outcome == OUTCOME_DONE ? "done" : "failed",
			       error);
}

static void let_go(struct batch *t, struct slot *s)
{
	if (s->taken)
		t->actions->let_go(&t->b->action, &s->held);
	json_decref(s->held.changes);
	arena_free(&s->held.arena);
}

/* ---- one batch ---- */

static void act(struct batch *t)
{
	struct batch_run *b = t->b;
	struct error err = ERROR_INIT;

	for (size_t i = 0; i < t->count; i++)
		if (t->slots[i].outcome == OUTCOME_OPEN)
			prepare_one(t, &t->slots[i]);
	if (b->action.dry_run) {
		for (size_t i = 0; i < t->count; i++)
			if (t->slots[i].outcome == OUTCOME_READY)
				t->slots[i].outcome =
				    b->action.op == OP_RETRY ? OUTCOME_ASK : OUTCOME_DONE;
		return;
	}
	if (ready(t) == 0)
		return;
	if (t->actions->sync(&b->action, &err) < 0 || journal_batch(t, &err) < 0) {
		b->stop = true;
		fail_all(t, OUTCOME_READY, &err);
		run_fail(b->run, *b->journal ? STATUS_IO : STATUS_CANTCREATE, "%s", err.text);
		return;
	}
	commit_all(t);
}

static void run_batch(struct batch *t, const struct plan_item *const *items)
{
	struct batch_run *b = t->b;
	struct error err = ERROR_INIT;

	for (size_t i = 0; i < t->count; i++) {
		t->slots[i] = (struct slot){.outcome = OUTCOME_OPEN};
		take_one(t, &t->slots[i], items[i]);
	}
	act(t);
	for (size_t i = 0; i < t->count; i++)
		tell_one(b, &t->slots[i]);
	if (b->journal && *b->journal && journal_sync(*b->journal, &err) < 0) {
		b->stop = true;
		run_fail(b->run, STATUS_IO, "%s", err.text);
	}
	for (size_t i = 0; i < t->count; i++)
		let_go(t, &t->slots[i]);
	b->stop |= b->run->out_lost;
}

static bool interrupted(void)
{
	sigset_t set;

	sigemptyset(&set);
	return sigpending(&set) == 0 && (sigismember(&set, SIGINT) || sigismember(&set, SIGTERM) ||
					 sigismember(&set, SIGHUP));
}

void batches_run(struct batch_run *b, const struct plan_item *const *items, size_t count)
{
	const struct backend_actions *actions = b->action.queue->backend->actions;
	struct batch t = {.b = b, .actions = actions, .row = &actions->ops[b->action.op]};
	struct error err = ERROR_INIT;

	for (size_t at = 0; at < count && !b->stop && !interrupted(); at += t.count) {
		t.count = count - at < ACTION_BATCH ? count - at : ACTION_BATCH;
		if (actions->batch_begin && actions->batch_begin(&b->action, &err) < 0) {
			run_error(b->run, &err);
			b->counts->failed += count - at;
			return;
		}
		run_batch(&t, items + at);
		if (actions->batch_end)
			actions->batch_end(&b->action);
	}
}
