/* mtaq journal: which runs there were, what one of them did, and forgetting old ones. */
#include "cmd.h"
#include "journal.h"
#include "journal_read.h"
#include "runid.h"

#include <mtaq/jsonbytes.h>
#include <mtaq/timefmt.h>

#include <inttypes.h>

struct journal_options {
	struct option_number older;
	bool dry_run;
};

static const struct option_row options[] = {
    {'o', "older", "AGE", OPTION_DURATION, offsetof(struct journal_options, older),
     "prune: runs older than AGE (required)"},
    {'n', "dry-run", NULL, OPTION_FLAG, offsetof(struct journal_options, dry_run),
     "prune: only tell which"},
    {0},
};

static const char *directory(const struct run *run)
{
	return run->globals.journal ? run->globals.journal : JOURNAL_DIR;
}

/* ---- list ---- */

static void add_bytes(struct buf *b, const json_t *j, const char *key, struct arena *a)
{
	text_escape(b, json_bytes_get(json_object_get(j, key), a));
}

static const char *ending(const struct journal_file *f, bool running)
{
	return f->ended ? "" : running ? "  running" : "  cut off";
}

static void add_run(struct buf *b, const struct journal_file *f, bool running, struct arena *a)
{
	char when[TIME_TEXT];

	buf_printf(b, "%s  %s  ", f->run, time_print_local(f->time, when));
	add_bytes(b, f->header, "user", a);
	buf_printf(b, "  %s", op_name(f->op));
	if (json_object_get(f->header, "undoes")) {
		buf_addc(b, ' ');
		add_bytes(b, f->header, "undoes", a);
	}
	if (json_object_get(f->header, "rule")) {
		buf_adds(b, " by rule ");
		add_bytes(b, f->header, "rule", a);
	}
	buf_printf(b, ": %zu done", f->results[RESULT_DONE]);
	if (f->results[RESULT_ASKED])
		buf_printf(b, ", %zu asked", f->results[RESULT_ASKED]);
	if (f->results[RESULT_FAILED] + f->results[RESULT_UNSURE])
		buf_printf(b, ", %zu failed",
			   f->results[RESULT_FAILED] + f->results[RESULT_UNSURE]);
	if (f->results[RESULT_NONE])
		buf_printf(b, ", %zu unknown", f->results[RESULT_NONE]);
	buf_printf(b, "%s\n", ending(f, running));
}

static void list_run(struct run *run, const char *id)
{
	struct journal_file f;
	struct error err = ERROR_INIT;
	struct arena a;
	struct buf b;
	bool running;

	arena_init(&a, 0);
	buf_init(&b);
	if (journal_load(directory(run), id, &a, &f, &running, &err) == 0)
		add_run(&b, &f, running, &a);
	/* pruned meanwhile, or killed before it did anything */
	else if (err.code != ERROR_NOQUEUE && err.code != ERROR_GONE)
		run_error(run, &err);
	run_out(run, buf_slice(&b));
	journal_file_free(&f);
	buf_free(&b);
	arena_free(&a);
}

static void list(struct run *run)
{
	struct run_ids runs;
	struct error err = ERROR_INIT;

	if (run_ids_read(directory(run), ".jsonl", &runs, &err) < 0)
		run_error(run, &err);
	for (size_t i = 0; i < runs.count && !run->out_lost; i++)
		list_run(run, runs.list[i]);
	run_ids_free(&runs);
}

/* ---- show ---- */

static void add_field(struct buf *b, const json_t *header, const char *key, struct arena *a)
{
	if (!json_object_get(header, key))
		return;
	buf_printf(b, "%-8s ", key);
	add_bytes(b, header, key, a);
	buf_addc(b, '\n');
}

static void add_header(struct buf *b, const struct journal_file *f, bool running, struct arena *a)
{
	const json_t *command = json_object_get(f->header, "command"), *word;
	char when[TIME_TEXT];
	size_t i;

	buf_printf(b, "run      %s%s\n", f->run, ending(f, running));
	buf_printf(b, "time     %s\n", time_print_local(f->time, when));
	add_field(b, f->header, "user", a);
	add_field(b, f->header, "host", a);
	add_field(b, f->header, "undoes", a);
	add_field(b, f->header, "rule", a);
	buf_adds(b, "command ");
	json_array_foreach(command, i, word)
	{
		buf_addc(b, ' ');
		text_escape(b, json_bytes_get(word, a));
	}
	buf_adds(b, "\n");
}

