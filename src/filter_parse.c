/* The grammar of the filter language, by precedence climbing: tokens to a tree. */
#include "filter_ast.h"

#include <mtaq/limits.h>

struct parser {
	struct lexer lexer;
	struct token token; /* the one not taken yet */
	struct sema sema;
	size_t depth, nodes;
};

/* Binary operators, loosest first; not and comparisons bind tighter than all of them. */
static const struct {
	enum token_kind token;
	enum node_kind node;
} levels[] = {{TOKEN_OR, NODE_OR}, {TOKEN_AND, NODE_AND}};

enum { LEVELS = sizeof levels / sizeof levels[0] };

static struct node *parse_level(struct parser *p, size_t level);

static int advance(struct parser *p)
{
	return lexer_next(&p->lexer, &p->token, p->sema.err);
}

static int expected(const struct parser *p, const char *what)
{
	struct slice found = token_shown(&p->token);

	if (p->token.kind == TOKEN_END)
		return sema_fail(&p->sema, &p->token, "the expression ends where %s should follow",
				 what);
	return sema_fail(&p->sema, &p->token, "expected %s, found %" SLICE_FMT, what,
			 SLICE_ARG(found));
}

static int expect(struct parser *p, enum token_kind kind, const char *what)
{
	if (p->token.kind != kind)
		return expected(p, what);
	return advance(p);
}

static struct node *new_node(struct parser *p, enum node_kind kind)
{
	struct node *n;

	if (++p->nodes > LIMIT_EXPR_NODES) {
		sema_fail(&p->sema, &p->token, "the expression has more than %u parts",
			  LIMIT_EXPR_NODES);
		return NULL;
	}
	n = arena_zalloc(p->sema.arena, sizeof *n);
	if (!n)
		error_set(p->sema.err, ERROR_NOMEM, "out of memory");
	else
		n->kind = kind;
	return n;
}

static int deeper(struct parser *p)
{
	if (++p->depth > LIMIT_EXPR_DEPTH)
		return sema_fail(&p->sema, &p->token, "the expression is nested more than %u deep",
				 LIMIT_EXPR_DEPTH);
	return 0;
}

/* What cannot follow a complete test, told better than "expected and". */
static int check_after_test(struct parser *p, const struct leaf *l)
{
	if (!token_compares(p->token.kind))
		return 0;
	if (l->op == LEAF_TRUTH || l->op == LEAF_HAS)
		return sema_fail(&p->sema, &p->token,
				 "%s%s is yes or no by itself: write it alone, or not before it",
				 l->op == LEAF_HAS ? "has() of " : "", l->field->name);
	return sema_fail(&p->sema, &p->token,
			 "comparisons do not chain: write two of them with and between");
}

/* NAME or NAME [ 'argument' ] */
static int parse_field(struct parser *p, struct token *name, struct leaf *l)
{
	struct token argument;

	*name = p->token;
	if (advance(p) < 0)
		return -1;
	if (p->token.kind != TOKEN_LBRACKET)
		return sema_field(&p->sema, name, NULL, l);
	if (advance(p) < 0)
		return -1;
	argument = p->token;
	if (expect(p, TOKEN_STRING, "a name in quotes") < 0 || expect(p, TOKEN_RBRACKET, "]") < 0)
		return -1;
	return sema_field(&p->sema, name, &argument, l);
}

static int grow_values(struct parser *p, struct token **values, size_t count)
{
	size_t size = count * sizeof **values;
	struct token *more;

	/* doubled at each power of two */
	if (count & (count - 1))
		return 0;
	more = arena_grow(p->sema.arena, *values, size, size ? 2 * size : sizeof **values);
	if (!more)
		return error_set(p->sema.err, ERROR_NOMEM, "out of memory");
	*values = more;
	return 0;
}

