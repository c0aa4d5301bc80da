/*
 * A queue that is only in memory, for the tests of the filter: what its MTA can tell, what each
 * part costs, and messages whose parts are all there until a test takes some away.
 */
#ifndef TESTS_FILTER_WORLD_H
#define TESTS_FILTER_WORLD_H

#include "filter.h"

#include <mtaq/backend.h>

#define WORLD_NOW   INT64_C(1763625600) /* 2025-11-20T08:00:00Z */
#define WORLD_PARTS ((parts_t)((1u << PART_COUNT) - 1))

/* As on qmail, with a log: no priority, no macros. */
static const parts_t world_needs[FIELD_COUNT] = {
    [FIELD_ID] = PART_NAME,
    [FIELD_QUEUE] = PART_NAME,
    [FIELD_MTA] = PART_NAME,
    [FIELD_HOST] = PART_NAME,
    [FIELD_STATE] = PART_STAT | PART_RECIPIENTS,
    [FIELD_LOCKED] = PART_LOCK,
    [FIELD_ARRIVAL] = PART_STAT,
    [FIELD_AGE] = PART_STAT,
    [FIELD_ACCEPTED] = PART_DATA,
    [FIELD_SIZE] = PART_DATA,
    [FIELD_SENDER] = PART_CONTROL,
    [FIELD_SENDER_DOMAIN] = PART_CONTROL,
    [FIELD_BOUNCE] = PART_STAT,
    [FIELD_RECIPIENT] = PART_RECIPIENTS,
    [FIELD_RECIPIENT_DOMAIN] = PART_RECIPIENTS,
    [FIELD_RECIPIENT_ALL] = PART_RECIPIENTS,
    [FIELD_RECIPIENT_DONE] = PART_RECIPIENTS,
    [FIELD_RECIPIENTS] = PART_RECIPIENTS,
    [FIELD_PENDING] = PART_RECIPIENTS,
    [FIELD_CHANNEL] = PART_RECIPIENTS,
    [FIELD_ROUTE] = PART_RECIPIENTS,
    [FIELD_STATUS] = PART_RECIPIENTS | PART_LOG,
    [FIELD_ATTEMPTS] = PART_RECIPIENTS | PART_LOG,
    [FIELD_LAST_ATTEMPT] = PART_RECIPIENTS | PART_LOG,
    [FIELD_AUTH] = PART_CONTROL,
    [FIELD_REASON] = PART_CONTROL,
    [FIELD_HEADER] = PART_HEADER,
    [FIELD_SUBJECT] = PART_HEADER,
    [FIELD_FROM] = PART_HEADER,
    [FIELD_TO] = PART_HEADER,
    [FIELD_CC] = PART_HEADER,
    [FIELD_BODY] = PART_BODY,
};

static const char *const world_lacks[FIELD_COUNT] = {
    [FIELD_PRIORITY] = "sendmail has it",
};

static const uint32_t world_cost[PART_COUNT] = {
    [PART_STAT_I] = 1000,	[PART_CONTROL_I] = 5000, [PART_DATA_I] = 1500,
    [PART_RECIPIENTS_I] = 6000, [PART_HEADER_I] = 8000,	 [PART_LOCK_I] = 9000,
    [PART_BODY_I] = 50000,	[PART_LOG_I] = 1000000,
};

struct world {
	struct arena arena;
	struct queue queue;
	struct message dummy;
	struct filter_target target;
};

static inline void world_init(struct world *w)
{
	arena_init(&w->arena, 0);
	w->queue = (struct queue){.backend = backend_find("qmail"),
				  .name = "qmail:/queue",
				  .dir = "/queue",
				  .host = "mx.example",
				  .now = WORLD_NOW};
	w->dummy = (struct message){.queue = &w->queue, .arena = &w->arena, .have = PART_NAME};
	w->target = (struct filter_target){.needs = world_needs,
					   .lacks = world_lacks,
					   .cost = world_cost,
					   .dummy = &w->dummy,
					   .queue_name = w->queue.name};
}

static inline void world_free(struct world *w)
{
	arena_free(&w->arena);
}

/* A message that lacks all it may lack, every part loaded. */
static inline struct message world_message(struct world *w)
{
	return (struct message){.queue = &w->queue,
				.arena = &w->arena,
				.have = WORLD_PARTS,
				.id = SLICE("1234"),
				.state = STATE_QUEUED,
				.locked = -1};
}

static inline struct field_context world_context(struct world *w, const struct message *m)
{
	return (struct field_context){.message = m, .arena = &w->arena, .now = WORLD_NOW};
}

static inline void world_fail(struct message *m, parts_t parts, const struct error *why)
{
	m->failed |= parts;
	for (size_t i = 0; i < PART_COUNT; i++)
		if (parts & PART(i))
			m->why[i] = why;
}

#endif
