/* rfc2047: encoded words of header fields, and the character sets behind them. */
#include "unit/cmocka_all.h"

#include <mtaq/header.h>
#include <mtaq/limits.h>
#include <mtaq/text.h>

#include <pthread.h>
#include <stdlib.h>

#include "unit/turkish.h"

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))
#define FFFD	    "\xef\xbf\xbd"

struct row {
	struct slice raw, value;
};

static void assert_decoded(struct arena *a, struct charset_cache *c, const struct row *r)
{
	struct slice s = header_decode(a, c, r->raw);

	assert_non_null(s.p);
	if (!slice_eq(s, r->value))
		print_error("%" SLICE_FMT ": %" SLICE_FMT "\n", SLICE_ARG(r->raw), SLICE_ARG(s));
	assert_true(slice_eq(s, r->value));
}

static void check_rows(const struct row *rows, size_t n)
{
	struct charset_cache *c = charset_cache_new();
	struct arena a;

	assert_non_null(c);
	arena_init(&a, 0);
	for (size_t i = 0; i < n; i++)
		assert_decoded(&a, c, &rows[i]);
	for (size_t i = 0; i < n; i++)
		assert_decoded(&a, c, &rows[i]);
	arena_free(&a);
	charset_cache_free(c);
}

/* The subjects of the recorded queue fixtures/qmail/basic, and what an independent reader made of
 * them. */
static void test_recorded(void **state)
{
	static const struct row rows[] = {
	    {SLICE(
		 " Autumn newsletter: opening hours,\n new branch office and\n\ta survey about our "
		 "service"),
	     SLICE("Autumn newsletter: opening hours, new branch office and\ta survey about our "
		   "service")},
	    {SLICE(" odd\x1b[2Jsender \x07 control chars"),
	     SLICE("odd\x1b[2Jsender \x07 control chars")},
	    {SLICE(" [announce] Wartung am Sonntag =?utf-8?Q?f=C3=BCr_alle?="),
	     SLICE("[announce] Wartung am Sonntag f\xc3\xbcr alle")},
	    {SLICE(" =?UTF-8?B?TW9uYXRzYmVyaWNodCBPa3RvYmVyIOKAkyDDnGJlcmJsaWNr?=\n"
		   " =?iso-8859-1?Q?_und_Pr=FCfsummen_=28gro=DF=29?="),
	     SLICE("Monatsbericht Oktober \xe2\x80\x93 \xc3\x9c"
		   "berblick und Pr\xc3\xbc"
		   "fsummen (gro\xc3\x9f)")},
	    {SLICE(" Gr\xc3\xbc\xc3\x9f"
		   "e aus K\xc3\xb6ln"),
	     SLICE("Gr\xc3\xbc\xc3\x9f"
		   "e aus K\xc3\xb6ln")},
	    {SLICE(" raw latin1: caf\xe9 \xa4; very long"),
	     SLICE("raw latin1: caf\xe9 \xa4; very long")},
	    {SLICE(" =?utf-8?B?8J+SsA==?= You have won #1000"),
	     SLICE("\xf0\x9f\x92\xb0 You have won #1000")},
	    {SLICE(" Re: =?koi8-r?B?8NLJ18XU?= =?x-unknown?Q?=80?= =?utf-8?B?not*base64?="),
	     SLICE("Re: \xd0\x9f\xd1\x80\xd0\xb8\xd0\xb2\xd0\xb5\xd1\x82 =?x-unknown?Q?=80?= "
		   "=?utf-8?B?not*base64?=")},
	    {SLICE(" "), SLICE("")},
	};

	(void)state;
	check_rows(rows, COUNT(rows));
}

