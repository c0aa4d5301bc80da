/* Steps that mend a message where it is: what is left over goes, texts are written anew, owners and
 * modes set. */
#include "mending.h"

/* In the order in which a message is taken away: info before todo, so that it never seems to be
 * preprocessed; mess last, without which nothing is a message. */
static const enum qmail_file away[FILE_COUNT] = {
    FILE_BOUNCE,     FILE_INFO, FILE_LOCAL,	 FILE_REMOTE, FILE_TODO,
    FILE_TODO_OTHER, FILE_INTD, FILE_INTD_OTHER, FILE_MESS,
};

int step_trash_all(struct repair *r, struct mend *m, const struct look *l, struct error *err)
{
	for (size_t i = 0; i < FILE_COUNT; i++)
		if (look_has(l, away[i]) && step_file(r, m, STEP_TRASH, l, away[i], err) < 0)
			return -1;
	m->did = SLICE("the whole message into the trash");
	return 1;
}

/* ---- texts ---- */

static int read_text(struct repair *r, struct mend *m, const struct look *l, enum qmail_file f,
		     struct slice *out, struct error *err)
{
	const struct queue_qmail *q = queue_qmail(r->queue);
	struct file_path path;
	struct stat st;
	int result, fd = place_open(q, f, l->n, &st, err);

	place_path(q, f, l->n, &path);
	if (fd < 0)
		return -1;
	result = st.st_ino == l->st[f].st_ino
		     ? sys_read_all(fd, (size_t)st.st_size, LIMIT_CONTROL_BYTES, &m->arena,
				    path.full, out, err)
		     : error_set(err, ERROR_STALE, "%s has changed meanwhile", path.full);
	sys_close(fd);
	return result;
}

/* Does a channel hold anybody, other than file `f`? */
static bool has_others(struct repair *r, struct mend *m, const struct look *l, enum qmail_file f)
{
	const enum qmail_file other = f == FILE_LOCAL ? FILE_REMOTE : FILE_LOCAL;
	struct slice text;
	struct record rec;

	if (!look_has(l, other) || !S_ISREG(l->st[other].st_mode) ||
	    read_text(r, m, l, other, &text, NULL) < 0)
		return false;
	while (record_next(&text, &rec) != 0)
		if (rec.type == 'T')
			return true;
	return false;
}

static int write_anew(struct repair *r, struct mend *m, const struct look *l, enum qmail_file f,
		      enum text_kind kind, struct error *err)
{
	struct repair_step s;
	struct slice old;
	const char *what;
	bool lost;

	if (read_text(r, m, l, f, &old, err) < 0)
		return -1;
	s = step_of(r, m, STEP_REPLACE, l, f);
	s.text = text_mend(&m->arena, kind, old, &what, &lost);
	if (!s.text.p)
		return error_set(err, ERROR_NOMEM, "out of memory");
	if (!what)
		return 0;
	if (lost && kind == TEXT_INFO)
		m->did =
		    SLICE("the null sender put in, so that failures are told to the postmaster");
	if (lost && kind == TEXT_CHANNEL && has_others(r, m, l, f))
		return step_file(r, m, STEP_TRASH, l, f, err) < 0 ? -1 : 1;
	if (lost && kind != TEXT_INFO)
		return step_trash_all(r, m, l, err);
	return mend_add(m, &s, err) < 0 ? -1 : 1;
}

/* intd is the same file under another name. */
static int write_todo(struct repair *r, struct mend *m, const struct look *l, enum qmail_file todo,
		      struct error *err)
{
	const enum qmail_file intd = todo == FILE_TODO ? FILE_INTD : FILE_INTD_OTHER;
	int result = write_anew(r, m, l, todo, TEXT_TODO, err);
	struct repair_step s;

	/* nothing to link where the whole message goes */
	if (result <= 0 || m->count != 1 || m->steps[0].kind != STEP_REPLACE)
		return result;
	if (look_has(l, intd) && step_file(r, m, STEP_TRASH, l, intd, err) < 0)
		return -1;
	s = step_of(r, m, STEP_LINK, l, todo);
	s.was = (struct stat){.st_ino = 0};
	s.to = place_of(&m->arena, queue_qmail(r->queue), intd, l->n);
	return mend_add(m, &s, err) < 0 ? -1 : 1;
}

/* ---- what is no file ---- */

