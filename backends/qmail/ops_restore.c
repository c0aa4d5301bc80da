/*
 * restore: a saved message comes back into the queue.
 *
 * Its mess gets a number that is its inode, as qmail-queue would have it: the saved file itself
 * where it lies on the queue's filesystem (one that was deleted from there has its old number
 * again), else a copy made in pid/. That number is put down in the note before the queue shows
 * anything, so that a run that was cut off is finished by the next and never makes a second
 * message.
 *
 * While qmail-send runs, and for one that was in todo, the envelope is written to intd and linked
 * to todo (that is the step that counts), and qmail-send told. While it is stopped, local and
 * remote are put back as they were, then the note for the sender, and info last, which is the step
 * that counts. The saved files go afterwards.
 *
 * Change: {"what": "message", "before": "saved", "after": "queue"}.
 */
#include "mend.h"
#include "restoring.h"
#include "steps.h"

#include <mtaq/saved.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

enum {
	NUMBER_TRIES = 16, /* inodes that are taken as numbers already */
	AGE_TRIES = 50	   /* of 100 ms, for qmail-send to take it up */
};

/* ---- a number ---- */

static bool number_free(struct action *a, uint64_t n)
{
	bool mess, envelope;
	struct stat st;

	return restore_queued_as(a, n, &mess, &envelope, &st, NULL) == 0 && !mess && !envelope;
}

/* The saved file itself, when it is owned as a mess is. */
static bool can_link(struct action *a, const struct restore *r)
{
	const struct stat *st = &r->s.mess_st;
	struct stat queue;

	return fstat(queue_qmail(a->queue)->fd, &queue) == 0 && queue.st_dev == st->st_dev &&
	       st->st_uid == qmail_run(a)->owners.queue && (st->st_mode & 07777) == 0644 &&
	       number_free(a, (uint64_t)st->st_ino);
}

/* What lies under the number without a mess is left over from a message that ended otherwise; its
 * note would go to our sender. */
static int clear_orphans(struct action *a, uint64_t n, struct error *err)
{
	static const enum qmail_file files[] = {FILE_BOUNCE, FILE_LOCAL, FILE_REMOTE, FILE_INTD};

	for (size_t i = 0; i < sizeof files / sizeof files[0]; i++)
		if (step_unlink(a, files[i], n, err) < 0)
			return -1;
	return 0;
}

/* In the note, on disk: the number, and whether qmail-send may see it from now on. */
static int write_progress(struct held *h, uint64_t n, bool seen, struct error *err)
{
	json_t *note = json_deep_copy(h->saved->note);
	int r;

	if (!note || json_object_set_new(note, RESTORE_NUMBER, json_integer((json_int_t)n)) < 0 ||
	    json_object_set_new(note, RESTORE_VISIBLE, json_boolean(seen)) < 0) {
		json_decref(note);
		return error_set(err, ERROR_NOMEM, "out of memory");
	}
	r = saved_write_note(h->saved->dirfd, note, err);
	json_decref(note);
	if (r == 0 && fsync(h->saved->dirfd) < 0)
		r = error_sys(err, errno, "%s", h->saved->path);
	return r;
}

/* Before the queue shows anything of it the number is known: in the note, for what to do once it is
 * there, and in the queue, to take it away again as long as it is not. */
static int put_down(struct action *a, struct held *h, uint64_t n, struct error *err)
{
	struct restore *own = held_pin(h)->op;

	held_pin(h)->n = n;
	own->noted = true;
	if (write_progress(h, n, false, err) < 0)
		return -1;
	return marker_put(a, n, &own->s.mess_st, err);
}

/* From here on nobody of us but a restore takes mess away again: whether it is there tells what has
 * become of the message. */
static int announce(struct action *a, struct held *h, struct restore *r, struct error *err)
{
	uint64_t n = held_pin(h)->n;

	r->noted = true;
	if (marker_turn(a, n, &r->s.mess_st, err) < 0)
		return -1;
	return write_progress(h, n, true, err);
}

/* ---- mess ---- */

static int link_mess(struct action *a, struct held *h, struct restore *r, struct error *err)
{
	/* qmail-clean goes by the time of the last reading */
	struct timespec times[2] = {{.tv_nsec = UTIME_NOW}, r->s.mess_st.st_mtim};
	uint64_t n = (uint64_t)r->s.mess_st.st_ino;

	if (clear_orphans(a, n, err) < 0 || put_down(a, h, n, err) < 0)
		return -1;
	if (futimens(r->s.mess, times) < 0)
		return error_sys(err, errno, "%s", r->s.mess_name.p);
	if (step_link_in(a, h->saved->dirfd, r->s.mess_name.p, FILE_MESS, n, err) != 1)
		return error_set(err, ERROR_SYSTEM, "its mess cannot be linked");
	r->mess = true;
	return 0;
}

