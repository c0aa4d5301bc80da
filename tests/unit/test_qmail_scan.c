/* Walking a queue: each message once, in a fixed order, whatever the layout; few descriptors; what
 * cannot be listed. */
#include <sys/resource.h>

#include "unit/qmail_box.h"

/* Numbers must ascend within a split directory, and the directories one after the other. */
static void assert_order(const struct box *b, unsigned split)
{
	for (size_t i = 1; i < b->count; i++) {
		uint64_t x = b->entries[i - 1].number, y = b->entries[i].number;

		assert_true(x % split < y % split || (x % split == y % split && x < y));
	}
}

static void put(const struct box *b, const char *dir, unsigned split, uint64_t n)
{
	char name[64];

	if (split)
		snprintf(name, sizeof name, "%s/%u/%llu", dir, (unsigned)(n % split),
			 (unsigned long long)n);
	else
		snprintf(name, sizeof name, "%s/%llu", dir, (unsigned long long)n);
	box_write(b, name, SLICE("F\0"));
}

static void test_union(void **state)
{
	static const struct {
		uint64_t number;
		bool todo, info, mess;
	} made[] = {
	    {1000, true, false, true},	{1023, false, true, true},  {1046, false, false, true},
	    {1069, false, true, false}, {1092, true, false, false}, {1115, true, true, true},
	    {11, true, true, false},	{1001, true, false, true},  {22, true, false, false},
	    {21, true, false, true},
	};
	const size_t n = sizeof made / sizeof made[0];
	struct box b;

	(void)state;
	box_open(&b, "empty.tar");
	for (size_t i = 0; i < n; i++) {
		if (made[i].todo)
			put(&b, "todo", 0, made[i].number);
		if (made[i].info)
			put(&b, "info", 23, made[i].number);
		if (made[i].mess)
			put(&b, "mess", 23, made[i].number);
	}
	box_scan(&b);
	assert_int_equal(b.count, n);
	assert_order(&b, 23);
	for (size_t i = 0; i < n; i++) {
		const struct message_entry *e = box_entry(&b, made[i].number);
		unsigned seen = (made[i].todo ? SEEN_TODO : 0u) | (made[i].info ? SEEN_INFO : 0u) |
				(made[i].mess ? SEEN_MESS : 0u);

		assert_int_equal(e->seen, seen | SEEN_IN_SCAN);
		assert_true(slice_eq(
		    e->name, arena_printf(&b.arena, "%llu", (unsigned long long)e->number)));
	}
	assert_string_equal(b.told, "");
	box_close(&b);
}

/* A queue half converted to or from big-todo: what is left in the other place is found, once. */
static void test_mixed_todo(void **state)
{
	struct message m;
	struct box b;

	(void)state;
	box_unpack(&b, "bigtodo.tar");
	assert_int_equal(renameat(b.fd, "todo/14/1148105", b.fd, "todo/1148105"), 0);
	assert_int_equal(linkat(b.fd, "todo/16/1148107", b.fd, "todo/1148107", 0), 0);
	box_open_with(&b, NULL, 0);
	box_scan(&b);
	assert_int_equal(b.count, 10);
	assert_order(&b, 23);
	assert_string_equal(b.told, "");
	assert_int_equal(box_entry(&b, 1148105)->seen, SEEN_IN_SCAN | SEEN_TODO_OTHER | SEEN_MESS);
	assert_int_equal(box_entry(&b, 1148107)->seen,
			 SEEN_IN_SCAN | SEEN_TODO | SEEN_TODO_OTHER | SEEN_MESS);
	for (uint64_t n = 1148105; n <= 1148107; n += 2) {
		box_get(&b, n, ENVELOPE_PARTS, &m);
		assert_int_equal(m.state, STATE_NEW);
		assert_int_equal(m.failed, 0);
		assert_true(m.recipient_count > 0);
	}
	box_close(&b);
}

static void test_extremes(void **state)
{
	static const uint64_t numbers[] = {0, 1, 9223372036854775807u, 18446744073709551615u};
	struct message m;
	struct box b;

	(void)state;
	box_open(&b, "empty.tar");
	for (size_t i = 0; i < 4; i++)
		put(&b, "mess", 23, numbers[i]);
	for (size_t i = 0; i < 4; i++)
		put(&b, "info", 23, numbers[i]);
	box_scan(&b);
	assert_int_equal(b.count, 4);
	for (size_t i = 0; i < 4; i++) {
		box_get(&b, numbers[i], PART_STAT | PART_DATA, &m);
		assert_int_equal(m.failed, 0);
		assert_true(m.bounce);
	}
	box_close(&b);
}

