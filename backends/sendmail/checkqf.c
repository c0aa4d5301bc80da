/* Examining one control file: see checks.h. */
#include "checks.h"
#include "edit.h"

#include <mtaq/limits.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

enum {
	YOUNG = 600, /* seconds that sendmail leaves an empty control file alone */
	NEWEST_VERSION = 8,
	GROUP_MAY_WRITE = 020,
	OTHERS_MAY_WRITE = 002
};

/* ---- what a queue run objects to ---- */

static bool is_xtext(struct slice s)
{
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];

		if (c < '!' || c > '~' || c == '=')
			return false;
		if (c == '+') {
			for (size_t k = i + 1; k < i + 3; k++)
				if (k >= s.n || !strchr("0123456789ABCDEF", s.p[k]) || !s.p[k])
					return false;
			i += 2;
		}
	}
	return true;
}

static bool knows_code(char code)
{
	return code && strchr("VTKNPdDIBqMFSZA!CQrRHEL$.", code);
}

static const char *line_trouble(const struct sendmail_queue *q, const struct qf_line *l)
{
	struct slice value = qf_line_value(l);

	if (l->bytes.p[0] == '\n' || slice_starts(l->bytes, SLICE("\r\n")))
		return "is empty";
	if (!knows_code(l->code))
		return "begins with a code that sendmail does not know";
	if (l->code == 'V' && qf_number(value) > NEWEST_VERSION)
		return "tells a version that this sendmail does not know";
	if (l->code == 'B' && !slice_caseeq(value, SLICE("7BIT")) &&
	    !slice_caseeq(value, SLICE("8BITMIME")))
		return "is neither 7BIT nor 8BITMIME";
	if (l->code == 'F' && slice_starts(value, SLICE("rom ")))
		return "begins with From";
	if (l->code == 'A' && !is_xtext(value))
		return "is not xtext";
	if (l->code == 'd' && !layout_find(&q->layout, value))
		return "names no queue directory";
	return NULL;
}

static size_t physical_lines(struct slice s)
{
	size_t n = 0;

	for (size_t i = 0; i < s.n; i++)
		n += s.p[i] == '\n';
	return n;
}

static const char no_dot[] = "should be there: the final dot is missing";

const char *control_trouble(const struct sendmail_queue *q, struct slice text, size_t *line)
{
	struct qf_line l;
	size_t at = 0;

	*line = 1;
	while (qf_next_line(text, &at, &l)) {
		const char *why = l.code == '.' ? NULL : line_trouble(q, &l);

		if (why)
			return why;
		*line += physical_lines(l.bytes);
		if (l.code == '.')
			return at < text.n ? "comes after the final dot" : NULL;
	}
	return no_dot;
}

/* Without its configuration nobody knows whether the group may: a client queue's files are so. */
bool mode_is_bad(const struct sendmail_queue *q, mode_t mode)
{
	struct slice may = q->cf.option[CF_QUEUE_FILE_MODE].text;
	mode_t group = 0;

	for (size_t i = 0; i < may.n; i++)
		group = (mode_t)(group * 8 + (mode_t)((may.p[i] - '0') & 7));
	return (mode & OTHERS_MAY_WRITE) ||
	       (q->cf_path && (mode & GROUP_MAY_WRITE) && !(group & GROUP_MAY_WRITE));
}

/* ---- files ---- */

bool is_file(int dirfd, const char *name, struct stat *st)
{
	return fstatat(dirfd, name, st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st->st_mode);
}

int read_control_text(struct look *l, const struct sendmail_unit *u, enum spot spot,
		      const char *name, struct stat *st, struct slice *text, struct error *err)
{
	int opened, dir = spot_fd(u, spot, &opened), fd, r;
	struct slice path;

	path = arena_printf(&l->scratch, "%s/%s", spot_path(u, spot).p, name);
	fd = sys_open_file(dir, name, SYS_READ, path.p ? path.p : name, st, err);
	r = fd < 0 ? -1
		   : sys_read_all(fd, (size_t)st->st_size, LIMIT_CONTROL_BYTES, &l->scratch,
				  path.p ? path.p : name, text, err);
	sys_close(fd);
	sys_close(opened);
	return r;
}

const struct sendmail_unit *control_data_unit(const struct sendmail_queue *q,
					      const struct sendmail_unit *u, const struct qf *qf)
{
	return qf && qf->data_dir.p ? layout_find(&q->layout, qf->data_dir) : u;
}

