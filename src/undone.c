/* What was taken back already: see undone.h. */
#include "undone.h"

#include "journal_read.h"
#include "runid.h"

#include <mtaq/jsonbytes.h>
#include <mtaq/limits.h>

#include <stdio.h>
#include <stdlib.h>

/* A message that `by` has taken back of `run`. */
struct undone_record {
	struct slice run, queue, id, by;
};

enum { HEADER_BYTES = 65536 };

/* ---- order ---- */

static int compare(const void *a, const void *b)
{
	const struct undone_record *x = a, *y = b;
	int r = slice_cmp(x->run, y->run);

	if (r == 0)
		r = slice_cmp(x->queue, y->queue);
	return r ? r : slice_cmp(x->id, y->id);
}

/* The first that is not before `key`. */
static size_t find(const struct undone *u, const struct undone_record *key)
{
	size_t low = 0, high = u->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (compare(&u->list[middle], key) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* ---- reading ---- */

/* Does its first line say that it undoes another? Most do not, and are not read on. */
static bool is_undo(const char *dir, const char *run)
{
	char name[LIMIT_NAME_BYTES], *text = malloc(HEADER_BYTES);
	int at = sys_open_dir(dir, NULL), fd = -1;
	ssize_t n = -1;
	bool found;

	snprintf(name, sizeof name, "%s.jsonl", run);
	if (at >= 0)
		fd = sys_open_file(at, name, SYS_READ, name, NULL, NULL);
	if (fd >= 0 && text)
		n = sys_pread(fd, text, HEADER_BYTES, 0);
	found = slice_find(slice_of(text, n > 0 ? (size_t)n : 0), SLICE("\"undoes\"")) != SIZE_MAX;
	sys_close(fd);
	sys_close(at);
	free(text);
	return found;
}

static void add(struct undone *u, struct undone_record r)
{
	if (u->count == u->room) {
		u->room = u->room ? u->room * 2 : 64;
		u->list = realloc(u->list, u->room * sizeof *u->list);
		if (!u->list)
			abort();
	}
	u->list[u->count++] = r;
}

static struct slice member(struct undone *u, const json_t *object, const char *key)
{
	struct slice s = json_bytes_get(json_object_get(object, key), &u->arena);

	return s.p ? arena_copy(&u->arena, s) : SLICE_NONE;
}

static void add_records(struct undone *u, const struct journal_file *file)
{
	struct undone_record r = {.run = member(u, file->header, "undoes"),
				  .by = arena_copy(&u->arena, slice_from(file->run))};

	for (size_t i = 0; r.run.p && r.by.p && i < file->count; i++) {
		json_t *line = file->records[i].result == RESULT_DONE
				   ? journal_line(file->records[i].intent, NULL)
				   : NULL;

		r.queue = member(u, line, "queue");
		r.id = member(u, line, "id");
		json_decref(line);
		if (r.queue.p && r.id.p)
			add(u, r);
	}
}

static void read_one(struct undone *u, const char *dir, const char *run)
{
	struct error err = ERROR_INIT;
	struct journal_file file;
	bool running;

	if (journal_load(dir, run, &u->arena, &file, &running, &err) == 0)
		add_records(u, &file);
	journal_file_free(&file);
}

void undone_read(struct undone *u, const char *dir, const char *run)
{
	struct error err = ERROR_INIT;
	int64_t begun = 0, t;
	struct run_ids ids;

	*u = (struct undone){0};
	arena_init(&u->arena, 0);
	run_id_time(slice_from(run), &begun);
	run_ids_read(dir, ".jsonl", &ids, &err);
	for (size_t i = 0; i < ids.count; i++)
		if (run_id_time(slice_from(ids.list[i]), &t) && t >= begun &&
		    is_undo(dir, ids.list[i]))
			read_one(u, dir, ids.list[i]);
	run_ids_free(&ids);
	if (u->count)
		qsort(u->list, u->count, sizeof *u->list, compare);
}

/* ---- asking ---- */

/* `left`: more steps than there are records lead in a circle, as only broken files can say. */
static bool has(const struct undone *u, const struct undone_record *key, size_t *left)
{
	for (size_t i = find(u, key); i < u->count && compare(&u->list[i], key) == 0; i++) {
		struct undone_record again = *key;

		again.run = u->list[i].by;
		if (*left == 0)
			return false;
		--*left;
		if (!has(u, &again, left))
			return true;
	}
	return false;
}

bool undone_has(const struct undone *u, const char *run, struct slice queue, struct slice id)
{
	const struct undone_record key = {.run = slice_from(run), .queue = queue, .id = id};
	size_t left = u->count;

	return has(u, &key, &left);
}

void undone_free(struct undone *u)
{
	free(u->list);
	arena_free(&u->arena);
	*u = (struct undone){0};
}
