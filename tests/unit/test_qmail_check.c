/* The pure parts of qmail's check and repair: texts mended, hidden names, when a message came; and
 * the findings in the recorded queues, each once and nothing else. */
#include "unit/qmail_box.h"

#include "../../backends/qmail/check.h"

#include <sys/stat.h>
#include <time.h>

/* ---- texts ---- */

#define TEXT(s)                                                                                    \
	{                                                                                          \
		s, sizeof(s) - 1                                                                   \
	}

static const struct text_row {
	enum text_kind kind;
	struct slice old, mended;
	const char *what; /* a piece of it, NULL: nothing wrong */
	bool lost;
} text_rows[] = {
    {TEXT_INFO, TEXT("Fann@example.com\0"), TEXT("Fann@example.com\0"), NULL, false},
    {TEXT_INFO, TEXT("F\0"), TEXT("F\0"), NULL, false},
    {TEXT_INFO, TEXT(""), TEXT("F\0"), "is empty", true},
    {TEXT_INFO, TEXT("Fann@example.com"), TEXT("Fann@example.com\0"), "no NUL", false},
    {TEXT_INFO, TEXT("Xann@example.com\0"), TEXT("Fann@example.com\0"), "begin with F", false},
    {TEXT_INFO, TEXT("ann@example.com\0"), TEXT("Fann@example.com\0"), "begin with F", false},
    {TEXT_INFO, TEXT("Xann@example.com"), TEXT("Fann@example.com\0"), "begin with F", false},
    {TEXT_INFO, TEXT("\0\0"), TEXT("F\0"), "begin with F", false},
    {TEXT_INFO, TEXT("F#@[]\0rest"), TEXT("F#@[]\0"), "more than", false},
    {TEXT_CHANNEL, TEXT("Ta@x\0Db@x\0"), TEXT("Ta@x\0Db@x\0"), NULL, false},
    {TEXT_CHANNEL, TEXT(""), TEXT(""), NULL, false},
    {TEXT_CHANNEL, TEXT("T\0"), TEXT("T\0"), NULL, false},
    {TEXT_CHANNEL, TEXT("Da@x\0Tb@x"), TEXT("Da@x\0Tb@x\0"), "without NUL", false},
    {TEXT_CHANNEL, TEXT("Da@x\0T"), TEXT("Da@x\0"), "without NUL", false},
    {TEXT_CHANNEL, TEXT("Ta@x\0Qb@x\0Dc@x\0"), TEXT("Ta@x\0Tb@x\0Dc@x\0"), "unknown type", false},
    {TEXT_CHANNEL, TEXT("Ta@x\0\0Tc@x\0"), TEXT("Ta@x\0Tc@x\0"), "unknown type", false},
    {TEXT_CHANNEL, TEXT("junk\0"), TEXT(""), "unknown type", true},
    {TEXT_CHANNEL, TEXT("junk"), TEXT(""), "without NUL", true},
    {TEXT_TODO, TEXT("u1\0p2\0Fa@x\0Tb@x\0"), TEXT("u1\0p2\0Fa@x\0Tb@x\0"), NULL, false},
    {TEXT_TODO, TEXT("u1\0p2\0F\0"), TEXT("u1\0p2\0F\0"), NULL, false},
    {TEXT_TODO, TEXT("u1\0p2\0Fa@x\0Tb@x"), TEXT("u1\0p2\0Fa@x\0Tb@x\0"), "without NUL", false},
    {TEXT_TODO, TEXT("u1\0p2\0Tb@x\0"), TEXT("u1\0p2\0F\0Tb@x\0"), "no sender", false},
    {TEXT_TODO, TEXT("u1\0Fa@x\0Fb@x\0Tc@x\0"), TEXT("u1\0Fa@x\0Tc@x\0"), "two senders", false},
    {TEXT_TODO, TEXT("u1\0Fa@x\0Xb@x\0"), TEXT("u1\0Fa@x\0Tb@x\0"), "unknown type", false},
    {TEXT_TODO, TEXT("u1\0Fa@x\0Db@x\0"), TEXT("u1\0Fa@x\0Tb@x\0"), "unknown type", false},
    {TEXT_TODO, TEXT("u1\0Fa@x"), TEXT("u1\0Fa@x\0"), "without NUL", true},
    {TEXT_TODO, TEXT("u1"), TEXT("F\0"), "without NUL", true},
    {TEXT_TODO, TEXT(""), TEXT("F\0"), "no sender", true},
};

