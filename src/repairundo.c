/* Taking repairs back: the reverse steps in reverse order, made from the journal. See repair.h. */
#include "repair.h"

#include "map.h"
#include "repairbatch.h"
#include "undo.h"

#include <mtaq/jsonbytes.h>
#include <mtaq/limits.h>

#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

/* ---- what the journal says of one step ---- */

struct change {
	enum step_kind kind;
	struct step_place at, to;
	struct stat was, made;
	struct slice kept;
	mode_t mode;
	uid_t uid;
	gid_t gid;
};

/* Becomes part of a path: no NUL within, one after. */
static struct slice word(const json_t *j, const char *key, struct arena *a)
{
	struct slice s = json_bytes_get(json_object_get(j, key), a);

	return s.p && slice_chr(s, '\0') == SIZE_MAX ? arena_copy(a, s) : SLICE_NONE;
}

static bool is_component(struct slice s)
{
	return s.p && s.n && slice_chr(s, '/') == SIZE_MAX && !slice_eq(s, SLICE(".")) &&
	       !slice_eq(s, SLICE(".."));
}

static bool read_kind(const json_t *j, enum step_kind *out)
{
	const char *what = json_string_value(json_object_get(j, "what"));

	for (int k = 0; what && k < STEP_KINDS; k++)
		if (strcmp(step_name((enum step_kind)k), what) == 0) {
			*out = (enum step_kind)k;
			return true;
		}
	return false;
}

static bool has_to(enum step_kind k)
{
	return k == STEP_RENAME || k == STEP_LINK || k == STEP_UNLINK || k == STEP_BACK;
}

static bool complete(const struct change *c)
{
	bool made = c->kind == STEP_REPLACE || c->kind == STEP_MAKE || c->kind == STEP_BACK;
	bool kept = c->kind == STEP_REPLACE || (c->kind == STEP_TRASH && !S_ISDIR(c->was.st_mode));

	return c->at.dir.p && is_component(c->at.name) &&
	       (!has_to(c->kind) || (c->to.dir.p && is_component(c->to.name))) &&
	       (!kept || is_component(c->kept)) && (!made || c->made.st_ino) &&
	       (c->kind == STEP_MAKE || c->kind == STEP_BACK || c->was.st_ino);
}

static bool read_change(const json_t *j, struct arena *a, struct change *out)
{
	*out = (struct change){.at = {word(j, "dir", a), word(j, "name", a)},
			       .to = {word(j, "to_dir", a), word(j, "to_name", a)},
			       .kept = word(j, "kept", a)};
	if (!read_kind(j, &out->kind))
		return false;
	step_stat_read(json_object_get(j, "was"), &out->was);
	step_stat_read(json_object_get(j, "made"), &out->made);
	out->mode = (mode_t)json_integer_value(json_object_get(j, "mode"));
	out->uid = (uid_t)json_integer_value(json_object_get(j, "uid"));
	out->gid = (gid_t)json_integer_value(json_object_get(j, "gid"));
	return complete(out);
}

/* ---- what is there now ---- */

static bool look(struct repair_queue *q, const struct step_place *p, struct stat *st)
{
	struct error err = ERROR_INIT;
	int fd = q->queue->backend->checks->open_place(q->queue, p->dir.p, &err);
	bool there = fd >= 0 && fstatat(fd, p->name.p, st, AT_SYMLINK_NOFOLLOW) == 0;

	sys_close(fd);
	return there;
}

static bool is_there(struct repair_queue *q, const struct step_place *p, const struct stat *as)
{
	struct stat st;

	return look(q, p, &st) && (!as || step_same(&st, as));
}

static bool same_rights(const struct stat *st, mode_t mode, uid_t uid, gid_t gid)
{
	return (st->st_mode & 07777) == (mode & 07777) && st->st_uid == uid && st->st_gid == gid;
}

/* ---- the reverse of each ---- */

static int old_text(const char *trash, struct slice kept, struct arena *a, struct slice *out,
		    struct error *err)
{
	int r, file, folder = sys_open_dir(trash, err);

	if (folder < 0)
		return -1;
	file = sys_open_file(folder, kept.p, SYS_READ, kept.p, NULL, err);
	r = file < 0 ? -1 : sys_read_all(file, 0, LIMIT_CONTROL_BYTES, a, kept.p, out, err);
	sys_close(file);
	sys_close(folder);
	return r;
}

static int reverse_trash(struct repair_queue *q, struct repair_slot *s, const struct change *c,
			 const char *trash, struct error *err)
{
	struct repair_step step = {
	    .kind = STEP_BACK, .at = c->at, .to = {slice_from(trash), c->kept}};

	if (is_there(q, &c->at, &c->was))
		return 0;
	if (S_ISDIR(c->was.st_mode))
		step = (struct repair_step){.kind = STEP_MAKE,
					    .at = c->at,
					    .mode = c->was.st_mode,
					    .uid = c->was.st_uid,
					    .gid = c->was.st_gid};
	return mend_add(&s->mend, &step, err);
}

