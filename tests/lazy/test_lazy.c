/*
 * What an expression makes the engine read: for each message the loads, in order, with the needs
 * and prices of the real backends. Nothing is read that the answer or the output does not need.
 */
#include "contract/engine.h"
#include "unit/cmocka_all.h"

#include <mtaq/timefmt.h>

#include <stdlib.h>
#include <unistd.h>

enum { NOW = 100 * DAY_SECONDS, KINDS = 4, LOADS = 8 };

static struct header headers[] = {{.name = {"Subject", 7}, .raw = {" x marks", 8}}};
static struct recipient people[] = {{.address = {"ann@b.example", 13}, .channel = CHANNEL_LOCAL}};

/* m0 an old bounce, m1 a young bounce, m2 old and large, m3 young and small. */
static void make_messages(struct crowd *c)
{
	crowd_init(c, KINDS);
	for (size_t i = 0; i < KINDS; i++) {
		struct message *m = &c->list[i].is;

		m->arrival = number_of(i % 2 ? NOW - 3600 : 0);
		m->bounce = i < 2;
		m->sender = i < 2 ? SLICE("") : SLICE("joe@a.example");
		m->size = number_of(i == 2 ? 5000 : 100);
		m->headers = (struct header_list){headers, 1, 1};
		m->recipients = people;
		m->recipient_count = m->pending_count = 1;
		m->body = SLICE("x\n");
		m->locked = i == 0;
	}
}

struct row {
	const char *expression;
	parts_t output;
	/* Of each message: a letter per part, '+' between two loads; '!' after it: it is selected.
	 */
	const char *loads[KINDS];
};

static char letter(int part)
{
	static const char letters[PART_COUNT + 1] = "NSCDRHLBG";

	return letters[part];
}

/* What happened, in the notation of the rows. */
static struct slice notation(struct arena *a, const struct engine *e, size_t i)
{
	parts_t loads[LOADS];
	size_t n = mem_history(e->request.queue, i, loads, LOADS), at = 0;
	char text[64];

	assert_true(n <= LOADS);
	for (size_t k = 0; k < n; k++) {
		if (k)
			text[at++] = '+';
		for (int p = 1; p < PART_COUNT; p++)
			if (loads[k] & PART(p))
				text[at++] = letter(p);
	}
	if (engine_printed(e, i))
		text[at++] = '!';
	return arena_copy(a, slice_of(text, at));
}

/* Run it; the same happens on one thread and on three. */
static void check_row(const struct backend *like, const struct mem_message *list,
		      const struct row *r)
{
	struct queue *q = mem_open(like, list, KINDS, NOW);
	struct expression x;
	struct engine e;

	expression_init(&x, q, r->expression);
	for (unsigned jobs = 1; jobs <= 3; jobs += 2) {
		mem_reset_counts(q);
		engine_init(&e, q);
		e.request.filter = x.bound;
		e.request.parts = r->output;
		e.request.jobs = jobs;
		engine_run(&e);
		for (size_t i = 0; i < KINDS; i++) {
			struct slice got = notation(&x.arena, &e, i);

			if (!slice_eq(got, slice_from(r->loads[i])))
				fail_msg("%s on %s, m%zu: loads %.*s, not %s", r->expression,
					 like->name, i, SLICE_ARG(got), r->loads[i]);
		}
		engine_free(&e);
	}
	expression_free(&x);
	mem_close(q);
}

static void check_rows(const char *mta, const struct row *rows, size_t count)
{
	struct crowd c;

	make_messages(&c);
	for (size_t i = 0; i < count; i++)
		check_row(backend_find(mta), c.list, &rows[i]);
	crowd_free(&c);
}

#define CHECK(mta, rows) check_rows(mta, rows, sizeof(rows) / sizeof(rows)[0])

/* ---- what each MTA makes of an expression ---- */

