/* Loading messages, part by part, of every recorded sendmail queue, and damaged ones. */
#include "unit/sendmail_fixture.h"

#include <mtaq/limits.h>

#include <sys/file.h>
#include <sys/time.h>
#ifdef __linux__
#include <sys/inotify.h>
#endif

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
	    {"broken", "mqueue", true, 39, 3, 25, 2, 1, 3, 3, 2},
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

static void test_expires_by_class(void **state)
{
	static const struct {
		const char *head;
		int days; /* -1: not known */
	} rows[] = {
	    {"V8\nT1000000\nSa\nH??Subject: x\n.\n", 1},
	    {"V8\nT1000000\nSa\nH??Precedence: bulk\n.\n", 3},
	    {"V8\nT1000000\nSa\nH??precedence:LIST\n.\n", 3},
	    {"V8\nT1000000\nSa\nH??Precedence: bulk \n.\n", 1},
	    {"V8\nT1000000\nSa\nH??Precedence: bulk (c)\n.\n", 1},
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

/* What sendmail 8.17 itself took for a delivery report (class dsn), and what not. */
static void test_reports(void **state)
{
	static const struct {
		const char *type;
		bool report;
	} rows[] = {
	    {"multipart/report; report-type=delivery-status", true},
	    {"multipart/report; report-type=delivery-status boundary=x", true},
	    {"multipart/report; boundary=x; Report-Type=Delivery-Status", true},
	    {"multipart/report; report-type = delivery-status", true},
	    {"multipart/report;report-type=delivery-status;x=y", true},
	    {"multipart/report ; report-type=delivery-status(c)", true},
	    {"multipart/report (a (b) c); report-type=delivery-status,x", true},
	    {"multipart/report;\n\treport-type=delivery-status;\n\tboundary=x", true},
	    {"multipart/report; report-type=delivery-statusX", false},
	    {"multipart/report; report-type=\"delivery-status\"", false},
	    {"multipart/report; boundary=\"a;report-type=delivery-status\"", false},
	    {"multipart/report; boundary=\"\\\";report-type=delivery-status", false},
	    {"multipart/report; xreport-type=delivery-status", false},
	    {"multipart/reportx; report-type=delivery-status", false},
	    {"text/plain; x=multipart/report; report-type=delivery-status", false},
	    {"multipart/report (; report-type=delivery-status", false},
	    {"multipart/report; report-type=", false},
	    {"multipart", false},
	    {"", false},
	};
	static struct loaded l;

	(void)state;
	make_dir("mqueue");
	make_file("cf", SLICE("O Timeout.queuereturn.dsn=1d\n"));
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		char text[256];
		size_t n = (size_t)snprintf(
		    text, sizeof text, "V8\nT1000000\nSa\nH??Content-Type: %s\n.\n", rows[i].type);
		const struct message *m = load_text(&l, slice_of(text, n), NOW);

		assert_int_equal(m->expires.value, 1000000 + (rows[i].report ? 1 : 5) * 86400);
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

static void test_broken(void **state)
{
	static const char *const odd[] = {"qf60F9007B031929", "qf60F900r3031924",
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

/* sendmail removes df first, qf then, holding its lock: what is seen between is no message that has
 * lost its data. */
static void test_being_removed(void **state)
{
	static struct loaded l;
	int fd;

	(void)state;
	make_dir("mqueue");
	make_file("mqueue/qfAAA00001", SLICE("V8\nT1\nS<a>\nRPFD:<b>\n.\n"));
	fd = open(in_scratch("mqueue/qfAAA00001"), O_RDWR);
	open_loaded(&l, "mqueue", NULL, NOW);
	scan_all(&l);
	load_parts(&l, 0, PART_CONTROL | PART_DATA);
	assert_int_equal(l.m[0].failed, 0);
	assert_int_equal(l.m[0].state, STATE_NODATA);
	assert_int_equal(flock(fd, LOCK_EX | LOCK_NB), 0);
	load_parts(&l, 0, PART_CONTROL | PART_DATA);
	assert_int_equal(l.m[0].failed, PART_DATA);
	assert_int_equal(l.m[0].why[PART_DATA_I]->code, ERROR_BUSY);
	assert_false(l.m[0].state_known);
	/* our own lock says nothing */
	l.loader.held = true;
	load_parts(&l, 0, PART_CONTROL | PART_DATA);
	assert_int_equal(l.m[0].state, STATE_NODATA);
	close(fd);
	close_loaded(&l);
}

/* The data file goes between the look at it and its opening. */
static void test_body_removed(void **state)
{
	static struct loaded l;
	int fd;

	(void)state;
	make_dir("mqueue");
	make_file("mqueue/qfAAA00001", SLICE("V8\nT1\nS<a>\nRPFD:<b>\n.\n"));
	make_file("mqueue/dfAAA00001", SLICE("body\n"));
	fd = open(in_scratch("mqueue/qfAAA00001"), O_RDWR);
	open_loaded(&l, "mqueue", NULL, NOW);
	scan_all(&l);
	load_parts(&l, 0, PART_CONTROL | PART_DATA);
	assert_int_equal(unlink(in_scratch("mqueue/dfAAA00001")), 0);
	assert_int_equal(flock(fd, LOCK_EX | LOCK_NB), 0);
	backend_sendmail.load(&l.loader, &l.m[0], PART_BODY);
	assert_int_equal(l.m[0].why[PART_BODY_I]->code, ERROR_BUSY);
	load_parts(&l, 0, PART_CONTROL);
	make_file("mqueue/dfAAA00001", SLICE("body\n"));
	backend_sendmail.load(&l.loader, &l.m[0], PART_DATA);
	assert_int_equal(unlink(in_scratch("mqueue/dfAAA00001")), 0);
	assert_int_equal(unlink(in_scratch("mqueue/qfAAA00001")), 0);
	backend_sendmail.load(&l.loader, &l.m[0], PART_BODY);
	assert_true(l.m[0].gone);
	close(fd);
	close_loaded(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    IN_SCRATCH(test_fixtures),	      IN_SCRATCH(test_being_removed),
	    IN_SCRATCH(test_body_removed),    IN_SCRATCH(test_one_message),
	    IN_SCRATCH(test_header_bytes),    IN_SCRATCH(test_expires_by_class),
	    IN_SCRATCH(test_reports),	      IN_SCRATCH(test_huge_times),
	    IN_SCRATCH(test_damage),	      IN_SCRATCH(test_limit_control_bytes),
	    IN_SCRATCH(test_empty_control),   IN_SCRATCH(test_data_file),
	    IN_SCRATCH(test_data_elsewhere),  IN_SCRATCH(test_vanished),
	    IN_SCRATCH(test_broken),	      IN_SCRATCH(test_no_atime),
#ifdef __linux__
	    IN_SCRATCH(test_fifo_not_opened),
#endif
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
