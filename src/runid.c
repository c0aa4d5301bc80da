/* Ids of runs: see runid.h. */
#include "runid.h"

#include "calendar.h"

#include <mtaq/sysio.h>

#include <stdlib.h>

/* `digits` of them between low and high, and one of `after` unless that is NUL. */
static bool take_number(struct slice *s, size_t digits, int low, int high, char after, int *out)
{
	uint64_t n;

	if (s->n < digits + (after != '\0') || !slice_u64(slice_take(*s, digits), &n) ||
	    (int)n < low || (int)n > high || (after && s->p[digits] != after))
		return false;
	*s = slice_skip(*s, digits + (after != '\0'));
	*out = (int)n;
	return true;
}

/* "-12345", "-12345.003" */
static bool is_process(struct slice s)
{
	struct slice pid;
	uint64_t n;

	if (s.n < 2 || s.p[0] != '-')
		return false;
	s = slice_skip(s, 1);
	slice_cut(&s, '.', &pid);
	return pid.n <= 10 && slice_u64(pid, &n) && (!s.p || (s.n <= 6 && slice_u64(s, &n)));
}

bool run_id_time(struct slice id, int64_t *t)
{
	struct calendar c = {0};
	int year;

	if (!take_number(&id, 4, 1970, 9999, '\0', &year) ||
	    !take_number(&id, 2, 1, 12, '\0', &c.month) ||
	    !take_number(&id, 2, 1, 31, 'T', &c.day) ||
	    !take_number(&id, 2, 0, 23, '\0', &c.hour) ||
	    !take_number(&id, 2, 0, 59, '\0', &c.minute) ||
	    !take_number(&id, 2, 0, 60, 'Z', &c.second))
		return false;
	c.year = year;
	*t = calendar_seconds(&c);
	return is_process(id);
}

bool run_id_valid(struct slice id)
{
	int64_t t;

	return run_id_time(id, &t);
}

/* Of one second by process, as a number: 9999 comes before 10000. Both are valid ids. */
static int compare_ids(const void *a, const void *b)
{
	const char *x = *(const char *const *)a, *y = *(const char *const *)b;
	size_t process = strcspn(x, "-") + 1, digits_x, digits_y;
	int r = strncmp(x, y, process);

	if (r != 0)
		return r;
	digits_x = strspn(x + process, "0123456789");
	digits_y = strspn(y + process, "0123456789");
	if (digits_x != digits_y)
		return digits_x < digits_y ? -1 : 1;
	return strcmp(x, y);
}

static void add_run(struct run_ids *l, struct slice name, struct slice suffix)
{
	if (!slice_ends(name, suffix))
		return;
	name.n -= suffix.n;
	if (!run_id_valid(name))
		return;
	/* grows by doubling: the count is a power of two exactly when the list is full */
	if ((l->count & (l->count - 1)) == 0) {
		l->list = realloc(l->list, (l->count ? l->count * 2 : 1) * sizeof *l->list);
		if (!l->list)
			abort();
	}
	l->list[l->count++] = arena_str(&l->names, name);
}

int run_ids_read(const char *dir, const char *suffix, struct run_ids *out, struct error *err)
{
	int r, fd = sys_open_dir(dir, err);
	DIR *d = fd < 0 ? NULL : sys_opendir_at(fd, ".", dir, err);
	struct dirent *e;

	*out = (struct run_ids){0};
	arena_init(&out->names, 0);
	sys_close(fd);
	if (!d && err->code == ERROR_GONE) {
		error_clear(err);
		return 0;
	}
	if (!d)
		return -1;
	while ((r = sys_readdir(d, dir, &e, err)) == 1)
		add_run(out, slice_from(e->d_name), slice_from(suffix));
	closedir(d);
	if (r == 0 && out->count)
		qsort(out->list, out->count, sizeof *out->list, compare_ids);
	return r;
}

void run_ids_free(struct run_ids *l)
{
	free(l->list);
	arena_free(&l->names);
}
