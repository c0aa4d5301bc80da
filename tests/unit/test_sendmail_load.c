/* Scanning, loading and finding messages in every recorded sendmail queue, and in damaged ones. */
#include "unit/sendmail_fixture.h"

#include <mtaq/limits.h>

#include <sys/time.h>
#ifdef __linux__
#include <sys/inotify.h>
#endif

#define NOW	  INT64_C(1768478400) /* of the recorded queues */
#define ALL_PARTS ((parts_t)((1u << PART_COUNT) - 1))

enum { MOST = 64 };

/* An open queue with all of its messages loaded. */
struct loaded {
	struct queue *q;
	struct arena names, arena[MOST];
	struct message_entry entry[MOST];
	struct message m[MOST];
	size_t count, scan_errors;
	unsigned states[STATE_COUNT];
	struct sys_locks locks;
	struct loader loader;
};

static void open_loaded(struct loaded *l, const char *dir, const char *cf, int64_t now)
{
	struct error err = ERROR_INIT;

	*l = (struct loaded){.loader = {.locks = &l->locks, .now = now}};
	sys_locks_init(&l->locks);
	arena_init(&l->names, 0);
	l->q = open_scratch(dir, cf, NULL, &err);
	assert_non_null(l->q);
}

static void scan_all(struct loaded *l)
{
	struct scan *s = backend_sendmail.scan_begin(l->q, NULL);
	struct error err = ERROR_INIT;
	int r;

	assert_non_null(s);
	while ((r = backend_sendmail.scan_next(s, &l->names, &l->entry[l->count], &err)) != 0) {
		if (r < 0) {
			assert_int_equal(err.scope, SCOPE_MESSAGE);
			l->scan_errors++;
			error_clear(&err);
			continue;
		}
		l->count++;
		assert_true(l->count < MOST);
	}
	backend_sendmail.scan_end(s);
}

static void load_parts(struct loaded *l, size_t i, parts_t want)
{
	arena_free(&l->arena[i]);
	arena_init(&l->arena[i], LIMIT_MESSAGE_BYTES);
	l->loader.arena = &l->arena[i];
	backend_sendmail.begin(l->q, &l->entry[i], &l->arena[i], &l->m[i]);
	backend_sendmail.load(&l->loader, &l->m[i], want);
}

static void load_all(struct loaded *l)
{
	scan_all(l);
	for (size_t i = 0; i < l->count; i++) {
		load_parts(l, i, ALL_PARTS);
		assert_int_equal(l->m[i].have, ALL_PARTS);
		l->states[l->m[i].state]++;
	}
}

static void close_loaded(struct loaded *l)
{
	for (size_t i = 0; i < MOST; i++)
		arena_free(&l->arena[i]);
	arena_free(&l->names);
	sys_locks_free(&l->locks);
	backend_sendmail.close(l->q);
}

/* The message of that file name. */
static struct message *named(struct loaded *l, const char *name)
{
	for (size_t i = 0; i < l->count; i++)
		if (slice_eq(l->entry[i].name, slice_from(name)))
			return &l->m[i];
	print_message("# no %s\n", name);
	fail();
	return NULL;
}

static void assert_slice(struct slice got, const char *want)
{
	assert_true(got.p != NULL && slice_eq(got, slice_from(want)));
}

static void test_fixtures(void **state)
{
	static const struct {
		const char *name, *dir;
		bool cf;
		size_t count, scan_errors;
		unsigned queued, held, lost, nodata, incomplete, incoming;
	} rows[] = {
	    {"flat", "mqueue", true, 25, 0, 25, 0, 0, 0, 0, 0},
	    {"flat", "mqueue", false, 25, 0, 25, 0, 0, 0, 0, 0},
	    {"split", "mqueue", true, 7, 0, 7, 0, 0, 0, 0, 0},
	    {"split", "mqueue", false, 7, 0, 7, 0, 0, 0, 0, 0},
	    {"split", "mqueue/q2", false, 3, 0, 3, 0, 0, 0, 0, 0},
	    {"groups", "mqueue", true, 11, 0, 11, 0, 0, 0, 0, 0},
	    {"groups", "mqueue", false, 11, 0, 11, 0, 0, 0, 0, 0},
	    {"quarantined", "mqueue", true, 8, 0, 2, 4, 2, 0, 0, 0},
	    {"oldformats", "mqueue", true, 8, 0, 7, 0, 0, 0, 1, 0},
	    {"client", "mqueue", true, 4, 0, 4, 0, 0, 0, 0, 0},
	    {"broken", "mqueue", true, 41, 1, 25, 2, 1, 3, 3, 2},
	};
	static struct loaded l;

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		const char *argv[] = {"rm", "-rf", in_scratch("mqueue"), in_scratch("mail"), NULL};

		run(argv);
		unpack(rows[i].name);
		open_loaded(&l, rows[i].dir, rows[i].cf ? "mail/sendmail.cf" : NULL, NOW);
		load_all(&l);
		assert_int_equal(l.count, rows[i].count);
		assert_int_equal(l.scan_errors, rows[i].scan_errors);
		assert_int_equal(l.states[STATE_QUEUED], rows[i].queued);
		assert_int_equal(l.states[STATE_HELD], rows[i].held);
		assert_int_equal(l.states[STATE_LOST], rows[i].lost);
		assert_int_equal(l.states[STATE_NODATA], rows[i].nodata);
		assert_int_equal(l.states[STATE_INCOMPLETE], rows[i].incomplete);
		assert_int_equal(l.states[STATE_INCOMING], rows[i].incoming);
		close_loaded(&l);
	}
}

