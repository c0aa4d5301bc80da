/* The stand-in's preprocessing: todo becomes info, local and remote. */
#include "sender.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct split_up {
	int info, channel[2]; /* -1: not made */
	unsigned long uid, pid;
	char sender[SPOOL_ADDRESS + 2];
};

static const char *const channel_dir[] = {"local", "remote"};

static int put_recipient(struct sender *s, uint64_t n, struct split_up *u, const char *address)
{
	char stored[2 * SPOOL_ADDRESS];
	enum channel c = control_rewrite(s, address, stored, sizeof stored);

	if (u->channel[c] < 0)
		u->channel[c] = spool_create(&s->spool, channel_dir[c], n);
	return u->channel[c] < 0 || spool_write(u->channel[c], "T", 1) < 0
		   ? -1
		   : spool_write(u->channel[c], stored, strlen(stored) + 1);
}

static int put_sender(struct sender *s, uint64_t n, struct split_up *u, const char *record)
{
	snprintf(u->sender, sizeof u->sender, "%s", record + 1);
	u->info = spool_create(&s->spool, "info", n);
	return u->info < 0 ? -1 : spool_write(u->info, record, strlen(record) + 1);
}

static int split_record(struct sender *s, uint64_t n, struct split_up *u, const char *record)
{
	switch (record[0]) {
	case 'u':
		u->uid = strtoul(record + 1, NULL, 10);
		return 0;
	case 'p':
		u->pid = strtoul(record + 1, NULL, 10);
		return 0;
	case 'F':
		return put_sender(s, n, u, record);
	case 'T':
		return put_recipient(s, n, u, record + 1);
	default:
		return -1;
	}
}

static int sync_and_close(int fd)
{
	int r = fd < 0 ? 0 : fsync(fd);

	if (fd >= 0)
		close(fd);
	return r;
}

static int split_up(struct sender *s, uint64_t n, struct split_up *u)
{
	char path[SPOOL_PATH], *text;
	int fd = open(spool_path(&s->spool, "todo", n, path), O_RDONLY | O_CLOEXEC), result = 0;
	size_t size;

	text = fd < 0 ? NULL : spool_slurp(fd, &size);
	if (fd >= 0)
		close(fd);
	if (!text)
		return -1;
	for (size_t at = 0; at < size && result == 0; at += strlen(text + at) + 1)
		result = split_record(s, n, u, text + at);
	free(text);
	for (int c = 0; c < 2; c++)
		result |= sync_and_close(u->channel[c]);
	return result | sync_and_close(u->info) | (u->info < 0 ? -1 : 0);
}

static void announce(struct sender *s, uint64_t n, const struct split_up *u, const struct stat *st)
{
	char shown[SPOOL_ADDRESS + 2];

	sender_say("new msg %llu", (unsigned long long)n);
	sender_say("info msg %llu: bytes %lld from <%s> qp %lu uid %lu", (unsigned long long)n,
		   (long long)st->st_size, sender_shown(u->sender, shown, sizeof shown), u->pid,
		   u->uid);
	for (int c = 0; c < 2; c++)
		if (u->channel[c] >= 0)
			sender_schedule(s, n, (enum channel)c, 0);
	if (u->channel[LOCAL] < 0 && u->channel[REMOTE] < 0)
		sender_schedule(s, n, ENDING, 0);
}

static void preprocess(struct sender *s, uint64_t n)
{
	struct split_up u = {.info = -1, .channel = {-1, -1}};
	char path[SPOOL_PATH];
	struct stat st;

	if (stat(spool_path(&s->spool, "mess", n, path), &st) < 0)
		return;
	/* what an interrupted preprocessing has left */
	if (spool_unlink(&s->spool, "info", n) < 0 || spool_unlink(&s->spool, "local", n) < 0 ||
	    spool_unlink(&s->spool, "remote", n) < 0 || split_up(s, n, &u) < 0) {
		sender_say("warning: trouble preprocessing %llu", (unsigned long long)n);
		return;
	}
	spool_unlink(&s->spool, "intd", n);
	spool_unlink(&s->spool, "todo", n);
	announce(s, n, &u, &st);
}

void todo_scan(struct sender *s)
{
	DIR *d = opendir("todo");
	struct dirent *de;
	uint64_t n;

	while (d && (de = readdir(d)))
		if (spool_number(de->d_name, &n))
			preprocess(s, n);
	if (d)
		closedir(d);
}
