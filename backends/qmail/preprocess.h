/*
 * A message that is still in todo made one that has been preprocessed, while qmail-send is stopped:
 * info, local and remote are written as qmail-send would, and todo goes. What lies beside a todo
 * means nothing, so that is the step that counts.
 */
#ifndef QMAIL_PREPROCESS_H
#define QMAIL_PREPROCESS_H

#include "steps.h"

struct preprocess {
	struct slice info, channel[2]; /* contents; none: no such file */
	bool written;
};

/* What the files will hold: recipients where qmail-send would put them, pending. */
int preprocess_pending(struct action *a, struct held *h, struct preprocess *out, struct error *err);
/* All of them done. */
int preprocess_done(struct held *h, struct preprocess *out, struct error *err);
/* Write them, info with that time: it is the birth. */
int preprocess_write(struct action *a, struct held *h, struct preprocess *p,
		     const struct timespec *birth, struct error *err);
/* Take todo away; sync() must have been between. */
int preprocess_commit(struct action *a, struct held *h, struct error *err);
/* Take away what was written, unless the message was committed. */
void preprocess_discard(struct action *a, struct held *h, const struct preprocess *p);

#endif
