/* Errors of fixed size: see mtaq/error.h. */
#include <mtaq/error.h>

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum { LONGEST = 4096 + 512 }; /* a path and what is said of it */

/* What does not fit loses its middle: the beginning names the thing, the end says what is wrong. */
static void set_text(struct error *e, const char *text)
{
	static const char gap[] = "...";
	const size_t room = sizeof e->text - 1, tail = room / 2, n = strlen(text);
	const size_t head = room - tail - (sizeof gap - 1);

	if (n <= room) {
		memcpy(e->text, text, n + 1);
		return;
	}
	memcpy(e->text, text, head);
	memcpy(e->text + head, gap, sizeof gap - 1);
	memcpy(e->text + room - tail, text + n - tail, tail + 1);
}

int error_vset(struct error *e, enum error_code code, const char *fmt, va_list ap)
{
	char text[LONGEST];

	if (!e || e->code != ERROR_NONE)
		return -1;
	e->code = code;
	e->errnum = 0;
	e->offset = SIZE_MAX;
	vsnprintf(text, sizeof text, fmt, ap);
	set_text(e, text);
	return -1;
}

int error_set(struct error *e, enum error_code code, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	error_vset(e, code, fmt, ap);
	va_end(ap);
	return -1;
}

static enum error_code code_of(int errnum)
{
	switch (errnum) {
	case ENOENT:
	case ENOTDIR:
	case ESTALE:
		return ERROR_GONE;
	case EACCES:
	case EPERM:
	case EROFS:
		return ERROR_DENIED;
	case ELOOP:
	case EISDIR:
	case ENXIO:
		return ERROR_CORRUPT;
	case EAGAIN:
#if EAGAIN != EWOULDBLOCK
	case EWOULDBLOCK:
#endif
		return ERROR_BUSY;
	case ENOMEM:
		return ERROR_NOMEM;
	default:
		return ERROR_SYSTEM;
	}
}

int error_sys(struct error *e, int errnum, const char *fmt, ...)
{
	char what[LONGEST], reason[128];
	va_list ap;

	if (!e || e->code != ERROR_NONE)
		return -1;
	va_start(ap, fmt);
	vsnprintf(what, sizeof what, fmt, ap);
	va_end(ap);
	/* the XSI form: 0 and a filled buffer, or an error number and whatever it wrote */
	if (strerror_r(errnum, reason, sizeof reason) != 0)
		snprintf(reason, sizeof reason, "error %d", errnum);
	error_set(e, code_of(errnum), "%s: %s", what, reason);
	e->errnum = errnum;
	return -1;
}

int error_at(struct error *e, enum error_code code, size_t offset, const char *fmt, ...)
{
	va_list ap;

	if (!e || e->code != ERROR_NONE)
		return -1;
	va_start(ap, fmt);
	error_vset(e, code, fmt, ap);
	va_end(ap);
	e->offset = offset;
	return -1;
}

void error_prefix(struct error *e, const char *fmt, ...)
{
	char text[LONGEST + sizeof e->text];
	va_list ap;
	size_t n;

	if (!e || e->code == ERROR_NONE)
		return;
	va_start(ap, fmt);
	vsnprintf(text, LONGEST, fmt, ap);
	va_end(ap);
	n = strlen(text);
	snprintf(text + n, sizeof text - n, ": %s", e->text);
	set_text(e, text);
}

void error_clear(struct error *e)
{
	if (e)
		*e = ERROR_INIT;
}

const char *error_name(enum error_code code)
{
	static const char *const names[] = {
	    [ERROR_NONE] = "none",     [ERROR_USAGE] = "usage",
	    [ERROR_GONE] = "gone",     [ERROR_BUSY] = "busy",
	    [ERROR_STALE] = "stale",   [ERROR_CORRUPT] = "corrupt",
	    [ERROR_CANTCREATE] = "cannot create",
	    [ERROR_DENIED] = "denied", [ERROR_UNSUPPORTED] = "unsupported",
	    [ERROR_LIMIT] = "limit",   [ERROR_NOQUEUE] = "noqueue",
	    [ERROR_SYSTEM] = "system", [ERROR_NOMEM] = "nomem",
	    [ERROR_BUG] = "bug",
	};

	return (size_t)code < sizeof names / sizeof names[0] ? names[code] : "?";
}