static void one_text(const struct text_row *row, struct arena *a)
{
	const char *what, *again;
	bool lost;
	struct slice got = text_mend(a, row->kind, row->old, &what, &lost);

	assert_non_null(got.p);
	assert_true(slice_eq(got, row->mended));
	assert_int_equal(what != NULL, row->what != NULL);
	if (what)
		assert_non_null(strstr(what, row->what));
	assert_int_equal(lost, row->lost);
	/* what was mended is as it should be */
	text_mend(a, row->kind, got, &again, &lost);
	assert_null(again);
}

static void test_text(void **state)
{
	struct arena a;

	(void)state;
	arena_init(&a, 0);
	for (size_t i = 0; i < sizeof text_rows / sizeof text_rows[0]; i++) {
		one_text(&text_rows[i], &a);
		arena_reset(&a);
	}
	arena_free(&a);
}

/* ---- names ---- */

static void test_hidden_names(void **state)
{
	uint64_t from, to;
	char name[PLACE_NAME];
	bool shown;

	(void)state;
	half_name(206850, UINT64_MAX, false, name);
	assert_string_equal(name, ".mtaq-number.206850.18446744073709551615");
	assert_true(half_parse(slice_from(name), &from, &to, &shown));
	assert_false(shown);
	assert_int_equal(from, 206850);
	assert_true(to == UINT64_MAX);
	half_name(1, 2, true, name);
	assert_true(half_parse(slice_from(name), &from, &to, &shown));
	assert_true(shown && from == 1 && to == 2);
	assert_false(half_parse(SLICE(".mtaq-number.1.2.showy"), &from, &to, &shown));
	assert_false(half_parse(SLICE(".mtaq-number.1"), &from, &to, &shown));
	assert_false(half_parse(SLICE(".mtaq-number.1.x"), &from, &to, &shown));
	assert_false(half_parse(SLICE(".mtaq-number..2"), &from, &to, &shown));
	assert_false(half_parse(SLICE(".mtaq.1.2"), &from, &to, &shown));
	/* a run of another action sweeps away what begins so */
	assert_false(slice_starts(slice_from(name), SLICE(".mtaq.")));
}

