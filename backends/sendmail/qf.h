/*
 * The text of a control file (qf, hf, Qf) taken apart: pure functions, no system calls.
 *
 * Contract: slices point into the text, or into the arena where a value had to be changed (folded
 * lines). A control file is read in up to three passes, each only when somebody wants what it
 * gives: qf_parse for the envelope, then qf_recipients and qf_headers, which begin where the first
 * pass saw their first line. Lines are joined, ended and cut as sendmail's queue run does it: a
 * physical line that begins with blank or tab belongs to the line before, CR LF is LF, a NUL ends
 * the value, the line that begins with a dot ends the file. All versions: V0 (no V line) to V8;
 * what is newer is read as far as it is understood.
 */
#ifndef SENDMAIL_QF_H
#define SENDMAIL_QF_H

#include <mtaq/message.h>

/* What a queue run would object to, or what only old files have. */
enum qf_odd {
	QF_ODD_CODE = 1 << 0, /* a line code that sendmail 8.17 does not know (an empty line too) */
	QF_ODD_AFTER_DOT = 1 << 1, /* bytes after the final dot */
	QF_ODD_VERSION = 1 << 2,   /* newer than V8 */
	QF_ODD_BODY = 1 << 3,	   /* B is neither 7BIT nor 8BITMIME */
	QF_ODD_FROM = 1 << 4	   /* a line begins with "From " */
};

struct qf {
	struct slice text;
	bool ended; /* the final dot was there */
	bool whole; /* the envelope is complete: recipients, header or end were reached */
	bool folds; /* text has a CR or NUL, so lines need care */
	unsigned odd;

	struct number version, created, tried, attempts, priority;
	/* d B q F S Z A ! and the M before S; none when there is no such line */
	struct slice data_dir, body_type, reason, flags, sender, envid, auth, deliver_by, status;
	struct macro *macros;
	size_t macro_count;

	size_t recipient_count, status_count, header_count; /* lines seen */
	size_t recipients_at,
	    headers_at; /* where the first line of each kind begins; text.n if there is none */
	int64_t recipients_version; /* V as far as known at recipients_at */
};

/* What qf_recipients makes. */
struct qf_recipients {
	struct recipient *list;
	size_t count;
	struct slice *statuses; /* the message's own first, then as they stand in the file */
	size_t status_count;
};

/* 0, or -1: ERROR_NOMEM, ERROR_LIMIT. Damage is no error here: see ended, whole, odd. */
int qf_parse(struct arena *a, struct slice text, struct qf *out, struct error *err);
int qf_recipients(struct arena *a, const struct qf *qf, struct qf_recipients *out,
		  struct error *err);
int qf_headers(struct arena *a, const struct qf *qf, struct header_list *out, struct error *err);

/* atol(3) with a limit on what it takes: blanks, sign, digits; 0 when there are none; clamped. */
int64_t qf_number(struct slice s);

/* One physical piece as sendmail's lister reads it: up to LF or 2047 bytes, CR LF taken off, cut at
 * NUL. False at the end of the text. */
bool qf_lister_line(struct slice *rest, struct slice *line);

#endif
