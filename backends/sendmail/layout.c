/* Base, wildcard, groups and subdirectories of a queue: see layout.h. */
#include "layout.h"

#include <mtaq/limits.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>

enum { NAME_ROOM = LIMIT_NAME_BYTES + 8 /* slash, prefix, name, NUL */ };

/* What layout_open carries around. */
struct opening {
	struct layout *l;
	struct arena *a;
	const struct queue *q;
	trouble_fn *trouble;
	void *ctx;
	struct error first; /* the first directory that could not be opened */
};

static void tell(struct opening *o, struct error *e)
{
	e->scope = SCOPE_QUEUE;
	o->l->partial = true;
	if (!o->first.code)
		o->first = *e;
	if (o->trouble)
		o->trouble(o->ctx, e);
}

static int no_memory(struct error *err)
{
	return error_set(err, ERROR_NOMEM, "out of memory for the list of queue directories");
}

static struct slice without_slashes(struct slice s)
{
	while (s.n > 1 && s.p[s.n - 1] == '/')
		s.n--;
	return s;
}

void layout_split(struct slice dir, struct slice *base, struct slice *pattern)
{
	size_t slash = dir.n;

	*pattern = SLICE_NONE;
	*base = without_slashes(dir);
	if (!slice_ends(dir, SLICE("*")))
		return;
	while (slash && dir.p[slash - 1] != '/')
		slash--;
	*pattern = slice_of(dir.p + slash, dir.n - slash - 1);
	*base = slash ? without_slashes(slice_take(dir, slash)) : SLICE(".");
}

bool layout_rebase(struct arena *a, struct slice path, struct slice from, struct slice to,
		   struct slice *out)
{
	struct slice rest;

	path = without_slashes(path);
	if (!slice_starts(path, from))
		return false;
	rest = slice_skip(path, from.n);
	if (rest.n && rest.p[0] != '/' && !slice_eq(from, SLICE("/")))
		return false;
	*out = arena_printf(a, "%" SLICE_FMT "%" SLICE_FMT, SLICE_ARG(to), SLICE_ARG(rest));
	return out->p != NULL;
}

/* dir/name, NUL-terminated; dir itself for ".". */
static struct slice path_join(struct arena *a, struct slice dir, const char *name)
{
	if (name[0] == '.' && name[1] == '\0')
		return arena_copy(a, dir);
	return arena_printf(a, "%" SLICE_FMT "%s%s", SLICE_ARG(dir),
			    slice_ends(dir, SLICE("/")) ? "" : "/", name);
}

static void close_unit(struct sendmail_unit *u)
{
	if (u->df_fd != u->dir_fd)
		sys_close(u->df_fd);
	if (u->qf_fd != u->dir_fd)
		sys_close(u->qf_fd);
	sys_close(u->dir_fd);
}

static bool is_subdir(int fd, const char *name)
{
	struct stat st;

	return fstatat(fd, name, &st, 0) == 0 && S_ISDIR(st.st_mode);
}

/* The subdirectory `name` if the unit has one: its descriptor and path, else the unit's own. */
static int open_part(struct opening *o, struct sendmail_unit *u, const char *name, bool *has,
		     int *fd, struct slice *path, struct error *err)
{
	*fd = u->dir_fd;
	*path = u->dir;
	*has = is_subdir(u->dir_fd, name);
	if (!*has)
		return 0;
	*path = path_join(o->a, u->dir, name);
	if (!path->p)
		return no_memory(err);
	*fd = sys_open_subdir(u->dir_fd, name, true, path->p, err);
	if (*fd >= 0)
		return 0;
	*fd = u->dir_fd;
	return -1;
}

static int open_unit(struct opening *o, struct sendmail_unit *u, struct error *err)
{
	struct slice path;
	struct stat st;

	u->dir_fd = u->qf_fd = u->df_fd = sys_open_dir(u->dir.p, err);
	if (u->dir_fd < 0)
		return -1;
	if (open_part(o, u, "qf", &u->has_qf, &u->qf_fd, &u->qf, err) < 0 ||
	    open_part(o, u, "df", &u->has_df, &u->df_fd, &u->df, err) < 0)
		return -1;
	u->has_xf = is_subdir(u->dir_fd, "xf");
	u->xf = u->has_xf ? path_join(o->a, u->dir, "xf") : u->dir;
	path = u->has_df ? path_join(o->a, u->dir, "df") : u->dir;
	u->base.path = path.p;
	if (!u->xf.p || !path.p)
		return no_memory(err);
	if (u->qf.n + NAME_ROOM > PATH_MAX || u->df.n + NAME_ROOM > PATH_MAX)
		return error_set(err, ERROR_LIMIT, "%s: path too long", u->qf.p);
	if (fstat(u->qf_fd, &st) < 0)
		return error_sys(err, errno, "%s", u->qf.p);
	u->dev = st.st_dev;
	u->ino = st.st_ino;
	return 0;
}

