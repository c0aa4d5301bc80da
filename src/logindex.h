/*
 * The log of one queue by message number: read once, when something of it is first needed.
 *
 * Contract: the numbers in the queue are looked up first, then every line of the log is taken once,
 * and only those of these messages are kept: a recipient's latest words and counts, not its
 * attempts. So memory follows the queue and not the log: of one message at most LIMIT_RECIPIENTS
 * recipients and attempts without a result; past that its history is not whole. A message that came
 * later than that has no history (ERROR_BUSY). Thread-safe: who needs it first reads, the others
 * wait.
 */
#ifndef MTAQ_LOGINDEX_H
#define MTAQ_LOGINDEX_H

#include <mtaq/backend.h>
#include <mtaq/log.h>

/* For q->logs; NULL when out of memory. */
struct log_source *logindex_new(const struct queue *q);
void logindex_free(struct log_source *s); /* NULL is fine */
/* Why the log could not be read, once it was tried; NULL: no trouble. */
const struct error *logindex_error(const struct log_source *s);

#endif
