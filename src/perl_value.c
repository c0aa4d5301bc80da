/* Operands of Perl conditions: constants are computed, a field may be multiplied and added to. */
#include "perl.h"

static int fail_nomem(struct perl_build *b)
{
	return error_set(b->err, ERROR_NOMEM, "out of memory");
}

/* ---- fields ---- */

static int unknown_key(struct perl_build *b, const struct perl_node *n, const char *near)
{
	struct slice shown = slice_take(n->text, 40);

	return perl_fail(b->err, n->offset, "%%msg has no \"%" SLICE_FMT "\"%s%s%s",
			 SLICE_ARG(shown), near ? ": did you mean " : "", near ? near : "",
			 near ? "?" : "");
}

/* Names that old releases of qtool.pl had without their first letter. */
static int whole_header(struct perl_build *b, const struct perl_node *n, struct slice *out)
{
	struct slice whole = perl_header_name(b->arena, n->header), text;

	if (!whole.p)
		return fail_nomem(b);
	*out = whole;
	if (slice_eq(whole, n->header))
		return 0;
	text = arena_printf(b->arena,
			    "header names are whole here: \"%" SLICE_FMT
			    "\" is taken for \"%" SLICE_FMT "\"",
			    SLICE_ARG(n->header), SLICE_ARG(whole));
	if (!text.p)
		return fail_nomem(b);
	if (b->warn)
		b->warn(b->ctx, text.p);
	return 0;
}

static int field_value(struct perl_build *b, const struct perl_node *n, struct perl_value *out)
{
	const char *near = NULL;

	out->key = perl_key_find(n->text, &near);
	if (!out->key)
		return unknown_key(b, n, near);
	if (n->indexed && n->index != 0 && out->key->type != PERL_HEADERS &&
	    (out->key->type == PERL_NUMERIC || !out->key->letter))
		return perl_fail(b->err, n->offset, "%s is one value", out->key->name);
	out->kind = PERL_V_FIELD;
	out->field = n;
	if (out->key->type != PERL_HEADERS)
		return 0;
	if (!n->header.p)
		return perl_fail(b->err, n->offset, "which header? Write $msg{headers}{\"NAME\"}");
	return whole_header(b, n, &out->header);
}

/* ---- numbers ---- */

static void set_number(struct perl_value *v, double number)
{
	*v = (struct perl_value){.kind = PERL_V_NUMBER, .number = number, .offset = v->offset};
}

/* A constant text that is a number from end to end. */
static int number_of_text(struct perl_build *b, struct perl_value *v)
{
	struct slice shown = slice_take(v->text, 40);
	size_t used;
	double number = perl_number(v->text, &used);

	if (!used || slice_trim(slice_skip(v->text, used)).n)
		return perl_fail(b->err, v->offset,
				 "\"%" SLICE_FMT
				 "\" is no number: texts are compared with eq and ne",
				 SLICE_ARG(shown));
	set_number(v, number);
	return 0;
}

/* Texts that may well be numbers. */
static bool may_be_number(const struct perl_key *key)
{
	return key->type == PERL_HEADERS || key->letter == 'I' || key->letter == 'L' ||
	       key->letter == 'Y';
}

int perl_numeric(struct perl_build *b, struct perl_value *v)
{
	if (v->kind == PERL_V_TEXT)
		return number_of_text(b, v);
	if (v->kind != PERL_V_FIELD)
		return 0;
	if (v->fold || (v->key->type == PERL_TEXT && !may_be_number(v->key)))
		return perl_fail(b->err, v->offset,
				 "%s is text: compare it with eq, ne or =~ (as a number it is 0)",
				 v->key->name);
	v->kind = PERL_V_LINEAR;
	v->factor = 1;
	v->number = 0;
	return 0;
}

static void scale(struct perl_value *v, double factor)
{
	v->number *= factor;
	if (v->kind == PERL_V_LINEAR)
		v->factor *= factor;
}

/* out = x + y; the field of one of them goes on. */
static int add(struct perl_build *b, struct perl_value *out, const struct perl_value *y)
{
	if (out->kind == PERL_V_LINEAR && y->kind == PERL_V_LINEAR)
		return perl_fail(b->err, y->offset,
				 "one field can be compared, not two with each other");
	if (y->kind == PERL_V_LINEAR) {
		double number = out->number;

		*out = *y;
		out->number += number;
	} else {
		out->number += y->number;
	}
	return 0;
}

static int multiply(struct perl_build *b, struct perl_value *out, const struct perl_value *y)
{
	struct perl_value x = *out;

	if (x.kind == PERL_V_LINEAR && y->kind == PERL_V_LINEAR)
		return perl_fail(b->err, y->offset,
				 "one field can be compared, not two with each other");
	*out = y->kind == PERL_V_LINEAR ? *y : x;
	scale(out, y->kind == PERL_V_LINEAR ? x.number : y->number);
	return 0;
}

static int divide(struct perl_build *b, struct perl_value *out, const struct perl_value *y)
{
	if (y->kind != PERL_V_NUMBER)
		return perl_fail(b->err, y->offset, "division is by a constant only");
	if (y->number == 0)
		return perl_fail(b->err, y->offset, "division by zero");
	scale(out, 1 / y->number);
	return 0;
}

