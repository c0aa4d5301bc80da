/* A filter made ready for one queue: what the queue alone decides is folded, the rest priced and
 * put in order. */
#include "filter_ast.h"
#include "map.h"

#include <stdlib.h>

struct binding {
	struct arena *arena;
	const struct filter_target *target;
	struct error *err;
	uint32_t quantifiers;
	/* Of a chain; NULL: a leaf has its own. */
	struct map *leaves;  /* slot + 1 by what a leaf says */
	struct map *sources; /* number by field and argument */
};

/* What a match costs beside loading, in the nanoseconds of the parts' prices. */
static uint32_t match_cost(const struct leaf *l)
{
	uint32_t cost = l->op == LEAF_MATCH ? 100 : l->op == LEAF_IN ? 20 : 5;

	return l->field->flags & FIELD_LIST ? 2 * cost : cost;
}

static uint64_t price_of(const uint32_t *price, parts_t parts)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < PART_COUNT; i++)
		if (parts & PART(i))
			sum += price[i];
	return sum;
}

/* --- folding --- */

static int fold_leaf(struct binding *b, struct term *t)
{
	struct field_context c = {.message = b->target->dummy, .arena = b->arena};
	struct matcher *m;
	enum leaf_result r;

	if (!(t->leaf->field->flags & FIELD_CONSTANT))
		return 0;
	m = matcher_new();
	r = m ? leaf_test(t->leaf, t->negated, &c, m) : RESULT_NOMEM;
	matcher_free(m);
	if (r == RESULT_NOMEM)
		return error_set(b->err, ERROR_NOMEM, "out of memory");
	if (r != RESULT_NO && r != RESULT_YES)
		return error_set(b->err, ERROR_LIMIT, "%s: %s has reached a match limit",
				 b->target->queue_name, pattern_text(t->leaf->pattern).p);
	t->kind = r == RESULT_YES ? TERM_YES : TERM_NO;
	return 0;
}

static int fold(struct binding *b, struct term *t);

/* AND and OR: `decides` ends it, its opposite is left out. One kid that remains takes the term's
 * place. */
static int fold_list(struct binding *b, struct term *t, enum term_kind decides)
{
	enum term_kind drops = decides == TERM_NO ? TERM_YES : TERM_NO;
	struct term **at = &t->kids, *next = t->next;

	while (*at) {
		if (fold(b, *at) < 0)
			return -1;
		if ((*at)->kind == decides) {
			t->kind = decides;
			t->kids = NULL;
			return 0;
		}
		if ((*at)->kind == drops)
			*at = (*at)->next;
		else
			at = &(*at)->next;
	}
	if (!t->kids) {
		t->kind = drops;
	} else if (!t->kids->next) {
		*t = *t->kids;
		t->next = next;
	}
	return 0;
}

/* Inside any() and all() nothing is constant: they stay as they are. */
static int fold(struct binding *b, struct term *t)
{
	switch (t->kind) {
	case TERM_LEAF:
		return fold_leaf(b, t);
	case TERM_AND:
		return fold_list(b, t, TERM_NO);
	case TERM_OR:
		return fold_list(b, t, TERM_YES);
	default:
		return 0;
	}
}

/* When one kid was left and it is of the parent's kind, its kids belong there. */
static void flatten(struct term *t)
{
	for (struct term **at = &t->kids; *at;) {
		struct term *kid = *at, *last;

		flatten(kid);
		if (kid->kind != t->kind || !kid->kids ||
		    (t->kind != TERM_AND && t->kind != TERM_OR)) {
			at = &kid->next;
			continue;
		}
		for (last = kid->kids; last->next;)
			last = last->next;
		last->next = kid->next;
		*at = kid->kids;
		at = &last->next;
	}
}

/* --- what is left --- */

static int cannot_have(const struct binding *b, const struct field *f)
{
	const char *why = b->target->lacks ? b->target->lacks[f->id] : NULL;
	struct field_context c = {.message = b->target->dummy, .arena = b->arena};
	const struct field *mta = field_row(FIELD_MTA);
	struct field_cursor at = {0};
	struct value v;
	struct slice name = SLICE("...");

	if (mta->get(&c, &at, &v) == GOT_VALUE)
		name = field_print(b->arena, mta, &v);
	return error_set(b->err, ERROR_USAGE,
			 "%s: its messages have no %s%s%s%s; `mta != %" SLICE_FMT
			 " and (...)` leaves this queue out",
			 b->target->queue_name, f->name, why ? " (" : "", why ? why : "",
			 why ? ")" : "", SLICE_ARG(name));
}

