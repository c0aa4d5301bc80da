/* Reading the journal: see journal_read.h. */
#include "journal_read.h"

#include "runid.h"

#include <mtaq/limits.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

static const char *const result_names[RESULT_COUNT] = {"", "done", "asked", "failed", "unsure"};

const char *journal_result_name(enum journal_result r)
{
	return result_names[r];
}

/* ---- lines ---- */

json_t *journal_line(struct slice line, struct error *err)
{
	json_t *j;

	if (line.n > LIMIT_JOURNAL_LINE) {
		error_set(err, ERROR_LIMIT, "a line of the journal is longer than %u bytes",
			  LIMIT_JOURNAL_LINE);
		return NULL;
	}
	j = json_loadb(line.p, line.n, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, NULL);
	if (json_is_object(j))
		return j;
	json_decref(j);
	error_set(err, ERROR_CORRUPT, "no line of a journal");
	return NULL;
}

static bool find_op(const json_t *line, enum op *out)
{
	const char *name = json_string_value(json_object_get(line, "op"));

	for (int op = 0; name && op < OP_COUNT; op++)
		if (strcmp(name, op_name((enum op)op)) == 0) {
			*out = (enum op)op;
			return true;
		}
	return false;
}

static int take_header(struct journal_file *f, json_t *line, struct error *err)
{
	const char *run = json_string_value(json_object_get(line, "run"));

	f->header = line;
	if (json_integer_value(json_object_get(line, "mtaq")) != 1 || !run ||
	    !run_id_valid(slice_from(run)) || !find_op(line, &f->op) ||
	    !json_is_integer(json_object_get(line, "time")))
		return error_set(err, ERROR_CORRUPT, "not the beginning of a journal");
	f->run = run;
	f->time = json_integer_value(json_object_get(line, "time"));
	return 0;
}

static struct journal_record *add_record(struct journal_file *f)
{
	if (f->count == f->room) {
		f->room = f->room ? f->room * 2 : 64;
		f->records = realloc(f->records, f->room * sizeof *f->records);
		if (!f->records)
			abort();
	}
	return &f->records[f->count++];
}

static int take_intent(struct journal_file *f, const json_t *line, struct slice text,
		       struct error *err)
{
	enum op op;

	if (!find_op(line, &op) ||
	    json_integer_value(json_object_get(line, "n")) != (json_int_t)f->count + 1)
		return error_set(err, ERROR_CORRUPT, "not the next intent");
	*add_record(f) = (struct journal_record){.op = op, .intent = text};
	return 0;
}

static int take_result(struct journal_file *f, const json_t *line, struct slice text,
		       struct error *err)
{
	const char *name = json_string_value(json_object_get(line, "result"));
	json_int_t n = json_integer_value(json_object_get(line, "n"));

	for (int r = RESULT_DONE; name && r < RESULT_COUNT; r++) {
		struct journal_record *record;

		if (strcmp(name, result_names[r]) != 0)
			continue;
		if (n < 1 || n > (json_int_t)f->count)
			break;
		record = &f->records[n - 1];
		if (record->result != RESULT_NONE)
			break;
		record->result = (enum journal_result)r;
		record->outcome = text;
		return 0;
	}
	return error_set(err, ERROR_CORRUPT, "not the result of an intent");
}

static int take_line(struct journal_file *f, struct slice text, struct error *err)
{
	json_t *line = journal_line(text, err);
	int r;

	if (!line)
		return -1;
	if (!f->header)
		return take_header(f, line, err);
	if (f->ended) {
		r = error_set(err, ERROR_CORRUPT, "a line after the end");
	} else if (json_is_true(json_object_get(line, "end"))) {
		f->ended = true;
		f->end = json_incref(line);
		r = 0;
	} else if (json_object_get(line, "result")) {
		r = take_result(f, line, text, err);
	} else {
		r = take_intent(f, line, text, err);
	}
	json_decref(line);
	return r;
}

int journal_parse(struct slice text, struct journal_file *out, struct error *err)
{
	unsigned long number = 0;

	*out = (struct journal_file){0};
	while (slice_chr(text, '\n') != SIZE_MAX) {
		struct slice line;

		number++;
		slice_cut(&text, '\n', &line);
		if (take_line(out, line, err) < 0) {
			error_prefix(err, "line %lu", number);
			return -1;
		}
	}
	if (!out->header)
		/* it is on disk before anything is done */
		return error_set(err, ERROR_GONE, "it has no beginning: nothing was done");
	for (size_t i = 0; i < out->count; i++)
		out->results[out->records[i].result]++;
	return 0;
}

void journal_file_free(struct journal_file *f)
{
	json_decref(f->header);
	json_decref(f->end);
	free(f->records);
	*f = (struct journal_file){0};
}

/* ---- files ---- */

static const char *file_name(struct arena *a, const char *dir, const char *run)
{
	return arena_printf(a, "%s/%s.jsonl", dir, run).p;
}

static int open_run(const char *dir, const char *run, const char *path, bool *running,
		    struct error *err)
{
	int fd;

	*running = false;
	if (!run_id_valid(slice_from(run)))
		return error_set(err, ERROR_USAGE, "'%s' is no run: `mtaq journal` lists them",
				 run);
	fd = sys_open_config(path, NULL, err);
	if (fd < 0 && err->code == ERROR_GONE) {
		error_clear(err);
		return error_set(err, ERROR_NOQUEUE, "no run %s in %s", run, dir);
	}
	/* a reader that looks at the same time holds a shared lock at most */
	if (fd >= 0 && flock(fd, LOCK_SH | LOCK_NB) < 0 && errno == EWOULDBLOCK)
		*running = true;
	return fd;
}

int journal_load(const char *dir, const char *run, struct arena *a, struct journal_file *out,
		 bool *running, struct error *err)
{
	const char *path = file_name(a, dir, run);
	int r, fd = open_run(dir, run, path, running, err);
	struct slice text;
	struct stat st;

	*out = (struct journal_file){0};
	if (fd < 0)
		return -1;
	if (fstat(fd, &st) < 0)
		r = error_sys(err, errno, "%s", path);
	else if (st.st_size > (off_t)LIMIT_JOURNAL_BYTES)
		r = error_set(err, ERROR_LIMIT, "%s is larger than %u bytes", path,
			      LIMIT_JOURNAL_BYTES);
	else
		r = sys_read_all(fd, (size_t)st.st_size, LIMIT_JOURNAL_BYTES, a, path, &text, err);
	if (r == 0 && (r = journal_parse(text, out, err)) == 0 && strcmp(out->run, run) != 0)
		r = error_set(err, ERROR_CORRUPT, "it is the journal of %s", out->run);
	if (r < 0 && (err->code == ERROR_CORRUPT || err->code == ERROR_GONE))
		error_prefix(err, "%s", path);
	sys_close(fd);
	return r;
}

int journal_remove(const char *dir, const char *run, struct error *err)
{
	struct arena a;
	const char *path;
	bool running;
	int r, fd;

	arena_init(&a, 0);
	path = file_name(&a, dir, run);
	fd = open_run(dir, run, path, &running, err);
	r = fd < 0 ? -1 : !running;
	if (r == 1 && (unlink(path) < 0 || sys_sync_parent(path) < 0))
		r = error_sys(err, errno, "%s", path);
	sys_close(fd);
	arena_free(&a);
	return r;
}
