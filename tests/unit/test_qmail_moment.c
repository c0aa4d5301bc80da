/*
 * A message that qmail-send preprocesses in the very moment when somebody looks where it is: it
 * leaves todo for info, and is never taken for none. Each look at its todo and its info is a moment
 * of its own: qmail-send is done just before it (the linker's --wrap stands in for the look).
 */
#include "unit/qmail_act.h"

enum { NOW = 1795174000, NEW = 1148120 };

/* ---- qmail-send, before the look that it waits for ---- */

static struct {
	struct box *b; /* NULL: it sleeps */
	uint64_t n;
	int left; /* looks before it wakes */
	bool done;
} sender;

int __real_sys_stat(int dirfd, const char *name, const char *what, struct stat *st,
		    struct error *err);
int __wrap_sys_stat(int dirfd, const char *name, const char *what, struct stat *st,
		    struct error *err);

static void preprocess(struct box *b, uint64_t n)
{
	char command[512];

	snprintf(command, sizeof command,
		 "n=%llu; d=$((n %% 23)); printf 'Fann@example.com\\0' >info/$d/$n; "
		 "printf 'Tdefer@mail.example.test\\0' >remote/$d/$n; rm intd/$n todo/$n",
		 (unsigned long long)n);
	act_shell(b, command);
}

static bool is_looked_for(const char *name)
{
	char todo[PART_ROOM], info[PART_ROOM];

	snprintf(todo, sizeof todo, "todo/%llu", (unsigned long long)sender.n);
	snprintf(info, sizeof info, "info/%llu/%llu", (unsigned long long)(sender.n % 23),
		 (unsigned long long)sender.n);
	return strcmp(name, todo) == 0 || strcmp(name, info) == 0;
}

int __wrap_sys_stat(int dirfd, const char *name, const char *what, struct stat *st,
		    struct error *err)
{
	if (sender.b && !sender.done && is_looked_for(name) && sender.left-- == 0) {
		sender.done = true;
		preprocess(sender.b, sender.n);
	}
	return __real_sys_stat(dirfd, name, what, st, err);
}

/* ---- a queue with a message in todo that somebody has left half done ---- */

struct world {
	struct box b;
	struct act t;
	char trash[96], id[64];
	uint64_t n;
	int send;
};

static int delete_again(struct act *t, uint64_t n)
{
	return act_on(t, n);
}

static int restore_again(struct act *t, uint64_t n)
{
	(void)n;
	return act_restore(t, t->id);
}

static void open_world(struct world *w)
{
	box_open(&w->b, "todo.tar");
	snprintf(w->trash, sizeof w->trash, "%s/trash", w->b.path);
	assert_int_equal(mkdir(w->trash, 0700), 0);
	w->t = (struct act){.box = &w->b,
			    .op = OP_DELETE,
			    .now = NOW,
			    .trash_path = w->trash,
			    .trash_fd = open(w->trash, O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
	w->n = act_own_number(&w->b, NEW);
	snprintf(w->id, sizeof w->id, "%" SLICE_FMT, SLICE_ARG(act_plan(&w->b, w->n).id));
	snprintf(w->t.id, sizeof w->t.id, "%s", w->id);
}

/* delete, killed when all was prepared. */
static void half_deleted(struct world *w)
{
	open_world(w);
	act_killed(&w->t, BEFORE_COMMIT, w->n, delete_again);
	w->send = act_send_starts(&w->b);
}

/* restore, killed when qmail-send saw it. */
static void half_restored(struct world *w)
{
	open_world(w);
	assert_int_equal(act_on(&w->t, w->n), ACT_DONE);
	snprintf(w->t.id, sizeof w->t.id, "%s", w->id);
	w->send = act_send_starts(&w->b);
	act_killed(&w->t, BEFORE_FINISH, w->n, restore_again);
	assert_true(act_exists(&w->b, FILE_TODO, w->n));
}

static void close_world(struct world *w)
{
	close(w->send);
	close(w->t.trash_fd);
	act_free(&w->t);
	box_close(&w->b);
}

/* ---- what is tried ---- */

static void mend(struct world *w)
{
	struct action a = {
	    .queue = w->b.queue, .op = OP_EXPIRE, .args = &w->t.args, .trash_fd = -1};

	qmail_actions.mend(&a);
}

static void restore(struct world *w)
{
	w->t.when = STEP_NONE;
	assert_int_equal(act_restore(&w->t, w->id), ACT_ALREADY);
	assert_int_equal(act_shell(&w->b, "ls -A ../trash").n, 0);
}

/* At each moment once; until there are no more. */
static void at_each_moment(void (*make)(struct world *), void (*try)(struct world *))
{
	int moments = 0;

	do {
		struct world w;

		make(&w);
		sender.b = &w.b;
		sender.n = w.n;
		sender.left = moments++;
		sender.done = false;
		try(&w);
		sender.b = NULL;
		if (!sender.done)
			preprocess(&w.b, w.n);
		assert_true(act_exists(&w.b, FILE_MESS, w.n));
		assert_true(act_exists(&w.b, FILE_INFO, w.n));
		assert_true(
		    slice_is(act_records(&w.b, FILE_REMOTE, w.n), "Tdefer@mail.example.test|"));
		act_check_queue(&w.b);
		close_world(&w);
	} while (sender.done);
	assert_true(moments > 2);
}

static void test_mend_after_delete(void **state)
{
	(void)state;
	at_each_moment(half_deleted, mend);
}

static void test_mend_after_restore(void **state)
{
	(void)state;
	at_each_moment(half_restored, mend);
}

static void test_restore_again(void **state)
{
	(void)state;
	at_each_moment(half_restored, restore);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_mend_after_delete),
	    cmocka_unit_test(test_mend_after_restore),
	    cmocka_unit_test(test_restore_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
