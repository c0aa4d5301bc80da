/* The qmail backend: see mtaq/backend.h for what it promises. */
#ifndef QMAIL_QMAIL_H
#define QMAIL_QMAIL_H

#include <mtaq/backend.h>

extern const struct backend backend_qmail;

#endif
