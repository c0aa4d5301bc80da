/* The acting commands: expire, bounce, requeue, retry, hold, release, delete, drop, move, save. All
 * the work is action_run(). */
#include "acting.h"
#include "cmd.h"

struct act_options {
	struct acting_options common;
	bool purge, try_now, renew, even_silent, forget_hosts, whole_queue;
	const char *reason, *target, *recipient;
};

#define FLAG(letter, name, member, help)                                                           \
	{                                                                                          \
		letter, name, NULL, OPTION_FLAG, offsetof(struct act_options, member), help        \
	}
#define TEXT(name, arg, member, help)                                                              \
	{                                                                                          \
		0, name, arg, OPTION_TEXT, offsetof(struct act_options, member), help              \
	}
#define COMMON                                                                                     \
	ACTING_ROWS(struct act_options),                                                           \
	{                                                                                          \
		0                                                                                  \
	}
#define TRY FLAG(0, "try", try_now, "ask for an attempt at once")
#define SILENT                                                                                     \
	FLAG(0, "even-silent", even_silent,                                                        \
	     "also messages whose recipients all want no failure notice: they vanish")

static const struct option_row expire_options[] = {TRY, SILENT, COMMON};
static const struct option_row bounce_options[] = {
    TEXT("reason", "TEXT", reason, "what the sender is told (qmail)"), TRY, SILENT, COMMON};
static const struct option_row requeue_options[] = {TRY, COMMON};
static const struct option_row retry_options[] = {
    FLAG(0, "forget-hosts", forget_hosts, "forget first which hosts are believed down"),
    FLAG(0, "whole-queue", whole_queue, "a live qmail: signal it to try every message"), COMMON};
static const struct option_row hold_options[] = {
    TEXT("reason", "TEXT", reason, "why; shown by mailq -qQ"), COMMON};
static const struct option_row release_options[] = {
    FLAG(0, "renew", renew, "age starts again, so that it is not returned at once"), COMMON};
static const struct option_row delete_options[] = {
    FLAG(0, "purge", purge, "not into the trash: gone for good"), COMMON};
static const struct option_row drop_options[] = {
    TEXT("recipient", "WHO", recipient, "the recipient to remove: address or @domain"), COMMON};
static const struct option_row move_options[] = {
    TEXT("to", "DIR", target, "queue directory of the same MTA"), COMMON};
static const struct option_row save_options[] = {TEXT("to", "DIR", target, "a plain directory"),
						 COMMON};

/* What an action cannot do without. */
static bool complete(struct run *run, enum op op, const struct act_options *o)
{
	if ((op == OP_MOVE || op == OP_SAVE) && !o->target)
		run_fail(run, STATUS_USAGE, "%s: --to which directory?", op_name(op));
	else if (op == OP_DROP && !o->recipient)
		run_fail(run, STATUS_USAGE, "drop: --recipient who?");
	else
		return true;
	return false;
}

static void act(struct run *run, enum op op, const struct act_options *o)
{
	struct action_request request = {.op = op,
					 .args = {.reason = o->reason,
						  .target = o->target,
						  .recipient = o->recipient,
						  .purge = o->purge,
						  .try_now = o->try_now,
						  .renew = o->renew,
						  .even_silent = o->even_silent,
						  .forget_hosts = o->forget_hosts,
						  .whole_queue = o->whole_queue}};
	struct action_counts counts;
	struct selection s;

	acting_fill(&request, &o->common);
	if (!complete(run, op, o))
		return;
	if (selection_prepare(run, &s) && selection_unambiguous(&s)) {
		request.args.whole_queue |= s.all && !s.filter && !run->selectors.limit.given;
		action_run(run, &s, &request, &counts);
	}
	selection_free(&s);
}

#define ACTING(op, verb, text, opts)                                                               \
	static void verb##_run(struct run *run, const void *options)                               \
	{                                                                                          \
		act(run, op, options);                                                             \
	}                                                                                          \
	const struct command command_##verb = {                                                    \
	    .name = #verb,                                                                         \
	    .summary = text,                                                                       \
	    .args = "[ID]...|ALL",                                                                 \
	    .flags = COMMAND_SELECTS | COMMAND_WORDS | COMMAND_ACTS,                               \
	    .options = opts,                                                                       \
	    .options_size = sizeof(struct act_options),                                            \
	    .run = verb##_run,                                                                     \
	};

ACTING(OP_EXPIRE, expire, "let the MTA give up: one more attempt, then it returns the message",
       expire_options)
ACTING(OP_BOUNCE, bounce, "return messages to their senders without another attempt",
       bounce_options)
ACTING(OP_REQUEUE, requeue, "start the age again: a fresh lifetime", requeue_options)
ACTING(OP_RETRY, retry, "ask the MTA for an attempt now", retry_options)
ACTING(OP_HOLD, hold, "keep the MTA from trying", hold_options)
ACTING(OP_RELEASE, release, "undo hold", release_options)
ACTING(OP_DELETE, delete, "remove messages without a bounce, into the trash", delete_options)
ACTING(OP_DROP, drop, "remove one recipient, keep the others", drop_options)
ACTING(OP_MOVE, move, "move messages to another queue directory of the same MTA", move_options)
ACTING(OP_SAVE, save, "copy messages into a directory", save_options)