/* Many names, in whatever order the directory has them. */
static void test_many(void **state)
{
	enum { FILES = 3000 };
	struct arena names;
	struct message_entry e;
	struct scan *s;
	struct box b;
	uint64_t before = 0;
	size_t n = 0;

	(void)state;
	box_open(&b, "split1.tar");
	for (uint64_t i = 0; i < FILES; i++)
		put(&b, i % 3 ? "mess" : "todo", i % 3 ? 1 : 0, 5000000 + i * 7919 % FILES);
	arena_init(&names, 0);
	s = backend_qmail.scan_begin(b.queue, NULL);
	while (backend_qmail.scan_next(s, &names, &e, NULL) == 1) {
		assert_true(e.number > before);
		before = e.number;
		n++;
	}
	assert_int_equal(n, FILES + 6);
	assert_true(backend_qmail.scan_next(s, &names, &e, NULL) == 0);
	backend_qmail.scan_end(s);
	arena_free(&names);
	box_close(&b);
}

/* A walk that is given up in the middle leaves nothing behind (the leak checker looks). */
static void test_given_up(void **state)
{
	struct message_entry e;
	struct scan *s;
	struct box b;

	(void)state;
	box_open(&b, "broken.tar");
	for (int i = 0; i < 12; i++) {
		s = backend_qmail.scan_begin(b.queue, NULL);
		for (int k = 0; k < i; k++)
			backend_qmail.scan_next(s, &b.names, &e, NULL);
		backend_qmail.scan_end(s);
	}
	backend_qmail.scan_end(NULL);
	box_close(&b);
}

/* 151 split directories of four kinds, and no more descriptors than any program may have. */
static void test_few_descriptors(void **state)
{
	struct rlimit before, few;
	struct message m;
	struct box b;

	(void)state;
	box_unpack(&b, "split151.tar.gz");
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	few = before;
	few.rlim_cur = 32;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	box_open_with(&b, NULL, 0);
	box_scan(&b);
	assert_int_equal(b.count, 6);
	assert_string_equal(b.told, "");
	for (size_t i = 0; i < b.count; i++) {
		box_get(&b, b.entries[i].number, ENVELOPE_PARTS | PART_DATA | PART_BODY, &m);
		assert_int_equal(m.failed, 0);
	}
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	box_close(&b);
}

/* ---- what cannot be listed ---- */

/* An entry that is no message is told, and the walk goes on after it. */
static void test_odd_todo(void **state)
{
	struct box b;

	(void)state;
	box_open(&b, "empty.tar");
	box_write(&b, "todo/12x", SLICE(""));
	box_write(&b, "todo/.hidden", SLICE(""));
	put(&b, "todo", 0, 46);
	put(&b, "mess", 23, 46);
	box_scan(&b);
	assert_int_equal(b.count, 1);
	assert_int_equal(b.message_troubles, 1);
	assert_non_null(strstr(b.told, "/queue/todo/12x: not a message: qmail passes it over\n"));
	box_close(&b);
}

/* A split directory that goes while the queue is open is told at each walk; the others are listed.
 */
static void test_directory_goes(void **state)
{
	struct box b;

	(void)state;
	box_open(&b, "split1.tar");
	box_scan(&b);
	assert_int_equal(b.count, 6);
	assert_int_equal(renameat(b.fd, "info/0", b.fd, "info.away"), 0);
	box_scan(&b);
	assert_int_equal(b.count, 6);
	assert_int_equal(b.queue_troubles, 1);
	assert_non_null(strstr(b.told, "info/0"));
	box_close(&b);
}

