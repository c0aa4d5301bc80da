/* Ids as people write them, as scripts hold them, and the messages they mean. */
#include "internal.h"

#include <stdio.h>

/* "*", "!" and the like, which listers put behind a number. */
static struct slice strip_marks(struct slice s)
{
	static const struct slice marks = {"*!-+?#", 6};

	while (s.n && slice_chr(marks, s.p[s.n - 1]) != SIZE_MAX)
		s.n--;
	if (s.n && s.p[0] == '#')
		s = slice_skip(s, 1);
	return s;
}

/* An absolute path must lead into this queue: the same number may be in another. */
static bool in_queue(struct slice path, const char *dir)
{
	struct slice d = slice_from(dir);

	if (!slice_starts(path, SLICE("/")))
		return true;
	return slice_starts(path, d) && path.n > d.n && path.p[d.n] == '/';
}

bool id_parse(struct slice id, const char *dir, struct wanted *out)
{
	bool no_mess = slice_ends(slice_trim(id), SLICE("@-")); /* not a mark to be taken off */
	struct slice rest = no_mess ? slice_trim(id) : strip_marks(slice_trim(id)), number;
	uint64_t ns;

	*out = (struct wanted){0};
	if (!in_queue(rest, dir))
		return false;
	for (size_t slash; (slash = slice_chr(rest, '/')) != SIZE_MAX;)
		rest = slice_skip(rest, slash + 1);
	if (!slice_cut(&rest, '@', &number) || qmail_name(number, &out->number) != NAME_NUMBER)
		return false;
	if (!rest.p)
		return true;
	out->no_mess = slice_eq(rest, SLICE("-"));
	if (out->no_mess)
		return true;
	out->has_mtime = slice_u64(slice_skip(rest, rest.n && rest.p[0] == '-'), &ns);
	out->mtime_ns = (int64_t)(rest.n && rest.p[0] == '-' ? 0 - ns : ns);
	return out->has_mtime;
}

/* SEEN_x bits of where the number is; *mess as lstat has it. Errors matter only when it is nowhere.
 */
static unsigned look_for(const struct queue_qmail *q, uint64_t n, struct stat *mess,
			 struct error *err)
{
	enum qmail_file f;
	struct stat st;
	unsigned seen = 0;

	if (qmail_find_todo(q, n, &f, &st, err) > 0)
		seen |= f == FILE_TODO ? SEEN_TODO : SEEN_TODO_OTHER;
	if (qmail_stat(q, FILE_INFO, n, &st, err) > 0)
		seen |= SEEN_INFO;
	if (qmail_stat(q, FILE_MESS, n, mess, err) > 0)
		seen |= SEEN_MESS;
	return seen;
}

static bool is_wanted(const struct wanted *w, unsigned seen, const struct stat *mess)
{
	if (w->no_mess)
		return !(seen & SEEN_MESS);
	return !w->has_mtime || ((seen & SEEN_MESS) && qmail_mtime_ns(mess) == w->mtime_ns);
}

int qmail_find(const struct queue *base, struct slice id, struct arena *names,
	       struct message_entry *out, int room, struct error *err)
{
	const struct queue_qmail *q = queue_qmail(base);
	struct error e = ERROR_INIT;
	struct wanted w;
	struct stat mess;
	unsigned seen;

	if (!id_parse(id, q->base.dir, &w))
		return 0;
	seen = look_for(q, w.number, &mess, &e);
	if (!seen && e.code != ERROR_NONE) {
		if (err && err->code == ERROR_NONE)
			*err = e;
		return -1;
	}
	if (!seen || !is_wanted(&w, seen, &mess))
		return 0;
	if (room < 1)
		return 1;
	*out = (struct message_entry){
	    .unit = &q->unit,
	    .name = arena_printf(names, "%llu", (unsigned long long)w.number),
	    .number = w.number,
	    .seen = seen,
	    .pinned = w.has_mtime,
	    .data_mtime_ns = w.mtime_ns,
	};
	return out->name.p ? 1 : error_set(err, ERROR_NOMEM, "out of memory");
}

struct slice qmail_script_id(struct arena *a, const struct message *m)
{
	if (!m->identity.data_ino)
		return arena_printf(a, "%llu@-", (unsigned long long)m->entry.number);
	return arena_printf(a, "%llu@%lld", (unsigned long long)m->entry.number,
			    (long long)m->identity.data_mtime_ns);
}
