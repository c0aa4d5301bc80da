/*
 * A recorded sendmail queue unpacked into a directory of the test's own, acted on through the
 * backend's table, and compared file by file with what it was.
 *
 * Contract: functions fail the test when something goes wrong. box_act() does to one message what
 * the pipeline does, step by step; box_diff() tells what is different since box_snapshot().
 */
#ifndef TESTS_SENDMAIL_BOX_H
#define TESTS_SENDMAIL_BOX_H

#include "unit/cmocka_all.h"

#include <mtaq/action.h>
#include <mtaq/limits.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../backends/sendmail/act.h"
#include "../../backends/sendmail/sendmail.h"

#define BOX_NOW 1768478400 /* when the queues were recorded */

struct box_file {
	char *name; /* below the box */
	mode_t mode;
	uid_t uid;
	gid_t gid;
	time_t mtime;
	char *text;
	size_t size;
};

struct box {
	char path[64]; /* holds mail/ and mqueue/ */
	char dir[160]; /* the queue */
	char cf[128];
	struct queue *queue;
	struct arena arena;
	struct loader loader;
	struct sys_locks locks;
	struct action action;
	struct action_args args;
	struct box_file files[512];
	size_t file_count;
	char notes[4096];
	struct error err; /* of the last box_act that failed */
	json_t *changes;  /* of the last box_act */
	bool finish_failed;
};

