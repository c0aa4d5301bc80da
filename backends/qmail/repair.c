/*
 * Mending a qmail queue: who may do it and when, and for each finding whether it is still so.
 *
 * As with actions one mtaq is at work on a queue at a time, and lock/sendmutex is held for each
 * batch, which keeps qmail-send from starting. qmail-queue asks nobody: new messages come all the
 * while, under numbers that are inodes of their own.
 */
#include "mend.h"
#include "mending.h"

#include <fcntl.h>
#include <stdlib.h>

static struct mending *mending(const struct repair *r)
{
	return r->own;
}

/* Whether qmail-send runs cannot be told without its lock: then only what may be mended beside it
 * is. */
static bool mutex_is_missing(const struct queue_qmail *q)
{
	struct stat st;
	struct error err = ERROR_INIT;

	if (sys_stat(q->fd, "lock/sendmutex", "lock/sendmutex", &st, &err) < 0)
		return err.code == ERROR_GONE;
	return !S_ISREG(st.st_mode);
}

static int claim(struct repair *r, struct error *err)
{
	struct mending *m = mending(r);
	struct error e = ERROR_INIT;

	if (run_claim(&m->action, &e) < 0 &&
	    (e.code != ERROR_CORRUPT || !mutex_is_missing(m->check.q))) {
		if (err && err->code == ERROR_NONE)
			*err = e;
		return -1;
	}
	r->offline = m->action.offline;
	if (!r->dry_run)
		mend_queue(&m->action);
	return 0;
}

static int repair_begin(struct repair *r, struct error *err)
{
	const struct queue_qmail *q = queue_qmail(r->queue);
	struct mending *m = calloc(1, sizeof *m);

	if (!m)
		return error_set(err, ERROR_NOMEM, "out of memory");
	r->own = m;
	m->check = (struct check){.q = q, .now = r->now};
	owners_find(q, &m->check.owners);
	owners_find_remote(&m->check.owners);
	/* delete is what may be done with and without qmail-send, as this is */
	m->action = (struct action){.queue = r->queue,
				    .op = OP_DELETE,
				    .args = &m->args,
				    .now = r->now,
				    .dry_run = r->dry_run,
				    .trash_fd = -1};
	m->action.own = run_new(q);
	if (m->action.own && claim(r, err) == 0)
		return 0;
	if (m->action.own)
		qmail_run_end(&m->action);
	else
		error_set(err, ERROR_NOMEM, "out of memory");
	free(m);
	r->own = NULL;
	return -1;
}

static void repair_end(struct repair *r)
{
	struct mending *m = mending(r);

	qmail_run_end(&m->action);
	free(m);
	r->own = NULL;
}

static int batch_begin(struct repair *r, struct error *err)
{
	struct mending *m = mending(r);

	if (!r->offline)
		return 0;
	if (qmail_batch_begin(&m->action, err) < 0)
		return -1;
	if (m->action.offline)
		return 0;
	m->action.offline = r->offline;
	qmail_batch_end(&m->action);
	return error_set(err, ERROR_BUSY, "%s: qmail-send was started meanwhile", r->queue->dir);
}

static void batch_end(struct repair *r)
{
	qmail_batch_end(&mending(r)->action);
}

/* ---- still so? ---- */

/* The same finding once more, with what is seen now. */
static bool told_again(const struct sink *s, const struct finding *f, struct finding *now)
{
	for (size_t i = 0; i < s->count; i++) {
		if (s->list[i].code != f->code || !slice_eq(s->list[i].path, f->path))
			continue;
		*now = s->list[i];
		return true;
	}
	return false;
}

static bool is_layout(enum qmail_code code)
{
	switch (code) {
	case CODE_DIRECTORY_MISSING:
	case CODE_SENDMUTEX_MISSING:
	case CODE_TRIGGER_MISSING:
	case CODE_TRIGGER_CLOSED:
	case CODE_TCPTO_MISSING:
	case CODE_TCPTO_SIZE:
	case CODE_DEAD_PID:
		return true;
	default:
		return false;
	}
}

static bool is_odd(enum qmail_code code)
{
	switch (code) {
	case CODE_STRAY:
	case CODE_OTHER_NUMBER:
	case CODE_WRONG_DIRECTORY:
	case CODE_SECOND_INFO:
	case CODE_SECOND_FILE:
	case CODE_EXTRA_DIRECTORY:
	case CODE_HALF_RENAMED:
		return true;
	default:
		return false;
	}
}

/* 1, 0, or -1 when it is so in a way that cannot be mended. Odd names are looked at by their own
 * plan. */
static int still_so(const struct check *c, const struct finding *f, struct error *err)
{
	enum qmail_code code = finding_code(f);
	struct finding now;
	struct sink s;
	int again;

	if (is_odd(code))
		return 1;
	sink_init(&s);
	if (is_layout(code) || !f->id.p)
		check_layout(c, &s);
	else
		examine(c, f->number, &s);
	again = told_again(&s, f, &now);
	if (again && now.why_not.p)
		again = error_set(err, ERROR_UNSUPPORTED, "%s", now.why_not.p);
	sink_free(&s);
	return again;
}

static plan_fn *planner(const struct finding *f)
{
	switch (finding_code(f)) {
	case CODE_NUMBER_NOT_INODE:
		return plan_number;
	case CODE_HALF_RENAMED:
		return plan_half;
	default:
		return f->id.p && !is_odd(finding_code(f)) ? plan_message : plan_place;
	}
}

/* A file that keeps its owner can be mended whoever that is. */
static bool needs_owner(const struct repair_step *s)
{
	return s->kind == STEP_MAKE || s->kind == STEP_ATTRIBUTES ||
	       (s->kind == STEP_REPLACE && !S_ISREG(s->was.st_mode));
}

static int check_owners(const struct mending *own, const struct mend *m, struct error *err)
{
	for (size_t i = 0; i < m->count; i++)
		if (needs_owner(&m->steps[i]))
			return owners_check(&own->check.owners, own->check.q, err);
	return 0;
}

static int plan(struct repair *r, struct mend *m, struct error *err)
{
	int again = still_so(&mending(r)->check, m->finding, err);

	if (again > 0)
		again = planner(m->finding)(r, m, err);
	return again > 0 && check_owners(mending(r), m, err) < 0 ? -1 : again;
}

static void let_go(struct repair *r, struct mend *m)
{
	(void)r;
	(void)m;
}

/* ---- places ---- */

static int open_place(const struct queue *base, const char *dir, struct error *err)
{
	const struct queue_qmail *q = queue_qmail(base);
	struct slice rest = slice_from(dir), own = slice_from(base->dir);

	if (slice_eq(rest, own))
		return sys_open_dir(dir, err);
	if (!slice_starts(rest, own) || rest.p[own.n] != '/' ||
	    slice_find(rest, SLICE("..")) != SIZE_MAX)
		return error_set(err, ERROR_DENIED, "%s is no directory of %s", dir, base->dir);
	return sys_open_subdir(q->fd, dir + own.n + 1, false, dir, err);
}

const struct backend_checks qmail_checks = {
    .codes = qmail_codes,
    .count = CODE_COUNT,
    .check = qmail_check,
    .repair_begin = repair_begin,
    .repair_end = repair_end,
    .batch_begin = batch_begin,
    .batch_end = batch_end,
    .plan = plan,
    .let_go = let_go,
    .open_place = open_place,
};
