/* Walking, loading and comparing: see contract.h. */
#include "contract/contract.h"

#include "contract/backend_fault.h"
#include "contract/backend_mem.h"
#include "unit/cmocka_all.h"

#include <mtaq/limits.h>

#include <inttypes.h>
#include <stdlib.h>

/* ---- cases ---- */

bool case_on_disk(const struct contract_case *c)
{
	return strcmp(c->kind, "mem") != 0;
}

static void count_trouble(void *ctx, const struct error *err)
{
	struct contract_case *c = ctx;

	assert_int_not_equal(err->code, ERROR_NONE);
	assert_int_not_equal(err->text[0], '\0');
	c->troubles++;
}

static struct queue *open_mem(void)
{
	const struct queue_spec spec = {.kind = "mem", .dir = MEM_DEMO, .why = "test"};

	return backend_mem.open(&spec, NULL, 5000, NULL, NULL, NULL);
}

const struct queue *case_queue(struct contract_case *c)
{
	if (c->queue)
		return c->queue;
	if (case_on_disk(c)) {
		if (!c->fixture.dir[0])
			fixture_unpack(&c->fixture, c->kind, c->name);
		c->inner = fixture_open(&c->fixture, count_trouble, c);
	} else {
		c->inner = open_mem();
	}
	assert_non_null(c->inner);
	c->queue = c->wrapped ? fault_wrap(c->inner, NULL, 0) : c->inner;
	assert_non_null(c->queue);
	return c->queue;
}

void case_close(struct contract_case *c)
{
	if (c->queue && c->wrapped)
		c->queue->backend->close(c->queue);
	if (c->inner)
		c->inner->backend->close(c->inner);
	c->queue = c->inner = NULL;
	fixture_remove(&c->fixture);
}

/* ---- entries ---- */

static void add_entry(struct entries *l, const struct message_entry *e)
{
	if (l->count == l->room) {
		l->room = l->room ? l->room * 2 : 64;
		l->list = realloc(l->list, l->room * sizeof *l->list);
		assert_non_null(l->list);
	}
	l->list[l->count++] = *e;
}

void entries_scan(struct entries *l, const struct queue *q)
{
	struct error err = ERROR_INIT;
	struct message_entry e;
	struct scan *s;
	int r;

	*l = (struct entries){0};
	arena_init(&l->names, 0);
	s = q->backend->scan_begin(q, &err);
	assert_non_null(s);
	while ((r = q->backend->scan_next(s, &l->names, &e, &err)) != 0) {
		if (r > 0) {
			add_entry(l, &e);
			continue;
		}
		assert_int_not_equal(err.code, ERROR_NONE);
		assert_int_not_equal(err.text[0], '\0');
		assert_int_not_equal(err.scope, SCOPE_RUN);
		err = ERROR_INIT;
		if (++l->errors > 10000)
			fail_msg("the scan does not end");
	}
	q->backend->scan_end(s);
}

void entries_free(struct entries *l)
{
	arena_free(&l->names);
	free(l->list);
	l->list = NULL;
}

/* ---- subjects ---- */

void subject_init(struct subject *s)
{
	*s = (struct subject){0};
	arena_init(&s->arena, LIMIT_MESSAGE_BYTES);
	sys_locks_init(&s->locks);
	s->charsets = charset_cache_new();
	assert_non_null(s->charsets);
	s->loader.arena = &s->arena;
	s->loader.locks = &s->locks;
}

void subject_free(struct subject *s)
{
	arena_free(&s->arena);
	sys_locks_free(&s->locks);
	charset_cache_free(s->charsets);
}

void subject_begin(struct subject *s, const struct queue *q, const struct message_entry *e)
{
	arena_reset(&s->arena);
	s->loader.now = q->now;
	memset(&s->message, 0xA5, sizeof s->message);
	q->backend->begin(q, e, &s->arena, &s->message);
}

void subject_load(struct subject *s, parts_t want)
{
	s->message.queue->backend->load(&s->loader, &s->message, want);
}

/* ---- comparing ---- */

static void dump_slice(struct buf *out, const char *name, struct slice s)
{
	buf_printf(out, "%s %s", name, s.p ? "" : "none");
	if (s.p) {
		buf_addc(out, '"');
		text_escape(out, s);
		buf_addc(out, '"');
	}
	buf_addc(out, '\n');
}

static void dump_number(struct buf *out, const char *name, struct number n)
{
	if (n.known)
		buf_printf(out, "%s %" PRId64 "\n", name, n.value);
}

