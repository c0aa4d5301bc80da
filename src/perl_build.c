/*
 * Perl conditions to the tree of a filter.
 *
 * The filter says NO of a field that a message lacks, in both polarities; Perl takes it for an
 * empty text or zero. So each comparison is built with its polarity, and where the two would
 * differ has() decides.
 */
#include "perl.h"

static struct node *build(struct perl_build *b, const struct perl_node *n, bool negated);

/* ---- nodes ---- */

static struct node *new_node(struct perl_build *b, enum node_kind kind)
{
	struct node *n = arena_zalloc(b->arena, sizeof *n);

	if (!n)
		error_set(b->err, ERROR_NOMEM, "out of memory");
	else
		n->kind = kind;
	return n;
}

/* Both of the same kind are taken apart. */
static struct node *pair(struct perl_build *b, enum node_kind kind, struct node *x, struct node *y)
{
	struct node *n = x && y ? new_node(b, kind) : NULL, **end;

	if (!n)
		return NULL;
	end = &n->kids;
	for (struct node *kid = x; kid; kid = kid == x ? y : NULL) {
		*end = kid->kind == kind ? kid->kids : kid;
		while (*end)
			end = &(*end)->next;
	}
	return n;
}

static struct node *has_node(struct perl_build *b, const struct leaf *l, bool negated)
{
	struct node *n = new_node(b, NODE_LEAF);

	if (n)
		n->leaf = (struct leaf){
		    .op = LEAF_HAS, .negated = negated, .field = l->field, .argument = l->argument};
	return n;
}

/* Every message has an mta, and binding folds it away. */
static struct node *constant(struct perl_build *b, bool yes)
{
	struct leaf mta = {.field = field_row(FIELD_MTA)};

	return has_node(b, &mta, !yes);
}

/* `l` said positively, with what Perl answers where there is nothing: `missing`. */
static struct node *leaf_node(struct perl_build *b, const struct leaf *l, bool negated,
			      bool missing)
{
	struct node *n = new_node(b, NODE_LEAF);
	bool ours = negated && (l->field->flags & FIELD_LIST), wanted = missing != negated;

	if (!n)
		return NULL;
	n->leaf = *l;
	n->leaf.negated = negated;
	if (ours == wanted)
		return n;
	return wanted ? pair(b, NODE_OR, has_node(b, l, true), n)
		      : pair(b, NODE_AND, has_node(b, l, false), n);
}

static int row(struct perl_build *b, const struct perl_value *v, enum perl_view view,
	       struct leaf *leaf)
{
	*leaf = (struct leaf){.op = LEAF_EQ};
	if (perl_row(b->arena, v, view, leaf) == 0)
		return 0;
	return error_set(b->err, ERROR_NOMEM, "out of memory");
}

/* ---- patterns ---- */

/* Does the pattern speak of what only qtool.pl has in its values: the line end, and what `added`
 * says? */
static bool asks_for_line(struct slice pattern, const char *added)
{
	for (size_t i = 0; i < pattern.n; i++) {
		char c = pattern.p[i];

		if (c == '\n' || (c && strchr(added, c)))
			return true;
		/* \n \s \R \v \h \x0a \012, the opposites of what a line end is not, [[:space:]] */
		if (c == '\\' && ++i < pattern.n && memchr("nsRvhx0c", pattern.p[i], 8))
			return true;
		if (c == '[' && slice_starts(slice_skip(pattern, i), SLICE("[:")))
			return true;
	}
	return false;
}

static int pattern_of(struct perl_build *b, const struct perl_node *n, struct slice *source,
		      unsigned *flags)
{
	*source = n->text;
	*flags = n->flags | MATCH_BYTES;
	if (n->kind == PERL_N_REGEX)
		return 0;
	if (n->kind != PERL_N_STRING)
		return perl_fail(b->err, n->offset,
				 "expected a regular expression between slashes, /.../");
	*source = perl_as_pattern(b->arena, n->text);
	return source->p ? 0 : error_set(b->err, ERROR_NOMEM, "out of memory");
}

