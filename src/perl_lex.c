/* Tokens of Perl conditions, each with its place: see perl.h. */
#include "perl.h"

#include <math.h>
#include <stdlib.h>

static const struct {
	struct slice text;
	enum perl_token_kind kind;
	enum perl_op op;
	const char *hint;
} marks[] = {
    {{"<=>", 3}, PERL_END, PERL_OP_NONE, "<=> is not understood: write < <= == >= or >"},
    {{"||=", 3}, PERL_END, PERL_OP_NONE, "||= assigns, and a condition changes nothing"},
    {{"&&=", 3}, PERL_END, PERL_OP_NONE, "&&= assigns, and a condition changes nothing"},
    {{"||", 2}, PERL_OPERATOR, PERL_OP_OR, NULL},
    {{"&&", 2}, PERL_OPERATOR, PERL_OP_AND, NULL},
    {{"//", 2}, PERL_OPERATOR, PERL_OP_DEFAULT, NULL},
    {{"=~", 2}, PERL_OPERATOR, PERL_OP_MATCH, NULL},
    {{"!~", 2}, PERL_OPERATOR, PERL_OP_NOMATCH, NULL},
    {{"==", 2}, PERL_OPERATOR, PERL_OP_EQ, NULL},
    {{"!=", 2}, PERL_OPERATOR, PERL_OP_NE, NULL},
    {{"<=", 2}, PERL_OPERATOR, PERL_OP_LE, NULL},
    {{">=", 2}, PERL_OPERATOR, PERL_OP_GE, NULL},
    {{"=<", 2}, PERL_END, PERL_OP_NONE, "=< is written <="},
    {{"=>", 2}, PERL_END, PERL_OP_NONE, "=> is written >="},
    {{"->", 2}, PERL_ARROW, PERL_OP_NONE, NULL},
    {{"**", 2}, PERL_END, PERL_OP_NONE, "** is not understood: of arithmetic + - * and / are"},
    {{"++", 2}, PERL_END, PERL_OP_NONE, "++ assigns, and a condition changes nothing"},
    {{"--", 2}, PERL_END, PERL_OP_NONE, "-- assigns, and a condition changes nothing"},
    {{"<", 1}, PERL_OPERATOR, PERL_OP_LT, NULL},
    {{">", 1}, PERL_OPERATOR, PERL_OP_GT, NULL},
    {{"!", 1}, PERL_OPERATOR, PERL_OP_NOT, NULL},
    {{"+", 1}, PERL_OPERATOR, PERL_OP_ADD, NULL},
    {{"-", 1}, PERL_OPERATOR, PERL_OP_SUBTRACT, NULL},
    {{"*", 1}, PERL_OPERATOR, PERL_OP_MULTIPLY, NULL},
    {{"/", 1}, PERL_OPERATOR, PERL_OP_DIVIDE, NULL},
    {{".", 1}, PERL_OPERATOR, PERL_OP_JOIN, NULL},
    {{"(", 1}, PERL_LPAREN, PERL_OP_NONE, NULL},
    {{")", 1}, PERL_RPAREN, PERL_OP_NONE, NULL},
    {{"{", 1}, PERL_LBRACE, PERL_OP_NONE, NULL},
    {{"}", 1}, PERL_RBRACE, PERL_OP_NONE, NULL},
    {{"[", 1}, PERL_LBRACKET, PERL_OP_NONE, NULL},
    {{"]", 1}, PERL_RBRACKET, PERL_OP_NONE, NULL},
    {{",", 1}, PERL_COMMA, PERL_OP_NONE, NULL},
    {{";", 1}, PERL_SEMICOLON, PERL_OP_NONE, NULL},
    {{"=", 1}, PERL_END, PERL_OP_NONE, "= assigns: write == for numbers, eq for texts"},
    {{"?", 1}, PERL_END, PERL_OP_NONE, "?: is not understood: write it with && and ||"},
    {{"&", 1}, PERL_END, PERL_OP_NONE, "& is written && here"},
    {{"|", 1}, PERL_END, PERL_OP_NONE, "| is written || here"},
};

