/* text: buffers, UTF-8, escaping, width. */
#include "unit/cmocka_all.h"

#include <mtaq/text.h>

#include <locale.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "unit/turkish.h"

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))
#define FFFD	    "\xef\xbf\xbd"

static void assert_slice(struct slice got, struct slice expected)
{
	assert_non_null(got.p);
	assert_int_equal(got.n, expected.n);
	assert_memory_equal(got.p, expected.p, expected.n);
}

static void test_buf(void **state)
{
	struct buf b;
	char big[5000];

	(void)state;
	buf_init(&b);
	assert_slice(buf_slice(&b), SLICE(""));
	buf_add(&b, SLICE_NONE);
	buf_adds(&b, "abc");
	buf_addc(&b, '\0');
	buf_pad(&b, '-', 3);
	buf_pad(&b, '-', 0);
	buf_printf(&b, "%d%s", 42, "x");
	assert_slice(buf_slice(&b), SLICE("abc\0---42x"));
	buf_clear(&b);
	memset(big, 'y', sizeof big);
	big[sizeof big - 1] = '\0';
	buf_printf(&b, "<%s>", big);
	assert_int_equal(b.n, sizeof big + 1);
	assert_int_equal(b.p[b.n - 1], '>');
	memcpy(buf_room(&b, 3), "end", 3);
	b.n += 3;
	assert_true(slice_ends(buf_slice(&b), SLICE("y>end")));
	buf_free(&b);
	assert_null(b.p);
}

/* More than there can be: the program ends with the status of system trouble, and has said so. */
static void test_buf_out_of_memory(void **state)
{
	int status = 0;
	pid_t pid = fork();

	(void)state;
	assert_true(pid >= 0);
	if (pid == 0) {
		struct buf b;

		close(STDERR_FILENO);
		buf_init(&b);
		buf_addc(&b, 'x');
		buf_room(&b, SIZE_MAX);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 71);
}

static void test_utf8_decode(void **state)
{
	static const struct {
		struct slice text;
		uint32_t c;
		size_t used;
	} rows[] = {
	    {SLICE("a"), 'a', 1},
	    {SLICE("\0"), 0, 1},
	    {SLICE("\x7f"), 0x7f, 1},
	    {SLICE("\xc2\x80"), 0x80, 2},
	    {SLICE("\xdf\xbf"), 0x7ff, 2},
	    {SLICE("\xe0\xa0\x80"), 0x800, 3},
	    {SLICE("\xef\xbf\xbf"), 0xffff, 3},
	    {SLICE("\xed\x9f\xbf"), 0xd7ff, 3},
	    {SLICE("\xf0\x90\x80\x80"), 0x10000, 4},
	    {SLICE("\xf4\x8f\xbf\xbf"), 0x10ffff, 4},
	    {SLICE("\x80"), UINT32_MAX, 1},
	    {SLICE("\xc0\x80"), UINT32_MAX, 1},
	    {SLICE("\xc1\xbf"), UINT32_MAX, 1},
	    {SLICE("\xc3"), UINT32_MAX, 1},
	    {SLICE("\xc3("), UINT32_MAX, 1},
	    {SLICE("\xe0\x9f\xbf"), UINT32_MAX, 1},
	    {SLICE("\xed\xa0\x80"), UINT32_MAX, 1},
	    {SLICE("\xe2\x82"), UINT32_MAX, 1},
	    {SLICE("\xf0\x8f\xbf\xbf"), UINT32_MAX, 1},
	    {SLICE("\xf4\x90\x80\x80"), UINT32_MAX, 1},
	    {SLICE("\xf5\x80\x80\x80"), UINT32_MAX, 1},
	    {SLICE("\xff"), UINT32_MAX, 1},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		size_t used = 0;

		assert_true(utf8_decode(rows[i].text, &used) == rows[i].c);
		assert_int_equal(used, rows[i].used);
		assert_int_equal(utf8_valid(rows[i].text), rows[i].c != UINT32_MAX);
	}
}

