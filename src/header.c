/* Header fields: where one begins and ends, lists of them, unfolding. Decoding of their words is in
 * rfc2047.c. */
#include <mtaq/header.h>
#include <mtaq/limits.h>

enum line { LINE_FIELD, LINE_EMPTY, LINE_OTHER, LINE_END };

static bool is_name_byte(char c)
{
	return c > ' ' && c < 0x7f && c != ':';
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* Offset of the colon, *name the length of what stands before it and its blanks; SIZE_MAX when it
 * is no field. */
static size_t find_colon(struct slice s, size_t *name)
{
	size_t i = 0;

	while (i < s.n && is_name_byte(s.p[i]))
		i++;
	*name = i;
	while (i < s.n && is_blank(s.p[i]))
		i++;
	return *name && i < s.n && s.p[i] == ':' ? i : SIZE_MAX;
}

/* Length of a value with its continuation lines, *whole with its final line end. */
static size_t value_length(struct slice s, size_t *whole)
{
	size_t at = 0;

	while (at < s.n) {
		const char *lf = memchr(s.p + at, '\n', s.n - at);

		if (!lf)
			break;
		at = (size_t)(lf - s.p) + 1;
		if (at == s.n || !is_blank(s.p[at])) {
			*whole = at;
			return at >= 2 && s.p[at - 2] == '\r' ? at - 2 : at - 1;
		}
	}
	*whole = s.n;
	return s.n;
}

static enum line take_line(struct slice *rest, struct header *out)
{
	size_t colon, name, n, whole;

	if (!rest->n)
		return LINE_END;
	if (rest->p[0] == '\n' || slice_starts(*rest, SLICE("\r\n"))) {
		*rest = slice_skip(*rest, rest->p[0] == '\n' ? 1 : 2);
		return LINE_EMPTY;
	}
	colon = find_colon(*rest, &name);
	if (colon == SIZE_MAX)
		return LINE_OTHER;
	out->name = slice_take(*rest, name);
	out->cond = SLICE_NONE;
	*rest = slice_skip(*rest, colon + 1);
	n = value_length(*rest, &whole);
	out->raw = slice_take(*rest, n);
	*rest = slice_skip(*rest, whole);
	return LINE_FIELD;
}

int header_next(struct slice *rest, struct header *out)
{
	return take_line(rest, out) == LINE_FIELD;
}

static struct slice skip_mbox_lines(struct slice s)
{
	size_t name;

	while (slice_starts(s, SLICE("From ")) && find_colon(s, &name) == SIZE_MAX) {
		size_t lf = slice_chr(s, '\n');

		s = slice_skip(s, lf == SIZE_MAX ? s.n : lf + 1);
	}
	return s;
}

int header_parse(struct arena *a, struct slice text, struct header_list *out, struct slice *body,
		 struct error *err)
{
	struct slice rest = skip_mbox_lines(text);
	struct header h;
	enum line line;

	*out = (struct header_list){0};
	*body = SLICE_NONE;
	while ((line = take_line(&rest, &h)) == LINE_FIELD) {
		if (header_add(a, out, h, err) != 0)
			return -1;
	}
	if (line != LINE_END)
		*body = rest;
	return 0;
}

static int grow(struct arena *a, struct header_list *l, struct error *err)
{
	const size_t first = 16, size = sizeof *l->list;
	size_t room = l->room ? l->room * 2 : first;
	struct header *list = arena_grow(a, l->list, l->room * size, room * size);

	if (!list)
		return error_set(err, ERROR_LIMIT, "no memory for %zu header fields", room);
	l->list = list;
	l->room = room;
	return 0;
}

int header_add(struct arena *a, struct header_list *l, struct header h, struct error *err)
{
	if (l->count >= LIMIT_HEADERS)
		return error_set(err, ERROR_LIMIT, "more than %u header fields", LIMIT_HEADERS);
	if (l->count == l->room && grow(a, l, err) != 0)
		return -1;
	l->list[l->count++] = h;
	return 0;
}

const struct header *header_find(const struct header_list *l, struct slice name, size_t *at)
{
	for (size_t i = *at; i < l->count; i++) {
		if (slice_caseeq(l->list[i].name, name)) {
			*at = i + 1;
			return &l->list[i];
		}
	}
	*at = l->count;
	return NULL;
}

struct slice header_unfold(struct arena *a, struct slice raw)
{
	struct slice s = slice_trim(raw), line;
	size_t n = 0;
	char *p;

	if (slice_chr(s, '\n') == SIZE_MAX)
		return s.p ? s : SLICE("");
	p = arena_alloc(a, s.n);
	while (p && slice_cut(&s, '\n', &line)) {
		if (s.p && line.n && line.p[line.n - 1] == '\r')
			line.n--;
		memcpy(p + n, line.p, line.n);
		n += line.n;
	}
	return slice_of(p, n);
}
