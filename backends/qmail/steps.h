/*
 * The steps by which files of the queue come and go.
 *
 * The directory is opened first, without following a link on the way, and the step is made in it:
 * nothing planted in the queue leads outside. What a step changed is marked for sync().
 *
 * A file is made under a name that qmail passes over, owned as its kind is, on disk, and only then
 * given its own. That name is ".mtaq.N": one mtaq acts on a queue at a time, and what is left over
 * from one that was killed is written anew.
 */
#ifndef QMAIL_STEPS_H
#define QMAIL_STEPS_H

#include "act.h"

/* The directory where file `f` of message `n` belongs: fd or -1. */
int step_open_dir(const struct queue_qmail *q, enum qmail_file f, uint64_t n, struct error *err);
/* What was done in its directory is on disk, now and not at the next sync(). */
int step_sync(struct action *a, enum qmail_file f, uint64_t n, struct error *err);
/* Remove it: 1, 0 when it is not there, -1. */
int step_unlink(struct action *a, enum qmail_file f, uint64_t n, struct error *err);
/* A link to it in another directory: 1, 0 when that cannot be (another filesystem), -1. */
int step_link_out(struct action *a, enum qmail_file f, uint64_t n, int folder, const char *name,
		  struct error *err);
/* A link from there into the queue: 1, 0 when that cannot be, -1; ERROR_BUSY when it is taken. */
int step_link_in(struct action *a, int folder, const char *name, enum qmail_file f, uint64_t n,
		 struct error *err);

/* The same file under another name: intd as todo. -1; ERROR_BUSY when it is taken. */
int step_link(struct action *a, enum qmail_file from, enum qmail_file to, uint64_t n,
	      struct error *err);
/* Move it to another queue on the same filesystem, whatever has the name there goes: 1, 0 when it
 * is not there, -1. */
int step_move(struct action *from, struct action *to, enum qmail_file f, uint64_t n, uint64_t new,
	      struct error *err);
/* A file of pid/ becomes mess of message `n`, which must be free. */
int step_adopt(struct action *a, const char *pid_name, uint64_t n, struct error *err);

struct new_file {
	uid_t uid;
	gid_t gid;
	mode_t mode;
	const struct timespec *mtime; /* NULL: now */
};

/* Who owns a file of this kind: qmails for what qmail-send writes, qmailq for mess, todo and intd.
 */
struct new_file new_file_as(const struct action *a, enum qmail_file f);
/* Write the temporary, unless its owner cannot be told. What cannot be finished is taken away
 * again.
 */
int new_file_write(const struct action *a, enum qmail_file f, uint64_t n, struct slice text,
		   const struct new_file *as, struct error *err);
/* Give it its name, in place of what has it. */
int new_file_replace(struct action *a, enum qmail_file f, uint64_t n, struct error *err);
/* Give it its name, which must be free: 1, 0 when it is not, -1. */
int new_file_publish(struct action *a, enum qmail_file f, uint64_t n, struct error *err);
void new_file_discard(const struct action *a, enum qmail_file f, uint64_t n);

#endif
