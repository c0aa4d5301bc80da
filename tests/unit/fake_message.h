/* A message of a queue that exists only in memory, for tests of fields and outputs. */
#ifndef TESTS_FAKE_MESSAGE_H
#define TESTS_FAKE_MESSAGE_H

#include <mtaq/backend.h>

struct fake {
	struct backend backend;
	parts_t needs[FIELD_COUNT];
	struct queue queue;
	struct unit unit;
	struct arena arena;
	struct message m;
	struct recipient recipients[8];
	struct slice statuses[8];
	struct header headers[8];
	struct field_context c;
	struct buf out;
	struct error error;
};

#define FAKE_NOW INT64_C(1768478400) /* 2026-01-15 12:00:00 UTC */

/* Everything loaded; every field needs PART_CONTROL; arrived a day and an hour ago. */
static inline void fake_init(struct fake *f, const char *mta)
{
	*f = (struct fake){.backend.name = mta, .error = ERROR_INIT};
	for (int i = 0; i < FIELD_COUNT; i++)
		f->needs[i] = PART_CONTROL;
	f->backend.needs = f->needs;
	f->queue = (struct queue){
	    .backend = &f->backend, .name = "test:/q", .dir = "/q", .host = "mx.example"};
	f->unit = (struct unit){.queue = &f->queue, .path = "/q"};
	arena_init(&f->arena, 0);
	buf_init(&f->out);
	f->m = (struct message){.queue = &f->queue,
				.entry = {.unit = &f->unit, .name = SLICE("qfA1")},
				.arena = &f->arena,
				.have = (1 << PART_COUNT) - 1,
				.id = SLICE("A1"),
				.state = STATE_QUEUED,
				.state_known = true,
				.arrival = {true, FAKE_NOW - 90000},
				.size = {true, 1234},
				.sender = SLICE("a@example.com"),
				.sender_raw = SLICE("<a@example.com>"),
				.recipients = f->recipients,
				.statuses = f->statuses,
				.headers = {.list = f->headers, .room = 8}};
	f->c = (struct field_context){.message = &f->m, .arena = &f->arena, .now = FAKE_NOW};
}

static inline void fake_free(struct fake *f)
{
	arena_free(&f->arena);
	buf_free(&f->out);
}

static inline struct recipient *fake_recipient(struct fake *f, const char *address, bool done)
{
	struct recipient *r = &f->recipients[f->m.recipient_count++];

	*r = (struct recipient){.address = slice_from(address), .done = done};
	f->m.pending_count += !done;
	return r;
}

static inline void fake_status(struct fake *f, const char *status)
{
	f->statuses[f->m.status_count++] = slice_from(status);
}

static inline void fake_header(struct fake *f, const char *name, const char *raw)
{
	f->headers[f->m.headers.count++] =
	    (struct header){slice_from(name), slice_from(raw), SLICE_NONE};
}

/* A part that could not be read. */
static inline void fake_failure(struct fake *f, enum part_index part, enum error_code code,
				int errnum, const char *text)
{
	error_set(&f->error, code, "%s", text);
	f->error.errnum = errnum;
	f->m.failed |= PART(part);
	f->m.why[part] = &f->error;
}

#endif
