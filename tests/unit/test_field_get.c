/* field_get, field_text: what each field makes of a message. */
#include "unit/cmocka_all.h"
#include "unit/fake_message.h"

static const struct backend sendmail = {.name = "sendmail"}, qmail = {.name = "qmail"};

const struct backend *backend_at(size_t i)
{
	return i == 0 ? &sendmail : i == 1 ? &qmail : NULL;
}

/* All values of a field as text, "|" after each. */
static const char *values(struct fake *f, enum field_id id, const char *argument)
{
	const struct field *row = field_row(id);
	struct field_cursor at = {0};
	struct value v;
	enum field_got got = GOT_END;

	f->c.argument = slice_from(argument);
	buf_clear(&f->out);
	while ((got = row->get(&f->c, &at, &v)) == GOT_VALUE) {
		assert_int_equal(v.type, row->type);
		buf_add(&f->out, field_print(&f->arena, row, &v));
		buf_addc(&f->out, '|');
		if (!(row->flags & FIELD_LIST))
			break;
	}
	assert_int_not_equal(got, GOT_NOMEM);
	buf_addc(&f->out, '\0');
	return f->out.p;
}

#define assert_values(f, id, text) assert_string_equal(values(f, id, NULL), text)

static void test_scalars(void **state)
{
	struct fake f;

	(void)state;
	fake_init(&f, "qmail");
	f.m.accepted = number_of(0);
	f.m.expires = number_of(FAKE_NOW);
	f.m.priority = number_of(-5);
	f.m.version = number_of(8);
	f.m.flags = SLICE("rs");
	f.m.envid = SLICE("");
	f.m.bounce = true;
	assert_values(&f, FIELD_ID, "A1|");
	assert_values(&f, FIELD_QUEUE, "test:/q|");
	assert_values(&f, FIELD_MTA, "qmail|");
	assert_values(&f, FIELD_HOST, "mx.example|");
	assert_values(&f, FIELD_STATE, "queued|");
	assert_values(&f, FIELD_LOCKED, "no|");
	assert_values(&f, FIELD_ARRIVAL, "2026-01-14T11:00:00Z|");
	assert_values(&f, FIELD_AGE, "1d1h|");
	assert_values(&f, FIELD_ACCEPTED, "1970-01-01T00:00:00Z|");
	assert_values(&f, FIELD_EXPIRES, "2026-01-15T12:00:00Z|");
	assert_values(&f, FIELD_SIZE, "1234|");
	assert_values(&f, FIELD_SENDER, "a@example.com|");
	assert_values(&f, FIELD_SENDER_DOMAIN, "example.com|");
	assert_values(&f, FIELD_BOUNCE, "yes|");
	assert_values(&f, FIELD_DOUBLE_BOUNCE, "no|");
	assert_values(&f, FIELD_PRIORITY, "-5|");
	assert_values(&f, FIELD_VERSION, "8|");
	assert_values(&f, FIELD_FLAGS, "rs|");
	assert_values(&f, FIELD_ENVID, "|"); /* empty is not missing */
	fake_free(&f);
}

static void test_missing_scalars(void **state)
{
	static const enum field_id lacking[] = {
	    FIELD_MTA,		FIELD_STATE,	     FIELD_LOCKED,	  FIELD_ARRIVAL,
	    FIELD_AGE,		FIELD_ACCEPTED,	     FIELD_EXPIRES,	  FIELD_SIZE,
	    FIELD_SENDER,	FIELD_SENDER_DOMAIN, FIELD_ATTEMPTS,	  FIELD_PRIORITY,
	    FIELD_LAST_ATTEMPT, FIELD_NEXT_ATTEMPT,  FIELD_FLAGS,	  FIELD_BODY_TYPE,
	    FIELD_AUTH,		FIELD_ENVID,	     FIELD_REASON,	  FIELD_VERSION,
	    FIELD_DELIVER_BY,	FIELD_MACRO,	     FIELD_CONTROL_SIZE,  FIELD_CONTROL_TIME,
	    FIELD_RECIPIENT,	FIELD_STATUS,	     FIELD_REPLY,	  FIELD_DSN,
	    FIELD_CHANNEL,	FIELD_ROUTE,	     FIELD_SUBJECT,	  FIELD_BODY,
	    FIELD_ORIGINAL,	FIELD_HEADER,	     FIELD_REPLY_IN_BODY, FIELD_RELAY_IP,
	    FIELD_SUBMITTER,	FIELD_UID,
	};
	struct fake f;

	(void)state;
	fake_init(&f, "neither");
	f.m.state = STATE_UNKNOWN;
	f.m.locked = -1;
	f.m.arrival.known = f.m.size.known = false;
	f.m.sender = SLICE_NONE;
	for (size_t i = 0; i < sizeof lacking / sizeof lacking[0]; i++)
		assert_string_equal(values(&f, lacking[i], "x"), "");
	assert_values(&f, FIELD_RECIPIENTS, "0|");
	assert_values(&f, FIELD_PENDING, "0|");
	fake_free(&f);
}

