/* One leaf on one message whose parts are loaded: the values that the getter gives against the
 * constant. */
#include "filter_ast.h"

#include <mtaq/addr.h>

static bool text_is(const struct leaf *l, struct slice s)
{
	if (l->field->flags & FIELD_ADDRESS)
		return addr_eq(s, l->text);
	return l->field->flags & FIELD_CASELESS ? slice_caseeq(s, l->text) : slice_eq(s, l->text);
}

static enum leaf_result yes_if(bool b)
{
	return b ? RESULT_YES : RESULT_NO;
}

static enum leaf_result regex_test(const struct leaf *l, struct slice s, struct matcher *m)
{
	enum match_result r = matcher_match(m, l->pattern, s);

	return r == MATCH_LIMIT ? RESULT_REGEX : yes_if(r == MATCH_YES);
}

/* Texts have an order in Perl only. */
static int order(const struct leaf *l, const struct value *v)
{
	if (v->type == TYPE_TEXT)
		return slice_cmp(v->s, l->text);
	return (v->i > l->number) - (v->i < l->number);
}

/* One value, polarity left out. */
static enum leaf_result value_test(const struct leaf *l, const struct value *v, struct matcher *m)
{
	switch (l->op) {
	case LEAF_TRUTH:
		return yes_if(v->i != 0);
	case LEAF_HAS:
		return RESULT_YES;
	case LEAF_EQ:
		return yes_if(v->type == TYPE_TEXT ? text_is(l, v->s) : v->i == l->number);
	case LEAF_LT:
		return yes_if(order(l, v) < 0);
	case LEAF_LE:
		return yes_if(order(l, v) <= 0);
	case LEAF_GT:
		return yes_if(order(l, v) > 0);
	case LEAF_GE:
		return yes_if(order(l, v) >= 0);
	case LEAF_IN:
		return yes_if(set_has(l->set, v));
	default:
		return regex_test(l, v->s, m);
	}
}

static enum leaf_result polarised(enum leaf_result r, bool negated)
{
	if (!negated || r > RESULT_YES)
		return r;
	return r == RESULT_YES ? RESULT_NO : RESULT_YES;
}

/* A scalar that is missing is NO in both polarities, but for has(), which asks just that. */
static enum leaf_result scalar_test(const struct leaf *l, bool negated,
				    const struct field_context *c, struct matcher *m)
{
	struct field_cursor at = {0};
	struct value v;

	switch (l->field->get(c, &at, &v)) {
	case GOT_VALUE:
		return polarised(value_test(l, &v, m), negated);
	case GOT_END:
		return yes_if(l->op == LEAF_HAS && negated);
	default:
		return RESULT_NOMEM;
	}
}

/* One more that others will ask for, too. False when out of memory. */
static bool keep(struct leaf_values *s, struct arena *a, const struct value *v)
{
	size_t room = s->room ? s->room * 2 : 4;
	struct value *more;

	if (s->count == s->room) {
		more = s->list ? arena_grow(a, s->list, s->room * sizeof *more, room * sizeof *more)
			       : arena_array(a, room, sizeof *more);
		if (!more)
			return false;
		s->list = more;
		s->room = room;
	}
	s->list[s->count++] = *v;
	return true;
}

/* Value `i`, made when nobody has asked for it yet. */
static enum field_got shared_value(const struct leaf *l, const struct field_context *c,
				   struct leaf_values *s, size_t i, struct value *out)
{
	if (i < s->count) {
		*out = s->list[i];
		return GOT_VALUE;
	}
	if (s->ended)
		return s->end;
	s->end = l->field->get(c, &s->at, out);
	if (s->end == GOT_VALUE && !keep(s, c->arena, out))
		s->end = GOT_NOMEM;
	s->ended = s->end != GOT_VALUE;
	return s->end;
}

/* Does any element match; its exact negation: does none. An element without an answer leaves the
 * others to decide. */
static enum leaf_result list_test(const struct leaf *l, bool negated, const struct field_context *c,
				  struct matcher *m, struct leaf_values *shared)
{
	struct field_cursor at = {0};
	enum leaf_result none = RESULT_NO;
	enum field_got got;
	struct value v;
	size_t i = 0;

	while ((got = shared ? shared_value(l, c, shared, i++, &v) : l->field->get(c, &at, &v)) ==
	       GOT_VALUE) {
		enum leaf_result r = value_test(l, &v, m);

		if (r == RESULT_YES)
			return polarised(r, negated);
		if (r != RESULT_NO)
			none = r;
		/* a pattern that runs away ends the run: no use in trying the other thousand lines
		 */
		if (r == RESULT_REGEX && pattern_runaway(l->pattern))
			return r;
	}
	return got == GOT_END ? polarised(none, negated) : RESULT_NOMEM;
}

enum leaf_result leaf_test(const struct leaf *l, bool negated, struct field_context *c,
			   struct matcher *m)
{
	c->argument = l->argument;
	return l->field->flags & FIELD_LIST ? list_test(l, negated, c, m, NULL)
					    : scalar_test(l, negated, c, m);
}

enum leaf_result leaf_test_shared(const struct leaf *l, bool negated, struct field_context *c,
				  struct matcher *m, struct leaf_values *shared)
{
	c->argument = l->argument;
	return list_test(l, negated, c, m, shared);
}
