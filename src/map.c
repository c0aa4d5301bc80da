/* Open addressing over entries that stay where they are: see map.h. */
#include "map.h"

#include <stdio.h>
#include <stdlib.h>

struct entry {
	uint64_t hash;
	struct slice key; /* points behind the value */
	void *value;
};

struct map {
	struct entry *entries;
	size_t count, room;
	size_t *table; /* index + 1 into entries; 0: free */
	size_t size;   /* of table, a power of two, more than twice room */
	size_t value_size;
};

static void *must(void *p)
{
	if (!p) {
		fputs("mtaq: out of memory\n", stderr);
		abort();
	}
	return p;
}

/* FNV-1a, then mixed: keys are chosen by strangers, but a slow summary is all that they can get. */
static uint64_t hash_of(struct slice s)
{
	uint64_t h = UINT64_C(14695981039346656037);

	for (size_t i = 0; i < s.n; i++)
		h = (h ^ (unsigned char)s.p[i]) * UINT64_C(1099511628211);
	return h ^ h >> 29;
}

static void resize(struct map *m, size_t room)
{
	m->room = room;
	m->size = room * 4;
	m->entries = must(realloc(m->entries, room * sizeof *m->entries));
	free(m->table);
	m->table = must(calloc(m->size, sizeof *m->table));
	for (size_t i = 0; i < m->count; i++) {
		size_t at = m->entries[i].hash & (m->size - 1);

		while (m->table[at])
			at = (at + 1) & (m->size - 1);
		m->table[at] = i + 1;
	}
}

struct map *map_new(size_t value_size)
{
	struct map *m = must(calloc(1, sizeof *m));

	m->value_size = value_size;
	resize(m, 64);
	return m;
}

void map_free(struct map *m)
{
	for (size_t i = 0; m && i < m->count; i++)
		free(m->entries[i].value);
	if (m) {
		free(m->entries);
		free(m->table);
	}
	free(m);
}

/* Where `key` is in the table, or where it would be put. */
static size_t *place_of(const struct map *m, struct slice key, uint64_t hash)
{
	size_t at = hash & (m->size - 1);

	while (m->table[at]) {
		const struct entry *e = &m->entries[m->table[at] - 1];

		if (e->hash == hash && slice_eq(e->key, key))
			break;
		at = (at + 1) & (m->size - 1);
	}
	return &m->table[at];
}

void *map_find(const struct map *m, struct slice key)
{
	size_t i = *place_of(m, key, hash_of(key));

	return i ? m->entries[i - 1].value : NULL;
}

static struct entry new_entry(const struct map *m, struct slice key, uint64_t hash)
{
	char *p = must(calloc(1, m->value_size + key.n + 1));

	if (key.n)
		memcpy(p + m->value_size, key.p, key.n);
	return (struct entry){hash, slice_of(p + m->value_size, key.n), p};
}

void *map_at(struct map *m, struct slice key)
{
	uint64_t hash = hash_of(key);
	size_t *place = place_of(m, key, hash);

	if (*place)
		return m->entries[*place - 1].value;
	if (m->count == m->room) {
		resize(m, m->room * 2);
		place = place_of(m, key, hash);
	}
	m->entries[m->count] = new_entry(m, key, hash);
	*place = ++m->count;
	return m->entries[m->count - 1].value;
}

size_t map_count(const struct map *m)
{
	return m->count;
}

void *map_entry(const struct map *m, size_t i, struct slice *key)
{
	*key = m->entries[i].key;
	return m->entries[i].value;
}
