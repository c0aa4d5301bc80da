/* Names of message states: see mtaq/message.h. */
#include <mtaq/message.h>

const char *message_state_name(enum message_state s)
{
	static const char *const names[STATE_COUNT] = {
	    [STATE_UNKNOWN] = "unknown",
	    [STATE_QUEUED] = "queued",
	    [STATE_NEW] = "new",
	    [STATE_HELD] = "held",
	    [STATE_LOST] = "lost",
	    [STATE_NODATA] = "nodata",
	    [STATE_INCOMPLETE] = "incomplete",
	    [STATE_INCOMING] = "incoming",
	    [STATE_ENDING] = "ending",
	};

	return (unsigned)s < STATE_COUNT ? names[s] : names[STATE_UNKNOWN];
}
