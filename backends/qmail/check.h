/*
 * What the files of qmail's check and repair share.
 *
 * qmail-send works on the queue meanwhile. So the names are read first, in the way a message goes
 * (todo, info, mess); what looks healthy by its names is read once (check_fast.c); every number
 * that does not is looked at by itself, all of its files at one moment (look_at()), and only what
 * is wrong in that look is a finding.
 */
#ifndef QMAIL_CHECK_H
#define QMAIL_CHECK_H

#include <mtaq/check.h>
#include <mtaq/limits.h>

#include "owners.h"

/* After it qmail itself takes a file of a qmail-queue for dead; by the time of the last reading. */
enum { OSSIFIED = 129600 };
enum { FLAT = -1 }; /* in place of a split directory's number */
enum { PLACE_NAME = LIMIT_NAME_BYTES + 1 };

/* In the order of the manual. */
enum qmail_code {
	CODE_STALE_BOUNCE,
	CODE_SECOND_INFO,
	CODE_OTHER_NUMBER,
	CODE_HALF_RENAMED,
	CODE_WRONG_DIRECTORY,
	CODE_RECIPIENTS_DAMAGED,
	CODE_MESS_EMPTY,
	CODE_MESS_NOT_A_FILE,
	CODE_INFO_WITHOUT_MESS,
	CODE_TODO_WITHOUT_MESS,
	CODE_INFO_DAMAGED,
	CODE_INFO_NOT_A_FILE,
	CODE_RECIPIENTS_NOT_A_FILE,
	CODE_TODO_DAMAGED,
	CODE_TODO_NOT_A_FILE,
	CODE_WRONG_OWNER,
	CODE_WRONG_MODE,
	CODE_DIRECTORY_MISSING,
	CODE_NOT_A_DIRECTORY,
	CODE_SENDMUTEX_MISSING,
	CODE_NUMBER_NOT_INODE,
	CODE_OPEN_MODE,
	CODE_DEAD_INCOMING,
	CODE_ORPHAN_INTD,
	CODE_TRIGGER_MISSING,
	CODE_TRIGGER_CLOSED,
	CODE_TCPTO_MISSING,
	CODE_TCPTO_SIZE,
	CODE_ORPHAN_RECIPIENTS,
	CODE_SECOND_FILE,
	CODE_INFO_TAIL,
	CODE_DEAD_PID,
	CODE_LINKS,
	CODE_EXTRA_DIRECTORY,
	CODE_STRAY,
	CODE_COUNT
};
extern const struct check_code qmail_codes[CODE_COUNT];

static inline enum qmail_code finding_code(const struct finding *f)
{
	return (enum qmail_code)(f->code - qmail_codes);
}

/* ---- what was found, before it is told in order ---- */

struct sink {
	struct arena arena;
	struct finding *list;
	size_t count, room;
	struct error *troubles;
	size_t trouble_count, trouble_room;
	uint64_t looked;
};
void sink_init(struct sink *s);
void sink_free(struct sink *s);
void sink_trouble(struct sink *s, const struct error *e);
/* One finding about `name` in `dir`. `fmt` makes the detail, NULL: none. The finding, to be filled
 * further; where is enum qmail_file when it is about a message's file. */
struct finding *sink_add(struct sink *s, enum qmail_code code, struct slice dir, struct slice name,
			 const char *fmt, ...) __attribute__((format(printf, 5, 6)));

/* ---- the walk ---- */

struct numbers {
	uint64_t *v;
	size_t n, room;
};
void numbers_add(struct numbers *l, uint64_t n);
void numbers_sort(struct numbers *l); /* and each once */
bool numbers_has(const struct numbers *l, uint64_t n);

/* An entry that is no message's file in its place. */
enum odd_kind { ODD_STRAY, ODD_OTHER_NUMBER, ODD_MISPLACED, ODD_HALF };
struct odd {
	enum odd_kind kind;
	enum qmail_dir dir;
	int d;	     /* the split directory, or FLAT */
	uint64_t n;  /* the number that qmail makes of it; HALF: the old one */
	uint64_t to; /* HALF: the new one */
	char *name;  /* malloc'd */
};
struct odds {
	struct odd *v;
	size_t n, room;
};
void odds_add(struct odds *l, const struct odd *o);
void odds_free(struct odds *l);

