/*
 * Reading the journal again: what journal.h describes.
 *
 * Contract: journal_parse() is pure and takes any bytes; the text must outlive what it fills. A
 * last line without its end was being written when the run was cut off, and is left out. Anything
 * else that is no line of a journal is an error (ERROR_CORRUPT with the line's number,
 * ERROR_LIMIT).
 */
#ifndef MTAQ_JOURNAL_READ_H
#define MTAQ_JOURNAL_READ_H

#include <mtaq/action.h>

enum journal_result {
	RESULT_NONE, /* the run was cut off: look at the queue */
	RESULT_DONE,
	RESULT_ASKED,
	RESULT_FAILED,
	RESULT_UNSURE, /* done, but not known to be on disk */
	RESULT_COUNT
};
/* "", "done", ... as in the journal. */
const char *journal_result_name(enum journal_result r);

struct journal_record {
	enum op op;
	enum journal_result result;
	struct slice intent, outcome; /* their lines; outcome is none without a result */
};

struct journal_file {
	json_t *header;	 /* checked: run, op and time are there */
	const char *run; /* in header */
	enum op op;
	int64_t time;
	struct journal_record *records; /* malloc'd; number n is records[n - 1] */
	size_t count, room;
	bool ended;
	json_t *end; /* the last line; NULL when the run was cut off */
	size_t results[RESULT_COUNT];
};

/* 0 / -1; journal_file_free() is needed in both cases. */
int journal_parse(struct slice text, struct journal_file *out, struct error *err);
void journal_file_free(struct journal_file *f);
/* One line as JSON, checked to be an object. NULL with err. */
json_t *journal_line(struct slice line, struct error *err);

/* Read DIR/RUN.jsonl; its text goes to `a`. *running: its run has not ended yet. NOQUEUE when there
 * is none. */
int journal_load(const char *dir, const char *run, struct arena *a, struct journal_file *out,
		 bool *running, struct error *err);
/* Remove one that is not running: 1; 0 when it is; -1. */
int journal_remove(const char *dir, const char *run, struct error *err);

#endif
