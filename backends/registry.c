/* The backends there are: one row each. */
#include <mtaq/backend.h>

#include "qmail/qmail.h"
#include "sendmail/sendmail.h"

static const struct backend *const rows[] = {
    &backend_sendmail,
    &backend_qmail,
};

const struct backend *backend_at(size_t i)
{
	return i < sizeof rows / sizeof rows[0] ? rows[i] : NULL;
}

const struct backend *backend_find(const char *name)
{
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		if (strcmp(rows[i]->name, name) == 0)
			return rows[i];
	return NULL;
}
