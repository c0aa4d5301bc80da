/*
 * What an MTA has noted of the hosts it sends to: whom it believes down, and does not try
 * meanwhile.
 *
 * Contract: `each` only looks: nothing is locked, no atime changes. `forget` removes one note while
 * it holds the lock under which the MTA itself writes it; the MTA finds out again at its next
 * attempt, so there is nothing to take back.
 */
#ifndef MTAQ_HOSTS_H
#define MTAQ_HOSTS_H

#include <mtaq/backend.h>

enum host_state {
	HOST_TRIED,  /* noted, but tried like any other */
	HOST_UNSURE, /* it depends on the MTA's process whether it is tried now */
	HOST_DOWN    /* not tried by an ordinary attempt */
};

/* All slices live during the call. */
struct host_note {
	struct slice host; /* name or address, as forget() takes it */
	enum host_state state;
	bool busy;     /* the MTA has the note locked: it is at work with this host */
	int64_t noted; /* when it was written what follows; 0: not known */
	int64_t
	    until; /* from then on it may be tried again; 0: nothing keeps it from being tried */
	int64_t until_latest; /* from then on it surely is */
	unsigned failures;    /* how often, where the MTA counts; else 0 */
	struct slice reply,
	    dsn;	 /* what the host answered, and its enhanced code; none when not kept */
	int exit_status; /* of sysexits(3), 0 */
	int errnum;	 /* of the system call that failed, 0 */
};
typedef void host_note_fn(void *ctx, const struct host_note *n);

struct backend_hosts {
	/* Call `fn` for each note, in any order. What cannot be read, or makes no sense, goes to
	 * `trouble`. 1; 0 when this queue's MTA keeps none (err: why); -1 with err when none can be
	 * read. */
	int (*each)(const struct queue *q, host_note_fn *fn, trouble_fn *trouble, void *ctx,
		    struct error *err);
	/* 1 forgotten; 0 there is none for `host`; -1 with err, ERROR_BUSY: the MTA is at work with
	 * it. */
	int (*forget)(const struct queue *q, struct slice host, struct error *err);
};

#endif
