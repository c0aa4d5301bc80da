/*
 * Every limit on what a queue, a configuration or an expression may make this program do.
 *
 * Past a limit the message (or the expression, or the queue) is in ERROR_LIMIT: never a shorter
 * answer that looks whole. Each limit has a test of its name in tests/unit/test_limits.c or beside
 * its module.
 */
#ifndef MTAQ_LIMITS_H
#define MTAQ_LIMITS_H

/* One message */
#define LIMIT_CONTROL_BYTES (16u << 20) /* a qf, info, local, remote or todo file */
#define LIMIT_HEADER_BYTES  (1u << 20)	/* header block of a mess file */
#define LIMIT_BODY_BYTES    (64u << 20) /* a body that is matched or counted */
#define LIMIT_MESSAGE_BYTES (96u << 20) /* arena of one message */
#define LIMIT_HEADERS	    10000u	/* header fields of a message */
#define LIMIT_RECIPIENTS    200000u	/* recipients of a message */
#define LIMIT_MACROS	    1000u	/* macro lines of a qf */
#define LIMIT_STATUSES	    200000u	/* status lines of a qf */
#define LIMIT_NAME_BYTES    255u	/* a directory entry */

/* The log of an MTA */
#define LIMIT_LOG_LINE (64u << 10) /* longer lines are not the MTA's */

/* What an MTA has noted of other hosts */
#define LIMIT_HOSTS	  200000u /* notes of one queue */
#define LIMIT_HOST_STATUS 4096u	  /* a file of HostStatusDirectory; sendmail writes 300 bytes */
#define LIMIT_HOST_NAME	  1024u	  /* a host's name as its path gives it, NUL included */
#define LIMIT_HOST_LABELS 128u	  /* directories below each other there */

/* Configuration */
#define LIMIT_CF_BYTES	   (8u << 20) /* sendmail.cf */
#define LIMIT_QUEUE_GROUPS 1000u
#define LIMIT_UNITS	   10000u     /* directories of one queue */
#define LIMIT_QUEUES	   1000u      /* -q and MTAQ_QUEUES */
#define LIMIT_SMTPROUTES   (8u << 20) /* control/smtproutes, bytes */
#define LIMIT_SPLIT	   100003u    /* split directories of a qmail queue */

/* Expressions and templates */
#define LIMIT_EXPR_BYTES    (64u << 10)
#define LIMIT_EXPR_DEPTH    200u
#define LIMIT_EXPR_NODES    10000u
#define LIMIT_IN_FILE_BYTES (64u << 20) /* FIELD in file 'PATH' */
#define LIMIT_TEMPLATE	    (64u << 10) /* --format, bytes */
#define LIMIT_IDS	    10000000u	/* ids on the command line or standard input */
#define LIMIT_SORT_KEYS	    16u
#define LIMIT_RULES	    1000u
#define LIMIT_RULES_BYTES   (4u << 20) /* a rules file */

/* Summaries: one message in them */
#define LIMIT_SUMMARY_VALUES 4096u	 /* different values of one key */
#define LIMIT_SUMMARY_GROUPS 65536u	 /* combinations of values */
#define LIMIT_SUMMARY_KEYS   (16u << 20) /* bytes of all of them */

/* Regular expressions (PCRE2's own units) */
#define LIMIT_REGEX_MATCH     1000000u
#define LIMIT_REGEX_DEPTH     10000u
#define LIMIT_REGEX_HEAP_KIB  20000u
#define LIMIT_REGEX_JIT_STACK (1u << 20)
#define LIMIT_REGEX_ERRORS    10u /* hits of a match limit after which the run ends */

/* What this program wrote itself, and reads again */
#define LIMIT_NOTE_BYTES    (1u << 20)	/* the note of a saved message */
#define LIMIT_JOURNAL_BYTES (1u << 30)	/* the journal of one run */
#define LIMIT_JOURNAL_LINE  (64u << 20) /* one line of it */

/* Text */
#define LIMIT_DECODED_BYTES (1u << 20) /* a header value after RFC 2047 decoding */

/* Program */
#define LIMIT_JOBS	    256u
#define LIMIT_CHUNK_ENTRIES 256u /* names handed to a thread at once */
/* Of a mailq listing kept until it is in order; the rest is read twice. */
#define LIMIT_LISTING_TEXT (64u << 20)
#define LIMIT_CHUNK_OUTPUT (1u << 20) /* output of the head chunk kept before it streams */

#endif
