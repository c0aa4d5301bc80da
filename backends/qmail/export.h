/*
 * A message's files as they are, in a folder outside the queue: what the trash and save hold, in
 * the format of mtaq/saved.h. Files are called ID.mess, ID.info, ID.local, ID.remote, ID.bounce,
 * ID.todo.
 */
#ifndef QMAIL_EXPORT_H
#define QMAIL_EXPORT_H

#include "act.h"

enum { EXPORT_FILES = 6 };

struct export
{
	int folder;
	bool link; /* mess by a link, where the filesystem is the same: it keeps its inode, and so
		    * its number stays its own */
	struct slice id;
	json_t *note;
	struct slice made[EXPORT_FILES]; /* names of what stands in the folder */
	size_t made_count;
	bool noted;
	int bounce; /* bounce/N when it is there; -1. Closed by export_close(). */
	struct stat bounce_st;
};

/* The name of a file of `id` in a folder: "ID.mess". */
struct slice export_name(struct arena *a, struct slice id, const char *role);
/* Copy all that `h` holds, and the note, on disk but for the folder. `x` is in the arena; after a
 * failure export_discard() takes away what was made. */
int export_message(struct action *a, struct held *h, struct export *x, struct error *err);
/* Take away what was made. */
void export_discard(struct export *x);
void export_close(struct export *x);
/* Copy the rest of a file that may have grown since, and the note with it. */
int export_again(struct export *x, struct slice name, int from, struct error *err);
/* A copy of `from` as `name` in `folder`, with its owner, mode and time; on disk. It must not be
 * there yet. */
int export_copy(int folder, const char *name, int from, const struct stat *st, struct error *err);

/* A member of the note, true: an undo has begun to make the message pending again in its queue. So
 * once it is not there any more it may have been delivered, and this copy is not to come back. */
#define EXPORT_UNDONE "undone"

#endif
