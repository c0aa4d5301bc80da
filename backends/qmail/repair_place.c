/* Steps that mend what is no message's, or lies where it does not belong: strays, directories,
 * lock/, pid/. */
#include "mending.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

static const char zeros[1024];

/* The file of the finding, as it is now: 1, 0 when it is gone, -1. */
static int look_again(struct repair *r, struct mend *m, struct repair_step *s, struct error *err)
{
	const struct queue_qmail *q = queue_qmail(r->queue);
	const struct finding *f = m->finding;
	struct error e = ERROR_INIT;
	const char *path = f->path.p + strlen(r->queue->dir) + 1;

	*s = (struct repair_step){.kind = STEP_TRASH, .at = {f->dir, f->name}};
	if (sys_stat(q->fd, path, f->path.p, &s->was, &e) == 0)
		return 1;
	if (e.code == ERROR_GONE)
		return 0;
	if (err && err->code == ERROR_NONE)
		*err = e;
	return -1;
}

/* ---- the wrong split directory ---- */

static bool is_there(const struct queue_qmail *q, enum qmail_dir dir, unsigned d, uint64_t n)
{
	char path[PART_ROOM];
	struct stat st;

	snprintf(path, sizeof path, "%s/%u/%llu", qmail_dir_name(dir), d, (unsigned long long)n);
	return sys_stat(q->fd, path, path, &st, NULL) == 0;
}

/* info makes it a message: its recipients have to be in place by then. And mess without info is
 * none: it would be cleaned away. */
static bool others_are_misplaced(const struct queue_qmail *q, const struct finding *f)
{
	const bool mess = (enum qmail_file)f->where == FILE_MESS;
	const struct slice last = slice_from(strrchr(f->dir.p, '/') + 1);
	uint64_t own = 0;

	slice_u64(last, &own);
	for (unsigned d = 0; d <= q->split; d++) {
		/* the directory where this one is may lie past the split */
		unsigned at = d < q->split ? d : (unsigned)own;

		if (at == f->number % q->split)
			continue;
		if (mess ? is_there(q, DIR_INFO, at, f->number)
			 : is_there(q, DIR_LOCAL, at, f->number) ||
			       is_there(q, DIR_REMOTE, at, f->number))
			return true;
	}
	return false;
}

static int plan_misplaced(struct repair *r, struct mend *m, struct repair_step *s,
			  struct error *err)
{
	const struct queue_qmail *q = queue_qmail(r->queue);
	enum qmail_file f = (enum qmail_file)m->finding->where;
	struct stat st;
	int there = place_stat(q, f, m->finding->number, &st, err);
	bool second = finding_code(m->finding) != CODE_WRONG_DIRECTORY;

	if (there < 0)
		return -1;
	if (second)
		return there ? (mend_add(m, s, err) < 0 ? -1 : 1) : 0;
	if (there)
		return error_set(err, ERROR_BUSY, "there is one in the right directory by now");
	if ((f == FILE_INFO || f == FILE_MESS) && others_are_misplaced(q, m->finding))
		return error_set(err, ERROR_BUSY, "its other files have to be moved first");
	s->kind = STEP_RENAME;
	s->to = place_of(&m->arena, q, f, m->finding->number);
	return mend_add(m, s, err) < 0 ? -1 : 1;
}

/* ---- directories and lock/ ---- */

static bool is_empty(const struct queue_qmail *q, const char *path)
{
	DIR *d = sys_opendir_at(q->fd, path, path, NULL);
	struct dirent *de;
	bool empty = d && sys_readdir(d, path, &de, NULL) == 0;

	if (d)
		closedir(d);
	return empty;
}

static int plan_extra(struct repair *r, struct mend *m, struct repair_step *s, struct error *err)
{
	if (!S_ISDIR(s->was.st_mode) ||
	    !is_empty(queue_qmail(r->queue), m->finding->path.p + strlen(r->queue->dir) + 1))
		return error_set(err, ERROR_UNSUPPORTED, "%s is not empty", m->finding->path.p);
	return mend_add(m, s, err) < 0 ? -1 : 1;
}

/* The first component below the queue, which the owner and the mode go by. */
static struct slice first_of(const struct repair *r, const struct mend *m)
{
	struct slice rest = slice_skip(m->finding->path, strlen(r->queue->dir) + 1), first;

