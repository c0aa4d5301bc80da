/*
 * One queued message as every layer above the backends sees it: the same members for each MTA.
 *
 * Contract: a message is loaded in parts. struct message_entry is what a directory scan knows;
 * backend->load() adds parts. `have` has the bits of the parts that were attempted; `failed` those
 * of them that could not be had (whole), the reason in why[]. A part that failed may still have
 * filled members (recipients before the damage): good enough to show, never good enough to match
 * (the filter answers ERROR for anything that needs a failed part). Slices point into the message's
 * arena and live until the engine resets it. Nobody but the backend writes members.
 */
#ifndef MTAQ_MESSAGE_H
#define MTAQ_MESSAGE_H

#include <mtaq/arena.h>
#include <mtaq/error.h>
#include <mtaq/header.h>
#include <mtaq/slice.h>

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

struct queue;
struct unit;

/* Parts, in rising usual cost; the backend prices them (struct backend.cost). */
enum part_index {
	PART_NAME_I,	   /* what the scan saw: always there */
	PART_STAT_I,	   /* stat of the control file */
	PART_CONTROL_I,	   /* its contents: envelope */
	PART_DATA_I,	   /* stat of the data file */
	PART_RECIPIENTS_I, /* recipients and what is known of each */
	PART_HEADER_I,	   /* header fields */
	PART_LOCK_I,	   /* is somebody working on it */
	PART_BODY_I,	   /* the bytes after the header */
	PART_LOG_I,	   /* what the MTA's log tells */
	PART_COUNT
};

/* "name", "stat", ..., "log". */
const char *message_part_name(enum part_index part);

typedef uint16_t parts_t;

#define PART(i)		((parts_t)(1u << (i)))
#define PART_NAME	PART(PART_NAME_I)
#define PART_STAT	PART(PART_STAT_I)
#define PART_CONTROL	PART(PART_CONTROL_I)
#define PART_DATA	PART(PART_DATA_I)
#define PART_RECIPIENTS PART(PART_RECIPIENTS_I)
#define PART_HEADER	PART(PART_HEADER_I)
#define PART_LOCK	PART(PART_LOCK_I)
#define PART_BODY	PART(PART_BODY_I)
#define PART_LOG	PART(PART_LOG_I)

enum message_state {
	STATE_UNKNOWN = 0, /* could not be told: see why[] */
	STATE_QUEUED,
	STATE_NEW,	  /* qmail: accepted, not yet preprocessed (S4) */
	STATE_HELD,	  /* sendmail: quarantined (hf) */
	STATE_LOST,	  /* sendmail: given up (Qf) */
	STATE_NODATA,	  /* sendmail: qf without df */
	STATE_INCOMPLETE, /* sendmail: control file without its end */
	STATE_INCOMING,	  /* still being written by the MTA's front door */
	STATE_ENDING,	  /* qmail: nothing pending any more */
	STATE_COUNT
};
/* "queued", "new", ... as in the filter language. */
const char *message_state_name(enum message_state s);

/* A number that a message may lack. */
struct number {
	bool known;
	int64_t value;
};

static inline struct number number_of(int64_t v)
{
	return (struct number){true, v};
}

/* a - b, held at the limits: times in queues are what anybody wrote there. */
static inline int64_t number_minus(int64_t a, int64_t b)
{
	if (b > 0 && a < INT64_MIN + b)
		return INT64_MIN;
	if (b < 0 && a > INT64_MAX + b)
		return INT64_MAX;
	return a - b;
}

enum channel { CHANNEL_NONE = 0, CHANNEL_LOCAL, CHANNEL_REMOTE };

struct recipient {
	struct slice address; /* without brackets */
	struct slice raw;     /* as it stands in the control file, after any flags */
	struct slice flags;   /* sendmail: letters before the colon */
	struct slice status; /* last result for this recipient, or the message's when it has none of
			      * its own; none if never tried */
	bool own_status;     /* status is this recipient's own */
	struct slice orcpt;  /* sendmail Q line */
	struct slice final;  /* sendmail r line */
	struct slice control; /* sendmail: controlling C line in force */
	struct slice route;   /* qmail: smtproutes entry that applies */
	struct number attempts, last_attempt, next_attempt;
	enum channel channel;
	bool done; /* delivered or failed for good: not pending */
};

struct macro {
	struct slice name, value; /* name without braces */
};

/* What the scan of a directory knows of a message. The name's bytes belong to the chunk. */
struct message_entry {
	const struct unit *unit;
	struct slice name; /* as in the directory */
	uint64_t number;   /* qmail: the number; else 0 */
	unsigned seen;	   /* the backend's own bits: in which directories the name was seen */
	/* The id that was asked for told the data file's mtime: with another one it is another
	 * message, and gone. Only where names are used again. */
	bool pinned;
	int64_t data_mtime_ns;
};

/* What must still be true of a message when it is acted on. */
struct message_identity {
	uint64_t control_dev, control_ino, data_dev, data_ino;
	int64_t data_mtime_ns; /* of the data file */
	int64_t control_size, control_mtime_ns;
};

struct message {
	const struct queue *queue;
	struct message_entry entry;
	struct arena *arena;

	parts_t have, failed;
	const struct error
	    *why[PART_COUNT]; /* in the arena; NULL unless that bit of failed is set */
	bool gone;	      /* vanished while being read: no error, no message */

	struct slice id; /* what people call it: "tAE9QVHl018335", "206850" */
	enum message_state state;
	bool state_known; /* state needs no part that is not loaded yet */
	struct message_identity identity;

	/* times, seconds */
	struct number arrival;	/* the MTA's birth of it: base of all ageing */
	struct number accepted; /* when it really came */
	struct number expires;	/* when the MTA will give up */
	struct number last_attempt;
	struct number next_attempt; /* only when it is exact */
	struct number attempts;
	struct number size;	/* bytes, as the MTA's own lister shows */
	struct number priority; /* sendmail P */
	struct number version;	/* sendmail V */

	struct slice
	    sender; /* without brackets; empty = null; MAILER-DAEMON kept; none = has none */
	struct slice sender_raw; /* as it stands */
	bool bounce, double_bounce;
	bool bouncing; /* qmail: bounce/N exists */
	bool warned;   /* sendmail: delay warning sent */

	struct recipient *recipients;
	size_t recipient_count, pending_count;
	struct recipient
	    *logged; /* done, and known from the log alone: the address as it is written there */
	size_t logged_count;
	struct slice *statuses; /* all status lines: the message's first, then per recipient */
	size_t status_count;
	struct slice message_status; /* the one that is the message's; none if it has none */

	struct slice flags, body_type, auth, envid, reason, deliver_by;
	struct macro *macros;
	size_t macro_count;

	struct header_list headers;
	/* How header values are written here: undo the MTA's own encoding (sendmail's 0xFF). NULL:
	 * as they are. The result is `raw` itself when nothing had to change; p == NULL when out of
	 * memory. */
	struct slice (*header_bytes)(struct arena *a, const struct message *m, struct slice raw);
	struct slice body; /* after the header's empty line; none until loaded */
	struct number
	    body_at; /* where the body begins in a data file that has the header too; PART_HEADER */

	struct slice control_text; /* sendmail: the bytes of the qf; none elsewhere */
	int locked;		   /* 1, 0, -1 not known */
	void *extra;		   /* the backend's own, in the arena; nobody else looks */
};

#endif
