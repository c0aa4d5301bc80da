/*
 * Any bytes as a rules file: each mistake has its place in it and is told printably, and what is
 * read without one is complete. Files of `in file` are left out: they are not the fuzzer's to open.
 */
#include "rules.h"
#include "unit/filter_world.h"

#include <mtaq/limits.h>

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool good)
{
	if (!good)
		abort();
}

static bool has_file(struct slice s)
{
	for (; s.n >= 4; s = slice_skip(s, 1))
		if (slice_caseeq(slice_take(s, 4), SLICE("file")))
			return true;
	return false;
}

static void tell(void *ctx, const struct rules_problem *p)
{
	const struct slice *text = ctx;
	size_t lines = 1;
	struct buf b;

	for (size_t i = 0; i < text->n; i++)
		lines += text->p[i] == '\n';
	check(p->error->text[0] && p->line >= 1 && p->line <= lines && p->column >= 1);
	check(p->offset <= p->text.n && slice_chr(p->text, '\n') == SIZE_MAX);
	check(!p->text.n || (p->text.p >= text->p && p->text.p + p->text.n <= text->p + text->n));
	buf_init(&b);
	filter_caret(&b, p->text, p->offset);
	check(b.n >= 3 && slice_ends(buf_slice(&b), SLICE("^\n")));
	buf_free(&b);
}

static void check_rule(const struct rules *r, size_t i)
{
	const struct rule *rule = &r->list[i];

	check(rule->name && rule->name[0] && rule->line && rule->filter);
	check(rule->keep || rule->op <= OP_SAVE);
	check(rule->op != OP_DROP || rule->keep || rule->args.recipient);
	if (!rule->keep && (rule->op == OP_MOVE || rule->op == OP_SAVE))
		check(rule->args.target && rule->args.target[0] == '/');
	for (size_t k = 0; k < i; k++)
		check(strcmp(rule->name, r->list[k].name) != 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice text = slice_of((const char *)data, size);
	struct rules rules;
	struct arena arena;

	if (size > LIMIT_EXPR_BYTES || has_file(text))
		return 0;
	arena_init(&arena, 0);
	rules_init(&rules, &arena, WORLD_NOW, tell, &text);
	rules_parse(&rules, "rules", text);
	for (size_t i = 0; i < rules.count && !rules.problems; i++)
		check_rule(&rules, i);
	rules_free(&rules);
	arena_free(&arena);
	return 0;
}
