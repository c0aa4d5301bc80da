/* Promises of scanning and finding: each message once, and found by its id only. */
#include "contract/contract.h"
#include "unit/cmocka_all.h"

enum { ROOM = 16 };

static bool same_entry(const struct message_entry *a, const struct message_entry *b)
{
	return a->unit == b->unit && a->number == b->number && slice_eq(a->name, b->name);
}

static bool has_entry(const struct message_entry *list, size_t n, const struct message_entry *e)
{
	for (size_t i = 0; i < n; i++)
		if (same_entry(&list[i], e))
			return true;
	return false;
}

static bool is_unit(const struct queue *q, const struct unit *u)
{
	struct unit_list l = q->backend->units(q);

	return u && u->index < l.count && l.list[u->index] == u;
}

PROMISE(scan_once)
{
	const struct queue *q = case_queue(*state);
	struct entries first, again;

	entries_scan(&first, q);
	entries_scan(&again, q);
	assert_int_equal(first.count, again.count);
	assert_int_equal(first.errors, again.errors);
	for (size_t i = 0; i < first.count; i++) {
		assert_true(is_unit(q, first.list[i].unit));
		assert_true(first.list[i].name.n > 0);
		assert_int_equal(slice_chr(first.list[i].name, '/'), SIZE_MAX);
		assert_false(has_entry(first.list, i, &first.list[i]));
		assert_true(has_entry(again.list, again.count, &first.list[i]));
	}
	entries_free(&first);
	entries_free(&again);
}

/* A scan that nobody wants to hear the errors of, or that is given up, is fine. */
PROMISE(scan_errors)
{
	const struct queue *q = case_queue(*state);
	struct entries all;
	struct message_entry e;
	struct scan *s;
	size_t n = 0, errors = 0;
	int r;

	entries_scan(&all, q);
	s = q->backend->scan_begin(q, NULL);
	while ((r = q->backend->scan_next(s, &all.names, &e, NULL)) != 0) {
		n += r > 0;
		errors += r < 0;
		assert_true(errors <= all.errors);
	}
	assert_int_equal(n, all.count);
	assert_int_equal(errors, all.errors);
	/* the end stays the end */
	assert_int_equal(q->backend->scan_next(s, &all.names, &e, NULL), 0);
	q->backend->scan_end(s);
	s = q->backend->scan_begin(q, NULL);
	q->backend->scan_next(s, &all.names, &e, NULL);
	q->backend->scan_end(s);
	entries_free(&all);
}

/* ---- finding ---- */

struct search {
	const struct queue *q;
	struct entries all;
	struct subject subject;
};

static void search_init(struct search *s, const struct queue *q)
{
	s->q = q;
	entries_scan(&s->all, q);
	subject_init(&s->subject);
}

static void search_free(struct search *s)
{
	entries_free(&s->all);
	subject_free(&s->subject);
}

static struct slice id_of(struct search *s, size_t i)
{
	subject_begin(&s->subject, s->q, &s->all.list[i]);
	return arena_copy(&s->all.names, s->subject.message.id);
}

/* What `text` should find: all of this id, all of this name, or one entry. */
struct wanted {
	struct slice id, name;
	const struct message_entry *entry;
};

static bool is_wanted(struct search *s, const struct wanted *w, size_t i)
{
	if (w->entry)
		return same_entry(w->entry, &s->all.list[i]);
	if (w->name.p)
		return slice_eq(w->name, s->all.list[i].name);
	/* an empty id means nothing: a file called just "qf" has only its name */
	return w->id.n && slice_eq(w->id, id_of(s, i));
}

static void check_find(struct search *s, struct slice text, struct wanted w)
{
	struct message_entry found[ROOM];
	struct error err = ERROR_INIT;
	int n = s->q->backend->find(s->q, text, &s->all.names, found, ROOM, &err), wanted = 0;

	for (size_t i = 0; i < s->all.count; i++) {
		bool hit = is_wanted(s, &w, i);

		wanted += hit;
		if (hit && n >= 0 &&
		    !has_entry(found, (size_t)(n < ROOM ? n : ROOM), &s->all.list[i]))
			fail_msg("%s: '%.*s' does not find %.*s", s->q->name, SLICE_ARG(text),
				 SLICE_ARG(s->all.list[i].name));
	}
	if (n != wanted)
		fail_msg("%s: '%.*s' finds %d, not %d", s->q->name, SLICE_ARG(text), n, wanted);
	for (int i = 0; i < n; i++)
		for (int j = 0; j < i; j++)
			assert_false(same_entry(&found[i], &found[j]));
}

