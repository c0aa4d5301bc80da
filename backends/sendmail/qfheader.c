/*
 * Header values as they stand in a control file.
 *
 * Message bytes that would collide with sendmail's own codes (0x80-0x9F and 0xFF) stand with an
 * 0xFF before them; a bare 0x81 and a letter is a macro that is filled in at delivery, in practice
 * the sender in Return-Path. Releases before 8.14 wrote the bytes as they were.
 */
#include "queue.h"

#include <mtaq/limits.h>

enum { QUOTE = 0xff, MACRO = 0x81 };

static bool is_code(unsigned char c)
{
	return (c >= 0x80 && c <= 0x9f) || c == QUOTE;
}

static bool needs_decoding(struct slice raw)
{
	return memchr(raw.p, QUOTE, raw.n) || memchr(raw.p, MACRO, raw.n);
}

/* The macro that begins at raw.p[i], if it is the one that queue files have: $g, the sender. After
 * an 8-bit byte 0x81 is part of a character of an old file. */
static bool sender_at(struct slice raw, size_t i)
{
	return (unsigned char)raw.p[i] == MACRO && i + 1 < raw.n && raw.p[i + 1] == 'g' &&
	       !(i && (unsigned char)raw.p[i - 1] >= 0x80);
}

static size_t decoded_size(struct slice raw, size_t sender)
{
	size_t n = raw.n;

	for (size_t i = 0; i < raw.n && n <= LIMIT_MESSAGE_BYTES; i++)
		n += sender_at(raw, i) ? sender : 0;
	return n;
}

struct slice sendmail_header_bytes(struct arena *a, const struct message *m, struct slice raw)
{
	struct slice sender = m->bounce || !m->sender.p ? SLICE("") : m->sender;
	size_t n = 0, room;
	char *out;

	if (!raw.n || !needs_decoding(raw))
		return raw;
	room = decoded_size(raw, sender.n);
	out = room <= LIMIT_MESSAGE_BYTES ? arena_alloc(a, room + 1) : NULL;
	if (!out)
		return SLICE_NONE;
	for (size_t i = 0; i < raw.n; i++) {
		if ((unsigned char)raw.p[i] == QUOTE && i + 1 < raw.n &&
		    is_code((unsigned char)raw.p[i + 1])) {
			out[n++] = raw.p[++i];
		} else if (sender_at(raw, i)) {
			memcpy(out + n, sender.p, sender.n);
			n += sender.n;
			i++;
		} else {
			out[n++] = raw.p[i];
		}
	}
	out[n] = '\0';
	return slice_of(out, n);
}
