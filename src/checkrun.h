/*
 * Findings of all queues of a run, chosen and put into order.
 *
 * Contract: nothing is changed here. Findings are sorted by severity, then by queue, then by path;
 * all lives until checkrun_free().
 */
#ifndef MTAQ_CHECKRUN_H
#define MTAQ_CHECKRUN_H

#include "queues.h"

#include <mtaq/check.h>

struct found {
	struct finding is;
	const struct queue *queue;
};

struct checkrun {
	struct run *run;
	struct queue_list queues;
	const struct text_list *codes; /* only these; empty: all */
	struct found *list;
	size_t count, room;
	uint64_t looked;
	bool *wanted; /* words of the run that were met */
	struct arena arena;
};

/* Open the queues, and check the words and codes that were given. False when the run is to end. */
bool checkrun_begin(struct checkrun *c, struct run *run, const struct text_list *codes);
/* Look at one queue, or at all of them; findings that nobody asked for are left out. What could
 * not be checked is told, and makes the run's status what the error means. */
void checkrun_look(struct checkrun *c);
/* Words that no finding is about are told. */
void checkrun_unmet(struct checkrun *c);
void checkrun_free(struct checkrun *c);
/* The same look once more, in queues that are open already. */
void checkrun_again(struct checkrun *again, const struct checkrun *c);
/* Does a sorted run have this finding? */
bool checkrun_has(const struct checkrun *c, const struct found *f);
/* Take over what `again` found that `c` does not have, and free the rest. */
void checkrun_merge(struct checkrun *c, struct checkrun *again);
/* Can a run mend this one at all? Else *why. */
bool finding_mendable(const struct finding *f, const char **why);

#endif
