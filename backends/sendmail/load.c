/*
 * Loading a message part by part.
 *
 * A message whose control file must be opened costs openat, fstat, read and close; its data file
 * one fstatat. Recipients and header are made from the text in memory. Nothing but regular files is
 * opened.
 */
#include "queue.h"

#include <mtaq/addr.h>
#include <mtaq/limits.h>

#include <fcntl.h>
#include <limits.h>

enum { YOUNG = 600 /* seconds that sendmail leaves an empty control file alone */ };

void sendmail_begin(const struct queue *q, const struct message_entry *e, struct arena *arena,
		    struct message *m)
{
	*m = (struct message){
	    .queue = q,
	    .entry = *e,
	    .arena = arena,
	    .have = PART_NAME,
	    .id = slice_skip(e->name, 2),
	    .locked = -1,
	    .header_bytes = sendmail_header_bytes,
	};
	if (e->name.p[0] == 'h')
		m->state = STATE_HELD;
	else if (e->name.p[0] == 'Q')
		m->state = STATE_LOST;
	m->state_known = m->state != STATE_UNKNOWN;
}

/* A file of this message: its path, and the name at the end of it. */
struct file_path {
	char path[PATH_MAX];
	const char *name;
};

static const struct sendmail_unit *unit_of(const struct message *m)
{
	return sendmail_unit(m->entry.unit);
}

/* dir/ + prefix + rest. layout_open refuses directories for which this would not fit. */
static void make_path(struct file_path *f, struct slice dir, const char *prefix, struct slice rest)
{
	char *p = f->path;

	memcpy(p, dir.p, dir.n);
	p += dir.n;
	*p++ = '/';
	f->name = p;
	for (; *prefix; prefix++)
		*p++ = *prefix;
	memcpy(p, rest.p, rest.n);
	p[rest.n] = '\0';
}

static void fail(struct message *m, parts_t parts, const struct error *err)
{
	static const struct error no_memory = {
	    .code = ERROR_NOMEM, .offset = (size_t)-1, .text = "out of memory"};
	struct error *copy = arena_alloc(m->arena, sizeof *copy);

	if (copy)
		*copy = *err;
	for (int i = 0; i < PART_COUNT; i++)
		if (parts & PART(i))
			m->why[i] = copy ? copy : &no_memory;
	m->have |= parts;
	m->failed |= parts;
}

static void note_stat(struct message *m, const struct stat *st)
{
	m->identity.control_dev = st->st_dev;
	m->identity.control_ino = st->st_ino;
	m->identity.control_size = st->st_size;
#ifdef HAVE_STRUCT_STAT_ST_MTIM_TV_NSEC
	m->identity.control_mtime_ns =
	    (int64_t)st->st_mtim.tv_sec * 1000000000 + st->st_mtim.tv_nsec;
#else
	m->identity.control_mtime_ns = (int64_t)st->st_mtime * 1000000000;
#endif
	m->have |= PART_STAT;
}

/* lstat of the control file; what is no regular file is an error. 0/-1; gone is set when it is not
 * there. */
static int stat_control(struct message *m, const struct file_path *f, struct error *err)
{
	struct stat st;

	if (sys_stat(unit_of(m)->qf_fd, f->name, f->path, &st, err) < 0) {
		m->gone = err->code == ERROR_GONE;
		return -1;
	}
	if (!S_ISREG(st.st_mode))
		return error_set(err, ERROR_CORRUPT, "%s is %s", f->path,
				 sys_file_type(st.st_mode));
	note_stat(m, &st);
	return 0;
}

static int open_control(struct message *m, const struct file_path *f, struct stat *st,
			struct error *err)
{
	int fd;

	/* where the directory did not tell the type: a FIFO must not even be opened */
	if (!(m->entry.seen & SEEN_FILE) && stat_control(m, f, err) < 0)
		return -1;
	fd = sys_open_file(unit_of(m)->qf_fd, f->name, SYS_READ, f->path, st, err);
	if (fd < 0)
		m->gone = err->code == ERROR_GONE;
	else
		note_stat(m, st);
	return fd;
}

static int read_control(struct message *m, const struct file_path *f, struct stat *st,
			struct error *err)
{
	int r, fd = open_control(m, f, st, err);

	if (fd < 0)
		return -1;
	r = sys_read_all(fd, (size_t)st->st_size, LIMIT_CONTROL_BYTES, m->arena, f->path,
			 &m->control_text, err);
	sys_close(fd);
	return r;
}

static void set_sender(struct message *m, struct slice sender)
{
	m->sender_raw = sender;
	if (!sender.p)
		return;
	m->sender = addr_strip(sender);
	m->bounce = addr_is_null(m->sender);
}

