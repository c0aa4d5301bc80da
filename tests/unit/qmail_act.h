/*
 * One action on one message of a recorded queue, step by step as the pipeline does it, with a place
 * between the steps where qmail may do something; and a checker of the whole queue.
 *
 * Contract: act_on() gives what the pipeline would count: ACT_DONE, ACT_ALREADY, or an error code
 * with act.err. The changes of the last action stay in act.changes until the next.
 */
#ifndef TESTS_QMAIL_ACT_H
#define TESTS_QMAIL_ACT_H

#include "unit/qmail_box.h"

#include <mtaq/action.h>
#include <mtaq/saved.h>

#include <sys/file.h>

#include "../../backends/qmail/act.h"

enum { ACT_DONE = 100, ACT_ALREADY = 101 };

enum act_step {
	STEP_NONE,
	BEFORE_TAKE,
	BEFORE_RECHECK,
	BEFORE_PREPARE,
	BEFORE_COMMIT,
	BEFORE_FINISH,
	NO_COMMIT /* prepared, and given up */
};

struct act {
	struct box *box;
	enum op op;
	struct action_args args;
	int64_t now;
	bool dry_run;
	bool named;
	int trash_fd;
	const char *trash_path;
	const json_t *undo;
	const char *folder; /* undo of a delete: where its copy lies */
	const struct saved *saved;
	enum act_step when;
	void (*meanwhile)(struct box *b);
	/* afterwards */
	struct error err;
	json_t *changes;
	char notes[512];
	char id[64]; /* of the message, as restore gave it */
};

static inline void act_die(struct box *b)
{
	(void)b;
	_exit(99);
}

static inline void act_note(void *ctx, const char *text)
{
	struct act *t = ctx;
	size_t n = strlen(t->notes);

	snprintf(t->notes + n, sizeof t->notes - n, "%s\n", text);
}

static inline void act_meanwhile(struct act *t, enum act_step now)
{
	if (t->when == now && t->meanwhile)
		t->meanwhile(t->box);
}

static inline enum cell act_cell(const struct act *t, const struct action *a,
				 const struct message *m)
{
	enum cell c = (enum cell)qmail_actions.ops[t->op].cells[m->state];

	if (t->op == OP_UNDO)
		return CELL_YES;
	if (c == CELL_OFFLINE)
		return a->offline ? CELL_YES : CELL_NA;
	if (c == CELL_NAMED)
		return t->named ? CELL_YES : CELL_NA;
	return c;
}

static inline int act_verify(struct act *t, struct action *a, struct held *h)
{
	struct message *m = &h->message;

	if (t->op == OP_RESTORE)
		return 0;
	backend_qmail.load(a->loader, m, PART_STAT | PART_CONTROL | PART_RECIPIENTS);
	if (m->gone)
		return error_set(&t->err, ERROR_GONE, "it is gone");
	if (act_cell(t, a, m) == CELL_NA)
		return error_set(&t->err, ERROR_UNSUPPORTED, "not applicable");
	if (act_cell(t, a, m) == CELL_BUSY)
		return error_set(&t->err, ERROR_BUSY, "being written");
	act_meanwhile(t, BEFORE_RECHECK);
	return qmail_actions.recheck(a, h, &t->err);
}

static inline int act_commit(struct act *t, struct action *a, struct held *h)
{
	const struct op_row *row = &qmail_actions.ops[t->op];

	if (qmail_actions.sync(a, &t->err) < 0)
		return (int)t->err.code;
	act_meanwhile(t, BEFORE_COMMIT);
	if (t->when == NO_COMMIT)
		return ERROR_BUG;
	if ((row->commit && row->commit(a, h, &t->err) < 0) || qmail_actions.sync(a, &t->err) < 0)
		return (int)t->err.code;
	act_meanwhile(t, BEFORE_FINISH);
	if (row->finish && row->finish(a, h, &t->err) < 0)
		return (int)t->err.code;
	return ACT_DONE;
}

