/*
 * The engine over a queue in memory: whatever the threads do, the result is the same, in order and
 * counted truly.
 */
#include "contract/engine.h"
#include "unit/cmocka_all.h"

#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

enum { CHUNK = LIMIT_CHUNK_ENTRIES };

/* ---- sizes ---- */

static void test_sizes(void **state)
{
	static const size_t sizes[] = {0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK, 5 * CHUNK + 7};

	(void)state;
	for (size_t k = 0; k < sizeof sizes / sizeof sizes[0]; k++) {
		struct crowd c;
		struct queue *q;

		crowd_init(&c, sizes[k]);
		q = mem_open(NULL, c.list, c.count, 0);
		for (unsigned jobs = 1; jobs <= 8; jobs++) {
			struct engine e;

			engine_init(&e, q);
			e.request.jobs = jobs;
			engine_run(&e);
			assert_int_equal(e.result, 0);
			engine_assert_names(&e, 0, sizes[k]);
			engine_assert_totals(&e, sizes[k], sizes[k], 0, 0);
			assert_int_equal(e.log.n, 0);
			assert_false(e.totals.stopped);
			engine_free(&e);
		}
		/* one scan a run, ended; each message begun and loaded once */
		assert_int_equal(mem_calls(q, MEM_SCAN_BEGIN), 8);
		assert_int_equal(mem_calls(q, MEM_SCAN_END), 8);
		assert_int_equal(mem_calls(q, MEM_SCAN_NEXT), 8 * (sizes[k] + 1));
		assert_int_equal(mem_calls(q, MEM_BEGIN), 8 * sizes[k]);
		assert_int_equal(mem_calls(q, MEM_LOAD), 8 * sizes[k]);
		mem_close(q);
		crowd_free(&c);
	}
}

/* ---- orders of completion ---- */

struct conductor {
	struct queue *q;
	const int *order;
	pthread_mutex_t mutex;
	pthread_cond_t changed;
	unsigned done[4]; /* messages handled of each chunk */
	bool opened[4];
	bool early; /* chunk() came before all chunks up to its own were let go */
};

static void conductor_each(void *ctx, const struct message *m)
{
	struct conductor *c = ctx;

	pthread_mutex_lock(&c->mutex);
	if (++c->done[(m->entry.number - 1) / CHUNK] == CHUNK)
		pthread_cond_broadcast(&c->changed);
	pthread_mutex_unlock(&c->mutex);
}

static void conductor_chunk(void *ctx, unsigned long call)
{
	struct conductor *c = ctx;

	pthread_mutex_lock(&c->mutex);
	for (unsigned long i = 0; i < call && i < 4; i++)
		c->early |= !c->opened[i];
	pthread_mutex_unlock(&c->mutex);
}

/* Wait until all four chunks are held, then let one after the other go, each when the one before
 * has handled its last message. */
static void *conduct(void *arg)
{
	struct conductor *c = arg;

	for (size_t i = 0; i < 4; i++)
		mem_gate_wait(c->q, i);
	for (int i = 0; i < 4; i++) {
		int k = c->order[i];

		pthread_mutex_lock(&c->mutex);
		c->opened[k] = true;
		pthread_mutex_unlock(&c->mutex);
		mem_gate_open(c->q, (size_t)k);
		pthread_mutex_lock(&c->mutex);
		while (c->done[k] < CHUNK)
			pthread_cond_wait(&c->changed, &c->mutex);
		pthread_mutex_unlock(&c->mutex);
	}
	return NULL;
}

static void run_in_order(const struct crowd *crowd, const int order[4])
{
	struct conductor c = {.order = order,
			      .mutex = PTHREAD_MUTEX_INITIALIZER,
			      .changed = PTHREAD_COND_INITIALIZER};
	struct engine e;
	pthread_t thread;

	c.q = mem_open(NULL, crowd->list, crowd->count, 0);
	for (size_t i = 0; i < 4; i++)
		mem_gate_close(c.q, i);
	engine_init(&e, c.q);
	e.request.jobs = 4;
	e.on_each = conductor_each;
	e.on_chunk = conductor_chunk;
	e.ctx = &c;
	assert_int_equal(pthread_create(&thread, NULL, conduct, &c), 0);
	engine_run(&e);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_false(c.early);
	engine_assert_names(&e, 0, 4 * CHUNK);
	engine_assert_totals(&e, 4 * CHUNK, 4 * CHUNK, 0, 0);
	engine_free(&e);
	mem_close(c.q);
	pthread_mutex_destroy(&c.mutex);
	pthread_cond_destroy(&c.changed);
}

