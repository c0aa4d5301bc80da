/*
 * The filter language: text to a const expression, and its answer for one message.
 *
 * Contract: a filter is made once, then const and shared by all threads; what changes while
 * matching is in a struct filter_state per thread. Nothing in it knows a backend: a struct
 * filter_target says what the queue can do. Grammar, types and evaluation: man/mtaq-filter.7.
 */
#ifndef MTAQ_FILTER_H
#define MTAQ_FILTER_H

#include <mtaq/field.h>
#include <mtaq/text.h>

struct filter;

enum verdict { VERDICT_NO = 0, VERDICT_YES, VERDICT_ERROR, VERDICT_PENDING };

/* Parse and type-check `text` at time `now`. Everything lives in `arena` but compiled patterns:
 * filter_free(). NULL with err: ERROR_USAGE and the column; files of `in file` are read here. */
struct filter *filter_parse(struct arena *arena, struct slice text, int64_t now, struct error *err);
/* WHO of -f and -r: literal without case, @domain, <> or /re/. `field` is FIELD_SENDER or
 * FIELD_RECIPIENT. */
struct filter *filter_who(struct arena *arena, enum field_id field, struct slice who,
			  struct error *err);
/* age > seconds (older) or age < seconds */
struct filter *filter_age(struct arena *arena, bool older, int64_t seconds, struct error *err);
/* All / any of `list` (count >= 1). The parts stay owned by the result; NULL when out of memory. */
struct filter *filter_all(struct arena *arena, struct filter *const *list, size_t count);
struct filter *filter_any(struct arena *arena, struct filter *const *list, size_t count);
void filter_free(struct filter *f); /* NULL is fine */

/* Does the expression name this field anywhere? */
bool filter_names(const struct filter *f, enum field_id field);
/* Canonical text: parses to the same expression. */
void filter_print(const struct filter *f, struct buf *out);
/* Print `text` with a caret under column `offset` (both escaped for a terminal), two lines. */
void filter_caret(struct buf *out, struct slice text, size_t offset);

/* What a filter must know of a queue. */
struct filter_target {
	const parts_t *needs;	  /* [FIELD_COUNT], 0 = cannot have */
	const char *const *lacks; /* [FIELD_COUNT] or NULL: reasons */
	const uint32_t *cost;	  /* [PART_COUNT] */
	const struct message
	    *dummy; /* a message of this queue with nothing loaded, for mta, queue, host */
	const char *queue_name; /* for errors */
};

/* Fold mta, queue and host, order by cost. NULL with ERROR_USAGE when a field that this MTA cannot
 * have is left. The result lives in `arena`, shares patterns with `f` and tables with `target`, and
 * must outlive neither. */
const struct filter *filter_bind(struct arena *arena, const struct filter *f,
				 const struct filter_target *target, struct error *err);
/* Several filters in one, asked one after the other: the first that says YES takes the message, and
 * one in ERROR ends the chain for it. filter_link() tells which it was. list[i] may be NULL: not
 * asked on this queue. Tests that several of them make are made once. NULL with err: as
 * filter_bind, *failed tells for which. count >= 1, and one of them is there. */
const struct filter *filter_bind_chain(struct arena *arena, struct filter *const *list,
				       size_t count, const struct filter_target *target,
				       size_t *failed, struct error *err);
/* As filter_constant, of one filter of a chain. */
enum verdict filter_link_constant(const struct filter *chain, size_t link);

/* A bound filter's answer that no message can change: NO or YES; PENDING when it depends on the
 * message. */
enum verdict filter_constant(const struct filter *bound);
/* The parts that evaluation may come to ask for. */
parts_t filter_parts(const struct filter *bound);

struct filter_state; /* one thread's: results so far of this message, match data, JIT stack, scratch
		      */
struct filter_state *filter_state_new(const struct filter *bound);
void filter_state_free(struct filter_state *s);
/* A new message begins. */
void filter_state_reset(struct filter_state *s);

/* Evaluate as far as the loaded parts allow. PENDING: *want = the parts that the cheapest undecided
 * leaf still lacks. ERROR: *err says what of the message could not be read or decided. c->message,
 * arena, charsets, now are set by the caller. */
enum verdict filter_eval(const struct filter *bound, struct filter_state *s,
			 const struct field_context *c, parts_t *want, struct error *err);
/* Of a chain: which of its filters gave the YES or ERROR that filter_eval returned last. 0 for a
 * filter that is none. */
size_t filter_link(const struct filter_state *s);
/* The same by the naive way: the expression as written, all parts loaded or failed, no memory of
 * results, nothing folded or reordered: for tests to compare with. */
enum verdict filter_eval_naive(const struct filter *bound, struct filter_state *s,
			       const struct field_context *c);
/* The pattern that hit its match limit LIMIT_REGEX_ERRORS times, as written (/x/i), NULL while
 * there is none. */
const char *filter_runaway(const struct filter *bound);

#endif
