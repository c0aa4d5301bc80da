/* out_template: compiling --format, errors with their place, printing. */
#include "unit/cmocka_all.h"
#include "unit/fake_message.h"

#include <mtaq/limits.h>

#include "output.h"

#include <stdlib.h>

const struct backend *backend_at(size_t i)
{
	(void)i;
	return NULL;
}

static const char *print(struct fake *f, const char *format, bool terminal)
{
	struct output_options options = {.format = slice_from(format), .terminal = terminal};
	struct output *o = output_new(&output_template, &options, NULL);

	assert_non_null(o);
	buf_clear(&f->out);
	assert_int_equal(output_message(o, &f->c, &f->out, NULL), 0);
	buf_addc(&f->out, '\0');
	output_free(o);
	return f->out.p;
}

static void test_values(void **state)
{
	static const struct {
		const char *format, *text;
	} rows[] = {
	    {"", "\n"},
	    {"x", "x\n"},
	    {"{id}", "A1\n"},
	    {"{queue_id}\\t{age}", "A1\t1d1h\n"},
	    {"{{{id}}}", "{A1}\n"},
	    {"a\\\\b\\n", "a\\b\n"},
	    {"{id}\\n\\n", "A1\n\n"},
	    {"{arrival}", "2026-01-14T11:00:00Z\n"},
	    {"{arrival:%F-%T}", "2026-01-14-11:00:00\n"},
	    {"{arrival:%Y}{id}", "2026A1\n"},
	    {"{accepted:%F}", "-\n"}, /* it has none */
	    {"{recipient}", "b@example.net, c@example.net\n"},
	    {"{recipient.done}", "-\n"},
	    {"{header[\"X:}\"]}.", "brace.\n"},
	    {"{header['X-None']}", "-\n"},
	    {"{bounce} {state} {size}", "no queued 1234\n"},
	    {"{priority}", "-\n"}, /* this MTA has no such field */
	    {"{subject}", "?\n"},  /* could not be read */
	};
	struct fake f;

	(void)state;
	assert_int_equal(setenv("TZ", "UTC", 1), 0);
	fake_init(&f, "qmail");
	fake_recipient(&f, "b@example.net", false);
	fake_recipient(&f, "c@example.net", false);
	fake_header(&f, "X:}", " brace");
	f.needs[FIELD_PRIORITY] = 0;
	f.needs[FIELD_SUBJECT] = PART_BODY;
	fake_failure(&f, PART_BODY_I, ERROR_DENIED, 0, "no");
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		assert_string_equal(print(&f, rows[i].format, false), rows[i].text);
	fake_free(&f);
}

static void test_null_sender(void **state)
{
	struct fake f;

	(void)state;
	fake_init(&f, "qmail");
	f.m.sender = SLICE("");
	assert_string_equal(print(&f, "{sender} {sender.domain}", false), "<> -\n");
	f.m.sender = SLICE_NONE;
	assert_string_equal(print(&f, "{sender}", false), "-\n");
	fake_free(&f);
}

static void test_escaping(void **state)
{
	struct fake f;

	(void)state;
	fake_init(&f, "qmail");
	f.m.sender = SLICE("a\nb\r\0\033[31m\x80");
	buf_clear(&f.out);
	/* off a terminal a line stays a line, all else is as it is */
	assert_null(strchr(slice_from(print(&f, "{sender}.", false)).p, '\r'));
	assert_non_null(strstr(f.out.p, "\033[31m\x80.\n"));
	assert_null(strstr(f.out.p, "a\nb"));
	/* on a terminal no control character is left */
	print(&f, "{sender}.", true);
	for (const char *p = f.out.p; p[1]; p++)
		assert_true((unsigned char)*p >= 32);
	fake_free(&f);
}

static void test_nul_separated(void **state)
{
	struct output_options options = {.format = SLICE("{id}\\0")};
	struct output *o = output_new(&output_template, &options, NULL);
	struct fake f;

	(void)state;
	fake_init(&f, "qmail");
	assert_int_equal(output_message(o, &f.c, &f.out, NULL), 0);
	assert_true(slice_eq(buf_slice(&f.out), slice_of("A1\0", 3)));
	output_free(o);
	fake_free(&f);
}

static void test_errors(void **state)
{
	static const struct {
		const char *format;
		size_t offset;
		const char *says;
	} rows[] = {
	    {"x {id", 2, "without }"},
	    {"{", 0, "without }"},
	    {"x}", 1, "without {"},
	    {"}}}", 2, "without {"},
	    {"{}", 1, "missing"},
	    {"{id} {sendr}", 6, "sender"},
	    {"{header}", 7, "needs a name"},
	    {"{header[\"x}", 0, "without }"},
	    {"{header[x]}", 7, "expected"},
	    {"ab{id[\"x\"]}", 5, "nothing after it"},
	    {"{id:%F}", 3, "no time"},
	    {"{arrival:}", 9, "empty"},
	    {"a\\q", 1, "unknown escape"},
	    {"a\\", 1, "unknown escape"},
	    {"{id }", 3, "nothing after it"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct output_options options = {.format = slice_from(rows[i].format)};
		struct error err = ERROR_INIT;

		assert_null(output_new(&output_template, &options, &err));
		assert_int_equal(err.code, ERROR_USAGE);
		assert_non_null(strstr(err.text, rows[i].says));
		assert_int_equal(err.offset, rows[i].offset);
	}
}

static void test_limit(void **state)
{
	static char text[LIMIT_TEMPLATE + 1];
	struct output_options options = {.format = {text, LIMIT_TEMPLATE}};
	struct error err = ERROR_INIT;
	struct output *o;

	(void)state;
	memset(text, 'x', sizeof text);
	o = output_new(&output_template, &options, &err);
	assert_non_null(o);
	output_free(o);
	options.format.n++;
	assert_null(output_new(&output_template, &options, &err));
	assert_int_equal(err.code, ERROR_LIMIT);
}

static void test_parts(void **state)
{
	struct output_options options = {.format = SLICE("{id} {subject} {priority}")};
	struct output *o = output_new(&output_template, &options, NULL);
	struct fake f;

	(void)state;
	fake_init(&f, "qmail");
	f.needs[FIELD_ID] = PART_NAME;
	f.needs[FIELD_SUBJECT] = PART_HEADER | PART_DATA;
	f.needs[FIELD_PRIORITY] = 0;
	assert_int_equal(output_parts(o, &f.backend), PART_NAME | PART_HEADER | PART_DATA);
	output_free(o);
	fake_free(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_values),   cmocka_unit_test(test_null_sender),
	    cmocka_unit_test(test_escaping), cmocka_unit_test(test_nul_separated),
	    cmocka_unit_test(test_errors),   cmocka_unit_test(test_limit),
	    cmocka_unit_test(test_parts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
