/* Tokens of the filter language: kinds, values, places, and what is no token. */
#include "filter_ast.h"
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
    [TOKEN_END] = "END",    [TOKEN_NAME] = "name",   [TOKEN_NUMBER] = "number",
    [TOKEN_STRING] = "str", [TOKEN_REGEX] = "regex", [TOKEN_EQ] = "==",
    [TOKEN_NE] = "!=",	    [TOKEN_LT] = "<",	     [TOKEN_LE] = "<=",
    [TOKEN_GT] = ">",	    [TOKEN_GE] = ">=",	     [TOKEN_MATCH] = "=~",
    [TOKEN_NOMATCH] = "!~", [TOKEN_LPAREN] = "(",    [TOKEN_RPAREN] = ")",
    [TOKEN_LBRACKET] = "[", [TOKEN_RBRACKET] = "]",  [TOKEN_COMMA] = ",",
    [TOKEN_AND] = "and",    [TOKEN_OR] = "or",	     [TOKEN_NOT] = "not",
    [TOKEN_IN] = "in",	    [TOKEN_HAS] = "has",     [TOKEN_ANY] = "any",
    [TOKEN_ALL] = "all",
};

/* "kind@offset kind@offset ...": -1 with err when a token is wrong. */
static int lex_all(struct slice text, char *out, size_t room, struct error *err)
{
	struct lexer l = {text, 0, &arena};
	struct token t;
	size_t n = 0;

	out[0] = '\0';
	do {
		if (lexer_next(&l, &t, err) < 0)
			return -1;
		n += (size_t)snprintf(out + n, room - n, "%s%s@%zu", n ? " " : "", kinds[t.kind],
				      t.offset);
		assert_true(n < room);
	} while (t.kind != TOKEN_END);
	return 0;
}

