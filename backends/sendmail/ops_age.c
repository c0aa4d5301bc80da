/*
 * Expire, bounce and requeue: the time of creation (T), and what would keep sendmail from trying.
 *
 * expire sets T back past the largest return timeout: the next attempt is the last. bounce puts a
 * DELIVERBY line whose time is over: sendmail returns the message before it tries. It does not heed
 * that line in messages that are reports themselves (flag r), nor before its version 8.12 (V6);
 * those get an old T. requeue sets T to now and forgets that a warning was sent.
 *
 * T is never set further back than needed: sendmail tells it to the sender as the date of arrival.
 */
#include "act.h"

enum {
	BY_RETURN = 0x02, /* of the first byte of a DELIVERBY line: return it then */
	BY_TRACE = 0x10,
	BY_VERSION = 6, /* of the control file, since when there is that line */
	BY_AGE = 2	/* seconds of age that a time of one second needs to be over */
};

/* ---- the configuration ---- */

/* No class of message waits longer. */
static int64_t longest_return(const struct cf *cf)
{
	int64_t most = 0;

	for (int c = 0; c < CF_CLASS_COUNT; c++)
		if (cf->queue_return[c].seconds > most)
			most = cf->queue_return[c].seconds;
	return most;
}

int age_begin(struct action *a, struct error *err)
{
	const struct sendmail_queue *q = queue_of(a);

	if (a->op == OP_BOUNCE && a->args->reason)
		return error_set(err, ERROR_USAGE,
				 "%s: sendmail returns messages in its own words: bounce takes no "
				 "--reason here",
				 a->queue->name);
	if (a->op != OP_REQUEUE && longest_return(&q->cf) + 1 >= a->now)
		return error_set(err, ERROR_USAGE, "%s: by its configuration nothing ever expires",
				 a->queue->name);
	if (a->op != OP_REQUEUE && !q->cf_path)
		act_note(a,
			 "%s: no configuration is known: messages are taken to be returned after 5 "
			 "days",
			 a->queue->name);
	return 0;
}

/* ---- what would keep sendmail from trying ---- */

/* Tried too recently for the next run, when T is `created`? */
static bool too_young(const struct action *a, const struct message *m, int64_t created)
{
	const struct cf *cf = &queue_of(a)->cf;
	int64_t wait = cf_min_queue_age(cf);
	int64_t most = cf_seconds(cf->option[CF_MAX_QUEUE_AGE].text, 'm');
	int64_t tried = m->last_attempt.known ? m->last_attempt.value : 0;

	if (!m->attempts.known || m->attempts.value <= 0 || tried > a->now)
		return false;
	if (most > 0) {
		int64_t age = number_minus(tried, created);

		if (age > most)
			age = most;
		if (age > wait)
			wait = age;
	}
	return number_minus(a->now, tried) < wait;
}

/* As if it had never been tried, where the time since would keep it back. */
static int make_due(const struct action *a, const struct message *m, int64_t created,
		    struct qf_edits *e, struct error *err)
{
	if (!too_young(a, m, created))
		return 0;
	if (cf_seconds(queue_of(a)->cf.option[CF_MAX_QUEUE_AGE].text, 'm') > 0)
		return qf_set_number(e, 'N', 0, err);
	return qf_set_number(e, 'K', 0, err);
}

/* ---- who will be told ---- */

/* Before V1 there were no flags: everybody is told. */
static bool wants_notice(const struct message *m, const struct recipient *r)
{
	if (!m->version.known || m->version.value < 1)
		return true;
	return slice_chr(r->flags, 'F') != SIZE_MAX;
}

static int check_notice(struct action *a, struct held *h, struct error *err)
{
	struct message *m = &h->message;

	sendmail_load(a->loader, m, PART_RECIPIENTS);
	if (m->failed & PART_RECIPIENTS)
		return error_set(err, m->why[PART_RECIPIENTS_I]->code, "%s",
				 m->why[PART_RECIPIENTS_I]->text);
	for (size_t i = 0; i < m->recipient_count; i++)
		if (wants_notice(m, &m->recipients[i]))
			return 0;
	if (a->args->even_silent)
		return 0;
	return error_set(err, ERROR_DENIED,
			 "refused: no recipient wants a failure notice, so it would vanish without "
			 "a word (--even-silent allows it)");
}

/* ---- expire ---- */

