/* Errors of fixed size: see mtaq/error.h. */
#include <mtaq/error.h>

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

int error_vset(struct error *e, enum error_code code, const char *fmt, va_list ap)
{
	if (!e || e->code != ERROR_NONE)
		return -1;
	e->code = code;
	e->errnum = 0;
	e->offset = SIZE_MAX;
	vsnprintf(e->text, sizeof e->text, fmt, ap);
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
	va_list ap;
	size_t n;

	if (!e || e->code != ERROR_NONE)
		return -1;
	va_start(ap, fmt);
	error_vset(e, code_of(errnum), fmt, ap);
	va_end(ap);
	e->errnum = errnum;
	n = strlen(e->text);
	if (n + 2 < sizeof e->text) {
		memcpy(e->text + n, ": ", 3);
		/* the XSI form: 0 and a filled buffer, or an error number and whatever it wrote */
		if (strerror_r(errnum, e->text + n + 2, sizeof e->text - n - 2) != 0)
			snprintf(e->text + n + 2, sizeof e->text - n - 2, "error %d", errnum);
	}
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
	char old[sizeof e->text];
	va_list ap;
	size_t n;

	if (!e || e->code == ERROR_NONE)
		return;
	memcpy(old, e->text, sizeof old);
	va_start(ap, fmt);
	vsnprintf(e->text, sizeof e->text, fmt, ap);
	va_end(ap);
	n = strlen(e->text);
	snprintf(e->text + n, sizeof e->text - n, ": %s", old);
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
	    [ERROR_DENIED] = "denied", [ERROR_UNSUPPORTED] = "unsupported",
	    [ERROR_LIMIT] = "limit",   [ERROR_NOQUEUE] = "noqueue",
	    [ERROR_SYSTEM] = "system", [ERROR_NOMEM] = "nomem",
	    [ERROR_BUG] = "bug",
	};

	return (size_t)code < sizeof names / sizeof names[0] ? names[code] : "?";
}
