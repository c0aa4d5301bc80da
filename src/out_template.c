/*
 * --format '{id} {age} {accepted:%F-%T} {header["X-Y"]}': a line as the user wants it.
 *
 * {{ and }} are braces; \n \t \0 \\ stand for themselves. A line end is added unless the template
 * ends in \n or \0. The template is compiled once to an array of items. Lists are joined with ", ";
 * "-" stands for what a message lacks, "?" for what could not be read, "<>" for an empty sender.
 */
#include "output.h"

#include <mtaq/limits.h>
#include <mtaq/timefmt.h>

#include <stdlib.h>

struct item {
	struct field_ref ref; /* ref.field NULL: literal text */
	struct slice text;    /* the literal; or what stands after the colon, none without */
};

struct template
{
	struct arena arena;
	struct item *items;
	size_t count;
	size_t room;
};

static int no_memory(struct error *err)
{
	return error_set(err, ERROR_NOMEM, "out of memory");
}

static int add_item(struct template *t, struct item item, struct error *err)
{
	if (t->count == t->room) {
		size_t room = t->room ? 2 * t->room : 16;
		struct item *more = arena_array(&t->arena, room, sizeof *more);

		if (!more)
			return no_memory(err);
		if (t->count)
			memcpy(more, t->items, t->count * sizeof *more);
		t->items = more;
		t->room = room;
	}
	t->items[t->count++] = item;
	return 0;
}

/* The byte that \c stands for, or -1. */
static int escaped(char c)
{
	switch (c) {
	case 'n':
		return '\n';
	case 't':
		return '\t';
	case '0':
		return '\0';
	case '\\':
		return '\\';
	default:
		return -1;
	}
}

/* One byte of literal text at `at`, 1 or 2 bytes of template long; 0 where a field begins, -1 with
 * err. */
static int literal_byte(struct slice text, size_t at, char *out, struct error *err)
{
	char c = text.p[at], next = at + 1 < text.n ? text.p[at + 1] : '\0';
	int e;

	*out = c;
	if (c == '\\') {
		e = at + 1 < text.n ? escaped(next) : -1;
		if (e < 0)
			return error_at(err, ERROR_USAGE, at,
					"unknown escape: use \\n \\t \\0 or \\\\");
		*out = (char)e;
		return 2;
	}
	if ((c == '{' || c == '}') && next == c)
		return 2;
	if (c == '}')
		return error_at(err, ERROR_USAGE, at, "} without {: write }} for a brace");
	return c == '{' ? 0 : 1;
}

static int compile_literal(struct template *t, struct slice text, size_t *at, struct error *err)
{
	char *bytes = arena_alloc(&t->arena, text.n - *at), c;
	size_t n = 0;
	int used = 0;

	if (!bytes)
		return no_memory(err);
	while (*at < text.n && (used = literal_byte(text, *at, &c, err)) > 0) {
		bytes[n++] = c;
		*at += (size_t)used;
	}
	if (used < 0)
		return -1;
	return add_item(t, (struct item){.ref = {NULL, SLICE_NONE}, .text = slice_of(bytes, n)},
			err);
}

/* Where the name and its argument end: at the colon or the brace. Quotes may hold both. */
static size_t ref_length(struct slice s)
{
	char quote = '\0';
	size_t n;

	for (n = 0; n < s.n; n++) {
		if (quote) {
			if (s.p[n] == quote)
				quote = '\0';
		} else if (s.p[n] == '"' || s.p[n] == '\'') {
			quote = s.p[n];
		} else if (s.p[n] == ':' || s.p[n] == '}') {
			break;
		}
	}
	return n;
}

static int parse_ref(struct slice name, size_t offset, struct item *item, struct error *err)
{
	struct error inner = ERROR_INIT;

	if (field_ref_parse(name, &item->ref, &inner) == 0)
		return 0;
	return error_at(err, inner.code, offset + (inner.offset == SIZE_MAX ? 0 : inner.offset),
			"%s", inner.text);
}

