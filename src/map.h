/*
 * A map from byte strings to memory of one size, in the order of insertion.
 *
 * Contract: keys are copied; values are zeroed when they are made and do not move until the map is
 * freed. Dies when memory is out: it holds this program's results. Not thread-safe.
 */
#ifndef MTAQ_MAP_H
#define MTAQ_MAP_H

#include <mtaq/slice.h>

struct map;

struct map *map_new(size_t value_size);
void map_free(struct map *m); /* NULL is fine */
/* The value of `key`, made if it is not there. */
void *map_at(struct map *m, struct slice key);
/* The value of `key`, NULL when it is not there. */
void *map_find(const struct map *m, struct slice key);
size_t map_count(const struct map *m);
/* Entry `i` in order of insertion (i < map_count): its value, and its key to *key. */
void *map_entry(const struct map *m, size_t i, struct slice *key);

#endif
