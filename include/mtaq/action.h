/*
 * What can be done to a message, and how a backend does it: the operations table of actions.
 *
 * The one pipeline that calls all this is src/pipeline.c; for each queue:
 *
 *	run_begin	refuse here what cannot be done on this queue now
 *	for each batch of at most ACTION_BATCH messages:
 *	    batch_begin
 *	    take	each: lock, compare identity, re-read; then the pipeline evaluates the
 *			expression again
 *	    prepare	each: everything that no MTA can see (temporaries, links, copies), and
 *			held->changes
 *	    sync	what was prepared is on disk
 *			(journal: intents with held->changes, on disk)
 *	    commit	each: the step after which the MTA sees the new state; before it nothing has
 *			happened
 *	    sync	the directories are on disk
 *	    finish	each: what must come after that (a data file goes after its control file)
 *			(journal: done)
 *	    let_go	each: unlock, close, remove what was prepared and not committed
 *	    batch_end
 *	ask		what only the MTA can do: an attempt
 *	run_end
 *
 * Contract: killed between any two system calls the queue holds every message exactly once, whole,
 * in a state that the MTA accepts, and the same command again finishes the work. In a dry run
 * nothing is written and no lock is taken: take looks whether somebody has it, prepare computes
 * held->changes and returns, commit and finish are not called. All functions run in one thread.
 * 0 / -1 with err of scope message unless said; err->code tells the pipeline how to count: BUSY,
 * GONE, STALE (not the one that was chosen), UNSUPPORTED (not applicable), anything else failed.
 *
 * Undo: expire, bounce, requeue, hold, release and drop are taken back by OP_UNDO; delete by
 * OP_RESTORE (by OP_UNDO where the message is still in its queue: a live qmail; its copy in the
 * trash then goes); move by OP_MOVE the other way; restore, and an OP_UNDO of a delete, by
 * OP_DELETE. All through the same steps, journalled as what they are, so that an undo can be
 * undone.
 */
#ifndef MTAQ_ACTION_H
#define MTAQ_ACTION_H

#include <mtaq/backend.h>

#include <jansson.h>

enum { ACTION_BATCH = 64 };

enum op {
	OP_EXPIRE,
	OP_BOUNCE,
	OP_REQUEUE,
	OP_RETRY,
	OP_HOLD,
	OP_RELEASE,
	OP_DELETE,
	OP_DROP,
	OP_MOVE,
	OP_SAVE,
	OP_RESTORE, /* held->saved names what */
	OP_UNDO,    /* held->undo names what */
	OP_REPAIR,  /* no message's: see mtaq/check.h; its rows stay empty */
	OP_COUNT
};
/* "expire", ... and "expired", ... */
const char *op_name(enum op op);
const char *op_participle(enum op op);

/* May an action be done to a message in a state? */
enum cell {
	CELL_NA = 0, /* not applicable: passed over and counted */
	CELL_YES,
	CELL_NAMED,   /* only when the expression names `state`, or the id was given */
	CELL_REFUSED, /* an error for this message: op_row.refusal says why */
	CELL_BUSY,    /* counted busy */
	CELL_OFFLINE  /* only while the MTA's daemon is stopped, else not applicable */
};

enum method {
	METHOD_LIVE = 1 << 0,	/* while the MTA runs */
	METHOD_OFFLINE = 1 << 1 /* only while it is stopped (the backend checks in run_begin) */
};

struct action;
struct held;

struct op_row {
	unsigned char cells[STATE_COUNT]; /* enum cell; not looked at for OP_RESTORE and OP_UNDO */
	unsigned methods;		  /* 0: this MTA cannot; then all functions are NULL */
	bool reversible;		  /* undo can take it back */
	const char *refusal;		  /* for CELL_REFUSED: why, and what to do instead */
	const char *instead;		  /* for methods == 0: what to do instead */
	/* 1: go on; 0: nothing to do, it is so already; -1. Fills held->changes, also in a dry run.
	 */
	int (*prepare)(struct action *a, struct held *h, struct error *err);
	int (*commit)(struct action *a, struct held *h,
		      struct error *err); /* NULL: prepare was all */
	int (*finish)(struct action *a, struct held *h, struct error *err); /* NULL: nothing */
};

/* From the command line; strings live as long as the run. */
struct action_args {
	const char *reason;    /* bounce, hold */
	const char *target;    /* move, save: directory */
	const char *recipient; /* drop: address, compared as addr_matches_who; never NULL there */
	bool purge;	       /* delete: not into the trash */
	bool try_now;	       /* expire, bounce, requeue: ask for an attempt afterwards */
	bool renew;	       /* release: age starts again */
	bool keep_age;	       /* restore */
	bool even_silent;      /* expire, bounce: also where nobody wants a failure notice */
	bool forget_hosts;     /* retry: clear what the MTA believes of dead hosts */
	bool whole_queue;      /* retry on a live qmail: all messages, by a signal */
	const char *sendmail;  /* program to ask; NULL: the queue's */
};

