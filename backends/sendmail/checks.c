/* What can be wrong with a sendmail queue: the table, and the walk over all names. */
#include "checks.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

enum {
	AT_ONCE = 256, /* names that a thread takes at a time */
	THREADS = 16
};

#define LIVE (METHOD_LIVE | METHOD_OFFLINE)

const struct check_code sendmail_codes[CHECK_KINDS] = {
    [CHECK_NO_DATA] = {"no-data-file", SEVERITY_URGENT, "it would be sent without its body",
		       "the control file goes to the trash", LIVE},
    [CHECK_DATA_ELSEWHERE] = {"data-file-elsewhere", SEVERITY_URGENT,
			      "it would be sent without its body",
			      "the data file goes to where sendmail looks for it", LIVE},
    [CHECK_DATA_ODD] = {"data-file-odd", SEVERITY_URGENT, "it would be sent without its body",
			"see what it is, then put a file in its place or delete the message", 0},
    [CHECK_TWO_CONTROLS] = {"two-control-files", SEVERITY_URGENT,
			    "once one of them is done the other is sent without its body",
			    "the one that a hold or release should have removed goes to the trash",
			    LIVE},
    [CHECK_DUPLICATE_ID] = {"duplicate-id", SEVERITY_URGENT,
			    "if they are copies the message is sent twice",
			    "a copy that is the same byte for byte goes to the trash", LIVE},
    [CHECK_BESIDE_QF] = {"beside-qf-directory", SEVERITY_ERROR,
			 "sendmail looks for control files in qf/ only",
			 "it goes into qf/, its data file to where sendmail looks for it", LIVE},
    [CHECK_TRUNCATED] = {"truncated", SEVERITY_ERROR,
			 "each queue run leaves it with an error, and it never expires",
			 "what is missing cannot be known: show it, then delete it by its id", 0},
    [CHECK_DAMAGED] = {"damaged", SEVERITY_ERROR, "the next queue run gives it up as lost",
		       "mend the line by hand, or delete it by its id", 0},
    [CHECK_BAD_D] = {"unknown-data-directory", SEVERITY_ERROR,
		     "the next queue run gives it up as lost",
		     "its d line is made to say where the data file is", LIVE},
    [CHECK_MODE] = {"bad-mode", SEVERITY_ERROR, "the next queue run gives it up as lost",
		    "others lose the right to write to it", LIVE},
    [CHECK_LOST_GOOD] = {"lost", SEVERITY_ERROR,
			 "sendmail gave it up, and nothing is wrong with it now",
			 "back into the queue", LIVE},
    [CHECK_LOST_DAMAGED] = {"lost-damaged", SEVERITY_ERROR, "sendmail gave it up",
			    "mend the line by hand, then check --repair puts it back", 0},
    [CHECK_LONG_NAME] = {"name-too-long", SEVERITY_ERROR, "sendmail passes over it",
			 "give control and data file a shorter id that is free", 0},
    [CHECK_LINK] = {"symbolic-link", SEVERITY_ERROR,
		    "sendmail follows it, then leaves behind what it points to",
		    "put the file itself in its place, or delete the link", 0},
    [CHECK_UNFINISHED] = {"unfinished-action", SEVERITY_ERROR,
			  "a message was being carried when mtaq was killed",
			  "the next acting command on this queue finishes it or takes it back", 0},
    [CHECK_STALE_TF] = {"stale-tf", SEVERITY_ERROR,
			"the next attempt waits 465 seconds for it to go", "it goes to the trash",
			LIVE},
    [CHECK_HELD_NO_DATA] = {"held-no-data-file", SEVERITY_WARNING,
			    "once it is released it would be sent without its body",
			    "the control file goes to the trash", LIVE},
    [CHECK_EMPTY] = {"empty-control-file", SEVERITY_WARNING,
		     "the next queue run removes it together with its data file",
		     "both go to the trash", LIVE},
    [CHECK_DATA_ALONE] = {"data-file-alone", SEVERITY_WARNING, "nothing will ever use or remove it",
			  "it goes to the trash", LIVE},
    [CHECK_NO_REASON] = {"held-without-reason", SEVERITY_WARNING, "sendmail cannot release it",
			 "a reason is put into it", LIVE},
    [CHECK_WITH_REASON] = {"reason-not-held", SEVERITY_WARNING,
			   "the next queue run holds it instead of trying it", "it is held", LIVE},
    [CHECK_OWNER] = {"foreign-owner", SEVERITY_WARNING,
		     "recipients that are programs or files are refused",
		     "it gets the owner that the others in its directory have", LIVE},
    [CHECK_DANGLING] = {"dangling-link", SEVERITY_WARNING, "it leads nowhere",
			"it goes to the trash", LIVE},
    [CHECK_ODD_TYPE] = {"not-a-file", SEVERITY_WARNING,
			"each queue run and each listing complains of it", "it goes to the trash",
			LIVE},
    [CHECK_OLD_TF] = {"old-Tf", SEVERITY_WARNING, "nothing will ever use or remove it",
		      "it goes to the trash", LIVE},
    [CHECK_STALE_XF] = {"stale-xf", SEVERITY_WARNING, "left by a delivery that died",
			"it goes to the trash", LIVE},
    [CHECK_LEFTOVER] = {"mtaq-leftover", SEVERITY_WARNING, "left by an mtaq that died",
			"it goes to the trash", LIVE},
    [CHECK_WILDCARD] = {"wildcard-catches", SEVERITY_NOTE,
			"new mail is put into this directory too",
			"rename it, once it is empty, so that the wildcard does not match", 0},
    [CHECK_HARD_LINKED] = {"hard-linked", SEVERITY_NOTE,
			   "who changes the other name changes the message",
			   "it becomes a file of its own", LIVE},
};

