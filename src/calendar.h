/*
 * The Gregorian calendar in UTC for every int64_t second: gmtime(3) and its inverse, without their
 * limits, their static memory and their dependence on the system.
 *
 * Contract: pure functions.
 */
#ifndef CALENDAR_H
#define CALENDAR_H

#include <stdint.h>

struct calendar {
	int64_t year;
	int month, day; /* from 1 */
	int hour, minute, second;
	int weekday; /* 0 = Sunday; not read by calendar_seconds */
};

struct calendar calendar_of(int64_t seconds);
/* For years of up to eleven digits. */
int64_t calendar_seconds(const struct calendar *c);
int calendar_month_days(int64_t year, int month);
/* "Jan" .. "Dec" for 1 .. 12, "Sun" .. "Sat" for 0 .. 6 */
const char *calendar_month_name(int month);
const char *calendar_day_name(int weekday);

#endif