/* The field at `*at`, which is its opening brace. */
static int compile_field(struct template *t, struct slice text, size_t *at, struct error *err)
{
	size_t start = *at + 1, n = ref_length(slice_skip(text, start)), end;
	struct item item = {.text = SLICE_NONE};

	end = start + slice_chr(slice_skip(text, start + n), '}');
	if (slice_chr(slice_skip(text, start + n), '}') == SIZE_MAX)
		return error_at(err, ERROR_USAGE, *at, "{ without }: write {{ for a brace");
	end += n;
	if (parse_ref(slice_take(slice_skip(text, start), n), start, &item, err) < 0)
		return -1;
	if (text.p[start + n] == ':') {
		item.text = slice_of(text.p + start + n + 1, end - start - n - 1);
		if (item.ref.field->type != TYPE_TIME)
			return error_at(err, ERROR_USAGE, start + n,
					"%s is no time: only times take a format after a colon",
					item.ref.field->name);
		if (item.text.n == 0)
			return error_at(err, ERROR_USAGE, start + n + 1,
					"the time format is empty");
	}
	*at = end + 1;
	return add_item(t, item, err);
}

/* Add the line end that the template does not have itself. */
static int compile_end(struct template *t, struct error *err)
{
	const struct item *last = t->count ? &t->items[t->count - 1] : NULL;

	if (last && !last->ref.field && last->text.n) {
		char c = last->text.p[last->text.n - 1];

		if (c == '\n' || c == '\0')
			return 0;
	}
	return add_item(t, (struct item){.ref = {NULL, SLICE_NONE}, .text = SLICE("\n")}, err);
}

static int compile(struct template *t, struct slice text, struct error *err)
{
	if (text.n > LIMIT_TEMPLATE)
		return error_set(err, ERROR_LIMIT, "the format is longer than %u bytes",
				 LIMIT_TEMPLATE);
	for (size_t at = 0; at < text.n;) {
		bool literal = text.p[at] != '{' || (at + 1 < text.n && text.p[at + 1] == '{');

		if ((literal ? compile_literal : compile_field)(t, text, &at, err) < 0)
			return -1;
	}
	return compile_end(t, err);
}

static void free_template(struct output *o)
{
	struct template *t = o->data;

	arena_free(&t->arena);
	free(t);
}

static int open_template(struct output *o, struct error *err)
{
	struct template *t = calloc(1, sizeof *t);

	if (!t)
		return no_memory(err);
	arena_init(&t->arena, 0);
	o->data = t;
	if (compile(t, o->options.format, err) == 0)
		return 0;
	free_template(o);
	return -1;
}

static void fields(const struct output *o, void (*add)(void *ctx, enum field_id field), void *ctx)
{
	const struct template *t = o->data;

	for (size_t i = 0; i < t->count; i++)
		if (t->items[i].ref.field)
			add(ctx, t->items[i].ref.field->id);
}

static struct slice value_text(const struct field_context *c, const struct item *item,
			       const struct value *v)
{
	const struct field *f = item->ref.field;

	if (item->text.p)
		return time_format(c->arena, item->text, v->i);
	if (f->id == FIELD_SENDER && v->s.n == 0)
		return SLICE("<>");
	return field_print(c->arena, f, v);
}

static int print_field(const struct output *o, const struct field_context *c,
		       const struct item *item, struct buf *out)
{
	struct field_context with = *c;
	const struct field *f = item->ref.field;
	struct field_cursor at = {0};
	enum output_has has = output_has(c, f->id);
	enum field_got got = GOT_END;
	struct value v;
	size_t count;

	with.argument = item->ref.argument;
	for (count = 0; has == HAS_VALUE && (got = f->get(&with, &at, &v)) == GOT_VALUE; count++) {
		struct slice s = value_text(&with, item, &v);

		if (!s.p)
			return -1;
		if (count)
			buf_adds(out, ", ");
		output_line(o, out, s);
		if (!(f->flags & FIELD_LIST)) {
			count++;
			break;
		}
	}
	if (count == 0)
		buf_addc(out, has == HAS_FAILED ? '?' : '-');
	return got == GOT_NOMEM ? -1 : 0;
}

static int message(const struct output *o, const struct field_context *c, struct buf *out)
{
	const struct template *t = o->data;

	for (size_t i = 0; i < t->count; i++) {
		const struct item *item = &t->items[i];

		if (!item->ref.field)
			buf_add(out, item->text);
		else if (print_field(o, c, item, out) < 0)
			return -1;
	}
	return 0;
}

const struct output_kind output_template = {
    .name = "template",
    .summary = "a line as --format describes it",
    .open = open_template,
    .close = free_template,
    .fields = fields,
    .message = message,
};
