/*
 * Rules files: text to a list of rules, see man/mtaq-rules.5.
 *
 * Contract: reading goes on after a mistake, so that one run tells all of them, each with its
 * place. Nothing of a queue is looked at. What a rule holds lives in the arena, but compiled
 * patterns: rules_free().
 */
#ifndef MTAQ_RULES_H
#define MTAQ_RULES_H

#include "filter.h"
#include "options.h"

#include <mtaq/action.h>

struct rule {
	const char *name;
	const char *file;
	size_t line;	       /* where it begins, from 1 */
	const char *on;	       /* MTA, queue or its directory; NULL: everywhere */
	struct filter *filter; /* NULL only where there was a mistake */
	bool keep;	       /* take the message and do nothing; op is not looked at */
	enum op op;
	struct action_args args;
	struct option_number limit; /* the first so many only */
	const char *max;	    /* "100" or "20%", checked; NULL: none */
	struct option_number until; /* from then on the rule does not exist */
};

/* A mistake, and the line it is in. */
struct rules_problem {
	const char *file;
	size_t line, column; /* from 1; 0: the file as a whole */
	struct slice text;   /* of the line */
	size_t offset;	     /* in it */
	const struct error *error;
};

struct rules {
	struct arena *arena;
	int64_t now;
	void (*tell)(void *ctx, const struct rules_problem *p); /* of each mistake */
	void *ctx;
	struct rule *list;
	size_t count, room;
	size_t problems;
};

void rules_init(struct rules *r, struct arena *arena, int64_t now,
		void (*tell)(void *ctx, const struct rules_problem *p), void *ctx);
void rules_free(struct rules *r);
/* Add the rules of a file; one that cannot be read is a problem, too. */
void rules_read(struct rules *r, const char *path);
/* Add the rules of `text`, which lives as long as `r`; `file` is its name. */
void rules_parse(struct rules *r, const char *file, struct slice text);
/* False past its `until`. */
bool rule_exists(const struct rule *rule, int64_t now);

#endif