static int fill_mess(struct action *a, int fd, const struct restore *r, struct error *err)
{
	struct timespec times[2] = {{.tv_nsec = UTIME_NOW}, r->s.mess_st.st_mtim};
	/* its group is that of whoever submitted it */
	const struct new_file as = {new_file_as(a, FILE_MESS).uid, r->s.mess_st.st_gid, 0644, NULL};
	char buffer[65536];
	off_t at = 0;
	ssize_t got;

	while ((got = sys_pread(r->s.mess, buffer, sizeof buffer, at)) > 0) {
		if (sys_write_all(fd, buffer, (size_t)got) < 0)
			return error_sys(err, errno, "its mess");
		at += got;
	}
	if (got < 0 || fchown(fd, as.uid, r->s.mess_st.st_gid) < 0 || fchmod(fd, as.mode) < 0 ||
	    futimens(fd, times) < 0 || fsync(fd) < 0)
		return error_sys(err, errno, "its mess");
	return 0;
}

/* A new file in pid/ whose inode is free as a number: fd or -1. Those that are not stay open until
 * one is found, so that none is met twice. */
static int new_inode(struct action *a, int pid, const char *name, uint64_t *n, struct error *err)
{
	int open_fds[NUMBER_TRIES], count = 0, found = -1;
	struct stat st;

	while (found < 0 && count < NUMBER_TRIES) {
		int fd;

		if (unlinkat(pid, name, 0) < 0 && errno != ENOENT)
			break;
		fd = openat(pid, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
		if (fd < 0 || fstat(fd, &st) < 0) {
			sys_close(fd);
			break;
		}
		*n = (uint64_t)st.st_ino;
		if (number_free(a, *n))
			found = fd;
		else
			open_fds[count++] = fd;
	}
	if (found < 0)
		error_sys(err, errno ? errno : EEXIST, "pid/%s", name);
	while (count > 0)
		sys_close(open_fds[--count]);
	return found;
}

static int make_mess(struct action *a, struct restore *r, int pid, uint64_t *n, struct error *err)
{
	int result, fd = new_inode(a, pid, r->pid_name, n, err);

	if (fd < 0)
		return -1;
	result = fill_mess(a, fd, r, err);
	if (close(fd) < 0 && result == 0)
		result = error_sys(err, errno, "its mess");
	if (result < 0)
		unlinkat(pid, r->pid_name, 0);
	return result;
}

static int copy_mess(struct action *a, struct held *h, struct restore *r, struct error *err)
{
	int result, pid = sys_open_subdir(queue_qmail(a->queue)->fd, "pid", false, "pid", err);
	uint64_t n = 0;

	if (pid < 0)
		return -1;
	snprintf(r->pid_name, sizeof r->pid_name, "mtaq.%llu",
		 (unsigned long long)r->s.mess_st.st_ino);
	result = make_mess(a, r, pid, &n, err);
	if (result == 0 && (clear_orphans(a, n, err) < 0 || put_down(a, h, n, err) < 0 ||
			    step_adopt(a, r->pid_name, n, err) < 0)) {
		unlinkat(pid, r->pid_name, 0);
		result = -1;
	}
	sys_close(pid);
	r->mess = result == 0;
	return result;
}

/* As long as it is open nobody else gets its number, however soon it is delivered. */
static int hold_mess(struct action *a, struct held *h, const struct restore *r, struct error *err)
{
	const struct queue_qmail *q = queue_qmail(a->queue);
	struct timespec times[2] = {{.tv_nsec = UTIME_NOW}, {.tv_nsec = UTIME_OMIT}};
	struct pin *p = held_pin(h);
	struct file_path path;

	if (qmail_path(q, FILE_MESS, p->n, &path, err) < 0)
		return -1;
	p->mess = sys_open_file(q->fd, path.name, SYS_READ, path.full, &p->mess_st, err);
	if (p->mess < 0)
		return -1;
	if (!restore_is_own(r, &p->mess_st))
		return error_set(err, ERROR_STALE, "its number belongs to another message now");
	/* qmail-clean goes by the time of the last reading */
	return futimens(p->mess, times) < 0 ? error_sys(err, errno, "%s", path.full) : 0;
}

/* What an earlier run has left there is not this run's: it stays as it is until all is done. */
static int put_mess(struct action *a, struct held *h, struct restore *r, struct error *err)
{
	if (r->in_queue)
		return hold_mess(a, h, r, err) < 0 ? -1 : clear_orphans(a, held_pin(h)->n, err);
	if ((can_link(a, r) ? link_mess(a, h, r, err) : copy_mess(a, h, r, err)) < 0)
		return -1;
	return hold_mess(a, h, r, err);
}

/* ---- prepare ---- */

static int put_file(struct action *a, struct held *h, enum qmail_file f, struct slice text,
		    const struct timespec *mtime, bool publish, bool *made, struct error *err)
{
	struct new_file as = new_file_as(a, f);
	uint64_t n = held_pin(h)->n;

	as.mtime = mtime;
	/* whoever submits a message leaves his group on both its files */
	if (f == FILE_INTD)
		as.gid = ((struct restore *)held_pin(h)->op)->s.mess_st.st_gid;
	if (new_file_write(a, f, n, text, &as, err) < 0)
		return -1;
	*made = true;
	return publish ? new_file_replace(a, f, n, err) : 0;
}

static int put_queued(struct action *a, struct held *h, struct restore *r, struct error *err)
{
	const struct source *s = &r->s;

	if (s->local.p &&
	    put_file(a, h, FILE_LOCAL, s->local, &s->local_time, true, &r->local, err) < 0)
		return -1;
	if (s->remote.p &&
	    put_file(a, h, FILE_REMOTE, s->remote, &s->remote_time, true, &r->remote, err) < 0)
		return -1;
	return put_file(a, h, FILE_INFO, s->info, a->args->keep_age ? &s->info_time : NULL, false,
			&r->info, err);
}

static int put_all(struct action *a, struct held *h, struct restore *r, struct error *err)
{
	if (put_mess(a, h, r, err) < 0)
		return -1;
	if (r->s.bounce.p &&
	    put_file(a, h, FILE_BOUNCE, r->s.bounce, &r->s.bounce_time, false, &r->bounce, err) < 0)
		return -1;
	if (!r->by_todo)
		return put_queued(a, h, r, err);
	return put_file(a, h, FILE_INTD, r->s.envelope,
			a->args->keep_age && r->s.todo.p ? &r->s.todo_time : NULL, true, &r->intd,
			err);
}

static int set_id(struct held *h, struct error *err)
{
	h->message.id = arena_printf(&h->arena, "%llu@%lld", (unsigned long long)held_pin(h)->n,
				     (long long)h->message.identity.data_mtime_ns);
	return h->message.id.p ? 0 : error_set(err, ERROR_LIMIT, "out of memory");
}

/* An earlier run was cut off when all was done but the tidying up. */
static bool is_there(struct action *a, struct held *h)
{
	bool mess, envelope = false;
	struct stat st;

	return held_pin(h)->n &&
	       restore_queued_as(a, held_pin(h)->n, &mess, &envelope, &st, NULL) == 0 && envelope;
}

static void let_go(struct action *a, struct held *h);

int qmail_restore_prepare(struct action *a, struct held *h, struct error *err)
{
	struct restore *r = held_pin(h)->op;

	held_pin(h)->let_go = let_go;
	if (r->tidied || (r->in_queue && is_there(a, h))) {
		if (!a->dry_run && saved_remove(h->saved->dirfd, h->saved->note, err) < 0)
			return -1;
		return 0;
	}
	r->by_todo = r->s.todo.p || !a->offline;
	if (r->by_todo && source_envelope(a, h, &r->s, err) < 0)
		return -1;
	if (change_add(h,
		       json_pack("{s:s, s:s, s:s}", "what", "message", "before", "saved", "after",
				 "queue"),
		       err) < 0)
		return -1;
	if (a->dry_run)
		return 1;
	qmail_run(a)->folder = h->saved->dirfd;
	return put_all(a, h, r, err) < 0 || set_id(h, err) < 0 ? -1 : 1;
}

/* The note as it was found, on disk. */
static int write_back(struct held *h)
{
	if (saved_write_note(h->saved->dirfd, h->saved->note, NULL) < 0)
		return -1;
	return fsync(h->saved->dirfd);
}

/* What was put into the queue and is not to be seen yet goes again; mess last, and only when the
 * note no longer says that it may have been seen: without it that would mean that it was. */
static void take_away(struct action *a, struct held *h, struct restore *r)
{
	static const enum qmail_file files[] = {FILE_BOUNCE, FILE_INFO, FILE_INTD, FILE_LOCAL,
						FILE_REMOTE};
	const bool made[] = {r->bounce, r->info, r->intd, r->local, r->remote};
	uint64_t n = held_pin(h)->n;

	for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
		if (!made[i])
			continue;
		new_file_discard(a, files[i], n);
		step_unlink(a, files[i], n, NULL);
	}
	if (!r->noted || write_back(h) < 0)
		return;
	if (r->mess)
		step_unlink(a, FILE_MESS, n, NULL);
	marker_remove(a, n, &r->s.mess_st);
}

