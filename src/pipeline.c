/* From a selection to what was done: see pipeline.h. */
#include "pipeline.h"

#include "batch.h"
#include "trash.h"

#include <mtaq/timefmt.h>

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* Never fewer than this are a reason to refuse: a percentage of a small queue says nothing. */
enum { MAX_FLOOR = 10 };

struct job {
	struct run *run;
	const struct selection *selection;
	const struct action_request *request;
	struct action_counts *counts;
	struct journal *journal;
	struct plan *plans;
	struct batch_run *batches; /* one per queue */
	size_t queues;
	struct slice run_id;
};

/* ---- guards ---- */

static bool check_backends(struct job *j)
{
	for (size_t i = 0; i < j->queues; i++) {
		const struct queue *q = j->selection->queues.list[i];
		const struct backend_actions *a = q->backend->actions;
		const struct op_row *row = a ? &a->ops[j->request->op] : NULL;

		if (row && row->methods)
			continue;
		run_fail(j->run, STATUS_USAGE, "%s: %s cannot be done on %s%s%s", q->name,
			 op_name(j->request->op), q->backend->name, row && row->instead ? ": " : "",
			 row && row->instead ? row->instead : "");
		return false;
	}
	return true;
}

static bool check_selector(struct job *j)
{
	const struct selection *s = j->selection;

	if (s->filter || s->ids_given || s->all)
		return true;
	run_fail(j->run, STATUS_USAGE, "%s: which messages? Give a selector, ids, or ALL",
		 op_name(j->request->op));
	return false;
}

static bool parse_max(struct job *j, uint64_t scanned, uint64_t *max)
{
	struct slice text = slice_from(j->request->max);
	bool percent = slice_ends(text, SLICE("%"));
	uint64_t n;

	*max = UINT64_MAX;
	if (!text.p)
		return true;
	if (!slice_u64(slice_take(text, text.n - percent), &n) || (percent && n > 100)) {
		run_fail(j->run, STATUS_USAGE, "--max wants a number or a percentage, not '%s'",
			 j->request->max);
		return false;
	}
	*max = percent ? scanned / 100 * n + scanned % 100 * n / 100 : n;
	if (percent && *max < MAX_FLOOR)
		*max = MAX_FLOOR;
	return true;
}

static uint64_t planned(const struct job *j)
{
	uint64_t n = 0;

	for (size_t i = 0; i < j->queues; i++)
		n += j->plans[i].count;
	return n;
}

static bool check_max(struct job *j)
{
	uint64_t scanned = 0, max, n = planned(j);

	for (size_t i = 0; i < j->queues; i++)
		scanned += j->plans[i].scanned;
	if (!parse_max(j, scanned, &max))
		return false;
	if (n <= max)
		return true;
	run_fail(j->run, STATUS_TEMPORARY,
		 "%s: %" PRIu64 " messages are more than --max %s allows: nothing was touched",
		 op_name(j->request->op), n, j->request->max);
	return false;
}

/* ---- planning ---- */

static bool make_plans(struct job *j)
{
	uint64_t left =
	    j->run->selectors.limit.given ? (uint64_t)j->run->selectors.limit.value : UINT64_MAX;

	for (size_t i = 0; i < j->queues; i++) {
		struct plan *p = &j->plans[i];

		if (!plan_make(j->selection, i, j->request->op, p))
			return false;
		if (p->count > left)
			plan_limit(p, (size_t)left);
		left -= p->count;
		j->counts->matched += p->matched;
		j->counts->not_applicable += p->not_applicable;
	}
	return true;
}

/* ---- beginning and ending a queue ---- */

static void note(void *ctx, const char *text)
{
	run_note(ctx, "%s", text);
}

static int open_trash(struct job *j, struct batch_run *b, struct error *err)
{
	char place[512], *path = arena_alloc(&j->run->arena, 600);

	b->action.trash_fd = -1;
	if (j->request->op != OP_DELETE || j->request->args.purge || j->request->dry_run)
		return 0;
	if (trash_place(b->action.queue, j->run->globals.trash, place, sizeof place, err) < 0)
		return -1;
	b->action.trash_path = path;
	b->action.trash_fd = trash_open_run(place, j->run_id.p, path, 600, err);
	return b->action.trash_fd < 0 ? -1 : 0;
}

