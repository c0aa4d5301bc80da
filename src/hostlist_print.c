/* Notes about hosts for people and for programs. See hostlist.h. */
#include "hostlist.h"

#include <mtaq/timefmt.h>

#include <jansson.h>
#include <stdio.h>

enum { HOST_WIDTH = 32 };

static const char *state_name(enum host_state s)
{
	static const char *const names[] = {"tried", "unsure", "down"};

	return names[s];
}

/* What sysexits(3) calls it. */
static const char *exit_name(int status)
{
	static const char *const names[] = {
	    "usage",	      "data format error",     "no input",
	    "no such user",   "no such host",	       "service unavailable",
	    "internal error", "system error",	       "system file missing",
	    "cannot create",  "input or output error", "temporary failure",
	    "protocol error", "permission denied",     "configuration error"};

	return status >= 64 && status < 64 + (int)(sizeof names / sizeof names[0])
		   ? names[status - 64]
		   : NULL;
}

/* Why, in the words that are best. */
static void add_reason(struct buf *b, const struct host_note *n)
{
	char text[128];

	if (n->reply.p)
		text_escape(b, n->reply);
	else if (n->failures)
		buf_adds(b, "connection timed out");
	else if (n->errnum > 0 && strerror_r(n->errnum, text, sizeof text) == 0)
		buf_adds(b, text);
	else if (n->exit_status && exit_name(n->exit_status))
		buf_adds(b, exit_name(n->exit_status));
	else if (n->exit_status)
		buf_printf(b, "exit status %d", n->exit_status);
	else
		buf_adds(b, n->busy ? "in use" : "OK");
}

void host_print_heading(struct buf *b)
{
	buf_printf(b, "%-*s state     noted  times  skipped for     why\n", HOST_WIDTH, "host");
}

static void add_column(struct buf *b, const char *text, size_t width)
{
	size_t n = strlen(text);

	buf_adds(b, text);
	buf_pad(b, ' ', (n < width ? width - n : 0) + 1);
}

/* "3m20s" or, where it depends on the MTA's process, "3m20s-36m24s". */
static void add_until(struct buf *b, const struct host_note *n, int64_t now)
{
	char first[TIME_TEXT] = "0s", last[TIME_TEXT], both[2 * TIME_TEXT + 1];

	if (n->state == HOST_TRIED) {
		add_column(b, "-", 15);
		return;
	}
	if (n->until > now)
		duration_human(number_minus(n->until, now), first);
	duration_human(number_minus(n->until_latest, now), last);
	snprintf(both, sizeof both, "%s%s%s", first, n->until == n->until_latest ? "" : "-",
		 n->until == n->until_latest ? "" : last);
	add_column(b, both, 15);
}

void host_print_row(struct buf *b, const struct host_note *n, int64_t now)
{
	char state[16], noted[TIME_TEXT] = "-", times[16] = "-";
	size_t start = b->n, width;

	text_escape(b, n->host);
	width = text_width(slice_of(b->p + start, b->n - start));
	buf_pad(b, ' ', (width < HOST_WIDTH ? HOST_WIDTH - width : 0) + 1);
	snprintf(state, sizeof state, "%s%s", state_name(n->state), n->busy ? "*" : "");
	buf_printf(b, "%-7s", state);
	if (n->noted)
		duration_human(number_minus(now, n->noted), noted);
	if (n->failures)
		snprintf(times, sizeof times, "%u", n->failures);
	buf_printf(b, " %7s  %5s  ", noted, times);
	add_until(b, n, now);
	add_reason(b, n);
	buf_addc(b, '\n');
}

/* ---- JSON ---- */

static void set_text(json_t *o, const char *key, struct slice s)
{
	struct arena a;

	if (!s.p)
		return;
	arena_init(&a, 0);
	s = utf8_sanitise(&a, s);
	json_object_set_new(o, key, json_stringn(s.p ? s.p : "", s.n));
	arena_free(&a);
}

static void set_number(json_t *o, const char *key, int64_t v)
{
	if (v)
		json_object_set_new(o, key, json_integer(v));
}

json_t *host_json(const struct queue *q, const struct host_note *n, const bool *forgotten)
{
	json_t *o = json_object();
	struct buf reason;

	buf_init(&reason);
	add_reason(&reason, n);
	set_text(o, "queue_name", slice_from(q->name));
	set_text(o, "mta", slice_from(q->backend->name));
	set_text(o, "host", n->host);
	set_text(o, "state", slice_from(state_name(n->state)));
	json_object_set_new(o, "busy", json_boolean(n->busy));
	set_number(o, "noted", n->noted);
	set_number(o, "skipped_until", n->until);
	set_number(o, "skipped_until_latest", n->until_latest);
	set_number(o, "failures", n->failures);
	set_text(o, "reply", n->reply);
	set_text(o, "dsn", n->dsn);
	set_number(o, "exit_status", n->exit_status);
	set_number(o, "errno", n->errnum);
	set_text(o, "reason", buf_slice(&reason));
	if (forgotten)
		json_object_set_new(o, "forgotten", json_boolean(*forgotten));
	buf_free(&reason);
	return o;
}
