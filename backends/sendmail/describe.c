/* What an open queue is made of and why, for people. */
#include "queue.h"

#include <mtaq/timefmt.h>

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>

struct telling {
	const struct sendmail_queue *q;
	describe_fn *fn;
	void *ctx;
};

/* "/etc/mail/sendmail.cf line 42", or that it is built in. */
static const char *origin(const struct telling *t, unsigned line, char *buf, size_t n)
{
	if (!line || !t->q->cf_path)
		return "built-in";
	snprintf(buf, n, "%s line %u", t->q->cf_path, line);
	return buf;
}

static void say(const struct telling *t, const char *key, const char *value, unsigned line)
{
	char why[PATH_MAX + 32];

	t->fn(t->ctx, key, value, origin(t, line, why, sizeof why));
}

static void say_option(const struct telling *t, enum cf_option id, const char *key,
		       const char *otherwise)
{
	const struct cf_value *v = &t->q->cf.option[id];
	char text[256];

	if (!v->text.p && !otherwise)
		return;
	snprintf(text, sizeof text, "%" SLICE_FMT,
		 SLICE_ARG(v->text.n ? v->text : SLICE("(empty)")));
	say(t, key, v->text.p ? text : otherwise, v->line);
}

static void say_time(const struct telling *t, const char *key, struct cf_time time,
		     const char *zero)
{
	char text[TIME_TEXT];

	say(t, key, time.seconds ? duration_print(time.seconds, text) : zero, time.line);
}

static void say_unit(const struct telling *t, const struct sendmail_unit *u)
{
	char text[PATH_MAX + 128], why[300];

	snprintf(text, sizeof text, "%s%s%s%s", u->dir.p, u->has_qf ? " qf/" : "",
		 u->has_df ? " df/" : "", u->has_xf ? " xf/" : "");
	snprintf(why, sizeof why, "queue group %.250s", u->group);
	t->fn(t->ctx, "directory", text, *u->group ? why : NULL);
}

static void say_group(const struct telling *t, const struct cf_group *g)
{
	char text[512];

	snprintf(text, sizeof text, "%" SLICE_FMT "%s%" SLICE_FMT "%s%" SLICE_FMT "%s%" SLICE_FMT,
		 SLICE_ARG(g->name), g->path.p ? " P=" : "", SLICE_ARG(g->path),
		 g->interval.p ? " I=" : "", SLICE_ARG(g->interval), g->runners.p ? " R=" : "",
		 SLICE_ARG(g->runners));
	say(t, "group", text, g->line);
}

static void say_timeouts(const struct telling *t)
{
	static const char *const keys[2][CF_CLASS_COUNT] = {
	    {"return.normal", "return.urgent", "return.non-urgent", "return.dsn"},
	    {"warning.normal", "warning.urgent", "warning.non-urgent", "warning.dsn"}};

	for (int c = 0; c < CF_CLASS_COUNT; c++)
		say_time(t, keys[0][c], t->q->cf.queue_return[c], "at once");
	for (int c = 0; c < CF_CLASS_COUNT; c++)
		say_time(t, keys[1][c], t->q->cf.queue_warn[c], "never");
	say_time(t, "hoststatus", t->q->cf.host_status, "0s");
}

/* Does process `pid` call itself sendmail? 1, 0, or -1 where nobody can tell. */
static int is_sendmail(uint64_t pid)
{
	char path[64];
	struct arena a;
	struct slice name;
	int r = -1;

	snprintf(path, sizeof path, "/proc/%llu/comm", (unsigned long long)pid);
	arena_init(&a, 0);
	if (sys_read_config(path, 4096, &a, &name, NULL) == 0)
		r = slice_find(name, SLICE("sendmail")) != SIZE_MAX;
	arena_free(&a);
	return r;
}

static const char *daemon_text(struct slice pid_file, char *buf, size_t n)
{
	struct slice pid_text;
	uint64_t pid;
	int named;

	slice_cut(&pid_file, '\n', &pid_text);
	if (!slice_u64(slice_trim(pid_text), &pid) || !pid || pid > INT_MAX)
		return "not known: no process id in the file";
	if (kill((pid_t)pid, 0) < 0 && errno == ESRCH)
		return "not running";
	named = is_sendmail(pid);
	if (named == 0)
		return "not running: its process id belongs to something else";
	snprintf(buf, n, "%s, process %llu", named > 0 ? "running" : "probably running",
		 (unsigned long long)pid);
	return buf;
}

static void say_daemon(const struct telling *t)
{
	const struct cf_value *v = &t->q->cf.option[CF_PID_FILE];
	char path[PATH_MAX], text[64], why[PATH_MAX + 64];
	struct error err = ERROR_INIT;
	struct arena a;
	struct slice content;

	if (!v->text.n || v->text.n >= sizeof path || slice_chr(v->text, '$') != SIZE_MAX)
		return;
	snprintf(path, sizeof path, "%" SLICE_FMT, SLICE_ARG(v->text));
	snprintf(why, sizeof why, "PidFile %s", path);
	arena_init(&a, 0);
	if (sys_read_config(path, 4096, &a, &content, &err) == 0)
		t->fn(t->ctx, "daemon", daemon_text(content, text, sizeof text), why);
	else
		t->fn(t->ctx, "daemon", err.code == ERROR_GONE ? "not running" : err.text, why);
	arena_free(&a);
}

void sendmail_describe(const struct queue *q, describe_fn *fn, void *ctx)
{
	const struct telling t = {sendmail_queue(q), fn, ctx};
	const struct sendmail_queue *s = t.q;

	fn(ctx, "configuration", s->cf_path ? s->cf_path : "none", s->cf_why);
	if (s->binary)
		fn(ctx, "program", s->binary, "sendmail=");
	for (size_t i = 0; i < s->layout.count; i++)
		say_unit(&t, sendmail_unit(s->layout.units[i]));
	say_option(&t, CF_QUEUE_DIRECTORY, "QueueDirectory", NULL);
	for (size_t i = 0; i < s->cf.group_count; i++)
		say_group(&t, &s->cf.groups[i]);
	say_timeouts(&t);
	say_option(&t, CF_MIN_QUEUE_AGE, "MinQueueAge", "0");
	say_option(&t, CF_MAX_QUEUE_AGE, "MaxQueueAge", NULL);
	say_option(&t, CF_QUEUE_SORT_ORDER, "QueueSortOrder", "priority");
	say_option(&t, CF_MAX_QUEUE_RUN_SIZE, "MaxQueueRunSize", NULL);
	say_option(&t, CF_QUEUE_FILE_MODE, "QueueFileMode", "0600");
	say_option(&t, CF_SUPER_SAFE, "SuperSafe", "true");
	say_option(&t, CF_HOST_STATUS_DIRECTORY, "HostStatusDirectory", NULL);
	say_option(&t, CF_DOUBLE_BOUNCE_ADDRESS, "DoubleBounceAddress", "postmaster");
	fn(ctx, "locking", "flock or fcntl", "not known which: sendmail -d0.10 says HASFLOCK");
	say_daemon(&t);
}
