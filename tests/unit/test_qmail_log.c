/* qmail-send's log: its words, how it writes addresses, when it will try again; and the index. */
#include "logindex.h"
#include "unit/qmail_box.h"

#include <mtaq/limits.h>

static const struct {
	const char *line;
	enum log_event_kind kind;
	uint64_t number;
	const char *delivery, *address, *text;
} cases[] = {
    {"new msg 1147986", LOG_NEW, 1147986, NULL, NULL, NULL},
    {"end msg 18446744073709551615", LOG_END, UINT64_MAX, NULL, NULL, NULL},
    {"new msg 18446744073709551616", LOG_OTHER, 0, NULL, NULL, NULL},
    {"new msg 5 x", LOG_OTHER, 0, NULL, NULL, NULL},
    {"new msg ", LOG_OTHER, 0, NULL, NULL, NULL},
    {"info msg 7: bytes 12 from <a>_qp_3@b> qp 44 uid 5", LOG_INFO, 7, NULL, "a>_qp_3@b", NULL},
    {"info msg 7: bytes 12 from <> qp 44 uid 5", LOG_INFO, 7, NULL, "", NULL},
    {"info msg 7: bytes 12 from <a", LOG_OTHER, 0, NULL, NULL, NULL},
    {"info msg 7: bytes x from <a> qp 44 uid 5", LOG_OTHER, 0, NULL, NULL, NULL},
    {"starting delivery 3: msg 7 to remote a:b@c", LOG_START, 7, "3", "a:b@c", NULL},
    {"starting delivery 3 queue2: msg 7 to local ", LOG_START, 7, "3 queue2", "", NULL},
    {"starting delivery 3: msg 7 to elsewhere x", LOG_OTHER, 0, NULL, NULL, NULL},
    {"starting delivery : msg 7 to local x", LOG_OTHER, 0, NULL, NULL, NULL},
    {"delivery 3: deferral: a: b", LOG_RESULT, 0, "3", NULL, "a: b"},
    {"delivery 3: success: ", LOG_RESULT, 0, "3", NULL, ""},
    {"delivery 3: failure: x", LOG_RESULT, 0, "3", NULL, "x"},
    {"delivery 3: report mangled, will defer", LOG_RESULT, 0, "3", NULL,
     "report mangled, will defer"},
    {"delivery 3: something else", LOG_OTHER, 0, NULL, NULL, NULL},
    {"status: local 0/10 remote 1/20", LOG_OTHER, 0, NULL, NULL, NULL},
    {"bounce msg 7 qp 3", LOG_OTHER, 0, NULL, NULL, NULL},
    {"", LOG_OTHER, 0, NULL, NULL, NULL},
};

static void test_lines(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct slice address;
		struct log_event e;

		qmail_log_parse(slice_from(cases[i].line), &e);
		if (e.kind != cases[i].kind)
			fail_msg("%s: kind %d", cases[i].line, e.kind);
		if (e.kind == LOG_OTHER)
			continue;
		address = e.kind == LOG_INFO ? e.sender : e.address;
		assert_int_equal(e.number, cases[i].number);
		assert_true(slice_eq(e.delivery, slice_from(cases[i].delivery)));
		assert_true(slice_eq(address, slice_from(cases[i].address)));
		assert_true(slice_eq(e.text, slice_from(cases[i].text)));
	}
}

static void test_addresses(void **state)
{
	struct arena a;

	(void)state;
	arena_init(&a, 0);
	assert_true(
	    slice_is(qmail_log_address(&a, SLICE("a b\tc%d\ne\x7f\xc3\xa9@x")), "a_b_c_d/e___@x"));
	assert_true(slice_is(qmail_log_address(&a, SLICE("")), ""));
	assert_true(slice_is(qmail_log_text(&a, SLICE("a_b/c__")), "a b/c  "));
	arena_free(&a);
}

/* Facts observed on a running qmail-send. */
static void test_schedule(void **state)
{
	(void)state;
	assert_int_equal(qmail_next_attempt(CHANNEL_LOCAL, 5000, 5000), 5100);
	assert_int_equal(qmail_next_attempt(CHANNEL_REMOTE, 5000, 5000), 5400);
	assert_int_equal(qmail_next_attempt(CHANNEL_LOCAL, 0, 1000), 1681);
	assert_int_equal(qmail_next_attempt(CHANNEL_REMOTE, 0, 1000), 2601);
	/* a birth in the future */
	assert_int_equal(qmail_next_attempt(CHANNEL_REMOTE, 9000, 1000), 9400);
}

