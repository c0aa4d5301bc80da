/*
 * The batches of one action on one queue: lock, verify, prepare, journal, commit, finish. Private
 * to the pipeline.
 */
#ifndef MTAQ_BATCH_H
#define MTAQ_BATCH_H

#include "journal.h"
#include "pipeline.h"

/* One that the MTA is to be asked about when all batches are done. */
struct asked {
	const struct plan_item *item;
	struct slice sender;
	uint64_t n; /* the journal's number; 0: what was asked for is done already (--try) */
};

struct batch_run {
	struct run *run;
	const struct action_request *request;
	struct action_counts *counts;
	struct action action;
	const struct filter *filter; /* bound; NULL: all */
	size_t link;		     /* of a chain */
	struct filter_state *filter_state;
	struct charset_cache *charsets;
	struct sys_locks locks;
	struct loader loader;
	struct journal **journal; /* shared by all queues; made by the first batch */
	/* As long as the plan. */
	struct asked *asked;
	size_t asked_count;
	const struct plan_item **busy; /* when they are to be tried again (--wait) */
	size_t busy_count;
	struct arena kept; /* what outlives a batch */
	bool stop;	   /* journal or stdout lost: no further batch */
};

/* Act on items[0..count) of the plan's queue, batch by batch; how many were tried: fewer than
 * `count` after a signal or when b->stop is set. */
size_t batches_run(struct batch_run *b, const struct plan_item *const *items, size_t count);
/* A signal that ends the run has come. */
bool batches_interrupted(void);

#endif