/* Column `at` of a pattern; where it begins when it had other delimiters and was written anew. */
static size_t place_in(const struct perl_build *b, const struct perl_node *n, struct slice source,
		       size_t at)
{
	uintptr_t text = (uintptr_t)b->text.p, p = (uintptr_t)source.p;

	return p >= text && p <= text + b->text.n ? p - text + at : n->offset;
}

static const struct pattern *compile(struct perl_build *b, const struct perl_node *n,
				     struct slice source, unsigned flags)
{
	struct error err = ERROR_INIT;
	const struct pattern *p = pattern_compile(b->arena, source, flags, b->patterns, &err);

	if (p)
		return p;
	if (err.code == ERROR_USAGE)
		perl_fail(b->err, place_in(b, n, source, err.offset), "%s", err.text);
	else
		error_set(b->err, err.code, "%s", err.text);
	return NULL;
}

/* What a pattern says of nothing at all. -1: it could not be tried */
static int matches_nothing(struct perl_build *b, const struct pattern *p)
{
	struct matcher *m = matcher_new();
	enum match_result r = m ? matcher_match(m, p, SLICE("")) : MATCH_LIMIT;

	matcher_free(m);
	if (!m)
		return error_set(b->err, ERROR_NOMEM, "out of memory");
	return r == MATCH_YES;
}

static struct node *one_view(struct perl_build *b, const struct perl_value *v, enum perl_view view,
			     const struct pattern *p, bool negated, bool missing)
{
	struct leaf l;

	if (row(b, v, view, &l) < 0)
		return NULL;
	l.op = LEAF_MATCH;
	l.pattern = p;
	return leaf_node(b, &l, negated, missing);
}

/* The number fields are matched as the texts that they are in the control file. */
static enum perl_view first_view(const struct perl_value *v)
{
	return v->key->type == PERL_NUMERIC ? PERL_LINE : PERL_VALUE;
}

static struct node *match_field(struct perl_build *b, const struct perl_value *v,
				const struct perl_node *n, bool negated)
{
	const struct pattern *p;
	struct slice source;
	struct node *as_value, *as_line;
	unsigned flags;
	int missing;

	if (v->key->type == PERL_NUMERIC && !v->key->letter) {
		perl_fail(b->err, v->offset, "%s is a number: compare it with < or >",
			  v->key->name);
		return NULL;
	}
	if (pattern_of(b, n, &source, &flags) < 0 || !(p = compile(b, n, source, flags)) ||
	    (missing = matches_nothing(b, p)) < 0)
		return NULL;
	as_value = one_view(b, v, first_view(v), p, negated, missing);
	if (first_view(v) == PERL_LINE || !(v->key->letter || v->key->type == PERL_HEADERS) ||
	    !asks_for_line(source, v->key->added))
		return as_value;
	as_line = one_view(b, v, PERL_LINE, p, negated, missing);
	return pair(b, negated ? NODE_AND : NODE_OR, as_value, as_line);
}

/* What is missing is "" for the filter, and "0" for who wrote || 0. */
static int check_default(struct perl_build *b, const struct perl_value *v)
{
	return v->zero ? perl_fail(b->err, v->offset, "0 stands in for a number: write \"\" here")
		       : 0;
}

static struct node *match(struct perl_build *b, const struct perl_node *n, bool negated)
{
	struct perl_value v;

	if (perl_value(b, n->a, &v) < 0)
		return NULL;
	if (v.kind != PERL_V_FIELD) {
		perl_fail(b->err, v.offset, "=~ and !~ are for the texts of %%msg");
		return NULL;
	}
	if (check_default(b, &v) < 0)
		return NULL;
	return match_field(b, &v, n->b, negated != (n->op == PERL_OP_NOMATCH));
}

/* ---- texts ---- */

/* The opposite side's operator: a < b is b > a. */
static enum perl_op turned(enum perl_op op)
{
	static const enum perl_op by[] = {PERL_OP_EQ, PERL_OP_NE, PERL_OP_GT,
					  PERL_OP_GE, PERL_OP_LT, PERL_OP_LE};
	bool text = op >= PERL_OP_TEXT_EQ;
	enum perl_op other = by[op - (text ? PERL_OP_TEXT_EQ : PERL_OP_EQ)];

	return text ? other + (PERL_OP_TEXT_EQ - PERL_OP_EQ) : other;
}

