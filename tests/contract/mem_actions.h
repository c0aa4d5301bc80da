/*
 * Actions on a queue in memory, for tests of the pipeline: nothing is done, each step is written
 * down, and any step can be made to fail or to call the test.
 *
 * Contract: the program that links this is its own registry of backends: a run that opens the queue
 * "mem:NAME" gets the messages that mem_acts_reset() was given, with the actions of `mem_acts`. It
 * also has fdatasync() for its own, which is written down as a step. One test at a time.
 */
#ifndef TESTS_MEM_ACTIONS_H
#define TESTS_MEM_ACTIONS_H

#include "contract/backend_mem.h"

#include <mtaq/action.h>

enum act_step {
	ACT_RUN_BEGIN,
	ACT_BATCH_BEGIN,
	ACT_TAKE,
	ACT_RECHECK,
	ACT_PREPARE,
	ACT_SYNC,
	ACT_COMMIT,
	ACT_FINISH,
	ACT_LET_GO,
	ACT_BATCH_END,
	ACT_ASK,
	ACT_RUN_END
};

struct act_failure {
	enum act_step step;
	const char *name; /* of the message; NULL: any, or none at all */
	enum error_code code;
	unsigned times; /* so often; 0: always */
	unsigned after; /* so many calls are spared first */
};

struct mem_acts {
	struct mem_message *list;
	size_t count;
	struct backend_actions table;
	struct act_failure fails[8];
	void (*hook)(enum act_step step, const char *name); /* before the step; may be NULL */
	const char *already;				    /* this one has nothing to do */
	const char *attempted;				    /* this one's attempt is seen by ask */
	bool offline;
	struct buf log; /* "take a\n" ... */
	size_t commits;
	const json_t *undo;	       /* of the last prepare; valid there */
	const struct saved *saved;     /* the same */
	unsigned syncs, sync_fails_at; /* calls of fdatasync: of the journal's, that is */
	const char *find_hides;	       /* this one is in the scan, but find() does not find it */
};

extern struct mem_acts mem_acts;

enum { MEM_ACTS_MANY = 130 };

/* Begin anew with these messages; all operations are possible. */
void mem_acts_reset(struct mem_message *list, size_t count);
/* The same with so many queued messages "m0", "m1", ... from a@example.com, at most MEM_ACTS_MANY;
 * the test may change them in mem_acts.list. */
void mem_acts_make(size_t count);
/* What was written down, as text. */
const char *mem_acts_log(void);
void mem_acts_fail(struct act_failure f);
void mem_acts_free(void);

#endif
