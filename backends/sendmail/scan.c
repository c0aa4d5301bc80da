/* Walking the control files of a queue, directory by directory in readdir order. */
#include "queue.h"

#include <stdlib.h>

struct scan {
	const struct sendmail_queue *q;
	size_t unit;  /* being read, or the next when dir is NULL */
	bool outside; /* reading the directory around qf/, for what lies in the wrong place */
	DIR *dir;
};

struct scan *sendmail_scan_begin(const struct queue *q, struct error *err)
{
	struct scan *s = calloc(1, sizeof *s);

	if (!s) {
		error_set(err, ERROR_NOMEM, "out of memory");
		return NULL;
	}
	s->q = sendmail_queue(q);
	return s;
}

void sendmail_scan_end(struct scan *s)
{
	if (s && s->dir)
		closedir(s->dir);
	free(s);
}

static const struct sendmail_unit *current(const struct scan *s)
{
	return sendmail_unit(s->q->layout.units[s->unit]);
}

static const char *current_path(const struct scan *s)
{
	return s->outside ? current(s)->dir.p : current(s)->qf.p;
}

/* On to what follows: the directory around qf/, then the next unit. */
static void leave(struct scan *s)
{
	if (s->dir)
		closedir(s->dir);
	s->dir = NULL;
	if (!s->outside && current(s)->has_qf) {
		s->outside = true;
	} else {
		s->outside = false;
		s->unit++;
	}
}

/* 1 a directory is open, 0 no more, -1 this one cannot be read */
static int enter(struct scan *s, struct error *err)
{
	const struct sendmail_unit *u;

	if (s->dir)
		return 1;
	if (s->unit == s->q->layout.count)
		return 0;
	u = current(s);
	s->dir = sys_opendir_at(s->outside ? u->dir_fd : u->qf_fd, ".", current_path(s), err);
	if (s->dir)
		return 1;
	if (err)
		err->scope = SCOPE_QUEUE;
	leave(s);
	return -1;
}

/* Its bit of enum, 0 when it has vanished, -1 for what sendmail passes over. A link is a message
 * to sendmail, which follows it; here it is one that cannot be read. */
static int judge_type(const struct scan *s, const struct dirent *e, struct error *err)
{
	struct stat st;

#ifdef HAVE_STRUCT_DIRENT_D_TYPE
	if (e->d_type == DT_REG)
		return SEEN_FILE;
#endif
	if (sys_stat(current(s)->qf_fd, e->d_name, e->d_name, &st, NULL) < 0)
		return 0;
	if (S_ISREG(st.st_mode))
		return SEEN_FILE;
	if (S_ISLNK(st.st_mode))
		return SEEN_ODD;
	return error_set(err, ERROR_CORRUPT, "%s/%s is %s: sendmail passes over it",
			 current_path(s), e->d_name, sys_file_type(st.st_mode));
}

/* 1 the entry is a message, 0 it is none, -1 it looks like one but sendmail cannot see it */
static int judge(const struct scan *s, const char *name, size_t n, struct error *err)
{
	if (!layout_is_control(name) || (s->outside && n == 2))
		return 0;
	if (s->outside)
		return error_set(err, ERROR_CORRUPT,
				 "%s/%s lies beside qf/, where sendmail does not look",
				 current_path(s), name);
	if (n > NAME_LONGEST)
		return error_set(err, ERROR_CORRUPT,
				 "%s/%s: name longer than %d bytes, sendmail passes over it",
				 current_path(s), name, NAME_LONGEST);
	return 1;
}

static int give(const struct scan *s, const struct dirent *e, size_t n, struct arena *names,
		struct message_entry *out, struct error *err)
{
	int seen = judge_type(s, e, err);

	if (seen < 0)
		return -1;
	out->name = arena_copy(names, slice_of(e->d_name, n));
	if (!out->name.p)
		return error_set(err, ERROR_NOMEM, "out of memory for names");
	out->unit = &current(s)->base;
	out->number = 0;
	out->seen = (unsigned)seen;
	return 1;
}

int sendmail_scan_next(struct scan *s, struct arena *names, struct message_entry *out,
		       struct error *err)
{
	struct dirent *e;
	int r;

	while ((r = enter(s, err)) > 0) {
		r = sys_readdir(s->dir, current_path(s), &e, err);
		if (r < 0 && err)
			err->scope = SCOPE_QUEUE;
		if (r <= 0)
			leave(s);
		if (r < 0)
			return -1;
		if (r > 0) {
			size_t n = strlen(e->d_name);

			r = judge(s, e->d_name, n, err);
			if (r < 0)
				return -1;
			if (r > 0)
				return give(s, e, n, names, out, err);
		}
	}
	return r;
}
