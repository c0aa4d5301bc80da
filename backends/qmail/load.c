/*
 * Reading the envelope of a message: info, local and remote, or todo while it is not preprocessed
 * yet. The parts STAT, CONTROL and RECIPIENTS; those of the mess file are in mess.c.
 *
 * qmail-send works on all this meanwhile, without locks. A message moves from todo (S4) to info
 * (S5) and never back; its number is used again as soon as it ends. So what vanishes is looked for
 * where it may have gone, todo is looked at again after anything of info was read, and a message
 * that turns out to be another one than that of an earlier call is gone.
 */
#include "internal.h"

#include <mtaq/limits.h>

enum { ENVELOPE = PART_STAT | PART_CONTROL | PART_RECIPIENTS };

static const struct error no_memory = {.code = ERROR_LIMIT,
				       .text = "out of memory for one message"};

void part_fail(struct message *m, enum part_index i, const struct error *e)
{
	struct error *copy;

	if (m->failed & PART(i))
		return;
	copy = arena_alloc(m->arena, sizeof *copy);
	if (copy)
		*copy = *e;
	m->have |= PART(i);
	m->failed |= PART(i);
	m->why[i] = copy ? copy : &no_memory;
}

static const struct queue_qmail *queue_of(const struct message *m)
{
	return queue_qmail(m->queue);
}

void qmail_begin(const struct queue *base, const struct message_entry *e, struct arena *arena,
		 struct message *m)
{
	*m = (struct message){
	    .queue = base,
	    .entry = *e,
	    .arena = arena,
	    .have = PART_NAME,
	    .id = e->name,
	    .locked = -1,
	};
	if (e->seen & (SEEN_TODO | SEEN_TODO_OTHER))
		m->state = STATE_NEW;
	else
		m->state = e->seen & SEEN_INFO ? STATE_QUEUED : STATE_INCOMING;
}

/* ---- where it is ---- */

enum place { PLACE_GONE, PLACE_TODO, PLACE_INFO, PLACE_MESS, PLACE_ERROR };

static enum place at_todo(struct message *m, struct stat *st, struct error *err)
{
	enum qmail_file f;
	int r = qmail_find_todo(queue_of(m), m->entry.number, &f, st, err);

	if (r > 0)
		m->entry.seen |= f == FILE_TODO ? AT_TODO : AT_TODO_OTHER;
	return r > 0 ? PLACE_TODO : r < 0 ? PLACE_ERROR : PLACE_GONE;
}

static enum place at_info(struct message *m, struct stat *st, struct error *err)
{
	int r = qmail_stat(queue_of(m), FILE_INFO, m->entry.number, st, err);

	if (r > 0)
		m->entry.seen |= AT_INFO;
	return r > 0 ? PLACE_INFO : r < 0 ? PLACE_ERROR : PLACE_GONE;
}

/* A number that had an envelope and has none now has ended; its mess is about to go. */
static enum place at_mess(struct message *m, struct stat *st, struct error *err)
{
	int r = 0;

	if (!(m->entry.seen & (SEEN_INFO | SEEN_TODO | SEEN_TODO_OTHER)))
		r = qmail_stat(queue_of(m), FILE_MESS, m->entry.number, st, err);
	if (r > 0)
		m->entry.seen |= AT_MESS;
	return r > 0 ? PLACE_MESS : r < 0 ? PLACE_ERROR : PLACE_GONE;
}

/* Where the message is now. What the scan saw decides where to look first: info alone costs one
 * stat. */
static enum place locate(struct message *m, bool todo_first, struct stat *st, struct error *err)
{
	const unsigned todo = SEEN_TODO | SEEN_TODO_OTHER;
	bool info_only = (m->entry.seen & SEEN_INFO) && !(m->entry.seen & todo) && !todo_first;
	enum place p = PLACE_GONE;

	m->entry.seen &= ~(unsigned)(AT_TODO | AT_TODO_OTHER | AT_INFO | AT_MESS);
	if (!info_only)
		p = at_todo(m, st, err);
	if (p == PLACE_GONE)
		p = at_info(m, st, err);
	if (p == PLACE_GONE && info_only) {
		p = at_todo(m, st, err);
		if (p == PLACE_GONE)
			p = at_info(m, st, err);
	}
	return p == PLACE_GONE ? at_mess(m, st, err) : p;
}

/* ---- STAT ---- */

