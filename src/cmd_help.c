/* mtaq help [COMMAND] */
#include "cmd.h"

static void help_run(struct run *run, const void *options)
{
	struct buf b;

	(void)options;
	buf_init(&b);
	if (run->word_count == 0)
		command_overview(&b);
	for (size_t i = 0; i < run->word_count; i++) {
		const struct command *c = command_find(run->words[i]);

		if (c)
			command_help(c, &b);
		else
			run_fail(run, STATUS_USAGE, "no command '%s' (`mtaq help` lists them)",
				 run->words[i]);
	}
	run_out(run, buf_slice(&b));
	buf_free(&b);
}

const struct command command_help_row = {
    .name = "help",
    .summary = "tell how a command is used",
    .args = "[COMMAND]...",
    .flags = COMMAND_WORDS,
    .run = help_run,
};
