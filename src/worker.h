/*
 * What one thread of the engine does with one message: load the parts that its answer needs,
 * evaluate, load what the output needs, hand it to each(). Private to the engine.
 */
#ifndef MTAQ_WORKER_H
#define MTAQ_WORKER_H

#include "select.h"

struct worker {
	const struct select_request *request;
	void *owner; /* the pool */
	struct arena arena;
	struct sys_locks locks;
	struct loader loader;
	struct charset_cache *charsets;
	struct filter_state *state; /* NULL without a filter */
};

/* 0, or -1 when out of memory (nothing is then left to free). */
int worker_init(struct worker *w, const struct select_request *r, void *owner);
void worker_free(struct worker *w);
void worker_begin_chunk(struct worker *w);
/* Handle one message; everything it produces goes to `chunk`. */
void worker_message(struct worker *w, const struct message_entry *e, struct select_chunk *chunk);

#endif
