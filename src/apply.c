/* Rules on queues: see apply.h. */
#include "apply.h"

#include "applylock.h"
#include "pipeline.h"

#include <mtaq/timefmt.h>

#include <inttypes.h>
#include <stdlib.h>

struct apply {
	struct run *run;
	const struct apply_options *options;
	const struct rule **rules; /* that exist now, in their order */
	size_t count;
	struct selection selection; /* filters: chains, a link for each rule */
	bool *used;		    /* per queue: some rule is for it */
	bool *mended;		    /* per queue: a rule has begun to act on it */
	struct plan *plans;	    /* per queue one for each rule */
	uint64_t errors;
};

static struct plan *plan_of(const struct apply *a, size_t queue, size_t rule)
{
	return &a->plans[queue * a->count + rule];
}

/* ---- which rules, on which queues ---- */

static void choose_rules(struct apply *a, const struct rules *rules)
{
	a->rules = calloc(rules->count + 1, sizeof *a->rules);
	if (!a->rules)
		abort();
	for (size_t i = 0; i < rules->count; i++) {
		const struct rule *rule = &rules->list[i];
		char when[TIME_TEXT];

		if (rule_exists(rule, a->run->now))
			a->rules[a->count++] = rule;
		else if (a->run->globals.verbose)
			run_note(a->run, "rule %s: it ended %s", rule->name,
				 time_print_local(rule->until.value, when));
	}
}

static struct slice without_slashes(struct slice s)
{
	while (s.n > 1 && s.p[s.n - 1] == '/')
		s.n--;
	return s;
}

static bool is_for(const struct rule *rule, const struct queue *q)
{
	struct slice on = without_slashes(slice_from(rule->on));

	return !rule->on || slice_eq(on, slice_from(q->backend->name)) ||
	       slice_eq(on, slice_from(q->name)) ||
	       slice_eq(on, without_slashes(slice_from(q->dir)));
}

/* A queue that is named and is not there may be a slip of the pen. */
static void tell_if_nowhere(const struct apply *a, const struct rule *rule)
{
	bool known = !rule->on || backend_find(rule->on);

	for (size_t i = 0; !known && i < a->selection.queues.count; i++)
		known = is_for(rule, a->selection.queues.list[i]);
	if (!known)
		run_note(a->run, "%s:%zu: rule %s: none of the queues is %s", rule->file,
			 rule->line, rule->name, rule->on);
}

/* ---- binding: all that is wrong is told ---- */

static void wrong(const struct apply *a, const struct rule *rule, enum status st, const char *text)
{
	run_fail(a->run, st, "%s:%zu: rule %s: %s", rule->file, rule->line, rule->name, text);
}

static bool can_act(const struct apply *a, const struct rule *rule, const struct queue *q)
{
	const struct backend_actions *actions = q->backend->actions;
	const struct op_row *row = actions ? &actions->ops[rule->op] : NULL;

	if (rule->keep || (row && row->methods))
		return true;
	run_fail(a->run, STATUS_USAGE, "%s:%zu: rule %s: %s: %s cannot be done on %s%s%s",
		 rule->file, rule->line, rule->name, q->name, op_name(rule->op), q->backend->name,
		 row && row->instead ? ": " : "", row && row->instead ? row->instead : "");
	return false;
}

/* One rule by itself, for its mistakes. */
static bool check_rule(const struct apply *a, const struct rule *rule,
		       const struct filter_target *target, const struct queue *q)
{
	struct error err = ERROR_INIT;
	const struct filter *bound = filter_bind(&a->run->arena, rule->filter, target, &err);

	if (!bound)
		wrong(a, rule, STATUS_USAGE, err.text);
	return bound && (filter_constant(bound) == VERDICT_NO || can_act(a, rule, q));
}

static bool bind_queue(struct apply *a, size_t i)
{
	struct queue *q = a->selection.queues.list[i];
	struct message *dummy = arena_zalloc(&a->run->arena, sizeof *dummy);
	struct filter **list = calloc(a->count + 1, sizeof *list);
	const struct filter_target target = {.needs = q->backend->needs,
					     .lacks = q->backend->lacks,
					     .cost = q->backend->cost,
					     .dummy = dummy,
					     .queue_name = q->name};
	struct error err = ERROR_INIT;
	bool ok = true;
	size_t failed;

	if (!dummy || !list)
		abort();
	dummy->queue = q;
	a->selection.per_queue[i].queue = q;
	for (size_t k = 0; k < a->count; k++)
		if (is_for(a->rules[k], q)) {
			list[k] = a->rules[k]->filter;
			a->used[i] = true;
			ok &= check_rule(a, a->rules[k], &target, q);
		}
	if (ok && a->used[i]) {
		a->selection.per_queue[i].filter =
		    filter_bind_chain(&a->run->arena, list, a->count, &target, &failed, &err);
		ok = a->selection.per_queue[i].filter != NULL;
		if (!ok)
			run_error(a->run, &err);
	}
	free(list);
	return ok;
}

static bool bind_all(struct apply *a)
{
	size_t queues = a->selection.queues.count;
	bool ok = true;

	a->selection.per_queue =
	    arena_zalloc(&a->run->arena, (queues + 1) * sizeof *a->selection.per_queue);
	a->used = arena_zalloc(&a->run->arena, queues + 1);
	a->mended = arena_zalloc(&a->run->arena, queues + 1);
	if (!a->selection.per_queue || !a->used || !a->mended)
		abort();
	for (size_t i = 0; i < queues; i++)
		ok &= bind_queue(a, i);
	for (size_t k = 0; ok && k < a->count; k++)
		tell_if_nowhere(a, a->rules[k]);
	return ok;
}

/* ---- planning ---- */

