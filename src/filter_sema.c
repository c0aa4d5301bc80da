/* What the words of an expression mean: fields, operators and values that fit together, and hints
 * when they do not. */
#include "filter_ast.h"

#include <mtaq/limits.h>

int sema_fail(const struct sema *s, const struct token *at, const char *fmt, ...)
{
	va_list ap;

	if (s->err->code != ERROR_NONE)
		return -1;
	va_start(ap, fmt);
	error_vset(s->err, ERROR_USAGE, fmt, ap);
	va_end(ap);
	s->err->offset = at->offset;
	return -1;
}

struct slice token_shown(const struct token *t)
{
	return slice_take(t->text, 40);
}

static int unknown_field(const struct sema *s, const struct token *name)
{
	struct slice shown = token_shown(name);
	const char *near = field_suggest(name->text);

	if (near)
		return sema_fail(s, name, "unknown field %" SLICE_FMT ": did you mean %s?",
				 SLICE_ARG(shown), near);
	return sema_fail(s, name, "unknown field %" SLICE_FMT ": `mtaq fields` lists them",
			 SLICE_ARG(shown));
}

int sema_field(const struct sema *s, const struct token *name, const struct token *argument,
	       struct leaf *leaf)
{
	const struct field *f = field_find(name->text);

	if (!f)
		return unknown_field(s, name);
	if (f->flags & FIELD_ARGUMENT && !argument)
		return sema_fail(s, name, "%s needs a name: write %s[\"NAME\"]", f->name, f->name);
	if (!(f->flags & FIELD_ARGUMENT) && argument)
		return sema_fail(s, argument, "%s takes no [\"NAME\"]", f->name);
	if (argument && argument->value.n == 0)
		return sema_fail(s, argument, "the name is empty: write %s[\"NAME\"]", f->name);
	if (s->each && !(f->flags & FIELD_PER_RECIPIENT))
		return sema_fail(
		    s, name,
		    "%s is the whole message's, not one recipient's: it cannot stand inside %s()",
		    f->name, s->each);
	leaf->field = f;
	leaf->argument = argument ? argument->value : SLICE_NONE;
	return 0;
}

static const char *example(const struct field *f)
{
	switch (f->type) {
	case TYPE_TEXT:
		return "== 'text' or =~ /regex/";
	case TYPE_NUMBER:
		return "> 5";
	case TYPE_SIZE:
		return "> 10M";
	case TYPE_TIME:
		return "< 2026-11-20";
	case TYPE_DURATION:
		return "> 2d";
	default:
		return "== NAME";
	}
}

int sema_alone(const struct sema *s, const struct token *name, struct leaf *leaf)
{
	const struct field *f = leaf->field;

	leaf->op = LEAF_TRUTH;
	if (f->type == TYPE_BOOL)
		return 0;
	return sema_fail(
	    s, name, "%s by itself is neither yes nor no: compare it (%s%s %s) or ask has(%s%s)",
	    f->name, f->name, f->flags & FIELD_ARGUMENT ? "[\"NAME\"]" : "", example(f), f->name,
	    f->flags & FIELD_ARGUMENT ? "[\"NAME\"]" : "");
}

static bool is_instant(enum field_type t)
{
	return t == TYPE_TIME || t == TYPE_DURATION;
}

static bool is_order(enum token_kind op)
{
	return op >= TOKEN_LT && op <= TOKEN_GE;
}

static int check_op(const struct sema *s, const struct token *op, const struct field *f)
{
	bool word = ascii_isalpha(op->text.p[0]);

	if (f->type == TYPE_TEXT && is_order(op->kind))
		return sema_fail(s, op, "%s is text: it takes == != =~ !~ and in, no order",
				 f->name);
	if (f->type != TYPE_TEXT && word)
		return sema_fail(s, op, "eq and ne are for text, %s is of type %s: write == or !=",
				 f->name, field_type_name(f->type));
	if (f->type != TYPE_TEXT && (op->kind == TOKEN_MATCH || op->kind == TOKEN_NOMATCH))
		return sema_fail(s, op, "=~ and !~ are for text, %s is of type %s: write %s %s",
				 f->name, field_type_name(f->type), f->name, example(f));
	if (is_instant(f->type) && !is_order(op->kind))
		return sema_fail(
		    s, op, "%s is never exactly equal to anything: write < <= > or >=", f->name);
	if (f->type == TYPE_ENUM && is_order(op->kind))
		return sema_fail(s, op, "%s has no order: write == != or in", f->name);
	return 0;
}