static void test_words(void **state)
{
	static const struct row rows[] = {
	    /* RFC 2047, section 8 */
	    {SLICE("(=?ISO-8859-1?Q?a?=)"), SLICE("(a)")},
	    {SLICE("(=?ISO-8859-1?Q?a?= b)"), SLICE("(a b)")},
	    {SLICE("(=?ISO-8859-1?Q?a?= =?ISO-8859-1?Q?b?=)"), SLICE("(ab)")},
	    {SLICE("(=?ISO-8859-1?Q?a?=  =?ISO-8859-1?Q?b?=)"), SLICE("(ab)")},
	    {SLICE("(=?ISO-8859-1?Q?a?=\n\t=?ISO-8859-1?Q?b?=)"), SLICE("(ab)")},
	    {SLICE("(=?ISO-8859-1?Q?a_b?=)"), SLICE("(a b)")},
	    {SLICE("(=?ISO-8859-1?Q?a?= =?ISO-8859-2?Q?_b?=)"), SLICE("(a b)")},
	    /* neighbours */
	    {SLICE("=?utf-8?q?a?==?utf-8?q?b?="), SLICE("ab")},
	    {SLICE("x=?utf-8?q?a?=y"), SLICE("xay")},
	    {SLICE("=?utf-8?q?a?= y =?utf-8?q?b?="), SLICE("a y b")},
	    {SLICE("=?utf-8?q?a?= =?nosuch?q?b?= =?utf-8?q?c?="), SLICE("a =?nosuch?q?b?= c")},
	    {SLICE("\"=?utf-8?q?a?=\" <a@b>"), SLICE("\"a\" <a@b>")},
	    /* a character over two words, three words, two encodings */
	    {SLICE("=?utf-8?q?=C3?= =?utf-8?q?=A4?="), SLICE("\xc3\xa4")},
	    {SLICE("=?utf-8?q?=E2?= =?UTF-8?Q?=82?=\n =?Utf-8?q?=AC?="), SLICE("\xe2\x82\xac")},
	    {SLICE("=?utf-8?B?4g==?= =?utf-8?q?=82=AC?="), SLICE("\xe2\x82\xac")},
	    {SLICE("=?utf-8?q?=C3?= =?iso-8859-1?q?=A4?="), SLICE(FFFD "\xc2\xa4")},
	    {SLICE("=?gb2312?B?xOM=?= =?gb2312?B?ug==?= =?gb2312?B?ww==?="),
	     SLICE("\xe4\xbd\xa0\xe5\xa5\xbd")},
	    /* language of RFC 2231 */
	    {SLICE("=?US-ASCII*EN?Q?Keith_Moore?="), SLICE("Keith Moore")},
	    {SLICE("=?utf-8*de?q?=C3=A4?= =?utf-8?q?b?="), SLICE("\xc3\xa4"
								 "b")},
	    /* empty ones */
	    {SLICE("=?utf-8?q?\?="), SLICE("")},
	    {SLICE("a =?utf-8?b?\?= b"), SLICE("a  b")},
	    {SLICE("=?utf-8?q?\?= =?utf-8?q?\?="), SLICE("")},
	    /* Q */
	    {SLICE("=?utf-8?q?=3d=3D=5F_?="), SLICE("==_ ")},
	    {SLICE("=?utf-8?q?100%=?="), SLICE("100%=")},
	    {SLICE("=?utf-8?q?=4?="), SLICE("=4")},
	    {SLICE("=?utf-8?q?=4G=?="), SLICE("=4G=")},
	    {SLICE("=?utf-8?q?with blanks in it?="), SLICE("with blanks in it")},
	    {SLICE("=?utf-8?q?how are you?\?="), SLICE("how are you?")},
	    {SLICE("=?utf-8?q?=00=0A?="), SLICE("\0\n")},
	    /* B */
	    {SLICE("=?utf-8?b?YQ==?="), SLICE("a")},
	    {SLICE("=?utf-8?b?YQ?="), SLICE("a")},
	    {SLICE("=?utf-8?b?YWI=?="), SLICE("ab")},
	    {SLICE("=?utf-8?b?YWJj?="), SLICE("abc")},
	    {SLICE("=?utf-8?b?YW Jj?="), SLICE("abc")},
	    {SLICE("=?utf-8?b?+/+/?="), SLICE(FFFD FFFD FFFD)},
	    {SLICE("=?utf-8?b?Y?="), SLICE("=?utf-8?b?Y?=")},
	    {SLICE("=?utf-8?b?YQ==YQ==?="), SLICE("=?utf-8?b?YQ==YQ==?=")},
	    {SLICE("=?utf-8?b?YWJj===?="), SLICE("=?utf-8?b?YWJj===?=")},
	    {SLICE("=?utf-8?b?Y-Jj?="), SLICE("=?utf-8?b?Y-Jj?=")},
	    {SLICE("=?utf-8?q?a?= =?utf-8?b?Y?= =?utf-8?q?c?="), SLICE("a =?utf-8?b?Y?= c")},
	    /* not words */
	    {SLICE("=?"), SLICE("=?")},
	    {SLICE("=?="), SLICE("=?=")},
	    {SLICE("=?utf-8?"), SLICE("=?utf-8?")},
	    {SLICE("=?utf-8?q"), SLICE("=?utf-8?q")},
	    {SLICE("=?utf-8?q?"), SLICE("=?utf-8?q?")},
	    {SLICE("=?utf-8?q?a"), SLICE("=?utf-8?q?a")},
	    {SLICE("=?utf-8?q?a?"), SLICE("=?utf-8?q?a?")},
	    {SLICE("=?utf-8?x?a?="), SLICE("=?utf-8?x?a?=")},
	    {SLICE("=?utf-8?qq?a?="), SLICE("=?utf-8?qq?a?=")},
	    {SLICE("=??q?a?="), SLICE("=??q?a?=")},
	    {SLICE("=?utf-8?q?never ended =?utf-8?q?ok?="), SLICE("=?utf-8?q?never ended ok")},
	    {SLICE("a =?utf-8?q?\xe4?= b\xe4"), SLICE("a " FFFD " b\xe4")},
	};

	(void)state;
	check_rows(rows, COUNT(rows));
}

