/*
 * HostStatusDirectory: a file per host, its name turned around, "com./example./mail" for
 * mail.example.com. Directories are named with a dot at the end, files without one; in a label "/"
 * is written ":".
 *
 * A file holds lines of a letter and a value (V version, E errno, H resolver, S exit status, D
 * enhanced code, R reply, U time) and ends with a dot. sendmail writes it anew, under an exclusive
 * lock, whenever it is done with a host. While the exit status is none of success and the time not
 * older than Timeout.hoststatus, plain queue runs do not try the host.
 */
#include "hoststatus.h"

#include <mtaq/limits.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "act.h"

enum { LABEL = 256 }; /* a file name, NUL included */

/* ---- the text ---- */

/* A number as atol(3) takes it. */
static int64_t leading_number(struct slice s)
{
	bool minus = s.n && *s.p == '-';
	int64_t v = 0;

	for (size_t i = s.n && (minus || *s.p == '+'); i < s.n && ascii_isdigit(s.p[i]); i++)
		v = v > (INT64_MAX - 9) / 10 ? INT64_MAX : v * 10 + (s.p[i] - '0');
	return minus ? -v : v;
}

/* False where sendmail stops reading for it. */
static bool take_line(struct slice line, struct host_status *out)
{
	struct slice value = slice_skip(line, 1);

	switch (line.n ? *line.p : '\0') {
	case 'V':
	case 'H':
		return true;
	case 'E':
		out->errnum = leading_number(value);
		return true;
	case 'S':
		out->exit_status = leading_number(value);
		return true;
	case 'U':
		out->last_use = leading_number(value);
		return true;
	case 'D':
		out->dsn = value;
		return true;
	case 'R':
		out->reply = value;
		return true;
	default:
		return false;
	}
}

size_t host_status_parse(struct slice text, struct host_status *out)
{
	struct slice rest = text, line;
	bool version = false;
	size_t number = 0;

	*out = (struct host_status){0};
	while (rest.n && slice_cut(&rest, '\n', &line)) {
		number++;
		version |= line.n && *line.p == 'V';
		if (line.n && *line.p == '.')
			return 0;
		if (!take_line(line, out))
			return number;
	}
	return version ? 0 : number + 1;
}

/* ---- places ---- */

int host_status_open(const struct sendmail_queue *q, struct error *err)
{
	struct slice dir = q->cf.option[CF_HOST_STATUS_DIRECTORY].text;
	char path[PATH_MAX];
	int n;

	if (!dir.n)
		return error_set(err, ERROR_UNSUPPORTED, "no HostStatusDirectory is configured");
	n = snprintf(path, sizeof path, "%s%s%" SLICE_FMT, dir.p[0] == '/' ? "" : q->layout.base.p,
		     dir.p[0] == '/' ? "" : "/", SLICE_ARG(dir));
	if (n < 0 || (size_t)n >= sizeof path)
		return error_set(err, ERROR_LIMIT, "the path of HostStatusDirectory is too long");
	return sys_open_dir(path, err);
}

/* A label of a host name as a file name, with room for a dot after it; false when it is none. */
static bool label_name(struct slice label, char out[LABEL])
{
	out[0] = '\0';
	if (label.n == 0 || label.n > LABEL - 2 || slice_chr(label, '\0') != SIZE_MAX)
		return false;
	for (size_t i = 0; i < label.n; i++)
		out[i] = label.p[i] == '/' ? ':' : ascii_lower(label.p[i]);
	out[label.n] = '\0';
	return true;
}

/* The part of `rest` after its last dot, which goes from it. */
static struct slice cut_last(struct slice *rest)
{
	size_t n = rest->n;
	struct slice label;

	while (n && rest->p[n - 1] != '.')
		n--;
	label = slice_skip(*rest, n);
	*rest = slice_take(*rest, n ? n - 1 : 0);
	return label;
}

/* "[192.0.2.1]" is kept without its brackets, "example.com." without its dot. */
static struct slice bare_host(struct slice host)
{
	while (slice_ends(host, SLICE(".")))
		host.n--;
	if (slice_starts(host, SLICE("[")) && slice_ends(host, SLICE("]")))
		host = slice_of(host.p + 1, host.n - 2);
	return host;
}

/* ---- walking ---- */

