/*
 * Delivery statuses made alike, so that they can be counted: what differs from message to message
 * is put away.
 *
 * Contract: pure.
 */
#ifndef MTAQ_FOLD_H
#define MTAQ_FOLD_H

#include <mtaq/arena.h>

/* Addresses become <*>, what stands in brackets [*], other numbers N, words that look like queue
 * ids *; the SMTP code and the enhanced code stay. p == NULL when out of memory. */
struct slice status_fold(struct arena *a, struct slice status);
/* What an SMTP reply code ("452") or an enhanced status code ("4.2.2") says, in a few words, and
 * whether trying again may help; NULL when it is neither. */
const char *reply_meaning(struct slice code);
/* 1 temporary, 0 permanent, -1 neither. */
int reply_temporary(struct slice code);

#endif
