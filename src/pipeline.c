/* From plans to what was done: see pipeline.h. */
#include "pipeline.h"

#include "actionlog.h"
#include "batch.h"
#include "trash.h"

#include <mtaq/timefmt.h>

#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* Never fewer than this are a reason to refuse: a percentage of a small queue says nothing. */
enum { MAX_FLOOR = 10 };

struct job {
	struct run *run;
	const struct action_request *request;
	struct action_counts *counts;
	struct journal *journal;
	struct plan *plans;
	struct batch_run *batches; /* one per plan */
	size_t count;
	struct slice run_id;
};

/* ---- guards ---- */

static bool check_backends(struct run *run, const struct selection *s, enum op op)
{
	for (size_t i = 0; i < s->queues.count; i++) {
		const struct queue *q = s->queues.list[i];
		const struct backend_actions *a = q->backend->actions;
		const struct op_row *row = a ? &a->ops[op] : NULL;

		if (row && row->methods)
			continue;
		run_fail(run, STATUS_USAGE, "%s: %s cannot be done on %s%s%s", q->name, op_name(op),
			 q->backend->name, row && row->instead ? ": " : "",
			 row && row->instead ? row->instead : "");
		return false;
	}
	return true;
}

static bool check_selector(struct run *run, const struct selection *s, enum op op)
{
	if (s->filter || s->ids_given || s->all)
		return true;
	run_fail(run, STATUS_USAGE, "%s: which messages? Give a selector, ids, or ALL",
		 op_name(op));
	return false;
}

static bool parse_max(struct run *run, const char *given, uint64_t scanned, uint64_t *max)
{
	struct slice text = slice_from(given);
	bool percent = slice_ends(text, SLICE("%"));
	uint64_t n;

	*max = UINT64_MAX;
	if (!text.p)
		return true;
	if (!slice_u64(slice_take(text, text.n - percent), &n) || (percent && n > 100)) {
		run_fail(run, STATUS_USAGE, "--max wants a number or a percentage, not '%s'",
			 given);
		return false;
	}
	*max = percent ? scanned / 100 * n + scanned % 100 * n / 100 : n;
	if (percent && *max < MAX_FLOOR)
		*max = MAX_FLOOR;
	return true;
}

bool action_within_max(struct run *run, const struct max *m, uint64_t n, uint64_t scanned)
{
	uint64_t max;

	if (!parse_max(run, m->given, scanned, &max))
		return false;
	if (n <= max)
		return true;
	run_fail(run, STATUS_TEMPORARY,
		 "%s%s: %" PRIu64 " %s are more than %smax %s allows: nothing was touched",
		 m->rule ? "rule " : "", m->rule ? m->rule : m->who, n, m->what,
		 m->rule ? "" : "--", m->given);
	return false;
}

static bool check_max(struct job *j)
{
	const struct max max = {.given = j->request->max,
				.rule = j->request->rule,
				.who = op_name(j->request->op),
				.what = "messages"};
	uint64_t scanned = 0, n = 0;

	for (size_t i = 0; i < j->count; i++) {
		scanned += j->plans[i].scanned;
		n += j->plans[i].count;
	}
	return action_within_max(j->run, &max, n, scanned);
}

/* ---- planning ---- */

static bool make_plans(const struct selection *s, const struct action_request *request,
		       struct plan *plans)
{
	const struct option_number *limit = &s->run->selectors.limit;
	uint64_t left = limit->given ? (uint64_t)limit->value : UINT64_MAX;

	for (size_t i = 0; i < s->queues.count; i++) {
		struct plan *p = &plans[i];
		bool more = plan_make(s, i, request->op, p);

		p->args = &request->args;
		if (!more)
			return false;
		if (p->count > left)
			plan_limit(p, (size_t)left);
		left -= p->count;
	}
	return true;
}

/* Nobody can be told that a bounce failed, but the postmaster. */
static void tell_null_senders(struct job *j)
{
	uint64_t n = 0;

	for (size_t i = 0; i < j->count; i++)
		if (j->plans[i].op == OP_EXPIRE || j->plans[i].op == OP_BOUNCE)
			n += j->plans[i].null_senders;
	if (n)
		run_note(j->run,
			 "%" PRIu64
			 " of the messages chosen are bounces: the postmaster gets them as "
			 "double bounces",
			 n);
}

/* ---- beginning and ending a plan ---- */

static void note(void *ctx, const char *text)
{
	run_note(ctx, "%s", text);
}

static int open_trash(struct job *j, struct batch_run *b, struct error *err)
{
	char place[512], *path = arena_alloc(&j->run->arena, 600);

	if (b->action.op != OP_DELETE || b->action.args->purge || b->action.dry_run)
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

	b->filter = j->plans[i].filter;
	b->link = j->plans[i].link;
	b->charsets = charset_cache_new();
	b->filter_state = b->filter ? filter_state_new(b->filter) : NULL;
	b->asked = calloc(n, sizeof *b->asked);
	b->busy = calloc(n, sizeof *b->busy);
	return b->charsets && b->asked && b->busy && (b->filter_state || !b->filter);
}

