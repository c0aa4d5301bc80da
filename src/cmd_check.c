/* mtaq check: what is wrong with the queues, and with --repair mend it. */
#include "checkrun.h"
#include "cmd.h"
#include "repair.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>

struct check_options {
	bool json, list_codes, repair, dry_run, no_syslog;
	struct text_list codes;
	const char *max;
};

static const struct option_row options[] = {
    {0, "code", "CODE", OPTION_LIST, offsetof(struct check_options, codes),
     "only findings of this kind; again for more kinds"},
    {0, "json", NULL, OPTION_FLAG, offsetof(struct check_options, json),
     "print one JSON object per finding"},
    {0, "list-codes", NULL, OPTION_FLAG, offsetof(struct check_options, list_codes),
     "print the kinds that there are"},
    {0, "repair", NULL, OPTION_FLAG, offsetof(struct check_options, repair),
     "mend what can be mended; what goes, goes to the trash"},
    {'n', "dry-run", NULL, OPTION_FLAG, offsetof(struct check_options, dry_run),
     "with --repair: do everything but change anything"},
    {0, "max", "N|P%", OPTION_TEXT, offsetof(struct check_options, max),
     "with --repair: do nothing at all if there are more repairs than N, or P% of what was looked "
     "at"},
    {0, "no-syslog", NULL, OPTION_FLAG, offsetof(struct check_options, no_syslog),
     "do not log to syslog"},
    {0},
};

/* ---- the kinds ---- */

static void print_code(struct run *run, const struct backend *b, const struct check_code *c)
{
	run_out(run, arena_printf(&run->arena, "%-8s %-8s %-26s %s; %s%s\n", b->name,
				  severity_name(c->severity), c->code, c->means,
				  c->methods ? "repair: " : "no repair: ", c->repair));
}

static void list_codes(struct run *run)
{
	const struct backend *b;

	for (size_t i = 0; (b = backend_at(i)) != NULL; i++)
		for (size_t k = 0; b->checks && k < b->checks->count; k++)
			print_code(run, b, &b->checks->codes[k]);
}

/* ---- findings ---- */

static void print_row(struct run *run, const struct finding *f)
{
	struct buf b;

	buf_init(&b);
	buf_printf(&b, "%-8s %-22s ", severity_name(f->code->severity), f->code->code);
	text_escape(&b, f->path);
	buf_adds(&b, ": ");
	if (f->detail.p) {
		text_escape(&b, f->detail);
		buf_adds(&b, "; ");
	}
	buf_adds(&b, f->code->means);
	buf_addc(&b, '\n');
	run_out(run, buf_slice(&b));
	buf_free(&b);
}

static json_t *text(struct arena *a, struct slice s)
{
	struct slice valid = utf8_sanitise(a, s);

	return s.p ? json_stringn(valid.n ? valid.p : "", valid.n) : NULL;
}

/* Takes `value` over; NULL: there is none. */
static void put(json_t *o, const char *name, json_t *value)
{
	if (value)
		json_object_set_new(o, name, value);
}

static void print_json(struct run *run, const struct found *f)
{
	struct arena *a = &run->arena;
	const char *why;
	bool mendable = finding_mendable(&f->is, &why);
	json_t *o = json_object();

	put(o, "queue_name", text(a, slice_from(f->queue->name)));
	put(o, "severity", json_string(severity_name(f->is.code->severity)));
	put(o, "code", json_string(f->is.code->code));
	put(o, "path", text(a, f->is.path));
	put(o, "queue_id", text(a, f->is.id));
	put(o, "detail", text(a, f->is.detail));
	put(o, "means", json_string(f->is.code->means));
	put(o, "repairable", json_boolean(mendable));
	put(o, mendable ? "repair" : "instead",
	    text(a, slice_from(mendable ? f->is.code->repair : why)));
	run_json(run, o);
}

static void print_counts(const struct checkrun *c)
{
	size_t of[SEVERITY_COUNT] = {0};
	struct buf b;

	buf_init(&b);
	for (size_t i = 0; i < c->count; i++)
		of[c->list[i].is.code->severity]++;
	for (int s = 0; s < SEVERITY_COUNT; s++)
		if (of[s])
			buf_printf(&b, "%s%zu %s", b.n ? ", " : ": ", of[s],
				   severity_name((enum severity)s));
	run_note(c->run, "%" PRIu64 " looked at, %zu finding%s%" SLICE_FMT, c->looked, c->count,
		 c->count == 1 ? "" : "s", SLICE_ARG(buf_slice(&b)));
	buf_free(&b);
}

static void look(struct checkrun *c, const struct check_options *o)
{
	checkrun_look(c);
	for (size_t i = 0; i < c->count; i++)
		if (o->json)
			print_json(c->run, &c->list[i]);
		else
			print_row(c->run, &c->list[i].is);
	print_counts(c);
	if (c->count)
		c->run->status = status_worse(c->run->status, STATUS_SOME);
}

static void repair(struct checkrun *c, const struct check_options *o)
{
	const struct action_request request = {
	    .op = OP_REPAIR, .dry_run = o->dry_run, .max = o->max, .no_syslog = o->no_syslog};

	checkrun_look(c);
	repair_run(c, &request);
}

/* What only makes sense with --repair, or only without. */
static bool consistent(struct run *run, const struct check_options *o)
{
	if (!o->repair && (o->dry_run || o->max))
		run_fail(run, STATUS_USAGE, "check: --dry-run and --max go with --repair");
	else if (o->repair && o->json)
		run_fail(run, STATUS_USAGE, "check: --json is for looking only");
	else if (o->repair && run->globals.clock.given && !run->testing)
		run_fail(run, STATUS_USAGE, "check: --clock is for looking only");
	else
		return true;
	return false;
}

static void check(struct run *run, const struct check_options *o)
{
	struct checkrun c;

	if (!consistent(run, o))
		return;
	if (checkrun_begin(&c, run, &o->codes)) {
		if (o->repair)
			repair(&c, o);
		else
			look(&c, o);
		checkrun_unmet(&c);
	}
	checkrun_free(&c);
}

static void check_run(struct run *run, const void *values)
{
	const struct check_options *o = values;
	struct text_list codes = o->codes;

	if (o->list_codes)
		list_codes(run);
	else
		check(run, o);
	text_list_free(&codes);
}

const struct command command_check = {
    .name = "check",
    .summary = "find what is wrong with a queue, and mend it",
    .args = "[ID|PATH]...",
    .flags = COMMAND_WORDS,
    .options = options,
    .options_size = sizeof(struct check_options),
    .run = check_run,
};