static void test_null_senders(void **state)
{
	struct fake f;

	(void)state;
	fake_init(&f, "sendmail");
	f.m.sender = SLICE("");
	assert_values(&f, FIELD_SENDER, "|");
	assert_values(&f, FIELD_SENDER_DOMAIN, "");
	f.m.sender = SLICE("MAILER-DAEMON");
	assert_values(&f, FIELD_SENDER, "MAILER-DAEMON|");
	assert_values(&f, FIELD_SENDER_DOMAIN, "");
	fake_free(&f);
}

static void test_age_of_hostile_times(void **state)
{
	struct fake f;
	struct field_cursor at = {0};
	struct value v;

	(void)state;
	fake_init(&f, "sendmail");
	f.m.arrival = number_of(FAKE_NOW + 60);
	assert_values(&f, FIELD_AGE, "-1m|");
	f.m.arrival = number_of(INT64_MIN);
	assert_int_equal(field_row(FIELD_AGE)->get(&f.c, &at, &v), GOT_VALUE);
	assert_true(v.i == INT64_MAX);
	f.m.arrival = number_of(INT64_MAX);
	f.c.now = -10;
	assert_int_equal(field_row(FIELD_AGE)->get(&f.c, &at, &v), GOT_VALUE);
	assert_true(v.i == INT64_MIN);
	fake_free(&f);
}

static void three_recipients(struct fake *f)
{
	struct recipient *r = fake_recipient(f, "p@one.example", false);

	r->channel = CHANNEL_LOCAL;
	r->status = SLICE("Remote host said: 451 4.7.1 Greylisted");
	r->own_status = true;
	r->attempts = number_of(3);
	r->orcpt = SLICE("rfc822;P@one.example");
	r = fake_recipient(f, "d@two.example", true);
	r->channel = CHANNEL_REMOTE;
	r->route = SLICE("relay:25");
	r = fake_recipient(f, "nohost", false);
	r->channel = CHANNEL_REMOTE;
	r->control = SLICE("user:1:2:alias");
	r->last_attempt = number_of(60);
	fake_status(f, "Deferred: Connection refused");
	fake_status(f, "Remote host said: 451 4.7.1 Greylisted");
	f->m.attempts = number_of(9);
	f->m.last_attempt = number_of(0);
}

static void test_recipients(void **state)
{
	struct fake f;

	(void)state;
	fake_init(&f, "qmail");
	three_recipients(&f);
	assert_values(&f, FIELD_RECIPIENT, "p@one.example|nohost|");
	assert_values(&f, FIELD_RECIPIENT_ALL, "p@one.example|d@two.example|nohost|");
	assert_values(&f, FIELD_RECIPIENT_DONE, "d@two.example|");
	assert_values(&f, FIELD_RECIPIENT_DOMAIN, "one.example|");
	assert_values(&f, FIELD_RECIPIENTS, "3|");
	assert_values(&f, FIELD_PENDING, "2|");
	assert_values(&f, FIELD_CHANNEL, "local|remote|");
	assert_values(&f, FIELD_ROUTE, ""); /* only the done one has it */
	assert_values(&f, FIELD_ORIGINAL_RECIPIENT, "rfc822;P@one.example|");
	assert_values(&f, FIELD_CONTROLLING_USER, "user:1:2:alias|");
	assert_values(&f, FIELD_STATUS,
		      "Deferred: Connection refused|Remote host said: 451 4.7.1 Greylisted|");
	assert_values(&f, FIELD_REPLY, "451|");
	assert_values(&f, FIELD_DSN, "4.7.1|");
	assert_values(&f, FIELD_ATTEMPTS, "9|");
	fake_free(&f);
}

