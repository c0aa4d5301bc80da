/* Asking sendmail: a stand-in notes what it was told and touches what it was asked for. */
#include "unit/sendmail_box.h"

#define ID   "60F400Mk016350"
#define NEXT "60F800S2016995"

static struct box box;
static char program[128];

/* Says that it is sendmail, notes its arguments, and does `what` ($f: the control file) for each
 * -qI. */
static void write_program(const char *version, const char *what)
{
	FILE *f;

	snprintf(program, sizeof program, "%s/program", box.path);
	f = fopen(program, "w");
	assert_non_null(f);
	fprintf(f,
		"#!/bin/sh\n"
		"case $1 in -d0.1) echo '%s'; exit 0 ;; esac\n"
		"echo \"$@\" >>%s/asked\n"
		"for a; do case $a in -qI*) f=%s/mqueue/${a#-qI}; %s ;; esac; done\n",
		version, box.path, box.path, what);
	assert_int_equal(fchmod(fileno(f), 0755), 0);
	fclose(f);
	box.args.sendmail = program;
}

static void setup_with(const char *name, const char *cf)
{
	box_open(&box, name, cf);
	write_program("Version 8.17.1", "echo tried >>$f");
}

static int setup(void **state)
{
	(void)state;
	setup_with("flat", NULL);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	box_close(&box);
	return 0;
}

static struct slice asked(void)
{
	return box_text(&box, "asked");
}

static size_t lines(struct slice text)
{
	size_t n = 0;

	for (size_t i = 0; i < text.n; i++)
		n += text.p[i] == '\n';
	return n;
}

static void add_to_cf(struct slice text)
{
	int fd = open(box.cf, O_WRONLY | O_APPEND);

	assert_true(fd >= 0);
	assert_int_equal(sys_write_all(fd, text.p, text.n), 0);
	close(fd);
}

/* begin, ask for these, end */
static int ask(const char *const *ids, size_t count, bool *done)
{
	struct plan_item *items = calloc(count, sizeof *items);
	const struct plan_item **list = calloc(count, sizeof *list);
	int r = box_begin(&box, OP_RETRY);

	assert_true(items && list);
	for (size_t i = 0; r == 0 && i < count; i++) {
		box_find(&box, ids[i], &items[i]);
		list[i] = &items[i];
	}
	if (r == 0)
		r = sendmail_actions.ask(&box.action, list, count, done, &box.err);
	free(items);
	free(list);
	return r;
}

static const char *const two[] = {ID, NEXT};

static void test_asked(void **state)
{
	bool done[2] = {false, false};
	struct slice want;

	(void)state;
	assert_int_equal(ask(two, 2, done), 0);
	box_end(&box);
	assert_true(done[0] && done[1]);
	/* the recorded configuration means another directory than the one that was unpacked */
	want = arena_printf(
	    &box.arena, "-C%s -qf -OQueueLA=9999 -OQueueDirectory=%s -qIqf" ID " -qIqf" NEXT "\n",
	    box.cf, box.dir);
	assert_string_equal(asked().p, want.p);
}

static void test_configured_directory(void **state)
{
	bool done[2];

	(void)state;
	add_to_cf(arena_printf(&box.arena, "O QueueDirectory=%s\n", box.dir));
	backend_sendmail.close(box.queue);
	box_open_dir(&box, box.dir);
	assert_int_equal(ask(two, 2, done), 0);
	box_end(&box);
	assert_null(strstr(asked().p, "QueueDirectory"));
	assert_non_null(strstr(asked().p, " -qf -OQueueLA=9999 -qIqf" ID));
}

/* What its exit status says counts for nothing, but what it did. */
static void test_done_is_what_was_seen(void **state)
{
	bool done[2] = {false, false};

	(void)state;
	write_program("Version 8.15.2", "case $f in *" ID ") rm $f ;; esac");
	assert_int_equal(ask(two, 2, done), 0);
	box_end(&box);
	assert_true(done[0]);
	assert_false(done[1]);
	write_program("Version 8.15.2", "echo tried >>$f; echo '451 no memory' >&2; exit 75");
	assert_int_equal(ask((const char *const[]){NEXT}, 1, done), -1);
	box_end(&box);
	assert_true(done[0]);
	assert_non_null(strstr(box.err.text, "451 no memory"));
}

static void test_not_sendmail(void **state)
{
	bool done[2];

	(void)state;
	write_program("sendmail: illegal option -- d", ":");
	assert_int_equal(ask(two, 2, done), -1);
	assert_int_equal(box.err.code, ERROR_USAGE);
	assert_non_null(strstr(box.err.text, "is not sendmail 8"));
	box.args.sendmail = "sendmail";
	assert_int_equal(ask(two, 2, done), -1);
	assert_int_equal(box.err.code, ERROR_USAGE);
	box.args.sendmail = "/nowhere/sendmail";
	assert_int_equal(ask(two, 2, done), -1);
	assert_int_equal(box.err.code, ERROR_GONE);
	assert_null(asked().p);
}

