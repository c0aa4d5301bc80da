/* Finding the message quoted in a bounce: see field_original.h. */
#include "field_original.h"

enum { NESTED_MAX = 4 }; /* multiparts within multiparts */

/* The line at the start of *rest without its end; *rest goes to the next. False at the end. */
static bool take_line(struct slice *rest, struct slice *line)
{
	size_t n;

	if (!rest->n)
		return false;
	n = slice_chr(*rest, '\n');
	*line = slice_take(*rest, n);
	*rest = slice_skip(*rest, n == SIZE_MAX ? rest->n : n + 1);
	if (line->n && line->p[line->n - 1] == '\r')
		line->n--;
	return true;
}

static bool starts_without_case(struct slice s, struct slice prefix)
{
	return slice_caseeq(slice_take(s, prefix.n), prefix);
}

/* Parameter boundary= of a Content-Type, without quotes; none when there is none. */
static struct slice boundary_of(struct slice content_type)
{
	struct slice rest = content_type, part;

	while (slice_cut(&rest, ';', &part)) {
		part = slice_trim(part);
		if (!starts_without_case(part, SLICE("boundary=")))
			continue;
		part = slice_skip(part, 9);
		if (part.n && part.p[0] == '"') {
			/* a quoted boundary may hold a semicolon: look for its end in the whole
			 * value */
			size_t at = (size_t)(part.p + 1 - content_type.p);

			part = slice_skip(content_type, at);
			return slice_take(part, slice_chr(part, '"'));
		}
		return part;
	}
	return SLICE_NONE;
}

static bool is_quoted_message(struct slice type)
{
	static const char *const types[] = {"message/rfc822", "message/global",
					    "text/rfc822-headers", "message/rfc822-headers",
					    "message/global-headers"};
	size_t end = slice_chr(type, ';');

	type = slice_trim(slice_take(type, end));
	for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
		if (slice_caseeq(type, slice_from(types[i])))
			return true;
	return false;
}

/* Take the header of a part off *rest; the value of its Content-Type. */
static struct slice part_type(struct slice *rest)
{
	struct slice type = SLICE_NONE;
	struct header h;

	while (header_next(rest, &h) == 1)
		if (!type.p && slice_caseeq(h.name, SLICE("Content-Type")))
			type = slice_trim(h.raw);
	return type;
}

/* Boundaries of the multiparts that we are in, innermost last. */
struct nesting {
	struct slice boundary[NESTED_MAX];
	size_t depth;
};

static void enter(struct nesting *n, struct slice type)
{
	struct slice boundary;

	if (n->depth == NESTED_MAX || !starts_without_case(type, SLICE("multipart/")))
		return;
	boundary = boundary_of(type);
	if (boundary.n)
		n->boundary[n->depth++] = boundary;
}

/* Does `line` begin a part? Leaves the multiparts that end with it. */
static bool begins_part(struct nesting *n, struct slice line)
{
	if (!slice_starts(line, SLICE("--")))
		return false;
	line = slice_skip(line, 2);
	for (size_t i = n->depth; i-- > 0;) {
		if (!slice_starts(line, n->boundary[i]))
			continue;
		n->depth = i + 1;
		if (slice_starts(slice_skip(line, n->boundary[i].n), SLICE("--")))
			n->depth = i;
		return n->depth > i;
	}
	return false;
}

/* One pass over the body, whatever is nested in what: a hostile one must not cost more. */
static struct slice in_multipart(struct slice type, struct slice body)
{
	struct nesting n = {.depth = 0};
	struct slice rest = body, line;

	enter(&n, type);
	while (n.depth && take_line(&rest, &line)) {
		if (!begins_part(&n, line))
			continue;
		type = part_type(&rest);
		if (is_quoted_message(type))
			return rest;
		enter(&n, type);
	}
	return SLICE_NONE;
}

static struct slice below_qmail_line(struct slice body)
{
	static const char mark[] = "--- Below this line is a copy of the message.";
	struct slice rest = body, line;

	while (take_line(&rest, &line)) {
		if (!slice_eq(line, SLICE(mark)))
			continue;
		while (rest.n && (rest.p[0] == '\n' || rest.p[0] == '\r'))
			rest = slice_skip(rest, 1);
		return rest;
	}
	return SLICE_NONE;
}

struct slice original_header(struct slice content_type, struct slice body)
{
	struct slice found = in_multipart(slice_trim(content_type), body);

	return found.p ? found : below_qmail_line(body);
}
