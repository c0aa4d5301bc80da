/* Getters over the envelope: what the MTA itself keeps of a message. See field_get.h. */
#include "field_get.h"

#include <mtaq/addr.h>
#include <mtaq/backend.h>

static enum field_got give_text(struct value *out, struct slice s)
{
	if (!s.p)
		return GOT_END;
	*out = (struct value){.type = TYPE_TEXT, .s = s};
	return GOT_VALUE;
}

static enum field_got give_int(struct value *out, enum field_type type, int64_t i)
{
	*out = (struct value){.type = type, .i = i};
	return GOT_VALUE;
}

static enum field_got give_number(struct value *out, enum field_type type, struct number n)
{
	return n.known ? give_int(out, type, n.value) : GOT_END;
}

/* A scalar that is a member of the message. */
#define GETTER(name, give)                                                                         \
	enum field_got field_get_##name(const struct field_context *c, struct field_cursor *at,    \
					struct value *out)                                         \
	{                                                                                          \
		const struct message *m = c->message;                                              \
                                                                                                   \
		(void)at;                                                                          \
		return give;                                                                       \
	}

GETTER(id, give_text(out, m->id))
GETTER(queue, give_text(out, slice_from(m->queue->name)))
GETTER(host, give_text(out, slice_from(m->queue->host)))
GETTER(arrival, give_number(out, TYPE_TIME, m->arrival))
GETTER(accepted, give_number(out, TYPE_TIME, m->accepted))
GETTER(expires, give_number(out, TYPE_TIME, m->expires))
GETTER(size, give_number(out, TYPE_SIZE, m->size))
GETTER(sender, give_text(out, m->sender))
GETTER(sender_domain, give_text(out, m->sender.p ? addr_domain(m->sender) : SLICE_NONE))
/* Still coming in, and that is certain: what a scan guesses may have moved on. */
static bool no_sender_yet(const struct message *m)
{
	return m->state_known && m->state == STATE_INCOMING;
}

GETTER(bounce, no_sender_yet(m) ? GOT_END : give_int(out, TYPE_BOOL, m->bounce))
GETTER(double_bounce, no_sender_yet(m) ? GOT_END : give_int(out, TYPE_BOOL, m->double_bounce))
GETTER(recipients, give_int(out, TYPE_NUMBER, (int64_t)m->recipient_count))
GETTER(pending, give_int(out, TYPE_NUMBER, (int64_t)m->pending_count))
GETTER(priority, give_number(out, TYPE_NUMBER, m->priority))
GETTER(flags, give_text(out, m->flags))
GETTER(body_type, give_text(out, m->body_type))
GETTER(auth, give_text(out, m->auth))
GETTER(envid, give_text(out, m->envid))
GETTER(reason, give_text(out, m->reason))
GETTER(version, give_number(out, TYPE_NUMBER, m->version))
GETTER(deliver_by, give_text(out, m->deliver_by))

const char *field_name_mta(int64_t i)
{
	const struct backend *b = i < 0 ? NULL : backend_at((size_t)i);

	return b ? b->name : NULL;
}

enum field_got field_get_mta(const struct field_context *c, struct field_cursor *at,
			     struct value *out)
{
	const char *name;

	(void)at;
	for (int64_t i = 0; (name = field_name_mta(i)); i++)
		if (strcmp(name, c->message->queue->backend->name) == 0)
			return give_int(out, TYPE_ENUM, i);
	return GOT_END;
}

const char *field_name_state(int64_t i)
{
	return i >= 0 && i < STATE_COUNT ? message_state_name((enum message_state)i) : NULL;
}

/* A state that could not be told is none: neither `state == queued` nor its negation may act on it.
 */
enum field_got field_get_state(const struct field_context *c, struct field_cursor *at,
			       struct value *out)
{
	(void)at;
	return c->message->state == STATE_UNKNOWN ? GOT_END
						  : give_int(out, TYPE_ENUM, c->message->state);
}

enum field_got field_get_locked(const struct field_context *c, struct field_cursor *at,
				struct value *out)
{
	(void)at;
	return c->message->locked < 0 ? GOT_END : give_int(out, TYPE_BOOL, c->message->locked);
}

enum field_got field_get_age(const struct field_context *c, struct field_cursor *at,
			     struct value *out)
{
	(void)at;
	if (!c->message->arrival.known)
		return GOT_END;
	return give_int(out, TYPE_DURATION, number_minus(c->now, c->message->arrival.value));
}

enum which { WHICH_PENDING, WHICH_ALL, WHICH_DONE };

/* The next recipient that is `which`. A bound one is taken as it is: whoever bound it chose it;
 * only what is done stays apart. */
static const struct recipient *next_recipient(const struct field_context *c,
					      struct field_cursor *at, enum which which)
{
	const struct message *m = c->message;

	if (c->recipient)
		return at->i++ == 0 && (which != WHICH_DONE || c->recipient->done) ? c->recipient
										   : NULL;
	while (at->i < m->recipient_count) {
		const struct recipient *r = &m->recipients[at->i++];

		if (which == WHICH_ALL || r->done == (which == WHICH_DONE))
			return r;
	}
	return NULL;
}

