/* Actions of rules: see rules_action.h. */
#include "rules_action.h"

#include <stdlib.h>

#define FOR(op) (1u << OP_##op)

/* Words after the action, as the command line has them with two dashes. */
static const struct option {
	struct slice word;
	bool text;	 /* a word follows: what is meant */
	unsigned ops;	 /* that take it */
	unsigned needed; /* that cannot do without */
	size_t offset;	 /* in struct action_args */
} options[] = {
    {{"try", 3},
     false,
     FOR(EXPIRE) | FOR(BOUNCE) | FOR(REQUEUE),
     0,
     offsetof(struct action_args, try_now)},
    {{"even-silent", 11},
     false,
     FOR(EXPIRE) | FOR(BOUNCE),
     0,
     offsetof(struct action_args, even_silent)},
    {{"reason", 6}, true, FOR(BOUNCE) | FOR(HOLD), 0, offsetof(struct action_args, reason)},
    {{"forget-hosts", 12}, false, FOR(RETRY), 0, offsetof(struct action_args, forget_hosts)},
    {{"whole-queue", 11}, false, FOR(RETRY), 0, offsetof(struct action_args, whole_queue)},
    {{"renew", 5}, false, FOR(RELEASE), 0, offsetof(struct action_args, renew)},
    {{"purge", 5}, false, FOR(DELETE), 0, offsetof(struct action_args, purge)},
    {{"to", 2},
     true,
     FOR(MOVE) | FOR(SAVE),
     FOR(MOVE) | FOR(SAVE),
     offsetof(struct action_args, target)},
    {{"recipient", 9}, true, FOR(DROP), FOR(DROP), offsetof(struct action_args, recipient)},
};

enum { OPTIONS = sizeof options / sizeof options[0], LAST_OP = OP_SAVE };

static bool find_op(struct slice word, enum op *out)
{
	for (int op = 0; op <= LAST_OP; op++)
		if (slice_eq(word, slice_from(op_name((enum op)op)))) {
			*out = (enum op)op;
			return true;
		}
	return false;
}

/* The option that a word names; the recipient to drop may stand by itself. */
static const struct option *find_option(const struct rules_word *w, enum op op, bool *alone)
{
	struct slice word = w->value;

	*alone = false;
	if (slice_starts(word, SLICE("--")))
		word = slice_skip(word, 2);
	for (size_t i = 0; !w->quoted && i < OPTIONS; i++)
		if ((options[i].ops & 1u << op) && slice_eq(word, options[i].word))
			return &options[i];
	if (op != OP_DROP)
		return NULL;
	*alone = true;
	return &options[OPTIONS - 1];
}

/* Where a run begins says nothing of where a rules file is meant to work. */
static bool check_target(struct rules_text *t, const struct option *o, const struct rules_word *w)
{
	if (o->offset != offsetof(struct action_args, target) || w->value.p[0] == '/')
		return true;
	rules_problem(t, w->offset, "the directory's whole path is needed, from the /");
	return false;
}

static void set_option(struct rules_text *t, struct rule *rule, const struct option *o,
		       struct rules_word w, bool alone)
{
	char *at = (char *)&rule->args + o->offset;

	if (!o->text) {
		*(bool *)at = true;
		return;
	}
	if ((!alone && !rules_next_word(t, &w)) || !w.value.n)
		rules_problem(t, w.offset, "%s %s what?", op_name(rule->op), o->word.p);
	else if (check_target(t, o, &w))
		*(const char **)at = arena_str(t->rules->arena, w.value);
}

static void needs_more(struct rules_text *t, enum op op, size_t offset)
{
	rules_problem(t, offset, "%s %s", op_name(op),
		      op == OP_DROP ? "whom? Name the recipient: an address or @domain"
				    : "where? Write to DIRECTORY");
}

static void read_options(struct rules_text *t, struct rule *rule, size_t begins)
{
	unsigned seen = 0;
	struct rules_word w;
	size_t problems = t->rules->problems;

	while (problems == t->rules->problems && rules_next_word(t, &w)) {
		bool alone;
		const struct option *o = find_option(&w, rule->op, &alone);
		unsigned bit = o ? 1u << (o - options) : 0;

		if (!o)
			rules_problem(t, w.offset, "%s has no option of this name",
				      op_name(rule->op));
		else if (seen & bit)
			rules_problem(t, w.offset, "%s: one %s is enough", op_name(rule->op),
				      o->word.p);
		else
			set_option(t, rule, o, w, alone);
		seen |= bit;
	}
	for (size_t i = 0; i < OPTIONS && problems == t->rules->problems; i++)
		if ((options[i].needed & 1u << rule->op) && !(seen & 1u << i))
			needs_more(t, rule->op, begins);
}

void rules_action(struct rules_text *t, struct rule *rule)
{
	struct rules_word w;

	if (!rules_next_word(t, &w)) {
		rules_problem(t, w.offset, "do what?");
	} else if (!w.quoted && slice_eq(w.value, SLICE("keep"))) {
		rule->keep = true;
		rules_expect_end(t);
	} else if (!w.quoted && find_op(w.value, &rule->op)) {
		read_options(t, rule, w.offset);
	} else {
		rules_problem(t, w.offset,
			      "no such action; there are keep, expire, bounce, requeue, retry, "
			      "hold, release, delete, drop, move and save");
	}
	rules_skip_line(t);
}
