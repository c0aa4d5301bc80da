/* The stand-in's endings: what could not be delivered is returned, and the files go. */
#include "sender.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { TROUBLE_AGAIN = 123, OLD = 36 * 60 * 60 };

/* Text that grows. */
struct text {
	char *p;
	size_t n;
};

static void add(struct text *t, const char *p, size_t n)
{
	t->p = realloc(t->p, t->n + n + 1);
	if (!t->p)
		abort();
	memcpy(t->p + t->n, p, n);
	t->n += n;
	t->p[t->n] = '\0';
}

static void adds(struct text *t, const char *s)
{
	add(t, s, strlen(s));
}

/* The address and the report, in which no line is empty; then one that is. */
static void add_failure(struct text *t, const char *address, const char *report)
{
	size_t begin = t->n;

	adds(t, address);
	for (size_t i = begin; i < t->n; i++)
		if (t->p[i] == '\n')
			t->p[i] = '_';
	adds(t, ":\n");
	begin = t->n;
	adds(t, report);
	while (t->n > begin && t->p[t->n - 1] == '\n')
		t->n--;
	for (size_t i = begin + 1; i < t->n; i++)
		if (t->p[i] == '\n' && t->p[i - 1] == '\n')
			t->p[i - 1] = '/';
	adds(t, "\n\n");
}

void ending_note_failure(struct sender *s, uint64_t n, const char *address, const char *report)
{
	struct text t = {0};
	char path[SPOOL_PATH];
	struct stat st;
	int fd = spool_open(&s->spool, "bounce", n, O_WRONLY | O_APPEND, &st);

	if (fd < 0 && !spool_has(&s->spool, "bounce", n))
		fd = spool_create(&s->spool, "bounce", n);
	add_failure(&t, control_strip(s, address), report);
	if (fd < 0 || spool_write(fd, t.p, t.n) < 0 || fsync(fd) < 0)
		sender_say("alert: unable to append to %s",
			   spool_path(&s->spool, "bounce", n, path));
	if (fd >= 0)
		close(fd);
	free(t.p);
}

/* ---- the message that returns it ---- */

static int add_file(struct text *t, int fd)
{
	size_t n;
	char *p = fd < 0 ? NULL : spool_slurp(fd, &n);

	if (p)
		add(t, p, n);
	free(p);
	if (fd >= 0)
		close(fd);
	return p ? 0 : -1;
}

static int compose(struct sender *s, uint64_t n, const char *sender, const char *to, struct text *t)
{
	char path[SPOOL_PATH];
	struct stat st;

	adds(t, "From: MAILER-DAEMON@");
	adds(t, s->me);
	adds(t, "\nTo: ");
	adds(t, to);
	adds(t, "\nSubject: failure notice\n\nThese recipients could not be reached.\n\n");
	if (add_file(t, spool_open(&s->spool, "bounce", n, O_RDONLY, &st)) < 0)
		return -1;
	adds(t, "--- Below this line is a copy of the message.\n\nReturn-Path: <");
	adds(t, sender);
	adds(t, ">\n");
	return add_file(t, open(spool_path(&s->spool, "mess", n, path), O_RDONLY | O_CLOEXEC));
}

/* Whom it goes to; of a sender for each recipient, the one for all. */
static void return_to(const struct sender *s, const char *sender, char *to, size_t size)
{
	size_t n = strlen(sender);

	snprintf(to, size, "%s", sender[0] ? sender : s->double_to);
	if (n > 4 && n < size && strcmp(sender + n - 4, "-@[]") == 0)
		to[n - 4] = '\0';
}

/* 0: it is on its way, or there is none to be sent. */
static int inject(struct sender *s, uint64_t n, const char *sender)
{
	char to[SPOOL_ADDRESS + 2], envelope[SPOOL_ADDRESS + 64];
	struct text t = {0};
	int used, r;

	if (strcmp(sender, "#@[]") == 0) {
		sender_say("triple bounce: discarding bounce/%llu", (unsigned long long)n);
		return spool_unlink(&s->spool, "bounce", n);
	}
	return_to(s, sender, to, sizeof to);
	used = snprintf(envelope, sizeof envelope, "F%s%cT%s%c", sender[0] ? "" : "#@[]", 0, to, 0);
	r = compose(s, n, sender, to, &t);
	if (r == 0)
		r = spool_submit(&s->spool, "for bounce", t.p, t.n, envelope, (size_t)used);
	free(t.p);
	if (r != 0)
		return -1;
	sender_say("bounce msg %llu qp %ld", (unsigned long long)n, (long)getpid());
	return spool_unlink(&s->spool, "bounce", n);
}

void ending_finish(struct sender *s, struct entry *e)
{
	char sender[SPOOL_ADDRESS + 2];
	int64_t birth;

	if (spool_has(&s->spool, "bounce", e->n) &&
	    (info_read(s, e->n, sender, sizeof sender, &birth) < 0 ||
	     inject(s, e->n, sender) < 0)) {
		sender_say("warning: trouble injecting bounce message, will try later");
		e->due = sender_now(s) + TROUBLE_AGAIN;
		return;
	}
	if (spool_unlink(&s->spool, "info", e->n) < 0 ||
	    spool_unlink(&s->spool, "intd", e->n) < 0 || spool_unlink(&s->spool, "mess", e->n) < 0)
		sender_say("warning: unable to clean up %llu", (unsigned long long)e->n);
	sender_say("end msg %llu", (unsigned long long)e->n);
	e->gone = true;
}

/* ---- qmail-clean ---- */

static void clean_mess(struct sender *s, const char *dir)
{
	DIR *d = opendir(dir);
	struct dirent *de;
	struct stat st;
	uint64_t n;

	while (d && (de = readdir(d))) {
		if (!spool_number(de->d_name, &n) || fstatat(dirfd(d), de->d_name, &st, 0) < 0 ||
		    st.st_atime + OLD > sender_now(s) || spool_has(&s->spool, "info", n) ||
		    spool_has(&s->spool, "todo", n))
			continue;
		spool_unlink(&s->spool, "intd", n);
		spool_unlink(&s->spool, "mess", n);
	}
	if (d)
		closedir(d);
}

static void clean_pid(struct sender *s)
{
	DIR *d = opendir("pid");
	struct dirent *de;
	struct stat st;

	while (d && (de = readdir(d)))
		if (de->d_name[0] != '.' && fstatat(dirfd(d), de->d_name, &st, 0) == 0 &&
		    st.st_atime + OLD <= sender_now(s))
			unlinkat(dirfd(d), de->d_name, 0);
	if (d)
		closedir(d);
}

void ending_clean(struct sender *s)
{
	char path[SPOOL_PATH];

	for (unsigned i = 0; i < s->spool.split; i++) {
		snprintf(path, sizeof path, "mess/%u", i);
		clean_mess(s, path);
	}
	clean_pid(s);
}
