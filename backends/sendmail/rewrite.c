/*
 * Writing a control file anew: complete and on disk under a name that sendmail ignores, locked
 * before it is seen, then renamed over the old one.
 */
#ifdef __linux__
#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1 /* renameat2 */
#endif
#endif
#include "act.h"

#include <mtaq/jsonbytes.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const char temp_prefix[] = ".mtaq.";

const char *act_path(struct held *h, struct slice dir, const char *name)
{
	struct slice s = arena_printf(&h->arena, "%" SLICE_FMT "/%s", SLICE_ARG(dir), name);

	return s.p ? s.p : name;
}

const char *act_file(struct held *h, const char *prefix, struct slice id)
{
	return arena_printf(&h->arena, "%s%" SLICE_FMT, prefix, SLICE_ARG(id)).p;
}

int act_change(struct held *h, json_t *change, struct error *err)
{
	if (!change || json_array_append_new(h->changes, change) < 0)
		return error_set(err, ERROR_NOMEM, "out of memory for the journal");
	return 0;
}

/* ---- what is to be synced ---- */

void act_sync_later(struct action *a, int fd)
{
	struct act *act = act_of(a);

	for (size_t i = 0; i < act->unsynced_count; i++)
		if (act->unsynced[i] == fd)
			return;
	if (act->unsynced_count == act->unsynced_room) {
		act->unsynced_room = act->unsynced_room * 2 + 8;
		act->unsynced = realloc(act->unsynced, act->unsynced_room * sizeof *act->unsynced);
		if (!act->unsynced)
			abort();
	}
	act->unsynced[act->unsynced_count++] = fd;
}

int sendmail_sync(struct action *a, struct error *err)
{
	struct act *act = act_of(a);
	int r = 0;

	for (size_t i = 0; i < act->unsynced_count; i++)
		if (fsync(act->unsynced[i]) < 0)
			r = error_sys(err, errno, "fsync in the queue");
	act->unsynced_count = 0;
	return r;
}

/* ---- temporaries ---- */

void temp_name(char out[TEMP_NAME], struct slice id)
{
	snprintf(out, TEMP_NAME, "%s%" SLICE_FMT ".%ld", temp_prefix, SLICE_ARG(id),
		 (long)getpid());
}

/* The process id at the end of one of our names; 0 when it is none. */
static pid_t temp_owner(const char *name)
{
	struct slice s = slice_from(name), part = SLICE_NONE;
	uint64_t pid;

	if (!slice_starts(s, slice_from(temp_prefix)))
		return 0;
	s = slice_skip(s, sizeof temp_prefix - 1);
	while (slice_cut(&s, '.', &part))
		;
	return slice_u64(part, &pid) && pid > 1 && pid < INT32_MAX ? (pid_t)pid : 0;
}

/* Its process is dead as far as this system can see, and nobody has it locked: another system that
 * shares the directory would. */
static void sweep_one(int dirfd, const char *name)
{
	pid_t owner = temp_owner(name);
	int fd;

	if (!owner || owner == getpid() || kill(owner, 0) == 0 || errno != ESRCH)
		return;
	fd = sys_open_file(dirfd, name, SYS_READ_WRITE, name, NULL, NULL);
	if (fd >= 0 && lock_file(fd) == 0)
		unlinkat(dirfd, name, 0);
	sys_close(fd);
}

void sweep_temporaries(int dirfd)
{
	DIR *d = sys_opendir_at(dirfd, ".", ".", NULL);
	struct dirent *e;

	while (d && sys_readdir(d, ".", &e, NULL) > 0)
		if (e->d_name[0] == '.')
			sweep_one(dirfd, e->d_name);
	if (d)
		closedir(d);
}

static int make_temp(struct held *h, struct error *err)
{
	struct grip *g = grip_of(h);
	int fd;

	temp_name(g->temp, h->message.id);
	fd = openat(g->unit->qf_fd, g->temp,
		    O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK, 0600);
	if (fd < 0) {
		error_sys(err, errno, "%s", act_path(h, g->unit->qf, g->temp));
		g->temp[0] = '\0';
		return -1;
	}
	g->temp_fd = fd;
	return 0;
}

/* The owner first: changing it takes rights away. */
static int fill_temp(struct action *a, struct held *h, struct slice text, struct error *err)
{
	const struct grip *g = grip_of(h);
	const struct stat *st = &g->st;

	if (lock_file(g->temp_fd) == 0 && fchown(g->temp_fd, st->st_uid, st->st_gid) == 0 &&
	    fchmod(g->temp_fd, st->st_mode & 07777) == 0 &&
	    sys_write_all(g->temp_fd, text.p, text.n) == 0) {
		act_sync_later(a, g->temp_fd);
		return 0;
	}
	return error_sys(err, errno, "%s", act_path(h, g->unit->qf, g->temp));
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
	struct slice text;

	if (qf_edits_apply(e, &text, err) < 0 || make_temp(h, err) < 0)
		return -1;
	return fill_temp(a, h, text, err);
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

#if defined(__linux__) && defined(RENAME_NOREPLACE)
static int rename_noreplace(int from_fd, const char *from, int to_fd, const char *to)
{
	return renameat2(from_fd, from, to_fd, to, RENAME_NOREPLACE);
}
#else
static int rename_noreplace(int from_fd, const char *from, int to_fd, const char *to)
{
	(void)from_fd, (void)from, (void)to_fd, (void)to;
	errno = ENOSYS;
	return -1;
}
#endif

int rename_new(int from_fd, const char *from, int to_fd, const char *to)
{
	if (rename_noreplace(from_fd, from, to_fd, to) == 0)
		return 0;
	if (errno != ENOSYS && errno != EINVAL)
		return -1;
	/* where there is no such call: both names for a moment, of one file */
	if (linkat(from_fd, from, to_fd, to, 0) < 0)
		return -1;
	return unlinkat(from_fd, from, 0);
}

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
	if (rename_new(g->unit->qf_fd, g->name, g->unit->qf_fd, g->new_name) < 0)
		return error_sys(err, errno, "%s", act_path(h, g->unit->qf, g->new_name));
	h->committed = true;
	act_sync_later(a, g->unit->qf_fd);
	return 0;
}
