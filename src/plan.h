/*
 * What an action will be tried on: chosen by all threads, without locks, in the order of the scan.
 */
#ifndef MTAQ_PLAN_H
#define MTAQ_PLAN_H

#include "selection.h"

#include <mtaq/action.h>

struct plan {
	const struct selection_queue *queue;
	struct plan_item *items; /* malloc'd; names and ids in `arena` */
	size_t count, room;
	struct arena arena;
	uint64_t scanned;	 /* names looked at */
	uint64_t matched;	 /* selected by the expression, in whatever state */
	uint64_t not_applicable; /* of them in a state that the action does not apply to */
	uint64_t errors;	 /* neither selected nor not: could not be read */
	uint64_t null_senders;	 /* of items: how many have a null sender */
};

/* Scan queue `i` of the selection for `op`. False when the run is to end. */
bool plan_make(const struct selection *s, size_t i, enum op op, struct plan *out);
void plan_free(struct plan *p);
/* Keep the first `n` only. */
void plan_limit(struct plan *p, size_t n);

#endif
