/*
 * drop: one recipient, or those of one domain, marked done; the others stay.
 *
 * A message that is still in todo (only while qmail-send is stopped) has its envelope written anew
 * without the record. Changes: marks (marks.h), or {"what": "envelope", "at": offset, "address",
 * "before": "listed", "after": "removed"}.
 */
#include "envelope.h"
#include "marks.h"

#include <mtaq/addr.h>

struct drop {
	struct marks marks;
	struct envelope_edit edit;
};

static bool is_meant(const void *ctx, struct slice address)
{
	return addr_matches_who(address, slice_from(ctx));
}

/* 1 go on, 0 it is so already, -1. */
static int judge(size_t found, size_t pending, size_t done, struct error *err)
{
	if (found == 0 && done > 0)
		return 0;
	if (found == 0)
		return error_set(err, ERROR_UNSUPPORTED, "it has no such recipient");
	if (found == pending)
		return error_set(err, ERROR_DENIED, "no other recipient is pending: use delete");
	return 1;
}

static int plan_queued(struct action *a, struct held *h, struct drop *d, struct error *err)
{
	int r;

	if (pin_recipients_known(h, err) < 0 ||
	    marks_plan(h, is_meant, a->args->recipient, &d->marks, err) < 0)
		return -1;
	r = judge(d->marks.count, d->marks.pending, d->marks.done, err);
	if (r == 1 && marks_note(h, &d->marks, err) < 0)
		return -1;
	return r;
}

static void let_go(struct action *a, struct held *h)
{
	struct drop *d = held_pin(h)->op;

	envelope_discard(a, h, &d->edit);
}

static int plan_new(struct action *a, struct held *h, struct drop *d, struct error *err)
{
	int r;

	if (pin_recipients_known(h, err) < 0 ||
	    envelope_remove(h, is_meant, a->args->recipient, &d->edit, err) < 0)
		return -1;
	r = judge(d->edit.count, d->edit.recipients, 0, err);
	if (r < 1 || envelope_note(h, &d->edit, err) < 0)
		return r < 1 ? r : -1;
	held_pin(h)->let_go = let_go;
	return a->dry_run || envelope_write(a, h, &d->edit, err) == 0 ? 1 : -1;
}

int qmail_drop_prepare(struct action *a, struct held *h, struct error *err)
{
	struct drop *d = arena_zalloc(&h->arena, sizeof *d);

	if (!d)
		return error_set(err, ERROR_LIMIT, "out of memory");
	held_pin(h)->op = d;
	return held_pin(h)->todo >= 0 ? plan_new(a, h, d, err) : plan_queued(a, h, d, err);
}

int qmail_drop_commit(struct action *a, struct held *h, struct error *err)
{
	struct drop *d = held_pin(h)->op;

	if (pin_check(a, h, err) < 0 || marks_check(h, &d->marks, err) < 0)
		return -1;
	h->committed = true;
	if (held_pin(h)->todo >= 0)
		return envelope_publish(a, h, &d->edit, err);
	if (marks_set(a, h, &d->marks, err) < 0)
		return -1;
	return pin_check(a, h, err);
}