	slice_cut(&rest, '/', &first);
	return first;
}

static void rights_of_dir(const struct mending *own, struct slice first, struct repair_step *s)
{
	bool send = slice_eq(first, SLICE("info")) || slice_eq(first, SLICE("local")) ||
		    slice_eq(first, SLICE("remote")) || slice_eq(first, SLICE("bounce"));
	bool open = slice_eq(first, SLICE("mess")) || slice_eq(first, SLICE("todo")) ||
		    slice_eq(first, SLICE("lock"));

	s->uid = send ? own->check.owners.send : own->check.owners.queue;
	s->gid = own->check.owners.group;
	s->mode = S_IFDIR | (open ? 0750 : 0700);
}

static void rights_of_lock(const struct mending *own, struct slice name, struct repair_step *s)
{
	const struct owners *o = &own->check.owners;

	s->uid = o->send;
	s->gid = o->group;
	if (slice_eq(name, SLICE("trigger"))) {
		s->mode = S_IFIFO | 0622;
	} else if (slice_eq(name, SLICE("tcpto"))) {
		s->uid = o->remote_known ? o->remote : s->was.st_ino ? s->was.st_uid : o->send;
		s->mode = S_IFREG | 0644;
		s->text = slice_of(zeros, sizeof zeros);
	} else {
		s->mode = S_IFREG | 0600;
	}
}

static void rights(struct repair *r, struct mend *m, struct repair_step *s)
{
	struct slice first = first_of(r, m);
	const struct slice lock = SLICE("/lock");

	if (slice_ends(m->finding->dir, lock) && slice_eq(first, SLICE("lock")))
		rights_of_lock(r->own, m->finding->name, s);
	else
		rights_of_dir(r->own, first, s);
}

/* What is in its place goes first. */
static int plan_make(struct repair *r, struct mend *m, struct repair_step *s, bool there,
		     struct error *err)
{
	struct repair_step make = {.kind = STEP_MAKE, .at = s->at};

	if (there && mend_add(m, s, err) < 0)
		return -1;
	rights(r, m, &make);
	m->did = SLICE("made");
	return mend_add(m, &make, err) < 0 ? -1 : 1;
}

/* Its lock cannot tell: no process may be at work in the queue's directory. */
static int check_nobody(struct repair *r, struct error *err)
{
	const struct queue_qmail *q = queue_qmail(r->queue);
	int there = send_in_directory(q);

	if (there == 0)
		return 0;
	return error_set(err, ERROR_BUSY,
			 there > 0 ? "%s: qmail-send runs: stop it first"
				   : "%s: whether qmail-send runs cannot be told",
			 r->queue->dir);
}

int plan_place(struct repair *r, struct mend *m, struct error *err)
{
	struct repair_step s;
	int there = look_again(r, m, &s, err);

	if (there < 0)
		return -1;
	switch (finding_code(m->finding)) {
	case CODE_SENDMUTEX_MISSING:
		if (check_nobody(r, err) < 0)
			return -1;
		return plan_make(r, m, &s, there > 0, err);
	case CODE_DIRECTORY_MISSING:
	case CODE_TRIGGER_MISSING:
	case CODE_TCPTO_MISSING:
		return plan_make(r, m, &s, there > 0, err);
	default:
		break;
	}
	if (there == 0)
		return 0;
	switch (finding_code(m->finding)) {
	case CODE_WRONG_DIRECTORY:
	case CODE_SECOND_INFO:
	case CODE_SECOND_FILE:
		return plan_misplaced(r, m, &s, err);
	case CODE_EXTRA_DIRECTORY:
		return plan_extra(r, m, &s, err);
	case CODE_TCPTO_SIZE:
		s.kind = STEP_REPLACE;
		rights(r, m, &s);
		break;
	case CODE_TRIGGER_CLOSED:
	case CODE_WRONG_OWNER:
	case CODE_WRONG_MODE:
	case CODE_OPEN_MODE:
		s.kind = STEP_ATTRIBUTES;
		rights(r, m, &s);
		break;
	default:
		break;
	}
	return mend_add(m, &s, err) < 0 ? -1 : 1;
}
