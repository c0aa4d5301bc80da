/*
 * The stand-in's attempts: a pass over a channel file starts a delivery for each recipient that is
 * not done, and marks in place those that need no other.
 */
#include "sender.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { TROUBLE_AGAIN = 123, GRACE_LOCAL = 10, GRACE_REMOTE = 20 };

static const char *const channel_dir[] = {"local", "remote"};
static const char too_long[] =
    "It will not be tried again; this message has been in the queue too long.\n";

int info_read(const struct sender *s, uint64_t n, char *sender, size_t size, int64_t *birth)
{
	struct stat st;
	int fd = spool_open(&s->spool, "info", n, O_RDONLY, &st);
	char *text;
	size_t have;
	bool good;

	text = fd < 0 ? NULL : spool_slurp(fd, &have);
	if (fd >= 0)
		close(fd);
	if (!text)
		return -1;
	good = have > 0 && text[0] == 'F' && memchr(text, '\0', have);
	if (good)
		snprintf(sender, size, "%s", text + 1);
	*birth = st.st_mtime;
	free(text);
	return good ? 0 : -1;
}

/* Gaps that grow with the square of the number of attempts. */
static int64_t next_attempt(int64_t birth, int64_t now, enum channel c)
{
	int64_t n = 0;

	while (now > birth && (n + 1) * (n + 1) <= now - birth)
		n++;
	n += c == LOCAL ? GRACE_LOCAL : GRACE_REMOTE;
	return birth + n * n;
}

static void trouble(struct sender *s, struct entry *e, const char *what, const char *dir)
{
	sender_say("warning: trouble %s %s/%llu/%llu; will try again later", what, dir,
		   (unsigned long long)(e->n % s->spool.split), (unsigned long long)e->n);
	e->due = sender_now(s) + TROUBLE_AGAIN;
}

void pass_begin(struct sender *s, struct entry *e)
{
	int64_t birth, now = sender_now(s);
	struct stat st;

	if (info_read(s, e->n, e->sender, sizeof e->sender, &birth) < 0) {
		trouble(s, e, "opening", "info");
		return;
	}
	e->fd = spool_open(&s->spool, channel_dir[e->channel], e->n, O_RDONLY, &st);
	if (e->fd < 0) {
		trouble(s, e, "opening", channel_dir[e->channel]);
		return;
	}
	e->next = next_attempt(birth, now, e->channel);
	e->dying = now > birth + s->lifetime;
	e->running = true;
	e->at = e->ahead_from = 0;
	e->ahead_n = e->ahead_at = 0;
	e->at_end = false;
	e->pending = e->in_flight = 0;
	pass_go_on(s, e);
}

/* The message has nothing pending in this channel; and in the other? */
static void channel_done(struct sender *s, struct entry *e)
{
	const char *other = channel_dir[e->channel == LOCAL ? REMOTE : LOCAL];

	if (spool_unlink(&s->spool, channel_dir[e->channel], e->n) < 0) {
		trouble(s, e, "unlinking", channel_dir[e->channel]);
		return;
	}
	if (spool_has(&s->spool, other, e->n)) {
		e->gone = true;
		return;
	}
	e->channel = ENDING;
	e->due = sender_now(s);
}

static void pass_end(struct sender *s, struct entry *e)
{
	close(e->fd);
	e->running = false;
	if (e->at_end && e->pending == 0)
		channel_done(s, e);
	else
		e->due = e->at_end || !s->stopping ? e->next : 0;
}

/* ---- one delivery ---- */

static int open_mess(struct sender *s, uint64_t n)
{
	char path[SPOOL_PATH];
	struct stat st;
	int fd = open(spool_path(&s->spool, "mess", n, path), O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0 ||
	    (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_uid == s->spool.queue_uid))
		return fd;
	close(fd);
	return -1;
}

static void run_deliver(struct sender *s, struct delivery *d, int mess)
{
	const char *channel = channel_dir[d->entry->channel];
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	/* in a group of its own, as it lives on when this process is killed */
	if (setpgid(0, 0) < 0 || dup2(mess, 0) < 0 || dup2(d->report, 1) < 0)
		_exit(111);
	execl(s->deliver, s->deliver, channel, d->entry->sender, control_strip(s, d->address),
	      (char *)NULL);
	_exit(111);
}

static int temporary_file(void)
{
	char name[] = "/tmp/standin.XXXXXX";
	int fd = mkstemp(name);

	if (fd < 0)
		return -1;
	unlink(name);
	fcntl(fd, F_SETFD, FD_CLOEXEC);
	return fd;
}

static void status_line(const struct sender *s)
{
	sender_say("status: local %zu/%zu remote %zu/%zu%s", s->in_flight[LOCAL], s->room[LOCAL],
		   s->in_flight[REMOTE], s->room[REMOTE], s->stopping ? " exitasap" : "");
}

