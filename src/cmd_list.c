/* mtaq list: the messages, in one of several formats. */
#include "cmd.h"
#include "list.h"

#include <stdio.h>
#include <stdlib.h>

enum { PROGRESS_STEP = 20000 };

struct list_options {
	const char *format;
	bool ids, nul, reverse;
	struct text_list sort;
};

static const struct option_row options[] = {
    {0, "format", "FORMAT", OPTION_TEXT, offsetof(struct list_options, format),
     "table, mailq, qread, json, ids, or a template: '{id} {age} {header[\"X-Y\"]}'"},
    {'i', "ids", NULL, OPTION_FLAG, offsetof(struct list_options, ids), "ids only, one per line"},
    {'0', "null", NULL, OPTION_FLAG, offsetof(struct list_options, nul),
     "ids only, each ended by a NUL"},
    {0, "sort", "KEY,...", OPTION_LIST, offsetof(struct list_options, sort),
     "by these fields; -KEY: largest first"},
    {0, "reverse", NULL, OPTION_FLAG, offsetof(struct list_options, reverse),
     "the other way round"},
    {0},
};

/* ---- options ---- */

static const struct output_kind *choose_kind(struct run *run, const struct list_options *o)
{
	const struct output_kind *k;

	if (o->ids || o->nul)
		return output_kind_find(SLICE("ids"));
	if (!o->format)
		return output_kind_find(SLICE("table"));
	if (strchr(o->format, '{'))
		return output_kind_find(SLICE("template"));
	k = output_kind_find(slice_from(o->format));
	if (!k)
		run_fail(
		    run, STATUS_USAGE,
		    "no format '%s': table, mailq, qread, json, ids, or a template with {field}s",
		    o->format);
	return k;
}

static bool open_output(struct lister *l, const struct list_options *o)
{
	const struct output_kind *kind = choose_kind(l->run, o);
	struct output_options oo = {.terminal = l->run->out_tty,
				    .color = l->run->color,
				    .verbose = l->run->globals.verbose > 0,
				    .columns = l->run->columns,
				    .format = slice_from(o->format),
				    .id_end = o->nul ? '\0' : '\n'};
	struct error err = ERROR_INIT;

	if (!kind)
		return false;
	l->output = output_new(kind, &oo, &err);
	if (!l->output)
		run_expression_error(l->run, slice_from(o->format), &err);
	return l->output != NULL;
}

static bool parse_sort(struct lister *l, const struct list_options *o)
{
	for (size_t i = 0; i < o->sort.count; i++) {
		struct error err = ERROR_INIT;

		if (sort_parse(slice_from(o->sort.list[i]), &l->sort, &err) < 0) {
			run_expression_error(l->run, slice_from(o->sort.list[i]), &err);
			return false;
		}
	}
	l->sort.reverse = o->reverse;
	if ((o->sort.count || o->reverse) && (l->output->kind->flags & OUTPUT_UNITS)) {
		run_fail(l->run, STATUS_USAGE,
			 "--format %s has its own order: no --sort or --reverse",
			 l->output->kind->name);
		return false;
	}
	l->limited = l->run->selectors.limit.given;
	l->left = (uint64_t)l->run->selectors.limit.value;
	if (o->sort.count || o->reverse)
		l->sorter = sorter_new(l->limited ? (size_t)l->left : 0, o->reverse);
	return true;
}

/* ---- printing as they come ---- */

static void each_printed(void *ctx, struct select_chunk *chunk, const struct field_context *c)
{
	struct lister *l = ctx;
	struct error err = ERROR_INIT;

	if (output_message(l->output, c, &chunk->out, &err) < 0)
		select_report(chunk, l->run->program, &err);
}

static bool chunk_printed(void *ctx, struct select_chunk *chunk)
{
	struct lister *l = ctx;
	size_t n = chunk->selected;

	lister_err(l, buf_slice(&chunk->err));
	if (l->limited && n > l->left)
		n = (size_t)l->left;
	if (n == chunk->selected)
		run_out(l->run, buf_slice(&chunk->out));
	else if (n)
		run_out(l->run, slice_take(buf_slice(&chunk->out), chunk->end[n - 1]));
	l->printed += n;
	if (l->limited)
		l->left -= n;
	return !l->run->out_lost && !(l->limited && l->left == 0);
}

/* ---- sorted: chunk->out holds records of (sizes, key, text) ---- */

struct record {
	size_t key_n, text_n;
};

static void each_sorted(void *ctx, struct select_chunk *chunk, const struct field_context *c)
{
	struct lister *l = ctx;
	size_t start = chunk->out.n, key, text;
	struct error err = ERROR_INIT;
	struct record r;

	buf_room(&chunk->out, sizeof r);
	chunk->out.n += sizeof r;
	key = chunk->out.n;
	if (sort_encode(&l->sort, c, &chunk->out) < 0) {
		chunk->out.n = start;
		error_set(&err, ERROR_LIMIT, "%s: %" SLICE_FMT ": too large to sort by",
			  c->message->queue->name, SLICE_ARG(c->message->id));
		select_report(chunk, l->run->program, &err);
		return;
	}
	text = chunk->out.n;
	each_printed(ctx, chunk, c);
	r = (struct record){text - key, chunk->out.n - text};
	memcpy(chunk->out.p + start, &r, sizeof r);
}