static bool init_batches(struct job *j, size_t i)
{
	struct batch_run *b = &j->batches[i];
	size_t n = j->plans[i].count + 1;

	b->filter = j->selection->per_queue[i].filter;
	b->charsets = charset_cache_new();
	b->filter_state = b->filter ? filter_state_new(b->filter) : NULL;
	b->asked = calloc(n, sizeof *b->asked);
	b->asked_n = calloc(n, sizeof *b->asked_n);
	b->busy = calloc(n, sizeof *b->busy);
	return b->charsets && b->asked && b->asked_n && b->busy && (b->filter_state || !b->filter);
}

static bool begin_queue(struct job *j, size_t i)
{
	struct batch_run *b = &j->batches[i];
	const struct queue *q = j->selection->queues.list[i];
	struct error err = ERROR_INIT;

	*b = (struct batch_run){
	    .run = j->run, .request = j->request, .counts = j->counts, .journal = &j->journal};
	sys_locks_init(&b->locks);
	b->loader = (struct loader){.locks = &b->locks, .now = j->run->now};
	b->action = (struct action){.queue = q,
				    .op = j->request->op,
				    .args = &j->request->args,
				    .loader = &b->loader,
				    .now = j->run->now,
				    .dry_run = j->request->dry_run,
				    .trash_fd = -1,
				    .run_id = j->run_id.p,
				    .note = note,
				    .note_ctx = j->run};
	if (j->plans[i].count == 0)
		return true;
	if (!init_batches(j, i))
		error_set(&err, ERROR_NOMEM, "out of memory");
	else if (open_trash(j, b, &err) < 0)
		run_fail(j->run, STATUS_CANTCREATE, "%s", err.text);
	else if (q->backend->actions->run_begin(&b->action, &err) == 0)
		return true;
	if (j->run->status == STATUS_OK)
		run_error(j->run, &err);
	return false;
}

static void end_queue(struct batch_run *b)
{
	if (b->action.own)
		b->action.queue->backend->actions->run_end(&b->action);
	sys_close(b->action.trash_fd);
	charset_cache_free(b->charsets);
	filter_state_free(b->filter_state);
	sys_locks_free(&b->locks);
	free(b->asked);
	free(b->asked_n);
	free(b->busy);
}

/* ---- acting ---- */

static void wait_a_moment(void)
{
	const struct timespec moment = {0, 200 * 1000 * 1000};

	nanosleep(&moment, NULL);
}

static void try_busy_again(struct job *j, struct batch_run *b)
{
	const struct plan_item **again = b->busy;
	time_t until = time(NULL) + (time_t)j->request->wait.value;

	while (b->busy_count && !b->stop && time(NULL) < until) {
		size_t n = b->busy_count;

		wait_a_moment();
		b->busy_count = 0;
		/* the list is read ahead of where busy ones are put back */
		batches_run(b, again, n);
	}
	j->counts->busy += b->busy_count;
}

static void ask(struct job *j, struct batch_run *b)
{
	const struct backend_actions *a = b->action.queue->backend->actions;
	bool *done = calloc(b->asked_count + 1, sizeof *done);
	struct error err = ERROR_INIT;

	if (!done)
		abort();
	if (!b->action.dry_run && a->ask &&
	    a->ask(&b->action, b->asked, b->asked_count, done, &err) < 0)
		run_error(j->run, &err);
	for (size_t i = 0; i < b->asked_count; i++) {
		if (done[i] && b->asked_n[i])
			j->counts->done++;
		else
			j->counts->asked++;
		if (b->asked_n[i] && j->journal)
			journal_result(j->journal, b->asked_n[i], done[i] ? "done" : "asked",
				       err.code ? err.text : NULL);
	}
	free(done);
}

