/*
 * A message whose number is not the inode of its mess gets that number.
 *
 * All its files are renamed, and mess last: first a second name is given to mess that qmail does
 * not look at, then info (or todo) goes to such a name, and the message is hidden; the others
 * follow, and the old name of mess goes, by which the old number is free. Then all come out of
 * hiding under the new number, mess first and info last. Between two of these steps the message is
 * whole for qmail or hidden from it, and mess cannot be cleaned away meanwhile. Whoever finds such
 * names goes on where the run before was cut off.
 *
 * When the new number is still the number of another message, hiding is all that is done: when all
 * of them are hidden all of the numbers are free. So numbers can be exchanged, in cycles of any
 * length.
 */
#include "mending.h"

#include <stdio.h>

struct rename {
	struct repair *r;
	struct mend *m;
	const struct queue_qmail *q;
	uint64_t from, to;
	char half[PLACE_NAME];
	struct look old, new, hidden;
};

/* What a message is to qmail-send by; hidden first and shown last. */
static const enum qmail_file heads[] = {FILE_INFO, FILE_TODO, FILE_TODO_OTHER};
/* The rest but mess, in the order in which they are shown. */
static const enum qmail_file others[] = {FILE_INTD, FILE_INTD_OTHER, FILE_LOCAL, FILE_REMOTE,
					 FILE_BOUNCE};
enum { HEADS = sizeof heads / sizeof heads[0], OTHERS = sizeof others / sizeof others[0] };

/* ---- places ---- */

static struct step_place half_place(const struct rename *x, enum qmail_file f)
{
	struct step_place p = place_of(&x->m->arena, x->q, f, x->to);

	p.name = slice_from(x->half);
	return p;
}

static struct step_place old_place(const struct rename *x, enum qmail_file f)
{
	return place_of(&x->m->arena, x->q, f, x->from);
}

static struct step_place new_place(const struct rename *x, enum qmail_file f)
{
	return place_of(&x->m->arena, x->q, f, x->to);
}

static int add(const struct rename *x, enum step_kind kind, struct step_place at,
	       struct step_place to, const struct stat *was, struct error *err)
{
	struct repair_step s = {.kind = kind, .at = at, .to = to};

	if (was)
		s.was = *was;
	return mend_add(x->m, &s, err);
}

static int look_hidden(struct rename *x, struct error *err)
{
	const size_t base = strlen(x->q->base.dir) + 1;

	x->hidden = (struct look){.n = x->to};
	for (int f = 0; f < FILE_COUNT; f++) {
		struct step_place p = half_place(x, (enum qmail_file)f);
		struct slice path = arena_printf(&x->m->arena, "%s/%s", p.dir.p, p.name.p);
		struct error e = ERROR_INIT;

		if (!x->q->big_todo && (f == FILE_TODO_OTHER || f == FILE_INTD_OTHER))
			continue;
		if (!path.p)
			return error_set(err, ERROR_NOMEM, "out of memory");
		if (sys_stat(x->q->fd, path.p + base, path.p, &x->hidden.st[f], &e) == 0)
			x->hidden.has |= 1u << f;
		else if (e.code != ERROR_GONE)
			return error_set(err, e.code, "%s", e.text);
	}
	return 0;
}

static int look_all(struct rename *x, struct error *err)
{
	half_name(x->from, x->to, x->half);
	if (look_at(x->q, x->from, &x->old, err) <= 0 || look_at(x->q, x->to, &x->new, err) <= 0)
		return error_set(err, ERROR_BUSY, "qmail is at work on it");
	return look_hidden(x, err);
}

static bool same(const struct look *a, const struct look *b)
{
	return look_has(a, FILE_MESS) && look_has(b, FILE_MESS) &&
	       a->st[FILE_MESS].st_ino == b->st[FILE_MESS].st_ino &&
	       a->st[FILE_MESS].st_dev == b->st[FILE_MESS].st_dev;
}

/* ---- hiding ---- */

static bool is_new_message(const struct look *l)
{
	return look_has(l, FILE_TODO) || look_has(l, FILE_TODO_OTHER);
}

/* Beside todo they mean nothing, and would if they came to stand alone. */
static int drop_leftovers(struct rename *x, struct error *err)
{
	static const enum qmail_file files[] = {FILE_INFO, FILE_LOCAL, FILE_REMOTE};

	for (size_t i = 0; is_new_message(&x->old) && i < sizeof files / sizeof files[0]; i++) {
		enum qmail_file f = files[i];

		if (!look_has(&x->old, f))
			continue;
		if (step_file(x->r, x->m, STEP_TRASH, &x->old, f, err) < 0)
			return -1;
		x->old.has &= ~(1u << f);
	}
	return 0;
}

