/*
 * Perl conditions as qtool.pl takes them ($msg{sender} eq "x"), understood as filters.
 *
 * Contract: a second front end to src/filter.h. Text becomes tokens (perl_lex.c), tokens a tree
 * (perl_parse.c), and the tree the nodes of src/filter_ast.h (perl_build.c), so that errors, lazy
 * parts and negation are the filter's own. What Perl calls undefined compares as an empty text or
 * zero. What is not understood is an error with its place; nothing of it is ever run.
 */
#ifndef MTAQ_PERL_H
#define MTAQ_PERL_H

#include "filter_ast.h"

/* What the user should know of an expression that is understood all the same. */
typedef void perl_warn_fn(void *ctx, const char *text);

/* As filter_parse(); `now` is what time() gives. */
struct filter *perl_parse(struct arena *arena, struct slice text, int64_t now, perl_warn_fn *warn,
			  void *ctx, struct error *err);

/* --- perl_lex.c --- */

enum perl_token_kind {
	PERL_END,
	PERL_NUMBER,
	PERL_STRING,
	PERL_REGEX,
	PERL_NAME,     /* a bare word */
	PERL_VARIABLE, /* $name: value is the name */
	PERL_ARRAY,    /* the @ of @{...}, or the $ of ${$...} */
	PERL_OPERATOR, /* one of enum perl_op */
	PERL_LPAREN,
	PERL_RPAREN,
	PERL_LBRACE,
	PERL_RBRACE,
	PERL_LBRACKET,
	PERL_RBRACKET,
	PERL_ARROW,
	PERL_COMMA,
	PERL_SEMICOLON
};

enum perl_op {
	PERL_OP_NONE,
	PERL_OP_OR,	 /* || */
	PERL_OP_OR_LOW,	 /* or */
	PERL_OP_DEFAULT, /* // */
	PERL_OP_AND,
	PERL_OP_AND_LOW,
	PERL_OP_NOT, /* ! */
	PERL_OP_NOT_LOW,
	PERL_OP_MATCH,
	PERL_OP_NOMATCH,
	PERL_OP_EQ, /* the order of both groups is the same: perl_build.c */
	PERL_OP_NE,
	PERL_OP_LT,
	PERL_OP_LE,
	PERL_OP_GT,
	PERL_OP_GE,
	PERL_OP_TEXT_EQ,
	PERL_OP_TEXT_NE,
	PERL_OP_TEXT_LT,
	PERL_OP_TEXT_LE,
	PERL_OP_TEXT_GT,
	PERL_OP_TEXT_GE,
	PERL_OP_ADD,
	PERL_OP_SUBTRACT,
	PERL_OP_JOIN,
	PERL_OP_MULTIPLY,
	PERL_OP_DIVIDE
};

struct perl_token {
	enum perl_token_kind kind;
	enum perl_op op;
	size_t offset;
	struct slice text;  /* as written */
	struct slice value; /* STRING, NAME, VARIABLE; REGEX: as pattern_compile() takes it */
	double number;
	unsigned flags; /* REGEX: enum match_flag */
};

struct perl_lexer {
	struct slice text;
	size_t at;
	struct arena *arena;
};

/* The next token; `term` where a value may stand, so that / begins a regular expression. */
int perl_next(struct perl_lexer *l, bool term, struct perl_token *out, struct error *err);
/* What stands in {...} after a variable, the brace taken: a bare key or a text in quotes, and the
 * closing brace. */
int perl_next_key(struct perl_lexer *l, struct slice *out, size_t *offset, struct error *err);
/* A text as the source of a regular expression between slashes. p == NULL when out of memory. */
struct slice perl_as_pattern(struct arena *a, struct slice s);
/* Perl's number at the beginning of a text; *used is how much of it that is. */
double perl_number(struct slice s, size_t *used);

/* --- perl_parse.c --- */

