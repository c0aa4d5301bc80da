/* What qmail-send does between two looks at a message; limits; what reading leaves untouched. */
#include "unit/qmail_box.h"

/* Message 46 of split 23, complete in S5. */
static void make_queued(struct box *b)
{
	box_write(b, "mess/0/46", SLICE("Subject: one\n\nbody\n"));
	box_write(b, "remote/0/46", SLICE("Ta@b\0Dc@d\0"));
	box_write(b, "info/0/46", SLICE("Fold@sender\0"));
}

/* And in S4. */
static void make_new(struct box *b)
{
	box_write(b, "mess/0/46", SLICE("Subject: one\n\nbody\n"));
	box_write(b, "todo/46", SLICE("u1\0p2\0Fnew@sender\0Ta@b\0"));
}

static void preprocess(struct box *b)
{
	box_write(b, "remote/0/46", SLICE("Ta@b\0"));
	box_write(b, "info/0/46", SLICE("Fnew@sender\0"));
	box_remove(b, "todo/46");
}

static void end(struct box *b)
{
	box_remove(b, "info/0/46");
	box_remove(b, "remote/0/46");
	box_remove(b, "mess/0/46");
}

static void start(struct box *b, void (*make)(struct box *b), struct message *m)
{
	box_open(b, "empty.tar");
	make(b);
	box_scan(b);
	box_begin(b, 46, m);
}

static void test_preprocessed_meanwhile(void **state)
{
	struct message m;
	struct box b;

	(void)state;
	start(&b, make_new, &m);
	assert_int_equal(m.state, STATE_NEW);
	preprocess(&b);
	box_load(&b, &m, ENVELOPE_PARTS);
	assert_int_equal(m.state, STATE_QUEUED);
	assert_int_equal(m.failed, 0);
	assert_true(slice_is(m.sender, "new@sender"));
	assert_int_equal(m.recipients[0].channel, CHANNEL_REMOTE);
	box_close(&b);
}

/* Listed when only mess was there; it has gone all the way since. */
static void test_arrived_meanwhile(void **state)
{
	struct message m;
	struct box b;

	(void)state;
	for (int steps = 0; steps < 3; steps++) {
		box_open(&b, "empty.tar");
		box_write(&b, "mess/0/46", SLICE("Subject: one\n\nbody\n"));
		box_scan(&b);
		box_begin(&b, 46, &m);
		assert_int_equal(m.state, STATE_INCOMING);
		if (steps > 0)
			make_new(&b);
		if (steps > 1)
			preprocess(&b);
		box_load(&b, &m, ENVELOPE_PARTS);
		assert_int_equal(m.state, steps == 0   ? STATE_INCOMING
					  : steps == 1 ? STATE_NEW
						       : STATE_QUEUED);
		assert_int_equal(m.failed, 0);
		box_close(&b);
	}
}

/* info was listed and todo was not, but it is there: info of an interrupted preprocessing says
 * nothing. */
static void test_todo_decides(void **state)
{
	static const parts_t wants[] = {PART_CONTROL, PART_RECIPIENTS, ENVELOPE_PARTS};
	struct message m;
	struct box b;

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		start(&b, make_queued, &m);
		make_new(&b);
		box_load(&b, &m, wants[i]);
		assert_int_equal(m.state, STATE_NEW);
		assert_true(slice_is(m.sender, "new@sender"));
		assert_int_equal(m.recipient_count, 1);
		assert_int_equal(m.recipients[0].channel, CHANNEL_NONE);
		box_close(&b);
	}
}

static void set_mess_time(const struct box *b, long seconds)
{
	const struct timespec times[2] = {{seconds, 5}, {seconds, 5}};

	assert_int_equal(utimensat(b->fd, "mess/0/46", times, 0), 0);
}

/* The id told which message of that number: another one is gone, whatever is asked, and is not
 * printed. */
static void test_id_tells_which(void **state)
{
	static const parts_t parts[] = {PART_STAT, PART_CONTROL, PART_RECIPIENTS, ENVELOPE_PARTS,
					PART_DATA, PART_HEADER,	 PART_BODY};
	struct error e = ERROR_INIT;
	struct message_entry entry;
	struct message m;
	struct box b;
	bool whole;
	int fd;

	(void)state;
	for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
		for (int other = 0; other < 2; other++) {
			start(&b, make_queued, &m);
			set_mess_time(&b, 1000);
			assert_int_equal(backend_qmail.find(b.queue, SLICE("46@1000000000005"),
							    &b.names, &entry, 1, &e),
					 1);
			set_mess_time(&b, 1000 + other);
			backend_qmail.begin(b.queue, &entry, &b.arena, &m);
			box_load(&b, &m, parts[i]);
			assert_int_equal(m.gone, other);
			box_close(&b);
		}
	}
	start(&b, make_queued, &m);
	box_load(&b, &m, PART_HEADER);
	fd = backend_qmail.open_data(&m, &whole, &e);
	assert_true(fd >= 0);
	close(fd);
	set_mess_time(&b, 2000);
	assert_int_equal(backend_qmail.open_data(&m, &whole, &e), -1);
	assert_int_equal(e.code, ERROR_GONE);
	box_load(&b, &m, PART_BODY);
	assert_true(m.gone);
	box_close(&b);
}

