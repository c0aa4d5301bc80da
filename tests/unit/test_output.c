/* output: the table of formats, what they share, and ids. */
#include "unit/cmocka_all.h"
#include "unit/fake_message.h"

#include "output.h"

const struct backend *backend_at(size_t i)
{
	(void)i;
	return NULL;
}

static void test_every_format(void **state)
{
	const struct output_kind *k;

	(void)state;
	for (size_t i = 0; (k = output_kind_at(i)); i++) {
		struct output_options options = {.id_end = '\n', .format = SLICE("{id}")};
		struct output *o = output_new(k, &options, NULL);
		struct fake f;

		assert_non_null(k->summary);
		assert_non_null(k->fields);
		assert_ptr_equal(output_kind_find(slice_from(k->name)), k);
		assert_non_null(o);
		fake_init(&f, "sendmail");
		assert_int_equal(output_parts(o, &f.backend), PART_NAME | PART_CONTROL);
		output_begin(o, &f.out);
		output_unit_begin(o, &f.unit, 1, &f.out);
		assert_int_equal(output_message(o, &f.c, &f.out, NULL), 0);
		output_unit_end(o, &f.unit, &f.out);
		output_end(o, 1, &f.out);
		assert_true(slice_find(buf_slice(&f.out), SLICE("A1")) != SIZE_MAX);
		assert_int_equal(f.out.p[f.out.n - 1], '\n');
		output_free(o);
		fake_free(&f);
	}
	assert_null(output_kind_find(SLICE("tables")));
	assert_null(output_kind_find(SLICE("")));
	output_free(NULL);
}

/* A message of which nothing is known prints all the same. */
static void test_bare_message(void **state)
{
	const struct output_kind *k;

	(void)state;
	for (size_t i = 0; (k = output_kind_at(i)); i++) {
		struct output_options options = {.id_end = '\n',
						 .format = SLICE("{id} {sender} {subject}")};
		struct output *o = output_new(k, &options, NULL);
		struct fake f;

		fake_init(&f, "sendmail");
		f.m.sender = f.m.sender_raw = SLICE_NONE;
		f.m.arrival.known = f.m.size.known = false;
		f.m.state = STATE_UNKNOWN;
		f.m.locked = -1;
		for (enum part_index p = PART_STAT_I; p < PART_COUNT; p++)
			fake_failure(&f, p, ERROR_DENIED, 0, "no way in");
		assert_int_equal(output_message(o, &f.c, &f.out, NULL), 0);
		/* qmail-qread has only a warning for it */
		assert_true((f.out.n > 0) == (k != &output_qread));
		output_free(o);
		fake_free(&f);
	}
}

/* Whatever the queue holds, a terminal gets printable characters, line ends and tabs alone. */
static void test_terminals_are_safe(void **state)
{
	static char all[256];
	const struct slice hostile = {all, sizeof all};
	const struct output_kind *k;

	(void)state;
	for (int i = 0; i < 256; i++)
		all[i] = (char)(255 - i);
	for (size_t i = 0; (k = output_kind_at(i)); i++) {
		for (int verbose = 0; verbose < 2; verbose++) {
			struct output_options options = {
			    .id_end = verbose ? '\n' : '\0',
			    .format = SLICE("{id}{sender}{status}{recipient}"),
			    .terminal = true,
			    .verbose = verbose};
			struct output *o = output_new(k, &options, NULL);
			struct fake f;

			fake_init(&f, "sendmail");
			fake_recipient(&f, "", false)->address = hostile;
			f.recipients[0].status = hostile;
			f.recipients[0].own_status = true;
			f.m.id = f.m.sender = f.m.reason = f.m.message_status = hostile;
			f.m.statuses[f.m.status_count++] = hostile;
			f.unit.path = "/q\033[31m";
			output_unit_begin(o, &f.unit, 1, &f.out);
			assert_int_equal(output_message(o, &f.c, &f.out, NULL), 0);
			if (k == &output_ids && !verbose)
				f.out.n--; /* the NUL that was asked for */
			for (size_t j = 0; j < f.out.n; j++) {
				unsigned char c = (unsigned char)f.out.p[j];

				assert_true(c >= 32 || c == '\n' || c == '\t');
				assert_true(c != 127);
			}
			assert_true(utf8_valid(buf_slice(&f.out)));
			output_free(o);
			fake_free(&f);
		}
	}
}

