/* Selectors, ids, queues: see selection.h. */
#include "selection.h"

#include "ids.h"
#include "logindex.h"

#include <stdlib.h>

/* ---- expressions ---- */

struct parts_list {
	struct filter *list[64];
	size_t count;
};

static bool push(struct run *run, struct parts_list *p, struct filter *f, const char *text,
		 const struct error *err)
{
	if (!f) {
		run_expression_error(run, slice_from(text), err);
		return false;
	}
	if (p->count == sizeof p->list / sizeof p->list[0]) {
		filter_free(f);
		run_fail(run, STATUS_USAGE, "too many selectors");
		return false;
	}
	p->list[p->count++] = f;
	return true;
}

static bool push_expressions(struct run *run, struct parts_list *p)
{
	for (size_t i = 0; i < run->selectors.expressions.count; i++) {
		const char *text = run->selectors.expressions.list[i];
		struct error err = ERROR_INIT;

		if (!push(run, p, filter_parse(&run->arena, slice_from(text), run->now, &err), text,
			  &err))
			return false;
	}
	return true;
}

/* The same letter again is "or". */
static bool push_who(struct run *run, struct parts_list *p, enum field_id field,
		     const struct text_list *who)
{
	struct parts_list any = {.count = 0};
	struct error err = ERROR_INIT;
	bool ok = true;

	for (size_t i = 0; ok && i < who->count; i++) {
		err = ERROR_INIT;
		ok = push(run, &any, filter_who(&run->arena, field, slice_from(who->list[i]), &err),
			  who->list[i], &err);
	}
	if (ok && any.count)
		return push(run, p, filter_any(&run->arena, any.list, any.count), "", &err);
	for (size_t i = 0; i < any.count; i++)
		filter_free(any.list[i]);
	return ok;
}

static bool push_age(struct run *run, struct parts_list *p, bool older,
		     const struct option_number *age)
{
	struct error err = ERROR_INIT;

	return !age->given ||
	       push(run, p, filter_age(&run->arena, older, age->value, &err), "", &err);
}

static bool build_filter(struct run *run, struct filter **out)
{
	struct parts_list p = {.count = 0};
	const struct selectors *s = &run->selectors;
	bool ok = push_expressions(run, &p) && push_who(run, &p, FIELD_SENDER, &s->senders) &&
		  push_who(run, &p, FIELD_RECIPIENT, &s->recipients) &&
		  push_age(run, &p, true, &s->older) && push_age(run, &p, false, &s->younger);

	*out = NULL;
	if (ok && p.count)
		*out = filter_all(&run->arena, p.list, p.count);
	for (size_t i = 0; !ok && i < p.count; i++)
		filter_free(p.list[i]);
	return ok;
}

/* ---- binding ---- */

static bool bind_queue(struct selection *s, size_t i)
{
	struct queue *q = s->queues.list[i];
	const struct message_entry nothing = {0};
	struct message *dummy = arena_zalloc(&s->run->arena, sizeof *dummy);
	struct error err = ERROR_INIT;

	s->per_queue[i].queue = q;
	if (!s->filter)
		return true;
	dummy->queue = q;
	dummy->entry = nothing;
	s->per_queue[i].filter = filter_bind(&s->run->arena, s->filter,
					     &(struct filter_target){.needs = q->backend->needs,
								     .lacks = q->backend->lacks,
								     .cost = q->backend->cost,
								     .dummy = dummy,
								     .queue_name = q->name},
					     &err);
	if (!s->per_queue[i].filter)
		run_fail(s->run, STATUS_USAGE, "%s", err.text);
	return s->per_queue[i].filter != NULL;
}

static bool bind_all(struct selection *s)
{
	bool ok = true;

	s->per_queue = arena_zalloc(&s->run->arena, (s->queues.count + 1) * sizeof *s->per_queue);
	for (size_t i = 0; ok && i < s->queues.count; i++)
		ok = bind_queue(s, i);
	return ok;
}

bool selection_prepare(struct run *run, struct selection *out)
{
	struct filter *filter;

	*out = (struct selection){.run = run};
	return build_filter(run, &filter) && selection_prepare_with(run, filter, out);
}

bool selection_prepare_with(struct run *run, struct filter *filter, struct selection *out)
{
	*out = (struct selection){.run = run, .filter = filter};
	if (queues_open(run, &out->queues) == 0)
		return false;
	if (!bind_all(out))
		return false;
	return ids_resolve(out);
}

void selection_free(struct selection *s)
{
	for (size_t i = 0; s->per_queue && i < s->queues.count; i++) {
		free(s->per_queue[i].entries);
		free(s->per_queue[i].places);
	}
	queues_close(&s->queues);
	filter_free(s->filter);
}

bool selection_unambiguous(const struct selection *s)
{
	if (!s->ambiguous.p)
		return true;
	run_fail(s->run, STATUS_USAGE, "%" SLICE_FMT ": say which, by its file name or with -q",
		 SLICE_ARG(s->ambiguous));
	return false;
}

bool selection_names(const struct selection *s, enum field_id field)
{
	return s->filter && filter_names(s->filter, field);
}

/* ---- running ---- */

static void queue_failed(struct run *run, const struct error *err)
{
	enum status st = status_of_error(err);

	run_fail(run, st == STATUS_SOME ? STATUS_NOQUEUE : st, "%s", err->text);
}

/* A history that the log does not tell whole is no trouble of who only looks; a log that cannot be
 * read is told once. */
static void look_quietly(struct select_request *request)
{
	request->quiet_parts |= request->parts & PART_LOG;
	request->parts &= (parts_t)~PART_LOG;
}

static void tell_log_trouble(struct run *run, const struct queue *q)
{
	const struct error *err = logindex_error(q->log);

	if (err)
		run_fail(run, STATUS_SOME, "%s: %s", q->name, err->text);
}

bool selection_run(const struct selection *s, size_t i, struct select_request *request,
		   struct select_totals *totals)
{
	const struct selection_queue *sq = &s->per_queue[i];
	struct error err = ERROR_INIT;

	*totals = (struct select_totals){0};
	if (sq->filter && filter_constant(sq->filter) == VERDICT_NO)
		return true;
	request->queue = sq->queue;
	request->filter = sq->filter;
	request->entries = sq->entries;
	request->entry_count = sq->entry_count;
	request->jobs = s->run->jobs;
	request->now = s->run->now;
	request->program = s->run->program;
	if (s->ids_given && !sq->entry_count)
		return true;
	look_quietly(request);
	if (select_run(request, totals, &err) < 0)
		queue_failed(s->run, &err);
	if (totals->errors)
		s->run->status = status_worse(s->run->status, STATUS_SOME);
	tell_log_trouble(s->run, sq->queue);
	return !totals->stopped && err.scope != SCOPE_RUN && !s->run->out_lost;
}
