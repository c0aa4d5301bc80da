/* Files of a log: which, in what order, line by line. See logread.h. */
#include "logread.h"

#include <mtaq/limits.h>
#include <mtaq/sysio.h>
#include <mtaq/text.h>

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

enum { BLOCK = 256 << 10, FIRST_BYTES = 64 << 10, CUT_LENGTH = 700, MAX_FILES = 100000 };

/* One place that was named: a file, or a directory of files. */
struct place {
	const char *path;
	int dir;      /* -1: a file */
	int current;  /* of the file, or of `current`; -1: there is none */
	char **names; /* rotated files, sorted; malloc'd */
	size_t count, room;
	struct number first; /* time of its first line */
	size_t order;	     /* as it was named */
};

struct reading {
	const struct log_reader *reader;
	struct error *err;
	char *block;	     /* BLOCK bytes and room for a line that began before */
	struct buf piece;    /* a line that may go on */
	struct log_line cut; /* of that line: stamp and text are offsets' */
	size_t stamp_n;
	bool held;
	struct stat *seen;
	size_t seen_count;
};

/* ---- lines ---- */

static int give(struct reading *r, const struct log_line *l)
{
	return l->text.p ? r->reader->line(r->reader->ctx, l) : 0;
}

/* The held line is whole now. */
static int give_held(struct reading *r)
{
	struct log_line l = r->cut;
	struct slice all = buf_slice(&r->piece);

	if (!r->held)
		return 0;
	r->held = false;
	l.stamp = slice_take(all, r->stamp_n);
	l.text = slice_skip(all, r->stamp_n);
	return give(r, &l);
}

static void hold(struct reading *r, const struct log_line *l)
{
	buf_clear(&r->piece);
	buf_add(&r->piece, l->stamp);
	buf_add(&r->piece, l->text);
	r->stamp_n = l->stamp.n;
	r->cut = *l;
	r->held = true;
}

/* splogger cuts long lines only: all others need not be kept until the next one. */
static int take_line(struct reading *r, struct slice raw)
{
	struct log_line l;

	logline_split(raw, &l);
	if (!l.text.p)
		return 0;
	if (l.more) {
		if (r->held && slice_eq(slice_take(buf_slice(&r->piece), r->stamp_n), l.stamp) &&
		    r->piece.n + l.text.n <= LIMIT_LOG_LINE)
			buf_add(&r->piece, l.text);
		return 0;
	}
	if (give_held(r) < 0)
		return -1;
	if (l.carrier == CARRIER_DECIMAL && l.text.n >= CUT_LENGTH) {
		hold(r, &l);
		return 0;
	}
	return give(r, &l);
}

/* All whole lines of `s`; what is left of it in *rest. */
static int take_lines(struct reading *r, struct slice s, bool *skip, struct slice *rest)
{
	const char *end;

	while (s.n && (end = memchr(s.p, '\n', s.n))) {
		struct slice raw = slice_of(s.p, (size_t)(end - s.p));

		s = slice_skip(s, raw.n + 1);
		if (!*skip && take_line(r, raw) < 0)
			return -1;
		*skip = false;
	}
	*rest = s;
	return 0;
}

static int read_lines(struct reading *r, int fd, const char *path)
{
	size_t kept = 0;
	bool skip = false; /* the rest of a line that is too long */

	for (;;) {
		struct slice rest = SLICE_NONE;
		ssize_t got = read(fd, r->block + kept, BLOCK);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return error_sys(r->err, errno, "%s", path);
		if (got == 0)
			return 0;
		if (take_lines(r, slice_of(r->block, kept + (size_t)got), &skip, &rest) < 0)
			return -1;
		if (rest.n > LIMIT_LOG_LINE) {
			skip = true;
			rest.n = 0;
		}
		if (rest.n)
			memmove(r->block, rest.p, rest.n);
		kept = rest.n;
	}
}

/* ---- files ---- */

