/*
 * PART_LOG: what qmail-send's log tells of a message, joined to its recipients.
 *
 * Numbers are used again at once, so the history of a number is believed only when it is proven to
 * be this message's: the size, and the process that queued it, which stands in the message's own
 * first line. That line costs an open and a read, once for a message that gets this far; a wrong
 * history could end a message that has just come.
 */
#include "internal.h"

enum { SAME_TIME = 2 /* seconds between the log's word and the file's time */ };

struct joining {
	const struct queue_qmail *q;
	struct message *m;
	const struct log_history *h;
	struct log_recipient **of; /* of each recipient of the message; NULL: never tried */
	struct sharing {
		unsigned all, pending;
	} * sharing; /* of each recipient of the history: how many of the message's look like it */
	bool confused;
};

/* ---- is it this message's ---- */

static bool first_line_qp(struct message *m, uint64_t *qp, struct error *err)
{
	static const struct slice lead = {"Received: (qmail ", 17};
	char line[64];
	ssize_t got = mess_first(m, line, sizeof line, err);
	struct slice s = slice_of(line, got > 0 ? (size_t)got : 0), digits;

	if (!slice_starts(s, lead))
		return false;
	digits = slice_skip(s, lead.n);
	return slice_u64(slice_take(digits, slice_chr(digits, ' ')), qp);
}

static bool same_sender(struct message *m, const struct log_history *h)
{
	struct slice mapped = qmail_log_address(m->arena, m->sender);

	return mapped.p && slice_eq(mapped, h->sender);
}

/* A message that was put into the queue by hand keeps the first line of its earlier life. */
static bool same_birth(const struct message *m, const struct log_history *h)
{
	int64_t d = number_minus(m->arrival.value, h->began.value);

	return h->began.known && m->arrival.known && d >= -SAME_TIME && d <= SAME_TIME;
}

static bool is_its_history(struct joining *j, struct error *err)
{
	struct message *m = j->m;
	uint64_t qp = 0;
	bool told = first_line_qp(m, &qp, err);

	if (m->gone || err->code != ERROR_NONE)
		return false;
	if (!j->h->whole && !j->h->has_info)
		return true; /* nothing to compare: it is a lower bound at most */
	if (m->size.known && (uint64_t)m->size.value == j->h->size &&
	    ((told && qp == j->h->qp) || (same_sender(m, j->h) && same_birth(m, j->h))))
		return true;
	error_set(err, ERROR_CORRUPT,
		  "the log's message %llu is not the one in the queue, its number was used again",
		  (unsigned long long)m->entry.number);
	return false;
}

/* ---- recipients ---- */

static int find_recipients(struct joining *j)
{
	struct message *m = j->m;

	j->of = arena_array(m->arena, m->recipient_count, sizeof(struct log_recipient *));
	j->sharing = arena_zalloc(m->arena, j->h->count * sizeof *j->sharing);
	if (!j->of || !j->sharing)
		return -1;
	for (size_t i = 0; i < m->recipient_count; i++) {
		const struct recipient *r = &m->recipients[i];
		struct arena_mark mark = arena_mark(m->arena);
		struct slice mapped = qmail_log_address(m->arena, r->address);
		size_t at;

		if (!mapped.p)
			return -1;
		j->of[i] = log_history_find(j->h, r->channel, mapped);
		arena_release(m->arena, mark);
		if (!j->of[i])
			continue;
		at = (size_t)(j->of[i] - j->h->recipients);
		j->sharing[at].all++;
		j->sharing[at].pending += !r->done;
	}
	return 0;
}

/* Several that look the same have as many attempts each as long as none of them is done. */
static struct number attempts_of(struct joining *j, const struct log_recipient *l)
{
	const struct sharing *s = &j->sharing[l - j->h->recipients];

	if (s->all <= 1)
		return number_of(l->starts);
	if (s->pending == s->all && l->starts % s->all == 0)
		return number_of(l->starts / s->all);
	j->confused = true;
	return (struct number){false, 0};
}

static int fill_recipient(struct joining *j, struct recipient *r, const struct log_recipient *l)
{
	if (!l) {
		r->attempts = number_of(0);
		return 0;
	}
	r->attempts = attempts_of(j, l);
	r->last_attempt = l->last_start;
	if (l->outcome == OUTCOME_NONE)
		return 0;
	r->own_status = true;
	r->status = qmail_log_text(j->m->arena, l->text);
	return r->status.p ? 0 : -1;
}

