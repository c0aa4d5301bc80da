/* Lines about what was done: see actionlog.h. */
#include "actionlog.h"

#include <mtaq/jsonbytes.h>

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

static json_t *command_line(const struct run *run)
{
	json_t *words = json_array();

	for (int i = 0; words && i < run->argc; i++)
		json_array_append_new(words, json_bytes(slice_from(run->argv[i])));
	return words;
}

int action_journal_open(struct batch_run *b, struct error *err)
{
	const struct run *run = b->run;
	const char *dir = run->globals.journal ? run->globals.journal : JOURNAL_DIR;
	char user[64];
	json_t *header =
	    json_pack("{s:i, s:I, s:s, s:I, s:s, s:o, s:s, s:s?}", "mtaq", 1, "time",
		      (json_int_t)run->now, "user", user_name(user, sizeof user), "uid",
		      (json_int_t)getuid(), "host", b->action.queue->host, "command",
		      command_line(run), "op", op_name(b->action.op), "rule", b->request->rule);

	if (!header)
		return error_set(err, ERROR_NOMEM, "out of memory");
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

uint64_t action_journal_intent(struct batch_run *b, const struct held *h)
{
	const struct message *m = &h->message;
	json_t *line = json_pack(
	    "{s:s, s:s, s:o, s:o, s:o, s:O}", "op", op_name(b->action.op), "queue",
	    b->action.queue->name, "id", json_bytes(h->item->id.p ? h->item->id : m->id), "sender",
	    json_bytes(m->sender), "identity", identity_json(&m->identity), "changes", h->changes);

	if (line && b->action.op == OP_DELETE && b->action.trash_fd >= 0)
		json_object_set_new(line, "trash", json_bytes(slice_from(b->action.trash_path)));
	return journal_intent(*b->journal, line ? line : json_object());
}

/* ---- lines ---- */

static void add_detail(struct buf *out, const struct batch_run *b, const struct held *h)
{
	const struct action_args *a = &b->request->args;

	buf_adds(out, ", from=<");
	text_escape(out, h->message.sender);
	buf_addc(out, '>');
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

static void log_line(const struct batch_run *b, struct slice id, struct slice detail)
{
	char user[64];

	syslog(LOG_MAIL | LOG_INFO, "%" SLICE_FMT ": %s by %s%" SLICE_FMT "%s%s", SLICE_ARG(id),
	       op_participle(b->action.op), user_name(user, sizeof user), SLICE_ARG(detail),
	       b->request->rule ? ", rule=" : "", b->request->rule ? b->request->rule : "");
}

void action_tell_done(struct batch_run *b, const struct held *h)
{
	struct buf id, detail;

	buf_init(&id);
	buf_init(&detail);
	text_escape(&id, h->item->id.p ? h->item->id : h->message.id);
	add_detail(&detail, b, h);
	if (!b->action.dry_run && !b->request->no_syslog)
		log_line(b, buf_slice(&id), buf_slice(&detail));
	buf_printf(&id, ": %s", op_participle(b->action.op));
	buf_add(&id, buf_slice(&detail));
	buf_addc(&id, '\n');
	run_out(b->run, buf_slice(&id));
	buf_free(&id);
	buf_free(&detail);
}
