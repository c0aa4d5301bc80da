/* Looking into the trash: see trash_read.h. */
#include "trash_read.h"

#include "runid.h"

#include <mtaq/limits.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

/* ---- notes of a folder ---- */

static int compare_ids(const void *a, const void *b)
{
	return slice_cmp(*(const struct slice *)a, *(const struct slice *)b);
}

static void add_id(struct saved_ids *l, struct slice name)
{
	if (!slice_ends(name, SLICE(".json")) || name.n == 5)
		return;
	/* grows by doubling: the count is a power of two exactly when the list is full */
	if ((l->count & (l->count - 1)) == 0) {
		l->list = realloc(l->list, (l->count ? l->count * 2 : 1) * sizeof *l->list);
		if (!l->list)
			abort();
	}
	l->list[l->count++] = arena_copy(&l->names, slice_take(name, name.n - 5));
}

int saved_ids_read(int folder, const char *what, struct saved_ids *out, struct error *err)
{
	DIR *d = sys_opendir_at(folder, ".", what, err);
	struct dirent *e;
	int r;

	*out = (struct saved_ids){0};
	arena_init(&out->names, 0);
	if (!d)
		return -1;
	while ((r = sys_readdir(d, what, &e, err)) == 1)
		add_id(out, slice_from(e->d_name));
	closedir(d);
	if (r == 0 && out->count)
		qsort(out->list, out->count, sizeof *out->list, compare_ids);
	return r;
}

void saved_ids_free(struct saved_ids *l)
{
	free(l->list);
	arena_free(&l->names);
}

/* ---- runs ---- */

/* Notes are believed: they must be our own. */
static int open_place(const char *place, struct error *err)
{
	int fd = sys_open_dir(place, err);
	struct stat st;

	if (fd < 0)
		return -1;
	if (fstat(fd, &st) == 0 && st.st_uid == geteuid() && !(st.st_mode & 022))
		return fd;
	sys_close(fd);
	return error_set(err, ERROR_DENIED, "%s: others can write to it: this is no trash", place);
}

static bool each_id(const struct trash_item *folder, const struct saved_ids *ids,
		    bool (*fn)(void *ctx, const struct trash_item *item), void *ctx)
{
	for (size_t i = 0; i < ids->count; i++) {
		struct trash_item item = *folder;

		item.id = ids->list[i];
		if (!fn(ctx, &item))
			return false;
	}
	return true;
}

typedef bool item_fn(void *ctx, const struct trash_item *item);

static bool has_note(int folder, struct slice id)
{
	char name[LIMIT_NAME_BYTES + 8];
	struct stat st;

	if (id.n > LIMIT_NAME_BYTES || slice_chr(id, '/') != SIZE_MAX)
		return false;
	snprintf(name, sizeof name, "%" SLICE_FMT ".json", SLICE_ARG(id));
	return fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

/* 1 to go on, 0 to end, -1 when it cannot be read. */
static int each_of_folder(struct trash_item *item, item_fn *fn, void *ctx, struct error *err)
{
	struct saved_ids ids;
	int r;

	if (item->id.p)
		return !has_note(item->fd, item->id) || fn(ctx, item);
	r = saved_ids_read(item->fd, item->folder, &ids, err);
	if (r == 0)
		r = each_id(item, &ids, fn, ctx);
	saved_ids_free(&ids);
	return r;
}

static int each_of_run(int base, const char *place, struct trash_item *item, item_fn *fn, void *ctx,
		       struct error *err)
{
	struct arena a;
	int r = -1;

	arena_init(&a, 0);
	item->folder = arena_printf(&a, "%s/%s", place, item->run).p;
	item->fd = sys_open_subdir(base, item->run, false, item->folder, err);
	if (item->fd >= 0)
		r = each_of_folder(item, fn, ctx, err);
	sys_close(item->fd);
	arena_free(&a);
	return r;
}

int trash_each(const char *place, struct slice id, item_fn *fn, void *ctx, struct error *err)
{
	struct run_ids runs;
	int r, more = 1, base = open_place(place, err);

	if (base < 0 && err->code == ERROR_GONE) {
		error_clear(err);
		return 0;
	}
	if (base < 0)
		return -1;
	r = run_ids_read(place, "", &runs, err);
	for (size_t i = 0; r == 0 && more && i < runs.count; i++) {
		struct trash_item item = {.run = runs.list[i], .id = id};
		struct error local = ERROR_INIT;

		more = each_of_run(base, place, &item, fn, ctx, &local);
		if (more < 0 && local.code != ERROR_GONE && err->code == ERROR_NONE)
			*err = local;
	}
	run_ids_free(&runs);
	sys_close(base);
	return err->code == ERROR_NONE ? r : -1;
}

/* ---- emptying ---- */

static int remove_files(int folder, const char *what, bool only_notes, struct error *err)
{
	DIR *d = sys_opendir_at(folder, ".", what, err);
	struct dirent *e;
	int r;

	if (!d)
		return -1;
	/* removing what was read already does not disturb the reading of the rest */
	while ((r = sys_readdir(d, what, &e, err)) == 1)
		if ((!only_notes || slice_ends(slice_from(e->d_name), SLICE(".json"))) &&
		    unlinkat(folder, e->d_name, 0) < 0 && errno != ENOENT)
			error_sys(err, errno, "%s/%s", what, e->d_name);
	closedir(d);
	return err->code == ERROR_NONE ? r : -1;
}

static int empty_folder(int folder, const char *what, bool dry_run, size_t *messages,
			struct error *err)
{
	struct saved_ids ids;
	int r;

	if (flock(folder, LOCK_EX | LOCK_NB) < 0)
		return errno == EWOULDBLOCK ? 0 : error_sys(err, errno, "%s", what);
	r = saved_ids_read(folder, what, &ids, err);
	*messages = ids.count;
	saved_ids_free(&ids);
	/* notes first: cut off anywhere, a message is in the trash whole or not at all */
	if (r == 0 && !dry_run)
		r = remove_files(folder, what, true, err);
	if (r == 0 && !dry_run)
		r = remove_files(folder, what, false, err);
	return r < 0 ? -1 : 1;
}

int trash_empty_run(const char *place, const char *run, bool dry_run, size_t *messages,
		    struct error *err)
{
	int folder, r, base = open_place(place, err);

	*messages = 0;
	if (base < 0)
		return -1;
	folder = sys_open_subdir(base, run, false, run, err);
	r = folder < 0 ? -1 : empty_folder(folder, run, dry_run, messages, err);
	if (r == 1 && !dry_run && (unlinkat(base, run, AT_REMOVEDIR) < 0 || fsync(base) < 0))
		r = error_sys(err, errno, "%s/%s", place, run);
	sys_close(folder);
	sys_close(base);
	return r;
}
