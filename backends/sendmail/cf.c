/* sendmail.cf to struct cf: see cf.h. The names of options are in cfnames.c. */
#include "cf.h"

#include "cfnames.h"

#include <mtaq/limits.h>

void cf_defaults(struct cf *cf)
{
	*cf = (struct cf){0};
	for (int c = 0; c < CF_CLASS_COUNT; c++)
		cf->queue_return[c].seconds = 5 * 86400;
	cf->host_status.seconds = 30 * 60;
}

bool cf_bool(struct slice s)
{
	return s.n == 0 || ascii_lower(s.p[0]) == 't' || ascii_lower(s.p[0]) == 'y';
}

const char *cf_class_name(enum cf_class c)
{
	static const char *const names[] = {"normal", "urgent", "non-urgent", "dsn"};

	return names[c];
}

static int64_t unit_seconds(char unit, char otherwise)
{
	switch (unit) {
	case 'w':
		return 7 * 86400;
	case 'd':
		return 86400;
	case 'h':
		return 3600;
	case 'm':
		return 60;
	case 's':
		return 1;
	default:
		return unit_seconds(otherwise, 's');
	}
}

int64_t cf_seconds(struct slice s, char unit)
{
	const int64_t most = INT64_MAX / 4;
	int64_t total = 0;
	bool minus;

	s = slice_trim(s);
	if (slice_caseeq(s, SLICE("now")))
		return 0;
	minus = s.n && s.p[0] == '-';
	for (size_t i = minus; i < s.n; i++) {
		int64_t n = 0, per;

		for (; i < s.n && ascii_isdigit(s.p[i]); i++)
			n = n > most / 10 ? most / 10 : n * 10 + (s.p[i] - '0');
		/* a letter that is no unit counts as the default one, as in sendmail */
		per = unit_seconds((char)(i < s.n ? s.p[i] : unit), unit);
		total = n > (most - total) / per ? most : total + n * per;
	}
	return minus ? -total : total;
}

int64_t cf_min_queue_age(const struct cf *cf)
{
	return cf_seconds(cf->option[CF_MIN_QUEUE_AGE].text, 'm');
}

int64_t cf_precedence_of(const struct cf *cf, struct slice word)
{
	static const struct cf_precedence stock[] = {{SLICE("special-delivery"), 100},
						     {SLICE("list"), -30},
						     {SLICE("bulk"), -60},
						     {SLICE("junk"), -100}};
	const struct cf_precedence *list = cf->precedence_count ? cf->precedences : stock;
	size_t count = cf->precedence_count ? cf->precedence_count : sizeof stock / sizeof stock[0];

	for (size_t i = 0; i < count; i++)
		if (slice_caseeq(list[i].name, word))
			return list[i].value;
	return 0;
}

/* ---- lines ---- */

/* One line with its continuation lines; *number is that of its first physical line, *next of the
 * one after. */
static bool next_line(struct slice *rest, struct slice *line, unsigned *number, unsigned *next)
{
	size_t at = 0;
	const char *p;

	if (!rest->n)
		return false;
	*number = *next;
	do {
		p = memchr(rest->p + at, '\n', rest->n - at);
		at = p ? (size_t)(p - rest->p) + 1 : rest->n;
		++*next;
	} while (p && at < rest->n && (rest->p[at] == ' ' || rest->p[at] == '\t'));
	*line = slice_take(*rest, at - (p != NULL));
	*rest = slice_skip(*rest, at);
	return true;
}

static bool has(struct slice s, char c)
{
	return slice_chr(s, c) != SIZE_MAX;
}

/* Take out what is no part of the value: "#" comments with the blanks before them (not "\#", which
 * is "#", nor
 * "$#"), "$$" doubled, blanks at the end. */
static int strip_comment(struct arena *a, struct slice *line, struct error *err)
{
	char *out;
	size_t n = 0;

	if (has(*line, '#') || has(*line, '$') || has(*line, '\r') || has(*line, '\0')) {
		out = arena_alloc(a, line->n + 1);
		if (!out)
			return error_set(err, ERROR_NOMEM, "out of memory for the configuration");
		for (size_t i = 0; i < line->n && line->p[i] != '\0'; i++) {
			char c = line->p[i];

			if (c == '#' && n && out[n - 1] == '\\')
				n--;
			else if (c == '#' && n && out[n - 1] != '$')
				break;
			else if (c == '$' && n && out[n - 1] == '$')
				continue;
			else if (c == '\r' && i + 1 < line->n && line->p[i + 1] == '\n')
				continue;
			out[n++] = c;
		}
		*line = slice_of(out, n);
	}
	while (line->n && ascii_isspace(line->p[line->n - 1]))
		line->n--;
	return 0;
}

/* ---- values ---- */

/* Room for one more element. */
static void *one_more(struct arena *a, void *list, size_t count, size_t *room, size_t size,
		      struct error *err)
{
	void *p = list;

