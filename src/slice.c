/* Operations on runs of bytes. */
#include <mtaq/slice.h>

bool slice_eq(struct slice a, struct slice b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

bool slice_caseeq(struct slice a, struct slice b)
{
	return a.n == b.n && slice_casecmp(a, b) == 0;
}

static int length_order(size_t a, size_t b)
{
	return (a > b) - (a < b);
}

int slice_cmp(struct slice a, struct slice b)
{
	size_t n = a.n < b.n ? a.n : b.n;
	int r = n ? memcmp(a.p, b.p, n) : 0;

	return r ? r : length_order(a.n, b.n);
}

int slice_casecmp(struct slice a, struct slice b)
{
	size_t n = a.n < b.n ? a.n : b.n;

	for (size_t i = 0; i < n; i++) {
		unsigned char x = (unsigned char)ascii_lower(a.p[i]);
		unsigned char y = (unsigned char)ascii_lower(b.p[i]);

		if (x != y)
			return x < y ? -1 : 1;
	}
	return length_order(a.n, b.n);
}

bool slice_starts(struct slice s, struct slice prefix)
{
	return s.n >= prefix.n && slice_eq(slice_take(s, prefix.n), prefix);
}

bool slice_ends(struct slice s, struct slice suffix)
{
	return s.n >= suffix.n && slice_eq(slice_skip(s, s.n - suffix.n), suffix);
}

size_t slice_chr(struct slice s, char c)
{
	const char *at = s.n ? memchr(s.p, c, s.n) : NULL;

	return at ? (size_t)(at - s.p) : SIZE_MAX;
}

size_t slice_find(struct slice s, struct slice needle)
{
	if (needle.n == 0)
		return 0;
	for (size_t from = 0; from + needle.n <= s.n;) {
		size_t at = slice_chr(slice_skip(s, from), needle.p[0]);

		if (at == SIZE_MAX || from + at + needle.n > s.n)
			break;
		if (memcmp(s.p + from + at, needle.p, needle.n) == 0)
			return from + at;
		from += at + 1;
	}
	return SIZE_MAX;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

struct slice slice_trim(struct slice s)
{
	while (s.n && is_blank(s.p[0]))
		s = slice_skip(s, 1);
	while (s.n && is_blank(s.p[s.n - 1]))
		s.n--;
	return s;
}

bool slice_cut(struct slice *rest, char c, struct slice *part)
{
	size_t at;

	if (!rest->p)
		return false;
	at = slice_chr(*rest, c);
	if (at == SIZE_MAX) {
		*part = *rest;
		*rest = SLICE_NONE;
	} else {
		*part = slice_take(*rest, at);
		*rest = slice_skip(*rest, at + 1);
	}
	return true;
}

bool slice_u64(struct slice s, uint64_t *out)
{
	uint64_t v = 0;

	if (s.n == 0)
		return false;
	for (size_t i = 0; i < s.n; i++) {
		uint64_t digit = (uint64_t)(unsigned char)s.p[i] - '0';

		if (digit > 9 || v > (UINT64_MAX - digit) / 10)
			return false;
		v = v * 10 + digit;
	}
	*out = v;
	return true;
}
