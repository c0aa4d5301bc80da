/*
 * Whom the files of a queue belong to, whoever runs this test and whatever users this host has:
 * owners of directories and the databases of users and groups are stood in for (the linker's
 * --wrap).
 */
#include "unit/qmail_act.h"

#include <grp.h>
#include <pwd.h>

#include "../../backends/qmail/check.h"

enum { NOW = 1795174000, SEND = 64012, QUEUE = 64014, REMOTE = 64013, GROUP = 64010, OTHER = 500 };

/* ---- a host ---- */

/* Of a queue of one split directory, in this order: a letter each. */
static const char *const places[] = {"mess",  "mess/0",	 "info",   "info/0",
				     "local", "local/0", "remote", "remote/0"};
enum { PLACES = sizeof places / sizeof places[0] };

static struct {
	const char *letters; /* NULL: as it is */
	bool users;
} host;

static uid_t uid_of(char letter)
{
	return letter == 's' ? SEND : letter == 'q' ? QUEUE : letter == 'x' ? OTHER : 0;
}

int __real_sys_stat(int dirfd, const char *name, const char *what, struct stat *st,
		    struct error *err);
int __wrap_sys_stat(int dirfd, const char *name, const char *what, struct stat *st,
		    struct error *err);
int __wrap_getpwnam_r(const char *name, struct passwd *pw, char *room, size_t size,
		      struct passwd **found);
int __wrap_getgrnam_r(const char *name, struct group *gr, char *room, size_t size,
		      struct group **found);

int __wrap_sys_stat(int dirfd, const char *name, const char *what, struct stat *st,
		    struct error *err)
{
	int r = __real_sys_stat(dirfd, name, what, st, err);

	for (int i = 0; r == 0 && host.letters && i < PLACES; i++) {
		if (strcmp(name, places[i]) != 0)
			continue;
		st->st_uid = uid_of(host.letters[i]);
		st->st_gid = host.letters[i] == 'r' ? 0 : GROUP;
	}
	return r;
}

int __wrap_getpwnam_r(const char *name, struct passwd *pw, char *room, size_t size,
		      struct passwd **found)
{
	(void)room;
	(void)size;
	*pw = (struct passwd){.pw_uid = strcmp(name, "qmails") == 0   ? SEND
					: strcmp(name, "qmailq") == 0 ? QUEUE
								      : REMOTE};
	*found = host.users ? pw : NULL;
	return 0;
}

int __wrap_getgrnam_r(const char *name, struct group *gr, char *room, size_t size,
		      struct group **found)
{
	(void)room;
	(void)size;
	assert_string_equal(name, "qmail");
	*gr = (struct group){.gr_gid = GROUP};
	*found = host.users ? gr : NULL;
	return 0;
}

/* ---- who ---- */

static const struct {
	const char *letters;
	bool users, known;
	uid_t send, queue;
	gid_t group;
} rows[] = {
    {"qqssssss", false, true, SEND, QUEUE, GROUP},
    {"qqssssss", true, true, SEND, QUEUE, GROUP},
    /* one directory does not make it root's */
    {"qqrsssss", false, true, SEND, QUEUE, GROUP},
    {"qqrsrsss", false, true, SEND, QUEUE, GROUP},
    /* most of them root's: the host's users */
    {"rrrrrrrr", true, true, SEND, QUEUE, GROUP},
    {"qqrrrrrr", true, true, SEND, QUEUE, GROUP},
    {"rqssssss", true, true, SEND, QUEUE, GROUP},
    {"qqrrrsss", true, true, SEND, QUEUE, GROUP},
    /* and where there are none */
    {"qqrrrrrr", false, false, 0, 0, 0},
    {"rrssssss", false, false, 0, 0, 0},
    {"rqssssss", false, false, 0, 0, 0},
    {"qqrrrsss", false, false, 0, 0, 0},
    {"qqxxxsss", false, false, 0, 0, 0},
    /* all of it one user's, even root's */
    {"rrrrrrrr", false, true, 0, 0, 0},
    {"xxxxxxxx", false, true, OTHER, OTHER, GROUP},
    {"xxxxxxxx", true, true, OTHER, OTHER, GROUP},
};