/* Its timeout by its own class is over already. */
static bool is_expired(struct action *a, struct message *m)
{
	sendmail_load(a->loader, m, PART_HEADER);
	return !(m->failed & PART_HEADER) && m->expires.known && m->expires.value <= a->now;
}

static int set_back(struct action *a, struct held *h, struct qf_edits *e, struct error *err)
{
	int64_t t = a->now - longest_return(&queue_of(a)->cf) - 1;

	if (qf_set_number(e, 'T', t, err) < 0)
		return -1;
	return make_due(a, &h->message, t, e, err);
}

static int expire(struct action *a, struct held *h, struct qf_edits *e, struct error *err)
{
	if (is_expired(a, &h->message))
		return 0;
	if (set_back(a, h, e, err) < 0)
		return -1;
	return rewrite_prepare(a, h, e, NULL, err);
}

int expire_prepare(struct action *a, struct held *h, struct error *err)
{
	struct qf_edits e;

	qf_edits_init(&e, &h->arena, h->message.control_text);
	if (check_notice(a, h, err) < 0)
		return -1;
	return expire(a, h, &e, err);
}

/* ---- bounce ---- */

/* "!" line: one raw byte, a blank, seconds. 0 when there is none. */
static unsigned by_flags(const struct message *m)
{
	return m->deliver_by.n ? (unsigned char)m->deliver_by.p[0] : 0;
}

static int64_t by_seconds(const struct message *m)
{
	return qf_number(slice_skip(m->deliver_by, 1));
}

static bool heeds_deliver_by(const struct message *m)
{
	return m->version.known && m->version.value >= BY_VERSION &&
	       slice_chr(m->flags, 'r') == SIZE_MAX;
}

static bool by_is_over(const struct action *a, const struct message *m)
{
	return (by_flags(m) & BY_RETURN) && by_seconds(m) > 0 &&
	       number_minus(number_minus(a->now, m->arrival.value), by_seconds(m)) > 0;
}

int bounce_prepare(struct action *a, struct held *h, struct error *err)
{
	const struct message *m = &h->message;
	struct qf_edits e;
	char by[] = {(char)(BY_RETURN | (by_flags(m) & BY_TRACE)), ' ', '1'};

	qf_edits_init(&e, &h->arena, m->control_text);
	if (check_notice(a, h, err) < 0)
		return -1;
	if (!heeds_deliver_by(m))
		return expire(a, h, &e, err);
	if (number_minus(a->now, m->arrival.value) < BY_AGE)
		return error_set(err, ERROR_BUSY,
				 "it is less than %d seconds old: sendmail would still try it",
				 BY_AGE);
	if (!by_is_over(a, m) && qf_set(&e, '!', slice_of(by, sizeof by), err) < 0)
		return -1;
	if (make_due(a, m, m->arrival.value, &e, err) < 0)
		return -1;
	return rewrite_prepare(a, h, &e, NULL, err);
}

/* ---- requeue ---- */

static int forget_warning(const struct message *m, struct qf_edits *e, struct error *err)
{
	char *left = arena_alloc(e->arena, m->flags.n + 1);
	size_t n = 0;

	if (!m->warned)
		return 0;
	if (!left)
		return error_set(err, ERROR_LIMIT, "out of memory");
	for (size_t i = 0; i < m->flags.n; i++)
		if (m->flags.p[i] != 'w')
			left[n++] = m->flags.p[i];
	return n ? qf_set(e, 'F', slice_of(left, n), err) : qf_unset(e, 'F', err);
}

int age_renew(const struct action *a, const struct held *h, struct qf_edits *e, struct error *err)
{
	const struct message *m = &h->message;

	if (qf_set_number(e, 'T', a->now, err) < 0 || forget_warning(m, e, err) < 0)
		return -1;
	/* no sender asks for one second: a bounce that sendmail has not come to is taken back */
	if ((by_flags(m) & BY_RETURN) && by_seconds(m) == 1 && qf_unset(e, '!', err) < 0)
		return -1;
	return make_due(a, m, a->now, e, err);
}

int requeue_prepare(struct action *a, struct held *h, struct error *err)
{
	struct qf_edits e;

	qf_edits_init(&e, &h->arena, h->message.control_text);
	if (age_renew(a, h, &e, err) < 0)
		return -1;
	return rewrite_prepare(a, h, &e, NULL, err);
}
