/* sendmail 8 as a backend: its table, and how its queues are found, opened and closed. */
#include "sendmail.h"

#include "checks.h"
#include "queue.h"

#include <mtaq/limits.h>

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static int read_cf(struct sendmail_queue *q, const char *path, struct error *err)
{
	struct slice text;

	if (sys_read_config(path, LIMIT_CF_BYTES, &q->arena, &text, err) < 0)
		return -1;
	if (cf_parse(&q->arena, text, &q->cf, err) < 0) {
		error_prefix(err, "%s", path);
		return -1;
	}
	return 0;
}

static bool same_directory(struct sendmail_queue *q, struct slice a, struct slice b)
{
	const char *pa = arena_str(&q->arena, a), *pb = arena_str(&q->arena, b);
	struct stat sa, sb;

	return pa && pb && stat(pa, &sa) == 0 && stat(pb, &sb) == 0 && sa.st_dev == sb.st_dev &&
	       sa.st_ino == sb.st_ino;
}

/* Is `dir` what this configuration calls its queue: the same base, and the same wildcard if it has
 * one? */
static bool cf_is_for(struct sendmail_queue *q, const char *path, struct slice dir)
{
	struct slice base, pattern, its_base, its_pattern;

	if (read_cf(q, path, NULL) < 0 || !q->cf.option[CF_QUEUE_DIRECTORY].text.p)
		return false;
	layout_split(dir, &base, &pattern);
	layout_split(q->cf.option[CF_QUEUE_DIRECTORY].text, &its_base, &its_pattern);
	if (pattern.p && !(its_pattern.p && slice_eq(pattern, its_pattern)))
		return false;
	return same_directory(q, base, its_base);
}

/* The host's own configuration when `dir` is its queue; else defaults. */
static void guess_cf(struct sendmail_queue *q, struct slice dir)
{
	static const char *const known[] = {CF_MTA, CF_MSP};

	for (size_t i = 0; i < 2; i++) {
		if (!cf_is_for(q, known[i], dir))
			continue;
		q->cf_path = known[i];
		q->cf_why = "the queue is its QueueDirectory";
		q->msp = i == 1;
		return;
	}
	cf_defaults(&q->cf);
	q->cf_why = "no configuration is known for this directory: built-in defaults";
}

static int choose_cf(struct sendmail_queue *q, const struct queue_spec *spec, const char *config,
		     struct error *err)
{
	const char *own = queue_spec_option(spec, "cf");

	if (own && !*own)
		return error_set(err, ERROR_USAGE, "cf= wants the path of a sendmail.cf");
	q->msp = queue_spec_option(spec, "msp") != NULL;
	q->cf_path = own ? own : config;
	q->cf_why = own ? "cf=" : "-C";
	if (!q->cf_path && !q->msp && spec->dir) {
		guess_cf(q, slice_from(spec->dir));
		return 0;
	}
	if (!q->cf_path) {
		q->cf_path = q->msp ? CF_MSP : CF_MTA;
		q->cf_why = q->msp ? "msp" : "the host's own";
	}
	return read_cf(q, q->cf_path, err);
}

/* QueueDirectory as it is read here: `dir` in the place of the configured base, the configured
 * wildcard kept. */
static struct slice queue_directory(struct sendmail_queue *q, const char *dir, struct error *err)
{
	struct slice configured = q->cf.option[CF_QUEUE_DIRECTORY].text, base, pattern, own,
		     own_pattern;

	if (!dir) {
		if (!configured.p)
			error_set(err, ERROR_NOQUEUE, "%s names no QueueDirectory", q->cf_path);
		return configured;
	}
	layout_split(slice_from(dir), &own, &own_pattern);
	if (configured.p)
		layout_split(configured, &base, &pattern);
	if (own_pattern.p || !configured.p || !pattern.p)
		return slice_from(dir);
	return arena_printf(&q->arena, "%" SLICE_FMT "/%" SLICE_FMT "*", SLICE_ARG(own),
			    SLICE_ARG(pattern));
}

