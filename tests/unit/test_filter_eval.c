/* What an expression answers: leaves of each type, the four results, lists, any() and all(), what
 * is read for it. */
#include "filter_ast.h"
#include "unit/cmocka_all.h"
#include "unit/filter_world.h"

#include <mtaq/limits.h>
#include <mtaq/timefmt.h>

static struct world world;
static struct message full, bare, broken;

/* --- the messages --- */

static const struct error lost = {.code = ERROR_SYSTEM,
				  .errnum = 5,
				  .offset = SIZE_MAX,
				  .text = "/queue/remote/4/1234: I/O error"};

static struct recipient people[] = {
    {.address = {"Ann@b.example", 13},
     .status = {"451 4.7.1 greylisted", 20},
     .own_status = true,
     .attempts = {true, 3},
     .channel = CHANNEL_REMOTE,
     .route = {"relay.example", 13}},
    {.address = {"old@d.example", 13}, .channel = CHANNEL_REMOTE, .done = true},
    {.address = {"bob@C.example", 13}, .channel = CHANNEL_LOCAL},
};

static struct header headers[] = {
    {.name = {"Subject", 7}, .raw = {" hello\n world", 13}},
    {.name = {"Received", 8}, .raw = {" from one", 9}},
    {.name = {"Received", 8}, .raw = {" from two", 9}},
    {.name = {"X-Bytes", 7}, .raw = {" a\xff\0z", 5}},
};

static struct slice statuses[] = {{"451 4.7.1 greylisted", 20}};

static int setup(void **state)
{
	(void)state;
	world_init(&world);
	bare = full = world_message(&world);
	full.sender = SLICE("joe@A.example");
	full.arrival = full.last_attempt = number_of(WORLD_NOW - 3 * DAY_SECONDS);
	full.accepted = number_of(WORLD_NOW - 5 * DAY_SECONDS);
	full.size = number_of(5000);
	full.recipients = people;
	full.recipient_count = 3;
	full.pending_count = 2;
	full.statuses = statuses;
	full.status_count = 1;
	full.headers = (struct header_list){headers, 4, 4};
	full.body = SLICE("line one\r\nline two\n");
	full.locked = 1;

	bare.sender = SLICE("");
	bare.bounce = true;
	bare.state = STATE_UNKNOWN;

	broken = full;
	broken.have = (parts_t)(WORLD_PARTS & ~PART_BODY & ~PART_LOCK);
	world_fail(&broken, PART_RECIPIENTS, &lost);
	world_fail(&broken, PART_DATA, NULL);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	world_free(&world);
	return 0;
}

/* --- one expression, bound, with its state --- */

struct subject {
	struct filter *filter;
	const struct filter *bound;
	struct filter_state *state;
	struct error err;
	parts_t want;
};

static struct subject subject_of(const char *text)
{
	struct subject s = {.err = ERROR_INIT};
	struct error err = ERROR_INIT;

	s.filter = filter_parse(&world.arena, slice_from(text), WORLD_NOW, &err);
	if (!s.filter)
		fail_msg("%s: %s", text, err.text);
	s.bound = filter_bind(&world.arena, s.filter, &world.target, &err);
	if (!s.bound)
		fail_msg("%s: %s", text, err.text);
	s.state = filter_state_new(s.bound);
	assert_non_null(s.state);
	return s;
}

static void subject_free(struct subject *s)
{
	filter_state_free(s->state);
	filter_free(s->filter);
}

static enum verdict ask(struct subject *s, const struct message *m)
{
	struct field_context c = world_context(&world, m);

	error_clear(&s->err);
	s->want = 0;
	return filter_eval(s->bound, s->state, &c, &s->want, &s->err);
}

static const char letters[] = "NYEP";

