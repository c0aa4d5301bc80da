/*
 * Exit statuses: what the run came to, worst first. See EXIT STATUS in mtaq(1).
 */
#ifndef MTAQ_STATUS_H
#define MTAQ_STATUS_H

#include <mtaq/error.h>

enum status {
	STATUS_OK = 0,
	STATUS_SOME = 1, /* some messages failed, were busy or in error; a named id was not found */
	STATUS_CRITICAL = 2, /* count --crit only */
	STATUS_USAGE = 64,   /* usage, expression or rule error: nothing touched */
	STATUS_NOQUEUE = 66, /* no such queue */
	STATUS_INTERNAL = 70,
	STATUS_SYSTEM = 71,
	STATUS_CANTCREATE = 73, /* journal, trash or target */
	STATUS_IO = 74,		/* stdout or journal lost midway */
	STATUS_TEMPORARY = 75,	/* nothing touched, try later */
	STATUS_DENIED = 77
};

/* The worse of two, in the order 64 70 71 74 73 77 66 75 2 1 0. */
enum status status_worse(enum status a, enum status b);
/* What an error means for the run when nothing more is known. */
enum status status_of_error(const struct error *e);

#endif