static void test_one_message(void **state)
{
	static struct loaded l;
	const struct message *m;

	(void)state;
	unpack("flat");
	open_loaded(&l, "mqueue", "mail/sendmail.cf", NOW);
	load_all(&l);
	m = named(&l, "qf60F90094016259");
	assert_int_equal(m->failed, 0);
	assert_slice(m->id, "60F90094016259");
	assert_int_equal(m->state, STATE_QUEUED);
	assert_slice(m->sender, "news@example.com");
	assert_slice(m->sender_raw, "<news@example.com>");
	assert_false(m->bounce);
	assert_int_equal(m->arrival.value, 1768467600);
	assert_int_equal(m->last_attempt.value, 1768471200);
	assert_int_equal(m->attempts.value, 2);
	assert_int_equal(m->priority.value, 330334);
	assert_int_equal(m->expires.value, 1768467600 + 5 * 86400);
	assert_int_equal(m->accepted.value, 1768467600);
	assert_int_equal(m->size.value, 240);
	assert_int_equal(m->body.n, 240);
	assert_int_equal(m->recipient_count, 4);
	assert_int_equal(m->pending_count, 4);
	assert_slice(m->recipients[2].address, "grey@example.net");
	assert_true(m->recipients[2].own_status);
	assert_int_equal(m->status_count, 5);
	assert_slice(m->message_status,
		     "Deferred: 452 4.2.2 <full@example.net> Mailbox size limit exceeded");
	assert_int_equal(m->headers.count, 7);
	assert_int_equal(m->control_text.n, 1119);
	assert_int_equal(m->identity.control_size, 1119);
	assert_true(m->identity.control_ino && m->identity.data_ino);
	assert_int_equal(m->locked, 0);
	assert_false(named(&l, "qf60FBj0NL016273")->last_attempt.known &&
		     !named(&l, "qf60FBj0NL016273")->attempts.value);
	assert_true(named(&l, "qf60EA052A016407")->bounce);
	assert_slice(named(&l, "qf60EA052A016407")->sender, "MAILER-DAEMON");
	assert_slice(named(&l, "qf60F000B2017028")->sender, "");
	assert_true(named(&l, "qf60F000B2017028")->bounce);
	assert_true(named(&l, "qf60F500Zo017045")->warned);
	close_loaded(&l);
}

/* Header values in clear: sendmail's quoting undone, the macro in Return-Path filled in. */
static void test_header_bytes(void **state)
{
	static const struct {
		const char *raw, *want;
	} rows[] = {
	    {" plain", " plain"},
	    {"", ""},
	    {"E \xe2\xff\x80\xff\x93", "E \xe2\x80\x93"},
	    {"\xc3\xff\x9f \xc3\xbc", "\xc3\x9f \xc3\xbc"},
	    {"\xff\xff\xff", "\xff\xff"}, /* a pair, and one that quotes nothing */
	    {"\xff", "\xff"},
	    {"\xff"
	     "A",
	     "\xff"
	     "A"},
	    {" <\201g>", " <news@example.com>"},
	    {"\201r!", "\201r!"},
	    {"\201", "\201"},
	    {"\201?", "\201?"},
	    /* "Ag" with an acute accent as old releases wrote it */
	    {"\xc3\201g", "\xc3\201g"},
	};
	static struct loaded l;
	struct message *m;

	(void)state;
	unpack("flat");
	open_loaded(&l, "mqueue", NULL, NOW);
	load_all(&l);
	m = named(&l, "qf60F90094016259");
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct slice raw = slice_from(rows[i].raw);
		struct slice got = m->header_bytes(m->arena, m, raw);

		assert_slice(got, rows[i].want);
		if (strcmp(rows[i].raw, rows[i].want) == 0 && !strpbrk(rows[i].raw, "\xff\201"))
			assert_ptr_equal(got.p, raw.p);
	}
	m = named(&l, "qf60EA052A016407");
	assert_slice(m->header_bytes(m->arena, m, SLICE("<\201g>")), "<>");
	close_loaded(&l);
}

