/* Mending what a check found: see repair.h. */
#include "repair.h"

#include "repairbatch.h"
#include "trash.h"

#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>

/* What is mended may bring other things to light: so often is looked again. */
enum { PASSES = 4 };

/* ---- beginning and ending ---- */

static int open_trash(struct repair_queue *q, struct error *err)
{
	struct run *run = q->repairer->run;
	char place[512], *path = arena_alloc(&run->arena, 600);

	if (q->repair.dry_run || !path)
		return 0;
	if (trash_place(q->queue, run->globals.trash, place, sizeof place, err) < 0)
		return -1;
	q->trash_path = path;
	q->trash_fd = trash_open_run(place, q->repairer->run_id.p, path, 600, err);
	return q->trash_fd < 0 ? -1 : 0;
}

static void set_up(struct repairer *r, struct repair_queue *q, const struct queue *queue)
{
	static const struct action_args no_args;

	*q = (struct repair_queue){
	    .repairer = r,
	    .queue = queue,
	    .repair = {.queue = queue, .now = r->run->now, .dry_run = r->request->dry_run},
	    .trash_fd = -1,
	    .told = {.run = r->run,
		     .request = r->request,
		     .counts = &r->counts,
		     .journal = &r->journal,
		     .action = {.queue = queue,
				.op = r->request->op,
				.args = &no_args,
				.dry_run = r->request->dry_run,
				.trash_fd = -1,
				.run_id = r->run_id.p}}};
}

static bool begin_queue(struct repair_queue *q)
{
	const struct backend_checks *checks = q->queue->backend->checks;
	struct run *run = q->repairer->run;
	struct error err = ERROR_INIT;

	if (!checks || !checks->repair_begin) {
		run_fail(run, STATUS_USAGE, "%s: this MTA's queue cannot be repaired",
			 q->queue->name);
		return false;
	}
	if (checks->repair_begin(&q->repair, &err) < 0) {
		run_error(run, &err);
		return false;
	}
	q->begun = true;
	if (open_trash(q, &err) < 0) {
		run_fail(run, STATUS_CANTCREATE, "%s", err.text);
		return false;
	}
	places_init(&q->places, q->queue, q->trash_fd, q->repair.dry_run);
	return true;
}

bool repair_begin(struct repairer *r, const struct queue_list *queues, const bool *concerned)
{
	r->run_id = journal_run_id(&r->run->arena, (int64_t)time(NULL), r->request->nth);
	r->queues = calloc(queues->count + 1, sizeof *r->queues);
	r->queue_count = queues->count;
	if (!r->queues)
		abort();
	for (size_t i = 0; i < queues->count; i++)
		set_up(r, &r->queues[i], queues->list[i]);
	for (size_t i = 0; i < queues->count; i++)
		if (concerned[i] && !begin_queue(&r->queues[i]))
			return false;
	return true;
}

void repair_end(struct repairer *r)
{
	struct error err = ERROR_INIT;

	for (size_t i = 0; i < r->queue_count; i++) {
		struct repair_queue *q = &r->queues[i];

		if (q->begun)
			q->queue->backend->checks->repair_end(&q->repair);
		if (q->trash_fd >= 0)
			trash_close_run(q->trash_fd, q->trash_path);
	}
	if (journal_close(r->journal, action_counts_json(&r->counts), &err) < 0)
		run_fail(r->run, STATUS_IO, "%s", err.text);
	r->journal = NULL;
	free(r->queues);
	r->queues = NULL;
	r->queue_count = 0;
}

void repair_items(struct repairer *r, const struct queue *q, const struct repair_item *items,
		  size_t count)
{
	size_t at = 0;

	for (size_t i = 0; i < r->queue_count; i++)
		while (r->queues[i].queue == q && r->queues[i].begun && at < count && !r->stop)
			at += repair_batch(&r->queues[i], items + at, count - at);
	r->counts.untried += count - at;
}

/* ---- what is told at the end ---- */

static void add_count(struct buf *b, uint64_t n, const char *word)
{
	if (n)
		buf_printf(b, "%s%" PRIu64 " %s", b->n ? ", " : ": ", n, word);
}