static void let_go(struct action *a, struct held *h)
{
	struct restore *r = held_pin(h)->op;

	if (!h->committed)
		take_away(a, h, r);
	source_close(&r->s);
}

/* ---- commit, finish ---- */

static int publish(struct action *a, enum qmail_file f, uint64_t n, struct error *err)
{
	int r = new_file_publish(a, f, n, err);

	return r == 0 ? error_set(err, ERROR_BUSY, "its number is in use") : r;
}

/* qmail-clean may have taken it for dead, or for the end of one that was delivered. */
static int check_mess(struct action *a, struct held *h, struct error *err)
{
	struct error e = ERROR_INIT;

	if (pin_check(a, h, &e) == 0)
		return 0;
	if (e.code == ERROR_GONE || e.code == ERROR_STALE)
		return error_set(err, ERROR_BUSY, "qmail has taken its mess away meanwhile");
	return error_set(err, e.code, "%s", e.text);
}

/* It must not be seen before what belongs to it is on disk. */
int qmail_restore_commit(struct action *a, struct held *h, struct error *err)
{
	struct restore *r = held_pin(h)->op;
	uint64_t n = held_pin(h)->n;
	int done;

	if (check_mess(a, h, err) < 0)
		return -1;
	if (r->bounce && (publish(a, FILE_BOUNCE, n, err) < 0 || qmail_sync(a, err) < 0))
		return -1;
	if (announce(a, h, r, err) < 0)
		return -1;
	done =
	    r->by_todo ? step_link(a, FILE_INTD, FILE_TODO, n, err) : publish(a, FILE_INFO, n, err);
	if (done < 0)
		return -1;
	h->committed = true;
	return 0;
}