/* By its id exactly what the scan gives, and loading it gives the same message. */
PROMISE(find_exact)
{
	struct search s;
	struct subject again;

	search_init(&s, case_queue(*state));
	subject_init(&again);
	for (size_t i = 0; i < s.all.count; i++) {
		struct slice id = id_of(&s, i);
		struct message_entry found[ROOM];
		struct buf a, b;
		int n, at = 0;

		check_find(&s, id, (struct wanted){.id = id});
		if (!id.n)
			id = s.all.list[i].name;
		n = s.q->backend->find(s.q, id, &s.all.names, found, ROOM, NULL);
		while (at + 1 < n && !same_entry(&found[at], &s.all.list[i]))
			at++;
		subject_begin(&s.subject, s.q, &s.all.list[i]);
		subject_begin(&again, s.q, &found[at]);
		subject_load(&s.subject, PARTS_ALL);
		subject_load(&again, PARTS_ALL);
		buf_init(&a);
		buf_init(&b);
		dump_message(&a, &again.message);
		dump_message(&b, &s.subject.message);
		same_text(&a, &b, &s.subject.message, "found by its id");
		buf_free(&a);
		buf_free(&b);
	}
	subject_free(&again);
	search_free(&s);
}

struct files_of {
	struct search *s;
	const struct message_entry *entry;
};

static void find_by_path(void *ctx, const char *role, const char *path)
{
	struct files_of *f = ctx;

	/* a data file may belong to several control files of one id */
	if (strcmp(role, "control") == 0 || strcmp(role, "message") == 0 ||
	    strcmp(role, "envelope") == 0)
		check_find(f->s, slice_from(path), (struct wanted){.entry = f->entry});
}

/* With the marks of the MTAs' listers, with blanks around it, and by the paths of its files. */
PROMISE(find_forms)
{
	static const char *const around[][2] = {{"", "*"}, {"", "!"}, {" ", "\n"}, {"", "-"}};
	struct search s;

	search_init(&s, case_queue(*state));
	for (size_t i = 0; i < s.all.count; i++) {
		struct slice id = id_of(&s, i);
		struct files_of f = {&s, &s.all.list[i]};

		for (size_t k = 0; k < sizeof around / sizeof around[0]; k++)
			if (case_on_disk(*state) || k < 3)
				check_find(&s,
					   arena_printf(&s.all.names, "%s%.*s%s", around[k][0],
							SLICE_ARG(id), around[k][1]),
					   (struct wanted){.id = id});
		check_find(&s, s.all.list[i].name, (struct wanted){.name = s.all.list[i].name});
		subject_begin(&s.subject, s.q, &s.all.list[i]);
		subject_load(&s.subject, PARTS_ALL);
		s.q->backend->files(&s.subject.message, find_by_path, &f);
	}
	search_free(&s);
}

PROMISE(find_no_substring)
{
	static const char *const nothing[] = {
	    "",	 "*", "/",	    ".",     "..",	    "#",    "@",
	    "-", "0", "no-such-id", "../qf", "/etc/passwd", "%s%n", "\xff\xfe",
	};
	struct search s;

	search_init(&s, case_queue(*state));
	for (size_t i = 0; i < sizeof nothing / sizeof nothing[0]; i++)
		check_find(&s, slice_from(nothing[i]),
			   (struct wanted){.id = slice_from(nothing[i])});
	for (size_t i = 0; i < s.all.count; i++) {
		struct slice id = id_of(&s, i), part;

		if (!id.n)
			continue;
		part = slice_skip(id, 1);
		check_find(&s, part, (struct wanted){.id = part});
		part = slice_take(id, id.n - 1);
		check_find(&s, part, (struct wanted){.id = part});
		part = arena_printf(&s.all.names, "%.*s0", SLICE_ARG(id));
		check_find(&s, part, (struct wanted){.id = part});
		/* a NUL inside ends nothing */
		part.n = id.n + 1;
		((char *)(uintptr_t)part.p)[id.n] = '\0';
		check_find(&s, part, (struct wanted){.id = part});
	}
	search_free(&s);
}

/* More than fit are counted, not stored. */
PROMISE(find_room)
{
	struct search s;

	search_init(&s, case_queue(*state));
	for (size_t i = 0; i < s.all.count; i++) {
		struct message_entry found[2] = {{.number = 7}, {.number = 7}};
		struct slice id = id_of(&s, i).n ? id_of(&s, i) : s.all.list[i].name;
		int all = s.q->backend->find(s.q, id, &s.all.names, found, 0, NULL);

		assert_int_equal(found[0].number, 7);
		assert_null(found[0].unit);
		assert_int_equal(s.q->backend->find(s.q, id, &s.all.names, found, 1, NULL), all);
		assert_null(found[1].unit);
		assert_non_null(found[0].unit);
	}
	search_free(&s);
}

/* What scripts hold leads back to this very message. */
PROMISE(script_id)
{
	struct search s;

	search_init(&s, case_queue(*state));
	for (size_t i = 0; s.q->backend->script_id && i < s.all.count; i++) {
		struct slice text, other;

		subject_begin(&s.subject, s.q, &s.all.list[i]);
		subject_load(&s.subject, PART_DATA);
		if (s.subject.message.gone)
			continue;
		text = s.q->backend->script_id(&s.all.names, &s.subject.message);
		assert_non_null(text.p);
		assert_int_equal(slice_chr(text, ' '), SIZE_MAX);
		check_find(&s, text, (struct wanted){.entry = &s.all.list[i]});
		/* another message of this name later on is not it */
		other = arena_printf(&s.all.names, "%.*s1", SLICE_ARG(text));
		assert_int_equal(s.q->backend->find(s.q, other, &s.all.names, NULL, 0, NULL), 0);
	}
	search_free(&s);
}