static bool has_control(const struct sendmail_unit *u, struct slice id)
{
	char name[LIMIT_NAME_BYTES + 8];
	struct stat st;

	for (const char *c = "qhQ"; *c; c++) {
		snprintf(name, sizeof name, "%cf%" SLICE_FMT, *c, SLICE_ARG(id));
		if (fstatat(u->qf_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0)
			return true;
	}
	return false;
}

const struct sendmail_unit *data_elsewhere(const struct sendmail_queue *q,
					   const struct sendmail_unit *u, struct slice id,
					   enum spot *spot)
{
	char name[LIMIT_NAME_BYTES + 8];
	struct stat st;

	snprintf(name, sizeof name, "df%" SLICE_FMT, SLICE_ARG(id));
	for (size_t i = 0; i < q->layout.count; i++) {
		const struct sendmail_unit *other = sendmail_unit(q->layout.units[i]);
		/* the other message has it */
		bool owned = other != u && has_control(other, id);

		*spot = SPOT_DF;
		if (other != u && !owned && is_file(other->df_fd, name, &st))
			return other;
		*spot = SPOT_DIR;
		if (other->has_df && !owned && is_file(other->dir_fd, name, &st))
			return other;
		*spot = SPOT_QF;
		if (other->has_qf && !owned && is_file(other->qf_fd, name, &st))
			return other;
	}
	return NULL;
}

/* ---- one control file ---- */

struct control {
	struct look *l;
	struct seen *s;
	struct slice id;
	struct stat st;
	struct slice text;
	struct qf qf;
};

/* Nobody works on it, and it is still the file that was read: what was seen is no passing moment.
 */
static bool lasts(struct control *c)
{
	struct stat st;

	return !check_locked(c->l, c->s->unit->qf_fd, c->s->name, &c->st) &&
	       is_file(c->s->unit->qf_fd, c->s->name, &st) && st.st_ino == c->st.st_ino &&
	       st.st_dev == c->st.st_dev;
}

static void emit(struct control *c, enum check_kind kind, const char *detail)
{
	check_emit(c->l, kind, c->s->unit, (enum spot)c->s->spot, c->s->name, detail ? "%s" : NULL,
		   detail);
}

/* As the names that were read tell: no system call for what is as it should be. */
static bool data_was_seen(const struct control *c, const struct sendmail_unit *u)
{
	if (!c->l->names)
		return false;
	for (const struct seen *e = seen_of(c->l->names, c->id); e; e = e->next)
		if (e->name[0] == 'd' && e->unit == u && e->regular &&
		    (e->spot == SPOT_DF || (!u->has_df && (e->spot == SPOT_DIR || !u->has_qf))))
			return true;
	return false;
}

static void tell_elsewhere(struct control *c, const struct sendmail_unit *where, enum spot spot)
{
	char text[4300];

	snprintf(text, sizeof text, "its data file lies in %s", spot_path(where, spot).p);
	check_emit_aux(c->l, CHECK_DATA_ELSEWHERE, c->s->unit, (enum spot)c->s->spot, c->s->name,
		       spot_path(where, spot), text);
}

/* It may lie where nobody could look. */
static void tell_missing(struct control *c)
{
	enum check_kind kind = c->s->name[0] == 'q' ? CHECK_NO_DATA : CHECK_HELD_NO_DATA;

	if (c->l->q->layout.partial)
		check_emit_stuck(c->l, kind, c->s->unit, (enum spot)c->s->spot, c->s->name,
				 check_blind(c->l));
	else
		emit(c, kind, "its data file is missing");
}

/* True when the data file is where it should be. */
static bool examine_data(struct control *c)
{
	const struct sendmail_unit *u = control_data_unit(c->l->q, c->s->unit, &c->qf), *other;
	char name[LIMIT_NAME_BYTES + 8];
	enum spot spot;
	struct stat st;

	if (!u)
		u = c->s->unit;
	snprintf(name, sizeof name, "df%" SLICE_FMT, SLICE_ARG(c->id));
	if (data_was_seen(c, u) || is_file(u->df_fd, name, &st))
		return true;
	if (fstatat(u->df_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0) {
		check_emit(c->l, CHECK_DATA_ODD, c->s->unit, (enum spot)c->s->spot, c->s->name,
			   "its data file is %s", sys_file_type(st.st_mode));
		return false;
	}
	if (errno != ENOENT || !lasts(c) || is_file(u->df_fd, name, &st))
		return false;
	other = data_elsewhere(c->l->q, u, c->id, &spot);
	if (other)
		tell_elsewhere(c, other, spot);
	else
		tell_missing(c);
	return false;
}

static void emit_line(struct control *c, enum check_kind kind, const char *why, size_t line)
{
	check_emit(c->l, kind, c->s->unit, (enum spot)c->s->spot, c->s->name, "line %zu %s", line,
		   why);
}

/* The d line alone is wrong, and can be put right. */
static bool only_d_is_wrong(const struct control *c)
{
	return c->qf.ended && !c->qf.odd && c->qf.data_dir.p &&
	       !layout_find(&c->l->q->layout, c->qf.data_dir);
}

static void examine_damage(struct control *c, const char *why, size_t line)
{
	if (only_d_is_wrong(c)) {
		check_emit(c->l, CHECK_BAD_D, c->s->unit, (enum spot)c->s->spot, c->s->name,
			   "line %zu %s: %" SLICE_FMT, line, why, SLICE_ARG(c->qf.data_dir));
	} else if (c->s->name[0] == 'Q') {
		emit_line(c, CHECK_LOST_DAMAGED, why, line);
	} else if (c->qf.ended || (check_age(c->l, &c->st) >= YOUNG && lasts(c))) {
		emit_line(c, why == no_dot ? CHECK_TRUNCATED : CHECK_DAMAGED, why, line);
	}
}

/* Quick, for what nearly always is well. */
static bool looks_well(const struct control *c)
{
	const struct qf *q = &c->qf;

	return q->ended && !q->odd && !(q->auth.p && !is_xtext(q->auth)) &&
	       !(q->data_dir.p && !layout_find(&c->l->q->layout, q->data_dir));
}

/* Then the two are told as a pair. */
static bool is_also_queued(const struct control *c)
{
	char name[LIMIT_NAME_BYTES + 8];
	struct stat st;
	bool there = false;

	for (const char *first = "qh"; *first; first++) {
		snprintf(name, sizeof name, "%cf%" SLICE_FMT, *first, SLICE_ARG(c->id));
		there |= fstatat(c->s->unit->qf_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
	}
	return there;
}

static void examine_text(struct control *c)
{
	char kind = c->s->name[0];
	const char *why = NULL;
	size_t line;
	bool data;

	if (!looks_well(c))
		why = control_trouble(c->l->q, c->text, &line);
	data = examine_data(c);
	if (kind != 'Q' && mode_is_bad(c->l->q, c->st.st_mode))
		check_emit(c->l, CHECK_MODE, c->s->unit, (enum spot)c->s->spot, c->s->name,
			   "mode %04o", (unsigned)c->st.st_mode & 07777);
	if (why)
		examine_damage(c, why, line);
	else if (kind == 'Q' && data && !is_also_queued(c))
		emit(c, CHECK_LOST_GOOD, NULL);
	if (kind == 'q' && c->qf.reason.p && c->qf.ended && lasts(c))
		emit(c, CHECK_WITH_REASON, NULL);
	if (kind == 'h' && !c->qf.reason.p && c->qf.ended && lasts(c))
		emit(c, CHECK_NO_REASON, NULL);
	if (c->st.st_nlink > 1)
		check_emit(c->l, CHECK_HARD_LINKED, c->s->unit, (enum spot)c->s->spot, c->s->name,
			   "it has %lu names", (unsigned long)c->st.st_nlink);
}

static bool is_empty_directory(int dirfd, const char *name)
{
	DIR *d = sys_opendir_at(dirfd, name, name, NULL);
	struct dirent *e;
	bool empty = d && sys_readdir(d, name, &e, NULL) == 0;

	if (d)
		closedir(d);
	return empty;
}

static void examine_type(struct control *c, const struct stat *st)
{
	const struct sendmail_unit *u = c->s->unit;
	enum spot spot = (enum spot)c->s->spot;
	struct stat target;

	if (S_ISLNK(st->st_mode)) {
		if (fstatat(u->qf_fd, c->s->name, &target, 0) < 0 && errno == ENOENT)
			emit(c, CHECK_DANGLING, NULL);
		else
			emit(c, CHECK_LINK, NULL);
	} else if (S_ISDIR(st->st_mode) && !is_empty_directory(u->qf_fd, c->s->name)) {
		check_emit_stuck(c->l, CHECK_ODD_TYPE, u, spot, c->s->name,
				 "it is a directory with something in it");
	} else {
		emit(c, CHECK_ODD_TYPE, sys_file_type(st->st_mode));
	}
}

/* 1 regular, 0 told or gone */
static bool is_regular(struct control *c)
{
	struct stat st;

	if (c->s->regular)
		return true;
	if (fstatat(c->s->unit->qf_fd, c->s->name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return false;
	if (S_ISREG(st.st_mode))
		return true;
	examine_type(c, &st);
	return false;
}

static void examine_contents(struct control *c)
{
	struct error err = ERROR_INIT;

	if (read_control_text(c->l, c->s->unit, SPOT_QF, c->s->name, &c->st, &c->text, &err) < 0 ||
	    (c->text.n && qf_parse(&c->l->scratch, c->text, &c->qf, &err) < 0)) {
		if (err.code != ERROR_GONE && c->l->trouble)
			c->l->trouble(c->l, &err);
		return;
	}
	c->s->uid = c->st.st_uid;
	c->s->gid = c->st.st_gid;
	c->s->examined = true;
	if (c->text.n)
		examine_text(c);
	else if (check_age(c->l, &c->st) >= YOUNG &&
		 is_file(c->s->unit->qf_fd, c->s->name, &c->st) && c->st.st_size == 0)
		emit(c, CHECK_EMPTY, NULL);
}

void examine_control(struct look *l, struct seen *s)
{
	struct control c = {.l = l, .s = s, .id = slice_skip(slice_from(s->name), 2)};
	struct stat st;

	if (s->spot != SPOT_QF) {
		if (is_file(s->unit->dir_fd, s->name, &st))
			emit(&c, CHECK_BESIDE_QF, NULL);
		return;
	}
	if (!is_regular(&c))
		return;
	if (c.id.n + 2 > NAME_LONGEST)
		emit(&c, CHECK_LONG_NAME, NULL);
	else
		examine_contents(&c);
}
