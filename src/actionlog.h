/*
 * What is told of an action: the line on stdout, the line in the system log, the journal's records.
 * Private to the pipeline.
 */
#ifndef MTAQ_ACTIONLOG_H
#define MTAQ_ACTIONLOG_H

#include "batch.h"

/* Make the journal with its first line; 0/-1. */
int action_journal_open(struct batch_run *b, struct error *err);
/* Add the intent for `h`; its number. */
uint64_t action_journal_intent(struct batch_run *b, const struct held *h);
/* "ID: expired, from=<...>" on stdout, and in the system log with who did it. */
void action_tell_done(struct batch_run *b, const struct held *h);

#endif
