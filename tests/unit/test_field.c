/* field: the table itself, finding names, printing values, parsing references. */
#include "unit/cmocka_all.h"

#include <mtaq/backend.h>

#include <ctype.h>

static const struct backend sendmail = {.name = "sendmail"}, qmail = {.name = "qmail"};

const struct backend *backend_at(size_t i)
{
	return i == 0 ? &sendmail : i == 1 ? &qmail : NULL;
}

static void test_rows_are_whole(void **state)
{
	(void)state;
	for (int i = 0; i < FIELD_COUNT; i++) {
		const struct field *f = field_row((enum field_id)i);

		assert_int_equal(f->id, i);
		assert_non_null(f->name);
		assert_non_null(f->get);
		assert_non_null(f->help);
		assert_in_range(strlen(f->name), 1, 32);
		assert_in_range(strlen(f->help), 10, 100);
		assert_true(f->help[strlen(f->help) - 1] != '.');
		for (const char *p = f->name; *p; p++)
			assert_true(islower((unsigned char)*p) || *p == '_' || *p == '.');
		assert_int_equal(f->type == TYPE_ENUM, f->enum_name != NULL);
		if (f->flags & (FIELD_ADDRESS | FIELD_CASELESS))
			assert_int_equal(f->type, TYPE_TEXT);
		assert_string_not_equal(field_type_name(f->type), "?");
	}
}

static void test_names_are_found(void **state)
{
	const char *alias, *canonical;

	(void)state;
	for (int i = 0; i < FIELD_COUNT; i++) {
		const struct field *f = field_row((enum field_id)i);
		char upper[40];
		size_t n;

		for (n = 0; f->name[n]; n++)
			upper[n] = (char)toupper((unsigned char)f->name[n]);
		assert_ptr_equal(field_find(slice_of(upper, n)), f); /* so no name occurs twice */
	}
	for (size_t i = 0; (alias = field_alias(i, &canonical)); i++) {
		assert_in_range(strlen(alias), 1, 32);
		assert_string_equal(field_find(slice_from(alias))->name, canonical);
		assert_string_not_equal(alias, canonical);
	}
	assert_null(field_find(SLICE("")));
	assert_null(field_find(SLICE("sende")));
	assert_null(field_find(SLICE("sender ")));
}

static void test_qtool_names(void **state)
{
	static const struct {
		const char *name;
		enum field_id id;
	} rows[] = {
	    {"auth", FIELD_AUTH},
	    {"body_last_mod_time", FIELD_ACCEPTED},
	    {"body_size", FIELD_SIZE},
	    {"body_type", FIELD_BODY_TYPE},
	    {"control_last_mod_time", FIELD_CONTROL_TIME},
	    {"control_size", FIELD_CONTROL_SIZE},
	    {"controlling_user", FIELD_CONTROLLING_USER},
	    {"creation_time", FIELD_ARRIVAL},
	    {"deliver_by", FIELD_DELIVER_BY},
	    {"envid", FIELD_ENVID},
	    {"final_recipient", FIELD_FINAL_RECIPIENT},
	    {"flags", FIELD_FLAGS},
	    {"headers", FIELD_HEADER},
	    {"macro", FIELD_MACRO},
	    {"message", FIELD_STATUS},
	    {"next_delivery_time", FIELD_LAST_ATTEMPT},
	    {"num_delivery_attempts", FIELD_ATTEMPTS},
	    {"original_recipient", FIELD_ORIGINAL_RECIPIENT},
	    {"priority", FIELD_PRIORITY},
	    {"quarantine_reason", FIELD_REASON},
	    {"recipient", FIELD_RECIPIENT},
	    {"sender", FIELD_SENDER},
	    {"version", FIELD_VERSION},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		const struct field *f = field_find(slice_from(rows[i].name));

		assert_non_null(f);
		assert_int_equal(f->id, rows[i].id);
	}
}

