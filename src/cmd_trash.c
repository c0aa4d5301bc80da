/* mtaq trash: what delete took away: list it, bring it back, remove it for good. */
#include "acting.h"
#include "cmd.h"
#include "restore.h"
#include "runid.h"
#include "trash_read.h"

#include <mtaq/jsonbytes.h>
#include <mtaq/saved.h>
#include <mtaq/timefmt.h>

#include <inttypes.h>

struct trash_options {
	struct acting_options common;
	struct option_number older;
	bool keep_age;
};

static const struct option_row options[] = {
    {'o', "older", "AGE", OPTION_DURATION, offsetof(struct trash_options, older),
     "empty: what was deleted longer than AGE ago (required)"},
    {0, "keep-age", NULL, OPTION_FLAG, offsetof(struct trash_options, keep_age),
     "restore, qmail: it keeps its age; without, it is as if it came now"},
    ACTING_ROWS(struct trash_options),
    {0},
};

/* ---- places: one per queue, but several queues may share one ---- */

static bool known(const struct text_list *l, const char *place)
{
	for (size_t i = 0; i < l->count; i++)
		if (strcmp(l->list[i], place) == 0)
			return true;
	return false;
}

static void find_places(struct run *run, const struct queue_list *queues, struct text_list *out)
{
	for (size_t i = 0; i < queues->count; i++) {
		struct error err = ERROR_INIT;
		char place[512];

		if (trash_place(queues->list[i], run->globals.trash, place, sizeof place, &err) < 0)
			run_error(run, &err);
		else if (!known(out, place))
			text_list_add(out, arena_str(&run->arena, slice_from(place)));
	}
}

/* `id` as in trash_each(). */
static void each_place(struct run *run, const struct queue_list *queues, struct slice id,
		       bool (*fn)(void *ctx, const struct trash_item *item), void *ctx)
{
	struct text_list places = {0};

	find_places(run, queues, &places);
	for (size_t i = 0; i < places.count; i++) {
		struct error err = ERROR_INIT;

		if (trash_each(places.list[i], id, fn, ctx, &err) < 0)
			run_error(run, &err);
	}
	text_list_free(&places);
}

/* ---- list ---- */

static uint64_t size_of(const json_t *note, struct arena *a)
{
	struct saved_file f;
	uint64_t size = 0;

	for (size_t i = 0; saved_file(note, i, a, &f); i++)
		size += f.size;
	return size;
}

static void add_item(struct buf *b, const struct trash_item *item, const json_t *note,
		     const struct error *err, struct arena *a)
{
	char when[TIME_TEXT], size[TIME_TEXT];

	buf_printf(b, "%s/", item->run);
	text_escape(b, item->id);
	if (!note) {
		buf_adds(b, "  unreadable: ");
		text_escape(b, slice_from(err->text));
		buf_addc(b, '\n');
		return;
	}
	buf_printf(b, "  %s  %s  ",
		   time_print_local(json_integer_value(json_object_get(note, "time")), when),
		   size_human((int64_t)size_of(note, a), size));
	text_escape(b, json_bytes_get(json_object_get(note, "queue"), a));
	buf_adds(b, "  from=<");
	text_escape(b, json_bytes_get(json_object_get(note, "sender"), a));
	buf_adds(b, saved_check_complete(item->fd, note, NULL) < 0 ? ">  incomplete\n" : ">\n");
}

static bool list_item(void *ctx, const struct trash_item *item)
{
	struct run *run = ctx;
	struct error err = ERROR_INIT;
	json_t *note = saved_read_note(item->fd, item->id, &err);
	struct arena a;
	struct buf b;

	arena_init(&a, 0);
	buf_init(&b);
	if (note || err.code != ERROR_GONE)
		add_item(&b, item, note, &err, &a);
	if (!note && err.code != ERROR_GONE)
		run->status = status_worse(run->status, STATUS_SOME);
	run_out(run, buf_slice(&b));
	buf_free(&b);
	arena_free(&a);
	json_decref(note);
	return !run->out_lost;
}

static void list(struct run *run)
{
	struct queue_list queues;

	if (queues_open(run, &queues))
		each_place(run, &queues, SLICE_NONE, list_item, run);
	queues_close(&queues);
}

/* ---- restore ---- */

/* One word of the user's: ID, or RUN/ID. */
struct search {
	struct run *run;
	struct slice id, in_run; /* in_run is none when he named no run */
	struct slice found;	 /* "RUN/ID", all places */
	const char *folder;
	size_t count;
};

static void search_for(struct search *s, const char *word)
{
	struct slice text = slice_from(word);
	size_t slash = slice_chr(text, '/');

	s->id = text;
	if (slash != SIZE_MAX && run_id_valid(slice_take(text, slash))) {
		s->in_run = slice_take(text, slash);
		s->id = slice_skip(text, slash + 1);
	}
}

