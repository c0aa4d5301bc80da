/* One batch after the other: see batch.h, and mtaq/action.h for the order of the steps. */
#include "batch.h"

#include "actionlog.h"
#include "journal_read.h"

#include <mtaq/jsonbytes.h>
#include <mtaq/saved.h>

#include <signal.h>
#include <sys/resource.h>

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
	OUTCOME_FAILED,
	OUTCOME_UNSURE, /* done, but not known to be on disk: counted failed */
	OUTCOME_UNTRIED /* the run ended before */
};

struct slot {
	struct held held;
	struct saved saved; /* restore: what held.saved points to */
	json_t *source;	    /* restore: the note; undo: the intent */
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

static void change_all(struct batch *t, enum outcome from, enum outcome to, const struct error *err)
{
	for (size_t i = 0; i < t->count; i++)
		if (t->slots[i].outcome == from) {
			t->slots[i].err = *err;
			t->slots[i].outcome = to;
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
	if (v == VERDICT_YES && filter_link(b->filter_state) != b->link)
		return error_set(err, ERROR_STALE, "another rule takes it now");
	return v == VERDICT_YES
		   ? 0
		   : error_set(err, ERROR_CORRUPT, "it cannot be told whether it matches");
}

static int check_cell(struct batch *t, struct held *h, struct error *err)
{
	const struct message *m = &h->message;

	if (t->b->action.op == OP_UNDO)
		return 0;
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

/* ---- what comes from a folder or from a journal ---- */

static int open_saved(struct slot *s, struct error *err)
{
	const struct plan_item *item = s->held.item;

	s->saved = (struct saved){
	    .dirfd = sys_open_dir(item->folder, err), .path = item->folder, .id = item->id};
	if (s->saved.dirfd < 0)
		return -1;
	s->source = saved_read_note(s->saved.dirfd, item->id, err);
	s->saved.note = s->source;
	s->held.saved = &s->saved;
	return s->source ? 0 : -1;
}

static int open_intent(struct slot *s, struct error *err)
{
	s->source = journal_line(s->held.item->intent, err);
	if (!s->source)
		return -1;
	s->held.undo = json_object_get(s->source, "changes");
	return json_is_array(s->held.undo)
		   ? 0
		   : error_set(err, ERROR_CORRUPT, "the journal does not say what was changed");
}

static int open_source(struct batch *t, struct slot *s, struct error *err)
{
	switch (t->b->action.op) {
	case OP_RESTORE:
		return open_saved(s, err);
	case OP_UNDO:
		return open_intent(s, err);
	default:
		return 0;
	}
}

/* Who sent it, for the lines about it: the backend may have had no need to know. */
static void take_sender(struct held *h)
{
	if (h->saved && !h->message.sender.p)
		h->message.sender =
		    json_bytes_get(json_object_get(h->saved->note, "sender"), &h->arena);
}

static int take_and_verify(struct batch *t, struct slot *s, struct error *err)
{
	if (open_source(t, s, err) < 0 || t->actions->take(&t->b->action, &s->held, err) < 0)
		return -1;
	s->taken = true;
	take_sender(&s->held);
	return t->b->action.op == OP_RESTORE ? 0 : verify(t, &s->held, err);
}

static void take_one(struct batch *t, struct slot *s, const struct plan_item *item)
{
	struct error err = ERROR_INIT;

	arena_init(&s->held.arena, LIMIT_MESSAGE_BYTES);
	s->held.item = item;
	t->b->loader.arena = &s->held.arena;
	t->b->loader.locks_fresh = false;
	s->saved.dirfd = -1;
	s->held.changes = json_array();
	if (take_and_verify(t, s, &err) < 0)
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

/* Intents of all that is ready, on disk. What it comes to when that fails. */
static enum status journal_batch(struct batch *t, struct error *err)
{
	struct batch_run *b = t->b;

	if (!*b->journal && action_journal_open(b, err) < 0)
		return STATUS_CANTCREATE;
	for (size_t i = 0; i < t->count; i++)
		if (t->slots[i].outcome == OUTCOME_READY)
			t->slots[i].n = action_journal_intent(b, &t->slots[i].held);
	return journal_sync(*b->journal, err) < 0 ? STATUS_IO : STATUS_OK;
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
		change_all(t, OUTCOME_DONE, OUTCOME_UNSURE, &err);
		change_all(t, OUTCOME_ASK, OUTCOME_UNSURE, &err);
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
	    [OUTCOME_FAILED] = &c->failed,   [OUTCOME_UNSURE] = &c->failed,
	    [OUTCOME_UNTRIED] = &c->untried,
	};

	if (s->outcome == OUTCOME_BUSY && b->request->wait.given)
		b->busy[b->busy_count++] = s->held.item;
	else if (s->outcome != OUTCOME_ASK)
		++*of[s->outcome];
}

static void keep_asked(struct batch_run *b, const struct slot *s)
{
	b->asked[b->asked_count++] =
	    (struct asked){.item = s->held.item,
			   .sender = arena_copy(&b->kept, s->held.message.sender),
			   .n = s->outcome == OUTCOME_ASK ? s->n : 0};
}

static void tell_trouble(struct batch_run *b, const struct slot *s)
{
	switch (s->outcome) {
	case OUTCOME_FAILED:
	case OUTCOME_UNSURE:
		run_fail(b->run, STATUS_SOME, "%" SLICE_FMT ": %s", SLICE_ARG(s->held.item->id),
			 s->err.text);
		break;
	case OUTCOME_BUSY:
	case OUTCOME_GONE:
	case OUTCOME_CHANGED:
	case OUTCOME_NA:
		if (b->run->globals.verbose)
			run_note(b->run, "%" SLICE_FMT ": %s", SLICE_ARG(s->held.item->id),
				 s->err.text);
		break;
	default:
		break;
	}
}

static void tell_one(struct batch_run *b, struct slot *s)
{
	bool done = s->outcome == OUTCOME_DONE, ask = s->outcome == OUTCOME_ASK;
	const char *error = done ? NULL : s->err.text;

	count_one(b, s);
	if (ask || (done && b->action.args->try_now))
		keep_asked(b, s);
	if (done)
		action_tell(b, action_held_id(&s->held), s->held.message.sender,
			    op_participle(b->action.op));
	tell_trouble(b, s);
	if (s->n && !ask)
		journal_result(*b->journal, s->n,
			       done			      ? "done"
			       : s->outcome == OUTCOME_UNSURE ? "unsure"
							      : "failed",
			       error);
}

static void let_go(struct batch *t, struct slot *s)
{
	if (s->taken)
		t->actions->let_go(&t->b->action, &s->held);
	json_decref(s->held.changes);
	json_decref(s->source);
	sys_close(s->saved.dirfd);
	arena_free(&s->held.arena);
}

/* ---- one batch ---- */

static void stop(struct batch *t, enum status st, const struct error *err)
{
	t->b->stop = true;
	change_all(t, OUTCOME_READY, OUTCOME_UNTRIED, err);
	run_fail(t->b->run, st, "%s", err->text);
}

static void act(struct batch *t)
{
	struct batch_run *b = t->b;
	struct error err = ERROR_INIT;
	enum status st;

	for (size_t i = 0; i < t->count; i++)
		if (t->slots[i].outcome == OUTCOME_OPEN)
			prepare_one(t, &t->slots[i]);
	if (b->action.dry_run) {
		change_all(t, OUTCOME_READY, b->action.op == OP_RETRY ? OUTCOME_ASK : OUTCOME_DONE,
			   &err);
		return;
	}
	if (ready(t) == 0)
		return;
	if (t->actions->sync(&b->action, &err) < 0)
		stop(t, STATUS_SYSTEM, &err);
	else if ((st = journal_batch(t, &err)) != STATUS_OK)
		stop(t, st, &err);
	else
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
	if (!b->stop && *b->journal && journal_sync(*b->journal, &err) < 0) {
		b->stop = true;
		run_fail(b->run, STATUS_IO, "%s", err.text);
	}
	for (size_t i = 0; i < t->count; i++)
		let_go(t, &t->slots[i]);
	b->stop |= !run_flush(b->run);
}

bool batches_interrupted(void)
{
	sigset_t set;

	sigemptyset(&set);
	return sigpending(&set) == 0 && (sigismember(&set, SIGINT) || sigismember(&set, SIGTERM) ||
					 sigismember(&set, SIGHUP));
}

/* Each message that is held needs some descriptors of its own. */
static size_t batch_size(void)
{
	enum { PER_MESSAGE = 6, OTHERS = 20 };
	struct rlimit r;

	if (getrlimit(RLIMIT_NOFILE, &r) < 0 || r.rlim_cur > OTHERS + PER_MESSAGE * ACTION_BATCH)
		return ACTION_BATCH;
	return r.rlim_cur < OTHERS + PER_MESSAGE ? 1 : (size_t)(r.rlim_cur - OTHERS) / PER_MESSAGE;
}

size_t batches_run(struct batch_run *b, const struct plan_item *const *items, size_t count)
{
	const struct backend_actions *actions = b->action.queue->backend->actions;
	struct batch t = {.b = b, .actions = actions, .row = &actions->ops[b->action.op]};
	struct error err = ERROR_INIT;
	size_t at = 0, size = batch_size();

	while (at < count && !b->stop && !batches_interrupted()) {
		t.count = count - at < size ? count - at : size;
		if (actions->batch_begin && actions->batch_begin(&b->action, &err) < 0) {
			run_error(b->run, &err);
			break;
		}
		run_batch(&t, items + at);
		if (actions->batch_end)
			actions->batch_end(&b->action);
		at += t.count;
	}
	return at;
}
