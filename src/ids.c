/* Looking up ids: see ids.h. */
#include "ids.h"

#include "select.h"

#include <mtaq/limits.h>
#include <mtaq/sysio.h>

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

/* Room for the directories of a queue that have the same id; there is more when it is needed. */
enum { ID_PLACES = 4 };

static uint64_t hash_of(const struct message_entry *e)
{
	uint64_t h = UINT64_C(14695981039346656037) ^ e->unit->index;

	for (size_t i = 0; i < e->name.n; i++)
		h = (h ^ (unsigned char)e->name.p[i]) * UINT64_C(1099511628211);
	return h;
}

/* Where `e` stands among those taken, or the free place where it belongs. */
static uint32_t *place_of(const struct selection_queue *q, const struct message_entry *e)
{
	uint64_t mask = q->place_count - 1, i = hash_of(e) & mask;

	for (; q->places[i]; i = (i + 1) & mask) {
		const struct message_entry *other = &q->entries[q->places[i] - 1];

		if (other->unit == e->unit && slice_eq(other->name, e->name))
			break;
	}
	return &q->places[i];
}

/* Never more than half full. */
static void make_places(struct selection_queue *q)
{
	if (q->entry_count * 2 < q->place_count)
		return;
	q->place_count = q->place_count ? q->place_count * 2 : 64;
	free(q->places);
	q->places = calloc(q->place_count, sizeof *q->places);
	if (!q->places)
		abort();
	for (size_t i = 0; i < q->entry_count; i++)
		*place_of(q, &q->entries[i]) = (uint32_t)i + 1;
}

/* Each message once, however often it was named. */
static void add_entry(struct selection_queue *q, struct message_entry e)
{
	uint32_t *place;

	make_places(q);
	place = place_of(q, &e);
	if (*place)
		return;
	/* grows by doubling: the count is a power of two exactly when the array is full */
	if ((q->entry_count & (q->entry_count - 1)) == 0) {
		q->entries = realloc(q->entries, (q->entry_count ? q->entry_count * 2 : 1) *
						     sizeof *q->entries);
		if (!q->entries)
			abort();
	}
	q->entries[q->entry_count++] = e;
	*place = (uint32_t)q->entry_count;
}

/* Remember where an id lies that is found twice: acting commands refuse it. Two places are enough
 * to be told. */
static void note_place(struct selection *s, struct slice id, const struct message_entry *e,
		       size_t nth)
{
	struct arena *arena = &s->run->arena;
	struct slice *text = &s->ambiguous, path;

	if (nth > 1)
		return;
	path = select_path(e, arena);
	if (!path.p)
		path = slice_from(e->unit->path);
	*text = nth == 0 ? arena_printf(arena, "%" SLICE_FMT " lies in %" SLICE_FMT, SLICE_ARG(id),
					SLICE_ARG(path))
			 : arena_printf(arena, "%" SLICE_FMT " and in %" SLICE_FMT,
					SLICE_ARG(*text), SLICE_ARG(path));
}

/* All messages of that id in one queue, however many directories have it: their number, -1 told. */
static int find_all(struct selection *s, size_t i, struct slice id, struct message_entry **found)
{
	const struct queue *q = s->queues.list[i];
	struct arena *arena = &s->run->arena;
	struct error err = ERROR_INIT;
	int room = ID_PLACES, n;

	for (;;) {
		*found = arena_array(arena, (size_t)room, sizeof **found);
		if (!*found)
			abort();
		n = select_find(q, id, arena, *found, room, &err);
		if (n <= room)
			break;
		room = n;
	}
	if (n < 0)
		run_error(s->run, &err);
	return n;
}

static bool look_up(struct selection *s, struct slice id)
{
	struct slice earlier = s->ambiguous;
	size_t places = 0;

	s->ambiguous = SLICE_NONE;
	for (size_t i = 0; i < s->queues.count; i++) {
		struct message_entry *found;
		int n = find_all(s, i, id, &found);

		for (int k = 0; k < n; k++) {
			add_entry(&s->per_queue[i], found[k]);
			note_place(s, id, &found[k], places++);
		}
	}
	if (earlier.p || places < 2)
		s->ambiguous = earlier;
	if (!places)
		run_fail(s->run, STATUS_SOME, "%" SLICE_FMT ": no such message", SLICE_ARG(id));
	return places > 0;
}

static bool numbers_need_a_time(const struct selection *s)
{
	for (size_t i = 0; i < s->queues.count; i++)
		if (s->queues.list[i]->backend->script_id)
			return true;
	return false;
}

static bool is_bare_number(struct slice id)
{
	uint64_t n;

	if (id.n && id.p[0] == '#')
		id = slice_skip(id, 1);
	return slice_u64(id, &n);
}

/* A number may belong to another message by the time a script hands it over. */
static bool read_standard_input(struct selection *s)
{
	struct error err = ERROR_INIT;
	struct slice text, line;
	size_t count = 0;
	char end;

	if (sys_read_all(STDIN_FILENO, 0, (size_t)LIMIT_IDS * 32, &s->run->arena, "standard input",
			 &text, &err) < 0) {
		run_fail(s->run, STATUS_USAGE, "%s", err.text);
		return false;
	}
	end = slice_chr(text, '\0') != SIZE_MAX ? '\0'
						: '\n'; /* as find -print0 and list -0 write them */
	while (slice_cut(&text, end, &line)) {
		/* between NULs it is the name itself, blanks and all */
		struct slice id = end ? slice_trim(line) : line;

		if (id.n == 0)
			continue;
		if (++count > LIMIT_IDS) {
			run_fail(s->run, STATUS_USAGE, "more than %u ids", LIMIT_IDS);
			return false;
		}
		if (is_bare_number(id) && numbers_need_a_time(s)) {
			run_fail(s->run, STATUS_USAGE,
				 "%" SLICE_FMT
				 ": a bare number is taken from the command line only; "
				 "`mtaq list -i` prints ids that stay true",
				 SLICE_ARG(id));
			return false;
		}
		look_up(s, id);
	}
	return true;
}

bool ids_resolve(struct selection *s)
{
	bool ok = true;

	for (size_t i = 0; ok && i < s->run->word_count; i++) {
		const char *word = s->run->words[i];

		if (strcmp(word, "ALL") == 0) {
			s->all = true;
			continue;
		}
		s->ids_given = true;
		if (strcmp(word, "-") == 0)
			ok = read_standard_input(s);
		else
			look_up(s, slice_from(word));
	}
	if (ok && s->all && s->ids_given) {
		run_fail(s->run, STATUS_USAGE, "ALL and ids do not go together");
		ok = false;
	}
	return ok;
}
