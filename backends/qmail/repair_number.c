/*
 * A message whose number is not the inode of its mess gets that number.
 *
 * All its files are renamed, and mess last: first a second name is given to mess that qmail does
 * not look at, then info (or todo) goes to such a name, and the message is hidden; the others
 * follow, and the old name of mess goes, by which the old number is free. Then all come out of
 * hiding under the new number, mess first and info last. Between two of these steps the message is
 * whole for qmail or hidden from it, and mess cannot be cleaned away meanwhile. Whoever finds such
 * names goes on where the run before was cut off: the name of mess tells by its end whether what
 * has the new number is this message's.
 *
 * When the new number is still the number of another message, hiding is all that is done: when all
 * of them are hidden all of the numbers are free. So numbers can be exchanged, in cycles of any
 * length.
 */
#include "mending.h"

#include <stdio.h>
#include <stdlib.h>

struct rename {
	struct repair *r;
	struct mend *m;
	const struct queue_qmail *q;
	uint64_t from, to;
	char half[PLACE_NAME], shown_name[PLACE_NAME];
	bool shown; /* mess has the latter */
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

static struct step_place shown_place(const struct rename *x)
{
	struct step_place p = place_of(&x->m->arena, x->q, FILE_MESS, x->to);

	p.name = slice_from(x->shown_name);
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

/* lstat: 1 there, 0 not there, -1. */
static int look_place(const struct rename *x, struct step_place p, struct stat *st,
		      struct error *err)
{
	struct slice path = arena_printf(&x->m->arena, "%s/%s", p.dir.p, p.name.p);
	struct error e = ERROR_INIT;

