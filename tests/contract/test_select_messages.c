/*
 * The engine and single messages: which it takes, what it loads them with.
 */
#include "contract/engine.h"
#include "unit/cmocka_all.h"

#include <stdlib.h>
#include <unistd.h>

enum { CHUNK = LIMIT_CHUNK_ENTRIES };

/* ---- what a thread loads with ---- */

struct lender {
	struct backend table;
	const struct backend *inner;
	atomic_ulong refreshed;
	const char *_Atomic broken;
};

static struct lender lender;

static void load_with(struct loader *l, struct message *m, parts_t want)
{
	if (!l->locks_fresh)
		atomic_fetch_add(&lender.refreshed, 1);
	l->locks_fresh = true;
	if (l->arena != m->arena || l->now != 77 || !l->locks)
		lender.broken = "a loader of something else";
	/* only what this message has taken so far is in use */
	if (m->arena->used > 1000 || !arena_alloc(m->arena, LIMIT_MESSAGE_BYTES / 3))
		lender.broken = "the arena was not reset";
	lender.inner->load(l, m, want);
}

/* The arena is empty at each message, the table of locks is to be read anew for each chunk. */
static void test_loader(void **state)
{
	struct crowd crowd;

	(void)state;
	crowd_init(&crowd, 4 * CHUNK + 1);
	for (unsigned jobs = 1; jobs <= 4; jobs += 3) {
		struct queue *q = mem_open(NULL, crowd.list, crowd.count, 77);
		struct engine e;

		lender = (struct lender){.table = *q->backend, .inner = q->backend};
		lender.table.load = load_with;
		q->backend = &lender.table;
		engine_init(&e, q);
		e.request.jobs = jobs;
		engine_run(&e);
		assert_null(lender.broken);
		assert_int_equal(lender.refreshed, 5);
		engine_assert_names(&e, 0, crowd.count);
		engine_free(&e);
		q->backend = lender.inner;
		mem_close(q);
	}
	crowd_free(&crowd);
}

/* ---- which messages ---- */

/* States that the caller does not want: passed over, without a load when the name tells the state.
 */
static void test_states(void **state)
{
	static const enum message_state states[] = {STATE_QUEUED, STATE_HELD, STATE_LOST,
						    STATE_UNKNOWN};
	struct crowd crowd;
	struct queue *q;
	struct engine e;

	(void)state;
	crowd_init(&crowd, 16);
	for (size_t i = 0; i < crowd.count; i++) {
		crowd.list[i].is.state = states[i % 4];
		crowd.list[i].state_in_name = i < 8 && i % 4 != 3;
		if (i % 4 == 3)
			crowd.list[i].fails = PART_STAT; /* what tells the state in memory */
	}
	q = mem_open(NULL, crowd.list, crowd.count, 0);
	engine_init(&e, q);
	e.request.parts = PART_DATA;
	e.request.states = 1u << STATE_QUEUED | 1u << STATE_LOST;
	engine_run(&e);
	for (size_t i = 0; i < crowd.count; i++) {
		/* one whose state cannot be told is not passed over, and that is told */
		assert_int_equal(engine_printed(&e, i), i % 4 != 1);
		if (i < 8 && i % 4 == 1)
			assert_int_equal(mem_loads(q, i), 0);
		/* the state is asked for where it is not known: nobody need add it to the parts */
		if (i < 8 && i % 4 != 3)
			assert_int_equal(mem_parts(q, i) & PART_STAT, 0);
		else
			assert_int_equal(mem_parts(q, i) & PART_STAT, PART_STAT);
	}
	engine_assert_totals(&e, 16, 12, 4, 0);
	assert_int_equal(engine_log_lines(&e, "no stat"), 4);
	engine_free(&e);
	mem_close(q);
	crowd_free(&crowd);
}