static struct sendmail_unit *same_unit(const struct layout *l, const struct sendmail_unit *u)
{
	for (size_t i = 0; i < l->count; i++) {
		struct sendmail_unit *other =
		    (struct sendmail_unit *)(void *)(uintptr_t)l->units[i];

		if (other->ino == u->ino && other->dev == u->dev)
			return other;
	}
	return NULL;
}

/* Room for one more element of `size` bytes. */
static void *one_more(struct arena *a, void *list, size_t count, size_t *room, size_t size)
{
	void *p;

	if (count < *room)
		return list;
	p = arena_grow(a, list, *room * size, (*room * 2 + 8) * size);
	if (p)
		*room = *room * 2 + 8;
	return p;
}

static int add_name(struct opening *o, const char *name, const struct sendmail_unit *u,
		    struct error *err)
{
	struct layout *l = o->l;
	struct layout_name *p = one_more(o->a, l->names, l->name_count, &l->name_room, sizeof *p);

	if (!p)
		return no_memory(err);
	l->names = p;
	p[l->name_count++] = (struct layout_name){name, u};
	return 0;
}

static int add_unit(struct opening *o, struct sendmail_unit *u, struct error *err)
{
	struct layout *l = o->l;
	const struct unit **p;

	if (l->count >= LIMIT_UNITS)
		return error_set(err, ERROR_LIMIT, "more than %u queue directories", LIMIT_UNITS);
	p = one_more(o->a, l->units, l->count, &l->room, sizeof *p);
	if (!p)
		return no_memory(err);
	l->units = p;
	u->base.queue = o->q;
	u->base.index = (unsigned)l->count;
	p[l->count++] = &u->base;
	return 0;
}

/* A directory that another name has given already: only the name and the group are new. */
static int merge_unit(struct opening *o, struct sendmail_unit *old, struct sendmail_unit *u,
		      struct error *err)
{
	struct slice groups;

	close_unit(u);
	if (strcmp(old->group, u->group) != 0) {
		groups = arena_printf(o->a, "%s, %s", old->group, u->group);
		if (!groups.p)
			return no_memory(err);
		old->group = groups.p;
	}
	return add_name(o, u->name, old, err);
}

/* Open base/name and take it in. `loose`: it need not be a directory at all. */
static int add_dir(struct opening *o, const char *name, const char *group, bool loose,
		   struct error *err)
{
	struct sendmail_unit *u = arena_zalloc(o->a, sizeof *u), *old;
	struct error e = ERROR_INIT;
	int r;

	if (!u)
		return no_memory(err);
	u->name = name;
	u->group = group;
	u->dir = path_join(o->a, o->l->base, name);
	if (!u->dir.p)
		return no_memory(err);
	if (open_unit(o, u, &e) < 0) {
		if (u->dir_fd >= 0)
			close_unit(u);
		else if (loose && e.code == ERROR_GONE)
			return 0;
		tell(o, &e);
		return 0;
	}
	old = same_unit(o->l, u);
	if (old)
		return merge_unit(o, old, u, err);
	r = add_unit(o, u, err);
	if (r == 0)
		return add_name(o, u->name, u, err);
	close_unit(u);
	return r;
}

static const char *name_join(struct arena *a, struct slice rel, const char *name)
{
	if (slice_eq(rel, SLICE(".")))
		return arena_str(a, slice_from(name));
	return arena_printf(a, "%" SLICE_FMT "/%s", SLICE_ARG(rel), name).p;
}

#ifdef HAVE_STRUCT_DIRENT_D_TYPE
static bool maybe_dir(const struct dirent *e)
{
	return e->d_type == DT_DIR || e->d_type == DT_LNK || e->d_type == DT_UNKNOWN;
}

static bool maybe_file(const struct dirent *e)
{
	return e->d_type != DT_DIR;
}
#else
static bool maybe_dir(const struct dirent *e)
{
	(void)e;
	return true;
}

static bool maybe_file(const struct dirent *e)
{
	(void)e;
	return true;
}
#endif

/* Directories below `rel` whose names begin with the pattern, in the order in which readdir gives
 * them: sendmail's. */
static int add_matches(struct opening *o, struct slice rel, struct slice pattern, const char *group,
		       struct error *err)
{
	struct error e = ERROR_INIT;
	struct slice path = path_join(o->a, o->l->base, arena_str(o->a, rel));
	int fd, r;
	struct dirent *entry;
	DIR *d;

