/*
 * Rules carried out: one scan of each queue for all of them, then rule by rule through the
 * pipeline, each as a run of its own with its journal.
 *
 * Contract: everything that is wrong with the rules themselves is told before anything of a queue
 * is read, and what an MTA refuses of their actions before anything is touched.
 */
#ifndef MTAQ_APPLY_H
#define MTAQ_APPLY_H

#include "rules.h"
#include "run.h"

struct apply_options {
	bool check; /* read the rules only */
	bool dry_run, no_syslog;
};

/* Over the queues of the run. Its status is set. */
void apply_rules(struct run *run, const struct rules *rules, const struct apply_options *o);

#endif
