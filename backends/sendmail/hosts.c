/*
 * Which hosts a message waits for: the domains of its recipients with all hosts below them, and the
 * hosts that its statuses name ("Connection refused by mx.example."). A retry forgets what sendmail
 * has noted of them.
 */
#include <mtaq/addr.h>

#include "act.h"
#include "hoststatus.h"

/* What follows the last " by " or " with ". */
static struct slice host_in_status(struct slice status)
{
	struct slice rest = status, word, host = SLICE_NONE;
	bool next = false;

	while (slice_cut(&rest, ' ', &word)) {
		if (next)
			host = word;
		next = slice_eq(word, SLICE("by")) || slice_eq(word, SLICE("with"));
	}
	return host;
}

/* A top-level domain is nobody's. */
static uint64_t forget_host(int base, struct slice host)
{
	return slice_chr(host, '.') == SIZE_MAX ? 0 : host_status_remove(base, host, true, NULL);
}

uint64_t hosts_forget(const struct sendmail_queue *q, const struct message *m)
{
	int base = host_status_open(q, NULL);
	uint64_t n = 0;

	if (base < 0)
		return 0;
	for (size_t i = 0; i < m->recipient_count; i++)
		n += forget_host(base, addr_domain(m->recipients[i].address));
	for (size_t i = 0; i < m->status_count; i++)
		n += forget_host(base, host_in_status(m->statuses[i]));
	sys_close(base);
	return n;
}