	if (!path.p)
		return no_memory(err);
	fd = sys_open_dir(path.p, &e);
	d = fd < 0 ? NULL : sys_opendir_at(fd, ".", path.p, &e);
	sys_close(fd);
	if (!d) {
		tell(o, &e);
		return 0;
	}
	while ((r = sys_readdir(d, path.p, &entry, &e)) > 0) {
		const char *name;

		if (!slice_starts(slice_from(entry->d_name), pattern) || !maybe_dir(entry))
			continue;
		name = name_join(o->a, rel, entry->d_name);
		r = name ? add_dir(o, name, group, true, err) : no_memory(err);
		if (r < 0)
			break;
	}
	closedir(d);
	if (r < 0 && e.code) {
		tell(o, &e);
		return 0;
	}
	return r;
}

/* A path of the configuration, wildcard or not. */
static int add_path(struct opening *o, struct slice path, const char *group, struct error *err)
{
	struct slice base, pattern, rel;

	layout_split(path, &base, &pattern);
	if (!layout_rebase(o->a, base, o->l->base, SLICE(""), &rel)) {
		struct error e = ERROR_INIT;

		error_set(&e, ERROR_CORRUPT,
			  "queue group %s: %" SLICE_FMT
			  " is not below the queue's base directory %" SLICE_FMT,
			  group, SLICE_ARG(path), SLICE_ARG(o->l->base));
		tell(o, &e);
		return 0;
	}
	rel = rel.n ? slice_skip(rel, rel.p[0] == '/') : SLICE(".");
	if (pattern.p)
		return add_matches(o, rel, pattern, group, err);
	return add_dir(o, arena_str(o->a, rel), group, false, err);
}

/* Where a group's directories are, in the place of the base that is read. */
static struct slice group_path(struct opening *o, const struct cf *cf, const struct cf_group *g,
			       struct slice dir)
{
	struct slice from, pattern, to;

	if (!g->path.p)
		return dir;
	layout_split(cf->option[CF_QUEUE_DIRECTORY].text, &from, &pattern);
	return layout_rebase(o->a, g->path, from, o->l->base, &to) ? to : g->path;
}

static const struct cf_group *first_group(const struct cf *cf)
{
	for (size_t i = 0; i < cf->group_count; i++)
		if (slice_caseeq(cf->groups[i].name, SLICE("mqueue")))
			return &cf->groups[i];
	return NULL;
}

/* Group 0 is always "mqueue"; the others follow in file order. */
static int add_groups(struct opening *o, const struct cf *cf, struct slice dir, struct error *err)
{
	const struct cf_group *zero = first_group(cf);
	int r = add_path(o, zero ? group_path(o, cf, zero, dir) : dir, "mqueue", err);

	for (size_t i = 0; r == 0 && i < cf->group_count; i++) {
		const struct cf_group *g = &cf->groups[i];
		const char *name;

		if (g == zero)
			continue;
		name = arena_str(o->a, g->name);
		r = name ? add_path(o, group_path(o, cf, g, dir), name, err) : no_memory(err);
	}
	return r;
}

enum {
	LOOKS_NOT = 0,
	LOOKS_EMPTY = 20,
	LOOKS_FILES = 75,
	LOOKS_PARENT = 80,
	LOOKS_SPLIT = 90,
	LOOK_ENTRIES = 5000
};

/* qf, hf, Qf, df, tf or xf and something that may be an id. */
static bool queue_file_name(const char *name)
{
	size_t n = strlen(name);

	if (n < 9 || n > 24 || name[1] != 'f' || !strchr("qhQdtx", name[0]))
		return false;
	for (size_t i = 2; i < 9; i++)
		if (!ascii_isalpha(name[i]) && !ascii_isdigit(name[i]))
			return false;
	return ascii_isdigit(name[n - 1]);
}

static bool part_name(const char *name)
{
	return strchr("qdx", name[0]) && name[0] && name[1] == 'f' && name[2] == '\0';
}

/* What an entry of a directory says about the directory. */
static int entry_looks(int fd, const struct dirent *e)
{
	if (part_name(e->d_name) && maybe_dir(e) && is_subdir(fd, e->d_name))
		return LOOKS_SPLIT;
	if (queue_file_name(e->d_name) && maybe_file(e))
		return LOOKS_FILES;
	return LOOKS_NOT;
}

/* Is the open directory itself a queue directory? `each` (may be NULL) is told of its possible
 * subdirectories. */
static int dir_looks(int fd, const char *what, int (*each)(void *ctx, int fd, const char *name),
		     void *ctx, struct error *err)
{
	DIR *d = sys_opendir_at(fd, ".", what, err);
	struct dirent *e;
	int r = 0, looks = LOOKS_NOT;

	if (!d)
		return -1;
	for (unsigned i = 0;
	     looks == LOOKS_NOT && i < LOOK_ENTRIES && (r = sys_readdir(d, what, &e, err)) > 0; i++)
		looks = entry_looks(fd, e);
	if (looks == LOOKS_NOT && each && r >= 0) {
		rewinddir(d);
		for (unsigned i = 0; i < LOOK_ENTRIES && (r = sys_readdir(d, what, &e, err)) > 0;
		     i++)
			if (maybe_dir(e) && each(ctx, fd, e->d_name) < 0)
				break;
	}
	closedir(d);
	return r < 0 ? -1 : looks;
}

