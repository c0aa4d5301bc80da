/*
 * The one pipeline of all acting commands: select, plan, guards, batches, journal, counts.
 *
 * Contract: commands fill struct action_request and call action_run(); nothing else changes a
 * queue. Everything that was done is printed (a line per message on stdout), journalled and logged;
 * the counts are true.
 */
#ifndef MTAQ_PIPELINE_H
#define MTAQ_PIPELINE_H

#include "plan.h"

struct action_request {
	enum op op;
	struct action_args args;
	bool dry_run;
	const char *max;	   /* "100" or "20%"; NULL: no guard */
	struct option_number wait; /* seconds to keep trying what is busy */
	bool no_syslog;
	const char *rule;     /* name of the rule, for journal and log; NULL */
	bool quiet_when_busy; /* busy, gone and changed are no failure (rules) */
};

struct action_counts {
	uint64_t matched, done, asked, already, busy, gone, changed, not_applicable, failed;
};

/* Act on what `s` selects. The run's status is set; *counts is what was done. */
void action_run(struct run *run, const struct selection *s, const struct action_request *request,
		struct action_counts *counts);
/* "12 messages matched: 10 expired, 2 busy" on stderr. */
void action_summary(struct run *run, const struct action_request *request,
		    const struct action_counts *counts);

#endif