static inline void box_run(const char *const *argv)
{
	int status = -1;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		execvp(argv[0], (char *const *)(uintptr_t)argv);
		_exit(127);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static inline void box_note(void *ctx, const char *text)
{
	struct box *b = ctx;
	size_t n = strlen(b->notes);

	snprintf(b->notes + n, sizeof b->notes - n, "%s\n", text);
}

static inline void box_open_dir(struct box *b, const char *dir)
{
	const struct queue_option option = {"cf", b->cf};
	const struct queue_spec spec = {.dir = dir, .options = &option, .option_count = 1};
	struct error err = ERROR_INIT;

	b->queue = backend_sendmail.open(&spec, NULL, BOX_NOW, NULL, NULL, &err);
	if (!b->queue)
		fail_msg("%s", err.text);
}

/* Lines of configuration behind those of the recording; its last one of a kind counts. */
static inline void box_open(struct box *b, const char *name, const char *more_cf)
{
	const char *top = getenv("top_srcdir");
	char archive[512];
	FILE *f;

	memset(b, 0, sizeof *b);
	scratch_name(b->path, sizeof b->path, "sendmail");
	assert_non_null(mkdtemp(b->path));
	snprintf(b->dir, sizeof b->dir, "%s/mqueue", b->path);
	snprintf(b->cf, sizeof b->cf, "%s/mail/sendmail.cf", b->path);
	snprintf(archive, sizeof archive, "%s/fixtures/sendmail/%s.tar", top ? top : ".", name);
	box_run((const char *const[]){"tar", "--warning=no-timestamp", "-C", b->path, "-xpf",
				      archive, NULL});
	f = fopen(b->cf, "a");
	assert_non_null(f);
	fprintf(f, "\n%s\n", more_cf ? more_cf : "");
	fclose(f);
	arena_init(&b->arena, 0);
	sys_locks_init(&b->locks);
	b->loader = (struct loader){.locks = &b->locks, .now = BOX_NOW};
	box_open_dir(b, b->dir);
}

/* ---- files ---- */

static inline void box_read(struct box_file *f, const char *path, size_t size)
{
	FILE *in = fopen(path, "rb");

	f->size = size;
	f->text = calloc(1, size + 1);
	assert_non_null(f->text);
	assert_non_null(in);
	assert_int_equal(fread(f->text, 1, size, in), size);
	fclose(in);
}

static inline void box_walk(struct box *b, const char *below)
{
	char path[512];
	struct dirent *e;
	DIR *d;

	snprintf(path, sizeof path, "%s%s", b->path, below);
	d = opendir(path);
	assert_non_null(d);
	while ((e = readdir(d)) != NULL) {
		struct box_file *f = &b->files[b->file_count];
		struct stat st;

		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		snprintf(path, sizeof path, "%s%s/%s", b->path, below, e->d_name);
		assert_int_equal(lstat(path, &st), 0);
		if (S_ISDIR(st.st_mode)) {
			box_walk(b, path + strlen(b->path));
			continue;
		}
		assert_true(++b->file_count < 512);
		*f = (struct box_file){.name = strdup(path + strlen(b->path) + 1),
				       .mode = st.st_mode,
				       .uid = st.st_uid,
				       .gid = st.st_gid,
				       .mtime = st.st_mtime};
		if (S_ISREG(st.st_mode))
			box_read(f, path, (size_t)st.st_size);
	}
	closedir(d);
}

static inline void box_forget(struct box *b)
{
	for (size_t i = 0; i < b->file_count; i++) {
		free(b->files[i].name);
		free(b->files[i].text);
	}
	b->file_count = 0;
}

static inline int box_by_name(const void *a, const void *b)
{
	return strcmp(((const struct box_file *)a)->name, ((const struct box_file *)b)->name);
}

static inline void box_snapshot(struct box *b)
{
	box_forget(b);
	box_walk(b, "");
	qsort(b->files, b->file_count, sizeof b->files[0], box_by_name);
}

static inline bool box_same(const struct box_file *x, const struct box_file *y)
{
	return x->mode == y->mode && x->uid == y->uid && x->gid == y->gid && x->size == y->size &&
	       (!x->text || memcmp(x->text, y->text, x->size) == 0);
}

/* " -NAME" gone, " +NAME" new, " ~NAME" other content, mode or owner; "" when all is as it was.
 * Times are not compared. */
static inline const char *box_diff(struct box *b, char out[4096])
{
	struct box *now = calloc(1, sizeof *now);
	size_t i = 0, k = 0, n = 0;

	assert_non_null(now);
	memcpy(now->path, b->path, sizeof b->path);
	box_snapshot(now);
	out[0] = '\0';
	while (i < b->file_count || k < now->file_count) {
		int order = i == b->file_count	   ? 1
			    : k == now->file_count ? -1
						   : box_by_name(&b->files[i], &now->files[k]);
		const char *name = order > 0 ? now->files[k].name : b->files[i].name;

		assert_true(n < 3900);
		if (order || !box_same(&b->files[i], &now->files[k]))
			n += (size_t)snprintf(out + n, 4096 - n, " %c%s",
					      order < 0	  ? '-'
					      : order > 0 ? '+'
							  : '~',
					      name);
		i += order <= 0;
		k += order >= 0;
	}
	box_forget(now);
	free(now);
	return out;
}

static inline void box_assert_diff(struct box *b, const char *want)
{
	char got[4096];

	assert_string_equal(box_diff(b, got), want);
}

/* The content of a file below the box, in the arena; none when there is no such file. */
static inline struct slice box_text(struct box *b, const char *name)
{
	char path[512];
	struct slice text = SLICE_NONE;

	snprintf(path, sizeof path, "%s/%s", b->path, name);
	if (access(path, F_OK) == 0)
		assert_int_equal(sys_read_config(path, 1u << 24, &b->arena, &text, NULL), 0);
	return text;
}

static inline void box_write(struct box *b, const char *name, struct slice text)
{
	char path[512];
	int fd;

	snprintf(path, sizeof path, "%s/%s", b->path, name);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0640);
	assert_true(fd >= 0);
	assert_int_equal(sys_write_all(fd, text.p, text.n), 0);
	close(fd);
}

/* The value of the last line with this code in a control file, "-" when there is none. */
static inline const char *box_line(struct box *b, const char *name, char code)
{
	struct slice text = box_text(b, name);
	struct qf_line l;

	assert_non_null(text.p);
	if (!qf_find_line(text, code, &l))
		return "-";
	return arena_str(&b->arena, qf_line_value(&l));
}

/* ---- acting ---- */

static inline void box_close(struct box *b)
{
	box_forget(b);
	json_decref(b->changes);
	backend_sendmail.close(b->queue);
	arena_free(&b->arena);
	sys_locks_free(&b->locks);
	box_run((const char *const[]){"rm", "-rf", b->path, NULL});
}

