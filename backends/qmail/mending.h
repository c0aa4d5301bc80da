/* What the files of qmail's repair share: steps for one message. */
#ifndef QMAIL_MENDING_H
#define QMAIL_MENDING_H

#include "act.h"
#include "check.h"

/* A run that mends: repair->own. */
struct mending {
	struct check check;
	struct action action; /* what run_claim() and the batches of actions want */
	struct action_args args;
};

/* Steps for one finding that is still so: 1, 0 nothing to do, -1. */
typedef int plan_fn(struct repair *r, struct mend *m, struct error *err);
plan_fn plan_message, plan_number, plan_half, plan_place;

/* A step on a file of the message that was looked at; owner and mode are those it should have. */
struct repair_step step_of(struct repair *r, struct mend *m, enum step_kind kind,
			   const struct look *l, enum qmail_file f);
int step_file(struct repair *r, struct mend *m, enum step_kind kind, const struct look *l,
	      enum qmail_file f, struct error *err);
/* All that there is of it, and what is told of that: 1 or -1. */
int step_trash_all(struct repair *r, struct mend *m, const struct look *l, struct error *err);

#endif
