/*
 * The journal: one file per run, JSON lines, written before and after each batch.
 *
 * DIR/RUN.jsonl, 0600, made with O_EXCL, in DIR of 0700. Lines, each an object:
 *	{"mtaq": 1, "run", "time", "user", "uid", "host", "command": [...], "op", "rule", "undoes",
 *	 "queues": [...], "environment_queues", "config"}
 *		the first; rule and what follows only when there is one
 *	{"n", "op", "queue", "dir", "id", "sender", "identity": {...}, "changes": [...], "trash",
 *	 "target"}
 *		an intent, one per message, numbered from 1; trash and target only when there is one
 *		(trash of an undo: where the copy lay that it took away)
 *	{"result", "n", "time", "error"}
 *		"done", "asked", "failed", or "unsure": done, but not known to be on disk
 *	{"end": true, "time", "counts": {...}}
 *		the last; without it the run was cut off, or is not at its end yet
 * Bytes of queues are as in mtaq/jsonbytes.h. The file is locked (flock) while its run lasts.
 *
 * Contract: intents are on disk (one write, fdatasync) before the batch is committed; results after
 *its directories are on disk. An intent without a result: unknown, look at the queue. Nothing is
 *made until the first intent. Not thread-safe.
 */
#ifndef MTAQ_JOURNAL_H
#define MTAQ_JOURNAL_H

#include <mtaq/arena.h>
#include <mtaq/error.h>

#include <jansson.h>
#include <stdint.h>

/* Where it lies unless --journal says so. */
#define JOURNAL_DIR "/var/lib/mtaq/journal"

struct journal;

/* The id of a run that begins now: "20261120T105612Z-12345", or where a process makes several,
 * their number `nth` (not 0) after that: "20261120T105612Z-12345.003". */
struct slice journal_run_id(struct arena *a, int64_t now, unsigned nth);
/* Make `dir`, and the one it is in, when they are missing. */
int journal_make_directory(const char *dir, struct error *err);

/* Make dir (its last component) if it is missing, and the file with its first line, on disk.
 * `header` is taken over (owned by the journal); "run" is added. NULL with err: nothing may be
 * touched then (73). */
struct journal *journal_open(const char *dir, const char *run, json_t *header, struct error *err);
/* Add one line to what the next journal_sync() writes; takes `line` over. Returns the line's number
 * n for an intent. */
uint64_t journal_intent(struct journal *j, json_t *intent);
void journal_result(struct journal *j, uint64_t n, const char *result, const char *error);
/* Write what was added, and make it durable. -1: the journal is lost midway (74): stop after this
 * batch. */
int journal_sync(struct journal *j, struct error *err);
/* The last line with `counts` (taken over), and close. NULL is fine. */
int journal_close(struct journal *j, json_t *counts, struct error *err);
const char *journal_path(const struct journal *j);

#endif
