/*
 * What the files of the filter share: tokens, the parsed tree, and the bound form that is
 * evaluated.
 *
 * Text becomes tokens (filter_lex.c), tokens a tree of nodes (filter_parse.c) whose leaves
 * filter_sema.c has checked against the field table. The tree keeps NOT where it was written;
 * printing and the naive evaluation use it. filter_nnf.c turns it into terms with the polarity on
 * each leaf, filter_bind.c folds and orders them for one queue, filter_eval.c evaluates them.
 * Everything lives in the arena that the caller gave.
 */
#ifndef MTAQ_FILTER_AST_H
#define MTAQ_FILTER_AST_H

#include "filter.h"
#include "match.h"

enum token_kind {
	TOKEN_END,
	TOKEN_NAME,
	TOKEN_NUMBER, /* whatever begins as a number, size, duration or date */
	TOKEN_STRING,
	TOKEN_REGEX,
	TOKEN_EQ, /* the comparisons stand together: token_compares() */
	TOKEN_NE,
	TOKEN_LT,
	TOKEN_LE,
	TOKEN_GT,
	TOKEN_GE,
	TOKEN_MATCH,
	TOKEN_NOMATCH,
	TOKEN_LPAREN,
	TOKEN_RPAREN,
	TOKEN_LBRACKET,
	TOKEN_RBRACKET,
	TOKEN_COMMA,
	TOKEN_AND,
	TOKEN_OR,
	TOKEN_NOT,
	TOKEN_IN,
	TOKEN_HAS,
	TOKEN_ANY,
	TOKEN_ALL
};

struct token {
	enum token_kind kind;
	size_t offset;	   /* of its first byte in the expression */
	struct slice text; /* as written */
	struct slice
	    value; /* STRING: without quotes and escapes; REGEX: between the slashes, as written */
	unsigned flags; /* REGEX: enum match_flag */
};

struct lexer {
	struct slice text;
	size_t at;
	struct arena *arena;
};

/* The next token; 0, or -1 with err. After the end it is TOKEN_END for ever. */
int lexer_next(struct lexer *l, struct token *out, struct error *err);

static inline bool token_compares(enum token_kind k)
{
	return k >= TOKEN_EQ && k <= TOKEN_NOMATCH;
}

enum leaf_op {
	LEAF_TRUTH, /* a yes/no field by itself */
	LEAF_HAS,
	LEAF_EQ,
	LEAF_LT,
	LEAF_LE,
	LEAF_GT,
	LEAF_GE,
	LEAF_IN,
	LEAF_MATCH
};

struct filter_set;

/* One test of one field. */
struct leaf {
	enum leaf_op op;
	bool negated; /* written as !=, !~ or not in */
	const struct field *field;
	struct slice argument;	       /* of header["argument"]; none without */
	struct slice text;	       /* EQ of text */
	int64_t number;		       /* EQ and order of all other types */
	const struct pattern *pattern; /* MATCH */
	const struct filter_set *set;  /* IN */
};

enum node_kind { NODE_LEAF, NODE_AND, NODE_OR, NODE_NOT, NODE_ANY, NODE_ALL };

struct node {
	enum node_kind kind;
	struct node *kids, *next;
	struct leaf leaf;
};

/* AND and OR with the same below them taken apart, NOT gone into `negated` of the leaves. */
enum term_kind {
	TERM_NO, /* folded */
	TERM_YES,
	TERM_LEAF,
	TERM_AND,
	TERM_OR,
	TERM_CHAIN, /* at the top only: the first kid that is not NO decides; a kid for each link */
	TERM_SOME,  /* of the pending recipients at least one: any(), not all() */
	TERM_EVERY  /* each of them: all(), not any() */
};

struct term {
	enum term_kind kind;
	bool negated;	 /* LEAF */
	bool empty_yes;	 /* EVERY: the answer when there is no recipient (not any()) */
	parts_t needs;	 /* LEAF, SOME, EVERY: its own */
	parts_t below;	 /* of it and all below */
	uint32_t slot;	 /* LEAF, SOME, EVERY: where its result is remembered, counted from its
			    recipient's */
	uint32_t source; /* LEAF of a chain: which values it shares with others, from 1; 0: none */
	uint32_t inner;	 /* SOME, EVERY: slots of the terms inside */
	uint32_t number; /* SOME, EVERY: which of the filter's */
	uint64_t cost;
	const struct leaf *leaf;
	struct term *kids, *next;
};

struct filter {
	const struct node *tree;
	struct pattern *patterns; /* compiled for this one; freed by filter_free() */
	struct filter *const *parts;
	size_t part_count; /* filter_all(), filter_any() */

	/* bound to a queue; terms is NULL before */
	const struct filter *source;
	const parts_t *needs;
	const uint32_t *price; /* of each part */
	struct term *terms;
	uint32_t slots, quantifiers, sources;
};

