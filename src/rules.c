/* Clauses of rules: see rules.h. What follows `do` is in rules_action.c. */
#include "rules.h"

#include "rules_action.h"
#include "rules_text.h"

#include <mtaq/limits.h>
#include <mtaq/sysio.h>
#include <mtaq/timefmt.h>

#include <stdlib.h>

enum { NAME_BYTES = 64 };

enum clause { CLAUSE_WHEN, CLAUSE_DO, CLAUSE_LIMIT, CLAUSE_MAX, CLAUSE_UNTIL };

/* The rule that is being read. */
struct reader {
	struct rules_text text;
	struct rule *rule; /* NULL before the first, and after one that cannot begin */
	size_t begins;	   /* offset of its name */
	unsigned seen;	   /* bits 1 << CLAUSE_x */
	bool lost;	   /* the rule has no name: its clauses are read for their mistakes */
};

/* ---- rule NAME [on WHERE] ---- */

static bool name_is_good(struct slice s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!ascii_isalpha(s.p[i]) && !ascii_isdigit(s.p[i]) && !strchr("._-", s.p[i]))
			return false;
	return s.n && s.n <= NAME_BYTES;
}

static const struct rule *rule_named(const struct rules *r, struct slice name)
{
	for (size_t i = 0; i < r->count; i++)
		if (slice_eq(slice_from(r->list[i].name), name))
			return &r->list[i];
	return NULL;
}

static struct rule *add_rule(struct rules *r)
{
	if (r->count == r->room) {
		r->room = r->room ? r->room * 2 : 16;
		r->list = realloc(r->list, r->room * sizeof *r->list);
		if (!r->list)
			abort();
	}
	r->list[r->count] = (struct rule){0};
	return &r->list[r->count++];
}

static bool check_name(struct reader *rd, const struct rules_word *w)
{
	const struct rules *r = rd->text.rules;
	const struct rule *other = rule_named(r, w->value);

	if (!name_is_good(w->value))
		rules_problem(&rd->text, w->offset,
			      "a rule's name is made of at most %d letters, digits and . _ -",
			      NAME_BYTES);
	else if (other)
		rules_problem(&rd->text, w->offset, "the rule %s is there already: %s:%zu",
			      other->name, other->file, other->line);
	else if (r->count == LIMIT_RULES)
		rules_problem(&rd->text, w->offset, "more than %u rules", LIMIT_RULES);
	else
		return true;
	return false;
}

static void read_on(struct reader *rd, struct rule *rule)
{
	struct rules_word w;

	if (!rules_next_word(&rd->text, &w))
		return;
	if (w.quoted || !slice_eq(w.value, SLICE("on"))) {
		rules_problem(&rd->text, w.offset,
			      "a rule begins with `rule NAME` or `rule NAME on MTA-OR-QUEUE`; all "
			      "else stands on lines of its own");
		rules_skip_line(&rd->text);
		return;
	}
	if (!rules_next_word(&rd->text, &w) || !w.value.n)
		rules_problem(&rd->text, w.offset,
			      "on what? An MTA (sendmail, qmail) or a queue (its directory)");
	else
		rule->on = arena_str(rd->text.rules->arena, w.value);
	rules_expect_end(&rd->text);
}

static void finish_rule(struct reader *rd)
{
	const struct rule *rule = rd->rule;

	if (!rule)
		return;
	if (!(rd->seen & 1u << CLAUSE_WHEN))
		rules_problem(&rd->text, rd->begins,
			      "the rule %s has no `when`: for every message write `when ALL`",
			      rule->name);
	if (!(rd->seen & 1u << CLAUSE_DO))
		rules_problem(
		    &rd->text, rd->begins,
		    "the rule %s has no `do`: to leave messages as they are write `do keep`",
		    rule->name);
	if (rule->keep && (rule->limit.given || rule->max))
		rules_problem(&rd->text, rd->begins,
			      "the rule %s keeps messages: it has no use for limit or max",
			      rule->name);
}

static void begin_rule(struct reader *rd)
{
	struct rules *r = rd->text.rules;
	struct rules_word w;

	finish_rule(rd);
	rd->rule = NULL;
	rd->seen = 0;
	rd->lost = true;
	if (!rules_next_word(&rd->text, &w)) {
		rules_problem(&rd->text, w.offset, "the rule needs a name");
		return;
	}
	if (!check_name(rd, &w)) {
		rules_skip_line(&rd->text);
		return;
	}
	rd->lost = false;
	rd->begins = w.offset;
	rd->rule = add_rule(r);
	rd->rule->name = arena_str(r->arena, w.value);
	rd->rule->file = rd->text.file;
	rd->rule->line = rules_line_of(&rd->text, w.offset);
	read_on(rd, rd->rule);
}

/* ---- clauses ---- */

static void read_when(struct reader *rd, struct rule *rule)
{
	struct error err = ERROR_INIT;
	struct slice text;
	size_t offset;

	if (!rules_expression(&rd->text, &text, &offset))
		return;
	if (slice_eq(slice_trim(text), SLICE("ALL")))
		text = SLICE("has(mta)");
	filter_free(rule->filter);
	rule->filter = filter_parse(rd->text.rules->arena, text, rd->text.rules->now, &err);
	if (!rule->filter)
		rules_problem_at(&rd->text, offset + (err.offset == SIZE_MAX ? 0 : err.offset),
				 &err);
}

