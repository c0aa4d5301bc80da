/* What can be done to the messages of a sendmail queue: the table, and what frames each action. */
#include "act.h"

#include <stdio.h>
#include <stdlib.h>

enum { PATIENCE_MS = 1000 };

void act_note(struct action *a, const char *fmt, ...)
{
	char text[400];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	if (a->note)
		a->note(a->note_ctx, text);
}

static void run_end(struct action *a)
{
	struct act *act = act_of(a);

	if (!act)
		return;
	age_end(a);
	sys_locks_free(&act->locks);
	free(act->unsynced);
	free(act);
	a->own = NULL;
}

/* What one action needs before any message is touched. */
static int begin_op(struct action *a, struct error *err)
{
	switch (a->op) {
	case OP_EXPIRE:
	case OP_BOUNCE:
	case OP_REQUEUE:
		return age_begin(a, err);
	default:
		return 0;
	}
}

static int run_begin(struct action *a, struct error *err)
{
	const struct layout *l = &queue_of(a)->layout;
	struct act *act = calloc(1, sizeof *act);

	if (!act)
		return error_set(err, ERROR_NOMEM, "out of memory");
	sys_locks_init(&act->locks);
	a->own = act;
	if (begin_op(a, err) < 0) {
		run_end(a);
		return -1;
	}
	for (size_t i = 0; !a->dry_run && i < l->count; i++)
		sweep_temporaries(sendmail_unit(l->units[i])->qf_fd);
	return 0;
}

static int batch_begin(struct action *a, struct error *err)
{
	struct act *act = act_of(a);

	(void)err;
	act->patience_ms = PATIENCE_MS;
	act->unsynced_count = 0;
	if (a->dry_run)
		sys_locks_refresh(&act->locks);
	return 0;
}

#define NODATA_REFUSAL "its data file is missing, so it would be sent empty: hold or delete it"

/* The attempts of what is queued only. */
#define CELLS_ATTEMPTED                                                                            \
	{                                                                                          \
		[STATE_QUEUED] = CELL_YES, [STATE_NODATA] = CELL_REFUSED,                          \
		[STATE_INCOMING] = CELL_BUSY                                                       \
	}

const struct backend_actions sendmail_actions = {
    .ops =
	{
	    [OP_EXPIRE] = {.cells = CELLS_ATTEMPTED,
			   .methods = METHOD_LIVE,
			   .reversible = true,
			   .refusal = NODATA_REFUSAL,
			   .prepare = expire_prepare,
			   .commit = return_commit},
	    [OP_BOUNCE] = {.cells = CELLS_ATTEMPTED,
			   .methods = METHOD_LIVE,
			   .reversible = true,
			   .refusal = NODATA_REFUSAL,
			   .prepare = bounce_prepare,
			   .commit = return_commit},
	    [OP_REQUEUE] = {.cells = CELLS_ATTEMPTED,
			    .methods = METHOD_LIVE,
			    .reversible = true,
			    .refusal = NODATA_REFUSAL,
			    .prepare = requeue_prepare,
			    .commit = rewrite_commit},
	},
    .run_begin = run_begin,
    .run_end = run_end,
    .batch_begin = batch_begin,
    .take = sendmail_take,
    .recheck = sendmail_recheck,
    .sync = sendmail_sync,
    .let_go = sendmail_let_go,
};
