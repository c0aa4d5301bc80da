/* What an action changes, for the journal: one object for each thing that changes, with what it was
 * before and what it is after, so that undo can put it back as long as nobody else has changed it.
 */
#include "act.h"

int change_add(struct held *h, json_t *change, struct error *err)
{
	if (change && json_array_append_new(h->changes, change) == 0)
		return 0;
	return error_set(err, ERROR_NOMEM, "out of memory");
}

json_t *change_of_time(const char *what, const char *channel, int64_t before, int64_t after)
{
	return json_pack("{s:s, s:s*, s:I, s:I}", "what", what, "channel", channel, "before",
			 (json_int_t)before, "after", (json_int_t)after);
}

struct timespec timespec_of(int64_t ns)
{
	int64_t s = ns / 1000000000, rest = ns % 1000000000;

	if (rest < 0) {
		rest += 1000000000;
		s--;
	}
	return (struct timespec){.tv_sec = (time_t)s, .tv_nsec = (long)rest};
}
