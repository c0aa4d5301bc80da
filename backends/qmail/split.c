/*
 * How many split directories a queue has.
 *
 * Nothing in a queue says it: it is compiled into qmail. So the directories are counted (mess,
 * info, local and remote must agree), and the files met in them must lie where that count puts
 * them. A broken queue can have an extra or a missing directory, a queue whose split was changed
 * can keep empty ones: then the files decide.
 */
#include "internal.h"

#include <mtaq/limits.h>

#include <stdio.h>
#include <stdlib.h>

enum {
	CONFIRM_SAMPLES = 64, /* files looked at when the directories agree */
	CONFIRM_PER_DIR = 4,
	DECIDE_SAMPLES = 4096, /* and when they do not, or the files contradict them */
	DECIDE_PER_DIR = 64,
	DECIDE_WORK = 20000000, /* most divisions spent on trying every count */
	ENOUGH_SAMPLES = 8,	/* fewer prove nothing against directories made on purpose */
	DEFAULT_SPLIT = 23
};

/* ---- choosing ---- */

static size_t fit_of(unsigned split, const struct split_sample *samples, size_t n)
{
	size_t fit = 0;

	for (size_t i = 0; i < n; i++)
		fit += samples[i].number % split == samples[i].dir;
	return fit;
}

/* The count that most of the four have; of equally many the smallest. */
static unsigned majority(const unsigned counts[DIR_SPLIT_COUNT])
{
	unsigned best = 0;
	int best_votes = 0;

	for (int i = 0; i < DIR_SPLIT_COUNT; i++) {
		int votes = 0;

		for (int k = 0; k < DIR_SPLIT_COUNT; k++)
			votes += counts[k] == counts[i];
		if (counts[i] == 0 || votes < best_votes ||
		    (votes == best_votes && counts[i] > best))
			continue;
		best = counts[i];
		best_votes = votes;
	}
	return best;
}

/* The one of the four that most samples agree with. */
static unsigned best_counted(const unsigned counts[DIR_SPLIT_COUNT],
			     const struct split_sample *samples, size_t n, size_t *fit)
{
	unsigned best = majority(counts);

	*fit = best ? fit_of(best, samples, n) : 0;
	for (int i = 0; i < DIR_SPLIT_COUNT; i++) {
		size_t f = counts[i] ? fit_of(counts[i], samples, n) : 0;

		if (f > *fit) {
			best = counts[i];
			*fit = f;
		}
	}
	return best;
}

/* Any count up to `most`. Whatever split S is right, all N - d are its multiples; the largest S
 * that holds for most samples is it, because a divisor of it holds only for those with d below the
 * divisor. */
static unsigned best_of_all(unsigned most, const struct split_sample *samples, size_t n,
			    size_t *fit)
{
	unsigned best = 0;

	*fit = 0;
	if (n == 0 || most > DECIDE_WORK / n)
		return 0;
	for (unsigned s = 1; s <= most; s++) {
		size_t f = fit_of(s, samples, n);

		if (f > *fit || (f == *fit && (s == DEFAULT_SPLIT || best != DEFAULT_SPLIT))) {
			best = s;
			*fit = f;
		}
	}
	return best;
}

unsigned split_choose(const unsigned counts[DIR_SPLIT_COUNT], const struct split_sample *samples,
		      size_t n, size_t *fit)
{
	unsigned most = 0, other, best = best_counted(counts, samples, n, fit);
	size_t other_fit;

	if (n == 0 || *fit * 2 > n)
		return best;
	for (int i = 0; i < DIR_SPLIT_COUNT; i++)
		most = counts[i] > most ? counts[i] : most;
	other = best_of_all(most, samples, n, &other_fit);
	if (n < ENOUGH_SAMPLES || other_fit * 10 < n * 9)
		return best;
	*fit = other_fit;
	return other;
}

/* ---- looking ---- */

struct look {
	struct queue_qmail *q;
	trouble_fn *trouble;
	void *ctx;
	uint8_t *present; /* per number the bits 1 << DIR_x: something of that name is there */
	uint8_t *odd;	  /* and it is no directory */
	unsigned counts[DIR_SPLIT_COUNT];
	struct split_sample *samples;
	size_t sample_count;
};

static void tell(const struct look *l, struct error *e, enum error_scope scope)
{
	e->scope = scope;
	l->trouble(l->ctx, e);
}

/* Is `path` a real directory: 1, 0, -1 when it cannot be told. */
static int real_dir(const struct look *l, const char *path, struct error *err)
{
	struct stat st;

	if (sys_stat(l->q->fd, path, path, &st, err) < 0)
		return -1;
	return S_ISDIR(st.st_mode);
}

/* `e` begins with a path below the queue directory: tell it in full. */
static void tell_below(const struct look *l, const struct error *e)
{
	struct error full = ERROR_INIT;

	error_set(&full, e->code, "%s/%s", l->q->base.dir, e->text);
	full.errnum = e->errnum;
	tell(l, &full, SCOPE_QUEUE);
}

