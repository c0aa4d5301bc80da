/* A recorded queue (sendmail_box.h) and a directory elsewhere, where its messages are taken to. */
#ifndef TESTS_SENDMAIL_OTHER_H
#define TESTS_SENDMAIL_OTHER_H

#include "unit/sendmail_box.h"

#include <mtaq/saved.h>

#define ID "60F400Mk016350"
#define QF "mqueue/qf" ID
#define DF "mqueue/df" ID

static struct box box;
static char other[64]; /* a directory elsewhere */

/* On the same filesystem as the box, or by its template. */
static inline void make_other(const char *template)
{
	if (template)
		snprintf(other, sizeof other, "%s", template);
	else
		scratch_name(other, sizeof other, "other");
	assert_non_null(mkdtemp(other));
	box.args.target = other;
}

static inline int setup_queue(const char *name)
{
	box_open(&box, name, NULL);
	box_snapshot(&box);
	make_other(NULL);
	return 0;
}

static inline int setup(void **state)
{
	(void)state;
	return setup_queue("flat");
}

static inline int setup_across(void **state)
{
	(void)state;
	box_open(&box, "flat", NULL);
	box_snapshot(&box);
	make_other("/dev/shm/mtaq-other.XXXXXX");
	return 0;
}

static inline int setup_groups(void **state)
{
	(void)state;
	return setup_queue("groups");
}

static inline int teardown(void **state)
{
	(void)state;
	box_run((const char *const[]){"rm", "-rf", other, NULL});
	box_close(&box);
	return 0;
}

static inline const char *path_in(const char *dir, const char *name)
{
	const char *path = arena_printf(&box.arena, "%s/%s", dir, name).p;

	assert_non_null(path);
	return path;
}

static inline struct slice text_at(const char *path)
{
	struct slice text = SLICE_NONE;

	if (access(path, F_OK) == 0)
		assert_int_equal(sys_read_config(path, 1u << 24, &box.arena, &text, NULL), 0);
	return text;
}

static inline struct slice other_text(const char *name)
{
	return text_at(path_in(other, name));
}

static inline void write_at(const char *path, struct slice text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0640);

	assert_true(fd >= 0);
	assert_int_equal(sys_write_all(fd, text.p, text.n), 0);
	close(fd);
}

#endif
