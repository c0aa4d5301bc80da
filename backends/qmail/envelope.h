/*
 * Changing the envelope of a message that is still in todo, while qmail-send is stopped: the file
 * is written anew, byte for byte but for the records that go or come back, and takes the place of
 * todo and intd.
 */
#ifndef QMAIL_ENVELOPE_H
#define QMAIL_ENVELOPE_H

#include "marks.h"

struct envelope_record {
	size_t at; /* in the text that has it */
	struct slice address;
};

struct envelope_edit {
	struct slice text; /* the new one */
	struct envelope_record *list;
	size_t count;	   /* records that go or come */
	size_t recipients; /* before */
	bool removes;
	bool written;
};

/* The text without the recipients that `wants` asks for. */
int envelope_remove(struct held *h, marks_wants_fn *wants, const void *ctx,
		    struct envelope_edit *out, struct error *err);
/* What an earlier edit changed, the other way: 1, or 0 when that cannot be. */
int envelope_back(struct held *h, const json_t *changes, struct envelope_edit *out,
		  struct error *err);
int envelope_note(struct held *h, const struct envelope_edit *e, struct error *err);
int envelope_write(struct action *a, struct held *h, struct envelope_edit *e, struct error *err);
int envelope_publish(struct action *a, struct held *h, struct envelope_edit *e, struct error *err);
/* Take away what was written and not published. */
void envelope_discard(struct action *a, struct held *h, struct envelope_edit *e);

#endif