static bool match_item(void *ctx, const struct trash_item *item)
{
	struct search *s = ctx;
	struct arena *a = &s->run->arena;

	if (s->in_run.p && !slice_eq(s->in_run, slice_from(item->run)))
		return true;
	s->folder = arena_str(a, slice_from(item->folder));
	s->found = arena_printf(a, "%" SLICE_FMT "%s%s/%" SLICE_FMT, SLICE_ARG(s->found),
				s->count ? ", " : "", item->run, SLICE_ARG(s->id));
	s->count++;
	return true;
}

/* False: nothing at all may be touched. */
static bool restore_word(struct restorer *r, const char *word)
{
	struct search s = {.run = r->run};

	search_for(&s, word);
	each_place(r->run, &r->queues, s.id, match_item, &s);
	if (s.count > 1) {
		run_fail(r->run, STATUS_USAGE, "%s is in the trash several times, say which: %s",
			 word, s.found.p);
		return false;
	}
	if (s.count == 0)
		run_fail(r->run, STATUS_SOME, "%s: not in the trash", word);
	else
		restore_add(r, s.folder, s.id);
	return true;
}

static void restore(struct run *run, const struct trash_options *o)
{
	struct action_request request = {.op = OP_RESTORE};
	struct action_counts counts = {0};
	struct restorer r;
	bool ok;

	if (run->word_count < 2) {
		run_fail(run, STATUS_USAGE,
			 "trash restore: which messages? (`mtaq trash list` shows them; `mtaq undo "
			 "RUN` brings all of a run back)");
		return;
	}
	acting_fill(&request, &o->common);
	ok = restore_begin(&r, run, o->keep_age);
	for (size_t i = 1; ok && i < run->word_count; i++)
		ok = restore_word(&r, run->words[i]);
	if (ok)
		restore_run(&r, &request, &counts);
	restore_free(&r);
}

/* ---- empty ---- */

static void empty_run(struct run *run, const char *place, const char *id, bool dry_run)
{
	struct error err = ERROR_INIT;
	struct slice line;
	size_t messages;
	int r = trash_empty_run(place, id, dry_run, &messages, &err);

	if (r < 0) {
		run_error(run, &err);
	} else if (r == 0) {
		run_note(run, "%s has not ended yet: left alone", id);
	} else {
		line =
		    arena_printf(&run->arena, "%s: %zu messages removed for good\n", id, messages);
		run_out(run, line);
	}
}

static void empty_place(struct run *run, const char *place, const struct trash_options *o)
{
	struct error err = ERROR_INIT;
	struct run_ids runs;

	if (run_ids_read(place, "", &runs, &err) < 0)
		run_error(run, &err);
	for (size_t i = 0; i < runs.count; i++) {
		int64_t t;

		if (run_id_time(slice_from(runs.list[i]), &t) && run->now - t > o->older.value)
			empty_run(run, place, runs.list[i], o->common.dry_run);
	}
	run_ids_free(&runs);
}

static void empty(struct run *run, const struct trash_options *o)
{
	struct text_list places = {0};
	struct queue_list queues;

	if (!o->older.given) {
		run_fail(run, STATUS_USAGE, "trash empty: of which age? Say -o AGE");
		return;
	}
	if (queues_open(run, &queues))
		find_places(run, &queues, &places);
	for (size_t i = 0; i < places.count; i++)
		empty_place(run, places.list[i], o);
	text_list_free(&places);
	queues_close(&queues);
}

/* ---- the command ---- */

static void trash_run(struct run *run, const void *options_given)
{
	const struct trash_options *o = options_given;
	const char *word = run->word_count ? run->words[0] : "list";

	if (o->older.given && strcmp(word, "empty") != 0)
		run_fail(run, STATUS_USAGE, "trash: -o is for empty");
	else if (strcmp(word, "restore") == 0)
		restore(run, o);
	else if (o->common.max || o->common.wait.given)
		run_fail(run, STATUS_USAGE, "trash: --max and --wait are for restore");
	else if (run->word_count > 1)
		run_fail(run, STATUS_USAGE, "trash %s takes no words: '%s'", word, run->words[1]);
	else if (strcmp(word, "list") == 0)
		list(run);
	else if (strcmp(word, "empty") == 0)
		empty(run, o);
	else
		run_fail(run, STATUS_USAGE, "trash: list, restore ID... or empty, not '%s'", word);
}

const struct command command_trash = {
    .name = "trash",
    .summary = "list what delete took away, bring it back, remove it for good",
    .args = "[list|restore ID...|empty]",
    .flags = COMMAND_WORDS | COMMAND_ACTS,
    .options = options,
    .options_size = sizeof(struct trash_options),
    .run = trash_run,
};
