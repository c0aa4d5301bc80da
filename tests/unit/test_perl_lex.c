/* Tokens of Perl conditions: kinds, values, places, and what is none. */
#include "perl.h"
#include "unit/cmocka_all.h"

#include <stdio.h>

static struct arena arena;

static int setup(void **state)
{
	(void)state;
	arena_init(&arena, 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	arena_free(&arena);
	return 0;
}

static const char *const kinds[] = {
    [PERL_END] = "end",	    [PERL_NUMBER] = "number", [PERL_STRING] = "text",
    [PERL_REGEX] = "regex", [PERL_NAME] = "name",     [PERL_VARIABLE] = "variable",
    [PERL_ARRAY] = "@",	    [PERL_OPERATOR] = "op",   [PERL_LPAREN] = "(",
    [PERL_RPAREN] = ")",    [PERL_LBRACE] = "{",      [PERL_RBRACE] = "}",
    [PERL_LBRACKET] = "[",  [PERL_RBRACKET] = "]",    [PERL_ARROW] = "->",
    [PERL_COMMA] = ",",	    [PERL_SEMICOLON] = ";",
};

/* As the parser does: a value may stand at the beginning and after what is none. */
static bool wants_term(enum perl_token_kind k)
{
	return k == PERL_OPERATOR || k == PERL_LPAREN || k == PERL_COMMA || k == PERL_LBRACE ||
	       k == PERL_LBRACKET;
}

/* "kind@offset ..."; "error@offset: text" at the end when a token is wrong. */
static const char *lex_all(struct slice text)
{
	static char out[2000];
	struct perl_lexer l = {text, 0, &arena};
	struct perl_token t = {.kind = PERL_LPAREN};
	struct error err = ERROR_INIT;
	size_t n = 0;

	do {
		if (perl_next(&l, wants_term(t.kind), &t, &err) < 0) {
			snprintf(out + n, sizeof out - n, "error@%zu: %s", err.offset, err.text);
			return out;
		}
		n += (size_t)snprintf(out + n, sizeof out - n, "%s@%zu ", kinds[t.kind], t.offset);
		assert_true(n < sizeof out);
	} while (t.kind != PERL_END);
	return out;
}

static void test_tokens(void **state)
{
	static const struct {
		const char *text, *tokens;
	} rows[] = {
	    {"", "end@0 "},
	    {" \n\t", "end@3 "},
	    {"$msg{sender}", "variable@0 {@4 name@5 }@11 end@12 "},
	    {"${msg}{y}", "variable@0 {@6 name@7 }@8 end@9 "},
	    {"$msg{message}->[0]", "variable@0 {@4 name@5 }@12 ->@13 [@15 number@16 ]@17 end@18 "},
	    {"a eq b", "name@0 op@2 name@5 end@6 "},
	    {"EQ", "name@0 end@2 "},
	    {"eqq", "name@0 end@3 "},
	    {"1==2", "number@0 op@1 number@3 end@4 "},
	    {"1 <= 2 >= 3 < 4 > 5 != 6", "number@0 op@2 number@5 op@7 number@10 op@12 number@14 "
					 "op@16 number@18 op@20 number@23 end@24 "},
	    {"!/x/", "op@0 regex@1 end@4 "},
	    {"8/2/2", "number@0 op@1 number@2 op@3 number@4 end@5 "},
	    {"8 / /x/", "number@0 op@2 regex@4 end@7 "},
	    {"(/x/i) / 2", "(@0 regex@1 )@5 op@7 number@9 end@10 "},
	    {"y =~ m{a{2}b}ix", "name@0 op@2 regex@5 end@15 "},
	    {"m(a(b)c) . m<a> . m[b] . m!c! . m|d|",
	     "regex@0 op@9 regex@11 op@16 regex@18 op@23 regex@25 op@30 regex@32 end@36 "},
	    {"1 m(a)", "number@0 name@2 (@3 name@4 )@5 end@6 "},
	    {"m,", "name@0 ,@1 end@2 "},
	    {"m => 1", "name@0 error@2: => is written >="},
	    {"'a' . \"b\"", "text@0 op@4 text@6 end@9 "},
	    {"q(a) . qq{b}", "text@0 op@5 text@7 end@12 "},
	    {"grep { /x/ } @{$msg{recipient}}",
	     "name@0 {@5 regex@7 }@11 @@13 {@14 variable@15 {@19 name@20 }@29 }@30 end@31 "},
	    {"a && b || c // d", "name@0 op@2 name@5 op@7 name@10 op@12 name@15 end@16 "},
	    {"not a and b or c", "op@0 name@4 op@6 name@10 op@12 name@15 end@16 "},
	    {"time - 1 + 2 * 3;",
	     "name@0 op@5 number@7 op@9 number@11 op@13 number@15 ;@16 end@17 "},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		assert_string_equal(lex_all(slice_from(rows[i].text)), rows[i].tokens);
}

static void test_errors(void **state)
{
	static const struct {
		const char *text;
		size_t offset;
		const char *part;
	} rows[] = {
	    {"1 = 2", 2, "assigns"},
	    {"1 ? 2", 2, "?:"},
	    {"1 & 2", 2, "&&"},
	    {"1 | 2", 2, "||"},
	    {"1 <=> 2", 2, "<=>"},
	    {"1 ** 2", 2, "**"},
	    {"1 =< 2", 2, "<="},
	    {"1 ||= 2", 2, "assigns"},
	    {"1 ++", 2, "assigns"},
	    {"a cmp b", 2, "cmp"},
	    {"a xor b", 2, "xor"},
	    {"a x 3", 2, "operator x"},
	    {"'abc", 0, "no closing '"},
	    {"\"abc", 0, "no closing \""},
	    {"\"abc\\\"", 0, "no closing \""},
	    {"/abc", 0, "no closing /"},
	    {"m{a{b}", 1, "no closing }"},
	    {"/a/q", 3, "unknown flag 'q'"},
	    {"/a/e", 3, "unknown flag 'e'"},
	    {"/a$b/", 2, "variables"},
	    {"/a$1/", 2, "variables"},
	    {"\"5$\"", 2, "variables"},
	    {"\"a\\012\"", 2, "unknown escape"},
	    {"\"a${b}\"", 2, "variables"},
	    {"\"$_\"", 1, "variables"},
	    {"/x@{y}/", 2, "@{"},
	    {"$", 0, "$msg"},
	    {"${", 0, "$msg"},
	    {"${msg", 0, "$msg"},
	    {"5d", 0, "seconds"},
	    {"1h30m", 0, "no number"},
	    {"0x", 0, "no number"},
	    {"0xfg", 0, "no number"},
	    {"010", 0, "octal"},
	    {"%msg", 0, "unexpected '%'"},
	    {"`ls`", 0, "unexpected '`'"},
	    {"\x01", 0, "0x01"},
	    {"\xc3\xa4", 0, "0xc3"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		const char *got = lex_all(slice_from(rows[i].text));
		const char *at = strstr(got, "error@");
		size_t offset = SIZE_MAX;

		if (!at || sscanf(at, "error@%zu", &offset) != 1 || offset != rows[i].offset ||
		    !strstr(at, rows[i].part))
			fail_msg("%s\n gives %s\n expected %zu, %s", rows[i].text, got,
				 rows[i].offset, rows[i].part);
	}
}

static struct perl_token first(const char *text)
{
	struct perl_lexer l = {slice_from(text), 0, &arena};
	struct perl_token t;
	struct error err = ERROR_INIT;

	if (perl_next(&l, true, &t, &err) < 0)
		fail_msg("%s: %s", text, err.text);
	return t;
}

static void test_texts(void **state)
{
	static const struct {
		const char *text;
		struct slice value;
	} rows[] = {
	    {"''", {"", 0}},
	    {"'a\\nb'", {"a\\nb", 4}},
	    {"'it\\'s \\\\'", {"it's \\", 6}},
	    {"'a@b.c $x'", {"a@b.c $x", 8}},
	    {"\"a\\nb\\tc\\r\\e\\a\\0\"", {"a\nb\tc\r\x1b\a\0", 9}},
	    {"\"\\x41\\x{42}\\b\\f\"", {"AB\b\f", 4}},
	    {"\"\\\"\\$x\\@y\\\\\\.\"", {"\"$x@y\\.", 7}},
	    {"\"user@example.com\"", {"user@example.com", 16}},
	    {"\"5\\$\"", {"5$", 2}},
	    {"q(a\\(b\\))", {"a(b)", 4}},
	    {"q(a(b)c\\n)", {"a(b)c\\n", 7}},
	    {"qq<a>", {"a", 1}},
	    {"q{a\\}b}", {"a}b", 3}},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct perl_token t = first(rows[i].text);

		assert_int_equal(t.kind, PERL_STRING);
		if (!slice_eq(t.value, rows[i].value))
			fail_msg("%s gives %.*s", rows[i].text, SLICE_ARG(t.value));
	}
}

static void test_patterns(void **state)
{
	static const struct {
		const char *text, *value;
		unsigned flags;
	} rows[] = {
	    {"//", "", 0},
	    {"/a\\/b/", "a\\/b", 0},
	    {"/a/imsx", "a", MATCH_CASELESS | MATCH_MULTILINE | MATCH_DOTALL | MATCH_EXTENDED},
	    {"/a/go", "a", 0},
	    {"m/a/", "a", 0},
	    {"m{a/b}", "a\\/b", 0},
	    {"m{a\\/b}i", "a\\/b", MATCH_CASELESS},
	    {"m#x#", "x", 0},
	    {"qr/x/", "x", 0},
	    {"/a$|b$/", "a$|b$", 0},
	    {"/^$/", "^$", 0},
	    {"/user@example/", "user@example", 0},
	    {"/\\$x\\@y/", "\\$x\\@y", 0},
	    {"/[\\/]/", "[\\/]", 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct perl_token t = first(rows[i].text);

		assert_int_equal(t.kind, PERL_REGEX);
		assert_int_equal(t.flags, rows[i].flags);
		if (!slice_eq(t.value, slice_from(rows[i].value)))
			fail_msg("%s gives %.*s", rows[i].text, SLICE_ARG(t.value));
	}
}

static void test_numbers(void **state)
{
	static const struct {
		const char *text;
		double value;
	} rows[] = {
	    {"0", 0},	     {"50", 50},
	    {"1_000", 1000}, {"1.5", 1.5},
	    {".5", 0.5},     {"1e3", 1000},
	    {"1E-1", 0.1},   {"0x1F", 31},
	    {"0x1_0", 16},   {"1447493191", 1447493191},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct perl_token t = first(rows[i].text);

		assert_int_equal(t.kind, PERL_NUMBER);
		assert_true(t.number == rows[i].value);
	}
}

static void test_numbers_in_texts(void **state)
{
	static const struct {
		const char *text;
		double value;
		size_t used;
	} rows[] = {
	    {"", 0, 0},		  {"x", 0, 0},	   {"5", 5, 1},	  {" 7.5\n", 7.5, 4},
	    {"-3 points", -3, 2}, {"0x10", 0, 1},  {"inf", 0, 0}, {"nan", 0, 0},
	    {"1e5x", 100000, 3},  {"1e999", 0, 5}, {"+2", 2, 2},  {"e5", 0, 0},
	    {"\n\t 4", 4, 4},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		size_t used;
		double v = perl_number(slice_from(rows[i].text), &used);

		if (v != rows[i].value || used != rows[i].used)
			fail_msg("\"%s\" gives %g of %zu", rows[i].text, v, used);
	}
}

static void test_keys(void **state)
{
	static const struct {
		const char *text, *key;
		size_t end;
	} rows[] = {
	    {"sender}", "sender", 7},
	    {" sender } x", "sender", 9},
	    {"'Subject'}", "Subject", 10},
	    {"\"X-Spam-Flag\" }", "X-Spam-Flag", 15},
	    {"X-Spam-Flag}", "X-Spam-Flag", 12},
	    {"content-length}", "content-length", 15},
	    {"a b}", NULL, 2},
	    {"'a}", NULL, 0},
	    {"}", NULL, 0},
	    {"", NULL, 0},
	    {"sender", NULL, 6},
	    {"$x}", NULL, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct perl_lexer l = {slice_from(rows[i].text), 0, &arena};
		struct error err = ERROR_INIT;
		struct slice key;
		size_t offset;
		int r = perl_next_key(&l, &key, &offset, &err);

		assert_int_equal(r, rows[i].key ? 0 : -1);
		if (r == 0) {
			assert_true(slice_eq(key, slice_from(rows[i].key)));
			assert_int_equal(l.at, rows[i].end);
		} else {
			assert_int_equal(err.code, ERROR_USAGE);
			assert_int_equal(err.offset, rows[i].end);
		}
	}
}

static void test_as_pattern(void **state)
{
	(void)state;
	assert_true(slice_eq(perl_as_pattern(&arena, SLICE("a/b")), SLICE("a\\/b")));
	assert_true(slice_eq(perl_as_pattern(&arena, SLICE("a\\/b\\")), SLICE("a\\/b\\")));
	assert_true(slice_eq(perl_as_pattern(&arena, SLICE("")), SLICE("")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_tokens, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_errors, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_texts, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_patterns, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_numbers, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_numbers_in_texts, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_keys, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_as_pattern, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
