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

/* What its writer has not finished is not there yet: no error, no message. */
static void test_busy_is_not_there_yet(void **state)
{
	const struct fault fault = {
	    .slot = FAULT_LOAD,
	    .at = 3,
	    .times = 1,
	    .err = {.code = ERROR_BUSY, .offset = SIZE_MAX, .text = "still being written"}};
	struct crowd crowd;
	struct queue *inner, *q;
	struct expression x;
	struct engine e;

	(void)state;
	crowd_init(&crowd, 6);
	for (size_t i = 0; i < crowd.count; i++)
		crowd.list[i].is.size = number_of(100);
	inner = mem_open(NULL, crowd.list, crowd.count, 0);
	q = fault_wrap(inner, &fault, 1);
	expression_init(&x, q, "size > 5");
	engine_init(&e, q);
	e.request.filter = x.bound;
	e.request.parts = 0;
	engine_run(&e);
	engine_assert_totals(&e, 6, 5, 0, 1);
	assert_false(engine_printed(&e, 2));
	assert_int_equal(e.log.n, 0);
	expression_free(&x);
	engine_free(&e);
	fault_unwrap(q);
	mem_close(inner);
	crowd_free(&crowd);
}

/* Quiet parts are loaded, but that they cannot be had is for another pass to tell. */
static void test_quiet_parts(void **state)
{
	struct crowd crowd;
	struct queue *q;
	struct engine e;

	(void)state;
	crowd_init(&crowd, 3);
	crowd.list[1].fails = PART_DATA | PART_HEADER;
	q = mem_open(NULL, crowd.list, crowd.count, 0);
	engine_init(&e, q);
	e.request.parts = PART_HEADER;
	e.request.quiet_parts = PART_DATA;
	engine_run(&e);
	engine_assert_names(&e, 0, 3);
	engine_assert_totals(&e, 3, 3, 1, 0);
	assert_int_equal(engine_log_lines(&e, "mtaq: m1: no header"), 1);
	assert_int_equal(engine_log_lines(&e, "no data"), 0);
	assert_int_equal(mem_part_loads(q, PART_DATA_I), 3);
	assert_int_equal(mem_calls(q, MEM_LOAD), 3);
	engine_free(&e);
	mem_close(q);
	crowd_free(&crowd);
}

/* ---- the scan ---- */

static struct error trouble(enum error_scope scope, const char *text)
{
	struct error e = ERROR_INIT;

	error_set(&e, ERROR_CORRUPT, "%s", text);
	e.scope = scope;
	return e;
}

/* Odd entries and directories that cannot be read are told where they were met; the rest is served.
 */
static void test_scan_goes_on(void **state)
{
	const struct error odd = trouble(SCOPE_MESSAGE, "odd entry");
	const struct error dir = trouble(SCOPE_QUEUE, "no directory");
	struct crowd crowd;

	(void)state;
	crowd_init(&crowd, 3 * CHUNK);
	for (unsigned jobs = 1; jobs <= 4; jobs++) {
		struct queue *q = mem_open(NULL, crowd.list, crowd.count, 0);
		struct engine e;

		mem_trouble(q, 0, &odd);
		mem_trouble(q, 10, &dir);
		mem_trouble(q, CHUNK, &odd);
		mem_trouble(q, 3 * CHUNK, &dir);
		engine_init(&e, q);
		e.request.jobs = jobs;
		engine_run(&e);
		assert_int_equal(e.result, 0);
		engine_assert_names(&e, 0, crowd.count);
		engine_assert_totals(&e, crowd.count, crowd.count, 4, 0);
		assert_int_equal(engine_log_lines(&e, "mtaq: odd entry"), 2);
		assert_int_equal(engine_log_lines(&e, "mtaq: no directory"), 2);
		engine_free(&e);
		mem_close(q);
	}
	crowd_free(&crowd);
}

/* A scan that cannot go on ends the run with its error; what was scanned before is still handed
 * over. */
static void test_scan_ends(void **state)
{
	const struct error end = trouble(SCOPE_RUN, "out of everything");
	struct crowd crowd;

	(void)state;
	crowd_init(&crowd, 3 * CHUNK);
	for (unsigned jobs = 1; jobs <= 4; jobs++) {
		struct queue *q = mem_open(NULL, crowd.list, crowd.count, 0);
		struct engine e;

		mem_trouble(q, CHUNK + 10, &end);
		engine_init(&e, q);
		e.request.jobs = jobs;
		engine_run(&e);
		assert_int_equal(e.result, -1);
		assert_int_equal(e.err.scope, SCOPE_RUN);
		assert_string_equal(e.err.text, "out of everything");
		assert_int_equal(e.log.n, 0);
		engine_assert_names(&e, 0, CHUNK + 10);
		engine_assert_totals(&e, CHUNK + 10, CHUNK + 10, 0, 0);
		assert_int_equal(mem_calls(q, MEM_SCAN_END), 1);
		engine_free(&e);
		mem_close(q);
	}
	crowd_free(&crowd);
}

static void test_scan_does_not_begin(void **state)
{
	const struct error refused = trouble(SCOPE_QUEUE, "not today");
	struct crowd crowd;
	struct queue *q;
	struct engine e;

	(void)state;
	crowd_init(&crowd, 3);
	q = mem_open(NULL, crowd.list, crowd.count, 0);
	mem_refuse(q, &refused);
	engine_init(&e, q);
	engine_run(&e);
	assert_int_equal(e.result, -1);
	assert_int_equal(e.err.scope, SCOPE_QUEUE);
	assert_string_equal(e.err.text, "not today");
	engine_assert_totals(&e, 0, 0, 0, 0);
	assert_int_equal(e.chunks, 0);
	assert_int_equal(mem_calls(q, MEM_SCAN_END), 0);
	engine_free(&e);
	mem_close(q);
	crowd_free(&crowd);
}

