/*
 * What the files of the qmail backend share: the open queue, where its files lie, and the pure
 * parsers.
 *
 * Everything is reached by a path relative to the one descriptor of the queue directory
 * ("info/17/206850"), built from the number and never from a name found in a directory.
 */
#ifndef QMAIL_INTERNAL_H
#define QMAIL_INTERNAL_H

#include <mtaq/hosts.h>

#include <stdatomic.h>

enum { LOG_PLACES = 64 }; /* log= options of one queue */

/* The directories of a queue; the first four are always split. */
enum qmail_dir {
	DIR_MESS,
	DIR_INFO,
	DIR_LOCAL,
	DIR_REMOTE,
	DIR_TODO,
	DIR_INTD,
	DIR_BOUNCE,
	DIR_COUNT
};
enum { DIR_SPLIT_COUNT = DIR_LOCAL + 2 };

/* Files of a message. The *_OTHER ones lie where the layout that this queue does not have would put
 * them: a queue that was converted to or from big-todo can hold both. */
enum qmail_file {
	FILE_MESS,
	FILE_INFO,
	FILE_LOCAL,
	FILE_REMOTE,
	FILE_TODO,
	FILE_TODO_OTHER,
	FILE_INTD,
	FILE_INTD_OTHER,
	FILE_BOUNCE,
	FILE_COUNT
};

/* message_entry.seen: where the scan met the number; and, once load() looked, where the message is.
 */
enum {
	SEEN_INFO = 1 << 0,
	SEEN_MESS = 1 << 1,
	SEEN_TODO = 1 << 2,
	SEEN_TODO_OTHER = 1 << 3,
	AT_TODO = 1 << 4,
	AT_TODO_OTHER = 1 << 5,
	AT_INFO = 1 << 6,
	AT_MESS = 1 << 7,
	SEEN_IN_SCAN = 1 << 8 /* one of many: not found by its id */
};

/* A line of a control file that says something of a key. */
struct control_line {
	struct slice key, value;
	size_t line;
};

/* What control/ says. */
struct qmail_control {
	const char *dir;	   /* NULL: there is none */
	struct number lifetime;	   /* not known when there is no control directory */
	const char *lifetime_from; /* never NULL */
	struct slice me, double_bounce_to,
	    double_bounce_host; /* with qmail's defaults; none when not known */
	struct number concurrency_local, concurrency_remote;
	struct control_line *routes; /* domains and relays, sorted */
	size_t route_count;
};

struct bounces;

struct queue_qmail {
	struct queue base;
	int fd;
	unsigned split;
	const char *split_why; /* how it was found when that was not plain; else NULL */
	bool big_todo;	       /* todo and intd are split like mess */
	unsigned
	    denied;   /* bits 1 << DIR_x: not searchable for us, told when the queue was opened */
	uint8_t *bad; /* per split directory the bits 1 << DIR_x of those that are missing or no
			 directory, told too */
	struct qmail_control control;
	struct unit unit;
	const struct unit *units[1];
	const char *logs[LOG_PLACES]; /* base.logs */
	const char *log_why;	      /* why these, or why none */
	atomic_int send_state;	      /* send_known(): 0 not asked yet, else its answer + 2 */
	struct bounces *bounces;
	struct arena arena; /* what lives as long as the queue */
};

static inline const struct queue_qmail *queue_qmail(const struct queue *q)
{
	return (const struct queue_qmail *)(const void *)q;
}

/* ---- layout.c: names and paths ---- */

enum { PART_ROOM = 64, DIR_ROOM = 4096 }; /* what lies below the queue directory; its own name */

/* A file of a queue: `name` is what system calls get, `full` what people read. */
struct file_path {
	const char *name; /* in full */
	char full[DIR_ROOM + PART_ROOM];
};

const char *qmail_dir_name(enum qmail_dir d);
/* The path of a file of message `n` below the queue directory. -1 when its directory is not to be
 * entered. */
int qmail_path(const struct queue_qmail *q, enum qmail_file f, uint64_t n, struct file_path *out,
	       struct error *err);
/* The directory that it lies in: its split directory, or q->split when it is not split. */
size_t qmail_dir_of(const struct queue_qmail *q, enum qmail_file f, uint64_t n,
		    enum qmail_dir *dir);
