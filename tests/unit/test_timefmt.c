/* timefmt: durations, sizes, times, read and printed. */
#include "unit/cmocka_all.h"

#include <mtaq/timefmt.h>

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "unit/turkish.h"

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))

static void set_zone(const char *tz)
{
	setenv("TZ", tz, 1);
	tzset();
}

static void test_duration_parse(void **state)
{
	static const struct {
		struct slice text;
		bool ok;
		int64_t seconds;
	} rows[] = {
	    {SLICE("90s"), true, 90},
	    {SLICE("15m"), true, 900},
	    {SLICE("4h"), true, 14400},
	    {SLICE("2d"), true, 172800},
	    {SLICE("1w"), true, 604800},
	    {SLICE("1h30m"), true, 5400},
	    {SLICE("30m1h"), true, 5400},
	    {SLICE("0s"), true, 0},
	    {SLICE("9223372036854775807s"), true, INT64_MAX},
	    {SLICE("9223372036854775808s"), false, 0},
	    {SLICE("9223372036854775807s1s"), false, 0},
	    {SLICE("153722867280912931m"), false, 0},
	    {SLICE(""), false, 0},
	    {SLICE("90"), false, 0},
	    {SLICE("1h30"), false, 0},
	    {SLICE("h"), false, 0},
	    {SLICE("-1h"), false, 0},
	    {SLICE("1 h"), false, 0},
	    {SLICE("1H"), false, 0},
	    {SLICE("1y"), false, 0},
	    {SLICE("1h\0"), false, 0},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		int64_t v = -7;

		assert_int_equal(duration_parse(rows[i].text, &v), rows[i].ok);
		assert_true(v == (rows[i].ok ? rows[i].seconds : -7));
	}
}

static void test_size_parse(void **state)
{
	static const struct {
		struct slice text;
		bool ok;
		int64_t bytes;
	} rows[] = {
	    {SLICE("4096"), true, 4096},
	    {SLICE("10k"), true, 10240},
	    {SLICE("2M"), true, 2 << 20},
	    {SLICE("1G"), true, 1 << 30},
	    {SLICE("3T"), true, INT64_C(3) << 40},
	    {SLICE("8388607t"), true, INT64_C(8388607) << 40},
	    {SLICE("8388608t"), false, 0},
	    {SLICE("0"), true, 0},
	    {SLICE(""), false, 0},
	    {SLICE("k"), false, 0},
	    {SLICE("1kb"), false, 0},
	    {SLICE("1.5k"), false, 0},
	    {SLICE("-1"), false, 0},
	    {SLICE("1\0"), false, 0},
	    {SLICE("1P"), false, 0},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		int64_t v = -7;

		assert_int_equal(size_parse(rows[i].text, &v), rows[i].ok);
		assert_true(v == (rows[i].ok ? rows[i].bytes : -7));
	}
}

static void test_time_parse(void **state)
{
	static const struct {
		const char *zone;
		struct slice text;
		bool ok;
		int64_t t;
	} rows[] = {
	    {"UTC", SLICE("2026-11-20"), true, 1795132800},
	    {"UTC", SLICE("2026-11-20T08:00"), true, 1795161600},
	    {"UTC", SLICE("2026-11-20T08:00:30"), true, 1795161630},
	    {"CET-1CEST,M3.5.0,M10.5.0/3", SLICE("2026-11-20"), true, 1795129200},
	    {"CET-1CEST,M3.5.0,M10.5.0/3", SLICE("2026-07-01T12:00"), true, 1782900000},
	    {"CET-1CEST,M3.5.0,M10.5.0/3", SLICE("2026-11-20T08:00Z"), true, 1795161600},
	    {"CET-1CEST,M3.5.0,M10.5.0/3", SLICE("2026-11-20Z"), true, 1795132800},
	    {"UTC", SLICE("1969-12-31T23:59:59"), true, -1},
	    {"UTC", SLICE("1969-12-31T23:59:59Z"), true, -1},
	    {"UTC", SLICE("2024-02-29"), true, 1709164800},
	    {"UTC", SLICE("2000-02-29Z"), true, 951782400},
	    {"UTC", SLICE("@1447493191"), true, 1447493191},
	    {"UTC", SLICE("@-5"), true, -5},
	    {"UTC", SLICE("@-9223372036854775807"), true, -INT64_MAX},
	    {"UTC", SLICE("2023-02-29"), false, 0},
	    {"UTC", SLICE("1900-02-29"), false, 0},
	    {"UTC", SLICE("2026-04-31"), false, 0},
	    {"UTC", SLICE("2026-13-01"), false, 0},
	    {"UTC", SLICE("2026-00-01"), false, 0},
	    {"UTC", SLICE("2026-01-00"), false, 0},
	    {"UTC", SLICE("2026-11-20T24:00"), false, 0},
	    {"UTC", SLICE("2026-11-20T08:60"), false, 0},
	    {"UTC", SLICE("2026-11-20T08:00:60"), false, 0},
	    {"UTC", SLICE("2026-11-20T08"), false, 0},
	    {"UTC", SLICE("2026-11-20T"), false, 0},
	    {"UTC", SLICE("2026-11-20 08:00"), false, 0},
	    {"UTC", SLICE("2026-11-20T08:00ZZ"), false, 0},
	    {"UTC", SLICE("2026-11-20x"), false, 0},
	    {"UTC", SLICE("26-11-20"), false, 0},
	    {"UTC", SLICE("2026-1-20"), false, 0},
	    {"UTC", SLICE("@"), false, 0},
	    {"UTC", SLICE("@1x"), false, 0},
	    {"UTC", SLICE("@9223372036854775808"), false, 0},
	    {"UTC", SLICE(""), false, 0},
	    {"UTC", SLICE("1447493191"), false, 0},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		int64_t t = -7;

		set_zone(rows[i].zone);
		assert_int_equal(time_parse(rows[i].text, &t), rows[i].ok);
		if (rows[i].ok)
			assert_true(t == rows[i].t);
	}
}

