/*
 * Acting on a sendmail queue: what the files of the actions share. Nobody outside this folder sees
 * it.
 *
 * A message is held by a grip: its control file open, locked the way sendmail locks it, and checked
 * to be what its name means. An action describes what is to become of the control file (struct
 * qf_edits, a new name); rewrite.c prepares that under a name that sendmail ignores and publishes
 * it.
 *
 * Members of held->changes, by "what":
 *	control		size, edits: lines of the control file (edit.h)
 *	rename		from, to: names of the control file, in the same directory
 *	twin		gone, kept: of two control files of one message, one went
 *	delete, purge	dir, name: it lay in this directory under this name
 *	move		dir, to, name: from this directory to that one
 *	save		to: the folder
 *	restore		from, dir, name: out of this folder into this directory
 */
#ifndef SENDMAIL_ACT_H
#define SENDMAIL_ACT_H

#include "edit.h"
#include "queue.h"

#include <mtaq/action.h>
#include <mtaq/saved.h>

#define NODATA_REFUSAL "its data file is missing, so it would be sent empty: hold or delete it"

/* Where messages are taken to: another queue directory, or this run's folder in the trash. */
struct place {
	int qf_fd, df_fd;
	const char *qf, *df; /* their paths */
	dev_t qf_dev, df_dev;
	const struct sendmail_unit *unit; /* when it is one of this queue's */
};

/* A directory that was named with --to. */
struct target {
	char *path; /* real; NULL: none is open */
	int dir_fd;
	struct place place;
};

/* a->own: one action on one queue. */
struct act {
	struct sys_locks locks; /* the kernel's table, for dry runs; read once per batch */
	int patience_ms;	/* left in this batch for locks that are only held for a moment */
	int *unsynced; /* files and directories that the next sync brings to disk, each once */
	size_t unsynced_count, unsynced_room;
	struct saved_pending *notes; /* that the next sync publishes, before those */
	size_t note_count;
	struct place to;	   /* move, delete */
	uint64_t returned_at_once; /* of what was released */
	struct target target;
	uint64_t other_group; /* of what was moved */
	struct names *names;  /* of the control files, when sendmail will be asked */
	const char *binary;   /* sendmail, proven to be it */
	uint64_t forgotten;   /* hosts whose status was removed */
};

enum { TEMP_NAME = 96, MADE = 6 };

/* h->own: one message. */
struct grip {
	const struct sendmail_unit *unit;
	const struct sendmail_unit *data; /* where its data file is; NULL: it has none */
	char name[NAME_LONGEST + 1];	  /* of the control file */
	int fd;				  /* locked; -1 in a dry run */
	struct stat st;			  /* of fd, or of the name in a dry run */

	/* What prepare made; gone again unless the action is committed. */
	struct made {
		int dirfd;
		char name[TEMP_NAME];
	} made[MADE];
	size_t made_count;

	/* rewrite */
	char temp[TEMP_NAME]; /* the new control file; "": none */
	int temp_fd;	      /* locked too; -1 */
	int intent_fd;	      /* transfer: locked, so that nobody else takes it for left over; -1 */
	char new_name[NAME_LONGEST + 1]; /* "": keeps its name */

	bool twin; /* hold, release: the other name is there already, this one is to go */

	/* transfer */
	bool across;		/* by copies, see transfer.c */
	bool brings_data;	/* the data file goes along */
	char marker[TEMP_NAME]; /* "": none */
};

static inline struct act *act_of(const struct action *a)
{
	return a->own;
}

static inline struct grip *grip_of(const struct held *h)
{
	return h->own;
}

static inline const struct sendmail_queue *queue_of(const struct action *a)
{
	return sendmail_queue(a->queue);
}

/* Add an object to held->changes (taken over). */
int act_change(struct held *h, json_t *change, struct error *err);
/* A note for the user. */
__attribute__((format(printf, 2, 3))) void act_note(struct action *a, const char *fmt, ...);
/* "DIR/NAME" for error texts, in the message's arena. */
const char *act_path(struct held *h, struct slice dir, const char *name);

/* lock.c */
int sendmail_take(struct action *a, struct held *h, struct error *err);
int sendmail_recheck(struct action *a, struct held *h, struct error *err);
void sendmail_let_go(struct action *a, struct held *h);
/* Both kinds of lock that a sendmail may use, without waiting. 0, or -1 with errno (EWOULDBLOCK:
 * somebody has one). */
int lock_file(int fd);

/* actions.c */
/* The next sync brings this file, or the entries of this directory, to disk: for many files at once
 * that is cheaper than for each in turn. The descriptor stays open until then. */
void act_sync_later(struct action *a, int fd);
/* Write this note of a message in the batch; the next sync gives it its name. */
int act_note_later(struct action *a, int folder, const json_t *note, struct error *err);
/* Does a note of this name wait for the next sync? */
bool act_note_waits(const struct action *a, const char *name);
/* What prepare made under this name is to go again unless the action is committed. */
void act_made(struct held *h, int dirfd, const char *name);

/* rewrite.c */
/* Make the control file's new text ready (nothing when there are no edits) and its new name
 * (`prefix` NULL: keeps it); h->changes gets both. 1, 0 when nothing changes, -1. */
int rewrite_prepare(struct action *a, struct held *h, const struct qf_edits *e, const char *prefix,
		    struct error *err);
/* The new text takes the place of the old, then the file its new name. */
int rewrite_commit(struct action *a, struct held *h, struct error *err);
/* A new control file of this text under `name` in `dirfd`: owner and mode as the old one's, locked;
 * the next sync brings it to disk. fd or -1. */
int rewrite_file(struct action *a, struct held *h, int dirfd, const char *dir, const char *name,
		 struct slice text, struct error *err);

