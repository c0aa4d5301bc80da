/*
 * What takes a run back: plans made from its journal.
 *
 * Contract: nothing is changed here. Each record of the journal that was done, or may have been,
 * ends in a plan (which may find that there is nothing left to take back), or in `counts` and a
 * line on stderr that says why it cannot be taken back.
 */
#ifndef MTAQ_UNDO_H
#define MTAQ_UNDO_H

#include "journal_read.h"
#include "pipeline.h"
#include "undone.h"

struct undo_group;

struct undo {
	struct run *run;
	const struct journal_file *file;
	struct queue_list queues;
	bool its_queues; /* those that the run names, not the user */
	struct undone undone;
	struct undo_group *groups; /* private */
	size_t count, room;
	struct plan *plans; /* undo.count of them; the pipeline frees what is in them */
	struct action_counts counts;
};

/* Open the queues and make the plans. False when the run is to end; undo_free() in any case. */
bool undo_plan(struct undo *u, struct run *run, const struct journal_file *file);
void undo_free(struct undo *u);
/* The run shall open the queues as they were given to that of the journal, unless the user gives
 * any. True when that one was given some. */
bool undo_use_queues(struct run *run, const struct journal_file *file);

#endif
