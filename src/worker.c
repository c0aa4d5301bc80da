/* One message at a time: see worker.h. */
#include "worker.h"

int worker_init(struct worker *w, const struct select_request *r, void *owner)
{
	*w = (struct worker){.request = r, .owner = owner};
	arena_init(&w->arena, LIMIT_MESSAGE_BYTES);
	sys_locks_init(&w->locks);
	w->loader = (struct loader){.arena = &w->arena, .locks = &w->locks, .now = r->now};
	w->charsets = charset_cache_new();
	if (r->filter)
		w->state = filter_state_new(r->filter);
	if (w->charsets && (w->state || !r->filter))
		return 0;
	worker_free(w);
	return -1;
}

void worker_free(struct worker *w)
{
	arena_free(&w->arena);
	sys_locks_free(&w->locks);
	charset_cache_free(w->charsets);
	filter_state_free(w->state);
}

void worker_begin_chunk(struct worker *w)
{
	w->loader.locks_fresh = false;
}

static void report_line(struct buf *b, const char *program, struct slice text)
{
	buf_adds(b, program);
	buf_adds(b, ": ");
	text_escape(b, text);
	buf_addc(b, '\n');
}

void select_report(struct select_chunk *chunk, const char *program, const struct error *err)
{
	chunk->errors++;
	report_line(&chunk->err, program, slice_from(err->text));
}

/* Each reason once: parts that fail together share one. */
static void report_failed_parts(struct worker *w, const struct message *m, parts_t parts,
				struct select_chunk *chunk)
{
	bool counted = false;

	for (int i = 0; i < PART_COUNT; i++) {
		const struct error *why = m->why[i];
		bool told = false;

		/* BUSY: it is being written at this moment, which is nobody's trouble */
		if (!(m->failed & parts & PART(i)) || !why || why->code == ERROR_BUSY)
			continue;
		for (int j = 0; j < i && !told; j++)
			told = (m->failed & parts & PART(j)) && m->why[j] &&
			       strcmp(m->why[j]->text, why->text) == 0;
		if (told)
			continue;
		report_line(&chunk->err, w->request->program, slice_from(why->text));
		chunk->errors += !counted;
		counted = true;
	}
}

/* False: the message vanished. A backend that does not deliver what it was asked for would be asked
 * for ever. */
static bool load(struct worker *w, struct message *m, parts_t want)
{
	static const struct error bug = {.code = ERROR_BUG,
					 .text = "a part was not delivered (internal error)"};
	parts_t lacking;

	m->queue->backend->load(&w->loader, m, want);
	if (m->gone)
		return false;
	lacking = (parts_t)(want & ~m->have);
	m->have |= lacking;
	m->failed |= lacking;
	for (int i = 0; lacking && i < PART_COUNT; i++)
		if (lacking & PART(i))
			m->why[i] = &bug;
	return true;
}

static enum verdict decide(struct worker *w, struct message *m, const struct field_context *c,
			   struct error *err)
{
	enum verdict v;
	parts_t want = 0;

	if (!w->request->filter)
		return VERDICT_YES;
	filter_state_reset(w->state);
	while ((v = filter_eval(w->request->filter, w->state, c, &want, err)) == VERDICT_PENDING)
		if (!load(w, m, want))
			return VERDICT_NO;
	return v;
}

/* The caller does not want messages in this state; one whose state cannot be told is not passed
 * over. */
static bool unwanted(const struct select_request *r, const struct message *m)
{
	return r->states && m->state_known && !(r->states & 1u << m->state);
}

/* What each() needs, and what tells whether it is to be called. */
static parts_t parts_of_output(const struct select_request *r, const struct message *m, size_t link)
{
	parts_t parts = r->parts;

	if (r->link_parts)
		parts |= r->link_parts[link];
	if (r->states && !m->state_known)
		parts |= m->queue->backend->needs[FIELD_STATE] & ~r->quiet_parts;
	return parts;
}

void worker_message(struct worker *w, const struct message_entry *e, struct select_chunk *chunk)
{
	const struct select_request *r = w->request;
	struct message m;
	struct field_context c = {
	    .message = &m, .arena = &w->arena, .charsets = w->charsets, .now = r->now};
	struct error err = ERROR_INIT;
	enum verdict v;
	parts_t parts, want;

	arena_reset(&w->arena);
	r->queue->backend->begin(r->queue, e, &w->arena, &m);
	if (unwanted(r, &m))
		return;
	v = decide(w, &m, &c, &err);
	chunk->link = w->state ? filter_link(w->state) : 0;
	parts = parts_of_output(r, &m, chunk->link);
	want = (parts_t)((parts | r->quiet_parts) & ~m.have);
	if (v == VERDICT_YES && want && !m.gone)
		load(w, &m, want);
	if (m.gone) {
		chunk->gone++;
	} else if (unwanted(r, &m)) {
		return;
	} else if (v == VERDICT_ERROR && err.code == ERROR_BUSY) {
		chunk->gone++; /* not there yet: its writer has not finished it */
	} else if (v == VERDICT_ERROR) {
		select_report(chunk, r->program, &err);
	} else if (v == VERDICT_YES) {
		report_failed_parts(w, &m, parts, chunk);
		r->each(r->ctx, chunk, &c);
		chunk->end[chunk->selected++] = chunk->out.n;
	}
}