struct walk {
	const struct sendmail_queue *q;
	host_note_fn *fn;
	trouble_fn *trouble;
	void *ctx;
	struct arena arena;
	struct sys_locks locks;
	unsigned depth;
	char host[LIMIT_HOST_NAME]; /* of the directory that is read: "example.com" */
};

static void tell(struct walk *w, struct error *e)
{
	if (e->code != ERROR_GONE)
		w->trouble(w->ctx, e);
}

static int clamp_int(int64_t v)
{
	return v > INT_MAX ? INT_MAX : v < INT_MIN ? INT_MIN : (int)v;
}

static void note_file(struct walk *w, const char *host, const struct host_status *s,
		      const struct stat *st)
{
	int64_t timeout = w->q->cf.host_status.seconds;
	struct host_note n = {.host = slice_from(host),
			      .noted = s->last_use,
			      .reply = s->reply,
			      .dsn = s->dsn,
			      .exit_status = clamp_int(s->exit_status),
			      .errnum = clamp_int(s->errnum)};

	n.busy = sys_locks_exclusive(&w->locks, st->st_dev, st->st_ino) == 1;
	if (n.exit_status && s->last_use < INT64_MAX - timeout && s->last_use > INT64_MIN / 2) {
		n.until = n.until_latest = s->last_use + timeout;
		n.state = n.until > w->q->base.now ? HOST_DOWN : HOST_TRIED;
	}
	w->fn(w->ctx, &n);
}

/* An empty file is one that sendmail is about to write. */
static void read_file(struct walk *w, int at, const char *name, const char *host)
{
	struct error e = ERROR_INIT;
	struct host_status status;
	struct slice text;
	struct stat st;
	size_t bad;
	int fd = sys_open_file(at, name, SYS_READ, host, &st, &e);

	arena_reset(&w->arena);
	if (fd < 0 || sys_read_all(fd, (size_t)st.st_size, LIMIT_HOST_STATUS, &w->arena, host,
				   &text, &e) < 0) {
		error_prefix(&e, "status of host");
		tell(w, &e);
	} else if ((bad = host_status_parse(text, &status)) != 0 && text.n) {
		error_set(&e, ERROR_CORRUPT, "status of host %s: line %zu is none of sendmail's",
			  host, bad);
		tell(w, &e);
	} else {
		note_file(w, host, &status, &st);
	}
	sys_close(fd);
}

/* "mail" before "example.com"; false when that is too long. */
static bool host_before(const struct walk *w, const char *label, size_t n, char *out, size_t room)
{
	int len = snprintf(out, room, "%.*s%s%s", (int)n, label, *w->host ? "." : "", w->host);

	return len >= 0 && (size_t)len < room;
}

static void walk_dir(struct walk *w, int at, const char *name);

static void walk_below(struct walk *w, int at, const char *name, const char *host)
{
	char above[LIMIT_HOST_NAME];

	memcpy(above, w->host, sizeof above);
	memcpy(w->host, host, strlen(host) + 1);
	w->depth++;
	walk_dir(w, at, name);
	w->depth--;
	memcpy(w->host, above, sizeof above);
}

static void walk_entry(struct walk *w, int at, const char *name)
{
	size_t n = strlen(name), dot = n && name[n - 1] == '.';
	char host[LIMIT_HOST_NAME];
	struct error e = ERROR_INIT;

	/* sendmail makes no other names */
	if (name[0] == '.' || slice_chr(slice_of(name, n - dot), '.') != SIZE_MAX)
		return;
	if (!host_before(w, name, n - dot, host, sizeof host) || w->depth >= LIMIT_HOST_LABELS) {
		error_set(&e, ERROR_LIMIT, "status of host %s in %s: the name is too long", name,
			  w->host);
		tell(w, &e);
	} else if (dot) {
		walk_below(w, at, name, host);
	} else {
		read_file(w, at, name, host);
	}
}

