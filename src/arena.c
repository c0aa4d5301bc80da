/* Chunked arena: see mtaq/arena.h. */
#include <mtaq/arena.h>

#include <stdalign.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#include <sanitizer/asan_interface.h>
#endif
#endif
#ifndef ASAN_POISON_MEMORY_REGION
#define ASAN_POISON_MEMORY_REGION(p, n)	  ((void)(p), (void)(n))
#define ASAN_UNPOISON_MEMORY_REGION(p, n) ((void)(p), (void)(n))
#endif

enum { CHUNK = 32 * 1024 };

struct arena_chunk {
	struct arena_chunk *next; /* older chunk */
	size_t size;
	alignas(max_align_t) char data[];
};

void arena_init(struct arena *a, size_t limit)
{
	*a = (struct arena){.limit = limit ? limit : SIZE_MAX};
}

static void drop_head(struct arena *a)
{
	struct arena_chunk *c = a->head;

	a->head = c->next;
	a->total -= c->size;
	ASAN_UNPOISON_MEMORY_REGION(c->data, c->size);
	free(c);
}

void arena_free(struct arena *a)
{
	while (a->head)
		drop_head(a);
	a->used = 0;
}

void arena_reset(struct arena *a)
{
	while (a->head && (a->head->next || a->head->size > CHUNK))
		drop_head(a);
	a->used = 0;
	if (a->head)
		ASAN_POISON_MEMORY_REGION(a->head->data, a->head->size);
}

struct arena_mark arena_mark(const struct arena *a)
{
	return (struct arena_mark){a->head, a->used};
}

void arena_release(struct arena *a, struct arena_mark mark)
{
	while (a->head != mark.head)
		drop_head(a);
	a->used = mark.used;
	if (a->head)
		ASAN_POISON_MEMORY_REGION(a->head->data + a->used, a->head->size - a->used);
}

static size_t round_up(size_t n)
{
	const size_t align = alignof(max_align_t);

	return (n + align - 1) & ~(align - 1);
}

static bool add_chunk(struct arena *a, size_t need)
{
	size_t size = need > CHUNK ? need : CHUNK;
	struct arena_chunk *c;

	if (a->total > a->limit || size > a->limit - a->total)
		return false;
	c = malloc(sizeof *c + size);
	if (!c)
		return false;
	c->next = a->head;
	c->size = size;
	ASAN_POISON_MEMORY_REGION(c->data, size);
	a->head = c;
	a->used = 0;
	a->total += size;
	return true;
}

void *arena_alloc(struct arena *a, size_t n)
{
	size_t need = round_up(n ? n : 1);
	void *p;

	if (need < n)
		return NULL;
	if ((!a->head || need > a->head->size - a->used) && !add_chunk(a, need))
		return NULL;
	p = a->head->data + a->used;
	a->used += need;
	ASAN_UNPOISON_MEMORY_REGION(p, n);
	return p;
}

void *arena_array(struct arena *a, size_t count, size_t size)
{
	if (size && count > SIZE_MAX / size)
		return NULL;
	return arena_alloc(a, count * size);
}

void *arena_zalloc(struct arena *a, size_t n)
{
	void *p = arena_alloc(a, n);

	if (p)
		memset(p, 0, n);
	return p;
}

static bool grow_in_place(struct arena *a, const char *p, size_t old, size_t n)
{
	size_t at, need = round_up(n ? n : 1);

	if (!a->head || need < n || p + round_up(old ? old : 1) != a->head->data + a->used)
		return false;
	at = (size_t)(p - a->head->data);
	if (need > a->head->size - at)
		return false;
	a->used = at + need;
	ASAN_UNPOISON_MEMORY_REGION(p, n);
	return true;
}

void *arena_grow(struct arena *a, void *p, size_t old, size_t n)
{
	void *q;

	if (p && grow_in_place(a, p, old, n))
		return p;
	q = arena_alloc(a, n);
	if (q && p)
		memcpy(q, p, old < n ? old : n);
	return q;
}

char *arena_str(struct arena *a, struct slice s)
{
	char *p = s.n < SIZE_MAX ? arena_alloc(a, s.n + 1) : NULL;

	if (!p)
		return NULL;
	if (s.n)
		memcpy(p, s.p, s.n);
	p[s.n] = '\0';
	return p;
}

struct slice arena_copy(struct arena *a, struct slice s)
{
	char *p = arena_str(a, s);

	return slice_of(p, p ? s.n : 0);
}

struct slice arena_printf(struct arena *a, const char *fmt, ...)
{
	va_list ap;
	int n;
	char *p;

	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	p = n < 0 ? NULL : arena_alloc(a, (size_t)n + 1);
	if (!p)
		return SLICE_NONE;
	va_start(ap, fmt);
	vsnprintf(p, (size_t)n + 1, fmt, ap);
	va_end(ap);
	return slice_of(p, (size_t)n);
}
