/* The grammar of Perl conditions, with Perl's precedence: tokens to a tree. */
#include "perl.h"

#include <mtaq/limits.h>

struct perl_parser {
	struct perl_lexer lexer;
	struct perl_token token; /* the one not taken yet */
	struct error *err;
	size_t depth, nodes;
};

/* Loosest first. Between LOW_NOT and OR would stand assignments. */
enum level {
	LEVEL_LOW_OR,
	LEVEL_LOW_AND,
	LEVEL_LOW_NOT,
	LEVEL_OR,
	LEVEL_AND,
	LEVEL_EQUAL,
	LEVEL_ORDER,
	LEVEL_SUM,
	LEVEL_PRODUCT,
	LEVEL_MATCH,
	LEVEL_UNARY
};

/* clang-format off */
static const unsigned char level_of[] = {
	[PERL_OP_OR_LOW] = LEVEL_LOW_OR,
	[PERL_OP_AND_LOW] = LEVEL_LOW_AND,
	[PERL_OP_OR] = LEVEL_OR, [PERL_OP_DEFAULT] = LEVEL_OR,
	[PERL_OP_AND] = LEVEL_AND,
	[PERL_OP_EQ] = LEVEL_EQUAL, [PERL_OP_NE] = LEVEL_EQUAL,
	[PERL_OP_TEXT_EQ] = LEVEL_EQUAL, [PERL_OP_TEXT_NE] = LEVEL_EQUAL,
	[PERL_OP_LT] = LEVEL_ORDER, [PERL_OP_LE] = LEVEL_ORDER,
	[PERL_OP_GT] = LEVEL_ORDER, [PERL_OP_GE] = LEVEL_ORDER,
	[PERL_OP_TEXT_LT] = LEVEL_ORDER, [PERL_OP_TEXT_LE] = LEVEL_ORDER,
	[PERL_OP_TEXT_GT] = LEVEL_ORDER, [PERL_OP_TEXT_GE] = LEVEL_ORDER,
	[PERL_OP_ADD] = LEVEL_SUM, [PERL_OP_SUBTRACT] = LEVEL_SUM, [PERL_OP_JOIN] = LEVEL_SUM,
	[PERL_OP_MULTIPLY] = LEVEL_PRODUCT, [PERL_OP_DIVIDE] = LEVEL_PRODUCT,
	[PERL_OP_MATCH] = LEVEL_MATCH, [PERL_OP_NOMATCH] = LEVEL_MATCH,
	[PERL_OP_NOT] = LEVEL_UNARY, [PERL_OP_NOT_LOW] = LEVEL_UNARY,
};
/* clang-format on */

static struct perl_node *parse_level(struct perl_parser *p, enum level level);

static int advance(struct perl_parser *p, bool term)
{
	return perl_next(&p->lexer, term, &p->token, p->err);
}

static struct slice shown(const struct perl_parser *p)
{
	return slice_take(p->token.text, 40);
}

static int expected(const struct perl_parser *p, const char *what)
{
	struct slice found = shown(p);

	if (p->token.kind == PERL_END)
		return perl_fail(p->err, p->token.offset,
				 "the expression ends where %s should follow", what);
	return perl_fail(p->err, p->token.offset, "expected %s, found %" SLICE_FMT, what,
			 SLICE_ARG(found));
}

/* Take it; what follows is an operator, not a value, unless `term`. */
static int expect(struct perl_parser *p, enum perl_token_kind kind, bool term, const char *what)
{
	return p->token.kind == kind ? advance(p, term) : expected(p, what);
}

static struct perl_node *new_node(struct perl_parser *p, enum perl_kind kind)
{
	struct perl_node *n;

	if (++p->nodes > LIMIT_EXPR_NODES) {
		perl_fail(p->err, p->token.offset, "the expression has more than %u parts",
			  LIMIT_EXPR_NODES);
		return NULL;
	}
	n = arena_zalloc(p->lexer.arena, sizeof *n);
	if (!n)
		error_set(p->err, ERROR_NOMEM, "out of memory");
	else
		*n = (struct perl_node){.kind = kind,
					.offset = p->token.offset,
					.text = p->token.value,
					.number = p->token.number,
					.flags = p->token.flags};
	return n;
}

static int deeper(struct perl_parser *p)
{
	if (++p->depth > LIMIT_EXPR_DEPTH)
		return perl_fail(p->err, p->token.offset,
				 "the expression is nested more than %u deep", LIMIT_EXPR_DEPTH);
	return 0;
}

/* ---- fields ---- */

