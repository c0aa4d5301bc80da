/* Looking for what is wrong: see checkrun.h. */
#include "checkrun.h"

#include <stdlib.h>

/* ---- what was asked for ---- */

static bool code_known(const struct checkrun *c, const char *code)
{
	const struct backend *b;

	(void)c;
	for (size_t i = 0; (b = backend_at(i)) != NULL; i++)
		for (size_t k = 0; b->checks && k < b->checks->count; k++)
			if (strcmp(b->checks->codes[k].code, code) == 0)
				return true;
	return false;
}

static bool check_words(struct checkrun *c)
{
	for (size_t i = 0; i < c->codes->count; i++)
		if (!code_known(c, c->codes->list[i])) {
			run_fail(c->run, STATUS_USAGE, "check: no code '%s'", c->codes->list[i]);
			return false;
		}
	return true;
}

static bool check_backends(struct checkrun *c)
{
	for (size_t i = 0; i < c->queues.count; i++)
		if (!c->queues.list[i]->backend->checks) {
			run_fail(c->run, STATUS_USAGE, "%s: this MTA's queue cannot be checked",
				 c->queues.list[i]->name);
			return false;
		}
	return true;
}

bool checkrun_begin(struct checkrun *c, struct run *run, const struct text_list *codes)
{
	*c = (struct checkrun){.run = run, .codes = codes};
	arena_init(&c->arena, 0);
	c->wanted = calloc(run->word_count + 1, sizeof *c->wanted);
	if (!c->wanted)
		abort();
	return check_words(c) && queues_open(run, &c->queues) > 0 && check_backends(c);
}

/* The id, or the name of the file, or its path. */
static bool is_meant(const struct finding *f, struct slice word)
{
	struct slice name = f->path;

	for (size_t at; (at = slice_chr(name, '/')) != SIZE_MAX;)
		name = slice_skip(name, at + 1);
	return (f->id.p && slice_eq(f->id, word)) || slice_eq(name, word) ||
	       slice_eq(f->path, word);
}

static bool has_word(struct checkrun *c, const struct finding *f)
{
	bool any = c->run->word_count == 0;

	for (size_t i = 0; i < c->run->word_count; i++)
		if (is_meant(f, slice_from(c->run->words[i])))
			any = c->wanted[i] = true;
	return any;
}

static bool has_code(const struct checkrun *c, const struct finding *f)
{
	for (size_t i = 0; i < c->codes->count; i++)
		if (strcmp(c->codes->list[i], f->code->code) == 0)
			return true;
	return c->codes->count == 0;
}

/* ---- looking ---- */

struct walk {
	struct checkrun *c;
	const struct queue *queue;
};

static void add(struct checkrun *c, const struct finding *f, const struct queue *q)
{
	if (c->count == c->room) {
		c->room = c->room ? c->room * 2 : 64;
		c->list = realloc(c->list, c->room * sizeof *c->list);
		if (!c->list)
			abort();
	}
	c->list[c->count] = (struct found){*f, q};
	c->count++;
}

static void found(void *ctx, const struct finding *f)
{
	struct walk *w = ctx;
	struct checkrun *c = w->c;

	if (has_code(c, f) && has_word(c, f))
		add(c, f, w->queue);
}

static void trouble(void *ctx, const struct error *err)
{
	struct walk *w = ctx;

	run_fail(w->c->run, STATUS_SOME, "%s", err->text);
}

static void look_at(struct checkrun *c, const struct queue *q)
{
	struct walk walk = {c, q};
	struct check_walk w = {.queue = q,
			       .now = c->run->now,
			       .jobs = c->run->jobs,
			       .arena = &c->arena,
			       .found = found,
			       .trouble = trouble,
			       .ctx = &walk};
	struct error err = ERROR_INIT;

	if (q->backend->checks->check(&w, &err) < 0)
		run_error(c->run, &err);
	c->looked += w.looked;
}

static int compare(const void *a, const void *b)
{
	const struct found *x = a, *y = b;

	if (x->is.code->severity != y->is.code->severity)
		return x->is.code->severity < y->is.code->severity ? -1 : 1;
	if (x->queue != y->queue)
		return strcmp(x->queue->name, y->queue->name);
	if (!slice_eq(x->is.path, y->is.path))
		return slice_cmp(x->is.path, y->is.path);
	return strcmp(x->is.code->code, y->is.code->code);
}

static void sort(struct checkrun *c)
{
	if (c->count)
		qsort(c->list, c->count, sizeof *c->list, compare);
}

void checkrun_look(struct checkrun *c)
{
	for (size_t i = 0; i < c->queues.count; i++)
		look_at(c, c->queues.list[i]);
	sort(c);
}

void checkrun_unmet(struct checkrun *c)
{
	for (size_t i = 0; i < c->run->word_count; i++)
		if (!c->wanted[i])
			run_note(c->run, "%s: nothing found", c->run->words[i]);
}

void checkrun_free(struct checkrun *c)
{
	queues_close(&c->queues);
	free(c->list);
	free(c->wanted);
	arena_free(&c->arena);
}

void checkrun_again(struct checkrun *again, const struct checkrun *c)
{
	*again = (struct checkrun){
	    .run = c->run, .queues = c->queues, .codes = c->codes, .wanted = c->wanted};
	arena_init(&again->arena, 0);
	checkrun_look(again);
}

bool checkrun_has(const struct checkrun *c, const struct found *f)
{
	return c->count && bsearch(f, c->list, c->count, sizeof *c->list, compare);
}

/* Slices of `f` into the arena of `c`. */
static void keep(struct checkrun *c, struct finding *f)
{
	struct slice *const all[] = {&f->path, &f->id,	 &f->detail, &f->why_not,
				     &f->dir,  &f->name, &f->aux};

	for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
		if (all[i]->p)
			*all[i] = arena_copy(&c->arena, *all[i]);
}

void checkrun_merge(struct checkrun *c, struct checkrun *again)
{
	struct checkrun new = {.list = NULL};
	size_t kept = 0;
	const char *why;

	for (size_t i = 0; i < again->count; i++)
		if (!checkrun_has(c, &again->list[i]))
			add(&new, &again->list[i].is, again->list[i].queue);
	for (size_t i = 0; i < c->count; i++)
		if (finding_mendable(&c->list[i].is, &why) || checkrun_has(again, &c->list[i]))
			c->list[kept++] = c->list[i];
	c->count = kept;
	for (size_t i = 0; i < new.count; i++) {
		keep(c, &new.list[i].is);
		add(c, &new.list[i].is, new.list[i].queue);
	}
	sort(c);
	free(new.list);
	free(again->list);
	arena_free(&again->arena);
}

bool finding_mendable(const struct finding *f, const char **why)
{
	*why = NULL;
	if (f->why_not.p)
		*why = f->why_not.p;
	else if (!f->code->methods)
		*why = f->code->repair;
	return !*why;
}