static bool chunk_sorted(void *ctx, struct select_chunk *chunk)
{
	struct lister *l = ctx;
	struct slice rest = buf_slice(&chunk->out);

	lister_err(l, buf_slice(&chunk->err));
	while (rest.n) {
		struct record r;

		memcpy(&r, rest.p, sizeof r);
		rest = slice_skip(rest, sizeof r);
		sorter_add(l->sorter, slice_take(rest, r.key_n),
			   slice_take(slice_skip(rest, r.key_n), r.text_n));
		rest = slice_skip(rest, r.key_n + r.text_n);
	}
	return true;
}

static bool print_sorted(void *ctx, struct slice text)
{
	struct lister *l = ctx;

	l->printed++;
	return run_out(l->run, text);
}

/* ---- the command ---- */

/* The messages that the MTA's own lister shows, unless the expression asks about states or ids were
 * given. */
static unsigned wanted_states(const struct lister *l, const struct backend *b)
{
	bool native = l->output->kind->flags & OUTPUT_NATIVE;

	if (selection_names(&l->selection, FIELD_STATE) || l->selection.ids_given)
		return 0;
	return native ? b->native_states : 0;
}

static parts_t sort_parts(const struct lister *l, const struct backend *b)
{
	parts_t parts = 0;

	for (size_t i = 0; i < l->sort.count; i++)
		parts |= b->needs[l->sort.keys[i].ref.field->id];
	return parts;
}

static void report_progress(void *ctx, unsigned long scanned)
{
	struct lister *l = ctx;
	char line[64];

	if (!l->run->err_tty || l->run->out_tty || l->run->globals.quiet ||
	    scanned < l->next_progress)
		return;
	snprintf(line, sizeof line, "\r%lu messages read ", scanned);
	run_err(slice_from(line));
	l->next_progress = scanned + PROGRESS_STEP;
	l->progress_shown = true;
}

/* The line of progress goes before anything else comes, and at the end. */
static void clear_progress(struct lister *l)
{
	if (l->progress_shown)
		run_err(SLICE("\r                                        \r"));
	l->progress_shown = false;
}

void lister_err(struct lister *l, struct slice lines)
{
	if (lines.n)
		clear_progress(l);
	run_err(lines);
}

static bool list_queue(struct lister *l, size_t i)
{
	const struct backend *b = l->selection.queues.list[i]->backend;
	struct select_request request = {
	    .ctx = l,
	    .parts = (parts_t)(output_parts(l->output, b) | sort_parts(l, b)),
	    .states = wanted_states(l, b),
	    .each = l->sorter ? each_sorted : each_printed,
	    .chunk = l->sorter ? chunk_sorted : chunk_printed,
	    .progress = report_progress};
	struct select_totals totals;

	if (l->limited && l->left == 0)
		return false;
	if (l->output->kind->flags & OUTPUT_UNITS)
		return lister_units(l, i, &request);
	return selection_run(&l->selection, i, &request, &totals);
}

/* qmail keeps none in the queue: its addresses have the room then. */
static bool no_status(const struct queue_list *queues)
{
	for (size_t i = 0; i < queues->count; i++) {
		const parts_t *needs = queues->list[i]->backend->needs;

		if (needs[FIELD_STATUS] || needs[FIELD_REASON])
			return false;
	}
	return true;
}

static void list_all(struct lister *l)
{
	struct buf b;
	bool more = true;

	l->output->options.no_status = no_status(&l->selection.queues);
	buf_init(&b);
	output_begin(l->output, &b);
	lister_put(l, &b);
	l->next_progress = PROGRESS_STEP;
	for (size_t i = 0; more && i < l->selection.queues.count; i++)
		more = list_queue(l, i);
	clear_progress(l);
	if (l->sorter)
		sorter_drain(l->sorter, print_sorted, l);
	buf_init(&b);
	output_end(l->output, l->printed, &b);
	lister_put(l, &b);
}

static void list_run(struct run *run, const void *values)
{
	const struct list_options *o = values;
	struct lister l = {.run = run};

	if (open_output(&l, o) && parse_sort(&l, o) && selection_prepare(run, &l.selection))
		list_all(&l);
	selection_free(&l.selection);
	sorter_free(l.sorter);
	output_free(l.output);
	text_list_free((struct text_list *)&o->sort);
}

const struct command command_list = {
    .name = "list",
    .summary = "list messages",
    .args = "[ID]...",
    .flags = COMMAND_SELECTS | COMMAND_WORDS,
    .options = options,
    .options_size = sizeof(struct list_options),
    .run = list_run,
};
