/* reply: codes in the texts that the MTAs keep of deliveries. */
#include "unit/cmocka_all.h"

#include <mtaq/addr.h>

#include <stdlib.h>

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))

struct row {
	struct slice status, code, dsn;
};

static void assert_slice(struct slice got, struct slice expected)
{
	assert_int_equal(got.p == NULL, expected.p == NULL);
	assert_true(slice_eq(got, expected));
}

static void check_rows(const struct row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		assert_slice(reply_code(rows[i].status), rows[i].code);
		assert_slice(reply_dsn(rows[i].status), rows[i].dsn);
	}
}

/* As recorded from the MTAs (blanks for the "_" of qmail's log). */
static void test_recorded(void **state)
{
	static const struct row rows[] = {
	    {SLICE("Deferred: 452 4.2.2 <full@example.net> Mailbox size limit exceeded"),
	     SLICE("452"), SLICE("4.2.2")},
	    {SLICE("Deferred: 450 try again, no enhanced code"), SLICE("450"), SLICE_NONE},
	    {SLICE("Deferred: 450-4.2.1 first line of a long story"), SLICE("450"), SLICE("4.2.1")},
	    {SLICE("Deferred: 452 <anon@example.com> Mailbox size limit exceeded"), SLICE("452"),
	     SLICE_NONE},
	    {SLICE("Deferred: 451 4.1.0 ... temporary failure"), SLICE("451"), SLICE("4.1.0")},
	    {SLICE("Deferred: 403 4.7.0 TLS handshake failed."), SLICE("403"), SLICE("4.7.0")},
	    {SLICE("Deferred: Connection refused by [127.0.0.1]"), SLICE_NONE, SLICE_NONE},
	    {SLICE("Deferred: Connection timed out with mail.spammer.example."), SLICE_NONE,
	     SLICE_NONE},
	    {SLICE("Deferred: [127.0.0.1]: Network is unreachable"), SLICE_NONE, SLICE_NONE},
	    {SLICE("Warning: could not send message for past 4 hours"), SLICE_NONE, SLICE_NONE},
	    {SLICE("host map: lookup (mx.example.net): deferred"), SLICE_NONE, SLICE_NONE},
	    {SLICE("reply: read error from [127.0.0.1]"), SLICE_NONE, SLICE_NONE},
	    {SLICE("127.0.0.1 does not like recipient./Remote host said: 452-4.2.2 The email "
		   "account is "
		   "over quota./452 4.2.2 Please direct the recipient to free some space/Giving up "
		   "on "
		   "127.0.0.1./"),
	     SLICE("452"), SLICE("4.2.2")},
	    {SLICE("127.0.0.1 does not like recipient./Remote host said: 550 5.1.1 No such user "
		   "here/Giving up on 127.0.0.1./"),
	     SLICE("550"), SLICE("5.1.1")},
	    {SLICE("Connected to 127.0.0.1 but greeting failed./Remote host said: 421 4.3.2 "
		   "sink.example.test too busy, come back later/"),
	     SLICE("421"), SLICE("4.3.2")},
	    {SLICE("127.0.0.1 accepted message./Remote host said: 250 2.0.0 queued as F847A196/"),
	     SLICE("250"), SLICE("2.0.0")},
	    {SLICE("Sorry, I wasn't able to establish an SMTP connection. (#4.4.1)/"), SLICE_NONE,
	     SLICE("4.4.1")},
	    {SLICE("local disk is on fire, try later/"), SLICE_NONE, SLICE_NONE},
	    {SLICE("did 1+0+0/"), SLICE_NONE, SLICE_NONE},
	};

	(void)state;
	check_rows(rows, COUNT(rows));
}

