/*
 * drop: one recipient's lines out of the control file (status, original and final recipient, the
 * recipient itself). The controlling user (C) may be the next ones' too, and stays.
 */
#include "act.h"

#include <mtaq/addr.h>

/* Lines that say something about the recipient that follows. */
struct waiting {
	struct qf_line *lines;
	size_t count;
	struct slice control; /* the C line in force */
};

struct dropping {
	struct held *h;
	struct slice who;
	struct qf_edits *edits;
	size_t all, dropped;
	struct waiting waiting;
};

static struct slice address_of(const struct message *m, const struct qf_line *l)
{
	struct slice value = qf_line_value(l);

	if (m->version.known && m->version.value >= 1)
		value = slice_skip(value, slice_chr(value, ':') + 1);
	return addr_strip(value);
}

static int take_out(struct dropping *d, const struct qf_line *l, struct error *err)
{
	struct qf_edits *e = d->edits;

	if (qf_edits_add(e, l->at, l->bytes.n, SLICE(""), err) < 0)
		return -1;
	/* lines come in their order, so that the new one is the last */
	e->list[e->count - 1].control = d->waiting.control;
	return 0;
}

static int recipient(struct dropping *d, const struct qf_line *l, struct error *err)
{
	struct waiting *w = &d->waiting;
	size_t count = w->count;

	w->count = 0;
	/* one without a colon is none to sendmail */
	if (d->h->message.version.value >= 1 && slice_chr(qf_line_value(l), ':') == SIZE_MAX)
		return 0;
	d->all++;
	if (!addr_matches_who(address_of(&d->h->message, l), d->who))
		return 0;
	d->dropped++;
	for (size_t i = 0; i < count; i++)
		if (take_out(d, &w->lines[i], err) < 0)
			return -1;
	return take_out(d, l, err);
}

static int take_line(struct dropping *d, const struct qf_line *l, bool after_sender,
		     struct error *err)
{
	struct waiting *w = &d->waiting;

	switch (l->code) {
	case 'C':
		w->control = qf_line_value(l).n ? l->bytes : SLICE_NONE;
		return 0;
	case 'M':
		if (!after_sender)
			return 0;
		/* fall through */
	case 'Q':
	case 'r':
		w->lines[w->count++] = *l;
		return 0;
	case 'R':
		return recipient(d, l, err);
	default:
		return 0;
	}
}

static size_t count_lines(struct slice text)
{
	struct qf_line l;
	size_t at = 0, n = 0;

	while (qf_next_line(text, &at, &l))
		n++;
	return n;
}

static int find_recipients(struct dropping *d, struct error *err)
{
	struct slice text = d->edits->text;
	bool after_sender = false;
	struct qf_line l;
	size_t at = 0;

	d->waiting.lines = arena_array(&d->h->arena, count_lines(text), sizeof l);
	if (!d->waiting.lines)
		return error_set(err, ERROR_LIMIT, "out of memory for recipients");
	while (qf_next_line(text, &at, &l) && l.code != '.') {
		if (take_line(d, &l, after_sender, err) < 0)
			return -1;
		after_sender |= l.code == 'S';
	}
	return 0;
}

int drop_prepare(struct action *a, struct held *h, struct error *err)
{
	struct qf_edits e;
	struct dropping d = {.h = h, .who = slice_from(a->args->recipient), .edits = &e};

	qf_edits_init(&e, &h->arena, h->message.control_text);
	if (find_recipients(&d, err) < 0)
		return -1;
	if (d.dropped == 0)
		return error_set(err, ERROR_UNSUPPORTED, "%s is not among its recipients",
				 a->args->recipient);
	if (d.dropped == d.all)
		return error_set(
		    err, ERROR_DENIED,
		    "refused: no other recipient would be left: use delete, or bounce");
	return rewrite_prepare(a, h, &e, NULL, err);
}
