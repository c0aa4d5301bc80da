/* Collecting what an action is about: see plan.h. */
#include "plan.h"

#include <stdlib.h>

/* How messages are collected that one filter of a chain took. */
struct link {
	struct plan *plan;
	const unsigned char *cells; /* NULL: whatever the state, the backend decides */
	bool keep, named;
	bool returns; /* the message will be returned to its sender */
};

struct collector {
	struct link *links;
	size_t count;
};

/* Per link in chunk->data. */
struct chunk_counts {
	uint64_t kept, not_applicable, null_senders;
};

/* In chunk->out, the bytes of the id after it. */
struct record {
	size_t link;
	struct plan_item item;
};

/* A state that cannot be told is not passed over here: the message is in error when it is taken. */
static bool applies(const struct link *l, enum message_state state)
{
	if (!l->cells)
		return true;
	switch ((enum cell)l->cells[state]) {
	case CELL_NA:
		return state == STATE_UNKNOWN;
	case CELL_NAMED:
		return l->named;
	default:
		return true;
	}
}

static void collect(void *ctx, struct select_chunk *chunk, const struct field_context *fc)
{
	const struct collector *c = ctx;
	const struct link *l = &c->links[chunk->link];
	const struct message *m = fc->message;
	struct chunk_counts *counts = (struct chunk_counts *)chunk->data + chunk->link;
	struct record record = {
	    .link = chunk->link,
	    .item = {.entry = m->entry, .identity = m->identity, .named = l->named}};
	struct slice id;

	if (l->keep) {
		counts->kept++;
		return;
	}
	if (!applies(l, m->state)) {
		counts->not_applicable++;
		return;
	}
	record.item.null_sender = l->returns && m->bounce && !m->double_bounce;
	counts->null_senders += record.item.null_sender;
	id = m->queue->backend->script_id ? m->queue->backend->script_id(fc->arena, m) : m->id;
	record.item.id.n = id.n;
	buf_add(&chunk->out, slice_of((const char *)&record, sizeof record));
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

static void add_counts(struct collector *c, const struct chunk_counts *counts)
{
	for (size_t k = 0; k < c->count; k++) {
		struct plan *p = c->links[k].plan;

		if (!p)
			continue;
		p->matched += counts[k].kept + counts[k].not_applicable;
		p->not_applicable += counts[k].not_applicable;
		p->null_senders += counts[k].null_senders;
	}
}

static bool collect_chunk(void *ctx, struct select_chunk *chunk)
{
	struct collector *c = ctx;
	struct slice rest = buf_slice(&chunk->out);

	run_err(buf_slice(&chunk->err));
	add_counts(c, chunk->data);
	while (rest.n) {
		struct record record;
		struct plan *p;

		memcpy(&record, rest.p, sizeof record);
		rest = slice_skip(rest, sizeof record);
		record.item.id = slice_take(rest, record.item.id.n);
		rest = slice_skip(rest, record.item.id.n);
		p = c->links[record.link].plan;
		plan_add(p, record.item);
		p->matched++;
	}
	return true;
}

/* What must be loaded of a message that this link takes. */
static parts_t link_parts(const struct link *l, const parts_t *needs)
{
	if (l->keep)
		return 0;
	return (parts_t)(needs[FIELD_STATE] | PART_STAT | PART_DATA |
			 (l->returns ? needs[FIELD_BOUNCE] : 0));
}

static struct link make_link(const struct queue *q, const struct plan_link *from, struct plan *p)
{
	enum op op = from->op;

	return (struct link){
	    .plan = p,
	    .cells = from->keep || op == OP_UNDO ? NULL : q->backend->actions->ops[op].cells,
	    .keep = from->keep,
	    .named = from->named,
	    .returns = op == OP_EXPIRE || op == OP_BOUNCE};
}

static bool can_take(const struct filter *f, size_t link)
{
	return !f || filter_link_constant(f, link) != VERDICT_NO;
}

bool plan_make_chain(const struct selection *s, size_t i, const struct plan_link *links,
		     size_t count, struct plan *plans, struct select_totals *totals)
{
	const struct queue *q = s->queues.list[i];
	struct collector c = {.links = calloc(count, sizeof *c.links), .count = count};
	parts_t *parts = calloc(count, sizeof *parts);
	struct select_request request = {.link_parts = parts,
					 .chunk_data = count * sizeof(struct chunk_counts),
					 .ctx = &c,
					 .each = collect,
					 .chunk = collect_chunk};
	bool more;

	if (!c.links || !parts)
		abort();
	for (size_t k = 0; k < count; k++) {
		plan_init(&plans[k], q, links[k].op, NULL);
		plans[k].filter = s->per_queue[i].filter;
		plans[k].link = k;
		if (!can_take(plans[k].filter, k))
			continue;
		c.links[k] = make_link(q, &links[k], &plans[k]);
		parts[k] = link_parts(&c.links[k], q->backend->needs);
	}
	more = selection_run(s, i, &request, totals);
	for (size_t k = 0; k < count; k++)
		plans[k].scanned = c.links[k].plan ? totals->scanned : 0;
	free(c.links);
	free(parts);
	return more;
}

bool plan_make(const struct selection *s, size_t i, enum op op, struct plan *out)
{
	const struct plan_link link = {.op = op,
				       .named = s->ids_given || selection_names(s, FIELD_STATE)};
	struct select_totals totals;
	bool more = plan_make_chain(s, i, &link, 1, out, &totals);

	out->errors = totals.errors;
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
	for (size_t i = n; i < p->count; i++)
		p->null_senders -= p->items[i].null_sender;
	p->count = n;
}
