/* The log by message number: see logindex.h. */
#include "logindex.h"

#include "logread.h"

#include <mtaq/limits.h>

#include <pthread.h>
#include <stdlib.h>

/* A message in the queue of which the log says something. */
struct tracked {
	unsigned generation; /* of its number: counts beginnings and ends */
	unsigned gaps;	     /* how many the log had when it began */
	size_t open;	     /* deliveries of its number without a result */
	struct log_history history;
};

/* A number that is in the queue. */
struct slot {
	uint64_t number;
	struct tracked *message; /* NULL: the slot is free; &untold: nothing was said so far */
};

enum { DELIVERY_NAME = 38 };

/* An attempt without a result so far. */
struct delivery {
	char name[DELIVERY_NAME];
	uint8_t n; /* of name; 0: free */
	struct tracked *message;
	unsigned generation;
	uint32_t recipient;
};

struct logindex {
	struct log_source source;
	const struct queue *queue;
	pthread_mutex_t mutex;
	bool tried;
	struct error err;    /* of the reading */
	bool numbers_hidden; /* some of the queue could not be listed */
	struct slot *slots;  /* by hash of the number */
	size_t slot_room, slot_count;
	struct tracked untold;
	struct delivery *deliveries;
	size_t delivery_room, delivery_count;
	unsigned gaps;
};

/* ---- numbers ---- */

static size_t number_hash(uint64_t n)
{
	n *= UINT64_C(0x9e3779b97f4a7c15);
	return (size_t)(n >> 20);
}

static struct slot *slot_of(const struct logindex *x, uint64_t number)
{
	size_t mask = x->slot_room - 1, at = number_hash(number) & mask;

	while (x->slots[at].message && x->slots[at].number != number)
		at = (at + 1) & mask;
	return &x->slots[at];
}

/* NULL when it is not in the queue. */
static struct slot *find_slot(const struct logindex *x, uint64_t number)
{
	struct slot *s = x->slot_room ? slot_of(x, number) : NULL;

	return s && s->message ? s : NULL;
}

static int no_memory(struct logindex *x)
{
	return error_set(&x->err, ERROR_NOMEM, "out of memory");
}

static int grow_slots(struct logindex *x)
{
	size_t room = x->slot_room;
	struct slot *old = x->slots, *slots = calloc(room ? room * 2 : 256, sizeof *slots);

	if (!slots)
		return no_memory(x);
	x->slots = slots;
	x->slot_room = room ? room * 2 : 256;
	for (size_t i = 0; i < room; i++)
		if (old[i].message)
			*slot_of(x, old[i].number) = old[i];
	free(old);
	return 0;
}

static int add_number(struct logindex *x, uint64_t number)
{
	struct slot *s;

	if (x->slot_count * 2 >= x->slot_room && grow_slots(x) < 0)
		return -1;
	s = slot_of(x, number);
	x->slot_count += !s->message;
	*s = (struct slot){number, &x->untold};
	return 0;
}

/* The message of a slot, now that something is said of it. */
static struct tracked *tracked(struct logindex *x, struct slot *s)
{
	if (s->message == &x->untold) {
		struct tracked *t = calloc(1, sizeof *t);

		if (!t) {
			no_memory(x);
			return NULL;
		}
		s->message = t;
	}
	return s->message;
}

/* What the queue holds now. */
static int list_numbers(struct logindex *x)
{
	const struct backend *b = x->queue->backend;
	struct error err = ERROR_INIT;
	struct scan *s = b->scan_begin(x->queue, &x->err);
	struct message_entry e;
	struct arena names;
	int got = 1;

	if (!s)
		return -1;
	arena_init(&names, 0);
	while (got != 0 && x->err.code == ERROR_NONE) {
		err = ERROR_INIT;
		got = b->scan_next(s, &names, &e, &err);
		if (got > 0)
			add_number(x, e.number);
		else if (got < 0 && err.scope == SCOPE_RUN)
			x->err = err;
		else if (got < 0 && err.scope == SCOPE_QUEUE)
			x->numbers_hidden = true;
		arena_reset(&names);
	}
	arena_free(&names);
	b->scan_end(s);
	return x->err.code == ERROR_NONE ? 0 : -1;
}

/* ---- deliveries ---- */

static size_t name_hash(struct slice s)
{
	uint64_t h = 1469598103934665603u;

	for (size_t i = 0; i < s.n; i++)
		h = (h ^ (unsigned char)s.p[i]) * 1099511628211u;
	return (size_t)(h >> 7);
}

