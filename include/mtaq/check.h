/*
 * What can be wrong with a queue, and how it is mended: the operations table of `mtaq check`.
 *
 * A backend describes what can be wrong as data (struct check_code), walks its queue and gives
 * findings, and says for one finding by which steps it is mended. The steps are few and the same
 * for every MTA; src/repair.c alone carries them out, and takes them back:
 *
 *	repair_begin	refuse here what cannot be mended on this queue now
 *	for each batch (findings of different messages):
 *	    batch_begin
 *	    plan	each: lock what the MTA locks, look again whether the finding
 *			is still true, and add the steps
 *	    (new files are written beside the old ones under names that no MTA looks
 *	    at; intents with all steps go to the journal, on disk)
 *	    (the steps, in their order; before each the file is compared with
 *	    step->was)
 *	    (directories on disk; journal: done)
 *	    let_go	each: unlock
 *	    batch_end
 *	repair_end
 *
 * Contract of steps: each is one system call for who looks at the queue, and after each of them the
 * queue is no worse than before: killed in the middle, a second run finds what is left. Nothing is
 * overwritten and nothing removed: what goes, goes to the trash, the old text of a file too. A dry
 * run plans without locks and prints the same lines. Undo: the journal holds the steps; they are
 * taken back by the reverse ones in reverse order, each only when the file is still the one that
 * was left there.
 */
#ifndef MTAQ_CHECK_H
#define MTAQ_CHECK_H

#include <mtaq/action.h>

/* How bad; the order in which findings are told. */
enum severity {
	SEVERITY_URGENT,  /* mail is, or will be, lost, falsified, or sent twice */
	SEVERITY_ERROR,	  /* mail waits and is not tried */
	SEVERITY_WARNING, /* something is left over, or will make trouble later */
	SEVERITY_NOTE,	  /* odd, and harmless until somebody acts on it */
	SEVERITY_COUNT
};
/* "urgent", "error", "warning", "note" */
const char *severity_name(enum severity s);

/* In check_code.methods. */
enum { CHECK_FINISHES = 1 << 8 };

/* One kind of finding. */
struct check_code {
	const char *code; /* "qf-without-df": for --code, json and the manual; no two backends share
			     one unless it means the same */
	enum severity severity;
	const char *means; /* what it leads to: half a sentence, "it would be sent empty" */
	/* What --repair does ("into the trash"); without methods: what to do instead. */
	const char *repair;
	/* enum method, and CHECK_FINISHES: the repair ends what a run began that was cut off, so it
	 * is not taken back without that run; 0: nothing that a program should decide */
	unsigned methods;
};

/* Slices live in check_walk.arena. */
struct finding {
	const struct check_code *code;
	struct slice path; /* of the file or directory that is wrong, as a person would write it */
	struct slice id;   /* of the message; none: it is no message's */
	struct slice detail;  /* what was seen, one line; none: code->means says it all */
	struct slice why_not; /* this one cannot be mended although others of its kind can; none */
	/* Findings of one severity are told and mended in this order, then by their paths. */
	unsigned rank;
	/* What mends it may touch files of other messages: never in one batch with others. */
	bool alone;
	/* For plan(), the backend's own. */
	const struct unit *unit;
	struct slice dir, name; /* where it lies: see struct step_place */
	struct slice aux;
	uint64_t number;
	unsigned where;
};

/* One walk over a queue. */
struct check_walk {
	const struct queue *queue;
	int64_t now;
	unsigned jobs; /* threads that may be used; `found` and `trouble` are for one at a time,
			  in any order */
	struct arena *arena;				   /* lives as long as the findings */
	void (*found)(void *ctx, const struct finding *f); /* copies *f, not what it points to */
	trouble_fn *trouble; /* what could not be read, and so not be checked */
	void *ctx;
	uint64_t looked; /* messages and files that were looked at, for the count */
};

/* ---- mending ---- */

