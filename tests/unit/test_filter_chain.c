/* Several filters in one: the first that says YES takes the message, one in ERROR ends it, nothing
 * is asked for a filter that is not reached, and tests that are the same are made once. */
#include "filter_ast.h"
#include "unit/cmocka_all.h"
#include "unit/filter_world.h"

#include <mtaq/limits.h>

#include <stdlib.h>

enum { MOST = 8 };

struct chain {
	struct world world;
	struct filter *list[MOST];
	size_t count;
	const struct filter *bound;
	struct filter_state *state;
	struct message message;
};

static int setup(void **state)
{
	struct chain *c = calloc(1, sizeof *c);

	world_init(&c->world);
	c->message = world_message(&c->world);
	*state = c;
	return 0;
}

static void forget(struct chain *c)
{
	filter_state_free(c->state);
	c->state = NULL;
	for (size_t i = 0; i < c->count; i++)
		filter_free(c->list[i]);
	c->count = 0;
}

static int teardown(void **state)
{
	struct chain *c = *state;

	forget(c);
	world_free(&c->world);
	free(c);
	return 0;
}

/* texts end with NULL; "-" stands for a filter that is not asked here. */
static void parse(struct chain *c, const char *const *texts)
{
	struct error err = ERROR_INIT;

	forget(c);
	for (; texts[c->count]; c->count++) {
		const char *text = texts[c->count];

		c->list[c->count] = NULL;
		if (strcmp(text, "-") != 0 &&
		    !(c->list[c->count] =
			  filter_parse(&c->world.arena, slice_from(text), WORLD_NOW, &err)))
			fail_msg("%s: %s", text, err.text);
	}
}

static void bind(struct chain *c, const char *const *texts)
{
	struct error err = ERROR_INIT;
	size_t failed = 99;

	parse(c, texts);
	c->bound =
	    filter_bind_chain(&c->world.arena, c->list, c->count, &c->world.target, &failed, &err);
	if (!c->bound)
		fail_msg("%zu: %s", failed, err.text);
	c->state = filter_state_new(c->bound);
	assert_non_null(c->state);
}

static enum verdict eval(struct chain *c, parts_t *want, struct error *err)
{
	struct field_context fc = world_context(&c->world, &c->message);

	return filter_eval(c->bound, c->state, &fc, want, err);
}

static void expect(struct chain *c, enum verdict wanted, size_t link)
{
	struct error err = ERROR_INIT;
	parts_t want = 0;

	filter_state_reset(c->state);
	assert_int_equal(eval(c, &want, &err), wanted);
	if (wanted != VERDICT_NO)
		assert_int_equal(filter_link(c->state), link);
}

#define LIST(...)                                                                                  \
	(const char *const[])                                                                      \
	{                                                                                          \
		__VA_ARGS__, NULL                                                                  \
	}

static void test_first_wins(void **state)
{
	struct chain *c = *state;

	c->message.sender = SLICE("a@b");
	c->message.size = number_of(100);
	bind(c, LIST("sender == 'x@b'", "size > 50", "sender == 'a@b'"));
	expect(c, VERDICT_YES, 1);
	c->message.size = number_of(10);
	expect(c, VERDICT_YES, 2);
	c->message.sender = SLICE("x@b");
	expect(c, VERDICT_YES, 0);
	c->message.sender = SLICE("y@b");
	expect(c, VERDICT_NO, 0);
}

static void test_error_ends(void **state)
{
	static const struct error why = {
	    .code = ERROR_SYSTEM, .offset = SIZE_MAX, .text = "its data is on fire"};
	struct chain *c = *state;
	struct error err = ERROR_INIT;
	parts_t want;

	c->message.sender = SLICE("a@b");
	world_fail(&c->message, PART_DATA, &why);
	bind(c, LIST("sender == 'x@b'", "size > 50", "sender == 'a@b'"));
	expect(c, VERDICT_ERROR, 1);
	filter_state_reset(c->state);
	assert_int_equal(eval(c, &want, &err), VERDICT_ERROR);
	assert_string_equal(err.text, why.text);
	/* one before it may take it */
	bind(c, LIST("sender == 'a@b'", "size > 50"));
	expect(c, VERDICT_YES, 0);
}