static void test_all_orders(void **state)
{
	struct crowd crowd;
	unsigned orders = 0;

	(void)state;
	crowd_init(&crowd, 4 * CHUNK);
	for (int a = 0; a < 4; a++)
		for (int b = 0; b < 4; b++)
			for (int c = 0; c < 4; c++) {
				const int order[4] = {a, b, c, 6 - a - b - c};

				if (a == b || b == c || a == c)
					continue;
				run_in_order(&crowd, order);
				orders++;
			}
	assert_int_equal(orders, 24);
	crowd_free(&crowd);
}

/* ---- ending early ---- */

static void test_stop_at_each_chunk(void **state)
{
	static const unsigned jobs[] = {1, 2, 4, 8};
	struct crowd crowd;

	(void)state;
	crowd_init(&crowd, 12 * CHUNK);
	for (size_t j = 0; j < 4; j++)
		for (unsigned long stop = 1; stop <= 12; stop++) {
			struct queue *q = mem_open(NULL, crowd.list, crowd.count, 0);
			struct engine e;

			engine_init(&e, q);
			e.request.jobs = jobs[j];
			e.stop_at = stop;
			engine_run(&e);
			assert_int_equal(e.result, 0);
			assert_true(e.totals.stopped);
			assert_int_equal(e.chunks, stop);
			engine_assert_names(&e, 0, stop * CHUNK);
			/* what nobody was handed is not counted */
			engine_assert_totals(&e, stop * CHUNK, stop * CHUNK, 0, 0);
			assert_int_equal(mem_calls(q, MEM_SCAN_END), 1);
			engine_free(&e);
			mem_close(q);
		}
	crowd_free(&crowd);
}

static void test_limit(void **state)
{
	static const unsigned long limits[] = {1, 2, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK, 1000};
	struct crowd crowd;

	(void)state;
	crowd_init(&crowd, 5 * CHUNK);
	for (size_t k = 0; k < sizeof limits / sizeof limits[0]; k++)
		for (unsigned jobs = 1; jobs <= 8; jobs += 3) {
			struct queue *q = mem_open(NULL, crowd.list, crowd.count, 0);
			struct engine e;

			engine_init(&e, q);
			e.request.jobs = jobs;
			e.limit = limits[k];
			engine_run(&e);
			assert_true(e.totals.stopped);
			engine_assert_names(&e, 0, limits[k]);
			/* the scan does not go on behind the threads' backs: its window is bounded
			 */
			assert_true(mem_calls(q, MEM_SCAN_NEXT) <=
				    (limits[k] / CHUNK + 2 * jobs + 3) * CHUNK);
			engine_free(&e);
			mem_close(q);
		}
	crowd_free(&crowd);
}

/* One thread handles nothing after the chunk that said stop. */
static void test_stop_reads_no_more(void **state)
{
	struct crowd crowd;
	struct queue *q;
	struct engine e;

	(void)state;
	crowd_init(&crowd, 10 * CHUNK);
	q = mem_open(NULL, crowd.list, crowd.count, 0);
	engine_init(&e, q);
	e.stop_at = 2;
	engine_run(&e);
	assert_int_equal(mem_calls(q, MEM_BEGIN), 2 * CHUNK);
	assert_int_equal(mem_calls(q, MEM_SCAN_NEXT), 2 * CHUNK);
	engine_free(&e);
	mem_close(q);
	crowd_free(&crowd);
}

/* ---- large chunks ---- */

static void expect_padded(struct buf *out, size_t count, size_t padding)
{
	for (size_t i = 0; i < count; i++) {
		buf_printf(out, "m%zu\n", i);
		buf_pad(out, '.', padding);
		buf_addc(out, '\n');
	}
}

/* A chunk that grows past the limit is handed over in pieces, still in order. */
static void test_pieces(void **state)
{
	enum { MESSAGES = 2 * CHUNK + 10, PADDING = 20000 };
	struct crowd crowd;
	struct buf wanted;

	(void)state;
	crowd_init(&crowd, MESSAGES);
	buf_init(&wanted);
	expect_padded(&wanted, MESSAGES, PADDING);
	for (unsigned jobs = 1; jobs <= 4; jobs++) {
		struct queue *q = mem_open(NULL, crowd.list, crowd.count, 0);
		struct engine e;

		engine_init(&e, q);
		e.request.jobs = jobs;
		e.padding = PADDING;
		engine_run(&e);
		assert_true(slice_eq(buf_slice(&e.out), buf_slice(&wanted)));
		engine_assert_totals(&e, MESSAGES, MESSAGES, 0, 0);
		/* 53 messages make a piece: 4 of them and a rest for each full chunk */
		assert_int_equal(e.chunks, 11);
		assert_true(e.largest <= LIMIT_CHUNK_OUTPUT + PADDING + 20);
		assert_true(e.largest > LIMIT_CHUNK_OUTPUT);
		engine_free(&e);
		mem_close(q);
	}
	buf_free(&wanted);
	crowd_free(&crowd);
}

