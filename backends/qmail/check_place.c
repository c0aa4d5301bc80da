/* Where the files of a queue belong, and to whom. */
#include "check.h"

#include <pwd.h>
#include <stdio.h>

struct slice place_dir(struct arena *a, const struct queue_qmail *q, enum qmail_dir dir, int d)
{
	if (dir == DIR_COUNT)
		return arena_copy(a, slice_from(q->base.dir));
	if (d == FLAT)
		return arena_printf(a, "%s/%s", q->base.dir, qmail_dir_name(dir));
	return arena_printf(a, "%s/%s/%d", q->base.dir, qmail_dir_name(dir), d);
}

int place_split(const struct queue_qmail *q, enum qmail_dir dir, uint64_t n)
{
	bool split =
	    dir < (int)DIR_SPLIT_COUNT || (q->big_todo && (dir == DIR_TODO || dir == DIR_INTD));

	return split ? (int)(n % q->split) : FLAT;
}

struct step_place place_of(struct arena *a, const struct queue_qmail *q, enum qmail_file f,
			   uint64_t n)
{
	struct step_place p;
	enum qmail_dir dir;
	size_t d = qmail_dir_of(q, f, n, &dir);

	p.dir = place_dir(a, q, dir, d == q->split ? FLAT : (int)d);
	p.name = arena_printf(a, "%llu", (unsigned long long)n);
	return p;
}

void place_path(const struct queue_qmail *q, enum qmail_file f, uint64_t n, struct file_path *out)
{
	enum qmail_dir dir;
	size_t d = qmail_dir_of(q, f, n, &dir);
	int at = snprintf(out->full, sizeof out->full, "%s/", q->base.dir);

	out->name = out->full + at;
	if (d == q->split)
		snprintf(out->full + at, PART_ROOM, "%s/%llu", qmail_dir_name(dir),
			 (unsigned long long)n);
	else
		snprintf(out->full + at, PART_ROOM, "%s/%zu/%llu", qmail_dir_name(dir), d,
			 (unsigned long long)n);
}

int place_stat(const struct queue_qmail *q, enum qmail_file f, uint64_t n, struct stat *st,
	       struct error *err)
{
	struct file_path path;
	struct error e = ERROR_INIT;

	place_path(q, f, n, &path);
	if (sys_stat(q->fd, path.name, path.full, st, &e) == 0)
		return 1;
	if (e.code == ERROR_GONE)
		return 0;
	if (err && err->code == ERROR_NONE)
		*err = e;
	return -1;
}

int place_open(const struct queue_qmail *q, enum qmail_file f, uint64_t n, struct stat *st,
	       struct error *err)
{
	struct file_path path;

	place_path(q, f, n, &path);
	return sys_open_file(q->fd, path.name, SYS_READ, path.full, st, err);
}

mode_t file_mode(enum qmail_file f)
{
	switch (f) {
	case FILE_INFO:
	case FILE_LOCAL:
	case FILE_REMOTE:
	case FILE_BOUNCE:
		return 0600;
	default:
		return 0644;
	}
}

uid_t file_owner(const struct owners *o, enum qmail_file f)
{
	return file_mode(f) == 0600 ? o->send : o->queue;
}

bool is_old(int64_t now, const struct stat *st)
{
	return now > st->st_atime + OSSIFIED;
}

/* ---- whom the directories belong to ---- */

struct vote {
	uint64_t id;
	size_t count;
};

/* The candidate of the majority, if there is one. */
static void vote(struct vote *v, uint64_t id)
{
	if (v->count == 0)
		v->id = id;
	if (v->id == id)
		v->count++;
	else
		v->count--;
}

static void vote_dir(const struct queue_qmail *q, const char *path, struct vote *user,
		     struct vote *group)
{
	struct stat st;

	if (sys_stat(q->fd, path, path, &st, NULL) < 0 || !S_ISDIR(st.st_mode))
		return;
	vote(user, st.st_uid);
	vote(group, st.st_gid);
}

static void vote_split(const struct queue_qmail *q, const char *name, struct vote *user,
		       struct vote *group)
{
	char path[PART_ROOM];

	vote_dir(q, name, user, group);
	for (unsigned d = 0; d < q->split; d++) {
		snprintf(path, sizeof path, "%s/%u", name, d);
		vote_dir(q, path, user, group);
	}
}

/* Is this the user of that name here? */
static bool is_user(const char *name, uid_t uid, uid_t *other, const char *other_name)
{
	struct passwd pw, *found = NULL;
	char room[1024];

	if (getpwnam_r(name, &pw, room, sizeof room, &found) != 0 || !found || pw.pw_uid != uid)
		return false;
	if (getpwnam_r(other_name, &pw, room, sizeof room, &found) != 0 || !found)
		return false;
	*other = pw.pw_uid;
	return true;
}

void owners_find(const struct queue_qmail *q, struct owners *out)
{
	struct vote send = {0, 0}, queue = {0, 0}, group = {0, 0};

	vote_split(q, "mess", &queue, &group);
	vote_split(q, "info", &send, &group);
	vote_split(q, "local", &send, &group);
	vote_split(q, "remote", &send, &group);
	*out = (struct owners){
	    .send = (uid_t)send.id, .queue = (uid_t)queue.id, .group = (gid_t)group.id};
	out->remote_known = is_user("qmails", out->send, &out->remote, "qmailr");
}
