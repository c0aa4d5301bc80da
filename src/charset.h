/*
 * From the character sets of mail to UTF-8.
 *
 * Contract: only the sets in the table of charset.c are ever handed to iconv: its names come from
 * strangers, and some converters of some systems are better not fed by them. One thread per cache.
 * Output goes to a struct charset_out in an arena; it never grows past its limit, and is cut at a
 * character there.
 */
#ifndef CHARSET_H
#define CHARSET_H

#include <mtaq/header.h>

struct charset_out {
	struct arena *arena;
	char *p;
	size_t n, room, limit;
	bool full;   /* the limit was reached: nothing more is added */
	bool failed; /* out of memory: what is there is worth nothing */
};

void charset_out_init(struct charset_out *o, struct arena *a, size_t room, size_t limit);
/* Bytes as they are. */
void charset_out_add(struct charset_out *o, struct slice s);

/* Names without case; "_" for "-", a leading "X-" and other usual spellings are known. -1: not in
 * the table. */
int charset_find(struct slice name);
/* Can this system convert it: 1 yes, 0 no, -1 it cannot tell now (out of memory or descriptors, or
 * no cache). */
int charset_ready(struct charset_cache *c, int charset);
/* Append `s`; bytes that make no sense in that set become U+FFFD. charset_ready() was 1. */
void charset_convert(struct charset_cache *c, int charset, struct slice s, struct charset_out *o);

#endif
