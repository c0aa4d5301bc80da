/* Copying a message out of the queue: see export.h. */
#include "export.h"
#include "steps.h"

#include <mtaq/saved.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

enum { COPY_BYTES = 65536 };

struct slice export_name(struct arena *a, struct slice id, const char *role)
{
	return arena_printf(a, "%" SLICE_FMT ".%s", SLICE_ARG(id), role);
}

/* ---- copying one file ---- */

static int copy_bytes(int from, int to, const char *name, struct error *err)
{
	char buffer[COPY_BYTES];
	off_t at = 0;
	ssize_t got;

	while ((got = sys_pread(from, buffer, sizeof buffer, at)) > 0) {
		if (sys_write_all(to, buffer, (size_t)got) < 0)
			return error_sys(err, errno, "%s", name);
		at += got;
	}
	return got < 0 ? error_sys(err, errno, "%s", name) : 0;
}

/* Only root may give files away; whoever else acts keeps them as his own. */
static int set_owner(int fd, const struct stat *st, const char *name, struct error *err)
{
	if (fchown(fd, st->st_uid, st->st_gid) < 0 && errno != EPERM)
		return error_sys(err, errno, "%s", name);
	if (fchmod(fd, st->st_mode & 07777) < 0)
		return error_sys(err, errno, "%s", name);
	return 0;
}

int export_copy(int folder, const char *name, int from, const struct stat *st, struct error *err)
{
	struct timespec times[2] = {st->st_atim, st->st_mtim};
	int r,
	    fd = openat(folder, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);

	if (fd < 0)
		return error_sys(err, errno, "%s", name);
	r = copy_bytes(from, fd, name, err);
	if (r == 0)
		r = set_owner(fd, st, name, err);
	if (r == 0 && (futimens(fd, times) < 0 || fsync(fd) < 0))
		r = error_sys(err, errno, "%s", name);
	if (close(fd) < 0 && r == 0)
		r = error_sys(err, errno, "%s", name);
	if (r < 0)
		unlinkat(folder, name, 0);
	return r;
}

/* ---- the files of a message ---- */

/* What is left of a copy that was never finished: it has no note. */
static int make_room(struct export *x, struct slice name, struct error *err)
{
	if (unlinkat(x->folder, name.p, 0) == 0 || errno == ENOENT)
		return 0;
	return error_sys(err, errno, "%s", name.p);
}

static int add_file(struct action *a, struct held *h, struct export *x, const char *role,
		    enum qmail_file f, int fd, const struct stat *st, struct error *err)
{
	const struct queue_qmail *q = queue_qmail(h->message.queue);
	struct slice name = export_name(&h->arena, x->id, role);
	struct file_path path;
	int linked = 0;

	if (!name.p)
		return error_set(err, ERROR_LIMIT, "out of memory");
	if (qmail_path(q, f, held_pin(h)->n, &path, err) < 0 || make_room(x, name, err) < 0)
		return -1;
	if (f == FILE_MESS && x->link)
		linked = step_link_out(a, f, held_pin(h)->n, x->folder, name.p, err);
	if (linked < 0 || (!linked && export_copy(x->folder, name.p, fd, st, err) < 0))
		return -1;
	x->made[x->made_count++] = name;
	return saved_note_file(x->note, role, name, slice_from(path.name), st, err);
}

/* Was it the message's own mess that was linked? */
static int check_link(struct held *h, struct export *x, struct error *err)
{
	const struct stat *mess = &held_pin(h)->mess_st;
	struct stat st;

	if (sys_stat(x->folder, x->made[0].p, x->made[0].p, &st, err) < 0)
		return -1;
	if (st.st_nlink > 1 && (st.st_ino != mess->st_ino || st.st_dev != mess->st_dev))
		return error_set(err, ERROR_STALE, "its number belongs to another message now");
	return 0;
}