/* The verdicts on full, bare and broken; where nothing is unloaded the naive way must agree. */
static void check(const char *text, const char *expected)
{
	const struct message *messages[] = {&full, &bare, &broken};
	struct subject s = subject_of(text);

	for (int i = 0; i < 3; i++) {
		struct field_context c = world_context(&world, messages[i]);
		enum verdict v;

		filter_state_reset(s.state);
		v = ask(&s, messages[i]);
		if (letters[v] != expected[i])
			fail_msg("%s: message %d: %c, not %c", text, i, letters[v], expected[i]);
		assert_int_equal(v == VERDICT_PENDING, s.want != 0);
		assert_int_equal(v == VERDICT_ERROR, s.err.code != ERROR_NONE);
		v = filter_eval_naive(s.bound, s.state, &c);
		if (letters[v] != expected[i])
			fail_msg("%s: message %d: naive %c, not %c", text, i, letters[v],
				 expected[i]);
	}
	subject_free(&s);
}

struct row {
	const char *text, *expected;
};

#define CHECK_ROWS(rows)                                                                           \
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)                                  \
	check(rows[i].text, rows[i].expected)

static void test_scalars(void **state)
{
	static const struct row rows[] = {
	    /* text; the sender of a bounce is empty, not missing */
	    {"sender == 'joe@a.EXAMPLE'", "YNY"},
	    {"sender == 'JOE@a.example'", "NNN"},
	    {"sender != 'joe@a.example'", "NYN"},
	    {"sender == ''", "NYN"},
	    {"sender =~ /^joe/", "YNY"},
	    {"sender !~ /^joe/", "NYN"},
	    {"sender =~ /^$/", "NYN"},
	    {"sender in ('x', 'joe@a.example', '')", "YYY"},
	    {"sender in ('JOE@a.example', 'joe@a.example.')", "YNY"},
	    {"sender not in ('x', 'joe@a.example')", "NYN"},
	    {"id == '1234'", "YYY"},
	    {"id == '123'", "NNN"},
	    /* numbers, sizes, times */
	    {"size == 5000", "YNE"},
	    {"size > 4k", "YNE"},
	    {"size > 5000", "NNE"},
	    {"size >= 5000", "YNE"},
	    {"size < 5000", "NNE"},
	    {"size <= 5000", "YNE"},
	    {"size in (1, 5000)", "YNE"},
	    {"recipients == 3 and pending == 2", "YNE"},
	    {"age > 2d", "YNY"},
	    {"age >= 3d and age <= 3d", "YNY"},
	    {"age < 3d", "NNN"},
	    {"arrival < @1763625600", "YNY"},
	    {"accepted < 2025-11-15T08:00:01Z and accepted >= 2025-11-15T08:00Z", "YNY"},
	    /* bools and enums */
	    {"bounce", "NYN"},
	    {"not bounce", "YNY"},
	    {"locked", "YNP"},
	    {"state == queued", "YNE"},
	    {"state != held", "YNE"},
	    {"state in (held, queued)", "YNE"},
	    /* known before any part is loaded */
	    {"mta == qmail and queue =~ /queue$/ and host == 'MX.example'", "YYY"},
	};

	(void)state;
	/* accepted needs a part that failed in the third */
	assert_true(broken.failed & PART_DATA);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		char expected[4];

		memcpy(expected, rows[i].expected, 4);
		if (strstr(rows[i].text, "accepted"))
			expected[2] = 'E';
		check(rows[i].text, expected);
	}
}