static void test_suggest(void **state)
{
	static const struct {
		const char *typed, *hint;
	} rows[] = {
	    {"recpient", "recipient"},
	    {"SENDR", "sender"},
	    {"recip", "recipient"},
	    {"sender.domian", "sender.domain"},
	    {"num_delivery_attemps", "num_delivery_attempts"},
	    {"ages", "age"},
	    {"zzzz", NULL},
	    {"x", NULL},
	    {"", NULL},
	    {"qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqq", NULL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		const char *hint = field_suggest(slice_from(rows[i].typed));

		if (rows[i].hint)
			assert_string_equal(hint ? hint : "none", rows[i].hint);
		else
			assert_null(hint);
	}
}

static void test_print(void **state)
{
	static const struct {
		enum field_id id;
		struct value v;
		const char *text;
	} rows[] = {
	    {FIELD_SENDER, {TYPE_TEXT, {"a\033", 2}, 0}, "a\033"},
	    {FIELD_ATTEMPTS, {TYPE_NUMBER, {NULL, 0}, INT64_MIN}, "-9223372036854775808"},
	    {FIELD_SIZE, {TYPE_SIZE, {NULL, 0}, 4096}, "4096"},
	    {FIELD_ARRIVAL, {TYPE_TIME, {NULL, 0}, 0}, "1970-01-01T00:00:00Z"},
	    {FIELD_AGE, {TYPE_DURATION, {NULL, 0}, 5400}, "1h30m"},
	    {FIELD_BOUNCE, {TYPE_BOOL, {NULL, 0}, 1}, "yes"},
	    {FIELD_BOUNCE, {TYPE_BOOL, {NULL, 0}, 0}, "no"},
	    {FIELD_STATE, {TYPE_ENUM, {NULL, 0}, STATE_HELD}, "held"},
	    {FIELD_STATE, {TYPE_ENUM, {NULL, 0}, 99}, "?"},
	    {FIELD_MTA, {TYPE_ENUM, {NULL, 0}, 1}, "qmail"},
	    {FIELD_CHANNEL, {TYPE_ENUM, {NULL, 0}, 1}, "remote"},
	};
	struct arena a;

	(void)state;
	arena_init(&a, 0);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		assert_true(slice_eq(field_print(&a, field_row(rows[i].id), &rows[i].v),
				     slice_from(rows[i].text)));
	arena_free(&a);
}

static void test_enum_names_end(void **state)
{
	(void)state;
	for (int i = 0; i < FIELD_COUNT; i++) {
		const struct field *f = field_row((enum field_id)i);
		int64_t n = 0;

		if (!f->enum_name)
			continue;
		while (f->enum_name(n))
			n++;
		assert_in_range(n, 1, 100);
		assert_null(f->enum_name(-1));
		assert_null(f->enum_name(INT64_MAX));
	}
	assert_string_equal(message_state_name(STATE_ENDING), "ending");
	assert_string_equal(message_state_name(STATE_COUNT), "unknown");
	for (int i = 0; i < PART_COUNT; i++)
		assert_string_not_equal(message_part_name((enum part_index)i), "?");
	assert_string_equal(message_part_name(PART_COUNT), "?");
}

static void test_references(void **state)
{
	static const struct {
		const char *text;
		enum field_id id; /* FIELD_COUNT: wrong */
		const char *argument;
		size_t offset;
		const char *says;
	} rows[] = {
	    {"id", FIELD_ID, NULL, 0, NULL},
	    {"Recipient.Domain", FIELD_RECIPIENT_DOMAIN, NULL, 0, NULL},
	    {"header[\"X-Spam: }\"]", FIELD_HEADER, "X-Spam: }", 0, NULL},
	    {"headers['Subject']", FIELD_HEADER, "Subject", 0, NULL},
	    {"header.raw[\"x\"]", FIELD_HEADER_RAW, "x", 0, NULL},
	    {"macro[\"{auth_type}\"]", FIELD_MACRO, "{auth_type}", 0, NULL},
	    {"", FIELD_COUNT, NULL, 0, "missing"},
	    {"sendr", FIELD_COUNT, NULL, 0, "sender"},
	    {"frobnicate", FIELD_COUNT, NULL, 0, "mtaq fields"},
	    {"id ", FIELD_COUNT, NULL, 2, "nothing after it"},
	    {"id[\"x\"]", FIELD_COUNT, NULL, 2, "nothing after it"},
	    {"header", FIELD_COUNT, NULL, 6, "needs a name"},
	    {"header[x]", FIELD_COUNT, NULL, 6, "expected"},
	    {"header[", FIELD_COUNT, NULL, 6, "expected"},
	    {"header[\"x]", FIELD_COUNT, NULL, 7, "not closed"},
	    {"header[\"\"]", FIELD_COUNT, NULL, 8, "empty"},
	    {"header[\"x\"", FIELD_COUNT, NULL, 10, "expected ]"},
	    {"header[\"x\"]y", FIELD_COUNT, NULL, 10, "expected ]"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct error err = ERROR_INIT;
		struct field_ref ref;
		int r = field_ref_parse(slice_from(rows[i].text), &ref, &err);

		assert_int_equal(r, rows[i].id == FIELD_COUNT ? -1 : 0);
		if (r == 0) {
			assert_int_equal(ref.field->id, rows[i].id);
			assert_true(slice_eq(ref.argument, slice_from(rows[i].argument)));
		} else {
			assert_int_equal(err.code, ERROR_USAGE);
			assert_int_equal(err.offset, rows[i].offset);
			assert_non_null(strstr(err.text, rows[i].says));
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_rows_are_whole), cmocka_unit_test(test_names_are_found),
	    cmocka_unit_test(test_qtool_names),	   cmocka_unit_test(test_suggest),
	    cmocka_unit_test(test_print),	   cmocka_unit_test(test_enum_names_end),
	    cmocka_unit_test(test_references),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
