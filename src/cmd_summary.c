/* mtaq summary: messages counted by the values of fields, and by age. */
#include "cmd.h"
#include "map.h"
#include "selection.h"
#include "summary.h"

#include <mtaq/fold.h>
#include <mtaq/timefmt.h>

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

enum { BAR = 20, DEFAULT_BUCKETS = 10, DEFAULT_FIRST = 300 };

struct summary_options {
	struct text_list by;
	bool age, exact, json;
	struct option_number first, buckets, labels, top;
};

static const struct option_row options[] = {
    {0, "by", "FIELD,...", OPTION_LIST, offsetof(struct summary_options, by),
     "group by these fields (recipient.domain)"},
    {0, "age", NULL, OPTION_FLAG, offsetof(struct summary_options, age),
     "count by age: columns of doubling width"},
    {0, "first", "AGE", OPTION_DURATION, offsetof(struct summary_options, first),
     "the first column of --age (5m)"},
    {0, "buckets", "N", OPTION_NUMBER, offsetof(struct summary_options, buckets),
     "columns of --age (10)"},
    {0, "labels", "N", OPTION_NUMBER, offsetof(struct summary_options, labels),
     "roll domains up to their last N labels"},
    {0, "exact", NULL, OPTION_FLAG, offsetof(struct summary_options, exact),
     "statuses as they are, addresses and numbers too"},
    {0, "top", "N", OPTION_NUMBER, offsetof(struct summary_options, top),
     "the N largest groups only"},
    {0, "json", NULL, OPTION_FLAG, offsetof(struct summary_options, json),
     "one JSON object per group"},
    {0},
};

struct summarizer {
	struct run *run;
	struct summary_spec spec;
	struct map *groups;
	struct summary_tally total;
};

/* ---- collecting: chunk->out holds records of (tally, size of keys, keys) ---- */

static void summarize_message(void *ctx, struct select_chunk *chunk, const struct field_context *c)
{
	const struct summarizer *s = ctx;
	size_t size, keys;
	struct summary_tally t;

	summary_measure(&s->spec, c, &t);
	buf_add(&chunk->out, slice_of((const char *)&t, sizeof t));
	buf_add(&chunk->out, slice_of((const char *)&size, sizeof size));
	keys = chunk->out.n;
	if (summary_keys(&s->spec, c, &chunk->out) < 0) {
		/* it is in no group, but in the total */
		chunk->out.n = keys;
		chunk->errors++;
		buf_printf(&chunk->err, "%s: %" SLICE_FMT ": too many values to count\n",
			   s->run->program, SLICE_ARG(c->message->id));
		return;
	}
	size = chunk->out.n - keys;
	memcpy(chunk->out.p + keys - sizeof size, &size, sizeof size);
}

static size_t take_size(struct slice *rest)
{
	size_t n;

	memcpy(&n, rest->p, sizeof n);
	*rest = slice_skip(*rest, sizeof n);
	return n;
}

static bool summarize_chunk(void *ctx, struct select_chunk *chunk)
{
	struct summarizer *s = ctx;
	struct slice rest = buf_slice(&chunk->out);

	run_err(buf_slice(&chunk->err));
	while (rest.n) {
		struct summary_tally t;
		struct slice keys;
		size_t n;

		memcpy(&t, rest.p, sizeof t);
		rest = slice_skip(rest, sizeof t);
		n = take_size(&rest);
		keys = slice_take(rest, n);
		rest = slice_skip(rest, n);
		summary_add(&s->total, &t);
		while (keys.n) {
			n = take_size(&keys);
			summary_add(map_at(s->groups, slice_take(keys, n)), &t);
			keys = slice_skip(keys, n);
		}
	}
	return true;
}

/* ---- order: most messages first, then by key ---- */

struct group {
	struct slice key;
	const struct summary_tally *tally;
};

static int group_order(const void *a, const void *b)
{
	const struct group *x = a, *y = b;

	if (x->tally->messages != y->tally->messages)
		return x->tally->messages > y->tally->messages ? -1 : 1;
	return slice_cmp(x->key, y->key);
}

static struct group *sorted_groups(struct summarizer *s)
{
	size_t n = map_count(s->groups);
	struct group *list = calloc(n + 1, sizeof *list);

	if (!list)
		abort();
	for (size_t i = 0; i < n; i++)
		list[i].tally = map_entry(s->groups, i, &list[i].key);
	if (n)
		qsort(list, n, sizeof *list, group_order);
	return list;
}

