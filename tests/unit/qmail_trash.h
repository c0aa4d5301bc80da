/* A recorded queue and a folder of the trash beside it. */
#ifndef TESTS_QMAIL_TRASH_H
#define TESTS_QMAIL_TRASH_H

#include "unit/qmail_act.h"

enum { NOW = 1795174000 };

/* Of fixtures/qmail/basic.tar, and of todo.tar. */
enum { MIXED = 1148217, NOTED = 1147986, NEW = 1148120, LEFT = 1148145 };

struct world {
	struct box b;
	struct act t;
	char trash[96];
};

static inline void world_open(struct world *w, const char *file, enum op op)
{
	box_open(&w->b, file);
	snprintf(w->trash, sizeof w->trash, "%s/trash", w->b.path);
	assert_int_equal(mkdir(w->trash, 0700), 0);
	w->t = (struct act){.box = &w->b,
			    .op = op,
			    .now = NOW,
			    .args.target = w->trash,
			    .trash_path = w->trash,
			    .trash_fd = open(w->trash, O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
	assert_true(w->t.trash_fd >= 0);
}

static inline void world_close(struct world *w)
{
	close(w->t.trash_fd);
	act_free(&w->t);
	box_close(&w->b);
}

static inline size_t trash_count(struct world *w)
{
	uint64_t n = 0;

	assert_true(slice_u64(slice_trim(act_shell(&w->b, "ls -A ../trash | wc -l")), &n));
	return (size_t)n;
}

#endif
