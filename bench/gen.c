/*
 * Makes a large queue quickly: gen sendmail|qmail DIR MESSAGES
 *
 * DIR must not exist. The same numbers give the same messages (but for qmail's, which are inode
 * numbers): every fifth message has several recipients, two in five are bounces, ages run from now
 * to five days, one in ten is flagged as spam. sendmail: one directory, control files of about 1.2
 * kB. qmail: split 23, all messages preprocessed.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { SPLIT = 23, MAX_RECIPIENTS = 5, DAYS = 5, TEXT_ROOM = 8192 };

struct text {
	char p[TEXT_ROOM];
	size_t n;
};

struct message {
	unsigned long number;
	uint64_t random; /* state of the generator */
	time_t arrival, now;
	bool bounce, spam;
	unsigned recipients, attempts;
};

static void die(const char *what)
{
	fprintf(stderr, "gen: %s: %s\n", what, strerror(errno));
	exit(71);
}

__attribute__((format(printf, 2, 3))) static void add(struct text *t, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(t->p + t->n, sizeof t->p - t->n, fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= sizeof t->p - t->n)
		die("text too long");
	t->n += (size_t)n;
}

/* xorshift64*: 0 <= result < below */
static unsigned pick(struct message *m, unsigned below)
{
	m->random ^= m->random >> 12;
	m->random ^= m->random << 25;
	m->random ^= m->random >> 27;
	return (unsigned)((m->random * UINT64_C(2685821657736338717)) >> 33) % below;
}

static struct message make_message(unsigned long number, time_t now)
{
	struct message m = {
	    .number = number, .now = now, .random = (number + 1) * 0x9e3779b97f4a7c15u};

	m.bounce = pick(&m, 5) < 2;
	m.spam = pick(&m, 10) == 0;
	m.recipients = pick(&m, 5) == 0 ? 2 + pick(&m, MAX_RECIPIENTS - 1) : 1;
	m.attempts = pick(&m, 60);
	m.arrival = now - (time_t)pick(&m, DAYS * 86400);
	return m;
}

static void write_file(int dir, const char *name, const char *p, size_t n, time_t mtime)
{
	struct timespec times[2] = {{.tv_sec = mtime}, {.tv_sec = mtime}};
	int fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	if (fd < 0 || write(fd, p, n) != (ssize_t)n || futimens(fd, times) != 0 || close(fd) != 0)
		die(name);
}

static int make_dir(int parent, const char *name)
{
	int fd;

	if (mkdirat(parent, name, 0700) != 0)
		die(name);
	fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		die(name);
	return fd;
}

static const char *status_text(struct message *m)
{
	static const char *const list[] = {
	    "Deferred: Connection timed out with mx.far.example.net.",
	    "Deferred: Connection refused by mx.far.example.net.",
	    "Deferred: 451 4.7.1 Greylisted, please try again later",
	    "Deferred: 452 4.2.2 Mailbox size limit exceeded",
	    "host map: lookup (far.example.net): deferred",
	};

	return list[pick(m, sizeof list / sizeof list[0])];
}

static void add_body(struct text *t, const struct message *m)
{
	add(t,
	    m->bounce
		? "The original message was received at some time\n"
		  "   ----- The following addresses had permanent fatal errors -----\n"
		  "<nobody%lu@example.org>\n\n   ----- Transcript of session follows -----\n"
		  "... while talking to mx.example.org.:\n>>> DATA\n<<< 550 5.1.1 User unknown\n"
		: "Message %lu.\n\nNothing to see here.\n",
	    m->number);
}