/* ---- the table ---- */

static void add_age(struct buf *b, const struct run *run, const struct summary_tally *t)
{
	char age[TIME_TEXT] = "-";

	if (t->aged)
		duration_human(number_minus(run->now, t->oldest), age);
	buf_printf(b, " %7s", age);
}

static void add_numbers(struct buf *b, const struct summarizer *s, const struct summary_tally *t)
{
	char size[TIME_TEXT];

	size_human((int64_t)t->bytes, size);
	buf_printf(b, "%8" PRIu64 " %10" PRIu64 " %6s", t->messages, t->recipients, size);
	add_age(b, s->run, t);
	for (unsigned i = 0; s->spec.by_age && i < s->spec.buckets; i++)
		buf_printf(b, " %6" PRIu64, t->by_age[i]);
}

static void add_bar(struct buf *b, const struct summarizer *s, uint64_t n, uint64_t most)
{
	size_t width = most ? (size_t)(n * BAR / most) : 0;

	if (!s->run->out_tty)
		return;
	buf_addc(b, ' ');
	buf_pad(b, '#', width);
	buf_pad(b, ' ', BAR - width);
}

static void add_keys(struct buf *b, const struct summarizer *s, struct slice key)
{
	struct slice part;

	for (size_t k = 0; k < s->spec.count && slice_cut(&key, '\0', &part); k++) {
		buf_adds(b, k ? " | " : "  ");
		text_escape(b, part.n ? part : SLICE("<>"));
		if (s->spec.keys[k].field->id == FIELD_REPLY ||
		    s->spec.keys[k].field->id == FIELD_DSN) {
			const char *meaning = reply_meaning(part);
			int temporary = reply_temporary(part);

			if (meaning)
				buf_printf(b, "  %s%s",
					   temporary > 0    ? "temporary: "
					   : temporary == 0 ? "permanent: "
							    : "",
					   meaning);
		}
	}
	buf_addc(b, '\n');
}

static void add_heading(struct buf *b, const struct summarizer *s)
{
	int64_t limit = s->spec.first_bucket;
	char text[TIME_TEXT];

	buf_adds(b, "messages recipients  bytes  oldest");
	for (unsigned i = 0; s->spec.by_age && i < s->spec.buckets; i++) {
		bool last = i + 1 == s->spec.buckets;

		duration_print(last ? limit / 2 : limit, text);
		buf_printf(b, " %*s%s", last ? 5 : 6, text, last ? "+" : "");
		limit = limit > INT64_MAX / 2 ? INT64_MAX : limit * 2;
	}
	if (s->run->out_tty)
		buf_pad(b, ' ', BAR + 1);
	for (size_t k = 0; k < s->spec.count; k++) {
		buf_adds(b, k ? " | " : "  ");
		text_escape(b, s->spec.names[k]);
	}
	buf_addc(b, '\n');
}

static void print_table(struct summarizer *s, const struct group *list, size_t shown)
{
	struct buf b;

	buf_init(&b);
	add_heading(&b, s);
	add_numbers(&b, s, &s->total);
	add_bar(&b, s, 0, 1);
	buf_adds(&b, "  TOTAL\n");
	for (size_t i = 0; i < shown; i++) {
		add_numbers(&b, s, list[i].tally);
		add_bar(&b, s, list[i].tally->messages, list[0].tally->messages);
		add_keys(&b, s, list[i].key);
	}
	run_out(s->run, buf_slice(&b));
	buf_free(&b);
}

/* ---- JSON ---- */

static json_t *group_json(const struct summarizer *s, const struct group *g)
{
	json_t *o =
	    json_pack("{s:I, s:I, s:I}", "messages", (json_int_t)g->tally->messages, "recipients",
		      (json_int_t)g->tally->recipients, "bytes", (json_int_t)g->tally->bytes);
	json_t *ages = s->spec.by_age ? json_array() : NULL;
	struct slice key = g->key, part;

	for (size_t k = 0; k < s->spec.count && slice_cut(&key, '\0', &part); k++) {
		struct slice valid = utf8_sanitise(&s->run->arena, part);
		struct slice name = utf8_sanitise(&s->run->arena, s->spec.names[k]);

		json_object_set_new(o, arena_str(&s->run->arena, name),
				    json_stringn(valid.p, valid.n));
	}
	if (g->tally->aged)
		json_object_set_new(o, "oldest_arrival_time", json_integer(g->tally->oldest));
	for (unsigned i = 0; ages && i < s->spec.buckets; i++)
		json_array_append_new(ages, json_integer((json_int_t)g->tally->by_age[i]));
	if (ages)
		json_object_set_new(o, "by_age", ages);
	return o;
}

