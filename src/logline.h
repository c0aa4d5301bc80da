/*
 * Lines of a log as the programs that carry it write them: multilog's TAI64N, splogger's decimal
 * time behind the prefix of a syslog daemon or bare, tai64nlocal's local time, or nothing at all.
 *
 * Contract: pure functions over one line without its line end; slices point into it.
 */
#ifndef MTAQ_LOGLINE_H
#define MTAQ_LOGLINE_H

#include <mtaq/message.h>
#include <mtaq/slice.h>

enum log_carrier {
	CARRIER_NONE,	 /* the line itself */
	CARRIER_TAI64N,	 /* "@400000006b00068d1ab1000c " */
	CARRIER_DECIMAL, /* "1795163779.447111 ", by splogger */
	CARRIER_LOCAL	 /* "2026-11-20 08:36:19.447111000 " */
};

struct log_line {
	enum log_carrier carrier;
	struct slice stamp; /* what time() reads; none without a time */
	struct slice text;  /* the MTA's own words; none when the line is not from it */
	bool more;	    /* it goes on where the line of the same stamp before it was cut */
};

void logline_split(struct slice raw, struct log_line *out);
/* Seconds since 1970; not known when there is no time. */
struct number logline_time(const struct log_line *l);

#endif
