/* Lines about what was done: see actionlog.h. */
#include "actionlog.h"

#include <mtaq/jsonbytes.h>

#include <inttypes.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <syslog.h>
#include <unistd.h>

/* ---- who ---- */

static const char *user_name(char *buffer, size_t size)
{
	struct passwd pw, *found = NULL;
	char room[1024];

	if (getpwuid_r(getuid(), &pw, room, sizeof room, &found) == 0 && found)
		snprintf(buffer, size, "%s", found->pw_name);
	else
		snprintf(buffer, size, "uid %ld", (long)getuid());
	return buffer;
}

/* ---- journal ---- */

static json_t *list_of(const char *const *words, size_t count)
{
	json_t *list = json_array();

	for (size_t i = 0; list && i < count; i++)
		json_array_append_new(list, json_bytes(slice_from(words[i])));
	return list;
}

/* What -q or MTAQ_QUEUES said, so that undo finds the same queues. */
static void add_queues(json_t *header, const struct run *run)
{
	const struct text_list *given = &run->globals.queues;

	if (given->count)
		json_object_set_new(header, "queues", list_of(given->list, given->count));
	else if (run->environment_queues)
		json_object_set_new(header, "environment_queues",
				    json_bytes(slice_from(run->environment_queues)));
	if (run->globals.config)
		json_object_set_new(header, "config", json_bytes(slice_from(run->globals.config)));
}

int action_journal_open(struct batch_run *b, struct error *err)
{
	const struct run *run = b->run;
	const char *dir = run->globals.journal ? run->globals.journal : JOURNAL_DIR;
	char user[64];
	json_t *header = json_pack(
	    "{s:i, s:I, s:o, s:I, s:o, s:o, s:s, s:s*, s:s*}", "mtaq", 1, "time",
	    (json_int_t)run->now, "user", json_bytes(slice_from(user_name(user, sizeof user))),
	    "uid", (json_int_t)getuid(), "host", json_bytes(slice_from(b->action.queue->host)),
	    "command", list_of((const char *const *)run->argv, (size_t)run->argc), "op",
	    op_name(b->request->op), "rule", b->request->rule, "undoes", b->request->undoes);

	if (!header)
		return error_set(err, ERROR_NOMEM, "out of memory");
	add_queues(header, run);
	*b->journal = journal_open(dir, b->action.run_id, header, err);
	return *b->journal ? 0 : -1;
}

static json_t *identity_json(const struct message_identity *i)
{
	return json_pack("{s:I, s:I, s:I, s:I, s:I}", "control_dev", (json_int_t)i->control_dev,
			 "control_ino", (json_int_t)i->control_ino, "data_dev",
			 (json_int_t)i->data_dev, "data_ino", (json_int_t)i->data_ino,
			 "data_mtime_ns", (json_int_t)i->data_mtime_ns);
}

struct slice action_held_id(const struct held *h)
{
	return h->saved && h->message.id.p ? h->message.id : h->item->id;
}

/* The target as it will be found from any directory. */
static void add_target(json_t *line, const char *target)
{
	char *path = realpath(target, NULL);

	json_object_set_new(line, "target", json_bytes(slice_from(path ? path : target)));
	free(path);
}

static const char *place_of(const struct batch_run *b, const struct held *h)
{
	return h->message.entry.unit ? h->message.entry.unit->path : b->action.queue->dir;
}

uint64_t action_journal_intent(struct batch_run *b, const struct held *h)
{
	const struct message *m = &h->message;
	const struct action *a = &b->action;
	json_t *line =
	    json_pack("{s:s, s:o, s:o, s:o, s:o, s:o, s:O}", "op", op_name(a->op), "queue",
		      json_bytes(slice_from(a->queue->name)), "dir",
		      json_bytes(slice_from(place_of(b, h))), "id", json_bytes(action_held_id(h)),
		      "sender", m->sender.p ? json_bytes(m->sender) : json_null(), "identity",
		      identity_json(&m->identity), "changes", h->changes);

	if (line && a->trash_fd >= 0)
		json_object_set_new(line, "trash", json_bytes(slice_from(a->trash_path)));
	if (line && a->op == OP_UNDO && h->item->folder)
		json_object_set_new(line, "trash", json_bytes(slice_from(h->item->folder)));
	if (line && a->args->target)
		add_target(line, a->args->target);
	if (line && h->moved_id.p)
		json_object_set_new(line, "target_id", json_bytes(h->moved_id));
	return journal_intent(*b->journal, line);
}

