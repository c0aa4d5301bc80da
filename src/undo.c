/* Planning an undo: see undo.h. Which operation takes which back is told in mtaq/action.h. */
#include "undo.h"

#include "journal.h"

#include <mtaq/jsonbytes.h>
#include <mtaq/saved.h>

#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

enum { ID_PLACES = 16 };

/* What the journal tells of one message. */
struct intent {
	struct slice id, queue, dir, trash, target, target_id;
	int64_t data_mtime_ns; /* 0: not told */
};

struct wanted {
	struct message_entry entry;
	struct slice line; /* of the journal */
	int64_t data_mtime_ns;
	const char *folder; /* restore, and undo of a delete: where its copy lies */
	struct slice id;
};

/* Messages of one queue that are taken back in the same way. */
struct undo_group {
	const struct queue *queue;
	struct action_args args; /* target: of a move */
	enum op op;
	struct wanted *list;
	size_t count, room;
};

/* ---- the journal's words ---- */

static struct slice bytes_of(struct run *run, const json_t *line, const char *key)
{
	struct slice s = json_bytes_get(json_object_get(line, key), &run->arena);

	/* the JSON goes, the bytes stay, and may be used as a path */
	return s.p && slice_chr(s, '\0') == SIZE_MAX ? arena_copy(&run->arena, s) : SLICE_NONE;
}

static bool read_intent(struct undo *u, struct slice text, struct intent *out)
{
	struct error err = ERROR_INIT;
	json_t *line = journal_line(text, &err);

	*out = (struct intent){
	    .id = bytes_of(u->run, line, "id"),
	    .queue = bytes_of(u->run, line, "queue"),
	    .dir = bytes_of(u->run, line, "dir"),
	    .trash = bytes_of(u->run, line, "trash"),
	    .target = bytes_of(u->run, line, "target"),
	    .target_id = bytes_of(u->run, line, "target_id"),
	    .data_mtime_ns = json_integer_value(
		json_object_get(json_object_get(line, "identity"), "data_mtime_ns")),
	};
	json_decref(line);
	return out->id.p && out->queue.p && out->dir.p;
}

/* ---- what cannot be taken back ---- */

static void cannot(struct undo *u, struct slice id, uint64_t *count, const char *why)
{
	u->counts.matched++;
	++*count;
	run_fail(u->run, STATUS_SOME, "%" SLICE_FMT ": cannot be taken back: %s", SLICE_ARG(id),
		 why);
}

static void gone(struct undo *u, struct slice id)
{
	cannot(u, id, &u->counts.gone,
	       "it is no longer in its queue: delivered, returned or removed since");
}

static void already(struct undo *u)
{
	u->counts.matched++;
	u->counts.already++;
}

/* ---- groups ---- */

