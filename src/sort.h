/*
 * --sort: messages kept as (key, printed text) until all are known.
 *
 * Contract: keys are byte strings whose memcmp order is the wanted order, so nothing but memcmp
 * compares. Memory: the key, the text and 32 bytes per message; with a limit N only the N first are
 * kept.
 */
#ifndef MTAQ_SORT_H
#define MTAQ_SORT_H

#include <mtaq/field.h>
#include <mtaq/limits.h>
#include <mtaq/text.h>

struct sort_key {
	struct field_ref ref;
	bool descending;
};

struct sort_spec {
	struct sort_key keys[LIMIT_SORT_KEYS];
	size_t count;
	bool reverse; /* all of it, the order of the scan too */
};

/* Add "age,-size,header["X"]" (a minus: largest first) to the spec. ERROR_USAGE with offset. */
int sort_parse(struct slice text, struct sort_spec *spec, struct error *err);

/* Append the message's key to `out`: values that are missing or could not be read come last either
 * way. A list sorts by its first value. 0, or -1 out of memory. */
int sort_encode(const struct sort_spec *spec, const struct field_context *c, struct buf *out);

struct sorter;
/* limit 0: keep all. */
struct sorter *sorter_new(size_t limit, bool reverse);
void sorter_free(struct sorter *s);
/* Copies key and text; equal keys stay in the order of these calls (the other way round with
 * reverse). */
void sorter_add(struct sorter *s, struct slice key, struct slice text);
/* Sort and hand out the texts in order until `fn` says false. */
void sorter_drain(struct sorter *s, bool (*fn)(void *ctx, struct slice text), void *ctx);

#endif
