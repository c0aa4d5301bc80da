/* summary: groups of a message, tallies, buckets, domains rolled up. */
#include "unit/cmocka_all.h"
#include "unit/fake_message.h"

#include "summary.h"

#include <stdio.h>
#include <stdlib.h>

/* The groups as text: keys joined with '|', groups with ' '. */
static const char *groups(const char *by, struct fake *f, unsigned labels, bool exact)
{
	static char text[2000];
	struct summary_spec spec = {.labels = labels, .exact = exact};
	struct error err = ERROR_INIT;
	struct slice rest;

	text[0] = '\0';
	buf_clear(&f->out);
	assert_int_equal(summary_parse(slice_from(by), &spec, &err), 0);
	assert_int_equal(summary_keys(&spec, &f->c, &f->out), 0);
	rest = buf_slice(&f->out);
	while (rest.n) {
		size_t n, at = strlen(text);

		memcpy(&n, rest.p, sizeof n);
		rest = slice_skip(rest, sizeof n);
		if (at)
			text[at++] = ' ';
		/* the NUL that ends each key is printed as '|' */
		for (size_t i = 0; i < n; i++)
			text[at + i] = rest.p[i] ? rest.p[i] : '|';
		text[at + n] = '\0';
		rest = slice_skip(rest, n);
	}
	return text;
}

static void test_groups(void **state)
{
	struct fake f;

	(void)state;
	fake_init(&f, "sendmail");
	fake_recipient(&f, "x@a.Example.net", false);
	fake_recipient(&f, "y@a.example.net", false);
	fake_recipient(&f, "z@b.example.org", false);
	fake_status(&f, "Deferred: 452 4.2.2 <x@a.example.net> full");
	fake_status(&f, "Deferred: 452 4.2.2 <y@a.example.net> full");
	assert_string_equal(groups("recipient.domain", &f, 0, false),
			    "a.example.net| b.example.org|");
	assert_string_equal(groups("recipient.domain", &f, 1, false), ".net| .org|");
	assert_string_equal(groups("recipient.domain", &f, 2, false),
			    ".example.net| .example.org|");
	assert_string_equal(groups("recipient.domain", &f, 3, false),
			    "a.example.net| b.example.org|");
	assert_string_equal(groups("status", &f, 0, false), "Deferred: 452 4.2.2 <*> full|");
	assert_string_equal(groups("dsn", &f, 0, false), "4.2.2|");
	assert_string_equal(groups("status", &f, 0, true),
			    "Deferred: 452 4.2.2 <x@a.example.net> full| Deferred: 452 4.2.2 "
			    "<y@a.example.net> full|");
	assert_string_equal(groups("sender.domain,recipient.domain", &f, 1, false),
			    ".com|.net| .com|.org|");
	assert_string_equal(groups("envid", &f, 0, false), "-|");
	assert_string_equal(groups("channel,state", &f, 0, false), "-|queued|");
	fake_failure(&f, PART_CONTROL_I, ERROR_SYSTEM, 0, "no");
	assert_string_equal(groups("recipient.domain", &f, 0, false), "?|");
	f.needs[FIELD_CHANNEL] = 0;
	assert_string_equal(groups("channel,state", &f, 0, false), "-|queued|");
	fake_free(&f);
}

/* A NUL in a value does not end it. */
static void test_nul(void **state)
{
	struct fake f;

	(void)state;
	fake_init(&f, "sendmail");
	fake_recipient(&f, "x@a", false);
	f.m.recipients[0].address = SLICE("x\0y@a\0");
	assert_string_equal(groups("recipient,recipient.domain", &f, 0, false),
			    "x\xef\xbf\xbdy@a\xef\xbf\xbd|a\xef\xbf\xbd|");
	fake_free(&f);
}

static void test_too_many(void **state)
{
	struct summary_spec spec = {0};
	struct error err = ERROR_INIT;
	struct fake f;
	struct recipient *many = calloc(5000, sizeof *many);
	char(*names)[32] = calloc(5000, sizeof *names);

	(void)state;
	assert_true(LIMIT_SUMMARY_VALUES < 5000);
	fake_init(&f, "sendmail");
	for (int i = 0; i < 5000; i++) {
		snprintf(names[i], sizeof names[i], "x@d%d.example", i);
		many[i].address = slice_from(names[i]);
	}
	f.m.recipients = many;
	f.m.recipient_count = f.m.pending_count = LIMIT_SUMMARY_VALUES;
	assert_int_equal(summary_parse(SLICE("recipient.domain"), &spec, &err), 0);
	assert_int_equal(summary_keys(&spec, &f.c, &f.out), 0);
	f.m.recipient_count = f.m.pending_count = LIMIT_SUMMARY_VALUES + 1;
	assert_int_equal(summary_keys(&spec, &f.c, &f.out), -1);
	/* 256 x 256 groups, and 257 x 257 */
	assert_int_equal(LIMIT_SUMMARY_GROUPS, 256 * 256);
	f.m.recipient_count = f.m.pending_count = 256;
	assert_int_equal(summary_parse(SLICE("recipient"), &spec, &err), 0);
	assert_int_equal(summary_keys(&spec, &f.c, &f.out), 0);
	f.m.recipient_count = f.m.pending_count = 257;
	assert_int_equal(summary_keys(&spec, &f.c, &f.out), -1);
	free(many);
	free(names);
	fake_free(&f);
}