static void test_durations_printed(void **state)
{
	static const struct {
		int64_t seconds;
		const char *exact, *human;
	} rows[] = {
	    {0, "0s", "0s"},
	    {45, "45s", "45s"},
	    {-5, "-5s", "-5s"},
	    {60, "1m", "1m00s"},
	    {200, "3m20s", "3m20s"},
	    {5400, "1h30m", "1h30m"},
	    {7500, "2h5m", "2h05m"},
	    {3599, "59m59s", "59m59s"},
	    {86399, "23h59m59s", "23h59m"},
	    {183845, "2d3h4m5s", "2d03h"},
	    {7 * DAY_SECONDS - 1, "6d23h59m59s", "6d23h"},
	    {7 * DAY_SECONDS, "7d", "1w0d"},
	    {37 * DAY_SECONDS, "37d", "5w2d"},
	    {INT64_MAX, "106751991167300d15h30m7s", "15250284452471w3d"},
	    {INT64_MIN, "-106751991167300d15h30m8s", "-15250284452471w3d"},
	};
	char out[TIME_TEXT];
	int64_t back;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		assert_string_equal(duration_print(rows[i].seconds, out), rows[i].exact);
		if (rows[i].seconds >= 0) {
			assert_true(duration_parse(slice_from(out), &back));
			assert_true(back == rows[i].seconds);
		}
		assert_string_equal(duration_human(rows[i].seconds, out), rows[i].human);
	}
}

static void test_sizes_printed(void **state)
{
	static const struct {
		int64_t bytes;
		const char *text;
	} rows[] = {
	    {0, "0"},
	    {512, "512"},
	    {1023, "1023"},
	    {1024, "1.0K"},
	    {1229, "1.2K"},
	    {10188, "9.9K"},
	    {10190, "10K"},
	    {34 << 20, "34M"},
	    {999 << 10, "999K"},
	    {(1 << 20) - 1, "1.0M"},
	    {1023 << 10, "1.0M"},
	    {INT64_C(999) << 40, "999T"},
	    {INT64_MAX, "8.0E"},
	    {INT64_MIN, "-8.0E"},
	    {-1229, "-1.2K"},
	};
	char out[TIME_TEXT];

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		assert_string_equal(size_human(rows[i].bytes, out), rows[i].text);
	for (int64_t b = 1; b < INT64_C(990) << 40; b += b / 7 + 1)
		assert_true(strlen(size_human(b, out)) <= 4);
}

static void test_utc_printed(void **state)
{
	static const struct {
		int64_t t;
		const char *utc, *qmail;
	} rows[] = {
	    {0, "1970-01-01T00:00:00Z", "1 Jan 1970 00:00:00 GMT"},
	    {1036433875, "2002-11-04T18:17:55Z", "4 Nov 2002 18:17:55 GMT"},
	    {1795161630, "2026-11-20T08:00:30Z", "20 Nov 2026 08:00:30 GMT"},
	    {-1, "1969-12-31T23:59:59Z", "31 Dec 1969 23:59:59 GMT"},
	    {951782400, "2000-02-29T00:00:00Z", "29 Feb 2000 00:00:00 GMT"},
	    {-2203891200, "1900-03-01T00:00:00Z", "1 Mar 1900 00:00:00 GMT"},
	    {253402300800, "10000-01-01T00:00:00Z", "1 Jan 10000 00:00:00 GMT"},
	    {INT64_MAX, "292277026596-12-04T15:30:07Z", "4 Dec 292277026596 15:30:07 GMT"},
	    {INT64_MIN, "-292277022657-01-27T08:29:52Z", "27 Jan -292277022657 08:29:52 GMT"},
	};
	char out[TIME_TEXT];

	(void)state;
	set_zone("CET-1");
	for (size_t i = 0; i < COUNT(rows); i++) {
		assert_string_equal(time_print_utc(rows[i].t, out), rows[i].utc);
		assert_string_equal(time_print_qmail(rows[i].t, out), rows[i].qmail);
	}
}