static const struct {
	struct slice text;
	enum perl_op op;
	const char *hint;
} words[] = {
    {{"and", 3}, PERL_OP_AND_LOW, NULL},
    {{"or", 2}, PERL_OP_OR_LOW, NULL},
    {{"not", 3}, PERL_OP_NOT_LOW, NULL},
    {{"eq", 2}, PERL_OP_TEXT_EQ, NULL},
    {{"ne", 2}, PERL_OP_TEXT_NE, NULL},
    {{"lt", 2}, PERL_OP_TEXT_LT, NULL},
    {{"le", 2}, PERL_OP_TEXT_LE, NULL},
    {{"gt", 2}, PERL_OP_TEXT_GT, NULL},
    {{"ge", 2}, PERL_OP_TEXT_GE, NULL},
    {{"cmp", 3}, PERL_OP_NONE, "cmp is not understood: write lt le eq ge or gt"},
    {{"xor", 3}, PERL_OP_NONE, "xor is not understood: write it with and, or and not"},
    {{"x", 1}, PERL_OP_NONE, "the operator x is not understood"},
};

static char peek(const struct perl_lexer *l, size_t ahead)
{
	return l->at + ahead < l->text.n ? l->text.p[l->at + ahead] : '\0';
}

static bool is_word(char c)
{
	return ascii_isalpha(c) || ascii_isdigit(c) || c == '_';
}

int perl_fail(struct error *err, size_t offset, const char *fmt, ...)
{
	va_list ap;

	if (err->code != ERROR_NONE)
		return -1;
	va_start(ap, fmt);
	error_vset(err, ERROR_USAGE, fmt, ap);
	va_end(ap);
	err->offset = offset;
	return -1;
}

static void skip_blanks(struct perl_lexer *l)
{
	while (l->at < l->text.n && ascii_isspace(l->text.p[l->at]))
		l->at++;
}

/* ---- numbers ---- */

double perl_number(struct slice s, size_t *used)
{
	char copy[64];
	size_t n = 0, blanks = 0;
	char *end;
	double v;

	while (blanks < s.n && ascii_isspace(s.p[blanks]))
		blanks++;
	s = slice_skip(s, blanks);
	/* only what a decimal number can be: strtod() knows more */
	while (n < s.n && n + 1 < sizeof copy &&
	       (ascii_isdigit(s.p[n]) || memchr("+-.eE", s.p[n], 5)))
		n++;
	memcpy(copy, n ? s.p : "", n);
	copy[n] = '\0';
	v = strtod(copy, &end);
	*used = end == copy ? 0 : blanks + (size_t)(end - copy);
	return isfinite(v) ? v : 0;
}