/* "sendmail:" and what -q takes. */
static int name_queue(struct sendmail_queue *q, const char *dir, struct error *err)
{
	char host[256] = "";
	struct slice name;

	gethostname(host, sizeof host - 1);
	q->base.host = arena_str(&q->arena, slice_from(host));
	q->base.dir = q->layout.base.p;
	name =
	    arena_printf(&q->arena, "sendmail:%s", dir && q->layout.pattern.p ? dir : q->base.dir);
	q->base.name = name.p;
	return q->base.host && name.p ? 0 : error_set(err, ERROR_NOMEM, "out of memory");
}

/* What is in qf/ is no queue without the df/ beside it. Only the configuration may call one so. */
static int check_part(const struct sendmail_queue *q, const char *dir, struct error *err)
{
	struct slice s = slice_from(dir), last;
	size_t slash;

	while (s.n > 1 && s.p[s.n - 1] == '/')
		s.n--;
	for (slash = s.n; slash > 0 && s.p[slash - 1] != '/';)
		slash--;
	last = slice_skip(s, slash);
	if ((!slice_eq(last, SLICE("qf")) && !slice_eq(last, SLICE("df")) &&
	     !slice_eq(last, SLICE("xf"))) ||
	    slice_eq(s, q->cf.option[CF_QUEUE_DIRECTORY].text))
		return 0;
	return error_set(
	    err, ERROR_USAGE,
	    "%s is a part of a queue directory: name the directory that it is in%s%.*s", dir,
	    slash > 1 ? ", " : "", slash > 1 ? (int)slash - 1 : 0, dir);
}

static int open_queue(struct sendmail_queue *q, const struct queue_spec *spec, const char *config,
		      trouble_fn *trouble, void *ctx, struct error *err)
{
	struct slice dir;

	if (choose_cf(q, spec, config, err) < 0 || (spec->dir && check_part(q, spec->dir, err) < 0))
		return -1;
	dir = queue_directory(q, spec->dir, err);
	if (!dir.p)
		return error_set(err, ERROR_NOMEM, "out of memory");
	if (layout_open(&q->layout, &q->arena, &q->base, dir, q->cf_path ? &q->cf : NULL, trouble,
			ctx, err) < 0)
		return -1;
	return name_queue(
	    q, spec->dir && slice_ends(slice_from(spec->dir), SLICE("*")) ? spec->dir : NULL, err);
}

static void sendmail_close(struct queue *queue)
{
	struct sendmail_queue *q = (struct sendmail_queue *)(void *)queue;

	if (!q)
		return;
	layout_close(&q->layout);
	arena_free(&q->arena);
	free(q);
}

static struct queue *sendmail_open(const struct queue_spec *spec, const char *config, int64_t now,
				   trouble_fn *trouble, void *ctx, struct error *err)
{
	struct sendmail_queue *q = calloc(1, sizeof *q);

	if (!q) {
		error_set(err, ERROR_NOMEM, "out of memory");
		return NULL;
	}
	arena_init(&q->arena, 0);
	q->base.backend = &backend_sendmail;
	q->base.now = now;
	q->binary = queue_spec_option(spec, "sendmail");
	if (open_queue(q, spec, config, trouble, ctx, err) == 0)
		return &q->base;
	if (err)
		err->scope = SCOPE_QUEUE;
	sendmail_close(&q->base);
	return NULL;
}

static struct unit_list sendmail_units(const struct queue *q)
{
	const struct layout *l = &sendmail_queue(q)->layout;

	return (struct unit_list){l->units, l->count};
}

static void sendmail_lister_facts(const struct queue *q, struct lister_facts *out)
{
	const struct cf *cf = &sendmail_queue(q)->cf;

	out->min_queue_age = cf_seconds(cf->option[CF_MIN_QUEUE_AGE].text, 'm');
	out->max_queue_age = cf_seconds(cf->option[CF_MAX_QUEUE_AGE].text, 'm');
}