/* Every day of eight centuries, against the C library. */
static void test_calendar_agrees(void **state)
{
	char ours[TIME_TEXT], theirs[TIME_TEXT];
	int64_t back;

	(void)state;
	for (int64_t day = -200000; day < 100000; day++) {
		time_t t = (time_t)(day * DAY_SECONDS + day % 86400);
		struct tm tm;

		assert_non_null(gmtime_r(&t, &tm));
		strftime(theirs, sizeof theirs, "%Y-%m-%dT%H:%M:%SZ", &tm);
		time_print_utc(t, ours);
		assert_string_equal(ours, theirs);
		assert_true(time_parse(slice_from(ours), &back) && back == t);
	}
}

static void test_local_printed(void **state)
{
	static const struct {
		const char *zone;
		int64_t t;
		const char *local, *ctime;
	} rows[] = {
	    {"UTC", 1768478400, "2026-01-15 12:00:00 +0000", "Thu Jan 15 12:00:00 2026"},
	    {"CET-1CEST,M3.5.0,M10.5.0/3", 1795161630, "2026-11-20 09:00:30 +0100",
	     "Fri Nov 20 09:00:30 2026"},
	    {"CET-1CEST,M3.5.0,M10.5.0/3", 1782900000, "2026-07-01 12:00:00 +0200",
	     "Wed Jul  1 12:00:00 2026"},
	    {"NST3:30", 0, "1969-12-31 20:30:00 -0330", "Wed Dec 31 20:30:00 1969"},
	    {"UTC", INT64_MAX, "@9223372036854775807", "@9223372036854775807"},
	};
	char out[TIME_TEXT];

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		set_zone(rows[i].zone);
		assert_string_equal(time_print_local(rows[i].t, out), rows[i].local);
		assert_string_equal(time_print_ctime(rows[i].t, out), rows[i].ctime);
	}
}

static void assert_format(struct arena *a, struct slice fmt, int64_t t, const char *expected)
{
	struct slice s = time_format(a, fmt, t);

	assert_non_null(s.p);
	assert_int_equal(s.n, strlen(expected));
	assert_memory_equal(s.p, expected, s.n);
}

static void test_format(void **state)
{
	struct arena a;
	char wide[200];

	(void)state;
	set_zone("UTC");
	arena_init(&a, 0);
	assert_format(&a, SLICE("%F-%T"), 1768478400, "2026-01-15-12:00:00");
	assert_format(&a, SLICE("%a %b %A %B"), 1768478400, "Thu Jan Thursday January");
	assert_format(&a, SLICE(""), 0, "");
	assert_format(&a, SLICE("%%"), 0, "%");
	assert_format(&a, SLICE("%F"), INT64_MAX, "@9223372036854775807");
	memset(wide, 'x', sizeof wide - 1);
	wide[sizeof wide - 1] = '\0';
	assert_format(&a, slice_from(wide), 0, wide);
	arena_free(&a);
	arena_init(&a, 1);
	assert_null(time_format(&a, SLICE("%F"), 0).p);
	arena_free(&a);
}

static void test_english_everywhere(void **state)
{
	struct turkish turkish;
	struct arena a;
	char out[TIME_TEXT];
	int64_t v;

	(void)state;
	if (!turkish_begin(&turkish)) {
		turkish_end(&turkish);
		skip();
	}
	set_zone("UTC");
	arena_init(&a, 0);
	assert_format(&a, SLICE("%a %b %A"), 1768478400, "Thu Jan Thursday");
	assert_string_equal(time_print_ctime(1768478400, out), "Thu Jan 15 12:00:00 2026");
	assert_string_equal(size_human(1229, out), "1.2K");
	assert_true(size_parse(SLICE("1K"), &v));
	arena_free(&a);
	turkish_end(&turkish);
}

static void *print_many(void *ctx)
{
	char out[TIME_TEXT];

	(void)ctx;
	for (int i = 0; i < 2000; i++) {
		time_print_local(1768478400, out);
		if (strcmp(out, "2026-01-15 12:00:00 +0000") != 0)
			return ctx;
	}
	return NULL;
}

static void test_threads(void **state)
{
	pthread_t threads[4];
	void *result;

	set_zone("UTC");
	for (size_t i = 0; i < COUNT(threads); i++)
		assert_int_equal(pthread_create(&threads[i], NULL, print_many, state), 0);
	for (size_t i = 0; i < COUNT(threads); i++) {
		pthread_join(threads[i], &result);
		assert_null(result);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_duration_parse),  cmocka_unit_test(test_size_parse),
	    cmocka_unit_test(test_time_parse),	    cmocka_unit_test(test_durations_printed),
	    cmocka_unit_test(test_sizes_printed),   cmocka_unit_test(test_utc_printed),
	    cmocka_unit_test(test_calendar_agrees), cmocka_unit_test(test_local_printed),
	    cmocka_unit_test(test_format),	    cmocka_unit_test(test_english_everywhere),
	    cmocka_unit_test(test_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