/* One operation on one queue. */
struct action {
	const struct queue *queue;
	enum op op;
	const struct action_args *args;
	struct loader *loader; /* arena is replaced by held->arena while a message is read */
	int64_t now;
	bool dry_run;
	bool offline; /* set by run_begin: the MTA's daemon is stopped, and kept so during each
			 batch */
	int trash_fd; /* this run's folder in the trash, opened before run_begin when delete wants
			 it; -1 */
	const char *trash_path; /* its path, for the journal */
	const char *run_id;
	/* Notes for the user that are no errors ("host status of 3 domains forgotten"). How many
	 * null senders become double bounces is told by the pipeline. */
	void (*note)(void *ctx, const char *text);
	void *note_ctx;
	void *own; /* the backend's, between run_begin and run_end */
};

/* What was chosen, before any lock. */
struct plan_item {
	struct message_entry entry;
	struct message_identity identity;
	struct slice id; /* script id */
	bool null_sender; /* and it will be returned */
	bool named;	 /* its id was given, or the expression names state: CELL_NAMED applies */
	/* Where it comes from when no selection chose it; the pipeline's. */
	struct slice intent; /* undo: line of the journal that is taken back */
	const char *folder;  /* restore, undo of a delete: directory where it lies saved */
};

/* A message in a folder of the trash or of save: see mtaq/saved.h. */
struct saved {
	int dirfd;
	const char *path; /* of the folder */
	struct slice id;
	/* As saved_read_note() gave it. take finds out whether its files are all there
	 * (saved_check_complete), unless the message is back in its queue already: then a restore
	 * was cut off, prepare removes what is left here and returns 0. */
	const json_t *note;
};

/* A message that is locked, or whatever pins its identity on this MTA. */
struct held {
	const struct plan_item *item; /* restore: id, named and folder only */
	const struct saved *saved;    /* restore only */
	/* Undo only: held->changes of the action that is taken back. What no longer has the value
	 * that the action gave it stays as it is; nothing left to take back: prepare returns 0. */
	const json_t *undo;
	/* Re-read under the lock; parts are loaded by the pipeline as the filter asks. Restore:
	 * take or prepare sets .id to the script id that the message will have (qmail's number may
	 * be another one). */
	struct message message;
	struct arena arena;
	/* Array of objects, what changes from what to what; exact enough to take it back. Filled by
	 * prepare, owned by the pipeline. Each object has "what" and, by it, members of the
	 * backend's own (documented in its ops file). Undo fills it in the same form, with before
	 * and after exchanged: it may be undone itself. */
	json_t *changes;
	struct slice moved_id; /* move: the script id it has there; none: the one it has here */
	bool committed;
	void *own; /* the backend's, freed by let_go */
};

struct backend_actions {
	struct op_row ops[OP_COUNT];
	/* Why a live queue, a missing program or a wrong target forbids this: ERROR_USAGE (64),
	 * ERROR_BUSY (75), ERROR_NOQUEUE, ERROR_DENIED; nothing was touched. */
	int (*run_begin)(struct action *a, struct error *err);
	void (*run_end)(struct action *a);
	/* Before run_begin, in every run that acts (not a dry one), also when no message matched:
	 * what mtaq processes that died have left in the queue is finished or taken back. So the
	 * same command again finishes what it was killed at. a->own is not set. May be NULL. */
	void (*mend)(struct action *a);
	int (*batch_begin)(struct action *a, struct error *err);
	void (*batch_end)(struct action *a);
	/* Lock or pin h->item (or check that h->saved may come back), compare identity, start
	 * h->message (have = PART_NAME, arena = &h->arena). The lock is tried a few times over
	 * about a second at most. */
	int (*take)(struct action *a, struct held *h, struct error *err);
	/* Is the state of h->message, loaded, still what the directory says? Called after the
	 * filter was evaluated again, immediately before prepare of the whole batch. May be NULL.
	 */
	int (*recheck)(struct action *a, struct held *h, struct error *err);
	int (*sync)(struct action *a, struct error *err);
	void (*let_go)(struct action *a, struct held *h);
	/* Ask the MTA for an attempt at these (no lock is held); done[i] is set when the effect was
	 * seen, not when a program said so. NULL: this MTA cannot be asked. */
	int (*ask)(struct action *a, const struct plan_item *const *items, size_t count, bool *done,
		   struct error *err);
	/* Where the trash of this queue lies when --trash does not say: a directory on its
	 * filesystem that no wildcard of its configuration matches. Into `out`; -1 when there is
	 * none. */
	int (*trash_place)(const struct queue *q, char *out, size_t size);
};

#endif