static void set_stat(struct message *m, const struct stat *st)
{
	const struct number lifetime = queue_of(m)->control.lifetime;
	int64_t end;

	m->identity.control_dev = (uint64_t)st->st_dev;
	m->identity.control_ino = (uint64_t)st->st_ino;
	m->identity.control_size = st->st_size;
	m->identity.control_mtime_ns = qmail_mtime_ns(st);
	m->arrival = number_of(st->st_mtime);
	if (lifetime.known && !__builtin_add_overflow(m->arrival.value, lifetime.value, &end))
		m->expires = number_of(end);
}

static void set_sender(struct message *m, struct slice sender)
{
	m->sender = m->sender_raw = sender;
	m->double_bounce = slice_eq(sender, SLICE("#@[]"));
	m->bounce = sender.p && sender.n == 0;
}

static void fail_parts(struct message *m, parts_t parts, const struct error *e)
{
	for (unsigned i = 0; i < PART_COUNT; i++)
		if (parts & PART(i))
			part_fail(m, (enum part_index)i, e);
}

static int not_a_file(const struct stat *st, const char *path, struct error *err)
{
	return error_set(err, ERROR_CORRUPT, "%s is %s", path, sys_file_type(st->st_mode));
}

/* ---- reading a file ---- */

/* All of it: 1, 0 when it is not there, -1. */
static int read_file(struct message *m, enum qmail_file f, struct stat *st, struct slice *out,
		     struct error *err)
{
	const struct queue_qmail *q = queue_of(m);
	struct file_path path;
	struct error e = ERROR_INIT;
	int fd, r;

	if (qmail_path(q, f, m->entry.number, &path, err) < 0)
		return -1;
	fd = sys_open_file(q->fd, path.name, SYS_READ, path.full, st, &e);
	r = fd < 0 ? -1
		   : sys_read_all(fd, st->st_size > 0 ? (size_t)st->st_size : 0,
				  LIMIT_CONTROL_BYTES, m->arena, path.full, out, &e);
	sys_close(fd);
	if (r == 0)
		return 1;
	if (e.code == ERROR_GONE)
		return 0;
	if (err->code == ERROR_NONE)
		*err = e;
	return -1;
}

static int damaged(const struct message *m, enum qmail_file f, const char *what, struct error *err)
{
	struct file_path path;

	if (qmail_path(queue_of(m), f, m->entry.number, &path, err) < 0)
		return -1;
	return error_set(err, ERROR_CORRUPT, "%s %s", path.full, what);
}

/* Room for the recipients of both texts; more than the limit is an error, never a shorter list. */
static int room_for(struct message *m, struct slice a, struct slice b, struct error *err)
{
	size_t n = record_count(a) + record_count(b);

	m->recipient_count = m->pending_count = 0;
	if (n > LIMIT_RECIPIENTS)
		return error_set(err, ERROR_LIMIT, "%s: message %llu has more than %u recipients",
				 m->queue->dir, (unsigned long long)m->entry.number,
				 LIMIT_RECIPIENTS);
	m->recipients = arena_array(m->arena, n, sizeof *m->recipients);
	if (m->recipients)
		return 0;
	*err = no_memory;
	return -1;
}

static void finish_recipients(struct message *m)
{
	const struct qmail_control *c = &queue_of(m)->control;

	for (size_t i = 0; i < m->recipient_count; i++) {
		struct recipient *r = &m->recipients[i];

		m->pending_count += !r->done;
		if (r->channel == CHANNEL_REMOTE)
			r->route = route_find(c->routes, c->route_count, r->address);
	}
}

/* ---- S4 ---- */

/* False when it moved on meanwhile. todo is small and whole once it is there, so all three parts
 * come at once. */
static bool load_todo(struct message *m, const struct stat *st)
{
	enum qmail_file f = m->entry.seen & AT_TODO ? FILE_TODO : FILE_TODO_OTHER;
	struct error e = ERROR_INIT;
	struct envelope env = {.sender = SLICE_NONE};
	const char *damage;
	struct slice text;
	struct stat opened;
	int r;

	m->state = STATE_NEW;
	m->state_known = true;
	set_stat(m, st);
	r = read_file(m, f, &opened, &text, &e);
	if (r == 0)
		return false;
	if (r > 0 && room_for(m, text, SLICE_NONE, &e) == 0) {
		set_stat(m, &opened);
		damage = envelope_parse(text, &env, m->recipients, &m->recipient_count);
		finish_recipients(m);
		if (damage)
			damaged(m, f, damage, &e);
	}
	set_sender(m, env.sender);
	m->have |= ENVELOPE;
	if (e.code != ERROR_NONE)
		fail_parts(m, r < 0 || !env.sender.p ? ENVELOPE : PART_CONTROL | PART_RECIPIENTS,
			   &e);
	return true;
}

