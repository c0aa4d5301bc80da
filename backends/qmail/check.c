/*
 * Checking a queue: the names are read first, by several threads, each one split directory at a
 * time; what seems to be healthy is looked at quickly on the way. Then every number that is left is
 * looked at closely. What is found is kept by each piece of the work and told in order.
 */
#include "check.h"

#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

enum { MOST_THREADS = 8, CHUNK = 64 };

/* ---- pieces of work, done by several threads ---- */

struct work {
	void (*piece)(void *ctx, size_t i);
	void *ctx;
	size_t count;
	atomic_size_t next;
};

static void *work_on(void *arg)
{
	struct work *w = arg;
	size_t i;

	while ((i = atomic_fetch_add(&w->next, 1)) < w->count)
		w->piece(w->ctx, i);
	return NULL;
}

static void do_pieces(void (*piece)(void *ctx, size_t i), void *ctx, size_t count)
{
	struct work w = {.piece = piece, .ctx = ctx, .count = count};
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	size_t want = cpus < 1 ? 1 : (size_t)cpus, started = 0;
	pthread_t threads[MOST_THREADS];

	/* files that are not in memory are waited for side by side */
	want = want * 2 < MOST_THREADS ? want * 2 : MOST_THREADS;
	for (size_t i = 1; i < want && i < count; i++)
		if (pthread_create(&threads[started], NULL, work_on, &w) == 0)
			started++;
	work_on(&w);
	for (size_t i = 0; i < started; i++)
		pthread_join(threads[i], NULL);
}

/* ---- the names ---- */

/* One split directory of all four kinds. */
struct slot {
	struct numbers suspects;
	struct odds odds;
	struct error err; /* the first that was met */
	uint64_t looked;
};

struct walk {
	struct check c;
	struct check_walk *w;
	struct numbers special; /* in todo, intd or bounce; sorted */
	struct odds odds;
	struct slot *slots;
	struct numbers suspects;
	struct sink *sinks;
	struct sink plain;
	struct finding *told;
};

/* The next number of four sorted lists, and which have it. */
static bool next_number(struct numbers l[DIR_SPLIT_COUNT], size_t at[DIR_SPLIT_COUNT], uint64_t *n,
			unsigned *in)
{
	*in = 0;
	for (unsigned i = 0; i < DIR_SPLIT_COUNT; i++)
		if (at[i] < l[i].n && (*in == 0 || l[i].v[at[i]] < *n)) {
			*n = l[i].v[at[i]];
			*in = 1;
		}
	if (*in == 0)
		return false;
	*in = 0;
	for (unsigned i = 0; i < DIR_SPLIT_COUNT; i++)
		if (at[i] < l[i].n && l[i].v[at[i]] == *n) {
			at[i]++;
			*in |= 1u << i;
		}
	return true;
}

static void merge(struct walk *k, struct slot *s, struct numbers l[DIR_SPLIT_COUNT])
{
	const unsigned s5 = 1u << DIR_MESS | 1u << DIR_INFO;
	size_t at[DIR_SPLIT_COUNT] = {0};
	uint64_t n = 0;
	unsigned in;

	while (next_number(l, at, &n, &in)) {
		s->looked++;
		if ((in & s5) != s5 || numbers_has(&k->special, n) ||
		    !fast_is_healthy(&k->c, n, in & 1u << DIR_LOCAL, in & 1u << DIR_REMOTE))
			numbers_add(&s->suspects, n);
	}
}

/* A directory that is not there, or none, is a finding of its own. */
static bool is_missing(const struct error *err)
{
	return err->code == ERROR_GONE || err->code == ERROR_CORRUPT;
}

static void read_slot(void *ctx, size_t d)
{
	/* info before mess: as a message goes */
	static const enum qmail_dir order[DIR_SPLIT_COUNT] = {DIR_INFO, DIR_LOCAL, DIR_REMOTE,
							      DIR_MESS};
	struct numbers l[DIR_SPLIT_COUNT] = {{NULL, 0, 0}};
	struct walk *k = ctx;
	struct slot *s = &k->slots[d];

	for (int i = 0; i < DIR_SPLIT_COUNT; i++) {
		enum qmail_dir dir = order[i];

		struct error err = ERROR_INIT;

		if (!(k->c.q->denied & (1u << dir)) &&
		    names_read(k->c.q, dir, (int)d, &l[dir], &s->odds, &err) < 0 &&
		    !is_missing(&err) && s->err.code == ERROR_NONE)
			s->err = err;
		numbers_sort(&l[dir]);
	}
	merge(k, s, l);
	for (int i = 0; i < DIR_SPLIT_COUNT; i++)
		free(l[i].v);
}

static void read_names(struct walk *k, enum qmail_dir dir, int d, struct numbers *numbers)
{
	struct error err = ERROR_INIT;

	if (names_read(k->c.q, dir, d, numbers, &k->odds, &err) < 0 && !is_missing(&err))
		sink_trouble(&k->plain, &err);
}

/* todo first: a message leaves it for info. */
static void read_flat(struct walk *k)
{
	static const enum qmail_dir flat[] = {DIR_TODO, DIR_BOUNCE, DIR_INTD};

	for (size_t i = 0; i < sizeof flat / sizeof flat[0]; i++) {
		read_names(k, flat[i], FLAT, &k->special);
		for (unsigned d = 0; k->c.q->big_todo && flat[i] != DIR_BOUNCE && d < k->c.q->split;
		     d++)
			read_names(k, flat[i], (int)d, &k->special);
	}
	numbers_sort(&k->special);
}

