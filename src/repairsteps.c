/* Steps of a repair: see repairsteps.h. */
#include "repairsteps.h"

#include <mtaq/jsonbytes.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* ---- directories ---- */

void places_init(struct step_places *p, const struct queue *q, int trash_fd, bool dry_run)
{
	*p = (struct step_places){.queue = q, .trash_fd = trash_fd, .dry_run = dry_run};
}

static int places_open(struct step_places *p, struct slice dir, bool of_queue, struct error *err)
{
	int fd;

	for (size_t i = 0; i < p->count; i++)
		if (slice_eq(slice_from(p->list[i].path), dir))
			return p->list[i].fd;
	fd = of_queue ? p->queue->backend->checks->open_place(p->queue, dir.p, err)
		      : sys_open_dir(dir.p, err);
	if (fd < 0)
		return -1;
	if (p->count == p->room) {
		p->room = p->room ? p->room * 2 : 16;
		p->list = realloc(p->list, p->room * sizeof *p->list);
	}
	if (!p->list)
		abort();
	p->list[p->count] = (struct step_dir){.path = strdup(dir.p), .fd = fd};
	if (!p->list[p->count].path)
		abort();
	p->count++;
	return fd;
}

static void places_mark(struct step_places *p, int fd)
{
	for (size_t i = 0; i < p->count; i++)
		if (p->list[i].fd == fd)
			p->list[i].dirty = true;
}

int places_sync(struct step_places *p, struct error *err)
{
	int r = 0;

	if (p->trash_dirty && fsync(p->trash_fd) < 0)
		r = error_sys(err, errno, "the trash");
	for (size_t i = 0; i < p->count; i++) {
		if (p->list[i].dirty && fsync(p->list[i].fd) < 0)
			r = error_sys(err, errno, "%s", p->list[i].path);
		p->list[i].dirty = false;
	}
	p->trash_dirty = false;
	return r;
}

void places_close(struct step_places *p)
{
	for (size_t i = 0; i < p->count; i++) {
		sys_close(p->list[i].fd);
		free(p->list[i].path);
	}
	free(p->list);
	p->list = NULL;
	p->count = p->room = 0;
}

/* ---- identity ---- */

bool step_same(const struct stat *a, const struct stat *b)
{
	if (a->st_dev != b->st_dev || a->st_ino != b->st_ino ||
	    ((a->st_mode ^ b->st_mode) & S_IFMT) != 0)
		return false;
	/* what lies in a directory, or goes through a FIFO, may come and go */
	return S_ISDIR(a->st_mode) || S_ISFIFO(a->st_mode) ||
	       (a->st_size == b->st_size && a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
		a->st_mtim.tv_nsec == b->st_mtim.tv_nsec);
}

static bool same_place(const struct step_place *a, const struct step_place *b)
{
	return a->name.p && b->name.p && slice_eq(a->dir, b->dir) && slice_eq(a->name, b->name);
}

/* Where a step leaves a file. */
static const struct step_place *result_of(const struct repair_step *s)
{
	switch (s->kind) {
	case STEP_RENAME:
	case STEP_LINK:
		return &s->to;
	case STEP_REPLACE:
	case STEP_MAKE:
	case STEP_BACK:
		return &s->at;
	default:
		return NULL;
	}
}

/* The last of the steps before `i` that leaves a file at this place, or SIZE_MAX. */
static size_t maker_of(const struct step_list *l, size_t i, const struct step_place *place)
{
	while (i-- > 0) {
		const struct step_place *made = result_of(&l->steps[i]);

		if (made && same_place(made, place))
			return i;
	}
	return SIZE_MAX;
}

static bool is_vacated(const struct step_list *l, size_t i, const struct step_place *place)
{
	while (i-- > 0)
		if ((l->steps[i].kind == STEP_RENAME || l->steps[i].kind == STEP_TRASH ||
		     l->steps[i].kind == STEP_UNLINK) &&
		    same_place(&l->steps[i].at, place))
			return true;
	return false;
}

static const char *name_of(const struct repair_step *s, char *room, size_t size)
{
	snprintf(room, size, "%s/%s", s->at.dir.p, s->at.name.p);
	return room;
}

static int fail(const struct repair_step *s, int errnum, struct error *err)
{
	char path[512];

	return error_sys(err, errnum, "%s", name_of(s, path, sizeof path));
}

