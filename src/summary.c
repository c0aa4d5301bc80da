/* Groups of messages: see summary.h. */
#include "summary.h"

#include <mtaq/backend.h>
#include <mtaq/fold.h>

struct values {
	struct slice *list;
	size_t count, room;
};

/* ---- the words of --by ---- */

int summary_parse(struct slice text, struct summary_spec *spec, struct error *err)
{
	size_t offset = 0;
	struct slice part;

	while (slice_cut(&text, ',', &part)) {
		struct field_ref *k = &spec->keys[spec->count];

		if (spec->count == SUMMARY_KEYS)
			return error_at(err, ERROR_USAGE, offset, "--by: more than %d fields",
					SUMMARY_KEYS);
		if (field_ref_parse(part, k, err) < 0) {
			if (err && err->offset != SIZE_MAX)
				err->offset += offset;
			error_prefix(err, "--by");
			return -1;
		}
		spec->names[spec->count++] =
		    k->argument.p ? slice_trim(part) : slice_from(k->field->name);
		offset += part.n + 1;
	}
	return 0;
}

/* ---- values ---- */

struct slice summary_roll_up(struct arena *a, struct slice domain, unsigned labels)
{
	size_t at = domain.n;

	for (unsigned seen = 0; at > 0; at--)
		if (domain.p[at - 1] == '.' && ++seen == labels)
			break;
	return at ? arena_printf(a, ".%" SLICE_FMT, SLICE_ARG(slice_skip(domain, at))) : domain;
}

static bool is_domain(enum field_id id)
{
	return id == FIELD_SENDER_DOMAIN || id == FIELD_RECIPIENT_DOMAIN;
}

static struct slice lower(struct arena *a, struct slice s)
{
	char *p = arena_str(a, s);

	for (size_t i = 0; p && i < s.n; i++)
		p[i] = ascii_lower(p[i]);
	return slice_of(p, p ? s.n : 0);
}

static struct slice text_of(const struct summary_spec *spec, const struct field *f,
			    const struct value *v, const struct field_context *c)
{
	if (f->id == FIELD_STATUS && !spec->exact)
		return status_fold(c->arena, v->s);
	if (is_domain(f->id) && spec->labels)
		return summary_roll_up(c->arena, lower(c->arena, v->s), spec->labels);
	if (f->flags & FIELD_CASELESS)
		return lower(c->arena, v->s);
	return field_print(c->arena, f, v);
}

/* Keys end with NUL, so none may be in a value. */
static struct slice without_nul(struct arena *a, struct slice s)
{
	static const struct slice instead = {"\xef\xbf\xbd", 3}; /* U+FFFD */
	size_t count = 0, n = 0;
	char *p;

	for (size_t i = 0; i < s.n; i++)
		count += s.p[i] == '\0';
	p = count ? arena_alloc(a, s.n + count * (instead.n - 1)) : NULL;
	if (!p)
		return count ? SLICE_NONE : s;
	for (size_t i = 0; i < s.n; i++) {
		struct slice piece = s.p[i] ? slice_of(s.p + i, 1) : instead;

		memcpy(p + n, piece.p, piece.n);
		n += piece.n;
	}
	return slice_of(p, n);
}

static bool grow(struct arena *a, struct values *v)
{
	size_t room = v->room ? v->room * 2 : 16;
	struct slice *p = arena_grow(a, v->list, v->room * sizeof *p, room * sizeof *p);

	if (!p || v->count >= LIMIT_SUMMARY_VALUES)
		return false;
	v->list = p;
	v->room = room;
	return true;
}

static bool add_value(struct arena *a, struct values *v, struct slice s)
{
	for (size_t i = 0; i < v->count; i++)
		if (slice_eq(v->list[i], s))
			return true;
	if (!s.p || (v->count == v->room && !grow(a, v)))
		return false;
	v->list[v->count++] = s;
	return true;
}