/* Both on one filesystem: the file itself comes back, not its text. */
static bool is_near(struct repair_queue *q, const struct step_place *at, const char *trash)
{
	int dir = q->queue->backend->checks->open_place(q->queue, at->dir.p, NULL);
	int folder = sys_open_dir(trash, NULL);
	struct stat a, b;
	bool near = dir >= 0 && folder >= 0 && fstat(dir, &a) == 0 && fstat(folder, &b) == 0 &&
		    a.st_dev == b.st_dev &&
		    (q->places.trash_fd < 0 ||
		     (fstat(q->places.trash_fd, &b) == 0 && a.st_dev == b.st_dev));

	sys_close(dir);
	sys_close(folder);
	return near;
}

static int reverse_replace(struct repair_queue *q, struct repair_slot *s, const struct change *c,
			   const char *trash, struct error *err)
{
	struct repair_step step = {.kind = STEP_REPLACE, .at = c->at, .was = c->made};

	if (is_there(q, &c->at, &c->was))
		return 0;
	if (is_near(q, &c->at, trash)) {
		step.kind = STEP_BACK;
		step.to = (struct step_place){slice_from(trash), c->kept};
		return mend_add(&s->mend, &step, err);
	}
	if (old_text(trash, c->kept, &s->mend.arena, &step.text, err) < 0)
		return -1;
	return mend_add(&s->mend, &step, err);
}

static int reverse_attributes(struct repair_queue *q, struct repair_slot *s, const struct change *c,
			      struct error *err)
{
	struct repair_step step = {.kind = STEP_ATTRIBUTES,
				   .at = c->at,
				   .mode = c->was.st_mode,
				   .uid = c->was.st_uid,
				   .gid = c->was.st_gid};
	struct stat st;

	if (look(q, &c->at, &st) && same_rights(&st, c->was.st_mode, c->was.st_uid, c->was.st_gid))
		return 0;
	if (look(q, &c->at, &st) && !same_rights(&st, c->mode, c->uid, c->gid))
		return error_set(err, ERROR_STALE, "owner or mode was changed since");
	/* the rights it has now, for whoever takes this back */
	step.was = c->was;
	step.was.st_mode = (c->was.st_mode & S_IFMT) | (c->mode & 07777);
	step.was.st_uid = c->uid;
	step.was.st_gid = c->gid;
	return mend_add(&s->mend, &step, err);
}

static int reverse_rename(struct repair_queue *q, struct repair_slot *s, const struct change *c,
			  struct error *err)
{
	const struct repair_step step = {
	    .kind = STEP_RENAME, .at = c->to, .to = c->at, .was = c->was};

	if (is_there(q, &c->at, &c->was) && !is_there(q, &c->to, &c->was))
		return 0;
	return mend_add(&s->mend, &step, err);
}

/* What was put there goes to the trash. */
static int reverse_new(struct repair_queue *q, struct repair_slot *s, const struct step_place *at,
		       const struct stat *is, struct error *err)
{
	const struct repair_step step = {.kind = STEP_TRASH, .at = *at, .was = *is};

	return is_there(q, at, NULL) ? mend_add(&s->mend, &step, err) : 0;
}

static bool is_put_there(const struct repair_slot *s, const struct step_place *place)
{
	for (size_t i = 0; i < s->mend.count; i++) {
		const struct repair_step *step = &s->mend.steps[i];
		bool at = step->kind == STEP_BACK || step->kind == STEP_MAKE;
		const struct step_place *p = at ? &step->at : &step->to;

		if ((at || step->kind == STEP_RENAME || step->kind == STEP_LINK) &&
		    slice_eq(p->dir, place->dir) && slice_eq(p->name, place->name))
			return true;
	}
	return false;
}

/* The second name goes, whether it is there or comes back by a step before this one. */
static int reverse_link(struct repair_queue *q, struct repair_slot *s, const struct change *c,
			struct error *err)
{
	const struct repair_step step = {
	    .kind = STEP_UNLINK, .at = c->to, .to = c->at, .was = c->was};

	if (!is_there(q, &c->to, NULL) && !is_put_there(s, &c->to))
		return 0;
	return mend_add(&s->mend, &step, err);
}

static int reverse_unlink(struct repair_queue *q, struct repair_slot *s, const struct change *c,
			  struct error *err)
{
	const struct repair_step step = {
	    .kind = STEP_LINK, .at = c->to, .to = c->at, .was = c->was};

	return is_there(q, &c->at, &c->was) ? 0 : mend_add(&s->mend, &step, err);
}