static int hex_digit(char c)
{
	if (ascii_isdigit(c))
		return c - '0';
	c = ascii_lower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static int lex_hex(struct perl_lexer *l, struct perl_token *t, struct error *err)
{
	size_t digits = 0;

	for (l->at += 2; hex_digit(peek(l, 0)) >= 0 || peek(l, 0) == '_'; l->at++) {
		if (peek(l, 0) == '_')
			continue;
		t->number = t->number * 16 + hex_digit(peek(l, 0));
		digits++;
	}
	if (!digits || digits > 13 || is_word(peek(l, 0)))
		return perl_fail(err, t->offset, "this is no number");
	return 0;
}

/* 5, 1_000, 1.5, .5, 1e6; the dots of 1 . 2 and 1..2 are none of its own. */
static int lex_number(struct perl_lexer *l, struct perl_token *t, struct error *err)
{
	char copy[64];
	size_t n = 0, used;

	t->kind = PERL_NUMBER;
	if (peek(l, 0) == '0' && ascii_lower(peek(l, 1)) == 'x')
		return lex_hex(l, t, err);
	if (peek(l, 0) == '0' && ascii_isdigit(peek(l, 1)))
		return perl_fail(err, t->offset,
				 "a number that begins with 0 is octal in Perl: write it without");
	for (; n < sizeof copy; l->at++) {
		char c = peek(l, 0);
		bool sign = (c == '+' || c == '-') && n && ascii_lower(copy[n - 1]) == 'e';
		bool dot = c == '.' && !memchr(copy, '.', n) && !memchr(copy, 'e', n);

		if (c == '_')
			continue;
		if (!ascii_isdigit(c) && !dot && !sign &&
		    !(ascii_lower(c) == 'e' && !memchr(copy, 'e', n)))
			break;
		copy[n++] = ascii_lower(c);
	}
	t->number = perl_number(slice_of(copy, n), &used);
	if (n == sizeof copy || used != n || is_word(peek(l, 0)))
		return perl_fail(err, t->offset,
				 "this is no number: Perl has no units, an age is in seconds");
	return 0;
}

/* ---- texts ---- */

static char closing(char open)
{
	static const char pairs[] = "(){}[]<>";
	const char *at = open ? strchr(pairs, open) : NULL;

	return at && (at - pairs) % 2 == 0 ? at[1] : open;
}

/* What stands between delimiters, l->at being on the first; pairs of brackets nest. */
static int take_delimited(struct perl_lexer *l, struct slice *out, const char *what,
			  struct error *err)
{
	char open = peek(l, 0), close = closing(open);
	size_t start = ++l->at, depth = 1;

	for (; l->at < l->text.n; l->at++) {
		char c = l->text.p[l->at];

		if (c == '\\' && l->at + 1 < l->text.n) {
			l->at++;
		} else if (c == close && --depth == 0) {
			*out = slice_of(l->text.p + start, l->at++ - start);
			return 0;
		} else if (c == open && open != close) {
			depth++;
		}
	}
	return perl_fail(err, start - 1, "this %s has no closing %c", what, close);
}

static int no_memory(struct error *err)
{
	return error_set(err, ERROR_NOMEM, "out of memory");
}

/* $name, $1, ${...} and @{...} would be filled in by Perl, as almost all after a $ is; an @ before
 * a name is meant as it is. A $ before one of `ends` (which NUL is, for the end) is itself. */
static int check_plain(struct slice s, size_t offset, const char *ends, struct error *err)
{
	for (size_t i = 0; i < s.n; i++) {
		char next = i + 1 < s.n ? s.p[i + 1] : '\0';

		if (s.p[i] == '\\')
			i++;
		else if (s.p[i] == '$' && !(ends && strchr(ends, next)))
			return perl_fail(err, offset + i,
					 "variables inside texts and patterns are not understood: "
					 "write \\$ for a dollar sign");
		else if (s.p[i] == '@' && next == '{')
			return perl_fail(err, offset + i,
					 "@{...} inside texts and patterns is not understood");
	}
	return 0;
}

/* \xHH or \x{HH}; the number of bytes taken, 0 when it is none. */
static size_t hex_escape(struct slice s, char *out)
{
	bool brace = s.n > 1 && s.p[1] == '{';
	size_t at = brace ? 2 : 1;

	if (s.n < at + 2 + brace || hex_digit(s.p[at]) < 0 || hex_digit(s.p[at + 1]) < 0 ||
	    (brace && s.p[at + 2] != '}'))
		return 0;
	*out = (char)(hex_digit(s.p[at]) * 16 + hex_digit(s.p[at + 1]));
	return at + 2 + brace;
}

/* The byte that an escape stands for, `s` beginning after the backslash; how much of `s` it takes,
 * 0 when it is none of those known here: Perl has more, and octal ones. */
static size_t unescape(struct slice s, bool doubled, char *out)
{
	static const char from[] = "ntreabf0", to[] = "\n\t\r\x1b\a\b\f";
	const char *at = doubled ? memchr(from, s.p[0], sizeof from - 1) : NULL;

	if (doubled && s.p[0] == 'x')
		return hex_escape(s, out);
	if (at && !(s.p[0] == '0' && s.n > 1 && ascii_isdigit(s.p[1]))) {
		*out = to[at - from];
		return 1;
	}
	*out = s.p[0];
	return !doubled || !is_word(s.p[0]);
}

/* `s` stands at `offset` of the expression. */
static int set_text(struct perl_lexer *l, struct perl_token *t, struct slice s, size_t offset,
		    char quote, bool doubled, struct error *err)
{
	char *p = arena_alloc(l->arena, s.n + 1);
	size_t n = 0, used;

	if (!p)
		return no_memory(err);
	for (size_t i = 0; i < s.n; n++) {
		bool escaped = s.p[i] == '\\' && i + 1 < s.n &&
			       (doubled || s.p[i + 1] == '\\' || closing(s.p[i + 1]) == quote);

		if (!escaped) {
			p[n] = s.p[i++];
			continue;
		}
		used = unescape(slice_skip(s, i + 1), doubled, &p[n]);
		if (!used)
			return perl_fail(err, offset + i,
					 "unknown escape \\%c: \\n \\t \\r \\f \\b \\e \\a \\0 and "
					 "\\xHH are known",
					 s.p[i + 1]);
		i += 1 + used;
	}
	t->kind = PERL_STRING;
	t->value = slice_of(p, n);
	return 0;
}

/* l->at is on the opening quote or delimiter. */
static int lex_text(struct perl_lexer *l, struct perl_token *t, bool doubled, struct error *err)
{
	size_t start = l->at + 1;
	char quote = closing(peek(l, 0));
	struct slice s;

	if (take_delimited(l, &s, "text", err) < 0)
		return -1;
	if (doubled && check_plain(s, start, NULL, err) < 0)
		return -1;
	return set_text(l, t, s, start, quote, doubled, err);
}

/* ---- patterns ---- */

struct slice perl_as_pattern(struct arena *a, struct slice s)
{
	char *p = arena_alloc(a, 2 * s.n + 1);
	size_t n = 0;

	if (!p)
		return SLICE_NONE;
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == '/')
			p[n++] = '\\';
		p[n++] = s.p[i];
		if (s.p[i] == '\\' && i + 1 < s.n)
			p[n++] = s.p[++i];
	}
	return slice_of(p, n);
}

