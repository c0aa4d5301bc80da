/* Taking edits of a control file back: see edit.h. */
#include "edit.h"

#include <mtaq/jsonbytes.h>

static int no_memory(struct error *err)
{
	return error_set(err, ERROR_LIMIT, "out of memory for the edits of a control file");
}

static int bad_record(struct error *err)
{
	return error_set(err, ERROR_CORRUPT, "the journal's record of the change makes no sense");
}

/* One recorded edit; false when the record is none. */
static bool read_edit(const json_t *j, struct arena *a, struct qf_edit *out)
{
	const json_t *at = json_object_get(j, "at"), *control = json_object_get(j, "control");

	if (!json_is_integer(at) || json_integer_value(at) < 0)
		return false;
	*out = (struct qf_edit){.at = (size_t)json_integer_value(at),
				.old = json_bytes_get(json_object_get(j, "old"), a),
				.put = json_bytes_get(json_object_get(j, "new"), a)};
	if (control)
		out->control = json_bytes_get(control, a);
	return out->old.p && out->put.p;
}

static int read_edits(const json_t *change, struct arena *a, struct qf_edit **out, size_t *count,
		      struct error *err)
{
	const json_t *list = json_object_get(change, "edits");
	size_t n = json_array_size(list), past = 0;
	struct qf_edit *e = arena_array(a, n + 1, sizeof *e);

	if (!e)
		return no_memory(err);
	for (size_t i = 0; i < n; i++) {
		if (!read_edit(json_array_get(list, i), a, &e[i]) || e[i].at < past)
			return bad_record(err);
		past = e[i].at + e[i].old.n;
	}
	*out = e;
	*count = n;
	return 0;
}

/* ---- as a whole ---- */

static bool stands_at(struct slice text, size_t at, struct slice bytes)
{
	return at <= text.n && slice_starts(slice_skip(text, at), bytes) &&
	       (at == 0 || text.p[at - 1] == '\n');
}

/* Does everything that was put in still stand where it was put, on the lines as they were? */
static bool all_stands(struct slice text, const json_t *change, const struct qf_edit *e, size_t n)
{
	size_t shift = 0; /* modulo 2^64, as sizes are */

	if (json_integer_value(json_object_get(change, "size")) != (json_int_t)text.n)
		return false;
	for (size_t i = 0; i < n; i++) {
		size_t at = e[i].at + shift;

		if (!stands_at(text, at, e[i].put) || !stands_at(text, at + e[i].put.n, SLICE("")))
			return false;
		shift += e[i].put.n - e[i].old.n;
	}
	return true;
}

static int undo_all(struct qf_edits *out, const struct qf_edit *e, size_t n, struct error *err)
{
	size_t shift = 0;

	for (size_t i = 0; i < n; i++) {
		if (qf_edits_add(out, e[i].at + shift, e[i].put.n, e[i].old, err) < 0)
			return -1;
		shift += e[i].put.n - e[i].old.n;
	}
	return 0;
}

/* ---- line by line ---- */

static bool find_same(struct slice text, struct slice bytes, struct qf_line *out)
{
	size_t at = 0;

	while (qf_next_line(text, &at, out) && out->code != '.')
		if (slice_eq(out->bytes, bytes))
			return true;
	return false;
}

static bool is_recipient_code(char code)
{
	return code == 'R' || code == 'Q' || code == 'r' || code == 'M';
}

/* The C line in force where the recipients end. */
static struct slice control_at_end(struct slice text)
{
	struct slice control = SLICE_NONE;
	struct qf_line l;
	size_t at = 0;

	while (qf_next_line(text, &at, &l) && l.code != 'H' && l.code != '.')
		if (l.code == 'C')
			control = qf_line_value(&l).n ? l.bytes : SLICE_NONE;
	return control;
}

static bool is_recipient_edit(const struct qf_edit *x)
{
	return x->put.n == 0 && x->old.n && is_recipient_code(x->old.p[0]);
}

static struct slice or_no_control(struct slice c)
{
	return c.p ? c : SLICE("C\n");
}

/* One recipient's lines at the end of the recipients, below their C line; *control is the one in
 * force there. */
static int put_recipient(struct qf_edits *out, const struct qf_edit *e, size_t n,
			 struct slice *control, struct error *err)
{
	size_t end = qf_recipients_end(out->text);
	struct slice wanted = e[n - 1].control;

	if (!slice_eq(or_no_control(wanted), or_no_control(*control)) &&
	    qf_edits_add(out, end, 0, or_no_control(wanted), err) < 0)
		return -1;
	*control = wanted;
	for (size_t i = 0; i < n; i++)
		if (qf_edits_add(out, end, 0, e[i].old, err) < 0)
			return -1;
	return 0;
}

/* Recipients that were taken out come back behind the others, unless they are there again. */
static int put_recipients(struct qf_edits *out, const struct qf_edit *e, size_t n,
			  struct error *err)
{
	struct slice control = control_at_end(out->text);
	struct qf_line same;
	size_t first = 0;

	for (size_t i = 0; i < n; i++) {
		if (!is_recipient_edit(&e[i]))
			first = i + 1;
		if (!is_recipient_edit(&e[i]) || e[i].old.p[0] != 'R')
			continue;
		if (!find_same(out->text, e[i].old, &same) &&
		    put_recipient(out, e + first, i + 1 - first, &control, err) < 0)
			return -1;
		first = i + 1;
	}
	return 0;
}

/* The mark of a warning sent is one letter of a line that sendmail writes anew. */
static int put_warning(struct qf_edits *out, struct slice old, struct error *err)
{
	struct qf_line now;
	struct slice flags;

	if (slice_chr(old, 'w') == SIZE_MAX)
		return 0;
	if (!qf_find_line(out->text, 'F', &now))
		return qf_set(out, 'F', SLICE("w"), err);
	flags = qf_line_value(&now);
	if (slice_chr(flags, 'w') != SIZE_MAX)
		return 0;
	flags = arena_printf(out->arena, "w%" SLICE_FMT, SLICE_ARG(flags));
	return flags.p ? qf_set(out, 'F', flags, err) : no_memory(err);
}

static int undo_line(struct qf_edits *out, const struct qf_edit *x, size_t *left, struct error *err)
{
	char code = x->old.n ? x->old.p[0] : x->put.n ? x->put.p[0] : '\0';
	struct qf_line now;

	if (x->put.n && find_same(out->text, x->put, &now))
		return qf_edits_add(out, now.at, now.bytes.n, x->old, err);
	if (code == 'F')
		return put_warning(out, x->old, err);
	if (!x->put.n && is_recipient_code(code))
		return 0;
	if (!x->put.n && x->old.n && !qf_find_line(out->text, code, &now))
		return qf_edits_add(out, qf_place(out->text, code), 0, x->old, err);
	/* numbers and states of attempts are sendmail's own */
	*left += !strchr("NKPM", code);
	return 0;
}

int qf_edits_undo(const json_t *change, struct qf_edits *out, size_t *left, struct error *err)
{
	struct qf_edit *e = NULL;
	size_t n = 0;

	*left = 0;
	if (read_edits(change, out->arena, &e, &n, err) < 0)
		return -1;
	if (all_stands(out->text, change, e, n))
		return undo_all(out, e, n, err);
	for (size_t i = 0; i < n; i++)
		if (undo_line(out, &e[i], left, err) < 0)
			return -1;
	return put_recipients(out, e, n, err);
}