	if (count >= *room) {
		p = arena_grow(a, list, *room * size, (*room * 2 + 8) * size);
		if (p)
			*room = *room * 2 + 8;
		else
			error_set(err, ERROR_NOMEM, "out of memory for the configuration");
	}
	return p;
}

struct parsing {
	struct arena *a;
	struct cf *cf;
	unsigned line;
	struct error *err;
};

/* "name", "name.*", "name.CLASS": sets all four or the one. */
static bool class_timeout(struct parsing *p, struct slice name, struct slice stem,
			  struct cf_time list[CF_CLASS_COUNT], int64_t seconds)
{
	struct slice rest = slice_skip(name, stem.n);
	bool found = false, all = rest.n == 0 || slice_eq(rest, SLICE(".*"));

	if (!slice_caseeq(slice_take(name, stem.n), stem))
		return false;
	for (int c = 0; c < CF_CLASS_COUNT; c++) {
		if (!all && !(rest.p[0] == '.' &&
			      slice_caseeq(slice_skip(rest, 1),
					   slice_from(cf_class_name((enum cf_class)c)))))
			continue;
		list[c] = (struct cf_time){seconds, p->line};
		found = true;
	}
	return found;
}

static void set_timeout(struct parsing *p, struct slice name, struct slice value)
{
	struct cf *cf = p->cf;

	if (slice_caseeq(name, SLICE("hoststatus")))
		cf->host_status = (struct cf_time){cf_seconds(value, 'm'), p->line};
	else if (!class_timeout(p, name, SLICE("queuereturn"), cf->queue_return,
				cf_seconds(value, 'd')))
		class_timeout(p, name, SLICE("queuewarn"), cf->queue_warn, cf_seconds(value, 'h'));
}

/* "queuereturn=5d, queuewarn=4h": commas part them, blanks do not. */
static void set_timeout_list(struct parsing *p, struct slice list)
{
	struct slice part;

	while (slice_cut(&list, ',', &part)) {
		size_t equals = slice_chr(part, '=');

		if (equals != SIZE_MAX)
			set_timeout(p, slice_trim(slice_take(part, equals)),
				    slice_skip(part, equals + 1));
	}
}

/* OT5d/4h: return and warning. */
static void set_queue_timeout(struct parsing *p, struct slice value)
{
	size_t slash = slice_chr(value, '/');

	if (slash != SIZE_MAX)
		set_timeout(p, SLICE("queuewarn"), slice_skip(value, slash + 1));
	set_timeout(p, SLICE("queuereturn"), slice_take(value, slash));
}

static void set_option(struct parsing *p, enum cf_option id, struct slice sub, struct slice value)
{
	if (id == CF_QUEUE_TIMEOUT)
		set_queue_timeout(p, value);
	else if (id == CF_TIMEOUT && sub.p)
		set_timeout(p, sub, value);
	else if (id == CF_TIMEOUT)
		set_timeout_list(p, value);
	else if (id == CF_QUEUE_DIRECTORY && value.n == 0)
		p->cf->option[id] = (struct cf_value){SLICE("mqueue"), p->line};
	else if (id < CF_OPTION_COUNT)
		p->cf->option[id] = (struct cf_value){value, p->line};
}

/* What follows "O ": NAME[.SUB] [= VALUE]. */
static void long_option(struct parsing *p, struct slice text)
{
	size_t equals = slice_chr(text, '='), dot;
	struct slice name = slice_take(text, equals), sub = SLICE_NONE;
	struct slice value = equals == SIZE_MAX ? SLICE("") : slice_skip(text, equals + 1);

	while (name.n && name.p[name.n - 1] == ' ')
		name.n--;
	while (value.n && value.p[0] == ' ')
		value = slice_skip(value, 1);
	dot = slice_chr(name, '.');
	if (dot != SIZE_MAX) {
		sub = slice_skip(name, dot + 1);
		name.n = dot;
	}
	set_option(p, cf_option_named(name), sub, value);
}

static void option_line(struct parsing *p, struct slice rest)
{
	if (!rest.n)
		return;
	if (rest.p[0] == ' ')
		long_option(p, slice_skip(rest, 1));
	else
		set_option(p, cf_option_letter(rest.p[0]), SLICE_NONE, slice_skip(rest, 1));
}

/* ---- queue groups ---- */

static struct slice cut_name(struct slice *rest)
{
	size_t n = 0;
	struct slice name;

	while (n < rest->n && rest->p[n] != ',' && !ascii_isspace(rest->p[n]))
		n++;
	name = slice_take(*rest, n);
	*rest = slice_skip(*rest, n);
	return name;
}

/* Up to a comma outside quotes. */
static size_t field_length(struct slice s)
{
	bool quoted = false;
	size_t i = 0;

	for (; i < s.n && (quoted || s.p[i] != ','); i++)
		quoted ^= s.p[i] == '"';
	return i;
}

