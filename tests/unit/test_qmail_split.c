/* How many split directories a queue has: the choice, and the directories of a queue that is not as
 * it should be. */
#include "unit/qmail_box.h"

/* ---- the choice ---- */

enum { MOST = 200 };

/* `n` files of a queue of `split`, `wrong` of them one directory off. */
static size_t make_samples(struct split_sample *out, size_t n, unsigned split, size_t wrong)
{
	for (size_t i = 0; i < n; i++) {
		out[i].number = 1147962 + i * 7;
		out[i].dir = (unsigned)(out[i].number % split);
		if (i < wrong)
			out[i].dir = (out[i].dir + 1) % split;
	}
	return n;
}

static void test_choice(void **state)
{
	static const struct {
		unsigned counts[DIR_SPLIT_COUNT];
		unsigned real; /* of the samples */
		size_t samples, wrong;
		unsigned want;
		size_t fit;
	} cases[] = {
	    {{23, 23, 23, 23}, 23, 100, 0, 23, 100},
	    {{1, 1, 1, 1}, 1, 100, 0, 1, 100},
	    {{151, 151, 151, 151}, 151, 100, 0, 151, 100},
	    {{23, 23, 23, 23}, 23, 0, 0, 23, 0},
	    {{23, 24, 23, 23}, 23, 0, 0, 23, 0},
	    {{23, 24, 23, 23}, 23, 100, 3, 23, 97},
	    /* a hole in mess */
	    {{5, 23, 23, 23}, 23, 100, 0, 23, 100},
	    {{5, 23, 23, 23}, 23, 0, 0, 23, 0},
	    /* the files against the majority */
	    {{24, 24, 24, 23}, 23, 100, 0, 23, 100},
	    /* directories left over from a larger split */
	    {{47, 47, 47, 47}, 23, 100, 0, 23, 100},
	    {{47, 47, 47, 47}, 23, 100, 5, 23, 95},
	    {{46, 46, 46, 46}, 23, 100, 0, 23, 100},
	    /* too few files to overrule directories that agree */
	    {{47, 47, 47, 47}, 23, 3, 0, 47, 0},
	    {{23, 23, 23, 23}, 23, 4, 4, 23, 0},
	    /* one of the four could not be read */
	    {{0, 23, 23, 23}, 23, 100, 0, 23, 100},
	    {{23, 0, 0, 0}, 23, 100, 0, 23, 100},
	    {{0, 0, 0, 0}, 23, 0, 0, 0, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct split_sample samples[MOST];
		size_t fit,
		    n = make_samples(samples, cases[i].samples, cases[i].real, cases[i].wrong);
		unsigned got = split_choose(cases[i].counts, samples, n, &fit);

		if (got != cases[i].want)
			print_message("case %zu: %u instead of %u\n", i, got, cases[i].want);
		assert_int_equal(got, cases[i].want);
		if (got == cases[i].real)
			assert_int_equal(fit, cases[i].fit);
	}
}

/* Nothing in the queue makes the choice slow. */
static void test_choice_is_bounded(void **state)
{
	static const unsigned counts[DIR_SPLIT_COUNT] = {100003, 100003, 100003, 100003};
	struct split_sample samples[MOST];
	size_t fit, n = make_samples(samples, MOST / 2, 23, 0);

	(void)state;
	assert_int_equal(split_choose(counts, samples, n, &fit), 23);
	/* too much work: what the directories say stays */
	n = make_samples(samples, MOST, 23, 0);
	assert_int_equal(split_choose(counts, samples, n, &fit), 100003);
}

/* ---- the directories ---- */

struct bare {
	char path[64];
	struct queue_qmail q;
	char told[1024];
	int queue_troubles, message_troubles;
};

static void note_trouble(void *ctx, const struct error *e)
{
	struct bare *b = ctx;
	size_t n = strlen(b->told);

	snprintf(b->told + n, sizeof b->told - n, "%s\n", e->text);
	b->queue_troubles += e->scope == SCOPE_QUEUE;
	b->message_troubles += e->scope == SCOPE_MESSAGE;
}

static void make_dirs(int fd, const char *kind, unsigned n)
{
	char name[64];

	assert_int_equal(mkdirat(fd, kind, 0700), 0);
	for (unsigned d = 0; d < n; d++) {
		snprintf(name, sizeof name, "%s/%u", kind, d);
		assert_int_equal(mkdirat(fd, name, 0700), 0);
	}
}

static void make_file(int fd, const char *name)
{
	int f = openat(fd, name, O_WRONLY | O_CREAT, 0600);

	assert_true(f >= 0);
	close(f);
}

static void bare_make(struct bare *b, unsigned mess, unsigned info, unsigned local, unsigned remote)
{
	*b = (struct bare){.path = "/tmp/mtaq-split.XXXXXX"};
	assert_non_null(mkdtemp(b->path));
	b->q.base.dir = b->path;
	arena_init(&b->q.arena, 0);
	b->q.fd = open(b->path, O_RDONLY | O_DIRECTORY);
	make_dirs(b->q.fd, "mess", mess);
	make_dirs(b->q.fd, "info", info);
	make_dirs(b->q.fd, "local", local);
	make_dirs(b->q.fd, "remote", remote);
	make_dirs(b->q.fd, "todo", 0);
}

static void remove_tree(const struct bare *b, const char *name)
{
	char path[128];

	snprintf(path, sizeof path, "%s/%s", b->path, name);
	box_run((const char *const[]){"rm", "-rf", path, NULL});
}

static void bare_free(struct bare *b)
{
	free(b->q.bad);
	arena_free(&b->q.arena);
	close(b->q.fd);
	remove_tree(b, "");
}

static int bare_find(struct bare *b)
{
	return split_find(&b->q, note_trouble, b, NULL);
}

static void test_plain(void **state)
{
	struct bare b;

	(void)state;
	bare_make(&b, 23, 23, 23, 23);
	make_file(b.q.fd, "mess/11/206850");
	make_file(b.q.fd, "mess/README");
	assert_int_equal(mkdirat(b.q.fd, "mess/lost+found", 0700), 0);
	assert_int_equal(bare_find(&b), 0);
	assert_int_equal(b.q.split, 23);
	assert_false(b.q.big_todo);
	assert_string_equal(b.told, "");
	bare_free(&b);
}

static void test_big_todo(void **state)
{
	struct bare b;

	(void)state;
	bare_make(&b, 3, 3, 3, 3);
	assert_int_equal(mkdirat(b.q.fd, "todo/0", 0700), 0);
	assert_int_equal(bare_find(&b), 0);
	assert_int_equal(b.q.split, 3);
	assert_true(b.q.big_todo);
	assert_string_equal(b.told, "");
	bare_free(&b);
}

static void test_extra_and_missing(void **state)
{
	struct bare b;

	(void)state;
	bare_make(&b, 23, 24, 23, 23);
	make_file(b.q.fd, "info/23/999988");
	make_file(b.q.fd, "mess/11/206850");
	assert_int_equal(unlinkat(b.q.fd, "remote/4", AT_REMOVEDIR), 0);
	assert_int_equal(unlinkat(b.q.fd, "info/7", AT_REMOVEDIR), 0);
	assert_int_equal(symlinkat("8", b.q.fd, "info/7"), 0);
	assert_int_equal(bare_find(&b), 0);
	assert_int_equal(b.q.split, 23);
	assert_string_equal(
	    b.q.split_why, "mess has 23 directories, info 24, local 23, remote 4: 1 of 2 files lie "
			   "where a split of 23 puts them");
	assert_non_null(strstr(b.told, "info/23: qmail never looks there (split 23)"));
	assert_non_null(strstr(b.told, "remote/4 is missing"));
	assert_non_null(strstr(b.told, "info/7 is no directory"));
	assert_int_equal(b.queue_troubles, 2);
	assert_int_equal(b.message_troubles, 1);
	assert_int_equal(b.q.bad[4], 1u << DIR_REMOTE);
	assert_int_equal(b.q.bad[7], 1u << DIR_INFO);
	assert_int_equal(b.q.bad[0], 0);
	bare_free(&b);
}

/* Empty directories of a larger split are no trouble, though all agree on the wrong count. */
static void test_left_over(void **state)
{
	struct bare b;
	char name[64];

	(void)state;
	bare_make(&b, 47, 47, 47, 47);
	for (unsigned n = 1000; n < 1040; n++) {
		snprintf(name, sizeof name, "mess/%u/%u", n % 23, n);
		make_file(b.q.fd, name);
	}
	assert_int_equal(bare_find(&b), 0);
	assert_int_equal(b.q.split, 23);
	assert_string_equal(b.told, "");
	assert_non_null(strstr(b.q.split_why, "40 of 40 files lie where a split of 23"));
	bare_free(&b);
}

/* Half of the files lie wrong: the count is a guess, and that is trouble. */
static void test_guess(void **state)
{
	struct bare b;
	char name[64];

	(void)state;
	bare_make(&b, 5, 5, 5, 5);
	for (unsigned n = 1000; n < 1040; n++) {
		snprintf(name, sizeof name, "mess/%u/%u", n % 2 ? n % 5 : (n + 1) % 5, n);
		make_file(b.q.fd, name);
	}
	assert_int_equal(bare_find(&b), 0);
	assert_int_equal(b.q.split, 5);
	assert_int_equal(b.queue_troubles, 1);
	assert_non_null(strstr(b.told, "20 of 40 files lie where a split of 5"));
	bare_free(&b);
}

static void test_no_queue(void **state)
{
	struct bare b;
	struct error e = ERROR_INIT;

	(void)state;
	bare_make(&b, 0, 0, 0, 0);
	assert_int_equal(split_find(&b.q, note_trouble, &b, &e), -1);
	assert_int_equal(e.code, ERROR_NOQUEUE);
	bare_free(&b);
}

/* Whole directories that are not there or not what they should be: told once, the others are used.
 */
static void test_lost_directories(void **state)
{
	struct bare b;

	(void)state;
	bare_make(&b, 3, 3, 3, 3);
	remove_tree(&b, "remote");
	remove_tree(&b, "todo");
	remove_tree(&b, "local");
	assert_int_equal(symlinkat("mess", b.q.fd, "local"), 0);
	make_file(b.q.fd, "todo");
	assert_int_equal(bare_find(&b), 0);
	assert_int_equal(b.q.split, 3);
	assert_int_equal(b.q.denied, 1u << DIR_REMOTE | 1u << DIR_LOCAL | 1u << DIR_TODO);
	assert_int_equal(b.queue_troubles, 3);
	assert_non_null(strstr(b.told, "local is no directory"));
	assert_non_null(strstr(b.told, "todo is no directory"));
	bare_free(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_choice),
	    cmocka_unit_test(test_choice_is_bounded),
	    cmocka_unit_test(test_plain),
	    cmocka_unit_test(test_big_todo),
	    cmocka_unit_test(test_left_over),
	    cmocka_unit_test(test_guess),
	    cmocka_unit_test(test_extra_and_missing),
	    cmocka_unit_test(test_no_queue),
	    cmocka_unit_test(test_lost_directories),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