static void dump_recipient(struct buf *out, const struct recipient *r)
{
	buf_printf(out, "recipient channel %d done %d own %d\n", r->channel, r->done,
		   r->own_status);
	dump_slice(out, " address", r->address);
	dump_slice(out, " raw", r->raw);
	dump_slice(out, " flags", r->flags);
	dump_slice(out, " status", r->status);
	dump_slice(out, " orcpt", r->orcpt);
	dump_slice(out, " final", r->final);
	dump_slice(out, " control", r->control);
	dump_slice(out, " route", r->route);
	dump_number(out, " attempts", r->attempts);
	dump_number(out, " last_attempt", r->last_attempt);
	dump_number(out, " next_attempt", r->next_attempt);
}

static void dump_lists(struct buf *out, const struct message *m)
{
	buf_printf(out, "recipients %zu pending %zu\n", m->recipient_count, m->pending_count);
	for (size_t i = 0; i < m->recipient_count; i++)
		dump_recipient(out, &m->recipients[i]);
	for (size_t i = 0; i < m->status_count; i++)
		dump_slice(out, "status", m->statuses[i]);
	for (size_t i = 0; i < m->macro_count; i++) {
		dump_slice(out, "macro", m->macros[i].name);
		dump_slice(out, " value", m->macros[i].value);
	}
	for (size_t i = 0; i < m->headers.count; i++) {
		dump_slice(out, "header", m->headers.list[i].name);
		dump_slice(out, " raw", m->headers.list[i].raw);
		dump_slice(out, " cond", m->headers.list[i].cond);
	}
}

static void dump_texts(struct buf *out, const struct message *m)
{
	dump_slice(out, "sender", m->sender);
	dump_slice(out, "sender_raw", m->sender_raw);
	dump_slice(out, "message_status", m->message_status);
	dump_slice(out, "flags", m->flags);
	dump_slice(out, "body_type", m->body_type);
	dump_slice(out, "auth", m->auth);
	dump_slice(out, "envid", m->envid);
	dump_slice(out, "reason", m->reason);
	dump_slice(out, "deliver_by", m->deliver_by);
	dump_slice(out, "control_text", m->control_text);
	dump_slice(out, "body", m->body);
}

void dump_message(struct buf *out, const struct message *m)
{
	const struct message_identity *i = &m->identity;

	dump_slice(out, "id", m->id);
	buf_printf(out, "state %s known %d locked %d\n", message_state_name(m->state),
		   m->state_known, m->locked);
	buf_printf(out, "control %" PRIu64 ":%" PRIu64 " %" PRId64 " %" PRId64 "\n", i->control_dev,
		   i->control_ino, i->control_size, i->control_mtime_ns);
	buf_printf(out, "data %" PRIu64 ":%" PRIu64 " %" PRId64 "\n", i->data_dev, i->data_ino,
		   i->data_mtime_ns);
	buf_printf(out, "bounce %d double %d bouncing %d warned %d\n", m->bounce, m->double_bounce,
		   m->bouncing, m->warned);
	dump_number(out, "arrival", m->arrival);
	dump_number(out, "accepted", m->accepted);
	dump_number(out, "expires", m->expires);
	dump_number(out, "last_attempt", m->last_attempt);
	dump_number(out, "next_attempt", m->next_attempt);
	dump_number(out, "attempts", m->attempts);
	dump_number(out, "size", m->size);
	dump_number(out, "priority", m->priority);
	dump_number(out, "version", m->version);
	dump_texts(out, m);
	dump_lists(out, m);
}

void dump_field(struct buf *out, const struct subject *s, const struct field *f,
		struct slice argument)
{
	struct arena *arena = (struct arena *)(uintptr_t)&s->arena;
	struct field_context c = {.message = &s->message,
				  .argument = argument,
				  .arena = arena,
				  .charsets = s->charsets,
				  .now = s->loader.now};
	struct field_cursor at = {0};
	enum field_got got;
	struct value v;

	do {
		got = f->get(&c, &at, &v);
		if (got == GOT_VALUE)
			dump_slice(out, f->name, field_print(arena, f, &v));
	} while (got == GOT_VALUE && (f->flags & FIELD_LIST));
	assert_int_not_equal(got, GOT_NOMEM);
}

void same_text(const struct buf *got, const struct buf *wanted, const struct message *m,
	       const char *what)
{
	if (slice_eq(buf_slice(got), buf_slice(wanted)))
		return;
	fail_msg("%s, message %.*s: %s\n--- got\n%.*s\n--- wanted\n%.*s", m->queue->name,
		 SLICE_ARG(m->entry.name), what, SLICE_ARG(buf_slice(got)),
		 SLICE_ARG(buf_slice(wanted)));
}
