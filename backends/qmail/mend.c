/*
 * What mtaq processes that were killed have left in a queue: finished, or taken away.
 *
 * delete and move put down what they are about, as a name in bounce/ (which qmail-send never reads
 * through): ".mtaq.gone.NUMBER.TIME", with the number and mess's modification time. Once info, or
 * todo, is gone the message is none any more, and what is left of its files goes too, as long as
 * mess is still the same file. Everything else of ours in bounce/, todo/, intd/ and pid/ is a
 * temporary of a process that is dead: one mtaq acts on a queue at a time.
 */
#include "mend.h"
#include "steps.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <unistd.h>

static const char prefix[] = ".mtaq.gone.";

/* ---- markers ---- */

static void marker_name(uint64_t n, int64_t mtime_ns, char out[MARKER_NAME])
{
	snprintf(out, MARKER_NAME, "%s%llu.%lld", prefix, (unsigned long long)n,
		 (long long)mtime_ns);
}

static bool marker_parse(struct slice name, uint64_t *n, int64_t *mtime_ns)
{
	struct slice number, rest = slice_skip(name, sizeof prefix - 1);
	uint64_t ns;
	bool minus;

	if (!slice_starts(name, slice_from(prefix)) || !slice_cut(&rest, '.', &number) || !rest.p)
		return false;
	minus = slice_starts(rest, SLICE("-"));
	if (!slice_u64(number, n) || !slice_u64(slice_skip(rest, minus), &ns))
		return false;
	*mtime_ns = (int64_t)(minus ? 0 - ns : ns);
	return true;
}

int marker_put(struct action *a, const struct held *h, struct error *err)
{
	const struct pin *p = held_pin(h);
	int fd, dir = step_open_dir(queue_qmail(a->queue), FILE_BOUNCE, p->n, err);
	char name[MARKER_NAME];

	if (dir < 0)
		return -1;
	marker_name(p->n, qmail_mtime_ns(&p->mess_st), name);
	fd = openat(dir, name, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		error_sys(err, errno, "bounce/%s", name);
	else
		run_dirty(a, FILE_BOUNCE, p->n);
	sys_close(fd);
	sys_close(dir);
	return fd < 0 ? -1 : 0;
}

void marker_remove(struct action *a, const struct held *h)
{
	const struct pin *p = held_pin(h);
	int dir = step_open_dir(queue_qmail(a->queue), FILE_BOUNCE, p->n, NULL);
	char name[MARKER_NAME];

	marker_name(p->n, qmail_mtime_ns(&p->mess_st), name);
	if (dir >= 0)
		unlinkat(dir, name, 0);
	sys_close(dir);
}

/* ---- finishing ---- */

static bool is_none_any_more(const struct queue_qmail *q, uint64_t n, int64_t mtime_ns)
{
	enum qmail_file f;
	struct stat st;

	return qmail_stat(q, FILE_INFO, n, &st, NULL) == 0 &&
	       qmail_find_todo(q, n, &f, &st, NULL) == 0 &&
	       qmail_stat(q, FILE_MESS, n, &st, NULL) == 1 && S_ISREG(st.st_mode) &&
	       qmail_mtime_ns(&st) == mtime_ns;
}

static int finish(struct action *a, uint64_t n)
{
	static const enum qmail_file files[] = {FILE_LOCAL, FILE_REMOTE, FILE_INTD, FILE_INTD_OTHER,
						FILE_MESS};

	for (size_t i = 0; i < sizeof files / sizeof files[0]; i++)
		if (step_unlink(a, files[i], n, NULL) < 0 && files[i] != FILE_INTD_OTHER)
			return -1;
	return 0;
}

static void mend_marker(struct action *a, int dir, const char *name)
{
	int64_t mtime_ns;
	uint64_t n;

	if (marker_parse(slice_from(name), &n, &mtime_ns) &&
	    is_none_any_more(queue_qmail(a->queue), n, mtime_ns) && finish(a, n) < 0)
		return;
	unlinkat(dir, name, 0);
}

/* ---- sweeping ---- */

static void sweep(struct action *a, const char *path, const char *ours)
{
	const struct queue_qmail *q = queue_qmail(a->queue);
	DIR *d = sys_opendir_at(q->fd, path, path, NULL);
	struct dirent *de;

	while (d && sys_readdir(d, path, &de, NULL) > 0) {
		struct slice name = slice_from(de->d_name);

		if (slice_starts(name, slice_from(prefix)))
			mend_marker(a, dirfd(d), de->d_name);
		else if (slice_starts(name, slice_from(ours)))
			unlinkat(dirfd(d), de->d_name, 0);
	}
	if (d)
		closedir(d);
}

/* Where another mtaq is at work nothing is left over. */
void qmail_mend(struct action *a)
{
	const struct queue_qmail *q = queue_qmail(a->queue);
	struct qmail_run *r = run_new(q);

	if (!r)
		return;
	a->own = r;
	if (flock(q->fd, LOCK_EX | LOCK_NB) == 0) {
		r->locked = true;
		sweep(a, "bounce", ".mtaq.");
		sweep(a, "todo", ".mtaq.");
		sweep(a, "intd", ".mtaq.");
		sweep(a, "pid", "mtaq.");
		qmail_sync(a, NULL);
	}
	qmail_run_end(a);
}
