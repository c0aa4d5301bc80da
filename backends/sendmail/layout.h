/*
 * Which directories make up a queue: base, wildcard, queue groups, and in each directory any mix of
 * qf/, df/ and xf/.
 *
 * Contract: all directories are opened once, at layout_open, following links as the MTA does; below
 * them nothing is. Two names of one directory (a group without P=, a link q2 -> q1) are one unit
 * with two names. Everything lives in the arena given and until layout_close.
 */
#ifndef SENDMAIL_LAYOUT_H
#define SENDMAIL_LAYOUT_H

#include "cf.h"

#include <mtaq/backend.h>

/* A directory as configured, and where its control and data files are. */
struct sendmail_unit {
	struct unit base; /* path: as sendmail's lister prints it */
	const char
	    *name; /* below the queue's base directory: ".", "q1", "bulk/b2"; what `d` lines say */
	const char *group;	      /* queue groups it belongs to: "mqueue", "mqueue, slow" */
	struct slice dir, qf, df, xf; /* paths, NUL-terminated */
	int dir_fd, qf_fd, df_fd;     /* the last two may equal the first */
	bool has_qf, has_df, has_xf;
	dev_t dev; /* of where the control files are */
	ino_t ino;
};

struct layout_name {
	const char *name; /* as on a `d` line */
	const struct sendmail_unit *unit;
};

struct layout {
	struct slice base;    /* base directory, without final slash */
	struct slice pattern; /* what the names must begin with; none: no wildcard */
	const struct unit **units;
	size_t count, room;
	struct layout_name
	    *names; /* all configured names, more than units when some are the same directory */
	size_t name_count, name_room;
	bool partial; /* some directory could not be opened */
};

/* `dir` as QueueDirectory (may end in `*`); `cf` NULL: find out from the directory itself. `from`
 * is the QueueDirectory that the cf's group paths are relative to (they are moved along when it
 * differs from `dir`). Units that cannot be opened go to `trouble`. -1 with err when there is none
 * at all. */
int layout_open(struct layout *l, struct arena *a, const struct queue *q, struct slice dir,
		const struct cf *cf, trouble_fn *trouble, void *ctx, struct error *err);
void layout_close(struct layout *l);
/* The unit that a `d` line means, NULL when there is none. */
const struct sendmail_unit *layout_find(const struct layout *l, struct slice name);
/* How much `dir` looks like a queue directory, 0 to 100; names only. -1 with err. */
int layout_detect(const char *dir, struct error *err);

/* Split "/x/q*" into base and pattern; without `*` the pattern is none. Final slashes go. */
void layout_split(struct slice dir, struct slice *base, struct slice *pattern);
/* `path` with its beginning `from` replaced by `to`; false when it is not at or below `from`. */
bool layout_rebase(struct arena *a, struct slice path, struct slice from, struct slice to,
		   struct slice *out);

/* Does this name belong to a control file: qf, hf or Qf and an id. */
static inline bool layout_is_control(const char *name)
{
	return (name[0] == 'q' || name[0] == 'h' || name[0] == 'Q') && name[1] == 'f';
}

#endif