/* Write one control file (and its data file), load it all. */
static const struct message *load_text(struct loaded *l, struct slice text, int64_t now)
{
	make_file("mqueue/qfAAA00001", text);
	make_file("mqueue/dfAAA00001", SLICE("body\n"));
	open_loaded(l, "mqueue", "cf", now);
	load_all(l);
	assert_int_equal(l->count, 1);
	return &l->m[0];
}

static void test_expires_by_class(void **state)
{
	static const struct {
		const char *head;
		int days; /* -1: not known */
	} rows[] = {
	    {"V8\nT1000000\nSa\nH??Subject: x\n.\n", 1},
	    {"V8\nT1000000\nSa\nH??Precedence: bulk\n.\n", 3},
	    {"V8\nT1000000\nSa\nH??precedence:  LIST \n.\n", 3},
	    {"V8\nT1000000\nSa\nH??Precedence: special-delivery\n.\n", 2},
	    {"V8\nT1000000\nSa\nH??Precedence: first-class\n.\n", 1},
	    {"V8\nT1000000\nSa\nH??Precedence: first\nH??Precedence: bulk\n.\n", 1},
	    {"V8\nT1000000\nSa\nH??Precedence: bulk\nH??Priority: urgent\n.\n", 2},
	    {"V8\nT1000000\nSa\nH??Priority: Non-Urgent\n.\n", 3},
	    {"V8\nT1000000\nFr\nSa\nH??Priority: normal\n.\n", 1},
	    {"V8\nT1000000\nFr\nSa\nH??Priority: odd\n.\n", 4},
	    {"V8\nT1000000\nFrs\nSMAILER-DAEMON\nH??Subject: x\n.\n", 4},
	    {"V8\nT1000000\nSa\nH??Content-Type: multipart/report; "
	     "report-type=delivery-status;\n\tboundary=x\n.\n",
	     4},
	    {"V8\nT1000000\nSa\nH??Content-Type: Multipart/Report;\n "
	     "Report-Type=Delivery-Status\nH??Precedence: bulk\n.\n",
	     4},
	    {"V8\nT1000000\nSa\nH??Content-Type: multipart/report; report-type=disposition\n.\n",
	     1},
	    {"V8\nSa\nH??Subject: x\n.\n", -1},
	};
	static struct loaded l;

	(void)state;
	make_dir("mqueue");
	make_file("cf",
		  SLICE("O Timeout.queuereturn=1d\nO Timeout.queuereturn.urgent=2d\n"
			"O Timeout.queuereturn.non-urgent=3d\nO Timeout.queuereturn.dsn=4d\n"));
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		const struct message *m = load_text(&l, slice_from(rows[i].head), NOW);

		assert_int_equal(m->expires.known, rows[i].days >= 0);
		if (m->expires.known)
			assert_int_equal(m->expires.value, 1000000 + rows[i].days * 86400);
		close_loaded(&l);
	}
}

static void test_huge_times(void **state)
{
	static struct loaded l;
	const struct message *m;

	(void)state;
	make_dir("mqueue");
	make_file("cf", SLICE(""));
	m = load_text(&l, SLICE("V8\nT9223372036854775807\nK-5\nN99999999999999999999\nSa\n.\n"),
		      NOW);
	assert_true(m->arrival.value == INT64_MAX);
	assert_true(m->expires.value == INT64_MAX);
	assert_true(m->attempts.value == INT64_MAX);
	assert_int_equal(m->last_attempt.value, -5);
	close_loaded(&l);
}

/* What is damaged shows what there is, and is never whole: state, failed parts, recipients to show.
 */
static void test_damage(void **state)
{
	enum { C = PART_CONTROL, R = PART_RECIPIENTS, H = PART_HEADER };
	static const struct {
		struct slice text;
		enum message_state state;
		parts_t failed;
		size_t recipients;
	} rows[] = {
	    {SLICE("V8\nT1\nSa\nR:b\n.\n"), STATE_QUEUED, 0, 1},
	    {SLICE("V8\nT1\nSa\nR:b\n."), STATE_QUEUED, 0, 1},
	    {SLICE("V8\nT1\nSa\nR:b\n.\nR:c\n"), STATE_QUEUED, 0, 1},
	    {SLICE("V8\nT1\nSa\nR:b\n"), STATE_INCOMPLETE, R | H, 1},
	    {SLICE("V8\nT1\nSa\nR:b\nH??Subj"), STATE_INCOMPLETE, R | H, 1},
	    {SLICE("V8\nT1\nSa\n"), STATE_INCOMPLETE, C | R | H, 0},
	    {SLICE("V"), STATE_INCOMPLETE, C | R | H, 0},
	    {SLICE("\0\0\0"), STATE_INCOMPLETE, C | R | H, 0},
	    {SLICE(""), STATE_INCOMING, C | R | H, 0},
	};
	static struct loaded l;

	(void)state;
	make_dir("mqueue");
	make_file("cf", SLICE(""));
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		const struct message *m = load_text(&l, rows[i].text, NOW);

		assert_int_equal(m->state, rows[i].state);
		assert_true(m->state_known);
		assert_int_equal(m->failed, rows[i].failed);
		assert_int_equal(m->recipient_count, rows[i].recipients);
		for (int p = 0; p < PART_COUNT; p++)
			assert_int_equal(m->why[p] != NULL, (m->failed & PART(p)) != 0);
		close_loaded(&l);
	}
}

