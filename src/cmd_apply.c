/* mtaq apply FILE...: rules for cron. */
#include "apply.h"
#include "cmd.h"

static const struct option_row options[] = {
    {0, "check", NULL, OPTION_FLAG, offsetof(struct apply_options, check),
     "read the rules only, and tell every mistake"},
    {'n', "dry-run", NULL, OPTION_FLAG, offsetof(struct apply_options, dry_run),
     "do everything but change anything"},
    {0, "no-syslog", NULL, OPTION_FLAG, offsetof(struct apply_options, no_syslog),
     "do not log to syslog"},
    {0},
};

/* FILE:LINE:COLUMN: what is wrong, the line, a caret. */
static void tell(void *ctx, const struct rules_problem *p)
{
	struct run *run = ctx;
	struct buf b;

	run->status = status_worse(run->status, STATUS_USAGE);
	buf_init(&b);
	buf_printf(&b, "%s: ", run->program);
	if (p->line) {
		text_escape_written(&b, slice_from(p->file));
		buf_printf(&b, ":%zu:%zu: ", p->line, p->column);
	}
	text_escape_written(&b, slice_from(p->error->text));
	buf_addc(&b, '\n');
	if (p->line)
		filter_caret(&b, p->text, p->offset);
	run_err(buf_slice(&b));
	buf_free(&b);
}

static void apply_run(struct run *run, const void *given)
{
	struct rules rules;

	if (run->word_count == 0) {
		run_fail(run, STATUS_USAGE, "apply: which rules? Name a file, see mtaq-rules(5)");
		return;
	}
	rules_init(&rules, &run->arena, run->now, tell, run);
	for (size_t i = 0; i < run->word_count; i++)
		rules_read(&rules, run->words[i]);
	if (!rules.problems)
		apply_rules(run, &rules, given);
	rules_free(&rules);
}

const struct command command_apply = {
    .name = "apply",
    .summary = "carry out rules: what cron jobs do, in one scan",
    .args = "FILE...",
    .flags = COMMAND_WORDS | COMMAND_ACTS,
    .options = options,
    .options_size = sizeof(struct apply_options),
    .details = "The first rule that matches takes a message. The rules are described in "
	       "mtaq-rules(5).\n",
    .run = apply_run,
};
