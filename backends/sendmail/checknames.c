/* All names of queue files, by their ids: see checks.h. */
#include "act.h"
#include "checks.h"

#include <stdlib.h>

/* ---- by id ---- */

static uint64_t hash_of(struct slice id)
{
	uint64_t h = 14695981039346656037u;

	for (size_t i = 0; i < id.n; i++)
		h = (h ^ (unsigned char)id.p[i]) * 1099511628211u;
	return h ^ h >> 29;
}

static struct seen_id *place_of(const struct seen_names *s, struct slice id)
{
	size_t at = (size_t)hash_of(id) & (s->room - 1);

	while (s->ids[at].id.p && !slice_eq(s->ids[at].id, id))
		at = (at + 1) & (s->room - 1);
	return &s->ids[at];
}

static void grow(struct seen_names *s)
{
	struct seen_names old = *s;

	if (s->count * 2 < s->room)
		return;
	s->room = s->room ? s->room * 2 : 1024;
	s->ids = calloc(s->room, sizeof *s->ids);
	if (!s->ids)
		abort();
	for (size_t i = 0; i < old.room; i++)
		if (old.ids[i].id.p)
			*place_of(s, old.ids[i].id) = old.ids[i];
	free(old.ids);
}

const struct seen *seen_of(const struct seen_names *s, struct slice id)
{
	return s->room ? place_of(s, id)->list : NULL;
}

static void keep_order(struct seen_names *s, struct seen *e)
{
	if (s->order_count == s->order_room) {
		s->order_room = s->order_room ? s->order_room * 2 : 1024;
		s->order = realloc(s->order, s->order_room * sizeof(struct seen *));
		if (!s->order)
			abort();
	}
	s->order[s->order_count++] = e;
}

static void add(struct seen_names *s, const struct sendmail_unit *u, enum spot spot,
		const char *name, bool regular)
{
	struct seen *e = arena_zalloc(&s->arena, sizeof *e);
	struct slice kept = arena_copy(&s->arena, slice_from(name));
	struct seen_id *id;

	if (!e || !kept.p)
		abort();
	*e = (struct seen){
	    .unit = u, .name = kept.p, .spot = (unsigned char)spot, .regular = regular};
	keep_order(s, e);
	s->carried |= slice_starts(kept, SLICE(OUT_PREFIX));
	if (name[0] == '.')
		return;
	grow(s);
	id = place_of(s, slice_skip(kept, 2));
	if (!id->id.p) {
		id->id = slice_skip(kept, 2);
		s->count++;
	}
	e->next = id->list;
	id->list = e;
}

/* ---- reading ---- */

static bool is_regular(const struct dirent *e)
{
#ifdef HAVE_STRUCT_DIRENT_D_TYPE
	return e->d_type == DT_REG;
#else
	(void)e;
	return false; /* to be asked */
#endif
}

/* qf hf Qf df tf Tf xf, and what mtaq leaves. */
static bool concerns(const char *name)
{
	if (name[0] == '.')
		return slice_starts(slice_from(name), SLICE(".mtaq"));
	return name[0] && name[1] == 'f' && strchr("qhQdtTx", name[0]);
}

/* In the directory around qf/ or df/ everything is looked at; "qf", "df" and "xf" there are the
 * subdirectories. */
static bool is_subdirectory(enum spot spot, const struct sendmail_unit *u, const char *name)
{
	if (name[0] == '.' || name[2])
		return false;
	return (spot == SPOT_DIR || u->dir_fd == u->qf_fd) &&
	       ((name[0] == 'q' && u->has_qf) || (name[0] == 'd' && u->has_df) ||
		(name[0] == 'x' && u->has_xf));
}

static void read_spot(struct seen_names *s, struct check_walk *w, const struct sendmail_unit *u,
		      enum spot spot)
{
	struct error err = ERROR_INIT;
	const char *path = spot_path(u, spot).p;
	int opened, fd = spot_fd(u, spot, &opened);
	DIR *d = fd < 0 ? NULL : sys_opendir_at(fd, ".", path, &err);
	struct dirent *e;

	while (d && sys_readdir(d, path, &e, &err) > 0)
		if (concerns(e->d_name) && !is_subdirectory(spot, u, e->d_name))
			add(s, u, spot, e->d_name, is_regular(e));
	if (fd < 0 && !err.code)
		error_set(&err, ERROR_DENIED, "%s cannot be read", path);
	if (err.code) {
		s->partial = true;
		w->trouble(w->ctx, &err);
	}
	if (d)
		closedir(d);
	sys_close(opened);
}

/* Data files first: sendmail makes them before their control files. */
static void read_unit(struct seen_names *s, struct check_walk *w, const struct sendmail_unit *u)
{
	if (u->has_df)
		read_spot(s, w, u, SPOT_DF);
	if (u->has_xf)
		read_spot(s, w, u, SPOT_XF);
	if (u->has_qf)
		read_spot(s, w, u, SPOT_DIR);
	read_spot(s, w, u, SPOT_QF);
}

void seen_read(struct seen_names *s, struct check_walk *w)
{
	const struct layout *l = &sendmail_queue(w->queue)->layout;

	*s = (struct seen_names){0};
	arena_init(&s->arena, 0);
	for (size_t i = 0; i < l->count; i++)
		read_unit(s, w, sendmail_unit(l->units[i]));
}

void seen_free(struct seen_names *s)
{
	free(s->ids);
	free(s->order);
	arena_free(&s->arena);
}