static int reverse(struct repair_queue *q, struct repair_slot *s, const struct change *c,
		   const char *trash, struct error *err)
{
	switch (c->kind) {
	case STEP_RENAME:
		return reverse_rename(q, s, c, err);
	case STEP_LINK:
		return reverse_link(q, s, c, err);
	case STEP_UNLINK:
		return reverse_unlink(q, s, c, err);
	case STEP_TRASH:
		return reverse_trash(q, s, c, trash, err);
	case STEP_BACK:
		return c->was.st_ino ? reverse_replace(q, s, c, trash, err)
				     : reverse_new(q, s, &c->at, &c->made, err);
	case STEP_REPLACE:
		return reverse_replace(q, s, c, trash, err);
	case STEP_ATTRIBUTES:
		return reverse_attributes(q, s, c, err);
	default:
		return reverse_new(q, s, &c->at, &c->made, err);
	}
}

static int reverse_all(struct repair_queue *q, struct repair_slot *s, const json_t *line,
		       struct error *err)
{
	struct arena *a = &s->mend.arena;
	const json_t *changes = json_object_get(line, "changes");
	struct slice trash = word(line, "trash", a);

	for (size_t i = json_array_size(changes); i-- > 0;) {
		struct change c;

		if (!read_change(json_array_get(changes, i), a, &c) || !trash.p)
			return error_set(err, ERROR_CORRUPT,
					 "the journal does not say what was changed");
		if (reverse(q, s, &c, trash.p, err) < 0)
			return -1;
	}
	return 0;
}

/* ---- locks ---- */

/* Two steps may be about one file. */
static bool is_locked(const struct repair_slot *s, const struct stat *st)
{
	struct stat locked;

	for (size_t i = 0; i < s->lock_count; i++)
		if (fstat(s->locks[i], &locked) == 0 && locked.st_ino == st->st_ino &&
		    locked.st_dev == st->st_dev)
			return true;
	return false;
}

static int lock_step(struct repair_queue *q, struct repair_slot *s, const struct repair_step *step,
		     struct error *err)
{
	const struct backend_checks *checks = q->queue->backend->checks;
	struct stat st;
	int fd, dir, r;

	if (step->kind == STEP_MAKE || !look(q, &step->at, &st) || !S_ISREG(st.st_mode) ||
	    is_locked(s, &st))
		return 0;
	if (s->lock_count == REPAIR_LOCKS)
		return error_set(err, ERROR_UNSUPPORTED, "too many files at once");
	dir = checks->open_place(q->queue, step->at.dir.p, err);
	if (dir < 0)
		return -1;
	fd = sys_open_file(dir, step->at.name.p, SYS_READ_WRITE, step->at.name.p, NULL, err);
	r = fd < 0 ? -1 : checks->lock(&q->repair, step->at.name.p, fd, err);
	if (fd >= 0)
		s->locks[s->lock_count++] = fd;
	if (r == 0 && !sys_still_named(dir, step->at.name.p, fd))
		r = error_set(err, ERROR_BUSY, "%s was replaced while it was locked",
			      step->at.name.p);
	sys_close(dir);
	return r;
}

static int plan(struct repair_queue *q, struct repair_slot *s, struct error *err)
{
	json_t *line;
	int r;

	if (s->mend.finding->why_not.p)
		return error_set(err, ERROR_UNSUPPORTED, "%s", s->mend.finding->why_not.p);
	line = journal_line(s->intent, err);
	r = line ? reverse_all(q, s, line, err) : -1;
	json_decref(line);
	for (size_t i = 0; r == 0 && i < s->mend.count; i++)
		if (q->queue->backend->checks->lock && !q->repair.dry_run)
			r = lock_step(q, s, &s->mend.steps[i], err);
	return r < 0 ? -1 : 1;
}

/* ---- records ---- */

bool repair_is_journal(const struct journal_file *f)
{
	return f->count && f->records[0].op == OP_REPAIR;
}

static const struct check_code *code_named(const struct queue *q, const char *name)
{
	const struct backend_checks *checks = q->backend->checks;

	for (size_t i = 0; name && checks && i < checks->count; i++)
		if (strcmp(checks->codes[i].code, name) == 0)
			return &checks->codes[i];
	return NULL;
}

static const struct finding *finding_of(struct run *run, const struct queue_list *queues,
					const json_t *line, const struct queue **queue)
{
	struct finding *f = arena_zalloc(&run->arena, sizeof *f);
	struct slice name = json_bytes_get(json_object_get(line, "queue"), &run->arena);

	*queue = queues_named(queues, name);
	if (!f || !*queue)
		return NULL;
	f->code = code_named(*queue, json_string_value(json_object_get(line, "code")));
	f->path = word(line, "path", &run->arena);
	f->id = word(line, "id", &run->arena);
	if (!f->id.n)
		f->id = SLICE_NONE;
	return f->code && f->path.p ? f : NULL;
}

