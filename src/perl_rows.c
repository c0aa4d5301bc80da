/*
 * Fields that qtool.pl has and the field table has not: one line of several, a line as it stands
 * in the control file, a text taken for a number.
 *
 * A row is made for each use, after the row of the field that needs the same parts. Its getter is
 * told by the argument which lines: "M" all status lines, "M:0" the first, "M:-1" the last; for
 * headers the name stands in the letter's place. "lc M" and "uc M" are the lines in small letters
 * and in capitals.
 */
#include "perl.h"

#include <mtaq/addr.h>

#include <stdlib.h>

/* ---- which ---- */

struct which {
	char fold;	   /* 'l' or 'u' of lc and uc, or 0 */
	struct slice name; /* letter or header */
	bool indexed;
	long index;
};

static struct which which_of(struct slice argument)
{
	size_t colon = argument.n;
	struct which w = {.name = argument};
	char digits[24] = "";

	if (slice_starts(argument, SLICE("lc ")) || slice_starts(argument, SLICE("uc "))) {
		w.fold = argument.p[0];
		w.name = argument = slice_skip(argument, 3);
		colon = argument.n;
	}
	while (colon && argument.p[colon - 1] != ':')
		colon--;
	if (!colon)
		return w;
	w.name = slice_take(argument, colon - 1);
	w.indexed = true;
	argument = slice_take(slice_skip(argument, colon), sizeof digits - 1);
	memcpy(digits, argument.p, argument.n);
	w.index = strtol(digits, NULL, 10);
	return w;
}

/* ---- lines of the control file ---- */

/* The next line from *at on, with those that continue it, without the last line end; false at the
 * end, which is a line that is a dot. */
static bool next_line(struct slice text, size_t *at, struct slice *line)
{
	size_t start = *at, end = start;

	if (start >= text.n || text.p[start] == '.')
		return false;
	do {
		size_t n = slice_chr(slice_skip(text, end), '\n');

		end = n == SIZE_MAX ? text.n : end + n + 1;
	} while (end < text.n && (text.p[end] == ' ' || text.p[end] == '\t'));
	*at = end;
	*line = slice_of(text.p + start, end - start - (text.p[end - 1] == '\n'));
	return true;
}

static bool next_with_letter(const struct field_context *c, struct slice letter, size_t *at,
			     struct slice *value)
{
	struct slice line;

	while (next_line(c->message->control_text, at, &line)) {
		if (!line.n || line.p[0] != letter.p[0])
			continue;
		*value = slice_skip(line, 1);
		return true;
	}
	return false;
}

static bool next_header(const struct field_context *c, struct slice name, size_t *at,
			struct slice *value)
{
	const struct message *m = c->message;
	const struct header *h = header_find(&m->headers, name, at);

	if (h)
		*value = m->header_bytes ? m->header_bytes(c->arena, m, h->raw) : h->raw;
	return h != NULL;
}

static bool next_id(const struct field_context *c, struct slice name, size_t *at,
		    struct slice *value)
{
	(void)name;
	*value = c->message->id;
	return (*at)++ == 0;
}

typedef bool next_fn(const struct field_context *c, struct slice name, size_t *at,
		     struct slice *value);

/* The values one after the other, or the one that was asked for. */
static bool next_raw(const struct field_context *c, next_fn *next, struct field_cursor *at,
		     struct slice *value)
{
	struct which w = which_of(c->argument);
	size_t count = 0, place = 0;
	long wanted = w.index;

	if (!w.indexed)
		return next(c, w.name, &at->offset, value);
	if (wanted < 0) {
		while (next(c, w.name, &place, value))
			count++;
		wanted += (long)count;
		place = 0;
	}
	if (at->i++ || wanted < 0)
		return false;
	for (; next(c, w.name, &place, value); wanted--)
		if (wanted == 0)
			return true;
	return false;
}

/* ---- what is made of them ---- */

static enum field_got give(struct value *out, struct slice s)
{
	*out = (struct value){.type = TYPE_TEXT, .s = s};
	return s.p ? GOT_VALUE : GOT_NOMEM;
}

static enum field_got give_value(const struct field_context *c, struct slice raw, struct value *out)
{
	return raw.p ? give(out, header_unfold(c->arena, raw)) : GOT_NOMEM;
}

static enum field_got give_line(const struct field_context *c, struct slice raw, struct value *out)
{
	char *p = raw.p ? arena_alloc(c->arena, raw.n + 1) : NULL;

	if (!p)
		return GOT_NOMEM;
	memcpy(p, raw.p, raw.n);
	p[raw.n] = '\n';
	return give(out, slice_of(p, raw.n + 1));
}

static enum field_got give_number(struct slice raw, struct value *out)
{
	size_t used;
	double v;

	if (!raw.p)
		return GOT_NOMEM;
	v = perl_number(raw, &used) * PERL_NUMBER_SCALE;
	v = v > 9e18 ? 9e18 : v < -9e18 ? -9e18 : v;
	*out = (struct value){.type = TYPE_NUMBER, .i = (int64_t)(v < 0 ? v - 0.5 : v + 0.5)};
	return GOT_VALUE;
}