static int parse_index(struct perl_parser *p, struct perl_node *field)
{
	bool minus;

	if (field->indexed)
		return perl_fail(p->err, p->token.offset, "a value has one number, not two");
	if (advance(p, true) < 0)
		return -1;
	minus = p->token.kind == PERL_OPERATOR && p->token.op == PERL_OP_SUBTRACT;
	if (minus && advance(p, true) < 0)
		return -1;
	if (p->token.kind != PERL_NUMBER || p->token.number > 1e6 ||
	    p->token.number != (double)(int64_t)p->token.number)
		return expected(p, "the number of a value, as in [0]");
	field->indexed = true;
	field->index = (int64_t)p->token.number * (minus ? -1 : 1);
	if (advance(p, false) < 0)
		return -1;
	return expect(p, PERL_RBRACKET, false, "]");
}

/* Other names are in no message, and would be taken apart by perl_rows.c. */
static bool can_be_header(struct slice name)
{
	for (size_t i = 0; i < name.n; i++)
		if (name.p[i] <= ' ' || name.p[i] >= 0x7f || name.p[i] == ':')
			return false;
	return name.n > 0;
}

/* The brace not taken yet: the lexer stands behind it. */
static int parse_header(struct perl_parser *p, struct perl_node *field)
{
	size_t offset;

	if (!slice_eq(field->text, SLICE("headers")))
		return perl_fail(p->err, p->token.offset,
				 "only headers has names in it: $msg{headers}{Subject}");
	if (field->header.p || field->indexed)
		return expected(p, "an operator");
	if (perl_next_key(&p->lexer, &field->header, &offset, p->err) < 0)
		return -1;
	if (!field->header.n)
		return perl_fail(p->err, offset, "the name is empty");
	if (!can_be_header(field->header))
		return perl_fail(p->err, offset, "no header has such a name");
	return advance(p, false);
}

/* [0], {Subject}, with or without an arrow before each */
static int parse_subscripts(struct perl_parser *p, struct perl_node *field)
{
	for (;;) {
		bool arrow = p->token.kind == PERL_ARROW;

		if (arrow && advance(p, false) < 0)
			return -1;
		if (p->token.kind == PERL_LBRACKET) {
			if (parse_index(p, field) < 0)
				return -1;
		} else if (p->token.kind == PERL_LBRACE) {
			if (parse_header(p, field) < 0)
				return -1;
		} else {
			return arrow ? expected(p, "{NAME} or [0] after ->") : 0;
		}
	}
}

/* $msg{key}..., the token being $msg */
static struct perl_node *parse_field(struct perl_parser *p)
{
	struct perl_node *n = new_node(p, PERL_N_FIELD);
	size_t offset;

	if (!n)
		return NULL;
	if (!slice_eq(p->token.value, SLICE("msg"))) {
		expected(p, "$msg{NAME}: there is no other variable");
		return NULL;
	}
	if (advance(p, false) < 0 || (p->token.kind == PERL_ARROW && advance(p, false) < 0))
		return NULL;
	if (p->token.kind != PERL_LBRACE) {
		expected(p, "{ after $msg");
		return NULL;
	}
	if (perl_next_key(&p->lexer, &n->text, &offset, p->err) < 0 || advance(p, false) < 0)
		return NULL;
	return parse_subscripts(p, n) < 0 ? NULL : n;
}

/* @{$msg{recipient}}, and one value of it: ${$msg{message}}[0]; the token being the @ or $ */
static struct perl_node *parse_array(struct perl_parser *p)
{
	struct perl_node *n = new_node(p, PERL_N_COUNT_OF);
	bool one = slice_eq(p->token.text, SLICE("$"));

	if (!n || advance(p, true) < 0)
		return NULL;
	if (p->token.kind != PERL_LBRACE || advance(p, true) < 0 ||
	    p->token.kind != PERL_VARIABLE) {
		expected(p, "@{$msg{recipient}}");
		return NULL;
	}
	n->a = parse_field(p);
	if (!n->a || expect(p, PERL_RBRACE, false, "}") < 0)
		return NULL;
	if (p->token.kind == PERL_LBRACKET || (one && p->token.kind == PERL_LBRACE))
		return parse_subscripts(p, n->a) < 0 ? NULL : n->a;
	if (!one)
		return n;
	expected(p, "[0] after ${$msg{message}}");
	return NULL;
}

/* ---- calls ---- */

/* grep { /re/ } @{...}, grep(/re/, @{...}): as @{...} =~ /re/ */
static struct perl_node *parse_grep(struct perl_parser *p, struct perl_node *n)
{
	bool paren = p->token.kind == PERL_LPAREN, brace;

