/* Mending what a check of a sendmail queue found: looked at again under the lock, then the steps.
 * See checks.h. */
#include "act.h"
#include "checks.h"

#include <mtaq/limits.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { LOCKS = 4, PATIENCE_MS = 1000 };

/* m->own */
struct mending {
	const struct finding *f;
	struct repair *r;
	struct mend *m;
	const struct sendmail_unit *unit;
	enum spot spot;
	struct seen seen, other; /* other: of a pair */
	int locks[LOCKS];
	size_t lock_count;
	bool found;	      /* it still stands */
	struct finding again; /* as it stands now */
	struct look look;
};

/* r->own */
struct repairing {
	int patience_ms;
	bool carried; /* what was half-way could not be finished */
};

static bool is_carried(const struct sendmail_queue *q)
{
	bool found = false;

	for (size_t i = 0; !found && i < q->layout.count; i++) {
		DIR *d = sys_opendir_at(sendmail_unit(q->layout.units[i])->qf_fd, ".", ".", NULL);
		struct dirent *e;

		while (d && !found && sys_readdir(d, ".", &e, NULL) > 0)
			found = slice_starts(slice_from(e->d_name), SLICE(OUT_PREFIX));
		if (d)
			closedir(d);
	}
	return found;
}

int sendmail_repair_begin(struct repair *r, struct error *err)
{
	struct repairing *own = calloc(1, sizeof *own);

	if (!own)
		return error_set(err, ERROR_NOMEM, "out of memory");
	own->patience_ms = PATIENCE_MS;
	r->own = own;
	/* what is half-way between two directories looks damaged */
	if (!r->dry_run)
		sweep_queue(&(struct action){.queue = r->queue, .trash_fd = -1});
	own->carried = is_carried(sendmail_queue(r->queue));
	return 0;
}

void sendmail_repair_end(struct repair *r)
{
	free(r->own);
	r->own = NULL;
}

int sendmail_open_place(const struct queue *queue, const char *dir, struct error *err)
{
	const struct layout *l = &sendmail_queue(queue)->layout;
	enum spot spot;

	for (size_t i = 0; i < l->count; i++) {
		const struct sendmail_unit *u = sendmail_unit(l->units[i]);
		int fd, again, opened;

		if (!spot_of(u, slice_from(dir), &spot))
			continue;
		fd = spot_fd(u, spot, &opened);
		again = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		sys_close(opened);
		return again < 0 ? error_sys(err, errno, "%s", dir) : again;
	}
	return error_set(err, ERROR_DENIED, "%s is no directory of %s", dir, queue->name);
}

/* ---- locks ---- */

/* Listings hold a shared lock for a moment: worth trying again. */
static int lock_patiently(struct repair *r, int fd)
{
	struct repairing *own = r->own;
	int wait_ms = 5, locked;

	while ((locked = lock_file(fd)) < 0 && errno == EWOULDBLOCK &&
	       own->patience_ms >= wait_ms) {
		struct timespec t = {0, wait_ms * 1000000L};

		own->patience_ms -= wait_ms;
		nanosleep(&t, NULL);
		wait_ms *= 2;
	}
	return locked;
}

int sendmail_lock_place(struct repair *r, const char *name, int fd, struct error *err)
{
	if (!layout_is_control(name) || lock_patiently(r, fd) == 0)
		return 0;
	return errno == EWOULDBLOCK ? error_set(err, ERROR_BUSY, "%s is locked", name)
				    : error_sys(err, errno, "%s cannot be locked", name);
}

/* Of a file that may be gone, or no file at all: then there is nothing to lock. */
static int lock(struct mending *g, int dirfd, const char *name, struct error *err)
{
	struct stat st;
	int fd;

	if (g->r->dry_run || g->lock_count == LOCKS || !is_file(dirfd, name, &st))
		return 0;
	fd = sys_open_file(dirfd, name, SYS_READ_WRITE, name, NULL, err);
	if (fd < 0)
		return -1;
	g->locks[g->lock_count++] = fd;
	if (lock_patiently(g->r, fd) < 0)
		return errno == EWOULDBLOCK ? error_set(err, ERROR_BUSY, "%s is locked", name)
					    : error_sys(err, errno, "%s cannot be locked", name);
	if (sys_still_named(dirfd, name, fd))
		return 0;
	return error_set(err, ERROR_BUSY, "%s was replaced while it was locked", name);
}