static bool holds(enum perl_op op, int order)
{
	switch (op) {
	case PERL_OP_EQ:
		return order == 0;
	case PERL_OP_NE:
		return order != 0;
	case PERL_OP_LT:
		return order < 0;
	case PERL_OP_LE:
		return order <= 0;
	case PERL_OP_GT:
		return order > 0;
	default:
		return order >= 0;
	}
}

/* The text operators as the number operators that order alike. */
static enum perl_op plain(enum perl_op op)
{
	return op >= PERL_OP_TEXT_EQ ? op - (PERL_OP_TEXT_EQ - PERL_OP_EQ) : op;
}

static enum leaf_op leaf_op_of(enum perl_op op)
{
	switch (op) {
	case PERL_OP_LT:
		return LEAF_LT;
	case PERL_OP_LE:
		return LEAF_LE;
	case PERL_OP_GT:
		return LEAF_GT;
	case PERL_OP_GE:
		return LEAF_GE;
	default:
		return LEAF_EQ;
	}
}

/* A constant as the value that it is compared with: what qtool.pl has around values goes. */
static struct slice constant_text(const struct perl_value *v, struct slice s)
{
	const char *added = v->key->added;
	size_t colon;

	s = slice_trim(s);
	if (!strchr(added, '<'))
		return s;
	colon = strchr(added, ':') ? slice_find(s, SLICE(":<")) : SIZE_MAX;
	if (colon != SIZE_MAX)
		s = slice_skip(s, colon + 1);
	if (s.n >= 2 && s.p[0] == '<' && s.p[s.n - 1] == '>')
		s = slice_of(s.p + 1, s.n - 2);
	return s;
}

static struct node *compare_text(struct perl_build *b, enum perl_op op, const struct perl_value *v,
				 struct slice text, bool negated)
{
	struct leaf l;
	bool missing;

	text = constant_text(v, text);
	if (row(b, v, PERL_VALUE, &l) < 0)
		return NULL;
	negated = negated != (op == PERL_OP_NE);
	if (op == PERL_OP_NE)
		op = PERL_OP_EQ;
	missing = holds(op, text.n ? -1 : 0);
	l.op = leaf_op_of(op);
	l.text = text;
	return leaf_node(b, &l, negated, missing);
}

/* ---- numbers ---- */

/* The largest whole number that is not above v. */
static double below(double v)
{
	double whole = v > -9e18 && v < 9e18 ? (double)(int64_t)v : v;

	return whole > v ? whole - 1 : whole;
}

static double distance(double a, double b)
{
	return a > b ? a - b : b - a;
}

enum { UNBOUNDED = 0, BELOW = -1, ABOVE = 1 };

/* `limit` as a whole number, on the side that keeps the answer of `op` for whole numbers; BELOW
 * and ABOVE when all are above or below it. */
static int whole(double limit, enum perl_op op, int64_t *out)
{
	double near = below(limit + 0.5);

	if (distance(limit, near) <= 1e-12 * distance(near, 0))
		limit = near;
	limit = op == PERL_OP_GT || op == PERL_OP_LE ? below(limit) : -below(-limit);
	if (limit >= 9e18)
		return BELOW;
	if (limit <= -9e18)
		return ABOVE;
	*out = (int64_t)limit;
	return UNBOUNDED;
}

static struct node *number_leaf(struct perl_build *b, enum perl_op op, struct leaf *l, double limit,
				bool negated)
{
	bool missing, equal;
	int side;

	negated = negated != (op == PERL_OP_NE);
	if (op == PERL_OP_NE)
		op = PERL_OP_EQ;
	equal = op == PERL_OP_EQ;
	side = whole(limit, op, &l->number);
	if (equal && side == UNBOUNDED &&
	    distance((double)l->number, limit) > 1e-12 * distance(limit, 0))
		return constant(b, negated);
	if (side != UNBOUNDED)
		return constant(b, holds(op, equal ? 1 : side) != negated);
	missing = holds(op, limit > 0 ? -1 : limit < 0);
	l->op = leaf_op_of(op);
	return leaf_node(b, l, negated, missing);
}