/* A field's value without its quotes. */
static struct slice cut_field(struct arena *a, struct slice *rest)
{
	struct slice field = slice_take(*rest, field_length(*rest));
	char *out = arena_alloc(a, field.n);
	size_t n = 0;

	*rest = slice_skip(*rest, field.n);
	if (!out)
		return SLICE_NONE;
	for (size_t i = 0; i < field.n; i++)
		if (field.p[i] != '"')
			out[n++] = field.p[i];
	return slice_trim(slice_of(out, n));
}

static void group_field(struct cf_group *g, char code, struct slice value)
{
	if (code == 'P')
		g->path = value;
	else if (code == 'I')
		g->interval = value;
	else if (code == 'R')
		g->runners = value;
}

static struct cf_group *group_named(struct cf *cf, struct slice name)
{
	for (size_t i = 0; i < cf->group_count; i++)
		if (slice_caseeq(cf->groups[i].name, name))
			return &cf->groups[i];
	return NULL;
}

/* A later line of the same name takes the place of the earlier, whole. */
static int store_group(struct parsing *p, struct cf_group g)
{
	struct cf *cf = p->cf;
	struct cf_group *old = group_named(cf, g.name), *list;

	if (old) {
		*old = g;
		return 0;
	}
	if (cf->group_count >= LIMIT_QUEUE_GROUPS)
		return error_set(p->err, ERROR_LIMIT, "more than %u queue groups",
				 LIMIT_QUEUE_GROUPS);
	list = one_more(p->a, cf->groups, cf->group_count, &cf->group_room, sizeof g, p->err);
	if (!list)
		return -1;
	cf->groups = list;
	list[cf->group_count++] = g;
	return 0;
}

/* Qname, P=/path, I=1h: only the first letter of a field's name counts. */
static int group_line(struct parsing *p, struct slice rest)
{
	struct cf_group g = {.name = cut_name(&rest), .line = p->line};

	if (!g.name.n)
		return 0;
	for (;;) {
		size_t equals;
		char code;

		while (rest.n && (rest.p[0] == ',' || ascii_isspace(rest.p[0])))
			rest = slice_skip(rest, 1);
		equals = slice_chr(rest, '=');
		if (equals == SIZE_MAX)
			break;
		code = rest.p[0];
		rest = slice_skip(rest, equals + 1);
		group_field(&g, code, cut_field(p->a, &rest));
	}
	return store_group(p, g);
}

/* ---- the rest ---- */

static int64_t whole_number(struct slice s)
{
	uint64_t v;
	bool minus;

	s = slice_trim(s);
	minus = s.n && s.p[0] == '-';
	if (!slice_u64(slice_skip(s, minus), &v) || v > INT32_MAX)
		return 0;
	return minus ? -(int64_t)v : (int64_t)v;
}

/* Pbulk=-60 */
static int precedence_line(struct parsing *p, struct slice rest)
{
	struct cf *cf = p->cf;
	size_t equals = slice_chr(rest, '=');
	struct cf_precedence *list;

	if (equals == SIZE_MAX || cf->precedence_count >= LIMIT_MACROS)
		return 0;
	list = one_more(p->a, cf->precedences, cf->precedence_count, &cf->precedence_room,
			sizeof *list, p->err);
	if (!list)
		return -1;
	cf->precedences = list;
	list[cf->precedence_count++] = (struct cf_precedence){
	    slice_trim(slice_take(rest, equals)), whole_number(slice_skip(rest, equals + 1))};
	return 0;
}

static int take_line(struct parsing *p, struct slice line)
{
	char code = (char)(line.n ? line.p[0] : '#');
	struct slice rest;

	if (!strchr("OQPV", code))
		return 0;
	if (strip_comment(p->a, &line, p->err) < 0)
		return -1;
	rest = slice_skip(line, 1);
	switch (code) {
	case 'O':
		option_line(p, rest);
		return 0;
	case 'Q':
		return group_line(p, rest);
	case 'P':
		return precedence_line(p, rest);
	default: /* V10/Berkeley */
		p->cf->level = whole_number(slice_take(rest, slice_chr(rest, '/')));
		return 0;
	}
}

int cf_parse(struct arena *a, struct slice text, struct cf *out, struct error *err)
{
	struct parsing p = {.a = a, .cf = out, .err = err};
	struct slice line;
	unsigned next = 1;

	cf_defaults(out);
	if (text.n > LIMIT_CF_BYTES)
		return error_set(err, ERROR_LIMIT, "larger than %u bytes", LIMIT_CF_BYTES);
	while (next_line(&text, &line, &p.line, &next)) {
		if (take_line(&p, line) < 0) {
			error_prefix(err, "line %u", p.line);
			return -1;
		}
	}
	return 0;
}