/* ---- places ---- */

struct slice spot_path(const struct sendmail_unit *u, enum spot spot)
{
	switch (spot) {
	case SPOT_QF:
		return u->qf;
	case SPOT_DF:
		return u->df;
	case SPOT_XF:
		return u->xf;
	default:
		return u->dir;
	}
}

int spot_fd(const struct sendmail_unit *u, enum spot spot, int *opened)
{
	*opened = -1;
	switch (spot) {
	case SPOT_QF:
		return u->qf_fd;
	case SPOT_DF:
		return u->df_fd;
	case SPOT_XF:
		if (!u->has_xf)
			return u->dir_fd;
		*opened = sys_open_subdir(u->dir_fd, "xf", true, u->xf.p, NULL);
		return *opened;
	default:
		return u->dir_fd;
	}
}

bool spot_of(const struct sendmail_unit *u, struct slice dir, enum spot *out)
{
	for (int s = SPOT_QF; s <= SPOT_DIR; s++)
		if (slice_eq(spot_path(u, (enum spot)s), dir)) {
			*out = (enum spot)s;
			return true;
		}
	return false;
}

/* ---- findings ---- */

static void emit(struct look *l, enum check_kind kind, const struct sendmail_unit *unit,
		 enum spot spot, const char *name, struct finding f)
{
	char path[4200];

	snprintf(path, sizeof path, "%s/%s", spot_path(unit, spot).p, name);
	f.code = &sendmail_codes[kind];
	f.path = slice_from(path);
	f.dir = spot_path(unit, spot);
	f.name = slice_from(name);
	f.unit = &unit->base;
	f.where = (unsigned)spot;
	if (name[0] && name[0] != '.' && name[1] == 'f' && name[2])
		f.id = slice_skip(f.name, 2);
	l->emit(l, &f);
}

void check_emit(struct look *l, enum check_kind kind, const struct sendmail_unit *unit,
		enum spot spot, const char *name, const char *fmt, ...)
{
	char text[600];
	struct finding f = {0};
	va_list ap;

	if (fmt) {
		va_start(ap, fmt);
		vsnprintf(text, sizeof text, fmt, ap);
		va_end(ap);
		f.detail = slice_from(text);
	}
	emit(l, kind, unit, spot, name, f);
}

void check_emit_stuck(struct look *l, enum check_kind kind, const struct sendmail_unit *unit,
		      enum spot spot, const char *name, const char *why_not)
{
	emit(l, kind, unit, spot, name, (struct finding){.why_not = slice_from(why_not)});
}

