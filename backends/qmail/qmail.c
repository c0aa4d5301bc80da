/* The qmail backend: its table, and opening, finding and describing queues. */
#include "qmail.h"

#include <mtaq/timefmt.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "act.h"
#include "check.h"

/* ---- which directories are queues ---- */

static bool has_dir(int fd, const char *name, struct error *err)
{
	struct stat st;
	struct error e = ERROR_INIT;

	if (sys_stat(fd, name, name, &st, &e) == 0)
		return S_ISDIR(st.st_mode);
	if (e.code != ERROR_GONE && err && err->code == ERROR_NONE)
		*err = e;
	return false;
}

static int detect(const char *dir, struct error *err)
{
	static const char *const parts[] = {"mess", "info", "local", "remote", "todo", "lock"};
	int fd = sys_open_dir(dir, err), found = 0;
	struct error e = ERROR_INIT;

	if (fd < 0)
		return -1;
	for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
		found += has_dir(fd, parts[i], &e);
	sys_close(fd);
	if (e.code != ERROR_NONE) {
		error_prefix(&e, "%s", dir);
		if (err && err->code == ERROR_NONE)
			*err = e;
		return -1;
	}
	/* one of them may have been lost */
	return found == 6 ? 100 : found == 5 ? 60 : 0;
}

struct discovery {
	struct stat seen[8];
	size_t count;
	void (*found)(void *ctx, const struct queue_spec *spec);
	void *ctx;
};

static bool is_new(struct discovery *d, const char *path)
{
	struct stat st;

	if (stat(path, &st) < 0 || !S_ISDIR(st.st_mode))
		return false;
	for (size_t i = 0; i < d->count; i++)
		if (d->seen[i].st_dev == st.st_dev && d->seen[i].st_ino == st.st_ino)
			return false;
	if (d->count < sizeof d->seen / sizeof d->seen[0])
		d->seen[d->count++] = st;
	return true;
}

/* A queue that may not be looked into is one all the same: opening it says why not. */
static void try_queue(struct discovery *d, const char *path, bool sure)
{
	struct error e = ERROR_INIT;
	struct queue_spec spec = {.kind = "qmail", .dir = path, .why = "it is there"};
	int r;

	if (!is_new(d, path))
		return;
	r = detect(path, &e);
	if (r == 100 || (r < 0 && sure && e.code == ERROR_DENIED))
		d->found(d->ctx, &spec);
}

static const char *const homes[] = {QMAIL_HOME, "/var/qmail", "/var/lib/qmail", "/var/spool/qmail"};

static int discover(const char *config, void (*found)(void *ctx, const struct queue_spec *spec),
		    void *ctx, struct error *err)
{
	struct discovery d = {.found = found, .ctx = ctx};
	char path[512];

	(void)config;
	(void)err;
	for (size_t i = 0; i < sizeof homes / sizeof homes[0]; i++) {
		snprintf(path, sizeof path, "%s/queue", homes[i]);
		try_queue(&d, path, true);
		try_queue(&d, homes[i], false);
	}
	return 0;
}

static bool is_same(const char *path, const struct stat *dir)
{
	struct stat st;

	return stat(path, &st) == 0 && st.st_dev == dir->st_dev && st.st_ino == dir->st_ino;
}

bool qmail_usual_place(const char *dir)
{
	struct stat st;
	char path[512];

	for (size_t i = 0; stat(dir, &st) == 0 && i < sizeof homes / sizeof homes[0]; i++) {
		snprintf(path, sizeof path, "%s/queue", homes[i]);
		if (is_same(path, &st) || is_same(homes[i], &st))
			return true;
	}
	return false;
}

/* ---- opening ---- */

static const struct backend without_log;

static struct slice host_name(struct arena *a)
{
	char host[256] = "";

	if (gethostname(host, sizeof host - 1) < 0)
		host[0] = '\0';
	return arena_copy(a, slice_from(host));
}

