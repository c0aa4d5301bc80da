/* Writing the journal: see journal.h. */
#include "journal.h"

#include <mtaq/sysio.h>
#include <mtaq/text.h>
#include <mtaq/timefmt.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

struct journal {
	int fd;
	uint64_t next;
	bool lost; /* a line could not be made or written */
	struct buf pending;
	char path[512];
};

struct slice journal_run_id(struct arena *a, int64_t now, unsigned nth)
{
	time_t t = (time_t)now;
	char suffix[16] = "";
	struct tm tm;

	if (!gmtime_r(&t, &tm))
		memset(&tm, 0, sizeof tm);
	if (nth)
		snprintf(suffix, sizeof suffix, ".%03u", nth);
	return arena_printf(a, "%04d%02d%02dT%02d%02d%02dZ-%ld%s", tm.tm_year + 1900, tm.tm_mon + 1,
			    tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, (long)getpid(), suffix);
}

/* 0 also when it is there. */
static int make_one(const char *dir, mode_t mode)
{
	if (mkdir(dir, mode) < 0)
		return errno == EEXIST ? 0 : -1;
	return sys_sync_parent(dir);
}

int journal_make_directory(const char *dir, struct error *err)
{
	char parent[512];
	char *slash;

	if (make_one(dir, 0700) == 0)
		return 0;
	snprintf(parent, sizeof parent, "%s", dir);
	slash = strrchr(parent, '/');
	if (errno == ENOENT && slash && slash != parent) {
		*slash = '\0';
		if (make_one(parent, 0755) == 0 && make_one(dir, 0700) == 0)
			return 0;
	}
	return error_sys(err, errno, "the journal cannot be made: %s", dir);
}

static int sync_directory(const char *dir)
{
	int r, fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return -1;
	r = fsync(fd);
	sys_close(fd);
	return r;
}

static void add_line(struct journal *j, json_t *line)
{
	char *text = line ? json_dumps(line, JSON_COMPACT) : NULL;

	if (text) {
		buf_adds(&j->pending, text);
		buf_addc(&j->pending, '\n');
	} else {
		j->lost = true;
	}
	free(text);
	json_decref(line);
}

static struct journal *give_up(struct journal *j)
{
	sys_close(j->fd);
	buf_free(&j->pending);
	free(j);
	return NULL;
}

struct journal *journal_open(const char *dir, const char *run, json_t *header, struct error *err)
{
	struct journal *j = calloc(1, sizeof *j);

	if (!j)
		abort();
	buf_init(&j->pending);
	j->fd = -1;
	j->next = 1;
	json_object_set_new(header, "run", json_string(run));
	add_line(j, header);
	if ((size_t)snprintf(j->path, sizeof j->path, "%s/%s.jsonl", dir, run) >= sizeof j->path) {
		error_set(err, ERROR_USAGE, "the journal cannot be made: its name is too long");
		return give_up(j);
	}
	if (journal_make_directory(dir, err) < 0)
		return give_up(j);
	j->fd =
	    open(j->path, O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (j->fd < 0) {
		error_sys(err, errno, "the journal cannot be made: %s", j->path);
		return give_up(j);
	}
	if (flock(j->fd, LOCK_EX | LOCK_NB) < 0 || journal_sync(j, err) < 0 ||
	    sync_directory(dir) < 0) {
		error_sys(err, errno, "the journal cannot be written: %s", j->path);
		unlink(j->path);
		return give_up(j);
	}
	return j;
}

uint64_t journal_intent(struct journal *j, json_t *intent)
{
	uint64_t n = j->next++;

	json_object_set_new(intent, "n", json_integer((json_int_t)n));
	add_line(j, intent);
	return n;
}

void journal_result(struct journal *j, uint64_t n, const char *result, const char *error)
{
	json_t *line = json_pack("{s:s, s:I, s:I}", "result", result, "n", (json_int_t)n, "time",
				 (json_int_t)time(NULL));

	if (line && error) {
		/* the text may quote bytes of the queue */
		struct arena a;
		struct slice valid;

		arena_init(&a, 0);
		valid = utf8_sanitise(&a, slice_from(error));
		json_object_set_new(line, "error", json_stringn(valid.p, valid.n));
		arena_free(&a);
	}
	add_line(j, line);
}

int journal_sync(struct journal *j, struct error *err)
{
	if (!j->lost && j->pending.n && sys_write_all(j->fd, j->pending.p, j->pending.n) < 0) {
		j->lost = true;
		error_sys(err, errno, "the journal is lost: %s", j->path);
	}
	buf_clear(&j->pending);
	if (!j->lost && fdatasync(j->fd) < 0) {
		j->lost = true;
		error_sys(err, errno, "the journal is lost: %s", j->path);
	}
	if (j->lost)
		error_set(err, ERROR_SYSTEM, "the journal is lost: %s", j->path);
	return j->lost ? -1 : 0;
}

int journal_close(struct journal *j, json_t *counts, struct error *err)
{
	int r;

	if (!j) {
		json_decref(counts);
		return 0;
	}
	add_line(j, json_pack("{s:b, s:I, s:o}", "end", 1, "time", (json_int_t)time(NULL), "counts",
			      counts));
	r = journal_sync(j, err);
	if (close(j->fd) < 0 && r == 0)
		r = error_sys(err, errno, "the journal is lost: %s", j->path);
	buf_free(&j->pending);
	free(j);
	return r;
}

const char *journal_path(const struct journal *j)
{
	return j->path;
}
