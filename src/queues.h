/*
 * Which queues the run is about: -q, MTAQ_QUEUES, or what this host has.
 *
 * Contract: a queue that cannot be opened is told, once, and makes the run's status 66, 71 or 77;
 * the others are still served. One that is opened in spite of some trouble makes it 1 (77 where a
 * directory of it may not be read). A mistake in what the user wrote (64) leaves none open.
 */
#ifndef MTAQ_QUEUES_H
#define MTAQ_QUEUES_H

#include "run.h"

struct queue_list {
	struct queue **list;
	size_t count, room;
};

/* "[KIND:]DIR[,key=value...]"; a backslash keeps a comma. Strings go to `arena`. 0/-1 with
 * ERROR_USAGE. */
int queue_spec_parse(struct arena *arena, const char *text, const char *why, struct queue_spec *out,
		     struct error *err);
/* Open them all; trouble is printed as it comes. Returns the number of queues that are open; 0 when
 * there are none, then the run's status says why. */
size_t queues_open(struct run *run, struct queue_list *out);
/* One more, by what -q takes, or the one of that name that is open already. NULL: told. */
struct queue *queues_add(struct run *run, struct queue_list *l, const char *text, const char *why);
/* The open queue of this name, NULL when there is none. */
struct queue *queues_named(const struct queue_list *l, struct slice name);
void queues_close(struct queue_list *l);

#endif
