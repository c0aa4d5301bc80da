/* Edits of a control file's lines: see edit.h. Taking them back is in editundo.c. */
#include "edit.h"

#include <mtaq/jsonbytes.h>

#include <inttypes.h>

/* The order in which sendmail writes the lines before the recipients. */
static const char envelope_order[] = "VTKNPdDIBqMF$SZA!";

static size_t rank(char code)
{
	const char *at = code ? strchr(envelope_order, code) : NULL;

	return at ? (size_t)(at - envelope_order) : SIZE_MAX;
}

bool qf_next_line(struct slice text, size_t *at, struct qf_line *out)
{
	size_t end = *at;

	if (*at >= text.n)
		return false;
	do {
		const char *p = memchr(text.p + end, '\n', text.n - end);

		end = p ? (size_t)(p - text.p) + 1 : text.n;
	} while (end < text.n && (text.p[end] == ' ' || text.p[end] == '\t'));
	*out = (struct qf_line){*at, slice_of(text.p + *at, end - *at), text.p[*at]};
	*at = end;
	return true;
}

bool qf_editable(struct slice text)
{
	struct qf_line l = {0};
	size_t at = 0;

	while (qf_next_line(text, &at, &l))
		if (l.code == '.')
			return at == text.n && slice_eq(l.bytes, SLICE(".\n"));
	return false;
}

bool qf_find_line(struct slice text, char code, struct qf_line *out)
{
	bool found = false;
	struct qf_line l;
	size_t at = 0;

	while (qf_next_line(text, &at, &l) && l.code != '.') {
		if (l.code != code)
			continue;
		*out = l;
		found = true;
	}
	return found;
}

struct slice qf_line_value(const struct qf_line *l)
{
	struct slice rest = slice_skip(l->bytes, 1), value = rest;

	slice_cut(&rest, '\n', &value);
	if (value.n && value.p[value.n - 1] == '\r')
		value.n--;
	return slice_take(value, slice_chr(value, '\0'));
}

/* Recipients' lines; an M after the sender is one of them. */
static bool in_envelope(char code, bool after_sender)
{
	return rank(code) != SIZE_MAX && !(code == 'M' && after_sender);
}

size_t qf_place(struct slice text, char code)
{
	bool sender = false;
	struct qf_line l;
	size_t at = 0, place = 0;

	while (qf_next_line(text, &at, &l)) {
		if (l.code == '.' || l.code == 'H' || l.code == 'R' || l.code == 'C' ||
		    l.code == 'Q' || l.code == 'r')
			break;
		/* sendmail -Q puts the reason there, whatever it writes itself later */
		if (code == 'q' && l.code == 'S')
			return l.at;
		if (in_envelope(l.code, sender) && rank(l.code) <= rank(code))
			place = at;
		sender |= l.code == 'S';
	}
	return place;
}

size_t qf_recipients_end(struct slice text)
{
	struct qf_line l;
	size_t at = 0;

	while (qf_next_line(text, &at, &l))
		if (l.code == 'H' || l.code == '.')
			return l.at;
	return text.n;
}

/* ---- edits ---- */

void qf_edits_init(struct qf_edits *e, struct arena *a, struct slice text)
{
	*e = (struct qf_edits){.arena = a, .text = text};
}

static int no_memory(struct error *err)
{
	return error_set(err, ERROR_LIMIT, "out of memory for the edits of a control file");
}

int qf_edits_add(struct qf_edits *e, size_t at, size_t n, struct slice put, struct error *err)
{
	size_t i = e->count;

	if (e->count == e->room) {
		size_t room = e->room ? e->room * 2 : 8;
		struct qf_edit *list =
		    arena_grow(e->arena, e->list, e->room * sizeof *list, room * sizeof *list);

		if (!list)
			return no_memory(err);
		e->list = list;
		e->room = room;
	}
	/* of two at one place, the later one goes behind; but nothing is put in within what goes */
	for (; i > 0 && (e->list[i - 1].at > at ||
			 (n == 0 && e->list[i - 1].at == at && e->list[i - 1].old.n));
	     i--)
		e->list[i] = e->list[i - 1];
	e->list[i] = (struct qf_edit){at, slice_of(e->text.p + at, n), put, SLICE_NONE};
	e->count++;
	return 0;
}

int qf_set(struct qf_edits *e, char code, struct slice value, struct error *err)
{
	struct slice line = arena_printf(e->arena, "%c%" SLICE_FMT "\n", code, SLICE_ARG(value));
	struct qf_line old;

	if (!line.p)
		return no_memory(err);
	if (!qf_find_line(e->text, code, &old))
		return qf_edits_add(e, qf_place(e->text, code), 0, line, err);
	if (slice_eq(old.bytes, line))
		return 0;
	return qf_edits_add(e, old.at, old.bytes.n, line, err);
}

int qf_set_number(struct qf_edits *e, char code, int64_t value, struct error *err)
{
	struct slice text = arena_printf(e->arena, "%" PRId64, value);

	return text.p ? qf_set(e, code, text, err) : no_memory(err);
}

int qf_unset(struct qf_edits *e, char code, struct error *err)
{
	struct qf_line l;
	size_t at = 0;

	while (qf_next_line(e->text, &at, &l) && l.code != '.')
		if (l.code == code && qf_edits_add(e, l.at, l.bytes.n, SLICE(""), err) < 0)
			return -1;
	return 0;
}

static size_t new_size(const struct qf_edits *e)
{
	size_t n = e->text.n;

	for (size_t i = 0; i < e->count; i++)
		n += e->list[i].put.n - e->list[i].old.n;
	return n;
}

int qf_edits_apply(const struct qf_edits *e, struct slice *out, struct error *err)
{
	size_t n = new_size(e), from = 0, to = 0;
	char *p = arena_alloc(e->arena, n + 1);

	if (!p)
		return no_memory(err);
	for (size_t i = 0; i < e->count; i++) {
		const struct qf_edit *x = &e->list[i];

		memcpy(p + to, e->text.p + from, x->at - from);
		to += x->at - from;
		if (x->put.n)
			memcpy(p + to, x->put.p, x->put.n);
		to += x->put.n;
		from = x->at + x->old.n;
	}
	memcpy(p + to, e->text.p + from, e->text.n - from);
	p[n] = '\0';
	*out = slice_of(p, n);
	return 0;
}

static json_t *edit_json(const struct qf_edit *x)
{
	json_t *j = json_pack("{s:I, s:o, s:o}", "at", (json_int_t)x->at, "old", json_bytes(x->old),
			      "new", json_bytes(x->put));

	if (j && x->control.p)
		json_object_set_new(j, "control", json_bytes(x->control));
	return j;
}

json_t *qf_edits_json(const struct qf_edits *e)
{
	json_t *list = json_array();

	for (size_t i = 0; list && i < e->count; i++)
		if (json_array_append_new(list, edit_json(&e->list[i])) < 0) {
			json_decref(list);
			return NULL;
		}
	return list ? json_pack("{s:s, s:I, s:o}", "what", "control", "size",
				(json_int_t)new_size(e), "edits", list)
		    : NULL;
}
