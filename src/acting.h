/*
 * Options that every acting command takes.
 */
#ifndef MTAQ_ACTING_H
#define MTAQ_ACTING_H

#include "options.h"
#include "pipeline.h"

struct acting_options {
	bool dry_run, no_syslog;
	const char *max;
	struct option_number wait;
};

/* Their rows, for a struct `type` that has a struct acting_options called `common`. */
#define ACTING_ROWS(type)                                                                          \
	{'n',                                                                                      \
	 "dry-run",                                                                                \
	 NULL,                                                                                     \
	 OPTION_FLAG,                                                                              \
	 offsetof(type, common.dry_run),                                                           \
	 "do everything but change anything"},                                                     \
	    {0,                                                                                    \
	     "max",                                                                                \
	     "N|P%",                                                                               \
	     OPTION_TEXT,                                                                          \
	     offsetof(type, common.max),                                                           \
	     "do nothing at all if more than N messages, or P% of the queue, would be touched"},   \
	    {0,                                                                                    \
	     "wait",                                                                               \
	     "DUR",                                                                                \
	     OPTION_DURATION,                                                                      \
	     offsetof(type, common.wait),                                                          \
	     "keep trying messages that are busy for DUR"},                                        \
	{                                                                                          \
		0, "no-syslog", NULL, OPTION_FLAG, offsetof(type, common.no_syslog),               \
		    "do not log to syslog"                                                         \
	}

static inline void acting_fill(struct action_request *request, const struct acting_options *o)
{
	request->dry_run = o->dry_run;
	request->no_syslog = o->no_syslog;
	request->max = o->max;
	request->wait = o->wait;
}

#endif
