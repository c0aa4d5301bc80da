/*
 * What the files of qmail's acting part share.
 *
 * qmail has no lock for a message, and gives a number away again the moment a message ends. So a
 * message is held by its open files (pin.c): while its mess is open and its inode is its number,
 * nobody else can get that number, and what is done by path can hit no other message. What is done
 * through a descriptor never can. A message whose number is not its mess's inode (a restored queue)
 * has no such protection: by path it is touched only while qmail-send is kept from running.
 */
#ifndef QMAIL_ACT_H
#define QMAIL_ACT_H

#include <mtaq/action.h>
#include <mtaq/limits.h>

#include "owners.h"

/* A file that is there under a name of ours until it is published. */
enum { TEMP_NAME = PART_ROOM + 32 };

/* One action on one queue: action->own. */
struct rewrite;
struct qmail_run {
	const struct queue_qmail *q;
	bool locked;		   /* the one mtaq that acts here: flock on q->fd */
	int mutex;		   /* lock/sendmutex while a batch is acted on offline; else -1 */
	struct owners owners;
	uint8_t *dirty; /* per split directory, and one for what is not split, bits 1 << DIR_x */
	int *dirty_fds; /* files that were changed in place; open as long as the batch */
	size_t dirty_fd_count, dirty_fd_room;
	int folder;	       /* of the trash or the target, to be made durable by sync(); -1 */
	int target_fd;	       /* save: the directory; else -1 */
	struct action *target; /* move: the same action, on the other queue; else NULL */
	struct arena arena;
	struct rewrite *rewrite; /* once run_rewrite() was asked for it */
};

static inline struct qmail_run *qmail_run(const struct action *a)
{
	return a->own;
}

/* ---- live.c: qmail-send, its lock and its process ---- */

/* Take lock/sendmutex, which keeps qmail-send from starting: fd, or -1; ERROR_BUSY when it runs. */
int mutex_take(const struct queue_qmail *q, struct error *err);
/* Tell qmail-send, proven to be that of this queue, to try everything now. */
int send_alarm(const struct queue_qmail *q, struct error *err);
/* Tell it that todo has something new. Not running: 0 all the same. */
void send_trigger(const struct queue_qmail *q);

/* ---- tcpto.c ---- */

/* Forget which hosts are believed down. */
int tcpto_clear(const struct queue_qmail *q, struct error *err);

/* ---- actrun.c ---- */

/* Empty; NULL when out of memory. Freed by qmail_run_end(). */
struct qmail_run *run_new(const struct queue_qmail *q);
/* Be the one that acts on it, and know whether qmail-send runs. */
int run_claim(struct action *a, struct error *err);
int qmail_run_begin(struct action *a, struct error *err);
void qmail_run_end(struct action *a);
int qmail_batch_begin(struct action *a, struct error *err);
void qmail_batch_end(struct action *a);
int qmail_sync(struct action *a, struct error *err);
int qmail_trash_place(const struct queue *q, char *out, size_t size);
/* sync() has to make a file's directory durable, or a file that stays open until let_go(). */
void run_dirty(struct action *a, enum qmail_file f, uint64_t n);
void run_dirty_fd(struct action *a, int fd);
/* How this qmail rewrites recipients. NULL with err. */
const struct rewrite *run_rewrite(struct action *a, struct error *err);

/* ---- target.c ---- */

/* Open what save and move name; refuse what cannot be. Nothing for other actions. */
int qmail_target_open(struct action *a, struct error *err);
void qmail_target_close(struct action *a);

/* ---- pin.c ---- */

/* A message that is held: held->own. */
struct pin {
	uint64_t n;
	int mess, info, todo; /* -1: not there. Either info or todo, never both */
	int channel[2];	      /* local, remote; for the actions that touch them */
	struct stat mess_st, info_st, todo_st, channel_st[2];
	enum qmail_file todo_file;
	bool own_number; /* mess's inode is the number: nobody else can get it now */
	void *op;	 /* the action's own, in held->arena */
	/* What let_go() has to do for the action: close, and take away what was prepared unless
	 * the message was committed. */
	void (*let_go)(struct action *a, struct held *h);
};

static inline struct pin *held_pin(const struct held *h)
{
	return h->own;
}

int qmail_take(struct action *a, struct held *h, struct error *err);
int qmail_recheck(struct action *a, struct held *h, struct error *err);
void qmail_let_go(struct action *a, struct held *h);
/* Is all that is held still what the directory says? Also called after each step by path. */
int pin_check(const struct action *a, const struct held *h, struct error *err);
/* May files of this message be named by path: its number cannot become another's meanwhile. */
int pin_by_path(const struct action *a, const struct held *h, struct error *err);
/* All recipients of it can be trusted: an action that marks them needs that. */
int pin_recipients_known(const struct held *h, struct error *err);
/* The bytes of one of its files, from the descriptor. */
int pin_read(struct held *h, int fd, const char *what, struct slice *out, struct error *err);

/* ---- ops_age.c: expire, requeue, retry ---- */

/* ERROR_UNSUPPORTED, and named, when nobody would hear of the message any more. */
int qmail_check_silent(struct action *a, const struct held *h, struct error *err);

/* Set the modification time of a file of a held message. */
int qmail_age_set(struct action *a, int fd, int64_t ns, struct error *err);
int qmail_age_prepare(struct action *a, struct held *h, struct error *err);
int qmail_age_commit(struct action *a, struct held *h, struct error *err);

/* ---- the other actions, each in its ops file ---- */

int qmail_bounce_prepare(struct action *a, struct held *h, struct error *err);
int qmail_bounce_commit(struct action *a, struct held *h, struct error *err);
int qmail_delete_prepare(struct action *a, struct held *h, struct error *err);
int qmail_delete_commit(struct action *a, struct held *h, struct error *err);
int qmail_delete_finish(struct action *a, struct held *h, struct error *err);
int qmail_drop_prepare(struct action *a, struct held *h, struct error *err);
int qmail_drop_commit(struct action *a, struct held *h, struct error *err);
int qmail_save_prepare(struct action *a, struct held *h, struct error *err);
int qmail_save_commit(struct action *a, struct held *h, struct error *err);

int qmail_move_prepare(struct action *a, struct held *h, struct error *err);
int qmail_move_commit(struct action *a, struct held *h, struct error *err);
int qmail_move_finish(struct action *a, struct held *h, struct error *err);
int qmail_restore_take(struct action *a, struct held *h, struct error *err);
int qmail_restore_prepare(struct action *a, struct held *h, struct error *err);
int qmail_restore_commit(struct action *a, struct held *h, struct error *err);
int qmail_restore_finish(struct action *a, struct held *h, struct error *err);
int qmail_undo_prepare(struct action *a, struct held *h, struct error *err);
int qmail_undo_commit(struct action *a, struct held *h, struct error *err);
int qmail_undo_finish(struct action *a, struct held *h, struct error *err);

/* ---- changes.c: what goes into the journal ---- */

/* Add a change to held->changes; takes `change` over. 0, or -1 when out of memory. */
int change_add(struct held *h, json_t *change, struct error *err);
/* {"what": what, "before": ns, "after": ns}, both as integers; `channel` NULL for info. */
json_t *change_of_time(const char *what, const char *channel, int64_t before, int64_t after);
struct timespec timespec_of(int64_t ns);

extern const struct backend_actions qmail_actions;

#endif