/* ---- lines ---- */

static void add_detail(struct buf *out, const struct batch_run *b, struct slice sender)
{
	const struct action_args *a = b->action.args;

	if (sender.p) {
		buf_adds(out, ", from=<");
		text_escape(out, sender);
		buf_addc(out, '>');
	}
	if (a->target) {
		buf_adds(out, ", to ");
		text_escape(out, slice_from(a->target));
	}
	if (a->recipient) {
		buf_adds(out, ", recipient=<");
		text_escape(out, slice_from(a->recipient));
		buf_addc(out, '>');
	}
}

static void log_line(const struct batch_run *b, struct slice id, const char *participle,
		     struct slice detail)
{
	char user[64];

	syslog(LOG_MAIL | LOG_INFO, "%" SLICE_FMT ": %s by %s%" SLICE_FMT "%s%s", SLICE_ARG(id),
	       participle, user_name(user, sizeof user), SLICE_ARG(detail),
	       b->request->rule ? ", rule=" : "", b->request->rule ? b->request->rule : "");
}

void action_tell(struct batch_run *b, struct slice id, struct slice sender, const char *participle)
{
	struct buf line, detail;

	buf_init(&line);
	buf_init(&detail);
	text_escape(&line, id);
	add_detail(&detail, b, sender);
	if (!b->action.dry_run && !b->request->no_syslog)
		log_line(b, buf_slice(&line), participle, buf_slice(&detail));
	buf_printf(&line, ": %s", participle);
	buf_add(&line, buf_slice(&detail));
	buf_addc(&line, '\n');
	run_out(b->run, buf_slice(&line));
	buf_free(&line);
	buf_free(&detail);
}

/* ---- counts ---- */

json_t *action_counts_json(const struct action_counts *c)
{
	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "matched",
			 (json_int_t)c->matched, "done", (json_int_t)c->done, "asked",
			 (json_int_t)c->asked, "already", (json_int_t)c->already, "busy",
			 (json_int_t)c->busy, "gone", (json_int_t)c->gone, "changed",
			 (json_int_t)c->changed, "not_applicable", (json_int_t)c->not_applicable,
			 "failed", (json_int_t)c->failed, "untried", (json_int_t)c->untried,
			 "errors", (json_int_t)c->errors);
}

static void add_count(struct buf *b, uint64_t n, const char *word)
{
	if (n)
		buf_printf(b, "%s%" PRIu64 " %s", b->n ? ", " : "", n, word);
}

static void add_counts(struct buf *b, enum op op, const struct action_counts *c)
{
	add_count(b, c->done, op == OP_RETRY ? "attempted" : op_participle(op));
	add_count(b, c->asked, "asked for an attempt");
	add_count(b, c->already, "already so");
	add_count(b, c->busy, "busy");
	add_count(b, c->gone, "gone");
	add_count(b, c->changed, "changed meanwhile");
	add_count(b, c->not_applicable, "not applicable");
	add_count(b, c->failed, "failed");
	add_count(b, c->untried, batches_interrupted() ? "not tried (interrupted)" : "not tried");
	add_count(b, c->errors, "could not be read");
}

void action_summary(struct run *run, const struct action_request *request,
		    const struct action_counts *c)
{
	struct buf b;

	buf_init(&b);
	add_counts(&b, request->op, c);
	run_note(run, "%s%s%s%s%" PRIu64 " message%s matched%s%" SLICE_FMT,
		 request->rule ? "rule " : "", request->rule ? request->rule : "",
		 request->rule ? ": " : "",
		 request->dry_run ? "dry run, nothing was changed: " : "", c->matched,
		 c->matched == 1 ? "" : "s", b.n ? ": " : "", SLICE_ARG(buf_slice(&b)));
	buf_free(&b);
	if (c->failed || (c->busy && !request->quiet_when_busy))
		run->status = status_worse(run->status, STATUS_SOME);
}
