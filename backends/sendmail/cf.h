/*
 * sendmail.cf and submit.cf: what a queue tool needs of them. Pure: text in, struct out.
 *
 * Contract: slices point into the text given or into the arena. Each value knows its line, so that
 * people can be told why; line 0 means sendmail's built-in default. Lines that sendmail itself
 * would refuse are passed over. Rulesets, mailers and maps are not looked at.
 */
#ifndef SENDMAIL_CF_H
#define SENDMAIL_CF_H

#include <mtaq/arena.h>
#include <mtaq/error.h>
#include <mtaq/slice.h>

#include <stdbool.h>
#include <stdint.h>

/* Options that are kept; their names are in cfnames.c. */
enum cf_option {
	CF_QUEUE_DIRECTORY,
	CF_MIN_QUEUE_AGE,
	CF_MAX_QUEUE_AGE,
	CF_QUEUE_FILE_MODE,
	CF_SUPER_SAFE,
	CF_REQUIRES_DIRFSYNC,
	CF_QUEUE_SORT_ORDER,
	CF_MAX_QUEUE_RUN_SIZE,
	CF_QUEUE_LA,
	CF_QUEUE_FACTOR,
	CF_RETRY_FACTOR,
	CF_RECIPIENT_FACTOR,
	CF_CLASS_FACTOR,
	CF_HOST_STATUS_DIRECTORY,
	CF_PID_FILE,
	CF_RUN_AS_USER,
	CF_TRUSTED_USER,
	CF_USE_MSP,
	CF_DOUBLE_BOUNCE_ADDRESS,
	CF_DEAD_LETTER_DROP,
	CF_SAFE_FILE_ENVIRONMENT,
	CF_TIME_ZONE_SPEC,
	CF_OPTION_COUNT,
	/* not kept as they are */
	CF_TIMEOUT,	  /* suboptions */
	CF_QUEUE_TIMEOUT, /* return/warn */
	CF_OTHER
};

/* Which return and warning timeout applies to a message. */
enum cf_class { CF_NORMAL, CF_URGENT, CF_NON_URGENT, CF_DSN, CF_CLASS_COUNT };

struct cf_value {
	struct slice text; /* none: not set */
	unsigned line;
};

struct cf_time {
	int64_t seconds;
	unsigned line;
};

struct cf_group {
	struct slice name, path; /* path none: QueueDirectory */
	struct slice interval;	 /* none: the daemon's */
	struct slice runners;	 /* none: default; "0": no plain run touches it */
	unsigned line;
};

struct cf_precedence {
	struct slice name;
	int64_t value;
};

struct cf {
	struct cf_value option[CF_OPTION_COUNT];
	struct cf_time queue_return[CF_CLASS_COUNT], queue_warn[CF_CLASS_COUNT], host_status;
	struct cf_group *groups; /* in file order; a Qmqueue line is among them */
	size_t group_count, group_room;
	struct cf_precedence *precedences;
	size_t precedence_count, precedence_room;
	int64_t level; /* number of the V line */
};

/* sendmail's built-in values, and the stock precedences. */
void cf_defaults(struct cf *cf);
/* 0, or -1: ERROR_LIMIT. */
int cf_parse(struct arena *a, struct slice text, struct cf *out, struct error *err);

/* "5d", "3d12h", "30" (in `unit`: w d h m s), "now" (0), "-1h", as sendmail reads them; clamped. */
int64_t cf_seconds(struct slice s, char unit);
/* First letter decides: t, y or nothing is true. */
bool cf_bool(struct slice s);
/* Precedence: value to message class, 0 for unknown words. */
int64_t cf_precedence_of(const struct cf *cf, struct slice word);
const char *cf_class_name(enum cf_class c);
/* MinQueueAge in seconds. */
int64_t cf_min_queue_age(const struct cf *cf);

#endif