static bool is_compressed(int fd)
{
	static const struct {
		const char *bytes;
		size_t n;
	} magic[] = {{"\x1f\x8b", 2},
		     {"BZh", 3},
		     {"\xfd"
		      "7zXZ",
		      5},
		     {"\x28\xb5\x2f\xfd", 4}};
	char head[8];
	ssize_t got = sys_pread(fd, head, sizeof head, 0);

	for (size_t i = 0; i < sizeof magic / sizeof magic[0]; i++)
		if (got >= (ssize_t)magic[i].n && memcmp(head, magic[i].bytes, magic[i].n) == 0)
			return true;
	return false;
}

/* Is it a file that was read already? */
static bool seen_before(struct reading *r, int fd)
{
	struct stat st, *list;

	if (fstat(fd, &st) < 0)
		return false;
	for (size_t i = 0; i < r->seen_count; i++)
		if (r->seen[i].st_dev == st.st_dev && r->seen[i].st_ino == st.st_ino)
			return true;
	list = realloc(r->seen, (r->seen_count + 1) * sizeof *list);
	if (!list)
		return false;
	r->seen = list;
	r->seen[r->seen_count++] = st;
	return false;
}

/* A rotated file of a directory. What was there before a file that cannot be read as it is, is cut
 * off by it. */
static int read_rotated(struct reading *r, const struct place *p, const char *name)
{
	struct slice s = slice_from(name);
	struct error e = ERROR_INIT;
	int fd = sys_open_file(p->dir, name, SYS_READ, name, NULL, &e), result = 0;

	if (fd < 0 && e.code != ERROR_GONE) {
		error_prefix(&e, "%s", p->path);
		if (r->err->code == ERROR_NONE)
			*r->err = e;
		return -1;
	}
	if (fd < 0 || is_compressed(fd))
		r->reader->gap(r->reader->ctx);
	else if (!seen_before(r, fd))
		result = read_lines(r, fd, name);
	sys_close(fd);
	if (result == 0 && slice_ends(s, SLICE(".u")))
		r->reader->gap(r->reader->ctx);
	return result;
}

static int read_place(struct reading *r, const struct place *p)
{
	for (size_t i = 0; i < p->count; i++)
		if (read_rotated(r, p, p->names[i]) < 0)
			return -1;
	if (p->current < 0 || seen_before(r, p->current))
		return 0;
	if (is_compressed(p->current))
		return error_set(r->err, ERROR_CORRUPT,
				 "%s is compressed: name a file with its plain text", p->path);
	return read_lines(r, p->current, p->path);
}

/* ---- places ---- */

static int add_name(struct place *p, const char *name, struct error *err)
{
	if (p->count == MAX_FILES)
		return error_set(err, ERROR_LIMIT, "%s: more than %d files", p->path, MAX_FILES);
	if (p->count == p->room) {
		size_t room = p->room ? p->room * 2 : 16;
		char **list = realloc(p->names, room * sizeof *list);

		if (!list)
			return error_set(err, ERROR_NOMEM, "out of memory");
		p->names = list;
		p->room = room;
	}
	p->names[p->count] = strdup(name);
	if (!p->names[p->count])
		return error_set(err, ERROR_NOMEM, "out of memory");
	p->count++;
	return 0;
}

