/* Running other programs: what they get, what is heard of them, when they end. */
#include "unit/cmocka_all.h"

#include <mtaq/spawn.h>

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static struct spawn_output out;

static void sh(const char *script)
{
	const char *const argv[] = {"/bin/sh", "-c", script, NULL};

	assert_int_equal(spawn_run(argv, NULL, &out, NULL), 0);
}

static void test_output_and_status(void **state)
{
	(void)state;
	sh("echo to stdout; echo to stderr >&2");
	assert_string_equal(out.text, "to stdout\nto stderr\n");
	assert_true(spawn_ok(&out));
	sh("echo no >&2; exit 3");
	assert_string_equal(out.text, "no\n");
	assert_false(spawn_ok(&out));
	assert_int_equal(WEXITSTATUS(out.status), 3);
	sh("kill -9 $$");
	assert_false(spawn_ok(&out));
}

static void test_clean_surroundings(void **state)
{
	int extra = open("/dev/null", O_RDONLY | O_CLOEXEC);
	sigset_t blocked, saved;

	(void)state;
	assert_true(extra > 2);
	sigemptyset(&blocked);
	sigaddset(&blocked, SIGTERM);
	sigprocmask(SIG_BLOCK, &blocked, &saved);
	signal(SIGPIPE, SIG_IGN);
	sh("cat; env | grep -v '^PWD=\\|^_=\\|^SHLVL=\\|^OLDPWD='; ls /proc/self/fd | wc -w");
	/* standard three, and the directory that ls reads */
	assert_string_equal(out.text, "PATH=/usr/sbin:/usr/bin:/sbin:/bin\n4\n");
	sh("kill -TERM $$; echo still here");
	assert_string_equal(out.text, "");
	assert_true(WIFSIGNALED(out.status) && WTERMSIG(out.status) == SIGTERM);
	sh("kill -PIPE $$; echo still here");
	assert_true(WIFSIGNALED(out.status) && WTERMSIG(out.status) == SIGPIPE);
	sigprocmask(SIG_SETMASK, &saved, NULL);
	close(extra);
}

static void test_long_output(void **state)
{
	(void)state;
	sh("i=0; while [ $i -lt 20000 ]; do echo 0123456789; i=$((i+1)); done");
	assert_true(spawn_ok(&out));
	assert_int_equal(out.n, sizeof out.text - 1);
	assert_int_equal(strlen(out.text), out.n);
}

static bool said_version(const struct spawn_output *o)
{
	return strstr(o->text, "Version") != NULL;
}

/* It is ended when enough is heard; a child that it leaves behind is not waited for. */
static void test_ends_in_time(void **state)
{
	const char *const argv[] = {"/bin/sh", "-c", "echo Version 8; exec sleep 60", NULL};
	time_t start = time(NULL);

	(void)state;
	assert_int_equal(spawn_run(argv, said_version, &out, NULL), 0);
	assert_string_equal(out.text, "Version 8\n");
	sh("sleep 60 & echo done");
	assert_string_equal(out.text, "done\n");
	assert_true(time(NULL) - start < 30);
}

static void test_cannot_be_run(void **state)
{
	const char *const argv[] = {"/nowhere/sendmail", NULL};
	struct error err = ERROR_INIT;

	(void)state;
	assert_int_equal(spawn_run(argv, NULL, &out, &err), -1);
	assert_int_equal(err.code, ERROR_GONE);
	assert_non_null(strstr(err.text, "/nowhere/sendmail"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_output_and_status), cmocka_unit_test(test_clean_surroundings),
	    cmocka_unit_test(test_long_output),	      cmocka_unit_test(test_ends_in_time),
	    cmocka_unit_test(test_cannot_be_run),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
