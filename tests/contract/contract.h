/*
 * What the contract tests share: the queues they run over, and ways to walk, load and compare.
 *
 * A case is one open queue: in memory, or a recorded one that was unpacked. Promises
 * (promise_*.c) are cmocka tests whose state is a struct contract_case *.
 */
#ifndef TESTS_CONTRACT_H
#define TESTS_CONTRACT_H

#include "contract/fixture.h"

#include <mtaq/field.h>
#include <mtaq/text.h>

#define PARTS_ALL ((parts_t)(PART(PART_COUNT) - 1))

struct contract_case {
	const char *kind, *name; /* "mem"; "sendmail", "flat" */
	bool wrapped;		 /* behind a wrapper without faults */
	struct fixture fixture;
	struct queue *inner; /* the one below the wrapper; else the same */
	struct queue *queue; /* NULL: not open yet */
	unsigned troubles;   /* told while it was opened */
};

/* The case's queue; opened when first asked for. */
const struct queue *case_queue(struct contract_case *c);
void case_close(struct contract_case *c);
/* Does it lie on disk? */
bool case_on_disk(const struct contract_case *c);

/* All that a scan gives. */
struct entries {
	struct arena names;
	struct message_entry *list;
	size_t count, room;
	size_t errors; /* told between them */
};
void entries_scan(struct entries *l, const struct queue *q);
void entries_free(struct entries *l);

/* One message and what it is loaded with. */
struct subject {
	struct arena arena;
	struct sys_locks locks;
	struct loader loader;
	struct charset_cache *charsets;
	struct message message;
};
void subject_init(struct subject *s);
void subject_free(struct subject *s);
/* Begin `e` anew; what the subject held before is given up. */
void subject_begin(struct subject *s, const struct queue *q, const struct message_entry *e);
void subject_load(struct subject *s, parts_t want);

/* Every member but have, failed and why, as text. */
void dump_message(struct buf *out, const struct message *m);
/* The values of a field, one per line; a field that takes an argument is asked for `argument`. */
void dump_field(struct buf *out, const struct subject *s, const struct field *f,
		struct slice argument);
/* Fail the test, naming case, message and `what`, unless both texts are the same. */
void same_text(const struct buf *got, const struct buf *wanted, const struct message *m,
	       const char *what);

#define PROMISE(name) void promise_##name(void **state)
/* promise_table.c */
PROMISE(functions);
PROMISE(facts);
PROMISE(registered);
PROMISE(options);
PROMISE(units);
PROMISE(detect);
PROMISE(open_fails);
PROMISE(describe);
/* promise_scan.c */
PROMISE(scan_once);
PROMISE(scan_errors);
PROMISE(find_exact);
PROMISE(find_forms);
PROMISE(find_no_substring);
PROMISE(find_room);
PROMISE(script_id);
/* promise_load.c */
PROMISE(begin);
PROMISE(load_sets);
PROMISE(load_idempotent);
PROMISE(load_order);
PROMISE(needs_deliver);
PROMISE(lacked_fields);
PROMISE(states);
PROMISE(threads);
PROMISE(lister);
/* promise_files.c */
PROMISE(files_exist);
PROMISE(open_data);
PROMISE(vanished);
PROMISE(vanishing);
PROMISE(denied);
PROMISE(closed_files);
PROMISE(nothing_written);
PROMISE(atimes_kept);

#endif