/* "@" and the time of its last line; .s is whole, .u may not be. */
static bool is_rotated(struct slice name)
{
	return slice_starts(name, SLICE("@4")) &&
	       (slice_ends(name, SLICE(".s")) || slice_ends(name, SLICE(".u")));
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static int list_rotated(struct place *p, struct error *err)
{
	DIR *dir = sys_opendir_at(p->dir, ".", p->path, err);
	struct dirent *e;
	int got = -1;

	while (dir && (got = sys_readdir(dir, p->path, &e, err)) > 0)
		if (is_rotated(slice_from(e->d_name)) && add_name(p, e->d_name, err) < 0) {
			got = -1;
			break;
		}
	if (dir)
		closedir(dir);
	if (got == 0 && p->count > 1)
		qsort(p->names, p->count, sizeof *p->names, by_name);
	return got;
}

static int open_directory(struct place *p, struct error *err)
{
	struct error e = ERROR_INIT;

	p->dir = sys_open_dir(p->path, err);
	if (p->dir < 0)
		return -1;
	p->current = sys_open_file(p->dir, "current", SYS_READ, "current", NULL, &e);
	if (p->current < 0 && e.code != ERROR_GONE) {
		error_prefix(&e, "%s", p->path);
		if (err->code == ERROR_NONE)
			*err = e;
		return -1;
	}
	if (list_rotated(p, err) < 0)
		return -1;
	if (p->current < 0 && p->count == 0)
		return error_set(err, ERROR_GONE, "%s holds no log: no current and no @....s",
				 p->path);
	return 0;
}

/* The time of the first line that has one. */
static struct number first_time(int fd)
{
	char *head = malloc(FIRST_BYTES);
	ssize_t got = head && fd >= 0 ? sys_pread(fd, head, FIRST_BYTES, 0) : -1;
	struct number t = {false, 0};
	struct slice rest = slice_of(head, got > 0 ? (size_t)got : 0), raw;

	while (!t.known && rest.n && slice_cut(&rest, '\n', &raw) && rest.p) {
		struct log_line l;

		logline_split(raw, &l);
		t = logline_time(&l);
	}
	free(head);
	return t;
}

static void find_first_time(struct place *p)
{
	int fd = p->count ? sys_open_file(p->dir, p->names[0], SYS_READ, p->path, NULL, NULL)
			  : p->current;

	p->first = first_time(fd);
	if (p->count)
		sys_close(fd);
}

static int open_place(struct place *p, struct error *err)
{
	struct stat st;

	if (stat(p->path, &st) < 0)
		return error_sys(err, errno, "%s", p->path);
	if (S_ISDIR(st.st_mode)) {
		if (open_directory(p, err) < 0)
			return -1;
	} else {
		p->current = sys_open_config(p->path, NULL, err);
		if (p->current < 0)
			return -1;
	}
	find_first_time(p);
	return 0;
}

static void close_place(struct place *p)
{
	for (size_t i = 0; i < p->count; i++)
		free(p->names[i]);
	free(p->names);
	sys_close(p->dir);
	sys_close(p->current);
}

static int by_time(const void *a, const void *b)
{
	const struct place *x = a, *y = b;

	if (x->first.value != y->first.value)
		return x->first.value < y->first.value ? -1 : 1;
	return (x->order > y->order) - (x->order < y->order);
}

static void sort_places(struct place *list, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (!list[i].first.known)
			return;
	qsort(list, count, sizeof *list, by_time);
}

static int read_places(struct reading *r, struct place *list, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (open_place(&list[i], r->err) < 0)
			return -1;
	sort_places(list, count);
	for (size_t i = 0; i < count; i++)
		if (read_place(r, &list[i]) < 0)
			return -1;
	return give_held(r);
}

int logread_run(const char *const *places, size_t count, const struct log_reader *reader,
		struct error *err)
{
	struct error local = ERROR_INIT;
	struct reading r = {.reader = reader, .err = err ? err : &local};
	struct place *list = calloc(count ? count : 1, sizeof *list);
	int result;

	r.block = malloc((size_t)BLOCK + LIMIT_LOG_LINE + 1);
	buf_init(&r.piece);
	for (size_t i = 0; list && i < count; i++)
		list[i] = (struct place){.path = places[i], .dir = -1, .current = -1, .order = i};
	if (list && r.block)
		result = read_places(&r, list, count);
	else
		result = error_set(r.err, ERROR_NOMEM, "out of memory");
	for (size_t i = 0; list && i < count; i++)
		close_place(&list[i]);
	free(list);
	free(r.block);
	free(r.seen);
	buf_free(&r.piece);
	return result;
}
