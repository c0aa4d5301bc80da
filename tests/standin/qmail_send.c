/*
 * A stand-in for qmail-send and its helpers, for tests only.
 *
 *	qmail-send QUEUE CONTROL-DIRECTORY DELIVER CLOCK >>LOG
 *
 * It does to the queue what is documented of qmail-send, and can be told with what result each
 * delivery ends, and when. Written from what is documented and observed, with no code of either
 * program. It keeps lock/sendmutex by flock(2) and calls itself qmail-send.
 *
 * A delivery is a child: DELIVER CHANNEL SENDER RECIPIENT, with the message as its standard input,
 * and on its standard output the report; it exits 0 (success), 100 (failure) or another status
 * (deferral). It is in flight as long as the child lives. Signals are qmail-send's: ALRM makes
 * everything due, TERM waits for what is in flight, puts the plan down as the channel files' times
 * and ends. USR1 reads CLOCK again: the seconds that its clock is ahead of time.
 */
#include "sender.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* Without being told, todo is looked at so often (seconds). */
enum { TODO_EVERY = 1500 };

static const char *const channel_dir[] = {"local", "remote"};

int64_t sender_now(const struct sender *s)
{
	return (int64_t)time(NULL) + s->offset;
}

/* A line of the log, as multilog stamps it. */
void sender_say(const char *format, ...)
{
	struct timespec t;
	va_list args;

	clock_gettime(CLOCK_REALTIME, &t);
	printf("@%016llx%08lx ", (1ULL << 62) + 10 + (unsigned long long)t.tv_sec,
	       (unsigned long)t.tv_nsec);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	putchar('\n');
	fflush(stdout);
}

const char *sender_shown(const char *text, char *out, size_t size)
{
	size_t n = strlen(text) < size ? strlen(text) : size - 1;

	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)text[i];

		out[i] = c == '\n' ? '/' : c <= 32 || c >= 127 || c == '%' ? '_' : text[i];
	}
	out[n] = '\0';
	return out;
}

/* ---- the schedule ---- */

void sender_schedule(struct sender *s, uint64_t n, enum channel c, int64_t due)
{
	struct entry *e = calloc(1, sizeof *e);

	s->entries = realloc(s->entries, (s->entry_count + 1) * sizeof(struct entry *));
	if (!e || !s->entries)
		abort();
	e->n = n;
	e->channel = c;
	e->due = due;
	s->entries[s->entry_count++] = e;
}

static void forget_gone(struct sender *s)
{
	size_t kept = 0;

	for (size_t i = 0; i < s->entry_count; i++) {
		if (s->entries[i]->gone)
			free(s->entries[i]);
		else
			s->entries[kept++] = s->entries[i];
	}
	s->entry_count = kept;
}

static bool is_due(const struct sender *s, const struct entry *e)
{
	return !e->running && !e->gone && e->due <= sender_now(s);
}

/* What has become due, until nothing more has. */
static void run_due(struct sender *s)
{
	/* endings put bounces into todo, which are announced after them */
	for (size_t i = 0; i < s->entry_count; i++) {
		struct entry *e = s->entries[i];

		if (e->running && e->in_flight == 0)
			pass_go_on(s, e);
		if (s->stopping || !is_due(s, e))
			continue;
		if (e->channel != ENDING && s->in_flight[e->channel] < s->room[e->channel])
			pass_begin(s, e);
		if (e->channel == ENDING && is_due(s, e))
			ending_finish(s, e);
	}
	forget_gone(s);
}

/* Waits for a free place of its channel's, or for its time: how long, in milliseconds. */
static int until_next(const struct sender *s)
{
	int64_t first = sender_now(s) + 60;

	for (size_t i = 0; i < s->entry_count; i++) {
		const struct entry *e = s->entries[i];

		if (e->running || (is_due(s, e) && e->channel != ENDING &&
				   s->in_flight[e->channel] >= s->room[e->channel]))
			continue;
		if (e->due < first)
			first = e->due;
	}
	return first <= sender_now(s) ? 0 : (int)(first - sender_now(s)) * 1000;
}

static void alarm_all(struct sender *s)
{
	for (size_t i = 0; i < s->entry_count; i++)
		if (!s->entries[i]->running && s->entries[i]->channel != ENDING)
			s->entries[i]->due = 0;
}

/* ---- beginning ---- */

static void load_number(struct sender *s, uint64_t n)
{
	bool any = false;

	if (spool_has(&s->spool, "todo", n))
		return;
	for (int c = 0; c < 2; c++) {
		char path[SPOOL_PATH];
		struct stat st;

		if (stat(spool_path(&s->spool, channel_dir[c], n, path), &st) < 0)
			continue;
		any = true;
		sender_schedule(s, n, (enum channel)c, st.st_mtime);
	}
	if (!any)
		sender_schedule(s, n, ENDING, 0);
}