/* A missing scalar is NO in both polarities, however the negation is written. */
static void test_missing(void **state)
{
	static const struct row rows[] = {
	    {"sender.domain == 'a.example'", "YNY"},
	    {"sender.domain != 'a.example'", "NNN"},
	    {"not sender.domain == 'a.example'", "NNN"},
	    {"not sender.domain != 'a.example'", "YNY"},
	    {"sender.domain != 'x'", "YNY"},
	    {"sender.domain =~ /z/", "NNN"},
	    {"sender.domain !~ /z/", "YNY"},
	    {"sender.domain not in ('x')", "YNY"},
	    {"not sender.domain in ('x')", "YNY"},
	    {"age > 99w or not age > 99w", "YNY"},
	    {"not (age > 2d)", "NNN"},
	    {"not (age > 4d)", "YNY"},
	    {"not not age > 2d", "YNY"},
	    {"last_attempt < @1763625600", "YNE"},
	    {"not last_attempt < @1763625600", "NNE"},
	    {"locked or not locked", "YNP"},
	    {"state == held or state != held", "YNE"},
	    {"not (age > 2d and sender.domain == 'x')", "YNY"},
	    {"reason == 'x' or reason != 'x'", "NNN"},
	    /* has() asks for just that */
	    {"has(sender.domain)", "YNY"},
	    {"not has(sender.domain)", "NYN"},
	    {"has(age)", "YNY"},
	    {"not has(reason)", "YYY"},
	    {"has(bounce)", "YYY"},
	    {"has(locked)", "YNP"},
	    {"not has(locked)", "NYP"},
	    {"has(size)", "YNE"},
	    {"not has(size)", "NYE"},
	};

	(void)state;
	CHECK_ROWS(rows);
}

/* A list is never missing, and the negation of a test is exact. */
static void test_lists(void **state)
{
	static const struct row rows[] = {
	    {"recipient == 'Ann@B.example'", "YNE"},
	    {"recipient == 'ann@b.example'", "NNE"},
	    {"recipient != 'Ann@b.example'", "NYE"},
	    {"not recipient != 'Ann@b.example'", "YNE"},
	    {"recipient != 'x'", "YYE"},
	    {"recipient == 'old@d.example'", "NNE"},
	    {"recipient.all == 'old@d.example'", "YNE"},
	    {"recipient.done != 'old@d.example'", "NYE"},
	    {"recipient in ('x', 'bob@c.example')", "YNE"},
	    {"recipient not in ('x', 'bob@c.example')", "NYE"},
	    {"recipient.domain in ('B.EXAMPLE')", "YNE"},
	    {"recipient.domain =~ /^[bc]/i and recipient.domain =~ /^c/i", "YNE"},
	    {"channel == local and channel == remote", "YNE"},
	    {"channel != local", "NYE"},
	    {"channel in (local)", "YNE"},
	    {"has(recipient)", "YNE"},
	    {"not has(recipient)", "NYE"},
	    {"subject == 'hello world'", "YNY"},
	    {"subject =~ /x/", "NNN"},
	    {"subject !~ /x/", "YYY"},
	    {"header['received'] == 'from two'", "YNY"},
	    {"header['RECEIVED'] !~ /two/", "NYN"},
	    {"header['X'] == ''", "NNN"},
	    {"header['X'] != ''", "YYY"},
	    {"has(header['x-bytes']) and header['x-bytes'] =~ /z$/", "YNY"},
	    {"header['x-bytes'] == 'a\\xff\\0z'", "YNY"},
	    {"body == 'line one'", "YNP"},
	    {"body =~ /^line two$/", "YNP"},
	    {"body !~ /three/", "YYP"},
	    {"status =~ /grey/", "YNE"},
	};

	(void)state;
	CHECK_ROWS(rows);
}

