/* out_json: every object parses again, whatever bytes the queue holds. */
#include "unit/cmocka_all.h"
#include "unit/fake_message.h"

#include "output.h"

#include <mtaq/limits.h>
#include <mtaq/sysio.h>

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

static const struct backend sendmail = {.name = "sendmail"};

const struct backend *backend_at(size_t i)
{
	return i == 0 ? &sendmail : NULL;
}

/* One line out, parsed again. */
static json_t *object_of(struct fake *f, bool terminal)
{
	struct output_options options = {.terminal = terminal};
	struct output *o = output_new(&output_json, &options, NULL);
	json_error_t error;
	json_t *object;

	buf_clear(&f->out);
	output_begin(o, &f->out);
	assert_int_equal(output_message(o, &f->c, &f->out, NULL), 0);
	output_end(o, 1, &f->out);
	output_free(o);
	assert_int_equal(f->out.p[f->out.n - 1], '\n');
	assert_true(slice_chr(slice_take(buf_slice(&f->out), f->out.n - 1), '\n') == SIZE_MAX);
	object = json_loadb(f->out.p, f->out.n, JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES, &error);
	assert_non_null(object);
	return object;
}

static const char *string_at(json_t *object, const char *name)
{
	return json_string_value(json_object_get(object, name));
}

static void two_recipients(struct fake *f)
{
	struct recipient *r = fake_recipient(f, "b@example.net", false);

	r->status = SLICE("451 4.7.1 later");
	r->own_status = true;
	r->channel = CHANNEL_REMOTE;
	r->attempts = number_of(2);
	r->last_attempt = number_of(100);
	fake_recipient(f, "done@example.net", true);
}

static void test_members(void **state)
{
	struct fake f;
	json_t *o, *r;

	(void)state;
	fake_init(&f, "sendmail");
	two_recipients(&f);
	fake_header(&f, "Subject", "one");
	fake_header(&f, "Subject", "two");
	o = object_of(&f, false);
	assert_int_equal(json_integer_value(json_object_get(o, "schema_version")), 1);
	assert_string_equal(string_at(o, "queue_id"), "A1");
	assert_string_equal(string_at(o, "queue_name"), "test:/q");
	assert_string_equal(string_at(o, "mta"), "sendmail");
	assert_string_equal(string_at(o, "state"), "queued");
	assert_true(json_is_false(json_object_get(o, "bounce")));
	assert_int_equal(json_integer_value(json_object_get(o, "arrival_time")), FAKE_NOW - 90000);
	assert_int_equal(json_integer_value(json_object_get(o, "age")), 90000);
	assert_int_equal(json_integer_value(json_object_get(o, "message_size")), 1234);
	assert_int_equal(json_integer_value(json_object_get(o, "recipient_count")), 2);
	assert_int_equal(json_integer_value(json_object_get(o, "pending_count")), 1);
	assert_int_equal(json_array_size(json_object_get(o, "subject")), 2);
	assert_null(json_object_get(o, "priority")); /* this message has none */
	assert_null(json_object_get(o, "errors"));
	assert_null(json_object_get(o, "body"));
	assert_null(json_object_get(o, "header"));
	r = json_array_get(json_object_get(o, "recipients"), 0);
	assert_int_equal(json_array_size(json_object_get(o, "recipients")), 1);
	assert_string_equal(string_at(r, "address"), "b@example.net");
	assert_string_equal(string_at(r, "domain"), "example.net");
	assert_string_equal(string_at(r, "delay_reason"), "451 4.7.1 later");
	assert_string_equal(string_at(r, "reply"), "451");
	assert_string_equal(string_at(r, "dsn"), "4.7.1");
	assert_string_equal(string_at(r, "channel"), "remote");
	assert_int_equal(json_integer_value(json_object_get(r, "attempts")), 2);
	assert_int_equal(json_integer_value(json_object_get(r, "last_attempt")), 100);
	r = json_array_get(json_object_get(o, "recipients_done"), 0);
	assert_string_equal(string_at(r, "address"), "done@example.net");
	assert_null(json_object_get(r, "attempts"));
	json_decref(o);
	fake_free(&f);
}