static int make_info(struct repair *r, struct mend *m, const struct look *l, struct error *err)
{
	struct repair_step s = step_of(r, m, STEP_REPLACE, l, FILE_INFO);

	s.text = slice_of("F", 2);
	if (S_ISDIR(l->st[FILE_INFO].st_mode)) {
		if (step_file(r, m, STEP_TRASH, l, FILE_INFO, err) < 0)
			return -1;
		s.kind = STEP_MAKE;
	}
	return mend_add(m, &s, err) < 0 ? -1 : 1;
}

static int drop_channel(struct repair *r, struct mend *m, const struct look *l, enum qmail_file f,
			struct error *err)
{
	if (!has_others(r, m, l, f))
		return step_trash_all(r, m, l, err);
	return step_file(r, m, STEP_TRASH, l, f, err) < 0 ? -1 : 1;
}

static int todo_from_intd(struct repair *r, struct mend *m, const struct look *l,
			  enum qmail_file todo, struct error *err)
{
	const enum qmail_file intd = todo == FILE_TODO ? FILE_INTD : FILE_INTD_OTHER;
	struct repair_step s;

	if (!look_has(l, intd) || !S_ISREG(l->st[intd].st_mode))
		return step_trash_all(r, m, l, err);
	if (step_file(r, m, STEP_TRASH, l, todo, err) < 0)
		return -1;
	s = step_of(r, m, STEP_LINK, l, intd);
	s.to = place_of(&m->arena, queue_qmail(r->queue), todo, l->n);
	return mend_add(m, &s, err) < 0 ? -1 : 1;
}

/* ---- which steps ---- */

static int plan_file(struct repair *r, struct mend *m, const struct look *l, enum qmail_file f,
		     struct error *err)
{
	switch (finding_code(m->finding)) {
	case CODE_INFO_DAMAGED:
	case CODE_INFO_TAIL:
		return write_anew(r, m, l, f, TEXT_INFO, err);
	case CODE_RECIPIENTS_DAMAGED:
		return write_anew(r, m, l, f, TEXT_CHANNEL, err);
	case CODE_TODO_DAMAGED:
		return write_todo(r, m, l, f, err);
	case CODE_INFO_NOT_A_FILE:
		return make_info(r, m, l, err);
	case CODE_RECIPIENTS_NOT_A_FILE:
		return drop_channel(r, m, l, f, err);
	case CODE_TODO_NOT_A_FILE:
		return todo_from_intd(r, m, l, f, err);
	case CODE_MESS_NOT_A_FILE:
	case CODE_INFO_WITHOUT_MESS:
	case CODE_TODO_WITHOUT_MESS:
	case CODE_DEAD_INCOMING:
		return step_trash_all(r, m, l, err);
	case CODE_WRONG_OWNER:
	case CODE_WRONG_MODE:
	case CODE_OPEN_MODE:
		return step_file(r, m, STEP_ATTRIBUTES, l, f, err) < 0 ? -1 : 1;
	default:
		return step_file(r, m, STEP_TRASH, l, f, err) < 0 ? -1 : 1;
	}
}

int plan_message(struct repair *r, struct mend *m, struct error *err)
{
	enum qmail_file f = (enum qmail_file)m->finding->where;
	struct look l;
	int seen = look_at(queue_qmail(r->queue), m->finding->number, &l, err);

	if (seen < 0)
		return -1;
	if (seen == 0)
		return error_set(err, ERROR_BUSY, "qmail is at work on it");
	return look_has(&l, f) ? plan_file(r, m, &l, f, err) : 0;
}

/* ---- one step ---- */

struct repair_step step_of(struct repair *r, struct mend *m, enum step_kind kind,
			   const struct look *l, enum qmail_file f)
{
	const struct mending *own = r->own;
	struct repair_step s = {.kind = kind, .was = l->st[f]};

	s.at = place_of(&m->arena, queue_qmail(r->queue), f, l->n);
	if (kind != STEP_ATTRIBUTES && kind != STEP_REPLACE && kind != STEP_MAKE)
		return s;
	s.mode = S_IFREG | file_mode(f);
	s.uid = file_owner(&own->check.owners, f);
	/* mess and todo keep the group of whoever handed them in */
	s.gid = file_mode(f) == 0600 ? own->check.owners.group : l->st[f].st_gid;
	return s;
}

int step_file(struct repair *r, struct mend *m, enum step_kind kind, const struct look *l,
	      enum qmail_file f, struct error *err)
{
	struct repair_step s = step_of(r, m, kind, l, f);

	return mend_add(m, &s, err);
}
