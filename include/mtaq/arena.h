/*
 * Memory for what one message needs: allocate piece by piece, give all of it back at once.
 *
 * Contract: not thread-safe; each thread has its own. Memory is not zeroed. Allocations sized by
 * queue data return NULL at the arena's limit or when memory is out: the caller reports ERROR_LIMIT
 * for that message. Pointers live until arena_reset(), arena_release() to an earlier mark, or
 * arena_free(). After a reset the first chunk is kept, so that the steady state calls neither
 * malloc nor free.
 */
#ifndef MTAQ_ARENA_H
#define MTAQ_ARENA_H

#include <mtaq/slice.h>

struct arena_chunk;

struct arena {
	struct arena_chunk *head; /* newest chunk, the one allocated from */
	size_t used;		  /* bytes used in head */
	size_t total;		  /* bytes held in all chunks */
	size_t limit;		  /* total may not pass this */
};

struct arena_mark {
	struct arena_chunk *head;
	size_t used;
};

/* `limit` in bytes over all chunks; 0 = no limit but memory. Allocates nothing yet. */
void arena_init(struct arena *a, size_t limit);
void arena_free(struct arena *a);
/* Forget all allocations; keeps one chunk of ordinary size. */
void arena_reset(struct arena *a);
struct arena_mark arena_mark(const struct arena *a);
/* Forget what was allocated since the mark (which must be of this arena and not older than its
 * reset). */
void arena_release(struct arena *a, struct arena_mark mark);

/* `n` bytes aligned for any type; NULL at the limit or out of memory. n == 0 gives a valid pointer.
 */
void *arena_alloc(struct arena *a, size_t n);
/* As arena_alloc, for count elements of size bytes; NULL too when the product overflows. */
void *arena_array(struct arena *a, size_t count, size_t size);
/* Zeroed. */
void *arena_zalloc(struct arena *a, size_t n);
/* Make the last allocation `p` of `old` bytes `n` bytes long, in place when it still is the last
 * and fits, else by copying min(old, n) bytes. NULL as arena_alloc (the old memory then stays
 * valid). */
void *arena_grow(struct arena *a, void *p, size_t old, size_t n);
/* A copy with a NUL after it (not counted in the slice). p == NULL when out of memory. */
struct slice arena_copy(struct arena *a, struct slice s);
/* NUL-terminated copy; NULL when out of memory. */
char *arena_str(struct arena *a, struct slice s);
/* printf into the arena; p == NULL when out of memory. */
__attribute__((format(printf, 2, 3))) struct slice arena_printf(struct arena *a, const char *fmt,
								...);

#endif
