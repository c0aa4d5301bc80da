/*
 * Asking sendmail for an attempt: one queue run for many messages, each by its name.
 *
 * sendmail's filter takes any part of a file's name, so the name is given from its beginning (qf
 * and id), and an id that another one begins with is not asked for. An attempt is known by what it
 * leaves: the control file is gone or another; sendmail's exit status says nothing.
 */
#include "act.h"

#include <mtaq/limits.h>
#include <mtaq/spawn.h>

#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

enum { IDS_A_PROCESS = 500, FIXED_WORDS = 8 };

/* ---- names of all control files ---- */

struct names {
	struct arena arena;
	struct slice *list; /* sorted */
	size_t count, room;
};

static int by_bytes(const void *a, const void *b)
{
	return slice_cmp(*(const struct slice *)a, *(const struct slice *)b);
}

static int add_name(struct names *n, struct slice name)
{
	if (n->count == n->room) {
		size_t room = n->room ? n->room * 2 : 1024;
		struct slice *list = realloc(n->list, room * sizeof *list);

		if (!list)
			return -1;
		n->list = list;
		n->room = room;
	}
	n->list[n->count++] = name;
	return 0;
}

static int read_names(struct action *a, struct names *n, struct error *err)
{
	struct scan *s = sendmail_scan_begin(a->queue, err);
	struct message_entry e;
	int r;

	if (!s)
		return -1;
	/* what cannot be read is told when messages are chosen */
	while ((r = sendmail_scan_next(s, &n->arena, &e, NULL)) != 0)
		if (r > 0 && add_name(n, e.name) < 0)
			abort();
	sendmail_scan_end(s);
	qsort(n->list, n->count, sizeof *n->list, by_bytes);
	return 0;
}

static void free_names(struct names *n)
{
	if (!n)
		return;
	arena_free(&n->arena);
	free(n->list);
	free(n);
}

/* Another control file whose name sendmail's filter would take for `name`; none when there is none.
 */