/* Those whose channel file is gone. */
static int add_logged(struct joining *j)
{
	struct message *m = j->m;

	m->logged = arena_zalloc(m->arena, j->h->count * sizeof *m->logged);
	if (!m->logged)
		return -1;
	for (size_t i = 0; i < j->h->count; i++) {
		const struct log_recipient *l = &j->h->recipients[i];
		struct recipient *r = &m->logged[m->logged_count];

		if (j->sharing[i].all)
			continue;
		j->sharing[i].all = 1;
		m->logged_count++;
		r->address = r->raw = arena_copy(m->arena, l->address);
		r->channel = l->channel;
		r->done = true;
		if (!r->address.p || fill_recipient(j, r, l) < 0)
			return -1;
	}
	return 0;
}

static struct number larger(struct number a, struct number b)
{
	if (!a.known || !b.known)
		return a.known ? a : b;
	return a.value > b.value ? a : b;
}

/* The message's own: of its pending recipients the one that was tried most often, and last; of all
 * when none is pending. */
static int sum_up(struct message *m)
{
	bool all = m->pending_count == 0;

	m->statuses = arena_array(m->arena, m->recipient_count, sizeof *m->statuses);
	if (!m->statuses)
		return -1;
	m->status_count = 0;
	for (size_t i = 0; i < m->recipient_count; i++) {
		const struct recipient *r = &m->recipients[i];

		if (r->done && !all)
			continue;
		m->attempts = larger(m->attempts, r->attempts);
		m->last_attempt = larger(m->last_attempt, r->last_attempt);
		if (r->status.p)
			m->statuses[m->status_count++] = r->status;
	}
	return 0;
}

/* ---- the part ---- */

static int fill(struct joining *j)
{
	struct message *m = j->m;

	if (find_recipients(j) < 0)
		return -1;
	for (size_t i = 0; i < m->recipient_count; i++)
		if (fill_recipient(j, &m->recipients[i], j->of[i]) < 0)
			return -1;
	if (add_logged(j) < 0)
		return -1;
	next_attempts(j->q, m);
	return sum_up(m);
}

static int join(struct joining *j, struct error *err)
{
	struct message *m = j->m;

	if (!m->queue->log)
		return error_set(err, ERROR_UNSUPPORTED, "the log is not open");
	j->h = m->queue->log->history(m->queue->log, m->entry.number, err);
	if (!j->h || !is_its_history(j, err))
		return -1;
	if (fill(j) < 0)
		return error_set(err, ERROR_LIMIT, "out of memory for one message");
	if (!j->h->whole && m->attempts.known && m->attempts.value > 0)
		return error_set(err, ERROR_CORRUPT,
				 "the log does not reach back to message %llu: at least %lld "
				 "attempts",
				 (unsigned long long)m->entry.number, (long long)m->attempts.value);
	if (!j->h->whole)
		return error_set(err, ERROR_CORRUPT, "the log does not reach back to message %llu",
				 (unsigned long long)m->entry.number);
	if (j->confused)
		return error_set(err, ERROR_CORRUPT,
				 "message %llu has recipients that look the same in the log",
				 (unsigned long long)m->entry.number);
	return 0;
}

/* What is not preprocessed was never tried. */
static void never_tried(struct message *m)
{
	if (m->state != STATE_NEW)
		return;
	m->attempts = number_of(0);
	for (size_t i = 0; i < m->recipient_count; i++)
		m->recipients[i].attempts = number_of(0);
}

/* The parts that this one stands on. */
static const struct error *first_failure(const struct message *m)
{
	static const enum part_index parts[] = {PART_STAT_I, PART_CONTROL_I, PART_RECIPIENTS_I};

	for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
		if (m->failed & PART(parts[i]))
			return m->why[parts[i]];
	return NULL;
}

void log_load(struct message *m)
{
	struct joining j = {.q = queue_qmail(m->queue), .m = m};
	const struct error *failure = first_failure(m);
	struct error e = ERROR_INIT;

	m->have |= PART_LOG;
	if (failure)
		part_fail(m, PART_LOG_I, failure);
	else if (m->state == STATE_NEW || m->state == STATE_INCOMING)
		never_tried(m);
	else if (join(&j, &e) < 0 && !m->gone)
		part_fail(m, PART_LOG_I, &e);
}