static int lex_flags(struct perl_lexer *l, struct perl_token *t, struct error *err)
{
	static const char letters[] = "imsx"; /* in the order of enum match_flag */

	for (; is_word(peek(l, 0)); l->at++) {
		const char *at = strchr(letters, peek(l, 0));

		/* where there is one match only, these say nothing */
		if (memchr("goca", peek(l, 0), 4))
			continue;
		if (!at)
			return perl_fail(
			    err, l->at,
			    "unknown flag '%c' of a regular expression: i m s x are known",
			    peek(l, 0));
		t->flags |= 1u << (at - letters);
	}
	return 0;
}

static int lex_regex(struct perl_lexer *l, struct perl_token *t, struct error *err)
{
	bool slashes = peek(l, 0) == '/';
	size_t start = l->at + 1;

	if (take_delimited(l, &t->value, "regular expression", err) < 0 ||
	    check_plain(t->value, start, "()| \r\n\t", err) < 0 || lex_flags(l, t, err) < 0)
		return -1;
	t->kind = PERL_REGEX;
	if (!slashes)
		t->value = perl_as_pattern(l->arena, t->value);
	return t->value.p ? 0 : no_memory(err);
}

/* ---- words and marks ---- */

/* q(...), qq(...), m(...), qr(...) */
static int lex_quoted(struct perl_lexer *l, struct perl_token *t, struct error *err)
{
	if (slice_eq(t->text, SLICE("q")))
		return lex_text(l, t, false, err);
	if (slice_eq(t->text, SLICE("qq")))
		return lex_text(l, t, true, err);
	return lex_regex(l, t, err);
}

static bool quotes(const struct perl_lexer *l, struct slice word)
{
	char c = peek(l, 0);

	if (!(c > ' ' && c < 0x7f) || is_word(c) || c == ',' || c == ')' || c == ';' || c == '=')
		return false;
	return slice_eq(word, SLICE("q")) || slice_eq(word, SLICE("qq")) ||
	       slice_eq(word, SLICE("m")) || slice_eq(word, SLICE("qr"));
}

static int lex_word(struct perl_lexer *l, bool term, struct perl_token *t, struct error *err)
{
	size_t n = 0;

	while (is_word(peek(l, n)))
		n++;
	t->kind = PERL_NAME;
	t->text = t->value = slice_take(slice_skip(l->text, l->at), n);
	l->at += n;
	if (term && quotes(l, t->text))
		return lex_quoted(l, t, err);
	for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
		if (!slice_eq(t->text, words[i].text))
			continue;
		if (words[i].hint)
			return perl_fail(err, t->offset, "%s", words[i].hint);
		t->kind = PERL_OPERATOR;
		t->op = words[i].op;
	}
	return 0;
}

