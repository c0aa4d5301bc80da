/* out_table: columns, cutting, marks, colours. */
#include "unit/cmocka_all.h"
#include "unit/fake_message.h"

#include "output.h"

const struct backend *backend_at(size_t i)
{
	(void)i;
	return NULL;
}

static const char *line(struct fake *f, size_t columns, bool color)
{
	struct output_options options = {.columns = columns, .color = color};
	struct output *o = output_new(&output_table, &options, NULL);

	buf_clear(&f->out);
	assert_int_equal(output_message(o, &f->c, &f->out, NULL), 0);
	buf_addc(&f->out, '\0');
	output_free(o);
	return f->out.p;
}

static const char *heading(struct fake *f, size_t columns)
{
	struct output_options options = {.columns = columns};
	struct output *o = output_new(&output_table, &options, NULL);

	buf_clear(&f->out);
	output_begin(o, &f->out);
	buf_addc(&f->out, '\0');
	output_free(o);
	return f->out.p;
}

static void test_plain(void **state)
{
	struct fake f;

	(void)state;
	fake_init(&f, "sendmail");
	fake_recipient(&f, "done@example.net", true);
	fake_recipient(&f, "b@example.net", false)->status = SLICE("451 later");
	assert_string_equal(
	    heading(&f, 100),
	    "ID                 AGE  SIZE SENDER                RECIPIENT             STATUS\n");
	assert_string_equal(
	    line(&f, 100, false),
	    "A1               1d01h  1.2K a@example.com         b@example.net         451 later\n");
	assert_string_equal(heading(&f, 40), "ID                 AGE  SIZE SENDER    RECIPIENT\n");
	fake_free(&f);
}

static void test_cutting(void **state)
{
	struct fake f;

	(void)state;
	fake_init(&f, "sendmail");
	f.m.sender = SLICE("a.very.long.sender.address@some.long.domain.example.com");
	fake_recipient(&f, "first.recipient.of.three@another.long.domain.example.net", false)
	    ->status =
	    SLICE("Deferred: Connection timed out with another.long.domain.example.net.");
	fake_recipient(&f, "c@example.net", false);
	fake_recipient(&f, "d@example.net", false);
	for (size_t columns = 80; columns <= 200; columns += 7) {
		size_t n = strlen(line(&f, columns, false));

		assert_in_range(n, 2, columns + 1);
		assert_non_null(strstr(f.out.p, "~ +2 "));
	}
	line(&f, 0, false);
	assert_non_null(
	    strstr(f.out.p,
		   " a.very.long.sender.address@some.long.domain.example.com first.recipient.of"));
	assert_non_null(strstr(f.out.p, "another.long.domain.example.net +2 Deferred"));
	assert_non_null(strstr(f.out.p, "example.net.\n"));
	fake_free(&f);
}

/* Where the status has to be cut, what it says goes before that it is one. */
static void test_status(void **state)
{
	struct output_options options = {.columns = 80, .no_status = true};
	struct output *o;
	struct fake f;

	(void)state;
	fake_init(&f, "sendmail");
	fake_recipient(&f, "b@example.net", false)->status = SLICE("Deferred: 452 4.2.2 full box");
	assert_non_null(strstr(line(&f, 80, false), " 452 4.2.2 full box\n"));
	assert_non_null(strstr(line(&f, 120, false), " Deferred: 452 4.2.2 full box\n"));
	assert_non_null(strstr(line(&f, 0, false), " Deferred: 452 4.2.2 full box\n"));
	o = output_new(&output_table, &options, NULL);
	buf_clear(&f.out);
	output_begin(o, &f.out);
	assert_int_equal(output_message(o, &f.c, &f.out, NULL), 0);
	buf_addc(&f.out, '\0');
	assert_string_equal(f.out.p,
			    "ID                 AGE  SIZE SENDER                    RECIPIENT\n"
			    "A1               1d01h  1.2K a@example.com             "
			    "b@example.net\n");
	output_free(o);
	fake_free(&f);
}

/* 15 characters: sendmail's when its process ids have seven digits. */
static void test_long_id(void **state)
{
	struct fake f;

	(void)state;
	fake_init(&f, "sendmail");
	f.m.id = SLICE("60F9002uE123456");
	fake_recipient(&f, "b@example.net", false)->status = SLICE("a status of many, many words");
	assert_int_equal(strlen(line(&f, 80, false)), strlen("A1") + 78 + 1);
	f.m.id = SLICE("an-id-of-25-characters-xx");
	assert_int_equal(strlen(line(&f, 60, false)), 60 + 1);
	fake_free(&f);
}

static void test_marks(void **state)
{
	static const struct {
		enum message_state state;
		int locked;
		const char *mark, *colored;
	} rows[] = {
	    {STATE_QUEUED, 0, "A1   ", "A1   "},
	    {STATE_QUEUED, -1, "A1   ", "A1   "},
	    {STATE_QUEUED, 1, "A1*  ", "\033[32mA1*\033[0m "},
	    {STATE_HELD, 0, "A1!  ", "\033[33mA1!\033[0m "},
	    {STATE_LOST, 0, "A1L  ", "\033[31mA1L\033[0m "},
	    {STATE_UNKNOWN, 0, "A1?  ", "\033[31mA1?\033[0m "},
	    {STATE_NEW, 0, "A1n  ", "\033[36mA1n\033[0m "},
	    {STATE_ENDING, 0, "A1e  ", "\033[2mA1e\033[0m "},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct fake f;

		fake_init(&f, "sendmail");
		f.m.state = rows[i].state;
		f.m.locked = rows[i].locked;
		assert_int_equal(strncmp(line(&f, 80, false), rows[i].mark, strlen(rows[i].mark)),
				 0);
		assert_int_equal(
		    strncmp(line(&f, 80, true), rows[i].colored, strlen(rows[i].colored)), 0);
		fake_free(&f);
	}
}

static void test_odd_messages(void **state)
{
	struct fake f;

	(void)state;
	fake_init(&f, "sendmail");
	f.m.sender = SLICE("");
	f.m.reason = SLICE("spam\033");
	assert_string_equal(
	    line(&f, 80, false),
	    "A1               1d01h  1.2K <>              -               held: spam\\x1b\n");
	f.m.id = SLICE("an-id-much-longer-than-its-column\n");
	assert_int_equal(strncmp(line(&f, 80, false), "an-id-much-longer-than-its-column\\n  ", 37),
			 0);
	fake_free(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_plain),  cmocka_unit_test(test_cutting),
	    cmocka_unit_test(test_status), cmocka_unit_test(test_long_id),
	    cmocka_unit_test(test_marks),  cmocka_unit_test(test_odd_messages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