static void test_qmail(void **state)
{
	static const struct row rows[] = {
	    /* the stat of info tells both */
	    {"bounce and age > 2d", 0, {"S!", "S", "S", "S"}},
	    {"age > 2d and bounce", 0, {"S!", "S", "S", "S"}},
	    {"not (bounce or age > 2d)", 0, {"S", "S", "S", "S!"}},
	    {"bounce and age > 2d and age < 300d and double_bounce", 0, {"S", "S", "S", "S"}},
	    /* the header only of the old ones, whichever way it is written */
	    {"subject =~ /x/ and age > 2d", 0, {"S+H!", "S", "S+H!", "S"}},
	    {"age > 2d and subject =~ /x/", 0, {"S+H!", "S", "S+H!", "S"}},
	    {"not (age < 2d or subject !~ /x/)", 0, {"S+H!", "S", "S+H!", "S"}},
	    /* or: the cheaper side first, the other only when it is needed */
	    {"subject =~ /x/ or bounce", 0, {"S!", "S!", "S+H!", "S+H!"}},
	    {"bounce or subject =~ /x/", 0, {"S!", "S!", "S+H!", "S+H!"}},
	    {"body =~ /x/ or subject =~ /y/ or size > 1k", 0, {"D+H+B!", "D+H+B!", "D!", "D+H+B!"}},
	    /* equal prices: as written */
	    {"age > 2d and size > 1k", 0, {"S+D", "S", "S+D!", "S"}},
	    {"size > 1k and age > 2d", 0, {"D", "D", "D+S!", "D"}},
	    /* info before the channels, the header between them */
	    {"recipient =~ /b/ and sender == 'joe@a.example'", 0, {"C", "C", "C+R!", "C+R!"}},
	    {"recipient =~ /b/ and subject =~ /x/", 0, {"H+R!", "H+R!", "H+R!", "H+R!"}},
	    {"recipient =~ /b/ and subject =~ /y/", 0, {"H", "H", "H", "H"}},
	    {"any(channel == local and recipient =~ /ann/)", 0, {"R!", "R!", "R!", "R!"}},
	    {"has(subject) and not has(cc)", 0, {"H!", "H!", "H!", "H!"}},
	    /* a part once, whoever asks */
	    {"subject =~ /x/ and subject =~ /m/ and has(from)", 0, {"H", "H", "H", "H"}},
	    {"state == queued", 0, {"SR!", "SR!", "SR!", "SR!"}},
	    {"bounce and state == queued", 0, {"S+R!", "S+R!", "S", "S"}},
	};

	(void)state;
	CHECK("qmail", rows);
}

static void test_sendmail(void **state)
{
	static const struct row rows[] = {
	    /* all of the envelope is one file */
	    {"bounce and age > 2d", 0, {"C!", "C", "C", "C"}},
	    {"age > 2d and bounce and has(priority)", 0, {"C", "C", "C", "C"}},
	    /* the header is in the same file, so that its leaf is hardly dearer */
	    {"subject =~ /x/", 0, {"CH!", "CH!", "CH!", "CH!"}},
	    {"subject =~ /x/ and age > 2d", 0, {"C+H!", "C", "C+H!", "C"}},
	    {"recipient =~ /b/ and bounce", 0, {"C+R!", "C+R!", "C", "C"}},
	    /* the stat of df before the qf is opened */
	    {"age > 2d and size > 1k", 0, {"D", "D", "D+C!", "D"}},
	    {"bounce or size > 1k", 0, {"D+C!", "D+C!", "D!", "D+C"}},
	    {"state == queued", 0, {"CD!", "CD!", "CD!", "CD!"}},
	    /* the body last of all */
	    {"body =~ /x/ and bounce and size < 1k", 0, {"D+C+B!", "D+C+B!", "D", "D+C"}},
	    {"body =~ /x/", 0, {"DB!", "DB!", "DB!", "DB!"}},
	    {"locked and size < 1k", 0, {"D+SL!", "D+SL", "D", "D+SL"}},
	};

	(void)state;
	CHECK("sendmail", rows);
}

/* ---- what no message decides ---- */

static void test_constants(void **state)
{
	static const struct row qmail[] = {
	    {"id == 'm2'", 0, {"", "", "!", ""}},
	    {"mta == qmail", 0, {"!", "!", "!", "!"}},
	    {"mta == sendmail and priority > 5", 0, {"", "", "", ""}},
	    {"mta == sendmail and priority > 5 or bounce", 0, {"S!", "S!", "S", "S"}},
	    {"mta == qmail or body =~ /x/", 0, {"!", "!", "!", "!"}},
	    {"host == 'HOST.example' and id =~ /[01]/", 0, {"!", "!", "", ""}},
	};
	static const struct row sendmail[] = {
	    {"mta == sendmail and priority > 5", 0, {"C", "C", "C", "C"}},
	    {"mta != sendmail or id == 'm0'", 0, {"!", "", "", ""}},
	};

	(void)state;
	CHECK("qmail", qmail);
	CHECK("sendmail", sendmail);
}

/* ---- the output ---- */

