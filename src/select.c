/*
 * Chunks of names through a pool of threads: see select.h.
 *
 * A ring of slots, 2 * jobs + 2 of them. The caller's thread scans and fills free slots; when none
 * is free it works on one like the others. A slot that is done waits until all before it are handed
 * over; whoever finishes the oldest hands over all that follow it without a gap.
 */
#include "select.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "worker.h"

enum slot_state { SLOT_FREE, SLOT_FILLING, SLOT_FULL, SLOT_BUSY, SLOT_DONE };

struct slot {
	enum slot_state state;
	struct arena names;
	struct message_entry entries[LIMIT_CHUNK_ENTRIES];
	size_t count, first; /* first: index in request->entries */
	struct select_chunk chunk;
};

struct pool {
	const struct select_request *request;
	struct select_totals *totals;
	struct slot *slots;
	unsigned long window; /* slots */
	unsigned long filled; /* serial of the next slot to fill */
	unsigned long taken;  /* serial of the next slot to work on */
	unsigned long head;   /* serial of the oldest slot not handed over */
	bool handing;	      /* somebody is inside request->chunk() */
	bool scanned_all;     /* no more slots will be filled */
	atomic_bool stop; /* chunk() said so, or an error ended the run; written with the mutex */
	struct error *err;
	pthread_mutex_t mutex;
	pthread_cond_t changed;

	struct scan *scan; /* NULL: request->entries */
	size_t next_entry;
};

static struct slot *slot_of(struct pool *p, unsigned long serial)
{
	return &p->slots[serial % p->window];
}

/* ---- handing over, in order ---- */

static void add_totals(struct pool *p, struct select_chunk *c)
{
	p->totals->scanned += c->scanned;
	p->totals->errors += c->errors;
	p->totals->gone += c->gone;
	c->scanned = c->errors = c->gone = 0;
}

/* Called without the mutex, by the one thread that has `handing`. */
static bool hand_over(struct pool *p, struct select_chunk *c)
{
	const struct select_request *r = p->request;
	bool more;

	add_totals(p, c);
	p->totals->selected += c->selected;
	more = r->chunk(r->ctx, c);
	buf_clear(&c->out);
	buf_clear(&c->err);
	c->selected = 0;
	if (c->data)
		memset(c->data, 0, r->chunk_data);
	if (r->progress)
		r->progress(r->ctx, p->totals->scanned);
	return more;
}

static void stop_run(struct pool *p)
{
	p->stop = true;
	pthread_cond_broadcast(&p->changed);
}

/* Hand over the oldest slot and those done after it. Mutex held; given up meanwhile. */
static void drain(struct pool *p)
{
	while (!p->handing && !p->stop && p->head < p->filled &&
	       slot_of(p, p->head)->state == SLOT_DONE) {
		struct slot *s = slot_of(p, p->head);
		bool more;

		p->handing = true;
		pthread_mutex_unlock(&p->mutex);
		more = hand_over(p, &s->chunk);
		pthread_mutex_lock(&p->mutex);
		p->handing = false;
		s->state = SLOT_FREE;
		p->head++;
		if (!more) {
			p->totals->stopped = true;
			p->stop = true;
		}
		pthread_cond_broadcast(&p->changed);
	}
}

/* A slot's output grew large: wait until it is the oldest and hand over what there is. False: stop
 * working. */
static bool hand_over_piece(struct pool *p, unsigned long serial)
{
	struct slot *s = slot_of(p, serial);
	bool more;

	pthread_mutex_lock(&p->mutex);
	drain(p);
	while (!p->stop && (p->head != serial || p->handing))
		pthread_cond_wait(&p->changed, &p->mutex);
	if (p->stop) {
		pthread_mutex_unlock(&p->mutex);
		return false;
	}
	p->handing = true;
	pthread_mutex_unlock(&p->mutex);
	more = hand_over(p, &s->chunk);
	pthread_mutex_lock(&p->mutex);
	p->handing = false;
	if (!more) {
		p->totals->stopped = true;
		stop_run(p);
	}
	pthread_mutex_unlock(&p->mutex);
	return more;
}

/* ---- working on a slot ---- */

static bool output_is_large(const struct select_chunk *c)
{
	return c->out.n + c->err.n > LIMIT_CHUNK_OUTPUT;
}

static const char *runaway_pattern(const struct pool *p)
{
	return p->request->filter ? filter_runaway(p->request->filter) : NULL;
}

/* Nothing more is wanted: the rest of a chunk need not be read. */
static bool ended(struct pool *p, const struct select_chunk *c)
{
	return atomic_load_explicit(&p->stop, memory_order_relaxed) ||
	       (c->errors && runaway_pattern(p));
}

