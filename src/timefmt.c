/* Reading of durations, sizes and times. Printing is in timeprint.c. */
#include <mtaq/timefmt.h>

#include "calendar.h"

#include <time.h>

/* Take the digits at the beginning of `*s`; false when there are none or they overflow. */
static bool take_number(struct slice *s, int64_t *out)
{
	uint64_t v;
	size_t n = 0;

	while (n < s->n && ascii_isdigit(s->p[n]))
		n++;
	if (!slice_u64(slice_take(*s, n), &v) || v > INT64_MAX)
		return false;
	*out = (int64_t)v;
	*s = slice_skip(*s, n);
	return true;
}

static int64_t unit_seconds(char unit)
{
	switch (unit) {
	case 's':
		return 1;
	case 'm':
		return 60;
	case 'h':
		return 3600;
	case 'd':
		return DAY_SECONDS;
	case 'w':
		return 7 * DAY_SECONDS;
	default:
		return 0;
	}
}

bool duration_parse(struct slice s, int64_t *seconds)
{
	int64_t total = 0;

	if (!s.n)
		return false;
	while (s.n) {
		int64_t n, unit;

		if (!take_number(&s, &n) || !s.n)
			return false;
		unit = unit_seconds(s.p[0]);
		if (!unit || n > (INT64_MAX - total) / unit)
			return false;
		total += n * unit;
		s = slice_skip(s, 1);
	}
	*seconds = total;
	return true;
}

bool size_parse(struct slice s, int64_t *bytes)
{
	static const char units[] = "kmgt";
	int64_t n, unit = 1;
	const char *at;

	if (!take_number(&s, &n) || s.n > 1)
		return false;
	if (s.n) {
		at = memchr(units, ascii_lower(s.p[0]), sizeof units - 1);
		if (!at)
			return false;
		unit <<= 10 * (at - units + 1);
	}
	if (n > INT64_MAX / unit)
		return false;
	*bytes = n * unit;
	return true;
}

/* Exactly `digits` digits at the beginning of `*s`. */
static bool take_digits(struct slice *s, size_t digits, int *out)
{
	uint64_t v;

	if (s->n < digits || !slice_u64(slice_take(*s, digits), &v))
		return false;
	*out = (int)v;
	*s = slice_skip(*s, digits);
	return true;
}

static bool take_char(struct slice *s, char c)
{
	if (!s->n || s->p[0] != c)
		return false;
	*s = slice_skip(*s, 1);
	return true;
}

static bool take_date(struct slice *s, struct calendar *c)
{
	int year;

	if (!take_digits(s, 4, &year) || !take_char(s, '-') || !take_digits(s, 2, &c->month) ||
	    !take_char(s, '-') || !take_digits(s, 2, &c->day))
		return false;
	c->year = year;
	return c->month >= 1 && c->month <= 12 && c->day >= 1 &&
	       c->day <= calendar_month_days(year, c->month);
}

static bool take_clock(struct slice *s, struct calendar *c)
{
	if (!take_digits(s, 2, &c->hour) || !take_char(s, ':') || !take_digits(s, 2, &c->minute))
		return false;
	if (take_char(s, ':') && !take_digits(s, 2, &c->second))
		return false;
	return c->hour < 24 && c->minute < 60 && c->second < 60;
}

static bool local_time(const struct calendar *c, int64_t *t)
{
	struct tm tm = {.tm_year = (int)c->year - 1900,
			.tm_mon = c->month - 1,
			.tm_mday = c->day,
			.tm_hour = c->hour,
			.tm_min = c->minute,
			.tm_sec = c->second,
			.tm_wday = -1,
			.tm_isdst = -1};
	time_t made = mktime(&tm);

	*t = (int64_t)made;
	return tm.tm_wday != -1;
}

/* "@" has been taken. */
static bool parse_epoch(struct slice s, int64_t *t)
{
	bool negative = take_char(&s, '-');
	int64_t v;

	if (!take_number(&s, &v) || s.n)
		return false;
	*t = negative ? -v : v;
	return true;
}

bool time_parse(struct slice s, int64_t *t)
{
	struct calendar c = {0};

	if (take_char(&s, '@'))
		return parse_epoch(s, t);
	if (!take_date(&s, &c) || (take_char(&s, 'T') && !take_clock(&s, &c)))
		return false;
	if (take_char(&s, 'Z')) {
		*t = calendar_seconds(&c);
		return !s.n;
	}
	return !s.n && local_time(&c, t);
}
