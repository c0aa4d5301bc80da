/*
 * Selecting with a filter is asking every message, all of it read, the plainest way: random
 * expressions over messages in memory with parts that fail, and over the recorded queues.
 */
#include "contract/contract.h"
#include "contract/engine.h"
#include "unit/cmocka_all.h"

#include <mtaq/timefmt.h>

#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

enum { NOW = 100 * DAY_SECONDS, CROWD = 2 * LIMIT_CHUNK_ENTRIES + 50 };

/* xorshift: the same sequence everywhere, so that a failure can be looked at again. */
struct dice {
	uint64_t x;
};

static uint64_t roll(struct dice *d, uint64_t sides)
{
	d->x ^= d->x << 13;
	d->x ^= d->x >> 7;
	d->x ^= d->x << 17;
	return d->x % sides;
}

static bool coin(struct dice *d)
{
	return roll(d, 2);
}

/* ---- expressions ---- */

static void add_text_test(struct buf *out, struct dice *d)
{
	static const char *const tests[] = {" == 'joe@a.example'", " != 'ann@b.example'",
					    " in ('a.example', 'b.example', 'x')",
					    " not in ('', '7BIT')"};
	char letter = "aeiox@.0-"[roll(d, 9)];

	if (coin(d))
		buf_adds(out, tests[roll(d, 4)]);
	else
		buf_printf(out, " %s /%s%c/i", coin(d) ? "=~" : "!~", coin(d) ? "^" : "",
			   letter == '.' ? 'b' : letter);
}

static void add_test(struct buf *out, const struct field *f, struct dice *d)
{
	static const char *const order[] = {"<", "<=", ">", ">="};
	const char *op = order[roll(d, 4)];

	switch (f->type) {
	case TYPE_TEXT:
		add_text_test(out, d);
		break;
	case TYPE_NUMBER:
		buf_printf(out, " %s %u", op, (unsigned)roll(d, 4));
		break;
	case TYPE_SIZE:
		buf_printf(out, " %s %u", op, (unsigned)roll(d, 3000));
		break;
	case TYPE_TIME:
		buf_printf(out, " %s @%u", op,
			   (unsigned)(roll(d, 2) ? 1768300000 : 90 * DAY_SECONDS));
		break;
	case TYPE_DURATION:
		buf_printf(out, " %s %ud", op, (unsigned)roll(d, 9));
		break;
	default:
		break;
	}
}

/* A test of a random field that this queue can have; inside any() and all() one of a recipient. */
static void add_leaf(struct buf *out, const struct backend *b, bool inside, struct dice *d)
{
	const struct field *f;

	do
		f = field_row((enum field_id)roll(d, FIELD_COUNT));
	while (!b->needs[f->id] || (inside && !(f->flags & FIELD_PER_RECIPIENT)));
	if (f->type == TYPE_ENUM) {
		const char *name = NULL;

		while (!name)
			name = f->enum_name((int64_t)roll(d, STATE_COUNT));
		buf_printf(out, "%s %s %s", f->name, coin(d) ? "==" : "!=", name);
		return;
	}
	if (f->type != TYPE_BOOL && roll(d, 6) == 0) {
		buf_printf(out, "has(%s%s)", f->name,
			   f->flags & FIELD_ARGUMENT ? "[\"subject\"]" : "");
		return;
	}
	buf_printf(out, "%s%s", f->name, f->flags & FIELD_ARGUMENT ? "[\"subject\"]" : "");
	add_test(out, f, d);
}

static void add_expression(struct buf *out, const struct backend *b, int depth, bool inside,
			   struct dice *d)
{
	uint64_t kind = depth ? roll(d, 8) : 0;

