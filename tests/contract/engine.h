/*
 * One run of the engine over a queue in memory, and what came of it.
 *
 * Contract: what each() and chunk() are promised is checked on the way (one chunk() at a time, in
 * order, offsets in step with the output) and noted in `broken`, because an assertion must not
 * leave a thread that cmocka does not know.
 */
#ifndef TESTS_ENGINE_H
#define TESTS_ENGINE_H

#include "contract/backend_mem.h"
#include "select.h"

#include <stdatomic.h>

/* Messages m0, m1, ...: scripts that a test changes before it opens a queue over them. */
struct crowd {
	struct mem_message *list;
	char (*names)[24];
	size_t count;
};
void crowd_init(struct crowd *c, size_t count);
void crowd_free(struct crowd *c);

/* A filter parsed and bound to a queue. Fails the test when it cannot. */
struct expression {
	struct arena arena;
	struct filter *filter;
	const struct filter *bound;
};
void expression_init(struct expression *e, const struct queue *q, const char *text);
void expression_free(struct expression *e);

struct engine {
	struct select_request request;
	struct select_totals totals;
	struct error err;
	int result;
	struct buf out, log;  /* all of chunk->out and chunk->err */
	unsigned long chunks; /* calls of chunk() */
	unsigned long printed;
	unsigned long largest; /* bytes of the largest hand-over */
	unsigned long progress;
	/* set before the run */
	unsigned long stop_at; /* this call of chunk(), from 1, says stop; 0: none */
	unsigned long limit;   /* print so many messages, then stop; 0: all */
	size_t padding;	       /* bytes more per message */
	/* called by each(), may be NULL */
	void (*on_each)(void *ctx, const struct message *m);
	void (*on_chunk)(void *ctx, unsigned long call);
	void *ctx;
	/* NULL, or which promise was broken */
	const char *_Atomic broken;
	atomic_int inside;
};
/* No filter, one thread, parts STAT. */
void engine_init(struct engine *e, struct queue *q);
void engine_run(struct engine *e);
void engine_free(struct engine *e);
/* Was message `i` printed? */
bool engine_printed(const struct engine *e, size_t i);
/* Fail unless exactly messages [from, to) were printed, in order. */
void engine_assert_names(const struct engine *e, size_t from, size_t to);
void engine_assert_totals(const struct engine *e, unsigned long scanned, unsigned long selected,
			  unsigned long errors, unsigned long gone);
/* Lines of the log that contain `text`. */
unsigned engine_log_lines(const struct engine *e, const char *text);

#endif
