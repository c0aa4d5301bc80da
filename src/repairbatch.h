/*
 * One batch of repairs: looked at again, made ready, journalled, carried out. Private to repair*.c.
 */
#ifndef MTAQ_REPAIRBATCH_H
#define MTAQ_REPAIRBATCH_H

#include "actionlog.h"
#include "repair.h"
#include "repairsteps.h"

enum { REPAIR_LOCKS = 16 };

struct repair_queue {
	struct repairer *repairer;
	const struct queue *queue;
	struct repair repair; /* for the backend */
	struct step_places places;
	struct batch_run told; /* as actionlog.h wants it */
	int trash_fd;
	char *trash_path;
	bool begun;
};

enum repair_outcome {
	REPAIR_OPEN,
	REPAIR_READY,
	REPAIR_DONE,
	REPAIR_ALREADY,
	REPAIR_BUSY,
	REPAIR_GONE,
	REPAIR_CHANGED,
	REPAIR_NA,
	REPAIR_FAILED,
	REPAIR_UNSURE,
	REPAIR_UNTRIED
};

struct repair_slot {
	struct mend mend;
	struct slice intent;
	struct step_list steps;
	enum repair_outcome outcome;
	bool planned; /* let_go is owed */
	uint64_t n;   /* in the journal */
	struct error err;
	int locks[REPAIR_LOCKS]; /* undo */
	size_t lock_count;
};

/* At most ACTION_BATCH of the items, fewer where two are about one message; how many. */
size_t repair_batch(struct repair_queue *q, const struct repair_item *items, size_t count);

#endif
