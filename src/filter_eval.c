/* A bound filter's answer for one message, as far as its loaded parts allow; each leaf is asked
 * once. */
#include "filter_ast.h"

#include <stdlib.h>

struct evaluation {
	const struct filter *filter;
	struct filter_state *state;
	struct field_context context; /* a copy: leaves set argument and recipient */
	bool wanted;
	parts_t want;	/* of the cheapest leaf that is pending */
	uint64_t price; /* of those parts */
};

static enum verdict eval_term(struct evaluation *e, const struct term *t, uint8_t *memo);

static enum verdict verdict_of(enum leaf_result r)
{
	switch (r) {
	case RESULT_NO:
		return VERDICT_NO;
	case RESULT_YES:
		return VERDICT_YES;
	default:
		return VERDICT_ERROR;
	}
}

static enum verdict remember(uint8_t *slot, enum leaf_result r)
{
	*slot = (uint8_t)r;
	return verdict_of(r);
}

/* Note what is missing, when it is cheaper than what others miss. */
static enum verdict pending(struct evaluation *e, parts_t missing)
{
	uint64_t price = 0;

	for (size_t i = 0; i < PART_COUNT; i++)
		if (missing & PART(i))
			price += e->filter->price[i];
	if (!e->wanted || price < e->price) {
		e->wanted = true;
		e->want = missing;
		e->price = price;
	}
	return VERDICT_PENDING;
}

static enum verdict eval_leaf(struct evaluation *e, const struct term *t, uint8_t *slot)
{
	const struct message *m = e->context.message;
	parts_t needs;

	if (*slot != RESULT_NONE)
		return verdict_of(*slot);
	needs = leaf_needs(t->leaf, t->needs, m);
	if (needs & m->failed)
		return remember(slot, RESULT_PART);
	if (needs & ~m->have)
		return pending(e, (parts_t)(needs & ~m->have));
	if (t->source)
		return remember(slot, leaf_test_shared(t->leaf, t->negated, &e->context,
						       e->state->matcher,
						       &e->state->shared[t->source - 1]));
	return remember(slot, leaf_test(t->leaf, t->negated, &e->context, e->state->matcher));
}

/* AND, OR and the recipients of any() and all(): one `decides` ends it; else PENDING, ERROR, the
 * opposite. */
struct tally {
	enum verdict decides;
	bool pending, error;
};

static bool tally_add(struct tally *t, enum verdict v)
{
	t->pending |= v == VERDICT_PENDING;
	t->error |= v == VERDICT_ERROR;
	return v == t->decides;
}

static enum verdict tally_end(const struct tally *t)
{
	if (t->pending)
		return VERDICT_PENDING;
	if (t->error)
		return VERDICT_ERROR;
	return t->decides == VERDICT_NO ? VERDICT_YES : VERDICT_NO;
}

static enum verdict eval_list(struct evaluation *e, const struct term *t, uint8_t *memo,
			      enum verdict decides)
{
	struct tally tally = {.decides = decides};

	for (const struct term *kid = t->kids; kid; kid = kid->next)
		if (tally_add(&tally, eval_term(e, kid, memo)))
			return decides;
	return tally_end(&tally);
}

/* --- any() and all() --- */

/* Room for the results of each recipient, cleared. False when out of memory. */
static bool each_begin(struct state_each *each, size_t recipients, size_t slots)
{
	size_t need = recipients * slots;

	if (slots && recipients > SIZE_MAX / slots)
		return false;
	if (need > each->room) {
		uint8_t *more = realloc(each->memo, need);

		if (!more)
			return false;
		each->memo = more;
		each->room = need;
	}
	if (need)
		memset(each->memo, RESULT_NONE, need);
	each->recipients = recipients;
	return true;
}

/* Bind each pending recipient in turn; `at` counts them all. *empty stays true when there is none.
 */
static enum verdict eval_recipients(struct evaluation *e, const struct term *t, bool *empty)
{
	const struct message *m = e->context.message;
	uint8_t *memo = e->state->each[t->number].memo;
	struct tally tally = {.decides = t->kind == TERM_SOME ? VERDICT_YES : VERDICT_NO};
	bool decided = false;

	for (size_t at = 0; at < m->recipient_count && !decided; at++) {
		if (m->recipients[at].done)
			continue;
		*empty = false;
		e->context.recipient = &m->recipients[at];
		decided = tally_add(&tally, eval_term(e, t->kids, memo + at * t->inner));
	}
	e->context.recipient = NULL;
	return decided ? tally.decides : tally_end(&tally);
}

static enum leaf_result result_of_each(const struct term *t, enum verdict v, bool empty)
{
	if (empty)
		return t->kind == TERM_EVERY && t->empty_yes ? RESULT_YES : RESULT_NO;
	return v == VERDICT_YES ? RESULT_YES : RESULT_NO;
}

static enum verdict eval_each(struct evaluation *e, const struct term *t, uint8_t *slot)
{
	const struct message *m = e->context.message;
	struct state_each *each = &e->state->each[t->number];
	enum verdict v;
	bool empty = true;

	if (*slot != RESULT_NONE && *slot != RESULT_STARTED)
		return verdict_of(*slot);
	if (t->needs & m->failed)
		return remember(slot, RESULT_PART);
	if (t->needs & ~m->have)
		return pending(e, (parts_t)(t->needs & ~m->have));
	if ((*slot == RESULT_NONE || each->recipients != m->recipient_count) &&
	    !each_begin(each, m->recipient_count, t->inner))
		return remember(slot, RESULT_NOMEM);
	*slot = RESULT_STARTED;
	v = eval_recipients(e, t, &empty);
	/* an error stays "started": filter_explain looks for its cause inside */
	if (v == VERDICT_PENDING || v == VERDICT_ERROR)
		return v;
	return remember(slot, result_of_each(t, v, empty));
}

