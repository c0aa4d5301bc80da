/*
 * What the files of `mtaq list` share: the run of one listing.
 */
#ifndef MTAQ_LIST_H
#define MTAQ_LIST_H

#include "output.h"
#include "selection.h"
#include "sort.h"

struct lister {
	struct run *run;
	struct selection selection;
	struct output *output;
	struct sort_spec sort;
	struct sorter *sorter; /* NULL: print as they come */
	bool limited;
	uint64_t left; /* messages that may still be printed, when limited */
	size_t printed;
	unsigned long next_progress; /* tell it when so many names were read */
	bool progress_shown;
};

/* Print and free. */
void lister_put(struct lister *l, struct buf *b);
/* Lines to stderr. */
void lister_err(struct lister *l, struct slice lines);
/* List queue `i` unit by unit (OUTPUT_UNITS): first all priorities, then each unit in order.
 * `request` prints. False: stop. */
bool lister_units(struct lister *l, size_t i, const struct select_request *request);

#endif
