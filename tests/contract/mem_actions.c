/* Actions in memory: see mem_actions.h. */
#include "contract/mem_actions.h"

#include <mtaq/jsonbytes.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

struct mem_acts mem_acts;

static const char *const step_names[] = {
    [ACT_RUN_BEGIN] = "run_begin",
    [ACT_BATCH_BEGIN] = "batch_begin",
    [ACT_TAKE] = "take",
    [ACT_RECHECK] = "recheck",
    [ACT_PREPARE] = "prepare",
    [ACT_SYNC] = "sync",
    [ACT_COMMIT] = "commit",
    [ACT_FINISH] = "finish",
    [ACT_LET_GO] = "let_go",
    [ACT_BATCH_END] = "batch_end",
    [ACT_ASK] = "ask",
    [ACT_RUN_END] = "run_end",
};

int fdatasync(int fd)
{
	buf_adds(&mem_acts.log, "fdatasync\n");
	if (++mem_acts.syncs == mem_acts.sync_fails_at) {
		errno = EIO;
		return -1;
	}
	return (int)syscall(SYS_fdatasync, fd);
}

/* ---- steps ---- */

static bool fails_now(struct act_failure *f, enum act_step step, const char *name)
{
	if (f->code == ERROR_NONE || f->step != step ||
	    (f->name && (!name || strcmp(f->name, name) != 0)))
		return false;
	if (f->after) {
		f->after--;
		return false;
	}
	if (f->times && --f->times == 0) {
		f->times = 1;
		f->step = (enum act_step) - 1; /* used up after this time */
	}
	return true;
}

static int step(enum act_step s, const char *name, struct error *err)
{
	if (mem_acts.hook)
		mem_acts.hook(s, name);
	buf_printf(&mem_acts.log, "%s%s%s\n", step_names[s], name ? " " : "", name ? name : "");
	for (size_t i = 0; i < sizeof mem_acts.fails / sizeof mem_acts.fails[0]; i++) {
		struct act_failure *f = &mem_acts.fails[i];

		if (fails_now(f, s, name))
			return error_set(err, f->code, "%s fails", step_names[s]);
	}
	return 0;
}

static const char *name_of(const struct held *h)
{
	return h->item->id.p;
}

static int run_begin(struct action *a, struct error *err)
{
	a->own = &mem_acts;
	a->offline = mem_acts.offline;
	return step(ACT_RUN_BEGIN, a->queue->name, err);
}

static void run_end(struct action *a)
{
	step(ACT_RUN_END, a->queue->name, NULL);
	a->own = NULL;
}

static int batch_begin(struct action *a, struct error *err)
{
	(void)a;
	return step(ACT_BATCH_BEGIN, NULL, err);
}

static void batch_end(struct action *a)
{
	(void)a;
	step(ACT_BATCH_END, NULL, NULL);
}

static int take(struct action *a, struct held *h, struct error *err)
{
	if (step(ACT_TAKE, name_of(h), err) < 0)
		return -1;
	if (h->saved)
		h->message = (struct message){.queue = a->queue, .arena = &h->arena};
	else
		a->queue->backend->begin(a->queue, &h->item->entry, &h->arena, &h->message);
	return 0;
}

static int recheck(struct action *a, struct held *h, struct error *err)
{
	(void)a;
	return step(ACT_RECHECK, name_of(h), err);
}

static int prepare(struct action *a, struct held *h, struct error *err)
{
	mem_acts.undo = h->undo;
	mem_acts.saved = h->saved;
	if (step(ACT_PREPARE, name_of(h), err) < 0)
		return -1;
	if (mem_acts.already && strcmp(mem_acts.already, name_of(h)) == 0)
		return 0;
	json_array_append_new(h->changes, json_pack("{s:s, s:o}", "what", op_name(a->op), "name",
						    json_bytes(slice_from(name_of(h)))));
	return 1;
}

static int commit(struct action *a, struct held *h, struct error *err)
{
	(void)a;
	if (step(ACT_COMMIT, name_of(h), err) < 0)
		return -1;
	mem_acts.commits++;
	h->committed = true;
	return 0;
}

static int finish(struct action *a, struct held *h, struct error *err)
{
	(void)a;
	return step(ACT_FINISH, name_of(h), err);
}

static void let_go(struct action *a, struct held *h)
{
	(void)a;
	step(ACT_LET_GO, name_of(h), NULL);
}

static int sync_all(struct action *a, struct error *err)
{
	(void)a;
	return step(ACT_SYNC, NULL, err);
}