static void test_forms(void **state)
{
	static const struct row rows[] = {
	    {SLICE("451 4.4.1 reply: read error"), SLICE("451"), SLICE("4.4.1")},
	    {SLICE("  550 5.1.1 x"), SLICE("550"), SLICE("5.1.1")},
	    {SLICE("450"), SLICE("450"), SLICE_NONE},
	    {SLICE("450 4.7.1"), SLICE("450"), SLICE("4.7.1")},
	    {SLICE("450\t4.7.1."), SLICE("450"), SLICE("4.7.1")},
	    {SLICE("550  5.123.456 x"), SLICE("550"), SLICE("5.123.456")},
	    {SLICE("Deferred: 4.7.1 wait"), SLICE_NONE, SLICE("4.7.1")},
	    {SLICE("x/Remote host said: 550 no mailbox here by that name. (#5.1.1)/"), SLICE("550"),
	     SLICE("5.1.1")},
	    {SLICE("x/Remote host said: 421/Giving up"), SLICE("421"), SLICE_NONE},
	    {SLICE("<<< 554 5.7.1 spam"), SLICE("554"), SLICE("5.7.1")},
	    {SLICE("smtp; 550 5.1.1 unknown"), SLICE("550"), SLICE("5.1.1")},
	    {SLICE("message #12 of #4.4.1"), SLICE_NONE, SLICE("4.4.1")},
	    /* numbers that are no codes */
	    {SLICE("Deferred: Connection timed out with 451.example.net."), SLICE_NONE, SLICE_NONE},
	    {SLICE("Deferred: 451.example.net: no route"), SLICE_NONE, SLICE_NONE},
	    {SLICE("Deferred: quota of 500 bytes, 450 used"), SLICE_NONE, SLICE_NONE},
	    {SLICE("150 mail"), SLICE_NONE, SLICE_NONE},
	    {SLICE("650 mail"), SLICE_NONE, SLICE_NONE},
	    {SLICE("45 mail"), SLICE_NONE, SLICE_NONE},
	    {SLICE("4500 mail"), SLICE_NONE, SLICE_NONE},
	    {SLICE("450x"), SLICE_NONE, SLICE_NONE},
	    {SLICE("450 4.4.1.2 is down"), SLICE("450"), SLICE_NONE},
	    {SLICE("450 3.4.1 x"), SLICE("450"), SLICE_NONE},
	    {SLICE("450 4.1234.1 x"), SLICE("450"), SLICE_NONE},
	    {SLICE("450 4.1.1234 x"), SLICE("450"), SLICE_NONE},
	    {SLICE("450 4.1.1x"), SLICE("450"), SLICE_NONE},
	    {SLICE("450 4..1"), SLICE("450"), SLICE_NONE},
	    {SLICE("450 4.1"), SLICE("450"), SLICE_NONE},
	    {SLICE("450 4.1."), SLICE("450"), SLICE_NONE},
	    {SLICE("450 4.7.7\0"), SLICE("450"), SLICE("4.7.7")},
	    {SLICE("(#4.4.1"), SLICE_NONE, SLICE("4.4.1")},
	    {SLICE("#"), SLICE_NONE, SLICE_NONE},
	    {SLICE("Deferred: "), SLICE_NONE, SLICE_NONE},
	    {SLICE(""), SLICE_NONE, SLICE_NONE},
	    {SLICE_NONE, SLICE_NONE, SLICE_NONE},
	};

	(void)state;
	check_rows(rows, COUNT(rows));
}

/* Nothing is read past the end: each beginning of each text, in memory of just its size. */
static void test_cut(void **state)
{
	static const struct slice texts[] = {SLICE("Deferred: 452 4.2.2 <x>"),
					     SLICE("x (#4.44.111)"),
					     SLICE("Remote host said: 451-4.7.1 x")};

	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++) {
		for (size_t n = 1; n <= texts[i].n; n++) {
			char *p = malloc(n);
			struct slice s = slice_of(p, n), code, dsn;

			assert_non_null(p);
			memcpy(p, texts[i].p, n);
			code = reply_code(s);
			dsn = reply_dsn(s);
			assert_true(!code.p || (code.n == 3 && code.p >= p && code.p + 3 <= p + n));
			assert_true(!dsn.p || (dsn.n >= 5 && dsn.p >= p && dsn.p + dsn.n <= p + n));
			free(p);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_recorded),
	    cmocka_unit_test(test_forms),
	    cmocka_unit_test(test_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
