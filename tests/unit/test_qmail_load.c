/* Every recorded queue read and compared with the reference reading of it (CASE.truth.json). */
#include <jansson.h>

#include "unit/qmail_box.h"

static const char *const cases[] = {"basic",	"bigtodo", "bouncing", "split1",
				    "split151", "tcpto",   "todo"};
static const char *const archives[] = {"basic.tar",  "bigtodo.tar",	"bouncing.tar",
				       "split1.tar", "split151.tar.gz", "tcpto.tar",
				       "todo.tar"};

enum { CASES = sizeof cases / sizeof cases[0] };

static json_t *load_truth(const char *name)
{
	const char *top = getenv("top_srcdir");
	char path[512];
	json_t *truth;

	snprintf(path, sizeof path, "%s/fixtures/qmail/%s.truth.json", top ? top : ".", name);
	truth = json_load_file(path, 0, NULL);
	assert_non_null(truth);
	return truth;
}

/* The reference shows bytes as Latin-1 characters. */
static struct slice latin1(struct arena *a, const json_t *text)
{
	struct slice s = slice_of(json_string_value(text), json_string_length(text));
	char *out = arena_alloc(a, s.n + 1);
	size_t n = 0;

	assert_non_null(json_string_value(text));
	for (size_t i = 0; i < s.n; i++) {
		unsigned c = (unsigned char)s.p[i];

		if (c >= 0xc0 && i + 1 < s.n)
			c = (c & 3) << 6 | ((unsigned char)s.p[++i] & 0x3f);
		out[n++] = (char)c;
	}
	return slice_of(out, n);
}

static void assert_bytes(struct slice got, struct slice want)
{
	assert_int_equal(got.n, want.n);
	assert_memory_equal(got.p, want.p, want.n);
}

static void compare_recipients(struct box *b, const struct message *m, const json_t *list)
{
	size_t i, pending = 0;
	const json_t *r;

	assert_int_equal(m->recipient_count, json_array_size(list));
	json_array_foreach(list, i, r)
	{
		bool local = strcmp(json_string_value(json_object_get(r, "chan")), "local") == 0;

		assert_bytes(m->recipients[i].address,
			     latin1(&b->arena, json_object_get(r, "addr")));
		assert_int_equal(m->recipients[i].done, json_is_true(json_object_get(r, "done")));
		assert_int_equal(m->recipients[i].channel, local ? CHANNEL_LOCAL : CHANNEL_REMOTE);
		pending += !m->recipients[i].done;
	}
	assert_int_equal(m->pending_count, pending);
	assert_int_equal(m->state, pending ? STATE_QUEUED : STATE_ENDING);
}

/* u, p, F, then the T records. */
static void compare_envelope(struct box *b, const struct message *m, const json_t *records)
{
	assert_int_equal(m->state, STATE_NEW);
	assert_int_equal(m->recipient_count, json_array_size(records) - 3);
	assert_int_equal(m->pending_count, m->recipient_count);
	assert_bytes(m->sender, slice_skip(latin1(&b->arena, json_array_get(records, 2)), 1));
	for (size_t i = 0; i < m->recipient_count; i++) {
		const struct recipient *r = &m->recipients[i];

		assert_bytes(r->address,
			     slice_skip(latin1(&b->arena, json_array_get(records, i + 3)), 1));
		assert_false(r->done);
		assert_int_equal(r->channel, CHANNEL_NONE);
	}
}

static bool has_file(const json_t *truth, const char *name)
{
	size_t i;
	const json_t *f;

	json_array_foreach(json_object_get(truth, "files"), i, f)
	{
		if (strcmp(json_string_value(f), name) == 0)
			return true;
	}
	return false;
}

static void compare_queued(struct box *b, const struct message *m, const json_t *truth)
{
	struct slice sender = latin1(&b->arena, json_object_get(truth, "sender"));

	assert_bytes(m->sender, sender);
	assert_int_equal(m->arrival.value, json_integer_value(json_object_get(truth, "birth")));
	assert_true(m->expires.known);
	assert_int_equal(m->expires.value, m->arrival.value + 604800);
	assert_int_equal(m->bouncing, has_file(truth, "bounce"));
	assert_int_equal(m->double_bounce, slice_is(sender, "#@[]"));
	assert_int_equal(m->bounce, sender.n == 0);
	compare_recipients(b, m, json_object_get(truth, "recips"));
}

static void compare_subject(struct box *b, const struct message *m, const json_t *truth)
{
	const json_t *want = json_object_get(truth, "subject_unfolded_latin1");
	json_int_t count = json_integer_value(json_object_get(truth, "subject_headers"));
	const struct header *h;
	size_t at = 0;

	assert_false(m->failed & PART_HEADER);
	h = header_find(&m->headers, SLICE("subject"), &at);
	if (!json_is_string(want)) {
		assert_true(count > 0 || h == NULL);
		return;
	}
	assert_non_null(h);
	assert_bytes(header_unfold(&b->arena, h->raw), slice_trim(latin1(&b->arena, want)));
	while (h && count-- > 0)
		h = header_find(&m->headers, SLICE("subject"), &at);
	assert_null(h);
}

