/*
 * What qtool.pl's command line means: sources, and the condition that they make with its options.
 *
 * Contract: sources are looked up before anything is changed; those that are not there are told and
 * make the run's status STATUS_SOME, the others are served. Lists are freed by
 * qtool_sources_free(); their strings live in the run's arena.
 */
#ifndef MTAQ_QTOOL_H
#define MTAQ_QTOOL_H

#include "run.h"

struct qtool_options {
	struct option_number seconds;
	bool quarantined;
	const char *expression;
};

struct qtool_sources {
	struct text_list queues; /* what -q takes, for all of them */
	struct text_list paths;	 /* of the directories that are sources, as struct unit has them */
	struct text_list files;	 /* control files */
};

/* False when the run is to end. */
bool qtool_sources_find(struct run *run, char **words, size_t count, bool quarantined,
			struct qtool_sources *out);
void qtool_sources_free(struct qtool_sources *s);

/* All that a message must be. `paths`: in one of these directories; NULL: anywhere. NULL when told.
 */
struct filter *qtool_filter(struct run *run, const struct qtool_options *o,
			    const struct text_list *paths);

#endif
