/* Promises of begin() and load(): what is loaded, what fails, and that the order does not matter.
 */
#include "contract/contract.h"
#include "unit/cmocka_all.h"

#include <pthread.h>
#include <stdlib.h>

/* Call `fn` for every message, begun anew. */
static void for_each(struct contract_case *c,
		     void (*fn)(struct subject *s, const struct entries *l, size_t i))
{
	const struct queue *q = case_queue(c);
	struct entries l;
	struct subject s;

	entries_scan(&l, q);
	subject_init(&s);
	for (size_t i = 0; i < l.count; i++) {
		subject_begin(&s, q, &l.list[i]);
		fn(&s, &l, i);
	}
	subject_free(&s);
	entries_free(&l);
}

static void check_begun(struct subject *s, const struct entries *l, size_t i)
{
	const struct message *m = &s->message;

	assert_non_null(m->id.p);
	/* a file called just "qf" has only its name */
	assert_true(m->id.n > 0 || l->list[i].name.n > 0);
	assert_int_equal(m->have, PART_NAME);
	assert_int_equal(m->failed, 0);
	assert_false(m->gone);
	assert_ptr_equal(m->arena, &s->arena);
	assert_true(slice_eq(m->entry.name, l->list[i].name));
	assert_ptr_equal(m->entry.unit, l->list[i].unit);
	assert_false(m->state_known && m->state == STATE_UNKNOWN);
	for (int p = 0; p < PART_COUNT; p++)
		assert_null(m->why[p]);
	assert_int_equal(m->recipient_count, 0);
	assert_int_equal(m->headers.count, 0);
	assert_false(m->arrival.known);
}

PROMISE(begin)
{
	for_each(*state, check_begun);
}

/* have, failed and why fit together. */
static void check_parts(const struct message *m, parts_t want)
{
	if (m->gone)
		fail_msg("%.*s is gone", SLICE_ARG(m->entry.name));
	if (want & ~m->have)
		fail_msg("%.*s: parts %x were not delivered", SLICE_ARG(m->entry.name),
			 (unsigned)(want & ~m->have));
	assert_int_equal(m->failed & ~m->have, 0);
	assert_int_equal(m->failed & PART_NAME, 0);
	for (int p = 0; p < PART_COUNT; p++) {
		assert_int_equal(m->why[p] != NULL, (m->failed & PART(p)) != 0);
		if (!m->why[p])
			continue;
		assert_int_not_equal(m->why[p]->code, ERROR_NONE);
		assert_int_not_equal(m->why[p]->code, ERROR_BUG);
		assert_int_not_equal(m->why[p]->text[0], '\0');
		assert_int_equal(m->why[p]->scope, SCOPE_MESSAGE);
	}
}

static void check_each_part(struct subject *s, const struct entries *l, size_t i)
{
	for (int p = 0; p < PART_COUNT; p++) {
		subject_begin(s, s->message.queue, &l->list[i]);
		subject_load(s, PART(p));
		check_parts(&s->message, PART(p));
	}
	subject_begin(s, s->message.queue, &l->list[i]);
	subject_load(s, PARTS_ALL);
	check_parts(&s->message, PARTS_ALL);
	subject_begin(s, s->message.queue, &l->list[i]);
	subject_load(s, 0);
	check_parts(&s->message, 0);
}

PROMISE(load_sets)
{
	for_each(*state, check_each_part);
}

/* Nothing changes when what is there is asked for again. */
static void check_idempotent(struct subject *s, const struct entries *l, size_t i)
{
	struct message before;

	(void)l;
	(void)i;
	for (int round = 0; round < 2; round++) {
		parts_t want = round ? PARTS_ALL : PART_STAT | PART_DATA;

		subject_load(s, want);
		memcpy(&before, &s->message, sizeof before);
		subject_load(s, want);
		subject_load(s, s->message.have);
		assert_memory_equal(&before, &s->message, sizeof before);
	}
}

