/*
 * Checking a sendmail queue: what its files share. Nobody outside this folder sees it.
 *
 * All names of queue files are read first, then each is examined; what an examination needs of
 * other files it asks the directories, so that the same examination tells before a repair, under
 * the lock, whether the finding still stands.
 */
#ifndef SENDMAIL_CHECKS_H
#define SENDMAIL_CHECKS_H

#include "queue.h"

#include <mtaq/check.h>

/* In the order of the table of codes. */
enum check_kind {
	CHECK_NO_DATA,
	CHECK_DATA_ELSEWHERE,
	CHECK_DATA_ODD,
	CHECK_TWO_CONTROLS,
	CHECK_DUPLICATE_ID,
	CHECK_BESIDE_QF,
	CHECK_TRUNCATED,
	CHECK_DAMAGED,
	CHECK_BAD_D,
	CHECK_MODE,
	CHECK_LOST_GOOD,
	CHECK_LOST_DAMAGED,
	CHECK_LONG_NAME,
	CHECK_LINK,
	CHECK_UNFINISHED,
	CHECK_STALE_TF,
	CHECK_HELD_NO_DATA,
	CHECK_EMPTY,
	CHECK_DATA_ALONE,
	CHECK_NO_REASON,
	CHECK_WITH_REASON,
	CHECK_OWNER,
	CHECK_DANGLING,
	CHECK_ODD_TYPE,
	CHECK_OLD_TF,
	CHECK_STALE_XF,
	CHECK_LEFTOVER,
	CHECK_WILDCARD,
	CHECK_HARD_LINKED,
	CHECK_KINDS
};
extern const struct check_code sendmail_codes[CHECK_KINDS];

/* The directories of a unit. */
enum spot { SPOT_QF, SPOT_DF, SPOT_XF, SPOT_DIR };

/* A name that was read. */
struct seen {
	struct seen *next; /* of the same id */
	const struct sendmail_unit *unit;
	const char *name;
	uid_t uid; /* of a control file that was examined */
	gid_t gid;
	unsigned char spot;
	bool regular, examined;
};

/* All names of a queue by their ids. */
struct seen_id {
	struct slice id;
	struct seen *list;
};

struct seen_names {
	struct arena arena;
	struct seen_id *ids; /* hash, open */
	size_t room, count;  /* room: a power of two */
	struct seen **order; /* as they were read */
	size_t order_count, order_room;
	bool partial; /* some directory could not be read */
	bool carried; /* a control file is on its way out of the queue (leftover.c) */
};

/* Read all names. What cannot be read goes to walk->trouble. */
void seen_read(struct seen_names *s, struct check_walk *walk);
void seen_free(struct seen_names *s);
/* All names of this id, NULL when there is none. */
const struct seen *seen_of(const struct seen_names *s, struct slice id);

/* One run of examinations. */
struct look {
	const struct sendmail_queue *q;
	int64_t now;
	const struct seen_names *names; /* NULL: before a repair */
	struct arena scratch;		/* reset for each file */
	struct sys_locks locks;
	bool held;    /* this process has the lock itself */
	bool carried; /* a control file is on its way out of the queue: data may be its */
	void (*emit)(struct look *l, const struct finding *f); /* slices are valid for the call */
	void (*trouble)(struct look *l, const struct error *err);
	void *ctx;
};
void look_init(struct look *l, const struct sendmail_queue *q, int64_t now);
void look_free(struct look *l);

/* checks.c */
/* A finding about a file; `fmt` NULL: no detail. */
__attribute__((format(printf, 6, 7))) void check_emit(struct look *l, enum check_kind kind,
						      const struct sendmail_unit *unit,
						      enum spot spot, const char *name,
						      const char *fmt, ...);
/* As check_emit, for what a person has to decide. */
void check_emit_stuck(struct look *l, enum check_kind kind, const struct sendmail_unit *unit,
		      enum spot spot, const char *name, const char *why_not);
void check_emit_aux(struct look *l, enum check_kind kind, const struct sendmail_unit *unit,
		    enum spot spot, const char *name, struct slice aux, const char *detail);
struct slice spot_path(const struct sendmail_unit *u, enum spot spot);
/* Of the unit, or opened: `*opened` is then to be closed. */
int spot_fd(const struct sendmail_unit *u, enum spot spot, int *opened);
/* The spot of this path. */
bool spot_of(const struct sendmail_unit *u, struct slice dir, enum spot *out);
/* Does somebody hold an exclusive lock on this file, as far as can be told without one? */
bool check_locked(struct look *l, int dirfd, const char *name, const struct stat *st);
/* Why it cannot be known that no control file anywhere has a data file; NULL: it can. */
const char *check_blind(const struct look *l);
/* Seconds since the file was last changed in any way. */
int64_t check_age(const struct look *l, const struct stat *st);

/* checkqf.c */
void examine_control(struct look *l, struct seen *s);
/* The first thing in a control file that a queue run objects to; *line its number. NULL: none. */
const char *control_trouble(const struct sendmail_queue *q, struct slice text, size_t *line);
/* The control file's text, in l->scratch. 0/-1 */
int read_control_text(struct look *l, const struct sendmail_unit *u, enum spot spot,
		      const char *name, struct stat *st, struct slice *text, struct error *err);
/* Where the data file of a control file must be; NULL: its d line names nothing. */
const struct sendmail_unit *control_data_unit(const struct sendmail_queue *q,
					      const struct sendmail_unit *u, const struct qf *qf);
/* A regular file of this name? */
bool is_file(int dirfd, const char *name, struct stat *st);
bool mode_is_bad(const struct sendmail_queue *q, mode_t mode);
/* Where a lone data file of this id lies that a control file of `u` should have; NULL: nowhere. */
const struct sendmail_unit *data_elsewhere(const struct sendmail_queue *q,
					   const struct sendmail_unit *u, struct slice id,
					   enum spot *spot);

/* checkpairs.c */
/* Several control files of one id: in one directory, or in several. */
void examine_pairs(struct look *l, const struct seen *list);
void examine_pair(struct look *l, const struct seen *a, const struct seen *b);

/* checkrest.c */
void examine_rest(struct look *l, struct seen *s);
void examine_wildcard(struct look *l);

/* mend.c */
int sendmail_repair_begin(struct repair *r, struct error *err);
void sendmail_repair_end(struct repair *r);
int sendmail_mend_plan(struct repair *r, struct mend *m, struct error *err);
void sendmail_mend_let_go(struct repair *r, struct mend *m);
int sendmail_open_place(const struct queue *q, const char *dir, struct error *err);
int sendmail_lock_place(struct repair *r, const char *name, int fd, struct error *err);

/* checks.c */
extern const struct backend_checks sendmail_checks;

#endif
