/* out_mailq: the bytes of sendmail -bp, entries as recorded beside fixtures/sendmail. */
#include "unit/cmocka_all.h"
#include "unit/fake_message.h"

#include "output.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

const struct backend *backend_at(size_t i)
{
	(void)i;
	return NULL;
}

/* Control file lines, without their limit of 2047 bytes. */
static void lines(const struct message *m, lister_line_fn *fn, void *ctx)
{
	struct slice rest = m->control_text, line;

	while (slice_cut(&rest, '\n', &line))
		if (line.n)
			fn(ctx, line.p[0], slice_skip(line, 1));
}

static void facts(const struct queue *q, struct lister_facts *out)
{
	(void)q;
	out->min_queue_age = 1800;
}

static void start(struct fake *f, const char *id, const char *control)
{
	fake_init(f, "sendmail");
	f->backend.lister_lines = lines;
	f->m.id = slice_from(id);
	f->m.control_text = slice_from(control);
}

static const char *print(struct fake *f, bool verbose, bool terminal)
{
	struct output_options options = {.verbose = verbose, .terminal = terminal};
	struct output *o = output_new(&output_mailq, &options, NULL);

	buf_clear(&f->out);
	assert_int_equal(output_message(o, &f->c, &f->out, NULL), 0);
	buf_addc(&f->out, '\0');
	output_free(o);
	return f->out.p;
}

static void test_recorded_entries(void **state)
{
	static const struct {
		const char *id, *control;
		int64_t size, priority;
		const char *plain, *verbose;
	} rows[] = {
	    {"XAA12345",
	     "V2\nT911358135\nK911358200\nN1\nP120115\nB8BITMIME\nMhost map: lookup "
	     "(mx.example.net): deferred\nFw8d\n"
	     "Sjoe@example.com\nCjoe:1001:100:/users/joe/"
	     ".forward\nRPNSFD:<joe@mx.example.net>\nC\nRPFD:sue@example.net\n.\n",
	     8, 120115,
	     "     XAA12345        8 Wed Nov 18 03:02 joe@example.com\n"
	     "      8BITMIME   (host map: lookup (mx.example.net): deferred)\n"
	     "\t\t\t\t\t <joe@mx.example.net>\n"
	     "\t\t\t\t\t sue@example.net\n",
	     "     XAA12345        8     120115+Nov 18 03:02 joe@example.com\n"
	     "      8BITMIME   (host map: lookup (mx.example.net): deferred)\n"
	     "\t\t\t\t\t\t(---joe:1001:100:/users/joe/.forward---)\n"
	     "\t\t\t\t\t\t<joe@mx.example.net>\n"
	     "\t\t\t\t\t\t(------)\n"
	     "\t\t\t\t\t\tsue@example.net\n"},
	    {"AAA06703", "P10115\nT711358135\nSeric\nReric@mammoth.example.edu\nRwith:colon\n", 13,
	     10115,
	     "     AAA06703       13 Fri Jul 17 07:28 eric\n\t\t\t\t\t "
	     "eric@mammoth.example.edu\n\t\t\t\t\t with:colon\n",
	     "     AAA06703       13      10115 Jul 17 07:28 "
	     "eric\n\t\t\t\t\t\teric@mammoth.example.edu\n\t\t\t\t\t\twith:colon\n"},
	    {"tAE9QVHl018335",
	     "V8\nT1447493191\nMfirst\nSMAILER-DAEMON\nMDeferred: Connection timed "
	     "out\nRPF:<idiot@spammer.example>\nRno colon\n",
	     330, 123490,
	     "tAE9QVHl018335      330 Sat Nov 14 09:26 MAILER-DAEMON\n                 (first)\n"
	     "\t\t\t\t\t <idiot@spammer.example>\n",
	     "tAE9QVHl018335      330     123490 Nov 14 09:26 MAILER-DAEMON\n                 "
	     "(first)\n"
	     "\t\t\t\t\t\t<idiot@spammer.example>\n\t\t (Deferred: Connection timed out)\n"},
	    {"60E900Ks017499",
	     "V8\nT1768381200\nqa reason\nMwhy\nFw\nS<s2@example.com>\nRPFD:<t2@example.net>\n", -1,
	     5,
	     "60E900Ks017499       -1 Wed Jan 14 09:00 <s2@example.com>\n     QUARANTINE: a "
	     "reason\n"
	     "                 (why)\n\t\t\t\t\t <t2@example.net>\n",
	     "60E900Ks017499       -1          5+Jan 14 09:00 <s2@example.com>\n     QUARANTINE: a "
	     "reason\n"
	     "                 (why)\n\t\t\t\t\t\t<t2@example.net>\n"},
	    {"60F900Nq031954", "V8\nP200138\nM\nS<no-T@example.com>\nRPFD:<to@example.net>\n", 200,
	     200138,
	     "60F900Nq031954      200 Thu Jan  1 00:00 <no-T@example.com>\n\t\t\t\t\t "
	     "<to@example.net> (no control file)\n",
	     "60F900Nq031954      200     200138 Jan  1 00:00 "
	     "<no-T@example.com>\n\t\t\t\t\t\t<to@example.net> (no control file)\n"},
	    {"60F900x7031964", "V8\nT 1768467600 x\nRPFD:<to@example.net>\nMwhy\n", 1, 1,
	     "60F900x7031964 \n\t\t\t\t\t <to@example.net>\n",
	     "60F900x7031964 \n\t\t\t\t\t\t<to@example.net>\n"},
	    {"60F9007B031929", "", 0, 1, "60F9007B031929  (no control file)\n",
	     "60F9007B031929  (no control file)\n"},
	};

	(void)state;
	assert_int_equal(setenv("TZ", "UTC", 1), 0);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct fake f;

		start(&f, rows[i].id, rows[i].control);
		f.m.size = (struct number){rows[i].size >= 0, rows[i].size};
		f.m.priority = number_of(rows[i].priority);
		assert_string_equal(print(&f, false, false), rows[i].plain);
		assert_string_equal(print(&f, true, false), rows[i].verbose);
		fake_free(&f);
	}
}