static int hide_file(struct rename *x, enum qmail_file f, struct error *err)
{
	if (!look_has(&x->old, f))
		return 0;
	if (look_has(&x->hidden, f))
		return error_set(err, ERROR_UNSUPPORTED,
				 "%s is there twice, under %s too: look which is the right one",
				 old_place(x, f).name.p, x->half);
	x->hidden.has |= 1u << f;
	return add(x, STEP_RENAME, old_place(x, f), half_place(x, f), &x->old.st[f], err);
}

static int hide(struct rename *x, struct error *err)
{
	if (!look_has(&x->hidden, FILE_MESS) &&
	    add(x, STEP_LINK, old_place(x, FILE_MESS), half_place(x, FILE_MESS),
		&x->old.st[FILE_MESS], err) < 0)
		return -1;
	x->hidden.has |= 1u << FILE_MESS;
	if (drop_leftovers(x, err) < 0)
		return -1;
	for (size_t i = 0; i < HEADS; i++)
		if (hide_file(x, heads[i], err) < 0)
			return -1;
	for (size_t i = 0; i < OTHERS; i++)
		if (hide_file(x, others[i], err) < 0)
			return -1;
	if (!look_has(&x->old, FILE_MESS))
		return 0;
	return add(x, STEP_UNLINK, old_place(x, FILE_MESS), half_place(x, FILE_MESS),
		   &x->old.st[FILE_MESS], err);
}

/* ---- showing ---- */

static int show_file(struct rename *x, enum qmail_file f, struct error *err)
{
	if (!look_has(&x->hidden, f))
		return 0;
	return add(x, STEP_RENAME, half_place(x, f), new_place(x, f), &x->hidden.st[f], err);
}

static int show(struct rename *x, struct error *err)
{
	if (!look_has(&x->new, FILE_MESS) &&
	    add(x, STEP_LINK, half_place(x, FILE_MESS), new_place(x, FILE_MESS),
		&x->hidden.st[FILE_MESS], err) < 0)
		return -1;
	for (size_t i = 0; i < OTHERS; i++)
		if (show_file(x, others[i], err) < 0)
			return -1;
	for (size_t i = 0; i < HEADS; i++)
		if (show_file(x, heads[i], err) < 0)
			return -1;
	return add(x, STEP_UNLINK, half_place(x, FILE_MESS), new_place(x, FILE_MESS),
		   &x->hidden.st[FILE_MESS], err);
}

/* Nothing has the new number but what an earlier run brought there. */
static bool is_free(const struct rename *x, bool begun)
{
	if (x->new.has == 0)
		return true;
	if (!begun || !same(&x->new, &x->hidden))
		return false;
	return (x->new.has & x->hidden.has & ~(1u << FILE_MESS)) == 0;
}

static struct slice told(const struct rename *x, bool shown)
{
	return arena_printf(&x->m->arena,
			    shown ? "renamed to %llu" : "hidden until %llu is free: check again",
			    (unsigned long long)x->to);
}

/* ---- plans ---- */

int plan_number(struct repair *r, struct mend *m, struct error *err)
{
	struct rename x = {.r = r,
			   .m = m,
			   .q = queue_qmail(r->queue),
			   .from = m->finding->number,
			   .to = m->finding->number};
	bool free;

	if (look_at(x.q, x.from, &x.old, err) <= 0)
		return error_set(err, ERROR_BUSY, "qmail is at work on it");
	if (!look_has(&x.old, FILE_MESS))
		return 0;
	x.to = (uint64_t)x.old.st[FILE_MESS].st_ino;
	if (look_all(&x, err) < 0)
		return -1;
	/* left under its hiding name by a run that was cut off: a finding of its own */
	if (x.hidden.has)
		return error_set(err, ERROR_BUSY, "its renaming was begun: check again");
	free = is_free(&x, false);
	if (hide(&x, err) < 0 || (free && show(&x, err) < 0))
		return -1;
	m->did = told(&x, free);
	return 1;
}

int plan_half(struct repair *r, struct mend *m, struct error *err)
{
	struct rename x = {.r = r, .m = m, .q = queue_qmail(r->queue)};
	bool ours, free;

	if (!half_parse(m->finding->name, &x.from, &x.to) || look_all(&x, err) < 0)
		return error_set(err, ERROR_BUG, "its name says nothing");
	if (!look_has(&x.hidden, FILE_MESS))
		return 0;
	/* What has the old number is ours as long as mess has, or nobody's. */
	ours = same(&x.old, &x.hidden) || !(look_has(&x.old, FILE_MESS) ||
					    look_has(&x.old, FILE_INFO) || is_new_message(&x.old));
	free = is_free(&x, true);
	if (ours && x.from != x.to && hide(&x, err) < 0)
		return -1;
	if (free && show(&x, err) < 0)
		return -1;
	m->did = told(&x, free);
	return m->count ? 1 : error_set(err, ERROR_BUSY, "its new number is still in use");
}
