/* Option tables over getopt_long: see options.h. */
#ifdef __linux__
#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1 /* getopt_long */
#endif
#endif
#include "options.h"

#include <mtaq/timefmt.h>

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LONG_BASE = 256, MAX_ROWS = 96 };

void text_list_add(struct text_list *l, const char *s)
{
	if (l->count == l->room) {
		size_t room = l->room ? l->room * 2 : 8;
		const char **p = realloc(l->list, room * sizeof *p);

		if (!p) {
			fputs("mtaq: out of memory\n", stderr);
			abort();
		}
		l->list = p;
		l->room = room;
	}
	l->list[l->count++] = s;
}

void text_list_free(struct text_list *l)
{
	free(l->list);
	*l = (struct text_list){0};
}

/* What getopt_long needs, made from the rows. */
struct getopt_tables {
	char letters[MAX_ROWS * 2 + 3];
	struct option longs[MAX_ROWS + 1];
	const struct option_row *row[MAX_ROWS];
	void *values[MAX_ROWS];
	size_t count;
};

static bool letter_taken(const struct getopt_tables *t, char letter)
{
	for (size_t i = 0; letter && i < t->count; i++)
		if (t->row[i]->letter == letter)
			return true;
	return false;
}

static void add_letter(struct getopt_tables *t, const struct option_row *row)
{
	size_t n = strlen(t->letters);

	if (!row->letter || letter_taken(t, row->letter))
		return;
	t->letters[n++] = row->letter;
	if (row->arg)
		t->letters[n++] = ':';
	t->letters[n] = '\0';
}

static size_t build_tables(struct getopt_tables *t, const struct option_set *sets, size_t count,
			   bool stop_early)
{
	size_t longs = 0;

	memset(t, 0, sizeof *t);
	/* '+': stop at the first word; ':': tell a missing argument from an unknown option */
	memcpy(t->letters, stop_early ? "+:" : ":", stop_early ? 2 : 1);
	for (size_t s = 0; s < count; s++) {
		for (const struct option_row *r = sets[s].rows; r && (r->name || r->letter); r++) {
			if (t->count == MAX_ROWS)
				abort();
			add_letter(t, r);
			if (r->name)
				t->longs[longs++] = (struct option){
				    r->name, r->arg ? required_argument : no_argument, NULL,
				    LONG_BASE + (int)t->count};
			t->row[t->count] = r;
			t->values[t->count++] = sets[s].values;
		}
	}
	return longs;
}

static int set_number(const struct option_row *r, struct option_number *n, const char *arg,
		      struct error *err)
{
	struct slice s = slice_from(arg);
	uint64_t u;
	bool ok;

	if (r->type == OPTION_NUMBER) {
		ok = slice_u64(s, &u) && u <= INT64_MAX;
		if (ok)
			n->value = (int64_t)u;
	} else if (r->type == OPTION_DURATION) {
		ok = duration_parse(s, &n->value);
	} else {
		ok = time_parse(s, &n->value);
	}
	n->given = true;
	if (ok)
		return 0;
	if (r->type == OPTION_NUMBER)
		return error_set(err, ERROR_USAGE, "--%s wants a whole number, not '%s'", r->name,
				 arg);
	if (r->type == OPTION_DURATION)
		return error_set(err, ERROR_USAGE,
				 "--%s wants a duration with its unit (90s 15m 4h 2d 1w), not '%s'",
				 r->name, arg);
	return error_set(err, ERROR_USAGE,
			 "--%s wants a time (2026-11-20, 2026-11-20T08:00, @1447493191), not '%s'",
			 r->name, arg);
}

static int set_value(const struct option_row *r, void *values, const char *arg, struct error *err)
{
	void *at = (char *)values + r->offset;

	switch (r->type) {
	case OPTION_FLAG:
		*(bool *)at = true;
		return 0;
	case OPTION_COUNT:
		++*(unsigned *)at;
		return 0;
	case OPTION_TEXT:
		*(const char **)at = arg;
		return 0;
	case OPTION_LIST:
		text_list_add(at, arg);
		return 0;
	case OPTION_NUMBER:
	case OPTION_DURATION:
	case OPTION_TIME:
		return set_number(r, at, arg, err);
	}
	return error_set(err, ERROR_BUG, "option of unknown type");
}

static int find_code(const struct getopt_tables *t, int code)
{
	if (code >= LONG_BASE)
		return code - LONG_BASE;
	for (size_t i = 0; i < t->count; i++)
		if (t->row[i]->letter && t->row[i]->letter == code)
			return (int)i;
	return -1;
}

static int bad_option(const char *what, const char *word, struct error *err)
{
	if (optopt && optopt < LONG_BASE)
		return error_set(err, ERROR_USAGE, "%s -%c", what, optopt);
	return error_set(err, ERROR_USAGE, "%s %s", what, word ? word : "");
}

int options_parse(const struct option_set *sets, size_t count, int argc, char **argv,
		  bool stop_early, int *first, struct error *err)
{
	struct getopt_tables t;
	int code;

	build_tables(&t, sets, count, stop_early);
	opterr = 0;
#ifdef __GLIBC__
	optind = 0; /* start anew, permutation included */
#else
	optind = 1;
#ifdef HAVE_OPTRESET
	optreset = 1;
#endif
#endif
	while ((code = getopt_long(argc, argv, t.letters, t.longs, NULL)) != -1) {
		int row = code == '?' || code == ':' ? -1 : find_code(&t, code);

		if (code == ':')
			return bad_option("an argument is missing after", argv[optind - 1], err);
		if (row < 0)
			return bad_option("unknown option", argv[optind - 1], err);
		if (set_value(t.row[row], t.values[row], optarg, err) < 0)
			return -1;
	}
	*first = optind;
	return 0;
}

const struct option_row *options_find(const struct option_row *rows, const char *name)
{
	for (const struct option_row *r = rows; r && (r->name || r->letter); r++) {
		if (name[0] == '-' && name[1] == '-' && r->name && strcmp(name + 2, r->name) == 0)
			return r;
		if (name[0] == '-' && name[1] == r->letter && r->letter && name[2] == '\0')
			return r;
	}
	return NULL;
}
