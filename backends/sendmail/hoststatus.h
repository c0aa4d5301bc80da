/*
 * The status of hosts that sendmail keeps in HostStatusDirectory, as other files of this backend
 * use it.
 */
#ifndef SENDMAIL_HOSTSTATUS_H
#define SENDMAIL_HOSTSTATUS_H

#include <mtaq/hosts.h>

#include "queue.h"

/* What a status file says. */
struct host_status {
	int64_t last_use, exit_status, errnum;
	struct slice dsn, reply; /* none when there is no such line */
};
/* As sendmail reads it. 0, or the number of the line that it would stop at; a text without a
 * version is wrong in the line after its last. */
size_t host_status_parse(struct slice text, struct host_status *out);

/* The directory: fd, or -1 with err (none is configured: ERROR_UNSUPPORTED). */
int host_status_open(const struct sendmail_queue *q, struct error *err);
/* Remove the file of `host`, and with `below` those of all hosts in that domain: how many. Those
 * that cannot be locked stay. The first error goes to err. */
uint64_t host_status_remove(int base, struct slice host, bool below, struct error *err);

#endif