static struct slice confused_with(const struct names *n, struct slice name)
{
	size_t low = 0, high = n->count;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (slice_cmp(n->list[mid], name) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	for (; low < n->count && slice_starts(n->list[low], name); low++)
		if (n->list[low].n > name.n)
			return n->list[low];
	return SLICE_NONE;
}

/* ---- which sendmail, for which queue ---- */

static bool said_version(const struct spawn_output *out)
{
	return strchr(out->text, '\n') != NULL;
}

static int prove(const char *binary, struct error *err)
{
	const char *const argv[] = {binary, "-d0.1", "-bt", NULL};
	struct spawn_output out;

	if (binary[0] != '/')
		return error_set(err, ERROR_USAGE, "%s: sendmail must be named by its whole path",
				 binary);
	if (spawn_run(argv, said_version, &out, err) < 0)
		return -1;
	if (slice_starts(slice_from(out.text), SLICE("Version 8.")))
		return 0;
	return error_set(err, ERROR_USAGE,
			 "%s is not sendmail 8: name it with -q ...,sendmail=PATH", binary);
}

/* The queue that the configuration means, if nobody says otherwise. */
static bool is_configured(const struct sendmail_queue *q)
{
	struct slice base, pattern, dir = q->cf.option[CF_QUEUE_DIRECTORY].text;
	char path[PATH_MAX];
	struct stat x, y;

	if (!q->cf_path || !dir.p)
		return false;
	layout_split(dir, &base, &pattern);
	if ((pattern.p == NULL) != (q->layout.pattern.p == NULL) ||
	    !slice_eq(pattern, q->layout.pattern) || base.n >= sizeof path)
		return false;
	snprintf(path, sizeof path, "%" SLICE_FMT, SLICE_ARG(base));
	return stat(path, &x) == 0 && stat(q->layout.base.p, &y) == 0 && x.st_dev == y.st_dev &&
	       x.st_ino == y.st_ino;
}

/* Has the configuration that sendmail will read queue groups? Their directories cannot be given
 * on the command line. */
static bool has_groups(const struct sendmail_queue *q)
{
	struct arena arena;
	struct slice text;
	struct cf cf = {0};
	bool groups = false;

	if (q->cf_path)
		return q->cf.group_count > 0;
	arena_init(&arena, 0);
	if (sys_read_config(CF_MTA, LIMIT_CF_BYTES, &arena, &text, NULL) == 0 &&
	    cf_parse(&arena, text, &cf, NULL) == 0)
		groups = cf.group_count > 0;
	arena_free(&arena);
	return groups;
}

static const char *binary_of(const struct action *a)
{
	const struct sendmail_queue *q = queue_of(a);

	if (a->args->sendmail)
		return a->args->sendmail;
	return q->binary ? q->binary : "/usr/sbin/sendmail";
}

int ask_begin(struct action *a, struct error *err)
{
	const struct sendmail_queue *q = queue_of(a);
	struct act *act = act_of(a);

	if (a->op != OP_RETRY && !a->args->try_now)
		return 0;
	act->names = calloc(1, sizeof *act->names);
	if (!act->names)
		return error_set(err, ERROR_NOMEM, "out of memory");
	arena_init(&act->names->arena, 0);
	if (!is_configured(q) && has_groups(q))
		return error_set(err, ERROR_BUSY,
				 "%s is not the queue of %s, and that has queue groups: sendmail "
				 "cannot be asked to run it; move the messages into its queue",
				 a->queue->name, q->cf_path ? q->cf_path : CF_MTA);
	act->binary = binary_of(a);
	if (!a->dry_run && prove(act->binary, err) < 0)
		return -1;
	return read_names(a, act->names, err);
}

void ask_end(struct action *a)
{
	struct act *act = act_of(a);

	if (act->forgotten)
		act_note(a, "%" PRIu64 " host status files removed", act->forgotten);
	free_names(act->names);
	act->names = NULL;
}

/* ---- retry ---- */

int retry_prepare(struct action *a, struct held *h, struct error *err)
{
	struct slice other = confused_with(act_of(a)->names, slice_from(grip_of(h)->name));

	if (!other.p)
		return 1;
	return error_set(err, ERROR_DENIED,
			 "refused: sendmail would try %" SLICE_FMT
			 " too, whose id begins with this one",
			 SLICE_ARG(other));
}

int retry_commit(struct action *a, struct held *h, struct error *err)
{
	(void)err;
	if (!a->args->forget_hosts)
		return 0;
	sendmail_load(a->loader, &h->message, PART_RECIPIENTS);
	act_of(a)->forgotten += hosts_forget(queue_of(a), &h->message);
	return 0;
}

/* ---- one process ---- */

struct asking {
	struct action *a;
	const char *directory; /* -OQueueDirectory=...; NULL: the configured one */
	const char *ids[IDS_A_PROCESS];
	size_t count;
	struct arena arena;
	struct error *err;
	int r;
};

/* Its first line that says something. */
static void note_failure(struct asking *k, const struct spawn_output *out)
{
	struct slice rest = slice_from(out->text), line = rest;

	slice_cut(&rest, '\n', &line);
	k->r = error_set(k->err, ERROR_SYSTEM, "%s: %" SLICE_FMT, act_of(k->a)->binary,
			 SLICE_ARG(line.n ? line : SLICE("failed and says nothing")));
}

static void run_process(struct asking *k)
{
	const struct sendmail_queue *q = queue_of(k->a);
	const char *argv[FIXED_WORDS + IDS_A_PROCESS + 1];
	struct spawn_output out;
	size_t n = 0;

	if (!k->count)
		return;
	argv[n++] = act_of(k->a)->binary;
	if (q->msp)
		argv[n++] = "-Ac";
	if (q->cf_path && strcmp(q->cf_path, q->msp ? CF_MSP : CF_MTA) != 0)
		argv[n++] = arena_printf(&k->arena, "-C%s", q->cf_path).p;
	argv[n++] = "-qf";
	argv[n++] = "-OQueueLA=9999";
	if (k->directory)
		argv[n++] = k->directory;
	for (size_t i = 0; i < k->count; i++)
		argv[n++] = k->ids[i];
	argv[n] = NULL;
	if (spawn_run(argv, NULL, &out, k->err) < 0)
		k->r = -1;
	else if (!spawn_ok(&out))
		note_failure(k, &out);
	k->count = 0;
	arena_reset(&k->arena);
}

static const char *filter_word(struct asking *k, struct slice name)
{
	const char *word = arena_printf(&k->arena, "-qI%" SLICE_FMT, SLICE_ARG(name)).p;

	if (!word)
		abort();
	return word;
}

static void ask_for(struct asking *k, const struct plan_item *item)
{
	struct slice name = item->entry.name;

	if (confused_with(act_of(k->a)->names, name).p) {
		act_note(k->a, "%" SLICE_FMT ": not asked for: another id begins with it",
			 SLICE_ARG(item->id));
		return;
	}
	k->ids[k->count++] = filter_word(k, name);
	if (k->count == IDS_A_PROCESS)
		run_process(k);
}

/* Without a configuration that means them, directory by directory. */
static void ask_in_units(struct asking *k, const struct plan_item *const *items, size_t count)
{
	const struct layout *l = &queue_of(k->a)->layout;
	struct arena arena;

	arena_init(&arena, 0);
	for (size_t u = 0; u < l->count; u++) {
		k->directory =
		    arena_printf(&arena, "-OQueueDirectory=%s", sendmail_unit(l->units[u])->dir.p)
			.p;
		for (size_t i = 0; i < count; i++)
			if (items[i]->entry.unit == l->units[u])
				ask_for(k, items[i]);
		run_process(k);
	}
	arena_free(&arena);
}

/* ---- what came of it ---- */

struct seen {
	ino_t ino;
	off_t size;
	struct timespec mtime;
	bool there;
};

static struct seen look(const struct plan_item *item)
{
	const struct sendmail_unit *u = sendmail_unit(item->entry.unit);
	char name[NAME_LONGEST + 1];
	struct stat st;

	snprintf(name, sizeof name, "%" SLICE_FMT, SLICE_ARG(item->entry.name));
	if (fstatat(u->qf_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return (struct seen){.there = false};
	return (struct seen){st.st_ino, st.st_size, st.st_mtim, true};
}

static bool is_changed(const struct seen *x, const struct seen *y)
{
	return x->there != y->there || x->ino != y->ino || x->size != y->size ||
	       x->mtime.tv_sec != y->mtime.tv_sec || x->mtime.tv_nsec != y->mtime.tv_nsec;
}

int sendmail_ask(struct action *a, const struct plan_item *const *items, size_t count, bool *done,
		 struct error *err)
{
	struct asking *k = calloc(1, sizeof *k);
	struct seen *before = calloc(count + 1, sizeof *before);
	int r;

	if (!k || !before)
		abort();
	*k = (struct asking){.a = a, .err = err};
	arena_init(&k->arena, 0);
	for (size_t i = 0; i < count; i++)
		before[i] = look(items[i]);
	if (is_configured(queue_of(a))) {
		for (size_t i = 0; i < count; i++)
			ask_for(k, items[i]);
		run_process(k);
	} else {
		ask_in_units(k, items, count);
	}
	for (size_t i = 0; i < count; i++) {
		struct seen after = look(items[i]);

		done[i] = before[i].there && is_changed(&before[i], &after);
	}
	r = k->r;
	arena_free(&k->arena);
	free(before);
	free(k);
	return r;
}
