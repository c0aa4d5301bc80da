/* An expression as canonical text. */
#include "filter_ast.h"

#include <mtaq/timefmt.h>

#include <inttypes.h>

static void print_escape(unsigned char c, struct buf *out)
{
	switch (c) {
	case '\n':
		buf_adds(out, "\\n");
		break;
	case '\t':
		buf_adds(out, "\\t");
		break;
	case '\r':
		buf_adds(out, "\\r");
		break;
	default:
		buf_printf(out, "\\x%02x", c);
	}
}

/* In single quotes; what is not printable UTF-8 as escapes. */
void print_text(struct slice s, struct buf *out)
{
	buf_addc(out, '\'');
	while (s.n) {
		size_t used = 1;
		uint32_t c = utf8_decode(s, &used);

		if (c == '\'' || c == '\\')
			buf_addc(out, '\\');
		if (c < ' ' || c == 0x7f || c == UINT32_MAX)
			print_escape((unsigned char)s.p[0], out);
		else
			buf_add(out, slice_take(s, used));
		s = slice_skip(s, used);
	}
	buf_addc(out, '\'');
}

static void print_size(int64_t v, struct buf *out)
{
	static const char units[] = "kMGT";
	size_t u = 0;

	for (; v && v % 1024 == 0 && u < 4; u++)
		v /= 1024;
	buf_printf(out, "%" PRId64 "%.*s", v, u ? 1 : 0, u ? &units[u - 1] : "");
}

static void print_time(int64_t v, struct buf *out)
{
	char text[TIME_TEXT];
	int64_t back;

	/* years of other than four digits have no form but seconds */
	time_print_utc(v, text);
	if (time_parse(slice_from(text), &back) && back == v)
		buf_adds(out, text);
	else
		buf_printf(out, "@%" PRId64, v);
}

void print_constant(const struct field *f, int64_t v, struct buf *out)
{
	char text[TIME_TEXT];

	switch (f->type) {
	case TYPE_SIZE:
		print_size(v, out);
		break;
	case TYPE_TIME:
		print_time(v, out);
		break;
	case TYPE_DURATION:
		buf_adds(out, duration_print(v, text));
		break;
	case TYPE_ENUM:
		buf_adds(out, f->enum_name(v));
		break;
	default:
		buf_printf(out, "%" PRId64, v);
	}
}

static void print_field(const struct leaf *l, struct buf *out)
{
	buf_adds(out, l->field->name);
	if (!l->argument.p)
		return;
	buf_addc(out, '[');
	print_text(l->argument, out);
	buf_addc(out, ']');
}

static void print_operand(const struct leaf *l, struct buf *out)
{
	if (l->op == LEAF_MATCH)
		buf_add(out, pattern_text(l->pattern));
	else if (l->op == LEAF_IN)
		set_print(l->set, l->field, out);
	else if (l->field->type == TYPE_TEXT)
		print_text(l->text, out);
	else
		print_constant(l->field, l->number, out);
}

void leaf_print(const struct leaf *l, bool negated, struct buf *out)
{
	static const char *const ops[][2] = {
	    [LEAF_EQ] = {" == ", " != "},    [LEAF_LT] = {" < ", " < "},
	    [LEAF_LE] = {" <= ", " <= "},    [LEAF_GT] = {" > ", " > "},
	    [LEAF_GE] = {" >= ", " >= "},    [LEAF_IN] = {" in ", " not in "},
	    [LEAF_MATCH] = {" =~ ", " !~ "},
	};
	bool word = l->op == LEAF_EQ || l->op == LEAF_IN || l->op == LEAF_MATCH;

	if (negated && !word)
		buf_adds(out, "not ");
	if (l->op == LEAF_HAS)
		buf_adds(out, "has(");
	print_field(l, out);
	if (l->op == LEAF_HAS)
		buf_addc(out, ')');
	if (l->op == LEAF_HAS || l->op == LEAF_TRUTH)
		return;
	buf_adds(out, ops[l->op][negated]);
	print_operand(l, out);
}

static bool needs_parentheses(const struct node *kid, enum node_kind parent)
{
	if (parent == NODE_NOT)
		return kid->kind == NODE_AND || kid->kind == NODE_OR;
	return parent == NODE_AND && kid->kind == NODE_OR;
}

static void print_kid(const struct node *kid, enum node_kind parent, struct buf *out)
{
	bool wrap = needs_parentheses(kid, parent);

	if (wrap)
		buf_addc(out, '(');
	node_print(kid, out);
	if (wrap)
		buf_addc(out, ')');
}

void node_print(const struct node *n, struct buf *out)
{
	switch (n->kind) {
	case NODE_LEAF:
		leaf_print(&n->leaf, n->leaf.negated, out);
		break;
	case NODE_NOT:
		buf_adds(out, "not ");
		print_kid(n->kids, NODE_NOT, out);
		break;
	case NODE_ANY:
	case NODE_ALL:
		buf_adds(out, n->kind == NODE_ANY ? "any(" : "all(");
		node_print(n->kids, out);
		buf_addc(out, ')');
		break;
	case NODE_AND:
	case NODE_OR:
		for (const struct node *kid = n->kids; kid; kid = kid->next) {
			if (kid != n->kids)
				buf_adds(out, n->kind == NODE_AND ? " and " : " or ");
			print_kid(kid, n->kind, out);
		}
	}
}

void filter_print(const struct filter *f, struct buf *out)
{
	node_print(f->tree, out);
}

void term_print(const struct term *t, struct buf *out)
{
	static const char *const open[] = {
	    [TERM_NO] = "NO", [TERM_YES] = "YES", [TERM_LEAF] = "",	 [TERM_AND] = "(",
	    [TERM_OR] = "(",  [TERM_CHAIN] = "(", [TERM_SOME] = "some(", [TERM_EVERY] = "every(",
	};

	if (t->kind == TERM_LEAF) {
		leaf_print(t->leaf, t->negated, out);
		return;
	}
	buf_adds(out, t->kind == TERM_EVERY && t->empty_yes ? "none or every(" : open[t->kind]);
	for (const struct term *kid = t->kids; kid; kid = kid->next) {
		if (kid != t->kids)
			buf_adds(out, t->kind == TERM_AND     ? " and "
				      : t->kind == TERM_CHAIN ? ", then "
							      : " or ");
		term_print(kid, out);
	}
	if (t->kids)
		buf_addc(out, ')');
}
