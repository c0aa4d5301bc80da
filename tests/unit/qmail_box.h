/*
 * A recorded qmail queue unpacked into a directory of the test's own, opened, and walked.
 *
 * Contract: box_open() fails the test when something goes wrong; box_close() removes the directory.
 * Everything told by the queue is kept in `told`, a line each.
 */
#ifndef TESTS_QMAIL_BOX_H
#define TESTS_QMAIL_BOX_H

#include "unit/cmocka_all.h"

#include <mtaq/limits.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../backends/qmail/internal.h"
#include "../../backends/qmail/qmail.h"

enum { ENVELOPE_PARTS = PART_STAT | PART_CONTROL | PART_RECIPIENTS };

struct box {
	char path[64]; /* holds queue/ and control/ */
	char dir[80];  /* the queue */
	int fd;
	struct queue *queue;
	struct arena names, arena;
	struct message_entry entries[64];
	size_t count; /* of entries, after box_scan() */
	char told[8192];
	int queue_troubles, message_troubles;
	struct loader loader;
};

static inline void box_tell(void *ctx, const struct error *e)
{
	struct box *b = ctx;
	size_t n = strlen(b->told);

	snprintf(b->told + n, sizeof b->told - n, "%s\n", e->text);
	b->queue_troubles += e->scope == SCOPE_QUEUE;
	b->message_troubles += e->scope == SCOPE_MESSAGE;
}

static inline void box_run(const char *const *argv)
{
	int status = -1;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		execvp(argv[0], (char *const *)(uintptr_t)argv);
		_exit(127);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

/* `file` is below fixtures/qmail. */
static inline void box_unpack(struct box *b, const char *file)
{
	const char *top = getenv("top_srcdir");
	char archive[512];

	memset(b, 0, sizeof *b);
	scratch_name(b->path, sizeof b->path, "qmail");
	assert_non_null(mkdtemp(b->path));
	snprintf(b->dir, sizeof b->dir, "%s/queue", b->path);
	snprintf(archive, sizeof archive, "%s/fixtures/qmail/%s", top ? top : ".", file);
	box_run((const char *const[]){"tar", "--warning=no-timestamp", "-C", b->path, "-xpf",
				      archive, NULL});
	b->fd = open(b->dir, O_RDONLY | O_DIRECTORY);
	assert_true(b->fd >= 0);
	arena_init(&b->names, 0);
	arena_init(&b->arena, LIMIT_MESSAGE_BYTES);
	b->loader.arena = &b->arena;
}

static inline void box_open_with(struct box *b, const struct queue_option *options, size_t n)
{
	struct queue_spec spec = {.dir = b->dir, .options = options, .option_count = n};
	struct error e = ERROR_INIT;

	b->queue = backend_qmail.open(&spec, NULL, 0, box_tell, b, &e);
	if (!b->queue)
		print_message("%s\n", e.text);
	assert_non_null(b->queue);
}

static inline void box_open(struct box *b, const char *file)
{
	box_unpack(b, file);
	box_open_with(b, NULL, 0);
}

static inline void box_close(struct box *b)
{
	backend_qmail.close(b->queue);
	close(b->fd);
	arena_free(&b->names);
	arena_free(&b->arena);
	box_run((const char *const[]){"rm", "-rf", b->path, NULL});
}

static inline void box_scan(struct box *b)
{
	struct scan *s = backend_qmail.scan_begin(b->queue, NULL);
	struct error e = ERROR_INIT;
	int r;

	assert_non_null(s);
	b->count = 0;
	while (b->count < 64 &&
	       (r = backend_qmail.scan_next(s, &b->names, &b->entries[b->count], &e)) != 0) {
		b->count += r > 0;
		if (r < 0)
			box_tell(b, &e);
		e = ERROR_INIT;
	}
	backend_qmail.scan_end(s);
}

/* The entry of number `n`; it must have been seen exactly once. */
static inline const struct message_entry *box_entry(const struct box *b, uint64_t n)
{
	const struct message_entry *found = NULL;

	for (size_t i = 0; i < b->count; i++) {
		if (b->entries[i].number != n)
			continue;
		assert_null(found);
		found = &b->entries[i];
	}
	assert_non_null(found);
	return found;
}

static inline void box_begin(struct box *b, uint64_t n, struct message *m)
{
	arena_reset(&b->arena);
	backend_qmail.begin(b->queue, box_entry(b, n), &b->arena, m);
}

static inline void box_load(struct box *b, struct message *m, parts_t parts)
{
	backend_qmail.load(&b->loader, m, parts);
	if (!m->gone)
		assert_int_equal(m->have & parts, parts);
	for (unsigned i = 0; i < PART_COUNT; i++)
		assert_true(((m->failed & PART(i)) != 0) == (m->why[i] != NULL));
}

static inline void box_get(struct box *b, uint64_t n, parts_t parts, struct message *m)
{
	box_begin(b, n, m);
	box_load(b, m, parts);
}

static inline void box_write(const struct box *b, const char *name, struct slice text)
{
	int fd = openat(b->fd, name, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(sys_write_all(fd, text.p, text.n), 0);
	close(fd);
}

static inline void box_remove(const struct box *b, const char *name)
{
	assert_int_equal(unlinkat(b->fd, name, 0), 0);
}

static inline bool slice_is(struct slice s, const char *text)
{
	return slice_eq(s, slice_from(text));
}

#endif