static struct slice delivery_name(const struct delivery *d)
{
	return slice_of(d->name, d->n);
}

static struct delivery *delivery_slot(const struct logindex *x, struct slice name)
{
	size_t mask = x->delivery_room - 1, at = name_hash(name) & mask;

	while (x->deliveries[at].n && !slice_eq(delivery_name(&x->deliveries[at]), name))
		at = (at + 1) & mask;
	return &x->deliveries[at];
}

static struct delivery *find_delivery(const struct logindex *x, struct slice name)
{
	struct delivery *d = x->delivery_room ? delivery_slot(x, name) : NULL;

	return d && d->n ? d : NULL;
}

/* Free the slot and move up what was pushed on by it. */
static void forget_delivery(struct logindex *x, struct delivery *d)
{
	size_t mask = x->delivery_room - 1, hole = (size_t)(d - x->deliveries), at = hole;

	x->delivery_count--;
	d->message->open--;
	for (;;) {
		size_t home;

		x->deliveries[hole].n = 0;
		do {
			at = (at + 1) & mask;
			if (!x->deliveries[at].n)
				return;
			home = name_hash(delivery_name(&x->deliveries[at])) & mask;
		} while (((at - home) & mask) < ((at - hole) & mask));
		x->deliveries[hole] = x->deliveries[at];
		hole = at;
	}
}

static int grow_deliveries(struct logindex *x)
{
	size_t room = x->delivery_room;
	struct delivery *old = x->deliveries, *list = calloc(room ? room * 2 : 256, sizeof *list);

	if (!list)
		return no_memory(x);
	x->deliveries = list;
	x->delivery_room = room ? room * 2 : 256;
	for (size_t i = 0; i < room; i++)
		if (old[i].n)
			*delivery_slot(x, delivery_name(&old[i])) = old[i];
	free(old);
	return 0;
}

static int add_delivery(struct logindex *x, struct slice name, struct tracked *t,
			uint32_t recipient)
{
	struct delivery *d;

	if (!name.n || name.n > DELIVERY_NAME)
		return 0;
	if (x->delivery_count * 2 >= x->delivery_room && grow_deliveries(x) < 0)
		return -1;
	d = delivery_slot(x, name);
	x->delivery_count++;
	t->open++;
	memcpy(d->name, name.p, name.n);
	d->n = (uint8_t)name.n;
	d->message = t;
	d->generation = t->generation;
	d->recipient = recipient;
	return 0;
}

/* ---- events ---- */

static void begin_anew(struct logindex *x, struct tracked *t)
{
	log_history_clear(&t->history);
	t->generation++;
	t->gaps = x->gaps;
}

static int take_info(struct logindex *x, struct tracked *t, const struct log_event *e)
{
	t->history.has_info = true;
	t->history.size = e->size;
	t->history.qp = e->qp;
	return log_keep(&t->history.sender, e->sender) == 0 ? 0 : no_memory(x);
}

static void later(struct number *at, struct number t)
{
	if (t.known)
		*at = t;
}

/* Past LIMIT_RECIPIENTS nothing more is kept of a message, and what there is, is not the whole. */
static bool has_room(struct tracked *t, const struct log_event *e)
{
	struct log_history *h = &t->history;
	bool room = t->open < LIMIT_RECIPIENTS &&
		    (h->count < LIMIT_RECIPIENTS || log_history_find(h, e->channel, e->address));

	h->whole = h->whole && room;
	return room;
}

/* The latest start of a name wins: names begin anew when qmail-send does. */
static int take_start(struct logindex *x, const struct log_event *e, const struct log_line *l)
{
	struct slot *s = find_slot(x, e->number);
	struct delivery *d = find_delivery(x, e->delivery);
	struct log_recipient *r;
	struct tracked *t;

	if (d)
		forget_delivery(x, d);
	if (!s)
		return 0;
	t = tracked(x, s);
	if (t && !has_room(t, e))
		return 0;
	r = t ? log_history_at(&t->history, e->channel, e->address) : NULL;
	if (!r)
		return no_memory(x);
	t->history.ended = false;
	r->starts++;
	later(&r->last_start, logline_time(l));
	return add_delivery(x, e->delivery, t, (uint32_t)(r - t->history.recipients));
}