static void test_history(void **state)
{
	struct log_history h = {.whole = true};
	struct log_recipient *r;
	char name[32];

	(void)state;
	assert_null(log_history_find(&h, CHANNEL_LOCAL, SLICE("x")));
	for (int i = 0; i < 3000; i++) {
		snprintf(name, sizeof name, "user%d@x", i);
		r = log_history_at(&h, i % 2 ? CHANNEL_LOCAL : CHANNEL_REMOTE, slice_from(name));
		assert_non_null(r);
		r->starts = (unsigned)i;
	}
	assert_int_equal(h.count, 3000);
	for (int i = 0; i < 3000; i++) {
		snprintf(name, sizeof name, "user%d@x", i);
		r = log_history_find(&h, i % 2 ? CHANNEL_LOCAL : CHANNEL_REMOTE, slice_from(name));
		assert_non_null(r);
		assert_int_equal(r->starts, i);
		assert_ptr_equal(log_history_at(&h, r->channel, slice_from(name)), r);
		assert_null(
		    log_history_find(&h, i % 2 ? CHANNEL_REMOTE : CHANNEL_LOCAL, slice_from(name)));
	}
	log_history_clear(&h);
	assert_int_equal(h.count, 0);
	assert_false(h.whole);
}

/* ---- the index over a recorded queue ---- */

struct indexed {
	struct box box;
	char log[96];
	struct log_source *source;
};