/* What a later filter needs is not asked for while an earlier one may take the message. */
static void test_lazy(void **state)
{
	struct chain *c = *state;
	struct error err = ERROR_INIT;
	parts_t want = 0;

	c->message.have = PART_NAME;
	c->message.size = number_of(100);
	c->message.sender = SLICE("a@b");
	/* the log is dearest, stat cheapest: the order of the chain comes before prices */
	bind(c, LIST("attempts > 3", "bounce", "size > 50"));
	filter_state_reset(c->state);
	assert_int_equal(eval(c, &want, &err), VERDICT_PENDING);
	assert_int_equal(want, PART_RECIPIENTS | PART_LOG);
	c->message.have |= want;
	assert_int_equal(eval(c, &want, &err), VERDICT_PENDING);
	assert_int_equal(want, PART_STAT);
	c->message.have |= want;
	c->message.bounce = true;
	assert_int_equal(eval(c, &want, &err), VERDICT_YES);
	assert_int_equal(filter_link(c->state), 1);
}

static void test_not_asked_here(void **state)
{
	struct chain *c = *state;

	c->message.size = number_of(100);
	bind(c, LIST("-", "mta == sendmail", "size > 50"));
	expect(c, VERDICT_YES, 2);
	assert_int_equal(filter_link_constant(c->bound, 0), VERDICT_NO);
	assert_int_equal(filter_link_constant(c->bound, 1), VERDICT_NO);
	assert_int_equal(filter_link_constant(c->bound, 2), VERDICT_PENDING);
	assert_int_equal(filter_constant(c->bound), VERDICT_PENDING);
	bind(c, LIST("-", "mta == sendmail"));
	assert_int_equal(filter_constant(c->bound), VERDICT_NO);
	assert_int_equal(filter_link_constant(c->bound, 1), VERDICT_NO);
	expect(c, VERDICT_NO, 0);
	bind(c, LIST("mta == qmail"));
	assert_int_equal(filter_link_constant(c->bound, 0), VERDICT_YES);
	expect(c, VERDICT_YES, 0);
}

static void test_who_cannot(void **state)
{
	struct chain *c = *state;
	struct error err = ERROR_INIT;
	size_t failed = 99;

	parse(c, LIST("bounce", "-", "priority > 5", "attempts > 1"));
	assert_null(
	    filter_bind_chain(&c->world.arena, c->list, c->count, &c->world.target, &failed, &err));
	assert_int_equal(failed, 2);
	assert_int_equal(err.code, ERROR_USAGE);
	assert_int_equal(err.scope, SCOPE_RUN);
	assert_non_null(strstr(err.text, "priority"));
}

/* The same test in several filters has one result; its negation, and one inside any(), another. */
static void test_shared(void **state)
{
	struct chain *c = *state;

	bind(c, LIST("bounce and size > 50", "bounce and size > 60", "size > 50 and age > 2d"));
	assert_int_equal(c->bound->slots, 4);
	bind(c, LIST("bounce", "not bounce"));
	assert_int_equal(c->bound->slots, 2);
	bind(c, LIST("recipient == 'a@b' and size > 1", "any(recipient == 'a@b') and size > 1"));
	assert_int_equal(c->bound->slots, 3);
	/* one filter by itself stays as it was written */
	bind(c, LIST("subject == 'x' or subject == 'y'", "header[\"X\"] == 'x'"));
	assert_int_equal(c->bound->slots, 3);
}

static void test_shared_results(void **state)
{
	static struct recipient people[] = {{.address = {"a@b", 3}}, {.address = {"c@d", 3}}};
	struct chain *c = *state;

	c->message.recipients = people;
	c->message.recipient_count = c->message.pending_count = 2;
	c->message.size = number_of(55);
	bind(c, LIST("size > 50 and size > 60", "any(recipient == 'x@y') and size > 50",
		     "all(recipient =~ /@/) and size > 50"));
	expect(c, VERDICT_YES, 2);
	c->message.size = number_of(70);
	expect(c, VERDICT_YES, 0);
}

