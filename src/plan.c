/* Collecting what an action is about: see plan.h. */
#include "plan.h"

#include <stdlib.h>

struct collector {
	struct plan *plan;
	const unsigned char *cells; /* NULL: whatever the state, the backend decides */
	bool named;
	bool returns; /* the message will be returned to its sender */
};

struct chunk_counts {
	uint64_t not_applicable, null_senders;
};

/* A state that cannot be told is not passed over here: the message is in error when it is taken. */
static bool applies(const struct collector *c, enum message_state state)
{
	if (!c->cells)
		return true;
	switch ((enum cell)c->cells[state]) {
	case CELL_NA:
		return state == STATE_UNKNOWN;
	case CELL_NAMED:
		return c->named;
	default:
		return true;
	}
}

static void collect(void *ctx, struct select_chunk *chunk, const struct field_context *fc)
{
	const struct collector *c = ctx;
	const struct message *m = fc->message;
	struct chunk_counts *counts = chunk->data;
	struct plan_item item = {.entry = m->entry, .identity = m->identity, .named = c->named};
	struct slice id;

	if (!applies(c, m->state)) {
		counts->not_applicable++;
		return;
	}
	counts->null_senders += c->returns && m->bounce && !m->double_bounce;
	id = m->queue->backend->script_id ? m->queue->backend->script_id(fc->arena, m) : m->id;
	item.id.n = id.n;
	buf_add(&chunk->out, slice_of((const char *)&item, sizeof item));
	buf_add(&chunk->out, id);
}

void plan_init(struct plan *p, const struct queue *q, enum op op, const struct action_args *args)
{
	*p = (struct plan){.queue = q, .op = op, .args = args};
	arena_init(&p->arena, 0);
}

void plan_add(struct plan *p, struct plan_item item)
{
	if (p->count == p->room) {
		p->room = p->room ? p->room * 2 : 256;
		p->items = realloc(p->items, p->room * sizeof *p->items);
		if (!p->items)
			abort();
	}
	item.entry.name = arena_copy(&p->arena, item.entry.name);
	item.id = arena_copy(&p->arena, item.id);
	p->items[p->count++] = item;
}

static bool collect_chunk(void *ctx, struct select_chunk *chunk)
{
	struct collector *c = ctx;
	const struct chunk_counts *counts = chunk->data;
	struct slice rest = buf_slice(&chunk->out);

	run_err(buf_slice(&chunk->err));
	c->plan->not_applicable += counts->not_applicable;
	c->plan->null_senders += counts->null_senders;
	while (rest.n) {
		struct plan_item item;

		memcpy(&item, rest.p, sizeof item);
		rest = slice_skip(rest, sizeof item);
		item.id = slice_take(rest, item.id.n);
		rest = slice_skip(rest, item.id.n);
		plan_add(c->plan, item);
	}
	return true;
}

bool plan_make(const struct selection *s, size_t i, enum op op, struct plan *out)
{
	const struct queue *q = s->queues.list[i];
	const parts_t *needs = q->backend->needs;
	struct collector c = {.plan = out,
			      .cells = op == OP_UNDO ? NULL : q->backend->actions->ops[op].cells,
			      .named = s->ids_given || selection_names(s, FIELD_STATE),
			      .returns = op == OP_EXPIRE || op == OP_BOUNCE};
	struct select_request request = {.chunk_data = sizeof(struct chunk_counts),
					 .ctx = &c,
					 .each = collect,
					 .chunk = collect_chunk};
	struct select_totals totals;
	bool more;

	plan_init(out, q, op, NULL);
	out->filter = s->per_queue[i].filter;
	request.parts = (parts_t)(needs[FIELD_STATE] | PART_STAT | PART_DATA);
	if (c.returns)
		request.parts |= needs[FIELD_BOUNCE];
	more = selection_run(s, i, &request, &totals);
	out->scanned = totals.scanned;
	out->errors = totals.errors;
	out->matched = out->count + out->not_applicable;
	return more;
}

void plan_free(struct plan *p)
{
	free(p->items);
	p->items = NULL;
	p->count = p->room = 0;
	arena_free(&p->arena);
}

void plan_limit(struct plan *p, size_t n)
{
	if (p->count <= n)
		return;
	p->matched -= p->count - n;
	p->count = n;
}
