/*
 * --format mailq: what `sendmail -bp` (verbose: `-bp -v`) prints, byte for byte; the same layout
 * for other MTAs.
 *
 * sendmail reads the control file line by line and prints as it goes: this does the same over
 * backend->lister_lines, or over lines made from struct message where the MTA has none. Addresses
 * are cut and made safe as sendmail does; texts that sendmail prints as they are (status, reason,
 * ...) are escaped on a terminal. Not imitated: the heading's "only n printed" (MaxQueueRunSize)
 * and the mark X (load): all messages are listed.
 */
#include "output.h"

#include <mtaq/timefmt.h>

#include <errno.h>
#include <inttypes.h>

/* What is remembered from one line for a later one. */
struct listing {
	const struct output *o;
	const struct message *m;
	struct buf *out;
	int64_t created;
	int32_t version;
	bool warned;
	struct slice status, reason, body_type;
};

/* As atol(3): blanks, a sign, digits; 0 without; the nearest limit when too large. */
static int64_t leading_number(struct slice s)
{
	bool negative = false;
	int64_t v = 0;

	while (s.n && ascii_isspace(s.p[0]))
		s = slice_skip(s, 1);
	if (s.n && (s.p[0] == '-' || s.p[0] == '+')) {
		negative = s.p[0] == '-';
		s = slice_skip(s, 1);
	}
	for (; s.n && ascii_isdigit(s.p[0]); s = slice_skip(s, 1)) {
		int digit = s.p[0] - '0';

		if (v > (INT64_MAX - digit) / 10)
			return negative ? INT64_MIN : INT64_MAX;
		v = v * 10 + digit;
	}
	return negative ? -v : v;
}

/* sendmail handles C strings: nothing after a NUL. */
static struct slice c_string(struct slice s)
{
	return slice_take(s, slice_chr(s, '\0'));
}

/*
 * An address in at most `budget` columns as sendmail's lister cuts it: every byte takes one, a
 * backslash two, anything not printable four, and the last is printed only if something is left of
 * the budget after it.
 */
static void put_address(struct buf *out, struct slice s, int budget)
{
	s = c_string(s);
	for (size_t i = 0; i < s.n && budget > 0; i++) {
		unsigned char c = (unsigned char)s.p[i];

		budget--;
		if (c == '\\') {
			if (budget-- > 0)
				buf_adds(out, "\\\\");
		} else if (c >= 32 && c < 127) {
			buf_addc(out, (char)c);
		} else if ((budget -= 3) > 0) {
			buf_printf(out, "\\%03o", c);
		}
	}
}

/* At most `max` bytes of a text that sendmail prints as it is. */
static void put_text(const struct listing *l, struct slice s, size_t max)
{
	output_raw(l->o, l->out, slice_take(s, max));
}

static void put_sender(struct listing *l, struct slice sender)
{
	bool verbose = l->o->options.verbose;
	const struct message *m = l->m;
	size_t max = verbose ? 100 : 60;
	char when[TIME_TEXT];

	time_print_ctime(l->created, when);
	buf_printf(l->out, "%8" PRId64 " ", m->size.known ? m->size.value : -1);
	if (verbose)
		buf_printf(l->out, "%10" PRId64 "%c%.12s ", output_priority(m),
			   l->warned ? '+' : ' ', when + 4);
	else
		buf_printf(l->out, "%.16s ", when);
	put_address(l->out, sender, verbose ? 78 : 39);
	if (l->reason.n) {
		buf_adds(l->out, "\n     QUARANTINE: ");
		put_text(l, l->reason, max);
		l->reason = SLICE_NONE;
	}
	if (l->status.n || l->body_type.n) {
		struct slice body = slice_take(l->body_type, 10);

		buf_adds(l->out, "\n    ");
		buf_pad(l->out, ' ', 10 - body.n);
		output_raw(l->o, l->out, body);
		if (l->status.n) {
			buf_adds(l->out, "   (");
			put_text(l, l->status, max);
			buf_addc(l->out, ')');
		}
		l->status = SLICE_NONE;
	}
}

