/*
 * Listings that go unit by unit, by priority, the number first (mailq): all messages are read
 * before the first is printed. What they print is kept, up to LIMIT_LISTING_TEXT; the messages past
 * that are read again. Of each, 80 bytes and the name are kept.
 *
 * With a limit on their number most would be kept for nothing, so all are read again.
 */
#include "list.h"

#include <stdatomic.h>
#include <stdlib.h>

struct ranked {
	int64_t priority;
	uint64_t serial;
	struct message_entry entry;
	struct slice text; /* what it prints; none: not kept */
};

struct ranking {
	struct lister *lister;
	const struct select_request *print; /* what will print them */
	struct ranked *list;
	size_t count, room;
	size_t text_n;	  /* bytes of text that are kept */
	atomic_bool keep; /* text is still kept */
	struct arena names;
};

/* A record, and after it the text that it has. */
static void each_ranked(void *ctx, struct select_chunk *chunk, const struct field_context *c)
{
	const struct ranking *k = ctx;
	struct ranked r = {.priority = output_priority(c->message), .entry = c->message->entry};
	size_t start = chunk->out.n, text = start + sizeof r;

	buf_add(&chunk->out, slice_of((const char *)&r, sizeof r));
	if (!atomic_load_explicit(&k->keep, memory_order_relaxed))
		return;
	k->print->each(k->print->ctx, chunk, c);
	r.text = slice_of("", chunk->out.n - text);
	memcpy(chunk->out.p + start, &r, sizeof r);
}

/* The names and texts in the chunk live until it is handed over; now they are copied. */
static void add_ranked(struct ranking *k, struct ranked r)
{
	if (k->count == k->room) {
		k->room = k->room ? k->room * 2 : 256;
		k->list = realloc(k->list, k->room * sizeof *k->list);
		if (!k->list)
			abort();
	}
	if (r.text.p && k->text_n + r.text.n > LIMIT_LISTING_TEXT) {
		k->keep = false;
		r.text = SLICE_NONE;
	}
	if (r.text.p) {
		k->text_n += r.text.n;
		r.text = arena_copy(&k->names, r.text);
	}
	r.serial = k->count;
	r.entry.name = arena_copy(&k->names, r.entry.name);
	k->list[k->count++] = r;
}

static bool chunk_ranked(void *ctx, struct select_chunk *chunk)
{
	struct ranking *k = ctx;
	struct slice rest = buf_slice(&chunk->out);

	lister_err(k->lister, buf_slice(&chunk->err));
	while (rest.n) {
		struct ranked r;

		memcpy(&r, rest.p, sizeof r);
		rest = slice_skip(rest, sizeof r);
		if (r.text.p)
			r.text.p = rest.p;
		rest = slice_skip(rest, r.text.n);
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

/* One unit being printed. */
struct printing {
	const struct select_request *print;
	const struct ranked *list;
};

static bool printed_known(void *ctx, struct select_chunk *chunk, size_t entry)
{
	const struct printing *p = ctx;

	if (!p->list[entry].text.p)
		return false;
	buf_add(&chunk->out, p->list[entry].text);
	return true;
}

static void each_printed(void *ctx, struct select_chunk *chunk, const struct field_context *c)
{
	const struct printing *p = ctx;

	p->print->each(p->print->ctx, chunk, c);
}

static bool chunk_printed(void *ctx, struct select_chunk *chunk)
{
	const struct printing *p = ctx;

	return p->print->chunk(p->print->ctx, chunk);
}

static void printed_progress(void *ctx, unsigned long scanned)
{
	const struct printing *p = ctx;

	if (p->print->progress)
		p->print->progress(p->print->ctx, scanned);
}

/* Those that are read again are evaluated anew: what was ranked may have changed since. What cannot
 * be read of them was told when all were kept. */
static bool print_messages(struct lister *l, size_t queue, struct printing *p, bool told,
			   size_t count)
{
	struct message_entry *entries = calloc(count + 1, sizeof *entries);
	struct selection_queue *sq = &l->selection.per_queue[queue], saved = *sq;
	struct select_request request = *p->print;
	struct select_totals totals;
	bool more = true;

	if (!entries)
		abort();
	for (size_t i = 0; i < count; i++)
		entries[i] = p->list[i].entry;
	request.ctx = p;
	request.known = printed_known;
	request.each = each_printed;
	request.chunk = chunk_printed;
	request.progress = printed_progress;
	if (told) {
		request.quiet_parts |= request.parts;
		request.parts = 0;
	}
	sq->entries = entries;
	sq->entry_count = count;
	if (count)
		more = selection_run(&l->selection, queue, &request, &totals);
	*sq = saved;
	free(entries);
	return more;
}

static bool print_unit(struct lister *l, size_t queue, struct printing *p, bool told,
		       const struct unit *u, size_t count)
{
	size_t shown = l->limited && l->left < count ? (size_t)l->left : count;
	struct buf b;
	bool more;

	buf_init(&b);
	output_unit_begin(l->output, u, shown, &b);
	lister_put(l, &b);
	more = print_messages(l, queue, p, told, count);
	buf_init(&b);
	output_unit_end(l->output, u, &b);
	lister_put(l, &b);
	return more;
}

/* Where text is kept, the parts of a selected message are reported by this pass; else by the second
 * one. What is no message, or cannot be decided upon, always by this one. */
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

	if (k->keep)
		request.parts = k->print->parts;
	else if (request.states)
		request.quiet_parts |= needs[FIELD_STATE];
	return selection_run(&l->selection, queue, &request, &totals);
}

bool lister_units(struct lister *l, size_t queue, const struct select_request *request)
{
	const struct queue *q = l->selection.queues.list[queue];
	struct unit_list units = q->backend->units(q);
	struct ranking k = {.lister = l, .print = request};
	bool keep = !l->limited, more;
	size_t at = 0;

	atomic_init(&k.keep, keep);
	arena_init(&k.names, 0);
	more = rank(l, queue, &k);
	if (k.count)
		qsort(k.list, k.count, sizeof *k.list, ranked_order);
	for (size_t i = 0; more && i < units.count; i++) {
		size_t n = of_unit(&k, at, units.list[i]), shown = n;
		struct printing p = {request, k.list ? k.list + at : NULL};

		if (l->limited && l->left < n)
			shown = (size_t)l->left;
		more = print_unit(l, queue, &p, keep, units.list[i], shown);
		at += n;
	}
	free(k.list);
	arena_free(&k.names);
	return more;
}