/* Ended before the first look, or between two; with its mess still there or not. */
static void test_ended_meanwhile(void **state)
{
	static const parts_t parts[] = {PART_STAT, PART_CONTROL, PART_RECIPIENTS,
					PART_DATA, PART_HEADER,	 PART_BODY};
	struct message m;
	struct box b;

	(void)state;
	for (size_t i = 0; i < 6; i++) {
		for (size_t first = 0; first < 2; first++) {
			start(&b, make_queued, &m);
			if (first)
				box_load(&b, &m, i == 0 ? PART_DATA : PART_STAT);
			assert_false(m.gone);
			end(&b);
			box_load(&b, &m, parts[i]);
			assert_true(m.gone);
			assert_int_equal(m.failed, 0);
			box_close(&b);
		}
	}
}

static void test_ending_meanwhile(void **state)
{
	struct message m;
	struct box b;

	(void)state;
	start(&b, make_queued, &m);
	box_remove(&b, "info/0/46");
	box_load(&b, &m, PART_STAT);
	assert_true(m.gone);
	box_close(&b);
}

/* The number belongs to another message now: never half of one and half of the other. */
static void test_number_used_again(void **state)
{
	static const parts_t wants[] = {PART_CONTROL, PART_RECIPIENTS, PART_HEADER};
	struct message m;
	struct box b;

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		start(&b, make_queued, &m);
		box_load(&b, &m, PART_STAT | PART_DATA);
		/* the old files live on under other names, so that the new ones have other inodes
		 */
		assert_int_equal(renameat(b.fd, "info/0/46", b.fd, "../info"), 0);
		assert_int_equal(renameat(b.fd, "mess/0/46", b.fd, "../mess"), 0);
		make_queued(&b);
		box_load(&b, &m, wants[i]);
		assert_true(m.gone);
		box_close(&b);
	}
}

/* Expired or requeued by somebody: the same message, with its new times. */
static void test_touched_meanwhile(void **state)
{
	const struct timespec old[2] = {{1000, 0}, {1000, 5}};
	struct message m;
	struct box b;

	(void)state;
	start(&b, make_queued, &m);
	box_load(&b, &m, PART_STAT);
	assert_int_equal(utimensat(b.fd, "info/0/46", old, 0), 0);
	box_load(&b, &m, PART_CONTROL);
	assert_false(m.gone);
	assert_int_equal(m.arrival.value, 1000);
	assert_int_equal(m.expires.value, 1000 + 604800);
	assert_int_equal(m.identity.control_mtime_ns, 1000000000005);
	box_close(&b);
}

/* A channel that is done disappears: what is left counts, and the message may be ending. */
static void test_channels_go(void **state)
{
	struct message m;
	struct box b;

	(void)state;
	start(&b, make_queued, &m);
	box_write(&b, "local/0/46", SLICE("Dx@local\0"));
	box_load(&b, &m, PART_RECIPIENTS);
	assert_int_equal(m.state, STATE_QUEUED);
	assert_int_equal(m.recipient_count, 3);
	assert_int_equal(m.pending_count, 1);
	box_write(&b, "remote/0/46", SLICE("Da@b\0Dc@d\0"));
	box_get(&b, 46, PART_RECIPIENTS, &m);
	assert_int_equal(m.state, STATE_ENDING);
	assert_int_equal(m.recipient_count, 3);
	box_remove(&b, "remote/0/46");
	box_remove(&b, "local/0/46");
	box_get(&b, 46, PART_RECIPIENTS, &m);
	assert_int_equal(m.state, STATE_ENDING);
	assert_int_equal(m.recipient_count, 0);
	assert_false(m.gone);
	box_close(&b);
}

static void test_lost_body(void **state)
{
	struct message m;
	struct box b;

	(void)state;
	start(&b, make_queued, &m);
	box_remove(&b, "mess/0/46");
	box_load(&b, &m, ENVELOPE_PARTS | PART_DATA | PART_BODY);
	assert_false(m.gone);
	assert_int_equal(m.failed, PART_DATA | PART_BODY);
	assert_int_equal(m.why[PART_DATA_I]->code, ERROR_GONE);
	assert_true(slice_is(m.sender, "old@sender"));
	box_close(&b);
}