static void test_fault_at_each_scan_step(void **state)
{
	struct crowd crowd;

	(void)state;
	crowd_init(&crowd, 5);
	for (unsigned long at = 1; at <= 6; at++) {
		const struct fault fault = {.slot = FAULT_SCAN_NEXT,
					    .at = at,
					    .times = 2,
					    .err = trouble(SCOPE_QUEUE, "a step missed")};
		struct queue *inner = mem_open(NULL, crowd.list, crowd.count, 0);
		struct queue *q = fault_wrap(inner, &fault, 1);
		struct engine e;

		engine_init(&e, q);
		engine_run(&e);
		engine_assert_names(&e, 0, 5);
		engine_assert_totals(&e, 5, 5, 2, 0);
		assert_int_equal(fault_calls(q, FAULT_SCAN_NEXT), 8);
		engine_free(&e);
		fault_unwrap(q);
		mem_close(inner);
	}
	crowd_free(&crowd);
}

/* More trouble than fits a chunk's output is handed over on the way. */
static void test_scan_of_trouble_only(void **state)
{
	const struct fault fault = {
	    .slot = FAULT_SCAN_NEXT,
	    .at = 1,
	    .times = 30000,
	    .err = trouble(SCOPE_QUEUE, "the same complaint over and over, which takes its room in "
					"the log of this run and must not pile up in memory")};
	struct crowd crowd;

	(void)state;
	crowd_init(&crowd, 5);
	for (unsigned jobs = 1; jobs <= 4; jobs += 3) {
		struct queue *inner = mem_open(NULL, crowd.list, crowd.count, 0);
		struct queue *q = fault_wrap(inner, &fault, 1);
		struct engine e;

		engine_init(&e, q);
		e.request.jobs = jobs;
		engine_run(&e);
		engine_assert_names(&e, 0, 5);
		engine_assert_totals(&e, 5, 5, 30000, 0);
		assert_true(e.log.n > 3 * LIMIT_CHUNK_OUTPUT && e.chunks > 3);
		engine_free(&e);
		fault_unwrap(q);
		mem_close(inner);
	}
	crowd_free(&crowd);
}

/* ---- a pattern that runs away ---- */

static struct header subject[] = {
    {.name = {"Subject", 7},
     .raw = {" aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!", 58}}};

/* It ends the run after LIMIT_REGEX_ERRORS messages without an answer, and is named. */
static void test_runaway(void **state)
{
	struct crowd crowd;

	(void)state;
	crowd_init(&crowd, 20 * CHUNK);
	for (size_t i = 0; i < crowd.count; i++)
		crowd.list[i].is.headers = (struct header_list){subject, 1, 1};
	for (unsigned jobs = 1; jobs <= 4; jobs += 3) {
		struct queue *q = mem_open(NULL, crowd.list, crowd.count, 0);
		struct expression x;
		struct engine e;

		expression_init(&x, q, "subject =~ /(a+)+$/");
		engine_init(&e, q);
		e.request.filter = x.bound;
		e.request.jobs = jobs;
		engine_run(&e);
		assert_int_equal(e.result, -1);
		assert_int_equal(e.err.code, ERROR_USAGE);
		assert_int_equal(e.err.scope, SCOPE_RUN);
		assert_non_null(strstr(e.err.text, "(a+)+$"));
		assert_int_equal(e.printed, 0);
		/* nobody goes on matching: at most one more message per thread */
		assert_true(mem_calls(q, MEM_BEGIN) >= LIMIT_REGEX_ERRORS);
		assert_true(mem_calls(q, MEM_BEGIN) <= LIMIT_REGEX_ERRORS + jobs);
		assert_true(e.totals.errors <= LIMIT_REGEX_ERRORS + jobs);
		engine_free(&e);
		expression_free(&x);
		mem_close(q);
	}
	crowd_free(&crowd);
}

/* Fewer are errors of their messages only. */
static void test_not_yet_runaway(void **state)
{
	struct crowd crowd;
	struct queue *q;
	struct expression x;
	struct engine e;

	(void)state;
	crowd_init(&crowd, CHUNK);
	for (size_t i = 0; i < LIMIT_REGEX_ERRORS - 1; i++)
		crowd.list[i].is.headers = (struct header_list){subject, 1, 1};
	q = mem_open(NULL, crowd.list, crowd.count, 0);
	expression_init(&x, q, "subject !~ /(a+)+$/");
	engine_init(&e, q);
	e.request.filter = x.bound;
	engine_run(&e);
	assert_int_equal(e.result, 0);
	engine_assert_names(&e, LIMIT_REGEX_ERRORS - 1, CHUNK);
	assert_int_equal(e.totals.errors, LIMIT_REGEX_ERRORS - 1);
	engine_free(&e);
	expression_free(&x);
	mem_close(q);
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
	    cmocka_unit_test(test_busy_is_not_there_yet),
	    cmocka_unit_test(test_quiet_parts),
	    cmocka_unit_test(test_scan_goes_on),
	    cmocka_unit_test(test_scan_ends),
	    cmocka_unit_test(test_scan_does_not_begin),
	    cmocka_unit_test(test_fault_at_each_scan_step),
	    cmocka_unit_test(test_scan_of_trouble_only),
	    cmocka_unit_test(test_runaway),
	    cmocka_unit_test(test_not_yet_runaway),
	};

	alarm(300);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