static void test_limit_control_bytes(void **state)
{
	static struct loaded l;

	(void)state;
	make_dir("mqueue");
	make_file("mqueue/qfAAA00001", SLICE("V8\n"));
	assert_int_equal(truncate(in_scratch("mqueue/qfAAA00001"), LIMIT_CONTROL_BYTES + 1), 0);
	open_loaded(&l, "mqueue", NULL, NOW);
	load_all(&l);
	assert_true(l.m[0].failed & PART_CONTROL);
	assert_int_equal(l.m[0].why[PART_CONTROL_I]->code, ERROR_LIMIT);
	assert_int_equal(l.m[0].state, STATE_UNKNOWN);
	close_loaded(&l);
}

/* An empty control file is being written for ten minutes, then it is a leftover. */
static void test_empty_control(void **state)
{
	static struct loaded l;
	struct stat st;
	const struct message *m;

	(void)state;
	make_dir("mqueue");
	make_file("cf", SLICE(""));
	make_file("mqueue/qfAAA00001", SLICE(""));
	assert_int_equal(stat(in_scratch("mqueue/qfAAA00001"), &st), 0);
	for (int age = 598; age <= 602; age += 2) {
		m = load_text(&l, SLICE(""), st.st_ctime + age);
		assert_int_equal(m->why[PART_CONTROL_I]->code,
				 m->state == STATE_INCOMING ? ERROR_BUSY : ERROR_CORRUPT);
		if (age != 600)
			assert_int_equal(m->state, age < 600 ? STATE_INCOMING : STATE_INCOMPLETE);
		close_loaded(&l);
	}
}

static void test_data_file(void **state)
{
	static struct loaded l;
	const struct message *m;

	(void)state;
	make_dir("mqueue");
	make_file("mqueue/qfAAA00001", SLICE("V8\nSa\n.\n"));
	make_file("mqueue/hfAAA00002", SLICE("V8\nSa\n.\n"));
	make_file("mqueue/qfAAA00003", SLICE("V8\nSa\n.\n"));
	make_dir("mqueue/dfAAA00003");
	make_file("mqueue/qfAAA00004", SLICE("V8\ndelsewhere\nSa\n.\n"));
	make_file("mqueue/qfAAA00005", SLICE("V8\nSa\n.\n"));
	make_link("qfAAA00001", "mqueue/dfAAA00005");
	open_loaded(&l, "mqueue", NULL, NOW);
	load_all(&l);

	m = named(&l, "qfAAA00001");
	assert_int_equal(m->state, STATE_NODATA);
	assert_int_equal(m->failed, PART_BODY);
	assert_false(m->size.known || m->accepted.known);
	assert_int_equal(named(&l, "hfAAA00002")->state, STATE_HELD);
	assert_false(named(&l, "hfAAA00002")->failed & PART_DATA);

	m = named(&l, "qfAAA00003");
	assert_int_equal(m->failed, PART_DATA | PART_BODY);
	assert_int_equal(m->state, STATE_UNKNOWN);
	assert_non_null(strstr(m->why[PART_DATA_I]->text, "is a directory"));
	m = named(&l, "qfAAA00004");
	assert_int_equal(m->failed, PART_DATA | PART_BODY);
	assert_non_null(strstr(m->why[PART_DATA_I]->text, "elsewhere"));
	assert_non_null(strstr(named(&l, "qfAAA00005")->why[PART_DATA_I]->text, "symbolic link"));
	close_loaded(&l);
}

/* The d line decides, whatever is loaded first, and also when another file of that name is nearer.
 */
static void test_data_elsewhere(void **state)
{
	static struct loaded l;
	const parts_t orders[] = {PART_DATA, PART_DATA | PART_CONTROL, ALL_PARTS};

	(void)state;
	make_dir("mqueue");
	make_dir("mqueue/q1");
	make_dir("mqueue/q2");
	make_dir("mqueue/q2/df");
	make_file("mqueue/q1/qfAAA00001", SLICE("V8\ndq2\nSa\n.\n"));
	make_file("mqueue/q1/dfAAA00001", SLICE("near"));
	make_file("mqueue/q2/df/dfAAA00001", SLICE("the right one"));
	open_loaded(&l, "mqueue/q*", NULL, NOW);
	scan_all(&l);
	for (size_t i = 0; i < sizeof orders / sizeof orders[0]; i++) {
		load_parts(&l, 0, orders[i]);
		assert_int_equal(l.m[0].size.value, 13);
	}
	assert_slice(l.m[0].body, "the right one");
	close_loaded(&l);
}

