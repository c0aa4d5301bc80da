/*
 * So that the same command again finishes what a run was killed at.
 */
#ifndef QMAIL_MEND_H
#define QMAIL_MEND_H

#include "act.h"

enum { MARKER_NAME = 64 };

/* The files of this message are about to go, info or todo first. */
int marker_put(struct action *a, const struct held *h, struct error *err);
void marker_remove(struct action *a, const struct held *h);
void qmail_mend(struct action *a);

#endif
