/*
 * A stand-in for qmail, for tests only: its queue.
 *
 * Written from what is documented of the queue, and sharing no code with mtaq: where the two do not
 * agree, one of them is wrong. Both programs work in the queue directory (chdir). Errors of the
 * surroundings end the process; errors that a queue can show are returned.
 */
#ifndef STANDIN_SPOOL_H
#define STANDIN_SPOOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

enum { SPOOL_PATH = 64, SPOOL_ADDRESS = 1002 };

struct spool {
	unsigned split;
	uid_t queue_uid, send_uid; /* of mess, of info */
	gid_t gid;
};

/* Go into the queue directory and see how it is laid out. */
void spool_enter(const char *dir, struct spool *s);
/* "mess/3/95", "todo/95", ... into `out`, which is returned. */
char *spool_path(const struct spool *s, const char *dir, uint64_t n, char out[SPOOL_PATH]);
/* Is the file there? Anything but "no such file" counts as there. */
bool spool_has(const struct spool *s, const char *dir, uint64_t n);
/* Remove it: 0 also when it was not there. */
int spool_unlink(const struct spool *s, const char *dir, uint64_t n);
/* Make a file new, owned as qmail-send's are; fd or -1. */
int spool_create(const struct spool *s, const char *dir, uint64_t n);
/* Open one of qmail-send's own files; -1 also when that user could not. */
int spool_open(const struct spool *s, const char *dir, uint64_t n, int flags, struct stat *st);
/* All of a file, NUL appended; NULL when it cannot be read. Freed by the caller. */
char *spool_slurp(int fd, size_t *n);
int spool_write(int fd, const void *p, size_t n);
/* A number as readers of directories take it: digits only. */
bool spool_number(const char *name, uint64_t *n);

/*
 * Put a message into the queue: `body` after a Received line that says `how` ("by uid 0", "for
 * bounce"); `envelope` are records, each with its NUL. Returns 0, or the exit status that a
 * qmail-queue ends with.
 */
int spool_submit(const struct spool *s, const char *how, const char *body, size_t body_n,
		 const char *envelope, size_t envelope_n);

#endif