static void read_limit(struct reader *rd, struct rule *rule)
{
	struct rules_word w;
	uint64_t n;

	if (!rules_next_word(&rd->text, &w) || !slice_u64(w.value, &n) || n > INT64_MAX)
		rules_problem(&rd->text, w.offset, "limit wants a whole number");
	else
		rule->limit = (struct option_number){true, (int64_t)n};
	rules_expect_end(&rd->text);
}

static void read_max(struct reader *rd, struct rule *rule)
{
	struct rules_word w;
	bool percent;
	uint64_t n;

	if (!rules_next_word(&rd->text, &w))
		w.value = SLICE_NONE;
	percent = slice_ends(w.value, SLICE("%"));
	if (!slice_u64(slice_take(w.value, w.value.n - percent), &n) || (percent && n > 100))
		rules_problem(&rd->text, w.offset, "max wants a number or a percentage: 100, 20%%");
	else
		rule->max = arena_str(rd->text.rules->arena, w.value);
	rules_expect_end(&rd->text);
}

static void read_until(struct reader *rd, struct rule *rule)
{
	struct rules_word w;
	int64_t t;

	if (!rules_next_word(&rd->text, &w) || !time_parse(w.value, &t))
		rules_problem(
		    &rd->text, w.offset,
		    "until wants a time: 2026-12-01, 2026-12-01T08:00, 2026-12-01T08:00Z");
	else
		rule->until = (struct option_number){true, t};
	rules_expect_end(&rd->text);
}

static void read_do(struct reader *rd, struct rule *rule)
{
	rules_action(&rd->text, rule);
}

static const struct {
	struct slice word;
	void (*read)(struct reader *rd, struct rule *rule);
} clauses[] = {
    [CLAUSE_WHEN] = {{"when", 4}, read_when},	 [CLAUSE_DO] = {{"do", 2}, read_do},
    [CLAUSE_LIMIT] = {{"limit", 5}, read_limit}, [CLAUSE_MAX] = {{"max", 3}, read_max},
    [CLAUSE_UNTIL] = {{"until", 5}, read_until},
};

static void read_clause(struct reader *rd, enum clause c, const struct rules_word *w)
{
	struct rule nowhere = {.name = "?"};

	if (!rd->rule && !rd->lost) {
		rules_problem(&rd->text, w->offset,
			      "this belongs to no rule: one begins with "
			      "`rule NAME`");
		rd->lost = true;
	} else if (rd->rule && (rd->seen & 1u << c)) {
		rules_problem(&rd->text, w->offset, "the rule %s has a `%s` already",
			      rd->rule->name, clauses[c].word.p);
	}
	clauses[c].read(rd, rd->rule && !(rd->seen & 1u << c) ? rd->rule : &nowhere);
	filter_free(nowhere.filter);
	rd->seen |= 1u << c;
}

static void read_line(struct reader *rd)
{
	struct rules_word w;

	if (!rules_next_word(&rd->text, &w)) {
		rules_skip_line(&rd->text);
		return;
	}
	if (!w.quoted && slice_eq(w.value, SLICE("rule"))) {
		begin_rule(rd);
		return;
	}
	for (size_t i = 0; !w.quoted && i < sizeof clauses / sizeof clauses[0]; i++)
		if (slice_eq(w.value, clauses[i].word)) {
			read_clause(rd, (enum clause)i, &w);
			return;
		}
	rules_problem(&rd->text, w.offset,
		      "a line begins with rule, when, do, limit, max, until or # here");
	rules_skip_line(&rd->text);
}

/* ---- the whole ---- */

void rules_init(struct rules *r, struct arena *arena, int64_t now,
		void (*tell)(void *ctx, const struct rules_problem *p), void *ctx)
{
	*r = (struct rules){.arena = arena, .now = now, .tell = tell, .ctx = ctx};
}

void rules_free(struct rules *r)
{
	for (size_t i = 0; i < r->count; i++)
		filter_free(r->list[i].filter);
	free(r->list);
	r->list = NULL;
	r->count = r->room = 0;
}

void rules_parse(struct rules *r, const char *file, struct slice text)
{
	struct reader rd = {.text = {.rules = r, .file = file, .text = text}};
	size_t nul = slice_chr(text, '\0');

	if (nul != SIZE_MAX) {
		rules_problem(&rd.text, nul, "there is a NUL byte here: this is no rules file");
		return;
	}
	while (rules_next_line(&rd.text))
		read_line(&rd);
	finish_rule(&rd);
}

void rules_read(struct rules *r, const char *path)
{
	struct error err = ERROR_INIT;
	struct slice text;

	if (sys_read_config(path, LIMIT_RULES_BYTES, r->arena, &text, &err) == 0) {
		rules_parse(r, path, text);
		return;
	}
	r->problems++;
	r->tell(r->ctx, &(struct rules_problem){.file = path, .error = &err});
}

bool rule_exists(const struct rule *rule, int64_t now)
{
	return !rule->until.given || now < rule->until.value;
}
