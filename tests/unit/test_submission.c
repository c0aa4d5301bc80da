/* submission: who handed a message in, and from where. */
#include "unit/cmocka_all.h"

#include <mtaq/submission.h>

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))

static void assert_slice(struct slice got, struct slice expected)
{
	assert_int_equal(got.p == NULL, expected.p == NULL);
	assert_true(slice_eq(got, expected));
}

#define NETWORK "Received: (qmail 32565 invoked from network); 13 Nov 2026 22:26:08 -0000\n"

static void test_qmail(void **state)
{
	static const struct {
		struct slice text, ip, submitter;
		int64_t uid; /* -1: not told */
	} rows[] = {
	    {SLICE("Received: (qmail 32656 invoked by uid 33); 17 Nov 2026 07:26:12 -0000\nFrom: "
		   "x\n\n"),
	     SLICE_NONE, SLICE("uid 33"), 33},
	    {SLICE("Received: (qmail 1 invoked by uid 0); 1 Jan 2026 00:00:00 -0000\n\n"),
	     SLICE_NONE, SLICE("uid 0"), 0},
	    {SLICE("Received: (qmail 32585 invoked by alias); 15 Nov 2026 06:26:10 -0000\n\n"),
	     SLICE_NONE, SLICE("alias"), -1},
	    {SLICE("Received: (qmail 32604 invoked for bounce); 20 Nov 2026 09:26:10 -0000\n\n"),
	     SLICE_NONE, SLICE("bounce"), -1},
	    {SLICE(NETWORK "Date: x\n\n"), SLICE_NONE, SLICE("network"), -1},
	    {SLICE(NETWORK "Received: from unknown (HELO relay.example.org) (192.0.2.25)\n"
			   "  by mail.example.test with SMTP; 13 Nov 2026 22:26:08 -0000\n\n"),
	     SLICE("192.0.2.25"), SLICE("network"), -1},
	    {SLICE(NETWORK
		   "Received: from mx.example.org (192.0.2.25)\n  by mail with SMTP; x\n\n"),
	     SLICE("192.0.2.25"), SLICE("network"), -1},
	    {SLICE(NETWORK
		   "Received: from mx (HELO x) (ann@example.org@2001:db8::19)\n  by mail\n\n"),
	     SLICE("2001:db8::19"), SLICE("network"), -1},
	    {SLICE(NETWORK "X-Filter: yes\nReceived: from mx (192.0.2.25)\n  by mail\n\n"),
	     SLICE("192.0.2.25"), SLICE("network"), -1},
	    /* somebody else's fields */
	    {SLICE(NETWORK "Received: from unknown (HELO x) (unknown)\n  by mail\n\n"), SLICE_NONE,
	     SLICE("network"), -1},
	    {SLICE(NETWORK "Received: from a (a [192.0.2.25])\n\tby b (Postfix) with ESMTP\n\n"),
	     SLICE_NONE, SLICE("network"), -1},
	    {SLICE(NETWORK "Received: (qmail 5 invoked by uid 7); x\n\n"), SLICE_NONE,
	     SLICE("network"), -1},
	    {SLICE(NETWORK "Received: from \n\n"), SLICE_NONE, SLICE("network"), -1},
	    {SLICE(NETWORK "Received: from ()\n\n"), SLICE_NONE, SLICE("network"), -1},
	    {SLICE("Received: (qmail 9 invoked by uid 33); x\nReceived: from mx (192.0.2.25)\n  by "
		   "y\n\n"),
	     SLICE_NONE, SLICE("uid 33"), 33},
	    {SLICE("From: x\nReceived: (qmail 1 invoked by uid 33); x\n\n"), SLICE_NONE, SLICE_NONE,
	     -1},
	    {SLICE("Received: (qmail 1 invoked by uid 33"), SLICE_NONE, SLICE_NONE, -1},
	    {SLICE("Received: (qmail 1 invoked by uid )\n\n"), SLICE_NONE, SLICE_NONE, -1},
	    {SLICE("Received: (qmail 1 invoked by uid 3x)\n\n"), SLICE_NONE, SLICE_NONE, -1},
	    {SLICE("Received: (qmail 1 invoked by uid 18446744073709551615)\n\n"), SLICE_NONE,
	     SLICE_NONE, -1},
	    {SLICE("Received: (qmail x invoked by uid 3)\n\n"), SLICE_NONE, SLICE_NONE, -1},
	    {SLICE("Received: (qmail 1 invoked by aliases)\n\n"), SLICE_NONE, SLICE_NONE, -1},
	    {SLICE("Received: \n\n"), SLICE_NONE, SLICE_NONE, -1},
	    {SLICE(""), SLICE_NONE, SLICE_NONE, -1},
	};
	struct arena a;

	(void)state;
	arena_init(&a, 0);
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct header_list l;
		struct slice body;
		int64_t uid = -1;

		assert_int_equal(header_parse(&a, rows[i].text, &l, &body, NULL), 0);
		assert_slice(submission_relay_ip(&l, SLICE_NONE), rows[i].ip);
		assert_slice(submission_submitter(&l, SLICE_NONE), rows[i].submitter);
		assert_int_equal(submission_uid(&l, &uid), rows[i].uid >= 0);
		assert_true(uid == rows[i].uid);
	}
	arena_free(&a);
}

