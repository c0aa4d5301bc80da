/* Days and dates: see calendar.h. */
#include "calendar.h"

#include <stdbool.h>

enum { DAY = 86400, ERA_DAYS = 146097, ERA_YEARS = 400 };

static int64_t floor_div(int64_t a, int64_t b)
{
	return a / b - (a % b < 0);
}

static bool is_leap(int64_t year)
{
	return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

int calendar_month_days(int64_t year, int month)
{
	static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

	return month == 2 && is_leap(year) ? 29 : days[month - 1];
}

/* Days from 1 March of year 0 to 1 March of `year` within an era of 400 years. */
static int64_t march_days(int64_t year)
{
	return year * 365 + year / 4 - year / 100;
}

/* Years are counted from March, so that the leap day comes last: month 0 is March, and five months
 * from any March or August have 153 days. 1 January 1970 is day 719468 of year 0. */
int64_t calendar_seconds(const struct calendar *c)
{
	int64_t year = c->month > 2 ? c->year : c->year - 1;
	int64_t era = floor_div(year, ERA_YEARS);
	int64_t month = (c->month + 9) % 12;
	int64_t days = era * ERA_DAYS + march_days(year - era * ERA_YEARS) + (153 * month + 2) / 5 +
		       c->day - 1 - 719468;

	return days * DAY + c->hour * 3600 + c->minute * 60 + c->second;
}

struct calendar calendar_of(int64_t seconds)
{
	struct calendar c = {0};
	int64_t day = floor_div(seconds, DAY);
	int second = (int)((seconds % DAY + DAY) % DAY);
	int64_t shifted = day + 719468, era = floor_div(shifted, ERA_DAYS);
	int64_t of_era = shifted - era * ERA_DAYS;
	int64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
	int64_t of_year = of_era - march_days(year);
	int month = (int)((5 * of_year + 2) / 153);

	c.day = (int)(of_year - (153 * month + 2) / 5 + 1);
	c.month = month < 10 ? month + 3 : month - 9;
	c.year = year + era * ERA_YEARS + (c.month <= 2);
	c.weekday = (int)((day % 7 + 11) % 7);
	c.hour = second / 3600;
	c.minute = second / 60 % 60;
	c.second = second % 60;
	return c;
}

const char *calendar_month_name(int month)
{
	static const char names[][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
					"Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

	return names[month - 1];
}

const char *calendar_day_name(int weekday)
{
	static const char names[][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};

	return names[weekday];
}
