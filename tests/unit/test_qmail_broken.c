/* A queue with every kind of damage: nothing stops the reading of it, each defect is told once, and
 * all that can be shown is shown. */
#include <jansson.h>

#include "unit/qmail_box.h"

/* What is the matter with one message: the parts that fail, why, and what can be shown all the
 * same. */
static const struct {
	const char *nickname;
	enum message_state state;
	parts_t failed;
	const char *why;    /* a piece of the reason of the first failed part */
	const char *sender; /* NULL: none */
	size_t recipients, pending;
	int64_t size; /* -1: not known */
} rows[] = {
    {"good1", STATE_QUEUED, 0, NULL, "good1.sender@local.example.test", 3, 2, 260},
    {"good2", STATE_QUEUED, 0, NULL, "", 1, 1, 252},
    {"lastgood", STATE_QUEUED, 0, NULL, "lastgood.sender@local.example.test", 2, 2, 269},
    {"nomsg", STATE_QUEUED, PART_DATA | PART_HEADER, "mess/1/1147977 is missing",
     "nomsg.sender@local.example.test", 1, 1, -1},
    {"s2old", STATE_INCOMING, 0, NULL, NULL, 0, 0, 260},
    {"s2new", STATE_INCOMING, 0, NULL, NULL, 0, 0, 260},
    {"empty", STATE_QUEUED, PART_STAT | PART_CONTROL, "info/7/1147983 is empty", NULL, 1, 1, 260},
    {"nonul", STATE_QUEUED, PART_CONTROL, "info/14/1147990 has no NUL", "cut.off@loc", 1, 1, 260},
    {"xtype", STATE_QUEUED, PART_CONTROL, "info/17/1147993 does not begin with F",
     "strange.type@local.example.test", 1, 1, 260},
    {"junkrec", STATE_QUEUED, PART_RECIPIENTS, "remote/20/1147996 has a record of unknown type",
     "junkrec.sender@local.example.test", 2, 1, 266},
    {"nonulrec", STATE_QUEUED, PART_RECIPIENTS, "remote/1/1148000 ends in a record without NUL",
     "nonulrec.sender@local.example.test", 2, 2, 269},
    {"emptyloc", STATE_QUEUED, 0, NULL, "emptyloc.sender@local.example.test", 1, 1, 269},
    {"nochan", STATE_ENDING, 0, NULL, "nochan.sender@local.example.test", 0, 0, 263},
    {"two", STATE_QUEUED, 0, NULL, "two.sender@local.example.test", 1, 1, 254},
    {"future", STATE_QUEUED, 0, NULL, "future.sender@local.example.test", 1, 1, 263},
    {"epoch", STATE_QUEUED, 0, NULL, "epoch.sender@local.example.test", 1, 1, 260},
    {"zerobody", STATE_QUEUED, 0, NULL, "zerobody.sender@local.example.test", 1, 1, 0},
    {"symi", STATE_QUEUED, PART_STAT | PART_CONTROL, "info/15/1148060 is a symbolic link", NULL, 1,
     1, 257},
    {"fifor", STATE_QUEUED, PART_RECIPIENTS, "remote/18/1148063 is a FIFO",
     "fifor.sender@local.example.test", 0, 0, 260},
    {"symm", STATE_QUEUED, PART_DATA | PART_HEADER, "mess/21/1148066 is a symbolic link",
     "symm.sender@local.example.test", 1, 1, -1},
    {"fifom", STATE_QUEUED, PART_DATA | PART_HEADER, "mess/4/1148072 is a FIFO",
     "fifom.sender@local.example.test", 1, 1, -1},
    /* its info is where qmail does not look: told by the scan, and only mess is left */
    {"wrongdir", STATE_INCOMING, 0, NULL, NULL, 0, 0, 269},
    {"wrongmess", STATE_QUEUED, PART_DATA | PART_HEADER, "mess/7/1148075 is missing",
     "wrongmess.sender@local.example.test", 1, 1, -1},
    {"longrec", STATE_QUEUED, 0, NULL, "longrec.sender@local.example.test", 6, 4, 266},
    {"stalebounce", STATE_QUEUED, 0, NULL, "stalebounce.sender@local.example.test", 1, 1, 278},
};

enum { ROWS = sizeof rows / sizeof rows[0], ALL_PARTS = ENVELOPE_PARTS | PART_DATA | PART_HEADER };

