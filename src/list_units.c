/*
 * Listings that go unit by unit, by priority, the number first (mailq): 56 bytes and the name per
 * message are kept, then each is read again.
 */
#include "list.h"

#include <stdlib.h>

struct ranked {
	int64_t priority;
	uint64_t serial;
	struct message_entry entry;
};

struct ranking {
	struct lister *lister;
	const struct select_request *print; /* what will print them */
	struct ranked *list;
	size_t count, room;
	struct arena names;
};

static void each_ranked(void *ctx, struct select_chunk *chunk, const struct field_context *c)
{
	struct ranked r = {.priority = output_priority(c->message), .entry = c->message->entry};

	(void)ctx;
	buf_add(&chunk->out, slice_of((const char *)&r, sizeof r));
}

static void add_ranked(struct ranking *k, struct ranked r)
{
	if (k->count == k->room) {
		k->room = k->room ? k->room * 2 : 256;
		k->list = realloc(k->list, k->room * sizeof *k->list);
		if (!k->list)
			abort();
	}
	r.serial = k->count;
	r.entry.name = arena_copy(&k->names, r.entry.name);
	k->list[k->count++] = r;
}

/* The names in the chunk live until it is handed over; now they are copied. */
static bool chunk_ranked(void *ctx, struct select_chunk *chunk)
{
	struct ranking *k = ctx;
	struct slice rest = buf_slice(&chunk->out);

	lister_err(k->lister, buf_slice(&chunk->err));
	while (rest.n) {
		struct ranked r;

		memcpy(&r, rest.p, sizeof r);
		rest = slice_skip(rest, sizeof r);
		add_ranked(k, r);
	}
	return true;
}

static void ranked_progress(void *ctx, unsigned long scanned)
{
	const struct ranking *k = ctx;

	if (k->print->progress)
		k->print->progress(k->print->ctx, scanned);
}

static int ranked_order(const void *a, const void *b)
{
	const struct ranked *x = a, *y = b;

	if (x->entry.unit->index != y->entry.unit->index)
		return x->entry.unit->index < y->entry.unit->index ? -1 : 1;
	if (x->priority != y->priority)
		return x->priority < y->priority ? -1 : 1;
	return (x->serial > y->serial) - (x->serial < y->serial);
}

void lister_put(struct lister *l, struct buf *b)
{
	run_out(l->run, buf_slice(b));
	buf_free(b);
}

static size_t of_unit(const struct ranking *k, size_t from, const struct unit *u)
{
	size_t n = 0;

	while (from + n < k->count && k->list[from + n].entry.unit == u)
		n++;
	return n;
}

static bool print_unit(struct lister *l, size_t queue, const struct select_request *print,
		       const struct unit *u, const struct ranked *list, size_t count)
{
	struct message_entry *entries = calloc(count + 1, sizeof *entries);
	struct selection_queue *sq = &l->selection.per_queue[queue], saved = *sq;
	struct select_request request = *print;
	struct select_totals totals;
	struct buf b;
	bool more = true;
	size_t shown = l->limited && l->left < count ? (size_t)l->left : count;

	if (!entries)
		abort();
	for (size_t i = 0; i < count; i++)
		entries[i] = list[i].entry;
	buf_init(&b);
	output_unit_begin(l->output, u, shown, &b);
	lister_put(l, &b);
	/* evaluated anew: what was ranked may have changed since */
	sq->entries = entries;
	sq->entry_count = count;
	if (count)
		more = selection_run(&l->selection, queue, &request, &totals);
	*sq = saved;
	buf_init(&b);
	output_unit_end(l->output, u, &b);
	lister_put(l, &b);
	free(entries);
	return more;
}

/* The parts of a selected message are reported by the second pass, which prints; what is no
 * message, or cannot be decided upon, by this one. */
static bool rank(struct lister *l, size_t queue, struct ranking *k)
{
	const parts_t *needs = l->selection.queues.list[queue]->backend->needs;
	struct select_request request = {.states = k->print->states,
					 .quiet_parts = needs[FIELD_PRIORITY],
					 .ctx = k,
					 .each = each_ranked,
					 .chunk = chunk_ranked,
					 .progress = ranked_progress};
	struct select_totals totals;

	if (request.states)
		request.quiet_parts |= needs[FIELD_STATE];
	return selection_run(&l->selection, queue, &request, &totals);
}

bool lister_units(struct lister *l, size_t queue, const struct select_request *request)
{
	const struct queue *q = l->selection.queues.list[queue];
	struct unit_list units = q->backend->units(q);
	struct ranking k = {.lister = l, .print = request};
	size_t at = 0;
	bool more;

	arena_init(&k.names, 0);
	more = rank(l, queue, &k);
	if (k.count)
		qsort(k.list, k.count, sizeof *k.list, ranked_order);
	for (size_t i = 0; more && i < units.count; i++) {
		size_t n = of_unit(&k, at, units.list[i]), shown = n;

		if (l->limited && l->left < n)
			shown = (size_t)l->left;
		more = print_unit(l, queue, request, units.list[i], n ? k.list + at : NULL, shown);
		at += n;
	}
	free(k.list);
	arena_free(&k.names);
	return more;
}