static void put_recipient(struct listing *l, struct slice value)
{
	size_t colon;

	if (l->version >= 1) {
		colon = slice_chr(value, ':');
		if (colon == SIZE_MAX)
			return;
		value = slice_skip(value, colon + 1);
	}
	if (!l->o->options.verbose) {
		buf_adds(l->out, "\n\t\t\t\t\t ");
		put_address(l->out, value, 38);
		return;
	}
	buf_adds(l->out, "\n\t\t\t\t\t\t");
	put_address(l->out, value, 71);
	if (l->status.n) {
		buf_adds(l->out, "\n\t\t (");
		put_text(l, l->status, 100);
		buf_addc(l->out, ')');
		l->status = SLICE_NONE;
	}
}

static void put_controlling_user(struct listing *l, struct slice value)
{
	if (!l->o->options.verbose)
		return;
	buf_adds(l->out, "\n\t\t\t\t\t\t(---");
	put_text(l, c_string(value), 64);
	buf_adds(l->out, "---)");
}

static void take_line(void *ctx, char code, struct slice value)
{
	struct listing *l = ctx;

	switch (code) {
	case 'V':
		/* an int of it, whatever was there */
		l->version = (int32_t)(uint32_t)(uint64_t)leading_number(value);
		break;
	case 'T':
		l->created = leading_number(value);
		break;
	case 'F':
		l->warned = l->warned || slice_chr(c_string(value), 'w') != SIZE_MAX;
		break;
	case 'B':
		l->body_type = c_string(value);
		break;
	case 'q':
		l->reason = c_string(value);
		break;
	case 'M':
		l->status = c_string(value);
		break;
	case 'S':
		put_sender(l, value);
		break;
	case 'R':
		put_recipient(l, value);
		break;
	case 'C':
		put_controlling_user(l, value);
		break;
	default:
		break;
	}
}

/* An address as sendmail would have written it: in brackets, null ones too. */
static struct slice bracketed(struct arena *a, const char *prefix, struct slice address)
{
	return arena_printf(a, "%s<%" SLICE_FMT ">", prefix, SLICE_ARG(address));
}

/* The status to show for the whole message: its own, else that of a recipient who waits. */
static struct slice overall_status(const struct message *m)
{
	if (m->message_status.p)
		return m->message_status;
	for (size_t i = 0; i < m->recipient_count; i++)
		if (!m->recipients[i].done && m->recipients[i].status.p)
			return m->recipients[i].status;
	return SLICE_NONE;
}

/* The lines that sendmail would have for a message of another MTA. */
static int make_lines(struct listing *l, struct arena *a)
{
	const struct message *m = l->m;
	struct slice line;

	l->version = 1;
	l->created = m->arrival.known	 ? m->arrival.value
		     : m->accepted.known ? m->accepted.value
					 : 0;
	l->status = overall_status(m);
	l->reason = m->reason;
	if (m->sender.p) {
		line = bracketed(a, "", m->sender);
		if (!line.p)
			return -1;
		put_sender(l, line);
	}
	for (size_t i = 0; i < m->recipient_count; i++) {
		const struct recipient *r = &m->recipients[i];

		if (r->done)
			continue;
		line = bracketed(a, ":", r->address);
		if (!line.p)
			return -1;
		l->status = r->own_status ? r->status : SLICE_NONE;
		put_recipient(l, line);
	}
	return 0;
}

static bool too_young(const struct field_context *c)
{
	const struct message *m = c->message;
	const struct backend *b = m->queue->backend;
	struct lister_facts facts = {0};
	int64_t since, delay;

	if (!b->lister_facts || !m->attempts.known || m->attempts.value == 0 ||
	    !m->last_attempt.known)
		return false;
	b->lister_facts(m->queue, &facts);
	since = number_minus(c->now, m->last_attempt.value);
	if (facts.max_queue_age <= 0)
		return since >= 0 && since < facts.min_queue_age;
	delay = number_minus(m->last_attempt.value, m->arrival.known ? m->arrival.value : 0);
	return since < (delay < facts.max_queue_age ? delay : facts.max_queue_age);
}