static inline int box_begin(struct box *b, enum op op)
{
	b->err = ERROR_INIT;
	b->notes[0] = '\0';
	b->action = (struct action){.queue = b->queue,
				    .op = op,
				    .args = &b->args,
				    .loader = &b->loader,
				    .now = BOX_NOW,
				    .dry_run = b->action.dry_run,
				    .trash_fd = b->action.trash_fd ? b->action.trash_fd : -1,
				    .trash_path = b->action.trash_path,
				    .run_id = "20260115T120000Z-1",
				    .note = box_note,
				    .note_ctx = b};
	if (sendmail_actions.run_begin(&b->action, &b->err) < 0) {
		assert_null(b->action.own);
		return -1;
	}
	assert_int_equal(sendmail_actions.batch_begin(&b->action, &b->err), 0);
	return 0;
}

static inline void box_end(struct box *b)
{
	if (b->action.own)
		sendmail_actions.run_end(&b->action);
}

/* What runs that were killed have left. */
static inline void box_mend(struct box *b)
{
	struct action a = {.queue = b->queue, .now = BOX_NOW, .note = box_note, .note_ctx = b};

	b->notes[0] = '\0';
	sendmail_actions.mend(&a);
}

static inline void box_find(struct box *b, const char *id, struct plan_item *item)
{
	struct message m;

	*item = (struct plan_item){.named = true};
	assert_int_equal(
	    backend_sendmail.find(b->queue, slice_from(id), &b->arena, &item->entry, 1, NULL), 1);
	b->loader.arena = &b->arena;
	backend_sendmail.begin(b->queue, &item->entry, &b->arena, &m);
	backend_sendmail.load(&b->loader, &m, PART_STAT | PART_CONTROL | PART_DATA);
	item->identity = m.identity;
	item->id = m.id;
}

/* prepare, and unless it is a dry run all that follows. 1 done, 0 nothing to do, -1 with b->err. */
static inline int box_steps(struct box *b, struct held *h)
{
	const struct op_row *row = &sendmail_actions.ops[b->action.op];
	int r = row->prepare(&b->action, h, &b->err);

	if (r <= 0 || b->action.dry_run)
		return r;
	assert_int_equal(sendmail_actions.sync(&b->action, &b->err), 0);
	if (row->commit && row->commit(&b->action, h, &b->err) < 0)
		return -1;
	assert_int_equal(sendmail_actions.sync(&b->action, &b->err), 0);
	b->finish_failed = row->finish && row->finish(&b->action, h, &b->err) < 0;
	return 1;
}

static inline int box_cell(struct box *b, const struct held *h)
{
	return sendmail_actions.ops[b->action.op].cells[h->message.state];
}

/* One message through all steps. As box_steps; -1 too when it cannot be taken. */
static inline int box_act_on(struct box *b, struct held *h)
{
	int r;

	b->err = ERROR_INIT;
	json_decref(b->changes);
	b->changes = json_array();
	arena_init(&h->arena, LIMIT_MESSAGE_BYTES);
	b->loader.arena = &h->arena;
	r = sendmail_actions.take(&b->action, h, &b->err);
	if (r == 0) {
		h->changes = b->changes;
		r = sendmail_actions.recheck(&b->action, h, &b->err);
		if (r == 0)
			r = box_steps(b, h);
		sendmail_actions.let_go(&b->action, h);
	}
	arena_free(&h->arena);
	return r;
}

static inline int box_act(struct box *b, const char *id)
{
	struct plan_item item;
	struct held h = {.item = &item};

	box_find(b, id, &item);
	return box_act_on(b, &h);
}

/* A whole run of one action on one message. */
static inline int box_do(struct box *b, enum op op, const char *id)
{
	int r = box_begin(b, op);

	if (r == 0)
		r = box_act(b, id);
	box_end(b);
	return r;
}

/* Names in a directory, but for its own. */
static inline int entries(const char *dir)
{
	DIR *d = opendir(dir);
	int n = -2;

	assert_non_null(d);
	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

/* A recorded queue of which two directories share their data files: q2/df leads to q1/df. */
static inline void box_open_shared(struct box *b)
{
	box_open(b, "split", NULL);
	backend_sendmail.close(b->queue);
	box_run((const char *const[]){"sh", "-c",
				      "cd \"$0\" && mv q2/df/* q1/df && rmdir q2/df && ln -s "
				      "../q1/df q2/df",
				      b->dir, NULL});
	box_open_dir(b, b->dir);
}

#endif