static bool set_names(struct queue_qmail *q, const char *dir)
{
	struct slice d = slice_from(dir);

	while (d.n > 1 && d.p[d.n - 1] == '/')
		d.n--;
	q->base.dir = arena_str(&q->arena, d);
	q->base.name = arena_printf(&q->arena, "qmail:%" SLICE_FMT, SLICE_ARG(d)).p;
	q->base.host = host_name(&q->arena).p;
	q->unit = (struct unit){&q->base, q->base.dir, 0};
	q->units[0] = &q->unit;
	return q->base.dir && q->base.name && q->base.host;
}

static void close_queue(struct queue *base)
{
	struct queue_qmail *q = (struct queue_qmail *)(void *)base;

	if (!q)
		return;
	sys_close(q->fd);
	free(q->bad);
	bounces_free(q->bounces);
	arena_free(&q->arena);
	free(q);
}

static int open_into(struct queue_qmail *q, const struct queue_spec *spec, trouble_fn *trouble,
		     void *ctx, struct error *err)
{
	if (!set_names(q, spec->dir ? spec->dir : QMAIL_HOME "/queue"))
		return error_set(err, ERROR_NOMEM, "out of memory");
	if (strlen(q->base.dir) >= DIR_ROOM)
		return error_sys(err, ENAMETOOLONG, "%s", q->base.dir);
	q->fd = sys_open_dir(q->base.dir, err);
	if (q->fd < 0) {
		if (err && err->code == ERROR_GONE)
			err->code = ERROR_NOQUEUE;
		return -1;
	}
	if (split_find(q, trouble, ctx, err) < 0)
		return -1;
	if (control_load(q, spec, trouble, ctx, err) < 0 || log_find(q, spec, err) < 0)
		return -1;
	if (q->base.log_count == 0)
		q->base.backend = &without_log;
	return 0;
}

static struct queue *open_queue(const struct queue_spec *spec, const char *config, int64_t now,
				trouble_fn *trouble, void *ctx, struct error *err)
{
	struct queue_qmail *q = calloc(1, sizeof *q);

	(void)config;
	if (q)
		q->bounces = bounces_new();
	if (!q || !q->bounces) {
		free(q);
		error_set(err, ERROR_NOMEM, "out of memory");
		return NULL;
	}
	q->fd = -1;
	q->base.backend = &backend_qmail;
	q->base.now = now;
	arena_init(&q->arena, 0);
	if (open_into(q, spec, trouble, ctx, err) == 0)
		return &q->base;
	if (err)
		err->scope = SCOPE_QUEUE;
	close_queue(&q->base);
	return NULL;
}

static struct unit_list list_units(const struct queue *base)
{
	return (struct unit_list){queue_qmail(base)->units, 1};
}

/* ---- what was found ---- */

static void describe_control(const struct queue_qmail *q, describe_fn *fn, void *ctx)
{
	const struct qmail_control *c = &q->control;
	char text[512], duration[TIME_TEXT];

	fn(ctx, "control", c->dir ? c->dir : "none",
	   c->dir ? NULL : "there is none beside the queue");
	fn(ctx, "lifetime",
	   c->lifetime.known ? duration_print(c->lifetime.value, duration) : "unknown",
	   c->lifetime_from);
	if (!c->dir)
		return;
	snprintf(text, sizeof text, "%zu", c->route_count);
	fn(ctx, "smtproutes", text, NULL);
	snprintf(text, sizeof text, "%" SLICE_FMT "@%" SLICE_FMT, SLICE_ARG(c->double_bounce_to),
		 SLICE_ARG(c->double_bounce_host));
	fn(ctx, "double bounces to",
	   c->double_bounce_to.p && c->double_bounce_host.p ? text : "unknown", NULL);
	if (c->concurrency_local.known && c->concurrency_remote.known) {
		snprintf(text, sizeof text, "local %lld, remote %lld",
			 (long long)c->concurrency_local.value,
			 (long long)c->concurrency_remote.value);
		fn(ctx, "concurrency", text, NULL);
	}
}

