/* Loaded before the C library: the write or pwrite numbered $SHORT_WRITE takes half of it. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

/* How much of n bytes goes this time. */
static size_t allowed(size_t n)
{
	static long count;
	const char *at = getenv("SHORT_WRITE");

	if (n < 2 || !at || ++count != strtol(at, NULL, 10))
		return n;
	return n / 2;
}

ssize_t write(int fd, const void *p, size_t n)
{
	return (ssize_t)syscall(SYS_write, fd, p, allowed(n));
}

ssize_t pwrite(int fd, const void *p, size_t n, off_t offset)
{
	return (ssize_t)syscall(SYS_pwrite64, fd, p, allowed(n), offset);
}

ssize_t pwrite64(int fd, const void *p, size_t n, off64_t offset)
{
	return (ssize_t)syscall(SYS_pwrite64, fd, p, allowed(n), offset);
}