static void test_charsets(void **state)
{
	static const struct row rows[] = {
	    {SLICE("=?ISO-8859-15?Q?=A4?="), SLICE("\xe2\x82\xac")},
	    {SLICE("=?windows-1252?Q?=80?="), SLICE("\xe2\x82\xac")},
	    {SLICE("=?cp1252?Q?=80?="), SLICE("\xe2\x82\xac")},
	    {SLICE("=?WINDOWS-1251?Q?=CF?="), SLICE("\xd0\x9f")},
	    {SLICE("=?KOI8-R?B?8A==?="), SLICE("\xd0\x9f")},
	    {SLICE("=?iso-2022-jp?B?GyRCRnxLXBsoQg==?="), SLICE("\xe6\x97\xa5\xe6\x9c\xac")},
	    {SLICE("=?iso-2022-jp?B?GyRCRnwbKEI=?= =?ISO-2022-JP?B?GyRCS1wbKEI=?="),
	     SLICE("\xe6\x97\xa5\xe6\x9c\xac")},
	    {SLICE("=?Shift_JIS?B?k/o=?="), SLICE("\xe6\x97\xa5")},
	    {SLICE("=?x-sjis?B?k/o=?="), SLICE("\xe6\x97\xa5")},
	    {SLICE("=?euc-jp?B?xvw=?="), SLICE("\xe6\x97\xa5")},
	    {SLICE("=?GBK?B?xOM=?="), SLICE("\xe4\xbd\xa0")},
	    {SLICE("=?Big5?B?p0E=?="), SLICE("\xe4\xbd\xa0")},
	    {SLICE("=?ks_c_5601-1987?B?sKE=?="), SLICE("\xea\xb0\x80")},
	    {SLICE("=?UTF8?Q?=C3=A4?="), SLICE("\xc3\xa4")},
	    {SLICE("=?us-ascii?Q?=C3=A4?="), SLICE("\xc3\xa4")},
	    {SLICE("=?iso-8859-1?Q?\xe4?="), SLICE("\xc3\xa4")},
	    /* bytes that the set has not: told, and the rest goes on */
	    {SLICE("=?windows-1252?Q?a=81b?="), SLICE("a" FFFD "b")},
	    {SLICE("=?Shift_JIS?Q?a=93?="), SLICE("a" FFFD)},
	    {SLICE("=?utf-8?Q?a=C3b=FFc?="), SLICE("a" FFFD "b" FFFD "c")},
	    /* never given to iconv */
	    {SLICE("=?UCS-4?Q?abcd?="), SLICE("=?UCS-4?Q?abcd?=")},
	    {SLICE("=?ISO-2022-CN-EXT?Q?a?="), SLICE("=?ISO-2022-CN-EXT?Q?a?=")},
	    {SLICE("=?utf-8//IGNORE?Q?a?="), SLICE("=?utf-8//IGNORE?Q?a?=")},
	    {SLICE("=?../../tmp/x?Q?a?="), SLICE("=?../../tmp/x?Q?a?=")},
	    {SLICE("=?utf-8\0?Q?a?="), SLICE("=?utf-8\0?Q?a?=")},
	    {SLICE("=?iso-8859-1234567890123456789012345678901234567890?Q?a?="),
	     SLICE("=?iso-8859-1234567890123456789012345678901234567890?Q?a?=")},
	};

	(void)state;
	check_rows(rows, COUNT(rows));
}

static struct slice decode_filled(struct arena *a, struct charset_cache *c, char *raw, size_t n,
				  const char *word)
{
	size_t head = strlen(word);

	memcpy(raw, word, head);
	memset(raw + head, head ? '\xc4' : 'a', n - head);
	if (head)
		memcpy(raw + n - 2, "?=", 2);
	return header_decode(a, c, slice_of(raw, n));
}