/* ( value, ... ) with the parenthesis not taken yet */
static int parse_values(struct parser *p, const struct token *in, struct leaf *l)
{
	struct token *values = NULL;
	size_t count = 0;

	do {
		if (advance(p) < 0 || grow_values(p, &values, count) < 0)
			return -1;
		if (p->token.kind == TOKEN_RPAREN || p->token.kind == TOKEN_COMMA ||
		    p->token.kind == TOKEN_END)
			return expected(p, "a value");
		values[count++] = p->token;
		if (advance(p) < 0)
			return -1;
	} while (p->token.kind == TOKEN_COMMA);
	if (expect(p, TOKEN_RPAREN, ", or )") < 0)
		return -1;
	return sema_in(&p->sema, in, values, count, l);
}

/* What follows `in`. */
static int parse_in(struct parser *p, struct leaf *l)
{
	struct token in = p->token, path;

	if (advance(p) < 0)
		return -1;
	if (p->token.kind == TOKEN_LPAREN)
		return parse_values(p, &in, l);
	if (p->token.kind != TOKEN_NAME || !slice_caseeq(p->token.text, SLICE("file")))
		return expected(p, "('a', 'b') or file 'path'");
	if (advance(p) < 0)
		return -1;
	path = p->token;
	if (expect(p, TOKEN_STRING, "the path of a file in quotes") < 0)
		return -1;
	return sema_in_file(&p->sema, &in, &path, l);
}

static int parse_comparison(struct parser *p, struct leaf *l)
{
	struct token op = p->token, value;

	if (advance(p) < 0)
		return -1;
	value = p->token;
	if (value.kind == TOKEN_END)
		return expected(p, "a value");
	/* the value first: after a wrong one the text beyond it may not even be tokens */
	if (sema_compare(&p->sema, &op, &value, l) < 0)
		return -1;
	return advance(p);
}

static int parse_test(struct parser *p, struct leaf *l)
{
	struct token name;
	int r;

	if (parse_field(p, &name, l) < 0)
		return -1;
	if (token_compares(p->token.kind) && l->field->type != TYPE_BOOL) {
		r = parse_comparison(p, l);
	} else if (p->token.kind == TOKEN_IN) {
		r = parse_in(p, l);
	} else if (p->token.kind == TOKEN_NOT) {
		l->negated = true;
		r = advance(p);
		if (r == 0)
			r = p->token.kind == TOKEN_IN ? parse_in(p, l)
						      : expected(p, "in after a field and not");
	} else {
		r = sema_alone(&p->sema, &name, l);
	}
	return r < 0 ? -1 : check_after_test(p, l);
}

static int parse_has(struct parser *p, struct leaf *l)
{
	struct token name;

	if (advance(p) < 0 || expect(p, TOKEN_LPAREN, "( after has") < 0)
		return -1;
	if (p->token.kind != TOKEN_NAME)
		return expected(p, "a field");
	if (parse_field(p, &name, l) < 0 || expect(p, TOKEN_RPAREN, ") after the field") < 0)
		return -1;
	l->op = LEAF_HAS;
	return check_after_test(p, l);
}

static struct node *parse_leaf(struct parser *p, int (*parse)(struct parser *, struct leaf *))
{
	struct node *n = new_node(p, NODE_LEAF);

	return n && parse(p, &n->leaf) == 0 ? n : NULL;
}

/* ( expr ), the parenthesis not taken yet */
static struct node *parse_group(struct parser *p, const char *what)
{
	struct node *n;

	if (deeper(p) < 0 || expect(p, TOKEN_LPAREN, what) < 0)
		return NULL;
	n = parse_level(p, 0);
	if (!n || expect(p, TOKEN_RPAREN, "and, or or )") < 0)
		return NULL;
	p->depth--;
	return n;
}

static struct node *parse_each(struct parser *p, enum node_kind kind)
{
	struct node *n = new_node(p, kind);