static void set_up(struct job *j, size_t i)
{
	struct batch_run *b = &j->batches[i];
	const struct plan *p = &j->plans[i];

	*b = (struct batch_run){
	    .run = j->run, .request = j->request, .counts = j->counts, .journal = &j->journal};
	arena_init(&b->kept, 0);
	sys_locks_init(&b->locks);
	/* what is read again is held by our own lock, but in a dry run, which takes none */
	b->loader =
	    (struct loader){.locks = &b->locks, .now = j->run->now, .held = !j->request->dry_run};
	b->action = (struct action){.queue = p->queue,
				    .op = p->op,
				    .args = p->args,
				    .loader = &b->loader,
				    .now = j->run->now,
				    .dry_run = j->request->dry_run,
				    .trash_fd = -1,
				    .run_id = j->run_id.p,
				    .note = note,
				    .note_ctx = j->run};
}

static bool begin_plan(struct job *j, size_t i)
{
	const struct backend_actions *actions = j->plans[i].queue->backend->actions;
	struct batch_run *b = &j->batches[i];
	struct error err = ERROR_INIT;
	enum status st = STATUS_OK;

	set_up(j, i);
	if (!b->action.dry_run && !j->plans[i].mended && actions && actions->mend)
		actions->mend(&b->action);
	j->plans[i].mended = true;
	if (j->plans[i].count == 0)
		return true;
	if (!init_batches(j, i))
		error_set(&err, ERROR_NOMEM, "out of memory");
	else if (open_trash(j, b, &err) < 0)
		st = STATUS_CANTCREATE;
	else if (actions->run_begin(&b->action, &err) == 0)
		return true;
	run_fail(j->run, st == STATUS_OK ? status_of_error(&err) : st, "%s", err.text);
	return false;
}

static void end_plan(struct batch_run *b)
{
	if (!b->run)
		return; /* never begun */
	if (b->action.own)
		b->action.queue->backend->actions->run_end(&b->action);
	charset_cache_free(b->charsets);
	filter_state_free(b->filter_state);
	sys_locks_free(&b->locks);
	arena_free(&b->kept);
	free(b->asked);
	free(b->busy);
	b->run = NULL;
}

/* Not before all plans have ended: queues may share one folder, which goes when it is empty. */
static void close_trash(struct job *j)
{
	for (size_t i = 0; i < j->count; i++) {
		const struct action *a = &j->batches[i].action;

		if (a->trash_path && a->trash_fd >= 0)
			trash_close_run(a->trash_fd, a->trash_path);
	}
}

/* ---- acting ---- */

static void wait_a_moment(void)
{
	const struct timespec moment = {0, 200 * 1000 * 1000};

	nanosleep(&moment, NULL);
}

static int64_t seconds_up(void)
{
	struct timespec t = {0, 0};

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec;
}

static void try_busy_again(struct job *j, struct batch_run *b)
{
	int64_t begun = seconds_up();
	size_t left = b->busy_count;

	while (left && seconds_up() - begun < j->request->wait.value) {
		size_t tried;

		wait_a_moment();
		b->busy_count = 0;
		/* what is too young to be touched grows older meanwhile */
		b->action.now = number_minus(j->run->now, begun - seconds_up());
		/* the list is read ahead of where busy ones are put back */
		tried = batches_run(b, b->busy, left);
		j->counts->untried += left - tried;
		left = tried == left ? b->busy_count : 0;
	}
	j->counts->busy += b->busy_count;
}

static void tell_asked(struct job *j, struct batch_run *b, const struct asked *a, bool done,
		       const struct error *err)
{
	bool failed = err->code && !done;

	if (b->action.op != OP_RETRY) {
		j->counts->asked += !failed;
		return;
	}
	if (failed)
		j->counts->failed++;
	else if (done)
		j->counts->done++;
	else
		j->counts->asked++;
	if (!failed)
		action_tell(b, a->item->id, a->sender,
			    done ? "attempted" : op_participle(OP_RETRY));
	if (j->journal)
		journal_result(j->journal, a->n,
			       failed ? "failed"
			       : done ? "done"
				      : "asked",
			       failed ? err->text : NULL);
}

