/*
 * One message, looked at by itself: which of its files there are, whether qmail knows such a state,
 * and whether each of them is as qmail wants it.
 *
 * The states (N is the number; + there, - not there):
 *
 *	mess intd todo info
 *	 +    -    -    -	S2	being written, or dead
 *	 +    +    -    -	S3
 *	 +    ?    +    ?	S4	info, local and remote mean nothing
 *	 +    -    -    +	S5
 *
 * Everything else is in the table of rules.
 */
#include "check.h"

#include <stdio.h>

enum {
	IN_MESS = 1 << FILE_MESS,
	IN_INFO = 1 << FILE_INFO,
	IN_LOCAL = 1 << FILE_LOCAL,
	IN_REMOTE = 1 << FILE_REMOTE,
	IN_TODO = 1 << FILE_TODO, /* in either layout, as the next */
	IN_INTD = 1 << FILE_INTD,
	IN_BOUNCE = 1 << FILE_BOUNCE,
	LOOK_TRIES = 3
};

/* ---- looking ---- */

static int look_once(const struct queue_qmail *q, uint64_t n, struct look *out, struct error *err)
{
	/* the way a message goes, and what must be there first at last */
	static const enum qmail_file order[FILE_COUNT] = {FILE_TODO,  FILE_TODO_OTHER, FILE_INFO,
							  FILE_LOCAL, FILE_REMOTE,     FILE_BOUNCE,
							  FILE_INTD,  FILE_INTD_OTHER, FILE_MESS};

	*out = (struct look){.n = n};
	for (int i = 0; i < FILE_COUNT; i++) {
		enum qmail_file f = order[i];
		struct error e = ERROR_INIT;
		int r = 0;

		if (q->big_todo || (f != FILE_TODO_OTHER && f != FILE_INTD_OTHER))
			r = place_stat(q, f, n, &out->st[f], &e);
		if (r < 0) {
			if (err && err->code == ERROR_NONE)
				*err = e;
			return -1;
		}
		if (r > 0 && (f == FILE_TODO_OTHER || f == FILE_INTD_OTHER) &&
		    S_ISDIR(out->st[f].st_mode))
			r = 0;
		if (r > 0)
			out->has |= 1u << f;
	}
	return 0;
}

static bool same_files(const struct look *a, const struct look *b)
{
	if (a->has != b->has)
		return false;
	for (int f = 0; f < FILE_COUNT; f++)
		if ((a->has & (1u << f)) &&
		    (a->st[f].st_ino != b->st[f].st_ino || a->st[f].st_mode != b->st[f].st_mode ||
		     a->st[f].st_size != b->st[f].st_size))
			return false;
	return true;
}

int look_at(const struct queue_qmail *q, uint64_t n, struct look *out, struct error *err)
{
	struct look again;

	if (look_once(q, n, out, err) < 0)
		return -1;
	for (int tries = 0; tries < LOOK_TRIES; tries++) {
		if (look_once(q, n, &again, err) < 0)
			return -1;
		if (same_files(out, &again))
			return 1;
		*out = again;
	}
	return 0;
}

bool look_has(const struct look *l, enum qmail_file f)
{
	return (l->has & (1u << f)) != 0;
}

/* The files with both layouts of todo and intd as one. */
static unsigned plain(const struct look *l)
{
	unsigned has = l->has & ~((1u << FILE_TODO_OTHER) | (1u << FILE_INTD_OTHER));

	if (look_has(l, FILE_TODO_OTHER))
		has |= IN_TODO;
	if (look_has(l, FILE_INTD_OTHER))
		has |= IN_INTD;
	return has;
}

static enum qmail_file actual(const struct look *l, enum qmail_file f)
{
	if (f == FILE_TODO && !look_has(l, FILE_TODO))
		return FILE_TODO_OTHER;
	return f == FILE_INTD && !look_has(l, FILE_INTD) ? FILE_INTD_OTHER : f;
}

/* ---- states that qmail does not know ---- */

enum when { ALWAYS, WHEN_OLD };

static const struct rule {
	unsigned must, must_not;
	enum qmail_file about;
	enum qmail_code code;
	enum when when; /* by mess */
} rules[] = {
    {IN_TODO, IN_MESS, FILE_TODO, CODE_TODO_WITHOUT_MESS, ALWAYS},
    {IN_INFO, IN_MESS | IN_TODO, FILE_INFO, CODE_INFO_WITHOUT_MESS, ALWAYS},
    {IN_MESS, IN_INFO | IN_TODO, FILE_MESS, CODE_DEAD_INCOMING, WHEN_OLD},
    {IN_MESS | IN_INFO | IN_INTD, IN_TODO, FILE_INTD, CODE_ORPHAN_INTD, ALWAYS},
    {IN_BOUNCE, IN_MESS | IN_INFO | IN_TODO, FILE_BOUNCE, CODE_STALE_BOUNCE, ALWAYS},
    {IN_INTD, IN_MESS | IN_INFO | IN_TODO, FILE_INTD, CODE_ORPHAN_INTD, ALWAYS},
    {IN_LOCAL, IN_MESS | IN_INFO | IN_TODO, FILE_LOCAL, CODE_ORPHAN_RECIPIENTS, ALWAYS},
    {IN_REMOTE, IN_MESS | IN_INFO | IN_TODO, FILE_REMOTE, CODE_ORPHAN_RECIPIENTS, ALWAYS},
};

