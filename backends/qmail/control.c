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

enum { DEFAULT_LIFETIME = 604800, CONTROL_BYTES = 1 << 20 };

struct reading {
	struct queue_qmail *q;
	trouble_fn *trouble;
	void *ctx;
};

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
	*out = control_trim(*out);
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
