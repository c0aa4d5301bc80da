/* Getters that read the header and the body. See field_get.h. */
#include "field_get.h"
#include "field_original.h"

#include <mtaq/submission.h>

static enum field_got give(struct value *out, struct slice s)
{
	if (!s.p)
		return GOT_NOMEM;
	*out = (struct value){.type = TYPE_TEXT, .s = s};
	return GOT_VALUE;
}

/* Bytes of a header value free of the MTA's own encoding. */
static struct slice plain_bytes(const struct field_context *c, struct slice raw)
{
	const struct message *m = c->message;

	return m->header_bytes ? m->header_bytes(c->arena, m, raw) : raw;
}

static enum field_got give_decoded(const struct field_context *c, struct slice bytes,
				   struct value *out)
{
	if (!bytes.p)
		return GOT_NOMEM;
	if (!c->charsets)
		return give(out, header_unfold(c->arena, bytes));
	return give(out, header_decode(c->arena, c->charsets, bytes));
}

static enum field_got next_decoded(const struct field_context *c, struct slice name,
				   struct field_cursor *at, struct value *out)
{
	const struct header *h = header_find(&c->message->headers, name, &at->i);

	return h ? give_decoded(c, plain_bytes(c, h->raw), out) : GOT_END;
}

enum field_got field_get_header(const struct field_context *c, struct field_cursor *at,
				struct value *out)
{
	return next_decoded(c, c->argument, at, out);
}

#define HEADER_GETTER(name, literal)                                                               \
	enum field_got field_get_##name(const struct field_context *c, struct field_cursor *at,    \
					struct value *out)                                         \
	{                                                                                          \
		return next_decoded(c, SLICE(literal), at, out);                                   \
	}

HEADER_GETTER(subject, "Subject")
HEADER_GETTER(from, "From")
HEADER_GETTER(to, "To")
HEADER_GETTER(cc, "Cc")
HEADER_GETTER(message_id, "Message-Id")

enum field_got field_get_header_raw(const struct field_context *c, struct field_cursor *at,
				    struct value *out)
{
	const struct header *h = header_find(&c->message->headers, c->argument, &at->i);
	struct slice bytes;

	if (!h)
		return GOT_END;
	bytes = plain_bytes(c, h->raw);
	return bytes.p ? give(out, header_unfold(c->arena, bytes)) : GOT_NOMEM;
}

/* Where the quoted header begins; none when nothing is quoted. False when out of memory. */
static bool find_original(const struct field_context *c, struct slice *out)
{
	size_t at = 0;
	const struct header *h = header_find(&c->message->headers, SLICE("Content-Type"), &at);
	struct slice type = SLICE_NONE;

	if (h) {
		type = plain_bytes(c, h->raw);
		type = type.p ? header_unfold(c->arena, type) : type;
		if (!type.p)
			return false;
	}
	*out = original_header(type, c->message->body);
	return true;
}

/* The cursor: i is 1 once the quoted header is found, offset is where it goes on in the body. */
enum field_got field_get_original(const struct field_context *c, struct field_cursor *at,
				  struct value *out)
{
	struct slice body = c->message->body, rest;
	struct header h;

	if (!at->i) {
		if (!find_original(c, &rest))
			return GOT_NOMEM;
		at->i = 1;
		at->offset = rest.p ? (size_t)(rest.p - body.p) : body.n;
	}
	rest = slice_skip(body, at->offset);
	/* a quoted header that ends with its part has no empty line: the boundary ends it */
	while (header_next(&rest, &h) == 1 && !slice_starts(h.name, SLICE("--"))) {
		if (slice_caseeq(h.name, c->argument)) {
			at->offset = (size_t)(rest.p - body.p);
			return give_decoded(c, h.raw, out);
		}
	}
	at->offset = body.n;
	return GOT_END;
}

enum field_got field_get_body(const struct field_context *c, struct field_cursor *at,
			      struct value *out)
{
	struct slice rest = slice_skip(c->message->body, at->offset);
	struct slice line;
	size_t n;

	if (!rest.n)
		return GOT_END;
	n = slice_chr(rest, '\n');
	line = slice_take(rest, n);
	at->offset += n == SIZE_MAX ? rest.n : n + 1;
	if (line.n && line.p[line.n - 1] == '\r')
		line.n--;
	return give(out, line);
}

static bool is_reply(struct slice line)
{
	return slice_starts(line, SLICE("<<< ")) && line.n >= 7 && ascii_isdigit(line.p[4]) &&
	       ascii_isdigit(line.p[5]) && ascii_isdigit(line.p[6]);
}

enum field_got field_get_reply_in_body(const struct field_context *c, struct field_cursor *at,
				       struct value *out)
{
	while (field_get_body(c, at, out) == GOT_VALUE) {
		if (is_reply(out->s)) {
			out->s = slice_skip(out->s, 4);
			return GOT_VALUE;
		}
	}
	return GOT_END;
}

/* Value of sendmail's macro `_`: who the client said and seemed to be; none elsewhere. */
static struct slice underscore(const struct message *m)
{
	for (size_t i = m->macro_count; i-- > 0;)
		if (slice_eq(m->macros[i].name, SLICE("_")))
			return m->macros[i].value;
	return SLICE_NONE;
}

static enum field_got give_if_told(struct value *out, struct slice s)
{
	return s.p ? give(out, s) : GOT_END;
}

enum field_got field_get_relay_ip(const struct field_context *c, struct field_cursor *at,
				  struct value *out)
{
	const struct message *m = c->message;

	(void)at;
	return give_if_told(out, submission_relay_ip(&m->headers, underscore(m)));
}

enum field_got field_get_submitter(const struct field_context *c, struct field_cursor *at,
				   struct value *out)
{
	const struct message *m = c->message;

	(void)at;
	return give_if_told(out, submission_submitter(&m->headers, underscore(m)));
}

enum field_got field_get_uid(const struct field_context *c, struct field_cursor *at,
			     struct value *out)
{
	int64_t uid;

	(void)at;
	if (!submission_uid(&c->message->headers, &uid))
		return GOT_END;
	*out = (struct value){.type = TYPE_NUMBER, .i = uid};
	return GOT_VALUE;
}
