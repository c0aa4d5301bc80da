/* Rewriting of recipients as qmail-send does it: see rewrite.h. */
#include "rewrite.h"

#include <mtaq/limits.h>

/* ---- the maps ---- */

static size_t count_lines(struct slice text)
{
	struct slice line;
	size_t n = 0;

	while (slice_cut(&text, '\n', &line))
		n++;
	return n;
}

int rewrite_map_parse(struct arena *a, struct slice text, bool values, struct rewrite_map *out)
{
	struct slice line;

	out->count = 0;
	out->list = arena_array(a, count_lines(text), sizeof *out->list);
	if (!out->list)
		return -1;
	while (slice_cut(&text, '\n', &line)) {
		struct control_line e = {.line = out->count};

		line = control_trim(line);
		if (line.n == 0 || line.p[0] == '#')
			continue;
		e.value = line;
		slice_cut(&e.value, ':', &e.key);
		if (values && !e.value.p)
			continue;
		if (!values)
			e.key = line;
		out->list[out->count++] = e;
	}
	out->count = control_sort(out->list, out->count);
	return 0;
}

static const struct control_line *find(const struct rewrite_map *m, struct slice key)
{
	return control_find(m->list, m->count, key);
}

/* ---- reading them ---- */

/* A file that is not there is empty; *there tells. */
static int read_file(const struct queue_qmail *q, struct arena *a, const char *name, bool *there,
		     struct slice *text, struct error *err)
{
	struct slice path = arena_printf(a, "%s/%s", q->control.dir, name);
	struct error e = ERROR_INIT;

	*there = true;
	*text = SLICE("");
	if (!path.p)
		return error_set(err, ERROR_NOMEM, "out of memory");
	if (sys_read_config(path.p, LIMIT_SMTPROUTES, a, text, &e) == 0)
		return 0;
	if (e.code == ERROR_GONE) {
		*there = false;
		*text = SLICE("");
		return 0;
	}
	if (err && err->code == ERROR_NONE)
		*err = e;
	return -1;
}

static int read_map(const struct queue_qmail *q, struct arena *a, const char *name, bool values,
		    struct slice fallback, struct rewrite_map *out, struct error *err)
{
	struct slice text;
	bool there;

	if (read_file(q, a, name, &there, &text, err) < 0)
		return -1;
	if (rewrite_map_parse(a, there ? text : fallback, values, out) < 0)
		return error_set(err, ERROR_NOMEM, "out of memory");
	return 0;
}

int rewrite_load(const struct queue_qmail *q, struct arena *a, struct rewrite *out,
		 struct error *err)
{
	struct slice me = q->control.me, text;
	bool there;

	if (!q->control.dir)
		return error_set(err, ERROR_USAGE,
				 "%s: there is no control directory: name it with -q "
				 "qmail:%s,control=DIR",
				 q->base.dir, q->base.dir);
	if (read_map(q, a, "locals", false, me, &out->locals, err) < 0 ||
	    read_map(q, a, "virtualdomains", true, SLICE(""), &out->virtuals, err) < 0 ||
	    read_map(q, a, "percenthack", false, SLICE(""), &out->percenthack, err) < 0 ||
	    read_file(q, a, "envnoathost", &there, &text, err) < 0)
		return -1;
	if (there)
		slice_cut(&text, '\n', &out->envnoathost);
	out->envnoathost = there ? control_trim(out->envnoathost) : me;
	return 0;
}

/* ---- forward ---- */

static size_t last_of(struct slice s, char c)
{
	for (size_t i = s.n; i > 0; i--)
		if (s.p[i - 1] == c)
			return i - 1;
	return SIZE_MAX;
}

/* user%host@relay becomes user@host where relay is one that does that. In place. */
static struct slice unhack(const struct rewrite *r, char *p, struct slice s)
{
	size_t at = last_of(s, '@'), percent;

	while (find(&r->percenthack, slice_skip(s, at + 1))) {
		percent = last_of(slice_take(s, at), '%');
		if (percent == SIZE_MAX)
			break;
		s.n = at;
		at = percent;
		p[at] = '@';
	}
	return s;
}

/* The prefix for an address: of the whole of it, of its domain, or of a domain above. */
static const struct control_line *find_virtual(const struct rewrite *r, struct slice s, size_t at)
{
	for (size_t i = 0; i <= s.n; i++) {
		const struct control_line *e;

		if (i != 0 && i != at + 1 && i != s.n && !(i > at && s.p[i] == '.'))
			continue;
		e = find(&r->virtuals, slice_skip(s, i));
		if (e)
			return e;
	}
	return NULL;
}

enum channel rewrite_forward(const struct rewrite *r, struct arena *a, struct slice address,
			     struct slice *stored)
{
	const struct control_line *e;
	struct slice s = address;
	size_t at;

	if (last_of(s, '@') == SIZE_MAX)
		s = arena_printf(a, "%" SLICE_FMT "@%" SLICE_FMT, SLICE_ARG(s),
				 SLICE_ARG(r->envnoathost));
	else
		s = arena_copy(a, s);
	*stored = s;
	if (!s.p)
		return CHANNEL_NONE;
	*stored = s = unhack(r, (char *)(uintptr_t)s.p, s);
	at = last_of(s, '@');
	if (find(&r->locals, slice_skip(s, at + 1)))
		return CHANNEL_LOCAL;
	e = find_virtual(r, s, at);
	if (!e || e->value.n == 0)
		return CHANNEL_REMOTE;
	*stored = arena_printf(a, "%" SLICE_FMT "-%" SLICE_FMT, SLICE_ARG(e->value), SLICE_ARG(s));
	return CHANNEL_LOCAL;
}

/* ---- and back ---- */

static struct slice without_prefix(struct slice s, struct slice prefix)
{
	if (prefix.n && s.n > prefix.n && slice_starts(s, prefix) && s.p[prefix.n] == '-')
		return slice_skip(s, prefix.n + 1);
	return s;
}

struct slice rewrite_strip(const struct rewrite *r, struct slice stored)
{
	size_t at = last_of(stored, '@');
	const struct control_line *e;

	if (at == SIZE_MAX)
		return stored;
	for (size_t i = at + 1; i <= stored.n; i++) {
		if (i != at + 1 && i != stored.n && stored.p[i] != '.')
			continue;
		e = find(&r->virtuals, slice_skip(stored, i));
		if (e)
			return without_prefix(stored, e->value);
	}
	return stored;
}

static bool leads_to(const struct rewrite *r, struct arena *a, struct slice address,
		     enum channel channel, struct slice stored)
{
	struct slice s;

	return rewrite_forward(r, a, address, &s) == channel && slice_eq(s, stored);
}

struct slice rewrite_inverse(const struct rewrite *r, struct arena *a, enum channel channel,
			     struct slice stored)
{
	if (leads_to(r, a, stored, channel, stored))
		return stored;
	/* an entry for one address alone has a prefix of its own: try them all */
	for (size_t i = 0; i < r->virtuals.count; i++) {
		struct slice s = without_prefix(stored, r->virtuals.list[i].value);

		if (s.n < stored.n && leads_to(r, a, s, channel, stored))
			return s;
	}
	return SLICE_NONE;
}
