/* Recipients rewritten as qmail-send does it, and back. */
#include "unit/qmail_act.h"

#include "../../backends/qmail/rewrite.h"

struct world {
	struct arena a;
	struct rewrite r;
};

static int open_world(void **state)
{
	static const char locals[] = "local.example.test\nMail.Example.TEST \n# no.example\n";
	static const char virtuals[] = "virt.example.test:alias-virt\n"
				       "boss@local.remote.example:alias-boss\n"
				       ".wild.example:wild\n"
				       "kept.wild.example:\n"
				       "no-colon\n"
				       "#gone.example:x\n";
	static struct world w;

	arena_init(&w.a, 0);
	assert_int_equal(rewrite_map_parse(&w.a, SLICE(locals), false, &w.r.locals), 0);
	assert_int_equal(rewrite_map_parse(&w.a, SLICE(virtuals), true, &w.r.virtuals), 0);
	assert_int_equal(
	    rewrite_map_parse(&w.a, SLICE("relay.example.test\n"), false, &w.r.percenthack), 0);
	w.r.envnoathost = SLICE("mail.example.test");
	*state = &w;
	return 0;
}

static int close_world(void **state)
{
	struct world *w = *state;

	arena_free(&w->a);
	return 0;
}

static const struct {
	const char *address;
	enum channel channel;
	const char *stored;
} forward[] = {
    {"a@local.example.test", CHANNEL_LOCAL, "a@local.example.test"},
    {"A@LOCAL.example.test", CHANNEL_LOCAL, "A@LOCAL.example.test"},
    {"a@mail.example.test", CHANNEL_LOCAL, "a@mail.example.test"},
    {"a", CHANNEL_LOCAL, "a@mail.example.test"},
    {"", CHANNEL_LOCAL, "@mail.example.test"},
    {"a@no.example", CHANNEL_REMOTE, "a@no.example"},
    {"a@sub.local.example.test", CHANNEL_REMOTE, "a@sub.local.example.test"},
    {"sales@virt.example.test", CHANNEL_LOCAL, "alias-virt-sales@virt.example.test"},
    {"alias-virt-sales@virt.example.test", CHANNEL_LOCAL,
     "alias-virt-alias-virt-sales@virt.example.test"},
    {"boss@local.remote.example", CHANNEL_LOCAL, "alias-boss-boss@local.remote.example"},
    {"other@local.remote.example", CHANNEL_REMOTE, "other@local.remote.example"},
    {"x@a.wild.example", CHANNEL_LOCAL, "wild-x@a.wild.example"},
    {"x@b.a.wild.example", CHANNEL_LOCAL, "wild-x@b.a.wild.example"},
    {"x@wild.example", CHANNEL_REMOTE, "x@wild.example"},
    {"x@kept.wild.example", CHANNEL_REMOTE, "x@kept.wild.example"},
    {"x@gone.example", CHANNEL_REMOTE, "x@gone.example"},
    {"u%virt.example.test@relay.example.test", CHANNEL_LOCAL, "alias-virt-u@virt.example.test"},
    {"u%far.example@relay.example.test", CHANNEL_REMOTE, "u@far.example"},
    {"u%far.example@local.example.test", CHANNEL_LOCAL, "u%far.example@local.example.test"},
    {"u@relay.example.test", CHANNEL_REMOTE, "u@relay.example.test"},
    {"a@b@virt.example.test", CHANNEL_LOCAL, "alias-virt-a@b@virt.example.test"},
    {"a@", CHANNEL_REMOTE, "a@"},
};

static void test_forward(void **state)
{
	struct world *w = *state;

	for (size_t i = 0; i < sizeof forward / sizeof forward[0]; i++) {
		struct slice stored;

		assert_int_equal(
		    rewrite_forward(&w->r, &w->a, slice_from(forward[i].address), &stored),
		    forward[i].channel);
		if (!slice_is(stored, forward[i].stored))
			print_message("%s: %" SLICE_FMT "\n", forward[i].address,
				      SLICE_ARG(stored));
		assert_true(slice_is(stored, forward[i].stored));
	}
}

/* Of several lines for a key the last one counts, wherever the others stand, and however it is
 * written. */
static void test_last_line(void **state)
{
	static const char *const files[] = {
	    "a.example:zz\nv.example:first\nv.example:second\n",
	    "v.example:first\nv.example:x\nV.example:y\na.example:zz\nv.EXAMPLE:second\n",
	    "v.example:first\n.example:q\nv.example:second \nb.example:v.example\n",
	    "v.example:no\nv.example:x\nv.example:a\nv.example:second\nv.example\n#v.example:b\n",
	};
	struct rewrite r = {0};
	struct slice stored;
	struct arena a;

	(void)state;
	arena_init(&a, 0);
	for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
		assert_int_equal(rewrite_map_parse(&a, slice_from(files[i]), true, &r.virtuals), 0);
		assert_int_equal(rewrite_forward(&r, &a, SLICE("r@v.example"), &stored),
				 CHANNEL_LOCAL);
		assert_true(slice_is(stored, "second-r@v.example"));
		assert_true(slice_is(rewrite_strip(&r, stored), "r@v.example"));
		/* what an overruled line would have made of it leads nowhere */
		assert_null(rewrite_inverse(&r, &a, CHANNEL_LOCAL, SLICE("first-r@v.example")).p);
	}
	/* an empty last one takes the prefix away */
	assert_int_equal(
	    rewrite_map_parse(&a, SLICE("v.example:first\nv.example:\n"), true, &r.virtuals), 0);
	assert_int_equal(rewrite_forward(&r, &a, SLICE("r@v.example"), &stored), CHANNEL_REMOTE);
	arena_free(&a);
}

