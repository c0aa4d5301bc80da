/*
 * What an MTA's queue can be asked: one const table of operations per MTA.
 *
 * To add a backend: a folder backends/NAME/ with one `const struct backend`, and its row in
 * backends/registry.c. tests/contract runs over every row: it asserts each promise below in
 * behaviour.
 *
 * Contract for all operations: 0 / -1 with `err` (scope set) unless said; thread-safe for different
 * loaders on one queue once open() has returned; nothing is written, no atime changes, no lock is
 * taken but the probe of PART_LOCK; only src/select.c, src/worker.c and src/batch.c call the
 * per-message operations. No backend prints.
 */
#ifndef MTAQ_BACKEND_H
#define MTAQ_BACKEND_H

#include <mtaq/field.h>
#include <mtaq/log.h>
#include <mtaq/message.h>
#include <mtaq/sysio.h>
#include <mtaq/text.h>

/* -q [KIND:]DIR[,key=value...] taken apart; strings live as long as the run. */
struct queue_option {
	const char *key, *value; /* value NULL for a bare key ("msp") */
};

struct queue_spec {
	const char *kind; /* backend name, NULL: find out */
	const char *dir;  /* NULL: whatever the configuration names */
	const struct queue_option *options;
	size_t option_count;
	/* Where it was found ("-q", "/etc/mail/sendmail.cf", ...), for `mtaq queues -v`. */
	const char *why;
};
/* The value of an option ("" for a bare key), or NULL. */
const char *queue_spec_option(const struct queue_spec *s, const char *key);

/* Base of each backend's own struct queue_NAME. `backend` may be another table than the registered
 * one of that name, when this queue can tell less: one without a log. */
struct queue {
	const struct backend *backend;
	const char *name; /* "sendmail:/var/spool/mqueue" */
	const char *dir;
	const char *host;
	int64_t now; /* the run's clock when the queue was opened */
	/* Files and directories of its MTA's log, as open() found or was told. */
	const char *const *logs;
	size_t log_count;
	/* Reads them; set after open() by who opened it. NULL: PART_LOG cannot be loaded. */
	struct log_source *log;
};

/* A directory that is scanned; base of the backend's own. */
struct unit {
	const struct queue *queue;
	const char *path; /* as the MTA's own lister prints it */
	unsigned index;	  /* in struct unit_list */
};

struct unit_list {
	const struct unit *const *list;
	size_t count;
};

/* Facts about a queue for `mtaq queues -v`: key, value, and the reason ("from sendmail.cf line 42";
 * may be NULL). */
typedef void describe_fn(void *ctx, const char *key, const char *value, const char *why);

/* Trouble met while scanning that is no message's: a directory that cannot be read, an odd entry.
 */
typedef void trouble_fn(void *ctx, const struct error *err);

/* What one thread loads with. The engine owns it and resets the arena after each message. */
struct loader {
	struct arena *arena;
	struct sys_locks *locks; /* the kernel's table */
	bool locks_fresh; /* cleared by the engine at each chunk; PART_LOCK refreshes and sets it */
	bool held;	  /* this process holds the message's lock itself, so nobody else has it */
	int64_t now;
};

struct scan;		/* the backend's own */
struct backend_actions; /* mtaq/action.h */
struct backend_checks;	/* mtaq/check.h */
struct backend_hosts;	/* mtaq/hosts.h */

/* What the MTA's own lister knows from the configuration when it marks messages; 0 = not set. */
struct lister_facts {
	/* Seconds between attempts: MinQueueAge, MaxQueueAge. */
	int64_t min_queue_age, max_queue_age;
};

/* One line of the control file as the MTA's own lister takes it: code byte and the rest. */
typedef void lister_line_fn(void *ctx, char code, struct slice value);

struct backend {
	const char *name;    /* "sendmail" */
	const char *summary; /* "sendmail 8 queue directories" */
	/* Price of each part when it is not loaded yet, in nanoseconds roughly; orders conjuncts. 0
	 * = free with another. */
	uint32_t cost[PART_COUNT];
	/* What can be done to messages; NULL: only looking. */
	const struct backend_actions *actions;
	/* What can be wrong with a queue, and how it is mended; NULL: cannot be checked. */
	const struct backend_checks *checks;
	/* What it has noted of other hosts; NULL: nothing. */
	const struct backend_hosts *hosts;
	/* FIELD_COUNT entries: the parts a field needs; 0 = this MTA cannot have the field.
	 * PART_NAME alone = the scan knows. */
	const parts_t *needs;
	/* FIELD_COUNT entries or NULL: why this MTA cannot have a field ("needs qmail-send's log"),
	 * NULL = no reason. */
	const char *const *lacks;
	/* The states that messages of this MTA can be in, as bits 1 << STATE_x. */
	unsigned states;
	/* Those of them that the MTA's own lister shows when it is asked for nothing special. */
	unsigned native_states;
	/* Options that -q takes after DIR. NULL-terminated. */
	const char *const *options;
	/* The MTA's own listing that --format names: "mailq" or "qread". */
	const char *native_format;

