/* What can be done to a message of a qmail queue, in which state, and by which functions. */
#include "act.h"

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

const struct backend_actions qmail_actions = {
    .ops =
	{
	    [OP_EXPIRE] = {.cells = {[STATE_QUEUED] = CELL_YES, [STATE_INCOMING] = CELL_BUSY},
			   .methods = LIVE | OFFLINE,
			   .reversible = true,
			   .prepare = age_prepare,
			   .commit = age_commit},
	    [OP_REQUEUE] = {.cells = {[STATE_QUEUED] = CELL_YES, [STATE_INCOMING] = CELL_BUSY},
			    .methods = LIVE | OFFLINE,
			    .reversible = true,
			    .prepare = age_prepare,
			    .commit = age_commit},
	    [OP_RETRY] = {.cells = {[STATE_QUEUED] = CELL_YES, [STATE_INCOMING] = CELL_BUSY},
			  .methods = LIVE | OFFLINE,
			  .reversible = true,
			  .prepare = age_prepare,
			  .commit = age_commit},
	    [OP_HOLD] = {.instead = no_hold},
	    [OP_RELEASE] = {.instead = no_hold},
	},
    .run_begin = qmail_run_begin,
    .run_end = qmail_run_end,
    .batch_begin = qmail_batch_begin,
    .batch_end = qmail_batch_end,
    .take = qmail_take,
    .recheck = qmail_recheck,
    .sync = qmail_sync,
    .let_go = qmail_let_go,
    .ask = ask,
    .trash_place = qmail_trash_place,
};