/* In place of values: it has none, or they could not be read. */
static struct slice nothing(const struct message *m, enum field_id id)
{
	return !m->queue->backend->needs[id] || message_tells(m, id) ? SLICE("-") : SLICE("?");
}

/* All different values of key `k`. */
static int collect(const struct summary_spec *spec, const struct field_ref *k,
		   struct field_context c, struct values *out)
{
	struct field_cursor at = {0};
	struct value v;
	enum field_got got = GOT_END;

	*out = (struct values){0};
	c.argument = k->argument;
	while (message_tells(c.message, k->field->id) &&
	       (got = k->field->get(&c, &at, &v)) == GOT_VALUE) {
		if (!add_value(c.arena, out, without_nul(c.arena, text_of(spec, k->field, &v, &c))))
			return -1;
		if (!(k->field->flags & FIELD_LIST))
			break;
	}
	if (got == GOT_NOMEM ||
	    (out->count == 0 && !add_value(c.arena, out, nothing(c.message, k->field->id))))
		return -1;
	return 0;
}

/* ---- groups ---- */

/* One group per combination: an odometer over the values of each key. */
static int add_groups(const struct values *v, size_t keys, struct buf *out)
{
	size_t at[SUMMARY_KEYS] = {0}, before = out->n, k;

	do {
		size_t start = out->n, size;

		buf_room(out, sizeof size);
		out->n += sizeof size;
		for (k = 0; k < keys; k++) {
			buf_add(out, v[k].list[at[k]]);
			buf_addc(out, '\0');
		}
		size = out->n - start - sizeof size;
		memcpy(out->p + start, &size, sizeof size);
		for (k = keys; k > 0 && ++at[k - 1] == v[k - 1].count; k--)
			at[k - 1] = 0;
	} while (k > 0 && out->n - before <= LIMIT_SUMMARY_KEYS);
	return out->n - before <= LIMIT_SUMMARY_KEYS ? 0 : -1;
}

int summary_keys(const struct summary_spec *spec, const struct field_context *c, struct buf *out)
{
	struct values v[SUMMARY_KEYS];
	size_t groups = 1;

	for (size_t k = 0; k < spec->count; k++) {
		if (collect(spec, &spec->keys[k], *c, &v[k]) < 0)
			return -1;
		groups *= v[k].count; /* no overflow: the product of two limits */
		if (groups > LIMIT_SUMMARY_GROUPS)
			return -1;
	}
	return add_groups(v, spec->count, out);
}

static unsigned bucket_of(const struct summary_spec *spec, int64_t age)
{
	int64_t limit = spec->first_bucket;
	unsigned i = 0;

	while (i + 1 < spec->buckets && age > limit) {
		limit = limit > INT64_MAX / 2 ? INT64_MAX : limit * 2;
		i++;
	}
	return i;
}

void summary_measure(const struct summary_spec *spec, const struct field_context *c,
		     struct summary_tally *out)
{
	const struct message *m = c->message;

	*out = (struct summary_tally){
	    .messages = 1,
	    .recipients = message_tells(m, FIELD_PENDING) ? m->pending_count : 0,
	    .bytes = m->size.known && m->size.value > 0 ? (uint64_t)m->size.value : 0,
	    .aged = m->arrival.known,
	    .oldest = m->arrival.value,
	};
	if (spec->by_age && m->arrival.known)
		out->by_age[bucket_of(spec, number_minus(c->now, m->arrival.value))] = 1;
}

void summary_add(struct summary_tally *to, const struct summary_tally *from)
{
	to->messages += from->messages;
	to->recipients += from->recipients;
	to->bytes += from->bytes;
	for (size_t i = 0; i < SUMMARY_BUCKETS; i++)
		to->by_age[i] += from->by_age[i];
	if (from->aged && (!to->aged || from->oldest < to->oldest)) {
		to->aged = true;
		to->oldest = from->oldest;
	}
}