static void open_indexed(struct indexed *x, struct slice log)
{
	struct queue_option option = {"log", x->log};
	int fd;

	box_unpack(&x->box, "basic.tar");
	snprintf(x->log, sizeof x->log, "%s/log", x->box.path);
	fd = open(x->log, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(sys_write_all(fd, log.p, log.n), 0);
	close(fd);
	box_open_with(&x->box, &option, 1);
	x->source = x->box.queue->log = logindex_new(x->box.queue);
	assert_non_null(x->source);
}

static void close_indexed(struct indexed *x)
{
	logindex_free(x->source);
	box_close(&x->box);
}

static const struct log_history *history(struct indexed *x, uint64_t number)
{
	struct error e = ERROR_INIT;
	const struct log_history *h = x->source->history(x->source, number, &e);

	assert_true((h != NULL) == (e.code == ERROR_NONE));
	return h;
}

/* Only what is in the queue, only its latest life; names of deliveries that never ended do not
 * gather. */
static void test_index(void **state)
{
	const struct log_history *h;
	struct indexed x;
	struct buf b;

	(void)state;
	buf_init(&b);
	for (int life = 0; life < 500; life++) {
		buf_printf(&b, "%d.000001 new msg 1147990\n", life + 1);
		buf_printf(&b, "%d.000001 info msg 1147990: bytes %d from <a> qp 3 uid 4\n",
			   life + 1, life);
		buf_printf(&b, "%d.000001 starting delivery %d: msg 1147990 to local user%d\n",
			   life + 1, life, life);
		buf_printf(&b, "%d.000001 starting delivery %d: msg 77 to local other\n", life + 1,
			   life + 1000);
		if (life < 499)
			buf_printf(&b, "%d.000001 end msg 1147990\n", life + 1);
		/* a result that comes too late is nobody's */
		if (life > 0)
			buf_printf(&b, "%d.000001 delivery %d: deferral: late\n", life + 1,
				   life - 1);
	}
	open_indexed(&x, buf_slice(&b));
	h = history(&x, 1147990);
	assert_non_null(h);
	assert_true(h->whole && h->has_info && !h->ended);
	assert_int_equal(h->size, 499);
	assert_int_equal(h->count, 1);
	assert_true(slice_is(h->recipients[0].address, "user499"));
	assert_int_equal(h->recipients[0].starts, 1);
	assert_int_equal(h->recipients[0].results, 0);
	assert_int_equal(h->recipients[0].last_start.value, 500);
	/* of which nothing is said; and which is not in the queue */
	h = history(&x, 1147986);
	assert_non_null(h);
	assert_false(h->whole);
	assert_int_equal(h->count, 0);
	assert_null(history(&x, 77));
	assert_null(logindex_error(x.source));
	close_indexed(&x);
	buf_free(&b);
}

/* `starts` attempts, for different recipients that each get a result, or for one that never does.
 */
static void check_limit(unsigned starts, bool one, bool whole)
{
	const struct log_history *h;
	struct indexed x;
	struct buf b;

	buf_init(&b);
	buf_adds(&b, "1.000001 new msg 1147990\n");
	for (unsigned i = 0; i < starts; i++) {
		buf_printf(&b, "2.000001 starting delivery %u: msg 1147990 to local u%u\n", i,
			   one ? 0 : i);
		if (!one)
			buf_printf(&b, "2.000001 delivery %u: deferral: later\n", i);
	}
	open_indexed(&x, buf_slice(&b));
	h = history(&x, 1147990);
	assert_non_null(h);
	assert_int_equal(h->whole, whole);
	assert_int_equal(h->count, one ? 1 : LIMIT_RECIPIENTS);
	assert_int_equal(h->recipients[0].starts, one ? LIMIT_RECIPIENTS : 1);
	close_indexed(&x);
	buf_free(&b);
}

/* LIMIT_RECIPIENTS */
static void test_index_limit(void **state)
{
	(void)state;
	check_limit(LIMIT_RECIPIENTS, true, true);
	check_limit(LIMIT_RECIPIENTS + 1, true, false);
	check_limit(LIMIT_RECIPIENTS, false, true);
	check_limit(LIMIT_RECIPIENTS + 1, false, false);
}

static void test_index_error(void **state)
{
	struct error e = ERROR_INIT;
	struct indexed x;
	struct message m;

	(void)state;
	open_indexed(&x, SLICE("\x1f\x8b"));
	assert_null(x.source->history(x.source, 1147990, &e));
	assert_int_equal(e.code, ERROR_CORRUPT);
	assert_non_null(logindex_error(x.source));
	box_scan(&x.box);
	box_get(&x.box, 1147990, PART_LOG, &m);
	assert_int_equal(m.failed, PART_LOG);
	assert_false(m.attempts.known);
	close_indexed(&x);
}

/* Recipients that look the same share what the log says, until one of them is done. */
static void check_same(const char *marks, int starts, bool fails, struct number attempts)
{
	char file[64];
	struct indexed x;
	struct message m;
	struct buf b;

	buf_init(&b);
	buf_adds(&b, "1.000001 new msg 1147990\n"
		     "1.000001 info msg 1147990: bytes 478 from <> qp 32565 uid 64011\n");
	for (int i = 0; i < starts; i++)
		buf_printf(&b, "2.000001 starting delivery %d: msg 1147990 to remote a_b@x\n", i);
	open_indexed(&x, buf_slice(&b));
	snprintf(file, sizeof file, "%ca b@x%c%ca_b@x", marks[0], 0, marks[1]);
	box_write(&x.box, "remote/14/1147990", slice_of(file, 14));
	box_scan(&x.box);
	box_get(&x.box, 1147990, PART_LOG, &m);
	assert_int_equal(m.recipient_count, 2);
	assert_int_equal((m.failed & PART_LOG) != 0, fails);
	assert_int_equal(m.attempts.known, attempts.known);
	if (attempts.known)
		assert_int_equal(m.attempts.value, attempts.value);
	assert_int_equal(m.logged_count, 0);
	close_indexed(&x);
	buf_free(&b);
}

static void test_same(void **state)
{
	const struct number none = {false, 0};

	(void)state;
	check_same("TT", 0, false, number_of(0));
	check_same("TT", 6, false, number_of(3));
	check_same("TT", 5, true, none);
	check_same("TD", 5, true, none);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_lines),	cmocka_unit_test(test_addresses),
	    cmocka_unit_test(test_schedule),	cmocka_unit_test(test_history),
	    cmocka_unit_test(test_index),	cmocka_unit_test(test_index_error),
	    cmocka_unit_test(test_index_limit), cmocka_unit_test(test_same),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