static void test_vanished(void **state)
{
	static struct loaded l;
	const parts_t first[] = {PART_STAT, PART_CONTROL, PART_DATA, ALL_PARTS, PART_LOCK};

	(void)state;
	make_dir("mqueue");
	make_file("mqueue/qfAAA00001", SLICE("V8\nSa\n.\n"));
	open_loaded(&l, "mqueue", NULL, NOW);
	scan_all(&l);
	/* the data file goes first, then the control file: no moment looks like a message without
	 * data */
	load_parts(&l, 0, PART_CONTROL);
	assert_int_equal(unlink(in_scratch("mqueue/qfAAA00001")), 0);
	backend_sendmail.load(&l.loader, &l.m[0], PART_DATA);
	assert_true(l.m[0].gone);
	for (size_t i = 0; i < sizeof first / sizeof first[0]; i++) {
		load_parts(&l, 0, first[i]);
		assert_true(l.m[0].gone);
		assert_int_equal(l.m[0].failed, 0);
	}
	close_loaded(&l);
}

static void test_wrong_places(void **state)
{
	static struct loaded l;

	(void)state;
	make_dir("mqueue");
	make_dir("mqueue/qf");
	make_dir("mqueue/df");
	make_file("mqueue/qf/qfAAA00001", SLICE("V8\nSa\n.\n"));
	make_file("mqueue/qf/tfAAA00001", SLICE(""));
	make_file("mqueue/qf/TfAAA00001", SLICE(""));
	make_file("mqueue/qf/xfAAA00001", SLICE(""));
	make_file("mqueue/qf/qxAAA00001", SLICE(""));
	make_file("mqueue/qf/QFAAA00001", SLICE(""));
	make_file("mqueue/qf/.qfAAA0001", SLICE(""));
	make_file("mqueue/qf/qf", SLICE(""));
	make_file("mqueue/df/qfAAA00002", SLICE(""));
	make_file("mqueue/qfAAA00003", SLICE("V8\nSa\n.\n"));
	make_file("mqueue/qf/qf123456789012345678", SLICE(""));
	make_file("mqueue/qf/qf1234567890123456789", SLICE(""));
	open_loaded(&l, "mqueue", NULL, NOW);
	scan_all(&l);
	assert_int_equal(l.count, 3);
	assert_int_equal(l.scan_errors, 2);
	close_loaded(&l);
}

static void test_broken(void **state)
{
	static const char *const odd[] = {"qf60F9007B031929", "qf60F900r3031924",
					  "qf60FAAAff000001", "qf60FAAAdi000001",
					  "qf60FAAAdl000001"};
	static struct loaded l;
	const parts_t control =
	    PART_STAT | PART_CONTROL | PART_RECIPIENTS | PART_HEADER | PART_LOCK;

	(void)state;
	unpack("broken");
	open_loaded(&l, "mqueue", "mail/sendmail.cf", NOW);
	load_all(&l);
	for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++) {
		const struct message *m = named(&l, odd[i]);

		assert_int_equal(m->failed & control, control);
		assert_int_equal(m->why[PART_CONTROL_I]->code, ERROR_CORRUPT);
		assert_int_equal(m->state, STATE_UNKNOWN);
	}
	assert_slice(named(&l, "qf60FA\nAnl0001")->sender, "name-with-newline@example.com");
	assert_slice(named(&l, "qf")->id, "");
	assert_int_equal(named(&l, "qf60F900kV031874")->recipient_count, 0);
	assert_int_equal(named(&l, "qf60F900kV031874")->failed, 0);
	assert_int_equal(named(&l, "qf60F900oC031949")->arrival.value, 0);
	assert_false(named(&l, "qf60F900Nq031954")->arrival.known);
	assert_null(named(&l, "qf60F900x7031964")->sender.p);
	assert_slice(named(&l, "qf60F900vC031879")->reason, "not renamed");
	assert_int_equal(named(&l, "hf60F900it031884")->state, STATE_HELD);
	close_loaded(&l);
}

/* Every entry of broken.ids that has a control file is found, by its exact id only. */
static void test_broken_ids(void **state)
{
	const char *top = getenv("top_srcdir");
	char path[1024], line[256];
	static struct loaded l;
	unsigned found = 0, missing = 0;
	FILE *f;

	(void)state;
	snprintf(path, sizeof path, "%s/fixtures/sendmail/broken.ids", top ? top : ".");
	unpack("broken");
	open_loaded(&l, "mqueue", NULL, NOW);
	f = fopen(path, "r");
	assert_non_null(f);
	while (fgets(line, sizeof line, f)) {
		struct slice id = slice_trim(slice_skip(slice_from(line), 29));
		struct message_entry out[4];
		int n;

		if (slice_eq(id, SLICE("(qf)")))
			id = SLICE("qf");
		if (slice_find(id, SLICE("\\n")) != SIZE_MAX)
			id = SLICE("60FA\nAnl0001");
		n = backend_sendmail.find(l.q, id, &l.names, out, 4, NULL);
		assert_true(n >= 0);
		found += n > 0;
		missing += n == 0;
		if (n && id.n > 3)
			assert_int_equal(backend_sendmail.find(l.q, slice_take(id, id.n - 1),
							       &l.names, out, 4, NULL),
					 0);
	}
	fclose(f);
	assert_int_equal(found, 40);
	assert_int_equal(missing,
			 2); /* the one without control file, the one with too long a name */
	close_loaded(&l);
}

