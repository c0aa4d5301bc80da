/* Envelopes in todo written anew: see envelope.h. */
#include "envelope.h"
#include "steps.h"

#include <mtaq/jsonbytes.h>

static int start(struct held *h, size_t records, size_t more, struct slice old,
		 struct envelope_edit *out, struct buf *b, struct error *err)
{
	*out =
	    (struct envelope_edit){.list = arena_array(&h->arena, records + 1, sizeof *out->list)};
	b->p = arena_alloc(&h->arena, old.n + more + 1);
	b->n = 0;
	if (out->list && b->p)
		return 0;
	return error_set(err, ERROR_LIMIT, "out of memory");
}

static void put(struct buf *b, struct slice s)
{
	if (s.n)
		memcpy(b->p + b->n, s.p, s.n);
	b->n += s.n;
}

int envelope_remove(struct held *h, marks_wants_fn *wants, const void *ctx,
		    struct envelope_edit *out, struct error *err)
{
	struct slice old, rest;
	struct record r;
	struct buf b;

	if (pin_read(h, held_pin(h)->todo, "todo", &old, err) < 0 ||
	    start(h, record_count(old), 0, old, out, &b, err) < 0)
		return -1;
	out->removes = true;
	for (rest = old; record_next(&rest, &r) == 1;) {
		size_t at = (size_t)(r.text.p - 1 - old.p);

		out->recipients += r.type == 'T';
		if (r.type == 'T' && wants(ctx, r.text))
			out->list[out->count++] = (struct envelope_record){at, r.text};
		else
			put(&b, slice_take(slice_skip(old, at), r.text.n + 2));
	}
	out->text = slice_of(b.p, b.n);
	return 0;
}

/* ---- back ---- */

static bool get_record(struct held *h, const json_t *change, struct envelope_record *out,
		       bool *removed)
{
	const char *what = json_string_value(json_object_get(change, "what"));
	const char *after = json_string_value(json_object_get(change, "after"));
	json_int_t at = json_integer_value(json_object_get(change, "at"));

	if (!what || strcmp(what, "envelope") != 0 || !after || at < 0)
		return false;
	out->at = (size_t)at;
	out->address = json_bytes_get(json_object_get(change, "address"), &h->arena);
	*removed = strcmp(after, "removed") == 0;
	return out->address.p != NULL;
}

static size_t bytes_of(const json_t *changes)
{
	size_t n = 0, i;
	json_t *c;

	json_array_foreach(changes, i, c)
	{
		const json_t *address = json_object_get(c, "address"),
			     *hex = json_object_get(address, "hex");

		n += 2 + json_string_length(address) + json_string_length(hex);
	}
	return n;
}

static bool has_recipient(struct slice text, struct slice address)
{
	struct record r;

	while (record_next(&text, &r) == 1)
		if (r.type == 'T' && slice_eq(r.text, address))
			return true;
	return false;
}

/* Put records back where they were: each place is one in the text that had them all. Where no
 * record begins there by now, at the end. Of several, all went in one step: one that is there means
 * that they never went, or are back. */
static int put_back(struct slice old, struct buf *b, struct envelope_edit *e)
{
	for (size_t i = 0; i < e->count; i++)
		if (has_recipient(old, e->list[i].address))
			return 0;
	for (size_t i = 0; i < e->count; i++) {
		size_t before = e->list[i].at - b->n;

		if (e->list[i].at < b->n || before > old.n ||
		    (before > 0 && old.p[before - 1] != '\0'))
			before = old.n;
		put(b, slice_take(old, before));
		old = slice_skip(old, before);
		put(b, SLICE("T"));
		put(b, e->list[i].address);
		put(b, SLICE("\0"));
	}
	put(b, old);
	return 1;
}

static int take_out(struct slice old, struct buf *b, struct envelope_edit *e)
{
	size_t at = 0;

	for (size_t i = 0; i < e->count; i++) {
		struct slice rest = slice_skip(old, e->list[i].at);
		struct record r;

		if (e->list[i].at < at || record_next(&rest, &r) != 1 || r.type != 'T' ||
		    !slice_eq(r.text, e->list[i].address))
			return 0;
		put(b, slice_take(slice_skip(old, at), e->list[i].at - at));
		at = e->list[i].at + r.text.n + 2;
	}
	put(b, slice_skip(old, at));
	return 1;
}

int envelope_back(struct held *h, const json_t *changes, struct envelope_edit *out,
		  struct error *err)
{
	bool removed = false;
	struct slice old;
	struct buf b;
	json_t *c;
	size_t i;

	*out = (struct envelope_edit){0};
	if (held_pin(h)->todo < 0)
		return 0;
	if (pin_read(h, held_pin(h)->todo, "todo", &old, err) < 0 ||
	    start(h, json_array_size(changes), bytes_of(changes), old, out, &b, err) < 0)
		return -1;
	json_array_foreach(changes, i, c)
	{
		if (get_record(h, c, &out->list[out->count], &removed))
			out->count++;
	}
	out->removes = !removed;
	if (out->count == 0 || !(removed ? put_back(old, &b, out) : take_out(old, &b, out)))
		return 0;
	out->text = slice_of(b.p, b.n);
	return 1;
}

/* ---- telling and doing ---- */

int envelope_note(struct held *h, const struct envelope_edit *e, struct error *err)
{
	for (size_t i = 0; i < e->count; i++) {
		json_t *change = json_pack(
		    "{s:s, s:I, s:o, s:s, s:s}", "what", "envelope", "at",
		    (json_int_t)e->list[i].at, "address", json_bytes(e->list[i].address), "before",
		    e->removes ? "listed" : "removed", "after", e->removes ? "removed" : "listed");

		if (change_add(h, change, err) < 0)
			return -1;
	}
	return 0;
}

int envelope_write(struct action *a, struct held *h, struct envelope_edit *e, struct error *err)
{
	const struct pin *p = held_pin(h);
	const struct new_file as = {p->todo_st.st_uid, p->todo_st.st_gid,
				    p->todo_st.st_mode & 07777, &p->todo_st.st_mtim};

	e->written = new_file_write(a, p->todo_file, p->n, e->text, &as, err) == 0;
	return e->written ? 0 : -1;
}

/* intd is of no use to anybody once todo is there, and goes first when qmail-send removes both; but
 * in a queue that is whole they are the same file. */
int envelope_publish(struct action *a, struct held *h, struct envelope_edit *e, struct error *err)
{
	const struct pin *p = held_pin(h);
	enum qmail_file intd = p->todo_file == FILE_TODO ? FILE_INTD : FILE_INTD_OTHER;
	int had = step_unlink(a, intd, p->n, err);

	if (had < 0 || new_file_replace(a, p->todo_file, p->n, err) < 0)
		return -1;
	e->written = false;
	return had ? step_link(a, p->todo_file, intd, p->n, err) : 0;
}

void envelope_discard(struct action *a, struct held *h, struct envelope_edit *e)
{
	if (e->written)
		new_file_discard(a, held_pin(h)->todo_file, held_pin(h)->n);
	e->written = false;
}