static void add_headers(struct text *t, const struct message *m, const char *start)
{
	add(t, "%sFrom: %s\n", start,
	    m->bounce ? "Mail Delivery Subsystem <MAILER-DAEMON@mx.example.org>"
		      : "Somebody Somewhere <somebody@sender.example.com>");
	add(t, "%sTo: <user%lu@far.example.net>\n%sSubject: %s\n", start, m->number, start,
	    m->bounce ? "Returned mail: see transcript for details"
		      : "The minutes of the last meeting");
	add(t,
	    "%sMIME-Version: 1.0\n%sContent-Type: text/plain; charset=utf-8\n"
	    "%sContent-Transfer-Encoding: 8bit\n",
	    start, start, start);
	add(t, "%sX-Spam-Flag: %s\n%sX-Spam-Status: No, score=1.9 required=5.0\n", start,
	    m->spam ? "YES" : "NO", start);
	add(t, "%sX-Virus-Scanned: by a scanner at sender.example.com\n%sPrecedence: list\n", start,
	    start);
	add(t, "%sList-Unsubscribe: <https://lists.example.com/unsubscribe?u=%lu>\n", start,
	    m->number);
}

/* ------------------------------------------------------------------------------------------
 * sendmail */

static char digit60(unsigned n)
{
	return "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwx"[n % 60];
}

/* Year, month, day, hour, minute, second, two of sequence, process: made of the time and the
 * number. */
static void sendmail_id(const struct message *m, char id[16])
{
	struct tm tm;
	unsigned sequence = (unsigned)(m->number % 3600);

	gmtime_r(&m->arrival, &tm);
	snprintf(id, 16, "%c%c%c%c%c%c%c%c%06lu", digit60((unsigned)tm.tm_year),
		 digit60((unsigned)tm.tm_mon), digit60((unsigned)tm.tm_mday),
		 digit60((unsigned)tm.tm_hour), digit60((unsigned)tm.tm_min),
		 digit60((unsigned)tm.tm_sec), digit60(sequence / 60), digit60(sequence),
		 (m->number / 3600) % 1000000);
}

static void add_control(struct text *t, struct message *m, const char *id)
{
	bool tried = m->attempts > 0;
	const char *status = status_text(m);

	add(t, "V8\nT%lld\nK%lld\nN%u\nP%lu\nI254/0/%lu\n", (long long)m->arrival,
	    (long long)(tried ? m->now - 600 : 0), m->attempts, 30000 + m->number % 90000,
	    m->number);
	if (tried)
		add(t, "M%s\n", status);
	add(t,
	    "F%s\n$_client.example.com "
	    "[192.0.2.%lu]\n$rESMTP\n$sclient.example.com\n${daemon_flags}\n",
	    m->bounce ? "rs" : "bs", m->number % 256);
	add(t, m->bounce ? "SMAILER-DAEMON\n" : "S<somebody@sender.example.com>\n");
	for (unsigned i = 0; i < m->recipients; i++) {
		if (tried && i % 2 == 0)
			add(t, "M%s\n", status);
		add(t, "rRFC822; user%lu@far%u.example.net\n", m->number, i);
		add(t, "RPFD:<user%lu@far%u.example.net>\n", m->number, i);
	}
	add(t,
	    "H?P?Return-Path: <\x81g>\nH??Received: from client.example.com (client.example.com "
	    "[192.0.2.1])\n"
	    "\tby mx.example.org (8.17.1.9/8.17.1.9) with ESMTP id %s\n"
	    "\tfor <user%lu@far.example.net>; Thu, 15 Jan 2026 02:00:05 GMT\n",
	    id, m->number);
	add(t,
	    "H?D?Date: Thu, 15 Jan 2026 02:00:05 GMT\nH?M?Message-Id: "
	    "<202601150200.%s@mx.example.org>\n",
	    id);
	add_headers(t, m, "H??");
	add(t, ".\n");
}

static void make_sendmail(int top, unsigned long count, time_t now)
{
	struct text control, data;
	char id[16], name[18];

	for (unsigned long i = 0; i < count; i++) {
		struct message m = make_message(i, now);

		control.n = data.n = 0;
		sendmail_id(&m, id);
		add_control(&control, &m, id);
		add_body(&data, &m);
		snprintf(name, sizeof name, "df%s", id);
		write_file(top, name, data.p, data.n, m.arrival);
		snprintf(name, sizeof name, "qf%s", id);
		write_file(top, name, control.p, control.n, m.attempts ? now - 600 : m.arrival);
	}
}

/* ---------------------------------------------------------------------------------------------
 * qmail */

enum { MESS, INFO, LOCAL, REMOTE, SPLIT_DIRS };

