/*
 * The notes of one queue's MTA about hosts, collected, chosen and put in order; and how they are
 * printed.
 */
#ifndef MTAQ_HOSTLIST_H
#define MTAQ_HOSTLIST_H

#include "run.h"

#include <mtaq/hosts.h>

#include <jansson.h>

struct host_list {
	struct host_note *list; /* bytes are in `arena` */
	size_t count, room;
	bool unread; /* there are notes that could not be read */
	struct arena arena;
};

/* Which notes: with `words`, those of these hosts (".example.com": all below it); without, all, or
 * only those of trouble. found[i] is set when word i named one. */
struct host_choice {
	char **words;
	size_t count;
	bool *found;
	bool trouble_only;
};

void host_list_init(struct host_list *l);
void host_list_free(struct host_list *l);
/* Those of `q`, the ones that are down first, then by name. Trouble is told to `run`; false when
 * there is nothing to look at, and why has been told or noted. */
bool host_list_read(struct run *run, const struct queue *q, const struct host_choice *choice,
		    struct host_list *l);

/* A name as it is noted: without the brackets of an address and the dot at its end. */
struct slice host_bare(struct slice host);

void host_print_heading(struct buf *b);
/* One line. */
void host_print_row(struct buf *b, const struct host_note *n, int64_t now);
/* As an object, a new reference; `forgotten` is told when it is not NULL. NULL when out of memory.
 */
json_t *host_json(const struct queue *q, const struct host_note *n, const bool *forgotten);

#endif
