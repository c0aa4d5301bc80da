/*
 * --format json: one object per line; man/mtaq-json.5 describes every member.
 *
 * Members follow the field table: a field of one recipient becomes a member of the objects in
 * "recipients", all others stand at the top. Names are those of postqueue -j where it has the
 * thing. What a message lacks is absent. Strings are made valid UTF-8; an address or id that was
 * not has its bytes in hexadecimal beside it.
 */
#include "output.h"

#include <mtaq/jsonbytes.h>
#include <mtaq/limits.h>

enum { SCHEMA_VERSION = 1 };

/* Members not called like their field. */
static const struct {
	enum field_id id;
	const char *name;
} renamed[] = {
    {FIELD_ID, "queue_id"},
    {FIELD_QUEUE, "queue_name"},
    {FIELD_ARRIVAL, "arrival_time"},
    {FIELD_SIZE, "message_size"},
    {FIELD_SENDER_DOMAIN, "sender_domain"},
    {FIELD_RECIPIENT, "address"},
    {FIELD_RECIPIENT_DOMAIN, "domain"},
    {FIELD_RECIPIENTS, "recipient_count"},
    {FIELD_PENDING, "pending_count"},
    {FIELD_STATUS, "delay_reason"},
};

static const char *member_name(const struct field *f)
{
	for (size_t i = 0; i < sizeof renamed / sizeof renamed[0]; i++)
		if (renamed[i].id == f->id)
			return renamed[i].name;
	return f->name;
}

/* "address" stands for the fields that only choose among recipients. */
static bool is_listed(const struct field *f)
{
	return !(f->flags & FIELD_NOT_JSON) && f->id != FIELD_RECIPIENT_ALL &&
	       f->id != FIELD_RECIPIENT_DONE;
}

/* One message on its way to an object. */
struct making {
	struct field_context c;
	size_t left; /* bytes of text that it may still take: recipients can share a long one */
};

/* Takes `value` over. */
static int put(json_t *object, const char *name, json_t *value)
{
	return value ? json_object_set_new_nocheck(object, name, value) : -1;
}

static json_t *text(struct making *k, struct slice s)
{
	struct slice valid = utf8_sanitise(k->c.arena, s);

	if (valid.n > k->left || (s.p && !valid.p))
		return NULL;
	k->left -= valid.n;
	return json_stringn_nocheck(valid.n ? valid.p : "", valid.n);
}

/* NAME_raw_hex: the bytes of a text that is no valid UTF-8. */
static int put_raw_hex(json_t *object, struct making *k, const char *name, struct slice s)
{
	static const char digits[] = "0123456789abcdef";
	struct slice member = arena_printf(k->c.arena, "%s_raw_hex", name);
	char *hex = arena_array(k->c.arena, s.n, 2);

	if (!member.p || !hex)
		return -1;
	for (size_t i = 0; i < s.n; i++) {
		hex[2 * i] = digits[(unsigned char)s.p[i] >> 4];
		hex[2 * i + 1] = digits[s.p[i] & 15];
	}
	return put(object, member.p, json_stringn_nocheck(hex, 2 * s.n));
}

static int put_text(json_t *object, struct making *k, const struct field *f, struct slice s)
{
	if (put(object, member_name(f), text(k, s)) < 0)
		return -1;
	if (!(f->flags & FIELD_ADDRESS) && f->id != FIELD_ID)
		return 0;
	return utf8_valid(s) ? 0 : put_raw_hex(object, k, member_name(f), s);
}

static json_t *plain_value(struct making *k, const struct field *f, const struct value *v)
{
	switch (v->type) {
	case TYPE_TEXT:
		return text(k, v->s);
	case TYPE_BOOL:
		return json_boolean(v->i != 0);
	case TYPE_ENUM:
		return json_string(f->enum_name(v->i));
	case TYPE_NUMBER:
	case TYPE_SIZE:
	case TYPE_TIME:
	case TYPE_DURATION:
		break;
	}
	return json_integer(v->i);
}

static int put_scalar(json_t *object, struct making *k, const struct field *f)
{
	struct field_cursor at = {0};
	struct value v;

	switch (f->get(&k->c, &at, &v)) {
	case GOT_END:
		return 0;
	case GOT_NOMEM:
		return -1;
	case GOT_VALUE:
		break;
	}
	if (f->id == FIELD_ID) {
		v.s = output_script_id(&k->c);
		if (!v.s.p)
			return -1;
	}
	if (v.type == TYPE_TEXT)
		return put_text(object, k, f, v.s);
	return put(object, member_name(f), plain_value(k, f, &v));
}

static int put_list(json_t *object, struct making *k, const struct field *f)
{
	struct field_cursor at = {0};
	json_t *list = json_array();
	enum field_got got;
	struct value v;

	while (list && (got = f->get(&k->c, &at, &v)) != GOT_END) {
		if (got == GOT_NOMEM || json_array_append_new(list, plain_value(k, f, &v)) < 0) {
			json_decref(list);
			return -1;
		}
	}
	return put(object, member_name(f), list);
}

