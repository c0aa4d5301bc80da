/* Reading the names in a directory of the queue: which are messages in their place, and which are
 * not. */
#include "check.h"

#include <stdio.h>

/* Not ".mtaq.": what begins so belongs to a run of mtaq that is over, and is swept away. */
static const char half[] = ".mtaq-number.";

void half_name(uint64_t from, uint64_t to, bool shown, char out[PLACE_NAME])
{
	snprintf(out, PLACE_NAME, "%s%llu.%llu%s", half, (unsigned long long)from,
		 (unsigned long long)to, shown ? ".shown" : "");
}

bool half_parse(struct slice name, uint64_t *from, uint64_t *to, bool *shown)
{
	struct slice first, second, rest = slice_skip(name, sizeof half - 1);

	if (!slice_starts(name, slice_from(half)) || !slice_cut(&rest, '.', &first) ||
	    !slice_cut(&rest, '.', &second))
		return false;
	*shown = rest.p != NULL;
	return slice_u64(first, from) && slice_u64(second, to) &&
	       (!rest.p || slice_eq(rest, SLICE("shown")));
}

static bool is_dir(DIR *dir, const struct dirent *de)
{
	struct stat st;

#ifdef HAVE_STRUCT_DIRENT_D_TYPE
	if (de->d_type != DT_UNKNOWN)
		return de->d_type == DT_DIR;
#endif
	return sys_stat(dirfd(dir), de->d_name, de->d_name, &st, NULL) == 0 && S_ISDIR(st.st_mode);
}

/* The split directories of a todo or intd that is split too. */
static bool is_split_dir(const struct queue_qmail *q, enum qmail_dir dir, int d, DIR *handle,
			 const struct dirent *de)
{
	return d == FLAT && q->big_todo && (dir == DIR_TODO || dir == DIR_INTD) &&
	       is_dir(handle, de);
}

static bool in_place(const struct queue_qmail *q, int d, uint64_t n)
{
	return d == FLAT || n % q->split == (unsigned)d;
}

static void take(const struct queue_qmail *q, enum qmail_dir dir, int d, char *name,
		 struct numbers *numbers, struct odds *odds)
{
	struct odd o = {.dir = dir, .d = d, .name = name};
	enum name_kind kind = qmail_name(slice_from(name), &o.n);
	bool shown;

	if (kind == NAME_NUMBER && in_place(q, d, o.n)) {
		numbers_add(numbers, o.n);
		return;
	}
	if (kind == NAME_NUMBER)
		o.kind = ODD_MISPLACED;
	else if (kind == NAME_ZEROS || kind == NAME_WRAPS)
		o.kind = ODD_OTHER_NUMBER;
	else if (kind == NAME_STRAY)
		o.kind = ODD_STRAY;
	else if (half_parse(slice_from(name), &o.n, &o.to, &shown))
		o.kind = ODD_HALF;
	else
		return;
	/* what the file system put there */
	if (strcmp(name, "lost+found") != 0)
		odds_add(odds, &o);
}

int names_read(const struct queue_qmail *q, enum qmail_dir dir, int d, struct numbers *numbers,
	       struct odds *odds, struct error *err)
{
	struct arena a;
	struct slice path;
	struct dirent *de;
	DIR *handle;
	int r = -1;

	arena_init(&a, 0);
	path = place_dir(&a, q, dir, d);
	handle =
	    path.p ? sys_opendir_at(q->fd, path.p + strlen(q->base.dir) + 1, path.p, err) : NULL;
	while (handle && (r = sys_readdir(handle, path.p, &de, err)) > 0)
		if (!is_split_dir(q, dir, d, handle, de))
			take(q, dir, d, de->d_name, numbers, odds);
	if (handle)
		closedir(handle);
	arena_free(&a);
	return r;
}