static void test_utf8_round_trip(void **state)
{
	char out[4];

	(void)state;
	for (uint32_t c = 0; c <= 0x10ffff; c++) {
		size_t n, used;

		if (c == 0xd800)
			c = 0xe000;
		n = utf8_encode(c, out);
		assert_true(utf8_decode(slice_of(out, n), &used) == c);
		assert_int_equal(used, n);
	}
}

static void test_utf8_sanitise(void **state)
{
	static const struct {
		struct slice in, out;
	} rows[] = {
	    {SLICE(""), SLICE("")},
	    {SLICE("plain ascii of some length"), SLICE("plain ascii of some length")},
	    {SLICE("Fr\xc3\xa4nk"), SLICE("Fr\xc3\xa4nk")},
	    {SLICE("Fr\xe4nk and more text"), SLICE("Fr" FFFD "nk and more text")},
	    {SLICE("12345678\xff"), SLICE("12345678" FFFD)},
	    {SLICE("\xe2\x82"), SLICE(FFFD FFFD)},
	    {SLICE("a\0\xff"), SLICE("a\0" FFFD)},
	};
	struct arena a;

	(void)state;
	arena_init(&a, 0);
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct slice s = utf8_sanitise(&a, rows[i].in);

		assert_slice(s, rows[i].out);
		assert_true(utf8_valid(s));
		if (utf8_valid(rows[i].in))
			assert_ptr_equal(s.p, rows[i].in.p);
	}
	arena_free(&a);
	arena_init(&a, 1);
	assert_null(utf8_sanitise(&a, SLICE("\xff")).p);
	arena_free(&a);
}

static const struct {
	struct slice in, terminal, line;
} escapes[] = {
    {SLICE(""), SLICE(""), SLICE("")},
    {SLICE("no need at all, really"), SLICE("no need at all, really"),
     SLICE("no need at all, really")},
    {SLICE("a\nb\rc\td\\e"), SLICE("a\\nb\\rc\\td\\\\e"), SLICE("a\\nb\\rc\\td\\e")},
    {SLICE("\x1b[31mred\x07"), SLICE("\\x1b[31mred\\x07"), SLICE("\x1b[31mred\x07")},
    {SLICE("1234567\x7f"), SLICE("1234567\\x7f"), SLICE("1234567\x7f")},
    {SLICE("1234567\x1f"), SLICE("1234567\\x1f"), SLICE("1234567\x1f")},
    {SLICE("x\0y"), SLICE("x\\x00y"), SLICE("x\\x00y")},
    {SLICE("\xc2\x9b"
	   "31m"),
     SLICE("\\u009b31m"),
     SLICE("\xc2\x9b"
	   "31m")},
    {SLICE("\x9b"
	   "31m"),
     SLICE(FFFD "31m"),
     SLICE("\x9b"
	   "31m")},
    {SLICE("\xe2\x80\xaegpj.exe"), SLICE("\\u202egpj.exe"), SLICE("\xe2\x80\xaegpj.exe")},
    {SLICE("\xe2\x81\xa9\xd8\x9c\xe2\x80\xa8"), SLICE("\\u2069\\u061c\\u2028"),
     SLICE("\xe2\x81\xa9\xd8\x9c\xe2\x80\xa8")},
    {SLICE("na\xc3\xafve \xe2\x82\xac \xf0\x9f\x93\xa7"),
     SLICE("na\xc3\xafve \xe2\x82\xac \xf0\x9f\x93\xa7"),
     SLICE("na\xc3\xafve \xe2\x82\xac \xf0\x9f\x93\xa7")},
    {SLICE("cut \xe2\x82"), SLICE("cut " FFFD FFFD), SLICE("cut \xe2\x82")},
};

static void test_escape(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b);
	for (size_t i = 0; i < COUNT(escapes); i++) {
		buf_clear(&b);
		text_escape(&b, escapes[i].in);
		assert_slice(buf_slice(&b), escapes[i].terminal);
		assert_int_equal(text_needs_escape(escapes[i].in),
				 !slice_eq(escapes[i].in, escapes[i].terminal));
		buf_clear(&b);
		text_escape_line(&b, escapes[i].in);
		assert_slice(buf_slice(&b), escapes[i].line);
	}
	buf_free(&b);
}