static json_t *load_ids(void)
{
	const char *top = getenv("top_srcdir");
	char path[512];
	json_t *ids;

	snprintf(path, sizeof path, "%s/fixtures/qmail/broken.ids", top ? top : ".");
	ids = json_load_file(path, 0, NULL);
	assert_non_null(ids);
	return ids;
}

static const struct error *first_reason(const struct message *m)
{
	for (unsigned i = 0; i < PART_COUNT; i++)
		if (m->failed & PART(i))
			return m->why[i];
	return NULL;
}

static void check_row(size_t i, const struct message *m)
{
	const struct error *why = first_reason(m);

	if (m->failed != rows[i].failed || m->state != rows[i].state)
		print_message("%s: failed %x, state %s\n", rows[i].nickname, m->failed,
			      message_state_name(m->state));
	assert_false(m->gone);
	assert_int_equal(m->failed, rows[i].failed);
	assert_int_equal(m->state, rows[i].state);
	assert_true((why == NULL) == (rows[i].why == NULL));
	if (why)
		assert_non_null(strstr(why->text, rows[i].why));
	if (why)
		assert_int_equal(why->code,
				 strstr(why->text, "is missing") ? ERROR_GONE : ERROR_CORRUPT);
	assert_true((m->sender.p == NULL) == (rows[i].sender == NULL));
	if (rows[i].sender)
		assert_true(slice_is(m->sender, rows[i].sender));
	assert_int_equal(m->recipient_count, rows[i].recipients);
	assert_int_equal(m->pending_count, rows[i].pending);
	assert_int_equal(m->size.known, rows[i].size >= 0);
	if (m->size.known)
		assert_int_equal(m->size.value, rows[i].size);
	assert_int_equal(m->bouncing, strcmp(rows[i].nickname, "stalebounce") == 0);
}

static void test_rows(void **state)
{
	json_t *ids = load_ids();
	struct box b;

	(void)state;
	assert_int_equal(json_object_size(ids), ROWS);
	box_open(&b, "broken.tar");
	box_scan(&b);
	for (size_t i = 0; i < ROWS; i++) {
		const json_t *id = json_object_get(ids, rows[i].nickname);
		struct message m;

		assert_non_null(id);
		box_get(&b, (uint64_t)json_integer_value(id), ALL_PARTS, &m);
		check_row(i, &m);
	}
	json_decref(ids);
	box_close(&b);
}

/* Besides those of broken.ids there is one more: a todo without its mess. */
static void test_todo_without_mess(void **state)
{
	struct message m;
	struct box b;

	(void)state;
	box_open(&b, "broken.tar");
	box_scan(&b);
	assert_int_equal(b.count, ROWS + 1);
	box_get(&b, 999987, ALL_PARTS, &m);
	assert_int_equal(m.state, STATE_NEW);
	assert_int_equal(m.failed, PART_DATA | PART_HEADER);
	assert_non_null(strstr(m.why[PART_DATA_I]->text, "is missing"));
	box_close(&b);
}

static void test_times(void **state)
{
	struct message m;
	struct box b;

	(void)state;
	box_open(&b, "broken.tar");
	box_scan(&b);
	box_get(&b, 1148054, PART_STAT, &m);
	assert_true(m.arrival.known);
	assert_int_equal(m.arrival.value, 0);
	assert_int_equal(m.expires.value, 604800);
	box_get(&b, 1148045, PART_STAT, &m);
	assert_int_equal(m.arrival.value, 1795425659);
	box_close(&b);
}

static size_t lines_with(const char *text, const char *piece)
{
	size_t n = 0;

	for (const char *line = text; *line; line = strchr(line, '\n') + 1) {
		const char *at = strstr(line, piece);

		n += at && at < strchr(line, '\n');
	}
	return n;
}

static void test_told_once(void **state)
{
	static const char *const pieces[] = {
	    "info/3/core: not a message",
	    "info/0/12x: not a message",
	    "info/0/+12: not a message",
	    "info/0/01147962: not a message: qmail takes it for 1147962 (leading zeros)",
	    "info/0/18446744073709551617: not a message: qmail takes it for 1 (the number is",
	    "info/16/1147962: in the wrong directory: qmail looks for it in info/9",
	    "info/6/1148073: in the wrong directory: qmail looks for it in info/5",
	    "mess/12/1148075: in the wrong directory: qmail looks for it in mess/7",
	    "mess/9/name with space: not a message",
	    "todo/README: not a message",
	    "info/23: qmail never looks there",
	};
	const size_t n = sizeof pieces / sizeof pieces[0];
	struct box b;

	(void)state;
	box_open(&b, "broken.tar");
	box_scan(&b);
	for (size_t i = 0; i < n; i++) {
		if (lines_with(b.told, pieces[i]) != 1)
			print_message("%s\n", pieces[i]);
		assert_int_equal(lines_with(b.told, pieces[i]), 1);
	}
	assert_int_equal(b.queue_troubles + b.message_troubles, n);
	assert_int_equal(b.queue_troubles, 0);
	box_close(&b);
}