static inline int act_held(struct act *t, struct action *a, struct held *h)
{
	int r;

	act_meanwhile(t, BEFORE_TAKE);
	if (qmail_actions.take(a, h, &t->err) < 0)
		return (int)t->err.code;
	r = act_verify(t, a, h);
	act_meanwhile(t, BEFORE_PREPARE);
	if (r == 0) {
		r = qmail_actions.ops[t->op].prepare(a, h, &t->err);
		r = r < 0 ? (int)t->err.code : r == 0 ? ACT_ALREADY : ACT_DONE;
		if (r == ACT_DONE && !t->dry_run)
			r = act_commit(t, a, h);
	} else {
		r = (int)t->err.code;
	}
	if (h->message.id.p)
		snprintf(t->id, sizeof t->id, "%" SLICE_FMT, SLICE_ARG(h->message.id));
	qmail_actions.let_go(a, h);
	return r;
}

static inline int act_batch(struct act *t, struct action *a, const struct plan_item *item)
{
	struct held h = {.item = item, .saved = t->saved, .undo = t->undo};
	int r;

	arena_init(&h.arena, LIMIT_MESSAGE_BYTES);
	a->loader->arena = &h.arena;
	h.changes = t->changes;
	r = qmail_actions.batch_begin(a, &t->err) < 0 ? (int)t->err.code : act_held(t, a, &h);
	qmail_actions.batch_end(a);
	arena_free(&h.arena);
	return r;
}

static inline void act_reset(struct act *t)
{
	json_decref(t->changes);
	t->changes = json_array();
	t->err = ERROR_INIT;
	t->notes[0] = '\0';
}

static inline int act_item(struct act *t, const struct plan_item *item)
{
	struct action a = {.queue = t->box->queue,
			   .op = t->op,
			   .args = &t->args,
			   .loader = &t->box->loader,
			   .now = t->now,
			   .dry_run = t->dry_run,
			   .trash_fd = t->trash_fd ? t->trash_fd : -1,
			   .trash_path = t->trash_path,
			   .run_id = "20261120T000000Z-1",
			   .note = act_note,
			   .note_ctx = t};
	int r;

	act_reset(t);
	if (!t->dry_run)
		qmail_actions.mend(&a);
	if (qmail_actions.run_begin(&a, &t->err) < 0)
		return (int)t->err.code;
	r = act_batch(t, &a, item);
	if (r == ACT_DONE && (t->op == OP_RETRY || t->args.try_now) && !t->dry_run) {
		bool done = false;

		if (qmail_actions.ask(&a, &item, 1, &done, &t->err) < 0)
			r = (int)t->err.code;
	}
	qmail_actions.run_end(&a);
	return r;
}

/* The plan's item for message `n`, as a scan finds it now. */
static inline struct plan_item act_plan(struct box *b, uint64_t n)
{
	struct plan_item item = {0};
	struct message m;

	box_scan(b);
	box_get(b, n, PART_STAT | PART_DATA | PART_RECIPIENTS, &m);
	item.entry = m.entry;
	item.identity = m.identity;
	item.id = qmail_script_id(&b->names, &m);
	return item;
}

static inline int act_on(struct act *t, uint64_t n)
{
	struct plan_item item = act_plan(t->box, n);

	item.folder = t->folder;
	return act_item(t, &item);
}

static inline void act_free(struct act *t)
{
	json_decref(t->changes);
	t->changes = NULL;
}

/* Killed at a step: what the queue and the folder look like then is for the caller to see. */
static inline void act_killed(struct act *t, enum act_step step, uint64_t n,
			      int (*again)(struct act *t, uint64_t n))
{
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		t->when = step;
		t->meanwhile = act_die;
		again(t, n);
		_exit(1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 99);
}