/* Goes on where it stood when a part was missing: those before have said NO for good. */
static enum verdict eval_chain(struct evaluation *e, const struct term *t)
{
	struct filter_state *s = e->state;
	enum verdict v = VERDICT_NO;

	if (!s->kid)
		s->kid = t->kids;
	while ((v = eval_term(e, s->kid, s->memo)) == VERDICT_NO && s->kid->next) {
		s->kid = s->kid->next;
		s->link++;
	}
	return v;
}

static enum verdict eval_term(struct evaluation *e, const struct term *t, uint8_t *memo)
{
	switch (t->kind) {
	case TERM_NO:
		return VERDICT_NO;
	case TERM_YES:
		return VERDICT_YES;
	case TERM_LEAF:
		return eval_leaf(e, t, memo + t->slot);
	case TERM_AND:
		return eval_list(e, t, memo, VERDICT_NO);
	case TERM_OR:
		return eval_list(e, t, memo, VERDICT_YES);
	case TERM_CHAIN:
		return eval_chain(e, t);
	default:
		return eval_each(e, t, memo + t->slot);
	}
}

/* --- why there is no answer --- */

static void explain_part(const struct message *m, parts_t needs, const char *what,
			 struct error *err)
{
	for (size_t i = 0; i < PART_COUNT; i++) {
		if (!(needs & m->failed & PART(i)) || !m->why[i])
			continue;
		if (err->code == ERROR_NONE)
			*err = *m->why[i];
		return;
	}
	error_set(err, ERROR_CORRUPT, "%s cannot be read", what);
}

static void explain_result(const struct evaluation *e, const struct term *t, enum leaf_result r,
			   struct error *err)
{
	const char *what = t->leaf ? t->leaf->field->name : "recipients";

	if (r == RESULT_PART)
		explain_part(e->context.message, t->needs, what, err);
	else if (r == RESULT_REGEX)
		error_set(err, ERROR_LIMIT, "%s: the regular expression %s reached its match limit",
			  what, pattern_text(t->leaf->pattern).p);
	else
		error_set(err, ERROR_LIMIT, "%s: it takes too much memory to look at", what);
}

static void explain(struct evaluation *e, const struct term *t, uint8_t *memo, struct error *err);

/* The first recipient without an answer. All is remembered: nothing is evaluated anew. */
static void explain_each(struct evaluation *e, const struct term *t, struct error *err)
{
	const struct message *m = e->context.message;

	for (size_t at = 0; at < m->recipient_count; at++) {
		uint8_t *memo = e->state->each[t->number].memo + at * t->inner;

		e->context.recipient = &m->recipients[at];
		if (!m->recipients[at].done && eval_term(e, t->kids, memo) == VERDICT_ERROR) {
			explain(e, t->kids, memo, err);
			break;
		}
	}
	e->context.recipient = NULL;
}

/* Why `t`, whose verdict is ERROR, has it: down to the first leaf that is the cause. */
static void explain(struct evaluation *e, const struct term *t, uint8_t *memo, struct error *err)
{
	const struct term *kid = t->kids;

	if (t->kind == TERM_CHAIN) {
		explain(e, e->state->kid, memo, err);
	} else if (t->kind == TERM_AND || t->kind == TERM_OR) {
		while (kid->next && eval_term(e, kid, memo) != VERDICT_ERROR)
			kid = kid->next;
		explain(e, kid, memo, err);
	} else if (memo[t->slot] == RESULT_STARTED) {
		explain_each(e, t, err);
	} else {
		explain_result(e, t, memo[t->slot], err);
	}
}

enum verdict filter_eval(const struct filter *bound, struct filter_state *s,
			 const struct field_context *c, parts_t *want, struct error *err)
{
	struct evaluation e = {.filter = bound, .state = s, .context = *c};
	enum verdict v;

	e.context.recipient = NULL;
	v = eval_term(&e, bound->terms, s->memo);
	if (v == VERDICT_PENDING)
		*want = e.want;
	if (v == VERDICT_ERROR && err)
		explain(&e, bound->terms, s->memo, err);
	return v;
}

struct filter_state *filter_state_new(const struct filter *bound)
{
	struct filter_state *s = calloc(1, sizeof *s);

	if (!s)
		return NULL;
	s->slots = bound->slots;
	s->quantifiers = bound->quantifiers;
	s->matcher = matcher_new();
	s->memo = calloc(s->slots + 1, 1);
	s->each = calloc(s->quantifiers + 1, sizeof *s->each);
	s->sources = bound->sources;
	s->shared = calloc(s->sources + 1, sizeof *s->shared);
	if (s->matcher && s->memo && s->each && s->shared)
		return s;
	filter_state_free(s);
	return NULL;
}

void filter_state_free(struct filter_state *s)
{
	if (!s)
		return;
	for (size_t i = 0; s->each && i < s->quantifiers; i++)
		free(s->each[i].memo);
	free(s->each);
	free(s->memo);
	free(s->shared);
	matcher_free(s->matcher);
	free(s);
}

void filter_state_reset(struct filter_state *s)
{
	s->kid = NULL;
	s->link = 0;
	memset(s->memo, RESULT_NONE, s->slots);
	memset(s->shared, 0, s->sources * sizeof *s->shared);
}

size_t filter_link(const struct filter_state *s)
{
	return s->link;
}