static void note_dir(struct look *l, enum qmail_dir dir, const struct dirent *de)
{
	uint64_t n;
	char path[PART_ROOM];

	if (qmail_name(slice_from(de->d_name), &n) != NAME_NUMBER || n >= LIMIT_SPLIT)
		return;
	l->present[n] |= (uint8_t)(1u << dir);
#ifdef HAVE_STRUCT_DIRENT_D_TYPE
	if (de->d_type == DT_DIR)
		return;
#endif
	snprintf(path, sizeof path, "%s/%u", qmail_dir_name(dir), (unsigned)n);
	if (real_dir(l, path, NULL) != 1)
		l->odd[n] |= (uint8_t)(1u << dir);
}

/* Read the names in one of the four. */
static int list_dirs(struct look *l, enum qmail_dir dir, struct error *err)
{
	const char *name = qmail_dir_name(dir);
	DIR *d = sys_opendir_at(l->q->fd, name, name, err);
	struct dirent *de;
	int r;

	if (!d)
		return -1;
	while ((r = sys_readdir(d, name, &de, err)) > 0)
		note_dir(l, dir, de);
	closedir(d);
	while (l->counts[dir] < LIMIT_SPLIT && (l->present[l->counts[dir]] & (1u << dir)))
		l->counts[dir]++;
	return r;
}

/* One of the four cannot be used at all: told once here, and never entered. */
static void count_dirs(struct look *l, enum qmail_dir dir)
{
	struct error e = ERROR_INIT;
	const char *name = qmail_dir_name(dir);
	int r = real_dir(l, name, &e);

	if (r == 0)
		error_set(&e, ERROR_CORRUPT, "%s is no directory", name);
	if (r != 1 || list_dirs(l, dir, &e) < 0) {
		l->q->denied |= 1u << dir;
		tell_below(l, &e);
	}
}

static void sample_dir(struct look *l, enum qmail_dir dir, unsigned d, size_t most, size_t room)
{
	char path[PART_ROOM];
	struct dirent *de;
	uint64_t n;
	DIR *handle;

	if (!(l->present[d] & ~l->odd[d] & (1u << dir)))
		return;
	snprintf(path, sizeof path, "%s/%u", qmail_dir_name(dir), d);
	handle = sys_opendir_at(l->q->fd, path, path, NULL);
	if (!handle)
		return;
	while (most && l->sample_count < room && sys_readdir(handle, path, &de, NULL) > 0) {
		if (qmail_name(slice_from(de->d_name), &n) != NAME_NUMBER)
			continue;
		l->samples[l->sample_count++] = (struct split_sample){n, d};
		most--;
	}
	closedir(handle);
}

static void sample_all(struct look *l, enum qmail_dir dir, size_t most, size_t room)
{
	for (unsigned d = 0; d < LIMIT_SPLIT && l->sample_count < room; d++)
		sample_dir(l, dir, d, most, room);
}

static bool all_agree(const struct look *l)
{
	for (int i = 0; i < DIR_SPLIT_COUNT; i++) {
		if (!(l->q->denied & (1u << i)) && l->counts[i] != majority(l->counts))
			return false;
	}
	return true;
}

/* The directories do not agree, or not with the files: say how the count was found. It is trouble
 * only when it is a guess; directories that are missing or too many are told each by itself. */
static void note_doubt(struct look *l, size_t fit)
{
	struct queue_qmail *q = l->q;
	struct error e = ERROR_INIT;

	error_set(&e, ERROR_CORRUPT,
		  "mess has %u directories, info %u, local %u, remote %u: %zu of %zu files lie "
		  "where a split of %u "
		  "puts them",
		  l->counts[DIR_MESS], l->counts[DIR_INFO], l->counts[DIR_LOCAL],
		  l->counts[DIR_REMOTE], fit, l->sample_count, q->split);
	q->split_why = arena_str(&q->arena, slice_from(e.text));
	if (l->sample_count < ENOUGH_SAMPLES || fit * 10 >= l->sample_count * 9)
		return;
	error_prefix(&e, "%s", q->base.dir);
	tell(l, &e, SCOPE_QUEUE);
}

/* Sets q->split; 0 when there are no split directories. */
static void decide(struct look *l)
{
	unsigned agreed = all_agree(l) ? majority(l->counts) : 0;
	size_t fit;

	sample_all(l, DIR_MESS, CONFIRM_PER_DIR, CONFIRM_SAMPLES);
	if (agreed && fit_of(agreed, l->samples, l->sample_count) == l->sample_count) {
		l->q->split = agreed;
		return;
	}
	l->sample_count = 0;
	sample_all(l, DIR_MESS, DECIDE_PER_DIR, DECIDE_SAMPLES / 2);
	sample_all(l, DIR_INFO, DECIDE_PER_DIR, DECIDE_SAMPLES);
	l->q->split = split_choose(l->counts, l->samples, l->sample_count, &fit);
	if (l->q->split)
		note_doubt(l, fit);
}