struct exam {
	const struct check *c;
	struct sink *s;
	const struct look *l;
};

static struct finding *tell(const struct exam *e, enum qmail_code code, enum qmail_file f,
			    const char *detail)
{
	struct arena *a = &e->s->arena;
	struct step_place p = place_of(a, e->c->q, f, e->l->n);
	struct finding *found =
	    sink_add(e->s, code, p.dir, p.name, detail ? "%s" : NULL, detail ? detail : "");

	found->id = p.name;
	found->number = e->l->n;
	found->where = f;
	return found;
}

/* A file is not missing where its directory is: whoever moved that away brings it back. What may
 * not be mended until then, or none. */
static struct slice directory_gone(const struct exam *e, unsigned files)
{
	const struct queue_qmail *q = e->c->q;
	struct arena *a = &e->s->arena;

	for (int f = 0; f < FILE_COUNT; f++) {
		const char *is = "missing";
		struct slice dir;
		struct stat st;

		if (!(files & (1u << f)))
			continue;
		dir = place_of(a, q, (enum qmail_file)f, e->l->n).dir;
		if (dir.p &&
		    sys_stat(q->fd, dir.p + strlen(q->base.dir) + 1, dir.p, &st, NULL) == 0) {
			if (S_ISDIR(st.st_mode))
				continue;
			is = "no directory";
		}
		return arena_printf(a, "%s is %s: bring it back first",
				    dir.p ? dir.p : "its directory", is);
	}
	return SLICE_NONE;
}

static void apply_rules(const struct exam *e)
{
	unsigned has = plain(e->l);

	for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++) {
		const struct rule *r = &rules[i];

		if ((has & r->must) != r->must || (has & r->must_not))
			continue;
		if (r->when == WHEN_OLD && !is_old(e->c->now, &e->l->st[FILE_MESS]))
			continue;
		tell(e, r->code, actual(e->l, r->about), NULL)->why_not =
		    directory_gone(e, r->must_not);
	}
}

/* ---- notes of an earlier message ---- */

/* When the message was accepted. 0: not told. */
static int64_t accepted(const struct exam *e)
{
	char line[256];
	int fd = place_open(e->c->q, FILE_MESS, e->l->n, NULL, NULL);
	ssize_t n = fd < 0 ? -1 : sys_pread(fd, line, sizeof line, 0);

	sys_close(fd);
	return received_time(slice_of(line, n > 0 ? (size_t)n : 0));
}

/* A note is written after its message was accepted. In a queue that was copied without its times
 * only mess itself tells when that was. */
static void check_note(const struct exam *e)
{
	const struct stat *note = &e->l->st[FILE_BOUNCE], *mess = &e->l->st[FILE_MESS];
	int64_t then;

	if (!look_has(e->l, FILE_BOUNCE) || !look_has(e->l, FILE_MESS) || !S_ISREG(mess->st_mode) ||
	    note->st_mtime >= mess->st_mtime)
		return;
	then = accepted(e);
	if (then && note->st_mtime < then)
		tell(e, CODE_STALE_BOUNCE, FILE_BOUNCE, "older than the message");
}

/* ---- each file ---- */

static void check_mode(const struct exam *e, enum qmail_file f)
{
	const mode_t want = file_mode(f), needed = want & 0644, got = e->l->st[f].st_mode & 07777;
	char text[64];

	if (got == want)
		return;
	snprintf(text, sizeof text, "mode %04o, not %04o", (unsigned)got, (unsigned)want);
	tell(e, (got & needed) == needed ? CODE_OPEN_MODE : CODE_WRONG_MODE, f, text);
}

static void check_owner(const struct exam *e, enum qmail_file f)
{
	const uid_t want = file_owner(&e->c->owners, f), got = e->l->st[f].st_uid;
	char text[64];

	if (!e->c->owners.known || got == want)
		return;
	snprintf(text, sizeof text, "belongs to uid %ld, not %ld", (long)got, (long)want);
	tell(e, CODE_WRONG_OWNER, f, text);
}

static void check_links(const struct exam *e, enum qmail_file f, nlink_t want)
{
	char text[64];

	if (e->l->st[f].st_nlink == want)
		return;
	snprintf(text, sizeof text, "%lu names, not %lu", (unsigned long)e->l->st[f].st_nlink,
		 (unsigned long)want);
	tell(e, CODE_LINKS, f, text);
}