static char mark(const struct field_context *c)
{
	if (c->message->locked == 1)
		return '*';
	if (c->message->state == STATE_LOST)
		return '?';
	return too_young(c) ? '-' : ' ';
}

static bool is_unreadable(const struct message *m)
{
	const struct error *why = m->why[PART_CONTROL_I];

	if (!(m->failed & PART_CONTROL) || !why)
		return false;
	if (why->errnum)
		return true;
	return m->queue->backend->lister_lines ? !m->control_text.p : !m->sender.p;
}

/* In sendmail's words where it has some. */
static void put_unreadable(const struct output *o, const struct message *m, struct buf *out)
{
	const struct error *why = m->why[PART_CONTROL_I];
	char text[128];

	buf_adds(out, " (");
	if (why->errnum == EPERM)
		buf_adds(out, "permission denied");
	else if (why->errnum == ENOENT)
		buf_adds(out, "job completed");
	else if (why->errnum && strerror_r(why->errnum, text, sizeof text) == 0)
		buf_adds(out, text);
	else
		output_line(o, out, slice_from(why->text));
	buf_adds(out, ")\n");
}

static int message(const struct output *o, const struct field_context *c, struct buf *out)
{
	const struct message *m = c->message;
	const struct backend *b = m->queue->backend;
	struct listing l = {.o = o, .m = m, .out = out};

	buf_pad(out, ' ', m->id.n < 13 ? 13 - m->id.n : 0);
	output_raw(o, out, m->id);
	if (is_unreadable(m)) {
		put_unreadable(o, m, out);
		return 0;
	}
	buf_addc(out, mark(c));
	if (b->lister_lines)
		b->lister_lines(m, take_line, &l);
	else if (make_lines(&l, c->arena) < 0)
		return -1;
	buf_adds(out, l.created == 0 ? " (no control file)\n" : "\n");
	return 0;
}

static void unit_begin(const struct output *o, const struct unit *u, size_t count, struct buf *out)
{
	static const char heading[] =
	    "-----Q-ID----- --Size-- -----Q-Time----- ------------Sender/Recipient-----------\n";
	static const char verbose_heading[] =
	    "-----Q-ID----- --Size-- -Priority- ---Q-Time--- --------Sender/Recipient--------\n";

	if (count)
		buf_adds(out, "\t\t");
	output_raw(o, out, slice_from(u->path));
	if (count == 0) {
		buf_adds(out, " is empty\n");
		return;
	}
	buf_printf(out, " (%zu request%s)\n", count, count == 1 ? "" : "s");
	buf_adds(out, o->options.verbose ? verbose_heading : heading);
}

static void end(const struct output *o, size_t total, struct buf *out)
{
	(void)o;
	buf_printf(out, "\t\tTotal requests: %zu\n", total);
}

static void fields(const struct output *o, void (*add)(void *ctx, enum field_id field), void *ctx)
{
	static const enum field_id list[] = {
	    FIELD_STATE,    FIELD_LOCKED,	    FIELD_ARRIVAL,   FIELD_SIZE,
	    FIELD_SENDER,   FIELD_RECIPIENT,	    FIELD_STATUS,    FIELD_PRIORITY,
	    FIELD_ATTEMPTS, FIELD_LAST_ATTEMPT,	    FIELD_BODY_TYPE, FIELD_FLAGS,
	    FIELD_REASON,   FIELD_CONTROLLING_USER,
	};

	(void)o;
	for (size_t i = 0; i < sizeof list / sizeof list[0]; i++)
		add(ctx, list[i]);
}

const struct output_kind output_mailq = {
    .name = "mailq",
    .summary = "as sendmail -bp prints it",
    .flags = OUTPUT_UNITS | OUTPUT_BY_PRIORITY | OUTPUT_NATIVE,
    .fields = fields,
    .unit_begin = unit_begin,
    .message = message,
    .end = end,
};