static void test_find(void **state)
{
	static const struct {
		const char *id;
		int found;
		const char *first;
	} rows[] = {
	    {"60F900ui031747", 1, "qf60F900ui031747"},
	    {"qf60F900ui031747", 1, "qf60F900ui031747"},
	    {"hf60F900ui031747", 0, NULL},
	    {"df60F900ui031747", 1, "qf60F900ui031747"},
	    {"xf60F900ui031747", 0, NULL},
	    {"60F900ui031747*", 1, "qf60F900ui031747"},
	    {"60F900ui031747-", 1, "qf60F900ui031747"},
	    {"60F900ui031747X", 1, "qf60F900ui031747"},
	    {" 60F900ui031747! ", 1, "qf60F900ui031747"},
	    {"qf60F900ui031747+", 1, "qf60F900ui031747"},
	    {"60F900bi031781?", 1, "Qf60F900bi031781"},
	    {"60F9003Z031889", 2, "qf60F9003Z031889"},
	    {"hf60F9003Z031889", 1, "hf60F9003Z031889"},
	    {"60F900ui03174", 0, NULL},
	    {"60F900ui0317477", 0, NULL},
	    {"60f900ui031747", 0, NULL},
	    {"0F900ui031747", 0, NULL},
	    {"60F900ui031747**", 0, NULL},
	    {"*", 0, NULL},
	    {"", 0, NULL},
	    {"qf", 1, "qf"},
	    {"../mqueue/qf60F900ui031747", 0, NULL},
	    {"60FAAAff000001", 1, "qf60FAAAff000001"},
	    {"/nowhere/qf60F900ui031747", 0, NULL},
	};
	static struct loaded l;
	struct message_entry out[2];

	(void)state;
	unpack("broken");
	open_loaded(&l, "mqueue", NULL, NOW);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct error err = ERROR_INIT;

		assert_int_equal(
		    backend_sendmail.find(l.q, slice_from(rows[i].id), &l.names, out, 2, &err),
		    rows[i].found);
		if (rows[i].found)
			assert_slice(out[0].name, rows[i].first);
		assert_int_equal(err.code, ERROR_NONE);
	}
	assert_int_equal(
	    backend_sendmail.find(l.q, SLICE("60F9003Z031889"), &l.names, out, 0, NULL), 2);
	assert_int_equal(
	    backend_sendmail.find(l.q, SLICE("60F900\0ui031747"), &l.names, out, 2, NULL), 0);
	assert_int_equal(backend_sendmail.find(l.q,
					       slice_from(in_scratch("mqueue/qf60F900ui031747")),
					       &l.names, out, 2, NULL),
			 1);
	assert_int_equal(backend_sendmail.find(l.q, slice_from(in_scratch("mail/qf60F900ui031747")),
					       &l.names, out, 2, NULL),
			 0);
	close_loaded(&l);
}

/* A path means that directory only; an id may be in several. */
static void test_find_in_two_directories(void **state)
{
	static struct loaded l;
	struct message_entry out[2];

	(void)state;
	make_dir("mqueue");
	make_dir("mqueue/q1");
	make_dir("mqueue/q2");
	make_dir("mqueue/q2/qf");
	make_dir("mqueue/q2/df");
	make_file("mqueue/q1/qfAAA00001", SLICE("V8\n.\n"));
	make_file("mqueue/q2/qf/qfAAA00001", SLICE("V8\n.\n"));
	open_loaded(&l, "mqueue/q*", NULL, NOW);
	assert_int_equal(backend_sendmail.find(l.q, SLICE("AAA00001"), &l.names, out, 2, NULL), 2);
	assert_int_equal(backend_sendmail.find(l.q,
					       slice_from(in_scratch("mqueue/q2/qf/qfAAA00001")),
					       &l.names, out, 2, NULL),
			 1);
	assert_string_equal(sendmail_unit(out[0].unit)->name, "q2");
	assert_int_equal(backend_sendmail.find(l.q,
					       slice_from(in_scratch("mqueue/q2/df/dfAAA00001")),
					       &l.names, out, 2, NULL),
			 1);
	assert_int_equal(backend_sendmail.find(l.q, slice_from(in_scratch("mqueue/q1/AAA00001")),
					       &l.names, out, 2, NULL),
			 1);
	assert_string_equal(sendmail_unit(out[0].unit)->name, "q1");
	close_loaded(&l);
}