void check_emit_aux(struct look *l, enum check_kind kind, const struct sendmail_unit *unit,
		    enum spot spot, const char *name, struct slice aux, const char *detail)
{
	emit(l, kind, unit, spot, name, (struct finding){.aux = aux, .detail = slice_from(detail)});
}

/* ---- one look ---- */

void look_init(struct look *l, const struct sendmail_queue *q, int64_t now)
{
	*l = (struct look){.q = q, .now = now};
	arena_init(&l->scratch, 0);
	sys_locks_init(&l->locks);
}

void look_free(struct look *l)
{
	arena_free(&l->scratch);
	sys_locks_free(&l->locks);
}

/* Asked for few files only, so it may cost something. An empty file is never opened: sendmail is
 * about to lock it, and gives up when it cannot. */
bool check_locked(struct look *l, int dirfd, const char *name, const struct stat *st)
{
	int locked, fd;

	if (l->held)
		return false;
	sys_locks_refresh(&l->locks);
	locked = sys_locks_exclusive(&l->locks, st->st_dev, st->st_ino);
	if (locked >= 0 || st->st_size == 0)
		return locked > 0;
	fd = sys_open_file(dirfd, name, SYS_READ, name, NULL, NULL);
	locked = fd < 0 ? -1 : sys_probe_locked(fd);
	sys_close(fd);
	return locked != 0;
}

const char *check_blind(const struct look *l)
{
	if (l->q->layout.partial || (l->names && l->names->partial))
		return "not all directories of the queue can be read";
	if (!l->q->cf_path)
		return "the queue's configuration is not known (cf=): there may be more "
		       "directories";
	return NULL;
}

int64_t check_age(const struct look *l, const struct stat *st)
{
	int64_t changed = st->st_mtime > st->st_ctime ? st->st_mtime : st->st_ctime;

	return number_minus(l->now, changed);
}

/* ---- the walk ---- */

/* Several threads examine the names; what they find is taken one at a time. */
struct crew {
	struct check_walk *walk;
	const struct sendmail_queue *q;
	struct seen_names *names;
	pthread_mutex_t mutex;
	atomic_size_t next;
};

static void found(struct look *l, const struct finding *f)
{
	struct crew *c = l->ctx;
	struct finding kept = *f;
	struct slice *const all[] = {&kept.path, &kept.id,   &kept.detail,
				     &kept.dir,	 &kept.name, &kept.aux};

	pthread_mutex_lock(&c->mutex);
	for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
		if (all[i]->p)
			*all[i] = arena_copy(c->walk->arena, *all[i]);
	c->walk->found(c->walk->ctx, &kept);
	pthread_mutex_unlock(&c->mutex);
}

static void trouble(struct look *l, const struct error *err)
{
	struct crew *c = l->ctx;

	pthread_mutex_lock(&c->mutex);
	c->walk->trouble(c->walk->ctx, err);
	pthread_mutex_unlock(&c->mutex);
}

static void crew_look(struct crew *c, struct look *l)
{
	look_init(l, c->q, c->walk->now);
	l->names = c->names;
	l->carried = c->names->carried;
	l->emit = found;
	l->trouble = trouble;
	l->ctx = c;
}

static void *examine_some(void *ctx)
{
	struct crew *c = ctx;
	const struct seen_names *s = c->names;
	struct look l;
	size_t at;

	crew_look(c, &l);
	while ((at = atomic_fetch_add(&c->next, AT_ONCE)) < s->order_count)
		for (size_t i = at; i < at + AT_ONCE && i < s->order_count; i++) {
			arena_reset(&l.scratch);
			if (layout_is_control(s->order[i]->name))
				examine_control(&l, s->order[i]);
			else
				examine_rest(&l, s->order[i]);
		}
	look_free(&l);
	return NULL;
}