struct check {
	const struct queue_qmail *q;
	int64_t now;
	struct owners owners;
	struct numbers misplaced, half; /* numbers that are looked at elsewhere; sorted */
};

/* ---- check_names.c ---- */

/* The names in one directory: numbers that belong there, and the rest. -1 with err when it cannot
 * be read to its end. */
int names_read(const struct queue_qmail *q, enum qmail_dir dir, int d, struct numbers *numbers,
	       struct odds *odds, struct error *err);
/* The name under which a message is between two numbers, in all of its directories. `shown`: of
 * mess when the new number is its own, and what has that number is too. */
void half_name(uint64_t from, uint64_t to, bool shown, char out[PLACE_NAME]);
bool half_parse(struct slice name, uint64_t *from, uint64_t *to, bool *shown);

/* ---- check_place.c: where files belong ---- */

/* "/var/qmail/queue/info/17"; the queue itself for DIR_COUNT. */
struct slice place_dir(struct arena *a, const struct queue_qmail *q, enum qmail_dir dir, int d);
struct step_place place_of(struct arena *a, const struct queue_qmail *q, enum qmail_file f,
			   uint64_t n);
/* As qmail_path() and qmail_stat(), but for what was known of directories when the queue was
 * opened: one that was missing may have been made since. */
void place_path(const struct queue_qmail *q, enum qmail_file f, uint64_t n, struct file_path *out);
int place_stat(const struct queue_qmail *q, enum qmail_file f, uint64_t n, struct stat *st,
	       struct error *err);
/* Open it for reading: fd, or -1. */
int place_open(const struct queue_qmail *q, enum qmail_file f, uint64_t n, struct stat *st,
	       struct error *err);
/* The split directory of number n there, or FLAT. */
int place_split(const struct queue_qmail *q, enum qmail_dir dir, uint64_t n);
bool is_old(int64_t now, const struct stat *st);

/* ---- check_layout.c ---- */

/* Directories, lock/, pid/ and what lies beside them. */
void check_layout(const struct check *c, struct sink *s);

/* ---- check_fast.c ---- */

/* A message by its names in state S5 without a note: is it as it should be? False: look closer. */
bool fast_is_healthy(const struct check *c, uint64_t n, bool local, bool remote);

/* ---- check_look.c ---- */

/* All files of a number at one moment. */
struct look {
	uint64_t n;
	unsigned has; /* bits 1 << FILE_x */
	struct stat st[FILE_COUNT];
};
/* 1; 0 when it does not stay the same for a moment; -1 with err. */
int look_at(const struct queue_qmail *q, uint64_t n, struct look *out, struct error *err);
bool look_has(const struct look *l, enum qmail_file f);
/* What is wrong with the message of this number, all of it. */
void examine(const struct check *c, uint64_t n, struct sink *s);

/* ---- check_odd.c ---- */

void examine_odd(const struct check *c, const struct odd *o, struct sink *s);

/* ---- check_text.c ---- */

enum text_kind { TEXT_INFO, TEXT_CHANNEL, TEXT_TODO };
/* What the text should be: `old` itself when nothing is wrong with it. *what: what is wrong; *lost:
 * nothing that names a recipient (TEXT_INFO: the sender) could be saved. p == NULL when out of
 * memory. */
struct slice text_mend(struct arena *a, enum text_kind kind, struct slice old, const char **what,
		       bool *lost);

/* When qmail-queue took the message in, from the first line of its mess: "Received: (qmail 17
 * invoked by uid 0); 20 Nov 2026 08:36:19 -0000". 0: not told. */
int64_t received_time(struct slice mess);

extern const struct backend_checks qmail_checks;
int qmail_check(struct check_walk *w, struct error *err);

#endif