static bool same_text(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

static struct undo_group *group_for(struct undo *u, const struct queue *q, enum op op,
				    const char *target)
{
	for (size_t i = 0; i < u->count; i++)
		if (u->groups[i].queue == q && u->groups[i].op == op &&
		    same_text(u->groups[i].args.target, target))
			return &u->groups[i];
	if (u->count == u->room) {
		u->room = u->room ? u->room * 2 : 4;
		u->groups = realloc(u->groups, u->room * sizeof *u->groups);
		if (!u->groups)
			abort();
	}
	u->groups[u->count] =
	    (struct undo_group){.queue = q, .op = op, .args = {.target = target, .keep_age = true}};
	return &u->groups[u->count++];
}

static void want(struct undo_group *g, struct wanted w)
{
	if (g->count == g->room) {
		g->room = g->room ? g->room * 2 : 64;
		g->list = realloc(g->list, g->room * sizeof *g->list);
		if (!g->list)
			abort();
	}
	g->list[g->count++] = w;
}

static bool possible(struct undo *u, const struct queue *q, enum op op, struct slice id)
{
	const struct backend_actions *a = q->backend->actions;

	if (a && a->ops[op].methods)
		return true;
	cannot(u, id, &u->counts.not_applicable, "this MTA has no way to do it");
	return false;
}

/* ---- finding ---- */

static bool is_where_it_was(const struct message_entry *e, const struct intent *it)
{
	return slice_eq(slice_from(e->unit->path), it->dir);
}

/* The message in its queue; of several with its id the one in `dir`. 1, 0 or -1 (told). */
static int find(struct undo *u, const struct queue *q, const struct intent *it,
		struct message_entry *out)
{
	struct message_entry found[ID_PLACES];
	struct error err = ERROR_INIT;
	int matches = 0, n = select_find(q, it->id, &u->run->arena, found, ID_PLACES, &err);

	if (n < 0) {
		cannot(u, it->id, &u->counts.failed, err.text);
		return -1;
	}
	for (int i = 0; i < n && i < ID_PLACES; i++)
		if (n == 1 || is_where_it_was(&found[i], it)) {
			*out = found[i];
			matches++;
		}
	if (matches > 1 || (n && !matches)) {
		cannot(u, it->id, &u->counts.failed, "its id lies in several directories");
		return -1;
	}
	return matches;
}

/* Is `dir` the directory `target` (a real path), or below it? */
static bool lies_in(const char *dir, struct slice target)
{
	char real[PATH_MAX];
	struct slice s;

	if (!realpath(dir, real))
		return false;
	s = slice_from(real);
	return slice_starts(s, target) && (s.n == target.n || s.p[target.n] == '/');
}

static bool holds(const struct queue *q, struct slice target)
{
	struct unit_list units = q->backend->units(q);

	for (size_t i = 0; i < units.count; i++)
		if (lies_in(units.list[i]->path, target))
			return true;
	return false;
}

/* The queue that a message was moved to. NULL: told. */
static const struct queue *queue_of_target(struct undo *u, const struct queue *from,
					   const struct intent *it)
{
	struct slice spec;

	for (size_t i = 0; i < u->queues.count; i++)
		if (u->queues.list[i]->backend == from->backend &&
		    holds(u->queues.list[i], it->target))
			return u->queues.list[i];
	spec = arena_printf(&u->run->arena, "%s:%" SLICE_FMT, from->backend->name,
			    SLICE_ARG(it->target));
	return queues_add(u->run, &u->queues, spec.p, "the journal");
}

/* ---- one record ---- */

struct in_trash {
	bool saved;
	bool restoring; /* a restore was cut off: it is to be finished */
};

static struct in_trash look_into_trash(const struct intent *it)
{
	int folder = it->trash.p ? sys_open_dir(it->trash.p, NULL) : -1;
	json_t *note = folder < 0 ? NULL : saved_read_note(folder, it->id, NULL);
	struct in_trash t = {note != NULL, json_object_get(note, "restoring") != NULL};

	json_decref(note);
	sys_close(folder);
	return t;
}

/* By `op` on the message where it lies now. */
static void plan_found(struct undo *u, const struct queue *q, enum op op, const char *target,
		       const struct intent *it, const struct message_entry *e, struct slice line)
{
	if (possible(u, q, op, it->id))
		want(group_for(u, q, op, target),
		     (struct wanted){.entry = *e,
				     .line = line,
				     .data_mtime_ns = it->data_mtime_ns,
				     .folder = op == OP_UNDO ? it->trash.p : NULL,
				     .id = it->id});
}

/* Not one that its MTA knows: what is there is what a delete or a restore that was cut off has
 * left. */
static bool is_remainder(struct undo *u, const struct queue *q, const struct message_entry *e)
{
	return select_state(q, e, u->run->now) == STATE_INCOMING;
}

/* One of its id in another directory is another message. */
static void plan_delete(struct undo *u, const struct queue *q, const struct intent *it,
			struct slice line)
{
	struct message_entry e;
	int n = find(u, q, it, &e);
	struct in_trash t = look_into_trash(it);
	struct intent here = *it;

	if (n == 1 && t.saved &&
	    (t.restoring || !is_where_it_was(&e, it) || is_remainder(u, q, &e)))
		n = 0;
	if (n == 1 && (t.saved || select_state(q, &e, u->run->now) == STATE_ENDING)) {
		/* not gone yet (qmail-send takes it at its next attempt), or cut off */
		if (!t.saved)
			here.trash = SLICE_NONE;
		plan_found(u, q, OP_UNDO, NULL, &here, &e, line);
	} else if (n == 1) {
		already(u);
	} else if (n == 0 && !it->trash.p) {
		cannot(u, it->id, &u->counts.gone, "it did not go into the trash");
	} else if (n == 0 && !t.saved) {
		cannot(u, it->id, &u->counts.gone, "it is no longer in the trash");
	} else if (n == 0 && possible(u, q, OP_RESTORE, it->id)) {
		want(group_for(u, q, OP_RESTORE, NULL),
		     (struct wanted){.folder = it->trash.p, .id = it->id});
	}
}

static void plan_move(struct undo *u, const struct queue *from, const struct intent *it,
		      struct slice line)
{
	const struct queue *q = it->target.p ? queue_of_target(u, from, it) : NULL;
	struct message_entry e;
	struct intent there;
	int n;

	if (!q) {
		cannot(u, it->id, &u->counts.failed, "where it was moved to is no queue now");
		return;
	}
	there = (struct intent){.id = it->target_id.p ? it->target_id : it->id, .dir = it->target};
	n = find(u, q, &there, &e);
	if (n == 1 && is_remainder(u, q, &e))
		n = 0;
	if (n == 1) {
		plan_found(u, q, OP_MOVE, it->dir.p, it, &e, line);
	} else if (n == 0 && find(u, from, it, &e) == 1) {
		already(u); /* it never went, or is back */
	} else if (n == 0) {
		gone(u, it->id);
	}
}

static void plan_change(struct undo *u, const struct queue *q, enum op op, enum op by,
			const struct intent *it, struct slice line)
{
	struct message_entry e;
	int n;

	if (!q->backend->actions || !q->backend->actions->ops[op].reversible) {
		cannot(u, it->id, &u->counts.not_applicable, "this MTA has no way back from that");
		return;
	}
	if (by == OP_UNDO && undone_has(&u->undone, u->file->run, it->queue, it->id)) {
		already(u);
		return;
	}
	n = find(u, q, it, &e);
	if (n == 0)
		gone(u, it->id);
	if (n == 1)
		plan_found(u, q, by, NULL, it, &e, line);
}

/* Where the run took it; opened by its name if it is not open yet. */
static const struct queue *queue_of(struct undo *u, const struct intent *it)
{
	const struct queue *q = queues_named(&u->queues, it->queue);

	return q ? q : queues_add(u->run, &u->queues, it->queue.p, "the journal");
}

static void plan_record(struct undo *u, const struct journal_record *r)
{
	const struct queue *q;
	struct intent it;

	if (!read_intent(u, r->intent, &it)) {
		cannot(u, it.id, &u->counts.failed, "the journal does not say what it was");
		return;
	}
	q = queue_of(u, &it);
	if (!q)
		cannot(u, it.id, &u->counts.failed, "its queue cannot be opened: name it with -q");
	else if (r->op == OP_DELETE)
		plan_delete(u, q, &it, r->intent);
	else if (r->op == OP_MOVE)
		plan_move(u, q, &it, r->intent);
	else if (r->op == OP_RESTORE || (r->op == OP_UNDO && it.trash.p))
		/* it has no copy any more: it is deleted anew, not only marked again */
		plan_change(u, q, r->op, OP_DELETE, &it, r->intent);
	else if (r->op != OP_SAVE)
		plan_change(u, q, r->op, OP_UNDO, &it, r->intent);
}

/* ---- plans ---- */

static bool same_entry(const struct message_entry *a, const struct message_entry *b)
{
	return a->unit == b->unit && slice_eq(a->name, b->name);
}

/* Items come in the order of the entries, without those that vanished: give each its line of the
 * journal, and leave out what is another message now. */
static void attach(struct undo *u, const struct undo_group *g, struct plan *p)
{
	size_t kept = 0, k = 0;
	uint64_t missing = g->count - (size_t)p->matched; /* nothing is selected among them */

	for (size_t i = 0; i < p->count; i++) {
		struct plan_item *item = &p->items[i];

		while (k < g->count && !same_entry(&g->list[k].entry, &item->entry))
			k++;
		if (k == g->count)
			break;
		item->intent = g->list[k].line;
		item->folder = g->list[k].folder;
		if (g->list[k].data_mtime_ns &&
		    g->list[k].data_mtime_ns != item->identity.data_mtime_ns)
			cannot(u, item->id, &u->counts.changed, "another message has its id now");
		else
			p->items[kept++] = *item;
		k++;
	}
	p->matched -= p->count - kept;
	p->count = kept;
	u->counts.matched += missing;
	u->counts.gone += missing;
}

static bool plan_entries(struct undo *u, const struct undo_group *g, struct plan *p)
{
	struct message_entry *entries = calloc(g->count, sizeof *entries);
	struct queue *queue = (struct queue *)(uintptr_t)g->queue;
	struct selection_queue sq = {.queue = queue, .entries = entries, .entry_count = g->count};
	struct selection s = {.run = u->run,
			      .queues = {.list = &queue, .count = 1},
			      .ids_given = true,
			      .per_queue = &sq};
	bool more;

	if (!entries)
		abort();
	for (size_t i = 0; i < g->count; i++)
		entries[i] = g->list[i].entry;
	more = plan_make(&s, 0, g->op, p);
	free(entries);
	if (more)
		attach(u, g, p);
	return more;
}

static bool plan_group(struct undo *u, const struct undo_group *g, struct plan *p)
{
	bool more = true;

	if (g->count == 0) {
		plan_init(p, g->queue, g->op, NULL);
	} else if (g->op != OP_RESTORE) {
		more = plan_entries(u, g, p);
	} else {
		plan_init(p, g->queue, g->op, NULL);
		for (size_t i = 0; i < g->count; i++)
			plan_add(p, (struct plan_item){.id = g->list[i].id,
						       .named = true,
						       .folder = g->list[i].folder});
		p->matched = p->count;
	}
	p->args = &g->args;
	p->scanned = g->count; /* a percentage is one of what the run did */
	return more;
}

/* ---- the whole ---- */

bool undo_use_queues(struct run *run, const struct journal_file *file)
{
	const json_t *header = file->header, *list = json_object_get(header, "queues");
	struct globals *g = &run->globals;
	struct slice s;

	if (g->queues.count)
		return false;
	for (size_t i = 0; i < json_array_size(list); i++) {
		s = json_bytes_get(json_array_get(list, i), &run->arena);
		if (s.p)
			text_list_add(&g->queues, arena_str(&run->arena, s));
	}
	s = bytes_of(run, header, "environment_queues");
	if (s.p)
		run->environment_queues = s.p;
	s = bytes_of(run, header, "config");
	if (!g->config && s.p)
		g->config = s.p;
	return json_array_size(list) > 0;
}

/* Each queue has a plan, be it empty: the pipeline mends what an undo that was cut off has left. */
static void mend_all(struct undo *u)
{
	for (size_t i = 0; i < u->queues.count; i++) {
		const struct queue *q = u->queues.list[i];
		bool planned = false;

		for (size_t k = 0; k < u->count; k++)
			planned |= u->groups[k].queue == q;
		if (!planned && q->backend->actions)
			group_for(u, q, OP_UNDO, NULL);
	}
}

static bool maybe_done(enum journal_result r)
{
	return r != RESULT_FAILED;
}

bool undo_plan(struct undo *u, struct run *run, const struct journal_file *file)
{
	bool more = true;

	*u = (struct undo){.run = run, .file = file};
	u->its_queues = undo_use_queues(run, file);
	if (queues_open(run, &u->queues) == 0)
		return false;
	undone_read(&u->undone, run->globals.journal ? run->globals.journal : JOURNAL_DIR,
		    file->run);
	for (size_t i = 0; i < file->count; i++)
		if (maybe_done(file->records[i].result))
			plan_record(u, &file->records[i]);
	mend_all(u);
	u->plans = calloc(u->count + 1, sizeof *u->plans);
	if (!u->plans)
		abort();
	for (size_t i = 0; more && i < u->count; i++)
		more = plan_group(u, &u->groups[i], &u->plans[i]);
	return more;
}

void undo_free(struct undo *u)
{
	for (size_t i = 0; i < u->count; i++) {
		if (u->plans)
			plan_free(&u->plans[i]);
		free(u->groups[i].list);
	}
	free(u->plans);
	free(u->groups);
	undone_free(&u->undone);
	queues_close(&u->queues);
}
