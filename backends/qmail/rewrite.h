/*
 * How qmail-send turns a recipient of the envelope into one of a channel, and back.
 *
 * local and remote hold addresses after rewriting: a missing host added, the prefix of a virtual
 * domain put in front. Whoever writes them into an envelope again, or to a person, has to take that
 * back.
 */
#ifndef QMAIL_REWRITE_H
#define QMAIL_REWRITE_H

#include "internal.h"

struct rewrite_map {
	struct control_line *list;
	size_t count;
};

struct rewrite {
	struct rewrite_map locals, virtuals, percenthack;
	struct slice envnoathost;
};

/* The lines of a control file, by control_sort(); with `values` only lines that have a colon count,
 * and the key ends there. -1 when out of memory. */
int rewrite_map_parse(struct arena *a, struct slice text, bool values, struct rewrite_map *out);
/* Read the control files of `q`. -1 with err when there are none, or one cannot be read. */
int rewrite_load(const struct queue_qmail *q, struct arena *a, struct rewrite *out,
		 struct error *err);
/* The channel of an address of the envelope, and what is stored there (none when out of memory). */
enum channel rewrite_forward(const struct rewrite *r, struct arena *a, struct slice address,
			     struct slice *stored);
/* An address of the envelope that becomes `stored` in `channel`; none when there is none. */
struct slice rewrite_inverse(const struct rewrite *r, struct arena *a, enum channel channel,
			     struct slice stored);
/* Without the prefix of its virtual domain, as bounces show it. */
struct slice rewrite_strip(const struct rewrite *r, struct slice stored);

#endif