	if (!n)
		return NULL;
	if (p->sema.each) {
		sema_fail(&p->sema, &p->token,
			  "any() and all() do not nest: one recipient is bound already");
		return NULL;
	}
	p->sema.each = kind == NODE_ANY ? "any" : "all";
	if (advance(p) < 0)
		return NULL;
	n->kids = parse_group(p, "( after any or all");
	p->sema.each = NULL;
	return n->kids ? n : NULL;
}

static struct node *parse_not(struct parser *p)
{
	struct node *n;

	if (deeper(p) < 0 || !(n = new_node(p, NODE_NOT)) || advance(p) < 0)
		return NULL;
	n->kids = parse_level(p, LEVELS);
	p->depth--;
	return n->kids ? n : NULL;
}

static struct node *parse_unary(struct parser *p)
{
	switch (p->token.kind) {
	case TOKEN_NOT:
		return parse_not(p);
	case TOKEN_LPAREN:
		return parse_group(p, "(");
	case TOKEN_HAS:
		return parse_leaf(p, parse_has);
	case TOKEN_ANY:
		return parse_each(p, NODE_ANY);
	case TOKEN_ALL:
		return parse_each(p, NODE_ALL);
	case TOKEN_NAME:
		return parse_leaf(p, parse_test);
	case TOKEN_NUMBER:
	case TOKEN_STRING:
	case TOKEN_REGEX:
		sema_fail(&p->sema, &p->token,
			  "a value cannot stand here: the field comes first, as in age > 2d");
		return NULL;
	default:
		expected(p, "a field, not, has(), any(), all() or (");
		return NULL;
	}
}

/* Append `kid` at *end, or what is in it when it is the same operator; the new end. */
static struct node **append(struct node **end, enum node_kind kind, struct node *kid)
{
	*end = kid->kind == kind ? kid->kids : kid;
	while (*end)
		end = &(*end)->next;
	return end;
}

static struct node *parse_level(struct parser *p, size_t level)
{
	struct node *n, *kid, **end;

	if (level == LEVELS)
		return parse_unary(p);
	kid = parse_level(p, level + 1);
	if (!kid || p->token.kind != levels[level].token)
		return kid;
	n = new_node(p, levels[level].node);
	if (!n)
		return NULL;
	end = append(&n->kids, n->kind, kid);
	while (p->token.kind == levels[level].token) {
		if (advance(p) < 0 || !(kid = parse_level(p, level + 1)))
			return NULL;
		end = append(end, n->kind, kid);
	}
	return n;
}

static const struct node *parse_all(struct parser *p)
{
	const struct node *n;

	if (advance(p) < 0)
		return NULL;
	if (p->token.kind == TOKEN_END) {
		sema_fail(&p->sema, &p->token,
			  "the expression is empty: write a test, as in age > 2d");
		return NULL;
	}
	n = parse_level(p, 0);
	if (!n || p->token.kind == TOKEN_END)
		return n;
	if (p->token.kind == TOKEN_RPAREN)
		sema_fail(&p->sema, &p->token, "this ) closes nothing");
	else
		expected(p, "and, or or the end");
	return NULL;
}

struct filter *filter_parse(struct arena *arena, struct slice text, int64_t now, struct error *err)
{
	struct error own = ERROR_INIT;
	struct filter *f = arena_zalloc(arena, sizeof *f);
	struct parser p = {.lexer = {text, 0, arena},
			   .sema = {arena, text, NULL, err ? err : &own, NULL}};

	(void)now; /* ages are computed when evaluated */
	if (!f) {
		error_set(err, ERROR_NOMEM, "out of memory");
		return NULL;
	}
	p.sema.patterns = &f->patterns;
	if (text.n > LIMIT_EXPR_BYTES)
		error_at(p.sema.err, ERROR_USAGE, LIMIT_EXPR_BYTES,
			 "the expression is longer than %u bytes", LIMIT_EXPR_BYTES);
	else
		f->tree = parse_all(&p);
	if (f->tree)
		return f;
	p.sema.err->scope = SCOPE_RUN;
	filter_free(f);
	return NULL;
}