static void test_who(void **state)
{
	struct owners o;
	struct box b;

	(void)state;
	box_open(&b, "split1.tar");
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		host.letters = rows[i].letters;
		host.users = rows[i].users;
		owners_find(queue_qmail(b.queue), &o);
		owners_find_remote(&o);
		if (o.known != rows[i].known)
			fail_msg("%s, %d", rows[i].letters, rows[i].users);
		assert_int_equal(owners_check(&o, queue_qmail(b.queue), NULL), o.known ? 0 : -1);
		assert_int_equal(o.remote_known, o.known && o.send == SEND && rows[i].users);
		if (!o.known)
			continue;
		assert_int_equal(o.send, rows[i].send);
		assert_int_equal(o.queue, rows[i].queue);
		assert_int_equal(o.group, rows[i].group);
	}
	host.letters = NULL;
	box_close(&b);
}

/* ---- what comes of it ---- */

struct told {
	size_t findings, troubles;
};

static void count_finding(void *ctx, const struct finding *f)
{
	struct told *t = ctx;

	t->findings += finding_code(f) == CODE_WRONG_OWNER;
}

static void count_trouble(void *ctx, const struct error *err)
{
	struct told *t = ctx;

	assert_non_null(strstr(err->text, "cannot be told"));
	t->troubles++;
}

static struct told check(struct box *b)
{
	struct told t = {0, 0};
	struct check_walk w = {.queue = b->queue,
			       .now = NOW,
			       .arena = &b->names,
			       .found = count_finding,
			       .trouble = count_trouble,
			       .ctx = &t};

	assert_int_equal(qmail_check(&w, NULL), 0);
	return t;
}

/* Where nobody knows nobody is wrong, and that is said once. */
static void test_check(void **state)
{
	struct told t;
	struct box b;

	(void)state;
	box_open(&b, "split1.tar");
	host.letters = "qqrrrsss";
	host.users = false;
	t = check(&b);
	assert_int_equal(t.findings, 0);
	assert_int_equal(t.troubles, 1);
	/* all files belong to somebody else than the directories say */
	host.letters = "xxxxxxxx";
	t = check(&b);
	assert_true(t.findings > 10);
	assert_int_equal(t.troubles, 0);
	host.letters = NULL;
	box_close(&b);
}

static void refused(struct act *t, enum op op, uint64_t n)
{
	struct slice before, after;

	before = act_tree(t->box);
	t->op = op;
	assert_int_equal(act_on(t, n), ERROR_DENIED);
	assert_non_null(strstr(t->err.text, "cannot be told"));
	after = act_tree(t->box);
	assert_true(slice_eq(before, after));
}

/* Nothing is made that would belong to the wrong one; what makes nothing is done. */
static void test_act(void **state)
{
	uint64_t queued = 0, new = 0;
	struct act t;
	struct box b;

	(void)state;
	box_open(&b, "split1.tar");
	box_scan(&b);
	for (size_t i = 0; i < b.count; i++)
		*(b.entries[i].seen & SEEN_TODO ? &new : &queued) = b.entries[i].number;
	assert_true(queued && new);
	t = (struct act){.box = &b, .now = NOW, .args = {.reason = "x", .even_silent = true}};
	host.letters = "qqrrrsss";
	host.users = false;
	refused(&t, OP_BOUNCE, queued);
	t.dry_run = true;
	refused(&t, OP_BOUNCE, queued);
	t.dry_run = false;
	/* it would have to be preprocessed */
	refused(&t, OP_EXPIRE, new);
	assert_int_equal(act_on(&t, queued), ACT_DONE);
	host.letters = NULL;
	act_free(&t);
	box_close(&b);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_who),
	    cmocka_unit_test(test_check),
	    cmocka_unit_test(test_act),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