/* What lies saved in t->trash_fd under `id`. */
static inline int act_restore(struct act *t, const char *id)
{
	struct plan_item item = {.id = slice_from(id), .named = true};
	json_t *note = saved_read_note(t->trash_fd, item.id, NULL);
	struct saved saved = {
	    .dirfd = t->trash_fd, .path = t->trash_path, .id = item.id, .note = note};
	enum op op = t->op;
	int r;

	assert_non_null(note);
	t->op = OP_RESTORE;
	t->saved = &saved;
	r = act_item(t, &item);
	t->saved = NULL;
	t->op = op;
	json_decref(note);
	return r;
}

/* Take back what the last action did; its changes are then those of the undo. */
static inline int act_undo(struct act *t, uint64_t n)
{
	json_t *undo = json_deep_copy(t->changes);
	enum op op = t->op;
	int r;

	t->op = OP_UNDO;
	t->undo = undo;
	t->folder = op == OP_DELETE ? t->trash_path : NULL;
	r = act_on(t, n);
	t->undo = NULL;
	t->folder = NULL;
	t->op = op;
	json_decref(undo);
	return r;
}

/* qmail-send "runs": somebody holds its lock. */
static inline int act_send_starts(struct box *b)
{
	int fd = openat(b->fd, "lock/sendmutex", O_WRONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(flock(fd, LOCK_EX | LOCK_NB), 0);
	return fd;
}

/* ---- looking at files ---- */

static inline const char *act_path(const struct box *b, enum qmail_file f, uint64_t n)
{
	static struct file_path path;

	assert_int_equal(qmail_path(queue_qmail(b->queue), f, n, &path, NULL), 0);
	return path.name;
}

static inline bool act_exists(const struct box *b, enum qmail_file f, uint64_t n)
{
	struct stat st;

	return fstatat(b->fd, act_path(b, f, n), &st, AT_SYMLINK_NOFOLLOW) == 0;
}

static inline struct stat act_stat(const struct box *b, enum qmail_file f, uint64_t n)
{
	struct stat st;

	assert_int_equal(fstatat(b->fd, act_path(b, f, n), &st, AT_SYMLINK_NOFOLLOW), 0);
	return st;
}

/* The bytes of a file, in the box's arena of names. */
static inline struct slice act_bytes(struct box *b, enum qmail_file f, uint64_t n)
{
	struct slice out = SLICE_NONE;
	int fd = openat(b->fd, act_path(b, f, n), O_RDONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(sys_read_all(fd, 0, 1 << 24, &b->names, "file", &out, NULL), 0);
	close(fd);
	return out;
}

/* What `command` (a line of shell, run in the queue directory) prints, in the arena of names. */
static inline struct slice act_shell(struct box *b, const char *command)
{
	struct slice out = SLICE_NONE;
	int to[2], status;
	pid_t pid;

	assert_int_equal(pipe(to), 0);
	pid = fork();
	if (pid == 0) {
		dup2(to[1], 1);
		close(to[0]);
		close(to[1]);
		if (chdir(b->dir) == 0)
			execl("/bin/sh", "sh", "-c", command, (char *)NULL);
		_exit(127);
	}
	close(to[1]);
	assert_int_equal(sys_read_all(to[0], 0, 1 << 24, &b->names, "output", &out, NULL), 0);
	close(to[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	return out;
}

/* Give message `n` the number that its mess's inode is, as qmail-queue would have. */
static inline uint64_t act_own_number(struct box *b, uint64_t n)
{
	char command[512];
	struct slice out;
	uint64_t new;

	snprintf(
	    command, sizeof command,
	    "i=$(stat -c %%i mess/$((%llu %% 23))/%llu); for d in mess info local remote; do "
	    "[ ! -e $d/$((%llu %% 23))/%llu ] || mv $d/$((%llu %% 23))/%llu $d/$((i %% 23))/$i; "
	    "done; for d in bounce todo intd; do [ ! -e $d/%llu ] || mv $d/%llu $d/$i; done; "
	    "printf %%s $i",
	    (unsigned long long)n, (unsigned long long)n, (unsigned long long)n,
	    (unsigned long long)n, (unsigned long long)n, (unsigned long long)n,
	    (unsigned long long)n, (unsigned long long)n);
	out = act_shell(b, command);
	assert_true(slice_u64(out, &new));
	return new;
}

/* Bytes of a file with NUL shown as |. */
static inline struct slice act_records(struct box *b, enum qmail_file f, uint64_t n)
{
	struct slice s = act_bytes(b, f, n);
	char *p = arena_alloc(&b->names, s.n + 1);

	for (size_t i = 0; i < s.n; i++)
		p[i] = (char)(s.p[i] ? s.p[i] : '|');
	return slice_of(p, s.n);
}

static inline void assert_records(struct box *b, enum qmail_file f, uint64_t n, const char *want)
{
	struct slice s = act_records(b, f, n);

	if (!slice_is(s, want))
		print_message("%" SLICE_FMT "\n", SLICE_ARG(s));
	assert_true(slice_is(s, want));
}

static inline struct slice note_of(struct box *b, uint64_t n)
{
	return act_exists(b, FILE_BOUNCE, n) ? act_bytes(b, FILE_BOUNCE, n) : SLICE("");
}

/* Names, types, modes, owners, sizes, times and checksums of all files; not inodes. */
static inline struct slice act_tree(struct box *b)
{
	return act_shell(b, "find . -printf '%p %y %m %U:%G %s %TY-%Tm-%TdT%TT %n\n' | grep -v "
			    "'^[^ ]* d' | sort; find . -type f | sort | xargs -d '\\n' cksum");
}

/* ---- the state table ---- */

static inline void act_wrong(const struct box *b, const char *path, const char *what)
{
	print_message("%s/%s: %s\n", b->dir, path, what);
	fail();
}

/* After each action every number must be in one of qmail's states, with nothing of ours left over:
 * find what is not. (For queues that were whole to begin with.) */
static inline void act_check_number(struct box *b, enum qmail_file f, uint64_t n)
{
	bool mess = act_exists(b, FILE_MESS, n), info = act_exists(b, FILE_INFO, n);
	bool todo = act_exists(b, FILE_TODO, n), intd = act_exists(b, FILE_INTD, n);
	char path[256];

	snprintf(path, sizeof path, "%s", act_path(b, f, n));
	if (!mess)
		act_wrong(b, path, "without mess");
	if ((f == FILE_LOCAL || f == FILE_REMOTE || f == FILE_BOUNCE) && !info && !todo)
		act_wrong(b, path, "without info");
	if (f == FILE_INFO && (info_parse(act_bytes(b, f, n), &(struct slice){0}) != NULL))
		act_wrong(b, path, "damaged");
	if (f == FILE_TODO && act_stat(b, f, n).st_nlink != (intd ? 2 : 1))
		act_wrong(b, path, "is not the same file as intd");
}

static inline void act_check_queue(struct box *b)
{
	static const enum qmail_file kinds[] = {FILE_MESS, FILE_INFO,	FILE_LOCAL, FILE_REMOTE,
						FILE_TODO, FILE_BOUNCE, FILE_INTD};
	struct slice names = act_shell(b, "find . -type f -printf '%P\n'"), line;

	while (slice_cut(&names, '\n', &line)) {
		size_t slash, last = 0;
		uint64_t n;
		int found = 0;

		if (line.n == 0 || slice_starts(line, SLICE("lock/")) ||
		    slice_starts(line, SLICE("pid/")))
			continue;
		for (size_t i = 0; i < line.n; i++)
			last = line.p[i] == '/' ? i + 1 : last;
		slash = last;
		if (!slice_u64(slice_skip(line, slash), &n))
			act_wrong(b, line.p, "a name that is none of qmail's");
		for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
			if (!slice_is(line, act_path(b, kinds[i], n)))
				continue;
			found++;
			act_check_number(b, kinds[i], n);
		}
		assert_int_equal(found, 1);
	}
}

#endif
