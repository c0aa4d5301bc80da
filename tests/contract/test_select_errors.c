/*
 * The engine and what goes wrong: messages that vanish or cannot be read, a scan in trouble, a
 * pattern that runs away, a backend that does not keep its promises. Each is told once and counted
 * truly.
 */
#include "contract/backend_fault.h"
#include "contract/engine.h"
#include "unit/cmocka_all.h"

#include <stdlib.h>
#include <unistd.h>

enum { CHUNK = LIMIT_CHUNK_ENTRIES };

/* ---- messages ---- */

static void test_vanishing(void **state)
{
	struct crowd crowd;
	struct queue *q;
	struct expression x;
	unsigned long gone = 0;

	(void)state;
	crowd_init(&crowd, 3 * CHUNK);
	for (size_t i = 0; i < crowd.count; i++) {
		crowd.list[i].is.arrival = number_of(1);
		if (i % 7 == 0)
			crowd.list[i].vanishes = PART_CONTROL; /* while the filter asks */
		if (i % 7 == 3)
			crowd.list[i].vanishes_at = 2; /* while the output's parts are loaded */
		gone += i % 7 == 0 || i % 7 == 3;
	}
	q = mem_open(NULL, crowd.list, crowd.count, 1000);
	expression_init(&x, q, "age > 1m");
	for (unsigned jobs = 1; jobs <= 3; jobs += 2) {
		struct engine e;

		mem_reset_counts(q);
		engine_init(&e, q);
		e.request.filter = x.bound;
		e.request.parts = PART_DATA;
		e.request.jobs = jobs;
		engine_run(&e);
		engine_assert_totals(&e, crowd.count, crowd.count - gone, 0, gone);
		assert_int_equal(e.log.n, 0);
		for (size_t i = 0; i < 14; i++)
			assert_int_equal(engine_printed(&e, i), i % 7 != 0 && i % 7 != 3);
		engine_free(&e);
	}
	expression_free(&x);
	mem_close(q);
	crowd_free(&crowd);
}

/* A filter that cannot be answered: one line, one error, no message. */
static void test_errors_of_the_filter(void **state)
{
	struct crowd crowd;
	struct queue *q;
	struct expression x;

	(void)state;
	crowd_init(&crowd, 2 * CHUNK);
	for (size_t i = 0; i < crowd.count; i++) {
		crowd.list[i].is.arrival = number_of(1);
		crowd.list[i].is.size = number_of(i % 2 ? 10 : 1000);
		if (i % 10 == 0)
			crowd.list[i].fails = PART_CONTROL;
	}
	q = mem_open(NULL, crowd.list, crowd.count, 1000);
	/* odd ones are decided by the size: their control is never asked for */
	expression_init(&x, q, "age > 1m and size > 100");
	for (unsigned jobs = 1; jobs <= 4; jobs++) {
		struct engine e;

		engine_init(&e, q);
		e.request.filter = x.bound;
		e.request.parts = 0;
		e.request.jobs = jobs;
		engine_run(&e);
		assert_int_equal(e.result, 0);
		engine_assert_totals(&e, 512, 256 - 52, 52, 0);
		assert_int_equal(engine_log_lines(&e, ""), 52);
		assert_int_equal(engine_log_lines(&e, "mtaq: m500: no control"), 1);
		assert_false(engine_printed(&e, 0));
		assert_false(engine_printed(&e, 1));
		assert_true(engine_printed(&e, 2));
		engine_free(&e);
	}
	expression_free(&x);
	mem_close(q);
	crowd_free(&crowd);
}

/* Parts of the output that fail: the message is shown, each reason told once, the message counted
 * once. */
static void test_errors_of_the_output(void **state)
{
	struct crowd crowd;
	struct queue *q;
	struct engine e;

	(void)state;
	crowd_init(&crowd, 3);
	crowd.list[1].fails = PART_DATA | PART_HEADER | PART_BODY;
	q = mem_open(NULL, crowd.list, crowd.count, 0);
	engine_init(&e, q);
	e.request.parts = PART_DATA | PART_HEADER | PART_CONTROL;
	engine_run(&e);
	engine_assert_names(&e, 0, 3);
	engine_assert_totals(&e, 3, 3, 1, 0);
	assert_int_equal(engine_log_lines(&e, ""), 2);
	assert_int_equal(engine_log_lines(&e, "mtaq: m1: no data"), 1);
	assert_int_equal(engine_log_lines(&e, "mtaq: m1: no header"), 1);
	engine_free(&e);
	mem_close(q);
	crowd_free(&crowd);
}

