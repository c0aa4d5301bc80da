/*
 * Bringing saved messages back: plans made from notes in folders of the trash or of save.
 *
 * Contract: nothing is changed here. Trouble with a message is told at once.
 */
#ifndef MTAQ_RESTORE_H
#define MTAQ_RESTORE_H

#include "pipeline.h"

struct restorer {
	struct run *run;
	struct queue_list queues;
	struct action_args args;
	struct plan *plans; /* one per queue; the pipeline frees what is in them */
};

/* Open the queues. False when the run is to end; restore_free() in any case. */
bool restore_begin(struct restorer *r, struct run *run, bool keep_age);
/* Bring back `id` from `folder` (which must live on) into the queue that its note names, or into
 * the only queue that the user named. False when it cannot be: told. */
bool restore_add(struct restorer *r, const char *folder, struct slice id);
/* Let the pipeline do it. */
void restore_run(struct restorer *r, struct action_request *request, struct action_counts *counts);
void restore_free(struct restorer *r);

#endif