/* ---- S5 ---- */

/* The null sender's info has 2 bytes and "#@[]"'s 6; a shorter one can hold no sender. Only then a
 * stat leaves open what the sender is. */
static bool size_tells(const struct stat *st)
{
	return (st->st_size >= 2 && st->st_size != 6) || !S_ISREG(st->st_mode);
}

static void load_info_stat(struct message *m, const struct stat *st)
{
	struct error e = ERROR_INIT;
	struct file_path path;

	m->have |= PART_STAT;
	if (!S_ISREG(st->st_mode)) {
		qmail_path(queue_of(m), FILE_INFO, m->entry.number, &path, NULL);
		not_a_file(st, path.full, &e);
		part_fail(m, PART_STAT_I, &e);
		return;
	}
	set_stat(m, st);
	if (!(m->have & PART_CONTROL))
		m->bounce = st->st_size == 2;
}

/* Info was read: its text and its stat. */
static void take_info(struct message *m, struct slice text, const struct stat *st)
{
	struct error e = ERROR_INIT;
	struct slice sender = SLICE_NONE;
	const char *damage = info_parse(text, &sender);

	m->have |= PART_CONTROL;
	set_stat(m, st);
	set_sender(m, sender);
	/* the answer that a stat gives, whatever follows the first record */
	m->bounce = st->st_size == 2;
	if (!damage)
		return;
	damaged(m, FILE_INFO, damage, &e);
	part_fail(m, PART_CONTROL_I, &e);
}

/* False when it is not there any more. */
static bool load_info(struct message *m)
{
	struct error e = ERROR_INIT;
	struct slice text;
	struct stat st;
	int r = read_file(m, FILE_INFO, &st, &text, &e);

	if (r > 0)
		take_info(m, text, &st);
	if (r < 0) {
		m->have |= PART_CONTROL;
		part_fail(m, PART_CONTROL_I, &e);
	}
	return r != 0;
}

/* Does it look finished: S5 with nothing pending. Damage that hides recipients is no proof of that.
 */
static void set_queued_state(struct message *m)
{
	bool ended = m->pending_count == 0 && !(m->failed & PART_RECIPIENTS);

	m->state = ended ? STATE_ENDING : STATE_QUEUED;
	m->state_known = true;
}

static bool has_bounce(const struct message *m)
{
	struct stat st;
	int r = -1;

	if (m->entry.seen & SEEN_IN_SCAN)
		r = bounces_has(queue_of(m), m->entry.number);
	if (r < 0)
		r = qmail_stat(queue_of(m), FILE_BOUNCE, m->entry.number, &st, NULL) > 0;
	return r;
}

static void load_channels(struct message *m)
{
	static const enum qmail_file file[2] = {FILE_LOCAL, FILE_REMOTE};
	struct slice text[2] = {SLICE_NONE, SLICE_NONE};
	struct error e = ERROR_INIT;
	const char *damage;
	struct stat st;
	bool room;

	for (int i = 0; i < 2; i++)
		read_file(m, file[i], &st, &text[i], &e);
	room = room_for(m, text[0], text[1], &e) == 0;
	for (int i = 0; room && i < 2; i++) {
		damage = channel_parse(text[i], i ? CHANNEL_REMOTE : CHANNEL_LOCAL, m->recipients,
				       &m->recipient_count);
		if (damage)
			damaged(m, file[i], damage, &e);
	}
	finish_recipients(m);
	m->bouncing = has_bounce(m);
	m->have |= PART_RECIPIENTS;
	if (e.code != ERROR_NONE)
		part_fail(m, PART_RECIPIENTS_I, &e);
	set_queued_state(m);
}

static void forget_envelope(struct message *m)
{
	m->have &= (parts_t)~ENVELOPE;
	m->failed &= (parts_t)~ENVELOPE;
	m->recipients = NULL;
	m->recipient_count = m->pending_count = 0;
	m->sender = m->sender_raw = SLICE_NONE;
	m->bounce = m->double_bounce = m->bouncing = false;
}

/* True when what was read of info, local and remote was one message's that is past todo. */
static bool still_past_todo(struct message *m)
{
	struct stat st;
	enum qmail_file f;

	if (qmail_find_todo(queue_of(m), m->entry.number, &f, &st, NULL) > 0)
		return false;
	/* nothing pending: ended, or ending */
	return m->recipient_count > 0 || !(m->have & PART_RECIPIENTS) ||
	       qmail_stat(queue_of(m), FILE_INFO, m->entry.number, &st, NULL) != 0;
}