PROMISE(load_idempotent)
{
	for_each(*state, check_idempotent);
}

/* The parts in one go, or one by one in either direction: the same message, the same failures. */
static void check_order(struct subject *s, const struct entries *l, size_t i)
{
	const struct queue *q = s->message.queue;
	struct buf wanted, got;
	parts_t failed;

	buf_init(&wanted);
	buf_init(&got);
	subject_load(s, PARTS_ALL);
	dump_message(&wanted, &s->message);
	failed = s->message.failed;
	for (int down = 0; down < 2; down++) {
		buf_clear(&got);
		subject_begin(s, q, &l->list[i]);
		for (int p = 0; p < PART_COUNT; p++)
			subject_load(s, PART(down ? PART_COUNT - 1 - p : p));
		dump_message(&got, &s->message);
		same_text(&got, &wanted, &s->message, "parts loaded one by one");
		if (s->message.failed != failed)
			fail_msg("%.*s: parts %x fail one by one, %x together",
				 SLICE_ARG(s->message.entry.name), s->message.failed, failed);
	}
	for (int p = 0; p < PART_COUNT; p++) {
		subject_begin(s, q, &l->list[i]);
		subject_load(s, PART(p));
		if ((s->message.failed ^ failed) & PART(p))
			fail_msg("%.*s: %s fails alone or together only",
				 SLICE_ARG(s->message.entry.name),
				 message_part_name((enum part_index)p));
	}
	buf_free(&wanted);
	buf_free(&got);
}

PROMISE(load_order)
{
	for_each(*state, check_order);
}

/* ---- fields ---- */

static struct slice argument_of(const struct field *f)
{
	if (!(f->flags & FIELD_ARGUMENT))
		return SLICE_NONE;
	return f->id == FIELD_MACRO ? SLICE("client_addr") : SLICE("Received");
}

/* The parts that needs[] names are all that the field's value takes. */
static void check_needs(struct subject *s, const struct entries *l, size_t i)
{
	const struct queue *q = s->message.queue;
	struct subject all;
	struct buf wanted, got;

	subject_init(&all);
	subject_begin(&all, q, &l->list[i]);
	subject_load(&all, PARTS_ALL);
	buf_init(&wanted);
	buf_init(&got);
	for (int id = 0; id < FIELD_COUNT; id++) {
		const struct field *f = field_row((enum field_id)id);
		parts_t needs = q->backend->needs[id];

		if (!needs || (all.message.failed & needs))
			continue;
		subject_begin(s, q, &l->list[i]);
		subject_load(s, needs);
		check_parts(&s->message, needs);
		buf_clear(&wanted);
		buf_clear(&got);
		dump_field(&wanted, &all, f, argument_of(f));
		dump_field(&got, s, f, argument_of(f));
		same_text(&got, &wanted, &s->message, f->name);
	}
	buf_free(&wanted);
	buf_free(&got);
	subject_free(&all);
}

PROMISE(needs_deliver)
{
	for_each(*state, check_needs);
}

/* Members that are there for other reasons: to be counted, or to identify a file. */
static bool has_anyway(enum field_id id)
{
	enum field_type type = field_row(id)->type;

	return type == TYPE_BOOL || type == TYPE_NUMBER || id == FIELD_RECIPIENT_ALL ||
	       id == FIELD_CONTROL_SIZE || id == FIELD_CONTROL_TIME;
}

/* A field that this MTA cannot have has no value in any message. */
static void check_lacked(struct subject *s, const struct entries *l, size_t i)
{
	const struct backend *b = s->message.queue->backend;
	struct buf got, nothing;

	(void)l;
	(void)i;
	subject_load(s, PARTS_ALL);
	buf_init(&got);
	buf_init(&nothing);
	for (int id = 0; id < FIELD_COUNT; id++) {
		const struct field *f = field_row((enum field_id)id);

		if (b->needs[id] || has_anyway((enum field_id)id) || strcmp(b->name, "mem") == 0)
			continue;
		buf_clear(&got);
		dump_field(&got, s, f, argument_of(f));
		same_text(&got, &nothing, &s->message, f->name);
	}
	buf_free(&got);
	buf_free(&nothing);
}

