/* A message that comes back: what is known of it between the steps. See ops_restore.c. */
#ifndef QMAIL_RESTORE_H
#define QMAIL_RESTORE_H

#include "source.h"

struct restore {
	struct source s;
	bool by_todo;  /* through todo, else as one that has been preprocessed */
	bool noted;    /* this run has written into the note how far it is */
	bool in_queue; /* an earlier run got as far as mess */
	bool tidied;   /* an earlier run has brought it back */
	bool mess, intd, local, remote, bounce, info; /* what this run has made */
	char pid_name[40];
};

/* Members of the note: the number that it gets; that qmail-send may have seen it. */
#define RESTORE_NUMBER	"restoring"
#define RESTORE_VISIBLE "visible"

/* What the queue has of this number; *st is that of mess. 0/-1 with err. */
int restore_queued_as(struct action *a, uint64_t n, bool *mess, bool *envelope, struct stat *st,
		      struct error *err);
/* Is that the message's own mess, under whatever number? */
bool restore_is_own(const struct restore *r, const struct stat *mess);

#endif
