/*
 * Looking into the trash, and emptying it: see trash.h for what lies where.
 */
#ifndef MTAQ_TRASH_READ_H
#define MTAQ_TRASH_READ_H

#include "trash.h"

/* Ids of the messages that have a note in a folder. */
struct saved_ids {
	struct slice *list; /* sorted */
	size_t count;
	struct arena names;
};
/* saved_ids_free() is needed in any case. */
int saved_ids_read(int folder, const char *what, struct saved_ids *out, struct error *err);
void saved_ids_free(struct saved_ids *l);

struct trash_item {
	const char *run;
	const char *folder; /* path */
	int fd;		    /* of the folder */
	struct slice id;
};
/* Each message in the trash at `place`, the oldest run first; nothing when there is none; only
 * those called `id` unless it is none. False from `fn` ends it. A folder that cannot be read is an
 * error at the end, after the others. */
int trash_each(const char *place, struct slice id,
	       bool (*fn)(void *ctx, const struct trash_item *item), void *ctx, struct error *err);

/* Remove for good what a run put into the trash: 1 with the number of messages; 0 when the run has
 * not ended; -1. In a dry run it only counts. Killed between any two system calls, each message is
 * there whole or not at all, and the same again removes the rest. This is no run: the journal does
 * not tell of it, and an undo of the delete finds that the message is no longer in the trash. */
int trash_empty_run(const char *place, const char *run, bool dry_run, size_t *messages,
		    struct error *err);

#endif
