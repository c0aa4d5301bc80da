/* fold: statuses made alike, meanings of codes. */
#include "unit/cmocka_all.h"

#include <mtaq/fold.h>

static void test_fold(void **state)
{
	static const struct {
		const char *status, *folded;
	} rows[] = {
	    {"", ""},
	    {"Deferred: Connection refused by [127.0.0.1]", "Deferred: Connection refused by [*]"},
	    {"Deferred: 452 4.2.2 <full@example.net> Mailbox size limit exceeded",
	     "Deferred: 452 4.2.2 <*> Mailbox size limit exceeded"},
	    {"450-4.2.1 first line", "450-4.2.1 first line"},
	    {"Connection timed out with mx1.example.com.",
	     "Connection timed out with mx1.example.com."},
	    {"queue id 60F90094016259 is full", "queue id * is full"},
	    {"try again in 300 seconds", "try again in 300 seconds"},
	    {"try again in 3600 seconds", "try again in N seconds"},
	    {"user a@b.example unknown", "user <*> unknown"},
	    {"192.0.2.7 does not like recipient", "N does not like recipient"},
	    {"score 12.3 of 5", "score N of N"},
	    {"<unclosed [also", "<unclosed [also"},
	    {"@", "<*>"},
	};
	struct arena a;

	(void)state;
	arena_init(&a, 0);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct slice got = status_fold(&a, slice_from(rows[i].status));

		if (!slice_eq(got, slice_from(rows[i].folded)))
			print_message("%s -> %.*s\n", rows[i].status, SLICE_ARG(got));
		assert_true(slice_eq(got, slice_from(rows[i].folded)));
	}
	arena_free(&a);
}

/* The room that is reserved is enough for anything: every pair of bytes, many times over. */
static void test_room(void **state)
{
	static const char bytes[] = "@<>[]. 5a-\xff";
	struct arena a;
	char text[64];

	(void)state;
	arena_init(&a, 0);
	for (size_t i = 0; i < sizeof bytes; i++)
		for (size_t j = 0; j < sizeof bytes; j++) {
			struct slice got;

			for (size_t k = 0; k < sizeof text; k++)
				text[k] = bytes[k % 2 ? i : j];
			got = status_fold(&a, slice_of(text, sizeof text));
			assert_non_null(got.p);
			assert_true(got.n <= 3 * sizeof text);
		}
	arena_free(&a);
}

static void test_meanings(void **state)
{
	static const struct {
		const char *code;
		int temporary;
		const char *meaning;
	} rows[] = {
	    {"421", 1,
	     "service not available: shutting down, too many connections, or sender throttled"},
	    {"550", 0, "mailbox not available: no such user, or refused by policy"},
	    {"250", -1, "accepted"},
	    {"459", 1, "refused for the moment"},
	    {"599", 0, "refused for good"},
	    {"4.2.2", 1, "mailbox full"},
	    {"5.1.1", 0, "no such mailbox"},
	    {"5.1.77", 0, "addressing"},
	    {"4.9.9", 1, "other"},
	    {"2.0.0", -1, "other"},
	    {"600", -1, NULL},
	    {"45", -1, NULL},
	    {"4.2", -1, NULL},
	    {"4..2", -1, NULL},
	    {"4.2.2.", -1, NULL},
	    {"3.2.2", -1, NULL},
	    {"", -1, NULL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		const char *got = reply_meaning(slice_from(rows[i].code));

		assert_int_equal(reply_temporary(slice_from(rows[i].code)), rows[i].temporary);
		assert_true((got == NULL) == (rows[i].meaning == NULL));
		if (got)
			assert_string_equal(got, rows[i].meaning);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_fold),
	    cmocka_unit_test(test_room),
	    cmocka_unit_test(test_meanings),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
