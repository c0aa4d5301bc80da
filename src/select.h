/*
 * The engine: every message of a queue that an expression selects, with the parts that the caller
 * wants, on several threads, handed over in the order of the scan.
 *
 * Contract: names go to the threads in chunks; each() is called in any thread for a message that is
 * selected, and writes only to its chunk; chunk() is called for one chunk at a time, in scan order,
 * by whichever thread is free. So the result does not depend on timing. Nothing of a message
 * outlives each().
 */
#ifndef MTAQ_SELECT_H
#define MTAQ_SELECT_H

#include "filter.h"

#include <mtaq/backend.h>
#include <mtaq/limits.h>

/* What one chunk of names has produced. */
struct select_chunk {
	struct buf out;			     /* each() appends here */
	struct buf err;			     /* lines for stderr, already escaped */
	size_t end[LIMIT_CHUNK_ENTRIES];     /* out.n after each selected message since the last
						hand-over */
	unsigned selected;		     /* how many of them */
	unsigned long scanned, errors, gone; /* names looked at, messages in ERROR, vanished or not
						whole yet */
	size_t link; /* for each(): which filter of a chain took the message; else 0 */
	void *data;  /* select_request.chunk_data bytes, zero after each hand-over */
};

struct select_request {
	const struct queue *queue;
	const struct filter *filter; /* bound to this queue, may be a chain; NULL selects all */
	parts_t parts;		     /* that each() needs beyond the filter's */
	parts_t quiet_parts;	     /* the same, but when one cannot be had that is not reported */
	const parts_t *link_parts;   /* NULL, or more parts for each filter of a chain */
	unsigned states; /* bits 1 << STATE_x: messages in another state are passed over, what tells
			    the state is loaded of those that match; one whose state cannot be told
			    is not passed over; 0: all */
	/* Take these instead of a scan (ids, a second pass): pointers that stay valid. */
	const struct message_entry *entries;
	size_t entry_count;
	/* NULL, or asked of each of `entries`, by its index, in any thread: true when it has
	 * appended to chunk->out all there is of that one, which then counts as selected and is not
	 * loaded. */
	bool (*known)(void *ctx, struct select_chunk *chunk, size_t entry);
	unsigned jobs; /* threads, >= 1; with 1 everything runs in the caller's */
	int64_t now;
	const char *program; /* put before messages in chunk->err: "mtaq" */
	size_t chunk_data;   /* bytes of chunk->data; 0: none */
	void *ctx;
	/* A selected message: c->message with the parts loaded (or failed), c->arena for what is
	 * made of it. */
	void (*each)(void *ctx, struct select_chunk *chunk, const struct field_context *c);
	/* The next chunk in order. False ends the run early (limit reached, output gone): not an
	 * error. A chunk whose output passes LIMIT_CHUNK_OUTPUT is handed over in pieces. */
	bool (*chunk)(void *ctx, struct select_chunk *chunk);
	/* NULL, or called with the number of names looked at so far, in order, at most once a
	 * chunk. */
	void (*progress)(void *ctx, unsigned long scanned);
};

struct select_totals {
	unsigned long scanned, selected, errors, gone;
	bool stopped; /* by chunk() */
};

/* Run it. 0; -1 with err (SCOPE_QUEUE: this queue could not be read on; SCOPE_RUN: a pattern ran
 * away, out of threads). Totals are true in each case. */
int select_run(const struct select_request *r, struct select_totals *totals, struct error *err);

/* For each(): append "PROGRAM: text" to chunk->err and count the error. */
void select_report(struct select_chunk *chunk, const char *program, const struct error *err);

/* Look up an id that the user named: as backend->find. */
int select_find(const struct queue *q, struct slice id, struct arena *names,
		struct message_entry *out, int room, struct error *err);

/* A file of the message that tells where it lies: the first that its backend names; none when it is
 * gone. */
struct slice select_path(const struct message_entry *e, struct arena *names);

/* The state that a message is in now; STATE_UNKNOWN when it cannot be told, or is gone. */
enum message_state select_state(const struct queue *q, const struct message_entry *e, int64_t now);

#endif
