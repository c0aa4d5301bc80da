/*
 * Which messages a command is about: selectors and ids made into one expression per queue, and the
 * run over all queues.
 *
 * Contract: selection_prepare() finds every mistake of the command line before anything of a queue
 * is read. Errors are printed and set the run's status.
 */
#ifndef MTAQ_SELECTION_H
#define MTAQ_SELECTION_H

#include "queues.h"
#include "select.h"

struct selection_queue {
	struct queue *queue;
	const struct filter *filter;   /* bound; NULL: all */
	struct message_entry *entries; /* the ids that were found here; NULL: scan */
	size_t entry_count;
	uint32_t *places; /* hash of entries: index + 1, 0 free; NULL without ids */
	size_t place_count;
};

struct selection {
	struct run *run;
	struct queue_list queues;
	struct filter *filter;	/* as parsed, all selectors ANDed; NULL: none given */
	struct slice ambiguous; /* "ID lies in A and in B": the first id found in several places;
				   none: no such */
	bool ids_given, all;	/* ids on the command line or standard input; the word ALL */
	struct selection_queue *per_queue; /* queues.count of them, in the run's arena */
};

/* Open the queues, read selectors and ids, bind. False when the run is to end (its status says
 * why). */
bool selection_prepare(struct run *run, struct selection *out);
/* The same with `filter` in the place of the selectors; it belongs to the selection now. */
bool selection_prepare_with(struct run *run, struct filter *filter, struct selection *out);
void selection_free(struct selection *s);
/* For acting: false, and told with all places, when an id that was given lies in several
 * directories. */
bool selection_unambiguous(const struct selection *s);
/* Does the user's expression speak of this field? */
bool selection_names(const struct selection *s, enum field_id field);

/* Run `request` (queue, filter, entries, jobs, now, program are filled in here) over queue `i`.
 * Errors are counted into the run's status. False when the run should stop: out of output, or a
 * run-wide error. */
bool selection_run(const struct selection *s, size_t i, struct select_request *request,
		   struct select_totals *totals);

#endif