/* lstat of it: 1 there, 0 not there, -1 with err. */
int qmail_stat(const struct queue_qmail *q, enum qmail_file f, uint64_t n, struct stat *st,
	       struct error *err);
/* Where todo/N is, in either layout: 1 with *f, 0, -1. */
int qmail_find_todo(const struct queue_qmail *q, uint64_t n, enum qmail_file *f, struct stat *st,
		    struct error *err);
int64_t qmail_mtime_ns(const struct stat *st);

enum name_kind {
	NAME_NUMBER, /* a message */
	NAME_ZEROS,  /* leading zeros: qmail takes it for another number */
	NAME_WRAPS,  /* too large: so too */
	NAME_STRAY,
	NAME_HIDDEN /* begins with a dot (editors, NFS): passed over */
};
/* What a directory entry is to qmail. *n is the number that qmail makes of all digits, wrapping
 * around as it does. */
enum name_kind qmail_name(struct slice name, uint64_t *n);

/* ---- records.c: contents of the files ---- */

struct record {
	char type;
	struct slice text; /* after the type */
};
/* The next NUL-terminated record of `*rest`: 1; 0 at the end; -1 when the rest has no NUL (*out is
 * it all the same). An empty record has type NUL. */
int record_next(struct slice *rest, struct record *out);
/* Number of NULs. */
size_t record_count(struct slice bytes);

/* The sender in an info file as far as it can be told (none when there is nothing). NULL, or what
 * is wrong. */
const char *info_parse(struct slice bytes, struct slice *sender);

/* Append the recipients of a local or remote file to list, which has room for record_count(bytes)
 * more. Records that qmail skips or never sees are left out. NULL, or what is wrong. */
const char *channel_parse(struct slice bytes, enum channel channel, struct recipient *list,
			  size_t *count);

struct envelope {
	struct slice sender; /* none when there is none */
	struct slice uid, pid;
};
/* A todo or intd file: as channel_parse, and the rest of the envelope. */
const char *envelope_parse(struct slice bytes, struct envelope *out, struct recipient *list,
			   size_t *count);

/* ---- split.c: how many split directories ---- */

struct split_sample {
	uint64_t number;
	unsigned dir;
};
/* The split count from what each of the four directories seems to have (0 = could not be read) and
 * files that were met. 0 when nothing fits. *fit: how many samples lie where that count puts them.
 */
unsigned split_choose(const unsigned counts[DIR_SPLIT_COUNT], const struct split_sample *samples,
		      size_t n, size_t *fit);
/* Find the split of q->fd, whether todo is split, and what is not as it should be. */
int split_find(struct queue_qmail *q, trouble_fn *trouble, void *ctx, struct error *err);

/* ---- control.c ---- */

/* Read control/: `dir_option` or the directory beside the queue. A file that cannot be read goes to
 * `trouble`. -1 for a bad option. */
int control_load(struct queue_qmail *q, const struct queue_spec *spec, trouble_fn *trouble,
		 void *ctx, struct error *err);
/* ---- routes.c ---- */

/* A line of a control file without the blanks, tabs and line ends at its end, which do not count
 * for qmail. */
struct slice control_trim(struct slice s);
/* Sort lines by their keys, without case. Of several for a key the last one counts for qmail: only
 * that is kept. How many are. */
size_t control_sort(struct control_line *list, size_t n);
/* The line of a key in a sorted list, or NULL. */
const struct control_line *control_find(const struct control_line *list, size_t n,
					struct slice key);
/* Routes of a smtproutes file, sorted. -1 when out of memory. */
int routes_parse(struct arena *a, struct slice text, struct control_line **list, size_t *count);
/* Where qmail-remote would connect for `address`: the relay, none when the MX decides. */
struct slice route_find(const struct control_line *list, size_t count, struct slice address);

/* ---- running.c ---- */

struct send_process {
	int running;	/* 1, 0, -1 cannot tell */
	long pid;	/* 0: not known */
	uint64_t start; /* of the process, in the kernel's ticks; 0: not known */
};
/* qmail-send of this queue, without taking its lock. */
struct send_process send_find(const struct queue_qmail *q);
/* Is that process still the same one, and not another of its number. */
bool send_still_there(const struct send_process *p);
/* Has another process one of these files open. `names`: their last parts, as far as they are known
 * to it. False as well where that cannot be told. */