static int price_leaf(struct binding *b, struct term *t)
{
	t->needs = b->target->needs[t->leaf->field->id];
	if (!t->needs)
		return cannot_have(b, t->leaf->field);
	t->below = t->needs;
	t->cost = match_cost(t->leaf);
	return 0;
}

static int by_cost(const void *a, const void *b)
{
	const struct term *x = *(struct term *const *)a, *y = *(struct term *const *)b;

	if (x->cost != y->cost)
		return x->cost < y->cost ? -1 : 1;
	return (x->number > y->number) - (x->number < y->number);
}

/* Cheapest first, equals as written. `number` is free until slots are given. */
static int sort_kids(struct binding *b, struct term *t)
{
	struct term **list, **end = &t->kids;
	uint32_t n = 0;

	for (struct term *kid = t->kids; kid; kid = kid->next)
		kid->number = n++;
	if (n < 2)
		return 0;
	list = arena_array(b->arena, n, sizeof *list);
	if (!list)
		return error_set(b->err, ERROR_NOMEM, "out of memory");
	n = 0;
	for (struct term *kid = t->kids; kid; kid = kid->next)
		list[n++] = kid;
	qsort(list, n, sizeof *list, by_cost);
	for (uint32_t i = 0; i < n; i++) {
		*end = list[i];
		end = &list[i]->next;
	}
	*end = NULL;
	return 0;
}

/* Needs and costs from below; a term's price is that of all parts below it, each once, and of the
 * matching. */
static int price(struct binding *b, struct term *t)
{
	uint64_t matching = 0;

	if (t->kind == TERM_LEAF && price_leaf(b, t) < 0)
		return -1;
	if (t->kind == TERM_SOME || t->kind == TERM_EVERY) {
		t->needs = b->target->needs[FIELD_RECIPIENT];
		if (!t->needs)
			return cannot_have(b, field_row(FIELD_RECIPIENT));
		t->below = t->needs;
	}
	for (struct term *kid = t->kids; kid; kid = kid->next) {
		if (price(b, kid) < 0)
			return -1;
		t->below |= kid->below;
		matching += kid->cost - price_of(b->target->cost, kid->below);
	}
	t->cost += matching + price_of(b->target->cost, t->below);
	return sort_kids(b, t);
}

/* Which values, costly to make, a leaf shares with others of a chain. */
static uint32_t leaf_source(struct binding *b, const struct leaf *l)
{
	uint32_t *known;
	struct buf text;

	if (!b->leaves || !(l->field->flags & FIELD_MADE))
		return 0;
	buf_init(&text);
	buf_adds(&text, l->field->name);
	buf_addc(&text, ' ');
	buf_add(&text, l->argument);
	known = map_at(b->sources, buf_slice(&text));
	buf_free(&text);
	if (!*known)
		*known = (uint32_t)map_count(b->sources);
	return *known;
}

/* The slot of a leaf outside any() and all(): that of one before it that says the same. */
static uint32_t leaf_slot(struct binding *b, const struct term *t, uint32_t next)
{
	uint32_t *known;
	struct buf text;

	if (!b->leaves)
		return next;
	buf_init(&text);
	leaf_print(t->leaf, t->negated, &text);
	known = map_at(b->leaves, buf_slice(&text));
	buf_free(&text);
	if (!*known)
		*known = next + 1;
	return *known - 1;
}

static uint32_t give_slots(struct binding *b, struct term *t, uint32_t next);

static uint32_t give_inner_slots(struct binding *b, struct term *t)
{
	struct map *outside = b->leaves;
	uint32_t n;

	b->leaves = NULL;
	n = give_slots(b, t->kids, 0);
	b->leaves = outside;
	return n;
}

/* Slots in the order of evaluation; a quantifier's inside is counted anew. */
static uint32_t give_slots(struct binding *b, struct term *t, uint32_t next)
{
	if (t->kind == TERM_LEAF) {
		t->source = leaf_source(b, t->leaf);
		t->slot = leaf_slot(b, t, next);
		return t->slot == next ? next + 1 : next;
	}
	if (t->kind == TERM_SOME || t->kind == TERM_EVERY) {
		t->slot = next++;
		t->number = b->quantifiers++;
		t->inner = give_inner_slots(b, t);
		return next;
	}
	for (struct term *kid = t->kids; kid; kid = kid->next)
		next = give_slots(b, kid, next);
	return next;
}

