/*
 * A stand-in for qmail-send, for tests only: what its parts share. See qmail_send.c for what it
 * is told and how.
 */
#ifndef STANDIN_SENDER_H
#define STANDIN_SENDER_H

#include "spool.h"

#include <stdarg.h>

enum channel { LOCAL, REMOTE, ENDING /* nothing pending any more: bounce, and end */ };

/* What is kept in memory of a message: one for each channel it has, or one that ends it. */
struct entry {
	uint64_t n;
	enum channel channel;
	int64_t due;
	bool gone; /* to be forgotten */
	/* a pass over the channel file is going on: */
	bool running;
	int fd;	     /* the file as it was opened */
	off_t at;    /* what has been read */
	bool at_end; /* all of it */
	/* what has been read ahead, as much at a time as qmail-send was seen to read */
	char ahead[128];
	size_t ahead_n, ahead_at;
	off_t ahead_from;
	bool dying;   /* too old: what is deferred fails */
	int64_t next; /* after this pass */
	unsigned pending, in_flight;
	char sender[SPOOL_ADDRESS + 2];
};

struct delivery {
	pid_t pid;
	unsigned long number;
	struct entry *entry;
	off_t at; /* of its record */
	int report;
	char address[2 * SPOOL_ADDRESS];
};

struct sender {
	struct spool spool;
	const char *control, *deliver, *clock; /* paths */
	int64_t offset;			       /* of the clock */
	int64_t lifetime;
	int64_t todo_due; /* when todo is looked at next */
	char me[256], double_to[600];
	char *locals, *virtuals; /* lines */
	struct entry **entries;
	size_t entry_count;
	struct delivery *deliveries;
	size_t delivery_count, in_flight[2];
	size_t room[2]; /* deliveries at a time */
	unsigned long next_number;
	bool stopping;
};

int64_t sender_now(const struct sender *s);
void sender_say(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* An address as the log shows it. */
const char *sender_shown(const char *text, char *out, size_t size);
void sender_schedule(struct sender *s, uint64_t n, enum channel c, int64_t due);

/* control.c: read at the start */
void control_read(struct sender *s);
/* The channel of a recipient, and the address as it is stored. */
enum channel control_rewrite(const struct sender *s, const char *address, char *out, size_t size);
/* Without what was put before the address of a virtual domain. */
const char *control_strip(const struct sender *s, const char *address);

/* todo.c: what qmail-queue has put down becomes info, local and remote */
void todo_scan(struct sender *s);

/* pass.c */
void pass_begin(struct sender *s, struct entry *e);
/* Start deliveries as long as there is room. */
void pass_go_on(struct sender *s, struct entry *e);
/* A child has ended: its delivery has a result. */
void pass_result(struct sender *s, pid_t pid, int status);

/* ending.c */
void ending_note_failure(struct sender *s, uint64_t n, const char *address, const char *report);
void ending_finish(struct sender *s, struct entry *e);
/* What died while it was being written goes after 36 hours. */
void ending_clean(struct sender *s);

/* Sender and birth of a message: 0, -1. */
int info_read(const struct sender *s, uint64_t n, char *sender, size_t size, int64_t *birth);

#endif
