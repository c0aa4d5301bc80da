/* Notes about hosts: collecting, choosing and ordering them. See hostlist.h. */
#include "hostlist.h"

#include <mtaq/limits.h>

#include <stdlib.h>

void host_list_init(struct host_list *l)
{
	*l = (struct host_list){0};
	arena_init(&l->arena, 0);
}

void host_list_free(struct host_list *l)
{
	free(l->list);
	arena_free(&l->arena);
	*l = (struct host_list){0};
}

struct slice host_bare(struct slice host)
{
	while (slice_ends(host, SLICE(".")))
		host.n--;
	if (slice_starts(host, SLICE("[")) && slice_ends(host, SLICE("]")))
		host = slice_of(host.p + 1, host.n - 2);
	return host;
}

/* ---- choosing ---- */

static bool word_names(const char *word, struct slice host)
{
	struct slice w = host_bare(slice_from(word));

	if (!slice_starts(w, SLICE(".")) || w.n == 1)
		return slice_caseeq(w, host);
	return host.n > w.n && slice_caseeq(w, slice_skip(host, host.n - w.n));
}

static bool chosen(const struct host_choice *c, const struct host_note *n)
{
	bool any = false;

	for (size_t i = 0; i < c->count; i++) {
		bool named = word_names(c->words[i], n->host);

		c->found[i] |= named;
		any |= named;
	}
	if (c->count)
		return any;
	return !c->trouble_only || n->failures || n->exit_status || n->busy;
}

/* ---- collecting ---- */

struct collecting {
	struct run *run;
	const struct host_choice *choice;
	struct host_list *list;
	bool full;
};

static bool make_room(struct host_list *l)
{
	if (l->count == l->room) {
		size_t room = l->room ? l->room * 2 : 64;
		struct host_note *p = realloc(l->list, room * sizeof *p);

		if (!p)
			return false;
		l->list = p;
		l->room = room;
	}
	return true;
}

static struct slice keep(struct host_list *l, struct slice s)
{
	return s.p ? arena_copy(&l->arena, s) : s;
}

static void take_note(void *ctx, const struct host_note *n)
{
	struct collecting *c = ctx;
	struct host_list *l = c->list;
	struct host_note *kept;

	if (!chosen(c->choice, n))
		return;
	if (l->count >= LIMIT_HOSTS || !make_room(l)) {
		c->full = true;
		return;
	}
	kept = &l->list[l->count];
	*kept = *n;
	kept->host = keep(l, n->host);
	kept->reply = keep(l, n->reply);
	kept->dsn = keep(l, n->dsn);
	if (kept->host.p)
		l->count++;
	else
		c->full = true;
}

static void tell_trouble(void *ctx, const struct error *err)
{
	struct collecting *c = ctx;

	c->list->unread = true;
	run_error(c->run, err);
}

static int note_order(const void *a, const void *b)
{
	const struct host_note *x = a, *y = b;

	if (x->state != y->state)
		return x->state > y->state ? -1 : 1;
	return slice_cmp(x->host, y->host);
}

bool host_list_read(struct run *run, const struct queue *q, const struct host_choice *choice,
		    struct host_list *l)
{
	struct collecting c = {run, choice, l, false};
	struct error err = ERROR_INIT;
	int r = 0;

	if (q->backend->hosts)
		r = q->backend->hosts->each(q, take_note, tell_trouble, &c, &err);
	if (r <= 0) {
		error_prefix(&err, "%s", q->name);
		if (r < 0)
			run_error(run, &err);
		else
			run_note(run, "%s: no status of hosts is kept",
				 err.code ? err.text : q->name);
		return false;
	}
	if (c.full)
		run_fail(run, STATUS_SOME, "%s: more than %u hosts: the others are left out",
			 q->name, LIMIT_HOSTS);
	if (l->count)
		qsort(l->list, l->count, sizeof *l->list, note_order);
	return true;
}
