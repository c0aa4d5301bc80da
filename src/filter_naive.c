/*
 * The answer of a filter by the plainest way: the tree as it was written, in the order it was
 * written, nothing remembered, nothing folded. Tests compare filter_eval() with it.
 */
#include "filter_ast.h"

struct naive {
	const struct filter *filter;
	struct matcher *matcher;
	struct field_context context;
};

static enum verdict naive_node(struct naive *n, const struct node *node, bool negated);

static enum verdict naive_leaf(struct naive *n, const struct leaf *l, bool negated)
{
	const struct message *m = n->context.message;
	parts_t needs = leaf_needs(l, n->filter->needs[l->field->id], m);
	enum leaf_result r;

	/* a field that this MTA cannot have has passed filter_bind(): something else decides */
	if ((needs & m->failed) || !n->filter->needs[l->field->id])
		return VERDICT_ERROR;
	if (needs & ~m->have)
		return VERDICT_PENDING;
	r = leaf_test(l, negated != l->negated, &n->context, n->matcher);
	return r == RESULT_YES ? VERDICT_YES : r == RESULT_NO ? VERDICT_NO : VERDICT_ERROR;
}

/* Both results at once: `conjunction` tells which of NO and YES wins over all. */
static enum verdict naive_join(enum verdict a, enum verdict b, bool conjunction)
{
	static const enum verdict and_order[] = {VERDICT_NO, VERDICT_PENDING, VERDICT_ERROR,
						 VERDICT_YES};
	static const enum verdict or_order[] = {VERDICT_YES, VERDICT_PENDING, VERDICT_ERROR,
						VERDICT_NO};
	const enum verdict *order = conjunction ? and_order : or_order;

	for (size_t i = 0; i < 4; i++)
		if (a == order[i] || b == order[i])
			return order[i];
	return VERDICT_ERROR;
}

static enum verdict naive_list(struct naive *n, const struct node *node, bool negated)
{
	bool conjunction = (node->kind == NODE_AND) != negated;
	enum verdict v = conjunction ? VERDICT_YES : VERDICT_NO;

	for (const struct node *kid = node->kids; kid; kid = kid->next)
		v = naive_join(v, naive_node(n, kid, negated), conjunction);
	return v;
}

static enum verdict naive_each(struct naive *n, const struct node *node, bool negated)
{
	const struct message *m = n->context.message;
	parts_t needs = n->filter->needs[FIELD_RECIPIENT];
	bool conjunction = (node->kind == NODE_ALL) != negated;
	enum verdict v = conjunction ? VERDICT_YES : VERDICT_NO;
	size_t bound = 0;

	if ((needs & m->failed) || !needs)
		return VERDICT_ERROR;
	if (needs & ~m->have)
		return VERDICT_PENDING;
	for (size_t i = 0; i < m->recipient_count; i++) {
		if (m->recipients[i].done)
			continue;
		bound++;
		n->context.recipient = &m->recipients[i];
		v = naive_join(v, naive_node(n, node->kids, negated), conjunction);
		n->context.recipient = NULL;
	}
	if (bound == 0)
		return node->kind == NODE_ANY && negated ? VERDICT_YES : VERDICT_NO;
	return v;
}

static enum verdict naive_node(struct naive *n, const struct node *node, bool negated)
{
	switch (node->kind) {
	case NODE_LEAF:
		return naive_leaf(n, &node->leaf, negated);
	case NODE_NOT:
		return naive_node(n, node->kids, !negated);
	case NODE_AND:
	case NODE_OR:
		return naive_list(n, node, negated);
	default:
		return naive_each(n, node, negated);
	}
}

enum verdict filter_eval_naive(const struct filter *bound, struct filter_state *s,
			       const struct field_context *c)
{
	struct naive n = {.filter = bound, .matcher = s->matcher, .context = *c};

	n.context.recipient = NULL;
	return naive_node(&n, bound->tree, false);
}
