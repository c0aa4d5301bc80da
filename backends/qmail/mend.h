/*
 * So that the same command again finishes what a run was killed at.
 */
#ifndef QMAIL_MEND_H
#define QMAIL_MEND_H

#include "act.h"

enum { MARKER_NAME = 64 };

/* The files of this message are about to go, info or todo first; or to come, info or todo last. */
int marker_put(struct action *a, uint64_t n, const struct stat *mess, struct error *err);
void marker_remove(struct action *a, uint64_t n, const struct stat *mess);
void qmail_mend(struct action *a);

#endif