static void ask(struct job *j, struct batch_run *b)
{
	const struct backend_actions *actions = b->action.queue->backend->actions;
	const struct plan_item **items = calloc(b->asked_count + 1, sizeof *items);
	bool *done = calloc(b->asked_count + 1, sizeof *done);
	struct error err = ERROR_INIT;

	if (!done || !items)
		abort();
	for (size_t i = 0; i < b->asked_count; i++)
		items[i] = b->asked[i].item;
	if (!b->action.dry_run && actions->ask &&
	    actions->ask(&b->action, items, b->asked_count, done, &err) < 0)
		run_error(j->run, &err);
	for (size_t i = 0; i < b->asked_count; i++)
		tell_asked(j, b, &b->asked[i], done[i], &err);
	free(done);
	free(items);
}

static void tidy_folders(const struct plan *p)
{
	const char *last = NULL;

	for (size_t k = 0; k < p->count; k++) {
		const char *folder = p->items[k].folder;

		if (folder && (!last || strcmp(folder, last) != 0))
			trash_tidy(folder);
		last = folder;
	}
}

static void act_on(struct job *j, size_t i)
{
	struct batch_run *b = &j->batches[i];
	const struct plan *p = &j->plans[i];
	const struct plan_item **items = calloc(p->count + 1, sizeof *items);

	if (!items)
		abort();
	for (size_t k = 0; k < p->count; k++)
		items[k] = &p->items[k];
	j->counts->untried += p->count - batches_run(b, items, p->count);
	if (b->busy_count)
		try_busy_again(j, b);
	if (b->asked_count)
		ask(j, b);
	if (!b->action.dry_run)
		tidy_folders(p);
	free(items);
}

/* A backend may let nobody else act on a queue meanwhile, so a second plan for one waits. */
static bool waits(const struct job *j, size_t i)
{
	for (size_t k = 0; k < i; k++)
		if (j->plans[k].queue == j->plans[i].queue && j->plans[k].count)
			return true;
	return false;
}

/* All that can be refused is, before anything is touched. */
static bool begin_all(struct job *j)
{
	for (size_t i = 0; i < j->count; i++)
		if (!waits(j, i) && !begin_plan(j, i))
			return false;
	return true;
}

/* The journal could not even be made: there is nothing to count. */
static bool refused(const struct job *j)
{
	return j->run->status == STATUS_CANTCREATE && !j->journal;
}

static void act(struct job *j)
{
	struct error err = ERROR_INIT;
	bool begun = begin_all(j);

	for (size_t i = 0; begun && i < j->count; i++) {
		if (!j->plans[i].count)
			continue;
		if (waits(j, i) && !begin_plan(j, i))
			j->counts->untried += j->plans[i].count;
		else
			act_on(j, i);
		end_plan(&j->batches[i]);
	}
	for (size_t i = 0; i < j->count; i++)
		end_plan(&j->batches[i]);
	close_trash(j);
	if (journal_close(j->journal, action_counts_json(j->counts), &err) < 0)
		run_fail(j->run, STATUS_IO, "%s", err.text);
	if (!begun || refused(j))
		return;
	tell_null_senders(j);
	action_summary(j->run, j->request, j->counts);
}

/* ---- signals: the batch is finished first ---- */

void action_hold_signals(sigset_t *saved)
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

void action_let_signals(const sigset_t *saved)
{
	/* one that came meanwhile strikes now, and everything must have been said by then */
	fflush(stdout);
	pthread_sigmask(SIG_SETMASK, saved, NULL);
}

/* ---- the two ways in ---- */

void action_run_plans(struct run *run, struct plan *plans, size_t count,
		      const struct action_request *request, struct action_counts *counts)
{
	struct job j = {.run = run,
			.request = request,
			.counts = counts,
			.plans = plans,
			.count = count,
			.batches = calloc(count + 1, sizeof *j.batches),
			.run_id = journal_run_id(&run->arena, (int64_t)time(NULL), request->nth)};
	sigset_t saved;

	if (!j.batches)
		abort();
	action_hold_signals(&saved);
	for (size_t i = 0; i < count; i++) {
		counts->matched += plans[i].matched;
		counts->not_applicable += plans[i].not_applicable;
		counts->errors += plans[i].errors;
	}
	if (check_max(&j))
		act(&j);
	for (size_t i = 0; i < count; i++)
		plan_free(&plans[i]);
	free(j.batches);
	action_let_signals(&saved);
}

void action_run(struct run *run, const struct selection *s, const struct action_request *request,
		struct action_counts *counts)
{
	struct plan *plans;
	sigset_t saved;
	uint64_t max;

	*counts = (struct action_counts){0};
	if (!check_backends(run, s, request->op) || !check_selector(run, s, request->op) ||
	    !parse_max(run, request->max, 0, &max))
		return;
	plans = calloc(s->queues.count + 1, sizeof *plans);
	if (!plans)
		abort();
	action_hold_signals(&saved);
	if (make_plans(s, request, plans))
		action_run_plans(run, plans, s->queues.count, request, counts);
	else
		for (size_t i = 0; i < s->queues.count; i++)
			plan_free(&plans[i]);
	free(plans);
	action_let_signals(&saved);
}
