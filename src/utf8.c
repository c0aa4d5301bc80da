/* UTF-8: decoding, checking, encoding, mending. Overlong forms, surrogates and what lies past
 * U+10FFFF are invalid. */
#include <mtaq/text.h>

#include "ascii8.h"

#define REPLACEMENT "\xef\xbf\xbd"

/* Length of the sequence that `c` leads, and the smallest code point it may encode; 0 when it leads
 * none. */
static size_t lead(unsigned char c, uint32_t *bits, uint32_t *least)
{
	if (c >= 0xc2 && c <= 0xdf) {
		*bits = c & 0x1fu;
		*least = 0x80;
		return 2;
	}
	if (c >= 0xe0 && c <= 0xef) {
		*bits = c & 0x0fu;
		*least = 0x800;
		return 3;
	}
	if (c >= 0xf0 && c <= 0xf4) {
		*bits = c & 0x07u;
		*least = 0x10000;
		return 4;
	}
	return 0;
}

static bool is_scalar(uint32_t c, uint32_t least)
{
	return c >= least && c <= 0x10ffff && !(c >= 0xd800 && c <= 0xdfff);
}

uint32_t utf8_decode(struct slice s, size_t *used)
{
	unsigned char first = (unsigned char)s.p[0];
	uint32_t c = 0, least = 0;
	size_t n;

	*used = 1;
	if (first < 0x80)
		return first;
	n = lead(first, &c, &least);
	if (n == 0 || n > s.n)
		return UINT32_MAX;
	for (size_t i = 1; i < n; i++) {
		unsigned char next = (unsigned char)s.p[i];

		if ((next & 0xc0) != 0x80)
			return UINT32_MAX;
		c = c << 6 | (next & 0x3fu);
	}
	if (!is_scalar(c, least))
		return UINT32_MAX;
	*used = n;
	return c;
}

/* Length of the valid UTF-8 at the beginning of `s`. */
static size_t valid_length(struct slice s)
{
	size_t i = 0, used;

	while (i < s.n) {
		if (s.n - i >= 8 && !ascii8_has_high(ascii8_load(s.p + i))) {
			i += 8;
		} else {
			if (utf8_decode(slice_skip(s, i), &used) == UINT32_MAX)
				break;
			i += used;
		}
	}
	return i;
}

bool utf8_valid(struct slice s)
{
	return valid_length(s) == s.n;
}

size_t utf8_encode(uint32_t c, char out[4])
{
	if (c < 0x80) {
		out[0] = (char)c;
		return 1;
	}
	if (c < 0x800) {
		out[0] = (char)(0xc0 | c >> 6);
		out[1] = (char)(0x80 | (c & 0x3f));
		return 2;
	}
	if (c < 0x10000) {
		out[0] = (char)(0xe0 | c >> 12);
		out[1] = (char)(0x80 | (c >> 6 & 0x3f));
		out[2] = (char)(0x80 | (c & 0x3f));
		return 3;
	}
	out[0] = (char)(0xf0 | (c >> 18 & 0x07));
	out[1] = (char)(0x80 | (c >> 12 & 0x3f));
	out[2] = (char)(0x80 | (c >> 6 & 0x3f));
	out[3] = (char)(0x80 | (c & 0x3f));
	return 4;
}

static size_t count_invalid(struct slice s)
{
	size_t count = 0;

	for (;;) {
		s = slice_skip(s, valid_length(s));
		if (!s.n)
			return count;
		count++;
		s = slice_skip(s, 1);
	}
}

struct slice utf8_sanitise(struct arena *a, struct slice s)
{
	const size_t grow = sizeof REPLACEMENT - 2; /* what one invalid byte adds */
	size_t invalid = count_invalid(s), n = 0;
	char *p;

	if (!invalid)
		return s;
	if (invalid > (SIZE_MAX - s.n) / grow)
		return SLICE_NONE;
	p = arena_alloc(a, s.n + invalid * grow);
	while (p && s.n) {
		size_t valid = valid_length(s);

		memcpy(p + n, s.p, valid);
		n += valid;
		s = slice_skip(s, valid);
		if (!s.n)
			break;
		memcpy(p + n, REPLACEMENT, sizeof REPLACEMENT - 1);
		n += sizeof REPLACEMENT - 1;
		s = slice_skip(s, 1);
	}
	return slice_of(p, n);
}
