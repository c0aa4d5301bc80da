/* What can be done to the messages of a sendmail queue: the table, and what frames each action. */
#include "act.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

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

int act_change(struct held *h, json_t *change, struct error *err)
{
	if (!change || json_array_append_new(h->changes, change) < 0)
		return error_set(err, ERROR_NOMEM, "out of memory for the journal");
	return 0;
}

const char *act_path(struct held *h, struct slice dir, const char *name)
{
	struct slice s = arena_printf(&h->arena, "%" SLICE_FMT "/%s", SLICE_ARG(dir), name);

	return s.p ? s.p : name;
}

void act_made(struct held *h, int dirfd, const char *name)
{
	struct grip *g = grip_of(h);
	struct made *m = &g->made[g->made_count++];

	m->dirfd = dirfd;
	snprintf(m->name, sizeof m->name, "%s", name);
}

/* ---- what is to be synced ---- */

void act_sync_later(struct action *a, int fd)
{
	struct act *act = act_of(a);

	for (size_t i = 0; i < act->unsynced_count; i++)
		if (act->unsynced[i] == fd)
			return;
	if (act->unsynced_count == act->unsynced_room) {
		act->unsynced_room = act->unsynced_room * 2 + 8;
		act->unsynced = realloc(act->unsynced, act->unsynced_room * sizeof *act->unsynced);
		if (!act->unsynced)
			abort();
	}
	act->unsynced[act->unsynced_count++] = fd;
}

int act_note_later(struct action *a, int folder, const json_t *note, struct error *err)
{
	struct act *act = act_of(a);

	if (!act->notes)
		act->notes = calloc(ACTION_BATCH, sizeof *act->notes);
	if (!act->notes)
		abort();
	if (act->note_count == ACTION_BATCH)
		return error_set(err, ERROR_BUG, "more notes than messages");
	if (saved_prepare_note(folder, note, (unsigned)act->note_count,
			       &act->notes[act->note_count], err) < 0)
		return -1;
	act->note_count++;
	return 0;
}

bool act_note_waits(const struct action *a, const char *name)
{
	const struct act *act = act_of(a);

	for (size_t i = 0; i < act->note_count; i++)
		if (strcmp(act->notes[i].name, name) == 0)
			return true;
	return false;
}

/* All of them, or none that are left. */
static int publish_notes(struct act *act, struct error *err)
{
	int r = 0;

	for (size_t i = 0; i < act->note_count; i++)
		if (r < 0)
			saved_discard_note(&act->notes[i]);
		else
			r = saved_publish_note(&act->notes[i], err);
	act->note_count = 0;
	return r;
}

static void discard_notes(struct act *act)
{
	for (size_t i = 0; i < act->note_count; i++)
		saved_discard_note(&act->notes[i]);
	act->note_count = 0;
}

/* The disk is given everything before the first is waited for. */
static void begin_sync(const struct act *act)
{
	for (size_t i = 0; i < act->note_count; i++)
		saved_begin_sync(&act->notes[i]);
	for (size_t i = 0; i < act->unsynced_count; i++)
		sys_begin_sync(act->unsynced[i]);
}

static int sync_all(struct action *a, struct error *err)
{
	struct act *act = act_of(a);
	int r;

	begin_sync(act);
	r = publish_notes(act, err);
	for (size_t i = 0; i < act->unsynced_count; i++)
		if (fsync(act->unsynced[i]) < 0)
			r = error_sys(err, errno, "fsync in the queue");
	act->unsynced_count = 0;
	return r;
}

/* ---- runs and batches ---- */

static void run_end(struct action *a)
{
	struct act *act = act_of(a);

	if (!act)
		return;
	release_end(a);
	move_end(a);
	ask_end(a);
	discard_notes(act);
	free(act->notes);
	sys_locks_free(&act->locks);
	free(act->unsynced);
	free(act);
	a->own = NULL;
}

/* What one action needs before any message is touched. */
static int begin_op(struct action *a, struct error *err)
{
	switch (a->op) {
	case OP_HOLD:
		return hold_begin(a, err);
	case OP_DELETE:
		return delete_begin(a, err);
	case OP_MOVE:
		return move_begin(a, err);
	case OP_SAVE:
		return save_begin(a, err);
	case OP_EXPIRE:
	case OP_BOUNCE:
	case OP_REQUEUE:
		return age_begin(a, err);
	default:
		return 0;
	}
}

/* Told once, and not for each message. A dry run needs no more than reading. */
static int check_rights(struct action *a, struct error *err)
{
	const struct layout *l = &queue_of(a)->layout;

	for (size_t i = 0; !a->dry_run && i < l->count; i++) {
		const struct sendmail_unit *u = sendmail_unit(l->units[i]);

		if (faccessat(u->qf_fd, ".", W_OK | X_OK, AT_EACCESS) == 0)
			continue;
		error_sys(err, errno, "%s: nothing can be done there", u->qf.p);
		if (err)
			err->scope = SCOPE_QUEUE;
		return -1;
	}
	return 0;
}

static int run_begin(struct action *a, struct error *err)
{
	struct act *act = calloc(1, sizeof *act);

	if (!act)
		return error_set(err, ERROR_NOMEM, "out of memory");
	sys_locks_init(&act->locks);
	a->own = act;
	if (check_rights(a, err) < 0 || begin_op(a, err) < 0 || ask_begin(a, err) < 0) {
		run_end(a);
		return -1;
	}
	return 0;
}

