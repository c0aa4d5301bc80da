/* Several control files of one id: halves of a hold, copies, or two messages. See checks.h. */
#include "checks.h"

#include "act.h"
#include "edit.h"

#include <mtaq/limits.h>

#include <stdio.h>

struct half {
	const struct seen *s;
	struct stat st;
	struct slice text;
};

static bool load(struct look *l, const struct seen *s, struct half *out)
{
	struct error err = ERROR_INIT;

	*out = (struct half){.s = s};
	return read_control_text(l, s->unit, SPOT_QF, s->name, &out->st, &out->text, &err) == 0;
}

/* `a` but for its q line. */
static bool same_but_for_reason(struct look *l, struct slice a, struct slice b)
{
	struct qf_edits e;
	struct slice without;

	qf_edits_init(&e, &l->scratch, a);
	return qf_editable(a) && qf_unset(&e, 'q', NULL) == 0 &&
	       qf_edits_apply(&e, &without, NULL) == 0 && slice_eq(without, b);
}

static bool is_busy(struct look *l, const struct half *h)
{
	struct stat st;

	return check_locked(l, h->s->unit->qf_fd, h->s->name, &h->st) ||
	       !is_file(h->s->unit->qf_fd, h->s->name, &st) || st.st_ino != h->st.st_ino;
}

/* Of two in one directory: which is to go, NULL when that is for a person to decide. */
static const struct seen *lesser(struct look *l, const struct half *a, const struct half *b)
{
	static const char rank[] = "Qqh"; /* what is held stays held, what is lost is the lesser */
	bool a_first = strchr(rank, a->s->name[0]) < strchr(rank, b->s->name[0]);
	const struct half *low = a_first ? a : b, *high = a_first ? b : a;

	if (slice_eq(low->text, high->text))
		return low->s;
	if (low->s->name[0] == 'q' && same_but_for_reason(l, high->text, low->text))
		return low->s;
	return NULL;
}

static void examine_halves(struct look *l, const struct half *a, const struct half *b)
{
	const struct seen *goes = lesser(l, a, b), *other = goes == b->s ? a->s : b->s;
	char text[LIMIT_NAME_BYTES + 40];

	snprintf(text, sizeof text, "beside it is %.*s", LIMIT_NAME_BYTES, other->name);
	if (goes)
		check_emit_aux(l, CHECK_TWO_CONTROLS, goes->unit, SPOT_QF, goes->name,
			       slice_from(other->name), text);
	else
		check_emit_stuck(
		    l, CHECK_TWO_CONTROLS, b->s->unit, SPOT_QF, b->s->name,
		    "they differ: see which is the right one, delete the other's file");
}

/* ---- in two directories ---- */

static bool same_data(const struct half *a, const struct half *b)
{
	char name[LIMIT_NAME_BYTES + 8], x[4096], y[4096];
	struct stat st_a, st_b;
	int fa, fb;
	ssize_t n = -1, m = -1;
	off_t at = 0;

	snprintf(name, sizeof name, "df%s", a->s->name + 2);
	fa = sys_open_file(a->s->unit->df_fd, name, SYS_READ, name, &st_a, NULL);
	fb = sys_open_file(b->s->unit->df_fd, name, SYS_READ, name, &st_b, NULL);
	/* one directory by two names has only one data file for both */
	if (fa >= 0 && fb >= 0 && st_a.st_size == st_b.st_size &&
	    !same_dir(a->s->unit->df_fd, b->s->unit->df_fd))
		do {
			n = sys_pread(fa, x, sizeof x, at);
			m = sys_pread(fb, y, sizeof y, at);
			at += n;
		} while (n > 0 && n == m && memcmp(x, y, (size_t)n) == 0);
	sys_close(fa);
	sys_close(fb);
	return n == 0 && m == 0;
}

static void examine_copies(struct look *l, const struct half *a, const struct half *b)
{
	char text[4300];

	snprintf(text, sizeof text, "also in %s", a->s->unit->qf.p);
	if (slice_eq(a->text, b->text) && a->s->name[0] == b->s->name[0] && same_data(a, b))
		check_emit_aux(l, CHECK_DUPLICATE_ID, b->s->unit, SPOT_QF, b->s->name,
			       a->s->unit->qf, text);
	else
		check_emit_stuck(l, CHECK_DUPLICATE_ID, b->s->unit, SPOT_QF, b->s->name,
				 "they differ: two messages of one id, or two states of one");
}

void examine_pair(struct look *l, const struct seen *a, const struct seen *b)
{
	struct half x, y;

	if (!load(l, a, &x) || !load(l, b, &y) || is_busy(l, &x) || is_busy(l, &y))
		return;
	if (a->unit == b->unit)
		examine_halves(l, &x, &y);
	else
		examine_copies(l, &x, &y);
}

static bool is_control(const struct seen *s)
{
	return layout_is_control(s->name) && s->spot == SPOT_QF;
}

void examine_pairs(struct look *l, const struct seen *list)
{
	/* the one that was read last is first in the list: the earlier is kept */
	for (const struct seen *a = list; a; a = a->next) {
		if (!is_control(a))
			continue;
		for (const struct seen *b = a->next; b; b = b->next)
			if (is_control(b)) {
				examine_pair(l, b, a);
				break;
			}
	}
}
