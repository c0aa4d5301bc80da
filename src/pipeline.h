/*
 * The one pipeline of all acting commands: select, plan, guards, batches, journal, counts.
 *
 * Contract: commands fill struct action_request and call action_run() with a selection, or
 * action_run_plans() with what a journal or the trash says; nothing else changes a queue.
 * Everything that was done is printed (a line per message on stdout), journalled and logged; the
 * counts are true: matched = done + asked + already + busy + gone + changed + not_applicable +
 * failed + untried (with --try those that were done are counted in asked, too).
 */
#ifndef MTAQ_PIPELINE_H
#define MTAQ_PIPELINE_H

#include "plan.h"

#include <signal.h>

struct action_request {
	enum op op; /* what the user asked for; a plan's own op may be another (undo) */
	struct action_args args;
	bool dry_run;
	const char *max;	   /* "100" or "20%"; NULL: no guard */
	struct option_number wait; /* seconds to keep trying what is busy */
	bool no_syslog;
	const char *rule;     /* name of the rule, for journal, log and notes; NULL */
	unsigned nth;	      /* for journal_run_id() */
	const char *undoes;   /* run that is taken back, for the journal; NULL */
	bool quiet_when_busy; /* busy, gone and changed are no failure (rules) */
};

struct action_counts {
	uint64_t matched, done, asked, already, busy, gone, changed, not_applicable, failed;
	uint64_t untried; /* the run ended before them: a signal, the journal or stdout lost */
	uint64_t errors;  /* could not be read: neither matched nor not */
};

/* Act on what `s` selects. The run's status is set; *counts is what was done. */
void action_run(struct run *run, const struct selection *s, const struct action_request *request,
		struct action_counts *counts);
/* Carry out plans that are made already, and free their contents. *counts begins with what the
 * caller has found out by itself, and is added to. */
void action_run_plans(struct run *run, struct plan *plans, size_t count,
		      const struct action_request *request, struct action_counts *counts);

/* --max, or the max of a rule. */
struct max {
	const char *given; /* a number or a percentage; NULL: none */
	const char *rule;  /* whose it is; NULL: that of `who`, a command */
	const char *who, *what;
};

/* For what acts without this pipeline (repair.h). May `n` be touched, of `scanned`? False: told. */
bool action_within_max(struct run *run, const struct max *m, uint64_t n, uint64_t scanned);
/* Signals that end a run wait until what was begun is finished (batches_interrupted() tells). */
void action_hold_signals(sigset_t *saved);
void action_let_signals(const sigset_t *saved);

#endif