static void test_kinds(void **state)
{
	static const struct {
		const char *text, *tokens;
	} rows[] = {
	    {"", "END@0"},
	    {" \t\r\n", "END@4"},
	    {"bounce", "name@0 END@6"},
	    {"age>2d", "name@0 >@3 number@4 END@6"},
	    {"a<=1 b>=2", "name@0 <=@1 number@3 name@5 >=@6 number@8 END@9"},
	    {"a==1 b!=2", "name@0 ==@1 number@3 name@5 !=@6 number@8 END@9"},
	    {"a =~/x/ b!~/y/", "name@0 =~@2 regex@4 name@8 !~@9 regex@11 END@14"},
	    {"a eq 'x' or b ne \"y\"", "name@0 ==@2 str@5 or@9 name@12 !=@14 str@17 END@20"},
	    {"!(a&&b)||c", "not@0 (@1 name@2 and@3 name@5 )@6 or@7 name@9 END@10"},
	    {"NOT a AND b OR c IN (1,2)", "not@0 name@4 and@6 name@10 or@12 name@15 in@17 (@20 "
					  "number@21 ,@22 number@23 )@24 END@25"},
	    {"has(x) any(y) all(z)",
	     "has@0 (@3 name@4 )@5 any@7 (@10 name@11 )@12 all@14 (@17 name@18 )@19 END@20"},
	    {"header[\"X-Y\"]", "name@0 [@6 str@7 ]@12 END@13"},
	    {"sender.domain body_type content-length", "name@0 name@14 name@24 END@38"},
	    {"a. b", NULL},
	    {"a<-5", "name@0 <@1 number@2 END@4"},
	    {"2026-11-20T08:00:30Z @1447493191 @-5 1h30m 10k",
	     "number@0 number@21 number@33 number@37 number@43 END@46"},
	    {"2d)", "number@0 )@2 END@3"},
	    {"andy android", "name@0 name@5 END@12"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct error err = ERROR_INIT;
		char got[512];
		int r = lex_all(slice_from(rows[i].text), got, sizeof got, &err);

		assert_int_equal(r, rows[i].tokens ? 0 : -1);
		if (rows[i].tokens)
			assert_string_equal(got, rows[i].tokens);
	}
}

static struct token first(struct slice text)
{
	struct lexer l = {text, 0, &arena};
	struct error err = ERROR_INIT;
	struct token t;

	if (lexer_next(&l, &t, &err) < 0)
		fail_msg("%s", err.text);
	return t;
}

static void test_strings(void **state)
{
	static const struct {
		struct slice text, value;
	} rows[] = {
	    {{"''", 2}, {"", 0}},
	    {{"'a b'", 5}, {"a b", 3}},
	    {{"\"it's\"", 6}, {"it's", 4}},
	    {{"'it\\'s'", 7}, {"it's", 4}},
	    {{"'\\\\ \\\" \\n\\t\\r'", 14}, {"\\ \" \n\t\r", 7}},
	    {{"'a\\0b'", 6}, {"a\0b", 3}},
	    {{"'\\x41\\xfF'", 10}, {"A\xff", 2}},
	    {{"'\xc3\xa4\xff'", 5}, {"\xc3\xa4\xff", 3}},
	    {{"'/x/ # and'", 11}, {"/x/ # and", 9}},
	    {{"'a\0b'", 5}, {"a\0b", 3}},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct token t = first(rows[i].text);

		assert_int_equal(t.kind, TOKEN_STRING);
		assert_true(slice_eq(t.value, rows[i].value));
		assert_true(slice_eq(t.text, rows[i].text));
	}
}

static void test_regexes(void **state)
{
	static const struct {
		const char *text, *value;
		unsigned flags;
	} rows[] = {
	    {"/x/", "x", 0},
	    {"//", "", 0},
	    {"/a b/i", "a b", MATCH_CASELESS},
	    {"/x/imsx", "x", MATCH_CASELESS | MATCH_MULTILINE | MATCH_DOTALL | MATCH_EXTENDED},
	    {"/x/ii", "x", MATCH_CASELESS},
	    {"/a\\/b/s", "a\\/b", MATCH_DOTALL},
	    {"/a\\\\/m", "a\\\\", MATCH_MULTILINE},
	    {"/\"'\\d+/", "\"'\\d+", 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct token t = first(slice_from(rows[i].text));

		assert_int_equal(t.kind, TOKEN_REGEX);
		assert_true(slice_eq(t.value, slice_from(rows[i].value)));
		assert_int_equal(t.flags, rows[i].flags);
		assert_true(slice_eq(t.text, slice_from(rows[i].text)));
	}
}

static void test_broken(void **state)
{
	static const struct {
		struct slice text;
		size_t offset;
		const char *message;
	} rows[] = {
	    {{"a = 1", 5}, 2, "'=' is written == here"},
	    {{"a === 1", 7}, 2, "'===' is written == here"},
	    {{"a =< 1", 6}, 2, "'=<' is written <= here"},
	    {{"a => 1", 6}, 2, "'=>' is written >= here"},
	    {{"a <> 1", 6},
	     2,
	     "'<>' is no operator: write != for unequal, bounce for the null sender"},
	    {{"a ~ /x/", 7}, 2, "'~' is written =~ here"},
	    {{"a & b", 5}, 2, "'&' is written && or and here"},
	    {{"a | b", 5}, 2, "'|' is written || or or here"},
	    {{"'abc", 4}, 0, "this text has no closing '"},
	    {{"a == \"b\\\"", 9}, 5, "this text has no closing \""},
	    {{"'a\\q'", 5},
	     2,
	     "unknown escape in a text: \\\\ \\' \\\" \\n \\t \\r \\0 and \\xHH are known"},
	    {{"'\\x4'", 5},
	     1,
	     "unknown escape in a text: \\\\ \\' \\\" \\n \\t \\r \\0 and \\xHH are known"},
	    {{"'a\\", 3},
	     2,
	     "unknown escape in a text: \\\\ \\' \\\" \\n \\t \\r \\0 and \\xHH are known"},
	    {{"a =~ /x", 7},
	     5,
	     "this regular expression has no closing / (a slash in it is written \\/)"},
	    {{"/x\\/", 4},
	     0,
	     "this regular expression has no closing / (a slash in it is written \\/)"},
	    {{"/x/iq", 5}, 4, "unknown flag 'q' of a regular expression: i m s x are known"},
	    {{"a == $x", 7}, 5, "unexpected '$': texts stand in quotes"},
	    {{"--5", 3}, 0, "unexpected '-': texts stand in quotes"},
	    {{"a\0b", 3}, 1, "unexpected byte 0x00: texts stand in quotes, as 'text' or \"text\""},
	    {{"\xc3\xa4", 2},
	     0,
	     "unexpected byte 0xc3: texts stand in quotes, as 'text' or \"text\""},
	    {{"\x1b[31m", 5},
	     0,
	     "unexpected byte 0x1b: texts stand in quotes, as 'text' or \"text\""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct error err = ERROR_INIT;
		char got[512];

		assert_int_equal(lex_all(rows[i].text, got, sizeof got, &err), -1);
		assert_string_equal(err.text, rows[i].message);
		assert_int_equal(err.code, ERROR_USAGE);
		assert_int_equal(err.offset, rows[i].offset);
	}
}

/* The end stays the end, and running out of memory is said. */
static void test_end_and_memory(void **state)
{
	struct lexer l = {SLICE("x"), 0, &arena};
	struct error err = ERROR_INIT;
	struct arena small;
	struct token t;

	(void)state;
	for (int i = 0; i < 3; i++)
		assert_int_equal(lexer_next(&l, &t, &err), 0);
	assert_int_equal(t.kind, TOKEN_END);
	assert_int_equal(t.offset, 1);

	arena_init(&small, 1);
	l = (struct lexer){SLICE("'text'"), 0, &small};
	assert_int_equal(lexer_next(&l, &t, &err), -1);
	assert_int_equal(err.code, ERROR_NOMEM);
	arena_free(&small);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_kinds, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_strings, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_regexes, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_broken, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_end_and_memory, setup, teardown),
	};

	return cmocka_run_group_tests_name("filter_lex", tests, NULL, NULL);
}