static void deliver(struct sender *s, struct entry *e, off_t at, const char *address)
{
	struct delivery *d;
	char shown[SPOOL_ADDRESS + 2];
	int mess;

	s->deliveries = realloc(s->deliveries, (s->delivery_count + 1) * sizeof *d);
	if (!s->deliveries)
		abort();
	d = &s->deliveries[s->delivery_count++];
	*d = (struct delivery){
	    .number = ++s->next_number, .entry = e, .at = at, .report = temporary_file()};
	snprintf(d->address, sizeof d->address, "%s", address);
	e->in_flight++;
	s->in_flight[e->channel]++;
	sender_say("starting delivery %lu: msg %llu to %s %s", d->number, (unsigned long long)e->n,
		   channel_dir[e->channel], sender_shown(address, shown, sizeof shown));
	status_line(s);
	mess = open_mess(s, e->n);
	d->pid = fork();
	if (d->pid == 0)
		run_deliver(s, d, mess);
	if (mess >= 0)
		close(mess);
}

/* The next byte; -1 at the end. What has been read ahead is not read again. */
static int next_byte(struct entry *e)
{
	if (e->ahead_at == e->ahead_n) {
		ssize_t got = pread(e->fd, e->ahead, sizeof e->ahead, e->ahead_from);

		if (got <= 0)
			return -1;
		e->ahead_from += got;
		e->ahead_n = (size_t)got;
		e->ahead_at = 0;
	}
	return (unsigned char)e->ahead[e->ahead_at++];
}

/* One record: its length with the NUL; 0 at the end, or when it has no NUL. */
static size_t read_record(struct entry *e, char *record, size_t size)
{
	int c;

	for (size_t n = 0; n < size && (c = next_byte(e)) >= 0;) {
		record[n++] = (char)c;
		if (c == 0)
			return n;
	}
	return 0;
}

void pass_go_on(struct sender *s, struct entry *e)
{
	char record[2 * SPOOL_ADDRESS];
	bool junk = false;
	size_t n;

	while (!e->at_end && !junk && !s->stopping &&
	       s->in_flight[e->channel] < s->room[e->channel]) {
		n = read_record(e, record, sizeof record);
		e->at_end = n == 0;
		if (n && record[0] == 'T') {
			e->pending++;
			deliver(s, e, e->at, record + 1);
		}
		junk = n && record[0] != 'T' && record[0] != 'D';
		e->at += (off_t)n;
	}
	if (junk)
		sender_say("warning: unknown record type in %s/%llu/%llu!", channel_dir[e->channel],
			   (unsigned long long)(e->n % s->spool.split), (unsigned long long)e->n);
	if (e->in_flight == 0 && (e->at_end || junk || s->stopping))
		pass_end(s, e);
}

/* ---- its result ---- */

static void mark_done(struct sender *s, struct entry *e, const struct delivery *d)
{
	struct stat st;
	int fd = spool_open(&s->spool, channel_dir[e->channel], e->n, O_WRONLY, &st);

	if (fd < 0 || pwrite(fd, "D", 1, d->at) != 1)
		sender_say("warning: trouble marking %s/%llu; message will be delivered twice!",
			   channel_dir[e->channel], (unsigned long long)e->n);
	if (fd >= 0)
		close(fd);
	e->pending--;
}

static char *read_report(struct delivery *d)
{
	size_t n;
	char *text = lseek(d->report, 0, SEEK_SET) < 0 ? NULL : spool_slurp(d->report, &n);

	close(d->report);
	return text ? text : strdup("");
}

static void settle(struct sender *s, struct delivery *d, int code)
{
	char *report = read_report(d), *shown, both[4096];
	const char *word = code == 0 ? "success" : "deferral";
	struct entry *e = d->entry;
	size_t n;

	if (code == 100 || (code != 0 && e->dying))
		word = "failure";
	snprintf(both, sizeof both, "%s%s", report,
		 code != 100 && code != 0 && e->dying ? too_long : "");
	n = strlen(both) + 1;
	shown = malloc(n);
	if (!shown)
		abort();
	sender_say("delivery %lu: %s: %s", d->number, word, sender_shown(both, shown, n));
	if (word[0] == 'f')
		ending_note_failure(s, e->n, d->address, both);
	if (word[0] != 'd')
		mark_done(s, e, d);
	free(shown);
	free(report);
}

void pass_result(struct sender *s, pid_t pid, int status)
{
	for (size_t i = 0; i < s->delivery_count; i++) {
		struct delivery d = s->deliveries[i];

		if (d.pid != pid)
			continue;
		s->deliveries[i] = s->deliveries[--s->delivery_count];
		d.entry->in_flight--;
		s->in_flight[d.entry->channel]--;
		settle(s, &d, WIFEXITED(status) ? WEXITSTATUS(status) : 111);
		status_line(s);
		pass_go_on(s, d.entry);
		return;
	}
}
