/*
 * lock/tcpto: the hosts to which connections timed out lately, 64 records of 16 bytes: the address,
 * how often (a free place has 0), and from byte 8 on the time of the last, low byte first.
 *
 * qmail-remote does not try a host that timed out twice or more for between 64 and 97 minutes after
 * the last time; how long depends on its process id. It takes an flock for every change, and a
 * connection that succeeds sets the count to 0.
 */
#include <errno.h>
#include <stdio.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "act.h"

enum {
	TCPTO_BYTES = TCPTO_RECORD * TCPTO_RECORDS,
	COUNT_AT = 4,
	TIME_AT = 8,
	ENOUGH = 2,	    /* failures after which a host is passed over */
	SHORTEST = 60 * 64, /* seconds for which it is */
	LONGEST = 91 * 64,
	LOCK_TRIES = 20 /* of 50 ms */
};

static const char path[] = "lock/tcpto";

/* ---- records ---- */

void tcpto_parse(const char record[TCPTO_RECORD], struct tcpto *out)
{
	uint32_t t = 0;

	memcpy(out->ip, record, sizeof out->ip);
	out->failures = (unsigned char)record[COUNT_AT];
	for (int i = 3; i >= 0; i--)
		t = t << 8 | (unsigned char)record[TIME_AT + i];
	out->last = t;
}

void tcpto_judge(const struct tcpto *t, int64_t now, char text[TCPTO_TEXT], struct host_note *out)
{
	snprintf(text, TCPTO_TEXT, "%u.%u.%u.%u", t->ip[0], t->ip[1], t->ip[2], t->ip[3]);
	*out =
	    (struct host_note){.host = slice_from(text), .noted = t->last, .failures = t->failures};
	if (t->failures < ENOUGH)
		return;
	out->until = t->last + SHORTEST;
	out->until_latest = t->last + LONGEST;
	if (now >= out->until_latest)
		out->state = HOST_TRIED;
	else
		out->state = now < out->until ? HOST_DOWN : HOST_UNSURE;
}

/* ---- looking ---- */

/* Records that are there, or -1. */
static int read_table(int fd, char table[TCPTO_BYTES], struct error *err)
{
	ssize_t n = sys_pread(fd, table, TCPTO_BYTES, 0);

	return n < 0 ? error_sys(err, errno, "%s", path) : (int)(n / TCPTO_RECORD);
}

static int each(const struct queue *base, host_note_fn *fn, trouble_fn *trouble, void *ctx,
		struct error *err)
{
	const struct queue_qmail *q = queue_qmail(base);
	char table[TCPTO_BYTES], text[TCPTO_TEXT];
	struct error e = ERROR_INIT;
	int n, fd = sys_open_file(q->fd, path, SYS_READ, path, NULL, &e);

	(void)trouble;
	n = fd < 0 ? -1 : read_table(fd, table, &e);
	sys_close(fd);
	if (n < 0) {
		error_set(err, e.code, "%s", e.text);
		return e.code == ERROR_GONE ? 0 : -1;
	}
	for (int i = 0; i < n; i++) {
		struct host_note note;
		struct tcpto t;

		tcpto_parse(table + i * TCPTO_RECORD, &t);
		tcpto_judge(&t, base->now, text, &note);
		if (t.failures)
			fn(ctx, &note);
	}
	return 1;
}

/* ---- forgetting ---- */

static int lock_table(int fd, struct error *err)
{
	const struct timespec moment = {0, 50 * 1000 * 1000};
	int r, tries = 0;

	while ((r = flock(fd, LOCK_EX | LOCK_NB)) < 0 && tries++ < LOCK_TRIES)
		nanosleep(&moment, NULL);
	return r < 0 ? error_sys(err, errno, "%s", path) : 0;
}

/* Open it, locked: fd or -1. */
static int open_locked(const struct queue_qmail *q, struct error *err)
{
	int fd = sys_open_file(q->fd, path, SYS_READ_WRITE, path, NULL, err);

	if (fd >= 0 && lock_table(fd, err) < 0) {
		sys_close(fd);
		return -1;
	}
	return fd;
}

int tcpto_clear(const struct queue_qmail *q, struct error *err)
{
	static const char zeros[TCPTO_BYTES];
	int r = 0, fd = open_locked(q, err);

	if (fd < 0)
		return -1;
	if (sys_write_all(fd, zeros, sizeof zeros) < 0)
		r = error_sys(err, errno, "%s", path);
	sys_close(fd);
	return r;
}

/* As qmail-remote does after a connection: the count alone. All records of the address: 1, 0, -1 */
static int free_records(int fd, struct slice host, struct error *err)
{
	char table[TCPTO_BYTES], text[TCPTO_TEXT];
	int n = read_table(fd, table, err), found = 0;

	for (int i = 0; i < n; i++) {
		struct host_note note;
		struct tcpto t;

		tcpto_parse(table + i * TCPTO_RECORD, &t);
		tcpto_judge(&t, 0, text, &note);
		if (!t.failures || !slice_eq(note.host, host))
			continue;
		if (pwrite(fd, "", 1, i * TCPTO_RECORD + COUNT_AT) != 1)
			return error_sys(err, errno, "%s", path);
		found = 1;
	}
	return n < 0 ? -1 : found;
}

static int forget(const struct queue *base, struct slice host, struct error *err)
{
	struct error e = ERROR_INIT;
	int r, fd = open_locked(queue_qmail(base), &e);

	r = fd < 0 ? -1 : free_records(fd, host, &e);
	sys_close(fd);
	if (r < 0 && e.code != ERROR_GONE)
		return error_set(err, e.code, "%s", e.text);
	return r > 0;
}

const struct backend_hosts qmail_hosts = {.each = each, .forget = forget};
