/* Promises about the files of a queue: which there are, what happens when they vanish, and that
 * looking changes none of them. */
#include "contract/contract.h"
#include "unit/cmocka_all.h"

#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct files {
	unsigned count;
	struct slice data; /* path of the data file */
	struct arena *arena;
};

static void check_file(void *ctx, const char *role, const char *path)
{
	struct files *f = ctx;
	struct stat st;

	assert_true(role && role[0]);
	if (lstat(path, &st) < 0)
		fail_msg("%s %s is not there", role, path);
	f->count++;
}

PROMISE(files_exist)
{
	const struct queue *q = case_queue(*state);
	struct entries l;
	struct subject s;

	entries_scan(&l, q);
	subject_init(&s);
	for (size_t i = 0; i < l.count; i++) {
		struct files f = {0};

		subject_begin(&s, q, &l.list[i]);
		subject_load(&s, PARTS_ALL);
		q->backend->files(&s.message, check_file, &f);
		if (case_on_disk(*state) && f.count == 0)
			fail_msg("%.*s has no files", SLICE_ARG(s.message.entry.name));
	}
	subject_free(&s);
	entries_free(&l);
}

/* The bytes that `cat` prints are the data file's, and end in the body. */
static void check_data(struct subject *s, struct arena *arena)
{
	const struct message *m = &s->message;
	struct error err = ERROR_INIT;
	bool whole = false;
	struct slice text;
	int fd = m->queue->backend->open_data(m, &whole, &err);

	if (fd < 0) {
		assert_int_not_equal(err.code, ERROR_NONE);
		assert_true((m->failed & PART_BODY) || m->state == STATE_NODATA ||
			    m->state_known != true || !m->size.known);
		return;
	}
	assert_int_equal(sys_read_all(fd, 0, SIZE_MAX / 4, arena, "data", &text, &err), 0);
	sys_close(fd);
	if (m->failed & (PART_BODY | PART_DATA))
		return;
	if (m->size.known)
		assert_int_equal(m->size.value, text.n);
	assert_true(m->body.n <= text.n);
	if (m->body.p)
		assert_true(slice_ends(text, m->body));
	if (!whole)
		assert_int_equal(m->body.n, text.n);
}

PROMISE(open_data)
{
	const struct queue *q = case_queue(*state);
	struct entries l;
	struct subject s;

	entries_scan(&l, q);
	subject_init(&s);
	for (size_t i = 0; i < l.count; i++) {
		subject_begin(&s, q, &l.list[i]);
		subject_load(&s, PARTS_ALL);
		check_data(&s, &l.names);
	}
	subject_free(&s);
	entries_free(&l);
}

/* ---- vanishing ---- */

static int remove_file(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)type;
	(void)ftw;
	return S_ISDIR(st->st_mode) ? 0 : unlink(path);
}

/* A copy of the case that may be spoilt. */
struct copy {
	struct fixture fixture;
	struct queue *queue;
	struct entries entries;
	struct subject subject;
};

static void ignore_trouble(void *ctx, const struct error *err)
{
	(void)ctx;
	(void)err;
}

static void copy_init(struct copy *c, const struct contract_case *of)
{
	fixture_unpack(&c->fixture, of->kind, of->name);
	c->queue = fixture_open(&c->fixture, ignore_trouble, NULL);
	entries_scan(&c->entries, c->queue);
	subject_init(&c->subject);
}

static void copy_free(struct copy *c)
{
	subject_free(&c->subject);
	entries_free(&c->entries);
	c->queue->backend->close(c->queue);
	fixture_remove(&c->fixture);
}

static void remove_files(struct copy *c)
{
	assert_int_equal(nftw(c->fixture.queue_dir, remove_file, 16, FTW_PHYS), 0);
}

/* A directory stands where a file should be: that does not vanish with the files, so the message is
 * damaged, not gone. */
static bool is_directory(const struct message *m)
{
	for (int p = 0; p < PART_COUNT; p++)
		if ((m->failed & PART(p)) &&
		    (strstr(m->why[p]->text, "directory") || strstr(m->why[p]->text, "is missing")))
			return true;
	return false;
}

static void check_vanished(struct copy *c, size_t i, parts_t part)
{
	struct message *m = &c->subject.message;

	subject_begin(&c->subject, c->queue, &c->entries.list[i]);
	subject_load(&c->subject, part);
	if (!m->gone && !is_directory(m))
		fail_msg("%s: %.*s vanished, but part %x does not say so", c->fixture.name,
			 SLICE_ARG(m->entry.name), part);
	/* gone is gone */
	if (m->gone) {
		subject_load(&c->subject, PARTS_ALL);
		assert_true(m->gone);
	}
}