static bool is_empty_dir(const struct look *l, const char *path)
{
	DIR *d = sys_opendir_at(l->q->fd, path, path, NULL);
	struct dirent *de;
	bool empty;

	if (!d)
		return false;
	empty = sys_readdir(d, path, &de, NULL) == 0;
	closedir(d);
	return empty;
}

/* Something is the matter with DIR/d, or it is one too many. */
static void tell_dir(struct look *l, enum qmail_dir dir, unsigned d)
{
	unsigned bit = 1u << dir;
	struct error e = ERROR_INIT;
	char path[PART_ROOM];

	snprintf(path, sizeof path, "%s/%u", qmail_dir_name(dir), d);
	if (d >= l->q->split) {
		if (!(l->present[d] & bit) || (!(l->odd[d] & bit) && is_empty_dir(l, path)))
			return;
		error_set(&e, ERROR_CORRUPT, "%s/%s: qmail never looks there (split %u)",
			  l->q->base.dir, path, l->q->split);
	} else if (!(l->present[d] & bit)) {
		error_set(&e, ERROR_CORRUPT, "%s/%s is missing", l->q->base.dir, path);
	} else {
		error_set(&e, ERROR_CORRUPT, "%s/%s is no directory", l->q->base.dir, path);
	}
	if (d < l->q->split)
		l->q->bad[d] |= (uint8_t)bit;
	tell(l, &e, d < l->q->split ? SCOPE_QUEUE : SCOPE_MESSAGE);
}

static void check_dirs(struct look *l)
{
	for (unsigned d = 0; d < LIMIT_SPLIT; d++) {
		if (d >= l->q->split && !l->present[d])
			continue;
		for (int dir = 0; dir < DIR_SPLIT_COUNT; dir++) {
			unsigned bit = 1u << dir;
			bool fine = (l->present[d] & bit) && !(l->odd[d] & bit);

			if (!(l->q->denied & bit) && (d >= l->q->split || !fine))
				tell_dir(l, (enum qmail_dir)dir, d);
		}
	}
}

/* todo is flat, or split (big-todo) when todo/0 is a directory. Split directories of todo that are
 * missing are ENOENT to whoever looks for a file in them. */
static void look_at_todo(struct look *l)
{
	struct error e = ERROR_INIT;
	int r = real_dir(l, "todo", &e);
	DIR *d;

	if (r == 0)
		error_set(&e, ERROR_CORRUPT, "todo is no directory");
	d = r == 1 ? sys_opendir_at(l->q->fd, "todo", "todo", &e) : NULL;
	if (d) {
		closedir(d);
		l->q->big_todo = real_dir(l, "todo/0", NULL) == 1;
		return;
	}
	l->q->denied |= 1u << DIR_TODO;
	tell_below(l, &e);
}

/* No trouble of this or that directory: this is something else. */
static bool is_no_queue(const struct look *l)
{
	struct error mess = ERROR_INIT, info = ERROR_INIT;

	return real_dir(l, "mess", &mess) < 0 && mess.code == ERROR_GONE &&
	       real_dir(l, "info", &info) < 0 && info.code == ERROR_GONE;
}

static int find_with(struct look *l, struct error *err)
{
	if (is_no_queue(l))
		return error_set(err, ERROR_NOQUEUE,
				 "%s: neither mess nor info is there: no qmail queue",
				 l->q->base.dir);
	for (int dir = 0; dir < DIR_SPLIT_COUNT; dir++)
		count_dirs(l, (enum qmail_dir)dir);
	decide(l);
	if (l->q->split == 0)
		return error_set(err, ERROR_NOQUEUE, "%s: mess/0 is missing: no qmail queue",
				 l->q->base.dir);
	l->q->bad = calloc(l->q->split, 1);
	if (!l->q->bad)
		return error_set(err, ERROR_NOMEM, "out of memory");
	check_dirs(l);
	look_at_todo(l);
	return 0;
}

int split_find(struct queue_qmail *q, trouble_fn *trouble, void *ctx, struct error *err)
{
	struct look l = {.q = q, .trouble = trouble, .ctx = ctx};
	int r;

	l.present = calloc(LIMIT_SPLIT, 1);
	l.odd = calloc(LIMIT_SPLIT, 1);
	l.samples = calloc(DECIDE_SAMPLES, sizeof *l.samples);
	r = l.present && l.odd && l.samples ? find_with(&l, err)
					    : error_set(err, ERROR_NOMEM, "out of memory");
	free(l.present);
	free(l.odd);
	free(l.samples);
	return r;
}
