/*
 * Walking a queue: one split directory after the other, in each the union of what todo, info and
 * mess name, ascending.
 *
 * The names of one split directory are kept as numbers of 8 bytes, and a todo that is not split
 * once for the whole walk; nothing else grows with the queue. todo is read before info and info
 * before mess, which is the way a message goes: one that moves meanwhile is seen twice rather than
 * never, and listed once. Odd entries are told as they are met.
 */
#include "internal.h"

#include <stdio.h>
#include <stdlib.h>

struct numbers {
	uint64_t *v;
	size_t n, room, at;
};

/* The directories that are read, in this order; the first only once. */
enum phase { READ_FLAT_TODO, READ_TODO, READ_INFO, READ_MESS, MERGE, PHASE_COUNT };

struct scan {
	const struct queue_qmail *q;
	enum phase phase;
	unsigned d; /* split directory */
	DIR *dir;   /* being read, NULL: not opened yet */
	struct numbers todo_flat;
	size_t *todo_start; /* where each split directory begins in todo_flat */
	struct numbers todo, info, mess;
};

static bool numbers_add(struct numbers *l, uint64_t n)
{
	if (l->n == l->room) {
		size_t room = l->room ? l->room * 2 : 256;
		uint64_t *v = realloc(l->v, room * sizeof *v);

		if (!v)
			return false;
		l->v = v;
		l->room = room;
	}
	l->v[l->n++] = n;
	return true;
}

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static void numbers_sort(struct numbers *l)
{
	l->at = 0;
	if (l->n > 1)
		qsort(l->v, l->n, sizeof *l->v, compare);
}

struct scan *scan_begin(const struct queue *base, struct error *err)
{
	const struct queue_qmail *q = queue_qmail(base);
	struct scan *s = calloc(1, sizeof *s);

	if (s)
		s->todo_start = calloc((size_t)q->split + 1, sizeof *s->todo_start);
	if (!s || !s->todo_start) {
		free(s);
		error_set(err, ERROR_NOMEM, "out of memory");
		return NULL;
	}
	s->q = q;
	bounces_forget(q->bounces);
	return s;
}

void scan_end(struct scan *s)
{
	if (!s)
		return;
	if (s->dir)
		closedir(s->dir);
	free(s->todo_flat.v);
	free(s->todo.v);
	free(s->info.v);
	free(s->mess.v);
	free(s->todo_start);
	free(s);
}

static struct numbers *phase_numbers(struct scan *s)
{
	switch (s->phase) {
	case READ_FLAT_TODO:
		return &s->todo_flat;
	case READ_TODO:
		return &s->todo;
	case READ_INFO:
		return &s->info;
	default:
		return &s->mess;
	}
}

static enum qmail_dir phase_dir(const struct scan *s)
{
	switch (s->phase) {
	case READ_INFO:
		return DIR_INFO;
	case READ_MESS:
		return DIR_MESS;
	default:
		return DIR_TODO;
	}
}

static void phase_path(const struct scan *s, struct file_path *out)
{
	const char *name = qmail_dir_name(phase_dir(s));
	int at = snprintf(out->full, sizeof out->full, "%s/", s->q->base.dir);

	out->name = out->full + at;
	if (s->phase == READ_FLAT_TODO)
		snprintf(out->full + at, PART_ROOM, "%s", name);
	else
		snprintf(out->full + at, PART_ROOM, "%s/%u", name, s->d);
}

/* Order the flat todo by split directory, then by number: a counting sort that keeps the ascending
 * order. */
static int deal_todo(struct scan *s, struct error *err)
{
	struct numbers *l = &s->todo_flat;
	uint64_t *dealt = l->n ? malloc(l->n * sizeof *dealt) : NULL;
	unsigned split = s->q->split;

	if (l->n && !dealt)
		return error_set(err, ERROR_NOMEM, "out of memory");
	for (size_t i = 0; i < l->n; i++)
		s->todo_start[l->v[i] % split + 1]++;
	for (unsigned d = 0; d < split; d++)
		s->todo_start[d + 1] += s->todo_start[d];
	for (size_t i = 0; i < l->n; i++)
		dealt[s->todo_start[l->v[i] % split]++] = l->v[i];
	for (unsigned d = split; d > 0; d--)
		s->todo_start[d] = s->todo_start[d - 1];
	s->todo_start[0] = 0;
	free(l->v);
	l->v = dealt;
	l->room = l->n;
	return 0;
}

/* The present directory has been read, or cannot be. */
static int end_phase(struct scan *s, struct error *err)
{
	struct numbers *l = phase_numbers(s);
	int r = 0;

	if (s->dir)
		closedir(s->dir);
	s->dir = NULL;
	numbers_sort(l);
	if (s->phase == READ_FLAT_TODO) {
		r = deal_todo(s, err);
		if (r < 0)
			l->n = 0;
	}
	s->phase++;
	if (s->phase == MERGE)
		s->todo_flat.at = s->todo_start[s->d];
	return r;
}

static int queue_error(struct error *err)
{
	if (err)
		err->scope = SCOPE_QUEUE;
	return -1;
}

/* What was told when the queue was opened is not told again. */
static bool skip_phase(const struct scan *s)
{
	unsigned bit = 1u << phase_dir(s);

	if (s->q->denied & bit)
		return true;
	if (s->phase == READ_TODO)
		return !s->q->big_todo;
	return s->phase > READ_TODO && (s->q->bad[s->d] & bit);
}