/* A name in a directory. `dir` is a path that checks->open_place() knows. Both NUL-terminated. */
struct step_place {
	struct slice dir, name;
};

enum step_kind {
	STEP_RENAME, /* at -> to; never replaces; one filesystem */
	STEP_LINK,   /* a second name `to` of `at` */
	STEP_UNLINK, /* the name `at` goes; `to` is another name of the same file, and stays */
	STEP_TRASH,  /* at goes into this run's folder of the trash */
	/* A new file with `text` takes the place of `at`, which goes to the trash; owner, mode and
	 * times stay, but for an `at` that is no regular file: then owner and mode are the step's.
	 */
	STEP_REPLACE,
	STEP_ATTRIBUTES, /* owner and mode of `at` */
	STEP_MAKE,	 /* a new file (with `text`), FIFO or directory; never replaces */
	/* Out of the trash (`to` is the folder there and its name) to `at`; with `was` in the place
	 * of that, which goes to the trash. Undo only. */
	STEP_BACK,
	STEP_KINDS
};

struct repair_step {
	enum step_kind kind;
	struct step_place at, to;
	/* lstat of `at` when it was looked at: device, inode, type, size and mtime must still be
	 * the same. st_ino 0: what an earlier step of this list makes. Not for MAKE and BACK. */
	struct stat was;
	struct slice text;
	mode_t mode; /* ATTRIBUTES, MAKE, REPLACE; with its type: S_IFREG, S_IFIFO, S_IFDIR */
	uid_t uid;
	gid_t gid;
};

/* A run that mends one queue. */
struct repair {
	const struct queue *queue;
	int64_t now;
	bool dry_run;
	bool offline; /* set by repair_begin: the MTA's daemon is stopped, and kept so meanwhile */
	void *own;    /* the backend's, between repair_begin and repair_end */
};

/* One finding that is being mended. */
struct mend {
	const struct finding *finding;
	struct arena arena;
	struct repair_step *steps; /* through mend_add */
	size_t count, room;
	struct slice did; /* what is told of it; none: code->repair */
	void *own;	  /* the backend's, freed by let_go */
};
/* One more step, copied with its names and text. -1 when out of memory. */
int mend_add(struct mend *m, const struct repair_step *s, struct error *err);

struct backend_checks {
	const struct check_code *codes; /* in the order of the manual's table */
	size_t count;
	/* Walk all of the queue. Reads only: no lock, no atime. What is young gets the time that
	 * the MTA itself gives it. What vanishes meanwhile is no finding. -1 with err when nothing
	 * could be checked. */
	int (*check)(struct check_walk *w, struct error *err);

	/* ERROR_BUSY (75): only while the daemon is stopped; ERROR_DENIED, ...: nothing was
	 * touched. NULL: nothing can be mended. In a dry run it must not take anything, and says in
	 * r->offline what would be. */
	int (*repair_begin)(struct repair *r, struct error *err);
	void (*repair_end)(struct repair *r);
	int (*batch_begin)(struct repair *r, struct error *err); /* may be NULL, with the next */
	void (*batch_end)(struct repair *r);
	/* 1: go on; 0: it is no longer so; -1: BUSY, GONE, STALE, UNSUPPORTED (cannot be mended
	 * now, err says why), anything else failed. let_go is called in any case. */
	int (*plan)(struct repair *r, struct mend *m, struct error *err);
	void (*let_go)(struct repair *r, struct mend *m);
	/* A directory of this queue by the path that step_place.dir has, opened without following
	 * links below the queue; the caller closes it. DENIED for what is none of the queue's. */
	int (*open_place)(const struct queue *q, const char *dir, struct error *err);
	/* Undo only: take the MTA's lock on an open file of this name before it is changed; it is
	 * held until the file is closed. NULL: there is none. */
	int (*lock)(struct repair *r, const char *name, int fd, struct error *err);
};

#endif
