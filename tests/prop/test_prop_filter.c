/*
 * Random expressions over random messages: evaluation that reads parts on demand, cheapest first,
 * answers as the naive one that has all of them; and an expression's canonical text is the same
 * expression.
 *
 * MTAQ_PROP_SEED and MTAQ_PROP_CASES set where it begins and how long it runs; a failure prints its
 * seed.
 */
#include "filter_ast.h"
#include "unit/cmocka_all.h"
#include "unit/filter_world.h"

#include <mtaq/timefmt.h>

#include <inttypes.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { CASES = 4000, MESSAGES = 4 };

static struct world world;
static uint64_t random_state, case_seed;
static bool finished;

/* --- dice --- */

static uint64_t random_next(void)
{
	uint64_t z = random_state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

static size_t below(size_t n)
{
	return (size_t)(random_next() % n);
}

static bool one_in(size_t n)
{
	return below(n) == 0;
}

#define PICK(list) (list)[below(sizeof(list) / sizeof((list)[0]))]

/* --- messages: few values, so that tests often hold --- */

static const struct slice words[] = {
    {"", 0},
    {"a@b.example", 11},
    {"a@B.example", 11},
    {"A@b.example", 11},
    {"c@d.example", 11},
    {"b.example", 9},
    {"local", 5},
    {"x\0y", 3},
    {"a\xff"
     "b",
     3},
    {"\xc3\xa4", 2},
};

static struct slice word(void)
{
	return PICK(words);
}

static struct slice maybe_word(void)
{
	return one_in(3) ? SLICE_NONE : word();
}

static struct number maybe_number(int64_t base, size_t spread)
{
	return one_in(3) ? (struct number){0} : number_of(base + (int64_t)below(spread));
}

static struct number maybe_time(void)
{
	return maybe_number(WORLD_NOW - 4 * DAY_SECONDS, 5 * DAY_SECONDS);
}

static void random_recipients(struct message *m)
{
	static const enum channel channels[] = {CHANNEL_NONE, CHANNEL_LOCAL, CHANNEL_REMOTE};

	m->recipient_count = below(5);
	m->recipients = arena_zalloc(&world.arena, 5 * sizeof *m->recipients);
	m->statuses = arena_array(&world.arena, 6, sizeof *m->statuses);
	assert_true(m->recipients && m->statuses);
	for (size_t i = 0; i < m->recipient_count; i++) {
		struct recipient *r = &m->recipients[i];

		r->address = word();
		r->status = maybe_word();
		r->route = maybe_word();
		r->attempts = maybe_number(0, 4);
		r->last_attempt = maybe_time();
		r->channel = PICK(channels);
		r->done = one_in(3);
		m->pending_count += !r->done;
		if (r->status.p)
			m->statuses[m->status_count++] = r->status;
	}
}

static void random_headers(struct message *m)
{
	static const struct slice names[] = {{"Subject", 7}, {"To", 2}, {"X", 1}};

	m->headers.count = m->headers.room = below(4);
	m->headers.list = arena_zalloc(&world.arena, 4 * sizeof *m->headers.list);
	assert_non_null(m->headers.list);
	for (size_t i = 0; i < m->headers.count; i++) {
		m->headers.list[i].name = PICK(names);
		m->headers.list[i].raw = word();
	}
}

static struct message random_message(void)
{
	static const struct slice bodies[] = {
	    {"", 0}, {"a@b.example\nx", 13}, {"\n\nlocal\r\n", 9}};
	static const struct error why = {
	    .code = ERROR_SYSTEM, .offset = SIZE_MAX, .text = "failed"};
	struct message m = world_message(&world);

	m.id = word();
	m.state = (enum message_state)below(STATE_COUNT);
	m.state_known = one_in(2);
	m.arrival = maybe_time();
	m.accepted = maybe_time();
	m.attempts = maybe_number(0, 4);
	m.last_attempt = maybe_time();
	m.size = maybe_number(0, 3000);
	m.sender = maybe_word();
	m.bounce = one_in(2);
	m.locked = (int)below(3) - 1;
	m.auth = maybe_word();
	/* sometimes one that a pattern cannot be decided on */
	m.reason = one_in(4) ? SLICE("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab") : maybe_word();
	m.body = PICK(bodies);
	random_recipients(&m);
	random_headers(&m);
	if (one_in(2))
		world_fail(&m, (parts_t)(random_next() & random_next() & (WORLD_PARTS ^ PART_NAME)),
			   &why);
	return m;
}

/* --- expressions --- */

static const char *const text_fields[] = {"id",
					  "sender",
					  "sender.domain",
					  "auth",
					  "reason",
					  "recipient",
					  "recipient.domain",
					  "recipient.all",
					  "recipient.done",
					  "route",
					  "status",
					  "header['X']",
					  "subject",
					  "to",
					  "body"};
static const char *const own_text_fields[] = {"recipient", "recipient.domain", "recipient.all",
					      "route", "status"};
static const char *const time_fields[] = {"arrival", "accepted", "last_attempt"};
static const char *const bool_fields[] = {"bounce", "locked"};
static const char *const orders[] = {"<", "<=", ">", ">="};

static void random_text_test(struct buf *b, const char *field)
{
	static const char *const patterns[] = {"/a/",  "/^$/",		"/@B/i",   "/example$/m",
					       "/./s", "/^ x \\x00 /x", "/\\/|l/", "/[^a]/"};

	buf_adds(b, field);
	switch (below(3)) {
	case 0:
		buf_adds(b, one_in(2) ? " == " : " != ");
		print_text(word(), b);
		break;
	case 1:
		buf_adds(b, one_in(2) ? " in (" : " not in (");
		print_text(word(), b);
		buf_adds(b, ", ");
		print_text(word(), b);
		buf_addc(b, ')');
		break;
	default:
		buf_adds(b, one_in(2) ? " =~ " : " !~ ");
		buf_adds(b, PICK(patterns));
	}
}

static void random_constant_test(struct buf *b)
{
	static const char *const tests[] = {"mta == qmail",
					    "mta != qmail",
					    "host == 'MX.example'",
					    "queue =~ /other/",
					    "(mta != qmail and priority > 5)",
					    "(mta == qmail or macro['x'] == 'y')"};

	buf_adds(b, PICK(tests));
}

static void random_own_test(struct buf *b)
{
	switch (below(4)) {
	case 0:
		buf_printf(b, "attempts %s %zu", PICK(orders), below(4));
		break;
	case 1:
		buf_printf(b, "last_attempt %s @%" PRId64, PICK(orders),
			   WORLD_NOW - (int64_t)below(4 * DAY_SECONDS));
		break;
	case 2:
		buf_adds(b, one_in(2) ? "channel == local" : "has(attempts)");
		break;
	default:
		random_text_test(b, PICK(own_text_fields));
	}
}

static void random_message_test(struct buf *b)
{
	switch (below(9)) {
	case 0:
		buf_adds(b, PICK(bool_fields));
		break;
	case 1:
		buf_printf(b, "age %s %zuh", PICK(orders), below(100));
		break;
	case 2:
		buf_printf(b, "%s %s @%" PRId64, PICK(time_fields), PICK(orders),
			   WORLD_NOW - (int64_t)below(4 * DAY_SECONDS));
		break;
	case 3:
		buf_printf(b, "size %s %zu", one_in(3) ? "!=" : PICK(orders), below(3000));
		break;
	case 4:
		buf_adds(b, one_in(2) ? "state in (queued, new)" : "pending not in (0, 2)");
		break;
	case 5:
		buf_printf(b, "has(%s)", one_in(2) ? PICK(text_fields) : PICK(time_fields));
		break;
	case 6:
		if (one_in(20))
			buf_adds(b, "reason =~ /^(a+)+$/");
		else
			random_constant_test(b);
		break;
	default:
		random_text_test(b, PICK(text_fields));
	}
}

static void random_expression(struct buf *b, size_t depth, bool own)
{
	size_t kids = 2 + below(2);
	const char *join = one_in(2) ? " and " : " or ";

	if (depth == 0 || one_in(5)) {
		own ? random_own_test(b) : random_message_test(b);
		return;
	}
	if (one_in(3))
		buf_adds(b, "not ");
	if (!own && one_in(4)) {
		buf_adds(b, one_in(2) ? "any(" : "all(");
		random_expression(b, below(depth), true);
	} else {
		buf_addc(b, '(');
		for (size_t i = 0; i < kids; i++) {
			buf_adds(b, i ? join : "");
			random_expression(b, depth - 1, own);
		}
	}
	buf_addc(b, ')');
}

/* --- the properties --- */

/* A message of which only the name is known, whose parts come when asked for, sometimes with
 * others. */
static enum verdict lazy(const struct filter *bound, struct filter_state *s,
			 const struct message *whole)
{
	struct message m = *whole;
	struct field_context c = world_context(&world, &m);
	enum verdict v = VERDICT_PENDING;

	m.have = PART_NAME;
	m.failed = 0;
	filter_state_reset(s);
	for (int round = 0; v == VERDICT_PENDING; round++) {
		struct error err = ERROR_INIT;
		parts_t want = 0;

		v = filter_eval(bound, s, &c, &want, &err);
		assert_int_equal(v == VERDICT_ERROR, err.code != ERROR_NONE);
		assert_int_equal(v == VERDICT_PENDING, want != 0);
		assert_int_equal(want & (m.have | ~filter_parts(bound)), 0);
		assert_in_range(round, 0, PART_COUNT);
		m.have |= want;
		if (one_in(4))
			m.have |= (parts_t)(random_next() & WORLD_PARTS);
		m.failed = whole->failed & m.have;
	}
	return v;
}

static void check_messages(const char *text, const struct filter *bound, const struct filter *again)
{
	struct filter_state *s = filter_state_new(bound), *s2 = filter_state_new(again);

	assert_true(s && s2);
	for (int i = 0; i < MESSAGES; i++) {
		struct message m = random_message();
		struct field_context c = world_context(&world, &m);
		enum verdict naive = filter_eval_naive(bound, s, &c);
		enum verdict v = lazy(bound, s, &m), v2 = lazy(again, s2, &m);

		if (v != naive || v2 != naive)
			fail_msg("%s\n message %d: naive %d, lazy %d, printed and parsed %d", text,
				 i, naive, v, v2);
		if (filter_constant(bound) != VERDICT_PENDING)
			assert_int_equal(filter_constant(bound), naive);
	}
	filter_state_free(s);
	filter_state_free(s2);
}

static char *print(const struct filter *f)
{
	struct buf b;

	buf_init(&b);
	filter_print(f, &b);
	buf_addc(&b, '\0');
	return b.p;
}

static struct filter *parse(const char *text)
{
	struct error err = ERROR_INIT;
	struct filter *f = filter_parse(&world.arena, slice_from(text), WORLD_NOW, &err);

	if (!f)
		fail_msg("%s: %s", text, err.text);
	return f;
}

static const struct filter *bind(const struct filter *f)
{
	struct error err = ERROR_INIT;
	const struct filter *bound = filter_bind(&world.arena, f, &world.target, &err);

	if (!bound)
		fail_msg("%s", err.text);
	return bound;
}

static void check_expression(const char *text)
{
	struct filter *f = parse(text), *again;
	char *first = print(f), *second;

	again = parse(first);
	second = print(again);
	assert_string_equal(first, second);
	check_messages(text, bind(f), bind(again));
	filter_free(f);
	filter_free(again);
	free(first);
	free(second);
}

static uint64_t setting(const char *name, uint64_t otherwise)
{
	const char *value = getenv(name);

	return value ? strtoull(value, NULL, 10) : otherwise;
}

/* Each case has a seed of its own, so that it can be run alone. */
static void test_lazy_is_naive(void **state)
{
	uint64_t seed =
	    setting("MTAQ_PROP_SEED", (uint64_t)time(NULL) * 1000003u + (uint64_t)getpid());
	uint64_t cases = setting("MTAQ_PROP_CASES", CASES);

	(void)state;
	for (uint64_t i = 0; i < cases; i++) {
		struct buf b;

		random_state = case_seed = seed + i;
		world_init(&world);
		buf_init(&b);
		random_expression(&b, 1 + below(4), false);
		buf_addc(&b, '\0');
		check_expression(b.p);
		buf_free(&b);
		world_free(&world);
	}
	finished = true;
}

static int tell_seed(void **state)
{
	(void)state;
	if (!finished)
		print_message("# to see it again: MTAQ_PROP_SEED=%" PRIu64 " MTAQ_PROP_CASES=1\n",
			      case_seed);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_teardown(test_lazy_is_naive, tell_seed),
	};

	return cmocka_run_group_tests_name("prop_filter", tests, NULL, NULL);
}