static int arithmetic(struct perl_build *b, const struct perl_node *n, struct perl_value *out)
{
	struct perl_value y;

	if (perl_value(b, n->a, out) < 0 || perl_value(b, n->b, &y) < 0 ||
	    perl_numeric(b, out) < 0 || perl_numeric(b, &y) < 0)
		return -1;
	switch (n->op) {
	case PERL_OP_SUBTRACT:
		scale(&y, -1);
		return add(b, out, &y);
	case PERL_OP_MULTIPLY:
		return multiply(b, out, &y);
	case PERL_OP_DIVIDE:
		return divide(b, out, &y);
	default:
		return add(b, out, &y);
	}
}

/* ---- texts ---- */

static int join(struct perl_build *b, const struct perl_node *n, struct perl_value *out)
{
	struct perl_value y;

	if (perl_value(b, n->a, out) < 0 || perl_value(b, n->b, &y) < 0)
		return -1;
	if (out->kind != PERL_V_TEXT || y.kind != PERL_V_TEXT)
		return perl_fail(b->err, n->offset, "the dot joins constant texts only");
	out->text = arena_printf(b->arena, "%" SLICE_FMT "%" SLICE_FMT, SLICE_ARG(out->text),
				 SLICE_ARG(y.text));
	return out->text.p ? 0 : fail_nomem(b);
}

/* ---- calls ---- */

static int fold_case(struct perl_build *b, const struct perl_node *n, struct perl_value *out)
{
	if (perl_value(b, n->a, out) < 0)
		return -1;
	if (out->kind != PERL_V_FIELD || out->key->type == PERL_NUMERIC)
		return perl_fail(b->err, n->offset, "lc() and uc() are for the texts of %%msg");
	out->fold = n->text.p[0];
	return 0;
}

/* scalar(@{$msg{recipient}}) */
static int count_of(struct perl_build *b, const struct perl_node *n, struct perl_value *out)
{
	if (field_value(b, n->a, out) < 0)
		return -1;
	if (out->key->letter != 'R')
		return perl_fail(b->err, n->offset,
				 "only recipients can be counted: @{$msg{recipient}}");
	*out = (struct perl_value){
	    .kind = PERL_V_LINEAR, .factor = 1, .field = n->a, .offset = n->offset};
	return 0;
}

static int call(struct perl_build *b, const struct perl_node *n, struct perl_value *out)
{
	struct slice shown = slice_take(n->text, 40);

	if (slice_eq(n->text, SLICE("time"))) {
		set_number(out, (double)b->now);
		return 0;
	}
	if (slice_eq(n->text, SLICE("lc")) || slice_eq(n->text, SLICE("uc")))
		return fold_case(b, n, out);
	if (slice_eq(n->text, SLICE("scalar")))
		return perl_value(b, n->a, out);
	if (slice_eq(n->text, SLICE("defined")) || slice_eq(n->text, SLICE("exists")))
		return perl_fail(b->err, n->offset, "%" SLICE_FMT " is a condition by itself",
				 SLICE_ARG(shown));
	return perl_fail(
	    b->err, n->offset,
	    "\"%" SLICE_FMT
	    "\" is not understood: texts stand in quotes, and of functions there are time, "
	    "defined, exists, lc, uc, scalar and grep",
	    SLICE_ARG(shown));
}

/* ---- all of them ---- */

static bool is_false(const struct perl_value *v)
{
	return v->kind == PERL_V_NUMBER ? v->number == 0 : v->kind == PERL_V_TEXT && v->text.n == 0;
}

/* $msg{x} || "": what is undefined counts as that anyhow. */
static int defaulted(struct perl_build *b, const struct perl_node *n, struct perl_value *out)
{
	struct perl_value y;

	if (perl_value(b, n->a, out) < 0 || perl_value(b, n->b, &y) < 0)
		return -1;
	if (out->kind != PERL_V_FIELD || !is_false(&y))
		return perl_fail(b->err, n->offset, "a condition cannot be compared");
	out->zero = y.kind == PERL_V_NUMBER;
	return 0;
}

static int binary(struct perl_build *b, const struct perl_node *n, struct perl_value *out)
{
	switch (n->op) {
	case PERL_OP_ADD:
	case PERL_OP_SUBTRACT:
	case PERL_OP_MULTIPLY:
	case PERL_OP_DIVIDE:
		return arithmetic(b, n, out);
	case PERL_OP_JOIN:
		return join(b, n, out);
	case PERL_OP_OR:
	case PERL_OP_DEFAULT:
		return defaulted(b, n, out);
	default:
		return perl_fail(b->err, n->offset, "a condition cannot be compared");
	}
}

static int minus(struct perl_build *b, const struct perl_node *n, struct perl_value *out)
{
	if (perl_value(b, n->a, out) < 0 || perl_numeric(b, out) < 0)
		return -1;
	scale(out, -1);
	return 0;
}

int perl_value(struct perl_build *b, const struct perl_node *n, struct perl_value *out)
{
	*out = (struct perl_value){.kind = PERL_V_TEXT, .text = n->text, .offset = n->offset};
	switch (n->kind) {
	case PERL_N_STRING:
		return 0;
	case PERL_N_NUMBER:
		set_number(out, n->number);
		return 0;
	case PERL_N_FIELD:
		return field_value(b, n, out);
	case PERL_N_COUNT_OF:
		return count_of(b, n, out);
	case PERL_N_CALL:
		return call(b, n, out);
	case PERL_N_MINUS:
		return minus(b, n, out);
	case PERL_N_BINARY:
		return binary(b, n, out);
	case PERL_N_REGEX:
		return perl_fail(b->err, n->offset, "a regular expression stands after =~ or !~");
	case PERL_N_NOT:
		break;
	}
	return perl_fail(b->err, n->offset, "a condition cannot be compared");
}
