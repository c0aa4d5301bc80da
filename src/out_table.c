/*
 * --format table: one line per message for a terminal.
 *
 * Widths come from the terminal, never from the data, so that the first line can be printed before
 * the last message is read. With columns == 0 nothing is cut. Everything is escaped, also off a
 * terminal.
 */
#include "output.h"

#include <mtaq/timefmt.h>

#include <stdio.h>

enum {
	ID_WIDTH = 15,
	AGE_WIDTH = 6,
	SIZE_WIDTH = 5,
	UNCUT_ADDRESS = 30,
	MAX_ADDRESS = 45,
	MIN_STATUS = 12
};

struct widths {
	size_t sender, recipient, status; /* 0: not shown */
	bool cut;
};

static struct widths layout(const struct output_options *o)
{
	const size_t columns = o->columns;
	const size_t fixed = ID_WIDTH + 1 + AGE_WIDTH + 1 + SIZE_WIDTH + 1;
	struct widths w = {.sender = UNCUT_ADDRESS, .recipient = UNCUT_ADDRESS, .status = SIZE_MAX};
	size_t rest, address;

	if (!columns)
		return w;
	w.cut = true;
	rest = columns > fixed + 20 ? columns - fixed : 20;
	address = rest < 32 || o->no_status ? (rest - 1) / 2 : rest * 3 / 10;
	w.sender = w.recipient = address < MAX_ADDRESS ? address : MAX_ADDRESS;
	w.status = 0;
	if (rest >= 32 && !o->no_status) {
		w.status = rest - 2 * w.sender - 2;
		if (w.status < MIN_STATUS)
			w.status = MIN_STATUS;
	}
	return w;
}

/* An id longer than its column takes from the last one, so that the line stays one line. */
static void make_room(struct widths *w, size_t over)
{
	size_t *last = w->status ? &w->status : &w->recipient;

	if (w->cut)
		*last = *last > over ? *last - over : 1;
}

struct look {
	char mark;
	const char *sgr; /* colour of id and mark; NULL: none */
};

static struct look look_of(const struct message *m)
{
	static const struct look looks[STATE_COUNT] = {
	    [STATE_UNKNOWN] = {'?', "31"},    [STATE_QUEUED] = {' ', NULL},
	    [STATE_NEW] = {'n', "36"},	      [STATE_HELD] = {'!', "33"},
	    [STATE_LOST] = {'L', "31"},	      [STATE_NODATA] = {'D', "31"},
	    [STATE_INCOMPLETE] = {'I', "31"}, [STATE_INCOMING] = {'i', "36"},
	    [STATE_ENDING] = {'e', "2"},
	};

	if (m->locked == 1)
		return (struct look){'*', "32"};
	return (unsigned)m->state < STATE_COUNT ? looks[m->state] : looks[STATE_UNKNOWN];
}

/* Append `s` (escaped already) in `width` columns and a blank, cut with a '~' if allowed. */
static void put_column(struct buf *out, struct slice s, size_t width, bool cut)
{
	size_t w = text_width(s);

	if (cut && w > width) {
		s = text_take_width(s, width ? width - 1 : 0, &w);
		buf_add(out, s);
		buf_addc(out, '~');
		w++;
	} else {
		buf_add(out, s);
	}
	if (width != SIZE_MAX)
		buf_pad(out, ' ', (w < width ? width - w : 0) + 1);
}

static void put_right(struct buf *out, const char *text, size_t width)
{
	size_t n = strlen(text);

	buf_pad(out, ' ', n < width ? width - n : 0);
	buf_adds(out, text);
	buf_addc(out, ' ');
}

/* By how many columns it is too long. */
static size_t put_id(const struct output *o, const struct message *m, struct buf *scratch,
		     struct buf *out)
{
	struct look look = look_of(m);
	size_t width;

	buf_clear(scratch);
	text_escape(scratch, m->id);
	width = text_width(buf_slice(scratch)) + 1;
	if (o->options.color && look.sgr)
		buf_printf(out, "\033[%sm", look.sgr);
	buf_add(out, buf_slice(scratch)); /* never cut: it is what people copy */
	buf_addc(out, look.mark);
	if (o->options.color && look.sgr)
		buf_adds(out, "\033[0m");
	buf_pad(out, ' ', (width < ID_WIDTH ? ID_WIDTH - width : 0) + 1);
	return width > ID_WIDTH ? width - ID_WIDTH : 0;
}

static void put_sender(const struct message *m, struct buf *scratch)
{
	buf_clear(scratch);
	if (!m->sender.p)
		buf_addc(scratch, '-');
	else if (m->sender.n == 0)
		buf_adds(scratch, "<>");
	else
		text_escape(scratch, m->sender);
}