static void limit_rule(struct apply *a, size_t rule)
{
	const struct option_number *limit = &a->rules[rule]->limit;
	uint64_t left = (uint64_t)limit->value;

	for (size_t i = 0; limit->given && i < a->selection.queues.count; i++) {
		struct plan *p = plan_of(a, i, rule);

		if (p->count > left)
			plan_limit(p, (size_t)left);
		left -= p->count;
	}
}

static bool plan_all(struct apply *a)
{
	struct plan_link *links = calloc(a->count + 1, sizeof *links);
	bool more = true;

	a->plans = calloc(a->selection.queues.count * a->count + 1, sizeof *a->plans);
	if (!links || !a->plans)
		abort();
	for (size_t k = 0; k < a->count; k++)
		links[k] =
		    (struct plan_link){.op = a->rules[k]->op,
				       .keep = a->rules[k]->keep,
				       .named = filter_names(a->rules[k]->filter, FIELD_STATE)};
	for (size_t i = 0; more && i < a->selection.queues.count; i++) {
		struct select_totals totals = {0};

		for (size_t k = 0; k < a->count; k++)
			plan_init(plan_of(a, i, k), a->selection.queues.list[i], links[k].op, NULL);
		/* without a rule there is no filter, which would select all */
		if (a->used[i])
			more = plan_make_chain(&a->selection, i, links, a->count, plan_of(a, i, 0),
					       &totals);
		a->errors += totals.errors;
	}
	for (size_t k = 0; k < a->count; k++)
		limit_rule(a, k);
	free(links);
	return more;
}

/* What an MTA refuses for good, as a target that is none, ends the run before anything is touched;
 * what may be otherwise later is the rule's own trouble. */
static bool refused(struct apply *a, size_t queue, size_t rule)
{
	const struct rule *r = a->rules[rule];
	const struct plan *p = plan_of(a, queue, rule);
	struct sys_locks locks;
	struct loader loader = {.locks = &locks, .now = a->run->now};
	struct action action = {.queue = p->queue,
				.op = r->op,
				.args = &r->args,
				.loader = &loader,
				.now = a->run->now,
				.dry_run = true,
				.trash_fd = -1,
				.run_id = "none"};
	struct error err = ERROR_INIT;

	if (!p->count)
		return false;
	sys_locks_init(&locks);
	p->queue->backend->actions->run_begin(&action, &err);
	if (action.own)
		p->queue->backend->actions->run_end(&action);
	sys_locks_free(&locks);
	if (err.code == ERROR_USAGE)
		wrong(a, r, STATUS_USAGE, err.text);
	return err.code == ERROR_USAGE;
}

static bool any_refused(struct apply *a)
{
	bool any = false;

	for (size_t k = 0; k < a->count; k++)
		for (size_t i = 0; i < a->selection.queues.count; i++)
			any |= refused(a, i, k);
	return any;
}

/* ---- acting ---- */

static void tell_kept(struct apply *a, size_t rule)
{
	uint64_t n = 0;

	for (size_t i = 0; i < a->selection.queues.count; i++)
		n += plan_of(a, i, rule)->matched;
	run_note(a->run, "rule %s: %" PRIu64 " message%s matched%s", a->rules[rule]->name, n,
		 n == 1 ? "" : "s", n ? ": kept" : "");
}

static void carry_out(struct apply *a, size_t rule)
{
	const struct rule *r = a->rules[rule];
	const struct action_request request = {.op = r->op,
					       .args = r->args,
					       .dry_run = a->options->dry_run,
					       .max = r->max,
					       .no_syslog = a->options->no_syslog,
					       .rule = r->name,
					       .nth = (unsigned)rule + 1,
					       .quiet_when_busy = true};
	size_t queues = a->selection.queues.count;
	struct plan *mine = calloc(queues + 1, sizeof *mine);
	struct action_counts counts = {0};

	if (!mine)
		abort();
	for (size_t i = 0; i < queues; i++) {
		mine[i] = *plan_of(a, i, rule);
		mine[i].args = &request.args;
		mine[i].mended = a->mended[i] || !a->used[i];
		*plan_of(a, i, rule) = (struct plan){0};
	}
	action_run_plans(a->run, mine, queues, &request, &counts);
	for (size_t i = 0; i < queues; i++)
		a->mended[i] |= mine[i].mended;
	free(mine);
}

static void act(struct apply *a)
{
	for (size_t k = 0; k < a->count && !a->run->out_lost && a->run->status != STATUS_IO; k++)
		if (a->rules[k]->keep)
			tell_kept(a, k);
		else
			carry_out(a, k);
	if (a->errors)
		run_note(a->run, "%" PRIu64 " message%s could not be read", a->errors,
			 a->errors == 1 ? "" : "s");
}

static void plan_and_act(struct apply *a)
{
	if (plan_all(a) && !any_refused(a))
		act(a);
	for (size_t i = 0; i < a->selection.queues.count * a->count; i++)
		plan_free(&a->plans[i]);
	free(a->plans);
}

/* ---- the whole ---- */

static void apply_to_queues(struct apply *a)
{
	int lock = -1;

	if (queues_open(a->run, &a->selection.queues) && bind_all(a) &&
	    (a->options->dry_run || apply_lock(a->run, &lock)))
		plan_and_act(a);
	apply_unlock(lock);
	queues_close(&a->selection.queues);
}

void apply_rules(struct run *run, const struct rules *rules, const struct apply_options *o)
{
	struct apply a = {.run = run, .options = o, .selection = {.run = run}};

	choose_rules(&a, rules);
	if (o->check)
		run_note(run, "%zu rule%s, %zu of them past its time", rules->count,
			 rules->count == 1 ? "" : "s", rules->count - a.count);
	else if (a.count)
		apply_to_queues(&a);
	free(a.rules);
}