static void compare_message(struct box *b, const json_t *truth)
{
	const char *state = json_string_value(json_object_get(truth, "state"));
	struct message m;

	box_begin(b, (uint64_t)json_integer_value(json_object_get(truth, "id")), &m);
	box_load(b, &m, ENVELOPE_PARTS | PART_DATA | PART_HEADER);
	assert_false(m.gone);
	assert_int_equal(m.failed, 0);
	assert_true(m.state_known);
	assert_int_equal(m.size.value, json_integer_value(json_object_get(truth, "size")));
	compare_subject(b, &m, truth);
	if (strcmp(state, "S5") == 0) {
		compare_queued(b, &m, truth);
	} else if (strcmp(state, "S4") == 0) {
		compare_envelope(b, &m, json_object_get(truth, "envelope"));
		assert_true(m.arrival.known);
	} else {
		assert_int_equal(m.state, STATE_INCOMING);
		assert_false(m.arrival.known);
		assert_null(m.sender.p);
		assert_int_equal(m.recipient_count, 0);
		assert_true(m.accepted.known);
	}
}

static void test_truth(void **state)
{
	(void)state;
	for (size_t i = 0; i < CASES; i++) {
		json_t *truth = load_truth(cases[i]);
		struct box b;

		box_open(&b, archives[i]);
		box_scan(&b);
		print_message("# %s: %zu messages\n", cases[i], b.count);
		assert_string_equal(b.told, "");
		assert_int_equal(b.count, json_array_size(truth));
		for (size_t k = 0; k < b.count; k++)
			compare_message(&b, json_array_get(truth, k));
		box_close(&b);
		json_decref(truth);
	}
}

static void test_empty(void **state)
{
	struct box b;

	(void)state;
	box_open(&b, "empty.tar");
	box_scan(&b);
	assert_int_equal(b.count, 0);
	assert_string_equal(b.told, "");
	box_close(&b);
}

/* Each part by itself, in any order, gives what all at once give. */
static void test_parts_apart(void **state)
{
	static const parts_t orders[][5] = {
	    {PART_STAT, PART_CONTROL, PART_DATA, PART_RECIPIENTS, PART_BODY},
	    {PART_BODY, PART_RECIPIENTS, PART_DATA, PART_CONTROL, PART_STAT},
	    {PART_RECIPIENTS, PART_STAT, PART_HEADER, PART_CONTROL, PART_BODY},
	};
	struct box b;

	(void)state;
	box_open(&b, "basic.tar");
	box_scan(&b);
	for (size_t k = 0; k < b.count; k++) {
		for (size_t o = 0; o < 3; o++) {
			struct message whole, m;

			box_get(&b, b.entries[k].number, ENVELOPE_PARTS | PART_DATA | PART_BODY,
				&whole);
			backend_qmail.begin(b.queue, &b.entries[k], &b.arena, &m);
			for (size_t i = 0; i < 5; i++)
				box_load(&b, &m, orders[o][i]);
			assert_int_equal(m.failed, 0);
			assert_int_equal(m.state, whole.state);
			assert_int_equal(m.arrival.value, whole.arrival.value);
			assert_int_equal(m.size.value, whole.size.value);
			assert_int_equal(m.bounce, whole.bounce);
			assert_int_equal(m.double_bounce, whole.double_bounce);
			assert_int_equal(m.recipient_count, whole.recipient_count);
			assert_int_equal(m.headers.count, whole.headers.count);
			assert_true(slice_eq(m.sender, whole.sender));
			assert_true(slice_eq(m.body, whole.body));
			assert_memory_equal(&m.identity, &whole.identity, sizeof m.identity);
		}
	}
	box_close(&b);
}

/* A stat alone tells a bounce from other mail. */
static void test_bounce_by_stat(void **state)
{
	size_t bounces = 0, doubles = 0;
	struct box b;

	(void)state;
	box_open(&b, "basic.tar");
	box_scan(&b);
	for (size_t k = 0; k < b.count; k++) {
		struct message by_stat, whole;

		box_get(&b, b.entries[k].number, PART_STAT, &by_stat);
		box_get(&b, b.entries[k].number, ENVELOPE_PARTS, &whole);
		assert_int_equal(by_stat.bounce, whole.bounce);
		assert_int_equal(by_stat.double_bounce, whole.double_bounce);
		bounces += whole.bounce;
		doubles += whole.double_bounce;
	}
	assert_true(doubles > 0);
	assert_true(bounces > doubles);
	box_close(&b);
}

static void test_routes_of_recipients(void **state)
{
	size_t routed = 0, local = 0;
	struct box b;

	(void)state;
	box_open(&b, "basic.tar");
	box_scan(&b);
	for (size_t k = 0; k < b.count; k++) {
		struct message m;

		box_get(&b, b.entries[k].number, PART_RECIPIENTS, &m);
		for (size_t i = 0; i < m.recipient_count; i++) {
			const struct recipient *r = &m.recipients[i];

			local += r->channel == CHANNEL_LOCAL;
			if (r->channel == CHANNEL_LOCAL)
				assert_null(r->route.p);
			else
				routed += slice_is(r->route, "127.0.0.1:2525");
		}
	}
	assert_true(routed > 0);
	assert_true(local > 0);
	box_close(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_truth),
	    cmocka_unit_test(test_empty),
	    cmocka_unit_test(test_parts_apart),
	    cmocka_unit_test(test_bounce_by_stat),
	    cmocka_unit_test(test_routes_of_recipients),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
