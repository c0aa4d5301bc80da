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
/* The script id that a held message has, or will have. */
struct slice action_held_id(const struct held *h);
/* "ID: expired, from=<...>" on stdout, and in the system log with who did it. */
void action_tell(struct batch_run *b, struct slice id, struct slice sender, const char *participle);
json_t *action_counts_json(const struct action_counts *c);
/* "12 messages matched: 10 expired, 2 busy" on stderr; the run's status becomes what they mean. */
void action_summary(struct run *run, const struct action_request *request,
		    const struct action_counts *counts);

#endif