/* Each byte at each place of a word: nothing slips through where eight bytes are looked at
 * together. */
static void test_escape_every_byte(void **state)
{
	(void)state;
	for (unsigned c = 0; c < 256; c++) {
		for (size_t at = 0; at < 17; at++) {
			char text[17];
			bool plain = c >= 0x20 && c < 0x7f && c != '\\';

			memset(text, '~', sizeof text);
			text[at] = (char)c;
			assert_int_equal(text_needs_escape(slice_of(text, sizeof text)), !plain);
			assert_int_equal(utf8_valid(slice_of(text, sizeof text)), c < 0x80);
		}
	}
}

/* What comes out has nothing left to escape but the backslashes of the escapes, whatever goes in.
 */
static void test_escaped_is_safe(void **state)
{
	uint32_t seed = 12345;
	struct buf b;

	(void)state;
	buf_init(&b);
	for (int round = 0; round < 5000; round++) {
		char text[24];

		for (size_t i = 0; i < sizeof text; i++) {
			seed = seed * 1664525u + 1013904223u;
			text[i] = (char)(seed >> 24);
		}
		buf_clear(&b);
		text_escape(&b, slice_of(text, sizeof text));
		assert_true(utf8_valid(buf_slice(&b)));
		for (size_t i = 0; i < b.n; i++) {
			if (b.p[i] == '\\')
				b.p[i] = '/';
		}
		assert_false(text_needs_escape(buf_slice(&b)));
	}
	buf_free(&b);
}

static void test_width(void **state)
{
	static const struct {
		struct slice text;
		size_t width, columns, taken, taken_width;
	} rows[] = {
	    {SLICE(""), 0, 5, 0, 0},
	    {SLICE("abc"), 3, 2, 2, 2},
	    {SLICE("abc"), 3, 3, 3, 3},
	    {SLICE("abc"), 3, 0, 0, 0},
	    {SLICE("\xe6\x97\xa5\xe6\x9c\xac"), 4, 3, 3, 2},
	    {SLICE("e\xcc\x81x"), 2, 1, 3, 1},
	    {SLICE("\xc3\xa4"
		   "b"),
	     2, 1, 2, 1},
	};

	(void)state;
	if (!setlocale(LC_CTYPE, "C.UTF-8") && !setlocale(LC_CTYPE, "C.utf8")) {
		printf("# SKIP no UTF-8 locale\n");
		skip();
	}
	for (size_t i = 0; i < COUNT(rows); i++) {
		size_t width;
		struct slice s = text_take_width(rows[i].text, rows[i].columns, &width);

		assert_int_equal(text_width(rows[i].text), rows[i].width);
		assert_int_equal(s.n, rows[i].taken);
		assert_int_equal(width, rows[i].taken_width);
	}
	setlocale(LC_CTYPE, "C");
	assert_int_equal(text_width(SLICE("\xc3\xa4\xff")), 2);
}

static void test_locale(void **state)
{
	struct turkish turkish;
	struct buf b;

	(void)state;
	if (!turkish_begin(&turkish)) {
		turkish_end(&turkish);
		skip();
	}
	buf_init(&b);
	text_escape(&b, SLICE("I\xc4\xb0\xdd\xfd"));
	assert_slice(buf_slice(&b), SLICE("I\xc4\xb0" FFFD FFFD));
	assert_true(slice_caseeq(SLICE("MAILIST"), SLICE("mailist")));
	buf_free(&b);
	turkish_end(&turkish);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_buf),
	    cmocka_unit_test(test_buf_out_of_memory),
	    cmocka_unit_test(test_utf8_decode),
	    cmocka_unit_test(test_utf8_round_trip),
	    cmocka_unit_test(test_utf8_sanitise),
	    cmocka_unit_test(test_escape),
	    cmocka_unit_test(test_escape_every_byte),
	    cmocka_unit_test(test_escaped_is_safe),
	    cmocka_unit_test(test_width),
	    cmocka_unit_test(test_locale),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