static void test_received_time(void **state)
{
	static const struct {
		struct slice line;
		int64_t t;
	} rows[] = {
	    {TEXT("Received: (qmail 7 invoked by uid 0); 20 Nov 2026 08:36:19 -0000\nx"),
	     1795163779},
	    {TEXT("Received: (qmail 7 invoked for bounce); 4 Nov 2002 18:17:55 -0000\n"),
	     1036433875},
	    {TEXT("Received: (qmail 7 invoked by uid 0); 20 Nix 2026 08:36:19 -0000\n"), 0},
	    {TEXT("Received: (qmail 7 invoked by uid 0); 99 Nov 2026 08:36:19 -0000\n"), 0},
	    {TEXT("Received: (qmail 7 invoked by uid 0); 20 Nov\n"), 0},
	    {TEXT("Received: from a by b; 20 Nov 2026 08:36:19 -0000\n"), 0},
	    {TEXT("Subject: x\nReceived: (qmail 7 invoked by uid 0); 20 Nov 2026 08:36:19 -0000"),
	     0},
	    {TEXT(""), 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		assert_int_equal(received_time(rows[i].line), rows[i].t);
}

static void test_numbers(void **state)
{
	struct numbers l = {NULL, 0, 0};

	(void)state;
	assert_false(numbers_has(&l, 3));
	for (uint64_t i = 200; i > 0; i--)
		numbers_add(&l, i / 2);
	numbers_sort(&l);
	assert_int_equal(l.n, 101);
	assert_true(numbers_has(&l, 0) && numbers_has(&l, 100));
	assert_false(numbers_has(&l, 101));
	free(l.v);
}

/* ---- findings ---- */

struct told {
	struct box box;
	struct arena arena;
	char text[8192];
	size_t troubles;
	int64_t now;
};

/* Everything but the numbers, which are no inodes in an unpacked queue, and what an unpacking by
 * somebody else than root makes of owners. */
static void found(void *ctx, const struct finding *f)
{
	struct told *t = ctx;
	size_t n = strlen(t->text);

	if (finding_code(f) == CODE_NUMBER_NOT_INODE || finding_code(f) == CODE_WRONG_OWNER)
		return;
	snprintf(t->text + n, sizeof t->text - n, "%s %s%s%.*s%s\n", f->code->code,
		 f->path.p + strlen(t->box.dir) + 1, f->detail.p ? ": " : "", SLICE_ARG(f->detail),
		 f->why_not.p ? " (left)" : "");
}

static void trouble(void *ctx, const struct error *err)
{
	struct told *t = ctx;

	t->troubles++;
	print_message("# %s\n", err->text);
}

static void open_box(struct told *t, const char *file)
{
	memset(t, 0, sizeof *t);
	box_open(&t->box, file);
	arena_init(&t->arena, 0);
	t->now = (int64_t)time(NULL);
}

static void close_box(struct told *t)
{
	arena_free(&t->arena);
	box_close(&t->box);
}

static void check(struct told *t)
{
	struct check_walk w = {.queue = t->box.queue,
			       .now = t->now,
			       .arena = &t->arena,
			       .found = found,
			       .trouble = trouble,
			       .ctx = t};
	struct error err = ERROR_INIT;

	t->text[0] = '\0';
	assert_int_equal(qmail_check(&w, &err), 0);
	assert_true(w.looked > 0);
	assert_int_equal(t->troubles, 0);
}

static const char broken[] =
    "stray mess/9/name with space\n"
    "wrong-directory mess/12/1148075: qmail looks in 7\n"
    "stray info/0/+12\n"
    "name-of-other-number info/0/01147962: qmail takes it for 1147962\n"
    "stray info/0/12x\n"
    "name-of-other-number info/0/18446744073709551617: qmail takes it for 1\n"
    "stray info/3/core\n"
    "wrong-directory info/6/1148073: qmail looks in 5\n"
    "second-info info/16/1147962\n"
    "wrong-directory info/23/999988: qmail looks in 17\n"
    "stray local/1/esc\033[31m\n"
    "stray remote/7/1148000.bak\n"
    "stray todo/README\n";

static const char broken_messages[] =
    "orphan-recipients local/13/999984\n"
    "orphan-recipients remote/14/999985\n"
    "orphan-intd intd/999986\n"
    "todo-without-mess todo/999987\n"
    "info-without-mess info/1/1147977\n"
    "open-mode info/7/1147983: mode 0644, not 0600\n"
    "info-damaged info/7/1147983: is empty\n"
    "info-damaged info/14/1147990: has no NUL at its end\n"
    "info-damaged info/17/1147993: does not begin with F\n"
    "recipients-damaged remote/20/1147996: has a record of unknown type\n"
    "recipients-damaged remote/1/1148000: ends in a record without NUL\n"
    "info-tail info/2/1148047: has more than the sender\n"
    "mess-empty mess/12/1148057\n"
    "info-not-a-file info/15/1148060: a symbolic link\n"
    "recipients-not-a-file remote/18/1148063: a FIFO\n"
    "mess-not-a-file mess/21/1148066: a symbolic link\n"
    "mess-not-a-file mess/4/1148072: a FIFO\n";

static void test_broken(void **state)
{
	struct told t;

	(void)state;
	open_box(&t, "broken.tar");
	check(&t);
	assert_non_null(strstr(t.text, broken));
	assert_non_null(strstr(t.text, broken_messages));
	/* and what lies between and beside them */
	assert_non_null(strstr(t.text, "stale-bounce bounce/999983\n"));
	assert_non_null(strstr(t.text, "extra-directory info/23: the split is 23\n"));
	assert_int_equal(strlen(t.text), strlen(broken) + strlen(broken_messages) +
					     strlen("stale-bounce bounce/999983\n") +
					     strlen("extra-directory info/23: the split is 23\n"));
	/* 36 h later what was being written is dead, and a left pid file too */
	t.now += OSSIFIED + 60;
	check(&t);
	assert_non_null(strstr(t.text, "dead-incoming mess/2/1147978\n"));
	assert_non_null(strstr(t.text, "dead-pid pid/"));
	close_box(&t);
}

static void test_good(void **state)
{
	static const char *const files[] = {"basic.tar",       "todo.tar",  "bigtodo.tar",
					    "bouncing.tar",    "empty.tar", "split1.tar",
					    "split151.tar.gz", "tcpto.tar"};
	struct told t;

	(void)state;
	for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
		open_box(&t, files[i]);
		check(&t);
		if (t.text[0])
			fail_msg("%s: %s", files[i], t.text);
		close_box(&t);
	}
}

static void test_broken_dir(void **state)
{
	struct told t;

	(void)state;
	open_box(&t, "broken-dir.tar");
	check(&t);
	assert_string_equal(t.text, "info-not-a-file info/19/1148110: a directory\n");
	close_box(&t);
}

/* ---- the layout ---- */

static void at_queue(const struct told *t, const char *name, char out[128])
{
	snprintf(out, 128, "%s/%s", t->box.dir, name);
}

static void test_layout(void **state)
{
	char path[128];
	struct told t;

	(void)state;
	open_box(&t, "empty.tar");
	at_queue(&t, "lock/trigger", path);
	assert_int_equal(chmod(path, 0600), 0);
	at_queue(&t, "lock/tcpto", path);
	assert_int_equal(truncate(path, 16), 0);
	at_queue(&t, "lock/sendmutex", path);
	assert_int_equal(unlink(path), 0);
	at_queue(&t, "info/7", path);
	assert_int_equal(rmdir(path), 0);
	at_queue(&t, "mess/3", path);
	assert_int_equal(chmod(path, 0777), 0);
	at_queue(&t, "bounce", path);
	assert_int_equal(chmod(path, 0500), 0);
	at_queue(&t, "backup", path);
	assert_int_equal(mkdir(path, 0700), 0);
	check(&t);
	assert_string_equal(t.text, "open-mode mess/3: mode 0777, not 0750\n"
				    "directory-missing info/7\n"
				    "wrong-mode bounce: mode 0500, not 0700\n"
				    "sendmutex-missing lock/sendmutex\n"
				    "trigger-closed lock/trigger: mode 0600, not 0622\n"
				    "tcpto-size lock/tcpto: 16 bytes, not 1024\n"
				    "stray backup (left)\n");
	at_queue(&t, "lock/trigger", path);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkdir(path, 0700), 0);
	check(&t);
	assert_non_null(strstr(t.text, "trigger-missing lock/trigger: a directory\n"));
	close_box(&t);
}