/* factor * field + number OP 0 */
static struct node *compare_linear(struct perl_build *b, enum perl_op op,
				   const struct perl_value *v, bool negated)
{
	double limit = -v->number / v->factor;
	struct leaf l = {.field = field_row(FIELD_RECIPIENTS)};

	if (v->factor < 0)
		op = turned(op);
	if (v->key && v->key->type != PERL_NUMERIC) {
		if (row(b, v, PERL_AS_NUMBER, &l) < 0)
			return NULL;
		limit *= PERL_NUMBER_SCALE;
	} else if (v->key && row(b, v, PERL_VALUE, &l) < 0) {
		return NULL;
	}
	return number_leaf(b, op, &l, limit, negated);
}

/* Both sides as numbers, brought to one. */
static struct node *compare_numbers(struct perl_build *b, enum perl_op op, struct perl_value *x,
				    struct perl_value *y, bool negated)
{
	if (perl_numeric(b, x) < 0 || perl_numeric(b, y) < 0)
		return NULL;
	if (x->kind == PERL_V_LINEAR && y->kind == PERL_V_LINEAR) {
		perl_fail(b->err, y->offset, "one field can be compared, not two with each other");
		return NULL;
	}
	if (x->kind == PERL_V_NUMBER && y->kind == PERL_V_NUMBER)
		return constant(b, holds(op, (x->number > y->number) - (x->number < y->number)) !=
				       negated);
	if (y->kind == PERL_V_LINEAR) {
		struct perl_value *z = x;

		x = y;
		y = z;
		op = turned(op);
	}
	if (x->factor == 0) {
		perl_fail(b->err, x->offset, "a field times zero is nothing to compare");
		return NULL;
	}
	x->number -= y->number;
	return compare_linear(b, op, x, negated);
}

/* eq of what is a number, or between numbers, is == that is written as one is used to. */
static bool means_numbers(const struct perl_value *x)
{
	return x->kind == PERL_V_LINEAR ||
	       (x->kind == PERL_V_FIELD && x->key->type == PERL_NUMERIC);
}

static struct node *compare_texts(struct perl_build *b, enum perl_op op, struct perl_value *x,
				  struct perl_value *y, bool negated)
{
	struct perl_value *z = x;

	if (means_numbers(x) || means_numbers(y)) {
		if (op == PERL_OP_TEXT_EQ || op == PERL_OP_TEXT_NE)
			return compare_numbers(b, plain(op), x, y, negated);
		perl_fail(b->err, x->offset,
			  "lt le gt ge order numbers as texts, \"10\" before \"9\": "
			  "write < <= > >=");
		return NULL;
	}
	if (x->kind == PERL_V_FIELD && y->kind == PERL_V_FIELD) {
		perl_fail(b->err, y->offset, "one field can be compared, not two with each other");
		return NULL;
	}
	if (y->kind == PERL_V_FIELD) {
		x = y;
		y = z;
		op = turned(op);
	}
	if (check_default(b, x) < 0)
		return NULL;
	if (y->kind == PERL_V_NUMBER)
		y->text = arena_printf(b->arena, "%.15g", y->number);
	if (x->kind == PERL_V_NUMBER)
		x->text = arena_printf(b->arena, "%.15g", x->number);
	if (!y->text.p || (x->kind != PERL_V_FIELD && !x->text.p)) {
		error_set(b->err, ERROR_NOMEM, "out of memory");
		return NULL;
	}
	if (x->kind != PERL_V_FIELD)
		return constant(b, holds(plain(op), slice_cmp(x->text, y->text)) != negated);
	return compare_text(b, plain(op), x, y->text, negated);
}

static struct node *compare(struct perl_build *b, const struct perl_node *n, bool negated)
{
	struct perl_value x, y;

	if (perl_value(b, n->a, &x) < 0 || perl_value(b, n->b, &y) < 0)
		return NULL;
	if (n->op >= PERL_OP_TEXT_EQ)
		return compare_texts(b, n->op, &x, &y, negated);
	return compare_numbers(b, n->op, &x, &y, negated);
}

/* ---- what is true by itself ---- */

static struct node *truth(struct perl_build *b, const struct perl_node *n, bool negated)
{
	struct perl_value v, zero = {.kind = PERL_V_NUMBER};
	struct leaf l;