/* One that is missing from the start is told when the queue is opened and not again. */
static void test_directory_missing(void **state)
{
	struct message m;
	struct box b;

	(void)state;
	box_unpack(&b, "basic.tar");
	assert_int_equal(renameat(b.fd, "info/9", b.fd, "info.away"), 0);
	box_open_with(&b, NULL, 0);
	assert_int_equal(b.queue_troubles, 1);
	assert_non_null(strstr(b.told, "info/9 is missing"));
	box_scan(&b);
	assert_int_equal(b.count, 22);
	assert_int_equal(b.queue_troubles + b.message_troubles, 1);
	/* their envelopes are where nobody may look: not known, and neither "incoming" nor "gone"
	 */
	box_get(&b, 1147962, PART_STAT, &m);
	assert_int_equal(m.failed, PART_STAT);
	assert_int_equal(m.state, STATE_UNKNOWN);
	assert_false(m.gone);
	box_close(&b);
}

/* A link in place of a directory is not followed, neither for names nor for files. */
static void test_directory_link(void **state)
{
	struct message m;
	struct box b;

	(void)state;
	box_unpack(&b, "basic.tar");
	assert_int_equal(renameat(b.fd, "remote/9", b.fd, "../away"), 0);
	assert_int_equal(symlinkat("../../away", b.fd, "remote/9"), 0);
	box_open_with(&b, NULL, 0);
	assert_int_equal(b.queue_troubles, 1);
	assert_non_null(strstr(b.told, "remote/9 is no directory"));
	box_scan(&b);
	assert_int_equal(b.count, 22);
	box_get(&b, 1147962, ENVELOPE_PARTS, &m);
	assert_int_equal(m.failed, PART_RECIPIENTS);
	assert_int_equal(m.recipient_count, 0);
	assert_int_equal(m.state, STATE_QUEUED);
	box_close(&b);
}

/* As somebody of group qmail: mess and todo can be read, the rest cannot. Nothing of that is taken
 * for an answer. */
static void as_nobody(struct box *b, bool begin)
{
	if (geteuid() != 0 && getuid() != 0)
		return;
	if (begin) {
		assert_int_equal(chown(b->path, 65534, 65534), 0);
		assert_int_equal(fchown(b->fd, 65534, 65534), 0);
		assert_int_equal(seteuid(65534), 0);
	} else {
		assert_int_equal(seteuid(0), 0);
	}
}

static void test_no_permission(void **state)
{
	static const char *const closed[] = {"info", "local", "remote", "bounce", "intd"};
	static const char *const open[] = {"todo", "mess"};
	struct message m;
	struct box b;

	(void)state;
	box_unpack(&b, "split1.tar");
	for (size_t i = 0; i < 5; i++)
		assert_int_equal(fchmodat(b.fd, closed[i], 0, 0), 0);
	for (size_t i = 0; i < 2; i++)
		assert_int_equal(fchmodat(b.fd, open[i], 0755, 0), 0);
	assert_int_equal(fchmodat(b.fd, "mess/0", 0755, 0), 0);
	as_nobody(&b, true);
	box_open_with(&b, NULL, 0);
	assert_int_equal(b.queue_troubles, 3);
	box_scan(&b);
	assert_int_equal(b.queue_troubles + b.message_troubles, 3);
	assert_int_equal(b.count, 6);
	for (size_t i = 0; i < b.count; i++) {
		bool todo = b.entries[i].seen & SEEN_TODO;

		box_get(&b, b.entries[i].number, ENVELOPE_PARTS | PART_DATA, &m);
		assert_false(m.gone);
		assert_true(m.size.known);
		assert_int_equal(m.failed, todo ? 0 : ENVELOPE_PARTS);
		assert_int_equal(m.state, todo ? STATE_NEW : STATE_UNKNOWN);
		if (!todo)
			assert_int_equal(m.why[PART_STAT_I]->code, ERROR_DENIED);
	}
	as_nobody(&b, false);
	for (size_t i = 0; i < 5; i++)
		assert_int_equal(fchmodat(b.fd, closed[i], 0700, 0), 0);
	box_close(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_union),
	    cmocka_unit_test(test_mixed_todo),
	    cmocka_unit_test(test_extremes),
	    cmocka_unit_test(test_many),
	    cmocka_unit_test(test_given_up),
	    cmocka_unit_test(test_few_descriptors),
	    cmocka_unit_test(test_odd_todo),
	    cmocka_unit_test(test_directory_goes),
	    cmocka_unit_test(test_directory_missing),
	    cmocka_unit_test(test_directory_link),
	    cmocka_unit_test(test_no_permission),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
