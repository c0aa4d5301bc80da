/*
 * Which messages have a note in bounce/: its names are read once, when the first of many messages
 * asks, in place of a look for each. What changes there later is not seen, so only listings of what
 * a scan met go by it.
 */
#include <pthread.h>
#include <stdlib.h>

#include "internal.h"

enum { MOST = 1 << 20 }; /* names that are kept; where there are more, each is looked for */

struct bounces {
	pthread_mutex_t mutex;
	bool known, read;
	uint64_t *list; /* sorted */
	size_t count, room;
};

struct bounces *bounces_new(void)
{
	struct bounces *b = calloc(1, sizeof *b);

	if (b && pthread_mutex_init(&b->mutex, NULL) != 0) {
		free(b);
		return NULL;
	}
	return b;
}

void bounces_free(struct bounces *b)
{
	if (!b)
		return;
	pthread_mutex_destroy(&b->mutex);
	free(b->list);
	free(b);
}

void bounces_forget(struct bounces *b)
{
	pthread_mutex_lock(&b->mutex);
	b->read = false;
	b->count = 0;
	pthread_mutex_unlock(&b->mutex);
}

static bool add(struct bounces *b, uint64_t n)
{
	if (b->count == MOST)
		return false;
	if (b->count == b->room) {
		size_t room = b->room ? b->room * 2 : 64;
		uint64_t *list = realloc(b->list, room * sizeof *list);

		if (!list)
			return false;
		b->list = list;
		b->room = room;
	}
	b->list[b->count++] = n;
	return true;
}

static int order(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static bool read_names(struct bounces *b, const struct queue_qmail *q)
{
	const char *name = qmail_dir_name(DIR_BOUNCE);
	DIR *d = sys_opendir_at(q->fd, name, name, NULL);
	struct dirent *e;
	uint64_t n;
	int r = -1;

	while (d && (r = sys_readdir(d, name, &e, NULL)) > 0)
		if (qmail_name(slice_from(e->d_name), &n) == NAME_NUMBER && !add(b, n)) {
			r = -1;
			break;
		}
	if (d)
		closedir(d);
	if (b->count)
		qsort(b->list, b->count, sizeof *b->list, order);
	return r == 0;
}

int bounces_has(const struct queue_qmail *q, uint64_t n)
{
	struct bounces *b = q->bounces;
	int r;

	pthread_mutex_lock(&b->mutex);
	if (!b->read)
		b->known = read_names(b, q);
	b->read = true;
	r = !b->known ? -1 : b->count ? bsearch(&n, b->list, b->count, sizeof n, order) != NULL : 0;
	pthread_mutex_unlock(&b->mutex);
	return r;
}
