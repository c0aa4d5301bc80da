/* Tokens of the filter language, each with its place: see filter_ast.h. */
#include "filter_ast.h"

#include <mtaq/limits.h>

static const struct {
	struct slice name;
	enum token_kind kind;
} words[] = {
    {{"and", 3}, TOKEN_AND}, {{"or", 2}, TOKEN_OR},   {{"not", 3}, TOKEN_NOT},
    {{"in", 2}, TOKEN_IN},   {{"has", 3}, TOKEN_HAS}, {{"any", 3}, TOKEN_ANY},
    {{"all", 3}, TOKEN_ALL}, {{"eq", 2}, TOKEN_EQ},   {{"ne", 2}, TOKEN_NE},
};

/* Longer ones first; a hint instead of a kind for what people write and is not in the language. */
static const struct {
	struct slice text;
	enum token_kind kind;
	const char *hint;
} marks[] = {
    {{"===", 3}, TOKEN_END, "'===' is written == here"},
    {{"==", 2}, TOKEN_EQ, NULL},
    {{"=~", 2}, TOKEN_MATCH, NULL},
    {{"=<", 2}, TOKEN_END, "'=<' is written <= here"},
    {{"=>", 2}, TOKEN_END, "'=>' is written >= here"},
    {{"=", 1}, TOKEN_END, "'=' is written == here"},
    {{"!=", 2}, TOKEN_NE, NULL},
    {{"!~", 2}, TOKEN_NOMATCH, NULL},
    {{"!", 1}, TOKEN_NOT, NULL},
    {{"<>", 2}, TOKEN_END, "'<>' is no operator: write != for unequal, bounce for the null sender"},
    {{"<=", 2}, TOKEN_LE, NULL},
    {{"<", 1}, TOKEN_LT, NULL},
    {{">=", 2}, TOKEN_GE, NULL},
    {{">", 1}, TOKEN_GT, NULL},
    {{"~", 1}, TOKEN_END, "'~' is written =~ here"},
    {{"(", 1}, TOKEN_LPAREN, NULL},
    {{")", 1}, TOKEN_RPAREN, NULL},
    {{"[", 1}, TOKEN_LBRACKET, NULL},
    {{"]", 1}, TOKEN_RBRACKET, NULL},
    {{",", 1}, TOKEN_COMMA, NULL},
    {{"&&", 2}, TOKEN_AND, NULL},
    {{"&", 1}, TOKEN_END, "'&' is written && or and here"},
    {{"||", 2}, TOKEN_OR, NULL},
    {{"|", 1}, TOKEN_END, "'|' is written || or or here"},
};

static char peek(const struct lexer *l, size_t ahead)
{
	return l->at + ahead < l->text.n ? l->text.p[l->at + ahead] : '\0';
}

static bool is_word_char(char c)
{
	return ascii_isalpha(c) || ascii_isdigit(c) || c == '_';
}

/* Dots and hyphens belong to a name or number only between its letters and digits; colons to a
 * number. */
static size_t word_length(struct slice s, bool number)
{
	size_t n = 0;

	for (; n < s.n; n++) {
		bool joins = s.p[n] == '.' || s.p[n] == '-' || (number && s.p[n] == ':');

		if (!is_word_char(s.p[n]) && !(joins && n + 1 < s.n && is_word_char(s.p[n + 1])))
			break;
	}
	return n;
}

static int lex_word(struct lexer *l, struct token *t)
{
	struct slice rest = slice_skip(l->text, l->at);

	t->kind = TOKEN_NAME;
	t->text = slice_take(rest, word_length(rest, false));
	l->at += t->text.n;
	for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
		if (slice_caseeq(t->text, words[i].name))
			t->kind = words[i].kind;
	return 0;
}

/* Of the '@' of a time and the '-' of what is below zero. */
static size_t sign_length(const struct lexer *l)
{
	size_t n = peek(l, 0) == '@';

	return n + (peek(l, n) == '-');
}

/* What it is, its field's type decides. */
static int lex_number(struct lexer *l, struct token *t)
{
	struct slice rest = slice_skip(l->text, l->at);
	size_t sign = sign_length(l);

	t->kind = TOKEN_NUMBER;
	t->text = slice_take(rest, sign + word_length(slice_skip(rest, sign), true));
	l->at += t->text.n;
	return 0;
}