static void test_each(void **state)
{
	static const struct row rows[] = {
	    /* both on one recipient, not on two */
	    {"any(recipient =~ /Ann/ and channel == remote)", "YNE"},
	    {"any(recipient =~ /Ann/ and channel == local)", "NNE"},
	    {"recipient =~ /Ann/ and channel == local", "YNE"},
	    /* only pending ones are bound */
	    {"any(recipient.all =~ /old/)", "NNE"},
	    {"all(recipient.all !~ /old/)", "YNE"},
	    {"all(channel == remote or channel == local)", "YNE"},
	    {"all(channel == remote)", "NNE"},
	    {"all(channel in (local, remote))", "YNE"},
	    {"any(route == 'relay.example')", "YNE"},
	    {"any(not has(route))", "YNE"},
	    {"all(has(route))", "NNE"},
	    /* negations: of no recipient, any is NO and its negation YES; all is NO in both */
	    {"any(channel == local)", "YNE"},
	    {"not any(channel == local)", "NYE"},
	    {"not any(recipient == 'x')", "YYE"},
	    {"not not any(recipient == 'x')", "NNE"},
	    {"all(recipient != 'x')", "YNE"},
	    {"not all(recipient != 'x')", "NNE"},
	    {"not all(channel == local)", "YNE"},
	    /* a recipient's missing scalar is NO in both polarities too */
	    {"any(attempts == 3)", "YNE"},
	    {"any(attempts != 3)", "NNE"},
	    {"any(not attempts == 3)", "NNE"},
	    {"all(attempts < 9)", "NNE"},
	    {"not any(attempts > 9)", "NYE"},
	    {"not all(attempts < 9)", "NNE"},
	    {"all(attempts < 9 or not has(attempts))", "YNE"},
	    {"not any(attempts > 9 and has(attempts))", "YYE"},
	    /* what is a list is one there too: no status is an empty one */
	    {"any(status =~ /4.7.1/)", "YNE"},
	    {"all(status !~ /^5/)", "YNE"},
	    {"all(status =~ /^4/)", "NNE"},
	    {"any(status !~ /^4/)", "YNE"},
	    {"any(channel == remote) and all(recipient =~ /@/) and not any(recipient =~ /^x/)",
	     "YNE"},
	};

	(void)state;
	CHECK_ROWS(rows);
}

/* On the third message: Y, N: sender, bounce. E: size. P: body. */
static void test_algebra(void **state)
{
	static const struct row rows[] = {
	    {"not bounce and size > 1", "YNE"},
	    {"bounce and size > 1", "NNN"},
	    {"size > 1 and bounce", "NNN"},
	    {"bounce or size > 1", "YYE"},
	    {"not bounce or size > 1", "YNY"},
	    {"size > 1 or not bounce", "YNY"},
	    {"not (size > 1)", "NNE"},
	    {"not (size > 1 and bounce)", "YNY"},
	    {"not (size > 1 or not bounce)", "NNN"},
	    {"not bounce and body =~ /one/", "YNP"},
	    {"bounce and body =~ /one/", "NNN"},
	    {"bounce or body =~ /one/", "YYP"},
	    {"not bounce or body =~ /one/", "YNY"},
	    {"size > 1 and body =~ /one/", "YNP"},
	    {"size > 1 or body =~ /one/", "YNP"},
	    {"not (size > 1 and body =~ /one/)", "NYP"},
	    {"not (size > 1 or body =~ /one/)", "NNP"},
	    {"(size > 1 or body =~ /x/) and bounce", "NNN"},
	    {"(size > 1 and bounce) or not bounce", "YNY"},
	    {"(size > 1 and not bounce) or (recipients > 0 and not bounce)", "YNE"},
	    {"any(recipient == 'x') and bounce", "NNN"},
	    {"any(recipient == 'x') or not bounce", "YNY"},
	};

	(void)state;
	/* missing size and body of a message without any: NO, never an error */
	CHECK_ROWS(rows);
}

static void check_error(const char *text, const struct message *m, enum error_code code,
			const char *message)
{
	struct subject s = subject_of(text);

	assert_int_equal(ask(&s, m), VERDICT_ERROR);
	assert_int_equal(s.err.code, code);
	assert_string_equal(s.err.text, message);
	/* the same when asked again, and nobody need be interested */
	assert_int_equal(ask(&s, m), VERDICT_ERROR);
	assert_string_equal(s.err.text, message);
	subject_free(&s);
}