static void act_on_queue(struct job *j, size_t i)
{
	struct batch_run *b = &j->batches[i];
	const struct plan *p = &j->plans[i];
	const struct plan_item **items = calloc(p->count + 1, sizeof *items);

	if (!items)
		abort();
	for (size_t k = 0; k < p->count; k++)
		items[k] = &p->items[k];
	batches_run(b, items, p->count);
	if (b->busy_count)
		try_busy_again(j, b);
	if (b->asked_count)
		ask(j, b);
	free(items);
}

static json_t *counts_json(const struct action_counts *c)
{
	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "matched",
			 (json_int_t)c->matched, "done", (json_int_t)c->done, "asked",
			 (json_int_t)c->asked, "already", (json_int_t)c->already, "busy",
			 (json_int_t)c->busy, "gone", (json_int_t)c->gone, "changed",
			 (json_int_t)c->changed, "not_applicable", (json_int_t)c->not_applicable,
			 "failed", (json_int_t)c->failed);
}

static void act(struct job *j)
{
	struct error err = ERROR_INIT;
	size_t begun = 0;

	while (begun < j->queues && begin_queue(j, begun))
		begun++;
	for (size_t i = 0; begun == j->queues && i < j->queues; i++)
		if (j->plans[i].count)
			act_on_queue(j, i);
	for (size_t i = 0; i < begun + (begun < j->queues); i++)
		end_queue(&j->batches[i]);
	if (journal_close(j->journal, counts_json(j->counts), &err) < 0)
		run_fail(j->run, STATUS_IO, "%s", err.text);
	if (begun == j->queues)
		action_summary(j->run, j->request, j->counts);
}

/* ---- signals: the batch is finished first ---- */

static void hold_signals(sigset_t *saved)
{
	struct sigaction ignore = {.sa_handler = SIG_IGN};
	sigset_t set;

	sigaction(SIGPIPE, &ignore, NULL);
	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	pthread_sigmask(SIG_BLOCK, &set, saved);
}

void action_run(struct run *run, const struct selection *s, const struct action_request *request,
		struct action_counts *counts)
{
	struct job j = {.run = run,
			.selection = s,
			.request = request,
			.counts = counts,
			.queues = s->queues.count,
			.run_id = journal_run_id(&run->arena, (int64_t)time(NULL))};
	sigset_t saved;

	*counts = (struct action_counts){0};
	if (!check_backends(&j) || !check_selector(&j))
		return;
	hold_signals(&saved);
	j.plans = calloc(j.queues + 1, sizeof *j.plans);
	j.batches = calloc(j.queues + 1, sizeof *j.batches);
	if (!j.plans || !j.batches)
		abort();
	if (make_plans(&j) && check_max(&j))
		act(&j);
	for (size_t i = 0; i < j.queues; i++)
		plan_free(&j.plans[i]);
	free(j.plans);
	free(j.batches);
	/* one that came meanwhile strikes now, and everything must have been said by then */
	fflush(stdout);
	pthread_sigmask(SIG_SETMASK, &saved, NULL);
}

static void add_count(struct buf *b, uint64_t n, const char *word)
{
	if (n)
		buf_printf(b, "%s%" PRIu64 " %s", b->n ? ", " : "", n, word);
}

void action_summary(struct run *run, const struct action_request *request,
		    const struct action_counts *c)
{
	struct buf b;

	buf_init(&b);
	add_count(&b, c->done, request->op == OP_RETRY ? "attempted" : op_participle(request->op));
	add_count(&b, c->asked, "asked for an attempt");
	add_count(&b, c->already, "already so");
	add_count(&b, c->busy, "busy");
	add_count(&b, c->gone, "gone");
	add_count(&b, c->changed, "changed meanwhile");
	add_count(&b, c->not_applicable, "not applicable");
	add_count(&b, c->failed, "failed");
	run_note(run, "%s%" PRIu64 " messages matched%s%" SLICE_FMT,
		 request->dry_run ? "dry run, nothing was changed: " : "", c->matched,
		 b.n ? ": " : "", SLICE_ARG(buf_slice(&b)));
	buf_free(&b);
	if (c->busy && !request->quiet_when_busy)
		run->status = status_worse(run->status, STATUS_SOME);
	if (c->failed)
		run->status = status_worse(run->status, STATUS_SOME);
}