static void test_hostile_bytes(void **state)
{
	static char all[256];
	struct macro macro = {SLICE("\xff"), SLICE("\xc3\x28")};
	struct fake f;
	json_t *o, *r;

	(void)state;
	for (int i = 0; i < 256; i++)
		all[i] = (char)i;
	fake_init(&f, "sendmail");
	f.m.id = SLICE("id\xff\n");
	f.m.sender = slice_of(all, sizeof all);
	f.m.envid = slice_of(all, sizeof all);
	f.m.macros = &macro;
	f.m.macro_count = 1;
	fake_recipient(&f, "caf\xc3\xa9@x", false);
	fake_recipient(&f, "caf\xe9@x", false);
	for (int terminal = 0; terminal < 2; terminal++) {
		o = object_of(&f, terminal);
		assert_string_equal(string_at(o, "queue_id"), "id\xef\xbf\xbd\n");
		assert_string_equal(string_at(o, "queue_id_raw_hex"), "6964ff0a");
		assert_memory_equal(string_at(o, "sender"), all, 128);
		assert_int_equal(strlen(string_at(o, "sender_raw_hex")), 512);
		assert_memory_equal(string_at(o, "sender_raw_hex"), "000102", 6);
		assert_null(json_object_get(o, "envid_raw_hex"));
		assert_string_equal(string_at(json_object_get(o, "macro"), "\xef\xbf\xbd"),
				    "\xef\xbf\xbd(");
		r = json_array_get(json_object_get(o, "recipients"), 0);
		assert_string_equal(string_at(r, "address"), "caf\xc3\xa9@x");
		assert_null(json_object_get(r, "address_raw_hex"));
		r = json_array_get(json_object_get(o, "recipients"), 1);
		assert_string_equal(string_at(r, "address"), "caf\xef\xbf\xbd@x");
		assert_string_equal(string_at(r, "address_raw_hex"), "636166e94078");
		json_decref(o);
	}
	/* on a terminal nothing but printable ASCII */
	for (size_t i = 0; i + 1 < f.out.n; i++)
		assert_in_range((unsigned char)f.out.p[i], 32, 126);
	fake_free(&f);
}

static void test_errors_are_told(void **state)
{
	struct fake f;
	json_t *o, *e;

	(void)state;
	fake_init(&f, "sendmail");
	f.needs[FIELD_SUBJECT] = PART_HEADER;
	f.needs[FIELD_PRIORITY] = 0;
	f.m.priority = number_of(1);
	fake_header(&f, "Subject", "half");
	fake_failure(&f, PART_HEADER_I, ERROR_LIMIT, 0, "header is too l\xff");
	o = object_of(&f, false);
	assert_null(json_object_get(o, "subject"));
	assert_null(json_object_get(o, "priority"));
	assert_non_null(json_object_get(o, "sender"));
	assert_int_equal(json_array_size(json_object_get(o, "errors")), 1);
	e = json_array_get(json_object_get(o, "errors"), 0);
	assert_string_equal(string_at(e, "part"), "header");
	assert_string_equal(string_at(e, "code"), "limit");
	assert_string_equal(string_at(e, "text"), "header is too l\xef\xbf\xbd");
	json_decref(o);
	fake_free(&f);
}

/* sendmail forgets recipients that are done. */
static void test_mta_without_done_recipients(void **state)
{
	struct fake f;
	json_t *o, *r;

	(void)state;
	fake_init(&f, "sendmail");
	f.needs[FIELD_RECIPIENT_ALL] = f.needs[FIELD_RECIPIENT_DONE] = 0;
	f.needs[FIELD_CHANNEL] = 0;
	fake_recipient(&f, "b@example.net", false)->channel = CHANNEL_LOCAL;
	o = object_of(&f, false);
	r = json_array_get(json_object_get(o, "recipients"), 0);
	assert_string_equal(string_at(r, "address"), "b@example.net");
	assert_null(json_object_get(r, "channel"));
	assert_null(json_object_get(o, "recipients_done"));
	json_decref(o);
	fake_free(&f);
}

static void test_order_is_fixed(void **state)
{
	struct fake f;
	const char *p;

	(void)state;
	fake_init(&f, "sendmail");
	json_decref(object_of(&f, false));
	buf_addc(&f.out, '\0');
	assert_memory_equal(f.out.p,
			    "{\"schema_version\":1,\"queue_id\":\"A1\",\"queue_name\":", 49);
	p = strstr(f.out.p, "\"sender\":");
	assert_non_null(p);
	assert_non_null(strstr(p, "\"recipients\":[]"));
	fake_free(&f);
}

static void test_out_of_memory_leaves_nothing(void **state)
{
	struct output_options options = {0};
	struct output *o = output_new(&output_json, &options, NULL);
	struct error err = ERROR_INIT;
	struct fake f;
	char *big;

	(void)state;
	fake_init(&f, "sendmail");
	big = arena_alloc(&f.arena, 100000);
	memset(big, 0xff, 100000);
	f.m.sender = slice_of(big, 100000);
	f.arena.limit = f.arena.total;
	buf_adds(&f.out, "before\n");
	assert_int_equal(output_message(o, &f.c, &f.out, &err), -1);
	assert_int_equal(err.code, ERROR_LIMIT);
	assert_int_equal(f.out.n, 7);
	output_free(o);
	fake_free(&f);
}

/* ---- man/mtaq-json.5 ---- */

