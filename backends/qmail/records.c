/*
 * The contents of info, local, remote and todo: runs of records that end in NUL.
 *
 * Pure: bytes in, slices of them out. What qmail-send would not accept is named; what its lister
 * would still show is shown, but never anything of another message.
 */
#include "internal.h"

int record_next(struct slice *rest, struct record *out)
{
	const char *end;

	if (rest->n == 0)
		return 0;
	end = memchr(rest->p, '\0', rest->n);
	out->text = end ? slice_of(rest->p, (size_t)(end - rest->p)) : *rest;
	*rest = slice_skip(*rest, out->text.n + 1);
	out->type = out->text.n ? out->text.p[0] : '\0';
	out->text = slice_skip(out->text, 1);
	return end ? 1 : -1;
}

size_t record_count(struct slice bytes)
{
	struct record r;
	size_t n = 0;

	while (record_next(&bytes, &r) == 1)
		n++;
	return n;
}

const char *info_parse(struct slice bytes, struct slice *sender)
{
	struct record r;
	int got = record_next(&bytes, &r);

	*sender = SLICE_NONE;
	if (got == 0)
		return "is empty: the sender is lost";
	*sender = r.text;
	if (got < 0)
		return "has no NUL at its end: the sender may be cut off";
	if (r.type != 'F')
		return "does not begin with F: qmail-send cannot read the sender";
	return NULL;
}

static void add_recipient(struct recipient *list, size_t *count, enum channel channel,
			  struct record r)
{
	list[(*count)++] = (struct recipient){
	    .address = r.text,
	    .raw = r.text,
	    .channel = channel,
	    .done = r.type == 'D',
	};
}

static const char unknown_record[] = "has a record of unknown type: qmail-send stops there";
static const char cut_record[] = "ends in a record without NUL: qmail-send does not see it";

const char *channel_parse(struct slice bytes, enum channel channel, struct recipient *list,
			  size_t *count)
{
	const char *damage = NULL;
	struct record r;
	int got;

	while ((got = record_next(&bytes, &r)) == 1) {
		if (r.type == 'T' || r.type == 'D')
			add_recipient(list, count, channel, r);
		else
			damage = unknown_record;
	}
	return got < 0 && !damage ? cut_record : damage;
}

/* One record of an envelope that is not a recipient. */
static const char *envelope_record(struct envelope *out, struct record r)
{
	switch (r.type) {
	case 'u':
		out->uid = r.text;
		return NULL;
	case 'p':
		out->pid = r.text;
		return NULL;
	case 'F':
		if (out->sender.p)
			return "has two senders";
		out->sender = r.text;
		return NULL;
	default:
		return unknown_record;
	}
}

const char *envelope_parse(struct slice bytes, struct envelope *out, struct recipient *list,
			   size_t *count)
{
	const char *damage = NULL, *d;
	struct record r;
	int got;

	*out = (struct envelope){{NULL, 0}, {NULL, 0}, {NULL, 0}};
	while ((got = record_next(&bytes, &r)) == 1) {
		if (r.type == 'T') {
			add_recipient(list, count, CHANNEL_NONE, r);
			continue;
		}
		d = envelope_record(out, r);
		damage = damage ? damage : d;
	}
	if (damage)
		return damage;
	if (got < 0)
		return cut_record;
	return out->sender.p ? NULL : "has no sender";
}
