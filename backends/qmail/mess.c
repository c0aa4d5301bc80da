/*
 * The mess file: its stat, its header, its body. It is opened so that its atime stays, which is
 * what qmail-clean goes by when it removes what qmail-queue left behind.
 */
#include "internal.h"

#include <mtaq/limits.h>

#include <errno.h>

enum { FIRST_READ = 8192 };

static const struct queue_qmail *queue_of(const struct message *m)
{
	return queue_qmail(m->queue);
}

static void mess_path(const struct message *m, struct file_path *path)
{
	qmail_path(queue_of(m), FILE_MESS, m->entry.number, path, NULL);
}

/* Does the message still have an envelope, or stand where nothing can be told. */
static bool has_envelope(const struct message *m)
{
	enum qmail_file f;
	struct stat st;

	/* todo first: a message leaves it for info */
	return qmail_find_todo(queue_of(m), m->entry.number, &f, &st, NULL) != 0 ||
	       qmail_stat(queue_of(m), FILE_INFO, m->entry.number, &st, NULL) != 0;
}

/* There is no mess: the message has ended meanwhile, or it has lost its body. mess goes last when a
 * message ends and comes first when one begins, so an envelope that is still there without it is
 * damage. */
static void no_mess(struct message *m, struct error *e)
{
	struct stat st;
	struct file_path path;

	mess_path(m, &path);
	if (!has_envelope(m) || qmail_stat(queue_of(m), FILE_MESS, m->entry.number, &st, NULL) == 1)
		m->gone = true;
	else
		error_set(e, ERROR_GONE, "%s is missing: the message has no body", path.full);
}

static void set_identity(struct message *m, const struct stat *st)
{
	m->identity.data_dev = (uint64_t)st->st_dev;
	m->identity.data_ino = (uint64_t)st->st_ino;
	m->identity.data_mtime_ns = qmail_mtime_ns(st);
}

static void set_data(struct message *m, const struct stat *st)
{
	set_identity(m, st);
	m->size = number_of(st->st_size);
	m->accepted = number_of(st->st_mtime);
}

static void load_data(struct message *m)
{
	struct error e = ERROR_INIT;
	struct file_path path;
	struct stat st;
	int r = qmail_stat(queue_of(m), FILE_MESS, m->entry.number, &st, &e);

	mess_path(m, &path);
	m->have |= PART_DATA;
	if (r == 0)
		no_mess(m, &e);
	else if (r > 0 && !S_ISREG(st.st_mode))
		error_set(&e, ERROR_CORRUPT, "%s is %s", path.full, sys_file_type(st.st_mode));
	else if (r > 0)
		set_data(m, &st);
	if (r > 0)
		set_identity(m, &st);
	if (e.code != ERROR_NONE)
		part_fail(m, PART_DATA_I, &e);
}

/* The number is the file's inode: it is the time that tells a message from the next of that number.
 */
bool mess_is_same(const struct message *m, const struct stat *st)
{
	return !m->identity.data_ino || (m->identity.data_ino == (uint64_t)st->st_ino &&
					 m->identity.data_mtime_ns == qmail_mtime_ns(st));
}

/* fd of mess, or -1 with *e or m->gone. Another file than the one that was looked at before is
 * another message. */
static int open_mess(struct message *m, struct stat *st, struct error *e)
{
	struct file_path path;
	int fd;

	if (qmail_path(queue_of(m), FILE_MESS, m->entry.number, &path, e) < 0)
		return -1;
	fd = sys_open_file(queue_of(m)->fd, path.name, SYS_READ, path.full, st, e);
	if (fd < 0 && e->code == ERROR_GONE) {
		error_clear(e);
		no_mess(m, e);
	}
	if (fd < 0)
		return -1;
	if (!mess_is_same(m, st)) {
		m->gone = true;
		sys_close(fd);
		return -1;
	}
	if (!(m->have & PART_DATA)) {
		m->have |= PART_DATA;
		set_data(m, st);
	}
	return fd;
}

/* The first empty line at or after `from`, where the header ends. */
static bool has_empty_line(struct slice s, size_t from)
{
	struct slice rest = slice_skip(s, from);

	return slice_find(rest, SLICE("\n\n")) != SIZE_MAX ||
	       slice_find(rest, SLICE("\n\r\n")) != SIZE_MAX;
}

/* Read until an empty line or the file's end, or until LIMIT_HEADER_BYTES (*all false then). */
static int read_header(int fd, struct arena *a, const char *path, struct slice *out, bool *all,
		       struct error *err)
{
	const size_t limit = LIMIT_HEADER_BYTES;
	size_t room = FIRST_READ, n = 0, checked = 0;
	char *p = arena_alloc(a, room);

