/* mtaq restore --from DIR ID...: bring back what save put into a directory. */
#include "acting.h"
#include "cmd.h"
#include "restore.h"
#include "trash_read.h"

struct restore_options {
	struct acting_options common;
	const char *from;
	bool keep_age;
};

static const struct option_row options[] = {
    {0, "from", "DIR", OPTION_TEXT, offsetof(struct restore_options, from),
     "the directory that save wrote to"},
    {0, "keep-age", NULL, OPTION_FLAG, offsetof(struct restore_options, keep_age),
     "qmail: it keeps its age; without, it is as if it came now"},
    ACTING_ROWS(struct restore_options),
    {0},
};

static void add_all(struct restorer *r, const char *from)
{
	struct error err = ERROR_INIT;
	struct saved_ids ids;
	int fd = sys_open_dir(from, &err);

	if (fd < 0 || saved_ids_read(fd, from, &ids, &err) < 0) {
		run_error(r->run, &err);
		sys_close(fd);
		return;
	}
	for (size_t i = 0; i < ids.count; i++)
		restore_add(r, from, arena_copy(&r->run->arena, ids.list[i]));
	saved_ids_free(&ids);
	sys_close(fd);
}

static void restore_command(struct run *run, const void *options_given)
{
	const struct restore_options *o = options_given;
	struct action_request request = {.op = OP_RESTORE};
	struct action_counts counts = {0};
	struct restorer r;

	if (!o->from)
		run_fail(run, STATUS_USAGE,
			 "restore: --from which directory? (what was deleted: "
			 "`mtaq trash restore`)");
	else if (run->word_count == 0)
		run_fail(run, STATUS_USAGE, "restore: which messages? Give ids, or ALL");
	if (run->status != STATUS_OK)
		return;
	acting_fill(&request, &o->common);
	if (restore_begin(&r, run, o->keep_age)) {
		for (size_t i = 0; i < run->word_count; i++)
			if (strcmp(run->words[i], "ALL") == 0)
				add_all(&r, o->from);
			else
				restore_add(&r, o->from, slice_from(run->words[i]));
		restore_run(&r, &request, &counts);
	}
	restore_free(&r);
}

const struct command command_restore = {
    .name = "restore",
    .summary = "bring back into its queue what save copied",
    .args = "[ID]...|ALL",
    .flags = COMMAND_WORDS | COMMAND_ACTS,
    .options = options,
    .options_size = sizeof(struct restore_options),
    .run = restore_command,
};
