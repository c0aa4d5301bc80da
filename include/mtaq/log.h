/*
 * What an MTA's log tells of the messages in its queue.
 *
 * A backend with log_parse() takes lines apart (struct log_event); whoever reads the log
 * (src/logindex.c) keeps one struct log_history per queued message; the backend's load() of
 * PART_LOG asks for it through queue->log and joins it to the message. A history that does not
 * begin with the message's beginning is not whole: good enough to show a lower bound, never good
 * enough to match.
 */
#ifndef MTAQ_LOG_H
#define MTAQ_LOG_H

#include <mtaq/error.h>
#include <mtaq/message.h>
#include <mtaq/slice.h>

#include <stdbool.h>
#include <stdint.h>

enum log_event_kind {
	LOG_OTHER, /* nothing that is kept */
	LOG_NEW,   /* a message begins: what was known of its number is another's */
	LOG_INFO,  /* its size, sender and the process that queued it */
	LOG_START, /* an attempt for one recipient */
	LOG_RESULT,
	LOG_END /* the message is gone */
};

enum log_outcome { OUTCOME_NONE, OUTCOME_SUCCESS, OUTCOME_DEFERRAL, OUTCOME_FAILURE };

/* Slices point into the line. */
struct log_event {
	enum log_event_kind kind;
	uint64_t number;       /* NEW, INFO, START, END */
	struct slice delivery; /* START, RESULT: its name until the next start of that name */
	enum channel channel;  /* START */
	struct slice address;  /* START: as the log writes it */
	enum log_outcome outcome;
	struct slice text;   /* RESULT: as the log writes it */
	uint64_t size, qp;   /* INFO */
	struct slice sender; /* INFO: as the log writes it */
};

/* One recipient, or several that look the same in the log. */
struct log_recipient {
	struct slice address; /* as the log writes it; malloc'd */
	enum channel channel;
	unsigned starts, results;
	struct number last_start, last_result;
	enum log_outcome outcome; /* of the latest result; NONE: there is none */
	struct slice text;	  /* its text, as the log writes it; malloc'd */
};

struct log_history {
	bool whole;	     /* its beginning was seen and nothing may be missing since */
	bool ended;	     /* the latest line says that it is gone */
	bool has_info;	     /* size, qp and sender are known */
	struct number began; /* not known in a log without times */
	uint64_t size, qp;
	struct slice sender;		  /* malloc'd */
	struct log_recipient *recipients; /* in the order of their first attempts */
	size_t count, room;
	uint32_t *slots; /* index + 1 by hash once there are many */
	size_t slot_count;
};

/* All zero is an empty history. */
void log_history_clear(struct log_history *h);
/* The recipient, or NULL when it was never tried. */
struct log_recipient *log_history_find(const struct log_history *h, enum channel channel,
				       struct slice address);
/* The recipient, made when it is not there; NULL when out of memory. */
struct log_recipient *log_history_at(struct log_history *h, enum channel channel,
				     struct slice address);
/* Keep a copy of `s` in `*at`, whose bytes are malloc'd or NULL. -1 when out of memory. */
int log_keep(struct slice *at, struct slice s);

/* What reads the log of one queue; thread-safe. */
struct log_source {
	/* The history of message `number`; it does not change and lives as long as the queue is
	 * open. NULL with err: ERROR_BUSY for a message that came after the log was read, any other
	 * when the log cannot be had. A message of which the log says nothing has an empty history.
	 */
	const struct log_history *(*history)(struct log_source *s, uint64_t number,
					     struct error *err);
};

#endif
