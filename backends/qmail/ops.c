/* What can be done to a message of a qmail queue, in which state, and by which functions. */
#include "mend.h"

#define LIVE	METHOD_LIVE
#define OFFLINE METHOD_OFFLINE

static const char no_hold[] =
    "qmail cannot hold a message: delete puts it into the trash, restore brings it back";

/* Retry, for those that were retried or whose action came with --try. A message that is retried
 * while qmail-send is stopped is tried when it starts. */
static int ask(struct action *a, const struct plan_item *const *items, size_t count, bool *done,
	       struct error *err)
{
	const struct queue_qmail *q = queue_qmail(a->queue);

	(void)items;
	(void)done;
	if (count == 0)
		return 0;
	if (a->args->forget_hosts && tcpto_clear(q, err) < 0)
		return -1;
	return a->offline ? 0 : send_alarm(q, err);
}

/* What may be done to a message that is queued, new (in todo), ending, still being written. */
#define CELLS(queued, new, ending, incoming)                                                       \
	.cells = {[STATE_QUEUED] = (queued),                                                       \
		  [STATE_NEW] = (new),                                                             \
		  [STATE_ENDING] = (ending),                                                       \
		  [STATE_INCOMING] = (incoming)}
#define TRIED	    CELLS(CELL_YES, CELL_OFFLINE, CELL_NA, CELL_BUSY)
#define STEPS(name) .prepare = qmail_##name##_prepare, .commit = qmail_##name##_commit
#define BOTH	    .methods = METHOD_LIVE | METHOD_OFFLINE
#define BACK	    .reversible = true

const struct backend_actions qmail_actions = {
    .ops[OP_EXPIRE] = {TRIED, BOTH, BACK, STEPS(age)},
    .ops[OP_REQUEUE] = {TRIED, BOTH, BACK, STEPS(age)},
    .ops[OP_RETRY] = {TRIED, BOTH, BACK, STEPS(age)},
    .ops[OP_BOUNCE] = {TRIED, BOTH, BACK, STEPS(bounce)},
    .ops[OP_HOLD] = {.instead = no_hold},
    .ops[OP_RELEASE] = {.instead = no_hold},
    .ops[OP_DELETE] = {TRIED, BOTH, BACK, STEPS(delete), .finish = qmail_delete_finish},
    .ops[OP_DROP] = {CELLS(CELL_YES, CELL_OFFLINE, CELL_NA, CELL_NA), BOTH, BACK, STEPS(drop)},
    .ops[OP_MOVE] = {CELLS(CELL_YES, CELL_NA, CELL_NA, CELL_NA), .methods = METHOD_OFFLINE, BACK,
		     STEPS(move), .finish = qmail_move_finish},
    .ops[OP_SAVE] = {CELLS(CELL_YES, CELL_YES, CELL_YES, CELL_NA), BOTH, STEPS(save)},
    .ops[OP_RESTORE] = {BOTH, BACK, STEPS(restore), .finish = qmail_restore_finish},
    .ops[OP_UNDO] = {BOTH, BACK, STEPS(undo), .finish = qmail_undo_finish},
    .run_begin = qmail_run_begin,
    .run_end = qmail_run_end,
    .mend = qmail_mend,
    .batch_begin = qmail_batch_begin,
    .batch_end = qmail_batch_end,
    .take = qmail_take,
    .recheck = qmail_recheck,
    .sync = qmail_sync,
    .let_go = qmail_let_go,
    .ask = ask,
    .trash_place = qmail_trash_place,
};
