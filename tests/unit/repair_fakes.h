/*
 * A backend in memory whose findings are files in a directory of the test's own, and runs of
 * repairs over it.
 */
#ifndef TESTS_REPAIR_FAKES_H
#define TESTS_REPAIR_FAKES_H

#include "unit/acting_run.h"

#include "repair.h"

#include <errno.h>
#include <sys/stat.h>
#include <sys/wait.h>

/* A thing to be found. */
struct fake {
	const char *name; /* of the file, and of the message */
	const struct check_code *code;
	const char *id;		 /* NULL: the name */
	enum error_code refuses; /* what plan says; ERROR_NONE: it is mended */
	const char *after;	 /* found only when this file is gone */
	bool nothing;		 /* plan: no longer so */
	bool again;		 /* found for ever */
	bool stuck;		 /* this one cannot be mended */
};

enum { FAKE_CODES = 3 };
static const struct check_code codes[FAKE_CODES] = {
    {"bad-file", SEVERITY_ERROR, "it is bad", "into the trash", METHOD_LIVE | METHOD_OFFLINE},
    {"offline-file", SEVERITY_URGENT, "it is worse", "into the trash", METHOD_OFFLINE},
    {"odd-file", SEVERITY_NOTE, "it is odd", "decide yourself", 0},
};
#define BAD	(&codes[0])
#define OFFLINE (&codes[1])
#define ODD	(&codes[2])

static struct {
	char dir[96], trash[96];
	const struct fake *list;
	size_t count;
	bool offline;
	struct error begin; /* what repair_begin says */
	size_t looks, begun, ended, batches, batch_ends, plans, let_go, locks;
	enum error_code lock_says;
} fakes;

static const char *file(const char *name)
{
	static char path[4][800];
	static int next;

	next = (next + 1) % 4;
	snprintf(path[next], sizeof path[next], "%s/%s", fakes.dir, name);
	return path[next];
}

static bool there(const char *name)
{
	return access(file(name), F_OK) == 0;
}

static int fake_check(struct check_walk *w, struct error *err)
{
	(void)err;
	fakes.looks++;
	for (size_t i = 0; i < fakes.count; i++) {
		const struct fake *k = &fakes.list[i];
		struct finding f = {.code = k->code,
				    .name = slice_from(k->name),
				    .number = i,
				    .id = slice_from(k->id ? k->id : k->name)};

		w->looked++;
		if ((!there(k->name) && !k->again) || (k->after && there(k->after)))
			continue;
		f.path = arena_printf(w->arena, "%s/%s", fakes.dir, k->name);
		f.dir = slice_from(fakes.dir);
		if (k->stuck)
			f.why_not = SLICE("not this one");
		w->found(w->ctx, &f);
	}
	return 0;
}

static int fake_begin(struct repair *r, struct error *err)
{
	fakes.begun++;
	r->offline = fakes.offline;
	return fakes.begin.code ? error_set(err, fakes.begin.code, "%s", fakes.begin.text) : 0;
}

static void fake_end(struct repair *r)
{
	(void)r;
	fakes.ended++;
}

static int fake_batch_begin(struct repair *r, struct error *err)
{
	(void)r, (void)err;
	fakes.batches++;
	return 0;
}

static void fake_batch_end(struct repair *r)
{
	(void)r;
	fakes.batch_ends++;
}

static int fake_plan(struct repair *r, struct mend *m, struct error *err)
{
	const struct fake *k = &fakes.list[m->finding->number];
	struct repair_step s = {.kind = STEP_TRASH,
				.at = {slice_from(fakes.dir), slice_from(k->name)}};

	(void)r;
	fakes.plans++;
	if (k->refuses)
		return error_set(err, k->refuses, "it says no");
	if (k->nothing || lstat(file(k->name), &s.was) < 0)
		return 0;
	return mend_add(m, &s, err) < 0 ? -1 : 1;
}

static void fake_let_go(struct repair *r, struct mend *m)
{
	(void)r, (void)m;
	fakes.let_go++;
}

static int fake_open(const struct queue *q, const char *dir, struct error *err)
{
	int fd;

	(void)q;
	if (strcmp(dir, fakes.dir) != 0)
		return error_set(err, ERROR_DENIED, "%s is none of the queue's", dir);
	fd = open(dir, O_RDONLY | O_DIRECTORY);
	return fd < 0 ? error_sys(err, errno, "%s", dir) : fd;
}

static int fake_lock(struct repair *r, const char *name, int fd, struct error *err)
{
	(void)r, (void)name, (void)fd;
	fakes.locks++;
	return fakes.lock_says ? error_set(err, fakes.lock_says, "locked") : 0;
}

static const struct backend_checks checks = {
    .codes = codes,
    .count = FAKE_CODES,
    .check = fake_check,
    .repair_begin = fake_begin,
    .repair_end = fake_end,
    .batch_begin = fake_batch_begin,
    .batch_end = fake_batch_end,
    .plan = fake_plan,
    .let_go = fake_let_go,
    .open_place = fake_open,
    .lock = fake_lock,
};

/* ---- a run ---- */

static inline void remove_all(const char *dir)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		execlp("rm", "rm", "-rf", dir, (char *)NULL);
		_exit(127);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void make_files(const struct fake *list, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		int fd = open(file(list[i].name), O_WRONLY | O_CREAT, 0600);

		assert_true(fd >= 0);
		assert_int_equal(write(fd, list[i].name, strlen(list[i].name)),
				 strlen(list[i].name));
		close(fd);
	}
	fakes.list = list;
	fakes.count = count;
	fakes.looks = fakes.begun = fakes.ended = fakes.batches = fakes.batch_ends = 0;
	fakes.plans = fakes.let_go = fakes.locks = 0;
}

static int set_up(void **state)
{
	struct acting *t = acting_new();

	memset(&fakes, 0, sizeof fakes);
	snprintf(fakes.dir, sizeof fakes.dir, "%s/queue", t->dir);
	snprintf(fakes.trash, sizeof fakes.trash, "%s/trash", t->dir);
	assert_int_equal(mkdir(fakes.dir, 0700), 0);
	mem_acts_make(0);
	((struct backend *)(uintptr_t)backend_find("mem"))->checks = &checks;
	acting_begin(t, OP_REPAIR);
	t->run.globals.trash = fakes.trash;
	*state = t;
	return 0;
}

static int tear_down(void **state)
{
	struct acting *t = *state;

	remove_all(fakes.dir);
	remove_all(fakes.trash);
	acting_free(t);
	mem_acts_free();
	return 0;
}

static void repair_now(struct acting *t)
{
	static const struct text_list no_codes;
	struct checkrun c;

	if (checkrun_begin(&c, &t->run, &no_codes)) {
		checkrun_look(&c);
		repair_run(&c, &t->request);
	}
	checkrun_free(&c);
}

#define FAKES(list) make_files(list, sizeof(list) / sizeof(list)[0])

static void assert_said(const char *text, const char *words)
{
	if (!strstr(text, words))
		fail_msg("'%s' is not in:\n%s", words, text);
}

/* Whatever was begun is ended, whatever was planned is let go. */
static void assert_balanced(void)
{
	assert_int_equal(fakes.plans, fakes.let_go);
	assert_int_equal(fakes.batches, fakes.batch_ends);
}

#endif