/* Renamed, as when somebody moves it to another disk. */
static void move_away(const struct told *t, const char *name, bool back)
{
	char path[128], away[128];

	at_queue(t, name, path);
	at_queue(t, "../away", away);
	assert_int_equal(rename(back ? away : path, back ? path : away), 0);
}

/* Where a directory is missing nothing is left over, and no empty one is put in its place while
 * there are messages that have files in it. 1147986 of basic.tar has a note and lies in 10. */
static void test_moved_away(void **state)
{
	static const struct {
		const char *dir, *told;
	} rows[] = {
	    {"mess/10",
	     "directory-missing mess/10 (left)\ninfo-without-mess info/10/1147986 (left)\n"},
	    {"info/10", "directory-missing info/10 (left)\ndead-incoming mess/10/1147986 (left)\n"},
	    {"remote/10", "directory-missing remote/10\n"},
	};
	struct told t;

	(void)state;
	open_box(&t, "basic.tar");
	t.now += OSSIFIED + 60;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		move_away(&t, rows[i].dir, false);
		check(&t);
		assert_string_equal(t.text, rows[i].told);
		move_away(&t, rows[i].dir, true);
		check(&t);
		assert_string_equal(t.text, "");
	}
	close_box(&t);
	/* a link in its place is none, wherever it leads */
	open_box(&t, "basic.tar");
	move_away(&t, "mess/10", false);
	{
		char path[128];

		at_queue(&t, "mess/10", path);
		assert_int_equal(symlink("../../nowhere", path), 0);
		check(&t);
		assert_string_equal(t.text, "not-a-directory mess/10: a symbolic link\n"
					    "info-without-mess info/10/1147986 (left)\n");
	}
	close_box(&t);
	/* what waits in todo has its mess there too; and intd is what todo has had */
	open_box(&t, "todo.tar");
	move_away(&t, "mess/6", false);
	check(&t);
	assert_non_null(strstr(t.text, "directory-missing mess/6 (left)\n"));
	move_away(&t, "mess/6", true);
	move_away(&t, "todo", false);
	check(&t);
	assert_non_null(strstr(t.text, "directory-missing todo (left)\n"));
	assert_null(strstr(t.text, "orphan-intd intd/1148120\n"));
	move_away(&t, "todo", true);
	close_box(&t);
}

/* ---- the table of codes ---- */

static void test_codes(void **state)
{
	(void)state;
	for (int i = 0; i < CODE_COUNT; i++) {
		const struct check_code *c = &qmail_codes[i];

		assert_non_null(c->code);
		assert_true(c->means && *c->means && c->repair && *c->repair);
		for (int k = 0; k < i; k++)
			assert_string_not_equal(c->code, qmail_codes[k].code);
		/* worst first, as the manual has them */
		assert_true(i == 0 || c->severity >= qmail_codes[i - 1].severity);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_text),	  cmocka_unit_test(test_hidden_names),
	    cmocka_unit_test(test_received_time), cmocka_unit_test(test_numbers),
	    cmocka_unit_test(test_broken),	  cmocka_unit_test(test_good),
	    cmocka_unit_test(test_broken_dir),	  cmocka_unit_test(test_layout),
	    cmocka_unit_test(test_moved_away),	  cmocka_unit_test(test_codes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
