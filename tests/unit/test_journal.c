/* The journal: what is written is read again; what was cut off is told; what is no journal is an
 * error. */
#include "unit/cmocka_all.h"

#include "journal.h"
#include "journal_read.h"
#include "runid.h"

#include <mtaq/limits.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define RUN "20261120T105612Z-77"

struct world {
	char dir[40], sub[64], path[120];
	struct arena a;
	struct error err;
	struct journal_file f;
	bool running;
};

static int set_up(void **state)
{
	struct world *w = calloc(1, sizeof *w);

	strcpy(w->dir, "/tmp/mtaq-journal.XXXXXX");
	assert_non_null(mkdtemp(w->dir));
	snprintf(w->sub, sizeof w->sub, "%s/journal", w->dir);
	snprintf(w->path, sizeof w->path, "%s/" RUN ".jsonl", w->sub);
	arena_init(&w->a, 0);
	w->err = ERROR_INIT;
	*state = w;
	return 0;
}

static int tear_down(void **state)
{
	struct world *w = *state;

	journal_file_free(&w->f);
	arena_free(&w->a);
	unlink(w->path);
	rmdir(w->sub);
	rmdir(w->dir);
	free(w);
	return 0;
}

static json_t *header(void)
{
	return json_pack("{s:i, s:I, s:s}", "mtaq", 1, "time", (json_int_t)1795172172, "op",
			 "expire");
}

static json_t *intent(const char *id)
{
	return json_pack("{s:s, s:s, s:[{s:s}]}", "op", "expire", "id", id, "changes", "what",
			 "age");
}

static struct journal *open_journal(struct world *w)
{
	struct journal *j = journal_open(w->sub, RUN, header(), &w->err);

	assert_non_null(j);
	return j;
}

static void load(struct world *w)
{
	journal_file_free(&w->f);
	w->err = ERROR_INIT;
	if (journal_load(w->sub, RUN, &w->a, &w->f, &w->running, &w->err) < 0)
		fail_msg("%s", w->err.text);
}