/* Whatever comes back leads to the same again; and all that is stored does come back. */
static void test_inverse(void **state)
{
	struct world *w = *state;

	for (size_t i = 0; i < sizeof forward / sizeof forward[0]; i++) {
		struct slice stored = slice_from(forward[i].stored), again;
		struct slice back = rewrite_inverse(&w->r, &w->a, forward[i].channel, stored);

		assert_non_null(back.p);
		assert_int_equal(rewrite_forward(&w->r, &w->a, back, &again), forward[i].channel);
		assert_true(slice_eq(stored, again));
	}
	/* stored where the control files of today would not put it */
	assert_null(rewrite_inverse(&w->r, &w->a, CHANNEL_REMOTE, SLICE("a@local.example.test")).p);
	assert_null(rewrite_inverse(&w->r, &w->a, CHANNEL_LOCAL, SLICE("a@virt.example.test")).p);
	assert_null(rewrite_inverse(&w->r, &w->a, CHANNEL_REMOTE, SLICE("nohost")).p);
}

static void test_strip(void **state)
{
	static const char *const cases[][2] = {
	    {"alias-virt-sales@virt.example.test", "sales@virt.example.test"},
	    {"alias-virt-sales@VIRT.example.test", "sales@VIRT.example.test"},
	    {"alias-virtsales@virt.example.test", "alias-virtsales@virt.example.test"},
	    {"alias-virt@virt.example.test", "alias-virt@virt.example.test"},
	    {"wild-x@b.a.wild.example", "x@b.a.wild.example"},
	    {"x@kept.wild.example", "x@kept.wild.example"},
	    {"plain", "plain"},
	    {"", ""},
	};
	struct world *w = *state;

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		assert_true(slice_is(rewrite_strip(&w->r, slice_from(cases[i][0])), cases[i][1]));
}

/* As the recorded queue has them, from its own control files. */
static void test_recorded(void **state)
{
	struct rewrite r = {0};
	struct message m;
	struct arena a;
	struct box b;
	size_t seen = 0;

	(void)state;
	box_open(&b, "basic.tar");
	arena_init(&a, 0);
	assert_int_equal(rewrite_load(queue_qmail(b.queue), &a, &r, NULL), 0);
	box_scan(&b);
	for (size_t i = 0; i < b.count; i++) {
		box_get(&b, b.entries[i].number, PART_RECIPIENTS, &m);
		for (size_t k = 0; k < m.recipient_count; k++) {
			const struct recipient *p = &m.recipients[k];

			assert_non_null(rewrite_inverse(&r, &a, p->channel, p->raw).p);
			seen++;
		}
	}
	assert_true(seen > 50);
	arena_free(&a);
	box_close(&b);
}

static void test_control(void **state)
{
	struct error e = ERROR_INIT;
	struct rewrite r = {0};
	struct slice stored;
	struct arena a;
	struct box b;

	(void)state;
	box_open(&b, "empty.tar");
	arena_init(&a, 0);
	/* without locals only me is local; envnoathost is me unless it says otherwise */
	act_shell(&b, "rm -f ../control/locals; echo 'host.example ' >../control/envnoathost");
	assert_int_equal(rewrite_load(queue_qmail(b.queue), &a, &r, NULL), 0);
	assert_int_equal(rewrite_forward(&r, &a, SLICE("a@mail.example.test"), &stored),
			 CHANNEL_LOCAL);
	assert_int_equal(rewrite_forward(&r, &a, SLICE("a"), &stored), CHANNEL_REMOTE);
	assert_true(slice_is(stored, "a@host.example"));
	/* one that is there and cannot be read is no empty one */
	act_shell(&b, "mkdir ../control/percenthack");
	assert_int_equal(rewrite_load(queue_qmail(b.queue), &a, &r, &e), -1);
	assert_int_equal(e.code, ERROR_CORRUPT);
	box_close(&b);
	box_unpack(&b, "empty.tar");
	act_shell(&b, "mv ../control ../kontrol");
	box_open_with(&b, NULL, 0);
	e = ERROR_INIT;
	assert_int_equal(rewrite_load(queue_qmail(b.queue), &a, &r, &e), -1);
	assert_non_null(strstr(e.text, "control="));
	arena_free(&a);
	box_close(&b);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_forward, open_world, close_world),
	    cmocka_unit_test_setup_teardown(test_inverse, open_world, close_world),
	    cmocka_unit_test_setup_teardown(test_strip, open_world, close_world),
	    cmocka_unit_test(test_last_line),
	    cmocka_unit_test(test_recorded),
	    cmocka_unit_test(test_control),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
