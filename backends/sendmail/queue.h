/* An open sendmail queue, as the files of this backend share it. */
#ifndef SENDMAIL_QUEUE_H
#define SENDMAIL_QUEUE_H

#include "layout.h"
#include "qf.h"

#define CF_MTA MAIL_DIR "/sendmail.cf"
#define CF_MSP MAIL_DIR "/submit.cf"

/* A queue file's name at most: prefix and id. sendmail passes over longer ones. */
enum { NAME_LONGEST = 20 };

/* struct message_entry.seen: the type of the directory entry, as far as the directory told. */
enum entry_seen {
	SEEN_FILE = 1 << 0, /* a regular file */
	SEEN_ODD = 1 << 1   /* something else: not to be opened */
};

struct sendmail_queue {
	struct queue base;
	struct arena arena;  /* everything that lives as long as the queue */
	struct cf cf;	     /* all defaults when there is none */
	const char *cf_path; /* NULL: read without configuration */
	const char *cf_why;  /* how cf_path was chosen */
	const char *binary;  /* sendmail's own, if given */
	bool msp;
	struct layout layout;
};

static inline const struct sendmail_queue *sendmail_queue(const struct queue *q)
{
	return (const struct sendmail_queue *)(const void *)q;
}

static inline const struct sendmail_unit *sendmail_unit(const struct unit *u)
{
	return (const struct sendmail_unit *)(const void *)u;
}

/* scan.c */
struct scan *sendmail_scan_begin(const struct queue *q, struct error *err);
int sendmail_scan_next(struct scan *s, struct arena *names, struct message_entry *out,
		       struct error *err);
void sendmail_scan_end(struct scan *s);

/* find.c */
int sendmail_find(const struct queue *q, struct slice id, struct arena *names,
		  struct message_entry *out, int room, struct error *err);

/* load.c */
void sendmail_begin(const struct queue *q, const struct message_entry *e, struct arena *arena,
		    struct message *m);
void sendmail_load(struct loader *l, struct message *m, parts_t want);
/* As load does for PART_CONTROL, with a text that lies elsewhere: envelope and state, whatever can
 * be had of them. */
void sendmail_take_text(struct message *m, struct slice text);
/* Where the data file of `m` is: directory and path of it. PART_CONTROL, when loaded, decides by
 * its d line. NULL with err when the d line names no directory of this queue. */
const struct sendmail_unit *sendmail_data_unit(const struct message *m);

/* files.c */
void sendmail_lister_lines(const struct message *m, lister_line_fn *fn, void *ctx);
void sendmail_files(const struct message *m,
		    void (*fn)(void *ctx, const char *role, const char *path), void *ctx);
int sendmail_open_data(const struct message *m, bool *whole, struct error *err);

/* qfheader.c */
struct slice sendmail_header_bytes(struct arena *a, const struct message *m, struct slice raw);

/* class.c: whose return timeout applies; the header must be loaded */
enum cf_class sendmail_class(const struct sendmail_queue *q, const struct message *m);

/* actions.c */
extern const struct backend_actions sendmail_actions;

/* hoststatus.c */
extern const struct backend_hosts sendmail_hosts;

/* describe.c */
void sendmail_describe(const struct queue *q, describe_fn *fn, void *ctx);

#endif
