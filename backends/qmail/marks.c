/* Marking recipients: see marks.h. */
#include "marks.h"

#include <mtaq/jsonbytes.h>

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

const char *channel_file_name(int channel)
{
	return channel ? "remote" : "local";
}

/* ---- finding records ---- */

static int add_marks(struct held *h, int channel, struct slice text, marks_wants_fn *wants,
		     const void *ctx, struct marks *out, struct error *err)
{
	struct slice rest = text;
	struct record r;
	struct mark *list = arena_array(&h->arena, out->count + record_count(text), sizeof *list);

	if (!list)
		return error_set(err, ERROR_LIMIT, "out of memory");
	if (out->count)
		memcpy(list, out->list, out->count * sizeof *list);
	out->list = list;
	while (record_next(&rest, &r) == 1) {
		bool wanted = !wants || wants(ctx, r.text);

		out->pending += r.type == 'T';
		out->done += r.type == 'D' && wanted;
		if (r.type == 'T' && wanted)
			list[out->count++] = (struct mark){.channel = channel,
							   .at = (off_t)(r.text.p - 1 - text.p),
							   .address = r.text,
							   .from = 'T',
							   .to = 'D'};
	}
	return 0;
}

int marks_plan(struct held *h, marks_wants_fn *wants, const void *ctx, struct marks *out,
	       struct error *err)
{
	const struct pin *p = held_pin(h);
	struct slice text;

	*out = (struct marks){0};
	for (int i = 0; i < 2; i++) {
		if (p->channel[i] < 0)
			continue;
		if (pin_read(h, p->channel[i], channel_file_name(i), &text, err) < 0 ||
		    add_marks(h, i, text, wants, ctx, out, err) < 0)
			return -1;
	}
	return 0;
}

int marks_note(struct held *h, const struct marks *m, struct error *err)
{
	for (size_t i = 0; i < m->count; i++) {
		const struct mark *k = &m->list[i];
		json_t *change =
		    json_pack("{s:s, s:s, s:I, s:o, s:s%, s:s%}", "what", "mark", "channel",
			      channel_file_name(k->channel), "at", (json_int_t)k->at, "address",
			      json_bytes(k->address), "before", &k->from, 1, "after", &k->to, 1);

		if (change_add(h, change, err) < 0)
			return -1;
	}
	return 0;
}

/* ---- one record ---- */

/* Its type now; 0 when there is no such record with that address. -1. */
static int read_type(struct held *h, const struct mark *k, struct error *err)
{
	size_t n = k->address.n + 2;
	char room[1024]; /* those that qmail-queue lets in */
	char *p = n <= sizeof room ? room : arena_alloc(&h->arena, n);
	ssize_t got = p ? sys_pread(held_pin(h)->channel[k->channel], p, n, k->at) : -1;

	if (got < 0)
		return error_set(err, ERROR_SYSTEM, "%s cannot be read",
				 channel_file_name(k->channel));
	if ((size_t)got != n || p[n - 1] != '\0' || memcmp(p + 1, k->address.p, k->address.n) != 0)
		return 0;
	return (unsigned char)p[0];
}

static char letter(const json_t *change, const char *key)
{
	const char *s = json_string_value(json_object_get(change, key));

	return s && (s[0] == 'T' || s[0] == 'D') && !s[1] ? s[0] : '\0';
}

int mark_back(struct held *h, const json_t *change, struct mark *out, struct error *err)
{
	const char *channel = json_string_value(json_object_get(change, "channel"));
	int type;

	*out =
	    (struct mark){.channel = channel && strcmp(channel, "remote") == 0,
			  .at = (off_t)json_integer_value(json_object_get(change, "at")),
			  .address = json_bytes_get(json_object_get(change, "address"), &h->arena),
			  .from = letter(change, "after"),
			  .to = letter(change, "before")};
	if (!out->address.p || !out->from || !out->to || out->at < 0 ||
	    held_pin(h)->channel[out->channel] < 0)
		return MARK_LOST;
	type = read_type(h, out, err);
	if (type < 0)
		return -1;
	return type == out->to ? MARK_BACK_ALREADY : type == out->from ? MARK_BACK : MARK_LOST;
}

static int changed(struct error *err)
{
	return error_set(err, ERROR_STALE, "its recipients have changed");
}

static int set_one(struct held *h, const struct mark *k, struct error *err)
{
	int type = read_type(h, k, err), fd = held_pin(h)->channel[k->channel];
	ssize_t put;

	if (type < 0 || type == k->to)
		return type < 0 ? -1 : 0;
	if (type != k->from)
		return changed(err);
	do
		put = pwrite(fd, &k->to, 1, k->at);
	while (put < 0 && errno == EINTR);
	if (put != 1)
		return error_sys(err, put < 0 ? errno : ENOSPC, "%s",
				 channel_file_name(k->channel));
	return 0;
}

/* ---- all of them ---- */

int marks_check(struct held *h, const struct marks *m, struct error *err)
{
	for (size_t i = 0; i < m->count; i++) {
		int type = read_type(h, &m->list[i], err);

		if (type < 0)
			return -1;
		if (type == m->list[i].to)
			return error_set(err, ERROR_BUSY, "qmail-send is at work on it");
		if (type != m->list[i].from)
			return changed(err);
	}
	return 0;
}

/* While qmail-send is stopped a channel file's time is the plan for its next attempt. */
static int keep_time(struct action *a, const struct pin *p, int channel, struct error *err)
{
	struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, p->channel_st[channel].st_mtim};

	run_dirty_fd(a, p->channel[channel]);
	if (!a->offline || futimens(p->channel[channel], times) == 0)
		return 0;
	return error_sys(err, errno, "%s", channel_file_name(channel));
}

int marks_set(struct action *a, struct held *h, const struct marks *m, struct error *err)
{
	bool touched[2] = {false, false};
	int result = 0;

	for (size_t i = 0; result == 0 && i < m->count; i++) {
		result = set_one(h, &m->list[i], err);
		touched[m->list[i].channel] = true;
	}
	for (int i = 0; i < 2; i++)
		if (touched[i] && keep_time(a, held_pin(h), i, err) < 0)
			result = -1;
	return result;
}