static bool check_type(const struct exam *e, enum qmail_file f, enum qmail_code code)
{
	const mode_t mode = e->l->st[f].st_mode;

	if (S_ISREG(mode))
		return true;
	tell(e, code, f, sys_file_type(mode));
	return false;
}

/* 1, 0 when it is not worth telling (it went), -1 with e->s told. */
static int read_text(const struct exam *e, enum qmail_file f, struct arena *a, struct slice *out)
{
	struct error err = ERROR_INIT;
	struct file_path path;
	int fd = place_open(e->c->q, f, e->l->n, NULL, &err), r = -1;

	place_path(e->c->q, f, e->l->n, &path);
	if (fd >= 0)
		r = sys_read_all(fd, 0, LIMIT_CONTROL_BYTES, a, path.full, out, &err);
	sys_close(fd);
	if (r == 0)
		return 1;
	if (err.code == ERROR_GONE)
		return 0;
	sink_trouble(e->s, &err);
	return -1;
}

static void check_text(const struct exam *e, enum qmail_file f, enum text_kind kind,
		       enum qmail_code code)
{
	const char *what = NULL;
	struct slice text, mended;
	struct arena a;
	bool lost;

	arena_init(&a, 0);
	if (read_text(e, f, &a, &text) > 0) {
		mended = text_mend(&a, kind, text, &what, &lost);
		if (mended.p && what)
			tell(e,
			     kind == TEXT_INFO && slice_starts(text, mended) ? CODE_INFO_TAIL
									     : code,
			     f, what);
	}
	arena_free(&a);
}

static void check_file(const struct exam *e, enum qmail_file f, enum qmail_code not_a_file,
		       enum text_kind kind, enum qmail_code damaged)
{
	if (!look_has(e->l, f) || !check_type(e, f, not_a_file))
		return;
	check_owner(e, f);
	check_mode(e, f);
	check_text(e, f, kind, damaged);
}

static void check_mess(const struct exam *e)
{
	const struct stat *st = &e->l->st[FILE_MESS];
	char text[64];

	check_owner(e, FILE_MESS);
	check_mode(e, FILE_MESS);
	check_links(e, FILE_MESS, 1);
	if (st->st_size == 0)
		tell(e, CODE_MESS_EMPTY, FILE_MESS, NULL);
	if ((uint64_t)st->st_ino == e->l->n)
		return;
	snprintf(text, sizeof text, "its inode is %llu", (unsigned long long)st->st_ino);
	tell(e, CODE_NUMBER_NOT_INODE, FILE_MESS, text);
}

static void check_envelope(const struct exam *e, unsigned has)
{
	if (has & IN_TODO) {
		enum qmail_file todo = actual(e->l, FILE_TODO);

		check_file(e, todo, CODE_TODO_NOT_A_FILE, TEXT_TODO, CODE_TODO_DAMAGED);
		/* qmail-clean, when it was cut off, has removed intd already */
		if (S_ISREG(e->l->st[todo].st_mode) && (has & IN_INTD))
			check_links(e, todo, 2);
		return;
	}
	check_file(e, FILE_INFO, CODE_INFO_NOT_A_FILE, TEXT_INFO, CODE_INFO_DAMAGED);
	check_file(e, FILE_LOCAL, CODE_RECIPIENTS_NOT_A_FILE, TEXT_CHANNEL,
		   CODE_RECIPIENTS_DAMAGED);
	check_file(e, FILE_REMOTE, CODE_RECIPIENTS_NOT_A_FILE, TEXT_CHANNEL,
		   CODE_RECIPIENTS_DAMAGED);
}

static void check_bounce(const struct exam *e)
{
	if (!look_has(e->l, FILE_BOUNCE))
		return;
	if (!S_ISREG(e->l->st[FILE_BOUNCE].st_mode)) {
		tell(e, CODE_STALE_BOUNCE, FILE_BOUNCE,
		     sys_file_type(e->l->st[FILE_BOUNCE].st_mode));
		return;
	}
	check_owner(e, FILE_BOUNCE);
	check_mode(e, FILE_BOUNCE);
	check_note(e);
}

static void check_message(const struct exam *e)
{
	unsigned has = plain(e->l);

	if (!(has & IN_MESS))
		return;
	if (!(has & (IN_TODO | IN_INFO))) {
		check_note(e);
		return;
	}
	if (!check_type(e, FILE_MESS, CODE_MESS_NOT_A_FILE))
		return;
	check_bounce(e);
	check_mess(e);
	check_envelope(e, has);
}

void examine(const struct check *c, uint64_t n, struct sink *s)
{
	struct error err = ERROR_INIT;
	struct look l;
	struct exam e = {c, s, &l};
	int r = look_at(c->q, n, &l, &err);

	s->looked++;
	if (r < 0)
		sink_trouble(s, &err);
	/* its other files lie where they do not belong: mended first */
	if (r <= 0 || numbers_has(&c->misplaced, n) || numbers_has(&c->half, n))
		return;
	apply_rules(&e);
	check_message(&e);
}
