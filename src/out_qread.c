/*
 * --format qread: what qmail-qread prints, byte for byte; the same layout for the messages of other
 * MTAs.
 *
 * One thing is not imitated: for a broken info file qmail-qread shows the sender of the message
 * before it.
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

/* What cannot be read is told in qmail-qread's words, on stdout as it does. */
static int trouble(const struct message *m, const struct error *why, struct buf *out)
{
	const char *text = why->text;

	if (why->code == ERROR_GONE)
		text = "file does not exist";
	else if (why->code == ERROR_DENIED)
		text = "access denied";
	buf_adds(out, "warning: trouble with #");
	put_safe(out, m->id);
	buf_adds(out, ": ");
	put_safe(out, slice_from(text));
	buf_addc(out, '\n');
	return 0;
}

/* A heading needs the times, sender and size; recipients are printed as far as they could be read.
 */
static const struct error *failure_of(const struct message *m)
{
	static const enum part_index vital[] = {PART_STAT_I, PART_CONTROL_I, PART_DATA_I};

	for (size_t i = 0; i < sizeof vital / sizeof vital[0]; i++)
		if (m->failed & PART(vital[i]) && m->why[vital[i]])
			return m->why[vital[i]];
	return NULL;
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
	put_safe(out, m->sender);
	buf_adds(out, m->bouncing ? ">  bouncing\n" : "> \n");
}

static int message(const struct output *o, const struct field_context *c, struct buf *out)
{
	const struct message *m = c->message;
	const struct error *why = failure_of(m);

	(void)o;
	if (why)
		return trouble(m, why, out);
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
