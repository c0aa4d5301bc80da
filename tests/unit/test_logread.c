/* Files of a log: their order, what is whole, what is passed over. */
#include "logread.h"
#include "unit/cmocka_all.h"

#include <mtaq/limits.h>
#include <mtaq/sysio.h>
#include <mtaq/text.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct world {
	char dir[64];
	struct buf got; /* texts, a line each; "GAP" */
	size_t lines;
	size_t stop_after; /* 0: never */
	struct error err;
};

static int note_line(void *ctx, const struct log_line *l)
{
	struct world *w = ctx;

	if (l->text.n < 60) {
		buf_add(&w->got, l->text);
		buf_addc(&w->got, '\n');
	} else {
		buf_printf(&w->got, "%zu bytes\n", l->text.n);
	}
	return ++w->lines == w->stop_after ? -1 : 0;
}

static void note_gap(void *ctx)
{
	struct world *w = ctx;

	buf_adds(&w->got, "GAP\n");
}

static int set_up(void **state)
{
	struct world *w = calloc(1, sizeof *w);

	assert_non_null(w);
	strcpy(w->dir, "/tmp/mtaq-log.XXXXXX");
	assert_non_null(mkdtemp(w->dir));
	buf_init(&w->got);
	*state = w;
	return 0;
}

static int tear_down(void **state)
{
	struct world *w = *state;
	char command[128];

	snprintf(command, sizeof command, "rm -rf %s", w->dir);
	assert_int_equal(system(command), 0);
	buf_free(&w->got);
	free(w);
	return 0;
}

static void put(const struct world *w, const char *name, struct slice bytes)
{
	char path[160];
	int fd;

	snprintf(path, sizeof path, "%s/%s", w->dir, name);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(sys_write_all(fd, bytes.p, bytes.n), 0);
	close(fd);
}

/* Read these names below the directory, "" for itself. */
static int read_names(struct world *w, const char *const *names, size_t n)
{
	const struct log_reader reader = {.ctx = w, .line = note_line, .gap = note_gap};
	const char *places[4];
	char paths[4][160];

	assert_true(n <= 4);
	for (size_t i = 0; i < n; i++) {
		snprintf(paths[i], sizeof paths[i], "%s/%s", w->dir, names[i]);
		places[i] = paths[i];
	}
	buf_clear(&w->got);
	w->lines = 0;
	w->err = ERROR_INIT;
	return logread_run(places, n, &reader, &w->err);
}

static void check(struct world *w, const char *name, const char *wanted)
{
	assert_int_equal(read_names(w, &name, 1), 0);
	assert_true(w->got.n == strlen(wanted));
	if (w->got.n)
		assert_memory_equal(w->got.p, wanted, w->got.n);
}

static void test_directory(void **state)
{
	struct world *w = *state;

	put(w, "@400000006b00000100000000.s", SLICE("@400000006b00000000000000 one\n"));
	put(w, "@400000006b00000300000000.u", SLICE("@400000006b00000200000000 two\n"));
	put(w, "@400000006b00000500000000.s", SLICE("@400000006b00000400000000 three\n"));
	put(w, "current", SLICE("@400000006b00000600000000 four\n@400000006b00000700000000 fi"));
	put(w, "lock", SLICE("not a log\n"));
	put(w, "state", SLICE("not a log\n"));
	put(w, "@400000006b00000500000000.t", SLICE("being processed\n"));
	/* the end of current is still being written; after .u lines may be missing */
	check(w, "", "one\ntwo\nGAP\nthree\nfour\n");
	put(w, "@400000006b00000300000000.u", SLICE("\x1f\x8b\x08 compressed\n"));
	check(w, "", "one\nGAP\nGAP\nthree\nfour\n");
}

static void test_nothing(void **state)
{
	struct world *w = *state;
	const char *name = "", *none = "none";

	assert_int_equal(read_names(w, &name, 1), -1);
	assert_int_equal(w->err.code, ERROR_GONE);
	assert_int_equal(read_names(w, &none, 1), -1);
	assert_int_equal(w->err.code, ERROR_GONE);
	put(w, "log", SLICE("BZh91AY\n"));
	name = "log";
	assert_int_equal(read_names(w, &name, 1), -1);
	assert_int_equal(w->err.code, ERROR_CORRUPT);
	put(w, "log", SLICE(""));
	check(w, "log", "");
}

