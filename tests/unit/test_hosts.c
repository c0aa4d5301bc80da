/* What the MTAs note of hosts: both kinds of records, and what they mean. */
#include "unit/cmocka_all.h"

#include <mtaq/limits.h>

#include <stdio.h>
#include <string.h>

#include "../../backends/qmail/internal.h"
#include "../../backends/sendmail/hoststatus.h"
#include "hostlist.h"

/* ---- sendmail ---- */

static void test_status_texts(void **state)
{
	static const struct {
		const char *text;
		size_t bad;
		int64_t last_use, exit_status, errnum;
		const char *dsn, *reply;
	} rows[] = {
	    {"V0\nE111\nH0\nS75\nD4.4.1\nU1795181036\n.\n", 0, 1795181036, 75, 111, "4.4.1", NULL},
	    {"V0\nE0\nH0\nS0\nU5\n.\n", 0, 5, 0, 0, NULL, NULL},
	    {"V0\nE0\nH0\nS75\nD4.0.0\nR421 later\nU5\n.\n", 0, 5, 75, 0, "4.0.0", "421 later"},
	    /* the dot ends it, with or without what should stand before */
	    {".\n", 0, 0, 0, 0, NULL, NULL},
	    {"V0\nS75\n.\nS0\nnonsense\n", 0, 0, 75, 0, NULL, NULL},
	    {"V0\nS75", 0, 0, 75, 0, NULL, NULL},
	    /* what it would stop at, and what it has then */
	    {"V0\nS75\nx\nS0\n", 3, 0, 75, 0, NULL, NULL},
	    {"V0\n\nS75\n.\n", 2, 0, 0, 0, NULL, NULL},
	    {"S75\n", 2, 0, 75, 0, NULL, NULL},
	    {"", 1, 0, 0, 0, NULL, NULL},
	    /* numbers as atol takes them */
	    {"V0\nS-1x\nE+7\nUabc\n.\n", 0, 0, -1, 7, NULL, NULL},
	    {"V0\nU99999999999999999999\n.\n", 0, INT64_MAX, 0, 0, NULL, NULL},
	    {"V0\nU-99999999999999999999\n.\n", 0, -INT64_MAX, 0, 0, NULL, NULL},
	    {"V0\nD\nR\nU\n.\n", 0, 0, 0, 0, "", ""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct host_status s;

		print_message("%s", rows[i].text);
		assert_int_equal(host_status_parse(slice_from(rows[i].text), &s), rows[i].bad);
		assert_int_equal(s.last_use, rows[i].last_use);
		assert_int_equal(s.exit_status, rows[i].exit_status);
		assert_int_equal(s.errnum, rows[i].errnum);
		assert_int_equal(s.dsn.p != NULL, rows[i].dsn != NULL);
		assert_int_equal(s.reply.p != NULL, rows[i].reply != NULL);
		assert_true(!s.dsn.p || slice_eq(s.dsn, slice_from(rows[i].dsn)));
		assert_true(!s.reply.p || slice_eq(s.reply, slice_from(rows[i].reply)));
	}
}

/* ---- qmail ---- */

static struct tcpto record(unsigned failures, uint32_t last)
{
	char bytes[TCPTO_RECORD] = {(char)192, 0, 2, (char)255, (char)failures, 9, 9, 9};
	struct tcpto t;

	for (int i = 0; i < 4; i++)
		bytes[8 + i] = (char)(last >> (8 * i) & 0xff);
	memset(bytes + 12, 9, 4);
	tcpto_parse(bytes, &t);
	return t;
}

static void test_records(void **state)
{
	const struct tcpto t = record(200, 0xfedcba98);
	struct host_note n;
	char text[TCPTO_TEXT];

	(void)state;
	assert_int_equal(t.failures, 200);
	assert_int_equal(t.last, 0xfedcba98);
	tcpto_judge(&t, t.last, text, &n);
	assert_true(slice_eq(n.host, SLICE("192.0.2.255")));
	assert_int_equal(n.noted, 0xfedcba98);
	assert_int_equal(n.failures, 200);
}

static void test_passed_over(void **state)
{
	enum { THEN = 1795165617 };
	static const struct {
		unsigned failures;
		int64_t after;
		enum host_state state;
	} rows[] = {
	    {0, 0, HOST_TRIED},	      {1, 0, HOST_TRIED},    {1, 100, HOST_TRIED},
	    {2, 0, HOST_DOWN},	      {2, 3839, HOST_DOWN},  {2, 3840, HOST_UNSURE},
	    {2, 5823, HOST_UNSURE},   {2, 5824, HOST_TRIED}, {10, 3839, HOST_DOWN},
	    {2, 1000000, HOST_TRIED}, {2, -1, HOST_DOWN}, /* a clock that was wrong */
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		const struct tcpto t = record(rows[i].failures, THEN);
		struct host_note n;
		char text[TCPTO_TEXT];

		tcpto_judge(&t, THEN + rows[i].after, text, &n);
		assert_int_equal(n.state, rows[i].state);
		assert_int_equal(n.until, rows[i].failures > 1 ? THEN + 3840 : 0);
		assert_int_equal(n.until_latest, rows[i].failures > 1 ? THEN + 5824 : 0);
	}
}

/* ---- choosing, and limits ---- */

struct many {
	struct backend backend;
	struct backend_hosts hosts;
	struct queue queue;
};

static size_t many_notes; /* how many each() tells of */

static int many_each(const struct queue *q, host_note_fn *fn, trouble_fn *trouble, void *ctx,
		     struct error *err)
{
	(void)q;
	(void)trouble;
	(void)err;
	for (size_t i = 0; i < many_notes; i++) {
		char name[64];
		struct host_note n = {.exit_status = (int)(i & 1),
				      .state = (enum host_state)(i % 3)};

		snprintf(name, sizeof name, "h%zu.%s", i, i % 2 ? "a.example" : "b.example");
		n.host = slice_from(name);
		fn(ctx, &n);
	}
	return 1;
}

static void many_init(struct many *m)
{
	*m = (struct many){.backend = {.name = "many"}, .hosts = {.each = many_each}};
	m->backend.hosts = &m->hosts;
	m->queue = (struct queue){.backend = &m->backend, .name = "many:/x"};
}

static void test_words(void **state)
{
	static const struct {
		const char *words[2];
		size_t count, wanted, found;
	} rows[] = {
	    {{NULL}, 0, 5, 0},
	    {{"h1.a.example"}, 1, 1, 1},
	    {{"H1.A.EXAMPLE."}, 1, 1, 1},
	    {{"[h1.a.example]"}, 1, 1, 1},
	    {{"a.example"}, 1, 0, 0},
	    {{".a.example"}, 1, 5, 1},
	    {{".EXAMPLE"}, 1, 10, 1},
	    {{"."}, 1, 0, 0},
	    {{""}, 1, 0, 0},
	    {{"h2.b.example", "h1"}, 2, 1, 1},
	    {{"h2.b.example", ".b.example"}, 2, 5, 2},
	};
	struct many m;

	(void)state;
	many_init(&m);
	many_notes = 10;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct run run = {.program = "test", .globals.quiet = true};
		bool found[2] = {false, false};
		struct host_choice c = {.words = (char **)(uintptr_t)rows[i].words,
					.count = rows[i].count,
					.found = found,
					.trouble_only = true};
		struct host_list l;

		host_list_init(&l);
		assert_true(host_list_read(&run, &m.queue, &c, &l));
		assert_int_equal(l.count, rows[i].wanted);
		assert_int_equal(found[0] + found[1], rows[i].found);
		/* the worst first, then by name */
		for (size_t k = 1; k < l.count; k++)
			assert_true(l.list[k - 1].state > l.list[k].state ||
				    (l.list[k - 1].state == l.list[k].state &&
				     slice_cmp(l.list[k - 1].host, l.list[k].host) < 0));
		host_list_free(&l);
	}
}