/* Without letters before the colon and brackets. */
static struct slice address_in(struct slice raw)
{
	size_t n = 0;

	raw = slice_trim(raw);
	while (n < raw.n && raw.p[n] >= 'A' && raw.p[n] <= 'Z')
		n++;
	return addr_strip(n < raw.n && raw.p[n] == ':' ? slice_skip(raw, n + 1) : raw);
}

static char upper(char c)
{
	return c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c;
}

/* As lc() and uc() give it. */
static enum field_got fold(const struct field_context *c, enum field_got got, struct value *out)
{
	char to = which_of(c->argument).fold, *p;

	if (!to || got != GOT_VALUE)
		return got;
	p = arena_str(c->arena, out->s);
	if (!p)
		return GOT_NOMEM;
	for (size_t i = 0; i < out->s.n; i++)
		p[i] = to == 'l' ? ascii_lower(p[i]) : upper(p[i]);
	out->s = slice_of(p, out->s.n);
	return GOT_VALUE;
}

#define GETTER(name, next, give)                                                                   \
	static enum field_got get_##name(const struct field_context *c, struct field_cursor *at,   \
					 struct value *out)                                        \
	{                                                                                          \
		struct slice raw;                                                                  \
                                                                                                   \
		return next_raw(c, next, at, &raw) ? fold(c, give, out) : GOT_END;                 \
	}

GETTER(value, next_with_letter, give_value(c, raw, out))
GETTER(line, next_with_letter, give_line(c, raw, out))
GETTER(number, next_with_letter, give_number(raw, out))
GETTER(address, next_with_letter, give(out, address_in(raw)))
GETTER(id, next_id, give(out, raw))
GETTER(header_value, next_header, give_value(c, raw, out))
GETTER(header_line, next_header, give_line(c, raw, out))
GETTER(header_number, next_header, give_number(raw, out))

typedef enum field_got getter_fn(const struct field_context *c, struct field_cursor *at,
				 struct value *out);

static getter_fn *getter(const struct perl_key *key, enum perl_view view)
{
	static getter_fn *const lines[] = {get_value, get_line, get_number};
	static getter_fn *const headers[] = {get_header_value, get_header_line, get_header_number};

	if (key->type == PERL_HEADERS)
		return headers[view];
	if (key->field == FIELD_ID)
		return get_id;
	if (view == PERL_VALUE && strchr(key->added, '<'))
		return get_address;
	return lines[view];
}

/* ---- rows ---- */

/* The field table has it as it is wanted. */
static bool is_plain(const struct perl_value *v, enum perl_view view)
{
	const struct perl_key *key = v->key;
	const struct perl_node *n = v->field;
	unsigned flags = key->field != FIELD_COUNT ? field_row(key->field)->flags : 0;

	if (view != PERL_VALUE || key->field == FIELD_COUNT || v->fold || flags & FIELD_CASELESS)
		return false;
	/* the only value is the first */
	return !n->indexed || (!(flags & FIELD_LIST) && n->index == 0);
}

static struct slice argument_of(struct arena *a, const struct perl_value *v)
{
	const struct perl_node *n = v->field;
	struct slice name = v->key->type == PERL_HEADERS ? v->header
			    : v->key->letter		 ? slice_of(&v->key->letter, 1)
							 : slice_from(v->key->name);

	if (v->fold)
		name = arena_printf(a, "%cc %" SLICE_FMT, v->fold, SLICE_ARG(name));
	if (!n->indexed || !name.p)
		return name;
	return arena_printf(a, "%" SLICE_FMT ":%lld", SLICE_ARG(name), (long long)n->index);
}

static unsigned flags_of(const struct perl_value *v, enum perl_view view)
{
	bool address = view == PERL_VALUE && !v->fold && strchr(v->key->added, '<');

	return FIELD_ARGUMENT | (v->field->indexed ? 0 : (unsigned)FIELD_LIST) |
	       (address ? (unsigned)FIELD_ADDRESS : 0);
}

int perl_row(struct arena *a, const struct perl_value *v, enum perl_view view, struct leaf *leaf)
{
	const struct perl_key *key = v->key;
	struct field *f;

	if (is_plain(v, view)) {
		leaf->field = field_row(key->field);
		leaf->argument = key->type == PERL_HEADERS ? v->header : SLICE_NONE;
		return 0;
	}
	f = arena_zalloc(a, sizeof *f);
	if (!f)
		return -1;
	*f = (struct field){.id = key->field == FIELD_COUNT ? FIELD_SENDER : key->field,
			    .name = key->name,
			    .type = view == PERL_AS_NUMBER ? TYPE_NUMBER : TYPE_TEXT,
			    .flags = flags_of(v, view),
			    .get = getter(key, view),
			    .help = "as qtool.pl has it"};
	leaf->field = f;
	leaf->argument = argument_of(a, v);
	return leaf->argument.p ? 0 : -1;
}