/* Reading leaves no trace: access times stay, and what is no file is not opened at all. */
static void test_no_atime(void **state)
{
	static struct loaded l;
	const struct timespec old[2] = {{.tv_sec = 1000000000}, {.tv_sec = 1100000000}};
	struct stat st;

	(void)state;
	unpack("flat");
	open_loaded(&l, "mqueue", NULL, NOW);
	scan_all(&l);
	for (size_t i = 0; i < l.count; i++) {
		const struct sendmail_unit *u = sendmail_unit(l.entry[i].unit);

		assert_int_equal(utimensat(u->qf_fd, l.entry[i].name.p, old, 0), 0);
		load_parts(&l, i, ALL_PARTS);
		assert_int_equal(fstatat(u->qf_fd, l.entry[i].name.p, &st, 0), 0);
		assert_int_equal(st.st_atime, 1000000000);
	}
	close_loaded(&l);
}

#ifdef __linux__
static void test_fifo_not_opened(void **state)
{
	static struct loaded l;
	char events[4096] __attribute__((aligned(__alignof__(struct inotify_event))));
	int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	unsigned opened = 0;
	ssize_t n;

	(void)state;
	make_dir("mqueue");
	make_file("mqueue/qfAAA00001", SLICE("V8\n.\n"));
	assert_int_equal(mkfifo(in_scratch("mqueue/qfAAA00002"), 0600), 0);
	assert_int_equal(mkfifo(in_scratch("mqueue/dfAAA00001"), 0600), 0);
	assert_true(fd >= 0);
	open_loaded(&l, "mqueue", NULL, NOW);
	assert_true(inotify_add_watch(fd, in_scratch("mqueue"), IN_OPEN) >= 0);
	load_all(&l);
	while ((n = read(fd, events, sizeof events)) > 0) {
		for (char *p = events; p < events + n;) {
			const struct inotify_event *e = (const void *)p;

			if (e->len && e->name[0] != 0) {
				assert_string_equal(e->name, "qfAAA00001");
				opened++;
			}
			p += sizeof *e + e->len;
		}
	}
	close(fd);
	assert_int_equal(opened, 1);
	close_loaded(&l);
}
#endif

struct told {
	char text[2048];
	size_t n;
};

static void on_file(void *ctx, const char *role, const char *path)
{
	struct told *t = ctx;

	assert_int_equal(strncmp(path, scratch, strlen(scratch)), 0);
	t->n += (size_t)snprintf(t->text + t->n, sizeof t->text - t->n, "%s=%s ", role,
				 path + strlen(scratch));
}

static void test_files(void **state)
{
	static struct loaded l;
	struct told t = {0};

	(void)state;
	unpack("split");
	make_file("mqueue/q1/xf/xf60EM00la017224", SLICE(""));
	make_file("mqueue/q1/qf/tf60EM00la017224", SLICE(""));
	open_loaded(&l, "mqueue", NULL, NOW);
	load_all(&l);
	backend_sendmail.files(named(&l, "qf60EM00la017224"), on_file, &t);
	assert_string_equal(t.text, "control=/mqueue/q1/qf/qf60EM00la017224 "
				    "temporary=/mqueue/q1/qf/tf60EM00la017224 "
				    "data=/mqueue/q1/df/df60EM00la017224 "
				    "transcript=/mqueue/q1/xf/xf60EM00la017224 ");
	close_loaded(&l);
}

static void test_open_data(void **state)
{
	static struct loaded l;
	struct error err = ERROR_INIT;
	bool whole = true;
	char buf[16];
	int fd;

	(void)state;
	unpack("groups");
	open_loaded(&l, "mqueue", "mail/sendmail.cf", NOW);
	load_all(&l);
	/* its data file lies in another group's directory */
	fd = backend_sendmail.open_data(named(&l, "qf60F900s1017387"), &whole, &err);
	assert_true(fd >= 0);
	assert_false(whole);
	assert_int_equal(read(fd, buf, sizeof buf), 6);
	close(fd);
	assert_int_equal(unlink(in_scratch("mqueue/slow/df60F900s1017387")), 0);
	assert_int_equal(backend_sendmail.open_data(named(&l, "qf60F900s1017387"), &whole, &err),
			 -1);
	assert_int_equal(err.code, ERROR_GONE);
	close_loaded(&l);
}

static void on_line(void *ctx, char code, struct slice value)
{
	struct told *t = ctx;

	t->n += (size_t)snprintf(t->text + t->n, sizeof t->text - t->n, "%c[%.*s]", code,
				 SLICE_ARG(slice_take(value, 9)));
}