static void test_bound_recipient(void **state)
{
	struct fake f;

	(void)state;
	fake_init(&f, "qmail");
	three_recipients(&f);
	f.c.recipient = &f.recipients[0];
	assert_values(&f, FIELD_RECIPIENT, "p@one.example|");
	assert_values(&f, FIELD_RECIPIENT_DOMAIN, "one.example|");
	assert_values(&f, FIELD_RECIPIENT_DONE, "");
	assert_values(&f, FIELD_CHANNEL, "local|");
	assert_values(&f, FIELD_STATUS, "Remote host said: 451 4.7.1 Greylisted|");
	assert_values(&f, FIELD_REPLY, "451|");
	assert_values(&f, FIELD_DSN, "4.7.1|");
	assert_values(&f, FIELD_ATTEMPTS, "3|");
	/* whose attempts are counted has numbers of its own, also where they are not known */
	assert_values(&f, FIELD_LAST_ATTEMPT, "");
	f.c.recipient = &f.recipients[2];
	assert_values(&f, FIELD_RECIPIENT, "nohost|");
	assert_values(&f, FIELD_RECIPIENT_DOMAIN, "");
	assert_values(&f, FIELD_STATUS, "");
	assert_values(&f, FIELD_REPLY, "");
	assert_values(&f, FIELD_ATTEMPTS, "9|");
	assert_values(&f, FIELD_LAST_ATTEMPT, "1970-01-01T00:01:00Z|");
	f.c.recipient = &f.recipients[1];
	assert_values(&f, FIELD_RECIPIENT_DONE, "d@two.example|");
	assert_values(&f, FIELD_ROUTE, "relay:25|");
	fake_free(&f);
}

static void test_macros(void **state)
{
	struct macro macros[] = {{SLICE("r"), SLICE("ESMTP")},
				 {SLICE("auth_type"), SLICE("PLAIN")},
				 {SLICE("r"), SLICE("SMTP")}};
	struct fake f;

	(void)state;
	fake_init(&f, "sendmail");
	f.m.macros = macros;
	f.m.macro_count = 3;
	assert_string_equal(values(&f, FIELD_MACRO, "r"), "SMTP|");
	assert_string_equal(values(&f, FIELD_MACRO, "{r}"), "SMTP|");
	assert_string_equal(values(&f, FIELD_MACRO, "{auth_type}"), "PLAIN|");
	assert_string_equal(values(&f, FIELD_MACRO, "R"), "");
	assert_string_equal(values(&f, FIELD_MACRO, "{}"), "");
	fake_free(&f);
}

static void test_control_file(void **state)
{
	struct fake f;

	(void)state;
	fake_init(&f, "sendmail");
	f.m.identity.control_ino = 7;
	f.m.identity.control_size = 800;
	f.m.identity.control_mtime_ns = -1; /* a nanosecond before 1970 */
	assert_values(&f, FIELD_CONTROL_SIZE, "800|");
	assert_values(&f, FIELD_CONTROL_TIME, "1969-12-31T23:59:59Z|");
	f.m.identity.control_mtime_ns = INT64_C(60999999999);
	assert_values(&f, FIELD_CONTROL_TIME, "1970-01-01T00:01:00Z|");
	fake_free(&f);
}

static struct slice no_x(struct arena *a, const struct message *m, struct slice raw)
{
	struct slice s = arena_copy(a, raw);

	(void)m;
	return slice_starts(s, SLICE("X")) ? slice_skip(s, 1) : s;
}

