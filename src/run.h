/*
 * One run of the program: what the command line said, where output goes, what it came to.
 *
 * Contract: made by main, passed down, freed by main; nothing in it is global. Commands print
 * through the functions here, so that nothing of a queue reaches a terminal unescaped and that a
 * lost stdout is noticed.
 */
#ifndef MTAQ_RUN_H
#define MTAQ_RUN_H

#include "filter.h"
#include "options.h"
#include "status.h"

#include <mtaq/backend.h>

#include <jansson.h>

/* Global options. */
struct globals {
	struct text_list queues, logs;
	const char *config;
	struct option_number jobs;
	struct option_number clock;
	const char *journal, *trash;
	const char *color;
	unsigned verbose;
	bool quiet;
	bool help, version;
};

/* Which messages. */
struct selectors {
	struct text_list expressions, senders, recipients;
	struct option_number older, younger, limit;
};

struct run {
	const char *program; /* "mtaq" */
	int argc;            /* the whole command line, for the journal */
	char **argv;
	struct arena arena;  /* lives as long as the run */
	struct globals globals;
	struct selectors selectors;
	const char *environment_queues; /* MTAQ_QUEUES, or NULL */
	char **words; /* ids and other words after the options */
	size_t word_count;
	int64_t now;
	unsigned jobs;
	bool testing; /* MTAQ_TEST is set: acting commands take --clock */
	bool out_tty, err_tty, color;
	unsigned columns; /* of the terminal; 0: stdout is none */
	enum status status;
	bool out_lost; /* writing to stdout failed: stop */
};

extern const struct option_row global_options[];
extern const struct option_row selector_options[];

/* "mtaq: ..." on stderr, escaped; the run's status becomes at least `st`. Returns st. */
__attribute__((format(printf, 3, 4))) enum status run_fail(struct run *run, enum status st,
							   const char *fmt, ...);
/* The same for an error that a lower layer set; its status is status_of_error unless `st` is worse.
 */
enum status run_error(struct run *run, const struct error *err);
/* "mtaq: ..." on stderr unless --quiet: counts and notes. */
__attribute__((format(printf, 2, 3))) void run_note(struct run *run, const char *fmt, ...);
/* An expression error: the message, the text and a caret. */
enum status run_expression_error(struct run *run, struct slice text, const struct error *err);
/* Bytes to stdout as they are (the caller escaped). False when stdout is lost. */
bool run_out(struct run *run, struct slice s);
/* One object on a line, taken over; NULL: there was no memory to make it, and that is told. */
void run_json(struct run *run, json_t *o);
/* Make sure that what was printed has left the program. False when stdout is lost. */
bool run_flush(struct run *run);
/* Bytes to stderr as they are. */
void run_err(struct slice s);
/* Flush and close stdout; STATUS_IO when something was lost. Call once at the end. */
void run_close_output(struct run *run);

#endif
