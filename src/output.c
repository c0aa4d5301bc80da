/* The formats of `mtaq list` and what they share: see output.h. */
#include "output.h"

#include <mtaq/limits.h>

#include <stdlib.h>

static const struct output_kind *const kinds[] = {
    &output_ids, &output_json, &output_mailq, &output_qread, &output_table, &output_template,
};

const struct output_kind *output_kind_at(size_t i)
{
	return i < sizeof kinds / sizeof kinds[0] ? kinds[i] : NULL;
}

const struct output_kind *output_kind_find(struct slice name)
{
	const struct output_kind *k;

	for (size_t i = 0; (k = output_kind_at(i)); i++)
		if (slice_eq(name, slice_from(k->name)))
			return k;
	return NULL;
}

struct output *output_new(const struct output_kind *kind, const struct output_options *options,
			  struct error *err)
{
	struct output *o = malloc(sizeof *o);

	if (!o) {
		error_set(err, ERROR_NOMEM, "out of memory");
		return NULL;
	}
	*o = (struct output){.kind = kind, .options = *options};
	if (kind->open && kind->open(o, err) < 0) {
		free(o);
		return NULL;
	}
	return o;
}

void output_free(struct output *o)
{
	if (o && o->kind->close)
		o->kind->close(o);
	free(o);
}

struct parts_of {
	const struct backend *backend;
	parts_t parts;
};

static void add_parts(void *ctx, enum field_id field)
{
	struct parts_of *p = ctx;

	p->parts |= p->backend->needs[field];
	if (field == FIELD_ID && p->backend->script_id)
		p->parts |= PART_DATA;
}

parts_t output_parts(const struct output *o, const struct backend *b)
{
	struct parts_of p = {b, PART_NAME};

	if (o->kind->fields)
		o->kind->fields(o, add_parts, &p);
	return p.parts;
}

void output_begin(const struct output *o, struct buf *out)
{
	if (o->kind->begin)
		o->kind->begin(o, out);
}

void output_unit_begin(const struct output *o, const struct unit *u, size_t count, struct buf *out)
{
	if (o->kind->unit_begin)
		o->kind->unit_begin(o, u, count, out);
}

int output_message(const struct output *o, const struct field_context *c, struct buf *out,
		   struct error *err)
{
	size_t before = out->n;

	if (o->kind->message(o, c, out) == 0)
		return 0;
	out->n = before;
	return error_set(err, ERROR_LIMIT, "%s: %" SLICE_FMT ": too large to print (limit %u MiB)",
			 c->message->queue->name, SLICE_ARG(c->message->id),
			 LIMIT_MESSAGE_BYTES >> 20);
}

void output_unit_end(const struct output *o, const struct unit *u, struct buf *out)
{
	if (o->kind->unit_end)
		o->kind->unit_end(o, u, out);
}

void output_end(const struct output *o, size_t total, struct buf *out)
{
	if (o->kind->end)
		o->kind->end(o, total, out);
}

/* What sendmail takes for a message whose control file has no priority. */
int64_t output_priority(const struct message *m)
{
	return m->priority.known ? m->priority.value : 0x7fffffff;
}

enum output_has output_has(const struct field_context *c, enum field_id field)
{
	if (!c->message->queue->backend->needs[field])
		return HAS_NOT;
	return message_tells(c->message, field) ? HAS_VALUE : HAS_FAILED;
}

int output_value(const struct field_context *c, enum field_id field, struct value *out)
{
	struct field_cursor at = {0};

	if (output_has(c, field) != HAS_VALUE)
		return 0;
	switch (field_row(field)->get(c, &at, out)) {
	case GOT_VALUE:
		return 1;
	case GOT_END:
		return 0;
	case GOT_NOMEM:
		break;
	}
	return -1;
}

struct slice output_script_id(const struct field_context *c)
{
	const struct message *m = c->message;
	const struct backend *b = m->queue->backend;

	if (b->script_id && (m->have & PART_DATA))
		return b->script_id(c->arena, m);
	return m->id;
}

void output_raw(const struct output *o, struct buf *out, struct slice s)
{
	if (o->options.terminal)
		text_escape(out, s);
	else
		buf_add(out, s);
}

void output_line(const struct output *o, struct buf *out, struct slice s)
{
	if (o->options.terminal)
		text_escape(out, s);
	else
		text_escape_line(out, s);
}