	/* This host's queues of this MTA: call `found` for each. `config` is -C FILE or NULL.
	 * Nothing there: 0. */
	int (*discover)(const char *config, void (*found)(void *ctx, const struct queue_spec *spec),
			void *ctx, struct error *err);
	/* Is `dir` a queue of this MTA: how sure, 0 (no) to 100 (its own layout). Cheap, reads
	 * names only. -1 with err when it cannot be read. */
	int (*detect)(const char *dir, struct error *err);
	/* Open all of the queue's directories. `config` is -C FILE or NULL; `now` the run's clock.
	 * Trouble with one of several directories goes to `trouble` (never NULL) and does not fail
	 * the open. NULL with err. */
	struct queue *(*open)(const struct queue_spec *spec, const char *config, int64_t now,
			      trouble_fn *trouble, void *ctx, struct error *err);
	void (*close)(struct queue *q);
	/* What was found and why; lifetimes; running daemons. */
	void (*describe)(const struct queue *q, describe_fn *fn, void *ctx);
	/* The directories that are scanned, deduplicated by device and inode. Lives as long as the
	 * queue. */
	struct unit_list (*units)(const struct queue *q);

	/* Walk all messages. One thread at a time. */
	struct scan *(*scan_begin)(const struct queue *q, struct error *err);
	/* The next message: 1 with *out, its name copied to `names`; 0 at the end; -1 with err
	 * (SCOPE_QUEUE: the scan goes on after it with what else can be read). Entries that are no
	 * message of this MTA are passed over; those that look like one but cannot be (over-long,
	 * wrong place) are told by -1 with SCOPE_MESSAGE. Each message once. */
	int (*scan_next)(struct scan *s, struct arena *names, struct message_entry *out,
			 struct error *err);
	void (*scan_end)(struct scan *s);
	/* All messages that the user may mean by `id` (marks and prefixes taken off as the MTA's
	 * listers put them): at most `room` entries are stored, the number found is returned (0:
	 * not there; 2: in two directories), -1 with err. */
	int (*find)(const struct queue *q, struct slice id, struct arena *names,
		    struct message_entry *out, int room, struct error *err);
	/* Start a message: id, state if the name tells it, have = PART_NAME. Never fails. */
	void (*begin)(const struct queue *q, const struct message_entry *e, struct arena *arena,
		      struct message *m);
	/* Load at least the parts `want` that m->have lacks (more may come with them). Sets have,
	 * failed + why, or gone. */
	void (*load)(struct loader *l, struct message *m, parts_t want);

	/* Feed the control file's lines to `fn` as the MTA's own lister reads them. NULL: it has no
	 * such file, or its lister shows nothing that struct message does not hold. PART_CONTROL
	 * must be loaded. */
	void (*lister_lines)(const struct message *m, lister_line_fn *fn, void *ctx);
	/* For the marks of its lister. NULL: it has none. */
	void (*lister_facts)(const struct queue *q, struct lister_facts *out);
	/* The id as scripts should hold it: reuse-proof ("206850@1795163779000000000"; "206850@-"
	 * when it has no data file); needs PART_DATA. NULL: the id itself. p == NULL when out of
	 * memory. */
	struct slice (*script_id)(struct arena *a, const struct message *m);
	/* Take apart a line of the MTA's log, free of what its carrier put before it. NULL: no log
	 * is read. */
	void (*log_parse)(struct slice line, struct log_event *out);
	/* Files of this message, for `show`: role ("control", "data", ...) and path. Calls fn only
	 * for those that exist. */
	void (*files)(const struct message *m,
		      void (*fn)(void *ctx, const char *role, const char *path), void *ctx);
	/* Open what `cat` prints: the bytes of the message after its header (sendmail: df), or all
	 * of it (qmail: mess). fd or -1; *whole true when the header is in it. Another file than
	 * the one that was looked at before is ERROR_GONE where names are used again. */
	int (*open_data)(const struct message *m, bool *whole, struct error *err);
};

/* May the getter of this field be asked: all that it needs was loaded and could be read. */
static inline bool message_tells(const struct message *m, enum field_id field)
{
	parts_t needs = m->queue->backend->needs[field];

	if (field == FIELD_STATE && m->state_known)
		return true;
	return needs && !(needs & m->failed) && (needs & m->have) == needs;
}

/* Row `i` of the registry, NULL past the end. */
const struct backend *backend_at(size_t i);
/* By name; NULL when there is none. */
const struct backend *backend_find(const char *name);

#endif
