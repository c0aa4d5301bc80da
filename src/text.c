/* Escaping of text of unknown origin, and its width on a terminal. */
#include <mtaq/text.h>

#include "ascii8.h"

#include <wchar.h>

/* What a terminal may take as more than a character of text. Besides control characters: the two
 * separators that some take as a new line, and what turns the direction of the text around. */
static bool is_active(uint32_t c)
{
	if (c < 0x80)
		return c < 0x20 || c == 0x7f;
	if (c < 0xa0)
		return true;
	return c == 0x61c || c == 0x200e || c == 0x200f || (c >= 0x2028 && c <= 0x202e) ||
	       (c >= 0x2066 && c <= 0x2069);
}

static bool is_plain_ascii(unsigned char c)
{
	return c >= 0x20 && c < 0x7f && c != '\\';
}

/* Length of what need not be escaped at the beginning of `s`. */
static size_t plain_length(struct slice s)
{
	size_t i = 0, used;

	while (i < s.n) {
		if (s.n - i >= 8) {
			uint64_t x = ascii8_load(s.p + i);

			if (!(ascii8_has_high(x) | ascii8_has_below(x, 0x20) | ascii8_has(x, 0x7f) |
			      ascii8_has(x, '\\'))) {
				i += 8;
				continue;
			}
		}
		if ((unsigned char)s.p[i] < 0x80) {
			if (!is_plain_ascii((unsigned char)s.p[i]))
				break;
			i++;
		} else {
			uint32_t c = utf8_decode(slice_skip(s, i), &used);

			if (c == UINT32_MAX || is_active(c))
				break;
			i += used;
		}
	}
	return i;
}

bool text_needs_escape(struct slice s)
{
	return plain_length(s) != s.n;
}

/* The letter of the short form of a control character, or 0. */
static char short_escape(uint32_t c)
{
	switch (c) {
	case '\n':
		return 'n';
	case '\r':
		return 'r';
	case '\t':
		return 't';
	case '\\':
		return '\\';
	default:
		return 0;
	}
}

static void add_escape(struct buf *b, uint32_t c)
{
	char letter = short_escape(c);

	if (c == UINT32_MAX) {
		buf_adds(b, "\xef\xbf\xbd");
	} else if (letter) {
		buf_addc(b, '\\');
		buf_addc(b, letter);
	} else {
		buf_printf(b, c < 0x80 ? "\\x%02x" : "\\u%04x", (unsigned)c);
	}
}

void text_escape(struct buf *b, struct slice s)
{
	while (s.n) {
		size_t n = plain_length(s), used = 0;

		buf_add(b, slice_take(s, n));
		s = slice_skip(s, n);
		if (s.n)
			add_escape(b, utf8_decode(s, &used));
		s = slice_skip(s, used);
	}
}

void text_escape_written(struct buf *b, struct slice s)
{
	struct slice part;

	for (bool first = true; slice_cut(&s, '\\', &part); first = false) {
		if (!first)
			buf_addc(b, '\\');
		text_escape(b, part);
	}
}

static size_t line_length(struct slice s)
{
	size_t i = 0;

	while (i < s.n && s.p[i] != '\n' && s.p[i] != '\r' && s.p[i] != '\t' && s.p[i] != '\0')
		i++;
	return i;
}

void text_escape_line(struct buf *b, struct slice s)
{
	while (s.n) {
		size_t n = line_length(s);

		buf_add(b, slice_take(s, n));
		s = slice_skip(s, n);
		if (s.n)
			add_escape(b, (unsigned char)s.p[0]);
		s = slice_skip(s, 1);
	}
}

/* Columns of the character at s.p, and its length. What the locale does not know is taken as one
 * column. */
static size_t char_width(struct slice s, size_t *used)
{
	uint32_t c = utf8_decode(s, used);
	int w;

	if (c == UINT32_MAX)
		return 1;
	w = wcwidth((wchar_t)c);
	return w < 0 ? 1 : (size_t)w;
}

size_t text_width(struct slice s)
{
	size_t width;

	text_take_width(s, SIZE_MAX, &width);
	return width;
}

struct slice text_take_width(struct slice s, size_t columns, size_t *width)
{
	size_t i = 0;

	*width = 0;
	while (i < s.n) {
		size_t used = 1, w = 1;

		if ((unsigned char)s.p[i] >= 0x80)
			w = char_width(slice_skip(s, i), &used);
		if (w > columns - *width)
			break;
		*width += w;
		i += used;
	}
	return slice_take(s, i);
}