	if (!path.p)
		return error_set(err, ERROR_NOMEM, "out of memory");
	if (sys_stat(x->q->fd, path.p + strlen(x->q->base.dir) + 1, path.p, st, &e) == 0)
		return 1;
	st->st_ino = 0;
	return e.code == ERROR_GONE ? 0 : error_set(err, e.code, "%s", e.text);
}

static int look_hidden(struct rename *x, struct error *err)
{
	struct look *l = &x->hidden;
	int there;

	*l = (struct look){.n = x->to};
	there = look_place(x, shown_place(x), &l->st[FILE_MESS], err);
	x->shown = there > 0;
	l->has = x->shown ? 1u << FILE_MESS : 0;
	for (int f = 0; there >= 0 && f < FILE_COUNT; f++) {
		if ((!x->q->big_todo && (f == FILE_TODO_OTHER || f == FILE_INTD_OTHER)) ||
		    (f == FILE_MESS && x->shown))
			continue;
		there = look_place(x, half_place(x, (enum qmail_file)f), &l->st[f], err);
		if (there > 0)
			l->has |= 1u << f;
	}
	return there < 0 ? -1 : 0;
}

static int look_all(struct rename *x, struct error *err)
{
	half_name(x->from, x->to, false, x->half);
	half_name(x->from, x->to, true, x->shown_name);
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
	const struct stat *mess = &x->hidden.st[FILE_MESS];

	if (!x->shown &&
	    add(x, STEP_RENAME, half_place(x, FILE_MESS), shown_place(x), mess, err) < 0)
		return -1;
	if (!(x->shown && same(&x->new, &x->hidden)) &&
	    add(x, STEP_LINK, shown_place(x), new_place(x, FILE_MESS), x->shown ? mess : NULL,
		err) < 0)
		return -1;
	for (size_t i = 0; i < OTHERS; i++)
		if (show_file(x, others[i], err) < 0)
			return -1;
	for (size_t i = 0; i < HEADS; i++)
		if (show_file(x, heads[i], err) < 0)
			return -1;
	return add(x, STEP_UNLINK, shown_place(x), new_place(x, FILE_MESS), x->shown ? mess : NULL,
		   err);
}

/* ---- who has the new number ---- */

static bool has_head(const struct look *l)
{
	return look_has(l, FILE_INFO) || is_new_message(l);
}

static int in_use(const struct rename *x, struct error *err)
{
	return error_set(err, ERROR_BUSY, "%llu is still in use", (unsigned long long)x->to);
}

/* Another message, that is at the wrong number too: it is hidden, and found again as such. */
static int hide_other(struct rename *x, struct error *err)
{
	struct rename y = {.r = x->r, .m = x->m, .q = x->q, .from = x->to};

	y.to = (uint64_t)x->new.st[FILE_MESS].st_ino;
	if (y.to == y.from || look_all(&y, err) < 0 || y.hidden.has)
		return in_use(x, err);
	return hide(&y, err);
}

/* What has the old number is this message's as long as mess is, or has been cleaned away since. */
static bool owns_old(const struct rename *x)
{
	if (x->shown || x->from == x->to)
		return false;
	return same(&x->old, &x->hidden) || !(look_has(&x->old, FILE_MESS) || has_head(&x->old));
}

/* A message that had the new number, and was cut off while it was hidden: 1 with *to, 0, -1. */
static int find_half(const struct rename *x, uint64_t *to, struct error *err)
{
	struct numbers none = {NULL, 0, 0};
	struct odds odds = {NULL, 0, 0};
	int result = 0;

	for (unsigned d = 0; result == 0 && d < x->q->split; d++)
		result = names_read(x->q, DIR_MESS, (int)d, &none, &odds, err);
	for (size_t i = 0; result == 0 && i < odds.n; i++)
		if (odds.v[i].kind == ODD_HALF && odds.v[i].n == x->to && odds.v[i].to != x->to) {
			*to = odds.v[i].to;
			result = 1;
		}
	free(none.v);
	odds_free(&odds);
	return result;
}

/* It is hidden wholly: 1, 0 when there is none such, -1. */
static int hide_half(struct rename *x, struct error *err)
{
	struct rename y = {.r = x->r, .m = x->m, .q = x->q, .from = x->to};
	int found = find_half(x, &y.to, err);

	if (found <= 0)
		return found;
	if (look_all(&y, err) < 0)
		return -1;
	return !owns_old(&y) ? 0 : hide(&y, err) < 0 ? -1 : 1;
}

/* Make the new number free for one that is hidden already. */
static int make_free(struct rename *x, struct error *err)
{
	const struct mending *own = x->r->own;
	int hidden = x->new.has ? hide_half(x, err) : 1;

	if (hidden)
		return hidden < 0 ? -1 : 0;
	if (look_has(&x->new, FILE_MESS) && has_head(&x->new))
		return hide_other(x, err);
	/* a message that is being written, under a number that is none of its own? */
	if (look_has(&x->new, FILE_MESS) && !is_old(own->check.now, &x->new.st[FILE_MESS]))
		return in_use(x, err);
	/* what is left of a message that ended otherwise */
	return step_trash_all(x->r, x->m, &x->new, err) < 0 ? -1 : 0;
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
	free = x.new.has == 0;
	if (hide(&x, err) < 0 || (free && show(&x, err) < 0))
		return -1;
	m->did = told(&x, free);
	return 1;
}

/* Once it is shown what has the new number is its own, in one place or the other. */
static int check_shown(const struct rename *x, struct error *err)
{
	if (!x->shown)
		return 0;
	if (x->new.has & x->hidden.has & ~(1u << FILE_MESS))
		return error_set(err, ERROR_UNSUPPORTED,
				 "files of it are there twice, as %llu too: look which are right",
				 (unsigned long long)x->to);
	if (look_has(&x->new, FILE_MESS) && !same(&x->new, &x->hidden))
		return error_set(err, ERROR_BUSY, "its number belongs to another message now");
	return 0;
}

int plan_half(struct repair *r, struct mend *m, struct error *err)
{
	struct rename x = {.r = r, .m = m, .q = queue_qmail(r->queue)};

	if (!half_parse(m->finding->name, &x.from, &x.to, &x.shown))
		return error_set(err, ERROR_BUG, "its name says nothing");
	if (look_all(&x, err) < 0)
		return -1;
	if (!look_has(&x.hidden, FILE_MESS))
		return 0;
	if (check_shown(&x, err) < 0 || (owns_old(&x) && hide(&x, err) < 0) ||
	    (!x.shown && make_free(&x, err) < 0) || show(&x, err) < 0)
		return -1;
	m->did = told(&x, true);
	return 1;
}
