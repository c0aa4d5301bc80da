/* Promises of the table itself: that everything is there, and that the facts are consistent. */
#include "contract/contract.h"
#include "queues.h"
#include "unit/cmocka_all.h"

#include <mtaq/hosts.h>

#include <stdlib.h>
#include <unistd.h>

PROMISE(functions)
{
	const struct backend *b = case_queue(*state)->backend;

	assert_true(b->discover && b->detect && b->open && b->close && b->describe && b->units);
	assert_true(b->scan_begin && b->scan_next && b->scan_end && b->find && b->begin && b->load);
	assert_true(b->files && b->open_data);
	assert_true(b->name && b->name[0] && b->summary && b->summary[0] && b->options && b->needs);
	assert_true(strcmp(b->native_format, "mailq") == 0 ||
		    strcmp(b->native_format, "qread") == 0);
	assert_int_equal(b->lister_lines == NULL, b->lister_facts == NULL);
	assert_true(!b->hosts || (b->hosts->each && b->hosts->forget));
}

/* Each part that a field needs has a price, or is free with another one that it needs too. */
PROMISE(facts)
{
	const struct backend *b = case_queue(*state)->backend;

	assert_int_equal(b->cost[PART_NAME_I], 0);
	for (int f = 0; f < FIELD_COUNT; f++) {
		uint64_t price = 0;

		assert_int_equal(b->needs[f] & ~PARTS_ALL, 0);
		if (field_row((enum field_id)f)->flags & FIELD_CONSTANT)
			assert_int_equal(b->needs[f], PART_NAME);
		for (int p = 0; p < PART_COUNT; p++)
			price += b->needs[f] & PART(p) ? b->cost[p] : 0;
		if (b->needs[f] & ~PART_NAME && price == 0)
			fail_msg("%s needs parts without a price",
				 field_row((enum field_id)f)->name);
		if (b->lacks && b->lacks[f] && b->needs[f])
			fail_msg("%s is lacked and is not", field_row((enum field_id)f)->name);
	}
	assert_int_equal(b->needs[FIELD_ID], PART_NAME);
	assert_int_equal(b->states & ~((1u << STATE_COUNT) - 1), 0);
	assert_int_not_equal(b->states & 1u << STATE_QUEUED, 0);
}

PROMISE(registered)
{
	const struct field *mta = field_row(FIELD_MTA);
	struct contract_case *c = *state;
	const struct backend *b = case_queue(c)->backend, *row;
	bool there = false, named = false;

	for (size_t i = 0; (row = backend_at(i)); i++) {
		there |= strcmp(row->name, b->name) == 0;
		assert_ptr_equal(backend_find(row->name), row);
		assert_string_equal(mta->enum_name((int64_t)i), row->name);
		named |= strcmp(mta->enum_name((int64_t)i), b->name) == 0;
	}
	assert_int_equal(there, case_on_disk(c));
	assert_int_equal(named, case_on_disk(c));
	assert_null(backend_find("no such backend"));
	assert_null(backend_find(""));
}

/* -q takes each option that the backend names, with its kind and without. */
PROMISE(options)
{
	const struct backend *b = case_queue(*state)->backend;

	for (size_t i = 0; b->options[i]; i++) {
		struct queue_spec spec;
		struct arena a;
		struct slice text;

		arena_init(&a, 0);
		text = arena_printf(&a, "%s:/some/where,%s=x\\,y", b->name, b->options[i]);
		assert_int_equal(queue_spec_parse(&a, text.p, "test", &spec, NULL), 0);
		assert_string_equal(spec.kind, b->name);
		assert_string_equal(spec.dir, "/some/where");
		assert_string_equal(queue_spec_option(&spec, b->options[i]), "x,y");
		text = arena_printf(&a, "/some/where,%s", b->options[i]);
		assert_int_equal(queue_spec_parse(&a, text.p, "test", &spec, NULL), 0);
		assert_null(spec.kind);
		assert_string_equal(queue_spec_option(&spec, b->options[i]), "");
		arena_free(&a);
	}
}

PROMISE(units)
{
	const struct queue *q = case_queue(*state);
	struct unit_list l = q->backend->units(q);

	assert_true(l.count > 0);
	for (size_t i = 0; i < l.count; i++) {
		struct stat a, b;

		assert_int_equal(l.list[i]->index, i);
		assert_true(l.list[i]->path && l.list[i]->path[0]);
		if (stat(l.list[i]->path, &a) < 0)
			continue;
		for (size_t j = 0; j < i; j++)
			if (stat(l.list[j]->path, &b) == 0)
				assert_false(a.st_dev == b.st_dev && a.st_ino == b.st_ino);
	}
	assert_true(q->name && strchr(q->name, ':') && q->dir && q->host);
}

/* Its own queue more than what is none; nothing where there is nothing. */
PROMISE(detect)
{
	struct contract_case *c = *state;
	const struct queue *q = case_queue(c);
	struct error err = ERROR_INIT;
	int own = q->backend->detect(q->dir, &err);
	char empty[] = "/tmp/mtaq-test.XXXXXX";

	assert_true(own > 0 && own <= 100);
	assert_non_null(mkdtemp(empty));
	assert_int_equal(q->backend->detect(empty, &err), 0);
	assert_int_equal(err.code, ERROR_NONE);
	assert_int_equal(rmdir(empty), 0);
	for (size_t i = 0; case_on_disk(c) && backend_at(i); i++)
		if (strcmp(backend_at(i)->name, c->inner->backend->name) != 0)
			assert_true(backend_at(i)->detect(q->dir, NULL) < own);
	assert_int_equal(q->backend->detect("/no/such/directory", &err), -1);
	assert_int_equal(err.code, ERROR_GONE);
	assert_int_not_equal(err.text[0], '\0');
}

PROMISE(open_fails)
{
	const struct queue_spec spec = {.dir = "/no/such/directory", .why = "test"};
	const struct backend *b = case_queue(*state)->backend;
	struct error err = ERROR_INIT;

	assert_null(b->open(&spec, NULL, 0, NULL, NULL, &err));
	assert_int_equal(err.code, ERROR_NOQUEUE);
	assert_int_equal(err.scope, SCOPE_QUEUE);
	assert_null(b->open(&spec, NULL, 0, NULL, NULL, NULL));
	b->close(NULL);
}

static void check_fact(void *ctx, const char *key, const char *value, const char *why)
{
	size_t *count = ctx;

	assert_true(key && key[0]);
	assert_non_null(value);
	assert_true(!why || why[0]);
	++*count;
}

PROMISE(describe)
{
	const struct queue *q = case_queue(*state);
	size_t count = 0;

	q->backend->describe(q, check_fact, &count);
	assert_true(count > 0);
}
