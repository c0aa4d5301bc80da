/*
 * expire, requeue and retry: modification times, set through descriptors that are known to be the
 * message's.
 *
 * info's is the birth that qmail-send counts the lifetime from, read at the start of each attempt.
 * local's and remote's are the planned next attempt, but only until qmail-send starts: then it
 * keeps the plan to itself. So single messages are retried only while it is stopped.
 *
 * A message that is still in todo (only while qmail-send is stopped) has no age yet and is tried
 * first thing. To expire it, it is first made one that has been preprocessed.
 *
 * Changes: {"what": "preprocessed"}, {"what": "info_mtime", "before", "after"} and {"what":
 * "channel_mtime", "channel", "before", "after"}, in nanoseconds.
 */
#include "marks.h"
#include "preprocess.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

enum { DAY = 86400, LIFETIME_LEAST = 7 * DAY };

struct age {
	bool info, channel[2];
	int64_t info_after, channel_after;
	struct preprocess preprocess; /* expire of one that is in todo */
};

static int64_t seconds(int64_t s)
{
	int64_t ns;

	return __builtin_mul_overflow(s, (int64_t)1000000000, &ns) ? (s < 0 ? INT64_MIN : INT64_MAX)
								   : ns;
}

/* ---- what is to be ---- */

/* The bounce of a double bounce is thrown away by qmail: the message would vanish. */
int qmail_check_silent(struct action *a, const struct held *h, struct error *err)
{
	char text[128];

	if (!h->message.double_bounce || a->args->even_silent)
		return 0;
	snprintf(text, sizeof text,
		 "%" SLICE_FMT ": a double bounce would vanish without a word: passed over (see "
		 "--even-silent)",
		 SLICE_ARG(h->item->id));
	a->note(a->note_ctx, text);
	return error_set(err, ERROR_UNSUPPORTED, "it would vanish without a word");
}

/* A birth that makes the next attempt the last. */
static int64_t expired_birth(const struct action *a)
{
	int64_t lifetime = queue_qmail(a->queue)->control.lifetime.value;
	int64_t back = lifetime > LIFETIME_LEAST ? lifetime : LIFETIME_LEAST;

	return seconds(number_minus(number_minus(a->now, back), DAY));
}

static int plan_expire(struct action *a, struct held *h, struct age *age, struct error *err)
{
	int64_t lifetime = queue_qmail(a->queue)->control.lifetime.value;

	if (qmail_check_silent(a, h, err) < 0)
		return -1;
	if (number_minus(a->now, (int64_t)held_pin(h)->info_st.st_mtime) > lifetime)
		return 0;
	age->info = true;
	age->info_after = expired_birth(a);
	return 1;
}

static int plan_requeue(struct action *a, struct held *h, struct age *age)
{
	age->info_after = seconds(a->now);
	age->info = qmail_mtime_ns(&held_pin(h)->info_st) != age->info_after;
	return age->info;
}

/* Due at once when qmail-send starts; false when all that is pending is due already. */
static bool plan_attempt(struct action *a, struct held *h, struct age *age)
{
	const struct pin *p = held_pin(h);

	age->channel_after = seconds(a->now);
	for (int i = 0; i < 2; i++)
		age->channel[i] = p->channel[i] >= 0 && p->channel_st[i].st_mtime > a->now;
	return age->channel[0] || age->channel[1];
}

static int note_changes(struct held *h, const struct age *age, struct error *err)
{
	const struct pin *p = held_pin(h);

	if (age->info &&
	    change_add(
		h, change_of_time("info_mtime", NULL, qmail_mtime_ns(&p->info_st), age->info_after),
		err) < 0)
		return -1;
	for (int i = 0; i < 2; i++)
		if (age->channel[i] &&
		    change_add(h,
			       change_of_time("channel_mtime", channel_file_name(i),
					      qmail_mtime_ns(&p->channel_st[i]),
					      age->channel_after),
			       err) < 0)
			return -1;
	return 1;
}

/* ---- one that is in todo ---- */

static void let_go(struct action *a, struct held *h)
{
	struct age *age = held_pin(h)->op;

	preprocess_discard(a, h, &age->preprocess);
}

static int note_preprocessed(struct held *h, const struct age *age, struct error *err)
{
	int64_t accepted = qmail_mtime_ns(&held_pin(h)->todo_st);

	if (change_add(h, json_pack("{s:s}", "what", "preprocessed"), err) < 0)
		return -1;
	return change_add(h, change_of_time("info_mtime", NULL, accepted, age->info_after), err);
}

static int prepare_new(struct action *a, struct held *h, struct age *age, struct error *err)
{
	struct timespec birth;

	if (a->op != OP_EXPIRE)
		return 0;
	age->info_after = expired_birth(a);
	birth = timespec_of(age->info_after);
	if (qmail_check_silent(a, h, err) < 0 || pin_recipients_known(h, err) < 0)
		return -1;
	if (h->message.recipient_count == 0)
		return error_set(err, ERROR_UNSUPPORTED, "it has no recipient");
	if (preprocess_pending(a, h, &age->preprocess, err) < 0 ||
	    note_preprocessed(h, age, err) < 0)
		return -1;
	held_pin(h)->let_go = let_go;
	if (!a->dry_run && preprocess_write(a, h, &age->preprocess, &birth, err) < 0)
		return -1;
	return 1;
}

int qmail_age_prepare(struct action *a, struct held *h, struct error *err)
{
	struct age *age = arena_zalloc(&h->arena, sizeof *age);
	int todo = 1;

	if (!age)
		return error_set(err, ERROR_LIMIT, "out of memory");
	held_pin(h)->op = age;
	if (held_pin(h)->todo >= 0)
		return prepare_new(a, h, age, err);
	if (a->op == OP_EXPIRE)
		todo = plan_expire(a, h, age, err);
	else if (a->op == OP_REQUEUE)
		todo = plan_requeue(a, h, age);
	if (todo < 1)
		return todo;
	if (a->offline && (a->op == OP_RETRY || a->args->try_now) && !plan_attempt(a, h, age) &&
	    a->op == OP_RETRY)
		return 0;
	return note_changes(h, age, err);
}

/* ---- doing it ---- */

int qmail_age_set(struct action *a, int fd, int64_t ns, struct error *err)
{
	struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, timespec_of(ns)};

	if (futimens(fd, times) < 0)
		return error_sys(err, errno, "its time cannot be set");
	run_dirty_fd(a, fd);
	return 0;
}

int qmail_age_commit(struct action *a, struct held *h, struct error *err)
{
	const struct pin *p = held_pin(h);
	const struct age *age = p->op;

	if (pin_check(a, h, err) < 0)
		return -1;
	if (p->todo >= 0) {
		h->committed = true;
		return preprocess_commit(a, h, err);
	}
	for (int i = 0; i < 2; i++)
		if (age->channel[i] && qmail_age_set(a, p->channel[i], age->channel_after, err) < 0)
			return -1;
	if (age->info && qmail_age_set(a, p->info, age->info_after, err) < 0)
		return -1;
	h->committed = true;
	/* it may have ended in this moment; then nothing was done to it */
	return pin_check(a, h, err);
}
