/* mtaq show: everything known of a message, recipient by recipient, with its files. */
#include "cmd.h"
#include "output.h"
#include "selection.h"

#include <mtaq/addr.h>
#include <mtaq/timefmt.h>

static void add_label(struct buf *b, const char *label)
{
	size_t n = strlen(label);

	buf_printf(b, "%s:", label);
	buf_pad(b, ' ', n < 20 ? 20 - n : 1);
}

/* Times for people: local time and how long ago or ahead. */
static void add_time(struct buf *b, int64_t t, int64_t now)
{
	char when[TIME_TEXT], distance[TIME_TEXT];

	buf_adds(b, time_print_local(t, when));
	if (t <= now)
		buf_printf(b, " (%s ago)", duration_human(number_minus(now, t), distance));
	else
		buf_printf(b, " (in %s)", duration_human(number_minus(t, now), distance));
}

static void add_value(struct buf *b, const struct field *f, const struct value *v,
		      const struct field_context *c)
{
	if (f->type == TYPE_TIME)
		add_time(b, v->i, c->now);
	else
		text_escape(b, field_print(c->arena, f, v));
}

static void add_failed(struct buf *b, const struct field *f, const struct field_context *c)
{
	const struct message *m = c->message;
	parts_t failed = (parts_t)(m->queue->backend->needs[f->id] & m->failed);

	for (int i = 0; i < PART_COUNT; i++) {
		if (!(failed & PART(i)) || !m->why[i])
			continue;
		add_label(b, f->name);
		buf_adds(b, "cannot be read: ");
		text_escape(b, slice_from(m->why[i]->text));
		buf_addc(b, '\n');
		return;
	}
}

static void add_field(struct buf *b, const struct field *f, const struct field_context *c)
{
	struct field_cursor at = {0};
	struct value v;
	enum output_has has = output_has(c, f->id);

	if (has == HAS_FAILED)
		add_failed(b, f, c);
	while (has == HAS_VALUE && f->get(c, &at, &v) == GOT_VALUE) {
		add_label(b, f->name);
		add_value(b, f, &v, c);
		buf_addc(b, '\n');
		if (!(f->flags & FIELD_LIST))
			return;
	}
}

/* Those that are shown in a block of their own, or with the recipients: what may differ from one to
 * the other. */
static bool shown_elsewhere(const struct field *f)
{
	unsigned per_recipient = FIELD_PER_RECIPIENT | FIELD_LIST;

	return (f->flags & (FIELD_ARGUMENT | FIELD_NOT_JSON)) ||
	       (f->flags & per_recipient) == per_recipient ||
	       (f->id >= FIELD_RECIPIENT && f->id <= FIELD_RECIPIENT_DONE);
}

static void add_number(struct buf *b, const char *label, struct number n)
{
	if (n.known)
		buf_printf(b, ", %s %lld", label, (long long)n.value);
}

static void add_text(struct buf *b, const char *label, struct slice s)
{
	if (!s.p)
		return;
	buf_printf(b, "\n  %s ", label);
	text_escape(b, s);
}

static void add_recipient(struct buf *b, const struct recipient *r, const struct field_context *c)
{
	static const char *const channels[] = {"", "local ", "remote "};
	bool cut = c->message->failed & PART_LOG;

	buf_printf(b, "%s%s to ", channels[r->channel], r->done ? "done   " : "pending");
	text_escape(b, r->address);
	if (!cut || r->attempts.value > 0)
		add_number(b, cut ? "attempts >=" : "attempts", r->attempts);
	add_text(b, "status", r->status);
	if (r->status.p) {
		add_text(b, "reply", reply_code(r->status));
		add_text(b, "dsn", reply_dsn(r->status));
	}
	add_text(b, "original", r->orcpt);
	add_text(b, "final", r->final);
	add_text(b, "controlled by", r->control);
	add_text(b, "route", r->route);
	if (r->last_attempt.known) {
		buf_adds(b, "\n  last attempt ");
		add_time(b, r->last_attempt.value, c->now);
	}
	buf_addc(b, '\n');
}

/* A tab that began a folded line is a blank to people. */
static void add_folded(struct buf *b, struct slice value)
{
	struct slice part;

	while (slice_cut(&value, '\t', &part)) {
		text_escape(b, part);
		if (value.p)
			buf_addc(b, ' ');
	}
}

static void add_headers(struct buf *b, const struct field_context *c)
{
	const struct message *m = c->message;

	if (m->headers.count)
		buf_adds(b, "header:\n");
	for (size_t i = 0; i < m->headers.count; i++) {
		const struct header *h = &m->headers.list[i];
		struct slice raw = m->header_bytes ? m->header_bytes(c->arena, m, h->raw) : h->raw;
		struct slice value = header_decode(c->arena, c->charsets, raw);

		buf_adds(b, "  ");
		text_escape(b, h->name);
		buf_adds(b, ": ");
		if (value.p)
			add_folded(b, value);
		else
			buf_adds(b, "(too long to decode)");
		buf_addc(b, '\n');
	}
}

static void add_file(void *ctx, const char *role, const char *path)
{
	struct buf *b = ctx;

	buf_printf(b, "  %-12s ", role);
	text_escape(b, slice_from(path));
	buf_addc(b, '\n');
}

static void show_message(void *ctx, struct select_chunk *chunk, const struct field_context *c)
{
	const struct message *m = c->message;
	struct buf *b = &chunk->out;

	(void)ctx;
	for (int i = 0; i < FIELD_COUNT; i++) {
		const struct field *f = field_row((enum field_id)i);

		if (!shown_elsewhere(f) || f->id == FIELD_SUBMITTER)
			add_field(b, f, c);
	}
	if (m->message_status.p) {
		add_label(b, "status");
		text_escape(b, m->message_status);
		buf_addc(b, '\n');
	}
	for (size_t i = 0; i < m->recipient_count; i++)
		add_recipient(b, &m->recipients[i], c);
	for (size_t i = 0; i < m->logged_count; i++)
		add_recipient(b, &m->logged[i], c);
	for (size_t i = 0; i < m->macro_count; i++) {
		buf_adds(b, "macro ");
		text_escape(b, m->macros[i].name);
		buf_adds(b, " = ");
		text_escape(b, m->macros[i].value);
		buf_addc(b, '\n');
	}
	add_headers(b, c);
	buf_adds(b, "files:\n");
	m->queue->backend->files(m, add_file, b);
	buf_addc(b, '\n');
}

static bool show_chunk(void *ctx, struct select_chunk *chunk)
{
	struct run *run = ctx;

	run_out(run, buf_slice(&chunk->out));
	run_err(buf_slice(&chunk->err));
	return !run->out_lost;
}

static void show_run(struct run *run, const void *options)
{
	struct selection s;
	bool more = true;

	(void)options;
	if (run->word_count == 0) {
		run_fail(run, STATUS_USAGE, "show: which message? (`mtaq list -i` prints ids)");
		return;
	}
	if (!selection_prepare(run, &s))
		more = false;
	for (size_t i = 0; more && i < s.queues.count; i++) {
		struct select_request request = {
		    .ctx = run, .each = show_message, .chunk = show_chunk};
		struct select_totals totals;

		request.parts = (parts_t) ~(PART_BODY | ~(PART(PART_COUNT) - 1));
		if (!s.queues.list[i]->log)
			request.parts &= (parts_t)~PART_LOG;
		more = selection_run(&s, i, &request, &totals);
	}
	selection_free(&s);
}

const struct command command_show = {
    .name = "show",
    .summary = "show everything known of a message",
    .args = "ID...",
    .flags = COMMAND_WORDS,
    .run = show_run,
};