static void test_sendmail(void **state)
{
	static const struct {
		struct slice underscore, ip, submitter;
	} rows[] = {
	    {SLICE("root@localhost"), SLICE_NONE, SLICE("root@localhost")},
	    {SLICE("localhost"), SLICE_NONE, SLICE_NONE},
	    {SLICE("localhost [127.0.0.1]"), SLICE("127.0.0.1"), SLICE_NONE},
	    {SLICE("localhost.localdomain [127.0.0.1]"), SLICE("127.0.0.1"), SLICE_NONE},
	    {SLICE("[192.0.2.7]"), SLICE("192.0.2.7"), SLICE_NONE},
	    {SLICE("[192.0.2.7] (may be forged)"), SLICE("192.0.2.7"), SLICE_NONE},
	    {SLICE("mx.example.org [192.0.2.7] (may be forged)"), SLICE("192.0.2.7"), SLICE_NONE},
	    {SLICE("mx.example.org [IPv6:2001:db8::7]"), SLICE("2001:db8::7"), SLICE_NONE},
	    {SLICE("[IPv6:0:0:0:0:0:0:0:1]"), SLICE("0:0:0:0:0:0:0:1"), SLICE_NONE},
	    {SLICE("IDENT:ann@mx.example.org [192.0.2.7]"), SLICE("192.0.2.7"),
	     SLICE("ann@mx.example.org")},
	    {SLICE("ann@[192.0.2.7]"), SLICE("192.0.2.7"), SLICE("ann@[192.0.2.7]")},
	    {SLICE("IDENT:ann@mx [192.0.2.7] (may be forged)"), SLICE("192.0.2.7"),
	     SLICE("ann@mx")},
	    {SLICE("IDENT:x [198.51.100.1] y@mx [192.0.2.7]"), SLICE("192.0.2.7"),
	     SLICE("x [198.51.100.1] y@mx")},
	    /* nothing told */
	    {SLICE(""), SLICE_NONE, SLICE_NONE},
	    {SLICE("@"), SLICE_NONE, SLICE_NONE},
	    {SLICE("["), SLICE_NONE, SLICE_NONE},
	    {SLICE("[]"), SLICE_NONE, SLICE_NONE},
	    {SLICE("mx [192.0.2.7"), SLICE_NONE, SLICE_NONE},
	    {SLICE("mx [192.0.2.7]x"), SLICE_NONE, SLICE_NONE},
	    {SLICE("mx [192.0.2.256]"), SLICE_NONE, SLICE_NONE},
	    {SLICE("mx [192.0.2.7\0]"), SLICE_NONE, SLICE_NONE},
	    {SLICE("mx [unix: /run/x]"), SLICE_NONE, SLICE_NONE},
	    {SLICE("mx [1234567890123456789012345678901234567890123456789012345678901234567890]"),
	     SLICE_NONE, SLICE_NONE},
	};
	struct header_list none = {0};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		assert_slice(submission_relay_ip(&none, rows[i].underscore), rows[i].ip);
		assert_slice(submission_submitter(&none, rows[i].underscore), rows[i].submitter);
	}
}

/* A message that sendmail queued may carry the Received field of a qmail that it came through: not
 * its own. */
static void test_foreign_qmail(void **state)
{
	struct header h = {SLICE("Received"), SLICE("(qmail 1 invoked by uid 33); x"), SLICE("")};
	struct header_list l = {&h, 1, 1};
	int64_t uid = -1;

	(void)state;
	assert_false(submission_uid(&l, &uid));
	assert_null(submission_submitter(&l, SLICE_NONE).p);
	assert_null(submission_submitter(&l, SLICE("localhost [127.0.0.1]")).p);
	h.cond = SLICE_NONE;
	assert_true(submission_uid(&l, &uid));
	assert_true(uid == 33);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_qmail),
	    cmocka_unit_test(test_sendmail),
	    cmocka_unit_test(test_foreign_qmail),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
