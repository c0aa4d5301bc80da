/* Envelope addresses: brackets, domains, comparison. */
#include <mtaq/addr.h>

/* Offset after the quoted string that begins at `at`, or SIZE_MAX when it never ends. */
static size_t skip_quoted(struct slice s, size_t at)
{
	for (size_t i = at + 1; i < s.n; i++) {
		if (s.p[i] == '\\')
			i++;
		else if (s.p[i] == '"')
			return i + 1;
	}
	return SIZE_MAX;
}

/* Offset of the last of s that is in `set` and not quoted, or SIZE_MAX. A quote that never ends
 * quotes nothing. */
static size_t last_unquoted(struct slice s, char a, char b)
{
	size_t found = SIZE_MAX, i = 0;
	bool quotes = slice_chr(s, '"') != SIZE_MAX;

	while (i < s.n) {
		size_t after = quotes && s.p[i] == '"' ? skip_quoted(s, i) : i;

		if (after == SIZE_MAX) {
			quotes = false;
		} else if (after > i) {
			i = after;
			continue;
		}
		if (s.p[i] == a || s.p[i] == b)
			found = i;
		i++;
	}
	return found;
}

struct slice addr_strip(struct slice s)
{
	struct slice inner;

	if (s.n < 2 || s.p[0] != '<' || s.p[s.n - 1] != '>')
		return s;
	inner = slice_of(s.p + 1, s.n - 2);
	return last_unquoted(inner, '<', '>') == SIZE_MAX ? inner : s;
}

/* The last unquoted '@': nearly always there are no quotes, and it is found from the end. */
static size_t find_at(struct slice addr)
{
	if (slice_chr(addr, '"') != SIZE_MAX)
		return last_unquoted(addr, '@', '@');
	for (size_t i = addr.n; i > 0; i--) {
		if (addr.p[i - 1] == '@')
			return i - 1;
	}
	return SIZE_MAX;
}

static struct slice drop_final_dot(struct slice domain)
{
	if (domain.n && domain.p[domain.n - 1] == '.')
		domain.n--;
	return domain;
}

struct slice addr_domain(struct slice addr)
{
	size_t at = find_at(addr);

	return at == SIZE_MAX ? SLICE_NONE : drop_final_dot(slice_skip(addr, at + 1));
}

bool addr_eq(struct slice a, struct slice b)
{
	size_t at_a = find_at(a), at_b = find_at(b);

	if (at_a != at_b || !slice_eq(slice_take(a, at_a), slice_take(b, at_b)))
		return false;
	return at_a == SIZE_MAX || slice_caseeq(addr_domain(a), addr_domain(b));
}

bool addr_matches_who(struct slice addr, struct slice who)
{
	size_t at;

	if (slice_eq(who, SLICE("<>")))
		return addr_is_null(addr);
	addr = addr_strip(addr);
	who = addr_strip(who);
	if (!who.n || !addr.p)
		return false;
	at = find_at(addr);
	if (who.p[0] == '@')
		return at != SIZE_MAX &&
		       slice_caseeq(addr_domain(addr), drop_final_dot(slice_skip(who, 1)));
	if (at != find_at(who))
		return false;
	return slice_caseeq(at == SIZE_MAX ? addr : drop_final_dot(addr),
			    at == SIZE_MAX ? who : drop_final_dot(who));
}

bool addr_is_null(struct slice addr)
{
	struct slice inner = addr_strip(addr);

	return addr.p && (inner.n == 0 || slice_caseeq(inner, SLICE("MAILER-DAEMON")));
}
