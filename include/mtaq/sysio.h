/*
 * System calls as this program makes them: EINTR repeated, no symlink followed below a queue's
 * directories, nothing but regular files opened, nothing read without a limit, no atime changed
 * where the system allows it.
 *
 * Contract: descriptors returned are close-on-exec and owned by the caller. Names are single
 * components or paths below `dirfd` that the caller built from its own constants and a checked
 * name. `what` is the path as a person would write it, for error texts.
 */
#ifndef MTAQ_SYSIO_H
#define MTAQ_SYSIO_H

#include <mtaq/arena.h>
#include <mtaq/error.h>
#include <mtaq/slice.h>

#include <dirent.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

/* Make sure that descriptors 0, 1 and 2 are open, so that no queue file ever becomes "stdout". One
 * that was closed becomes /dev/null in the direction that fails (writing to such a stdout is
 * EBADF). Call first in main. 0/-1. */
int sys_own_standard_descriptors(void);
/* Raise the soft limit of open files to the hard one. */
void sys_raise_file_limit(void);

/* A directory as configured: symbolic links are followed (a symlinked q* is legal). fd or -1. */
int sys_open_dir(const char *path, struct error *err);
/* A directory below `dirfd`: `follow` says whether its last component may be a link. fd or -1. */
int sys_open_subdir(int dirfd, const char *name, bool follow, const char *what, struct error *err);

enum sys_access { SYS_READ, SYS_READ_WRITE };
/* Open a regular file below `dirfd` without following any link on the way, without blocking on a
 * FIFO and, for SYS_READ, without touching its atime where the system allows. `st` (may be NULL) is
 * the fstat of it. Anything but a regular file is ERROR_CORRUPT ("is a FIFO"). fd or -1. */
int sys_open_file(int dirfd, const char *name, enum sys_access access, const char *what,
		  struct stat *st, struct error *err);
/* As sys_open_file for a path that the user or the MTA's configuration names: links are followed.
 */
int sys_open_config(const char *path, struct stat *st, struct error *err);
/* lstat below dirfd; 0/-1 */
int sys_stat(int dirfd, const char *name, const char *what, struct stat *st, struct error *err);
/* "a directory", "a symbolic link", "a FIFO", ...: what is there instead of a regular file. */
const char *sys_file_type(mode_t mode);

/* The bytes of `fd` from its current offset to its end, at most `limit` (more: ERROR_LIMIT).
 * `size_hint` is st_size or 0; a file that grows or shrinks meanwhile is read as it is. A NUL
 * follows the bytes (not counted). */
int sys_read_all(int fd, size_t size_hint, size_t limit, struct arena *arena, const char *what,
		 struct slice *out, struct error *err);
/* At most `n` bytes from `offset`; the count read or -1. */
ssize_t sys_pread(int fd, void *buf, size_t n, off_t offset);
/* Open, read all, close. */
int sys_read_config(const char *path, size_t limit, struct arena *arena, struct slice *out,
		    struct error *err);
/* All of it, whatever write(2) takes at a time; 0 or -1 with errno. */
int sys_write_all(int fd, const void *p, size_t n);
/* Let the disk begin with what was written; fsync() has to follow. For several files: begin with
 * all of them, then sync each, and most of it is one write to the disk. */
void sys_begin_sync(int fd);
void sys_close(int fd);
/* A copy of a regular file: bytes, owner, mode and times, on disk. -1 with errno, EEXIST when the
 * name is taken. */
int sys_copy_file(int from_fd, const char *from, int to_fd, const char *to);
/* Rename that never replaces: -1 with errno EEXIST. */
int sys_rename_new(int from_fd, const char *from, int to_fd, const char *to);
/* The directory that `path` is named in, on disk: a new directory is there after a crash only then.
 * 0 or -1 with errno. */
int sys_sync_parent(const char *path);
/* A directory of our own, and its name, on disk. ERROR_CANTCREATE. */
int sys_make_dir(const char *path, struct error *err);
/* The real path of `path`, of which the last part may be missing yet; `size` of at least PATH_MAX.
 * 1 it is there, 0 it is not, -1. */
int sys_real_path(const char *path, char *out, size_t size, struct error *err);

/* Does `name` in this directory still mean the file that `fd` has open? Another may have got it
 * while one waited for a lock. */
bool sys_still_named(int dirfd, const char *name, int fd);

/* readdir that tells end from error: 1 and *out, 0 at the end, -1 with err. "." and ".." are left
 * out. */
int sys_readdir(DIR *dir, const char *what, struct dirent **out, struct error *err);
/* A DIR on its own duplicate of dirfd, at its beginning. NULL with err. */
DIR *sys_opendir_at(int dirfd, const char *name, const char *what, struct error *err);

/* The advisory locks that the kernel knows (Linux /proc/locks): all that are held while it is
 * read. */
struct sys_locks {
	struct sys_lock {
		uint64_t dev, ino;
		bool exclusive;
	} * list; /* malloc'd, by inode; owned by this struct */
	size_t count, room;
	bool known; /* false: this system cannot tell */
};

void sys_locks_init(struct sys_locks *l);
void sys_locks_free(struct sys_locks *l);
void sys_locks_refresh(struct sys_locks *l);
/* 1 an exclusive lock is held, 0 none, -1 cannot tell. */
int sys_locks_exclusive(const struct sys_locks *l, dev_t dev, ino_t ino);
/* Whether somebody holds an exclusive lock, by taking and at once giving back a shared flock: 1, 0,
 * or -1. */
int sys_probe_locked(int fd);

#endif
