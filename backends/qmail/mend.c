/*
 * What mtaq processes that were killed have left in a queue: finished, or taken back.
 *
 * delete, move and restore put down what they are about, as a name in bounce/ (which qmail-send
 * never reads through): ".mtaq.gone.NUMBER.TIME", with the number and mess's modification time;
 * where the message has a note in bounce/, it is a second name of that. A message without info and
 * todo is none: none any more, or none yet, and complete elsewhere; so what there is of its files
 * goes, as long as mess is still the same file. One that has them stays one, and gets its note
 * back, unless it is about to end without a word, as it should. Of a restore that was about to be
 * seen (".mtaq.seen.NUMBER.TIME") mess stays: that it is there tells the next restore that nobody
 * has seen the message; else qmail-clean removes it. Everything else of ours in bounce/,
 * todo/, intd/ and pid/ is a temporary of a process that is dead: one mtaq acts on a queue at a
 * time.
 */
#include "mend.h"
#include "steps.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <unistd.h>

static const char prefix[] = ".mtaq.gone.", seen[] = ".mtaq.seen."; /* of one length */

/* ---- markers ---- */

static void marker_name(const char *kind, uint64_t n, int64_t mtime_ns, char out[MARKER_NAME])
{
	snprintf(out, MARKER_NAME, "%s%llu.%lld", kind, (unsigned long long)n, (long long)mtime_ns);
}

static bool marker_parse(struct slice name, uint64_t *n, int64_t *mtime_ns)
{
	struct slice number, rest = slice_skip(name, sizeof prefix - 1);
	uint64_t ns;
	bool minus;

	if (!slice_cut(&rest, '.', &number) || !rest.p)
		return false;
	minus = slice_starts(rest, SLICE("-"));
	if (!slice_u64(number, n) || !slice_u64(slice_skip(rest, minus), &ns))
		return false;
	*mtime_ns = (int64_t)(minus ? 0 - ns : ns);
	return true;
}

int marker_put(struct action *a, uint64_t n, const struct stat *mess, struct error *err)
{
	int fd = -1, r, dir = step_open_dir(queue_qmail(a->queue), FILE_BOUNCE, n, err);
	char name[MARKER_NAME], note[MARKER_NAME];

	if (dir < 0)
		return -1;
	marker_name(prefix, n, qmail_mtime_ns(mess), name);
	snprintf(note, sizeof note, "%llu", (unsigned long long)n);
	r = linkat(dir, note, dir, name, 0);
	if (r < 0 && errno == ENOENT)
		r = fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (r < 0)
		error_sys(err, errno, "bounce/%s", name);
	else
		run_dirty(a, FILE_BOUNCE, n);
	sys_close(fd);
	sys_close(dir);
	return r < 0 ? -1 : 0;
}

