/* Constants of an expression, read by the type of the field they are compared with. */
#include "filter_ast.h"

#include <mtaq/timefmt.h>

static bool names_field(const struct token *t)
{
	return t->kind == TOKEN_NAME && field_find(t->text);
}

/* What was meant as one value although it stands without quotes: up to a blank, comma or
 * parenthesis. */
static struct slice bare_run(const struct sema *s, const struct token *t)
{
	struct slice rest = slice_skip(s->text, t->offset);
	size_t n = 0;

	while (n < rest.n && n < 60 && !ascii_isspace(rest.p[n]) && rest.p[n] != ',' &&
	       rest.p[n] != ')' && rest.p[n] != '\'')
		n++;
	return slice_take(rest, n);
}

static int not_a_value(const struct sema *s, const struct field *f, const struct token *t)
{
	struct slice shown = token_shown(t);

	if (names_field(t))
		return sema_fail(
		    s, t,
		    "%" SLICE_FMT
		    " is a field: one stands on the left only, compared with a constant",
		    SLICE_ARG(shown));
	if (t->kind == TOKEN_REGEX)
		return sema_fail(s, t, "a regular expression is compared with =~ or !~");
	if (t->kind == TOKEN_STRING && f->type != TYPE_TEXT)
		return sema_fail(s, t, "%s is of type %s: write its value without quotes", f->name,
				 field_type_name(f->type));
	return sema_fail(s, t, "expected a value for %s, found %" SLICE_FMT, f->name,
			 SLICE_ARG(shown));
}

int literal_text(const struct sema *s, const struct field *f, const struct token *t,
		 struct slice *out)
{
	struct slice run;

	if (t->kind == TOKEN_STRING) {
		*out = t->value;
		return 0;
	}
	if (names_field(t) || (t->kind != TOKEN_NAME && t->kind != TOKEN_NUMBER))
		return not_a_value(s, f, t);
	run = bare_run(s, t);
	return sema_fail(s, t, "texts stand in quotes: write '%" SLICE_FMT "'", SLICE_ARG(run));
}

static int literal_enum(const struct sema *s, const struct field *f, const struct token *t,
			int64_t *out)
{
	struct slice shown = token_shown(t);
	char list[160] = "";
	size_t n = 0;
	const char *name;

	for (int64_t i = 0; (name = f->enum_name(i)); i++) {
		struct slice known = slice_from(name);

		if (slice_caseeq(t->text, known)) {
			*out = i;
			return 0;
		}
		if (n + known.n + 3 > sizeof list)
			continue;
		memcpy(list + n, n ? ", " : "", n ? 2 : 0);
		n += n ? 2 : 0;
		memcpy(list + n, known.p, known.n + 1);
		n += known.n;
	}
	if (t->kind != TOKEN_NAME)
		return not_a_value(s, f, t);
	return sema_fail(s, t, "%s is never %" SLICE_FMT ": it is one of %s", f->name,
			 SLICE_ARG(shown), list);
}

static bool parse_signed(struct slice s, int64_t *out)
{
	bool minus = s.n && s.p[0] == '-';
	uint64_t u;

	if (!slice_u64(slice_skip(s, minus), &u) || u > INT64_MAX)
		return false;
	*out = minus ? -(int64_t)u : (int64_t)u;
	return true;
}

static int bad_number(const struct sema *s, const struct field *f, const struct token *t)
{
	struct slice shown = token_shown(t);

	return sema_fail(s, t, "%" SLICE_FMT " is no number: %s takes plain digits, as in %s > 5",
			 SLICE_ARG(shown), f->name, f->name);
}

static int bad_size(const struct sema *s, const struct field *f, const struct token *t)
{
	struct slice shown = token_shown(t);

	return sema_fail(s, t, "%" SLICE_FMT " is no size: %s takes bytes, or 10k, 2M, 1G",
			 SLICE_ARG(shown), f->name);
}

static int bad_duration(const struct sema *s, const struct field *f, const struct token *t)
{
	struct slice shown = token_shown(t);
	int64_t v;

	if (parse_signed(t->text, &v))
		return sema_fail(s, t,
				 "%" SLICE_FMT " of what? A duration needs a unit: %" SLICE_FMT
				 "s, %" SLICE_FMT "m, %" SLICE_FMT "h, %" SLICE_FMT
				 "d or %" SLICE_FMT "w",
				 SLICE_ARG(shown), SLICE_ARG(shown), SLICE_ARG(shown),
				 SLICE_ARG(shown), SLICE_ARG(shown), SLICE_ARG(shown));
	if (time_parse(t->text, &v))
		return sema_fail(
		    s, t, "%" SLICE_FMT " is a date and %s is a duration: write it as in %s > 2d",
		    SLICE_ARG(shown), f->name, f->name);
	return sema_fail(s, t, "%" SLICE_FMT " is no duration: write 90s, 15m, 4h, 2d, 1w or 1h30m",
			 SLICE_ARG(shown));
}

static int bad_time(const struct sema *s, const struct field *f, const struct token *t)
{
	struct slice shown = token_shown(t);
	int64_t v;

	if (duration_parse(t->text, &v))
		return sema_fail(
		    s, t,
		    "%" SLICE_FMT " is a duration and %s is a time: write a date (2026-11-20)%s",
		    SLICE_ARG(shown), f->name, f->id == FIELD_ARRIVAL ? ", or compare age" : "");
	return sema_fail(
	    s, t, "%" SLICE_FMT " is no time: write 2026-11-20, 2026-11-20T08:00[Z] or @1447493191",
	    SLICE_ARG(shown));
}

int literal_number(const struct sema *s, const struct field *f, const struct token *t, int64_t *out)
{
	if (f->type == TYPE_ENUM)
		return literal_enum(s, f, t, out);
	if (t->kind != TOKEN_NUMBER)
		return not_a_value(s, f, t);
	switch (f->type) {
	case TYPE_SIZE:
		return size_parse(t->text, out) ? 0 : bad_size(s, f, t);
	case TYPE_TIME:
		return time_parse(t->text, out) ? 0 : bad_time(s, f, t);
	case TYPE_DURATION:
		return duration_parse(t->text, out) ? 0 : bad_duration(s, f, t);
	default:
		return parse_signed(t->text, out) ? 0 : bad_number(s, f, t);
	}
}
