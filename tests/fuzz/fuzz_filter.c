/*
 * Any bytes as an expression: it is refused with its place, or it prints as text that is the same
 * expression, and both ways of evaluating it agree. Files of `in file` are left out: they are not
 * the fuzzer's to open.
 */
#include "filter_ast.h"
#include "unit/filter_world.h"

#include <mtaq/limits.h>

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool good)
{
	if (!good)
		abort();
}

static bool has_file(struct slice s)
{
	for (; s.n >= 4; s = slice_skip(s, 1))
		if (slice_caseeq(slice_take(s, 4), SLICE("file")))
			return true;
	return false;
}

static void check_refusal(struct slice text, const struct error *err)
{
	struct buf b;

	check(err->code == ERROR_USAGE && err->text[0] && err->offset <= text.n);
	buf_init(&b);
	filter_caret(&b, text, err->offset);
	check(b.n >= 3 && slice_ends(buf_slice(&b), SLICE("^\n")));
	for (size_t i = 0; i < b.n; i++)
		check((unsigned char)b.p[i] >= ' ' || b.p[i] == '\n');
	buf_free(&b);
}

static void check_print(struct arena *a, const struct filter *f)
{
	struct error err = ERROR_INIT;
	struct buf first, second;
	struct filter *again;

	buf_init(&first);
	buf_init(&second);
	filter_print(f, &first);
	/* escapes may make it longer than an expression may be */
	if (first.n <= LIMIT_EXPR_BYTES) {
		again = filter_parse(a, buf_slice(&first), WORLD_NOW, &err);
		check(again);
		filter_print(again, &second);
		check(slice_eq(buf_slice(&first), buf_slice(&second)));
		filter_free(again);
	}
	buf_free(&first);
	buf_free(&second);
}

static struct message some_message(struct world *w)
{
	static struct recipient people[] = {
	    {.address = {"a@b", 3}, .status = {"451 4.7.1 x", 11}, .channel = CHANNEL_LOCAL},
	    {.address = {"c@d", 3}, .attempts = {true, 3}, .channel = CHANNEL_REMOTE},
	    {.address = {"", 0}, .done = true}};
	static struct header headers[] = {{.name = {"Subject", 7}, .raw = {" a\xff x", 5}}};
	static const struct error why = {
	    .code = ERROR_SYSTEM, .offset = SIZE_MAX, .text = "failed"};
	struct message m = world_message(w);

	m.sender = SLICE("a@b");
	m.arrival = number_of(WORLD_NOW - 100000);
	m.size = number_of(1000);
	m.recipients = people;
	m.recipient_count = 3;
	m.pending_count = 2;
	m.headers = (struct header_list){headers, 1, 1};
	m.body = SLICE("a\nb");
	world_fail(&m, PART_LOG, &why);
	return m;
}

static void check_evaluation(struct world *w, const struct filter *f)
{
	struct message m = some_message(w);
	struct field_context c = world_context(w, &m);
	struct error err = ERROR_INIT;
	const struct filter *bound = filter_bind(&w->arena, f, &w->target, &err);
	struct filter_state *s = bound ? filter_state_new(bound) : NULL;
	enum verdict v, naive;
	parts_t want;

	check(s || err.code != ERROR_NONE);
	if (!s)
		return;
	v = filter_eval(bound, s, &c, &want, &err);
	naive = filter_eval_naive(bound, s, &c);
	/* a pattern that has run away is not tried on all values any more */
	check(v == naive || filter_runaway(bound));
	check((v == VERDICT_ERROR) == (err.code != ERROR_NONE));
	filter_state_free(s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice text = slice_of((const char *)data, size);
	struct error err = ERROR_INIT;
	struct filter *f;
	struct world w;

	if (has_file(text))
		return 0;
	world_init(&w);
	f = filter_parse(&w.arena, text, WORLD_NOW, &err);
	if (f) {
		check_print(&w.arena, f);
		check_evaluation(&w, f);
	} else {
		check_refusal(text, &err);
	}
	filter_free(f);
	world_free(&w);
	return 0;
}
