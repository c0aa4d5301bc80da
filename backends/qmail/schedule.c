/*
 * When the next attempt will be, where that can be told for certain.
 *
 * While qmail-send is down the times of the channel files are its plan. While it runs the plan is
 * in its memory, but was computed from the birth of the message and the beginning of the latest
 * attempt, which the log tells. Nothing is said when the birth was changed since then, when a
 * second more or less would give another time, or when the time is past.
 */
#include "internal.h"

enum { LOCAL_SKIP = 10, REMOTE_SKIP = 20, FAR = 1 << 30 };

int64_t qmail_next_attempt(enum channel channel, int64_t birth, int64_t start)
{
	int64_t age = number_minus(start, birth), root = 0;

	if (age > 0 && age < FAR)
		while ((root + 1) * (root + 1) <= age)
			root++;
	root += channel == CHANNEL_LOCAL ? LOCAL_SKIP : REMOTE_SKIP;
	return birth + root * root;
}

/* The beginning of the latest attempt of all pending recipients of a channel; not known when one of
 * them was not tried. */
static struct number latest_pass(const struct message *m, enum channel c)
{
	struct number start = {false, 0};

	for (size_t i = 0; i < m->recipient_count; i++) {
		const struct recipient *r = &m->recipients[i];

		if (r->done || r->channel != c)
			continue;
		if (!r->last_attempt.known)
			return r->last_attempt;
		if (!start.known || r->last_attempt.value < start.value)
			start = r->last_attempt;
	}
	return start;
}

static struct number running_plan(const struct queue_qmail *q, const struct message *m,
				  enum channel c)
{
	const struct number none = {false, 0}, start = latest_pass(m, c);
	struct stat st;
	int64_t next;

	if (!start.known || start.value <= INT64_MIN + 1 || m->arrival.value > INT64_MAX - FAR ||
	    m->arrival.value < -FAR || start.value - m->arrival.value >= FAR ||
	    qmail_stat(q, FILE_INFO, m->entry.number, &st, NULL) != 1 || st.st_ctime > start.value)
		return none;
	next = qmail_next_attempt(c, m->arrival.value, start.value);
	if (next != qmail_next_attempt(c, m->arrival.value, start.value - 1))
		return none;
	return number_of(next);
}

static struct number plan(const struct queue_qmail *q, const struct message *m, enum channel c)
{
	struct number next = {false, 0};
	int running = send_known(q);
	struct stat st;

	if (running > 0)
		next = running_plan(q, m, c);
	else if (running == 0 && qmail_stat(q, c == CHANNEL_LOCAL ? FILE_LOCAL : FILE_REMOTE,
					    m->entry.number, &st, NULL) == 1)
		next = number_of(st.st_mtime);
	next.known = next.known && next.value > q->base.now;
	return next;
}

void next_attempts(const struct queue_qmail *q, struct message *m)
{
	struct number next[CHANNEL_REMOTE + 1];
	bool asked[CHANNEL_REMOTE + 1] = {false}, all = true;

	m->next_attempt = (struct number){false, 0};
	for (size_t i = 0; i < m->recipient_count; i++) {
		struct recipient *r = &m->recipients[i];
		enum channel c = r->channel;

		if (r->done || c == CHANNEL_NONE)
			continue;
		if (!asked[c])
			next[c] = plan(q, m, c);
		asked[c] = true;
		r->next_attempt = next[c];
		all = all && next[c].known;
		if (!m->next_attempt.known || next[c].value < m->next_attempt.value)
			m->next_attempt = next[c];
	}
	m->next_attempt.known = m->next_attempt.known && all;
}
