/*
 * Negation normal form: NOT goes down to the leaves.
 *
 * not any(E) holds when `not E` holds for every recipient, not all(E) when it does for some. A leaf
 * whose value is missing is NO in both polarities, so that what cannot be known of a recipient
 * never makes a negation true.
 */
#include "filter_ast.h"

static struct term *new_term(struct arena *a, enum term_kind kind)
{
	struct term *t = arena_zalloc(a, sizeof *t);

	if (t)
		t->kind = kind;
	return t;
}

static struct term *leaf_term(struct arena *a, const struct node *n, bool negated)
{
	struct term *t = new_term(a, TERM_LEAF);

	if (t) {
		t->leaf = &n->leaf;
		t->negated = negated != n->leaf.negated;
	}
	return t;
}

static struct term *each_term(struct arena *a, const struct node *n, bool negated)
{
	bool any = n->kind == NODE_ANY;
	struct term *t = new_term(a, any != negated ? TERM_SOME : TERM_EVERY);

	if (!t || !(t->kids = term_from(a, n->kids, negated)))
		return NULL;
	t->empty_yes = any && negated;
	return t;
}

static struct term *list_term(struct arena *a, const struct node *n, bool negated)
{
	bool and = n->kind == NODE_AND;
	struct term *t = new_term(a, and != negated ? TERM_AND : TERM_OR), **end;

	if (!t)
		return NULL;
	end = &t->kids;
	for (const struct node *kid = n->kids; kid; kid = kid->next) {
		struct term *k = term_from(a, kid, negated);

		if (!k)
			return NULL;
		*end = k->kind == t->kind ? k->kids : k;
		while (*end)
			end = &(*end)->next;
	}
	return t;
}

struct term *term_from(struct arena *a, const struct node *n, bool negated)
{
	switch (n->kind) {
	case NODE_LEAF:
		return leaf_term(a, n, negated);
	case NODE_NOT:
		return term_from(a, n->kids, !negated);
	case NODE_ANY:
	case NODE_ALL:
		return each_term(a, n, negated);
	default:
		return list_term(a, n, negated);
	}
}
