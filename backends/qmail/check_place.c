/* Where the files of a queue belong. */
#include "check.h"

#include <stdio.h>

struct slice place_dir(struct arena *a, const struct queue_qmail *q, enum qmail_dir dir, int d)
{
	if (dir == DIR_COUNT)
		return arena_copy(a, slice_from(q->base.dir));
	if (d == FLAT)
		return arena_printf(a, "%s/%s", q->base.dir, qmail_dir_name(dir));
	return arena_printf(a, "%s/%s/%d", q->base.dir, qmail_dir_name(dir), d);
}

int place_split(const struct queue_qmail *q, enum qmail_dir dir, uint64_t n)
{
	bool split =
	    dir < (int)DIR_SPLIT_COUNT || (q->big_todo && (dir == DIR_TODO || dir == DIR_INTD));

	return split ? (int)(n % q->split) : FLAT;
}

struct step_place place_of(struct arena *a, const struct queue_qmail *q, enum qmail_file f,
			   uint64_t n)
{
	struct step_place p;
	enum qmail_dir dir;
	size_t d = qmail_dir_of(q, f, n, &dir);

	p.dir = place_dir(a, q, dir, d == q->split ? FLAT : (int)d);
	p.name = arena_printf(a, "%llu", (unsigned long long)n);
	return p;
}

void place_path(const struct queue_qmail *q, enum qmail_file f, uint64_t n, struct file_path *out)
{
	enum qmail_dir dir;
	size_t d = qmail_dir_of(q, f, n, &dir);
	int at = snprintf(out->full, sizeof out->full, "%s/", q->base.dir);

	out->name = out->full + at;
	if (d == q->split)
		snprintf(out->full + at, PART_ROOM, "%s/%llu", qmail_dir_name(dir),
			 (unsigned long long)n);
	else
		snprintf(out->full + at, PART_ROOM, "%s/%zu/%llu", qmail_dir_name(dir), d,
			 (unsigned long long)n);
}

int place_stat(const struct queue_qmail *q, enum qmail_file f, uint64_t n, struct stat *st,
	       struct error *err)
{
	struct file_path path;
	struct error e = ERROR_INIT;

	place_path(q, f, n, &path);
	if (sys_stat(q->fd, path.name, path.full, st, &e) == 0)
		return 1;
	if (e.code == ERROR_GONE)
		return 0;
	if (err && err->code == ERROR_NONE)
		*err = e;
	return -1;
}

int place_open(const struct queue_qmail *q, enum qmail_file f, uint64_t n, struct stat *st,
	       struct error *err)
{
	struct file_path path;

	place_path(q, f, n, &path);
	return sys_open_file(q->fd, path.name, SYS_READ, path.full, st, err);
}

bool is_old(int64_t now, const struct stat *st)
{
	return now > st->st_atime + OSSIFIED;
}
