/*
 * The note in bounce/N: what qmail-send will tell the sender when the message has ended, a
 * paragraph for each recipient. What is added is added once, however often the same is asked for.
 *
 * Change: {"what": "note", "before": "less" or "more", "after", "text", "made": bounce/N was not
 * there before}.
 */
#ifndef QMAIL_NOTE_H
#define QMAIL_NOTE_H

#include "marks.h"

struct note {
	struct slice text; /* to be added; empty: it is there already */
	bool make;	   /* there is no file yet */
	bool written;	   /* the temporary */
	bool made;	   /* bounce/N by note_publish() */
};

/* What is to be told of these recipients. */
int note_plan(struct action *a, struct held *h, const struct slice *recipients, size_t count,
	      struct note *out, struct error *err);
int note_change(struct held *h, const struct note *n, struct error *err);
/* As a temporary, when the file is to be made. */
int note_write(struct action *a, struct held *h, struct note *n, struct error *err);
/* Add it, on disk with its directory. */
int note_publish(struct action *a, struct held *h, struct note *n, struct error *err);
/* pin_check() when all is done. If the message has ended in the moment when the file was made,
 * qmail-send has not taken it up: it goes again, or the sender of the next message of that number
 * would get it. */
int note_check_end(struct action *a, struct held *h, const struct note *n, struct error *err);
void note_discard(struct action *a, struct held *h, struct note *n);

/* What "moved_note" of delete did (ops_delete.c): bring the file back from the folder, or take it
 * away again. 1, 0 when it is not as that left it. */
int note_moved_plan(struct action *a, struct held *h, const json_t *change, struct error *err);
int note_moved_back(struct action *a, struct held *h, const json_t *change, struct note *out,
		    struct error *err);
/* Take an earlier one back, or add it again: 1, 0 when it is not as that left it. */
int note_back_plan(struct action *a, struct held *h, const json_t *change, struct error *err);
/* Does taking this change back take a paragraph away? */
bool note_takes(const json_t *change);
int note_back(struct action *a, struct held *h, const json_t *change, struct note *out,
	      struct error *err);

#endif
