/*
 * undo of what was done to control files: lines that still are what the action made of them, and
 * the name. What an attempt changed since (N, K, P, M) stays as sendmail wrote it.
 */
#include "act.h"

#include <mtaq/jsonbytes.h>

static bool is_what(const json_t *change, const char *what)
{
	const json_t *j = json_object_get(change, "what");

	return json_is_string(j) && strcmp(json_string_value(j), what) == 0;
}

/* Which name it is to have again, NULL when it never had another. */
static const char *undo_rename(struct held *h, const json_t *change, size_t *left)
{
	struct slice from = json_bytes_get(json_object_get(change, "from"), &h->arena);
	struct slice to = json_bytes_get(json_object_get(change, "to"), &h->arena);
	struct slice name = slice_from(grip_of(h)->name);

	if (slice_eq(name, to) && from.n == to.n &&
	    slice_eq(slice_skip(from, 2), slice_skip(to, 2)))
		return arena_str(&h->arena, slice_take(from, 2));
	*left += !slice_eq(name, from);
	return NULL;
}

static int undo_change(struct held *h, const json_t *change, struct qf_edits *e,
		       const char **prefix, size_t *left, struct error *err)
{
	size_t lines = 0;

	if (is_what(change, "control")) {
		if (qf_edits_undo(change, e, &lines, err) < 0)
			return -1;
		*left += lines;
		return 0;
	}
	if (is_what(change, "rename")) {
		*prefix = undo_rename(h, change, left);
		return 0;
	}
	/* a delete that was cut off: it still is where it was */
	if (is_what(change, "delete"))
		return 0;
	return error_set(err, ERROR_UNSUPPORTED, "this cannot be taken back");
}

int undo_prepare(struct action *a, struct held *h, struct error *err)
{
	const char *prefix = NULL;
	struct qf_edits e;
	size_t left = 0;

	qf_edits_init(&e, &h->arena, h->message.control_text);
	for (size_t i = json_array_size(h->undo); i-- > 0;)
		if (undo_change(h, json_array_get(h->undo, i), &e, &prefix, &left, err) < 0)
			return -1;
	if (left)
		act_note(a,
			 "%" SLICE_FMT ": %zu of the changes were changed again meanwhile and stay",
			 SLICE_ARG(h->message.id), left);
	return rewrite_prepare(a, h, &e, prefix, err);
}
