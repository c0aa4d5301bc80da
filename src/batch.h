/*
 * The batches of one action on one queue: lock, verify, prepare, journal, commit, finish. Private
 * to the pipeline.
 */
#ifndef MTAQ_BATCH_H
#define MTAQ_BATCH_H

#include "pipeline.h"
#include "journal.h"

struct batch_run {
	struct run *run;
	const struct action_request *request;
	struct action_counts *counts;
	struct action action;
	const struct filter *filter; /* bound; NULL: all */
	struct filter_state *filter_state;
	struct charset_cache *charsets;
	struct sys_locks locks;
	struct loader loader;
	struct journal **journal; /* shared by all queues; NULL in a dry run */
	/* As long as the plan: those to ask the MTA about (with the journal's number), and those
	 * that were busy. */
	const struct plan_item **asked;
	uint64_t *asked_n;
	size_t asked_count;
	const struct plan_item **busy;
	size_t busy_count;
	bool stop; /* journal or stdout lost: no further batch */
};

/* Act on items[0..count) of the plan's queue, batch by batch. */
void batches_run(struct batch_run *b, const struct plan_item *const *items, size_t count);

#endif
