/*
 * How many system calls each part of a qmail message costs: `bounce and age > 2d` is one stat per
 * message and opens nothing. The calls are counted by standing in for them (the linker's --wrap).
 */
#include "unit/qmail_box.h"

struct calls {
	int stats, opens;
};

static struct calls calls;

int __real_sys_stat(int dirfd, const char *name, const char *what, struct stat *st,
		    struct error *err);
int __wrap_sys_stat(int dirfd, const char *name, const char *what, struct stat *st,
		    struct error *err);
int __real_sys_open_file(int dirfd, const char *name, enum sys_access access, const char *what,
			 struct stat *st, struct error *err);
int __wrap_sys_open_file(int dirfd, const char *name, enum sys_access access, const char *what,
			 struct stat *st, struct error *err);

int __wrap_sys_stat(int dirfd, const char *name, const char *what, struct stat *st,
		    struct error *err)
{
	calls.stats++;
	return __real_sys_stat(dirfd, name, what, st, err);
}

int __wrap_sys_open_file(int dirfd, const char *name, enum sys_access access, const char *what,
			 struct stat *st, struct error *err)
{
	calls.opens++;
	return __real_sys_open_file(dirfd, name, access, what, st, err);
}

static struct calls cost_of(struct box *b, struct message *m, parts_t parts)
{
	struct calls before = calls;

	box_load(b, m, parts);
	return (struct calls){calls.stats - before.stats, calls.opens - before.opens};
}

static void assert_calls(struct calls got, int stats, int opens)
{
	assert_int_equal(got.stats, stats);
	assert_int_equal(got.opens, opens);
}

/* Each line by itself on a fresh message of the "basic" queue with both channels' files, sender of
 * any length but 4. */
static void test_costs(void **state)
{
	static const struct {
		parts_t parts;
		int stats, opens;
	} cases[] = {
	    {PART_STAT, 1, 0},
	    {PART_DATA, 1, 0},
	    {PART_STAT | PART_DATA, 2, 0},
	    /* info is opened at once; then todo again */
	    {PART_CONTROL, 1, 1},
	    /* whether there is a note in bounce is known of all at once */
	    {PART_RECIPIENTS, 2, 2},
	    {ENVELOPE_PARTS, 1, 3},
	    {PART_HEADER, 0, 1},
	    {PART_BODY, 0, 1},
	    {PART_LOCK, 0, 0},
	    /* the envelope; without a log that is all */
	    {PART_LOG, 1, 3},
	};
	struct message m;
	struct box b;

	(void)state;
	box_open(&b, "basic.tar");
	box_scan(&b);
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		box_begin(&b, 1147962, &m);
		assert_calls(cost_of(&b, &m, cases[i].parts), cases[i].stats, cases[i].opens);
		/* what is there costs nothing */
		assert_calls(cost_of(&b, &m, cases[i].parts), 0, 0);
	}
	box_close(&b);
}

static bool note_exists(const struct box *b, uint64_t n)
{
	char name[64];

	snprintf(name, sizeof name, "bounce/%llu", (unsigned long long)n);
	return faccessat(b->fd, name, F_OK, 0) == 0;
}

static size_t assert_bouncing(struct box *b)
{
	size_t bouncing = 0;

	for (size_t i = 0; i < b->count; i++) {
		struct message m;

		box_get(b, b->entries[i].number, ENVELOPE_PARTS, &m);
		if (m.state != STATE_QUEUED && m.state != STATE_ENDING)
			continue;
		assert_int_equal(m.bouncing, note_exists(b, b->entries[i].number));
		bouncing += m.bouncing;
	}
	return bouncing;
}

/* The names in bounce are read once a scan; a message that is found by its id is looked at. */
static void test_bouncing(void **state)
{
	struct message_entry found;
	struct message m;
	uint64_t other = 0;
	size_t before;
	char name[64];
	struct box b;

	(void)state;
	box_open(&b, "bouncing.tar");
	box_scan(&b);
	before = assert_bouncing(&b);
	assert_true(before > 0);
	for (size_t i = 0; i < b.count; i++)
		if ((b.entries[i].seen & SEEN_INFO) && note_exists(&b, b.entries[i].number))
			other = b.entries[i].number;
	assert_true(other != 0);
	snprintf(name, sizeof name, "bounce/%llu", (unsigned long long)other);
	assert_int_equal(unlinkat(b.fd, name, 0), 0);
	snprintf(name, sizeof name, "%llu", (unsigned long long)other);
	assert_int_equal(backend_qmail.find(b.queue, slice_from(name), &b.names, &found, 1, NULL),
			 1);
	backend_qmail.begin(b.queue, &found, &b.arena, &m);
	backend_qmail.load(&b.loader, &m, ENVELOPE_PARTS);
	assert_false(m.bouncing);
	box_scan(&b);
	assert_int_equal(assert_bouncing(&b), before - 1);
	/* names that cannot be read: each is looked for, and what is no directory has none */
	assert_int_equal(renameat(b.fd, "bounce", b.fd, "gone"), 0);
	close(openat(b.fd, "bounce", O_CREAT | O_WRONLY, 0600));
	box_scan(&b);
	assert_int_equal(assert_bouncing(&b), 0);
	box_close(&b);
}

static void test_bounce_and_age(void **state)
{
	int six = 0;
	struct message m;
	struct box b;

	(void)state;
	box_open(&b, "basic.tar");
	box_scan(&b);
	for (size_t i = 0; i < b.count; i++) {
		struct calls c;

		box_begin(&b, b.entries[i].number, &m);
		c = cost_of(&b, &m,
			    backend_qmail.needs[FIELD_BOUNCE] | backend_qmail.needs[FIELD_AGE]);
		/* an info of 6 bytes, which may be "#@[]", is read */
		if (m.identity.control_size == 6)
			six++;
		else
			assert_calls(c, 1, 0);
	}
	assert_int_equal(six, 1);
	box_close(&b);
}

/* Waiting in todo: the one file has it all. */
static void test_new(void **state)
{
	struct message m;
	struct box b;

	(void)state;
	box_open(&b, "todo.tar");
	box_scan(&b);
	box_begin(&b, 1148105, &m);
	assert_calls(cost_of(&b, &m, PART_STAT), 1, 1);
	assert_calls(cost_of(&b, &m, ENVELOPE_PARTS), 0, 0);
	box_close(&b);
}

/* Walking reads directories only. */
static void test_scan(void **state)
{
	struct calls before;
	struct box b;

	(void)state;
	box_open(&b, "basic.tar");
	before = calls;
	box_scan(&b);
	assert_calls((struct calls){calls.stats - before.stats, calls.opens - before.opens}, 0, 0);
	box_close(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_costs),	   cmocka_unit_test(test_bouncing),
	    cmocka_unit_test(test_bounce_and_age), cmocka_unit_test(test_new),
	    cmocka_unit_test(test_scan),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
