/*
 * Any bytes as a condition of Perl: refused with its place, or understood as a filter that both
 * ways of evaluating answer alike, and whose negation is its opposite.
 */
#include "perl.h"

#include <mtaq/backend.h>

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { NOW = 1768478400 };

static void check(bool good)
{
	if (!good)
		abort();
}

static void check_refusal(struct slice text, const struct error *err)
{
	struct buf b;

	check(err->text[0] && (err->code != ERROR_USAGE || err->offset <= text.n));
	buf_init(&b);
	filter_caret(&b, text, err->offset);
	check(b.n >= 3 && slice_ends(buf_slice(&b), SLICE("^\n")));
	buf_free(&b);
}

static struct message some_message(const struct queue *q, struct arena *a)
{
	static struct recipient people[] = {{.address = {"a@b", 3}, .status = {"451 4.7.1 x", 11}},
					    {.address = {"c@d", 3}}};
	static struct slice statuses[] = {{"Deferred: x", 11}, {"451 4.7.1 x", 11}};
	static struct header headers[] = {{.name = {"Subject", 7}, .raw = {" a\xff x", 5}},
					  {.name = {"Subject", 7}, .raw = {" 7.5", 4}}};
	struct message m = {.queue = q, .arena = a, .have = (parts_t)((1u << PART_COUNT) - 1)};

	m.id = SLICE("x1");
	m.sender = SLICE("a@b");
	m.arrival = number_of(NOW - 100000);
	m.attempts = number_of(12);
	m.recipients = people;
	m.recipient_count = m.pending_count = 2;
	m.statuses = statuses;
	m.status_count = 2;
	m.headers = (struct header_list){headers, 2, 2};
	m.control_text =
	    SLICE("V8\nMDeferred: x\n$_a\n${b}c\nS<a@b>\nRPFD:<a@b>\n\tx\nRc\n.\nMy\n");
	return m;
}

static enum verdict evaluate(struct arena *a, const struct filter *f, const struct message *m)
{
	const struct message dummy = {.queue = m->queue, .arena = a};
	const struct backend *backend = m->queue->backend;
	const struct filter_target target = {.needs = backend->needs,
					     .lacks = backend->lacks,
					     .cost = backend->cost,
					     .dummy = &dummy,
					     .queue_name = m->queue->name};
	struct field_context c = {.message = m, .arena = a, .now = NOW};
	struct error err = ERROR_INIT;
	const struct filter *bound = filter_bind(a, f, &target, &err);
	struct filter_state *s = bound ? filter_state_new(bound) : NULL;
	enum verdict v, naive;
	parts_t want;

	/* all that is in %msg sendmail has */
	check(s != NULL);
	v = filter_eval(bound, s, &c, &want, &err);
	naive = filter_eval_naive(bound, s, &c);
	check(v == naive || filter_runaway(bound));
	filter_state_free(s);
	return v;
}

/* not (EXPR) is the opposite, unless a pattern has reached a limit. */
static void check_meaning(struct arena *a, const struct message *m, struct slice text,
			  const struct filter *f)
{
	enum verdict v = evaluate(a, f, m), opposite;
	struct error err = ERROR_INIT;
	struct filter *n;
	struct slice negated;

	/* a semicolon may end the text; it may be as long or as deep as can be */
	while (text.n && (ascii_isspace(text.p[text.n - 1]) || text.p[text.n - 1] == ';'))
		text.n--;
	negated = arena_printf(a, "not (%" SLICE_FMT "\n)", SLICE_ARG(text));
	if (memchr(text.p, '\0', text.n))
		return;
	n = perl_parse(a, negated, NOW, NULL, NULL, &err);
	if (!n)
		return;
	opposite = evaluate(a, n, m);
	check(v > VERDICT_YES || opposite > VERDICT_YES || v != opposite);
	filter_free(n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice text = slice_of((const char *)data, size);
	struct queue q = {.backend = backend_find("sendmail"), .name = "sendmail:/q", .host = "x"};
	struct error err = ERROR_INIT;
	struct message m;
	struct arena a;
	struct filter *f;
	struct buf b;

	arena_init(&a, 0);
	m = some_message(&q, &a);
	f = perl_parse(&a, text, NOW, NULL, NULL, &err);
	if (f) {
		buf_init(&b);
		filter_print(f, &b);
		buf_free(&b);
		check_meaning(&a, &m, text, f);
	} else {
		check_refusal(text, &err);
	}
	filter_free(f);
	arena_free(&a);
	return 0;
}
