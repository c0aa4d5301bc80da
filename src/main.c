/* The program: command line in, exit status out. */
#include "cmd.h"

#include <mtaq/limits.h>
#include <mtaq/sysio.h>

#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

/* A terminal's width: COLUMNS when set, else what the terminal says, else 80. */
static unsigned terminal_columns(void)
{
	struct winsize w;
	const char *text = getenv("COLUMNS");
	uint64_t n;

	if (text && slice_u64(slice_from(text), &n) && n >= 20 && n <= 10000)
		return (unsigned)n;
	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) == 0 && w.ws_col >= 20)
		return w.ws_col;
	return 80;
}

static bool want_color(struct run *run)
{
	const char *when = run->globals.color ? run->globals.color : "auto";
	const char *no = getenv("NO_COLOR"), *term = getenv("TERM");

	if (strcmp(when, "always") == 0)
		return true;
	if (strcmp(when, "auto") != 0 && strcmp(when, "never") != 0)
		run_fail(run, STATUS_USAGE, "--color wants auto, always or never, not '%s'", when);
	return strcmp(when, "auto") == 0 && run->out_tty && !(no && *no) && term &&
	       strcmp(term, "dumb") != 0;
}

static void apply_globals(struct run *run)
{
	const struct globals *g = &run->globals;

	run->environment_queues = getenv("MTAQ_QUEUES");
	run->testing = getenv("MTAQ_TEST") != NULL;
	run->now = g->clock.given ? g->clock.value : (int64_t)time(NULL);
	run->jobs = 8;
	if (g->jobs.given && (g->jobs.value < 1 || g->jobs.value > (int64_t)LIMIT_JOBS))
		run_fail(run, STATUS_USAGE, "--jobs wants 1 to %u", LIMIT_JOBS);
	else if (g->jobs.given)
		run->jobs = (unsigned)g->jobs.value;
	run->out_tty = isatty(STDOUT_FILENO);
	run->err_tty = isatty(STDERR_FILENO);
	run->columns = run->out_tty ? terminal_columns() : 0;
	run->color = want_color(run);
}

/* --version and --help, wherever they stand. */
static void print_about(struct run *run, const struct command *c)
{
	struct buf b;

	buf_init(&b);
	if (run->globals.version)
		buf_adds(&b, "mtaq " PACKAGE_VERSION "\n");
	else if (c)
		command_help(c, &b);
	else
		command_overview(&b);
	run_out(run, buf_slice(&b));
	buf_free(&b);
}

/* Words after the command: options in any order, then what is left. */
static void run_command(struct run *run, const struct command *c, int argc, char **argv)
{
	void *options = c->options_size ? arena_zalloc(&run->arena, c->options_size) : NULL;
	struct option_set sets[3] = {
	    {c->options, options}, {global_options, &run->globals}, {NULL, NULL}};
	struct error err = ERROR_INIT;
	int first;

	if (c->flags & COMMAND_SELECTS)
		sets[2] = (struct option_set){selector_options, &run->selectors};
	if (options_parse(sets, 3, argc, argv, false, &first, &err) < 0) {
		run_fail(run, STATUS_USAGE, "%s: %s (`mtaq help %s` tells what there is)", c->name,
			 err.text, c->name);
		return;
	}
	run->words = argv + first;
	run->word_count = (size_t)(argc - first);
	if (run->globals.help || run->globals.version) {
		print_about(run, c);
		return;
	}
	apply_globals(run);
	if (run->word_count && !(c->flags & COMMAND_WORDS))
		run_fail(run, STATUS_USAGE, "%s takes no words: '%s'", c->name, run->words[0]);
	if ((c->flags & COMMAND_ACTS) && run->globals.clock.given && !run->testing)
		run_fail(run, STATUS_USAGE, "%s: --clock is for looking only", c->name);
	if (run->status == STATUS_OK)
		c->run(run, options);
}

/* A link of this name is the command itself, as scripts call it. */
static bool called_qtool(const char *path)
{
	const char *slash = path ? strrchr(path, '/') : NULL;
	const char *name = slash ? slash + 1 : path;

	return name && (strcmp(name, "qtool") == 0 || strcmp(name, "qtool.pl") == 0);
}

static void run_words(struct run *run, int argc, char **argv)
{
	const struct option_set globals = {global_options, &run->globals};
	const struct command *c;
	struct error err = ERROR_INIT;
	int first;

	if (options_parse(&globals, 1, argc, argv, true, &first, &err) < 0)
		run_fail(run, STATUS_USAGE, "%s (`mtaq help` tells what there is)", err.text);
	else if (run->globals.help || run->globals.version)
		print_about(run, NULL);
	else if (first == argc)
		run_fail(run, STATUS_USAGE, "which command? (`mtaq help` lists them)");
	else if ((c = command_find(argv[first])) == NULL)
		run_fail(run, STATUS_USAGE, "no command '%s' (`mtaq help` lists them)",
			 argv[first]);
	else
		run_command(run, c, argc - first, argv + first);
}

int main(int argc, char **argv)
{
	struct run run = {.program = "mtaq", .argc = argc, .argv = argv};

	if (sys_own_standard_descriptors() < 0)
		return STATUS_SYSTEM;
	sys_raise_file_limit();
	/* characters for the width of a column; numbers, times and case stay those of C */
	setlocale(LC_CTYPE, "");
	arena_init(&run.arena, 0);
	if (called_qtool(argv[0]))
		run_command(&run, command_find("qtool"), argc, argv);
	else
		run_words(&run, argc, argv);
	run_close_output(&run);
	text_list_free(&run.globals.queues);
	text_list_free(&run.globals.logs);
	text_list_free(&run.selectors.expressions);
	text_list_free(&run.selectors.senders);
	text_list_free(&run.selectors.recipients);
	arena_free(&run.arena);
	return (int)run.status;
}
