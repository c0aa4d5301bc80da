/* The field table: names, types, help; finding and printing. Getters: field_get.c, field_text.c. */
#include "field_get.h"

#include <mtaq/timefmt.h>

#include <inttypes.h>

#define ADDRESS	 FIELD_ADDRESS
#define ARGUMENT FIELD_ARGUMENT
#define CASELESS FIELD_CASELESS
#define CONSTANT FIELD_CONSTANT
#define LIST	 FIELD_LIST
#define MADE	 FIELD_MADE
#define NOT_JSON FIELD_NOT_JSON
#define ONE	 FIELD_PER_RECIPIENT
#define ONE_OF	 (FIELD_LIST | FIELD_PER_RECIPIENT)
#define ROW(ID, get, name, type, flags, help)                                                      \
	[FIELD_##ID] = {FIELD_##ID, name, TYPE_##type, flags, field_get_##get, NULL, help}
#define ENUM_ROW(ID, get, name, flags, help)                                                       \
	[FIELD_##ID] = {FIELD_##ID, name, TYPE_ENUM, flags, field_get_##get, field_name_##get, help}

/* clang-format off */
static const struct field table[FIELD_COUNT] = {
	ROW(ID, id, "id", TEXT, 0, "name of the message in its queue"),
	ROW(QUEUE, queue, "queue", TEXT, CONSTANT, "queue it is in, as mtaq queues prints it"),
	ENUM_ROW(MTA, mta, "mta", CONSTANT, "mail transfer agent of the queue"),
	ROW(HOST, host, "host", TEXT, CONSTANT | CASELESS, "this machine's name"),
	ENUM_ROW(STATE, state, "state", 0, "what the MTA will do with it"),
	ROW(LOCKED, locked, "locked", BOOL, 0, "being worked on by the MTA at this moment"),
	ROW(ARRIVAL, arrival, "arrival", TIME, 0, "time that its age is counted from"),
	ROW(AGE, age, "age", DURATION, 0, "time since arrival"),
	ROW(ACCEPTED, accepted, "accepted", TIME, 0, "time when it really came: not moved by expire or requeue"),
	ROW(EXPIRES, expires, "expires", TIME, 0, "time after which the MTA gives up"),
	ROW(SIZE, size, "size", SIZE, 0, "bytes, as the MTA's own lister shows them"),
	ROW(SENDER, sender, "sender", TEXT, ADDRESS, "envelope sender without brackets; empty for bounces"),
	ROW(SENDER_DOMAIN, sender_domain, "sender.domain", TEXT, CASELESS, "part of the sender after the @"),
	ROW(BOUNCE, bounce, "bounce", BOOL, 0, "the sender is empty or MAILER-DAEMON"),
	ROW(DOUBLE_BOUNCE, double_bounce, "double_bounce", BOOL, 0, "a bounce of a bounce"),
	ROW(RECIPIENT, recipient, "recipient", TEXT, ONE_OF | ADDRESS, "recipients still pending"),
	ROW(RECIPIENT_DOMAIN, recipient_domain, "recipient.domain", TEXT, ONE_OF | CASELESS,
	    "parts of the pending recipients after the @"),
	ROW(RECIPIENT_ALL, recipient_all, "recipient.all", TEXT, ONE_OF | ADDRESS, "recipients, pending or done"),
	ROW(RECIPIENT_DONE, recipient_done, "recipient.done", TEXT, ONE_OF | ADDRESS,
	    "recipients delivered or given up"),
	ROW(RECIPIENTS, recipients, "recipients", NUMBER, 0, "number of recipients"),
	ROW(PENDING, pending, "pending", NUMBER, 0, "number of recipients still pending"),
	ENUM_ROW(CHANNEL, channel, "channel", ONE_OF, "how the pending recipients are delivered"),
	ROW(ROUTE, route, "route", TEXT, ONE_OF | CASELESS, "entry of control/smtproutes that applies"),
	ROW(STATUS, status, "status", TEXT, ONE_OF, "results of the last attempts"),
	ROW(REPLY, reply, "reply", TEXT, ONE_OF, "SMTP reply codes in the status, such as 451"),
	ROW(DSN, dsn, "dsn", TEXT, ONE_OF, "enhanced status codes in the status, such as 4.7.1"),
	ROW(ATTEMPTS, attempts, "attempts", NUMBER, ONE, "number of delivery attempts"),
	ROW(LAST_ATTEMPT, last_attempt, "last_attempt", TIME, ONE, "time of the last attempt"),
	ROW(NEXT_ATTEMPT, next_attempt, "next_attempt", TIME, ONE, "time of the next attempt, where it is exact"),
	ROW(PRIORITY, priority, "priority", NUMBER, 0, "sendmail's priority: larger is later"),
	ROW(FLAGS, flags, "flags", TEXT, 0, "sendmail's flag letters"),
	ROW(BODY_TYPE, body_type, "body_type", TEXT, CASELESS, "7BIT or 8BITMIME"),
	ROW(AUTH, auth, "auth", TEXT, 0, "AUTH= parameter of the sender"),
	ROW(ENVID, envid, "envid", TEXT, 0, "ENVID= parameter of the sender"),
	ROW(REASON, reason, "reason", TEXT, 0, "why it is held"),
	ROW(VERSION, version, "version", NUMBER, 0, "version of the control file's format"),
	ROW(MACRO, macro, "macro", TEXT, ARGUMENT, "sendmail macro kept with the message"),
	ROW(DELIVER_BY, deliver_by, "deliver_by", TEXT, 0, "BY= parameter, as sendmail writes it"),
	ROW(ORIGINAL_RECIPIENT, original_recipient, "original_recipient", TEXT, ONE_OF,
	    "ORCPT= parameters of the pending recipients"),
	ROW(FINAL_RECIPIENT, final_recipient, "final_recipient", TEXT, ONE_OF,
	    "final recipients for delivery reports"),
	ROW(CONTROLLING_USER, controlling_user, "controlling_user", TEXT, ONE_OF,
	    "users on whose behalf sendmail delivers"),
	ROW(CONTROL_SIZE, control_size, "control_size", SIZE, 0, "bytes of the control file"),
	ROW(CONTROL_TIME, control_time, "control_time", TIME, 0, "time when the control file was last written"),
	ROW(HEADER, header, "header", TEXT, LIST | MADE | ARGUMENT | NOT_JSON, "values of a header field, decoded"),
	ROW(SUBJECT, subject, "subject", TEXT, LIST | MADE, "header[\"Subject\"]"),
	ROW(FROM, from, "from", TEXT, LIST | MADE, "header[\"From\"]"),
	ROW(TO, to, "to", TEXT, LIST | MADE, "header[\"To\"]"),
	ROW(CC, cc, "cc", TEXT, LIST | MADE, "header[\"Cc\"]"),
	ROW(MESSAGE_ID, message_id, "message_id", TEXT, LIST | MADE, "header[\"Message-Id\"]"),
	ROW(HEADER_RAW, header_raw, "header.raw", TEXT, LIST | MADE | ARGUMENT | NOT_JSON,
	    "values of a header field, unfolded but not decoded"),
	ROW(ORIGINAL, original, "original", TEXT, LIST | MADE | ARGUMENT | NOT_JSON,
	    "values of a header field of the message quoted in a bounce"),
	ROW(BODY, body, "body", TEXT, LIST | NOT_JSON, "lines of the body, not decoded"),
	ROW(REPLY_IN_BODY, reply_in_body, "reply_in_body", TEXT, LIST | NOT_JSON,
	    "replies in the body of a bounce: what follows <<< in lines like <<< 550 no such user"),
	ROW(RELAY_IP, relay_ip, "relay_ip", TEXT, CASELESS, "address of the client that handed it in"),
	ROW(UID, uid, "uid", NUMBER, 0, "user number of the process that handed it in"),
	ROW(SUBMITTER, submitter, "submitter", TEXT, 0, "who handed it in: login name, user number or client"),
};

static const struct alias {
	const char *name;
	enum field_id id;
} aliases[] = {
	/* qtool.pl; its next_delivery_time is the K line, which holds the last attempt */
	{"body_last_mod_time", FIELD_ACCEPTED},
	{"body_size", FIELD_SIZE},
	{"control_last_mod_time", FIELD_CONTROL_TIME},
	{"creation_time", FIELD_ARRIVAL},
	{"headers", FIELD_HEADER},
	{"message", FIELD_STATUS},
	{"next_delivery_time", FIELD_LAST_ATTEMPT},
	{"num_delivery_attempts", FIELD_ATTEMPTS},
	{"quarantine_reason", FIELD_REASON},
	/* postqueue -j */
	{"arrival_time", FIELD_ARRIVAL},
	{"delay_reason", FIELD_STATUS},
	{"message_size", FIELD_SIZE},
	{"queue_id", FIELD_ID},
	{"queue_name", FIELD_QUEUE},
};
/* clang-format on */

enum { ALIASES = sizeof aliases / sizeof aliases[0] };

const struct field *field_row(enum field_id id)
{
	return &table[id];
}

const struct field *field_find(struct slice name)
{
	for (size_t i = 0; i < FIELD_COUNT; i++)
		if (slice_caseeq(name, slice_from(table[i].name)))
			return &table[i];
	for (size_t i = 0; i < ALIASES; i++)
		if (slice_caseeq(name, slice_from(aliases[i].name)))
			return &table[aliases[i].id];
	return NULL;
}

const char *field_alias(size_t i, const char **canonical)
{
	if (i >= ALIASES)
		return NULL;
	*canonical = table[aliases[i].id].name;
	return aliases[i].name;
}

enum { NAME_MAX_GUESS = 32 }; /* no known name is longer: tests/unit/test_field */

static unsigned least(unsigned a, unsigned b, unsigned c)
{
	unsigned ab = a < b ? a : b;

	return ab < c ? ab : c;
}

/* Number of insertions, deletions and changes between two short names, without case. */
static unsigned edit_distance(struct slice a, struct slice b)
{
	unsigned row[NAME_MAX_GUESS + 1];

	for (unsigned j = 0; j <= b.n; j++)
		row[j] = j;
	for (unsigned i = 0; i < a.n; i++) {
		unsigned diagonal = row[0];

		row[0] = i + 1;
		for (size_t j = 0; j < b.n; j++) {
			unsigned same = ascii_lower(a.p[i]) == ascii_lower(b.p[j]) ? 0 : 1;
			unsigned next = least(diagonal + same, row[j] + 1, row[j + 1] + 1);

			diagonal = row[j + 1];
			row[j + 1] = next;
		}
	}
	return row[b.n];
}

/* Smaller is nearer; UINT_MAX when not near at all. A beginning of a name is as near as one letter
 * changed. */
static unsigned nearness(struct slice name, const char *known)
{
	struct slice k = slice_from(known);
	unsigned d = edit_distance(name, k);

	if (name.n >= 3 && slice_caseeq(slice_take(k, name.n), name))
		return 1;
	return d <= 1 + name.n / 4 && d < name.n ? d : (unsigned)-1;
}

const char *field_suggest(struct slice name)
{
	unsigned best = (unsigned)-1;
	const char *known = NULL;

	if (name.n > NAME_MAX_GUESS)
		return NULL;
	for (size_t i = 0; i < FIELD_COUNT + ALIASES; i++) {
		const char *n = i < FIELD_COUNT ? table[i].name : aliases[i - FIELD_COUNT].name;
		unsigned d = nearness(name, n);

		if (d < best) {
			best = d;
			known = n;
		}
	}
	return known;
}

const char *field_type_name(enum field_type t)
{
	static const char *const names[] = {
	    [TYPE_TEXT] = "text", [TYPE_NUMBER] = "number",	[TYPE_SIZE] = "size",
	    [TYPE_TIME] = "time", [TYPE_DURATION] = "duration", [TYPE_BOOL] = "bool",
	    [TYPE_ENUM] = "enum",
	};

	return (size_t)t < sizeof names / sizeof names[0] ? names[t] : "?";
}

struct slice field_print(struct arena *a, const struct field *f, const struct value *v)
{
	char text[TIME_TEXT];
	const char *name;

	switch (v->type) {
	case TYPE_TEXT:
		return v->s;
	case TYPE_NUMBER:
	case TYPE_SIZE:
		break;
	case TYPE_TIME:
		return arena_copy(a, slice_from(time_print_utc(v->i, text)));
	case TYPE_DURATION:
		return arena_copy(a, slice_from(duration_print(v->i, text)));
	case TYPE_BOOL:
		return v->i ? SLICE("yes") : SLICE("no");
	case TYPE_ENUM:
		name = f->enum_name ? f->enum_name(v->i) : NULL;
		return name ? slice_from(name) : SLICE("?");
	}
	return arena_printf(a, "%" PRId64, v->i);
}

static bool is_name_byte(char c)
{
	return ascii_isalpha(c) || ascii_isdigit(c) || c == '_' || c == '.' || c == '-';
}

static int unknown_field(struct slice name, size_t offset, struct error *err)
{
	const char *hint = field_suggest(name);

	if (name.n == 0)
		return error_at(err, ERROR_USAGE, offset, "a field name is missing");
	if (hint)
		return error_at(err, ERROR_USAGE, offset, "no field \"%.*s\"; did you mean %s?",
				(int)slice_take(name, 60).n, name.p, hint);
	return error_at(err, ERROR_USAGE, offset, "no field \"%.*s\" (mtaq fields lists them)",
			(int)slice_take(name, 60).n, name.p);
}

/* ["ARG"] or ['ARG'] at `at`, up to the end of text. */
static int parse_argument(struct slice text, size_t at, struct slice *out, struct error *err)
{
	struct slice rest = slice_skip(text, at);
	char quote = rest.n >= 2 && rest.p[0] == '[' ? rest.p[1] : '\0';
	size_t n;

	if (quote != '"' && quote != '\'')
		return error_at(err, ERROR_USAGE, at, "expected [\"NAME\"]");
	rest = slice_skip(rest, 2);
	n = slice_chr(rest, quote);
	if (n == SIZE_MAX)
		return error_at(err, ERROR_USAGE, at + 1, "this quote is not closed");
	if (n == 0)
		return error_at(err, ERROR_USAGE, at + 2, "the name between the quotes is empty");
	if (rest.n != n + 2 || rest.p[n + 1] != ']')
		return error_at(err, ERROR_USAGE, at + n + 3, "expected ] and nothing after it");
	*out = slice_take(rest, n);
	return 0;
}

int field_ref_parse(struct slice text, struct field_ref *out, struct error *err)
{
	size_t n = 0;

	*out = (struct field_ref){.argument = SLICE_NONE};
	while (n < text.n && is_name_byte(text.p[n]))
		n++;
	out->field = field_find(slice_take(text, n));
	if (!out->field)
		return unknown_field(slice_take(text, n), 0, err);
	if (!(out->field->flags & FIELD_ARGUMENT)) {
		if (n < text.n)
			return error_at(err, ERROR_USAGE, n, "%s takes nothing after it",
					out->field->name);
		return 0;
	}
	if (n == text.n)
		return error_at(err, ERROR_USAGE, n, "%s needs a name: %s[\"...\"]",
				out->field->name, out->field->name);
	return parse_argument(text, n, &out->argument, err);
}