bool open_elsewhere(const char *const *names, const struct stat *files, size_t count);
/* Does a qmail-send work in the queue's directory, whatever it has locked: 1, 0, -1 cannot tell. */
int send_in_directory(const struct queue_qmail *q);
/* send_find().running, asked once. */
int send_known(const struct queue_qmail *q);

/* ---- log.c: qmail-send's lines ---- */

void qmail_log_parse(struct slice line, struct log_event *out);
/* An address as the log writes it. p == NULL when out of memory. */
struct slice qmail_log_address(struct arena *a, struct slice address);
/* The text of a result with the blanks that the log has no way to write. */
struct slice qmail_log_text(struct arena *a, struct slice text);

/* ---- logplace.c ---- */

/* Set base.logs and log_why. -1 with ERROR_USAGE when a log that was named cannot be read. */
int log_find(struct queue_qmail *q, const struct queue_spec *spec, struct error *err);
/* Is `dir` where this host's own queue is looked for? */
bool qmail_usual_place(const char *dir);

/* ---- logjoin.c, schedule.c ---- */

/* PART_LOG; the envelope was loaded. */
void log_load(struct message *m);
/* What qmail-send plans at the start of an attempt for a message of that birth. */
int64_t qmail_next_attempt(enum channel channel, int64_t birth, int64_t start);
/* Set next_attempt of the pending recipients and of the message, where it is exact. */
void next_attempts(const struct queue_qmail *q, struct message *m);

/* ---- bounces.c ---- */

struct bounces *bounces_new(void);
void bounces_free(struct bounces *b);
/* A new scan begins: what was read is old. */
void bounces_forget(struct bounces *b);
/* Had message `n` a note in bounce/ when the scan's first message was asked about: 1, 0, -1 not
 * known. */
int bounces_has(const struct queue_qmail *q, uint64_t n);

/* ---- tcpto.c: hosts that timed out ---- */

enum { TCPTO_RECORD = 16, TCPTO_RECORDS = 64 };

struct tcpto {
	unsigned char ip[4];
	unsigned failures; /* 0: the place is free */
	int64_t last;	   /* time of the last failure that was counted */
};
void tcpto_parse(const char record[TCPTO_RECORD], struct tcpto *out);
/* What it means at `now`; host goes to `text`. */
enum { TCPTO_TEXT = 16 };
void tcpto_judge(const struct tcpto *t, int64_t now, char text[TCPTO_TEXT], struct host_note *out);

extern const struct backend_hosts qmail_hosts;

/* ---- scan.c, find.c, load.c ---- */

struct scan *scan_begin(const struct queue *base, struct error *err);
int scan_next(struct scan *s, struct arena *names, struct message_entry *out, struct error *err);
void scan_end(struct scan *s);

/* An id as people and scripts write it. */
struct wanted {
	uint64_t number;
	bool has_mtime;
	int64_t mtime_ns;
	bool no_mess; /* "N@-": the one without a mess file */
};
/* False when it cannot be a message of the queue in `dir`. */
bool id_parse(struct slice id, const char *dir, struct wanted *out);
int qmail_find(const struct queue *base, struct slice id, struct arena *names,
	       struct message_entry *out, int room, struct error *err);
struct slice qmail_script_id(struct arena *a, const struct message *m);

void qmail_begin(const struct queue *base, const struct message_entry *e, struct arena *arena,
		 struct message *m);
void qmail_load(struct loader *l, struct message *m, parts_t want);
/* The parts of the mess file: DATA, HEADER, BODY. */
void mess_load(struct message *m, parts_t want);
/* Is an open mess file still that of the message, as far as it was looked at? */
bool mess_is_same(const struct message *m, const struct stat *st);
/* The first bytes of mess, which bring PART_DATA along: how many, or -1 with m->gone or err. */
ssize_t mess_first(struct message *m, char *out, size_t room, struct error *err);
void part_fail(struct message *m, enum part_index i, const struct error *e);

#endif
