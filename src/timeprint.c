/* Printing of durations, sizes and times. Reading is in timefmt.c. */
#include <mtaq/timefmt.h>

#include "calendar.h"

#include <inttypes.h>
#include <locale.h>
#include <stdio.h>
#include <time.h>

static uint64_t magnitude(int64_t v)
{
	return v < 0 ? 0 - (uint64_t)v : (uint64_t)v;
}

char *duration_print(int64_t seconds, char out[TIME_TEXT])
{
	static const struct {
		uint64_t seconds;
		char name;
	} units[] = {{DAY_SECONDS, 'd'}, {3600, 'h'}, {60, 'm'}, {1, 's'}};
	uint64_t left = magnitude(seconds);
	int n = snprintf(out, TIME_TEXT, "%s", seconds < 0 ? "-" : "");

	for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
		uint64_t count = left / units[i].seconds;

		if (count || (!seconds && units[i].name == 's'))
			n += snprintf(out + n, TIME_TEXT - (size_t)n, "%" PRIu64 "%c", count,
				      units[i].name);
		left %= units[i].seconds;
	}
	return out;
}

char *duration_human(int64_t seconds, char out[TIME_TEXT])
{
	const char *sign = seconds < 0 ? "-" : "";
	uint64_t s = magnitude(seconds);

	if (s < 60)
		snprintf(out, TIME_TEXT, "%s%" PRIu64 "s", sign, s);
	else if (s < 3600)
		snprintf(out, TIME_TEXT, "%s%" PRIu64 "m%02" PRIu64 "s", sign, s / 60, s % 60);
	else if (s < DAY_SECONDS)
		snprintf(out, TIME_TEXT, "%s%" PRIu64 "h%02" PRIu64 "m", sign, s / 3600,
			 s / 60 % 60);
	else if (s < 7 * DAY_SECONDS)
		snprintf(out, TIME_TEXT, "%s%" PRIu64 "d%02" PRIu64 "h", sign, s / DAY_SECONDS,
			 s / 3600 % 24);
	else
		snprintf(out, TIME_TEXT, "%s%" PRIu64 "w%" PRIu64 "d", sign, s / (7 * DAY_SECONDS),
			 s / DAY_SECONDS % 7);
	return out;
}

/* `bytes` in tenths of a unit of 2^shift, rounded. */
static uint64_t tenths(uint64_t bytes, unsigned shift)
{
	uint64_t unit = UINT64_C(1) << shift, part = bytes & (unit - 1);

	if (shift > 50) /* keeps part * 10 in range; what is lost is far below a tenth */
		return tenths(bytes >> 10, shift - 10);
	return (bytes >> shift) * 10 + (part * 10 + unit / 2) / unit;
}

char *size_human(int64_t bytes, char out[TIME_TEXT])
{
	static const char units[] = "KMGTPE";
	const char *sign = bytes < 0 ? "-" : "";
	uint64_t b = magnitude(bytes), t = 0;
	size_t i = 0;

	if (b < 1024) {
		snprintf(out, TIME_TEXT, "%s%" PRIu64, sign, b);
		return out;
	}
	for (; i < sizeof units - 1; i++) {
		t = tenths(b, 10 * ((unsigned)i + 1));
		if (t < 9995)
			break;
	}
	if (t < 100)
		snprintf(out, TIME_TEXT, "%s%" PRIu64 ".%" PRIu64 "%c", sign, t / 10, t % 10,
			 units[i]);
	else
		snprintf(out, TIME_TEXT, "%s%" PRIu64 "%c", sign, (t + 5) / 10, units[i]);
	return out;
}

char *time_print_utc(int64_t t, char out[TIME_TEXT])
{
	struct calendar c = calendar_of(t);

	snprintf(out, TIME_TEXT, "%04" PRId64 "-%02d-%02dT%02d:%02d:%02dZ", c.year, c.month, c.day,
		 c.hour, c.minute, c.second);
	return out;
}

char *time_print_qmail(int64_t t, char out[TIME_TEXT])
{
	struct calendar c = calendar_of(t);

	snprintf(out, TIME_TEXT, "%d %s %" PRId64 " %02d:%02d:%02d GMT", c.day,
		 calendar_month_name(c.month), c.year, c.hour, c.minute, c.second);
	return out;
}

/* False for a time that this system's struct tm cannot hold. */
static bool local_tm(int64_t t, struct tm *tm)
{
	time_t seconds = (time_t)t;

	return seconds == t && localtime_r(&seconds, tm);
}

/* What is printed then. */
static char *print_epoch(int64_t t, char out[TIME_TEXT])
{
	snprintf(out, TIME_TEXT, "@%" PRId64, t);
	return out;
}

/* Seconds east of UTC: the difference of the two readings of one instant. */
static int64_t utc_offset(int64_t t, const struct tm *tm)
{
	struct calendar utc = calendar_of(t);
	struct calendar c = {.year = tm->tm_year + INT64_C(1900),
			     .month = tm->tm_mon + 1,
			     .day = tm->tm_mday,
			     .hour = tm->tm_hour,
			     .minute = tm->tm_min,
			     .second = tm->tm_sec};

	return calendar_seconds(&c) - calendar_seconds(&utc);
}

char *time_print_local(int64_t t, char out[TIME_TEXT])
{
	struct tm tm;
	int64_t minutes;
	unsigned east;

	if (!local_tm(t, &tm))
		return print_epoch(t, out);
	minutes = utc_offset(t, &tm) / 60;
	east = (unsigned)magnitude(minutes);
	snprintf(out, TIME_TEXT, "%04" PRId64 "-%02d-%02d %02d:%02d:%02d %c%02u%02u",
		 tm.tm_year + INT64_C(1900), tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min,
		 tm.tm_sec, minutes < 0 ? '-' : '+', east / 60, east % 60);
	return out;
}

char *time_print_ctime(int64_t t, char out[TIME_TEXT])
{
	struct tm tm;

	if (!local_tm(t, &tm))
		return print_epoch(t, out);
	snprintf(out, TIME_TEXT, "%s %s %2d %02d:%02d:%02d %" PRId64, calendar_day_name(tm.tm_wday),
		 calendar_month_name(tm.tm_mon + 1), tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec,
		 tm.tm_year + INT64_C(1900));
	return out;
}

/* strftime's answer 0 is "no room" as well as "nothing to print": a blank in front of the format
 * tells them apart. */
static struct slice format_tm(struct arena *a, const char *fmt, const struct tm *tm, locale_t c)
{
	const size_t most = 1u << 20;
	size_t room = 64;
	char *p = arena_alloc(a, room);

	while (p) {
		size_t n = strftime_l(p, room, fmt, tm, c);

		if (n)
			return slice_of(p + 1, n - 1);
		if (room >= most)
			return SLICE_NONE;
		p = arena_grow(a, p, room, room * 4);
		room *= 4;
	}
	return SLICE_NONE;
}

struct slice time_format(struct arena *a, struct slice fmt, int64_t t)
{
	char epoch[TIME_TEXT], *marked;
	struct slice result = SLICE_NONE;
	struct tm tm;
	locale_t c;

	if (!local_tm(t, &tm))
		return arena_copy(a, slice_from(print_epoch(t, epoch)));
	marked = (char *)arena_printf(a, " %" SLICE_FMT, SLICE_ARG(fmt)).p;
	c = newlocale(LC_ALL_MASK, "C", (locale_t)0);
	if (marked && c)
		result = format_tm(a, marked, &tm, c);
	if (c)
		freelocale(c);
	return result;
}
