/*
 * qtool: sendmail's qtool.pl under its own options, carried out as move, delete and bounce are.
 *
 * Directories are scanned and single messages looked up: when both are given, one after the other.
 */
#include "acting.h"
#include "cmd.h"
#include "qtool.h"

#include <sys/stat.h>

struct options {
	struct acting_options common;
	struct qtool_options which;
	bool bounce, delete;
};

static const struct option_row rows[] = {
    {'b', "bounce", NULL, OPTION_FLAG, offsetof(struct options, bounce),
     "return the messages to their senders at once"},
    {'d', "delete", NULL, OPTION_FLAG, offsetof(struct options, delete),
     "delete the messages (into the trash)"},
    {'e', "expression", "EXPR", OPTION_TEXT, offsetof(struct options, which.expression),
     "only those for which EXPR, a condition of Perl on $msg{...}, is true"},
    {'s', "seconds", "SEC", OPTION_NUMBER, offsetof(struct options, which.seconds),
     "only those that came more than SEC seconds ago"},
    {'Q', "quarantined", NULL, OPTION_FLAG, offsetof(struct options, which.quarantined),
     "quarantined messages (hf) in place of the others"},
    ACTING_ROWS(struct options),
    {0},
};

static bool is_directory(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* The target comes first, and the words after it are the sources. */
static bool take_target(struct run *run, struct action_request *request)
{
	if (request->op == OP_MOVE && run->word_count) {
		request->args.target = run->words[0];
		run->words++;
		run->word_count--;
		if (!is_directory(request->args.target)) {
			run_fail(run, STATUS_USAGE,
				 "qtool: the target '%s' must be an existing directory",
				 request->args.target);
			return false;
		}
	}
	if (run->word_count)
		return true;
	run_fail(run, STATUS_USAGE, "qtool: which messages? %s",
		 request->op == OP_MOVE ? "A target directory, then directories, files or ids"
					: "Name directories, files or ids");
	return false;
}

/* With the files as ids, or without any. False when the run should end. */
static void act(struct run *run, const struct action_request *request,
		const struct qtool_options *o, const struct text_list *paths,
		const struct text_list *files)
{
	struct filter *filter = qtool_filter(run, o, paths);
	struct action_counts counts;
	struct selection s;

	if (!filter)
		return;
	run->words = files ? (char **)(uintptr_t)files->list : NULL;
	run->word_count = files ? files->count : 0;
	if (selection_prepare_with(run, filter, &s) && selection_unambiguous(&s))
		action_run(run, &s, request, &counts);
	selection_free(&s);
}

static bool may_go_on(const struct run *run)
{
	return run->status == STATUS_OK || run->status == STATUS_SOME;
}

static void act_on_sources(struct run *run, const struct action_request *request,
			   const struct qtool_options *o)
{
	struct qtool_sources s;

	if (qtool_sources_find(run, run->words, run->word_count, o->quarantined, &s)) {
		for (size_t i = 0; i < s.queues.count; i++)
			text_list_add(&run->globals.queues, s.queues.list[i]);
		/* each queue has been given its own */
		run->globals.config = NULL;
		if (s.paths.count)
			act(run, request, o, &s.paths, NULL);
		if (s.files.count && may_go_on(run))
			act(run, request, o, NULL, &s.files);
	}
	qtool_sources_free(&s);
}

static void qtool_run(struct run *run, const void *options)
{
	const struct options *o = options;
	struct action_request request = {.op = o->delete   ? OP_DELETE
					       : o->bounce ? OP_BOUNCE
							   : OP_MOVE};

	acting_fill(&request, &o->common);
	request.args.try_now = request.op == OP_BOUNCE;
	if (take_target(run, &request))
		act_on_sources(run, &request, &o->which);
}

const struct command command_qtool = {
    .name = "qtool",
    .summary = "do what sendmail's qtool.pl does, with its options and its Perl",
    .args = "[TARGET] SOURCE...",
    .flags = COMMAND_WORDS | COMMAND_ACTS,
    .options = rows,
    .options_size = sizeof(struct options),
    .details =
	"A SOURCE is a queue directory, a control file or an id with its directory. Without -d "
	"and -b the\nmessages are moved to the directory TARGET. Called as qtool or qtool.pl the "
	"program is this command.\nSee mtaq-qtool(1).\n",
    .run = qtool_run,
};
