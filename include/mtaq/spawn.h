/*
 * Running another program and reading what it says.
 *
 * Contract: no shell; the program is named by its path, never looked for. It gets standard input
 * that is at its end, standard output and error in one pipe, no other descriptor, default signals
 * with none blocked, and an environment of its own (PATH alone). Not to be called while other
 * threads run.
 */
#ifndef MTAQ_SPAWN_H
#define MTAQ_SPAWN_H

#include <mtaq/error.h>

#include <stdbool.h>

struct spawn_output {
	char text[4096]; /* the beginning of what it said, NUL-terminated */
	size_t n;
	int status; /* as waitpid() gave it */
};

/* Run argv[0] to its end. With `enough`, it is ended as soon as that is said of the output so far.
 * 0, or -1 when it could not be run; a program that fails is no error here. */
int spawn_run(const char *const *argv, bool (*enough)(const struct spawn_output *out),
	      struct spawn_output *out, struct error *err);
/* It ended by itself with status 0. */
bool spawn_ok(const struct spawn_output *out);

#endif
