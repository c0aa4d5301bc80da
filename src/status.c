/* Which exit status wins. */
#include "status.h"

static const enum status worst_first[] = {
    STATUS_USAGE,      STATUS_INTERNAL, STATUS_SYSTEM,	STATUS_IO,
    STATUS_CANTCREATE, STATUS_DENIED,	STATUS_NOQUEUE, STATUS_TEMPORARY,
    STATUS_CRITICAL,   STATUS_SOME,	STATUS_OK,
};

enum status status_worse(enum status a, enum status b)
{
	for (size_t i = 0; i < sizeof worst_first / sizeof worst_first[0]; i++)
		if (worst_first[i] == a || worst_first[i] == b)
			return worst_first[i];
	return STATUS_INTERNAL;
}

enum status status_of_error(const struct error *e)
{
	static const enum status of[] = {
	    [ERROR_NONE] = STATUS_OK,	    [ERROR_USAGE] = STATUS_USAGE,
	    [ERROR_GONE] = STATUS_NOQUEUE,  [ERROR_BUSY] = STATUS_TEMPORARY,
	    [ERROR_STALE] = STATUS_SOME,    [ERROR_CORRUPT] = STATUS_SOME,
	    [ERROR_DENIED] = STATUS_DENIED, [ERROR_UNSUPPORTED] = STATUS_USAGE,
	    [ERROR_LIMIT] = STATUS_SOME,    [ERROR_NOQUEUE] = STATUS_NOQUEUE,
	    [ERROR_SYSTEM] = STATUS_SYSTEM, [ERROR_NOMEM] = STATUS_SYSTEM,
	    [ERROR_CANTCREATE] = STATUS_CANTCREATE,
	    [ERROR_BUG] = STATUS_INTERNAL,
	};

	return e->code < sizeof of / sizeof of[0] ? of[e->code] : STATUS_INTERNAL;
}