/* --- filter_sema.c: what tokens mean; all return 0, or -1 with the column --- */

struct sema {
	struct arena *arena;
	struct slice text; /* the whole expression, for hints */
	struct pattern **patterns;
	struct error *err;
	const char *each; /* "any" or "all" while inside its parentheses */
};

/* Field `name`, with argument ["..."] when `argument` is not NULL. */
int sema_field(const struct sema *s, const struct token *name, const struct token *argument,
	       struct leaf *leaf);
/* A field that stands alone: only a yes/no field may. */
int sema_alone(const struct sema *s, const struct token *name, struct leaf *leaf);
int sema_compare(const struct sema *s, const struct token *op, const struct token *value,
		 struct leaf *leaf);
/* field in (values...) */
int sema_in(const struct sema *s, const struct token *in, const struct token *values, size_t count,
	    struct leaf *leaf);
int sema_in_file(const struct sema *s, const struct token *in, const struct token *path,
		 struct leaf *leaf);
/* "'...'" for an error text: the token as written, shortened. */
struct slice token_shown(const struct token *t);
/* Message and column; always -1. */
__attribute__((format(printf, 3, 4))) int sema_fail(const struct sema *s, const struct token *at,
						    const char *fmt, ...);

/* --- filter_literal.c: constants of each type --- */

/* A value for a field that is not text: a number, size, time, duration or enum name. */
int literal_number(const struct sema *s, const struct field *f, const struct token *t,
		   int64_t *out);
int literal_text(const struct sema *s, const struct field *f, const struct token *t,
		 struct slice *out);

/* --- filter_set.c: the right side of `in` --- */

/* NULL when out of memory. `texts` or `numbers`, by the type of `f`; both are sorted in place. */
struct filter_set *set_of_texts(struct arena *a, const struct field *f, const struct slice *texts,
				size_t count);
struct filter_set *set_of_numbers(struct arena *a, int64_t *numbers, size_t count);
/* One value per line of a file. NULL with err. */
struct filter_set *set_of_file(struct arena *a, const struct field *f, struct slice path,
			       struct error *err);
bool set_has(const struct filter_set *s, const struct value *v);
/* ('a', 'b') or file 'path' */
void set_print(const struct filter_set *s, const struct field *f, struct buf *out);

/* --- filter_print.c --- */

void node_print(const struct node *n, struct buf *out);
/* A bound form, for tests: leaves of negative polarity with "not" before them. */
void term_print(const struct term *t, struct buf *out);
void leaf_print(const struct leaf *l, bool negated, struct buf *out);
void print_text(struct slice s, struct buf *out);
void print_constant(const struct field *f, int64_t v, struct buf *out);

/* --- filter_nnf.c --- */

/* NULL when out of memory. */
struct term *term_from(struct arena *a, const struct node *n, bool negated);

/* --- filter_leaf.c: one leaf on one message --- */

/* What a leaf says, and why it cannot say. Remembered as a byte. */
enum leaf_result {
	RESULT_NONE = 0, /* not asked yet */
	RESULT_NO,
	RESULT_YES,
	RESULT_STARTED, /* any(), all(): some recipients are answered */
	RESULT_PART,	/* errors: a part of the message could not be read */
	RESULT_REGEX,	/* a match limit */
	RESULT_NOMEM
};

/* The leaf's answer, its parts being loaded. Sets c->argument. */
enum leaf_result leaf_test(const struct leaf *l, bool negated, struct field_context *c,
			   struct matcher *m);

/* The values of a field that are costly to make, as far as some leaf has asked for them: the next
 * one to ask finds them here. All zero when a message begins; lives in c->arena. */
struct leaf_values {
	struct field_cursor at;
	struct value *list;
	size_t count, room;
	bool ended;
	enum field_got end;
};
/* The same as leaf_test for a list. */
enum leaf_result leaf_test_shared(const struct leaf *l, bool negated, struct field_context *c,
				  struct matcher *m, struct leaf_values *shared);
/* The parts that the leaf needs of this very message. */
static inline parts_t leaf_needs(const struct leaf *l, parts_t needs, const struct message *m)
{
	parts_t missing = (parts_t)(needs & ~m->have);

	if (l->field->id != FIELD_STATE)
		return needs;
	/* what is missing may make it known, whatever has failed so far */
	return m->state_known ? 0 : missing ? missing : needs;
}

struct filter_state {
	const struct term *kid;	    /* CHAIN: the one to ask; those before it have said NO */
	size_t link;		    /* which that is */
	struct leaf_values *shared; /* values of the chain's sources */
	size_t sources;
	struct matcher *matcher;
	uint8_t *memo; /* results of the terms outside any() and all() */
	size_t slots;
	struct state_each { /* results inside one any() or all(): recipients x slots */
		uint8_t *memo;
		size_t room, recipients;
	} * each;
	size_t quantifiers;
};

#endif
