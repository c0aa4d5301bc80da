/* Whom the files of a queue must belong to: see owners.h. */
#include "owners.h"

#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>

enum { ENTRY_ROOM = 4096 }; /* of the user database */

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

/* ---- what the directories say ---- */

struct votes {
	uint32_t *ids;
	size_t count;
};

static void vote(struct votes *v, uint32_t id)
{
	v->ids[v->count++] = id;
}

static void vote_dir(const struct queue_qmail *q, const char *path, struct votes *user,
		     struct votes *group)
{
	struct stat st;

	if (sys_stat(q->fd, path, path, &st, NULL) < 0 || !S_ISDIR(st.st_mode))
		return;
	vote(user, st.st_uid);
	vote(group, st.st_gid);
}

static void vote_split(const struct queue_qmail *q, enum qmail_dir dir, struct votes *user,
		       struct votes *group)
{
	const char *name = qmail_dir_name(dir);
	char path[PART_ROOM];

	vote_dir(q, name, user, group);
	for (unsigned d = 0; d < q->split; d++) {
		snprintf(path, sizeof path, "%s/%u", name, d);
		vote_dir(q, path, user, group);
	}
}

/* Whom more than half of them are for. */
static bool majority(const struct votes *v, uint32_t *id)
{
	size_t lead = 0, all = 0;

	for (size_t i = 0; i < v->count; i++) {
		if (lead == 0)
			*id = v->ids[i];
		if (v->ids[i] == *id)
			lead++;
		else
			lead--;
	}
	for (size_t i = 0; i < v->count; i++)
		all += v->ids[i] == *id;
	return all * 2 > v->count;
}

static bool all_are(const struct votes *v, uint32_t id)
{
	for (size_t i = 0; i < v->count; i++)
		if (v->ids[i] != id)
			return false;
	return v->count > 0;
}

/* ---- what the host says ---- */

static bool find_user(const char *name, uid_t *uid)
{
	struct passwd pw, *found = NULL;
	char room[ENTRY_ROOM];

	if (getpwnam_r(name, &pw, room, sizeof room, &found) != 0 || !found)
		return false;
	*uid = pw.pw_uid;
	return true;
}

static bool find_group(const char *name, gid_t *gid)
{
	struct group gr, *found = NULL;
	char room[ENTRY_ROOM];

	if (getgrnam_r(name, &gr, room, sizeof room, &found) != 0 || !found)
		return false;
	*gid = gr.gr_gid;
	return true;
}

/* ---- both ---- */

/* Root is none of qmail's. */
static bool choose(const struct votes *v, const char *name, uid_t *out)
{
	uint32_t id = 0;

	if (majority(v, &id) && id != 0) {
		*out = id;
		return true;
	}
	return find_user(name, out);
}

static void decide(const struct votes *send, const struct votes *queue, const struct votes *group,
		   struct owners *out)
{
	uint32_t id = 0;

	out->known = choose(send, "qmails", &out->send) && choose(queue, "qmailq", &out->queue);
	if (!out->known && send->count && all_are(send, send->ids[0]) &&
	    all_are(queue, send->ids[0])) {
		out->send = out->queue = send->ids[0];
		out->known = true;
	}
	if ((!majority(group, &id) || id == 0) && find_group("qmail", &out->group))
		return;
	out->group = id;
}

void owners_find(const struct queue_qmail *q, struct owners *out)
{
	const size_t each = (size_t)q->split + 1, all = each * DIR_SPLIT_COUNT;
	uint32_t *ids = calloc(2 * all, sizeof *ids);
	struct votes send = {ids, 0}, queue = {ids + all - each, 0}, group = {ids + all, 0};

	if (!ids)
		abort();
	*out = (struct owners){.known = false};
	vote_split(q, DIR_MESS, &queue, &group);
	vote_split(q, DIR_INFO, &send, &group);
	vote_split(q, DIR_LOCAL, &send, &group);
	vote_split(q, DIR_REMOTE, &send, &group);
	decide(&send, &queue, &group, out);
	free(ids);
}

void owners_find_remote(struct owners *o)
{
	uid_t send;

	o->remote_known = o->known && find_user("qmails", &send) && send == o->send &&
			  find_user("qmailr", &o->remote);
}

int owners_check(const struct owners *o, const struct queue_qmail *q, struct error *err)
{
	if (o->known)
		return 0;
	return error_set(
	    err, ERROR_DENIED,
	    "%s: whom its files belong to cannot be told: most of its directories are "
	    "root's, or several users', and there are no users qmails and qmailq: give "
	    "them to their owners first",
	    q->base.dir);
}
