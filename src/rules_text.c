/* Lines, words and places of a rules file: see rules_text.h. */
#include "rules_text.h"

#include <stdlib.h>

/* ---- places ---- */

static size_t line_start(struct slice text, size_t offset)
{
	while (offset && text.p[offset - 1] != '\n')
		offset--;
	return offset;
}

static struct slice line_at(struct slice text, size_t start)
{
	struct slice rest = slice_skip(text, start);
	size_t n = slice_chr(rest, '\n');

	rest = slice_take(rest, n);
	return slice_ends(rest, SLICE("\r")) ? slice_take(rest, rest.n - 1) : rest;
}

size_t rules_line_of(const struct rules_text *t, size_t offset)
{
	size_t line = 1;

	for (size_t i = 0; i < offset && i < t->text.n; i++)
		line += t->text.p[i] == '\n';
	return line;
}

/* In characters: what an editor counts. */
static size_t column_of(struct slice line, size_t offset)
{
	size_t column = 1, used;

	for (struct slice s = slice_take(line, offset); s.n; s = slice_skip(s, used)) {
		utf8_decode(s, &used);
		column++;
	}
	return column;
}

void rules_problem_at(struct rules_text *t, size_t offset, const struct error *err)
{
	size_t start = line_start(t->text, offset < t->text.n ? offset : t->text.n);
	struct slice line = line_at(t->text, start);
	size_t blanks = 0;

	offset -= start;
	if (offset > line.n)
		offset = line.n;
	t->rules->problems++;
	while (blanks < offset && ascii_isspace(line.p[blanks]))
		blanks++;
	t->rules->tell(t->rules->ctx, &(struct rules_problem){.file = t->file,
							      .line = rules_line_of(t, start),
							      .column = column_of(line, offset),
							      .text = slice_skip(line, blanks),
							      .offset = offset - blanks,
							      .error = err});
}

void rules_problem(struct rules_text *t, size_t offset, const char *fmt, ...)
{
	struct error err = ERROR_INIT;
	va_list ap;

	va_start(ap, fmt);
	error_vset(&err, ERROR_USAGE, fmt, ap);
	va_end(ap);
	rules_problem_at(t, offset, &err);
}

/* ---- lines and words ---- */

static char peek(const struct rules_text *t)
{
	return t->at < t->text.n ? t->text.p[t->at] : '\n';
}

static void skip_blanks(struct rules_text *t)
{
	while (peek(t) != '\n' && ascii_isspace(peek(t)))
		t->at++;
}

void rules_skip_line(struct rules_text *t)
{
	while (peek(t) != '\n')
		t->at++;
}

bool rules_next_line(struct rules_text *t)
{
	for (; t->at < t->text.n; t->at++) {
		skip_blanks(t);
		if (peek(t) == '#')
			rules_skip_line(t);
		if (peek(t) != '\n')
			return true;
	}
	return false;
}

static bool quoted_word(struct rules_text *t, struct rules_word *w)
{
	char quote = peek(t), *p = arena_alloc(t->rules->arena, line_at(t->text, t->at).n + 1);
	size_t n = 0;

	if (!p)
		abort();
	for (t->at++; peek(t) != '\n'; t->at++) {
		if (peek(t) == quote) {
			t->at++;
			w->value = slice_of(p, n);
			return true;
		}
		if (peek(t) == '\\' && t->at + 1 < t->text.n &&
		    strchr("\\'\"", t->text.p[t->at + 1]))
			t->at++;
		p[n++] = peek(t);
	}
	rules_problem(t, w->offset, "this text has no closing %c on its line", quote);
	return false;
}

bool rules_next_word(struct rules_text *t, struct rules_word *out)
{
	skip_blanks(t);
	*out = (struct rules_word){.offset = t->at};
	if (peek(t) == '\n' || peek(t) == '#')
		return false;
	out->quoted = peek(t) == '\'' || peek(t) == '"';
	if (out->quoted)
		return quoted_word(t, out);
	while (!ascii_isspace(peek(t)))
		t->at++;
	out->value = slice_of(t->text.p + out->offset, t->at - out->offset);
	return true;
}

void rules_expect_end(struct rules_text *t)
{
	struct rules_word w;

	if (rules_next_word(t, &w))
		rules_problem(t, w.offset, "the line should end before this");
	rules_skip_line(t);
}

bool rules_is_keyword(struct slice word)
{
	static const struct slice keywords[] = {{"rule", 4},  {"when", 4}, {"do", 2},
						{"limit", 5}, {"max", 3},  {"until", 5}};

	for (size_t i = 0; i < sizeof keywords / sizeof keywords[0]; i++)
		if (slice_eq(word, keywords[i]))
			return true;
	return false;
}

/* ---- expressions ---- */

/* Behind the text or regular expression that begins here; SIZE_MAX when its line ends first. */
static size_t quoted_end(struct slice s, size_t at)
{
	char quote = s.p[at++];

	for (; at < s.n && s.p[at] != '\n'; at++) {
		if (s.p[at] == quote)
			return at + 1;
		if (s.p[at] == '\\' && at + 1 < s.n && s.p[at + 1] != '\n')
			at++;
	}
	return SIZE_MAX;
}

static size_t blank_comment(char *p, size_t n, size_t at)
{
	for (; at < n && p[at] != '\n'; at++)
		p[at] = ' ';
	return at;
}

/* How far the lines go that belong to the expression at `from`: to a line with a keyword. */
static size_t lines_end(struct slice text, size_t from)
{
	size_t at = from;

	while (at < text.n) {
		struct slice rest = slice_skip(text, at), word;

		rest = slice_skip(rest, slice_chr(rest, '\n') < rest.n ? slice_chr(rest, '\n') + 1
								       : rest.n);
		at = text.n - rest.n;
		for (word = rest; word.n && (word.p[0] == ' ' || word.p[0] == '\t');)
			word = slice_skip(word, 1);
		rest = word;
		for (word.n = 0; word.n < rest.n && ascii_isalpha(rest.p[word.n]);)
			word.n++;
		if (rules_is_keyword(word) && (word.n == rest.n || ascii_isspace(rest.p[word.n])))
			return at;
	}
	return text.n;
}

bool rules_expression(struct rules_text *t, struct slice *out, size_t *offset)
{
	size_t end = lines_end(t->text, t->at), from, quote;
	struct slice s;
	char *p;

	skip_blanks(t);
	*offset = from = t->at;
	s = arena_copy(t->rules->arena, slice_of(t->text.p + from, end - from));
	if (!s.p)
		abort();
	p = (char *)(uintptr_t)s.p;
	t->at = end;
	for (size_t i = 0; i < s.n;) {
		if (p[i] == '#') {
			i = blank_comment(p, s.n, i);
		} else if (!strchr("'\"/", p[i]) || p[i] == '\0') {
			i++;
		} else {
			quote = i;
			i = quoted_end(s, i);
			if (i != SIZE_MAX)
				continue;
			rules_problem(t, from + quote, "this %s has no closing %c on its line",
				      p[quote] == '/' ? "regular expression" : "text", p[quote]);
			return false;
		}
	}
	while (s.n && ascii_isspace(s.p[s.n - 1]))
		s.n--;
	*out = s;
	return true;
}
