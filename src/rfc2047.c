/*
 * Encoded words in header fields, =?charset?B?...?= and =?charset?Q?...?=, to UTF-8.
 *
 * Taken more broadly than written in RFC 2047, as mail readers do: words need not be set off by
 * blanks, may hold blanks and be of any length. A word that cannot be decoded stays as it is
 * written.
 */
#include <mtaq/limits.h>

#include "charset.h"

struct word {
	struct slice charset; /* without the language after a '*' */
	struct slice text;
	bool base64;
	size_t end; /* offset after it */
};

/* Offset of the "?=" that ends a word's text; SIZE_MAX when there is none or another word begins
 * before it. */
static size_t find_end(struct slice s, size_t from)
{
	for (size_t at = from;;) {
		size_t mark = slice_chr(slice_skip(s, at), '?');

		if (mark == SIZE_MAX)
			return SIZE_MAX;
		at += mark;
		if (at + 1 < s.n && s.p[at + 1] == '=')
			return at;
		if (at > from && s.p[at - 1] == '=')
			return SIZE_MAX;
		at++;
	}
}

/* The word that begins with the "=?" at `at`. */
static bool parse_word(struct slice s, size_t at, struct word *w)
{
	const size_t longest_name = 80;
	struct slice name = slice_take(slice_skip(s, at + 2), longest_name);
	size_t mark = slice_chr(name, '?'), text = at + 2 + mark + 3;

	if (mark == SIZE_MAX || text > s.n || s.p[text - 1] != '?')
		return false;
	w->base64 = ascii_lower(s.p[text - 2]) == 'b';
	if (!w->base64 && ascii_lower(s.p[text - 2]) != 'q')
		return false;
	name = slice_take(name, mark);
	w->charset = slice_take(name, slice_chr(name, '*'));
	mark = find_end(s, text);
	if (mark == SIZE_MAX)
		return false;
	w->text = slice_of(s.p + text, mark - text);
	w->end = mark + 2;
	return true;
}

static int hex_value(char c)
{
	c = ascii_lower(c);
	if (ascii_isdigit(c))
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* An equals sign that no two hexadecimal digits follow stands for itself. */
static size_t decode_q(struct slice s, char *out)
{
	size_t n = 0;

	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];

		if (c == '=' && s.n - i > 2 && hex_value(s.p[i + 1]) >= 0 &&
		    hex_value(s.p[i + 2]) >= 0) {
			c = (char)(hex_value(s.p[i + 1]) << 4 | hex_value(s.p[i + 2]));
			i += 2;
		} else if (c == '_') {
			c = ' ';
		}
		out[n++] = c;
	}
	return n;
}

static int base64_value(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (ascii_isdigit(c))
		return c - '0' + 52;
	if (c == '+')
		return 62;
	return c == '/' ? 63 : -1;
}

/* SIZE_MAX when it is not base64. Padding may be missing; blanks are passed over. */
static size_t decode_b(struct slice s, char *out)
{
	uint32_t bits = 0;
	size_t n = 0, digits = 0, padding = 0;

	for (size_t i = 0; i < s.n; i++) {
		int v = base64_value(s.p[i]);

		if (s.p[i] == ' ' || s.p[i] == '\t')
			continue;
		if (s.p[i] == '=') {
			padding++;
			continue;
		}
		if (v < 0 || padding)
			return SIZE_MAX;
		bits = bits << 6 | (uint32_t)v;
		if (++digits % 4 != 1)
			out[n++] = (char)(bits >> (6 - 2 * ((digits - 1) % 4)));
	}
	return digits % 4 == 1 || padding > 2 ? SIZE_MAX : n;
}

static size_t decode_text(const struct word *w, char *out)
{
	return w->base64 ? decode_b(w->text, out) : decode_q(w->text, out);
}

static bool is_blank(struct slice s)
{
	return slice_trim(s).n == 0;
}

/* Add the bytes of the words that follow at `end` with nothing but blanks between and in the same
 * charset, as a character may be split over them. Returns the offset after the last. */
static size_t join_words(struct slice s, size_t end, int charset, char *bytes, size_t *n)
{
	for (;;) {
		size_t next = end, got;
		struct word w;

		while (next < s.n && (s.p[next] == ' ' || s.p[next] == '\t'))
			next++;
		if (!slice_starts(slice_skip(s, next), SLICE("=?")) || !parse_word(s, next, &w) ||
		    charset_find(w.charset) != charset)
			return end;
		got = decode_text(&w, bytes + *n);
		if (got == SIZE_MAX)
			return end;
		*n += got;
		end = w.end;
	}
}

/* Offset of the next "=?" from `at` on, SIZE_MAX when there is none. */
static size_t find_word(struct slice s, size_t at)
{
	size_t found = slice_find(slice_skip(s, at), SLICE("=?"));

	return found == SIZE_MAX ? SIZE_MAX : at + found;
}

/* `bytes` has room for all that words in `s` can hold. */
static void decode_words(struct slice s, struct charset_cache *c, char *bytes,
			 struct charset_out *o)
{
	size_t copied = 0, at = 0;
	bool after_word = false;

	while (!o->full && !o->failed && (at = find_word(s, at)) != SIZE_MAX) {
		struct slice between = slice_of(s.p + copied, at - copied);
		int charset, ready;
		struct word w;
		size_t n;

		if (!parse_word(s, at, &w)) {
			at += 2;
			continue;
		}
		charset = charset_find(w.charset);
		ready = charset < 0 ? 0 : charset_ready(c, charset);
		o->failed |= ready < 0;
		at = w.end;
		n = ready > 0 ? decode_text(&w, bytes) : SIZE_MAX;
		if (n == SIZE_MAX)
			continue;
		at = copied = join_words(s, at, charset, bytes, &n);
		if (!after_word || !is_blank(between))
			charset_out_add(o, between);
		charset_convert(c, charset, slice_of(bytes, n), o);
		after_word = true;
	}
	charset_out_add(o, slice_skip(s, copied));
}

struct slice header_decode(struct arena *a, struct charset_cache *c, struct slice raw)
{
	struct slice s = header_unfold(a, raw);
	struct charset_out o;
	char *bytes;

	if (!s.p || (s.n <= LIMIT_DECODED_BYTES && find_word(s, 0) == SIZE_MAX))
		return s;
	bytes = arena_alloc(a, s.n);
	charset_out_init(&o, a, s.n, LIMIT_DECODED_BYTES);
	if (bytes && !o.failed)
		decode_words(s, c, bytes, &o);
	return bytes && !o.failed && !o.full ? slice_of(o.p, o.n) : SLICE_NONE;
}
