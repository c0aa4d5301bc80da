/*
 * --format qread: what qmail-qread prints, byte for byte; the same layout for the messages of other
 * MTAs.
 *
 * Not imitated: where the info file is broken qmail-qread shows the sender of the message before
 * it, here it is "?"; and it prints warnings on stdout.
 */
#include "output.h"

#include <mtaq/timefmt.h>

#include <inttypes.h>

/* As qmail-qread: every byte that is no printable ASCII character becomes '_'. Safe on any
 * terminal. */
static void put_safe(struct buf *out, struct slice s)
{
	char *p = buf_room(out, s.n);

	for (size_t i = 0; i < s.n; i++)
		p[i] = (char)(s.p[i] < 32 || s.p[i] > 126 ? '_' : s.p[i]);
	out->n += s.n;
}

static void put_recipient(const struct recipient *r, struct buf *out)
{
	if (r->done)
		buf_adds(out, "  done");
	buf_adds(out, r->channel == CHANNEL_LOCAL ? "\tlocal\t" : "\tremote\t");
	put_safe(out, r->address);
	buf_addc(out, '\n');
}

/* qmail-qread has no line for a message whose info or mess it cannot find, only a warning, which
 * here is the business of stderr. What else is damaged is left out of the message's lines. */
static bool is_there(const struct message *m)
{
	const struct error *no_data = m->why[PART_DATA_I];

	if ((m->failed & (PART_STAT | PART_CONTROL)) && !m->arrival.known)
		return false;
	return !(m->failed & PART_DATA) || (no_data && no_data->code == ERROR_CORRUPT);
}

/* info's time; what is not preprocessed has only the time when it came. */
static int64_t birth(const struct message *m)
{
	if (m->arrival.known)
		return m->arrival.value;
	return m->accepted.known ? m->accepted.value : 0;
}

static void put_heading(const struct message *m, struct buf *out)
{
	char text[TIME_TEXT];

	buf_adds(out, time_print_qmail(birth(m), text));
	buf_adds(out, "  #");
	put_safe(out, m->id);
	buf_printf(out, "  %" PRId64 "  <", m->size.known ? m->size.value : 0);
	put_safe(out, m->sender.p ? m->sender : SLICE("?"));
	buf_adds(out, m->bouncing ? ">  bouncing\n" : "> \n");
}

static int message(const struct output *o, const struct field_context *c, struct buf *out)
{
	const struct message *m = c->message;

	(void)o;
	if (!is_there(m))
		return 0;
	put_heading(m, out);
	for (size_t i = 0; i < m->recipient_count; i++)
		put_recipient(&m->recipients[i], out);
	return 0;
}

static void fields(const struct output *o, void (*add)(void *ctx, enum field_id field), void *ctx)
{
	static const enum field_id list[] = {
	    FIELD_STATE,     FIELD_ARRIVAL, FIELD_SIZE,	  FIELD_SENDER,	  FIELD_RECIPIENT_ALL,
	    FIELD_RECIPIENT, FIELD_CHANNEL, FIELD_BOUNCE, FIELD_ACCEPTED,
	};

	(void)o;
	for (size_t i = 0; i < sizeof list / sizeof list[0]; i++)
		add(ctx, list[i]);
}

const struct output_kind output_qread = {
    .name = "qread",
    .summary = "as qmail-qread prints it",
    .flags = OUTPUT_NATIVE,
    .fields = fields,
    .message = message,
};