static enum leaf_op leaf_op_of(enum token_kind k)
{
	switch (k) {
	case TOKEN_LT:
		return LEAF_LT;
	case TOKEN_LE:
		return LEAF_LE;
	case TOKEN_GT:
		return LEAF_GT;
	case TOKEN_GE:
		return LEAF_GE;
	case TOKEN_MATCH:
	case TOKEN_NOMATCH:
		return LEAF_MATCH;
	default:
		return LEAF_EQ;
	}
}

static int sema_regex(const struct sema *s, const struct token *value, struct leaf *leaf)
{
	if (value->kind == TOKEN_STRING)
		return sema_fail(s, value,
				 "=~ takes a regular expression: write it between slashes, /.../");
	if (value->kind != TOKEN_REGEX)
		return sema_fail(s, value, "expected a regular expression between slashes, /.../");
	leaf->pattern = pattern_compile(s->arena, value->value, value->flags, s->patterns, s->err);
	if (leaf->pattern)
		return 0;
	if (s->err->code == ERROR_USAGE)
		s->err->offset += value->offset + 1;
	return -1;
}

int sema_compare(const struct sema *s, const struct token *op, const struct token *value,
		 struct leaf *leaf)
{
	const struct field *f = leaf->field;

	if (check_op(s, op, f) < 0)
		return -1;
	leaf->op = leaf_op_of(op->kind);
	leaf->negated = op->kind == TOKEN_NE || op->kind == TOKEN_NOMATCH;
	if (leaf->op == LEAF_MATCH)
		return sema_regex(s, value, leaf);
	if (f->type == TYPE_TEXT)
		return literal_text(s, f, value, &leaf->text);
	return literal_number(s, f, value, &leaf->number);
}

static int check_in(const struct sema *s, const struct token *in, const struct field *f)
{
	if (f->type == TYPE_BOOL)
		return sema_fail(
		    s, in, "%s is yes or no by itself: write it alone, or not before it", f->name);
	if (is_instant(f->type))
		return sema_fail(
		    s, in, "%s is never exactly equal to anything: write < <= > or >=", f->name);
	return 0;
}

static struct filter_set *text_set(const struct sema *s, const struct field *f,
				   const struct token *values, size_t count)
{
	struct slice *texts = arena_array(s->arena, count, sizeof *texts);

	for (size_t i = 0; texts && i < count; i++)
		if (literal_text(s, f, &values[i], &texts[i]) < 0)
			return NULL;
	return texts ? set_of_texts(s->arena, f, texts, count) : NULL;
}

static struct filter_set *number_set(const struct sema *s, const struct field *f,
				     const struct token *values, size_t count)
{
	int64_t *numbers = arena_array(s->arena, count, sizeof *numbers);

	for (size_t i = 0; numbers && i < count; i++)
		if (literal_number(s, f, &values[i], &numbers[i]) < 0)
			return NULL;
	return numbers ? set_of_numbers(s->arena, numbers, count) : NULL;
}

int sema_in(const struct sema *s, const struct token *in, const struct token *values, size_t count,
	    struct leaf *leaf)
{
	const struct field *f = leaf->field;

	leaf->op = LEAF_IN;
	if (check_in(s, in, f) < 0)
		return -1;
	leaf->set =
	    f->type == TYPE_TEXT ? text_set(s, f, values, count) : number_set(s, f, values, count);
	if (leaf->set)
		return 0;
	/* changes nothing when a value was wrong */
	return error_set(s->err, ERROR_NOMEM, "out of memory");
}

int sema_in_file(const struct sema *s, const struct token *in, const struct token *path,
		 struct leaf *leaf)
{
	const struct field *f = leaf->field;

	leaf->op = LEAF_IN;
	if (check_in(s, in, f) < 0)
		return -1;
	if (f->type != TYPE_TEXT)
		return sema_fail(s, in, "in file is for text, %s is of type %s: write in (...)",
				 f->name, field_type_name(f->type));
	leaf->set = set_of_file(s->arena, f, path->value, s->err);
	if (leaf->set)
		return 0;
	if (s->err->code != ERROR_NOMEM)
		s->err->code = ERROR_USAGE;
	s->err->offset = path->offset;
	return -1;
}
