/* What was found, kept until it can be told in order; lists of numbers and odd names. */
#include "check.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { DETAIL = 512 };

void sink_init(struct sink *s)
{
	*s = (struct sink){.list = NULL};
	arena_init(&s->arena, 0);
}

void sink_free(struct sink *s)
{
	arena_free(&s->arena);
	free(s->list);
	free(s->troubles);
}

/* Room for one more of `size` bytes. */
static void *grow(void *list, size_t count, size_t *room, size_t size)
{
	if (count < *room)
		return list;
	*room = *room ? *room * 2 : 64;
	list = realloc(list, *room * size);
	if (!list)
		abort();
	return list;
}

void sink_trouble(struct sink *s, const struct error *e)
{
	s->troubles = grow(s->troubles, s->trouble_count, &s->trouble_room, sizeof *s->troubles);
	s->troubles[s->trouble_count++] = *e;
}

struct finding *sink_add(struct sink *s, enum qmail_code code, struct slice dir, struct slice name,
			 const char *fmt, ...)
{
	char text[DETAIL];
	struct finding *f;
	va_list ap;

	s->list = grow(s->list, s->count, &s->room, sizeof *s->list);
	f = &s->list[s->count++];
	*f = (struct finding){.code = &qmail_codes[code], .dir = arena_copy(&s->arena, dir)};
	f->name = arena_copy(&s->arena, name);
	f->path =
	    arena_printf(&s->arena, "%" SLICE_FMT "/%" SLICE_FMT, SLICE_ARG(dir), SLICE_ARG(name));
	if (!fmt)
		return f;
	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	f->detail = arena_copy(&s->arena, slice_from(text));
	return f;
}

void numbers_add(struct numbers *l, uint64_t n)
{
	l->v = grow(l->v, l->n, &l->room, sizeof *l->v);
	l->v[l->n++] = n;
}

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

void numbers_sort(struct numbers *l)
{
	size_t kept = 0;

	if (l->n > 1)
		qsort(l->v, l->n, sizeof *l->v, by_value);
	for (size_t i = 0; i < l->n; i++)
		if (kept == 0 || l->v[i] != l->v[kept - 1])
			l->v[kept++] = l->v[i];
	l->n = kept;
}

bool numbers_has(const struct numbers *l, uint64_t n)
{
	return l->n && bsearch(&n, l->v, l->n, sizeof n, by_value);
}

void odds_add(struct odds *l, const struct odd *o)
{
	char *name = strdup(o->name);

	l->v = grow(l->v, l->n, &l->room, sizeof *l->v);
	if (!name)
		abort();
	l->v[l->n] = *o;
	l->v[l->n++].name = name;
}

void odds_free(struct odds *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->v[i].name);
	free(l->v);
}
