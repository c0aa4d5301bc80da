/* Names of message states and parts: see mtaq/message.h. */
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

const char *message_part_name(enum part_index part)
{
	static const char *const names[PART_COUNT] = {
	    [PART_NAME_I] = "name",
	    [PART_STAT_I] = "stat",
	    [PART_CONTROL_I] = "control",
	    [PART_DATA_I] = "data",
	    [PART_RECIPIENTS_I] = "recipients",
	    [PART_HEADER_I] = "header",
	    [PART_LOCK_I] = "lock",
	    [PART_BODY_I] = "body",
	    [PART_LOG_I] = "log",
	};

	return (unsigned)part < PART_COUNT ? names[part] : "?";
}