/* $name, and ${name} which is the same; ${$... is as @{$... */
static int lex_variable(struct perl_lexer *l, struct perl_token *t, struct error *err)
{
	bool brace = peek(l, 1) == '{';
	size_t n = 0;

	if (brace && peek(l, 2) == '$') {
		t->kind = PERL_ARRAY;
		l->at++;
		return 0;
	}
	l->at += 1u + brace;
	while (is_word(peek(l, n)))
		n++;
	if (!n || (brace && peek(l, n) != '}'))
		return perl_fail(err, t->offset, "expected $msg{NAME}");
	t->kind = PERL_VARIABLE;
	t->value = slice_take(slice_skip(l->text, l->at), n);
	l->at += n + brace;
	return 0;
}

static int lex_mark(struct perl_lexer *l, struct perl_token *t, struct error *err)
{
	struct slice rest = slice_skip(l->text, l->at);
	unsigned char c = (unsigned char)rest.p[0];

	for (size_t i = 0; i < sizeof marks / sizeof marks[0]; i++) {
		if (!slice_starts(rest, marks[i].text))
			continue;
		if (marks[i].hint)
			return perl_fail(err, l->at, "%s", marks[i].hint);
		t->kind = marks[i].kind;
		t->op = marks[i].op;
		l->at += marks[i].text.n;
		return 0;
	}
	if (c > ' ' && c < 0x7f)
		return perl_fail(err, l->at, "unexpected '%c'", c);
	return perl_fail(err, l->at, "unexpected byte 0x%02x: texts stand in quotes", c);
}

static int lex_token(struct perl_lexer *l, bool term, struct perl_token *t, struct error *err)
{
	char c = peek(l, 0);

	if (ascii_isdigit(c) || (term && c == '.' && ascii_isdigit(peek(l, 1))))
		return lex_number(l, t, err);
	if (c == '\'' || c == '"')
		return lex_text(l, t, c == '"', err);
	if (term && c == '/')
		return lex_regex(l, t, err);
	if (c == '$')
		return lex_variable(l, t, err);
	if (c == '@') {
		t->kind = PERL_ARRAY;
		l->at++;
		return 0;
	}
	return ascii_isalpha(c) || c == '_' ? lex_word(l, term, t, err) : lex_mark(l, t, err);
}

int perl_next(struct perl_lexer *l, bool term, struct perl_token *out, struct error *err)
{
	skip_blanks(l);
	*out = (struct perl_token){.kind = PERL_END, .offset = l->at};
	if (l->at >= l->text.n)
		return 0;
	if (lex_token(l, term, out, err) < 0)
		return -1;
	out->text = slice_of(l->text.p + out->offset, l->at - out->offset);
	return 0;
}

/* X-Spam-Flag without quotes is a subtraction for Perl; a name is what was meant. */
static int take_bare_key(struct perl_lexer *l, struct slice *out, struct error *err)
{
	size_t n = 0;

	while (is_word(peek(l, n)) || peek(l, n) == '-' || peek(l, n) == '.')
		n++;
	if (!n)
		return perl_fail(err, l->at,
				 "expected a name, as in $msg{sender} or {\"X-Spam-Flag\"}");
	*out = slice_take(slice_skip(l->text, l->at), n);
	l->at += n;
	return 0;
}

int perl_next_key(struct perl_lexer *l, struct slice *out, size_t *offset, struct error *err)
{
	struct perl_token t = {.kind = PERL_END};
	char c;

	skip_blanks(l);
	*offset = l->at;
	c = peek(l, 0);
	if (c == '\'' || c == '"') {
		if (lex_text(l, &t, c == '"', err) < 0)
			return -1;
		*out = t.value;
	} else if (take_bare_key(l, out, err) < 0) {
		return -1;
	}
	skip_blanks(l);
	if (peek(l, 0) != '}')
		return perl_fail(err, l->at, "expected } after the name");
	l->at++;
	return 0;
}