static void test_headers(void **state)
{
	struct fake f;

	(void)state;
	fake_init(&f, "qmail");
	f.c.charsets = charset_cache_new();
	fake_header(&f, "Subject", " =?utf-8?Q?caf=C3=A9?=\n at noon ");
	fake_header(&f, "subject", "second");
	fake_header(&f, "To", "");
	fake_header(&f, "X-Loop", "Xyes");
	assert_values(&f, FIELD_SUBJECT, "caf\xc3\xa9 at noon|second|");
	assert_string_equal(values(&f, FIELD_HEADER, "SUBJECT"), "caf\xc3\xa9 at noon|second|");
	assert_string_equal(values(&f, FIELD_HEADER_RAW, "Subject"),
			    "=?utf-8?Q?caf=C3=A9?= at noon|second|");
	assert_values(&f, FIELD_TO, "|");
	assert_values(&f, FIELD_CC, "");
	f.m.header_bytes = no_x;
	assert_string_equal(values(&f, FIELD_HEADER, "x-loop"), "yes|");
	assert_string_equal(values(&f, FIELD_HEADER_RAW, "x-loop"), "yes|");
	charset_cache_free(f.c.charsets);
	fake_free(&f);
}

static void test_body(void **state)
{
	static const struct {
		const char *body, *lines, *replies;
	} rows[] = {
	    {"", "", ""},
	    {"\n", "|", ""},
	    {"a\r\n\r\nb", "a||b|", ""},
	    {"a\n", "a|", ""},
	    {">>> RCPT\n<<< 550 5.1.1 unknown\n<<< 452-4.2.2 full\r\n<<<",
	     ">>> RCPT|<<< 550 5.1.1 unknown|<<< "
	     "452-4.2.2 full|<<<|",
	     "550 5.1.1 unknown|452-4.2.2 full|"},
	    {" <<< 550 x\n<<< abc\n<<< 55\n<<< 250", " <<< 550 x|<<< abc|<<< 55|<<< 250|", "250|"},
	};
	struct fake f;

	(void)state;
	fake_init(&f, "qmail");
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		f.m.body = slice_from(rows[i].body);
		assert_values(&f, FIELD_BODY, rows[i].lines);
		assert_values(&f, FIELD_REPLY_IN_BODY, rows[i].replies);
	}
	fake_free(&f);
}

#define REPORT                                                                                     \
	"preamble\n--b;1\n\nnotice\nX-Spam: not this\n\n--b;1\nContent-Type: "                     \
	"message/delivery-status\n\nX-Spam: nor this\n\n"

