/*
 * What went wrong, how far it reaches, and what the caller may do about it.
 *
 * Contract: fixed size, so that reporting "out of memory" needs none. The lowest layer sets it,
 * callers may put words in front, the first error wins (a second error_set on one that is set
 * changes nothing). Only main and the engine's reporter print. The text may hold bytes of the
 * queue: it is escaped when printed, not when set. Functions that take `struct error *` return 0 /
 * -1 (iterators 1 / 0 / -1) and never need it to be non-NULL to work: NULL means "not interested".
 */
#ifndef MTAQ_ERROR_H
#define MTAQ_ERROR_H

#include <stdarg.h>
#include <stddef.h>

enum error_code {
	ERROR_NONE = 0,
	ERROR_USAGE,	   /* command line, expression, rule: say how to write it */
	ERROR_GONE,	   /* it is not there (any more) */
	ERROR_BUSY,	   /* locked by the MTA or by another mtaq: later */
	ERROR_STALE,	   /* not the one that was listed */
	ERROR_CORRUPT,	   /* wrong type of file, or bytes that make no sense */
	ERROR_DENIED,	   /* no permission */
	ERROR_UNSUPPORTED, /* this MTA or this build cannot */
	ERROR_LIMIT,	   /* past a limit of mtaq/limits.h */
	ERROR_NOQUEUE,	   /* no such queue */
	ERROR_CANTCREATE,  /* journal, trash or target cannot be made */
	ERROR_SYSTEM,	   /* any other failed system call */
	ERROR_NOMEM,
	ERROR_BUG /* cannot happen */
};

/* How much is spoilt: one message, the rest of its queue, or the run. */
enum error_scope { SCOPE_MESSAGE = 0, SCOPE_QUEUE, SCOPE_RUN };

struct error {
	enum error_code code;
	enum error_scope scope;
	int errnum;    /* errno of the call, 0 if none */
	size_t offset; /* column (bytes, from 0) in an expression or file; SIZE_MAX if none */
	char text[240];
};

#define ERROR_INIT ((struct error){.offset = (size_t)-1})

/* Set code and text unless one is set; a text that does not fit loses its middle. Always returns
 * -1, so that `return error_set(...)` reads well. */
__attribute__((format(printf, 3, 4))) int error_set(struct error *e, enum error_code code,
						    const char *fmt, ...);
int error_vset(struct error *e, enum error_code code, const char *fmt, va_list ap);
/* As error_set, with the code that fits `errnum` and ": " + its message after the text.
 * ENOENT, ENOTDIR, ESTALE: GONE. EACCES, EPERM, EROFS: DENIED. ELOOP, EISDIR, ENXIO: CORRUPT (not a
 * regular file). EWOULDBLOCK: BUSY. ENOMEM: NOMEM. Others: SYSTEM. */
__attribute__((format(printf, 3, 4))) int error_sys(struct error *e, int errnum, const char *fmt,
						    ...);
/* As error_set, with the place in the text that was read. */
__attribute__((format(printf, 4, 5))) int error_at(struct error *e, enum error_code code,
						   size_t offset, const char *fmt, ...);
/* Put words and ": " in front of the text. */
__attribute__((format(printf, 2, 3))) void error_prefix(struct error *e, const char *fmt, ...);
void error_clear(struct error *e);
/* For tests and traces: "gone", "busy", ... */
const char *error_name(enum error_code code);

#endif