static int hex_digit(char c)
{
	if (ascii_isdigit(c))
		return c - '0';
	c = ascii_lower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The byte that the escape at l->at (past the backslash) stands for; moves past it. */
static int lex_escape(struct lexer *l, char *out, struct error *err)
{
	static const char from[] = "\\'\"ntr0", to[] = "\\'\"\n\t\r";
	char c = peek(l, 0);
	const char *at = c ? strchr(from, c) : NULL;

	if (at) {
		*out = to[at - from];
		l->at++;
		return 0;
	}
	if (c == 'x' && hex_digit(peek(l, 1)) >= 0 && hex_digit(peek(l, 2)) >= 0) {
		*out = (char)(hex_digit(peek(l, 1)) * 16 + hex_digit(peek(l, 2)));
		l->at += 3;
		return 0;
	}
	return error_at(
	    err, ERROR_USAGE, l->at - 1,
	    "unknown escape in a text: \\\\ \\' \\\" \\n \\t \\r \\0 and \\xHH are known");
}

static int lex_string(struct lexer *l, struct token *t, struct error *err)
{
	char quote = peek(l, 0), *p = arena_alloc(l->arena, l->text.n - l->at);
	size_t n = 0;

	if (!p)
		return error_set(err, ERROR_NOMEM, "out of memory");
	for (l->at++; l->at < l->text.n; n++) {
		char c = l->text.p[l->at++];

		if (c == quote) {
			t->kind = TOKEN_STRING;
			t->value = slice_of(p, n);
			t->text = slice_of(l->text.p + t->offset, l->at - t->offset);
			arena_grow(l->arena, p, l->text.n - t->offset, n);
			return 0;
		}
		if (c == '\\' && lex_escape(l, &c, err) < 0)
			return -1;
		p[n] = c;
	}
	return error_at(err, ERROR_USAGE, t->offset, "this text has no closing %c", quote);
}

static int lex_flags(struct lexer *l, struct token *t, struct error *err)
{
	static const char letters[] = "imsx"; /* in the order of enum match_flag */

	for (; is_word_char(peek(l, 0)); l->at++) {
		const char *at = strchr(letters, peek(l, 0));

		if (!at)
			return error_at(
			    err, ERROR_USAGE, l->at,
			    "unknown flag '%c' of a regular expression: i m s x are known",
			    peek(l, 0));
		t->flags |= 1u << (at - letters);
	}
	return 0;
}

static int lex_regex(struct lexer *l, struct token *t, struct error *err)
{
	size_t start = ++l->at;

	for (; l->at < l->text.n; l->at++) {
		if (l->text.p[l->at] == '\\' && l->at + 1 < l->text.n) {
			l->at++;
		} else if (l->text.p[l->at] == '/') {
			t->kind = TOKEN_REGEX;
			t->value = slice_of(l->text.p + start, l->at - start);
			l->at++;
			if (lex_flags(l, t, err) < 0)
				return -1;
			t->text = slice_of(l->text.p + t->offset, l->at - t->offset);
			return 0;
		}
	}
	return error_at(err, ERROR_USAGE, t->offset,
			"this regular expression has no closing / (a slash in it is written \\/)");
}

static int lex_mark(struct lexer *l, struct token *t, struct error *err)
{
	struct slice rest = slice_skip(l->text, l->at);
	unsigned char c = (unsigned char)rest.p[0];

	for (size_t i = 0; i < sizeof marks / sizeof marks[0]; i++) {
		if (!slice_starts(rest, marks[i].text))
			continue;
		if (marks[i].hint)
			return error_at(err, ERROR_USAGE, l->at, "%s", marks[i].hint);
		t->kind = marks[i].kind;
		t->text = slice_take(rest, marks[i].text.n);
		l->at += t->text.n;
		return 0;
	}
	if (c > ' ' && c < 0x7f)
		return error_at(err, ERROR_USAGE, l->at, "unexpected '%c': texts stand in quotes",
				c);
	return error_at(err, ERROR_USAGE, l->at,
			"unexpected byte 0x%02x: texts stand in quotes, as 'text' or \"text\"", c);
}

int lexer_next(struct lexer *l, struct token *out, struct error *err)
{
	while (l->at < l->text.n && ascii_isspace(l->text.p[l->at]))
		l->at++;
	*out = (struct token){.kind = TOKEN_END, .offset = l->at};
	if (l->at >= l->text.n)
		return 0;
	if (ascii_isdigit(peek(l, sign_length(l))))
		return lex_number(l, out);
	switch (l->text.p[l->at]) {
	case '\'':
	case '"':
		return lex_string(l, out, err);
	case '/':
		return lex_regex(l, out, err);
	default:
		return is_word_char(peek(l, 0)) ? lex_word(l, out) : lex_mark(l, out, err);
	}
}