/* A list with one text per recipient; recipients for which `text` is none are left out. */
#define RECIPIENT_GETTER(name, which, text)                                                        \
	enum field_got field_get_##name(const struct field_context *c, struct field_cursor *at,    \
					struct value *out)                                         \
	{                                                                                          \
		const struct recipient *r;                                                         \
                                                                                                   \
		while ((r = next_recipient(c, at, which)))                                         \
			if (give_text(out, text) == GOT_VALUE)                                     \
				return GOT_VALUE;                                                  \
		return GOT_END;                                                                    \
	}

RECIPIENT_GETTER(recipient, WHICH_PENDING, r->address)
RECIPIENT_GETTER(recipient_domain, WHICH_PENDING, addr_domain(r->address))
RECIPIENT_GETTER(recipient_all, WHICH_ALL, r->address)
RECIPIENT_GETTER(recipient_done, WHICH_DONE, r->address)
RECIPIENT_GETTER(route, WHICH_PENDING, r->route)
RECIPIENT_GETTER(original_recipient, WHICH_PENDING, r->orcpt)
RECIPIENT_GETTER(final_recipient, WHICH_PENDING, r->final)
RECIPIENT_GETTER(controlling_user, WHICH_PENDING, r->control)

/* CHANNEL_NONE has no name: the enumeration begins at local. */
const char *field_name_channel(int64_t i)
{
	static const char *const names[] = {"local", "remote"};

	return i >= 0 && i < 2 ? names[i] : NULL;
}

enum field_got field_get_channel(const struct field_context *c, struct field_cursor *at,
				 struct value *out)
{
	const struct recipient *r;

	while ((r = next_recipient(c, at, WHICH_PENDING)))
		if (r->channel != CHANNEL_NONE)
			return give_int(out, TYPE_ENUM, (int64_t)r->channel - CHANNEL_LOCAL);
	return GOT_END;
}

enum field_got field_get_status(const struct field_context *c, struct field_cursor *at,
				struct value *out)
{
	const struct message *m = c->message;

	if (c->recipient)
		return at->i++ ? GOT_END : give_text(out, c->recipient->status);
	return at->i < m->status_count ? give_text(out, m->statuses[at->i++]) : GOT_END;
}

static enum field_got next_code(const struct field_context *c, struct field_cursor *at,
				struct value *out, struct slice (*code)(struct slice status))
{
	while (field_get_status(c, at, out) == GOT_VALUE)
		if (give_text(out, code(out->s)) == GOT_VALUE)
			return GOT_VALUE;
	return GOT_END;
}

enum field_got field_get_reply(const struct field_context *c, struct field_cursor *at,
			       struct value *out)
{
	return next_code(c, at, out, reply_code);
}

enum field_got field_get_dsn(const struct field_context *c, struct field_cursor *at,
			     struct value *out)
{
	return next_code(c, at, out, reply_dsn);
}

/* The bound recipient's own number; the message's where recipients have none of their own. */
static struct number own_or(const struct recipient *r, struct number own, struct number of_message)
{
	return r && (own.known || r->attempts.known) ? own : of_message;
}

#define OWN_GETTER(name, type)                                                                     \
	enum field_got field_get_##name(const struct field_context *c, struct field_cursor *at,    \
					struct value *out)                                         \
	{                                                                                          \
		const struct recipient *r = c->recipient;                                          \
                                                                                                   \
		(void)at;                                                                          \
		return give_number(out, type,                                                      \
				   own_or(r, r ? r->name : c->message->name, c->message->name));   \
	}

OWN_GETTER(attempts, TYPE_NUMBER)
OWN_GETTER(last_attempt, TYPE_TIME)
OWN_GETTER(next_attempt, TYPE_TIME)

/* "{name}" and "name" are the same macro. */
static struct slice macro_name(struct slice s)
{
	if (s.n > 2 && s.p[0] == '{' && s.p[s.n - 1] == '}')
		return slice_of(s.p + 1, s.n - 2);
	return s;
}

/* The last definition counts, as for sendmail. */
enum field_got field_get_macro(const struct field_context *c, struct field_cursor *at,
			       struct value *out)
{
	struct slice name = macro_name(c->argument);

	(void)at;
	for (size_t i = c->message->macro_count; i-- > 0;)
		if (slice_eq(c->message->macros[i].name, name))
			return give_text(out, c->message->macros[i].value);
	return GOT_END;
}

enum field_got field_get_control_size(const struct field_context *c, struct field_cursor *at,
				      struct value *out)
{
	(void)at;
	if (!c->message->identity.control_ino)
		return GOT_END;
	return give_int(out, TYPE_SIZE, c->message->identity.control_size);
}

enum field_got field_get_control_time(const struct field_context *c, struct field_cursor *at,
				      struct value *out)
{
	int64_t ns = c->message->identity.control_mtime_ns;

	(void)at;
	if (!c->message->identity.control_ino)
		return GOT_END;
	return give_int(out, TYPE_TIME, ns / 1000000000 - (ns % 1000000000 < 0));
}
