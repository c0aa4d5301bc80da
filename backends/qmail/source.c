/* Saved messages read back: see source.h. */
#include "source.h"
#include "rewrite.h"

#include <mtaq/saved.h>
#include <mtaq/text.h>

#include <unistd.h>

enum { FIRST_LINE = 256 };

/* ---- reading ---- */

static int open_role(struct held *h, const char *role, struct saved_file *f, struct stat *st,
		     int *fd, struct error *err)
{
	*fd = -1;
	if (!saved_file_by_role(h->saved->note, role, &h->arena, f))
		return 0;
	*fd = sys_open_file(h->saved->dirfd, f->name.p, SYS_READ, f->name.p, st, err);
	return *fd < 0 ? -1 : 1;
}

static int read_role(struct held *h, const char *role, struct slice *out, struct timespec *time,
		     struct error *err)
{
	struct saved_file f;
	struct stat st;
	int fd, r = open_role(h, role, &f, &st, &fd, err);

	*out = SLICE_NONE;
	if (r <= 0)
		return r;
	r = sys_read_all(fd, st.st_size > 0 ? (size_t)st.st_size : 0, LIMIT_CONTROL_BYTES,
			 &h->arena, f.name.p, out, err);
	sys_close(fd);
	if (time)
		*time = timespec_of(f.mtime_ns);
	return r;
}

/* Time and group as the note has them: a copy by other means may have lost them. */
static int open_mess(struct held *h, struct source *s, struct error *err)
{
	struct saved_file f;
	int r = open_role(h, "mess", &f, &s->mess_st, &s->mess, err);

	if (r <= 0)
		return r < 0 ? -1 : error_set(err, ERROR_CORRUPT, "its note names no mess");
	s->mess_name = f.name;
	s->mess_st.st_mtim = timespec_of(f.mtime_ns);
	s->mess_st.st_gid = f.gid;
	return 0;
}

int source_open(struct held *h, struct source *s, struct error *err)
{
	const char *mta = json_string_value(json_object_get(h->saved->note, "mta"));

	*s = (struct source){.mess = -1};
	if (!mta || strcmp(mta, "qmail") != 0)
		return error_set(err, ERROR_USAGE, "it is no message of a qmail queue");
	if (open_mess(h, s, err) < 0 || read_role(h, "info", &s->info, &s->info_time, err) < 0 ||
	    read_role(h, "local", &s->local, &s->local_time, err) < 0 ||
	    read_role(h, "remote", &s->remote, &s->remote_time, err) < 0 ||
	    read_role(h, "todo", &s->todo, &s->todo_time, err) < 0 ||
	    read_role(h, "bounce", &s->bounce, &s->bounce_time, err) < 0)
		return -1;
	if (s->todo.p || s->info.p)
		return 0;
	return error_set(err, ERROR_CORRUPT, "its note names neither info nor todo");
}

void source_close(struct source *s)
{
	sys_close(s->mess);
	s->mess = -1;
}

struct slice source_sender(const struct source *s, struct arena *a)
{
	struct recipient *list = arena_array(a, record_count(s->todo) + 1, sizeof *list);
	struct envelope e = {.sender = SLICE_NONE};
	struct slice sender = SLICE_NONE;
	size_t count = 0;

	if (s->todo.p && list)
		envelope_parse(s->todo, &e, list, &count);
	else if (s->info.p)
		info_parse(s->info, &sender);
	return s->todo.p ? e.sender : sender;
}

/* ---- the envelope again ---- */

/* "Received: (qmail PID invoked by uid UID)": who handed it in, which the log ties to it. */
static void add_submitter(struct source *s, struct buf *b)
{
	char text[FIRST_LINE];
	ssize_t n = sys_pread(s->mess, text, sizeof text, 0);
	struct slice rest = slice_of(text, n > 0 ? (size_t)n : 0), word;
	uint64_t pid = (uint64_t)getpid(), uid = getuid(), number;
	size_t at = slice_find(rest, SLICE("Received: (qmail "));

	if (at == 0) {
		rest = slice_skip(rest, sizeof "Received: (qmail " - 1);
		if (slice_cut(&rest, ' ', &word) && slice_u64(word, &number))
			pid = number;
		if (slice_starts(rest, SLICE("invoked by uid "))) {
			rest = slice_skip(rest, sizeof "invoked by uid " - 1);
			if (slice_cut(&rest, ')', &word) && slice_u64(word, &number))
				uid = number;
		}
	}
	buf_printf(b, "u%llu%cp%llu%c", (unsigned long long)uid, 0, (unsigned long long)pid, 0);
}

static int add_recipient(const struct rewrite *w, struct arena *a, enum channel channel,
			 struct slice stored, struct buf *b, struct error *err)
{
	struct slice address = rewrite_inverse(w, a, channel, stored);

	if (!address.p)
		return error_set(
		    err, ERROR_DENIED,
		    "qmail would take %" SLICE_FMT
		    " for another recipient now: restore it while qmail-send is stopped",
		    SLICE_ARG(stored));
	buf_addc(b, 'T');
	buf_add(b, address);
	buf_addc(b, '\0');
	return 0;
}

static int add_recipients(const struct rewrite *w, struct arena *a, enum channel channel,
			  struct slice text, struct buf *b, struct error *err)
{
	struct record r;
	int got;

	while ((got = record_next(&text, &r)) == 1) {
		if (r.type == 'T' && add_recipient(w, a, channel, r.text, b, err) < 0)
			return -1;
		if (r.type != 'T' && r.type != 'D')
			return error_set(err, ERROR_CORRUPT, "its recipients cannot all be read");
	}
	return got == 0 ? 0 : error_set(err, ERROR_CORRUPT, "its recipients cannot all be read");
}

static int build(struct action *a, struct held *h, struct source *s, struct buf *b,
		 struct error *err)
{
	const struct rewrite *w = run_rewrite(a, err);
	struct slice sender;
	const char *damage = info_parse(s->info, &sender);

	if (!w)
		return -1;
	if (damage)
		return error_set(err, ERROR_CORRUPT, "its info %s", damage);
	add_submitter(s, b);
	buf_addc(b, 'F');
	buf_add(b, sender);
	buf_addc(b, '\0');
	if (add_recipients(w, &h->arena, CHANNEL_LOCAL, s->local, b, err) < 0)
		return -1;
	return add_recipients(w, &h->arena, CHANNEL_REMOTE, s->remote, b, err);
}

int source_envelope(struct action *a, struct held *h, struct source *s, struct error *err)
{
	struct buf b;
	int r;

	s->envelope = s->todo;
	if (s->todo.p)
		return 0;
	buf_init(&b);
	r = build(a, h, s, &b, err);
	if (r == 0)
		s->envelope = arena_copy(&h->arena, buf_slice(&b));
	buf_free(&b);
	if (r == 0 && !s->envelope.p)
		return error_set(err, ERROR_LIMIT, "out of memory");
	return r;
}