/* sendmail's filter would take the longer name too. */
static void test_prefix(void **state)
{
	bool done[2] = {false, false};

	(void)state;
	box_write(&box, "mqueue/qf" ID "7", box_text(&box, "mqueue/qf" ID));
	box_write(&box, "mqueue/df" ID "7", SLICE("x\n"));
	assert_int_equal(box_do(&box, OP_RETRY, ID), -1);
	assert_int_equal(box.err.code, ERROR_DENIED);
	assert_non_null(strstr(box.err.text, "qf" ID "7"));
	assert_int_equal(box_do(&box, OP_RETRY, NEXT), 1);
	assert_int_equal(box_do(&box, OP_RETRY, ID "7"), 1);
	/* after an action with --try it is not asked for */
	assert_int_equal(ask(two, 2, done), 0);
	assert_false(done[0]);
	assert_true(done[1]);
	assert_non_null(strstr(box.notes, ID ": not asked for"));
	box_end(&box);
	assert_null(strstr(asked().p, ID));
}

/* 500 ids to a process. */
static void test_many(void **state)
{
	enum { MANY = 501 };
	static char names[MANY][32];
	static const char *ids[MANY];
	static bool done[MANY];
	struct slice text = box_text(&box, "mqueue/qf" ID);
	size_t all = 0;

	(void)state;
	for (int i = 0; i < MANY; i++) {
		snprintf(names[i], sizeof names[i], "mqueue/qf60F700AA%06d", i);
		box_write(&box, names[i], text);
		ids[i] = names[i] + 9;
	}
	assert_int_equal(ask(ids, MANY, done), 0);
	box_end(&box);
	for (int i = 0; i < MANY; i++)
		all += done[i];
	assert_int_equal(all, MANY);
	assert_int_equal(lines(asked()), 2);
}

/* Directories of queue groups cannot be given on the command line. */
static void test_groups(void **state)
{
	bool done[1];

	(void)state;
	box_close(&box);
	setup_with("groups", NULL);
	assert_int_equal(ask(two, 0, done), -1);
	assert_int_equal(box.err.code, ERROR_BUSY);
	assert_non_null(strstr(box.err.text, "queue groups"));
	/* but --try is the only one who asks */
	assert_int_equal(box_begin(&box, OP_EXPIRE), 0);
	box_end(&box);
	box.args.try_now = true;
	assert_int_equal(box_begin(&box, OP_EXPIRE), -1);
	assert_int_equal(box.err.code, ERROR_BUSY);
}

static void test_client_queue(void **state)
{
	const struct queue_option options[] = {{"cf", NULL}, {"msp", NULL}};
	struct queue_option own[2];
	struct queue_spec spec = {.dir = box.dir, .options = own, .option_count = 2};
	bool done[2];

	(void)state;
	memcpy(own, options, sizeof own);
	own[0].value = box.cf;
	backend_sendmail.close(box.queue);
	box.queue = backend_sendmail.open(&spec, NULL, BOX_NOW, NULL, NULL, NULL);
	assert_non_null(box.queue);
	assert_int_equal(ask(two, 2, done), 0);
	box_end(&box);
	assert_true(slice_starts(asked(), SLICE("-Ac -C")));
}

static void test_dry_run_runs_nothing(void **state)
{
	(void)state;
	box.action.dry_run = true;
	box.args.sendmail = "/nowhere/sendmail";
	assert_int_equal(box_do(&box, OP_RETRY, ID), 1);
	assert_null(asked().p);
}

/* ---- what is known of hosts ---- */

static void make_host(const char *directory, const char *file)
{
	box_run((const char *const[]){
	    "mkdir", "-p", arena_printf(&box.arena, "%s/hosts/%s", box.path, directory).p, NULL});
	box_write(&box, arena_printf(&box.arena, "hosts/%s%s", directory, file).p,
		  SLICE("V0\n.\n"));
}

static void test_forget_hosts(void **state)
{
	(void)state;
	add_to_cf(arena_printf(&box.arena, "O HostStatusDirectory=%s/hosts\n", box.path));
	backend_sendmail.close(box.queue);
	box_open_dir(&box, box.dir);
	write_program("Version 8.17.1", ":");
	box_write(
	    &box, "mqueue/qf" ID,
	    SLICE("V8\nT1768449600\nN1\nMDeferred: Connection refused by mx.other.example.\n"
		  "S<a@example.com>\nRPFD:<b@MAIL.Example.net>\nRPFD:c@com\nRPFD:d@../x.y\n.\n"));
	make_host("net./example./", "mail");
	make_host("net./example./mail./", "in");
	make_host("example./other./", "mx");
	make_host("net./example./", "other");
	make_host("net./", "example");
	make_host("com./", "example");
	box_snapshot(&box);
	box.args.forget_hosts = true;
	assert_int_equal(box_do(&box, OP_RETRY, ID), 1);
	box_assert_diff(&box, " -hosts/example./other./mx -hosts/net./example./mail "
			      "-hosts/net./example./mail./in");
	assert_string_equal(box.notes, "3 host status files removed\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_asked, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_configured_directory, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_done_is_what_was_seen, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_not_sendmail, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_prefix, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_many, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_groups, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_client_queue, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_dry_run_runs_nothing, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_forget_hosts, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
