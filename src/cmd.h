/*
 * The commands: one file src/cmd_NAME.c each, one row in src/cmd.c.
 *
 * To add a command:
 *   1. src/cmd_NAME.c with its struct command (below): options, usage and help all come from it;
 *   2. its name in the list of src/cmd.c and its file in Makefile.am;
 *   3. its section in man/mtaq.1 (tests/lint fails when SYNOPSIS or an option is missing there) and
 * a case in tests/golden.
 */
#ifndef MTAQ_CMD_H
#define MTAQ_CMD_H

#include "run.h"

enum command_flag {
	COMMAND_SELECTS = 1 << 0, /* takes selectors */
	COMMAND_WORDS = 1 << 1,	  /* takes ids or other words */
	COMMAND_ACTS = 1 << 2	  /* changes queues */
};

struct command {
	const char *name;
	const char *summary; /* one line for `mtaq help` */
	const char *args;    /* words in the usage line: "[ID]..." */
	unsigned flags;
	const struct option_row *options; /* ends with a row of zeros; NULL: none of its own */
	size_t options_size;		  /* bytes of the struct that they fill */
	const char *details;		  /* paragraph for `mtaq help NAME`; may be NULL */
	/* The run's status is set through run_fail; `options` points to the filled struct. */
	void (*run)(struct run *run, const void *options);
};

/* Row `i`, NULL past the end. */
const struct command *command_at(size_t i);
const struct command *command_find(const char *name);
/* "mtaq list [SELECTOR]... [OPTION]... [ID]..." */
void command_usage(const struct command *c, struct buf *out);
/* Usage, options and details. */
void command_help(const struct command *c, struct buf *out);
/* Commands and global options. */
void command_overview(struct buf *out);

#endif
