/* Any queue with faults put in: see backend_fault.h. */
#include "contract/backend_fault.h"

#include <stdatomic.h>
#include <stdlib.h>

enum { FAULTS = 8 };

struct fault_queue {
	struct queue base;
	struct backend table; /* the inner one's facts, our functions */
	struct queue *inner;
	struct fault faults[FAULTS];
	size_t fault_count;
	atomic_ulong calls[FAULT_SLOTS];
};

struct scan {
	struct fault_queue *q;
	struct scan *inner;
};

static struct fault_queue *fault_queue(const struct queue *q)
{
	return (struct fault_queue *)(void *)(uintptr_t)q;
}

/* Count this call; the fault that it meets, or NULL. */
static const struct fault *meet(struct fault_queue *q, enum fault_slot slot)
{
	unsigned long call = atomic_fetch_add(&q->calls[slot], 1) + 1;

	for (size_t i = 0; i < q->fault_count; i++) {
		const struct fault *f = &q->faults[i];

		if (f->slot == slot && call >= f->at && (!f->times || call < f->at + f->times))
			return f;
	}
	return NULL;
}

/* Count this call: -1 with the error when it is to fail. */
static int fails(struct fault_queue *q, enum fault_slot slot, struct error *err)
{
	const struct fault *f = meet(q, slot);

	if (!f)
		return 0;
	if (err)
		*err = f->err;
	return -1;
}

/* ---- the operations that can fail ---- */

static struct scan *fault_scan_begin(const struct queue *base, struct error *err)
{
	struct fault_queue *q = fault_queue(base);
	struct scan *s = fails(q, FAULT_SCAN_BEGIN, err) < 0 ? NULL : calloc(1, sizeof *s);

	if (!s)
		return NULL;
	s->q = q;
	s->inner = q->inner->backend->scan_begin(q->inner, err);
	if (s->inner)
		return s;
	free(s);
	return NULL;
}

static int fault_scan_next(struct scan *s, struct arena *names, struct message_entry *out,
			   struct error *err)
{
	if (fails(s->q, FAULT_SCAN_NEXT, err) < 0)
		return -1;
	return s->q->inner->backend->scan_next(s->inner, names, out, err);
}

static void fault_scan_end(struct scan *s)
{
	s->q->inner->backend->scan_end(s->inner);
	free(s);
}

static int fault_find(const struct queue *base, struct slice id, struct arena *names,
		      struct message_entry *out, int room, struct error *err)
{
	struct fault_queue *q = fault_queue(base);

	if (fails(q, FAULT_FIND, err) < 0)
		return -1;
	return q->inner->backend->find(q->inner, id, names, out, room, err);
}

static void fault_begin(const struct queue *base, const struct message_entry *e,
			struct arena *arena, struct message *m)
{
	struct fault_queue *q = fault_queue(base);

	q->inner->backend->begin(q->inner, e, arena, m);
	m->queue = base;
}

static void fail_parts(struct message *m, parts_t parts, const struct error *err)
{
	struct error *copy = arena_alloc(m->arena, sizeof *copy);

	if (copy)
		*copy = *err;
	for (int i = 0; i < PART_COUNT; i++)
		if (parts & PART(i))
			m->why[i] = copy ? copy : err;
	m->have |= parts;
	m->failed |= parts;
}

static void fault_load(struct loader *l, struct message *m, parts_t want)
{
	struct fault_queue *q = fault_queue(m->queue);
	const struct fault *f = meet(q, FAULT_LOAD);

	if (f && f->vanish) {
		m->gone = true;
	} else if (f) {
		fail_parts(m, (parts_t)(want & ~m->have), &f->err);
	} else {
		m->queue = q->inner;
		q->inner->backend->load(l, m, want);
		m->queue = &q->base;
	}
}

static int fault_open_data(const struct message *m, bool *whole, struct error *err)
{
	struct fault_queue *q = fault_queue(m->queue);
	struct message inner = *m;

	inner.queue = q->inner;
	if (fails(q, FAULT_OPEN_DATA, err) < 0)
		return -1;
	return q->inner->backend->open_data(&inner, whole, err);
}

/* ---- those that only pass on ---- */

static void fault_describe(const struct queue *q, describe_fn *fn, void *ctx)
{
	const struct queue *inner = fault_queue(q)->inner;

	inner->backend->describe(inner, fn, ctx);
}

static struct unit_list fault_units(const struct queue *q)
{
	const struct queue *inner = fault_queue(q)->inner;

	return inner->backend->units(inner);
}

static void fault_lister_lines(const struct message *m, lister_line_fn *fn, void *ctx)
{
	struct message inner = *m;

	inner.queue = fault_queue(m->queue)->inner;
	inner.queue->backend->lister_lines(&inner, fn, ctx);
}

static void fault_lister_facts(const struct queue *q, struct lister_facts *out)
{
	const struct queue *inner = fault_queue(q)->inner;

	inner->backend->lister_facts(inner, out);
}

static struct slice fault_script_id(struct arena *a, const struct message *m)
{
	struct message inner = *m;

	inner.queue = fault_queue(m->queue)->inner;
	return inner.queue->backend->script_id(a, &inner);
}

static void fault_files(const struct message *m,
			void (*fn)(void *ctx, const char *role, const char *path), void *ctx)
{
	struct message inner = *m;

	inner.queue = fault_queue(m->queue)->inner;
	inner.queue->backend->files(&inner, fn, ctx);
}

/* ---- wrapping ---- */

static void use_table(struct fault_queue *q)
{
	const struct backend *inner = q->inner->backend;
	struct backend *t = &q->table;

	*t = *inner;
	t->close = fault_unwrap;
	t->describe = fault_describe;
	t->units = fault_units;
	t->scan_begin = fault_scan_begin;
	t->scan_next = fault_scan_next;
	t->scan_end = fault_scan_end;
	t->find = fault_find;
	t->begin = fault_begin;
	t->load = fault_load;
	t->lister_lines = inner->lister_lines ? fault_lister_lines : NULL;
	t->lister_facts = inner->lister_facts ? fault_lister_facts : NULL;
	t->script_id = inner->script_id ? fault_script_id : NULL;
	t->files = fault_files;
	t->open_data = fault_open_data;
}

struct queue *fault_wrap(struct queue *inner, const struct fault *faults, size_t count)
{
	struct fault_queue *q = calloc(1, sizeof *q);

	if (!q || count > FAULTS) {
		free(q);
		return NULL;
	}
	q->inner = inner;
	q->base = *inner;
	q->base.backend = &q->table;
	use_table(q);
	for (size_t i = 0; i < count; i++)
		q->faults[i] = faults[i];
	q->fault_count = count;
	return &q->base;
}

void fault_unwrap(struct queue *q)
{
	free(fault_queue(q));
}

unsigned long fault_calls(const struct queue *q, enum fault_slot slot)
{
	return atomic_load(&fault_queue(q)->calls[slot]);
}