PROMISE(vanished)
{
	const struct contract_case *of = *state;
	struct copy c;

	copy_init(&c, of);
	remove_files(&c);
	for (size_t i = 0; i < c.entries.count; i++)
		for (int p = 1; p < PART_COUNT; p++)
			if (c.queue->backend->cost[p])
				check_vanished(&c, i, PART(p));
	copy_free(&c);
}

/* Between two loads: what is read from then on is either gone or was in memory already. */
PROMISE(vanishing)
{
	static const parts_t first[] = {PART_STAT, PART_STAT | PART_CONTROL, PART_DATA,
					PART_RECIPIENTS | PART_HEADER};
	const struct contract_case *of = *state;

	for (size_t k = 0; k < sizeof first / sizeof first[0]; k++) {
		struct subject *s;
		struct copy c;

		copy_init(&c, of);
		s = calloc(c.entries.count + 1, sizeof *s);
		assert_non_null(s);
		for (size_t i = 0; i < c.entries.count; i++) {
			subject_init(&s[i]);
			subject_begin(&s[i], c.queue, &c.entries.list[i]);
			subject_load(&s[i], first[k]);
		}
		remove_files(&c);
		for (size_t i = 0; i < c.entries.count; i++) {
			parts_t failed = s[i].message.failed;

			subject_load(&s[i], PARTS_ALL);
			if (!s[i].message.gone && !failed && !is_directory(&s[i].message))
				fail_msg("%.*s vanished after %x: not gone",
					 SLICE_ARG(s[i].message.entry.name), first[k]);
			subject_free(&s[i]);
		}
		free(s);
		copy_free(&c);
	}
}

/* ---- what may not be read ---- */

static int close_dir(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)type;
	(void)ftw;
	return S_ISDIR(st->st_mode) ? chmod(path, 0) : 0;
}

enum { NOBODY = 65534 };

/* All directories of the copy are closed to us, root or not. */
static void deny(struct copy *c)
{
	/* from below, so that the way there is still open */
	assert_int_equal(nftw(c->fixture.queue_dir, close_dir, 16, FTW_DEPTH | FTW_PHYS), 0);
	if (getuid() == 0)
		assert_int_equal(seteuid(NOBODY), 0);
}

/* Being ourselves again; fixture_remove() opens the directories. */
static void allow(void)
{
	if (getuid() == 0)
		assert_int_equal(seteuid(0), 0);
}

static const char *check_denied_load(struct copy *c, size_t i, int p)
{
	const struct message *m = &c->subject.message;

	subject_begin(&c->subject, c->queue, &c->entries.list[i]);
	subject_load(&c->subject, PART(p));
	if (m->gone)
		return "what may not be read is taken for gone";
	if (!(m->failed & PART(p)))
		return "what may not be read did not fail";
	return m->why[p]->code == ERROR_DENIED ? NULL : m->why[p]->text;
}

static const char *check_denied_find(struct copy *c, size_t i)
{
	struct message_entry found[2];
	struct error err = ERROR_INIT;
	struct slice name = c->entries.list[i].name;

	if (c->queue->backend->find(c->queue, name, &c->entries.names, found, 2, &err) >= 0)
		return "an id that may not be looked for is taken for missing";
	return err.code == ERROR_DENIED ? NULL
					: "an id that may not be looked for is told otherwise";
}

static const char *check_denied_scan(struct copy *c)
{
	struct entries l;
	bool told;

	entries_scan(&l, c->queue);
	told = l.errors > 0;
	entries_free(&l);
	return told ? NULL : "a queue that may not be read looks empty";
}

static const char *check_denied_open(struct copy *c)
{
	const struct queue_spec spec = {.dir = c->fixture.queue_dir, .why = "test"};
	const struct backend *b = c->queue->backend;
	struct error err = ERROR_INIT;
	struct queue *q = b->open(&spec, NULL, 0, ignore_trouble, NULL, &err);

	if (q)
		b->close(q);
	if (q || err.scope != SCOPE_QUEUE)
		return "a queue that may not be read opens";
	if (err.code != ERROR_DENIED)
		return "a queue that may not be read is told otherwise";
	err = ERROR_INIT;
	if (b->detect(c->fixture.queue_dir, &err) != -1 || err.code != ERROR_DENIED)
		return "what may not be read is no queue";
	return NULL;
}

