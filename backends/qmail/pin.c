/*
 * Holding a message by its open files.
 *
 * The identity is that of the plan: inode and modification time of mess, and the inode of info when
 * the plan has seen it. What is there is opened, compared with the plan, and looked at again by
 * path: from then on a descriptor leads to nothing but this message, and pin_check() tells whether
 * the paths still do.
 */
#include "act.h"

#include <unistd.h>

static bool same_file(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

static int not_it(struct error *err)
{
	return error_set(err, ERROR_STALE, "its number belongs to another message now");
}

static int ended(struct error *err)
{
	return error_set(err, ERROR_GONE, "it is gone");
}

static int at_work(struct error *err)
{
	return error_set(err, ERROR_BUSY, "qmail-send is at work on it");
}

/* Open one of its files: 1, 0 when it is not there, -1. */
static int open_pinned(const struct action *a, uint64_t n, enum qmail_file f,
		       enum sys_access access, int *fd, struct stat *st, struct error *err)
{
	const struct queue_qmail *q = queue_qmail(a->queue);
	struct file_path path;
	struct error e = ERROR_INIT;

	if (qmail_path(q, f, n, &path, err) < 0)
		return -1;
	*fd = sys_open_file(q->fd, path.name, a->dry_run ? SYS_READ : access, path.full, st, &e);
	if (*fd >= 0)
		return 1;
	if (e.code == ERROR_GONE)
		return 0;
	if (err && err->code == ERROR_NONE)
		*err = e;
	return -1;
}

static int open_mess(const struct action *a, struct pin *p, const struct message_identity *want,
		     struct error *err)
{
	int r = open_pinned(a, p->n, FILE_MESS, SYS_READ, &p->mess, &p->mess_st, err);

	if (r <= 0)
		return r < 0 ? -1 : ended(err);
	if (want->data_ino != (uint64_t)p->mess_st.st_ino ||
	    want->data_dev != (uint64_t)p->mess_st.st_dev ||
	    want->data_mtime_ns != qmail_mtime_ns(&p->mess_st))
		return not_it(err);
	p->own_number = (uint64_t)p->mess_st.st_ino == p->n;
	return 0;
}

/* todo first, and again once info is open: a message goes from the one to the other. */
static int open_envelope(const struct action *a, struct pin *p, struct error *err)
{
	const struct queue_qmail *q = queue_qmail(a->queue);
	struct stat st;
	int r;

	for (int tries = 0; tries < 3; tries++) {
		r = qmail_find_todo(q, p->n, &p->todo_file, &st, err);
		if (r < 0)
			return -1;
		if (r > 0) {
			r = open_pinned(a, p->n, p->todo_file, SYS_READ, &p->todo, &p->todo_st,
					err);
			if (r != 0)
				return r < 0 ? -1 : 0;
			continue;
		}
		r = open_pinned(a, p->n, FILE_INFO, SYS_READ, &p->info, &p->info_st, err);
		if (r <= 0)
			/* mess alone: it is being written, or it ends */
			return r;
		r = qmail_find_todo(q, p->n, &p->todo_file, &st, err);
		if (r <= 0)
			return r;
		sys_close(p->info);
		p->info = -1;
	}
	return at_work(err);
}

static int open_channels(const struct action *a, struct pin *p, struct error *err)
{
	static const enum qmail_file file[2] = {FILE_LOCAL, FILE_REMOTE};

	for (int i = 0; p->info >= 0 && i < 2; i++)
		if (open_pinned(a, p->n, file[i], SYS_READ_WRITE, &p->channel[i], &p->channel_st[i],
				err) < 0)
			return -1;
	return 0;
}

/* What the plan saw of info must still be so; one that was in todo then may be in info by now. */
static int check_plan(const struct pin *p, const struct plan_item *item, struct error *err)
{
	bool was_new = (item->entry.seen & (AT_TODO | AT_TODO_OTHER)) != 0;

	if (p->info < 0 || was_new || !item->identity.control_ino)
		return 0;
	if (item->identity.control_ino != (uint64_t)p->info_st.st_ino ||
	    item->identity.control_dev != (uint64_t)p->info_st.st_dev)
		return not_it(err);
	return 0;
}

/* Expire and requeue are about info alone. */
static bool wants_channels(const struct action *a)
{
	return (a->op != OP_EXPIRE && a->op != OP_REQUEUE) || a->args->try_now;
}

static int pin_files(const struct action *a, struct held *h, struct pin *p, struct error *err)
{
	if (open_mess(a, p, &h->item->identity, err) < 0 || open_envelope(a, p, err) < 0 ||
	    check_plan(p, h->item, err) < 0)
		return -1;
	if (wants_channels(a) && open_channels(a, p, err) < 0)
		return -1;
	return pin_check(a, h, err);
}

static void close_pin(struct pin *p)
{
	sys_close(p->mess);
	sys_close(p->info);
	sys_close(p->todo);
	sys_close(p->channel[0]);
	sys_close(p->channel[1]);
}

int qmail_take(struct action *a, struct held *h, struct error *err)
{
	struct pin *p = arena_zalloc(&h->arena, sizeof *p);
	struct error e = ERROR_INIT;

	if (!p)
		return error_set(err, ERROR_LIMIT, "out of memory");
	p->mess = p->info = p->todo = p->channel[0] = p->channel[1] = -1;
	h->own = p;
	if (h->saved && qmail_restore_take(a, h, &e) == 0)
		return 0;
	p->n = h->item->entry.number;
	if (!h->saved && pin_files(a, h, p, &e) == 0) {
		qmail_begin(a->queue, &h->item->entry, &h->arena, &h->message);
		/* mess is read by path: another one than this is another message */
		h->message.identity.data_dev = (uint64_t)p->mess_st.st_dev;
		h->message.identity.data_ino = (uint64_t)p->mess_st.st_ino;
		h->message.identity.data_mtime_ns = qmail_mtime_ns(&p->mess_st);
		return 0;
	}
	close_pin(p);
	h->own = NULL;
	if (err && err->code == ERROR_NONE)
		*err = e;
	return -1;
}

void qmail_let_go(struct action *a, struct held *h)
{
	struct pin *p = held_pin(h);

	if (p->let_go)
		p->let_go(a, h);
	close_pin(p);
	h->own = NULL;
}

/* ---- still so? ---- */

static int check_path(const struct queue_qmail *q, enum qmail_file f, uint64_t n,
		      const struct stat *held, struct error *err)
{
	struct stat st;
	int r = qmail_stat(q, f, n, &st, err);

	if (r <= 0)
		return r < 0 ? -1 : ended(err);
	return same_file(&st, held) ? 0 : not_it(err);
}

/* Without its todo a message whose mess is there has been preprocessed meanwhile: that is no end.
 */
static int check_todo(const struct queue_qmail *q, const struct pin *p, struct error *err)
{
	struct error e = ERROR_INIT;

	if (check_path(q, p->todo_file, p->n, &p->todo_st, &e) == 0)
		return 0;
	return e.code == ERROR_GONE ? at_work(err) : error_set(err, e.code, "%s", e.text);
}

int pin_check(const struct action *a, const struct held *h, struct error *err)
{
	const struct queue_qmail *q = queue_qmail(a->queue);
	const struct pin *p = held_pin(h);
	enum qmail_file f;
	struct stat st;
	int todo;

	if (check_path(q, FILE_MESS, p->n, &p->mess_st, err) < 0)
		return -1;
	if (p->todo >= 0)
		return check_todo(q, p, err);
	todo = qmail_find_todo(q, p->n, &f, &st, err);
	if (todo != 0)
		return todo < 0 ? -1 : not_it(err);
	return p->info < 0 ? 0 : check_path(q, FILE_INFO, p->n, &p->info_st, err);
}

int qmail_recheck(struct action *a, struct held *h, struct error *err)
{
	const struct pin *p = held_pin(h);
	const struct message *m = &h->message;
	const struct stat *control = p->info >= 0 ? &p->info_st : p->todo >= 0 ? &p->todo_st : NULL;

	if ((m->state == STATE_NEW) != (p->todo >= 0) ||
	    (m->state == STATE_INCOMING) != (p->todo < 0 && p->info < 0))
		return at_work(err);
	if (control && m->identity.control_ino != (uint64_t)control->st_ino)
		return not_it(err);
	return pin_check(a, h, err);
}

int pin_by_path(const struct action *a, const struct held *h, struct error *err)
{
	if (a->offline || held_pin(h)->own_number)
		return 0;
	return error_set(err, ERROR_DENIED,
			 "its number is not the inode of its mess (a restored queue?): %s is safe "
			 "only while qmail-send is stopped",
			 op_name(a->op));
}

int pin_recipients_known(const struct held *h, struct error *err)
{
	const struct message *m = &h->message;

	if (!(m->failed & PART_RECIPIENTS))
		return 0;
	return error_set(err, ERROR_CORRUPT, "%s", m->why[PART_RECIPIENTS_I]->text);
}

int pin_read(struct held *h, int fd, const char *what, struct slice *out, struct error *err)
{
	struct stat st;

	if (fstat(fd, &st) < 0 || lseek(fd, 0, SEEK_SET) < 0)
		return error_set(err, ERROR_SYSTEM, "%s: cannot be read", what);
	return sys_read_all(fd, st.st_size > 0 ? (size_t)st.st_size : 0, LIMIT_CONTROL_BYTES,
			    &h->arena, what, out, err);
}