static void describe(const struct queue *base, describe_fn *fn, void *ctx)
{
	const struct queue_qmail *q = queue_qmail(base);
	struct send_process send = send_find(q);
	char text[64];

	snprintf(text, sizeof text, "%u", q->split);
	fn(ctx, "split", text, q->split_why);
	fn(ctx, "big-todo", q->big_todo ? "yes" : "no",
	   q->big_todo ? "todo/0 is a directory" : NULL);
	describe_control(q, fn, ctx);
	for (size_t i = 0; i < q->base.log_count; i++)
		fn(ctx, "log", q->logs[i], q->log_why);
	if (q->base.log_count == 0)
		fn(ctx, "log", "none", q->log_why);
	if (send.pid)
		snprintf(text, sizeof text, "running, pid %ld", send.pid);
	else
		snprintf(text, sizeof text, "%s",
			 send.running > 0    ? "running"
			 : send.running == 0 ? "not running"
					     : "unknown");
	fn(ctx, "qmail-send", text, send.running > 0 ? "it holds lock/sendmutex" : NULL);
}

/* ---- files of a message ---- */

static void list_files(const struct message *m,
		       void (*fn)(void *ctx, const char *role, const char *path), void *ctx)
{
	static const char *const roles[FILE_COUNT] = {
	    [FILE_MESS] = "mess",     [FILE_INFO] = "info",	  [FILE_LOCAL] = "local",
	    [FILE_REMOTE] = "remote", [FILE_TODO] = "todo",	  [FILE_TODO_OTHER] = "todo",
	    [FILE_INTD] = "intd",     [FILE_INTD_OTHER] = "intd", [FILE_BOUNCE] = "bounce",
	};
	const struct queue_qmail *q = queue_qmail(m->queue);
	struct file_path path;
	struct stat st;

	for (int f = 0; f < FILE_COUNT; f++) {
		bool other = f == FILE_TODO_OTHER || f == FILE_INTD_OTHER;

		if ((other && !q->big_todo) ||
		    qmail_stat(q, (enum qmail_file)f, m->entry.number, &st, NULL) != 1)
			continue;
		qmail_path(q, (enum qmail_file)f, m->entry.number, &path, NULL);
		fn(ctx, roles[f], path.full);
	}
}

static int open_data(const struct message *m, bool *whole, struct error *err)
{
	const struct queue_qmail *q = queue_qmail(m->queue);
	struct file_path path;
	struct stat st;
	int fd;

	*whole = true;
	if (qmail_path(q, FILE_MESS, m->entry.number, &path, err) < 0)
		return -1;
	fd = sys_open_file(q->fd, path.name, SYS_READ, path.full, &st, err);
	if (fd < 0 || mess_is_same(m, &st))
		return fd;
	sys_close(fd);
	return error_set(err, ERROR_GONE, "%s is another message by now", path.full);
}

/* ---- the table ---- */

/* clang-format off */
#define PLAIN_NEEDS \
    [FIELD_ID] = PART_NAME, \
    [FIELD_QUEUE] = PART_NAME, \
    [FIELD_MTA] = PART_NAME, \
    [FIELD_HOST] = PART_NAME, \
    [FIELD_STATE] = PART_STAT | PART_RECIPIENTS, \
    [FIELD_ARRIVAL] = PART_STAT, \
    [FIELD_AGE] = PART_STAT, \
    [FIELD_ACCEPTED] = PART_DATA, \
    [FIELD_EXPIRES] = PART_STAT, \
    [FIELD_SIZE] = PART_DATA, \
    [FIELD_SENDER] = PART_CONTROL, \
    [FIELD_SENDER_DOMAIN] = PART_CONTROL, \
    [FIELD_BOUNCE] = PART_STAT, \
    [FIELD_DOUBLE_BOUNCE] = PART_STAT, \
    [FIELD_RECIPIENT] = PART_RECIPIENTS, \
    [FIELD_RECIPIENT_DOMAIN] = PART_RECIPIENTS, \
    [FIELD_RECIPIENT_ALL] = PART_RECIPIENTS, \
    [FIELD_RECIPIENT_DONE] = PART_RECIPIENTS, \
    [FIELD_RECIPIENTS] = PART_RECIPIENTS, \
    [FIELD_PENDING] = PART_RECIPIENTS, \
    [FIELD_CHANNEL] = PART_RECIPIENTS, \
    [FIELD_ROUTE] = PART_RECIPIENTS, \
    [FIELD_HEADER] = PART_HEADER, \
    [FIELD_SUBJECT] = PART_HEADER, \
    [FIELD_FROM] = PART_HEADER, \
    [FIELD_TO] = PART_HEADER, \
    [FIELD_CC] = PART_HEADER, \
    [FIELD_MESSAGE_ID] = PART_HEADER, \
    [FIELD_HEADER_RAW] = PART_HEADER, \
    [FIELD_ORIGINAL] = PART_BODY, \
    [FIELD_BODY] = PART_BODY, \
    [FIELD_REPLY_IN_BODY] = PART_BODY, \
    [FIELD_RELAY_IP] = PART_HEADER, \
    [FIELD_UID] = PART_HEADER, \
    [FIELD_SUBMITTER] = PART_HEADER,
