/* The contents of qmail's queue files, the names that are messages, ids, and where remote mail
 * goes. */
#include "unit/cmocka_all.h"

#include "../../backends/qmail/internal.h"

static struct arena arena;

static void assert_slice(struct slice got, struct slice want)
{
	assert_true((got.p == NULL) == (want.p == NULL));
	assert_int_equal(got.n, want.n);
	if (want.n)
		assert_memory_equal(got.p, want.p, want.n);
}

/* ---- info ---- */

static void test_info(void **state)
{
	static const struct {
		struct slice bytes, sender;
		const char *damage; /* a piece of it */
	} cases[] = {
	    {SLICE("Fa@b.example\0"), SLICE("a@b.example"), NULL},
	    {SLICE("F\0"), SLICE(""), NULL},
	    {SLICE("F#@[]\0"), SLICE("#@[]"), NULL},
	    {SLICE("Fowner-@host-@[]\0"), SLICE("owner-@host-@[]"), NULL},
	    {SLICE("Fa\0second\0garbage"), SLICE("a"), NULL},
	    {SLICE("Fa b\n\033\t<x> bouncing\0"), SLICE("a b\n\033\t<x> bouncing"), NULL},
	    {SLICE(""), {NULL, 0}, "is empty"},
	    {SLICE("Fcut.off@loc"), SLICE("cut.off@loc"), "no NUL"},
	    {SLICE("F"), SLICE(""), "no NUL"},
	    {SLICE("Xstrange@example\0"), SLICE("strange@example"), "begin with F"},
	    {SLICE("\0"), SLICE(""), "begin with F"},
	    {SLICE("\0Fa\0"), SLICE(""), "begin with F"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct slice sender = SLICE("left over from another message");
		const char *damage = info_parse(cases[i].bytes, &sender);

		assert_slice(sender, cases[i].sender);
		assert_true((damage == NULL) == (cases[i].damage == NULL));
		if (damage)
			assert_non_null(strstr(damage, cases[i].damage));
	}
}

/* ---- local, remote ---- */

/* "T:addr" and "D:addr" of the list, each followed by a bar. */
static struct slice spell(const struct recipient *list, size_t n)
{
	struct slice out = SLICE("");

	for (size_t i = 0; i < n; i++)
		out = arena_printf(&arena, "%" SLICE_FMT "%c:%" SLICE_FMT "|", SLICE_ARG(out),
				   list[i].done ? 'D' : 'T', SLICE_ARG(list[i].address));
	return out;
}

static void test_channel(void **state)
{
	static const struct {
		struct slice bytes, recipients;
		const char *damage;
	} cases[] = {
	    {SLICE(""), SLICE(""), NULL},
	    {SLICE("Ta@b\0"), SLICE("T:a@b|"), NULL},
	    {SLICE("Ta@b\0Dc@d\0Te\0"), SLICE("T:a@b|D:c@d|T:e|"), NULL},
	    {SLICE("T\0D\0"), SLICE("T:|D:|"), NULL},
	    {SLICE("Ta\nb c\033\0"), SLICE("T:a\nb c\033|"), NULL},
	    {SLICE("Ta\0Qb\0Dc\0"), SLICE("T:a|D:c|"), "unknown type"},
	    {SLICE("Ta\0\0Tb\0"), SLICE("T:a|T:b|"), "unknown type"},
	    {SLICE("Ta\0Tcut"), SLICE("T:a|"), "without NUL"},
	    {SLICE("T"), SLICE(""), "without NUL"},
	    {SLICE("Qb\0Tcut"), SLICE(""), "unknown type"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct recipient list[8];
		size_t n = 0;
		const char *damage = channel_parse(cases[i].bytes, CHANNEL_REMOTE, list, &n);

		assert_true(n <= record_count(cases[i].bytes));
		assert_slice(spell(list, n), cases[i].recipients);
		assert_true((damage == NULL) == (cases[i].damage == NULL));
		if (damage)
			assert_non_null(strstr(damage, cases[i].damage));
		for (size_t k = 0; k < n; k++)
			assert_int_equal(list[k].channel, CHANNEL_REMOTE);
	}
}

static void test_channels_append(void **state)
{
	struct recipient list[2];
	size_t n = 0;

	(void)state;
	assert_null(channel_parse(SLICE("Ta\0"), CHANNEL_LOCAL, list, &n));
	assert_null(channel_parse(SLICE("Tb\0"), CHANNEL_REMOTE, list, &n));
	assert_int_equal(n, 2);
	assert_int_equal(list[0].channel, CHANNEL_LOCAL);
	assert_int_equal(list[1].channel, CHANNEL_REMOTE);
}

/* ---- todo ---- */

static void test_envelope(void **state)
{
	static const struct {
		struct slice bytes, sender, uid, recipients;
		const char *damage;
	} cases[] = {
	    {SLICE("u7\0p12\0Fa@b\0Tc@d\0Te\0"), SLICE("a@b"), SLICE("7"), SLICE("T:c@d|T:e|"),
	     NULL},
	    {SLICE("u7\0p12\0F\0"), SLICE(""), SLICE("7"), SLICE(""), NULL},
	    {SLICE(""), {NULL, 0}, {NULL, 0}, SLICE(""), "no sender"},
	    {SLICE("u7\0p12\0"), {NULL, 0}, SLICE("7"), SLICE(""), "no sender"},
	    {SLICE("u7\0p12\0Fa@b\0Tcut"), SLICE("a@b"), SLICE("7"), SLICE(""), "without NUL"},
	    {SLICE("u7\0Fa\0Fb\0Tc\0"), SLICE("a"), SLICE("7"), SLICE("T:c|"), "two senders"},
	    {SLICE("u7\0Fa\0Zb\0Tc\0"), SLICE("a"), SLICE("7"), SLICE("T:c|"), "unknown type"},
	    {SLICE("u7\0Fa\0Db\0"), SLICE("a"), SLICE("7"), SLICE(""), "unknown type"},
	    {SLICE("u7\0Fa\0\0"), SLICE("a"), SLICE("7"), SLICE(""), "unknown type"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct recipient list[8];
		struct envelope env;
		size_t n = 0;
		const char *damage = envelope_parse(cases[i].bytes, &env, list, &n);

		assert_slice(env.sender, cases[i].sender);
		assert_slice(env.uid, cases[i].uid);
		assert_slice(spell(list, n), cases[i].recipients);
		assert_true((damage == NULL) == (cases[i].damage == NULL));
		if (damage)
			assert_non_null(strstr(damage, cases[i].damage));
	}
}

/* ---- names ---- */

static void test_names(void **state)
{
	static const struct {
		const char *name;
		enum name_kind kind;
		uint64_t number;
	} cases[] = {
	    {"206850", NAME_NUMBER, 206850},
	    {"0", NAME_NUMBER, 0},
	    {"18446744073709551615", NAME_NUMBER, UINT64_MAX},
	    {"18446744073709551616", NAME_WRAPS, 0},
	    {"18446744073709551617", NAME_WRAPS, 1},
	    {"99999999999999999999999", NAME_WRAPS, 0},
	    {"0123", NAME_ZEROS, 123},
	    {"00", NAME_ZEROS, 0},
	    {"12x", NAME_STRAY, 0},
	    {"+12", NAME_STRAY, 0},
	    {"-12", NAME_STRAY, 0},
	    {"12 ", NAME_STRAY, 0},
	    {"core", NAME_STRAY, 0},
	    {"206850~", NAME_STRAY, 0},
	    {"206850.bak", NAME_STRAY, 0},
	    {"esc\033[31m", NAME_STRAY, 0},
	    {"\xd9\xa1\xd9\xa2", NAME_STRAY, 0},
	    {".nfs00000000deadbeef", NAME_HIDDEN, 0},
	    {".123", NAME_HIDDEN, 0},
	    {"", NAME_HIDDEN, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		uint64_t n;

		assert_int_equal(qmail_name(slice_from(cases[i].name), &n), cases[i].kind);
		if (cases[i].kind == NAME_NUMBER || cases[i].number)
			assert_true(n == cases[i].number);
	}
}

static void test_ids(void **state)
{
	static const struct {
		const char *id;
		bool valid, has_mtime;
		uint64_t number;
		int64_t mtime;
	} cases[] = {
	    {"206850", true, false, 206850, 0},
	    {"#206850", true, false, 206850, 0},
	    {" 206850*\n", true, false, 206850, 0},
	    {"206850!", true, false, 206850, 0},
	    {"206850@1795163779000000001", true, true, 206850, 1795163779000000001},
	    {"#206850@0", true, true, 206850, 0},
	    {"206850@-5", true, true, 206850, -5},
	    {"/var/qmail/queue/mess/17/206850", true, false, 206850, 0},
	    {"mess/17/206850", true, false, 206850, 0},
	    {"/var/qmail/queue2/mess/17/206850", false, false, 0, 0},
	    {"/elsewhere/206850", false, false, 0, 0},
	    {"206850@", false, false, 0, 0},
	    {"206850@x", false, false, 0, 0},
	    {"206850@1795163779000000001x", false, false, 0, 0},
	    {"0206850", false, false, 0, 0},
	    {"18446744073709551617", false, false, 0, 0},
	    {"20685x", false, false, 0, 0},
	    {"tAE9QVHl018335", false, false, 0, 0},
	    {"", false, false, 0, 0},
	    {"#", false, false, 0, 0},
	    {"/", false, false, 0, 0},
	    {"@", false, false, 0, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct wanted w;

		assert_int_equal(id_parse(slice_from(cases[i].id), "/var/qmail/queue", &w),
				 cases[i].valid);
		if (!cases[i].valid)
			continue;
		assert_int_equal(w.number, cases[i].number);
		assert_int_equal(w.has_mtime, cases[i].has_mtime);
		assert_true(w.mtime_ns == cases[i].mtime);
	}
}

/* ---- smtproutes ---- */

static void test_routes(void **state)
{
	static const char text[] = "# comment:nowhere\n"
				   "exact.example:relay1\n"
				   ".sub.example:relay2:2525 \t\n"
				   "DIRECT.example:\n"
				   "twice.example:first\n"
				   "secret.example:relay3:587 user password\n"
				   "secret2.example:relay4|user|password\n"
				   "no colon here\n"
				   "\n"
				   "twice.example:second\n"
				   ":smarthost:26";
	static const struct {
		const char *address, *relay;
	} cases[] = {
	    {"a@exact.example", "relay1"},
	    {"a@EXACT.Example", "relay1"},
	    {"a@x.exact.example", "smarthost:26"},
	    {"a@sub.example", "smarthost:26"},
	    {"a@x.y.sub.example", "relay2:2525"},
	    {"a@direct.example", NULL},
	    {"a@twice.example", "second"},
	    {"a@b@exact.example", "relay1"},
	    {"a@secret.example", "relay3:587"},
	    {"a@secret2.example", "relay4"},
	    {"a@", "smarthost:26"},
	    {"nodomain", NULL},
	    {"", NULL},
	};
	struct control_line *list;
	size_t n;

	(void)state;
	assert_int_equal(routes_parse(&arena, slice_from(text), &list, &n), 0);
	assert_int_equal(n, 7);
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		assert_slice(route_find(list, n, slice_from(cases[i].address)),
			     slice_from(cases[i].relay));
	assert_int_equal(routes_parse(&arena, SLICE("a.example:b\n"), &list, &n), 0);
	assert_slice(route_find(list, n, SLICE("x@b.example")), SLICE_NONE);
	assert_int_equal(routes_parse(&arena, SLICE(""), &list, &n), 0);
	assert_int_equal(n, 0);
	assert_slice(route_find(list, n, SLICE("x@b.example")), SLICE_NONE);
}

static int set_up(void **state)
{
	(void)state;
	arena_init(&arena, 0);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	arena_free(&arena);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_info),
	    cmocka_unit_test(test_channel),
	    cmocka_unit_test(test_channels_append),
	    cmocka_unit_test(test_envelope),
	    cmocka_unit_test(test_names),
	    cmocka_unit_test(test_ids),
	    cmocka_unit_test(test_routes),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