struct qmail {
	int pid, dir[SPLIT_DIRS][SPLIT];
};

static void make_qmail_dirs(int top, struct qmail *q)
{
	static const char *const split[SPLIT_DIRS] = {"mess", "info", "local", "remote"};
	int queue = make_dir(top, "queue"), control = make_dir(top, "control");
	static const char *const flat[] = {"todo", "intd", "bounce"};
	int lock = make_dir(queue, "lock");

	for (size_t i = 0; i < sizeof flat / sizeof flat[0]; i++)
		close(make_dir(queue, flat[i]));
	q->pid = make_dir(queue, "pid");
	for (int kind = 0; kind < SPLIT_DIRS; kind++) {
		int parent = make_dir(queue, split[kind]);

		for (int i = 0; i < SPLIT; i++) {
			char name[12];

			snprintf(name, sizeof name, "%d", i);
			q->dir[kind][i] = make_dir(parent, name);
		}
		close(parent);
	}
	write_file(lock, "sendmutex", "", 0, time(NULL));
	write_file(lock, "tcpto", "", 0, time(NULL));
	if (mkfifoat(lock, "trigger", 0622) != 0)
		die("trigger");
	write_file(control, "queuelifetime", "604800\n", 7, time(NULL));
	write_file(control, "me", "mx.example.org\n", 15, time(NULL));
}

static void add_qmail_message(struct text *t, const struct message *m)
{
	add(t, "Received: (qmail %lu invoked %s); 15 Jan 2026 02:00:05 -0000\n",
	    1000 + m->number % 60000, m->bounce ? "for bounce" : "from network");
	add(t,
	    "Date: Thu, 15 Jan 2026 02:00:05 GMT\nMessage-Id: "
	    "<20260115020005.%lu@mx.example.org>\n",
	    m->number);
	add_headers(t, m, "");
	add(t, "\n");
	add_body(t, m);
}

/* A number is the inode of the mess file, as qmail-queue makes it. */
static void make_qmail_message(struct qmail *q, struct message *m)
{
	struct text t = {.n = 0};
	struct stat st;
	char name[24];
	unsigned at;

	add_qmail_message(&t, m);
	write_file(q->pid, "new", t.p, t.n, m->arrival);
	if (fstatat(q->pid, "new", &st, 0) != 0)
		die("new");
	snprintf(name, sizeof name, "%llu", (unsigned long long)st.st_ino);
	at = (unsigned)(st.st_ino % SPLIT);
	if (renameat(q->pid, "new", q->dir[MESS][at], name) != 0)
		die(name);
	t.n = 0;
	for (unsigned i = 0; i < m->recipients; i++)
		add(&t, "%cuser%lu@far%u.example.net%c", i % 3 == 1 ? 'D' : 'T', m->number, i, 0);
	write_file(q->dir[m->number % 10 == 0 ? LOCAL : REMOTE][at], name, t.p, t.n, m->now);
	t.n = 0;
	add(&t, "F%s%c", m->bounce ? "" : "somebody@sender.example.com", 0);
	write_file(q->dir[INFO][at], name, t.p, t.n, m->arrival);
}

static void make_qmail(int top, unsigned long count, time_t now)
{
	struct qmail q;

	make_qmail_dirs(top, &q);
	for (unsigned long i = 0; i < count; i++) {
		struct message m = make_message(i, now);

		make_qmail_message(&q, &m);
	}
}

int main(int argc, char **argv)
{
	unsigned long count;
	char *end;
	int top;

	if (argc != 4 || (strcmp(argv[1], "sendmail") != 0 && strcmp(argv[1], "qmail") != 0)) {
		fputs("usage: gen sendmail|qmail DIR MESSAGES\n", stderr);
		return 64;
	}
	count = strtoul(argv[3], &end, 10);
	if (*end || end == argv[3])
		return 64;
	top = make_dir(AT_FDCWD, argv[2]);
	if (strcmp(argv[1], "sendmail") == 0)
		make_sendmail(top, count, time(NULL));
	else
		make_qmail(top, count, time(NULL));
	return 0;
}