/* The file itself, and what sendmail locks when it works on the message. */
static int lock_all(struct mending *g, struct error *err)
{
	int opened, fd = spot_fd(g->unit, g->spot, &opened), r = 0;
	const char *own = g->seen.name;
	char name[LIMIT_NAME_BYTES + 8];

	if (own[0] != 'd' && own[0] != 'x')
		r = lock(g, fd, own, err);
	for (const char *c = "qhQ"; r == 0 && own[0] != '.' && *c; c++) {
		snprintf(name, sizeof name, "%cf%s", *c, own + 2);
		if (g->spot != SPOT_QF || strcmp(name, own) != 0)
			r = lock(g, g->unit->qf_fd, name, err);
	}
	if (r == 0 && g->other.unit && g->other.unit != g->unit)
		r = lock(g, g->other.unit->qf_fd, g->other.name, err);
	sys_close(opened);
	return r;
}

/* ---- does it still stand? ---- */

static void caught(struct look *l, const struct finding *f)
{
	struct mending *g = l->ctx;
	struct slice *const all[] = {&g->again.path, &g->again.aux, &g->again.why_not};

	if (f->code != g->f->code || !slice_eq(f->path, g->f->path))
		return;
	g->found = true;
	g->again = *f;
	for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
		if (all[i]->p)
			*all[i] = arena_copy(&g->m->arena, *all[i]);
}

static void examine_owner(struct mending *g)
{
	struct stat st;

	g->again = *g->f;
	g->found = is_file(g->unit->qf_fd, g->seen.name, &st) && st.st_uid != 0 &&
		   st.st_uid != (uid_t)(g->f->number >> 32);
}

static void look_again(struct mending *g)
{
	struct look *l = &g->look;

	l->held = !g->r->dry_run;
	l->emit = caught;
	l->ctx = g;
	if (g->f->code == &sendmail_codes[CHECK_OWNER])
		examine_owner(g);
	else if (g->other.unit)
		examine_pair(l, &g->other, &g->seen);
	else if (layout_is_control(g->seen.name))
		examine_control(l, &g->seen);
	else
		examine_rest(l, &g->seen);
}

/* ---- steps ---- */

static struct step_place place(struct slice dir, const char *name)
{
	return (struct step_place){dir, slice_from(name)};
}

static int stat_in(const struct mending *g, enum spot spot, const char *name, struct stat *st)
{
	int opened, fd = spot_fd(g->unit, spot, &opened);
	int r = fstatat(fd, name, st, AT_SYMLINK_NOFOLLOW);

	sys_close(opened);
	return r;
}

/* One step about a file of the unit, filled in as far as all have it in common. */
static int begin_step(const struct mending *g, enum step_kind kind, enum spot spot,
		      const char *name, struct repair_step *out, struct error *err)
{
	*out = (struct repair_step){.kind = kind, .at = place(spot_path(g->unit, spot), name)};
	if (stat_in(g, spot, name, &out->was) < 0)
		return error_sys(err, errno, "%s/%s", spot_path(g->unit, spot).p, name);
	out->mode = out->was.st_mode;
	out->uid = out->was.st_uid;
	out->gid = out->was.st_gid;
	return 0;
}

static int into_trash(const struct mending *g, enum spot spot, const char *name, struct error *err)
{
	struct repair_step s;

	if (begin_step(g, STEP_TRASH, spot, name, &s, err) < 0)
		return -1;
	return mend_add(g->m, &s, err);
}

static int rename_to(const struct mending *g, enum spot spot, const char *name, struct slice dir,
		     const char *new_name, struct error *err)
{
	struct repair_step s;

	if (begin_step(g, STEP_RENAME, spot, name, &s, err) < 0)
		return -1;
	s.to = place(dir, new_name);
	return mend_add(g->m, &s, err);
}

static const char *data_name(const struct mending *g)
{
	return arena_printf(&g->m->arena, "df%s", g->seen.name + 2).p;
}

static const char *with_prefix(const struct mending *g, char c)
{
	return arena_printf(&g->m->arena, "%cf%s", c, g->seen.name + 2).p;
}

/* The control file, then the data file that lies where this one's belongs, unless another message
 * has it. */