int marker_turn(struct action *a, uint64_t n, const struct stat *mess, struct error *err)
{
	int fd = -1, r, dir = step_open_dir(queue_qmail(a->queue), FILE_BOUNCE, n, err);
	char from[MARKER_NAME], to[MARKER_NAME];

	if (dir < 0)
		return -1;
	marker_name(prefix, n, qmail_mtime_ns(mess), from);
	marker_name(seen, n, qmail_mtime_ns(mess), to);
	r = renameat(dir, from, dir, to);
	if (r < 0 && errno == ENOENT)
		r = fd = openat(dir, to, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (r >= 0)
		r = fsync(dir);
	if (r < 0)
		error_sys(err, errno, "bounce/%s", to);
	sys_close(fd);
	sys_close(dir);
	return r < 0 ? -1 : 0;
}

void marker_remove(struct action *a, uint64_t n, const struct stat *mess)
{
	int dir = step_open_dir(queue_qmail(a->queue), FILE_BOUNCE, n, NULL);
	char name[MARKER_NAME];

	for (int i = 0; dir >= 0 && i < 2; i++) {
		marker_name(i ? seen : prefix, n, qmail_mtime_ns(mess), name);
		unlinkat(dir, name, 0);
	}
	sys_close(dir);
}

/* ---- finishing, and taking back ---- */

enum fate { FATE_NONE, FATE_ALIVE, FATE_OTHER };

/* What has become of the message. */
static enum fate fate_of(const struct queue_qmail *q, uint64_t n, int64_t mtime_ns)
{
	enum qmail_file f;
	struct stat st;
	int info, todo;

	if (qmail_stat(q, FILE_MESS, n, &st, NULL) != 1 || !S_ISREG(st.st_mode) ||
	    qmail_mtime_ns(&st) != mtime_ns)
		return FATE_OTHER;
	/* todo first: a message leaves it for info */
	todo = qmail_find_todo(q, n, &f, &st, NULL);
	info = qmail_stat(q, FILE_INFO, n, &st, NULL);
	if (info < 0 || todo < 0)
		return FATE_OTHER;
	return info || todo ? FATE_ALIVE : FATE_NONE;
}

static int finish(struct action *a, uint64_t n, bool with_mess)
{
	static const enum qmail_file files[] = {FILE_BOUNCE, FILE_LOCAL,      FILE_REMOTE,
						FILE_INTD,   FILE_INTD_OTHER, FILE_MESS};
	size_t count = sizeof files / sizeof files[0] - (with_mess ? 0 : 1);

	for (size_t i = 0; i < count; i++)
		if (step_unlink(a, files[i], n, NULL) < 0 && files[i] != FILE_INTD_OTHER)
			return -1;
	return 0;
}

static bool has_pending(const struct queue_qmail *q, enum qmail_file f, uint64_t n)
{
	struct file_path path;
	struct slice text;
	struct record r;
	struct arena a;
	bool pending = false;
	int fd = qmail_path(q, f, n, &path, NULL) < 0
		     ? -1
		     : sys_open_file(q->fd, path.name, SYS_READ, path.full, NULL, NULL);

	arena_init(&a, 0);
	if (fd >= 0 && sys_read_all(fd, 0, LIMIT_CONTROL_BYTES, &a, path.full, &text, NULL) == 0)
		while (record_next(&text, &r) != 0)
			pending |= r.type == 'T';
	sys_close(fd);
	arena_free(&a);
	return pending;
}

static void put_note_back(struct action *a, int dir, const char *name, uint64_t n)
{
	const struct queue_qmail *q = queue_qmail(a->queue);
	enum qmail_file f;
	struct stat st;

	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode) &&
	    st.st_size > 0 &&
	    (qmail_find_todo(q, n, &f, &st, NULL) > 0 || has_pending(q, FILE_LOCAL, n) ||
	     has_pending(q, FILE_REMOTE, n)))
		/* one that is there by now is the newer one */
		step_link_in(a, dir, name, FILE_BOUNCE, n, NULL);
}

static void mend_marker(struct action *a, int dir, const char *name)
{
	bool gone = slice_starts(slice_from(name), slice_from(prefix));
	int64_t mtime_ns;
	uint64_t n;

	if (marker_parse(slice_from(name), &n, &mtime_ns)) {
		enum fate f = fate_of(queue_qmail(a->queue), n, mtime_ns);

		if (f == FATE_NONE && finish(a, n, gone) < 0)
			return;
		if (f == FATE_ALIVE && gone)
			put_note_back(a, dir, name, n);
	}
	if (unlinkat(dir, name, 0) == 0)
		run_dirty(a, FILE_BOUNCE, 0);
}

/* ---- sweeping ---- */

static void sweep(struct action *a, const char *path, const char *ours)
{
	const struct queue_qmail *q = queue_qmail(a->queue);
	DIR *d = sys_opendir_at(q->fd, path, path, NULL);
	struct dirent *de;

	while (d && sys_readdir(d, path, &de, NULL) > 0) {
		struct slice name = slice_from(de->d_name);

		if (slice_starts(name, slice_from(prefix)) || slice_starts(name, slice_from(seen)))
			mend_marker(a, dirfd(d), de->d_name);
		else if (slice_starts(name, slice_from(ours)))
			unlinkat(dirfd(d), de->d_name, 0);
	}
	if (d)
		closedir(d);
}

void mend_queue(struct action *a)
{
	sweep(a, "bounce", ".mtaq.");
	sweep(a, "todo", ".mtaq.");
	sweep(a, "intd", ".mtaq.");
	sweep(a, "pid", "mtaq.");
	qmail_sync(a, NULL);
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
		mend_queue(a);
	}
	qmail_run_end(a);
}