PROMISE(lacked_fields)
{
	for_each(*state, check_lacked);
}

static void check_state(struct subject *s, const struct entries *l, size_t i)
{
	const struct backend *b = s->message.queue->backend;
	parts_t needs = b->needs[FIELD_STATE];
	enum message_state early = s->message.state;
	bool known = s->message.state_known;

	(void)l;
	(void)i;
	subject_load(s, needs);
	if (!(b->states & 1u << s->message.state) && !(s->message.failed & needs))
		fail_msg("%.*s is %s", SLICE_ARG(s->message.entry.name),
			 message_state_name(s->message.state));
	assert_true(s->message.state_known || (s->message.failed & needs));
	if (s->message.state == STATE_UNKNOWN)
		assert_true(s->message.failed & needs);
	if (known)
		assert_int_equal(early, s->message.state);
	early = s->message.state;
	known = s->message.state_known;
	subject_load(s, PARTS_ALL);
	if (known)
		assert_int_equal(early, s->message.state);
}

PROMISE(states)
{
	for_each(*state, check_state);
}

/* ---- several threads ---- */

struct crew {
	const struct queue *q;
	const struct entries *l;
	struct buf dump;
};

static void *load_all(void *arg)
{
	struct crew *t = arg;
	struct subject s;

	subject_init(&s);
	for (size_t i = 0; i < t->l->count; i++) {
		subject_begin(&s, t->q, &t->l->list[i]);
		subject_load(&s, PART_STAT);
		subject_load(&s, PARTS_ALL);
		dump_message(&t->dump, &s.message);
	}
	subject_free(&s);
	return NULL;
}

PROMISE(threads)
{
	enum { CREW = 4 };
	struct crew crew[CREW];
	pthread_t threads[CREW];
	struct entries l;

	entries_scan(&l, case_queue(*state));
	for (int i = 0; i < CREW; i++) {
		crew[i] = (struct crew){.q = case_queue(*state), .l = &l};
		buf_init(&crew[i].dump);
		if (i)
			assert_int_equal(pthread_create(&threads[i], NULL, load_all, &crew[i]), 0);
	}
	load_all(&crew[0]);
	for (int i = 1; i < CREW; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	for (int i = 1; i < CREW; i++)
		assert_true(slice_eq(buf_slice(&crew[i].dump), buf_slice(&crew[0].dump)));
	for (int i = 0; i < CREW; i++)
		buf_free(&crew[i].dump);
	entries_free(&l);
}

/* ---- what the MTA's own lister shows ---- */

static void count_line(void *ctx, char code, struct slice value)
{
	unsigned *lines = ctx;

	assert_int_not_equal(code, '\n');
	assert_non_null(value.p);
	++*lines;
}

static void check_lines(struct subject *s, const struct entries *l, size_t i)
{
	const struct backend *b = s->message.queue->backend;
	unsigned lines = 0;

	(void)l;
	(void)i;
	if (!b->lister_lines)
		return;
	subject_load(s, PART_CONTROL);
	b->lister_lines(&s->message, count_line, &lines);
	if (!(s->message.failed & PART_CONTROL))
		assert_true(lines > 0);
}

PROMISE(lister)
{
	const struct queue *q = case_queue(*state);
	struct lister_facts facts = {.min_queue_age = -1, .max_queue_age = -1};

	for_each(*state, check_lines);
	if (!q->backend->lister_facts)
		return;
	q->backend->lister_facts(q, &facts);
	assert_true(facts.min_queue_age >= 0 && facts.max_queue_age >= 0);
}
