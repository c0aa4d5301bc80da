/*
 * A saved message read back, and what it becomes in the queue.
 */
#ifndef QMAIL_SOURCE_H
#define QMAIL_SOURCE_H

#include "act.h"

struct source {
	int mess; /* fd of the saved file; -1 */
	struct stat mess_st;
	struct slice mess_name;
	struct slice info, local, remote, todo,
	    bounce; /* contents; none when it had no such file */
	struct timespec info_time, local_time, remote_time, todo_time, bounce_time;
	struct slice envelope; /* as todo and intd are to have it; once source_envelope() made it */
};

/* Open and read all of h->saved. */
int source_open(struct held *h, struct source *s, struct error *err);
void source_close(struct source *s);
/* The sender; none when it cannot be told. */
struct slice source_sender(const struct source *s, struct arena *a);
/* Make the envelope: its own when it was in todo, else its pending recipients as they were before
 * qmail-send rewrote them; ERROR_DENIED when that cannot be told. */
int source_envelope(struct action *a, struct held *h, struct source *s, struct error *err);

#endif