static const struct recipient *first_pending(const struct message *m)
{
	for (size_t i = 0; i < m->recipient_count; i++)
		if (!m->recipients[i].done)
			return &m->recipients[i];
	return NULL;
}

/* The first pending recipient, cut so that the number of the others stays to be seen. */
static void put_recipients(const struct message *m, struct buf *scratch, size_t width, bool cut)
{
	const struct recipient *r = first_pending(m);
	char more[32] = "";
	size_t room, used;
	struct slice s;

	buf_clear(scratch);
	if (!r) {
		buf_addc(scratch, '-');
		return;
	}
	if (m->pending_count > 1)
		snprintf(more, sizeof more, " +%zu", m->pending_count - 1);
	text_escape(scratch, r->address);
	room = width > strlen(more) ? width - strlen(more) : 0;
	s = buf_slice(scratch);
	if (cut && more[0] && text_width(s) > room) {
		scratch->n = text_take_width(s, room ? room - 1 : 0, &used).n;
		buf_addc(scratch, '~');
	}
	buf_adds(scratch, more);
}

/* What is in the queue is deferred: where there is no room for all, the word goes first. */
static void put_status(const struct message *m, struct buf *scratch, const struct widths *w)
{
	static const struct slice deferred = {"Deferred: ", 10};
	const struct recipient *r = first_pending(m);
	struct slice s = r && r->status.p ? r->status : m->message_status;

	if (w->cut && s.n > w->status && slice_starts(s, deferred))
		s = slice_skip(s, deferred.n);

	buf_clear(scratch);
	if (m->reason.p) {
		buf_adds(scratch, "held: ");
		s = m->reason;
	}
	if (s.p)
		text_escape(scratch, s);
}

static void put_numbers(const struct field_context *c, struct buf *out)
{
	char text[TIME_TEXT];
	struct value age, size;

	put_right(out, output_value(c, FIELD_AGE, &age) == 1 ? duration_human(age.i, text) : "-",
		  AGE_WIDTH);
	put_right(out, output_value(c, FIELD_SIZE, &size) == 1 ? size_human(size.i, text) : "-",
		  SIZE_WIDTH);
}

static void trim_line(struct buf *out, size_t from)
{
	while (out->n > from && out->p[out->n - 1] == ' ')
		out->n--;
	buf_addc(out, '\n');
}

static int message(const struct output *o, const struct field_context *c, struct buf *out)
{
	const struct message *m = c->message;
	struct widths w = layout(&o->options);
	size_t from = out->n;
	struct buf scratch;

	buf_init(&scratch);
	make_room(&w, put_id(o, m, &scratch, out));
	put_numbers(c, out);
	put_sender(m, &scratch);
	put_column(out, buf_slice(&scratch), w.sender, w.cut);
	put_recipients(m, &scratch, w.recipient, w.cut);
	put_column(out, buf_slice(&scratch), w.recipient, w.cut);
	if (w.status) {
		put_status(m, &scratch, &w);
		put_column(out, buf_slice(&scratch), w.status, w.cut);
	}
	buf_free(&scratch);
	trim_line(out, from);
	return 0;
}

static void begin(const struct output *o, struct buf *out)
{
	struct widths w = layout(&o->options);
	size_t from = out->n;

	put_column(out, SLICE("ID"), ID_WIDTH, false);
	put_right(out, "AGE", AGE_WIDTH);
	put_right(out, "SIZE", SIZE_WIDTH);
	put_column(out, SLICE("SENDER"), w.sender, w.cut);
	put_column(out, SLICE("RECIPIENT"), w.recipient, w.cut);
	if (w.status)
		put_column(out, SLICE("STATUS"), w.status, w.cut);
	trim_line(out, from);
}

static void fields(const struct output *o, void (*add)(void *ctx, enum field_id field), void *ctx)
{
	static const enum field_id list[] = {
	    FIELD_STATE,     FIELD_LOCKED,  FIELD_ARRIVAL, FIELD_AGE,	 FIELD_SIZE,
	    FIELD_RECIPIENT, FIELD_PENDING, FIELD_SENDER,  FIELD_STATUS, FIELD_REASON,
	};

	(void)o;
	for (size_t i = 0; i < sizeof list / sizeof list[0]; i++)
		add(ctx, list[i]);
}

const struct output_kind output_table = {
    .name = "table",
    .summary = "one line per message, for people",
    .fields = fields,
    .begin = begin,
    .message = message,
};
