/* The backend for sendmail 8's queue directories. */
#ifndef SENDMAIL_SENDMAIL_H
#define SENDMAIL_SENDMAIL_H

#include <mtaq/backend.h>

extern const struct backend backend_sendmail;

#endif
