/* Lines of control files that say something of a key, and those of control/smtproutes: where
 * qmail-remote connects when the MX does not decide. */
#include "internal.h"

#include <stdlib.h>

struct slice control_trim(struct slice s)
{
	while (s.n && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t' || s.p[s.n - 1] == '\n'))
		s.n--;
	return s;
}

static int by_key(const void *a, const void *b)
{
	const struct control_line *x = a, *y = b;
	int c = slice_casecmp(x->key, y->key);

	return c ? c : (x->line > y->line) - (x->line < y->line);
}

size_t control_sort(struct control_line *list, size_t n)
{
	size_t kept = 0;

	if (n > 1)
		qsort(list, n, sizeof *list, by_key);
	for (size_t i = 0; i < n; i++)
		if (i + 1 == n || !slice_caseeq(list[i].key, list[i + 1].key))
			list[kept++] = list[i];
	return kept;
}

static int compare_key(const void *key, const void *line)
{
	return slice_casecmp(*(const struct slice *)key, ((const struct control_line *)line)->key);
}

const struct control_line *control_find(const struct control_line *list, size_t n, struct slice key)
{
	return n ? bsearch(&key, list, n, sizeof *list, compare_key) : NULL;
}

/* DOMAIN:RELAY; some builds of qmail keep a user and password behind the relay, which are nobody's
 * business. */
static bool parse_route(struct slice line, struct control_line *out)
{
	static const char stop[] = " \t|";
	struct slice rest = control_trim(line);

	if (rest.n == 0 || rest.p[0] == '#')
		return false;
	slice_cut(&rest, ':', &out->key);
	if (!rest.p)
		return false;
	for (const char *c = stop; *c; c++) {
		slice_cut(&rest, *c, &out->value);
		rest = out->value;
	}
	return true;
}

int routes_parse(struct arena *a, struct slice text, struct control_line **list, size_t *count)
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
	*count = control_sort(*list, n);
	return 0;
}

/* qmail-remote looks for the host, then for each ending of it that begins with a dot, then for "".
 */
struct slice route_find(const struct control_line *list, size_t count, struct slice address)
{
	const struct control_line *r;
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
		r = control_find(list, count, slice_skip(host, i));
		if (r)
			return r->value.n ? r->value : SLICE_NONE;
	}
	return SLICE_NONE;
}