/* Few groups with long keys: what is written stays near LIMIT_SUMMARY_KEYS. */
static void test_long_keys(void **state)
{
	enum { LONG = 1 << 20, COUNT = LIMIT_SUMMARY_KEYS / LONG };
	struct summary_spec spec = {.exact = true};
	struct error err = ERROR_INIT;
	struct recipient many[COUNT + 9] = {{.done = false}};
	char names[COUNT + 9][16], *text = malloc(LONG);
	struct fake f;

	(void)state;
	fake_init(&f, "sendmail");
	memset(text, 'x', LONG - 1);
	text[LONG - 1] = '\0';
	fake_status(&f, text);
	for (int i = 0; i < COUNT + 9; i++) {
		snprintf(names[i], sizeof names[i], "x@%d", i);
		many[i].address = slice_from(names[i]);
	}
	f.m.recipients = many;
	f.m.recipient_count = f.m.pending_count = COUNT - 1;
	assert_int_equal(summary_parse(SLICE("recipient,status"), &spec, &err), 0);
	assert_int_equal(summary_keys(&spec, &f.c, &f.out), 0);
	buf_clear(&f.out);
	f.m.recipient_count = f.m.pending_count = COUNT + 9;
	assert_int_equal(summary_keys(&spec, &f.c, &f.out), -1);
	assert_true(f.out.n < LIMIT_SUMMARY_KEYS + 2 * LONG);
	free(text);
	fake_free(&f);
}

static void test_parse(void **state)
{
	struct summary_spec spec = {0};
	struct error err = ERROR_INIT;

	(void)state;
	assert_int_equal(summary_parse(SLICE("sender,header[\"X-A\"]"), &spec, &err), 0);
	assert_int_equal(spec.count, 2);
	assert_true(slice_eq(spec.keys[1].argument, SLICE("X-A")));
	assert_true(slice_eq(spec.names[0], SLICE("sender")));
	assert_true(slice_eq(spec.names[1], SLICE("header[\"X-A\"]")));
	assert_int_equal(summary_parse(SLICE("sender,nothing"), &spec, &err), -1);
	assert_int_equal(err.offset, 7);
	for (spec.count = 0, err = ERROR_INIT; spec.count < SUMMARY_KEYS;)
		assert_int_equal(summary_parse(SLICE("size"), &spec, &err), 0);
	assert_int_equal(summary_parse(SLICE("size"), &spec, &err), -1);
}

static void test_tally(void **state)
{
	struct summary_spec spec = {.by_age = true, .first_bucket = 3600, .buckets = 6};
	struct summary_tally one, total = {0};
	struct fake f;

	(void)state;
	fake_init(&f, "sendmail");
	fake_recipient(&f, "x@a", false);
	fake_recipient(&f, "y@a", true);
	/* 25 h: past 1 2 4 8 16, so in the last */
	summary_measure(&spec, &f.c, &one);
	assert_int_equal(one.recipients, 1);
	assert_int_equal(one.bytes, 1234);
	assert_int_equal(one.by_age[5], 1);
	summary_add(&total, &one);
	f.m.arrival.value = FAKE_NOW - 3600;
	summary_measure(&spec, &f.c, &one);
	assert_int_equal(one.by_age[0], 1);
	summary_add(&total, &one);
	f.m.arrival.value = FAKE_NOW - 3601;
	summary_measure(&spec, &f.c, &one);
	assert_int_equal(one.by_age[1], 1);
	f.m.arrival.value = FAKE_NOW + 10; /* the future is young */
	summary_measure(&spec, &f.c, &one);
	assert_int_equal(one.by_age[0], 1);
	f.m.arrival.known = false;
	f.m.size.value = -1;
	summary_measure(&spec, &f.c, &one);
	assert_int_equal(one.bytes, 0);
	summary_add(&total, &one);
	fake_failure(&f, PART_CONTROL_I, ERROR_SYSTEM, 0, "cut");
	summary_measure(&spec, &f.c, &one);
	assert_int_equal(one.recipients, 0);
	assert_int_equal(total.messages, 3);
	assert_int_equal(total.bytes, 2468);
	assert_true(total.aged);
	assert_int_equal(total.oldest, FAKE_NOW - 90000);
	assert_int_equal(total.by_age[0] + total.by_age[5], 2);
	fake_free(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_groups),    cmocka_unit_test(test_nul),
	    cmocka_unit_test(test_too_many),  cmocka_unit_test(test_parse),
	    cmocka_unit_test(test_long_keys), cmocka_unit_test(test_tally),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