/* A message that has everything there is. */
static void fill(struct fake *f)
{
	static struct macro macro = {SLICE("_"), SLICE("ann@mx.example.org [192.0.2.7]")};
	const struct number n = number_of(5);
	struct message *m = &f->m;
	struct recipient *r;

	m->id = m->sender = SLICE("\xff@x");
	m->accepted = m->expires = m->last_attempt = m->next_attempt = m->attempts = m->priority =
	    m->version = n;
	m->flags = m->body_type = m->auth = m->envid = m->reason = m->deliver_by = SLICE("x");
	m->macros = &macro;
	m->macro_count = 1;
	m->identity.control_ino = 1;
	two_recipients(f);
	r = &f->recipients[0];
	r->address = SLICE("\xff@x");
	r->next_attempt = n;
	r->route = r->orcpt = r->final = r->control = SLICE("x");
	fake_header(f, "Received", " (qmail 1 invoked by uid 3); x");
	f->needs[FIELD_BODY] = PART_BODY;
	fake_failure(f, PART_BODY_I, ERROR_DENIED, 0, "no");
}

/* The page's text from its section `title` on, to the next section. */
static struct slice section(struct slice page, const char *title)
{
	struct slice heading = slice_from(title), rest = page, line;

	while (slice_cut(&rest, '\n', &line))
		if (slice_starts(line, SLICE(".Sh ")) && slice_eq(slice_skip(line, 4), heading))
			break;
	assert_non_null(rest.p);
	return slice_take(rest, slice_find(rest, SLICE("\n.Sh ")));
}

static void assert_members(struct slice page, const char *title, json_t *object)
{
	struct slice rest = section(page, title), line;
	const char *name;
	json_t *value;

	while (slice_cut(&rest, '\n', &line)) {
		char member[64];

		if (!slice_starts(line, SLICE(".It Cm ")))
			continue;
		snprintf(member, sizeof member, "%.*s", SLICE_ARG(slice_skip(line, 7)));
		if (!json_object_get(object, member))
			fail_msg("%s: the page has %s, the output has not", title, member);
	}
	json_object_foreach(object, name, value)
	{
		char item[80];

		snprintf(item, sizeof item, ".It Cm %s\n", name);
		if (slice_find(section(page, title), slice_from(item)) == SIZE_MAX)
			fail_msg("%s: the output has %s, the page has not", title, name);
	}
}

static struct slice read_page(struct arena *a)
{
	const char *top = getenv("top_srcdir");
	struct error err = ERROR_INIT;
	struct slice path = arena_printf(a, "%s/man/mtaq-json.5", top ? top : "."), page;

	assert_int_equal(sys_read_config(path.p, 1 << 20, a, &page, &err), 0);
	return page;
}

static void test_manual_has_all_members(void **state)
{
	struct slice page;
	struct fake f;
	json_t *o;

	(void)state;
	fake_init(&f, "sendmail");
	fill(&f);
	f.m.logged = f.recipients;
	f.m.logged_count = 1;
	o = object_of(&f, false);
	page = read_page(&f.arena);
	assert_members(page, "MEMBERS OF A MESSAGE", o);
	assert_members(page, "MEMBERS OF A RECIPIENT",
		       json_array_get(json_object_get(o, "recipients"), 0));
	assert_members(page, "MEMBERS OF AN ERROR",
		       json_array_get(json_object_get(o, "errors"), 0));
	json_decref(o);
	fake_free(&f);
}

/* A status that many recipients share is printed for each: past LIMIT_MESSAGE_BYTES the message is
 * told, and nothing of it printed; escaped, that is reached with less. */
static void test_limit(void **state)
{
	static const struct {
		size_t bytes;
		int recipients;
		char fill;
		bool fits;
	} rows[] = {
	    {LIMIT_MESSAGE_BYTES / 8, 7, 'x', true},
	    {LIMIT_MESSAGE_BYTES / 8, 8, 'x', false},
	    {LIMIT_MESSAGE_BYTES / 8, 1, '\x01', true},
	    {LIMIT_MESSAGE_BYTES / 8, 2, '\x01', false},
	};
	char *text = malloc(LIMIT_MESSAGE_BYTES / 8);

	(void)state;
	assert_non_null(text);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct output_options options = {.terminal = false};
		struct output *o = output_new(&output_json, &options, NULL);
		struct error err = ERROR_INIT;
		struct fake f;
		int r;

		fake_init(&f, "sendmail");
		memset(text, rows[i].fill, rows[i].bytes);
		for (int k = 0; k < rows[i].recipients; k++)
			fake_recipient(&f, "a@b", false)->status = slice_of(text, rows[i].bytes);
		r = output_message(o, &f.c, &f.out, &err);
		assert_int_equal(r, rows[i].fits ? 0 : -1);
		assert_int_equal(err.code, rows[i].fits ? ERROR_NONE : ERROR_LIMIT);
		assert_true(rows[i].fits || f.out.n == 0);
		output_free(o);
		fake_free(&f);
	}
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_members),
	    cmocka_unit_test(test_hostile_bytes),
	    cmocka_unit_test(test_errors_are_told),
	    cmocka_unit_test(test_mta_without_done_recipients),
	    cmocka_unit_test(test_order_is_fixed),
	    cmocka_unit_test(test_out_of_memory_leaves_nothing),
	    cmocka_unit_test(test_manual_has_all_members),
	    cmocka_unit_test(test_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