static void test_original(void **state)
{
	static const char multipart[] =
	    " multipart/report; report-type=delivery-status;\n\tboundary=\"b;1\"";
	static const struct {
		const char *type, *body, *found;
	} rows[] = {
	    {multipart,
	     REPORT "--b;1\nContent-Type: message/rfc822\n\nReturn-Path: <a@b>\nX-Spam: "
		    "YES,\n\t9\nx-spam: =?utf-8?Q?=C3=A9?=\n\n"
		    "X-Spam: in its body\n--b;1--\n",
	     "YES,\t9|\xc3\xa9|"},
	    {multipart,
	     REPORT "--b;1\r\nContent-Type: Text/RFC822-Headers; charset=x\r\n\r\nX-Spam: "
		    "YES\r\n--b;1--\r\nX-Spam: no\r\n",
	     "YES|"},
	    {multipart, REPORT "--b;1--\n", ""},
	    {"multipart/mixed; boundary=out",
	     "--out\nContent-Type: multipart/report; boundary=in\n\n--in\n\nx\n--in\nContent-Type: "
	     "message/rfc822\n\nX-Spam: deep\n",
	     "deep|"},
	    {NULL,
	     "Hi. This is the qmail-send program.\n\n<x@y>:\nSorry.\n\n--- Below this line is a "
	     "copy of the message.\n\n"
	     "Return-Path: <a@b>\nX-Spam: YES\n\nbody\nX-Spam: no\n",
	     "YES|"},
	    {"text/plain", "X-Spam: no original here\n", ""},
	    {"multipart/report", "--\nContent-Type: message/rfc822\n\nX-Spam: no boundary\n", ""},
	    {"multipart/report; boundary=\"", "--\n", ""},
	    {"multipart/report; boundary=b",
	     "--b--\n--b\nContent-Type: message/rfc822\n\nX-Spam: after its end\n", ""},
	    {"multipart/mixed; boundary=out",
	     "--out\nContent-Type: multipart/x; "
	     "boundary=in\n\n--in\n\nx\n--in--\n--in\nContent-Type: message/rfc822\n\n"
	     "X-Spam: ended\n--out\nContent-Type: message/rfc822\n\nX-Spam: outer\n",
	     "outer|"},
	    {"multipart/report; boundary=b", "--b", ""},
	    {"multipart/report; boundary=b", "--b\nContent-Type: message/rfc822", ""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct fake f;

		fake_init(&f, "sendmail");
		f.c.charsets = charset_cache_new();
		if (rows[i].type)
			fake_header(&f, "Content-type", rows[i].type);
		f.m.body = slice_from(rows[i].body);
		assert_string_equal(values(&f, FIELD_ORIGINAL, "X-SPAM"), rows[i].found);
		charset_cache_free(f.c.charsets);
		fake_free(&f);
	}
}

/* Multiparts within multiparts, a hundred thousand of them: read once. */
static void test_original_of_hostile_body(void **state)
{
	static const char part[] = "--b\nContent-Type: multipart/x; boundary=b\n\n";
	const size_t count = 100000;
	struct fake f;
	struct buf body;

	(void)state;
	fake_init(&f, "sendmail");
	buf_init(&body);
	for (size_t i = 0; i < count; i++)
		buf_adds(&body, part);
	buf_adds(&body, "--b\nContent-Type: message/rfc822\n\nX-Spam: found\n");
	fake_header(&f, "Content-Type", "multipart/report; boundary=b");
	f.m.body = buf_slice(&body);
	assert_string_equal(values(&f, FIELD_ORIGINAL, "X-Spam"), "found|");
	buf_free(&body);
	fake_free(&f);
}

static void test_submission(void **state)
{
	struct macro macros[] = {{SLICE("_"), SLICE("mx.example.org [192.0.2.7]")}};
	struct fake f;

	(void)state;
	fake_init(&f, "qmail");
	fake_header(&f, "Received", " (qmail 123 invoked by uid 1000); 20 Nov 2026 09:00:00 -0000");
	assert_values(&f, FIELD_UID, "1000|");
	assert_values(&f, FIELD_SUBMITTER, "uid 1000|");
	assert_values(&f, FIELD_RELAY_IP, "");
	fake_free(&f);
	fake_init(&f, "sendmail");
	f.m.macros = macros;
	f.m.macro_count = 1;
	assert_values(&f, FIELD_RELAY_IP, "192.0.2.7|");
	assert_values(&f, FIELD_UID, "");
	fake_free(&f);
}

static void test_out_of_memory(void **state)
{
	struct fake f;
	struct field_cursor at = {0};
	struct value v;
	char *big;

	(void)state;
	fake_init(&f, "qmail");
	big = arena_alloc(&f.arena, 200000);
	memset(big, 'x', 200000);
	memcpy(big + 1000, "\n ", 2); /* must be unfolded: needs a copy */
	f.headers[0] = (struct header){SLICE("Subject"), slice_of(big, 200000), SLICE_NONE};
	f.m.headers.count = 1;
	f.arena.limit = f.arena.total;
	assert_int_equal(field_row(FIELD_SUBJECT)->get(&f.c, &at, &v), GOT_NOMEM);
	fake_free(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_scalars),	 cmocka_unit_test(test_missing_scalars),
	    cmocka_unit_test(test_null_senders), cmocka_unit_test(test_age_of_hostile_times),
	    cmocka_unit_test(test_recipients),	 cmocka_unit_test(test_bound_recipient),
	    cmocka_unit_test(test_macros),	 cmocka_unit_test(test_control_file),
	    cmocka_unit_test(test_headers),	 cmocka_unit_test(test_body),
	    cmocka_unit_test(test_original),	 cmocka_unit_test(test_original_of_hostile_body),
	    cmocka_unit_test(test_submission),	 cmocka_unit_test(test_out_of_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