static void test_limit(void **state)
{
	struct run run = {.program = "test"};
	struct host_choice c = {.count = 0};
	struct host_list l;
	struct many m;

	(void)state;
	many_init(&m);
	many_notes = LIMIT_HOSTS + 1;
	host_list_init(&l);
	assert_true(host_list_read(&run, &m.queue, &c, &l));
	assert_int_equal(l.count, LIMIT_HOSTS);
	assert_int_equal(run.status, STATUS_SOME);
	host_list_free(&l);
	run.status = STATUS_OK;
	many_notes = LIMIT_HOSTS;
	host_list_init(&l);
	assert_true(host_list_read(&run, &m.queue, &c, &l));
	assert_int_equal(run.status, STATUS_OK);
	host_list_free(&l);
}

/* A backend that notes nothing is none to complain of. */
static void test_none(void **state)
{
	struct run run = {.program = "test", .globals.quiet = true};
	struct host_choice c = {.count = 0};
	struct host_list l;
	struct many m;

	(void)state;
	many_init(&m);
	m.backend.hosts = NULL;
	host_list_init(&l);
	assert_false(host_list_read(&run, &m.queue, &c, &l));
	assert_int_equal(run.status, STATUS_OK);
	host_list_free(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_status_texts), cmocka_unit_test(test_records),
	    cmocka_unit_test(test_passed_over),	 cmocka_unit_test(test_words),
	    cmocka_unit_test(test_limit),	 cmocka_unit_test(test_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