	*all = true;
	for (;;) {
		ssize_t got;

		if (!p)
			return error_set(err, ERROR_LIMIT, "%s: out of memory", path);
		got = sys_pread(fd, p + n, room - n, (off_t)n);
		if (got < 0)
			return error_sys(err, errno, "%s", path);
		n += (size_t)got;
		*out = slice_of(p, n);
		if (got == 0 || has_empty_line(*out, checked))
			return 0;
		if (n >= limit) {
			*all = false;
			return 0;
		}
		checked = n > 2 ? n - 2 : 0;
		if (n == room) {
			size_t more = room * 4 < limit ? room * 4 : limit;

			p = arena_grow(a, p, room, more);
			room = more;
		}
	}
}

static int too_large(const char *path, const char *what, unsigned limit, struct error *err)
{
	return error_set(err, ERROR_LIMIT, "%s: the %s is larger than %u bytes", path, what, limit);
}

static int parse_header(struct message *m, struct slice text, struct slice *body, const char *path,
			struct error *err)
{
	struct header_list headers = {0};

	if (header_parse(m->arena, text, &headers, body, err) < 0) {
		error_prefix(err, "%s", path);
		return -1;
	}
	m->headers = headers;
	m->body_at = number_of(body->p ? body->p - text.p : (int64_t)text.n);
	return 0;
}

/* Without the last line, which was cut somewhere; a single line stays. */
static struct slice whole_lines(struct slice text)
{
	size_t n = text.n;

	while (n && text.p[n - 1] != '\n')
		n--;
	return n ? slice_take(text, n) : text;
}

static int get_header(struct message *m, int fd, const char *path, struct error *err)
{
	struct slice text, body = SLICE_NONE;
	bool all;

	if (read_header(fd, m->arena, path, &text, &all, err) < 0)
		return -1;
	if (!all)
		text = whole_lines(text);
	if (parse_header(m, text, &body, path, err) < 0)
		return -1;
	/* past the limit it is fine only if it ended before: at a line that is no field */
	return all || body.n ? 0 : too_large(path, "header", LIMIT_HEADER_BYTES, err);
}

static void load_header(struct message *m, int fd, const char *path)
{
	struct error e = ERROR_INIT;

	m->have |= PART_HEADER;
	if (get_header(m, fd, path, &e) < 0)
		part_fail(m, PART_HEADER_I, &e);
}

/* The whole file, so the header comes with it. */
static void load_body(struct message *m, int fd, const struct stat *st, const char *path)
{
	const size_t limit = (size_t)LIMIT_HEADER_BYTES + LIMIT_BODY_BYTES;
	struct error e = ERROR_INIT;
	struct slice text, body = SLICE_NONE;

	m->have |= PART_BODY;
	if (sys_read_all(fd, st->st_size > 0 ? (size_t)st->st_size : 0, limit, m->arena, path,
			 &text, &e) < 0) {
		part_fail(m, PART_BODY_I, &e);
		return;
	}
	m->have |= PART_HEADER;
	if (parse_header(m, text, &body, path, &e) == 0 &&
	    (body.p ? (size_t)(body.p - text.p) : text.n) > LIMIT_HEADER_BYTES)
		too_large(path, "header", LIMIT_HEADER_BYTES, &e);
	if (e.code != ERROR_NONE) {
		part_fail(m, PART_HEADER_I, &e);
		part_fail(m, PART_BODY_I, &e);
	}
	m->body = body.p ? body : slice_skip(text, text.n);
	if (m->body.n > LIMIT_BODY_BYTES) {
		too_large(path, "body", LIMIT_BODY_BYTES, &e);
		part_fail(m, PART_BODY_I, &e);
	}
}

void mess_load(struct message *m, parts_t want)
{
	struct error e = ERROR_INIT;
	struct file_path path;
	struct stat st;
	int fd;

	if (want & PART_DATA)
		load_data(m);
	want &= PART_HEADER | PART_BODY;
	if (!want || m->gone)
		return;
	mess_path(m, &path);
	fd = open_mess(m, &st, &e);
	if (fd < 0) {
		for (unsigned i = 0; !m->gone && i < PART_COUNT; i++)
			if (want & PART(i))
				part_fail(m, (enum part_index)i, &e);
		return;
	}
	if (want & PART_BODY)
		load_body(m, fd, &st, path.full);
	/* a body that is too large leaves the header to be read by itself */
	if (want & PART_HEADER & ~m->have)
		load_header(m, fd, path.full);
	sys_close(fd);
}

ssize_t mess_first(struct message *m, char *out, size_t room, struct error *err)
{
	struct file_path path;
	struct stat st;
	ssize_t got;
	int fd = open_mess(m, &st, err);

	if (fd < 0)
		return -1;
	got = sys_pread(fd, out, room, 0);
	mess_path(m, &path);
	if (got < 0)
		error_sys(err, errno, "%s", path.full);
	sys_close(fd);
	return got;
}