static bool is_known(const struct select_request *r, struct slot *s, size_t i)
{
	if (!r->entries || !r->known || !r->known(r->ctx, &s->chunk, s->first + i))
		return false;
	s->chunk.end[s->chunk.selected++] = s->chunk.out.n;
	return true;
}

static void work_on(struct pool *p, struct worker *w, unsigned long serial)
{
	struct slot *s = slot_of(p, serial);

	worker_begin_chunk(w);
	for (size_t i = 0; i < s->count && !ended(p, &s->chunk); i++) {
		s->chunk.scanned++;
		if (!is_known(p->request, s, i))
			worker_message(w, &s->entries[i], &s->chunk);
		if (output_is_large(&s->chunk) && !hand_over_piece(p, serial))
			return;
	}
}

/* Take the oldest full slot, work on it, hand over what can be. Mutex held. False: there is none.
 */
static bool work_once(struct pool *p, struct worker *w)
{
	unsigned long serial = p->taken;
	const char *runaway;

	if (p->stop || serial >= p->filled || slot_of(p, serial)->state != SLOT_FULL)
		return false;
	p->taken++;
	slot_of(p, serial)->state = SLOT_BUSY;
	pthread_mutex_unlock(&p->mutex);
	work_on(p, w, serial);
	runaway = runaway_pattern(p);
	pthread_mutex_lock(&p->mutex);
	slot_of(p, serial)->state = SLOT_DONE;
	drain(p);
	if (runaway && !p->stop) {
		error_set(
		    p->err, ERROR_USAGE,
		    "the pattern %s gave up on %u messages: write it so that it backtracks less",
		    runaway, LIMIT_REGEX_ERRORS);
		if (p->err)
			p->err->scope = SCOPE_RUN;
		stop_run(p);
	}
	return true;
}

static bool all_handed_over(const struct pool *p)
{
	return p->stop || (p->scanned_all && p->head == p->filled);
}

static void *worker_main(void *arg)
{
	struct worker *w = arg;
	struct pool *p = w->owner;

	pthread_mutex_lock(&p->mutex);
	while (!all_handed_over(p))
		if (!work_once(p, w))
			pthread_cond_wait(&p->changed, &p->mutex);
	pthread_mutex_unlock(&p->mutex);
	return NULL;
}

/* ---- filling slots ---- */

static int scan_failed(struct pool *p, struct slot *s, const struct error *err)
{
	if (err->scope != SCOPE_RUN) {
		select_report(&s->chunk, p->request->program, err);
		return 1;
	}
	pthread_mutex_lock(&p->mutex);
	if (p->err->code == ERROR_NONE)
		*p->err = *err;
	pthread_mutex_unlock(&p->mutex);
	return -1;
}

/* The next entry: 1 (or something was told), 0 at the end, -1 when the scan cannot go on (p->err
 * set). */
static int next_entry(struct pool *p, struct slot *s)
{
	const struct select_request *r = p->request;
	struct error err = ERROR_INIT;
	int got;

	if (!p->scan) {
		if (p->next_entry == r->entry_count)
			return 0;
		s->entries[s->count++] = r->entries[p->next_entry++];
		return 1;
	}
	got = r->queue->backend->scan_next(p->scan, &s->names, &s->entries[s->count], &err);
	if (got > 0)
		s->count++;
	if (got >= 0)
		return got;
	return scan_failed(p, s, &err);
}

static bool fill(struct pool *p, struct slot *s)
{
	int got = 1;

	arena_reset(&s->names);
	s->count = 0;
	s->first = p->next_entry;
	while (got > 0 && s->count < LIMIT_CHUNK_ENTRIES && !output_is_large(&s->chunk))
		got = next_entry(p, s);
	return got > 0;
}

static bool slot_is_free(struct pool *p)
{
	return p->filled < p->head + p->window && slot_of(p, p->filled)->state == SLOT_FREE;
}

/* The caller's thread: scan while there is room, else work. */
static void run_main(struct pool *p, struct worker *w)
{
	pthread_mutex_lock(&p->mutex);
	while (!all_handed_over(p)) {
		if (!p->scanned_all && slot_is_free(p)) {
			struct slot *s = slot_of(p, p->filled);
			bool more;

			s->state = SLOT_FILLING;
			pthread_mutex_unlock(&p->mutex);
			more = fill(p, s);
			pthread_mutex_lock(&p->mutex);
			s->state = SLOT_FULL;
			p->filled++;
			p->scanned_all = !more;
			pthread_cond_broadcast(&p->changed);
		} else if (!work_once(p, w)) {
			pthread_cond_wait(&p->changed, &p->mutex);
		}
	}
	pthread_mutex_unlock(&p->mutex);
}

