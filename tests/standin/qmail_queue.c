/*
 * A stand-in for qmail-queue, for tests only: the message on descriptor 0, the envelope on
 * descriptor 1 (F, T, ... records and one more NUL), the queue in $STANDIN_QUEUE. Exit statuses are
 * those of qmail-queue.
 */
#include "spool.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The records without the NUL that ends them; 0, or the exit status. */
static int check_envelope(const char *p, size_t n, size_t *records)
{
	size_t at = 0;

	while (at < n && p[at]) {
		size_t length = strnlen(p + at, n - at);

		if (at + length == n)
			return 54;
		if (p[at] != (at ? 'T' : 'F'))
			return 91;
		if (length > SPOOL_ADDRESS)
			return 11;
		at += length + 1;
	}
	*records = at;
	return at < n && at > 0 ? 0 : 54;
}

int main(void)
{
	const char *queue = getenv("STANDIN_QUEUE");
	size_t body_n, envelope_n, records;
	char *body, *envelope, how[64];
	struct spool s;
	int status;

	if (!queue)
		return 62;
	spool_enter(queue, &s);
	body = spool_slurp(0, &body_n);
	envelope = spool_slurp(1, &envelope_n);
	if (!body || !envelope)
		return 54;
	status = check_envelope(envelope, envelope_n, &records);
	snprintf(how, sizeof how, "by uid %ld", (long)getuid());
	if (!status)
		status = spool_submit(&s, how, body, body_n, envelope, records);
	free(body);
	free(envelope);
	return status;
}