/* qmail's own lister stops here with an error. */
static void test_directory_as_info(void **state)
{
	size_t failed = 0;
	struct box b;

	(void)state;
	box_open(&b, "broken-dir.tar");
	box_scan(&b);
	assert_int_equal(b.count, 4);
	for (size_t i = 0; i < b.count; i++) {
		struct message m;

		box_get(&b, b.entries[i].number, ALL_PARTS, &m);
		assert_int_equal(m.state, STATE_QUEUED);
		assert_int_equal(m.recipient_count, 1);
		assert_true(m.size.known);
		if (!m.failed)
			continue;
		failed++;
		assert_int_equal(m.failed, PART_STAT | PART_CONTROL);
		assert_non_null(strstr(m.why[PART_STAT_I]->text, "is a directory"));
	}
	assert_int_equal(failed, 1);
	box_close(&b);
}

/* ---- damage of our own ---- */

static void test_todo_damage(void **state)
{
	static const struct {
		struct slice text;
		parts_t failed;
		const char *why;
	} cases[] = {
	    {SLICE("u1\0p2\0Fa@b\0Tc@d\0"), 0, NULL},
	    {SLICE(""), ENVELOPE_PARTS, "has no sender"},
	    {SLICE("u1\0p2\0Tc@d\0"), ENVELOPE_PARTS, "has no sender"},
	    {SLICE("u1\0p2\0Fa@b\0Zx\0Tc@d\0"), PART_CONTROL | PART_RECIPIENTS, "unknown type"},
	    {SLICE("u1\0p2\0Fa@b\0Tc@d\0Tcut"), PART_CONTROL | PART_RECIPIENTS, "without NUL"},
	};
	struct box b;

	(void)state;
	box_open(&b, "empty.tar");
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct message m;

		box_write(&b, "mess/5/1000005", SLICE("Subject: x\n\n"));
		box_write(&b, "todo/1000005", cases[i].text);
		b.told[0] = '\0';
		box_scan(&b);
		assert_int_equal(b.count, 1);
		box_get(&b, 1000005, ENVELOPE_PARTS, &m);
		assert_int_equal(m.state, STATE_NEW);
		assert_int_equal(m.failed, cases[i].failed);
		if (cases[i].failed)
			assert_non_null(strstr(first_reason(&m)->text, cases[i].why));
		if (cases[i].failed != ENVELOPE_PARTS)
			assert_true(slice_is(m.sender, "a@b"));
	}
	box_close(&b);
}

/* An info of 6 bytes may be "#@[]", one of less than 2 can hold no sender: when that cannot be
 * read, what it is is not known. Otherwise the size tells a bounce. */
static void test_six_bytes(void **state)
{
	static const struct {
		struct slice text;
		bool bounce;
		parts_t failed;
	} cases[] = {
	    {SLICE("F#@[]\0"), false, 0},
	    {SLICE("Fa@bc\0"), false, 0},
	    {SLICE("Fa@bcd"), false, PART_STAT | PART_CONTROL},
	    {SLICE("F\0junk"), false, 0},
	    {SLICE("F\0"), true, 0},
	    {SLICE("F"), false, PART_STAT | PART_CONTROL},
	    {SLICE(""), false, PART_STAT | PART_CONTROL},
	};
	struct box b;

	(void)state;
	box_open(&b, "empty.tar");
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct message m;

		box_write(&b, "mess/0/23", SLICE("x"));
		box_write(&b, "info/0/23", cases[i].text);
		box_scan(&b);
		box_get(&b, 23, PART_STAT, &m);
		assert_int_equal(m.failed, cases[i].failed);
		if (!cases[i].failed)
			assert_int_equal(m.bounce, cases[i].bounce);
		assert_int_equal(m.double_bounce, i == 0);
	}
	box_close(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_rows),
	    cmocka_unit_test(test_todo_without_mess),
	    cmocka_unit_test(test_times),
	    cmocka_unit_test(test_told_once),
	    cmocka_unit_test(test_directory_as_info),
	    cmocka_unit_test(test_todo_damage),
	    cmocka_unit_test(test_six_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
