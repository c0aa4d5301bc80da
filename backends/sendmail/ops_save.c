/*
 * save: a copy into a plain directory, exact bytes, owner, mode and times, with a note beside it as
 * in the trash. The message is locked meanwhile, so that control and data file belong together.
 *
 * The files come under names of our own first; the note is written when they are complete, and then
 * they get their names: a note whose files are not there is what a run that was cut off left, and
 * may be replaced.
 */
#include "act.h"

#include <mtaq/jsonbytes.h>
#include <mtaq/limits.h>
#include <mtaq/saved.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* Copies in a queue would be sent too. One that holds saved messages looks like one, but for the
 * notes. */
static int check_no_queue(const char *path, struct error *err)
{
	enum { LOOKS_QUEUE = 75 };
	struct dirent *e;
	bool notes = false;
	int fd;
	DIR *d;

	if (layout_detect(path, NULL) < LOOKS_QUEUE)
		return 0;
	fd = sys_open_dir(path, err);
	d = fd < 0 ? NULL : sys_opendir_at(fd, ".", path, err);
	sys_close(fd);
	if (!d)
		return -1;
	while (!notes && sys_readdir(d, path, &e, NULL) > 0)
		notes = slice_ends(slice_from(e->d_name), SLICE(".json"));
	closedir(d);
	return notes ? 0
		     : error_set(err, ERROR_USAGE,
				 "%s is a queue: what is copied there would be sent", path);
}

int save_begin(struct action *a, struct error *err)
{
	struct target *t = &act_of(a)->target;
	char path[PATH_MAX];
	int there;

	*t = (struct target){.dir_fd = -1, .place = {.qf_fd = -1, .df_fd = -1}};
	there = sys_real_path(a->args->target, path, sizeof path, err);
	if (there < 0 || target_check(queue_of(a), path, err) < 0)
		return -1;
	if (!there && a->dry_run)
		return 0;
	if (!there && sys_make_dir(path, err) < 0)
		return -1;
	if (target_no_unit(queue_of(a), path, err) < 0 || check_no_queue(path, err) < 0)
		return -1;
	t->dir_fd = sys_open_dir(path, err);
	if (t->dir_fd < 0)
		return -1;
	t->path = strdup(path);
	if (!t->path)
		return error_set(err, ERROR_NOMEM, "out of memory");
	t->place =
	    (struct place){.qf_fd = t->dir_fd, .df_fd = t->dir_fd, .qf = t->path, .df = t->path};
	if (!a->dry_run)
		sweep_temporaries(t->dir_fd);
	return 0;
}

/* ---- is it there already? ---- */

/* The control file that lies saved is, byte for byte, what the message has now. */
static bool is_same_text(struct held *h, int folder, const char *name)
{
	struct slice text;
	int fd = sys_open_file(folder, name, SYS_READ, name, NULL, NULL);
	bool same;

	if (fd < 0)
		return false;
	same = sys_read_all(fd, 0, LIMIT_CONTROL_BYTES, &h->arena, name, &text, NULL) == 0 &&
	       slice_eq(text, h->message.control_text);
	sys_close(fd);
	return same;
}

/* 1 free, or left by a run that was cut off; 0 it is saved already; -1 */
static int check_folder(struct held *h, int folder, const char *dir, struct error *err)
{
	const struct grip *g = grip_of(h);
	char data[TEMP_NAME];
	const char *const names[] = {g->name, data};
	struct error e = ERROR_INIT;
	json_t *note = saved_read_note(folder, h->message.id, &e);
	bool complete = note && saved_check_complete(folder, note, NULL) == 0;

	json_decref(note);
	if (complete && is_same_text(h, folder, g->name))
		return 0;
	if (complete || (!note && e.code != ERROR_GONE))
		return error_set(err, ERROR_DENIED,
				 "refused: there is another one of this id in %s", dir);
	/* without a note it is not of a run that was cut off */
	snprintf(data, sizeof data, "df%" SLICE_FMT, SLICE_ARG(h->message.id));
	for (int i = 0; !note && i < 2; i++)
		if (file_exists(folder, names[i]))
			return error_set(err, ERROR_DENIED, "refused: %s is there already",
					 act_path(h, slice_from(dir), names[i]));
	return 1;
}

/* ---- saving ---- */

struct copying {
	char name[TEMP_NAME], temp[TEMP_NAME];
};

static void names_of(const struct held *h, bool data, struct copying *out)
{
	if (data)
		snprintf(out->name, sizeof out->name, "df%" SLICE_FMT, SLICE_ARG(h->message.id));
	else
		snprintf(out->name, sizeof out->name, "%s", grip_of(h)->name);
	temp_name(out->temp, TEMP_PREFIX, slice_from(out->name));
}

static int copy_one(const struct target *t, struct held *h, bool data, struct error *err)
{
	const struct grip *g = grip_of(h);
	struct copying c;

	names_of(h, data, &c);
	if (sys_copy_file(data ? g->data->df_fd : g->unit->qf_fd, c.name, t->dir_fd, c.temp) < 0)
		return error_sys(err, errno, "%s", act_path(h, slice_from(t->path), c.temp));
	act_made(h, t->dir_fd, c.temp);
	return 0;
}

int save_prepare(struct action *a, struct held *h, struct error *err)
{
	const struct target *t = &act_of(a)->target;
	int r;

	if (!grip_of(h)->data)
		return error_set(err, ERROR_DENIED, "refused: its data file is missing");
	r = t->path ? check_folder(h, t->dir_fd, t->path, err) : 1;
	if (r <= 0)
		return r;
	if (act_change(h,
		       json_pack("{s:s, s:o}", "what", "save", "to",
				 json_bytes(slice_from(a->args->target))),
		       err) < 0)
		return -1;
	if (a->dry_run)
		return 1;
	act_sync_later(a, t->dir_fd);
	return copy_one(t, h, true, err) < 0 || copy_one(t, h, false, err) < 0 ? -1 : 1;
}

static int name_one(const struct target *t, const struct held *h, bool data)
{
	struct copying c;

	names_of(h, data, &c);
	return renameat(t->dir_fd, c.temp, t->dir_fd, c.name);
}

int save_commit(struct action *a, struct held *h, struct error *err)
{
	const struct target *t = &act_of(a)->target;
	json_t *note = sendmail_note(a, h, err);
	int r = note ? saved_write_note(t->dir_fd, note, err) : -1;

	json_decref(note);
	if (r < 0)
		return -1;
	if (name_one(t, h, true) < 0 || name_one(t, h, false) < 0)
		return error_sys(err, errno, "%s", t->path);
	h->committed = true;
	act_sync_later(a, t->dir_fd);
	return 0;
}