static void cannot(struct repairer *r, uint64_t n)
{
	r->counts.matched++;
	r->counts.failed++;
	run_fail(r->run, STATUS_SOME,
		 "repair %" PRIu64
		 ": cannot be taken back: its queue is none of those that are open, "
		 "or the journal does not say what it was",
		 n);
}

struct undo_items {
	struct repair_item *list;
	const struct queue **queues;
	size_t count;
};

/* The names that this run itself gave or took away: what it finished of those is its own. */
static void note_begun(struct map *begun, const json_t *line)
{
	const json_t *changes = json_object_get(line, "changes"), *name;

	for (size_t i = 0; i < json_array_size(changes); i++)
		for (int to = 0; to < 2; to++) {
			name = json_object_get(json_array_get(changes, i), to ? "to_name" : "name");
			if (json_is_string(name))
				map_at(begun, slice_from(json_string_value(name)));
		}
}

/* What was begun by another run would be left half-way. */
static void forbid_half(struct undo_items *all, const struct map *begun, struct arena *a)
{
	for (size_t i = 0; i < all->count; i++) {
		const char *slash = strrchr(all->list[i].finding->path.p, '/');
		struct slice name = slice_from(slash ? slash + 1 : all->list[i].finding->path.p);
		struct finding *f;

		if (!(all->list[i].finding->code->methods & CHECK_FINISHES) ||
		    map_find(begun, name))
			continue;
		f = arena_alloc(a, sizeof *f);
		*f = *all->list[i].finding;
		f->why_not = SLICE("it was only finished: undo the run that began it");
		all->list[i].finding = f;
	}
}

static void collect(struct repairer *r, const struct journal_file *f,
		    const struct queue_list *queues, struct undo_items *out)
{
	struct map *begun;

	out->list = calloc(f->count + 1, sizeof *out->list);
	out->queues = calloc(f->count + 1, sizeof *out->queues);
	begun = map_new(1);
	if (!out->list || !out->queues)
		abort();
	for (size_t i = f->count; i-- > 0;) {
		const struct journal_record *rec = &f->records[i];
		json_t *line = journal_line(rec->intent, NULL);
		const struct finding *found;

		if (rec->result == RESULT_FAILED) {
			json_decref(line);
			continue;
		}
		found = finding_of(r->run, queues, line, &out->queues[out->count]);
		if (found && !(found->code->methods & CHECK_FINISHES))
			note_begun(begun, line);
		json_decref(line);
		if (found)
			out->list[out->count++] = (struct repair_item){found, rec->intent};
		else
			cannot(r, i + 1);
	}
	forbid_half(out, begun, &r->run->arena);
	map_free(begun);
}

static void undo_items(struct repairer *r, const struct queue_list *queues,
		       const struct undo_items *all)
{
	struct repair_item *items = calloc(all->count + 1, sizeof *items);

	if (!items)
		abort();
	for (size_t k = 0; k < queues->count; k++) {
		size_t n = 0;

		for (size_t i = 0; i < all->count; i++)
			if (all->queues[i] == queues->list[k])
				items[n++] = all->list[i];
		r->counts.matched += n;
		repair_items(r, queues->list[k], items, n);
	}
	free(items);
}

static bool within_max(struct repairer *r, uint64_t n)
{
	const struct max max = {.given = r->request->max, .who = "undo", .what = "repairs"};

	return action_within_max(r->run, &max, n, n);
}

static void undo_all(struct repairer *r, const struct journal_file *f, struct queue_list *queues)
{
	bool *concerned = calloc(queues->count + 1, sizeof *concerned);
	struct undo_items all = {0};

	if (!concerned)
		abort();
	collect(r, f, queues, &all);
	for (size_t k = 0; k < queues->count; k++)
		for (size_t i = 0; i < all.count; i++)
			concerned[k] |= all.queues[i] == queues->list[k];
	if (within_max(r, all.count) && repair_begin(r, queues, concerned)) {
		undo_items(r, queues, &all);
		repair_end(r);
		repair_summary(r, 0);
	} else {
		repair_end(r);
	}
	free(concerned);
	free(all.list);
	free(all.queues);
}

void repair_undo(struct run *run, const struct journal_file *f,
		 const struct action_request *request)
{
	struct repairer r = {.run = run, .request = request, .plan = plan};
	struct queue_list queues;
	sigset_t saved;

	action_hold_signals(&saved);
	undo_use_queues(run, f);
	if (queues_open(run, &queues) > 0)
		undo_all(&r, f, &queues);
	queues_close(&queues);
	action_let_signals(&saved);
}
