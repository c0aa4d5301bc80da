/*
 * Ids of runs, "20261120T105612Z-12345": when it began and as which process, and ".003" where it
 * is one of several of that process. They name journals and
 * folders of the trash.
 */
#ifndef MTAQ_RUNID_H
#define MTAQ_RUNID_H

#include <mtaq/arena.h>
#include <mtaq/error.h>

/* Could this be one? It becomes a file name. */
bool run_id_valid(struct slice id);
/* The seconds of its time; false when it is none. */
bool run_id_time(struct slice id, int64_t *t);

struct run_ids {
	const char **list; /* sorted: the oldest first, those of one second by process */
	size_t count;
	struct arena names;
};
/* The runs of which `dir` has an entry with their id and `suffix`; none when it is not there.
 * run_ids_free() is needed in any case. */
int run_ids_read(const char *dir, const char *suffix, struct run_ids *out, struct error *err);
void run_ids_free(struct run_ids *l);

#endif
