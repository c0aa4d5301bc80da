/* Planning a restore: see restore.h. */
#include "restore.h"

#include <mtaq/jsonbytes.h>
#include <mtaq/saved.h>

#include <stdlib.h>

bool restore_begin(struct restorer *r, struct run *run, bool keep_age)
{
	*r = (struct restorer){.run = run, .args = {.keep_age = keep_age}};
	if (queues_open(run, &r->queues) == 0)
		return false;
	r->plans = calloc(r->queues.count, sizeof *r->plans);
	if (!r->plans)
		abort();
	for (size_t i = 0; i < r->queues.count; i++)
		plan_init(&r->plans[i], r->queues.list[i], OP_RESTORE, &r->args);
	return true;
}

static bool fail(struct restorer *r, struct slice id, const char *why)
{
	run_fail(r->run, STATUS_SOME, "%" SLICE_FMT ": %s", SLICE_ARG(id), why);
	return false;
}

/* The plan of the queue where the message belongs. */
static struct plan *plan_of(struct restorer *r, const json_t *note)
{
	struct slice name = json_bytes_get(json_object_get(note, "queue"), &r->run->arena);
	const char *mta = json_string_value(json_object_get(note, "mta"));
	bool only = r->run->globals.queues.count == 1 && r->queues.count == 1;

	for (size_t i = 0; i < r->queues.count; i++)
		if ((only || slice_eq(slice_from(r->queues.list[i]->name), name)) &&
		    strcmp(r->queues.list[i]->backend->name, mta) == 0)
			return &r->plans[i];
	return NULL;
}

static bool add(struct restorer *r, const char *folder, struct slice id, const json_t *note)
{
	struct plan *p = plan_of(r, note);

	if (!p)
		return fail(r, id, "its queue is none of those that are open: name one with -q");
	if (!p->queue->backend->actions || !p->queue->backend->actions->ops[OP_RESTORE].methods)
		return fail(r, id, "this MTA has no way to bring it back");
	plan_add(p, (struct plan_item){.id = id, .named = true, .folder = folder});
	p->matched = p->scanned = p->count;
	return true;
}

bool restore_add(struct restorer *r, const char *folder, struct slice id)
{
	struct error err = ERROR_INIT;
	int fd = sys_open_dir(folder, &err);
	json_t *note = fd < 0 ? NULL : saved_read_note(fd, id, &err);
	bool ok = note ? add(r, folder, id, note)
		       : fail(r, id, err.code == ERROR_GONE ? "no such saved message" : err.text);

	json_decref(note);
	sys_close(fd);
	return ok;
}

/* By id; of several copies the newest run's first. */
static int compare_items(const void *a, const void *b)
{
	const struct plan_item *x = a, *y = b;
	int r = slice_cmp(x->id, y->id);

	return r ? r : strcmp(y->folder, x->folder);
}

/* However often it was named: two copies under one id are one message, which may come back once. */
static void each_once(struct restorer *r, struct plan *p)
{
	size_t kept = 0;

	if (p->count)
		qsort(p->items, p->count, sizeof *p->items, compare_items);
	for (size_t i = 0; i < p->count; i++) {
		const struct plan_item *last = kept ? &p->items[kept - 1] : NULL;

		if (!last || !slice_eq(last->id, p->items[i].id))
			p->items[kept++] = p->items[i];
		else if (strcmp(last->folder, p->items[i].folder) != 0)
			fail(r, p->items[i].id,
			     "there are several copies of it, and one message comes back once");
	}
	p->count = kept;
	p->matched = p->scanned = kept;
}

void restore_run(struct restorer *r, struct action_request *request, struct action_counts *counts)
{
	for (size_t i = 0; i < r->queues.count; i++)
		each_once(r, &r->plans[i]);
	request->op = OP_RESTORE;
	request->args = r->args;
	action_run_plans(r->run, r->plans, r->queues.count, request, counts);
}

void restore_free(struct restorer *r)
{
	for (size_t i = 0; r->plans && i < r->queues.count; i++)
		plan_free(&r->plans[i]);
	free(r->plans);
	queues_close(&r->queues);
}