	if (perl_value(b, n, &v) < 0)
		return NULL;
	if (v.kind == PERL_V_NUMBER)
		return constant(b, (v.number != 0) != negated);
	if (v.kind == PERL_V_TEXT)
		return constant(b, (v.text.n && !slice_eq(v.text, SLICE("0"))) != negated);
	if (means_numbers(&v))
		return compare_numbers(b, PERL_OP_NE, &v, &zero, negated);
	return row(b, &v, PERL_VALUE, &l) < 0 ? NULL : has_node(b, &l, negated);
}

/* defined $msg{x}, exists $msg{headers}{X} */
static struct node *defined(struct perl_build *b, const struct perl_node *n, bool negated)
{
	struct perl_value v;
	struct leaf l;

	if (perl_value(b, n->a, &v) < 0)
		return NULL;
	if (v.kind != PERL_V_FIELD || v.fold || v.zero) {
		perl_fail(b->err, n->offset, "defined and exists are for what is in %%msg");
		return NULL;
	}
	return row(b, &v, PERL_VALUE, &l) < 0 ? NULL : has_node(b, &l, negated);
}

static bool is_defined(const struct perl_node *n)
{
	return n->kind == PERL_N_CALL && n->a &&
	       (slice_eq(n->text, SLICE("defined")) || slice_eq(n->text, SLICE("exists")));
}

/* ---- and, or, not ---- */

static bool is_and(enum perl_op op)
{
	return op == PERL_OP_AND || op == PERL_OP_AND_LOW;
}

static bool is_or(enum perl_op op)
{
	return op == PERL_OP_OR || op == PERL_OP_OR_LOW;
}

/* Long chains lean to the left: they are walked, not descended. */
static struct node *build_list(struct perl_build *b, const struct perl_node *n, bool negated)
{
	bool and = is_and(n->op);
	struct node *list = new_node(b, and != negated ? NODE_AND : NODE_OR);

	if (!list)
		return NULL;
	for (;;) {
		bool more = n->kind == PERL_N_BINARY && (and? is_and(n->op) : is_or(n->op));
		struct node *kid = build(b, more ? n->b : n, negated), **end;

		if (!kid)
			return NULL;
		if (kid->kind == list->kind)
			kid = kid->kids;
		for (end = &kid->next; *end;)
			end = &(*end)->next;
		*end = list->kids;
		list->kids = kid;
		if (!more)
			return list;
		n = n->a;
	}
}

static struct node *build(struct perl_build *b, const struct perl_node *n, bool negated)
{
	if (n->kind == PERL_N_NOT)
		return build(b, n->a, !negated);
	if (is_defined(n))
		return defined(b, n, negated);
	if (n->kind != PERL_N_BINARY)
		return truth(b, n, negated);
	if (is_and(n->op) || is_or(n->op))
		return build_list(b, n, negated);
	if (n->op == PERL_OP_MATCH || n->op == PERL_OP_NOMATCH)
		return match(b, n, negated);
	if (n->op >= PERL_OP_EQ && n->op <= PERL_OP_TEXT_GE)
		return compare(b, n, negated);
	return truth(b, n, negated);
}

struct node *perl_condition(struct perl_build *b, const struct perl_node *n, bool negated)
{
	return build(b, n, negated);
}

struct filter *perl_parse(struct arena *arena, struct slice text, int64_t now, perl_warn_fn *warn,
			  void *ctx, struct error *err)
{
	struct error own = ERROR_INIT;
	struct filter *f = arena_zalloc(arena, sizeof *f);
	struct perl_build b = {.arena = arena,
			       .text = text,
			       .now = now,
			       .warn = warn,
			       .ctx = ctx,
			       .err = err ? err : &own};
	const struct perl_node *n;

	if (!f) {
		error_set(err, ERROR_NOMEM, "out of memory");
		return NULL;
	}
	b.patterns = &f->patterns;
	n = perl_tree(arena, text, b.err);
	if (n)
		f->tree = build(&b, n, false);
	if (f->tree)
		return f;
	b.err->scope = SCOPE_RUN;
	filter_free(f);
	return NULL;
}