/* What would be too long is not given at all: half of a value is another value. */
static void test_limit_decoded_bytes(void **state)
{
	static const struct {
		const char *word;
		size_t bytes; /* that come of each byte of it */
	} rows[] = {{"=?iso-8859-1?q?", 2}, {"=?koi8-r?q?", 2}, {"=?utf-8?q?", 3}, {"", 1}};
	const size_t most = LIMIT_DECODED_BYTES;
	struct charset_cache *c = charset_cache_new();
	char *raw = malloc(most + 100);

	(void)state;
	assert_non_null(raw);
	for (size_t i = 0; i < COUNT(rows); i++) {
		size_t around = strlen(rows[i].word) + (rows[i].word[0] ? 2 : 0);
		/* iconv wants some room beyond */
		size_t fits = (most - 64) / rows[i].bytes;
		struct arena a;
		struct slice s;

		arena_init(&a, 0);
		s = decode_filled(&a, c, raw, fits + around, rows[i].word);
		assert_int_equal(s.n, fits * rows[i].bytes);
		assert_true(utf8_valid(s));
		assert_null(
		    decode_filled(&a, c, raw, most / rows[i].bytes + 1 + around, rows[i].word).p);
		assert_null(decode_filled(&a, c, raw, most + 100, rows[i].word).p);
		arena_free(&a);
	}
	free(raw);
	charset_cache_free(c);
}

/* Inputs made to be read again and again are read about once. */
static void test_hostile(void **state)
{
	static const char *const units[] = {"=?",
					    "=?a?q?",
					    "=?utf-8?q?x",
					    "=?utf-8?q?\?=",
					    "=?utf-8?b?Y?=",
					    "=?utf-8?b?Y?= =?utf-8?q?a?= ",
					    "=?nosuch?q?a?=",
					    "=?iso-8859-1?q?a?=",
					    "=?=?",
					    "=?koi8-r?q?=?= "};
	const size_t n = 1 << 20;
	struct charset_cache *c = charset_cache_new();
	char *raw = malloc(n);

	(void)state;
	assert_non_null(raw);
	for (size_t i = 0; i < COUNT(units); i++) {
		size_t unit = strlen(units[i]);
		struct arena a;

		arena_init(&a, 0);
		for (size_t at = 0; at < n; at++)
			raw[at] = units[i][at % unit];
		assert_non_null(header_decode(&a, c, slice_of(raw, n)).p);
		arena_free(&a);
	}
	free(raw);
	charset_cache_free(c);
}

static void test_out_of_memory(void **state)
{
	struct charset_cache *c = charset_cache_new();
	struct arena a;

	(void)state;
	arena_init(&a, 1);
	assert_null(header_decode(&a, c, SLICE("=?utf-8?q?a?=")).p);
	assert_true(slice_eq(header_decode(&a, c, SLICE(" plain")), SLICE("plain")));
	arena_free(&a);
	charset_cache_free(c);

	/* Without a cache only what needs no iconv is decoded; the rest is told, not left as it is.
	 */
	arena_init(&a, 0);
	assert_true(slice_eq(header_decode(&a, NULL, SLICE("=?utf-8?q?a?=")), SLICE("a")));
	assert_null(header_decode(&a, NULL, SLICE("=?koi8-r?q?a?=")).p);
	arena_free(&a);
	charset_cache_free(NULL);
}

static void *decode_many(void *ctx)
{
	struct charset_cache *c = charset_cache_new();
	bool good = true;
	struct arena a;

	arena_init(&a, 0);
	for (int i = 0; i < 500; i++) {
		struct slice s = header_decode(&a, c, SLICE("=?iso-2022-jp?B?GyRCRnxLXBsoQg==?="));

		good &= slice_eq(s, SLICE("\xe6\x97\xa5\xe6\x9c\xac"));
		arena_reset(&a);
	}
	arena_free(&a);
	charset_cache_free(c);
	return good ? NULL : ctx;
}

static void test_threads(void **state)
{
	pthread_t threads[4];
	void *result;

	for (size_t i = 0; i < COUNT(threads); i++)
		assert_int_equal(pthread_create(&threads[i], NULL, decode_many, state), 0);
	for (size_t i = 0; i < COUNT(threads); i++) {
		pthread_join(threads[i], &result);
		assert_null(result);
	}
}

static void test_locale(void **state)
{
	static const struct row rows[] = {
	    {SLICE("=?iso-8859-15?Q?=A4?="), SLICE("\xe2\x82\xac")},
	    {SLICE("=?Windows-1252?q?=fc?="), SLICE("\xc3\xbc")},
	    {SLICE("=?BIG5?b?p0E=?="), SLICE("\xe4\xbd\xa0")},
	};
	struct turkish turkish;

	(void)state;
	if (!turkish_begin(&turkish)) {
		turkish_end(&turkish);
		skip();
	}
	check_rows(rows, COUNT(rows));
	turkish_end(&turkish);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_recorded), cmocka_unit_test(test_words),
	    cmocka_unit_test(test_charsets), cmocka_unit_test(test_limit_decoded_bytes),
	    cmocka_unit_test(test_hostile),  cmocka_unit_test(test_out_of_memory),
	    cmocka_unit_test(test_threads),  cmocka_unit_test(test_locale),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