static void test_stop_at_each_piece(void **state)
{
	enum { MESSAGES = 2 * CHUNK, PADDING = 20000, PIECE = 53 };
	struct crowd crowd;

	(void)state;
	crowd_init(&crowd, MESSAGES);
	for (unsigned jobs = 1; jobs <= 4; jobs += 3)
		for (unsigned long stop = 1; stop <= 10; stop++) {
			struct queue *q = mem_open(NULL, crowd.list, crowd.count, 0);
			struct engine e;

			engine_init(&e, q);
			e.request.jobs = jobs;
			e.padding = PADDING;
			e.stop_at = stop;
			engine_run(&e);
			assert_true(e.totals.stopped);
			assert_int_equal(e.chunks, stop);
			assert_int_equal(e.printed, stop / 5 * CHUNK + stop % 5 * PIECE);
			assert_int_equal(e.totals.selected, e.printed);
			engine_free(&e);
			mem_close(q);
		}
	crowd_free(&crowd);
}

struct holder {
	struct queue *q;
	pthread_mutex_t mutex;
	pthread_cond_t changed;
	bool large; /* a later chunk has gone past the limit, and waits */
	bool opened, early;
};

static void holder_each(void *ctx, const struct message *m)
{
	struct holder *h = ctx;

	pthread_mutex_lock(&h->mutex);
	/* 53 messages of 20000 bytes are past the limit; this is the one that makes it so */
	if (m->entry.number == 2 * CHUNK + 53) {
		h->large = true;
		pthread_cond_broadcast(&h->changed);
	}
	pthread_mutex_unlock(&h->mutex);
}

static void holder_chunk(void *ctx, unsigned long call)
{
	struct holder *h = ctx;

	(void)call;
	pthread_mutex_lock(&h->mutex);
	h->early |= !h->opened;
	pthread_mutex_unlock(&h->mutex);
}

static void *hold_first(void *arg)
{
	struct holder *h = arg;

	pthread_mutex_lock(&h->mutex);
	while (!h->large)
		pthread_cond_wait(&h->changed, &h->mutex);
	h->opened = true;
	pthread_mutex_unlock(&h->mutex);
	mem_gate_open(h->q, 0);
	return NULL;
}

/* A large chunk whose turn has not come waits with its first piece. */
static void test_piece_waits_for_its_turn(void **state)
{
	enum { MESSAGES = 4 * CHUNK, PADDING = 20000 };
	struct holder h = {.mutex = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
	struct crowd crowd;
	struct buf wanted;
	struct engine e;
	pthread_t thread;

	(void)state;
	crowd_init(&crowd, MESSAGES);
	h.q = mem_open(NULL, crowd.list, crowd.count, 0);
	mem_gate_close(h.q, 0);
	engine_init(&e, h.q);
	e.request.jobs = 4;
	e.padding = PADDING;
	e.on_each = holder_each;
	e.on_chunk = holder_chunk;
	e.ctx = &h;
	assert_int_equal(pthread_create(&thread, NULL, hold_first, &h), 0);
	engine_run(&e);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_false(h.early);
	buf_init(&wanted);
	expect_padded(&wanted, MESSAGES, PADDING);
	assert_true(slice_eq(buf_slice(&e.out), buf_slice(&wanted)));
	buf_free(&wanted);
	engine_free(&e);
	mem_close(h.q);
	crowd_free(&crowd);
	pthread_mutex_destroy(&h.mutex);
	pthread_cond_destroy(&h.changed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_sizes),
	    cmocka_unit_test(test_all_orders),
	    cmocka_unit_test(test_stop_at_each_chunk),
	    cmocka_unit_test(test_limit),
	    cmocka_unit_test(test_stop_reads_no_more),
	    cmocka_unit_test(test_pieces),
	    cmocka_unit_test(test_stop_at_each_piece),
	    cmocka_unit_test(test_piece_waits_for_its_turn),
	};

	alarm(300);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
