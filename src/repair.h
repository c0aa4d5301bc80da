/*
 * Mending what a check found, and taking that back: what is told, journalled and logged as the
 * pipeline of messages (pipeline.h) does it.
 *
 * Contract: commands call repair_run() or repair_undo(); nothing else carries out steps
 * (repairsteps.h). Each intent in the journal has "op": "repair", "queue", "dir" (of the queue),
 * "id" ("" where it is no message's), "path", "code", "changes" (the steps) and "trash". What
 * cannot be begun on one of the queues is refused before anything is touched. The counts are true.
 */
#ifndef MTAQ_REPAIR_H
#define MTAQ_REPAIR_H

#include "checkrun.h"
#include "journal_read.h"
#include "pipeline.h"

/* Mend what `c` found (and what comes to light by that), and print what is left. `request`: op is
 * OP_REPAIR; args and rule are not looked at. */
void repair_run(struct checkrun *c, const struct action_request *request);
/* Are the records of this journal repairs? */
bool repair_is_journal(const struct journal_file *f);
/* Take them back, the last first. `request`: op is OP_UNDO, undoes the run. */
void repair_undo(struct run *run, const struct journal_file *f,
		 const struct action_request *request);

/* ---- private to repair*.c ---- */

struct repair_item {
	const struct finding *finding;
	struct slice intent; /* undo: line of the journal */
};

struct repairer;
struct repair_slot;
struct repair_queue;
/* Fill slot->mend.steps: 1, 0 nothing to do, -1. */
typedef int repair_plan_fn(struct repair_queue *q, struct repair_slot *s, struct error *err);

struct repairer {
	struct run *run;
	const struct action_request *request;
	struct action_counts counts;
	struct journal *journal;
	struct slice run_id;
	struct repair_queue *queues;
	size_t queue_count;
	repair_plan_fn *plan;
	bool stop;
};

/* Open the trash, and ask the backend; for each queue that is in `queues`. False: refused, told. */
bool repair_begin(struct repairer *r, const struct queue_list *queues, const bool *concerned);
void repair_items(struct repairer *r, const struct queue *q, const struct repair_item *items,
		  size_t count);
/* Close everything, the journal too. */
void repair_end(struct repairer *r);
/* "3 findings: 2 repaired, 1 busy" */
void repair_summary(struct repairer *r, size_t left);

#endif
