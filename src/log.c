/* What is kept of one message's log lines: see mtaq/log.h. */
#include <mtaq/log.h>

#include <stdlib.h>

enum { FEW = 12 }; /* recipients that are looked through one by one */

int log_keep(struct slice *at, struct slice s)
{
	char *p = (char *)(uintptr_t)at->p;

	if (!p || at->n != s.n)
		p = realloc(p, s.n ? s.n : 1);
	if (!p)
		return -1;
	if (s.n)
		memcpy(p, s.p, s.n);
	*at = slice_of(p, s.n);
	return 0;
}

static void drop(struct slice *s)
{
	free((char *)(uintptr_t)s->p);
	*s = SLICE_NONE;
}

void log_history_clear(struct log_history *h)
{
	for (size_t i = 0; i < h->count; i++) {
		drop(&h->recipients[i].address);
		drop(&h->recipients[i].text);
	}
	free(h->recipients);
	free(h->slots);
	drop(&h->sender);
	*h = (struct log_history){.whole = false};
}

static uint32_t hash(enum channel channel, struct slice s)
{
	uint32_t h = 2166136261u ^ (uint32_t)channel;

	for (size_t i = 0; i < s.n; i++)
		h = (h ^ (unsigned char)s.p[i]) * 16777619u;
	return h;
}

static bool is(const struct log_recipient *r, enum channel channel, struct slice address)
{
	return r->channel == channel && slice_eq(r->address, address);
}

/* Where the recipient stands, or would stand. */
static uint32_t *slot_of(const struct log_history *h, enum channel channel, struct slice address)
{
	size_t at = hash(channel, address) & (h->slot_count - 1);

	while (h->slots[at] && !is(&h->recipients[h->slots[at] - 1], channel, address))
		at = (at + 1) & (h->slot_count - 1);
	return &h->slots[at];
}

struct log_recipient *log_history_find(const struct log_history *h, enum channel channel,
				       struct slice address)
{
	uint32_t found;

	if (h->slots) {
		found = *slot_of(h, channel, address);
		return found ? &h->recipients[found - 1] : NULL;
	}
	for (size_t i = 0; i < h->count; i++)
		if (is(&h->recipients[i], channel, address))
			return &h->recipients[i];
	return NULL;
}

/* Slots for twice the room. */
static int index_all(struct log_history *h)
{
	uint32_t *slots = calloc(h->room * 2, sizeof *slots);

	if (!slots)
		return -1;
	free(h->slots);
	h->slots = slots;
	h->slot_count = h->room * 2;
	for (size_t i = 0; i < h->count; i++)
		*slot_of(h, h->recipients[i].channel, h->recipients[i].address) = (uint32_t)i + 1;
	return 0;
}

static int make_room(struct log_history *h)
{
	size_t room = h->room ? h->room * 2 : 1;
	struct log_recipient *p;

	if (h->count < h->room)
		return 0;
	p = realloc(h->recipients, room * sizeof *p);
	if (!p)
		return -1;
	h->recipients = p;
	h->room = room;
	return room > FEW ? index_all(h) : 0;
}

struct log_recipient *log_history_at(struct log_history *h, enum channel channel,
				     struct slice address)
{
	struct log_recipient *r = log_history_find(h, channel, address);

	if (r)
		return r;
	if (make_room(h) < 0)
		return NULL;
	r = &h->recipients[h->count];
	*r = (struct log_recipient){.channel = channel};
	if (log_keep(&r->address, address) < 0)
		return NULL;
	h->count++;
	if (h->slots)
		*slot_of(h, channel, address) = (uint32_t)h->count;
	return r;
}