static void print_json(struct summarizer *s, const struct group *list, size_t shown)
{
	for (size_t i = 0; i < shown; i++)
		run_json(s->run, group_json(s, &list[i]));
}

/* ---- the command ---- */

static bool make_spec(struct run *run, const struct summary_options *o, struct summary_spec *spec)
{
	const char *text = "recipient.domain";
	struct error err = ERROR_INIT;

	*spec = (struct summary_spec){
	    .exact = o->exact,
	    .by_age = o->age || o->first.given || o->buckets.given,
	    .first_bucket = o->first.given ? o->first.value : DEFAULT_FIRST,
	    .buckets = o->buckets.given ? (unsigned)o->buckets.value : DEFAULT_BUCKETS,
	    .labels = o->labels.given ? (unsigned)o->labels.value : 0};
	if (o->buckets.given && (o->buckets.value < 2 || o->buckets.value > SUMMARY_BUCKETS))
		run_fail(run, STATUS_USAGE, "--buckets wants 2 to %d", SUMMARY_BUCKETS);
	else if (spec->first_bucket < 1)
		run_fail(run, STATUS_USAGE, "--first wants at least one second");
	else if (o->labels.given && (o->labels.value < 1 || o->labels.value > 100))
		run_fail(run, STATUS_USAGE, "--labels wants 1 to 100");
	for (size_t i = 0; run->status == STATUS_OK && (i < o->by.count || i == 0); i++) {
		if (o->by.count)
			text = o->by.list[i];
		if (summary_parse(slice_from(text), spec, &err) < 0)
			run_expression_error(run, slice_from(text), &err);
	}
	return run->status == STATUS_OK;
}

static parts_t parts_of(const struct summary_spec *spec, const struct backend *b)
{
	parts_t parts = b->needs[FIELD_ARRIVAL] | b->needs[FIELD_SIZE] | b->needs[FIELD_PENDING];

	for (size_t i = 0; i < spec->count; i++)
		parts |= b->needs[spec->keys[i].field->id];
	return parts;
}

static void summarize(struct summarizer *s, struct selection *sel, const struct summary_options *o)
{
	struct group *list;
	size_t shown;
	bool more = true;

	for (size_t i = 0; more && i < sel->queues.count; i++) {
		struct select_request request = {
		    .ctx = s, .each = summarize_message, .chunk = summarize_chunk};
		struct select_totals totals;

		request.parts = parts_of(&s->spec, sel->queues.list[i]->backend);
		more = selection_run(sel, i, &request, &totals);
	}
	list = sorted_groups(s);
	shown = map_count(s->groups);
	if (o->top.given && (uint64_t)o->top.value < shown)
		shown = (size_t)o->top.value;
	if (o->json)
		print_json(s, list, shown);
	else
		print_table(s, list, shown);
	free(list);
}

static void summary_run(struct run *run, const void *values)
{
	const struct summary_options *o = values;
	struct summarizer s = {.run = run};
	struct selection sel = {0};

	if (run->selectors.limit.given) {
		run_fail(run, STATUS_USAGE,
			 "summary: --limit makes no sense here; --top limits the groups");
	} else if (make_spec(run, o, &s.spec)) {
		s.groups = map_new(sizeof(struct summary_tally));
		if (selection_prepare(run, &sel))
			summarize(&s, &sel, o);
		selection_free(&sel);
		map_free(s.groups);
	}
	text_list_free((struct text_list *)&o->by);
}

const struct command command_summary = {
    .name = "summary",
    .summary = "count messages by domain, status, reply, age, ...",
    .args = "[ID]...",
    .flags = COMMAND_SELECTS | COMMAND_WORDS,
    .options = options,
    .options_size = sizeof(struct summary_options),
    .details = "A message is counted in as many groups as it has values (recipient domains, "
	       "statuses). Addresses, numbers\n"
	       "and ids in statuses are folded together unless --exact is given.\n",
    .run = summary_run,
};