static int put_macros(json_t *object, struct making *k)
{
	const struct message *m = k->c.message;
	json_t *macros = json_object();

	for (size_t i = 0; macros && i < m->macro_count; i++) {
		struct slice name = utf8_sanitise(k->c.arena, m->macros[i].name);
		char *key = name.p ? arena_str(k->c.arena, name) : NULL;

		if (!key || put(macros, key, text(k, m->macros[i].value)) < 0) {
			json_decref(macros);
			return -1;
		}
	}
	return put(object, "macro", macros);
}

/* The fields of the bound recipient. */
static int put_recipient_fields(json_t *object, struct making *k)
{
	for (int id = 0; id < FIELD_COUNT; id++) {
		const struct field *f = field_row((enum field_id)id);

		if (!(f->flags & FIELD_PER_RECIPIENT) || !is_listed(f))
			continue;
		if (!(f->flags & FIELD_LIST) && !k->c.recipient->attempts.known)
			continue; /* the message's own numbers stand at the top */
		if (output_has(&k->c, f->id) == HAS_VALUE && put_scalar(object, k, f) < 0)
			return -1;
	}
	return 0;
}

static int add_recipient(json_t *list, struct making *k)
{
	json_t *object = json_object();

	if (object && put_recipient_fields(object, k) == 0)
		return json_array_append_new(list, object);
	json_decref(object);
	return -1;
}

/* The pending or the done ones of `count` recipients as objects. */
static int put_recipients(json_t *object, struct making *k, const char *name,
			  const struct recipient *recipients, size_t count, bool done)
{
	const struct recipient *before = k->c.recipient;
	json_t *list = json_array();

	for (size_t i = 0; list && i < count; i++) {
		k->c.recipient = &recipients[i];
		if (k->c.recipient->done == done && add_recipient(list, k) < 0) {
			json_decref(list);
			return -1;
		}
	}
	k->c.recipient = before;
	return put(object, name, list);
}

static int put_errors(json_t *object, struct making *k)
{
	const struct message *m = k->c.message;
	json_t *list = json_array();

	if (!list)
		return -1;
	for (int i = 0; i < PART_COUNT; i++) {
		const struct error *why = m->why[i];
		json_t *e;

		if (!(m->failed & PART(i)))
			continue;
		e = json_pack("{s:s,s:s}", "part", message_part_name((enum part_index)i), "code",
			      error_name(why ? why->code : ERROR_BUG));
		if (!e || (why && put(e, "text", text(k, slice_from(why->text))) < 0) ||
		    json_array_append_new(list, e) < 0) {
			json_decref(list);
			return -1;
		}
	}
	return put(object, "errors", list);
}

/* A field of the message as a whole. */
static int put_field(json_t *object, struct making *k, const struct field *f)
{
	if (output_has(&k->c, f->id) != HAS_VALUE)
		return 0;
	if (f->id == FIELD_MACRO)
		return put_macros(object, k);
	return (f->flags & FIELD_LIST ? put_list : put_scalar)(object, k, f);
}

static int put_message(json_t *object, struct making *k)
{
	const struct message *m = k->c.message;

	if (put(object, "schema_version", json_integer(SCHEMA_VERSION)) < 0)
		return -1;
	for (int id = 0; id < FIELD_COUNT; id++) {
		const struct field *f = field_row((enum field_id)id);
		bool of_recipients = (f->flags & (FIELD_LIST | FIELD_PER_RECIPIENT)) ==
				     (FIELD_LIST | FIELD_PER_RECIPIENT);

		if (!of_recipients && is_listed(f) && put_field(object, k, f) < 0)
			return -1;
	}
	if (output_has(&k->c, FIELD_RECIPIENT) == HAS_VALUE &&
	    put_recipients(object, k, "recipients", m->recipients, m->recipient_count, false) < 0)
		return -1;
	if (output_has(&k->c, FIELD_RECIPIENT_DONE) == HAS_VALUE &&
	    put_recipients(object, k, "recipients_done", m->recipients, m->recipient_count, true) <
		0)
		return -1;
	if (m->logged_count && output_has(&k->c, FIELD_STATUS) == HAS_VALUE &&
	    put_recipients(object, k, "recipients_logged", m->logged, m->logged_count, true) < 0)
		return -1;
	return m->failed ? put_errors(object, k) : 0;
}

static int message(const struct output *o, const struct field_context *c, struct buf *out)
{
	struct making k = {*c, LIMIT_MESSAGE_BYTES};
	json_t *object = json_object();
	int r = -1;

	if (object && put_message(object, &k) == 0 && json_line(out, object, o->options.terminal))
		r = 0;
	json_decref(object);
	return r;
}

static void fields(const struct output *o, void (*add)(void *ctx, enum field_id field), void *ctx)
{
	(void)o;
	for (int id = 0; id < FIELD_COUNT; id++)
		if (!(field_row((enum field_id)id)->flags & FIELD_NOT_JSON))
			add(ctx, (enum field_id)id);
}

/* jansson's hash seed is process-wide: set here, before there are threads. */
static int open_json(struct output *o, struct error *err)
{
	(void)o;
	(void)err;
	json_object_seed(0);
	return 0;
}

const struct output_kind output_json = {
    .name = "json",
    .summary = "one object per line, for programs",
    .open = open_json,
    .fields = fields,
    .message = message,
};