/* Folded, priced and in order, but without slots. NULL with the error set. */
static struct term *bind_terms(struct binding *b, const struct filter *f)
{
	struct term *t = term_from(b->arena, f->tree, false);

	if (!t) {
		error_set(b->err, ERROR_NOMEM, "out of memory");
		return NULL;
	}
	if (fold(b, t) < 0)
		return NULL;
	flatten(t);
	return price(b, t) < 0 ? NULL : t;
}

static struct filter *bind(struct binding *b, const struct filter *f, struct term *terms)
{
	struct filter *bound = arena_zalloc(b->arena, sizeof *bound);

	if (!bound) {
		error_set(b->err, ERROR_NOMEM, "out of memory");
		return NULL;
	}
	bound->terms = terms;
	bound->tree = f->tree;
	bound->source = f;
	bound->needs = b->target->needs;
	bound->price = b->target->cost;
	bound->slots = give_slots(b, bound->terms, 0);
	bound->quantifiers = b->quantifiers;
	bound->sources = b->sources ? (uint32_t)map_count(b->sources) : 0;
	return bound;
}

const struct filter *filter_bind(struct arena *arena, const struct filter *f,
				 const struct filter_target *target, struct error *err)
{
	struct binding b = {arena, target, err, 0, NULL, NULL};
	struct term *terms = bind_terms(&b, f);
	const struct filter *bound = terms ? bind(&b, f, terms) : NULL;

	if (!bound && err)
		err->scope = SCOPE_RUN;
	return bound;
}

/* --- several in one --- */

/* The kids of a chain keep their places, whatever they fold to. */
static struct term *chain_terms(struct binding *b, struct filter *const *list, size_t count,
				size_t *failed)
{
	struct term *t = arena_zalloc(b->arena, sizeof *t), **end = t ? &t->kids : NULL;
	bool all_no = true;

	for (size_t i = 0; end && i < count; i++) {
		*failed = i;
		*end = list[i] ? bind_terms(b, list[i]) : arena_zalloc(b->arena, sizeof **end);
		if (!*end)
			return NULL;
		t->below |= (*end)->below;
		all_no &= (*end)->kind == TERM_NO;
		end = &(*end)->next;
	}
	if (t)
		t->kind = all_no ? TERM_NO : TERM_CHAIN;
	return t;
}

/* All patterns of all of them, so that one that runs away is found. */
static const struct filter *chain_source(struct arena *a, struct filter *const *list, size_t count)
{
	struct filter **there = arena_array(a, count, sizeof *there);
	size_t n = 0;

	for (size_t i = 0; there && i < count; i++)
		if (list[i])
			there[n++] = list[i];
	return there && n ? filter_any(a, there, n) : NULL;
}

const struct filter *filter_bind_chain(struct arena *arena, struct filter *const *list,
				       size_t count, const struct filter_target *target,
				       size_t *failed, struct error *err)
{
	struct binding b = {
	    arena, target, err, 0, map_new(sizeof(uint32_t)), map_new(sizeof(uint32_t))};
	struct term *terms = chain_terms(&b, list, count, failed);
	const struct filter *source = chain_source(arena, list, count);
	const struct filter *bound = terms && source ? bind(&b, source, terms) : NULL;

	if (!bound && err) {
		error_set(err, ERROR_NOMEM, "out of memory");
		err->scope = SCOPE_RUN;
	}
	map_free(b.leaves);
	map_free(b.sources);
	return bound;
}

static enum verdict constant(const struct term *t)
{
	switch (t->kind) {
	case TERM_NO:
		return VERDICT_NO;
	case TERM_YES:
		return VERDICT_YES;
	default:
		return VERDICT_PENDING;
	}
}

enum verdict filter_constant(const struct filter *bound)
{
	return constant(bound->terms);
}

enum verdict filter_link_constant(const struct filter *chain, size_t link)
{
	const struct term *t = chain->terms->kids;

	if (chain->terms->kind != TERM_CHAIN)
		return constant(chain->terms);
	while (link--)
		t = t->next;
	return constant(t);
}

parts_t filter_parts(const struct filter *bound)
{
	return (parts_t)(bound->terms->below & ~PART_NAME);
}
