/* The lock of apply: see applylock.h. The file stays: whoever finds it, locks it. */
#include "applylock.h"

#include "journal.h"

#include <mtaq/sysio.h>

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>

static int lock_file(const char *dir, struct error *err)
{
	struct arena a;
	struct slice path;
	int fd = -1;

	arena_init(&a, 0);
	path = arena_printf(&a, "%s/apply.lock", dir);
	if (!path.p)
		error_set(err, ERROR_NOMEM, "out of memory");
	else if (journal_make_directory(dir, err) == 0) {
		fd = open(path.p, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);
		if (fd < 0)
			error_sys(err, errno, "the lock of apply cannot be made: %s", path.p);
	}
	arena_free(&a);
	return fd;
}

bool apply_lock(struct run *run, int *fd)
{
	struct error err = ERROR_INIT;

	*fd = lock_file(run->globals.journal ? run->globals.journal : JOURNAL_DIR, &err);
	if (*fd < 0) {
		run_fail(run, STATUS_CANTCREATE, "%s", err.text);
		return false;
	}
	if (flock(*fd, LOCK_EX | LOCK_NB) == 0)
		return true;
	if (errno == EWOULDBLOCK)
		run_fail(run, STATUS_TEMPORARY, "another apply is at work: nothing was touched");
	else
		run_fail(run, STATUS_SYSTEM, "the lock of apply cannot be taken");
	return false;
}

void apply_unlock(int fd)
{
	sys_close(fd);
}