/* Its parts are loaded of selected messages only, in one go, and none twice. */
static void test_output(void **state)
{
	static const struct row qmail[] = {
	    {"age > 2d", PART_HEADER | PART_RECIPIENTS, {"S+RH!", "S", "S+RH!", "S"}},
	    {"id == 'm1'", PART_BODY, {"", "B!", "", ""}},
	    {"subject =~ /x/ and bounce", PART_HEADER, {"S+H!", "S+H!", "S", "S"}},
	    {"subject =~ /x/ and bounce", PART_STAT, {"S+H!", "S+H!", "S", "S"}},
	    {"bounce", PART_STAT | PART_DATA, {"S+D!", "S+D!", "S", "S"}},
	};

	(void)state;
	CHECK("qmail", qmail);
}

/* Without a filter only what the output wants. */
static void test_no_filter(void **state)
{
	struct queue *q;
	struct engine e;
	struct crowd c;

	(void)state;
	make_messages(&c);
	q = mem_open(backend_find("qmail"), c.list, c.count, NOW);
	engine_init(&e, q);
	e.request.parts = 0;
	engine_run(&e);
	engine_assert_names(&e, 0, KINDS);
	assert_int_equal(mem_calls(q, MEM_LOAD), 0);
	e.request.parts = PART_NAME;
	engine_run(&e);
	assert_int_equal(mem_calls(q, MEM_LOAD), 0);
	e.request.parts = PART_DATA | PART_CONTROL;
	engine_run(&e);
	assert_int_equal(mem_calls(q, MEM_LOAD), KINDS);
	assert_int_equal(mem_part_loads(q, PART_DATA_I), KINDS);
	assert_int_equal(mem_part_loads(q, PART_CONTROL_I), KINDS);
	assert_int_equal(mem_part_loads(q, PART_STAT_I), 0);
	engine_free(&e);
	mem_close(q);
	crowd_free(&c);
}

/* ---- what cannot be read ---- */

/* An ERROR ends nothing: its siblings may still decide. */
static void test_errors(void **state)
{
	static const struct row rows[] = {
	    /* m2 is large */
	    {"bounce and size > 1k", 0, {"S+D", "S+D", "S+D", "S+D"}},
	    {"bounce or size > 1k", 0, {"S+D", "S+D", "S+D!", "S+D"}},
	    {"not bounce or size > 1k", 0, {"S+D", "S+D", "S+D!", "S+D"}},
	    /* what is decided is not asked again */
	    {"size > 1k and bounce and subject =~ /x/", 0, {"D", "D", "D+S+H", "D"}},
	    {"size > 1k or bounce", 0, {"D+S", "D+S", "D!", "D+S"}},
	};
	struct crowd c;

	(void)state;
	make_messages(&c);
	for (size_t i = 0; i < KINDS; i++)
		c.list[i].fails = PART_STAT;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		check_row(backend_find("qmail"), c.list, &rows[i]);
	crowd_free(&c);
}

/* A message that is gone is asked nothing more. */
static void test_gone(void **state)
{
	static const struct row rows[] = {
	    {"bounce and size > 1k", PART_BODY, {"S", "S", "S", "S"}},
	    {"size < 1m and bounce", PART_BODY, {"D+S", "D+S", "D+S", "D+S"}},
	    {"bounce or subject =~ /x/", PART_BODY, {"S", "S", "S", "S"}},
	    {"size < 1m", PART_STAT | PART_BODY, {"D+SB", "D+SB", "D+SB", "D+SB"}},
	};
	struct crowd c;

	(void)state;
	make_messages(&c);
	for (size_t i = 0; i < KINDS; i++)
		c.list[i].vanishes = PART_STAT;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		check_row(backend_find("qmail"), c.list, &rows[i]);
	crowd_free(&c);
}

/* A state that the name tells costs nothing. */
static void test_state_in_name(void **state)
{
	static const struct row rows[] = {
	    {"state == queued", 0, {"!", "!", "!", "!"}},
	    {"state == held and body =~ /x/", 0, {"", "", "", ""}},
	    {"not (state == queued) or size > 1k", 0, {"D", "D", "D!", "D"}},
	};
	struct crowd c;

	(void)state;
	make_messages(&c);
	for (size_t i = 0; i < KINDS; i++)
		c.list[i].state_in_name = true;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		check_row(backend_find("sendmail"), c.list, &rows[i]);
	crowd_free(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_qmail),     cmocka_unit_test(test_sendmail),
	    cmocka_unit_test(test_constants), cmocka_unit_test(test_output),
	    cmocka_unit_test(test_no_filter), cmocka_unit_test(test_errors),
	    cmocka_unit_test(test_gone),      cmocka_unit_test(test_state_in_name),
	};

	alarm(120);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
