/* mtaq count: messages, recipients, bytes and the oldest, per queue and in total; thresholds for
 * monitoring. */
#include "cmd.h"
#include "selection.h"

#include <mtaq/timefmt.h>

#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>

struct count_options {
	const char *warn, *crit;
	bool json, number;
};

static const struct option_row options[] = {
    {'w', "warn", "AGE|N", OPTION_TEXT, offsetof(struct count_options, warn),
     "exit 1 when the oldest is older than AGE, or there are more than N messages"},
    {'c', "crit", "AGE|N", OPTION_TEXT, offsetof(struct count_options, crit), "the same, exit 2"},
    {'1', "number", NULL, OPTION_FLAG, offsetof(struct count_options, number),
     "print the number of messages only"},
    {0, "json", NULL, OPTION_FLAG, offsetof(struct count_options, json),
     "print one JSON object per queue"},
    {0},
};

/* What is counted; per chunk, per queue and in total. */
struct tally {
	uint64_t messages, recipients, bytes;
	uint64_t unknown; /* messages whose recipients, size or age could not be told */
	bool aged;
	int64_t oldest; /* earliest arrival */
};

static void tally_add(struct tally *to, const struct tally *from)
{
	to->messages += from->messages;
	to->recipients += from->recipients;
	to->bytes += from->bytes;
	to->unknown += from->unknown;
	if (from->aged && (!to->aged || from->oldest < to->oldest)) {
		to->aged = true;
		to->oldest = from->oldest;
	}
}

static void count_message(void *ctx, struct select_chunk *chunk, const struct field_context *c)
{
	const struct message *m = c->message;
	struct tally one = {.messages = 1,
			    .recipients = message_tells(m, FIELD_PENDING) ? m->pending_count : 0,
			    .bytes =
				m->size.known && m->size.value > 0 ? (uint64_t)m->size.value : 0,
			    .unknown = m->failed != 0,
			    .aged = m->arrival.known,
			    .oldest = m->arrival.value};

	(void)ctx;
	buf_add(&chunk->out, slice_of((const char *)&one, sizeof one));
}

struct counter {
	struct run *run;
	struct tally queue;
	uint64_t left; /* of --limit */
};

static bool count_chunk(void *ctx, struct select_chunk *chunk)
{
	struct counter *c = ctx;
	struct slice rest = buf_slice(&chunk->out);

	for (; rest.n && c->left; c->left--) {
		struct tally one;

		memcpy(&one, rest.p, sizeof one);
		rest = slice_skip(rest, sizeof one);
		tally_add(&c->queue, &one);
	}
	run_err(buf_slice(&chunk->err));
	return c->left > 0;
}

/* ---- printing ---- */

static void print_heading(struct run *run)
{
	run_out(run, SLICE("messages recipients      bytes  oldest  queue\n"));
}

static void print_row(struct run *run, const struct tally *t, const char *name)
{
	char size[TIME_TEXT], age[TIME_TEXT] = "-";
	struct buf b;

	buf_init(&b);
	if (t->aged)
		duration_human(number_minus(run->now, t->oldest), age);
	size_human((int64_t)t->bytes, size);
	buf_printf(&b, "%8" PRIu64 " %10" PRIu64 " %10s %7s  ", t->messages, t->recipients, size,
		   age);
	text_escape(&b, slice_from(name));
	buf_addc(&b, '\n');
	run_out(run, buf_slice(&b));
	buf_free(&b);
}

static void print_json(struct run *run, const struct tally *t, const char *name)
{
	struct slice valid = utf8_sanitise(&run->arena, slice_from(name));
	json_t *o =
	    json_pack("{s:s%, s:I, s:I, s:I, s:I}", "queue_name", valid.p, valid.n, "messages",
		      (json_int_t)t->messages, "recipients", (json_int_t)t->recipients, "bytes",
		      (json_int_t)t->bytes, "unreadable", (json_int_t)t->unknown);

	if (o && t->aged)
		json_object_set_new(o, "oldest_arrival_time", json_integer(t->oldest));
	run_json(run, o);
}

static void print_number(struct run *run, const struct tally *t)
{
	struct slice s = arena_printf(&run->arena, "%" PRIu64 "\n", t->messages);

	run_out(run, s);
}

/* ---- thresholds ---- */

struct threshold {
	bool given, is_age;
	int64_t value;
};

static bool parse_threshold(struct run *run, const char *name, const char *text,
			    struct threshold *out)
{
	uint64_t n;

	*out = (struct threshold){.given = text != NULL};
	if (!text)
		return true;
	if (slice_u64(slice_from(text), &n) && n <= INT64_MAX) {
		out->value = (int64_t)n;
	} else if (duration_parse(slice_from(text), &out->value)) {
		out->is_age = true;
	} else {
		run_fail(run, STATUS_USAGE,
			 "--%s wants a number of messages or an age with its unit (4h), not '%s'",
			 name, text);
		return false;
	}
	return true;
}

static bool passed(const struct run *run, const struct threshold *t, const struct tally *total)
{
	if (!t->given)
		return false;
	if (t->is_age)
		return total->aged && number_minus(run->now, total->oldest) > t->value;
	return total->messages > (uint64_t)t->value;
}

/* ---- the command ---- */

static parts_t union_of_needs(const struct queue *q)
{
	const parts_t *needs = q->backend->needs;

	return (parts_t)(needs[FIELD_ARRIVAL] | needs[FIELD_SIZE] | needs[FIELD_PENDING]);
}

static void count_queues(struct run *run, const struct selection *s, const struct count_options *o,
			 struct tally *total)
{
	bool more = true, rows = !o->json && !o->number;
	uint64_t left =
	    run->selectors.limit.given ? (uint64_t)run->selectors.limit.value : UINT64_MAX;

	if (rows)
		print_heading(run);
	for (size_t i = 0; more && i < s->queues.count; i++) {
		struct counter counter = {.run = run, .left = left};
		struct select_request request = {
		    .ctx = &counter, .each = count_message, .chunk = count_chunk};
		struct select_totals totals;

		if (!o->number || o->warn || o->crit)
			request.parts = union_of_needs(s->queues.list[i]);
		more = selection_run(s, i, &request, &totals);
		tally_add(total, &counter.queue);
		left = counter.left;
		if (o->json)
			print_json(run, &counter.queue, s->queues.list[i]->name);
		else if (rows)
			print_row(run, &counter.queue, s->queues.list[i]->name);
	}
	if (rows && s->queues.count > 1)
		print_row(run, total, "total");
	else if (o->number)
		print_number(run, total);
}

static void count_run(struct run *run, const void *values)
{
	const struct count_options *o = values;
	struct selection s;
	struct threshold warn, crit;
	struct tally total = {0};

	if (!parse_threshold(run, "warn", o->warn, &warn) ||
	    !parse_threshold(run, "crit", o->crit, &crit))
		return;
	if (selection_prepare(run, &s)) {
		count_queues(run, &s, o, &total);
		if (passed(run, &crit, &total))
			run->status = status_worse(run->status, STATUS_CRITICAL);
		else if (passed(run, &warn, &total))
			run->status = status_worse(run->status, STATUS_SOME);
	}
	selection_free(&s);
}

const struct command command_count = {
    .name = "count",
    .summary = "count messages, recipients and bytes, and tell the oldest",
    .args = "[ID]...",
    .flags = COMMAND_SELECTS | COMMAND_WORDS,
    .options = options,
    .options_size = sizeof(struct count_options),
    .run = count_run,
};