/* leftover.c */
/* Names of our own in a queue directory, which sendmail passes over; all end in the process id. */
#define TEMP_PREFIX   ".mtaq."	   /* a control file being written */
#define MARK_PREFIX   ".mtaq-df."  /* a link to a data file that is to go with its control file */
#define INTENT_PREFIX ".mtaq-to."  /* where a message is being carried */
#define OUT_PREFIX    ".mtaq-out." /* a control file that has been carried away */
#define IN_PREFIX     ".mtaq-in."  /* one that is arriving, in the directory it is carried to */
/* PREFIX ID "." process id */
void temp_name(char out[TEMP_NAME], const char *prefix, struct slice id);
/* Finish or take back what mtaq processes that died have left in the queue's directories. */
void sweep_queue(struct action *a);
/* Is there a control file of this id (other than `but` in `unit`) that has the data file of
 * `unit`? */
bool other_control(const struct sendmail_queue *q, const struct sendmail_unit *unit,
		   struct slice id, const char *but);
bool file_exists(int dirfd, const char *name);
/* Two descriptors of one directory: units may share their data. */
bool same_dir(int a, int b);
/* Two names of one file. */
bool same_file(int a_fd, const char *a, int b_fd, const char *b);

/* What rewriting has left in a directory. */
void sweep_temporaries(int dirfd);

/* target.c */
/* 0, or -1: why messages cannot be taken there. To be closed in any case. */
int target_open(struct target *t, const struct sendmail_queue *q, const char *dir,
		struct error *err);
void target_close(struct target *t);
/* A real path: does it lie inside one of the queue's directories, or where a wildcard of its
 * configuration would find it? */
int target_check(const struct sendmail_queue *q, const char *path, struct error *err);
/* Nor may it be one of the queue's directories itself. */
int target_no_unit(const struct sendmail_queue *q, const char *path, struct error *err);
/* Would a wildcard of the configuration take a directory of this name for a queue directory? */
bool would_match(const struct sendmail_queue *q, struct slice name);

/* transfer.c */
/* Take the control file, and unless `data` is false its data file, to a place. `e` (may be NULL) is
 * what is to become of the control file on the way. */
int transfer_prepare(struct action *a, struct held *h, const struct place *to, bool data,
		     const struct qf_edits *e, struct error *err);
int transfer_commit(struct action *a, struct held *h, const struct place *to, struct error *err);
int transfer_finish(struct action *a, struct held *h, const struct place *to, struct error *err);
/* A name by which the next run knows that the data file is to go when its control file is gone. */
void leave_marker(struct held *h);
/* The message's own leftovers go: data file (unless another message has it too), transcript. */
int remove_rest(struct action *a, struct held *h, struct error *err);
/* Is it that a second name can never be had there, so that a copy must do? */
bool cannot_link(int errnum);

/* ops_age.c */
int age_begin(struct action *a, struct error *err);
int expire_prepare(struct action *a, struct held *h, struct error *err);
int bounce_prepare(struct action *a, struct held *h, struct error *err);
int requeue_prepare(struct action *a, struct held *h, struct error *err);
/* Age starts again at zero, and nothing keeps sendmail from trying. */
int age_renew(const struct action *a, const struct held *h, struct qf_edits *e, struct error *err);

/* ops_delete.c */
int delete_begin(struct action *a, struct error *err);
int delete_prepare(struct action *a, struct held *h, struct error *err);
int delete_commit(struct action *a, struct held *h, struct error *err);
int delete_finish(struct action *a, struct held *h, struct error *err);
/* The note of a saved message, its files listed. NULL with err. */
json_t *sendmail_note(struct action *a, struct held *h, struct error *err);
int sendmail_trash_place(const struct queue *q, char *out, size_t size);

/* ops_drop.c */
int drop_prepare(struct action *a, struct held *h, struct error *err);

/* ops_hold.c */
int hold_begin(struct action *a, struct error *err);
int hold_prepare(struct action *a, struct held *h, struct error *err);
int hold_commit(struct action *a, struct held *h, struct error *err);
int release_prepare(struct action *a, struct held *h, struct error *err);
void release_end(struct action *a);

/* ops_move.c */
int move_begin(struct action *a, struct error *err);
void move_end(struct action *a);
int move_prepare(struct action *a, struct held *h, struct error *err);
int move_commit(struct action *a, struct held *h, struct error *err);
int move_finish(struct action *a, struct held *h, struct error *err);
/* No control file of the message's id there, nor somebody else's data file. */
int check_free(struct held *h, const struct place *to, struct error *err);

/* ops_save.c */
int save_begin(struct action *a, struct error *err);
int save_prepare(struct action *a, struct held *h, struct error *err);
int save_commit(struct action *a, struct held *h, struct error *err);

/* restore.c */
int restore_take(struct action *a, struct held *h, struct error *err);
int restore_prepare(struct action *a, struct held *h, struct error *err);
int restore_commit(struct action *a, struct held *h, struct error *err);
int restore_finish(struct action *a, struct held *h, struct error *err);

/* ask.c */
/* Is there a sendmail that can be asked about this queue? */
int ask_begin(struct action *a, struct error *err);
void ask_end(struct action *a);
int retry_prepare(struct action *a, struct held *h, struct error *err);
int retry_commit(struct action *a, struct held *h, struct error *err);
int sendmail_ask(struct action *a, const struct plan_item *const *items, size_t count, bool *done,
		 struct error *err);

/* hosts.c */
/* Remove what sendmail noted of these recipients' hosts; how many files. */
uint64_t hosts_forget(const struct sendmail_queue *q, const struct message *m);

/* ops_undo.c */
int undo_prepare(struct action *a, struct held *h, struct error *err);

#endif