static int both_into_trash(const struct mending *g, struct error *err)
{
	struct slice id = slice_skip(slice_from(g->seen.name), 2);
	const char *data = data_name(g);
	struct stat st;

	if (into_trash(g, g->spot, g->seen.name, err) < 0)
		return -1;
	if (other_control(g->look.q, g->unit, id, g->seen.name))
		return 0;
	return data && is_file(g->unit->df_fd, data, &st) ? into_trash(g, SPOT_DF, data, err) : 0;
}

/* Where sendmail looks for the data file of this control file. */
static const struct sendmail_unit *right_unit(struct mending *g, struct slice *text, struct qf *qf,
					      struct error *err)
{
	struct stat st;

	if (read_control_text(&g->look, g->unit, g->spot, g->seen.name, &st, text, err) < 0 ||
	    qf_parse(&g->look.scratch, *text, qf, err) < 0)
		return NULL;
	return control_data_unit(g->look.q, g->unit, qf);
}

static int bring_data(struct mending *g, struct error *err)
{
	struct slice id = slice_skip(slice_from(g->seen.name), 2), text;
	struct qf qf;
	enum spot spot;
	const struct sendmail_unit *u = right_unit(g, &text, &qf, err), *from;
	struct repair_step s = {.kind = STEP_RENAME};
	int opened, fd;

	from = u ? data_elsewhere(g->look.q, u, id, &spot) : NULL;
	if (!from)
		return error_set(err, ERROR_STALE, "its data file has gone");
	s.at = place(spot_path(from, spot), data_name(g));
	s.to = place(u->df, s.at.name.p);
	fd = spot_fd(from, spot, &opened); /* never xf/: nothing was opened */
	if (fstatat(fd, s.at.name.p, &s.was, AT_SYMLINK_NOFOLLOW) < 0)
		return error_sys(err, errno, "%s/%s", s.at.dir.p, s.at.name.p);
	return mend_add(g->m, &s, err);
}

static int change_mode(const struct mending *g, struct error *err)
{
	struct repair_step s;

	if (begin_step(g, STEP_ATTRIBUTES, g->spot, g->seen.name, &s, err) < 0)
		return -1;
	s.mode &= (mode_t)~002;
	if (mode_is_bad(g->look.q, s.mode))
		s.mode &= (mode_t)~020;
	return mend_add(g->m, &s, err);
}

static int change_owner(const struct mending *g, struct error *err)
{
	struct repair_step s;

	if (begin_step(g, STEP_ATTRIBUTES, g->spot, g->seen.name, &s, err) < 0)
		return -1;
	s.uid = (uid_t)(g->f->number >> 32);
	s.gid = (gid_t)(g->f->number & UINT32_MAX);
	return mend_add(g->m, &s, err);
}

/* Back into the queue, or among the held if it is. */
static int bring_lost_back(struct mending *g, struct error *err)
{
	struct slice text;
	struct qf qf;
	struct stat st;

	if (!right_unit(g, &text, &qf, err))
		return error_set(err, ERROR_STALE, "it cannot be read");
	if (stat_in(g, g->spot, g->seen.name, &st) == 0 && mode_is_bad(g->look.q, st.st_mode) &&
	    change_mode(g, err) < 0)
		return -1;
	return rename_to(g, g->spot, g->seen.name, g->unit->qf,
			 with_prefix(g, qf.reason.p ? 'h' : 'q'), err);
}

static int replace_text(struct mending *g, const struct qf_edits *e, struct error *err)
{
	struct repair_step s;

	if (begin_step(g, STEP_REPLACE, g->spot, g->seen.name, &s, err) < 0 ||
	    qf_edits_apply(e, &s.text, err) < 0)
		return -1;
	return mend_add(g->m, &s, err);
}

static int edit(struct mending *g, char code, struct slice value, struct error *err)
{
	struct slice text;
	struct qf_edits e;
	struct stat st;
	int r;

	if (read_control_text(&g->look, g->unit, g->spot, g->seen.name, &st, &text, err) < 0)
		return -1;
	qf_edits_init(&e, &g->look.scratch, text);
	if (code && !qf_editable(text))
		return error_set(err, ERROR_UNSUPPORTED, "it does not end as it should");
	r = !code ? 0 : value.p ? qf_set(&e, code, value, err) : qf_unset(&e, code, err);
	return r < 0 ? -1 : replace_text(g, &e, err);
}