/* Directories past the split hold files that qmail never looks for there. */
static void read_extra(struct walk *k, enum qmail_dir dir)
{
	struct numbers l = {NULL, 0, 0}, none = {NULL, 0, 0};
	struct slice base = place_dir(&k->plain.arena, k->c.q, dir, FLAT);

	read_names(k, dir, FLAT, &l);
	numbers_sort(&l);
	for (size_t i = 0; i < l.n; i++) {
		struct slice name;

		if (l.v[i] < k->c.q->split)
			continue;
		name = arena_printf(&k->plain.arena, "%llu", (unsigned long long)l.v[i]);
		sink_add(&k->plain, CODE_EXTRA_DIRECTORY, base, name, "the split is %u",
			 k->c.q->split);
		if (l.v[i] < LIMIT_SPLIT)
			read_names(k, dir, (int)l.v[i], &none);
	}
	free(l.v);
	free(none.v);
}

static void add_all(struct numbers *to, const struct numbers *from)
{
	for (size_t i = 0; i < from->n; i++)
		numbers_add(to, from->v[i]);
}

static void gather(struct walk *k)
{
	for (unsigned d = 0; d < k->c.q->split; d++) {
		struct slot *s = &k->slots[d];

		add_all(&k->suspects, &s->suspects);
		for (size_t i = 0; i < s->odds.n; i++)
			odds_add(&k->odds, &s->odds.v[i]);
		if (s->err.code != ERROR_NONE)
			sink_trouble(&k->plain, &s->err);
		k->w->looked += s->looked;
		free(s->suspects.v);
		odds_free(&s->odds);
	}
	add_all(&k->suspects, &k->special);
	numbers_sort(&k->suspects);
	for (size_t i = 0; i < k->odds.n; i++) {
		const struct odd *o = &k->odds.v[i];

		if (o->kind == ODD_MISPLACED)
			numbers_add(&k->c.misplaced, o->n);
		if (o->kind == ODD_HALF) {
			numbers_add(&k->c.half, o->n);
			numbers_add(&k->c.half, o->to);
		}
	}
	numbers_sort(&k->c.misplaced);
	numbers_sort(&k->c.half);
}

/* ---- the closer look ---- */

static void examine_chunk(void *ctx, size_t i)
{
	struct walk *k = ctx;

	sink_init(&k->sinks[i]);
	for (size_t n = i * CHUNK; n < (i + 1) * CHUNK && n < k->suspects.n; n++)
		examine(&k->c, k->suspects.v[n], &k->sinks[i]);
}

static int by_place(const void *a, const void *b)
{
	const struct odd *x = a, *y = b;

	if (x->dir != y->dir)
		return x->dir < y->dir ? -1 : 1;
	if (x->d != y->d)
		return x->d < y->d ? -1 : 1;
	return strcmp(x->name, y->name);
}

static void examine_odds(struct walk *k)
{
	if (k->odds.n > 1)
		qsort(k->odds.v, k->odds.n, sizeof *k->odds.v, by_place);
	for (size_t i = 0; i < k->odds.n; i++)
		examine_odd(&k->c, &k->odds.v[i], &k->plain);
}

/* ---- telling ---- */

static void keep(struct arena *a, struct slice *s)
{
	if (s->p)
		*s = arena_copy(a, *s);
}

static void tell_all(struct walk *k, const struct sink *s)
{
	struct arena *a = k->w->arena;

	for (size_t i = 0; i < s->trouble_count; i++)
		k->w->trouble(k->w->ctx, &s->troubles[i]);
	for (size_t i = 0; i < s->count; i++) {
		struct finding f = s->list[i];

		keep(a, &f.path);
		keep(a, &f.id);
		keep(a, &f.detail);
		keep(a, &f.why_not);
		keep(a, &f.dir);
		keep(a, &f.name);
		keep(a, &f.aux);
		f.unit = &k->c.q->unit;
		k->w->found(k->w->ctx, &f);
	}
	k->w->looked += s->looked;
}

static void examine_suspects(struct walk *k)
{
	size_t chunks = (k->suspects.n + CHUNK - 1) / CHUNK;

	k->sinks = calloc(chunks + 1, sizeof *k->sinks);
	if (!k->sinks)
		abort();
	do_pieces(examine_chunk, k, chunks);
	for (size_t i = 0; i < chunks; i++) {
		tell_all(k, &k->sinks[i]);
		sink_free(&k->sinks[i]);
	}
	free(k->sinks);
}

static void find_owners(struct walk *k)
{
	struct error err = ERROR_INIT;

	owners_find(k->c.q, &k->c.owners);
	owners_find_remote(&k->c.owners);
	if (owners_check(&k->c.owners, k->c.q, &err) < 0)
		sink_trouble(&k->plain, &err);
}

int qmail_check(struct check_walk *w, struct error *err)
{
	struct walk k = {.c = {.q = queue_qmail(w->queue), .now = w->now}, .w = w};

	k.slots = calloc(k.c.q->split, sizeof *k.slots);
	if (!k.slots)
		return error_set(err, ERROR_NOMEM, "out of memory");
	sink_init(&k.plain);
	find_owners(&k);
	check_layout(&k.c, &k.plain);
	read_flat(&k);
	for (int dir = 0; dir < DIR_SPLIT_COUNT; dir++)
		read_extra(&k, (enum qmail_dir)dir);
	do_pieces(read_slot, &k, k.c.q->split);
	gather(&k);
	examine_odds(&k);
	tell_all(&k, &k.plain);
	examine_suspects(&k);
	sink_free(&k.plain);
	odds_free(&k.odds);
	free(k.slots);
	free(k.special.v);
	free(k.suspects.v);
	free(k.c.misplaced.v);
	free(k.c.half.v);
	return 0;
}