	if (paren && advance(p, true) < 0)
		return NULL;
	brace = p->token.kind == PERL_LBRACE;
	if (brace && advance(p, true) < 0)
		return NULL;
	if (p->token.kind == PERL_VARIABLE && slice_eq(p->token.value, SLICE("_"))) {
		if (advance(p, false) < 0)
			return NULL;
		if (p->token.kind != PERL_OPERATOR || p->token.op != PERL_OP_MATCH) {
			expected(p, "=~ after $_");
			return NULL;
		}
		if (advance(p, true) < 0)
			return NULL;
	}
	if (p->token.kind != PERL_REGEX) {
		expected(p, "grep { /PATTERN/ } @{$msg{recipient}}");
		return NULL;
	}
	n->b = new_node(p, PERL_N_REGEX);
	if (!n->b || advance(p, false) < 0 ||
	    expect(p, brace ? PERL_RBRACE : PERL_COMMA, true, brace ? "}" : ",") < 0)
		return NULL;
	if (p->token.kind != PERL_ARRAY) {
		expected(p, "@{$msg{recipient}}");
		return NULL;
	}
	n->a = parse_array(p);
	if (!n->a || (paren && expect(p, PERL_RPAREN, false, ")") < 0))
		return NULL;
	if (!paren && p->token.kind == PERL_OPERATOR && level_of[p->token.op] > LEVEL_LOW_NOT) {
		perl_fail(
		    p->err, p->token.offset,
		    "without parentheses this belongs to the list: write grep(/.../, @{...})");
		return NULL;
	}
	if (n->a->kind != PERL_N_COUNT_OF) {
		perl_fail(p->err, n->a->offset, "grep is for all values, not for one");
		return NULL;
	}
	n->kind = PERL_N_BINARY;
	n->op = PERL_OP_MATCH;
	n->a = n->a->a;
	n->grouped = true;
	return n;
}

/* NAME(x) or NAME x; time has neither. */
static struct perl_node *parse_call(struct perl_parser *p)
{
	struct perl_node *n = new_node(p, PERL_N_CALL);
	bool takes, paren;

	if (!n)
		return NULL;
	takes = !slice_eq(n->text, SLICE("time"));
	if (deeper(p) < 0 || advance(p, takes) < 0)
		return NULL;
	p->depth--;
	if (slice_eq(n->text, SLICE("grep")))
		return parse_grep(p, n);
	paren = p->token.kind == PERL_LPAREN;
	if (!takes) {
		if (!paren)
			return n;
		return advance(p, false) == 0 && expect(p, PERL_RPAREN, false, ")") == 0 ? n : NULL;
	}
	/* binds tighter than < and eq, as Perl's named operators do */
	p->depth++;
	n->a = parse_level(p, paren ? LEVEL_UNARY : LEVEL_SUM);
	p->depth--;
	return n->a ? n : NULL;
}

/* ---- values ---- */

static struct perl_node *parse_group(struct perl_parser *p)
{
	struct perl_node *n;

	if (deeper(p) < 0 || advance(p, true) < 0)
		return NULL;
	if (p->token.kind == PERL_RPAREN) {
		expected(p, "a condition");
		return NULL;
	}
	n = parse_level(p, LEVEL_LOW_OR);
	if (!n || expect(p, PERL_RPAREN, false, "an operator or )") < 0)
		return NULL;
	p->depth--;
	n->grouped = true;
	return n;
}

static struct perl_node *parse_constant(struct perl_parser *p, enum perl_kind kind)
{
	struct perl_node *n = new_node(p, kind);

	return n && advance(p, false) == 0 ? n : NULL;
}

static bool is_op(const struct perl_parser *p, enum perl_op op)
{
	return p->token.kind == PERL_OPERATOR && p->token.op == op;
}

/* The token is not; with a parenthesis next to it, it is a function of what stands in there. */
static bool is_not_call(const struct perl_parser *p)
{
	struct slice rest = slice_trim(slice_skip(p->lexer.text, p->lexer.at));

	return is_op(p, PERL_OP_NOT_LOW) && rest.n && rest.p[0] == '(';
}

static struct perl_node *parse_prefix(struct perl_parser *p, enum perl_kind kind,
				      enum level operand);

static struct perl_node *parse_not_call(struct perl_parser *p)
{
	struct perl_node *n = parse_prefix(p, PERL_N_NOT, LEVEL_UNARY);

	if (n)
		n->grouped = true;
	return n;
}

