/*
 * Times and durations: reading what people write, printing what they read.
 *
 * Contract: times are seconds since 1970 in int64_t; only thread-safe libc calls; English names
 * whatever the locale. A duration needs a unit.
 */
#ifndef MTAQ_TIMEFMT_H
#define MTAQ_TIMEFMT_H

#include <mtaq/arena.h>
#include <mtaq/slice.h>

#include <stdbool.h>
#include <stdint.h>

#define DAY_SECONDS 86400

/* Room for any of the printers below, NUL included. */
#define TIME_TEXT 64

/* "90s", "15m", "4h", "2d", "1w", "1h30m" (any order, units s m h d w) in seconds. All of `s`;
 * false when it is not that, when a unit is missing, or past INT64_MAX. */
bool duration_parse(struct slice s, int64_t *seconds);
/* "4096", "10k", "2M", "1G", "3T" (k m g t caseless, 1024). All of `s`. */
bool size_parse(struct slice s, int64_t *bytes);
/* "2026-11-20", "2026-11-20T08:00", "2026-11-20T08:00:30", each optionally "Z" (UTC; else local
 * time, a date alone is its local midnight), or "@1447493191" (which may be negative). All of `s`.
 * False also for a day that no month has. */
bool time_parse(struct slice s, int64_t *t);

/* Exact form for scripts, in d h m s: "0s", "1h30m", "14d", "2d3h4m5s", "-5s". */
char *duration_print(int64_t seconds, char out[TIME_TEXT]);
/* Two most significant units for people: "45s", "3m20s", "2h05m", "3d04h", "5w2d". */
char *duration_human(int64_t seconds, char out[TIME_TEXT]);
/* "512", "1.2K", "34M": at most 4 characters before 1000T. */
char *size_human(int64_t bytes, char out[TIME_TEXT]);
/* "2026-11-20T08:00:30Z" */
char *time_print_utc(int64_t t, char out[TIME_TEXT]);
/* "2026-11-20 08:00:30 +0100" in local time */
char *time_print_local(int64_t t, char out[TIME_TEXT]);
/* As ctime(3) without its newline, in local time: "Thu Jan 15 12:00:00 2026". */
char *time_print_ctime(int64_t t, char out[TIME_TEXT]);
/* As qmail's listers: "4 Nov 2002 18:17:55 GMT" (day not padded, any year, before 1970 too). */
char *time_print_qmail(int64_t t, char out[TIME_TEXT]);
/* The local printers write "@SECONDS" for a time that the system's calendar cannot hold (years past
 * 2^31). */
/* strftime in local time with English names, into the arena; p == NULL when out of memory or past 1
 * MiB. */
struct slice time_format(struct arena *a, struct slice fmt, int64_t t);

#endif
