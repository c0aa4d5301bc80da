/*
 * Messages counted by the values of fields.
 *
 * Contract: keys are made in any thread (summary_keys), groups in one (summary_add).
 */
#ifndef MTAQ_SUMMARY_H
#define MTAQ_SUMMARY_H

#include <mtaq/field.h>
#include <mtaq/limits.h>
#include <mtaq/text.h>

enum { SUMMARY_KEYS = 8, SUMMARY_BUCKETS = 32 };

struct summary_spec {
	struct field_ref keys[SUMMARY_KEYS];
	struct slice names[SUMMARY_KEYS]; /* of the keys; with an argument, as it was written */
	size_t count;
	unsigned labels;      /* roll domains up to their last so many labels; 0: not at all */
	bool exact;	      /* do not fold statuses */
	bool by_age;	      /* count by age, too */
	int64_t first_bucket; /* seconds; each following one is twice as long */
	unsigned buckets;     /* of them; the last is for all that is older */
};

/* What is known of a group, or of one message. */
struct summary_tally {
	uint64_t messages, recipients, bytes;
	bool aged;
	int64_t oldest; /* earliest arrival */
	uint64_t by_age[SUMMARY_BUCKETS];
};

/* Add "sender.domain,status" to the spec, which points into `text`. ERROR_USAGE with offset. */
int summary_parse(struct slice text, struct summary_spec *spec, struct error *err);
/* Append the message's groups to `out`: per group its size (size_t) and the key, the texts of the
 * fields each ended by NUL. A message is in as many groups as its lists have different values; a
 * value that it lacks is "-", one that could not be read "?". 0; or -1 out of memory or past
 * LIMIT_SUMMARY_VALUES, LIMIT_SUMMARY_GROUPS or LIMIT_SUMMARY_KEYS, and what was appended is not
 * whole. */
int summary_keys(const struct summary_spec *spec, const struct field_context *c, struct buf *out);
/* The tally of one message. */
void summary_measure(const struct summary_spec *spec, const struct field_context *c,
		     struct summary_tally *out);
void summary_add(struct summary_tally *to, const struct summary_tally *from);
/* The last `labels` labels of a domain, with a dot before them when some were left out. */
struct slice summary_roll_up(struct arena *a, struct slice domain, unsigned labels);

#endif