/* ---- header and body ---- */

static void test_header_and_body(void **state)
{
	static const struct {
		struct slice text;
		size_t headers;
		struct slice body;
	} cases[] = {
	    {SLICE("Subject: a\nTo: b\n\nbody\n"), 2, SLICE("body\n")},
	    {SLICE("Subject: a\r\nTo: b\r\n\r\nbody\r\n"), 2, SLICE("body\r\n")},
	    {SLICE("Subject: a\nTo: b\n"), 2, SLICE("")},
	    {SLICE(""), 0, SLICE("")},
	    {SLICE("\nbody"), 0, SLICE("body")},
	    {SLICE("no field here\nSubject: x\n\nrest"), 0,
	     SLICE("no field here\nSubject: x\n\nrest")},
	    {SLICE("A: b\nnul\0 line\n"), 1, SLICE("nul\0 line\n")},
	};
	struct message m;
	struct box b;

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		start(&b, make_queued, &m);
		box_write(&b, "mess/0/46", cases[i].text);
		box_load(&b, &m, PART_HEADER);
		assert_int_equal(m.failed, 0);
		assert_int_equal(m.headers.count, cases[i].headers);
		assert_null(m.body.p);
		box_load(&b, &m, PART_BODY);
		assert_int_equal(m.headers.count, cases[i].headers);
		assert_non_null(m.body.p);
		assert_true(slice_eq(m.body, cases[i].body));
		box_close(&b);
	}
}

/* A mess file of `head` repeated to `n` bytes, then `tail`. */
static void write_long(struct box *b, struct slice head, size_t n, struct slice tail)
{
	char *p = malloc(n + tail.n);

	assert_non_null(p);
	for (size_t i = 0; i < n; i++)
		p[i] = head.p[i % head.n];
	memcpy(p + n, tail.p, tail.n);
	box_write(b, "mess/0/46", slice_of(p, n + tail.n));
	free(p);
}

static void test_limit_header(void **state)
{
	static const struct {
		struct slice head;
		size_t n;
		struct slice tail;
		bool fails;
	} cases[] = {
	    {SLICE("A: bcdefghijklmnopqrstuvwxyz012\n"), LIMIT_HEADER_BYTES / 4, SLICE("\nbody"),
	     false},
	    {SLICE("A: bcdefghijklmnopqrstuvwxyz012"
		   "345678901234567890123456789012345678901234567890"
		   "345678901234567890123456789012345678901234567890\n"),
	     LIMIT_HEADER_BYTES - 4096, SLICE("\n\nbody"), false},
	    {SLICE("A: b\n cdefghijklmnopqrstuvwxyz\n c"), LIMIT_HEADER_BYTES + 4096,
	     SLICE("\n\nbody"), true},
	    {SLICE("A: b\n cdefghijklmnopqrstuvwxyz\n c"), 3 * LIMIT_HEADER_BYTES, SLICE(""), true},
	    /* the limit cuts a field's name */
	    {SLICE("Abcdefghijklmnopqrstuvwxyz: x\n012345678901234567890123456789: y\n"),
	     LIMIT_HEADER_BYTES + 4096, SLICE("\n\nbody"), true},
	    {SLICE("x"), 3 * LIMIT_HEADER_BYTES, SLICE("\n\n"), false},
	    /* not a header at all: body from its first line on */
	    {SLICE("just text without any empty line\n"), 3 * LIMIT_HEADER_BYTES, SLICE("\n\n"),
	     false},
	};
	struct message m;
	struct box b;

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		start(&b, make_queued, &m);
		write_long(&b, cases[i].head, cases[i].n, cases[i].tail);
		box_load(&b, &m, PART_HEADER);
		assert_int_equal(m.failed, cases[i].fails ? PART_HEADER : 0);
		if (cases[i].fails)
			assert_int_equal(m.why[PART_HEADER_I]->code, ERROR_LIMIT);
		box_begin(&b, 46, &m);
		box_load(&b, &m, PART_BODY);
		assert_int_equal(m.failed, cases[i].fails ? PART_HEADER | PART_BODY : 0);
		box_close(&b);
	}
}

/* Sparse files: large without being written. */
static void make_large(struct box *b, const char *name, off_t size)
{
	int fd = openat(b->fd, name, O_WRONLY | O_CREAT, 0600);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, size), 0);
	close(fd);
}

static void test_limit_body(void **state)
{
	struct message m;
	struct box b;

	(void)state;
	start(&b, make_queued, &m);
	make_large(&b, "mess/0/46", (off_t)3 << 30);
	box_load(&b, &m, PART_DATA | PART_HEADER);
	assert_true(m.size.value == (int64_t)3 << 30);
	assert_int_equal(m.failed, 0);
	box_load(&b, &m, PART_BODY);
	assert_int_equal(m.failed, PART_BODY);
	assert_int_equal(m.why[PART_BODY_I]->code, ERROR_LIMIT);
	box_close(&b);
}

