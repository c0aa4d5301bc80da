/* The carriers of log lines: see logline.h. */
#include "logline.h"

#include <mtaq/timefmt.h>

enum {
	TAI_LENGTH = 25, /* '@' and 24 digits */
	TAI_SECONDS = 16,
	FRACTION = 6,	      /* digits of splogger's microseconds */
	LOCAL_LENGTH = 19,    /* "2026-11-20 08:36:19" */
	SYSLOG_WORDS = 5,     /* after the time: host, facility, ..., tag */
	TRADITIONAL_TIME = 16 /* "Nov 20 08:36:19 " */
};

static bool is_hex(char c)
{
	return ascii_isdigit(c) || (c >= 'a' && c <= 'f');
}

static bool split_tai(struct slice raw, struct log_line *out)
{
	if (raw.n <= TAI_LENGTH || raw.p[0] != '@' || raw.p[TAI_LENGTH] != ' ' ||
	    !is_hex(raw.p[1]) || !is_hex(raw.p[TAI_LENGTH - 1]))
		return false;
	*out = (struct log_line){.carrier = CARRIER_TAI64N,
				 .stamp = slice_take(raw, TAI_LENGTH),
				 .text = slice_skip(raw, TAI_LENGTH + 1)};
	return true;
}

static size_t digits(struct slice s)
{
	size_t n = 0;

	while (n < s.n && ascii_isdigit(s.p[n]))
		n++;
	return n;
}

static bool split_decimal(struct slice s, struct log_line *out)
{
	size_t n = digits(s), end = n + 1 + FRACTION;

	if (n < 1 || n > 18 || s.n <= end || s.p[n] != '.' ||
	    digits(slice_skip(s, n + 1)) != FRACTION || (s.p[end] != ' ' && s.p[end] != '+'))
		return false;
	*out = (struct log_line){.carrier = CARRIER_DECIMAL,
				 .stamp = slice_take(s, end),
				 .text = slice_skip(s, end + 1),
				 .more = s.p[end] == '+'};
	return true;
}

/* Do the bytes have this shape: 0 a digit, A a letter, anything else itself. */
static bool has_shape(struct slice s, const char *shape)
{
	size_t n = strlen(shape);

	if (s.n < n)
		return false;
	for (size_t i = 0; i < n; i++) {
		bool fits = shape[i] == '0'   ? ascii_isdigit(s.p[i])
			    : shape[i] == 'A' ? ascii_isalpha(s.p[i])
					      : shape[i] == s.p[i];

		if (!fits)
			return false;
	}
	return true;
}

static bool split_local(struct slice raw, struct log_line *out)
{
	size_t fraction;

	if (!has_shape(raw, "0000-00-00 00:00:00"))
		return false;
	*out = (struct log_line){.carrier = CARRIER_LOCAL, .stamp = slice_take(raw, LOCAL_LENGTH)};
	raw = slice_skip(raw, LOCAL_LENGTH);
	if (raw.n && raw.p[0] == '.') {
		fraction = digits(slice_skip(raw, 1));
		raw = slice_skip(raw, 1 + fraction);
	}
	if (!raw.n || raw.p[0] != ' ')
		return false;
	out->text = slice_skip(raw, 1);
	return true;
}

/* What follows the tag: the first word after the host that ends in a colon. None: there is no tag.
 */
static struct slice skip_tag(struct slice s)
{
	for (int words = 0; words < SYSLOG_WORDS; words++) {
		size_t n = slice_chr(s, ' ');

		if (n == SIZE_MAX)
			return SLICE_NONE;
		if (words > 0 && n > 0 && s.p[n - 1] == ':')
			return slice_skip(s, n + 1);
		s = slice_skip(s, n + 1);
	}
	return SLICE_NONE;
}

/* A line with a syslog daemon's prefix; its text stays none unless splogger wrote it. */
static bool split_syslog(struct slice raw, struct log_line *out)
{
	struct slice rest;
	size_t n;

	if (has_shape(raw, "AAA ") && has_shape(slice_skip(raw, 5), "0 00:00:00 ")) {
		rest = slice_skip(raw, TRADITIONAL_TIME);
	} else if (has_shape(raw, "0000-00-00T00:00:00")) {
		n = slice_chr(raw, ' ');
		rest = slice_skip(raw, n == SIZE_MAX ? raw.n : n + 1);
	} else {
		return false;
	}
	*out = (struct log_line){.carrier = CARRIER_DECIMAL};
	rest = skip_tag(rest);
	if (rest.p)
		split_decimal(rest, out);
	return true;
}

void logline_split(struct slice raw, struct log_line *out)
{
	if (split_tai(raw, out) || split_syslog(raw, out) || split_decimal(raw, out) ||
	    split_local(raw, out))
		return;
	*out = (struct log_line){.carrier = CARRIER_NONE, .text = raw};
}

/* ---- times ---- */

/* Seconds + 10 + 2^62, as multilog writes them, without regard to leap seconds. */
static struct number tai_time(struct slice stamp)
{
	uint64_t t = 0;

	for (size_t i = 1; i <= TAI_SECONDS; i++) {
		char c = stamp.p[i];

		if (!is_hex(c))
			return (struct number){false, 0};
		t = t << 4 | (uint64_t)(ascii_isdigit(c) ? c - '0' : c - 'a' + 10);
	}
	if (t >> 63)
		return (struct number){false, 0};
	return number_of((int64_t)t - (INT64_C(1) << 62) - 10);
}

static struct number decimal_time(struct slice stamp)
{
	uint64_t t;

	if (!slice_u64(slice_take(stamp, digits(stamp)), &t))
		return (struct number){false, 0};
	return number_of((int64_t)t);
}

static struct number local_time(struct slice stamp)
{
	char text[LOCAL_LENGTH];
	int64_t t;

	memcpy(text, stamp.p, LOCAL_LENGTH);
	text[10] = 'T';
	return time_parse(slice_of(text, LOCAL_LENGTH), &t) ? number_of(t)
							    : (struct number){false, 0};
}

struct number logline_time(const struct log_line *l)
{
	if (l->stamp.p && l->carrier == CARRIER_TAI64N)
		return tai_time(l->stamp);
	if (l->stamp.p && l->carrier == CARRIER_DECIMAL)
		return decimal_time(l->stamp);
	if (l->stamp.p && l->carrier == CARRIER_LOCAL)
		return local_time(l->stamp);
	return (struct number){false, 0};
}
