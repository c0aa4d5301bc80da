/* Runs of the engine: see engine.h. */
#include "contract/engine.h"

#include "unit/cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>

void crowd_init(struct crowd *c, size_t count)
{
	c->count = count;
	c->list = calloc(count + 1, sizeof *c->list);
	c->names = calloc(count + 1, sizeof *c->names);
	assert_non_null(c->list);
	assert_non_null(c->names);
	for (size_t i = 0; i < count; i++) {
		snprintf(c->names[i], sizeof c->names[i], "m%zu", i);
		c->list[i].name = c->names[i];
		c->list[i].is.state = STATE_QUEUED;
	}
}

void crowd_free(struct crowd *c)
{
	free(c->list);
	free(c->names);
}

void expression_init(struct expression *e, const struct queue *q, const char *text)
{
	struct message dummy = {.queue = q};
	const struct filter_target target = {.needs = q->backend->needs,
					     .lacks = q->backend->lacks,
					     .cost = q->backend->cost,
					     .dummy = &dummy,
					     .queue_name = q->name};
	struct error err = ERROR_INIT;

	arena_init(&e->arena, 0);
	e->filter = filter_parse(&e->arena, slice_from(text), q->now, &err);
	if (!e->filter)
		fail_msg("%s: %s", text, err.text);
	e->bound = filter_bind(&e->arena, e->filter, &target, &err);
	if (!e->bound)
		fail_msg("%s: %s", text, err.text);
}

void expression_free(struct expression *e)
{
	filter_free(e->filter);
	arena_free(&e->arena);
}

/* ---- what the engine calls ---- */

static void each(void *ctx, struct select_chunk *chunk, const struct field_context *c)
{
	struct engine *e = ctx;

	if (e->on_each)
		e->on_each(e->ctx, c->message);
	if ((e->request.parts & ~c->message->have) || c->message->gone)
		e->broken = "each() got a message without its parts";
	if (c->arena != c->message->arena || c->now != e->request.now || !c->charsets)
		e->broken = "each() got another context";
	buf_add(&chunk->out, c->message->id);
	buf_addc(&chunk->out, '\n');
	buf_pad(&chunk->out, '.', e->padding);
	if (e->padding)
		buf_addc(&chunk->out, '\n');
	if (chunk->data)
		*(unsigned *)chunk->data += 1;
}

static void check_chunk(struct engine *e, const struct select_chunk *c)
{
	size_t last = 0;

	for (unsigned i = 0; i < c->selected; i++) {
		if (c->end[i] <= last || c->end[i] > c->out.n)
			e->broken = "end[] is out of step with the output";
		last = c->end[i];
	}
	if (last != c->out.n)
		e->broken = "output after the last message";
	if (c->data && *(const unsigned *)c->data != c->selected)
		e->broken = "chunk data not cleared, or another chunk's";
}

/* Cut as a command with --limit does. */
static size_t printed_now(const struct engine *e, const struct select_chunk *c)
{
	size_t left = e->limit - e->printed;

	return e->limit && c->selected > left ? left : c->selected;
}

static bool chunk(void *ctx, struct select_chunk *c)
{
	struct engine *e = ctx;
	size_t n;

	if (atomic_fetch_add(&e->inside, 1) != 0)
		e->broken = "chunk() was called twice at a time";
	if (e->totals.stopped || (e->stop_at && e->chunks >= e->stop_at))
		e->broken = "chunk() was called after it said stop";
	check_chunk(e, c);
	n = printed_now(e, c);
	if (n)
		buf_add(&e->out, slice_take(buf_slice(&c->out), c->end[n - 1]));
	buf_add(&e->log, buf_slice(&c->err));
	e->printed += n;
	if (c->out.n > e->largest)
		e->largest = c->out.n;
	e->chunks++;
	if (e->on_chunk)
		e->on_chunk(e->ctx, e->chunks);
	atomic_fetch_sub(&e->inside, 1);
	return e->chunks != e->stop_at && !(e->limit && e->printed == e->limit);
}

static void progress(void *ctx, unsigned long scanned)
{
	struct engine *e = ctx;

	if (scanned < e->progress)
		e->broken = "progress went back";
	e->progress = scanned;
}

/* ---- running ---- */

void engine_init(struct engine *e, struct queue *q)
{
	memset(e, 0, sizeof *e);
	buf_init(&e->out);
	buf_init(&e->log);
	e->request = (struct select_request){
	    .queue = q,
	    .parts = PART_STAT,
	    .jobs = 1,
	    .now = q->now,
	    .program = "mtaq",
	    .chunk_data = sizeof(unsigned),
	    .ctx = e,
	    .each = each,
	    .chunk = chunk,
	    .progress = progress,
	};
}

void engine_run(struct engine *e)
{
	const char *broken;

	buf_clear(&e->out);
	buf_clear(&e->log);
	e->err = ERROR_INIT;
	e->chunks = e->printed = e->largest = e->progress = 0;
	e->result = select_run(&e->request, &e->totals, &e->err);
	broken = e->broken;
	if (broken)
		fail_msg("%s", broken);
	assert_int_equal(e->result, e->err.code == ERROR_NONE ? 0 : -1);
	assert_int_equal(e->progress, e->totals.scanned);
}

void engine_free(struct engine *e)
{
	buf_free(&e->out);
	buf_free(&e->log);
}

bool engine_printed(const struct engine *e, size_t i)
{
	struct slice rest = buf_slice(&e->out), line;
	char name[24];

	snprintf(name, sizeof name, "m%zu", i);
	while (slice_cut(&rest, '\n', &line))
		if (slice_eq(line, slice_from(name)))
			return true;
	return false;
}

void engine_assert_names(const struct engine *e, size_t from, size_t to)
{
	struct buf wanted;

	buf_init(&wanted);
	for (size_t i = from; i < to; i++)
		buf_printf(&wanted, "m%zu\n", i);
	if (!slice_eq(buf_slice(&wanted), buf_slice(&e->out)))
		fail_msg("not the messages from %zu to %zu but %lu others", from, to, e->printed);
	buf_free(&wanted);
}

void engine_assert_totals(const struct engine *e, unsigned long scanned, unsigned long selected,
			  unsigned long errors, unsigned long gone)
{
	assert_int_equal(e->totals.scanned, scanned);
	assert_int_equal(e->totals.selected, selected);
	assert_int_equal(e->totals.errors, errors);
	assert_int_equal(e->totals.gone, gone);
}

unsigned engine_log_lines(const struct engine *e, const char *text)
{
	struct slice rest = buf_slice(&e->log), line;
	unsigned n = 0;

	while (slice_cut(&rest, '\n', &line))
		n += line.n && slice_find(line, slice_from(text)) != SIZE_MAX;
	return n;
}