static void set_envelope(struct message *m, const struct qf *q)
{
	m->version = q->version;
	m->arrival = q->created;
	if (q->tried.known && q->tried.value != 0)
		m->last_attempt = q->tried;
	m->attempts = q->attempts;
	m->priority = q->priority;
	m->body_type = q->body_type;
	m->reason = q->reason;
	m->flags = q->flags;
	m->warned = q->flags.p && slice_chr(q->flags, 'w') != SIZE_MAX;
	m->envid = q->envid;
	m->auth = q->auth;
	m->deliver_by = q->deliver_by;
	m->message_status = q->status;
	m->macros = q->macros;
	m->macro_count = q->macro_count;
	set_sender(m, q->sender);
}

static void set_state(struct message *m, enum message_state state)
{
	if (m->state_known)
		return;
	m->state = state;
	m->state_known = true;
}

/* sendmail makes a control file empty and fills it a moment later; one that stays empty is a
 * leftover. */
static int judge_empty(struct message *m, const struct stat *st, int64_t now,
		       const struct file_path *f, struct error *err)
{
	if (number_minus(now, st->st_ctime) < YOUNG) {
		set_state(m, STATE_INCOMING);
		return error_set(err, ERROR_BUSY, "%s is still being written", f->path);
	}
	set_state(m, STATE_INCOMPLETE);
	return error_set(err, ERROR_CORRUPT, "%s is empty", f->path);
}

static int parse_control(struct message *m, const struct file_path *f, struct error *err)
{
	struct qf *q = arena_alloc(m->arena, sizeof *q);

	if (!q)
		return error_set(err, ERROR_LIMIT, "%s: out of memory", f->path);
	m->extra = q;
	if (qf_parse(m->arena, m->control_text, q, err) < 0) {
		error_prefix(err, "%s", f->path);
		return -1;
	}
	set_envelope(m, q);
	if (!q->ended)
		set_state(m, STATE_INCOMPLETE);
	if (q->whole)
		return 0;
	return error_set(err, ERROR_CORRUPT, "%s is incomplete: it ends in its envelope", f->path);
}

static void load_stat(struct message *m)
{
	struct error err = ERROR_INIT;
	struct file_path f;

	make_path(&f, unit_of(m)->qf, "", m->entry.name);
	if (stat_control(m, &f, &err) < 0 && !m->gone)
		fail(m, PART_STAT, &err);
}

void sendmail_take_text(struct message *m, struct slice text)
{
	struct file_path f;

	make_path(&f, unit_of(m)->qf, "", m->entry.name);
	m->control_text = text;
	parse_control(m, &f, NULL);
	if (!m->state_known)
		set_state(m, STATE_QUEUED);
	m->have |= PART_CONTROL;
}

static void load_control(struct loader *l, struct message *m)
{
	struct error err = ERROR_INIT;
	struct file_path f;
	struct stat st;
	int r;

	make_path(&f, unit_of(m)->qf, "", m->entry.name);
	r = read_control(m, &f, &st, &err);
	if (r == 0)
		r = m->control_text.n ? parse_control(m, &f, &err)
				      : judge_empty(m, &st, l->now, &f, &err);
	if (m->gone)
		return;
	if (r < 0)
		fail(m, PART_CONTROL, &err);
	m->have |= PART_CONTROL;
	/* what cannot be opened can still be looked at */
	if (!(m->have & PART_STAT))
		load_stat(m);
}

static const struct qf *parsed(const struct message *m)
{
	return m->extra;
}

/* A part that is made of the control file's text cannot be had: why. */
static bool control_unusable(struct message *m, parts_t part)
{
	if (parsed(m))
		return false;
	fail(m, part, m->why[PART_CONTROL_I]);
	return true;
}

/* What was read stands, but nobody may take it for all there is. */
static void check_ended(struct message *m, parts_t part)
{
	struct error err = ERROR_INIT;

	if (parsed(m)->ended)
		return;
	if (m->failed & PART_CONTROL) {
		fail(m, part, m->why[PART_CONTROL_I]);
		return;
	}
	error_set(&err, ERROR_CORRUPT, "%s/%" SLICE_FMT " is incomplete: no final dot",
		  unit_of(m)->qf.p, SLICE_ARG(m->entry.name));
	fail(m, part, &err);
}

