/* Filters made from options and joined, and what they name. */
#include "filter.h"
#include "unit/cmocka_all.h"

#include <stdlib.h>

static struct arena arena;

static int setup(void **state)
{
	(void)state;
	arena_init(&arena, 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	arena_free(&arena);
	return 0;
}

/* The canonical text of `f`, which is freed. The caller frees the text. */
static char *print_and_free(struct filter *f)
{
	struct buf b;

	assert_non_null(f);
	buf_init(&b);
	filter_print(f, &b);
	buf_addc(&b, '\0');
	filter_free(f);
	return b.p;
}

static void check_print(struct filter *f, const char *expected)
{
	char *got = print_and_free(f);

	assert_string_equal(got, expected);
	free(got);
}

static void check_who(enum field_id field, const char *who, const char *expected)
{
	struct error err = ERROR_INIT;
	struct filter *f = filter_who(&arena, field, slice_from(who), &err);
	struct buf b;

	buf_init(&b);
	if (f)
		filter_print(f, &b);
	else
		buf_printf(&b, "error: %s", err.text);
	buf_addc(&b, '\0');
	if (strcmp(b.p, expected) != 0)
		fail_msg("%s\n gives    %s\n expected %s", who, b.p, expected);
	if (!f)
		assert_int_equal(err.offset, SIZE_MAX);
	else
		check_print(filter_parse(&arena, slice_from(expected), 0, NULL), expected);
	filter_free(f);
	buf_free(&b);
}

static void test_who(void **state)
{
	static const struct {
		enum field_id field;
		const char *who, *expected;
	} rows[] = {
	    {FIELD_SENDER, "joe@a.example", "sender =~ /\\Ajoe@a\\.example\\z/i"},
	    {FIELD_RECIPIENT, "<a+b/c@d>", "recipient =~ /\\Aa\\+b\\/c@d\\z/i"},
	    {FIELD_RECIPIENT, "it's \\", "recipient =~ /\\Ait\\'s\\ \\\\\\z/i"},
	    {FIELD_SENDER, "MAILER-DAEMON", "sender =~ /\\AMAILER\\-DAEMON\\z/i"},
	    {FIELD_SENDER, "\xff@x", "sender == '\\xff@x'"},
	    {FIELD_SENDER, "@A.example", "sender.domain == 'A.example'"},
	    {FIELD_RECIPIENT, "@a.example.", "recipient.domain == 'a.example'"},
	    {FIELD_SENDER, "<>", "bounce"},
	    {FIELD_SENDER, "/^a.b$/", "sender =~ /^a.b$/i"},
	    {FIELD_RECIPIENT, "/a/b\\/c/", "recipient =~ /a\\/b\\/c/i"},
	    {FIELD_SENDER, "",
	     "error: -f: empty; write an address, @domain, <> for bounces or /regex/"},
	    {FIELD_RECIPIENT, "", "error: -r: empty; write an address, @domain or /regex/"},
	    {FIELD_RECIPIENT, "<>", "error: -r: no recipient is <>; for bounces write -f '<>'"},
	    {FIELD_SENDER, "@", "error: -f: @ without a domain"},
	    {FIELD_SENDER, "//", "error: -f: the regular expression is empty and would match all"},
	    {FIELD_RECIPIENT, "/(/",
	     "error: -r: in the regular expression: missing closing parenthesis"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		check_who(rows[i].field, rows[i].who, rows[i].expected);
}

static void test_joined(void **state)
{
	const char *texts[] = {"bounce and age > 2d", "sender =~ /x/ or locked", "not has(cc)"};
	struct filter *list[3];

	(void)state;
	check_print(filter_age(&arena, true, 172800, NULL), "age > 2d");
	check_print(filter_age(&arena, false, 5430, NULL), "age < 1h30m30s");
	for (int i = 0; i < 3; i++)
		list[i] = filter_parse(&arena, slice_from(texts[i]), 0, NULL);
	check_print(filter_all(&arena, list, 3),
		    "bounce and age > 2d and (sender =~ /x/ or locked) and not has(cc)");
	for (int i = 0; i < 3; i++)
		list[i] = filter_parse(&arena, slice_from(texts[i]), 0, NULL);
	check_print(filter_any(&arena, list, 3),
		    "bounce and age > 2d or sender =~ /x/ or locked or not has(cc)");
	list[0] = filter_parse(&arena, slice_from(texts[1]), 0, NULL);
	check_print(filter_all(&arena, list, 1), "sender =~ /x/ or locked");
}

static void test_names(void **state)
{
	struct filter *f = filter_parse(
	    &arena, SLICE("bounce or not any(dsn == '4.4.1') and has(state)"), 0, NULL);

	(void)state;
	assert_non_null(f);
	assert_true(filter_names(f, FIELD_BOUNCE));
	assert_true(filter_names(f, FIELD_DSN));
	assert_true(filter_names(f, FIELD_STATE));
	assert_false(filter_names(f, FIELD_AGE));
	filter_free(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_who, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_joined, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_names, setup, teardown),
	};

	return cmocka_run_group_tests_name("filter", tests, NULL, NULL);
}