/* Never gone, never missing, never empty: an error that says so. */
PROMISE(denied)
{
	const char *wrong;
	struct copy c;

	copy_init(&c, *state);
	deny(&c);
	wrong = check_denied_open(&c);
	if (!wrong)
		wrong = check_denied_scan(&c);
	for (size_t i = 0; !wrong && i < c.entries.count; i++) {
		wrong = check_denied_find(&c, i);
		for (int p = 1; !wrong && p < PART_COUNT; p++)
			if (c.queue->backend->cost[p])
				wrong = check_denied_load(&c, i, p);
	}
	allow();
	if (wrong)
		fail_msg("%s", wrong);
	copy_free(&c);
}

static int close_file(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)type;
	(void)ftw;
	if (S_ISLNK(st->st_mode))
		return 0;
	return chmod(path, S_ISDIR(st->st_mode) ? 0755 : 0);
}

/* The parts of message `i` that fail when it is loaded with `want`; PART_NAME when it is gone. */
static parts_t failing(struct copy *c, size_t i, parts_t want)
{
	subject_begin(&c->subject, c->queue, &c->entries.list[i]);
	subject_load(&c->subject, want);
	return c->subject.message.gone ? PART_NAME : c->subject.message.failed;
}

/* A message that was whole before: a part fails alone as it does together, for want of permission.
 */
static const char *check_closed_files(struct copy *c, size_t i)
{
	const struct message *m = &c->subject.message;
	parts_t all = failing(c, i, PARTS_ALL);

	if (all & PART_NAME)
		return "a message whose files may not be read is taken for gone";
	for (int p = 0; p < PART_COUNT; p++)
		if ((all & PART(p)) && m->why[p]->code != ERROR_DENIED)
			return "what may not be read is told otherwise";
	for (int p = 0; p < PART_COUNT; p++)
		if ((failing(c, i, PART(p)) ^ all) & PART(p))
			return message_part_name((enum part_index)p);
	return all & PART_BODY ? NULL : "a body that may not be read";
}

/* Files that may not be opened, in directories that may: what a stat tells is still told. */
PROMISE(closed_files)
{
	const char *wrong = NULL;
	struct copy c;
	bool *whole;

	copy_init(&c, *state);
	whole = calloc(c.entries.count + 1, sizeof *whole);
	assert_non_null(whole);
	for (size_t i = 0; i < c.entries.count; i++)
		whole[i] = failing(&c, i, PARTS_ALL) == 0 && c.subject.message.body.n > 0;
	assert_int_equal(nftw(c.fixture.dir, close_file, 16, FTW_PHYS), 0);
	if (getuid() == 0)
		assert_int_equal(seteuid(NOBODY), 0);
	for (size_t i = 0; !wrong && i < c.entries.count; i++)
		if (whole[i])
			wrong = check_closed_files(&c, i);
	allow();
	if (wrong)
		fail_msg("%.*s: %s", SLICE_ARG(c.subject.message.entry.name), wrong);
	free(whole);
	copy_free(&c);
}

/* ---- leaving things alone ---- */

static void ignore_fact(void *ctx, const char *key, const char *value, const char *why)
{
	(void)ctx;
	(void)key;
	(void)value;
	(void)why;
}

static void ignore_file(void *ctx, const char *role, const char *path)
{
	(void)ctx;
	(void)role;
	(void)path;
}

/* Every operation there is, on every message. */
static void use_everything(struct copy *c)
{
	const struct backend *b = c->queue->backend;
	struct message_entry found[4];

	b->describe(c->queue, ignore_fact, NULL);
	b->detect(c->fixture.queue_dir, NULL);
	for (size_t i = 0; i < c->entries.count; i++) {
		struct message *m = &c->subject.message;
		bool whole;
		int fd;

		subject_begin(&c->subject, c->queue, &c->entries.list[i]);
		subject_load(&c->subject, PARTS_ALL);
		b->find(c->queue, m->id, &c->entries.names, found, 4, NULL);
		b->files(m, ignore_file, NULL);
		fd = b->open_data(m, &whole, NULL);
		sys_close(fd);
	}
}

PROMISE(nothing_written)
{
	const struct contract_case *of = *state;
	char *before, *after;
	struct copy c;

	copy_init(&c, of);
	before = tree_snapshot(c.fixture.dir);
	use_everything(&c);
	after = tree_snapshot(c.fixture.dir);
	assert_string_equal(after, before);
	free(before);
	free(after);
	copy_free(&c);
}

PROMISE(atimes_kept)
{
	const struct contract_case *of = *state;
	char *before, *after;
	struct copy c;

	copy_init(&c, of);
	if (!tree_age_atimes(c.fixture.dir)) {
		copy_free(&c);
		skip();
	}
	before = tree_atimes(c.fixture.queue_dir);
	use_everything(&c);
	after = tree_atimes(c.fixture.queue_dir);
	assert_string_equal(after, before);
	free(before);
	free(after);
	copy_free(&c);
}