static void test_limit_control(void **state)
{
	static const struct {
		const char *name;
		parts_t failed;
	} cases[] = {
	    {"info/0/46", PART_CONTROL},
	    {"remote/0/46", PART_RECIPIENTS},
	    {"local/0/46", PART_RECIPIENTS},
	    {"todo/46", ENVELOPE_PARTS},
	};
	struct message m;
	struct box b;

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		start(&b, make_queued, &m);
		make_large(&b, cases[i].name, LIMIT_CONTROL_BYTES + 1);
		box_scan(&b);
		box_get(&b, 46, ENVELOPE_PARTS, &m);
		assert_int_equal(m.failed, cases[i].failed);
		for (unsigned p = 0; p < PART_COUNT; p++)
			if (m.why[p])
				assert_int_equal(m.why[p]->code, ERROR_LIMIT);
		box_close(&b);
	}
}

static void test_limit_recipients(void **state)
{
	const size_t n = LIMIT_RECIPIENTS + 1;
	struct message m;
	struct box b;
	char *p = malloc(2 * n);

	(void)state;
	assert_non_null(p);
	for (size_t i = 0; i < n; i++)
		p[2 * i] = 'T', p[2 * i + 1] = '\0';
	start(&b, make_queued, &m);
	box_write(&b, "remote/0/46", slice_of(p, 2 * n));
	box_load(&b, &m, PART_RECIPIENTS);
	assert_int_equal(m.failed, PART_RECIPIENTS);
	assert_int_equal(m.why[PART_RECIPIENTS_I]->code, ERROR_LIMIT);
	assert_int_equal(m.state, STATE_QUEUED);
	box_write(&b, "remote/0/46", slice_of(p, 2 * (n - 1)));
	box_get(&b, 46, PART_RECIPIENTS, &m);
	assert_int_equal(m.failed, 0);
	assert_int_equal(m.pending_count, n - 1);
	free(p);
	box_close(&b);
}

/* ---- nothing is left behind ---- */

/* qmail-clean goes by the atime of mess. */
static void test_atime_stays(void **state)
{
	const struct timespec times[2] = {{1000, 0}, {2000, 0}};
	struct message m;
	struct stat st;
	struct box b;

	(void)state;
	start(&b, make_queued, &m);
	assert_int_equal(utimensat(b.fd, "mess/0/46", times, 0), 0);
	assert_int_equal(utimensat(b.fd, "info/0/46", times, 0), 0);
	box_load(&b, &m, ENVELOPE_PARTS | PART_DATA | PART_HEADER | PART_BODY);
	assert_int_equal(m.failed, 0);
	assert_int_equal(fstatat(b.fd, "mess/0/46", &st, 0), 0);
	assert_int_equal(st.st_atime, 1000);
	assert_int_equal(fstatat(b.fd, "info/0/46", &st, 0), 0);
	assert_int_equal(st.st_atime, 1000);
	box_close(&b);
}

static void test_out_of_memory(void **state)
{
	struct message m;
	struct box b;

	(void)state;
	start(&b, make_queued, &m);
	arena_free(&b.arena);
	arena_init(&b.arena, 1);
	box_begin(&b, 46, &m);
	box_load(&b, &m, ENVELOPE_PARTS | PART_DATA | PART_HEADER);
	assert_int_equal(m.failed, PART_CONTROL | PART_RECIPIENTS | PART_HEADER);
	assert_int_equal(m.why[PART_CONTROL_I]->code, ERROR_LIMIT);
	assert_true(m.size.known);
	box_close(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_preprocessed_meanwhile),
	    cmocka_unit_test(test_arrived_meanwhile),
	    cmocka_unit_test(test_todo_decides),
	    cmocka_unit_test(test_id_tells_which),
	    cmocka_unit_test(test_ended_meanwhile),
	    cmocka_unit_test(test_ending_meanwhile),
	    cmocka_unit_test(test_number_used_again),
	    cmocka_unit_test(test_touched_meanwhile),
	    cmocka_unit_test(test_channels_go),
	    cmocka_unit_test(test_lost_body),
	    cmocka_unit_test(test_header_and_body),
	    cmocka_unit_test(test_limit_header),
	    cmocka_unit_test(test_limit_body),
	    cmocka_unit_test(test_limit_control),
	    cmocka_unit_test(test_limit_recipients),
	    cmocka_unit_test(test_atime_stays),
	    cmocka_unit_test(test_out_of_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