/* Values that are costly to make are made once, and only as far as somebody asks. */
static void test_shared_values(void **state)
{
	static struct header headers[] = {{.name = {"Subject", 7}, .raw = {"one", 3}},
					  {.name = {"X", 1}, .raw = {"=?utf-8?q?t=77o?=", 17}},
					  {.name = {"subject", 7}, .raw = {"three", 5}},
					  {.name = {"SUBJECT", 7}, .raw = {"four", 4}}};
	struct chain *c = *state;
	const struct leaf_values *subject;

	c->message.headers = (struct header_list){headers, 4, 4};
	bind(c, LIST("subject == 'three' and size > 5", "subject =~ /^x/", "not subject =~ /^f/",
		     "header[\"Subject\"] == 'four' and subject == 'four'"));
	assert_int_equal(c->bound->sources, 2);
	assert_int_equal(c->bound->slots, 6);
	subject = &c->state->shared[0];
	c->message.size = number_of(10);
	expect(c, VERDICT_YES, 0);
	assert_int_equal(subject->count, 2);
	c->message.size = number_of(1);
	expect(c, VERDICT_YES, 3);
	assert_int_equal(subject->count, 3);
	assert_true(subject->ended);
	/* nothing is left of one message for the next */
	headers[3].raw = SLICE("drei");
	expect(c, VERDICT_YES, 2);
	c->message.headers.count = 0;
	expect(c, VERDICT_YES, 2);
	assert_int_equal(subject->count, 0);
	/* fields that are at hand, and those inside any(), are asked as ever */
	bind(c, LIST("recipient == 'a@b'", "status =~ /x/", "any(recipient == 'a@b')"));
	assert_int_equal(c->bound->sources, 0);
}

/* Past the memory that a message may take there is no answer, for nobody. */
static void test_shared_without_memory(void **state)
{
	static struct header headers[] = {{.name = {"Subject", 7}, .raw = {"one", 3}}};
	struct chain *c = *state;
	struct field_context fc = world_context(&c->world, &c->message);
	struct error err = ERROR_INIT;
	struct arena small;
	parts_t want;

	arena_init(&small, 1);
	c->message.headers = (struct header_list){headers, 1, 1};
	bind(c, LIST("subject == 'three'", "subject == 'one'"));
	filter_state_reset(c->state);
	fc.arena = &small;
	assert_int_equal(filter_eval(c->bound, c->state, &fc, &want, &err), VERDICT_ERROR);
	assert_int_equal(filter_link(c->state), 0);
	assert_int_equal(err.code, ERROR_LIMIT);
	arena_free(&small);
}

static void test_printed(void **state)
{
	struct chain *c = *state;
	struct buf b;

	buf_init(&b);
	bind(c, LIST("bounce and size > 50", "-", "size > 60"));
	term_print(c->bound->terms, &b);
	buf_addc(&b, '\0');
	assert_string_equal(b.p, "((bounce and size > 50), then NO, then size > 60)");
	buf_free(&b);
}

static void test_runaway_found(void **state)
{
	struct chain *c = *state;
	char *subject = calloc(1, 4001);
	struct error err;
	parts_t want;

	memset(subject, 'a', 4000);
	subject[3999] = 'b';
	c->message.sender = slice_of(subject, 4000);
	bind(c, LIST("size > 50", "sender =~ /(a+)+$/"));
	assert_null(filter_runaway(c->bound));
	for (unsigned i = 0; i < LIMIT_REGEX_ERRORS; i++) {
		err = ERROR_INIT;
		filter_state_reset(c->state);
		assert_int_equal(eval(c, &want, &err), VERDICT_ERROR);
	}
	assert_string_equal(filter_runaway(c->bound), "/(a+)+$/");
	free(subject);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_first_wins, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_error_ends, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_lazy, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_not_asked_here, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_who_cannot, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_shared, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_shared_results, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_shared_values, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_shared_without_memory, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_printed, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_runaway_found, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
