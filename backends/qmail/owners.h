/*
 * Whom the files of a queue must belong to: qmail's own users, told by the queue itself.
 *
 * Most of its directories belong to them, whatever has happened to single ones. Where most belong
 * to root, who is none of qmail's users, or none has most of them, the users qmails and qmailq of
 * this host are taken. Without these it can be told only where all belong to one user: such a queue
 * is that user's.
 */
#ifndef QMAIL_OWNERS_H
#define QMAIL_OWNERS_H

#include "internal.h"

struct owners {
	bool known;	   /* else send and queue mean nothing */
	uid_t send, queue; /* qmails, qmailq */
	gid_t group;
	bool remote_known;
	uid_t remote; /* qmailr; after owners_find_remote() */
};

void owners_find(const struct queue_qmail *q, struct owners *out);
/* Whom lock/tcpto belongs to, where the users of this host are those of the queue. */
void owners_find_remote(struct owners *o);
/* 0, or -1 with err: nothing that needs an owner can be made or mended. */
int owners_check(const struct owners *o, const struct queue_qmail *q, struct error *err);

/* A file of this kind. */
mode_t file_mode(enum qmail_file f);
uid_t file_owner(const struct owners *o, enum qmail_file f);

#endif
