/* out_qread: the bytes of qmail-qread. */
#include "unit/cmocka_all.h"
#include "unit/fake_message.h"

#include "output.h"

const struct backend *backend_at(size_t i)
{
	(void)i;
	return NULL;
}

static const char *print(struct fake *f)
{
	struct output *o = output_new(&output_qread, &(struct output_options){0}, NULL);

	buf_clear(&f->out);
	output_begin(o, &f->out);
	assert_int_equal(output_message(o, &f->c, &f->out, NULL), 0);
	output_end(o, 1, &f->out);
	buf_addc(&f->out, '\0');
	output_free(o);
	return f->out.p;
}

static void channel_of(struct fake *f, const char *address, enum channel channel, bool done)
{
	fake_recipient(f, address, done)->channel = channel;
}

/* split1 and broken of the recorded queues */
static void test_recorded(void **state)
{
	struct fake f;

	(void)state;
	fake_init(&f, "qmail");
	f.m.id = SLICE("1148361");
	f.m.arrival = number_of(1794819862);
	f.m.size = number_of(244);
	f.m.sender = SLICE("finn@local.example.test");
	f.m.bouncing = true;
	channel_of(&f, "defer@local.example.test", CHANNEL_LOCAL, false);
	channel_of(&f, "d@nouser.example.org", CHANNEL_REMOTE, true);
	channel_of(&f, "e@full.example.net", CHANNEL_REMOTE, false);
	channel_of(&f, "", CHANNEL_REMOTE, true);
	assert_string_equal(
	    print(&f),
	    "16 Nov 2026 09:04:22 GMT  #1148361  244  <finn@local.example.test>  bouncing\n"
	    "\tlocal\tdefer@local.example.test\n"
	    "  done\tremote\td@nouser.example.org\n"
	    "\tremote\te@full.example.net\n"
	    "  done\tremote\t\n");
	fake_free(&f);
}

static void test_no_recipients(void **state)
{
	struct fake f;

	(void)state;
	fake_init(&f, "qmail");
	f.m.id = SLICE("1148054");
	f.m.arrival = number_of(0);
	f.m.size = number_of(260);
	f.m.sender = SLICE("");
	assert_string_equal(print(&f), "1 Jan 1970 00:00:00 GMT  #1148054  260  <> \n");
	fake_free(&f);
}

static void test_bytes(void **state)
{
	struct fake f;

	(void)state;
	fake_init(&f, "qmail");
	f.m.arrival = number_of(0);
	f.m.sender = slice_of("a b\t\n\0<>%\\\xc3\xa9\x7f", 13);
	channel_of(&f, "x\033[31my", CHANNEL_LOCAL, false);
	assert_string_equal(print(&f), "1 Jan 1970 00:00:00 GMT  #A1  1234  <a b___<>%\\___> \n"
				       "\tlocal\tx_[31my\n");
	fake_free(&f);
}

static void fail_with(struct fake *f, enum part_index part, enum error_code code)
{
	fake_init(f, "qmail");
	fake_recipient(f, "b@example.net", false);
	fake_failure(f, part, code, 0, "damage");
}

/* A message without its mess file, or without an info file to read, has no block. */
static void test_not_there(void **state)
{
	static const enum part_index vital[] = {PART_STAT_I, PART_CONTROL_I};
	struct fake f;

	(void)state;
	fail_with(&f, PART_DATA_I, ERROR_GONE);
	assert_string_equal(print(&f), "");
	fake_free(&f);
	fail_with(&f, PART_DATA_I, ERROR_DENIED);
	assert_string_equal(print(&f), "");
	fake_free(&f);
	for (size_t i = 0; i < 2; i++) {
		fail_with(&f, vital[i], ERROR_CORRUPT);
		f.m.arrival.known = false;
		assert_string_equal(print(&f), "");
		fake_free(&f);
	}
}

/* Else it is listed with what is known. */
static void test_damaged(void **state)
{
	static const char tail[] = "\tremote\tb@example.net\n";
	struct fake f;

	(void)state;
	fail_with(&f, PART_DATA_I, ERROR_CORRUPT);
	f.m.size.known = false;
	assert_string_equal(
	    print(&f),
	    "14 Jan 2026 11:00:00 GMT  #A1  0  <a@example.com> \n\tremote\tb@example.net\n");
	fake_free(&f);
	fail_with(&f, PART_CONTROL_I, ERROR_CORRUPT);
	f.m.sender = SLICE_NONE;
	assert_string_equal(print(&f),
			    "14 Jan 2026 11:00:00 GMT  #A1  1234  <?> \n\tremote\tb@example.net\n");
	fake_free(&f);
	fail_with(&f, PART_RECIPIENTS_I, ERROR_CORRUPT);
	assert_non_null(strstr(print(&f), tail));
	fake_free(&f);
}

/* What is not preprocessed yet has no info file: the time when it came stands in. */
static void test_new_message(void **state)
{
	struct fake f;

	(void)state;
	fake_init(&f, "qmail");
	f.m.arrival.known = false;
	f.m.accepted = number_of(86400);
	assert_string_equal(print(&f), "2 Jan 1970 00:00:00 GMT  #A1  1234  <a@example.com> \n");
	fake_free(&f);
}

/* sendmail has no channels: its recipients are shown as remote. */
static void test_other_mta(void **state)
{
	struct fake f;

	(void)state;
	fake_init(&f, "sendmail");
	f.m.arrival = number_of(-1);
	fake_recipient(&f, "b@example.net", false);
	assert_string_equal(
	    print(&f),
	    "31 Dec 1969 23:59:59 GMT  #A1  1234  <a@example.com> \n\tremote\tb@example.net\n");
	fake_free(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_recorded),  cmocka_unit_test(test_no_recipients),
	    cmocka_unit_test(test_bytes),     cmocka_unit_test(test_not_there),
	    cmocka_unit_test(test_damaged),   cmocka_unit_test(test_new_message),
	    cmocka_unit_test(test_other_mta),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