/* The directory where the data file is: its own, then no line is needed; or another by its name. */
static int mend_d_line(struct mending *g, struct error *err)
{
	struct slice id = slice_skip(slice_from(g->seen.name), 2);
	const struct sendmail_unit *u;
	enum spot spot;
	struct stat st;

	if (is_file(g->unit->df_fd, data_name(g), &st))
		return edit(g, 'd', SLICE_NONE, err);
	u = data_elsewhere(g->look.q, g->unit, id, &spot);
	if (u && spot == SPOT_DF)
		return edit(g, 'd', slice_from(u->name), err);
	return error_set(err, ERROR_UNSUPPORTED, "its data file is in none of the directories");
}

/* The data file first: without it the message would be sent empty. */
static int into_qf(struct mending *g, struct error *err)
{
	const char *data = data_name(g);
	struct stat st;

	if (g->unit->has_df && !is_file(g->unit->df_fd, data, &st) &&
	    is_file(g->unit->dir_fd, data, &st) &&
	    rename_to(g, SPOT_DIR, data, g->unit->df, data, err) < 0)
		return -1;
	return rename_to(g, SPOT_DIR, g->seen.name, g->unit->qf, g->seen.name, err);
}

static int add_steps(struct mending *g, struct error *err)
{
	switch ((enum check_kind)(g->f->code - sendmail_codes)) {
	case CHECK_DATA_ELSEWHERE:
		return bring_data(g, err);
	case CHECK_DUPLICATE_ID:
	case CHECK_EMPTY:
		return both_into_trash(g, err);
	case CHECK_BESIDE_QF:
		return into_qf(g, err);
	case CHECK_BAD_D:
		return mend_d_line(g, err);
	case CHECK_MODE:
		return change_mode(g, err);
	case CHECK_OWNER:
		return change_owner(g, err);
	case CHECK_LOST_GOOD:
		return bring_lost_back(g, err);
	case CHECK_NO_REASON:
		return edit(g, 'q', SLICE("held without a reason"), err);
	case CHECK_WITH_REASON:
		return rename_to(g, g->spot, g->seen.name, g->unit->qf, with_prefix(g, 'h'), err);
	case CHECK_HARD_LINKED:
		return edit(g, '\0', SLICE_NONE, err);
	default:
		return into_trash(g, g->spot, g->seen.name, err);
	}
}

/* ---- the plan ---- */

/* The other of two: a name in the same directory, or a directory with the same name. */
static void find_other(struct mending *g)
{
	const struct layout *l = &sendmail_queue(g->r->queue)->layout;

	if (g->f->code == &sendmail_codes[CHECK_TWO_CONTROLS] && g->f->aux.p)
		g->other = (struct seen){.unit = g->unit, .name = g->f->aux.p, .regular = true};
	if (g->f->code != &sendmail_codes[CHECK_DUPLICATE_ID])
		return;
	for (size_t i = 0; i < l->count; i++)
		if (slice_eq(sendmail_unit(l->units[i])->qf, g->f->aux))
			g->other = (struct seen){.unit = sendmail_unit(l->units[i]),
						 .name = g->seen.name,
						 .regular = true};
}

int sendmail_mend_plan(struct repair *r, struct mend *m, struct error *err)
{
	struct mending *g = arena_zalloc(&m->arena, sizeof *g);
	const struct finding *f = m->finding;

	if (!g)
		return error_set(err, ERROR_NOMEM, "out of memory");
	*g = (struct mending){
	    .f = f, .r = r, .m = m, .unit = sendmail_unit(f->unit), .spot = (enum spot)f->where};
	g->seen =
	    (struct seen){.unit = g->unit, .name = f->name.p, .spot = (unsigned char)f->where};
	m->own = g;
	look_init(&g->look, sendmail_queue(r->queue), r->now);
	g->look.carried = ((struct repairing *)r->own)->carried;
	find_other(g);
	if (lock_all(g, err) < 0)
		return -1;
	look_again(g);
	if (!g->found)
		return 0;
	if (g->again.why_not.p)
		return error_set(err, ERROR_UNSUPPORTED, "%s", g->again.why_not.p);
	return add_steps(g, err) < 0 ? -1 : 1;
}

void sendmail_mend_let_go(struct repair *r, struct mend *m)
{
	struct mending *g = m->own;

	(void)r;
	if (!g)
		return;
	look_free(&g->look);
	for (size_t i = 0; i < g->lock_count; i++)
		sys_close(g->locks[i]);
	m->own = NULL;
}
