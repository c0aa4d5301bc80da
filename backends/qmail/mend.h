/*
 * So that the same command again finishes what a run was killed at.
 */
#ifndef QMAIL_MEND_H
#define QMAIL_MEND_H

#include "act.h"

enum { MARKER_NAME = 64 };

/* The files of this message are about to go, or to come. The note for its sender, if it has one, is
 * kept under the marker's name too, so that it can be put back. */
int marker_put(struct action *a, uint64_t n, const struct stat *mess, struct error *err);
/* qmail-send may see the message any moment. On disk. */
int marker_turn(struct action *a, uint64_t n, const struct stat *mess, struct error *err);
/* Either. */
void marker_remove(struct action *a, uint64_t n, const struct stat *mess);
/* Both: a->own is set, and this is the one mtaq that acts there. */
void mend_queue(struct action *a);
void qmail_mend(struct action *a);

#endif