/* Signals are for the thread that was there before. */
static void examine_names(struct crew *c)
{
	size_t jobs = c->walk->jobs, started = 0;
	pthread_t threads[THREADS];
	sigset_t all, saved;

	if (jobs > THREADS)
		jobs = THREADS;
	if (jobs > c->names->order_count / AT_ONCE)
		jobs = c->names->order_count / AT_ONCE;
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &saved);
	while (started + 1 < jobs && pthread_create(&threads[started], NULL, examine_some, c) == 0)
		started++;
	pthread_sigmask(SIG_SETMASK, &saved, NULL);
	examine_some(c);
	while (started-- > 0)
		pthread_join(threads[started], NULL);
}

/* The owner that most of a directory's control files have. */
static const struct seen *usual(const struct seen_names *s, const struct sendmail_unit *u,
				size_t *all)
{
	enum { DIFFERENT = 8 };
	const struct seen *first[DIFFERENT] = {NULL};
	size_t n[DIFFERENT] = {0}, best = 0;

	*all = 0;
	for (size_t i = 0; i < s->order_count; i++) {
		const struct seen *e = s->order[i];
		size_t k = 0;

		if (e->unit != u || !e->examined)
			continue;
		while (k < DIFFERENT - 1 && first[k] && first[k]->uid != e->uid)
			k++;
		if (!first[k])
			first[k] = e;
		n[k]++;
		++*all;
		best = n[k] > n[best] ? k : best;
	}
	return n[best] * 2 > *all ? first[best] : NULL;
}

static void examine_owners(struct look *l, const struct seen_names *s,
			   const struct sendmail_unit *u)
{
	size_t all;
	const struct seen *most = usual(s, u, &all);

	for (size_t i = 0; most && i < s->order_count; i++) {
		const struct seen *e = s->order[i];
		char text[100];

		if (e->unit != u || !e->examined || e->uid == most->uid || e->uid == 0)
			continue;
		snprintf(text, sizeof text, "uid %ld, the others in its directory uid %ld",
			 (long)e->uid, (long)most->uid);
		emit(l, CHECK_OWNER, u, (enum spot)e->spot, e->name,
		     (struct finding){.detail = slice_from(text),
				      .number = (uint64_t)most->uid << 32 | most->gid});
	}
}

/* Are all owners the same? Then nobody need be asked twice. */
static bool owners_differ(const struct seen_names *s)
{
	const struct seen *first = NULL;

	for (size_t i = 0; i < s->order_count; i++) {
		if (!s->order[i]->examined)
			continue;
		if (first && first->uid != s->order[i]->uid)
			return true;
		first = s->order[i];
	}
	return false;
}

static void examine_all(struct crew *c)
{
	const struct seen_names *s = c->names;
	const struct layout *layout = &c->q->layout;
	struct look l;

	examine_names(c);
	crew_look(c, &l);
	for (size_t i = 0; i < s->room; i++)
		if (s->ids[i].list && s->ids[i].list->next) {
			arena_reset(&l.scratch);
			examine_pairs(&l, s->ids[i].list);
		}
	for (size_t i = 0; i < layout->count && owners_differ(s); i++)
		examine_owners(&l, s, sendmail_unit(layout->units[i]));
	examine_wildcard(&l);
	look_free(&l);
}

static int check(struct check_walk *w, struct error *err)
{
	struct seen_names names;
	struct crew c = {.walk = w, .q = sendmail_queue(w->queue), .names = &names};

	if (pthread_mutex_init(&c.mutex, NULL) != 0)
		return error_set(err, ERROR_SYSTEM, "no mutex");
	atomic_init(&c.next, 0);
	seen_read(&names, w);
	for (size_t i = 0; i < names.order_count; i++)
		w->looked += layout_is_control(names.order[i]->name);
	examine_all(&c);
	seen_free(&names);
	pthread_mutex_destroy(&c.mutex);
	return 0;
}

const struct backend_checks sendmail_checks = {
    .codes = sendmail_codes,
    .count = CHECK_KINDS,
    .check = check,
    .repair_begin = sendmail_repair_begin,
    .repair_end = sendmail_repair_end,
    .plan = sendmail_mend_plan,
    .let_go = sendmail_mend_let_go,
    .open_place = sendmail_open_place,
    .lock = sendmail_lock_place,
};
