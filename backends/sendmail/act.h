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
 */
#ifndef SENDMAIL_ACT_H
#define SENDMAIL_ACT_H

#include "edit.h"
#include "queue.h"

#include <mtaq/action.h>

/* a->own: one action on one queue. */
struct act {
	struct sys_locks locks; /* the kernel's table, for dry runs; read once per batch */
	int patience_ms;	/* left in this batch for locks that are only held for a moment */
	int *unsynced; /* files and directories that the next sync brings to disk, each once */
	size_t unsynced_count, unsynced_room;
	uint64_t null_senders; /* of what was done: how many will become double bounces */
};

enum { TEMP_NAME = 96 }; /* ".mtaq.", id, ".", process id */

/* h->own: one message. */
struct grip {
	const struct sendmail_unit *unit;
	char name[NAME_LONGEST + 1]; /* of the control file */
	int fd;			     /* locked; -1 in a dry run */
	struct stat st;		     /* of fd, or of the name in a dry run */

	/* what prepare made */
	char temp[TEMP_NAME];		 /* "": none, or it is published */
	int temp_fd;			 /* locked too; -1 */
	char new_name[NAME_LONGEST + 1]; /* "": keeps its name */
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
/* "dfID", in the message's arena; NULL when out of memory. */
const char *act_file(struct held *h, const char *prefix, struct slice id);

/* lock.c */
int sendmail_take(struct action *a, struct held *h, struct error *err);
int sendmail_recheck(struct action *a, struct held *h, struct error *err);
void sendmail_let_go(struct action *a, struct held *h);
/* Both kinds of lock that a sendmail may use, without waiting. 0, or -1 with errno (EWOULDBLOCK:
 * somebody has one). */
int lock_file(int fd);

/* rewrite.c */
/* The next sync brings this file, or the entries of this directory, to disk: for many files at once
 * that is cheaper than for each in turn. The descriptor stays open until then. */
void act_sync_later(struct action *a, int fd);
int sendmail_sync(struct action *a, struct error *err);
/* Make the control file's new text ready (nothing when there are no edits) and its new name
 * (`prefix` NULL: keeps it); h->changes gets both. 1, 0 when nothing changes, -1. */
int rewrite_prepare(struct action *a, struct held *h, const struct qf_edits *e, const char *prefix,
		    struct error *err);
/* The new text takes the place of the old, then the file its new name. */
int rewrite_commit(struct action *a, struct held *h, struct error *err);
/* Rename that never replaces: -1 with errno EEXIST. */
int rename_new(int from_fd, const char *from, int to_fd, const char *to);
/* ".mtaq.ID.PID" */
void temp_name(char out[TEMP_NAME], struct slice id);
/* Remove what mtaq processes that died have left in a directory. */
void sweep_temporaries(int dirfd);

/* ops_age.c */
int age_begin(struct action *a, struct error *err);
int expire_prepare(struct action *a, struct held *h, struct error *err);
int bounce_prepare(struct action *a, struct held *h, struct error *err);
int requeue_prepare(struct action *a, struct held *h, struct error *err);
/* Those that will be reported to the postmaster, told at the end. */
int return_commit(struct action *a, struct held *h, struct error *err);
void age_end(struct action *a);

#endif