static int open_bounce(struct held *h, struct export *x, struct error *err)
{
	const struct queue_qmail *q = queue_qmail(h->message.queue);
	struct error e = ERROR_INIT;
	struct file_path path;

	x->bounce = -1;
	if (qmail_path(q, FILE_BOUNCE, held_pin(h)->n, &path, err) < 0)
		return -1;
	x->bounce = sys_open_file(q->fd, path.name, SYS_READ, path.full, &x->bounce_st, &e);
	if (x->bounce >= 0 || e.code == ERROR_GONE)
		return 0;
	if (err && err->code == ERROR_NONE)
		*err = e;
	return -1;
}

static int add_files(struct action *a, struct held *h, struct export *x, struct error *err)
{
	const struct pin *p = held_pin(h);

	if (add_file(a, h, x, "mess", FILE_MESS, p->mess, &p->mess_st, err) < 0 ||
	    check_link(h, x, err) < 0)
		return -1;
	if (p->info >= 0 && add_file(a, h, x, "info", FILE_INFO, p->info, &p->info_st, err) < 0)
		return -1;
	if (p->channel[0] >= 0 &&
	    add_file(a, h, x, "local", FILE_LOCAL, p->channel[0], &p->channel_st[0], err) < 0)
		return -1;
	if (p->channel[1] >= 0 &&
	    add_file(a, h, x, "remote", FILE_REMOTE, p->channel[1], &p->channel_st[1], err) < 0)
		return -1;
	if (p->todo >= 0 && add_file(a, h, x, "todo", p->todo_file, p->todo, &p->todo_st, err) < 0)
		return -1;
	return x->bounce < 0
		   ? 0
		   : add_file(a, h, x, "bounce", FILE_BOUNCE, x->bounce, &x->bounce_st, err);
}

/* Somebody else's complete copy under this name is not written over. */
static int check_free(struct held *h, const struct export *x, struct error *err)
{
	struct slice name = export_name(&h->arena, x->id, "json");
	struct stat st;

	if (!name.p)
		return error_set(err, ERROR_LIMIT, "out of memory");
	if (fstatat(x->folder, name.p, &st, AT_SYMLINK_NOFOLLOW) == 0)
		return error_set(err, ERROR_DENIED, "%s is there already", name.p);
	return errno == ENOENT ? 0 : error_sys(err, errno, "%s", name.p);
}

int export_message(struct action *a, struct held *h, struct export *x, struct error *err)
{
	x->id = h->item->id;
	x->bounce = -1;
	if (check_free(h, x, err) < 0)
		return -1;
	x->note = saved_note(a, h);
	if (!x->note)
		return error_set(err, ERROR_NOMEM, "out of memory");
	if (open_bounce(h, x, err) < 0 || add_files(a, h, x, err) < 0 ||
	    saved_write_note(x->folder, x->note, err) < 0)
		return -1;
	x->noted = true;
	return pin_check(a, h, err);
}

int export_again(struct export *x, struct slice name, int from, struct error *err)
{
	json_t *files = json_object_get(x->note, "files"), *f;
	struct stat st;
	size_t i;

	if (fstat(from, &st) < 0)
		return error_sys(err, errno, "%s", name.p);
	if (make_room(x, name, err) < 0 || export_copy(x->folder, name.p, from, &st, err) < 0)
		return -1;
	json_array_foreach(files, i, f)
	{
		const char *own = json_string_value(json_object_get(f, "name"));

		if (own && slice_eq(slice_from(own), name))
			json_object_set_new(f, "size", json_integer((json_int_t)st.st_size));
	}
	return saved_write_note(x->folder, x->note, err);
}

/* The note first: without it the rest is nothing. */
void export_discard(struct export *x)
{
	struct error e = ERROR_INIT;

	if (x->noted)
		saved_remove(x->folder, x->note, &e);
	for (size_t i = 0; i < x->made_count; i++)
		unlinkat(x->folder, x->made[i].p, 0);
	x->made_count = 0;
	x->noted = false;
}

void export_close(struct export *x)
{
	json_decref(x->note);
	sys_close(x->bounce);
	x->note = NULL;
	x->bounce = -1;
}