/* Does this configuration name a queue directory that exists? Its base's device and inode go to
 * *st. 1, 0, -1 */
static int cf_names_queue(const char *path, struct stat *st, struct error *err)
{
	struct sendmail_queue q = {0};
	struct error e = ERROR_INIT;
	struct slice base, pattern;
	int r;

	arena_init(&q.arena, 0);
	r = read_cf(&q, path, &e);
	if (r == 0 && q.cf.option[CF_QUEUE_DIRECTORY].text.p) {
		const char *dir;

		layout_split(q.cf.option[CF_QUEUE_DIRECTORY].text, &base, &pattern);
		dir = arena_str(&q.arena, base);
		r = dir && stat(dir, st) == 0;
	}
	arena_free(&q.arena);
	if (r < 0 && e.code == ERROR_GONE)
		return 0;
	return r < 0 ? error_set(err, e.code, "%s", e.text) : r;
}

static int sendmail_discover(const char *config,
			     void (*found)(void *ctx, const struct queue_spec *spec), void *ctx,
			     struct error *err)
{
	static const struct queue_option msp[] = {{"msp", NULL}};
	const struct queue_spec given = {.kind = "sendmail", .why = config};
	const struct queue_spec mta = {.kind = "sendmail", .why = CF_MTA};
	const struct queue_spec submit = {
	    .kind = "sendmail", .options = msp, .option_count = 1, .why = CF_MSP};
	struct stat st = {0}, st_msp = {0};
	int r, r_msp;

	if (config) {
		found(ctx, &given);
		return 0;
	}
	r = cf_names_queue(CF_MTA, &st, err);
	if (r > 0)
		found(ctx, &mta);
	r_msp = cf_names_queue(CF_MSP, &st_msp, err);
	if (r_msp > 0 && !(r > 0 && st.st_dev == st_msp.st_dev && st.st_ino == st_msp.st_ino))
		found(ctx, &submit);
	return r < 0 || r_msp < 0 ? -1 : 0;
}

#define ENVELOPE   PART_CONTROL
#define RECIPIENT  (PART_CONTROL | PART_RECIPIENTS)
#define THE_HEADER (PART_CONTROL | PART_HEADER)

static const parts_t needs[FIELD_COUNT] = {
    [FIELD_ID] = PART_NAME,
    [FIELD_QUEUE] = PART_NAME,
    [FIELD_MTA] = PART_NAME,
    [FIELD_HOST] = PART_NAME,
    [FIELD_STATE] = PART_CONTROL | PART_DATA,
    [FIELD_LOCKED] = PART_STAT | PART_LOCK,
    [FIELD_ARRIVAL] = ENVELOPE,
    [FIELD_AGE] = ENVELOPE,
    [FIELD_ACCEPTED] = PART_DATA,
    [FIELD_EXPIRES] = THE_HEADER,
    [FIELD_SIZE] = PART_DATA,
    [FIELD_SENDER] = ENVELOPE,
    [FIELD_SENDER_DOMAIN] = ENVELOPE,
    [FIELD_BOUNCE] = ENVELOPE,
    [FIELD_RECIPIENT] = RECIPIENT,
    [FIELD_RECIPIENT_DOMAIN] = RECIPIENT,
    [FIELD_RECIPIENTS] = RECIPIENT,
    [FIELD_PENDING] = RECIPIENT,
    [FIELD_STATUS] = RECIPIENT,
    [FIELD_REPLY] = RECIPIENT,
    [FIELD_DSN] = RECIPIENT,
    [FIELD_ATTEMPTS] = ENVELOPE,
    [FIELD_LAST_ATTEMPT] = ENVELOPE,
    [FIELD_PRIORITY] = ENVELOPE,
    [FIELD_FLAGS] = ENVELOPE,
    [FIELD_BODY_TYPE] = ENVELOPE,
    [FIELD_AUTH] = ENVELOPE,
    [FIELD_ENVID] = ENVELOPE,
    [FIELD_REASON] = ENVELOPE,
    [FIELD_VERSION] = ENVELOPE,
    [FIELD_MACRO] = ENVELOPE,
    [FIELD_DELIVER_BY] = ENVELOPE,
    [FIELD_ORIGINAL_RECIPIENT] = RECIPIENT,
    [FIELD_FINAL_RECIPIENT] = RECIPIENT,
    [FIELD_CONTROLLING_USER] = RECIPIENT,
    [FIELD_CONTROL_SIZE] = PART_STAT,
    [FIELD_CONTROL_TIME] = PART_STAT,
    [FIELD_HEADER] = THE_HEADER,
    [FIELD_SUBJECT] = THE_HEADER,
    [FIELD_FROM] = THE_HEADER,
    [FIELD_TO] = THE_HEADER,
    [FIELD_CC] = THE_HEADER,
    [FIELD_MESSAGE_ID] = THE_HEADER,
    [FIELD_HEADER_RAW] = THE_HEADER,
    [FIELD_ORIGINAL] = THE_HEADER | PART_DATA | PART_BODY,
    [FIELD_BODY] = PART_DATA | PART_BODY,
    [FIELD_REPLY_IN_BODY] = PART_DATA | PART_BODY,
    [FIELD_RELAY_IP] = THE_HEADER,
    [FIELD_SUBMITTER] = THE_HEADER,
};