/* Looking for queue directories one and two levels below a directory that is none itself. */
struct search {
	struct opening *o; /* NULL: only count */
	struct slice rel;
	unsigned found, depth;
	struct error *err;
};

static int search_below(void *ctx, int dirfd, const char *name)
{
	struct search *s = ctx, below = {.o = s->o, .depth = s->depth + 1, .err = s->err};
	int fd = sys_open_subdir(dirfd, name, true, name, NULL), looks, r = 0;
	const char *path = name;

	if (fd < 0)
		return 0;
	if (s->o) {
		path = name_join(s->o->a, s->rel, name);
		if (!path) {
			sys_close(fd);
			return no_memory(s->err);
		}
		below.rel = slice_from(path);
	}
	looks = dir_looks(fd, name, s->depth ? NULL : search_below, &below, NULL);
	sys_close(fd);
	s->found += below.found;
	if (looks < LOOKS_FILES)
		return 0;
	s->found++;
	if (s->o)
		r = add_dir(s->o, path, "", true, s->err);
	return r;
}

/* Without configuration: the directory itself, or the queue directories below it. */
static int add_bare(struct opening *o, struct error *err)
{
	struct search s = {.o = o, .rel = SLICE("."), .err = err};
	struct error e = ERROR_INIT;
	int fd = sys_open_dir(o->l->base.p, &e);
	int looks = fd < 0 ? -1 : dir_looks(fd, o->l->base.p, search_below, &s, &e);

	sys_close(fd);
	if (looks < 0) {
		tell(o, &e);
		return 0;
	}
	if (err && err->code)
		return -1;
	if (looks == LOOKS_NOT && o->l->count)
		return 0;
	return add_dir(o, ".", "", false, err);
}

static int add_all(struct opening *o, const struct cf *cf, struct slice dir, struct error *err)
{
	if (cf)
		return add_groups(o, cf, dir, err);
	if (o->l->pattern.p)
		return add_path(o, dir, "", err);
	return add_bare(o, err);
}

int layout_open(struct layout *l, struct arena *a, const struct queue *q, struct slice dir,
		const struct cf *cf, trouble_fn *trouble, void *ctx, struct error *err)
{
	struct opening o = {l, a, q, trouble, ctx, ERROR_INIT};
	struct error e = ERROR_INIT;

	*l = (struct layout){0};
	dir = arena_copy(a, dir);
	if (!dir.p)
		return no_memory(err);
	layout_split(dir, &l->base, &l->pattern);
	l->base = arena_copy(a, l->base);
	if (!l->base.p)
		return no_memory(err);
	if (add_all(&o, cf, dir, &e) == 0 && l->count)
		return 0;
	layout_close(l);
	if (e.code)
		return error_set(err, e.code, "%s", e.text);
	if (o.first.code)
		return error_set(err, o.first.code == ERROR_GONE ? ERROR_NOQUEUE : o.first.code,
				 "%s", o.first.text);
	return error_set(err, ERROR_NOQUEUE, "no directory matches %" SLICE_FMT, SLICE_ARG(dir));
}

void layout_close(struct layout *l)
{
	for (size_t i = 0; i < l->count; i++)
		close_unit((struct sendmail_unit *)(void *)(uintptr_t)l->units[i]);
	l->count = 0;
}

const struct sendmail_unit *layout_find(const struct layout *l, struct slice name)
{
	for (size_t i = 0; i < l->name_count; i++)
		if (slice_eq(name, slice_from(l->names[i].name)))
			return l->names[i].unit;
	return NULL;
}

static bool named_mqueue(struct slice path)
{
	size_t n = path.n;

	while (n && path.p[n - 1] != '/')
		n--;
	return slice_find(slice_skip(path, n), SLICE("mqueue")) != SIZE_MAX;
}

int layout_detect(const char *dir, struct error *err)
{
	struct search s = {.err = NULL};
	struct slice base, pattern;
	char path[LIMIT_NAME_BYTES * 16];
	int fd, looks;

	layout_split(slice_from(dir), &base, &pattern);
	if (base.n >= sizeof path)
		return error_set(err, ERROR_NOQUEUE, "%s: name too long", dir);
	memcpy(path, base.p, base.n);
	path[base.n] = '\0';
	fd = sys_open_dir(path, err);
	if (fd < 0)
		return -1;
	looks = dir_looks(fd, path, search_below, &s, err);
	sys_close(fd);
	if (looks == LOOKS_NOT && s.found)
		return LOOKS_PARENT;
	return looks == LOOKS_NOT && named_mqueue(base) ? LOOKS_EMPTY : looks;
}
