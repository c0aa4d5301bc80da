/*
 * hold and release: sendmail's quarantine. What is held is called hf and has a line with the
 * reason; the result is what sendmail -Q makes, byte for byte.
 *
 * In both directions the new text comes first, then the new name. Cut off between, a message that
 * was to be held is a qf with a reason, which the next queue run does not send but calls hf itself;
 * one that was to be released is an hf without a reason, which still is held. The same command goes
 * on from there.
 *
 * sendmail -Q makes the hf and then removes the qf. Cut off between, it leaves two control files of
 * one message: they are recognised by being the same but for what an attempt changes, and the one
 * that is in the way goes.
 */
#include "act.h"

#include <mtaq/jsonbytes.h>
#include <mtaq/limits.h>

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

static const char default_reason[] = "held by mtaq";

int hold_begin(struct action *a, struct error *err)
{
	const char *reason = a->args->reason;

	if (!reason)
		return 0;
	if (!*reason)
		return error_set(err, ERROR_USAGE, "hold: the reason is empty");
	for (const char *c = reason; *c; c++)
		if ((unsigned char)*c < 0x20 || *c == 0x7f)
			return error_set(err, ERROR_USAGE,
					 "hold: the reason has a control character in it");
	return 0;
}

/* ---- two control files of one message ---- */

/* The next line that an attempt leaves as it is. */
static struct slice next_lasting(struct slice text, size_t *at)
{
	struct qf_line l;

	while (qf_next_line(text, at, &l))
		if (!l.code || !strchr("VqKNPMIF", l.code))
			return l.bytes;
	return SLICE_NONE;
}

/* The same sender, recipients and header: one message, tried once more or not. */
static bool same_message(struct slice a, struct slice b)
{
	size_t i = 0, k = 0;

	for (;;) {
		struct slice x = next_lasting(a, &i), y = next_lasting(b, &k);

		if (!x.p || !y.p)
			return x.p == y.p;
		if (!slice_eq(x, y))
			return false;
	}
}

static int read_twin(struct action *a, struct held *h, const char *name, struct slice *text,
		     struct error *err)
{
	struct grip *g = grip_of(h);
	const char *path = act_path(h, g->unit->qf, name);
	struct stat st;
	int fd = sys_open_file(g->unit->qf_fd, name, a->dry_run ? SYS_READ : SYS_READ_WRITE, path,
			       &st, err);

	if (fd < 0)
		return -1;
	g->temp_fd = fd; /* kept, and its lock, until the message is let go */
	if (!a->dry_run && st.st_ino != g->st.st_ino && lock_file(fd) < 0)
		return errno == EWOULDBLOCK ? error_set(err, ERROR_BUSY, "%s is locked", path)
					    : error_sys(err, errno, "%s cannot be locked", path);
	return sys_read_all(fd, 0, LIMIT_CONTROL_BYTES, &h->arena, path, text, err);
}

/* The other control file is what this one is to become: only this one has to go. */
static int drop_twin(struct action *a, struct held *h, const char *other, struct error *err)
{
	struct grip *g = grip_of(h);
	struct slice text;

	if (read_twin(a, h, other, &text, err) < 0)
		return -1;
	if (!same_message(h->message.control_text, text))
		return error_set(err, ERROR_DENIED,
				 "refused: there is another message %s of this id, with the same "
				 "data file",
				 other);
	g->twin = true;
	if (act_change(h,
		       json_pack("{s:s, s:o, s:o}", "what", "twin", "gone",
				 json_bytes(slice_from(g->name)), "kept",
				 json_bytes(slice_from(other))),
		       err) < 0)
		return -1;
	return 1;
}

/* The new text and the new name; or, when somebody was at it before, what is left to do. */
static int become(struct action *a, struct held *h, const struct qf_edits *e, const char *prefix,
		  struct error *err)
{
	struct grip *g = grip_of(h);
	char other[NAME_LONGEST + 1];

	snprintf(other, sizeof other, "%s%s", prefix, g->name + 2);
	if (file_exists(g->unit->qf_fd, other))
		return drop_twin(a, h, other, err);
	return rewrite_prepare(a, h, e, prefix, err);
}

int hold_commit(struct action *a, struct held *h, struct error *err)
{
	struct grip *g = grip_of(h);

	if (!g->twin)
		return rewrite_commit(a, h, err);
	if (unlinkat(g->unit->qf_fd, g->name, 0) < 0)
		return error_sys(err, errno, "%s", act_path(h, g->unit->qf, g->name));
	h->committed = true;
	act_sync_later(a, g->unit->qf_fd);
	return 0;
}

/* ---- hold ---- */

int hold_prepare(struct action *a, struct held *h, struct error *err)
{
	const char *reason = a->args->reason ? a->args->reason : default_reason;
	struct qf_edits e;

	qf_edits_init(&e, &h->arena, h->message.control_text);
	if (qf_set(&e, 'q', slice_from(reason), err) < 0)
		return -1;
	return become(a, h, &e, "hf", err);
}

/* ---- release ---- */

static bool returned_at_once(struct action *a, struct message *m)
{
	sendmail_load(a->loader, m, PART_HEADER);
	return m->expires.known && m->expires.value <= a->now;
}

int release_prepare(struct action *a, struct held *h, struct error *err)
{
	struct qf_edits e;
	int r;

	if (!grip_of(h)->data)
		return error_set(err, ERROR_DENIED, "refused: " NODATA_REFUSAL);
	qf_edits_init(&e, &h->arena, h->message.control_text);
	if (qf_unset(&e, 'q', err) < 0)
		return -1;
	if (a->args->renew && age_renew(a, h, &e, err) < 0)
		return -1;
	r = become(a, h, &e, "qf", err);
	if (r > 0 && !a->args->renew && returned_at_once(a, &h->message))
		act_of(a)->returned_at_once++;
	return r;
}

void release_end(struct action *a)
{
	uint64_t n = act_of(a)->returned_at_once;

	if (n)
		act_note(a,
			 "%" PRIu64 " of them are past their return timeout: the next attempt is "
			 "their last (release --renew, or requeue, starts their age again)",
			 n);
}