static void load_recipients(struct message *m)
{
	struct error err = ERROR_INIT;
	struct qf_recipients r;

	m->have |= PART_RECIPIENTS;
	if (control_unusable(m, PART_RECIPIENTS))
		return;
	if (qf_recipients(m->arena, parsed(m), &r, &err) < 0) {
		error_prefix(&err, "%s/%" SLICE_FMT, unit_of(m)->qf.p, SLICE_ARG(m->entry.name));
		fail(m, PART_RECIPIENTS, &err);
		return;
	}
	m->recipients = r.list;
	m->recipient_count = m->pending_count = r.count;
	m->statuses = r.statuses;
	m->status_count = r.status_count;
	check_ended(m, PART_RECIPIENTS);
}

static void set_expires(struct message *m)
{
	const struct sendmail_queue *q = sendmail_queue(m->queue);

	if (m->arrival.known)
		m->expires = number_of(number_minus(
		    m->arrival.value, -q->cf.queue_return[sendmail_class(q, m)].seconds));
}

static void load_header(struct message *m)
{
	struct error err = ERROR_INIT;

	m->have |= PART_HEADER;
	if (control_unusable(m, PART_HEADER))
		return;
	if (qf_headers(m->arena, parsed(m), &m->headers, &err) < 0) {
		error_prefix(&err, "%s/%" SLICE_FMT, unit_of(m)->qf.p, SLICE_ARG(m->entry.name));
		fail(m, PART_HEADER, &err);
		return;
	}
	set_expires(m);
	check_ended(m, PART_HEADER);
}

const struct sendmail_unit *sendmail_data_unit(const struct message *m)
{
	const struct qf *q = parsed(m);

	if (!q || !q->data_dir.p)
		return unit_of(m);
	return layout_find(&sendmail_queue(m->queue)->layout, q->data_dir);
}

static int probe_lock(struct message *m, struct error *err)
{
	struct file_path f;
	struct stat st;
	int fd, r;

	if (m->identity.control_size == 0)
		return -1; /* sendmail is about to lock it itself, and gives up when it cannot */
	make_path(&f, unit_of(m)->qf, "", m->entry.name);
	fd = open_control(m, &f, &st, err);
	if (fd < 0)
		return -1;
	r = st.st_size ? sys_probe_locked(fd) : -1;
	sys_close(fd);
	return r;
}

/* Does sendmail work on it: 1, 0, -1 cannot tell. Its stat must be there. */
static int ask_lock(struct loader *l, struct message *m, struct error *err)
{
	int locked;

	if (l->held)
		return 0;
	if (!l->locks_fresh) {
		sys_locks_refresh(l->locks);
		l->locks_fresh = true;
	}
	locked = sys_locks_exclusive(l->locks, m->identity.control_dev, m->identity.control_ino);
	return locked < 0 ? probe_lock(m, err) : locked;
}

/* The data file is not where it should be. sendmail removes it just before the control file, whose
 * lock it holds: then the message has gone, or is going. 0 when it has lost its data: the control
 * file was there before its lock was asked about, and the same one after. */
static int data_missing(struct loader *l, struct message *m, struct error *err)
{
	struct error unseen = ERROR_INIT;
	struct file_path f;
	uint64_t asked = 0;

	make_path(&f, unit_of(m)->qf, "", m->entry.name);
	for (int tries = 0; tries < 4; tries++) {
		if (stat_control(m, &f, &unseen) < 0)
			return m->gone ? -1 : 0;
		if (m->identity.control_ino == asked)
			break;
		asked = m->identity.control_ino;
		l->locks_fresh = false; /* it may have been locked since this chunk began */
		if (ask_lock(l, m, &unseen) > 0)
			return error_set(err, ERROR_BUSY, "%s: sendmail is at work on it", f.path);
	}
	return 0;
}

static void note_data(struct message *m, const struct stat *st)
{
	m->size = number_of(st->st_size);
	m->accepted = number_of(st->st_mtime);
	m->identity.data_dev = st->st_dev;
	m->identity.data_ino = st->st_ino;
#ifdef HAVE_STRUCT_STAT_ST_MTIM_TV_NSEC
	m->identity.data_mtime_ns = (int64_t)st->st_mtim.tv_sec * 1000000000 + st->st_mtim.tv_nsec;
#else
	m->identity.data_mtime_ns = (int64_t)st->st_mtime * 1000000000;
#endif
}

static int stat_data(struct message *m, const struct sendmail_unit *u, struct error *err)
{
	struct file_path f;
	struct stat st;

	make_path(&f, u->df, "df", m->id);
	if (sys_stat(u->df_fd, f.name, f.path, &st, err) < 0)
		return -1;
	if (!S_ISREG(st.st_mode))
		return error_set(err, ERROR_CORRUPT, "%s is %s", f.path, sys_file_type(st.st_mode));
	note_data(m, &st);
	return 0;
}

