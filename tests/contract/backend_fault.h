/*
 * Any queue with faults put in: the n-th call of an operation fails, or finds its message gone.
 *
 * Contract: without faults it is the queue that it wraps, operation for operation. Calls are
 * counted over all threads. The wrapped queue stays the caller's and must outlive the wrapper.
 */
#ifndef TESTS_BACKEND_FAULT_H
#define TESTS_BACKEND_FAULT_H

#include <mtaq/backend.h>

enum fault_slot {
	FAULT_SCAN_BEGIN,
	FAULT_SCAN_NEXT, /* nothing is lost: the next call gives what this one would have */
	FAULT_FIND,
	FAULT_LOAD,
	FAULT_OPEN_DATA,
	FAULT_SLOTS
};

struct fault {
	enum fault_slot slot;
	unsigned long at;    /* the first call that fails, counted from 1 */
	unsigned long times; /* how many in a row; 0: all from there on */
	bool vanish;	     /* FAULT_LOAD: the message is gone instead */
	struct error err;
};

/* `faults` (copied, at most 8). NULL when out of memory. */
struct queue *fault_wrap(struct queue *inner, const struct fault *faults, size_t count);
void fault_unwrap(struct queue *q); /* the inner queue stays open */
/* Calls of a slot so far. */
unsigned long fault_calls(const struct queue *q, enum fault_slot slot);

#endif
