/* control/smtproutes: where qmail-remote connects when the MX does not decide. */
#include "internal.h"

#include <stdlib.h>

struct slice control_trim(struct slice s)
{
	while (s.n && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t' || s.p[s.n - 1] == '\n'))
		s.n--;
	return s;
}

static int route_order(const void *a, const void *b)
{
	const struct route *x = a, *y = b;
	int c = slice_casecmp(x->domain, y->domain);

	return c ? c : (x->line > y->line) - (x->line < y->line);
}

/* DOMAIN:RELAY; some builds of qmail keep a user and password behind the relay, which are nobody's
 * business. */
static bool parse_route(struct slice line, struct route *out)
{
	static const char stop[] = " \t|";
	struct slice rest = control_trim(line);

	if (rest.n == 0 || rest.p[0] == '#')
		return false;
	slice_cut(&rest, ':', &out->domain);
	if (!rest.p)
		return false;
	for (const char *c = stop; *c; c++) {
		slice_cut(&rest, *c, &out->relay);
		rest = out->relay;
	}
	return true;
}

/* Of several lines for a domain the last one counts. */
static size_t drop_overruled(struct route *list, size_t n)
{
	size_t kept = 0;

	for (size_t i = 0; i < n; i++)
		if (i + 1 == n || !slice_caseeq(list[i].domain, list[i + 1].domain))
			list[kept++] = list[i];
	return kept;
}

int routes_parse(struct arena *a, struct slice text, struct route **list, size_t *count)
{
	size_t lines = 1, n = 0;
	struct slice line;

	for (size_t i = 0; i < text.n; i++)
		lines += text.p[i] == '\n';
	*count = 0;
	*list = arena_array(a, lines, sizeof **list);
	if (!*list)
		return -1;
	for (size_t at = 0; slice_cut(&text, '\n', &line); at++) {
		(*list)[n].line = at;
		n += parse_route(line, &(*list)[n]);
	}
	qsort(*list, n, sizeof **list, route_order);
	*count = drop_overruled(*list, n);
	return 0;
}

static const struct route *find_domain(const struct route *list, size_t count, struct slice domain)
{
	size_t low = 0, high = count;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		int c = slice_casecmp(domain, list[mid].domain);

		if (c == 0)
			return &list[mid];
		if (c < 0)
			high = mid;
		else
			low = mid + 1;
	}
	return NULL;
}

/* qmail-remote looks for the host, then for each ending of it that begins with a dot, then for "".
 */
struct slice route_find(const struct route *list, size_t count, struct slice address)
{
	const struct route *r;
	size_t at = address.n;
	struct slice host;

	while (at > 0 && address.p[at - 1] != '@')
		at--;
	if (at == 0 || count == 0)
		return SLICE_NONE;
	host = slice_skip(address, at);
	for (size_t i = 0; i <= host.n; i++) {
		if (i != 0 && i != host.n && host.p[i] != '.')
			continue;
		r = find_domain(list, count, slice_skip(host, i));
		if (r)
			return r->relay.n ? r->relay : SLICE_NONE;
	}
	return SLICE_NONE;
}