static void add_record(struct buf *b, const struct journal_record *r, struct arena *a)
{
	json_t *intent = journal_line(r->intent, NULL);
	json_t *outcome = r->outcome.p ? journal_line(r->outcome, NULL) : NULL;

	if (r->op == OP_REPAIR) {
		add_bytes(b, intent, "path", a);
		buf_printf(b, ": %s (", op_name(r->op));
		add_bytes(b, intent, "code", a);
	} else {
		add_bytes(b, intent, "id", a);
		buf_printf(b, ": %s, from=<", op_name(r->op));
		add_bytes(b, intent, "sender", a);
	}
	buf_printf(b, "%c: %s", r->op == OP_REPAIR ? ')' : '>',
		   r->result ? journal_result_name(r->result) : "unknown");
	if (json_object_get(outcome, "error")) {
		buf_adds(b, ": ");
		add_bytes(b, outcome, "error", a);
	}
	buf_addc(b, '\n');
	json_decref(intent);
	json_decref(outcome);
}

static void show_file(struct run *run, const struct journal_file *f, bool running)
{
	struct arena a;
	struct buf b;

	arena_init(&a, 0);
	buf_init(&b);
	add_header(&b, f, running, &a);
	for (size_t i = 0; i < f->count && run_out(run, buf_slice(&b)); i++) {
		arena_reset(&a);
		buf_clear(&b);
		add_record(&b, &f->records[i], &a);
	}
	run_out(run, buf_slice(&b));
	buf_free(&b);
	arena_free(&a);
}

static void show(struct run *run, const char *id)
{
	struct journal_file f;
	struct error err = ERROR_INIT;
	bool running;

	if (journal_load(directory(run), id, &run->arena, &f, &running, &err) < 0)
		run_error(run, &err);
	else
		show_file(run, &f, running);
	journal_file_free(&f);
}

/* ---- prune ---- */

static void prune_run(struct run *run, const char *id, const struct journal_options *o)
{
	struct slice line = arena_printf(&run->arena, "%s: forgotten\n", id);
	struct error err = ERROR_INIT;
	int64_t t;
	int r = 1;

	if (!run_id_time(slice_from(id), &t) || run->now - t <= o->older.value)
		return;
	if (!o->dry_run)
		r = journal_remove(directory(run), id, &err);
	if (r < 0 && err.code != ERROR_NOQUEUE)
		run_error(run, &err);
	else if (r == 1)
		run_out(run, line);
}

static void prune(struct run *run, const struct journal_options *o)
{
	struct run_ids runs;
	struct error err = ERROR_INIT;

	if (!o->older.given) {
		run_fail(run, STATUS_USAGE, "journal prune: which runs? Say -o AGE");
		return;
	}
	if (run_ids_read(directory(run), ".jsonl", &runs, &err) < 0)
		run_error(run, &err);
	for (size_t i = 0; i < runs.count; i++)
		prune_run(run, runs.list[i], o);
	run_ids_free(&runs);
}

/* ---- the command ---- */

static bool word_is(const struct run *run, const char *word, size_t count)
{
	return run->word_count == count && strcmp(run->words[0], word) == 0;
}

static void journal_run(struct run *run, const void *options_given)
{
	const struct journal_options *o = options_given;

	if ((o->older.given || o->dry_run) && !word_is(run, "prune", 1))
		run_fail(run, STATUS_USAGE, "journal: -o and -n are for prune");
	else if (run->word_count == 0 || word_is(run, "list", 1))
		list(run);
	else if (word_is(run, "show", 2))
		show(run, run->words[1]);
	else if (word_is(run, "prune", 1))
		prune(run, o);
	else
		run_fail(run, STATUS_USAGE, "journal: list, show RUN or prune, not '%s'",
			 run->words[0]);
}

const struct command command_journal = {
    .name = "journal",
    .summary = "list the runs that changed something, show one, forget old ones",
    .args = "[list|show RUN|prune]",
    .flags = COMMAND_WORDS | COMMAND_ACTS,
    .options = options,
    .options_size = sizeof(struct journal_options),
    .run = journal_run,
};
