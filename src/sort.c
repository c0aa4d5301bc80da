/* Order-preserving keys and a bounded heap: see sort.h. */
#include "sort.h"

#include <mtaq/backend.h>

#include <stdlib.h>

/* ---- the words of --sort ---- */

/* The comma that ends a key is not one inside ["..."]. */
static size_t key_end(struct slice s)
{
	bool quoted = false;

	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == '"')
			quoted = !quoted;
		else if (s.p[i] == ',' && !quoted)
			return i;
	}
	return s.n;
}

static int parse_one(struct slice text, size_t offset, struct sort_spec *spec, struct error *err)
{
	struct sort_key *k = &spec->keys[spec->count];
	size_t skip = text.n && (text.p[0] == '-' || text.p[0] == '+');

	if (spec->count == LIMIT_SORT_KEYS)
		return error_at(err, ERROR_USAGE, offset, "--sort: more than %u keys",
				LIMIT_SORT_KEYS);
	k->descending = text.n && text.p[0] == '-';
	if (field_ref_parse(slice_skip(text, skip), &k->ref, err) < 0) {
		if (err && err->offset != SIZE_MAX)
			err->offset += offset + skip;
		error_prefix(err, "--sort");
		return -1;
	}
	spec->count++;
	return 0;
}

int sort_parse(struct slice text, struct sort_spec *spec, struct error *err)
{
	size_t at = 0;

	for (;;) {
		size_t n = key_end(slice_skip(text, at));

		if (parse_one(slice_take(slice_skip(text, at), n), at, spec, err) < 0)
			return -1;
		at += n;
		if (at == text.n)
			return 0;
		at++;
	}
}

/* ---- keys ---- */

static void add_number(struct buf *out, int64_t v)
{
	uint64_t u = (uint64_t)v ^ (UINT64_C(1) << 63);

	for (int shift = 56; shift >= 0; shift -= 8)
		buf_addc(out, (char)(u >> shift));
}

/* NUL becomes NUL 0xFF and the end NUL NUL, so that a prefix sorts first whatever follows. */
static void add_text(struct buf *out, struct slice s, bool caseless)
{
	for (size_t i = 0; i < s.n; i++) {
		buf_addc(out, caseless ? ascii_lower(s.p[i]) : s.p[i]);
		if (s.p[i] == '\0')
			buf_addc(out, '\xff');
	}
	buf_addc(out, '\0');
	buf_addc(out, '\0');
}

static int encode_key(const struct sort_key *k, struct field_context c, struct buf *out)
{
	struct field_cursor at = {0};
	struct value v;
	enum field_got got = GOT_END;
	size_t start;

	c.argument = k->ref.argument;
	if (message_tells(c.message, k->ref.field->id))
		got = k->ref.field->get(&c, &at, &v);
	if (got == GOT_NOMEM)
		return -1;
	buf_addc(out, got == GOT_END ? '\1' : '\0');
	if (got == GOT_END)
		return 0;
	start = out->n;
	if (v.type == TYPE_TEXT)
		add_text(out, v.s, (k->ref.field->flags & FIELD_CASELESS) != 0);
	else
		add_number(out, v.i);
	for (size_t i = start; k->descending && i < out->n; i++)
		out->p[i] = (char)~out->p[i];
	return 0;
}

int sort_encode(const struct sort_spec *spec, const struct field_context *c, struct buf *out)
{
	for (size_t i = 0; i < spec->count; i++)
		if (encode_key(&spec->keys[i], *c, out) < 0)
			return -1;
	return 0;
}

/* ---- the heap ---- */

struct item {
	uint64_t serial;
	size_t key_n, text_n;
	char bytes[]; /* key, then text */
};

struct sorter {
	struct item **items; /* with a limit: a heap, the last in order at the top */
	size_t count, room, limit;
	uint64_t serial;
	bool reverse;
};

struct sorter *sorter_new(size_t limit, bool reverse)
{
	struct sorter *s = calloc(1, sizeof *s);

	if (!s)
		abort();
	s->limit = limit;
	s->reverse = reverse;
	return s;
}

void sorter_free(struct sorter *s)
{
	for (size_t i = 0; s && i < s->count; i++)
		free(s->items[i]);
	if (s)
		free(s->items);
	free(s);
}

static int forward_order(const struct item *a, const struct item *b)
{
	int r = slice_cmp(slice_of(a->bytes, a->key_n), slice_of(b->bytes, b->key_n));

	return r ? r : (a->serial > b->serial) - (a->serial < b->serial);
}

static int item_order(const struct sorter *s, const struct item *a, const struct item *b)
{
	return s->reverse ? forward_order(b, a) : forward_order(a, b);
}

static void swap(struct sorter *s, size_t i, size_t j)
{
	struct item *t = s->items[i];

	s->items[i] = s->items[j];
	s->items[j] = t;
}

static void sift_up(struct sorter *s, size_t i)
{
	while (i && item_order(s, s->items[(i - 1) / 2], s->items[i]) < 0) {
		swap(s, i, (i - 1) / 2);
		i = (i - 1) / 2;
	}
}

static void sift_down(struct sorter *s, size_t i, size_t n)
{
	for (;;) {
		size_t child = 2 * i + 1;

		if (child >= n)
			return;
		if (child + 1 < n && item_order(s, s->items[child], s->items[child + 1]) < 0)
			child++;
		if (item_order(s, s->items[i], s->items[child]) >= 0)
			return;
		swap(s, i, child);
		i = child;
	}
}

static void make_room(struct sorter *s)
{
	if (s->count < s->room)
		return;
	s->room = s->room ? s->room * 2 : 256;
	s->items = realloc(s->items, s->room * sizeof(struct item *));
	if (!s->items)
		abort();
}

static struct item *new_item(struct sorter *s, struct slice key, struct slice text)
{
	struct item *it = malloc(sizeof *it + key.n + text.n);

	if (!it)
		abort();
	*it = (struct item){.serial = s->serial++, .key_n = key.n, .text_n = text.n};
	if (key.n)
		memcpy(it->bytes, key.p, key.n);
	if (text.n)
		memcpy(it->bytes + key.n, text.p, text.n);
	return it;
}

void sorter_add(struct sorter *s, struct slice key, struct slice text)
{
	struct item *it = new_item(s, key, text);

	if (s->limit && s->count == s->limit) {
		if (item_order(s, it, s->items[0]) >= 0) {
			free(it);
			return;
		}
		free(s->items[0]);
		s->items[0] = it;
		sift_down(s, 0, s->count);
		return;
	}
	make_room(s);
	s->items[s->count++] = it;
	if (s->limit)
		sift_up(s, s->count - 1);
}

void sorter_drain(struct sorter *s, bool (*fn)(void *ctx, struct slice text), void *ctx)
{
	/* heapsort: needs no memory and no comparison function without context */
	for (size_t i = s->count; !s->limit && i-- > 0;)
		sift_down(s, i, s->count);
	for (size_t n = s->count; n > 1; n--) {
		swap(s, 0, n - 1);
		sift_down(s, 0, n - 1);
	}
	for (size_t i = 0; i < s->count; i++)
		if (!fn(ctx,
			slice_of(s->items[i]->bytes + s->items[i]->key_n, s->items[i]->text_n)))
			return;
}