static void test_round_trip(void **state)
{
	struct world *w = *state;
	struct journal *j = open_journal(w);
	struct stat st;
	json_t *line;

	assert_int_equal(stat(w->sub, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	assert_int_equal(stat(w->path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(journal_intent(j, intent("a")), 1);
	assert_int_equal(journal_intent(j, intent("b")), 2);
	assert_int_equal(journal_intent(j, intent("c")), 3);
	assert_int_equal(journal_sync(j, &w->err), 0);
	journal_result(j, 2, "done", NULL);
	journal_result(j, 3, "failed", "bad \xff bytes");
	assert_int_equal(journal_sync(j, &w->err), 0);
	load(w);
	assert_true(w->running && !w->f.ended);
	assert_int_equal(journal_close(j, json_pack("{s:i}", "done", 1), &w->err), 0);
	load(w);
	assert_true(!w->running && w->f.ended);
	assert_string_equal(w->f.run, RUN);
	assert_true(w->f.op == OP_EXPIRE && w->f.time == 1795172172);
	assert_int_equal(w->f.count, 3);
	assert_int_equal(w->f.records[0].result, RESULT_NONE);
	assert_int_equal(w->f.records[1].result, RESULT_DONE);
	assert_int_equal(w->f.records[2].result, RESULT_FAILED);
	assert_int_equal(w->f.results[RESULT_DONE], 1);
	line = journal_line(w->f.records[1].intent, &w->err);
	assert_string_equal(json_string_value(json_object_get(line, "id")), "b");
	json_decref(line);
	line = journal_line(w->f.records[2].outcome, &w->err);
	assert_string_equal(json_string_value(json_object_get(line, "error")),
			    "bad \xef\xbf\xbd bytes");
	json_decref(line);
}

static void test_made_once(void **state)
{
	struct world *w = *state;
	struct journal *j = open_journal(w);

	/* the same run again: never written over */
	assert_null(journal_open(w->sub, RUN, header(), &w->err));
	assert_int_not_equal(w->err.code, ERROR_NONE);
	assert_int_equal(access(w->path, F_OK), 0);
	w->err = ERROR_INIT;
	assert_int_equal(journal_close(j, json_object(), &w->err), 0);
}

static void test_cannot_be_made(void **state)
{
	struct world *w = *state;
	char long_name[700];
	int fd = open(w->sub, O_WRONLY | O_CREAT, 0600);

	close(fd);
	assert_null(journal_open(w->sub, RUN, header(), &w->err));
	assert_int_not_equal(w->err.code, ERROR_NONE);
	unlink(w->sub);
	memset(long_name, 'x', sizeof long_name - 1);
	long_name[sizeof long_name - 1] = '\0';
	w->err = ERROR_INIT;
	assert_null(journal_open(long_name, RUN, header(), &w->err));
	assert_int_equal(w->err.code, ERROR_USAGE);
}

/* A line that cannot be made must not be lost in silence. */
static void test_lost(void **state)
{
	struct world *w = *state;
	struct journal *j = open_journal(w);

	journal_intent(j, NULL);
	assert_int_equal(journal_sync(j, &w->err), -1);
	w->err = ERROR_INIT;
	journal_intent(j, intent("a"));
	assert_int_equal(journal_sync(j, &w->err), -1);
	assert_int_equal(journal_close(j, json_object(), &w->err), -1);
	load(w);
	assert_int_equal(w->f.count, 0);
}

#define HEAD	  "{\"mtaq\":1,\"run\":\"" RUN "\",\"time\":5,\"op\":\"delete\"}\n"
#define INTENT(n) "{\"n\":" #n ",\"op\":\"delete\",\"changes\":[]}\n"
#define RESULT(n) "{\"n\":" #n ",\"result\":\"done\",\"time\":6}\n"
#define END	  "{\"end\":true,\"time\":7,\"counts\":{}}\n"

static const struct {
	const char *text;
	const char *error; /* part of it; NULL: good */
	size_t count, done;
	bool ended;
} texts[] = {
    {HEAD, NULL, 0, 0, false},
    {HEAD INTENT(1) INTENT(2) RESULT(2) END, NULL, 2, 1, true},
    {HEAD INTENT(1) "{\"n\":2,\"op\":\"del", NULL, 1, 0, false},
    {HEAD INTENT(1) "{\"n\":1,\"result\":\"done\"}", NULL, 1, 0, false},
    {HEAD INTENT(1) RESULT(1) "{\"end\":tr", NULL, 1, 1, false},
    {"", "no beginning", 0, 0, false},
    {"{\"mtaq\":1", "no beginning", 0, 0, false},
    {"\n", "line 1: no line", 0, 0, false},
    {"[]\n", "line 1: no line", 0, 0, false},
    {INTENT(1), "line 1: not the beginning", 0, 0, false},
    {"{\"mtaq\":2,\"run\":\"" RUN "\",\"time\":5,\"op\":\"delete\"}\n", "line 1", 0, 0, false},
    {"{\"mtaq\":1,\"run\":\"../x\",\"time\":5,\"op\":\"delete\"}\n", "line 1", 0, 0, false},
    {"{\"mtaq\":1,\"run\":\"" RUN "\",\"time\":5,\"op\":\"flush\"}\n", "line 1", 0, 0, false},
    {"{\"mtaq\":1,\"run\":\"" RUN "\",\"time\":\"5\",\"op\":\"hold\"}\n", "line 1", 0, 0, false},
    {HEAD INTENT(2), "line 2: not the next intent", 0, 0, false},
    {HEAD INTENT(1) INTENT(1), "line 3: not the next intent", 0, 0, false},
    {HEAD "{\"n\":1}\n", "line 2: not the next intent", 0, 0, false},
    {HEAD RESULT(1), "line 2: not the result", 0, 0, false},
    {HEAD INTENT(1) RESULT(0), "line 3: not the result", 0, 0, false},
    {HEAD INTENT(1) RESULT(1) RESULT(1), "line 4: not the result", 0, 0, false},
    {HEAD INTENT(1) "{\"n\":1,\"result\":\"well\"}\n", "line 3: not the result", 0, 0, false},
    {HEAD INTENT(1) "{\"n\":1,\"result\":\"\"}\n", "line 3: not the result", 0, 0, false},
    {HEAD END INTENT(1), "line 3: a line after the end", 0, 0, false},
    {HEAD "\n" END, "line 2: no line", 0, 0, false},
    {HEAD "{\"n\":1,\"n\":1}\n", "line 2: no line", 0, 0, false},
};

static void test_parse(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
		struct error err = ERROR_INIT;
		struct journal_file f;
		int r = journal_parse(slice_from(texts[i].text), &f, &err);

		if ((r == 0) != !texts[i].error ||
		    (texts[i].error && !strstr(err.text, texts[i].error)))
			fail_msg("text %zu: %d, %s", i, r, err.text);
		if (r == 0) {
			assert_int_equal(f.count, texts[i].count);
			assert_int_equal(f.results[RESULT_DONE], texts[i].done);
			assert_int_equal(f.ended, texts[i].ended);
		}
		journal_file_free(&f);
	}
}

/* Cut anywhere it is a journal, or has no beginning: never an error in the middle. */
static void test_cut_anywhere(void **state)
{
	static const char whole[] = HEAD INTENT(1) INTENT(2) RESULT(1) RESULT(2) END;

	(void)state;
	for (size_t n = 0; n < sizeof whole; n++) {
		struct error err = ERROR_INIT;
		struct journal_file f;
		int r = journal_parse(slice_of(whole, n), &f, &err);

		assert_int_equal(r, n < strlen(HEAD) ? -1 : 0);
		assert_int_equal(f.ended, n == strlen(whole));
		journal_file_free(&f);
	}
}

static void test_runs(void **state)
{
	static const struct {
		const char *id;
		bool good;
		int64_t t;
	} rows[] = {
	    {"20261120T105612Z-77", true, 1795172172},
	    {"19700101T000000Z-1", true, 0},
	    {"20261120T105612Z-4194304", true, 1795172172},
	    {"20261120T105612Z-77.003", true, 1795172172},
	    {"20261120T105612Z-77.", false, 0},
	    {"20261120T105612Z-.003", false, 0},
	    {"20261120T105612Z-77.1234567", false, 0},
	    {"20261120T105612Z-77.3/4", false, 0},
	    {"20261120T105612Z-77.3.4", false, 0},
	    {"20261120T105612Z-", false, 0},
	    {"20261120T105612Z", false, 0},
	    {"20261120T105612Z-12345678901", false, 0},
	    {"20261320T105612Z-77", false, 0},
	    {"20261100T105612Z-77", false, 0},
	    {"20261120T245612Z-77", false, 0},
	    {"20261120T105612Z-7x", false, 0},
	    {"20261120T105612Z-+7", false, 0},
	    {"20261120 105612Z-77", false, 0},
	    {"../20261120T105612Z", false, 0},
	    {"", false, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		int64_t t = 0;

		assert_int_equal(run_id_valid(slice_from(rows[i].id)), rows[i].good);
		if (rows[i].good) {
			assert_true(run_id_time(slice_from(rows[i].id), &t));
			assert_int_equal(t, rows[i].t);
		}
	}
}

static void test_directory(void **state)
{
	struct world *w = *state;
	struct run_ids l;
	struct journal *j;
	char other[160];

	assert_int_equal(run_ids_read(w->sub, ".jsonl", &l, &w->err), 0);
	assert_int_equal(l.count, 0);
	run_ids_free(&l);
	j = open_journal(w);
	snprintf(other, sizeof other, "%s/notes.jsonl", w->sub);
	close(open(other, O_WRONLY | O_CREAT, 0600));
	assert_int_equal(run_ids_read(w->sub, ".jsonl", &l, &w->err), 0);
	assert_int_equal(l.count, 1);
	assert_string_equal(l.list[0], RUN);
	run_ids_free(&l);
	assert_int_equal(journal_remove(w->sub, RUN, &w->err), 0); /* running */
	assert_int_equal(journal_close(j, json_object(), &w->err), 0);
	assert_int_equal(journal_remove(w->sub, RUN, &w->err), 1);
	assert_int_equal(journal_remove(w->sub, RUN, &w->err), -1);
	assert_int_equal(w->err.code, ERROR_NOQUEUE);
	w->err = ERROR_INIT;
	assert_int_equal(journal_remove(w->sub, "../x", &w->err), -1);
	assert_int_equal(w->err.code, ERROR_USAGE);
	unlink(other);
}

/* Of one second the process that began later comes later, though its number has a digit more. */
static void test_order(void **state)
{
	static const char *const ids[] = {"20261120T105612Z-9999", "20261120T105612Z-10000",
					  "20261120T105612Z-10000.001",
					  "20261120T105612Z-10000.002", "20261120T105613Z-7"};
	struct world *w = *state;
	struct run_ids l;
	char path[160];

	assert_int_equal(mkdir(w->sub, 0700), 0);
	for (size_t i = 5; i-- > 0;) {
		snprintf(path, sizeof path, "%s/%s.jsonl", w->sub, ids[i]);
		close(open(path, O_WRONLY | O_CREAT, 0600));
	}
	assert_int_equal(run_ids_read(w->sub, ".jsonl", &l, &w->err), 0);
	assert_int_equal(l.count, 5);
	for (size_t i = 0; i < 5; i++) {
		assert_string_equal(l.list[i], ids[i]);
		snprintf(path, sizeof path, "%s/%s.jsonl", w->sub, ids[i]);
		unlink(path);
	}
	run_ids_free(&l);
}

static void test_another_name(void **state)
{
	static const char text[] =
	    "{\"mtaq\":1,\"run\":\"20261120T105612Z-78\",\"time\":5,\"op\":\"hold\"}\n";
	struct world *w = *state;
	int fd;

	assert_int_equal(mkdir(w->sub, 0700), 0);
	fd = open(w->path, O_WRONLY | O_CREAT, 0600);
	assert_true(write(fd, text, sizeof text - 1) == sizeof text - 1);
	close(fd);
	assert_int_equal(journal_load(w->sub, RUN, &w->a, &w->f, &w->running, &w->err), -1);
	assert_int_equal(w->err.code, ERROR_CORRUPT);
}

/* LIMIT_JOURNAL_LINE and LIMIT_JOURNAL_BYTES: refused before a byte is read. */
static void test_limits(void **state)
{
	struct world *w = *state;
	int fd;

	assert_null(journal_line(slice_of("{}", (size_t)LIMIT_JOURNAL_LINE + 1), &w->err));
	assert_int_equal(w->err.code, ERROR_LIMIT);
	assert_int_equal(mkdir(w->sub, 0700), 0);
	fd = open(w->path, O_WRONLY | O_CREAT, 0600);
	assert_int_equal(ftruncate(fd, (off_t)LIMIT_JOURNAL_BYTES + 1), 0);
	close(fd);
	w->err = ERROR_INIT;
	assert_int_equal(journal_load(w->sub, RUN, &w->a, &w->f, &w->running, &w->err), -1);
	assert_int_equal(w->err.code, ERROR_LIMIT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_round_trip, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_made_once, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_cannot_be_made, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_lost, set_up, tear_down),
	    cmocka_unit_test(test_parse),
	    cmocka_unit_test(test_cut_anywhere),
	    cmocka_unit_test(test_runs),
	    cmocka_unit_test_setup_teardown(test_directory, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_order, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_another_name, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_limits, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