/* How sendmail cuts and rewrites an address in 39 columns (sender) and 38 (recipient). */
static void test_addresses(void **state)
{
	static const struct {
		const char *address, *as_recipient;
	} rows[] = {
	    {"", ""},
	    {"1234567890123456789012345678901234567890", "12345678901234567890123456789012345678"},
	    {"a\\b", "a\\\\b"},
	    {"caf\xc3\xa9", "caf\\303\\251"},
	    {"\033[31m\t\177", "\\033[31m\\011\\177"},
	    /* the backslash would need columns 38 and 39 */
	    {"1234567890123456789012345678901234567\\", "1234567890123456789012345678901234567"},
	    {"123456789012345678901234567890123456\\", "123456789012345678901234567890123456\\\\"},
	    /* four columns are printed only if a fifth is left */
	    {"1234567890123456789012345678901234\x01", "1234567890123456789012345678901234"},
	    {"123456789012345678901234567890123\x01z", "123456789012345678901234567890123\\001z"},
	    {"123456789012345678901234567890123456\x01z", "123456789012345678901234567890123456"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		char control[200], expected[200];
		struct fake f;

		snprintf(control, sizeof control, "V1\nT1768467600\nR:%s\n", rows[i].address);
		snprintf(expected, sizeof expected, "           A1 \n\t\t\t\t\t %s\n",
			 rows[i].as_recipient);
		start(&f, "A1", control);
		assert_string_equal(print(&f, false, false), expected);
		fake_free(&f);
	}
}

static void test_texts_are_cut_by_bytes(void **state)
{
	static const char control[] =
	    "V8\nT1768467600\nM0123456789012345678901234567890123456789012345678901234567890123"
	    "\nB8BITMIME-AND-MORE\nS<>\n";
	struct fake f;

	(void)state;
	start(&f, "A1", control);
	assert_string_equal(
	    print(&f, false, false),
	    "           A1     1234 Thu Jan 15 09:00 <>\n"
	    "    8BITMIME-A   (012345678901234567890123456789012345678901234567890123456789)\n");
	f.m.control_text = slice_of("V8\nT1768467600\nMa\0b\nS<\0x>\n", 27);
	assert_string_equal(print(&f, false, false),
			    "           A1     1234 Thu Jan 15 09:00 <\n                 (a)\n");
	fake_free(&f);
}

static void test_terminal(void **state)
{
	static const char control[] =
	    "V8\nT1768467600\nMred \033[31m\xff\nqwhy\a\nS<>\nCx\033\nR:y\n";
	struct fake f;

	(void)state;
	start(&f, "A\n1", control);
	assert_non_null(strstr(print(&f, false, false), "(red \033[31m\xff)"));
	assert_non_null(strstr(print(&f, true, true), "(red \\x1b[31m\xef\xbf\xbd)"));
	assert_non_null(strstr(f.out.p, "A\\n1 "));
	assert_null(strchr(f.out.p, '\033'));
	assert_null(strchr(f.out.p, '\a'));
	fake_free(&f);
}

static void test_marks(void **state)
{
	static const struct {
		int locked;
		enum message_state state;
		int64_t attempts, last;
		char mark;
	} rows[] = {
	    {0, STATE_QUEUED, 0, FAKE_NOW, ' '},	{0, STATE_QUEUED, 1, FAKE_NOW - 1799, '-'},
	    {0, STATE_QUEUED, 1, FAKE_NOW - 1800, ' '}, {0, STATE_QUEUED, 1, FAKE_NOW + 1, ' '},
	    {0, STATE_QUEUED, 1, INT64_MIN, ' '},	{1, STATE_QUEUED, 1, FAKE_NOW, '*'},
	    {1, STATE_LOST, 1, FAKE_NOW, '*'},		{0, STATE_LOST, 1, FAKE_NOW, '?'},
	    {-1, STATE_QUEUED, 1, FAKE_NOW, '-'},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct fake f;

		start(&f, "tAE9QVHl018335", "T1\n");
		f.backend.lister_facts = facts;
		f.m.locked = rows[i].locked;
		f.m.state = rows[i].state;
		f.m.attempts = number_of(rows[i].attempts);
		f.m.last_attempt = number_of(rows[i].last);
		assert_int_equal(print(&f, false, false)[14], rows[i].mark);
		fake_free(&f);
	}
}

static void growing_facts(const struct queue *q, struct lister_facts *out)
{
	(void)q;
	out->min_queue_age = 1800;
	out->max_queue_age = 7200;
}

/* With MaxQueueAge the wait grows as the message ages, up to that. */
static void test_growing_delay(void **state)
{
	static const struct {
		int64_t arrival, last;
		char mark;
	} rows[] = {
	    {FAKE_NOW - 1000, FAKE_NOW - 400, '-'},   /* must wait 600 */
	    {FAKE_NOW - 1000, FAKE_NOW - 500, ' '},   /* must wait 500 */
	    {FAKE_NOW - 90000, FAKE_NOW - 7199, '-'}, /* must wait 7200 */
	    {FAKE_NOW - 90000, FAKE_NOW - 7200, ' '},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct fake f;

		start(&f, "tAE9QVHl018335", "T1\n");
		f.backend.lister_facts = growing_facts;
		f.m.attempts = number_of(1);
		f.m.arrival = number_of(rows[i].arrival);
		f.m.last_attempt = number_of(rows[i].last);
		assert_int_equal(print(&f, false, false)[14], rows[i].mark);
		fake_free(&f);
	}
}

static void test_unreadable(void **state)
{
	static const struct {
		enum error_code code;
		int errnum;
		const char *text, *line;
	} rows[] = {
	    {ERROR_DENIED, EPERM, "x", "           A1 (permission denied)\n"},
	    {ERROR_DENIED, EACCES, "x", "           A1 (Permission denied)\n"},
	    {ERROR_GONE, ENOENT, "x", "           A1 (job completed)\n"},
	    {ERROR_SYSTEM, EIO, "x", "           A1 (Input/output error)\n"},
	    {ERROR_LIMIT, 0, "too\nlarge", "           A1 (too\\nlarge)\n"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct fake f;

		start(&f, "A1", NULL);
		fake_failure(&f, PART_CONTROL_I, rows[i].code, rows[i].errnum, rows[i].text);
		assert_string_equal(print(&f, false, false), rows[i].line);
		fake_free(&f);
	}
}

/* The error that sendmail prints into the middle of this line is not imitated. */
static void test_missing_data_file(void **state)
{
	struct fake f;

	(void)state;
	start(&f, "60F900qH031756", "V8\nT1768467600\nS<a@example.com>\n");
	f.m.state = STATE_NODATA;
	f.m.size.known = false;
	assert_string_equal(print(&f, false, false),
			    "60F900qH031756       -1 Thu Jan 15 09:00 <a@example.com>\n");
	fake_free(&f);
}

/* qmail has no such lines: they are made up from the message. */
static void test_other_mta(void **state)
{
	struct recipient *r;
	struct fake f;

	(void)state;
	fake_init(&f, "qmail");
	f.m.arrival = number_of(1768467600);
	r = fake_recipient(&f, "b@example.net", false);
	r->status = SLICE("451 later");
	r->own_status = true;
	fake_recipient(&f, "done@example.net", true);
	fake_recipient(&f, "c:d@example.net", false);
	assert_string_equal(print(&f, false, false),
			    "           A1     1234 Thu Jan 15 09:00 <a@example.com>\n"
			    "                 (451 later)\n"
			    "\t\t\t\t\t <b@example.net>\n\t\t\t\t\t <c:d@example.net>\n");
	f.m.sender = SLICE("");
	assert_string_equal(print(&f, true, false),
			    "           A1     1234 2147483647 Jan 15 09:00 <>\n"
			    "                 (451 later)\n"
			    "\t\t\t\t\t\t<b@example.net>\n\t\t (451 later)\n"
			    "\t\t\t\t\t\t<c:d@example.net>\n");
	fake_free(&f);
}

static void test_headings(void **state)
{
	struct output *plain = output_new(&output_mailq, &(struct output_options){0}, NULL);
	struct output *verbose =
	    output_new(&output_mailq, &(struct output_options){.verbose = true}, NULL);
	struct fake f;

	(void)state;
	fake_init(&f, "sendmail");
	output_begin(plain, &f.out);
	output_unit_begin(plain, &f.unit, 0, &f.out);
	output_unit_end(plain, &f.unit, &f.out);
	output_unit_begin(plain, &f.unit, 1, &f.out);
	output_unit_end(plain, &f.unit, &f.out);
	output_unit_begin(verbose, &f.unit, 2, &f.out);
	output_end(plain, 3, &f.out);
	assert_true(slice_eq(
	    buf_slice(&f.out),
	    SLICE(
		"/q is empty\n"
		"\t\t/q (1 request)\n"
		"-----Q-ID----- --Size-- -----Q-Time----- ------------Sender/Recipient-----------\n"
		"\t\t/q (2 requests)\n"
		"-----Q-ID----- --Size-- -Priority- ---Q-Time--- --------Sender/Recipient--------\n"
		"\t\tTotal requests: 3\n")));
	output_free(plain);
	output_free(verbose);
	fake_free(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_recorded_entries),
	    cmocka_unit_test(test_addresses),
	    cmocka_unit_test(test_texts_are_cut_by_bytes),
	    cmocka_unit_test(test_terminal),
	    cmocka_unit_test(test_marks),
	    cmocka_unit_test(test_growing_delay),
	    cmocka_unit_test(test_unreadable),
	    cmocka_unit_test(test_missing_data_file),
	    cmocka_unit_test(test_other_mta),
	    cmocka_unit_test(test_headings),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
