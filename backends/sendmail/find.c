/* Finding a message by what people type: its id, a file's name, a path; never by a part of the id.
 */
#include "queue.h"

#include <errno.h>
#include <fcntl.h>

struct request {
	const struct sendmail_queue *q;
	struct slice name; /* without marks and directory */
	bool in_dir;	   /* only in the directory with this device and inode */
	dev_t dev;
	ino_t ino;
	struct arena *names;
	struct message_entry *out;
	int room, found;
	struct error *err;
};

/* mailq puts these after an id, all of which end in a digit. */
static struct slice without_mark(struct slice s)
{
	if (s.n > 1 && memchr("*!-X?+", s.p[s.n - 1], 6) && ascii_isdigit(s.p[s.n - 2]))
		s.n--;
	return s;
}

static bool is_fd(const struct request *r, int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && st.st_dev == r->dev && st.st_ino == r->ino;
}

static bool wanted_unit(const struct request *r, const struct sendmail_unit *u)
{
	return !r->in_dir || is_fd(r, u->qf_fd) || is_fd(r, u->df_fd) || is_fd(r, u->dir_fd);
}

/* Is there a control file `prefix` + rest in this unit? Takes it in. 0/-1 */
static int try_name(struct request *r, const struct sendmail_unit *u, const char *prefix,
		    struct slice rest)
{
	char name[NAME_LONGEST + 1];
	struct stat st;
	struct slice copy;

	if (rest.n + 2 > NAME_LONGEST || memchr(rest.p, '/', rest.n) ||
	    memchr(rest.p, '\0', rest.n))
		return 0;
	memcpy(name, prefix, 2);
	memcpy(name + 2, rest.p, rest.n);
	name[rest.n + 2] = '\0';
	if (fstatat(u->qf_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : error_sys(r->err, errno, "%s/%s", u->qf.p, name);
	if (r->found < r->room) {
		copy = arena_copy(r->names, slice_of(name, rest.n + 2));
		if (!copy.p)
			return error_set(r->err, ERROR_NOMEM, "out of memory for names");
		r->out[r->found] =
		    (struct message_entry){.unit = &u->base,
					   .name = copy,
					   .seen = S_ISREG(st.st_mode) ? SEEN_FILE : SEEN_ODD};
	}
	r->found++;
	return 0;
}

static int try_id(struct request *r, const struct sendmail_unit *u, struct slice id)
{
	if (try_name(r, u, "qf", id) < 0 || try_name(r, u, "hf", id) < 0)
		return -1;
	return try_name(r, u, "Qf", id);
}

static int try_unit(struct request *r, const struct sendmail_unit *u)
{
	struct slice rest = slice_skip(r->name, 2);
	char prefix[3] = {0};

	if (!wanted_unit(r, u))
		return 0;
	if (r->name.n && try_id(r, u, r->name) < 0)
		return -1;
	if (r->name.n < 2 || r->name.p[1] != 'f')
		return 0;
	if (r->name.p[0] == 'd')
		return rest.n ? try_id(r, u, rest) : 0;
	memcpy(prefix, r->name.p, 2);
	return layout_is_control(prefix) ? try_name(r, u, prefix, rest) : 0;
}

/* A path says in which directory to look. 1, 0 when there is no such directory, -1 */
static int take_path(struct request *r, struct arena *names)
{
	size_t slash = r->name.n;
	struct stat st;
	char *dir;

	while (slash && r->name.p[slash - 1] != '/')
		slash--;
	if (!slash)
		return 1;
	dir = arena_str(names, slice_take(r->name, slash));
	if (!dir)
		return error_set(r->err, ERROR_NOMEM, "out of memory for a path");
	r->name = slice_skip(r->name, slash);
	if (memchr(dir, '\0', slash) || stat(dir, &st) < 0)
		return 0;
	r->in_dir = true;
	r->dev = st.st_dev;
	r->ino = st.st_ino;
	return 1;
}

static int try_units(struct request *r)
{
	for (size_t i = 0; i < r->q->layout.count; i++)
		if (try_unit(r, sendmail_unit(r->q->layout.units[i])) < 0)
			return -1;
	return r->found;
}

static int try_text(struct request *r, struct slice text)
{
	int go;

	r->name = text;
	r->in_dir = false;
	go = take_path(r, r->names);
	return go > 0 ? try_units(r) : go;
}

/* As it stands first: names may end in a blank or in what is a mark elsewhere. */
int sendmail_find(const struct queue *q, struct slice id, struct arena *names,
		  struct message_entry *out, int room, struct error *err)
{
	const struct slice trimmed = slice_trim(id);
	const struct slice forms[] = {id, trimmed, without_mark(trimmed)};
	struct request r = {
	    .q = sendmail_queue(q), .names = names, .out = out, .room = room, .err = err};
	int found = 0;

	for (size_t i = 0; found == 0 && i < sizeof forms / sizeof forms[0]; i++)
		if (i == 0 || forms[i].n != forms[i - 1].n)
			found = try_text(&r, forms[i]);
	return found;
}