/* qmail-send gives it a new birth when it takes it up; the old one is set when it has. */
static int set_age(struct action *a, struct held *h, const struct restore *r, struct error *err)
{
	const struct queue_qmail *q = queue_qmail(a->queue);
	const struct timespec moment = {0, 100 * 1000 * 1000};
	struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, r->s.info_time};
	uint64_t n = held_pin(h)->n;
	struct error e = ERROR_INIT;
	struct file_path path;
	enum qmail_file f;
	struct stat st;
	int fd, result;

	for (int i = 0; i < AGE_TRIES && qmail_find_todo(q, n, &f, &st, NULL) != 0; i++)
		nanosleep(&moment, NULL);
	if (qmail_find_todo(q, n, &f, &st, NULL) != 0 ||
	    qmail_path(q, FILE_INFO, n, &path, err) < 0)
		return error_set(err, ERROR_BUSY,
				 "it is back, but as if it came now: qmail-send has not taken it "
				 "up yet");
	fd = sys_open_file(q->fd, path.name, SYS_READ, path.full, NULL, &e);
	if (fd < 0 && e.code == ERROR_GONE)
		return 0; /* delivered already: it needs no age */
	if (fd < 0) {
		*err = e;
		return -1;
	}
	result = futimens(fd, times) < 0 ? error_sys(err, errno, "its age cannot be set") : 0;
	sys_close(fd);
	return result;
}

int qmail_restore_finish(struct action *a, struct held *h, struct error *err)
{
	struct restore *r = held_pin(h)->op;
	int result = 0;

	marker_remove(a, held_pin(h)->n, &r->s.mess_st);
	if (r->by_todo)
		send_trigger(queue_qmail(a->queue));
	if (!a->offline && a->args->keep_age && r->s.info.p)
		result = set_age(a, h, r, err);
	if (saved_remove(h->saved->dirfd, h->saved->note, err) < 0)
		return -1;
	if (fsync(h->saved->dirfd) < 0)
		return error_sys(err, errno, "%s", h->saved->path);
	return result;
}
