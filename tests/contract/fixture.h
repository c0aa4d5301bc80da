/* The recorded queues, unpacked for a test written in C. Needs top_srcdir in the environment. */
#ifndef TESTS_FIXTURE_H
#define TESTS_FIXTURE_H

#include <mtaq/backend.h>

struct fixture {
	const char *kind, *name; /* "sendmail", "flat" */
	char dir[64];		 /* where it was unpacked; empty: it is not */
	char queue_dir[96];
	char cf[96];
};

enum {
	FIXTURE_SENDMAIL_NOW = 1768478400, /* when the sendmail queues were recorded */
	FIXTURE_QMAIL_NOW = 1795167000
};

/* Unpack fixtures/KIND/NAME.tar into a new directory. Fails the test when it cannot. */
void fixture_unpack(struct fixture *f, const char *kind, const char *name);
/* Open the unpacked queue with the configuration that came with it. */
struct queue *fixture_open(const struct fixture *f, trouble_fn *trouble, void *ctx);
/* Remove the directory. May be called twice. */
void fixture_remove(struct fixture *f);

/* Every file and directory below `dir`: path, mode, owner, size, mtime and ctime, for regular files
 * the bytes too, one line each, sorted. malloc'd. Reads without changing an atime where the system
 * allows. */
char *tree_snapshot(const char *dir);
/* The same with atimes instead, of regular files. */
char *tree_atimes(const char *dir);
/* Set each regular file's atime to long ago, so that the next read would move it. False when reads
 * do not move it here anyway (mounted without atimes). */
bool tree_age_atimes(const char *dir);

#endif