enum perl_kind {
	PERL_N_NUMBER,
	PERL_N_STRING,
	PERL_N_REGEX,
	PERL_N_FIELD,
	PERL_N_COUNT_OF, /* @{field} where a number is wanted */
	PERL_N_BINARY,	 /* op of a and b */
	PERL_N_NOT,
	PERL_N_MINUS,
	PERL_N_CALL /* name of a */
};

struct perl_node {
	enum perl_kind kind;
	enum perl_op op;
	bool grouped; /* stands in parentheses of its own */
	size_t offset;
	struct perl_node *a, *b;
	double number;	   /* NUMBER */
	struct slice text; /* STRING, REGEX, CALL: its name; FIELD: the key of %msg */
	unsigned flags;	   /* REGEX */
	/* FIELD */
	struct slice header; /* of headers; none without */
	bool indexed;
	int64_t index;
};

/* NULL with err. */
struct perl_node *perl_tree(struct arena *arena, struct slice text, struct error *err);

/* --- perl_names.c: what stands in %msg --- */

enum perl_type { PERL_TEXT, PERL_NUMERIC, PERL_HEADERS };

struct perl_key {
	const char *name;
	char letter;	     /* of its lines in the control file; 0: it has none */
	enum field_id field; /* FIELD_COUNT: none but the lines */
	enum perl_type type;
	const char *added; /* bytes that qtool.pl has in a value beside the value itself */
};

/* NULL when there is none; *near, if any, is what may have been meant. */
const struct perl_key *perl_key_find(struct slice name, const char **near);
/* Is this the name of a header field without its first letter, as old releases of qtool.pl cut it:
 * that name; else `name`. p == NULL when out of memory. */
struct slice perl_header_name(struct arena *a, struct slice name);

/* --- perl_build.c --- */

struct perl_build {
	struct arena *arena;
	struct slice text; /* the whole expression */
	struct pattern **patterns;
	int64_t now;
	perl_warn_fn *warn;
	void *ctx;
	struct error *err;
};

/* The condition, or its negation, as a filter's tree. NULL with err. */
struct node *perl_condition(struct perl_build *b, const struct perl_node *n, bool negated);

/* --- perl_value.c: what an operand comes to --- */

enum perl_value_kind {
	PERL_V_TEXT,   /* a constant text */
	PERL_V_NUMBER, /* a constant number */
	PERL_V_FIELD,  /* a field as it is */
	PERL_V_LINEAR  /* factor * field + number */
};

struct perl_value {
	enum perl_value_kind kind;
	struct slice text;
	double number, factor;
	const struct perl_node *field;
	const struct perl_key *key; /* FIELD, LINEAR; NULL: the number of recipients */
	struct slice header;	    /* of headers: its whole name */
	char fold;		    /* 'l', 'u': lc() or uc() of a field; 0: neither */
	bool zero;		    /* FIELD: 0 stands in for one that is missing */
	size_t offset;
};

/* 0, or -1 with err. */
int perl_value(struct perl_build *b, const struct perl_node *n, struct perl_value *out);
/* As a number: LINEAR or NUMBER. */
int perl_numeric(struct perl_build *b, struct perl_value *v);
/* --- perl_rows.c: fields that the field table has not --- */

enum perl_view {
	PERL_VALUE, /* as mtaq has values: no line end, no blanks around */
	PERL_LINE,  /* as qtool.pl has them: with the line end, leading blank, flags and brackets */
	PERL_AS_NUMBER /* what Perl makes of the text, in millionths */
};

enum { PERL_NUMBER_SCALE = 1000000 };

/* The field that a value of %msg is, seen so, and the argument for its getter. 0, or -1: out of
 * memory */
int perl_row(struct arena *a, const struct perl_value *v, enum perl_view view, struct leaf *leaf);

/* The first error with its place; always -1. */
__attribute__((format(printf, 3, 4))) int perl_fail(struct error *err, size_t offset,
						    const char *fmt, ...);

#endif
