/*
 * The lines of a log, oldest first, from files and multilog's directories, in one pass and in flat
 * memory.
 *
 * Contract: the rotated files of a directory come in the order of their names, then `current`,
 * which is opened first of all so that a rotation meanwhile loses nothing. Several places come in
 * the order of their first times, if they all have one. A file that is named twice is read once.
 * The last line of a file counts only with its line end: it may still be being written. Lines
 * longer than LIMIT_LOG_LINE are nobody's and passed over. Pieces that splogger cut are joined.
 * Compressed files are an error when they are named, and the beginning of the log when they lie in
 * a directory.
 */
#ifndef MTAQ_LOGREAD_H
#define MTAQ_LOGREAD_H

#include "logline.h"

#include <mtaq/error.h>

struct log_reader {
	void *ctx;
	/* A line; it is gone when this returns. -1 ends the reading. */
	int (*line)(void *ctx, const struct log_line *l);
	/* Lines may be missing here: a file ends that was not closed properly. */
	void (*gap)(void *ctx);
};

/* 0, or -1 with err. */
int logread_run(const char *const *places, size_t count, const struct log_reader *r,
		struct error *err);

#endif
