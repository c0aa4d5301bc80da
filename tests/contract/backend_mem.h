/*
 * A queue in memory, for tests: messages are scripted, calls are counted, and a test can hold the
 * threads back.
 *
 * Contract: the same table of operations as a real backend. Its needs[] and prices are its own or
 * another backend's (`like`), and a message delivers a member only when all parts that needs[]
 * names for the member's field are loaded: whoever reads it earlier sees nothing. Scripts stay the
 * test's and must outlive the queue.
 */
#ifndef TESTS_BACKEND_MEM_H
#define TESTS_BACKEND_MEM_H

#include <mtaq/backend.h>

/* On its own: opens a few messages under the directory name MEM_DEMO. */
extern const struct backend backend_mem;
#define MEM_DEMO "mem-demo"

struct mem_message {
	const char *name;
	struct message is;    /* the members, once their parts are loaded */
	bool state_in_name;   /* the state is known from the start */
	parts_t fails;	      /* parts that cannot be had */
	parts_t vanishes;     /* it is gone when one of these is loaded */
	unsigned vanishes_at; /* or at this call of load, counted from 1; 0: never */
};

enum mem_op {
	MEM_SCAN_BEGIN,
	MEM_SCAN_NEXT,
	MEM_SCAN_END,
	MEM_FIND,
	MEM_BEGIN,
	MEM_LOAD,
	MEM_FILES,
	MEM_OPEN_DATA,
	MEM_OPS
};

/* `like`: whose name, needs, prices, states and options; NULL: backend_mem's own. NULL when out of
 * memory. */
struct queue *mem_open(const struct backend *like, const struct mem_message *list, size_t count,
		       int64_t now);
void mem_close(struct queue *q);
/* scan_next() fails with *e (copied) once, before message number `before`. At most 8. */
void mem_trouble(struct queue *q, size_t before, const struct error *e);
/* scan_begin() fails with *e. */
void mem_refuse(struct queue *q, const struct error *e);

/* Calls of an operation since the queue was opened or counts were reset. */
unsigned long mem_calls(const struct queue *q, enum mem_op op);
/* How often this part was loaded, over all messages. */
unsigned long mem_part_loads(const struct queue *q, enum part_index part);
/* The parts that were loaded of message `i`, and the number of calls that did it. */
parts_t mem_parts(const struct queue *q, size_t i);
unsigned long mem_loads(const struct queue *q, size_t i);
/* What its calls of load added, in order, up to `room`; the number of calls that added something.
 */
size_t mem_history(const struct queue *q, size_t i, parts_t *out, size_t room);
void mem_reset_counts(struct queue *q);

/* Gates: begin() of the messages of a closed chunk (LIMIT_CHUNK_ENTRIES of them) waits. Close them
 * before the run. */
void mem_gate_close(struct queue *q, size_t chunk);
void mem_gate_open(struct queue *q, size_t chunk);
/* Wait until a thread is held at the gate. */
void mem_gate_wait(struct queue *q, size_t chunk);

/* Private: copy the members that field `f` shows. */
void mem_take(struct message *m, const struct message *is, enum field_id f);

#endif