/* What is there, but is no directory, was found to be "not there" as one. */
static void tell_odd(const struct walk *w, int at, const char *name, struct error *e)
{
	struct stat st;

	if (e->code != ERROR_GONE || fstatat(at, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return;
	error_clear(e);
	error_set(e, ERROR_CORRUPT, "%s is %s", w->host, sys_file_type(st.st_mode));
}

static void walk_dir(struct walk *w, int at, const char *name)
{
	struct error e = ERROR_INIT;
	DIR *d = sys_opendir_at(at, name, *w->host ? w->host : "HostStatusDirectory", &e);
	struct dirent *entry;
	int r = d ? 1 : -1;

	while (d && (r = sys_readdir(d, w->host, &entry, &e)) > 0)
		walk_entry(w, dirfd(d), entry->d_name);
	if (r < 0) {
		tell_odd(w, at, name, &e);
		error_prefix(&e, "status of hosts");
		tell(w, &e);
	}
	if (d)
		closedir(d);
}

static int each(const struct queue *queue, host_note_fn *fn, trouble_fn *trouble, void *ctx,
		struct error *err)
{
	struct walk *w;
	struct error e = ERROR_INIT;
	int base = host_status_open(sendmail_queue(queue), &e);

	if (base < 0) {
		error_set(err, e.code, "%s", e.text);
		return e.code == ERROR_UNSUPPORTED || e.code == ERROR_GONE ? 0 : -1;
	}
	w = calloc(1, sizeof *w);
	if (!w) {
		sys_close(base);
		return error_set(err, ERROR_NOMEM, "out of memory");
	}
	w->q = sendmail_queue(queue);
	w->fn = fn;
	w->trouble = trouble;
	w->ctx = ctx;
	arena_init(&w->arena, 0);
	sys_locks_init(&w->locks);
	sys_locks_refresh(&w->locks);
	walk_dir(w, base, ".");
	sys_locks_free(&w->locks);
	arena_free(&w->arena);
	free(w);
	sys_close(base);
	return 1;
}

/* ---- removing ---- */

/* 1, 0 when it is not there, -1 */
static int remove_file(int at, const char *name, struct error *err)
{
	struct error e = ERROR_INIT;
	int r, fd = sys_open_file(at, name, SYS_READ_WRITE, name, NULL, &e);

	if (fd < 0 && e.code == ERROR_GONE)
		return 0;
	if (fd < 0)
		return error_set(err, e.code, "%s", e.text);
	if (lock_file(fd) < 0 || !sys_still_named(at, name, fd))
		r = error_set(err, ERROR_BUSY, "%s: sendmail is at work with this host", name);
	else if (unlinkat(at, name, 0) < 0)
		r = error_sys(err, errno, "%s", name);
	else
		r = 1;
	sys_close(fd);
	return r;
}

/* All files below; directories stay. */
static uint64_t remove_below(int at, const char *name, unsigned depth, struct error *err)
{
	DIR *d = depth < LIMIT_HOST_LABELS ? sys_opendir_at(at, name, name, NULL) : NULL;
	struct dirent *e;
	uint64_t n = 0;

	while (d && sys_readdir(d, name, &e, NULL) > 0) {
		size_t len = strlen(e->d_name);

		if (e->d_name[0] == '.')
			continue;
		if (e->d_name[len - 1] == '.')
			n += remove_below(dirfd(d), e->d_name, depth + 1, err);
		else
			n += remove_file(dirfd(d), e->d_name, err) > 0;
	}
	if (d)
		closedir(d);
	return n;
}

uint64_t host_status_remove(int base, struct slice host, bool below, struct error *err)
{
	char name[LABEL];
	uint64_t n = 0;
	int at = base;

	host = bare_host(host);
	while (at >= 0 && host.n) {
		bool good = label_name(cut_last(&host), name);
		size_t end = strlen(name);
		int next = -1;

		if (good && !host.n)
			n += remove_file(at, name, err) > 0;
		memcpy(name + end, ".", 2);
		if (good && !host.n && below)
			n += remove_below(at, name, 0, err);
		else if (good && host.n)
			next = sys_open_subdir(at, name, false, name, NULL);
		if (at != base)
			sys_close(at);
		at = next;
	}
	return n;
}

static int forget(const struct queue *q, struct slice host, struct error *err)
{
	struct error e = ERROR_INIT;
	int base = host_status_open(sendmail_queue(q), &e);
	uint64_t n = 0;

	if (base < 0 && (e.code == ERROR_UNSUPPORTED || e.code == ERROR_GONE))
		return 0;
	if (base >= 0)
		n = host_status_remove(base, host, false, &e);
	sys_close(base);
	if (e.code != ERROR_NONE)
		return error_set(err, e.code, "%s", e.text);
	return n > 0;
}

const struct backend_hosts sendmail_hosts = {.each = each, .forget = forget};
