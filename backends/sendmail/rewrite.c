/*
 * Writing a control file anew: complete and on disk under a name that sendmail ignores, locked
 * before it is seen, then renamed over the old one.
 */
#include "act.h"

#include <mtaq/jsonbytes.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

/* ---- the new file ---- */

/* The owner first: changing it takes rights away. */
static int fill(struct action *a, int fd, const struct stat *st, struct slice text)
{
	if (lock_file(fd) < 0 || fchown(fd, st->st_uid, st->st_gid) < 0 ||
	    fchmod(fd, st->st_mode & 07777) < 0 || sys_write_all(fd, text.p, text.n) < 0)
		return -1;
	act_sync_later(a, fd);
	return 0;
}

int rewrite_file(struct action *a, struct held *h, int dirfd, const char *dir, const char *name,
		 struct slice text, struct error *err)
{
	const char *path = act_path(h, slice_from(dir), name);
	int fd = openat(dirfd, name,
			O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK, 0600);

	if (fd < 0)
		return error_sys(err, errno, "%s", path);
	act_made(h, dirfd, name);
	if (fill(a, fd, &grip_of(h)->st, text) == 0)
		return fd;
	error_sys(err, errno, "%s", path);
	sys_close(fd);
	return -1;
}

/* ---- preparing ---- */

static int record(struct held *h, const struct qf_edits *e, struct error *err)
{
	const struct grip *g = grip_of(h);

	if (e->count && act_change(h, qf_edits_json(e), err) < 0)
		return -1;
	if (!g->new_name[0])
		return 0;
	return act_change(h,
			  json_pack("{s:s, s:o, s:o}", "what", "rename", "from",
				    json_bytes(slice_from(g->name)), "to",
				    json_bytes(slice_from(g->new_name))),
			  err);
}

static int write_new_text(struct action *a, struct held *h, const struct qf_edits *e,
			  struct error *err)
{
	struct grip *g = grip_of(h);
	struct slice text;

	if (qf_edits_apply(e, &text, err) < 0)
		return -1;
	temp_name(g->temp, TEMP_PREFIX, h->message.id);
	g->temp_fd = rewrite_file(a, h, g->unit->qf_fd, g->unit->qf.p, g->temp, text, err);
	return g->temp_fd < 0 ? -1 : 0;
}

int rewrite_prepare(struct action *a, struct held *h, const struct qf_edits *e, const char *prefix,
		    struct error *err)
{
	struct grip *g = grip_of(h);

	if (e->count && !qf_editable(e->text))
		return error_set(err, ERROR_CORRUPT,
				 "%s does not end as it should: it is not edited",
				 act_path(h, g->unit->qf, g->name));
	if (prefix && memcmp(prefix, g->name, 2) != 0)
		snprintf(g->new_name, sizeof g->new_name, "%.2s%s", prefix, g->name + 2);
	if (!e->count && !g->new_name[0])
		return 0;
	if (record(h, e, err) < 0)
		return -1;
	if (!a->dry_run && e->count && write_new_text(a, h, e, err) < 0)
		return -1;
	return 1;
}

/* ---- publishing ---- */

static int publish(struct action *a, struct held *h, struct error *err)
{
	struct grip *g = grip_of(h);

	if (!g->temp[0])
		return 0;
	if (renameat(g->unit->qf_fd, g->temp, g->unit->qf_fd, g->name) < 0)
		return error_sys(err, errno, "%s", act_path(h, g->unit->qf, g->name));
	g->temp[0] = '\0';
	h->committed = true;
	act_sync_later(a, g->unit->qf_fd);
	return 0;
}

int rewrite_commit(struct action *a, struct held *h, struct error *err)
{
	struct grip *g = grip_of(h);

	if (publish(a, h, err) < 0)
		return -1;
	if (!g->new_name[0])
		return 0;
	if (sys_rename_new(g->unit->qf_fd, g->name, g->unit->qf_fd, g->new_name) < 0)
		return error_sys(err, errno, "%s", act_path(h, g->unit->qf, g->new_name));
	h->committed = true;
	act_sync_later(a, g->unit->qf_fd);
	return 0;
}
