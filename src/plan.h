/*
 * What an action will be tried on: chosen by all threads, without locks, in the order of the scan.
 */
#ifndef MTAQ_PLAN_H
#define MTAQ_PLAN_H

#include "selection.h"

#include <mtaq/action.h>

/* One operation on messages of one queue. */
struct plan {
	const struct queue *queue;
	const struct filter *filter; /* to be asked again under the lock; NULL: none */
	size_t link;		     /* of a chain of filters: the one that must still take it */
	enum op op;
	bool mended; /* this process has seen to what killed runs left in this queue */
	const struct action_args *args; /* set by whoever made the plan */
	struct plan_item *items;	/* malloc'd; names and ids in `arena` */
	size_t count, room;
	struct arena arena;
	uint64_t scanned;	 /* names looked at */
	uint64_t matched;	 /* selected by the expression, in whatever state */
	uint64_t not_applicable; /* of them in a state that the action does not apply to */
	uint64_t errors;	 /* not read, wholly or in part; some are selected all the same */
	uint64_t null_senders;	 /* of items: how many have a null sender */
};

/* Scan queue `i` of the selection, or look at the entries it names, for `op`. Items are in the
 * order of the scan or of the entries. False when the run is to end. */
bool plan_make(const struct selection *s, size_t i, enum op op, struct plan *out);
/* What is to be done with what one filter of a chain takes. */
struct plan_link {
	enum op op;
	bool keep;  /* nothing: `op` is not looked at, messages are counted as matched */
	bool named; /* its expression names state, see plan_item.named */
};
/* The same where the filter of queue `i` is a chain of `count` filters: one scan for all, plans[k]
 * for what link k takes; those whose filter cannot take anything have scanned == 0. Errors belong
 * to no plan: they are in *totals. */
bool plan_make_chain(const struct selection *s, size_t i, const struct plan_link *links,
		     size_t count, struct plan *plans, struct select_totals *totals);
/* May be called twice. */
void plan_free(struct plan *p);
/* One more item; name, id are copied. For plans that no selection makes: begin with plan_init(). */
void plan_init(struct plan *p, const struct queue *q, enum op op, const struct action_args *args);
void plan_add(struct plan *p, struct plan_item item);
/* Keep the first `n` only; the others were never matched. */
void plan_limit(struct plan *p, size_t n);

#endif