static void test_lister_lines(void **state)
{
	static struct loaded l;
	struct told t = {0};

	(void)state;
	make_dir("mqueue");
	make_file("cf", SLICE(""));
	load_text(&l, SLICE("V8\r\n\nSa\n\tfold\n.\nR:after\n"), NOW);
	backend_sendmail.lister_lines(&l.m[0], on_line, &t);
	assert_string_equal(t.text, "V[8]S[a]\t[fold].[]R[:after]");
	close_loaded(&l);
}

static void test_locked(void **state)
{
	static struct loaded l;
	int fd;

	(void)state;
	make_dir("mqueue");
	make_file("mqueue/qfAAA00001", SLICE("V8\n.\n"));
	fd = open(in_scratch("mqueue/qfAAA00001"), O_RDWR);
	open_loaded(&l, "mqueue", NULL, NOW);
	scan_all(&l);
	load_parts(&l, 0, PART_LOCK);
	assert_int_equal(l.m[0].locked, 0);
	assert_true(l.loader.locks_fresh);
	assert_int_equal(lockf(fd, F_TLOCK, 0), 0);
	/* the table is read once per chunk */
	if (l.locks.known) {
		load_parts(&l, 0, PART_LOCK);
		assert_int_equal(l.m[0].locked, 0);
		l.loader.locks_fresh = false;
		load_parts(&l, 0, PART_LOCK);
		assert_int_equal(l.m[0].locked, 1);
	}
	close(fd);
	close_loaded(&l);
}

/* Each field either needs something or says why it cannot be; what needs a part that is made of
 * another needs both. */
static void test_table(void **state)
{
	const struct backend *b = &backend_sendmail;

	(void)state;
	for (int f = 0; f < FIELD_COUNT; f++) {
		assert_true((b->needs[f] != 0) != (b->lacks[f] != NULL));
		assert_false(b->needs[f] & PART_LOG);
		if (b->needs[f] & (PART_RECIPIENTS | PART_HEADER))
			assert_true(b->needs[f] & PART_CONTROL);
	}
	assert_int_equal(b->cost[PART_NAME_I], 0);
	assert_ptr_equal(backend_find("sendmail"), b);
}

static void on_fact(void *ctx, const char *key, const char *value, const char *why)
{
	struct told *t = ctx;

	assert_true(key && value);
	t->n += (size_t)snprintf(t->text + t->n, sizeof t->text - t->n, "%s=%s(%s)\n", key,
				 strncmp(value, scratch, strlen(scratch)) ? value : "PATH",
				 why && strstr(why, "line") ? strstr(why, "line") : "");
	assert_true(t->n < sizeof t->text);
}

static void test_describe(void **state)
{
	static struct loaded l;
	struct told t = {0};
	struct lister_facts facts;

	(void)state;
	make_dir("mqueue");
	make_file("cf",
		  SLICE("O MinQueueAge=27m\nO Timeout.queuereturn=3d\nO PidFile=/no/such/file\n"));
	open_loaded(&l, "mqueue", "cf", NOW);
	backend_sendmail.describe(l.q, on_fact, &t);
	assert_non_null(strstr(t.text, "\ndirectory=PATH()"));
	assert_non_null(strstr(t.text, "\nMinQueueAge=27m(line 1)"));
	assert_non_null(strstr(t.text, "\nreturn.dsn=3d(line 2)"));
	assert_non_null(strstr(t.text, "\nwarning.normal=never()"));
	assert_non_null(strstr(t.text, "\ndaemon=not running()"));
	backend_sendmail.lister_facts(l.q, &facts);
	assert_int_equal(facts.min_queue_age, 27 * 60);
	assert_int_equal(facts.max_queue_age, 0);
	close_loaded(&l);
}

#define IN_SCRATCH(f) cmocka_unit_test_setup_teardown(f, make_scratch, remove_scratch)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    IN_SCRATCH(test_fixtures),
	    IN_SCRATCH(test_one_message),
	    IN_SCRATCH(test_header_bytes),
	    IN_SCRATCH(test_expires_by_class),
	    IN_SCRATCH(test_huge_times),
	    IN_SCRATCH(test_damage),
	    IN_SCRATCH(test_limit_control_bytes),
	    IN_SCRATCH(test_empty_control),
	    IN_SCRATCH(test_data_file),
	    IN_SCRATCH(test_data_elsewhere),
	    IN_SCRATCH(test_vanished),
	    IN_SCRATCH(test_wrong_places),
	    IN_SCRATCH(test_broken),
	    IN_SCRATCH(test_broken_ids),
	    IN_SCRATCH(test_find),
	    IN_SCRATCH(test_find_in_two_directories),
	    IN_SCRATCH(test_no_atime),
#ifdef __linux__
	    IN_SCRATCH(test_fifo_not_opened),
#endif
	    IN_SCRATCH(test_files),
	    IN_SCRATCH(test_open_data),
	    IN_SCRATCH(test_lister_lines),
	    IN_SCRATCH(test_locked),
	    cmocka_unit_test(test_table),
	    IN_SCRATCH(test_describe),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
