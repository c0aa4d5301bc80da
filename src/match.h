/*
 * Regular expressions over bytes that may not be UTF-8, with limits.
 *
 * Contract: a pattern is compiled once and shared by all threads; each thread matches with its own
 * matcher. A match that hits a limit has no answer (MATCH_LIMIT), and is counted in the pattern.
 */
#ifndef MTAQ_MATCH_H
#define MTAQ_MATCH_H

#include <mtaq/arena.h>
#include <mtaq/error.h>
#include <mtaq/slice.h>

enum match_flag {
	MATCH_CASELESS = 1 << 0,  /* i */
	MATCH_MULTILINE = 1 << 1, /* m: ^ and $ at each line */
	MATCH_DOTALL = 1 << 2,	  /* s: the dot takes line ends too */
	MATCH_EXTENDED = 1 << 3,  /* x: blanks and comments in the pattern are left out */
	MATCH_BYTES = 1 << 4	  /* no letter: a character is a byte, as in Perl without utf8 */
};

struct pattern;
struct matcher;

enum match_result { MATCH_NO, MATCH_YES, MATCH_LIMIT };

/* Compile what stands between the slashes, "\/" meaning a slash. The struct lives in `arena` and is
 * put in front of
 * `*list`; its compiled form is freed by patterns_free(). NULL with err: ERROR_USAGE, offset within
 * `source`. */
const struct pattern *pattern_compile(struct arena *arena, struct slice source, unsigned flags,
				      struct pattern **list, struct error *err);
void patterns_free(struct pattern *list);
/* As written: "/x/i"; a NUL follows. */
struct slice pattern_text(const struct pattern *p);
/* Whether LIMIT_REGEX_ERRORS matches have hit a limit, in all threads together. */
bool pattern_runaway(const struct pattern *p);
/* The first one of the list that has, or NULL. */
const struct pattern *patterns_runaway(const struct pattern *list);

/* NULL when out of memory. */
struct matcher *matcher_new(void);
void matcher_free(struct matcher *m); /* NULL is fine */
enum match_result matcher_match(struct matcher *m, const struct pattern *p, struct slice subject);

#endif