static int ask(struct action *a, const struct plan_item *const *items, size_t count, bool *done,
	       struct error *err)
{
	(void)a;
	for (size_t i = 0; i < count; i++) {
		if (step(ACT_ASK, items[i]->id.p, err) < 0)
			return -1;
		done[i] = mem_acts.attempted && strcmp(mem_acts.attempted, items[i]->id.p) == 0;
	}
	return 0;
}

/* ---- the backend ---- */

static struct backend world;
static const char *const no_options[] = {NULL};

static int find(const struct queue *q, struct slice id, struct arena *names,
		struct message_entry *out, int room, struct error *err)
{
	if (mem_acts.find_hides && slice_eq(id, slice_from(mem_acts.find_hides)))
		return 0;
	return backend_mem.find(q, id, names, out, room, err);
}

static struct queue *open_queue(const struct queue_spec *spec, const char *config, int64_t now,
				trouble_fn *trouble, void *ctx, struct error *err)
{
	struct queue *q;
	char *name;

	(void)config;
	(void)trouble;
	(void)ctx;
	if (strcmp(spec->dir, "nowhere") == 0) {
		error_set(err, ERROR_NOQUEUE, "nowhere: no queue in memory");
		return NULL;
	}
	q = mem_open(&world, mem_acts.list, mem_acts.count, now);
	name = malloc(strlen(spec->dir) + 5);
	if (!q || !name)
		abort();
	/* the queue's own copy of the table */
	*(struct backend *)(uintptr_t)q->backend = world;
	memcpy(name, "mem:", 4);
	memcpy(name + 4, spec->dir, strlen(spec->dir) + 1);
	q->name = name;
	return q;
}

static void close_queue(struct queue *q)
{
	free((void *)(uintptr_t)q->name);
	mem_close(q);
}

const struct backend *backend_at(size_t i)
{
	return i == 0 ? &world : NULL;
}

const struct backend *backend_find(const char *name)
{
	return strcmp(name, world.name) == 0 ? &world : NULL;
}

void mem_acts_reset(struct mem_message *list, size_t count)
{
	static const unsigned char cells[STATE_COUNT] = {[STATE_QUEUED] = CELL_YES,
							 [STATE_HELD] = CELL_NAMED,
							 [STATE_NODATA] = CELL_REFUSED,
							 [STATE_INCOMING] = CELL_BUSY,
							 [STATE_NEW] = CELL_OFFLINE};

	mem_acts_free();
	mem_acts = (struct mem_acts){.list = list, .count = count};
	buf_init(&mem_acts.log);
	mem_acts.table = (struct backend_actions){.run_begin = run_begin,
						  .run_end = run_end,
						  .batch_begin = batch_begin,
						  .batch_end = batch_end,
						  .take = take,
						  .recheck = recheck,
						  .sync = sync_all,
						  .let_go = let_go,
						  .ask = ask};
	for (int op = 0; op < OP_COUNT; op++) {
		struct op_row *row = &mem_acts.table.ops[op];

		memcpy(row->cells, cells, sizeof cells);
		row->methods = METHOD_LIVE | METHOD_OFFLINE;
		row->reversible = true;
		row->refusal = "it has no body";
		row->prepare = prepare;
		row->commit = commit;
		row->finish = finish;
	}
	world = backend_mem;
	world.name = "mem";
	world.options = no_options;
	world.actions = &mem_acts.table;
	world.open = open_queue;
	world.close = close_queue;
	world.find = find;
}

void mem_acts_make(size_t count)
{
	static struct mem_message list[MEM_ACTS_MANY];
	static char names[MEM_ACTS_MANY][24];

	for (size_t i = 0; i < count; i++) {
		snprintf(names[i], sizeof names[i], "m%zu", i);
		list[i] = (struct mem_message){.name = names[i],
					       .is = {.state = STATE_QUEUED,
						      .arrival = {true, 1000},
						      .size = {true, 5},
						      .sender = SLICE("a@example.com")}};
	}
	mem_acts_reset(list, count);
}

const char *mem_acts_log(void)
{
	buf_addc(&mem_acts.log, '\0');
	mem_acts.log.n--;
	return mem_acts.log.p;
}

void mem_acts_fail(struct act_failure f)
{
	for (size_t i = 0; i < sizeof mem_acts.fails / sizeof mem_acts.fails[0]; i++)
		if (mem_acts.fails[i].code == ERROR_NONE) {
			mem_acts.fails[i] = f;
			return;
		}
	abort();
}

void mem_acts_free(void)
{
	buf_free(&mem_acts.log);
}