static int batch_begin(struct action *a, struct error *err)
{
	struct act *act = act_of(a);

	(void)err;
	act->patience_ms = PATIENCE_MS;
	act->unsynced_count = 0;
	discard_notes(act);
	if (a->dry_run)
		sys_locks_refresh(&act->locks);
	return 0;
}

/* What only concerns attempts: only what is queued is tried. */
#define CELLS_ATTEMPTED                                                                            \
	{                                                                                          \
		[STATE_QUEUED] = CELL_YES, [STATE_NODATA] = CELL_REFUSED,                          \
		[STATE_INCOMING] = CELL_BUSY                                                       \
	}

/* What takes a message to another place as it is. */
#define CELLS_TAKEN                                                                                \
	{                                                                                          \
		[STATE_QUEUED] = CELL_YES, [STATE_HELD] = CELL_YES, [STATE_LOST] = CELL_YES,       \
		[STATE_NODATA] = CELL_REFUSED                                                      \
	}

/* clang-format off */
const struct backend_actions sendmail_actions = {
	.ops[OP_EXPIRE] = {
		.cells = CELLS_ATTEMPTED,
		.methods = METHOD_LIVE,
		.reversible = true,
		.refusal = NODATA_REFUSAL,
		.prepare = expire_prepare,
		.commit = rewrite_commit,
	},
	.ops[OP_BOUNCE] = {
		.cells = CELLS_ATTEMPTED,
		.methods = METHOD_LIVE,
		.reversible = true,
		.refusal = NODATA_REFUSAL,
		.prepare = bounce_prepare,
		.commit = rewrite_commit,
	},
	.ops[OP_REQUEUE] = {
		.cells = CELLS_ATTEMPTED,
		.methods = METHOD_LIVE,
		.reversible = true,
		.refusal = NODATA_REFUSAL,
		.prepare = requeue_prepare,
		.commit = rewrite_commit,
	},
	.ops[OP_RETRY] = {
		.cells = CELLS_ATTEMPTED,
		.methods = METHOD_LIVE,
		.refusal = NODATA_REFUSAL,
		.prepare = retry_prepare,
		.commit = retry_commit,
	},
	.ops[OP_HOLD] = {
		.cells = {[STATE_QUEUED] = CELL_YES, [STATE_NODATA] = CELL_YES},
		.methods = METHOD_LIVE,
		.reversible = true,
		.prepare = hold_prepare,
		.commit = hold_commit,
	},
	.ops[OP_RELEASE] = {
		.cells = {[STATE_HELD] = CELL_YES, [STATE_NODATA] = CELL_REFUSED},
		.methods = METHOD_LIVE,
		.reversible = true,
		.refusal = NODATA_REFUSAL,
		.prepare = release_prepare,
		.commit = hold_commit,
	},
	.ops[OP_DELETE] = {
		.cells = {
			[STATE_QUEUED] = CELL_YES,
			[STATE_HELD] = CELL_NAMED,
			[STATE_LOST] = CELL_NAMED,
			[STATE_NODATA] = CELL_YES,
			[STATE_INCOMPLETE] = CELL_NAMED,
			[STATE_INCOMING] = CELL_BUSY,
		},
		.methods = METHOD_LIVE,
		.reversible = true,
		.prepare = delete_prepare,
		.commit = delete_commit,
		.finish = delete_finish,
	},
	.ops[OP_DROP] = {
		.cells = {
			[STATE_QUEUED] = CELL_YES,
			[STATE_HELD] = CELL_YES,
			[STATE_NODATA] = CELL_REFUSED,
		},
		.methods = METHOD_LIVE,
		.reversible = true,
		.refusal = NODATA_REFUSAL,
		.prepare = drop_prepare,
		.commit = rewrite_commit,
	},
	.ops[OP_MOVE] = {
		.cells = CELLS_TAKEN,
		.methods = METHOD_LIVE,
		.reversible = true,
		.refusal = NODATA_REFUSAL,
		.prepare = move_prepare,
		.commit = move_commit,
		.finish = move_finish,
	},
	.ops[OP_SAVE] = {
		.cells = CELLS_TAKEN,
		.methods = METHOD_LIVE,
		.refusal = "its data file is missing: there is not all of it to save",
		.prepare = save_prepare,
		.commit = save_commit,
	},
	.ops[OP_RESTORE] = {
		.methods = METHOD_LIVE,
		.reversible = true,
		.prepare = restore_prepare,
		.commit = restore_commit,
		.finish = restore_finish,
	},
	.ops[OP_UNDO] = {
		.methods = METHOD_LIVE,
		.reversible = true,
		.prepare = undo_prepare,
		.commit = rewrite_commit,
	},
	.run_begin = run_begin,
	.run_end = run_end,
	.mend = sweep_queue,
	.batch_begin = batch_begin,
	.take = sendmail_take,
	.recheck = sendmail_recheck,
	.sync = sync_all,
	.let_go = sendmail_let_go,
	.ask = sendmail_ask,
	.trash_place = sendmail_trash_place,
};
/* clang-format on */
