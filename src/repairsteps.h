/*
 * Carrying out the steps of mtaq/check.h: made ready, written down, done, each compared with what
 *it was made for.
 *
 * In the journal "changes" is the list of steps, in their order, each an object:
 *	"what"		"rename", "link", "unlink", "trash", "replace", "attributes", "make", "back"
 *	"dir", "name"	where the file is
 *	"was"		identity of it: {"dev", "ino", "mode" with its type, "uid", "gid", "size",
 *			"mtime_ns"}; make and back have none
 *	"to_dir", "to_name"	rename, link, unlink: the other name; back: where it was in the
 *			trash
 *	"kept"		trash, replace: its name in the folder of the trash
 *	"made"		replace, make: identity of the new file
 *	"mode", "uid", "gid"	attributes, make: as they become
 */
#ifndef MTAQ_REPAIRSTEPS_H
#define MTAQ_REPAIRSTEPS_H

#include <mtaq/check.h>

/* Directories of one queue that are open during a batch. */
struct step_places {
	const struct queue *queue;
	struct step_dir {
		char *path;
		int fd;
		bool dirty;
	} * list;
	size_t count, room;
	int trash_fd; /* the run's folder in the trash; -1: dry run */
	bool trash_dirty;
	uint64_t serial; /* of names in the trash */
	bool dry_run;
};
void places_init(struct step_places *p, const struct queue *q, int trash_fd, bool dry_run);
/* What was changed in them is on disk. */
int places_sync(struct step_places *p, struct error *err);
void places_close(struct step_places *p);

enum { STEP_NAME = 96 };

struct step_state {
	int dir, to_dir;      /* of places; to_dir -1: none */
	char temp[STEP_NAME]; /* made ready beside `at`; "": none */
	char kept[STEP_NAME]; /* in the trash; "": none */
	bool copied;	      /* kept is there already, or temp is a copy */
	struct stat was, made;
	bool tried, done;
};

struct step_list {
	struct step_places *places;
	const struct repair_step *steps;
	struct step_state *states;
	size_t count;
};

/* Look at everything, and write what is new under names that no MTA looks at. steps_free() in any
 * case. */
int steps_prepare(struct step_list *l, struct step_places *p, struct mend *m, struct error *err);
/* A new reference; NULL when out of memory. */
json_t *steps_json(const struct step_list *l);
/* All of them, in their order; the first that fails ends it. */
int steps_carry_out(struct step_list *l, struct error *err);
/* How many were done, or may have been: one that failed may have had its effect. */
size_t steps_tried(const struct step_list *l);
/* What was made ready and not used goes. */
void steps_free(struct step_list *l);

const char *step_name(enum step_kind k);
json_t *step_stat_json(const struct stat *st);
bool step_stat_read(const json_t *j, struct stat *st);
/* The same file, unchanged: device, inode, type, size and (but for directories) mtime. */
bool step_same(const struct stat *a, const struct stat *b);

#endif
