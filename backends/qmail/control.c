/*
 * What qmail's control files say: how long mail lives, where remote mail goes, who gets double
 * bounces.
 *
 * They lie beside the queue (/var/qmail/control for /var/qmail/queue) or where control=DIR says. A
 * control file that is missing means qmail's default; without a control directory nothing is known.
 */
#include "internal.h"

#include <mtaq/limits.h>
#include <mtaq/timefmt.h>

#include <stdio.h>
#include <stdlib.h>

enum { DEFAULT_LIFETIME = 604800, CONTROL_BYTES = 1 << 20 };

struct reading {
	struct queue_qmail *q;
	trouble_fn *trouble;
	void *ctx;
};

/* Blanks, tabs and line ends at the end of a line do not count for qmail. */
static struct slice trim_end(struct slice s)
{
	while (s.n && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t' || s.p[s.n - 1] == '\n'))
		s.n--;
	return s;
}

/* The bytes of control/NAME: 1, 0 when there is none, -1 when it cannot be read (told). */
static int read_control(const struct reading *r, const char *name, size_t limit, struct slice *out)
{
	struct arena *a = &r->q->arena;
	struct slice path = arena_printf(a, "%s/%s", r->q->control.dir, name);
	struct error e = ERROR_INIT;

	if (!path.p)
		error_set(&e, ERROR_NOMEM, "out of memory");
	else if (sys_read_config(path.p, limit, a, out, &e) == 0)
		return 1;
	if (e.code == ERROR_GONE)
		return 0;
	e.scope = SCOPE_QUEUE;
	r->trouble(r->ctx, &e);
	return -1;
}

/* Its first line. */
static int read_line(const struct reading *r, const char *name, struct slice *out)
{
	struct slice text;
	int got = read_control(r, name, CONTROL_BYTES, &text);

	if (got != 1)
		return got;
	slice_cut(&text, '\n', out);
	*out = trim_end(*out);
	return 1;
}

/* The digits that a line begins with, as qmail reads a number; qmail's default stays when there are
 * none. */
static struct number read_number(const struct reading *r, const char *name, int64_t fallback)
{
	struct slice line, digits;
	uint64_t n;
	int got = read_line(r, name, &line);

	if (got < 0)
		return (struct number){false, 0};
	if (got == 0)
		return number_of(fallback);
	digits = line;
	for (digits.n = 0; digits.n < line.n && ascii_isdigit(line.p[digits.n]);)
		digits.n++;
	if (digits.n == 0)
		return number_of(fallback);
	return slice_u64(digits, &n) && n <= INT32_MAX ? number_of((int64_t)n)
						       : (struct number){false, 0};
}

static struct slice read_text(const struct reading *r, const char *name, struct slice fallback)
{
	struct slice line;
	int got = read_line(r, name, &line);

	if (got < 0)
		return SLICE_NONE;
	return got ? line : fallback;
}

/* ---- smtproutes ---- */

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
	struct slice rest = trim_end(line);

	if (rest.n == 0 || rest.p[0] == '#')
		return false;
	slice_cut(&rest, ':', &out->domain);
	if (!rest.p)
		return false;
	for (const char *c = stop; *c; c++)
		slice_cut(&rest, *c, &rest);
	out->relay = rest;
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

static void read_routes(const struct reading *r)
{
	struct qmail_control *c = &r->q->control;
	struct slice text;
	struct error e = ERROR_INIT;

	if (read_control(r, "smtproutes", LIMIT_SMTPROUTES, &text) != 1)
		return;
	if (routes_parse(&r->q->arena, text, &c->routes, &c->route_count) == 0)
		return;
	error_set(&e, ERROR_NOMEM, "%s/smtproutes: out of memory", c->dir);
	e.scope = SCOPE_QUEUE;
	r->trouble(r->ctx, &e);
}

/* ---- where, and all of it ---- */

static bool is_dir(const char *path)
{
	int fd = path ? sys_open_dir(path, NULL) : -1;

	sys_close(fd);
	return fd >= 0;
}

/* Beside the queue as it is written; failing that, beside where it really is (a linked queue). */
static const char *find_control(struct queue_qmail *q)
{
	struct slice dir = slice_from(q->base.dir), above = dir;
	struct slice path;

	while (above.n && above.p[above.n - 1] != '/')
		above.n--;
	path = arena_printf(&q->arena, "%" SLICE_FMT "control", SLICE_ARG(above));
	if (!slice_eq(dir, SLICE(".")) && !slice_ends(dir, SLICE("..")) && is_dir(path.p))
		return path.p;
	path = arena_printf(&q->arena, "%s/../control", q->base.dir);
	return is_dir(path.p) ? path.p : NULL;
}

static int lifetime_option(struct qmail_control *c, const char *text, struct error *err)
{
	if (!text)
		return 0;
	if (!duration_parse(slice_from(text), &c->lifetime.value) || c->lifetime.value < 0)
		return error_set(err, ERROR_USAGE,
				 "lifetime=%s is not a duration (write it like 7d or 604800s)",
				 text);
	c->lifetime.known = true;
	c->lifetime_from = "lifetime=";
	return 0;
}

static void read_lifetime(const struct reading *r)
{
	struct qmail_control *c = &r->q->control;
	struct slice from = arena_printf(&r->q->arena, "%s/queuelifetime", c->dir), line;

	if (c->lifetime.known)
		return;
	c->lifetime = read_number(r, "queuelifetime", DEFAULT_LIFETIME);
	if (!c->lifetime.known)
		c->lifetime_from = "control/queuelifetime cannot be read";
	else if (from.p && read_line(r, "queuelifetime", &line) == 1)
		c->lifetime_from = from.p;
	else
		c->lifetime_from = "qmail's default";
}

int control_load(struct queue_qmail *q, const struct queue_spec *spec, trouble_fn *trouble,
		 void *ctx, struct error *err)
{
	struct reading r = {q, trouble, ctx};
	const char *option = queue_spec_option(spec, "control");
	struct qmail_control *c = &q->control;

	c->lifetime_from = "no control directory";
	if (lifetime_option(c, queue_spec_option(spec, "lifetime"), err) < 0)
		return -1;
	if (option && !is_dir(option))
		return error_set(err, ERROR_USAGE, "control=%s is no directory that can be read",
				 option);
	c->dir = option ? option : find_control(q);
	if (!c->dir)
		return 0;
	read_lifetime(&r);
	c->me = read_text(&r, "me", SLICE_NONE);
	c->double_bounce_to = read_text(&r, "doublebounceto", SLICE("postmaster"));
	c->double_bounce_host = read_text(&r, "doublebouncehost", c->me);
	c->concurrency_local = read_number(&r, "concurrencylocal", 10);
	c->concurrency_remote = read_number(&r, "concurrencyremote", 20);
	read_routes(&r);
	return 0;
}