/* Is it still what it was? Then its rights, which may have changed, are noted. */
static int compare(struct step_list *l, size_t i, struct error *err)
{
	const struct repair_step *s = &l->steps[i];
	char path[512];
	struct stat st;

	if (fstatat(l->states[i].dir, s->at.name.p, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return fail(s, errno, err);
	if (l->states[i].was.st_ino == 0 || step_same(&st, &l->states[i].was)) {
		l->states[i].was = st;
		return 0;
	}
	return error_set(err, ERROR_STALE, "%s has changed meanwhile",
			 name_of(s, path, sizeof path));
}

/* Is there something in its place that has to be what it was? */
static bool has_before(const struct repair_step *s)
{
	return s->kind != STEP_MAKE && (s->kind != STEP_BACK || s->was.st_ino);
}

/* ---- made ready ---- */

static void temp_name(struct step_list *l, size_t i)
{
	snprintf(l->states[i].temp, STEP_NAME, ".mtaq.repair%" PRIu64 ".%ld", ++l->places->serial,
		 (long)getpid());
}

/* The owner first: changing it takes rights away. */
static int give_rights(int fd, uid_t uid, gid_t gid, mode_t mode)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -1;
	if ((st.st_uid != uid || st.st_gid != gid) && fchown(fd, uid, gid) < 0)
		return -1;
	return fchmod(fd, mode & 07777);
}

static int open_any(int dirfd, const char *name)
{
	return openat(dirfd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
}

static int create(const struct step_list *l, size_t i, mode_t type)
{
	struct step_state *s = &l->states[i];

	if (S_ISFIFO(type) && mkfifoat(s->dir, s->temp, 0600) < 0)
		return -1;
	if (S_ISDIR(type) && mkdirat(s->dir, s->temp, 0700) < 0)
		return -1;
	if (S_ISFIFO(type) || S_ISDIR(type))
		return open_any(s->dir, s->temp);
	return openat(s->dir, s->temp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
}

static int fill(int fd, const struct repair_step *s, const struct stat *like)
{
	const struct timespec times[2] = {like->st_atim, like->st_mtim};

	if (s->text.n && sys_write_all(fd, s->text.p, s->text.n) < 0)
		return -1;
	if (give_rights(fd, like->st_uid, like->st_gid, like->st_mode) < 0)
		return -1;
	if (s->kind == STEP_REPLACE && futimens(fd, times) < 0)
		return -1;
	return S_ISREG(like->st_mode) ? fsync(fd) : 0;
}

static int make_temp(struct step_list *l, size_t i, const struct stat *like, struct error *err)
{
	struct step_state *s = &l->states[i];
	int fd, r;

	temp_name(l, i);
	fd = create(l, i, like->st_mode);
	r = fd < 0 ? -1 : fill(fd, &l->steps[i], like);
	if (r < 0 || fstat(fd, &s->made) < 0) {
		fail(&l->steps[i], errno, err);
		r = -1;
	}
	sys_close(fd);
	places_mark(l->places, s->dir);
	return r;
}

static bool elsewhere(int fd, dev_t dev)
{
	struct stat st;

	return fstat(fd, &st) < 0 || st.st_dev != dev;
}

/* What goes into the trash of another filesystem is copied there first. */
static int ready_trash(struct step_list *l, size_t i, struct error *err)
{
	struct step_state *s = &l->states[i];
	const struct repair_step *step = &l->steps[i];

	if (S_ISDIR(s->was.st_mode) || l->places->dry_run)
		return 0;
	snprintf(s->kept, STEP_NAME, "%" PRIu64 ".%.60s.was", ++l->places->serial, step->at.name.p);
	if (!elsewhere(l->places->trash_fd, s->was.st_dev))
		return 0;
	if (!S_ISREG(s->was.st_mode))
		return error_set(err, ERROR_UNSUPPORTED,
				 "%s/%s is %s, and the trash lies on another filesystem",
				 step->at.dir.p, step->at.name.p, sys_file_type(s->was.st_mode));
	if (sys_copy_file(s->dir, step->at.name.p, l->places->trash_fd, s->kept) < 0)
		return fail(step, errno, err);
	l->places->trash_dirty = s->copied = true;
	return 0;
}

static int ready_back(struct step_list *l, size_t i, struct error *err)
{
	struct step_state *s = &l->states[i];
	const struct repair_step *step = &l->steps[i];

	if (fstatat(s->to_dir, step->to.name.p, &s->made, AT_SYMLINK_NOFOLLOW) < 0)
		return error_sys(err, errno, "%s in the trash", step->to.name.p);
	if (step->was.st_ino)
		snprintf(s->kept, STEP_NAME, "%" PRIu64 ".%.60s.undone", ++l->places->serial,
			 step->at.name.p);
	if (l->places->dry_run || !elsewhere(s->dir, s->made.st_dev))
		return 0;
	temp_name(l, i);
	if (sys_copy_file(s->to_dir, step->to.name.p, s->dir, s->temp) < 0)
		return fail(step, errno, err);
	s->copied = true;
	return fstatat(s->dir, s->temp, &s->made, AT_SYMLINK_NOFOLLOW) < 0 ? fail(step, errno, err)
									   : 0;
}

static int ready_made(struct step_list *l, size_t i, struct error *err)
{
	const struct repair_step *step = &l->steps[i];
	struct stat like = l->states[i].was;

	if (l->places->dry_run)
		return 0;
	if (step->kind == STEP_MAKE || !S_ISREG(like.st_mode))
		like =
		    (struct stat){.st_mode = step->mode, .st_uid = step->uid, .st_gid = step->gid};
	if (make_temp(l, i, &like, err) < 0)
		return -1;
	return step->kind == STEP_REPLACE ? ready_trash(l, i, err) : 0;
}

static int ready_target(struct step_list *l, size_t i, struct error *err)
{
	const struct repair_step *step = &l->steps[i];
	struct step_state *s = &l->states[i];
	struct stat st;

	if (s->was.st_ino && elsewhere(s->to_dir, s->was.st_dev))
		return error_set(err, ERROR_UNSUPPORTED, "%s lies on another filesystem",
				 step->to.dir.p);
	if (!is_vacated(l, i, &step->to) &&
	    fstatat(s->to_dir, step->to.name.p, &st, AT_SYMLINK_NOFOLLOW) == 0)
		return error_set(err, ERROR_UNSUPPORTED, "%s/%s is there already", step->to.dir.p,
				 step->to.name.p);
	return 0;
}

static int ready_kind(struct step_list *l, size_t i, struct error *err)
{
	switch (l->steps[i].kind) {
	case STEP_RENAME:
	case STEP_LINK:
		return ready_target(l, i, err);
	case STEP_TRASH:
		return ready_trash(l, i, err);
	case STEP_REPLACE:
	case STEP_MAKE:
		return ready_made(l, i, err);
	case STEP_BACK:
		return ready_back(l, i, err);
	default:
		return 0;
	}
}

static int open_places(struct step_list *l, size_t i, struct error *err)
{
	const struct repair_step *step = &l->steps[i];
	struct step_state *s = &l->states[i];

	s->dir = places_open(l->places, step->at.dir, true, err);
	if (s->dir >= 0 && step->to.dir.p)
		s->to_dir = places_open(l->places, step->to.dir, step->kind != STEP_BACK, err);
	return s->dir < 0 || (step->to.dir.p && s->to_dir < 0) ? -1 : 0;
}

/* What an earlier step puts here is what this one will find. */
static void take_over(struct step_list *l, size_t i, size_t maker)
{
	const struct step_state *m = &l->states[maker];
	enum step_kind kind = l->steps[maker].kind;
	const struct stat *is = kind == STEP_RENAME || kind == STEP_LINK ? &m->was : &m->made;

	if (l->states[i].was.st_ino == 0 || step_same(is, &l->states[i].was))
		l->states[i].was = *is;
}

static int ready(struct step_list *l, size_t i, struct error *err)
{
	const struct repair_step *step = &l->steps[i];
	struct step_state *s = &l->states[i];
	size_t maker = maker_of(l, i, &step->at);

	s->was = step->was;
	if (open_places(l, i, err) < 0)
		return -1;
	if (maker != SIZE_MAX)
		take_over(l, i, maker);
	if (has_before(step) && maker == SIZE_MAX && compare(l, i, err) < 0)
		return -1;
	return ready_kind(l, i, err);
}

int steps_prepare(struct step_list *l, struct step_places *p, struct mend *m, struct error *err)
{
	*l = (struct step_list){.places = p,
				.steps = m->steps,
				.states = calloc(m->count + 1, sizeof *l->states),
				.count = m->count};
	if (!l->states)
		abort();
	for (size_t i = 0; i < l->count; i++)
		l->states[i].dir = l->states[i].to_dir = -1;
	for (size_t i = 0; i < l->count; i++)
		if (ready(l, i, err) < 0)
			return -1;
	return 0;
}

/* ---- carried out ---- */

static int put_into_trash(struct step_list *l, size_t i)
{
	struct step_state *s = &l->states[i];
	const char *name = l->steps[i].at.name.p;

	if (S_ISDIR(s->was.st_mode))
		return unlinkat(s->dir, name, AT_REMOVEDIR);
	l->places->trash_dirty = true;
	if (s->copied)
		return unlinkat(s->dir, name, 0);
	return sys_rename_new(s->dir, name, l->places->trash_fd, s->kept);
}

static int replace(struct step_list *l, size_t i)
{
	struct step_state *s = &l->states[i];
	const char *name = l->steps[i].at.name.p;

	l->places->trash_dirty = true;
	if (!s->copied && linkat(s->dir, name, l->places->trash_fd, s->kept, 0) < 0)
		return -1;
	if (fsync(l->places->trash_fd) < 0 || renameat(s->dir, s->temp, s->dir, name) < 0)
		return -1;
	s->temp[0] = '\0';
	return 0;
}

/* Only a name goes, never a file. */
static int unlink_name(struct step_list *l, size_t i)
{
	const struct repair_step *step = &l->steps[i];
	struct step_state *s = &l->states[i];
	struct stat at, to;

	if (fstatat(s->dir, step->at.name.p, &at, AT_SYMLINK_NOFOLLOW) < 0 ||
	    fstatat(s->to_dir, step->to.name.p, &to, AT_SYMLINK_NOFOLLOW) < 0)
		return -1;
	if (at.st_ino != to.st_ino || at.st_dev != to.st_dev) {
		errno = ESTALE;
		return -1;
	}
	return unlinkat(s->dir, step->at.name.p, 0);
}

static int set_attributes(struct step_list *l, size_t i)
{
	const struct repair_step *step = &l->steps[i];
	struct step_state *s = &l->states[i];
	int r, fd = open_any(s->dir, step->at.name.p);
	struct stat st;

	if (fd < 0)
		return -1;
	r = fstat(fd, &st);
	if (r == 0 && s->was.st_ino && (st.st_ino != s->was.st_ino || st.st_dev != s->was.st_dev)) {
		errno = ESTALE;
		r = -1;
	}
	if (r == 0)
		r = give_rights(fd, step->uid, step->gid, step->mode);
	if (r == 0 && !S_ISFIFO(st.st_mode))
		r = fsync(fd);
	sys_close(fd);
	return r;
}

static int put_made(struct step_list *l, size_t i)
{
	struct step_state *s = &l->states[i];
	int r = sys_rename_new(s->dir, s->temp, s->dir, l->steps[i].at.name.p);

	if (r == 0)
		s->temp[0] = '\0';
	return r;
}

static int bring_back(struct step_list *l, size_t i)
{
	struct step_state *s = &l->states[i];
	const struct repair_step *step = &l->steps[i];

	places_mark(l->places, s->to_dir);
	if (s->kept[0]) {
		/* what was put into its place stays in the trash */
		l->places->trash_dirty = true;
		if (linkat(s->dir, step->at.name.p, l->places->trash_fd, s->kept, 0) < 0 ||
		    fsync(l->places->trash_fd) < 0)
			return -1;
		return renameat(s->to_dir, step->to.name.p, s->dir, step->at.name.p);
	}
	if (!s->copied)
		return sys_rename_new(s->to_dir, step->to.name.p, s->dir, step->at.name.p);
	if (put_made(l, i) < 0 || fsync(s->dir) < 0)
		return -1;
	return unlinkat(s->to_dir, step->to.name.p, 0);
}

static int do_kind(struct step_list *l, size_t i)
{
	const struct repair_step *step = &l->steps[i];
	struct step_state *s = &l->states[i];

	places_mark(l->places, s->dir);
	places_mark(l->places, s->to_dir);
	switch (step->kind) {
	case STEP_RENAME:
		return sys_rename_new(s->dir, step->at.name.p, s->to_dir, step->to.name.p);
	case STEP_LINK:
		return linkat(s->dir, step->at.name.p, s->to_dir, step->to.name.p, 0);
	case STEP_UNLINK:
		return unlink_name(l, i);
	case STEP_TRASH:
		return put_into_trash(l, i);
	case STEP_REPLACE:
		return replace(l, i);
	case STEP_ATTRIBUTES:
		return set_attributes(l, i);
	case STEP_MAKE:
		return put_made(l, i);
	case STEP_BACK:
		return bring_back(l, i);
	default:
		errno = EINVAL;
		return -1;
	}
}

static int do_step(struct step_list *l, size_t i, struct error *err)
{
	const struct repair_step *step = &l->steps[i];

	if (has_before(step) && compare(l, i, err) < 0)
		return -1;
	l->states[i].tried = true;
	if (do_kind(l, i) < 0)
		return fail(step, errno, err);
	l->states[i].done = true;
	/* what comes next builds on it */
	return i + 1 < l->count ? places_sync(l->places, err) : 0;
}

int steps_carry_out(struct step_list *l, struct error *err)
{
	for (size_t i = 0; i < l->count; i++)
		if (do_step(l, i, err) < 0)
			return -1;
	return 0;
}

size_t steps_tried(const struct step_list *l)
{
	size_t n = 0;

	for (size_t i = 0; i < l->count; i++)
		n += l->states[i].tried;
	return n;
}

void steps_free(struct step_list *l)
{
	for (size_t i = 0; l->states && i < l->count; i++) {
		struct step_state *s = &l->states[i];

		if (s->temp[0])
			unlinkat(s->dir, s->temp, S_ISDIR(s->made.st_mode) ? AT_REMOVEDIR : 0);
		if (s->copied && s->kept[0] && !s->done)
			unlinkat(l->places->trash_fd, s->kept, 0);
	}
	free(l->states);
	l->states = NULL;
	l->count = 0;
}
