/* Lines of a log from each carrier: what is the MTA's own, and when. */
#include "logline.h"
#include "unit/cmocka_all.h"

#include <stdlib.h>
#include <time.h>

struct expectation {
	const char *raw, *text; /* text NULL: not from the MTA */
	enum log_carrier carrier;
	bool more, timed;
	int64_t time;
};

static const struct expectation lines[] = {
    {"@400000006b00068d1ab1000c new msg 5", "new msg 5", CARRIER_TAI64N, false, true, 1795163779},
    {"@400000006b00068d1ab1000c ", "", CARRIER_TAI64N, false, true, 1795163779},
    /* not multilog's: the line itself */
    {"@400000006b00068d1ab1000cnew msg 5", "@400000006b00068d1ab1000cnew msg 5", CARRIER_NONE,
     false, false, 0},
    {"@zz0000006b00068d1ab1000c x", "@zz0000006b00068d1ab1000c x", CARRIER_NONE, false, false, 0},
    {"@4", "@4", CARRIER_NONE, false, false, 0},
    /* out of the range of seconds, or no digits inside */
    {"@f00000006b00068d1ab1000c a", "a", CARRIER_TAI64N, false, false, 0},
    {"@40000000XXXXXXXX1ab1000c a", "a", CARRIER_TAI64N, false, false, 0},
    {"1795163779.447111 end msg 7", "end msg 7", CARRIER_DECIMAL, false, true, 1795163779},
    {"1795163779.447111+ more", " more", CARRIER_DECIMAL, true, true, 1795163779},
    {"1795163779.44711 end", "1795163779.44711 end", CARRIER_NONE, false, false, 0},
    {"1795163779.4471112 end", "1795163779.4471112 end", CARRIER_NONE, false, false, 0},
    {"99999999999999999999.447111 end", "99999999999999999999.447111 end", CARRIER_NONE, false,
     false, 0},
    {"Nov 20 08:36:19 mail qmail: 1795163779.447111 new msg 5", "new msg 5", CARRIER_DECIMAL, false,
     true, 1795163779},
    {"Nov  2 08:36:19 mail qmail-send: 1795163779.447111+5", "5", CARRIER_DECIMAL, true, true,
     1795163779},
    {"Nov 20 08:36:19 <mail.info> mail qmail[7]: 1795163779.447111 x", "x", CARRIER_DECIMAL, false,
     true, 1795163779},
    {"2026-11-20T08:36:19.449125+00:00 mail qmail: 1795163779.447111 new msg 5", "new msg 5",
     CARRIER_DECIMAL, false, true, 1795163779},
    /* another program's */
    {"Nov 20 08:36:19 mail sendmail[3]: AB12: to=<x@y>", NULL, CARRIER_DECIMAL, false, false, 0},
    {"Nov 20 08:36:19 mail a b c d e f g: 1795163779.447111 x", NULL, CARRIER_DECIMAL, false, false,
     0},
    {"Nov 20 08:36:19 mail", NULL, CARRIER_DECIMAL, false, false, 0},
    {"2026-11-20T08:36:19", NULL, CARRIER_DECIMAL, false, false, 0},
    /* a host is no tag, however it ends */
    {"Nov 20 08:36:19 mail: 1795163779.447111 x", NULL, CARRIER_DECIMAL, false, false, 0},
    {"2026-11-20 08:36:19.447111000 new msg 5", "new msg 5", CARRIER_LOCAL, false, true,
     1795163779},
    {"2026-11-20 08:36:19 new msg 5", "new msg 5", CARRIER_LOCAL, false, true, 1795163779},
    {"2026-13-20 08:36:19 new msg 5", "new msg 5", CARRIER_LOCAL, false, false, 0},
    {"2026-11-20 08:36:19.4x new", "2026-11-20 08:36:19.4x new", CARRIER_NONE, false, false, 0},
    {"new msg 5", "new msg 5", CARRIER_NONE, false, false, 0},
    {"", "", CARRIER_NONE, false, false, 0},
};

static void test_lines(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
		const struct expectation *e = &lines[i];
		struct log_line l;
		struct number t;

		logline_split(slice_from(e->raw), &l);
		t = logline_time(&l);
		if (l.carrier != e->carrier || l.more != e->more || t.known != e->timed ||
		    (t.known && t.value != e->time) || !slice_eq(l.text, slice_from(e->text)) ||
		    (l.text.p == NULL) != (e->text == NULL))
			fail_msg("%s: carrier %d more %d time %d %lld text '%.*s'", e->raw,
				 l.carrier, l.more, t.known, (long long)t.value, SLICE_ARG(l.text));
	}
}

/* Cut anywhere, a line is still taken for something, and only its own bytes are looked at. */
static void test_cut(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
		for (size_t n = 0; n <= strlen(lines[i].raw); n++) {
			char *copy = malloc(n ? n : 1);
			struct log_line l;

			assert_non_null(copy);
			memcpy(copy, lines[i].raw, n);
			logline_split(slice_of(copy, n), &l);
			logline_time(&l);
			assert_true(l.text.n <= n);
			free(copy);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_lines),
					   cmocka_unit_test(test_cut)};

	setenv("TZ", "UTC", 1);
	tzset();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