static void test_reasons(void **state)
{
	struct message m = broken;
	struct error worse = {.code = ERROR_DENIED, .offset = SIZE_MAX, .text = "mess/4/1234: no"};

	(void)state;
	check_error("recipient == 'x'", &m, ERROR_SYSTEM, lost.text);
	check_error("size > 1", &m, ERROR_CORRUPT, "size cannot be read");
	/* the one that the answer depends on */
	world_fail(&m, PART_HEADER, &worse);
	check_error("(bounce and recipient == 'x') or subject == 'y'", &m, ERROR_DENIED,
		    worse.text);
	check_error("any(status =~ /x/)", &m, ERROR_SYSTEM, lost.text);
	/* inside any() */
	m = full;
	world_fail(&m, PART_LOG, &worse);
	check_error("any(channel == local and status =~ /x/)", &m, ERROR_DENIED, worse.text);
	check_error("not bounce and all(has(recipient) and not status =~ /x/)", &m, ERROR_DENIED,
		    worse.text);
}

static struct message hostile_message(struct header *h)
{
	struct message m = full;

	*h = (struct header){.name = SLICE("Subject"),
			     .raw = SLICE("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab")};
	m.headers = (struct header_list){h, 1, 1};
	return m;
}

static void test_regex_limit(void **state)
{
	struct header h[2];
	struct message m = hostile_message(h);
	struct subject s = subject_of("subject =~ /(a+)+$/ or subject =~ /x/");

	(void)state;
	check_error("subject =~ /(a+)+$/", &m, ERROR_LIMIT,
		    "subject: the regular expression /(a+)+$/ reached its match limit");
	check_error("subject !~ /(a+)+$/", &m, ERROR_LIMIT,
		    "subject: the regular expression /(a+)+$/ reached its match limit");
	/* another value decides, or another leaf */
	h[1] = (struct header){.name = SLICE("Subject"), .raw = SLICE("aaa")};
	m.headers.count = 2;
	assert_int_equal(ask(&s, &m), VERDICT_YES);
	/* asked over and over it is evaluated once: it would have run away */
	m.headers.count = 1;
	filter_state_reset(s.state);
	for (unsigned i = 0; i < 2 * LIMIT_REGEX_ERRORS; i++)
		assert_int_equal(ask(&s, &m), VERDICT_ERROR);
	assert_null(filter_runaway(s.bound));
	for (unsigned i = 0; i < LIMIT_REGEX_ERRORS; i++) {
		filter_state_reset(s.state);
		assert_int_equal(ask(&s, &m), VERDICT_ERROR);
	}
	assert_string_equal(filter_runaway(s.bound), "/(a+)+$/");
	subject_free(&s);
}