/* clang-format on */

enum { LOG_NEEDS = PART_RECIPIENTS | PART_LOG };

static const parts_t needs[FIELD_COUNT] = {
    PLAIN_NEEDS[FIELD_STATUS] = LOG_NEEDS,
    [FIELD_REPLY] = LOG_NEEDS,
    [FIELD_DSN] = LOG_NEEDS,
    [FIELD_ATTEMPTS] = LOG_NEEDS,
    [FIELD_LAST_ATTEMPT] = LOG_NEEDS,
    [FIELD_NEXT_ATTEMPT] = LOG_NEEDS,
};

static const parts_t plain_needs[FIELD_COUNT] = {PLAIN_NEEDS};

static const char from_log[] =
    "comes from qmail-send's log: name it with --log FILE-OR-DIRECTORY or -q DIR,log=...";
static const char no_lock[] = "qmail locks no single message";

static const char *const lacks[FIELD_COUNT] = {[FIELD_LOCKED] = no_lock};

static const char *const plain_lacks[FIELD_COUNT] = {
    [FIELD_LOCKED] = no_lock,	     [FIELD_STATUS] = from_log,	  [FIELD_REPLY] = from_log,
    [FIELD_DSN] = from_log,	     [FIELD_ATTEMPTS] = from_log, [FIELD_LAST_ATTEMPT] = from_log,
    [FIELD_NEXT_ATTEMPT] = from_log,
};

static const char *const options[] = {"control", "log", "lifetime", NULL};

/* clang-format off */
#define MEMBERS \
    .name = "qmail", \
    .summary = "qmail queue directories", \
    .cost = \
	{ \
	    [PART_STAT_I] = 700, \
	    [PART_CONTROL_I] = 4000, \
	    [PART_DATA_I] = 700, \
	    [PART_RECIPIENTS_I] = 9000, \
	    [PART_HEADER_I] = 8000, \
	    [PART_BODY_I] = 30000, \
	    [PART_LOG_I] = 1000000, \
	}, \
    .states = 1u << STATE_UNKNOWN | 1u << STATE_QUEUED | 1u << STATE_NEW | 1u << STATE_INCOMING | \
	      1u << STATE_ENDING, \
    .native_states = 1u << STATE_QUEUED | 1u << STATE_ENDING, \
    .actions = &qmail_actions, \
    .hosts = &qmail_hosts, \
    .checks = &qmail_checks, \
    .options = options, \
    .native_format = "qread", \
    .discover = discover, \
    .detect = detect, \
    .open = open_queue, \
    .close = close_queue, \
    .describe = describe, \
    .units = list_units, \
    .scan_begin = scan_begin, \
    .scan_next = scan_next, \
    .scan_end = scan_end, \
    .find = qmail_find, \
    .begin = qmail_begin, \
    .load = qmail_load, \
    .script_id = qmail_script_id, \
    .log_parse = qmail_log_parse, \
    .files = list_files, \
    .open_data = open_data,
/* clang-format on */

const struct backend backend_qmail = {.needs = needs, .lacks = lacks, MEMBERS};

/* A queue whose log nobody knows. */
static const struct backend without_log = {.needs = plain_needs, .lacks = plain_lacks, MEMBERS};