static void load_data(struct loader *l, struct message *m)
{
	struct error err = ERROR_INIT;
	const struct sendmail_unit *u = sendmail_data_unit(m);
	int r = stat_data(m, u ? u : unit_of(m), &err);

	if (r < 0 && err.code == ERROR_GONE && !(m->have & PART_CONTROL)) {
		load_control(l, m); /* its d line may name another directory */
		if (!m->gone)
			load_data(l, m);
		return;
	}
	m->have |= PART_DATA;
	if (r == 0)
		return;
	if (err.code != ERROR_GONE) {
		fail(m, PART_DATA, &err);
		return;
	}
	error_clear(&err);
	if (data_missing(l, m, &err) < 0) {
		if (!m->gone)
			fail(m, PART_DATA, &err);
		return;
	}
	/* it may lie where a d line says that could not be read */
	if ((m->failed & PART_CONTROL) && sendmail_queue(m->queue)->layout.count > 1) {
		fail(m, PART_DATA, m->why[PART_CONTROL_I]);
		return;
	}
	if (u)
		return;
	error_set(&err, ERROR_CORRUPT,
		  "%s/%" SLICE_FMT ": the data file's directory %" SLICE_FMT
		  " is not of this queue",
		  unit_of(m)->qf.p, SLICE_ARG(m->entry.name), SLICE_ARG(parsed(m)->data_dir));
	fail(m, PART_DATA, &err);
}

static void load_body(struct loader *l, struct message *m)
{
	const struct sendmail_unit *u = sendmail_data_unit(m);
	struct error err = ERROR_INIT, busy = ERROR_INIT;
	struct file_path f;
	bool whole;
	int fd;

	m->have |= PART_BODY;
	if (m->failed & PART_DATA) {
		fail(m, PART_BODY, m->why[PART_DATA_I]);
		return;
	}
	make_path(&f, (u ? u : unit_of(m))->df, "df", m->id);
	fd = sendmail_open_data(m, &whole, &err);
	if (fd < 0 && err.code == ERROR_GONE && data_missing(l, m, &busy) < 0)
		err = busy;
	if (m->gone)
		return;
	if (fd < 0 || sys_read_all(fd, m->size.known ? (size_t)m->size.value : 0, LIMIT_BODY_BYTES,
				   m->arena, f.path, &m->body, &err) < 0)
		fail(m, PART_BODY, &err);
	sys_close(fd);
}

static void load_lock(struct loader *l, struct message *m)
{
	struct error err = ERROR_INIT;

	m->have |= PART_LOCK;
	if (m->failed & PART_STAT) {
		fail(m, PART_LOCK, m->why[PART_STAT_I]);
		return;
	}
	m->locked = ask_lock(l, m, &err);
	if (m->locked >= 0 || m->gone)
		return;
	error_set(&err, ERROR_UNSUPPORTED, "cannot tell whether it is locked");
	fail(m, PART_LOCK, &err);
}

/* Parts that others are made of. */
static parts_t prerequisites(const struct message *m, parts_t want)
{
	if (want & PART_BODY)
		want |= PART_DATA;
	/* with several directories the d line decides where the data file is */
	if ((want & PART_DATA) && sendmail_queue(m->queue)->layout.count > 1)
		want |= PART_CONTROL;
	if (want & (PART_RECIPIENTS | PART_HEADER))
		want |= PART_CONTROL;
	if (want & PART_LOCK)
		want |= PART_STAT;
	return want;
}

/* A qf with its end is queued, or has lost its data file. */
static void settle_state(struct message *m)
{
	const parts_t both = PART_CONTROL | PART_DATA;

	if (!m->state_known && (m->have & both) == both && !(m->failed & both))
		set_state(m, m->identity.data_ino ? STATE_QUEUED : STATE_NODATA);
}

void sendmail_load(struct loader *l, struct message *m, parts_t want)
{
	want = (parts_t)(prerequisites(m, want) & ~m->have);
	if (want & PART_CONTROL)
		load_control(l, m);
	else if (want & PART_STAT)
		load_stat(m);
	if (!m->gone && (want & PART_DATA))
		load_data(l, m);
	if (m->gone)
		return;
	if (want & PART_RECIPIENTS)
		load_recipients(m);
	if (want & PART_HEADER)
		load_header(m);
	if (want & PART_BODY)
		load_body(l, m);
	if (m->gone)
		return;
	if (want & PART_LOCK)
		load_lock(l, m);
	m->have |= want;
	settle_state(m);
}
