/* Where the files of a message lie, and which directory entries are messages at all. */
#include "internal.h"

static const char *const dir_names[DIR_COUNT] = {
    [DIR_MESS] = "mess", [DIR_INFO] = "info", [DIR_LOCAL] = "local",   [DIR_REMOTE] = "remote",
    [DIR_TODO] = "todo", [DIR_INTD] = "intd", [DIR_BOUNCE] = "bounce",
};

static const struct {
	enum qmail_dir dir;
	enum { SPLIT, FLAT, AS_TODO, NOT_AS_TODO } place;
} files[FILE_COUNT] = {
    [FILE_MESS] = {DIR_MESS, SPLIT},	[FILE_INFO] = {DIR_INFO, SPLIT},
    [FILE_LOCAL] = {DIR_LOCAL, SPLIT},	[FILE_REMOTE] = {DIR_REMOTE, SPLIT},
    [FILE_TODO] = {DIR_TODO, AS_TODO},	[FILE_TODO_OTHER] = {DIR_TODO, NOT_AS_TODO},
    [FILE_INTD] = {DIR_INTD, AS_TODO},	[FILE_INTD_OTHER] = {DIR_INTD, NOT_AS_TODO},
    [FILE_BOUNCE] = {DIR_BOUNCE, FLAT},
};

const char *qmail_dir_name(enum qmail_dir d)
{
	return dir_names[d];
}

static bool is_split(const struct queue_qmail *q, enum qmail_file f)
{
	switch (files[f].place) {
	case SPLIT:
		return true;
	case AS_TODO:
		return q->big_todo;
	case NOT_AS_TODO:
		return !q->big_todo;
	default:
		return false;
	}
}

/* printf takes a tenth of the time of a listing for this. */
static size_t put_number(char *out, uint64_t n)
{
	char digits[20];
	size_t count = 0;

	do
		digits[count++] = (char)('0' + n % 10);
	while ((n /= 10) != 0);
	for (size_t i = 0; i < count; i++)
		out[i] = digits[count - 1 - i];
	return count;
}

/* DIR, or DIR/SPLIT, and the number: shorter than PART_ROOM. */
static void put_path(char *out, const char *dir, bool split, unsigned d, uint64_t n)
{
	size_t at = strlen(dir);

	memcpy(out, dir, at);
	out[at++] = '/';
	if (split) {
		at += put_number(out + at, d);
		out[at++] = '/';
	}
	at += put_number(out + at, n);
	out[at] = '\0';
}

int qmail_path(const struct queue_qmail *q, enum qmail_file f, uint64_t n, struct file_path *out,
	       struct error *err)
{
	const char *dir = dir_names[files[f].dir];
	size_t at = strlen(q->base.dir);
	unsigned d = (unsigned)(n % q->split);
	bool split = is_split(q, f);

	memcpy(out->full, q->base.dir, at);
	out->full[at++] = '/';
	out->name = out->full + at;
	put_path(out->full + at, dir, split, d, n);
	if (split && (q->bad[d] & (1u << files[f].dir)))
		return error_set(err, ERROR_CORRUPT, "%s/%s/%u is no directory", q->base.dir, dir,
				 d);
	return 0;
}

size_t qmail_dir_of(const struct queue_qmail *q, enum qmail_file f, uint64_t n, enum qmail_dir *dir)
{
	*dir = files[f].dir;
	return is_split(q, f) ? (size_t)(n % q->split) : q->split;
}

int qmail_stat(const struct queue_qmail *q, enum qmail_file f, uint64_t n, struct stat *st,
	       struct error *err)
{
	struct file_path p;
	struct error e = ERROR_INIT;

	if (qmail_path(q, f, n, &p, err) < 0)
		return -1;
	if (sys_stat(q->fd, p.name, p.full, st, &e) == 0)
		return 1;
	if (e.code == ERROR_GONE)
		return 0;
	if (err && err->code == ERROR_NONE)
		*err = e;
	return -1;
}

int qmail_find_todo(const struct queue_qmail *q, uint64_t n, enum qmail_file *f, struct stat *st,
		    struct error *err)
{
	int r = qmail_stat(q, *f = FILE_TODO, n, st, err);

	/* In a flat todo the other layout cannot be unless todo has directories, and then it is no
	 * flat todo. */
	if (r == 0 && q->big_todo)
		r = qmail_stat(q, *f = FILE_TODO_OTHER, n, st, err);
	/* todo/0 of a split todo is no message */
	return r > 0 && *f == FILE_TODO_OTHER && S_ISDIR(st->st_mode) ? 0 : r;
}

int64_t qmail_mtime_ns(const struct stat *st)
{
	uint64_t ns = (uint64_t)st->st_mtime * 1000000000u;

#ifdef HAVE_STRUCT_STAT_ST_MTIM_TV_NSEC
	ns += (uint64_t)st->st_mtim.tv_nsec;
#endif
	return (int64_t)ns;
}

enum name_kind qmail_name(struct slice name, uint64_t *n)
{
	bool wraps = false;

	*n = 0;
	if (name.n == 0 || name.p[0] == '.')
		return NAME_HIDDEN;
	for (size_t i = 0; i < name.n; i++) {
		unsigned digit = (unsigned char)name.p[i] - (unsigned)'0';

		if (!ascii_isdigit(name.p[i]))
			return NAME_STRAY;
		wraps |= *n > (UINT64_MAX - digit) / 10;
		*n = *n * 10 + digit;
	}
	if (wraps)
		return NAME_WRAPS;
	return name.p[0] == '0' && name.n > 1 ? NAME_ZEROS : NAME_NUMBER;
}
