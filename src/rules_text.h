/*
 * The text of a rules file: where a reader stands in it, its words, expressions over several lines,
 * and places of mistakes. Private to src/rules*.c.
 */
#ifndef MTAQ_RULES_TEXT_H
#define MTAQ_RULES_TEXT_H

#include "rules.h"

struct rules_text {
	struct rules *rules;
	const char *file;
	struct slice text;
	size_t at;
};

struct rules_word {
	struct slice value; /* without quotes and escapes */
	size_t offset;	    /* of its first byte in the text */
	bool quoted;
};

/* Move to the first word of the next line that has one. False at the end. */
bool rules_next_line(struct rules_text *t);
void rules_skip_line(struct rules_text *t);
/* The next word of this line: up to a blank, or in quotes, where \\ \' \" stand for themselves.
 * False at the end of the line or at a comment. A word that cannot be read is told, and ends the
 * line. */
bool rules_next_word(struct rules_text *t, struct rules_word *out);
/* Does the line go on? What stands there is told as unexpected. */
void rules_expect_end(struct rules_text *t);
/* The words that lines begin with; a line within an expression never does. */
bool rules_is_keyword(struct slice word);
/* An expression, from here to before the line that begins with a keyword; comments in it are blanks
 * now, so that offsets stay. *offset is its place. False: a quote is left open, which is told. */
bool rules_expression(struct rules_text *t, struct slice *out, size_t *offset);
/* A mistake at `offset` of the text. */
__attribute__((format(printf, 3, 4))) void rules_problem(struct rules_text *t, size_t offset,
							 const char *fmt, ...);
void rules_problem_at(struct rules_text *t, size_t offset, const struct error *err);
size_t rules_line_of(const struct rules_text *t, size_t offset);

#endif