/* Info was read. False when the message moved or ended meanwhile. */
static bool finish_queued(struct message *m, parts_t want, const struct stat *st)
{
	if (!size_tells(st) && (m->failed & PART_CONTROL))
		part_fail(m, PART_STAT_I, m->why[PART_CONTROL_I]);
	if (want & PART_RECIPIENTS)
		load_channels(m);
	return still_past_todo(m);
}

/* False when the message moved or ended meanwhile. */
static bool load_queued(struct message *m, parts_t want, const struct stat *st)
{
	uint64_t before =
	    m->have & PART_STAT && !(m->failed & PART_STAT) ? m->identity.control_ino : 0;
	bool content = !(m->have & PART_CONTROL) && ((want & PART_CONTROL) || !size_tells(st));

	if (before && before != (uint64_t)st->st_ino)
		return false;
	load_info_stat(m, st);
	if (!content && !(want & PART_RECIPIENTS))
		return true;
	if (content && !load_info(m))
		return false;
	if (m->identity.control_ino && m->identity.control_ino != (uint64_t)st->st_ino)
		return false;
	return finish_queued(m, want, st);
}

/* As load_queued, in one go: info is opened without a look at it first. 1, 0 as it moved or ended
 * meanwhile; -1: it is to be done step by step, and nothing was. */
static int load_directly(struct message *m, parts_t want)
{
	const unsigned todo = SEEN_TODO | SEEN_TODO_OTHER;
	struct error e = ERROR_INIT;
	struct slice text;
	struct stat st;

	if (!(m->entry.seen & SEEN_INFO) || (m->entry.seen & todo) || (m->have & ENVELOPE) ||
	    !(want & PART_CONTROL) || read_file(m, FILE_INFO, &st, &text, &e) <= 0)
		return -1;
	m->entry.seen |= AT_INFO;
	load_info_stat(m, &st);
	take_info(m, text, &st);
	return finish_queued(m, want, &st);
}

/* ---- the envelope, wherever it is ---- */

static bool load_at(struct message *m, enum place p, parts_t want, const struct stat *st)
{
	if (p == PLACE_TODO)
		return load_todo(m, st);
	if (p == PLACE_INFO)
		return load_queued(m, want, st);
	/* S2, S3: nothing is known of it yet */
	m->state = STATE_INCOMING;
	m->state_known = true;
	m->have |= ENVELOPE;
	return true;
}

/* It cannot be told where the message is. */
static void fail_place(struct message *m, parts_t want, const struct error *e)
{
	if (!(m->entry.seen & (SEEN_INFO | SEEN_TODO | SEEN_TODO_OTHER)))
		m->state = STATE_UNKNOWN;
	fail_parts(m, want & ENVELOPE, e);
}

static void load_envelope(struct message *m, parts_t want)
{
	bool again = (m->have & ENVELOPE) != 0;
	struct error e = ERROR_INIT;
	struct stat st;
	int direct = load_directly(m, want);

	if (direct > 0)
		return;
	if (direct == 0)
		forget_envelope(m);
	for (int tries = direct == 0; tries < 4; tries++) {
		enum place p = locate(m, tries > 0, &st, &e);

		if (p == PLACE_ERROR) {
			fail_place(m, want, &e);
			return;
		}
		if (p == PLACE_GONE || (p == PLACE_TODO && again))
			break;
		if (load_at(m, p, want, &st))
			return;
		if (again)
			break;
		forget_envelope(m);
	}
	m->gone = true;
}

/* mess comes before all else of a message and goes last: while it is the one that the id told of,
 * what was read before is that message's too. */
static void check_pinned(struct message *m)
{
	struct stat st;
	int r = qmail_stat(queue_of(m), FILE_MESS, m->entry.number, &st, NULL);

	if (r == 0 || (r > 0 && qmail_mtime_ns(&st) != m->entry.data_mtime_ns))
		m->gone = true;
}

void qmail_load(struct loader *l, struct message *m, parts_t want)
{
	parts_t need;

	(void)l;
	if (m->gone)
		return;
	if (want & ~m->have & PART_LOG)
		want |= ENVELOPE;
	need = (parts_t)(want & ~m->have);
	if (need & ENVELOPE)
		load_envelope(m, need & ENVELOPE);
	need = (parts_t)(want & ~m->have);
	if (!m->gone && (need & (PART_DATA | PART_HEADER | PART_BODY)))
		mess_load(m, need);
	if (!m->gone && (need & PART_LOG))
		log_load(m);
	m->have |= need & PART_LOCK;
	if (m->entry.pinned && !m->gone)
		check_pinned(m);
}