static struct perl_node *parse_value(struct perl_parser *p)
{
	if (is_not_call(p))
		return parse_not_call(p);
	switch (p->token.kind) {
	case PERL_NUMBER:
		return parse_constant(p, PERL_N_NUMBER);
	case PERL_STRING:
		return parse_constant(p, PERL_N_STRING);
	case PERL_REGEX:
		return parse_constant(p, PERL_N_REGEX);
	case PERL_VARIABLE:
		return parse_field(p);
	case PERL_ARRAY:
		return parse_array(p);
	case PERL_NAME:
		return parse_call(p);
	case PERL_LPAREN:
		return parse_group(p);
	default:
		expected(p, "a value, $msg{NAME} or (");
		return NULL;
	}
}

/* not, !, - and + before a value; `operand` is how tight what follows binds. */
static struct perl_node *parse_prefix(struct perl_parser *p, enum perl_kind kind,
				      enum level operand)
{
	struct perl_node *n = new_node(p, kind);

	if (!n || deeper(p) < 0)
		return NULL;
	n->op = p->token.op;
	if (advance(p, true) < 0)
		return NULL;
	n->a = parse_level(p, operand);
	p->depth--;
	return n->a ? n : NULL;
}

static struct perl_node *parse_unary(struct perl_parser *p)
{
	if (is_op(p, PERL_OP_NOT))
		return parse_prefix(p, PERL_N_NOT, LEVEL_UNARY);
	if (is_op(p, PERL_OP_SUBTRACT))
		return parse_prefix(p, PERL_N_MINUS, LEVEL_UNARY);
	return parse_value(p);
}

/* ---- operators ---- */

static bool compares(enum perl_op op)
{
	return level_of[op] == LEVEL_EQUAL || level_of[op] == LEVEL_ORDER;
}

/* What Perl takes another way than it reads. */
static int check_operands(struct perl_parser *p, const struct perl_node *n)
{
	bool tight = compares(n->op) || level_of[n->op] == LEVEL_MATCH;

	if (tight && n->a->kind == PERL_N_NOT && !n->a->grouped)
		return perl_fail(
		    p->err, n->a->offset,
		    "! binds tighter than what follows: write !(...), or the opposite operator");
	if (compares(n->op) && n->a->kind == PERL_N_BINARY && compares(n->a->op) && !n->a->grouped)
		return perl_fail(p->err, n->offset,
				 "comparisons do not chain: write two of them with && between");
	return 0;
}

static struct perl_node *parse_binary(struct perl_parser *p, enum level level)
{
	struct perl_node *left = parse_level(p, level + 1), *n;

	while (left && p->token.kind == PERL_OPERATOR && level_of[p->token.op] == level) {
		n = new_node(p, PERL_N_BINARY);
		if (!n)
			return NULL;
		n->op = p->token.op;
		n->a = left;
		if (advance(p, true) < 0 || check_operands(p, n) < 0)
			return NULL;
		n->b = parse_level(p, level + 1);
		left = n->b ? n : NULL;
	}
	return left;
}

static struct perl_node *parse_level(struct perl_parser *p, enum level level)
{
	if (level == LEVEL_LOW_NOT)
		return is_op(p, PERL_OP_NOT_LOW) && !is_not_call(p)
			   ? parse_prefix(p, PERL_N_NOT, LEVEL_LOW_NOT)
			   : parse_level(p, LEVEL_OR);
	return level == LEVEL_UNARY ? parse_unary(p) : parse_binary(p, level);
}

static int check_end(struct perl_parser *p)
{
	if (p->token.kind == PERL_SEMICOLON && advance(p, true) < 0)
		return -1;
	if (p->token.kind == PERL_END)
		return 0;
	if (p->token.kind == PERL_RPAREN)
		return perl_fail(p->err, p->token.offset, "this ) closes nothing");
	return expected(p, "an operator or the end");
}

struct perl_node *perl_tree(struct arena *arena, struct slice text, struct error *err)
{
	struct perl_parser p = {.lexer = {text, 0, arena}, .err = err};
	struct perl_node *n;

	if (text.n > LIMIT_EXPR_BYTES) {
		error_at(err, ERROR_USAGE, LIMIT_EXPR_BYTES,
			 "the expression is longer than %u bytes", LIMIT_EXPR_BYTES);
		return NULL;
	}
	if (advance(&p, true) < 0)
		return NULL;
	if (p.token.kind == PERL_END) {
		perl_fail(err, 0, "the expression is empty");
		return NULL;
	}
	n = parse_level(&p, LEVEL_LOW_OR);
	return n && check_end(&p) == 0 ? n : NULL;
}
