/*
 * A run of bytes: pointer and length, passed by value.
 *
 * Contract: a slice does not own its bytes and need not end in NUL; it may hold any byte. `p ==
 * NULL` means "there is none", which is not the same as an empty slice. Nothing here allocates.
 */
#ifndef MTAQ_SLICE_H
#define MTAQ_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct slice {
	const char *p;
	size_t n;
};

#define SLICE(literal) ((struct slice){(literal), sizeof(literal) - 1})
#define SLICE_NONE     ((struct slice){NULL, 0})
/* For printf: printf("%" SLICE_FMT, SLICE_ARG(s)); never to a terminal, see mtaq/text.h. */
#define SLICE_FMT    ".*s"
#define SLICE_ARG(s) (int)(s).n, ((s).p ? (s).p : "")

static inline struct slice slice_from(const char *s)
{
	return (struct slice){s, s ? strlen(s) : 0};
}

static inline struct slice slice_of(const char *p, size_t n)
{
	return (struct slice){p, n};
}

/* The part of `s` from `at` on; empty if `at` is past the end. */
static inline struct slice slice_skip(struct slice s, size_t at)
{
	if (at > s.n)
		at = s.n;
	return (struct slice){s.p ? s.p + at : NULL, s.n - at};
}

/* The first `n` bytes of `s`, or all if it is shorter. */
static inline struct slice slice_take(struct slice s, size_t n)
{
	return (struct slice){s.p, n < s.n ? n : s.n};
}

bool slice_eq(struct slice a, struct slice b);
/* ASCII letters only, whatever the locale. */
bool slice_caseeq(struct slice a, struct slice b);
/* Order of bytes as unsigned; <0, 0, >0. */
int slice_cmp(struct slice a, struct slice b);
int slice_casecmp(struct slice a, struct slice b);
bool slice_starts(struct slice s, struct slice prefix);
bool slice_ends(struct slice s, struct slice suffix);
/* Offset of the first `c`, or SIZE_MAX. */
size_t slice_chr(struct slice s, char c);
/* Offset of the first occurrence of `needle`, or SIZE_MAX. An empty needle is at 0. */
size_t slice_find(struct slice s, struct slice needle);
/* Without blanks, tabs, CR and LF at either end. */
struct slice slice_trim(struct slice s);
/* Cut `*rest` at its first `c`: the part before is returned, `*rest` becomes the part after (none
 * when there was no `c`). False when `*rest` is none. */
bool slice_cut(struct slice *rest, char c, struct slice *part);
/* A decimal number that is all of `s` (no sign, no blanks). False when not, or when it overflows.
 */
bool slice_u64(struct slice s, uint64_t *out);

/* ASCII character classes, whatever the locale (a Turkish one included). */
static inline bool ascii_isdigit(char c)
{
	return c >= '0' && c <= '9';
}

static inline char ascii_lower(char c)
{
	return (char)(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
}

static inline bool ascii_isalpha(char c)
{
	return ascii_lower(c) >= 'a' && ascii_lower(c) <= 'z';
}

static inline bool ascii_isspace(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

#endif