void repair_summary(struct repairer *r, size_t left)
{
	const struct action_counts *c = &r->counts;
	bool undo = r->request->op == OP_UNDO;
	struct buf b;

	buf_init(&b);
	add_count(&b, c->done, undo ? "undone" : op_participle(OP_REPAIR));
	add_count(&b, c->already, undo ? "already so" : "no longer so");
	add_count(&b, c->busy, "busy");
	add_count(&b, c->gone, "gone");
	add_count(&b, c->changed, "changed meanwhile");
	add_count(&b, c->not_applicable, "cannot be done now");
	add_count(&b, c->failed, "failed");
	add_count(&b, left, "not for a program to decide");
	add_count(&b, c->untried, "not tried");
	run_note(r->run, "%s%" PRIu64 " %s%s%" SLICE_FMT,
		 r->request->dry_run ? "dry run, nothing was changed: " : "", c->matched + left,
		 undo ? "repair" : "finding", c->matched + left == 1 ? "" : "s",
		 SLICE_ARG(buf_slice(&b)));
	buf_free(&b);
	if (left || c->busy || c->changed || c->not_applicable || c->failed || c->untried)
		r->run->status = status_worse(r->run->status, STATUS_SOME);
}

/* ---- mending what was found ---- */

static int plan(struct repair_queue *q, struct repair_slot *s, struct error *err)
{
	return q->queue->backend->checks->plan(&q->repair, &s->mend, err);
}

/* Findings of one queue that can be mended, in their order. */
static size_t choose(const struct checkrun *c, const struct checkrun *before, const struct queue *q,
		     struct repair_item *items)
{
	const char *why;
	size_t n = 0;

	for (size_t i = 0; i < c->count; i++)
		if (c->list[i].queue == q && finding_mendable(&c->list[i].is, &why) &&
		    !(before && checkrun_has(before, &c->list[i])))
			items[n++] = (struct repair_item){.finding = &c->list[i].is};
	return n;
}

static uint64_t mend_all(struct repairer *r, const struct checkrun *c,
			 const struct checkrun *before)
{
	struct repair_item *items = calloc(c->count + 1, sizeof *items);
	uint64_t done = r->counts.done;

	if (!items)
		abort();
	for (size_t i = 0; i < c->queues.count && !r->stop; i++) {
		size_t n = choose(c, before, c->queues.list[i], items);

		r->counts.matched += n;
		repair_items(r, c->queues.list[i], items, n);
	}
	free(items);
	return r->counts.done - done;
}

static void mend_again(struct repairer *r, struct checkrun *c)
{
	/* what further looks find was not counted when it was held against the most */
	const int passes = r->request->max ? 1 : PASSES;
	uint64_t done = mend_all(r, c, NULL);

	for (int i = 1; i < passes && done && !r->stop && !r->request->dry_run; i++) {
		struct checkrun again;

		checkrun_again(&again, c);
		done = mend_all(r, &again, c);
		checkrun_merge(c, &again);
	}
}

/* What a person has to decide, printed as it is found now. */
static size_t tell_left(struct repairer *r, const struct checkrun *c)
{
	size_t left = 0;
	const char *why;

	for (size_t i = 0; i < c->count; i++) {
		const struct finding *f = &c->list[i].is;
		struct buf b;

		if (finding_mendable(f, &why))
			continue;
		left++;
		buf_init(&b);
		text_escape(&b, f->path);
		buf_printf(&b, ": left (%s): ", f->code->code);
		text_escape(&b, slice_from(why));
		buf_addc(&b, '\n');
		run_out(r->run, buf_slice(&b));
		buf_free(&b);
	}
	return left;
}

static bool check_max(const struct checkrun *c, const struct action_request *request)
{
	const struct max max = {.given = request->max, .who = "check", .what = "repairs"};
	uint64_t n = 0;
	const char *why;

	for (size_t i = 0; i < c->count; i++)
		n += finding_mendable(&c->list[i].is, &why);
	return action_within_max(c->run, &max, n, c->looked);
}

static bool *queues_concerned(const struct checkrun *c)
{
	bool *concerned = calloc(c->queues.count + 1, sizeof *concerned);
	const char *why;

	if (!concerned)
		abort();
	for (size_t i = 0; i < c->count; i++)
		for (size_t k = 0; k < c->queues.count; k++)
			if (c->list[i].queue == c->queues.list[k] &&
			    finding_mendable(&c->list[i].is, &why))
				concerned[k] = true;
	return concerned;
}

void repair_run(struct checkrun *c, const struct action_request *request)
{
	struct repairer r = {.run = c->run, .request = request, .plan = plan};
	bool *concerned = queues_concerned(c), begun = false;
	sigset_t saved;

	action_hold_signals(&saved);
	if (check_max(c, request) && repair_begin(&r, &c->queues, concerned)) {
		begun = true;
		mend_again(&r, c);
	}
	repair_end(&r);
	if (begun)
		repair_summary(&r, tell_left(&r, c));
	action_let_signals(&saved);
	free(concerned);
}
