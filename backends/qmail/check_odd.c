/* Entries that are no message's file in its place: strays, names that qmail takes for another
 * number, files in the wrong split directory, and messages that are half renamed. */
#include "check.h"

static enum qmail_file file_in(enum qmail_dir dir)
{
	static const enum qmail_file files[DIR_COUNT] = {
	    [DIR_MESS] = FILE_MESS,	[DIR_INFO] = FILE_INFO, [DIR_LOCAL] = FILE_LOCAL,
	    [DIR_REMOTE] = FILE_REMOTE, [DIR_TODO] = FILE_TODO, [DIR_INTD] = FILE_INTD,
	    [DIR_BOUNCE] = FILE_BOUNCE,
	};

	return files[dir];
}

static struct finding *tell(const struct check *c, const struct odd *o, enum qmail_code code,
			    struct slice dir, struct sink *s, const char *fmt, uint64_t n)
{
	struct finding *f = sink_add(s, code, dir, slice_from(o->name), NULL);

	(void)c;
	if (fmt)
		f->detail = arena_printf(&s->arena, "%s%llu", fmt, (unsigned long long)n);
	f->where = file_in(o->dir);
	f->number = o->n;
	return f;
}

/* The order in which files are moved to their place: info only when its recipients are there, or
 * the message would seem to be finished; mess only when info is, or it would be cleaned away; and
 * what is hidden comes last, when the rest is as it should be. */
static unsigned rank_of(enum qmail_dir dir)
{
	return dir == DIR_MESS ? 2 : dir == DIR_INFO;
}

enum { RANK_HALF = 3 };

static void misplaced(const struct check *c, const struct odd *o, struct slice dir, struct sink *s)
{
	struct error err = ERROR_INIT;
	struct stat st;
	enum qmail_file f = file_in(o->dir);
	int r = place_stat(c->q, f, o->n, &st, &err);
	struct finding *found;

	if (r < 0) {
		sink_trouble(s, &err);
		return;
	}
	if (r > 0)
		found = tell(c, o, f == FILE_INFO ? CODE_SECOND_INFO : CODE_SECOND_FILE, dir, s,
			     NULL, 0);
	else
		found = tell(c, o, CODE_WRONG_DIRECTORY, dir, s, "qmail looks in ",
			     (uint64_t)place_split(c->q, o->dir, o->n));
	found->id = found->name;
	found->rank = rank_of(o->dir);
}

static void half_renamed(const struct check *c, const struct odd *o, struct slice dir,
			 struct sink *s)
{
	struct finding *f;

	/* told once for a message: by its mess */
	if (o->dir != DIR_MESS)
		return;
	f = tell(c, o, CODE_HALF_RENAMED, dir, s, "is to be ", o->to);
	f->id = arena_printf(&s->arena, "%llu", (unsigned long long)o->to);
	f->alone = true;
	f->rank = RANK_HALF;
}

void examine_odd(const struct check *c, const struct odd *o, struct sink *s)
{
	struct slice dir = place_dir(&s->arena, c->q, o->dir, o->d);
	const size_t base = strlen(c->q->base.dir) + 1;
	struct error err = ERROR_INIT;
	struct stat st;
	struct slice path = arena_printf(&s->arena, "%" SLICE_FMT "/%s", SLICE_ARG(dir), o->name);

	s->looked++;
	if (!path.p || sys_stat(c->q->fd, path.p + base, path.p, &st, &err) < 0) {
		if (err.code != ERROR_GONE)
			sink_trouble(s, &err);
		return;
	}
	switch (o->kind) {
	case ODD_STRAY:
		tell(c, o, CODE_STRAY, dir, s, NULL, 0);
		return;
	case ODD_OTHER_NUMBER:
		/* only these directories does it read through */
		tell(c, o,
		     o->dir == DIR_INFO || o->dir == DIR_TODO || o->dir == DIR_MESS
			 ? CODE_OTHER_NUMBER
			 : CODE_STRAY,
		     dir, s, "qmail takes it for ", o->n);
		return;
	case ODD_MISPLACED:
		misplaced(c, o, dir, s);
		return;
	default:
		half_renamed(c, o, dir, s);
	}
}
