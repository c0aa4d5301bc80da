/*
 * One run of an acting command over a queue in memory, in the test's own process: its command line,
 * its journal and trash in a directory of the test's own, and what it printed.
 */
#ifndef TESTS_ACTING_RUN_H
#define TESTS_ACTING_RUN_H

#include "contract/mem_actions.h"
#include "unit/cmocka_all.h"

#include "journal_read.h"
#include "pipeline.h"
#include "runid.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct acting {
	char dir[64], journal[96], out[96], err[96];
	struct run run;
	struct action_request request;
	struct action_counts counts;
	const char *stdout_to; /* NULL: a file */
	char *printed, *told;  /* malloc'd: stdout and stderr of the last run */
};

static char *no_words[] = {(char *)(uintptr_t) "mtaq", NULL};

static inline void acting_remove_journals(struct acting *t)
{
	DIR *d = opendir(t->journal);
	struct dirent *e;

	while (d && (e = readdir(d)) != NULL)
		unlinkat(dirfd(d), e->d_name, 0);
	if (d)
		closedir(d);
	rmdir(t->journal);
}

/* A new run: nothing given yet but the queue "mem:queue". */
static inline void acting_begin(struct acting *t, enum op op)
{
	struct run *r = &t->run;

	/* runs of one process and second have the same id */
	acting_remove_journals(t);
	arena_free(&r->arena);
	text_list_free(&r->globals.queues);
	text_list_free(&r->selectors.expressions);
	*r =
	    (struct run){.program = "mtaq", .argc = 1, .argv = no_words, .now = 1000000, .jobs = 1};
	arena_init(&r->arena, 0);
	r->globals.journal = t->journal;
	text_list_add(&r->globals.queues, "mem:queue");
	t->request = (struct action_request){.op = op, .no_syslog = true};
	t->counts = (struct action_counts){0};
}

static inline struct acting *acting_new(void)
{
	struct acting *t = calloc(1, sizeof *t);

	scratch_name(t->dir, sizeof t->dir, "acting");
	assert_non_null(mkdtemp(t->dir));
	snprintf(t->journal, sizeof t->journal, "%s/journal", t->dir);
	snprintf(t->out, sizeof t->out, "%s/out", t->dir);
	snprintf(t->err, sizeof t->err, "%s/err", t->dir);
	return t;
}

static inline void acting_free(struct acting *t)
{
	acting_remove_journals(t);
	unlink(t->out);
	unlink(t->err);
	assert_int_equal(rmdir(t->dir), 0);
	arena_free(&t->run.arena);
	text_list_free(&t->run.globals.queues);
	text_list_free(&t->run.selectors.expressions);
	free(t->printed);
	free(t->told);
	free(t);
}

/* ---- capturing ---- */

static inline int acting_redirect(int fd, const char *path)
{
	int saved = dup(fd), to = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_true(saved >= 0 && to >= 0 && dup2(to, fd) == fd);
	close(to);
	return saved;
}

static inline char *acting_text(const char *path)
{
	FILE *f = fopen(path, "r");
	char *text = calloc(1, 1 << 16);

	assert_non_null(f);
	assert_true(fread(text, 1, (1 << 16) - 1, f) < (1 << 16) - 1);
	fclose(f);
	return text;
}

/* Call fn(t) with stdout and stderr caught. */
static inline void acting_caught(struct acting *t, void (*fn)(struct acting *t))
{
	int out, err;

	fflush(stdout);
	fflush(stderr);
	out = acting_redirect(1, t->stdout_to ? t->stdout_to : t->out);
	err = acting_redirect(2, t->err);
	fn(t);
	fflush(stdout);
	clearerr(stdout);
	dup2(out, 1);
	dup2(err, 2);
	close(out);
	close(err);
	free(t->printed);
	free(t->told);
	t->printed = t->stdout_to ? strdup("") : acting_text(t->out);
	t->told = acting_text(t->err);
}

static inline void acting_select_and_run(struct acting *t)
{
	struct selection s;

	if (selection_prepare(&t->run, &s) && selection_unambiguous(&s))
		action_run(&t->run, &s, &t->request, &t->counts);
	selection_free(&s);
}

/* The words that select: expressions, or ids, or ALL. */
static inline void acting_on(struct acting *t, char **words, size_t count)
{
	t->run.words = words;
	t->run.word_count = count;
	acting_caught(t, acting_select_and_run);
}

static inline void acting_on_all(struct acting *t)
{
	char *words[] = {(char *)(uintptr_t) "ALL"};

	acting_on(t, words, 1);
}

/* ---- the journal ---- */

static inline size_t acting_journals(const struct acting *t)
{
	struct error err = ERROR_INIT;
	struct run_ids ids;
	size_t n;

	assert_int_equal(run_ids_read(t->journal, ".jsonl", &ids, &err), 0);
	n = ids.count;
	run_ids_free(&ids);
	return n;
}

/* The only one there is; its text lives in the run's arena. */
static inline void acting_load(struct acting *t, struct journal_file *out)
{
	struct error err = ERROR_INIT;
	struct run_ids ids;
	bool running;

	assert_int_equal(run_ids_read(t->journal, ".jsonl", &ids, &err), 0);
	assert_int_equal(ids.count, 1);
	if (journal_load(t->journal, ids.list[0], &t->run.arena, out, &running, &err) < 0)
		fail_msg("%s", err.text);
	run_ids_free(&ids);
}

/* matched is the sum of all outcomes. */
static inline void acting_check_sum(const struct acting *t)
{
	const struct action_counts *c = &t->counts;
	uint64_t asked = t->request.op == OP_RETRY ? c->asked : 0;

	assert_int_equal(c->matched, c->done + asked + c->already + c->busy + c->gone + c->changed +
					 c->not_applicable + c->failed + c->untried);
}

#endif
