/*
 * Every promise of mtaq/backend.h, asserted in behaviour over every queue that the tests have: in
 * memory, recorded from the real sendmail and the real qmail, and behind a wrapper.
 */
#include "contract/contract.h"
#include "unit/cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static struct contract_case cases[] = {
    {.kind = "mem", .name = "demo"},
    {.kind = "mem", .name = "demo", .wrapped = true},
    {.kind = "qmail", .name = "basic"},
    {.kind = "qmail", .name = "todo"},
    {.kind = "qmail", .name = "bigtodo"},
    {.kind = "qmail", .name = "bouncing"},
    {.kind = "qmail", .name = "split1"},
    {.kind = "qmail", .name = "split151"},
    {.kind = "qmail", .name = "broken"},
    {.kind = "qmail", .name = "broken-dir"},
    {.kind = "qmail", .name = "tcpto"},
    {.kind = "qmail", .name = "empty"},
    {.kind = "qmail", .name = "broken", .wrapped = true},
    {.kind = "sendmail", .name = "flat"},
    {.kind = "sendmail", .name = "split"},
    {.kind = "sendmail", .name = "groups"},
    {.kind = "sendmail", .name = "quarantined"},
    {.kind = "sendmail", .name = "broken"},
    {.kind = "sendmail", .name = "oldformats"},
    {.kind = "sendmail", .name = "client"},
    {.kind = "sendmail", .name = "broken", .wrapped = true},
};

#define ROW(name, text)                                                                            \
	{                                                                                          \
		text, promise_##name, false                                                        \
	}
/* only of queues that lie on disk */
#define DISK(name, text)                                                                           \
	{                                                                                          \
		text, promise_##name, true                                                         \
	}
static const struct promise {
	const char *text;
	CMUnitTestFunction test;
	bool on_disk;
} promises[] = {
    ROW(functions, "every function is there"),
    ROW(facts, "needs, prices and states fit together"),
    ROW(registered, "the registry has it under its name"),
    ROW(options, "-q takes its options"),
    ROW(units, "its directories are told once each"),
    ROW(detect, "it knows its own queues"),
    ROW(open_fails, "what is no queue does not open"),
    ROW(describe, "it describes itself"),
    ROW(scan_once, "a scan gives each message once"),
    ROW(scan_errors, "a scan ends, with errors told or not"),
    ROW(find_exact, "an id finds what the scan gives"),
    ROW(find_forms, "marks and paths are taken"),
    ROW(find_no_substring, "no part of an id finds anything"),
    ROW(find_room, "more finds than room are counted"),
    ROW(script_id, "an id for scripts leads back"),
    ROW(begin, "begin knows the name only"),
    ROW(load_sets, "load says what it has and why not"),
    ROW(load_idempotent, "load twice is load once"),
    ROW(load_order, "the order of loading does not matter"),
    ROW(needs_deliver, "needs are enough for each field"),
    ROW(lacked_fields, "a field it cannot have has no value"),
    ROW(states, "states are those it names"),
    ROW(threads, "several threads load the same"),
    ROW(lister, "the lister's lines and facts"),
    ROW(files_exist, "files named are there"),
    ROW(open_data, "the data file is the body"),
    DISK(vanished, "what vanished is gone, not an error"),
    DISK(vanishing, "what vanishes between two loads is gone"),
    DISK(denied, "what may not be read is an error"),
    DISK(closed_files, "a part that may not be read fails alone as together"),
    DISK(nothing_written, "nothing is written"),
    DISK(atimes_kept, "no atime moves"),
};

enum { CASES = sizeof cases / sizeof cases[0], PROMISES = sizeof promises / sizeof promises[0] };

static struct CMUnitTest tests[CASES * PROMISES + 1];
static char names[CASES * PROMISES][96];

static int close_cases(void **state)
{
	(void)state;
	for (size_t i = 0; i < CASES; i++)
		case_close(&cases[i]);
	return 0;
}

/* A backend that is registered is tested here. */
static void test_every_backend(void **state)
{
	(void)state;
	for (size_t b = 0; backend_at(b); b++) {
		size_t count = 0;

		for (size_t i = 0; i < CASES; i++)
			count += strcmp(cases[i].kind, backend_at(b)->name) == 0;
		if (!count)
			fail_msg("no recorded queue of %s is tested", backend_at(b)->name);
	}
}

static void fill(size_t at, struct contract_case *c, const struct promise *p)
{
	snprintf(names[at], sizeof names[at], "%s %s%s: %s", c->kind, c->name,
		 c->wrapped ? " wrapped" : "", p->text);
	tests[at] =
	    (struct CMUnitTest){.name = names[at], .test_func = p->test, .initial_state = c};
}

int main(void)
{
	size_t count = 0;

	for (size_t i = 0; i < CASES; i++)
		for (size_t j = 0; j < PROMISES; j++)
			if (case_on_disk(&cases[i]) || !promises[j].on_disk)
				fill(count++, &cases[i], &promises[j]);
	tests[count] = (struct CMUnitTest)cmocka_unit_test(test_every_backend);
	/* the rest of the array stays empty: cmocka passes over rows without a function */
	alarm(300);
	return cmocka_run_group_tests(tests, NULL, close_cases);
}