/* ---- setting up ---- */

static bool pool_init(struct pool *p)
{
	const struct select_request *r = p->request;

	p->window = r->jobs == 1 ? 1 : 2ul * r->jobs + 2;
	p->slots = calloc(p->window, sizeof *p->slots);
	if (!p->slots)
		return false;
	for (unsigned long i = 0; i < p->window; i++) {
		arena_init(&p->slots[i].names, 0);
		buf_init(&p->slots[i].chunk.out);
		buf_init(&p->slots[i].chunk.err);
		if (r->chunk_data && !(p->slots[i].chunk.data = calloc(1, r->chunk_data)))
			return false;
	}
	return true;
}

static void pool_free(struct pool *p)
{
	for (unsigned long i = 0; p->slots && i < p->window; i++) {
		arena_free(&p->slots[i].names);
		buf_free(&p->slots[i].chunk.out);
		buf_free(&p->slots[i].chunk.err);
		free(p->slots[i].chunk.data);
	}
	free(p->slots);
	if (p->scan)
		p->request->queue->backend->scan_end(p->scan);
	pthread_mutex_destroy(&p->mutex);
	pthread_cond_destroy(&p->changed);
}

/* Threads that cannot be had are done without: the caller's own is enough. */
static void run_threads(struct pool *p, struct worker *workers)
{
	unsigned started = 0, n = p->request->jobs - 1;
	pthread_t *threads = calloc(n ? n : 1, sizeof *threads);

	while (threads && started < n &&
	       pthread_create(&threads[started], NULL, worker_main, &workers[started + 1]) == 0)
		started++;
	run_main(p, &workers[0]);
	for (unsigned i = 0; i < started; i++)
		pthread_join(threads[i], NULL);
	free(threads);
}

static int run_pool(struct pool *p)
{
	const struct select_request *r = p->request;
	struct worker *workers = calloc(r->jobs, sizeof *workers);
	unsigned ready = 0;

	if (!workers || !pool_init(p)) {
		free(workers);
		return error_set(p->err, ERROR_NOMEM, "out of memory");
	}
	while (ready < r->jobs && worker_init(&workers[ready], r, p) == 0)
		ready++;
	if (ready == r->jobs)
		run_threads(p, workers);
	else
		error_set(p->err, ERROR_NOMEM, "out of memory");
	for (unsigned i = 0; i < ready; i++)
		worker_free(&workers[i]);
	free(workers);
	return p->err->code == ERROR_NONE ? 0 : -1;
}

int select_run(const struct select_request *r, struct select_totals *totals, struct error *err)
{
	struct error local = ERROR_INIT;
	struct pool p = {.request = r, .totals = totals, .err = err ? err : &local};
	int result;

	*totals = (struct select_totals){0};
	if (!r->entries) {
		p.scan = r->queue->backend->scan_begin(r->queue, p.err);
		if (!p.scan)
			return -1;
	}
	pthread_mutex_init(&p.mutex, NULL);
	pthread_cond_init(&p.changed, NULL);
	result = run_pool(&p);
	pool_free(&p);
	return result;
}

int select_find(const struct queue *q, struct slice id, struct arena *names,
		struct message_entry *out, int room, struct error *err)
{
	return q->backend->find(q, id, names, out, room, err);
}

struct first_path {
	struct arena *names;
	struct slice path;
};

static void keep_first(void *ctx, const char *role, const char *path)
{
	struct first_path *f = ctx;

	(void)role;
	if (!f->path.p)
		f->path = arena_copy(f->names, slice_from(path));
}

struct slice select_path(const struct message_entry *e, struct arena *names)
{
	const struct backend *b = e->unit->queue->backend;
	struct first_path f = {.names = names};
	struct arena arena;
	struct message m;

	arena_init(&arena, LIMIT_MESSAGE_BYTES);
	b->begin(e->unit->queue, e, &arena, &m);
	b->files(&m, keep_first, &f);
	arena_free(&arena);
	return f.path;
}

enum message_state select_state(const struct queue *q, const struct message_entry *e, int64_t now)
{
	struct sys_locks locks;
	struct arena arena;
	struct loader loader = {.arena = &arena, .locks = &locks, .now = now};
	struct message m;

	arena_init(&arena, LIMIT_MESSAGE_BYTES);
	sys_locks_init(&locks);
	q->backend->begin(q, e, &arena, &m);
	if (!m.state_known)
		q->backend->load(&loader, &m, q->backend->needs[FIELD_STATE]);
	sys_locks_free(&locks);
	arena_free(&arena);
	return m.gone ? STATE_UNKNOWN : m.state;
}