	if (kind < 2) {
		add_leaf(out, b, inside, d);
	} else if (kind == 2) {
		buf_adds(out, "not (");
		add_expression(out, b, depth - 1, inside, d);
		buf_addc(out, ')');
	} else if (kind == 3 && !inside) {
		buf_adds(out, coin(d) ? "any(" : "all(");
		add_expression(out, b, depth - 1, true, d);
		buf_addc(out, ')');
	} else {
		buf_addc(out, '(');
		add_expression(out, b, depth - 1, inside, d);
		buf_adds(out, kind % 2 ? ") or (" : ") and (");
		add_expression(out, b, depth - 1, inside, d);
		buf_addc(out, ')');
	}
}

/* ---- the plain way ---- */

struct answers {
	struct buf selected; /* names, one per line */
	unsigned long errors;
	unsigned long yes, no;
};

static void ask_all(struct answers *a, const struct queue *q, const struct expression *x)
{
	struct filter_state *state = filter_state_new(x->bound);
	struct entries l;
	struct subject s;

	assert_non_null(state);
	entries_scan(&l, q);
	subject_init(&s);
	for (size_t i = 0; i < l.count; i++) {
		struct field_context c = {.message = &s.message,
					  .arena = &s.arena,
					  .charsets = s.charsets,
					  .now = q->now};
		enum verdict v;

		subject_begin(&s, q, &l.list[i]);
		subject_load(&s, PARTS_ALL);
		filter_state_reset(state);
		v = filter_eval_naive(x->bound, state, &c);
		if (v == VERDICT_YES) {
			buf_add(&a->selected, s.message.id);
			buf_addc(&a->selected, '\n');
		}
		a->yes += v == VERDICT_YES;
		a->no += v == VERDICT_NO;
		a->errors += v == VERDICT_ERROR;
	}
	a->errors += l.errors;
	subject_free(&s);
	entries_free(&l);
	filter_state_free(state);
}

/* One random expression: the engine selects what the plain way does. Adds to `sum`. */
static void check_one(struct queue *q, struct dice *d, struct answers *sum)
{
	struct answers a = {0};
	struct expression x;
	struct engine e;
	struct buf text;

	buf_init(&text);
	add_expression(&text, q->backend, 1 + (int)roll(d, 4), false, d);
	buf_addc(&text, '\0');
	expression_init(&x, q, text.p);
	ask_all(&a, q, &x);
	engine_init(&e, q);
	e.request.filter = x.bound;
	e.request.parts = 0;
	e.request.jobs = (unsigned)(1 + roll(d, 4));
	engine_run(&e);
	if (!slice_eq(buf_slice(&e.out), buf_slice(&a.selected)))
		fail_msg("%s on %s: selected\n%.*snot\n%.*s%.*s", text.p, q->name,
			 SLICE_ARG(buf_slice(&e.out)), SLICE_ARG(buf_slice(&a.selected)),
			 SLICE_ARG(buf_slice(&e.log)));
	/* what is being written at this moment counts as not there yet */
	if (e.totals.errors + e.totals.gone != a.errors)
		fail_msg("%s on %s: %lu errors, not %lu\n%.*s", text.p, q->name, e.totals.errors,
			 a.errors, SLICE_ARG(buf_slice(&e.log)));
	sum->yes += a.yes;
	sum->no += a.no;
	sum->errors += a.errors;
	engine_free(&e);
	expression_free(&x);
	buf_free(&a.selected);
	buf_free(&text);
}

/* ---- in memory ---- */

static struct header headers[] = {{.name = {"Subject", 7}, .raw = {" an exam", 8}},
				  {.name = {"From", 4}, .raw = {" joe", 4}},
				  {.name = {"Subject", 7}, .raw = {" =?utf-8?q?caf=C3=A9?=", 22}}};
static struct recipient people[] = {
    {.address = {"ann@b.example", 13}, .channel = CHANNEL_LOCAL},
    {.address = {"old@c.example", 13}, .channel = CHANNEL_REMOTE, .done = true},
    {.address = {"bob@a.example", 13},
     .channel = CHANNEL_REMOTE,
     .status = {"451 4.7.1 wait", 14},
     .attempts = {true, 2}},
};