static void load_queue(struct sender *s)
{
	for (unsigned i = 0; i < s->spool.split; i++) {
		char path[SPOOL_PATH];
		struct dirent *de;
		uint64_t n;
		DIR *d;

		snprintf(path, sizeof path, "info/%u", i);
		d = opendir(path);
		while (d && (de = readdir(d)))
			if (spool_number(de->d_name, &n))
				load_number(s, n);
		if (d)
			closedir(d);
	}
}

static void take_mutex(void)
{
	int fd = open("lock/sendmutex", O_WRONLY | O_CLOEXEC);

	if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0)
		return;
	sender_say("alert: cannot start: qmail-send is already running");
	exit(111);
}

static int open_signals(void)
{
	sigset_t mask;

	sigemptyset(&mask);
	sigaddset(&mask, SIGALRM);
	sigaddset(&mask, SIGTERM);
	sigaddset(&mask, SIGHUP);
	sigaddset(&mask, SIGUSR1);
	sigaddset(&mask, SIGCHLD);
	sigprocmask(SIG_BLOCK, &mask, NULL);
	return signalfd(-1, &mask, SFD_NONBLOCK | SFD_CLOEXEC);
}

/* ---- going on ---- */

static void read_clock(struct sender *s)
{
	int fd = open(s->clock, O_RDONLY | O_CLOEXEC);
	size_t n;
	char *text = fd < 0 ? NULL : spool_slurp(fd, &n);

	s->offset = text ? strtoll(text, NULL, 10) : 0;
	free(text);
	if (fd >= 0)
		close(fd);
}

static void reap(struct sender *s)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		pass_result(s, pid, status);
}

static void take_signal(struct sender *s, uint32_t sig)
{
	switch (sig) {
	case SIGALRM:
		alarm_all(s);
		break;
	case SIGTERM:
		s->stopping = true;
		break;
	case SIGUSR1:
		read_clock(s);
		sender_say("clock: %lld ahead", (long long)s->offset);
		break;
	default:
		break;
	}
}

static void wait_for_more(struct sender *s, int signals, int trigger)
{
	struct pollfd p[2] = {{.fd = signals, .events = POLLIN}, {.fd = trigger, .events = POLLIN}};
	struct signalfd_siginfo info;
	char bytes[64];

	poll(p, 2, s->stopping ? 1000 : until_next(s));
	while (read(signals, &info, sizeof info) == (ssize_t)sizeof info)
		take_signal(s, info.ssi_signo);
	reap(s);
	if (!(p[1].revents & (POLLIN | POLLHUP)))
		return;
	while (read(trigger, bytes, sizeof bytes) > 0)
		s->todo_due = 0;
}

/* The plan, for the next start. */
static void put_plan_down(const struct sender *s)
{
	for (size_t i = 0; i < s->entry_count; i++) {
		const struct entry *e = s->entries[i];
		struct timespec times[2] = {{.tv_sec = e->due}, {.tv_sec = e->due}};
		char path[SPOOL_PATH];

		if (e->channel != ENDING)
			utimensat(AT_FDCWD,
				  spool_path(&s->spool, channel_dir[e->channel], e->n, path), times,
				  0);
	}
}

static void serve(struct sender *s, int signals)
{
	/* opened for writing too: no end of file when a submitter closes it */
	int trigger = open("lock/trigger", O_RDWR | O_NONBLOCK | O_CLOEXEC);

	if (signals < 0 || trigger < 0)
		exit(111);
	sender_say("status: local 0/%zu remote 0/%zu", s->room[LOCAL], s->room[REMOTE]);
	while (!s->stopping || s->delivery_count > 0) {
		if (!s->stopping && s->todo_due <= sender_now(s)) {
			s->todo_due = sender_now(s) + TODO_EVERY;
			todo_scan(s);
		}
		run_due(s);
		wait_for_more(s, signals, trigger);
	}
	run_due(s);
	put_plan_down(s);
	sender_say("status: exiting");
}

int main(int argc, char **argv)
{
	struct sender s = {0};
	int signals = open_signals();

	if (argc != 5)
		return 100;
	prctl(PR_SET_NAME, "qmail-send");
	signal(SIGPIPE, SIG_IGN);
	umask(077);
	s.control = argv[2];
	s.deliver = argv[3];
	s.clock = argv[4];
	spool_enter(argv[1], &s.spool);
	take_mutex();
	control_read(&s);
	read_clock(&s);
	ending_clean(&s);
	load_queue(&s);
	serve(&s, signals);
	return 0;
}
