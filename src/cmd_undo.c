/* mtaq undo RUN: take back what a run did, as far as nobody has changed it since. */
#include "acting.h"
#include "cmd.h"
#include "journal.h"
#include "repair.h"
#include "undo.h"

struct undo_options {
	struct acting_options common;
};

static const struct option_row options[] = {ACTING_ROWS(struct undo_options), {0}};

static void undo_file(struct run *run, const struct journal_file *file,
		      const struct undo_options *o)
{
	struct action_request request = {.op = OP_UNDO, .undoes = file->run};
	struct undo u;

	acting_fill(&request, &o->common);
	if (repair_is_journal(file)) {
		repair_undo(run, file, &request);
		return;
	}
	if (undo_plan(&u, run, file))
		action_run_plans(run, u.plans, u.count, &request, &u.counts);
	undo_free(&u);
}

static void undo_run(struct run *run, const void *options_given)
{
	const char *dir = run->globals.journal ? run->globals.journal : JOURNAL_DIR;
	struct journal_file file;
	struct error err = ERROR_INIT;
	bool running;

	if (run->word_count != 1) {
		run_fail(run, STATUS_USAGE, "undo: which run? (`mtaq journal` lists them)");
		return;
	}
	if (journal_load(dir, run->words[0], &run->arena, &file, &running, &err) < 0)
		run_error(run, &err);
	else if (running)
		run_fail(run, STATUS_TEMPORARY, "%s has not ended yet", file.run);
	else
		undo_file(run, &file, options_given);
	journal_file_free(&file);
}

const struct command command_undo = {
    .name = "undo",
    .summary = "take back what a run did",
    .args = "RUN",
    .flags = COMMAND_WORDS | COMMAND_ACTS,
    .options = options,
    .options_size = sizeof(struct undo_options),
    .run = undo_run,
};