static const char *const lacks[FIELD_COUNT] = {
    [FIELD_DOUBLE_BOUNCE] = "sendmail does not mark them in the envelope",
    [FIELD_RECIPIENT_ALL] = "sendmail forgets recipients that are done",
    [FIELD_RECIPIENT_DONE] = "sendmail forgets recipients that are done",
    [FIELD_CHANNEL] = "only qmail has channels",
    [FIELD_UID] = "sendmail does not record it",
    [FIELD_ROUTE] = "only qmail has smtproutes",
    [FIELD_NEXT_ATTEMPT] = "sendmail tries whatever is due at each queue run",
};

static const char *const options[] = {"cf", "sendmail", "msp", NULL};

const struct backend backend_sendmail = {
    .name = "sendmail",
    .summary = "sendmail 8 queue directories",
    .cost =
	{
	    [PART_STAT_I] = 900,
	    [PART_CONTROL_I] = 4000,
	    [PART_DATA_I] = 900,
	    [PART_RECIPIENTS_I] = 200,
	    [PART_HEADER_I] = 300,
	    [PART_LOCK_I] = 500,
	    [PART_BODY_I] = 20000,
	},
    .actions = &sendmail_actions,
    .checks = &sendmail_checks,
    .hosts = &sendmail_hosts,
    .needs = needs,
    .lacks = lacks,
    .states = 1u << STATE_QUEUED | 1u << STATE_HELD | 1u << STATE_LOST | 1u << STATE_NODATA |
	      1u << STATE_INCOMPLETE | 1u << STATE_INCOMING,
    .native_states =
	1u << STATE_QUEUED | 1u << STATE_NODATA | 1u << STATE_INCOMPLETE | 1u << STATE_INCOMING,
    .options = options,
    .native_format = "mailq",
    .discover = sendmail_discover,
    .detect = layout_detect,
    .open = sendmail_open,
    .close = sendmail_close,
    .describe = sendmail_describe,
    .units = sendmail_units,
    .scan_begin = sendmail_scan_begin,
    .scan_next = sendmail_scan_next,
    .scan_end = sendmail_scan_end,
    .find = sendmail_find,
    .begin = sendmail_begin,
    .load = sendmail_load,
    .lister_lines = sendmail_lister_lines,
    .lister_facts = sendmail_lister_facts,
    .files = sendmail_files,
    .open_data = sendmail_open_data,
};
