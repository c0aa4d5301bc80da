/*
 * The trash: what delete took away, one folder per run, each message in its MTA's own format with a
 * note beside it.
 *
 * PLACE/RUN/ is 0700, and holds saved messages as mtaq/saved.h describes them. `save` writes the
 * same into a directory that the user names. While its run lasts the folder is locked (flock), so
 * that nobody empties it meanwhile.
 */
#ifndef MTAQ_TRASH_H
#define MTAQ_TRASH_H

#include <mtaq/action.h>

/* The directory of the trash for queue `q`: `given` (--trash) or beside its spool. 0/-1 with err
 * (73). */
int trash_place(const struct queue *q, const char *given, char *out, size_t size,
		struct error *err);
/* Make PLACE (0700) and PLACE/RUN (0700) and open the latter; its path to `out`. fd or -1. */
int trash_open_run(const char *place, const char *run, char *out, size_t size, struct error *err);
/* Close it; a folder that nothing came into is removed. */
void trash_close_run(int fd, const char *path);
/* Remove the folder of a run if all that was in it has been brought back. Any other directory
 * stays. */
void trash_tidy(const char *path);

#endif