static struct number maybe(struct dice *d, uint64_t sides)
{
	return roll(d, 5) ? number_of((int64_t)roll(d, sides)) : (struct number){0};
}

static void make_message(struct mem_message *m, struct dice *d)
{
	static const struct slice senders[] = {{"joe@a.example", 13}, {"", 0}, {"x", 1}, {NULL, 0}};
	struct message *is = &m->is;

	/* one that is still coming in has no sender yet, whatever the script says */
	do
		is->state = (enum message_state)(1 + roll(d, STATE_COUNT - 1));
	while (is->state == STATE_INCOMING);
	m->state_in_name = coin(d);
	is->arrival = maybe(d, NOW);
	is->accepted = maybe(d, NOW);
	is->expires = maybe(d, NOW);
	is->last_attempt = maybe(d, NOW);
	is->attempts = maybe(d, 4);
	is->size = maybe(d, 3000);
	is->priority = maybe(d, 4);
	is->sender = senders[roll(d, 4)];
	is->bounce = is->sender.p && !is->sender.n;
	is->recipients = people;
	is->recipient_count = roll(d, 4);
	is->headers = (struct header_list){headers, roll(d, 4), 3};
	is->body = coin(d) ? SLICE("<<< 550 no\nsome text\n") : SLICE("");
	is->locked = (int)roll(d, 3) - 1;
	if (roll(d, 3) == 0)
		m->fails = (parts_t)(roll(d, PARTS_ALL) & roll(d, PARTS_ALL)) & (parts_t)~PART_NAME;
}

static void check_memory(const char *like, uint64_t seed, int rounds)
{
	struct dice d = {seed};
	struct answers sum = {0};

	for (int round = 0; round < rounds; round++) {
		struct crowd c;
		struct queue *q;

		crowd_init(&c, round % 10 ? 40 : CROWD);
		for (size_t i = 0; i < c.count; i++)
			make_message(&c.list[i], &d);
		q = mem_open(like ? backend_find(like) : NULL, c.list, c.count, NOW);
		for (int i = 0; i < 4; i++)
			check_one(q, &d, &sum);
		mem_close(q);
		crowd_free(&c);
	}
	/* the dice are not loaded */
	assert_true(sum.yes > 1000 && sum.no > 1000 && sum.errors > 1000);
}

static void test_memory_as_qmail(void **state)
{
	(void)state;
	check_memory("qmail", 0x9E3779B97F4A7C15u, 100);
}

static void test_memory_as_sendmail(void **state)
{
	(void)state;
	check_memory("sendmail", 0xD1B54A32D192ED03u, 100);
}

/* ---- recorded queues ---- */

static void ignore_trouble(void *ctx, const struct error *err)
{
	(void)ctx;
	(void)err;
}

static void check_recorded(const char *kind, const char *name, int rounds)
{
	struct dice d = {0x8EBC6AF09C88C6E3u};
	struct answers sum = {0};
	struct fixture f;
	struct queue *q;

	fixture_unpack(&f, kind, name);
	q = fixture_open(&f, ignore_trouble, NULL);
	for (int i = 0; i < rounds; i++)
		check_one(q, &d, &sum);
	q->backend->close(q);
	fixture_remove(&f);
	assert_true(sum.yes > 100 && sum.no > 100);
}

static void test_recorded_qmail(void **state)
{
	static const char *const names[] = {"basic",	"todo",	  "bigtodo",
					    "bouncing", "broken", "broken-dir"};

	(void)state;
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
		check_recorded("qmail", names[i], 150);
}

static void test_recorded_sendmail(void **state)
{
	static const char *const names[] = {"flat", "groups", "quarantined", "broken",
					    "oldformats"};

	(void)state;
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
		check_recorded("sendmail", names[i], 150);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_memory_as_qmail),
	    cmocka_unit_test(test_memory_as_sendmail),
	    cmocka_unit_test(test_recorded_qmail),
	    cmocka_unit_test(test_recorded_sendmail),
	};

	alarm(300);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