/* Lines without end that each hit the limit: given up as soon as the pattern has run away. */
static void test_runaway_in_one_message(void **state)
{
	struct message m = full;
	struct subject s = subject_of("body =~ /(a+)+$/");
	struct buf b;

	(void)state;
	buf_init(&b);
	for (int i = 0; i < 20000; i++)
		buf_adds(&b, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab\n");
	m.body = buf_slice(&b);
	assert_int_equal(ask(&s, &m), VERDICT_ERROR);
	assert_string_equal(filter_runaway(s.bound), "/(a+)+$/");
	buf_free(&b);
	subject_free(&s);
}

/* A getter that runs out of memory. */
static struct slice no_memory(struct arena *a, const struct message *m, struct slice raw)
{
	(void)a, (void)m, (void)raw;
	return SLICE_NONE;
}

static void test_no_memory(void **state)
{
	struct message m = full;

	(void)state;
	m.header_bytes = no_memory;
	check_error("subject == 'x'", &m, ERROR_LIMIT,
		    "subject: it takes too much memory to look at");
	check_error("subject != 'x'", &m, ERROR_LIMIT,
		    "subject: it takes too much memory to look at");
}

/* --- what is read --- */

/* Load what is wanted, part by part, until it is decided; "parts parts ..." as hex. */
static void check_loads(const char *text, const struct message *whole, parts_t have, char verdict,
			const char *loads)
{
	struct message m = *whole;
	struct subject s = subject_of(text);
	enum verdict v;
	struct buf b;

	buf_init(&b);
	m.have = have;
	m.failed = 0;
	while ((v = ask(&s, &m)) == VERDICT_PENDING) {
		buf_printf(&b, "%s%x", b.n ? " " : "", s.want);
		assert_int_equal(s.want & m.have, 0);
		m.have |= s.want;
		m.failed = whole->failed & m.have;
	}
	buf_addc(&b, '\0');
	if (letters[v] != verdict || strcmp(b.p, loads) != 0)
		fail_msg("%s: %c after %s, not %c after %s", text, letters[v], b.p, verdict, loads);
	buf_free(&b);
	subject_free(&s);
}

/* 2 stat, 4 control, 8 data, 10 recipients, 20 header, 40 lock, 80 body, 100 log */
static void test_laziness(void **state)
{
	struct message known = full, failed = full;

	(void)state;
	check_loads("bounce and age > 2d", &full, PART_NAME, 'N', "2");
	check_loads("body =~ /x/ and subject =~ /y/ and bounce", &full, PART_NAME, 'N', "2");
	check_loads("body =~ /x/ and subject =~ /y/ and not bounce", &full, PART_NAME, 'N', "2 20");
	check_loads("body =~ /one/ and subject =~ /hello/", &full, PART_NAME, 'Y', "20 80");
	check_loads("body =~ /one/ or subject =~ /hello/", &full, PART_NAME, 'Y', "20");
	/* what is there already is asked first, whatever it would have cost */
	check_loads("body =~ /x/ and bounce", &full, PART_NAME | PART_BODY, 'N', "");
	check_loads("(bounce or body =~ /one/) and size > 1", &full, PART_NAME, 'Y', "2 8 80");
	/* the cheapest of what is missing, not of what is needed */
	check_loads("status =~ /grey/ and body =~ /x/", &full, PART_NAME | PART_LOG, 'N', "10 80");
	/* inside any(): the log only for a recipient that needs it */
	check_loads("any(recipient =~ /z/ and status =~ /4/)", &full, PART_NAME, 'N', "10");
	check_loads("any(recipient =~ /bob/ and status =~ /4/)", &full, PART_NAME, 'N', "10 100");
	/* a state that the name tells needs nothing */
	check_loads("state == queued", &full, PART_NAME, 'Y', "12");
	known.state_known = true;
	check_loads("state == queued", &known, PART_NAME, 'Y', "");
	/* a part that failed makes a leaf an error before the rest of it is read */
	world_fail(&failed, PART_RECIPIENTS, &lost);
	check_loads("status =~ /4/ and bounce", &failed, PART_NAME, 'N', "2");
	check_loads("status =~ /4/ and not bounce", &failed, PART_NAME | PART_RECIPIENTS, 'E', "2");
}

/* One state serves message after message, and any() grows with the recipients. */
static void test_reuse(void **state)
{
	struct subject s = subject_of("any(recipient =~ /9/ and channel == local) or sender == ''");
	struct recipient many[100];
	struct message m = full;

	(void)state;
	for (int i = 0; i < 100; i++)
		many[i] = (struct recipient){.address = i == 99 ? SLICE("9") : SLICE("1"),
					     .channel = CHANNEL_LOCAL};
	assert_int_equal(ask(&s, &full), VERDICT_NO);
	filter_state_reset(s.state);
	m.recipients = many;
	m.recipient_count = 100;
	assert_int_equal(ask(&s, &m), VERDICT_YES);
	filter_state_reset(s.state);
	assert_int_equal(ask(&s, &full), VERDICT_NO);
	filter_state_reset(s.state);
	assert_int_equal(ask(&s, &bare), VERDICT_YES);
	subject_free(&s);
	filter_state_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_scalars, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_missing, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_lists, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_each, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_algebra, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_reasons, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_regex_limit, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_runaway_in_one_message, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_no_memory, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_laziness, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_reuse, setup, teardown),
	};

	return cmocka_run_group_tests_name("filter_eval", tests, NULL, NULL);
}