static int take_result(struct logindex *x, const struct log_event *e, const struct log_line *l)
{
	struct delivery *d = find_delivery(x, e->delivery), was;
	struct log_recipient *r;

	if (!d)
		return 0;
	was = *d;
	forget_delivery(x, d);
	if (was.generation != was.message->generation)
		return 0;
	r = &was.message->history.recipients[was.recipient];
	r->results++;
	r->outcome = e->outcome;
	later(&r->last_result, logline_time(l));
	return log_keep(&r->text, e->text) == 0 ? 0 : no_memory(x);
}

static int take_message_event(struct logindex *x, const struct log_event *e,
			      const struct log_line *l)
{
	struct slot *s = find_slot(x, e->number);
	struct tracked *t = s ? tracked(x, s) : NULL;

	if (!t)
		return s ? -1 : 0;
	if (e->kind == LOG_INFO)
		return take_info(x, t, e);
	begin_anew(x, t);
	t->history.ended = e->kind == LOG_END;
	t->history.whole = e->kind == LOG_NEW;
	t->history.began = logline_time(l);
	return 0;
}

static int take_line(void *ctx, const struct log_line *l)
{
	struct logindex *x = ctx;
	struct log_event e;

	x->queue->backend->log_parse(l->text, &e);
	switch (e.kind) {
	case LOG_OTHER:
		return 0;
	case LOG_START:
		return take_start(x, &e, l);
	case LOG_RESULT:
		return take_result(x, &e, l);
	case LOG_NEW:
	case LOG_INFO:
	case LOG_END:
		break;
	}
	return take_message_event(x, &e, l);
}

static void take_gap(void *ctx)
{
	struct logindex *x = ctx;

	x->gaps++;
}

/* ---- the whole ---- */

static void finish(struct logindex *x)
{
	for (size_t i = 0; i < x->slot_room; i++)
		if (x->slots[i].message && x->slots[i].message->gaps != x->gaps)
			x->slots[i].message->history.whole = false;
	free(x->deliveries);
	x->deliveries = NULL;
	x->delivery_room = x->delivery_count = 0;
}

static void read_log(struct logindex *x)
{
	const struct log_reader reader = {.ctx = x, .line = take_line, .gap = take_gap};

	x->tried = true;
	if (list_numbers(x) < 0)
		return;
	if (logread_run(x->queue->logs, x->queue->log_count, &reader, &x->err) == 0)
		finish(x);
}

static const struct log_history *history_of(struct logindex *x, uint64_t number, struct error *err)
{
	struct slot *s;

	if (x->err.code != ERROR_NONE) {
		error_set(err, x->err.code, "the log cannot be read: %s", x->err.text);
		return NULL;
	}
	s = find_slot(x, number);
	if (s)
		return &s->message->history;
	if (x->numbers_hidden)
		error_set(err, ERROR_CORRUPT, "the log was not read for message %llu",
			  (unsigned long long)number);
	else
		error_set(err, ERROR_BUSY, "message %llu came after the log was read",
			  (unsigned long long)number);
	return NULL;
}

static const struct log_history *history(struct log_source *s, uint64_t number, struct error *err)
{
	struct logindex *x = (struct logindex *)(void *)s;
	const struct log_history *h;

	pthread_mutex_lock(&x->mutex);
	if (!x->tried)
		read_log(x);
	h = history_of(x, number, err);
	pthread_mutex_unlock(&x->mutex);
	return h;
}

struct log_source *logindex_new(const struct queue *q)
{
	struct logindex *x = calloc(1, sizeof *x);

	if (!x)
		return NULL;
	x->source.history = history;
	x->queue = q;
	x->err = ERROR_INIT;
	pthread_mutex_init(&x->mutex, NULL);
	return &x->source;
}

void logindex_free(struct log_source *s)
{
	struct logindex *x = (struct logindex *)(void *)s;

	if (!x)
		return;
	for (size_t i = 0; i < x->slot_room; i++) {
		struct tracked *t = x->slots[i].message;

		if (!t || t == &x->untold)
			continue;
		log_history_clear(&t->history);
		free(t);
	}
	free(x->slots);
	free(x->deliveries);
	pthread_mutex_destroy(&x->mutex);
	free(x);
}

const struct error *logindex_error(const struct log_source *s)
{
	const struct logindex *x = (const struct logindex *)(const void *)s;

	return x && x->err.code != ERROR_NONE ? &x->err : NULL;
}
