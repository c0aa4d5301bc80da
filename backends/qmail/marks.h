/*
 * Marking recipients done, or pending again: one byte at the beginning of a record, in place, as
 * qmail-send itself does it. Nothing in a channel file ever moves, so this is safe while it runs;
 * it sees the mark at its next attempt.
 *
 * Changes: {"what": "mark", "channel": "local" or "remote", "at": offset of the record, "address",
 * "before": "T" or "D", "after"}.
 */
#ifndef QMAIL_MARKS_H
#define QMAIL_MARKS_H

#include "act.h"

struct mark {
	int channel; /* 0 local, 1 remote */
	off_t at;    /* of the record's type */
	struct slice address;
	char from, to;
};

struct marks {
	struct mark *list;
	size_t count;
	size_t pending; /* records with T, whether they are in the list or not */
	size_t done;	/* records with D that `wants` asks for */
};

typedef bool marks_wants_fn(const void *ctx, struct slice address);

/* Marks that make done all pending recipients for which `wants` (NULL: all) says so. */
int marks_plan(struct held *h, marks_wants_fn *wants, const void *ctx, struct marks *out,
	       struct error *err);
/* What they change. */
int marks_note(struct held *h, const struct marks *m, struct error *err);
/* The mark that takes a change back. -1 with err. */
enum mark_back { MARK_LOST, MARK_BACK, MARK_BACK_ALREADY };
int mark_back(struct held *h, const json_t *change, struct mark *out, struct error *err);
/* Do all records still read as when they were planned? ERROR_BUSY: one was done meanwhile. To be
 * asked before the first thing that tells of them, or takes a copy for good. */
int marks_check(struct held *h, const struct marks *m, struct error *err);
/* Set them all. What is so already is passed over. */
int marks_set(struct action *a, struct held *h, const struct marks *m, struct error *err);
const char *channel_file_name(int channel);

#endif