/* What is no regular file is not waited for. */
static void test_fifo(void **state)
{
	struct world *w = *state;
	const char *name = "current";
	char path[160];

	snprintf(path, sizeof path, "%s/current", w->dir);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(read_names(w, &name, 1), -1);
	assert_int_equal(w->err.code, ERROR_CORRUPT);
	name = "";
	assert_int_equal(read_names(w, &name, 1), -1);
	assert_int_equal(w->err.code, ERROR_CORRUPT);
}

/* Files come by their first times, once each; without times as they are named. */
static void test_order(void **state)
{
	struct world *w = *state;
	const char *const both[] = {"b", "a"};
	const char *const twice[] = {"a", "b", "a"};

	put(w, "a", SLICE("junk\n1795163779.000001 first\n"));
	put(w, "b", SLICE("1795163780.000001 second\n"));
	assert_int_equal(read_names(w, both, 2), 0);
	assert_true(slice_eq(buf_slice(&w->got), SLICE("junk\nfirst\nsecond\n")));
	assert_int_equal(read_names(w, twice, 3), 0);
	assert_true(slice_eq(buf_slice(&w->got), SLICE("junk\nfirst\nsecond\n")));
	put(w, "a", SLICE("first\n"));
	assert_int_equal(read_names(w, both, 2), 0);
	assert_true(slice_eq(buf_slice(&w->got), SLICE("second\nfirst\n")));
}

static void add_cut(struct buf *b, char mark, size_t n)
{
	buf_printf(b, "Nov 20 08:36:19 mail qmail: 1795163779.000001%c", mark);
	buf_pad(b, 'x', n);
	buf_addc(b, '\n');
}

static void test_pieces(void **state)
{
	struct world *w = *state;
	struct buf b;

	buf_init(&b);
	add_cut(&b, ' ', 780);
	buf_adds(&b, "Nov 20 08:36:19 mail sendmail[3]: between\n");
	add_cut(&b, '+', 780);
	add_cut(&b, '+', 10);
	buf_adds(&b, "Nov 20 08:36:19 mail qmail: 1795163779.000002 next\n");
	/* pieces of a line that was not seen, or of another time, are nobody's */
	add_cut(&b, '+', 20);
	add_cut(&b, ' ', 780);
	buf_adds(&b, "Nov 20 08:36:19 mail qmail: 1795163779.000003+other\n");
	put(w, "log", buf_slice(&b));
	check(w, "log", "1570 bytes\nnext\n780 bytes\n");
	buf_free(&b);
}

/* A cut line goes on in the next file. */
static void test_pieces_across_files(void **state)
{
	struct world *w = *state;
	const char *const both[] = {"1", "2"};
	struct buf b;

	buf_init(&b);
	add_cut(&b, ' ', 780);
	put(w, "1", buf_slice(&b));
	buf_clear(&b);
	add_cut(&b, '+', 5);
	put(w, "2", buf_slice(&b));
	assert_int_equal(read_names(w, both, 2), 0);
	assert_true(slice_eq(buf_slice(&w->got), SLICE("785 bytes\n")));
	buf_free(&b);
}

/* Lines are found wherever they lie to the blocks that are read; those past LIMIT_LOG_LINE are not
 * the MTA's. */
static void test_long(void **state)
{
	struct world *w = *state;
	struct buf b;

	buf_init(&b);
	buf_pad(&b, 'x', 300000);
	buf_adds(&b, "\nshort\n");
	buf_pad(&b, 'y', LIMIT_LOG_LINE);
	buf_adds(&b, "\n");
	buf_pad(&b, 'z', 1000000);
	buf_adds(&b, "\nend\n");
	put(w, "log", buf_slice(&b));
	check(w, "log", "short\n65536 bytes\nend\n");
	buf_clear(&b);
	for (int i = 0; i < 50000; i++)
		buf_printf(&b, "line %d\n", i);
	put(w, "log", buf_slice(&b));
	assert_int_equal(read_names(w, (const char *const[]){"log"}, 1), 0);
	assert_int_equal(w->lines, 50000);
	assert_true(slice_eq(buf_slice(&w->got), buf_slice(&b)));
	buf_free(&b);
}

static void test_stop(void **state)
{
	struct world *w = *state;
	const char *name = "log";

	put(w, name, SLICE("one\ntwo\nthree\n"));
	w->stop_after = 2;
	assert_int_equal(read_names(w, &name, 1), -1);
	assert_true(slice_eq(buf_slice(&w->got), SLICE("one\ntwo\n")));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_directory), TEST(test_nothing), TEST(test_fifo),
	    TEST(test_order),	  TEST(test_pieces),  TEST(test_pieces_across_files),
	    TEST(test_long),	  TEST(test_stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