/* Below the directory that is being read. */
static bool is_dir(const struct scan *s, const struct dirent *de)
{
	struct stat st;

#ifdef HAVE_STRUCT_DIRENT_D_TYPE
	if (de->d_type != DT_UNKNOWN)
		return de->d_type == DT_DIR;
#endif
	return sys_stat(dirfd(s->dir), de->d_name, de->d_name, &st, NULL) == 0 &&
	       S_ISDIR(st.st_mode);
}

static int odd_entry(enum name_kind kind, uint64_t n, const char *path, const char *name,
		     struct error *err)
{
	if (kind == NAME_STRAY)
		error_set(err, ERROR_CORRUPT, "%s/%s: not a message: qmail passes it over", path,
			  name);
	else
		error_set(err, ERROR_CORRUPT, "%s/%s: not a message: qmail takes it for %llu (%s)",
			  path, name, (unsigned long long)n,
			  kind == NAME_ZEROS ? "leading zeros" : "the number is too large");
	if (err)
		err->scope = SCOPE_MESSAGE;
	return -1;
}

/* Take one entry: 0, or -1 when there is something to tell. */
static int take_entry(struct scan *s, const char *path, const struct dirent *de, struct error *err)
{
	uint64_t n;
	enum name_kind kind = qmail_name(slice_from(de->d_name), &n);

	if (kind == NAME_HIDDEN || (kind == NAME_STRAY && strcmp(de->d_name, "lost+found") == 0))
		return 0;
	if (s->phase == READ_FLAT_TODO && s->q->big_todo && kind == NAME_NUMBER && is_dir(s, de))
		return 0;
	if (kind != NAME_NUMBER)
		return odd_entry(kind, n, path, de->d_name, err);
	if (s->phase != READ_FLAT_TODO && n % s->q->split != s->d) {
		error_set(err, ERROR_CORRUPT,
			  "%s/%llu: in the wrong directory: qmail looks for it in %s/%u", path,
			  (unsigned long long)n, qmail_dir_name(phase_dir(s)),
			  (unsigned)(n % s->q->split));
		if (err)
			err->scope = SCOPE_MESSAGE;
		return -1;
	}
	if (numbers_add(phase_numbers(s), n))
		return 0;
	error_set(err, ERROR_NOMEM, "%s: out of memory: messages are missing", path);
	return queue_error(err);
}

/* Read on in the present directory: 0 when it is done, -1 with something to tell (call again). */
static int read_phase(struct scan *s, struct error *err)
{
	struct file_path path;
	struct dirent *de;
	int r;

	if (skip_phase(s))
		return end_phase(s, err);
	phase_path(s, &path);
	if (!s->dir && !(s->dir = sys_opendir_at(s->q->fd, path.name, path.full, err))) {
		end_phase(s, NULL);
		return queue_error(err);
	}
	while ((r = sys_readdir(s->dir, path.full, &de, err)) > 0) {
		if (take_entry(s, path.full, de, err) < 0)
			return -1;
	}
	if (r == 0)
		return end_phase(s, err) < 0 ? queue_error(err) : 0;
	end_phase(s, NULL);
	return queue_error(err);
}

static void least(const struct numbers *l, size_t end, bool *any, uint64_t *n)
{
	if (l->at >= end)
		return;
	if (!*any || l->v[l->at] < *n)
		*n = l->v[l->at];
	*any = true;
}

static unsigned take(struct numbers *l, size_t end, uint64_t n, unsigned bit)
{
	unsigned seen = 0;

	/* a name that goes and comes again while the directory is read can be in it twice */
	for (; l->at < end && l->v[l->at] == n; l->at++)
		seen = bit;
	return seen;
}

/* The next number of the split directory: 1, or 0 and on to the next directory. */
static int merge(struct scan *s, uint64_t *n, unsigned *seen)
{
	size_t flat_end = s->todo_flat.n ? s->todo_start[s->d + 1] : 0;
	bool any = false;

	*n = 0;
	least(&s->todo_flat, flat_end, &any, n);
	least(&s->todo, s->todo.n, &any, n);
	least(&s->info, s->info.n, &any, n);
	least(&s->mess, s->mess.n, &any, n);
	if (!any) {
		s->todo.n = s->info.n = s->mess.n = 0;
		s->d++;
		s->phase = READ_TODO;
		return 0;
	}
	*seen = SEEN_IN_SCAN |
		take(&s->todo_flat, flat_end, *n, s->q->big_todo ? SEEN_TODO_OTHER : SEEN_TODO) |
		take(&s->todo, s->todo.n, *n, SEEN_TODO) |
		take(&s->info, s->info.n, *n, SEEN_INFO) | take(&s->mess, s->mess.n, *n, SEEN_MESS);
	return 1;
}

int scan_next(struct scan *s, struct arena *names, struct message_entry *out, struct error *err)
{
	uint64_t n;
	unsigned seen;

	while (s->d < s->q->split) {
		if (s->phase != MERGE) {
			if (read_phase(s, err) < 0)
				return -1;
			continue;
		}
		if (!merge(s, &n, &seen))
			continue;
		*out = (struct message_entry){
		    .unit = &s->q->unit,
		    .name = arena_printf(names, "%llu", (unsigned long long)n),
		    .number = n,
		    .seen = seen,
		};
		if (out->name.p)
			return 1;
		error_set(err, ERROR_NOMEM, "out of memory");
		return queue_error(err);
	}
	return 0;
}
