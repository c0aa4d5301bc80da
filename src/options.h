/*
 * Options as data: one row per option gives parsing, usage, --help and the check against the
 * manual.
 *
 * Contract: values go into a zeroed struct by offset; strings point into argv. Nothing is static.
 */
#ifndef MTAQ_OPTIONS_H
#define MTAQ_OPTIONS_H

#include <mtaq/arena.h>
#include <mtaq/error.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum option_type {
	OPTION_FLAG,	 /* bool */
	OPTION_COUNT,	 /* unsigned, each time one more */
	OPTION_TEXT,	 /* const char * */
	OPTION_LIST,	 /* struct text_list, each time one more */
	OPTION_NUMBER,	 /* struct option_number; a whole number */
	OPTION_DURATION, /* struct option_number; seconds, unit required */
	OPTION_TIME	 /* struct option_number; seconds since 1970 */
};

struct option_number {
	bool given;
	int64_t value;
};

struct text_list {
	const char **list;
	size_t count, room;
};

/* One more at the end; dies when memory is out. */
void text_list_add(struct text_list *l, const char *s);
void text_list_free(struct text_list *l);

struct option_row {
	char letter;	  /* 0: none */
	const char *name; /* long name; NULL: none */
	const char *arg;  /* name of the argument in help; NULL: takes none */
	enum option_type type;
	size_t offset;
	const char *help;
};

/* A table and the struct that it fills. Tables end with a row of zeros. */
struct option_set {
	const struct option_row *rows;
	void *values;
};

/* Parse argv[1..] by all sets (a letter or name in two sets: the first wins). With `stop_early` the
 * first word that is no option ends it, else words and options may mix. *first = index of the first
 * remaining word in argv (words are moved to the end). 0 or -1 with ERROR_USAGE. */
int options_parse(const struct option_set *sets, size_t count, int argc, char **argv,
		  bool stop_early, int *first, struct error *err);
/* The row for "-x" or "--name" in `rows`, NULL when there is none. */
const struct option_row *options_find(const struct option_row *rows, const char *name);

#endif