/* Parts that fail for one reason are told in one line. */
static void test_one_reason_once(void **state)
{
	static const struct fault fault = {
	    .slot = FAULT_LOAD,
	    .at = 2,
	    .times = 1,
	    .err = {.code = ERROR_SYSTEM, .offset = SIZE_MAX, .text = "disk\n\033[31m on fire"}};
	struct crowd crowd;
	struct queue *inner, *q;
	struct engine e;

	(void)state;
	crowd_init(&crowd, 4);
	inner = mem_open(NULL, crowd.list, crowd.count, 0);
	q = fault_wrap(inner, &fault, 1);
	engine_init(&e, q);
	e.request.parts = PART_DATA | PART_HEADER | PART_CONTROL;
	engine_run(&e);
	engine_assert_names(&e, 0, 4);
	engine_assert_totals(&e, 4, 4, 1, 0);
	assert_int_equal(engine_log_lines(&e, ""), 1);
	/* and nothing of it reaches a terminal raw */
	assert_int_equal(engine_log_lines(&e, "mtaq: disk\\n"), 1);
	assert_int_equal(slice_chr(buf_slice(&e.log), '\033'), SIZE_MAX);
	engine_free(&e);
	fault_unwrap(q);
	mem_close(inner);
	crowd_free(&crowd);
}

static void load_nothing(struct loader *l, struct message *m, parts_t want)
{
	(void)l;
	(void)m;
	(void)want;
}

/* A backend that does not deliver is an error, not a loop. */
static void test_part_not_delivered(void **state)
{
	struct crowd crowd;
	struct queue *q;
	struct backend lazy;
	struct expression x;
	struct engine e;

	(void)state;
	crowd_init(&crowd, 5);
	q = mem_open(NULL, crowd.list, crowd.count, 0);
	lazy = *q->backend;
	lazy.load = load_nothing;
	q->backend = &lazy;
	expression_init(&x, q, "size > 5 or bounce");
	engine_init(&e, q);
	e.request.filter = x.bound;
	engine_run(&e);
	engine_assert_totals(&e, 5, 0, 5, 0);
	e.request.filter = NULL;
	engine_run(&e);
	engine_assert_totals(&e, 5, 5, 5, 0);
	expression_free(&x);
	engine_free(&e);
	mem_close(q);
	crowd_free(&crowd);
}

/* ---- faults at each call ---- */

static void check_fault(const struct crowd *crowd, unsigned long at, bool vanish)
{
	const struct fault fault = {
	    .slot = FAULT_LOAD,
	    .at = at,
	    .times = 1,
	    .vanish = vanish,
	    .err = {.code = ERROR_SYSTEM, .offset = SIZE_MAX, .text = "no luck"}};
	struct queue *inner = mem_open(NULL, crowd->list, crowd->count, 1000);
	struct queue *q = fault_wrap(inner, &fault, 1);
	struct expression x;
	struct engine e;

	expression_init(&x, q, "age > 1m and size > 5");
	engine_init(&e, q);
	e.request.filter = x.bound;
	e.request.parts = PART_HEADER;
	engine_run(&e);
	/* three loads a message: size, control, header; with the last one failing it is still shown
	 */
	engine_assert_totals(&e, crowd->count, crowd->count - (vanish || at % 3 != 0), !vanish,
			     vanish);
	assert_int_equal(engine_printed(&e, (at - 1) / 3), !vanish && at % 3 == 0);
	assert_int_equal(engine_log_lines(&e, "no luck"), !vanish);
	expression_free(&x);
	engine_free(&e);
	fault_unwrap(q);
	mem_close(inner);
}

static void test_fault_at_each_load(void **state)
{
	struct crowd crowd;

	(void)state;
	crowd_init(&crowd, 6);
	for (size_t i = 0; i < crowd.count; i++) {
		crowd.list[i].is.arrival = number_of(1);
		crowd.list[i].is.size = number_of(100);
	}
	for (unsigned long at = 1; at <= 18; at++) {
		check_fault(&crowd, at, false);
		check_fault(&crowd, at, true);
	}
	crowd_free(&crowd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_vanishing),
	    cmocka_unit_test(test_errors_of_the_filter),
	    cmocka_unit_test(test_errors_of_the_output),
	    cmocka_unit_test(test_one_reason_once),
	    cmocka_unit_test(test_part_not_delivered),
	    cmocka_unit_test(test_fault_at_each_load),
	};

	alarm(300);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
