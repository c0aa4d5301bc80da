/*
 * What was taken back already. Its value may be again what the action gave it for a reason of its
 * own: a recipient whose drop was taken back has the message by now, and is marked done. To take
 * that back once more would send it again.
 *
 * Contract: known is what the journals in one directory say, as far as they can be read, of runs
 * that began no earlier. Only what is known to have been done counts: an undo that was cut off is
 * to be finished by the same again.
 */
#ifndef MTAQ_UNDONE_H
#define MTAQ_UNDONE_H

#include <mtaq/arena.h>

struct undone_record; /* private */

struct undone {
	struct undone_record *list;
	size_t count, room;
	struct arena arena;
};

/* Read what runs since `run` have taken back. undone_free() is needed. */
void undone_read(struct undone *u, const char *dir, const char *run);
/* Was this message's part of `run` taken back, and not done again by an undo of that? */
bool undone_has(const struct undone *u, const char *run, struct slice queue, struct slice id);
void undone_free(struct undone *u);

#endif