/* An answer that is not wanted need not be had: no error for a message in another state. */
static void test_states_and_errors(void **state)
{
	struct crowd crowd;
	struct queue *q;
	struct expression x;
	struct engine e;

	(void)state;
	crowd_init(&crowd, 4);
	for (size_t i = 0; i < 4; i++) {
		crowd.list[i].is.state = i % 2 ? STATE_HELD : STATE_QUEUED;
		crowd.list[i].state_in_name = i < 2;
		crowd.list[i].fails = PART_CONTROL;
	}
	q = mem_open(NULL, crowd.list, crowd.count, 0);
	expression_init(&x, q, "state != lost and age > 1d");
	engine_init(&e, q);
	e.request.filter = x.bound;
	e.request.states = 1u << STATE_QUEUED;
	engine_run(&e);
	engine_assert_totals(&e, 4, 0, 2, 0);
	assert_int_equal(engine_log_lines(&e, "m0: no control"), 1);
	assert_int_equal(engine_log_lines(&e, "m2: no control"), 1);
	expression_free(&x);
	engine_free(&e);
	mem_close(q);
	crowd_free(&crowd);
}

/* Given entries in place of a scan, in their order, with repetitions. */
static void test_entries(void **state)
{
	static const size_t picks[] = {7, 3, 3, 600, 0};
	struct message_entry entries[5];
	struct crowd crowd;
	struct arena names;
	struct queue *q;

	(void)state;
	crowd_init(&crowd, 3 * CHUNK);
	arena_init(&names, 0);
	q = mem_open(NULL, crowd.list, crowd.count, 0);
	for (size_t i = 0; i < 5; i++)
		assert_int_equal(
		    select_find(q, slice_from(crowd.names[picks[i]]), &names, &entries[i], 1, NULL),
		    1);
	for (unsigned jobs = 1; jobs <= 4; jobs += 3) {
		struct engine e;

		engine_init(&e, q);
		e.request.jobs = jobs;
		e.request.entries = entries;
		e.request.entry_count = 5;
		engine_run(&e);
		assert_true(slice_eq(buf_slice(&e.out), SLICE("m7\nm3\nm3\nm600\nm0\n")));
		engine_assert_totals(&e, 5, 5, 0, 0);
		e.request.entry_count = 0;
		engine_run(&e);
		engine_assert_totals(&e, 0, 0, 0, 0);
		engine_free(&e);
	}
	assert_int_equal(mem_calls(q, MEM_SCAN_BEGIN), 0);
	mem_close(q);
	arena_free(&names);
	crowd_free(&crowd);
}

/* Many entries: in chunks like a scan. */
static void test_many_entries(void **state)
{
	struct message_entry *entries;
	struct crowd crowd;
	struct arena names;
	struct queue *q;
	struct engine e;

	(void)state;
	crowd_init(&crowd, 3 * CHUNK + 5);
	arena_init(&names, 0);
	q = mem_open(NULL, crowd.list, crowd.count, 0);
	entries = calloc(crowd.count, sizeof *entries);
	assert_non_null(entries);
	for (size_t i = 0; i < crowd.count; i++)
		select_find(q, slice_from(crowd.names[i]), &names, &entries[i], 1, NULL);
	engine_init(&e, q);
	e.request.jobs = 4;
	e.request.entries = entries;
	e.request.entry_count = crowd.count;
	engine_run(&e);
	engine_assert_names(&e, 0, crowd.count);
	engine_free(&e);
	free(entries);
	mem_close(q);
	arena_free(&names);
	crowd_free(&crowd);
}

static void test_filter_that_selects_nothing(void **state)
{
	struct crowd crowd;
	struct queue *q;
	struct expression x;
	struct engine e;

	(void)state;
	crowd_init(&crowd, 2 * CHUNK);
	q = mem_open(NULL, crowd.list, crowd.count, 0);
	expression_init(&x, q, "id == 'nobody'");
	engine_init(&e, q);
	e.request.filter = x.bound;
	engine_run(&e);
	engine_assert_totals(&e, 2 * CHUNK, 0, 0, 0);
	assert_int_equal(mem_calls(q, MEM_LOAD), 0);
	expression_free(&x);
	engine_free(&e);
	mem_close(q);
	crowd_free(&crowd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_loader),
	    cmocka_unit_test(test_states),
	    cmocka_unit_test(test_states_and_errors),
	    cmocka_unit_test(test_entries),
	    cmocka_unit_test(test_many_entries),
	    cmocka_unit_test(test_filter_that_selects_nothing),
	};

	alarm(300);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