static struct slice with_time(struct arena *a, const struct message *m)
{
	return arena_printf(a, "%.*s@77", (int)m->id.n, m->id.p);
}

static void test_ids(void **state)
{
	struct output_options options = {.id_end = '\n'};
	struct output *o = output_new(&output_ids, &options, NULL), *nul;
	struct fake f;

	(void)state;
	options.id_end = '\0';
	nul = output_new(&output_ids, &options, NULL);
	fake_init(&f, "qmail");
	f.m.id = SLICE("a\nb");
	assert_int_equal(output_message(o, &f.c, &f.out, NULL), 0);
	assert_true(slice_eq(buf_slice(&f.out), SLICE("a\\nb\n")));
	buf_clear(&f.out);
	assert_int_equal(output_message(nul, &f.c, &f.out, NULL), 0);
	assert_true(slice_eq(buf_slice(&f.out), slice_of("a\nb\0", 4)));
	f.backend.script_id = with_time;
	f.needs[FIELD_ID] = PART_NAME;
	assert_int_equal(output_parts(o, &f.backend), PART_NAME | PART_DATA);
	f.m.id = SLICE("206850");
	buf_clear(&f.out);
	assert_int_equal(output_message(o, &f.c, &f.out, NULL), 0);
	assert_true(slice_eq(buf_slice(&f.out), SLICE("206850@77\n")));
	fake_failure(&f, PART_DATA_I, ERROR_CORRUPT, 0, "no");
	buf_clear(&f.out);
	assert_int_equal(output_message(o, &f.c, &f.out, NULL), 0);
	/* the backend says what it can */
	assert_true(slice_eq(buf_slice(&f.out), SLICE("206850@77\n")));
	f.error = (struct error)ERROR_INIT;
	fake_failure(&f, PART_DATA_I, ERROR_DENIED, 0, "no");
	buf_clear(&f.out);
	assert_int_equal(output_message(o, &f.c, &f.out, NULL), 0);
	/* it may be there: no id is better than a wrong one */
	assert_int_equal(f.out.n, 0);
	output_free(o);
	output_free(nul);
	fake_free(&f);
}

static void test_has(void **state)
{
	struct fake f;

	(void)state;
	fake_init(&f, "sendmail");
	f.needs[FIELD_PRIORITY] = 0;
	f.needs[FIELD_BODY] = PART_BODY | PART_HEADER;
	assert_int_equal(output_has(&f.c, FIELD_PRIORITY), HAS_NOT);
	assert_int_equal(output_has(&f.c, FIELD_BODY), HAS_VALUE);
	f.m.have = PART_NAME | PART_HEADER;
	assert_int_equal(output_has(&f.c, FIELD_BODY), HAS_FAILED);
	f.m.have = PART_NAME | PART_HEADER | PART_BODY;
	fake_failure(&f, PART_BODY_I, ERROR_LIMIT, 0, "big");
	assert_int_equal(output_has(&f.c, FIELD_BODY), HAS_FAILED);
	assert_int_equal(output_priority(&f.m), 0x7fffffff);
	f.m.priority = number_of(-3);
	assert_int_equal(output_priority(&f.m), -3);
	fake_free(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_every_format),
	    cmocka_unit_test(test_bare_message),
	    cmocka_unit_test(test_terminals_are_safe),
	    cmocka_unit_test(test_ids),
	    cmocka_unit_test(test_has),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
